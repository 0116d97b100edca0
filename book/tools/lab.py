"""What the laboratory page is given: example programs, and answers for a reader on paper.

    python book/tools/lab.py            # after the study's models have changed

- `assets/lab/examples.js`: test programs of every level, with what they print; and, to
  draw a curriculum with, the schedules of the paper and the size of each label.
- `assets/lab/cdm.js`: what the CDM of "Score a program" compares with, the study's test
  programs.
- The table in `lab.md`, between two marks: one program a level, and what the three
  committed models answer, computed here with PyTorch.

The models themselves are written when the book is built (`book/ext/book_lab.py`). A test
holds both texts against what this tool makes.
"""

import html
import json
from collections import Counter
from pathlib import Path

import torch

from curriculum import files
from curriculum.data.corpus import Corpus, Program
from curriculum.data.tokenizer import CharTokenizer
from curriculum.difficulty import CDM
from curriculum.evaluation.generate import generate
from curriculum.experiments import records
from curriculum.ordering import schedules
from curriculum.plots import LEVELS

BOOK = Path(__file__).resolve().parent.parent
STUDY = BOOK / "results" / "study"
MODELS = {
    "baseline_s0": "shuffled",
    "hybrid_s0": "hybrid",
    "sequential_s0": "sequential",
}
EXAMPLES, LONGEST = 6, 110  # programs a level; characters, so that a phone shows them
PRESETS = ("baseline", "sequential", "incremental", "hybrid")
PAGE = BOOK / "lab.md"
SCRIPT = BOOK / "assets" / "lab" / "examples.js"
REFERENCE = BOOK / "assets" / "lab" / "cdm.js"
MARKS = ("<!-- lab: written by book/tools/lab.py -->", "<!-- /lab -->")


def examples() -> dict[str, list[Program]]:
    """The first test programs of each level that are short and print something."""
    corpus = Corpus.load(STUDY / "test-programs")
    found: dict[str, list[Program]] = {
        level: [] for level in sorted(set(corpus.levels))
    }
    for program in (corpus[i] for i in range(len(corpus))):
        chosen = found[program.level]
        if program.output and len(program.code) <= LONGEST and len(chosen) < EXAMPLES:
            chosen.append(program)
    return found


def answer(model, tokenizer: CharTokenizer, program: Program) -> str:
    """What `model` writes after the program, until its first blank line."""
    prompt = torch.from_numpy(tokenizer.encode(program.prompt))
    stop = tuple(tokenizer.encode("\n\n").tolist())
    most = len(program.text) - len(program.prompt) + 16
    return tokenizer.decode(generate(model, [prompt], most, stop)[0].tolist())


def script(found: dict[str, list[Program]]) -> str:
    """The text of examples.js."""
    levels = {
        level: [[p.code, p.output] for p in programs]
        for level, programs in found.items()
    }
    parts = {
        "curriculumExamples": {"models": MODELS, "levels": levels},
        "curriculumSchedules": {
            "presets": {n: schedules.NAMED[n]().to_dict()["stages"] for n in PRESETS},
            "ends": schedules.ENDS,
            "scales": {name: scale(name) for name in ("quick", "study")},
            "colours": {label: look[0] for label, look in LEVELS.items()},
        },
    }
    head = "// What the laboratory is given; written by book/tools/lab.py.\n"
    return head + "".join(
        f"window.{name} = {json.dumps(part, indent=1, ensure_ascii=False)};\n"
        for name, part in parts.items()
    )


def scale(study: str) -> dict:
    """How long a run of a study is, and how many programs each label has, of what length.

    The sequential run shows one label a stage, so its record knows each label's length.
    """
    plan = records.read_record(STUDY.parent / study / "sequential_s0.json")["plan"]
    spec, found = plan["spec"], plan["preflight"]
    counts, characters = {}, {}
    for stage in found["stages"]:
        (label,) = (name for name, n in stage["labels"].items() if n)
        counts[label] = stage["pool"]
        characters[label] = stage["tokens"] / (stage["steps"] * spec["batch"])
    return {
        "steps": spec["steps"],
        "batch": spec["batch"],
        "counts": counts,
        "characters": characters,
        "flops": found["flops"] / found["tokens"],
    }


