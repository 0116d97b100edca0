"""The same GPT in its plainest form: a Python loop over the heads, written-out softmax.

- As the released code is described: every head has its own three projections, its scores
  are softmax(QKᵀ/√D) under a stored causal mask, and the heads are put side by side.
- `ReferenceGPT.of(gpt)` copies the weights of a `model.GPT`, so that both give the same
  logits; a test holds them together.

Paper: Naïr et al. (2024).
"""

from __future__ import annotations

import math

import torch
import torch.nn as nn

from ...model import GPT, GPTConfig


class Head(nn.Module):
    """One head of causal attention."""

    def __init__(self, c: GPTConfig):
        super().__init__()
        size = c.n_embd // c.n_head
        self.query = nn.Linear(c.n_embd, size, bias=False)
        self.key = nn.Linear(c.n_embd, size, bias=False)
        self.value = nn.Linear(c.n_embd, size, bias=False)
        past = torch.tril(torch.ones(c.block_size, c.block_size, dtype=torch.bool))
        self.register_buffer("past", past, persistent=False)

    def forward(self, x):
        T = x.shape[1]
        q, k, v = self.query(x), self.key(x), self.value(x)  # each (B, T, D)
        scores = q @ k.transpose(-2, -1) / math.sqrt(q.shape[-1])  # (B, T, T)
        scores = scores.masked_fill(~self.past[:T, :T], -math.inf)
        return scores.softmax(-1) @ v  # (B, T, D)


class ReferenceBlock(nn.Module):
    """Attention, head by head, then the MLP."""

    def __init__(self, c: GPTConfig):
        super().__init__()
        self.norm1 = nn.LayerNorm(c.n_embd, bias=False)
        self.heads = nn.ModuleList(Head(c) for _ in range(c.n_head))
        self.out = nn.Linear(c.n_embd, c.n_embd)
        self.norm2 = nn.LayerNorm(c.n_embd, bias=False)
        self.mlp = nn.Sequential(
            nn.Linear(c.n_embd, 4 * c.n_embd, bias=False),
            nn.GELU(),
            nn.Linear(4 * c.n_embd, c.n_embd, bias=False),
        )

    def forward(self, x):
        h = self.norm1(x)
        x = x + self.out(torch.cat([head(h) for head in self.heads], dim=-1))
        return x + self.mlp(self.norm2(x))  # (B, T, C)


class ReferenceGPT(nn.Module):
    """Tokens (B, T) to logits (B, T, V), as plainly as possible."""

    def __init__(self, c: GPTConfig):
        super().__init__()
        self.config = c
        self.characters = nn.Embedding(c.vocab_size, c.n_embd)
        self.positions = nn.Embedding(c.block_size, c.n_embd)
        self.blocks = nn.ModuleList(ReferenceBlock(c) for _ in range(c.n_layer))
        self.norm = nn.LayerNorm(c.n_embd, bias=False)
        self.head = nn.Linear(c.n_embd, c.vocab_size)

    def forward(self, tokens):
        at = torch.arange(tokens.shape[1], device=tokens.device)
        x = self.characters(tokens) + self.positions(at)
        for block in self.blocks:
            x = block(x)
        return self.head(self.norm(x))

    @classmethod
    def of(cls, gpt: GPT) -> ReferenceGPT:
        """The reference with the weights, the device and the mode of `gpt`."""
        plain = cls(gpt.config)
        theirs = {}
        for name, tensor in gpt.state_dict().items():
            if name.endswith("attention.qkv.weight"):
                stem = name.removesuffix("attention.qkv.weight")
                parts = tensor.view(3, gpt.config.n_head, -1, gpt.config.n_embd)
                for kind, of_all in zip(("query", "key", "value"), parts, strict=True):
                    for h, weight in enumerate(of_all):
                        theirs[f"{stem}heads.{h}.{kind}.weight"] = weight
            else:
                theirs[name.replace("attention.out", "out")] = tensor
        plain.load_state_dict(theirs)
        return plain.to(gpt.head.weight.device).train(gpt.training)
