"""Checks of the exercises in "Lessons for a phone network"."""

import numpy as np

from curriculum.mobile import spec
from curriculum.mobile.spec import Curriculum, Stage
from exercises import check, returned

CASES = ((2.0, 1), (8.0, 4), (1.0, 2), (100.0, 1), (300.0, 2), (0.001, 1))


def worth(rate, users):
    """Utility of each of some users who share a station's rate."""
    return float(np.clip(10 * np.log10(rate / users), -20, 20) / 20)


@check
def shared(function: callable):
    for rate, users in CASES:
        found = returned(function(rate, users), float)
        if abs(found - worth(rate, users)) > 1e-6:
            return (
                f"A rate of {rate} for {users} users: {found:.3f},"
                f" wanted {worth(rate, users):.3f}."
            )
    return "Right: half the rate costs 0.15, until the limits of ±1."


@check
def written(curriculum: dict):
    try:
        its = spec.validate(curriculum)
    except ValueError as error:
        return f"Refused: {error}"
    if its.steps != 20_000:
        return f"The stages have {its.steps:,} steps together, wanted 20,000."
    last = its.stages[-1]
    if last.environment != spec.TARGET.environment:
        return "The last stage is not the target."
    if len(its.stages) < 3:
        return f"{len(its.stages)} stages; three or more were asked for."
    users = [stage.users for stage in its.stages]
    if sorted(users, key=int) != users:
        return f"The users are {users}: a later stage has fewer of them."
    return (
        "Right: valid, 20,000 steps, never fewer users, and it ends on target."
    )


FIRST, SECOND = Stage(((9, 9),), 1, 0, 100), Stage(((9, 9),), 2, 0, 100)


@check
def table(function: callable):
    tried = (
        ((FIRST,), 3),
        ((FIRST, SECOND), 2),
        ((SECOND, FIRST, SECOND), 2),
        ((FIRST, SECOND, FIRST, FIRST), 1),
    )
    for stages, episodes in tried:
        stages = tuple(
            Stage(s.stations, s.users, s.velocity, 100 * episodes)
            for s in stages
        )
        curriculum = Curriculum("case", stages)
        wanted = spec.plan(curriculum)[:, 0].tolist()
        found = function(curriculum)
        if not isinstance(found, list | tuple | np.ndarray):
            return f"{found!r} is no list of ids."
        found = [returned(x, int) for x in found]
        if found != wanted:
            users = [stage.users for stage in stages]
            return f"Stages with {users} users: {found}, wanted {wanted}."
    return "Right: equal environments share an id, so order can be audited."


@check
def echoes(function: callable):
    rng = np.random.default_rng(20)
    for kind in ("echo", "fixed", "mixed"):
        table = {
            "echo": 5 * np.eye(6) + rng.random((6, 6)),
            "fixed": np.tile(rng.random(6), (6, 1)),
            "mixed": rng.random((6, 6)),
        }[kind]
        wanted = float(np.mean(table.argmax(1) == np.arange(6)))
        found = returned(function(table.copy()), float)
        if abs(found - wanted) > 1e-9:
            return f"A table ({kind}): {found:.3f}, wanted {wanted:.3f}."
    return "Right: the share of questions whose answer repeats their order."
