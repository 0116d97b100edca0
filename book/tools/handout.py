"""For teachers: chapters without solutions, and the table of the page for teachers.

    python book/tools/handout.py book/05-*.ipynb --out handout    # copies without solutions
    python book/tools/handout.py --page                           # the table, anew

- A handout loses its solutions: folded cells (tag `hide-cell`) and texts that are folded
  under "Solution". Hints, stubs and checks stay; everything else is as it was.
- `book/teaching.md` lists goals, minutes, exercises and the chapters needed before of
  every chapter, read from the chapters themselves. A test holds it current.
"""

import argparse
import os
import re
import sys
from pathlib import Path

import nbformat

sys.path.insert(0, str(Path(__file__).resolve().parent))
import notebook  # noqa: E402

BOOK = Path(__file__).resolve().parent.parent
PAGE = BOOK / "teaching.md"
MARKS = ("<!-- chapters: written by book/tools/handout.py -->", "<!-- /chapters -->")
SOLUTION = re.compile(r"<details>\s*<summary>Solution.*?</details>", re.DOTALL)


def without_solutions(nb):
    """A copy of a notebook in which no solution can be unfolded."""
    nb = nbformat.from_dict(nb)
    kept = []
    for cell in nb.cells:
        if "hide-cell" in cell.metadata.get("tags", []):
            continue
        if cell.cell_type == "markdown":
            cell.source = SOLUTION.sub("", cell.source).strip()
            if not cell.source:
                continue
        kept.append(cell)
    nb.cells = kept
    return nb


def needs(goals: str) -> str:
    """The chapters that a chapter says one needs before it, or a dash."""
    said = re.search(
        r"\*\*(?:You need:\*\*|Before\*\*:)(.*?)(?:\*\*|:::|\Z)", goals, re.DOTALL
    )
    plain = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", said[1] if said else "")
    plain = " ".join(plain.split())
    found = re.findall(r"Chapters? (\d+(?:(?:, | and | to )\d+)*)", plain)
    return ", ".join(found).replace(" and ", ", ") or "–"


def facts(path: Path) -> dict:
    """Title, goals, minutes, exercises and needs of a chapter."""
    cells = nbformat.read(path, as_version=4).cells
    texts = [c.source for c in cells if c.cell_type == "markdown"]
    goals = next(t for t in texts if t.startswith(":::{admonition} In this chapter"))
    whole = "\n".join(texts)
    return {
        "title": re.search(r"^# (.+)$", whole, re.MULTILINE)[1],
        "goals": len(re.findall(r"^(?:\d\.|-) ", goals, re.MULTILINE)),
        "minutes": int(re.search(r"(\d+) minutes", goals)[1]),
        "exercises": len(re.findall(r"^:::+\{exercise\}", whole, re.MULTILINE)),
        "needs": needs(goals),
    }


def table() -> str:
    """The chapters as a Markdown table."""
    lines = [
        "| chapter | needs chapters | goals | minutes of reading"
        " | exercises, checked automatically |",
        "| :-- | :-- | --: | --: | --: |",
    ]
    for path in sorted(BOOK.glob("[0-9][0-9]-*.ipynb")):
        f = facts(path)
        name = f"[{int(path.name[:2])} {f['title']}]({path.name})"
        row = name, f["needs"], f["goals"], f["minutes"], f["exercises"]
        lines.append(f"| {' | '.join(map(str, row))} |")
    return "\n".join(lines)


def page() -> str:
    """The page for teachers with its table as the chapters are now."""
    head, rest = PAGE.read_text(encoding="utf-8").split(MARKS[0])
    _, tail = rest.split(MARKS[1])
    return f"{head}{MARKS[0]}\n{table()}\n{MARKS[1]}{tail}"


def main(words=None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("notebooks", nargs="*", type=Path, help="chapters")
    parser.add_argument("--out", type=Path, default=Path("handout"), help="folder")
    parser.add_argument("--page", action="store_true", help="write the table anew")
    a = parser.parse_args(words)
    if a.page:
        PAGE.write_text(page(), encoding="utf-8")
    for path in a.notebooks:
        if path.suffix != ".ipynb" or not path.is_file():
            parser.error(
                f"{path} is no notebook; name chapters such as book/05-*.ipynb"
            )
        if path.resolve().parent == a.out.resolve():
            parser.error(
                f"--out is {a.out}, where {path.name} lies; name another folder"
            )
        os.makedirs(a.out, exist_ok=True)
        made = without_solutions(nbformat.read(path, as_version=4))
        notebook.write(a.out / path.name, made)
        print(a.out / path.name)
    return 0


if __name__ == "__main__":
    sys.exit(main())
