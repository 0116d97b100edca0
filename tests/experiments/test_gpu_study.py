"""The unattended run: it measures, plans by what it measured, and goes on where it stopped."""

import concurrent.futures
import time

import pytest
import torch

from curriculum import files, training
from curriculum.experiments import experiment, gpu_study, locks, sweep
from curriculum.training import stacked as S
from curriculum.training import together


def test_the_table_has_a_row_for_every_way(capsys):
    found = gpu_study.throughput("nano", torch.device("cpu"), (1, 3), 0.0)
    assert [row["members"] for row in found["rows"]] == [1, 3]
    assert all(row["rate"] > 0 and row["share"] > 0 for row in found["rows"])
    assert "3 models, fp32, eager" in capsys.readouterr().out


def test_groups_are_as_large_as_pays_and_end_in_time():
    rates = {1: 100.0, 4: 300.0, 16: 900.0, 64: 800.0}
    runs = list(range(24))
    groups, needed = gpu_study.fit(runs, rates, 1000.0, 1e9)
    assert [len(g) for g in groups] == [16, 4, 4] and sum(groups, []) == runs
    assert needed == pytest.approx(16 * 1000 / 900 + 2 * 4 * 1000 / 300)
    groups, needed = gpu_study.fit(runs, rates, 1000.0, 30.0)
    assert [len(g) for g in groups] == [16, 1] and needed < 30
    groups, needed = gpu_study.fit(runs, rates, 1000.0, 14.0)
    assert [len(g) for g in groups] == [4] and needed < 14
    assert gpu_study.fit(runs, rates, 1000.0, 5.0) == ([], 0.0)
    assert [len(g) for g in gpu_study.fit(runs[:3], rates, 1.0, 1e9)[0]] == [1, 1, 1]


@pytest.fixture
def stacked(monkeypatch):
    """As on a GPU: whatever trains together is stacked."""
    monkeypatch.setattr(together, "choose_backend", lambda d, m: (S.Stacked, "a test"))


def test_runs_trained_together_leave_the_records_of_single_runs(stacked, tmp_path):
    experiments = [
        experiment.Experiment(schedule=s, scale="smoke", seed=1, study="t")
        for s in ("baseline", "hybrid")
    ]
    paths = gpu_study.together(experiments, tmp_path)
    assert len(paths) == 2
    for e, path in zip(experiments, paths, strict=True):
        one = files.read_json(path)
        experiment.resolve(e).state.checkpoint.unlink()
        other = sweep.run(e, tmp_path / "single")
        assert one["plan"] == other["plan"] and one["spec"] == other["spec"]
        assert one["audit"] == other["audit"] and not one["audit"]["wrong_steps"]
        assert one["curve"][-1]["loss"] == pytest.approx(
            other["curve"][-1]["loss"], abs=2e-3
        )
        assert one["cost"]["tokens"] == other["cost"]["tokens"]
        kept, other = (r["results"]["exact"]["token"]["accuracy"] for r in (one, other))
        assert kept == pytest.approx(other, abs=0.01)


def test_a_whole_session_and_the_next_one(tmp_path):
    lines = []
    words = dict(scale="smoke", seeds=1, arms=("baseline", "anti"), root=tmp_path)
    kept = gpu_study.full(60.0, show=lines.append, **words)
    assert [p.name for p in kept] == [
        "baseline_scale-smoke_s0.json",
        "anti_scale-smoke_s0.json",
    ]
    assert any("2 of 2 runs" in x and "minutes left" in x for x in lines)
    again = []
    assert gpu_study.full(60.0, show=again.append, **words) == kept
    assert "2 of them done before" in again[-1]


def test_the_clock_stops_a_run_at_a_checkpoint_and_it_goes_on(resolved, tmp_path):
    run = resolved("anti", seed=3).state
    run.folder = tmp_path
    run.config = training.TrainConfig(lr=3e-3, checkpoint_every=4)
    training.train_together([run], deadline=time.monotonic())
    assert run.step == 4 and run.checkpoint.exists()
    fresh = resolved("anti", seed=3).state
    fresh.folder, fresh.config = tmp_path, run.config
    seen = []
    fresh.callbacks = (lambda r: seen.append(r.step),)
    training.train_together([fresh])
    assert seen[0] == 5 and fresh.done


def test_two_processes_with_one_run_do_it_once(resolved):
    """The second waits for the lock, then finds the finished checkpoint."""
    arm, lines = resolved("baseline", seed=1234), []
    folder = arm.folder
    with concurrent.futures.ThreadPoolExecutor() as pool:
        with locks.lock(folder / "run.lock"):
            waiting = pool.submit(arm.train, lines.append)
            time.sleep(0.3)
            assert not waiting.done() and not (folder / "log.jsonl").exists()
            training.train_together([resolved("baseline", seed=1234).state])
        assert waiting.result().done and lines == []
    steps = [x["step"] for x in training.read_log(folder / "log.jsonl")]
    assert steps == sorted(set(steps)) and steps[-1] == arm.plan.steps


def test_no_time_is_an_error():
    with pytest.raises(ValueError, match="minutes is 0"):
        gpu_study.full(0)
