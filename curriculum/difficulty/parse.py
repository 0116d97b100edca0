"""Read one program once: the tree, the tokens and the counts that difficulty needs.

Every static scorer in `metrics.py` asks a `ParsedProgram` for numbers. A `ParsedProgram`
parses its program once and walks the tree and the tokens once each, if a score needs
them. Programs as plain as TinyPy's take the quick way of `fast_walk.py` and `lexer.py`.

Notable points:

- `ParsedProgram(source)` fails with a `ProgramError` ("file:line: reason"), a `ValueError`,
  for everything Python cannot read: wrong syntax, mixed tabs, null bytes, and
  trees so deep that no recursive visitor survives (`MAX_NESTING`).
- Comments, blank lines and therefore the `# output` part of a text never count.
  Docstrings and type hints do not count either, but for radon (`documentation.py`).
- `cyclomatic_radon` and `halstead_radon` are radon's, quirks included. `cyclomatic`
  counts every decision (`decisions.py`); `lexical.py` has the other Halstead count.
- `explain.py` shows, point by point, where the counts come from.

Papers: McCabe (1976), A Complexity Measure; Halstead (1977), Elements of Software
Science. Explained in chapter 3.
"""

import ast
import tokenize
import warnings
from functools import cached_property

from radon.visitors import ComplexityVisitor, HalsteadVisitor

from ..data import lexer
from . import fast_walk, lexical
from .decisions import decisions
from .documentation import Documentation, blocks, without_documentation
from .fast_walk import elif_below
from .lexical import Lexical

# radon spends about three stack frames a level of the tree, and Python allows 1,000.
# A fixed limit gives one answer wherever a program is scored: in a notebook, where
# the stack is already deep, or in a worker process, where it is not.
MAX_NESTING = 200
# An `elif` is no level. Python itself stops at some 3,000 in a chain, or at fewer if
# the stack is deep already.
MAX_ELIF = 1_000

_FLOW = (
    ast.If,
    ast.For,
    ast.AsyncFor,
    ast.While,
    ast.Try,
    ast.TryStar,
    ast.With,
    ast.AsyncWith,
    ast.Match,
)


class ProgramError(ValueError):
    """A program that cannot be scored: `file`, `line` (None if unknown), `reason`."""

    def __init__(self, file, line, reason):
        where = file if line is None else f"{file}:{line}"
        super().__init__(f"{where}: {reason}")
        self.file, self.line, self.reason = file, line, reason

    def __reduce__(self):  # lets a worker process hand the error to its parent
        return type(self), (self.file, self.line, self.reason)


class ParsedProgram:
    """One program, parsed once.

    Args:
        source: Python text; a script, functions, classes, anything that parses.
        file: the name used in error messages.

    Raises:
        ProgramError: the text cannot be parsed or is nested too deeply.
    """

    def __init__(self, source: str, file: str = "<program>"):
        if not isinstance(source, str):
            raise ProgramError(
                file, None, f"a program is text (str), not {type(source).__name__}"
            )
        # Python reads all three line ends as one; so do the counts below.
        self.source = source.replace("\r\n", "\n").replace("\r", "\n")
        self.file = file
        self._plain = lexer.is_plain(self.source)
        self.tree = _parse(self.source, file, self._plain)
        self._lexical: Lexical | None = None
        self._walk: fast_walk.Walk | _Counts | None = None

    @classmethod
    def of(
        cls, source: "str | ParsedProgram", file: str = "<program>"
    ) -> "ParsedProgram":
        """Return `source` itself when it has already been read."""
        return source if isinstance(source, ParsedProgram) else cls(source, file)

    @property
    def lexical(self) -> Lexical:
        """The token walk; done when first asked for."""
        if self._lexical is None:
            try:
                # what the quick walk can walk has no hints; plain text has no strings
                if self._plain and isinstance(self._walked(), fast_walk.Walk):
                    self._lexical = lexical.lex_plain(self.source)
                else:
                    self._lexical = lexical.lex(self.source, self.documentation)
            except (tokenize.TokenError, SyntaxError) as error:
                reason = f"cannot be split into tokens: {error}"
                raise ProgramError(self.file, None, reason) from None
        return self._lexical

    @cached_property
    def documentation(self) -> Documentation:
        """The docstrings and type hints, which do not count."""
        return Documentation.of(self.tree)

    @cached_property
    def bare_tree(self) -> ast.Module:
        """The tree without docstrings and type hints."""
        if self._plain and isinstance(self._walked(), fast_walk.Walk):
            return self.tree
        return without_documentation(self.source) if self.documentation else self.tree

    @property
    def cyclomatic(self) -> int:
        """1 + every decision of the program."""
        return self._walked().cyclomatic

    @property
    def cyclomatic_radon(self) -> int:
        """radon's total for the file: 1 + the decisions it counts."""
        return self._walked().cyclomatic_radon

    @property
    def halstead_radon(self) -> float:
        """Halstead difficulty over the operators radon knows."""
        return self._walked().halstead_radon

    @property
    def depth(self) -> int:
        """How many flow blocks stand around the innermost one, itself included."""
        return self._walked().depth

    def _walked(self) -> "fast_walk.Walk | _Counts":
        """The tree walk; done when first asked for. Unusual trees go the long way."""
        if self._walk is None:
            self._walk = fast_walk.walk(self.tree) or _Counts(self.tree, self.source)
        return self._walk


