"""One experiment, from a flat list of parameters to results that can be trusted.

- `resolve(Experiment(…))` gives an `Arm`: data, plan, model and training state in one
  object. `train`, `measure`, `save` are the steps of the experiment notebook.
- Corpora and scores are cached; a run cut short resumes.
- Arms of a study share programs, split, scores and, seed by seed, first weights: they
  differ in the plan alone. Hand one arm's `data` to the next and nothing is read twice.

Chapter 13 is the manual; the appendix *One experiment* is the notebook.
"""

from __future__ import annotations

import dataclasses
import functools
import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from .. import difficulty, files, model, tensors, training
from ..data.corpus import Corpus, CorpusSpec, build, split
from ..evaluation import evaluate
from ..evaluation.answers import PROTOCOLS, TASKS, Answers, Question, pack
from ..ordering import audit, check
from ..ordering.plan import Plan, preflight
from ..sources import code_digest
from ..training import Programs, Windows
from . import custom, locks, records
from .spec import CUTS, NOTEBOOK, SCALES, Experiment, Scale, cache_folder

__all__ = [
    "NOTEBOOK", "SCALES", "Arm", "Data", "Experiment", "Scale", "cache_folder",
    "load_data", "resolve",
]  # fmt: skip


@dataclass(frozen=True, eq=False)
class Data:
    """Programs with their split and difficulty: the same for every arm of a study."""

    key: str  # names all of this
    corpus: Corpus
    train: np.ndarray  # ids
    valid: np.ndarray
    test: np.ndarray
    scores: np.ndarray  # (N,) by program id
    labels: np.ndarray  # (N,) 0 easy, 1 medium, 2 hard


def run_name(e: Experiment) -> str:
    """Names the run of `e` in the cache: runs of two studies can have one checkpoint."""
    science = files.digest([e.science, dataclasses.asdict(SCALES[e.scale])])
    return f"{e.scale}-{e.name}-{science[:8]}"


def progress_path(e: Experiment) -> Path:
    """Where the newest line of the log of a run stands, for whoever started it."""
    return cache_folder() / "progress" / f"{run_name(e)}.json"


def _corpus_spec(e: Experiment) -> CorpusSpec:
    scale = SCALES[e.scale]
    return CorpusSpec(
        size=scale.programs, variant=e.variant, max_chars=scale.block_size
    )


def _data_key(e: Experiment) -> str:
    corpus = dataclasses.asdict(_corpus_spec(e))
    return files.digest([corpus, e.spec["scorer"], e.code.get("scorer"), e.cut])


def load_data(e: Experiment, workers: int = 1, progress=None) -> Data:
    """Generate (or load) the corpus, split it without near-duplicates, score and label it.

    Both are cached under the digest of all that decides them, our code included. A damaged
    file of the cache is made again, with a warning.
    """
    spec = _corpus_spec(e)
    key = files.digest([dataclasses.asdict(spec), code_digest("corpus")])
    folder = cache_folder() / f"corpus-{key[:12]}"
    corpus = _cached(folder / "programs.parquet", lambda _: Corpus.load(folder, spec))
    if corpus is None:
        corpus = build(spec, workers=workers, progress=progress)
        corpus.save(folder)
    parts = split(corpus, by="renamed")
    name = e.spec["scorer"].replace(":", "-")
    key = files.digest(
        [
            corpus.hash,
            name,
            e.code.get("scorer"),
            code_digest("scores"),
            parts.train.tolist(),
        ]
    )
    path = folder / f"{name}-{key[:12]}.safetensors"
    scores = _cached(path, lambda p: _read_scores(p, len(corpus)))
    if scores is None:
        scores = _score(e, corpus, parts.train, workers, progress)
        tensors.write_tensors(path, {"scores": torch.from_numpy(scores)}, {})
    labels = difficulty.label(scores, CUTS[e.cut])
    return Data(
        _data_key(e), corpus, parts.train, parts.valid, parts.test, scores, labels
    )


def _cached(path: Path, read):
    """What `read` finds in a file of the cache; None if it has to be made (again)."""
    if not path.exists():
        return None
    try:
        return read(path)
    except ValueError as error:
        warnings.warn(f"made again: {error}", stacklevel=3)
        return None


def _read_scores(path: Path, n: int) -> np.ndarray:
    found, _ = tensors.read_tensors(path, "file of scores", "delete it")
    scores = found["scores"].numpy() if "scores" in found else np.empty(0)
    if scores.shape != (n,):
        raise ValueError(f"{path} holds {len(scores)} scores for {n} programs")
    return scores


