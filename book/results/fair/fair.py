"""Sequential with the baseline's diet: every program is shown equally often."""

from curriculum.ordering.schedules import LevelSelection, Schedule, Stage

# Training programs of each label at scale quick: as many parts of the run.
POOLS = {"easy": 3795, "medium": 7716, "hard": 6554}


def fair() -> Schedule:
    """Easy, then medium, then hard, for steps in proportion to their programs."""
    stages = (Stage((LevelSelection(k),), size) for k, size in POOLS.items())
    return Schedule("fair", tuple(stages))
