"""Sweeps: nothing is done twice, nothing is lost, and one failure stops nobody else."""

import contextlib
import dataclasses
import json
import os
import signal
import subprocess
import sys
import threading
import time

import pytest
import torch

from curriculum import files
from curriculum.__main__ import main
from curriculum.experiments import experiment, locks, records, sweep
from curriculum.experiments import spec as X
from curriculum.sources import code_digest


def arms(*schedules, **fields):
    return [X.Experiment(s, scale="smoke", study="tests", **fields) for s in schedules]


def same(a: dict, b: dict) -> bool:
    """Two records of one experiment, but for when and how fast they were made."""

    def kept(record):
        curve = [
            {k: v for k, v in x.items() if k != "seconds"} for x in record["curve"]
        ]
        left_out = ("provenance", "cost", "curve")
        return {k: v for k, v in record.items() if k not in left_out} | {"curve": curve}

    return kept(a) == kept(b) and a["cost"]["tokens"] == b["cost"]["tokens"]


# --- file locks ---

HOLD = """
import sys, time
from curriculum.experiments import locks
with locks.lock(sys.argv[1]):
    print("held", flush=True)
    time.sleep(60)
"""


def test_a_lock_excludes_others_and_falls_with_its_process(tmp_path):
    path = tmp_path / "deep" / "x.lock"
    assert locks.holder(path) is None
    other = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(path)], stdout=subprocess.PIPE, text=True
    )
    assert other.stdout.readline() == "held\n"
    assert locks.holder(path)["pid"] == other.pid and not locks.abandoned(path)
    with pytest.raises(locks.Busy, match=f"held by process {other.pid} on"):
        with locks.lock(path):
            pass
    other.kill()
    other.wait()
    assert locks.holder(path) is None and locks.abandoned(path)  # blocks nobody
    with locks.lock(path):
        assert locks.holder(path)["pid"] == os.getpid()
    assert locks.holder(path) is None and not locks.abandoned(path)


def test_a_lock_waits_as_long_as_it_is_told_to(tmp_path):
    path, got = tmp_path / "x", []

    def wait():
        with locks.lock(path, timeout=30):
            got.append(len(got))

    with locks.lock(path):
        threads = [threading.Thread(target=wait) for _ in range(4)]
        for t in threads:
            t.start()
        time.sleep(0.3)
        assert got == []
    for t in threads:
        t.join()
    assert got == [0, 1, 2, 3]


# --- notebooks ---


def test_papermill_runs_the_notebook_and_skips_what_is_done(tmp_path, smoke):
    (e,) = arms("sequential")
    said = []
    (path,) = sweep.sweep([e, e], tmp_path, show=said.append, report=1e9)
    through_notebook = files.read_json(path)
    assert through_notebook["spec"] == dataclasses.asdict(e)
    assert same(through_notebook, sweep.run(e, tmp_path / "direct"))
    sweep.sweep([e], tmp_path, show=said.append)
    assert said == [
        "tests/sequential_scale-smoke_s0: started",
        "tests/sequential_scale-smoke_s0: finished",
        "1 of 1 done, 0 running, 0 queued",
        "tests/sequential_scale-smoke_s0: done before, skipped",
    ]


def test_a_failing_notebook_says_where_and_why(tmp_path, smoke):
    if torch.backends.mps.is_available():
        pytest.skip("this machine has the device that should be missing")
    with pytest.raises(
        RuntimeError, match=r"anti.*\(see .*ipynb\): ValueError: device"
    ):
        sweep.sweep(arms("anti", device="mps"), tmp_path, show=lambda _: None)
    assert not list(tmp_path.rglob("*.json"))


def test_a_notebook_without_a_parameter_is_refused_before_the_start(
    tmp_path, monkeypatch
):
    notebook = json.loads(X.NOTEBOOK.read_text(encoding="utf-8"))
    for cell in notebook["cells"]:
        if "parameters" in cell["metadata"].get("tags", []):
            cell["source"] = "".join(cell["source"]).replace(
                'lr_schedule = "multistep"\n', ""
            )
    (tmp_path / "experiment.ipynb").write_text(json.dumps(notebook))
    monkeypatch.setattr(sweep, "NOTEBOOK", tmp_path / "experiment.ipynb")
    with pytest.raises(ValueError, match="lacks the parameters.*lr_schedule"):
        sweep.sweep([X.Experiment(scale="smoke")], tmp_path)


# --- sweeps on this machine ---


def test_a_failure_stops_nobody_else(tmp_path, smoke):
    if torch.backends.mps.is_available():
        pytest.skip("this machine has the device that should be missing")
    bad, good = *arms("anti", device="mps"), *arms("hybrid")
    with pytest.raises(RuntimeError, match="failed: anti.*device is 'mps'"):
        sweep.sweep([bad, good], tmp_path, notebook=False, show=lambda _: None)
    assert records.finished(good, tmp_path) and not records.finished(bad, tmp_path)


