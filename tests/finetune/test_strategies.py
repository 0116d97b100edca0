"""Six orders, by hand and by their properties; the plan's audit; the bug of the released code."""

import numpy as np
import pytest

from curriculum.finetune import loop, strategies
from curriculum.finetune.questions import from_programs
from curriculum.finetune.strategies import STRATEGIES, order

CATEGORIES = np.array(list("ccaabbbbccaaabcabc"))
DIFFICULTY = np.array([3, 1, 2, 2, 9, 1, 4, 4, 1, 2, 5, 1, 3, 7, 6, 8, 2, 4.0])


def runs(names):
    """Categories in the order in which their blocks come."""
    return [n for i, n in enumerate(names) if i == 0 or names[i - 1] != n]


@pytest.mark.parametrize("name", STRATEGIES)
@pytest.mark.parametrize("seed", [0, 1, 7])
def test_every_order_shows_each_item_once_and_depends_on_the_seed_alone(name, seed):
    found = order(name, CATEGORIES, DIFFICULTY, seed)
    assert sorted(found) == list(range(len(CATEGORIES)))
    assert found.tolist() == order(name, CATEGORIES, DIFFICULTY, seed).tolist()
    others = [order(name, CATEGORIES, DIFFICULTY, s).tolist() for s in range(20, 30)]
    assert any(found.tolist() != other for other in others)


def test_a_block_is_a_category_in_the_order_of_the_shuffle():
    shuffle = strategies.shuffled(len(CATEGORIES), 3).tolist()
    found = strategies.blocked(CATEGORIES, 3)
    assert len(runs(CATEGORIES[found])) == 3
    for name in "abc":
        mine = [i for i in found if CATEGORIES[i] == name]
        assert mine == [i for i in shuffle if CATEGORIES[i] == name]


def test_the_seed_draws_which_category_comes_first():
    first = {CATEGORIES[strategies.blocked(CATEGORIES, seed)[0]] for seed in range(20)}
    assert first == {"a", "b", "c"}


def test_three_rounds_go_through_the_blocks_part_by_part():
    blocks = strategies.blocked(CATEGORIES, 5)
    found = strategies.interleaved(CATEGORIES, 5)
    turns = runs(CATEGORIES[blocks])
    assert runs(CATEGORIES[found]) == turns * 3
    for name in turns:
        inside = [i for i in found if CATEGORIES[i] == name]
        assert inside == [i for i in blocks if CATEGORIES[i] == name]
    sizes = [6, 6, 6]  # of each category: 6 items, 2 in a round
    assert [int((CATEGORIES == n).sum()) for n in "abc"] == sizes


def test_a_category_too_small_for_three_parts_keeps_its_items():
    names = np.array(["a", "a", "b", "b", "b", "b"])
    assert sorted(strategies.interleaved(names, 0)) == list(range(6))
    assert runs(names[strategies.interleaved(names, 0)])[:2] in (["a", "b"], ["b", "a"])


def test_curricula_ascend_and_ties_are_as_shuffled():
    found = strategies.curriculum(DIFFICULTY, 2)
    assert (np.diff(DIFFICULTY[found]) >= 0).all()
    shuffle = strategies.shuffled(len(DIFFICULTY), 2).tolist()
    ones = [i for i in found if DIFFICULTY[i] == 1]
    assert ones == [i for i in shuffle if DIFFICULTY[i] == 1]
    assert strategies.curriculum(np.zeros(18), 2).tolist() == shuffle


def test_blocked_curriculum_ascends_within_each_block():
    found = strategies.blocked_curriculum(CATEGORIES, DIFFICULTY, 1)
    turns = runs(CATEGORIES[found])
    assert turns == runs(CATEGORIES[strategies.blocked(CATEGORIES, 1)])
    for name in turns:
        mine = found[CATEGORIES[found] == name]
        assert (np.diff(DIFFICULTY[mine]) >= 0).all()


def test_an_interleaved_curriculum_shows_the_easiest_third_of_each_category_first():
    found = strategies.interleaved_curriculum(CATEGORIES, DIFFICULTY, 4)
    for name in "abc":
        mine = found[CATEGORIES[found] == name]
        assert (np.diff(DIFFICULTY[mine]) >= 0).all()
        first = found[:6][CATEGORIES[found[:6]] == name]
        easiest = np.sort(DIFFICULTY[CATEGORIES == name])[:2]
        assert sorted(DIFFICULTY[first]) == easiest.tolist()


def test_what_is_missing_is_named():
    with pytest.raises(ValueError, match="strategy is 'cyclic'"):
        order("cyclic", CATEGORIES)
    with pytest.raises(ValueError, match="18 items by difficulty, and none"):
        order("curriculum", CATEGORIES)
    with pytest.raises(ValueError, match="and 3 are"):
        order("blocked-curriculum", CATEGORIES, [1, 2, 3])
    with pytest.raises(ValueError, match="not finite"):
        order("curriculum", CATEGORIES, np.full(18, np.nan))


@pytest.mark.fault(
    "Fine-tuning",
    "a loop that shuffles a blocked plan",
    "the audit of what was fed",
    "blocked as planned; shuffled named as not",
)
def test_the_loop_feeds_the_plan_and_the_audit_sees_a_shuffle(model, tokenizer, corpus):
    asked = from_programs(corpus, range(120))[:24]
    names = [q.category for q in asked]
    plan = strategies.make_plan("blocked", [q.id for q in asked], names, batch=4)
    assert [len(step) for step in plan] == [4] * 6
    pytest.importorskip("peft", reason="needs peft")
    items = [q.item for q in asked]
    run = loop.finetune(model, tokenizer, items, plan, loop.Settings(rank=2))
    assert run.audit.ok
    run.plan = strategies.make_plan("random", [q.id for q in asked], names, batch=4)
    assert not run.audit.ok


def test_the_released_wrapper_calls_itself():
    """A helper and its wrapper have one name: the later definition is what is called."""

    def helper(rows, block, column):  # what the wrapper means to call
        return block(rows, column)

    def wrapper(rows, column="category"):
        return names["interleaved"](rows, sorted, column)

    names = {"interleaved": helper}
    names["interleaved"] = wrapper  # defined later under the same name
    with pytest.raises(TypeError, match="takes from 1 to 2 positional arguments but 3"):
        names["interleaved"]([1, 2])
