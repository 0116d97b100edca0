"""One column of somebody's table: .jsonl, .csv or .parquet.

- A table of texts is what most people's training data is. `column` reads one field of
  every row, in the order of the file: the number of a row is its id in a plan.
- A row without the field, with an empty one, or with something else than was asked for is
  an error that names the row. Rows are numbered from 0, as the plan numbers them.
- Nothing is dropped, mended or sorted: an id has to stay the number of its row.

Used by `python -m curriculum score` and `plan`. Chapter 18.
"""

from __future__ import annotations

import json
import math
from pathlib import Path

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq

SUFFIXES = (".jsonl", ".csv", ".parquet")


def is_table(path) -> bool:
    """True for names that end as tables do."""
    return Path(path).suffix in SUFFIXES


def texts(path, column: str) -> list[str]:
    """The texts of one column, one for each row.

    Raises: ValueError: no such file, column or row; a row that holds no text.
    """
    found = _column(Path(path), column)
    for row, value in enumerate(found):
        if not isinstance(value, str) or not value.strip():
            raise ValueError(
                f"{path}: row {row} has {_short(value)} in {column!r}; it must be a text"
                " that is not empty. Drop such rows first"
            )
    return found


def numbers(path, column: str) -> list[float]:
    """The numbers of one column, one for each row.

    Raises: ValueError: as for `texts`; a row that holds no finite number.
    """
    found = _column(Path(path), column)
    for row, value in enumerate(found):
        number = isinstance(value, int | float) and not isinstance(value, bool)
        if not number or not math.isfinite(value):
            raise ValueError(
                f"{path}: row {row} has {_short(value)} in {column!r}; a score must be a"
                " finite number. Drop such rows first"
            )
    return [float(value) for value in found]


def _column(path, column) -> list:
    if not path.is_file():
        raise ValueError(f"no such table: {path}")
    if not column:
        raise ValueError(f"{path} is a table; name a column of it")
    try:
        if path.suffix == ".jsonl":
            return _jsonl(path, column)
        table = (
            pq.read_table(path)
            if path.suffix == ".parquet"
            else pa.csv.read_csv(
                path, parse_options=pa.csv.ParseOptions(newlines_in_values=True)
            )
        )
    except (pa.ArrowException, UnicodeDecodeError) as error:
        said = " ".join(str(error).split())[:200]
        raise ValueError(f"{path} cannot be read as a table: {said}") from None
    if column not in table.column_names:
        raise ValueError(_no_column(path, column, table.column_names))
    if not len(table):
        raise ValueError(f"{path} has no rows")
    return table[column].to_pylist()


def _jsonl(path, column) -> list:
    """One JSON object a line; empty lines count for nothing."""
    found = []
    with open(path, encoding="utf-8") as lines:
        for number, line in enumerate(lines, 1):
            if not line.strip():
                continue
            try:
                row = json.loads(line)
            except (ValueError, RecursionError) as error:
                raise ValueError(f"{path}:{number} is not JSON: {error}") from None
            if not isinstance(row, dict) or column not in row:
                names = list(row) if isinstance(row, dict) else []
                raise ValueError(_no_column(f"{path}:{number}", column, names))
            found.append(row[column])
    if not found:
        raise ValueError(f"{path} has no rows")
    return found


def _no_column(path, column, names) -> str:
    listed = ", ".join(map(str, names[:12])) or "no columns"
    return f"{path} has no column {column!r}; it has {listed}"


def _short(value) -> str:
    text = repr(value)
    return text if len(text) <= 40 else text[:37] + "..."
