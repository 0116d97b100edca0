"""Difficulty: golden values worked by hand, properties, real Python, bad input."""

import ast
import io
import keyword
import math
import os
import tokenize
from itertools import permutations
from pathlib import Path
from random import Random

import numpy as np
import pytest
from radon.complexity import cc_visit
from radon.metrics import h_visit
from radon.visitors import ComplexityVisitor, HalsteadVisitor

from curriculum.data import tinypy
from curriculum.difficulty import (
    CDM,
    CORPUS,
    DYNAMIC,
    MAX_NESTING,
    SCORERS,
    STATIC,
    Familiarity,
    ParsedProgram,
    ProgramError,
    agreement,
    collect,
    constructs,
    explain_cyclomatic,
    explain_halstead,
    label,
    parse,
    score,
    score_many,
    scoring,
    with_model_loss,
)

# --- golden values, worked by hand ----------------------------------------------

STRAIGHT = "a = 1\nb = a + 2\nprint(b)"
# lines 3, characters 5 + 9 + 8 and 2 line breaks; tokens 3 + 5 + 4; no decision.
# radon:  operators {+: 1}; operands {a: 1, 2: 1}      HD = 1/2 * 2/2 = 0.5
# tokens: operators {=: 2, +: 1, call: 1}, n1 = 3
#         operands {a: 2, 1: 1, b: 2, 2: 1, print: 1}, n2 = 5, N2 = 7
#                                                      HD = 3/2 * 7/5 = 2.1
STRAIGHT_SCORES = {
    "lines": 3, "characters": 24, "tokens": 12, "cyclomatic": 1, "cyclomatic_radon": 1, "depth": 0,
    "halstead_radon": 0.5, "halstead_token": 2.1, "om_radon": 0.75, "om_token": 1.55,
}  # fmt: skip

LOOP = "for i in range(1, 5) :\n\tprint(i)"
# lines 2, characters 22 + 9 and 1 line break; tokens 10 + 4; one decision.
# radon:  no operator at all                           HD = 0: the known flaw
# tokens: operators {for, in, call: 2, ",", ":"}, n1 = 5
#         operands {i: 2, range, 1, 5, print}, n2 = 5, N2 = 6
#                                                      HD = 5/2 * 6/5 = 3
LOOP_SCORES = {
    "lines": 2, "characters": 32, "tokens": 14, "cyclomatic": 2, "cyclomatic_radon": 2, "depth": 1,
    "halstead_radon": 0, "halstead_token": 3, "om_radon": 1, "om_token": 2.5,
}  # fmt: skip

FUNCTION = """\
def f(a, b):
    while a > 0 and b != 1:
        if a == b:
            return a
        elif a < b:
            a = a - 1
        else:
            b -= a
    return [b, (a + b) * 2]
"""
# characters 12+27+18+20+19+21+13+18+27 = 175 and 8 line breaks
# tokens a line 8 + 9 + 5 + 2 + 5 + 5 + 2 + 3 + 12 = 51
# decisions: while, and, if, elif; deepest: if inside while
# radon:  n1 = 8 (And Gt NotEq Eq Lt Sub Mult Add), N2 = 9 operators * 2 operands = 18
#         n2 = 8 (a b 0 1 2, the two comparisons and the bracket)
#                                                      HD = 8/2 * 18/8 = 9
# tokens: once each: def call while > and != if == elif < = - else -= [] () + *  = 18
#         "," 2, ":" 5, return 2, so n1 = 21, N1 = 27
#         operands {f: 1, a: 9, b: 7, 0: 1, 1: 2, 2: 1}, n2 = 6, N2 = 21
#                                                      HD = 21/2 * 21/6 = 36.75
FUNCTION_SCORES = {
    "lines": 9, "characters": 183, "tokens": 51, "cyclomatic": 5, "cyclomatic_radon": 5, "depth": 2,
    "halstead_radon": 9, "halstead_token": 36.75, "om_radon": 7, "om_token": 20.875,
}  # fmt: skip

