"""Handouts have no solutions; the page for teachers is that of the chapters."""

from pathlib import Path

import contract
import handout
import nbformat
import pytest

BOOK = Path(__file__).parents[2] / "book"

CHAPTERS = sorted(BOOK.glob("[0-9][0-9]-*.ipynb"))


@pytest.mark.parametrize("path", CHAPTERS, ids=lambda path: path.name[:2])
def test_a_handout_has_no_solution_and_all_the_rest(path, tmp_path):
    assert handout.main([str(path), "--out", str(tmp_path)]) == 0
    before = nbformat.read(path, as_version=4)
    after = nbformat.read(tmp_path / path.name, as_version=4)
    assert not any("hide-cell" in c.metadata.get("tags", []) for c in after.cells)
    assert not any("<summary>Solution" in c.source for c in after.cells)
    assert any("hide-cell" in c.metadata.get("tags", []) for c in before.cells)
    stubs = [c.source for c in before.cells if "print(check." in c.source]
    kept = {c.source for c in after.cells}
    solutions = {
        c.source for c in before.cells if "hide-cell" in c.metadata.get("tags", [])
    }
    assert stubs and all(s in kept for s in stubs if s not in solutions)
    hints = [c for c in after.cells if "<summary>Hint" in c.source]
    assert hints and list(contract.syntax(after)) == []


def test_the_page_for_teachers_is_that_of_the_chapters():
    stored = handout.PAGE.read_text(encoding="utf-8")
    assert handout.page() == stored, "run python book/tools/handout.py --page"
    assert stored.count(".ipynb)") >= len(CHAPTERS)


@pytest.mark.parametrize(
    ("said", "found"),
    [
        ("**You need:** Python.\n:::", "–"),
        ("**You need:** [Chapter 7](07-b.ipynb). **Hardware:** 2 cores", "7"),
        (
            "**You need:** Chapters [2](02-a.ipynb), [4](04-b.ipynb) and\n[6](x).",
            "2, 4, 6",
        ),
        ("**Before**: Chapters [6](06-c.ipynb) and [11](11-d.ipynb)\n:::", "6, 11"),
        (
            "**You need:** [Chapter 6](a) for x, [Chapters 8](b) to [10](c).",
            "6, 8 to 10",
        ),
        ("**Time:** 45 minutes; see Chapter 9.", "–"),
    ],
)
def test_what_a_chapter_needs_is_read_from_it(said, found):
    assert handout.needs(said) == found


@pytest.mark.parametrize("words", [["nothing.ipynb"], ["README.md"]])
def test_what_is_no_notebook_is_refused(words, tmp_path, capsys):
    with pytest.raises(SystemExit):
        handout.main([*words, "--out", str(tmp_path)])
    assert "is no notebook" in capsys.readouterr().err


def test_a_chapter_is_not_overwritten(capsys):
    with pytest.raises(SystemExit):
        handout.main([str(CHAPTERS[0]), "--out", str(BOOK)])
    assert "name another folder" in capsys.readouterr().err
