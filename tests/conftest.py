"""What several test files share: one small corpus, and a quiet place for caches."""

import dataclasses

import pytest
import torch

from curriculum.experiments import experiment


@pytest.fixture(scope="session", autouse=True)
def one_thread():
    """The models here are tiny; more threads only wait for each other."""
    torch.set_num_threads(1)


@pytest.fixture(scope="session", autouse=True)
def cache(tmp_path_factory):
    """Caches go to a temporary folder, so that tests see no earlier run."""
    patch = pytest.MonkeyPatch()
    folder = tmp_path_factory.mktemp("cache")
    patch.setenv("CURRICULUM_CACHE", str(folder))
    yield folder
    patch.undo()


@pytest.fixture(scope="session")
def smoke():
    """A seconds-long experiment and its data."""
    e = experiment.Experiment(schedule="incremental", scale="smoke", study="tests")
    return e, experiment.load_data(e)


@pytest.fixture
def resolved(smoke):
    """The resolved smoke experiment; change the schedule by name."""

    def make(schedule="incremental", **fields):
        e = dataclasses.replace(smoke[0], schedule=schedule, **fields)
        return experiment.resolve(e, smoke[1])

    return make


@pytest.fixture
def arm(resolved):
    """(experiment, data, plan, fresh model) of the smoke arm."""

    def make(schedule="incremental", **fields):
        found = resolved(schedule, **fields)
        return found.experiment, found.data, found.plan, found.model

    return make
