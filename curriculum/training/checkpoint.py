"""Files of tensors: the state of a run that may be killed, and weights to keep.

- A checkpoint holds weights, the optimizer's optimizer_state, deliveries and step: a run that
  goes on from it ends with the same bits on the same machine.
- It knows what it belongs to; another plan, model or learning rate is an error.
- Files are written whole. Weights to keep are in half precision, with a note inside.

Chapter 6 kills a run and resumes it; chapter 12 keeps weights.
"""

from __future__ import annotations

import json

import numpy as np
import safetensors.torch
import torch

from ..files import UNREADABLE, digest, read_about, read_note, write_bytes

CHECKPOINT = "checkpoint.safetensors"


def _identity(run) -> str:
    """Digest of what a checkpoint must agree with to be continued."""
    shapes = {name: list(p.shape) for name, p in run.model.named_parameters()}
    spec = [
        run.spec.lr,
        run.spec.lr_schedule,
        list(run.spec.cycles),
        run.spec.weight_decay,
    ]
    return digest([run.plan.digest, shapes, spec])


def save_checkpoint(path, run) -> None:
    """All that the `loop.TrainState` needs to go on, in one file, written whole."""
    tensors = {f"model.{n}": p.detach() for n, p in run.model.named_parameters()}
    tensors |= {
        f"optimizer_state.{key}": value for key, value in run.optimizer_state.items()
    }
    tensors["delivered"] = torch.from_numpy(np.stack(run.delivered).astype(np.int32))
    tensors = {name: t.cpu().contiguous() for name, t in tensors.items()}
    meta = {
        "step": run.step,
        "tokens": run.tokens,
        "seconds": run.seconds,
        "identity": _identity(run),
    }
    write_bytes(path, safetensors.torch.save(tensors, {"run": json.dumps(meta)}))


def load_checkpoint(path, run) -> None:
    """Put the state of `path` into the `loop.TrainState`; an alien or damaged file is an error."""
    try:
        tensors = safetensors.torch.load_file(path)
        meta = read_note(path, "run")
    except UNREADABLE as error:
        raise ValueError(
            f"{path} is damaged ({error}); delete it to start again"
        ) from None
    if meta["identity"] != _identity(run):
        raise ValueError(
            f"{path} belongs to another plan, model or learning rate; choose another folder,"
            " or delete it to start again"
        )
    run.restore(tensors.pop("delivered").numpy().astype(np.int64), meta)
    device = next(run.model.parameters()).device
    with torch.no_grad():
        for name, parameter in run.model.named_parameters():
            parameter.copy_(tensors.pop(f"model.{name}"))
    for name, value in tensors.items():  # what is left are optimizer_state
        run.optimizer_state[name.removeprefix("optimizer_state.")] = value.to(device)


def save_weights(path, model, about: dict, dtype=torch.float16) -> None:
    """The weights alone, in half precision, with `about` (JSON values) inside."""
    tensors = {
        n: p.detach().cpu().to(dtype).contiguous() for n, p in model.named_parameters()
    }
    write_bytes(path, safetensors.torch.save(tensors, {"about": json.dumps(about)}))


def load_weights(path, model) -> dict:
    """Fill `model` from `save_weights`' file; returns what it says about itself."""
    about = read_about(path)
    tensors = safetensors.torch.load_file(path)
    try:
        with torch.no_grad():
            for name, parameter in model.named_parameters():
                parameter.copy_(tensors[name])
    except (KeyError, RuntimeError) as error:
        raise ValueError(
            f"{path} does not hold weights of this model: {error}"
        ) from None
    model.eval()
    return about
