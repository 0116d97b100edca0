"""Behind chapter 12: what a cache of keys and values saves."""

import time

import matplotlib.pyplot as plt
import torch
from matplotlib.patches import Rectangle
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from curriculum import plots


def draw_cache(prompt=5, new=4):
    """Places computed for each new character, without a cache and with one."""
    figure, pair = plt.subplots(1, 2, figsize=(7, 2.9), sharey=True)
    for axes, cached in zip(pair, (False, True), strict=True):
        for row in range(new):
            for place in range(prompt + row):
                fresh = not cached or row == 0 or place == prompt + row - 1
                colour = plots.BLUE if fresh else "#d6eaf8"
                box = Rectangle((place, -row), 0.85, 0.7, facecolor=colour)
                axes.add_patch(box)
        axes.set(xlim=(-0.3, prompt + new), ylim=(-new + 0.6, 1.2))
        axes.set_title("with a cache" if cached else "without a cache")
        axes.set(xlabel="place in the text", xticks=[])
        axes.set_yticks(
            [0.35 - row for row in range(new)],
            [f"character {row + 1}" for row in range(new)],
        )
        axes.grid(False)
        axes.spines[["left", "bottom"]].set_visible(False)
        axes.tick_params(length=0)
    plt.show()


@torch.no_grad()
def without_cache(model, prompt, new):
    """Greedy writing that reads the whole text for every character."""
    text = prompt.tolist()
    for _ in range(new):
        text.append(int(model(torch.tensor([text]))[0, -1].argmax()))
    return text[len(prompt) :]


def operations(way, model, prompt, new=40):
    """(operations counted, text) of a way to write, attention included."""
    counter = FlopCounterMode(display=False)
    with sdpa_kernel(SDPBackend.MATH), counter:
        text = way(model, prompt, new)
    return counter.get_total_flops(), text


def seconds(way, model, prompt, new=40, times=5):
    began = time.perf_counter()
    for _ in range(times):
        way(model, prompt, new)
    return time.perf_counter() - began
