"""What is made from the results: the provenance page and the picture on the front page.

    python book/tools/front.py          # after a study has been added or run again

- `provenance.md` is the appendix "How the numbers were made": for every file below
  `results/`, the experiment, the machine, the versions and the commands to repeat it.
- `assets/front.png` tells the study in one picture: three orders, and what came of them;
  it stands, with its numbers in words, between two marks in `intro.md` and in the README.
- `assets/cards/` holds a small picture for each chapter, from its stored outputs.

A test holds the committed texts against the results.
"""

import base64
import dataclasses
import io
import sys
from pathlib import Path

import nbformat
import numpy as np

from curriculum import files
from curriculum.evaluation import stats
from curriculum.experiments import experiment, records
from curriculum.experiments.spec import Experiment
from curriculum.experiments.study import BLOCKS
from curriculum.show import interval

BOOK = Path(__file__).resolve().parent.parent
RESULTS = BOOK / "results"
STUDY = "study"  # the study on the front page: all arms, paired seeds

PAGE = """# How the numbers were made

Every number in this book was printed by a cell you can run, or stands in a file below
`book/results/` that a run wrote. This page is generated from those files by
`book/tools/front.py`; nobody typed a figure into it.

Three rules hold for all of them:

- **A record is written by the run itself**: parameters, digests of corpus and plan,
  results, and an audit of the programs that were really fed to the model.
- **Arms of a study differ in the plan alone**, or in the learning-rate schedule where
  their name says "restarts". They share programs, split, scores, first weights (seed by
  seed) and steps.
- **Nothing is thrown away.** A run that speaks against a curriculum stays where it is.

On other hardware the last digits differ, because sums of floating-point numbers depend
on their order; on the same processor a run repeats to the bit. On a GPU it does not: there
a repetition agrees within the spread between seeds. The commands below run records again
and say which numbers agree to the digit, which within that spread, and which do not.
`python -m curriculum tables STUDY --out FOLDER` writes a study as Parquet and CSV with a
codebook.

"""


def studies() -> dict[str, list[dict]]:
    """Records by study, leaving out the local ones that are not committed."""
    names = sorted(
        p.name for p in RESULTS.iterdir() if p.is_dir() and p.name != "local"
    )
    found = {}
    for name in names:
        try:
            read = records.records(name, RESULTS)
        except (ValueError, KeyError):
            continue  # a folder of other files, described below
        found[name] = read
    return found


def unique(values) -> str:
    return ", ".join(sorted({str(v) for v in values}))


def groups(found) -> dict[tuple, list[str]]:
    """{what a command sets beside the schedule: the schedules that have it}.

    A file of one's own lies beside the records of its study.
    """
    table: dict[tuple, list[str]] = {}
    skip = {"schedule", "options", "seed", "scale", "study", "device"}
    for r in found:
        spec = r["spec"]
        changed = dict(spec.get("options", {}))
        for f in dataclasses.fields(Experiment):
            if f.name not in skip and spec.get(f.name, f.default) != f.default:
                changed[f.name] = spec[f.name]
        own = r.get("code", {})
        beside = f"book/results/{spec['study']}/"
        if "scorer" in own:
            changed["scorer"] = beside + spec["scorer"]
        schedule = beside * ("schedule" in own) + spec["schedule"]
        names = table.setdefault(tuple(changed.items()), [])
        if schedule not in names:
            names.append(schedule)
    return table


