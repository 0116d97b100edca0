"""The grammar and its sampler: levels, quirks, the tree, and a stream that stays."""

import ast
import hashlib
import re
from collections import Counter
from random import Random

import pytest

from curriculum.data import tinypy
from curriculum.data.tinypy import CONTEXT, LEVELS, VARIANTS, derive, grammar, sample

CASES = [(v, level) for v in VARIANTS for level in (*VARIANTS[v].levels, "ALL")]
FIRST_VALUES = dict(zip(LEVELS, (3, 4, 3, 6, 3, 5, 3), strict=True))  # at most


def programs(level, variant, n=400, seed="test"):
    rng = Random(f"{seed}/{variant}/{level}")
    return [sample(level, rng, variant) for _ in range(n)]


def first_values(code):
    return re.findall(r"^([a-z]) = (\d+)$", code, re.MULTILINE)


# ---------------------------------------------------------------- the grammar


@pytest.mark.parametrize("variant", VARIANTS)
def test_the_grammar_is_closed_and_all_of_it_is_used(variant):
    rules = grammar(variant)
    starts = ["<ALL>", *(f"<{level}>" for level in VARIANTS[variant].levels)]
    reached, todo = set(), list(starts)
    while todo:
        symbol = todo.pop()
        if symbol in reached:
            continue
        reached.add(symbol)
        for part in (p for options in rules.get(symbol, []) for p in options):
            if re.fullmatch(r"<.+>", part):
                assert part in rules or part in CONTEXT, part
                todo.append(part)
    # While loops, and what only they use, are missing in July.
    august_only = {"<less>", "<more>"} if variant != "august" else set()
    assert set(rules) - reached == august_only
    assert not set(rules) & set(CONTEXT)


def test_context_symbols_explain_themselves():
    assert len(CONTEXT) == 12
    assert all(meaning and "\n" not in meaning for meaning in CONTEXT.values())


def test_the_grammar_is_a_copy():
    grammar()["<sum>"].clear()
    assert grammar()["<sum>"] == [("<term>", " ", "<arithmetic>", " ", "<term>")]


def test_a_lone_less_than_is_text_not_a_symbol():
    assert grammar("august")["<less>"] == [("<",), ("<=",)]


# ---------------------------------------------------------------- programs


@pytest.mark.parametrize("variant, level", CASES)
def test_sample_and_derive_agree_and_leave_the_same_state(variant, level):
    for seed in range(150):
        one, two = Random(f"{seed}"), Random(f"{seed}")
        program, tree = sample(level, one, variant), derive(level, two, variant)
        assert program.code == tree.text
        assert one.getstate() == two.getstate()
        assert tree.symbol == f"<{level}>"


@pytest.mark.parametrize("variant, level", CASES)
def test_every_program_parses_and_is_one_block_of_its_level(variant, level):
    for code, its_level in programs(level, variant):
        tree = ast.parse(code)
        assert its_level == level or level == "ALL"
        assert not code.endswith("\n") and "    " not in code
        *before, block = tree.body
        kinds = (ast.Expr, ast.If, ast.For, ast.While)
        expected = {"1": ast.Expr, "2": ast.If, "3": ast.For, "4": ast.While}
        assert isinstance(block, expected[its_level[0]])
        assert all(isinstance(statement, ast.Assign) for statement in before)
        nested = [n for n in ast.walk(block) if isinstance(n, kinds[1:])]
        elifs = code.count("elif")
        assert len(nested) == (its_level[0] != "1") + elifs, "one block, no nesting"
        assert all(":" not in line or line.endswith(" :") for line in code.split("\n"))


