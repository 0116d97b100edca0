"""Training: one loop, whatever the schedule, the learning rate or the rows.

- The plan decides the data, `learning_rate` the step size, and neither knows the other.
  The release restarts optimizer and learning rate at every stage, so its curricula get
  three cycles and its baseline one; here each policy goes with every schedule.
- The loop notes which programs it fed to the model, recognised from the rows themselves.
- A run can be killed at any moment: a checkpoint holds weights, optimizer and step, and
  a resumed run ends with the same bits on the same machine.
- Callbacks see the run after each step; logging and measuring are callbacks.

Papers: Naïr et al. (2024) for the recipe, Loshchilov & Hutter (2019) for AdamW.
Chapters 6 to 9 train with it; chapter 11 makes it fast.
"""

from __future__ import annotations

import json
import math
import time
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import safetensors.torch
import torch
import torch.nn.functional as F

from .batches import IGNORE
from .files import UNREADABLE, digest, read_about, read_note, write_bytes

POLICIES = ("one-decay", "restart", "constant")


@dataclass(frozen=True)
class TrainSpec:
    """How to learn, apart from what and in which order."""

    rate: float = 1e-3  # peak learning rate, as released
    policy: str = "one-decay"  # "restart" is what the release does at every stage
    cycles: tuple[
        float, ...
    ] = ()  # relative lengths of restart cycles; (): the plan's stages
    weight_decay: float = 0.01  # AdamW's default, as released
    precision: str = "fp32"  # "bf16" where `choose_precision` advises it
    checkpoint_every: int = 200  # steps; a kill costs at most this many

    def __post_init__(self):
        if self.policy not in POLICIES:
            raise ValueError(
                f"policy is {self.policy!r}; it must be one of {', '.join(POLICIES)}"
            )
        if self.precision not in ("fp32", "bf16"):
            raise ValueError(
                f"precision is {self.precision!r}; it must be fp32 or bf16"
            )
        if not 0 < self.rate <= 1:
            raise ValueError(
                f"rate is {self.rate!r}; a learning rate lies above 0 and up to 1"
            )
        if self.checkpoint_every < 1:
            raise ValueError(
                f"checkpoint_every is {self.checkpoint_every}; it must be at least 1"
            )


def restarts(spec: TrainSpec, plan) -> list[int]:
    """Steps at which the learning rate starts anew: [0, …], and the end of the run."""
    if spec.policy != "restart":
        return [0, plan.steps]
    if not spec.cycles:
        return list(plan.starts)
    ends = np.cumsum(spec.cycles) / sum(spec.cycles)
    return [0, *(round(plan.steps * end) for end in ends)]


def learning_rate(spec: TrainSpec, plan, step: int) -> float:
    """Peak rate, then ×0.1 after 70, 80 and 90 % of the cycle (the release's shape)."""
    if spec.policy == "constant":
        return spec.rate
    starts = restarts(spec, plan)
    cycle = int(np.searchsorted(starts, step, side="right")) - 1
    first, last = starts[cycle], starts[cycle + 1]
    passed = sum(
        step - first >= int(share * (last - first)) for share in (0.7, 0.8, 0.9)
    )
    return spec.rate * 0.1**passed


@dataclass
class Run:
    """What a training run knows after a step; callbacks receive it."""

    model: torch.nn.Module
    plan: object
    spec: TrainSpec
    step: int = 0  # steps done
    tokens: int = 0  # characters learnt from
    loss: float = math.nan  # nats per character, mean over the step
    rate: float = 0.0
    seconds: float = 0.0  # in the loop, callbacks left out
    delivered: list = field(default_factory=list)  # one (B,) array of ids per step
    optimizer: torch.optim.Optimizer | None = None

    @property
    def done(self) -> bool:
        return self.step >= self.plan.steps


