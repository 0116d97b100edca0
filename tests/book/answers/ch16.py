import numpy as np

from curriculum.data import sandbox
from curriculum.data.corpus import CorpusSpec, build
from exercises import ch16 as check

programs = build(CorpusSpec(size=60, seed=3))
LONG = build(CorpusSpec(size=400, max_chars=60, seed=3))  # a line more is too much
KINDS = {
    "8 8 8": "another variable",
    "2 2 2": "missed assignment",
    "5 5": "off by one",
    "7 7 7": "other",
}


def my_change(code):
    return code + "\na = 0"


def moved(one, other, ids, originals):
    change = [x[:, ids].mean(1) - x[:, originals].mean(1) for x in (one, other)]
    return change[0] - change[1]


assert sandbox.run([check.CODE])[0].stdout == "5\n5\n5\n"

WRONG = {
    check.kinds: [
        None,
        {},
        {"8 8 8": "another variable"},
        KINDS | {"2 2 2": "another variable"},
        KINDS | {"7 7 7": "arithmetic"},
        KINDS | {"5 5": "off"},
        KINDS | {"5 5": 3},
        "other",
    ],
    check.keeps: [
        (None, programs),
        (lambda code: code, programs),
        (lambda code: code + "\n", programs),
        (lambda code: code.replace(" = ", "  =  "), programs),
        (lambda code: code + "\nprint(a)", programs),
        (lambda code: code + "\nprint(1)", programs),
        (lambda code: 3, programs),
        (lambda code: code + "\nz = 0", programs),  # unknown to the tokenizer
        (lambda code: code + "\na = 0" * 60, programs),
        (lambda code: code + "\na = b c", programs),
        (lambda code: code.nothing, programs),
        (my_change, LONG),
    ],
    check.moved: [
        None,
        lambda one, other, ids, originals: 0.0,
        lambda one, other, ids, originals: np.zeros(len(one)),
        lambda one, other, ids, originals: moved(other, one, ids, originals),
        lambda one, other, ids, originals: (one[:, ids] + 0.0 - other[:, ids]).mean(1),
        lambda one, other, ids, originals: moved(one, other, ids, originals).mean(),
        lambda one, other, ids, originals: "3",
        lambda one: one,
    ],
}
RIGHT = {
    check.kinds: [KINDS, dict(reversed(KINDS.items()))],
    check.keeps: [
        (my_change, programs),
        (lambda code: "d = 1\n" + code, programs),
    ],
    check.moved: [
        moved,
        lambda one, other, ids, originals: moved(one, other, ids, originals).tolist(),
    ],
}
