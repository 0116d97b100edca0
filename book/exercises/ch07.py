"""Checks of the exercises in "The shuffled baseline"."""

import numpy as np

from curriculum import files
from curriculum.evaluation import stats
from curriculum.ordering.audit import audit
from exercises import check

PROGRAMS = 18_065  # in the training set of the quick study
TELLS = {
    "A": ("packs", "nothing is missing and nothing comes twice"),
    "B": ("replays", "what happened at the first wrong step?"),
    "C": ("faithful", "is there any finding at all?"),
    "D": ("leaks", "which programs could the unknown rows be?"),
    "E": ("draws", "how many steps are as planned, and how many repeats?"),
    "F": ("same", "the first wrong step is where something ends: what?"),
}


@check
def epochs(epochs: float, least: int, most: int):
    if None in (epochs, least, most):
        return "Fill in all three."
    n = 2000 * 32 / PROGRAMS
    if abs(epochs - 700 * 64 / PROGRAMS) < 0.006:
        return (
            "Those are the epochs of the old run. Count the deliveries anew."
        )
    if abs(epochs - n) > 0.006:
        return (
            f"Epochs: not {epochs:g}. Divide the deliveries by the programs."
        )
    if least == most:
        return (
            "The run ends in the middle of an epoch: some are shown once more."
        )
    if (least, most) != (int(n), int(n) + 1):
        return "How many epochs are complete? Each shows every program once."
    return "Right."


def deliveries(plan, ids, others, lengths):
    """Six delivered tables of one plan, in no particular order."""
    S, deal = plan.table, np.random.default_rng(5)

    def packed(part):
        flat = part.ravel()
        return flat[np.argsort(lengths[flat], kind="stable")].reshape(
            part.shape
        )

    leak = np.where(
        deal.random(S.shape) < 0.05, deal.choice(others, S.shape), S
    )
    return {
        "A": np.concatenate(
            [packed(S[s : s + 50]) for s in range(0, len(S), 50)]
        ),
        "B": np.concatenate([S[:400], S[: len(S) - 400]]),
        "C": deal.permuted(S, axis=1),
        "D": leak,
        "E": deal.choice(ids, S.shape),
        "F": np.resize(S.ravel()[: len(ids)], S.shape),
    }


@check
def match(match: dict[str, str]):
    kinds = {right for right, _ in TELLS.values()}
    for name, (right, ask) in TELLS.items():
        if match.get(name) not in kinds:
            return f"{name} is open or misspelt: {match.get(name)!r}."
        if match[name] != right:
            return f"{name} is not {match[name]!r}: {ask}"
    return "Right, all six."


class Dealer:
    """Deals n programs in batches of 64, reshuffled every epoch."""

    def __init__(self, n):
        self.n, self.epoch = n, 0
        self.deal()

    def deal(self):
        self.deck, self.place = files.hash_order(self.n, "deck", self.epoch), 0

    def next(self):
        if self.place + 64 > self.n:
            self.epoch += 1
            self.deal()
        self.place += 64
        return self.deck[self.place - 64 : self.place]

    def state(self):
        return {"epoch": self.epoch}

    def restore(self, state):
        self.epoch = state["epoch"]
        self.deal()


@check
def dealer(kind: callable):
    n, cut = 1_000, 25
    true, before, after = Dealer(n), kind(n), kind(n)
    planned = np.stack([true.next() for _ in range(40)])
    shown = [before.next() for _ in range(cut)]
    state = before.state()
    if len(str(state)) > 400:
        return "The state holds a whole deck. Two integers are enough."
    after.restore(state)
    where = after.place
    shown += [after.next() for _ in range(40 - cut)]
    found = audit(np.stack(shown), planned)
    if where != before.place:
        return f"Stopped at place {before.place} of its deck, resumed at {where}. {found}"
    return (
        f"Right: {found}"
        if found.ok
        else f"The place agrees, the deck not: {found}"
    )


def detects(n, spread):
    """Smallest effect that n differences with this spread detect."""
    return stats.detectable_at(spread, n)


@check
def seeds(n: int, spread: float):
    if n is None:
        return f"For a start: 3 seeds detect {detects(3, spread):.3f}."
    if n < 2:
        return "One seed has no spread: nothing can be detected."
    if detects(min(n, 5_000), spread) > 0.01:
        return f"{n} seeds detect no less than {detects(n, spread):.4f}."
    if detects(n - 1, spread) <= 0.01:
        return f"{n} are enough, but fewer would be, too."
    return f"Right: {n} seeds detect {detects(n, spread):.4f}."
