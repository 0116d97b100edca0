import copy

import numpy as np
import torch

from curriculum.model import GPT, config, training_flops
from exercises import ch04 as check

COUNT = (53 + 128) * 96 + 8 * (12 * 96**2 + 3 * 96) + 96 + 53
DAYS = 120_000 * 64 * 256 * training_flops(check.SHAPE, 256) / 5e10 / 86_400
model = GPT(config("pocket", 43), seed=0).eval()
row = torch.arange(12)[None]


def leaks(attend, steps=range(1, 12), size=1.0):
    x = torch.randn(
        12, 8, dtype=torch.double, generator=torch.Generator().manual_seed(0)
    )
    for s in steps:
        other = x.clone()
        other[s] += size
        if not torch.allclose(attend(other)[:s], attend(x)[:s], atol=1e-9):
            return True
    return False


def by_gradient(attend):
    x = torch.randn(
        9, 4, dtype=torch.double, generator=torch.Generator().manual_seed(1)
    ).requires_grad_()
    for t in range(8):
        (slope,) = torch.autograd.grad(attend(x)[t].sum(), x)
        if slope[t + 1 :].abs().max() > 1e-12:
            return True
    return False


def silenced(model, layer, head, columns=None, bias=False):
    quiet = copy.deepcopy(model)
    D = model.config.n_embd // model.config.n_head
    with torch.no_grad():
        out = quiet.blocks[layer].attention.out
        out.weight[:, columns or slice(head * D, (head + 1) * D)] = 0
        if bias:
            out.bias.zero_().add_(1)
    return quiet


def rebuilt(model, layer, head):
    quiet = GPT(model.config)
    quiet.load_state_dict(silenced(model, layer, head).state_dict())
    return quiet.eval()


WRONG = {
    check.count: [
        None,
        COUNT + 53 * 96,
        COUNT - 53,
        COUNT - 96,
        1_080_163,
        "9",
        COUNT + 1,
    ],
    check.days: [None, DAYS / 3, DAYS * 24, DAYS / 256, 3.0, "3.9", float("nan"), True],
    check.leaks: [
        None,
        lambda attend: True,
        lambda attend: False,
        lambda attend: "yes",
        lambda attend: None,
        lambda attend: leaks(attend, steps=[]),
        lambda attend: leaks(attend, size=0.0),
        lambda attend: not leaks(attend),
        lambda: True,
    ],
    check.without: [
        (answer, model, row)
        for answer in (
            None,
            lambda model, layer, head: model,
            lambda model, layer, head: copy.deepcopy(model),
            lambda model, layer, head: None,
            lambda model, layer, head: silenced(model, layer, 2),
            lambda model, layer, head: silenced(model, 1, head),
            lambda model, layer, head: silenced(model, layer, head, bias=True),
            lambda model, layer, head: silenced(model, layer, head, slice(None)),
            lambda model: model,
        )
    ],
}
RIGHT = {
    check.count: [COUNT, np.int64(COUNT)],
    check.days: [round(DAYS, 1), np.float64(DAYS)],
    check.leaks: [leaks, by_gradient],
    check.without: [(silenced, model, row), (rebuilt, model, row)],
}
