"""The study: blocks of runs, each block trained as one stack, tested on the cores beside.

- What is run is written down in `book/results/study/PROTOCOL.md`; `BLOCKS` is that list.
- A block is trained together on the GPU. Meanwhile the processor cores answer the test
  programs for the models of the block before, one process a model.
- Every run leaves a record with its audit, its curve and its answers to every test
  program. Records are written as soon as they are known: a run of the clock out loses
  the block in hand, nothing else.

Run it with `python -m curriculum study --minutes 10`.
"""

from __future__ import annotations

import dataclasses
import functools
import multiprocessing
import os
import tempfile
import time
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from ..data.corpus import Corpus
from ..evaluation.answers import PROTOCOLS, TASKS, Question
from ..evaluation.evaluate import summed_up
from ..evaluation.fast import ask
from ..model import GPT, GPTConfig
from ..training.checkpoint import load_weights, save_weights
from ..training.device import Precision, choose_device
from ..training.stacked import Stacked
from ..training.together import train_together
from .experiment import Arm, Data, load_data, resolve
from .records import finished, record_path
from .spec import RESULTS, Experiment

RESTART = {"lr_schedule": "multistep-restart"}
CONSTANT = {"lr_schedule": "constant"}
THIRDS = {"cut": "tertiles"}
PRIMARY: tuple[dict, ...] = (
    {"schedule": "baseline"},
    {"schedule": "baseline", **RESTART, "cycles": "20,30,70"},
    {"schedule": "hybrid"},
    {"schedule": "hybrid", **RESTART},
    {"schedule": "hybrid-shuffled"},
)
OTHERS: tuple[dict, ...] = (
    {"schedule": "sequential"},
    {"schedule": "incremental"},
    {"schedule": "anti"},
    {"schedule": "random-order"},
    {"schedule": "warmup"},
)
AT_ONE_RATE: tuple[dict, ...] = (
    {"schedule": "baseline", **CONSTANT},
    {"schedule": "hybrid", **CONSTANT},
)
ORDER: tuple[dict, ...] = (
    {"schedule": "baseline"},
    {"schedule": "hybrid"},
    {"schedule": "hybrid-shuffled"},
)
SIGNS = f"{RESULTS / 'scores' / 'arithmetic.py'}:signs"
SCORES: tuple[dict, ...] = (
    {"schedule": "baseline"},
    {"schedule": "hybrid", **THIRDS},
    {"schedule": "hybrid", "scorer": "characters", **THIRDS},
    {"schedule": "hybrid", "scorer": SIGNS, **THIRDS},
)


@dataclass(frozen=True)
class Block:
    """Runs that are trained as one stack; none of their results is seen before all are."""

    name: str  # as in the protocol
    arms: tuple[dict, ...]
    seeds: range
    study: str = "study"  # the folder of the records
    scale: str = "study"
    precision: Precision | None = None  # None: what suits the device
    micro_batches: int | None = None  # few models want fewer and larger ones
    margin: float = 1.25  # slower than the block before, at most

    def experiments(self, device: str = "auto") -> list[Experiment]:
        """The runs, seed by seed."""
        fields: dict = {"scale": self.scale, "study": self.study, "device": device}
        return [
            Experiment(**arm, **fields, seed=s) for s in self.seeds for arm in self.arms
        ]


BLOCKS = (
    Block("primary", PRIMARY, range(8)),
    Block("others", OTHERS, range(4)),
    Block("confirm", PRIMARY + AT_ONE_RATE, range(8, 16), "confirm"),
    Block(
        "longer", ORDER, range(8, 12), "longer", "longer", micro_batches=3, margin=1.6
    ),
    Block("scores", SCORES, range(4, 8), "scores", "laptop", "fp32"),
)


