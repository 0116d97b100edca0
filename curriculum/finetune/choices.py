"""What a model chooses among options, and how hard it finds a question.

- An option's score is its log-likelihood **per character**, given the question; the model
  chooses the largest. The options' share of probability is a softmax of these scores.
- `model_difficulty` is 1 − the probability of the right option. Yang et al. take the
  probability of the right *letter*, mean of six models; here it is one model.
- The options of a question share a row: each sees the question and itself, no other option,
  at the positions it would have alone. The question is read once instead of four times, and
  the scores are those of separate rows up to rounding (1e-4).
- `letters` asks for A, B, C or D instead. A small model has a favourite letter.
- `without_question` asks about nothing: what the options alone give away.

Explained in chapter 21.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
import torch.nn.functional as F

from .data import BETWEEN, Item, encode, start_token
from .questions import Question

LETTERS = "ABCDEFGH"


@dataclass(frozen=True)
class Choices:
    """Scores of the options of n questions with k options each."""

    scores: np.ndarray  # (n, k) log-likelihood per character, in nats
    right: np.ndarray  # (n,) place of the right option

    @property
    def correct(self) -> np.ndarray:
        """(n,) True where the right option has the largest score."""
        return self.scores.argmax(1) == self.right

    @property
    def probability(self) -> np.ndarray:
        """(n,) of the right option among the options."""
        e = np.exp(self.scores - self.scores.max(1, keepdims=True))  # (n, k)
        return (e / e.sum(1, keepdims=True))[np.arange(len(e)), self.right]


def choose(
    model,
    tokenizer,
    questions: Sequence[Question],
    progress: Callable[[int, int], None] | None = None,
) -> Choices:
    """Score every option of every question.

    Args: progress: called with (questions so far, questions) after each.
    Raises: ValueError: questions with different numbers of options.
    """
    if len({len(q.options) for q in questions}) != 1:
        raise ValueError(
            "questions have different numbers of options, or there are none"
        )
    found = []
    for n, question in enumerate(questions, 1):
        found.append(_option_scores(model, tokenizer, question))
        if progress:
            progress(n, len(questions))
    return Choices(np.array(found), np.array([q.right for q in questions]))


@torch.no_grad()
def _option_scores(model, tokenizer, question: Question) -> list[float]:
    """Per character, of each option, from one row that holds them all."""
    device = next(model.parameters()).device
    start = [start_token(tokenizer)]
    start += tokenizer(question.text + BETWEEN, add_special_tokens=False)["input_ids"]
    options = [
        tokenizer(text, add_special_tokens=False)["input_ids"]
        for text in question.options
    ]
    owner = [-1] * len(start)  # whose token it is; -1: the question's
    places = list(range(len(start)))
    for k, option in enumerate(options):
        owner += [k] * len(option)
        places += range(len(start), len(start) + len(option))
    tokens = torch.tensor([start + sum(options, [])], device=device)  # (1, T)
    who = torch.tensor(owner, device=device)
    seen = (who[None, :] == -1) | (who[None, :] == who[:, None])  # (T, T)
    seen &= torch.ones_like(seen).tril()
    mask = torch.zeros(seen.shape, device=device).masked_fill(~seen, float("-inf"))
    logits = (
        model(
            input_ids=tokens,
            attention_mask=mask[None, None],  # (1, 1, T, T), added to the attention
            position_ids=torch.tensor([places], device=device),
            logits_to_keep=len(owner) - len(start) + 1,
            use_cache=False,
        )
        .logits[0]
        .float()
    )  # (A + 1, V): from the question's last token on
    found, at = [], 0
    for text, option in zip(question.options, options, strict=True):
        before = [0, *range(at + 1, at + len(option))]  # what each token follows
        targets = torch.tensor(option, device=device)
        loss = F.cross_entropy(logits[before], targets, reduction="sum")
        found.append(-loss.item() / len(text))
        at += len(option)
    return found


def model_difficulty(choices: Choices) -> np.ndarray:
    """(n,) 1 − probability of the right option: larger is harder for this model."""
    return 1 - choices.probability


def without_question(questions: Sequence[Question]) -> list[Question]:
    """The same options, asked about nothing."""
    return [replace(q, given="") for q in questions]


def letters(model, tokenizer, questions: Sequence[Question]) -> Choices:
    """Score the letters A, B, … after a question that lists its options."""
    lettered = [
        replace(q, given=listed(q), options=tuple(LETTERS[: len(q.options)]))
        for q in questions
    ]
    return choose(model, tokenizer, lettered)


def listed(question: Question) -> str:
    """What is asked about, and the options under letters, as exams print them."""
    lines = [
        f"{letter}. {option}".replace("\n", ", ")
        for letter, option in zip(LETTERS, question.options, strict=False)
    ]
    return "\n".join([question.given, *lines])


def longest(tokenizer, question: Question) -> int:
    """Tokens of the question with its longest option, marks included."""
    items = [Item(0, question.text, option) for option in question.options]
    return max(len(encode(tokenizer, item).tokens) for item in items)
