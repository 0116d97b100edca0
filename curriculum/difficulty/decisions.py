"""The decisions in a program's text: ours, and which of them radon counts.

Cyclomatic complexity is one plus the decisions: the places where a run may go on in more
than one way.

Notable points:

- Ours count wherever they stand: in a decorator, a default value, a base class, an
  `assert`, a function inside a function. Hints are left out (`documentation.py`).
- What says the same counts the same: `except*` as `except`, a guard of a `case` as an
  `if`, `case 1 | 2` and `a < b < c` as the `or` and the `and` they abbreviate.
- An `else` of a loop or of a `try` counts, as in radon: written without it, the program
  needs a variable and one `if` more.
- radon looks at the body of a function and not at its head, at no function or class
  nested in a function and no class in a class, at nothing inside an `assert`. It knows no
  `except*`, no guard, no `|` and no chained comparison, and it adds 1 for a method.

Paper: McCabe (1976), A Complexity Measure. Explained in chapter 3.
"""

import ast
from collections.abc import Iterator
from typing import NamedTuple

from .fast_walk import elif_below

NESTED = ", nested"  # ends the name of what radon leaves out as a whole
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
_HINTS = ("annotation", "returns")


class Row(NamedTuple):
    """One construct of a program, with its points; rows of 0 points say so."""

    line: int
    construct: str
    ours: int
    radon: int


class _Place(NamedTuple):
    """Where a node stands: what is around it, and who looks at it."""

    inside: str = "module"  # "module", "class" or "function"
    ours: bool = True
    radon: bool = True


def decisions(tree: ast.Module) -> Iterator[Row]:
    """Yield the rows of a syntax tree in the order written.

    Our points sum to the `cyclomatic` score less 1, radon's to `cyclomatic_radon` less 1.
    """
    stack: list[tuple[ast.AST, _Place, bool, int]] = [(tree, _Place(), False, 1)]
    while stack:
        node, place, is_elif, line = stack.pop()
        first = getattr(node, "target", getattr(node, "pattern", None))
        line = getattr(node, "lineno", getattr(first, "lineno", line))
        for construct, ours, radon in _points(node, is_elif, place.inside):
            yield Row(line, construct, ours * place.ours, radon * place.radon)
        below = elif_below(node)
        children = [(c, p, c is below, line) for c, p in _children(node, place)]
        stack.extend(reversed(children))


def _children(node, place):
    """Yield (child, its place) in the order of the tree."""
    head = place._replace(radon=False)  # of a function or class: radon looks away
    body = head if isinstance(node, ast.Assert) else place
    if isinstance(node, ast.ClassDef):
        body = place if place.inside == "module" else head
        body = body._replace(inside="class")
    elif isinstance(node, FUNCTIONS):
        body = head if place.inside == "function" else place
        body = body._replace(inside="function")
    else:
        head = body
    for name, value in ast.iter_fields(node):
        if name == "type_params" and hasattr(node, "body"):
            continue
        its = body if name == "body" else head
        if name in _HINTS:
            its = its._replace(ours=False)
        for child in value if isinstance(value, list) else [value]:
            if isinstance(child, ast.AST):
                yield child, its


def _points(node, is_elif, inside):
    """Return (construct, our points, radon's points) of this node alone."""
    match node:
        case ast.If():
            return [("elif" if is_elif else "if", 1, 1)]
        case ast.IfExp():
            return [("conditional expression", 1, 1)]
        case ast.For() | ast.AsyncFor() | ast.While():
            word = "while" if isinstance(node, ast.While) else "for"
            return [(word, 1, 1)] + [(f"else of {word}", 1, 1)] * bool(node.orelse)
        case ast.BoolOp(op, values):
            word = "and" if isinstance(op, ast.And) else "or"
            return [(word, len(values) - 1, len(values) - 1)]
        case ast.Compare(ops=ops):
            return [("chained comparison", len(ops) - 1, 0)] * (len(ops) > 1)
        case ast.Try() | ast.TryStar():
            radon = int(isinstance(node, ast.Try))
            word = "except" if radon else "except*"
            rows = [(word, 1, radon)] * len(node.handlers)
            rows += [("else of try", 1, radon)] * bool(node.orelse)
            return rows + [("finally", 0, 0)] * bool(node.finalbody)
        case ast.comprehension(ifs=ifs):
            conditions = [("if in a comprehension", 1, 1)] * len(ifs)
            return [("for in a comprehension", 1, 1), *conditions]
        case ast.Match(cases=cases):
            may_fail = sum(not _always_matches(c.pattern) for c in cases)
            default = any(getattr(c.pattern, "pattern", 0) is None for c in cases)
            return [("case", may_fail, max(0, len(cases) - default))]
        case ast.match_case(guard=ast.expr()):
            return [("guard of a case", 1, 0)]
        case ast.MatchOr(patterns):
            return [("| in a case", len(patterns) - 1, 0)]
        case ast.Assert():
            return [("assert", 1, 1)]
        case ast.With() | ast.AsyncWith():
            return [("with", 0, 0)]
        case ast.Expr(ast.Constant(str())):
            return [("documentation", 0, 0)]
        case ast.arguments(defaults=defaults, kw_defaults=named):
            values = [*defaults, *filter(None, named)]
            return [("default value", 0, 0)] * len(values)
        case ast.ClassDef():
            return _points_of_head(node, "class", nested=inside != "module")
        case ast.FunctionDef() | ast.AsyncFunctionDef():
            method = [(f"method {node.name}", 0, 1)] * (inside == "class")
            return method + _points_of_head(node, "def", nested=inside == "function")
        case ast.arg(annotation=ast.expr()) | ast.AnnAssign():
            return [("type hint", 0, 0)]
    return []


def _points_of_head(node, word, nested):
    rows = [(f"{word} {node.name}{NESTED}", 0, 0)] * nested
    rows += [("decorator", 0, 0)] * len(node.decorator_list)
    return rows + [("type hint", 0, 0)] * (getattr(node, "returns", None) is not None)


def _always_matches(pattern):
    match pattern:
        case ast.MatchAs(pattern=inner):  # `_` or a name; or `... as name`
            return inner is None or _always_matches(inner)
        case ast.MatchOr(patterns):
            return any(map(_always_matches, patterns))
    return False
