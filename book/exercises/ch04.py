"""Checks of the exercises in "A one-million-parameter GPT"."""

import math

import torch

from curriculum.model import config, training_flops
from exercises import check, returned

SHAPE = config("paper", 43)


@check
def count(n: int):
    right = (53 + 128) * 96 + 8 * (12 * 96**2 + 3 * 96) + 96 + 53
    hints = {
        53 * 96: "You counted the head's matrix; tied, it is the table again.",
        -53: "The head's bias is missing.",
        -96: "The last norm is missing.",
        128 * 96: "The context is 128 here, not 256.",
        -8 * 96: "A block has two norms *and* a bias of C numbers.",
        0: "Right.",
    }
    if n is None:
        return "Enter a whole number."
    return hints.get(
        n - right, f"{n:,} is not it; go through Block and GPT again."
    )


@check
def days(days: float):
    L, C, V = SHAPE.n_layer, SHAPE.n_embd, SHAPE.vocab_size
    rate, n = 5e10 * 86_400, 120_000 * 64 * 256
    right = n * training_flops(SHAPE, 256) / rate
    matrices = n * 6 * (L * 12 * C**2 + C * V) / rate
    wrong = {
        "That is the forward pass only.": right / 3,
        "You left out attention's own part, 4LCT per character.": matrices,
        "Those are hours.": right * 24,
        "Count characters, not windows.": right / 256,
    }
    if days is None:
        return "Enter a number of days."
    if abs(days - right) < 0.06:
        return f"Right: {right:.1f} days."
    for reason, value in wrong.items():
        if abs(days - value) < 0.02 * value:
            return reason
    return f"{days} is not it. Characters x operations per character / rate."


def _weigh(x, mask, hidden=-math.inf):
    scores = x @ x.T / math.sqrt(x.shape[1])
    return scores.masked_fill(mask, hidden).softmax(-1)


def _upper(x, diagonal=1):
    return torch.ones(len(x), len(x), dtype=torch.bool).triu(diagonal)


SUSPECTS = {  # attentions, each from (T, D) to (T, D)
    "A": lambda x: _weigh(x, _upper(x)) @ x,
    "B": lambda x: _weigh(x, _upper(x, 2)) @ x,
    "C": lambda x: _weigh(x, _upper(x), hidden=-1e-9) @ x,
    "D": lambda x: (_weigh(x, _upper(x) & False) * ~_upper(x)) @ x,
    "E": lambda x: _weigh(x, _upper(x) | ~_upper(x, -3)) @ x,
    "F": lambda x: _weigh(x, _upper(x)) @ (x - x.mean(0)),
}
REASONS = {
    "A": "A is the proper mask; a later input changes nothing before it.",
    "B": "B sees one place ahead. Look at the row before the change.",
    "C": "C hides with -1e-9, not minus infinity: nothing is hidden.",
    "D": "D masks after the softmax; the denominator sees the future.",
    "E": "E sees the last three places only, and none of the future.",
    "F": "F's mask is sound; the mean over all places is what leaks.",
}


@check
def leaks(leaks: callable):
    for name, attend in SUSPECTS.items():
        if returned(leaks(attend), bool) != (name in "BCDF"):
            return f"Not yet. {REASONS[name]}"
    return "Right: B, C, D and F leak."


@check
def without(without: callable, trained: torch.nn.Module, row: torch.Tensor):
    D = trained.config.n_embd // trained.config.n_head
    quiet = returned(without(trained, 2, 1), torch.nn.Module)
    if quiet is trained:
        return "Work on a copy: the book's model must stay whole."
    with torch.no_grad():
        if torch.equal(quiet(row), trained(row)):
            return (
                "Nothing changed. Which columns of `out.weight` are a head's?"
            )
    there, here = (m.blocks[2].attention for m in (trained, quiet))
    if not torch.equal(there.out.bias, here.out.bias):
        return "The bias of `out` belongs to no head; leave it."
    mixed = there.out.weight.detach().clone()
    mixed[:, D : 2 * D] = 0
    weights = zip(trained.parameters(), quiet.parameters(), strict=True)
    changed = sum(not torch.equal(a, b) for a, b in weights)
    if changed != 1 or not torch.equal(mixed, here.out.weight):
        return "Not head 1 of layer 2: its part of `out`'s input is D to 2D."
    return "Right."
