"""Records: what a finished experiment leaves behind, and how chapters read it.

- One JSON file per run: spec, plan digest, curves, results under both protocols, the
  audit, the cost, and the provenance without which a number is hearsay. `Arm.record`
  makes it.
- A record is never overwritten by another experiment of the same name.
- `as_planned` reads its audit, also one of the first studies.
- `records`, `accuracy`, `by_schedule` turn a study's files into the arrays behind a figure;
  `source_line` is the sentence under it.

Chapter 13 opens one; chapters 7 to 11 rest on them.
"""

from __future__ import annotations

import dataclasses
import zlib
from pathlib import Path

import numpy as np

from .. import files
from ..evaluation.answers import Answers, unpack
from ..model import GPT, GPTConfig
from ..ordering import schedules
from ..sources import code_digest
from ..training import load_weights, read_weights
from .spec import SCALES, Experiment


def record_path(e: Experiment, results="results") -> Path:
    """Where the record of this experiment lives, below the results folder."""
    return Path(results) / e.study / f"{e.name}.json"


def finished(e: Experiment, results="results", any_code: bool = False) -> bool:
    """True when the whole record of `e` exists.

    Args: any_code: also where the package's code has changed since.
    Raises: ValueError: another experiment has this name, or other code made the record.
    """
    record = kept(e, results)
    if record is None or not complete(record):
        return False
    if not any_code and record.get("sources") != code_digest("results"):
        raise ValueError(
            f"{record_path(e, results)} was made by other code (commit"
            f" {record.get('provenance', {}).get('commit', 'unknown')}); choose another"
            " study, or run with --again, which sets the old record aside"
        )
    return True


def kept(e: Experiment, results="results") -> dict | None:
    """The record under the name of `e`, if there is one.

    Raises: ValueError: it is another experiment's.
    """
    path = record_path(e, results)
    if not path.exists():
        return None
    record = read_record(path)
    differ = differences(record, e)
    if differ:
        raise ValueError(
            f"{path} holds another experiment: {differ} (kept, asked); choose another study"
        )
    return record


def differences(record: dict, e: Experiment) -> dict[str, tuple]:
    """{parameter: (kept, asked)} where a record is not of the experiment `e`."""
    found, asked = science(record), e.science
    if record.get("scale"):  # missing in a record that is not complete
        whole = dataclasses.asdict(SCALES[e.scale])
        found |= {f"scale.{k}": v for k, v in (LATER | record["scale"]).items()}
        asked |= {f"scale.{k}": v for k, v in whole.items()}
    return {
        k: (found.get(k), asked.get(k))
        for k in found | asked
        if found.get(k) != asked.get(k)
    }


def experiment(record: dict, root="results") -> Experiment:
    """The experiment that a record is of, to be run again.

    A schedule or scorer of one's own is looked for beside the records of the study: a
    record keeps the file's name and digest, and not where it lay.

    Args: root: the folder of results that holds the study's folder.
    Raises: ValueError: it needs a parameter, a scale or a file of yours that is not here.
    """
    commit = record.get("provenance", {}).get("commit", "unknown")
    try:
        spec = dict(record["spec"])
        for field in record.get("code", {}):
            spec[field] = str(files.found(root) / spec["study"] / spec[field])
        e = Experiment(**spec)
        differ = differences(record, e)
    except (TypeError, ValueError, OSError) as error:
        differ = error
    if differ:
        raise ValueError(
            f"{record.get('name')} cannot be run by this version: {differ} (kept, asked);"
            f" its own is commit {commit}"
        )
    return e


def set_aside(e: Experiment, results="results") -> Path | None:
    """Rename a record that other code made, so that the run can be done again."""
    record = kept(e, results)
    if record is None or record.get("sources") == code_digest("results"):
        return None
    path = record_path(e, results)
    commit = record.get("provenance", {}).get("commit", "unknown")
    return path.rename(path.with_name(f"{path.name}.{commit}"))


def complete(record: dict) -> bool:
    """True when spec, scale and results are there; else the run has to be done again."""
    return all(
        isinstance(record.get(k), dict) and record[k]
        for k in ("spec", "scale", "results")
    )


