"""Instructions with known answers, made from TinyPy programs that were really executed.

- Three kinds. *predict*: what does this program print? *repair*: one line has a planted
  error, write the corrected line. *explain*: what does the program do, and why?
- Every answer is known: outputs come from the sandbox, the corrected line from the program,
  and what an explanation says (the branch taken, the turns made) from a traced copy that was
  executed as well.
- A planted error is kept only if the program with it does not run.
- One program gives one item of a kind, so a corpus split by renamed twins splits the items.
- `encode` marks where the answer begins: the loss, the score and two of the three published
  orders look at the answer's tokens alone.

The instruction format is a plain text of our own. Explained in chapter 19.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from random import Random
from typing import NamedTuple

from ..checks import one_of
from ..data import sandbox
from ..data.corpus import Corpus
from .pretrained import START

KINDS = ("predict", "repair", "explain")
ASKED = {
    "predict": "What does this program print?",
    "repair": "One line has an error. Write it correctly.",
    "explain": "What does this program do?",
}
BETWEEN = "\nAnswer:\n"  # question and answer


@dataclass(frozen=True)
class Item:
    """One instruction: a question, the right answer, and where they come from."""

    id: int
    question: str
    answer: str
    kind: str = "own"
    level: str = ""  # of the program
    program: int = -1  # its number in the corpus


class Row(NamedTuple):
    """An item as tokens; those from `answer_start` on are the answer and the end mark."""

    tokens: list[int]
    answer_start: int


def encode(tokenizer, item: Item) -> Row:
    """The tokens of an item: start mark, question, answer, end mark.

    Question and answer are made into tokens apart, so the border is the same in training,
    where the answer is known, and in a test, where it is not.
    Raises: ValueError: a question or an answer without tokens.
    """
    question, answer = (
        tokenizer(text, add_special_tokens=False)["input_ids"]
        for text in (item.question + BETWEEN, item.answer)
    )
    if not item.question.strip() or not answer:
        raise ValueError(
            f"item {item.id} has an empty question or answer; leave it out"
        )
    question = [start_token(tokenizer), *question]
    return Row([*question, *answer, tokenizer.eos_token_id], len(question))


def start_token(tokenizer) -> int:
    """What stands before every text: SmolLM2's mark, else the tokenizer's own."""
    marked = tokenizer.convert_tokens_to_ids(START)  # or that of unknown words
    if marked is not None and tokenizer.convert_ids_to_tokens(marked) != START:
        marked = None
    for token in (marked, tokenizer.bos_token_id, tokenizer.eos_token_id):
        if token is not None:
            return token
    raise ValueError("the tokenizer has neither a start nor an end token; set one")


def read_items(path) -> list[Item]:
    """Items from a JSONL file: one {"question": …, "answer": …} a line.

    Raises: ValueError: names the line that is not so.
    """
    found = []
    try:
        lines = Path(path).read_text(encoding="utf-8").splitlines()
    except OSError as error:
        raise ValueError(f"{path} cannot be read: {error.strerror}") from None
    for number, line in enumerate(lines):
        try:
            given = json.loads(line)
            question, answer = given["question"], given["answer"]
        except (ValueError, LookupError, TypeError):
            question = answer = None
        if not (isinstance(question, str) and isinstance(answer, str)):
            raise ValueError(
                f"{path}, line {number + 1}: {line[:60]!r} is no"
                ' {"question": "text", "answer": "text"}'
            )
        found.append(Item(number, question, answer))
    if not found:
        raise ValueError(f"{path} holds no items")
    return found


def as_json(items: Sequence[Item]) -> list[dict]:
    """Items as plain values, as the identity of a run counts them."""
    return [asdict(item) for item in items]


# --- items from programs ---


def make_items(
    corpus: Corpus, programs, kinds: Sequence[str] = KINDS, seed: int = 0
) -> list[Item]:
    """One item of each program that can give one; kinds take turns.

    Args:
        programs: numbers in the corpus, of one side of its split. Those that print nothing
            are left out.
        kinds: of `KINDS`.
        seed: names the planted errors.
    Returns: items in the order of `programs`; an id is three times the program's number,
        plus the number of its kind.
    """
    for kind in kinds:
        one_of("kind", kind, KINDS)
    loud = [int(i) for i in programs if corpus.outputs[int(i)]]
    wanted = [(i, kinds[n % len(kinds)]) for n, i in enumerate(loud)]
    answers = {
        "predict": {i: ("", corpus.outputs[i]) for i, k in wanted if k == "predict"},
        "repair": _repairs(corpus, [i for i, k in wanted if k == "repair"], seed),
        "explain": _explained(corpus, [i for i, k in wanted if k == "explain"]),
    }
    return [
        Item(
            3 * i + KINDS.index(kind),
            f"{ASKED[kind]}\n{answers[kind][i][0] or corpus.codes[i]}",
            answers[kind][i][1],
            kind,
            str(corpus.levels[i]),
            i,
        )
        for i, kind in wanted
        if i in answers[kind]
    ]


# Each takes a line and gives it with one error, or as it was.
ERRORS = (
    lambda line: re.sub(r" :$", "", line),  # the colon of a block
    lambda line: re.sub(r"\)$", "", line),  # the last bracket
    lambda line: line.replace("print", "prnit"),
    lambda line: line.replace("range", "rnage"),
    lambda line: re.sub(r"^(\w) = ", r"\1 == ", line),  # compared, not set
    lambda line: re.sub(r"(?<=\w) ([-+*/]) (?=\w)", r" \1\1\1 ", line, count=1),
)


def _repairs(corpus, programs, seed) -> dict[int, tuple[str, str]]:
    """{program: (its code with one error, the line as it should be)}."""
    drawn = []  # (program, code with an error, right line)
    for i in programs:
        rng, lines = (
            Random(f"repair/{seed}/{corpus.codes[i]}"),
            corpus.codes[i].split("\n"),
        )
        choices = [
            (n, wrong(line))
            for n, line in enumerate(lines)
            for wrong in ERRORS
            if wrong(line) != line
        ]
        for n, bad in sorted(choices, key=lambda _: rng.random())[:3]:
            code = "\n".join([*lines[:n], bad, *lines[n + 1 :]])
            drawn.append((i, code, lines[n].strip()))
    found: dict[int, tuple[str, str]] = {}
    outcomes = sandbox.run([code for _, code, _ in drawn])
    for (i, code, line), outcome in zip(drawn, outcomes, strict=True):
        if not outcome.ok:  # else it is no error
            found.setdefault(i, (code, line))
    return found


def _explained(corpus, programs) -> dict[int, tuple[str, str]]:
    """{program: ("", a true sentence or two about what it does)}."""
    traced = [_traced(corpus.codes[i]) for i in programs]
    outcomes = sandbox.run([code for code, _ in traced])
    return {
        i: ("", _sentence(corpus.codes[i], corpus.outputs[i], kind, o.stdout.split()))
        for i, (_, kind), o in zip(programs, traced, outcomes, strict=True)
        if o.ok
    }


def _traced(code: str) -> tuple[str, str]:
    """(code whose blocks print what happens in place of their own, kind of block)."""
    lines = code.split("\n")
    heads = [n for n, line in enumerate(lines) if line.endswith(":")]
    if not heads:
        return code, ""
    kind = lines[heads[0]].split()[0]
    for k, n in enumerate(heads):
        lines[n + 1] = f"\tprint({_counter(lines[n]) if kind != 'if' else k})"
    return "\n".join(lines), kind


def _counter(head: str) -> str:
    """The variable that a loop counts with."""
    found = re.search(r"(?:for|while) (\w)", head)
    assert found, "a loop of TinyPy counts with a variable"
    return found[1]


def _sentence(code: str, output: str, kind: str, seen: list[str]) -> str:
    """What the program does: `seen` is what its traced copy printed."""
    shown = re.findall(r"print\((.*)\)", code)
    printed = output.replace("\n", ", ")
    if kind == "":
        name, given = shown[-1], ""
        if sets := re.findall(rf"^{re.escape(name)} = (.*)$", code, re.MULTILINE):
            given = f"{name} is set to {sets[-1]}. "
        return f"{given}The program prints {name}, which is {printed}."
    if kind == "if":
        branches = re.findall(r"^(if|elif|else)", code, re.MULTILINE)
        taken = int(seen[0])
        why = (
            "No condition holds, so the else branch is taken."
            if branches[taken] == "else"
            else f"The condition of {branches[taken]} holds."
        )
        return f"{why} The program prints {shown[taken]}, which is {printed}."
    turns = f"{len(seen)} turn" + "s" * (len(seen) != 1)
    return (
        f"The {kind} loop makes {turns}, with {_counter(_head(code))} = {', '.join(seen)}."
        f" Each prints {shown[0]}: {printed}."
    )


def _head(code: str) -> str:
    return next(line for line in code.split("\n") if line.endswith(":"))
