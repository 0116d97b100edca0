"""The phone network, many copies at once, in NumPy.

- The physics of mobile-env 2.1 (Schneider and others, 2022): users walk to random
  places, signals fade with distance, a station shares its bandwidth among its users.
- `tests/mobile/test_world.py` plays both side by side: same places, links, rewards.
- An action toggles: a user with a link to station k who asks for k again loses it.
- The agent sees signals relative to the user's own best one. It does not see whether a
  station is within reach, and learns it only from the utility that follows.
- Letters: E environments, U users, S = 3 stations (missing ones have no signal).

Chapter 20 explains it.
"""

from __future__ import annotations

import numpy as np

from .spec import EPISODE, MOST_STATIONS, SIDE, Stage

BANDWIDTH = 9e6  # Hz, of each station
FREQUENCY = 2500  # MHz
POWER = 30  # dBm, sent by a station
STATION_HEIGHT, USER_HEIGHT = 50, 1.5  # metres
NOISE = 1e-9  # the library's number, as are all of these
THRESHOLD = 2e-8  # least signal-to-noise ratio that carries a link
BEST = 20  # utility is clipped at ±20, and divided by 20
FEATURES, ACTIONS = 2 * MOST_STATIONS + 1, MOST_STATIONS + 1


def path_loss(distance) -> np.ndarray:
    """Loss in dB over a distance: the Okumura–Hata model of a city.

    Args: distance: in map units. The formula means kilometres and the library gives it
        map units, so signals are weak and a station reaches about 69 units far.
    """
    f, h = np.log10(FREQUENCY), np.log10(STATION_HEIGHT)
    antenna = 0.8 + (1.1 * f - 0.7) * USER_HEIGHT - 1.56 * f
    constant = 69.55 - antenna + 26.16 * f - 13.82 * h
    return constant + (44.9 - 6.55 * h) * np.log10(distance + 1e-16)


def utility(rate) -> np.ndarray:
    """Worth of a data rate, in [-1, 1]: log10(rate) / 2; -1 without a link.

    Half the rate costs 0.15, wherever one stands; the weakest link alone is worth -0.29.
    """
    decibels = 10 * np.log10(np.where(rate > 0, rate, 1e-9))
    worth = np.clip(decibels, -BEST, BEST) / BEST
    return worth


class World:
    """E copies of a stage's environment, one episode each.

    Args:
        stage: its number of steps is not used; an episode has `horizon`.
        seeds: (E,) one for each copy; an episode is a function of stage, seed and actions.
    """

    def __init__(self, stage: Stage, seeds, horizon: int = EPISODE):
        self.stage, self.horizon, self.time = stage, horizon, 0
        E, U = len(seeds), stage.users
        missing = MOST_STATIONS - len(stage.stations)
        self.stations = np.array([*stage.stations, *[(np.inf, np.inf)] * missing])
        # The library draws places from a generator with the seed plus four.
        n = U * (1 + horizon)
        generators = [np.random.default_rng(int(seed) + 4) for seed in seeds]
        self._draws = SIDE * np.stack(
            [g.random((n, 2)) for g in generators]
        )  # (E, n, 2)
        self._used = np.full(E, U)
        self.place = self._draws[:, :U].copy()  # (E, U, 2)
        self.goal = np.zeros((E, U, 2))
        self.walking = np.zeros((E, U), bool)  # has a place to go to
        self.links = np.zeros((E, U, MOST_STATIONS), bool)
        self.utility = np.full((E, U), -1.0)
        self.rate = np.zeros((E, U))
        self._measure()

    @property
    def environment(self) -> tuple:
        """What was played, read off the arrays: compare with `Stage.environment`."""
        real = self.stations[np.isfinite(self.stations[:, 0])]
        places = tuple(tuple(map(float, xy)) for xy in real)
        return places, self.place.shape[1], self.stage.velocity, self.stage.reward

    def observe(self) -> np.ndarray:
        """(E, U, 7): own links, signals relative to the best, own utility."""
        relative = self.snr / self.snr.max(-1, keepdims=True)
        parts = (self.links, relative, self.utility[..., None])
        return np.concatenate(parts, -1).astype(np.float32)

    def step(self, actions) -> tuple[np.ndarray, np.ndarray]:
        """Toggle links, serve users, let them walk.

        Args: actions: (E, U) 0 does nothing, k toggles the link to station k.
        Returns: observations (E, U, 7) after the walk, rewards (E,) before it.
        Raises: ValueError: the episode is over.
        """
        if self.time >= self.horizon:
            raise ValueError(
                f"the episode is over after {self.horizon} steps; make a new World"
            )
        self.links &= self.reach  # who walked out of reach
        toggled = np.asarray(actions)[..., None] == np.arange(1, MOST_STATIONS + 1)
        self.links ^= toggled & self.reach  # (E, U, S)
        self._serve()
        reward = self._reward()
        self._walk()
        self._measure()
        self.time += 1
        return self.observe(), reward

    def _measure(self):
        """Signal-to-noise ratios; the library rounds places down to whole units."""
        away = np.floor(self.place)[:, :, None] - np.floor(
            self.stations
        )  # (E, U, S, 2)
        distance = np.sqrt((away**2).sum(-1))
        self.snr = 10 ** ((POWER - path_loss(distance)) / 10) / NOISE  # (E, U, S)
        self.reach = self.snr > THRESHOLD

    def _serve(self):
        """Each station shares its bandwidth equally among its users."""
        shared = np.maximum(self.links.sum(1, keepdims=True), 1)  # (E, 1, S)
        rates = BANDWIDTH * np.log2(1 + self.snr) * self.links / shared
        self.rate = rates.sum(-1)  # (E, U)
        self.utility = utility(self.rate)

    def _reward(self) -> np.ndarray:
        if self.stage.reward == "connected":
            return 2 * self.links.any(-1).mean(-1) - 1
        return self.utility.mean(-1)

    def _walk(self):
        """Random waypoints: choose a place, go there in a straight line, choose again."""
        new = ~self.walking
        at = self._used[:, None] + np.cumsum(new, 1) - 1  # users draw in their order
        at = np.minimum(at, self._draws.shape[1] - 1)
        drawn = np.take_along_axis(self._draws, at[..., None], 1)  # (E, U, 2)
        self.goal = np.where(new[..., None], drawn, self.goal)
        self._used += new.sum(1)
        way = self.goal - self.place
        length = np.sqrt((way**2).sum(-1, keepdims=True))
        arrived = length <= self.stage.velocity
        stride = self.stage.velocity * way / np.where(length > 0, length, 1)
        self.place = np.where(arrived, self.goal, self.place + stride)
        self.walking = ~arrived[..., 0]
