"""The same program in other clothes: which scores are equal, and which are not and why."""

import ast
import os
import sys
from pathlib import Path

import pytest

from curriculum.difficulty import (
    CDM,
    STATIC,
    Familiarity,
    explain_cyclomatic,
    explain_halstead,
    score,
    score_many,
)

RADON = ("cyclomatic_radon", "halstead_radon", "om_radon")
ALL = {*STATIC, "unfamiliarity"} - {*RADON}
LAYOUT = {"lines", "characters"}
DECISIONS = {"cyclomatic"}
STRUCTURE = {"cyclomatic", "depth"}

TRY = """\
def f(a):
    try:
        g(a)
    except{} KeyError:
        pass
    except{} ValueError as e:
        print(e)
    else:
        h()
"""
DOCUMENTED = '''\
"""A module.

It has words.
"""
class A:
    "A class; and more."
    b = 1
    """An attribute."""
    def f(self):
        """One.

        Two, if three and four.
        Five.
        """
        return 1
'''
BARE = "class A:\n    b = 1\n    def f(self):\n        return 1\n"

# name: (one way, another way, scores that are equal)
PAIRS = {
    "docstrings": (DOCUMENTED, BARE, ALL),
    "only a docstring, or pass": (
        "class E(Exception):\n    '''Why.\n\n    Because.'''\n",
        "class E(Exception):\n    pass\n",
        ALL,
    ),
    "a string as a statement": ("a = 1\n'text'\nb = a\n", "a = 1\nb = a\n", ALL),
    "a string before a semicolon": ("'text'; a = 1", "a = 1", ALL),
    "comments and blank lines": ("# a\n\na = 1  # b\n", "a = 1", ALL),
    "hints of a function": (
        "def f(a: int, *b: (str), c: 'A | B' = 1, **d: list[int]) -> (dict[str, int]):\n"
        "    return a",
        "def f(a, *b, c = 1, **d):\n    return a",
        ALL,
    ),
    "hints over several lines": (
        "def f(\n    a: list[\n        int\n    ],\n    b: int,\n) -> int:\n    return a",
        "def f(\n    a,\n    b,\n):\n    return a",
        ALL,
    ),
    "hints of variables": (
        "c: int\na: int = 1\nb.c: 'x' = a\nprint(a)",
        "a = 1\nb.c = a\nprint(a)",
        ALL,
    ),
    "a hint beside letters of two bytes": (
        "é: str = 'ü'; ö: list[str] = [é]",
        "é = 'ü'; ö = [é]",
        ALL,
    ),
    "a hint with a condition": ("a: (int if b else str) = 1", "a = 1", ALL),
    "only a hint, or pass": ("def f():\n    a: int", "def f():\n    pass", ALL),
    "hints of fields": ("class A:\n    a: int\n", "class A:\n    a\n", ALL),
    "except*": (TRY.format("*", "*"), TRY.format("", ""), ALL - {"characters"}),
    "quotes": ("a = 'b' + 'c'", "a = \"b\" + 'c'", ALL),
    "other strings of one value": (
        "a = u'b' + r'b' + '\\x62'",
        "a = 'b' + 'b' + 'b'",
        ALL - {"characters"},
    ),
    "other letters of one name": ("ﬁ = fi + 1", "fi = fi + 1", ALL - {"characters"}),
    "... or pass": ("def f(): ...", "def f(): pass", STRUCTURE | {"tokens"}),
    "spellings of a number": ("a = 0x10 + 16", "a = 16 + 1_6", ALL - {"characters"}),
    "semicolons": ("a = 1; b = 2;", "a = 1\nb = 2", ALL - LAYOUT),
    "a line continued": ("a = 1 + \\\n    2", "a = 1 + 2", ALL - LAYOUT),
    "line ends of Windows": ("if a:\r\n    b\r\n", "if a:\n    b\n", ALL),
    "a chain of comparisons": ("x = 0 < a < 9", "x = 0 < a and a < 9", STRUCTURE),
    "match": (
        "match a:\n case 1: b()\n case 2: c()\n case _: d()",
        "if a == 1: b()\nelif a == 2: c()\nelse: d()",
        DECISIONS,
    ),
    "a guard": (
        "match a:\n case b if b > 0: c()\n case _ if d: e()\n case _: f()",
        "if a > 0: c()\nelif d: e()\nelse: f()",
        DECISIONS,
    ),
    "| in a case": (
        "match a:\n case 1 | 2 | 3: b()",
        "if a == 1 or a == 2 or a == 3: b()",
        STRUCTURE,
    ),
    "assert": (
        "assert a and b or c",
        "if not (a and b or c): raise AssertionError",
        DECISIONS,
    ),
    "a conditional expression": (
        "a = 1 if b else 2",
        "if b: a = 1\nelse: a = 2",
        DECISIONS,
    ),
    "a comprehension": (
        "a = [b for b in c if b]",
        "a = []\nfor b in c:\n if b: a.append(b)",
        DECISIONS,
    ),
    "a condition in a default value": (
        "def f(a=1 if b else 2, *, c=d or 3): return a",
        "e = 1 if b else 2\ng = d or 3\ndef f(a=e, *, c=g): return a",
        STRUCTURE,
    ),
    "a condition in a decorator": (
        "@(a if b else c)\ndef f(): pass",
        "d = a if b else c\n@d\ndef f(): pass",
        STRUCTURE,
    ),
    "a condition in a class head": (
        "@(a or b)\nclass A(c or d, metaclass=e or f): pass",
        "g, h, i = a or b, c or d, e or f\n@g\nclass A(h, metaclass=i): pass",
        STRUCTURE,
    ),
    "lambda": ("f = lambda a: a or 1", "def f(a): return a or 1", STRUCTURE),
    "a function inside a function": (
        "def f():\n def g(a): return a or 1\n return g(1)",
        "def g(a): return a or 1\ndef f(): return g(1)",
        STRUCTURE | {"tokens", "halstead_token", "om_token"},
    ),
    "a method": (
        "class A:\n @staticmethod\n def f(a): return a or 1",
        "def f(a): return a or 1",
        STRUCTURE,
    ),
    "a class inside a class": (
        "class A:\n class B:\n  def f(a): return a or 1",
        "class B:\n def f(a): return a or 1\nclass A: pass",
        STRUCTURE,
    ),
    "else of a loop": (
        "for a in b:\n if a: break\nelse: c()",
        "d = True\nfor a in b:\n if a:\n  d = False\n  break\nif d: c()",
        STRUCTURE,
    ),
    "elif": ("if a: b\nelif c: d", "if a: b\nelse:\n if c: d", DECISIONS),
    "with two at once": (
        "with a as b, c as d: e",
        "with a as b:\n with c as d: e",
        DECISIONS,
    ),
    "async": (
        "async def f():\n async for a in b: pass\n return [c async for c in d if c]",
        "def f():\n for a in b: pass\n return [c for c in d if c]",
        STRUCTURE,
    ),
    "the walrus": ("if (a := f()): g(a)", "a = f()\nif a: g(a)", STRUCTURE),
    "conditions in an f-string": (
        "a = f'{b if c else d} {e or f}'",
        "a = str(b if c else d) + ' ' + str(e or f)",
        STRUCTURE | {"lines"},
    ),
    "not a in b": ("x = a not in b", "x = not a in b", STRUCTURE | LAYOUT),
    "brackets that may be left out": ("a = (b)", "a = b", STRUCTURE | {"unfamiliarity"}),
    "two strings side by side": ("a = 'b' 'c'", "a = 'bc'", STRUCTURE | {"unfamiliarity"}),
    "an abbreviated assignment": ("a += 1", "a = a + 1", STRUCTURE),
    "a comma at the end": ("f(a, b,)", "f(a, b)", STRUCTURE | {"unfamiliarity"}),
}  # fmt: skip
if sys.version_info >= (3, 12):
    PAIRS["type parameters"] = (
        "class A[T: int, *U]:\n    def f[V,](self, a: V) -> T: return a",
        "class A:\n    def f(self, a): return a",
        ALL,
    )
