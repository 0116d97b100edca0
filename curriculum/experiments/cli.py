"""The command line: `python -m curriculum <command> --help`.

Thin: every command calls one or two functions of the package, and imports them when it
runs. Bad input ends with exit code 2 and one line that names the value and the cure,
before any work. Chapter 13 shows each command.
"""

from __future__ import annotations

import argparse
import dataclasses
import io
import sys
import textwrap
import time
import typing
from pathlib import Path

from .. import __version__


def main(words=None) -> int:
    """Run one command; returns the exit code."""
    words = sys.argv[1:] if words is None else list(words)
    for stream in (sys.stdout, sys.stderr):  # a terminal that knows only ASCII
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    command = words[0] if words else ""
    try:
        arguments = parser(command).parse_args(words)
        return arguments.run(arguments) or 0
    except (ValueError, OSError) as error:
        print(f"curriculum {command}: {error}", file=sys.stderr)
        return 2
    except (FloatingPointError, RuntimeError) as error:
        print(f"curriculum {command}: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print(
            f"curriculum {command}: interrupted; the same command goes on from the last"
            " checkpoint",
            file=sys.stderr,
        )
        return 130


class Help(
    argparse.ArgumentDefaultsHelpFormatter, argparse.RawDescriptionHelpFormatter
):
    """Help with default values, and lines that stay as they are below it."""


class Parser(argparse.ArgumentParser):
    """A parser whose errors are one line."""

    def error(self, message):
        raise ValueError(message)


def parser(command: str) -> Parser:
    """The parser, with the arguments of `command` alone: the others are not imported."""
    top = Parser(
        prog="curriculum",
        description="Programs, their difficulty, an order to learn them in, and what came of it.",
    )
    top.add_argument("--version", action="version", version=f"%(prog)s {__version__}")
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, (run, arguments, text, example) in COMMANDS.items():
        sub = commands.add_parser(
            name,
            help=text,
            description=text[0].upper() + text[1:] + ".",
            formatter_class=Help,
        )
        sub.set_defaults(run=run)
        if name == command:
            sub.epilog = arguments(sub.add_argument) or ""
            sub.epilog += f"example:\n  python -m curriculum {name} {example}"
    return top


def number(kind, low, high):
    """The type of an argument that is an `int` or a `float` from `low` to `high`."""

    def read(text):
        try:
            value = kind(text)
        except ValueError:
            value = None
        if value is None or not low <= value <= high:
            raise argparse.ArgumentTypeError(
                f"{text!r} must be {'a whole ' if kind is int else 'a '}number from"
                f" {low:,} to {high:,}"
            )
        return value

    return read


def place(text):
    """The type of an argument that is a path."""
    if not text.strip():
        raise argparse.ArgumentTypeError("a path is empty: name a file or a folder")
    return Path(text)


COUNT = number(int, 1, 10_000_000)
PROCESSES = number(int, 1, 10_000)
SEED = number(int, 0, 2**63 - 1)
LAID_OUT = textwrap.TextWrapper(
    78, initial_indent="  ", subsequent_indent="    ", break_on_hyphens=False
)
AGAIN = "set a record aside that other code made, and run again"


def generate_arguments(add):
    add("folder", type=place, help="where the corpus goes")
    add("--size", type=COUNT, default=20_000, help="programs to keep")
    add("--level", default="ALL", help="1.1, 1.2, 2.1, 2.2, 3.1, 3.2, 4.1 or ALL")
    add("--variant", default="july", help="july (a–e, digits) or august (a–z, 0–255)")
    add("--seed", type=SEED, default=0, help="names the corpus")
    add(
        "--workers",
        type=PROCESSES,
        default=1,
        help="processes; only time depends on it",
    )


