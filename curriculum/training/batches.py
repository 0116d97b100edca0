"""Rows for the trainer: from program numbers to tensors, and back again.

- `Programs`: a row is one whole program from its first character, as in evaluation.
  A step's programs are sorted by length into micro-batches, so little padding is computed
  and the activations fit the processor's caches.
- `Windows`: the released way. A row is `window` characters of one long stream; it starts
  inside the planned program and runs on into its neighbours.
- Both take the ids of one model, (B,), or of M models that are trained together, (M, B).
- The programs live on the device as one row of bytes; a step sends only its ids.
- Evidence for the audit: `fingerprints` hashes the inputs and targets that were really fed
  to the model, and `identify` finds the programs by these hashes alone, without the plan.

Chapter 2 shows the tokens, chapter 7 a batch, chapter 12 what micro-batches are worth.
"""

from __future__ import annotations

import functools

import numpy as np
import torch

from ..data.corpus import Corpus
from ..files import digest, hash_bits, hash_uniform

IGNORE = -1  # a target that has no part in the loss
# Micro-batches of a step, and the multiple of characters that rows are padded to. A
# processor wants what fits its caches; a GPU few calls, and few shapes of work to record.
LAYOUT = {"cpu": (8, 1), "cuda": (6, 16)}


def count_targets(micro_batches) -> torch.Tensor:
    """How many targets there are in micro-batches of (…, b, t): a tensor (…)."""
    return sum((targets != IGNORE).sum((-2, -1)) for _, targets in micro_batches)


class _Rows:
    """What both kinds of rows share: fingerprints, and finding programs by them.

    A fingerprint is Σ input·weight + Σ (target + 1)·other weight over the columns of a
    row, modulo 2⁶⁴. Padding (input 0, target `IGNORE`) adds nothing. A subclass has
    `_weights`, (2, t) on the device, and `_index`: all fingerprints that its rows can
    have, sorted, and the program of each.
    """

    _weights: torch.Tensor
    _index: tuple[np.ndarray, np.ndarray]

    def fingerprints(self, micro_batches) -> torch.Tensor:
        """(…, B) int64 fingerprints of the rows in a batch, still on the device."""
        return torch.cat(
            [
                (x * self._weights[0, : x.shape[-1]]).sum(-1)
                + ((y - IGNORE) * self._weights[1, : y.shape[-1]]).sum(-1)
                for x, y in micro_batches
            ],
            dim=-1,
        )

    def identify(self, fingerprints: torch.Tensor) -> np.ndarray:
        """(…, B) program numbers of rows with these fingerprints; -1: no such row.

        A row whose targets do not follow its inputs is no such row either.
        """
        known, ids = self._index
        fingerprints = fingerprints.cpu().numpy()
        at = np.minimum(np.searchsorted(known, fingerprints), len(known) - 1)
        return np.where(known[at] == fingerprints, ids[at], -1)


