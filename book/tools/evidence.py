"""Makes `results/evidence/contrasts.json`: every comparison of orders in this book.

    python book/tools/evidence.py            # compute all contrasts from the records
    python book/tools/evidence.py --check    # exit 1 if the file is not what they say

A comparison is in the list if both arms have two seeds or more that share first weights
and test cases. All have one interval, the two-way bootstrap over seeds and test cases, and
Student's over seeds beside it; verdicts are those of each study's own protocol.
"""

import argparse
import functools
import sys
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "book")]

from behind import ch11, ch15, ch19, ch20, ch21, ch22  # noqa: E402
from curriculum import files  # noqa: E402
from curriculum.difficulty import LABELS  # noqa: E402
from curriculum.evaluation import stats  # noqa: E402
from curriculum.experiments import records  # noqa: E402

RESULTS = ROOT / "book" / "results"
OUT = RESULTS / "evidence" / "contrasts.json"
EXPLORATORY = None  # no verdict was promised


@functools.cache
def right(study):
    """{arm: (seeds, programs)} right answers of a study in execution."""
    return records.right(records.records(study, RESULTS), RESULTS)


def row(
    domain,
    study,
    chapter,
    arm,
    minus,
    table,
    reference,
    verdict=EXPLORATORY,
    name="",
    **more,
):
    """One comparison as plain values, from (seeds, cases) of both arms.

    name: of the comparison, where it is not "arm − minus".
    """
    n = min(len(table), len(reference))
    difference = np.asarray(table[:n], float) - np.asarray(reference[:n], float)
    low, high = stats.two_way_bootstrap(difference)
    mean, *student = stats.mean_interval(difference.mean(1))
    return {
        "domain": domain, "study": study, "chapter": chapter,
        "name": name or f"{arm} − {minus}",
        "mean": round(float(mean), 6), "low": round(low, 6), "high": round(high, 6),
        "student": [round(float(x), 6) for x in student],
        "seeds": n, "cases": difference.shape[1], "verdict": verdict, **more,
    }  # fmt: skip


def programs():
    """Small GPTs trained on programs from random weights; outcome: execution."""
    here = functools.partial(row, "programs")
    study, fresh = right("study"), right("confirm")
    both = ch15.pooled(study, fresh)
    first, second = ch11.verdicts(study), ch11.verdicts(fresh)
    for pair, (_, _, one), (_, _, two) in zip(ch11.PRIMARY, first, second, strict=True):
        arm, minus = pair
        verdict = one if one == two else f"{one}/{two}"
        yield here("study", 15, arm, minus, both[arm], both[minus], verdict)
    yield here(
        "study",
        15,
        "hybrid-shuffled",
        "baseline",
        both["hybrid-shuffled"],
        both["baseline"],
    )
    yield here(
        "study", 15, "baseline, restarts", "baseline",
        both["baseline, restarts"], both["baseline"],
    )  # fmt: skip
    for arm in ch11.OTHERS:
        yield here("study", 11, arm, "baseline", study[arm], study["baseline"])
    yield here(
        "confirm", 15, "hybrid", "baseline",
        fresh["hybrid, constant"], fresh["baseline, constant"],
        name="hybrid − baseline, constant rate",
    )  # fmt: skip
    longer = right("longer")
    for minus in ("baseline", "hybrid-shuffled"):
        short = minus.removeprefix("hybrid-")
        yield here(
            "longer", 15, "hybrid", minus, longer["hybrid"], longer[minus],
            name=f"hybrid − {short}, twice the steps",
        )  # fmt: skip
    scores = right("scores")
    found = [
        (name, stats.contrast(scores[arm], scores["baseline"]))
        for arm, name in SCORES.items()
    ]
    held = stats.holm([c.p for _, c in found])
    for (arm, name), (_, c), p in zip(SCORES.items(), found, held, strict=True):
        verdict = stats.verdict(c, p)
        yield here(
            "scores", 14, name, "baseline", scores[arm], scores["baseline"], verdict
        )
    fair = right("fair")
    for more in ("", ", restarts"):
        arm, minus = f"fair.py:fair{more}", f"baseline{more}"
        name = f"sequential, fair − baseline{more}"
        yield here("fair", 8, arm, minus, fair[arm], fair[minus], name=name)


SCORES = {
    "hybrid, cut tertiles": "hybrid by the paper's metric",
    "hybrid, scorer characters, cut tertiles": "hybrid by length",
    "hybrid, scorer arithmetic.py:signs, cut tertiles": "hybrid by arithmetic signs",
}


