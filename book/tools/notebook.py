"""Run a chapter and store it so that the same content gives the same bytes.

    python book/tools/notebook.py execute book/03-how-hard-is-a-program.ipynb
    python book/tools/notebook.py normalise book/*.ipynb
    python book/tools/notebook.py check book/*.ipynb

- `execute` runs every cell in order in a fresh kernel whose working directory is the
  notebook's folder, then normalises. A cell that fails, or takes longer than
  `--timeout`, leaves the file as it was. For notebooks of the book it also writes down
  which results they read (`reads.py`).
- `normalise` writes the install cell (`install_cell.py`) and the Colab link, turns
  captions into something Colab can show, and removes all that changes from run to
  run: times, papermill's notes, random widget and cell ids, the kernel's version.
- Both put the imports in order. The code is laid out by a person.
- `check` reads a notebook against the contract (`contract.py`); tests do the same.
- Cells that the page folds are folded in Colab and JupyterLab as well.
- Kept: tags, execution counts, outputs, every widget a reader can reach.
"""

import argparse
import copy
import hashlib
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import nbformat

sys.path.insert(0, str(Path(__file__).resolve().parent))
import contract  # noqa: E402
import install_cell  # noqa: E402
import reads  # noqa: E402

WIDGET_STATE = "application/vnd.jupyter.widget-state+json"
WIDGET_VIEW = "application/vnd.jupyter.widget-view+json"
KEPT_CELL_METADATA = {"tags", "mystnb", "slideshow"}
FOLDED = {"hide-cell", "hide-input", "remove-cell", "remove-input"}
RANDOM_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f-]+)?")
MODEL_ID = re.compile(r"IPY_MODEL_([0-9a-f]+)")
KERNEL = {"display_name": "Python 3", "language": "python", "name": "python3"}
LANGUAGE = {
    "file_extension": ".py",
    "mimetype": "text/x-python",
    "name": "python",
    "pygments_lexer": "ipython3",
}


def normalise(nb, name: str, url: str = "", branch: str = "main"):
    """A copy of notebook `nb` with nothing in it that changes from run to run.

    Args:
        nb: A notebook (nbformat 4).
        name: File name, for the Colab link.
        url: Address of the book's repository, or "".
        branch: Branch the Colab link and the install cell use.
    """
    nb = copy.deepcopy(nb)
    widgets = nb.metadata.get("widgets")
    nb.metadata = nbformat.from_dict({"kernelspec": KERNEL, "language_info": LANGUAGE})
    if widgets:
        nb.metadata.widgets = widgets
    nb.nbformat, nb.nbformat_minor = 4, 5
    nb.cells = _with_captions(_with_first_cells(nb.cells, name, url, branch))
    for cell in nb.cells:
        _clean_cell(cell)
    _stable_cell_ids(nb.cells)
    _stable_widget_ids(nb)
    return nb


def _with_first_cells(cells, name, url, branch):
    """The Colab link (if any) first, and the install cell before all other code."""
    old = next((c for c in cells if c.get("id") == "install"), None)
    cells = [c for c in cells if c.get("id") not in ("install", "badge")]
    install = nbformat.v4.new_code_cell(
        install_cell.install_source(url, branch, name),
        id="install",
        metadata={"tags": ["remove-cell"]},
        execution_count=old.execution_count if old else None,
    )
    first = next((i for i, c in enumerate(cells) if c.cell_type == "code"), len(cells))
    cells.insert(first, install)
    badge = install_cell.badge_source(url, branch, name)
    if badge:
        tags = {"tags": ["remove-cell"]}
        cells.insert(0, nbformat.v4.new_markdown_cell(badge, id="badge", metadata=tags))
    return cells


def _with_captions(cells):
    """After each captioned figure, the caption as text for readers outside the page.

    The built page takes the caption from the cell's metadata, which Colab and
    JupyterLab never show; the twin is tagged so that the page leaves it out.
    """
    result = []
    for cell in cells:
        if "caption" in cell.metadata.get("tags", []):
            continue
        result.append(cell)
        figure = cell.metadata.get("mystnb", {}).get("figure", {})
        if cell.cell_type == "code" and figure.get("caption"):
            text = f"*Figure: {' '.join(figure['caption'].split())}*"
            tags = {"tags": ["remove-cell", "caption"]}
            result.append(nbformat.v4.new_markdown_cell(text, metadata=tags))
    return result


def _clean_cell(cell):
    """Drop volatile metadata; join split output streams; pass on the alt text."""
    tags = [t for t in cell.metadata.get("tags", []) if t != "injected-parameters"]
    cell.metadata = nbformat.from_dict(
        {k: v for k, v in cell.metadata.items() if k in KEPT_CELL_METADATA}
    )
    if tags:
        cell.metadata.tags = tags
    elif "tags" in cell.metadata:
        del cell.metadata["tags"]
    _fold(cell, set(tags))
    cell.source = "\n".join(line.rstrip() for line in cell.source.rstrip().split("\n"))
    if cell.cell_type != "code":
        return
    alt = cell.metadata.get("mystnb", {}).get("image", {}).get("alt")
    outputs = []
    for output in cell.outputs:
        last = outputs[-1] if outputs else None
        stream = output.output_type == "stream"
        if stream and last and last.get("name") == output.name:
            last.text += output.text
            continue
        for mime in output.get("data", {}):
            if alt and mime.startswith("image/"):
                output.metadata.setdefault(mime, {})["alt"] = " ".join(alt.split())
        if output.output_type == "execute_result":
            output.execution_count = cell.execution_count
        outputs.append(output)
    cell.outputs = outputs


