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

from curriculum.ordering import audit as A
from curriculum.training import loop as T
from curriculum.training.batches import IGNORE, Programs, Windows


@pytest.fixture(scope="module")
def rows(smoke):
    return Programs(smoke[1].corpus)


def weights(model):
    return torch.cat([p.detach().flatten() for p in model.parameters()])


# --- rows ---


def test_rows_are_the_programs_whole(smoke, rows):
    corpus = smoke[1].corpus
    ids = smoke[1].train[:23]
    texts = []
    for inputs, targets in rows.batch(ids):
        for x, y in zip(inputs, targets, strict=True):
            n = int((y != IGNORE).sum())
            assert (y[:n] != IGNORE).all() and (x[n:] == 0).all()
            assert torch.equal(x[1:n], y[: n - 1])
            texts.append(
                corpus.tokenizer.decode(x[:n].numpy())
                + corpus.tokenizer.decode(y[n - 1 : n].numpy())
            )
    assert sorted(texts) == sorted(corpus.texts[i] for i in ids)


def test_answer_only_learns_the_answer(smoke):
    corpus = smoke[1].corpus
    rows = Programs(corpus, "answer")
    for i in smoke[1].train[:20]:
        ((_, targets),) = rows.batch([i])
        learnt = corpus.tokenizer.decode(targets[0][targets[0] != IGNORE].numpy())
        assert corpus[int(i)].prompt + learnt == corpus.texts[i]


def test_chunks_change_nothing_but_time(arm):
    _, data, order, net = arm()
    gradients = []
    for chunks in (1, 3):
        net.zero_grad()
        parts = Programs(data.corpus, chunks=chunks).batch(order.at(0))
        count = sum(int((y != IGNORE).sum()) for _, y in parts)
        for x, y in parts:
            (
                F.cross_entropy(
                    net(x).flatten(0, 1),
                    y.flatten(),
                    ignore_index=IGNORE,
                    reduction="sum",
                )
                / count
            ).backward()
        gradients.append(torch.cat([p.grad.flatten() for p in net.parameters()]))
    assert torch.allclose(*gradients, atol=1e-6)


def test_rows_are_recognised_and_strangers_are_not(smoke, rows):
    ids = smoke[1].train[:32]
    batch = rows.batch(ids)
    assert sorted(rows.identify(batch)) == sorted(ids)
    batch[0][0][0, 3] += 1
    assert (rows.identify(batch) == -1).sum() == 1


def test_windows_begin_in_the_planned_program_and_follow_the_stream(smoke):
    data = smoke[1]
    rows = Windows(data.corpus, data.train, window=64, seed=0)
    ids = data.train[[0, 5, 77, 300]]
    inputs, targets = map(torch.cat, zip(*rows.batch(ids, step=3), strict=True))
    assert inputs.shape == targets.shape == (4, 64) and torch.equal(
        inputs[:, 1:], targets[:, :-1]
    )
    assert (rows.identify(None) == ids).all()
    stream = "".join(data.corpus.texts[i] for i in data.train)
    for row in inputs:
        assert data.corpus.tokenizer.decode(row.numpy()) in stream
    other = torch.cat([x for x, _ in rows.batch(ids, step=4)])
    assert not torch.equal(inputs, other)
    with pytest.raises(ValueError, match="too few for windows"):
        Windows(data.corpus, data.train[:1], window=500)


# --- learning rates ---


def test_policies_follow_their_cycles(arm):
    _, _, order, _ = arm("hybrid")  # 24 steps, stages start at 0, 4, 10

    def rates(**fields):
        spec = T.TrainConfig(lr=1.0, **fields)
        return [T.learning_rate(spec, order, step) for step in range(24)]

    one = rates(lr_schedule="multistep")
    assert one[:16] == [1.0] * 16 and one[16:19] == pytest.approx([0.1] * 3)
    assert one[-1] == pytest.approx(0.001)
    restart = rates(lr_schedule="multistep-restart")
    assert order.starts == [0, 4, 10, 24]
    assert (
        restart[0] == restart[4] == restart[10] == 1.0
        and restart[3] < 0.02
        and restart[9] < 0.02
    )
    assert set(rates(lr_schedule="constant")) == {1.0}


def test_a_baseline_can_have_the_hybrids_restarts(arm):
    _, _, baseline, _ = arm("baseline")
    _, _, hybrid, _ = arm("hybrid")
    spec = T.TrainConfig(lr_schedule="multistep-restart", cycles=(20, 30, 70))
    assert T.restarts(spec, baseline) == hybrid.starts
    assert T.restarts(T.TrainConfig(lr_schedule="multistep-restart"), baseline) == [
        0,
        24,
    ]


# --- the loop ---


def test_training_learns_and_delivers_the_plan(arm, rows):
    _, _, order, net = arm()
    losses = []
    run = T.train(
        net,
        order,
        rows,
        T.TrainConfig(lr=3e-3),
        callbacks=[lambda r: losses.append(r.loss)],
    )
    assert np.mean(losses[-4:]) < np.mean(losses[:4]) - 0.5
    assert A.audit(np.stack(run.delivered), order).ok
    assert run.tokens == sum(int(rows.lengths[i] - 1) for i in order.table.ravel())


