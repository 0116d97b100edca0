"""The checker: an annotation says what a field may be, and nothing else gets in."""

import dataclasses
from dataclasses import dataclass
from typing import Annotated, Literal

import numpy as np
import pytest

from curriculum.checks import Range, check


@dataclass(frozen=True)
class Spec:
    name: str = "x"
    kind: Literal["a", "b"] = "a"
    share: Annotated[float, Range(0.5, 1)] = 0.5
    count: int = 1
    limit: float | None = None
    parts: tuple[int, ...] = ()
    on: bool = False

    def __post_init__(self):
        check(self)


def test_good_values_pass_and_whole_numbers_become_floats():
    spec = Spec(share=1, limit=3, parts=(1, 2), on=True)
    assert type(spec.share) is float and type(spec.limit) is float
    assert Spec(limit=None).limit is None


def test_numpy_numbers_are_numbers():
    """They come out of tables, and go into a JSON file as what they stand for."""
    spec = Spec(
        share=np.float32(0.75),
        count=np.int64(3),
        limit=np.int32(2),
        parts=(np.int8(4),),
    )
    assert (spec.share, spec.count, spec.limit, spec.parts) == (0.75, 3, 2.0, (4,))
    types = [type(x) for x in (spec.share, spec.count, spec.limit, spec.parts[0])]
    assert types == [float, int, float, int]
    with pytest.raises(ValueError, match="count is 3.0; it must be of type int"):
        Spec(count=np.float64(3))
    with pytest.raises(ValueError, match="count is .*True"):
        Spec(count=np.bool_(True))
    with pytest.raises(ValueError, match="share is nan"):
        Spec(share=np.float64("nan"))


@pytest.mark.parametrize(
    "fields, words",
    [
        ({"name": 3}, "name is 3; it must be of type str"),
        ({"kind": "c"}, "kind is 'c'; it must be one of a, b"),
        ({"kind": ["a"]}, "kind is .*must be one of"),
        ({"share": 0.4}, "share is 0.4; it must be a number from 0.5 to 1"),
        ({"share": float("nan")}, "share is nan"),
        ({"share": True}, "share is True"),
        ({"count": 1.0}, "count is 1.0; it must be of type int"),
        ({"count": False}, "count is False"),
        ({"limit": float("inf")}, "limit is inf; it must be a finite number"),
        ({"limit": "3"}, "limit is '3'"),
        ({"parts": [1]}, "parts is .*type tuple"),
        ({"parts": (1, "2")}, "parts is '2'; it must be of type int"),
        ({"on": 1}, "on is 1; it must be of type bool"),
    ],
)
def test_wrong_values_are_named(fields, words):
    with pytest.raises(ValueError, match=words):
        dataclasses.replace(Spec(), **fields)
