"""One experiment, from a flat list of parameters to results that can be trusted.

- An `Experiment` is checked whole before anything starts; a wrong name or type is an
  error that says what would be right.
- `prepare`, `make_plan`, `make_model`, `learn` and `measure` are the steps of the
  experiment notebook. Corpora and scores are cached; a run cut short resumes.
- Arms of a study share programs, split, scores and, seed by seed, first weights: they
  differ in the plan alone.

Chapter 12 is the manual; the appendix *One experiment* is the notebook.
"""

from __future__ import annotations

import dataclasses
import io
import itertools
import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from .. import __version__, difficulty, files, model
from ..data.corpus import Corpus, CorpusSpec, build, split
from ..evaluation import evaluate
from ..ordering import plan, schedules
from ..training import loop
from ..training.batches import Programs, Windows
from . import locks

NOTEBOOK = Path(__file__).parents[2] / "book" / "experiment.ipynb"


@dataclass(frozen=True)
class Scale:
    """How much of everything."""

    programs: int  # corpus size, before the split
    size: str  # model size
    steps: int
    batch: int  # programs in a step
    lr: float  # peak learning rate
    test: int  # test programs measured at the end, at most
    log_every: int
    keep_weights: bool = False
    block_size: int = 256


SCALES = {
    # smoke: seconds, for the tests. quick: about a minute on two cores. desk: ten minutes.
    "smoke": Scale(1_500, "nano", 24, 16, 3e-3, 60, 8),
    "quick": Scale(20_000, "pocket", 700, 64, 3e-3, 500, 35),
    "desk": Scale(100_000, "pocket", 6_000, 64, 3e-3, 2_000, 250, keep_weights=True),
    "paper": Scale(
        1_000_000, "paper", 120_000, 64, 1e-3, 10_000, 2_000, keep_weights=True
    ),
}
CUTS = {"paper": (2.0, 4.0), "tertiles": "tertiles"}


@dataclass(frozen=True)
class Experiment:
    """Parameters of one arm; every field is a papermill parameter of the same name."""

    schedule: str = "hybrid"
    scorer: str = "om_token"
    cut: str = "paper"  # thresholds 2 and 4, or tertiles
    replay: float = 0.5  # share of earlier levels kept (hybrid and its controls)
    scale: str = "quick"
    variant: str = "july"
    rows: str = "programs"  # or "windows", as released
    loss_on: str = "all"  # or "answer"
    lr_schedule: str = "multistep"
    seed: int = 0  # first weights and shuffles; the corpus is the same for all seeds
    device: str = "auto"
    study: str = "local"  # folder of the record

    def __post_init__(self):
        for field in dataclasses.fields(self):
            value, kind = getattr(self, field.name), type(field.default)
            if kind is float and type(value) is int:
                object.__setattr__(self, field.name, float(value))
            elif type(value) is not kind:
                raise ValueError(
                    f"{field.name} is {value!r}; it must be of type {kind.__name__}"
                )
        scorers = [
            n
            for n, s in difficulty.SCORERS.items()
            if s.needs in ("source", "run", "corpus")
        ]
        for name, allowed in {
            "schedule": schedules.NAMED,
            "scorer": scorers,
            "cut": CUTS,
            "scale": SCALES,
            "rows": ("programs", "windows"),
            "loss_on": ("all", "answer"),
            "lr_schedule": loop.LR_SCHEDULES,
            "device": ("auto", "cpu", "cuda", "mps"),
            "variant": ("july", "august"),
        }.items():
            if getattr(self, name) not in allowed:
                raise ValueError(
                    f"{name} is {getattr(self, name)!r}; it must be one of {', '.join(allowed)}"
                )
        if not 0 < self.replay <= 1:
            raise ValueError(
                f"replay is {self.replay}; it must lie above 0 and up to 1"
            )
        if self.seed < 0:
            raise ValueError(f"seed is {self.seed}; it must be 0 or more")
        if self.rows == "windows" and self.loss_on == "answer":
            raise ValueError(
                "loss_on is 'answer', which windows cannot do; use rows=programs"
            )
        if not self.study.replace("-", "").replace("_", "").isalnum():
            raise ValueError(f"study is {self.study!r}; use letters, digits, - and _")

    @property
    def name(self) -> str:
        """File name of the record: schedule, seed and whatever is not the default.

        A study named after a scale says it already.
        """
        skip = ("schedule", "seed", "study", "device")
        skip += ("scale",) if self.scale == self.study else ()
        extra = [
            f"{f.name}-{getattr(self, f.name)}"
            for f in dataclasses.fields(self)
            if f.name not in skip and getattr(self, f.name) != f.default
        ]
        return "_".join([self.schedule, *extra, f"s{self.seed}"])

    @property
    def science(self) -> dict:
        """The fields that decide the result (not where it is computed or kept)."""
        return {
            k: v
            for k, v in dataclasses.asdict(self).items()
            if k not in ("device", "study")
        }

    @staticmethod
    def parse(words) -> list[Experiment]:
        """Experiments from words such as `schedule=baseline,hybrid seed=0,1,2`.

        A comma makes a sweep: the experiments are all combinations.
        """
        fields = {f.name: type(f.default) for f in dataclasses.fields(Experiment)}
        choices = {}
        for word in words:
            key, equals, text = word.partition("=")
            if not equals or key not in fields:
                raise ValueError(
                    f"{word!r} is not a parameter; write name=value with one of {', '.join(fields)}"
                )
            if key in choices:
                raise ValueError(
                    f"{key} is given twice; give it once, with commas for a sweep"
                )
            try:
                choices[key] = [fields[key](part) for part in text.split(",")]
            except ValueError:
                raise ValueError(
                    f"{key} is {text!r}; it must be of type {fields[key].__name__}"
                ) from None
        keys = list(choices)
        return [
            Experiment(**dict(zip(keys, v, strict=True)))
            for v in itertools.product(*choices.values())
        ]