def _score(e, corpus, train, workers, progress) -> np.ndarray:
    if "scorer" in e.custom:
        return custom.scores(e.custom["scorer"], corpus.codes)
    familiarity = None
    if difficulty.SCORERS[e.scorer].needs == "corpus":  # familiar is what train shows
        familiarity = difficulty.Familiarity.fit([corpus.codes[i] for i in train])
    found = difficulty.score_many(
        corpus.codes,
        [e.scorer],
        workers=workers,
        familiarity=familiarity,
        progress=progress,
    )
    return found.table[e.scorer]


def resolve(
    e: Experiment, data: Data | None = None, workers: int = 1, progress=None
) -> Arm:
    """Everything that `e` stands for, ready to be trained.

    Args:
        data: of another arm with the same scale, variant, scorer and cut; None loads it.
        workers, progress: for a corpus that has to be generated first.
    Raises: ValueError: the plan is impossible, or `data` is another experiment's.
    """
    scale, data = SCALES[e.scale], data or load_data(e, workers, progress)
    if data.key != _data_key(e):
        raise ValueError(
            f"data belongs to another scale, variant, scorer or cut than {e.name}; leave"
            " it out"
        )
    ids = data.train
    plan = Plan(
        e.make_schedule(),
        ids,
        data.scores[ids],
        data.labels[ids],
        e.seed,
        scale.steps,
        scale.batch,
    )
    return Arm(e, scale, data, plan)


