"""The stage "generation": programs with their true outputs, on one core.

- Ours runs two processes, one that draws and one that executes. All three ways are held
  to one core (where the system allows it), so that the rates compare work, not cores.
- The limit is what the promise costs by itself: Python compiles and runs the programs.
"""

import contextlib
import io
import os
from random import Random

from ...data import corpus
from . import Stage, reference_generation

OURS, REFERENCE = 8_000, 1_500  # programs a turn: a few tenths of a second each


def stages(size: str, device: str) -> list[Stage]:
    """One row; neither the model's size nor the device matters."""
    codes = corpus.build(corpus.CorpusSpec(OURS)).codes

    def ours():
        with _one_core():
            return len(corpus.build(corpus.CorpusSpec(OURS)))

    def reference():
        with _one_core():
            return len(reference_generation.generate("ALL", Random(0), size=REFERENCE))

    def limit():
        with _one_core(), contextlib.redirect_stdout(io.StringIO()):
            for code in codes:
                exec(compile(code, "<program>", "exec"), {})
        return len(codes)

    return [
        Stage(
            "generation",
            "programs/s",
            ours,
            reference,
            limit,
            "bare compile + exec",
            "July, all levels, one core",
        )
    ]


@contextlib.contextmanager
def _one_core():
    """Keep this process, and those it starts, on one core."""
    if not hasattr(os, "sched_setaffinity"):  # not Linux
        yield
        return
    cores = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {max(cores)})
    try:
        yield
    finally:
        os.sched_setaffinity(0, cores)
