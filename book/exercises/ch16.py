"""Checks of the exercises in "Programs unlike the training programs"."""

import numpy as np

from curriculum.data import sandbox
from curriculum.data.corpus import Corpus, Program
from curriculum.data.near_duplicates import near_duplicate_key
from curriculum.evaluation import mistakes
from exercises import check, returned

CODE = "a = 2\na = 5\nb = 8\nfor c in range(1, 6, 2) :\n\tprint(a)"
ANSWERS = ("8 8 8", "2 2 2", "5 5", "7 7 7")


@check
def kinds(said: dict[str, str]):
    said = said or {}
    program = Program(CODE, "5\n5\n5", "3.1")
    faults = mistakes.answers([program])[0]
    for text in ANSWERS:
        if said.get(text) not in mistakes.CLASSES:
            return f"{text}: choose one of {', '.join(mistakes.CLASSES)}."
        lines = "".join(f"# {number}\n" for number in text.split()) + "\n"
        kind = mistakes.classify(program, lines, faults)
        if said[text] != kind:
            return f"{text}: {said[text]} does not fit, or something before it does."
    return "Right, all four."


@check
def keeps(function: callable, programs: Corpus):
    new = [returned(function(code), str) for code in programs.codes]
    got = sandbox.run(new)
    for i, (code, outcome) in enumerate(zip(new, got, strict=True)):
        old = programs[i]
        if not outcome.ok:
            return f"Program {i} fails now: {outcome.error}."
        if outcome.stdout.removesuffix("\n") != old.output:
            return f"Program {i} prints something else now."
        if near_duplicate_key(code, "renamed") == near_duplicate_key(
            old.code, "renamed"
        ):
            return f"Program {i} is the same, apart from names and spaces."
        length = len(Program(code, old.output, old.level).text)
        if length > programs.spec.max_chars:
            return f"Program {i} has {length} characters now, too many."
        try:
            programs.tokenizer.encode(code)
        except ValueError as error:
            return f"Program {i}: {str(error).split(' at ')[0]}."
    return f"Right: {len(new)} programs changed, and none prints otherwise."


@check
def moved(function: callable):
    rng = np.random.default_rng(0)
    for seeds in (2, 5):
        one, other = rng.random((2, seeds, 40)) < 0.5
        ids, originals = rng.permutation(40)[:20].reshape(2, 10)
        found = np.asarray(function(one, other, ids, originals), float)
        if found.shape != (seeds,):
            return (
                f"The shape is {found.shape}, wanted ({seeds},): one a seed."
            )
        change = [
            x[:, ids].mean(1) - x[:, originals].mean(1) for x in (one, other)
        ]
        if np.allclose(found, change[1] - change[0]):
            return "The sign is wrong: the first arm comes first."
        if np.allclose(found, one[:, ids].mean(1) - other[:, ids].mean(1)):
            return (
                "That is the difference in the suite; take the originals off."
            )
        if not np.allclose(found, change[0] - change[1]):
            return "Not the difference of the two changes."
    return "Right, for two seeds and for five."
