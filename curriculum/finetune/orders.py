"""Three published orders for fine-tuning, and the plans that they become.

- *length*: tokens of the whole formatted text, shortest first.
- *attention*: how unevenly the model attends while it reads the answer; most uneven first.
  For each token of the answer: the standard deviation of its attention weights over the
  tokens before it; then the mean over heads, tokens and layers.
- *loss*: the model's loss on the answer before fine-tuning, lowest first.
- *random* is shuffled anew in every epoch; an ordered run repeats one order, as published.
- `misplaced_loss` is what the released code computes in place of the loss: the answer's
  tokens stand as labels at the *beginning* of the row.

Source: Kim & Lee (2024), arXiv 2405.07490, and its released code. Explained in chapter 18.
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
from .score import answer_logliks, by_length

CRITERIA = ("length", "attention", "loss")
ORDERS = ("random", *(f"{c}{end}" for c in CRITERIA for end in ("", "-reversed")))


def length(tokenizer, items: Sequence[Item]) -> np.ndarray:
    """(n,) tokens of each whole text."""
    return np.array([len(encode(tokenizer, item).tokens) for item in items], float)


def loss(model, tokenizer, items: Sequence[Item], batch: int = 16) -> np.ndarray:
    """(n,) mean loss per token of each answer, end mark included, in nats."""
    return answer_logliks(model, tokenizer, items, batch).loss


@torch.no_grad()
def misplaced_loss(model, tokenizer, items: Sequence[Item], batch: int = 16):
    """(n,) the loss with the labels where the released code puts them.

    Label j of a row is token j of the *answer*: so the model is asked, while it reads the
    question, for the words of the answer that stand equally far from the beginning.
    """
    rows, found = [encode(tokenizer, item) for item in items], np.zeros(len(items))
    device = next(model.parameters()).device
    for part in by_length([len(row.tokens) for row in rows], batch):
        longest = max(len(rows[i].tokens) for i in part)
        tokens = torch.zeros(len(part), longest, dtype=torch.long)  # (B, T)
        labels = torch.full_like(tokens, -100)
        for b, i in enumerate(part):
            row, answer = rows[i].tokens, rows[i].tokens[rows[i].answer_start :]
            tokens[b, : len(row)] = torch.tensor(row)
            labels[b, : len(answer)] = torch.tensor(answer)
        logits = model(input_ids=tokens.to(device), use_cache=False).logits  # (B, T, V)
        each = F.cross_entropy(
            logits[:, :-1].transpose(1, 2).float(),
            labels[:, 1:].to(device),
            reduction="none",
        )  # (B, T - 1)
        counted = (labels[:, 1:] != -100).sum(1).clamp(min=1)
        found[part] = (each.sum(1).cpu() / counted).numpy()
    return found


def attention(
    model,
    tokenizer,
    items: Sequence[Item],
    progress: Callable[[int, int], None] | None = None,
) -> np.ndarray:
    """(n,) mean standard deviation of the answer tokens' attention weights."""
    found = []
    for n, item in enumerate(items, 1):
        row = encode(tokenizer, item)
        found.append(unevenness(attention_maps(model, row), row.answer_start))
        if progress:
            progress(n, len(items))
    return np.array(found)


@torch.no_grad()
def attention_maps(model, row: Row) -> torch.Tensor:
    """(L, H, T, T) attention weights of every layer and head on one row."""
    kept = model.config._attn_implementation
    model.set_attn_implementation("eager")  # the fast one keeps no weights
    try:
        tokens = torch.tensor([row.tokens], device=next(model.parameters()).device)
        maps = model(
            input_ids=tokens, output_attentions=True, use_cache=False, logits_to_keep=1
        ).attentions
    finally:
        model.set_attn_implementation(kept)
    return torch.stack([layer[0] for layer in maps])  # (L, H, T, T)


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
