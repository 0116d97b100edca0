"""Tables: a study as Parquet and CSV with a codebook, for anybody's statistics.

- Four tables: `runs`, `curves`, `programs` (those of the test) and `answers`, joined by
  the columns `run` and `program`.
- `COLUMNS` is the codebook, and the schema the files are written by: a column cannot be
  in one and not in the other.
- The accuracies of a record can be counted again from `answers` and `programs` alone.
- README.md beside the tables has the codebook, the licence and a checksum of each file.

`python -m curriculum tables STUDY --out FOLDER`; chapter 13 is the manual.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.csv

from .. import difficulty, files
from ..difficulty import LABELS, SCORERS, STATIC
from ..evaluation.answers import PROTOCOLS, TASKS, Answers, truths
from . import records
from .experiment import Data, load_data, resolve
from .spec import RESULTS

WORD = pa.dictionary(pa.int32(), pa.string())  # few different texts


class Column(NamedTuple):
    """One line of the codebook."""

    name: str
    type: pa.DataType
    unit: str  # or the values it may have
    meaning: str


# The fields of an experiment, as chapter 13 explains them.
SPEC = {
    "schedule": ("name", "order of the training programs"),
    "scorer": ("name", "difficulty by which they are ordered and labelled"),
    "cut": (
        "paper, tertiles",
        "where scores are cut into labels: 2 and 4, or tertiles",
    ),
    "options": ("JSON", "parameters of the schedule that are not its defaults"),
    "scale": ("name", "how much of everything; see programs, steps, batch"),
    "variant": ("july, july-az, august", "variant of the TinyPy grammar"),
    "rows": ("programs, windows", "what a training row is"),
    "loss_on": ("all, answer", "characters that the loss is taken of"),
    "lr_schedule": ("name", "learning-rate schedule"),
    "cycles": ("lengths", "of its restart cycles; empty: the stages of the plan"),
    "seed": ("whole number", "of first weights and shuffles; arms are paired by it"),
    "device": ("auto, cpu, cuda, mps", "device that was asked for"),
    "study": ("name", "the study"),
}

RUN = Column("run", pa.int32(), "0, 1, …", "number of the run; joins the tables")
PROGRAM = Column(
    "program", pa.int32(), "id", "number of the program in the corpus; joins the tables"
)
SPEC_COLUMNS = [
    Column(name, pa.int64() if name == "seed" else WORD, *said)
    for name, said in SPEC.items()
]
ACCURACIES = [
    Column(
        f"accuracy_{protocol}_{task}",
        pa.float64(),
        "0–1",
        f"right answers over all answers: {task}, protocol {protocol}",
    )
    for protocol in PROTOCOLS
    for task in TASKS
]
LOSSES = [
    Column(
        f"{kind}_{label}",
        pa.float64(),
        "nats per character",
        f"loss on {what} {label} validation programs",
    )
    for kind, what in (("valid", "whole"), ("answer", "the outputs of"))
    for label in LABELS
]


def _sentence(scorer: str) -> str:
    return " ".join(SCORERS[scorer].definition.split("\n\n")[0].split()).rstrip(".")


COLUMNS: dict[str, list[Column]] = {
    "runs": [
        RUN,
        Column("name", pa.string(), "text", "file name of the record"),
        Column("arm", WORD, "text", "what is compared: the spec without seed and scale"),
        *SPEC_COLUMNS,
        Column("parameters", pa.int64(), "count", "parameters of the model"),
        Column("programs", pa.int64(), "count", "programs of the corpus"),
        Column("train", pa.int64(), "count", "training programs"),
        Column("test", pa.int64(), "count", "test programs that were asked about"),
        Column("steps", pa.int64(), "count", "training steps"),
        Column("batch", pa.int64(), "programs", "programs in a step"),
        Column("lr", pa.float64(), "rate", "peak learning rate"),
        Column("tokens", pa.int64(), "characters", "characters trained on"),
        Column("seconds", pa.float64(), "seconds", "of training; machines were shared"),
        Column("as_planned", pa.bool_(), "true, false", "the audit found no difference"),
        Column("corpus_hash", WORD, "SHA-256", "of the corpus"),
        Column("plan_digest", WORD, "SHA-256", "of the plan: which program at which step"),
        Column("commit", WORD, "git", "commit of the code; + if it had changes"),
        Column("hardware", WORD, "text", "processor, and GPU if there was one"),
        Column("torch", WORD, "version", "version of PyTorch"),
        Column("date", WORD, "ISO 8601", "day of the run"),
        *ACCURACIES,
    ],
    "curves": [
        RUN,
        Column("step", pa.int32(), "count", "training steps done"),
        Column("tokens", pa.int64(), "characters", "characters trained on so far"),
        Column("loss", pa.float64(), "nats per character", "training loss of this step"),
        Column("lr", pa.float64(), "rate", "learning rate of this step"),
        Column("stage", pa.int16(), "0, 1, …", "stage of the schedule"),
        *LOSSES,
    ],
    "programs": [
        PROGRAM,
        Column("code", pa.string(), "Python", "the program"),
        Column("output", pa.string(), "text", "what it printed, without the last newline"),
        Column("truth", pa.string(), "text", "the output as models are to write it"),
        Column("length", pa.int32(), "characters", "code and output as trained on"),
        Column("level", WORD, "1.1 … 4.1", "level of the grammar"),
        Column("label", WORD, ", ".join(LABELS), "by the scorer and the cut of the study"),
        *(
            Column(n, pa.float64(), SCORERS[n].unit, _sentence(n))
            for n in STATIC
        ),
    ],
    "answers": [
        RUN,
        PROGRAM,
        Column("task", WORD, ", ".join(TASKS), "what was asked"),
        Column("protocol", WORD, ", ".join(PROTOCOLS), "how the answer was drawn"),
        Column("right", pa.int16(), "count", "right answers"),
        Column("total", pa.int16(), "count", "answers asked for"),
        Column("similarity", pa.float32(), "0–100", "mean edit similarity; line only"),
        Column("predicted", pa.string(), "text", "what was written; execution only"),
    ],
}  # fmt: skip


def write(study: str, out, results=RESULTS, workers: int = 1) -> list[Path]:
    """Write the tables of a study and their codebook; returns the paths.

    Args: workers: processes that make the corpus, if it is not in the cache.
    Raises: ValueError: there is no such study, or its runs have several corpora or labels.
    """
    found = records.records(study, results)
    data, ids = _tested(found, results, workers)
    tables = {
        "runs": table("runs", _runs(found)),
        "curves": table("curves", _curves(found)),
        "programs": table("programs", [_programs(data, ids)]),
        "answers": table("answers", _answers(found, results)),
    }
    paths = []
    for name, rows in tables.items():
        for ending, content in (("parquet", _parquet(rows)), ("csv", _csv(rows))):
            paths.append(files.write_bytes(Path(out) / f"{name}.{ending}", content))
    text = codebook(study, found, tables, paths)
    return [*paths, files.write_text(Path(out) / "README.md", text)]


def _tested(found: list[dict], results, workers: int) -> tuple[Data, np.ndarray]:
    """The data of a study, and the ids of its test programs."""
    keys = {
        (
            r["corpus"]["hash"],
            r["spec"]["scorer"],
            r["spec"].get("cut"),
            r["corpus"]["test"],
        )
        for r in found
    }
    if len(keys) > 1:
        raise ValueError(
            f"study {found[0]['spec']['study']} has {len(keys)} combinations of corpus,"
            " scorer, cut and test; tables are of one: keep such runs in studies of their"
            " own"
        )
    e = records.experiment(found[0], results)
    arm = resolve(e, load_data(e, workers))
    if arm.data.corpus.hash != found[0]["corpus"]["hash"]:
        raise ValueError(
            f"the corpus of study {e.study} is another than this version makes; check out"
            f" commit {found[0]['provenance']['commit']}"
        )
    return arm.data, arm.test_ids()


def table(name: str, parts) -> pa.Table:
    """The table of some {column: values}, by the codebook's schema."""
    schema = pa.schema([(c.name, c.type) for c in COLUMNS[name]])
    batches = []
    for part in parts:
        if set(part) != set(schema.names):
            wrong = ", ".join(sorted(set(part) ^ set(schema.names)))
            raise ValueError(f"table {name} and its codebook differ in {wrong}")
        columns = [pa.array(part[f.name], f.type) for f in schema]
        batches.append(pa.table(columns, schema=schema))
    return (
        pa.concat_tables(batches).unify_dictionaries()
        if batches
        else schema.empty_table()
    )