GOLDEN = [
    (STRAIGHT, STRAIGHT_SCORES),
    (LOOP, LOOP_SCORES),
    (FUNCTION, FUNCTION_SCORES),
]


@pytest.mark.parametrize("source, expected", GOLDEN)
def test_golden_values(source, expected):
    assert score(source) == pytest.approx(expected)


def test_radon_values_are_those_of_its_public_api():
    assert score(FUNCTION)["cyclomatic_radon"] == cc_visit(FUNCTION)[0].complexity
    for source, _ in GOLDEN:
        total = h_visit(source).total
        assert score(source)["halstead_radon"] == pytest.approx(total.difficulty)


def test_radon_finds_loops_trivial_and_the_token_definition_does_not():
    for seed in range(100):
        code = tinypy.sample("3.1", Random(f"{seed}")).code
        scores = score(code)
        assert scores["halstead_radon"] == 0 < scores["halstead_token"]


def test_explain_cyclomatic_golden():
    assert explain_cyclomatic(FUNCTION) == [
        (1, "one path through the program", 1),
        (2, "while", 1),
        (2, "and", 1),
        (3, "if", 1),
        (5, "elif", 1),
    ]


def test_explain_cyclomatic_names_what_radon_leaves_out():
    source = (
        "def outer():\n    def inner():\n        if 1: pass\n"
        "class A:\n    def method(self): return 1 if self else 2\n"
        "    class B:\n        x = 1\n"
    )
    rows = explain_cyclomatic(source, "radon")
    assert (2, "def inner, nested: left out by radon", 0) in rows
    assert (3, "if: left out by radon", 0) in rows
    assert (6, "class B, nested: left out by radon", 0) in rows
    assert (5, "method method", 1) in rows
    assert sum(n for *_, n in rows) == score(source)["cyclomatic_radon"] == 3
    rows = explain_cyclomatic(source)
    assert (5, "method method: not counted", 0) in rows
    assert sum(n for *_, n in rows) == score(source)["cyclomatic"] == 3


def test_explain_halstead_golden():
    by_token = explain_halstead(LOOP)
    assert dict(by_token.operators) == {
        "for": 1, "in": 1, "call ( )": 2, ",": 1, ":": 1,
    }  # fmt: skip
    assert dict(by_token.operands) == {"i": 2, "range": 1, "1": 1, "5": 1, "print": 1}
    by_radon = explain_halstead(FUNCTION, "radon")
    assert dict(by_radon.operators)["Sub"] == 2
    assert dict(by_radon.operands) == {
        "a": 6, "b": 5, "0": 1, "1": 2, "2": 1, "a + b": 1, "a > 0": 1, "b != 1": 1,
    }  # fmt: skip
    assert by_radon.difficulty == 9
    with pytest.raises(ValueError, match="'token' or 'radon'"):
        explain_halstead(LOOP, "cloc")


@pytest.mark.parametrize(
    "source, operators",
    [
        ("f(a)[0]", ["call ( )", "index [ ]"]),
        ("f()[0]()", ["call ( )", "index [ ]"]),
        ("x = (a, [b])", ["=", "( )", ",", "[ ]"]),
        ("print((a))", ["call ( )", "( )"]),
        ("if (a): pass", ["if", "( )", ":", "pass"]),
        ("True, None, ...", [","]),
        ("a not in b", ["not in"]),
        ("{1: 2}[1]", ["{ }", ":", "index [ ]"]),
        ("@d\ndef f(): ...", ["@", "def", "call ( )", ":"]),
    ],
)
def test_token_operators(source, operators):
    assert [text for text, _ in explain_halstead(source).operators] == operators


