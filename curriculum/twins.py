"""When two programs are the same to a model without being equal.

A test program whose twin was in the training set measures memory, not skill. Kinds:

- "text": letter for letter the same;
- "renamed": the same after renaming variables; spaces and comments do not count;
- "skeleton": the same structure; names and literals may all differ.

Each kind contains the one before. Explained in chapter 2 (splits and leakage).
"""

import builtins
import io
import keyword
import tokenize

TWINS = ("text", "renamed", "skeleton")

_LAYOUT = {tokenize.NEWLINE: "\n", tokenize.INDENT: "{", tokenize.DEDENT: "}"}
_LITERALS = (tokenize.NUMBER, tokenize.STRING)
_IGNORED = (tokenize.COMMENT, tokenize.NL, tokenize.ENDMARKER, tokenize.ENCODING)
_FIXED = frozenset(keyword.kwlist) | frozenset(dir(builtins))


def twin_key(code: str, kind: str) -> str:
    """What a program's twins of this kind have in common with it.

    Args:
        code: any Python source.
        kind: "text": the code itself. "renamed": variables replaced by the order in
            which they appear; spaces and comments do not count. "skeleton": all names
            and literals replaced by one sign each: only the structure remains.
    Raises: ValueError: another kind, or source that has no tokens.
    """
    if kind not in TWINS:
        raise ValueError(f"kind of twin is {kind!r}; choose one of {', '.join(TWINS)}")
    if kind == "text":
        return code
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
