"""Running experiments: one here and now, or a whole sweep on an engine.

- `run` does all the steps of one experiment in this process.
- `work` is the unit of a sweep, the same on every engine: take the lock, skip what is
  done, run, in this process or as a notebook through papermill.
- `sweep` hands work to an engine: `Local` starts processes of this machine,
  `cluster.Ray` uses the machines of a Ray cluster. Only *where* work runs differs.
- While runs go on, the driver says how far they are: steps, loss, time left.
- Finished runs are skipped, so a sweep that was cut short is simply started again. A run
  whose process died is tried again and goes on from its checkpoint. A run that fails does
  not stop the others. Two drivers on one results folder share the work.

Chapter 13 is the manual; the appendix *One experiment* is the notebook.
"""

from __future__ import annotations

import contextlib
import dataclasses
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path

from .. import files
from . import locks
from .experiment import load_data, progress_path, resolve, run_name
from .records import finished, record_path, set_aside
from .spec import NOTEBOOK, RESULTS, SCALES, Experiment, cache_folder

BUSY = (
    75  # exit code: another process works on this run ("try again later" in sysexits.h)
)


def run(e: Experiment, root="results", show=None) -> dict:
    """The whole experiment without the notebook; returns the record."""
    finished(e, root)  # before any work: the name may belong to another experiment
    arm = resolve(e)
    arm.train(show)
    return files.read_json(arm.save(arm.measure(), root))


def record_lock(e: Experiment, results) -> Path:
    """The lock that a driver holds while it has the run in hand, beside the record."""
    path = record_path(e, results)
    return path.with_name(f".{path.stem}.lock")


def run_lock(e: Experiment) -> Path:
    """The lock that the working process holds, in the cache."""
    return cache_folder() / "locks" / f"{run_name(e)}.lock"


@contextlib.contextmanager
def ends_on_sigterm():
    """While the block runs, SIGTERM ends it like Ctrl-C, so that it can clean up."""
    if threading.current_thread() is not threading.main_thread():
        yield  # only the main thread may handle signals
        return

    def interrupt(*_):
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def work(e: Experiment, results, notebook: str = "", show=None) -> Path:
    """One experiment under its lock, from start to record; done before: nothing.

    Args:
        notebook: the notebook to run through papermill; "" runs without one.
        show: called with each line of the log (without a notebook).
    Returns: the path of the record.
    Raises: locks.Busy: another process is at it. RuntimeError: the notebook failed.
    """
    path = run_lock(e)
    killed = locks.abandoned(path)  # who had it before us
    with locks.lock(path, timeout=1):
        if not finished(e, results):
            if notebook:
                if killed:  # its kernel notices within seconds that it is alone
                    time.sleep(5)
                run_notebook(e, results, notebook)
            else:
                run(e, results, show)
    return record_path(e, results)


def run_notebook(e: Experiment, results, notebook, retries: int = 3) -> Path:
    """Run the experiment's notebook through papermill; returns the filled-in copy.

    A kernel that dies (out of memory, killed) is started again and resumes.
    """
    import papermill  # only here: the rest of the package does not need it
    from nbclient.exceptions import DeadKernelError

    out = (cache_folder() / "notebooks" / e.study / f"{e.name}.ipynb").resolve()
    out.parent.mkdir(parents=True, exist_ok=True)
    values = {**dataclasses.asdict(e), "results": str(Path(results).resolve())}
    for left in reversed(range(retries + 1)):
        try:
            with ends_on_sigterm():  # papermill then ends the kernel
                papermill.execute_notebook(
                    str(notebook),
                    str(out),
                    values,
                    cwd=str(Path(notebook).parent),
                    progress_bar=False,
                    execution_timeout=None,
                )
            return out
        except papermill.PapermillExecutionError as error:
            raise RuntimeError(
                f"{e.name} (see {out}): {error.ename}: {error.evalue}"
            ) from None
        except DeadKernelError:
            if not left:
                raise
    raise AssertionError("not reached")


def check_notebook(notebook=None) -> str:
    """The path of the experiment's notebook, once it offers a parameter for every field.

    Papermill only warns about a parameter that the notebook does not have.
    """
    import papermill

    notebook = NOTEBOOK if notebook is None else notebook
    if not notebook.exists():
        raise ValueError(
            f"{notebook} is not there; notebooks run from a checkout of the book"
        )
    names = {f.name for f in dataclasses.fields(Experiment)} | {"results"}
    offered = set(papermill.inspect_notebook(str(notebook)))
    if names - offered:
        raise ValueError(
            f"{notebook.name} lacks the parameters {sorted(names - offered)}"
        )
    return str(notebook)


