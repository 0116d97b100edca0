import math
import re

from exercises import ch05 as check

PAIRS = {
    "type": ("# 5.0\n\n", "# 5\n\n"),
    "shape": ("# 1\n# 2\n\n", "# 1 2\n\n"),
    "value": ("# -5.3\n\n", "# -5 3\n\n"),
}
truths = ["# 4\n\n", "# 5\n\n", "# 1\n\n", "# 2.5\n\n"]
said = ["# 4\n\n", "# 6\n\n", "# 1\n\n", "# what\n\n"]
DECIMAL = re.compile(r"# -?\d+\.\d+(e-?\d+)?")


def close(t, s):
    both = DECIMAL.fullmatch(t) and DECIMAL.fullmatch(s)
    return t == s or bool(
        both and math.isclose(float(t[2:]), float(s[2:]), rel_tol=1e-6)
    )


def fair(truth, said):
    if truth.count("\n") != said.count("\n"):
        return False
    lines = zip(truth.split("\n"), said.split("\n"), strict=True)
    return all(close(t, s) for t, s in lines)


def silent(said, truths):
    return [s if s == t else "no idea" for s, t in zip(said, truths, strict=True)]


WRONG = {
    check.pairs: [
        None,
        {},
        ("# 5.0\n\n", "# 5\n\n"),
        dict.fromkeys(PAIRS, ("# 5.0\n\n", "# 5\n\n")),
        dict.fromkeys(PAIRS, ("# 5\n\n", "# 5\n\n")),
        PAIRS | {"value": ("# 5.0\n\n", "# 5\n\n")},
        PAIRS | {"shape": ("# 5.0\n\n", "# 5\n\n")},
        PAIRS | {"type": ("# 5\n\n", "# 6\n\n")},
        PAIRS | {"type": (5, 5.0)},
    ],
    check.judge: [
        None,
        lambda truth, said: True,
        lambda truth, said: False,
        lambda truth, said: truth == said,
        lambda truth, said: "yes",
        lambda truth, said: float(truth[2:]) == float(said[2:]),
        lambda truth, said: truth.strip() == said.strip(),
        lambda truth: True,
    ],
    check.worse: [
        (answer, said, truths)
        for answer in (
            None,
            lambda said, truths: said,
            lambda said, truths: truths,
            lambda said, truths: [],
            lambda said, truths: ["no idea"] * len(said),
            lambda said, truths: [None] * len(said),
            lambda said, truths: said[::-1],
            lambda said: said,
        )
    ],
}
RIGHT = {
    check.pairs: [PAIRS, PAIRS | {"value": ("# -1.5\n\n", "# -1\n# 5\n\n")}],
    check.judge: [fair, lambda truth, said: bool(fair(truth, said))],
    check.worse: [
        (silent, said, truths),
        (lambda s, t: tuple(silent(s, t)), said, truths),
    ],
}
