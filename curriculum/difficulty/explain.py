"""Where a score comes from: cyclomatic complexity and Halstead's counts, item by item.

Notable points:

- `explain_cyclomatic` lists every decision with its line; the points sum to the score.
- `explain_halstead` lists operators and operands with their counts, by the standard
  definition over tokens or by radon's rules over the syntax tree.
- radon returns totals only. Its rules are spelled out here, and the tests hold them
  against radon on the standard library.

Papers: McCabe (1976); Halstead (1977). Explained in chapter 3.
"""

import ast

from .parse import FUNCTIONS, Halstead, ParsedProgram, elif_below


def explain_cyclomatic(source: str | ParsedProgram) -> list[tuple[int, str, int]]:
    """List what cyclomatic complexity adds up: (line, construct, points).

    The points sum to the `cyclomatic` score. Rows with 0 points name code that
    radon leaves out: functions and classes nested inside a function, and classes
    inside a class.
    """
    rows = [(1, "one path through the program", 1)]
    _walk_decisions(ParsedProgram.of(source).tree, "module", rows)
    return rows


def explain_halstead(source: str | ParsedProgram, how: str = "token") -> Halstead:
    """Return the operators and operands of a program with their counts.

    Args:
        source: the program.
        how: "token", the standard definition; operators are keywords (but `True`,
            `False`, `None`), operator signs and punctuation, each pair of brackets
            once; `(` and `[` right after an operand are a call and an index.
            Operands are names and literals. Line breaks and indentation count as
            nothing. "radon": only unary, binary, boolean and comparison operators
            and augmented assignments, and what they are applied to.
    """
    program = ParsedProgram.of(source)
    if how == "token":
        return program.lexical.halstead
    if how == "radon":
        operators, operands = {}, {}
        _walk_operators(program.tree, None, operators, operands)
        return Halstead(
            tuple(operators.items()),
            tuple((text, count) for text, count in operands.values()),
        )
    raise ValueError(f"how={how!r}: choose 'token' or 'radon'")


# --- radon's rules, spelled out -------------------------------------------------


def _points(node, elif_):
    """Return (construct, points) pairs radon gives for this node alone."""
    match node:
        case ast.If():
            return [("elif" if elif_ else "if", 1)]
        case ast.IfExp():
            return [("conditional expression", 1)]
        case ast.For() | ast.AsyncFor() | ast.While():
            word = "while" if isinstance(node, ast.While) else "for"
            return [(word, 1)] + [(f"else of {word}", 1)] * bool(node.orelse)
        case ast.BoolOp():
            word = "and" if isinstance(node.op, ast.And) else "or"
            return [(word, len(node.values) - 1)]
        case ast.Try():
            handlers = [("except", 1)] * len(node.handlers)
            return handlers + [("else of try", 1)] * bool(node.orelse)
        case ast.comprehension():
            conditions = [("if in a comprehension", 1)] * len(node.ifs)
            return [("for in a comprehension", 1)] + conditions
        case ast.Match():
            default = any(getattr(c.pattern, "pattern", 0) is None for c in node.cases)
            return [("case", max(0, len(node.cases) - default))]
        case ast.Assert():
            return [("assert", 1)]
    return []


def _walk_decisions(node, inside, rows, elif_=False):
    """Append the rows of one node. `inside`: "module", "class" or "function"."""
    line = getattr(node, "lineno", None) or getattr(
        getattr(node, "target", None), "lineno", 1
    )
    if isinstance(node, ast.ClassDef):
        if inside != "module":
            rows.append((line, f"class {node.name}, nested: left out by radon", 0))
            return
        children, inside = node.body, "class"
    elif isinstance(node, FUNCTIONS):
        if inside == "function":
            rows.append((line, f"def {node.name}, nested: left out by radon", 0))
            return
        if inside == "class":
            rows.append((line, f"method {node.name}", 1))
        children, inside = node.body, "function"
    else:
        rows.extend((line, construct, n) for construct, n in _points(node, elif_))
        # radon does not look inside an assert
        children = () if isinstance(node, ast.Assert) else ast.iter_child_nodes(node)
    for child in children:
        _walk_decisions(child, inside, rows, elif_=child is elif_below(node))


def _walk_operators(node, context, operators, operands):
    """Count operators and operands by radon's rules.

    radon keys an operand by the function it stands in and its name or value; an
    operand that is itself an expression is a new one each time.
    """
    if isinstance(node, FUNCTIONS):
        for child in node.body:
            _walk_operators(child, node.name, operators, operands)
        return
    signs, applied_to = [], []
    match node:
        case ast.BinOp():
            signs, applied_to = [node.op], [node.left, node.right]
        case ast.UnaryOp():
            signs, applied_to = [node.op], [node.operand]
        case ast.BoolOp():
            signs, applied_to = [node.op], node.values
        case ast.AugAssign():
            signs, applied_to = [node.op], [node.target, node.value]
        case ast.Compare():
            signs, applied_to = node.ops, [node.left, *node.comparators]
    for sign in signs:
        name = type(sign).__name__
        operators[name] = operators.get(name, 0) + 1
    for operand in applied_to:
        match operand:
            case ast.Name(id=value) | ast.Attribute(attr=value) | ast.Constant(value):
                key = (context, value)
            case _:
                key = (context, operand)
        text, count = operands.get(key) or (_short(operand), 0)
        operands[key] = (text, count + 1)
    for child in ast.iter_child_nodes(node):
        _walk_operators(child, context, operators, operands)


def _short(operand):
    try:
        return ast.unparse(operand)
    except RecursionError:  # unparsing takes more stack than scoring
        return f"({type(operand).__name__})"
