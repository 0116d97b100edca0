"""Corpora: executed programs as text, their near-duplicates, honest splits, and tokens.

- A corpus is a pure function of its spec. Candidates are drawn in blocks, each from a
  generator seeded with the spec and the block's number, so neither the workers nor the
  machine change a character, and a larger corpus begins with the smaller one.
- What is dropped is counted: programs that raise, print or weigh too much, duplicates.
- Two programs can be the same to a model without being equal. `near_duplicate_key` knows
  three kinds, and `split` never puts near-duplicates into both training and test.
- A file carries its spec and a hash of its content; reading a damaged file, or one made
  for another spec, is an error that says so.

Text of a program, as in the published data (Yamani et al. 2024, arXiv 2403.06503):
code, `# output`, each printed line after "# ", a blank line. One difference: a program
that prints nothing gets no "# " line. Explained in chapter 2.
"""

import functools
import hashlib
import io
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from random import Random
from typing import NamedTuple

import numpy as np
import pyarrow
import pyarrow.parquet

from .. import files
from . import sandbox, tinypy
from .near_duplicates import CLONE_KINDS, near_duplicate_key
from .tokenizer import CharTokenizer

BLOCK = 256  # candidates drawn from one random generator
ROUND = 16  # blocks between two reports of progress
BARREN = 40  # blocks without a new program after which a level counts as exhausted
SLICE = 8192  # programs whose texts are in memory at once when all are walked through


@dataclass(frozen=True)
class CorpusSpec:
    """All that decides what a corpus contains."""

    size: int = 20_000  # programs
    level: str = "ALL"
    variant: str = "july"
    seed: int = 0
    max_chars: int = 256  # of the text; the paper's model sees 256 characters
    max_output: int = 40  # characters printed; keeps answers short enough to predict

    def __post_init__(self):
        for name, least, most in (
            ("size", 1, 10_000_000),
            ("seed", 0, 2**63 - 1),
            ("max_chars", 16, 1_000_000),
            ("max_output", 1, 1_000_000),
        ):
            value = getattr(self, name)
            if type(value) is not int or not least <= value <= most:
                raise ValueError(f"{name} is {value!r}; use an int, {least} to {most}")
        tinypy.sample(self.level, Random(0), self.variant)  # complains of a wrong one


class Program(NamedTuple):
    """A program, what it really printed (without the last newline), and its level."""

    code: str
    output: str
    level: str

    @property
    def prompt(self) -> str:
        """What a model is given when it shall predict the output."""
        return self.code + "\n# output\n"

    @property
    def text(self) -> str:
        """The prompt, the output as comments, and the blank line at the end of each."""
        lines = self.output.split("\n") if self.output else []
        return self.prompt + "".join(f"# {line}\n" for line in lines) + "\n"


