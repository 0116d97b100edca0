"""Checkpoints know what run they belong to, and when they were changed."""

import dataclasses

import pytest
import torch

from curriculum import tensors
from curriculum import training as T
from curriculum.model import GPT

CONFIG = T.TrainConfig(lr=3e-3, checkpoint_every=3)


@pytest.fixture
def cut(arm, smoke, tmp_path):
    """A run stopped at step 3, its arm, and a function that goes on with changed parts."""
    _, _, plan, model = arm()
    rows = T.Programs(smoke[1].corpus)
    log = T.Log(tmp_path / "log.jsonl", 1)
    T.train(model, plan, rows, CONFIG, tmp_path, [log], stop_at=3)

    def go_on(folder=tmp_path, **changed):
        parts = {"model": arm()[3], "plan": plan, "batches": rows, "config": CONFIG}
        return T.train(**(parts | changed), folder=folder, stop_at=6)

    return go_on, tmp_path


class OtherGPT(GPT):
    def forward(self, tokens):
        return 2 * super().forward(tokens)


@pytest.mark.fault(
    "Identity",
    "a run is continued with another loss, learning rate, corpus, model class, seed …",
    "a checkpoint goes on with its own run only",
    "refused, and the message names what differs, here and there",
)
@pytest.mark.parametrize(
    "named, change",
    [
        (r"loss_on \(all there, answer here\)", {"loss_on": "answer"}),
        (r"micro_batches \(8 there, 2 here\)", {"micro_batches": 2}),
        (r"rows \(programs there, windows of 256 here\)", {"rows": "windows"}),
        (r"lr \(0.003 there, 0.5 here\)", {"lr": 0.5}),
        (r"cycles \(\[\] there, \[1.0, 2.0\] here\)", {"cycles": (1.0, 2.0)}),
        (
            r"lr_schedule \(multistep there, constant here\)",
            {"lr_schedule": "constant"},
        ),
        (r"weight_decay \(0.01 there, 0.5 here\)", {"weight_decay": 0.5}),
        (r"precision \(fp32 there, bf16 here\)", {"precision": "bf16"}),
        (r"model seed \(0 there, 1 here\)", {"seed": 1}),
        (r"model \(GPT .* there, OtherGPT .* here\)", {"kind": OtherGPT}),
        (r"plan \(", {"schedule": "anti"}),
        (r"corpus \(", {"corpus": True}),
    ],
)
def test_a_checkpoint_goes_on_with_its_own_run_only(named, change, cut, arm, smoke):
    go_on, folder = cut
    data = smoke[1]
    (key, value), settings = next(iter(change.items())), dataclasses.fields(CONFIG)
    if key in {f.name for f in settings}:
        part = {"config": dataclasses.replace(CONFIG, **change)}
    elif key == "seed":
        part = {"model": arm(seed=1)[3]}
    elif key == "kind":
        part = {"model": value(arm()[3].config)}
    elif key == "schedule":
        part = {"plan": arm(value)[2]}
    elif key == "corpus":
        codes = list(data.corpus.codes)
        codes[0] += " "
        part = {"batches": T.Programs(dataclasses.replace(data.corpus, codes=codes))}
    elif key == "rows":
        part = {"batches": T.Windows(data.corpus, data.train)}
    else:
        part = {"batches": T.Programs(data.corpus, **change)}
    before = (folder / "checkpoint.safetensors").read_bytes()
    with pytest.raises(ValueError, match=f"another run, which differs in .*{named}"):
        go_on(**part)
    assert (folder / "checkpoint.safetensors").read_bytes() == before
    assert go_on().step == 6
    every = dataclasses.replace(CONFIG, checkpoint_every=1)  # decides no result
    assert go_on(config=every).step == 6


@pytest.mark.parametrize(
    "drop, message",
    [
        ("step", "no checkpoint of this book"),
        ("identity", "no checkpoint of this book"),
        ("delivered", "is incomplete"),
        ("model.head.bias", "is incomplete.*head.bias"),
    ],
)
def test_a_checkpoint_that_lacks_a_part_is_named(drop, message, cut):
    go_on, folder = cut
    path = folder / "checkpoint.safetensors"
    found, note = tensors.read_tensors(path, "checkpoint", "")
    found.pop(drop, None), note.pop(drop, None)
    tensors.write_tensors(path, found, note)
    with pytest.raises(ValueError, match=message) as error:
        go_on()
    assert "\n" not in str(error.value) and str(path) in str(error.value)


@pytest.mark.parametrize(
    "change",
    [
        {"model.head.bias": torch.zeros(2)},
        {"delivered": torch.zeros(5, 16, dtype=torch.int32)},
    ],
)
def test_a_checkpoint_of_other_shapes_is_named(change, cut):
    go_on, folder = cut
    path = folder / "checkpoint.safetensors"
    found, note = tensors.read_tensors(path, "checkpoint", "")
    tensors.write_tensors(path, found | change, note)
    with pytest.raises(ValueError, match="is incomplete"):
        go_on()


@pytest.mark.fault(
    "Files",
    "the log beside a checkpoint is deleted, cut, or overwritten",
    "a curve is that of its run",
    "the log is kept in the checkpoint, and its file is written anew",
)
@pytest.mark.parametrize("harm", ["deleted", "cut", "foreign"])
def test_the_log_comes_back_from_the_checkpoint(harm, cut, arm, smoke):
    go_on, folder = cut
    path = folder / "log.jsonl"
    first = T.read_log(path)
    assert [x["step"] for x in first] == [1, 2, 3]
    if harm == "deleted":
        path.unlink()
        with pytest.raises(ValueError, match="log.jsonl does not exist"):
            T.read_log(path)
    elif harm == "cut":
        path.write_bytes(path.read_bytes()[:-20])
        assert T.read_log(path) == first[:2]
    else:
        path.write_bytes(b'{"step": 1}\nnull\n{"step": 3}\n')
        assert len(T.read_log(path)) == 1
    state = go_on(callbacks=[T.Log(path, 1)])
    assert T.read_log(path)[:3] == first
    assert T.read_log(path) == state.history["log.jsonl"]
    assert [x["step"] for x in state.history["log.jsonl"]] == [1, 2, 3, 4, 5, 6]


def test_a_finished_run_needs_its_checkpoint_only(resolved):
    arm = resolved("anti", seed=9)
    arm.train()
    curve = arm.curve
    assert [x["step"] for x in curve] == [8, 16, 24]
    (arm.folder / "log.jsonl").unlink()
    again = resolved("anti", seed=9)
    assert again.curve == []
    again.train()
    assert again.curve == curve and again.audit().ok
