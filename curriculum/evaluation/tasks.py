"""Measuring a model: three tasks, two protocols, and who is asked what.

- *Token completion*: every next character of a program, given the true ones before it.
- *Line completion*: every line after the first, given the true lines before it.
- *Execution*: the output, given the program.
- `released` repeats the paper's scripts, quirks included: one sampled answer, 20 or 30
  characters, numbers fished out by a regular expression, an empty output right when no
  digit is written. `exact` is greedy, must stop by itself, compares the whole text, and
  counts programs that print nothing apart.
- One pass over the true text answers nearly everything (`ask`): as long as a model
  writes what is true, the true text is what it has written. Only from its first mistake
  on is there anything to decode, and all mistakes are continued together.
- Results are kept per program, so that any group (label, grammar level) has its own share
  and interval, and each prediction can be laid beside the truth.

Paper: Naïr et al. (2024) and its released evaluation scripts; Leviathan et al. (2023)
check a draft in one pass, as is done here with the truth. Chapter 5 explains it.
"""

from __future__ import annotations

import difflib
import functools
import re
from dataclasses import dataclass

import numpy as np
import torch

from ..cores import available, on_cores
from ..data.corpus import Corpus
from ..difficulty import LABELS
from . import fast
from .fast import PROTOCOLS, TASKS, Question
from .stats import wilson_clustered

NUMBERS = re.compile(
    r"\d+\.\d+|\d+|-\d+|-\d+\.\d+"
)  # as released: reads -5.3 as -5 and 3


@dataclass
class Answers:
    """What a model answered in one task, program by program.

    right, total: (n,) right answers and answers asked for, per program.
    similarity: (n,) mean edit similarity 0–100 of its lines (line completion only).
    truth, predicted: (n,) texts compared (execution only).
    empty: (n,) True where the program prints nothing (execution only).
    """

    task: str
    protocol: str
    ids: np.ndarray
    right: np.ndarray
    total: np.ndarray
    similarity: np.ndarray | None = None
    truth: list[str] | None = None
    predicted: list[str] | None = None
    empty: np.ndarray | None = None

    def share(self, members=slice(None)) -> dict:
        """Right, total, share and its 95 % interval over some of the programs."""
        right, total = self.right[members], self.total[members]
        low, high = wilson_clustered(right, total)
        found = {
            "right": int(right.sum()),
            "total": int(total.sum()),
            "programs": len(right),
            "share": float(right.sum() / total.sum()) if total.sum() else None,
            "low": low,
            "high": high,
        }
        if self.similarity is not None and len(right):
            weights = total / max(total.sum(), 1)
            found["similarity"] = float((self.similarity[members] * weights).sum())
        return found


def ask(model, corpus: Corpus, ids, questions) -> list[Answers]:
    """The answers to several questions, from one pass over the programs `ids`.

    Raises: ValueError: no program, or one that exceeds the context.
    """
    ids = np.asarray(ids)
    if not len(ids):
        raise ValueError("ids is empty; an evaluation needs at least one program")
    found = [_blank(question, corpus, ids) for question in questions]
    judge = {"token": _tokens, "line": _lines, "execution": _outputs}

    def work(places):
        said = fast.ask(model, corpus, ids[places], questions)
        for number, answers in enumerate(found):
            judge[answers.task](answers, corpus, places, number, said)

    _, size = fast.sizes(model.head.weight.device)
    _each(work, fast.groups(corpus.lengths[ids], size), model)
    return found


def token_completion(model, corpus: Corpus, ids, protocol="exact", seed=0) -> Answers:
    """Ask for each character but the first, given the true characters before it."""
    return ask(model, corpus, ids, [Question("token", protocol, seed)])[0]


def line_completion(model, corpus: Corpus, ids, protocol="exact", seed=0) -> Answers:
    """Ask for each line after the first, given the true lines before it.

    Released: as many characters as the true line has. Exact: until the model itself ends
    the line (cut 8 characters beyond the true length, where it is wrong already).
    """
    return ask(model, corpus, ids, [Question("line", protocol, seed)])[0]


