"""Programs unlike the training programs: eight suites, made from test programs.

- Every program of a suite stands beside its *original*, the test program it was made from
  by one change. So a suite is compared with programs as hard as its own.
- Four suites leave the grammar: `longer` (more first values than it writes), `unseen names`,
  `larger numbers`, `nested` (a block inside a block). In three a program could be one of the
  grammar's: `five variables`, `renamed`, `equivalent`. `usual` changes nothing.
- No program is equal to a training program, or to one with its variables renamed. All were
  run in the sandbox, print something and fit into the context.
- Pure in programs, seed and size: the changes draw their numbers from the code itself.

Explained in chapter 16.
"""

import operator
import re
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import NamedTuple

import numpy as np

from .. import files
from . import sandbox, tinypy
from .corpus import Corpus, fits
from .near_duplicates import near_duplicate_key
from .tokenizer import CharTokenizer

LONGER = 8  # first values put before a program; the grammar writes six at most
RELATIONS: dict[
    str, tuple[str, Callable]
] = {  # sign → the sign turned round, its meaning
    "<": (">", operator.lt),
    ">": ("<", operator.gt),
    "<=": (">=", operator.le),
    ">=": ("<=", operator.ge),
    "==": ("==", operator.eq),
    "!=": ("!=", operator.ne),
}
_NAME = re.compile(r"\b[a-z]\b")  # TinyPy's variables are single letters, its words not
_FIRST = re.compile(r"([a-z]) = (\d+)\n")
_SUM = re.compile(r"\b(\w+) ([+*]) (\w+)\b")
_COMPARISON = re.compile(r"\b(\w+) (<=|>=|==|!=|<|>) (\w+)\b")
_NUMBER = re.compile(r"range\([^)]*\)|\b\d\b")


class Change(NamedTuple):
    """A changed program, and which kind of change it was."""

    code: str
    kind: str = ""


def names(code: str) -> list[str]:
    """The variables of a program, as they first appear."""
    return list(dict.fromkeys(_NAME.findall(code)))


def first_values(code: str) -> list[tuple[str, str]]:
    """(name, number) of the lines of first values at the top."""
    found, at = [], 0
    while match := _FIRST.match(code, at):
        found.append((match[1], match[2]))
        at = match.end()
    return found


# --- the changes: (code, random numbers) → one or several kinds, or none ---


def usual(code: str, rng: Random, letters: str) -> list[Change]:
    """The test program as it is."""
    return [Change(code)]


def longer(code: str, rng: Random, letters: str) -> list[Change]:
    """Eight more first values in front; the program gives its variables theirs anew."""
    lines = (f"{_choose(rng, letters)} = {_digit(rng)}\n" for _ in range(LONGER))
    return [Change("".join(lines) + code)]


def five_variables(code: str, rng: Random, letters: str) -> list[Change]:
    """Each of the five letters has a first value; the rest of the program is as it was."""
    lines = [f"{name} = {number}\n" for name, number in first_values(code)]
    rest = code[sum(map(len, lines)) :]
    missing = [x for x in letters if x not in dict(first_values(code))]
    for name in missing:
        lines.insert(int(rng.random() * (len(lines) + 1)), f"{name} = {_digit(rng)}\n")
    return [Change("".join(lines) + rest)] if missing else []


def unseen_names(code: str, rng: Random, letters: str) -> list[Change]:
    """Letters for names that the training programs have in words alone, as in "print"."""
    known = [x for x in CharTokenizer.tinypy().alphabet if x.isalpha()]
    other = _shuffled(rng, [x for x in known if x not in letters])
    return [Change(rename(code, dict(zip(names(code), other, strict=False))))]


def larger_numbers(code: str, rng: Random, letters: str) -> list[Change]:
    """Two digits for one in every number, except in the bounds of a loop."""

    def two_digits(match):
        if match[0].startswith("range"):
            return match[0]
        return str(10 + int(rng.random() * 90))

    return [Change(_NUMBER.sub(two_digits, code))]


