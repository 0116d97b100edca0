"""Which code made a result: digests of this package's own sources.

- A cache is keyed by the digest of the rooms that decide its content, and a record keeps
  the digest of all that decide a result. Replace GELU by ReLU, or edit a scorer, and
  nothing made before the edit is taken for a result of the new code.
- Comments, docstrings and blank lines do not count. Everything else does, also an edit
  that changes no result: making something once too often costs only time.
- Libraries whose arithmetic decides a result are part of the digest with their version.

Chapter 13 changes a scorer and sees its scores computed anew.
"""

from __future__ import annotations

import ast
import functools
import importlib.metadata
import io
import tokenize
from pathlib import Path

from .files import digest

PACKAGE = Path(__file__).parent
HAVE_DOCSTRINGS = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)

# What decides each kind of content: rooms or single files, then libraries.
DECIDES: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "corpus": (("files.py", "checks.py", "data"), ()),
    "scores": (
        ("files.py", "checks.py", "tensors.py", "data", "difficulty"),
        ("radon",),
    ),
    "training": (
        (
            "files.py", "checks.py", "tensors.py", "cores.py", "model.py", "data",
            "training",
        ),
        ("torch",),
    ),
    "finetune": (
        (
            "files.py", "checks.py", "tensors.py", "cores.py", "model.py", "data",
            "difficulty", "training", "ordering", "finetune/data.py",
            "finetune/loop.py", "finetune/pretrained.py",
        ),
        ("torch",),
    ),
    "reacting": (
        (
            "files.py", "checks.py", "tensors.py", "cores.py", "model.py", "kv_cache.py",
            "data", "difficulty", "training", "ordering", "evaluation", "teachers",
            "experiments/spec.py", "experiments/experiment.py", "experiments/reacting.py",
        ),
        ("torch",),
    ),
    "results": (
        (
            "files.py", "checks.py", "cores.py", "model.py", "kv_cache.py", "data",
            "difficulty", "training", "ordering", "evaluation", "experiments/spec.py",
            "experiments/experiment.py",
        ),
        (),
    ),
}  # fmt: skip


@functools.cache
def code_digest(what: str, package: Path = PACKAGE) -> str:
    """Digest (16 hex digits) of the code that decides `what`, a key of `DECIDES`."""
    rooms, libraries = DECIDES[what]
    found = {}
    for room in rooms:
        place = package / room
        paths = sorted(place.rglob("*.py")) if place.is_dir() else [place]
        for path in paths:
            source = path.read_text(encoding="utf-8")
            found[path.relative_to(package).as_posix()] = bare(source)
    versions = {name: importlib.metadata.version(name) for name in libraries}
    return digest([found, versions])[:16]


def bare(source: str) -> str:
    """`source` without comments, docstrings, blank lines and white space at line ends."""
    rows = source.splitlines()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, HAVE_DOCSTRINGS) and ast.get_docstring(node) is not None:
            first, last = node.body[0].lineno - 1, node.body[0].end_lineno or 0
            rows[first:last] = [""] * (last - first)
    for kind, _, (row, column), *_ in tokenize.generate_tokens(
        io.StringIO(source).readline
    ):
        if kind == tokenize.COMMENT:
            rows[row - 1] = rows[row - 1][:column]
    return "\n".join(row.rstrip() for row in rows if row.strip())
