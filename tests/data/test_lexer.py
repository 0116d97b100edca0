"""The quick way of reading plain programs gives what the slow way gives."""

import ast
import os
from pathlib import Path
from random import Random

import pytest
from radon.visitors import ComplexityVisitor, HalsteadVisitor

from curriculum.data import lexer, near_duplicates
from curriculum.data.near_duplicates import near_duplicate_key
from curriculum.data.tinypy import VARIANTS, sample
from curriculum.difficulty import fast_walk, lexical, parse

# Valid programs, for most of which the quick way must notice that it is not for them.
ODD = [
    "", "\n", "# only a comment", "\t# indented comment\n", "a = 1 # comment\n\n\n",
    "a = 1   \nb = 2\t\n", "if a :\n\n\t# comment\n\tb = 1\nc = 2", "a =-1\nb = a*-a",
    "a = 1if b else 2", "a = 1.5", "a = .5", "a = 1.", "a = 00", "a = 1_000", "a = 0x1f",
    "a = 1e5", "a = 2j", "a = 'b'", 'a = f"{b}"', "a = b.c", "a = ...", "a = é",
    "a = (1 +\n\t2)", "a = [1, 2][0]", "a = {1: 2}", "a = 1 \\\n + 2", "a = 1\r\nb = 2\r",
    "\x0ca = 1", "if a :\n    b = 1\n", "if a :\n \tb = 1",
    "if a :\n\tif b :\n\t\tc = 1\nd = 2", "if a :\n\tif b :\n\t\tc = 1\n\td = 2\ne = 3",
    "if a :\n\tb = 1\nelif c :\n\tb = 2\nelse :\n\tif d :\n\t\tb = 3",
    "if a :\n\tb = 1\nelse :\n\tif c : d = 2\n\te = 3",
    "for a in b :\n\tc = 1\nelse :\n\td = 2", "while a : b = 1\nelse : c = 2",
    "def f(a) -> int: return a", "a: int = 1", "a = b = c, d = 1, 2",
    "a @= b", "a **= 2", "a //= -b", "a <<= b >> 1", "a = b if c else d", "a = not b",
    "a = [b for c in d if e if f]", "a = lambda b, c=1: b", "a = (b := 1)", "print(a, *b, **c)",
    "a = 1 and True", "a = 1 + 1 == True", "a = -0 + 0", "a = b < c < d != 1", "a; b; c",
    "assert a and b", "try:\n\ta\nexcept b:\n\tc\nelse:\n\td", "with a as b: c",
    "class A:\n\tb = 1 + 1", "import a, b\nfrom c import d", "a = b[1:2, ::3]", "del a",
    "async def f():\n\tasync for a in b: pass\n\treturn [c async for c in d]",
    "match a:\n\tcase 1: b\n\tcase _: c", "a = b == c\na = b==-c\na=b!=c", "a = ~b ^ c & d | e",
    "a = b'x'", "a = (b)(c)", "print (a)",
    "a = b not  in c", "a = (b not\n\tin c)", "a = b is not c", "a = not b;c = 1", "not a in b",
    "a = (b) [c]", "not (a)", "a = b if (c) else (d)",
]  # fmt: skip
MODULES = ("ast", "statistics", "textwrap", "random", "heapq", "bisect", "fractions")


def tinypy_programs():
    for variant, (_, _, levels) in VARIANTS.items():
        rng = Random(variant)
        for level in levels:
            for _ in range(60):
                yield sample(level, rng, variant).code


def library_statements():
    """Statements of the standard library, each as a text of its own."""
    for name in MODULES:
        tree = ast.parse(
            (Path(os.__file__).parent / f"{name}.py").read_text(encoding="utf-8")
        )
        for node in ast.walk(tree):
            if isinstance(node, ast.stmt) and not isinstance(
                node, ast.Return | ast.Break | ast.Continue | ast.Nonlocal
            ):
                yield ast.unparse(node).replace("    ", "\t")


@pytest.fixture(scope="module")
def texts():
    return [*ODD, *tinypy_programs(), *library_statements()]


@pytest.mark.filterwarnings("ignore:invalid decimal")
def test_the_walk_counts_as_radon_does(texts):
    walked = 0
    for text in texts:
        try:
            tree = ast.parse(text)
        except SyntaxError:  # a piece that cannot stand alone, such as a yield
            continue
        found = fast_walk.walk(tree)
        if found is None:
            continue
        walked += 1
        slow = parse._Counts(tree, text)
        radon = ComplexityVisitor.from_ast(tree)
        assert found.cyclomatic_radon == radon.total_complexity == slow.cyclomatic_radon
        assert found.cyclomatic == slow.cyclomatic, text
        seen = HalsteadVisitor.from_ast(tree)
        assert found.halstead_radon == slow.halstead_radon, text
        assert (found.halstead_radon > 0) == (seen.operators > 0), text
        assert found.depth == slow.depth, text
    assert walked > 1_000


def test_the_words_are_pythons_tokens(texts):
    plain_texts = 0
    for text in texts:
        if lexer.is_plain(text):
            plain_texts += 1
            tokens = [token.text for token in lexical.code_tokens(text)]
            assert lexer.words(lexer.without_comments(text)) == tokens, text
            assert lexical.lex_plain(text) == lexical.lex(text), text
    assert plain_texts > 800


def test_twin_keys_are_the_same_without_the_quick_way(texts, monkeypatch):
    def keys():
        return [
            near_duplicate_key(text, kind)
            for text in texts
            for kind in near_duplicates.CLONE_KINDS
        ]

    quick = keys()
    monkeypatch.setattr(lexer, "is_plain", lambda text: False)
    assert keys() == quick


@pytest.mark.parametrize(
    "text",
    ["a = 'b'", "a.b", "a = 1.5", "a = 1e5", "1if a else b", "a = 007", "é = 1", "a \\\n",
     "a = $", "a = b ! c", "\x0c", "a\r", "a" * 50 + "(" * 50 + "'"],
)  # fmt: skip
def test_what_is_not_plain(text):
    assert not lexer.is_plain(text)


def test_all_of_tinypy_is_plain():
    for code in tinypy_programs():
        assert lexer.is_plain(code) and fast_walk.walk(ast.parse(code)) is not None
