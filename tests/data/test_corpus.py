"""Corpora: true outputs, the same for any worker count, honest splits, safe files."""

import ast
import contextlib
import io
import json
from dataclasses import asdict, replace

import numpy as np
import pytest

from curriculum import files
from curriculum.data import corpus as rooms
from curriculum.data import near_duplicates
from curriculum.data.corpus import Corpus, CorpusSpec, build, leakage_report, split
from curriculum.data.near_duplicates import CLONE_KINDS, near_duplicate_key
from curriculum.data.tokenizer import CharTokenizer

SMALL = CorpusSpec(size=900, seed=1)
AUGUST = CorpusSpec(size=500, variant="august", seed=1)


@pytest.fixture(scope="module")
def small():
    return build(SMALL)


@pytest.fixture(scope="module")
def august():
    return build(AUGUST)


@pytest.fixture(scope="module")
def big():
    """As large as the corpora whose leakage FACTS and the book give."""
    return build(CorpusSpec(size=20_000))


# ---------------------------------------------------------------- programs and texts


def really_prints(code):
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        exec(compile(ast.parse(code), "<program>", "exec"), {})
    return out.getvalue()


def test_every_program_prints_what_its_comment_says(small, august):
    for corpus in (small, august):
        for text in corpus.texts:
            code, _, comment = text.partition("\n# output\n")
            assert text.endswith("\n\n")
            lines = comment[:-1].splitlines()
            assert all(line.startswith("# ") for line in lines)
            assert really_prints(code) == "".join(line[2:] + "\n" for line in lines)


def test_limits_are_kept(small, august):
    for corpus in (small, august):
        assert max(map(len, corpus.texts)) <= corpus.spec.max_chars
        assert max(map(len, corpus.outputs)) <= corpus.spec.max_output
        assert len(set(corpus.codes)) == len(corpus) == corpus.spec.size
    tight = build(replace(SMALL, size=200, max_chars=60, max_output=3))
    assert max(map(len, tight.texts)) <= 60
    assert max(map(len, tight.outputs)) == 3
    assert min(tight.dropped.values()) > 0, "every reason to drop occurs"


def test_an_exhausted_level_and_its_candidates(monkeypatch):
    monkeypatch.setattr(rooms, "BARREN", 8)
    # 29 characters hold one value and its print, nothing more: 5 names by 10 numbers.
    spec = replace(SMALL, size=51, level="1.1", max_chars=29)
    seen = []
    with pytest.raises(ValueError, match=r"level 1.1 \(july\) is exhausted") as error:
        build(spec, progress=lambda done, total: seen.append((done, total)))
    assert "nothing beyond 50 programs" in str(error.value)
    dropped = ast.literal_eval(str(error.value).split("dropped: ")[1].split(")")[0])
    blocks, rest = divmod(50 + sum(dropped.values()), rooms.BLOCK)
    assert rest == 0 and blocks > rooms.BARREN, "every candidate is counted once"
    assert seen == sorted(seen) and set(seen) <= {(n, 51) for n in range(51)}
    assert len(build(replace(spec, size=50))) == 50


def test_a_program_and_its_parts(small):
    program = small[3]
    assert program.prompt == program.code + "\n# output\n"
    assert program.text == small.texts[3]
    assert program.text.startswith(program.prompt)
    silent = small[small.outputs.index("")]
    assert silent.text == silent.prompt + "\n"
    loud = rooms.Program("print(1)\nprint(2)", "1\n2", "1.1")
    assert loud.text == "print(1)\nprint(2)\n# output\n# 1\n# 2\n\n"
    with pytest.raises(IndexError):
        small[len(small)]


# ---------------------------------------------------------------- same seed, same text


def test_the_number_of_workers_changes_nothing(small):
    for workers in (2, 3):
        again = build(SMALL, workers=workers)
        assert again.hash == small.hash
        assert again.outputs == small.outputs
        assert again.dropped == small.dropped


def test_a_larger_corpus_begins_with_the_smaller(small):
    for size in (1, 255, 300):
        assert build(replace(SMALL, size=size)).texts == small.texts[:size]


