"""Trained models asked about programs unlike the training programs, and their mistakes.

    python -m curriculum.experiments.ood FOLDER_OF_WEIGHTS [FOLDER_OF_RESULTS]

- `measure`: every model of a folder answers the suites of `data.suites`, greedily, under
  the exact protocol. One small file, written after every model: started again, it asks
  only the models that are missing. A model is known by the digest of its weights.
- `classify`: every wrong answer that a study kept gets a class of `evaluation.mistakes`.
  It needs no model, since studies keep their answers.
- Kept are one bit a program and the wrong answers; right answers are the true outputs.

Explained in chapter 16.
"""

from __future__ import annotations

import base64
import json
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from .. import files
from ..data.corpus import Corpus
from ..data.suites import Suites, build, training_keys
from ..evaluation import fast, mistakes
from ..evaluation.answers import Question, deflate, inflate, truths
from . import records
from .experiment import Arm, load_data, resolve
from .spec import RESULTS, Experiment

FILE, MISTAKES = "suites.json", "mistakes.json"
STUDY = Experiment("baseline", scale="study", study="study")
STUDIES = ("study", "confirm")  # with the same test programs, and other seeds
ARMS = (
    "baseline",
    "baseline, restarts",
    "hybrid-shuffled",
    "hybrid",
    "hybrid, restarts",
)
CLASSES = ("right", *mistakes.CLASSES)  # the first is no mistake


def prepare(folder, e: Experiment = STUDY, size: int = 300) -> Suites:
    """The suites of a study in `folder`; made from its test programs if not there."""
    if (Path(folder) / "members.json").exists():
        return Suites.load(folder)
    arm: Arm = resolve(e, load_data(e))
    corpus = arm.data.corpus
    seen = training_keys(corpus.codes[i] for i in arm.data.train)
    suites = build(corpus.subset(arm.test_ids()), seen, size)
    suites.save(folder)
    return suites


# --- the suites ---


def measure(
    weights, folder, suites: Suites, show: Callable[[str], None] = print
) -> Path:
    """Ask every model of a folder; writes `folder`/suites.json after each.

    Args:
        weights: folder of *.safetensors, as studies keep them.
        folder: of the results; models that are there already are not asked again.
    Raises: ValueError: no weights, or results about other programs.
    """
    paths, out = sorted(Path(weights).glob("*.safetensors")), Path(folder) / FILE
    if not paths:
        raise ValueError(f"{weights} holds no *.safetensors; train with kept weights")
    kept = {
        "what": "answers of trained models to the suites",
        "programs": suites.corpus.hash,
        "provenance": files.provenance(),
        "models": [],
    }
    if out.exists():
        kept = files.read_json(out, sealed=True)
        _about(out, kept, suites.corpus)
    known = {m["weights"] for m in kept["models"]}
    todo = [p for p in paths if files.digest(p.read_bytes()) not in known]
    show(f"{len(paths)} models, {len(paths) - len(todo)} of them known")
    for path in todo:
        kept["models"].append(one(path, suites.corpus))
        kept["models"].sort(key=lambda m: (m["arm"], m["seed"], m["weights"]))
        files.write_json(out, kept)
        show(f"{path.name} asked")
    return out


def one(path, corpus: Corpus) -> dict:
    """What one model answered, as JSON values."""
    model, about = records.load_model(path)
    ids = np.arange(len(corpus))
    found = fast.ask(model, corpus, ids, [Question("execution")])[0]
    right, said = found.right.astype(bool), found.predicted or []
    return {
        "name": path.stem,
        "arm": records.arm(about),
        "seed": about["spec"]["seed"],
        "study": about["spec"].get("study", ""),
        "weights": files.digest(Path(path).read_bytes()),
        "right": base64.b64encode(np.packbits(right).tobytes()).decode(),
        "wrong": _squeeze([said[i] for i in ids[~right]]),
        "provenance": files.provenance(),
    }


@dataclass(frozen=True, eq=False)
class Asked:
    """Answers of models to the suites; seeds ascend, arms need not have the same."""

    suites: Suites
    seeds: dict[str, list[int]]  # arm → its seeds
    right: dict[str, np.ndarray]  # arm → (seeds, programs) bool
    said: dict[str, list[list[str]]]  # arm → for each seed, the answer to each program
    source: str  # where the numbers come from, in one line


def load(folder=Path("results/ood")) -> Asked:
    """What `measure` wrote.

    Raises: ValueError: a file is missing or damaged, or is about other programs.
    """
    folder = files.found(folder)
    suites = Suites.load(folder)
    kept = files.read_json(folder / FILE, sealed=True)
    _about(folder / FILE, kept, suites.corpus)
    true = truths(suites.corpus, np.arange(len(suites.corpus)))
    seeds: dict[str, list] = {}
    right: dict[str, list] = {}
    said: dict[str, list] = {}
    for m in kept["models"]:
        bits = np.frombuffer(base64.b64decode(m["right"]), np.uint8)
        good, wrong = np.unpackbits(bits, count=len(true)), iter(_spread(m["wrong"]))
        answers = [t if ok else next(wrong) for ok, t in zip(good, true, strict=True)]
        for table, value in ((seeds, m["seed"]), (right, good), (said, answers)):
            table.setdefault(m["arm"], []).append(value)
    rows = {arm: np.stack(values).astype(bool) for arm, values in right.items()}
    return Asked(suites, seeds, rows, said, _source(kept["models"]))