@dataclass
class Data:
    """Programs with their split and difficulty: the same for every arm of a study."""

    corpus: Corpus
    train: np.ndarray  # ids
    valid: np.ndarray
    test: np.ndarray
    scores: np.ndarray  # (N,) by program id
    labels: np.ndarray  # (N,) 0 easy, 1 medium, 2 hard


def cache_folder() -> Path:
    """Where corpora and unfinished runs are kept.

    $CURRICULUM_CACHE, else `runs` in the checkout, else (installed alone) in this folder.
    """
    checkout = NOTEBOOK.parent.parent if NOTEBOOK.exists() else Path()
    return Path(os.environ.get("CURRICULUM_CACHE", checkout / "runs"))


def prepare(e: Experiment, workers: int = 1, progress=None) -> Data:
    """Generate (or load) the corpus, split it without twins, score and label it."""
    spec = CorpusSpec(
        size=SCALES[e.scale].programs,
        variant=e.variant,
        max_chars=SCALES[e.scale].block_size,
    )
    folder = cache_folder() / f"corpus-{files.digest(dataclasses.asdict(spec))[:12]}"
    if (folder / "programs.parquet").exists():
        corpus = Corpus.load(folder, spec)
    else:
        corpus = build(spec, workers=workers, progress=progress)
        corpus.save(folder)
    parts = split(corpus, by="renamed")
    path = folder / f"{e.scorer}-{__version__}.npy"
    if path.exists():
        scores = np.load(path)
    else:
        familiarity = None
        if (
            difficulty.SCORERS[e.scorer].needs == "corpus"
        ):  # familiar is what train shows
            familiarity = difficulty.Familiarity.fit(
                [corpus.codes[i] for i in parts.train]
            )
        found = difficulty.score_many(
            corpus.codes,
            [e.scorer],
            workers=workers,
            familiarity=familiarity,
            progress=progress,
        )
        scores, sink = found.table[e.scorer], io.BytesIO()
        np.save(sink, scores)
        files.write_bytes(path, sink.getvalue())
    labels = difficulty.label(scores, CUTS[e.cut])
    return Data(corpus, parts.train, parts.valid, parts.test, scores, labels)


