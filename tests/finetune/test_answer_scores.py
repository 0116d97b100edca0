"""Scores in batches equal those of one row at a time."""

import numpy as np
import pytest
import torch

from curriculum.finetune import data, score


def test_batches_equal_one_at_a_time(model, tokenizer, items):
    seen = []
    many = score.answer_logliks(
        model, tokenizer, items, batch=7, progress=lambda *x: seen.append(x)
    )
    one = score.answer_logliks(model, tokenizer, items, batch=1)
    np.testing.assert_allclose(many.loglik, one.loglik, atol=1e-4)
    assert seen[-1] == (60, 60)
    row = data.encode(tokenizer, items[5])
    logp = model(input_ids=torch.tensor([row.tokens])).logits[0].log_softmax(-1)
    by_hand = sum(
        float(logp[t - 1, row.tokens[t]])
        for t in range(row.answer_start, len(row.tokens))
    )
    assert many.loglik[5] == pytest.approx(by_hand, abs=1e-4)
    n = len(items[5].answer)
    assert (many.tokens[5], many.characters[5]) == (n + 1, n)  # with the end mark
    assert many.loss[5] == pytest.approx(-by_hand / (n + 1), abs=1e-4)
    short = score.answer_logliks(model, tokenizer, items, end=False)
    assert short.tokens[5] == n and short.loglik[5] > many.loglik[5]


def test_options_are_scored_per_character(model, tokenizer):
    questions = ["print(2 + 2)", "print(7)"]
    options = [["4", "22", "a longer one"], ["7", "8"]]
    found = score.options_loglik(model, tokenizer, questions, options, batch=2)
    assert [len(x) for x in found] == [3, 2]
    item = data.Item(0, questions[0], options[0][2])
    alone = score.answer_logliks(model, tokenizer, [item], end=False)
    assert found[0][2] == pytest.approx(alone.loglik[0] / 12, abs=1e-4)
    with pytest.raises(ValueError, match="2 questions with 1 lists of options"):
        score.options_loglik(model, tokenizer, questions, options[:1])


def test_greedy_answers_equal_the_plain_loop(model, tokenizer, items):
    with torch.no_grad():
        model.lm_head.weight.mul_(20)  # clear winners, so that rounding decides nothing
    asked = [i.question for i in items[:9]]
    found = score.answers(model, tokenizer, asked, most=12, batch=4)
    assert len(set(found)) > 1
    for question, said in zip(asked, found, strict=True):
        ids = [0, *tokenizer(question + data.BETWEEN)["input_ids"]]
        plain = []
        for _ in range(12):
            next_ = int(model(input_ids=torch.tensor([ids])).logits[0, -1].argmax())
            if next_ == tokenizer.eos_token_id:
                break
            ids.append(next_)
            plain.append(next_)
        assert said == tokenizer.decode(plain, skip_special_tokens=True)


@pytest.mark.fault(
    "Fine-tuning",
    "exact matches counted without writing answers, from likelihoods alone",
    "they are those of written answers",
    "equal, for right and for wrong answers",
)
def test_exact_matches_are_those_of_written_answers(model, tokenizer, items):
    with torch.no_grad():
        model.lm_head.weight.mul_(20)
        model.lm_head.weight[0] = 0  # never says the start mark,
        model.lm_head.weight[tokenizer.eos_token_id] *= 1.5  # and often the end mark
    asked = [i.question for i in items]
    said = score.answers(model, tokenizer, asked, most=40)
    mine = [
        data.Item(n, q, a)
        for n, (q, a) in enumerate(zip(asked, said, strict=True))
        if 0 < len(a) < 40 and a == a.strip()
    ]
    assert len(mine) > 5
    right = len(mine)
    mine += [data.Item(99, i.question, i.answer + "x") for i in mine[:3]]
    mine += [  # the model goes on where this answer ends
        data.Item(99, i.question, i.answer[:-1]) for i in mine[:right] if i.answer[1:]
    ]
    assert len(mine) > right + 3
    found = score.answer_logliks(model, tokenizer, mine, batch=4).exact
    again = score.answers(model, tokenizer, [i.question for i in mine], most=40)
    assert found.tolist() == score.exact(again, mine).tolist()
    assert found.sum() == right


def test_an_answer_ends_at_the_end_mark_or_after_the_most(tokenizer):
    end = tokenizer.eos_token_id

    class Says(torch.nn.Module):
        """Goes on with what it is told, whatever it was asked."""

        def __init__(self):
            super().__init__()
            self.weight = torch.nn.Parameter(torch.zeros(1))

        def generate(self, tokens, attention_mask, max_new_tokens, **_):
            assert (tokens[attention_mask == 0] == 0).all()
            new = torch.tensor([[9, 8, end, end], [7, 7, 7, 7]])[:, :max_new_tokens]
            return torch.cat([tokens, new], 1)

    assert score._greedy(Says(), [[0, 5, 6], [0, 7]], end, 4) == [[9, 8], [7] * 4]


def test_exact_match_ignores_white_space_at_the_ends():
    items = [data.Item(0, "?", "4\n5"), data.Item(1, "?", "6"), data.Item(2, "?", "7")]
    assert score.exact(["4\n5 ", "66", "\n7"], items).tolist() == [True, False, True]
    with pytest.raises(ValueError, match="batch is 0"):
        list(score.by_length([1], 0))
