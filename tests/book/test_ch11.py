"""The figure and tables of "Which schedule wins?" say what the records say."""

import copy
import itertools
from pathlib import Path

import matplotlib
import numpy as np
import pytest

matplotlib.use("Agg")
import matplotlib.pyplot as plt

from behind import ch11
from curriculum.evaluation import stats
from curriculum.experiments import records

RESULTS = Path(__file__).parents[2] / "book" / "results"


@pytest.fixture(scope="module")
def runs():
    return records.records("study", RESULTS)


@pytest.fixture(scope="module")
def right(runs):
    return records.right(runs, RESULTS)


@pytest.fixture
def axes_of(monkeypatch):
    """Draws, and returns the axes instead of showing them."""
    monkeypatch.setattr(plt, "show", lambda: None)

    def draw(function, *given):
        function(*given)
        found = plt.gcf().axes
        plt.close("all")
        return found

    return draw


def execution(runs, name):
    """(seeds,) accuracies, from the summaries and not from the answers."""
    return np.array(
        [
            r["results"]["exact"]["execution"]["accuracy"]
            for r in sorted(runs, key=lambda r: r["spec"]["seed"])
            if records.arm(r) == name
        ]
    )


def test_the_four_verdicts_by_hand(runs, right):
    means, p = [], []
    for arm, reference in ch11.PRIMARY:
        seeds = execution(runs, arm) - execution(runs, reference)
        assert len(seeds) == 8
        signs = np.array(list(itertools.product((1, -1), repeat=8)))
        as_far = abs((signs * seeds).mean(1)) >= abs(seeds.mean()) - 1e-12
        means.append(seeds.mean())
        p.append(as_far.sum() / 256)
    assert np.multiply(p, 256).tolist() == [8, 4, 4, 2]
    found = ch11.verdicts(right)
    assert [c.mean for c, _, _ in found] == pytest.approx(means)
    # Holm: the smallest p times 4, the next times 3, and none below the one before.
    assert [q for _, q, _ in found] == pytest.approx([12 / 256] * 3 + [8 / 256])
    assert [said for *_, said in found] == ["seen"] * 4


def test_a_gap_is_over_the_seeds_that_both_have():
    one, two = np.zeros((4, 5)), np.ones((8, 5))
    two[4:] = 7  # seeds that the first arm does not have
    c = ch11.gap({"a": one, "b": two}, "a", "b")
    assert (c.seeds, c.mean) == (4, -1)
    assert ch11.gap({"a": one, "b": two}, "b", "a").mean == 1


def test_the_figure_shows_every_arm_and_each_seed(runs, right, axes_of):
    (axes,) = axes_of(ch11.draw_study, right)
    labels = [t.get_text() for t in axes.get_yticklabels()]
    names = [label.rpartition(" (")[0] for label in labels]
    assert sorted(names) == sorted(right)
    places = dict(zip(names, axes.get_yticks(), strict=True))
    base, marks = execution(runs, "baseline"), axes.get_lines()
    for name in set(names) - {"baseline"}:
        values = execution(runs, name)
        seeds = 100 * (values - base[: len(values)])
        assert f"{name} ({len(values)})" in labels
        drawn = [
            line.get_xdata()
            for line in marks
            if len(line.get_ydata()) == len(seeds)
            and np.allclose(line.get_ydata(), places[name] + 0.27)
        ]
        assert np.allclose(drawn, [seeds])
        means = [
            line.get_xdata()[0]
            for line in marks
            if len(line.get_ydata()) == 1 and line.get_ydata()[0] == places[name]
        ]
        assert means[0] == pytest.approx(seeds.mean())


def test_brackets_carry_the_verdict_of_their_contrast(right, axes_of):
    def said(answers):
        (axes,) = axes_of(ch11.draw_study, answers)
        return [t.get_text() for t in axes.texts if "\n" in t.get_text()][:4]

    assert said(right) == ["−3.4\nseen", "−4.0\nseen", "−3.6\nseen", "−4.0\nseen"]
    changed = right | {"hybrid": right["hybrid-shuffled"]}
    assert said(changed)[3] == "0.0\nruled out"
    assert said(changed)[1] == "−0.1\nopen"


