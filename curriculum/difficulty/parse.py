"""Read one program once: the tree, the tokens and the counts that difficulty needs.

Every static scorer in `difficulty.py` asks a `ParsedProgram` for numbers. A `ParsedProgram`
parses its program once and walks the tree and the tokens once each, if a score needs
them. Programs as plain as TinyPy's take the quick way of `lexer.py`.

Notable points:

- `ParsedProgram(source)` fails with a `ProgramError` ("file:line: reason"), a `ValueError`,
  for everything Python cannot read: wrong syntax, mixed tabs, null bytes, and
  nesting that no recursive visitor survives (`MAX_NESTING`).
- Comments, blank lines and therefore the `# output` part of a text never count.
- Cyclomatic complexity and one of the two Halstead counts are radon's, quirks
  included; `explain.py` shows, point by point, where they come from.
- f-strings are one operand on every Python version, although Python 3.12 and later
  split them into many tokens.

Papers: McCabe (1976), A Complexity Measure; Halstead (1977), Elements of Software
Science. Explained in chapter 3.
"""

import ast
import io
import keyword
import token as token_kinds
import tokenize
import warnings
from functools import cached_property
from typing import NamedTuple

from radon.visitors import ComplexityVisitor, HalsteadVisitor

from ..data import lexer
from . import fast_walk
from .fast_walk import elif_below

# radon spends about three stack frames a level of the tree, and Python allows 1,000.
# A fixed limit gives one answer wherever a program is scored: in a notebook, where
# the stack is already deep, or in a worker process, where it is not.
MAX_NESTING = 200

FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
_FLOW = (
    ast.If,
    ast.For,
    ast.AsyncFor,
    ast.While,
    ast.Try,
    ast.With,
    ast.AsyncWith,
    ast.Match,
    getattr(ast, "TryStar", ast.Try),
)
_BLOCKS = ("body", "orelse", "handlers", "finalbody", "cases")
_LAYOUT = {
    token_kinds.COMMENT,
    token_kinds.NL,
    token_kinds.NEWLINE,
    token_kinds.INDENT,
    token_kinds.DEDENT,
    token_kinds.ENDMARKER,
}
_STRING_OPENS = {
    getattr(token_kinds, name, -1) for name in ("FSTRING_START", "TSTRING_START")
} - {-1}
_STRING_CLOSES = {
    getattr(token_kinds, name, -1) for name in ("FSTRING_END", "TSTRING_END")
} - {-1}
_CLOSING = frozenset(")]}")
_PAIRS = {"(": "( )", "[": "[ ]", "{": "{ }"}
_AFTER_OPERAND = {"(": "call ( )", "[": "index [ ]"}
_OPERATORS = {
    word: _PAIRS.get(word, word)
    for word in (*lexer.SIGNS, *keyword.kwlist)
    if word not in ("...", "True", "False", "None", *_CLOSING)
}


class ProgramError(ValueError):
    """A program that cannot be scored: `file`, `line` (None if unknown), `reason`."""

    def __init__(self, file, line, reason):
        where = file if line is None else f"{file}:{line}"
        super().__init__(f"{where}: {reason}")
        self.file, self.line, self.reason = file, line, reason

    def __reduce__(self):  # lets a worker process hand the error to its parent
        return type(self), (self.file, self.line, self.reason)


class Halstead(NamedTuple):
    """Operators and operands of one program, each as (text, count), first seen first.

    n1, n2 are the distinct operators and operands, N1, N2 all of them.
    """

    operators: tuple[tuple[str, int], ...]
    operands: tuple[tuple[str, int], ...]

    @property
    def n1(self) -> int:
        return len(self.operators)

    @property
    def n2(self) -> int:
        return len(self.operands)

    @property
    def N1(self) -> int:
        return sum([count for _, count in self.operators])

    @property
    def N2(self) -> int:
        return sum([count for _, count in self.operands])

    @property
    def difficulty(self) -> float:
        """HD = (n1 / 2) * (N2 / n2); 0 when there is no operand."""
        return self.n1 / 2 * (self.N2 / self.n2) if self.n2 else 0.0


