"""What every notebook of this book promises, as functions that list the breaches.

- Executed in order, from 1 to n, with no stored error and nothing on stderr.
- The install cell first among the code, letter for letter; the file as normalised.
- Every picture has an alternative text and a caption, and comes from the book itself.
- No path of the machine it was made on; no file over 1 MB; lines that fit the page.
- Chapters: title, "In this chapter", takeaways, exercises with solutions, reading.
- Checks of answers out of sight; few cells and words, short code, narrow output.
- Only the markup that reads well both in the page and, raw, in Colab.

Each function takes a notebook and yields one line per breach, so that an author sees
all of them at once. `tests/book/` plants each of these breaches.
"""

import ast
import re
import statistics
import tempfile
from pathlib import Path

import nbformat

import install_cell

MAX_BYTES = 1_000_000
MAX_LINE = 79
MAX_CELLS, MAX_WORDS = 75, 3_600  # what a reader sees of a chapter
MEDIAN_CODE, MAX_CODE, MAX_OUTPUT = 9, 25, 70  # lines; characters of a line
CHAPTER = re.compile(r"\d\d-[a-z0-9-]+\.ipynb")
DIRECTIVES = {"admonition", "exercise"}
VIEW = "application/vnd.jupyter.widget-view+json"
MACHINE_PATH = re.compile(
    r"(?<![\w.:/~])(?:/home/|/Users/|/root/|/content/)[\w.-]+|\b[A-Z]:\\\\?Users"
)
FENCE = re.compile(r"^ {0,3}(`{3,}|~{3,}).*?^ {0,3}\1`*~* *$", re.MULTILINE | re.DOTALL)
IMAGE = re.compile(r"!\[(?P<alt>[^\]]*)\]\((?P<src>[^)\s]+)[^)]*\)")
HTML_IMAGE = re.compile(r"<img\b[^>]*>", re.IGNORECASE)


def _tags(cell) -> set[str]:
    return set(cell.metadata.get("tags", []))


def _where(index, cell) -> str:
    lines = cell.source.strip().splitlines() or ["empty"]
    return f"cell {index} ({lines[0][:40]!r})"


def _code(nb):
    return [(i, c) for i, c in enumerate(nb.cells) if c.cell_type == "code"]


def _prose(nb):
    """(index, cell, text without fenced code) of every Markdown cell."""
    return [
        (i, c, FENCE.sub("", c.source))
        for i, c in enumerate(nb.cells)
        if c.cell_type == "markdown"
    ]


def execution(nb):
    """Counts 1..n, no stored error (unless tagged), nothing on stderr."""
    for expected, (i, cell) in enumerate(_code(nb), start=1):
        if not cell.source.strip():
            yield f"{_where(i, cell)}: empty code cell"
        if cell.execution_count != expected:
            yield (
                f"{_where(i, cell)}: execution count {cell.execution_count}, "
                f"expected {expected}; execute the notebook from the top"
            )
        for output in cell.outputs:
            kind = output.output_type
            if kind == "error" and "raises-exception" not in _tags(cell):
                yield f"{_where(i, cell)}: stored error {output.ename}"
            if kind == "stream" and output.name == "stderr":
                yield f"{_where(i, cell)}: stderr: {output.text.strip()[:60]!r}"


def install(nb, url="", branch="main", name=""):
    """Exactly one install cell, before all other code, with exactly that text."""
    code = _code(nb)
    source = install_cell.install_source(url, branch, name)
    first = code[0][1] if code else None
    if first is None or first.source != source or "remove-cell" not in _tags(first):
        yield "the first code cell is not the install cell; normalise the notebook"
    copies = sum("CURRICULUM_REPOSITORY" in c.source for _, c in code)
    if copies != 1:
        yield f"{copies} install cells, expected 1"


