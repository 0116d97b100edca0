"""File locks: who works on what, so that no run is trained by two processes at a time.

- A lock belongs to its process and falls when that ends, however it ends: a killed run
  blocks nobody. No clock, nothing to expire. The library `filelock` does it, on Windows
  too.
- Beside the lock lies a small file that says who holds it: machine, process, since when.
- It holds between processes of one machine, and between machines where the shared folder
  carries locks (NFS from version 4, the usual cluster file systems).
- The lock file itself stays, empty: deleting it would let two processes lock two files.

Chapter 13 kills a run and sees its lock fall.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import time
from pathlib import Path

import filelock


class Busy(RuntimeError):
    """Another process holds the lock."""


@contextlib.contextmanager
def lock(path, timeout: float = 0.0):
    """Hold the lock `path` while the block runs.

    Args: timeout: seconds to wait for the present holder.
    Raises: Busy: somebody holds it still. ValueError: the folder cannot carry locks.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    held = _acquire(path, timeout)
    if held is None:
        raise Busy(f"{path.name} is held by {_who(path)}")
    try:
        mine = {"host": socket.gethostname(), "pid": os.getpid(), "since": time.time()}
        _note(path).write_text(json.dumps(mine), encoding="utf-8")
        yield
    finally:
        _note(path).unlink(missing_ok=True)
        held.release()


def holder(path) -> dict | None:
    """Who holds the lock ({"host", "pid", "since"}), or None if it is free."""
    path = Path(path)
    if not path.exists():
        return None
    if (held := _acquire(path, 0)) is not None:
        held.release()
        return None
    return _read(path)


def abandoned(path) -> bool:
    """True when a holder was killed and nobody has taken the lock since."""
    return _note(Path(path)).exists() and holder(path) is None


def _acquire(path: Path, timeout: float):
    """The held lock, or None when another process has it."""
    found = filelock.FileLock(path)
    try:
        found.acquire(timeout=timeout, poll_interval=0.1)
    except filelock.Timeout:
        return None
    except (OSError, NotImplementedError) as error:
        raise ValueError(
            f"{path.parent} cannot carry locks ({error}); choose a folder that can, such"
            " as one on a local disk or on NFS from version 4"
        ) from None
    return found


def _note(path: Path) -> Path:
    return path.with_name(f"{path.name}.holder")


def _read(path: Path) -> dict:
    try:
        return json.loads(_note(path).read_text(encoding="utf-8"))
    except (OSError, ValueError):  # deleted or being written at this moment
        return {}


def _who(path: Path) -> str:
    found = _read(path)
    if not found:
        return "another process"
    return f"process {found['pid']} on {found['host']}"
