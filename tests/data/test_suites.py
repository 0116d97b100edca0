"""Suites: one change each, beside its original, and nothing that was trained on."""

import re
from random import Random

import numpy as np
import pytest

from curriculum import files
from curriculum.data import sandbox, suites
from curriculum.data.corpus import CorpusSpec, build, split
from curriculum.data.near_duplicates import near_duplicate_key
from curriculum.data.tokenizer import CharTokenizer

SIZE = 60
LETTERS = "abcde"


@pytest.fixture(scope="module")
def corpus():
    return build(CorpusSpec(size=4_000))


@pytest.fixture(scope="module")
def parts(corpus):
    return split(corpus)


@pytest.fixture(scope="module")
def made(corpus, parts):
    seen = suites.training_keys(corpus.codes[i] for i in parts.train)
    return suites.build(corpus.subset(parts.test), seen, SIZE)


def pairs(made, name):
    suite = made.suites[name]
    for i, j, kind in zip(suite.ids, suite.originals, suite.kinds, strict=True):
        yield made.corpus[int(i)], made.corpus[int(j)], kind


def test_every_suite_is_full_and_made_of_test_programs(made, parts):
    assert list(made.suites) == list(suites.CHANGES) and len(made.suites) == 8
    assert made.tests == len(parts.test)
    for suite in made.suites.values():
        assert len(set(suite.ids.tolist())) == len(suite.ids) == SIZE
        assert (suite.originals < made.tests).all()


def test_no_program_is_a_training_program_or_its_renamed_twin(made, corpus, parts):
    trained = {corpus.codes[i] for i in parts.train}
    keys = suites.training_keys(trained)
    for suite in made.suites.values():
        for i in suite.ids:
            code = made.corpus.codes[i]
            assert code not in trained
            assert near_duplicate_key(code, "renamed") not in keys


def test_a_change_that_gives_a_training_program_is_left_out(made, corpus, parts):
    """With the suites themselves as training programs, other ones are made."""
    seen = suites.training_keys(corpus.codes[i] for i in parts.train)
    taken = made.corpus.codes[made.suites["equivalent"].ids[0]]
    seen.add(near_duplicate_key(taken, "renamed"))
    again = suites.build(corpus.subset(parts.test), seen, SIZE)
    assert taken in made.corpus.codes and taken not in again.corpus.codes


def test_outputs_are_what_programs_print_and_fit(made):
    for got, code in zip(
        sandbox.run(made.corpus.codes), made.corpus.codes, strict=True
    ):
        assert got.ok, code
    outputs = [o.stdout.removesuffix("\n") for o in sandbox.run(made.corpus.codes)]
    assert outputs == made.corpus.outputs
    assert made.corpus.lengths.max() <= 256
    assert len(made.corpus.tokens) == made.corpus.lengths.sum()  # no unknown character
    for suite in made.suites.values():
        assert all(made.corpus.outputs[i] for i in suite.ids)


@pytest.mark.parametrize("name", suites.SAME_OUTPUT)
def test_changes_that_keep_the_output(made, name):
    for new, old, _ in pairs(made, name):
        assert new.output == old.output and new.code != old.code


def test_longer_puts_eight_lines_in_front(made):
    for new, old, _ in pairs(made, "longer"):
        assert new.code.endswith(old.code)
        lines = new.code.removesuffix(old.code).splitlines()
        assert len(lines) == 8 and all(re.fullmatch("[a-e] = [0-9]", x) for x in lines)


def test_five_variables_have_first_values(made):
    for new, old, _ in pairs(made, "five variables"):
        assert {name for name, _ in suites.first_values(new.code)} == set(LETTERS)
        added = set(new.code.splitlines()) - set(old.code.splitlines())
        assert 1 <= len(added) <= 4


def test_unseen_names_are_letters_the_tokenizer_knows_and_variables_never_are(made):
    known = set(CharTokenizer.tinypy().alphabet)
    for new, old, _ in pairs(made, "unseen names"):
        assert not set(suites.names(new.code)) & set(LETTERS)
        assert set(suites.names(new.code)) <= known
        assert near_duplicate_key(new.code, "renamed") == near_duplicate_key(
            old.code, "renamed"
        )


