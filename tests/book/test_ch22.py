"""What stands behind chapter 22: whole blocks, clean audits, arms that differ in the plan."""

import numpy as np
import pytest

from behind import ch22
from curriculum.evaluation import stats


@pytest.fixture(scope="module")
def runs():
    return ch22.Runs()


def test_every_run_is_as_planned_and_only_the_plan_differs(runs):
    for seed, records in enumerate(zip(*runs.records.values(), strict=True)):
        assert {r["arm"] for r in records} == set(ch22.ARMS)
        for r in records:
            assert r["seed"] == runs.seeds[seed] and r["audit"]["ok"]
            assert r["audit"]["steps"] == r["design"]["steps"]
            assert not r["provenance"]["commit"].endswith("+")
            first = records[0]["identity"]
            assert {k for k in first if r["identity"][k] != first[k]} <= {"plan"}
    by = {arm: [r["plan"]["shown"] for r in rows] for arm, rows in runs.records.items()}
    assert by["hybrid"] == by["hybrid-shuffled"]


def test_tables_are_those_of_the_records(runs):
    for arm, rows in runs.records.items():
        kept = [r["results"]["all"]["exact"] for r in rows]
        assert runs.exact(arm).mean(1) == pytest.approx(kept)
    a, b, c, student, p, verdict = ch22.contrasts(runs)[2]
    assert (a, b) == ("hybrid", "baseline")
    gap = (runs.exact("hybrid") - runs.exact("baseline")).mean()
    assert c.mean == pytest.approx(gap) == pytest.approx(student[0])
    assert verdict == stats.verdict(c, p)


def test_the_patterns_are_asked_the_same_questions(runs):
    found = runs.copied()
    assert found.shape == runs.levels.shape and set(found) == {0.0, 1.0}
    assert found[runs.levels == "2.1"].mean() > found[runs.levels == "3.2"].mean()
    assert np.isin(runs.base(), (0, 1)).all()
