"""Unfamiliarity, and the Code Difficulty Metric built on it.

`Familiarity` counts the constructs of a corpus and says how surprising those of
another program are. `CDM` joins three views of one program: length, control flow
and unfamiliarity.

Notable points:

- A construct is a step down the syntax tree, "parent > child": an `if` that holds a
  `for`, a call whose argument is a sum. Names and values do not matter, only kinds.
  Docstrings and type hints are left out of the tree (`documentation.py`).
- Add-one smoothing gives every construct never seen a finite surprisal.
- Each part of the CDM is the share of the reference corpus that is strictly easier
  on that view: 0 for the easiest program, 0.9 when nine programs in ten are easier.
  The parts have no units, so that weights can join them.
- A fitted CDM is frozen: scoring more programs never changes its reference.

Summaries of Naïr, Yamani, Lhadj and Baghdadi (2024) describe a metric of this name by
its three ingredients and give no formula; the formula here is ours. Chapter 3.
"""

import ast
import math
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType

from .parse import ParsedProgram

PARTS = ("length", "control_flow", "unfamiliarity")
EQUAL_WEIGHTS = MappingProxyType({part: 1 / 3 for part in PARTS})


def constructs(source: str | ParsedProgram) -> list[tuple[str, str]]:
    """List the constructs of a program as (parent, child), in the order written.

    A kind is the name of a syntax-tree node ("If", "BinOp", "Add"); a literal is
    named by its type ("int literal"), and `else` and `finally` are kinds of their
    own, so that `elif` is ("else", "If") and an `if` inside an `if` is ("If", "If").
    """
    found = []
    stack = [("", "Module", ParsedProgram.of(source).bare_tree)]
    while stack:
        parent, kind, node = stack.pop()
        if parent:
            found.append((parent, kind))
        if node is not None:
            stack.extend(reversed(_steps_down(kind, node)))
    return found


def _steps_down(kind, node):
    """Return (parent, child kind, child) of one node, in source order."""
    steps = []
    for name in node._fields:
        value = getattr(node, name, None)
        if isinstance(value, ast.AST):
            if not isinstance(value, ast.expr_context):  # Load and Store say nothing
                steps.append((kind, _kind(value), value))
        elif isinstance(value, list) and value:
            parent = kind
            if name in ("orelse", "finalbody"):
                parent = "else" if name == "orelse" else "finally"
                steps.append((kind, parent, None))
            steps.extend(
                (parent, _kind(child), child)
                for child in value
                if isinstance(child, ast.AST)
            )
    return steps


def _kind(node):
    if isinstance(node, ast.Constant):
        return f"{type(node.value).__name__} literal"
    if isinstance(node, ast.TryStar):  # `except*` decides as `except` does
        return "Try"
    return type(node).__name__


@dataclass(frozen=True)
class Familiarity:
    """How often a corpus uses each construct; made by `Familiarity.fit`."""

    pairs: Mapping[tuple[str, str], int]  # (parent, child) -> count
    parents: Mapping[str, int]  # parent -> count of its children
    kinds: int  # distinct child kinds seen, and one for all never seen
    programs: int  # how many programs were counted

    @classmethod
    def fit(cls, sources: Iterable[str | ParsedProgram]) -> "Familiarity":
        """Count the constructs of a corpus.

        Raises:
            ValueError: there is no program, or one cannot be parsed.
        """
        return _count(
            constructs(ParsedProgram.of(source, f"<program {i}>"))
            for i, source in enumerate(sources)
        )

    def bits(self, parent: str, child: str) -> float:
        """Surprisal of one construct: -log2 P(child | parent), add-one smoothed."""
        seen = self.pairs.get((parent, child), 0) + 1
        return -math.log2(seen / (self.parents.get(parent, 0) + self.kinds))

    def surprisal(self, source: str | ParsedProgram) -> float:
        """Mean surprisal of a program's constructs, in bits per construct."""
        return self.mean_bits(constructs(source))

    def mean_bits(self, steps: Sequence[tuple[str, str]]) -> float:
        """Mean surprisal of constructs already listed; 0 when there are none."""
        # An exact sum: programs with the same constructs in another order must tie.
        return math.fsum(self.bits(*s) for s in steps) / len(steps) if steps else 0.0

    def explain(self, source: str | ParsedProgram) -> list[tuple[str, float]]:
        """List every construct of a program with its bits, in the order written."""
        return [
            (f"{parent} > {child}", self.bits(parent, child))
            for parent, child in constructs(source)
        ]


