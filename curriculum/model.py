"""A decoder-only GPT small enough to read in one sitting and to train on a laptop.

- The architecture of the paper's released code: learned positions, pre-norm blocks,
  GELU, no dropout, an untied head, biases only where the release has them.
- One fused attention over all heads; the release runs a Python loop over six.
- `forward` reads whole texts. Writing one character at a time, `kv_cache` keeps the keys and
  values of what was read.
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
    """The shape of a model. `n_embd` must be a multiple of `n_head`."""

    vocab_size: int  # V, characters the tokenizer knows
    block_size: int = 256  # T, the longest text it can see
    n_layer: int = 6
    n_head: int = 6  # H
    n_embd: int = 120  # C

    def __post_init__(self):
        for name in ("vocab_size", "block_size", "n_layer", "n_head", "n_embd"):
            if getattr(self, name) < 1:
                raise ValueError(
                    f"{name} is {getattr(self, name)}; it must be at least 1"
                )
        if self.n_embd % self.n_head:
            raise ValueError(
                f"n_embd is {self.n_embd}, not a multiple of n_head = {self.n_head};"
                " every head needs the same number of channels"
            )


SIZES = {
    "paper": {"n_layer": 6, "n_head": 6, "n_embd": 120},  # 1.08 M parameters
    "pocket": {
        "n_layer": 4,
        "n_head": 4,
        "n_embd": 64,
    },  # 0.22 M: ten minutes on a laptop
    "nano": {"n_layer": 2, "n_head": 2, "n_embd": 32},  # 0.04 M: for tests and toys
}


def config(size: str, vocab_size: int, block_size: int = 256) -> GPTConfig:
    """The named shape for a vocabulary of V characters."""
    if size not in SIZES:
        raise ValueError(
            f"model size is {size!r}; it must be one of {', '.join(SIZES)}"
        )
    return GPTConfig(vocab_size, block_size, **SIZES[size])


class Attention(nn.Module):
    """Causal self-attention over all heads at once."""

    def __init__(self, c: GPTConfig):
        super().__init__()
        self.n_head = c.n_head
        self.qkv = nn.Linear(c.n_embd, 3 * c.n_embd, bias=False)
        self.out = nn.Linear(c.n_embd, c.n_embd)

    def project(self, x):
        """Queries, keys and values (3, B, H, T, D) of x (B, T, C)."""
        B, T, C = x.shape
        qkv = self.qkv(x).view(B, T, 3, self.n_head, C // self.n_head)
        return qkv.permute(2, 0, 3, 1, 4)  # (3, B, H, T, D)

    def forward(self, x):
        B, T, C = x.shape
        q, k, v = self.project(x)  # each (B, H, T, D)
        y = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        y = y.transpose(1, 2).reshape(B, T, C)  # heads side by side again
        return self.out(y)  # (B, T, C)


class Block(nn.Module):
    """Communication between positions, then computation within each."""

    def __init__(self, c: GPTConfig):
        super().__init__()
        self.norm1 = nn.LayerNorm(c.n_embd, bias=False)
        self.attention = Attention(c)
        self.norm2 = nn.LayerNorm(c.n_embd, bias=False)
        self.mlp = nn.Sequential(
            nn.Linear(c.n_embd, 4 * c.n_embd, bias=False),
            nn.GELU(),
            nn.Linear(4 * c.n_embd, c.n_embd, bias=False),
        )

    def forward(self, x):
        x = x + self.attention(self.norm1(x))  # (B, T, C)
        return x + self.mlp(self.norm2(x))  # (B, T, C)


class GPT(nn.Module):
    """Characters in, a score for every possible next character out.

    Args: c: the shape. seed: fixes the initial weights, equal in every arm of a study.
    """

    def __init__(self, c: GPTConfig, seed: int = 0):
        super().__init__()
        self.config, self.seed = c, seed
        with torch.random.fork_rng(devices=[]):  # leaves the caller's generator alone
            torch.manual_seed(seed)
            self.characters = nn.Embedding(c.vocab_size, c.n_embd)
            self.positions = nn.Embedding(c.block_size, c.n_embd)
            self.blocks = nn.ModuleList(Block(c) for _ in range(c.n_layer))
            self.norm = nn.LayerNorm(c.n_embd, bias=False)
            self.head = nn.Linear(c.n_embd, c.vocab_size)

    def forward(self, tokens):
        """Logits (B, T, V) for `tokens` (B, T), integers below V, T at most the context."""
        T = tokens.shape[1]
        if T > self.config.block_size:
            raise ValueError(
                f"{T} characters exceed the context of {self.config.block_size}"
            )
        at = torch.arange(T, device=tokens.device)  # (T,)
        x = self.characters(tokens) + self.positions(at)  # (B, T, C)
        for block in self.blocks:
            x = block(x)  # (B, T, C)
        return self.head(self.norm(x))  # (B, T, V)


def check_finite(model: nn.Module) -> None:
    """Raise a ValueError that names the first weight of `model` with a NaN or infinity."""
    for name, weight in model.named_parameters():
        if not weight.isfinite().all():
            raise ValueError(
                f"{name} has weights that are not finite: training has diverged;"
                " train again with a lower learning rate"
            )


def parameter_count(c: GPTConfig) -> int:
    """Trainable numbers of a model of this shape."""
    attention = 3 * c.n_embd**2 + c.n_embd**2 + c.n_embd  # q, k, v; output with bias
    mlp = 8 * c.n_embd**2
    norms = 2 * c.n_embd
    embeddings = (c.vocab_size + c.block_size) * c.n_embd
    head = c.n_embd + c.n_embd * c.vocab_size + c.vocab_size  # last norm, weights, bias
    return embeddings + c.n_layer * (attention + mlp + norms) + head


def flops_per_token(c: GPTConfig, length: float) -> float:
    """Floating-point operations of the forward pass, per character.

    A matrix product costs one multiplication and one addition per weight and token;
    attention adds 2·2·C per earlier position (all `length` of them, as dense kernels
    compute and PyTorch counts). Training costs three times as much: backward is twice
    forward (Kaplan et al., 2020).
    """
    matrices = c.n_layer * 12 * c.n_embd**2 + c.n_embd * c.vocab_size
    return 2.0 * matrices + 4.0 * c.n_layer * c.n_embd * length


def training_flops(c: GPTConfig, length: float) -> float:
    """Operations of forward and backward together, per character trained on."""
    return 3.0 * flops_per_token(c, length)
