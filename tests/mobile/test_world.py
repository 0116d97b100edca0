"""The network in NumPy: by hand, and beside mobile-env where it is installed."""

import dataclasses

import numpy as np
import pytest

from curriculum.mobile import rules
from curriculum.mobile.spec import TARGET, UNSEEN, Stage
from curriculum.mobile.world import World, path_loss, utility


def theirs(stage, seed):
    """The library's environment for a stage: seeded in its configuration."""
    base = pytest.importorskip("mobile_env.core.base", reason="pip install -e '.[rl]'")
    from mobile_env.core.entities import BaseStation, UserEquipment

    config = base.MComCore.default_config()
    config.update(seed=seed)
    config["ue"]["velocity"] = stage.velocity
    stations = [
        BaseStation(i, xy, **config["bs"]) for i, xy in enumerate(stage.stations)
    ]
    users = [UserEquipment(i, **config["ue"]) for i in range(stage.users)]
    return base.MComCore(stations, users, config)


FAST = dataclasses.replace(TARGET, velocity=30.0, users=10)
STILL = dataclasses.replace(UNSEEN, velocity=0.0, users=2)


@pytest.mark.parametrize("stage", [TARGET, UNSEEN, FAST, STILL])
def test_equals_mobile_env(stage):
    seeds = (3, 11)
    ours, rng = World(stage, seeds), np.random.default_rng(1)
    envs = [theirs(stage, seed) for seed in seeds]
    seen = [env.reset()[0] for env in envs]
    linked = 0
    for step in range(100):
        both = np.stack(seen).reshape(2, stage.users, 7)
        np.testing.assert_allclose(ours.observe(), both, atol=1e-6)
        act = rng.integers(0, 4, (2, stage.users)) * (rng.random((2, 1)) < 0.7)
        _, reward = ours.step(act)
        out = [env.step(a) for env, a in zip(envs, act, strict=True)]
        seen = [o[0] for o in out]
        np.testing.assert_allclose(reward, [o[1] for o in out], atol=1e-12)
        places = [[(u.x, u.y) for u in env.users.values()] for env in envs]
        np.testing.assert_allclose(ours.place, places, atol=1e-9)
        rates = [[env.macro[u] for u in env.users.values()] for env in envs]
        np.testing.assert_allclose(ours.rate, rates, rtol=1e-9)
        assert [o[3] for o in out] == [step == 99] * 2
        linked += ours.links.sum()
    assert linked > 20


def at(place, *, stations=((100, 100),), velocity=0.0):
    world = World(Stage(stations, len(place), velocity, 100), [0])
    world.place[0] = place
    world._measure()
    return world


def test_a_station_reaches_about_69_units():
    world = at([(168, 100), (170, 100)])
    world.step([[1, 1]])
    assert world.links[0, :, 0].tolist() == [True, False]
    assert world.utility[0, 0] == pytest.approx(-0.293 - 0.0, abs=0.02)
    assert world.utility[0, 1] == -1


def test_the_second_request_drops_the_link():
    world = at([(110, 100)])
    for expected in (True, False, True):
        world.step([[1]])
        assert world.links[0, 0, 0] == expected


def test_users_share_a_station():
    alone, pair = at([(105, 100)]), at([(105, 100), (105, 100)])
    alone.step([[1]])
    pair.step([[1, 1]])
    assert pair.rate[0].tolist() == pytest.approx([alone.rate[0, 0] / 2] * 2)


def test_two_links_add_up():
    world = at([(100, 100)], stations=((80, 100), (120, 100)))
    world.step([[1]])
    one = world.rate[0, 0]
    world.step([[2]])
    assert world.rate[0, 0] == pytest.approx(2 * one)


def test_out_of_reach_loses_the_link():
    world = at([(110, 100)])
    world.step([[1]])
    world.place[0, 0] = (180, 100)
    world._measure()
    _, reward = world.step([[0]])
    assert not world.links.any() and reward[0] == -1


def test_worked_step_by_hand():
    # 134.905 dB + 33.772 · log10(25) dB
    assert path_loss(25.0) == pytest.approx(182.116, abs=0.001)
    assert utility(np.array([0.0, 1e-9, 90.0, 1e9])).tolist() == pytest.approx(
        [-1, -1, 0.977, 1], abs=0.001
    )


def test_copies_do_not_depend_on_their_neighbours():
    many, one = World(TARGET, [5, 6, 7]), World(TARGET, [6])
    for _ in range(30):
        act = np.ones((3, 5), int)
        a, b = many.step(act), one.step(act[:1])
        np.testing.assert_array_equal(a[0][1], b[0][0])


def test_missing_stations_have_no_signal():
    world = World(Stage(((100, 100),), 2, 1.0, 100), [0])
    world.step([[2, 3]])
    assert not world.links.any()
    assert (world.observe()[..., 4:6] == 0).all()
    assert world.environment == world.stage.environment


def test_a_finished_episode_is_refused():
    world = World(TARGET, [0], horizon=1)
    world.step([[0] * 5])
    with pytest.raises(ValueError, match="over after 1 steps; make a new World"):
        world.step([[0] * 5])


def test_rewards():
    world = World(Stage(((100, 100),), 2, 0.0, 100, "connected"), [0])
    world.place[0] = [(100, 110), (0, 0)]
    world._measure()
    assert world.step([[1, 1]])[1].tolist() == [0.0]


def test_rules():
    seeds = range(40)
    scores = {
        name: rules.play(act, TARGET, seeds).mean()
        for name, act in (
            ("best", rules.best_signal),
            ("every", rules.every_signal),
            ("random", rules.random_actions(0)),
            ("nothing", rules.nothing),
        )
    }
    assert scores["nothing"] == -1
    assert scores["best"] > scores["random"] + 0.2 > scores["nothing"]
    assert scores["every"] > scores["random"] + 0.2


def test_best_signal_drops_the_weaker_link_first():
    seen = np.zeros((1, 3, 7))
    seen[..., 3:6] = [0.2, 1.0, 0.1]
    seen[0, 1, :3] = [1, 1, 0]
    seen[0, 2, :3] = [0, 1, 0]
    assert rules.best_signal(seen).tolist() == [[2, 1, 0]]
    assert rules.every_signal(seen).tolist() == [[2, 3, 1]]
