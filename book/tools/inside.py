"""Makes `results/inside`: what the order did to the models, as its PROTOCOL.md says.

    python book/tools/inside.py FOLDER states     # losses, head, probes, patches: each model
    python book/tools/inside.py FOLDER pairs      # CKA, and the loss between models
    python book/tools/inside.py FOLDER gradients  # noise and sharpness: the slow part

FOLDER holds weights of the study's block *longer*: `<arm>_s<seed>.safetensors` of the end,
`<arm>_s<seed>_<step>.safetensors` of earlier. `python -m curriculum study --blocks longer`
trains the runs again; PROTOCOL.md says how to keep their weights. The weights before
training are made from the seed. A model's finished part is kept and not measured again.
"""

import itertools
import re
import sys
import time
from pathlib import Path

import numpy as np
import torch

from curriculum import difficulty, files
from curriculum.data.corpus import Corpus, CorpusSpec, build, split
from curriculum.experiments.spec import CUTS
from curriculum.inside import landscape, patching, probes, similarity
from curriculum.model import GPT, config
from curriculum.training import load_weights
from curriculum.training.batches import IGNORE, Programs

RESULTS = Path(__file__).resolve().parents[1] / "results"
SEEDS, LAST = (8, 9, 10, 11), 16_800
FIRST = "first weights"  # an arm of its own: the others share them, seed by seed
ARMS = {
    FIRST: (0,),
    "baseline": (2_800, 7_000, LAST),
    "hybrid": (2_800, 7_000, LAST),
    "hybrid-shuffled": (LAST,),
}
MODELS = [(a, s, n) for s in SEEDS for a, steps in ARMS.items() for n in steps]
LINE = np.linspace(0, 1, 5)  # places on the line between two models
ON_LINE = 25  # programs of each grammar level, for the losses there
NOISE_BATCHES, BATCH = 8, 32  # for the noise scale
SHARP, LANCZOS = 48, 8  # programs and steps for the sharpness
PROBED = CorpusSpec(100_000, variant="july", seed=24)  # its test side is probed
PAIRS = 50  # of programs to patch between, of each of four kinds