def run_study(
    minutes: float,
    blocks=BLOCKS,
    root="results",
    device: str = "auto",
    compiled: bool | None = None,
    processes: int | None = None,
    reserve: float = 0.0,
    keep=(0,),
    callbacks: tuple = (),
    show=print,
) -> list[Path]:
    """Run the blocks that fit into `minutes`; returns the paths of all their records.

    A block is only begun when the rate of the blocks before says that it can be finished.

    Args:
        compiled: fuse with `torch.compile`; None: where there is a GPU.
        processes: that test models beside the training; None: all cores but two.
        reserve: seconds that testing the last block should take.
        keep: seeds whose weights are kept beside their records.
        callbacks: called with the state of each run after each of its steps.
    """
    begin = time.monotonic()
    chosen, reason = choose_device(device)
    show(f"device: {chosen} ({reason})")
    compiled = chosen.type == "cuda" if compiled is None else compiled
    cores = os.cpu_count() or 1
    processes = processes or max(1, cores - 2)
    rate, waiting, known = None, [], {}
    with tempfile.TemporaryDirectory() as folder:
        context = multiprocessing.get_context("spawn")
        with ProcessPoolExecutor(processes, mp_context=context) as pool:
            for block in blocks:
                every = block.experiments(device)
                todo = [e for e in every if not finished(e, root, any_code=True)]
                if not todo:
                    continue
                arms = _resolve(todo, known, cores, block)
                tokens = sum(arm.preflight().tokens for arm in arms)
                left = 60 * minutes - (time.monotonic() - begin)
                needed = block.margin * tokens / rate + reserve if rate else 0.0
                if needed > left:
                    show(f"{block.name} needs {needed:.0f} s, {left:.0f} are left")
                    continue
                began = time.monotonic()
                show(f"{block.name}: {len(arms)} runs, {tokens:,} characters")
                collect = functools.partial(_collect, waiting, root, keep, show)
                _train(arms, compiled, show, collect, callbacks)
                rate = tokens / (time.monotonic() - began)
                show(f"{block.name}: {rate:,.0f} characters/s")
                waiting += [_submit(pool, arm, Path(folder)) for arm in arms]
            _collect(waiting, root, keep, show, wait=True)
    show(f"done after {(time.monotonic() - begin) / 60:.1f} minutes")
    runs = [e for block in blocks for e in block.experiments(device)]
    return [path for e in runs if (path := record_path(e, root)).exists()]


def _resolve(experiments, known: dict[tuple, Data], cores, block) -> list[Arm]:
    """Arms that share programs and rows; the log goes to a folder of the cache."""
    arms: list[Arm] = []
    for e in experiments:
        key = (e.scale, e.variant, e.scorer, e.cut)
        if key not in known:
            known[key] = load_data(e, workers=cores)
        arm = resolve(e, known[key])
        if block.precision:
            arm.config = dataclasses.replace(arm.config, precision=block.precision)
        if arms:  # one corpus, one set of rows on the device
            arm.batches = arms[0].batches
        elif block.micro_batches:
            arm.batches.n_micro_batches = block.micro_batches
        arms.append(arm)
    return arms


def _train(arms, compiled, show, meanwhile, callbacks) -> None:
    for arm in arms:
        arm.state.callbacks = (arm.log(), *callbacks)
        arm.state.folder = None  # a block takes minutes: no checkpoints
    first = arms[0].state

    def tell(state):
        if state.step % arms[0].scale.log_every == 0:
            show(f"  step {state.step:,}: loss {state.loss:.4f}, {state.seconds:.0f} s")
            meanwhile()

    first.callbacks += (tell,)
    backend = functools.partial(Stacked, compiled=compiled)
    train_together([arm.state for arm in arms], backend=backend)


def _submit(pool, arm: Arm, folder: Path) -> tuple[Arm, Future]:
    """Hand the trained model and its test programs to a process that tests it."""
    ids = arm.test_ids()
    corpus, labels = arm.data.corpus.subset(ids), arm.data.labels[ids]
    weights = folder / f"{arm.experiment.name}.safetensors"
    save_weights(weights, arm.model, {}, torch.float32)
    job = pool.submit(
        answer, weights, arm.model.config, corpus, ids, labels, arm.experiment.seed
    )
    return arm, job


def answer(
    weights,
    config: GPTConfig,
    corpus: Corpus,
    ids,
    labels,
    seed: int,
    protocols=PROTOCOLS,
) -> dict:
    """All tasks under some protocols, on one core: summed up, and answer by answer.

    Args: corpus, labels: of the test programs alone; their places in it name the draws of
        sampled answers. ids: their numbers in the whole corpus, kept with the answers.
    """
    torch.set_num_threads(1)
    model = GPT(config)
    load_weights(weights, model)
    questions = [Question(task, p, seed) for p in protocols for task in TASKS]
    answers = ask(model, corpus, np.arange(len(ids)), questions)
    found = summed_up(answers, corpus, labels)
    for a in answers:
        a.ids = np.asarray(ids)
    return {"results": found, "answers": answers}


def _collect(waiting, root, keep, show, wait: bool = False) -> None:
    """Write the records of the runs whose test is done; `wait` for all of them."""
    for pair in list(waiting):
        arm, job = pair
        if not wait and not job.done():
            continue
        said = job.result()
        keep_weights = arm.experiment.seed in keep
        arm.save(said["results"], root, keep_weights, said["answers"])
        waiting.remove(pair)
        show(f"  {arm.experiment.name}: tested")