@pytest.mark.parametrize("variant, level", CASES)
def test_names_numbers_and_first_values(variant, level):
    letters, numbers, _ = VARIANTS[variant]
    for code, its_level in programs(level, variant):
        values = first_values(code)
        most = 6 if level == "ALL" else FIRST_VALUES[its_level]
        assert 1 <= len(values) <= most
        names = {n.id for n in ast.walk(ast.parse(code)) if isinstance(n, ast.Name)}
        assert names - {"print", "range"} <= set(letters)
        known = set()
        for line in code.split("\n"):  # a name is read only after it was given a value
            target, equals, right = line.partition(" = ")
            read = set(re.findall(r"\b[a-z]\b", right if equals else line))
            assert read <= known, code
            known |= {target.strip()} if equals else set()
        literals = re.findall(
            r"(?<![\w.])\d+", re.sub(r"range\(.*\)|while .*", "", code)
        )
        assert set(literals) <= set(numbers)


CONSTRUCTS = {  # level: (patterns every program shows, patterns some show and some not)
    "1.1": (["print"], [r" [+*/-] ", r"print\(\w\)$", r"= \w [+*/-] \w"]),
    "1.2": (["print"], [r"= \(\w", r"\)[+*/-]\(", r"print\(\w [+*/-]"]),
    "2.1": (
        ["if ", "\tprint"],
        ["elif ", "else :", "if not ", "if  ", "<", "==", "!="],
    ),
    "2.2": ([r"if (not )?\("], ["elif", "else :", r"\) and \(", r"\) or \(", r"\( "]),
    "3.1": ([r"for \w in range\(\d+, \d+"], [r"range\(\d+, \d+, [123]\)"]),
    "3.2": ([r"for \w in range\("], [r"= \(", r"\)[+*/-]\(", r"\tprint\(\w [+*/-]"]),
    "4.1": ([r"while \w [<>]=? -?\d+ :"], [r" \+ [123]$", r" - [123]$", "<=", ">="]),
}


@pytest.mark.parametrize("variant, level", [c for c in CASES if c[1] != "ALL"])
def test_every_level_uses_its_constructs(variant, level):
    codes = [program.code for program in programs(level, variant)]
    always, sometimes = CONSTRUCTS[level]
    for pattern in always:
        assert all(re.search(pattern, code, re.MULTILINE) for code in codes), pattern
    for pattern in sometimes:
        n = sum(bool(re.search(pattern, code, re.MULTILINE)) for code in codes)
        assert 0.02 * len(codes) < n < 0.98 * len(codes), (pattern, n)


@pytest.mark.parametrize("variant", VARIANTS)
def test_loops_turn_one_to_five_times(variant):
    turns = Counter()
    for code, _ in programs("3.1", variant):
        header = re.search(r"range\((.*)\)", code).group(1)
        turns[len(range(*map(int, header.split(", "))))] += 1
    assert set(turns) == {1, 2, 3, 5}


def test_while_loops_turn_one_to_three_times():
    turns = Counter()
    for code, _ in programs("4.1", "august"):
        printed = []
        exec(code, {"print": printed.append})
        turns[len(printed)] += 1
    assert set(turns) == {1, 2, 3}


def test_the_result_is_printed_if_there_is_one():
    for code, _ in programs("3.1", "july") + programs("1.1", "july"):
        result = re.findall(r"^(\w) = \w [+*/-] \w$", code, re.MULTILINE)
        shown = re.findall(r"print\((\w)\)", code)
        assert not (result and shown) or result == shown


def test_all_takes_every_level_equally_often():
    for variant, levels in ((v, VARIANTS[v].levels) for v in VARIANTS):
        n = 7000
        counts = Counter(p.level for p in programs("ALL", variant, n))
        assert set(counts) == set(levels)
        share = 1 / len(levels)
        allowed = 4 * (n * share * (1 - share)) ** 0.5  # standard deviations
        assert all(abs(c - n * share) < allowed for c in counts.values())


