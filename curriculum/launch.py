"""Running experiments: here and now, or as notebooks through papermill.

- `run` does all the steps of one experiment in this process.
- `launch` runs the notebook for each of many; finished runs are skipped, so a sweep that
  was cut short is simply started again, and a failing run does not stop the others.

Chapter 12 is the manual; the appendix *One experiment* is the notebook.
"""

from __future__ import annotations

import dataclasses
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from . import files
from .experiment import (
    NOTEBOOK,
    Experiment,
    cache_folder,
    learn,
    make_model,
    make_plan,
    measure,
    prepare,
)
from .records import finished, record_path, save


def run(e: Experiment, root="results", show=None) -> dict:
    """The whole experiment without the notebook; returns the record."""
    data = prepare(e)
    order, net = make_plan(e, data), make_model(e, data)
    done = learn(e, data, order, net, show)
    return files.read_json(save(e, data, order, done, measure(e, data, net), root))


def launch(
    experiments, jobs: int = 1, show=print, results=NOTEBOOK.parent / "results"
) -> list[Path]:
    """Run each experiment's notebook through papermill, `jobs` at a time.

    Finished ones are skipped; a failing one is reported when all others are done.
    Raises: ValueError before anything starts if the notebook lacks a parameter;
        RuntimeError at the end, naming the experiments that failed and where they stopped.
    """
    import papermill  # only here: the rest of the package does not need it

    if not NOTEBOOK.exists():
        raise ValueError(
            f"{NOTEBOOK} is not there; experiments run from a checkout of the book"
        )
    names = {f.name for f in dataclasses.fields(Experiment)}
    offered = set(papermill.inspect_notebook(str(NOTEBOOK)))
    if names - offered:
        raise ValueError(
            f"{NOTEBOOK.name} lacks the parameters {sorted(names - offered)}"
        )
    todo = []
    for e in experiments:
        if finished(e, results):
            show(f"{e.study}/{e.name}: done before, skipped")
        else:
            todo.append(e)
    failed = []

    def one(e):
        show(f"{e.study}/{e.name}: started")
        out = (cache_folder() / "notebooks" / e.study / f"{e.name}.ipynb").resolve()
        out.parent.mkdir(parents=True, exist_ok=True)
        environment = {**os.environ, "CURRICULUM_CACHE": str(cache_folder().resolve())}
        if jobs > 1:  # each on its own core
            environment["OMP_NUM_THREADS"] = "1"
        words = [
            sys.executable,
            "-m",
            "papermill",
            str(NOTEBOOK),
            str(out),
            "--cwd",
            str(NOTEBOOK.parent),
            "--no-progress-bar",
            "--execution-timeout",
            "86400",
        ]
        values = {**dataclasses.asdict(e), "results": str(Path(results).resolve())}
        for key, value in values.items():
            words += ["-r" if isinstance(value, str) else "-p", key, str(value)]
        done = subprocess.run(words, env=environment, capture_output=True, text=True)
        if done.returncode:
            failed.append(
                f"{e.name} (see {out}): {(done.stderr.strip().splitlines() or ['?'])[-1]}"
            )
        show(f"{e.study}/{e.name}: {'FAILED' if done.returncode else 'finished'}")
        return record_path(e, results)

    with ThreadPoolExecutor(max(1, jobs)) as pool:
        list(pool.map(one, todo))
    if failed:
        raise RuntimeError("these experiments failed: " + "; ".join(failed))
    return [record_path(e, results) for e in experiments]
