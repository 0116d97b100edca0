"""Files of tensors: the state of a run that may be killed, and weights to keep.

- A checkpoint holds weights, the optimizer's state, deliveries, logged lines and step: a
  run that goes on from it ends with the same bits on the same machine.
- The optimizer's state is kept flat, one row of P numbers for each moment of AdamW, so
  `loop.train` and every backend can go on from each other's files.
- It keeps the `identity` of its run: plan, rows, model, settings, code. Another run in the
  same folder is an error that says what differs.
- Weights to keep are in half precision, with a note inside.

Chapter 7 kills a run and resumes it; chapter 13 keeps weights.
"""

from __future__ import annotations

import inspect

import numpy as np
import torch

from ..files import digest
from ..sources import code_digest
from ..tensors import read_tensors, write_tensors
from .state import TrainState


def save_checkpoint(state: TrainState) -> None:
    """Write all that the run needs to go on into `state.checkpoint`."""
    state.sync()
    tensors = {f"model.{n}": p.detach() for n, p in state.model.named_parameters()}
    tensors |= {f"optimizer.{key}": x for key, x in state.optimizer_state.items()}
    tensors["delivered"] = torch.from_numpy(np.stack(state.delivered).astype(np.int32))
    note = {name: getattr(state, name) for name in KEPT}
    write_tensors(state.checkpoint, tensors, note | {"identity": identity(state)})


KEPT = ("step", "tokens", "seconds", "history")  # of the state, beside its tensors


def resume(state: TrainState) -> None:
    """Go to where the checkpoint was written, if there is one.

    Raises: ValueError: the file is damaged, or belongs to another run.
    """
    path = state.checkpoint
    if path is None or not path.exists():
        return
    cure = "delete it to start again"
    tensors, note = read_tensors(path, "checkpoint", cure)
    kept, mine = note.get("identity"), identity(state)
    if not isinstance(kept, dict) or not set(KEPT) <= set(note):
        raise ValueError(f"{path} is no checkpoint of this book; {cure}")
    differ = [
        f"{key} ({kept.get(key)} there, {mine.get(key)} here)"
        for key in sorted(kept.keys() | mine.keys())
        if kept.get(key) != mine.get(key)
    ]
    if differ:
        raise ValueError(
            f"{path} belongs to another run, which differs in {', '.join(differ)}; choose"
            f" another folder, or {cure}"
        )
    try:
        weights = {
            n: tensors.pop(f"model.{n}") for n, _ in state.model.named_parameters()
        }
        delivered = list(tensors.pop("delivered").numpy().astype(np.int64))
        moments = {n.removeprefix("optimizer."): x for n, x in tensors.items()}
        if len(delivered) != note["step"]:
            raise ValueError(f"{len(delivered)} steps of {note['step']}")
        _fill(state.model, weights)
    except (LookupError, TypeError, ValueError, RuntimeError) as error:
        raise ValueError(f"{path} is incomplete ({error}); {cure}") from None
    for name in KEPT:
        setattr(state, name, note[name])
    state.delivered = delivered
    device = next(state.model.parameters()).device
    for name, value in moments.items():
        state.optimizer_state[name] = value.to(device)


def identity(state: TrainState) -> dict:
    """What decides the result of a run, by name, as plain values."""
    c, model = state.config, state.model
    shapes = {name: list(p.shape) for name, p in model.named_parameters()}
    return {
        "plan": state.plan.digest[:16],
        "model": f"{type(model).__name__} {digest([shapes, _source(type(model))])[:16]}",
        "model seed": getattr(model, "seed", None),
        "device": next(model.parameters()).device.type,
        **{name: getattr(c, name) for name in ("lr", "lr_schedule", "weight_decay")},
        "cycles": list(c.cycles),
        "precision": c.precision,
        **getattr(state.batches, "identity", {"rows": type(state.batches).__name__}),
        "code": code_digest("training"),
    }


def _source(kind: type) -> str:
    """The source of a class, where it can be had (a notebook's can)."""
    try:
        return inspect.getsource(kind)
    except (OSError, TypeError):
        return ""


def _fill(model, weights: dict) -> None:
    """Copy weights into a model whose shapes they must have."""
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if weights[name].shape != parameter.shape:
                raise ValueError(
                    f"{name} has the shape {tuple(weights[name].shape)}, not"
                    f" {tuple(parameter.shape)}"
                )
            parameter.copy_(weights[name])


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
    weights = {n: p.detach().to(dtype) for n, p in model.named_parameters()}
    write_tensors(path, weights, about)


def read_weights(path) -> tuple[dict[str, torch.Tensor], dict]:
    """The tensors of `save_weights`' file, and what it says about itself."""
    return read_tensors(path, "weights file", "train again, or fetch it again")


def load_weights(path, model) -> dict:
    """Fill `model` from `save_weights`' file; returns what it says about itself."""
    weights, about = read_weights(path)
    try:
        _fill(model, weights)
    except (LookupError, ValueError) as error:
        raise ValueError(
            f"{path} does not hold weights of this model: {error}"
        ) from None
    model.eval()
    return about
