"""Where rooms meet: difficulty, controls, records and statistics of a whole study.

What an experiment is given and what a study reads from its records, worked out a second
time: from texts and scores, from records with another figure at every place, and by
other libraries. `test_joints` follows one run.
"""

import dataclasses
from collections import Counter

import numpy as np
import pytest
from scipy import stats as S

from curriculum import difficulty, files, plots
from curriculum.data.corpus import Corpus, leakage_report
from curriculum.evaluation import stats
from curriculum.evaluation.answers import Answers, Question, pack
from curriculum.experiments import experiment, records
from curriculum.ordering import schedules

# --- difficulty, as an experiment uses it ---


def test_scores_stand_beside_their_programs(smoke):
    by_length = dataclasses.replace(smoke[0], scorer="characters", cut="tertiles")
    data = experiment.load_data(by_length)
    assert data.scores.tolist() == [len(code) for code in data.corpus.codes]
    easy, medium, hard = (data.scores[data.labels == i] for i in range(3))
    assert easy.max() < medium.min() and medium.max() < hard.min()
    for part in (easy, medium, hard):
        assert len(part) == pytest.approx(len(data.corpus) / 3, rel=0.15)
    data = smoke[1]
    assert data.labels.tolist() == np.digitize(data.scores, (2, 4)).tolist()
    assert {2.0, 4.0} & set(data.scores.tolist())  # a score on a cut: the harder label


@pytest.mark.fault(
    "Joints",
    "familiarity is fitted on all programs, those of the test included",
    "what is familiar is what training shows",
    "a test fits it on the training programs alone and compares the scores",
)
def test_familiarity_knows_the_training_programs_only(smoke):
    e = dataclasses.replace(smoke[0], scorer="unfamiliarity", cut="tertiles")
    data = experiment.load_data(e)
    codes = data.corpus.codes
    train = difficulty.Familiarity.fit([codes[i] for i in data.train])
    every = difficulty.Familiarity.fit(codes)
    some = [*data.train[:5], *data.test[:20]]
    found = data.scores[some]
    assert found == pytest.approx([train.surprisal(codes[i]) for i in some], rel=1e-12)
    assert found != pytest.approx([every.surprisal(codes[i]) for i in some], rel=1e-12)


# --- schedules and their controls, as an experiment uses them ---


def test_stages_have_the_lengths_of_the_release():
    lengths = {
        "baseline": [120], "sequential": [40, 40, 40], "incremental": [25, 30, 65],
        "hybrid": [20, 30, 70], "anti": [20, 30, 70], "random-order": [20, 30, 70],
        "hybrid-shuffled": [20, 30, 70], "hard-only": [120], "warmup": [24, 96],
    }  # fmt: skip
    for name, expected in lengths.items():
        assert np.diff(schedules.get(name).boundaries(120)).tolist() == expected


@pytest.mark.fault(
    "Joints",
    "a control ignores the replayed share that its experiment sets",
    "controls differ from the hybrid in one thing; the replayed share is not that",
    "a test counts the programs of each stage from the labels",
)
@pytest.mark.parametrize("replay", [0.25, 1.0])
def test_controls_replay_the_share_of_their_experiment(resolved, replay):
    def plan(name):
        return resolved(name, options={"replay": replay}).plan

    arm = resolved("baseline")
    scores = arm.data.scores[arm.plan.ids]
    label = np.digitize(scores, (2, 4))  # 0 easy, 1 medium, 2 hard
    count = np.bincount(label)
    part = [round(replay * n) for n in count]
    forward = [count[0], part[0] + count[1], part[0] + part[1] + count[2]]
    for name in ("hybrid", "random-order", "hybrid-shuffled"):
        assert [len(pool) for pool in plan(name).pools] == forward, name
    anti = plan("anti")
    backward = [count[2], part[2] + count[1], part[2] + part[1] + count[0]]
    assert [len(pool) for pool in anti.pools] == backward
    replayed, hard = anti.pools[1], np.sort(scores[label == 2])
    replayed = scores[replayed[label[replayed] == 2]]
    assert max(replayed) == hard[part[2] - 1]  # turned round, the easy end is last
    assert set(label[plan("random-order").pools[0]]) == {0, 1, 2}
    shuffled, hybrid = plan("hybrid-shuffled").table, plan("hybrid").table
    assert Counter(shuffled.ravel().tolist()) == Counter(hybrid.ravel().tolist())


def test_simple_controls_draw_what_they_say(resolved):
    def drawn(name, steps=slice(None)):
        arm = resolved(name)
        scores = arm.data.scores[arm.plan.table[steps]].ravel()
        return set(np.digitize(scores, (2, 4)).tolist())

    assert drawn("hard-only") == {2}
    assert drawn("warmup", slice(0, 5)) == {0}  # a fifth of 24 steps
    assert drawn("warmup", slice(5, None)) == {0, 1, 2}
    assert drawn("anti", slice(0, 4)) == {2}


def test_a_drawing_of_a_plan_shows_its_labels(resolved):
    arm = resolved("sequential")
    figure, axes = plots.plt.subplots()
    shares = plots.draw_plan(axes, arm.plan, arm.data.labels, blocks=12)
    plots.plt.close(figure)
    assert shares.tolist() == np.repeat(np.eye(3), 4, axis=0).tolist()


# --- records and statistics ---


