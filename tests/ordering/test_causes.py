"""A planted cause is named, with its numbers, and none is taken for another."""

import dataclasses

import numpy as np
import pytest

from curriculum.ordering import schedules as S
from curriculum.ordering.audit import audit


def epoch_ends(plan):
    """The last step of each epoch that has no program of the next one."""
    spans = zip(plan.starts[:-1], plan.starts[1:], plan.pools, strict=True)
    return [
        first + end // plan.batch - 1
        for first, last, pool in spans
        for end in range(len(pool), (last - first) * plan.batch + 1, len(pool))
    ]


def starts(plan, move, only=None):
    """The plan's boundaries, all inner ones or one of them moved."""
    inner = range(1, len(plan.starts) - 1)
    return [
        s + move * (i in inner and only in (None, i)) for i, s in enumerate(plan.starts)
    ]


def stepwise(plan):
    """One step of each wrong stage, and then on as planned."""
    first = plan.starts[1]
    return np.concatenate(
        [plan.table[:first], plan.staged(starts(plan, 1))[first : first + 1],
         plan.table[first + 1 :]]
    )  # fmt: skip


def shuffled(plan, bounds):
    """The rows between these steps in another order."""
    deal, parts = np.random.default_rng(3), np.split(plan.table, bounds[1:-1])
    return np.concatenate([deal.permutation(x.ravel()).reshape(x.shape) for x in parts])


def ranked(plan, ranking):
    return plan.like(dataclasses.replace(plan.schedule, ranking=ranking)).table


