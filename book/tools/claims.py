"""Numbers in the text of the chapters: each stands in an output, or says where it is from.

    python book/tools/claims.py            # what is not accounted for, and how sharp this is

- A number in the prose counts as shown if an output or a cell of its section, of the one
  before or of the chapter's opening holds it, rounded to as many digits; as a percentage
  too. The takeaways may use the whole chapter.
- All others stand in `claims.json`, as a piece of the sentence and where its first number
  comes from: an expression over the records, which a test computes, or "given: " and a
  reason, for what others published and for invented examples.
- Not looked at: whole numbers below 100 without a per cent sign (counts, steps of an
  argument), years, names of grammar levels, links, formulas, code.
- This finds numbers that no run produced. A number that happens to stand nearby for
  another reason is taken for shown: `sharpness` says how often.
"""

import dataclasses
import functools
import json
import re
import sys
from pathlib import Path

import nbformat
import numpy as np

from curriculum import files
from curriculum.evaluation import stats
from curriculum.experiments import records
from curriculum.experiments.spec import RESULTS, SCALES
from curriculum.model import config, parameter_count

BOOK = Path(__file__).resolve().parents[1]
LIST = Path(__file__).with_name("claims.json")
EVERYWHERE, GIVEN = "everywhere", "given: "
NUMBER = re.compile(r"(?<![\w./−-])[−+-]?\d+(?:,\d{3})*(?:\.\d+)?(?:\s?%)?(?!\w)")
PLAIN = re.compile(r"\d+(?:,\d{3})*(?:\.\d+)?")
WHOLE_CHAPTER = ("Key takeaways", "Further reading")
LEVELS = {"1.1", "1.2", "2.1", "2.2", "3.1", "3.2", "4.1"}
NOT_PROSE = (
    (r"```.*?```", re.DOTALL), (r"`[^`]*`", 0), (r"\$\$.*?\$\$", re.DOTALL),
    (r"\$[^$\n]*\$", 0), (r"^(#+ .*|:::.*|\*\*Time.*)$", re.MULTILINE),
)  # fmt: skip


@dataclasses.dataclass(frozen=True)
class Claim:
    """A number in the prose: its value, digits after the point, and the words around it."""

    value: float
    digits: int
    around: str

    def is_(self, other: float) -> bool:
        """Whether `other`, or `other` as a percentage, rounds to this number."""
        slack = 0.5001 * 10**-self.digits
        return any(abs(abs(x) - self.value) <= slack for x in (other, 100 * other))


def prose(source: str) -> str:
    """Markdown without code, formulas, headings and the targets of links."""
    for pattern, flags in NOT_PROSE:
        source = re.sub(pattern, " ", source, flags=flags)
    source = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", source)
    source = re.sub(r"Chapters?\s[\d, to]+(and\s\d+)?", "", source)
    return " ".join(source.split())


def claims(text: str) -> list[Claim]:
    """The numbers of a piece of prose that are looked at."""
    found = []
    for match in NUMBER.finditer(text):
        plain = PLAIN.search(match[0])[0]
        value, percent = float(plain.replace(",", "")), "%" in match[0]
        whole = "." not in plain
        year = 1900 < value < 2030 and "," not in plain
        if plain in LEVELS or (whole and not percent and (value < 100 or year)):
            continue
        digits = 0 if whole else len(plain.split(".")[1])
        around = text[max(0, match.start() - 50) : match.end() + 30]
        found.append(Claim(value, digits, around))
    return found


def shown(cell) -> set[float]:
    """All numbers in a code cell and in what it prints."""
    texts = [cell.source] if cell.cell_type == "code" else []
    for output in cell.get("outputs", []):
        texts.append(output.get("text") or output.get("data", {}).get("text/plain", ""))
    plain = (m[0].replace(",", "") for m in PLAIN.finditer("\n".join(texts)))
    return {float(x) for x in plain}


def sections(nb) -> list[tuple[str, str, set[float]]]:
    """(title, prose, numbers that its sentences may use) of each section of a chapter."""
    parts: list[list] = [["", [], set()]]
    for cell in nb.cells:
        if cell.get("id") in ("install", "badge"):
            continue
        if cell.cell_type == "markdown":
            if title := re.search(r"^## (.*)$", cell.source, re.MULTILINE):
                parts.append([title[1], [], set()])
            parts[-1][1].append(cell.source)
        parts[-1][2].update(shown(cell))
    every = set().union(*(numbers for *_, numbers in parts))
    found = []
    for i, (title, sources, numbers) in enumerate(parts):
        near = numbers | parts[max(0, i - 1)][2] | parts[0][2]
        whole = i == 0 or title.startswith(WHOLE_CHAPTER)
        found.append((title, prose("\n\n".join(sources)), every if whole else near))
    return found


def declared(name: str) -> dict[str, str]:
    """{piece of a sentence: where its number is from} for a chapter."""
    known = json.loads(LIST.read_text(encoding="utf-8"))
    return {**known[EVERYWHERE], **known.get(name, {})}


