"""The quick way to split plain programs into words and signs.

- Plain text is ASCII without strings, dots, backslashes and unusual numbers. It splits
  into words and signs by one regular expression; the caller asks Python's `tokenize`
  about all else.
- Nothing here has a definition of its own. The tests hold it against `tokenize`.

All of TinyPy is plain. Used by `near_duplicates.py` and `difficulty/parse.py`.
"""

import re
import token

# Every alternative is atomic: text that is not plain must be found out at once.
_PLAIN = re.compile(
    r"(?:[\t\n ()+\-*/<>=:,%\[\]{}#&|^~;@]++|!=|[A-Za-z_]\w*+|(?:0|[1-9]\d*+)(?![\w.]))*+",
    re.ASCII,
)
_COMMENT = re.compile("#[^\n]*")
SIGNS = frozenset(token.EXACT_TOKEN_TYPES)  # operators, brackets, punctuation
_RUN = re.compile(r"\w+|[+\-*/<>=:%&|^@!~]+|\S", re.ASCII)
_SINGLE = re.compile(
    "|".join([r"\w+", *map(re.escape, sorted(SIGNS, key=len, reverse=True))]), re.ASCII
)


def is_plain(text: str) -> bool:
    """Whether `words` can split a text that Python can parse."""
    return _PLAIN.fullmatch(text) is not None


def without_comments(text: str) -> str:
    """Plain text without its comments."""
    return _COMMENT.sub("", text) if "#" in text else text


def words(text: str) -> list[str]:
    """Names, numbers and signs of plain text without comments, in order."""
    found = _RUN.findall(text)
    for word in found:
        if word not in SIGNS and not (word.isalnum() or "_" in word):
            return _SINGLE.findall(text)  # signs in a row, such as `=-`
    return found
