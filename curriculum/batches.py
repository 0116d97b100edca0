"""Rows for the trainer: from program numbers to tensors, and back again.

- `Programs`: a row is one whole program from its first character, as in evaluation.
  A step's programs are sorted by length into chunks, so little padding is computed;
  the loss is a mean over the step's characters, whatever the chunks.
- `Windows`: the released way. A row is `window` characters of one long stream; it starts
  inside the planned program and runs on into its neighbours.
- `identify` recognises programs from the rows that were really fed to the model. The
  audit rests on that, not on the plan's word.

Chapter 2 shows the tokens, chapter 6 a batch.
"""

from __future__ import annotations

import numpy as np
import torch

from .corpus import Corpus
from .files import hash_bits, hash_uniform

IGNORE = -1  # a target that takes no part in the loss


class Programs:
    """Whole programs as rows.

    Args:
        corpus: programs with their tokens and offsets.
        loss_on: "all" characters, or the "answer" (everything after the prompt).
        chunks: groups of similar length that a step is computed in.
        device: where the tensors go.
    """

    def __init__(
        self, corpus: Corpus, loss_on: str = "all", chunks: int = 4, device="cpu"
    ):
        if loss_on not in ("all", "answer"):
            raise ValueError(f"loss_on is {loss_on!r}; it must be all or answer")
        self.tokens = torch.from_numpy(corpus.tokens.astype(np.int16)).to(device)
        self.offsets = corpus.offsets  # (N + 1,)
        self.lengths = corpus.lengths  # (N,)
        self.first_loss = np.zeros(len(corpus), np.int64)
        if loss_on == "answer":
            self.first_loss = np.array([len(p.prompt) for p in corpus]) - 1
        self.chunks, self.device = chunks, device
        self.longest = int(self.lengths.max())
        self._weights = hash_bits(np.arange(self.longest), "fingerprint").astype(
            np.int64
        )
        prints = self._fingerprints(corpus)
        self._order = np.argsort(prints)
        self._prints = prints[self._order]

    def batch(self, ids) -> list[tuple[torch.Tensor, torch.Tensor]]:
        """Chunks of (inputs, targets), each (b, t) integers, for program numbers `ids`.

        Targets are the inputs' next characters; `IGNORE` where there is none to learn.
        """
        ids = np.asarray(ids)
        ids = ids[np.argsort(self.lengths[ids], kind="stable")]
        return [
            self.rows(part) for part in np.array_split(ids, self.chunks) if len(part)
        ]

    def rows(self, ids) -> tuple[torch.Tensor, torch.Tensor]:
        """One (inputs, targets) pair with a row for each of `ids`, in their order."""
        starts, lengths = self.offsets[ids], self.lengths[ids]
        column = np.arange(lengths.max())
        inside = column < lengths[:, None]  # (b, t + 1)
        place = torch.from_numpy(np.where(inside, starts[:, None] + column, 0))
        rows = self.tokens[place.to(self.device)].long()
        inside = torch.from_numpy(inside).to(self.device)
        rows = torch.where(inside, rows, 0)
        inputs = torch.where(
            inside[:, 1:], rows[:, :-1], 0
        )  # the last has no successor
        learn = inside[:, 1:] & torch.from_numpy(
            column[:-1] >= self.first_loss[ids][:, None]
        ).to(self.device)
        return inputs, torch.where(learn, rows[:, 1:], IGNORE)

    def identify(self, batch) -> np.ndarray:
        """(B,) program numbers of the rows in `batch`; -1 for a row that is none."""
        found = []
        for inputs, _ in batch:
            weights = torch.from_numpy(self._weights[: inputs.shape[1]]).to(
                inputs.device
            )
            found.append((inputs * weights).sum(1).cpu().numpy())
        prints = np.concatenate(found)
        at = np.minimum(np.searchsorted(self._prints, prints), len(self._prints) - 1)
        return np.where(self._prints[at] == prints, self._order[at], -1)

    def _fingerprints(self, corpus):
        """One int64 per program: Σ token·weight over its inputs, modulo 2⁶⁴.

        Padding is token 0 and adds nothing; a text's last character is never an input.
        """
        place = np.arange(len(corpus.tokens)) - np.repeat(
            self.offsets[:-1], self.lengths
        )
        with np.errstate(over="ignore"):
            terms = corpus.tokens.astype(np.int64) * self._weights[place]
            terms[self.offsets[1:] - 1] = 0
            return np.add.reduceat(terms, self.offsets[:-1])


class Windows:
    """Windows over the concatenated corpus, as in the paper's released training code.

    The window of a planned program starts at a character of it drawn by lot (the release
    draws anywhere in the stream), so that schedules and audits mean the same here.

    Args:
        corpus: as above. ids: the programs of the training stream, in their order.
        window: characters in a row. seed: names the draw.
    """

    def __init__(
        self, corpus: Corpus, ids, window: int = 256, seed: int = 0, device="cpu"
    ):
        ids = np.asarray(ids)
        spans = [np.arange(corpus.offsets[i], corpus.offsets[i + 1]) for i in ids]
        self.stream = torch.from_numpy(
            corpus.tokens[np.concatenate(spans)].astype(np.int64)
        )
        if len(self.stream) <= window:
            raise ValueError(
                f"the stream has {len(self.stream)} characters, too few for windows of"
                f" {window}; use more programs or a smaller window"
            )
        self.stream = self.stream.to(device)
        self.lengths = corpus.lengths
        self.starts = np.zeros(len(corpus), np.int64)
        self.starts[ids] = np.cumsum(self.lengths[ids]) - self.lengths[ids]
        self.window, self.seed, self.device = window, seed, device
        self._ids, self._sorted_starts = ids, self.starts[ids]

    def batch(self, ids, step: int = 0):
        """One chunk of (inputs, targets), each (B, window)."""
        ids = np.asarray(ids)
        draw = hash_uniform(step * len(ids) + np.arange(len(ids)), "window", self.seed)
        at = self.starts[ids] + (draw * self.lengths[ids]).astype(np.int64)
        at = np.minimum(at, len(self.stream) - self.window - 1)
        self._at = at
        place = torch.from_numpy(at[:, None] + np.arange(self.window + 1)).to(
            self.device
        )
        rows = self.stream[place]
        return [(rows[:, :-1], rows[:, 1:])]

    def identify(self, batch) -> np.ndarray:
        """(B,) the programs in which the last batch's windows began."""
        return self._ids[
            np.searchsorted(self._sorted_starts, self._at, side="right") - 1
        ]
