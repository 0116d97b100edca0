"""Rows for the trainer: from program numbers to tensors, and back again.

- `Programs`: a row is one whole program from its first character, as in evaluation.
  A step's programs are sorted by length into chunks, so little padding is computed and
  a chunk's activations fit the processor's caches; the loss is a mean over the step's
  characters, whatever the chunks.
- `Windows`: the released way. A row is `window` characters of one long stream; it starts
  inside the planned program and runs on into its neighbours.
- Both take the ids of one model, (B,), or of M models that are trained together, (M, B).
- The programs live on the device as one row of bytes; a step sends only its ids.
- `prints` and `recognise` find the programs in the rows that were really fed to the
  model. The audit rests on that, not on the plan's word.

Chapter 2 shows the tokens, chapter 6 a batch, chapter 11 what the chunks are worth.
"""

from __future__ import annotations

import functools

import numpy as np
import torch

from ..data.corpus import Corpus
from ..files import hash_bits, hash_uniform

IGNORE = -1  # a target that selections no part in the loss
# Chunks of a step, and the multiple of characters that rows are padded to. A processor
# wants what fits its caches; a GPU few calls, and few shapes of work to record.
LAYOUT = {"cpu": (8, 1), "cuda": (4, 32)}


class Programs:
    """Whole programs as rows.

    Args:
        corpus: programs with their tokens and offsets.
        loss_on: "all" characters, or the "answer" (everything after the prompt).
        chunks: groups of similar length that a step is computed in.
        device: where the tensors go.
        multiple: rows are padded to a multiple of this many characters.
        None for chunks or multiple: what suits the device (`LAYOUT`).
    """

    def __init__(
        self,
        corpus: Corpus,
        loss_on: str = "all",
        chunks: int | None = None,
        device="cpu",
        multiple: int | None = None,
    ):
        if loss_on not in ("all", "answer"):
            raise ValueError(f"loss_on is {loss_on!r}; it must be all or answer")
        self.corpus, self.device = corpus, torch.device(device)
        suits = LAYOUT.get(self.device.type, LAYOUT["cpu"])
        self.chunks, self.multiple = chunks or suits[0], multiple or suits[1]
        self.lengths = corpus.lengths  # (N,)
        self.first_loss = np.zeros(len(corpus), np.int64)
        if loss_on == "answer":
            self.first_loss = np.array([len(p.prompt) for p in corpus]) - 1
        self._tokens = torch.from_numpy(corpus.tokens).to(self.device)  # uint8
        self._starts, self._lengths, self._first = (
            torch.from_numpy(x).to(self.device)
            for x in (corpus.offsets, self.lengths, self.first_loss)
        )
        longest = -(-int(self.lengths.max()) // self.multiple) * self.multiple
        self._columns = torch.arange(longest, device=self.device)

    def batch(self, ids, step: int = 0) -> list[tuple[torch.Tensor, torch.Tensor]]:
        """Chunks of (inputs, targets), each (…, b, t) integers, for program numbers `ids`.

        Args: ids: (B,) or (M, B). step: not needed here; where `Windows` begin, it is.
        Targets are the inputs' next characters; `IGNORE` where there is none to learn.
        """
        ids = np.asarray(ids)
        order = np.argsort(self.lengths[ids], axis=-1, kind="stable")
        ids = np.take_along_axis(ids, order, axis=-1)
        parts = np.array_split(ids, self.chunks, axis=-1)
        return [self.rows(part) for part in parts if part.size]

    def rows(self, ids) -> tuple[torch.Tensor, torch.Tensor]:
        """One (inputs, targets) pair with a row for each of `ids`, in their order."""
        t = int(self.lengths[ids].max()) - 1
        column = self._columns[: -(-t // self.multiple) * self.multiple]  # (t,)
        at = _send(np.asarray(ids), self.device)[..., None]  # (…, b, 1)
        inside = column < self._lengths[at] - 1  # the last has no successor
        place = torch.where(inside, self._starts[at] + column, 0)  # (…, b, t)
        inputs = torch.where(inside, self._tokens[place].long(), 0)
        learn = inside & (column >= self._first[at])
        return inputs, torch.where(learn, self._tokens[place + 1].long(), IGNORE)

    def characters(self, ids) -> np.ndarray:
        """(…,) targets that the rows of `ids` (…, B) hold, known before they are made."""
        return (self.lengths[ids] - 1 - self.first_loss[ids]).sum(-1)

    def prints(self, batch) -> torch.Tensor:
        """(…, B) fingerprints of the rows in `batch`, still on the device."""
        return torch.cat(
            [(x * self._weights[: x.shape[-1]]).sum(-1) for x, _ in batch], dim=-1
        )

    def recognise(self, prints) -> np.ndarray:
        """(…, B) program numbers with these fingerprints; -1 for a row that is none."""
        known, order = self._index
        prints = prints.cpu().numpy()
        at = np.minimum(np.searchsorted(known, prints), len(known) - 1)
        return np.where(known[at] == prints, order[at], -1)

    def identify(self, batch) -> np.ndarray:
        """(…, B) program numbers of the rows in `batch`; -1 for a row that is none."""
        return self.recognise(self.prints(batch))

    @functools.cached_property
    def _weights(self):
        bits = hash_bits(np.arange(len(self._columns)), "fingerprint")
        return torch.from_numpy(bits.astype(np.int64)).to(self.device)

    @functools.cached_property
    def _index(self):
        """Fingerprints of all programs, sorted, and whose they are.

        One int64 per program: Σ token·weight over its inputs, modulo 2⁶⁴. Padding is
        token 0 and adds nothing; a text's last character is never an input.
        """
        starts, weights = self.corpus.offsets, self._weights.cpu().numpy()
        prints = np.empty(len(self.lengths), np.int64)
        with np.errstate(over="ignore"):
            for i in range(0, len(prints), 10_000):  # a corpus at once needs gigabytes
                j = min(i + 10_000, len(prints))
                begins, lengths = starts[i:j] - starts[i], self.lengths[i:j]
                tokens = self.corpus.tokens[starts[i] : starts[j]].astype(np.int64)
                terms = (
                    tokens * weights[np.arange(len(tokens)) - begins.repeat(lengths)]
                )
                terms[begins + lengths - 1] = 0
                prints[i:j] = np.add.reduceat(terms, begins)
        order = np.argsort(prints)
        return prints[order], order


class Windows:
    """Windows over the concatenated corpus, as in the paper's released training code.

    The window of a planned program starts at a character of it drawn by lot (the release
    draws anywhere in the stream), so that schedules and audits mean the same here.

    Args:
        corpus: as above. ids: the programs of the training stream, in their order.
        window: characters in a row. seed: names the draw.
        chunks: parts that a step is computed in; None: what suits the device.
    """

    def __init__(
        self,
        corpus: Corpus,
        ids,
        window: int = 256,
        seed: int = 0,
        chunks=None,
        device="cpu",
    ):
        ids = np.asarray(ids)
        spans = [corpus.tokens[corpus.offsets[i] : corpus.offsets[i + 1]] for i in ids]
        stream = np.concatenate(spans)
        if len(stream) <= window:
            raise ValueError(
                f"the stream has {len(stream)} characters, too few for windows of"
                f" {window}; use more programs or a smaller window"
            )
        self.device = torch.device(device)
        self.stream = torch.from_numpy(stream).to(self.device)
        self.lengths = corpus.lengths
        self.starts = np.zeros(len(corpus), np.int64)
        self.starts[ids] = np.cumsum(self.lengths[ids]) - self.lengths[ids]
        self.window, self.seed = window, seed
        self.chunks = chunks or LAYOUT.get(self.device.type, LAYOUT["cpu"])[0]
        self._ids, self._sorted_starts = ids, self.starts[ids]
        self._columns = torch.arange(window + 1, device=self.device)

    def batch(self, ids, step: int = 0):
        """Chunks of (inputs, targets), each (…, b, window), for ids (B,) or (M, B)."""
        ids = np.asarray(ids)
        slot = step * ids.shape[-1] + np.arange(ids.shape[-1])
        draw = hash_uniform(slot, "window", self.seed)
        at = self.starts[ids] + (draw * self.lengths[ids]).astype(np.int64)
        self._at = np.minimum(at, len(self.stream) - self.window - 1)
        parts = np.array_split(self._at, self.chunks, axis=-1)
        return [self._rows(part) for part in parts if part.size]

    def _rows(self, at):
        rows = self.stream[_send(at, self.device)[..., None] + self._columns].long()
        return rows[..., :-1], rows[..., 1:]

    def characters(self, ids) -> np.ndarray:
        """(…,) targets in the rows of `ids` (…, B)."""
        shape = np.shape(ids)
        return np.full(shape[:-1], shape[-1] * self.window)

    def prints(self, batch) -> torch.Tensor:
        """(…, B) places in the stream where the last batch's windows began."""
        return torch.from_numpy(self._at)

    def recognise(self, prints) -> np.ndarray:
        """(…, B) the programs that these places belong to."""
        at = np.searchsorted(self._sorted_starts, prints.numpy(), side="right") - 1
        return self._ids[at]

    def identify(self, batch) -> np.ndarray:
        """(…, B) the programs in which the last batch's windows began."""
        return self.recognise(self.prints(batch))


def _send(array, device) -> torch.Tensor:
    """A small array on the device; the host does not wait for a GPU to fetch it."""
    tensor = torch.from_numpy(array)
    if device.type != "cuda":
        return tensor.to(device)
    return tensor.pin_memory().to(device, non_blocking=True)
