"""Intervals and tests against published or independently computed values."""

import warnings

import numpy as np
import pytest
from scipy import stats as S

from curriculum.evaluation import stats


def test_wilson_against_published_values():
    # Newcombe (1998), Table I: 81/263 and 0/20 by Wilson's method without correction
    assert stats.wilson(81, 263) == pytest.approx((0.2553, 0.3662), abs=1e-4)
    assert stats.wilson(0, 20) == pytest.approx((0.0, 0.1611), abs=1e-4)
    assert stats.wilson(0, 0) == (0.0, 1.0)
    with pytest.raises(ValueError, match="right is 5 of 3"):
        stats.wilson(5, 3)


def test_clustered_wilson_is_plain_for_single_answers_and_wider_for_clusters():
    right = np.array([1] * 30 + [0] * 70)
    one = np.ones(100)
    assert stats.wilson_clustered(right, one) == pytest.approx(stats.wilson(30, 100))
    together = stats.wilson_clustered(
        right * 10, one * 10
    )  # ten answers that stand together
    assert together == pytest.approx(stats.wilson(30, 100))
    spread = stats.wilson_clustered(np.full(100, 3), np.full(100, 10))
    assert spread[1] - spread[0] <= together[1] - together[0]


def test_wilson_covers_the_truth():
    rng = np.random.default_rng(0)
    inside = 0
    for _ in range(1000):
        low, high = stats.wilson(rng.binomial(50, 0.1), 50)
        inside += low <= 0.1 <= high
    assert 930 <= inside <= 985


def test_mean_interval_is_students():
    values = [0.1, 0.4, 0.3, 0.6]
    mean, low, high = stats.mean_interval(values)
    expected = S.t.interval(0.95, 3, loc=np.mean(values), scale=S.sem(values))
    assert (mean, low, high) == pytest.approx((0.35, *expected))
    assert np.isnan(stats.mean_interval([1.0])[1])


def test_sign_flip_by_hand():
    assert stats.sign_flip([1.0, 2.0, 3.0]) == 2 / 8  # only +++ and --- reach the mean
    assert stats.sign_flip([1.0, -1.0]) == 1.0
    assert stats.sign_flip(np.ones(16)) == 2 / 2**16  # all ways, up to sixteen seeds
    assert stats.sign_flip(np.ones(20)) == pytest.approx(1 / 65_537, rel=0.01)


def test_sign_flip_is_calibrated_under_no_effect():
    rng = np.random.default_rng(1)
    p = np.array([stats.sign_flip(rng.normal(size=8)) for _ in range(400)])
    assert 0.02 < (p <= 0.05).mean() < 0.09


def test_what_fewer_pairs_find_has_the_same_spread():
    gaps = np.array([0.01, -0.03, 0.02, -0.05])
    spread = gaps.std(ddof=1)
    assert stats.detectable_at(spread, 4) == pytest.approx(stats.detectable(gaps))
    assert stats.detectable_at(spread, 3) > stats.detectable_at(spread, 8)


def test_paired_uses_pairs():
    base = np.array([0.1, 0.5, 0.9, 0.3])
    found = stats.paired(base + 0.02, base)
    assert found.mean == pytest.approx(0.02) and found.high - found.low < 1e-9
    assert found.p == 2 / 16 and "4 seeds" in str(found)
    with pytest.raises(ValueError, match="one figure per seed"):
        stats.paired([1, 2], [1, 2, 3])


def test_detectable_effect_is_detected_four_times_in_five():
    rng = np.random.default_rng(2)
    noise = rng.normal(size=10)
    noise = (noise - noise.mean()) / noise.std(ddof=1)
    size = stats.detectable(noise)
    hits = sum(
        S.ttest_1samp(rng.normal(size, 1, 10), 0).pvalue < 0.05 for _ in range(800)
    )
    assert 0.72 < hits / 800 < 0.88
    assert stats.detectable([0.1]) == float("inf")
    assert stats.detectable([0.25, 0.25, 0.25]) == 0


@pytest.mark.parametrize("n", [2, 3, 5, 40, 1000])
def test_detectable_is_exact_also_for_few_seeds(n):
    """The test's power, averaged over the chi-square distribution of the spread."""
    difference = np.resize([-1.0, 1.0], n)
    difference /= difference.std(ddof=1)
    for power in (0.3, 0.8, 0.99):
        shift = stats.detectable(difference, power) * np.sqrt(n)  # in standard errors
        spread = np.sqrt(
            S.chi2.ppf((np.arange(20_000) + 0.5) / 20_000, n - 1) / (n - 1)
        )
        limit = S.t.ppf(0.975, n - 1) * spread
        found = S.norm.sf(limit - shift) + S.norm.cdf(-limit - shift)
        assert found.mean() == pytest.approx(power, abs=1e-3)
    with pytest.raises(ValueError, match="power is 0.01"):
        stats.detectable(difference, 0.01)