def nested(code: str, rng: Random, letters: str) -> list[Change]:
    """The block stands inside another: an if that holds, or a for of two turns."""
    match = re.search(r"^(if|for) ", code, re.MULTILINE)
    if not match:
        return []
    head, block = code[: match.start()], code[match.start() :]
    values = {name: int(number) for name, number in first_values(code)}
    name, number = _choose(rng, list(values)), int(_digit(rng))
    signs = [s for s, (_, holds) in RELATIONS.items() if holds(values[name], number)]
    start = int(rng.random() * 8)
    counter = _choose(rng, [x for x in letters if x not in names(code)] or letters)
    outer = {
        "if": f"if  {name} {_choose(rng, signs)} {number} :\n",
        "for": f"for {counter} in range({start}, {start + 2}) :\n",
    }
    inside = "\n".join("\t" + line for line in block.split("\n"))
    return [
        Change(head + top + inside, f"{match[1]} in {o}") for o, top in outer.items()
    ]


def renamed(code: str, rng: Random, letters: str) -> list[Change]:
    """Every variable gets another one of the five letters, different ones different."""
    used = names(code)
    while True:
        other = _shuffled(rng, list(letters))
        if all(a != b for a, b in zip(used, other, strict=False)):
            return [Change(rename(code, dict(zip(used, other, strict=False))))]


def equivalent(code: str, rng: Random, letters: str) -> list[Change]:
    """One edit that changes no output, of up to four kinds."""
    found = []
    if free := [x for x in letters if x not in names(code)]:
        line = f"{_choose(rng, free)} = {_digit(rng)}\n"
        found.append(Change(line + code, "unused line"))
    for pattern, kind in ((_SUM, "swapped operands"), (_COMPARISON, "turned relation")):
        places = [m for m in pattern.finditer(code) if m[1] != m[3]]
        if places:
            m = _choose(rng, places)
            sign = RELATIONS[m[2]][0] if m[2] in RELATIONS else m[2]
            new = f"{m[3]} {sign} {m[1]}"
            found.append(Change(code[: m.start()] + new + code[m.end() :], kind))
    lines = [f"{name} = {number}\n" for name, number in first_values(code)]
    places = [i for i in range(1, len(lines)) if lines[i - 1][0] != lines[i][0]]
    if places:
        i, rest = _choose(rng, places), code[sum(map(len, lines)) :]
        lines[i - 1 : i + 1] = lines[i], lines[i - 1]
        found.append(Change("".join(lines) + rest, "exchanged lines"))
    return found


def rename(code: str, new: dict[str, str]) -> str:
    """The program with its variables renamed, all at once."""
    return _NAME.sub(lambda match: new.get(match[0], match[0]), code)


CHANGES: dict[str, Callable[[str, Random, str], list[Change]]] = {
    f.__name__.replace("_", " "): f
    for f in (
        usual, longer, five_variables, unseen_names, larger_numbers, nested, renamed,
        equivalent,
    )
}  # fmt: skip
SAME_OUTPUT = ("longer", "five variables", "unseen names", "renamed", "equivalent")


# --- suites ---


class Suite(NamedTuple):
    """Programs of a suite, beside what they were made from."""

    ids: np.ndarray  # (size,) in the corpus of the suites
    originals: np.ndarray  # (size,) test programs, in the same corpus
    kinds: list[str]  # size, "" where a suite has one kind of change


