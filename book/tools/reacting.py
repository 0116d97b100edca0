"""Makes `results/reacting`: runs with teachers and their replays, as its PROTOCOL.md says.

    python book/tools/reacting.py --minutes 8      # both stacks, as far as the clock allows
    python book/tools/reacting.py --scale smoke    # the same, tiny: to see that it works
    python book/tools/reacting.py --minute         # the runs of about a minute, one by one

Without a GPU it does the same, slowly. Records are written stack by stack.
"""

import argparse
import functools
import multiprocessing
import os
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import torch

from curriculum import files
from curriculum.experiments import reacting, study
from curriculum.experiments.experiment import Experiment, load_data
from curriculum.experiments.spec import SCALES
from curriculum.training import save_weights, train_together
from curriculum.training.stacked import Stacked

RESULTS = Path(__file__).resolve().parents[1] / "results"
FIRST = ("natural", "self_paced", "superloss", "exp3s", "slope", "learned")
REPLAYED = ("exp3s", "slope")
CLOCKS = ("competence", "fading")
SEEDS = (8, 9, 10, 11)
MINUTE = "reacting-minute"
EARLY = 300  # steps after which the speed of a stack is known


def show(line):
    print(line, flush=True)


def experiment(seed, scale):
    return Experiment(schedule="baseline", scale=scale, seed=seed, study="reacting")


class Stack:
    """Arms trained together; the time of a step is measured on the way."""

    def __init__(self, arms, compiled, micro_batches, seconds=float("inf")):
        self.arms, self.compiled, self.allowed = arms, compiled, seconds
        for arm in arms[1:]:
            arm.batches = arm.state.batches = arms[0].batches  # one set of rows
        if micro_batches:
            arms[0].batches.n_micro_batches = micro_batches
        for arm in arms:
            arm.state.callbacks = (arm.log(),)
            arm.state.folder = None
        arms[0].state.callbacks += (self.tell,)

    def tell(self, state):
        """A line now and then; stops early if the stack could not be finished in time."""
        if state.step in (EARLY, 2 * EARLY):
            self.begun.append(time.monotonic())
        if state.step == 2 * EARLY:
            each = (self.begun[-1] - self.begun[-2]) / EARLY
            needed = each * (state.plan.steps - state.step)
            show(f"  {1e3 * each:.1f} ms a step, {needed:.0f} s more")
            if needed > self.allowed - (time.monotonic() - self.begun[0]):
                raise SystemExit(
                    "this stack cannot be finished in time; nothing is kept"
                )
        if state.step % max(1, state.plan.steps // 7) == 0:
            show(f"  step {state.step:,}: loss {state.loss:.4f}, {state.seconds:.0f} s")

    def train(self):
        began = time.monotonic()
        self.begun = [began]
        backend = functools.partial(Stacked, compiled=self.compiled)
        train_together([arm.state for arm in self.arms], backend=backend)
        self.seconds = time.monotonic() - began
        show(f"  {len(self.arms)} runs trained in {self.seconds:.0f} s")


def submit(pool, arms, folder):
    jobs = []
    for arm in arms:
        ids = arm.test_ids()
        weights = Path(folder) / f"{arm.name}.safetensors"
        save_weights(weights, arm.model, {}, torch.float32)
        about = arm.data.corpus.subset(ids), ids, arm.data.labels[ids]
        job = pool.submit(
            study.answer,
            weights,
            arm.model.config,
            *about,
            arm.experiment.seed,
            ("exact",),
        )
        jobs.append((arm, job))
    return jobs


def collect(jobs, root):
    for arm, job in jobs:
        said = job.result()
        arm.save(said["results"], root, answers=said["answers"])
        show(f"  {arm.name}: tested, {'clean' if arm.audit().ok else 'NOT AS PLANNED'}")


def second(first, data, scale, seeds, every):
    """The arms of the second stack, in the order of their importance."""
    orders = {(a.spec["schedule"], a.experiment.seed): a.plan.table for a in first}
    for name in REPLAYED:
        for how in reacting.REPLAYS:
            for i, seed in enumerate(seeds):
                table = orders[name, seeds[(i + 1) % len(seeds)]]
                e = experiment(seed, scale)
                yield functools.partial(reacting.replayed, e, table, name, how, data)
    for name in CLOCKS:
        for seed in seeds:
            e = experiment(seed, scale)
            yield functools.partial(reacting.taught, e, name, data=data, every=every)


def minute(out, seeds=(0, 1, 2, 3)):
    """The runs of one minute, one after the other; finished ones are not done again."""
    e = functools.partial(Experiment, schedule="baseline", scale="quick", study=MINUTE)
    data = load_data(e(seed=0))
    every = SCALES["quick"].steps // 35
    tasks = reacting.tasks_of(data)

    def one(arm):
        path = out / MINUTE / f"{arm.name}.json"
        if not path.exists():
            reacting.run(arm)
            arm.save(arm.measure(), out)
            show(f"{arm.name}: {'clean' if arm.audit().ok else 'NOT AS PLANNED'}")
        return files.read_json(path, sealed=True)

    for seed in seeds:
        for name in (*FIRST, *CLOCKS):
            one(reacting.taught(e(seed=seed), name, data=data, every=every))
    for i, seed in enumerate(seeds):
        for name in REPLAYED:
            other = seeds[(i + 1) % len(seeds)]
            arm = reacting.taught(e(seed=other), name, data=data, every=every)
            table = reacting.order_of(one(arm), tasks)
            for how in reacting.REPLAYS:
                one(reacting.replayed(e(seed=seed), table, name, how, data))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=8.0)
    parser.add_argument("--scale", default="study", choices=list(SCALES))
    parser.add_argument("--out", type=Path, default=RESULTS)
    parser.add_argument(
        "--testing", type=float, default=75.0, help="seconds at the end"
    )
    parser.add_argument("--minute", action="store_true", help="the runs of one minute")
    a = parser.parse_args()
    if a.minute:
        torch.set_num_threads(1)
        return minute(a.out)
    begin, cores = time.monotonic(), os.cpu_count() or 1
    compiled = torch.cuda.is_available()
    data = load_data(experiment(SEEDS[0], a.scale), workers=cores)
    show(f"programs after {time.monotonic() - begin:.0f} s")
    every = max(2, SCALES[a.scale].steps // 84)
    first = [
        reacting.taught(experiment(seed, a.scale), name, data=data, every=every)
        for seed in SEEDS
        for name in FIRST
    ]
    context = multiprocessing.get_context("spawn")
    with (
        tempfile.TemporaryDirectory() as folder,
        ProcessPoolExecutor(max(1, cores - 2), mp_context=context) as pool,
    ):
        allowed = 60 * a.minutes - (time.monotonic() - begin) - a.testing
        stack = Stack(first, compiled, 4, allowed)
        stack.train()
        waiting = submit(pool, first, folder)
        left = 60 * a.minutes - (time.monotonic() - begin) - a.testing
        each, wanted = (
            stack.seconds / len(first),
            list(second(first, data, a.scale, SEEDS, every)),
        )
        # Groups of four seeds, whole, as many as fit: a smaller stack costs more each.
        n = int(left / (1.25 * each)) // len(SEEDS) * len(SEEDS)
        show(
            f"{left:.0f} s are left for the second stack: {max(0, n)} of {len(wanted)} runs"
        )
        more = [make() for make in wanted[: max(0, n)]]
        if more:
            Stack(more, compiled, 4).train()
            waiting += submit(pool, more, folder)
        collect(waiting, a.out)
    show(f"done after {(time.monotonic() - begin) / 60:.1f} minutes")


if __name__ == "__main__":
    main()
