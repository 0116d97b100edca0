"""Training: the right rows, the right rates, and no step lost to a kill."""

import dataclasses
import math
import os
import signal
import subprocess
import sys

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from curriculum import training as T
from curriculum.ordering import audit as A
from curriculum.training import IGNORE, Programs


@pytest.fixture(scope="module")
def rows(smoke):
    return Programs(smoke[1].corpus)


def weights(model):
    return torch.cat([p.detach().flatten() for p in model.parameters()])


# --- learning rates ---


def test_policies_follow_their_cycles(arm):
    _, _, plan, _ = arm("hybrid")  # 24 steps, stages start at 0, 4, 10

    def rates(**fields):
        config = T.TrainConfig(lr=1.0, **fields)
        return [T.learning_rate(config, plan, step) for step in range(24)]

    one = rates(lr_schedule="multistep")
    assert one[:16] == [1.0] * 16 and one[16:19] == pytest.approx([0.1] * 3)
    assert one[-1] == pytest.approx(0.001)
    restart = rates(lr_schedule="multistep-restart")
    assert plan.starts == [0, 4, 10, 24]
    assert (
        restart[0] == restart[4] == restart[10] == 1.0
        and restart[3] < 0.02
        and restart[9] < 0.02
    )
    assert set(rates(lr_schedule="constant")) == {1.0}


def test_a_baseline_can_have_the_hybrids_restarts(arm):
    _, _, baseline, _ = arm("baseline")
    _, _, hybrid, _ = arm("hybrid")
    config = T.TrainConfig(lr_schedule="multistep-restart", cycles=(20, 30, 70))
    assert T.restarts(config, baseline) == hybrid.starts
    assert T.restarts(T.TrainConfig(lr_schedule="multistep-restart"), baseline) == [
        0,
        24,
    ]


# --- the loop ---


def test_training_learns_and_delivers_the_plan(arm, rows):
    _, _, plan, model = arm()
    losses = []
    run = T.train(
        model,
        plan,
        rows,
        T.TrainConfig(lr=3e-3),
        callbacks=[lambda r: losses.append(r.loss)],
    )
    assert np.mean(losses[-4:]) < np.mean(losses[:4]) - 0.5
    assert A.audit(np.stack(run.delivered), plan).ok
    assert run.tokens == sum(int(rows.lengths[i] - 1) for i in plan.table.ravel())


@pytest.mark.parametrize("lr_schedule", T.LR_SCHEDULES)
def test_the_loop_is_torchs_adamw_on_the_whole_batch(arm, rows, lr_schedule):
    """Micro-batches against one padded batch; a restart is a new optimizer, as released."""
    config = T.TrainConfig(lr=3e-3, lr_schedule=lr_schedule)
    _, _, plan, model = arm("hybrid")
    run = T.train(model, plan, rows, config, stop_at=12)
    _, _, _, textbook = arm("hybrid")
    for step in range(12):
        if step in T.restarts(config, plan):  # 0, and with restarts 4 and 10
            adam = torch.optim.AdamW(textbook.parameters(), foreach=False)
        adam.param_groups[0]["lr"] = T.learning_rate(config, plan, step)
        inputs, targets = rows.rows(plan.at(step))
        loss = F.cross_entropy(
            textbook(inputs).flatten(0, 1), targets.flatten(), ignore_index=IGNORE
        )
        adam.zero_grad()
        loss.backward()
        adam.step()
    # Adam divides by the root of tiny numbers, so rounding differences grow.
    assert torch.allclose(weights(model), weights(textbook), atol=2e-4)
    assert run.loss == pytest.approx(float(loss.detach()), abs=1e-4)


def test_resume_in_pieces_gives_the_same_bits(arm, rows, tmp_path):
    for lr_schedule in ("multistep", "multistep-restart"):
        config = T.TrainConfig(lr=3e-3, lr_schedule=lr_schedule, checkpoint_every=5)
        _, _, plan, whole = arm()
        T.train(whole, plan, rows, config)
        for stop in (7, 16, None):  # 7 and 16 lie between checkpoints
            _, _, plan, model = arm()
            run = T.train(
                model, plan, rows, config, tmp_path / lr_schedule, stop_at=stop
            )
        assert torch.equal(weights(model), weights(whole))
        assert A.audit(np.stack(run.delivered), plan).ok


KILLED = """
import sys, torch
torch.set_num_threads(1)
from curriculum.experiments import experiment as X
from curriculum import training as T
e = X.Experiment(schedule="incremental", scale="smoke", study="tests")
arm = X.resolve(e)
data, plan, model = arm.data, arm.plan, arm.model
def slow(run):
    print(run.step, flush=True)
    import time; time.sleep(float(sys.argv[2]))
log = T.Log(sys.argv[1] + "/log.jsonl", 1)
config = T.TrainConfig(lr=3e-3, checkpoint_every=4)
run = T.train(model, plan, T.Programs(data.corpus), config, sys.argv[1], [log, slow])
T.save_weights(sys.argv[1] + "/final.safetensors", model, {}, torch.float32)
"""