def describe(name: str, found: list[dict]) -> str:
    """The section of one study."""
    first = found[0]
    arms = list(dict.fromkeys(map(records.arm, found)))
    seeds = sorted({r["spec"]["seed"] for r in found})
    clean = sum(map(records.as_planned, found))
    versions = [
        ", ".join(f"{k} {v}" for k, v in r["provenance"]["versions"].items())
        for r in found
    ]
    scale = first["spec"]["scale"]
    every = "\n".join(
        f"python -m curriculum experiment schedule={','.join(names)}"
        f" seed={','.join(map(str, seeds))} scale={scale} study={name}"
        + "".join(f" {k}={v}" for k, v in settings)
        + " --results again"
        for settings, names in groups(found).items()
    )
    blocks = [block.name for block in BLOCKS if block.study == name]
    on_gpu = bool(blocks) and first["cost"]["device"].startswith("cuda")
    if on_gpu:  # its blocks are trained together
        every = "python -m curriculum study --minutes 10 --results again --blocks "
        every += ",".join(blocks)
    where = "on one GPU: " if on_gpu else ""
    commands = (
        f"# {where}some of its runs, compared number by number\n"
        f"python -m curriculum reproduce {name}\n\n"
        f"# {where}all of them, into a folder of their own\n{every}"
    )
    hours = sum(r["cost"]["seconds"] for r in found) / 3600
    rows = {
        "Runs": f"{len(found)}: {'; '.join(arms)}; seeds {', '.join(map(str, seeds))}",
        "Model": f"{first['parameters']:,} parameters ({first['scale']['size']})",
        "Training": f"{first['scale']['steps']:,} steps of {first['scale']['batch']}"
        f" programs; {min(r['cost']['tokens'] for r in found):,} to"
        f" {max(r['cost']['tokens'] for r in found):,} characters a run",
        "Corpus": f"{first['corpus']['programs']:,} programs, hash"
        f" {unique(r['corpus']['hash'][:12] for r in found)}; labels from"
        f" {unique(r['spec']['scorer'] for r in found)}, cut"
        f" {unique(r['spec']['cut'] for r in found)}",
        "Learning rate": f"peak {first['scale']['lr']:g}, schedule"
        f" {unique(r['spec']['lr_schedule'] for r in found)}",
        "Test programs": unique(r["corpus"]["test"] for r in found),
        "Audits": f"{clean} of {len(found)} runs delivered exactly as planned",
        "Machine": unique(map(records.machine, found)),
        "Python": unique(r["provenance"]["python"] for r in found),
        "Versions": unique(versions),
        "Commit": unique(r["provenance"]["commit"] for r in found),
        "Date": unique(r["provenance"]["date"] for r in found),
        "Time in training": f"{hours:.1f} hours (the machine was shared: no benchmark)",
    }
    table = "\n".join(f"| {k} | {v} |" for k, v in rows.items())
    return (
        f"## Study `{name}`\n\n| what | value |\n| :-- | :-- |\n{table}\n\n"
        f"Repeat it with:\n\n```bash\n{commands}\n```\n\n"
    )


def others(known) -> str:
    """A line for each result file that is no record."""
    lines = []
    for path in sorted(RESULTS.rglob("*.json")):
        study = path.relative_to(RESULTS).parts[0]
        if study == "local" or study in known:
            continue
        kept = files.read_json(path)
        source = kept.get("provenance") or {}
        place = path.relative_to(BOOK).as_posix()
        lines.append(
            f"| `{place}` | {kept.get('what', '')} | {source.get('commit', '?')}"
            f" | {source.get('hardware', '?')} | {source.get('date', '?')} |"
        )
    if not lines:
        return ""
    head = "| file | what it holds | commit | machine | date |\n" + "| :-- " * 5 + "|\n"
    return "## Other results\n\n" + head + "\n".join(lines) + "\n"


def page() -> str:
    """The text of provenance.md."""
    found = studies()
    return PAGE + "".join(describe(*pair) for pair in found.items()) + others(found)


HERO = {
    "baseline": "shuffled",
    "hybrid": "easy first, with some\nrepetition (“hybrid”)",
    "hybrid-shuffled": "exactly the same\nprograms, shuffled",
}


def numbers() -> dict:
    """What the front picture shows: executed programs, and the change from shuffled."""
    found = records.records(STUDY, RESULTS)
    table = records.by_arm(found, records.accuracy)
    reference = table["baseline"]
    rows = {
        arm: {"right": table[arm], "gap": stats.paired(table[arm], reference)}
        for arm in HERO
    }
    return {"rows": rows, "source": records.source_line(found)}


def told(gap) -> str:
    """A paired difference in points, with its interval."""
    return f"{interval(gap, digits=1, scale=100)} points"


def alternative(n: dict) -> str:
    """The picture in words, with its numbers."""
    says = []
    for arm, row in n["rows"].items():
        words = HERO[arm].replace("\n", " ")
        change = "" if arm == "baseline" else f" ({told(row['gap'])})"
        says.append(f"{words}: {100 * row['right'].mean():.1f} %{change}")
    return (
        "Three rows. Left, when a model sees easy, medium and hard programs; right, the"
        f" share of test programs that it then executes correctly. {'; '.join(says)}."
    )