def test_renamed_moves_every_variable(made):
    for new, old, _ in pairs(made, "renamed"):
        both = zip(suites.names(new.code), suites.names(old.code), strict=True)
        assert all(a != b and a in LETTERS for a, b in both)
        assert near_duplicate_key(new.code, "renamed") == near_duplicate_key(
            old.code, "renamed"
        )


def test_larger_numbers_have_two_digits_outside_of_ranges(made):
    for new, old, _ in pairs(made, "larger numbers"):
        rest = re.sub(r"range\(.*?\)", "range", new.code)
        assert all(len(n) == 2 for n in re.findall(r"\d+", rest))
        assert re.findall(r"range\(.*?\)", new.code) == re.findall(
            r"range\(.*?\)", old.code
        )
        assert new.output != old.output


def test_nested_blocks_stand_two_deep(made):
    kinds = set()
    for new, old, kind in pairs(made, "nested"):
        kinds.add(kind)
        assert "\n\t\t" in new.code and "\n\t\t" not in old.code
        if kind.endswith("in if"):
            assert new.output == old.output
        if kind == "if in for":
            assert new.output == "\n".join([old.output] * 2)
    assert kinds == {"if in if", "if in for", "for in if", "for in for"}


def test_equivalent_has_four_kinds(made):
    kinds = made.suites["equivalent"].kinds
    assert len(set(kinds)) == 4 and min(kinds.count(k) for k in set(kinds)) >= 5


@pytest.mark.parametrize(
    "code, kind, new",
    [
        ("a = 1\nprint(a * 2)", "swapped operands", "a = 1\nprint(2 * a)"),
        ("a = 1\nif a <= 2 :\n\tprint(a)", "turned relation",
         "a = 1\nif 2 >= a :\n\tprint(a)"),
        ("a = 1\nb = 2\nprint(b)", "exchanged lines", "b = 2\na = 1\nprint(b)"),
    ],
)  # fmt: skip
def test_equivalent_edits_by_hand(code, kind, new):
    found = {c.kind: c.code for c in suites.equivalent(code, Random(0), LETTERS)}
    assert found[kind] == new


def test_subtraction_is_not_swapped_and_equal_names_are_not_exchanged():
    found = suites.equivalent("a = 1\na = 2\nprint(a - 1)", Random(0), LETTERS)
    assert [c.kind for c in found] == ["unused line"]


def test_a_word_is_not_a_variable():
    assert suites.rename(
        "for a in range(1, 2) :\n\tprint(a)", {"a": "i", "i": "x"}
    ) == ("for i in range(1, 2) :\n\tprint(i)")


def test_the_same_suites_again_and_from_a_file(made, corpus, parts, tmp_path):
    seen = suites.training_keys(corpus.codes[i] for i in parts.train)
    again = suites.build(corpus.subset(parts.test), seen, SIZE)
    made.save(tmp_path)
    read = suites.Suites.load(tmp_path)
    for other in (again, read):
        assert other.corpus.hash == made.corpus.hash and other.tests == made.tests
        for name, suite in made.suites.items():
            np.testing.assert_array_equal(other.suites[name].ids, suite.ids)
            np.testing.assert_array_equal(other.suites[name].originals, suite.originals)
            assert other.suites[name].kinds == suite.kinds


def test_members_of_other_programs_are_refused(made, tmp_path):
    made.save(tmp_path)
    note = files.read_json(tmp_path / "members.json")
    files.write_json(tmp_path / "members.json", note | {"programs": "0"})
    with pytest.raises(ValueError, match="restore both"):
        suites.Suites.load(tmp_path)


def test_too_few_test_programs_are_refused(made, corpus, parts):
    with pytest.raises(ValueError, match="size is 5000"):
        suites.build(corpus.subset(parts.test), set(), 5_000)
