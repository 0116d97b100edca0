"""What stands behind chapter 20: its tables, and a player that needs nothing."""

import itertools
import json

import numpy as np
import pytest

from behind import ch20
from curriculum import files
from curriculum.evaluation import stats
from curriculum.mobile import rules, spec, train

KEPT = files.read_json("results/mobile/film.json", sealed=True)


@pytest.fixture(scope="module")
def study():
    return ch20.Study()


def test_every_arm_has_the_same_seeds_and_a_good_audit(study):
    for arm, runs in study.runs.items():
        assert [r["seed"] for r in runs] == list(range(8)), arm
        for run in runs:
            assert run["audit"]["ok"] and run["audit"]["played"] == 1000
            assert spec.validate(run["curriculum"]).steps == 100_000


def test_contrasts_are_those_of_the_scores(study):
    base = study.scores("target only")
    assert base.shape == (8, 200)
    rows = study.contrasts()
    assert len(rows) == 6
    arm, c, p, _ = rows[0]
    assert c.mean == pytest.approx((study.scores(arm) - base).mean())
    assert p == stats.holm([c.p for _, c, *_ in rows])[0]


def test_rules_are_as_recorded(study):
    again = rules.play(rules.best_signal, spec.TARGET, train.TEST_SEEDS)
    np.testing.assert_allclose(study.scores("best signal")[0], again, atol=5.1e-5)


def test_reached_is_the_first_step_at_the_threshold():
    study = ch20.Study()
    study.runs["random"] = [
        {"curve": [{"step": 5_000, "sampled": -0.3}, {"step": 10_000, "sampled": s}]}
        for s in (-0.2, 0.1)
    ]
    found = study.reached("random", -0.1)
    assert np.isnan(found[0]) and found[1] == 7_500


def test_interquartile_mean_leaves_out_the_extremes():
    table = np.array([[x] for x in (0, 1, 1, 1, 1, 1, 1, 99)], float)
    assert ch20.middle(table).startswith("1.000 [")


def test_orders_of_an_echo_and_of_a_fixed_opinion():
    echo, fixed = np.eye(24), np.tile(np.eye(24)[0], (24, 1))
    listed, easy = ch20.orders(echo)
    assert (listed == 1).all() and easy.mean() == pytest.approx(0)
    listed, easy = ch20.orders(fixed)
    assert (easy == 1).all() and listed.mean() == pytest.approx(0)


def test_the_film_is_one_episode_of_both_agents():
    assert len(KEPT["users"]) == 100 and len(KEPT["agents"]) == 2
    for shown in KEPT["agents"].values():
        assert [len(row) for row in shown["links"]] == [5] * 100
        # without any link the utility is the least
        for links, value in itertools.islice(
            zip(shown["links"], shown["utility"], strict=True), 100
        ):
            assert (value == -1) == (not any(links))


def test_the_player_needs_nothing_from_elsewhere():
    page = ch20.film(KEPT)
    assert len(page) < 60_000
    assert "http" not in page.replace("http://www.w3.org/2000/svg", "")
    assert "prefers-reduced-motion" in page and '<button type="button">' in page
    data = page.partition("const data = ")[2].partition(";\n")[0]
    assert json.loads(data)["users"] == KEPT["users"]
