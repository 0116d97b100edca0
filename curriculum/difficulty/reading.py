"""Read anybody's Python files: what is scored, and the reason for what is not.

- Python text (.py, .pyw, .pyi, or a first line `#!...python`), and the code cells of a
  Jupyter notebook (.ipynb). Anything else is refused with its reason.
- Only regular files are opened, and no more than `MAX_BYTES` of them are read: a pipe
  would wait for ever, a device has no end.
- A file that cannot be read costs only itself. Encodings are those a file declares, UTF-8
  otherwise; a codec that is no encoding of source text (`hex`, `utf-16`) is an error.
- A file that two paths lead to is read once.
- Lines of a notebook that are IPython's and not Python's (`%time`, `!ls`, `name?`) do not
  count; neither does a cell in another language (`%%bash`).

Used by `python -m curriculum score`. Chapters 3 and 13.
"""

import ast
import io
import json
import os
import re
import stat
import tokenize
import warnings
from collections.abc import Iterable, Sequence
from pathlib import Path

Error = tuple[int, str, int | None, str]  # (index, file, line if known, reason)

# The standard library's longest module has 0.8 million bytes. Longer texts are seldom
# written by hand, and a tree takes up to 500 bytes of memory for each of theirs.
MAX_BYTES = 2_000_000
MAX_NOTEBOOK_BYTES = 64_000_000  # pictures and other outputs, which are not read
MAX_MAGICS = 100  # lines of one cell; each costs a look at the whole cell

SUFFIXES = (".py", ".pyw", ".pyi", ".ipynb")
_PYTHON_CELLS = ("time", "timeit", "capture", "prun")  # `%%time` runs Python
_IPYTHON = re.compile(r"[%!?].*|[\w.*]+\?\??")  # a line of its own
_ASSIGNED = re.compile(r"([^=!%]*[^=!<>%]=\s*)[%!].*")  # `files = !ls`


def collect(
    paths: str | Path | Sequence[str | Path],
) -> tuple[list[tuple[str, str]], list[Error]]:
    """Read Python files: those named, and every *.py below the folders named.

    Hidden folders and `__pycache__` are skipped. A notebook is read if it is named.

    Returns:
        [(file, source)] in sorted order within each folder, and the files that could
        not be read, in the form of `Scores.errors`: together, all that was found.

    Raises:
        ValueError: a path is empty or does not exist, or there is no file at all.
    """
    paths = [paths] if isinstance(paths, (str, Path)) else list(paths)
    found: list[tuple[str, str]] = []
    errors: list[Error] = []
    seen = set()
    for path in _files(paths):
        try:
            about = os.stat(path)
            # some file systems number nothing
            same = (about.st_dev, about.st_ino) if about.st_ino else path.resolve()
            if same in seen:
                continue
            seen.add(same)
            source = read(path)
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or str(error)
            number = len(found) + len(errors)
            errors.append((number, _shown(path), None, f"cannot be read: {reason}"))
        else:
            found.append((_shown(path), source))
    if not found and not errors:
        where = ", ".join(map(str, paths)) or "no path"
        raise ValueError(f"no *.py file in {where}")
    return found, errors


def read(path: Path) -> str:
    """The Python text of one file.

    Raises:
        OSError: as the system says.
        ValueError: no regular file, no Python, too long, or not to be decoded.
    """
    mode = os.stat(path).st_mode
    if not stat.S_ISREG(mode):
        raise ValueError(f"{_kind(mode)}, not a regular file")
    notebook = path.suffix == ".ipynb"
    limit = MAX_NOTEBOOK_BYTES if notebook else MAX_BYTES
    with open(path, "rb") as stream:
        data = stream.read(limit + 1)
    if path.suffix not in SUFFIXES and not re.match(rb"#!.*python", data):
        raise ValueError(
            f"not a Python file: its name ends in none of {', '.join(SUFFIXES)}"
        )
    if len(data) > limit:
        raise ValueError(f"longer than {limit:,} bytes")
    return notebook_code(data) if notebook else decoded(data)


