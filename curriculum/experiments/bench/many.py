"""The stage "many": M models in one process, against one after the other.

The reference is the fast step of one model, M times over: the ratio says what training
together buys. A processor that is busy with one model gains nothing; a GPU does.
"""

from ...data import corpus
from ...training import Programs
from . import Stage
from .training import Steps

MEMBERS = {"cpu": 4, "cuda": 16}


def stages(size: str, device) -> list[Stage]:
    """One row."""
    programs = corpus.build(corpus.CorpusSpec(size=2_000, seed=7))
    rows = Programs(programs, device=device)
    members = MEMBERS.get(device.type, 4)
    together = Steps(size, device, programs, rows, members)
    alone = Steps(size, device, programs, rows)

    def one_after_the_other():
        return sum(alone() for _ in range(members))

    return [
        Stage(
            f"{members} models at once",
            "characters/s",
            together,
            one_after_the_other,
            note="reference: the fast step, one model after the other",
        )
    ]