def make_plan(e: Experiment, data: Data) -> plan.Plan:
    """The order of this arm's training programs."""
    replays = e.schedule in ("hybrid", "anti", "random-order")
    schedule = schedules.get(e.schedule, **({"replay": e.replay} if replays else {}))
    scale, ids = SCALES[e.scale], data.train
    return plan.Plan(
        schedule,
        ids,
        data.scores[ids],
        data.labels[ids],
        e.seed,
        scale.steps,
        scale.batch,
    )


def make_model(e: Experiment, data: Data) -> model.GPT:
    """A fresh model; its first weights depend on the seed alone, not on the arm."""
    scale = SCALES[e.scale]
    shape = model.config(scale.size, data.corpus.tokenizer.size, scale.block_size)
    device, _ = loop.choose_device(e.device)
    return model.GPT(shape, seed=e.seed).to(device)


def watch_set(e: Experiment, data: Data, each: int = 100) -> np.ndarray:
    """Validation programs whose loss is followed: up to `each` of every label."""
    chosen = [data.valid[data.labels[data.valid] == i][:each] for i in range(3)]
    return np.concatenate(chosen)


def make_rows(e: Experiment, data: Data, device) -> Programs | Windows:
    """What turns program numbers into tensors; arms that learn together share it."""
    if e.rows == "windows":
        context = SCALES[e.scale].block_size
        return Windows(data.corpus, data.train, context, e.seed, device=device)
    return Programs(data.corpus, e.loss_on, device=device)


def make_run(
    e: Experiment, data: Data, order: plan.Plan, net, show=None, rows=None
) -> loop.TrainState:
    """A run that has not begun, with its log and its checkpoints in the cache folder."""
    scale, device = SCALES[e.scale], net.head.weight.device
    watched = watch_set(e, data)
    watch = evaluate.Watch(data.corpus, watched, data.labels[watched])
    folder = run_folder(e, order)
    log = loop.Log(folder / "log.jsonl", scale.log_every, watch, show)
    spec = loop.TrainConfig(
        lr=scale.lr,
        lr_schedule=e.lr_schedule,
        precision=loop.choose_precision(device)[0],
        checkpoint_every=max(200, scale.steps // 40),
    )
    rows = rows or make_rows(e, data, device)
    return loop.TrainState(net, order, rows, spec, folder, (log,))


def learn(
    e: Experiment, data: Data, order: plan.Plan, net, show=None
) -> loop.TrainState:
    """Train `net` in the planned order, with checkpoints in the cache folder.

    Two processes that are given the same run do it once: the second waits for the first
    (an hour at most), and finds a finished checkpoint.
    """
    run = make_run(e, data, order, net, show)
    with locks.claim(run.folder / "claim", patience=3600):
        return loop.train_together([run])[0]


def training_rate(e: Experiment, data: Data, order: plan.Plan, steps: int = 6) -> float:
    """Characters a second that this machine trains on, from a few steps thrown away."""
    net = make_model(e, data)
    rows = make_rows(e, data, net.head.weight.device)
    loop.train(net, order, rows, stop_at=2)  # warm-up
    run = loop.train(net, order, rows, stop_at=steps)
    return run.tokens / run.seconds


def run_folder(e: Experiment, order: plan.Plan) -> Path:
    """Checkpoints and log of this run, in the cache; another plan has another folder,
    and so has another version of the code, whose last digits may differ."""
    scale = dataclasses.asdict(SCALES[e.scale])
    key = files.digest([__version__, e.science, scale, order.digest])
    return cache_folder() / f"{e.scale}-{e.name}-{key[:8]}"


def measure(e: Experiment, data: Data, net) -> dict:
    """Results on the test programs under both protocols, and a few answers to look at."""
    ids = data.test[: SCALES[e.scale].test]
    found = evaluate.evaluations(net, data.corpus, ids, data.labels[ids], seed=e.seed)
    answers = evaluate.execution(net, data.corpus, ids[:12])
    found["examples"] = [
        {"code": data.corpus.codes[i], "truth": t, "predicted": p}
        for i, t, p in zip(
            answers.ids.tolist(), answers.truth, answers.predicted, strict=True
        )
    ]
    return found