FAMILIARITY = Familiarity.fit([BARE, TRY.format("", ""), "if a < b: c = d[1] + 2"])


def scores(source):
    return score(source, [*STATIC, "unfamiliarity"], familiarity=FAMILIARITY)


@pytest.mark.fault(
    "Difficulty",
    "the same function with `except*`, with hints, with a docstring, with other quotes",
    "programs that do the same score alike, or the definition says why not",
    "a table of pairs; each score is equal or named as different",
)
@pytest.mark.parametrize("name", PAIRS)
def test_the_same_program_in_other_clothes(name):
    one, other, same = PAIRS[name]
    ours, theirs = scores(one), scores(other)
    for scorer in same:
        assert ours[scorer] == theirs[scorer], scorer


# What a pair shows by a difference: the definition counts what is written.
DIFFERENT = {
    "spellings of a number": {"characters"},
    "except*": {"characters"},
    "semicolons": {"lines", "characters"},
    "a chain of comparisons": {"halstead_token", "tokens"},
    "a conditional expression": {"depth", "lines"},
    "elif": {"depth", "tokens"},
    "... or pass": {"halstead_token"},
    "with two at once": {"depth"},
    "not a in b": {"halstead_token", "tokens"},
    "brackets that may be left out": {"halstead_token", "tokens"},
    "two strings side by side": {"tokens"},
    "an abbreviated assignment": {"halstead_token"},
    "conditions in an f-string": {"tokens"},
    "a comma at the end": {"tokens"},
}