def train(
    model,
    plan,
    batches,
    spec: TrainSpec = TrainSpec(),
    folder=None,
    callbacks=(),
    stop_at: int | None = None,
) -> Run:
    """Train `model` on `plan`, resuming from `folder` if it holds a checkpoint.

    Args:
        model: maps (B, T) integers to (B, T, V) logits; changed in place.
        plan: `at(step)` gives the ids of a step, `steps` their number.
        batches: `Programs` or `Windows`, which turn ids into rows.
        folder: for checkpoint.safetensors; None trains without one.
        callbacks: called with the `Run` after every step.
        stop_at: stop after this many steps, as a kill would (for tests and lessons).
    Returns: the finished `Run`; `run.delivered` is what it really saw.
    Raises:
        FloatingPointError: the loss is not a number; the last checkpoint stays.
        ValueError: the checkpoint belongs to another plan, spec or model.
    """
    run = Run(model, plan, spec, optimizer=_optimizer(model, spec))
    path = None if folder is None else Path(folder) / "checkpoint.safetensors"
    if path is not None and path.exists():
        load_checkpoint(path, run)
    fresh = set(restarts(spec, plan)) - {0, plan.steps}
    model.train()
    while run.step < min(plan.steps, stop_at or plan.steps):
        began = time.perf_counter()
        if run.step in fresh:
            run.optimizer = _optimizer(model, spec)  # forgets its moments, as released
        run.rate = learning_rate(spec, plan, run.step)
        for group in run.optimizer.param_groups:
            group["lr"] = run.rate
        rows = batches.batch(plan.at(run.step), *_step(batches, run.step))
        count = sum(int((targets != IGNORE).sum()) for _, targets in rows)
        run.loss = 0.0
        for inputs, targets in rows:
            with torch.autocast(
                inputs.device.type, torch.bfloat16, spec.precision == "bf16"
            ):
                logits = model(inputs)  # (b, t, V)
                loss = (
                    F.cross_entropy(
                        logits.flatten(0, 1),
                        targets.flatten(),
                        ignore_index=IGNORE,
                        reduction="sum",
                    )
                    / count
                )
            loss.backward()
            run.loss += loss.item()
        if not math.isfinite(run.loss):
            kept = (
                f"{path} holds the last good state"
                if path
                else "no checkpoint was asked for"
            )
            raise FloatingPointError(
                f"the loss is {run.loss} at step {run.step} (learning rate {run.rate:g});"
                f" {kept}. A smaller rate usually cures it"
            )
        run.optimizer.step()
        run.optimizer.zero_grad()
        run.delivered.append(batches.identify(rows))
        run.step += 1
        run.tokens += count
        run.seconds += time.perf_counter() - began
        for callback in callbacks:
            callback(run)
        if path is not None and (run.step % spec.checkpoint_every == 0 or run.done):
            save_checkpoint(path, run)
    model.eval()
    return run


def _step(batches, step):
    """Windows need the step to draw their place; whole programs do not."""
    return (step,) if hasattr(batches, "window") else ()


def _optimizer(model, spec):
    return torch.optim.AdamW(
        model.parameters(),
        lr=spec.rate,
        weight_decay=spec.weight_decay,
        fused=next(model.parameters()).is_cuda,
    )


# --- checkpoints ---


def _identity(run: Run) -> str:
    """Digest of what a checkpoint must agree with to be continued."""
    shapes = {name: list(p.shape) for name, p in run.model.named_parameters()}
    spec = [
        run.spec.rate,
        run.spec.policy,
        list(run.spec.cycles),
        run.spec.weight_decay,
    ]
    return digest([run.plan.digest, shapes, spec])


def save_checkpoint(path, run: Run) -> None:
    """Weights, optimizer moments, deliveries and step in one file, written whole."""
    tensors = {f"model.{n}": p.detach() for n, p in run.model.named_parameters()}
    for name, parameter in run.model.named_parameters():
        for key, value in run.optimizer.state[parameter].items():
            tensors[f"optimizer.{key}.{name}"] = torch.as_tensor(value)
    tensors["delivered"] = torch.from_numpy(np.stack(run.delivered).astype(np.int32))
    tensors = {name: t.cpu().contiguous() for name, t in tensors.items()}
    meta = {
        "step": run.step,
        "tokens": run.tokens,
        "seconds": run.seconds,
        "identity": _identity(run),
    }
    write_bytes(path, safetensors.torch.save(tensors, {"run": json.dumps(meta)}))