def reference() -> str:
    """The text of cdm.js: a CDM fitted to the study's test programs.

    Surprisals are written as Python computes them, so that a page has the same numbers.
    """
    corpus = Corpus.load(STUDY / "test-programs")
    cdm = CDM.fit(corpus[i].code for i in range(len(corpus)))
    familiarity, views = cdm.familiarity, cdm.reference
    assert familiarity is not None and views is not None
    part = {
        "programs": len(corpus),
        "views": {name: sorted(Counter(x).items()) for name, x in views.items()},
        "bits": {f"{a} > {b}": familiarity.bits(a, b) for a, b in familiarity.pairs},
        "unseen": {a: familiarity.bits(a, "") for a in familiarity.parents},
        "unknown": familiarity.bits("", ""),
    }
    head = (
        "// What the CDM of a program is compared with; written by book/tools/lab.py.\n"
    )
    return f"{head}window.curriculumCDM = {json.dumps(part)};\n"


def table(found: dict[str, list[Program]]) -> str:
    """The table of the page: the first example of each level, and the answers to it."""
    models, right = {}, []
    for name in MODELS:
        model, about = records.load_model(STUDY / f"{name}.safetensors")
        models[name] = (model.eval(), CharTokenizer(about["alphabet"]))
        exact = records.read_record(STUDY / f"{name}.json")["results"]["exact"]
        right.append(exact["execution"])
    rows = []
    for level, programs in found.items():
        program = programs[0]
        truth = program.text[len(program.prompt) :]
        cells = [f"<td>{level}</td>", _cell(program.code), _cell(program.output)]
        for model, tokenizer in models.values():
            written = answer(model, tokenizer, program)
            verdict = "right" if written == truth else "wrong"
            said = "\n".join(x.removeprefix("# ") for x in written.strip().split("\n"))
            cells.append(_cell(said, verdict))
        rows.append("<tr>" + "".join(cells) + "</tr>")
    shares = "".join(f"<td>{x['accuracy']:.1%} right</td>" for x in right)
    asked = f"all {right[0]['total']:,} test programs that print something"
    rows.append(f'<tr><td colspan="3">{asked}</td>{shares.replace("%", " %")}</tr>')
    names = ("level", "program", "prints", *MODELS.values())
    head = "".join(f"<th>{name}</th>" for name in names)
    return "\n".join(
        [
            '<div class="table-scroll lab-paper" tabindex="0" role="region"'
            ' aria-label="Answers of three models"><table class="book-table">',
            f"<caption>What three models answer to {len(found)} test programs. Seed 0 of the"
            " study; the likeliest character each time, until the first blank"
            " line.</caption>",
            f"<thead><tr>{head}</tr></thead>",
            "<tbody>",
            *rows,
            "</tbody></table></div>",
        ]
    )


def _cell(text: str, verdict: str = "") -> str:
    """A cell of code; line breaks are elements, so that the page stays one block."""
    code = html.escape(text).replace("\t", "&#9;").replace("\n", "&#10;")
    note = f" <small>{verdict}</small>" if verdict else ""
    return f"<td><code>{code}</code>{note}</td>"


def texts() -> dict[Path, str]:
    """Every file that is made here, and its text."""
    found = examples()
    before, _, rest = PAGE.read_text(encoding="utf-8").partition(MARKS[0])
    after = rest.partition(MARKS[1])[2]
    page = f"{before}{MARKS[0]}\n{table(found)}\n{MARKS[1]}{after}"
    return {SCRIPT: script(found), REFERENCE: reference(), PAGE: page}


if __name__ == "__main__":
    for path, text in texts().items():
        print(files.write_text(path, text))
