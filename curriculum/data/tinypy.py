"""TinyPy: a grammar that writes small Python programs, and a sampler that uses it.

- The grammar is data, read like BNF: a rule's alternatives are plain text with the
  `<names>` of other rules in it, and every alternative is equally likely.
- A context-free grammar cannot know which variables have a value. Twelve *context
  symbols* such as `<name>` do; `CONTEXT` says in a line what each of them means.
- Levels 1.1 to 4.1 add one construct at a time: arithmetic, brackets, conditions,
  chained conditions, for, for with arithmetic, while. One block a program, no nesting.
- All three published variants. "july" is the generator of July 2024 as the authors'
  framework has it: one-digit numbers, letters a-e. "july-az" is the same with letters
  a-z, as their generator's own repository has it. "august" (2024) draws a-z and 0-255
  and adds while loops.
- `sample` keeps no tree and is fast; `derive` takes the same decisions from the same
  random numbers and returns the tree.
- The distribution is that of the published generator, its accidents included; they are
  marked "published quirk".

Source: Yamani, Naïr & Baghdadi (2024), TinyPy Generator, arXiv 2403.06503, and its code
of July and August 2024. Explained in chapter 2.
"""

import functools
import re
from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import NamedTuple

LEVELS = ("1.1", "1.2", "2.1", "2.2", "3.1", "3.2", "4.1")

MEANING = {
    "1.1": "arithmetic",
    "1.2": "arithmetic in brackets",
    "2.1": "if, elif, else",
    "2.2": "chained conditions, with arithmetic",
    "3.1": "for loops",
    "3.2": "for loops, with arithmetic",
    "4.1": "while loops",
    "ALL": "any of the levels",
}


class Variant(NamedTuple):
    """A published version of the generator: its names, numbers and levels."""

    letters: tuple[str, ...]
    numbers: tuple[str, ...]
    levels: tuple[str, ...]


VARIANTS = {
    "july": Variant(tuple("abcde"), tuple("0123456789"), LEVELS[:-1]),
    "july-az": Variant(
        tuple("abcdefghijklmnopqrstuvwxyz"), tuple("0123456789"), LEVELS[:-1]
    ),
    "august": Variant(
        tuple("abcdefghijklmnopqrstuvwxyz"), tuple(map(str, range(256))), LEVELS
    ),
}

RULES: dict[str, list[str]] = {
    # A level: some first values, then what the level is about.
    "<1.1>": ["<1 to 3 values><body 1.1>"],
    "<1.2>": ["<1 to 4 values><body 1.2>"],
    "<2.1>": ["<1 to 3 values><body 2.1>"],
    "<2.2>": ["<1 to 6 values><body 2.2>"],
    "<3.1>": ["<1 to 3 values><body 3.1>"],
    "<3.2>": ["<1 to 5 values><body 3.2>"],
    "<4.1>": ["<1 to 3 values><body 4.1>"],
    "<body 1.1>": ["<result?><show>"],
    "<body 1.2>": ["<long result?><show>"],
    "<body 2.1>": [
        "if <condition> :\n\t<print>",
        "if <condition> :\n\t<print>\nelse :\n\t<print>",
        "if <condition> :\n\t<print>\nelif <condition> :\n\t<print>\nelse :\n\t<print>",
    ],
    "<body 2.2>": [
        "<long result?>if <chain> :\n\t<show>",
        "<long result?>if <chain> :\n\t<show>\nelse :\n\t<show>",
        "<long result?>if <chain> :\n\t<show>\nelif <chain> :\n\t<show>\n"
        "else :\n\t<show>",
    ],
    "<body 3.1>": ["<for>\n\t<print>"],
    "<body 3.2>": ["<long result?><for>\n\t<print>", "<long result?><for>\n\t<show>"],
    "<body 4.1>": [
        "while <counter> <less> <stop> :\n\t<print>\n\t<count> = <count> + <step>",
        "while <counter> <more> <floor> :\n\t<print>\n\t<count> = <count> - <step>",
    ],
    # First values. Each further one is half as likely.
    "<1 to 6 values>": ["<value>", "<1 to 5 values><value>"],
    "<1 to 5 values>": ["<value>", "<1 to 4 values><value>"],
    "<1 to 4 values>": ["<value>", "<1 to 3 values><value>"],
    "<1 to 3 values>": ["<value>", "<1 to 2 values><value>"],
    "<1 to 2 values>": ["<value>", "<value><value>"],
    "<value>": ["<new name> = <its number>\n"],
    # Arithmetic, and what is printed.
    "<result?>": ["<result> = <sum>\n", ""],
    "<long result?>": ["<result> = <product>\n", "<result> = <sum>\n", ""],
    "<product>": ["<product><arithmetic>(<sum>)", "(<sum>)"],  # quirk: no spaces here
    "<sum>": ["<term> <arithmetic> <term>"],
    "<term>": ["<name>", "<number>"],
    "<print>": ["print(<shown>)"],
    "<show>": ["<print>", "print(<expression>)"],
    "<expression>": ["<name> <arithmetic> <name>", "<name> <arithmetic> <number>"],
    # Conditions.
    "<condition>": ["<not?><comparison>", "<comparison>"],
    "<not?>": ["not ", " "],  # published quirk: no "not" leaves a space, "if  a < b :"
    "<comparison>": ["<name> <relation> <name>", "<name> <relation> <number>"],
    "<chain>": ["<chain> <logic> (<condition>)", "not (<condition>)", "(<condition>)"],
    # Loops.
    "<for>": [
        "for <name> in range(<start>, <stop>, <step>) :",
        "for <name> in range(<start>, <stop>) :",
    ],
    # Words.
    "<arithmetic>": ["+", "-", "*", "/"],
    "<relation>": ["<", ">", "<=", ">=", "!=", "=="],
    "<less>": ["<", "<="],
    "<more>": [">", ">="],
    "<logic>": ["and", "or"],
}

