"""A key-value cache: a text is read piece by piece, and no place of it twice.

- `KVCache.read` is `GPT.forward` with a memory. In each layer the keys and values of what was
  read before are kept, and the new places attend to them and to each other.
- `evaluation.generate` writes one character at a time with it; `evaluation.fast_cache` lets
  many continuations share one; `onnx` writes it into a file.

Paper: Pope et al. (2023). Chapter 12 draws it and counts what it saves.
"""

from __future__ import annotations

import torch
from torch.nn import functional as F

from .model import GPT


class KVCache:
    """The keys and values of all tokens read so far, so that none is computed twice.

    Raises: ValueError: a model whose forward pass is not that of `GPT`, which `read` repeats.
    """

    def __init__(self, model: GPT):
        if type(model).forward is not GPT.forward:
            raise ValueError(
                f"{type(model).__name__} has a forward pass of its own; a cache reads with"
                " that of GPT. Use GPT, or call the model on whole texts"
            )
        self.model = model
        self.keys = [None] * model.config.n_layer  # each (B, H, S, D), S tokens read
        self.values = [None] * model.config.n_layer

    @property
    def length(self) -> int:
        """S, how many tokens were read; the next one stands at this position."""
        return 0 if self.keys[-1] is None else self.keys[-1].shape[2]

    def read(self, tokens):
        """Logits (B, T, V) of the next `tokens` (B, T): `GPT.forward` with a memory."""
        total = self.length + tokens.shape[1]
        if total > self.model.config.block_size:
            raise ValueError(
                f"{total} characters exceed the context of {self.model.config.block_size}"
            )
        return self.read_unchecked(tokens)

    def read_unchecked(self, tokens):
        """`read`, without asking whether there is room."""
        model, S, T = self.model, self.length, tokens.shape[1]
        at = torch.arange(S, S + T, device=tokens.device)  # (T,)
        if self.keys[-1] is None:
            mask: dict = {"is_causal": True}
        else:  # new token t sees the S old ones and the new ones up to itself
            places = torch.arange(S + T, device=tokens.device)
            mask = {"attn_mask": places <= at[:, None]}  # (T, S + T)
        x = model.characters(tokens) + model.positions(at)  # (B, T, C)
        for layer, block in enumerate(model.blocks):
            q, k, v = block.attention.project(block.norm1(x))  # each (B, H, T, D)
            k, v = self._append(layer, k, v)  # (B, H, S + T, D)
            y = F.scaled_dot_product_attention(q, k, v, **mask)
            x = x + block.attention.out(y.transpose(1, 2).reshape(x.shape))
            x = x + block.mlp(block.norm2(x))  # (B, T, C)
        return model.head(model.norm(x))

    def _append(self, layer, k, v):
        """Add k and v (B, H, T, D) of the next T tokens; returns all S + T of each."""
        if self.keys[layer] is not None:
            k = torch.cat([self.keys[layer], k], dim=2)  # (B, H, S + T, D)
            v = torch.cat([self.values[layer], v], dim=2)
        self.keys[layer], self.values[layer] = k, v
        return k, v