class Programs(_Rows):
    """Whole programs as rows.

    Args:
        corpus: programs with their tokens and offsets.
        loss_on: "all" characters, or the "answer" (everything after the prompt).
        micro_batches: groups of similar length that a step is computed in.
        device: where the tensors go.
        multiple: rows are padded to a multiple of this many characters.
        None for micro_batches or multiple: what suits the device (`LAYOUT`).
    """

    def __init__(
        self,
        corpus: Corpus,
        loss_on: str = "all",
        micro_batches: int | None = None,
        device="cpu",
        multiple: int | None = None,
    ):
        if loss_on not in ("all", "answer"):
            raise ValueError(f"loss_on is {loss_on!r}; it must be all or answer")
        self.corpus, self.loss_on = corpus, loss_on
        self.device = torch.device(device)
        suits = LAYOUT.get(self.device.type, LAYOUT["cpu"])
        self.n_micro_batches = micro_batches or suits[0]
        self.multiple = multiple or suits[1]
        self.lengths = corpus.lengths  # (N,)
        self.first_loss = np.zeros(len(corpus), np.int64)
        if loss_on == "answer":
            self.first_loss = (
                np.array([len(corpus[i].prompt) for i in range(len(corpus))]) - 1
            )
        self._tokens = torch.from_numpy(corpus.tokens).to(self.device)  # uint8
        self._starts, self._lengths, self._first = (
            torch.from_numpy(x).to(self.device)
            for x in (corpus.offsets, self.lengths, self.first_loss)
        )
        longest = -(-int(self.lengths.max()) // self.multiple) * self.multiple
        self._columns = torch.arange(longest, device=self.device)

    def batch(self, ids, step: int = 0) -> list[tuple[torch.Tensor, torch.Tensor]]:
        """Micro-batches of (inputs, targets), each (…, b, t) integers.

        Args: ids: (B,) or (M, B) programs. step: not needed here; `Windows` need it.
        Targets are the inputs' next characters; `IGNORE` where there is none to learn.
        """
        ids = np.asarray(ids)
        order = np.argsort(self.lengths[ids], axis=-1, kind="stable")
        ids = np.take_along_axis(ids, order, axis=-1)
        parts = np.array_split(ids, self.n_micro_batches, axis=-1)
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

    @property
    def identity(self) -> dict:
        """What decides the rows, as plain values."""
        return {
            "rows": "programs",
            "corpus": self.corpus.hash[:16],
            "loss_on": self.loss_on,
            "micro_batches": self.n_micro_batches,
            "multiple": self.multiple,
        }

    def characters(self, ids) -> np.ndarray:
        """(…,) targets that the rows of `ids` (…, B) hold, known before they are made."""
        return (self.lengths[ids] - 1 - self.first_loss[ids]).sum(-1)

    def canonical(self, ids) -> np.ndarray:
        """`ids` as they are: no two programs of a corpus make the same row."""
        return np.asarray(ids)

    @functools.cached_property
    def _weights(self):
        bits = [
            hash_bits(np.arange(len(self._columns)), k) for k in ("input", "target")
        ]
        return torch.from_numpy(np.stack(bits).view(np.int64)).to(self.device)

    @functools.cached_property
    def _index(self):
        starts, (of_input, of_target) = self.corpus.offsets, self._weights.cpu().numpy()
        found = np.empty(len(self.lengths), np.int64)
        with np.errstate(over="ignore"):
            for i in range(0, len(found), 10_000):  # a corpus at once needs gigabytes
                j = min(i + 10_000, len(found))
                begins, lengths = starts[i:j] - starts[i], self.lengths[i:j]
                tokens = self.corpus.tokens[starts[i] : starts[j]].astype(np.int64)
                column = np.arange(len(tokens)) - begins.repeat(lengths)
                terms = tokens * of_input[column]
                terms[begins + lengths - 1] = 0  # the last character is only a target
                learnt = column > self.first_loss[i:j].repeat(lengths)
                terms += np.where(learnt, (tokens - IGNORE) * of_target[column - 1], 0)
                found[i:j] = np.add.reduceat(terms, begins)
        order = np.argsort(found, kind="stable")
        return found[order], order


class Windows(_Rows):
    """Windows over the concatenated corpus, as in the paper's released training code.

    The window of a planned program starts at a character of it drawn by lot (the release
    draws anywhere in the stream), so that schedules and audits mean the same here. Where
    fewer than `window` + 1 characters follow, the last window of the stream is taken
    instead: the last few programs share it.

    A window says where it begins by its characters alone, if no other has the same ones.
    Equal windows count for the first program that begins one, and `canonical` gives
    programs that share a window one common number. The audit compares these numbers, so
    it needs no help from the plan to read a row: `audit(delivered, plan, rows.canonical)`.
    At the released width of 256, of 20,000 programs only the last few share windows; at
    a width of 64 one in twenty does.

    Args:
        corpus: as above. ids: the programs of the training stream, in their order.
        window: characters in a row. seed: names the draw.
        micro_batches: parts that a step is computed in; None: what suits the device.
    """

    def __init__(
        self,
        corpus: Corpus,
        ids,
        window: int = 256,
        seed: int = 0,
        micro_batches: int | None = None,
        device="cpu",
    ):
        ids = np.asarray(ids, np.int64)
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
        self.window, self.seed, self.ids = window, seed, ids
        suits = LAYOUT.get(self.device.type, LAYOUT["cpu"])
        self.n_micro_batches = micro_batches or suits[0]
        self._columns = torch.arange(window + 1, device=self.device)

    def batch(self, ids, step: int = 0) -> list[tuple[torch.Tensor, torch.Tensor]]:
        """Micro-batches of (inputs, targets), each (…, b, window), for ids (B,) or (M, B)."""
        parts = np.array_split(self.places(ids, step), self.n_micro_batches, axis=-1)
        return [self.rows(part) for part in parts if part.size]

    def places(self, ids, step: int) -> np.ndarray:
        """(…, B) places in the stream where the windows of `ids` begin at `step`."""
        ids = np.asarray(ids)
        slot = step * ids.shape[-1] + np.arange(ids.shape[-1])
        draw = hash_uniform(slot, "window", self.seed)
        places = self.starts[ids] + (draw * self.lengths[ids]).astype(np.int64)
        return np.minimum(places, len(self.stream) - self.window - 1)

    def rows(self, places) -> tuple[torch.Tensor, torch.Tensor]:
        """One (inputs, targets) pair with the window that begins at each of `places`."""
        at = _send(np.asarray(places), self.device)[..., None] + self._columns
        rows = self.stream[at].long()  # (…, b, window + 1)
        return rows[..., :-1], rows[..., 1:]

    @functools.cached_property
    def identity(self) -> dict:
        """What decides the rows, as plain values."""
        stream = digest(self.stream.cpu().numpy().tobytes() + self.ids.tobytes())
        return {
            "rows": f"windows of {self.window}",
            "stream": stream[:16],
            "window seed": self.seed,
            "micro_batches": self.n_micro_batches,
        }

    def characters(self, ids) -> np.ndarray:
        """(…,) targets in the rows of `ids` (…, B)."""
        shape = np.shape(ids)
        return np.full(shape[:-1], shape[-1] * self.window)

    def canonical(self, ids) -> np.ndarray:
        """`ids`, programs that share a window having the same number; -1 stays -1."""
        ids = np.asarray(ids)
        return np.where(ids < 0, -1, self._canonical[ids])

    @functools.cached_property
    def _weights(self):
        powers = _powers(ROOT, self.window)
        both = np.stack([powers, TARGET * powers]).view(np.int64)
        return torch.from_numpy(both).to(self.device)

    @functools.cached_property
    def _index(self):
        """All windows at once by a rolling hash: differences of a running sum Σ tokenᵢ·rⁱ."""
        stream, W = self.stream.cpu().numpy(), self.window
        n = len(stream)
        sums = np.zeros(n + 1, np.uint64)
        np.cumsum(stream * _powers(ROOT, n), out=sums[1:])
        hashes = (sums[W:] - sums[:-W]) * _powers(INVERSE, n - W + 1)  # from r⁰ again
        ones = _powers(ROOT, W).sum()  # targets are counted from 1, see `_Rows`
        found = (hashes[:-1] + TARGET * (hashes[1:] + ones)).view(np.int64)  # (n - W,)
        order = np.argsort(found, kind="stable")  # equal windows: the first comes first
        return found[order], self._program_at(order)

    @functools.cached_property
    def _canonical(self):
        """(N,) the smallest of the programs that share windows, directly or by a third."""
        from scipy.sparse import coo_array
        from scipy.sparse.csgraph import connected_components

        known, ids = self._index
        same = known[1:] == known[:-1]
        last = len(self.stream) - self.window - 1
        tail = self.ids[
            self.starts[self.ids] >= last
        ]  # all of these get the last window
        one = np.concatenate([ids[:-1][same], tail])
        other = np.concatenate(
            [ids[1:][same], self._program_at(np.full(len(tail), last))]
        )
        n = len(self.starts)
        shared = coo_array((np.ones(len(one)), (one, other)), shape=(n, n))
        _, group = connected_components(shared, directed=False)
        return np.unique(group, return_index=True)[1][group]

    def _program_at(self, places):
        """The programs that these places in the stream belong to."""
        return self.ids[
            np.searchsorted(self.starts[self.ids], places, side="right") - 1
        ]


# r of the rolling hash, its inverse modulo 2⁶⁴, and the factor that sets targets apart.
ROOT = int(hash_bits(0, "root")) // 8 * 8 + 5
INVERSE = pow(ROOT, -1, 2**64)
TARGET = hash_bits(0, "target") | np.uint64(1)


def _powers(root: int, n: int) -> np.ndarray:
    """(n,) root⁰, root¹, … modulo 2⁶⁴."""
    powers = np.full(n, root, np.uint64)
    powers[:1] = 1
    return np.cumprod(powers)


def _send(array, device) -> torch.Tensor:
    """A small array on the device; the host does not wait for a GPU to fetch it."""
    tensor = torch.from_numpy(array)
    if device.type != "cuda":
        return tensor.to(device)
    return tensor.pin_memory().to(device, non_blocking=True)