# --- a sweep ---

# How a task ended. An engine's `wait` gives one of these words, or the cause of a failure.
DONE, HELD, DIED = "done", "held", "died"


class Local:
    """The engine of this machine: a fresh Python process for every run.

    An engine offers `slots`, how many tasks it runs now; `start(e, results, notebook)`,
    a handle; `wait(handles)`, the [(handle, how it ended), …] of those that have ended,
    perhaps none, after a short while; and `close`, which stops what still runs.
    """

    def __init__(self, jobs: int = 1):
        if jobs < 1:
            raise ValueError(f"jobs is {jobs}; it must be at least 1")
        self.slots, self._alive = jobs, {}
        self._environment = {
            **os.environ,
            "CURRICULUM_CACHE": str(cache_folder().resolve()),
        }
        if jobs > 1:  # each on its own core
            self._environment["OMP_NUM_THREADS"] = "1"

    def start(self, e: Experiment, results, notebook: str):
        words = [*e.words, "--results", str(results)] + ["--notebook"] * bool(notebook)
        errors = tempfile.TemporaryFile("w+", encoding="utf-8")
        task = subprocess.Popen(
            [sys.executable, "-m", "curriculum", "train", *words],
            env=self._environment,
            stdout=subprocess.DEVNULL,
            stderr=errors,
        )
        self._alive[task] = errors
        return task

    def wait(self, handles) -> list:
        time.sleep(0.05)
        return [(t, self._end(t)) for t in handles if t.poll() is not None]

    def _end(self, task) -> str:
        with self._alive.pop(task) as errors:
            errors.seek(0)
            said = errors.read().strip().splitlines() or ["no message"]
        if task.returncode < 0:
            return DIED
        return {0: DONE, BUSY: HELD}.get(task.returncode, said[-1])

    def close(self):
        for task in self._alive:
            task.terminate()
        for task, errors in self._alive.items():
            try:
                task.wait(timeout=20)  # a notebook's kernel is ended first
            except subprocess.TimeoutExpired:
                task.kill()
                task.wait()
            errors.close()
        self._alive.clear()


def sweep(
    experiments,
    results=RESULTS,
    engine=None,
    notebook: bool = True,
    show=print,
    retries: int = 3,
    poll: float = 1.0,
    again: bool = False,
    report: float = 20.0,
) -> list[Path]:
    """Run many experiments; returns the paths of their records.

    Args:
        results: folder of the records; several drivers may share it.
        engine: `Local(jobs)` (one at a time if None) or `cluster.Ray(…)`; closed here.
        notebook: run each through papermill and keep the filled-in notebook.
        show: called with each line of progress.
        retries: times that a run whose process died is tried again.
        poll: seconds between looks at a run that another driver works on.
        again: set records aside that other code made, and do their runs again.
        report: seconds between two lines about a run that goes on.
    Raises:
        ValueError: before anything starts, if a record holds another experiment or was
            made by other code, or the notebook lacks a parameter.
        RuntimeError: at the end, naming the experiments that failed, and why.
    """
    experiments = list(dict.fromkeys(experiments))
    for e in experiments if again else ():
        if old := set_aside(e, results):
            show(f"{e.study}/{e.name}: made by other code, kept as {old.name}")
    with ends_on_sigterm(), contextlib.closing(engine or Local()) as engine:
        source = check_notebook() if notebook else ""
        state = _Sweep(
            Path(results).resolve(), engine, source, show, retries, poll, report
        )
        state.run(experiments)
    if state.failed:
        raise RuntimeError("these experiments failed: " + "; ".join(state.failed))
    return [record_path(e, results) for e in experiments]


