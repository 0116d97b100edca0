"""Feed a training loop exactly the plan: samplers for PyTorch, and shares for ranks.

- `PlanBatchSampler` is the plan as PyTorch asks for it: `DataLoader(data,
  batch_sampler=…)` fetches the planned rows of each step, with any number of workers.
- `PlanSampler` gives the same rows one by one, for trainers that cut batches themselves
  (`Trainer` of transformers, accelerate, Lightning).
- Both can begin at any step: to resume, say `start=`; there is no other state.
- `share` is what one of several processes (a *rank*) is fed, a pure function of plan, rank
  and number of ranks. All ranks together deliver the planned rows of each step, so a run
  may stop with two ranks and go on with three.
- `together` joins what the recorders of all ranks saw, for one audit; `unpacked` takes
  packed rows apart, so that a recorder recognises the programs in them.

Ids of the plan are the numbers (or keys) of rows in the loader's data set. Chapter 18
feeds several loops with these, and audits each.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import zip_longest

import numpy as np
from torch.utils.data import Sampler

from .plan import Plan


def share(plan, rank: int = 0, world: int = 1) -> list[np.ndarray]:
    """What one of `world` processes is fed: the ids of each of the S steps.

    Row i of a step goes to rank i mod `world`, so shares differ by at most one row. The
    mean over ranks of each rank's mean loss is the step's mean loss only if the shares
    have equal weight; in general a rank's loss is its *sum* · world / (targets of the
    whole step).

    Args:
        plan: a `Plan`, or its (S, B) table, or a list of S steps of any length.
        rank: from 0 to world − 1. world: number of processes.
    Raises: ValueError: no such rank; a step has fewer rows than there are ranks.
    """
    for name, value, low in (("world", world, 1), ("rank", rank, 0)):
        if not isinstance(value, (int, np.integer)) or value < low:
            raise ValueError(
                f"{name} is {value!r}; it must be a whole number from {low}"
            )
    if rank >= world:
        raise ValueError(f"rank is {rank}; {world} ranks are numbered 0 to {world - 1}")
    steps = [
        np.asarray(step) for step in (plan.table if isinstance(plan, Plan) else plan)
    ]
    if not steps:
        raise ValueError("the plan has no steps; make it with one step at least")
    least = min(map(len, steps))
    if least < world:
        raise ValueError(
            f"world is {world}, but a step has only {least} rows; use fewer ranks or a"
            " larger batch"
        )
    return [step[rank::world] for step in steps]


class PlanBatchSampler(Sampler):
    """The steps of a plan, for `DataLoader(data, batch_sampler=…)`.

    Args:
        plan: a `Plan`, or its (S, B) table, or a list of S steps of any length.
        start: the first step that is fed; the number of steps done, after an interruption.
        rank, world: feed only this rank's share of each step.
        micro_batches: cut each step into so many batches (gradient accumulation); the
            loop takes one optimizer step after as many.
    Raises: ValueError: start lies outside the plan, a share is smaller than micro_batches.
    """

    def __init__(
        self,
        plan,
        start: int = 0,
        rank: int = 0,
        world: int = 1,
        micro_batches: int = 1,
    ):
        self.steps = share(plan, rank, world)
        if not 0 <= start <= len(self.steps):
            raise ValueError(
                f"start is {start}; this plan has steps 0 to {len(self.steps) - 1}"
            )
        least = min(map(len, self.steps))
        if not 1 <= micro_batches <= least:
            raise ValueError(
                f"micro_batches is {micro_batches}; it must be from 1 to {least}, the rows"
                " of the smallest share of a step"
            )
        self.start, self.micro_batches = start, micro_batches

    def __iter__(self) -> Iterator[list]:
        for step in self.steps[self.start :]:
            for part in np.array_split(step, self.micro_batches):
                yield part.tolist()

    def __len__(self):
        return (len(self.steps) - self.start) * self.micro_batches


class PlanSampler(Sampler):
    """The rows of a plan one by one, for `DataLoader(data, batch_size=B, sampler=…)`.

    Give it to trainers that cut batches themselves, with the plan's own batch size B (all
    ranks and accumulated batches together). They skip what is done by themselves when they
    resume: leave `start` at 0 then.
    """

    def __init__(self, plan, start: int = 0):
        self.batches = PlanBatchSampler(plan, start)

    def __iter__(self) -> Iterator:
        for step in self.batches:
            yield from step

    def __len__(self):
        return sum(map(len, self.batches.steps[self.batches.start :]))


def together(deliveries) -> list[np.ndarray]:
    """What several ranks were fed, as one delivery for `audit`.

    Args: deliveries: for each rank the ids of its steps (`Recorder.ids`). A rank that did
        fewer steps leaves its rows out of the others.
    Returns: as many steps as the busiest rank did; each with the rows of all ranks.
    """
    steps = zip_longest(*deliveries, fillvalue=())
    return [np.concatenate([r for r in rows if len(r)]) for rows in steps]


def unpacked(rows, end: int) -> list[list[int]]:
    """The programs in packed rows: each row is cut behind every token `end`.

    Args: rows: (b, t) token ids, several programs in each row, each closed by `end`.
    Returns: the programs, `end` included. What follows the last `end` of a row is left
        out if it is one token over and over (padding); a program that goes on in the next
        row comes in two pieces, neither of which is a program.
    """
    found = []
    for row in np.asarray(rows):
        cuts = np.flatnonzero(row == end) + 1
        *pieces, rest = np.split(row, cuts)
        if len(set(rest.tolist())) > 1:
            pieces.append(rest)
        found += [piece.tolist() for piece in pieces if len(piece) > 1]
    return found
