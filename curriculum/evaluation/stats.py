"""Uncertainty: no number without an interval, no winner without a test.

- `wilson`: an interval for a share of right answers, honest near 0 and 1.
- `mean_interval`: a mean over seeds with Student's t, for the few seeds we can afford.
- `paired`: the difference of two arms that share seeds, test programs and first weights:
  interval, sign-flip permutation test and the smallest effect the design could have seen.
- `holm` corrects for having asked several questions; `equivalent` asks the opposite one.

Sources: Wilson (1927), Holm (1979), Efron & Tibshirani (1993), Card et al. (2020).
Chapter 6 explains the intervals and the tests.
"""

from __future__ import annotations

import itertools
import warnings
from dataclasses import dataclass

import numpy as np
from scipy import optimize, stats

from ..files import hash_uniform


def wilson(right: float, total: float, level: float = 0.95) -> tuple[float, float]:
    """Confidence interval (low, high) of a share `right` / `total`; (0, 1) if total is 0."""
    if not 0 <= right <= total:
        raise ValueError(
            f"right is {right} of {total}; it must lie between 0 and the total"
        )
    if not total:
        return 0.0, 1.0
    z = stats.norm.ppf(0.5 + level / 2)
    share = right / total
    middle = (share + z**2 / (2 * total)) / (1 + z**2 / total)
    half = (
        z
        / (1 + z**2 / total)
        * np.sqrt(share * (1 - share) / total + z**2 / (4 * total**2))
    )
    return max(0.0, float(middle - half)), min(1.0, float(middle + half))


def wilson_clustered(right, total, level: float = 0.95) -> tuple[float, float]:
    """Wilson's interval for answers that come in clusters, such as characters in programs.

    Args: right, total: (n,) right answers and answers of each program.
    Characters of one program stand or fall together, so they count for less than as many
    independent ones: the share's variance over programs gives the number of independent
    answers that would be as uncertain. One answer per program gives plain Wilson.
    """
    right, total = np.asarray(right, float), np.asarray(total, float)
    if not total.sum():
        return 0.0, 1.0
    share, n = right.sum() / total.sum(), np.count_nonzero(total)
    variance = ((right - share * total) ** 2).sum() / total.sum() ** 2
    effective = float(share * (1 - share) / variance if variance > 0 else n)
    return wilson(share * effective, effective, level)


def mean_interval(values, level: float = 0.95) -> tuple[float, float, float]:
    """(mean, low, high) over seeds by Student's t; one seed has no interval (nan)."""
    values = np.asarray(values, float)
    if not len(values):
        raise ValueError("values is empty; an interval needs at least one run")
    mean = float(values.mean())
    if len(values) == 1:
        return mean, float("nan"), float("nan")
    error = stats.sem(values) * stats.t.ppf(0.5 + level / 2, len(values) - 1)
    return mean, float(mean - error), float(mean + error)


@dataclass(frozen=True)
class Paired:
    """The difference of two arms, seed by seed."""

    mean: float
    low: float
    high: float
    p: float  # two-sided sign-flip permutation test
    seeds: int
    detectable: float  # smallest true difference found 4 times in 5 at this spread

    def __str__(self):
        return (
            f"{self.mean:+.4f} [{self.low:+.4f}, {self.high:+.4f}]"
            f" p = {self.p:.3f}, {self.seeds} seeds"
        )


def paired(arm, reference, level: float = 0.95) -> Paired:
    """Compare two arms run with the same seeds.

    Args: arm, reference: (n,) one figure per seed, in the same order of seeds.
    Returns: `Paired`. With n seeds the smallest possible p is 2^(1 − n): three seeds can
        never reach 0.05, however large the effect.
    """
    arm, reference = np.asarray(arm, float), np.asarray(reference, float)
    if arm.shape != reference.shape or arm.ndim != 1 or not len(arm):
        raise ValueError(
            f"arm has the shape {arm.shape}, reference {reference.shape};"
            " a paired comparison needs one figure per seed in both"
        )
    difference = arm - reference
    mean, low, high = mean_interval(difference, level)
    return Paired(
        mean,
        low,
        high,
        sign_flip(difference),
        len(difference),
        detectable(difference, level=level),
    )


def sign_flip(difference, most: int = 65_536) -> float:
    """P that so large a mean |difference| arises when each sign is a coin's.

    All 2^n patterns for small n, else `most` random ones.
    """
    difference = np.asarray(difference, float)
    n = len(difference)
    if 2**n <= most:
        signs = np.array(list(itertools.product((1, -1), repeat=n)))
    else:
        draw = hash_uniform(np.arange(most * n), "sign flip").reshape(most, n)
        signs = np.vstack([np.ones(n), np.where(draw < 0.5, -1, 1)])
    flipped = np.abs((signs * difference).mean(1))
    return float((flipped >= abs(difference.mean()) - 1e-12).mean())