@pytest.mark.fault(
    "Files",
    "a training process is killed twice, between and at checkpoints",
    "a run that was cut short ends as if it had not been",
    "the same weights, bit for bit, and a whole log",
)
def test_a_killed_process_resumes_to_the_same_bits(smoke, arm, rows, tmp_path):
    """SIGKILL in mid-run, twice; then the end is that of an undisturbed run."""

    def start(pause):
        return subprocess.Popen(
            [sys.executable, "-c", KILLED, str(tmp_path), pause],
            stdout=subprocess.PIPE,
            text=True,
            env=os.environ,
        )

    for steps_to_see in (6, 11):
        process = start("0.05")
        for line in process.stdout:
            if int(line) >= steps_to_see:
                break
        process.send_signal(signal.SIGKILL)
        process.wait()
        assert (
            process.returncode == -signal.SIGKILL
            and not (tmp_path / "final.safetensors").exists()
        )
    process = start("0")
    steps = [int(line) for line in process.stdout]
    assert process.wait() == 0 and steps[0] in (9, 13)  # went on from a checkpoint
    _, _, plan, whole = arm()
    T.train(whole, plan, rows, T.TrainConfig(lr=3e-3))
    _, _, _, model = arm()
    T.load_weights(tmp_path / "final.safetensors", model)
    assert torch.equal(weights(model), weights(whole))
    assert [x["step"] for x in T.read_log(tmp_path / "log.jsonl")] == list(range(1, 25))


@pytest.mark.fault(
    "Files",
    "the loss becomes NaN in mid-run",
    "a broken state is never saved",
    "the run stops; the last good checkpoint stays",
)
def test_nan_loss_stops_and_keeps_the_last_good_checkpoint(arm, rows, tmp_path):
    _, _, plan, model = arm()
    config = T.TrainConfig(checkpoint_every=3)

    def poison(run):
        if run.step == 7:
            run.model.head.bias.data[0] = math.nan

    with pytest.raises(
        FloatingPointError, match="loss is nan at step 7.*last good state"
    ):
        T.train(model, plan, rows, config, tmp_path, [poison])
    _, _, _, fresh = arm()
    run = T.train(fresh, plan, rows, config, tmp_path, stop_at=6)
    assert run.step == 6 and torch.isfinite(weights(fresh)).all()


def test_checkpoints_refuse_strangers_and_damage(arm, rows, tmp_path):
    config = T.TrainConfig(checkpoint_every=3)
    _, _, plan, model = arm()
    T.train(model, plan, rows, config, tmp_path, stop_at=3)
    _, _, other, model = arm("anti")
    with pytest.raises(
        ValueError, match="belongs to another run, which differs in plan"
    ):
        T.train(model, other, rows, config, tmp_path)
    with pytest.raises(ValueError, match="differs in lr \\(0.001 there, 0.5 here\\)"):
        T.train(model, plan, rows, dataclasses.replace(config, lr=0.5), tmp_path)
    path = tmp_path / "checkpoint.safetensors"
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(ValueError, match="is damaged.*delete it"):
        T.train(model, plan, rows, config, tmp_path)


@pytest.mark.fault(
    "Files",
    "the disk is full when a checkpoint is written",
    "nothing that was computed is lost",
    "an error that says so; the earlier checkpoint is untouched",
)
def test_a_failed_write_leaves_the_old_file(arm, rows, tmp_path, monkeypatch):
    """As on a full disk: the write fails, the earlier checkpoint is still there."""
    _, _, plan, model = arm()
    T.train(model, plan, rows, T.TrainConfig(checkpoint_every=3), tmp_path, stop_at=3)
    before = (tmp_path / "checkpoint.safetensors").read_bytes()

    def full(_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left.*untouched"):
        T.train(
            model, plan, rows, T.TrainConfig(checkpoint_every=3), tmp_path, stop_at=6
        )
    assert (tmp_path / "checkpoint.safetensors").read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["checkpoint.safetensors"]


def test_half_precision_weights_come_back(arm, tmp_path):
    _, _, _, model = arm()
    T.save_weights(tmp_path / "w.safetensors", model, {"spec": {"seed": 0}})
    _, _, _, other = arm(seed=5)
    assert T.load_weights(tmp_path / "w.safetensors", other) == {"spec": {"seed": 0}}
    assert torch.allclose(weights(model), weights(other), atol=2e-3)
    (tmp_path / "w.safetensors").write_bytes(b"no")
    with pytest.raises(ValueError, match="no weights file"):
        T.load_weights(tmp_path / "w.safetensors", other)


def test_bad_configs_name_the_field():
    for fields, words in (
        ({"lr_schedule": "cosine"}, "lr_schedule is 'cosine'"),
        ({"lr": 0.0}, "lr is 0.0"),
        ({"precision": "fp8"}, "precision is 'fp8'"),
        ({"checkpoint_every": 0}, "checkpoint_every is 0"),
    ):
        with pytest.raises(ValueError, match=words):
            T.TrainConfig(**fields)
    with pytest.raises(ValueError, match="device is 'tpu'"):
        T.choose_device("tpu")
    if not torch.cuda.is_available():
        with pytest.raises(ValueError, match="finds no GPU"):
            T.choose_device("cuda")
        assert "no GPU was found" in T.choose_device("auto")[1]


def test_log_survives_a_cut_line(tmp_path):
    (tmp_path / "log.jsonl").write_text('{"step": 1}\n{"step": 2}\n{"st')
    assert [x["step"] for x in T.read_log(tmp_path / "log.jsonl")] == [1, 2]