@dataclass(frozen=True, eq=False)
class Suites:
    """Test programs, then the programs of the suites; `tests` is the number of the former."""

    corpus: Corpus
    tests: int
    suites: dict[str, Suite]

    def save(self, folder) -> Path:
        """Write programs.parquet and suites.json."""
        kept = {
            name: {"ids": s.ids.tolist(), "originals": s.originals.tolist()}
            | ({"kinds": s.kinds} if any(s.kinds) else {})
            for name, s in self.suites.items()
        }
        self.corpus.save(folder)
        note = {
            "what": "which programs of programs.parquet form each suite, and from which",
            "programs": self.corpus.hash,
            "tests": self.tests,
            "suites": kept,
            "provenance": files.provenance(),
        }
        return files.write_json(Path(folder) / "members.json", note)

    @classmethod
    def load(cls, folder) -> "Suites":
        """Read what `save` wrote.

        Raises: ValueError: a file is missing or damaged, or they do not belong together.
        """
        corpus = Corpus.load(folder)
        note = files.read_json(Path(folder) / "members.json", sealed=True)
        if note["programs"] != corpus.hash:
            raise ValueError(
                f"{folder}: members.json belongs to other programs than programs.parquet;"
                " restore both, or build the suites again"
            )
        return cls(
            corpus,
            note["tests"],
            {
                name: Suite(
                    np.array(s["ids"]),
                    np.array(s["originals"]),
                    s.get("kinds", [""] * len(s["ids"])),
                )
                for name, s in note["suites"].items()
            },
        )


def training_keys(codes: Iterable[str]) -> set[str]:
    """What no suite may contain: the keys of training programs, variables renamed."""
    return {near_duplicate_key(code, "renamed") for code in codes}


def build(programs: Corpus, seen: set[str], size: int = 300, seed: int = 0) -> Suites:
    """Make the suites.

    Args:
        programs: test programs; those that print something become originals, in an order
            by hash that is the same for all suites.
        seen: see `training_keys`.
        size: programs of each suite.
    Raises: ValueError: too few test programs for a suite of this size.
    """
    letters = "".join(tinypy.VARIANTS[programs.spec.variant].letters)
    order = files.hash_order(len(programs), "suites", seed)
    order = [i for i in order.tolist() if programs.outputs[i]]
    codes, outputs = list(programs.codes), list(programs.outputs)
    levels, places = programs.levels.tolist(), {c: i for i, c in enumerate(codes)}
    suites: dict[str, Suite] = {}
    for name, change in CHANGES.items():
        drawn = [
            change(
                programs.codes[i], Random(f"{seed}/{name}/{programs.codes[i]}"), letters
            )
            for i in order
        ]
        every = list(dict.fromkeys(c.code for changes in drawn for c in changes))
        outcomes = dict(zip(every, sandbox.run(every), strict=True))
        ids, originals, counts, kinds = [], [], Counter[str](), []
        for i, changes in zip(order, drawn, strict=True):
            good = [
                c
                for c in changes
                if fits(programs.spec, c.code, outcomes[c.code])
                and near_duplicate_key(c.code, "renamed") not in seen
                and (name != "larger numbers" or _moved(programs, i, outcomes[c.code]))
            ]
            if good and len(ids) < size:
                code, kind = min(
                    good, key=lambda c: counts[c.kind]
                )  # the rarest so far
                counts[kind] += 1
                if code not in places:
                    places[code] = len(codes)
                    codes.append(code)
                    outputs.append(outcomes[code].stdout.removesuffix("\n"))
                    levels.append(str(programs.levels[i]))
                ids.append(places[code])
                originals.append(i)
                kinds.append(kind)
        if len(ids) < size:
            raise ValueError(
                f"size is {size}, but {len(order)} test programs give only {len(ids)}"
                f" programs for {name!r}; hand over more test programs, or ask for fewer"
            )
        suites[name] = Suite(np.array(ids), np.array(originals), kinds)
    corpus = Corpus(programs.spec, codes, outputs, np.array(levels, dtype="<U3"))
    return Suites(corpus, len(programs), suites)


def _moved(programs, i, outcome):
    """Whether larger numbers changed what is printed; else the suite would ask nothing."""
    return outcome.stdout.removesuffix("\n") != programs.outputs[i]


def _choose(rng, options):
    return options[int(rng.random() * len(options))]


def _digit(rng):
    return str(int(rng.random() * 10))


def _shuffled(rng, items):
    """Items in an order drawn by lot, from `rng.random()` alone."""
    return [x for _, x in sorted((rng.random(), x) for x in items)]
