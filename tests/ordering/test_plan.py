"""Schedules and plans: the right programs, in an order that nothing but the spec decides."""

import dataclasses
import json
import subprocess
import sys

import numpy as np
import pytest

from curriculum.difficulty import LABELS
from curriculum.ordering import plan as P
from curriculum.ordering import schedules as S

N, STEPS, BATCH = 900, 60, 16


@pytest.fixture(scope="module")
def scored():
    rng = np.random.default_rng(0)
    scores = rng.normal(size=N).round(1)  # many ties, as with real scorers
    return np.arange(N) + 1000, scores, np.digitize(scores, [-0.4, 0.4])


def make(scored, name, seed=0, **fields):
    return P.Plan(S.get(name, **fields), *scored, seed, STEPS, BATCH)


@pytest.mark.parametrize("name", S.NAMED)
def test_any_step_alone_equals_the_table(scored, name):
    whole = make(scored, name).table
    alone = make(scored, name)
    for step in (STEPS - 1, 7, 31, 0):
        assert (alone.at(step) == whole[step]).all()
    assert whole.shape == (STEPS, BATCH)


@pytest.mark.parametrize("name", S.NAMED)
def test_same_seed_same_plan_other_seed_other_plan(scored, name):
    assert make(scored, name).digest == make(scored, name).digest
    assert make(scored, name).digest != make(scored, name, seed=1).digest


