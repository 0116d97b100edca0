"""How hard is a program? Scores for one program, a corpus, or anybody's Python files.

`score(source)` measures one program, `score_many(sources)` a batch; everything else
about difficulty can be imported from here too.

Notable points:

- Static scorers share one parse and one walk over the tokens (`parse.py`); their
  definitions are in `metrics.py`, and `explain.py` shows where a count comes from.
- In a batch a bad program costs only itself: NaN in the table, an entry in `errors`.
- Worker processes are only a matter of time: the scores are the same for any number.
- The tool decides the label: radon calls every plain loop trivial (its Halstead
  difficulty is 0), the token definition does not. Both are here, side by side.
- Neighbours: `reading.py` (files), `cdm.py` (unfamiliarity, CDM), `labels.py`.

Papers: McCabe (1976); Halstead (1977); Naïr, Yamani, Lhadj and Baghdadi (2024).
Explained in chapter 3.
"""

import math
import multiprocessing
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from functools import partial
from itertools import chain

import numpy as np

from ..data import sandbox
from .cdm import CDM, Familiarity
from .metrics import SCORERS, STATIC, Scorer
from .parse import ParsedProgram, ProgramError
from .reading import Error

# Programs between two progress reports. Fewer texts are not worth a process, and a
# sandbox takes a moment to start.
CHUNKS = {"text": 256, "run": 2048, "model": 256}


@dataclass(frozen=True)
class Scores:
    """Scores of N programs."""

    table: dict[str, np.ndarray]  # scorer -> (N,) float64, NaN where there is no score
    errors: list[Error]  # in the order of the programs

    @property
    def scored(self) -> np.ndarray:
        """Indices of the programs that every scorer could score."""
        known = ~np.isnan(list(self.table.values()))  # (K, N)
        return np.flatnonzero(known.all(axis=0))


def score(
    source: str,
    names: Sequence[str] = STATIC,
    file: str = "<program>",
    familiarity: Familiarity | None = None,
    cdm: CDM | None = None,
    registry: Mapping[str, Scorer] = SCORERS,
) -> dict[str, float]:
    """Score one program.

    Args:
        source: Python text.
        names: scorers, in the order of the result.
        file: the name used in error messages.
        familiarity: needed by `unfamiliarity`; a `cdm` brings its own.
        cdm: a fitted CDM, needed by `cdm`.
        registry: where the names are looked up.

    Raises:
        ProgramError: "file:line: reason", a ValueError.
        ValueError: an unknown name, or a corpus that is missing.
    """
    names = _checked_names(names, registry)
    if "cdm" in names and cdm is None:
        raise ValueError("'cdm' needs a corpus: pass cdm=CDM.fit(sources)")
    if "unfamiliarity" in names and familiarity is None and cdm is None:
        raise ValueError(
            "'unfamiliarity' needs a corpus: pass familiarity=Familiarity.fit(sources)"
        )
    scores = score_many(
        [source], names, [file], familiarity=familiarity, cdm=cdm, registry=registry
    )
    for _, where, line, reason in scores.errors:
        raise ProgramError(where, line, reason)
    return {name: float(column[0]) for name, column in scores.table.items()}