@pytest.mark.fault(
    "Files",
    "a worker of a sweep is killed",
    "the sweep finishes, and the run is the same",
    "it is started again, goes on, and ends with the same numbers",
)
def test_a_killed_process_is_replaced(tmp_path, smoke, monkeypatch):
    monkeypatch.setenv("CURRICULUM_CACHE", str(tmp_path / "cache"))
    (e,) = arms("incremental", seed=3)
    said = []

    def kill():
        while not (found := locks.holder(sweep.run_lock(e))):
            time.sleep(0.01)
        os.kill(found["pid"], signal.SIGKILL)

    experiment.load_data(e)
    thread = threading.Thread(target=kill)
    thread.start()
    (path,) = sweep.sweep([e], tmp_path / "r", notebook=False, show=said.append)
    thread.join()
    assert any("its process died; retry 1 of 3" in line for line in said)
    assert same(files.read_json(path), sweep.run(e, tmp_path / "direct"))


@pytest.mark.fault(
    "Files",
    "a sweep is ended by SIGTERM",
    "it leaves no orphan at work",
    "its workers and their kernels end with it",
)
def test_sigterm_ends_a_sweep_and_its_workers(tmp_path, resolved):
    words = ["scale=smoke", "study=tests", "schedule=baseline,hybrid", "seed=42"]
    words += ["--results", str(tmp_path), "--jobs", "2"]
    with contextlib.ExitStack() as held:
        for schedule in ("baseline", "hybrid"):  # whoever wants to train has to wait
            folder = resolved(schedule, seed=42).folder
            held.enter_context(locks.lock(folder / "run.lock"))
        driver = subprocess.Popen(
            [sys.executable, "-m", "curriculum", "experiment", *words],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        # A driver, two workers, and below each of them the kernel of its notebook.
        while len(below := descendants(driver.pid)) < 4 and driver.poll() is None:
            time.sleep(0.1)
        assert driver.poll() is None, driver.communicate()
        time.sleep(2)
        driver.terminate()
        assert "interrupted" in driver.communicate(timeout=900)[1]
        assert driver.returncode == 130
        deadline = time.monotonic() + 120
        while any(map(alive, below)) and time.monotonic() < deadline:
            time.sleep(0.1)
        assert not any(map(alive, below))
    assert not list(tmp_path.rglob("*.holder"))


def descendants(pid: int) -> list[int]:
    """Processes below `pid`, by the table of the system."""
    lines = subprocess.run(
        ["ps", "-e", "-o", "pid=,ppid="], capture_output=True, text=True, check=True
    ).stdout.splitlines()
    parents = dict(map(int, line.split()) for line in lines)
    found = [pid]
    for one in found:
        found += [child for child, parent in parents.items() if parent == one]
    return found[1:]


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    state = subprocess.run(
        ["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True
    ).stdout
    return bool(state.strip()) and not state.startswith("Z")


@pytest.mark.fault(
    "Files",
    "two sweeps are started on one folder",
    "no run is trained twice, none is lost",
    "they share the work",
)
def test_two_drivers_share_the_work(tmp_path, smoke):
    words = ["scale=smoke", "study=tests", "schedule=baseline,hybrid,anti", "seed=5"]
    command = [sys.executable, "-m", "curriculum", "experiment", *words]
    command += ["--results", str(tmp_path), "--no-notebook"]
    both = [
        subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        for _ in range(2)
    ]
    said = [p.communicate(timeout=900)[0].splitlines() for p in both]
    assert [p.returncode for p in both] == [0, 0], said
    paths = [records.record_path(e, tmp_path) for e in X.Experiment.parse(words)]
    for lines in said:  # each driver ends with all results
        assert lines[-3:] == [str(p) for p in paths]
    started = [line for lines in said for line in lines if line.endswith("started")]
    assert len(started) == len(set(started)) == 3  # nothing was trained twice
    assert all(files.read_json(p)["audit"]["wrong_steps"] == 0 for p in paths)
    assert not list(tmp_path.rglob("*.holder"))


class Scripted:
    """An engine whose tasks end as they are told to, without running anything."""

    slots = 2

    def __init__(self, ends, make):
        self.ends, self.make, self.now = ends, make, {}

    def start(self, e, results, notebook):
        handle = object()
        self.now[handle] = e
        return handle

    def wait(self, handles):
        found = []
        for handle in handles:
            e = self.now.pop(handle)
            found.append((handle, self.ends[e.schedule].pop(0)))
            if found[-1][1] == sweep.DONE:
                self.make(e)
        return found

    def close(self):
        pass


def test_how_tasks_end_and_what_follows(tmp_path, smoke):
    def make(e):
        path = records.record_path(e, tmp_path)
        if e.schedule != "hybrid":  # whose record went somewhere else
            scale = dataclasses.asdict(X.SCALES[e.scale])
            kept = {"spec": e.spec, "scale": scale, "results": {"exact": {}}}
            files.write_json(path, kept | {"sources": code_digest("results")})

    died, held, done = sweep.DIED, sweep.HELD, sweep.DONE
    ends = {
        "baseline": [died, held, died, done],
        "anti": [died, died, died],
        "hybrid": [done],
        "sequential": ["FloatingPointError: the loss is nan"],
    }
    with pytest.raises(RuntimeError) as error:
        sweep.sweep(
            arms(*ends),
            tmp_path,
            Scripted(ends, make),
            notebook=False,
            show=lambda _: None,
            retries=2,
            poll=0.01,
        )
    causes = str(error.value).removeprefix("these experiments failed: ").split("; ")
    assert len(causes) == 4  # the second cause holds a semicolon of its own
    assert "anti_scale-smoke_s0: its process died 3 times" in causes
    assert "must share that folder" in str(error.value)
    assert "sequential_scale-smoke_s0: FloatingPointError: the loss is nan" in causes
    assert records.finished(arms("baseline")[0], tmp_path)
    shown, nothing = [], Scripted({"baseline": []}, make)  # it has no end to give
    sweep.sweep(arms("baseline"), tmp_path, nothing, notebook=False, show=shown.append)
    assert any("done before, skipped" in line for line in shown)


class Slow(Scripted):
    """An engine whose only task writes three lines of its log before it ends."""

    def start(self, e, results, notebook):
        self.lines = [
            {"step": n, "loss": 3 / n, "seconds": 60.0 * n} for n in (6, 6, 12)
        ]
        return super().start(e, results, notebook)

    def wait(self, handles):
        if not self.lines:
            return super().wait(handles)
        (e,) = self.now.values()
        files.write_json(experiment.progress_path(e), self.lines.pop(0))
        return []


@pytest.mark.parametrize(
    ("report", "said"),
    [
        (
            0.0,
            [
                "step 6 of 24, loss 0.500, about 18.0 min left",
                "step 12 of 24, loss 0.250, about 12.0 min left",
            ],
        ),
        (1e9, []),
    ],
)
def test_a_run_that_goes_on_says_how_far_it_is(report, said, tmp_path, smoke):
    (e,) = arms("baseline", seed=91)

    def make(e):
        scale = dataclasses.asdict(X.SCALES[e.scale])
        kept = {"spec": e.spec, "scale": scale, "results": {"exact": {}}}
        path = records.record_path(e, tmp_path)
        files.write_json(path, kept | {"sources": code_digest("results")})

    # What an earlier run of it left is not news.
    old = {"step": 3, "loss": 9.0, "seconds": 1.0}
    files.write_json(experiment.progress_path(e), old)
    lines = []
    engine = Slow({"baseline": [sweep.DONE]}, make)
    sweep.sweep([e], tmp_path, engine, notebook=False, show=lines.append, report=report)
    start, *between, end, count = lines
    assert start.endswith(": started") and end.endswith(": finished")
    assert count.startswith("1 of 1 done")
    assert between == [f"tests/{e.name}: {line}" for line in said]


def test_training_leaves_its_newest_line_for_whoever_asks(resolved):
    arm = resolved(seed=92)
    shown = []
    arm.train(shown.append)
    assert sweep.newest(arm.experiment) == shown[-1] == arm.curve[-1]


def test_time_left_comes_from_the_finished_runs():
    assert sweep.progress(4, 2, [], [9.0], 2) == "1 of 4 done, 1 running, 2 queued"
    line = sweep.progress(6, 3, [60.0, 120.0], [30.0], 2)
    # three at 90 s and the rest of a fourth, two at a time: 165 s
    assert line == "2 of 6 done, 1 running, 3 queued, about 2.8 min left"


@pytest.mark.parametrize(
    "words, message",
    [
        (["--jobs", "0"], "argument --jobs: '0' must be a whole number from 1"),
        (["--engine", "slurm"], "engine is 'slurm'; it must be local or ray"),
    ],
)
def test_wrong_words_for_a_sweep(words, message, capsys):
    assert main(["experiment", "scale=smoke", *words]) == 2
    assert message in capsys.readouterr().err


def test_train_says_who_is_at_it(tmp_path, smoke, capsys):
    (e,) = arms("hard-only", seed=9)
    words = ["schedule=hard-only", "seed=9", "scale=smoke", "study=tests"]
    with locks.lock(sweep.run_lock(e)):
        assert main(["train", *words, "--results", str(tmp_path)]) == sweep.BUSY
    assert f"held by process {os.getpid()}" in capsys.readouterr().err
    assert main(["train", *words, "--results", str(tmp_path)]) == 0