# --- the mistakes ---


def classify(
    programs: Corpus, ids, studies: Mapping[str, Sequence[dict]], root, out
) -> Path:
    """Give every wrong answer of some runs its class; writes one file.

    Args:
        programs: test programs; ids: (n,) their numbers in the answers that were kept.
        studies: study → its records that are looked at.
        root: the folder of results that holds the studies' answers.
    Raises: ValueError: the answers are about other programs.
    """
    tests = [i for i in range(len(programs)) if programs.outputs[i]]
    planted = mistakes.answers([programs[i] for i in tests])
    runs = []
    for study, found in studies.items():
        for r in found:
            answers = records.executed(r, root)
            if answers.ids.tolist() != list(ids):
                raise ValueError(f"{r['name']} was asked about other programs")
            said = [(answers.predicted or [])[i] for i in tests]
            wrong = ~answers.right[tests].astype(bool)
            key = study, r["name"]
            lucky = mistakes.by_luck(programs.levels[tests], said, wrong, *key)
            runs.append(
                {
                    "study": study,
                    "name": r["name"],
                    "arm": records.arm(r),
                    "seed": r["spec"]["seed"],
                    "classes": _classes(programs, tests, said, wrong, planted),
                    "luck": _classes(programs, tests, lucky, wrong, planted),
                }
            )
    runs.sort(key=lambda m: (m["arm"], m["seed"]))
    note = {
        "what": "classes of the wrong answers that two studies kept",
        "programs": programs.hash,
        "classes": list(CLASSES),
        "provenance": files.provenance(),
        "runs": runs,
    }
    return files.write_json(out, note)


@dataclass(frozen=True, eq=False)
class Mistakes:
    """Classes of mistakes; seeds ascend, arms need not have the same."""

    tests: list[int]  # n test programs that print something
    seeds: dict[str, list[int]]  # arm → its seeds
    classes: dict[str, np.ndarray]  # arm → (seeds, n) places in CLASSES
    luck: dict[str, np.ndarray]  # the same for wrong answers to other programs
    runs: dict[
        tuple[str, int], tuple[str, str]
    ]  # arm, seed → study, name of the record


def load_mistakes(programs: Corpus, path=Path("results/ood") / MISTAKES) -> Mistakes:
    """What `classify` wrote about these test programs.

    Raises: ValueError: the file is missing or damaged, or is about other programs.
    """
    path = files.found(path)
    kept = files.read_json(path, sealed=True)
    _about(path, kept, programs)
    if kept["classes"] != list(CLASSES):
        raise ValueError(f"{path} has other classes than this package; run it again")
    seeds: dict[str, list[int]] = {}
    tables: dict[str, dict[str, list]] = {"classes": {}, "luck": {}}
    for m in kept["runs"]:
        seeds.setdefault(m["arm"], []).append(m["seed"])
        for name, table in tables.items():
            table.setdefault(m["arm"], []).append(_spread(m[name]))
    arrays = {n: {a: np.array(v) for a, v in t.items()} for n, t in tables.items()}
    return Mistakes(
        [i for i in range(len(programs)) if programs.outputs[i]],
        seeds,
        arrays["classes"],
        arrays["luck"],
        {(m["arm"], m["seed"]): (m["study"], m["name"]) for m in kept["runs"]},
    )


# --- inside ---


def _about(path, kept, programs):
    if kept["programs"] != programs.hash:
        raise ValueError(f"{path} is about other programs; choose another folder")


def _source(models) -> str:
    studies = {m["study"] for m in models}
    made = [m["provenance"] for m in models]
    parts = ({p[name] for p in made} for name in ("commit", "hardware", "date"))
    words = (", ".join(sorted(x)) for x in (studies, *parts))
    return "{} models of the studies {}; commit {}; {}; {}".format(len(models), *words)


def _classes(programs: Corpus, tests, said, wrong, planted) -> str:
    """The place of each answer's class in CLASSES, compressed; 0 where it is right."""
    found = []
    for i, text, bad, explained, truth in zip(
        tests, said, wrong, planted, truths(programs, tests), strict=True
    ):
        mistake = (
            bad and text != truth
        )  # another program's answer may happen to be right
        kind = mistakes.classify(programs[i], text, explained) if mistake else "right"
        found.append(CLASSES.index(kind))
    return _squeeze(found)


def _squeeze(value) -> str:
    return deflate(json.dumps(value, separators=(",", ":")).encode())


def _spread(text):
    return json.loads(inflate(text))


def main(words=None) -> None:
    """Make the suites if need be, ask the models, and classify the studies' mistakes."""
    words = sys.argv[1:] if words is None else words
    if not 1 <= len(words) <= 2:
        raise SystemExit("give a folder of weights, and if you like one of results")
    folder = Path(words[1]) if words[1:] else RESULTS / "ood"
    measure(words[0], folder, prepare(folder))
    found = {
        study: [r for r in records.records(study, RESULTS) if records.arm(r) in ARMS]
        for study in STUDIES
    }
    programs = Corpus.load(RESULTS / STUDIES[0] / "test-programs")
    ids = records.executed(found[STUDIES[0]][0], RESULTS).ids
    print(classify(programs, ids, found, RESULTS, folder / MISTAKES))


if __name__ == "__main__":
    main()
