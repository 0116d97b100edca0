"""The command line: `python -m curriculum <command> --help`.

Thin: every command calls one or two functions of the package. Bad input ends with exit
code 2 and one line that names the value and the cure. Chapter 12 shows each command.
"""

from __future__ import annotations

import argparse
import dataclasses
import sys
import time
from pathlib import Path

import numpy as np


def main(words=None) -> int:
    """Run one command; returns the exit code."""
    arguments = parser().parse_args(words)
    try:
        return arguments.run(arguments) or 0
    except (ValueError, OSError) as error:
        print(f"curriculum {arguments.command}: {error}", file=sys.stderr)
        return 2
    except (FloatingPointError, RuntimeError) as error:
        print(f"curriculum {arguments.command}: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print(
            f"curriculum {arguments.command}: interrupted; the same command goes on"
            " from the last checkpoint",
            file=sys.stderr,
        )
        return 130


def parser() -> argparse.ArgumentParser:
    from .sweep import RESULTS

    top = argparse.ArgumentParser(
        prog="curriculum",
        description="Programs, their difficulty, an order to learn them in, and what came of it.",
    )
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND")

    def command(name, run, text):
        sub = commands.add_parser(
            name,
            help=text,
            description=text[0].upper() + text[1:] + ".",
            formatter_class=argparse.ArgumentDefaultsHelpFormatter,
        )
        sub.set_defaults(run=run)
        return sub

    c = command(
        "generate",
        generate,
        "write a corpus of TinyPy programs with their true outputs",
    )
    c.add_argument("folder", type=Path, help="where the corpus goes")
    c.add_argument("--size", type=int, default=20_000, help="programs to keep")
    c.add_argument(
        "--level", default="ALL", help="1.1, 1.2, 2.1, 2.2, 3.1, 3.2, 4.1 or ALL"
    )
    c.add_argument(
        "--variant", default="july", help="july (a–e, digits) or august (a–z, 0–255)"
    )
    c.add_argument("--seed", type=int, default=0, help="names the corpus")
    c.add_argument(
        "--workers", type=int, default=1, help="processes; changes nothing but time"
    )

    c = command("score", score, "score Python files and folders for difficulty")
    c.add_argument(
        "paths", nargs="+", type=Path, help="files, or folders searched for .py files"
    )
    c.add_argument(
        "--scorers", default="", help="comma-separated names; empty: all static ones"
    )
    c.add_argument("--out", type=Path, help="write .csv or .parquet instead of a table")
    c.add_argument("--sort", default="", help="scorer to sort by, hardest first")
    c.add_argument("--top", type=int, default=20, help="rows of the table")
    c.add_argument("--workers", type=int, default=1, help="processes")

    c = command(
        "plan", show_plan, "show what an experiment would train on, and in which order"
    )
    experiment_words(c)
    c.add_argument("--out", type=Path, help="save the plan as Parquet")

    c = command("cost", cost_card, "estimate minutes and money of a sweep")
    experiment_words(c)
    c.add_argument("--gpu", default="A100", help="T4, A100 or H100")
    c.add_argument("--gpus", type=int, default=4, help="cards of the last row")
    c.add_argument("--runs-per-gpu", type=int, default=4, help="runs that share a card")
    c.add_argument("--price", type=float, help="of an hour of one card, if you know it")

    c = command(
        "train", train_one, "train one arm in this process; resumes if cut short"
    )
    experiment_words(c)
    c.add_argument(
        "--results",
        type=Path,
        default=Path("runs/results"),
        help="folder of the record",
    )
    c.add_argument(
        "--notebook", action="store_true", help="run its notebook through papermill"
    )

    c = command(
        "evaluate", evaluate_weights, "measure saved weights on their test programs"
    )
    c.add_argument(
        "weights", type=Path, help="a .safetensors file written by train or experiment"
    )
    c.add_argument("--protocol", default="exact", help="exact or released")
    c.add_argument("--programs", type=int, default=1_000, help="test programs, at most")
    c.add_argument(
        "--show", type=int, default=0, help="predictions to print beside the truth"
    )

    c = command(
        "experiment",
        experiments,
        "run experiments, as notebooks; commas make a sweep",
    )
    experiment_words(c)
    c.add_argument(
        "--results", type=Path, default=RESULTS, help="folder of the records"
    )
    c.add_argument(
        "--no-notebook",
        action="store_true",
        help="leave no filled-in notebooks, and save the seconds they take",
    )
    c.add_argument(
        "--engine", default="local", help="local (this machine) or ray (a cluster)"
    )
    c.add_argument(
        "--jobs",
        type=int,
        help="experiments at a time; empty: 1, or all that the cluster holds",
    )
    c.add_argument(
        "--address",
        default="",
        help="ray: auto, host:6379 or ray://host:10001; empty: start one here",
    )
    c.add_argument("--cpus-per-run", type=float, default=1, help="ray: processors")
    c.add_argument(
        "--gpus-per-run",
        type=float,
        help="ray: GPUs, such as 0.25 for four runs a card; empty: one, if there is one",
    )

    c = command(
        "full", full_comparison, "fit a full comparison on one GPU into a time budget"
    )
    c.add_argument("--minutes", type=float, default=25.0, help="time budget")
    c.add_argument("--scale", default="paper", help="smoke, quick, desk or paper")
    c.add_argument("--seeds", type=int, default=4, help="seeds of each arm, at most")
    c.add_argument("--arms", default="", help="comma-separated schedules; empty: four")
    c.add_argument("--study", default="full", help="folder of the records")
    c.add_argument(
        "--results", type=Path, default=RESULTS, help="folder of the records"
    )
    c.add_argument("--device", default="auto", help="auto, cpu, cuda or mps")

    c = command(
        "bench",
        benchmark,
        "compare this code with a plain reference and with the limit",
    )
    c.add_argument(
        "--stages", default="", help="comma-separated names; empty: all of them"
    )
    c.add_argument("--size", default="paper", help="model size: nano, pocket or paper")
    c.add_argument("--device", default="auto", help="auto, cpu, cuda or mps")
    c.add_argument("--rounds", type=int, default=5, help="turns of each side")
    c.add_argument("--seconds", type=float, default=0.5, help="least time of a turn")
    c.add_argument("--out", type=Path, help="also write the table as JSON")
    return top


