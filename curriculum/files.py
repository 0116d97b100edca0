"""Files, hashes and provenance: how results are kept, and how chance is made repeatable.

- Files appear whole or not at all: written beside their place, flushed, renamed.
- Hashes are of canonical JSON, so equal specs have equal digests on any machine.
- `hash_order` and `hash_uniform` are our only source of data order. They are pure
  functions of their key, so no library version, worker count or call order changes them.
- `provenance` is the line under every figure: commit, hardware, versions, date.

Chapter 12 shows the records these functions write.
"""

from __future__ import annotations

import datetime
import functools
import hashlib
import importlib.metadata
import json
import os
import platform
import subprocess
import tempfile
from pathlib import Path

import numpy as np
import safetensors


def write_bytes(path, data: bytes) -> Path:
    """Write `data` to `path` so that a crash or a full disk leaves the old file intact."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(temporary, 0o644)  # mkstemp makes files only their owner can read
        os.replace(temporary, path)
    except OSError as error:
        raise OSError(
            f"cannot write {path}: {error.strerror or error}; the previous file, if any,"
            " is untouched. Free some space or choose another folder."
        ) from error
    finally:
        Path(temporary).unlink(missing_ok=True)
    return path


def write_text(path, text: str) -> Path:
    """Write `text` as UTF-8, whole or not at all."""
    return write_bytes(path, text.encode())


def write_json(path, value) -> Path:
    """Write `value` as indented JSON with a final newline, whole or not at all."""
    return write_text(path, json.dumps(value, indent=1, ensure_ascii=False) + "\n")


def read_json(path):
    """Read JSON; a missing or damaged file is a `ValueError` that names it."""
    path = Path(path)
    try:
        return json.loads(path.read_text())
    except FileNotFoundError:
        raise ValueError(f"{path} does not exist; check the path") from None
    except ValueError as error:
        raise ValueError(
            f"{path} is damaged ({error}); delete it and run again"
        ) from None


# What reading a file of tensors that is cut, changed or something else can raise.
UNREADABLE = (safetensors.SafetensorError, OSError, TypeError, KeyError, ValueError)


def read_note(path, key: str):
    """The JSON kept under `key` in the header of a file of tensors.

    Raises: one of `UNREADABLE`; the caller says what the file should have been.
    """
    with safetensors.safe_open(path, "np") as file:
        return json.loads(file.metadata()[key])


def read_about(path) -> dict:
    """What a weights file of ours says about itself (spec, model shape, alphabet)."""
    try:
        return read_note(path, "about")
    except UNREADABLE as error:
        raise ValueError(
            f"{path} is not a weights file of this book: {error}"
        ) from None


def digest(value) -> str:
    """SHA-256 (hex) of bytes, or of the canonical JSON of anything else."""
    if not isinstance(value, bytes):
        value = canonical(value)
    return hashlib.sha256(value).hexdigest()


def canonical(value) -> bytes:
    """JSON that is the same for the same value, whatever the order of its keys."""
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()


def hash_bits(counter, *key) -> np.ndarray:
    """One 64-bit hash per entry of `counter` under `key` (SplitMix64).

    Args: counter: integers of any shape. key: numbers or strings that name the use.
    Returns: uint64 array of the same shape.
    Source: Steele, Lea & Flood (2014), "Fast splittable pseudorandom number generators".
    """
    start = np.uint64(int(digest(list(map(str, key)))[:16], 16))
    z = np.asarray(counter).astype(np.uint64)
    with np.errstate(over="ignore"):  # arithmetic modulo 2⁶⁴ is the point
        z = start + (z + np.uint64(1)) * np.uint64(0x9E3779B97F4A7C15)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))


def hash_uniform(counter, *key) -> np.ndarray:
    """Uniform numbers in [0, 1), one per entry of `counter`, pure in (counter, key)."""
    return (hash_bits(counter, *key) >> np.uint64(11)).astype(np.float64) * 2.0**-53


def hash_order(n: int, *key) -> np.ndarray:
    """A permutation of 0 … n-1 (int64) that depends on `n` and `key` alone."""
    return np.argsort(hash_bits(np.arange(n), *key), kind="stable").astype(np.int64)


PACKAGES = ("torch", "numpy", "radon", "scipy", "pyarrow", "safetensors")


@functools.cache
def provenance() -> dict:
    """Where a number came from: commit, hardware, package versions and the date."""
    return {
        "commit": _commit(),
        "hardware": f"{_processor()}, {os.cpu_count()} cores",
        "python": platform.python_version(),
        "versions": {name: importlib.metadata.version(name) for name in PACKAGES},
        "date": datetime.date.today().isoformat(),
    }


def _commit() -> str:
    """Short commit of the checkout this package sits in, '+' if it has changes.

    $CURRICULUM_COMMIT, if set: a copy sent to another machine has no history to ask.
    """
    if known := os.environ.get("CURRICULUM_COMMIT"):
        return known

    def git(*words):
        here = Path(__file__).parent
        run = subprocess.run(
            ["git", "-C", str(here), *words], capture_output=True, text=True
        )
        return run.stdout.strip()

    try:
        commit = git("rev-parse", "--short", "HEAD")
        changed = commit and git(
            "status", "--porcelain", "--", str(Path(__file__).parent)
        )
    except OSError:  # no git on this machine
        return "unknown"
    return (commit + ("+" if changed else "")) or "unknown"


def _processor() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()