def detectable(difference, power: float = 0.8, level: float = 0.95) -> float:
    """`detectable_at` the spread and number of these (n,) differences."""
    n = len(difference)
    spread = float(np.std(difference, ddof=1)) if n > 1 else 0.0
    return detectable_at(spread, n, power, level)


def detectable_at(
    spread: float, n: int, power: float = 0.8, level: float = 0.95
) -> float:
    """Smallest true mean difference a paired t-test of n differences would find.

    Exact: the effect at which the noncentral t distribution gives the test this power.
    Say it before a comparison: a null result below this size is no evidence of no effect.

    Args: spread: standard deviation of the differences (n - 1 in the denominator).
    Returns: in the unit of `spread`; infinite below two differences.
    """
    if not 1 - level < power < 1:
        raise ValueError(f"power is {power}; it must be between {1 - level:g} and 1")
    if n < 2:
        return float("inf")
    critical = stats.t.ppf(0.5 + level / 2, n - 1)

    def missing(nc):  # nc: the true mean difference in standard errors
        wrong_sign = stats.nct.cdf(
            -critical, n - 1, nc
        )  # nan in scipy where below 1e-16
        return stats.nct.sf(critical, n - 1, nc) + np.nan_to_num(wrong_sign) - power

    most = 2 * critical
    while missing(most) < 0:
        most *= 2
    nc = optimize.brentq(missing, 0, most)
    return float(nc * spread / np.sqrt(n))


def bootstrap(values, statistic=np.mean, draws: int = 2000, level: float = 0.95):
    """(low, high) percentile interval of `statistic` over (n,) or (n, k) `values`.

    Resampling is keyed, so the same values always give the same interval. Of fewer than
    ten values (seeds, say) it is too narrow, and a warning says so: use `paired`.
    """
    values = np.asarray(values)
    if len(values) < 10:
        warnings.warn(
            f"a bootstrap of {len(values)} values gives too narrow an interval; use"
            " `paired`, which has the t distribution's",
            stacklevel=2,
        )
    pick = (
        hash_uniform(np.arange(draws * len(values)), "bootstrap") * len(values)
    ).astype(int)
    found = [statistic(values[rows]) for rows in pick.reshape(draws, -1)]
    low, high = np.quantile(found, [0.5 - level / 2, 0.5 + level / 2])
    return float(low), float(high)


def holm(p) -> np.ndarray:
    """Holm's step-down adjusted p-values, in the order given."""
    p = np.asarray(p, float)
    order = np.argsort(p, kind="stable")
    adjusted = np.maximum.accumulate(p[order] * (len(p) - np.arange(len(p))))
    out = np.empty(len(p))
    out[order] = np.minimum(adjusted, 1.0)
    return out


def equivalent(difference, margin: float) -> float:
    """P of the two one-sided tests: small means the true difference is within ± margin."""
    difference = np.asarray(difference, float)
    if len(difference) < 2 or margin <= 0:
        raise ValueError(
            f"{len(difference)} seeds, margin {margin}; needs two seeds and a margin above 0"
        )
    error = stats.sem(difference)
    if error == 0:
        return float(abs(difference.mean()) >= margin)
    t = (np.array([difference.mean() + margin, margin - difference.mean()])) / error
    return float(stats.t.sf(t, len(difference) - 1).max())


# --- arms over seeds and programs ---


@dataclass(frozen=True)
class Contrast:
    """The difference of two arms, over seeds and test programs together."""

    mean: float  # of the differences, in the unit of the answers (a share)
    low: float  # two-way bootstrap over seeds and programs, 95 %
    high: float
    p: float  # two-sided sign-flip permutation test over seeds
    equivalent: float  # two one-sided tests over seeds against ± margin
    margin: float
    seeds: int
    programs: int
    detectable: float  # smallest true difference found 4 times in 5 at this spread


def two_way_bootstrap(
    difference, draws: int = 2000, level: float = 0.95, bca: bool = False
):
    """(low, high) of the mean of `difference` (seeds, programs).

    Seeds and programs are resampled independently, since both were drawn: other seeds,
    or other test programs, could have been taken. The interval is a little too wide
    rather than too narrow (McCarthy, 1969; Owen, 2007), though with few seeds less so:
    decide by `sign_flip`, which is exact at any number of them.

    Args:
        bca: correct the ends for bias and skewness (Efron, 1987), with the influence of
            each seed and of each program as those of two samples.
    """
    difference = np.asarray(difference, float)
    S, P = difference.shape
    seeds, programs = (
        _counts(draws, n, name) for n, name in ((S, "seeds"), (P, "programs"))
    )
    means = ((seeds @ difference) * programs).sum(1) / (S * P)  # (draws,)
    ends = np.array([0.5 - level / 2, 0.5 + level / 2])
    if bca:
        mean = difference.mean()
        below = (means < mean).mean() + (means == mean).mean() / 2
        z0 = stats.norm.ppf(np.clip(below, 1 / draws, 1 - 1 / draws))
        moved = [(difference.mean(axis) - mean) / n for axis, n in ((1, S), (0, P))]
        influence = np.concatenate(moved)  # (S + P,)
        size = (influence**2).sum() ** 1.5
        skew = (influence**3).sum() / (6 * size) if size else 0.0
        z = z0 + stats.norm.ppf(ends)
        ends = stats.norm.cdf(z0 + z / (1 - skew * z))
    low, high = np.quantile(means, ends)
    return float(low), float(high)


