"""Generation the plain way: a tree of nodes for each program, run where it was made.

- Every symbol, word, sign and blank is a `Node` that knows its parent and children and
  makes sure that the tree stays a tree; the text is read off the leaves.
- A program is run by `exec` in this process, its output caught by redirecting stdout.
- Programs that raise and texts whose SHA-256 was seen before are dropped.

After the description of the released generator (Yamani et al. 2024, arXiv 2403.06503),
in our own words. The grammar is ours (`tinypy.grammar`), so the distribution is the same.
"""

import contextlib
import hashlib
import io
import re
from random import Random

from ...data import tinypy


class Node:
    """A symbol of the grammar or, as a leaf, a piece of text.

    Hung up with the checks that a general tree class makes, as in the released code.
    """

    def __init__(self, symbol: str, parent: "Node | None" = None):
        self.symbol, self.parent, self.children = symbol, parent, []
        if parent is None:
            return
        if any(above is self for above in parent.path()):
            raise ValueError(f"{symbol} would stand below itself")
        if any(child is self for child in parent.children):
            raise ValueError(f"{symbol} already hangs below {parent.symbol}")
        parent.children.append(self)

    def path(self):
        """This node, its parent, and so on up to the root."""
        node = self
        while node is not None:
            yield node
            node = node.parent

    def leaves(self):
        """The symbols below, from left to right, that have nothing below them."""
        if not self.children:
            yield self.symbol
        for child in self.children:
            yield from child.leaves()


class Generator:
    """Draws programs. Args as for `tinypy.sample`; of `rng` only `choice` is used."""

    def __init__(self, level: str, rng: Random, variant: str = "july"):
        self.level, self.rng = level, rng
        self.variant = tinypy.VARIANTS[variant]
        self.rules = {
            symbol: [_words(alternative) for alternative in alternatives]
            for symbol, alternatives in tinypy.grammar(variant).items()
        }

    def tree(self) -> Node:
        """A derivation: the tree of one program."""
        self.values, self.facts = {}, {}
        root = Node("<program>")
        if self.level == "ALL":
            level = self.rng.choice(self.variant.levels)
            self.grow(f"<any {level}>", root)
        else:
            self.grow(f"<{self.level}>", root)
        return root

    def grow(self, symbol: str, parent: Node) -> None:
        """Hang `symbol`, and what it becomes, below `parent`."""
        node = Node(symbol, parent)
        if symbol in self.rules:
            for part in self.rng.choice(self.rules[symbol]):
                self.grow(part, node)
            if not node.children:
                Node("", node)
        elif symbol in tinypy.CONTEXT:
            Node(self.in_context(symbol), node)

    def in_context(self, symbol: str) -> str:
        """What a symbol becomes that depends on the program so far."""
        choice, facts, values = self.rng.choice, self.facts, self.values
        match symbol:
            case "<new name>":
                facts["new"] = choice(self.variant.letters)
                return facts["new"]
            case "<its number>":
                values[facts["new"]] = choice(self.variant.numbers)
                return values[facts["new"]]
            case "<number>":
                return choice(self.variant.numbers)
            case "<name>":
                return choice(list(values))
            case "<result>":
                facts["result"] = choice(self.variant.letters)
                return facts["result"]
            case "<shown>":
                return facts["result"] if "result" in facts else choice(list(values))
            case "<start>":
                facts["begin"] = choice(self.variant.numbers)
                return facts["begin"]
            case "<counter>":
                facts["counter"] = choice(list(values))
                facts["begin"] = values[facts["counter"]]
                return facts["counter"]
            case "<count>":
                return facts["counter"]
            case "<stop>" | "<floor>":
                step, turns = choice(tinypy.LOOPS)
                facts["step"], way = str(step), step * turns - 1
                return str(int(facts["begin"]) + (way if symbol == "<stop>" else -way))
            case "<step>":
                return facts["step"]
        raise ValueError(f"no such symbol: {symbol}")


def generate(level: str, rng: Random, variant: str = "july", size: int = 1000):
    """The texts of `size` different programs, each with what it printed."""
    generator, texts, seen = Generator(level, rng, variant), [], set()
    while len(texts) < size:
        code = "".join(generator.tree().leaves())
        output = io.StringIO()
        try:
            with contextlib.redirect_stdout(output):
                exec(code, {})
        except Exception:  # mostly a division by zero
            continue
        printed = output.getvalue().splitlines()
        text = "\n".join([code, "# output", *(f"# {line}" for line in printed), "\n"])
        mark = hashlib.sha256(text.encode()).hexdigest()
        if mark not in seen:
            seen.add(mark)
            texts.append(text)
    return texts


def _words(alternative) -> list[str]:
    """Symbols as they are; text cut into words, signs and blanks."""
    words = []
    for part in alternative:
        whole = part[:1] + part[-1:] == "<>"
        words += [part] if whole else re.findall(r"\w+|\s|[^\w\s]+", part)
    return words
