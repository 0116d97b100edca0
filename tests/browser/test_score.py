"""The page's scores of a program are the package's, to the last digit, or it refuses."""

import ast
import sys
import sysconfig
import warnings
from pathlib import Path
from random import Random

import pytest
from test_lab import LAB, STUDY

from curriculum.data import tinypy
from curriculum.data.corpus import Corpus
from curriculum.difficulty import CDM, SCORERS, STATIC, label
from curriculum.difficulty.decisions import decisions
from curriculum.difficulty.parse import ParsedProgram, ProgramError

PARTS = ("python_tokens.js", "python.js", "score.js", "cdm.js")
LIBRARY = Path(sysconfig.get_path("stdlib"))
SCORE = """(texts) => {
  const scorer = curriculumScorer();
  return texts.map((text) => {
    try {
      const { scores, counts, labels, rows } = scorer.score(text, curriculumCDM);
      return { scores, counts, labels, rows };
    } catch (problem) { return { error: problem.message, line: problem.line ?? null }; }
  });
}"""


@pytest.fixture
def page(visit):
    page = visit(LAB)
    for name in PARTS:
        page.evaluate("(name) => curriculumPage.script(name)", name)
    return page


@pytest.fixture(scope="module")
def cdm():
    corpus = Corpus.load(STUDY / "test-programs")
    return CDM.fit(corpus[i].code for i in range(len(corpus)))


def expected(source, cdm):
    """What the package says: scores, counts, paths of each line; None if it refuses."""
    try:
        program = ParsedProgram(source)
        halstead = program.lexical.halstead
    except ProgramError:
        return None
    scores = {name: SCORERS[name].function(program) for name in STATIC}
    scores |= {
        "unfamiliarity": cdm.familiarity.surprisal(program),
        "cdm": cdm.score(program),
    }
    paths: dict[int, list[int]] = {}
    for line, _, ours, radon in decisions(program.tree):
        row = paths.setdefault(line, [0, 0])
        row[0], row[1] = row[0] + ours, row[1] + radon
    return {
        "scores": scores,
        "counts": {name: getattr(halstead, name) for name in ("n1", "n2", "N1", "N2")},
        "labels": {
            name: ("easy", "medium", "hard")[label([scores[name]])[0]]
            for name in ("om_radon", "om_token")
        },
        "paths": {line: row for line, row in paths.items() if any(row)},
    }


def differences(page, sources, cdm):
    """(program, what differs) of every program on which page and package differ."""
    wrong, refused = [], []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        wanted = [expected(source, cdm) for source in sources]
    for i, (found, want) in enumerate(
        zip(page.evaluate(SCORE, sources), wanted, strict=True)
    ):
        if "error" in found or want is None:
            if want is not None:
                refused.append((i, found["error"]))
            elif "error" not in found:
                wrong.append((i, "the package refuses it"))
            else:
                assert found["line"], found  # a reason with its place, not a crash
            continue
        mine = {
            "scores": found["scores"],
            "counts": found["counts"],
            "labels": found["labels"],
            "paths": {
                line: [row["ours"], row["radon"]]
                for line, row in found["rows"]
                if row["ours"] or row["radon"]
            },
        }
        wrong += [
            (i, key, mine[key], want[key]) for key in want if mine[key] != want[key]
        ]
        for key, total in (("operators", "N1"), ("operands", "N2")):
            if sum(row[key] for _, row in found["rows"]) != want["counts"][total]:
                wrong.append((i, f"{key} of the lines"))
    return wrong, refused


def test_the_standard_library_is_scored_as_by_the_package(page, cdm):
    """220 modules; on Python 3.11 none is refused."""
    files = [
        p for p in sorted(LIBRARY.glob("*.py")) + sorted(LIBRARY.glob("[a-z]*/*.py"))
    ]
    files = [p for p in files if "site-packages" not in p.parts]
    sources = [
        text
        for p in files
        if p.stat().st_size < 40_000
        and (text := p.read_text("utf-8", "replace")).strip()
    ][:220]
    assert len(sources) == 220
    wrong, refused = differences(page, sources, cdm)
    assert wrong == []
    assert len(refused) <= (0 if sys.version_info < (3, 12) else 20), refused


