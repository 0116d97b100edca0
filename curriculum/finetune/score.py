"""What a model says to questions: likelihood of given answers, and its own answers.

- `answer_logliks` scores the *answer given the question*. The loss on a whole text would
  rank programs by how usual their text is: arithmetic, the easiest, would come out hardest.
- Rows of similar length share a batch; results come in the order of the items and equal
  those of one row at a time up to rounding (1e-4).
- `options_loglik` scores the options of a multiple-choice question, per character, so that
  a long option is not at a disadvantage for its length alone.
- `answers` writes greedily, until the end mark. Whether it would write exactly the right
  answer is known without writing: then each token of the right answer, the end mark too, is
  the likeliest after those before it. `Scored.exact` says so from the same pass.

Explained in chapter 19.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F

from .data import BETWEEN, Item, Row, encode, start_token
from .loop import IGNORED, pad


class Scored(NamedTuple):
    """Scores of n answers, each given its question."""

    loglik: np.ndarray  # (n,) sum over the answer's tokens, in nats
    tokens: np.ndarray  # (n,) of the answer
    characters: np.ndarray  # (n,) of the answer
    exact: np.ndarray  # (n,) True where every token of the answer is the likeliest

    @property
    def loss(self) -> np.ndarray:
        """(n,) mean loss per token, in nats."""
        return -self.loglik / self.tokens

    @property
    def per_character(self) -> np.ndarray:
        """(n,) log-likelihood per character, in nats."""
        return self.loglik / self.characters


def answer_logliks(
    model,
    tokenizer,
    items: Sequence[Item],
    batch: int = 16,
    end: bool = True,
    progress: Callable[[int, int], None] | None = None,
) -> Scored:
    """Log-likelihood of each item's answer, given its question.

    Args:
        batch: rows in a batch.
        end: the end mark counts as part of the answer, as in training.
        progress: called with (items so far, items) after every batch.
    Returns: `Scored`, in the order of `items`.
    """
    rows = [encode(tokenizer, item) for item in items]
    if not end:
        rows = [Row(row.tokens[:-1], row.answer_start) for row in rows]
    found, exact = np.zeros(len(rows)), np.zeros(len(rows), bool)
    for part in by_length([len(row.tokens) for row in rows], batch, progress):
        found[part], exact[part] = _logliks(model, [rows[i] for i in part])
    return Scored(
        found,
        np.array([len(row.tokens) - row.answer_start for row in rows]),
        np.array([len(item.answer) for item in items]),
        exact,
    )


@torch.no_grad()
def _logliks(model, rows: Sequence[Row]) -> tuple[np.ndarray, np.ndarray]:
    """(B,) sums over the answers' tokens of a batch; (B,) all of them the likeliest."""
    tokens, targets, mask = pad(rows, _device(model))
    keep = tokens.shape[1] - min(row.answer_start for row in rows) + 1
    logits = model(
        input_ids=tokens, attention_mask=mask, logits_to_keep=keep, use_cache=False
    ).logits[:, :-1]  # (B, keep - 1, V)
    targets = targets[:, 1 - keep :]
    losses = F.cross_entropy(
        logits.transpose(1, 2).float(), targets, ignore_index=IGNORED, reduction="none"
    )  # (B, keep - 1)
    right = (logits.argmax(-1) == targets) | (targets == IGNORED)
    return -losses.sum(1).cpu().numpy().astype(float), right.all(1).cpu().numpy()


def by_length(lengths, batch: int, progress=None):
    """Yield arrays of positions, those of similar length together, the longest first."""
    if batch < 1:
        raise ValueError(f"batch is {batch}; it must be at least 1")
    order = np.argsort(-np.asarray(lengths), kind="stable")
    for a in range(0, len(order), batch):
        yield order[a : a + batch]
        if progress:
            progress(min(a + batch, len(order)), len(order))


def options_loglik(
    model,
    tokenizer,
    questions: Sequence[str],
    options: Sequence[Sequence[str]],
    batch: int = 16,
    progress: Callable[[int, int], None] | None = None,
) -> list[np.ndarray]:
    """Log-likelihood per character of each option of each question, in nats.

    The end mark does not count: what a model puts after an option is no part of it.

    Args:
        questions: n texts. options: n lists of texts, of any length each.
    Returns: n arrays, one number for each option; the largest is the model's choice.
    """
    if len(questions) != len(options):
        raise ValueError(
            f"{len(questions)} questions with {len(options)} lists of options; give one"
            " list for each question"
        )
    pairs = [(q, o) for q, few in zip(questions, options, strict=True) for o in few]
    items = [Item(i, q, o) for i, (q, o) in enumerate(pairs)]
    scored = answer_logliks(model, tokenizer, items, batch, False, progress)
    ends = np.cumsum([len(few) for few in options])[:-1]
    return np.split(scored.per_character, ends)


@torch.no_grad()
def answers(
    model,
    tokenizer,
    questions: Sequence[str],
    most: int = 16,
    batch: int = 16,
    progress: Callable[[int, int], None] | None = None,
) -> list[str]:
    """The model's own answer to each question, word by word the likeliest.

    Args: most: tokens of an answer, at most.
    Returns: texts without the end mark, in the order of `questions`.
    """
    starts = [
        [start_token(tokenizer)]
        + tokenizer(question + BETWEEN, add_special_tokens=False)["input_ids"]
        for question in questions
    ]
    found = [""] * len(starts)
    for part in by_length([len(row) for row in starts], batch, progress):
        rows = [starts[i] for i in part]
        said = _greedy(model, rows, tokenizer.eos_token_id, most)
        for i, tokens in zip(part, said, strict=True):
            found[i] = tokenizer.decode(tokens, skip_special_tokens=True)
    return found


def _greedy(model, rows, end: int, most: int) -> list[list[int]]:
    """The tokens that follow each of some rows, up to the end mark or `most` of them."""
    longest = max(map(len, rows))
    tokens = torch.zeros(len(rows), longest, dtype=torch.long)  # (B, T)
    mask = torch.zeros_like(tokens)
    for b, row in enumerate(rows):
        tokens[b, longest - len(row) :] = torch.tensor(row)
        mask[b, longest - len(row) :] = 1
    said = model.generate(
        tokens.to(_device(model)),
        attention_mask=mask.to(_device(model)),
        max_new_tokens=most,
        do_sample=False,
        eos_token_id=end,
        pad_token_id=end,
    )[:, longest:].tolist()
    return [row[: row.index(end)] if end in row else row for row in said]


def exact(said: Sequence[str], items: Sequence[Item]) -> np.ndarray:
    """(n,) True where an answer is the right one, white space at its ends apart."""
    return np.array(
        [a.strip() == item.answer.strip() for a, item in zip(said, items, strict=True)]
    )


def _device(model):
    return next(model.parameters()).device
