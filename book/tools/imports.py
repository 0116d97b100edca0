"""The picture of imports on the README, and the rule that it has to fit.

    python book/tools/imports.py            # write the picture into README.md
    python book/tools/imports.py --check    # exit 1 if it is stale or breaks the rule

A room may import rooms of lower floors, and its own neighbours inside one folder.
"""

import ast
import re
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
FLOORS = (
    (
        "files",
        "sources",
        "tensors",
        "cores",
        "checks",
        "model",
        "kv_cache",
        "show",
        "quantise",
        "export",
        "onnx",
    ),  # fmt: skip
    ("data",),
    ("difficulty", "training"),
    ("ordering", "evaluation"),
    ("finetune", "inside", "teachers"),
    ("plots", "mobile"),
    ("experiments",),
)
FLOOR = {room: floor for floor, rooms in enumerate(FLOORS) for room in rooms}
BLOCK = re.compile(r"<!-- imports:.*?<!-- /imports -->", re.DOTALL)


def room_of(parts) -> str | None:
    """The room of a module's dotted path inside the package; None for the package."""
    return parts[0] if parts and parts[0] in FLOOR else None


def imports(package: Path = ROOT / "curriculum"):
    """Yield (file, line, importing room, imported room) of every import between rooms."""
    for path in sorted(package.rglob("*.py")):
        here = path.relative_to(package).with_suffix("").parts
        mine = room_of(here)
        if mine is None:  # __init__ and __main__
            continue
        folder = here[:-1]
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.ImportFrom) or not node.level:
                continue
            base = folder[: len(folder) - node.level + 1]
            base += tuple((node.module or "").split(".")) if node.module else ()
            for alias in node.names:
                theirs = room_of((*base, alias.name))
                if theirs and theirs != mine:
                    yield path, node.lineno, mine, theirs


def upward(package: Path = ROOT / "curriculum") -> list[str]:
    """One sentence for every import that does not go down."""
    return [
        f"{path.relative_to(package)}:{line}: {mine} imports {theirs}, which does not"
        " stand on a lower floor"
        for path, line, mine, theirs in imports(package)
        if FLOOR[theirs] >= FLOOR[mine] and not FLOOR[mine] == FLOOR[theirs] == 0
    ]


def picture() -> str:
    """The block of README.md: one arrow for each pair of rooms, upper to lower."""
    arrows = sorted({(mine, theirs) for _, _, mine, theirs in imports()})
    used = {room for arrow in arrows for room in arrow}
    lines = ["<!-- imports: written by book/tools/imports.py -->", "```mermaid"]
    lines += ["graph BT"]
    for floor, rooms in enumerate(FLOORS):
        names = [room for room in rooms if room in used]
        lines += [f"  subgraph floor{floor} [ ]", *(f"    {n}" for n in names), "  end"]
    lines += [f"  {mine} --> {theirs}" for mine, theirs in arrows if FLOOR[theirs] > 0]
    shared = ", ".join(f"`{room}`" for room in FLOORS[0] if room in used)
    lines += ["```", "", f"Every room may also use {shared}.", "<!-- /imports -->"]
    return "\n".join(lines)


def main(words) -> int:
    readme = ROOT / "README.md"
    text = readme.read_text(encoding="utf-8")
    new = BLOCK.sub(lambda _: picture(), text)
    bad = upward()
    for line in bad:
        print(line, file=sys.stderr)
    if "--check" in words:
        if new != text:
            print("README.md: the picture of imports is stale", file=sys.stderr)
        return int(bool(bad) or new != text)
    readme.write_text(new, encoding="utf-8")
    return int(bool(bad))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
