"""The log of a training run: metrics as JSON lines.

- A log is a callback of the training loop. Its lines belong to the run's state and are
  kept in its checkpoints; the file is a copy to look at while a run goes on, and is
  written anew when a run goes on.
- A last line that a kill cut short is left out when the file is read.

Chapter 7 plots a log.
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
        lines = state.history.setdefault(self.path.name, [])
        if state.step % self.every and not state.done:
            return
        if not self.started:
            write_text(self.path, "".join(json.dumps(x) + "\n" for x in lines))
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
        lines.append(line)
        with open(self.path, "a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")


def read_log(path) -> list[dict]:
    """The lines of a `Log`, up to the first that is not whole.

    Raises: ValueError: there is no such file.
    """
    try:
        texts = Path(path).read_bytes().split(b"\n")
    except FileNotFoundError:
        raise ValueError(
            f"{path} does not exist; a run writes it at its first logged step"
        ) from None
    lines = []
    for text in texts:
        try:
            line = json.loads(text)
        except ValueError:
            break
        if not isinstance(line, dict):
            break
        lines.append(line)
    return lines