def test_another_seed_is_another_corpus(small):
    other = build(replace(SMALL, seed=2))
    assert other.hash != small.hash
    assert len(set(other.codes) & set(small.codes)) < 0.1 * len(small)


def test_golden_hash(small, august):
    # A change here means other programs under the same spec: every committed result
    # would then be of data that can no longer be made.
    assert small.hash[:16] == "f01585a66d3abfa8"
    assert august.hash[:16] == "6d00b6947c2b4abb"


# ---------------------------------------------------------------- twins and splits


def test_twins_by_hand():
    programs = {
        "a": "a = 1\nif  a < 2 :\n\tprint(a)",
        "b": "b = 1\nif b < 2 :\n\tprint(b)  # comment",
        "c": "c = 7\nif c < 0 :\n\tprint(c)",
        "d": "c = 7\nif c > 0 :\n\tprint(c)",
    }
    for kind, same in (("text", ""), ("renamed", "b"), ("skeleton", "bc")):
        keys = {name: near_duplicate_key(code, kind) for name, code in programs.items()}
        assert {n for n in "bcd" if keys[n] == keys["a"]} == set(same), kind


def test_renaming_keeps_what_is_no_variable():
    def renamed(code):
        return near_duplicate_key(code, "renamed")

    assert renamed("a = 1\nb = a") != renamed("a = 1\na = a")
    assert renamed("a = b = 1\nprint(a)") != renamed("a = b = 1\nprint(b)")
    assert renamed("print(x)") != renamed("len(x)")
    assert renamed("a.upper()") != renamed("a.lower()")
    assert renamed("def f(x):\n  return x") == renamed("def g(y):\n    return y")
    assert renamed("if a:\n\tb\nc") != renamed("if a:\n\tb\n\tc")
    assert near_duplicate_key("s = 'x'", "skeleton") == near_duplicate_key(
        "t = 2", "skeleton"
    )


def test_hash_and_lengths_are_those_of_the_texts(small, monkeypatch):
    monkeypatch.setattr(rooms, "SLICE", 7)
    fresh = Corpus(small.spec, small.codes, small.outputs, small.levels)
    texts = [program.text for program in small]
    whole = [asdict(small.spec), texts, small.levels.tolist()]
    assert fresh.hash == files.digest(whole) and fresh.texts == texts
    assert fresh.lengths.tolist() == [len(text) for text in texts]
    assert fresh.tokenizer.decode(fresh.tokens) == "".join(texts)
    assert small.subset([]).hash == files.digest([whole[0], [], []])


def test_twin_keys_of_a_real_file():
    source = open(near_duplicates.__file__, encoding="utf-8").read()
    longer = source.replace("indents", "the_indents")
    assert longer != source
    assert near_duplicate_key(source, "renamed") == near_duplicate_key(
        longer, "renamed"
    )


@pytest.mark.parametrize("by", CLONE_KINDS)
def test_no_twin_crosses_a_split(small, by):
    for seed in (0, 1):
        parts = split(small, by, (0.6, 0.2, 0.2), seed)
        everyone = np.concatenate([parts.train, parts.valid, parts.test])
        assert sorted(everyone) == list(range(len(small)))
        keys = [
            {near_duplicate_key(small.codes[i], by) for i in ids} for ids in parts[:3]
        ]
        assert not (keys[0] & keys[1] or keys[0] & keys[2] or keys[1] & keys[2])
        assert parts.by == by and all(ids.dtype == np.int64 for ids in parts[:3])


def test_a_side_does_not_depend_on_the_other_programs(small):
    whole = split(small, shares=(0.8, 0.1, 0.1))
    assert list(split(small, seed=1).test) != list(split(small).test)
    assert len(split(small, shares=(1, 0, 0)).train) == len(small)
    half = small.subset(range(0, len(small), 2))
    part = split(half, shares=(0.8, 0.1, 0.1))
    assert {2 * i for i in part.test} == {i for i in whole.test if i % 2 == 0}


def test_shares_are_met_on_average(big):
    parts = split(big)
    assert abs(len(parts.train) / len(big) - 0.9) < 0.01
    assert abs(len(parts.test) / len(big) - 0.05) < 0.01


