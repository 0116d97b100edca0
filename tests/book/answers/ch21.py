import numpy as np

from curriculum.evaluation import stats
from exercises import ch21 as check


def choose(sums, options):
    scores = [s / len(o) for s, o in zip(sums, options, strict=True)]
    return scores.index(max(scores))


def difficulty(scores, right):
    e = np.exp(scores - np.max(scores))
    return 1 - e[right] / e.sum()


def rounds(blocks):
    found = []
    for turn in range(3):
        for block in blocks:
            found += list(np.array_split(np.array(block), 3)[turn])
    return found


def by_slices(blocks):
    found = []
    for turn in range(3):
        for block in blocks:
            n = len(block)
            found += block[n * turn // 3 : n * (turn + 1) // 3]
    return found


def seeds_needed(spread, effect):
    n = 2
    while stats.detectable_at(spread, n) > effect:
        n += 1
    return n


WRONG = {
    check.choose: [
        None,
        lambda sums, options: 0,
        lambda sums, options: int(np.argmax(sums)),
        lambda sums, options: choose(sums, options) + 1,
        lambda sums, options: max(
            s / len(o) for s, o in zip(sums, options, strict=True)
        ),
        lambda sums, options: int(
            np.argmin([s / len(o) for s, o in zip(sums, options, strict=True)])
        ),
        lambda sums, options: int(
            np.argmax([s * len(o) for s, o in zip(sums, options, strict=True)])
        ),
    ],
    check.difficulty: [
        None,
        lambda scores, right: 0.5,
        lambda scores, right: 1 - difficulty(scores, right),
        lambda scores, right: 1 - scores[right],
        lambda scores, right: -scores[right],
        lambda scores, right: 1 - np.exp(scores[right]),
        lambda scores, right: float(np.argmax(scores) != right),
    ],
    check.rounds: [
        None,
        lambda blocks: sum(blocks, []),
        lambda blocks: blocks,
        lambda blocks: [x for turn in zip(*blocks, strict=False) for x in turn],
        lambda blocks: rounds(blocks)[::-1],
        lambda blocks: rounds(blocks[::-1]),
        lambda blocks: sum((b[:2] for b in blocks), []),
        lambda blocks: 3,
    ],
    check.seeds_needed: [
        None,
        lambda spread, effect: 6,
        lambda spread, effect: int(np.ceil((1.96 * spread / effect) ** 2)),
        lambda spread, effect: int(np.ceil(spread / effect)),
        lambda spread, effect: stats.detectable_at(spread, 6),
        lambda spread, effect: seeds_needed(spread, effect) + 1,
        lambda spread, effect: seeds_needed(effect, spread),
    ],
}
RIGHT = {
    check.choose: [
        choose,
        lambda sums, options: np.argmax(np.array(sums) / [len(o) for o in options]),
    ],
    check.difficulty: [
        difficulty,
        lambda scores, right: 1 - 1 / np.exp(scores - scores[right]).sum(),
    ],
    check.rounds: [rounds, by_slices],
    check.seeds_needed: [
        seeds_needed,
        lambda spread, effect: next(
            n for n in range(2, 999) if stats.detectable_at(spread, n) <= effect
        ),
    ],
}
