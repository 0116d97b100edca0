import re

import numpy as np

from exercises import ch15 as check


def smallest(seeds, contrasts):
    return min(1.0, contrasts * 2 / 2**seeds)


def winners(truth, noise):
    seen = np.random.default_rng(0).normal(truth, noise, 100_000)
    return seen[np.abs(seen) > 1.96 * noise].mean()


def recognise(code):
    loop = re.search(r"for (\w) in", code)
    printed = re.search(r"print\((\w)\)", code)
    return bool(loop) and loop[1] != printed[1]


WRONG = {
    check.smallest: [
        None,
        smallest(8, 4),
        lambda seeds, contrasts: 2 / 2**seeds,
        lambda seeds, contrasts: contrasts / 2**seeds,
        lambda seeds, contrasts: contrasts * 2 / 2**seeds,
        lambda seeds, contrasts: 0.05 / contrasts,
        lambda seeds, contrasts: "0.03",
        lambda seeds: 0.03,
    ],
    check.winners: [
        None,
        lambda truth, noise: truth,
        lambda truth, noise: truth + noise,
        lambda truth, noise: 1.96 * noise,
        lambda truth, noise: float("nan"),
        lambda truth, noise: np.random.default_rng(0).normal(truth, noise, 999),
    ],
    check.recognise: [
        None,
        lambda code: True,
        lambda code: False,
        lambda code: "for" in code,
        lambda code: "print(e)" in code,
        lambda code: re.search(r"for (\w)", code)[1] != code[-2],
        lambda code: 1,
    ],
}
RIGHT = {
    check.smallest: [
        smallest,
        lambda seeds, contrasts: np.float64(check.least(seeds, contrasts)),
    ],
    check.winners: [winners, lambda t, n: np.float32(winners(t, n))],
    check.recognise: [
        recognise,
        lambda code: "for" in code and code.split("for ")[1][0] != code[-2],
    ],
}
