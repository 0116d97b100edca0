"""Checks of the exercises in "Making a small model fast"."""

from collections import Counter

import torch
from torch.utils._python_dispatch import TorchDispatchMode

from curriculum.model import GPTConfig, parameter_count
from exercises import check

FAIR = {
    "A": (True, "what would the other fifteen cores do?"),
    "B": (True, "another batch is another experiment, with fewer updates"),
    "C": (False, "this is how it should be done"),
    "D": (True, "a GPU returns from a call before it has finished"),
    "E": (False, "each device may use what suits it, if learning is the same"),
    "F": (True, "padding is not work anybody wants"),
}


@check
def gigabytes(value: float):
    if value is None:
        return "Enter a number of gigabytes."
    each = parameter_count(GPTConfig(50_257, 1_024, 12, 12, 768)) / 1e9
    for size, word in (
        (4, "the weights alone"),
        (8, "weights and gradients"),
        (12, "weights and optimizer state, without gradients"),
    ):
        if abs(value - size * each) < 0.06:
            return f"That is {word}. What else stands beside every weight?"
    if abs(value - 16 * each) < 0.06:
        return "Right: a 16 GB card has most of it left for activations."
    return f"{value} is not it. Count first: parameter_count(config)."


@check
def marks(marks: dict[str, bool]):
    for letter, (inflates, thought) in FAIR.items():
        if marks.get(letter) is None:
            return f"{letter} is still open."
        if marks[letter] is not inflates:
            return f"{letter}: think again; {thought}."
    return "Right, all six. Nobody knows the true factor from this report."


class _Calls(TorchDispatchMode):
    """Counts the operations that PyTorch really calls."""

    def __init__(self):
        super().__init__()
        self.names = Counter()

    def __torch_dispatch__(self, operation, types, args=(), kwargs=None):
        self.names[operation.overloadpacket.__name__] += 1
        return operation(*args, **(kwargs or {}))


@check
def eight(eight: callable):
    g = torch.Generator().manual_seed(0)
    x = torch.randn(8, 200, 120, generator=g)
    w = torch.randn(8, 120, 480, generator=g, requires_grad=True)
    want = torch.stack([a @ b for a, b in zip(x, w, strict=True)])
    with _Calls() as counter:
        found = eight(x, w)
        found.sum().backward()
    if found.shape != want.shape:
        return f"Shape {tuple(found.shape)}, not {tuple(want.shape)}."
    if not torch.allclose(found, want, atol=1e-3):
        return "Another result: has every seed its own weight, and no other?"
    if not w.grad.any():
        return "The weights get no gradient."
    products = sum(counter.names[n] for n in ("mm", "bmm", "addmm", "baddbmm"))
    if products > 2:  # one forward, one for the gradient of w
        return f"The result is as it should be, in {products} products. Use one for all."
    return "Right: one product forward, one backward."
