"""Files, hashes and provenance: how results are kept, and how chance is made repeatable.

- Files appear whole or not at all: written beside their place, flushed, renamed. What a
  killed process left half written is swept by the next one that writes there.
- JSON of results carries a digest of its content, checked whenever it is read.
- `results_folder` is where the book's results lie; `found` resolves "results/..." from any
  working directory.
- Hashes are of canonical JSON, so equal specs have equal digests on any machine.
- `hash_order` and `hash_uniform` are our only source of data order. They are pure
  functions of their key, so no library version, worker count or call order changes them.
- `provenance` is the line under every figure: commit, hardware, versions, date.

Chapter 13 shows the records these functions write.
"""

from __future__ import annotations

import datetime
import functools
import hashlib
import importlib.metadata
import json
import os
import platform
import socket
import subprocess
import tempfile
from pathlib import Path

import numpy as np


def results_folder() -> Path:
    """Where the book's results lie, and new ones go.

    $CURRICULUM_RESULTS, else `book/results` beside this package (in a checkout, or as a
    notebook unpacked it), else `results` in the working directory.
    """
    if named := os.environ.get("CURRICULUM_RESULTS"):
        return Path(named)
    beside = Path(__file__).resolve().parents[1] / "book" / "results"
    return beside if beside.is_dir() else Path("results")


def found(path) -> Path:
    """`path` as it is if it exists; else "results/..." below the results folder.

    Where neither exists, `path` itself, so that an error names what was asked for.
    """
    path = Path(path)
    if path.parts[:1] != ("results",) or path.exists():
        return path
    other = results_folder().joinpath(*path.parts[1:])
    return other if other.exists() else path


def write_bytes(path, data: bytes) -> Path:
    """Write `data` to `path` so that a crash or a full disk leaves the old file intact."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    _sweep(path.parent)
    handle, temporary = tempfile.mkstemp(
        dir=path.parent, prefix=f".{path.name}.{_process()}.", suffix=".tmp"
    )
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


def _process() -> str:
    """This process, as the names of its temporary files say it: machine-number."""
    host = "".join(c for c in socket.gethostname() if c.isalnum()) or "here"
    return f"{host}-{os.getpid()}"


def _sweep(folder: Path) -> None:
    """Remove temporary files of this machine's processes that are gone."""
    host, _, _ = _process().rpartition("-")
    for path in folder.glob(f".*.{host}-*.tmp"):
        number = path.name.removesuffix(".tmp").rpartition(".")[0].rpartition("-")[2]
        if number.isdigit() and not _alive(int(number)):
            path.unlink(missing_ok=True)


def _alive(process: int) -> bool:
    if os.name != "posix":  # there, signal 0 would end the process
        return True
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except (PermissionError, OverflowError):
        pass
    return True


def write_text(path, text: str) -> Path:
    """Write `text` as UTF-8, whole or not at all."""
    return write_bytes(path, text.encode())


def write_json(path, value) -> Path:
    """Write `value` as indented JSON, whole or not at all; a dict gets its digest."""
    if isinstance(value, dict):
        value = json.loads(json.dumps({k: v for k, v in value.items() if k != DIGEST}))
        value[DIGEST] = digest(value)
    return write_text(path, json.dumps(value, indent=1, ensure_ascii=False) + "\n")


DIGEST = "digest"  # the last key of every dict that `write_json` writes


def read_json(path, sealed: bool = False):
    """Read JSON; a missing, damaged or changed file is a `ValueError` that names it.

    Args: sealed: also refuse what carries no digest, as files made by hand do not.
    Returns: the value, without its digest.
    """
    path = found(path)
    try:
        value = json.loads(path.read_bytes().decode())
    except FileNotFoundError:
        raise ValueError(f"{path} does not exist; check the path") from None
    except (ValueError, RecursionError) as error:
        raise ValueError(
            f"{path} is damaged ({error}); delete it and run again"
        ) from None
    kept = value.pop(DIGEST, None) if isinstance(value, dict) else None
    if kept is not None and kept != digest(value):
        raise ValueError(
            f"{path} is damaged: it does not match its digest; restore it, or delete it"
            " and run again"
        )
    if kept is None and sealed:
        raise ValueError(
            f"{path} carries no digest: it was not written by this book, or was changed;"
            " restore it, or delete it and run again"
        )
    return value


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
            ["git", "-C", str(here), *words], capture_output=True, encoding="utf-8"
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
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()
