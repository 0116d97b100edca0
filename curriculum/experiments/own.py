"""A plan for your own data: a folder of Python files, or a table of texts.

- `load` reads the texts. The id of a text is its place: the number of its row in a table,
  the number of its file in a folder, in sorted order. A plan holds these ids.
- `scored` gives every text its difficulty: by a scorer of the package, by a function of
  your own (`file.py:function`), or from a column of the table that holds scores already.
- `planned` cuts the scores into labels and makes the plan, as for the book's programs.
- `about` is what to report with a result, in five lines: data, scores, order, plan, audit.

`python -m curriculum plan --data` does all of it. Chapter 18 goes through it.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from .. import __version__, difficulty
from ..data import columns
from ..files import digest
from ..ordering.plan import Plan
from . import custom
from .spec import CUTS, Experiment

ASKED = ("schedule", "scorer", "cut", "seed", "options")  # words that own data take


@dataclass(frozen=True)
class OwnData:
    """N texts and where each is from."""

    names: list[str]  # of each: the file, or table:row
    texts: list[str]
    skipped: list  # files that could not be read, as `difficulty.collect` reports them

    @property
    def digest(self) -> str:
        """SHA-256 of the texts in their order: the data that the ids of a plan mean."""
        return digest(self.texts)


def load(paths, text: str = "") -> OwnData:
    """The texts of Python files and folders, or of the column `text` of one table.

    Raises: ValueError: nothing there, or no such column; a row that holds no text.
    """
    paths = [paths] if isinstance(paths, str | Path) else list(paths)
    tables = [path for path in paths if columns.is_table(path)]
    if not tables:
        if text:
            raise ValueError(
                f"{paths[0]} is no table, so it has no column {text!r}; tables end in"
                f" {', '.join(columns.SUFFIXES)}"
            )
        found, skipped = difficulty.collect(paths)
        names, texts = zip(*found, strict=True) if found else ((), ())
        return OwnData(list(names), list(texts), skipped)
    if len(paths) > 1:
        raise ValueError(
            f"{tables[0]} is a table; name one table, and nothing beside it"
        )
    if not text:
        raise ValueError(
            f"{tables[0]} is a table; say --text and the column of the texts"
        )
    texts = columns.texts(tables[0], text)
    names = [f"{Path(tables[0]).name}:{i}" for i in range(len(texts))]
    return OwnData(names, texts, [])


def scored(data: OwnData, scorers, workers=1, progress=None) -> difficulty.Scores:
    """The scores of every text; NaN, and an entry in `errors`, where there is none.

    Args: scorers: names of the package, `file.py:function` or `module:function`; scores
        of your own functions have the name of the file, without its folder.
    Raises: ValueError: no such scorer; your function fails or gives no finite number.
    """
    mine = {n: custom.load(n) for n in scorers if custom.is_custom(n)}
    for name in scorers:
        if name not in mine and name not in difficulty.SCORERS:
            raise ValueError(
                f"scorer is {name!r}; it must be file.py:function or one of"
                f" {', '.join(difficulty.SCORERS)}"
            )
    found, named = difficulty.Scores({}, []), [n for n in scorers if n not in mine]
    if named:
        found = difficulty.score_many(
            data.texts, named, data.names, workers, progress=progress
        )
    table = {
        mine[n].name if n in mine else n: (
            custom.scores(mine[n], data.texts) if n in mine else found.table[n]
        )
        for n in scorers
    }
    return difficulty.Scores(table, found.errors)


def planned(scores, e: Experiment, steps: int, batch: int) -> Plan:
    """The plan of an experiment's schedule, seed and cut, over texts with these scores.

    Args: scores: (N,) by id. Texts with the score NaN are left out of the plan.
    Raises: ValueError: as `Plan`; no text has a score.
    """
    scores = np.asarray(scores, float)
    ids = np.flatnonzero(~np.isnan(scores))
    if not len(ids):
        raise ValueError("no text has a score; nothing can be ordered")
    labels = difficulty.label(scores[ids], CUTS[e.cut])
    return Plan(e.make_schedule(), ids, scores[ids], labels, e.seed, steps, batch)


def asked(words) -> Experiment:
    """The experiment that words name; only those that own data take. Cut: tertiles.

    Raises: ValueError: a sweep, or a word that is about the book's own programs.
    """
    words = list(words)
    if not any(word.startswith("cut=") for word in words):
        words.append("cut=tertiles")  # the paper's thresholds are for its own metric
    found = Experiment.parse(words)
    if len(found) != 1:
        raise ValueError(f"{len(found)} plans; with --data ask for one, without commas")
    given, plain = (set(x.words) for x in (found[0], Experiment(found[0].schedule)))
    for word in sorted(given - plain):
        name = word.partition("=")[0]
        if name not in ASKED and name not in found[0].options:
            raise ValueError(
                f"{word!r} is about the book's own programs; with --data say schedule,"
                " scorer, cut, seed and the schedule's parameters, and --steps, --batch"
            )
    return found[0]


def about(data: OwnData, scorer: str, e: Experiment, plan: Plan, audit="") -> str:
    """What to report with a result: five lines, from which the order can be made again."""
    name = scorer
    if custom.is_custom(scorer):
        mine = custom.load(scorer)
        name = f"{mine.name}, file {mine.sha256[:16]}"
    elif scorer in difficulty.SCORERS:
        name = f"{scorer} of curriculum {__version__}"
    options = "".join(f" {k}={v}" for k, v in e.options.items())
    own = f", file {e.code['schedule'][:16]}" if "schedule" in e.code else ""
    return "\n".join(
        [
            f"data: {len(data.texts):,} texts, {data.digest[:16]}",
            f"scores: {name}, cut {e.cut}",
            f"order: {e.spec['schedule']}{options}{own}, seed {plan.seed}",
            f"plan: {plan.steps:,} steps of {plan.batch}, {plan.digest[:16]}",
            f"audit: {audit or 'not run'}",
        ]
    )