# (step, turns) of a loop. Published quirk: the bound lies at start + step * turns - 1.
# So (1, 2) makes one turn only, and a for that leaves out its step makes 1, 3 or 5.
LOOPS = ((1, 2), (2, 1), (2, 2), (2, 3), (3, 2))


class _Context:
    """What a program's beginning means for its rest. A method per context symbol."""

    __slots__ = "letters numbers names values last shows begin steps counts".split()

    def __init__(self, variant: Variant):
        self.letters, self.numbers = variant.letters, variant.numbers
        self.names: list[str] = []  # with a first value, in the order they got it
        self.values: dict[str, str] = {}  # the last of a name's first values
        self.shows: str | None = None  # name of the result, once there is one

    def new_name(self, random) -> str:
        """any variable; from now on it has a value"""
        self.last = _choose(random, self.letters)
        return self.last

    def its_number(self, random) -> str:
        """any number; the value of the `<new name>` before it"""
        value = _choose(random, self.numbers)
        if self.last not in self.values:
            self.names.append(self.last)
        self.values[self.last] = value
        return value

    def number(self, random) -> str:
        """any number"""
        return _choose(random, self.numbers)

    def name(self, random) -> str:
        """a variable that has a first value"""
        return _choose(random, self.names)

    def result(self, random) -> str:
        """any variable; from now on the one to print, but (quirk) not yet a `<name>`"""
        chosen: str = _choose(random, self.letters)
        self.shows = chosen
        return chosen

    def shown(self, random) -> str:
        """the `<result>` if there is one, else a variable that has a first value"""
        return self.shows or self.name(random)

    def start(self, random) -> str:
        """any number; where the loop begins"""
        number = self.number(random)
        self.begin = int(number)
        return number

    def counter(self, random) -> str:
        """a variable that has a first value; the loop begins at that value"""
        self.counts = self.name(random)
        self.begin = int(self.values[self.counts])
        return self.counts

    def count(self, random) -> str:
        """the `<counter>` again"""
        return self.counts

    def stop(self, random) -> str:
        """a bound above the start, for a step and a number of turns drawn from LOOPS"""
        self.steps, turns = _choose(random, LOOPS)
        return str(self.begin + self.steps * turns - 1)

    def floor(self, random) -> str:
        """a bound below the start, for a step and a number of turns drawn from LOOPS"""
        self.steps, turns = _choose(random, LOOPS)
        return str(self.begin - self.steps * turns + 1)

    def step(self, random) -> str:
        """the step that was drawn with the bound"""
        return str(self.steps)


_METHODS: dict[str, Callable] = {
    f"<{name.replace('_', ' ')}>": method
    for name, method in vars(_Context).items()
    if not name.startswith("_") and callable(method)
}
CONTEXT: dict[str, str] = {symbol: m.__doc__ or "" for symbol, m in _METHODS.items()}


class Sample(NamedTuple):
    """A program (tab-indented, without a final newline) and its level, never "ALL"."""

    code: str
    level: str


@dataclass(frozen=True)
class Tree:
    """A derivation: a rule's or context symbol's name, and what it became, in order."""

    symbol: str
    children: tuple["Tree | str", ...]

    @property
    def text(self) -> str:
        """The program: the leaves from left to right."""
        return "".join(c if isinstance(c, str) else c.text for c in self.children)

    def draw(self, depth: int = 99) -> str:
        """A drawing in text, one node a line; below `depth` only the text is shown."""
        return "\n".join([self.symbol, *self._branches(depth)])

    def _branches(self, depth: int):
        for i, child in enumerate(self.children):
            last = i == len(self.children) - 1
            head, indent = ("└─ ", "   ") if last else ("├─ ", "│  ")
            if isinstance(child, str):
                yield head + _visible(child)
            elif depth == 1 or all(isinstance(c, str) for c in child.children):
                yield f"{head}{child.symbol} {_visible(child.text)}"
            else:
                yield head + child.symbol
                yield from (indent + line for line in child._branches(depth - 1))


