"""What a program's text says to readers and not to Python: docstrings and type hints.

Our own scorers measure a program without them, because a program does the same with
and without. radon's columns keep whatever radon does.

- A string that stands alone as a statement is documentation, wherever it stands.
- A hint is an annotation (`: int`, `-> int`) or the type parameters of a `def` or
  `class`. `x: int` without a value is a hint as a whole; in a class body the name
  stays, because a dataclass makes a field of it.
- Imports that only hints need, and `type X = int`, run like other statements and count.
- A block of nothing but documentation counts as `pass`, which says the same.

Explained in chapter 3.
"""

import ast
from typing import NamedTuple

_BLOCKS = ("body", "orelse", "handlers", "finalbody", "cases")


class Documentation(NamedTuple):
    """The parts of one syntax tree that do not count."""

    alone: list[tuple[ast.stmt, bool]]  # whole statements; whether `pass` replaces it
    hints: list[ast.expr]  # annotations
    parameters: list[tuple[ast.AST, ast.AST]]  # first and last type parameter of a list

    @classmethod
    def of(cls, tree: ast.Module) -> "Documentation":
        """Find them, in no particular order."""
        found = cls([], [], [])
        for node in ast.walk(tree):
            for _, block in blocks(node):
                idle = [s for s in block if _is_idle(s, node)]
                empty = len(idle) == len(block) and not isinstance(node, ast.Module)
                found.alone.extend((s, empty and s is block[0]) for s in idle)
            for name in ("annotation", "returns"):
                if isinstance(hint := getattr(node, name, None), ast.expr):
                    found.hints.append(hint)
            if parameters := _type_parameters(node):
                found.parameters.append((parameters[0], parameters[-1]))
        return found

    def __bool__(self) -> bool:
        return bool(self.alone or self.hints or self.parameters)


def without_documentation(source: str) -> ast.Module:
    """The syntax tree of a text that Python can parse, without its documentation.

    An assignment with a hint becomes a plain assignment.
    """
    tree = ast.parse(source)
    for node in ast.walk(tree):
        for name, block in blocks(node):
            kept = [_plain(s) for s in block if not _is_idle(s, node)]
            if not kept and not isinstance(node, ast.Module):
                kept = [ast.copy_location(ast.Pass(), block[0])]
            setattr(node, name, kept)
        if isinstance(node, ast.arg):
            node.annotation = None
        if hasattr(node, "returns"):
            node.returns = None
        if parameters := _type_parameters(node):
            parameters.clear()
    return tree


def blocks(node):
    """(field, statements, handlers or cases) of each block of a node that holds any."""
    for name in _BLOCKS:
        block = getattr(node, name, None)
        if block and isinstance(block, list):  # a lambda's body is an expression
            yield name, block


def _is_idle(statement, parent):
    match statement:
        case ast.Expr(ast.Constant(str())):
            return True
        case ast.AnnAssign(value=None):
            return not isinstance(parent, ast.ClassDef)
    return False


def _plain(statement):
    if not isinstance(statement, ast.AnnAssign):
        return statement
    plain = (
        ast.Assign([statement.target], statement.value)
        if statement.value
        else ast.Expr(statement.target)
    )
    return ast.copy_location(plain, statement)


def _type_parameters(node):
    """The list of them, if a `def` or `class` has any (Python 3.12 and later)."""
    has_body = hasattr(node, "body")  # `type X[T] = ...` is a statement of its own
    return getattr(node, "type_params", None) if has_body else None
