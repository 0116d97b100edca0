"""Records: what a finished experiment leaves behind, and how chapters read it.

- One JSON file per run: spec, plan digest, curves, results under both protocols, the
  audit, the cost, and the provenance without which a number is hearsay.
- A record is never overwritten by another experiment of the same name.
- `records`, `accuracy`, `by_schedule` turn a study's files into the arrays behind a figure;
  `source_line` is the sentence under it.

Chapter 12 opens one; chapters 6 to 10 rest on them.
"""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np

from .. import files, model
from ..ordering import audit, plan, schedules
from ..training import loop
from .experiment import SCALES, Data, Experiment, run_folder


def record(
    e: Experiment, data: Data, order: plan.Plan, run: loop.TrainState, results: dict
) -> dict:
    """Everything a reader needs to trust the results, as plain JSON values."""
    flight = plan.preflight(
        order, data.corpus.lengths, model.training_flops(run.model.config, 96)
    )
    device, reason = loop.choose_device(e.device)
    return {
        "name": e.name,
        "spec": dataclasses.asdict(e),
        "scale": dataclasses.asdict(SCALES[e.scale]),
        "corpus": {
            "hash": data.corpus.hash,
            "programs": len(data.corpus),
            "dropped": data.corpus.dropped,
            "train": len(data.train),
            "test": int(min(len(data.test), SCALES[e.scale].test)),
            "labels": np.bincount(data.labels, minlength=3).tolist(),
        },
        "plan": {
            "digest": order.digest,
            "starts": order.starts,
            "spec": order.spec,
            "preflight": dataclasses.asdict(flight),
        },
        "parameters": model.parameter_count(run.model.config),
        "curve": loop.read_log(run_folder(e, order) / "log.jsonl"),
        "results": results,
        "audit": dataclasses.asdict(audit.audit(np.stack(run.delivered), order)),
        "cost": {
            "tokens": run.tokens,
            "seconds": round(run.seconds, 1),
            "device": f"{device} ({reason})",
        },
        "provenance": files.provenance(),
    }


def record_path(e: Experiment, results="results") -> Path:
    """Where the record of this experiment lives, below the results folder."""
    return Path(results) / e.study / f"{e.name}.json"


def finished(e: Experiment, results="results") -> bool:
    """True when the record exists; another spec under the same name is an error."""
    path = record_path(e, results)
    if not path.exists():
        return False
    kept = Experiment(**read_record(path)["spec"])
    if kept.science != e.science:
        differ = {
            k: (v, e.science[k]) for k, v in kept.science.items() if v != e.science[k]
        }
        raise ValueError(
            f"{path} holds another experiment: {differ} (kept, asked); choose another study"
        )
    return True


def save(e: Experiment, data, order, run, results, root="results") -> Path:
    """Write the record, and the weights where the scale keeps them."""
    path = record_path(e, root)
    if SCALES[e.scale].keep_weights:
        about = {
            "spec": dataclasses.asdict(e),
            "config": dataclasses.asdict(run.model.config),
            "alphabet": data.corpus.tokenizer.alphabet,
        }
        loop.save_weights(path.with_suffix(".safetensors"), run.model, about)
    return files.write_json(path, record(e, data, order, run, results))


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
    return found


def read_record(path) -> dict:
    """The record in `path`; a missing or damaged file is an error that names it."""
    return modern(files.read_json(path))


def records(study: str, root="results") -> list[dict]:
    """All records of a study, by schedule (as the book lists them) and seed."""
    folder = Path(root) / study
    found = [read_record(p) for p in sorted(folder.glob("*.json"))]
    if not found:
        raise ValueError(f"{folder} holds no records; run the study first (chapter 12)")
    order = list(schedules.NAMED)
    return sorted(
        found, key=lambda r: (order.index(r["spec"]["schedule"]), r["spec"]["seed"])
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
    table: dict[str, list] = {}
    for r in found:
        table.setdefault(r["spec"]["schedule"], []).append(figure(r))
    return {name: np.array(values) for name, values in table.items()}


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
        f" {unique(r['provenance']['hardware'] for r in found)};"
        f" {unique(r['provenance']['date'] for r in found)}"
    )