def missing(name: str, nb) -> list[str]:
    """Numbers of a chapter that are neither shown nor declared, with the words around."""
    known, found, said = declared(name), [], set()
    for _, text, near in sections(nb):
        places = [(text.find(piece), piece) for piece in known if text.find(piece) >= 0]
        pieces = {claims(piece)[0].value for _, piece in places if claims(piece)}
        for claim in claims(text):
            if claim.value not in pieces | said and not any(map(claim.is_, near)):
                found.append(f"{name}: …{claim.around}…")
            said.add(claim.value)  # said once, it may be repeated
    return found


def stale(name: str, nb) -> list[str]:
    """Declared pieces of a chapter that its text no longer has."""
    text = " ".join(part for _, part, _ in sections(nb))
    known = json.loads(LIST.read_text(encoding="utf-8")).get(name, {})
    return [f"{name}: {piece!r}" for piece in known if piece not in text]


@functools.cache
def study(name: str) -> list[dict]:
    """The records of a study, for expressions."""
    return records.records(name, RESULTS)


def of(name: str, arm: str) -> list[dict]:
    """The records of an arm of a study, for expressions."""
    return [r for r in study(name) if records.arm(r) == arm]


def tokens(name: str, arm: str, seed: int) -> int:
    """How many characters a run is trained on, for expressions."""
    (one,) = (r for r in of(name, arm) if r["spec"]["seed"] == seed)
    return one["plan"]["preflight"]["tokens"]


def leak() -> list[dict]:
    """The rows of the study of near-duplicates, for expressions."""
    return files.read_json(RESULTS / "leakage" / "by-size.json")["rows"]


def ladder() -> list[dict]:
    """What each change of the training loop bought, for expressions."""
    return files.read_json(RESULTS / "bench" / "steps.json")["ladder"]


def seconds(name: str) -> set[float]:
    """How long the runs of a study trained, for expressions; those at once as long."""
    return {r["cost"]["seconds"] for r in study(name)}


def params(size: str) -> int:
    """Parameters of a model with the alphabet of July programs, for expressions."""
    return parameter_count(config(size, 43))


def right(arm: str) -> np.ndarray:
    """Execution accuracy of each seed of an arm of the study, for expressions."""
    return np.array([records.accuracy(r) for r in of("study", arm)])


def rise(name: str, arm: str, label: str) -> float:
    """How far an arm's last loss on a label lies above that of the quick baseline."""

    def last(runs):
        return np.mean([r["curve"][-1]["valid"][label] for r in runs])

    return float(last(of(name, arm)) - last(of("quick", "baseline")))


def phone() -> dict:
    """What fewer bits cost; chapter 17."""
    return files.read_json(BOOK / "results" / "phone" / "phone.json")


def minus_lines() -> list[list[float]]:
    """Intervals of rank correlations with human labels minus that of lines."""
    rows = files.read_json(RESULTS / "owndata" / "human.json")["rows"]
    return [row["minus lines, interval"] for row in rows if row["minus lines"]]


def wrong(name: str) -> list[str]:
    """Declared numbers whose expression gives another one."""
    names = {
        "np": np, "stats": stats, "records": records, "SCALES": SCALES,
        "study": study, "of": of, "tokens": tokens, "leak": leak, "params": params,
        "ladder": ladder, "seconds": seconds,
        "right": right, "rise": rise, "config": config, "phone": phone,
        "minus_lines": minus_lines,
    }  # fmt: skip
    found = []
    known = json.loads(LIST.read_text(encoding="utf-8")).get(name, {})
    for piece, source in known.items():
        if source.startswith(GIVEN):
            continue
        value = float(eval(source, names))  # noqa: S307  the list is ours
        if not claims(piece) or not claims(piece)[0].is_(value):
            found.append(f"{name}: {piece!r} is {value:.6g} by {source}")
    return found


def sharpness(paths) -> tuple[int, int]:
    """(numbers taken for shown, those that would not be if their last digit were one more)."""
    taken = noticed = 0
    for path in paths:
        for _, text, near in sections(nbformat.read(path, as_version=4)):
            for claim in claims(text):
                if any(map(claim.is_, near)):
                    value = claim.value + 10**-claim.digits
                    other = dataclasses.replace(claim, value=value)
                    taken += 1
                    noticed += not any(map(other.is_, near))
    return taken, noticed


def chapters() -> list[Path]:
    return sorted(BOOK.glob("[0-9][0-9]-*.ipynb"))


def main() -> int:
    found = wrong(EVERYWHERE)
    for path in chapters():
        nb = nbformat.read(path, as_version=4)
        found += missing(path.name, nb) + stale(path.name, nb) + wrong(path.name)
    print(*found, sep="\n")
    taken, noticed = sharpness(chapters())
    print(
        f"{taken} numbers are shown; of {noticed} a change of the last digit would be noticed"
    )
    return bool(found)


if __name__ == "__main__":
    sys.exit(main())