def score_arguments(add):
    add(
        "paths",
        nargs="+",
        help="Python files, notebooks, folders searched for .py files, or one table"
        " (.jsonl, .csv, .parquet)",
    )
    add("--text", default="", help="the table's column that holds the texts")
    own = "comma-separated names or file.py:function; empty: all static ones"
    add("--scorers", default="", help=own)
    add("--out", type=place, help="write .csv or .parquet instead of a table")
    add("--sort", default="", help="scorer to sort by, hardest first")
    add("--top", type=number(int, 0, 10_000_000), default=20, help="rows of the table")
    add("--workers", type=PROCESSES, default=1, help="processes")


def plan_arguments(add):
    add("--out", type=place, help="save the plan as Parquet")
    add(
        "--data",
        type=place,
        help="plan your own: a folder of Python files, or a table (.jsonl, .csv, .parquet)",
    )
    add("--text", default="", help="data: the table's column that holds the texts")
    add("--score", default="", help="data: the column that holds scores already")
    add("--steps", type=COUNT, help="data: steps of the run")
    add("--batch", type=COUNT, default=32, help="data: texts in a step")
    return experiment_words(add)


def cost_arguments(add):
    add("--gpu", default="A100", help="T4, A100 or H100")
    add("--gpus", type=PROCESSES, default=4, help="cards of the last row")
    add("--runs-per-gpu", type=PROCESSES, default=4, help="runs that share a card")
    price = number(float, 0, 1_000_000)
    add("--price", type=price, help="of an hour of one card, if you know it")
    return experiment_words(add)


def train_arguments(add):
    results = Path("runs/results")
    add("--results", type=place, default=results, help="folder of the record")
    add("--notebook", action="store_true", help="run its notebook through papermill")
    add("--again", action="store_true", help=AGAIN)
    return experiment_words(add)


def evaluate_arguments(add):
    add(
        "weights", type=place, help="a .safetensors file written by train or experiment"
    )
    protocols = ("exact", "released")
    add("--protocol", default="exact", choices=protocols, help="how answers are given")
    add("--programs", type=COUNT, default=1_000, help="test programs, at most")
    show = number(int, 0, 10_000)
    add("--show", type=show, default=0, help="predictions to print beside the truth")


def export_arguments(add):
    add(
        "weights", type=place, help="a .safetensors file written by train or experiment"
    )
    to = ("web", "onnx")
    add("--to", default="web", choices=to, help="web: for the book's laboratory")
    bits = (16, 8, 4)
    add("--bits", type=int, default=16, choices=bits, help="of a weight; web only")
    memory = "let the file read a text piece by piece; onnx only"
    add("--cache", action="store_true", help=memory)
    add("-o", "--out", type=place, help="the file; empty: beside the weights")


def experiment_arguments(add):
    from .spec import RESULTS

    add("--results", type=place, default=RESULTS, help="folder of the records")
    add(
        "--no-notebook",
        action="store_true",
        help="leave no filled-in notebooks, and save the seconds they take",
    )
    add("--again", action="store_true", help=AGAIN)
    add("--engine", default="local", help="local (this machine) or ray (a cluster)")
    add(
        "--jobs",
        type=PROCESSES,
        help="experiments at a time; empty: 1, or all that the cluster holds",
    )
    add(
        "--address",
        default="",
        help="ray: auto, host:6379 or ray://host:10001; empty: start one here",
    )
    share = number(float, 0, 10_000)
    add("--cpus-per-run", type=share, default=1, help="ray: processors")
    add(
        "--gpus-per-run",
        type=share,
        help="ray: GPUs, such as 0.25 for four runs a card; empty: one, if there is one",
    )
    return experiment_words(add)


def full_arguments(add):
    from .spec import RESULTS

    minutes = number(float, 0.001, 1_000_000)
    add("--minutes", type=minutes, default=25.0, help="time budget")
    add("--scale", default="paper", help="smoke, quick, desk or paper")
    add("--seeds", type=PROCESSES, default=4, help="seeds of each arm, at most")
    add("--arms", default="", help="comma-separated schedules; empty: four")
    add("--study", default="full", help="folder of the records")
    add("--results", type=place, default=RESULTS, help="folder of the records")
    add("--device", default="auto", help="auto, cpu, cuda or mps")