@pytest.mark.parametrize(
    "source, depth",
    [
        ("a = 1", 0),
        ("if a: b = 1", 1),
        ("if a:\n b\nelif c:\n d\nelif e:\n f\nelse:\n g", 1),
        ("if a:\n b\nelse:\n if c:\n  d", 2),
        ("if a:\n b\nelif c:\n for d in e:\n  f", 2),
        ("for a in b:\n while c:\n  try:\n   with d: e\n  except E: f", 4),
        ("def f():\n class A:\n  def g(self):\n   if a: b", 1),
        ("match a:\n case 1:\n  if b: c", 2),
        ("try:\n a\nexcept* E:\n if b: c", 2),
        ("f = lambda x: x", 0),
    ],
)
def test_depth(source, depth):
    assert score(source, ["depth"])["depth"] == depth


def test_f_strings_are_one_token_on_every_python():
    for text in ('f"{a + 1} b"', "f'{f(x)!r:>{w}} {y}'", 'f"a" "b"', 'f"""a\n{b}\n"""'):
        strings = 2 if text.endswith('"b"') else 1
        scores = score(f"x = {text}", ["tokens", "lines"])
        assert scores["tokens"] == 2 + strings
        assert scores["lines"] == 1 + text.count("\n")
    assert dict(explain_halstead("f'{a}' + f'{b}'").operands) == {
        "f'{a}'": 1,
        "f'{b}'": 1,
    }


# --- properties -----------------------------------------------------------------


def programs(count, level="ALL", seed=0):
    rng = Random(f"{seed}/difficulty tests")
    return [tinypy.sample(level, rng, "august").code for _ in range(count)]


def renamed(source):
    """Every name that is not a keyword gets another; lengths change too."""
    names, result = {}, []
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        text = token.string
        if token.type == tokenize.NAME and not keyword.iskeyword(text):
            text = names.setdefault(text, f"name_{len(names)}")
        result.append((token.type, text))
    return tokenize.untokenize(result)


def test_names_do_not_matter_but_for_length():
    for source in [*programs(200), FUNCTION]:
        before, after = score(source), score(renamed(source))
        same = set(STATIC) - {"characters"}
        assert {n: before[n] for n in same} == {n: after[n] for n in same}
        assert constructs(source) == constructs(renamed(source))


def test_comments_blank_lines_and_output_do_not_count():
    for source in programs(100):
        noisy = "# first\n\n" + source.replace("\n", "  # note\n\n# more\n")
        assert score(noisy) == score(source)
        assert score(source + "\n# output\n# 17\n# 4\n\n") == score(source)
        assert score(source.replace("\n", "\r\n")) == score(source)


def test_code_without_comments_counts_all_its_characters():
    for source in programs(100):
        scores = score(source)
        assert scores["characters"] == len(source)
        assert scores["lines"] == source.count("\n") + 1


def test_appending_an_if_adds_exactly_one_path():
    for source in programs(100):
        longer = score(source + "\nif 1 < 2 :\n\tpass")
        assert longer["cyclomatic"] == score(source)["cyclomatic"] + 1


def test_operators_operands_and_closing_brackets_are_all_tokens():
    for source in [*programs(200), FUNCTION, "print(f'{a}')[:]"]:
        reading = ParsedProgram(source)
        halstead = reading.lexical.halstead
        closing = sum(count for text, count in halstead.operators if text[-1] in ")]}")
        assert halstead.N1 + halstead.N2 + closing == reading.lexical.tokens


def test_wrapping_a_script_in_a_function_keeps_its_structure():
    for source in programs(100):
        wrapped = "def f():\n" + "".join(f"\t{x}\n" for x in source.split("\n"))
        for name in ("cyclomatic", "depth", "halstead_radon"):
            assert score(wrapped)[name] == score(source)[name]


def test_order_of_a_batch_does_not_matter():
    sources = programs(300)
    forward = score_many(sources, STATIC + CORPUS)
    backward = score_many(sources[::-1], STATIC + CORPUS)
    for name in STATIC + CORPUS:
        np.testing.assert_array_equal(forward.table[name], backward.table[name][::-1])


