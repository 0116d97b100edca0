"""Scoring the plain way: every scorer reads the program for itself.

- A function for each static scorer. It parses, or splits into tokens, and walks; nothing
  is shared, and radon's own visitors give radon's numbers.
- The definitions are those of `metrics.py`, in the most direct code we could think of, as
  far as TinyPy goes: no docstrings, no hints, no syntax that radon misses.
"""

import ast
import io
import keyword
import tokenize

from radon.visitors import ComplexityVisitor, HalsteadVisitor

FLOW = (ast.If, ast.For, ast.While, ast.Try, ast.With, ast.Match)
LAYOUT = (
    tokenize.COMMENT,
    tokenize.NL,
    tokenize.NEWLINE,
    tokenize.INDENT,
    tokenize.DEDENT,
    tokenize.ENDMARKER,
)


def code_tokens(source):
    """The tokens that are code, as a list."""
    found = tokenize.generate_tokens(io.StringIO(source).readline)
    return [token for token in found if token.type not in LAYOUT]


def lines(source):
    return len({token.start[0] for token in code_tokens(source)})


def characters(source):
    ends = {token.end[0]: token.end[1] for token in code_tokens(source)}
    return sum(ends.values()) + len(ends) - 1


def tokens(source):
    return len(code_tokens(source))


def cyclomatic(source):
    score = 1
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, (ast.If, ast.IfExp)):
            score += 1
        elif isinstance(node, (ast.For, ast.While)):
            score += 1 + bool(node.orelse)
        elif isinstance(node, ast.BoolOp):
            score += len(node.values) - 1
    return score


def cyclomatic_radon(source):
    return ComplexityVisitor.from_code(source).total_complexity


def halstead_radon(source):
    seen = HalsteadVisitor.from_code(source)
    n1, n2 = seen.distinct_operators, seen.distinct_operands
    return n1 / 2 * seen.operands / n2 if n2 else 0.0


def halstead_token(source):
    operators, operands, before = set(), [], "operator"
    for token in code_tokens(source):
        text = token.string
        sign = token.type == tokenize.OP and text != "..."
        word = text in keyword.kwlist and text not in ("True", "False", "None")
        value = not (sign or word)
        if value:
            operands.append(text)
        elif text not in ")]}":
            operators.add((text, before if text in "([" else None))
        before = "operand" if value or text in ")]}" else "operator"
    n1, n2 = len(operators), len(set(operands))
    return n1 / 2 * len(operands) / n2 if n2 else 0.0


def om_radon(source):
    return (cyclomatic_radon(source) + halstead_radon(source)) / 2


def om_token(source):
    return (cyclomatic(source) + halstead_token(source)) / 2


def depth(source):
    def deepest(node, depth, is_elif=False):
        depth += isinstance(node, FLOW) and not is_elif
        below = [depth]
        for child in ast.iter_child_nodes(node):
            alone = isinstance(node, ast.If) and node.orelse == [child]
            elif_ = alone and getattr(child, "col_offset", -1) == node.col_offset
            below.append(deepest(child, depth, elif_))
        return max(below)

    return deepest(ast.parse(source), 0)


STATIC = (
    lines,
    characters,
    tokens,
    cyclomatic,
    cyclomatic_radon,
    halstead_radon,
    halstead_token,
    om_radon,
    om_token,
    depth,
)


def score_many(sources) -> dict[str, list]:
    """Every static scorer's scores of every program."""
    return {f.__name__: [f(source) for source in sources] for f in STATIC}
