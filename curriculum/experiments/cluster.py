"""The engine that runs a sweep on a Ray cluster: many machines, or the cores of this one.

- The unit is `sweep.work`, as on the local engine: same spec, same files, same numbers.
- A run asks for processors and for a share of a GPU; 0.25 puts four runs on each card.
  Ray only counts: it keeps no run from taking more of the card's memory.
- `address` joins a cluster; without one a small cluster is started here, and stopped.
- Our code travels to the machines of a cluster. Their Python and its packages do not.
- All machines must see the results and the cache under the same path (a shared folder);
  a run that is tried again elsewhere finds its checkpoint there.

Ray: Moritz et al. (2018). Needs `pip install -e .[scale]`. Chapter 13 shows it.
"""

from __future__ import annotations

import dataclasses
import math
import os
import socket
from pathlib import Path

from .. import files
from . import locks
from .spec import Experiment, cache_folder
from .sweep import DIED, DONE, HELD, work

STORE = (
    100 * 2**20
)  # bytes of Ray's object store when we start it: next to nothing travels


def ray():
    """The module, imported quietly; a clear error where it is missing."""
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # nothing is reported
    try:
        import ray
    except ImportError:
        raise ValueError(
            "engine is 'ray', but Ray is not installed; pip install -e .[scale]"
        ) from None
    return ray


class Ray:
    """A sweep's engine; see `sweep.Local` for what an engine offers.

    Args:
        jobs: runs at a time, at most; None: as many as the cluster holds. A cluster
            that is started here gets processors for just so many.
        address: of a running cluster ("auto", "host:6379", "ray://host:10001"); "" starts
            one on this machine.
        cpus, gpus: what one run asks for. gpus: a share of one GPU, or whole ones; 0 hides
            them from it; None: one, where the cluster has any.
    Raises: ValueError: Ray is missing, no cluster is at the address, or it cannot hold a
        single run.
    """

    def __init__(
        self,
        jobs: int | None = None,
        address: str = "",
        cpus: float = 1.0,
        gpus: float | None = None,
    ):
        if jobs is not None and jobs < 1:
            raise ValueError(f"jobs is {jobs}; it must be at least 1")
        if not 0 < cpus < math.inf:
            raise ValueError(f"cpus is {cpus}; a run needs some, such as 1 or 0.5")
        if gpus is not None and not (0 <= gpus <= 1 or gpus % 1 == 0 < gpus):
            raise ValueError(f"gpus is {gpus}; a share of one GPU, or whole ones")
        self.ray, self.jobs, self.cpus = ray(), jobs, cpus
        self._started_here = not self.ray.is_initialized()
        if self._started_here:
            self._connect(address)
        self.gpus = min(1.0, self._total("GPU")) if gpus is None else gpus
        self._task = self.ray.remote(_task).options(
            num_cpus=cpus, num_gpus=self.gpus, max_retries=0
        )  # the sweep itself retries, on both engines alike
        if not self.slots:
            has = self._total("CPU"), self._total("GPU")
            self.close()
            raise ValueError(
                f"a run asks for {cpus:g} processors and {self.gpus:g} GPUs, but the"
                f" cluster has {has[0]:g} and {has[1]:g}; ask for less"
            )

    def _connect(self, address: str):
        options = {
            "include_dashboard": False,
            "log_to_driver": False,
            "logging_level": "error",
        }
        if address:
            package = str(Path(__file__).parents[1])
            options = {"runtime_env": {"py_modules": [package]}, **options}
            if address.startswith("ray://"):
                options = {"runtime_env": options["runtime_env"]}
        else:
            processors = None if self.jobs is None else max(1, self.jobs * self.cpus)
            options |= {"num_cpus": processors, "object_store_memory": STORE}
        host, _, port = address.removeprefix("ray://").rpartition(":")
        try:
            if host:  # Ray itself would try for minutes
                socket.create_connection((host.strip("[]"), int(port)), 5).close()
            self.ray.init(address=address or "local", **options)
        except (OSError, ValueError) as error:
            raise ValueError(
                f"address is {address!r}, but no Ray cluster takes us there ({error});"
                " start one with `ray start --head`, set RAY_AUTH_MODE=token where the"
                " cluster asks for its token, or leave the address out"
            ) from None

    def _total(self, resource: str) -> float:
        return self.ray.cluster_resources().get(resource, 0.0)

    @property
    def slots(self) -> int:
        """Runs at a time; asked anew each time, since a cluster may grow or shrink."""
        room = int(self._total("CPU") / self.cpus)
        if self.gpus:  # a share lies on one card: 0.4 leaves a fifth of each unused
            cards = self._total("GPU")
            per_card = int(1 / self.gpus + 1e-9)
            room = min(room, int(cards * per_card if per_card else cards / self.gpus))
        return room if self.jobs is None else min(room, self.jobs)

    def start(self, e: Experiment, results, notebook: str):
        return self._task.remote(
            dataclasses.asdict(e),
            str(results),
            notebook,
            str(cache_folder().resolve()),
            max(1, int(self.cpus)),
            self.gpus > 0,
            files.provenance()["commit"],
        )

    def wait(self, handles) -> list:
        if not handles:
            return []
        ready, _ = self.ray.wait(handles, num_returns=1, timeout=0.5)
        return [(handle, self._end(handle)) for handle in ready]

    def _end(self, handle) -> str:
        try:
            return self.ray.get(handle)
        except self.ray.exceptions.RayTaskError as error:  # the run raised
            return f"{type(error.cause).__name__}: {error.cause}"
        except self.ray.exceptions.RayError:  # its process or machine is gone
            return DIED

    def close(self):
        if self._started_here and self.ray.is_initialized():
            self.ray.shutdown()


def _task(spec, results, notebook, cache, threads, gpu, commit) -> str:
    """What a worker does: plain values in, a word out."""
    import torch

    if not gpu:  # Ray leaves them in sight
        os.environ["CUDA_VISIBLE_DEVICES"] = ""
    os.environ["CURRICULUM_CACHE"] = cache
    os.environ["OMP_NUM_THREADS"] = str(threads)  # for the kernel of a notebook
    torch.set_num_threads(threads)
    os.environ["CURRICULUM_COMMIT"] = commit
    if notebook and not Path(notebook).exists():
        raise ValueError(
            f"{notebook} is not on this machine; share the checkout, or run without"
        )
    try:
        work(Experiment(**spec), results, notebook)
    except locks.Busy:
        return HELD
    return DONE
