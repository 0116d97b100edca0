"""When two programs are the same to a model without being equal.

A test program with a near-duplicate in the training set measures memory, not skill. Kinds:

- "text": letter for letter the same;
- "renamed": the same after renaming variables; spaces and comments do not count;
- "skeleton": the same structure; names and literals may all differ.

Each kind contains the one before. Explained in chapter 2 (splits and leakage).
"""

import builtins
import io
import keyword
import tokenize

from . import lexer

CLONE_KINDS = ("text", "renamed", "skeleton")

_LAYOUT = {tokenize.NEWLINE: "\n", tokenize.INDENT: "{", tokenize.DEDENT: "}"}
_LITERALS = (tokenize.NUMBER, tokenize.STRING)
_IGNORED = (tokenize.COMMENT, tokenize.NL, tokenize.ENDMARKER, tokenize.ENCODING)
_FIXED = frozenset(keyword.kwlist) | frozenset(dir(builtins))
_KEPT = _FIXED | lexer.SIGNS


def near_duplicate_key(code: str, kind: str) -> str:
    """The text that a program shares with its near-duplicates of this kind.

    Args:
        code: any Python source.
        kind: "text": the code itself. "renamed": variables replaced by the order in
            which they appear; spaces and comments do not count. "skeleton": all names
            and literals replaced by one sign each: only the structure remains.
    Raises: ValueError: another kind, or source that has no tokens.
    """
    if kind not in CLONE_KINDS:
        raise ValueError(
            f"kind of near-duplicate is {kind!r}; choose one of {', '.join(CLONE_KINDS)}"
        )
    if kind == "text":
        return code
    if lexer.is_plain(code) and "[" not in code and "{" not in code:
        key = _plain_key(code, kind == "skeleton")
        if key is not None:
            return key
    names: dict[str, str] = {}
    words, before = [], ""
    try:
        for token in tokenize.generate_tokens(io.StringIO(code).readline):
            word = _LAYOUT.get(token.type, token.string)
            if token.type in _IGNORED:
                continue
            if token.type == tokenize.NAME and word not in _FIXED and before != ".":
                word = names.setdefault(word, f"v{len(names)}")
                if kind == "skeleton":
                    word = "v"
            elif kind == "skeleton" and token.type in _LITERALS:
                word = "0"
            before = token.string
            words.append(word)
    except (tokenize.TokenError, SyntaxError) as error:
        raise ValueError(f"the source has no tokens: {error}") from None
    return " ".join(words)


def _plain_key(code: str, skeleton: bool) -> str | None:
    """The key of plain code, several times as fast; None where layout is not simple.

    Simple: lines are indented by tabs alone, all brackets are round, and none stays open
    at the end of a line.
    """
    names: dict[str, str] = {}
    key, indents = [], [0]
    for line in lexer.without_comments(code).split("\n"):
        words = lexer.words(line)
        if not words:
            continue
        indent = len(line) - len(line.lstrip("\t"))
        if line[indent] == " " or words.count("(") != words.count(")"):
            return None
        if indent > indents[-1]:
            indents.append(indent)
            key.append("{")
        while indent < indents[-1]:
            indents.pop()
            key.append("}")
        if indent != indents[-1]:
            return None
        for word in words:
            if word not in _KEPT:
                if word[0].isdigit():
                    word = "0" if skeleton else word
                elif skeleton:
                    word = "v"
                else:
                    word = names.setdefault(word, f"v{len(names)}")
            key.append(word)
        key.append("\n")
    return " ".join(key + ["}"] * (len(indents) - 1))
