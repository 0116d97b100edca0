"""Curricula that react: a teacher looks at the learner and chooses what it sees next.

- `taught`: tasks, what a teacher may see, and the order that it makes: a plan that is
  written down while the model learns, and can be audited, drawn and replayed.
- `named`: teachers from the literature, each a function of a few lines.

Papers: Graves et al. (2017), Matiisen et al. (2017), Kumar et al. (2010), Castells et al.
(2020), Platanios et al. (2019). Chapter 23 explains them.
"""

from .named import TEACHERS
from .taught import Recorded, Seen, Tasks, Taught, by_tasks, review, shuffled

__all__ = [
    "TEACHERS", "Recorded", "Seen", "Taught", "Tasks", "by_tasks", "review", "shuffled",
]  # fmt: skip
