"""How a model learns: the learning rate over time, and the optimizer's other settings.

- The plan decides the data and `learning_rate` the step size; neither knows the other,
  so every learning-rate schedule goes with every order of the programs.
- The release starts optimizer and learning rate anew at every stage: its curricula have
  three cycles and its baseline has one. That is `multistep-restart`; `multistep` is the
  same shape once over the whole run.

Papers: Naïr et al. (2024) for the recipe, Loshchilov & Hutter (2019) for AdamW. Chapter 7.
"""

from __future__ import annotations

import bisect
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np

LRSchedule = Literal["multistep", "multistep-restart", "constant"]
LR_SCHEDULES = get_args(LRSchedule)


@dataclass(frozen=True)
class TrainConfig:
    """The settings of a training run, apart from its data.

    Raises: ValueError for a value that is not allowed.
    """

    lr: float = 1e-3  # peak learning rate, as released
    lr_schedule: LRSchedule = "multistep"  # the release: "multistep-restart"
    cycles: tuple[float, ...] = ()  # relative lengths of restart cycles; (): the stages
    weight_decay: float = 0.01  # AdamW's default, as released
    precision: Literal["fp32", "bf16"] = "fp32"  # see `device.choose_precision`
    checkpoint_every: int = 200  # steps; a kill costs at most this many

    def __post_init__(self):
        for name, allowed in (
            ("lr_schedule", LR_SCHEDULES),
            ("precision", ("fp32", "bf16")),
        ):
            if (value := getattr(self, name)) not in allowed:
                raise ValueError(
                    f"{name} is {value!r}; it must be one of {', '.join(allowed)}"
                )
        if not 0 < self.lr <= 1:
            raise ValueError(f"lr is {self.lr!r}; it must lie above 0 and up to 1")
        if self.checkpoint_every < 1:
            raise ValueError(
                f"checkpoint_every is {self.checkpoint_every}; it must be at least 1"
            )


def restarts(config: TrainConfig, plan) -> list[int]:
    """Steps at which a cycle of the learning rate starts: [0, …], and the end of the run."""
    if config.lr_schedule != "multistep-restart":
        return [0, plan.steps]
    if not config.cycles:
        return list(plan.starts)
    ends = np.cumsum(config.cycles) / sum(config.cycles)
    return [0, *(round(plan.steps * end) for end in ends)]


def learning_rate(config: TrainConfig, plan, step: int) -> float:
    """The learning rate of `step`: ×0.1 after 70, 80 and 90 % of the cycle (released shape)."""
    if config.lr_schedule == "constant":
        return config.lr
    starts = restarts(config, plan)
    cycle = bisect.bisect_right(starts, step) - 1
    first, last = starts[cycle], starts[cycle + 1]
    drops = sum(step - first >= int(part * (last - first)) for part in (0.7, 0.8, 0.9))
    return config.lr * 0.1**drops
