"""What two models answer while they learn: the scrubber of "Watch it learn".

    python book/tools/watch.py

Reads the answers of the models that were saved along two runs (`snapshots.py`): to the
first 100 test programs of each level, and to 12 programs in words. Writes
`assets/lab/watch.js`, which the page loads, and the figure of the page, between two marks.
"""

import json

import numpy as np

import lab
from curriculum import files
from curriculum.data.corpus import Corpus
from curriculum.evaluation.answers import unpack

SAVED = lab.BOOK / "results" / "snapshots" / "answers.json"
SCRIPT = lab.BOOK / "assets" / "lab" / "watch.js"
MARKS = ("<!-- watch: written by book/tools/watch.py -->", "<!-- /watch -->")
LOOKS = {"baseline": ("shuffled", ""), "hybrid": ("hybrid", ' stroke-dasharray="5 3"')}
EACH, SHOWN = 100, 2  # programs a level: counted; shown in words


def watched() -> dict:
    """{"seed", "programs": those shown in words, "arms": {arm: [{step, right, answers}]}}.

    right: level -> [right answers, programs that print something].
    """
    corpus = Corpus.load(lab.STUDY / "test-programs")
    levels = [str(x) for x in np.unique(corpus.levels)]
    first = {x: np.flatnonzero(corpus.levels == x)[:EACH] for x in levels}
    chosen = [p for some in lab.examples().values() for p in some[:SHOWN]]
    places = [corpus.codes.index(p.code) for p in chosen]
    saved = files.read_json(SAVED, sealed=True)["models"]
    arms: dict = {}
    for model in saved:
        (found,) = unpack(model)
        right = {}
        for level, ids in first.items():
            mine = ids[~found.empty[ids]]
            right[level] = [int(found.right[mine].sum()), len(mine)]
        said = [_said(found.predicted[i]) for i in places]
        line = {"step": model["step"], "right": right, "answers": said}
        arms.setdefault(model["schedule"], []).append(line)
    programs = [{"level": p.level, "code": p.code, "output": p.output} for p in chosen]
    return {"seed": saved[0]["seed"], "programs": programs, "arms": arms}


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
            f" {found['seed']}; {programs} programs that print something; seven"
            " steps were kept.</figcaption></figure>",
        ]
    )


def page(found: dict) -> str:
    """The text of the laboratory page with this figure."""
    before, _, rest = lab.PAGE.read_text(encoding="utf-8").partition(MARKS[0])
    after = rest.partition(MARKS[1])[2]
    return f"{before}{MARKS[0]}\n{figure(found)}\n{MARKS[1]}{after}"


if __name__ == "__main__":
    result = watched()
    print(files.write_text(SCRIPT, script(result)))
    print(files.write_text(lab.PAGE, page(result)))
