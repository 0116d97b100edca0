"""A plan for somebody's own folder or table, on the command line and in Python."""

import csv
import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from curriculum.__main__ import main
from curriculum.data import columns
from curriculum.experiments import own
from curriculum.ordering.plan import Plan

TEXTS = [f"x = {i}\n" + "print((x))\n" * (1 + i % 9) for i in range(45)]
LEVELS = [i % 9 for i in range(45)]
MINE = '''
from curriculum.ordering.schedules import LevelSelection, Schedule, Stage


def brackets(text):
    return text.count("(")


def words(text):
    return len(text.split())


def twice(share: float = 0.5):
    """Easy first, then everything."""
    every = tuple(map(LevelSelection, ("easy", "medium", "hard")))
    return Schedule("twice", (Stage(every[:1], share), Stage(every, 1 - share)))
'''


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A folder with one table in three formats, a folder of code, and a scorer."""
    rows = [{"code": t, "level": n} for t, n in zip(TEXTS, LEVELS, strict=True)]
    lines = "\n".join(map(json.dumps, rows)) + "\n\n"
    (tmp_path / "mine.jsonl").write_text(lines, encoding="utf-8")
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "mine.parquet")
    with open(tmp_path / "mine.csv", "w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, ["code", "level"])
        writer.writeheader()
        writer.writerows(rows)
    (tmp_path / "src").mkdir()
    for i, text in enumerate(TEXTS):
        (tmp_path / "src" / f"{i:02}.py").write_text(text, encoding="utf-8")
    (tmp_path / "mine.py").write_text(MINE, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("name", ["mine.jsonl", "mine.csv", "mine.parquet"])
def test_a_table_is_read_row_by_row(place, name):
    assert columns.texts(place / name, "code") == TEXTS
    assert columns.numbers(place / name, "level") == LEVELS
    data = own.load(place / name, "code")
    assert data.names[7] == f"{name}:7" and data.texts == TEXTS


def test_a_folder_and_a_table_of_the_same_texts_make_the_same_plan(place):
    tables, digests = [], set()
    e = own.asked(["schedule=incremental", "seed=4"])
    for path, text in (("mine.csv", "code"), ("src", "")):
        data = own.load(place / path, text)
        digests.add(data.digest)
        (scores,) = own.scored(data, ["mine.py:brackets"]).table.values()
        assert scores.tolist() == [t.count("(") for t in TEXTS]
        tables.append(own.planned(scores, e, 12, 5).table)
    assert np.array_equal(*tables) and len(digests) == 1


def test_a_plan_of_the_command_line(place, capsys):
    words = "plan --data mine.jsonl --text code --steps 12 --batch 5 --out p.parquet"
    asked = ["schedule=mine.py:twice", "share=0.25", "scorer=mine.py:words"]
    assert main([*words.split(), *asked]) == 0
    said = capsys.readouterr().out
    assert "promised: easy to hard" in said and "FLOPs" not in said
    spec, table = Plan.load_table(place / "p.parquet")
    assert table.shape == (12, 5) and spec["schedule"]["name"] == "twice"
    easy = {i for i, text in enumerate(TEXTS) if len(text.split()) < 7}
    assert set(table[:3].ravel().tolist()) <= easy
    report = said[said.index("data: ") :].splitlines()
    assert report[0].startswith("data: 45 texts, ")
    assert report[1].startswith("scores: mine.py:words, file ")
    assert report[2].startswith("order: mine.py:twice share=0.25, file ")
    assert report[3].startswith("plan: 12 steps of 5, ")
    assert report[4] == "audit: not run"


def test_scores_of_a_column_make_a_plan(place, capsys):
    words = "plan --data mine.csv --text code --score level --steps 9 --batch 4"
    assert main([*words.split(), "schedule=sequential"]) == 0
    said = capsys.readouterr().out
    assert "scores: column level, cut tertiles" in said
    assert "found: easy to hard" in said


def test_texts_without_a_score_are_left_out(place, capsys):
    (place / "src" / "01.py").write_text("print(1 +\n", encoding="utf-8")
    words = "plan --data src --steps 12 --batch 4 --out p.parquet scorer=lines"
    assert main(words.split()) == 0
    said = capsys.readouterr()
    assert "left out src/01.py:1" in said.err and "of 44 programs" in said.out
    assert 1 not in Plan.load_table("p.parquet")[1]


def test_score_reads_tables_and_scorers_of_yours(place, capsys):
    words = (
        "score mine.parquet --text code --scorers lines,mine.py:brackets --out s.csv"
    )
    assert main(words.split()) == 0
    rows = list(csv.DictReader(open(place / "s.csv", encoding="utf-8")))
    assert rows[8]["file"] == "mine.parquet:8" and len(rows) == 45
    assert float(rows[8]["mine.py:brackets"]) == TEXTS[8].count("(")
    assert (
        main("score src --scorers mine.py:brackets --sort lines --top 1".split()) == 0
    )
    said = capsys.readouterr().out
    assert "sorted by lines" in said and "mine.py:brackets" in said
    assert float(said.split("src/")[0].split()[-1]) == 18


@pytest.mark.fault(
    "Command line",
    "tables without the column, without rows, cut short, with an empty text or a missing"
    " number; a word about the book's own programs",
    "one line names the value and the cure; exit code 2",
    "exit code 2, one line each",
)
@pytest.mark.parametrize(
    "words, message",
    [
        ("--data mine.csv --steps 9", "mine.csv is a table; say --text"),
        ("--data mine.csv --text cod --steps 9", "no column 'cod'; it has code, level"),
        ("--data mine.jsonl --text cod --steps 9", "mine.jsonl:1 has no column 'cod'"),
        ("--data src --text code --steps 9", "src is no table"),
        ("--data src --score level --steps 9", "src is no table"),
        ("--data none.csv --text code --steps 9", "no such table: none.csv"),
        ("--data empty.csv --text a --steps 9", "empty.csv has no rows"),
        ("--data empty.jsonl --text a --steps 9", "empty.jsonl has no rows"),
        ("--data cut.jsonl --text a --steps 9", "cut.jsonl:2 is not JSON"),
        (
            "--data list.jsonl --text a --steps 9",
            "has no column 'a'; it has no columns",
        ),
        ("--data gap.jsonl --text a --steps 9", "row 1 has '  ' in 'a'"),
        (
            "--data gap.jsonl --text b --steps 9",
            "row 0 has 3 in 'b'; it must be a text",
        ),
        (
            "--data mine.csv --text code --score code --steps 9",
            "a score must be a finite number",
        ),
        ("--data bad.parquet --text a --steps 9", "cannot be read as a table"),
        ("--data mine.csv --text code", "--steps is missing"),
        ("--text code", "--text goes with --data"),
        ("--data src --steps 9 scale=smoke", "about the book's own programs"),
        ("--data src --steps 9 seed=1,2", "2 plans; with --data ask for one"),
        ("--data src --steps 9 scorer=src:none", "cannot be loaded"),
        (
            "--data mine.csv --text code --score level --steps 9 scorer=lines",
            "the difficulty has one source",
        ),
        ("--data src --steps 9 --batch 99", "fewer than one batch of 99"),
    ],
)
def test_what_cannot_be_planned_is_one_line(place, words, message, capsys):
    for name, text in {
        "empty.csv": "a,b\n",
        "empty.jsonl": "\n",
        "cut.jsonl": '{"a": "x = 1"}\n{"a": "x',
        "list.jsonl": "[1, 2]\n",
        "gap.jsonl": '{"a": "x = 1", "b": 3}\n{"a": "  ", "b": 4}\n',
        "bad.parquet": "no table",
    }.items():
        (place / name).write_text(text, encoding="utf-8")
    assert main(["plan", *words.split()]) == 2
    said = capsys.readouterr().err.strip().splitlines()[-1]
    assert message in said and said.startswith("curriculum plan: ")


@pytest.mark.parametrize(
    "words, message",
    [
        ("mine.csv src", "mine.csv is a table; name one table"),
        ("mine.csv", "say --text"),
        (
            "src --scorers nope",
            "scorer is 'nope'; it must be file.py:function or one of",
        ),
        ("src --scorers mine.py:nope", "has no function 'nope'"),
    ],
)
def test_what_cannot_be_scored_is_one_line(place, words, message, capsys):
    assert main(["score", *words.split()]) == 2
    assert message in capsys.readouterr().err


def test_all_scores_missing_is_an_error():
    with pytest.raises(ValueError, match="no text has a score"):
        own.planned([np.nan, np.nan], own.asked([]), 3, 1)
