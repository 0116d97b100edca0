"""Data flows one way: no room imports a room of its own floor or above it."""

import importlib.util
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
TOOL = ROOT / "book" / "tools" / "imports.py"
spec = importlib.util.spec_from_file_location("imports_tool", TOOL)
tool = importlib.util.module_from_spec(spec)
spec.loader.exec_module(tool)


def test_no_import_goes_up():
    assert tool.upward() == []


def test_every_room_has_a_floor():
    rooms = {p.stem for p in (ROOT / "curriculum").glob("*.py")}
    rooms |= {p.parent.name for p in (ROOT / "curriculum").glob("*/__init__.py")}
    assert rooms - {"__init__", "__main__"} <= set(tool.FLOOR)


def test_an_upward_import_is_found(tmp_path):
    package = tmp_path / "curriculum"
    shutil.copytree(ROOT / "curriculum", package)
    with open(package / "data" / "corpus.py", "a", encoding="utf-8") as file:
        file.write("\nfrom ..ordering import plan\n")
    (bad,) = tool.upward(package)
    assert bad.startswith("data/corpus.py") and "data imports ordering" in bad


def test_the_picture_on_the_readme_is_the_present_one():
    assert tool.picture() in (ROOT / "README.md").read_text(encoding="utf-8")


def test_scoring_does_not_import_torch():
    code = (
        "import sys; import curriculum.difficulty, curriculum.experiments.cli;"
        "sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
