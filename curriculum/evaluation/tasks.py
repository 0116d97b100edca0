"""The three tasks, as plainly as possible: one program, one character at a time.

- *Token completion*: every next character of a program, given the true ones before it.
- *Line completion*: every line after the first, given the true lines before it.
- *Execution*: the output, given the program.
- `released` repeats the paper's scripts, quirks included: one sampled answer, 20 or 30
  characters, numbers fished out by a regular expression, an empty output right when no
  digit is written. `exact` is greedy, must stop by itself and compares the whole text.
- These loops are the definition. For every character the model reads the whole text
  before it; `fast` gives the same answers, many times sooner.

Paper: Naïr et al. (2024) and its released evaluation scripts. Chapter 5 explains it.
"""

from __future__ import annotations

import difflib
import functools
import re

import numpy as np
import torch

from ..data.corpus import Corpus, Program
from .answers import Answers, Question, blank_answers
from .generate import sample_next_token


@torch.no_grad()
def next_character(model, tokenizer, text: str, u: float = -1.0) -> str:
    """The character that `model` finds likeliest after `text`, or the draw that `u` in
    [0, 1) decides; "" where the text exceeds the context."""
    if len(text) > model.config.block_size:
        return ""
    tokens = torch.from_numpy(tokenizer.encode(text).astype(np.int64))[None]  # (1, T)
    logits = model(tokens.to(model.head.weight.device))[0, -1]  # (V,)
    return tokenizer.decode([int(sample_next_token(logits, logits.new_tensor(u)))])


def following_of(model, corpus: Corpus, i: int, question: Question):
    """A function that gives the next character of a text, as the tasks below ask for it:
    `next_character`, with the number that decides the draw for program `i`."""

    def following(text: str) -> str:
        u = question.uniform(i, len(text), model.config.block_size)
        return next_character(model, corpus.tokenizer, text, float(u))

    return following


def write(following, text: str, most: int, stop: str | None = None) -> str:
    """Up to `most` characters after `text`; less if all of the text ends in `stop`.

    Args: following: gives the next character of a text, see `following_of`.
    """
    begin = len(text)
    for _ in range(most):
        text += following(text)
        if stop and text.endswith(stop):
            break
    return text[begin:]


def token_completion(program: Program, following) -> tuple[int, int]:
    """(right characters, characters asked for) of one program."""
    text = program.text[:-2]  # without the blank line that ends every text
    right = 0
    for t in range(1, len(text)):
        right += following(text[:t]) == text[t]
    return right, len(text) - 1


def line_completion(program: Program, following, protocol) -> tuple[int, int, float]:
    """(right lines, lines asked for, mean edit similarity 0–100) of one program.

    Released: as many characters as the true line has. Exact: until the model itself ends
    the line (cut 8 characters beyond the true length, where it is wrong already).
    """
    lines = program.text[:-2].split("\n")
    right, similarity = 0, 0
    for n in range(1, len(lines)):
        before, line = "\n".join(lines[:n]) + "\n", lines[n]
        if protocol == "released":
            written = write(following, before, len(line))
            right += written == line
        else:
            written = write(following, before, len(line) + 8, stop="\n")
            right += written == line + "\n"
            written = written.removesuffix("\n")
        similarity += edit_similarity(written, line)
    return right, len(lines) - 1, similarity / (len(lines) - 1)


def execution(program: Program, following, protocol) -> tuple[bool, str]:
    """(is the output right?, the output that was written) of one program.

    Released: 20 or 30 characters from the end of the line `# output`, up to the first
    blank line, beyond which the release does not look. Exact: until the model writes a
    blank line (cut 16 characters beyond the true output).
    """
    prompt, truth = program.prompt, program.text[len(program.prompt) :]
    if protocol == "released":
        most = 30 if "for" in program.code else 20
        written = write(following, prompt.removesuffix("\n"), most, stop="\n\n")
        return released_match(truth, written), written
    written = write(following, prompt, len(truth) + 16, stop="\n\n")
    return written == truth, written


def ask(model, corpus: Corpus, ids, questions) -> list[Answers]:
    """The answers of `model` to each of `questions` about the programs `ids` (n,).

    Args: model: (1, T) tokens to (1, T, V) logits.
    Raises: ValueError: weights that are not finite, no program, or one that exceeds the
        context.
    """
    found = blank_answers(model, corpus, ids, questions)
    for answers in found:
        task, protocol = answers.question.task, answers.question.protocol
        for n, i in enumerate(answers.ids.tolist()):
            program = corpus[i]
            following = following_of(model, corpus, i, answers.question)
            if task == "token":
                right, total = token_completion(program, following)
            elif task == "line":
                right, total, alike = line_completion(program, following, protocol)
                answers.similarity[n] = alike
            else:
                right, written = execution(program, following, protocol)
                total, answers.predicted[n] = 1, written
            answers.right[n], answers.total[n] = right, total
    return found


@functools.lru_cache(1 << 16)  # models make the same mistakes again and again
def edit_similarity(one: str, other: str) -> int:
    """0 to 100: twice the matching characters over all, as the release's fuzzy ratio."""
    if one == other:
        return 100
    return round(
        100 * difflib.SequenceMatcher(None, one, other, autojunk=False).ratio()
    )


NUMBERS = re.compile(
    r"\d+\.\d+|\d+|-\d+|-\d+\.\d+"
)  # as released: reads -5.3 as -5 and 3


def released_match(truth: str, predicted: str) -> bool:
    """Whether the paper's script counts `predicted` as right."""
    return released_numbers(truth) == released_numbers(predicted)


def released_numbers(text: str) -> list[float]:
    """The numbers the paper's script sees in an output."""
    return [float(n) for n in NUMBERS.findall(text.split("\n\n")[0].replace("\n", ""))]
