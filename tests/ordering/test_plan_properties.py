"""Plans and splits keep their promises for any scores, seeds and sizes."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from curriculum.ordering import schedules
from curriculum.ordering.audit import audit
from curriculum.ordering.plan import Plan

SLOW = settings(max_examples=40, deadline=None)
NAMES = sorted(schedules.NAMED)


@st.composite
def plans(draw):
    n = draw(st.integers(30, 120))
    scores = np.array(
        draw(st.lists(st.integers(0, 9), min_size=n, max_size=n)), dtype=float
    )
    labels = np.digitize(scores, [3, 6])
    for label in range(3):  # a level without programs is refused, which others test
        labels[label::10] = label
    name = draw(st.sampled_from(NAMES))
    seed = draw(st.integers(0, 2**63 - 1))
    steps = draw(st.integers(6, 40))
    return Plan(schedules.get(name), np.arange(n) * 3, scores, labels, seed, steps, 2)


@SLOW
@given(plans(), st.data())
def test_any_step_can_be_asked_alone(plan, data):
    step = data.draw(st.integers(0, plan.steps - 1))
    assert np.array_equal(plan.at(step), plan.table[step])
    assert set(plan.table.ravel()) <= set(plan.ids)


@SLOW
@given(plans())
def test_a_plan_delivered_as_it_is_passes_its_audit(plan):
    assert audit(plan.table, plan).ok


@SLOW
@given(plans(), st.data())
def test_one_other_program_is_found(plan, data):
    delivered = plan.table.copy()
    step = data.draw(st.integers(0, plan.steps - 1))
    others = np.setdiff1d(plan.ids, delivered[step])
    delivered[step, 0] = data.draw(st.sampled_from(others.tolist()))
    found = audit(delivered, plan)
    assert not found.ok and found.first_wrong == step


@SLOW
@given(plans())
def test_a_staged_plan_walks_through_its_pool_evenly(plan):
    """Within a stage no program is shown twice more often than another, plus one."""
    if plan.schedule.pacing or plan.schedule.shuffle_steps:
        return
    for stage, pool in enumerate(plan.pools):
        first, last = plan.starts[stage], plan.starts[stage + 1]
        drawn = plan.table[first:last].ravel()
        times = np.array([(drawn == plan.ids[i]).sum() for i in pool])
        assert times.max() - times.min() <= 1