@dataclass(frozen=True, eq=False)
class Corpus:
    """N programs. `dropped` counts the candidates left out, by reason."""

    spec: CorpusSpec
    codes: list[str]
    outputs: list[str]
    levels: np.ndarray  # (N,) "<U3"
    dropped: dict[str, int] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.codes)

    def __getitem__(self, i: int) -> Program:
        return Program(self.codes[i], self.outputs[i], str(self.levels[i]))

    @functools.cached_property
    def texts(self) -> list[str]:
        """The N texts. Joined, they are the stream the released code trains on."""
        return [text for part in self._slices_of_texts() for text in part]

    def _slices_of_texts(self) -> Iterator[list[str]]:
        """The texts, some thousand at a time: a large corpus need not hold them all."""
        for i in range(0, len(self), SLICE):
            pairs = zip(
                self.codes[i : i + SLICE], self.outputs[i : i + SLICE], strict=True
            )
            yield [Program(code, output, "").text for code, output in pairs]

    @functools.cached_property
    def hash(self) -> str:
        """SHA-256 of the spec, the texts and the levels."""
        # files.digest([spec, texts, levels]), without the JSON as a whole in memory.
        levels = (
            self.levels[i : i + SLICE].tolist() for i in range(0, len(self), SLICE)
        )
        sha = hashlib.sha256(b"[" + files.canonical(asdict(self.spec)))
        for slices in (self._slices_of_texts(), levels):
            sha.update(b",[")
            for i, part in enumerate(slices):
                sha.update(b"," * (i > 0) + files.canonical(part)[1:-1])
            sha.update(b"]")
        sha.update(b"]")
        return sha.hexdigest()

    def subset(self, ids: Sequence[int] | np.ndarray) -> "Corpus":
        """The programs with these numbers (or this mask), in this order; same spec."""
        ids = np.asarray(ids)
        ids = np.flatnonzero(ids) if ids.dtype == bool else ids.astype(np.int64)
        codes, outputs = [self.codes[i] for i in ids], [self.outputs[i] for i in ids]
        return Corpus(self.spec, codes, outputs, self.levels[ids], self.dropped)

    @functools.cached_property
    def tokenizer(self) -> CharTokenizer:
        """That of the variant, so corpora of one variant share their tokens."""
        return CharTokenizer.tinypy(self.spec.variant)

    @functools.cached_property
    def tokens(self) -> np.ndarray:
        """All texts in one row: uint8 (total characters,)."""
        parts = ["".join(part) for part in self._slices_of_texts()]
        return np.concatenate([self.tokenizer.encode(part) for part in parts or [""]])

    @functools.cached_property
    def offsets(self) -> np.ndarray:
        """int64 (N+1,): program i is `tokens[offsets[i]:offsets[i + 1]]`."""
        return np.concatenate([[0], np.cumsum(self.lengths)])

    @functools.cached_property
    def lengths(self) -> np.ndarray:
        """int64 (N,): characters of each text."""
        pairs = zip(self.codes, self.outputs, strict=True)
        return np.fromiter((_length(*pair) for pair in pairs), np.int64, len(self))

    def save(self, folder) -> Path:
        """Write programs.parquet, whole or not at all."""
        note = json.dumps(
            {"spec": asdict(self.spec), "hash": self.hash, "dropped": self.dropped}
        )
        columns = {"code": self.codes, "output": self.outputs, "level": self.levels}
        table = pyarrow.table(columns).replace_schema_metadata({"curriculum": note})
        sink = io.BytesIO()
        pyarrow.parquet.write_table(table, sink, compression="zstd")
        files.write_bytes(Path(folder) / "programs.parquet", sink.getvalue())
        return Path(folder)

    @classmethod
    def load(cls, folder, spec: CorpusSpec | None = None) -> "Corpus":
        """Read what `save` wrote, and check it against its hash and against `spec`.

        Raises: ValueError: the file is missing or damaged, or the corpus was made from
        another spec or is a subset.
        """
        path = files.found(Path(folder) / "programs.parquet")
        data = _read(path)
        try:
            table = pyarrow.parquet.read_table(pyarrow.BufferReader(data))
            note = json.loads(table.schema.metadata[b"curriculum"])
            found = CorpusSpec(**note["spec"])
            codes, outputs = table["code"].to_pylist(), table["output"].to_pylist()
            levels = np.array(table["level"].to_pylist(), dtype="<U3")
            corpus = cls(found, codes, outputs, levels, note["dropped"])
            intact = corpus.hash == note["hash"]
        except (
            pyarrow.ArrowException,
            OSError,
            ValueError,
            LookupError,
            TypeError,
        ) as e:
            raise _damaged(path, e) from None
        if not intact:
            raise _damaged(path, "its content does not match its hash")
        if spec is not None:
            _compare(path, asdict(found), asdict(spec), len(corpus))
        return corpus


def _length(code: str, output: str) -> int:
    """Characters of the text; see `Program.text`, which is slower to build and count."""
    printed = len(output) + 2 * output.count("\n") + 3 if output else 0
    return len(code) + len("\n# output\n") + printed + 1


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise ValueError(f"{path} does not exist; build the corpus first") from None


def _damaged(path: Path, reason) -> ValueError:
    reason = str(reason).splitlines()[0] if str(reason) else type(reason).__name__
    return ValueError(f"{path} is damaged ({reason}); delete it and build it again")


def _compare(path: Path, found: dict, wanted: dict, n: int) -> None:
    other = [f"{k}={found[k]!r}, not {v!r}" for k, v in wanted.items() if found[k] != v]
    if not other and n != found["size"]:
        other = [f"a subset of {n} of the {found['size']} programs"]
    if other:
        raise ValueError(
            f"{path} holds a corpus of another spec ({'; '.join(other)});"
            " build the one you want in another folder"
        )


# ---------------------------------------------------------------- building


