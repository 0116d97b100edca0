"""What each idea bought, one after the other, and what bought nothing.

- `ladder`: from the released way to the fast step, one change a rung, rungs in turns.
  All rungs but the last are the plain loop of `training.loop`.
- `tried`: ideas that sound good, each against what we kept. A ratio below 1 means that
  it made things slower, a ratio near 1 that it was not worth its lines.

    python -m curriculum.experiments.bench.steps --out book/results/bench/steps.json

Chapter 12 has both in one table.
"""

from __future__ import annotations

import argparse

import numpy as np
import torch
import torch.nn.functional as F

from ... import files, model
from ...data import corpus
from ...training import Programs, stacked
from . import in_turns
from .reference_model import ReferenceGPT
from .training import BATCH, Steps, plain_steps


def ladder(size: str, programs, rounds: int, seconds: float) -> list[dict]:
    """Characters a second of each rung, and its ratio to the first."""
    rows, padded = Programs(programs), Programs(programs, micro_batches=1)
    fast = Steps(size, torch.device("cpu"), programs, rows)
    released, turn = ReferenceGPT.of(fast.model()), fast.turn
    rungs = {
        "six heads, one padded batch": plain_steps(released, padded, turn),
        "one attention over all heads": plain_steps(fast.model(), padded, turn),
        "sorted into micro-batches": plain_steps(fast.model(), rows, turn),
        "micro-batches to the cores": fast.whole_turn,
    }
    found = in_turns(rungs, rounds, seconds)
    first = next(iter(found.values()))
    return [
        {
            "rung": name,
            "rate": float(np.median(values)),
            "ratio": float(np.median(values / first)),
            "low": float((values / first).min()),
            "high": float((values / first).max()),
        }
        for name, values in found.items()
    ]


def tried(size: str, programs, rounds: int, seconds: float) -> list[dict]:
    """Ideas against what we kept: the ratio of their speeds, idea to kept."""
    device = torch.device("cpu")

    def steps(micro_batches=8, half=False, members=1, backend=None):
        rows = Programs(programs, micro_batches=micro_batches)
        return Steps(size, device, programs, rows, members, backend, half)

    c = model.config(size, programs.tokenizer.size)
    kept, apart, padded = (
        attending(way, c.n_head, c.n_embd // c.n_head)
        for way in (fused, written_out, wider)
    )
    table = torch.randn(model.parameter_count(c))
    ideas = [
        ("16 micro-batches in place of 8", steps(16), steps()),
        ("4 micro-batches in place of 8", steps(4), steps()),
        ("bfloat16 on the processor", steps(half=True), steps()),
        (
            "4 models stacked in one product, in place of apart",
            steps(members=4, backend=stacked.Stacked),
            steps(members=4),
        ),
        ("attention written out as two batched products", apart, kept),
        ("heads padded from 20 numbers to 32", padded, kept),
        (
            "AdamW parameter by parameter, in place of one fused pass",
            adam(c, table, False),
            adam(c, table, True),
        ),
    ]
    found = []
    for name, idea, ours in ideas:
        rates = in_turns({"idea": idea, "kept": ours}, rounds, seconds)
        ratio = rates["idea"] / rates["kept"]
        found.append(
            {
                "tried": name,
                "ratio": float(np.median(ratio)),
                "low": float(ratio.min()),
                "high": float(ratio.max()),
            }
        )
    return found


def fused(q, k, v):
    """The library's one call; q, k, v and the result are (B, H, T, D)."""
    return F.scaled_dot_product_attention(q, k, v, is_causal=True)


def written_out(q, k, v):
    """The same as two batched products with a softmax between them."""
    B, H, T, D = q.shape
    hidden = torch.full((T, T), float("-inf")).triu(1)
    q, k, v = (x.reshape(B * H, T, D) for x in (q, k, v))
    scores = torch.baddbmm(hidden, q, k.mT, alpha=D**-0.5)
    return (scores.softmax(-1) @ v).view(B, H, T, D)


def wider(q, k, v):
    """The same with heads padded to a multiple of 32 numbers."""
    D = q.shape[-1]
    q, k, v = (F.pad(x, (0, -D % 32)) for x in (q, k, v))
    y = F.scaled_dot_product_attention(q, k, v, is_causal=True, scale=D**-0.5)
    return y[..., :D]


def attending(way, heads, size, rows=8, length=68):
    """Forward and backward of one layer's attention, for a micro-batch and on one core."""
    qkv = torch.randn(3, rows, heads, length, size, requires_grad=True)
    gradient = torch.randn(rows, heads, length, size)

    def work():
        threads = torch.get_num_threads()
        torch.set_num_threads(1)
        torch.autograd.grad(way(*qkv), qkv, gradient)
        torch.set_num_threads(threads)
        return rows

    return work


def adam(c, table, flat: bool):
    """An optimizer step on a flat table, or on the parameters of a model one by one."""
    if flat:
        own = [torch.nn.Parameter(table.clone())]
    else:
        own = list(model.GPT(c).parameters())
    for p in own:
        p.grad = torch.randn_like(p)
    step = torch.optim.AdamW(own, foreach=False if not flat else None, fused=flat).step

    def work():
        step()
        return 1.0

    return work


def main(words=None) -> None:
    """Measure both and write them as JSON."""
    a = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    a.add_argument("--size", default="paper", help="model size")
    a.add_argument("--rounds", type=int, default=7)
    a.add_argument("--seconds", type=float, default=0.5)
    a.add_argument("--out", required=True)
    a = a.parse_args(words)
    programs = corpus.build(corpus.CorpusSpec(size=2_000, seed=7))
    found = {
        "what": "what each step of the training loop bought, and what bought nothing",
        "size": a.size,
        "batch": BATCH,
        "cores": torch.get_num_threads(),
        "ladder": ladder(a.size, programs, a.rounds, a.seconds),
        "tried": tried(a.size, programs, a.rounds, a.seconds),
        "provenance": files.provenance(),
    }
    for rung in found["ladder"]:
        print(f"{rung['rung']:<34}{rung['rate']:>10,.0f}  {rung['ratio']:>5.2f}×")
    for idea in found["tried"]:
        print(f"{idea['tried']:<60}{idea['ratio']:>5.2f}×")
    print(files.write_json(a.out, found))


if __name__ == "__main__":
    main()
