"""Splits, near-duplicates and the lexer, for texts that nobody thought of."""

import io
import re
import tokenize
from random import Random

import numpy as np
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from curriculum.data import lexer, sandbox
from curriculum.data.corpus import Corpus, CorpusSpec, split
from curriculum.data.near_duplicates import near_duplicate_key
from curriculum.data.tinypy import VARIANTS, sample

SLOW = settings(max_examples=60, deadline=None)
PROGRAMS = st.builds(
    lambda seed, variant: sample("ALL", Random(seed), variant).code,
    st.integers(0, 2**32),
    st.sampled_from(sorted(VARIANTS)),
)


@SLOW
@given(PROGRAMS, st.randoms(use_true_random=False))
def test_renaming_variables_keeps_the_key_and_changes_the_text(code, random):
    names = sorted({w for w in lexer.words(code) if len(w) == 1 and w.isalpha()})
    assume(names)
    fresh = [f"{letter}x" for letter in names]
    random.shuffle(fresh)
    new = dict(zip(names, fresh, strict=True))
    renamed = code
    for old, word in new.items():
        renamed = "".join(
            word if part == old else part for part in split_words(renamed)
        )
    assert near_duplicate_key(renamed, "renamed") == near_duplicate_key(code, "renamed")
    assert near_duplicate_key(renamed, "text") != near_duplicate_key(code, "text")


def split_words(code):
    """Words and what stands between them, so that joining gives the code again."""
    return re.split(r"(\w+)", code)


@SLOW
@given(st.lists(PROGRAMS, min_size=40, max_size=80, unique=True), st.integers(0, 99))
def test_near_duplicates_are_never_on_two_sides(codes, seed):
    spec = CorpusSpec(size=len(codes))
    corpus = Corpus(spec, codes, ["1"] * len(codes), np.array(["1.1"] * len(codes)))
    try:
        parts = split(corpus, by="renamed", shares=(0.5, 0.25, 0.25), seed=seed)
    except ValueError:
        return  # a side got no program; the message is tested elsewhere
    sides = [parts.train, parts.valid, parts.test]
    assert sorted(np.concatenate(sides).tolist()) == list(range(len(codes)))
    keys = [{near_duplicate_key(codes[i], "renamed") for i in side} for side in sides]
    assert not keys[0] & keys[1] and not keys[0] & keys[2] and not keys[1] & keys[2]


SPACE = st.sampled_from(["", " ", "  "])
SIGNS = st.sampled_from(
    [
        "+",
        "-",
        "*",
        "/",
        "//",
        "%",
        "**",
        "<",
        "<=",
        "==",
        "!=",
        "&",
        "|",
        "^",
        "~-",
        "-+",
    ]
)


def joined(parts):
    """Parts with a sign between two of them; a sign that only stands in front is led in."""
    left, space, sign, other, right = parts
    sign = f"-{sign}" if sign == "~-" else sign
    return f"{left}{space}{sign}{other}{right}"


EXPRESSIONS = st.recursive(
    st.sampled_from(["a", "b1", "_c", "0", "7", "120", "x9"]),
    lambda e: st.one_of(
        st.tuples(e, SPACE, SIGNS, SPACE, e).map(joined),
        e.map("({})".format),
        e.map("f({})".format),
        e.map("[{}, 1]".format),
        e.map("-{}".format),
    ),
    max_leaves=8,
)
LINES = st.tuples(
    st.sampled_from(["a = ", "b += ", "print", "c=", ""]),
    EXPRESSIONS.map("({})".format),
    st.sampled_from(["", "  # why", "#", " "]),
).map("".join)


@SLOW
@given(st.lists(LINES, min_size=1, max_size=4).map("\n".join))
def test_the_quick_lexer_is_pythons(text):
    compile(text, "x", "exec")  # every text is a program
    assert lexer.is_plain(text)
    theirs = [
        t.string
        for t in tokenize.generate_tokens(io.StringIO(text).readline)
        if t.string.strip() and t.type != tokenize.COMMENT
    ]
    assert lexer.words(lexer.without_comments(text)) == theirs


BAD = st.sampled_from(["1 / 0", "while", "raise KeyError('x')", "print(1)\nint('a')"])


@settings(max_examples=10, deadline=None)
@given(st.lists(st.one_of(PROGRAMS, BAD), min_size=2, max_size=12), st.data())
def test_a_program_ends_in_company_as_it_does_alone(codes, data):
    together = sandbox.run(codes)
    assert len(together) == len(codes)
    i = data.draw(st.integers(0, len(codes) - 1))
    (alone,) = sandbox.run([codes[i]])
    assert (alone.ok, alone.stdout, alone.error) == (
        together[i].ok,
        together[i].stdout,
        together[i].error,
    )