@pytest.mark.parametrize("name", DIFFERENT)
def test_what_is_written_otherwise_counts_otherwise(name):
    one, other, same = PAIRS[name]
    ours, theirs = scores(one), scores(other)
    assert not same & DIFFERENT[name]
    assert all(ours[scorer] != theirs[scorer] for scorer in DIFFERENT[name])


def test_radon_sees_other_programs():
    both = [[scores(source) for source in pair[:2]] for pair in PAIRS.values()]
    differ = {n: sum(a[n] != b[n] for a, b in both) for n in ("cyclomatic", *RADON)}
    assert differ["cyclomatic"] == 0 and differ["cyclomatic_radon"] >= 10
    plain, star = (scores(TRY.format(sign, sign)) for sign in ("", "*"))
    assert (plain["cyclomatic"], star["cyclomatic"]) == (4, 4)
    assert (plain["cyclomatic_radon"], star["cyclomatic_radon"]) == (4, 1)
    for found in (plain, star):
        by_radon = found["cyclomatic_radon"] + found["halstead_radon"]
        assert found["om_radon"] == by_radon / 2
        assert found["om_token"] == (4 + found["halstead_token"]) / 2


@pytest.mark.parametrize("how", ["ours", "radon"])
@pytest.mark.parametrize("name", PAIRS)
def test_explanations_sum_to_the_score(name, how):
    scorer = "cyclomatic" if how == "ours" else "cyclomatic_radon"
    for source in PAIRS[name][:2]:
        rows = explain_cyclomatic(source, how)
        assert sum(points for *_, points in rows) == score(source)[scorer]
        assert [line for line, *_ in rows] == sorted(line for line, *_ in rows)