def test_a_batch_gives_the_scores_of_single_programs():
    sources = programs(30)
    metric = CDM.fit(sources)
    batch = score_many(sources, STATIC + CORPUS, cdm=metric)
    for i, source in enumerate(sources):
        alone = score(source, STATIC + CORPUS, cdm=metric)
        assert alone == {name: batch.table[name][i] for name in batch.table}


def test_workers_change_nothing():
    sources = [*programs(600), "a = (", FUNCTION]
    seen = []
    one = score_many(sources, STATIC + CORPUS)
    two = score_many(
        sources, STATIC + CORPUS, workers=2, progress=lambda *x: seen.append(x)
    )
    assert one.errors == two.errors and len(one.errors) == 1
    for name in one.table:
        np.testing.assert_array_equal(one.table[name], two.table[name])
    assert seen == [(256, 602), (512, 602), (602, 602)]


def test_a_dead_worker_is_named():
    with pytest.raises(RuntimeError, match="workers=1"):
        list(scoring._each(os._exit, [3, 3], 2))


# --- registry -------------------------------------------------------------------


def test_every_scorer_says_what_it_is():
    assert tuple(SCORERS) == STATIC + CORPUS + DYNAMIC
    for name, scorer in SCORERS.items():
        assert scorer.name == name
        assert scorer.unit and scorer.definition and scorer.source
        assert "\n" not in scorer.definition + scorer.unit + scorer.source


def test_registry_cannot_be_changed():
    with pytest.raises(TypeError):
        SCORERS["mine"] = SCORERS["lines"]
    larger = with_model_loss(lambda sources: [0.0] * len(sources))
    assert "model_loss" in larger and "model_loss" not in SCORERS


def test_model_loss_is_asked_only_about_readable_programs():
    asked = []

    def loss(sources):
        asked.extend(sources)
        return [len(source) / 10 for source in sources]

    registry = with_model_loss(loss)
    scores = score_many(
        ["a = 1", "a = (", "abc = 1"], ["lines", "model_loss"], registry=registry
    )
    assert asked == ["a = 1", "abc = 1"]
    np.testing.assert_array_equal(scores.table["model_loss"], [0.5, math.nan, 0.7])
    np.testing.assert_array_equal(scores.scored, [0, 2])
    assert score("a = 1", "model_loss", registry=registry) == {"model_loss": 0.5}


def test_model_loss_must_be_finite_and_complete():
    infinite = with_model_loss(lambda sources: [math.nan] * len(sources))
    assert (
        "not finite" in score_many(["a"], "model_loss", registry=infinite).errors[0][3]
    )
    short = with_model_loss(lambda sources: [])
    with pytest.raises(ValueError, match="0 values for 1 programs"):
        score_many(["a"], "model_loss", registry=short)


def test_unknown_names():
    with pytest.raises(ValueError, match="unknown scorer 'loc': choose from lines"):
        score(LOOP, ["loc"])
    with pytest.raises(ValueError, match="with_model_loss"):
        score(LOOP, ["model_loss"])
    with pytest.raises(ValueError, match="no scorer named"):
        score(LOOP, [])
    with pytest.raises(ValueError, match="CDM.fit"):
        score(LOOP, ["cdm"])
    with pytest.raises(ValueError, match="Familiarity.fit"):
        score(LOOP, ["unfamiliarity"])


# --- scores from a run ----------------------------------------------------------


def test_dynamic_scores():
    scores = score(LOOP, DYNAMIC)
    assert scores["digits"] == 4  # prints 1, 2, 3, 4
    assert scores["largest"] == 4
    assert scores["branches"] == 5  # four turns, and the question that ends the loop
    assert scores["steps"] >= 4 + 5
    longer = score(LOOP.replace("5", "15"), DYNAMIC)
    assert all(longer[name] > scores[name] for name in DYNAMIC)


