"""Classes of mistakes: each on programs whose faults were worked out by hand."""

import numpy as np
import pytest

from curriculum.data import sandbox
from curriculum.data.corpus import Program
from curriculum.evaluation import mistakes

TWO = "a = 2\nb = 7\nprint(a)"
BRANCH = "a = 2\nif a < 5 :\n\tprint(a)\nelse :\n\tprint(9)"
LOOP = "a = 1\nfor b in range(3, 8, 2) :\n\tprint(b)"
AGAIN = "a = 2\na = 9\nb = a + 1\nprint(a)"
SUM = "a = 6\nb = a * 3\nprint(b)"


def program(code):
    output = sandbox.run([code])[0].stdout.removesuffix("\n")
    return Program(code, output, "1.1")


def kind(code, predicted):
    p = program(code)
    return mistakes.classify(p, predicted, mistakes.answers([p])[0])


@pytest.mark.parametrize(
    "code, predicted, expected",
    [
        (TWO, "# 7\n\n", "another variable"),
        ("a = 2\nb = 7\nb = 4\nprint(a)", "# 7\n\n", "another variable"),  # it had 7
        (SUM, "# 6\n\n", "another variable"),
        (BRANCH, "# 9\n\n", "another branch"),
        ("a = 2\nif a < 5 :\n\tprint(a)", "\n", "another branch"),
        (LOOP, "# 3\n# 5\n\n", "off by one"),  # the last turn is missing
        (LOOP, "# 3\n# 5\n# 7\n# 9\n\n", "off by one"),
        (LOOP, "# 5\n# 7\n\n", "off by one"),  # the first is missing
        (LOOP, "# 1\n# 3\n# 5\n# 7\n\n", "off by one"),
        (
            "a = 1\nfor b in range(3, 5) :\n\tprint(b)",
            "# 3\n# 4\n# 5\n\n",
            "off by one",
        ),
        (AGAIN, "# 2\n\n", "missed assignment"),
        (SUM, "# 2.0\n\n", "another sign"),
        (SUM, "# 9\n\n", "another sign"),
        (SUM, "# 17\n\n", "arithmetic"),
        (SUM, "# 1.8e+01\n\n", "arithmetic"),
        (SUM, "# 18.\n\n", "form"),
        (SUM, "# 18\n", "form"),  # the blank line is missing
        (SUM, "18\n\n", "form"),
        (SUM, "", "form"),
        (SUM, "\n", "nothing printed"),
        (SUM, "# 17\n# 17\n\n", "other"),
        (TWO, "# 8\n\n", "other"),  # nothing is calculated
    ],
)
def test_each_class_by_hand(code, predicted, expected):
    assert kind(code, predicted) == expected


def test_the_first_class_that_fits_has_it():
    """7 is the value of another variable, and what a passed-over line would leave."""
    code = "a = 7\nb = 7\na = 2\nprint(a)"
    p = program(code)
    found = mistakes.answers([p])[0]
    assert "# 7\n\n" in found["another variable"] & found["missed assignment"]
    assert mistakes.classify(p, "# 7\n\n", found) == "another variable"


def test_a_right_answer_has_no_class():
    with pytest.raises(ValueError, match="is right"):
        kind(TWO, "# 2\n\n")


def test_the_truth_is_no_fault():
    for code in (TWO, BRANCH, LOOP, AGAIN, SUM):
        p = program(code)
        said = "".join(f"# {line}\n" for line in p.output.split("\n")) + "\n"
        assert all(said not in found for found in mistakes.answers([p])[0].values())


def test_a_planted_fault_changes_one_thing():
    found = list(mistakes.planted(SUM))
    assert ("another sign", "a = 6\nb = a / 3\nprint(b)") in found
    assert ("another variable", "a = 6\nb = b * 3\nprint(b)") in found
    assert ("missed assignment", "a = 6\nunread = a * 3\nprint(b)") in found
    assert len(set(found)) == len(found)
    assert {k for k, _ in found} <= set(mistakes.FAULTS)


def test_conditions_are_not_read_as_another_variable():
    """A name in a condition can only change which branch is taken."""
    code = "a = 2\nb = 7\nif a < 5 :\n\tprint(a)"
    faulty = [c for k, c in mistakes.planted(code) if k == "another variable"]
    assert faulty and all("if a < 5" in c for c in faulty)


def test_every_class_has_a_meaning():
    assert set(mistakes.MEANING) == set(mistakes.CLASSES)


def test_luck_gives_wrong_answers_to_others_of_the_level():
    levels = np.repeat(["1.1", "3.1"], 20)
    said = [f"# {i}\n\n" for i in range(40)]
    wrong = np.arange(40) % 4 != 0
    moved = mistakes.by_luck(levels, said, wrong, "a")
    for level in ("1.1", "3.1"):
        at = np.flatnonzero((levels == level) & wrong)
        assert sorted(moved[i] for i in at) == sorted(said[i] for i in at)
        assert all(moved[i] != said[i] for i in at)
    assert all(moved[i] == said[i] for i in np.flatnonzero(~wrong))
    assert moved == mistakes.by_luck(levels, said, wrong, "a")
    assert moved != mistakes.by_luck(levels, said, wrong, "b")
