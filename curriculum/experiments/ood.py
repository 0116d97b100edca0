"""Trained models asked about programs unlike the training programs, and their mistakes.

    python -m curriculum.experiments.ood FOLDER_OF_WEIGHTS [FOLDER_OF_RESULTS]

- Every model answers the suites of `data.suites` and all test programs, greedily, under
  the exact protocol; every wrong answer to a test program gets a class (`mistakes`).
- All of it is one small file, written after every model: started again, it asks only the
  models that are missing. A model is known by the digest of its weights.
- Kept are one bit a program, the wrong answers, and the classes. Right answers are the
  true outputs, so `load` has every answer.

Explained in chapter 15.
"""

from __future__ import annotations

import base64
import json
import sys
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from .. import files
from ..data.corpus import Corpus
from ..data.suites import Suites, build, training_keys
from ..evaluation import fast, mistakes
from ..evaluation.answers import Question, truths
from . import records
from .experiment import Arm, load_data, resolve
from .spec import RESULTS, Experiment

FILE = "suites.json"
STUDY = Experiment("baseline", scale="study", study="study")
RIGHT = "right"  # the class of an answer that is no mistake
CLASSES = (RIGHT, *mistakes.CLASSES)


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
        "what": "answers of trained models to the suites, and classes of their mistakes",
        "programs": suites.corpus.hash,
        "provenance": files.provenance(),
        "models": [],
    }
    if out.exists():
        kept = files.read_json(out, sealed=True)
        if kept["programs"] != suites.corpus.hash:
            raise ValueError(f"{out} is about other programs; choose another folder")
    known = {m["weights"] for m in kept["models"]}
    todo = [p for p in paths if files.digest(p.read_bytes()) not in known]
    show(f"{len(paths)} models, {len(paths) - len(todo)} of them known")
    if todo:
        tests = loud(suites)
        planted = mistakes.answers([suites.corpus[i] for i in tests])
        for path in todo:
            kept["models"].append(one(path, suites, tests, planted))
            kept["models"].sort(key=lambda m: (m["arm"], m["seed"], m["weights"]))
            files.write_json(out, kept)
            show(f"{path.name} asked")
    return out


def loud(suites: Suites) -> np.ndarray:
    """The test programs that print something: those whose mistakes are classified."""
    return np.array([i for i in range(suites.tests) if suites.corpus.outputs[i]])


def one(path, suites: Suites, tests, planted) -> dict:
    """What one model answered, as JSON values.

    Args: tests: see `loud`. planted: `mistakes.answers` about them.
    """
    model, about = records.load_model(path)
    corpus = suites.corpus
    ids = np.arange(len(corpus))
    found = fast.ask(model, corpus, ids, [Question("execution")])[0]
    right, said = found.right.astype(bool), found.predicted or []
    wrong = ~right[tests]
    asked = [said[i] for i in tests]
    lucky = mistakes.by_luck(corpus.levels[tests], asked, wrong, path.stem)
    return {
        "name": path.stem,
        "arm": records.arm(about),
        "seed": about["spec"]["seed"],
        "weights": files.digest(Path(path).read_bytes()),
        "right": _bits(right),
        "wrong": _deflate([said[i] for i in ids[~right]]),
        "classes": _classes(corpus, tests, asked, wrong, planted),
        "luck": _classes(corpus, tests, lucky, wrong, planted),
        "provenance": files.provenance(),
    }


@dataclass(frozen=True, eq=False)
class Asked:
    """The answers of models to the suites. Seeds ascend; arms need not have the same."""

    suites: Suites
    tests: np.ndarray  # (n,) test programs whose mistakes have a class
    seeds: dict[str, list[int]]  # arm → its seeds
    right: dict[str, np.ndarray]  # arm → (seeds, programs) bool
    said: dict[str, list[list[str]]]  # arm → for each seed, the answer to each program
    classes: dict[str, np.ndarray]  # arm → (seeds, n) places in CLASSES
    luck: dict[str, np.ndarray]  # arm → the same for the answers to other programs
    provenance: list[dict]

    def paired(self, *arms: str) -> list[int]:
        """Seeds that all of these arms have."""
        common = set.intersection(*(set(self.seeds[a]) for a in arms))
        return sorted(common)

    def rows(self, table: dict[str, np.ndarray], arm: str, seeds) -> np.ndarray:
        """The rows of `table[arm]` that belong to these seeds."""
        return table[arm][[self.seeds[arm].index(s) for s in seeds]]


def load(folder=Path("results/ood")) -> Asked:
    """What `measure` wrote.

    Raises: ValueError: a file is missing or damaged, or is about other programs.
    """
    folder = files.found(folder)
    suites = Suites.load(folder)
    kept = files.read_json(folder / FILE, sealed=True)
    if kept["programs"] != suites.corpus.hash:
        raise ValueError(f"{folder / FILE} is about other programs; run it again")
    corpus = suites.corpus
    true = truths(corpus, np.arange(len(corpus)))
    tables: dict[str, dict[str, list]] = {}
    for m in kept["models"]:
        arm = tables.setdefault(
            m["arm"], {k: [] for k in ("seed", "right", "said", "classes", "luck")}
        )
        arm["seed"].append(m["seed"])
        arm["right"].append(_from_bits(m["right"], len(corpus)))
        wrong = iter(_inflate(m["wrong"]))
        pairs = zip(arm["right"][-1], true, strict=True)
        arm["said"].append([text if right else next(wrong) for right, text in pairs])
        for name in ("classes", "luck"):
            arm[name].append(np.array(_inflate(m[name])))
    return Asked(
        suites,
        loud(suites),
        {a: t["seed"] for a, t in tables.items()},
        {a: np.stack(t["right"]) for a, t in tables.items()},
        {a: t["said"] for a, t in tables.items()},
        {a: np.stack(t["classes"]) for a, t in tables.items()},
        {a: np.stack(t["luck"]) for a, t in tables.items()},
        [m["provenance"] for m in kept["models"]],
    )


# --- inside ---


def _classes(corpus: Corpus, tests, said, wrong, planted) -> str:
    """The place of each answer's class in CLASSES, compressed."""
    found = [
        mistakes.classify(corpus[i], text, explained)
        if bad and text != truth
        else RIGHT
        for i, text, bad, explained, truth in zip(
            tests, said, wrong, planted, truths(corpus, tests), strict=True
        )
    ]
    return _deflate([CLASSES.index(name) for name in found])


def _bits(flags) -> str:
    return base64.b64encode(np.packbits(flags).tobytes()).decode()


def _from_bits(text, n) -> np.ndarray:
    kept = np.frombuffer(base64.b64decode(text), np.uint8)
    return np.unpackbits(kept, count=n).astype(bool)


def _deflate(value) -> str:
    data = json.dumps(value, separators=(",", ":")).encode()
    return base64.b64encode(zlib.compress(data, 9)).decode()


def _inflate(text):
    return json.loads(zlib.decompress(base64.b64decode(text)))


def main(words=None) -> None:
    """Make the suites if need be, and ask the models."""
    words = sys.argv[1:] if words is None else words
    if not 1 <= len(words) <= 2:
        raise SystemExit(__doc__.splitlines()[2].strip())
    folder = Path(words[1]) if words[1:] else RESULTS / "ood"
    measure(words[0], folder, prepare(folder))


if __name__ == "__main__":
    main()