def test_tinypy_is_scored_as_by_the_package(page, cdm):
    rng = Random(3)
    levels = [level for level in tinypy.LEVELS if level != "4.1"]
    sources = [tinypy.sample(level, rng).code for level in levels for _ in range(60)]
    assert differences(page, sources, cdm) == ([], [])


GRAMMAR = """
async def f(a, /, b: int = 1, *c, d, e=2, **g) -> str: return await a
def f(*, a=1): yield; x = yield 1; y = yield from z
lambda a, *b, c=1, **d: (a, *b)
@a.b(1)
class A(B, metaclass=C): x: int; y: int = 1; "doc"
x: (int) = 1; (y): str; a.b: int = 2
with (open(a) as b, c as (d, e),): pass
with (a, b) as c: pass
with (yield): pass
try: pass
except* (A, B) as e: pass
else: pass
finally: pass
match x, *y:
    case [1, -2 + 3j, *_] | {"a": None, **rest}: pass
    case A.B(1, c=d) as e if e > 1: pass
    case (True | False) | "a" "b": pass
    case _: pass
match = case = type = 1; match[case](type)
print(f"{x!r:>{w}} {y=} {{}}" 'b' rf"\\d{a['b']:%Y-%m}", b"a" b'\\x41', u"c")
'not' not in x is not y
a[1:2, ::3, ...] = {**a, 'b': 1}; {*a, 1}; [*a]; b = {c: d for c, d in e if f if g}
del (a), [b, c.d], e[f]
assert a < b <= c, "why"
x = 0x1F + 0o17 + 0b11 + 1_000 + 1e5 + .5j + 1.0 if a else not b
if (n := 10) > 5 and a or b: pass
elif c: pass
else:
    for x, *y in *a, b: continue
    else: raise A from b
import a.b as c, d; from .. import (e as f, g,); from ...h import *
global a, b; nonlocal c
\ufb01n = "\\u00e9"; \u00e9t\u00e9 = fin if 1if 2else 3 else 4; "\U0001f600" + x
"""
WRONG = """
f() = 1
a + b = 1
*a, = b = 1 +
def f(a=1, b): pass
def f(*): pass
def f(**a, b): pass
f(a=1, b)
f(**a, *b)
f(x for x in y, 1)
(a, b): int = 1
(a, b) += 1
x = 0777
x = 1_
x = 1__0
x = 1abc
'a' b'b'
"\\x4"
f"{}"
f"{a"
f"}"
b"\u00e9"
x = (1
x = 1)
'abc
if x:
pass
  x = 1
try: pass
else = 1
None = 1
lambda: (yield) = 1
print "a"
import a.b as c.d
from a import (b as c), d
del f()
class A(x for x in y): pass
f(1, x for x in y)
{a := 1: 2}
{*a: 2}
a := 1
x = $
for x in y pass
match x:\n    case a.b | : pass
with a as f(): pass
async x = 1
return = 2
{a: 1, b}
{**a for a in b}
[*a for a in b]
a[]
a.1
not
"""


def blocks(text):
    """One program for each statement that begins at the left edge."""
    lines, found = text.strip().split("\n"), []
    for line in lines:
        if found and (line[0] == " " or line.startswith(("except", "el", "finally"))):
            found[-1] += "\n" + line
        elif found and found[-1].startswith("@") and "\n" not in found[-1]:
            found[-1] += "\n" + line
        else:
            found.append(line)
    return found


def test_every_construct_of_the_grammar_is_scored_as_by_the_package(page, cdm):
    programs = blocks(GRAMMAR)
    assert len(programs) >= 20
    assert differences(page, [*programs, GRAMMAR.strip()], cdm) == ([], [])