def test_a_program_that_fails_keeps_its_static_scores():
    sources = ["print(1)", "print(1 / 0)", "a = (", "print(22)"]
    scores = score_many(sources, ["lines", "digits"])
    np.testing.assert_array_equal(scores.table["lines"], [1, 1, math.nan, 1])
    np.testing.assert_array_equal(scores.table["digits"], [1, math.nan, math.nan, 2])
    assert [error[0] for error in scores.errors] == [1, 2]
    assert "ZeroDivisionError" in scores.errors[0][3]


# --- bad input ------------------------------------------------------------------

BAD = {
    "syntax": ("a = 1\nb = (\n", 2, "never closed"),
    "tabs": ("if a:\n\tb\n        c\n", 3, "TabError"),
    "indentation": ("a\n  b\n", 2, "IndentationError"),
    "null byte": ("a\nb\0\n", 2, "null byte"),
    "python 2": ("print 'hello'", 1, "SyntaxError"),
    "huge sum": ("a = 1\nb = " + " + ".join("1" * 500), 2, "200 levels"),
    "huger sum": (" + ".join("1" * 5000), None, "200 levels"),
    "minus signs": ("-" * 100_000 + "1", None, "200 levels"),
    "elif chain": ("a\nif a: b\n" + "elif c: d\n" * 1001, 2, "1,000 elif"),
    "longer elif chain": ("if a: b\n" + "elif c: d\n" * 4000, None, "1,000 elif"),
    "deep in an elif": ("if a: b\nelif c:\n " + "-" * 250 + "1", 3, "200 levels"),
    "surrogate": ("a = '\ud800'", None, "surrogates"),
    "bytes": (b"a = 1", None, "text"),
}


@pytest.mark.parametrize("kind", BAD)
def test_bad_programs_name_file_line_and_reason(kind):
    source, line, reason = BAD[kind]
    with pytest.raises(ValueError) as caught:
        score(source, file="mine.py")
    message = str(caught.value)
    assert message.startswith("mine.py:") and reason in message
    assert "\n" not in message
    if line:
        assert message.startswith(f"mine.py:{line}: ")


def test_bad_programs_do_not_stop_a_batch():
    sources = [source for source, _, _ in BAD.values()]
    mixed = [x for source in sources for x in (source, STRAIGHT)]
    files = [f"{i}.py" for i in range(len(mixed))]
    scores = score_many(mixed, STATIC + CORPUS, files)
    assert [error[0] for error in scores.errors] == list(range(0, len(mixed), 2))
    assert [error[1] for error in scores.errors] == files[::2]
    np.testing.assert_array_equal(scores.scored, np.arange(1, len(mixed), 2))
    nothing = score_many(sources, STATIC + CORPUS)
    assert len(nothing.errors) == len(sources) and len(nothing.scored) == 0


def test_the_nesting_limit_is_the_same_on_a_deep_stack():
    # Module, Expr and the name take three levels
    fits, too_deep = ("not " * (MAX_NESTING + n) + "a" for n in (-4, 0))

    def deep(levels, source):
        return deep(levels - 1, source) if levels else score(source)

    assert deep(0, fits) == deep(150, fits)
    assert explain_halstead(fits, "radon").difficulty == score(fits)["halstead_radon"]
    for levels in (0, 150):
        with pytest.raises(ProgramError, match="nested more than"):
            deep(levels, too_deep)


@pytest.mark.fault(
    "Difficulty",
    "a flat chain of 300 `elif`, of 1,000 and of 3,000",
    "a program is scored, or the reason is true",
    "scored up to 1,000; beyond that the reason names the chain",
)
@pytest.mark.parametrize("head", ["", "def f():\n "])
def test_a_chain_of_elif_is_not_nested(head):
    for length in (300, parse.MAX_ELIF):
        chain = head + "if a: b" + f"\n{' ' * bool(head)}elif c < 1: d" * length
        found = score(chain, STATIC + CORPUS[:1], familiarity=Familiarity.fit([LOOP]))
        assert found["depth"] == 1
        assert found["cyclomatic"] == found["cyclomatic_radon"] == length + 2
        # one operator; the operands are c and 1
        assert found["halstead_radon"] == 1 / 2 * 2 * length / 2
        assert explain_halstead(chain, "radon").difficulty == found["halstead_radon"]
        assert sum(n for *_, n in explain_cyclomatic(chain, "radon")) == length + 2