def test_the_published_distribution():
    """Shares that follow from the published rules, within four standard deviations."""
    n = 8000
    codes = [p.code for p in programs("2.2", "july", n)]
    values = Counter(len(first_values(code)) for code in codes)
    conditions = [p.code for p in programs("2.1", "july", n)]
    loops = [p.code for p in programs("3.2", "july", n)]
    for count, share in (
        *((values[k], 2.0**-k) for k in range(1, 6)),
        (values[6], 1 / 32),
        (sum("elif" in code for code in codes), 1 / 3),
        (sum("else" not in code for code in codes), 1 / 3),
        (
            sum(code.find("if  ") >= 0 for code in conditions if "el" not in code),
            1 / 12,
        ),
        (sum("if not " in code for code in conditions if "el" not in code), 1 / 12),
        (sum(bool(re.search(r"\tprint\(\w ", code)) for code in loops), 1 / 4),
        (sum(bool(re.search(r"= \(", code)) for code in loops), 1 / 3),
        (sum(bool(re.search(r"range\(.*,.*,", code)) for code in loops), 1 / 2),
    ):
        assert abs(count - n * share) < 4 * (n * share * (1 - share)) ** 0.5


def test_only_random_of_the_generator_is_used():
    class Bare:
        random = Random("bare").random

    assert sample("ALL", Bare()).code == sample("ALL", Random("bare")).code


# The stream of programs is part of every corpus and so of every number in the book.
# If this hash changes, all committed results are of other programs.
GOLDEN = {
    "july": "95cef604b6a0df49",
    "july-az": "4615567b4949a883",
    "august": "a9d3663e4751e992",
}


@pytest.mark.parametrize("variant", VARIANTS)
def test_golden_stream(variant):
    drawn = programs("ALL", variant, 500, seed="golden")
    text = "\n\n".join(f"{level} {code}" for code, level in drawn)
    assert hashlib.sha256(text.encode()).hexdigest()[:16] == GOLDEN[variant]


# ---------------------------------------------------------------- the tree


DRAWING = """\
<1.1>
├─ <1 to 3 values>
│  └─ <value>
│     ├─ <new name> 'c'
│     ├─ ' = '
│     ├─ <its number> '2'
│     └─ '⏎'
└─ <body 1.1>
   ├─ <result?>
   │  ├─ <result> 'a'
   │  ├─ ' = '
   │  ├─ <sum>
   │  │  ├─ <term>
   │  │  │  └─ <name> 'c'
   │  │  ├─ ' '
   │  │  ├─ <arithmetic> '*'
   │  │  ├─ ' '
   │  │  └─ <term>
   │  │     └─ <number> '7'
   │  └─ '⏎'
   └─ <show>
      └─ <print>
         ├─ 'print('
         ├─ <shown> 'a'
         └─ ')'"""


def test_the_drawing():
    tree = derive("1.1", Random("63"))
    assert tree.text == "c = 2\na = c * 7\nprint(a)"
    assert tree.draw() == DRAWING


def test_a_shallow_drawing_keeps_the_text():
    tree = derive("2.2", Random("tree"))
    shallow = tree.draw(1)
    assert shallow.count("\n") == len(tree.children)
    assert "".join(re.findall(r"'(.*)'", shallow)) == tree.text.replace(
        "\n", "⏎"
    ).replace("\t", "⇥")
    assert len(tree.draw(2)) < len(tree.draw())


# ---------------------------------------------------------------- bad input


@pytest.mark.parametrize("function", [sample, derive])
@pytest.mark.parametrize(
    "level, variant, message",
    [
        ("5.1", "july", r"level is '5.1'; choose one of 1.1, .*, 3.2 or ALL"),
        (1.1, "august", r"level is 1.1; choose one of .*4.1"),
        ("4.1", "july", r"'4.1' \(while loops\) is not in the july variant.*august"),
        ("1.1", "may", r"variant is 'may'; choose one of july, july-az, august"),
    ],
)
def test_unknown_levels_and_variants(function, level, variant, message):
    with pytest.raises(ValueError, match=message):
        function(level, Random(0), variant)


def test_unknown_variant_of_the_grammar():
    with pytest.raises(ValueError, match="variant is 'May'"):
        grammar("May")


def test_levels_have_a_meaning():
    assert set(tinypy.MEANING) == {*LEVELS, "ALL"}