def load_checkpoint(path, run: Run) -> None:
    """Put the state of `path` into `run`; an alien or damaged file is an error."""
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
    delivered = tensors.pop("delivered").numpy().astype(np.int64)
    run.delivered = list(delivered)
    run.step, run.tokens, run.seconds = meta["step"], meta["tokens"], meta["seconds"]
    with torch.no_grad():
        for name, parameter in run.model.named_parameters():
            parameter.copy_(tensors[f"model.{name}"])
    for name, parameter in run.model.named_parameters():
        keys = ("step", "exp_avg", "exp_avg_sq")
        run.optimizer.state[parameter] = {
            key: tensors[f"optimizer.{key}.{name}"].to(
                parameter.device if key != "step" or parameter.is_cuda else "cpu"
            )
            for key in keys
        }


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


# --- callbacks and devices ---


class Log:
    """Metrics as JSON lines, one every `every` steps; a resumed run continues the file.

    `measure(run)` adds a dict to each line, such as `evaluate.Watch`; `show(line)` is
    called with each line, such as `print`.
    """

    def __init__(self, path, every: int = 20, measure=None, show=None):
        self.path, self.every, self._known = Path(path), every, None
        self.measure, self.show = (
            measure or (lambda run: {}),
            show or (lambda line: None),
        )

    def __call__(self, run: Run):
        if run.step % self.every and not run.done:
            return
        if (
            self._known is None
        ):  # first call: drop what a killed run wrote beyond its checkpoint
            old = read_log(self.path) if self.path.exists() else []
            kept = [line for line in old if line["step"] < run.step]
            write_bytes(self.path, "".join(json.dumps(x) + "\n" for x in kept).encode())
            self._known = True
        line = {
            "step": run.step,
            "tokens": run.tokens,
            "loss": round(run.loss, 6),
            "rate": run.rate,
            "stage": run.plan.stage(run.step - 1),
            "seconds": round(run.seconds, 3),
            **self.measure(run),
        }
        self.show(line)
        with open(self.path, "a") as file:
            file.write(json.dumps(line) + "\n")


def read_log(path) -> list[dict]:
    """The lines of a `Log`; a last line cut by a kill is left out."""
    lines = []
    for text in Path(path).read_text().splitlines():
        try:
            lines.append(json.loads(text))
        except ValueError:
            break
    return lines


def choose_device(request: str = "auto") -> tuple[torch.device, str]:
    """The device to compute on, and the reason in words.

    Raises ValueError when a device is asked for by name and is not there.
    """
    if request not in ("auto", "cpu", "cuda", "mps"):
        raise ValueError(f"device is {request!r}; it must be auto, cpu, cuda or mps")
    if request == "cuda" and not torch.cuda.is_available():
        raise ValueError(
            "device is 'cuda', but PyTorch finds no GPU here; use auto or cpu"
        )
    if request == "mps" and not torch.backends.mps.is_available():
        raise ValueError("device is 'mps', but this is no Apple GPU; use auto or cpu")
    if request != "auto":
        return torch.device(request), "as asked"
    if torch.cuda.is_available():
        return torch.device("cuda"), f"a GPU is present: {torch.cuda.get_device_name()}"
    return torch.device("cpu"), (
        f"no GPU was found; {torch.get_num_threads()} processor threads do the work"
    )


def choose_precision(device) -> tuple[str, str]:
    """ "fp32" or "bf16" for training on `device`, and the reason in words."""
    if torch.device(device).type != "cuda":
        return "fp32", "processors gain nothing from half precision at this size"
    if torch.cuda.get_device_capability()[0] >= 8:
        return "bf16", "this GPU has bfloat16 units, and bfloat16 needs no loss scaling"
    return "fp32", "this GPU has no bfloat16 units, and float32 is fast enough here"
