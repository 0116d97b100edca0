"""Where a score comes from: cyclomatic complexity and Halstead's counts, item by item.

Notable points:

- `explain_cyclomatic` lists every decision with its line, by our count or by radon's;
  the points sum to the score. What looks like a decision and is not counted has a row
  of 0 points that says so.
- `explain_halstead` lists operators and operands with their counts, by the standard
  definition over tokens or by radon's rules over the syntax tree.
- radon returns totals only. Its rules are spelled out here and in `decisions.py`, and the
  tests hold them against radon on the standard library.

Papers: McCabe (1976); Halstead (1977). Explained in chapter 3.
"""

import ast

from .decisions import FUNCTIONS, NESTED, decisions
from .lexical import Halstead
from .parse import ParsedProgram


def explain_cyclomatic(
    source: str | ParsedProgram, how: str = "ours"
) -> list[tuple[int, str, int]]:
    """List what cyclomatic complexity adds up: (line, construct, points), by line.

    Args:
        source: the program.
        how: "ours", the points sum to the `cyclomatic` score; or "radon", they sum to
            `cyclomatic_radon`. Rows with 0 points name what is not counted.

    Raises:
        ValueError: another `how`, or a program that cannot be parsed.
    """
    if how not in ("ours", "radon"):
        raise ValueError(f"how={how!r}: choose 'ours' or 'radon'")
    rows = [(1, "one path through the program", 1)]
    for line, construct, ours, radon in decisions(ParsedProgram.of(source).tree):
        points, other = (ours, radon) if how == "ours" else (radon, ours)
        nested = construct.endswith(NESTED)
        if nested and how == "ours":
            continue
        if not points and (other or nested):
            construct += ": not counted" if how == "ours" else ": left out by radon"
        elif not points:
            construct += ": no decision"
        rows.append((line, construct, points))
    return sorted(rows, key=lambda row: row[0])


def explain_halstead(source: str | ParsedProgram, how: str = "token") -> Halstead:
    """Return the operators and operands of a program with their counts.

    Args:
        source: the program.
        how: "token", the standard definition; operators are keywords (but `True`,
            `False`, `None`), operator signs and punctuation, each pair of brackets
            once; `(` and `[` right after an operand are a call and an index.
            Operands are names and literals. Line breaks, indentation, docstrings and
            type hints count as nothing. "radon": only unary, binary, boolean and
            comparison operators and augmented assignments, and what they are applied to.

    Raises:
        ValueError: another `how`, or a program that cannot be parsed.
    """
    program = ParsedProgram.of(source)
    if how == "token":
        return program.lexical.halstead
    if how == "radon":
        operators, operands = {}, {}
        _count_operators(program.tree, operators, operands)
        return Halstead(
            tuple(operators.items()),
            tuple((text, count) for text, count in operands.values()),
        )
    raise ValueError(f"how={how!r}: choose 'token' or 'radon'")


# --- radon's rules for operators, spelled out ------------------------------------


def _count_operators(tree, operators, operands):
    """Count operators and operands by radon's rules.

    radon keys an operand by the function it stands in and its name or value; an
    operand that is itself an expression is a new one each time.
    """
    stack = [(tree, None)]
    while stack:
        node, context = stack.pop()
        if isinstance(node, FUNCTIONS):
            stack.extend((child, node.name) for child in reversed(node.body))
            continue
        signs, applied_to = _operation(node)
        for sign in signs:
            name = type(sign).__name__
            operators[name] = operators.get(name, 0) + 1
        for operand in applied_to:
            match operand:
                case (
                    ast.Name(id=value) | ast.Attribute(attr=value) | ast.Constant(value)
                ):
                    key = (context, value)
                case _:
                    key = (context, operand)
            text, count = operands.get(key) or (_short(operand), 0)
            operands[key] = (text, count + 1)
        children = reversed(list(ast.iter_child_nodes(node)))
        stack.extend((child, context) for child in children)


def _operation(node):
    """Return (operators, operands) of one node."""
    match node:
        case ast.BinOp():
            return [node.op], [node.left, node.right]
        case ast.UnaryOp():
            return [node.op], [node.operand]
        case ast.BoolOp():
            return [node.op], node.values
        case ast.AugAssign():
            return [node.op], [node.target, node.value]
        case ast.Compare():
            return node.ops, [node.left, *node.comparators]
    return [], []


def _short(operand):
    try:
        return ast.unparse(operand)
    except RecursionError:  # unparsing takes more stack than scoring
        return f"({type(operand).__name__})"
