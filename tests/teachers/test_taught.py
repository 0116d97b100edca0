"""Teachers: what they choose by hand, what is refused, and that the order is kept."""

import numpy as np
import pytest

from curriculum.teachers import (
    TEACHERS,
    Recorded,
    Seen,
    Tasks,
    Taught,
    by_tasks,
    review,
    shuffled,
)

NAMES = ("a", "b", "c")
TASKS = Tasks(np.arange(100, 190), np.repeat([0, 1, 2], [50, 25, 15]), NAMES)


class State:
    """Stands for a run: only its history is needed."""

    def __init__(self):
        self.history = {}


def seen(losses, shares=None, progress=0.5, natural=(0.5, 0.3, 0.2)):
    losses = np.asarray(losses, float)
    if shares is None:
        shares = np.full((len(losses) - 1, losses.shape[1]), 1 / losses.shape[1])
    return Seen(losses, np.asarray(shares), np.asarray(natural, float), progress, 0)


def taught(teacher, look=lambda: np.ones(3), steps=40, every=4, state=None):
    plan = Taught(teacher, TASKS, 7, steps, 6, every)
    plan.attach(state or State(), look)
    return plan


def table(plan):
    return np.stack([plan.at(step) for step in range(plan.steps)])


def test_shares_decide_how_often_a_task_comes():
    shares = np.tile([[0.2, 0.8, 0.0]], (50, 1))
    ids = by_tasks(shares, TASKS, 0, 20, 10)
    assert ids.shape == (500, 20)
    counts = np.bincount(TASKS.task[ids.ravel() - 100], minlength=3) / ids.size
    assert counts == pytest.approx([0.2, 0.8, 0], abs=0.02)  # 5 standard errors
    assert counts[2] == 0


def test_a_task_is_walked_through_before_a_program_comes_again():
    ids = by_tasks(np.tile([[0, 1, 0]], (5, 1)), TASKS, 0, 5, 5).ravel()  # 125 of 25
    for epoch in ids.reshape(5, 25):
        assert sorted(epoch) == list(range(150, 175))
    assert list(ids[:25]) != list(ids[25:50])  # and shuffled anew


def test_the_order_is_a_function_of_the_shares_and_grows_by_windows():
    shares = np.random.default_rng(0).dirichlet([1, 1, 1], 6)
    whole = by_tasks(shares, TASKS, 3, 4, 5)
    for w in range(1, 6):
        assert np.array_equal(by_tasks(shares[:w], TASKS, 3, 4, 5), whole[: w * 5])
    assert not np.array_equal(by_tasks(shares, TASKS, 4, 4, 5), whole)


def test_the_teacher_is_asked_once_a_window_and_sees_its_past():
    asked = []

    def teacher(s):
        asked.append((s.window, len(s.losses), s.progress))
        return np.array([1.0, 1, 2]) + s.window

    losses = iter(np.arange(30).reshape(10, 3))
    plan = taught(teacher, lambda: next(losses))
    rows = table(plan)
    assert asked == [(w, w + 1, w / 10) for w in range(10)]
    assert np.array_equal(plan.table, rows)
    assert plan.losses.tolist() == np.arange(30).reshape(10, 3).tolist()
    assert plan.shares[3] == pytest.approx(np.array([4, 4, 5]) / 13, abs=1e-6)


def test_a_long_run_computes_each_window_once():
    """A window costs the same at the end of a run as at its beginning."""
    plan = taught(lambda s: [3, 2, 1], steps=400, every=4)
    made = []
    one = plan._walk.window
    plan._walk.window = lambda share: made.append(1) or one(share)
    table(plan)
    assert len(made) == 100


def test_it_goes_on_from_what_is_kept():
    """Nothing but the history is needed to go on: a teacher has no memory of its own."""
    draws = np.random.default_rng(1).random((10, 3))
    for name, teacher in TEACHERS.items():
        whole, first = State(), State()
        rows = table(taught(teacher, iter(draws).__next__, state=whole))
        source = iter(draws)
        begun = taught(teacher, source.__next__, state=first)
        for step in range(18):  # killed inside the fifth window
            begun.at(step)
        later = taught(teacher, source.__next__, state=first)
        again = np.stack([later.at(step) for step in range(18, 40)])
        assert np.array_equal(rows[18:], again), name
        assert first.history == whole.history


def test_a_replay_is_the_same_order_and_a_shuffled_one_the_same_programs():
    plan = taught(lambda s: [3, 2, 1])
    rows = table(plan)
    again = Recorded(rows, {})
    assert np.array_equal(np.stack([again.at(i) for i in range(40)]), rows)
    mixed = shuffled(rows, 5)
    assert mixed.shape == rows.shape and not np.array_equal(mixed, rows)
    assert np.array_equal(np.sort(mixed.ravel()), np.sort(rows.ravel()))
    assert Recorded(mixed, {}).digest != again.digest


@pytest.mark.parametrize(
    "shares, said",
    [
        ([np.nan, 1, 1], "finite"),
        ([np.inf, 1, 1], "finite"),
        ([-0.1, 1, 1], "not negative"),
        ([0, 0, 0], "not all zero"),
        ([1, 1], "one for each of the 3 tasks a, b, c"),
        ("abc", "no shares"),
        (None, "finite|no shares|shape"),
    ],
)
def test_bad_teachers_are_caught_with_their_window(shares, said):
    plan = taught(lambda s: [1, 1, 1] if s.window < 2 else shares)
    plan.at(0), plan.at(4)
    with pytest.raises(ValueError, match=said) as error:
        plan.at(8)
    assert "window 2" in str(error.value)


