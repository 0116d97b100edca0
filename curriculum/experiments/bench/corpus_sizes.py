"""What a large corpus costs: time a program for each step of the work, and memory.

    python -m curriculum.experiments.bench.corpus_sizes --sizes 10000,100000,1000000 --out FILE

- Every size has a process of its own, so that its peak memory is its own. The peak is
  that of this process plus that of the sandbox, as the system counts them: from above,
  for a new process begins with its parent's count.
- The steps are those of `resolve` and `Arm.train` at the paper's scale: 120,000
  steps of 64 programs are planned, a few are trained.
- The table is in processor time, of this process and the sandbox together: what one core
  has to do, however busy the machine is. The file has the seconds on the wall as well.

The file is `book/results/bench/corpus-sizes.json`; the page of provenance lists it.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from ... import files
from ...data import corpus

STEPS, BATCH, TRAINED = 120_000, 64, 4  # planned steps, programs in each, steps trained
FIXED = ("plan", "preflight", "train")  # steps that do not grow with the corpus


def measure(size: int, variant: str) -> dict:
    """One corpus from the first candidate to a few training steps, in this process."""
    row: dict = {"size": size, "seconds": {}, "cpu_seconds": {}, "peak_mb": {}}
    began = time.perf_counter(), _cpu()

    def done(step: str) -> None:
        nonlocal began
        row["seconds"][step] = time.perf_counter() - began[0]
        row["cpu_seconds"][step] = _cpu() - began[1]
        row["peak_mb"][step] = _peak()
        began = time.perf_counter(), _cpu()

    spec = corpus.CorpusSpec(size, variant=variant)
    made = corpus.build(spec)
    row["dropped"] = made.dropped
    done("generate")
    with tempfile.TemporaryDirectory() as folder:
        made.save(folder)
        done("hash and save")
        made = corpus.Corpus.load(folder, spec)
        done("load and check")
        row["file_mb"] = sum(f.stat().st_size for f in Path(folder).iterdir()) / 2**20
    parts = corpus.split(made)
    done("split without twins")

    from ... import difficulty, model
    from ...ordering import plan, schedules
    from ...training import Programs, TrainState, train_together

    began = time.perf_counter(), _cpu()  # importing is not counted
    scores = difficulty.score_many(made.codes, ["om_token"]).table["om_token"]
    done("score om_token")
    labels, ids = difficulty.label(scores, (2.0, 4.0)), parts.train
    order = plan.Plan(
        schedules.hybrid(), ids, scores[ids], labels[ids], 0, STEPS, BATCH
    )
    row["plan"], _ = order.digest, order.table
    done("plan")
    plan.preflight(order, made.lengths)
    done("preflight")
    rows = Programs(made)
    net = model.GPT(model.config("pocket", made.tokenizer.size, spec.max_chars))
    train_together([TrainState(net, order, rows)], stop_at=TRAINED)
    done("train")
    return row


def _peak() -> float:
    """MB (2**20 bytes): the most this process and its largest child ever used."""
    unit = 2**20 if sys.platform == "darwin" else 2**10
    return sum(usage.ru_maxrss for usage in _usage()) / unit


def _cpu() -> float:
    """Seconds of processor time that this process and its ended children have used."""
    return sum(usage.ru_utime + usage.ru_stime for usage in _usage())


def _usage() -> list:
    import resource  # only here: Windows has none, and chapters import this package

    kinds = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    return [resource.getrusage(kind) for kind in kinds]


def table(rows: list[dict]) -> str:
    """Processor time of each step, a column for each size; then the peaks of memory."""
    head = "".join(f"{row['size']:>12,}" for row in rows)
    lines = [f"{'microseconds a program':<24}{head}"]
    for step in rows[0]["cpu_seconds"]:
        if step == FIXED[0]:
            lines.append("seconds")
        each = [
            r["cpu_seconds"][step] * (1 if step in FIXED else 1e6 / r["size"])
            for r in rows
        ]
        lines.append(f"  {step:<22}" + "".join(f"{cost:12.1f}" for cost in each))
    peaks = "".join(f"{max(row['peak_mb'].values()):12,.0f}" for row in rows)
    return "\n".join([*lines, f"{'peak memory, MB':<24}{peaks}"])


def main(words=None) -> int:
    """Measure the sizes one after another and write one file."""
    parser = argparse.ArgumentParser(prog="curriculum.bench.corpus_sizes")
    parser.add_argument("--sizes", default="10000,100000,1000000")
    parser.add_argument("--variant", default="july")
    parser.add_argument("--out")
    parser.add_argument("--one", type=int, help=argparse.SUPPRESS)  # a child's size
    asked = parser.parse_args(words)
    if asked.one:
        print(json.dumps(measure(asked.one, asked.variant)))
        return 0
    rows = []
    for size in asked.sizes.split(","):
        command = [sys.executable, "-m", __spec__.name, "--one", size]
        run = subprocess.run(
            [*command, "--variant", asked.variant], stdout=subprocess.PIPE, check=True
        )
        rows.append(json.loads(run.stdout))
    print(table(rows))
    if asked.out:
        about: dict = {"what": "time and memory of making corpora of several sizes"}
        about |= {"variant": asked.variant, "steps": STEPS, "batch": BATCH}
        about |= {"trained": TRAINED, "provenance": files.provenance()}
        files.write_json(asked.out, {**about, "rows": rows})
    return 0


if __name__ == "__main__":
    sys.exit(main())