def execution(model, corpus: Corpus, ids, protocol="exact", seed=0) -> Answers:
    """Ask for the output of each program.

    Released: 20 or 30 characters, cut after the first blank line, beyond which the
    release does not look. Exact: until the model writes a blank line.
    """
    return ask(model, corpus, ids, [Question("execution", protocol, seed)])[0]


@functools.lru_cache(1 << 16)  # models make the same mistakes again and again
def edit_similarity(one: str, other: str) -> int:
    """0 to 100: twice the matching characters over all, as the release's fuzzy ratio."""
    if one == other:
        return 100
    return round(
        100 * difflib.SequenceMatcher(None, one, other, autojunk=False).ratio()
    )


def released_match(truth: str, predicted: str) -> bool:
    """Whether the paper's script counts `predicted` as right."""
    return released_numbers(truth) == released_numbers(predicted)


def released_numbers(text: str) -> list[float]:
    """The numbers the paper's script sees in an output."""
    return [float(n) for n in NUMBERS.findall(text.split("\n\n")[0].replace("\n", ""))]


def evaluate(
    model, corpus: Corpus, ids, labels, protocol="exact", seed=0, tasks=TASKS
) -> dict:
    """All tasks on the programs `ids`, summed up in plain values.

    Args:
        labels: (n,) 0 easy, 1 medium, 2 hard, one for each of `ids`.
        seed: of the sampled answers of the released protocol.
    Returns: per task the share and interval over all, by label and by grammar level.
        Execution under `exact` leaves programs that print nothing out of these and
        reports them under "empty".
    """
    return evaluations(model, corpus, ids, labels, (protocol,), seed, tasks)[protocol]


def evaluations(
    model, corpus: Corpus, ids, labels, protocols=PROTOCOLS, seed=0, tasks=TASKS
) -> dict:
    """{protocol: what `evaluate` returns}, all from one pass over the programs."""
    labels, levels = np.asarray(labels), corpus.levels[np.asarray(ids)]
    found = {p: {"protocol": p, "programs": len(ids), "seed": seed} for p in protocols}
    questions = [Question(task, p, seed) for p in protocols for task in tasks]
    for answers in ask(model, corpus, ids, questions):
        counts = np.ones(len(ids), bool)
        if answers.task == "execution" and answers.protocol == "exact":
            counts = ~answers.empty
        summary = answers.share(counts)
        summary["by_label"] = {
            name: answers.share(counts & (labels == i)) for i, name in enumerate(LABELS)
        }
        summary["by_construct"] = {
            str(level): answers.share(counts & (levels == level))
            for level in np.unique(levels)
        }
        if answers.empty is not None:
            summary["empty"] = answers.share(answers.empty)
        found[answers.protocol][answers.task] = summary
    return found


def losses(model, corpus: Corpus, ids, loss_on: str = "all") -> np.ndarray:
    """(n,) mean loss of each program in nats per character, on all of it or the answer.

    `losses(model, corpus, ids, "answer")` is the model-based difficulty of chapter 3.
    """
    if loss_on not in ("all", "answer"):
        raise ValueError(f"loss_on is {loss_on!r}; it must be all or answer")
    return both_losses(model, corpus, ids)[loss_on]


