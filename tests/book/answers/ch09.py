import numpy as np

from curriculum.experiments.experiment import load_data
from curriculum.experiments.spec import Experiment
from curriculum.ordering import schedules
from curriculum.ordering.schedules import LevelSelection, Schedule, Stage
from exercises import ch09 as check

data = load_data(Experiment(scale="smoke"))
easy, medium, hard = held = np.bincount(data.labels[data.train], minlength=3)
N = len(data.train)
TIMES = 700 * 100 / 120 * 64 / N
FROM = 0.637  # of the quick study's programs


def law(pace):
    for power in (1, 2, 3):
        raised = [pace(u, 0.1, power) ** power for u in (0, 0.5, 1)]
        if abs(pace(0, 0.1, power) - 0.1) > 1e-9:
            return True
        if abs(raised[1] - (raised[0] + raised[2]) / 2) > 1e-9:
            return True
    return False


def by_formula(pace):
    for u in np.linspace(0, 1, 7):
        for power in (1, 3):
            true = (0.2**power + (1 - 0.2**power) * u) ** (1 / power)
            if abs(pace(u, 0.2, power) - true) > 1e-9:
                return True
    return False


def rebuilt(lengths, two=0.5, three=(0.25, 0.5), end="random"):
    def part(label, share):
        return LevelSelection(label, share, end)

    stages = (
        (LevelSelection("easy"),),
        (part("easy", two), LevelSelection("medium")),
        (part("easy", three[0]), part("medium", three[1]), LevelSelection("hard")),
    )
    return Schedule("equal", tuple(map(Stage, stages, lengths)))


E3 = 1.0
E2 = 0.5
E1 = 1 - 0.5 * E2 - 0.25 * E3
LENGTHS = (
    E1 * easy,
    E2 * (0.5 * easy + medium),
    E3 * (0.25 * easy + 0.5 * medium + hard),
)


def climb(u):
    if u < 1 / 3:
        return 0.25 + (FROM - 0.25) * 3 * u
    return min(1.0, FROM + 5.0 * (u - 1 / 3))


WRONG = {
    check.times: [
        (value, data)
        for value in (
            None,
            700 * 100 / 120 * 64 / hard,
            700 * 64 / N,
            1.0,
            "2.07",
            float("nan"),
        )
    ],  # fmt: skip
    check.reveals: [
        None,
        lambda pace: True,
        lambda pace: False,
        lambda pace: pace(1, 0.1, 2) != 1,
        lambda pace: abs(pace(0, 0.1, 2) - 0.1) > 1e-9,
        lambda pace: "yes",
        lambda pace: pace is not schedules.root and None,
        lambda: True,
    ],
    check.equal: [
        (answer, data)
        for answer in (
            None,
            "equal",
            schedules.baseline(),
            schedules.incremental(),
            rebuilt((25, 30, 65)),
            rebuilt(LENGTHS, two=1.0),
            rebuilt(LENGTHS[::-1]),
        )
    ],
    check.pace: [
        (answer, FROM)
        for answer in (
            None,
            lambda u: u,
            lambda u: 1.0,
            lambda u: 0.2 + 0.8 * u,
            lambda u: 0.2 if u < 1 / 3 else 1.0,
            lambda u: "0.5",
            lambda u: None,
            lambda u: 1.2 - u,
            lambda: 0.5,
        )
    ],
}
RIGHT = {
    check.times: [(round(TIMES, 2), data), (np.float64(TIMES), data)],
    check.reveals: [law, by_formula],
    check.equal: [(rebuilt(LENGTHS), data), (rebuilt(LENGTHS, end="hardest"), data)],
    check.pace: [(climb, FROM), (lambda u: np.float64(climb(u)), FROM)],
}