def _fold(cell, tags):
    """What the page folds or leaves out, Colab and JupyterLab show folded too."""
    if cell.cell_type == "code" and tags & FOLDED:
        cell.metadata.cellView = "form"
        cell.metadata.jupyter = nbformat.from_dict({"source_hidden": True})
        if "hide-cell" in tags:
            cell.metadata.jupyter.outputs_hidden = True


def _stable_cell_ids(cells):
    """Ids from the content, except those a person chose (and the fixed ones)."""
    taken = set()
    for cell in cells:
        name = cell.get("id", "")
        if not name or RANDOM_ID.fullmatch(name) or name in taken:
            text = f"{cell.cell_type}\n{cell.source}".encode()
            name = hashlib.sha256(text).hexdigest()[:8]
            while name in taken:
                name = hashlib.sha256(name.encode()).hexdigest()[:8]
        cell.id = name
        taken.add(name)


def _stable_widget_ids(nb):
    """Number widget models in reading order; drop those no reader can reach.

    Reachable is what a displayed widget refers to, and any model (a link, say) that
    itself refers to something reachable.
    """
    views = [
        output.data[WIDGET_VIEW]
        for cell in nb.cells
        for output in cell.get("outputs", [])
        if WIDGET_VIEW in output.get("data", {})
    ]
    models = nb.metadata.get("widgets", {}).get(WIDGET_STATE, {}).get("state", {})
    order: dict[str, str] = {}

    def visit(model):
        stack = [model]
        while stack:
            model = stack.pop()
            if model in models and model not in order:
                order[model] = f"{len(order):032x}"
                stack.extend(reversed(_references(models[model])))

    for view in views:
        visit(view["model_id"])
    while True:
        linked = [
            m
            for m in models
            if m not in order and set(_references(models[m])) & {*order}
        ]
        if not linked:
            break
        visit(min(linked, key=lambda m: _renamed(_text(models[m]), order)))
    if not order:
        nb.metadata.pop("widgets", None)
        return
    state = {}
    for model, name in order.items():
        entry = json.loads(_renamed(_text(models[model]), order))
        if "msg_id" in entry.get("state", {}):
            entry["state"]["msg_id"] = ""
        state[name] = entry
    nb.metadata.widgets = nbformat.from_dict(
        {
            WIDGET_STATE: {
                "state": state,
                "version_major": 2,
                "version_minor": 0,
            }
        }
    )
    for view in views:
        view["model_id"] = order.get(view["model_id"], view["model_id"])


def _text(model) -> str:
    return json.dumps(model, sort_keys=True)


def _references(model) -> list[str]:
    return MODEL_ID.findall(_text(model))


def _renamed(text: str, order: dict[str, str]) -> str:
    return MODEL_ID.sub(lambda m: "IPY_MODEL_" + order.get(m[1], "?"), text)


def dumps(nb) -> str:
    """The notebook as text: sorted keys, one space of indentation, as Jupyter does."""
    nbformat.validate(nb)
    return nbformat.writes(nb).rstrip("\n") + "\n"


def write(path: Path, nb) -> bool:
    """Write `nb` to `path` (all or nothing) and say whether the file changed."""
    text = dumps(nb)
    if path.exists() and path.read_text(encoding="utf-8") == text:
        return False
    temporary = path.with_name(f".{path.name}.part")
    temporary.write_text(text, encoding="utf-8")
    os.replace(temporary, path)
    return True


def execute(nb, folder: Path, timeout: int):
    """Run all cells of `nb` in a fresh kernel that works in `folder`."""
    from nbclient import NotebookClient

    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    for cell in nb.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    nb.metadata.pop("widgets", None)
    NotebookClient(
        nb,
        timeout=timeout,
        kernel_name="python3",
        record_timing=False,
        resources={"metadata": {"path": str(folder)}},
    ).execute()
    return nb


def with_sorted_imports(text: str, path: Path) -> str:
    """The notebook with its imports in the order that lint asks for."""
    place = ["--quiet", "--stdin-filename", str(path.resolve()), "-"]
    done = subprocess.run(
        [sys.executable, "-m", "ruff", "check", "--select=I", "--fix-only", *place],
        input=text,
        capture_output=True,
        encoding="utf-8",
    )
    if done.returncode:
        raise ValueError(done.stderr.strip() or "ruff could not read it")
    return done.stdout


def main(arguments=None) -> int:
    parser = argparse.ArgumentParser(
        prog="notebook.py",
        description="Execute, normalise or check notebooks.",
    )
    parser.add_argument("action", choices=("execute", "normalise", "check"))
    parser.add_argument("notebooks", nargs="+", type=Path, metavar="NOTEBOOK")
    parser.add_argument(
        "--timeout",
        type=int,
        default=300,
        help="seconds a cell may take (default 300)",
    )
    options = parser.parse_args(arguments)
    url, branch = install_cell.repository()
    status = 0
    for path in options.notebooks:
        try:
            nb = nbformat.read(path, as_version=4)
            if options.action == "check":
                problems = contract.check(path, url, branch)
                print("\n".join(problems) or f"{path}: in order")
                status |= bool(problems)
                continue
            text = with_sorted_imports(nbformat.writes(nb), path)
            nb = normalise(nbformat.reads(text, 4), path.name, url, branch)
            if options.action == "execute":
                with reads.watched() as log:
                    nb = execute(nb, path.resolve().parent, options.timeout)
                    if path.resolve().parent == reads.BOOK:
                        reads.update(path.name, reads.read(log))
                nb = normalise(nb, path.name, url, branch)
            changed = write(path, nb)
            print(f"{path}: {'written' if changed else 'unchanged'}")
        except Exception as error:  # one bad notebook must not stop the others
            print(f"{path}: {type(error).__name__}: {error}", file=sys.stderr)
            status = 1
    return status


if __name__ == "__main__":
    sys.exit(main())
