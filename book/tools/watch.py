"""What two models answer while they learn: the scrubber of "Watch it learn".

    python book/tools/watch.py SNAPSHOTS WORDS  # weights of two runs, and where from

The folder holds `baseline_s14_step00350.safetensors` and so on. Each model predicts the
output of the first 100 test programs of each level, and answers 12 programs in words.
Writes `results/watch/watch.json`, and of it `assets/lab/watch.js`, which the page loads,
and the figure of the page, between two marks. Without a folder, only these two.
"""

import json
import re
import sys
from pathlib import Path

import numpy as np

import lab
from curriculum import files
from curriculum.data.corpus import Corpus
from curriculum.data.tokenizer import CharTokenizer
from curriculum.evaluation import evaluate
from curriculum.experiments import records

OUT = lab.BOOK / "results" / "watch" / "watch.json"
SCRIPT = lab.BOOK / "assets" / "lab" / "watch.js"
MARKS = ("<!-- watch: written by book/tools/watch.py -->", "<!-- /watch -->")
LOOKS = {"baseline": ("shuffled", ""), "hybrid": ("hybrid", ' stroke-dasharray="5 3"')}
EACH, SHOWN = 100, 2  # programs a level: counted; shown in words
NAME = re.compile(r"([a-z]+)_s(\d+)_step(\d+)\.safetensors")


def measured(folder: Path, words: str) -> dict:
    """The answers of every snapshot of a folder, by arm and step.

    Args: words: where the weights are from, for the record.
    """
    corpus = Corpus.load(lab.STUDY / "test-programs")
    levels = [str(x) for x in np.unique(corpus.levels)]
    ids = np.concatenate([np.flatnonzero(corpus.levels == x)[:EACH] for x in levels])
    chosen = [p for some in lab.examples().values() for p in some[:SHOWN]]
    arms: dict = {}
    for path in sorted(folder.glob("*.safetensors")):
        arm, seed, step = NAME.fullmatch(path.name).groups()
        model, about = records.load_model(path)
        tokenizer = CharTokenizer(about["alphabet"])
        found = evaluate.execution(model.eval(), corpus, ids)
        right = {}
        for level in levels:
            mine = (corpus.levels[ids] == level) & ~found.empty
            right[level] = [int(found.right[mine].sum()), int(mine.sum())]
        said = [_said(lab.answer(model, tokenizer, p)) for p in chosen]
        arms.setdefault(arm, []).append(
            {"step": int(step), "right": right, "answers": said}
        )
        print(arm, step, right, flush=True)
    programs = [{"level": p.level, "code": p.code, "output": p.output} for p in chosen]
    note = {"seed": int(seed), "spec": about.get("spec"), "weights": words}
    note |= files.provenance()
    what = "test programs answered by two runs of the study along their training"
    return {"what": what, "programs": programs, "arms": arms, "provenance": note}


def _said(text: str) -> str:
    """A written output without its comment signs; what breaks off is said as it is."""
    return "\n".join(line.removeprefix("# ") for line in text.strip("\n").split("\n"))


def script(found: dict) -> str:
    """The text of watch.js."""
    part = {key: found[key] for key in ("programs", "arms")}
    head = (
        "// Answers of two models while they learn; written by book/tools/watch.py.\n"
    )
    text = json.dumps(part, ensure_ascii=False, separators=(",", ":"))
    return f"{head}window.curriculumWatch = {text};\n"


def figure(found: dict) -> str:
    """The accuracy of both arms by level and step, as a drawing of a page."""
    arms, parts = found["arms"], []
    last = arms["baseline"][-1]["step"]
    for k, level in enumerate(sorted(arms["baseline"][0]["right"])):
        left, top = 42 + 174 * (k % 2), 24 + 118 * (k // 2)
        parts.append(f'<text x="{left}" y="{top - 8}">level {level}</text>')
        parts.append(
            f'<path d="M{left} {top}v80h140" stroke="currentColor" fill="none"/>'
        )
        for share, word in ((0, "0 %"), (1, "100 %")):
            at = top + 84 - 80 * share
            parts.append(
                f'<text x="{left - 4}" y="{at}" text-anchor="end">{word}</text>'
            )
        if k > 3:
            for at, word, end in ((0, "0", "start"), (140, f"step {last:,}", "end")):
                parts.append(
                    f'<text x="{left + at}" y="{top + 96}" text-anchor="{end}">{word}</text>'
                )
        for arm, (_, dashes) in LOOKS.items():
            points = " ".join(
                f"{left + 140 * s['step'] / last:.0f},"
                f"{top + 80 * (1 - s['right'][level][0] / s['right'][level][1]):.0f}"
                for s in arms[arm]
            )
            parts.append(
                f'<polyline points="{points}" fill="none" stroke="currentColor"'
                f' stroke-width="2"{dashes}/>'
            )
    programs = sum(of for _, of in arms["baseline"][0]["right"].values())
    alt = (
        "Six line charts, one for each grammar level, of the share of test programs executed"
        " correctly over the training steps, for the shuffled and the hybrid run."
    )
    return "\n".join(
        [
            '<figure class="watch-figure"><svg viewBox="0 0 360 366" role="img"'
            f' aria-label="{alt}">',
            *parts,
            "</svg><figcaption>Test programs executed correctly while two models learn, by"
            " grammar level: shuffled (solid) and hybrid (dashed). One run each, seed"
            f" {found['provenance']['seed']}; {programs} programs that print something; seven"
            " steps were kept.</figcaption></figure>",
        ]
    )


def page(found: dict) -> str:
    """The text of the laboratory page with this figure."""
    before, _, rest = lab.PAGE.read_text(encoding="utf-8").partition(MARKS[0])
    after = rest.partition(MARKS[1])[2]
    return f"{before}{MARKS[0]}\n{figure(found)}\n{MARKS[1]}{after}"


if __name__ == "__main__":
    if len(sys.argv) == 3:
        files.write_json(OUT, measured(Path(sys.argv[1]), sys.argv[2]))
    result = files.read_json(OUT)
    print(files.write_text(SCRIPT, script(result)))
    print(files.write_text(lab.PAGE, page(result)))
