"""Play a curriculum with PPO, and audit what was played.

- Before each batch of episodes the author is asked; a batch stays inside one stage.
- What was played is read off each `World`, not off the plan: the audit compares the two.
- An episode's seed depends on the run's seed and on its number alone, so the runs of one
  seed meet the same walks as far as their stages agree.
- Test episodes are the same for all runs, and are never trained on.

Chapter 20 rests on its records.
"""

from __future__ import annotations

import base64
import dataclasses
import time
import zlib
from dataclasses import dataclass, field

import numpy as np
import torch

from ..ordering.audit import Audit, audit
from . import ppo, rules, spec
from .authors import BATCH, Author, Request
from .spec import EPISODE, TARGET, UNSEEN, Curriculum
from .world import World

TESTS = {
    "target": TARGET,
    "unseen": UNSEEN,  # other stations, 6 users
    "crowd": dataclasses.replace(TARGET, users=10),
}
TEST_SEEDS = range(1_000_000_000, 1_000_000_200)  # 200 episodes
CURVE_SEEDS = range(2_000_000_000, 2_000_000_050)  # 50 others, along the training


@dataclass
class Run:
    """A learner after its curriculum."""

    policy: ppo.Policy
    curriculum: Curriculum  # the author's last answer: what was to be played
    audit: Audit
    curve: list[dict] = field(default_factory=list)  # step, stage, sampled
    seconds: float = 0.0  # of training alone


def train(author: Author, seed: int, total: int, every: int = 0, settings=None) -> Run:
    """Train a new policy on what `author` says.

    Args:
        total: steps, over all stages. every: steps between tests for the curve; 0: none.
    Raises: ValueError: the author's curriculum has another number of steps.
    """
    settings = settings or ppo.Settings()
    chance = torch.Generator().manual_seed(seed)
    policy = ppo.Policy(generator=chance)
    optimizer = ppo.optimizer_of(policy, settings)
    rewards, played, curve, seconds = [], [], [], 0.0
    while (step := len(played) * EPISODE) < total:
        curriculum = author(Request(total, seed, TARGET, tuple(rewards)))
        if curriculum.steps != total:
            raise ValueError(
                f"{curriculum.name} has {curriculum.steps} steps; {total} were asked for"
            )
        stage, left = _now(curriculum, step)
        count = min(BATCH, left // EPISODE)
        first = seed * 1_000_000 + len(played)
        begin = time.process_time()
        world = World(stage, range(first, first + count))
        rollout = ppo.collect(world, policy, chance)
        ppo.update(policy, optimizer, rollout, chance, settings)
        seconds += time.process_time() - begin
        rewards.append(float(rollout.rewards.mean()))
        played += [world.environment] * count
        step += count * EPISODE
        if every and (step // every > (step - count * EPISODE) // every):
            act = ppo.actor(policy, torch.Generator().manual_seed(0))
            score = rules.play(act, TARGET, CURVE_SEEDS).mean()
            curve.append({"step": step, "sampled": round(float(score), 4)})
    delivered = [[spec.recognise(curriculum, one)] for one in played]
    found = audit(delivered, spec.plan(curriculum))
    return Run(policy, curriculum, found, curve, seconds)


def _now(curriculum, step):
    """The stage that step `step` lies in, and the steps left in it."""
    for stage in curriculum.stages:
        if step < stage.steps:
            return stage, stage.steps - step
        step -= stage.steps
    raise ValueError(
        f"{curriculum.name} ends {step} steps earlier; ask for fewer steps"
    )


def test(policy, seeds=TEST_SEEDS) -> dict:
    """{test: {"sampled" or "greedy": (episodes,) mean rewards}}."""
    return {
        name: {
            "sampled": rules.play(
                ppo.actor(policy, torch.Generator().manual_seed(0)), stage, seeds
            ),
            "greedy": rules.play(ppo.actor(policy), stage, seeds),
        }
        for name, stage in TESTS.items()
    }


def record(run: Run, arm: str, seed: int, provenance: dict, settings=None) -> dict:
    """The run as JSON: spec, audit, curve, tests episode by episode, cost, provenance."""
    begin = time.process_time()
    tests = test(run.policy)
    return {
        "what": f"networks: one run, {arm}, seed {seed}",
        "arm": arm,
        "seed": seed,
        "curriculum": spec.as_json(run.curriculum),
        "settings": dataclasses.asdict(settings or ppo.Settings()),
        "audit": {
            "ok": run.audit.ok,
            "planned": run.audit.planned_steps,
            "played": run.audit.steps,
            "text": str(run.audit),
        },
        "curve": run.curve,
        "tests": {
            name: {how: pack(values) for how, values in two.items()}
            for name, two in tests.items()
        },
        "seconds": {
            "training": round(run.seconds, 2),
            "testing": round(time.process_time() - begin, 2),
        },
        "provenance": provenance,
    }


def pack(values) -> str:
    """Rewards in [-1, 1] as text: ten-thousandths in 16 bits, compressed."""
    whole = np.rint(np.asarray(values) * 10_000).astype("<i2")
    return base64.b85encode(zlib.compress(whole.tobytes(), 9)).decode()


def unpack(text: str) -> np.ndarray:
    """What `pack` kept."""
    return np.frombuffer(zlib.decompress(base64.b85decode(text)), "<i2") / 10_000
