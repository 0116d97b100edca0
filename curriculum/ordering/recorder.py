"""A recorder: which programs did a training loop really feed, whoever wrote the loop?

- It is made from the programs, `{id: token row}` or `{id: text}` with the loop's own
  `encode`, and recognises rows by their content alone. What the loop believes about its
  order plays no part. Ids may be numbers or text.
- Three ways to show it the batches: wrap the loader (`watch`), call `see` beside the
  backward pass, or `attach` it to the model, which suits trainers whose loop is hidden.
- Padding is taken off, left or right: what the attention mask or the targets leave out,
  else a run of one token at an end of the row, the same token in the whole run.
- Targets must follow their inputs. Those of a pair (inputs, targets) are the next tokens;
  the `labels` of a dict are the inputs themselves, as in `transformers`, whose models
  shift them. Ignored targets (-100 or -1) may stand anywhere, but not everywhere.
- Programs that make the same row stand for each other.

`audit(recorder, plan)` does the rest. Chapter 13 audits a loop of plain PyTorch with it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import cast

import numpy as np
import torch

from ..data.corpus import Corpus
from ..training import IGNORE, Programs

IGNORED = (-100, IGNORE)  # targets without a part in the loss
MASKED = -2  # what the attention mask leaves out
NO_PAD = -1  # nothing was taken off a row, or what the mask and the targets leave out
KEPT = 3  # tokens of a run at the end that may belong to the program
UNKNOWN = -1  # a row that is no program
OTHER = -3  # a program that the recorder was not given


@dataclass(frozen=True, eq=False)
class _Rows:
    """Token rows end to end, as `Programs` reads them from a corpus."""

    tokens: np.ndarray
    lengths: np.ndarray

    @property
    def offsets(self):
        return np.r_[0, np.cumsum(self.lengths)]

    def __len__(self):
        return len(self.lengths)


class Recorder:
    """Writes down which of `programs` each step of a training loop is fed.

    Args:
        programs: {id: row of token ids}, or {id: text} together with `encode`. The rows
            are those that the loop makes, special tokens included, before padding.
        encode: text → token ids, the loop's own.
        max_length: where the loop cuts its rows, if it does; in tokens.
        pad: the token that the loop pads with; None: the one that most rows show.
        accumulate: batches that make up one step (gradient accumulation).
    Raises: ValueError: no programs; a program of fewer than two tokens, from which nothing
        can be learnt.
    """

    def __init__(
        self,
        programs: Mapping,
        encode: Callable | None = None,
        max_length: int | None = None,
        pad: int | None = None,
        accumulate: int = 1,
    ):
        if not programs:
            raise ValueError(
                "programs is empty; a recorder needs programs to recognise"
            )
        if not isinstance(accumulate, int) or accumulate < 1:
            raise ValueError(f"accumulate is {accumulate!r}; it must be at least 1")
        self.pad, self.accumulate = pad, accumulate
        self._batches: list[np.ndarray] = []  # numbers of the rows of each
        self._pads: list[
            np.ndarray
        ] = []  # and the token taken off each, NO_PAD if none
        self._number: dict = {}  # {id: number}; equal rows have the same number
        self._names: dict[int, object] = {}  # {number: the first id}
        rows: dict[bytes, np.ndarray] = {}
        order: dict[bytes, int] = {}
        for name, program in programs.items():
            row = _row(name, program, encode)[:max_length]
            if row.ndim != 1 or len(row) < 2 or row.min() < 0:
                raise ValueError(
                    f"program {name!r} is the row {row.tolist()[:5]}; it needs two tokens or"
                    " more, each a number from 0"
                )
            key = row.tobytes()
            rows.setdefault(key, row)
            number = order.setdefault(key, len(order))
            self._number[_plain(name)] = number
            self._names.setdefault(number, _plain(name))
        lengths = np.array([len(row) for row in rows.values()])
        tokens = cast(Corpus, _Rows(np.concatenate(list(rows.values())), lengths))
        self._known = Programs(tokens, micro_batches=1, multiple=1)
        self._longest = int(lengths.max())
        self.lengths = lengths  # (numbers,) tokens of each row, by its number

    def see(self, inputs, targets=None, mask=None, shifted: bool = True) -> np.ndarray:
        """Record one batch, just before or after the model is trained on it.

        Args:
            inputs: (b, t) token ids, padded or not; rows of different lengths in a list.
            targets: (b, t), with -100 or -1 where there is nothing to learn; None: not
                looked at.
            mask: (b, t) attention mask, 0 where a token is padding.
            shifted: targets are the *next* tokens; False: they are the inputs, and the
                model shifts them.
        Returns: (b,) ids of the programs, None for a row that is no program.
        """
        inputs, targets, mask = map(_host, (inputs, targets, mask))
        contents = []
        for i, row in enumerate(inputs):
            y, m = (None if x is None else np.asarray(x[i]) for x in (targets, mask))
            contents.append(_content(np.asarray(row), y, m, shifted))
        found, pads = self._identify(contents)
        self._batches.append(found)
        self._pads.append(pads)
        return np.array([self._names.get(n) for n in found.tolist()], object)

    def watch(self, loader) -> Watched:
        """The same loader, each of whose batches is recorded when the loop receives it.

        A batch is a dict with `input_ids` (and `labels`, `attention_mask`), a pair (inputs,
        targets), or inputs alone. A loop that fetches a batch and breaks before it trains
        on it should call `see` instead.
        """
        return Watched(self, loader)

    def attach(self, model: torch.nn.Module):
        """Record what `model` is called with while it is in training mode.

        Returns: a handle; its `remove()` ends the recording.
        """

        def hook(module, args, kwargs):
            if module.training:
                self._batch({**kwargs} if "input_ids" in kwargs else args)

        return model.register_forward_pre_hook(hook, with_kwargs=True)

    def _batch(self, batch):
        if isinstance(batch, Mapping):
            labels, mask = batch.get("labels"), batch.get("attention_mask")
            return self.see(batch["input_ids"], labels, mask, shifted=False)
        if isinstance(batch, tuple | list) and len(batch) in (1, 2):
            return self.see(*batch)
        if isinstance(batch, torch.Tensor | np.ndarray):
            return self.see(batch)
        raise ValueError(
            f"a batch is of type {type(batch).__name__}; it must be a dict with input_ids, a"
            " pair (inputs, targets) or inputs alone. Call recorder.see(inputs, targets)"
        )

    def _identify(self, contents) -> tuple[np.ndarray, np.ndarray]:
        """(b,) numbers and paddings of rows, given as lists of (content, its padding)."""
        found, pads = (np.full(len(contents), x) for x in (UNKNOWN, NO_PAD))
        tried = [
            (i, row, pad)
            for i, candidates in enumerate(contents)
            for row, pad in candidates
            if 1 < len(row) <= self._longest
            and (pad == NO_PAD or self.pad in (None, pad))
        ]
        if tried:
            x = torch.zeros(len(tried), self._longest - 1, dtype=torch.int64)
            y = torch.full_like(x, IGNORE)
            for k, (_, row, _) in enumerate(tried):
                x[k, : len(row) - 1] = torch.from_numpy(row[:-1])
                y[k, : len(row) - 1] = torch.from_numpy(row[1:])
            numbers = self._known.identify(self._known.fingerprints([(x, y)]))
            for (i, _, pad), number in zip(tried, numbers.tolist(), strict=True):
                if found[i] == UNKNOWN and number != UNKNOWN:
                    found[i], pads[i] = number, pad
        return found, pads

    # --- what the audit reads ---

    @property
    def delivered(self) -> list[np.ndarray]:
        """One array of numbers for each step, -1 for a row that is no program."""
        k, pads = self.accumulate, np.concatenate([[], *self._pads])
        pad = Counter(pads[pads != NO_PAD].tolist()).most_common(1)
        batches = [
            np.where(np.isin(p, [NO_PAD, *(token for token, _ in pad)]), rows, UNKNOWN)
            for rows, p in zip(self._batches, self._pads, strict=True)
        ]
        return [np.concatenate(batches[i : i + k]) for i in range(0, len(batches), k)]

    @property
    def ids(self) -> list[np.ndarray]:
        """Program ids of each step, as `audit` reads them where there is no recorder.

        A row that is no program is -1, or "" where ids are text. Of programs that make the
        same row, the first one's id stands for all.
        """
        none = "" if isinstance(next(iter(self._number)), str) else UNKNOWN
        names = self._names | {UNKNOWN: none}
        return [np.array([names[n] for n in step.tolist()]) for step in self.delivered]

    def numbers(self, ids) -> np.ndarray:
        """Numbers of program ids, as in `delivered`; programs of one row share one.

        An id that the recorder was not given has the number `OTHER`.
        """
        ids = np.asarray(ids)
        unique, place = np.unique(ids, return_inverse=True)
        found = [self._number.get(name, OTHER) for name in unique.tolist()]
        return np.array(found, np.int64)[place].reshape(ids.shape)

    def require(self, ids):
        """Raise a ValueError that names the first id that the recorder was not given."""
        for name in np.unique(np.asarray(ids)).tolist():
            if name not in self._number:
                raise ValueError(
                    f"the plan draws program {name!r}, which the recorder was not given; it"
                    f" has programs such as {next(iter(self._number))!r}"
                )

    def name(self, number: int):
        """The id of the first program with this number; -1 stays -1."""
        return self._names.get(number, UNKNOWN)


class Watched:
    """A loader whose batches a recorder sees; everything else is the loader's own."""

    def __init__(self, recorder: Recorder, loader):
        self._recorder, self._loader = recorder, loader

    def __iter__(self) -> Iterator:
        for batch in self._loader:
            self._recorder._batch(batch)
            yield batch

    def __len__(self):
        return len(self._loader)

    def __getattr__(self, name):
        return getattr(self._loader, name)