def grammar(variant: str = "july") -> dict[str, list[tuple[str, ...]]]:
    """The rules of a variant: symbol -> alternatives, each a tuple of symbols and text.

    A symbol looks like `<sum>` and is either a key of this dictionary or of `CONTEXT`.
    Start with a level, `<1.1>`, or with `<ALL>`.

    Raises: ValueError: an unknown variant.
    """
    rules = {symbol: list(map(_split, options)) for symbol, options in RULES.items()}
    levels = _variant(variant).levels
    rules["<ALL>"] = [(f"<any {level}>",) for level in levels]
    for level in LEVELS:
        if level in levels:
            # Published quirk: under ALL every level may have up to six first values.
            rules[f"<any {level}>"] = [("<1 to 6 values>", f"<body {level}>")]
        else:
            del rules[f"<{level}>"], rules[f"<body {level}>"]
    return rules


def sample(level: str, rng: Random, variant: str = "july") -> Sample:
    """Draw one program.

    Args:
        level: one of `LEVELS`, or "ALL": each of the variant's levels equally likely.
        rng: only its `random()` is used.
        variant: a key of `VARIANTS`.
    Returns: the program; it may raise when run (division by zero), or print nothing.
    Raises: ValueError: unknown level or variant, or a level the variant lacks.
    """
    level, start = _start(level, rng.random, variant)
    text: list[str] = []
    context = _Context(VARIANTS[variant])
    _write(_compiled(variant)[start], context, rng.random, text.append)
    return Sample("".join(text), level)


def _write(items, context: _Context, random, add) -> None:
    """Add the text that a sequence of the compiled grammar becomes, left to right."""
    for item in items:
        kind = item.__class__
        if kind is str:
            add(item)
        elif kind is list:
            _write(item[int(random() * len(item))], context, random, add)
        else:
            add(item(context, random))


def derive(level: str, rng: Random, variant: str = "july") -> Tree:
    """The derivation tree of the program `sample` draws from the same `rng` state.

    Args, Raises: as for `sample`.
    """
    wanted, (level, start) = level, _start(level, rng.random, variant)
    rules, context = grammar(variant), _Context(VARIANTS[variant])

    def grow(symbol: str) -> Tree | str:
        if symbol in rules:
            return Tree(symbol, tuple(map(grow, _choose(rng.random, rules[symbol]))))
        if symbol in _METHODS:
            return Tree(symbol, (_METHODS[symbol](context, rng.random),))
        return symbol

    tree = grow(start)
    assert isinstance(tree, Tree), "a level is a rule, and rules make trees"
    return Tree("<ALL>", (tree,)) if wanted == "ALL" else tree


def _choose(random, options):
    """One of several; a single option costs no random number."""
    n = len(options)
    return options[int(random() * n)] if n > 1 else options[0]


def _split(alternative: str) -> tuple[str, ...]:
    """ "<a> = <b>" -> ("<a>", " = ", "<b>"); a lone "<" is text."""
    return tuple(part for part in re.split(r"(<[\w.? ]+>)", alternative) if part)


def _variant(variant: str) -> Variant:
    if variant not in VARIANTS:
        raise ValueError(f"variant is {variant!r}; choose one of {', '.join(VARIANTS)}")
    return VARIANTS[variant]


def _start(level: str, random, variant: str) -> tuple[str, str]:
    """(level, start symbol), after drawing the level if it is ALL."""
    levels = _variant(variant).levels
    if level == "ALL":
        level = _choose(random, levels)
        return level, f"<any {level}>"
    if level in levels:
        return level, f"<{level}>"
    if level in LEVELS:
        raise ValueError(
            f"level {level!r} ({MEANING[level]}) is not in the {variant} variant;"
            " pass variant='august'"
        )
    raise ValueError(f"level is {level!r}; choose one of {', '.join(levels)} or ALL")


@functools.cache
def _compiled(variant: str) -> dict[str, tuple]:
    """The grammar as the sampler wants it: symbol -> what it becomes, in order.

    An item is a list of alternatives, a method, or text. Where there is one alternative
    there is no choice: it stands in place of its symbol, joined with the text around.
    """
    rules = grammar(variant)
    choices: dict[str, list] = {s: [] for s, options in rules.items() if options[1:]}

    def sequence(symbols) -> tuple:
        items: list = []
        todo = list(reversed(symbols))
        while todo:
            symbol = todo.pop()
            if symbol in rules and symbol not in choices:
                todo += reversed(rules[symbol][0])
                continue
            item = choices.get(symbol, _METHODS.get(symbol, symbol))
            if items and type(item) is type(items[-1]) is str:
                item = items.pop() + item
            items.append(item)
        return tuple(items)

    for symbol, alternatives in choices.items():
        alternatives += map(sequence, rules[symbol])
    return {symbol: sequence([symbol]) for symbol in rules}


def _visible(text: str) -> str:
    return "'" + text.replace("\n", "⏎").replace("\t", "⇥") + "'"