def _count(programs):
    """Fit a Familiarity to lists of constructs."""
    pairs, size = Counter(), 0
    for steps in programs:
        pairs.update(steps)
        size += 1
    if not size:
        raise ValueError("familiarity needs at least one program; got none")
    parents = Counter()
    for (parent, _), count in pairs.items():
        parents[parent] += count
    kinds = len({child for _, child in pairs}) + 1
    return Familiarity(dict(pairs), dict(parents), kinds, size)


@dataclass(frozen=True)
class CDM:
    """Code Difficulty Metric: a weighted mean of three parts, each in [0, 1].

    - length: tokens of the program.
    - control_flow: the mean of two views, nesting depth and branching (cyclomatic
      complexity).
    - unfamiliarity: mean surprisal of the constructs under the corpus.

    Each view x becomes the share of the reference corpus with a smaller x. Make one
    with `CDM.fit(sources)`, then `cdm.with_weights(...)` for others.
    """

    # Any non-negative numbers; they are divided by their sum. A part that is not
    # named has weight 0.
    weights: Mapping[str, float] = field(default_factory=lambda: EQUAL_WEIGHTS)
    familiarity: Familiarity | None = None
    # view -> its values over the corpus, sorted
    reference: Mapping[str, Sequence[float]] | None = field(default=None, repr=False)

    def __post_init__(self):
        object.__setattr__(self, "weights", _checked_weights(self.weights))

    @classmethod
    def fit(
        cls,
        sources: Iterable[str | ParsedProgram],
        weights: Mapping[str, float] = EQUAL_WEIGHTS,
        familiarity: Familiarity | None = None,
    ) -> "CDM":
        """Take the reference values from a corpus.

        Args:
            sources: the corpus; every program must parse.
            weights: of the three parts.
            familiarity: fitted elsewhere, if not on the same corpus.
        """
        unfitted = cls(weights)  # complain about weights before the long work
        views, steps, known = [], [], {}
        for i, source in enumerate(sources):
            program = ParsedProgram.of(source, f"<program {i}>")
            views.append(_structure(program))
            # One object for each distinct construct: a tree a program would not fit
            # into the memory of a small machine.
            steps.append([known.setdefault(s, s) for s in constructs(program)])
        familiarity = familiarity or _count(steps)
        for view, own_steps in zip(views, steps, strict=True):
            view["surprisal"] = familiarity.mean_bits(own_steps)
        if not views:
            raise ValueError("a CDM needs at least one reference program; got none")
        reference = {
            name: tuple(sorted(view[name] for view in views)) for name in views[0]
        }
        return replace(unfitted, familiarity=familiarity, reference=reference)

    def with_weights(self, weights: Mapping[str, float]) -> "CDM":
        """The same reference under other weights."""
        return replace(self, weights=weights)

    def parts(self, source: str | ParsedProgram) -> dict[str, float]:
        """The three parts of a program, each in [0, 1], before weighting."""
        if self.familiarity is None or self.reference is None:
            raise ValueError("this CDM has no reference corpus: use CDM.fit(sources)")
        program = ParsedProgram.of(source)
        views = _structure(program)
        views["surprisal"] = self.familiarity.surprisal(program)
        share = {
            view: bisect_left(self.reference[view], x) / len(self.reference[view])
            for view, x in views.items()
        }
        return {
            "length": share["tokens"],
            "control_flow": (share["depth"] + share["branching"]) / 2,
            "unfamiliarity": share["surprisal"],
        }

    def score(self, source: str | ParsedProgram) -> float:
        """The weighted mean of the parts, in [0, 1]."""
        return sum(self.weights[part] * x for part, x in self.parts(source).items())


def _structure(program):
    return {
        "tokens": program.lexical.tokens,
        "depth": program.depth,
        "branching": program.cyclomatic,
    }


def _checked_weights(weights):
    for part, weight in weights.items():
        if part not in PARTS:
            raise ValueError(f"unknown CDM part {part!r}: choose from {PARTS}")
        if (
            not isinstance(weight, (int, float))
            or not math.isfinite(weight)
            or weight < 0
        ):
            raise ValueError(
                f"weight of {part} is {weight!r}: give a finite number, 0 or more"
            )
    total = sum(weights.values())
    if total <= 0:
        raise ValueError(
            f"CDM weights {dict(weights)} sum to {total}: at least one must be positive"
        )
    return {part: weights.get(part, 0) / total for part in PARTS}