def as_planned(record: dict) -> bool:
    """True when every planned step was delivered, with the planned programs and no others.

    Audits of the first studies do not name the planned steps; the scale does.
    """
    audit, planned = record["audit"], record["scale"]["steps"]
    found = ("wrong_steps", "repeats", "omissions", "unknown_rows")
    return audit["steps"] == planned and not any(audit[key] for key in found)


# Fields of a scale that the first records do not have.
LATER = {"keep_weights": False, "block_size": 256, "per_level": 0}


def science(record: dict) -> dict:
    """What decided the results of a record, as `Experiment.science`."""
    defaults = {f.name: f.default for f in dataclasses.fields(Experiment)}
    found = defaults | {"options": {}} | record["spec"]
    found = {k: v for k, v in found.items() if k not in ("device", "study")}
    return found | {"code": record.get("code", {})}


# --- reading records back ---

# What fields were called when the first studies were run.
RENAMED = {
    "policy": "lr_schedule",
    "carry": "replay",
    "rate": "lr",
    "context": "block_size",
    "vocabulary": "vocab_size",
    "layers": "n_layer",
    "heads": "n_head",
    "width": "n_embd",
    "strangers": "unknown_rows",
    "takes": "selections",
}
LR_SCHEDULES = {"one-decay": "multistep", "restart": "multistep-restart"}


def modern(value):
    """A record, or a part of one, with today's field names; new ones are left alone."""
    if isinstance(value, list):
        return [modern(item) for item in value]
    if not isinstance(value, dict):
        return value
    found = {RENAMED.get(key, key): modern(item) for key, item in value.items()}
    if "share" in found and "right" in found:  # of a result; a level's share stays one
        found = {"accuracy" if k == "share" else k: v for k, v in found.items()}
    if found.get("lr_schedule") in LR_SCHEDULES:
        found["lr_schedule"] = LR_SCHEDULES[found["lr_schedule"]]
    if "replay" in found and "schedule" in found:  # once a field, now an option
        replay = found.pop("replay")
        function = schedules.NAMED.get(found["schedule"], schedules.baseline)
        takes = schedules.parameters(function).get("replay", replay)
        found["options"] = {} if replay == takes else {"replay": replay}
    return found


def read_record(path) -> dict:
    """The record in `path`.

    Raises: ValueError: the file is missing, damaged, changed, or no record.
    """
    found = modern(files.read_json(path, sealed=True))
    spec = found.get("spec") if isinstance(found, dict) else None
    if not isinstance(spec, dict) or not isinstance(spec.get("schedule"), str):
        raise ValueError(
            f"{path} is no record: it has no spec; delete it and run again"
        )
    return found


def load_model(path) -> tuple[GPT, dict]:
    """The trained model in a weights file, and what the file says about itself."""
    about = modern(read_weights(path)[1])
    try:
        model = GPT(GPTConfig(**about["config"]))
    except (TypeError, KeyError, ValueError) as error:
        raise ValueError(
            f"{path} does not say what model it holds ({error}); update the package, or"
            " train again"
        ) from None
    load_weights(path, model)
    return model, about


def records(study: str, root="results") -> list[dict]:
    """All records of a study, by schedule (as the book lists them) and seed."""
    folder = files.found(Path(root) / study)
    found = [read_record(p) for p in sorted(folder.glob("*.json"))]
    if not found:
        raise ValueError(f"{folder} holds no records; run the study first (chapter 13)")
    for r in found:
        if not complete(r):
            raise ValueError(
                f"{folder}: the record of {r['spec']['schedule']}, seed"
                f" {r['spec'].get('seed')} has no results; run the study again"
            )
    rank = {name: i for i, name in enumerate(schedules.NAMED)}  # yours come last
    return sorted(
        found,
        key=lambda r: (rank.get(r["spec"]["schedule"], len(rank)), r["spec"]["seed"]),
    )


def accuracy(
    record: dict, task="execution", label=None, construct=None, protocol="exact"
) -> float:
    """One figure of a record: the accuracy in a task, overall, of a label or of a grammar
    level; nan where no answer was asked for."""
    group = record["results"][protocol][task]
    if label is not None:
        group = group["by_label"][label]
    if construct is not None:
        group = group["by_construct"][construct]
    return float("nan") if group["accuracy"] is None else group["accuracy"]


def by_schedule(found: list[dict], figure) -> dict[str, np.ndarray]:
    """{schedule: (seeds,) figures}, with `figure` a function of a record."""
    return by_arm(found, figure, lambda r: r["spec"]["schedule"])