def study_arguments(add):
    from .spec import RESULTS

    minutes = number(float, 0.001, 1_000_000)
    add("--minutes", type=minutes, default=10.0, help="time budget")
    add("--blocks", default="", help="comma-separated names; empty: all that fit")
    add("--results", type=place, default=RESULTS, help="folder of the records")
    add("--device", default="auto", help="auto, cpu, cuda or mps")


def reproduce_arguments(add):
    from .spec import RESULTS

    add("study", help="a folder of the results, such as quick")
    add("--runs", type=COUNT, default=3, help="runs to do again, at most")
    add("--arms", default="", help="comma-separated schedules; empty: cheapest first")
    add("--results", type=place, default=RESULTS, help="folder of the kept records")
    minutes = number(float, 0, 1_000_000)
    add("--minutes", type=minutes, default=30.0, help="of training, at most")


def tables_arguments(add):
    from .spec import RESULTS

    add("study", help="a folder of the results, such as study")
    add("--out", type=place, required=True, help="folder of the tables")
    add("--results", type=place, default=RESULTS, help="folder of the records")
    add("--workers", type=PROCESSES, default=1, help="processes that make the corpus")


def bench_arguments(add):
    add("--stages", default="", help="comma-separated names; empty: all of them")
    add("--size", default="paper", help="model size: nano, pocket or paper")
    add("--device", default="auto", help="auto, cpu, cuda or mps")
    add("--rounds", type=PROCESSES, default=5, help="turns of each side")
    seconds = number(float, 0, 3_600)
    add("--seconds", type=seconds, default=0.5, help="least time of a turn")
    add("--out", type=place, help="also write the table as JSON")


def finetune_arguments(add):
    table = 'JSONL, one {"question": "text", "answer": "text"} a line'
    add("table", type=place, help=table)
    add("--model", default="SmolLM2-135M", help="or a name on the hub, or a folder")
    orders = "random, length, attention, loss, and these with -reversed"
    add("--order", default="random", help=orders)
    add("--epochs", type=PROCESSES, default=2, help="times that each item is shown")
    add("--batch", type=PROCESSES, default=8, help="items of a step")
    add("--lr", type=number(float, 1e-8, 1), default=2e-4, help="learning rate")
    add("--rank", type=number(int, 1, 1024), default=8, help="of LoRA's matrices")
    add("--seed", type=SEED, default=0, help="of LoRA's first values and of random")
    add("--device", default="auto", help="auto, cpu, cuda or mps")
    add("--four-bit", action="store_true", help="4-bit weights (CUDA, bitsandbytes)")
    add("--out", type=place, required=True, help="folder of adapter and record")


