import numpy as np

from curriculum.data.corpus import CorpusSpec, build
from exercises import ch03 as check

codes = build(CorpusSpec(size=300)).codes
HD = 8 / 2 * 11 / 6
EASY = "for i in range(20000) :\n\tprint"
HARD = "print(1 + 1 - 1 * 1 / 1 % 1 // 1 ** 1 < 1 > 1 == 1)"
LONG = "." * 10_000


def signs(code):
    return sum(code.count(sign) for sign in "+-*/")


loss = np.array([float(signs(code)) for code in codes])
loss += np.random.default_rng(0).random(len(codes))
remembered = iter(np.sort(loss, kind="stable").tolist() * 3)


def is_sound(labeller):
    forwards, backwards = labeller(codes), labeller(codes[::-1])
    return bool(np.array_equal(forwards, backwards[::-1]))


def by_one(labeller):
    """Another way: a program keeps its label when two others change places."""
    swapped = [codes[1], codes[0], *codes[2:]]
    one, other = labeller(codes), labeller(swapped)
    rotated = labeller([*codes[100:], *codes[:100]])
    same = one[0] == other[1] and one[1] == other[0]
    return bool(same and (rotated[-100:] == one[:100]).all())


WRONG = {
    check.by_hand: [
        (None, None, None),
        (2, HD, (2 + HD) / 2),
        (4, HD, (4 + HD) / 2),
        (3, 2.0, 2.5),
        (3, HD, HD),
        ("3", HD, (3 + HD) / 2),
        (3, np.nan, 3),
        (True, HD, 4),
    ],
    check.fooled: [
        (None, None),
        ("print(1)", "print(1)"),
        (EASY, "print(1)"),
        ("print(1)", HARD),
        ("while", HARD),
        (7, HARD),
        (EASY, HARD, "om_token"),
        (EASY, HARD, "beauty"),
    ],
    check.sound: [
        None,
        lambda labeller: True,
        lambda labeller: False,
        lambda labeller: None,
        lambda labeller: 1,
        lambda labeller: "yes",
        lambda labeller: len(labeller(codes)) == len(codes),
        lambda labeller: labeller.nothing,
        lambda: True,
    ],
    check.better: [
        (answer, codes, loss)
        for answer in (
            None,
            len,
            lambda code: 0,
            lambda code: -signs(code),
            lambda code: "3",
            lambda code: None,
            lambda code: float("nan"),
            lambda code: next(remembered),
            lambda code: code.count("a"),
        )
    ],
}
RIGHT = {
    check.by_hand: [
        (3, round(HD, 2), 5.17),
        (np.int64(3), np.float64(HD), (3 + HD) / 2),
    ],
    check.fooled: [(EASY, HARD), (f"for i in '{LONG}' :\n\t0", HARD, "om_token")],
    check.sound: [is_sound, by_one],
    check.better: [(signs, codes, loss), (lambda c: np.float64(signs(c)), codes, loss)],
}
