"""The plan: which program stands at which step, decided before training and kept.

- `Plan.at(step)` is a pure function of (schedule, scores, seed, step): any step can be
  asked for without the ones before it, so resuming is one integer and the number of
  workers cannot change the order.
- `preflight` says what a plan will consume before anything is trained; `check.check_plan`
  says whether it is the plan that the schedule promises.
- A stage's pool is walked through in shuffled order, once per epoch. A pacing schedule
  draws with replacement from the share that is open, so that any step can be computed
  alone (Wu et al., 2021, walk through the open share and then look again).
- With `shuffle_steps` the finished plan is shuffled over all its S·B places at the end.

Chapters 7 to 10 draw each plan; `audit` compares it with what a run delivered.
"""

from __future__ import annotations

import functools
import json
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from ..difficulty import LABELS
from ..files import digest, hash_order, hash_uniform, write_bytes
from .inputs import usable
from .schedules import Schedule


class Plan:
    """The order of one run.

    Args:
        schedule: what to draw when.
        ids: (N,) program numbers in the corpus, as delivered to the trainer; each once.
        scores: (N,) difficulty of each; ranks programs inside a label.
        labels: (N,) 0 easy, 1 medium, 2 hard.
        seed: names the shuffle; the same seed gives the same plan on any machine.
        steps, batch: the run's length and the programs drawn in each step (B).
    The arrays are kept as given (`given_scores`, `given_labels`) and as the schedule ranks
    them (`scores`, `labels`).

    Raises:
        ValueError: ids, scores or labels are unusable (two of one id, a label outside 0 to
            2, …); a stage would be empty; a stage or a paced plan is smaller than a batch.
    """

    def __init__(
        self, schedule: Schedule, ids, scores, labels, seed: int, steps: int, batch: int
    ):
        for name, value in (("steps", steps), ("batch", batch)):
            if not isinstance(value, (int, np.integer)) or value < 1:
                raise ValueError(
                    f"{name} is {value!r}; it must be a whole number from 1"
                )
        self.schedule, self.seed, self.steps, self.batch = schedule, seed, steps, batch
        self.ids, self.given_scores, self.given_labels = usable(ids, scores, labels)
        self.scores, self.labels = self.given_scores, self.given_labels
        self._rank()
        self.starts = schedule.boundaries(steps)
        if min(np.diff(self.starts)) < 1:
            raise ValueError(
                f"steps is {steps}: too few for the {len(schedule.stages)} stages of"
                f" {schedule.name!r}; its stages would start at {self.starts[:-1]}"
            )
        if schedule.pacing and len(self.ids) < batch:
            raise ValueError(
                f"{schedule.name!r} has {len(self.ids)} programs, fewer than one batch of"
                f" {batch}. Use a larger corpus or a smaller batch"
            )
        self.pools = [self._pool(stage) for stage in schedule.stages]
        for number, pool in enumerate(self.pools, 1):
            if len(pool) < batch:
                raise ValueError(
                    f"stage {number} of {schedule.name!r} has {len(pool)} programs, fewer"
                    f" than one batch of {batch}; labels hold {self.label_counts()}."
                    " Use a larger corpus, other cuts, or a smaller batch"
                )

    def _rank(self):
        """Apply the schedule's ranking, then rank programs from easy to hard."""
        n = len(self.ids)
        if self.schedule.ranking == "reversed":
            self.scores, self.labels = -self.scores, len(LABELS) - 1 - self.labels
        elif self.schedule.ranking == "permuted":
            deal = hash_order(n, "permuted ranking", self.seed)
            self.scores, self.labels = self.scores[deal], self.labels[deal]
        # Many programs share a score.
        ties = np.argsort(hash_order(n, "ties", self.seed), kind="stable")
        self.ranked = np.lexsort((ties, self.scores))

    def _pool(self, stage) -> np.ndarray:
        """Positions (into ids) a stage draws from."""
        parts = []
        for selection in stage.selections:
            members = self.ranked[
                self.labels[self.ranked] == LABELS.index(selection.label)
            ]
            if not len(members):
                raise ValueError(
                    f"no program is {selection.label!r}, but {self.schedule.name!r} draws it;"
                    f" labels hold {self.label_counts()}. Cut at other scores or by tertiles"
                )
            k = max(1, round(selection.share * len(members)))
            if selection.end == "random":
                members = members[hash_order(len(members), "carry", self.seed)]
            parts.append(members[:k] if selection.end == "easiest" else members[-k:])
        return np.sort(np.concatenate(parts))

    def like(self, schedule: Schedule | None = None, seed: int | None = None) -> Plan:
        """The same programs, steps and batch with another schedule or another seed."""
        return Plan(
            schedule or self.schedule,
            self.ids,
            self.given_scores,
            self.given_labels,
            self.seed if seed is None else seed,
            self.steps,
            self.batch,
        )

    def label_counts(self) -> dict:
        """How many programs each label holds, under this schedule's ranking."""
        return _by_label(self.labels)

    def stage(self, step: int) -> int:
        """Number (from 0) of the stage that `step` belongs to."""
        return int(np.searchsorted(self.starts, step, side="right")) - 1

    def at(self, step: int) -> np.ndarray:
        """The programs of one step: (B,) ids, in the order of their rows."""
        if not 0 <= step < self.steps:
            raise ValueError(
                f"step is {step}; this plan has steps 0 to {self.steps - 1}"
            )
        return self.table[step] if self.schedule.shuffle_steps else self._at(step)

    def _at(self, step: int) -> np.ndarray:
        slots = np.arange(self.batch)
        if self.schedule.pacing:
            n_open = max(
                self.batch,
                round(self.schedule.open_share(step / self.steps) * len(self.ids)),
            )
            draw = hash_uniform(step * self.batch + slots, "paced", self.seed)
            return self.ids[
                self.ranked[(draw * min(n_open, len(self.ids))).astype(int)]
            ]
        stage = self.stage(step)
        place = (step - self.starts[stage]) * self.batch + slots
        epoch, within = np.divmod(place, len(self.pools[stage]))
        rows = np.empty(self.batch, np.int64)
        for e in np.unique(epoch):  # a batch can straddle the end of an epoch
            order = self._epoch_order(stage, int(e))
            rows[epoch == e] = order[within[epoch == e]]
        return self.ids[rows]

    @functools.cached_property
    def _epoch_order(self):
        @functools.lru_cache(maxsize=4)  # neighbouring steps share an epoch
        def order(stage, epoch):
            pool = self.pools[stage]
            return pool[hash_order(len(pool), "epoch", self.seed, stage, epoch)]

        return order

    @functools.cached_property
    def table(self) -> np.ndarray:
        """The whole plan: (S, B) program ids. Row by row the same as `at`, but quicker."""
        table = self._ordered()
        if self.schedule.shuffle_steps:
            places = hash_order(table.size, "shuffle steps", self.seed)  # (S·B,)
            table = table.ravel()[places].reshape(table.shape)
        return table

    def _ordered(self) -> np.ndarray:
        """(S, B) ids, before `shuffle_steps`."""
        if self.schedule.pacing:
            return np.stack([self._at(step) for step in range(self.steps)])
        return self.staged()

    def staged(
        self, starts=None, reshuffle: bool = True, drop_last: bool = False
    ) -> np.ndarray:
        """(S, B) ids, stage by stage, before `shuffle_steps`.

        The arguments ask what a faulty loader would deliver: stages that start elsewhere,
        epochs that all have the order of the first, or that lose their last, smaller batch.
        """
        starts = self.starts if starts is None else starts
        rows = np.empty(self.steps * self.batch, np.int64)
        for stage, pool in enumerate(self.pools):
            first, last = starts[stage] * self.batch, starts[stage + 1] * self.batch
            n = len(pool) // self.batch * self.batch if drop_last else len(pool)
            for epoch, at in enumerate(range(first, last, n)):
                part = rows[at : min(at + n, last)]
                order = self._epoch_order(stage, epoch if reshuffle else 0)
                part[:] = order[: len(part)]
        return self.ids[rows].reshape(self.steps, self.batch)

    @property
    def spec(self) -> dict:
        """What the plan was made from, in plain values."""
        return {
            "schedule": self.schedule.to_dict(),
            "seed": self.seed,
            "steps": self.steps,
            "batch": self.batch,
            "programs": len(self.ids),
        }

    @functools.cached_property
    def digest(self) -> str:
        """SHA-256 of every id in order: two plans with one digest are one plan."""
        return digest(self.table.astype("<i8").tobytes())

    def save(self, path):
        """Write the table as Parquet (step, programs), with spec and digest inside."""
        meta = {"spec": json.dumps(self.spec), "digest": self.digest}
        starts = np.arange(self.steps + 1, dtype=np.int32) * self.batch
        programs = pa.array(self.table.astype(np.int32).ravel())
        table = pa.table(
            {
                "step": np.arange(self.steps, dtype=np.int32),
                "programs": pa.ListArray.from_arrays(starts, programs),
            }
        ).replace_schema_metadata(meta)
        sink = pa.BufferOutputStream()
        pq.write_table(table, sink)
        return write_bytes(path, sink.getvalue().to_pybytes())

    @staticmethod
    def load_table(path) -> tuple[dict, np.ndarray]:
        """(spec, (S, B) ids) of a saved plan; a changed or damaged file is an error."""
        try:
            table = pq.read_table(path)
            meta = table.schema.metadata
            ids = table["programs"].combine_chunks().flatten().to_numpy()
            ids = ids.astype(np.int64).reshape(len(table), -1)
            spec, kept = json.loads(meta[b"spec"]), meta[b"digest"].decode()
        except (OSError, pa.ArrowException, KeyError, TypeError, ValueError) as error:
            raise ValueError(
                f"{path} is not a readable plan ({error}); save it again"
            ) from None
        if digest(ids.astype("<i8").tobytes()) != kept:
            raise ValueError(
                f"{path} does not match its own digest: it was changed; save it again"
            )
        return spec, ids