@pytest.mark.fault(
    "Difficulty",
    "`assert a and b`; a condition in a decorator, a default value or a `case`",
    "an explanation has a row for every point, and for what is left out",
    "each has a row; what does not count has 0 points",
)
def test_what_is_not_counted_has_a_row():
    source = (
        "@d\ndef f(a: int = 1, *, b=c if d else e) -> int:\n"
        "    'text'\n"
        "    assert a and b\n"
        "    with c: pass\n"
        "    match a:\n        case 1 | 2: pass\n        case _ if a < b < c: pass\n"
        "    try: pass\n    except* E: pass\n    finally: pass\n"
        "class A:\n    def g(self): pass\n"
    )
    assert explain_cyclomatic(source) == [
        (1, "one path through the program", 1),
        (2, "decorator: no decision", 0),
        (2, "type hint: no decision", 0),
        (2, "default value: no decision", 0),
        (2, "default value: no decision", 0),
        (2, "type hint: no decision", 0),
        (2, "conditional expression", 1),
        (3, "documentation: no decision", 0),
        (4, "assert", 1),
        (4, "and", 1),
        (5, "with: no decision", 0),
        (6, "case", 1),
        (7, "| in a case", 1),
        (8, "guard of a case", 1),
        (8, "chained comparison", 1),
        (9, "except*", 1),
        (9, "finally: no decision", 0),
        (13, "method g: not counted", 0),
    ]
    by_radon = explain_cyclomatic(source, "radon")
    assert {row for row in by_radon if row[2]} == {
        (1, "one path through the program", 1),
        (4, "assert", 1),
        (6, "case", 1),
        (13, "method g", 1),
    }
    assert (2, "conditional expression: left out by radon", 0) in by_radon
    assert (9, "except*: left out by radon", 0) in by_radon
    with pytest.raises(ValueError, match="'ours' or 'radon'"):
        explain_cyclomatic(source, "mccabe")


@pytest.mark.fault(
    "Difficulty",
    "`x = a not in b`; `x = a is not b`",
    "an operator of two words is one operator",
    "one operator and one token",
)
@pytest.mark.parametrize(
    "source, operators",
    [
        ("a not in b", ["not in"]),
        ("a is not b", ["is not"]),
        ("a is not (not b)", ["is not", "( )", "not"]),
        ("not a in b", ["not", "in"]),
        ("a is (not b)", ["is", "( )", "not"]),
        ("for a in b: not a", ["for", "in", ":", "not"]),
        ("a = not b; c = 1", ["=", "not"]),
    ],
)
def test_operators_of_two_words(source, operators):
    assert [text for text, _ in explain_halstead(source).operators] == operators


# --- the standard library ---------------------------------------------------------

MODULES = ("abc", "bisect", "textwrap", "fractions", "csv", "dataclasses", "typing")


def library(name):
    return (Path(os.__file__).parent / f"{name}.py").read_text(encoding="utf-8")


class Document(ast.NodeTransformer):
    """Write a docstring and a hint wherever one may stand."""

    def visit_Module(self, node):
        self.generic_visit(node)
        text = "Some words, if any.\n\n    More and more of them.\n    "
        node.body.insert(0, ast.Expr(ast.Constant(text)))
        return node

    visit_FunctionDef = visit_AsyncFunctionDef = visit_ClassDef = visit_Module

    def visit_arg(self, node):
        node.annotation = ast.parse("list[int] if 1 else int").body[0].value
        return node

    def visit_Assign(self, node):
        if len(node.targets) > 1 or not isinstance(node.targets[0], ast.Name):
            return node
        return ast.AnnAssign(node.targets[0], ast.Name("int"), node.value, 1)

    def visit_Lambda(self, node):
        return node  # takes no hints


@pytest.mark.fault(
    "Difficulty",
    "docstrings and hints written into every function of seven modules of the library",
    "documentation does not change what a program does, nor how hard it is",
    "no score of ours changes; radon's Halstead does",
)
@pytest.mark.parametrize("name", MODULES)
def test_documentation_changes_no_score_of_ours(name):
    tree = ast.parse(library(name))
    functions = [n for n in ast.walk(tree) if isinstance(n, ast.FunctionDef)]
    bare = [ast.unparse(n) for n in [*functions, tree]]
    full = [ast.unparse(Document().visit(ast.parse(text))) for text in bare]
    cdm = CDM.fit(bare)
    before, after = (score_many(s, [*ALL, "cdm"], cdm=cdm) for s in (bare, full))
    assert not before.errors and not after.errors
    for scorer in before.table:
        assert before.table[scorer].tolist() == after.table[scorer].tolist(), scorer


def test_explanations_sum_to_the_scores_of_the_standard_library():
    for name in MODULES:
        source = library(name)
        found = score(source)
        for how, scorer in (("ours", "cyclomatic"), ("radon", "cyclomatic_radon")):
            rows = explain_cyclomatic(source, how)
            assert sum(points for *_, points in rows) == found[scorer], name
