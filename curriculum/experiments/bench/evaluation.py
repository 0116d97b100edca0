"""The stage "evaluation": all three tasks, one row for each protocol.

- Ours is the fast backend, the reference the plain loops of `evaluation.tasks` with a
  model that writes out its attention.
- The model has learnt for a moment, in a fixed way: an untrained one never ends a line,
  and a perfect one leaves nothing to decode.
- The limit is one forward pass over the programs, as bare matrix products: a model that
  is to be asked about a text must read it.
"""

import numpy as np
import torch

from ...data import corpus
from ...evaluation import fast, tasks
from ...evaluation.answers import TASKS, Question
from ...model import GPT, config, flops_per_token
from ...ordering import schedules
from ...ordering.plan import Plan
from ...training import Programs, TrainConfig, train
from . import Stage
from .reference_model import ReferenceGPT

PROGRAMS, PLAIN = 512, 4  # measured in a turn of ours, and of the reference
STEPS = {"paper": 30, "pocket": 100, "nano": 200}  # of 32 programs, before the clock


def stages(size: str, device) -> list[Stage]:
    """Two rows: the exact and the released protocol."""
    programs = corpus.build(corpus.CorpusSpec(PROGRAMS * 2))
    model = briefly_trained(size, programs, np.arange(PROGRAMS), device)
    ids = np.arange(PROGRAMS, 2 * PROGRAMS)
    return [stage(model, programs, ids, p) for p in ("exact", "released")]


def stage(model, programs, ids, protocol) -> Stage:
    """The row of one protocol for the programs `ids`."""
    plain = ReferenceGPT.of(model)
    questions = [Question(task, protocol) for task in TASKS]
    some = np.random.default_rng(0).permutation(ids)[:PLAIN]
    a, b = (torch.randn(n, 512, device=model.head.weight.device) for n in (4096, 512))
    length = programs.lengths[ids] - 1
    passing = [n * flops_per_token(model.config, n) for n in length.tolist()]
    products = round(sum(passing) / (2 * a.shape[0] * b.shape[0] * b.shape[1]))

    def ours():
        tasks.edit_similarity.cache_clear()  # it must not remember the last turn
        fast.ask(model, programs, ids, questions)
        return len(ids)

    def reference():
        threads = torch.get_num_threads()
        torch.set_num_threads(1)  # one text at a time: more cores only slow it down
        tasks.ask(plain, programs, some, questions)
        torch.set_num_threads(threads)
        return len(some)

    def limit():
        for _ in range(products):
            c = a @ b
        c[0, 0].item()  # waits for the device
        return len(ids)

    right = [f"{a.accuracy():.0%}" for a in fast.ask(model, programs, ids, questions)]
    return Stage(
        f"evaluation, {protocol}",
        "programs/s",
        ours,
        reference,
        limit,
        "the matrix products of one pass",
        f"all three tasks; the model gets {', '.join(right)} right",
    )


def briefly_trained(size: str, programs, ids, device="cpu", steps=None):
    """A model that is right here and wrong there; the same every time."""
    model = GPT(config(size, programs.tokenizer.size)).to(device)
    any_label = np.arange(len(ids)) % 3  # the baseline draws from all of them alike
    plan = Plan(
        schedules.get("baseline"),
        ids,
        np.zeros(len(ids)),
        any_label,
        seed=0,
        steps=steps or STEPS[size],
        batch=32,
    )
    train(model, plan, Programs(programs, device=device), TrainConfig(3e-3))
    return model
