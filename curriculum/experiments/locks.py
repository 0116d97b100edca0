"""Claims: who works on what, so that no run is trained by two processes at a time.

- A claim is a lock of the operating system (`flock`) on a small file. It falls when its
  process ends, however it ends: a killed run blocks nobody, and the run of a laptop that
  was closed for a night is still its own in the morning. No clock, nothing to expire.
- The file says who holds it: machine, process, since when. It is deleted at the end.
- It holds between processes of one machine, and between machines where the shared folder
  carries locks (NFS from version 4, the usual cluster file systems).
- Windows has no `flock`: there, run one driver at a time.

Chapter 12 kills a run and sees its claim fall.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import socket
import time
from pathlib import Path

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None


class Busy(RuntimeError):
    """Another process holds the claim."""


@contextlib.contextmanager
def claim(path, patience: float = 0.0):
    """Hold the claim `path` while the block runs.

    Args: patience: seconds to wait for the present holder.
    Raises: Busy: somebody holds it still. ValueError: the folder cannot carry locks.
    """
    path, deadline = Path(path), time.monotonic() + patience
    path.parent.mkdir(parents=True, exist_ok=True)
    while (file := _lock(path)) is None:
        if time.monotonic() >= deadline:
            raise Busy(f"{path.name} is held by {_who(path)}")
        time.sleep(0.1)
    with file:
        file.truncate(0)
        json.dump(
            {"host": socket.gethostname(), "pid": os.getpid(), "since": time.time()},
            file,
        )
        file.flush()
        try:
            yield
        finally:  # deleted before it is unlocked: nobody can lock the old file for long
            path.unlink(missing_ok=True)


def holder(path) -> dict | None:
    """Who holds the claim ({"host", "pid", "since"}), or None if it is free."""
    path = Path(path)
    if not path.exists():
        return None
    if (file := _lock(path)) is not None:
        file.close()  # left behind by a process that was killed
        return None
    return _read(path)


def _lock(path: Path):
    """The open, locked file, or None when another process has it."""
    file = open(path, "a+")
    try:
        if fcntl is not None:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        # The holder before us may have deleted the very file that we have just locked.
        if os.path.samestat(os.fstat(file.fileno()), os.stat(path)):
            return file
    except (BlockingIOError, FileNotFoundError):
        pass
    except OSError as error:
        file.close()
        if error.errno in (errno.ENOLCK, errno.ENOTSUP):
            raise ValueError(
                f"{path.parent} cannot carry locks ({error.strerror}); choose a folder"
                " that can, such as one on a local disk or on NFS from version 4"
            ) from None
        raise
    file.close()
    return None


def _read(path: Path) -> dict:
    try:
        return json.loads(path.read_text())
    except (OSError, ValueError):  # deleted or being written at this moment
        return {}


def _who(path: Path) -> str:
    found = _read(path)
    if not found:
        return "another process"
    return f"process {found['pid']} on {found['host']}"