def test_plan_is_the_same_in_another_process(scored):
    """Nothing of the process (hash seed, threads) may reach the order."""
    code = (
        "import numpy as np; from curriculum.ordering import plan, schedules;"
        "s=(np.arange(300)*7%23).astype(float);"
        "p=plan.Plan(schedules.get('hybrid'),np.arange(300),s,np.digitize(s,[8,16]),3,40,8);"
        "print(p.digest)"
    )
    digests = {
        subprocess.run(
            [sys.executable, "-c", code],
            env={"PYTHONHASHSEED": h, "OMP_NUM_THREADS": t},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for h, t in (("1", "1"), ("2", "2"))
    }
    assert digests == {GOLDEN + "\n"}


# Guards the order itself: a change here changes every committed result.
GOLDEN = "b028e0da96d7f55b3f42b7a8d747f9727ee2caf95d2202ad1259e6f48960de7b"


def labels_at(scored, plan, steps):
    label = dict(zip(scored[0].tolist(), scored[2].tolist(), strict=True))
    return {label[i] for s in steps for i in plan.at(s).tolist()}


def test_stages_draw_the_labels_they_name(scored):
    sequential = make(scored, "sequential")
    assert sequential.starts == [0, 20, 40, 60]
    for stage in range(3):
        assert labels_at(scored, sequential, range(20 * stage, 20 * stage + 20)) == {
            stage
        }
    incremental = make(scored, "incremental")
    assert labels_at(scored, incremental, range(*incremental.starts[:2])) == {0}
    assert labels_at(scored, incremental, range(*incremental.starts[1:3])) == {0, 1}
    assert labels_at(scored, make(scored, "hard-only"), range(STEPS)) == {2}
    assert labels_at(scored, make(scored, "anti"), range(10)) == {2}
    assert labels_at(scored, make(scored, "random-order"), range(10)) == {0, 1, 2}


@pytest.mark.parametrize("end", S.ENDS)
@pytest.mark.parametrize("replay", [0.1, 0.5, 1.0])
def test_hybrid_replays_the_asked_end(scored, end, replay):
    ids, scores, labels = scored
    plan = make(scored, "hybrid", replay=replay, end=end)
    easy = np.flatnonzero(labels == 0)
    kept = np.intersect1d(plan.pools[1], easy)
    assert len(kept) == round(replay * len(easy))
    left = np.setdiff1d(easy, kept)
    if len(left) and end == "hardest":
        assert scores[kept].min() >= scores[left].max()
    if len(left) and end == "easiest":
        assert scores[kept].max() <= scores[left].min()
    assert np.isin(np.flatnonzero(labels == 1), plan.pools[1]).all()


def test_warmup_is_easy_first_and_then_everything(scored):
    plan = make(scored, "warmup", length=0.25)
    assert plan.starts == [0, 15, 60]
    assert labels_at(scored, plan, range(15)) == {0}
    assert labels_at(scored, plan, range(15, 60)) == {0, 1, 2}
    assert (np.sort(plan.pools[1]) == np.arange(N)).all()
    assert make(scored, "warmup").starts == [0, 12, 60]


@pytest.mark.parametrize("options", [{}, {"replay": 0.2, "end": "easiest"}])
def test_hybrid_shuffled_delivers_what_the_hybrid_delivers_in_another_order(
    scored, options
):
    hybrid = make(scored, "hybrid", seed=3, **options)
    plan = make(scored, "hybrid-shuffled", seed=3, **options)
    assert (np.sort(plan.table, None) == np.sort(hybrid.table, None)).all()
    assert (plan.table != hybrid.table).mean() > 0.9
    # Easy programs come early in the hybrid, and at any time here.
    label = np.zeros(N + 1000, int)
    label[scored[0]] = scored[2]
    halves = np.split(label[plan.table] == 0, 2)  # 2 × (S/2, B)
    assert abs(halves[0].mean() - halves[1].mean()) < 0.1
    halves = np.split(label[hybrid.table] == 0, 2)
    assert halves[0].mean() - halves[1].mean() > 0.2
    flight = P.preflight(plan, np.ones(2000, int))
    assert {s["pool"] for s in flight.stages} == {len(np.unique(hybrid.table))}


def test_parameters_are_read_from_the_signature():
    assert S.parameters(S.NAMED["hybrid"]) == {"replay": 0.5, "end": "hardest"}
    assert S.parameters(S.NAMED["baseline"]) == {}
    for function in S.NAMED.values():
        S.make(function, "x", S.parameters(function))  # the defaults are accepted
    with pytest.raises(ValueError, match="replay of <lambda> needs a number or a text"):
        S.parameters(lambda replay: S.hybrid(replay))


def test_a_level_has_the_names_of_difficulty():
    assert S.get_args(S.Label) == LABELS and set(S.get_args(S.Pacing)) == set(S.PACING)


def test_an_epoch_shows_every_program_once(scored):
    plan = P.Plan(S.get("baseline"), *scored, 0, 3 * N // 12, 12)
    for epoch in range(3):
        rows = plan.table.ravel()[epoch * N : (epoch + 1) * N]
        assert (np.sort(rows) == scored[0]).all()


def test_no_two_epochs_have_one_order(scored):
    plan = P.Plan(S.get("baseline"), *scored, 0, 3 * N // 12, 12)
    orders = {tuple(epoch) for epoch in plan.table.reshape(3, N).tolist()}
    assert len(orders) == 3


@pytest.mark.parametrize("pacing", S.PACING)
def test_pacing_grows_from_start_to_all(pacing):
    schedule = S.paced(pacing, start=0.2, full_at=0.5, power=3)
    shares = [schedule.open_share(t) for t in np.linspace(0, 1, 101)]
    assert shares[0] == pytest.approx(0.2, abs=1e-9)
    assert (np.diff(shares) >= -1e-12).all() and max(shares) == 1.0
    assert all(s == 1.0 for s in shares[50:])


def test_root_really_uses_its_power():
    assert S.root(0.5, 0.1, 2) != S.root(0.5, 0.1, 3)
    assert S.root(0.25, 0, 2) == pytest.approx(0.5)


def test_paced_plan_never_draws_what_is_closed(scored):
    ids, scores, _ = scored
    plan = make(scored, "paced-linear")
    order = np.sort(scores)
    for step in range(STEPS):
        n_open = max(BATCH, round(plan.schedule.open_share(step / STEPS) * N))
        assert scores[plan.at(step) - 1000].max() <= order[n_open - 1]


def test_spec_survives_json():
    for name in S.NAMED:
        schedule = S.get(name)
        assert (
            S.Schedule.from_dict(json.loads(json.dumps(schedule.to_dict()))) == schedule
        )


@pytest.mark.parametrize(
    "make_it, words",
    [
        (lambda: S.get("hybird"), "schedule is 'hybird'"),
        (lambda: S.get("baseline", replay=0.2), "does not take replay"),
        (lambda: S.get("hybrid", replay=0), "share is 0"),
        (lambda: S.get("hybrid", replay=1.5), "share is 1.5"),
        (lambda: S.get("hybrid", end="best"), "end is 'best'"),
        (lambda: S.paced("cubic"), "pacing is 'cubic'"),
        (lambda: S.LevelSelection("trivial"), "label is 'trivial'"),
        (lambda: S.Stage(()), "selections is empty"),
        (lambda: S.Stage((S.LevelSelection("easy"),), 0), "length is 0"),
        (
            lambda: S.Stage((S.LevelSelection("easy"), S.LevelSelection("easy"))),
            "twice",
        ),
        (lambda: S.Schedule("x"), "either stages or pacing"),
        (lambda: S.paced(ranking="reverse"), "ranking is 'reverse'"),
        (lambda: S.get("hybrid", replay=1e-300), "share is 1e-300"),
        (lambda: S.get("hybrid", replay=float("nan")), "replay is nan"),
        (lambda: S.get("hybrid", replay="0.5"), "replay is '0.5'"),
        (lambda: S.get("hybrid", replay=True), "replay is True"),
        (
            lambda: S.get("warmup", length=1.0),
            "length is 1.0; it must be a number from",
        ),
        (
            lambda: S.get("paced-linear", power=3.0),
            "power belongs to paced-root, paced-step",
        ),
        (lambda: S.get("paced-root", power=float("inf")), "power is inf"),
        (lambda: S.Stage([S.LevelSelection("easy")]), "must be of type tuple"),
        (lambda: S.Schedule.from_dict([]), "must be a Schedule"),
        (
            lambda: S.Schedule.from_dict({"name": "x", "stages": 3}),
            "must be a list of Stage",
        ),
        (lambda: S.Schedule.from_dict({"pacing": "root"}), "needs the field 'name'"),
        (lambda: S.Schedule.from_dict({"name": "x", "pase": 1}), "no field 'pase'"),
    ],
)
def test_bad_schedules_name_the_field(make_it, words):
    with pytest.raises(ValueError, match=words):
        make_it()


def test_bad_plans_say_why(scored):
    ids, scores, labels = scored
    with pytest.raises(ValueError, match="corpus is empty"):
        P.Plan(S.get("baseline"), [], [], [], 0, 10, 4)
    with pytest.raises(ValueError, match="fewer than one batch of 900"):
        P.Plan(S.get("sequential"), *scored, 0, 10, 900)
    with pytest.raises(ValueError, match="no program is 'medium'"):
        P.Plan(
            S.get("sequential"), ids, scores, np.where(labels == 1, 0, labels), 0, 10, 4
        )
    with pytest.raises(ValueError, match="too few for the 3 stages"):
        P.Plan(S.get("hybrid"), *scored, 0, 2, 4)
    with pytest.raises(ValueError, match="score nan"):
        P.Plan(
            S.get("baseline"),
            ids,
            np.where(ids == 1003, np.nan, scores),
            labels,
            0,
            10,
            4,
        )
    with pytest.raises(ValueError, match="step is 60"):
        make(scored, "baseline").at(60)


def test_saved_plan_comes_back_and_tampering_is_seen(scored, tmp_path):
    plan = make(scored, "hybrid")
    path = plan.save(tmp_path / "plan.parquet")
    spec, table = P.Plan.load_table(path)
    assert (table == plan.table).all() and spec["schedule"]["name"] == "hybrid"
    other = make(scored, "anti")
    other.__dict__["digest"] = plan.digest  # as if somebody had exchanged the rows
    with pytest.raises(ValueError, match="does not match its own digest"):
        P.Plan.load_table(other.save(tmp_path / "other.parquet"))
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(ValueError, match="not a readable plan"):
        P.Plan.load_table(path)


def test_preflight_counts_what_the_plan_draws(scored):
    plan = make(scored, "hybrid")
    lengths = np.arange(2000) % 50 + 10
    flight = P.preflight(plan, lengths, flops_per_token=10.0, rate=100.0)
    tokens = sum(int(lengths[i]) for i in plan.table.ravel())
    assert flight.tokens == tokens == sum(s["tokens"] for s in flight.stages)
    assert flight.flops == tokens * 10 and flight.minutes == pytest.approx(
        tokens / 6000
    )
    assert (
        flight.stages[0]["labels"]["hard"] == 0
        and flight.stages[2]["labels"]["hard"] > 0
    )
    assert [s["steps"] for s in flight.stages] == np.diff(plan.starts).tolist()
    assert f"{tokens:,}" in str(flight)


def test_controls_differ_from_hybrid_in_the_ranking_alone():
    for name in ("anti", "random-order"):
        same = dataclasses.replace(S.get(name), name="hybrid", ranking="score")
        assert same == S.get("hybrid")
    assert set(LABELS) == {t.label for t in S.get("baseline").stages[0].selections}
