"""A training step in its plainest form: rows gathered one by one, one large batch.

- As the released code is described: windows are cut out of one long stream one at a time
  and stacked; the loss is a mean over the batch; AdamW with its defaults.
- Whole programs are the same loop over rows padded to the longest of the step.

Paper: Naïr et al. (2024).
"""

import torch
import torch.nn.functional as F

from ...model import GPT
from ...training.batches import IGNORE
from .reference_model import ReferenceGPT


class ReferenceTrainer:
    """A plain copy of a model, its optimizer, and a step on rows made in a loop."""

    def __init__(self, gpt: GPT, rate: float = 1e-3):
        self.model = ReferenceGPT.of(gpt).train()
        self.adam = torch.optim.AdamW(self.model.parameters(), lr=rate, foreach=False)

    def on_windows(self, stream, starts, window: int) -> float:
        """One step on the windows of `stream` (long) that begin at `starts` (B,)."""
        inputs = torch.stack([stream[i : i + window] for i in starts])
        targets = torch.stack([stream[i + 1 : i + 1 + window] for i in starts])
        return self.step(inputs, targets)

    def on_programs(self, programs) -> float:
        """One step on whole programs, each a tensor of tokens (t,)."""
        longest = max(len(p) for p in programs) - 1
        inputs = torch.zeros(len(programs), longest, dtype=torch.long)
        targets = torch.full_like(inputs, IGNORE)
        for row, p in enumerate(programs):
            inputs[row, : len(p) - 1] = p[:-1]
            targets[row, : len(p) - 1] = p[1:]
        return self.step(inputs, targets)

    def step(self, inputs, targets) -> float:
        """The loss before the step, in nats per character."""
        device = next(self.model.parameters()).device
        logits = self.model(inputs.to(device))  # (B, T, V)
        loss = F.cross_entropy(
            logits.flatten(0, 1), targets.to(device).flatten(), ignore_index=IGNORE
        )
        self.adam.zero_grad()
        loss.backward()
        self.adam.step()
        return loss.item()