class Inside:
    """The models in a folder, and the programs that all of them are asked about."""

    def __init__(self, folder):
        self.folder = Path(folder)
        self.corpus = Corpus.load(RESULTS / "study" / "test-programs")
        self.rows = Programs(self.corpus)
        fresh = build(
            PROBED
        )  # a program's side depends on itself alone: never trained on
        self.fresh = fresh.subset(split(fresh).test)
        self.questions = probes.questions(self.fresh)
        if self.fresh.tokenizer.alphabet != self.corpus.tokenizer.alphabet:
            raise ValueError("the programs to probe have other characters")
        last = self.corpus.lengths - 2
        self.end = np.minimum(writes(self.corpus), last)  # a program may print nothing
        u = files.hash_uniform(np.arange(len(last)), "inside, any place")
        self.anywhere = (u * self.end).astype(int)
        levels = self.corpus.levels
        ids = [np.flatnonzero(levels == v)[:ON_LINE] for v in np.unique(levels)]
        self.on_line = self.rows.batch(np.concatenate(ids))
        scored = difficulty.score_many(self.corpus.codes, ["om_token"])
        self.labels = difficulty.label(scored.table["om_token"], CUTS["paper"])
        self.random = files.hash_order(len(self.corpus), "inside, programs")

    def model(self, arm: str, seed: int, step: int) -> GPT:
        model = GPT(config("paper", self.corpus.tokenizer.size), seed=seed)
        if step:
            load_weights(self.path(arm, seed, step), model)
        return model.eval()

    def path(self, arm: str, seed: int, step: int) -> Path:
        end = "" if step == LAST else f"_{step}"
        return self.folder / f"{arm}_s{seed}{end}.safetensors"

    def weights(self, arm: str, seed: int, step: int) -> str:
        """Which weights these are: the digest of their file, or the seed."""
        if not step:
            return f"made from seed {seed}"
        return files.digest(self.path(arm, seed, step).read_bytes())

    @torch.no_grad()
    def look(self, model, corpus, wanted) -> tuple[np.ndarray, dict]:
        """(N, 2) losses, all and answer; {name: (L + 1, n, C)} the stream where wanted.

        Args: wanted: {name: (programs (n,), places (n,))}.
        """
        L, C, rows = model.config.n_layer, model.config.n_embd, Programs(corpus)
        found = {
            k: np.zeros((L + 1, len(p), C), np.float32) for k, (p, _) in wanted.items()
        }
        losses, first = np.zeros((len(corpus), 2)), writes(corpus) - 2
        for ids in np.array_split(np.argsort(corpus.lengths, kind="stable"), 64):
            x, y = rows.rows(ids)
            logits, stream = patching.run(model, x)
            loss = torch.nn.functional.cross_entropy(
                logits.transpose(1, 2), y, ignore_index=IGNORE, reduction="none"
            ).numpy()
            asked = (y != IGNORE).numpy()
            answer = asked & (np.arange(x.shape[1]) >= first[ids][:, None])
            for k, mask in enumerate((asked, answer)):
                losses[ids, k] = loss.mean(1, where=mask)
            where = {i: n for n, i in enumerate(ids.tolist())}
            for k, (programs, places) in wanted.items():
                mine = np.flatnonzero(np.isin(programs, ids))
                at = [where[i] for i in programs[mine].tolist()]
                found[k][:, mine] = stream[:, at, places[mine]].numpy()
        return losses, found

    def similar(self, model) -> tuple[np.ndarray, dict]:
        """Losses of the test programs, and the stream at one place of each, twice."""
        half = np.arange(0, len(self.corpus), 2)
        every = np.arange(len(half))
        wanted = {
            "anywhere": (every, self.anywhere[half]),
            "end": (every, self.end[half]),
        }
        return self.look(model, self.corpus.subset(half), wanted)

    def state(self, model) -> dict:
        """Losses by level and label, the head's singular entropy, probes, patches."""
        losses, _ = self.look(model, self.corpus, {})
        wanted = {q.what: (q.program, q.place) for q in self.questions.values()}
        _, stream = self.look(model, self.fresh, wanted)
        groups = {
            str(v): self.corpus.levels == v for v in np.unique(self.corpus.levels)
        }
        names = difficulty.LABELS
        groups |= {name: self.labels == k for k, name in enumerate(names)}
        asked = {}
        for what, q in self.questions.items():
            layers = stream[what]
            asked[what] = {
                "accuracy": [probes.accuracy(x, q.label, q.train) for x in layers],
                "control": [probes.accuracy(x, q.control, q.train) for x in layers],
            }
        patches = {}
        for printed, last in itertools.product((True, False), repeat=2):
            pairs = patching.pairs(PAIRS, printed, last)
            name = f"{'printed' if printed else 'other'}, printed set {'last' if last else 'first'}"
            patches[name] = {
                place: patching.follows(model, self.corpus.tokenizer, pairs, end)
                for place, end in (("digit", False), ("end", True))
            }
        return {
            "loss": {
                kind: {name: float(losses[m, k].mean()) for name, m in groups.items()}
                for k, kind in enumerate(("all", "answer"))
            },
            "singular entropy": similarity.singular_entropy(model.head.weight),
            "probes": asked,
            "patches": patches,
        }

    def gradients(self, model, sharp: bool) -> dict:
        """Noise scale on programs of all labels and on easy ones; sharpness."""
        found, easy = {}, self.random[self.labels[self.random] == 0]
        for name, ids in (("all", self.random), ("easy", easy)):
            ids = ids[: NOISE_BATCHES * BATCH].reshape(-1, BATCH)
            every = [landscape.gradient(model, self.rows.batch(b)) for b in ids]
            found[name] = landscape.noise_scale(every, BATCH)
            if sharp and name == "all":
                batch = self.rows.batch(ids.ravel()[:SHARP])
                found[name]["sharpness"] = landscape.sharpness(model, batch, LANCZOS)
        return found

    @torch.no_grad()
    def line(self, one, other, ends) -> list[float]:
        """Mean loss at even steps from one model to another, whose own are `ends`."""
        inside = [
            float(landscape.mean_loss(landscape.between(one, other, t), self.on_line))
            for t in LINE[1:-1]
        ]
        return [ends[0], *inside, ends[1]]


def writes(corpus) -> np.ndarray:
    """(N,) places from which the answers are written: the blank after "#"."""
    return np.array([len(corpus[i].prompt) + 1 for i in range(len(corpus))])


def lines() -> list[tuple[str, tuple, tuple, bool]]:
    """(kind, model, model, also aligned?) of the lines that are measured."""
    found = []
    arms = list(ARMS)[1:]
    after = dict(zip(SEEDS, (*SEEDS[1:], SEEDS[0]), strict=True))  # seeds in a ring
    for s in SEEDS:
        for a, b in itertools.combinations(arms, 2):
            found.append(("other arm, same seed", (a, s, LAST), (b, s, LAST), True))
            found.append(
                ("other arm, other seed", (a, s, LAST), (b, after[s], LAST), True)
            )
        for a in arms:
            found.append(
                ("same arm, other seed", (a, s, LAST), (a, after[s], LAST), True)
            )
        for a in ("baseline", "hybrid"):
            for x, y in itertools.pairwise(ARMS[a]):
                found.append(("along a run", (a, s, x), (a, s, y), False))
        for n in (2_800, 7_000):
            found.append(
                (
                    "other arm, same seed, early",
                    ("baseline", s, n),
                    ("hybrid", s, n),
                    True,
                )
            )
    return found