# --- parsing and walking --------------------------------------------------------


def _parse(source, file, plain_text):
    if "\0" in source:
        line = source.count("\n", 0, source.index("\0")) + 1
        raise ProgramError(file, line, "contains a null byte: not a text file?")
    try:
        if plain_text:  # nothing in it that Python could warn of
            tree = ast.parse(source)
        else:
            with warnings.catch_warnings():  # "invalid escape" is not our affair
                warnings.simplefilter("ignore")
                tree = ast.parse(source)
    except SyntaxError as error:  # also IndentationError and TabError
        raise ProgramError(
            file, error.lineno, f"{type(error).__name__}: {error.msg}"
        ) from None
    except (RecursionError, MemoryError):
        reason = (
            f"too much for Python's parser: more than {MAX_NESTING} levels deep, or more"
            f" than {MAX_ELIF:,} elif in a chain"
        )
        raise ProgramError(file, None, reason) from None
    except ValueError as error:  # lone surrogates, for one
        raise ProgramError(file, None, f"{type(error).__name__}: {error}") from None
    # A level of the tree takes at least one character, so short texts need no walk.
    if len(source) > MAX_NESTING:
        _check_nesting(tree, file)
    return tree


_TOO_DEEP = (
    f"nested more than {MAX_NESTING} levels deep: blocks, brackets, or the parts of one"
    " long sum or chain of calls, each of which is a level of the syntax tree"
)


def _check_nesting(tree, file):
    """Raise a ProgramError if a visitor could not survive the tree."""
    if not _too_deep_at(tree, ast.iter_child_nodes):
        return
    for start in ast.walk(tree):
        length, node = 0, start
        while node := elif_below(node):
            length += 1
        if length > MAX_ELIF:
            reason = f"more than {MAX_ELIF:,} elif in a chain"
            raise ProgramError(file, start.lineno, reason)
    if line := _too_deep_at(tree, _inside):
        raise ProgramError(file, line, _TOO_DEEP)


def _too_deep_at(tree, children):
    """Return a line on which the tree exceeds MAX_NESTING, or 0."""
    level, line = [tree], 0
    for _ in range(MAX_NESTING):
        level = [child for node in level for child in children(node)]
        if not level:
            return 0
        line = next((n.lineno for n in level if hasattr(n, "lineno")), line)
    return line


def _inside(node):
    """The children of a node; those of an `elif` are those of its `if`."""
    while node:
        below = elif_below(node)
        yield from (c for c in ast.iter_child_nodes(node) if c is not below)
        node = below


def _without_elif(source):
    """The tree with every `elif` as an `if` of its own, next after the first.

    radon counts both alike, and its visitors go three frames deeper for each `elif`.
    """
    tree = ast.parse(source)
    stack = [tree]
    while stack:
        node = stack.pop()
        for field, block in blocks(node):
            flat = []
            for statement in block:
                while below := elif_below(statement):
                    flat.append(statement)
                    statement.orelse, statement = [], below
                flat.append(statement)
            setattr(node, field, flat)
        stack.extend(ast.iter_child_nodes(node))
    return tree


class _Counts:
    """What `fast_walk.walk` gives, for any tree; each count has a walk of its own."""

    def __init__(self, tree, source):
        self.tree, self.source = tree, source

    @cached_property
    def for_radon(self):
        deep = _too_deep_at(self.tree, ast.iter_child_nodes)
        return _without_elif(self.source) if deep else self.tree

    @cached_property
    def cyclomatic(self):
        return 1 + sum(row.ours for row in decisions(self.tree))

    @cached_property
    def cyclomatic_radon(self):
        return ComplexityVisitor.from_ast(self.for_radon).total_complexity

    @cached_property
    def halstead_radon(self):
        seen = HalsteadVisitor.from_ast(self.for_radon)
        n1, n2 = seen.distinct_operators, seen.distinct_operands
        return n1 / 2 * (seen.operands / n2) if n2 else 0.0

    @cached_property
    def depth(self):
        deepest, stack = 0, [(self.tree, 0)]
        while stack:
            node, depth = stack.pop()
            if isinstance(node, _FLOW):
                depth += 1
                deepest = max(deepest, depth)
            # The tree hangs an `elif` inside the `else` of its `if`; the author
            # wrote both at the same indentation.
            flat = elif_below(node)
            for _, inner in blocks(node):
                stack.extend((child, depth - (child is flat)) for child in inner)
        return deepest
