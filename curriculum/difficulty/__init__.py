"""How hard is a program? Parse it once, measure it, label it, explain the score.

`score(source)` measures one program and `score_many(sources)` a batch; the definitions
are in `metrics.py` and `cdm.py`, the labels in `labels.py`. Explained in chapter 3.
"""

from .cdm import CDM, EQUAL_WEIGHTS, Familiarity, constructs
from .explain import explain_cyclomatic, explain_halstead
from .labels import LABELS, PAPER_CUT, Agreement, agreement, label
from .lexical import Halstead
from .metrics import CORPUS, DYNAMIC, SCORERS, STATIC, Scorer, with_model_loss
from .parse import MAX_NESTING, ParsedProgram, ProgramError
from .reading import collect
from .scoring import Scores, score, score_many

__all__ = [
    "CDM", "CORPUS", "DYNAMIC", "EQUAL_WEIGHTS", "LABELS", "MAX_NESTING", "PAPER_CUT",
    "SCORERS", "STATIC", "Agreement", "Familiarity", "Halstead", "ProgramError",
    "ParsedProgram", "Scorer", "Scores", "agreement", "collect", "constructs",
    "explain_cyclomatic", "explain_halstead", "label", "score", "score_many",
    "with_model_loss",
]  # fmt: skip
