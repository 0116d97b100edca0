"""Characters and their numbers: what a model reads instead of text.

- TinyPy is written with few signs (43 in the July variant, 53 in August), so a
  character tokenizer is enough: nothing to train, nothing hidden.
- An unknown character is an error that names it and the place where it stands, never a
  silent substitute.

As in the paper's released code. Explained in chapter 2.
"""

from collections.abc import Iterable

import numpy as np

from . import tinypy


class CharTokenizer:
    """Characters to numbers: a character's token is its place in the alphabet.

    Args: alphabet: 1 to 256 different characters.
    """

    def __init__(self, alphabet: str):
        if not 1 <= len(alphabet) <= 256 or len(set(alphabet)) < len(alphabet):
            raise ValueError(
                f"alphabet is {alphabet[:60]!r} ({len(alphabet)} characters); it must"
                " be 1 to 256 characters, each only once"
            )
        self.alphabet, self.size = alphabet, len(alphabet)
        self._points = np.array([ord(c) for c in alphabet], dtype=np.uint32)
        self._table = np.full(self._points.max() + 2, -1, dtype=np.int16)
        self._table[self._points] = np.arange(self.size)
        self._ascii = alphabet.encode() if alphabet.isascii() else b""
        self._bytes = bytes.maketrans(self._ascii, bytes(range(len(self._ascii))))

    @classmethod
    def of(cls, texts: Iterable[str]) -> "CharTokenizer":
        """The alphabet of some texts, in the order of code points."""
        return cls("".join(sorted(set().union(*texts))))

    @classmethod
    def tinypy(cls, variant: str = "july") -> "CharTokenizer":
        """All that a variant's programs and their output can contain: 43 or 53."""
        rules = tinypy.grammar(variant).values()
        words = {part for alternatives in rules for a in alternatives for part in a}
        text = "".join(word for word in words if not word[:1] + word[-1:] == "<>")
        letters = "".join(tinypy.VARIANTS[variant].letters)
        return cls.of([text, letters, "\n# output\n0123456789.-e+"])

    def encode(self, text: str) -> np.ndarray:
        """Text of T characters to tokens, uint8 (T,).

        Raises: ValueError: an unknown character; it is named, with its place and line.
        """
        if text.isascii():  # a byte a character, where Unicode takes twelve on the way
            data = bytearray(text, "ascii")
            if not data.translate(None, self._ascii):  # nothing unknown is left
                return np.frombuffer(data.translate(self._bytes), dtype=np.uint8)
        points = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), dtype="<u4")
        tokens = self._table[np.minimum(points, len(self._table) - 1)]
        if len(tokens) and tokens.min() < 0:
            i = int(np.argmin(tokens))
            line = text.count("\n", 0, i) + 1
            raise ValueError(
                f"unknown character {text[i]!r} (U+{ord(text[i]):04X}) at position {i},"
                f" line {line}: {text.split(chr(10))[line - 1]!r}; the tokenizer knows"
                f" only {self.alphabet!r}"
            )
        return tokens.astype(np.uint8)

    def decode(self, ids) -> str:
        """Tokens (T,) back to text.

        Raises: ValueError: a number that is no token.
        """
        ids = np.asarray(ids, dtype=np.int64)
        if ids.size and not 0 <= ids.min() <= ids.max() < self.size:
            raise ValueError(
                f"tokens go from 0 to {self.size - 1}, but these from {ids.min()} to"
                f" {ids.max()}; were they made by another tokenizer?"
            )
        points = self._points[ids].astype("<u4")
        return points.tobytes().decode("utf-32-le", "surrogatepass")
