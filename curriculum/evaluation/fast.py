"""The fast backend of `tasks`: the same answers from one pass over the true texts.

- The pass gives the model's choice at every character of a true text. As long as a model
  writes what is true, the true text *is* what it has written; so these choices are its
  answer up to the first mistake, and the whole answer if there is none.
- Only what comes after a first mistake has to be generated, one character at a time:
  all mistakes of a group of programs together, each a branch of its program's cache.
- This is speculative decoding with the truth as the draft. It is exact for sampled
  answers too: a character is drawn from the same softmax as it would be one by one, by a
  number that belongs to program, place and question.

Paper: Leviathan et al. (2023). Chapter 5 explains it; tests hold it against `tasks`.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch

from ..cores import available, on_cores
from ..data.corpus import Corpus
from ..kv_cache import KVCache
from .answers import Answers, blank_answers
from .fast_cache import ANY, NEVER, BranchCache, write
from .generate import sample_next_token
from .tasks import edit_similarity, released_match


def ask(model, corpus: Corpus, ids, questions) -> list[Answers]:
    """What `tasks.ask` returns, many times sooner."""
    found = blank_answers(model, corpus, ids, questions)
    judge = {"token": _tokens, "line": _lines, "execution": _outputs}

    def work(places):
        predictions = predict(model, corpus, found[0].ids[places], questions)
        for number, answers in enumerate(found):
            judge[answers.question.task](answers, corpus, places, number, predictions)

    if found:
        by_groups(work, corpus.lengths[found[0].ids], sizes(model)[1], model)
    return found


class Spans(NamedTuple):
    """Spans of text that a model shall write, m of them."""

    question: np.ndarray  # (m,) number of the question
    row: np.ndarray  # (m,) which text of the group
    start: np.ndarray  # (m,) place of the first character to write
    end: np.ndarray  # (m,) where it ends if all goes well; so far it is the true text
    most: np.ndarray  # (m,) where it is cut at the latest
    stop: np.ndarray  # (m, 2) what ends it before, as `fast_cache.write` takes it


class Predictions(NamedTuple):
    """What a model predicts for Q questions about b texts."""

    same: np.ndarray  # (Q, b, t) at places 1 … t: is its choice the true character?
    spans: Spans  # m of them, of the line and execution questions
    right: np.ndarray  # (m,) written without a mistake
    texts: list[str]  # m, what was written


def predict(model, corpus: Corpus, ids, questions) -> Predictions:
    """What `model` predicts for `questions` about one group of programs, `ids` (b,).

    Programs of similar length in ascending order waste the least.
    """
    text, lengths = padded_tokens(corpus, ids)
    chosen, read = _choices(model, ids, text, lengths, questions)  # (Q, b, t)
    same = chosen == text[:, 1:]
    s = [_spans(*q, corpus, ids, text, lengths) for q in enumerate(questions)]
    s = Spans(*map(np.concatenate, zip(*s, strict=True)))
    s = s._replace(most=np.minimum(s.most, model.config.block_size + 1))
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
        more = _continue(model, read, ids, questions, s, at, first, on)
        rest = np.full((len(right), more.shape[1]), -1)
        rest[on] = more
        written = np.concatenate([written, rest], 1)
    return Predictions(same, s, right, _strings(corpus, ids, s, at, written))


def padded_tokens(corpus: Corpus, ids) -> tuple[np.ndarray, np.ndarray]:
    """Texts as rows (b, longest), 0 beyond their ends, and their lengths (b,)."""
    lengths = corpus.lengths[ids]
    column = np.arange(lengths.max())
    inside = column < lengths[:, None]
    place = np.where(inside, corpus.offsets[ids][:, None] + column, 0)
    return np.where(inside, corpus.tokens[place], 0).astype(np.int64), lengths


def prompt_lengths(corpus: Corpus, ids) -> np.ndarray:
    """(b,) characters of each program's prompt."""
    return np.array([len(corpus[int(i)].prompt) for i in ids])


def sizes(model) -> tuple[int, int]:
    """How many texts go through one pass, and how many are continued together.

    What they pass through should fit a processor's caches; a GPU wants much at once.
    """
    return (16, 64) if model.head.weight.device.type == "cpu" else (512, 1024)


