import numpy as np
import torch

from curriculum.model import GPTConfig, parameter_count
from exercises import ch12 as check

EACH = parameter_count(GPTConfig(50_257, 1_024, 12, 12, 768)) / 1e9
TRUE = {letter: inflates for letter, (inflates, _) in check.FAIR.items()}
WRONG = {
    check.gigabytes: [
        None,
        4 * EACH,
        8 * EACH,
        12 * EACH,
        16 * EACH * 1000,
        "2.6",
        2.0,
    ],
    check.marks: [
        None,
        {},
        dict.fromkeys("ABCDEF"),
        dict.fromkeys("ABCDEF", True),
        TRUE | {"E": True},
        TRUE | {"A": "yes"},
    ],
    check.eight: [
        None,
        lambda x, w: None,
        lambda x, w: x,
        lambda x, w: torch.stack([x[i] @ w[i] for i in range(8)]),
        lambda x, w: x @ w[0],
        lambda x, w: (x @ w).detach(),
        lambda x, w: 2 * (x @ w),
        lambda x: x,
    ],
}
RIGHT = {
    check.gigabytes: [round(16 * EACH, 1), np.float64(16 * EACH)],
    check.marks: [TRUE, dict(reversed(TRUE.items()))],
    check.eight: [lambda x, w: x @ w, torch.bmm],
}