def test_a_naive_split_leaks(big):
    report = leakage_report(big)
    assert {kind: entry["test"] for kind, entry in report.items()} == dict.fromkeys(
        CLONE_KINDS, 2000
    )
    assert report["text"]["crossing"] == 0  # exact duplicates were dropped before
    assert 0.12 < report["renamed"]["share"] < 0.18
    assert 0.60 < report["skeleton"]["share"] < 0.80
    assert report["renamed"]["crossing"] == report["renamed"]["share"] * 2000


@pytest.mark.parametrize(
    "call, message",
    [
        (
            lambda c: split(c, by="name"),
            "kind of near-duplicate is 'name'; choose one of text",
        ),
        (lambda c: split(c, shares=(0.5, 0.5)), "shares are .*; use three numbers"),
        (lambda c: split(c, shares=(0.9, 0.2, -0.1)), "shares are"),
        (
            lambda c: split(c.subset(range(5))),
            "side, share 0.05, got none of 5 programs",
        ),
        (lambda c: leakage_report(c, test_share=0), "test_share is 0"),
        (
            lambda c: leakage_report(c.subset([1]), 0.5),
            "at least one of the 1 programs",
        ),
        (lambda c: near_duplicate_key("a = (", "renamed"), "the source has no tokens"),
    ],
)
def test_wrong_splits(small, call, message):
    with pytest.raises(ValueError, match=message):
        call(small)


# ---------------------------------------------------------------- specs


@pytest.mark.parametrize(
    "field, value, message",
    [
        ("size", 0, "size is 0; use an int, 1 to 10000000"),
        ("size", 10.0, "size is 10.0"),
        ("seed", -1, "seed is -1"),
        ("max_chars", 3, "max_chars is 3"),
        ("max_output", True, "max_output is True"),
        ("level", "4.1", "not in the july variant"),
        ("variant", "June", "variant is 'June'"),
    ],
)
def test_wrong_specs(field, value, message):
    with pytest.raises(ValueError, match=message):
        CorpusSpec(**{field: value})


def test_wrong_number_of_workers():
    with pytest.raises(ValueError, match="workers is 0"):
        build(SMALL, workers=0)


# ---------------------------------------------------------------- files


def test_save_and_load(small, tmp_path):
    small.save(tmp_path / "new" / "folder")
    again = Corpus.load(tmp_path / "new" / "folder", SMALL)
    assert again.hash == small.hash
    assert (again.spec, again.codes, again.outputs) == (
        SMALL,
        small.codes,
        small.outputs,
    )
    assert (again.levels == small.levels).all() and again.dropped == small.dropped
    assert sorted(p.name for p in (tmp_path / "new" / "folder").iterdir()) == [
        "programs.parquet"
    ]


def test_tokens_and_offsets(small):
    assert small.tokens.dtype == np.uint8 and small.offsets.dtype == np.int64
    assert len(small.tokens) == small.offsets[-1] == small.lengths.sum()
    for i in (0, 7, len(small) - 1):
        ids = small.tokens[small.offsets[i] : small.offsets[i + 1]]
        assert small.tokenizer.decode(ids) == small.texts[i]


def test_another_spec_is_an_error(small, tmp_path):
    small.save(tmp_path)
    with pytest.raises(ValueError, match=r"another spec \(seed=1, not 5\)"):
        Corpus.load(tmp_path, replace(SMALL, seed=5))
    small.subset([4, 5]).save(tmp_path)
    assert Corpus.load(tmp_path).codes == [small.codes[4], small.codes[5]]
    with pytest.raises(ValueError, match="a subset of 2 of the 900 programs"):
        Corpus.load(tmp_path, SMALL)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(ValueError, match="programs.parquet does not exist"):
        Corpus.load(tmp_path)


