import numpy as np

from curriculum.ordering.feed import PlanBatchSampler
from exercises import ch18 as check


def nesting(text):
    depth = deepest = 0
    for letter in text:
        depth += (letter in "([{") - (letter in ")]}")
        deepest = max(deepest, depth)
    return deepest


def recursive(text, depth=0):
    if not text:
        return depth
    now = depth + (text[0] in "([{") - (text[0] in ")]}")
    return max(depth, recursive(text[1:], now))


def blocks(step, rank, world):
    begin, end = (r * len(step) // world for r in (rank, rank + 1))
    return step[begin:end]


def resume(plan, done, micro):
    return PlanBatchSampler(plan, start=done // micro, micro_batches=micro)


WRONG = {
    check.nesting: [
        None,
        lambda text: text.count("("),
        lambda text: sum(text.count(x) for x in "([{"),
        lambda text: nesting(text.replace("[", "").replace("]", "")),
        lambda text: 1,
        lambda text: "3",
        lambda: 0,
    ],
    check.blocks: [
        None,
        lambda step, rank, world: step,
        lambda step, rank, world: step[rank::world],
        lambda step, rank, world: step[
            rank * (len(step) // world) : (rank + 1) * (len(step) // world)
        ],
        lambda step, rank, world: step[
            rank * (len(step) // world) : (
                None if rank == world - 1 else (rank + 1) * (len(step) // world)
            )
        ],
        lambda step, rank, world: [],
        lambda step, rank: step,
    ],
    check.fault: [
        (None, None, None),
        (12, 6, 12),
        (6, 12, 6),
        (6, 12, None),
        (12, 12, 12),
        (6.5, 12, 12),
        ("6", 12, 12),
    ],
    check.resume: [
        None,
        lambda plan, done, micro: PlanBatchSampler(plan, done, micro_batches=micro),
        lambda plan, done, micro: PlanBatchSampler(plan, 0, micro_batches=micro),
        lambda plan, done, micro: PlanBatchSampler(plan, done // micro),
        lambda plan, done, micro: PlanBatchSampler(
            plan, -(-done // micro), micro_batches=micro
        ),
        lambda plan, done, micro: list(PlanBatchSampler(plan, 0, 0, 1, micro))[done:],
        lambda plan, done: PlanBatchSampler(plan, done),
    ],
}
RIGHT = {
    check.nesting: [nesting, recursive],
    check.blocks: [
        blocks,
        lambda step, rank, world: np.array_split(step, world)[rank].tolist(),
    ],
    check.fault: [(6, 12, 12), (np.int64(6), 12.0, 12)],
    check.resume: [
        resume,
        lambda plan, done, micro: list(PlanBatchSampler(plan, 0, 0, 1, micro))[
            done - done % micro :
        ],
    ],
}