def by_groups(work, lengths, size: int, model) -> None:
    """`work(places)` on every group of `size` programs of similar length, so that little
    padding is computed; on a processor, one core for each group."""
    order = np.argsort(lengths, kind="stable")
    groups = np.array_split(order, -(-len(order) // size))
    on_cores(work, groups, len, available(model.head.weight.device))


# --- inside ---


def _choices(model, ids, text, lengths, questions):
    """The pass: (Q, b, t) what the model chooses at places 1 … t, and the caches."""
    chosen = np.zeros((len(questions), len(ids), text.shape[1] - 1), np.int64)
    device, read = model.head.weight.device, []
    size, _ = sizes(model)
    for rows in np.array_split(np.arange(len(ids)), -(-len(ids) // size)):
        read.append(KVCache(model))
        t = lengths[rows].max() - 1
        with torch.no_grad():
            logits = read[-1].read(torch.from_numpy(text[rows, :t]).to(device))
        places = np.arange(1, t + 1)
        for q, question in enumerate(questions):
            u = None
            if question.protocol == "released":
                u = question.uniform(ids[rows, None], places, model.config.block_size)
                u = torch.from_numpy(u).to(logits)
            chosen[q, rows, :t] = sample_next_token(logits, u).cpu().numpy()
    return chosen, read


def _spans(number, question, corpus, ids, text, lengths):
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
        row, start, end = np.arange(len(ids)), prompt_lengths(corpus, ids), lengths
        most, stop = end + 16, (newline, newline)
        if released:
            start = start - 1  # the model must break the line itself
            most = start + [30 if "for" in corpus.codes[i] else 20 for i in ids]
            end = np.minimum(end, most)
    m = len(row)
    return Spans(np.full(m, number), row, start, end, most, np.tile(stop, (m, 1)))


def _continue(model, read, ids, questions, s, at, first, on):
    """(len(on), steps) what spans `on` go on to write after their first mistake."""
    room = s.most[on] - at[on] - 1
    later = at[on, None] + np.arange(1, room.max() + 1)  # (n, most room) places
    u = None
    if any(q.protocol == "released" for q in questions):
        u = np.empty(later.shape)
        for q, question in enumerate(questions):
            own = s.question[on] == q
            whose = ids[s.row[on][own], None]
            u[own] = question.uniform(whose, later[own], model.config.block_size)
        u = torch.from_numpy(u).to(model.head.weight)
    row, cut, begin, stop, room = (
        torch.from_numpy(x).to(model.head.weight.device)
        for x in (s.row[on], at[on], first[on], s.stop[on], room)
    )
    return write(BranchCache(model, read, row, cut), begin, room, stop, u).cpu().numpy()


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


def _tokens(answers, corpus, places, number, predictions):
    """Count the right answers to question `number` about the programs at `places`."""
    same = predictions.same[number]  # (b, t), for the characters 1 … t
    lengths = corpus.lengths[answers.ids[places]]
    # the blank line that ends every text is not part of the snippet the paper asks for
    asked = np.arange(1, same.shape[1] + 1) < lengths[:, None] - 2
    answers.right[places] = (same & asked).sum(1)
    answers.total[places] = asked.sum(1)


def _lines(answers, corpus, places, number, predictions):
    own = predictions.spans.question == number
    row, right = predictions.spans.row[own], predictions.right[own]
    exact = answers.question.protocol == "exact"  # then spans include the line break
    true = [corpus.texts[i] for i in answers.ids[places]]
    alike = np.full(len(row), 100.0)
    for i, j in zip(np.flatnonzero(~right), np.flatnonzero(own)[~right], strict=True):
        start, end = predictions.spans.start[j], predictions.spans.end[j] - exact
        line = predictions.texts[j]
        line = line.removesuffix("\n") if exact else line
        alike[i] = edit_similarity(line, true[row[i]][start:end])
    n = len(places)
    total = np.bincount(row, minlength=n)
    answers.right[places] = np.bincount(row, right, minlength=n)
    answers.total[places] = total
    answers.similarity[places] = np.bincount(row, alike, n) / np.maximum(total, 1)


def _outputs(answers, corpus, places, number, predictions):
    answers.total[places] = 1
    own = np.flatnonzero(predictions.spans.question == number)  # one for each program
    for place, j in zip(places, own, strict=True):
        answers.predicted[place] = text = predictions.texts[j]
        if answers.question.protocol == "exact":
            answers.right[place] = predictions.right[j]
        else:
            answers.right[place] = released_match(answers.truth[place], text)
