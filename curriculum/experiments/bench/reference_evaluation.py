"""The three tasks as plainly as possible: one program, one character, one full pass.

- As the released scripts are described: for every character asked for, the model reads
  the whole text before it. No batches, nothing remembered from one character to the next.
- Both protocols. A sampled character is decided by the same number as in `asking`, so
  that the two can be compared answer by answer and not only on average.

Paper: Naïr et al. (2024) and its released evaluation scripts.
"""

from __future__ import annotations

import numpy as np
import torch

from ...data.corpus import Corpus
from ...evaluation.fast import Question
from ...evaluation.generate import sample_next_token
from ...evaluation.tasks import Answers, edit_similarity, released_match


class Asked:
    """A model that is asked one program at a time.

    Args: net: (1, T) tokens to (1, T, V) logits, such as a `ReferenceGPT`.
    """

    def __init__(self, net, corpus: Corpus, protocol: str = "exact", seed: int = 0):
        self.net, self.corpus, self.protocol, self.seed = net, corpus, protocol, seed

    def next(self, task: str, i: int, before: str) -> str:
        """The next character of program `i` after the text `before`."""
        tok, context = self.corpus.tokenizer, self.net.config.block_size
        tokens = torch.from_numpy(tok.encode(before).astype(np.int64))[None]
        with torch.no_grad():
            logits = self.net(tokens.to(self.net.head.weight.device))[0, -1]
        question = Question(task, self.protocol, self.seed)
        chance = question.chance(np.array([i]), len(before), context)[0]
        return tok.decode([int(sample_next_token(logits, logits.new_tensor(chance)))])

    def write(self, task: str, i: int, before: str, most: int, end: str | None) -> str:
        """Up to `most` characters after `before`; it ends where all text ends in `end`."""
        text = ""
        while len(text) < most and len(before + text) < self.net.config.block_size:
            text += self.next(task, i, before + text)
            if end is not None and (before + text).endswith(end):
                break
        return text

    def tokens(self, i: int) -> tuple[int, int]:
        """Right characters, and all that were asked for, of program `i`."""
        text = self.corpus.texts[i][:-2]  # without the blank line
        places = range(1, len(text))
        return sum(self.next("token", i, text[:t]) == text[t] for t in places), len(
            places
        )

    def lines(self, i: int) -> tuple[int, int, float]:
        """Right lines of program `i`, all that were asked for, mean edit similarity."""
        lines = self.corpus.texts[i][:-2].split("\n")
        right, similarity = 0, 0
        for n in range(1, len(lines)):
            line, before = lines[n], "\n".join(lines[:n]) + "\n"
            if self.protocol == "released":
                text = self.write("line", i, before, len(line), None)
                right += text == line
            else:
                text = self.write("line", i, before, len(line) + 8, "\n")
                right += text == line + "\n"
                text = text.removesuffix("\n")
            similarity += edit_similarity(text, line)
        return right, len(lines) - 1, similarity / max(len(lines) - 1, 1)

    def output(self, i: int) -> tuple[bool, str]:
        """Whether the output written for program `i` is right, and what it is."""
        p = self.corpus[i]
        truth = p.text[len(p.prompt) :]
        if self.protocol == "released":
            most = 30 if "for" in p.prompt else 20
            text = self.write("execution", i, p.prompt.removesuffix("\n"), most, None)
            return released_match(truth, text), text
        text = self.write("execution", i, p.prompt, len(truth) + 16, "\n\n")
        return text == truth, text


def ask(net, corpus: Corpus, ids, protocol="exact", seed=0) -> list[Answers]:
    """The answers to all three tasks, as `evaluate.ask` gives them."""
    asked, ids = Asked(net, corpus, protocol, seed), np.asarray(ids)
    token, line, output = (
        [do(int(i)) for i in ids] for do in (asked.tokens, asked.lines, asked.output)
    )
    tokens, lines = np.array(token), np.array(line)
    counts = lines[:, :2].astype(np.int64)
    right = np.array([fine for fine, _ in output], np.int64)
    return [
        Answers("token", protocol, ids, tokens[:, 0], tokens[:, 1]),
        Answers("line", protocol, ids, counts[:, 0], counts[:, 1], lines[:, 2]),
        Answers(
            "execution",
            protocol,
            ids,
            right,
            np.ones_like(right),
            predicted=[text for _, text in output],
        ),
    ]