def test_what_python_refuses_is_refused(page):
    wrong = [p.replace("\\n", "\n") for p in WRONG.strip().split("\n")]
    wrong += [
        "if x:\n        a\n    b",
        "if x:\n\ta\n        b",
        "x\\",
        "a\0b",
        "\ud800",
    ]
    wrong = [p for p in wrong if p not in ("pass", "try: pass")] + [
        "try: pass\n",
        "if x:\npass",
    ]
    wrong.remove("if x:")
    for program in wrong:
        if program != "\ud800":
            with pytest.raises((SyntaxError, ValueError)):
                ast.parse(program)
    wrong.remove("\ud800")
    found = page.evaluate(SCORE, wrong)
    assert [p for p, f in zip(wrong, found, strict=True) if "error" not in f] == []
    assert all(f["line"] for f in found)


def test_deep_programs_are_refused_or_scored_as_by_the_package(page, cdm):
    sums = [" + ".join(["x"] * n) for n in (50, 190, 198, 199, 200, 250)]
    chains = [
        "if a: pass\n" + "elif a: pass\n" * n + "else: pass\n" for n in (30, 400, 1001)
    ]
    deep = ["(" * 190 + "x" + ")" * 190, "x" + ".y" * 300, "-" * 500 + "x"]
    assert differences(page, sums + chains + deep, cdm) == ([], [])


def test_nesting_does_not_make_it_slow(page, cdm):
    """Each bracket is read once: twice would double the time with every level."""
    pairs = [("f(", ")"), ("{", "}"), ("{a: ", "}"), ("[", "]"), ("match(", ")")]
    sources = ["x = " + one * 60 + "y" + other * 60 for one, other in pairs]
    assert differences(page, sources, cdm) == ([], [])


UNKNOWN = {
    "x = 1\ny = '\\N{BULLET}'": "line 2: \\N{…} in a text is not known here",
    "def f[T](x): pass": "line 1: Python 3.11 does not expect “[” here; later versions may",
    "type X = int": "line 1: Python 3.11 does not expect “X” here; later versions may",
    "x = 1\nif x\n    y": "line 2: Python 3.11 does not expect “the line’s end” here",
    "x = (1,\ny = 2": "“(” is never closed",
    "if x:\n\ty\n        z": "line 3: tabs and spaces are mixed",
}


@pytest.mark.parametrize("view", [{"width": 1280}, {"width": 390, "scheme": "dark"}])
def test_a_reader_scores_a_program_by_keyboard(visit, view, cdm):
    page = visit(LAB, **view)
    page.focus("#score-program")
    page.keyboard.press("Control+A")
    source = "for i in range(9):\n    if i > 3 or i == 1:\n        print(i * 2)"
    page.evaluate("(t) => document.execCommand('insertText', false, t)", source)
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.wait_for_selector("#lab-score table")
    want = expected(source, cdm)
    levels = want["labels"]
    assert page.inner_text("#lab-score .lab-status") == (
        f"Done: {levels['om_radon']} by radon's count, {levels['om_token']} by tokens."
    )
    cells = page.locator("#lab-score table").first.locator("td").all_inner_texts()
    assert cells[:3] == ["cyclomatic complexity (CC)", "4", "4"]
    assert cells[7:9] == [
        f"{want['scores']['om_radon']:.2f}",
        f"{want['scores']['om_token']:.2f}",
    ]
    rows = page.locator("#lab-score table").nth(1).locator("tbody tr").all_inner_texts()
    assert [row.split("\t")[0] for row in rows] == ["1", "2", "3"]
    assert rows[1].split("\t")[1:3] == ["2", "2"] and "\tif, or\t" in rows[1]
    assert page.evaluate("document.documentElement.scrollWidth") <= view["width"]


@pytest.mark.parametrize("program", UNKNOWN)
def test_what_cannot_be_scored_is_one_clear_line(visit, program):
    page = visit(LAB, from_file=True)
    page.fill("#score-program", program)
    page.click("#lab-score button")
    page.wait_for_selector("#lab-score .lab-wrong")
    said = page.inner_text("#lab-score .lab-status")
    assert UNKNOWN[program] in said and said.startswith("No score: line")
    assert "\n" not in said and page.locator("#lab-score table").count() == 0


def test_nothing_of_it_is_loaded_before_it_is_asked_for(visit):
    page = visit(LAB)
    loaded = page.evaluate("[...document.scripts].map((s) => s.src)")
    assert not any(src.endswith(PARTS) for src in loaded)
