"""An order that a teacher makes while the model learns.

- The training programs are dealt into K `Tasks`. Before each window of some steps the
  teacher is shown what it may see (`Seen`: the loss of each task on watched programs, and
  what it chose before), and names the share of each task in the next window.
- A teacher is a function of what it has seen and remembers nothing else. So a run that was
  killed goes on with the same choices: they are computed again from the kept numbers.
- `Taught` stands where a plan stands; the training loop does not know the difference. The
  shares alone decide which program stands where (`by_tasks`), so the order of a finished
  run can be computed without the model, and laid beside what was delivered.
- `Recorded` replays any table of programs: the same order for a fresh model, which the
  teacher has never seen, or the same programs shuffled.

Chapter 23 reads this file.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ..files import digest, hash_order, hash_uniform


@dataclass(frozen=True, eq=False)
class Tasks:
    """The programs that a teacher may choose from, dealt into K tasks.

    Args: ids: (N,) program numbers. task: (N,) the task 0 to K-1 of each. names: of the K
        tasks, from easy to hard by whatever score they were ranked.
    Raises: ValueError: a task has no program, or a program has no task.
    """

    ids: np.ndarray
    task: np.ndarray
    names: tuple[str, ...]

    def __post_init__(self):
        ids, task = np.asarray(self.ids), np.asarray(self.task)
        if ids.ndim != 1 or ids.shape != task.shape or len(np.unique(ids)) < len(ids):
            raise ValueError(
                f"ids and task have the shapes {ids.shape} and {task.shape}; they must be"
                " two rows of one length, and no program may come twice"
            )
        counts = np.bincount(task, minlength=len(self.names))
        if len(counts) > len(self.names) or not counts.all():
            raise ValueError(
                f"tasks {', '.join(self.names)} hold {counts.tolist()} programs; each needs"
                " at least one, and each program one of these tasks"
            )

    @functools.cached_property
    def pools(self) -> list[np.ndarray]:
        """The programs of each task."""
        return [np.asarray(self.ids)[self.task == k] for k in range(len(self.names))]

    @property
    def natural(self) -> np.ndarray:
        """(K,) the share of each task among all programs: what shuffling shows."""
        return np.array([len(pool) for pool in self.pools]) / len(self.ids)


@dataclass(frozen=True, eq=False)
class Seen:
    """All that a teacher may look at. It never holds a test program."""

    losses: (
        np.ndarray
    )  # (w + 1, K) loss of each task before each window, nats a character
    shares: np.ndarray  # (w, K) chosen so far
    natural: np.ndarray  # (K,) as in the data
    progress: float  # part of the run that is over, 0 to 1
    seed: int  # for teachers that draw

    @property
    def window(self) -> int:
        """How many windows are over."""
        return len(self.shares)


Teacher = Callable[[Seen], np.ndarray]
DIGITS = 6  # of what is seen and chosen, so that a record holds it exactly


class Taught:
    """A plan whose windows are chosen one after the other.

    Args:
        teacher: `teacher(seen)` returns K shares, not negative; they are divided by their
            sum.
        tasks: what it chooses from. seed: names all draws. steps, batch: as in a `Plan`.
        every: steps in a window.
        spec: plain values that name the teacher in records; None: its name and source.
    `attach` it to the run before training. Raises ValueError for shares that are no shares.
    """

    def __init__(
        self, teacher: Teacher, tasks: Tasks, seed: int, steps: int, batch: int,
        every: int = 100, spec: dict | None = None,
    ):  # fmt: skip
        for name, value in (("steps", steps), ("batch", batch), ("every", every)):
            if value < 1:
                raise ValueError(f"{name} is {value}; it must be at least 1")
        self.teacher, self.tasks, self.seed = teacher, tasks, seed
        self.steps, self.batch, self.every = steps, batch, every
        self.starts = [0, steps]
        self._spec = {"teacher": _named(teacher)} if spec is None else spec
        self._lines: Callable[[], list] = list
        self._look: Callable[[], np.ndarray] | None = None
        self._walk = Walk(tasks, seed, batch, every)
        self._windows: list[np.ndarray] = []  # of the run so far

    def attach(self, state, look: Callable[[], np.ndarray]) -> None:
        """Let the teacher see the run.

        Args: state: the `TrainState`, in whose history the choices are kept, and so in its
            checkpoints. look: returns the (K,) losses of the model as it is now.
        """
        self._lines = lambda: state.history.setdefault("teacher", [])
        self._look = look

    @property
    def shares(self) -> np.ndarray:
        """(w, K) chosen so far."""
        kept = [line["shares"] for line in self._lines()]
        return np.array(kept).reshape(len(kept), len(self.tasks.names))

    @property
    def losses(self) -> np.ndarray:
        """(w, K) that the teacher saw before each of its choices."""
        kept = [line["losses"] for line in self._lines()]
        return np.array(kept).reshape(len(kept), len(self.tasks.names))

    def stage(self, step: int) -> int:
        """A taught run has one stage."""
        return 0

    def at(self, step: int) -> np.ndarray:
        """The programs of one step: (B,) ids. At the first step of a window the teacher is
        asked."""
        if not 0 <= step < self.steps:
            raise ValueError(
                f"step is {step}; this plan has steps 0 to {self.steps - 1}"
            )
        window = step // self.every
        if window == len(self._lines()):
            self._decide()
        return self._rows(window)[step % self.every]

    def _decide(self) -> None:
        if self._look is None:
            raise ValueError("no run is attached; call attach(state, look) first")
        window = len(self._lines())
        now = np.round(np.asarray(self._look(), float), DIGITS)
        seen = Seen(
            np.vstack([self.losses, now]), self.shares, self.tasks.natural,
            window * self.every / self.steps, self.seed,
        )  # fmt: skip
        shares = _checked(self.teacher(seen), self.tasks.names, window, self._spec)
        self._lines().append({"losses": now.tolist(), "shares": shares.tolist()})

    def _rows(self, window: int) -> np.ndarray:
        """(every, B) ids of a window; those before it are computed first, once."""
        while len(self._windows) <= window:
            share = self._lines()[len(self._windows)]["shares"]
            self._windows.append(self._walk.window(share))
        return self._windows[window]

    @property
    def table(self) -> np.ndarray:
        """(S', B) ids of all windows chosen so far, computed from the shares alone."""
        table = by_tasks(self.shares, self.tasks, self.seed, self.batch, self.every)
        return table[: self.steps]

    @property
    def spec(self) -> dict:
        """What decides the run beside the model, as plain values."""
        return {
            **self._spec, "seed": self.seed, "steps": self.steps, "batch": self.batch,
            "every": self.every, "tasks": list(self.tasks.names),
            "programs": digest(np.sort(self.tasks.ids).astype("<i8").tobytes())[:16],
        }  # fmt: skip

    @property
    def digest(self) -> str:
        """SHA-256 of `spec`: the order itself is not known before the run."""
        return digest(self.spec)


class Walk:
    """A walk through the programs of all tasks, window by window.

    Each place of a window draws its task by lot. A task's programs are walked through in
    shuffled order, all of them before one comes again, as in the stages of a `Plan`.
    """

    def __init__(self, tasks: Tasks, seed: int, batch: int, every: int):
        self.tasks, self.seed, self.batch, self.every = tasks, seed, batch, every
        self.windows = 0  # so far
        self.shown = np.zeros(len(tasks.names), np.int64)  # of each task so far
        self._order = functools.lru_cache(maxsize=2 * len(tasks.names))(self._shuffle)

    def window(self, share) -> np.ndarray:
        """(every, B) ids of the next window, whose tasks have these shares (K,)."""
        size = self.every * self.batch
        places = self.windows * size + np.arange(size)
        draw = hash_uniform(places, "task", self.seed)
        ends = np.cumsum(share) / np.sum(share)
        last = len(self.shown) - 1
        chosen = np.minimum(np.searchsorted(ends, draw, side="right"), last)
        ids = np.empty(size, np.int64)
        for k, pool in enumerate(self.tasks.pools):
            mine = np.flatnonzero(chosen == k)
            epoch, within = np.divmod(self.shown[k] + np.arange(len(mine)), len(pool))
            for e in np.unique(epoch):
                order = self._order(k, int(e))
                ids[mine[epoch == e]] = pool[order[within[epoch == e]]]
            self.shown[k] += len(mine)
        self.windows += 1
        return ids.reshape(self.every, self.batch)

    def _shuffle(self, k: int, epoch: int) -> np.ndarray:
        return hash_order(len(self.tasks.pools[k]), "epoch", self.seed, k, epoch)


def by_tasks(shares, tasks: Tasks, seed: int, batch: int, every: int) -> np.ndarray:
    """(W·every, B) program ids that W windows of `shares` (W, K) show, from these alone."""
    walk = Walk(tasks, seed, batch, every)
    rows = [walk.window(share) for share in shares]
    return np.concatenate(rows) if rows else np.empty((0, batch), np.int64)


class Recorded:
    """Any table of programs as a plan: (S, B) ids, one row a step."""

    def __init__(self, table, spec: dict):
        self.table = np.asarray(table, np.int64)
        self.steps, self.batch = self.table.shape
        self.starts, self.spec = [0, self.steps], spec

    def stage(self, step: int) -> int:
        """It has one stage."""
        return 0

    def at(self, step: int) -> np.ndarray:
        """The programs of one step: (B,) ids."""
        return self.table[step]

    @functools.cached_property
    def digest(self) -> str:
        """SHA-256 of every id in order, as of a `Plan`."""
        return digest(self.table.astype("<i8").tobytes())


def shuffled(table, seed: int) -> np.ndarray:
    """The same programs, as often as in `table` (S, B), in random order."""
    places = hash_order(np.size(table), "shuffled replay", seed)
    return np.ravel(table)[places].reshape(np.shape(table))


def review(shares, natural, names, least: float = 0.1) -> list[str]:
    """What is odd about the choices of a finished run, in sentences; [] if nothing is.

    Args: shares: (W, K) chosen. natural: (K,) as in the data. least: a task that gets less
        than this part of its natural share, over the run or its last third, is starved.
    """
    shares, natural = np.asarray(shares), np.asarray(natural)
    said = []
    if len(shares) > 1 and np.ptp(shares, 0).max() < 1e-3:
        same = "as in the data" if np.allclose(shares[0], natural, atol=1e-3) else ""
        said.append(f"the teacher never changed its mind: {same or 'one choice, kept'}")
    for name, part in (
        ("", shares),
        ("in the last third ", shares[-len(shares) // 3 :]),
    ):
        for k in np.flatnonzero(part.mean(0) < least * natural):
            said.append(
                f"task {names[k]} was starved: {name}it had {part.mean(0)[k]:.1%} of the"
                f" places, and has {natural[k]:.1%} of the programs"
            )
    return said


def _checked(shares, names, window: int, spec) -> np.ndarray:
    """`shares` as (K,) numbers that add up to about 1; a clear error for anything else."""
    who = f"teacher {spec.get('teacher', 'of yours')!r}, window {window}"
    try:
        found = np.asarray(shares, float)
    except (TypeError, ValueError):
        raise ValueError(f"{who}: {shares!r} are no shares; return numbers") from None
    if found.shape != (len(names),):
        raise ValueError(
            f"{who}: shares have the shape {found.shape}; return one for each of the"
            f" {len(names)} tasks {', '.join(names)}"
        )
    if not np.isfinite(found).all() or (found < 0).any() or not found.sum() > 0:
        raise ValueError(
            f"{who}: shares are {np.round(found, 4).tolist()}; they must be finite, not"
            " negative, and not all zero. Look for a division by zero or a log of a"
            " difference that can be negative"
        )
    return np.round(found / found.sum(), DIGITS)


def _named(teacher) -> str:
    """A name for a teacher that was given without one, and a digest of its source."""
    name = getattr(teacher, "__name__", type(teacher).__name__)
    try:
        return f"{name}-{digest(inspect.getsource(teacher))[:8]}"
    except (OSError, TypeError):
        return name