def build(
    spec: CorpusSpec,
    workers: int = 1,
    progress: Callable[[int, int], None] | None = None,
) -> Corpus:
    """Draw, run and keep programs until there are `spec.size` of them.

    Args:
        spec: what to build.
        workers: sandboxes at work at once; the corpus does not depend on it.
        progress: called with (programs so far, programs wanted) about once a second.
    Raises: ValueError: the level has fewer programs than asked for.
    """
    again: dict[str, str] = {}  # code -> what it counts as when it is drawn once more
    codes, outputs, levels = [], [], []
    dropped = {"duplicate": 0, "raised": 0, "too much output": 0, "too long": 0}
    block, last_find = 0, 0
    # One more character than allowed, for the last newline.
    with sandbox.Team(workers, max_output=spec.max_output + 1) as team:
        while len(codes) < spec.size:
            if block - last_find >= BARREN:
                raise ValueError(
                    f"level {spec.level} ({spec.variant}) is exhausted: {BARREN} blocks"
                    f" of {BLOCK} candidates brought nothing beyond {len(codes)}"
                    f" programs (dropped: {dropped}); ask for a smaller size or another"
                    " level"
                )
            blocks = min(ROUND, -(-(spec.size - len(codes)) // BLOCK))
            drawn = [s for i in range(blocks) for s in _draw(spec, block + i)]
            new = list(dict.fromkeys(s.code for s in drawn if s.code not in again))
            outcomes = dict(zip(new, team.run(new), strict=True))
            for i, (code, level) in enumerate(drawn):
                reason = again.get(code)
                if not reason:
                    reason, output = _verdict(spec, code, outcomes[code])
                    again[code] = reason or "duplicate"
                if reason:
                    dropped[reason] += 1
                    continue
                codes.append(code)
                outputs.append(output)
                levels.append(level)
                last_find = block + i // BLOCK + 1
                if len(codes) == spec.size:
                    break
            block += blocks
            if progress:
                progress(len(codes), spec.size)
    return Corpus(spec, codes, outputs, np.array(levels, dtype="<U3"), dropped)


def _draw(spec: CorpusSpec, block: int) -> list[tinypy.Sample]:
    rng = Random(f"{spec.seed}/{spec.variant}/{spec.level}/{block}")
    return [tinypy.sample(spec.level, rng, spec.variant) for _ in range(BLOCK)]


def _verdict(
    spec: CorpusSpec, code: str, outcome: sandbox.Outcome
) -> tuple[str | None, str]:
    """Why to drop a program, or None; and what it printed."""
    output = outcome.stdout.removesuffix("\n")
    if not outcome.ok:
        much = outcome.error.startswith("output:")
        return "too much output" if much else "raised", output
    return "too long" if _length(code, output) > spec.max_chars else None, output


def fits(spec: CorpusSpec, code: str, outcome: sandbox.Outcome) -> bool:
    """Whether a program that was run may stand in a corpus, and printed something."""
    reason, output = _verdict(spec, code, outcome)
    return reason is None and 0 < len(output) <= spec.max_output


# ---------------------------------------------------------------- near-duplicates and splits


def leakage_report(corpus: Corpus, test_share: float = 0.1, seed: int = 0) -> dict:
    """How many programs of a naive random test set have a near-duplicate in training.

    Returns: {kind: {"crossing": programs, "share": of the test set, "test": its size}}.
    """
    if not 0 < test_share < 1 or not 1 <= round(len(corpus) * test_share) < len(corpus):
        raise ValueError(
            f"test_share is {test_share!r}; it must be between 0 and 1 and leave both"
            f" sides at least one of the {len(corpus)} programs"
        )
    order = files.hash_order(len(corpus), "naive split", seed)
    n = round(len(corpus) * test_share)
    report = {}
    for kind in CLONE_KINDS:
        keys = [near_duplicate_key(code, kind) for code in corpus.codes]
        train = {keys[i] for i in order[n:]}
        crossing = sum(keys[i] in train for i in order[:n])
        report[kind] = {"crossing": crossing, "share": crossing / n, "test": n}
    return report


class Split(NamedTuple):
    """Program numbers (int64, ascending) of each side; the kind of near-duplicate kept apart."""

    train: np.ndarray
    valid: np.ndarray
    test: np.ndarray
    by: str


def split(
    corpus: Corpus,
    by: str = "renamed",
    shares: tuple[float, float, float] = (0.9, 0.05, 0.05),
    seed: int = 0,
) -> Split:
    """Divide a corpus so that no two near-duplicates of kind `by` are on different sides.

    The hash of (seed, near-duplicate key) decides, so a program's side does not depend on the
    other programs, and the shares are met on average only.

    Raises: ValueError: wrong shares or kind, or a side with a share but no program.
    """
    if len(shares) != 3 or min(shares) < 0 or abs(sum(shares) - 1) > 1e-9:
        raise ValueError(f"shares are {shares!r}; use three numbers >= 0 with sum 1")
    keys = (f"{seed}/{near_duplicate_key(code, by)}".encode() for code in corpus.codes)
    places = [int.from_bytes(hashlib.sha256(key).digest()[:8], "big") for key in keys]
    place = np.array(places, dtype=np.uint64) / 2**64  # of each group, from 0 to 1
    bounds = np.cumsum(shares[:2])
    side = np.searchsorted(bounds, place, side="right")
    sides = [np.flatnonzero(side == i).astype(np.int64) for i in range(3)]
    for name, share, ids in zip(Split._fields, shares, sides, strict=False):
        if share and not len(ids):
            raise ValueError(
                f"the {name} side, share {share:g}, got none of {len(corpus)} programs"
                f" ({len(set(places))} groups of near-duplicates); build a larger corpus"
            )
    return Split(sides[0], sides[1], sides[2], by)
