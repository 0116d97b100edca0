"""What stands behind chapter 23: paths, steps of learning, and whole sets of records."""

import numpy as np
import pytest

from behind import ch23
from curriculum.evaluation import stats

STEPS = np.array([100, 200, 300])


@pytest.fixture(scope="module")
def curves():
    return ch23.Curves()


@pytest.fixture(scope="module")
def measured():
    return ch23.Measured()


def test_learned_by_hand():
    curve = np.array([[0.6, 0.3, 0.9], [0.2, 0.2, 0.8], [0.1, 0.5, 0.7]])
    np.testing.assert_allclose(ch23.learned(curve, STEPS), [150, 100, np.inf])


def test_a_path_does_not_know_the_pace():
    slow = np.exp(np.outer(np.arange(9), [-0.1, -0.2, 0.05]))
    assert ch23.apart(ch23.path(slow), ch23.path(slow[[0, 1, 5, 8]])) < 1e-9
    shifted = ch23.path(slow * [np.exp(0.3), 1, 1])
    assert 0.1 < ch23.apart(ch23.path(slow), shifted) <= 0.3


def test_pairs_of_paths_have_different_seeds(curves):
    assert len(ch23.path_distances(curves, "baseline", "baseline")) == 16 * 15 / 2
    assert len(ch23.path_distances(curves, "baseline", "hybrid")) == 16 * 15
    assert len(ch23.path_distances(curves, "baseline", "sequential")) == 15 * 4


def test_forgetting_is_the_rise_from_the_lowest(curves):
    x = ch23.forgetting(curves, "sequential", "valid")
    assert x.shape == (4, 3) and (x >= 0).all()
    assert (x[:, 0] > 0.2).all()


def test_every_model_was_measured_once(measured):
    wanted = {(ch23.FIRST, s, 0) for s in ch23.SEEDS}
    wanted |= {
        (a, s, n) for a, ns in ch23.STEPS.items() for s in ch23.SEEDS for n in ns
    }
    assert set(measured.state) == set(measured.gradients) == wanted
    for kept in (measured.state, measured.gradients):
        files_of = {r["weights"] for r in kept.values()}
        assert len(files_of) == len(wanted)
    for key, r in measured.gradients.items():
        assert r["weights"] == measured.state[key]["weights"]
        assert not r["provenance"]["commit"].endswith("+")


def test_models_answer_as_the_records_of_their_runs_say(measured):
    """Losses of test programs measured here, beside the validation losses of the runs."""
    runs = ch23.records.records("longer", ch23.files.found("book/results"))
    for r in runs:
        arm, seed = r["spec"]["schedule"], r["spec"]["seed"]
        here = measured.state[arm, seed, ch23.LAST]["loss"]
        # Other programs: a test holds as many of each level, a validation does not.
        for kind, name, near in (("valid", "all", 0.1), ("answer", "answer", 0.5)):
            for label in ch23.LABELS:
                wanted = r["curve"][-1][kind][label]
                assert here[name][label] == pytest.approx(wanted, rel=near), label


def test_pairs_of_models(measured):
    found = measured.cka("end")
    sizes = {k: v.shape for k, v in found.items()}
    assert sizes == {
        "same arm, other seed": (18, 7),
        "other arm, same seed": (12, 7),
        "other arm, other seed": (36, 7),
    }
    assert all((v >= 0).all() and (v <= 1).all() for v in found.values())
    for kind, n in (
        ("same arm, other seed", 12),
        ("other arm, other seed", 12),
        ("other arm, same seed", 12),
        ("along a run", 16),
    ):
        assert measured.lines(kind).shape == (n, 5)
    rows = [r for r in measured.pairs["lines"] if "aligned" in r]
    for r in rows:  # the ends compute the same, whatever the order of their units
        assert r["aligned"][0] == r["loss"][0]
        assert r["aligned"][-1] == pytest.approx(r["loss"][-1], abs=1e-4)
        assert r["likeness"][1] >= r["likeness"][0]


def test_binding_and_selectivity():
    kinds = [
        f"{w}, printed set {x}" for w in ("printed", "other") for x in ("last", "first")
    ]
    shares = ([1.0, 0.5, 0], [0.5, 0.5, 0], [0, 0, 0], [0.1, 0, 0])
    record = {"patches": {k: {"digit": v} for k, v in zip(kinds, shares, strict=True)}}
    assert ch23.binding(record) == pytest.approx((1.0 + 0.4) / 2)
    probe = {"accuracy": [0.2, 0.6, 0.5], "control": [0.1, 0.2, 0.9]}
    assert ch23.best(probe) == 0.6
    assert ch23.selectivity(probe) == pytest.approx(0.4)


def test_four_seeds_allow_no_verdict():
    assert stats.sign_flip(np.ones(4)) == pytest.approx(0.125)