def _runs(found) -> Iterator[dict]:
    for i, r in enumerate(found):
        spec = {name: r["spec"].get(name, "") for name in SPEC}
        spec["options"] = json.dumps(spec["options"] or {}, sort_keys=True)
        row = {
            "run": i,
            "name": r["name"],
            "arm": records.arm(r),
            **spec,
            "parameters": r["parameters"],
            **{k: r["corpus"][k] for k in ("programs", "train", "test")},
            **{k: r["scale"][k] for k in ("steps", "batch", "lr")},
            **{k: r["cost"][k] for k in ("tokens", "seconds")},
            "as_planned": records.as_planned(r),
            "corpus_hash": r["corpus"]["hash"],
            "plan_digest": r["plan"]["digest"],
            "commit": r["provenance"]["commit"],
            "hardware": records.machine(r),
            "torch": r["provenance"]["versions"]["torch"],
            "date": r["provenance"]["date"],
        }
        for protocol in PROTOCOLS:
            for task in TASKS:
                accuracy = r["results"][protocol][task]["accuracy"]
                row[f"accuracy_{protocol}_{task}"] = accuracy
        yield {name: [value] for name, value in row.items()}


def _curves(found) -> Iterator[dict]:
    for i, r in enumerate(found):
        curve = r["curve"]
        part = {
            k: [x[k] for x in curve] for k in ("step", "tokens", "loss", "lr", "stage")
        }
        for kind in ("valid", "answer"):
            for label in LABELS:
                part[f"{kind}_{label}"] = [x.get(kind, {}).get(label) for x in curve]
        yield {"run": [i] * len(curve), **part}