def test_the_audit_is_of_what_was_fed_not_of_what_was_planned(arm, rows):
    """A loader that ignores the plan is caught, though the plan itself is right."""

    class Shuffling(Programs):
        def batch(self, ids, step=0):
            return super().batch(
                np.random.default_rng(int(ids[0])).choice(len(self.lengths), len(ids))
            )

    e, data, order, net = arm()
    run = T.train(net, order, Shuffling(data.corpus), stop_at=10)
    found = A.audit(np.stack(run.delivered), order)
    assert found.wrong_steps == 10 and found.omissions > 0
    shown = np.concatenate(run.delivered)  # … and so are the characters
    assert run.tokens == (rows.lengths[shown] - 1).sum()
    assert run.tokens != (rows.lengths[order.table[:10]] - 1).sum()


def test_resume_in_pieces_gives_the_same_bits(arm, rows, tmp_path):
    for policy in ("multistep", "multistep-restart"):
        spec = T.TrainConfig(lr=3e-3, lr_schedule=policy, checkpoint_every=5)
        _, _, order, whole = arm()
        T.train(whole, order, rows, spec)
        for stop in (7, 16, None):  # 7 and 16 lie between checkpoints
            _, _, order, net = arm()
            run = T.train(net, order, rows, spec, tmp_path / policy, stop_at=stop)
        assert torch.equal(weights(net), weights(whole))
        assert A.audit(np.stack(run.delivered), order).ok


KILLED = """
import sys, torch
torch.set_num_threads(1)
from curriculum.experiments import experiment as X
from curriculum.training import loop as T
from curriculum.training.batches import Programs
e = X.Experiment(schedule="incremental", scale="smoke", study="tests")
data = X.prepare(e)
order, net = X.make_plan(e, data), X.make_model(e, data)
def slow(run):
    print(run.step, flush=True)
    import time; time.sleep(float(sys.argv[2]))
log = T.Log(sys.argv[1] + "/log.jsonl", 1)
spec = T.TrainConfig(lr=3e-3, checkpoint_every=4)
run = T.train(net, order, Programs(data.corpus), spec, sys.argv[1], [log, slow])
T.save_weights(sys.argv[1] + "/final.safetensors", net, {}, torch.float32)
"""


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
    _, _, order, whole = arm()
    T.train(whole, order, rows, T.TrainConfig(lr=3e-3))
    _, _, _, net = arm()
    T.load_weights(tmp_path / "final.safetensors", net)
    assert torch.equal(weights(net), weights(whole))
    assert [x["step"] for x in T.read_log(tmp_path / "log.jsonl")] == list(range(1, 25))


def test_nan_loss_stops_and_keeps_the_last_good_checkpoint(arm, rows, tmp_path):
    _, _, order, net = arm()
    spec = T.TrainConfig(checkpoint_every=3)

    def poison(run):
        if run.step == 7:
            run.model.head.bias.data[0] = math.nan

    with pytest.raises(
        FloatingPointError, match="loss is nan at step 7.*last good state"
    ):
        T.train(net, order, rows, spec, tmp_path, [poison])
    _, _, _, fresh = arm()
    run = T.train(fresh, order, rows, spec, tmp_path, stop_at=6)
    assert run.step == 6 and torch.isfinite(weights(fresh)).all()


def test_checkpoints_refuse_strangers_and_damage(arm, rows, tmp_path):
    spec = T.TrainConfig(checkpoint_every=3)
    _, _, order, net = arm()
    T.train(net, order, rows, spec, tmp_path, stop_at=3)
    _, _, other, net = arm("anti")
    with pytest.raises(ValueError, match="belongs to another plan"):
        T.train(net, other, rows, spec, tmp_path)
    with pytest.raises(ValueError, match="belongs to another plan"):
        T.train(net, order, rows, dataclasses.replace(spec, lr=0.5), tmp_path)
    path = tmp_path / "checkpoint.safetensors"
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(ValueError, match="is damaged.*delete it"):
        T.train(net, order, rows, spec, tmp_path)


def test_a_failed_write_leaves_the_old_file(arm, rows, tmp_path, monkeypatch):
    """As on a full disk: the write fails, the earlier checkpoint is still there."""
    _, _, order, net = arm()
    T.train(net, order, rows, T.TrainConfig(checkpoint_every=3), tmp_path, stop_at=3)
    before = (tmp_path / "checkpoint.safetensors").read_bytes()

    def full(_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left.*untouched"):
        T.train(
            net, order, rows, T.TrainConfig(checkpoint_every=3), tmp_path, stop_at=6
        )
    assert (tmp_path / "checkpoint.safetensors").read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["checkpoint.safetensors"]


def test_half_precision_weights_come_back(arm, tmp_path):
    _, _, _, net = arm()
    T.save_weights(tmp_path / "w.safetensors", net, {"spec": {"seed": 0}})
    _, _, _, other = arm(seed=5)
    assert T.load_weights(tmp_path / "w.safetensors", other) == {"spec": {"seed": 0}}
    assert torch.allclose(weights(net), weights(other), atol=2e-3)
    (tmp_path / "w.safetensors").write_bytes(b"no")
    with pytest.raises(ValueError, match="not a weights file"):
        T.load_weights(tmp_path / "w.safetensors", other)


def test_bad_specs_name_the_field():
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
