"""A decoder-only GPT small enough to read in one sitting and to train on a laptop.

- The architecture of the paper's released code: learned positions, pre-norm blocks,
  GELU, no dropout, an untied head, biases only where the release has them.
- One fused attention over all heads; the release runs a Python loop over six.
- A key/value `Cache` makes generation cost one position per character; rows of a batch
  may have prompts of different lengths.
- `parameter_count` and `flops_per_token` are formulas. The tests hold them against the
  model itself and against PyTorch's own operation counter.

Papers: Vaswani et al. (2017), Radford et al. (2019), Naïr et al. (2024). Chapter 4
builds the model up from this file; the shape letters are on the notation page.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn as nn
import torch.nn.functional as F


@dataclass(frozen=True)
class GPTConfig:
    """The shape of a model. `width` must be a multiple of `heads`."""

    vocabulary: int  # V, characters the tokenizer knows
    context: int = 256  # T, the longest text it can see
    layers: int = 6
    heads: int = 6  # H
    width: int = 120  # C

    def __post_init__(self):
        for name in ("vocabulary", "context", "layers", "heads", "width"):
            if getattr(self, name) < 1:
                raise ValueError(
                    f"{name} is {getattr(self, name)}; it must be at least 1"
                )
        if self.width % self.heads:
            raise ValueError(
                f"width is {self.width}, not a multiple of heads = {self.heads};"
                " every head needs the same share of the width"
            )


SIZES = {
    "paper": {"layers": 6, "heads": 6, "width": 120},  # 1.08 M parameters
    "pocket": {"layers": 4, "heads": 4, "width": 64},  # 0.22 M: ten minutes on a laptop
    "nano": {"layers": 2, "heads": 2, "width": 32},  # 0.04 M: for tests and toys
}


def config(size: str, vocabulary: int, context: int = 256) -> GPTConfig:
    """The named shape for a vocabulary of V characters."""
    if size not in SIZES:
        raise ValueError(
            f"model size is {size!r}; it must be one of {', '.join(SIZES)}"
        )
    return GPTConfig(vocabulary, context, **SIZES[size])


class Attention(nn.Module):
    """Causal self-attention over all heads at once."""

    def __init__(self, c: GPTConfig):
        super().__init__()
        self.heads = c.heads
        self.qkv = nn.Linear(c.width, 3 * c.width, bias=False)
        self.out = nn.Linear(c.width, c.width)

    def forward(self, x, cache=None, layer=0):
        B, T, C = x.shape
        qkv = self.qkv(x).view(B, T, 3, self.heads, C // self.heads)
        q, k, v = qkv.permute(2, 0, 3, 1, 4)  # each (B, H, T, D)
        if cache is None:
            y = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        else:
            k, v, seen = cache.extend(layer, k, v)  # (B, H, S, D), (B, 1, T, S)
            y = F.scaled_dot_product_attention(q, k, v, attn_mask=seen)
        y = y.transpose(1, 2).reshape(B, T, C)  # heads side by side again
        return self.out(y)  # (B, T, C)


class Block(nn.Module):
    """Communication between positions, then computation within each."""

    def __init__(self, c: GPTConfig):
        super().__init__()
        self.norm1 = nn.LayerNorm(c.width, bias=False)
        self.attention = Attention(c)
        self.norm2 = nn.LayerNorm(c.width, bias=False)
        self.mlp = nn.Sequential(
            nn.Linear(c.width, 4 * c.width, bias=False),
            nn.GELU(),
            nn.Linear(4 * c.width, c.width, bias=False),
        )

    def forward(self, x, cache=None, layer=0):
        x = x + self.attention(self.norm1(x), cache, layer)  # (B, T, C)
        return x + self.mlp(self.norm2(x))  # (B, T, C)


class GPT(nn.Module):
    """Characters in, a score for every possible next character out.

    Args: c: the shape. seed: fixes the initial weights, equal in every arm of a study.
    """

    def __init__(self, c: GPTConfig, seed: int = 0):
        super().__init__()
        self.config = c
        with torch.random.fork_rng(devices=[]):  # leaves the caller's generator alone
            torch.manual_seed(seed)
            self.characters = nn.Embedding(c.vocabulary, c.width)
            self.positions = nn.Embedding(c.context, c.width)
            self.blocks = nn.ModuleList(Block(c) for _ in range(c.layers))
            self.norm = nn.LayerNorm(c.width, bias=False)
            self.head = nn.Linear(c.width, c.vocabulary)

    def forward(self, tokens, cache=None):
        """Logits (B, T, V) for `tokens` (B, T), integers below V.

        With a `cache`, `tokens` continue what it holds. Raises ValueError beyond the
        context.
        """
        B, T = tokens.shape
        if cache is None:
            at = torch.arange(T, device=tokens.device)  # (T,)
        else:
            at = cache.positions(T)  # (B, T)
        if T > self.config.context:
            raise ValueError(
                f"{T} characters exceed the context of {self.config.context}"
            )
        x = self.characters(tokens) + self.positions(at)  # (B, T, C)
        for layer, block in enumerate(self.blocks):
            x = block(x, cache, layer)  # (B, T, C)
        return self.head(self.norm(x))  # (B, T, V)


class Cache:
    """Keys and values of the characters already read, one row per text.

    Rows may have different lengths: entry `lengths[b]` is where row b goes on. What lies
    beyond it is padding, hidden by the mask and overwritten as the row grows.
    """

    def __init__(self, model: GPT, rows: int, room: int):
        c, weight = model.config, model.head.weight
        if room > c.context:
            raise ValueError(
                f"room for {room} characters exceeds the context of {c.context}"
            )
        shape = (c.layers, rows, c.heads, room, c.width // c.heads)
        self.keys = torch.zeros(shape, device=weight.device, dtype=weight.dtype)
        self.values = torch.zeros_like(self.keys)  # (L, B, H, S, D)
        self.lengths = torch.zeros(rows, dtype=torch.long, device=weight.device)

    def positions(self, T):
        return self.lengths[:, None] + torch.arange(
            T, device=self.lengths.device
        )  # (B, T)

    def extend(self, layer, k, v):
        """Store k, v (B, H, T, D); return all (B, H, S, D) and who may see whom."""
        at = self.positions(k.shape[2])  # (B, T)
        rows = torch.arange(len(at), device=at.device)[:, None]  # (B, 1)
        self.keys[layer, rows, :, at] = k.transpose(1, 2)
        self.values[layer, rows, :, at] = v.transpose(1, 2)
        S = int(at.max()) + 1  # no need to look at room nobody has reached
        slots = torch.arange(S, device=at.device)
        seen = slots <= at[:, None, :, None]  # (B, 1, T, S)
        return self.keys[layer, :, :, :S], self.values[layer, :, :, :S], seen

    def keep(self, rows):
        """Drop all rows but those where `rows` (B,) is True; returns the new mask."""
        self.keys, self.values = self.keys[:, rows], self.values[:, rows]
        self.lengths = self.lengths[rows]
        return rows[rows]


@torch.no_grad()
def generate(model: GPT, prompts, new, stop=None, generator=None) -> list[torch.Tensor]:
    """Continue each prompt by up to `new` characters.

    Args:
        prompts: list of 1-D integer tensors, at least one character each.
        new: how many characters, one number or one per prompt; cut at the context.
        stop: two characters (a, b) that end a text when b follows a, such as the blank
            line; the prompt's last character counts as a first a; with a = None any b
            ends it. None: always `new` characters.
        generator: draws from the softmax at temperature 1; None takes the likeliest.
    Returns: list of 1-D tensors, the new characters alone, the final b included.
    """
    device = model.head.weight.device
    n = len(prompts)
    lengths = torch.tensor([len(p) for p in prompts], device=device)  # (B,)
    limit = torch.as_tensor(new, device=device).expand(n).clone()
    limit = torch.minimum(limit, model.config.context - lengths)
    texts = [[] for _ in range(n)]
    order = torch.nonzero(limit > 0).flatten()  # which text a row of the batch writes
    if not len(order):
        return [torch.tensor([], dtype=torch.long) for _ in range(n)]
    padded = nn.utils.rnn.pad_sequence(
        [prompts[i].long() for i in order.tolist()], batch_first=True
    ).to(device)  # (B, T)
    cache = Cache(model, len(order), int((lengths + limit)[order].max()))
    rows = torch.arange(len(order), device=device)
    last_at = lengths[order] - 1
    logits = model(padded, cache)[rows, last_at]  # (B, V)
    cache.lengths += lengths[order]
    before = padded[rows, last_at]
    going = torch.ones(len(order), dtype=torch.bool, device=device)
    for written in range(1, int(limit.max()) + 1):
        if generator is None:
            token = logits.argmax(-1)  # (B,)
        else:
            token = torch.multinomial(logits.softmax(-1), 1, generator=generator)[:, 0]
        for i, t, on in zip(
            order.tolist(), token.tolist(), going.tolist(), strict=True
        ):
            if on:
                texts[i].append(t)
        going = going & (written < limit[order])
        if stop is not None:
            ended = token == stop[1]
            going = going & ~(ended if stop[0] is None else ended & (before == stop[0]))
        alive = int(going.sum())
        if not alive:
            break
        if alive < 0.7 * len(
            order
        ):  # moving the cache costs, so not for every ended row
            order, token, going = order[going], token[going], cache.keep(going)
        before = token
        logits = model(token[:, None], cache)[:, 0]  # (B, V)
        cache.lengths += going  # an ended row stays where it is
    return [torch.tensor(text, dtype=torch.long) for text in texts]


def parameter_count(c: GPTConfig) -> int:
    """Trainable numbers of a model of this shape."""
    attention = 3 * c.width**2 + c.width**2 + c.width  # q, k, v; output with bias
    mlp = 8 * c.width**2
    norms = 2 * c.width
    embeddings = (c.vocabulary + c.context) * c.width
    head = c.width + c.width * c.vocabulary + c.vocabulary  # last norm, weights, bias
    return embeddings + c.layers * (attention + mlp + norms) + head


def flops_per_token(c: GPTConfig, length: int) -> float:
    """Floating-point operations of the forward pass, per character.

    A matrix product costs one multiplication and one addition per weight and token;
    attention adds 2·2·C per earlier position (all `length` of them, as dense kernels
    compute and PyTorch counts). Training costs three times as much: backward is twice
    forward (Kaplan et al., 2020).
    """
    matrices = c.layers * 12 * c.width**2 + c.width * c.vocabulary
    return 2.0 * matrices + 4.0 * c.layers * c.width * length


def training_flops(c: GPTConfig, length: int) -> float:
    """Operations of forward and backward together, per character trained on."""
    return 3.0 * flops_per_token(c, length)