@dataclass(frozen=True)
class Preflight:
    """What a plan will consume. `stages`: one dict each; the rest are totals."""

    stages: list[dict]
    steps: int
    programs: int  # rows drawn, repeats included
    distinct: int  # different programs among them
    tokens: int  # characters trained on
    flops: float  # floating-point operations of training
    minutes: float | None  # at the rate given

    def rows(self) -> list[tuple]:
        """(stage, steps, pool, epochs, tokens, programs by label) of each stage."""
        found = []
        for n, s in enumerate(self.stages, 1):
            held = ", ".join(f"{k} {v}" for k, v in s["labels"].items() if v)
            if "true_labels" in s:
                true = ", ".join(f"{k} {v}" for k, v in s["true_labels"].items() if v)
                held = f"{true}, ranked as {held}"
            found.append((n, s["steps"], s["pool"], s["epochs"], s["tokens"], held))
        return found

    def __str__(self):
        lines = [
            f"{'stage':>5} {'steps':>7} {'pool':>8} {'epochs':>7} {'tokens':>11}  labels"
        ]
        lines += [
            f"{n:>5} {steps:>7,} {pool:>8,} {epochs:>7.2f} {tokens:>11,}  {held}"
            for n, steps, pool, epochs, tokens, held in self.rows()
        ]
        time = "" if self.minutes is None else f", about {self.minutes:.1f} min here"
        flops = f", {self.flops:.2e} FLOPs" if self.flops else ""  # if they are known
        lines.append(
            f"total {self.steps:,} steps, {self.programs:,} programs"
            f" ({self.distinct:,} distinct), {self.tokens:,} tokens{flops}{time}"
        )
        return "\n".join(lines)


