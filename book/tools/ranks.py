"""Several processes train one model on one plan, and write down what each was fed.

    python book/tools/ranks.py JOB.json RANK      # one rank; `run` starts all of them

- The processes talk through gloo on this machine, as DistributedDataParallel does on many.
- The model is a table of V × V logits (next token given this token) in 64-bit floats, so
  that gradients of one and of several processes can be compared to the last digits.
- `owndata.py` makes the results of chapter 18 with it; a test starts it, too.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import torch
import torch.distributed as dist
from torch.nn.functional import cross_entropy
from torch.nn.parallel import DistributedDataParallel
from torch.nn.utils.rnn import pad_sequence
from torch.utils.data import DataLoader, DistributedSampler

from curriculum import files
from curriculum.ordering.feed import PlanBatchSampler
from curriculum.ordering.recorder import Recorder

ROOT = Path(__file__).resolve().parents[2]
LOOPBACK = {"linux": "lo", "darwin": "lo0"}  # this machine, and no other


def collate(rows):
    """(inputs, targets) of rows of different lengths."""
    rows = [torch.tensor(row) for row in rows]
    inputs = pad_sequence([row[:-1] for row in rows], batch_first=True)
    targets = pad_sequence([row[1:] for row in rows], True, padding_value=-100)
    return inputs, targets


def loader(job, rank):
    """The batches of one rank: its share, the whole plan, or what PyTorch deals out."""
    rows, plan, world = job["rows"], job["plan"], job["world"]
    if job["feed"] in ("share", "whole"):
        mine = (rank, world) if job["feed"] == "share" else (0, 1)
        batches = PlanBatchSampler(plan[: job["stop"]], job["start"], *mine)
        return DataLoader(rows, batch_sampler=batches, collate_fn=collate)
    order = [rows[i] for step in plan for i in step]  # already in the planned order
    sampler = DistributedSampler(order, world, rank, shuffle=job["feed"] == "shuffled")
    size = len(plan[0]) // world
    return DataLoader(order, size, sampler=sampler, collate_fn=collate)


def main(path, rank):
    """Train as rank `rank` of the job in a JSON file."""
    job = files.read_json(path)
    world, out = job["world"], Path(job["out"])
    dist.init_process_group(
        "gloo", init_method=f"file://{out}/store", rank=rank, world_size=world
    )
    V = 1 + max(max(row) for row in job["rows"])
    plain = torch.nn.Embedding(V, V, dtype=torch.float64)
    before = np.load(job["weights"]) if job["weights"] else np.zeros((V, V))
    plain.weight.data = torch.from_numpy(before)
    model = DistributedDataParallel(plain)
    sgd = torch.optim.SGD(model.parameters(), lr=0.5)
    recorder = Recorder(dict(enumerate(job["rows"])))
    gradients = []
    for inputs, targets in recorder.watch(loader(job, rank)):
        logits = model(inputs).transpose(1, 2)  # (b, V, t)
        if job["loss"] == "mean":
            loss = cross_entropy(logits, targets)
        else:  # the mean over all targets of the step, whichever rank has them
            total = (targets >= 0).sum().double()
            dist.all_reduce(total)
            loss = cross_entropy(logits, targets, reduction="sum") * world / total
        sgd.zero_grad()
        loss.backward()
        gradients.append(plain.weight.grad.numpy().copy())
        sgd.step()
    files.write_json(out / f"{rank}.json", [step.tolist() for step in recorder.ids])
    if rank == 0:
        np.save(out / "gradients.npy", np.stack(gradients))  # (steps, V, V)
        np.save(out / "weights.npy", plain.weight.detach().numpy())
    dist.destroy_process_group()


def run(folder, rows, plan, world, feed="share", loss="step", start=0, stop=None,
        weights=""):  # fmt: skip
    """Start `world` processes and wait for them.

    Returns: (deliveries of each rank, (steps, V, V) gradients after averaging).
    """
    out = Path(folder).resolve()
    out.mkdir(parents=True)
    plan = [list(map(int, step)) for step in plan]
    stop = len(plan) if stop is None else stop
    about = {
        "rows": rows, "plan": plan, "world": world, "feed": feed, "loss": loss,
        "start": start, "stop": stop, "weights": str(weights), "out": str(out),
    }  # fmt: skip
    path = files.write_json(out / "job.json", about)
    surroundings = os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    if sys.platform in LOOPBACK:
        surroundings["GLOO_SOCKET_IFNAME"] = LOOPBACK[sys.platform]
    words = [sys.executable, __file__, str(path)]
    ranks = [
        subprocess.Popen([*words, str(r)], env=surroundings, stderr=subprocess.PIPE)
        for r in range(world)
    ]
    try:
        for rank, process in enumerate(ranks):
            _, said = process.communicate(timeout=300)
            if process.returncode:
                raise RuntimeError(f"rank {rank} failed: {said.decode()[-600:]}")
    finally:
        for process in ranks:
            process.kill()
    seen = [files.read_json(out / f"{rank}.json") for rank in range(world)]
    return seen, np.load(out / "gradients.npy")


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
