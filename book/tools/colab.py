"""Notebooks that run by themselves: one file, wherever it is opened.

    python book/tools/colab.py                        # all of them, to _build/colab/
    python book/tools/colab.py book/03-*.ipynb --out somewhere
    python book/tools/colab.py --try                  # run them as strangers would

- A chapter's own first code cell finds the book around it. Here another takes its place
  (`colab_cell.py`): it carries the package, the chapter's helpers and the results that the
  chapter reads (`reads.json`) as compressed text, and installs what is missing.
- All other cells, and their outputs, are those of the chapter.
- The same book gives the same bytes. The folder that a notebook unpacks is named after
  the digest of the book's code and results, so that two editions never mix.
- `--try` executes each file in an empty folder, in an environment like Colab's, and
  compares outputs as strictly as `make test` does (`colab_try.py`).

The built page offers these files for download (`book/ext/book_download.py`).
"""

import argparse
import ast
import base64
import bz2
import copy
import functools
import hashlib
import io
import lzma
import re
import sys
import tarfile
import tomllib
from pathlib import Path

import nbformat
from packaging.requirements import Requirement

sys.path.insert(0, str(Path(__file__).resolve().parent))
import notebook  # noqa: E402
import reads  # noqa: E402
from curriculum.sources import bare  # noqa: E402

ROOT = Path(__file__).resolve().parents[2]
BOOK = ROOT / "book"
OUT = ROOT / "_build" / "colab"
TEMPLATE = Path(__file__).with_name("colab_cell.py")
# Parts of the package that few chapters need; the others do not carry them.
OF_SINGLE_CHAPTERS = (
    "finetune", "inside", "mobile", "teachers", "onnx.py", "experiments/bench",
    *(f"experiments/{name}.py" for name in (
        "cli", "cluster", "cost", "gpu_study", "ood", "own", "reacting", "reproduce",
        "study", "sweep", "tables",
    )),
)  # fmt: skip
COMMAND = re.compile(r"-m[\"', ]+curriculum\b")  # python -m curriculum …
LINE = 120  # characters of base64 in a line
ONLY_FOR_SWEEPS = {"papermill", "nbformat"}  # of the package's dependencies


def package(name: str) -> tuple[Path, ...]:
    """The files of the package, less the parts that the notebook `name` does not reach."""
    root, reached = ROOT / "curriculum", reach(name)
    few = [root / part for part in OF_SINGLE_CHAPTERS]
    return tuple(
        path
        for path in sorted(root.rglob("*.py"))
        if path in reached or not any(path.is_relative_to(part) for part in few)
    )


def reach(name: str) -> set[Path]:
    """The files of the package that a notebook imports, or that these import, anywhere."""
    cells = nbformat.read(BOOK / name, as_version=4).cells
    code = [c.source for c in cells if c.cell_type == "code"]
    code += [bare(path.read_text(encoding="utf-8")) for path in helpers(name)]
    todo = set().union(*(modules(text) for text in code))
    if COMMAND.search("\n".join(code)):
        todo.add(("curriculum", "experiments", "cli"))
    found: set[Path] = set()
    while todo:
        module = todo.pop()
        for n in range(1, len(module) + 1):
            place = ROOT.joinpath(*module[:n])
            for path in (place.with_suffix(".py"), place / "__init__.py"):
                if path.is_file() and path not in found:
                    found.add(path)
                    here = path.relative_to(ROOT).with_suffix("").parts
                    todo |= modules(path.read_text(encoding="utf-8"), here)
    return found


def modules(source: str, here: tuple[str, ...] = ()) -> set[tuple[str, ...]]:
    """What `source`, the file `here`, imports from the package, also inside functions.

    Names that are no modules are among them; nobody finds a file for those.
    """
    try:
        nodes = list(ast.walk(ast.parse(source)))
    except SyntaxError:  # a cell with a command of the notebook's own
        return set()
    found = {
        tuple(a.name.split("."))
        for n in nodes
        if isinstance(n, ast.Import)
        for a in n.names
    }
    for node in nodes:
        if isinstance(node, ast.ImportFrom):
            base = here[: len(here) - node.level] if node.level else ()
            base += tuple(node.module.split(".")) if node.module else ()
            found |= {base, *((*base, a.name) for a in node.names)}
    return {module for module in found if module[:1] == ("curriculum",)}


def own_files(name: str) -> tuple[Path, ...]:
    """Helpers of the notebook `name`, and what it reads below `book/`."""
    listed = [BOOK / file for file in reads.files(reads.entries().get(name, []))]
    return (*helpers(name), *listed)


def helpers(name: str) -> list[Path]:
    """The helpers that the notebook `name` imports, and those that these import."""
    cells = nbformat.read(BOOK / name, as_version=4).cells
    found = {BOOK / room / "__init__.py" for room in ("behind", "exercises")}
    texts = [
        c.source
        for c in cells
        if c.cell_type == "code"
        and "raises-exception" not in c.metadata.get("tags", [])
    ]
    while texts:
        for path in imported(texts.pop()):
            if path.is_file() and path not in found:  # else a name of the room itself
                found.add(path)
                texts.append(path.read_text(encoding="utf-8"))
    return sorted(found)


def imported(source: str) -> set[Path]:
    """Where the names would lie that `source` imports from the rooms of helpers."""
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ImportFrom) and node.module:
            room, _, module = node.module.partition(".")
            names = [module] if module else [alias.name for alias in node.names]
            if room in ("behind", "exercises"):
                found |= {BOOK / room / f"{name}.py" for name in names}
    return found