def test_radon_counts_alike_when_elif_is_taken_apart():
    for file, source in collect(standard_library())[0]:
        tree, flat = ParsedProgram(source, file).tree, parse._without_elif(source)
        assert "elif" not in source or ast.dump(flat) != ast.dump(tree), file
        for visitor, names in (
            (ComplexityVisitor, ["total_complexity"]),
            (HalsteadVisitor, ["operators", "operands", "operators_seen"]),
        ):
            one, other = visitor.from_ast(tree), visitor.from_ast(flat)
            for name in names:
                assert getattr(one, name) == getattr(other, name), file


def test_odd_but_valid_programs():
    for source in (
        "",
        "\n\n",
        "# only a comment",
        "pass",
        "\t\n",
        "a = 1 ;",
        "\ufeff"[1:],
    ):
        assert score(source)["cyclomatic"] == 1
    assert score("")["halstead_token"] == 0
    assert score("x = '\\d'")["lines"] == 1  # an invalid escape is only a warning
    assert score("été = 1\nprint(été)")["tokens"] == 7
    assert score("a = 1 + \\\n    2")["lines"] == 2


def test_wrong_arguments_of_score_many():
    with pytest.raises(ValueError, match="one text"):
        score_many(LOOP)
    with pytest.raises(ValueError, match="workers=0"):
        score_many([LOOP], workers=0)
    with pytest.raises(ValueError, match="1 files name 2 programs"):
        score_many([LOOP, LOOP], files=["a.py"])
    assert len(score_many([]).table["lines"]) == 0


# --- real Python ----------------------------------------------------------------

MODULES = ("abc", "bisect", "heapq", "textwrap", "fractions", "csv", "calendar", "ast",
           "difflib", "json/decoder", "asyncio/queues", "email/message")  # fmt: skip


def standard_library():
    root = Path(os.path.dirname(os.__file__))
    return [root / f"{name}.py" for name in MODULES]


def test_standard_library_scores():
    found, unread = collect(standard_library())
    files, sources = zip(*found, strict=True)
    scores = score_many(sources, STATIC + CORPUS, files)
    assert not unread and not scores.errors
    assert len(scores.scored) == len(MODULES)
    assert all((column >= 0).all() for column in scores.table.values())
    assert (scores.table["lines"] > 40).all()


def test_explanations_add_up_to_radon_on_the_standard_library():
    for file, source in collect(standard_library())[0]:
        reading = ParsedProgram(source, file)
        rows = explain_cyclomatic(reading, "radon")
        assert sum(n for *_, n in rows) == reading.cyclomatic_radon, file
        ours, seen = (
            explain_halstead(reading, "radon"),
            HalsteadVisitor.from_ast(reading.tree),
        )
        assert (ours.n1, ours.N1) == (seen.distinct_operators, seen.operators), file
        assert (ours.n2, ours.N2) == (seen.distinct_operands, seen.operands), file


# --- familiarity and CDM --------------------------------------------------------


