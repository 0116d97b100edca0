"""Training a model on a plan.

Read `loop` first: it is the whole training loop. Around it stand `batches` (from programs
to tensors), `config` (learning rates), `state`, `checkpoint`, `log` and `device`.
`together` trains many models at once with the fast steps of `backends` and `stacked`.

Explained in chapter 7; chapter 12 makes it fast.
"""

from .batches import IGNORE, Programs, Windows
from .checkpoint import load_weights, read_weights, save_weights
from .config import LR_SCHEDULES, LRSchedule, TrainConfig, learning_rate, restarts
from .device import choose_device, choose_precision
from .log import Log, read_log
from .loop import train
from .state import TrainState
from .together import train_together

__all__ = [
    "IGNORE", "LR_SCHEDULES", "LRSchedule", "Log", "Programs", "TrainConfig", "TrainState",
    "Windows", "choose_device", "choose_precision", "learning_rate", "load_weights",
    "read_log", "read_weights", "restarts", "save_weights", "train", "train_together",
]  # fmt: skip
