"""The audit finds each planted bug, and nothing in an honest delivery."""

import dataclasses
import json

import numpy as np
import pytest

from curriculum.ordering import audit as A
from curriculum.ordering import schedules as S


@pytest.fixture
def plan(plan_of):
    return plan_of()


@pytest.mark.parametrize("name", S.NAMED)
def test_an_honest_delivery_is_clean_whatever_the_order_of_rows(plan_of, name):
    plan = plan_of(name)
    found = A.audit(plan.table[:, ::-1], plan)
    assert found.ok and found.inversions == 0 and found.cause is None
    assert str(found) == "60 of 60 steps delivered, exactly as planned"


@pytest.mark.fault(
    "Audit",
    "a run that lacks its last step",
    "planned and delivered steps are named; a run is in order when it is complete",
    "'59 of 60 steps delivered, so far as planned'; not in order",
)
@pytest.mark.parametrize("n", [1, 20, 59])
def test_a_run_cut_short_is_not_in_order(plan, n):
    found = A.audit(plan.table[:n], plan)
    assert not found.ok and not found.complete and found.faithful
    assert str(found) == f"{n} of 60 steps delivered, so far as planned"


@pytest.mark.fault(
    "Audit",
    "more steps than were planned",
    "what comes after the plan is a finding",
    "counted as wrong steps and repeats; 'replayed from step 0 at step 60'",
)
def test_a_run_that_goes_on_is_not_in_order(plan):
    found = A.audit(np.concatenate([plan.table, plan.table[:3]]), plan)
    assert (found.steps, found.wrong_steps, found.first_wrong) == (63, 3, 60)
    assert found.repeats == 3 * 16 and found.omissions == 0 and not found.ok
    assert found.cause.text == "replayed from step 0 at step 60"


def test_a_reversed_run_without_repeats_inverts_every_pair(plan_of):
    plan = plan_of("sequential", steps=15, batch=4)
    found = A.audit(plan.table[::-1], plan)
    assert found.wrong_steps >= 14 and found.inversion_share == 1.0
    assert found.repeats == found.omissions == 0


def test_a_reversed_run_with_repeats_inverts_fewer(plan_of):
    """The k-th delivery of a program is matched with its k-th planned place."""
    plan = plan_of("baseline")  # four epochs
    share = A.audit(plan.table[::-1], plan).inversion_share
    assert 0.05 < share < 0.2


def test_a_shuffling_loader_is_seen(plan):
    mixed = np.random.default_rng(0).permutation(plan.table.ravel())
    found = A.audit(mixed.reshape(plan.table.shape), plan)
    assert not found.ok and 0.2 < found.inversion_share < 0.6 and found.omissions == 0


def test_replay_after_a_bad_resume_is_seen(plan):
    delivered = plan.table.copy()
    delivered[30:40] = plan.table[20:30]
    found = A.audit(delivered, plan)
    assert found.first_wrong == 30 and found.wrong_steps == 10
    assert found.repeats == found.omissions > 0


def test_unknown_rows_are_seen(plan):
    delivered = plan.table.copy()
    delivered[5, 3] = -1
    delivered[6, 0] = 999_999
    found = A.audit(delivered, plan)
    assert found.unknown_rows == 2 and found.omissions == 2 and found.first_wrong == 5
    assert "2 unknown rows" in str(found) and set(found.examples["unknown_rows"]) == {
        -1,
        999_999,
    }
    assert str(found).endswith("no simple cause found")


@pytest.mark.fault(
    "Audit",
    "a smaller last batch in each epoch",
    "steps may be of any length, in the plan and in the delivery",
    "audited step by step; a missing or foreign row is found",
)
def test_steps_may_be_of_any_length(plan):
    ragged = [[0, 1, 2], [3, 4], [2, 1, 0], [4, 3]]
    assert A.audit(ragged, ragged).ok
    short = A.audit([[0, 1, 2], [3], [2, 1, 0], [4, 3]], ragged)
    assert (short.wrong_steps, short.first_wrong, short.omissions) == (1, 1, 1)
    long = A.audit([[0, 1, 2], [3, 4, 7], [2, 1, 0], [4, 3]], ragged)
    assert (long.wrong_steps, long.unknown_rows, long.omissions) == (1, 1, 0)
    table = [row[: 16 - s % 3] for s, row in enumerate(plan.table)]
    found = A.audit(table, plan)
    assert found.wrong_steps == 40 and found.omissions == 20 * 1 + 20 * 2
    assert found.repeats == found.unknown_rows == 0 and found.cause is None


@pytest.mark.fault(
    "Audit",
    "programs named by texts, not by numbers",
    "ids may be text if the plan names them so",
    "audited; the examples are the texts",
)
def test_ids_may_be_text(plan):
    names = np.char.add("program ", plan.table.astype(str))
    assert A.audit(names, names).ok
    delivered = names.copy()
    delivered[7, 0] = "a stranger"
    found = A.audit(delivered, names)
    assert found.unknown_rows == 1 and found.examples["unknown_rows"] == ["a stranger"]
    assert A.audit(names[::-1], names).cause.name == "reversed"


@pytest.mark.fault(
    "Audit",
    "ids that are no ids: fractions, one number, nothing, a mixture of texts and numbers",
    "one line says what a step is",
    "refused",
)
@pytest.mark.parametrize(
    "delivered, words",
    [
        ([], "needs steps, each with its ids"),
        (7, "needs steps, each with its ids"),
        ([1, 2, 3], "each step is one row of ids"),
        ([[1.0, 2.0]], "each step is one row of ids"),
        ([[[1]]], "each step is one row of ids"),
        ([["a"]], "ids are text and numbers"),
        ([[1], ["a"]], "must name programs alike"),
        ("steps", "each step is one row of ids"),
    ],
)
def test_what_are_no_steps_is_refused(plan, delivered, words):
    with pytest.raises(ValueError, match=words):
        A.audit(delivered, plan)


def test_an_audit_becomes_json(plan):
    kept = json.loads(json.dumps(dataclasses.asdict(A.audit(plan.table[1:], plan))))
    assert kept["steps"] == 59 and kept["planned_steps"] == 60
    assert kept["cause"]["name"] == "shifted"


def test_count_inversions_against_the_definition():
    rng = np.random.default_rng(1)
    for size, top in ((0, 2), (1, 2), (50, 3), (200, 1000)):
        a = rng.integers(0, top, size)
        slow = sum(a[i] > a[j] for i in range(size) for j in range(i + 1, size))
        assert A.count_inversions(a) == slow
