"""Probes: can a linear map read a fact about a program off a layer?

- `questions` are facts about TinyPy programs that are true at a stated place of the text:
  the value of the variable that is printed, whether the first condition holds, how often a
  loop turns, the sign of the result. They come from evaluating the program's own syntax
  tree, not from a model.
- The probe is ridge regression on the label's indicators: exact, without steps or seeds.
- A probe that is right may have learned the task by itself. The *control task* has the same
  number of labels, drawn by lot for each first line of a program: all that a probe gets
  there it gets by memorising. The difference is the *selectivity*. A second control is the
  model before training.

Papers: Alain and Bengio (2017); Hewitt and Liang (2019) for control tasks and selectivity.
Chapter 23 uses it.
"""

from __future__ import annotations

import ast
import operator
import re
from typing import NamedTuple

import numpy as np

from ..data.corpus import Corpus, split
from ..files import hash_uniform

ARITHMETIC = {
    ast.Add: operator.add, ast.Sub: operator.sub,
    ast.Mult: operator.mul, ast.Div: operator.truediv,
}  # fmt: skip
RELATIONS = {
    ast.Lt: operator.lt, ast.Gt: operator.gt, ast.LtE: operator.le,
    ast.GtE: operator.ge, ast.Eq: operator.eq, ast.NotEq: operator.ne,
}  # fmt: skip


def value(node: ast.expr, names: dict):
    """What an expression of TinyPy evaluates to, with the values in `names`.

    Raises: ValueError: the expression is none of TinyPy's.
    """
    match node:
        case ast.Constant(value=int() | float() as x):
            return x
        case ast.Name(id=name) if name in names:
            return names[name]
        case ast.BinOp(left=a, op=op, right=b) if type(op) in ARITHMETIC:
            return ARITHMETIC[type(op)](value(a, names), value(b, names))
        case ast.Compare(left=a, ops=[op], comparators=[b]) if type(op) in RELATIONS:
            return RELATIONS[type(op)](value(a, names), value(b, names))
        case ast.UnaryOp(op=ast.Not(), operand=a):
            return not value(a, names)
        case ast.BoolOp(op=op, values=parts):
            every = [value(part, names) for part in parts]
            return all(every) if isinstance(op, ast.And) else any(every)
    raise ValueError(f"no expression of TinyPy: {ast.unparse(node)}")


class Question(NamedTuple):
    """A fact asked at one place of each of n programs."""

    what: str
    program: np.ndarray  # (n,) numbers of the corpus
    place: np.ndarray  # (n,) characters before the one at which the stream is read
    label: np.ndarray  # (n,) integers from 0
    control: np.ndarray  # (n,) as many labels, by lot for each first line
    train: np.ndarray  # (n,) bool: the probe is fitted here, and tested elsewhere


ASKED = {
    "value": "the digit held by the variable of the last print, at its name there",
    "value, written": "the same digit, at the place from which the answer is written",
    "branch": "does the condition of the if hold? At the end of its line",
    "branch, written": "the same, at the place from which the answer is written",
    "turns": "how often the loop turns, at the end of its line",
    "sign": "in programs with a minus: is the first number of the output negative?",
}


def facts(code: str, output: str) -> dict[str, tuple[int, int]]:
    """{question: (place, fact)} of one program; only what can be asked of it."""
    found: dict[str, tuple[int, int]] = {}
    starts = np.cumsum([0, *(len(line) + 1 for line in code.split("\n"))])
    names: dict = {}
    for node in ast.parse(code).body:
        end_of_line = int(starts[node.lineno]) - 1  # the line break
        match node:
            case ast.Assign(targets=[ast.Name(id=name)], value=new):
                names[name] = value(new, names)
            case ast.If(test=test):
                found["branch"] = (end_of_line, int(value(test, names)))
            case ast.For(target=ast.Name(id=name), iter=ast.Call(args=bounds)):
                turns = len(range(*(value(x, names) for x in bounds)))
                found["turns"] = (end_of_line, turns)
                names.pop(name, None)
    writes = len(code) + len("\n# output\n# ") - 1  # the last place before the answer
    shown = list(re.finditer(r"print\((\w)\)", code))
    if output and shown and type(digit := names.get(shown[-1][1])) is int:
        if 0 <= digit < 10:
            found["value"] = (shown[-1].start(1), digit)
            found["value, written"] = (writes, digit)
    if output and "-" in code:  # else the sign could be read off the text
        found["sign"] = (writes, int(output.startswith("-")))
    if output and "branch" in found:
        found["branch, written"] = (writes, found["branch"][1])
    return found


def questions(corpus: Corpus, seed: int = 0) -> dict[str, Question]:
    """The questions of `ASKED` for the programs of a corpus; classes below 20 are left out.

    Programs that are equal after renaming are all fitted or all tested. In "sign", as many
    programs of either class are kept as the rarer one has.
    """
    parts = split(corpus, "renamed", (0.6, 0.0, 0.4), seed + 24)  # 0 made the corpus
    fitted = np.isin(np.arange(len(corpus)), parts.train)
    every = [facts(c, o) for c, o in zip(corpus.codes, corpus.outputs, strict=True)]
    found = {}
    for what in ASKED:
        ids = np.array([i for i, f in enumerate(every) if what in f])
        fact = np.array([every[i][what][1] for i in ids])
        kinds, counts = np.unique(fact, return_counts=True)
        kinds = kinds[counts >= 20]
        keep = np.isin(fact, kinds)
        if what == "sign":
            few = counts.min()
            for kind in kinds:  # the first ones of each class
                keep[np.flatnonzero(fact == kind)[few:]] = False
        ids, label = ids[keep], np.searchsorted(kinds, fact[keep])
        lines = [corpus.codes[i].split("\n", 1)[0] for i in ids]
        lot = {
            line: int(len(kinds) * hash_uniform([0], "control", seed, what, line)[0])
            for line in set(lines)
        }
        found[what] = Question(
            what, ids, np.array([every[i][what][0] for i in ids]), label,
            np.array([lot[line] for line in lines]), fitted[ids],
        )  # fmt: skip
    return found


def accuracy(x, label, train, ridge: float = 10.0) -> float:
    """Share of the tested rows whose label a linear probe finds.

    Args: x: (n, C) vectors, scaled here to mean 0 and spread 1 by the fitted rows.
        label: (n,) integers from 0. train: (n,) bool. ridge: the penalty, fixed beforehand.
    Raises: ValueError: no row to fit or none to test.
    """
    x, label, train = np.asarray(x, np.float64), np.asarray(label), np.asarray(train)
    if train.all() or not train.any():
        raise ValueError(
            f"{train.sum()} of {len(train)} rows are to be fitted; some must be tested"
        )
    spread = x[train].std(0)
    x = (x - x[train].mean(0)) / np.where(spread > 1e-9, spread, 1.0)
    y = np.eye(label.max() + 1)[label]
    mean = y[train].mean(0)
    a = x[train]
    weights = np.linalg.solve(
        a.T @ a + ridge * np.eye(x.shape[1]), a.T @ (y[train] - mean)
    )
    guess = (x[~train] @ weights + mean).argmax(1)
    return float((guess == label[~train]).mean())


def commonest(label, train) -> float:
    """Share of the tested rows that have the fitted rows' commonest label."""
    label, train = np.asarray(label), np.asarray(train)
    return float((label[~train] == np.bincount(label[train]).argmax()).mean())