def _plain(name):
    """An id as Python has it: 3 for a NumPy 3."""
    return name.item() if isinstance(name, np.generic) else name


def _row(name, program, encode) -> np.ndarray:
    """The tokens of one program."""
    if isinstance(program, str):
        if encode is None:
            raise ValueError(
                f"program {name!r} is text; give the recorder the loop's `encode` as well"
            )
        program = encode(program)
    return np.asarray(_host(program)).astype(np.int64)


def _host(rows):
    """Tensors as arrays; lists and None as they are."""
    return rows.detach().cpu().numpy() if isinstance(rows, torch.Tensor) else rows


def _content(x, y, mask, shifted) -> list[tuple]:
    """What a row may hold without padding, each with the token taken off, likeliest first.

    Empty if the targets do not follow the inputs.

    The last token of a program is often a target only, so inputs and targets are joined.
    """
    if mask is not None:
        x = np.where(mask == 0, MASKED, x)
    end = 0  # what stands before it is learnt, and so no padding
    if y is not None:
        learnt = ~np.isin(y, IGNORED)
        if not learnt.any() or not _follows(x, y, learnt, shifted):
            return []
        end = int(np.flatnonzero(learnt)[-1]) + 1 + shifted
        if shifted:
            x = np.r_[x[:1], np.where(learnt, y, np.r_[x[1:], MASKED])]
        if end == len(x):  # perhaps the padding is learnt, too
            end = 0
    kept = np.flatnonzero(x != MASKED)
    if not len(kept):
        return []
    end, x = end - kept[0], x[kept[0] : kept[-1] + 1].astype(np.int64)
    left = int((np.r_[x, MASKED] != x[0]).argmax())  # tokens of one kind at the start
    right = int((np.r_[x[::-1], MASKED] != x[-1]).argmax())
    found: list[tuple] = [(x, NO_PAD)]
    found += [(x[: len(x) - k], x[-1]) for k in _runs(min(right, len(x) - end))]
    return found + [(x[k:], x[0]) for k in _runs(left)]


def _follows(x, y, learnt, shifted) -> bool:
    """Are the targets the tokens that come next, or (not shifted) the inputs?"""
    if not shifted:
        return not (learnt & (x != y) & (x != MASKED)).any()
    wrong = np.flatnonzero(learnt[:-1] & (y[:-1] != x[1:]))
    # The last target may stand where the inputs are over and their padding has begun.
    return (
        not len(wrong) or len(wrong) == 1 and len(set(x[wrong[0] + 1 :].tolist())) == 1
    )


def _runs(length) -> range:
    """How many tokens of a run may be padding; some may belong to the program."""
    return range(max(1, length - KEPT), length + 1)
