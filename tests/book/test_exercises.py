"""Checks of exercises refuse wrong answers with a sentence, and accept right ones."""

import importlib
import inspect
from pathlib import Path

import nbformat
import pytest

import exercises

BOOK = Path(__file__).parents[2] / "book"

CHAPTERS = sorted(path.stem for path in (BOOK / "exercises").glob("ch*.py"))


def checks(module):
    """The checks of a chapter: functions of its own that `exercises.check` wrapped."""
    return {
        name: value
        for name, value in vars(module).items()
        if inspect.isfunction(value)
        and hasattr(value, "__wrapped__")
        and value.__module__ == module.__name__
    }


@pytest.mark.fault(
    "Notebooks",
    "wrong answers to every exercise: constants, other types, hard-coded values, errors",
    "a check says what is wrong, and never fails by itself",
    "each is refused with a sentence; right ones written differently are accepted",
)
@pytest.mark.parametrize("name", CHAPTERS)
def test_checks_see_through_wrong_answers(name, monkeypatch):
    monkeypatch.chdir(BOOK)
    module = importlib.import_module(f"exercises.{name}")
    answers = importlib.import_module(f"answers.{name}")
    known = checks(module)
    for kind, tried, least in (
        ("wrong", answers.WRONG, 5),
        ("right", answers.RIGHT, 2),
    ):
        named = {function.__name__: len(found) for function, found in tried.items()}
        assert named.keys() == known.keys(), f"{name}: {kind} answers of other checks"
        few = [f"{k}: {n} {kind} answers" for k, n in named.items() if n < least]
        assert not few, few
    exercises.prove(answers.WRONG, answers.RIGHT)


@pytest.mark.parametrize("name", CHAPTERS)
def test_every_check_is_used_by_its_chapter(name):
    (path,) = BOOK.glob(f"{name[2:]}-*.ipynb")
    nb = nbformat.read(path, as_version=4)
    code = "\n".join(c.source for c in nb.cells if c.cell_type == "code")
    module = importlib.import_module(f"exercises.{name}")
    unused = [n for n in checks(module) if f"check.{n}(" not in code]
    assert not unused and f"from exercises import {name} as check" in code


def test_a_check_that_is_fooled_is_found():
    @exercises.check
    def positive(value: float):
        return "Right." if value is not None and value > 0 else "It is not positive."

    exercises.prove({positive: [None, -1, "x"]}, {positive: [3]})
    with pytest.raises(AssertionError, match="said 'Right.'"):
        exercises.prove({positive: [3]}, {})
    with pytest.raises(AssertionError, match="It is not positive"):
        exercises.prove({}, {positive: [-3]})
