"""Three published orders for fine-tuning, and the plans that they become.

- *length*: tokens of the whole formatted text, shortest first.
- *attention*: how unevenly the model attends while it reads the answer; most uneven first.
  For each token of the answer: the standard deviation of its attention weights over the
  tokens before it; then the mean over heads, tokens and layers.
- *loss*: the model's loss on the answer before fine-tuning, lowest first.
- *random* is shuffled anew in every epoch; an ordered run repeats one order, as published.
- `misplaced_loss` is what the released code computes in place of the loss: the answer's
  tokens stand as labels at the *beginning* of the row.

Source: Kim & Lee (2024), arXiv 2405.07490, and its released code. Explained in chapter 19.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
import torch.nn.functional as F

from ..checks import one_of
from ..files import hash_order
from .data import Item, Row, encode
from .loop import batches
from .score import answer_logliks

CRITERIA = ("length", "attention", "loss")
ORDERS = ("random", *(f"{c}{end}" for c in CRITERIA for end in ("", "-reversed")))


def length(tokenizer, items: Sequence[Item]) -> np.ndarray:
    """(n,) tokens of each whole text."""
    return np.array([len(encode(tokenizer, item).tokens) for item in items], float)


def loss(model, tokenizer, items: Sequence[Item], batch: int = 16) -> np.ndarray:
    """(n,) mean loss per token of each answer, end mark included, in nats."""
    return answer_logliks(model, tokenizer, items, batch).loss


def attention(model, tokenizer, items: Sequence[Item], progress=None) -> np.ndarray:
    """(n,) mean standard deviation of the answer tokens' attention weights."""
    return criteria(model, tokenizer, items, progress)["attention"]


def misplaced_loss(model, tokenizer, items: Sequence[Item], progress=None):
    """(n,) the loss with the labels where the released code puts them.

    Label j of a row is token j of the *answer*: so the model is asked, while it reads the
    question, for the words of the answer that stand equally far from the beginning.
    """
    return criteria(model, tokenizer, items, progress)["misplaced loss"]


def criteria(
    model,
    tokenizer,
    items: Sequence[Item],
    progress: Callable[[int, int], None] | None = None,
) -> dict[str, np.ndarray]:
    """{"length", "attention", "loss", "misplaced loss": (n,)}, from one pass over each item.

    Args: progress: called with (items so far, items) after every item.
    """
    found: dict[str, list] = {name: [] for name in (*CRITERIA, "misplaced loss")}
    for n, item in enumerate(items, 1):
        row = encode(tokenizer, item)
        maps, logits = _read(model, row)
        tokens = torch.tensor(row.tokens, device=logits.device)
        answer = tokens[row.answer_start :]  # (A,)
        found["length"].append(float(len(row.tokens)))
        found["attention"].append(unevenness(maps, row.answer_start))
        before = logits[row.answer_start - 1 : -1]  # (A, V): each token's own context
        found["loss"].append(F.cross_entropy(before, answer).item())
        early = logits[: len(answer) - 1]  # (A - 1, V): contexts of the question
        found["misplaced loss"].append(F.cross_entropy(early, answer[1:]).item())
        if progress:
            progress(n, len(items))
    return {name: np.array(values) for name, values in found.items()}


def attention_maps(model, row: Row) -> torch.Tensor:
    """(L, H, T, T) attention weights of every layer and head on one row."""
    return _read(model, row)[0]


@torch.no_grad()
def _read(model, row: Row) -> tuple[torch.Tensor, torch.Tensor]:
    """(L, H, T, T) attention weights and (T, V) logits of one row."""
    kept = model.config._attn_implementation
    model.set_attn_implementation("eager")  # the fast one keeps no weights
    try:
        tokens = torch.tensor([row.tokens], device=next(model.parameters()).device)
        out = model(input_ids=tokens, output_attentions=True, use_cache=False)
    finally:
        model.set_attn_implementation(kept)
    return torch.stack([layer[0] for layer in out.attentions]), out.logits[0].float()


def unevenness(maps: torch.Tensor, answer_start: int) -> float:
    """The published number: of (L, H, T, T) maps, over the rows from `answer_start` on."""
    spread = [
        maps[:, :, t, :t].std(-1).mean()  # over the tokens before; heads and layers
        for t in range(answer_start, maps.shape[-1])
    ]
    return float(torch.stack(spread).mean())


def ranked(order: str, scores: dict[str, np.ndarray]) -> np.ndarray:
    """(n,) positions of the items in the order `order`, the first to be shown first.

    Args: scores: {criterion: (n,)}; that of `order` is enough.
    """
    one_of("order", order, ORDERS[1:])
    criterion, _, turned = order.partition("-")
    if criterion not in scores:
        raise ValueError(f"scores hold {sorted(scores)}; {order!r} needs {criterion!r}")
    values = np.asarray(scores[criterion], float)
    if not np.isfinite(values).all():
        raise ValueError(f"the scores of {criterion!r} are not all finite")
    descending = (criterion == "attention") != bool(turned)
    return np.argsort(-values if descending else values, kind="stable")


def spread(places: np.ndarray, groups: Sequence) -> np.ndarray:
    """The same order within each group of items, with the groups spread evenly.

    Where a criterion tells kinds of items apart, its order is one of kinds. Spread evenly,
    every part of the order has about the same share of each kind.

    Args: places: (n,) positions in some order, as `ranked` gives them. groups: (n,) the group
        of each position.
    """
    groups = np.asarray(groups)[places]  # (n,) in the order given
    at = np.empty(len(places))
    for group in np.unique(groups):
        mine = np.flatnonzero(groups == group)
        at[mine] = (np.arange(len(mine)) + 0.5) / len(mine)
    return np.asarray(places)[np.argsort(at, kind="stable")]


def make_plan(
    order: str,
    ids: Sequence[int],
    scores: dict[str, np.ndarray] | None = None,
    epochs: int = 2,
    batch: int = 8,
    seed: int = 0,
) -> list[list[int]]:
    """Steps of item ids: what `loop.finetune` follows.

    Args:
        order: one of `ORDERS`.
        ids: (n,) of the items. scores: as in `ranked`, in the same order as `ids`.
        epochs: times that each item is shown. batch: items of a step.
        seed: names the shuffles of "random".
    """
    one_of("order", order, ORDERS)
    for name, value in (("epochs", epochs), ("batch", batch)):
        if value < 1:
            raise ValueError(f"{name} is {value}; it must be at least 1")
    ids, plan = np.asarray(ids), []
    for epoch in range(epochs):
        if order == "random":
            places = hash_order(len(ids), "finetune", seed, epoch)
        else:
            places = ranked(order, scores or {})
        plan += batches(ids[places], batch)
    return plan