def experiment_words(c):
    from .experiment import Experiment

    fields = ", ".join(f"{f.name}={f.default}" for f in dataclasses.fields(Experiment))
    c.add_argument(
        "words", nargs="*", metavar="name=value", help=f"parameters; defaults: {fields}"
    )


def progress(done: int, total: int):
    print(
        f"\r{done:,} of {total:,}",
        end="\n" if done >= total else "",
        file=sys.stderr,
        flush=True,
    )


def generate(a):
    from ..data.corpus import CorpusSpec, build

    spec = CorpusSpec(size=a.size, level=a.level, variant=a.variant, seed=a.seed)
    began = time.perf_counter()
    corpus = build(spec, workers=a.workers, progress=progress)
    corpus.save(a.folder)
    print(
        f"{len(corpus):,} programs in {a.folder} after {time.perf_counter() - began:.1f} s;"
        f" dropped {corpus.dropped}; hash {corpus.hash[:16]}"
    )


def score(a):
    from .. import difficulty

    names = [n for n in a.scorers.split(",") if n] or list(difficulty.STATIC)
    sort = a.sort or names[-1]
    for name in [*names, sort]:
        if name not in difficulty.SCORERS:
            raise ValueError(
                f"scorer is {name!r}; it must be one of {', '.join(difficulty.SCORERS)}"
            )
    if a.out and a.out.suffix not in (".csv", ".parquet"):
        raise ValueError(f"--out is {a.out}; its name must end in .csv or .parquet")
    sources, unreadable = difficulty.collect(a.paths)
    where, texts = zip(*sources, strict=True) if sources else ((), ())
    found = difficulty.score_many(
        texts,
        list(dict.fromkeys([*names, sort])),
        files=where,
        workers=a.workers,
        progress=progress,
    )
    bad = [*unreadable, *found.errors]
    for _, file, line, reason in bad:
        print(f"skipped {file}:{line or '?'}: {reason}", file=sys.stderr)
    if not len(found.scored):
        raise ValueError(
            f"none of {len(bad)} files could be scored; the reasons are above"
        )
    columns = {"file": list(where), **{n: found.table[n] for n in names}}
    if a.out:
        import pyarrow as pa
        import pyarrow.csv
        import pyarrow.parquet

        from ..files import write_bytes

        sink = pa.BufferOutputStream()
        write = pa.csv.write_csv if a.out.suffix == ".csv" else pa.parquet.write_table
        write(pa.table(columns), sink)
        write_bytes(a.out, sink.getvalue().to_pybytes())
        print(f"{len(texts):,} files, {len(bad)} skipped: {a.out}")
        return
    order = np.argsort(-np.nan_to_num(found.table[sort], nan=-np.inf), kind="stable")[
        : a.top
    ]
    print("  ".join([*(f"{n:>14}" for n in names), "file"]))
    for i in order[np.isin(order, found.scored)]:
        print(
            "  ".join([*(f"{found.table[n][i]:>14.2f}" for n in names), str(where[i])])
        )
    print(f"{len(texts):,} files, {len(bad)} skipped; sorted by {sort}, hardest first")


