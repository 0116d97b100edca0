"""Notebooks under test: kernels start one after the other.

Two kernels that start at the same moment can be given the same port; one then dies before
its first cell. A lock, held until a kernel answers, keeps test processes from that.
"""

import tempfile
from pathlib import Path

from filelock import FileLock
from nbval.plugin import IPyNbFile

LOCK = FileLock(Path(tempfile.gettempdir()) / "curriculum-kernel-start.lock")
_start = IPyNbFile.setup


def setup(self):
    """Start the notebook's kernel, as nbval does, alone."""
    with LOCK:
        _start(self)


IPyNbFile.setup = setup
