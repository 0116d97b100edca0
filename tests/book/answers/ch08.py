import numpy as np

from curriculum.experiments.experiment import load_data
from curriculum.experiments.spec import Experiment
from curriculum.ordering import schedules
from curriculum.ordering.schedules import LevelSelection, Schedule, Stage
from exercises import ch08 as check

data = load_data(Experiment(scale="smoke"))
held = np.bincount(data.labels[data.train], minlength=3)


def only(label, length=1):
    return Stage((LevelSelection(label),), length)


def three(*lengths, labels=check.LABELS):
    return Schedule("three", tuple(map(only, labels, lengths)))


def replay(share, end="random", second=True):
    old = LevelSelection("easy", share, end)
    medium, hard = LevelSelection("medium"), LevelSelection("hard")
    stages = (
        only("easy"),
        Stage((old, medium) if second else (medium,)),
        Stage((old, hard)),
    )
    return Schedule("rehearsal", stages)


def trial(schedule):
    """Without training: what is replayed is kept."""
    return (0.30, 0.50) if schedule is None else (0.05, 0.51)


def useless(schedule):
    return (0.30, 0.50) if schedule is None else (0.29, 0.51)


TRUE = {name: holds for name, (holds, _) in check.HOLDS.items()}
WRONG = {
    check.forgetting: [
        (None, None),
        (0.72 - 1.20, 0.1),
        (0.25, 0.1),
        (0.07, 0.1),
        (0.17, 0.25),
        (0.17, None),
        ("0.17", 0.1),
        (-0.17, -0.1),
    ],
    check.objections: [
        None,
        {},
        dict.fromkeys("ABCDE"),
        dict.fromkeys("ABCDE", True),
        TRUE | {"D": False},
        TRUE | {"A": "yes"},
    ],
    check.fair: [
        (answer, data)
        for answer in (
            None,
            "fair",
            schedules.baseline(),
            schedules.sequential(),
            three(1, 1, 1),
            three(*map(int, held), labels=("hard", "medium", "easy")),
            three(*map(int, held[::-1])),
        )
    ],
    check.rehearsal: [
        (answer, data, trial)
        for answer in (
            None,
            schedules.sequential(),
            schedules.incremental(),
            schedules.baseline(),
            replay(1.0),
            replay(0.1, second=False),
        )
    ]
    + [(replay(0.2), data, useless)],
}
RIGHT = {
    check.forgetting: [(0.17, 0.10), (np.float64(0.17), 0.1)],
    check.objections: [TRUE, dict(reversed(TRUE.items()))],
    check.fair: [(three(*map(int, held)), data), (three(*(held / 2.0).tolist()), data)],
    check.rehearsal: [
        (replay(0.2), data, trial),
        (replay(0.15, "hardest"), data, trial),
    ],
}
