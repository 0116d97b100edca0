"""Kinds of mistakes: which single fault of an interpreter would give a wrong answer?

- A *planted fault* is a program with one thing changed: a name read in place of another, a
  condition turned round, a loop one turn longer or shorter, an assignment left out. It is
  run for real; if it prints what the model answered, the answer is of that kind.
- Classes are tried in the order of `CLASSES`, so every wrong answer has one. The order is a
  convention: where two faults give the same answer, the first has it.
- Agreement can be luck: short programs have few numbers to print. `by_luck` classifies the
  wrong answers to other programs, which owe nothing to this one.
- It says what an answer is *like*. What went on inside the model it does not say.

Explained in chapter 16.
"""

from __future__ import annotations

import ast
import copy
import re
from collections.abc import Iterator, Sequence

import numpy as np

from ..data import sandbox
from ..data.corpus import Program
from ..files import hash_order

FAULTS = (
    "another variable", "another branch", "off by one", "missed assignment",
    "another sign",
)  # fmt: skip
CLASSES = ("form", *FAULTS, "nothing printed", "arithmetic", "other")
MEANING = {
    "form": "not lines of numbers",
    "another variable": "a value that another variable has or had was read",
    "another branch": "a condition came out the other way",
    "off by one": "a loop made one turn more, or one fewer",
    "missed assignment": "an assignment was passed over",
    "another sign": "one of + - * / was taken for another",
    "nothing printed": "none of these, and nothing was printed",
    "arithmetic": "none of these; right number of lines, and the program calculates",
    "other": "none of these",
}
SIGNS = (ast.Add, ast.Sub, ast.Mult, ast.Div)
_FORM = re.compile(r"(# -?\d+(\.\d+)?(e[+-]\d+)?\n)*\n")


def planted(code: str) -> Iterator[tuple[str, str]]:
    """(class, program with one planted fault of that class), for every place there is."""
    tree = ast.parse(code)
    sites = list(ast.walk(tree))
    names = {n.id for n in sites if isinstance(n, ast.Name) and _stored(n)}
    for number, node in enumerate(sites):
        for kind, change in _changes(node, sites, sorted(names)):
            faulty = copy.deepcopy(tree)
            change(list(ast.walk(faulty))[number])
            yield kind, ast.unparse(ast.fix_missing_locations(faulty))


def answers(programs: Sequence[Program]) -> list[dict[str, set[str]]]:
    """For each program {class: what it would print with one fault}, the truth left out."""
    faults = [list(planted(p.code)) for p in programs]
    every = list(dict.fromkeys(code for found in faults for _, code in found))
    outcomes = dict(zip(every, sandbox.run(every), strict=True))
    table = []
    for p, found in zip(programs, faults, strict=True):
        truth = _answer(p.output)
        explained: dict[str, set[str]] = {kind: set() for kind in FAULTS}
        for kind, code in found:
            if outcomes[code].ok:
                explained[kind].add(_answer(outcomes[code].stdout.removesuffix("\n")))
        table.append({kind: said - {truth} for kind, said in explained.items()})
    return table


def classify(program: Program, predicted: str, explained: dict[str, set[str]]) -> str:
    """The class of a wrong answer: the first of `CLASSES` that fits.

    Args: explained: what `answers` found for this program.
    """
    if predicted == _answer(program.output):
        raise ValueError(f"{predicted!r} is right; only wrong answers have a class")
    if not _FORM.fullmatch(predicted):
        return "form"
    for kind in FAULTS:
        if predicted in explained[kind]:
            return kind
    if predicted == _answer(""):
        return "nothing printed"
    lines = predicted.count("\n") == _answer(program.output).count("\n")
    return "arithmetic" if lines and calculates(program.code) else "other"


def calculates(code: str) -> bool:
    """Whether there is an arithmetic sign between two values."""
    return any(isinstance(node, ast.BinOp) for node in ast.walk(ast.parse(code)))


def by_luck(levels, predicted: Sequence[str], wrong, *key) -> list[str]:
    """The wrong answers, each given to another program of its level, by hash of `key`.

    Args: levels, wrong: (n,) of each program. predicted: n answers.
    Returns: n answers; those of programs that are not wrong stay as they are.
    """
    moved, levels = list(predicted), np.asarray(levels)
    for level in np.unique(levels):
        places = np.flatnonzero((levels == level) & np.asarray(wrong, bool))
        places = places[hash_order(len(places), "luck", level, *key)]
        for here, there in zip(places, np.roll(places, 1), strict=True):
            moved[here] = predicted[there]
    return moved


# --- inside ---


def _answer(output: str) -> str:
    """What a model should write after the prompt of a program with this output."""
    program = Program("", output, "")
    return program.text[len(program.prompt) :]


def _stored(node) -> bool:
    return isinstance(node.ctx, ast.Store)


def _changes(node, sites, names):
    """(class, function that changes the node in place) for one place of a program."""
    if isinstance(node, ast.Name) and id(node) in _read(sites) and node.id in names:
        for name in names:
            if name != node.id:
                yield "another variable", _put("id", name)
        for value in _first_values(sites, node.id):
            yield "another variable", _put("id", str(value))
    if isinstance(node, ast.If):
        yield "another branch", _turn
    if isinstance(node, ast.For) and isinstance(node.iter, ast.Call):
        step = ast.literal_eval(node.iter.args[2]) if len(node.iter.args) > 2 else 1
        for place in (0, 1):  # the start, the stop
            for more in (step, -step):
                yield "off by one", _shift(place, more)
    if isinstance(node, ast.Assign):
        yield "missed assignment", _put("targets", [ast.Name("unread", ast.Store())])
    if isinstance(node, ast.BinOp):
        for sign in SIGNS:
            if not isinstance(node.op, sign):
                yield "another sign", _put("op", sign())


def _read(sites):
    """Names whose values are printed or calculated with; those in conditions are not."""
    found = set()
    for node in sites:
        if isinstance(node, ast.Assign) or (
            isinstance(node, ast.Call) and getattr(node.func, "id", "") == "print"
        ):
            parts = [node.value] if isinstance(node, ast.Assign) else node.args
            found |= {id(n) for part in parts for n in ast.walk(part)}
    return found


def _first_values(sites, name):
    """Numbers that were assigned to variables of another name, also if lost since."""
    return sorted(
        {
            node.value.value
            for node in sites
            if isinstance(node, ast.Assign)
            and isinstance(node.value, ast.Constant)
            and node.targets[0].id != name
        }
    )


def _put(field, value):
    return lambda node: setattr(node, field, copy.deepcopy(value))


def _turn(node):
    node.test = ast.UnaryOp(ast.Not(), node.test)


def _shift(place, more):
    def change(node):
        node.iter.args[place] = ast.Constant(
            ast.literal_eval(node.iter.args[place]) + more
        )

    return change