def pictures(nb, folder: Path = Path(".")):
    """Alternative text and caption for each picture; no picture from elsewhere."""
    names = set()
    for i, cell in _code(nb):
        shown = [
            mime
            for output in cell.outputs
            for mime in output.get("data", {})
            if mime.startswith("image/")
        ]
        note = cell.metadata.get("mystnb", {})
        alt = str(note.get("image", {}).get("alt") or "")
        figure = note.get("figure", {})
        if shown and len(alt) < 25:
            yield f"{_where(i, cell)}: picture without alternative text"
        if shown and not (figure.get("caption") and figure.get("name")):
            yield f"{_where(i, cell)}: picture without caption or name"
        if len(shown) > 1:
            yield f"{_where(i, cell)}: {len(shown)} pictures share one caption"
        if figure.get("name") in names:
            yield f"{_where(i, cell)}: figure name {figure['name']!r} used twice"
        names.add(figure.get("name") or f"cell {i}")
        if note and not shown and (figure or alt):
            yield f"{_where(i, cell)}: caption or alternative text but no picture"
        for output in cell.outputs:
            html = output.get("data", {}).get("text/html", "")
            if re.search(
                r"(?:src|href)=[\"']?(?:https?:)?//[^>]*\.(?:js|css|png)", html
            ):
                yield f"{_where(i, cell)}: output loads something from the network"
    for i, cell, text in _prose(nb):
        for image in IMAGE.finditer(text):
            if len(image["alt"]) < 15:
                yield f"{_where(i, cell)}: {image['src']} without alternative text"
            yield from _local(i, cell, image["src"], folder)
        for tag in HTML_IMAGE.findall(text):
            if not re.search(r"\balt=[\"'][^\"']{15,}", tag):
                yield f"{_where(i, cell)}: {tag[:40]} without alternative text"
            source = re.search(r"\bsrc=[\"']([^\"']+)", tag)
            yield from _local(i, cell, source[1] if source else "", folder)


def _local(i, cell, source, folder):
    if re.match(r"(?:[a-z]+:)?//", source):
        yield f"{_where(i, cell)}: remote picture {source}"
    elif not source.startswith(("data:", "attachment:")):
        if not (folder / source).is_file():
            yield f"{_where(i, cell)}: no file {source}"


def machine(nb):
    """No absolute path of the machine the notebook was made on."""
    here = {str(install_cell.ROOT), str(Path.home()), tempfile.gettempdir()}
    # Too short to mean anything: a home folder "/" would be found everywhere.
    here = {path for path in here if len(path) > 2}
    for i, cell in enumerate(nb.cells):
        outputs = nbformat.from_dict({"outputs": cell.get("outputs", [])})
        texts = [cell.source, *_texts(outputs)]
        for text in texts:
            # A whole component: "/home/ada" must not be found in "/home/adam".
            hits = [p for p in here if re.search(re.escape(p) + r"(?![\w-])", text)]
            hits += MACHINE_PATH.findall(text)
            if hits:
                yield f"{_where(i, cell)}: path of a machine: {hits[0]}"


def _texts(node):
    """All strings in `node`, except pictures, which are base64."""
    if isinstance(node, str):
        yield node
    elif isinstance(node, list):
        for item in node:
            yield from _texts(item)
    elif isinstance(node, dict):
        for key, item in node.items():
            if not (key.startswith("image/") and key != "image/svg+xml"):
                yield from _texts(item)


def lines(nb):
    """Code lines fit the page."""
    for i, cell in _code(nb):
        if cell.id == "install":  # has a rule of its own, and an address of any length
            continue
        for number, line in enumerate(cell.source.splitlines(), start=1):
            if len(line) > MAX_LINE:
                yield f"{_where(i, cell)}: line {number} has {len(line)} characters"


def headings(nb):
    """One title, first of all; levels go down one at a time."""
    found = [
        (len(mark), title)
        for _, cell, text in _prose(nb)
        if "remove-cell" not in _tags(cell)
        for mark, title in re.findall(r"^(#{1,6}) +(.+?) *#*$", text, re.MULTILINE)
    ]
    if not found or found[0][0] != 1:
        yield "the first heading is not a title (`# ...`)"
    if sum(level == 1 for level, _ in found) > 1:
        yield "more than one title (`# ...`)"
    for (before, _), (level, title) in zip(found, found[1:], strict=False):
        if level > before + 1:
            yield f"heading {title!r} jumps from level {before} to {level}"


def markup(nb):
    """Only directives and roles that also read well raw."""
    for i, cell, text in _prose(nb):
        if re.search(r"^ {0,3}(?:`{3,}|~{3,})\{", cell.source, re.MULTILINE):
            yield f"{_where(i, cell)}: fenced directive; use `:::{{admonition}} Title`"
        for name in re.findall(r"^:{3,}\{([\w-]+)\}", text, re.MULTILINE):
            if name not in DIRECTIVES:
                yield f"{_where(i, cell)}: directive {name!r} reads badly raw"
        for role in re.findall(r"\{(numref|glue(?::\w+)?|ref|eq|doc)\}`", text):
            yield f"{_where(i, cell)}: role {role!r} reads badly raw"
        if re.search(r"^\([\w-]+\)=\s*$", text, re.MULTILINE):
            yield f"{_where(i, cell)}: a bare target `(label)=` reads badly raw"


