"""Behind chapter 4: guessers without a network, what a model looks at, and the figures."""

import math
import re

import matplotlib.pyplot as plt
import numpy as np
import torch
from matplotlib.patches import FancyBboxPatch

from curriculum import plots


def visible(text):
    """One sign for each character, also for spaces, tabs and line ends."""
    return [s.translate({10: "⏎", 9: "⇥", 32: "␣"}) for s in text]


def guessers(corpus, train):
    """Loss of three guessers without a network, in nats per character."""
    parts = [
        corpus.tokens[corpus.offsets[i] : corpus.offsets[i + 1]] for i in train
    ]
    stream, V = np.concatenate(parts), corpus.tokenizer.size
    single = np.bincount(stream, minlength=V) / len(stream)
    pairs = np.zeros((V, V))
    np.add.at(pairs, (stream[:-1], stream[1:]), 1 / (len(stream) - 1))

    def nats(p):
        p = p[p > 0]
        return -(p * np.log(p)).sum()

    return {
        "even guess": math.log(V),
        "one character": nats(single),
        "pair of characters": nats(pairs) - nats(single),
    }


@torch.no_grad()
def looks(model, tokens):
    """Attention weights of every layer and head for one text: (L, H, T, T).

    The fused attention keeps none, so they are computed again beside it, and must explain
    the model's own output.
    """
    found, T = [], tokens.shape[1]
    future = torch.ones(T, T, dtype=torch.bool).triu(1)

    def spy(attention, inputs, output):
        q, k, v = attention.project(inputs[0])[:, 0]  # each (H, T, D)
        s = q @ k.transpose(1, 2) / math.sqrt(q.shape[-1])  # (H, T, T)
        found.append(s.masked_fill(future, -math.inf).softmax(-1))
        y = (found[-1] @ v).transpose(0, 1).reshape(1, T, -1)  # (1, T, C)
        assert torch.allclose(attention.out(y), output, atol=1e-4)

    hooks = [b.attention.register_forward_hook(spy) for b in model.blocks]
    model(tokens)
    for hook in hooks:
        hook.remove()
    return torch.stack(found)


def effect(text, bet):
    """Mean change of the bet (0 to 1) if a character is replaced by others of its kind."""
    (before,), change = bet([text]), np.zeros(len(text))
    code = text[: text.index("# output")]
    for found in re.finditer(r"\b[a-e]\b|[0-9]|[-+*/]", code):
        place, sign = found.start(), found[0]
        kind = next(k for k in ("0123456789", "abcde", "+-*/") if sign in k)
        others = [
            text[:place] + s + text[place + 1 :] for s in kind if s != sign
        ]
        change[place] = np.abs(bet(others) - before).sum(-1).mean() / 2
    return change


# --- figures ---------------------------------------------------------------------------


def draw_architecture():
    """The model from the characters it reads to the bet on the next one."""
    figure, axes = plt.subplots(figsize=(7, 4.6))

    def box(x, y, w, h, text, colour="#eceff4", size=9.5):
        shape = "round,pad=0.02,rounding_size=0.08"
        look = {"facecolor": colour, "edgecolor": plots.SOFT}
        axes.add_patch(FancyBboxPatch((x, y), w, h, boxstyle=shape, **look))
        axes.text(
            x + w / 2, y + h / 2, text, ha="center", va="center", fontsize=size
        )

    def arrow(start, stop):
        look = {"arrowstyle": "->", "color": plots.INK}
        axes.annotate("", stop, start, arrowprops=look)

    columns = (0.6, 2.0, 3.4)
    for x, sign in zip(columns, "b␣=", strict=True):
        axes.text(
            x + 0.5, -0.35, sign, ha="center", family="monospace", fontsize=12
        )
        arrow((x + 0.5, -0.05), (x + 0.5, 0.25))
        box(x, 0.3, 1.0, 0.6, "character\n+ position", "#d6eaf8", 9)
        arrow((x + 0.5, 0.95), (x + 0.5, 1.3))
    box(
        0.4,
        1.35,
        4.2,
        0.75,
        "attention: each place takes from earlier places",
        "#fde8c8",
    )
    for k, x in enumerate(columns):
        arrow((x + 0.5, 2.12), (x + 0.5, 2.45))
        box(x, 2.5, 1.0, 0.6, "MLP", "#e3f1e6")
        arrow((x + 0.5, 3.15), (x + 0.5, 3.6))
        box(x, 3.65, 1.0, 0.5, "head", "#eceff4")
        arrow((x + 0.5, 4.2), (x + 0.5, 4.5))
        axes.text(x + 0.5, 4.6, ("␣", "=", "␣")[k], ha="center", family="monospace",
                  fontsize=12)  # fmt: skip
    axes.plot([4.75, 4.9, 4.9, 4.75], [1.3, 1.3, 3.15, 3.15], color=plots.INK)
    axes.text(
        5.0,
        2.2,
        "a block,\nsix times; each half\nadds to what is there",
        va="center",
    )
    axes.text(5.0, -0.35, "characters read", va="center")
    axes.text(5.0, 0.6, "two rows of tables,\nadded", va="center")
    axes.text(5.0, 3.9, "scores of all 43\ncharacters", va="center")
    axes.text(5.0, 4.68, "most likely next one", va="center")
    axes.set(xlim=(0, 7.6), ylim=(-0.7, 5))
    axes.axis("off")
    plt.show()