def preflight(
    plan: Plan,
    lengths,
    flops_per_token: float = 0.0,
    rate: float | None = None,
    labels=None,
) -> Preflight:
    """Add up what `plan` will consume.

    A stage's `labels` count distinct programs by the labels that the plan ranks by; where
    these are not the true ones (ranking reversed or permuted, or labels changed before
    planning), `true_labels` counts them by those.

    Args:
        lengths: tokens of each program of the corpus, indexed by program id.
        flops_per_token: of one training step of the model (`model.training_flops`).
        rate: tokens a second on this device, if measured.
        labels: the true label of each program of the corpus, indexed by program id; None:
            those that the plan was given.
    """
    counts = np.asarray(lengths)[plan.table].sum(1)  # (S,)
    label_of, true = (np.zeros(len(lengths), np.int64) for _ in range(2))
    label_of[plan.ids] = plan.labels
    true[plan.ids] = (
        plan.given_labels if labels is None else np.asarray(labels)[plan.ids]
    )
    stages, ever = [], np.zeros(len(lengths), bool)
    for first, last in zip(plan.starts[:-1], plan.starts[1:], strict=True):
        drawn, seen = plan.table[first:last], np.zeros(len(lengths), bool)
        seen[drawn] = True
        ever |= seen
        found = _by_label(label_of[seen])
        pool = len(plan.pools[len(stages)]) if plan.pools else len(plan.ids)
        if plan.schedule.shuffle_steps:  # any program of the run, at any step
            pool = len(np.unique(plan.table))
        stages.append(
            {
                "steps": last - first,
                "pool": pool,
                "epochs": drawn.size / pool,
                "tokens": int(counts[first:last].sum()),
                "labels": found,
            }
        )
        if (label_of != true).any():
            stages[-1]["true_labels"] = _by_label(true[seen])
    tokens = int(counts.sum())
    return Preflight(
        stages,
        plan.steps,
        plan.table.size,
        int(ever.sum()),
        tokens,
        tokens * flops_per_token,
        tokens / rate / 60 if rate else None,
    )


def _by_label(labels) -> dict:
    """{name: how many} of labels 0, 1, 2."""
    found = np.bincount(labels, minlength=len(LABELS))
    return dict(zip(LABELS, found.tolist(), strict=True))
