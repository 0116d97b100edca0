"""Which files of the book a chapter reads, written down by watching it run.

    python book/tools/reads.py book/06-*.ipynb     # run it, and write its entry anew

- A notebook that runs by itself (`colab.py`) carries these files and no others. The list
  is `reads.json`; `notebook.py execute` keeps it current, and the notebooks' own test
  (`book/conftest.py`) fails where a chapter reads what its entry does not cover.
- The kernel of a watched chapter, and every kernel that it starts, notes each file below
  `book/` that Python opens in it: results, and the notebook that is one experiment.
  Python code is not listed, because all of it is carried.
- Where a chapter reads every file of one kind in a folder, the entry is a pattern.
"""

import contextlib
import json
import os
import sys
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path

BOOK = Path(__file__).resolve().parents[1]
LIST = Path(__file__).with_name("reads.json")

# Runs in every watched kernel before its first cell, from IPython's start-up folder.
STARTUP = """\
def _watch(book, log):
    import os, sys

    def note(event, arguments):
        if event == "open" and isinstance(arguments[0], str):
            path = os.path.realpath(arguments[0])
            if path.startswith(book + os.sep) and os.path.isfile(path):
                line = os.path.relpath(path, book).replace(os.sep, "/") + "\\n"
                place = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
                os.write(place, line.encode())
                os.close(place)

    sys.addaudithook(note)

_watch({book!r}, {log!r})
del _watch
"""


@contextlib.contextmanager
def watched() -> Iterator[Path]:
    """Kernels that start inside the block note what they read in the file it yields."""
    before = os.environ.get("IPYTHONDIR")
    with tempfile.TemporaryDirectory(prefix="reads-") as folder:
        log = Path(folder) / "reads.txt"
        log.touch()
        startup = Path(folder) / "profile_default" / "startup" / "00-watch.py"
        startup.parent.mkdir(parents=True)
        text = STARTUP.format(book=str(BOOK), log=str(log))
        startup.write_text(text, encoding="utf-8")
        os.environ["IPYTHONDIR"] = folder
        try:
            yield log
        finally:
            del os.environ["IPYTHONDIR"]
            if before is not None:
                os.environ["IPYTHONDIR"] = before


def read(log: Path) -> list[str]:
    """The files noted in a log, relative to `book/`; code and a reader's own are not."""
    found = set(log.read_text(encoding="utf-8").splitlines())
    own = ("results/local/", ".")
    code = (".py", ".pyc")  # carried whole
    return sorted(n for n in found if not n.startswith(own) and not n.endswith(code))


def patterns(names: Iterable[str]) -> list[str]:
    """The shortest list of names and `folder/*.kind` patterns that covers `names`."""
    left, found = set(names), []
    for folder, kind in sorted({(str(Path(n).parent), Path(n).suffix) for n in left}):
        every = {f"{folder}/{p.name}" for p in (BOOK / folder).glob(f"*{kind}")}
        if len(every) > 1 and every <= left:
            left -= every
            found.append(f"{folder}/*{kind}")
    return sorted([*found, *left])


def files(entry: Iterable[str]) -> list[str]:
    """The files that an entry covers, relative to `book/`.

    Raises: ValueError: it names what is not there.
    """
    found: set[str] = set()
    for pattern in entry:
        names = {p.relative_to(BOOK).as_posix() for p in BOOK.glob(pattern)}
        if not names:
            raise ValueError(
                f"reads.json names {pattern}, which is not below book/; run"
                " `python book/tools/reads.py` on the chapter"
            )
        found |= names
    return sorted(found)


def entries() -> dict[str, list[str]]:
    """The list: {file name of a notebook: its entry}."""
    return json.loads(LIST.read_text(encoding="utf-8")) if LIST.exists() else {}


def uncovered(name: str, names: Iterable[str]) -> list[str]:
    """Those of `names` that the entry of the notebook `name` does not cover."""
    return sorted(set(names) - set(files(entries().get(name, []))))


def update(name: str, names: Iterable[str]) -> bool:
    """Write the entry of the notebook `name`, and say whether it changed."""
    known = entries()
    if known.get(name) == (entry := patterns(names)):
        return False
    known[name] = entry
    text = json.dumps(known, indent=1, sort_keys=True) + "\n"
    temporary = LIST.with_name(f".{LIST.name}.part")
    temporary.write_text(text, encoding="utf-8")
    os.replace(temporary, LIST)
    return True


def main(paths=None) -> int:
    import nbformat

    sys.path.insert(0, str(Path(__file__).resolve().parent))
    import notebook

    for path in map(Path, paths or sys.argv[1:]):
        with watched() as log:
            nb = nbformat.read(path, as_version=4)
            notebook.execute(nb, path.resolve().parent, timeout=900)
            changed = update(path.name, read(log))
        print(f"{path.name}: {'written' if changed else 'unchanged'}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
