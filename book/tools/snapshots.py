"""Ask models that were saved along their training the study's test programs.

    python book/tools/snapshots.py FOLDER   # writes book/results/snapshots/answers.json

FOLDER holds weights named `<schedule>_s<seed>_step<step>.safetensors`. Kept are the exact
execution answers of each, packed as beside the records. Chapter 15 draws them.
"""

import re
import sys
from pathlib import Path

import numpy as np

from curriculum import files
from curriculum.data.corpus import Corpus
from curriculum.evaluation.answers import Question, pack
from curriculum.evaluation.fast import ask
from curriculum.experiments.records import load_model

RESULTS = Path(__file__).resolve().parents[1] / "results"
NAME = re.compile(r"(?P<schedule>[\w-]+)_s(?P<seed>\d+)_step(?P<step>\d+)")


def answered(path: Path, corpus: Corpus) -> dict:
    """One saved model: which it is, and what it answers to the programs of `corpus`."""
    found = NAME.fullmatch(path.stem)
    if not found:
        raise ValueError(
            f"{path.name} must be <schedule>_s<seed>_step<step>.safetensors"
        )
    model, about = load_model(path)
    if about["alphabet"] != corpus.tokenizer.alphabet:
        raise ValueError(f"{path.name} knows other characters than the test programs")
    answers = ask(model, corpus, np.arange(len(corpus)), [Question("execution")])
    return {
        "schedule": found["schedule"],
        "seed": int(found["seed"]),
        "step": int(found["step"]),
        "weights": files.digest(path.read_bytes()),
        **pack(answers),
    }


def main(folder: Path, out: Path = RESULTS / "snapshots" / "answers.json"):
    corpus = Corpus.load(RESULTS / "study" / "test-programs")
    paths = sorted(folder.glob("*_step*.safetensors"))
    if not paths:
        raise ValueError(f"{folder} holds no *_step*.safetensors")
    models = [answered(path, corpus) for path in paths]
    models.sort(key=lambda m: (m["schedule"], m["seed"], m["step"]))
    files.write_json(
        out,
        {
            "what": "execution of the study's test programs along two runs of block confirm",
            "models": models,
            "provenance": files.provenance(),
        },
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]))