def test_plans_without_a_run_and_steps_outside_are_refused():
    with pytest.raises(ValueError, match="attach"):
        Taught(lambda s: [1, 1, 1], TASKS, 0, 8, 2).at(0)
    with pytest.raises(ValueError, match="steps 0 to 39"):
        taught(lambda s: [1, 1, 1]).at(40)
    with pytest.raises(ValueError, match="every is 0"):
        Taught(lambda s: [1, 1, 1], TASKS, 0, 8, 2, every=0)


@pytest.mark.parametrize(
    "ids, task, said",
    [
        ([1, 2, 3], [0, 0, 1], "each needs at least one"),
        ([1, 2, 3, 4], [0, 1, 2, 3], "one of these"),
        ([1, 1, 2], [0, 1, 2], "twice"),
        ([1, 2], [0, 1, 2], "one length"),
    ],
)
def test_tasks_hold_every_program_once(ids, task, said):
    with pytest.raises(ValueError, match=said):
        Tasks(np.array(ids), np.array(task), NAMES)


def test_review_names_what_is_odd():
    natural = np.array([0.5, 0.3, 0.2])
    rng = np.random.default_rng(0)
    fine = rng.dirichlet([5, 3, 2], 30)
    assert review(fine, natural, NAMES) == []
    assert (
        "never changed its mind" in review(np.tile(natural, (9, 1)), natural, NAMES)[0]
    )
    late = fine.copy()
    late[20:, 2] = 0
    assert any(
        "c was starved: in the last third" in s for s in review(late, natural, NAMES)
    )


# --- single teachers, by hand ---


def test_natural_is_the_mix_of_the_data():
    assert TEACHERS["natural"](seen([[1, 2, 3]])).tolist() == [0.5, 0.3, 0.2]


def test_competence_opens_the_easiest_part():
    at = lambda t: TEACHERS["competence"](seen([[1, 1, 1]], progress=t))  # noqa: E731
    assert at(0) == pytest.approx([0.1, 0, 0])  # c₀ = 0.1
    half = np.sqrt(0.5 * 0.99 + 0.01)  # t = 0.4 of 0.8
    assert at(0.4) == pytest.approx([0.5, half - 0.5, 0])
    assert at(0.8) == pytest.approx([0.5, 0.3, 0.2])
    assert at(1.0) == pytest.approx([0.5, 0.3, 0.2])


def test_fading_moves_from_the_first_task_to_the_last():
    def at(t):
        s = seen([[1, 1, 1]], progress=t, natural=[1 / 3] * 3)
        return TEACHERS["fading"](s)

    assert at(0) == pytest.approx(np.exp([0, -0.5, -2]) / 3)
    assert at(1) == pytest.approx(at(0)[::-1])
    assert at(0.5).argmax() == 1


def test_self_paced_opens_what_is_easy_now():
    shares = TEACHERS["self_paced"](seen([[3, 1, 2]], progress=0.0))
    assert shares == pytest.approx([0, 0.3, 0])  # the 0.3 with the lowest loss
    later = TEACHERS["self_paced"](seen([[3, 1, 2]], progress=0.4))  # 0.65 is open
    assert later == pytest.approx([0.15, 0.3, 0.2])


def test_superloss_weighs_what_is_above_the_mean_less():
    from scipy.special import lambertw

    now = np.array([1.0, 0.5, 0.9])
    mean = now @ [0.5, 0.3, 0.2]
    shares = TEACHERS["superloss"](seen([now]), softness=0.5)
    beta = np.maximum((now - mean) / 0.5, -2 / np.e)
    by_hand = np.array([0.5, 0.3, 0.2]) * np.exp(-lambertw(beta / 2 + 1e-9).real)
    assert shares == pytest.approx(by_hand, rel=1e-3)
    assert shares[0] / 0.5 < shares[2] / 0.2 < shares[1] / 0.3
    assert np.isfinite(TEACHERS["superloss"](seen([[9.0, 0, 0]]))).all()


def test_bandits_prefer_the_task_that_makes_progress():
    losses = np.array([[4.0, 4, 4]] + [[2 - 0.2 * w, 2, 2] for w in range(8)])
    exp3s = TEACHERS["exp3s"](seen(losses))
    assert exp3s.argmax() == 0 and exp3s.min() >= 0.1 / 3
    assert exp3s.sum() == pytest.approx(1)
    slope = TEACHERS["slope"](seen(losses))
    assert slope == pytest.approx([0.9 + 0.1 / 3, 0.1 / 3, 0.1 / 3])
    rising = losses.copy()
    rising[1:, 0] = rising[1:, 0][::-1]  # forgotten at the same pace
    assert TEACHERS["slope"](seen(rising)) == pytest.approx(slope)
    assert TEACHERS["exp3s"](seen(rising)).argmin() == 0


def test_the_learned_teacher_moves_towards_the_better_mix():
    """The learner gains 0.1 a window times what task 0 got: its share should grow."""
    natural, losses, shares = np.array([1 / 3] * 3), [np.full(3, 9.0)], []
    for w in range(200):
        s = Seen(np.array(losses), np.array(shares).reshape(w, 3), natural, w / 200, 0)
        shares.append(TEACHERS["learned"](s))
        losses.append(losses[-1] - 0.1 * shares[-1][0])
    assert np.mean(shares[-20:], 0)[0] > 0.6 > np.mean(shares[:20], 0)[0]
