"""The appendix "What we tried to break", written from the tests.

    python book/tools/faults.py            # after a test got a `fault` marker

- A test that holds a promise of the book against an attack carries
  `@pytest.mark.fault(area, tried, promise, result)`. This page is the list of them: the
  row stands here because the test is there, and `make test` runs it.
- Below stand the planted bugs of `tests/mutants.py`, with the tests that find them.

A test holds the committed page against the tests.
"""

import ast
import sys
from collections import defaultdict
from pathlib import Path
from typing import NamedTuple

from curriculum import files

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "book" / "tried.md"
sys.path.insert(0, str(ROOT / "tests"))
from mutants import MUTANTS  # noqa: E402

AREAS = {
    "Difficulty": "programs from other people's folders, in every syntax",
    "Sandbox": "programs that misbehave by accident or on purpose",
    "Plans": "orders that are wrong before anything is trained",
    "Audit": "training loops that deliver something else than planned",
    "Identity": "old results that look like new ones",
    "Files": "kills, full disks, flipped bits, files of another kind",
    "Joints": "facts that must hold from the first program to the last figure",
    "Fine-tuning": "models, items and plans of other people",
    "Command line": "values that no run can use",
    "Portability": "other processors, threads, locales, time zones",
    "Notebooks": "chapters run somewhere else, and wrong answers to exercises",
}

HEAD = """# What we tried to break

A book that promises honesty should say how it was attacked. Each row of the tables below
is a test of this repository: something that was tried, what the book promises, and what
happens now. The page is generated from the tests by `book/tools/faults.py`, and
`make test` runs every one of them. A row ends with the place of its test below `tests/`.

The attacks came from public bug reports, from the code that the paper released, from
readers who were asked to break things, and from bugs that we planted ourselves.
"""

PLANTED = """
## Planted bugs

A test that cannot fail proves nothing. `make mutants` plants each of these {n} bugs into a
copy of the package, one at a time, and runs the tests beside it: they must fail.

| planted in | bug | found by |
| :-- | :-- | :-- |
"""


class Fault(NamedTuple):
    """One row: where it belongs, its three sentences, and its test."""

    area: str
    tried: str
    promise: str
    result: str
    test: str


def faults(tests: Path = ROOT / "tests") -> list[Fault]:
    """Every `fault` marker of the tests, in the order of their files."""
    found = []
    for path in sorted(tests.rglob("test_*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.FunctionDef):
                continue
            for marker in node.decorator_list:
                if ast.unparse(marker).startswith("pytest.mark.fault("):
                    place = f"{path.relative_to(tests).as_posix()}::{node.name}"
                    words = [ast.literal_eval(word) for word in marker.args]
                    found.append(Fault(*words, place))
    return found


def page() -> str:
    """The text of the appendix."""
    by_area = defaultdict(list)
    for fault in faults():
        by_area[fault.area].append(fault)
    if unknown := set(by_area) - set(AREAS):
        raise ValueError(f"areas are {sorted(unknown)}; use {', '.join(AREAS)}")
    parts = [HEAD]
    for area, about in AREAS.items():
        if area not in by_area:
            continue
        parts.append(f"\n## {area}: {about}\n\n")
        parts.append("| tried | promise | what happens | test |\n")
        parts.append("| :-- | :-- | :-- | :-- |\n")
        for fault in by_area[area]:
            file, _, name = fault.test.partition("::")
            words = map(_cell, (fault.tried, fault.promise, fault.result))
            test = f"{file}: {name.removeprefix('test_').replace('_', ' ')}"
            parts.append(f"| {' | '.join([*words, _cell(test)])} |\n")
    parts.append(PLANTED.format(n=len(MUTANTS)))
    for m in MUTANTS:
        parts.append(f"| `{m.file}` | {_cell(m.what)} | `{' '.join(m.tests)}` |\n")
    return "".join(parts)


def _cell(text: str) -> str:
    """`text` in one cell of a table; what stands between backticks is left as it is."""
    parts = " ".join(text.split()).replace("|", "\\|").split("`")
    plain = [
        p.replace("<", "&lt;").replace("*", "\\*").replace("_", "\\_") for p in parts
    ]
    return "`".join(plain[i] if i % 2 == 0 else parts[i] for i in range(len(parts)))


if __name__ == "__main__":
    print(files.write_text(PAGE, page()), len(faults()))