def mixed_interval(difference, level: float = 0.95) -> tuple[float, float]:
    """(low, high) of the mean of `difference` (seeds, programs), by a mixed model.

    Seeds and programs are crossed random effects, as in `components`. In a full table the
    error of the mean follows from three mean squares; Satterthwaite (1946) gives its
    degrees of freedom.
    """
    difference = np.asarray(difference, float)
    S, P = difference.shape
    squares = np.array(_mean_squares(difference))
    freedom = np.array([S - 1, P - 1, (S - 1) * (P - 1)])
    signs = np.array([1, 1, -1])
    if squares @ signs <= 0:  # neither seeds nor programs differ by more than chance
        signs = np.array([0, 0, 1])
    total = squares @ signs
    df = total**2 / ((squares * signs) ** 2 / freedom).sum() if total else 1
    half = stats.t.ppf(0.5 + level / 2, df) * np.sqrt(total / (S * P))
    mean = float(difference.mean())
    return mean - half, mean + half


def _mean_squares(table) -> tuple[float, float, float]:
    """Of seeds, of programs, and of what is left, in a full (seeds, programs) table."""
    S, P = table.shape
    by_seed, by_program, mean = table.mean(1), table.mean(0), table.mean()
    left = table - by_seed[:, None] - by_program + mean
    rest = (left**2).sum() / ((S - 1) * (P - 1))
    return P * by_seed.var(ddof=1), S * by_program.var(ddof=1), rest


def _counts(draws, n, name) -> np.ndarray:
    """(draws, n) how often each of n things is drawn in a resample of n."""
    pick = hash_uniform(np.arange(draws * n), "two-way bootstrap", name) * n
    at = pick.astype(int).reshape(draws, n) + n * np.arange(draws)[:, None]
    return np.bincount(at.ravel(), minlength=draws * n).reshape(draws, n).astype(float)


@dataclass(frozen=True)
class Components:
    """Variances of a (seeds, programs) table: where the noise of its mean comes from."""

    seeds: float  # between seeds: first weights and order together
    programs: float  # between test programs
    rest: float  # of one seed on one program

    def error(self, seeds: int, programs: int) -> float:
        """Standard error of a mean over so many seeds and test programs."""
        parts = self.seeds / seeds, self.programs / programs
        return float(np.sqrt(sum(parts) + self.rest / (seeds * programs)))


def components(table) -> Components:
    """Split the variance of (seeds, programs) answers, or of differences of answers.

    Both were drawn by lot, so this is the two-way random model without repetition. In a
    full table its estimates from mean squares are those of a mixed model (REML), as long
    as none would be negative; such a one is set to 0 (Searle, Casella & McCulloch, 1992).
    """
    table = np.asarray(table, float)
    S, P = table.shape
    of_seeds, of_programs, rest = _mean_squares(table)
    seeds, programs = (of_seeds - rest) / P, (of_programs - rest) / S
    return Components(max(0.0, float(seeds)), max(0.0, float(programs)), float(rest))


def contrast(arm, reference, margin: float = 0.01) -> Contrast:
    """Compare two arms whose answers are known program by program.

    Args:
        arm, reference: (seeds, programs) right (1) or wrong (0), the same seeds and the
            same programs in the same order.
        margin: a difference this small would not matter.
    """
    arm, reference = np.asarray(arm, float), np.asarray(reference, float)
    if arm.shape != reference.shape or arm.ndim != 2 or len(arm) < 2:
        raise ValueError(
            f"arm has the shape {arm.shape}, reference {reference.shape}; a contrast"
            " needs (seeds, programs), two seeds or more, the same for both"
        )
    difference = arm - reference
    by_seed = difference.mean(1)  # (seeds,)
    low, high = two_way_bootstrap(difference)
    return Contrast(
        float(by_seed.mean()),
        low,
        high,
        sign_flip(by_seed),
        equivalent(by_seed, margin),
        margin,
        difference.shape[0],
        difference.shape[1],
        detectable(by_seed),
    )


def verdict(c: Contrast, p: float) -> str:
    """The study's four verdicts, from a contrast and its corrected `p`.

    "seen": p below 0.05. "seen, negligible": and the interval lies inside the margin.
    "ruled out": not seen, and equivalent within the margin. "open": none of these.
    """
    inside = -c.margin < c.low and c.high < c.margin
    if p < 0.05:
        return "seen, negligible" if inside else "seen"
    return "ruled out" if c.equivalent < 0.05 else "open"
