"""One checker for the specs of this package: what a field may be stands in its annotation.

- `Literal["a", "b"]`: one of these. `Annotated[float, Range(0, 1)]`: a number in a range.
- `int | None`, `tuple[Stage, ...]` and plain classes mean what they say.
- A whole number is accepted where a float is asked for, and a NumPy number as the Python
  number that it stands for. NaN is in no range, True is no number.

Use it as the first line of a dataclass's `__post_init__`. Chapter 13 shows its errors.
"""

from __future__ import annotations

import dataclasses
import math
import types
import typing
from dataclasses import dataclass
from typing import Annotated, Literal, get_args, get_origin

import numpy as np


@dataclass(frozen=True)
class Range:
    """Lowest and highest number allowed, both included."""

    low: float
    high: float


def check(instance) -> None:
    """Check every field of a dataclass instance against its annotation.

    Raises: ValueError: names the field, its value and what it may be.
    """
    hints = typing.get_type_hints(type(instance), include_extras=True)
    for field in dataclasses.fields(instance):
        value = getattr(instance, field.name)
        found = checked(field.name, value, hints[field.name])
        if found is not value:  # another type of number
            object.__setattr__(instance, field.name, found)


def checked(name: str, value, hint):
    """`value`, as the number that `hint` asks for; a ValueError if it does not fit."""
    origin = get_origin(hint)
    if isinstance(value, np.number):
        value = value.item()
    if origin is Annotated:
        kind, limits = get_args(hint)
        value = checked(name, value, kind)
        if not limits.low <= value <= limits.high:
            raise ValueError(
                f"{name} is {value!r}; it must be a number from {limits.low} to"
                f" {limits.high}"
            )
    elif origin is Literal:
        one_of(name, value, get_args(hint))
    elif origin in (types.UnionType, typing.Union):
        if value is not None:
            value = checked(name, value, get_args(hint)[0])
    elif origin is tuple:
        if not isinstance(value, tuple):
            raise ValueError(f"{name} is {value!r}; it must be of type tuple")
        value = tuple(checked(name, item, get_args(hint)[0]) for item in value)
    elif hint is float and type(value) is int:
        value = float(value)
    elif not isinstance(value, hint) or type(value) is bool and hint is not bool:
        raise ValueError(f"{name} is {value!r}; it must be of type {hint.__name__}")
    if type(value) is float and not math.isfinite(value):
        raise ValueError(f"{name} is {value!r}; it must be a finite number")
    return value


def one_of(name: str, value, allowed) -> None:
    """Raise a ValueError that lists what is allowed, unless `value` is among it."""
    if not isinstance(value, str) or value not in allowed:
        raise ValueError(f"{name} is {value!r}; it must be one of {', '.join(allowed)}")