def test_holm_by_hand():
    assert stats.holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert stats.holm([0.9, 0.8]) == pytest.approx([1.0, 1.0])


def test_equivalence_needs_closeness():
    assert stats.equivalent([0.001, -0.002, 0.0005, 0.001], 0.02) < 0.01
    assert stats.equivalent([0.05, 0.04, 0.06, 0.05], 0.02) > 0.9
    with pytest.raises(ValueError, match="margin"):
        stats.equivalent([0.1, 0.2], 0)


def test_bootstrap_is_repeatable_and_near_students():
    values = np.random.default_rng(3).normal(size=60)
    one, two = stats.bootstrap(values), stats.bootstrap(values)
    assert one == two
    _, low, high = stats.mean_interval(values)
    assert one == pytest.approx((low, high), abs=0.06)


# --- arms over seeds and programs ---


def answers(rng, shift, seeds=8, programs=300, seed_sd=0.02):
    """Two arms: programs of their own difficulty, seeds with a luck of their own."""
    hard = rng.uniform(0.1, 0.9, programs)
    luck = rng.normal(0, seed_sd, (2, seeds, 1))
    p = np.clip(hard + luck + np.array([shift, 0.0])[:, None, None], 0, 1)
    return rng.random(p.shape) < p


def test_two_way_bootstrap_covers_and_is_repeatable():
    rng = np.random.default_rng(3)
    inside = 0
    for _ in range(150):
        arm, reference = answers(rng, 0.05)
        low, high = stats.two_way_bootstrap(arm * 1.0 - reference, draws=400)
        inside += low <= 0.05 <= high  # clipping moves the truth by far less
    assert inside / 150 > 0.9
    difference = arm * 1.0 - reference
    assert stats.two_way_bootstrap(difference) == stats.two_way_bootstrap(difference)


def test_two_way_bca_over_one_kind_of_unit_is_the_known_bca():
    """Skewed differences of seeds on programs that are all alike, against SciPy's."""
    by_seed = np.random.default_rng(1).exponential(size=14)
    gap = np.tile(by_seed[:, None], 5)
    known = S.bootstrap(
        (by_seed,),
        np.mean,
        method="BCa",
        n_resamples=20_000,
        rng=np.random.default_rng(0),
    ).confidence_interval
    found = stats.two_way_bootstrap(gap, draws=20_000, bca=True)
    assert found == pytest.approx((known.low, known.high), abs=0.06)
    plain = stats.two_way_bootstrap(gap, draws=20_000)
    assert found[0] > plain[0] + 0.02 and found[1] > plain[1] + 0.04
    turned = stats.two_way_bootstrap(gap.T, draws=20_000, bca=True)
    assert turned == pytest.approx(found, abs=0.03)
    flat = stats.two_way_bootstrap(np.ones((3, 4)), bca=True)
    assert flat == (1.0, 1.0)


def test_mixed_interval_is_students_over_seeds_where_programs_are_alike():
    by_seed = np.random.default_rng(1).normal(size=7)
    gap = np.tile(by_seed[:, None], 9)
    assert stats.mixed_interval(gap) == pytest.approx(stats.mean_interval(by_seed)[1:])
    assert stats.mixed_interval(gap.T) == pytest.approx(
        stats.mean_interval(by_seed)[1:]
    )


def test_mixed_interval_covers_as_often_as_it_says():
    rng = np.random.default_rng(5)
    S, P, inside = 6, 40, 0
    for _ in range(1000):
        gap = 0.3 * rng.normal(size=(S, 1)) + 0.8 * rng.normal(size=P)
        gap = gap + rng.normal(size=(S, P))
        low, high = stats.mixed_interval(gap)
        inside += low <= 0 <= high
    assert 925 <= inside <= 975
    low, high = stats.mixed_interval(
        np.indices((4, 6)).sum(0) % 2
    )  # only the rest varies
    assert low < 0.5 < high and high - low < 0.6


def test_two_way_bootstrap_sees_both_sources():
    """One program deciding everything widens it, and so does one seed."""
    even = np.tile([0.0, 1.0], (6, 50))
    one_seed = np.zeros((6, 100))
    one_seed[0] = 3.0
    low, high = stats.two_way_bootstrap(one_seed)
    assert low == 0.0 and high > 1.0
    low, high = stats.two_way_bootstrap(even)
    assert 0.35 < low < 0.45 and 0.55 < high < 0.65  # only programs vary


