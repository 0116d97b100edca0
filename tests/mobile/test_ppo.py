"""PPO: by hand, on a problem that anybody can solve, and beside stable-baselines3."""

import copy

import numpy as np
import pytest
import torch

from curriculum.mobile import ppo


class Guess:
    """The first feature says which action pays 1; the others pay 0."""

    horizon = 20

    def __init__(self, seed, copies=8, users=1):
        self.rng, self.shape = np.random.default_rng(seed), (copies, users)
        self._draw()

    def _draw(self):
        self.right = self.rng.integers(0, 4, self.shape)

    def observe(self):
        seen = np.zeros((*self.shape, 7), np.float32)
        np.put_along_axis(seen, self.right[..., None], 1, 2)
        return seen

    def step(self, actions):
        reward = (actions == self.right).mean(-1)
        self._draw()
        return self.observe(), reward


@pytest.mark.parametrize("users", [1, 2])
def test_solves_a_trivial_problem(users):
    chance = torch.Generator().manual_seed(0)
    policy = ppo.Policy(generator=chance)
    optimizer = ppo.optimizer_of(policy, settings := ppo.Settings(rate=3e-3))
    for seed in range(30):
        rollout = ppo.collect(Guess(seed, users=users), policy, chance)
        ppo.update(policy, optimizer, rollout, chance, settings)
    last = ppo.collect(Guess(99, users=users), policy, chance).rewards.mean()
    assert last > 0.9


def test_advantages_by_hand():
    rewards, values = torch.tensor([[1.0], [2.0]]), torch.tensor([[0.5], [1.0]])
    found = ppo.advantages(rewards, values, torch.tensor([4.0]), 0.5, 0.5)
    # t=1: 2 + 0.5·4 − 1 = 3; t=0: 1 + 0.5·1 − 0.5 + 0.25·3 = 1.75
    assert found[:, 0].tolist() == [1.75, 3.0]


def test_the_ratio_is_clipped():
    policy = ppo.Policy(generator=torch.Generator().manual_seed(1))
    seen, actions = torch.rand(6, 2, 7), torch.zeros(6, 2, dtype=torch.long)
    advantage = torch.tensor([1.0, -1.0, 2.0, -2.0, 1.0, -1.0])
    old = torch.tensor([-9.0, 0.0] * 3)  # far less and far more likely than before
    target = policy(seen)[1].detach()
    loss = ppo.loss(policy, seen, actions, old, advantage, target)
    loss.backward()
    assert all(p.grad.abs().max() < 1e-6 for p in policy.actor.parameters())
    # The other way round the change made things worse, and is not protected.
    ppo.loss(policy, seen, actions, old, -advantage, target).backward()
    assert policy.actor[-1].weight.grad.abs().max() > 0.1


def test_log_probabilities_add_over_users():
    policy = ppo.Policy()
    rollout = ppo.collect(Guess(0, users=3), policy, torch.Generator().manual_seed(0))
    odds = policy(rollout.seen)[0].log_softmax(-1)
    taken = odds.gather(-1, rollout.actions[..., None])[..., 0].sum(-1)
    torch.testing.assert_close(taken, rollout.log_prob)


def test_users_may_change_places_and_number():
    policy = ppo.Policy()
    seen = torch.rand(4, 5, 7)
    logits, values = policy(seen)
    turned, same = policy(seen.flip(1))
    torch.testing.assert_close(turned, logits.flip(1))
    torch.testing.assert_close(same, values)
    assert policy(seen[:, :2])[0].shape == (4, 2, 4)
    # twice the same users: the mean utility, and so the value, stays what it was
    torch.testing.assert_close(policy(torch.cat([seen, seen], 1))[1], values)


def test_one_update_equals_stable_baselines3():
    gym = pytest.importorskip("gymnasium", reason="pip install -e '.[rl]'")
    sb3 = pytest.importorskip("stable_baselines3", reason="pip install -e '.[rl]'")
    from stable_baselines3.common.logger import Logger

    class Env(gym.Env):
        observation_space = gym.spaces.Box(-1, 1, (7,))
        action_space = gym.spaces.Discrete(4)

        def reset(self, *, seed=None, options=None):
            return np.zeros(7, np.float32), {}

    T, settings = 64, ppo.Settings(epochs=3, minibatches=1, entropy=0.01)
    theirs = sb3.PPO(
        "MlpPolicy", Env(), n_steps=T, batch_size=T, n_epochs=3, ent_coef=0.01,
        learning_rate=1e-3, device="cpu",
    )  # fmt: skip
    theirs.set_logger(Logger(None, []))
    ours = ppo.Policy(generator=torch.Generator().manual_seed(3))
    before = copy.deepcopy(ours.state_dict())

    def pairs():
        net = theirs.policy.mlp_extractor
        for mine, body, head in (
            (ours.actor, net.policy_net, theirs.policy.action_net),
            (ours.critic, net.value_net, theirs.policy.value_net),
        ):
            yield from zip(
                [mine[0], mine[2], mine[4]], [body[0], body[2], head], strict=True
            )

    with torch.no_grad():
        for mine, their in pairs():
            their.weight.copy_(mine.weight)
            their.bias.copy_(mine.bias)
    world = Guess(5, copies=1)
    world.horizon = T
    rollout = ppo.collect(world, ours, torch.Generator().manual_seed(4))
    buffer = theirs.rollout_buffer
    buffer.reset()
    for t in range(T):
        row = (rollout.seen[t, 0], rollout.actions[t], rollout.rewards[t].numpy())
        first = np.array([t == 0])
        buffer.add(*row, first, rollout.values[t], rollout.log_prob[t])
    buffer.compute_returns_and_advantage(rollout.last, np.array([False]))
    theirs.train()
    chance = torch.Generator().manual_seed(0)
    ppo.update(ours, ppo.optimizer_of(ours, settings), rollout, chance, settings)
    for mine, their in pairs():
        torch.testing.assert_close(mine.weight, their.weight, rtol=1e-4, atol=1e-5)
        torch.testing.assert_close(mine.bias, their.bias, rtol=1e-4, atol=1e-5)
    assert not torch.equal(before["actor.0.weight"], ours.actor[0].weight)
