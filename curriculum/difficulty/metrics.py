"""The scorers: each a small function with its definition, unit and source.

Notable points:

- Larger is harder, for every scorer.
- A scorer is given what it needs and no more: a `ParsedProgram` of the text, the text and a
  corpus, the outcome of a run, or (all programs at once) a model.
- `SCORERS` cannot be changed. `with_model_loss` returns a larger copy.
- The docstring is the definition: the registry, the command line and the book all
  read it from there.

Papers: McCabe (1976); Halstead (1977); Naïr, Yamani, Lhadj and Baghdadi (2024).
Explained in chapter 3.
"""

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from ..data.sandbox import Outcome
from .cdm import CDM, Familiarity
from .parse import ParsedProgram


@dataclass(frozen=True)
class Scorer:
    """One measure of difficulty; larger is harder."""

    name: str
    unit: str
    definition: str
    source: str
    needs: str  # "source", "corpus", "run" or "model": what `function` is given
    function: Callable


# --- static: from the text alone ------------------------------------------------


def lines(program: ParsedProgram) -> float:
    """Lines that carry code; blank lines and lines of nothing but comment, docstring or
    type hint do not count.

    Unit: lines. Source: the plain baseline every other scorer has to beat.
    """
    return program.lexical.lines


def characters(program: ParsedProgram) -> float:
    """Characters of the lines that carry code, indentation and the line breaks between
    them included; comments, docstrings, type hints and white space at line ends left
    out.

    Unit: characters. Source: plain baseline; what a character model has to read.
    """
    return program.lexical.characters


def tokens(program: ParsedProgram) -> float:
    """Names, keywords, literals, operators, brackets and punctuation marks; comments,
    docstrings, type hints, line breaks, semicolons and indentation do not count. An
    f-string is one token, and so are `not in` and `is not`.

    Unit: tokens. Source: plain baseline; Kim and Lee (2024) order data by length.
    """
    return program.lexical.tokens


def cyclomatic(program: ParsedProgram) -> float:
    """Independent paths: 1 + the decisions of the whole file, wherever they stand.
    Decisions are if, elif, for, while, and, or, conditional expressions, what loops and
    ifs in comprehensions, except and except*, else of a loop or of try, assert, each
    case that may fail, its guard and each | in it, and each further comparison of a
    chain. Functions, methods, with and finally add none. `explain_cyclomatic` shows it
    line by line.

    Unit: paths. Source: McCabe (1976); radon's decisions and those it misses.
    """
    return program.cyclomatic


def cyclomatic_radon(program: ParsedProgram) -> float:
    """Independent paths as radon's ComplexityVisitor totals them. radon adds 1 for each
    method and leaves out functions nested in functions, classes nested in classes, the
    heads of functions and classes, the inside of assert, except*, guards, | and chains
    of comparisons. On TinyPy it equals `cyclomatic`.

    Unit: paths. Source: McCabe (1976); radon, total_complexity.
    """
    return program.cyclomatic_radon


def halstead_radon(program: ParsedProgram) -> float:
    """Halstead difficulty (n1 / 2) * (N2 / n2) over what radon counts as operators:
    unary, binary, boolean, comparison, and augmented assignment. Assignments, calls
    and keywords are none, so a plain for loop scores 0. Type hints of variables count.

    Unit: none. Source: Halstead (1977); radon, HalsteadVisitor.
    """
    return program.halstead_radon


def halstead_token(program: ParsedProgram) -> float:
    """Halstead difficulty (n1 / 2) * (N2 / n2) over tokens, docstrings and type hints
    left out. Operators: keywords (but True, False, None), signs, punctuation, each pair
    of brackets once, calls and indexing apart from other brackets. Operands: names,
    and literals by their value.

    Unit: none. Source: Halstead (1977).
    """
    return program.lexical.halstead.difficulty


def om_radon(program: ParsedProgram) -> float:
    """Overall metric (CC + HD) / 2 with both counted by radon.

    Unit: none. Source: Naïr et al. (2024), as summaries of the paper report it.
    """
    return (program.cyclomatic_radon + program.halstead_radon) / 2