class Lexical(NamedTuple):
    """What one walk over the tokens gives: sizes, and the standard Halstead count."""

    lines: int  # lines that carry code
    characters: int  # of those lines, without comments and trailing white space
    tokens: int  # names, literals, operators, brackets, punctuation
    halstead: Halstead


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
        self._walk: fast_walk.Walk | _Radon | None = None

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
                lex = _lex_plain if self._plain else _lex
                self._lexical = lex(self.source)
            except (tokenize.TokenError, SyntaxError) as error:
                reason = f"cannot be split into tokens: {error}"
                raise ProgramError(self.file, None, reason) from None
        return self._lexical

    @property
    def cyclomatic(self) -> int:
        """radon's total for the file: 1 + the decisions it counts."""
        return self._walked().cyclomatic

    @property
    def halstead_radon(self) -> float:
        """Halstead difficulty over the operators radon knows."""
        return self._walked().halstead_radon

    @property
    def depth(self) -> int:
        """How many flow blocks stand around the innermost one, itself included."""
        return self._walked().depth

    def _walked(self) -> "fast_walk.Walk | _Radon":
        """The tree walk; done when first asked for. Unusual trees are left to radon."""
        if self._walk is None:
            self._walk = fast_walk.walk(self.tree) or _Radon(self.tree)
        return self._walk


# --- parsing and walking --------------------------------------------------------


def _parse(source, file, plain_text):
    too_deep = f"nested more than {MAX_NESTING} levels deep"
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
        raise ProgramError(file, None, too_deep) from None
    except ValueError as error:  # lone surrogates, for one
        raise ProgramError(file, None, f"{type(error).__name__}: {error}") from None
    # A level of the tree takes at least one character, so short texts need no walk.
    if len(source) > MAX_NESTING and (line := _too_deep_at(tree)):
        raise ProgramError(file, line, too_deep)
    return tree


def _too_deep_at(tree):
    """Return a line on which the tree exceeds MAX_NESTING, or 0."""
    level, line = [tree], 0
    for _ in range(MAX_NESTING):
        level = [child for node in level for child in ast.iter_child_nodes(node)]
        if not level:
            return 0
        line = next((n.lineno for n in level if hasattr(n, "lineno")), line)
    return line


class _Radon:
    """What `fast_walk.walk` gives, for any tree; each count has a walk of its own."""

    def __init__(self, tree):
        self.tree = tree

    @cached_property
    def cyclomatic(self):
        return ComplexityVisitor.from_ast(self.tree).total_complexity

    @cached_property
    def halstead_radon(self):
        seen = HalsteadVisitor.from_ast(self.tree)
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
            for field in _BLOCKS:
                inner = getattr(node, field, None)
                if not isinstance(inner, list):  # a lambda's body is an expression
                    continue
                # The tree hangs an `elif` inside the `else` of its `if`; the author
                # wrote both at the same indentation.
                flat = elif_below(node)
                stack.extend((child, depth - (child is flat)) for child in inner)
        return deepest


def _code_tokens(source):
    """Yield (kind, text, start, end) of every token that is code."""
    nested, opened = 0, None
    for kind, text, start, end, _ in tokenize.generate_tokens(
        io.StringIO(source).readline
    ):
        if kind in _STRING_OPENS:
            opened = opened if nested else start
            nested += 1
        elif kind in _STRING_CLOSES:
            nested -= 1
            if not nested:
                yield token_kinds.STRING, _between(source, opened, end), opened, end
        elif not nested and kind not in _LAYOUT:
            yield kind, text, start, end


def _between(source, start, end):
    rows = list(io.StringIO(source))[start[0] - 1 : end[0]]
    rows[-1] = rows[-1][: end[1]]  # first the end: both may lie on one row
    rows[0] = rows[0][start[1] :]
    return "".join(rows)


def _lex(source):
    words = []
    last_column = {}  # row -> where its code ends
    for _, text, (row, column), (end_row, end_column) in _code_tokens(source):
        words.append(text)
        if end_row > row:  # a string over several lines
            for i, part in enumerate(text.split("\n")):
                last_column[row + i] = len(part) + (0 if i else column)
        else:
            last_column[row] = end_column
    return _lexical(words, last_column.values())


def _lex_plain(source):
    source = lexer.without_comments(source)
    rows = [row.rstrip() for row in source.split("\n")]
    return _lexical(lexer.words(source), [len(row) for row in rows if row])


def _lexical(words, widths):
    """Args: the tokens that are code; the width of each line that carries code."""
    operators, operands, after_operand = {}, {}, False
    for word in words:
        if word in _OPERATORS:
            if after_operand and word in _AFTER_OPERAND:
                word = _AFTER_OPERAND[word]
            else:
                word = _OPERATORS[word]
            operators[word] = operators.get(word, 0) + 1
            after_operand = False
        else:
            if word not in _CLOSING:  # a pair is counted where it opens
                operands[word] = operands.get(word, 0) + 1
            after_operand = True
    return Lexical(
        lines=len(widths),
        characters=sum(widths) + max(len(widths) - 1, 0),  # and line breaks
        tokens=len(words),
        halstead=Halstead(tuple(operators.items()), tuple(operands.items())),
    )