def score_many(
    sources: Sequence[str],
    names: Sequence[str] = STATIC,
    files: Sequence[str] | None = None,
    workers: int = 1,
    familiarity: Familiarity | None = None,
    cdm: CDM | None = None,
    registry: Mapping[str, Scorer] = SCORERS,
    progress: Callable[[int, int], None] | None = None,
) -> Scores:
    """Score N programs; those that cannot be scored are reported, not fatal.

    Args:
        sources: Python texts.
        names: scorers, in the order of the table.
        files: N names for error messages; "<program 7>" by default.
        workers: processes; the result does not depend on them.
        familiarity, cdm: the corpus behind `unfamiliarity` and `cdm`. Where one is
            needed and missing, the batch itself (what can be parsed of it) is the
            corpus.
        registry: where the names are looked up.
        progress: called as progress(done, total), counted in programs.

    Raises:
        ValueError: an unknown name, a wrong number of files, or workers below 1.
        RuntimeError: a worker process died.
    """
    names = _checked_names(names, registry)
    if isinstance(sources, str):
        raise ValueError("sources is one text: put it in a list, or use score(source)")
    if not isinstance(workers, int) or workers < 1:
        raise ValueError(f"workers={workers!r}: give a whole number, 1 or more")
    sources = list(sources)
    if files is not None and len(files) != len(sources):
        raise ValueError(f"{len(files)} files name {len(sources)} programs")

    groups = {
        "text": [
            registry[n] for n in names if registry[n].needs in ("source", "corpus")
        ],
        "run": [registry[n] for n in names if registry[n].needs == "run"],
        "model": [registry[n] for n in names if registry[n].needs == "model"],
    }
    if cdm is None and "cdm" in names:
        cdm = _fit_to_batch(partial(CDM.fit, familiarity=familiarity), sources)
    familiarity = familiarity or (cdm.familiarity if cdm else None)
    if familiarity is None and "unfamiliarity" in names:
        familiarity = _fit_to_batch(Familiarity.fit, sources)
    jobs: dict[str, Callable] = {
        "text": partial(
            _score_texts, corpus={"unfamiliarity": familiarity, "cdm": cdm}
        ),
        "run": partial(_score_runs, workers=workers),
        "model": _score_with_model,
    }

    every = range(len(sources))
    table = {name: np.full(len(sources), np.nan) for name in names}  # (N,) each
    errors, bad = [], set()
    total = len(sources) * sum(bool(scorers) for scorers in groups.values())
    done = 0
    for group, scorers in groups.items():
        if not scorers:
            continue
        # A program that could not be read is neither run nor shown to a model.
        order = [i for i in range(len(sources)) if i not in bad] if bad else every
        done += len(sources) - len(order)
        size = CHUNKS[group]
        parts = [order[i : i + size] for i in range(0, len(order), size)]
        job = partial(jobs[group], scorers=scorers)
        texts = ([sources[i] for i in part] for part in parts)
        processes = min(workers, len(parts)) if group == "text" else 1
        for part, results in zip(parts, _each(job, texts, processes), strict=True):
            for i, result in zip(part, results, strict=True):
                if isinstance(result, ProgramError):
                    bad.add(i)
                    file = f"<program {i}>" if files is None else str(files[i])
                    errors.append((i, file, result.line, result.reason))
                    continue
                for scorer, value in zip(scorers, result, strict=True):
                    table[scorer.name][i] = value
            done += len(part)
            if progress:
                progress(done, total)
    return Scores(table, sorted(errors, key=lambda error: error[0]))


def _checked_names(names, registry):
    if isinstance(names, str):
        names = (names,)
    if not names:
        raise ValueError("no scorer named: give at least one of " + ", ".join(registry))
    for name in names:
        if name not in registry:
            cure = "choose from " + ", ".join(registry)
            if name == "model_loss":
                cure = "it needs a model: pass registry=with_model_loss(function)"
            raise ValueError(f"unknown scorer {name!r}: {cure}")
    return tuple(dict.fromkeys(names))


def _fit_to_batch(fit, sources):
    """Fit a corpus to what can be read of a batch; None when nothing can."""
    programs = _parsable(sources)
    first = next(programs, None)
    return None if first is None else fit(chain([first], programs))


def _parsable(sources):
    for source in sources:
        try:
            yield ParsedProgram(source)
        except ProgramError:
            continue  # reported when it is scored


def _each(job, items, processes):
    """Yield job(item) in order, in this process or in several."""
    if processes <= 1:
        yield from map(job, items)
        return
    # "spawn" works alike on every system and beside the threads of a notebook
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(processes, mp_context=context) as pool:
        try:
            yield from pool.map(job, items)
        except BrokenProcessPool:
            raise RuntimeError(
                "a scoring process died: use workers=1, or, in a script, make the call "
                "under `if __name__ == '__main__':`"
            ) from None


# Each job takes a chunk of programs and returns, for each of them, one value a scorer
# or the ProgramError that prevented it.


def _score_texts(sources, scorers, corpus):
    results = []
    for source in sources:
        try:
            program = ParsedProgram(source)
            results.append(
                [
                    scorer.function(program)
                    if scorer.needs == "source"
                    else scorer.function(program, corpus[scorer.name])
                    for scorer in scorers
                ]
            )
        except ProgramError as error:
            results.append(error)
        except RecursionError:  # the caller's own stack was nearly full
            results.append(ProgramError("", None, "nested too deeply to be scored"))
    return results


def _score_runs(sources, scorers, workers):
    return [
        [scorer.function(outcome) for scorer in scorers]
        if outcome.ok
        else ProgramError("", None, f"fails when run: {outcome.error}")
        for outcome in sandbox.run(sources, trace=True, workers=workers)
    ]


def _score_with_model(sources, scorers):
    columns = [[float(x) for x in scorer.function(sources)] for scorer in scorers]
    for scorer, column in zip(scorers, columns, strict=True):
        if len(column) != len(sources):
            raise ValueError(
                f"{scorer.name} gave {len(column)} values for {len(sources)} programs"
            )
    return [
        row
        if all(math.isfinite(x) for x in row)
        else ProgramError("", None, f"{scorers[0].name} is not finite: {row}")
        for row in map(list, zip(*columns, strict=True))
    ]