def _programs(data: Data, ids) -> dict:
    corpus = data.corpus
    codes = [corpus.codes[i] for i in ids]
    return {
        "program": ids,
        "code": codes,
        "output": [corpus.outputs[i] for i in ids],
        "truth": truths(corpus, ids),
        "length": corpus.lengths[ids],
        "level": corpus.levels[ids].tolist(),
        "label": [LABELS[i] for i in data.labels[ids]],
        **difficulty.score_many(codes, STATIC).table,
    }


def _answers(found, results) -> Iterator[dict]:
    """None for runs that kept no answers."""
    for i, r in enumerate(found):
        if records.answers_path(r, results).exists():
            yield from (_one(i, a) for a in records.answers(r, results))


def _one(run: int, a: Answers) -> dict:
    n = len(a.ids)
    return {
        "run": [run] * n,
        "program": a.ids,
        "task": [a.question.task] * n,
        "protocol": [a.question.protocol] * n,
        "right": a.right,
        "total": a.total,
        "similarity": [None] * n if a.similarity is None else a.similarity,
        "predicted": [None] * n if a.predicted is None else a.predicted,
    }


def _parquet(rows: pa.Table) -> bytes:
    sink = pa.BufferOutputStream()
    pa.parquet.write_table(rows, sink, compression="zstd")
    return sink.getvalue().to_pybytes()


def _csv(rows: pa.Table) -> bytes:
    sink = pa.BufferOutputStream()
    texts = [
        (f.name, pa.string() if pa.types.is_dictionary(f.type) else f.type)
        for f in rows.schema
    ]
    pa.csv.write_csv(rows.cast(pa.schema(texts)), sink)
    return sink.getvalue().to_pybytes()


PIPE = "\\|"  # one that does not end the cell of a Markdown table
CODEBOOK = """# Study `{study}` as tables

{source}.

Each table is here as Parquet and as CSV (UTF-8; texts in double quotes, which are doubled
inside; an empty field without quotes is a missing value). `run` joins runs, curves and
answers; `program` joins programs and answers.

An accuracy is the sum of `right` over the sum of `total`, over the programs of a run,
task and protocol. Execution under the protocol `exact` leaves out programs whose `output`
is empty. There an answer is right if `predicted` is `truth`; under `released` it is right
if the same numbers stand in both. By label or level: join `programs` first. Arms are paired
by `seed`: they share programs, split and first weights. Runs that kept no answers have no rows
in `answers`.
"""

END = """## Licence and citation

MIT licence, like the repository that these tables were made from by
`python -m curriculum tables {study}`; its `CITATION.cff` says how to cite it. Please cite
the paper too: Naïr, Yamani, Lhadj and Baghdadi (2024), "Curriculum Learning for Small Code
Language Models", https://aclanthology.org/2024.acl-srw.44.

## Checksums (SHA-256)

```
{sums}
```
"""


def codebook(study: str, found: list[dict], tables: dict, paths) -> str:
    """The text of README.md: every column, how to join, the licence, checksums."""
    parts = [CODEBOOK.format(study=study, source=records.source_line(found))]
    for name, columns in COLUMNS.items():
        rows = "\n".join(
            f"| `{c.name}` | {'text' if c.type == WORD else c.type} | {c.unit} |"
            f" {c.meaning.replace('|', PIPE)} |"
            for c in columns
        )
        head = "| column | type | unit or values | meaning |\n| :-- | :-- | :-- | :-- |"
        parts.append(f"## {name}: {len(tables[name]):,} rows\n\n{head}\n{rows}\n")
    sums = "\n".join(f"{files.digest(p.read_bytes())}  {p.name}" for p in paths)
    return "\n".join([*parts, END.format(study=study, sums=sums)])