class _Sweep:
    """What waits, what runs, and what came of the rest."""

    def __init__(self, results, engine, source, show, retries, poll=1.0, report=20.0):
        self.results, self.engine, self.source = results, engine, source
        self.show, self.retries = show, retries
        self.poll, self.report = poll, report
        self.heard = {}  # {experiment: (its newest line of the log, when that was shown)}
        self.queue, self.later, self.deaths = [], {}, Counter()
        self.running = {}  # {handle: (experiment, its lock, when it was started)}
        self.took, self.failed = [], []  # seconds of the finished, causes of failures

    def run(self, experiments):
        for e in experiments:
            if finished(e, self.results):
                self.show(f"{e.study}/{e.name}: done before, skipped")
            else:
                self.queue.append(e)
        self.total = len(self.queue)
        # Once, here: else every worker would find no corpus and generate its own.
        for e in {(e.scale, e.variant, e.scorer): e for e in self.queue}.values():
            load_data(e)
        with contextlib.ExitStack() as stack:
            stack.callback(self.release)
            while self.queue or self.running:
                for e in list(self.queue):
                    room = len(self.running) < self.engine.slots
                    if room and self.later.get(e, 0) <= time.monotonic():
                        self.queue.remove(e)
                        self.begin(e)
                if not self.running:
                    time.sleep(self.poll / 10)
                for handle, how in self.engine.wait(list(self.running)):
                    self.end(handle, how)
                self.listen()

    def begin(self, e):
        """Start the run, unless another process has it in hand; then look again later."""
        with contextlib.ExitStack() as held:
            try:
                held.enter_context(locks.lock(record_lock(e, self.results)))
                if finished(e, self.results):
                    return self.tell(e, "finished by another driver")
                if locks.holder(run_lock(e)) is not None:
                    raise locks.Busy
            except locks.Busy:
                if e not in self.later:
                    self.show(f"{e.study}/{e.name}: another process is at it")
                return self.postpone(e)
            self.heard[e] = newest(e), time.monotonic()
            handle = self.engine.start(e, self.results, self.source)
            self.running[handle] = e, held.pop_all(), time.monotonic()
            self.show(f"{e.study}/{e.name}: started")

    def end(self, handle, how):
        """Note how a task ended; how: DONE, HELD, DIED or the cause of a failure."""
        e, held, start = self.running.pop(handle)
        held.close()
        if how == DONE:
            how = self.check(e)
        if how == DONE:
            self.took.append(time.monotonic() - start)
            self.tell(e, "finished")
        elif how == HELD:
            self.postpone(e)
        elif how == DIED and self.deaths[e] < self.retries:
            self.deaths[e] += 1
            self.queue.insert(0, e)
            self.tell(e, f"its process died; retry {self.deaths[e]} of {self.retries}")
        else:
            if how == DIED:
                how = f"its process died {self.retries + 1} times"
            self.failed.append(f"{e.name}: {how}")
            self.tell(e, "FAILED")

    def listen(self):
        """Say how far the runs are that go on, those that said something new."""
        for e, *_ in self.running.values():
            known, shown = self.heard[e]
            if time.monotonic() - shown < self.report:
                continue
            if (line := newest(e)) and line != known:
                self.heard[e] = line, time.monotonic()
                self.show(f"{e.study}/{e.name}: {how_far(line, SCALES[e.scale].steps)}")

    def check(self, e) -> str:
        """DONE if the record of a run that says so is there; else what is wrong."""
        try:
            if finished(e, self.results):
                return DONE
        except ValueError as error:  # made by other code, as on a machine with a copy
            return str(error)
        return (
            f"its record is not in {self.results} as seen from here; all machines must"
            " share that folder under the same path"
        )

    def postpone(self, e):
        self.later[e] = time.monotonic() + self.poll
        self.queue.append(e)

    def release(self):
        """Stop what still runs, and only then give up its locks."""
        self.engine.close()
        for _, held, _ in self.running.values():
            held.close()

    def tell(self, e, what):
        self.show(f"{e.study}/{e.name}: {what}")
        ages = [time.monotonic() - start for *_, start in self.running.values()]
        slots = self.engine.slots
        self.show(progress(self.total, len(self.queue), self.took, ages, slots))


def newest(e: Experiment) -> dict | None:
    """The newest line of a run's log; None before the first."""
    try:
        return files.read_json(progress_path(e))
    except ValueError:  # not there
        return None


def how_far(line: dict, steps: int) -> str:
    """A line of the log in words: step, loss, and the time left at its speed so far."""
    left = line["seconds"] / line["step"] * (steps - line["step"]) / 60
    return (
        f"step {line['step']:,} of {steps:,}, loss {line['loss']:.3f},"
        f" about {left:.1f} min left"
    )


def progress(total, queued, took, ages, slots) -> str:
    """One line for the whole sweep; the time left from the mean of the finished runs.

    Args: took: seconds of each finished run. ages: seconds of each that runs now.
    """
    running = len(ages)
    line = f"{total - running - queued} of {total} done, {running} running, {queued} queued"
    if took and running + queued:
        mean = sum(took) / len(took)
        left = queued * mean + sum(max(0.0, mean - age) for age in ages)
        left /= min(max(slots, 1), running + queued)
        line += f", about {left / 60:.1f} min left"
    return line