@functools.cache
def archive(paths: tuple[Path, ...]) -> bytes:
    """`paths` as they lie in the book, in one compressed tar file; the smaller of two."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for path in paths:  # no times, owners or modes: they vary
            data = path.read_bytes()
            entry = tarfile.TarInfo(path.relative_to(ROOT).as_posix())
            entry.size = len(data)
            tar.addfile(entry, io.BytesIO(data))
    plain = buffer.getvalue()
    return min(bz2.compress(plain), lzma.compress(plain), key=len)


@functools.cache
def version() -> str:
    """Eight hex digits of all that any notebook carries."""
    paths = [p for room in ("behind", "exercises") for p in (BOOK / room).glob("*.py")]
    paths += (ROOT / "curriculum").rglob("*.py")
    paths += [
        BOOK / f for entry in reads.entries().values() for f in reads.files(entry)
    ]
    found = hashlib.sha256()
    for path in sorted(set(paths)):
        name = path.relative_to(ROOT).as_posix()
        found.update(f"{name} {path.stat().st_size}\n".encode() + path.read_bytes())
    return found.hexdigest()[:8]


def needed(nb) -> list[str]:
    """Libraries the notebook uses, as the package's own list names them."""
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    names = [
        Requirement(d).name for d in tomllib.loads(text)["project"]["dependencies"]
    ]
    code = "\n".join(c.source for c in nb.cells if c.cell_type == "code")
    sweeps = re.search(r"\bpapermill\b|\bsweep\b", code)
    return [n for n in names if sweeps or n not in ONLY_FOR_SWEEPS]


def cell_source(nb, name: str) -> str:
    """Source of the cell that takes the place of the install cell."""
    texts = []
    for paths in (package(name), own_files(name)):
        text = base64.b64encode(archive(paths)).decode()
        texts.append("\n".join(re.findall(f".{{1,{LINE}}}", text)))
    fields = {
        'VERSION = "VERSION"': f'VERSION = "{version()}"',
        "READS_RECORDS = True": f"READS_RECORDS = {name != 'experiment.ipynb'}",
        'NEEDED = "NEEDED"': f'NEEDED = "{" ".join(needed(nb))}"',
        'PACKAGE, OWN = "", ""': 'PACKAGE = """\n{}\n"""\nOWN = """\n{}\n"""'.format(
            *texts
        ),
    }
    text = TEMPLATE.read_text(encoding="utf-8").rstrip("\n")
    for old, new in fields.items():
        if text.count(old) != 1:
            raise ValueError(
                f"colab_cell.py holds {old!r} {text.count(old)} times; it must be once"
            )
        text = text.replace(old, new)
    return text


def self_contained(nb, name: str):
    """A copy of notebook `nb` that needs no other file.

    Args: name: its file name, which says what belongs to it.
    Raises: ValueError: it has no install cell, or a result that it reads is not there.
    """
    nb = copy.deepcopy(nb)
    first = next((c for c in nb.cells if c.get("id") == "install"), None)
    if first is None:
        raise ValueError(
            f"{name} has no install cell; run `notebook.py normalise` on it first"
        )
    plain = copy.deepcopy(nb)
    plain.cells = [c for c in plain.cells if c.get("id") != "install"]
    first.source = cell_source(plain, name)
    first.outputs = []
    # Its output names this machine: no test compares it.
    first.metadata.tags = ["nbval-ignore-output", "remove-cell"]
    nb.cells = [c for c in nb.cells if c.get("id") != "badge"]
    return nb


def make(path: Path, folder: Path) -> Path:
    """Write the self-contained twin of the notebook `path` into `folder`."""
    nb = self_contained(nbformat.read(path, as_version=4), path.name)
    folder.mkdir(parents=True, exist_ok=True)
    notebook.write(folder / path.name, nb)
    return folder / path.name


def sizes(path: Path) -> str:
    """One line: how large the twin is, and of what."""
    code, own = (
        len(archive(paths)) * 4 // 3
        for paths in (package(path.name), own_files(path.name))
    )
    return (
        f"{path.name}: {path.stat().st_size / 1000:,.0f} kB, of which the package"
        f" {code / 1000:,.0f} kB, helpers and results {own / 1000:,.0f} kB"
    )


def main(words=None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("notebooks", nargs="*", type=Path, metavar="NOTEBOOK")
    parser.add_argument("--out", type=Path, default=OUT, help="folder of the files")
    parser.add_argument("--try", dest="run", action="store_true", help="run them, too")
    parser.add_argument(
        "--environment",
        type=Path,
        help="with libraries like Colab's, made here if need be (default: this one's)",
    )
    parser.add_argument("--python", default=sys.executable, help="that makes it")
    a = parser.parse_args(words)
    python, status = sys.executable, 0
    if a.run:
        import colab_try

        if a.environment:
            python = colab_try.colab_environment(a.environment.absolute(), a.python)
    for path in a.notebooks or sorted(BOOK.glob("*.ipynb")):
        if path.resolve().parent == a.out.resolve():
            parser.error(f"--out is {a.out}, where {path.name} lies; name another")
        made = make(path, a.out)
        print(sizes(made), flush=True)
        if a.run:
            found = colab_try.run(made, python)
            print(f"  {found.summary}", flush=True)
            if not found.passed:
                log = made.with_suffix(".log")
                log.write_text(found.said, encoding="utf-8")
                print(f"  what differs: {log}", flush=True)
            status |= not found.passed
    return status


if __name__ == "__main__":
    sys.exit(main())
