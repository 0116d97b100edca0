"""Planted bugs: each must be found by the tests named beside it.

    python tests/mutants.py                # all of them; `make mutants`
    python tests/mutants.py hybrid sandbox # those whose words or file say so

- A bug is a change of one place in the package, such as anybody might make by mistake.
- It is planted into a copy, and the tests beside it are run on that copy. If they pass,
  nobody would have noticed: the run ends with exit code 1.
- The tests pass without the bug, as `make test` shows.
"""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[1]


class Mutant(NamedTuple):
    """A planted bug: `old` becomes `new` in `file`, and `tests` have to fail."""

    what: str
    file: str  # below the package
    old: str  # stands there exactly once
    new: str
    tests: tuple[str, ...]  # below tests/


MUTANTS: tuple[Mutant, ...] = (
    Mutant(
        "a model with ReLU is taken for one with GELU",
        "sources.py",
        '"model.py", "data",\n            "training",',
        '"data",\n            "training",',
        ("test_sources.py",),
    ),
)


def plant(mutant: Mutant, home: Path) -> None:
    """A copy of the checkout in `home`, with the bug."""
    for name in ("curriculum", "tests", "book", "pyproject.toml", "_config.yml"):
        source = ROOT / name
        if source.is_dir():
            skip = shutil.ignore_patterns("__pycache__", "local", "*.lock")
            shutil.copytree(source, home / name, ignore=skip)
        else:
            shutil.copy(source, home / name)
    path = home / "curriculum" / mutant.file
    text = path.read_text(encoding="utf-8")
    if text.count(mutant.old) != 1:
        raise ValueError(
            f"{mutant.file} has {text.count(mutant.old)} places {mutant.old!r}; a mutant"
            " needs exactly one"
        )
    path.write_text(text.replace(mutant.old, mutant.new), encoding="utf-8")


def killed(mutant: Mutant) -> tuple[bool, float, str]:
    """(whether the tests fail on the bug, seconds, the last line they print)."""
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        plant(mutant, home)
        environment = os.environ | {"PYTHONPATH": folder, "OMP_NUM_THREADS": "1"}
        command = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider"]
        done = subprocess.run(
            [*command, *(f"tests/{test}" for test in mutant.tests)],
            cwd=home,
            env=environment,
            capture_output=True,
            encoding="utf-8",
        )
    last = (done.stdout.strip().splitlines() or [""])[-1]
    # 1: tests failed. Anything else (no such test, an import that fails) proves nothing.
    return done.returncode == 1, time.monotonic() - began, last


def main(words) -> int:
    """Plant and try; exit code 1 if a bug survives."""
    chosen = [
        m for m in MUTANTS if not words or any(w in m.what + m.file for w in words)
    ]
    survived = 0
    with ThreadPoolExecutor(2) as pool:
        for mutant, (dead, seconds, last) in zip(
            chosen, pool.map(killed, chosen), strict=True
        ):
            survived += not dead
            word = "found" if dead else "SURVIVED"
            print(f"{word}: {mutant.what} ({seconds:.0f} s; {last})", flush=True)
    print(f"{len(chosen) - survived} of {len(chosen)} planted bugs were found")
    return int(survived > 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
