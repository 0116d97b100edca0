"""Results know their code: an edit of the package makes new results, or is refused."""

import io
import json
import os
import shutil
import subprocess
import sys
import tokenize
from pathlib import Path

import pytest

from curriculum import sources

ROOT = Path(__file__).parents[1]


@pytest.fixture
def copy(tmp_path):
    """A copy of the package that may be edited; `edit(file, old, new)` does."""
    package = tmp_path / "code" / "curriculum"
    shutil.copytree(ROOT / "curriculum", package)

    def edit(file, old, new):
        path = package / file
        text = path.read_text(encoding="utf-8")
        assert text.count(old) >= 1, (file, old)
        path.write_text(text.replace(old, new), encoding="utf-8")

    return package, edit


@pytest.mark.parametrize(
    "file, old, new, changes",
    [
        (
            "model.py",
            "nn.GELU()",
            "nn.ReLU()",
            {"training", "finetune", "reacting", "results"},
        ),
        (
            "difficulty/metrics.py",
            "return ",
            "return 1.0 * ",
            {"scores", "finetune", "reacting", "results"},
        ),
        ("data/tinypy.py", "rng", "generator", {*sources.DECIDES}),
        ("evaluation/tasks.py", "return ", "return  ", {"reacting", "results"}),
        (
            "training/config.py",
            "0.1**drops",
            "0.2**drops",
            {"training", "finetune", "reacting", "results"},
        ),
        ("teachers/named.py", "0.5 * (", "0.6 * (", {"reacting"}),
        ("model.py", '"""Characters in', '"""Letters in', set()),
        ("data/corpus.py", "# programs\n", "# of them\n", set()),
        ("files.py", "\n\n\n", "\n\n\n\n", set()),
        ("plots.py", "return ", "return  ", set()),
    ],
)
def test_an_edit_changes_the_digests_of_what_it_decides(copy, file, old, new, changes):
    package, edit = copy
    before = {what: sources.code_digest(what, package) for what in sources.DECIDES}
    assert before["corpus"] == sources.code_digest("corpus")
    edit(file, old, new)
    sources.code_digest.cache_clear()
    after = {what: sources.code_digest(what, package) for what in sources.DECIDES}
    assert {what for what in after if after[what] != before[what]} == changes


def code_words(source):
    """All names, operators and numbers, in their order."""
    kinds = (tokenize.NAME, tokenize.OP, tokenize.NUMBER)
    found = tokenize.generate_tokens(io.StringIO(source).readline)
    return [text for kind, text, *_ in found if kind in kinds]


def test_bare_sources_keep_all_code():
    for path in (ROOT / "curriculum").rglob("*.py"):
        text = path.read_text(encoding="utf-8")
        assert code_words(sources.bare(text)) == code_words(text), path
    source = (
        'def f():\n    """Doc."""\n    # why\n    x = "# no"  # yes\n\n    return x\n'
    )
    assert sources.bare(source) == 'def f():\n    x = "# no"\n    return x'


def test_every_module_that_decides_a_result_is_in_its_digest():
    """What the rooms of a digest import is in the digest too."""
    import ast

    for rooms, _ in sources.DECIDES.values():
        inside = [
            p
            for room in rooms
            for p in (
                (sources.PACKAGE / room).rglob("*.py")
                if (sources.PACKAGE / room).is_dir()
                else [sources.PACKAGE / room]
            )
        ]
        for path in inside:
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if not isinstance(node, ast.ImportFrom) or not node.level:
                    continue
                base = path.parents[node.level - 1] / (node.module or "").replace(
                    ".", "/"
                )
                for alias in node.names:
                    for found in (base / f"{alias.name}.py", base.with_suffix(".py")):
                        if found.is_file():
                            name = found.relative_to(sources.PACKAGE).as_posix()
                            assert found in inside or name in NOT_DECISIVE, (path, name)


# They read, write and guard results but do not compute them; the first two are themselves
# the machinery of this test.
NOT_DECISIVE = {
    "sources.py",
    "tensors.py",
    "experiments/custom.py",  # its own digest is in every record
    "experiments/locks.py",
    "experiments/records.py",
}


def command(package, home, *words):
    done = subprocess.run(
        [sys.executable, "-m", "curriculum", *words],
        cwd=home,
        env=os.environ
        | {"PYTHONPATH": str(package.parent), "CURRICULUM_CACHE": str(home / "cache")},
        capture_output=True,
        encoding="utf-8",
    )
    return done.returncode, done.stdout, done.stderr


@pytest.mark.fault(
    "Identity",
    "GELU is replaced by ReLU, and the same command is given again",
    "a result belongs to the code that made it",
    "refused; with --again trained anew, and the old record is kept under another name",
)
@pytest.mark.fault(
    "Identity",
    "a scorer's formula is edited",
    "scores are those of the code at hand",
    "scored and planned anew; nothing cached before the edit is used",
)
def test_an_edited_package_does_not_hand_out_old_results(copy, tmp_path):
    package, edit = copy
    words = ["schedule=hybrid", "scale=smoke", "study=tests"]
    train = ["train", *words, "--results", str(tmp_path / "r")]
    path = tmp_path / "r" / "tests" / "hybrid_scale-smoke_s0.json"

    def digest_of_plan():
        code, out, err = command(package, tmp_path, "plan", *words)
        assert code == 0, err
        return out.split("digest ")[1].strip()

    assert command(package, tmp_path, *train)[0] == 0
    first, plan = json.loads(path.read_bytes()), digest_of_plan()
    assert "done before" in command(package, tmp_path, *train)[1]
    edit("model.py", '"""Characters in', '"""Letters in')  # no code
    assert "done before" in command(package, tmp_path, *train)[1]

    edit("model.py", "nn.GELU()", "nn.ReLU()")
    code, _, err = command(package, tmp_path, *train)
    assert code == 2 and "was made by other code" in err and err.count("\n") == 1
    assert json.loads(path.read_bytes()) == first
    code, out, err = command(package, tmp_path, *train, "--again")
    assert code == 0, err
    second = json.loads(path.read_bytes())
    assert second["curve"][-1]["loss"] != first["curve"][-1]["loss"]
    assert second["plan"]["digest"] == first["plan"]["digest"] == plan
    (aside,) = path.parent.glob("*.json.*")
    assert json.loads(aside.read_bytes()) == first

    old = "(program.cyclomatic + program.lexical.halstead.difficulty)"
    edit("difficulty/metrics.py", old, old.replace("(", "(1.5 * "))
    assert digest_of_plan() != plan
