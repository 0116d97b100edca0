"""Input that no plan can be made of, and plans that do not do what their schedule says."""

import numpy as np
import pytest

from curriculum.ordering import plan as P
from curriculum.ordering import schedules as S
from curriculum.ordering.check import check_plan


def bad(few, **changed):
    """A baseline plan of 6 programs, with some of its arrays changed."""
    arrays = dict(zip(("ids", "scores", "labels"), (x[:6] for x in few), strict=True))
    return P.Plan(S.baseline(), *(arrays | changed).values(), 0, 4, 2)


@pytest.mark.fault(
    "Plans",
    "one id twice in a plan",
    "each program stands once; the id is named",
    "refused",
)
@pytest.mark.fault(
    "Plans",
    "negative, fractional or textual ids, ids of 33 bits; a label of 3; a score that is no"
    " number; a table where one row is wanted",
    "one line names the value, what is allowed and the cure",
    "refused before any work",
)
@pytest.mark.parametrize(
    "changed, words",
    [
        ({"ids": [0, 1, 2, 3, 4, 1]}, "program 1 stands twice among the ids"),
        ({"ids": [0, 1, 2, 3, -4, 5]}, "program -4 is no id"),
        ({"ids": [0, 1, 2, 3, 4, 2**31]}, "program 2147483648 is no id"),
        ({"ids": [0, 1, 2, 3, 4, 5.0]}, "ids begins with .*0.0.*whole numbers"),
        ({"ids": list("abcdef")}, "ids begins with .*'a'.* place in the corpus"),
        ({"ids": [True] * 6}, "ids begins with .*True"),
        ({"ids": np.arange(6).reshape(2, 3)}, r"ids has the shape \(2, 3\)"),
        ({"labels": [0, 1, 2, 3, 0, 1]}, "has the label 3; it must be 0 easy"),
        ({"labels": [0, 1, 2, -1, 0, 1]}, "has the label -1"),
        ({"labels": ["easy"] * 6}, "labels begins with .*'easy'"),
        ({"labels": [0.5] * 6}, "labels begins with"),
        ({"scores": [1, 2, 3, 4, 5, np.nan]}, "has the score nan; drop it first"),
        ({"scores": [1, 2, 3, 4, 5, -np.inf]}, "has the score -inf"),
        ({"scores": [[1], [2], [3], [4], [5], [6]]}, r"scores has the shape \(6, 1\)"),
        ({"scores": ["1"] * 6}, "scores begins with .*'1'"),
        ({"scores": [None] * 6}, "scores begins with None"),
        ({"scores": [1.0] * 5}, "6 ids, 5 scores and 6 labels"),
    ],
)
def test_unusable_input_is_refused(few, changed, words):
    with pytest.raises(ValueError, match=words) as error:
        bad(few, **changed)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("steps, batch", [(0, 2), (4, 0), (2.5, 2), (4, "2"), (4, -1)])
def test_steps_and_batch_are_whole_and_positive(few, steps, batch):
    with pytest.raises(ValueError, match="it must be a whole number from 1"):
        P.Plan(S.baseline(), *few, 0, steps, batch)


@pytest.mark.fault(
    "Plans",
    "a paced plan of 3 programs with a batch of 16",
    "refused, as a stage smaller than its batch",
    "refused",
)
@pytest.mark.parametrize("pacing", S.PACING)
def test_a_paced_plan_smaller_than_its_batch_is_refused(few, pacing):
    three = [x[:3] for x in few]
    with pytest.raises(ValueError, match="3 programs, fewer than one batch of 16"):
        P.Plan(S.paced(pacing), *three, 0, 10, 16)
    assert P.Plan(S.paced(pacing), *three, 0, 10, 3).table.shape == (10, 3)


@pytest.mark.parametrize("name", S.NAMED)
@pytest.mark.parametrize("seed", range(3))
def test_each_schedule_keeps_its_promise(plan_of, originals, name, seed):
    found = check_plan(plan_of(name, seed=seed), *originals)
    assert found.ok, found.findings
    assert all(len(line) <= 70 for line in str(found).splitlines())


def test_what_schedules_promise(plan_of, originals):
    promised = {n: check_plan(plan_of(n), *originals).promised for n in S.NAMED}
    assert {n for n, p in promised.items() if p == "no trend"} == {
        "baseline", "random-order", "hard-only", "hybrid-shuffled",
    }  # fmt: skip
    assert {n for n, p in promised.items() if p == "hard to easy"} == {"anti"}


def test_a_check_shows_each_stage(plan_of, originals, few):
    plan, (scores, labels) = plan_of("hybrid"), originals
    found = check_plan(plan, scores, labels)
    assert [(p["first"], p["last"]) for p in found.parts] == [
        (0, 9),
        (10, 24),
        (25, 59),
    ]
    for part in found.parts:
        drawn = plan.table[part["first"] : part["last"] + 1]
        assert part["score"] == pytest.approx(scores[drawn].mean())
        assert part["labels"]["hard"] == pytest.approx((labels[drawn] == 2).mean())
    assert found.parts[2]["ends"] == {"easy": "hardest", "medium": "hardest"}
    never = set(few[0]) - set(plan.table.ravel())
    assert found.never == len(never) and "hardest easy, hardest medium" in str(found)


