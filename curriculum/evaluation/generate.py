"""Generation: a model continues a text, one character at a time.

- `sample_next_token` turns the logits of a position into a character: the likeliest one,
  or a draw from the softmax at temperature 1.
- `generate` reads the prompt once and then one character a step: a `KVCache` keeps the
  keys and values of all characters before.
- A draw depends on the seed, the prompt and the place of the character, on nothing else:
  not on the other prompts, the batch or a generator that others use too.

Paper: Pope et al. (2023) for the cache. Chapter 12 measures what it saves.
"""

from __future__ import annotations

import torch

from ..files import hash_uniform
from ..kv_cache import KVCache
from ..model import check_finite


def sample_next_token(logits, u=None):
    """The next token (…) for logits (…, V): the likeliest, or a draw from the softmax.

    Args: u: (…) uniform numbers in [0, 1). Each decides one draw: the first token whose
    cumulative probability exceeds u. Where u is negative, and everywhere if it is None,
    the likeliest token is taken.
    """
    likeliest = logits.argmax(-1)
    if u is None:
        return likeliest
    cumulative = logits.softmax(-1).cumsum(-1)  # (…, V)
    drawn = (cumulative < u[..., None] * cumulative[..., -1:]).sum(-1)
    return torch.where(u < 0, likeliest, drawn)


@torch.no_grad()
def generate(
    model, prompts, max_new_tokens: int, stop=(), seed: int | None = None
) -> list[torch.Tensor]:
    """Continue each prompt by up to `max_new_tokens` tokens, within the context.

    Args:
        prompts: list of 1-D integer tensors, at least one token each.
        stop: tokens that end a text as soon as it ends in them, such as (n, n) with the
            line break n for a blank line; the prompt's end counts. (): nothing does.
        seed: of the draws from the softmax at temperature 1; None takes the likeliest.
            Equal prompts get equal texts; for another draw, give another seed.
    Returns: list of 1-D tensors, the new tokens alone, `stop` included.
    Raises: ValueError: no prompt, an empty one, or one longer than the context.
    """
    check_finite(model)
    if not len(prompts):
        raise ValueError("prompts is empty; generation needs at least one prompt")
    stop, new = list(stop), []
    for number, prompt in enumerate(prompts):
        if not len(prompt):
            raise ValueError(f"prompt {number} is empty; it needs at least one token")
        text = prompt.tolist()
        room = min(max_new_tokens, model.config.block_size - len(text))
        cache = KVCache(model)
        tokens = prompt.long()[None].to(model.head.weight.device)  # (1, T)
        for u in _uniform(seed, text, room):
            logits = cache.read(tokens)[:, -1]  # (1, V)
            chosen = sample_next_token(logits, logits.new_tensor([u]))  # (1,)
            text.append(int(chosen))
            tokens = chosen[:, None]  # (1, 1), read in the next turn
            if stop and text[-len(stop) :] == stop:
                break
        new.append(torch.tensor(text[len(prompt) :], dtype=torch.long))
    return new


def _uniform(seed, prompt, n):
    """n numbers for `sample_next_token`: -1 without a seed, else keyed by the prompt."""
    if n < 0:
        raise ValueError(f"a prompt has {len(prompt)} tokens, more than the context")
    if seed is None:
        return [-1.0] * n
    return hash_uniform(range(n), "generate", seed, prompt).tolist()
