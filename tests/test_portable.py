"""The same on every processor: no order of ties is left to a kernel."""

import ast
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from portable import SETTINGS, environment

ROOT = Path(__file__).parents[1]

# Their ties come in an order that depends on the kernel, and they return positions.
SORTERS = {"argsort", "topk", "argpartition"}


def sources():
    """(where, source) of every module and of every code cell of the chapters."""
    for folder in ("curriculum", "book/tools", "book/ext"):
        for path in sorted((ROOT / folder).rglob("*.py")):
            yield path.relative_to(ROOT), path.read_text(encoding="utf-8")
    for path in sorted((ROOT / "book").glob("*.ipynb")):
        cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
        for i, cell in enumerate(cells):
            if cell["cell_type"] == "code":
                lines = "".join(cell["source"]).split("\n")
                plain = [x for x in lines if not x.startswith(("%", "!"))]
                yield f"{path.name}, cell {i}", "\n".join(plain)


def unstable(source: str) -> list[str]:
    """Calls that sort positions by keys that may be equal, without saying how."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
            continue
        says = {k.arg: ast.unparse(k.value) for k in node.keywords}
        stable = says.get("kind") == "'stable'" or says.get("stable") == "True"
        positions = node.func.attr in SORTERS
        positions |= ast.unparse(node.func) == "torch.sort"
        if positions and not stable:
            found.append(f"line {node.lineno}: {ast.unparse(node)[:60]}")
    return found


@pytest.mark.fault(
    "Portability",
    "equal scores are sorted on a processor without AVX-512",
    "the same order of programs and the same printed digits everywhere",
    "every sort that returns positions must say that it is stable",
)
def test_every_sort_of_positions_is_stable():
    assert unstable("np.argsort(x)") and unstable("x.topk(3)")
    assert not unstable("x.argsort(kind='stable')")
    assert not unstable("torch.sort(x, stable=True)")
    found = {str(where): calls for where, s in sources() if (calls := unstable(s))}
    assert not found, found


CHECK = """
import json, sys
import numpy as np
from curriculum import files
from curriculum.data.corpus import CorpusSpec, build, split
from curriculum.difficulty import SCORERS, Familiarity, label, score_many
from curriculum.ordering import schedules
from curriculum.ordering.plan import Plan
corpus = build(CorpusSpec(size=400, variant="july"))
parts = split(corpus)
names = ["om_token", "om_radon", "characters", "cdm"]
familiarity = Familiarity.fit([corpus.codes[i] for i in parts.train])
table = score_many(corpus.codes, names, familiarity=familiarity).table
found = [corpus.hash, *(p.tolist() for p in parts[:3])]
for name in names:
    found.append([float(x).hex() for x in table[name]])
    labels = label(table[name], "tertiles")
    found.append(labels.tolist())
    for schedule in ("baseline", "hybrid", "random-order", "hybrid-shuffled"):
        ids = np.arange(len(labels))
        made = schedules.NAMED[schedule]()
        found.append(Plan(made, ids, table[name], labels, 3, 60, 8).digest)
print(files.digest(found))
"""


def digest(**changed):
    done = subprocess.run(
        [sys.executable, "-c", CHECK],
        env=os.environ | changed,
        capture_output=True,
        encoding="utf-8",
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.mark.fault(
    "Portability",
    "programs, splits, scores and plans are made with other processors' kernels, hash"
    " seeds, threads, locales and time zones",
    "data and order are functions of their seed alone",
    "bit for bit the same",
)
def test_data_and_plans_are_the_same_under_every_setting():
    here = digest()
    assert all(digest(**environment(name)) == here for name in SETTINGS)