def experiment_words(add) -> str:
    """The argument of an experiment's parameters; returns what each of them may be."""
    from .. import difficulty
    from ..ordering import schedules
    from .spec import Experiment

    add("words", nargs="*", metavar="name=value", help="parameters, as listed below")
    known = {
        "schedule": f"{', '.join(schedules.NAMED)}, file.py:function or spec.json",
        "scorer": f"{', '.join(difficulty.SCORERS)} or file.py:function",
        "cycles": "lengths of restart cycles, such as 20,30,70",
        "seed": "a whole number",
        "study": "the folder of the record",
    }
    hints = typing.get_type_hints(Experiment)
    lines = ["parameters (commas between values make a sweep; [default]):"]
    for f in dataclasses.fields(Experiment):
        if f.name != "options":
            values = known.get(f.name) or ", ".join(typing.get_args(hints[f.name]))
            text = f"{f.name}: {values} [{f.default}]"
            lines += LAID_OUT.wrap(text)
    options = sorted(
        {n for make in schedules.NAMED.values() for n in schedules.parameters(make)}
    )
    text = f"and those of the schedule: {', '.join(options)}"
    lines += LAID_OUT.wrap(text)
    return "\n".join(lines) + "\n\n"


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
    import numpy as np

    from .. import difficulty
    from . import own

    names = [n for n in a.scorers.split(",") if n] or list(difficulty.STATIC)
    if a.out and a.out.suffix not in (".csv", ".parquet"):
        raise ValueError(f"--out is {a.out}; its name must end in .csv or .parquet")
    data = own.load(a.paths, a.text)
    where, texts, unreadable = data.names, data.texts, data.skipped
    asked = list(dict.fromkeys([*names, a.sort or names[-1]]))
    found = own.scored(data, asked, a.workers, progress)
    kept = dict(
        zip(asked, found.table, strict=True)
    )  # functions of yours lose their folder
    names, sort = [kept[n] for n in names], kept[a.sort or names[-1]]
    bad = [*unreadable, *found.errors]
    for _, file, line, reason in bad:
        place = file if line is None else f"{file}:{line}"
        print(f"skipped {place}: {reason}", file=sys.stderr)
    if not len(found.scored):
        raise ValueError(
            f"none of {len(bad)} files could be scored; the reasons are above"
        )
    summary = (
        f"{len(texts) + len(unreadable):,} found, {len(found.scored):,} scored,"
        f" {len(bad):,} skipped"
    )
    columns = {"file": list(where), **{n: found.table[n] for n in names}}
    if a.out:
        import pyarrow as pa
        import pyarrow.csv

        from ..files import write_bytes

        sink = pa.BufferOutputStream()
        write = pa.csv.write_csv if a.out.suffix == ".csv" else pa.parquet.write_table
        write(pa.table(columns), sink)
        write_bytes(a.out, sink.getvalue().to_pybytes())
        print(f"{summary}: {a.out}")
        return
    order = np.argsort(-np.nan_to_num(found.table[sort], nan=-np.inf), kind="stable")[
        : a.top
    ]
    print("  ".join([*(f"{n:>14}" for n in names), "file"]))
    for i in order[np.isin(order, found.scored)]:
        cells = (f"{found.table[n][i]:>{max(14, len(n))}.2f}" for n in names)
        print("  ".join([*cells, str(where[i])]))
    print(f"{summary}; sorted by {sort}, hardest first")


def single(a):
    from .spec import Experiment

    found = Experiment.parse(a.words)
    if len(found) != 1:
        raise ValueError(
            f"{len(found)} experiments; this command takes one, without commas"
        )
    return found[0]


def show_own_plan(a):
    import numpy as np

    from ..data import columns
    from ..difficulty import label
    from ..ordering.check import check_plan
    from ..ordering.plan import preflight
    from . import own
    from .spec import CUTS

    e = own.asked(a.words)
    if a.steps is None:
        raise ValueError("--steps is missing; say how many steps the run has")
    if a.score and any(word.startswith("scorer=") for word in a.words):
        raise ValueError(
            f"--score {a.score} and scorer= are both given; the difficulty has one source"
        )
    if a.score and not columns.is_table(a.data):
        raise ValueError(f"{a.data} is no table, so it has no column {a.score!r}")
    data = own.load(a.data, a.text)
    if a.score:
        scores, errors = np.array(columns.numbers(a.data, a.score)), []
    else:
        found = own.scored(data, [e.scorer], progress=progress)
        (scores,), errors = found.table.values(), found.errors
    for _, file, line, reason in [*data.skipped, *errors]:
        where = file if line is None else f"{file}:{line}"
        print(f"left out {where}: {reason}", file=sys.stderr)
    plan = own.planned(scores, e, a.steps, a.batch)
    print(preflight(plan, [len(text) for text in data.texts]))
    known, labels = np.nan_to_num(scores), np.zeros(len(scores), int)
    labels[plan.ids] = label(scores[plan.ids], CUTS[e.cut])
    print(check_plan(plan, known, labels))
    print(own.about(data, f"column {a.score}" if a.score else e.scorer, e, plan))
    if a.out:
        print(f"saved {plan.save(a.out)}")


