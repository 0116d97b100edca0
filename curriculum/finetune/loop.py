"""Fine-tuning with LoRA: one loop, one explicit plan, a loss on the answers alone.

- The plan is a list of steps, each with the ids of its items; nothing is shuffled here. What
  was really fed is recognised by a `Recorder` in the rows, and `run.audit` compares the two.
- LoRA trains two thin matrices beside every linear layer and leaves the model's own weights
  as they were; `run.model.unload()` gives the model back unchanged.
- Rows are padded on the right and masked by their lengths: SmolLM2 pads with its end mark,
  which is also the last token of every answer.
- A run that was killed goes on from its checkpoint and ends with the same bits on the same
  machine. A folder that holds another run is refused, and the error says what differs.

Papers: Hu et al. (2022) for LoRA, Kim & Lee (2024) for the recipe. Explained in chapter 19.
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
import torch
import torch.nn.functional as F

from ..checks import Range, check
from ..files import digest
from ..ordering.audit import Audit, audit
from ..ordering.recorder import Recorder
from ..sources import code_digest
from ..tensors import read_tensors, write_tensors
from ..training.checkpoint import flatten_state, unflatten_state
from .data import Item, Row, as_json, encode
from .pretrained import model_digest, require

IGNORED = -100  # a target without a part in the loss
CURE = "delete it to start again"


@dataclass(frozen=True)
class Settings:
    """What decides a run beside model, items and plan."""

    lr: Annotated[float, Range(1e-8, 1.0)] = 2e-4  # Kim & Lee
    lr_schedule: Literal["constant", "linear"] = (
        "constant"  # theirs; "linear" ends at 0
    )
    rank: Annotated[int, Range(1, 1024)] = 8  # columns of the thin matrices
    alpha: Annotated[float, Range(0, 1e6)] = 16.0  # their product counts alpha / rank
    dropout: Annotated[float, Range(0, 0.99)] = 0.0
    clip: Annotated[float, Range(0, 1e6)] = 1.0  # largest norm of a gradient; 0: none
    weight_decay: Annotated[float, Range(0, 1e3)] = 0.0
    seed: int = 0  # first values of the thin matrices
    save_every: Annotated[int, Range(1, 10**9)] = 25  # steps between checkpoints

    def __post_init__(self):
        check(self)


@dataclass
class Run:
    """A run under way, or finished."""

    model: torch.nn.Module  # with LoRA; `unload()` gives the model without it
    plan: list[list[int]]
    recorder: Recorder
    step: int = 0  # steps made
    tokens: int = 0  # fed so far, padding left out
    losses: list[float] = field(default_factory=list)  # of each step, per answer token
    seconds: float = 0.0
    fed: list[list[list[int]]] = field(default_factory=list)  # rows of each step

    @property
    def audit(self) -> Audit:
        """What was fed, beside the plan."""
        return audit(self.recorder, self.plan)


def finetune(
    model,
    tokenizer,
    items: Sequence[Item],
    plan: Sequence[Sequence[int]],
    settings: Settings = Settings(),  # noqa: B008 (frozen)
    folder=None,
    progress: Callable[[Run], None] | None = None,
    stop_at: int | None = None,
) -> Run:
    """Fine-tune `model` on `items` in the order of `plan`.

    Args:
        model: a causal language model of `transformers`, without LoRA.
        items: those of the plan, and perhaps others; ids are unique.
        plan: ids of the items of each step. A step is one batch.
        folder: for the checkpoint, from which the run goes on; None: no checkpoint.
        progress: called with the `Run` after every step.
        stop_at: stop after this many steps, as if killed (for tests and lessons).
    Returns: the `Run`; its `audit` says whether the plan was followed.
    Raises:
        ValueError: a plan of unknown items, or a folder with another run's checkpoint.
        FloatingPointError: a loss that is not a number; the last checkpoint stays.
    """
    rows = _rows(tokenizer, items, plan)
    steps = [[int(i) for i in step] for step in plan]
    who = identity(model, items, steps, settings)
    tuned = add_lora(model, settings)
    parameters = {n: p for n, p in tuned.named_parameters() if p.requires_grad}
    optimizer = torch.optim.AdamW(
        parameters.values(), lr=settings.lr, weight_decay=settings.weight_decay
    )
    run = Run(tuned, steps, Recorder({i: row.tokens for i, row in rows.items()}))
    path = None if folder is None else Path(folder) / "finetune.safetensors"
    if path is not None and path.exists():
        try:
            _resume(path, who, run, parameters, optimizer)
        except ValueError:
            tuned.unload()
            raise

    tuned.train()
    device = next(iter(parameters.values())).device
    for step in range(run.step, min(len(steps), stop_at or len(steps))):
        began = time.perf_counter()
        for group in optimizer.param_groups:
            group["lr"] = rate(settings, step, len(steps))
        batch = [rows[i] for i in steps[step]]
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(settings.seed * 1_000_003 + step)  # for dropout
            loss = answer_loss(tuned, batch, device, run.recorder)
        if not torch.isfinite(loss):
            raise FloatingPointError(
                f"the loss of step {step} is {loss.item()}; lower lr ({settings.lr:g})"
            )
        optimizer.zero_grad()
        loss.backward()
        if settings.clip:
            torch.nn.utils.clip_grad_norm_(list(parameters.values()), settings.clip)
        optimizer.step()

        run.step = step + 1
        run.losses.append(loss.item())
        run.fed.append([row.tokens for row in batch])
        run.tokens += sum(len(row.tokens) for row in batch)
        run.seconds += time.perf_counter() - began
        if progress:
            progress(run)
        if path is not None and (
            run.step % settings.save_every == 0 or run.step == len(steps)
        ):
            _save(path, who, run, parameters, optimizer)
    tuned.eval()
    return run


def _rows(tokenizer, items, plan) -> dict[int, Row]:
    """{id: row} of the items; the plan must name no others."""
    rows = {item.id: encode(tokenizer, item) for item in items}
    if len(rows) < len(items):
        raise ValueError(
            f"{len(items)} items have {len(rows)} different ids; ids are unique"
        )
    if not len(plan) or not all(len(step) for step in plan):
        raise ValueError("plan has no steps, or a step without items")
    for i in (int(i) for step in plan for i in step):
        if i not in rows:
            raise ValueError(f"the plan names item {i}, which is not among the items")
    return rows


def add_lora(model, settings: Settings):
    """`model` with two thin matrices beside each of its linear layers but the last.

    Raises: ValueError: it has them already.
    """
    peft = require("peft")
    if hasattr(model, "peft_config"):
        raise ValueError("the model has LoRA layers already; call unload() on it first")
    config = peft.LoraConfig(
        r=settings.rank,
        lora_alpha=settings.alpha,
        lora_dropout=settings.dropout,
        target_modules="all-linear",
        task_type="CAUSAL_LM",
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(settings.seed)
        return peft.get_peft_model(model, config)


def rate(settings: Settings, step: int, steps: int) -> float:
    """The learning rate of a step."""
    if settings.lr_schedule == "linear":
        return settings.lr * (1 - step / steps)
    return settings.lr


def pad(batch: Sequence[Row], device="cpu"):
    """(tokens, targets, mask) of rows, (B, T) each, padded on the right.

    Targets are the tokens themselves, -100 outside the answers; the model shifts them.
    """
    longest = max(len(row.tokens) for row in batch)
    tokens = torch.zeros(len(batch), longest, dtype=torch.long)  # (B, T)
    targets = torch.full_like(tokens, IGNORED)  # (B, T)
    mask = torch.zeros_like(tokens)  # (B, T)
    for b, row in enumerate(batch):
        n = len(row.tokens)
        tokens[b, :n] = torch.tensor(row.tokens)
        targets[b, row.answer_start : n] = tokens[b, row.answer_start : n]
        mask[b, :n] = 1
    return tokens.to(device), targets.to(device), mask.to(device)


def answer_loss(model, batch: Sequence[Row], device="cpu", recorder=None):
    """Mean loss per token of the answers in a batch, in nats.

    Logits are asked for from the first answer on: there are 49,152 to a token.
    """
    tokens, targets, mask = pad(batch, device)
    if recorder is not None:
        recorder.see(tokens, targets, mask, shifted=False)
    keep = tokens.shape[1] - min(row.answer_start for row in batch) + 1
    logits = model(
        input_ids=tokens, attention_mask=mask, logits_to_keep=keep, use_cache=False
    ).logits  # (B, keep, V)
    return F.cross_entropy(
        logits[:, :-1].flatten(0, 1).float(),
        targets[:, 1 - keep :].flatten(),
        ignore_index=IGNORED,
    )


# --- checkpoints ---


def identity(model, items, plan, settings: Settings) -> dict:
    """What decides the result of a run, by name."""
    return {
        "model": model_digest(model),
        "items": digest(as_json(items))[:16],
        "plan": digest([list(map(int, step)) for step in plan])[:16],
        "settings": dataclasses.asdict(settings),
        "device": next(model.parameters()).device.type,
        "code": code_digest("finetune"),
    }


def _save(path, who, run, parameters, optimizer):
    """Write all that the run needs to go on."""
    lengths = [[len(row) for row in step] for step in run.fed]
    flat = [token for step in run.fed for row in step for token in row]
    tensors = {f"adapter.{n}": p.detach() for n, p in parameters.items()}
    tensors |= {f"optimizer.{n}": x for n, x in flatten_state(optimizer).items()}
    tensors["fed"] = torch.tensor(flat, dtype=torch.int32)
    note = {k: getattr(run, k) for k in ("step", "tokens", "losses", "seconds")}
    write_tensors(path, tensors, {"identity": who, "lengths": lengths, **note})


def _resume(path, who, run, parameters, optimizer):
    """Go to where the checkpoint was written."""
    tensors, note = read_tensors(path, "checkpoint", CURE)
    kept = note.get("identity", {})
    differ = [k for k in who if kept.get(k) != who[k]]
    if differ:
        raise ValueError(
            f"{path} belongs to another run, which differs in {', '.join(differ)};"
            f" choose another folder, or {CURE}"
        )
    with torch.no_grad():
        for name, p in parameters.items():
            p.copy_(tensors[f"adapter.{name}"])
    moments = {
        n.removeprefix("optimizer."): x.to(p.device if x.dim() else "cpu")
        for n, x in tensors.items()
        if n.startswith("optimizer.")
    }
    unflatten_state(moments, optimizer)
    for name in ("step", "tokens", "losses", "seconds"):
        setattr(run, name, note[name])
    rows = iter(tensors["fed"].split([n for step in note["lengths"] for n in step]))
    run.fed = [[next(rows).tolist() for _ in step] for step in note["lengths"]]
    for step in run.fed:
        run.recorder.see(step)


def batches(ids: Sequence[int] | np.ndarray, size: int) -> list[list[int]]:
    """Steps of `size` items each from one long order; the last may be smaller."""
    return [[int(i) for i in ids[a : a + size]] for a in range(0, len(ids), size)]