def test_familiarity_golden():
    # one program: Module > Assign, Assign > Name, Assign > int literal; 3 kinds + 1
    familiarity = Familiarity.fit(["a = 1"])
    assert familiarity.bits("Module", "Assign") == pytest.approx(math.log2(5 / 2))
    assert familiarity.bits("Assign", "Name") == pytest.approx(math.log2(6 / 2))
    assert familiarity.bits("Module", "For") == pytest.approx(math.log2(5))
    assert familiarity.bits("For", "Name") == pytest.approx(math.log2(4))
    mean = (math.log2(5 / 2) + 2 * math.log2(3)) / 3
    assert familiarity.surprisal("b = 7") == pytest.approx(mean)
    explained = familiarity.explain("b = 7")
    assert [name for name, _ in explained] == [
        "Module > Assign", "Assign > Name", "Assign > int literal",
    ]  # fmt: skip
    assert familiarity.surprisal("") == 0
    with pytest.raises(ValueError, match="at least one program"):
        Familiarity.fit([])


def test_each_parent_is_a_probability_distribution():
    familiarity = Familiarity.fit(programs(100))
    kinds = {child for _, child in familiarity.pairs}
    for parent in familiarity.parents:
        seen = sum(2 ** -familiarity.bits(parent, child) for child in kinds)
        assert seen + 2 ** -familiarity.bits(parent, "never seen") == pytest.approx(1)


def test_elif_else_and_nested_if_are_different_constructs():
    chain = constructs("if a:\n b\nelif c:\n d")
    nested = constructs("if a:\n if c:\n  d")
    assert ("else", "If") in chain and ("If", "If") not in chain
    assert ("If", "If") in nested and ("If", "else") not in nested


def test_what_a_corpus_lacks_is_unfamiliar():
    familiarity = Familiarity.fit(programs(300, "1.1"))
    own = np.mean([familiarity.surprisal(p) for p in programs(100, "1.1", seed=1)])
    other = np.mean([familiarity.surprisal(p) for p in programs(100, "4.1", seed=1)])
    assert own < other


def test_the_order_of_constructs_does_not_matter():
    familiarity = Familiarity.fit(programs(50))
    parts = ["a = 1", "print(a)", "if a < 1 :\n\tprint(2)", "b = a * (3 - a)"]
    values = {familiarity.surprisal("\n".join(p)) for p in permutations(parts)}
    assert len(values) == 1


def test_cdm_golden():
    # the reference: tokens 3, 12, 14; depth 0, 0, 1; cyclomatic 1, 1, 2
    metric = CDM.fit(["a = 1", STRAIGHT, LOOP])
    assert metric.parts("b = 2")["length"] == 0
    assert metric.parts("b = 2")["control_flow"] == 0
    assert metric.parts(LOOP)["length"] == pytest.approx(2 / 3)
    assert metric.parts(LOOP)["control_flow"] == pytest.approx(2 / 3)
    assert (
        metric.parts(FUNCTION)["length"] == metric.parts(FUNCTION)["control_flow"] == 1
    )
    only_length = metric.with_weights({"length": 5})
    assert only_length.score(LOOP) == pytest.approx(2 / 3)
    assert only_length.weights == {"length": 1, "control_flow": 0, "unfamiliarity": 0}
    parts = metric.parts(LOOP)
    assert metric.score(LOOP) == pytest.approx(sum(parts.values()) / 3)
    two = metric.with_weights({"length": 1, "unfamiliarity": 3})
    assert two.score(LOOP) == pytest.approx(
        parts["length"] / 4 + parts["unfamiliarity"] * 3 / 4
    )


def test_cdm_stays_between_0_and_1_and_scoring_does_not_change_it():
    metric = CDM.fit(programs(200))
    others = [*programs(200, seed=2), FUNCTION, ""]
    first = [metric.score(p) for p in others]
    assert all(0 <= x <= 1 for x in first)
    assert [metric.score(p) for p in others] == first


@pytest.mark.parametrize(
    "weights, message",
    [
        ({"size": 1}, "unknown CDM part 'size'"),
        ({"length": -1}, "weight of length is -1"),
        ({"length": math.nan}, "finite"),
        ({"length": "1"}, "weight of length is '1'"),
        ({"length": 0}, "at least one must be positive"),
        ({}, "at least one must be positive"),
    ],
)
def test_cdm_weights_are_checked(weights, message):
    with pytest.raises(ValueError, match=message):
        CDM.fit([LOOP], weights)
    with pytest.raises(ValueError, match=message):
        CDM(weights)