# {what was planted: (the delivery of a plan, name of its cause, words in its text)}
PLANTED = {
    "reversed": (lambda p: p.table[::-1], "reversed", "steps came in reverse"),
    "ranking reversed": (lambda p: ranked(p, "reversed"), "reversed", "ranking"),
    "late": (lambda p: np.r_[p.table[:1], p.table[:-1]], "shifted", "1 step late"),
    "late, rolled": (lambda p: np.roll(p.table, 3, 0), "shifted", "3 steps late"),
    "early": (lambda p: p.table[2:], "shifted", "2 steps early"),
    "replay": (
        lambda p: np.r_[p.table[:40], p.table[33:53]],
        "replayed",
        "from step 33 at step 40",
    ),
    "replay from the start": (
        lambda p: np.r_[p.table[:40], p.table[:20]],
        "replayed",
        "from step 0 at step 40",
    ),
    "replay in place": (
        lambda p: np.r_[p.table[:40], p.table[30:35], p.table[45:]],
        "replayed",
        "from step 30 at step 40, for 5 steps",
    ),
    "resumed twice": (
        lambda p: np.r_[p.table[:25], p.table[20:45], p.table[40:]],
        "replayed",
        "from step 20 at step 25, from step 40 at step 50",
    ),
    "gap": (lambda p: np.delete(p.table, range(30, 37), 0), "skipped", "to step 37"),
    "boundary": (lambda p: p.staged(starts(p, 1)), "stage boundary", "every later"),
    "one boundary": (
        lambda p: p.staged(starts(p, 1, only=2)),
        "stage boundary",
        "stage 3 began 1 step late",
    ),
    "boundary early": (
        lambda p: p.staged(starts(p, -2, only=1)),
        "stage boundary",
        "stage 2 began 2 steps early",
    ),
    "one step of the old stage": (
        stepwise,
        "stage boundary",
        "stage 2 began 1 step late",
    ),
    "last step of a stage again": (
        lambda p: np.insert(p.table, p.starts[1], p.table[p.starts[1] - 1], 0)[:-1],
        "stage boundary",
        "1 step late",
    ),
    "last batches": (
        lambda p: np.delete(p.table, epoch_ends(p), 0),
        "batch dropped",
        "last batch of each epoch",
    ),
    "smaller last batches": (
        lambda p: p.staged(drop_last=True),
        "batch dropped",
        "smaller batch of each epoch",
    ),
    "twice, slower": (
        lambda p: np.repeat(p.table, 2, 0)[:60],
        "batches again",
        "twice",
    ),
    "twice": (lambda p: np.repeat(p.table, 2, 0), "batches again", "twice"),
    "twice, every second": (
        lambda p: p.table[np.arange(60) // 2 * 2],
        "batches again",
        "twice",
    ),
    "wrong end": (
        lambda p: p.like(S.get("hybrid", end="easiest")).table,
        "wrong end",
        "the easiest programs were replayed",
    ),
    "other seed": (lambda p: p.like(seed=3).table, "other seed", "of seed 3 ran"),
    "other arm": (
        lambda p: p.like(S.get("baseline")).table,
        "other schedule",
        "baseline ran in place of hybrid",
    ),
    "same epochs": (lambda p: p.staged(reshuffle=False), "same epochs", "of the first"),
    "reshuffled in stages": (
        lambda p: shuffled(p, p.starts),
        "reshuffled",
        "each stage in another order",
    ),
    "reshuffled": (
        lambda p: shuffled(p, [0, 60]),
        "reshuffled",
        "the run in another order",
    ),
    "half batches": (
        lambda p: p.table.reshape(-1, 8),
        "other batch size",
        "batches of 8 in place of 16",
    ),
    "at random": (
        lambda p: np.random.default_rng(1).choice(p.ids, p.table.shape),
        None,
        "",
    ),
    "at random from the stages": (
        lambda p: np.random.default_rng(1).permuted(
            np.tile(p.table[:, :1] % 7 + 1000, 16), axis=1
        ),
        None,
        "",
    ),
}


@pytest.mark.fault("Audit", "all steps in reverse order", "its cause is named", "named")
@pytest.mark.fault(
    "Audit",
    "everything one step late",
    "its cause is named",
    "'everything came 1 step late'",
)
@pytest.mark.fault(
    "Audit",
    "a stage boundary one step late",
    "its cause is named",
    "'stage 3 began 1 step late'",
)
@pytest.mark.fault(
    "Audit",
    "steps replayed after a resume",
    "its cause is named",
    "'replayed from step 33 at step 40'",
)
@pytest.mark.fault(
    "Audit", "the last batch of each epoch dropped", "its cause is named", "named"
)
@pytest.mark.fault("Audit", "every batch fed twice", "its cause is named", "named")
@pytest.mark.fault(
    "Audit",
    "the easiest programs replayed in place of the hardest",
    "its cause is named",
    "named",
)
@pytest.mark.fault(
    "Audit",
    "the plan of another seed delivered",
    "its cause is named if the seed is below 100 or a neighbour",
    "'the plan of seed 3 ran in place of seed 0'",
)
@pytest.mark.fault(
    "Audit", "epochs that are not reshuffled", "its cause is named", "named"
)
@pytest.mark.fault(
    "Audit", "a reshuffle within each stage", "its cause is named", "named"
)
@pytest.mark.fault(
    "Audit",
    "programs drawn at random",
    "no cause is invented",
    "'no simple cause found'",
)
@pytest.mark.parametrize("planted", PLANTED)
def test_a_planted_cause_is_named_and_not_another(plan_of, planted):
    deliver, name, words = PLANTED[planted]
    plan = plan_of("hybrid")
    found = audit(deliver(plan), plan)
    assert not found.faithful
    if name is None:
        assert found.cause is None and str(found).endswith("no simple cause found")
    else:
        assert found.cause.name == name and words in str(found)
        assert found.cause.of - found.cause.explained <= 1


@pytest.mark.parametrize(
    "planted", ["reversed", "late", "early", "replay", "gap", "twice", "half batches"]
)
def test_a_bare_table_is_enough_for_causes_that_need_no_schedule(plan_of, planted):
    deliver, name, words = PLANTED[planted]
    plan = plan_of("hybrid")
    found = audit(deliver(plan), plan.table)
    assert found.cause.name == name and words in str(found)


def test_epochs_of_a_bare_table_are_found_by_their_programs(plan_of):
    table = plan_of("baseline").table  # 240 programs: epochs of 15 steps
    same = np.concatenate([table[:15]] * 4)
    assert audit(same, table).cause.name == "same epochs"
    dropped = np.delete(table, [14, 29, 44, 59], 0)
    assert audit(dropped, table).cause.name == "batch dropped"
    ragged = [[0, 1, 2], [3, 4], [2, 1, 0], [4, 3], [1, 3, 0], [4, 2]]
    assert audit(ragged[::2], ragged).cause.name == "batch dropped"


@pytest.mark.fault(
    "Audit",
    "two faults at once: reversed, and some unknown rows",
    "the cause says how much it leaves unexplained",
    "'explains 56 of 60 steps, 4 left over'; with 20 foreign steps, no cause",
)
def test_a_cause_says_what_it_leaves_over(plan_of):
    plan = plan_of("hybrid")
    delivered = plan.table[::-1].copy()
    delivered[10:14, 0] = -1
    assert str(audit(delivered, plan)).endswith(
        "(explains 56 of 60 steps, 4 left over)"
    )
    delivered[10:30, 0] = -1
    assert audit(delivered, plan).cause is None


def test_few_unknown_rows_are_no_reshuffle(plan_of):
    plan = plan_of("hybrid")
    delivered = plan.table.copy()
    delivered[[5, 30], 0] = -1
    assert audit(delivered, plan).cause is None