def single(a):
    from .experiment import Experiment

    found = Experiment.parse(a.words)
    if len(found) != 1:
        raise ValueError(
            f"{len(found)} experiments; this command selections one, without commas"
        )
    return found[0]


def show_plan(a):
    from .. import model
    from ..ordering import plan
    from . import experiment

    e = single(a)
    data = experiment.prepare(e, progress=progress)
    order = experiment.make_plan(e, data)
    flops = model.training_flops(experiment.make_model(e, data).config, 96)
    rate = experiment.training_rate(e, data, order)
    print(plan.preflight(order, data.corpus.lengths, flops, rate))
    print(f"digest {order.digest}")
    if a.out:
        print(f"saved {order.save(a.out)}")


def cost_card(a):
    from . import cost
    from .experiment import Experiment

    if a.gpu not in cost.GPUS:
        raise ValueError(f"gpu is {a.gpu!r}; it must be one of {', '.join(cost.GPUS)}")
    found = Experiment.parse(a.words)
    one = cost.GPUS[a.gpu]
    one = dataclasses.replace(one, price=one.price if a.price is None else a.price)
    shared = dataclasses.replace(one, runs=a.runs_per_gpu)
    many = dataclasses.replace(shared, count=a.gpus)
    print(cost.table(found, cost.card(found, [cost.here(found), one, shared, many])))
    print(
        f"{one.price:.2f} for an hour of one {one.name} is an assumption, and its speed an"
        " estimate; evaluation and start come on top"
    )


def train_one(a):
    from .. import files
    from . import locks, records, sweep

    e = single(a)
    if records.finished(e, a.results):
        print(f"{records.record_path(e, a.results)}: done before")
        return 0

    def line(x):
        return print(
            f"step {x['step']:>7,}  loss {x['loss']:.3f}  {x['seconds']:>7.0f} s",
            flush=True,
        )

    notebook = sweep.check_notebook() if a.notebook else ""
    try:
        path = sweep.work(e, a.results, notebook, line)
    except locks.Busy as error:
        print(f"curriculum train: {error}; try again later", file=sys.stderr)
        return sweep.BUSY
    summary(files.read_json(path)["results"]["exact"])
    print(path)


def summary(found):
    for task in ("token", "line", "execution"):
        if found[task]["accuracy"] is not None:
            print(
                f"{task:>10}: {found[task]['accuracy']:.3f}"
                f" [{found[task]['low']:.3f}, {found[task]['high']:.3f}]"
            )


def evaluate_weights(a):
    from .. import model
    from ..evaluation import evaluate
    from ..files import read_about
    from ..training import loop
    from . import experiment
    from .records import modern

    about = modern(read_about(a.weights))
    e = experiment.Experiment(**about["spec"])
    net = model.GPT(model.GPTConfig(**about["config"]))
    loop.load_weights(a.weights, net)
    data = experiment.prepare(e, progress=progress)
    ids = data.test[: a.programs]
    found = evaluate.evaluate(
        net, data.corpus, ids, data.labels[ids], a.protocol, e.seed
    )
    summary(found)
    if a.show:
        answers = evaluate.execution(
            net, data.corpus, ids[: a.show], a.protocol, e.seed
        )
        for i, truth, predicted in zip(
            answers.ids, answers.truth, answers.predicted, strict=True
        ):
            print(f"\n{data.corpus.codes[i]}\n  true {truth!r}\n  said {predicted!r}")


def experiments(a):
    from . import sweep
    from .experiment import Experiment

    found = Experiment.parse(a.words)
    if a.engine == "local":
        engine = sweep.Local(1 if a.jobs is None else a.jobs)
    elif a.engine == "ray":
        from .cluster import Ray

        engine = Ray(a.jobs, a.address, a.cpus_per_run, a.gpus_per_run)
    else:
        raise ValueError(f"engine is {a.engine!r}; it must be local or ray")
    for path in sweep.sweep(found, a.results, engine, not a.no_notebook):
        print(path)


def full_comparison(a):
    from . import gpu_study

    arms = [n for n in a.arms.split(",") if n] or gpu_study.ARMS
    for path in gpu_study.full(
        a.minutes,
        a.scale,
        a.seeds,
        arms,
        a.study,
        a.results,
        a.device,
        lambda line: print(line, flush=True),
    ):
        print(path)


def benchmark(a):
    from ..files import write_json
    from . import bench

    stages = [n for n in a.stages.split(",") if n] or bench.STAGES
    print(bench.HEAD)
    found = bench.bench(
        stages,
        a.size,
        a.device,
        a.rounds,
        a.seconds,
        lambda row: print(bench.line(row), flush=True),
    )
    if a.out:
        print(write_json(a.out, found))
