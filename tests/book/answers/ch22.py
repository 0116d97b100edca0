import numpy as np

from curriculum.finetune.data import BETWEEN
from exercises import ch22 as check


def few_shot(pairs, question):
    return "".join(q + BETWEEN + a + "\n\n" for q, a in pairs) + question


def joined(pairs, question):
    return "\n\n".join([*(f"{q}{BETWEEN}{a}" for q, a in pairs), question])


def steady(table):
    return float(np.mean(table.min(0) == table.max(0)))


WRONG = {
    check.few_shot: [
        None,
        lambda pairs, question: question,
        lambda pairs, question: question + few_shot(pairs, ""),
        lambda pairs, question: "".join(q + a for q, a in pairs) + question,
        lambda pairs, question: few_shot(pairs, question) + BETWEEN,
        lambda pairs, question: few_shot(pairs[::-1], question),
        lambda pairs, question: 4,
    ],
    check.published: [None, 4.8, 85.18, -3.89, "many", 0.0389, True],
    check.steady: [
        None,
        lambda table: table.mean(),
        lambda table: table.all(0).mean(),
        lambda table: (table == table[0]).mean(),
        lambda table: 1 - steady(table),
        lambda table: steady(table) * table.shape[1],
    ],
}
RIGHT = {
    check.few_shot: [few_shot, joined],
    check.published: [3.89, np.float32(3.89)],
    check.steady: [steady, lambda t: (np.ptp(t, 0) == 0).mean()],
}
