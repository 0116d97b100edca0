"""What a model writes when it is asked: many questions, one pass over the true text.

- The pass gives the model's choice at every character of the true text. As long as a
  model writes what is true, the true text *is* what it has written; so these choices
  are its answer up to the first mistake, and the whole answer if there is none.
- Only what comes after a first mistake has to be decoded, one character at a time. It
  is: all mistakes of a group of programs together, each a branch of its program's cache.
- This is speculative decoding with the truth as the draft. For sampled answers it is as
  exact as for greedy ones: each character is drawn from the same softmax as it would be
  one by one, by a number that belongs to the program, the place and the question.

Paper: Leviathan et al. (2023). Chapter 5 explains it; `evaluate` judges the answers.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch

from ..data.corpus import Corpus
from ..files import hash_uniform
from .generate import ANY, NEVER, KVCache, sample_next_token, write

PROTOCOLS = ("released", "exact")
TASKS = ("token", "line", "execution")


def sizes(device) -> tuple[int, int]:
    """How many texts go through one pass, and how many are continued together.

    What they pass through should fit a processor's caches; a GPU wants much at once.
    """
    return (16, 64) if device.type == "cpu" else (512, 1024)


@dataclass(frozen=True)
class Question:
    """One task under one protocol; `seed` names the draws of a sampled answer."""

    task: str
    protocol: str = "exact"
    seed: int = 0

    def __post_init__(self):
        for name, allowed in (("task", TASKS), ("protocol", PROTOCOLS)):
            if getattr(self, name) not in allowed:
                raise ValueError(
                    f"{name} is {getattr(self, name)!r}; it must be one of"
                    f" {', '.join(allowed)}"
                )

    def chance(self, ids, places, block_size: int) -> np.ndarray:
        """What decides the character at each of `places` of the programs `ids`.

        Returns: numbers in [0, 1), the same whoever asks; -1 where nothing is drawn.
        """
        named = ids * block_size + places
        if self.protocol == "exact":
            return np.full(named.shape, -1.0)
        return hash_uniform(named, self.task, self.seed)


class Stretches(NamedTuple):
    """Stretches of text that a model shall write, m of them."""

    question: np.ndarray  # (m,) number of the question
    row: np.ndarray  # (m,) which text of the group
    start: np.ndarray  # (m,) place of the first character to write
    end: np.ndarray  # (m,) where it ends if all goes well; so far it is the true text
    most: np.ndarray  # (m,) where it is cut at the latest
    stop: np.ndarray  # (m, 2) what ends it before, as `decode.write` selections it


class Said(NamedTuple):
    """What a model said to Q questions about b texts."""

    same: np.ndarray  # (Q, b, t) at places 1 … t: is its choice the true character?
    stretches: Stretches  # m of them, of the line and execution questions
    right: np.ndarray  # (m,) written without a mistake
    texts: list[str]  # m, what was written


def ask(model, corpus: Corpus, ids, questions) -> Said:
    """What `model` says to `questions` about the programs `ids` (b,).

    Programs of similar length in ascending order waste the least.
    """
    text, lengths = tokens(corpus, ids)
    cache = KVCache(model)
    chosen = _choices(model, cache, ids, text, lengths, questions)  # (Q, b, t)
    same = chosen == text[:, 1:]
    s = [_stretches(*q, corpus, ids, text, lengths) for q in enumerate(questions)]
    s = Stretches(*map(np.concatenate, zip(*s, strict=True)))
    s = s._replace(most=np.minimum(s.most, model.config.block_size))
    places = np.arange(1, text.shape[1])
    mistakes = np.where(same, text.shape[1], places)  # the first from each place on
    mistakes = np.minimum.accumulate(mistakes[..., ::-1], -1)[..., ::-1]
    at = np.minimum(mistakes[s.question, s.row, s.start - 1], s.end)  # (m,)
    right = at == s.end
    first = chosen[s.question, s.row, np.minimum(at, places[-1]) - 1]
    written = np.where(right, -1, first)[:, None]  # (m, 1), -1: nothing
    ended = (first == s.stop[:, 1]) & (
        (s.stop[:, 0] == ANY) | (text[s.row, at - 1] == s.stop[:, 0])
    )
    on = np.flatnonzero(~right & ~ended & (s.most - at > 1))
    if len(on):
        on = on[np.argsort(s.row[on], kind="stable")]  # a text's branches side by side
        more = _branches(model, cache, ids, questions, s, at, first, on)
        rest = np.full((len(right), more.shape[1]), -1)
        rest[on] = more
        written = np.concatenate([written, rest], 1)
    return Said(same, s, right, _strings(corpus, ids, s, at, written))


def tokens(corpus: Corpus, ids) -> tuple[np.ndarray, np.ndarray]:
    """Texts as rows (b, longest), 0 beyond their ends, and their lengths (b,)."""
    lengths = corpus.lengths[ids]
    column = np.arange(lengths.max())
    inside = column < lengths[:, None]
    place = np.where(inside, corpus.offsets[ids][:, None] + column, 0)
    return np.where(inside, corpus.tokens[place], 0).astype(np.int64), lengths


def prompts(corpus: Corpus, ids) -> np.ndarray:
    """(b,) characters of each program's prompt."""
    return np.array([len(corpus[int(i)].prompt) for i in ids])