def draw(path, n: dict) -> None:
    """The picture itself."""
    import matplotlib

    matplotlib.use("agg")
    import matplotlib.pyplot as plt

    from curriculum import plots

    plots.style()
    figure, grid = plt.subplots(
        len(HERO), 2, figsize=(8.6, 4.2), width_ratios=(1, 1.25), sharex="col"
    )
    data = None
    everything = 100 * np.concatenate([row["right"] for row in n["rows"].values()])
    for axes, (arm, row) in zip(grid, n["rows"].items(), strict=True):
        made = experiment.resolve(Experiment(schedule=arm, scale=STUDY), data)
        data = made.data
        plots.draw_plan(axes[0], made.plan, data.labels, blocks=40)
        if arm == "hybrid-shuffled":  # its stages all look alike
            for line in list(axes[0].lines):
                line.remove()
        axes[0].set(xlabel="", ylabel="", xticks=[], yticks=[])
        axes[0].set_ylabel(HERO[arm], rotation=0, ha="right", va="center", labelpad=8)
        values = 100 * row["right"]
        colour = plots.schedule_style(arm)["color"]
        axes[1].plot(values, np.full(len(values), -0.25), "o", color=colour, alpha=0.45)
        axes[1].plot(values.mean(), 0.1, "D", color=colour, markersize=8)
        say = f"{values.mean():.1f} %"
        if arm != "baseline":
            say += f"   {told(row['gap'])}"
        axes[1].text(everything.min() - 2.6, 0.72, say, weight="bold", fontsize=9.5)
        axes[1].axvline(100 * n["rows"]["baseline"]["right"].mean(), color=plots.SOFT)
        axes[1].set(yticks=[], ylim=(-0.6, 1.15))
        axes[1].set_xlim(everything.min() - 3, everything.max() + 1.5)
        axes[1].spines["left"].set_visible(False)
        axes[1].grid(axis="y", visible=False)
    grid[0, 0].set_title("what the model sees, and when")
    grid[0, 1].set_title("what it can do in the end")
    grid[-1, 0].set_xlabel("training →")
    grid[-1, 1].set_xlabel("test programs executed correctly (%)")
    figure.savefig(path, dpi=144, metadata={"Software": None})


CARDS = {  # the figure of each chapter that its card on the front page shows
    "01": "strips", "02": "families", "03": "labels", "04": "attention", "05": "forcing",
    "06": "intervals", "07": "loss", "08": "matrix", "09": "pacing", "10": "plans",
    "11": "study", "12": "roofline", "13": "record", "14": "rules", "15": "one-skill",
    "16": "suites", "17": "cost", "18": "strips", "19": "results", "20": "map",
    "21": "orders", "22": "arms", "23": "patches", "24": "forest",
}  # fmt: skip
CARD = (480, 270)  # pixels


def draw_cards(folder) -> None:
    """A small picture for every chapter, from the chapter's own stored output."""
    from PIL import Image, ImageOps

    folder.mkdir(exist_ok=True)
    for number, figure in CARDS.items():
        (path,) = BOOK.glob(f"{number}-*.ipynb")
        cells = nbformat.read(path, as_version=4).cells
        named = {
            c.metadata.get("mystnb", {}).get("figure", {}).get("name"): c for c in cells
        }
        outputs = named[f"fig-{number}-{figure}"].outputs
        png = next(
            o.data["image/png"] for o in outputs if "image/png" in o.get("data", {})
        )
        picture = Image.open(io.BytesIO(base64.b64decode(png))).convert("RGB")
        card = ImageOps.pad(picture, CARD, color="white")
        card.quantize(64).save(folder / f"{number}.png", optimize=True)


MARKS = ("<!-- front: written by book/tools/front.py -->", "<!-- /front -->")


def place(text: str, folder: str, n: dict) -> str:
    """`text` with the picture between its marks; `folder` leads to the assets."""
    head, rest = text.split(MARKS[0])
    _, tail = rest.split(MARKS[1])
    picture = f"![{alternative(n)}]({folder}assets/front.png)"
    source = n["source"].replace("study study", "The study")
    caption = (
        "*A dot is one training run, a diamond the mean of eight; in brackets the 95 %"
        f" interval of the difference from “shuffled”. {source}.*"
    )
    return f"{head}{MARKS[0]}\n{picture}\n\n{caption}\n{MARKS[1]}{tail}"


def texts() -> dict[Path, str]:
    """All generated texts, by file."""
    n = numbers()
    pages = {BOOK / "intro.md": "", BOOK.parent / "README.md": "book/"}
    found = {
        p: place(p.read_text(encoding="utf-8"), folder, n)
        for p, folder in pages.items()
    }
    return {**found, BOOK / "provenance.md": page()}


if __name__ == "__main__":
    draw(BOOK / "assets" / "front.png", numbers())
    draw_cards(BOOK / "assets" / "cards")
    for path, text in texts().items():
        files.write_text(path, text)
        print(f"{path.relative_to(BOOK.parent)}: written", file=sys.stderr)
