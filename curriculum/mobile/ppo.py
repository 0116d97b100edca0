"""Proximal policy optimisation (PPO), as the field writes it, for many users at once.

- One small network decides for each user separately and is shared by all of them, so the
  same weights serve two users or ten. The value of a state is the mean over its users.
- Clipped objective, generalised advantage estimation (GAE), entropy bonus, Adam.
- The action of a state is what all its users do: log-probabilities add over users.
- Episodes end by the clock, not by failure: the value of the last state is counted on.
- `tests/mobile/test_ppo.py` makes one update beside stable-baselines3: equal weights.

Source: Schulman and others (2017); Huang and others (2022) for the details.
Chapter 20 explains it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import nn
from torch.distributions import Categorical

from .world import ACTIONS, FEATURES


@dataclass(frozen=True)
class Settings:
    """What PPO leaves open; stable-baselines3's defaults, except where said."""

    discount: float = 0.99  # weight of a reward one step later
    smoothing: float = 0.95  # GAE's lambda
    clip: float = 0.2  # how far a probability may move, as a ratio
    epochs: int = 4  # passes over each batch of episodes (the library: 10)
    minibatches: int = 4
    rate: float = 1e-3  # of Adam (the library: 3e-4, with more updates)
    entropy: float = 0.0  # bonus for undecided policies
    value: float = 0.5  # weight of the value's squared error
    norm: float = 0.5  # gradients are shortened to this length


class Policy(nn.Module):
    """Observation of a user → logits of the user's actions; and the value of a state."""

    def __init__(self, features=FEATURES, actions=ACTIONS, width=64, generator=None):
        super().__init__()

        def layer(inputs, outputs, scale=2**0.5):
            linear = nn.Linear(inputs, outputs)
            nn.init.orthogonal_(linear.weight, scale, generator)
            nn.init.zeros_(linear.bias)
            return linear

        def net(out, scale):
            return nn.Sequential(
                layer(features, width), nn.Tanh(), layer(width, width), nn.Tanh(),
                layer(width, out, scale),
            )  # fmt: skip

        self.actor = net(actions, 0.01)  # small: all actions begin nearly equal
        self.critic = net(1, 1.0)

    def forward(self, seen) -> tuple[torch.Tensor, torch.Tensor]:
        """(B, U, features) → logits (B, U, actions), values (B,)."""
        return self.actor(seen), self.critic(seen).mean((-2, -1))


def actor(policy: Policy, generator: torch.Generator | None = None):
    """A function of observations for `rules.play`: sampled, or greedy without generator."""

    @torch.no_grad()
    def act(seen):
        logits = policy.actor(torch.from_numpy(seen))  # (E, U, A)
        return _choose(logits, generator).numpy()

    return act


def _choose(logits, generator):
    if generator is None:
        return logits.argmax(-1)
    odds = logits.softmax(-1).flatten(0, -2)
    return torch.multinomial(odds, 1, generator=generator).view(logits.shape[:-1])


@dataclass
class Rollout:
    """T steps of E episodes side by side."""

    seen: torch.Tensor  # (T, E, U, F)
    actions: torch.Tensor  # (T, E, U)
    log_prob: torch.Tensor  # (T, E) of what all users of an episode did
    values: torch.Tensor  # (T, E)
    rewards: torch.Tensor  # (T, E)
    last: torch.Tensor  # (E,) value of the state after the last step


@torch.no_grad()
def collect(world, policy: Policy, generator: torch.Generator) -> Rollout:
    """Play `world` to the end of its episodes with sampled actions."""
    seen, rows = torch.from_numpy(world.observe()), []
    for _ in range(world.horizon):
        logits, values = policy(seen)
        actions = _choose(logits, generator)
        after, reward = world.step(actions.numpy())
        log_prob = Categorical(logits=logits).log_prob(actions).sum(-1)
        reward = torch.from_numpy(np.asarray(reward, np.float32))
        rows.append((seen, actions, log_prob, values, reward))
        seen = torch.from_numpy(after)
    states, actions, log_prob, values, rewards = map(
        torch.stack, zip(*rows, strict=True)
    )
    return Rollout(states, actions, log_prob, values, rewards, policy(seen)[1])


def advantages(rewards, values, last, discount: float, smoothing: float):
    """GAE: how much better each step went than the value had predicted.

    Args: rewards, values: (T, E). last: (E,) value after the last step.
    Returns: (T, E); adding `values` gives the targets of the value.
    """
    after = torch.cat([values[1:], last[None]])
    surprise = rewards + discount * after - values  # (T, E)
    out, carried = torch.empty_like(values), torch.zeros_like(last)
    for t in reversed(range(len(rewards))):
        carried = surprise[t] + discount * smoothing * carried
        out[t] = carried
    return out


def loss(policy, seen, actions, old, advantage, target, settings=Settings()):
    """PPO's loss of a minibatch of B states.

    Args: seen: (B, U, F). actions: (B, U). old: (B,) log-probabilities when played.
        advantage, target: (B,).
    """
    logits, values = policy(seen)
    choice = Categorical(logits=logits)
    ratio = (choice.log_prob(actions).sum(-1) - old).exp()  # (B,)
    advantage = (advantage - advantage.mean()) / (advantage.std() + 1e-8)
    clipped = ratio.clamp(1 - settings.clip, 1 + settings.clip)
    gain = torch.min(ratio * advantage, clipped * advantage).mean()
    error = (values - target).square().mean()
    entropy = choice.entropy().sum(-1).mean()
    return settings.value * error - gain - settings.entropy * entropy


def update(policy, optimizer, rollout: Rollout, generator, settings=Settings()) -> None:
    """Some passes over a rollout's states in random minibatches."""
    r = rollout
    advantage = advantages(
        r.rewards, r.values, r.last, settings.discount, settings.smoothing
    )
    columns = (r.seen, r.actions, r.log_prob, advantage, advantage + r.values)
    flat = [column.flatten(0, 1) for column in columns]
    for _ in range(settings.epochs):
        order = torch.randperm(len(flat[0]), generator=generator)
        for rows in order.chunk(settings.minibatches):
            optimizer.zero_grad()
            s, a, old, gain, target = (column[rows] for column in flat)
            loss(policy, s, a, old, gain, target, settings).backward()
            nn.utils.clip_grad_norm_(policy.parameters(), settings.norm)
            optimizer.step()


def optimizer_of(policy, settings=Settings()) -> torch.optim.Adam:
    """Adam as PPO uses it."""
    return torch.optim.Adam(policy.parameters(), lr=settings.rate, eps=1e-5)