def test_contrast_is_rarely_seen_where_nothing_is():
    rng = np.random.default_rng(4)
    found = [stats.contrast(*answers(rng, 0.0)) for _ in range(100)]
    assert sum(c.p < 0.05 for c in found) <= 11
    assert abs(np.mean([c.mean for c in found])) < 0.005
    real = [stats.contrast(*answers(rng, 0.08)) for _ in range(20)]
    assert sum(c.p < 0.05 for c in real) >= 18


def test_contrast_refuses_what_does_not_fit():
    with pytest.raises(ValueError, match="needs .seeds, programs."):
        stats.contrast(np.zeros((2, 5)), np.zeros((3, 5)))
    with pytest.raises(ValueError, match="two seeds"):
        stats.contrast(np.zeros((1, 5)), np.zeros((1, 5)))


@pytest.mark.parametrize(
    "low, high, p, equivalent, words",
    [
        (0.02, 0.05, 0.01, 1.0, "seen"),
        (0.001, 0.008, 0.01, 0.01, "seen, negligible"),
        (-0.004, 0.006, 0.6, 0.01, "ruled out"),
        (-0.03, 0.02, 0.6, 0.5, "open"),
    ],
)
def test_the_four_verdicts(low, high, p, equivalent, words):
    c = stats.Contrast((low + high) / 2, low, high, p, equivalent, 0.01, 8, 100, 0.02)
    assert stats.verdict(c, p) == words


# --- held against a library ---


def test_wilson_holm_and_equivalence_agree_with_statsmodels():
    from statsmodels.stats.multitest import multipletests
    from statsmodels.stats.proportion import proportion_confint
    from statsmodels.stats.weightstats import DescrStatsW

    rng = np.random.default_rng(5)
    for right, total in ((0, 20), (3, 17), (250, 500)):
        theirs = proportion_confint(right, total, method="wilson")
        assert stats.wilson(right, total) == pytest.approx(theirs, abs=1e-9)
    p = rng.random(12) ** 3
    assert stats.holm(p) == pytest.approx(multipletests(p, method="holm")[1])
    for n in (3, 8, 20):
        difference = rng.normal(0.002, 0.01, n)
        theirs = DescrStatsW(difference).ttost_mean(-0.01, 0.01)[0]
        assert stats.equivalent(difference, 0.01) == pytest.approx(theirs)


def test_the_detectable_effect_has_the_power_it_says():
    from statsmodels.stats.power import TTestPower

    for n in (3, 5, 12, 40):
        difference = np.resize([-1.0, 1.0], n) + np.linspace(0, 0.1, n)
        effect = stats.detectable(difference) / difference.std(ddof=1)
        power = TTestPower().power(effect, n, 0.05, alternative="two-sided")
        assert power == pytest.approx(0.8, abs=2e-3)


def test_a_bootstrap_of_few_values_warns():
    with pytest.warns(UserWarning, match="a bootstrap of 9 values gives too narrow"):
        stats.bootstrap(np.arange(9.0))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        stats.bootstrap(np.arange(10.0))


def test_components_are_those_of_a_mixed_model():
    """Crossed random effects by REML, fitted by statsmodels on a small full table."""
    from statsmodels.regression.mixed_linear_model import MixedLM

    rng = np.random.default_rng(4)
    S, P = 6, 15
    table = 2 * rng.normal(size=(S, 1)) + rng.normal(size=P)
    table = table + rng.normal(size=(S, P))
    found = stats.components(table)
    seed, program = (x.ravel() for x in np.indices((S, P)))
    parts = {f"s{i}": (seed == i).astype(float)[:, None] for i in range(S)}
    designs = [
        [np.stack([v[:, 0] for v in parts.values()], 1)],
        [(program[:, None] == np.arange(P)).astype(float)],
    ]
    from statsmodels.regression.mixed_linear_model import VCSpec

    spec = VCSpec(
        ["seeds", "programs"],
        [[[f"s{i}" for i in range(S)]], [[f"p{i}" for i in range(P)]]],
        [[d[0]] for d in designs],
    )
    fit = MixedLM(
        table.ravel(), np.ones((S * P, 1)), np.zeros(S * P), exog_vc=spec
    ).fit(reml=True)
    assert fit.vcomp == pytest.approx([found.seeds, found.programs], rel=0.01)
    assert fit.scale == pytest.approx(found.rest, rel=0.01)
    assert fit.bse_fe[0] == pytest.approx(found.error(S, P), rel=0.01)


def test_components_of_tables_without_one_kind_of_noise():
    rows = np.array([[0.0], [1.0], [5.0]]) + np.zeros(4)
    found = stats.components(rows)
    assert (found.programs, found.rest) == (0, 0)
    assert found.seeds == pytest.approx(np.var([0, 1, 5], ddof=1))
    assert found.error(3, 4) == pytest.approx(np.sqrt(found.seeds / 3))
    turned = stats.components(rows.T)
    assert (turned.seeds, turned.programs) == (0, pytest.approx(found.seeds))