def groups(lengths, size: int) -> list[np.ndarray]:
    """Places in groups of similar length, so that little padding is computed."""
    order = np.argsort(lengths, kind="stable")
    return np.array_split(order, -(-len(order) // size))


# --- inside ---


def _choices(model, cache, ids, text, lengths, questions):
    """The pass: (Q, b, t) what the model says to each question at places 1 … t."""
    chosen = np.zeros((len(questions), len(ids), text.shape[1] - 1), np.int64)
    device = model.head.weight.device
    size, _ = sizes(device)
    for rows in np.array_split(np.arange(len(ids)), -(-len(ids) // size)):
        t = lengths[rows].max() - 1
        with torch.no_grad():
            logits = model(torch.from_numpy(text[rows, :t]).to(device), cache)
        places = np.arange(1, t + 1)
        for q, question in enumerate(questions):
            chance = None
            if question.protocol == "released":
                u = question.chance(ids[rows, None], places, model.config.block_size)
                chance = torch.from_numpy(u).to(logits)
            chosen[q, rows, :t] = sample_next_token(logits, chance).cpu().numpy()
    return chosen


def _stretches(number, question, corpus, ids, text, lengths):
    """What a question wants written; nothing for token completion."""
    released = question.protocol == "released"
    newline = int(corpus.tokenizer.encode("\n")[0])
    if question.task == "token":
        row = start = end = most = np.zeros(0, np.int64)
        stop = (ANY, NEVER)
    elif question.task == "line":
        places = np.arange(text.shape[1])
        breaks = text == newline
        # the blank line that ends every text is not part of the snippet
        row, before = np.nonzero(breaks & (places < lengths[:, None] - 2))
        start = before + 1
        after = np.where(breaks, places, text.shape[1])
        after = np.minimum.accumulate(after[:, ::-1], 1)[:, ::-1]
        end = after[row, start]  # the line break after the line
        if released:
            most, stop = end, (ANY, NEVER)
        else:
            most, stop, end = end + 8, (ANY, newline), end + 1
    else:
        row, start, end = np.arange(len(ids)), prompts(corpus, ids), lengths
        most, stop = end + 16, (newline, newline)
        if released:
            start = start - 1  # the model must break the line itself
            most = start + [30 if "for" in corpus.codes[i] else 20 for i in ids]
            end = np.minimum(end, most)
    m = len(row)
    return Stretches(np.full(m, number), row, start, end, most, np.tile(stop, (m, 1)))


def _branches(model, cache, ids, questions, s, at, first, on):
    """(len(on), turns) what stretches `on` go on to write after their first mistake."""
    room = s.most[on] - at[on] - 1
    later = at[on, None] + np.arange(1, room.max() + 1)  # (n, most room) places
    chance = None
    if any(q.protocol == "released" for q in questions):
        chance = np.empty(later.shape)
        for q, question in enumerate(questions):
            own = s.question[on] == q
            whose = ids[s.row[on][own], None]
            chance[own] = question.chance(whose, later[own], model.config.block_size)
        chance = torch.from_numpy(chance).to(model.head.weight)
    row, cut, begin, stop, room = (
        torch.from_numpy(x).to(cache.device)
        for x in (s.row[on], at[on], first[on], s.stop[on], room)
    )
    cache.branch(row, cut)
    return write(model, cache, begin, room, stop, chance).cpu().numpy()


def _strings(corpus, ids, s, at, written):
    """m strings: the true text up to the mistake, and what was written from there."""
    line = corpus.tokenizer.decode(written[written >= 0])  # all of them in one go
    counts = (written >= 0).sum(1)
    ends = counts.cumsum()
    true = [corpus.texts[i] for i in ids]
    columns = (s.row, s.start, at, ends - counts, ends)
    return [
        true[row][start:cut] + line[begin:end]
        for row, start, cut, begin, end in zip(
            *(column.tolist() for column in columns), strict=True
        )
    ]
