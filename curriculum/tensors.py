"""Files of tensors that know when they were changed: checkpoints, weights, scores.

- The format is safetensors: it can be read without running anything in it.
- A note (JSON values) and a SHA-256 of note and tensors stand in the header. A flipped bit
  or a cut file is an error that names the file, never another result.

Chapter 13 damages one.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import safetensors
import safetensors.torch
import torch

from .files import DIGEST, canonical, found, write_bytes


def write_tensors(path, tensors: dict[str, torch.Tensor], note: dict) -> Path:
    """Write tensors and `note`, whole or not at all."""
    tensors = {name: t.detach().cpu().contiguous() for name, t in tensors.items()}
    note = {k: v for k, v in note.items() if k != DIGEST}
    for _ in range(2):  # the digest is that of the file without it
        data = safetensors.torch.save(tensors, {"about": json.dumps(note)})
        note[DIGEST] = _digest(data)
    return write_bytes(path, data)


def read_tensors(path, what: str, cure: str) -> tuple[dict[str, torch.Tensor], dict]:
    """(tensors, note) as `write_tensors` got them.

    Args: what: the kind of file, such as "checkpoint". cure: what to do about a bad one.
    Raises: ValueError: the file is missing, damaged, changed, or of another kind.
    """
    path = found(path)
    try:
        data = path.read_bytes()
        note = json.loads(_header(data)["__metadata__"]["about"])
        sound = note.pop(DIGEST) == _digest(data)
        tensors = safetensors.torch.load(data)
    except FileNotFoundError:
        raise ValueError(f"{path} does not exist; check the path") from None
    except (
        safetensors.SafetensorError, OSError, TypeError, LookupError, ValueError,
        AttributeError, OverflowError, MemoryError,
    ) as error:  # fmt: skip
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        raise ValueError(
            f"{path} is damaged, or no {what} of this book ({reason}); {cure}"
        ) from None
    if not sound:
        raise ValueError(f"{path} is damaged: it does not match its digest; {cure}")
    return tensors, note


def _header(data: bytes) -> dict:
    size = int.from_bytes(data[:8], "little")
    if size > len(data) - 8:
        raise ValueError("it is cut short, or not a file of tensors")
    return json.loads(data[8 : 8 + size])


def _digest(data: bytes) -> str:
    """SHA-256 of a whole file, apart from the digest that it may hold."""
    header = _header(data)
    note = json.loads(header["__metadata__"]["about"])
    note.pop(DIGEST, None)
    header["__metadata__"] = note
    body = data[8 + int.from_bytes(data[:8], "little") :]
    return hashlib.sha256(canonical(header) + body).hexdigest()
