"""The vectors between the layers of a model, and a run in which one of them is replaced.

- The *stream* at layer l and place t is the vector of C numbers that block l is given there:
  layer 0 is the sum of the two embeddings, layer `n_layer` is what the head is given.
- A *patch* takes such a vector from the run on one text and puts it into the run on
  another. If the answer follows, this vector carried what the answer needs. A probe cannot
  show that: it tells what is there, not what is used.
- `pairs` makes texts to patch between: programs that differ in one digit.

Papers: Vig et al. (2020), Meng et al. (2022) for patching; Zhang and Nanda (2024) for its
choices. Chapter 23 does one patch by hand.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch

from ..files import hash_order
from ..model import GPT


def run(model: GPT, tokens, patches=None) -> tuple[torch.Tensor, torch.Tensor]:
    """The logits, and the stream of every layer.

    Args:
        tokens: (B, T) integers.
        patches: {(layer, place): (B, C) or (C,)}, vectors that replace the stream there.
    Returns: logits (B, T, V); stream (L + 1, B, T, C).
    Raises: ValueError: a layer or a place that the run does not have.
    """
    T, L = tokens.shape[1], len(model.blocks)
    patches = dict(patches or {})
    for layer, place in patches:
        if not (0 <= layer <= L and 0 <= place < T):
            raise ValueError(
                f"patch at layer {layer}, place {place}; layers are 0 to {L}, places 0"
                f" to {T - 1}: count from the front"
            )
    x = model.characters(tokens) + model.positions(torch.arange(T))  # (B, T, C)
    stream = []
    for layer in range(L + 1):
        for (at, place), vector in patches.items():
            if at == layer:
                x = x.clone()
                x[:, place] = vector
        stream.append(x)
        if layer < L:
            x = model.blocks[layer](x)
    return model.head(model.norm(x)), torch.stack(stream)


class Pair(NamedTuple):
    """Two programs that differ in one digit."""

    one: str  # text up to where the answer is written, "# output\n# " included
    other: str  # the same text with another digit
    place: int  # where that digit stands
    digit: str  # what it is in `other`; it stands nowhere in `one`


def pairs(n: int, printed: bool, last: bool, seed: int = 0) -> list[Pair]:
    """`n` pairs "set two variables, print one of them", all 32 characters long.

    Args:
        printed: the digit that differs is that of the printed variable; else of the other.
        last: the printed variable is the one that was set last.
    """
    found = []
    for i in range(n):
        letters = [
            str(x) for x in np.array(list("abcde"))[hash_order(5, "letters", seed, i)]
        ]
        x, y, z = (str(d) for d in hash_order(10, "digits", seed, i)[:3])
        changed = int(printed == last)  # which of the two lines
        texts = []
        for digits in ([x, y], [z, y] if changed == 0 else [x, z]):
            lines = [f"{a} = {d}" for a, d in zip(letters, digits, strict=False)]
            lines += [f"print({letters[int(last)]})", "# output", "# "]
            texts.append("\n".join(lines))
        found.append(Pair(texts[0], texts[1], 4 + 6 * changed, z))
    return found


@torch.no_grad()
def follows(model: GPT, tokenizer, found: list[Pair], end: bool = False) -> list[float]:
    """By layer, the share of pairs whose answer begins with `digit` after a patch.

    Args: found: pairs of one kind. end: patch the last place of the text, from which the
        answer is read, instead of the digit's own.
    Returns: L + 1 shares. At layer 0 a patch at the digit is the same as writing the other.
    """
    one, other = (
        torch.from_numpy(np.stack([tokenizer.encode(t) for t in texts]).astype("int64"))
        for texts in ([p.one for p in found], [p.other for p in found])
    )  # (B, T) each
    (place,) = {p.place for p in found}
    place = one.shape[1] - 1 if end else place
    shares = []
    for layer, x in enumerate(run(model, other)[1]):
        logits, _ = run(model, one, {(layer, place): x[:, place]})
        said = [tokenizer.decode([i]) for i in logits[:, -1].argmax(-1).tolist()]
        shares.append(
            float(np.mean([s == p.digit for s, p in zip(said, found, strict=True)]))
        )
    return shares
