"""Four counts in one walk over a plain script's syntax tree: the fast path of scoring.

- A plain script has no functions, classes or other rare statements. One walk gives
  both cyclomatic complexities, radon's Halstead difficulty and the nesting depth;
  `walk` gives None for all else, and the caller takes the long way.
- In a plain script our decisions are radon's and the chained comparisons.
- Nothing here has a definition of its own. The tests hold it against the long way.

All of TinyPy is plain. Chapter 12 has the times.
"""

import ast
from typing import Any, NamedTuple


class Walk(NamedTuple):
    """What one walk over a plain script's tree gives."""

    cyclomatic: int
    cyclomatic_radon: int
    halstead_radon: float
    depth: int


_LEAVES = frozenset({ast.Pass, ast.Break, ast.Continue, ast.Import, ast.ImportFrom})
_LOOPS = frozenset({ast.For, ast.AsyncFor, ast.While})


def walk(tree: ast.Module) -> Walk | None:
    """The counts of a plain script; None if a statement is unusual."""
    decisions, chained, deepest = 0, 0, 0
    blocks: list[Any] = [(tree.body, 0)]
    expressions: list[Any] = []
    operators, operands, nameless, applied = set(), set(), 0, 0
    while blocks:
        block, depth = blocks.pop()
        for node in block:
            kind = node.__class__
            if kind is ast.Expr:
                expressions.append(node.value)
            elif kind is ast.Assign:
                expressions += node.targets
                expressions.append(node.value)
            elif kind is ast.If or kind in _LOOPS:
                inner = depth + 1
                if inner > deepest:
                    deepest = inner
                decisions += 1
                blocks.append((node.body, inner))
                below = node.orelse
                if kind is ast.If or kind is ast.While:
                    expressions.append(node.test)
                else:
                    expressions += (node.target, node.iter)
                if below and kind is ast.If:
                    flat = elif_below(node) is not None
                    blocks.append((below, depth if flat else inner))
                elif below:
                    decisions += 1
                    blocks.append((below, inner))
            elif kind is ast.AugAssign:  # counts as what it abbreviates
                operation = ast.BinOp(node.target, node.op, node.value)
                expressions.append(operation)
            elif kind not in _LEAVES:
                return None
    while expressions:
        node = expressions.pop()
        kind = node.__class__
        if kind is ast.Name or kind is ast.Constant:
            continue
        if kind is ast.Call:
            if node.func.__class__ is not ast.Name:
                expressions.append(node.func)
            expressions += node.args
            expressions += node.keywords
            continue
        if kind is ast.BinOp:
            operators.add(node.op.__class__)
            parts = (node.left, node.right)
        elif kind is ast.Compare:
            operators.update(sign.__class__ for sign in node.ops)
            parts = [node.left, *node.comparators]
            chained += len(parts) - 2
        elif kind is ast.BoolOp:
            decisions += len(node.values) - 1
            operators.add(node.op.__class__)
            parts = node.values
        elif kind is ast.UnaryOp:
            operators.add(node.op.__class__)
            parts = (node.operand,)
        else:
            if kind is ast.IfExp:
                decisions += 1
            elif kind is ast.comprehension:
                decisions += 1 + len(node.ifs)
            expressions += ast.iter_child_nodes(node)
            continue
        applied += len(parts)
        for part in parts:
            kind = part.__class__
            if kind is ast.Name:
                operands.add(part.id)
            elif kind is ast.Constant:
                operands.add(part.value)
            else:
                if kind is ast.Attribute:
                    operands.add(part.attr)
                else:  # radon takes each for a new operand
                    nameless += 1
                expressions.append(part)
    distinct = len(operands) + nameless
    halstead = len(operators) / 2 * (applied / distinct) if distinct else 0.0
    return Walk(1 + decisions + chained, 1 + decisions, halstead, deepest)


def elif_below(node: ast.AST) -> ast.If | None:
    """The `if` node that is written as this node's `elif`, or None."""
    if not isinstance(node, ast.If) or len(node.orelse) != 1:
        return None
    below = node.orelse[0]
    if isinstance(below, ast.If) and below.col_offset == node.col_offset:
        return below
    return None