def om_token(program: ParsedProgram) -> float:
    """Overall metric (CC + HD) / 2 with CC over all decisions and HD over tokens.

    Unit: none. Source: Naïr et al. (2024), as summaries of the paper report it; the
    tool behind the paper's counts is not known.
    """
    return (program.cyclomatic + program.lexical.halstead.difficulty) / 2


def depth(program: ParsedProgram) -> float:
    """Deepest nesting of if, for, while, try, with and match; elif does not nest, and
    def and class do not count, so wrapping a script in a function changes nothing.

    Unit: levels. Source: classical structure measure; our rules for elif and def.
    """
    return program.depth


# --- from the text and a corpus -------------------------------------------------


def unfamiliarity(program: ParsedProgram, familiarity: Familiarity) -> float:
    """Mean surprisal of the program's syntax-tree steps under the corpus, docstrings and
    type hints left out.

    Unit: bits per construct. Source: ours; one ingredient of the CDM.
    """
    return familiarity.surprisal(program)


def cdm(program: ParsedProgram, metric: CDM) -> float:
    """Code Difficulty Metric: weighted mean of length, control flow and unfamiliarity,
    each as the share of the corpus that is easier.

    Unit: none, 0 to 1. Source: ingredients as summaries of Naïr et al. (2024) name
    them; the formula is ours.
    """
    return metric.score(program)


# --- from a run in the sandbox --------------------------------------------------


def steps(outcome: Outcome) -> float:
    """Statements executed until the program ends, tests and loop turns included.

    Unit: steps. Source: ours, counted by the sandbox.
    """
    return outcome.steps


def branches(outcome: Outcome) -> float:
    """Decisions taken while running: tests of if, elif and while, turns of for.

    Unit: decisions. Source: ours, counted by the sandbox.
    """
    return outcome.branches


def largest(outcome: Outcome) -> float:
    """Largest absolute number ever bound to a name.

    Unit: none. Source: ours, observed by the sandbox.
    """
    return outcome.largest


def digits(outcome: Outcome) -> float:
    """Digits 0 to 9 among the characters printed (the sandbox keeps 4,096 of them).

    Unit: digits. Source: ours; what an execution task has to get right.
    """
    return sum(character in "0123456789" for character in outcome.stdout)


def _scorer(function, needs, name=None):
    """Read the definition, unit and source of a scorer off its docstring."""
    definition, _, rest = (inspect.getdoc(function) or "").partition("\n\nUnit: ")
    unit, _, source = rest.partition(". Source: ")
    definition, source = (" ".join(text.split()) for text in (definition, source))
    return Scorer(name or function.__name__, unit, definition, source, needs, function)


_GROUPS = {
    "source": (
        lines,
        characters,
        tokens,
        cyclomatic,
        cyclomatic_radon,
        halstead_radon,
        halstead_token,
        om_radon,
        om_token,
        depth,
    ),
    "corpus": (unfamiliarity, cdm),
    "run": (steps, branches, largest, digits),
}
SCORERS: Mapping[str, Scorer] = MappingProxyType(
    {
        function.__name__: _scorer(function, needs)
        for needs, group in _GROUPS.items()
        for function in group
    }
)
STATIC, CORPUS, DYNAMIC = (
    tuple(function.__name__ for function in group) for group in _GROUPS.values()
)


def with_model_loss(
    function: Callable[[list[str]], Sequence[float]],
    registry: Mapping[str, Scorer] = SCORERS,
) -> Mapping[str, Scorer]:
    """Return a registry that can also score `model_loss`; the old one stays as it is.

    Args:
        function: takes a list of programs, returns one loss each: what a model pays
            for the true output given the program, in nats per character.
        registry: to extend.
    """
    scorer = Scorer(
        "model_loss",
        "nats per character",
        "Loss of a model on the true output, given the program.",
        "learner-based difficulty, as in Kim and Lee (2024)",
        "model",
        function,
    )
    return MappingProxyType({**registry, scorer.name: scorer})
