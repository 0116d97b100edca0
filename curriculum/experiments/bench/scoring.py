"""The stage "scoring": all static scorers over programs, in one process.

- The limit is radon at work on trees that are there already: no parsing, no tokens.
- Ours parses too. It can be faster than radon's visitors because it is not general:
  what it does not know it leaves to them (`curriculum/plain.py`).
"""

import ast

from radon.visitors import ComplexityVisitor, HalsteadVisitor

from ... import difficulty
from ...data import corpus
from . import Stage, reference_scoring

OURS, REFERENCE = 4_000, 400  # programs a turn: a few tenths of a second each


def stages(size: str, device: str) -> list[Stage]:
    """One row; neither the model's size nor the device matters."""
    codes = corpus.build(corpus.CorpusSpec(OURS)).codes
    trees = [ast.parse(code) for code in codes]

    def ours():
        return len(difficulty.score_many(codes).scored)

    def reference():
        reference_scoring.score_many(codes[:REFERENCE])
        return REFERENCE

    def limit():
        for tree in trees:
            ComplexityVisitor.from_ast(tree)
            HalsteadVisitor.from_ast(tree)
        return len(trees)

    return [
        Stage(
            "scoring",
            "programs/s",
            ours,
            reference,
            limit,
            "radon on a tree",
            f"all {len(difficulty.STATIC)} static scorers, one core",
        )
    ]