def show_plan(a):
    if a.data:
        return show_own_plan(a)
    for name in ("text", "score", "steps"):
        if getattr(a, name):
            raise ValueError(f"--{name} goes with --data; name your data as well")
    from .experiment import resolve

    arm = resolve(single(a), progress=progress)
    print(arm.preflight(arm.rate()))
    print(arm.check())
    print(f"digest {arm.plan.digest}")
    if a.out:
        print(f"saved {arm.plan.save(a.out)}")


def cost_card(a):
    from . import cost
    from .spec import Experiment

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
    if a.again:
        records.set_aside(e, a.results)
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
    from ..evaluation import evaluate
    from .experiment import load_data
    from .records import load_model
    from .spec import Experiment

    trained, about = load_model(a.weights)
    spec = about.get("spec")
    try:  # the schedule does not matter here
        drop = ("schedule", "options")
        e = Experiment(**{k: v for k, v in spec.items() if k not in drop})
    except (TypeError, AttributeError) as error:
        raise ValueError(
            f"{a.weights} does not say what experiment it is of ({error}); update the"
            " package, or train again"
        ) from None
    data = load_data(e, progress=progress)
    ids, corpus = data.test[: a.programs], data.corpus
    found = evaluate.evaluate(
        trained, corpus, ids, data.labels[ids], a.protocol, e.seed
    )
    summary(found)
    if a.show:
        answers = evaluate.execution(trained, corpus, ids[: a.show], a.protocol, e.seed)
        for i, truth, predicted in zip(
            answers.ids, answers.truth, answers.predicted, strict=True
        ):
            print(f"\n{corpus.codes[i]}\n  true {truth!r}\n  said {predicted!r}")


def export_weights(a):
    from .. import export, onnx
    from .records import load_model

    if a.to == "onnx":
        if a.bits != 16:
            raise ValueError(f"--bits {a.bits} is for --to web; leave it out for onnx")
        out = a.out or Path(a.weights).with_suffix(".onnx")
        path = onnx.export(*load_model(a.weights), out, a.cache)
    elif a.cache:
        raise ValueError("--cache is for --to onnx; the page keeps a cache of its own")
    else:
        path = export.export(a.weights, *load_model(a.weights), a.out, a.bits)
    print(f"{path} ({path.stat().st_size / 1e6:.2f} MB)")


def experiments(a):
    from . import sweep
    from .spec import Experiment

    found = Experiment.parse(a.words)
    if a.engine == "local":
        engine = sweep.Local(1 if a.jobs is None else a.jobs)
    elif a.engine == "ray":
        from .cluster import Ray

        engine = Ray(a.jobs, a.address, a.cpus_per_run, a.gpus_per_run)
    else:
        raise ValueError(f"engine is {a.engine!r}; it must be local or ray")
    for path in sweep.sweep(found, a.results, engine, not a.no_notebook, again=a.again):
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


def study(a):
    from ..checks import one_of
    from .study import BLOCKS, run_study

    named = {block.name: block for block in BLOCKS}
    names = [name for name in a.blocks.split(",") if name] or list(named)
    for name in names:
        one_of("block", name, named)
    found = run_study(
        a.minutes,
        [named[name] for name in names],
        root=a.results,
        device=a.device,
        show=lambda line: print(line, flush=True),
    )
    print(f"{len(found)} records below {a.results}")


def reproduce_study(a):
    from .reproduce import reproduce

    arms = [n for n in a.arms.split(",") if n]
    done = reproduce(
        a.study,
        a.results,
        a.runs,
        arms,
        a.minutes,
        lambda line: print(line, flush=True),
    )
    return int(any(c.outside for c in done))


def write_tables(a):
    from .tables import write

    for path in write(a.study, a.out, a.results, a.workers):
        print(f"{path} ({path.stat().st_size / 1e6:.1f} MB)")


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