@pytest.mark.fault(
    "Files",
    "a corpus file is cut or changed",
    "a corpus is what its hash says",
    "an error that names the file",
)
def test_a_damaged_file_is_noticed(small, tmp_path):
    name = "programs.parquet"
    some = small.subset(range(100))
    path = some.save(tmp_path) / name
    data = path.read_bytes()
    noticed = 0
    places = np.linspace(0, len(data) - 1, 60).astype(int)
    for place in places:
        path.write_bytes(data[:place] + bytes([data[place] ^ 0x11]) + data[place + 1 :])
        try:  # a flip where nothing is kept (a writer's name, a gap) may pass
            assert Corpus.load(tmp_path).hash == some.hash
        except ValueError as error:
            noticed += 1
            assert name in str(error) and "delete" in str(error)
    assert noticed > 40
    for cut in (0, 3, len(data) // 2, len(data) - 1):
        path.write_bytes(data[:cut])
        with pytest.raises(ValueError, match=f"{name} is damaged"):
            Corpus.load(tmp_path)


def test_a_changed_program_is_noticed(small, tmp_path):
    """A file that is sound as a file, but whose content was edited."""
    import pyarrow
    import pyarrow.parquet

    path = small.save(tmp_path) / "programs.parquet"
    table = pyarrow.parquet.read_table(path)
    outputs = table["output"].to_pylist()
    outputs[0] = "7"
    table = table.set_column(1, "output", pyarrow.array(outputs))
    pyarrow.parquet.write_table(table, path)
    with pytest.raises(ValueError, match="content does not match its hash"):
        Corpus.load(tmp_path)
    note = json.loads(table.schema.metadata[b"curriculum"])
    assert note["hash"] == small.hash and note["spec"]["size"] == SMALL.size


def test_subset_takes_numbers_and_masks(small):
    mask = small.levels == "3.1"
    loops = small.subset(mask)
    assert set(loops.levels) == {"3.1"} and len(loops) == mask.sum()
    assert small.subset(np.flatnonzero(mask)).hash == loops.hash
    assert small.subset([5, 2]).codes == [small.codes[5], small.codes[2]]
    assert len(small.subset([])) == 0


# ---------------------------------------------------------------- tokenizer


@pytest.mark.parametrize("variant, size", [("july", 43), ("august", 53)])
def test_the_alphabet_is_all_and_only_what_occurs(variant, size, big, august):
    tokenizer = CharTokenizer.tinypy(variant)
    corpus = big if variant == "july" else august
    assert tokenizer.size == len(tokenizer.alphabet) == size
    assert set(CharTokenizer.of(corpus.texts).alphabet) <= set(tokenizer.alphabet)
    if variant == "july":
        assert CharTokenizer.of(corpus.texts).alphabet == tokenizer.alphabet


def test_round_trip(small):
    text = "".join(small.texts)
    ids = small.tokenizer.encode(text)
    assert ids.dtype == np.uint8 and small.tokenizer.decode(ids) == text
    assert small.tokenizer.encode("").shape == (0,)
    assert small.tokenizer.decode([]) == ""
    strange = CharTokenizer("aé\U0001f40d\n")
    assert strange.decode(strange.encode("\U0001f40dé\na")) == "\U0001f40dé\na"


def test_an_unknown_character_is_named_with_its_place():
    tokenizer = CharTokenizer.tinypy("july")
    message = r"'ü' \(U\+00FC\) at position 10, line 2: 'b = ü'; the tokenizer knows"
    with pytest.raises(ValueError, match=message):
        tokenizer.encode("a = 1\nb = ü\n")
    with pytest.raises(ValueError, match=r"'\\U0010ffff' \(U\+10FFFF\) at position 0"):
        tokenizer.encode("\U0010ffff")
    with pytest.raises(ValueError, match="'z'"):
        tokenizer.encode("z = 1")


@pytest.mark.parametrize("ids", [[0, 43], [-1]])
def test_tokens_of_another_alphabet(ids):
    with pytest.raises(ValueError, match="tokens go from 0 to 42"):
        CharTokenizer.tinypy("july").decode(ids)


@pytest.mark.parametrize("alphabet", ["", "aba", "".join(map(chr, range(257)))])
def test_wrong_alphabets(alphabet):
    with pytest.raises(ValueError, match="each only once"):
        CharTokenizer(alphabet)
