"""Measuring a model: three tasks, two protocols, and who is asked what.

- *Token completion*: every next character of a program, given the true ones before it.
- *Line completion*: every line after the first, given the true lines before it.
- *Execution*: the output, given the program.
- `released` repeats the paper's scripts, quirks included: one sampled answer, 20 or 30
  characters, numbers fished out by a regular expression, an empty output right when no
  digit is written. `exact` is greedy, must stop by itself, compares the whole text, and
  counts programs that print nothing apart.
- Results are kept per program, so that any group (label, grammar level) has its own share
  and interval, and each prediction can be laid beside the truth.

Paper: Naïr et al. (2024) and its released evaluation scripts. Chapter 5 explains it.
"""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass

import numpy as np
import torch

from .batches import IGNORE, Programs
from .corpus import Corpus
from .difficulty import LABELS
from .model import generate
from .stats import wilson_clustered

PROTOCOLS = ("released", "exact")
TASKS = ("token", "line", "execution")
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


def token_completion(model, corpus: Corpus, ids, protocol="exact", seed=0) -> Answers:
    """Ask for each character but the first, given the true characters before it."""
    _check(protocol, ids)
    ids = np.asarray(ids)
    rows = Programs(corpus, device=_device(model))
    draw = _generator(protocol, seed, model)
    right, total = np.zeros(len(ids), np.int64), np.zeros(len(ids), np.int64)
    for places in _groups(rows.lengths[ids]):
        inputs, targets = rows.rows(ids[places])
        # the blank line that ends every text is not part of the snippet the paper asks for
        asked = _all_but_last(targets != IGNORE, 2)
        logits = _logits(model, inputs)  # (b, t, V)
        if draw is None:
            guess = logits.argmax(-1)  # (b, t)
        else:
            flat = logits.softmax(-1).flatten(0, 1)
            guess = torch.multinomial(flat, 1, generator=draw).view(inputs.shape)
        right[places] = ((guess == targets) & asked).sum(1).cpu().numpy()
        total[places] = asked.sum(1).cpu().numpy()
    return Answers("token", protocol, ids, right, total)


def line_completion(model, corpus: Corpus, ids, protocol="exact", seed=0) -> Answers:
    """Ask for each line after the first, given the true lines before it.

    Released: as many characters as the true line has. Exact: until the model itself ends
    the line (cut 8 characters beyond the true length, where it is wrong already).
    """
    _check(protocol, ids)
    ids = np.asarray(ids)
    tok = corpus.tokenizer
    prompts, lines, owner = [], [], []
    for place, i in enumerate(ids):
        snippet = corpus[int(i)].text[:-2]  # without the blank line
        begin = snippet.find("\n") + 1
        while begin:
            end = snippet.find("\n", begin)
            line = snippet[begin:] if end < 0 else snippet[begin:end]
            prompts.append(
                torch.from_numpy(tok.encode(snippet[:begin]).astype(np.int64))
            )
            lines.append(line)
            owner.append(place)
            begin = end + 1
    new = [len(line) + (0 if protocol == "released" else 8) for line in lines]
    stop = None if protocol == "released" else (None, _newline(tok))
    texts = _continue(model, tok, prompts, new, stop, _generator(protocol, seed, model))
    right, total = np.zeros(len(ids), np.int64), np.zeros(len(ids), np.int64)
    similarity = np.zeros(len(ids))
    for place, line, text in zip(owner, lines, texts, strict=True):
        ended = protocol == "released" or text.endswith("\n")
        text = text if protocol == "released" else text.removesuffix("\n")
        right[place] += ended and text == line
        total[place] += 1
        similarity[place] += edit_similarity(text, line)
    similarity /= np.maximum(total, 1)
    return Answers("line", protocol, ids, right, total, similarity)


def edit_similarity(one: str, other: str) -> int:
    """0 to 100: twice the matching characters over all, as the release's fuzzy ratio."""
    if one == other:
        return 100
    return round(
        100 * difflib.SequenceMatcher(None, one, other, autojunk=False).ratio()
    )


def execution(model, corpus: Corpus, ids, protocol="exact", seed=0) -> Answers:
    """Ask for the output of each program."""
    _check(protocol, ids)
    ids = np.asarray(ids)
    tok = corpus.tokenizer
    programs = [corpus[int(i)] for i in ids]
    if protocol == "released":
        prompts = [p.prompt.removesuffix("\n") for p in programs]
        new = [30 if "for" in p.prompt else 20 for p in programs]
        stop = None
    else:
        prompts = [p.prompt for p in programs]
        new = [len(p.text) - len(p.prompt) + 16 for p in programs]
        stop = (_newline(tok), _newline(tok))
    encoded = [torch.from_numpy(tok.encode(text).astype(np.int64)) for text in prompts]
    texts = _continue(model, tok, encoded, new, stop, _generator(protocol, seed, model))
    truth = [p.text[len(p.prompt) :] for p in programs]
    judge = released_match if protocol == "released" else str.__eq__
    right = np.array(
        [judge(t, text) for t, text in zip(truth, texts, strict=True)], np.int64
    )
    empty = np.array([not p.output for p in programs])
    return Answers(
        "execution",
        protocol,
        ids,
        right,
        np.ones(len(ids), np.int64),
        truth=truth,
        predicted=texts,
        empty=empty,
    )