def arm(record: dict) -> str:
    """The arm a run belongs to, in words: its spec where it is not the default.

    Seed, scale and study do not tell arms apart, nor do the cycles of the baseline, which
    has no stages of its own.
    """
    spec = record["spec"]
    extra = [f"{k} {v}" for k, v in spec.get("options", {}).items()]
    said = {
        "lr_schedule-multistep-restart": "restarts",
        "lr_schedule-constant": "constant",
    }
    skip = {"schedule", "options", "seed", "scale", "study", "device"}
    skip |= {"cycles"} if spec["schedule"] == "baseline" else set()
    for f in dataclasses.fields(Experiment):
        value = spec.get(f.name, f.default)
        if f.name not in skip and value != f.default:
            extra.append(said.get(f"{f.name}-{value}", f"{f.name} {value}"))
    return ", ".join([spec["schedule"], *extra])


def by_arm(found: list[dict], figure, key=arm) -> dict[str, np.ndarray]:
    """{arm: (seeds,) figures}, with `figure` a function of a record, as is `key`."""
    table: dict[str, list] = {}
    for r in found:
        table.setdefault(key(r), []).append(figure(r))
    return {name: np.array(values) for name, values in table.items()}


def answers_path(record: dict, root="results") -> Path:
    """Where the answers of a run lie, if it kept them."""
    return Path(root) / record["spec"]["study"] / "answers" / f"{record['name']}.json"


def answers(record: dict, root="results") -> list[Answers]:
    """The answers to every test program that a run left beside its record.

    Raises: ValueError: the file is missing, damaged, changed, or holds no answers.
    """
    path = answers_path(record, root)
    try:
        return unpack(files.read_json(path, sealed=True))
    except (LookupError, TypeError, AttributeError, zlib.error) as error:
        raise ValueError(
            f"{path} holds no answers ({type(error).__name__}: {error}); run again"
        ) from None


def executed(record: dict, root="results") -> Answers:
    """A run's answers to the task of execution under the exact protocol.

    Raises: ValueError: it kept none; or as `answers`.
    """
    for found in answers(record, root):
        if (found.question.task, found.question.protocol) == ("execution", "exact"):
            return found
    raise ValueError(f"{record['name']} was not asked to execute; run it again")


def right(
    found: list[dict], root="results", task="execution", protocol="exact"
) -> dict[str, np.ndarray]:
    """{arm: (seeds, programs)}: each run's right answers; a row's mean is its accuracy.

    In execution 1 is right and 0 wrong; under `exact`, programs that print nothing are
    left out. Seeds ascend.
    """
    table: dict[str, dict] = {}
    for r in found:
        for a in answers(r, root):
            if (a.question.task, a.question.protocol) == (task, protocol):
                asked = a.total > 0
                if a.empty is not None and protocol == "exact":
                    asked &= ~a.empty
                table.setdefault(arm(r), {})[r["spec"]["seed"]] = (
                    a.right[asked] / a.total[asked].mean()
                )
    return {
        name: np.stack([runs[seed] for seed in sorted(runs)])
        for name, runs in table.items()
    }


def machine(record: dict) -> str:
    """What a run was computed on: the processor, and the GPU if there was one."""
    hardware, device = record["provenance"]["hardware"], record["cost"]["device"]
    gpu = device.partition("a GPU is present: ")[2].rstrip(")")
    if not gpu and device.startswith("cuda"):
        gpu = "a GPU whose name was not kept"
    return f"{hardware}, {gpu}" if gpu else hardware


def source_line(found: list[dict]) -> str:
    """The provenance of a figure in one line: study, runs, seeds, steps, commit, hardware, date."""
    first = found[0]
    unique = lambda values: ", ".join(sorted({str(v) for v in values}))  # noqa: E731
    seeds = unique(r["spec"]["seed"] for r in found)
    return (
        f"study {first['spec']['study']}: {len(found)} runs, seeds {seeds},"
        f" {first['parameters']:,} parameters, {first['scale']['steps']:,} steps of"
        f" {first['scale']['batch']} programs; commit"
        f" {unique(r['provenance']['commit'] for r in found)};"
        f" {unique(map(machine, found))};"
        f" {unique(r['provenance']['date'] for r in found)}"
    )
