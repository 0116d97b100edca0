"""Notebooks under test: kernels start one after the other, and what they read is listed.

Two kernels that start at the same moment can be given the same port; one then dies before
its first cell. A lock, held until a kernel answers, keeps test processes from that.

A notebook that reads a file of the book which `tools/reads.json` does not list would miss
it where it runs by itself; its test fails.
"""

import contextlib
import sys
import tempfile
from pathlib import Path

from filelock import FileLock
from nbval.plugin import IPyNbFile

sys.path.insert(0, str(Path(__file__).parent / "tools"))
import reads  # noqa: E402

LOCK = FileLock(Path(tempfile.gettempdir()) / "curriculum-kernel-start.lock")
_start, _end = IPyNbFile.setup, IPyNbFile.teardown


def setup(self):
    """Start the notebook's kernel, as nbval does, alone and watched."""
    self.watch = contextlib.ExitStack()
    self.log = self.watch.enter_context(reads.watched())
    with LOCK:
        _start(self)


def teardown(self):
    """End the kernel; an unlisted file is an error."""
    _end(self)
    names = reads.read(self.log)
    self.watch.close()
    if missing := reads.uncovered(self.path.name, names):
        raise ValueError(
            f"{self.path.name} reads {', '.join(missing)}, which book/tools/reads.json"
            f" does not list; run `python book/tools/reads.py book/{self.path.name}`"
        )


IPyNbFile.setup, IPyNbFile.teardown = setup, teardown