def skeleton(nb):
    """The parts of a chapter, in their order."""
    parts = (
        ("title", r"^# "),
        ("In this chapter", r"^:::+\{admonition\} In this chapter"),
        ("Key takeaways", r"^## Key takeaways"),
        ("Exercises", r"^## Exercises"),
        ("Further reading", r"^## Further reading"),
    )
    text = "\n\n".join(text for _, _, text in _prose(nb))
    position = 0
    for name, pattern in parts:
        match = re.compile(pattern, re.MULTILINE).search(text, position)
        if not match:
            yield f"no {name!r} (or not in its place)"
            continue
        position = match.end()
    exercises = len(re.findall(r"^:::+\{exercise\}", text, re.MULTILINE))
    if exercises < 3:
        yield f"{exercises} exercises, expected three or more"
    solutions = sum("hide-cell" in _tags(c) for _, c in _code(nb))
    solutions += len(re.findall(r"<summary>[^<]*[Ss]olution", text))
    if solutions < exercises:
        yield f"{exercises} exercises but {solutions} folded solutions"


def exercises(nb):
    """Checks of answers stay out of sight: they live in `book/exercises/`."""
    for i, cell in _code(nb):
        for node in _statements(cell):
            if isinstance(node, ast.FunctionDef) and node.name.startswith("check"):
                yield f"{_where(i, cell)}: {node.name} belongs into book/exercises/"


def length(nb):
    """A chapter is read in one sitting: few cells, few words, short code."""
    shown = [c for c in nb.cells if not _tags(c) & {"remove-cell", "hide-cell"}]
    words = sum(len(text.split()) for _, c, text in _prose(nb) if c in shown)
    code = [
        (i, c, len(c.source.splitlines()))
        for i, c in _code(nb)
        if not _tags(c) & {"remove-cell", "hide-cell", "hide-input"}
    ]
    if len(shown) > MAX_CELLS:
        yield f"{len(shown)} cells, allowed {MAX_CELLS}; split or cut"
    if words > MAX_WORDS:
        yield f"{words:,} words, allowed {MAX_WORDS:,}"
    middle = statistics.median_low([n for *_, n in code]) if code else 0
    if middle > MEDIAN_CODE:
        yield f"half of the code cells have {middle} lines or more, allowed {MEDIAN_CODE}"
    for i, cell, number in code:
        if number > MAX_CODE:
            yield f"{_where(i, cell)}: {number} lines of code, allowed {MAX_CODE}"


def outputs(nb):
    """Printed lines fit the page; tables have a form of their own there."""
    for i, cell in _code(nb):
        if _tags(cell) & {"remove-cell", "hide-cell", "hide-input"}:
            continue
        for output in cell.outputs:
            text = output.get("text", "") or output.get("data", {}).get(
                "text/plain", ""
            )
            wide = max(map(len, text.splitlines()), default=0)
            pretty = {"text/html", "text/markdown", VIEW} & set(output.get("data", {}))
            if wide > MAX_OUTPUT and not pretty:
                yield f"{_where(i, cell)}: a line of {wide} characters in its output"


def _statements(cell) -> list:
    """The statements of a code cell; none if it is no Python, which `syntax` reports."""
    try:
        return ast.parse(cell.source).body
    except SyntaxError:
        return []


def syntax(nb):
    """Every code cell is Python (so no shell lines a laptop cannot run)."""
    for i, cell in _code(nb):
        body = re.sub(r"^%(?:matplotlib|time).*$", "", cell.source, flags=re.MULTILINE)
        try:
            ast.parse(body)
        except SyntaxError as error:
            if "raises-exception" not in _tags(cell):
                yield f"{_where(i, cell)}: {error.msg}"


def check(path: Path, url: str = "", branch: str = "main") -> list[str]:
    """All breaches of the notebook at `path`, each with the file's name."""
    import notebook

    nb = nbformat.read(path, as_version=4)
    found = []
    for rule in (execution, machine, lines, outputs, headings, markup, syntax):
        found += rule(nb)
    found += install(nb, url, branch, path.name)
    found += pictures(nb, path.parent)
    if CHAPTER.fullmatch(path.name):
        found += skeleton(nb)
        found += exercises(nb)
        found += length(nb)
    size = path.stat().st_size
    if size > MAX_BYTES:
        found.append(f"{size / 1e6:.2f} MB, allowed {MAX_BYTES / 1e6:.0f} MB")
    normal = notebook.dumps(notebook.normalise(nb, path.name, url, branch))
    if normal != path.read_text(encoding="utf-8"):
        found.append("not normalised; run `notebook.py normalise` on it")
    return [f"{path.name}: {line}" for line in found]