def released_match(truth: str, predicted: str) -> bool:
    """Whether the paper's script counts `predicted` as right."""
    return released_numbers(truth) == released_numbers(predicted)


def released_numbers(text: str) -> list[float]:
    """The numbers the paper's script sees in an output."""
    return [float(n) for n in NUMBERS.findall(text.split("\n\n")[0].replace("\n", ""))]


RUN = {"token": token_completion, "line": line_completion, "execution": execution}


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
    labels, levels = np.asarray(labels), corpus.levels[np.asarray(ids)]
    found = {"protocol": protocol, "programs": len(ids), "seed": seed}
    for task in tasks:
        answers = RUN[task](model, corpus, ids, protocol, seed)
        counts = np.ones(len(ids), bool)
        if task == "execution" and protocol == "exact":
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
        found[task] = summary
    return found


def losses(model, corpus: Corpus, ids, loss_on: str = "all") -> np.ndarray:
    """(n,) mean loss of each program in nats per character, on all of it or the answer.

    `losses(model, corpus, ids, "answer")` is the model-based difficulty of chapter 3.
    """
    rows = Programs(corpus, loss_on, device=_device(model))
    ids = np.asarray(ids)
    found = np.zeros(len(ids))
    for places in _groups(rows.lengths[ids]):
        inputs, targets = rows.rows(ids[places])
        logits = _logits(model, inputs)
        loss = torch.nn.functional.cross_entropy(
            logits.transpose(1, 2), targets, ignore_index=IGNORE, reduction="none"
        )  # (b, t)
        found[places] = (
            (loss.sum(1) / (targets != IGNORE).sum(1)).double().cpu().numpy()
        )
    return found


class Watch:
    """Loss on a fixed validation set, per label: the rows of a forgetting matrix.

    Called with a `train.Run`; returns {"valid": {label: nats per character}, "answer": …}.
    """

    def __init__(self, corpus: Corpus, ids, labels):
        self.corpus, self.ids, self.labels = corpus, np.asarray(ids), np.asarray(labels)

    def __call__(self, run) -> dict:
        run.model.eval()
        found = {}
        for name, loss_on in (("valid", "all"), ("answer", "answer")):
            values = losses(run.model, self.corpus, self.ids, loss_on)
            found[name] = {
                label: round(float(values[self.labels == i].mean()), 5)
                for i, label in enumerate(LABELS)
                if (self.labels == i).any()
            }
        run.model.train()
        return found


# --- inside ---


def _check(protocol, ids):
    if protocol not in PROTOCOLS:
        raise ValueError(
            f"protocol is {protocol!r}; it must be one of {', '.join(PROTOCOLS)}"
        )
    if not len(ids):
        raise ValueError("ids is empty; an evaluation needs at least one program")


def _device(model):
    return model.head.weight.device


def _generator(protocol, seed, model):
    return (
        torch.Generator(_device(model)).manual_seed(seed)
        if protocol == "released"
        else None
    )


def _newline(tok):
    return int(tok.encode("\n")[0])


@torch.no_grad()
def _logits(model, inputs):
    return model(inputs)


def _groups(lengths, size=128):
    """Places in groups of similar length, so that little padding is computed."""
    order = np.argsort(lengths, kind="stable")
    return np.array_split(order, -(-len(order) // size))


def _all_but_last(mask, k):
    """`mask` (b, t) without the last k True of each row; Trues are contiguous."""
    left = mask.flip(1).cumsum(1).flip(1)  # Trues from here to the end of the row
    return mask & (left > k)


def _continue(model, tok, prompts, new, stop, generator) -> list[str]:
    """Continue prompts in groups of similar length; the texts in the order given."""
    texts = [""] * len(prompts)
    lengths = np.array([len(p) for p in prompts])
    for places in _groups(lengths, 256):
        written = generate(
            model,
            [prompts[i] for i in places],
            torch.tensor([new[i] for i in places]),
            stop,
            generator,
        )
        for i, tokens in zip(places, written, strict=True):
            texts[i] = tok.decode(tokens.numpy())
    return texts
