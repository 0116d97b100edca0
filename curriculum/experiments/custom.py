"""Schedules and scorers of your own, without editing the package.

- `schedule=path/to/file.py:function` calls your function, which returns a `Schedule`;
  its arguments are parameters, as for ours. `module:function` works where the module can
  be imported. `schedule=path/to/spec.json` is what `Schedule.to_dict` wrote.
- `scorer=path/to/file.py:function` takes a program's source and returns a number.
- The file's SHA-256 goes into the record, so that a changed file under the same name is
  another experiment. Modules that the file imports are not followed.

The file is executed: run only what you trust. Chapter 13 shows one of each.
"""

from __future__ import annotations

import hashlib
import importlib
import math
import types
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from .. import files
from ..ordering.schedules import Schedule


@dataclass(frozen=True)
class Custom:
    """Somebody's function, what records call it, and the hash of its file."""

    name: str  # file.py:function, without the folder
    function: Callable
    sha256: str


def is_custom(text: str) -> bool:
    """True for file.py:function, module:function and spec.json."""
    return ":" in text or text.endswith(".json")


def absolute(text: str) -> str:
    """The reference with an absolute path: notebooks run in another folder."""
    place, colon, function = text.rpartition(":")
    if text.endswith(".json"):
        return str(Path(text).resolve())
    if place.endswith(".py"):
        return f"{Path(place).resolve()}{colon}{function}"
    return text


def load(reference: str) -> Custom:
    """What `reference` names.

    Raises: ValueError: no such file, module or function, or it fails when loaded.
    """
    if reference.endswith(".json"):
        path = Path(reference)
        try:
            found = Schedule.from_dict(files.read_json(path))
        except ValueError as error:
            said = str(error)
            raise ValueError(said if str(path) in said else f"{path}: {said}") from None
        return Custom(path.name, lambda: found, _sha256(path.read_bytes()))
    place, _, name = reference.rpartition(":")
    try:
        if place.endswith(".py"):
            source = Path(place).read_bytes()
            module = types.ModuleType(Path(place).stem)
            module.__file__ = place
            exec(compile(source, place, "exec"), module.__dict__)
        else:
            module = importlib.import_module(place)
            source = Path(module.__file__ or "").read_bytes()
    except Exception as error:  # anything that somebody's file may raise
        raise ValueError(
            f"{reference!r} cannot be loaded ({type(error).__name__}: {error}); write"
            " file.py:function or module:function"
        ) from None
    function = getattr(module, name, None)
    if not callable(function):
        raise ValueError(f"{reference!r}: {place} has no function {name!r}")
    return Custom(f"{Path(place).name}:{name}", function, _sha256(source))


def scores(scorer: Custom, sources) -> np.ndarray:
    """(N,) what your scorer gives each program; all must be finite numbers."""
    found = np.zeros(len(sources))
    for i, source in enumerate(sources):
        try:
            found[i] = scorer.function(source)
        except Exception as error:  # anything that somebody's function may raise
            raise ValueError(
                f"scorer {scorer.name} fails on program {i}:"
                f" {type(error).__name__}: {error}"
            ) from None
        if not math.isfinite(found[i]):
            raise ValueError(
                f"scorer {scorer.name} gives {found[i]} for program {i}; a score must be"
                " a finite number"
            )
    return found


def _sha256(source: bytes) -> str:
    return hashlib.sha256(source).hexdigest()