def fake(schedule, seed, **accuracies):
    """A record with another accuracy at every place."""
    label = {name: {"accuracy": value} for name, value in accuracies.items()}
    construct = {f"{n}.1": {"accuracy": seed + n / 8} for n in (1, 2)}
    whole = {"accuracy": seed + 0.5, "by_label": label, "by_construct": construct}
    tasks = {"token": whole, "execution": {"accuracy": seed / 8}}
    return {
        "name": f"{schedule}_s{seed}",
        "spec": {"schedule": schedule, "seed": seed, "study": "fake"},
        "results": {"exact": tasks, "released": {"execution": {"accuracy": 0.9}}},
    }


def test_figures_of_records_are_those_asked_for():
    found = [fake(s, n, easy=n, hard=n + 7) for n in (3, 1) for s in ("anti", "hybrid")]
    assert records.accuracy(found[0]) == 3 / 8
    assert records.accuracy(found[0], "token") == 3.5
    assert records.accuracy(found[0], protocol="released") == 0.9
    assert records.accuracy(found[0], "token", label="hard") == 10
    assert records.accuracy(found[0], "token", construct="2.1") == 3.25
    table = records.by_arm(found, lambda r: records.accuracy(r, "token"))
    assert {k: v.tolist() for k, v in table.items()} == {
        "anti": [3.5, 1.5],
        "hybrid": [3.5, 1.5],
    }


def test_right_answers_are_of_the_task_and_in_the_order_of_seeds(tmp_path):
    found = [fake("hybrid", 2), fake("hybrid", 0)]
    for r, ones in zip(found, ([1, 0, 1, 1], [0, 1, 1, 0]), strict=True):
        ids, one = np.array([7, 8, 9, 11]), np.ones(4, np.int64)
        every = [Answers(Question("token"), ids, 3 * np.array(ones), 4 * one)]
        for protocol, right in (("exact", ones), ("released", [1, 1, 0, 0])):
            own = Answers(Question("execution", protocol), ids, np.array(right), one)
            own.predicted = [""] * 4
            own.empty = np.array([False, False, False, True])
            every.append(own)
        files.write_json(tmp_path / "fake/answers" / f"{r['name']}.json", pack(every))
    exact = records.right(found, tmp_path)["hybrid"]
    assert exact.tolist() == [[0, 1, 1], [1, 0, 1]]  # seed 0 first; the empty left out
    released = records.right(found, tmp_path, protocol="released")["hybrid"]
    assert released.tolist() == [[1, 1, 0, 0]] * 2
    token = records.right(found, tmp_path, "token")["hybrid"]
    assert token.tolist() == [[0, 0.75, 0.75, 0], [0.75, 0, 0.75, 0.75]]


@pytest.mark.fault(
    "Joints",
    "the detectable effect takes the spread of a population for that of a sample",
    "intervals, p-values and detectable effects are those of the textbook",
    "a test compares them with two libraries, on the same numbers",
)
def test_a_contrast_is_that_of_the_libraries():
    from statsmodels.stats.power import TTestPower
    from statsmodels.stats.weightstats import DescrStatsW

    rng = np.random.default_rng(0)
    one, other = (rng.random((6, 40)) < p for p in (0.62, 0.5))
    found = stats.contrast(one, other, margin=0.05)
    difference = one.mean(1) - other.mean(1)
    assert found.mean == pytest.approx(difference.mean())
    assert (found.seeds, found.programs) == (6, 40)
    ours = stats.paired(one.mean(1), other.mean(1))
    theirs = S.ttest_rel(one.mean(1), other.mean(1)).confidence_interval()
    assert (ours.low, ours.high) == pytest.approx((theirs.low, theirs.high))
    flips = S.permutation_test(
        (difference,), np.mean, permutation_type="samples", n_resamples=np.inf
    )
    assert found.p == ours.p == pytest.approx(flips.pvalue)
    tost = DescrStatsW(difference).ttost_mean(-0.05, 0.05)[0]
    assert found.equivalent == pytest.approx(tost)
    effect = TTestPower().solve_power(None, 6, 0.05, 0.8) * difference.std(ddof=1)
    assert found.detectable == ours.detectable == pytest.approx(effect, rel=1e-3)
    # the bootstrap's interval, by the variance it has over seeds and programs
    both = one.astype(float) - other
    rows, columns = both.mean(1), both.mean(0)
    inner = both - rows[:, None] - columns + both.mean()
    spread = np.sqrt(rows.var() / 6 + columns.var() / 40 + inner.var() / 240)
    assert found.high - found.low == pytest.approx(2 * 1.96 * spread, rel=0.1)


def test_the_leakage_report_counts_twins_by_kind(smoke):
    data = smoke[1].corpus
    codes = [f"{a} = 1\nprint({a} * {n})" for n in (2, 3) for a in "abcde"]
    corpus = Corpus(data.spec, codes, ["1"] * 10, np.array(["1.1"] * 10))
    report = leakage_report(corpus, test_share=0.3)
    assert {k: (v["crossing"], v["test"]) for k, v in report.items()} == {
        "text": (0, 3),
        "renamed": (3, 3),  # five of each kind: every test program has one in training
        "skeleton": (3, 3),
    }
    others = Corpus(data.spec, codes[::5], ["1"] * 2, np.array(["1.1"] * 2))
    found = leakage_report(others, test_share=0.5)
    assert (found["renamed"]["share"], found["skeleton"]["share"]) == (0, 1)