@pytest.mark.fault(
    "Plans",
    "a right plan of 45 texts, whose stages can hardly differ in their mean score",
    "a plan that follows its schedule is not blamed for being small",
    "no finding: 'no trend, as is usual with so few programs'; reversed, it is found",
)
@pytest.mark.parametrize("name", ["incremental", "hybrid", "sequential", "anti"])
@pytest.mark.parametrize("n, seed", [(45, 0), (45, 1), (60, 2)])
def test_small_plans_are_not_blamed_for_their_size(name, n, seed):
    rng = np.random.default_rng(seed)
    scores = rng.normal(size=n)
    labels = np.argsort(np.argsort(scores, kind="stable"), kind="stable") * 3 // n
    plan = P.Plan(S.get(name), np.arange(n), scores, labels, seed, 24, 4)
    found = check_plan(plan, scores, labels)
    assert found.ok, found.findings
    plan = P.Plan(S.get(name), np.arange(n), -scores, 2 - labels, seed, 24, 4)
    assert not check_plan(plan, scores, labels).ok


@pytest.mark.fault(
    "Plans",
    "scores and labels reversed before planning",
    "a wrong plan is seen, though it is delivered faithfully",
    "'promises easy to hard; the plan has hard to easy'; the preflight prints true labels",
)
@pytest.mark.parametrize("name", [n for n in S.NAMED if n != "hard-only"])
def test_reversed_scores_are_seen(plan_of, originals, few, name):
    ids, scores, labels = few
    plan = plan_of(name, (ids, -scores, 2 - labels))
    found = check_plan(plan, *originals)
    assert "other scores than the original ones: reversed" in found.findings[0]
    assert "other labels than the original ones: reversed" in found.findings[1]
    schedule = S.get(name)
    if len(schedule.stages) > 1 and found.promised != "no trend":
        assert f"promises {found.promised}; the plan has" in found.findings[-1]
    if schedule.pacing:
        assert "steps draw programs that are not open yet" in found.findings[-1]


@pytest.mark.fault(
    "Plans",
    "scores reversed, labels left alone: the hybrid replays the wrong end",
    "the end that is replayed is looked at",
    "'stage 2 draws the easiest easy programs; the schedule asks for the hardest'",
)
def test_the_wrong_end_is_seen(plan_of, originals, few):
    ids, scores, labels = few
    found = check_plan(plan_of("hybrid", (ids, -scores, labels)), *originals)
    assert (
        "stage 2 draws the easiest easy programs; the schedule asks for the hardest"
        in found.findings
    )
    assert check_plan(plan_of("hybrid", end="easiest"), *originals).ok
    assert check_plan(plan_of("anti", end="easiest"), *originals).ok


@pytest.mark.fault(
    "Plans",
    "scores and labels that are shifted by one program, or sorted apart from their ids",
    "stages hold the labels that they name, by the original labels",
    "'the right values at the wrong programs'; each foreign label with its share",
)
@pytest.mark.parametrize("change", [lambda x: np.roll(x, 1), np.sort])
def test_scores_of_other_programs_are_seen(plan_of, originals, few, change):
    ids, scores, labels = few
    found = check_plan(
        plan_of("sequential", (ids, change(scores), change(labels))), *originals
    )
    assert "the right values at the wrong programs" in found.findings[0]
    assert any("stage 1 is" in f and "hard programs" in f for f in found.findings)


@pytest.mark.fault(
    "Plans",
    "a plan whose table was changed: stages reversed, programs left out, foreign programs",
    "what is drawn is checked, not what the plan says of itself",
    "found",
)
def test_a_changed_table_is_seen(plan_of, originals):
    def check(table):
        plan = plan_of("sequential")
        plan.__dict__["table"] = table
        return check_plan(plan, *originals).findings

    table = plan_of("sequential").table
    assert any("has hard to easy" in f for f in check(table[::-1]))
    same = np.concatenate([np.tile(table[a], (20, 1)) for a in (0, 20, 40)])
    assert any("programs are left out" in f for f in check(same))
    foreign = table.copy()
    foreign[3, 3] = 7
    assert check(foreign) == ["program 7 is drawn, but is none of the plan's"]
    sorted_ = plan_of("baseline")
    order = np.argsort(originals[0][sorted_.table.ravel()])
    sorted_.__dict__["table"] = sorted_.table.ravel()[order].reshape(60, 16)
    assert check_plan(sorted_, *originals).found == "easy to hard"


def test_a_check_needs_the_whole_corpus(plan_of, few):
    with pytest.raises(ValueError, match="indexed by program id"):
        check_plan(plan_of(), *few[1:])


def test_preflight_prints_the_true_labels(plan_of, originals, few):
    ids, scores, labels = few
    lengths = np.full(1240, 10)
    anti = P.preflight(plan_of("anti"), lengths)
    first = anti.stages[0]
    assert first["labels"]["easy"] == first["true_labels"]["hard"] > 0
    assert "hard 90, ranked as easy 90" in str(anti)
    flipped = plan_of("sequential", (ids, -scores, 2 - labels))
    assert "true_labels" not in P.preflight(flipped, lengths).stages[0]
    said = str(P.preflight(flipped, lengths, labels=originals[1]))
    assert "ranked as easy" in said.splitlines()[1]
    assert "ranked as" not in str(P.preflight(plan_of(), lengths, labels=originals[1]))


def test_another_seed_or_schedule_for_the_same_programs(plan_of):
    plan = plan_of("anti", seed=4)
    assert plan.like().digest == plan.digest
    assert plan.like(seed=5).digest == plan_of("anti", seed=5).digest
    assert plan.like(S.get("hybrid")).digest == plan_of("hybrid", seed=4).digest
