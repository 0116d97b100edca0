"""Chapter 15 and the referee's page: kinds of loops, exposure, and tables that can differ."""

import types

import numpy as np
import pytest

from behind import ch15, referee
from curriculum.evaluation.stats import sign_flip
from curriculum.experiments import records
from curriculum.experiments.spec import RESULTS


@pytest.mark.parametrize(
    ("code", "wanted"),
    [
        ("a = 1\nfor b in range(1, 4) :\n\tprint(b)", "own"),
        ("a = 1\nfor b in range(1, 4) :\n\tprint(a)", "other"),
        ("a = 1\nprint(a)", ""),
        ("for ab in range(3) :\n\tprint(a)", "other"),
    ],
)
def test_the_kind_of_a_loop(code, wanted):
    assert ch15.kind(code) == wanted


def test_exposure_counts_showings_in_each_part():
    plan = types.SimpleNamespace(table=np.array([[0, 1], [0, 0], [2, 2], [1, 2]]))
    kinds = np.array(["own", "other", ""])
    own, other = ch15.exposure(plan, kinds, [0, 2, 4])
    assert own == [75, 0] and other == [25, 25]


def test_pooling_keeps_the_arms_of_both_blocks_and_their_seeds():
    first = {"a": np.zeros((2, 3)), "b": np.ones((2, 3))}
    both = ch15.pooled(first, {"a": np.ones((3, 3))})
    assert list(both) == ["a"] and both["a"].mean(1).tolist() == [0, 0, 1, 1, 1]


def test_changes_are_the_long_difference_minus_the_short_one():
    short = {"hybrid": np.full((2, 3), 0.4), "baseline": np.full((2, 3), 0.5)}
    long = {"hybrid": np.full((2, 3), 0.6), "baseline": np.full((2, 3), 0.9)}
    found = ch15.changes(short, long, (8_400, 16_800))
    assert list(found) == ["baseline"]
    means = {name: gap.mean().round(9) for name, gap in found["baseline"].items()}
    assert means == {"8,400": -0.1, "16,800": -0.3, "change": -0.2}


def test_labels_of_the_test_programs_are_those_of_the_records():
    one = records.records("longer", RESULTS)[0]
    kept = one["results"]["exact"]["execution"]["by_label"]
    skill = ch15.Skill(RESULTS / "study" / "test-programs")
    right = ch15.loud(records.executed(one, RESULTS))[1]
    for k, name in enumerate(skill.LABELS):
        assert right[skill.labels() == k].mean() == pytest.approx(
            kept[name]["accuracy"]
        )


def evidence(gaps):
    return types.SimpleNamespace(gaps=np.asarray(gaps, float))


def test_false_alarms_are_those_of_equal_arms():
    """A shift of all seeds changes nothing; heavy tails do not break the sign-flip test."""
    rng = np.random.default_rng(1)
    gaps = rng.normal(0, 1, (4, 16))
    table = referee.false_alarms(evidence(gaps), 200)
    assert repr(referee.false_alarms(evidence(gaps - 7), 200)) == repr(table)
    share = [float(row[1].rstrip("%")) for row in table.rows]
    assert 2 < share[0] < 9 and share[1] + share[2] < 6
    skewed = evidence(-rng.exponential(1, (4, 16)))  # a long tail of losses
    _, loss, gain = (row[1] for row in referee.false_alarms(skewed, 400).rows)
    assert float(gain.rstrip("%")) > float(loss.rstrip("%"))
    assert sign_flip(gaps[0] - 7) < 0.001


def test_the_largest_losses_are_left_out():
    gap = np.array([-9, -8, -7, -1, -1, 2]) / 100
    rows = referee.without_best(evidence([gap] * 4), most=3).rows
    assert rows[0][1:] == ["-4.0", "-4.0", "0.0", "5 of 6"]