def test_cdm_without_a_corpus():
    with pytest.raises(ValueError, match="CDM.fit"):
        CDM().score(LOOP)
    with pytest.raises(ValueError, match="at least one"):
        CDM.fit([])


# --- labels and agreement -------------------------------------------------------


def test_labels_by_threshold():
    values = [0, 1.99, 2, 3.99, 4, 100]
    assert label(values).tolist() == [0, 0, 1, 1, 2, 2]
    assert label(values).dtype == np.int8
    assert label(values, cut=(50, 200)).tolist() == [0, 0, 0, 0, 0, 1]


@pytest.mark.parametrize(
    "values, expected",
    [
        ([1, 2, 3], [0, 1, 2]),
        ([6, 5, 4, 3, 2, 1], [2, 2, 1, 1, 0, 0]),
        ([0, 0, 0, 0, 0, 0, 0, 0, 1, 2], [0] * 8 + [1, 2]),
        ([0, 1, 2, 2, 2, 2, 2, 2, 2], [0, 1, 2, 2, 2, 2, 2, 2, 2]),
        ([1, 2, 2], [0, 2, 2]),
        ([7, 7, 7], [0, 0, 0]),
    ],
)
def test_labels_by_tertile(values, expected):
    assert label(values, cut="tertiles").tolist() == expected


def test_labels_never_fall_when_scores_rise_and_ties_stay_together():
    rng = np.random.default_rng(0)
    for _ in range(200):
        values = rng.integers(0, rng.integers(2, 40), size=rng.integers(1, 60)) / 4
        for cut in ((2.0, 4.0), "tertiles"):
            labels = label(values, cut)
            order = np.argsort(values, kind="stable")
            assert (np.diff(labels[order]) >= 0).all()
            assert all(len(set(labels[values == x])) == 1 for x in values)
            if cut == "tertiles" and len(set(values)) >= 3:
                assert set(labels) == {0, 1, 2}


@pytest.mark.parametrize("cut", [(4, 2), (2, 2), (1,), (1, 2, 3), "thirds", None, 3])
def test_bad_cuts(cut):
    with pytest.raises(ValueError, match="tertiles"):
        label([1, 2, 3], cut)


def test_bad_values():
    with pytest.raises(ValueError, match="2 of 4 scores are NaN, the first at index 1"):
        label([1, math.nan, 2, math.nan])
    with pytest.raises(ValueError, match="shape"):
        label([])


def test_agreement_golden():
    table = {
        "a": [1, 2, 3, 4],
        "b": [1, 3, 2, 4],
        "down": [4, 3, 2, 1],
        "flat": [5] * 4,
    }
    result = agreement(table)
    assert result.programs == 4 and result.dropped == 0
    assert result.pair("a", "b")["spearman"] == pytest.approx(1 - 6 * 2 / (4 * 15))
    assert result.pair("a", "down")["spearman"] == pytest.approx(-1)
    assert math.isnan(result.pair("a", "flat")["spearman"])
    np.testing.assert_array_equal(result.flips, result.flips.T)
    assert (np.diag(result.flips) == 0).all()
    with pytest.raises(ValueError, match="no scorer 'c'"):
        result.pair("a", "c")


def test_agreement_leaves_out_programs_without_a_score():
    scores = score_many([LOOP, STRAIGHT, "a = (", FUNCTION], ["lines", "om_token"])
    result = agreement(scores.table)
    assert (result.programs, result.dropped) == (3, 1)
    with pytest.raises(ValueError, match="two programs"):
        agreement({"a": [1, math.nan], "b": [1, 2]})
    with pytest.raises(ValueError, match="one length"):
        agreement({"a": [1], "b": [1, 2]})
