"""Sweeps on a real Ray cluster of this machine: the same records, whatever dies."""

import dataclasses
import os
import signal
import sys
import threading
import time

import pytest
import torch
from test_sweep import arms, same

from curriculum import files
from curriculum.__main__ import main
from curriculum.experiments import cluster, locks, records, sweep
from curriculum.experiments import spec as X

LONG = dataclasses.replace(X.SCALES["smoke"], steps=300, log_every=50)


def test_without_ray_the_cure_is_named(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "ray", None)  # as if it were not installed
    assert main(["experiment", "scale=smoke", "--engine", "ray"]) == 2
    assert "pip install -e .[scale]" in capsys.readouterr().err


@pytest.fixture(scope="module")
def ray(cache):
    """A cluster of two worker processes for this file; sweeps find and leave it."""
    pytest.importorskip("ray", reason="pip install -e .[scale]")
    engine = cluster.Ray(jobs=2)
    yield engine.ray
    engine.close()


def test_a_killed_worker_is_replaced_and_its_run_resumes(
    tmp_path, smoke, ray, monkeypatch
):
    """Three runs on two workers; one is killed at step 250, past its checkpoint at 200."""
    monkeypatch.setenv("CURRICULUM_CACHE", str(tmp_path / "cache"))
    experiments = arms("hybrid", "baseline") + arms("hybrid", seed=1)
    victim, trace, results = experiments[0], tmp_path / "trace", tmp_path / "results"
    waiting, scale = tmp_path / "waiting", LONG

    def task(spec, *words):
        """The real task; writes down its steps, and the victim waits once for its end."""
        from unittest import mock

        from curriculum.experiments import cluster, sweep
        from curriculum.experiments import spec as specs

        def show(line):
            with open(trace, "a", encoding="utf-8") as file:
                print(
                    os.getpid(), spec["schedule"], spec["seed"], line["step"], file=file
                )
            if spec == dataclasses.asdict(victim) and line["step"] == 250:
                if not waiting.exists():
                    waiting.touch()
                    time.sleep(120)

        work = sweep.work
        longer = mock.patch.dict(specs.SCALES, smoke=scale)  # workers live on
        shown = mock.patch.object(
            cluster, "work", lambda e, r, notebook: work(e, r, notebook, show)
        )
        with longer, shown:
            return cluster._task(spec, *words)

    def kill():
        while not waiting.exists():
            time.sleep(0.01)
        killed.append(locks.holder(sweep.run_lock(victim))["pid"])
        os.kill(killed[0], signal.SIGKILL)

    killed, said = [], []
    monkeypatch.setitem(X.SCALES, "smoke", LONG)
    monkeypatch.setattr(cluster, "_task", task)
    thread = threading.Thread(target=kill, daemon=True)
    thread.start()
    paths = sweep.sweep(
        experiments, results, cluster.Ray(jobs=2), notebook=False, show=said.append
    )
    thread.join(timeout=300)

    assert any(
        "hybrid_scale-smoke_s0: its process died; retry 1 of 3" in s for s in said
    ), said
    assert said[-1].startswith("3 of 3 done, 0 running, 0 queued")
    steps = {}  # of the victim, by process
    workers = set()
    for line in trace.read_text(encoding="utf-8").splitlines():
        pid, schedule, seed, step = line.split()
        workers.add(pid)
        if (schedule, seed) == ("hybrid", "0"):
            steps.setdefault(int(pid), []).append(int(step))
    assert len(workers) >= 3 and str(os.getpid()) not in workers
    (first, before), (second, after) = steps.items()
    assert first == killed[0] != second
    assert before == [50, 100, 150, 200, 250]
    assert after == [250, 300]  # from the checkpoint, not from step 0
    for e, path in zip(experiments, paths, strict=True):
        kept = files.read_json(path)
        assert kept["audit"]["wrong_steps"] == 0 and kept["audit"]["steps"] == 300
        assert same(kept, sweep.run(e, tmp_path / "here")), e.name

    # Done is done, whichever engine is asked.
    stamps, said = [p.stat().st_mtime_ns for p in paths], []
    for engine in (cluster.Ray(jobs=2), sweep.Local()):
        sweep.sweep(experiments, results, engine, notebook=False, show=said.append)
    assert [p.stat().st_mtime_ns for p in paths] == stamps
    assert len(said) == 6 and all(s.endswith("done before, skipped") for s in said)


def test_a_failure_stops_nobody_else(tmp_path, smoke, ray):
    bad, good = *arms("anti", device="mps"), *arms("anti", seed=2)
    if torch.backends.mps.is_available():
        pytest.skip("this machine has the device that should be missing")
    with pytest.raises(RuntimeError, match="anti.*ValueError: device is 'mps'"):
        sweep.sweep(
            [bad, good],
            tmp_path,
            cluster.Ray(),
            notebook=False,
            show=lambda _: None,
        )
    assert records.finished(good, tmp_path) and not records.finished(bad, tmp_path)


def test_notebooks_run_on_the_cluster_too(tmp_path, smoke, ray):
    (e,) = arms("hard-only", seed=4)
    (path,) = sweep.sweep([e], tmp_path, cluster.Ray(), show=lambda _: None)
    assert files.read_json(path)["spec"] == dataclasses.asdict(e)
    assert (X.cache_folder() / "notebooks" / "tests" / f"{e.name}.ipynb").exists()


def test_shares_of_cards_and_processors(ray, monkeypatch):
    holds = {"CPU": 16.0, "GPU": 2.0}
    monkeypatch.setattr(ray, "cluster_resources", lambda: holds)
    for cpus, gpus, jobs, slots in (
        (1, 0.25, None, 8),
        (4, 0.25, None, 4),
        (1, 0.4, None, 4),  # two on each card
        (1, 2, None, 1),
        (0.5, 0, None, 32),
        (1, 0.25, 3, 3),
        (1, None, None, 2),  # one card each
    ):
        assert cluster.Ray(jobs, "", cpus, gpus).slots == slots, (cpus, gpus)
    holds["GPU"] = 0.0
    assert cluster.Ray().gpus == 0
    with pytest.raises(ValueError, match="1 processors and 0.5 GPUs.*has 16 and 0"):
        cluster.Ray(gpus=0.5)
    for words, message in (
        ({"gpus": 1.5}, "gpus is 1.5"),
        ({"gpus": -1}, "gpus is -1"),
        ({"cpus": 0}, "cpus is 0"),
        ({"jobs": 0}, "jobs is 0"),
    ):
        with pytest.raises(ValueError, match=message):
            cluster.Ray(**words)
