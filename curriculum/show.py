"""How chapters show things: tables, intervals, and the source of what they teach.

- `show_table` is one table with two faces: HTML in the page, in Colab and in JupyterLab,
  plain text where a notebook is read or compared as text.
- `interval` writes a mean with its interval in the one way that the book uses.
- `source` shows a function of the package as it stands, so that no chapter re-types it.

All chapters use it.
"""

from __future__ import annotations

import ast
import html
import inspect
import textwrap
from collections.abc import Mapping, Sequence

from .sources import HAVE_DOCSTRINGS

WIDEST = 78  # characters of a row of plain text: as wide as a line of code


class Table:
    """What `show_table` returns; a notebook shows it by itself."""

    def __init__(self, columns, rows, caption, numeric):
        self.columns, self.rows = columns, rows  # all of them texts
        self.caption, self.numeric = caption, numeric

    def __repr__(self):
        widths = [
            max(map(len, column))
            for column in zip(self.columns, *self.rows, strict=True)
        ]

        def line(cells):
            parts = zip(cells, widths, self.numeric, strict=True)
            return "  ".join(
                c.rjust(w) if number else c.ljust(w) for c, w, number in parts
            ).rstrip()

        head = [self.caption] if self.caption else []
        return "\n".join([*head, line(self.columns), *map(line, self.rows)])

    def _repr_html_(self):
        align = ["right" if number else "left" for number in self.numeric]

        def line(cells, tag):
            row = "".join(
                f'<{tag} style="text-align: {a}">{html.escape(c)}</{tag}>'
                for c, a in zip(cells, align, strict=True)
            )
            return f"<tr>{row}</tr>"

        caption = f"<caption>{html.escape(self.caption)}</caption>"
        body = "".join(line(row, "td") for row in self.rows)
        return (
            f'<div class="table-scroll" tabindex="0"><table class="book-table">'
            f"{caption if self.caption else ''}<thead>{line(self.columns, 'th')}</thead>"
            f"<tbody>{body}</tbody></table></div>"
        )


def show_table(
    rows, columns: Sequence[str] = (), caption: str = "", formats=()
) -> Table:
    """A table of results; the last line of a cell shows it.

    Args:
        rows: dicts (their keys are the columns) or sequences of values.
        columns: names; needed for sequences, optional for dicts (choice and order).
        caption: one sentence that says what is counted, in which unit.
        formats: column → format of its numbers, such as {"difference": "+.1f"}. Without
            one, whole numbers have thousands separators, others three decimals.
    Returns: `Table`. Columns in which every value is a number, or begins like one, are
        aligned to the right; None is shown as a dash.
    Raises: ValueError: no rows, or a row of another length; text wider than 78 characters.
    """
    rows = list(rows)
    if not rows:
        raise ValueError("rows is empty; a table needs one row at least")
    if isinstance(rows[0], Mapping):
        columns = list(columns or rows[0])
        rows = [[row.get(name) for name in columns] for row in rows]
    for row in rows:
        if len(row) != len(columns):
            raise ValueError(
                f"{len(row)} values in {row!r}, for {len(columns)} columns"
            )
    formats = dict(formats)
    if unknown := formats.keys() - set(columns):
        raise ValueError(f"formats names {min(unknown)!r}; columns are {list(columns)}")
    texts = [
        [
            _text(value, formats.get(name))
            for name, value in zip(columns, row, strict=True)
        ]
        for row in rows
    ]
    numeric = [
        all(_is_number(row[i]) or row[i] == "–" for row in texts)
        for i in range(len(columns))
    ]
    table = Table([str(c) for c in columns], texts, caption, numeric)
    widest = max(len(line) for line in repr(table).splitlines()[bool(caption) :])
    if widest > WIDEST:
        raise ValueError(
            f"the table is {widest} characters wide, allowed {WIDEST}; shorten or drop"
            " columns"
        )
    return table


def _text(value, spec) -> str:
    if value is None:
        return "–"
    if isinstance(value, bool | str) or not hasattr(value, "__float__"):
        return str(value)
    number = float(value)
    if spec is None:
        spec = ",.0f" if number.is_integer() and not isinstance(value, float) else ".3f"
    text = format(number, spec)
    # A rounded zero has no sign: -0.00 and +0.00 would look like directions.
    return text.lstrip("+-") if not float(text.replace(",", "").strip("%")) else text


def _is_number(text: str) -> bool:
    start = text.lstrip("+-–−").replace(",", "")
    return bool(start[:1].isdigit() and not any(c.isalpha() for c in text))


def interval(
    mean, low=None, high=None, digits: int = 2, scale: float = 1, signed: bool = False
) -> str:
    """A mean with its interval, as in `0.97 [0.95, 0.98]`; differences carry a sign.

    Args:
        mean: a number, or something with .mean, .low and .high, such as a `Paired`
            difference, which is then written with signs.
        digits: decimals. scale: multiplies all three; 100 for percentage points.
        signed: write a plus sign, as for differences.
    """
    if low is None:
        mean, low, high, signed = mean.mean, mean.low, mean.high, True
    spec = f"{'+' if signed else ''}.{digits}f"
    mean, low, high = (_text(float(x) * scale, spec) for x in (mean, low, high))
    return f"{mean} [{low}, {high}]"


class Source:
    """What `source` returns; the page and Colab colour it as Python."""

    def __init__(self, text):
        self.text = text

    def __repr__(self):
        return self.text

    def _repr_markdown_(self):
        return f"```python\n{self.text}\n```"


def source(thing, start: str = "", end: str = "", doc: bool = True) -> Source:
    """The package's own source of a function, method or class, to be shown in a cell.

    Args:
        start, end: show from the line that contains `start` to before `end`.
        doc: False leaves docstrings out.
    Raises: ValueError: `start` or `end` is not in the source.
    """
    text = textwrap.dedent(inspect.getsource(thing))
    for mark in (start, end):
        if mark not in text:
            raise ValueError(f"{mark!r} is not in the source of {thing.__qualname__}")
    if not doc:
        lines = text.splitlines()
        for node in ast.walk(ast.parse(text)):
            if (
                isinstance(node, HAVE_DOCSTRINGS)
                and ast.get_docstring(node) is not None
            ):
                said = node.body[0]
                wanted = range(said.lineno - 1, said.end_lineno or said.lineno)
                lines = [None if i in wanted else x for i, x in enumerate(lines)]
        text = "\n".join(line for line in lines if line is not None)
    begin = text.rfind("\n", 0, text.index(start)) + 1 if start else 0
    stop = text.index(end, begin) if end else len(text)
    return Source(textwrap.dedent(text[begin:stop]).strip("\n"))