def both_losses(model, corpus: Corpus, ids) -> dict:
    """{"all": (n,), "answer": (n,)}: `losses` of both kinds, from one pass."""
    ids = np.asarray(ids)
    found = {"all": np.zeros(len(ids)), "answer": np.zeros(len(ids))}

    @torch.no_grad()
    def work(places):
        text, lengths = fast.tokens(corpus, ids[places])
        tokens = torch.from_numpy(text).to(model.head.weight.device)
        loss = torch.nn.functional.cross_entropy(
            model(tokens[:, :-1]).transpose(1, 2), tokens[:, 1:], reduction="none"
        )  # (b, t)
        loss, place = loss.cpu().numpy(), np.arange(1, text.shape[1])
        answer = fast.prompts(corpus, ids[places])
        for name, begin in (("all", np.ones_like(answer)), ("answer", answer)):
            asked = (place >= begin[:, None]) & (place < lengths[:, None])
            found[name][places] = np.mean(loss, 1, np.float64, where=asked)

    size, _ = fast.sizes(model.head.weight.device)
    _each(work, fast.groups(corpus.lengths[ids], size), model)
    return found


class Watch:
    """Loss on a fixed validation set, per label: the rows of a forgetting matrix.

    Called with a `loop.TrainState`; returns {"valid": {label: nats per character}, "answer": …}.
    """

    def __init__(self, corpus: Corpus, ids, labels):
        self.corpus, self.ids, self.labels = corpus, np.asarray(ids), np.asarray(labels)

    def __call__(self, run) -> dict:
        run.model.eval()
        both = both_losses(run.model, self.corpus, self.ids)
        run.model.train()
        return {
            name: {
                label: round(float(both[kind][self.labels == i].mean()), 5)
                for i, label in enumerate(LABELS)
                if (self.labels == i).any()
            }
            for name, kind in (("valid", "all"), ("answer", "answer"))
        }


# --- inside ---


def _each(work, groups, model):
    """`work` on every group; on a processor, one core for each group."""
    on_cores(work, groups, len, available(model.head.weight.device))


def _blank(question, corpus, ids):
    """Answers without an answer."""
    n = len(ids)
    right, total = np.zeros(n, np.int64), np.zeros(n, np.int64)
    blank = Answers(question.task, question.protocol, ids, right, total)
    if question.task == "line":
        blank.similarity = np.zeros(n)
    if question.task == "execution":
        programs = [corpus[int(i)] for i in ids]
        blank.truth = [p.text[len(p.prompt) :] for p in programs]
        blank.predicted = [""] * n
        blank.empty = np.array([not p.output for p in programs])
    return blank


def _tokens(answers, corpus, places, number, said):
    """Judge what was `said` to question `number` about the programs at `places`."""
    same = said.same[number]  # (b, t), for the characters 1 … t
    lengths = corpus.lengths[answers.ids[places]]
    # the blank line that ends every text is not part of the snippet the paper asks for
    asked = np.arange(1, same.shape[1] + 1) < lengths[:, None] - 2
    answers.right[places] = (same & asked).sum(1)
    answers.total[places] = asked.sum(1)


def _lines(answers, corpus, places, number, said):
    own = said.stretches.question == number
    row, right = said.stretches.row[own], said.right[own]
    break_it = answers.protocol == "exact"  # the line break belongs to the stretch
    alike = np.full(len(row), 100.0)
    true = [corpus.texts[i] for i in answers.ids[places]]
    for i, j in zip(np.flatnonzero(~right), np.flatnonzero(own)[~right], strict=True):
        start, end = said.stretches.start[j], said.stretches.end[j] - break_it
        text = said.texts[j].removesuffix("\n") if break_it else said.texts[j]
        alike[i] = edit_similarity(text, true[row[i]][start:end])
    n = len(places)
    total = np.bincount(row, minlength=n)
    answers.right[places] = np.bincount(row, right, minlength=n)
    answers.total[places] = total
    answers.similarity[places] = np.bincount(row, alike, n) / np.maximum(total, 1)


def _outputs(answers, corpus, places, number, said):
    answers.total[places] = 1
    own = np.flatnonzero(said.stretches.question == number)  # one for each program
    for place, j in zip(places, own, strict=True):
        answers.predicted[place] = text = said.texts[j]
        if answers.protocol == "exact":
            answers.right[place] = said.right[j]
        else:
            answers.right[place] = released_match(answers.truth[place], text)