def asked(inside: Inside) -> dict:
    """How many programs each question has, and what guessing would be worth."""
    found = {}
    for what, q in inside.questions.items():
        found[what] = {
            "asked": probes.ASKED[what],
            "programs": len(q.label),
            "tested": int((~q.train).sum()),
            "classes": int(q.label.max()) + 1,
            "commonest": probes.commonest(q.label, q.train),
            "commonest of control": probes.commonest(q.control, q.train),
        }
        if what.startswith(
            "value"
        ):  # the digit that was set last, whichever is printed
            codes = [inside.fresh.codes[i] for i in q.program]
            last = [int(re.findall(r"^\w = (\d)$", c, re.M)[-1]) for c in codes]
            found[what]["digit set last"] = float((last == q.label)[~q.train].mean())
    return found


def measure_states(inside: Inside) -> None:
    path = RESULTS / "inside" / "questions.json"
    if not path.exists():
        files.write_json(path, {
            "what": "the questions that probes are asked, and what guessing is worth",
            "programs": len(inside.fresh), "questions": asked(inside),
            "provenance": files.provenance(),
        })  # fmt: skip
    for arm, seed, step in MODELS:
        keep(
            inside,
            f"state_{name(arm, seed, step)}",
            lambda m: inside.state(m),
            arm,
            seed,
            step,
        )


def measure_gradients(inside: Inside) -> None:
    for arm, seed, step in MODELS:
        sharp = arm in ("baseline", "hybrid")
        keep(
            inside, f"gradients_{name(arm, seed, step)}",
            lambda m, sharp=sharp: inside.gradients(m, sharp), arm, seed, step,
        )  # fmt: skip


def name(arm, seed, step) -> str:
    return f"{arm.replace(' ', '-')}_s{seed}_{step}"


def keep(inside, stem, measure, arm, seed, step) -> None:
    path = RESULTS / "inside" / f"{stem}.json"
    if path.exists():
        return
    begin, model = time.perf_counter(), inside.model(arm, seed, step)
    files.write_json(path, {
        "what": f"{stem.split('_')[0]} of a model of block longer",
        "arm": arm, "seed": seed, "step": step,
        **measure(model),
        "weights": inside.weights(arm, seed, step),
        "seconds": round(time.perf_counter() - begin, 1),
        "provenance": files.provenance(),
    })  # fmt: skip
    print(path.name, flush=True)


def measure_pairs(inside: Inside) -> None:
    """CKA of all pairs of models of one step; the loss on lines."""
    begin = time.perf_counter()
    streams: dict = {}
    for key in MODELS:
        streams[key] = inside.similar(inside.model(*key))[1]
        print("stream", *key, flush=True)
    similar = [
        {
            "models": [list(a), list(b)],
            **{
                k: [
                    similarity.cka(x, y)
                    for x, y in zip(streams[a][k], streams[b][k], strict=True)
                ]
                for k in ("anywhere", "end")
            },
        }
        for a, b in itertools.combinations(MODELS, 2)
        if a[2] == b[2]
    ]
    print("cka", round(time.perf_counter() - begin), flush=True)
    models = {key: inside.model(*key) for key in MODELS}
    with torch.no_grad():
        own = {
            key: float(landscape.mean_loss(model, inside.on_line))
            for key, model in models.items()
            if key[0] != FIRST
        }
    crossed = []
    for kind, a, b, align in lines():
        one, other, ends = models[a], models[b], (own[a], own[b])
        row = {
            "kind": kind,
            "models": [list(a), list(b)],
            "loss": inside.line(one, other, ends),
        }
        if align:
            moved = landscape.aligned(one, other)
            row["aligned"] = inside.line(one, moved, ends)
            row["likeness"] = [landscape.likeness(one, m) for m in (other, moved)]
        crossed.append(row)
        print(kind, a, b, flush=True)
    files.write_json(RESULTS / "inside" / "pairs.json", {
        "what": "CKA of pairs of models, and losses on the line between them",
        "cka": similar, "lines": crossed,
        "seconds": round(time.perf_counter() - begin, 1),
        "provenance": files.provenance(),
    })  # fmt: skip


PARTS = {
    "states": measure_states,
    "pairs": measure_pairs,
    "gradients": measure_gradients,
}


def main(folder, *parts) -> None:
    torch.set_num_threads(1)
    inside = Inside(folder)
    for part in parts or PARTS:
        PARTS[part](inside)


if __name__ == "__main__":
    main(*sys.argv[1:])
