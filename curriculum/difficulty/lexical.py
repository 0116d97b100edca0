"""The tokens of a program: its size in words, and the standard Halstead count.

Notable points:

- Comments, blank lines, docstrings and type hints do not count (`documentation.py`).
- `not in` and `is not` are one operator each, and `except*` is `except`. A `;` is a line
  break and counts as nothing.
- A number or string is told apart by its value: 'a' and "a" are one operand, 16 and
  0x10 too. Two strings side by side stay two tokens.
- f-strings are one operand on every Python version, although Python 3.12 and later
  split them into many tokens.
- Programs as plain as TinyPy's take the quick way of `data/lexer.py`.

Paper: Halstead (1977), Elements of Software Science. Explained in chapter 3.
"""

import ast
import io
import keyword
import re
import token as token_kinds
import tokenize
import unicodedata
import warnings
from bisect import bisect_left
from itertools import pairwise
from typing import NamedTuple

from ..data import lexer
from .documentation import Documentation

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
_TWO_WORDS = {
    ("not", "in"): "not in",
    ("is", "not"): "is not",
    ("except", "*"): "except",
}
_TWO_PLAIN = re.compile(r"\bnot\s+in\b|\bis\s+not\b")
_OPERATORS = {
    word: _PAIRS.get(word, word)
    for word in (*lexer.SIGNS, *keyword.kwlist, *_TWO_WORDS.values())
    if word not in ("...", "True", "False", "None", *_CLOSING)
}


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


class Token(NamedTuple):
    """One token that is code; columns are counted in characters."""

    text: str
    start: tuple[int, int]  # row, column
    end: tuple[int, int]


def lex(source: str, documentation: Documentation | None = None) -> Lexical:
    """The token walk, for any program; what `documentation` names does not count.

    Raises:
        tokenize.TokenError, SyntaxError: the text cannot be split into tokens.
    """
    found = list(code_tokens(source))
    if documentation:
        found = _without(found, _spans(found, documentation, source))
    last_column = {}  # row -> where its code ends
    for text, (row, column), (end_row, end_column) in found:
        if end_row > row:  # a string over several lines
            for i, part in enumerate(text.split("\n")):
                last_column[row + i] = len(part) + (0 if i else column)
        else:
            last_column[row] = end_column
    words = _by_value([token.text for token in found])
    return _lexical(_joined(words), last_column.values())


def lex_plain(source: str) -> Lexical:
    """The same for plain text (`lexer.is_plain`) of which `fast_walk.walk` knows all."""
    source = lexer.without_comments(source)
    rows = [row.rstrip() for row in source.split("\n")]
    words = lexer.words(source)
    if ";" in source or "not" in source and _TWO_PLAIN.search(source):
        words = _joined(words)
    return _lexical(words, [len(row) for row in rows if row])


def code_tokens(source):
    """Yield every token that is code as a `Token`."""
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
                yield Token(_between(source, opened, end), opened, end)
        elif not nested and kind not in _LAYOUT:
            yield Token(text, start, end)


def _between(source, start, end):
    rows = list(io.StringIO(source))[start[0] - 1 : end[0]]
    rows[-1] = rows[-1][: end[1]]  # first the end: both may lie on one row
    rows[0] = rows[0][start[1] :]
    return "".join(rows)


def _spans(tokens, documentation, source):
    """Return (first, behind last, replacement) of the tokens that do not count."""
    rows = source.split("\n")
    starts = [token.start for token in tokens]

    def at(row, byte):  # the syntax tree counts bytes, tokens count characters
        text = rows[row - 1]
        column = byte if text.isascii() else len(text.encode()[:byte].decode())
        return bisect_left(starts, (row, column))

    def span(first, last):
        return (
            at(first.lineno, first.col_offset),
            at(last.end_lineno, last.end_col_offset),
        )

    def text(i):
        return tokens[i].text if i < len(tokens) else ""

    spans = []
    for statement, replaced in documentation.alone:
        i, j = span(statement, statement)
        spans.append((i, j if replaced else j + (text(j) == ";"), replaced))
    for hint in documentation.hints:
        i, j = span(hint, hint)
        while text(i - 1) == "(":  # brackets around a hint belong to it
            i, j = i - 1, j + 1
        spans.append((i - 1, j, False))  # with its `:` or `->`
    for first, last in documentation.parameters:
        i, j = span(first, last)
        spans.append((i - 1, j + 1 + (text(j) == ","), False))  # with the brackets
    return sorted(spans, key=lambda s: (s[0], -s[1]))


def _without(tokens, spans):
    """Return the tokens outside the spans, where they stand once the spans are gone."""
    kept, moves, behind = [], {}, 0  # row -> (new row, columns to the left)

    def moved(place):
        row, left = moves.get(place[0], (place[0], 0))
        return row, place[1] - left

    for i, j, replaced in spans:
        if i < behind:  # a hint inside a statement that is left out as a whole
            continue
        kept += [Token(t, moved(a), moved(b)) for t, a, b in tokens[behind:i]]
        row, column = moved(tokens[i].start)
        last_row, last_column = tokens[j - 1].end
        if replaced:
            kept.append(Token("pass", (row, column), (row, column + len("pass"))))
        elif j < len(tokens) and tokens[j].start[0] == last_row:  # more code follows
            if kept and kept[-1].end[0] == row:
                column = kept[-1].end[1]
            else:
                last_column = tokens[j].start[1]
            moves[last_row] = (row, last_column - column)
        behind = j
    return kept + [Token(t, moved(a), moved(b)) for t, a, b in tokens[behind:]]


def _by_value(words):
    """The same words, with names, numbers and strings as Python knows them."""
    known = {}
    with warnings.catch_warnings():  # "invalid escape" is not our affair
        warnings.simplefilter("ignore")
        for word in set(words).difference(lexer.SIGNS):
            if word[0] in ".0123456789" or word[-1] in "\"'":
                try:
                    known[word] = repr(ast.literal_eval(word))
                except (ValueError, SyntaxError):  # f-strings, endless numbers
                    continue
            elif not word.isascii():  # `ﬁ` and `fi` are one name
                known[word] = unicodedata.normalize("NFKC", word)
    return [known.get(word, word) for word in words]


def _joined(words):
    """The words without `;`, and with `not in`, `is not` and `except*` as one."""
    words = [word for word in words if word != ";"]
    joined, done = [], False
    for pair in pairwise([*words, ""]):
        if not done:
            joined.append(_TWO_WORDS.get(pair, pair[0]))
        done = not done and pair in _TWO_WORDS
    return joined


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