@dataclass(eq=False)
class Arm:
    """One experiment, resolved. Model, batches and state are made when first asked for."""

    experiment: Experiment
    scale: Scale
    data: Data
    plan: Plan
    _measured: tuple = (None, None, None)  # (step, results, answers)

    def fresh_model(self) -> model.GPT:
        """A model whose first weights depend on the seed alone, not on the arm."""
        vocab_size = self.data.corpus.tokenizer.size
        shape = model.config(self.scale.size, vocab_size, self.scale.block_size)
        device, _ = training.choose_device(self.experiment.device)
        return model.GPT(shape, seed=self.experiment.seed).to(device)

    @functools.cached_property
    def model(self) -> model.GPT:
        """The model of this arm; `train` changes it in place."""
        return self.fresh_model()

    @functools.cached_property
    def batches(self) -> Programs | Windows:
        """What turns program numbers into tensors; arms that learn together share it."""
        e, data, device = self.experiment, self.data, self.model.head.weight.device
        if e.rows == "windows":
            size = self.scale.block_size
            return Windows(data.corpus, data.train, size, e.seed, device=device)
        return Programs(data.corpus, e.loss_on, device=device)

    @functools.cached_property
    def folder(self) -> Path:
        """Checkpoints and log of this run, in the cache; another plan has another folder,
        and so has other code, another version of torch or another device."""
        e = self.experiment
        key = [e.science, dataclasses.asdict(self.scale), self.plan.digest]
        key += [code_digest("training"), self.model.head.weight.device.type]
        return cache_folder() / f"{e.scale}-{e.name}-{files.digest(key)[:8]}"

    @functools.cached_property
    def config(self) -> training.TrainConfig:
        """How it learns."""
        e, scale = self.experiment, self.scale
        return training.TrainConfig(
            lr=scale.lr,
            lr_schedule=e.lr_schedule,
            cycles=e.cycle_lengths,
            precision=training.choose_precision(self.model.head.weight.device)[0],
            checkpoint_every=max(200, scale.steps // 40),
        )

    @functools.cached_property
    def state(self) -> training.TrainState:
        """The training run, which has not begun."""
        return training.TrainState(
            self.model, self.plan, self.batches, self.config, self.folder, (self.log(),)
        )

    def log(self, show=None) -> training.Log:
        """The callback that logs validation losses; `show` is called with each line."""
        watched = self.validation_ids()
        watch = evaluate.Watch(self.data.corpus, watched, self.data.labels[watched])
        return training.Log(
            self.folder / "log.jsonl", self.scale.log_every, watch, show
        )

    def test_ids(self) -> np.ndarray:
        """Programs measured at the end: the first ones, or as many of each grammar level."""
        test, each = self.data.test, self.scale.per_level
        if not each:
            return test[: self.scale.test]
        levels = self.data.corpus.levels[test]
        parts = [test[levels == level][:each] for level in np.unique(levels)]
        return np.sort(np.concatenate(parts))

    def validation_ids(self, each: int = 100) -> np.ndarray:
        """Programs whose loss is followed: up to `each` of every label."""
        valid, labels = self.data.valid, self.data.labels
        return np.concatenate([valid[labels[valid] == i][:each] for i in range(3)])

    @property
    def curve(self) -> list[dict]:
        """The lines logged so far, those before a resumption included."""
        return self.state.history.get("log.jsonl", [])

    def preflight(self, rate: float | None = None):
        """What training will consume; `rate`: characters a second, for the minutes."""
        flops = model.training_flops(self.model.config, 96)
        lengths, labels = self.data.corpus.lengths, self.data.labels
        return preflight(self.plan, lengths, flops, rate, labels)

    def check(self) -> check.PlanCheck:
        """Whether the plan does what its schedule promises, by the original scores."""
        return check.check_plan(self.plan, self.data.scores, self.data.labels)

    def rate(self, steps: int = 6) -> float:
        """Characters a second that this machine trains on, from a few steps thrown away."""
        fresh = self.fresh_model()
        for stop_at in (2, steps):  # the first is a warm-up
            run = training.TrainState(fresh, self.plan, self.batches)
            training.train_together([run], stop_at)
        return run.tokens / run.seconds

    def train(self, show=None) -> training.TrainState:
        """Train the model in the planned order, with checkpoints in the cache folder.

        Two processes that are given the same run do it once: the second waits for the
        first (an hour at most), and finds a finished checkpoint.

        Args: show: called with each line of the log, which also goes to `progress_path`.
        """

        def note(line):
            files.write_json(progress_path(self.experiment), line)
            if show:
                show(line)

        self.state.callbacks = (self.log(note),)
        with locks.lock(self.folder / "run.lock", timeout=3600):
            training.train_together([self.state])
        return self.state

    def audit(self) -> audit.Audit:
        """What was really delivered, laid beside the plan."""
        state = self.state
        return audit.audit(np.stack(state.delivered), self.plan, self.batches.canonical)

    def measure(self) -> dict:
        """Results on the test programs under both protocols, and a few answers to look at.

        Evaluated once for each state of the model.
        """
        if self._measured[0] != self.state.step:
            self._measured = self.state.step, *self._evaluate()
        return self._measured[1]

    def _evaluate(self) -> tuple[dict, list[Answers]]:
        corpus, ids, seed = self.data.corpus, self.test_ids(), self.experiment.seed
        questions = [Question(task, p, seed) for p in PROTOCOLS for task in TASKS]
        answers = evaluate.ask(self.model, corpus, ids, questions)
        found = evaluate.summed_up(answers, corpus, self.data.labels[ids])
        exact = answers[questions.index(Question("execution", "exact", seed))]
        found["examples"] = [
            {"code": corpus.codes[i], "truth": t, "predicted": p}
            for i, t, p in zip(
                ids.tolist(), exact.truth or [], exact.predicted or [], strict=True
            )
        ][:12]
        return found, answers

    def record(self, results: dict) -> dict:
        """Everything a reader needs to trust the results, as plain JSON values."""
        e, data, state = self.experiment, self.data, self.state
        device, reason = training.choose_device(e.device)
        return {
            "name": e.name,
            "spec": e.spec,
            **({"code": e.code} if e.code else {}),
            "scale": dataclasses.asdict(self.scale),
            "corpus": {
                "hash": data.corpus.hash,
                "programs": len(data.corpus),
                "dropped": data.corpus.dropped,
                "train": len(data.train),
                "test": len(self.test_ids()),
                "labels": np.bincount(data.labels, minlength=3).tolist(),
            },
            "plan": {
                "digest": self.plan.digest,
                "starts": self.plan.starts,
                "spec": self.plan.spec,
                "preflight": dataclasses.asdict(self.preflight()),
            },
            "parameters": model.parameter_count(self.model.config),
            "curve": self.curve,
            "results": results,
            "audit": dataclasses.asdict(self.audit()),
            "cost": {
                "tokens": state.tokens,
                "seconds": round(state.seconds, 1),
                "device": f"{device} ({reason})",
                "precision": state.config.precision,
            },
            "provenance": files.provenance(),
            "sources": code_digest("results"),
        }

    def save(
        self,
        results: dict,
        root="results",
        weights: bool | None = None,
        answers: list[Answers] | None = None,
    ) -> Path:
        """Write the record, beside it the answers to every test program, and the weights.

        Args:
            results: of `measure`, whose answers are kept; or others, with their `answers`.
            weights: None keeps them where the scale says so.
        """
        records.kept(self.experiment, root)  # refuses another experiment's file
        path = records.record_path(self.experiment, root)
        if self.scale.keep_weights if weights is None else weights:
            about = {
                "spec": self.experiment.spec,
                "config": dataclasses.asdict(self.model.config),
                "alphabet": self.data.corpus.tokenizer.alphabet,
            }
            training.save_weights(path.with_suffix(".safetensors"), self.model, about)
        if answers is None and results is self._measured[1]:
            answers = self._measured[2]
        if answers:
            files.write_json(path.parent / "answers" / path.name, pack(answers))
        return files.write_json(path, self.record(results))  # last: it says "done"
