"""Layers that are not trained compute the same in every run: once a text is enough.

- If LoRA adapts the upper layers alone, what the lower ones make of a text is the same before
  and after every step, in every arm of a study. `remember_lower` keeps it in memory.
- The model is called as before; loop, scores and recorder do not notice. With the upper third
  adapted, a step costs a third of the arithmetic, and so does a test.
- A text is computed by itself, whatever its batch, so a resumed run has the same bits.
- For models built like Llama, for training and scoring; not for writing answers.

Explained in chapter 19.
"""

from __future__ import annotations

import copy

import torch


def remember_lower(model, layers: int):
    """`model`, changed in place: its first `layers` layers are computed once a text.

    Args:
        model: as `LlamaForCausalLM`: `model.model.layers`, and no scale on embeddings.
        layers: how many, from the lowest; they keep their weights for good.
    Raises: ValueError: the model has not that many layers, or is of another kind.
    """
    inner = getattr(model, "model", None)
    if type(inner).__name__ != "LlamaModel":
        raise ValueError(f"the model is a {type(model).__name__}; it must be a Llama")
    if not 1 <= layers < len(inner.layers):
        raise ValueError(
            f"layers is {layers}; it must be from 1 to {len(inner.layers) - 1}, one less"
            " than the model has"
        )
    lower = copy.deepcopy(inner).eval().requires_grad_(False)
    lower.layers, lower.norm = lower.layers[:layers], torch.nn.Identity()
    lower.config.num_hidden_layers = layers
    inner.layers = inner.layers[layers:]
    inner.config.num_hidden_layers = len(inner.layers)
    known: dict[tuple, torch.Tensor] = {}  # {tokens, and places: (T, C)}

    @torch.no_grad()
    def recall(module, args, kwargs):
        tokens, mask = kwargs.pop("input_ids"), kwargs["attention_mask"]
        if mask.dim() == 4:  # one row that says which places see which
            places = kwargs["position_ids"]
            key = (*tokens[0].tolist(), -1, *places[0].tolist())
            if key not in known:
                more = {"attention_mask": mask, "position_ids": places}
                known[key] = lower(input_ids=tokens, use_cache=False, **more)[0]
            return args, kwargs | {"inputs_embeds": known[key]}
        rows = [row[:n].tolist() for row, n in zip(tokens, mask.sum(1), strict=True)]
        for row in rows:
            if tuple(row) not in known:
                x = torch.tensor([row], device=tokens.device)
                known[tuple(row)] = lower(input_ids=x, use_cache=False)[0][0]
        hidden = [known[tuple(row)] for row in rows]
        hidden = torch.nn.utils.rnn.pad_sequence(hidden, batch_first=True)  # (B, t, C)
        over = tokens.shape[1] - hidden.shape[1]
        hidden = torch.nn.functional.pad(hidden, (0, 0, 0, over))  # (B, T, C)
        return args, kwargs | {"inputs_embeds": hidden}

    inner.register_forward_pre_hook(recall, with_kwargs=True)
    return model
