"""Measuring a model: the tasks summed up by difficulty and grammar level, and the loss.

- `evaluations` asks all tasks under both protocols, by the fast backend, and sums the
  answers up in plain values; `results` does so for answers that were asked already.
- `losses` is the cross-entropy of each program, on all of it or on its output alone.
- `Watch` measures the loss by label while a model trains.

Chapter 5 explains it.
"""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F

from ..data.corpus import Corpus
from ..difficulty import LABELS
from ..model import check_finite
from .answers import PROTOCOLS, TASKS, Answers, Question
from .fast import ask, by_groups, padded_tokens, prompt_lengths, sizes


def evaluations(
    model, corpus: Corpus, ids, labels, protocols=PROTOCOLS, seed=0, tasks=TASKS
) -> dict:
    """All tasks on the programs `ids` under some protocols, summed up in plain values.

    Args:
        labels: (n,) 0 easy, 1 medium, 2 hard, one for each of `ids`.
        seed: of the sampled answers of the released protocol.
    Returns: {protocol: {task: see `results`}}, from one pass over the programs.
    """
    questions = [Question(task, p, seed) for p in protocols for task in tasks]
    return summed_up(ask(model, corpus, ids, questions), corpus, labels)


def evaluate(
    model, corpus: Corpus, ids, labels, protocol="exact", seed=0, tasks=TASKS
) -> dict:
    """What `evaluations` finds under one protocol: {task: see `results`}."""
    return evaluations(model, corpus, ids, labels, (protocol,), seed, tasks)[protocol]


def summed_up(every: list[Answers], corpus: Corpus, labels) -> dict:
    """{protocol: {task: see `results`}} of answers about the same programs."""
    found: dict = {}
    for answers in every:
        q = answers.question
        about = {"protocol": q.protocol, "programs": len(answers.ids), "seed": q.seed}
        of_protocol = found.setdefault(q.protocol, about)
        of_protocol[q.task] = results(answers, corpus, labels)
    return found


def results(answers: Answers, corpus: Corpus, labels) -> dict:
    """Accuracy and interval over all programs, by label and by grammar level.

    Execution under `exact` leaves programs that print nothing out of these and reports
    them under "empty".
    """
    labels, levels = np.asarray(labels), corpus.levels[answers.ids]
    counts = np.ones(len(levels), bool)
    if answers.empty is not None and answers.question.protocol == "exact":
        counts = ~answers.empty
    found = answers.summary(counts)
    found["by_label"] = {
        name: answers.summary(counts & (labels == i)) for i, name in enumerate(LABELS)
    }
    found["by_construct"] = {
        str(level): answers.summary(counts & (levels == level))
        for level in np.unique(levels)
    }
    if answers.empty is not None:
        found["empty"] = answers.summary(answers.empty)
    return found


def execution(model, corpus: Corpus, ids, protocol="exact", seed=0) -> Answers:
    """What `model` takes for the output of each program; see `tasks.execution`."""
    return ask(model, corpus, ids, [Question("execution", protocol, seed)])[0]


def losses(model, corpus: Corpus, ids, loss_on: str = "all") -> np.ndarray:
    """(n,) mean loss of each program in nats per character, on all of it or the answer.

    `losses(model, corpus, ids, "answer")` is the model-based difficulty of chapter 3.
    """
    if loss_on not in ("all", "answer"):
        raise ValueError(f"loss_on is {loss_on!r}; it must be all or answer")
    return both_losses(model, corpus, ids)[loss_on]


def both_losses(model, corpus: Corpus, ids) -> dict:
    """{"all": (n,), "answer": (n,)}: `losses` of both kinds, from one pass."""
    check_finite(model)
    ids = np.asarray(ids)
    found = {"all": np.zeros(len(ids)), "answer": np.zeros(len(ids))}

    @torch.no_grad()
    def work(places):
        text, lengths = padded_tokens(corpus, ids[places])
        tokens = torch.from_numpy(text).to(model.head.weight.device)  # (b, t + 1)
        logits = model(tokens[:, :-1]).transpose(1, 2)  # (b, V, t)
        loss = F.cross_entropy(logits, tokens[:, 1:], reduction="none")  # (b, t)
        loss, place = loss.cpu().numpy(), np.arange(1, text.shape[1])
        answer = prompt_lengths(corpus, ids[places])
        for name, begin in (("all", np.ones_like(answer)), ("answer", answer)):
            asked = (place >= begin[:, None]) & (place < lengths[:, None])
            found[name][places] = np.mean(loss, 1, np.float64, where=asked)

    by_groups(work, corpus.lengths[ids], sizes(model)[0], model)
    return found


class Watch:
    """Loss on a fixed validation set, per label: the rows of a forgetting matrix.

    Called with a `loop.TrainState`; returns {"valid": {label: nats per character},
    "answer": …}.
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
