"""Options that share a row have the scores of separate rows."""

import dataclasses

import numpy as np
import pytest

from curriculum.finetune import choices, score
from curriculum.finetune.frozen import remember_lower
from curriculum.finetune.questions import from_programs


@pytest.fixture(scope="module")
def asked(corpus):
    return from_programs(corpus, range(120))[:20]


@pytest.mark.fault(
    "Fine-tuning",
    "the options of a question in one row",
    "their scores beside those of separate rows",
    "equal up to 1e-4",
)
def test_a_shared_row_equals_separate_rows(model, tokenizer, asked):
    found = choices.choose(model, tokenizer, asked)
    texts, options = [q.text for q in asked], [q.options for q in asked]
    apart = score.options_loglik(model, tokenizer, texts, options)
    np.testing.assert_allclose(found.scores, np.array(apart), atol=1e-4)
    assert found.correct.tolist() == [
        bool(row.argmax() == q.right) for row, q in zip(apart, asked, strict=True)
    ]


def test_lower_layers_that_are_remembered_change_nothing(model, tokenizer, asked):
    before = choices.choose(model, tokenizer, asked).scores
    model = remember_lower(model, 1)
    for _ in range(2):  # the second time from memory
        found = choices.choose(model, tokenizer, asked).scores
        np.testing.assert_allclose(found, before, atol=1e-5)


def test_probability_and_difficulty_by_hand():
    scores = np.log([[0.1, 0.2, 0.1], [0.3, 0.3, 0.9]])
    found = choices.Choices(scores, np.array([1, 0]))
    assert found.probability == pytest.approx([0.5, 0.2])
    assert choices.model_difficulty(found) == pytest.approx([0.5, 0.8])
    assert found.correct.tolist() == [True, False]


def test_nothing_of_the_question_is_left(model, tokenizer, asked):
    bare = choices.without_question(asked)
    assert {q.text for q in bare} == {"What does this program print?\n"}
    assert [q.options for q in bare] == [q.options for q in asked]
    twins = [dataclasses.replace(bare[0], id=n) for n in (0, 1)]
    found = choices.choose(model, tokenizer, twins).scores
    assert found[0].tolist() == found[1].tolist()


def test_letters_stand_before_the_options(model, tokenizer, asked):
    text = choices.listed(asked[0])
    for letter, option in zip("ABCD", asked[0].options, strict=True):
        assert f"{letter}. {option}".replace("\n", ", ") in text
    found = choices.letters(model, tokenizer, asked[:5])
    assert found.scores.shape == (5, 4)


def test_questions_have_one_number_of_options(model, tokenizer, asked):
    short = dataclasses.replace(asked[0], options=asked[0].options[:2], right=0)
    with pytest.raises(ValueError, match="different numbers of options"):
        choices.choose(model, tokenizer, [asked[1], short])
    with pytest.raises(ValueError, match="different numbers of options"):
        choices.choose(model, tokenizer, [])
    assert choices.longest(tokenizer, asked[0]) > len(asked[0].text)
