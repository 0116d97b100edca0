"""Made-up programs with scores and labels, and plans of them."""

import numpy as np
import pytest

from curriculum.ordering import plan as P
from curriculum.ordering import schedules as S


@pytest.fixture(scope="session")
def few():
    """(ids, scores, labels) of 240 programs; their scores have many ties."""
    scores = np.random.default_rng(0).normal(size=240).round(1)
    return np.arange(240) + 1000, scores, np.digitize(scores, [-0.4, 0.4])


@pytest.fixture(scope="session")
def originals(few):
    """Their (scores, labels), by program id."""
    scores, labels = np.zeros(1240), np.zeros(1240, int)
    scores[few[0]], labels[few[0]] = few[1:]
    return scores, labels


@pytest.fixture(scope="session")
def plan_of(few):
    """A plan of 60 steps of 16 of these programs; some are shown several times."""

    def make(name="incremental", scored=few, seed=0, steps=60, batch=16, **options):
        return P.Plan(S.get(name, **options), *scored, seed, steps, batch)

    return make
