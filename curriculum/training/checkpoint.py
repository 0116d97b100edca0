"""Files of tensors: the state of a run that may be killed, and weights to keep.

- A checkpoint holds weights, the optimizer's state, deliveries and step: a run that goes
  on from it ends with the same bits on the same machine.
- The optimizer's state is kept flat, one row of P numbers for each moment of AdamW, so
  `loop.train` and every backend can go on from each other's files.
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
from .state import TrainState


def save_checkpoint(state: TrainState) -> None:
    """Write all that the run needs to go on into `state.checkpoint`."""
    state.sync()
    tensors = {f"model.{n}": p.detach() for n, p in state.model.named_parameters()}
    tensors |= {f"optimizer.{key}": x for key, x in state.optimizer_state.items()}
    tensors["delivered"] = torch.from_numpy(np.stack(state.delivered).astype(np.int32))
    tensors = {name: t.cpu().contiguous() for name, t in tensors.items()}
    meta = {name: getattr(state, name) for name in ("step", "tokens", "seconds")}
    meta["identity"] = _identity(state)
    write_bytes(
        state.checkpoint, safetensors.torch.save(tensors, {"run": json.dumps(meta)})
    )


def resume(state: TrainState) -> None:
    """Go to where the checkpoint was written, if there is one.

    Raises: ValueError: the file is damaged, or belongs to another run.
    """
    path = state.checkpoint
    if path is None or not path.exists():
        return
    try:
        tensors = safetensors.torch.load_file(path)
        meta = read_note(path, "run")
    except UNREADABLE as error:
        raise ValueError(
            f"{path} is damaged ({error}); delete it to start again"
        ) from None
    if meta.pop("identity") != _identity(state):
        raise ValueError(
            f"{path} belongs to another plan, model or learning rate; choose another folder,"
            " or delete it to start again"
        )
    for name, value in meta.items():
        setattr(state, name, value)
    state.delivered = list(tensors.pop("delivered").numpy().astype(np.int64))
    device = next(state.model.parameters()).device
    with torch.no_grad():
        for name, parameter in state.model.named_parameters():
            parameter.copy_(tensors.pop(f"model.{name}"))
    for name, value in tensors.items():  # what is left is the optimizer's
        state.optimizer_state[name.removeprefix("optimizer.")] = value.to(device)


def _identity(state) -> str:
    """Digest of what a checkpoint must agree with to be continued."""
    shapes = {name: list(p.shape) for name, p in state.model.named_parameters()}
    c = state.config
    settings = [c.lr, c.lr_schedule, list(c.cycles), c.weight_decay]
    return digest([state.plan.digest, shapes, settings])


def flatten_state(optimizer: torch.optim.AdamW) -> dict:
    """{"step": (), "exp_avg": (P,), "exp_avg_sq": (P,)}: what an AdamW remembers."""
    states = [optimizer.state[p] for p in optimizer.param_groups[0]["params"]]
    if not states[0]:
        return {}  # no step was made
    moments = ("exp_avg", "exp_avg_sq")
    flat = {name: torch.cat([s[name].flatten() for s in states]) for name in moments}
    return {"step": states[0]["step"].clone(), **flat}


def unflatten_state(flat: dict, optimizer: torch.optim.AdamW) -> None:
    """Make an AdamW remember what `flatten_state` returned."""
    parameters = optimizer.param_groups[0]["params"]
    sizes = [p.numel() for p in parameters]
    for name, value in flat.items():
        parts = value.split(sizes) if value.dim() else [value] * len(sizes)
        for p, part in zip(parameters, parts, strict=True):
            shape = p.shape if value.dim() else ()
            optimizer.state[p][name] = part.view(shape).clone()


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
