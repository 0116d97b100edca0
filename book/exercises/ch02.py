"""Checks of the exercises in "Programs as data"."""

import math
import re
from random import Random

from curriculum.data import sandbox
from curriculum.data.near_duplicates import near_duplicate_key
from exercises import check, returned

WHY = {
    "A": (False, "equal text is only the narrowest kind"),
    "B": (False, "look at the committed curves: which way do they go?"),
    "C": (False, "what does the parrot score?"),
    "D": (
        True,
        "compare the two levels in the table of leaks by level",
    ),
    "E": (False, "most of its test programs have their skeleton in training"),
}


@check
def verdict(verdict: dict[str, bool]):
    for statement, (right, ask) in WHY.items():
        if verdict.get(statement) is None:
            return f"{statement} is still open."
        if verdict[statement] is not right:
            return f"{statement}: think again; {ask}."
    return "Right, all five."


@check
def nats(value: float):
    if value is None:
        return "Enter a number for my_nats."
    right = 1.5 * math.log(2)
    if abs(value - right) < 0.006:
        return "Right."
    if abs(value - 4 * right) < 0.02:
        return "That is the sum over four letters; divide by four."
    if abs(value - 1.5) < 0.006:
        return "That is in bits. Nats use the natural logarithm."
    if abs(value - math.log(3)) < 0.006:
        return "That is the model that knows the alphabet only."
    return f"{value} is not it. Write -ln p under each letter."


@check
def duplicate(rename: callable, codes: list):
    renamed = [returned(rename(code), str) for code in codes]
    for code, other, run in zip(
        codes, renamed, sandbox.run(renamed), strict=True
    ):
        key = near_duplicate_key(code, "renamed")
        if other == code:
            return f"The text is unchanged: {code!r}"
        if not run.ok:
            return f"{other!r} does not run: {run.error}"
        if near_duplicate_key(other, "renamed") != key:
            return f"{code!r} became {other!r}. Are two variables one now?"
        rest = [re.sub(r"\b[a-e]\b", "_", text) for text in (code, other)]
        if rest[0] != rest[1]:
            return f"{code!r} became {other!r}: more than names changed."
    return f"Right: all {len(codes)} programs are renamed correctly."


@check
def side(side: callable, codes: list):
    sides = [returned(side(code, 0), str) for code in codes]
    if set(sides) != {"train", "test"}:
        return f"Return 'train' or 'test'; got {sorted(set(sides))}."
    if [side(code, 0) for code in codes[::-1]] != sides[::-1]:
        return "In another order it answers otherwise: it remembers something."
    if "hash" in getattr(getattr(side, "__code__", None), "co_names", ()):
        return "hash() of a text differs in every process; use files.digest."
    homes = {}
    for code, place in zip(codes, sides, strict=True):
        key = near_duplicate_key(code, "renamed")
        if homes.setdefault(key, place) != place:
            return f"{code!r} has a near-duplicate on the other side."
    part = sides.count("test") / len(sides)
    if not 0.07 < part < 0.13:
        return f"{part:.0%} are in the test set; aim for a tenth."
    if [side(code, 1) for code in codes] == sides:
        return "The seed makes no difference."
    return f"Right: {part:.1%} in the test set, no near-duplicate crosses."


@check
def rules(rules: dict, grow: callable):
    rng = Random(5)
    codes = [returned(grow("<5.1>", rules, rng), str) for _ in range(200)]
    if left := [c for c in codes if re.search(r"<[^<>=\n]+>", c)]:
        return f"A symbol has no rule: {left[0]!r}"
    runs = sandbox.run(codes, max_output=41)
    for code, run in zip(codes, runs, strict=True):
        if not run.ok:
            return f"{code!r}: {run.error}"
        if "\n\tfor " not in code or "\n\t\t" not in code:
            return f"{code!r} has no loop inside a loop."
        names = re.findall(r"for (\w+) in", code)
        shown = set(re.findall(r"\w+", code.rpartition("print(")[2]))
        if not set(names) <= shown:
            return f"{code!r} prints nothing that depends on both loops."
        if len(run.stdout.rstrip("\n")) > 40:
            return f"{code!r} prints more than 40 characters."
    different, outputs = len(set(codes)), len({run.stdout for run in runs})
    if different < 150:
        return f"Only {different} of 200 are different: offer more choices."
    if outputs < 20:
        return f"Only {outputs} different outputs; offer more choices."
    return f"Right: {different} programs, {outputs} different outputs."