def test_the_table_of_what_is_equal_notices_a_run_that_is_not(runs):
    def equal(found):
        return {name: answer for name, _, answer in ch11.equal_table(found).rows}

    different = {k for k, answer in equal(runs).items() if answer == "no"}
    assert different == {
        "decay of the learning rate",
        "plan (digest)",
        "characters trained on",
    }
    for change in (
        lambda r: r["corpus"].update(hash="another corpus"),
        lambda r: r["audit"].update(repeats=1),
        lambda r: r["scale"].update(lr=0.001),
    ):
        odd = copy.deepcopy(runs[7])
        change(odd)
        more = equal([*runs, odd])
        assert sum(answer == "no" for answer in more.values()) == 4
    same = [r for r in runs if records.arm(r) == "baseline"][:1]
    assert set(equal(same).values()) == {"yes"}


def test_plans_of_a_minute_have_the_proportions_of_the_study(runs):
    """The chapter counts showings in the plans of one minute and says so."""

    def first(found):
        return {records.arm(r): r for r in found if r["spec"]["seed"] == 0}

    def size(found, arm):
        tokens = [found[n]["plan"]["preflight"]["tokens"] for n in (arm, "baseline")]
        return tokens[0] / tokens[1]

    short, study = first(records.records("quick", RESULTS)), first(runs)
    both = (short.keys() & study.keys()) - {"baseline"}
    assert len(both) == 5
    for arm in both:
        assert size(short, arm) == pytest.approx(size(study, arm), abs=0.01)
        starts = [
            np.divide(f[arm]["plan"]["starts"], f[arm]["scale"]["steps"])
            for f in (short, study)
        ]
        assert np.allclose(*starts, atol=0.002)


def test_curves_are_means_over_eight_seeds(runs, axes_of):
    panels = axes_of(ch11.draw_answer_loss, runs)
    for axes, label in zip(panels, ("easy", "medium", "hard"), strict=True):
        for name in ("hybrid", "hybrid-shuffled"):
            (line,) = [x for x in axes.get_lines() if x.get_label() == name]
            ends = [
                r["curve"][-1]["answer"][label] for r in runs if records.arm(r) == name
            ]
            assert len(ends) == 8
            assert line.get_ydata()[-1] == pytest.approx(np.mean(ends))
            assert line.get_xdata()[-1] == 8.4


def test_what_the_chapter_says_about_seeds_and_intervals(runs):
    base = execution(runs, "baseline")[:4]
    assert (execution(runs, "sequential") < base).all()
    anti = np.sort(abs(execution(runs, "anti") - base))
    assert anti[2] < 0.012 < 0.108 < anti[3]
    found, missed = records.records("quick", RESULTS), []
    for task in ("token", "line", "execution"):

        def figure(r, task=task):
            return records.accuracy(r, task)

        by = records.by_schedule(found, figure)
        gaps = [stats.paired(v, by["baseline"]) for n, v in by.items()
                if n != "baseline"]  # fmt: skip
        assert len(gaps) == 6
        missed += [g for g in gaps if g.low > 0 or g.high < 0]
    assert len(missed) == 7
    assert all(g.high < 0 for g in missed)


def test_from_which_step_the_hybrid_is_behind_on_easy_programs(runs):
    by = ch11.by_arm(runs)
    one, two = (
        np.mean([[c["answer"]["easy"] for c in r["curve"]] for r in by[name]], 0)
        for name in ("hybrid", "hybrid-shuffled")
    )
    steps = [c["step"] for c in by["hybrid"][0]["curve"]]
    assert steps[0] == 1200
    assert one[0] < two[0]
    assert [s for s, a, b in zip(steps, one, two, strict=True) if a > b] == steps[2:]
    assert steps[2] == 3600


def test_seeds_of_an_arm_have_the_mean_of_its_row(right):
    table = ch11.seeds_table(right)
    lines = str(table).splitlines()[2:]
    assert [line.split("  ")[0] for line in lines] == list(ch11.OTHERS)
    for line, name in zip(lines, ch11.OTHERS, strict=True):
        seeds = [float(x) for x in line.split()[1:]]
        wanted = 100 * (right[name] - right["baseline"][: len(right[name])]).mean()
        assert np.mean(seeds) == pytest.approx(wanted, abs=0.06)


def test_the_diet_adds_up_to_the_showings(runs):
    """Times of each label, weighted by how many programs have it, are all showings."""
    table = ch11.diet_table(runs)
    base = ch11.by_arm(runs)["baseline"][0]["plan"]["preflight"]
    held = [base["stages"][0]["labels"][k] for k in ch11.LABELS]
    for arm, *times, _ in table.rows:
        shown = sum(float(t) * n for t, n in zip(times, held, strict=True))
        assert shown == pytest.approx(base["programs"], rel=0.01), arm
