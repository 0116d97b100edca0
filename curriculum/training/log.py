"""The log of a training run: metrics as JSON lines.

- A log is a callback of the training loop. A resumed run continues the file; what a
  killed run wrote beyond its checkpoint is dropped.
- A last line that a kill cut short is left out when the file is read.

Chapter 6 plots a log.
"""

from __future__ import annotations

import json
from pathlib import Path

from ..files import write_text
from .state import TrainState


class Log:
    """Appends a line every `every` steps, and after the last.

    Args:
        path: of the file. every: steps between lines.
        measure: `measure(state)` adds a dict to each line, such as `tasks.Watch`.
        show: called with each line, such as `print`.
    """

    def __init__(self, path, every: int = 20, measure=None, show=None):
        self.path, self.every, self.started = Path(path), every, False
        self.measure = measure or (lambda state: {})
        self.show = show or (lambda line: None)

    def __call__(self, state: TrainState):
        if state.step % self.every and not state.done:
            return
        if not self.started:
            old = read_log(self.path) if self.path.exists() else []
            kept = [line for line in old if line["step"] < state.step]
            write_text(self.path, "".join(json.dumps(x) + "\n" for x in kept))
            self.started = True
        state.sync()
        line = {
            "step": state.step,
            "tokens": state.tokens,
            "loss": round(state.loss, 6),
            "lr": state.lr,
            "stage": state.plan.stage(state.step - 1),
            "seconds": round(state.seconds, 3),
            **self.measure(state),
        }
        self.show(line)
        with open(self.path, "a") as file:
            file.write(json.dumps(line) + "\n")


def read_log(path) -> list[dict]:
    """The lines of a `Log`."""
    lines = []
    for text in Path(path).read_text().splitlines():
        try:
            lines.append(json.loads(text))
        except ValueError:
            break
    return lines