def decoded(data: bytes) -> str:
    """Source text from bytes, by the encoding that its first lines declare.

    Raises:
        ValueError: an encoding that is unknown, wrong, or not for source text.
    """
    try:
        encoding, _ = tokenize.detect_encoding(io.BytesIO(data).readline)
        if b"coding".decode(encoding) != "coding":  # the line that declares it
            raise ValueError(f"{encoding} is not an encoding for source text")
        return data.decode(encoding)
    except Exception as error:  # a codec may raise what it likes
        raise ValueError(" ".join(str(error).split())) from None


def notebook_code(data: bytes) -> str:
    """The code cells of a notebook, one after the other.

    Raises:
        ValueError: not a notebook of Python, or a cell that Python cannot parse.
    """
    try:
        notebook = json.loads(data)
        cells, about = notebook["cells"], notebook.get("metadata", {})
        language = (
            about.get("language_info", {}).get("name")
            or about.get("kernelspec", {}).get("language")
            or "python"
        ).lower()
        texts = ["".join(c["source"]) for c in cells if c["cell_type"] == "code"]
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
        raise ValueError("not a notebook of format 4 (JSON with cells)") from None
    if "python" not in language:
        raise ValueError(f"a notebook in {language}, not in Python")
    if not texts:
        raise ValueError("a notebook without code cells")
    if sum(map(len, texts)) > MAX_BYTES:
        raise ValueError(f"longer than {MAX_BYTES:,} characters of code")
    return "\n".join(_cell(text, i + 1) for i, text in enumerate(texts))


def _cell(text, number):
    """The Python in one code cell, counted from 1."""
    if text.startswith("%%"):
        first, _, text = text.partition("\n")
        if first[2:].partition(" ")[0] not in _PYTHON_CELLS:
            return ""
    rows = text.split("\n")
    for _ in range(MAX_MAGICS + 1):
        error = _syntax_error("\n".join(rows))
        if error is None:
            return "\n".join(rows)
        i = (error.lineno or 1) - 1
        python = _python_of(rows[i]) if i < len(rows) else None
        if python is None:  # only lines that Python refuses: `%` may be in a string
            reason = f"line {error.lineno}: {type(error).__name__}: {error.msg}"
            raise ValueError(f"code cell {number}: {reason}")
        rows[i] = python
    raise ValueError(f"code cell {number}: over {MAX_MAGICS} lines that are no Python")


def _python_of(line):
    """What counts of a line of IPython; None if it is none."""
    if _IPYTHON.fullmatch(line.strip()):
        indent = line[: len(line) - len(line.lstrip())]
        return indent + '""'  # documentation, which does not count
    if assigned := _ASSIGNED.fullmatch(line):
        return assigned[1] + "None"
    return None


def _syntax_error(text):
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            ast.parse(text)
    except SyntaxError as error:
        return error
    except (ValueError, RecursionError, MemoryError):
        pass  # whoever parses the whole says it better
    return None


def _files(paths: Iterable[str | Path]) -> Iterable[Path]:
    for path in paths:
        if not str(path):
            raise ValueError("a path is empty: name a file or a folder")
        path = Path(path)
        if path.is_dir():
            yield from sorted(_python_files(path))
        elif path.exists():
            yield path
        else:
            raise ValueError(f"no such file or folder: {path}")


def _python_files(folder):
    for where, folders, names in os.walk(folder):
        folders[:] = [
            f for f in folders if not f.startswith(".") and f != "__pycache__"
        ]
        yield from (Path(where, name) for name in names if name.endswith(".py"))


def _kind(mode):
    if stat.S_ISFIFO(mode):
        return "a pipe"
    if stat.S_ISCHR(mode) or stat.S_ISBLK(mode):
        return "a device"
    return "a folder" if stat.S_ISDIR(mode) else "a socket"


def _shown(path):
    """The name of a file as one line that can be printed anywhere in UTF-8."""
    return str(path).encode(errors="backslashreplace").decode().replace("\n", "\\n")