def fine_tune(a):
    from .. import files
    from ..checks import one_of
    from ..finetune import data, loop, orders, pretrained
    from ..training import choose_device

    one_of("order", a.order, orders.ORDERS)
    settings = loop.Settings(lr=a.lr, rank=a.rank, alpha=2.0 * a.rank, seed=a.seed)
    items = data.read_items(a.table)
    model, tokenizer = pretrained.load(
        a.model, choose_device(a.device)[0].type, four_bit=a.four_bit
    )
    scores = {}
    if a.order != "random":
        scores = orders.criteria(model, tokenizer, items, progress)
    ids = [item.id for item in items]
    plan = orders.make_plan(a.order, ids, scores, a.epochs, a.batch, a.seed)

    def line(run):
        if run.step % 10 == 0 or run.step == len(plan):
            text = f"step {run.step:>6,} of {len(plan):,}  loss {run.losses[-1]:.3f}"
            print(text, flush=True)

    run = loop.finetune(model, tokenizer, items, plan, settings, a.out, line)
    print(run.audit)
    run.model.save_pretrained(a.out)
    note = {
        "order": a.order,
        "model": a.model,
        "settings": dataclasses.asdict(settings),
        "plan": plan,
        "scores": {name: values.tolist() for name, values in scores.items()},
        "losses": run.losses,
        "audit": str(run.audit),
        "provenance": files.provenance(),
    }
    print(files.write_json(a.out / "record.json", note))


COMMANDS = {
    "generate": (
        generate,
        generate_arguments,
        "write a corpus of TinyPy programs with their true outputs",
        "corpus --size 1000",
    ),
    "score": (
        score,
        score_arguments,
        "score Python files and folders for difficulty",
        "src tests --top 10",
    ),
    "plan": (
        show_plan,
        plan_arguments,
        "show what an experiment would train on, and in which order",
        "schedule=hybrid scale=quick",
    ),
    "cost": (
        cost_card,
        cost_arguments,
        "estimate minutes and money of a sweep",
        "schedule=baseline,hybrid seed=0,1,2 scale=desk",
    ),
    "train": (
        train_one,
        train_arguments,
        "train one arm in this process; resumes if cut short",
        "schedule=hybrid scale=quick seed=1",
    ),
    "evaluate": (
        evaluate_weights,
        evaluate_arguments,
        "measure saved weights on their test programs",
        "book/results/desk/hybrid_s0.safetensors --show 3",
    ),
    "export": (
        export_weights,
        export_arguments,
        "write saved weights as a file for the book's laboratory, or as ONNX",
        "book/results/desk/hybrid_s0.safetensors -o mine.js",
    ),
    "experiment": (
        experiments,
        experiment_arguments,
        "run experiments, as notebooks; commas make a sweep",
        "schedule=baseline,hybrid seed=0,1,2 scale=quick study=mine --jobs 2",
    ),
    "full": (
        full_comparison,
        full_arguments,
        "fit a full comparison on one GPU into a time budget",
        "--minutes 25",
    ),
    "study": (
        study,
        study_arguments,
        "run the blocks of the study that fit into a time budget",
        "--minutes 10 --results again",
    ),
    "reproduce": (
        reproduce_study,
        reproduce_arguments,
        "run kept records again and compare them number by number",
        "quick --runs 1",
    ),
    "tables": (
        write_tables,
        tables_arguments,
        "write a study as Parquet and CSV with a codebook",
        "study --out tables",
    ),
    "finetune": (
        fine_tune,
        finetune_arguments,
        "fine-tune a pretrained model on a table of yours, in a chosen order",
        "mine.jsonl --order length --out tuned",
    ),
    "bench": (
        benchmark,
        bench_arguments,
        "compare this code with a plain reference and with the limit",
        "--stages scoring,evaluation --size pocket",
    ),
}
