"""Questions to a model, its answers program by program, and a small form to keep them in.

- A `Question` is one of three tasks under one of two protocols; `tasks` defines them.
- `Answers` are kept per program, so that any group (label, grammar level) has its own
  accuracy and interval, and each prediction can be laid beside the truth.
- `pack` turns the answers about 2,000 programs into a few kilobytes of JSON; `unpack`
  gives them back, the true outputs too if it is handed the corpus.

Chapter 5 explains it.
"""

from __future__ import annotations

import base64
import json
import zlib
from dataclasses import asdict, dataclass

import numpy as np

from ..data.corpus import Corpus
from ..files import hash_uniform
from ..model import check_finite
from .stats import wilson_clustered

TASKS = ("token", "line", "execution")
PROTOCOLS = ("released", "exact")


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

    def uniform(self, ids, places, block_size: int) -> np.ndarray:
        """The numbers that draw the characters at `places` of the programs `ids`.

        Returns: as `sample_next_token` takes them: in [0, 1), a pure function of
        question, program and place; -1 under `exact`, which draws nothing.
        """
        counter = np.asarray(ids) * block_size + places
        if self.protocol == "exact":
            return np.full(counter.shape, -1.0)
        return hash_uniform(counter, self.task, self.seed)


@dataclass
class Answers:
    """What a model answered to one question, program by program.

    ids: (n,) the programs. right, total: (n,) right answers, and answers asked for.
    similarity: (n,) mean edit similarity 0–100 of its lines (line completion only).
    truth, predicted: (n,) the outputs compared (execution only).
    empty: (n,) True where the program prints nothing (execution only).
    """

    question: Question
    ids: np.ndarray
    right: np.ndarray
    total: np.ndarray
    similarity: np.ndarray | None = None
    truth: list[str] | None = None
    predicted: list[str] | None = None
    empty: np.ndarray | None = None

    def accuracy(self, members=slice(None)) -> float | None:
        """Right answers over all answers of some of the programs; None without any."""
        total = int(self.total[members].sum())
        return float(self.right[members].sum() / total) if total else None

    def summary(self, members=slice(None)) -> dict:
        """Right, total, accuracy and its 95 % interval over some of the programs."""
        right, total = self.right[members], self.total[members]
        low, high = wilson_clustered(right, total)
        found = {
            "right": int(right.sum()),
            "total": int(total.sum()),
            "programs": len(right),
            "accuracy": self.accuracy(members),
            "low": low,
            "high": high,
        }
        if self.similarity is not None and len(right):
            weights = total / max(total.sum(), 1)
            found["similarity"] = float((self.similarity[members] * weights).sum())
        return found


def blank_answers(model, corpus: Corpus, ids, questions) -> list[Answers]:
    """One `Answers` a question, to be filled in: nothing asked for, nothing right.

    Raises: ValueError: weights that are not finite, no program, or one that exceeds the
        context.
    """
    check_finite(model)
    ids, n = np.asarray(ids), len(ids)
    if not n:
        raise ValueError("ids is empty; an evaluation needs at least one program")
    longest, most = int(corpus.lengths[ids].max()), model.config.block_size + 1
    if longest > most:
        raise ValueError(
            f"a program has {longest} characters; this model can be asked about {most}"
            " at most, one more than its context"
        )
    found = [
        Answers(question, ids, np.zeros(n, np.int64), np.zeros(n, np.int64))
        for question in questions
    ]
    for answers in found:
        if answers.question.task == "line":
            answers.similarity = np.zeros(n)
        if answers.question.task == "execution":
            answers.truth, answers.predicted = truths(corpus, ids), [""] * n
            answers.empty = np.array([not corpus.outputs[i] for i in ids])
    return found


def truths(corpus: Corpus, ids) -> list[str]:
    """The true output of each program, as it stands in the text after the prompt."""
    programs = [corpus[int(i)] for i in ids]
    return [p.text[len(p.prompt) :] for p in programs]


def pack(found: list[Answers]) -> dict:
    """Answers about the same programs as a small dict of JSON values.

    Whole numbers and predicted outputs are kept exactly, compressed; true outputs are
    left out, for the corpus has them.
    Raises: ValueError: the answers are about different programs.
    """
    ids = found[0].ids
    if any(not np.array_equal(a.ids, ids) for a in found):
        raise ValueError("the answers are about different programs; pack them apart")
    return {"ids": _squeeze(ids), "answers": [_pack_one(a) for a in found]}


def unpack(packed: dict, corpus: Corpus | None = None) -> list[Answers]:
    """What `pack` was given; `truth` is None unless the corpus is there to tell it."""
    ids, found = _spread(packed["ids"]), []
    for one in packed["answers"]:
        a = Answers(
            Question(**one["question"]),
            ids,
            _spread(one["right"]),
            _spread(one["total"]),
        )
        if "similarity" in one:
            a.similarity = _spread(one["similarity"]) / np.maximum(a.total, 1)
        if "predicted" in one:
            a.predicted = json.loads(inflate(one["predicted"]))
            a.empty = _spread(one["empty"]).astype(bool)
            a.truth = None if corpus is None else truths(corpus, ids)
        found.append(a)
    return found


def deflate(data: bytes) -> str:
    """Bytes as compressed text, for JSON."""
    return base64.b64encode(zlib.compress(data, 9)).decode()


def inflate(text: str) -> bytes:
    """What `deflate` was given."""
    return zlib.decompress(base64.b64decode(text))


# --- inside ---


def _pack_one(a):
    one = {"question": asdict(a.question)}
    one |= {"right": _squeeze(a.right), "total": _squeeze(a.total)}
    if a.similarity is not None:  # a mean of whole numbers: their sum is one
        one["similarity"] = _squeeze(np.rint(a.similarity * a.total).astype(np.int64))
    if a.predicted is not None:
        one["predicted"] = deflate(json.dumps(a.predicted).encode())
        one["empty"] = _squeeze(a.empty)
    return one


def _squeeze(values):
    """Whole numbers from 0 on, in the smallest type that holds them, compressed."""
    small = np.asarray(values).astype(np.min_scalar_type(int(np.max(values))))
    return {"type": small.dtype.str, "data": deflate(small.tobytes())}


def _spread(kept):
    return np.frombuffer(inflate(kept["data"]), kept["type"]).astype(np.int64)
