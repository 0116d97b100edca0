"""Work for the cores of a processor: every job whole, on one core.

- Small matrix products do not share well between cores, since each waits for its slower
  half. Whole jobs, a micro-batch of a training step or a group of test programs, do not wait.
- Results come in the order of the jobs, whichever was ready first, and a job computes
  alone: the same bits on one core and on sixteen.

`training/backends.py` trains with it, `evaluation/fast.py` evaluates with it. Chapter 12
measures what it is worth.
"""

from __future__ import annotations

import functools
from concurrent.futures import ThreadPoolExecutor, wait

import torch


def available(device) -> int:
    """Cores that may share work on `device`; 1 where it is no processor."""
    return torch.get_num_threads() if torch.device(device).type == "cpu" else 1


def on_cores(work, jobs, size, cores: int) -> list:
    """`work(job)` of every job, in the order of `jobs`, on so many cores.

    Args: size: of a job, in any unit; the largest begin first.
    """
    if cores == 1:
        return [work(job) for job in jobs]
    found, threads = {}, torch.get_num_threads()
    torch.set_num_threads(1)  # a worker computes alone
    try:
        # The longest first: then no core is left with a long job at the end.
        for j in sorted(range(len(jobs)), key=lambda j: -size(jobs[j])):
            found[j] = _pool(cores).submit(work, jobs[j])
        return [found[j].result() for j in range(len(jobs))]
    finally:
        wait(found.values())  # an error in one must not leave others at work
        torch.set_num_threads(threads)


@functools.cache
def _pool(cores):
    return ThreadPoolExecutor(cores)