def instructions():
    """SmolLM2 fine-tuned on instructions; outcome: predicted outputs, exact."""
    runs = ch19.Runs(RESULTS / "finetune")
    base = runs.of("exact", "random")
    here = functools.partial(row, "instructions", "finetune", 19)
    for order, _, _, _, verdict in ch19.contrasts(runs):
        table = runs.of("exact", order)
        name = order.replace("-", ", ")
        yield here(name, "random", table, base, verdict, last=last(runs, order))
    for order in ch19.MIXED:
        name = order.replace("loss-mixed", "loss inside kinds").replace("-", ", ")
        yield here(name, "random", runs.of("exact", order), base)


def pretrained():
    """SmolLM2 fine-tuned on programs in the paper's orders; outcome: execution."""
    runs = ch22.Runs(RESULTS / "large")
    for arm, minus, _, _, _, verdict in ch22.contrasts(runs):
        tables = runs.exact(arm), runs.exact(minus)
        yield row("pretrained", "large", 22, arm, minus, *tables, verdict)


def questions():
    """SmolLM2 fine-tuned on multiple choice; outcome: the right option chosen."""
    for name in ch21.SETS:
        runs = ch21.Runs(name, RESULTS / "human")
        for arm, _, _, verdict in ch21.contrasts(runs):
            tables = runs.right(arm), runs.right("random")
            said = f"{ch21.short(arm)} − random"
            domain = "questions" if name == "programs" else name
            yield row(domain, "human", 21, arm, "random", *tables, verdict, name=said)


def last(runs, order):
    """Share of the tested kind among the items of a run's last five steps, mean over seeds."""
    shares = [ch19.last_kinds(runs, order, seed)["predict"] for seed in runs.seeds]
    return round(float(np.mean(shares)), 4)


def networks():
    """An agent that runs a phone network; outcome: mean utility, from −1 to 1."""
    study = ch20.Study(RESULTS / "mobile")
    base = study.scores("target only")
    for arm, _, _, verdict in study.contrasts():
        yield row(
            "networks",
            "mobile",
            20,
            arm,
            "target only",
            study.scores(arm),
            base,
            verdict,
        )


def by_label():
    """Order alone, hybrid − hybrid-shuffled, by difficulty: rows over all sixteen seeds."""
    found = [r for name in ("study", "confirm") for r in records.records(name, RESULTS)]
    for label in LABELS:
        table = records.by_arm(found, lambda r: records.accuracy(r, label=label))  # noqa: B023
        difference = table["hybrid"] - table["hybrid-shuffled"]
        mean, low, high = stats.mean_interval(difference)
        yield {
            "label": label, "mean": round(float(mean), 6), "low": round(float(low), 6),
            "high": round(float(high), 6), "seeds": len(difference),
        }  # fmt: skip


def spread():
    """Standard deviation over seeds of hybrid − baseline, the noisiest primary contrast."""
    both = ch15.pooled(right("study"), right("confirm"))
    return round(float((both["hybrid"] - both["baseline"]).mean(1).std(ddof=1)), 6)


DOMAINS = (programs, pretrained, instructions, questions, networks)


def compute() -> dict:
    """All comparisons, and the digest of every record that they were made from."""
    rows = [found for domain in DOMAINS for found in domain()]
    return {
        "what": "every comparison of orders in the book, computed from its records",
        "rows": rows,
        "order alone, by label": list(by_label()),
        "spread of hybrid − baseline": spread(),
        "random, last": last(ch19.Runs(RESULTS / "finetune"), "random"),
        "records": {
            name: _digest(RESULTS / name) for name in sorted({r["study"] for r in rows})
        },
        "provenance": files.provenance(),
    }


def _digest(folder):
    """Of all files of a study, by name."""
    paths = sorted(p for p in folder.rglob("*.json"))
    kept = [
        [p.relative_to(folder).as_posix(), files.digest(p.read_bytes())] for p in paths
    ]
    return files.digest(kept)[:16]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true")
    found = compute()
    if parser.parse_args().check:
        kept = files.read_json(OUT, sealed=True)
        if any(kept[key] != found[key] for key in found if key != "provenance"):
            raise SystemExit(f"{OUT.name} is stale: run python book/tools/evidence.py")
        return
    files.write_json(OUT, found)
    for r in found["rows"]:
        ends = (
            f"{100 * r['mean']:+6.1f} [{100 * r['low']:+.1f}, {100 * r['high']:+.1f}]"
        )
        print(
            f"{r['domain']:13}{r['name']:40}{ends:24}{r['seeds']:3}  {r['verdict'] or '–'}"
        )


if __name__ == "__main__":
    main()