def draw_weights(weights, names):
    """A square of attention weights: who looks (rows) at whom (columns)."""
    few = len(names)
    figure, axes = plt.subplots(figsize=(4.6, 3.8))
    values = weights[:few, :few].detach()
    picture = axes.imshow(values, cmap="Blues", vmin=0, vmax=1)
    axes.set_xticks(range(few), names)
    axes.set_yticks(range(few), names)
    axes.set(xlabel="looked at (key)", ylabel="looking (query)")
    axes.grid(False)
    figure.colorbar(picture, label="weight")
    plt.show()


def draw_causal(move, place, names):
    """How far each output moves when one character is changed."""
    figure, axes = plt.subplots(figsize=(7, 2.3))
    axes.bar(range(len(move)), move, color=plots.BLUE)
    axes.axvline(place - 0.5, color=plots.VERMILION, linestyle="--")
    axes.text(place - 1, 0.8 * move.max(), "before: exactly 0", ha="right")
    axes.set_xticks(range(len(move)), names, fontsize=9, family="monospace")
    axes.set(ylabel="change of a logit", xlabel="position (its own character)")
    axes.grid(axis="x")
    plt.show()


def draw_first(losses, markers):
    """Loss of the first steps, with what three guessers would pay."""
    figure, axes = plt.subplots()
    axes.plot(range(1, len(losses) + 1), losses, color=plots.BLACK)
    for name, loss in markers.items():
        axes.axhline(loss, color=plots.SOFT, linestyle="--", linewidth=1)
        axes.text(len(losses), loss + 0.05, name, ha="right", color=plots.INK)
    axes.set(
        xlabel="step (32 programs each)", ylabel="loss (nats per character)"
    )
    axes.set_ylim(0, None)
    plt.show()


def draw_bets(programs, chances, signs):
    """Bets on the first sign of the output, the true sign hatched."""
    figure, axes = plt.subplots(1, 3, figsize=(7, 2.5), sharey=True)
    for axis, p, chance in zip(axes, programs, chances, strict=True):
        right = signs.index(p.output[0])
        axis.bar(range(len(signs)), chance, color=plots.SKY)
        axis.bar(right, chance[right], color=plots.BLUE, hatch="//")
        axis.set(
            title=f"{p.code.splitlines()[-1]} gives {p.output}", ylim=(0, 1)
        )
        axis.set_xticks(range(len(signs)), signs)
    axes[0].set(ylabel="probability")
    axes[1].set(xlabel="next character")
    plt.show()


def draw_attention(last, names):
    """Attention of all heads from the last place: (heads, T)."""
    figure, axes = plt.subplots(figsize=(7, 4.2))
    picture = axes.imshow(last, cmap="Blues", vmin=0, vmax=1, aspect="auto")
    axes.set_xticks(range(len(names)), names, family="monospace")
    axes.set_yticks(range(16), [f"{i // 4}.{i % 4}" for i in range(16)])
    for border in (3.5, 7.5, 11.5):
        axes.axhline(border, color=plots.INK, linewidth=0.8)
    for end in [i for i, s in enumerate(names) if s == "⏎"]:
        axes.axvline(end + 0.5, color=plots.SOFT, linewidth=0.6, linestyle=":")
    axes.set(xlabel="character looked at", ylabel="layer.head")
    axes.grid(False)
    figure.colorbar(picture, label="weight")
    plt.show()


def draw_effect(looked, change, names):
    """Above where the model looks, below what changes its bet."""
    figure, pair = plt.subplots(2, 1, figsize=(7, 3.4), sharex=True)
    for axes, values, label in zip(
        pair, (looked, change), ("mean weight", "effect"), strict=True
    ):
        axes.bar(range(len(names)), values, color=plots.BLUE)
        axes.set(ylabel=label, xlim=(-0.7, len(names) - 0.3))
        axes.grid(axis="x")
    pair[0].set_title("where the model looks")
    pair[1].set_title("what changes its bet")
    pair[1].set_xticks(range(len(names)), names, family="monospace")
    pair[1].set_xlabel("character")
    plt.show()


def draw_desk(curve):
    """Validation loss by label of the committed run."""
    figure, axes = plt.subplots()
    plots.draw_curves(axes, curve)
    axes.set(xlabel="step (64 programs each)", ylim=(0, 0.6))
    plt.show()
