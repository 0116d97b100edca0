import numpy as np

from exercises import ch07 as check

N = 2000 * 32 / check.PROGRAMS
SPREAD = 0.0235
ENOUGH = next(n for n in range(2, 500) if check.detects(n, SPREAD) <= 0.01)
RIGHTS = {name: right for name, (right, _) in check.TELLS.items()}


class Mended(check.Dealer):
    def state(self):
        return {"epoch": self.epoch, "place": self.place}

    def restore(self, state):
        self.epoch = state["epoch"]
        self.deal()
        self.place = state["place"]


class InATuple(check.Dealer):
    def state(self):
        return self.epoch, self.place

    def restore(self, state):
        self.epoch, place = state
        self.deal()
        self.place = place


class PlaceFirst(Mended):
    def restore(self, state):
        self.place = state["place"]
        self.epoch = state["epoch"]
        self.deal()


class OldDeck(Mended):
    def restore(self, state):
        self.place = state["place"]


class WholeDeck(Mended):
    def state(self):
        return {"deck": self.deck.tolist(), "epoch": self.epoch, "place": self.place}


WRONG = {
    check.epochs: [
        (None, None, None),
        (700 * 64 / check.PROGRAMS, 2, 3),
        (N, 3, 3),
        (N, 2, 3),
        (N, 4, 5),
        ("3.54", 3, 4),
        (N, 3.5, 4),
        (64_000, 3, 4),
    ],
    check.match: [
        None,
        {},
        dict.fromkeys("ABCDEF"),
        dict.fromkeys("ABCDEF", "faithful"),
        RIGHTS | {"F": "replays"},
        RIGHTS | {"A": 3},
    ],
    check.dealer: [
        None,
        check.Dealer,
        PlaceFirst,
        OldDeck,
        WholeDeck,
        lambda n: None,
        int,
    ],
    check.seeds: [
        (n, SPREAD) for n in (None, 1, 3, ENOUGH - 1, ENOUGH + 1, 400, "45", 2.5)
    ],
}
RIGHT = {
    check.epochs: [(round(N, 2), 3, 4), (np.float64(N), np.int64(3), 4)],
    check.match: [RIGHTS, dict(reversed(RIGHTS.items()))],
    check.dealer: [Mended, InATuple],
    check.seeds: [(ENOUGH, SPREAD), (np.int64(ENOUGH), SPREAD)],
}
