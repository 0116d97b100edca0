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
        "`except*` is counted only where radon counts it",
        "difficulty/decisions.py",
        "rows = [(word, 1, radon)] * len(node.handlers)",
        "rows = [(word, radon, radon)] * len(node.handlers)",
        ("difficulty/test_pairs.py",),
    ),
    Mutant(
        "decisions in decorators and defaults are forgotten",
        "difficulty/decisions.py",
        "head = place._replace(radon=False)  #",
        "head = place._replace(ours=False, radon=False)  #",
        ("difficulty/test_pairs.py",),
    ),
    Mutant(
        "the field of a dataclass is taken for a mere hint",
        "difficulty/documentation.py",
        "return not isinstance(parent, ast.ClassDef)",
        "return True",
        ("difficulty/test_pairs.py",),
    ),
    Mutant(
        "columns are taken for bytes after an “ü”",
        "difficulty/lexical.py",
        "byte if text.isascii() else len(text.encode()[:byte].decode())",
        "byte",
        ("difficulty/test_pairs.py",),
    ),
    Mutant(
        "radon's overall metric is made of our count",
        "difficulty/metrics.py",
        "return (program.cyclomatic_radon + program.halstead_radon) / 2",
        "return (program.cyclomatic + program.halstead_radon) / 2",
        ("difficulty/test_pairs.py",),
    ),
    Mutant(
        "a long chain of `elif` is refused as nested",
        "difficulty/parse.py",
        "return _without_elif(self.source) if deep else self.tree",
        "return self.tree",
        ("difficulty/test_difficulty.py",),
    ),
    Mutant(
        "a pipe is opened, and waited for",
        "difficulty/reading.py",
        "if not stat.S_ISREG(mode):",
        "if stat.S_ISDIR(mode):",
        ("difficulty/test_reading.py",),
    ),
    Mutant(
        "output beyond the limit, caught by the program, is fine",
        "data/sandbox_child.py",
        "over = stdout.over or self.caught.over",
        "over = self.caught.over",
        ("data/test_sandbox_faults.py",),
    ),
    Mutant(
        "a MemoryError that the program caught is fine",
        "data/sandbox_child.py",
        "if isinstance(sys.exception(), MemoryError):",
        "if False:",
        ("data/test_sandbox_faults.py",),
    ),
    Mutant(
        "a program may stop the clock that limits it",
        "data/sandbox_keeper.py",
        "if used > self.seconds + GRACE:",
        "if False:",
        ("data/test_sandbox_faults.py",),
    ),
    Mutant(
        "a program may add outcomes for others",
        "data/sandbox_keeper.py",
        "or len(outcomes) > most",
        "",
        ("data/test_sandbox_faults.py",),
    ),
    Mutant(
        "a program finds the files of the one before",
        "data/sandbox_keeper.py",
        "            walls.empty(place)",
        "            pass",
        ("data/test_sandbox_faults.py",),
    ),
    Mutant(
        "a run that misses its last steps is in order",
        "ordering/audit.py",
        "return self.faithful and self.complete",
        "return self.faithful",
        ("ordering/test_audit.py",),
    ),
    Mutant(
        "a cause is named that leaves most steps unexplained",
        "ordering/causes.py",
        "if left > LEFT * wrong or",
        "if",
        ("ordering/test_causes.py",),
    ),
    Mutant(
        "the wrong end of the hard programs is replayed",
        "ordering/check.py",
        "return len(LABELS) - 1 - label, flip[end]",
        "return len(LABELS) - 1 - label, end",
        ("ordering/test_check.py",),
    ),
    Mutant(
        "one id may stand twice in a plan",
        "ordering/inputs.py",
        '(again, "stands twice',
        '(again & False, "stands twice',
        ("ordering/test_check.py",),
    ),
    Mutant(
        "a paced plan may be smaller than its batch",
        "ordering/plan.py",
        "if schedule.pacing and len(self.ids) < batch:",
        "if schedule.pacing and not len(self.ids):",
        ("ordering/test_check.py",),
    ),
    Mutant(
        "shifted targets are not noticed in anybody's loop",
        "ordering/recorder.py",
        "not learnt.any() or not _follows(x, y, learnt, shifted)",
        "not learnt.any()",
        ("ordering/test_recorder.py",),
    ),
    Mutant(
        "a model with ReLU is taken for one with GELU",
        "sources.py",
        '"cores.py", "model.py", "data",\n            "training",',
        '"cores.py", "data",\n            "training",',
        ("test_sources.py",),
    ),
    Mutant(
        "the digest of a record is not compared",
        "files.py",
        "if kept is not None and kept != digest(value):",
        "if kept is not None and not kept:",
        ("test_files.py",),
    ),
    Mutant(
        "what a killed process left behind stays",
        "files.py",
        "if number.isdigit() and not _alive(int(number)):",
        "if number.isdigit() and _alive(int(number)):",
        ("test_files.py",),
    ),
    Mutant(
        "a flipped bit in a file of tensors is not noticed",
        "tensors.py",
        "    if not sound:",
        "    if sound is None:",
        ("test_files.py",),
    ),
    Mutant(
        "a run goes on with another loss",
        "training/batches.py",
        '            "loss_on": self.loss_on,\n',
        "",
        ("training/test_checkpoint.py",),
    ),
    Mutant(
        "a run goes on with another seed's weights",
        "training/checkpoint.py",
        '"model seed": getattr(model, "seed", None),',
        '"model seed": None,',
        ("training/test_checkpoint.py",),
    ),
    Mutant(
        "the log is not kept in the checkpoint",
        "training/checkpoint.py",
        '"seconds", "history")',
        '"seconds")',
        ("training/test_checkpoint.py",),
    ),
    Mutant(
        "a record of another scale counts as done",
        "experiments/records.py",
        'asked |= {f"scale.{k}": v for k, v in whole.items()}',
        'asked |= {f"scale.{k}": found[f"scale.{k}"] for k in whole}',
        ("experiments/test_identity.py",),
    ),
    Mutant(
        "a record made by other code counts as done",
        "experiments/records.py",
        'if not any_code and record.get("sources") != code_digest("results"):',
        'if not any_code and record.get("sources") == "":',
        ("experiments/test_identity.py",),
    ),
    Mutant(
        "scores are kept under the name of their scorer alone",
        "experiments/experiment.py",
        "            parts.train.tolist(),\n",
        "",
        ("experiments/test_identity.py",),
    ),
    Mutant(
        "the noise of programs is divided by the seeds",
        "evaluation/stats.py",
        "programs = by_program.var(ddof=1) - rest / S",
        "programs = by_program.var(ddof=1) - rest / P",
        ("evaluation/test_stats.py",),
    ),
    Mutant(
        "an empty path is the working folder",
        "experiments/cli.py",
        "if not text.strip():",
        "if text is None:",
        ("experiments/test_experiment.py::test_bad_input_is_one_line_and_exit_code_2",),
    ),
)


def plant(mutant: Mutant, home: Path) -> None:
    """A copy of the checkout in `home`, with the bug."""
    skip = shutil.ignore_patterns("__pycache__")
    for name in ("curriculum", "tests"):
        shutil.copytree(ROOT / name, home / name, ignore=skip)
    for name in ("book", "pyproject.toml", "_config.yml", "README.md"):
        (home / name).symlink_to(ROOT / name)
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
