"""A study as tables: everything is in them, and in the codebook."""

import csv
import dataclasses
import hashlib
import re
from collections import Counter

import pyarrow.parquet as pq
import pytest

from curriculum.__main__ import main
from curriculum.experiments import records, study, tables
from curriculum.experiments.spec import RESULTS, Experiment


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """(results, folder of the tables) of two small runs with their answers."""
    root = tmp_path_factory.mktemp("results")
    arms = (
        dict(schedule="hybrid", options={"replay": 0.25}),
        dict(schedule="baseline"),
    )
    block = study.Block("small", arms, range(1), "tests", "smoke")
    quiet = lambda line: None  # noqa: E731
    study.run_study(5, [block], root, "cpu", processes=1, show=quiet)
    tables.write("tests", root / "tables", root)
    return root, root / "tables"


def parquet(folder, name):
    return pq.read_table(folder / f"{name}.parquet").to_pylist()


def from_csv(folder, name):
    with open(folder / f"{name}.csv", encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize("read", [parquet, from_csv])
def test_accuracies_can_be_counted_from_the_tables_alone(made, read):
    root, folder = made
    programs = {row["program"]: row for row in read(folder, "programs")}
    right, total = Counter(), Counter()
    for a in read(folder, "answers"):
        about = programs[a["program"]]
        kind = a["task"], a["protocol"]
        if kind == ("execution", "exact") and not about["output"]:
            continue
        if kind == ("execution", "exact"):
            same = a["predicted"] == about["truth"]
            assert same == (a["right"] in (1, "1"))
        for part in ("", about["label"], about["level"]):
            right[(int(a["run"]), *kind, part)] += int(a["right"])
            total[(int(a["run"]), *kind, part)] += int(a["total"])
    found = records.records("tests", root)
    rows = read(folder, "runs")
    assert [row["name"] for row in rows] == [r["name"] for r in found]
    compared = 0
    for i, r in enumerate(found):
        for protocol, task in ((p, t) for p in tables.PROTOCOLS for t in tables.TASKS):
            group = r["results"][protocol][task]
            for part, one in {
                "": group,
                **group["by_label"],
                **group["by_construct"],
            }.items():
                key = (i, task, protocol, part)
                assert (right[key], total[key]) == (one["right"], one["total"])
                compared += total[key]
            stored = rows[i][f"accuracy_{protocol}_{task}"]
            assert float(stored) == group["accuracy"]
    assert compared > 10_000


def test_curves_and_specs_are_those_of_the_records(made):
    root, folder = made
    found, rows = records.records("tests", root), parquet(folder, "runs")
    curves = parquet(folder, "curves")
    assert [r["options"] for r in rows] == ["{}", '{"replay": 0.25}']
    assert [r["plan_digest"] for r in rows] == [r["plan"]["digest"] for r in found]
    assert all(r["as_planned"] for r in rows)
    lines = [(i, line) for i, r in enumerate(found) for line in r["curve"]]
    assert len(curves) == len(lines) > 0
    for row, (i, line) in zip(curves, lines, strict=True):
        assert row["run"] == i and row["loss"] == line["loss"]
        assert row["valid_hard"] == line["valid"]["hard"]
        assert row["answer_easy"] == line["answer"]["easy"]


def test_codebook_and_tables_have_the_same_columns(made):
    _, folder = made
    text = (folder / "README.md").read_text(encoding="utf-8")
    parts = re.findall(r"^## (\w+): ([\d,]+) rows\n(.*?)(?=^## )", text, re.M | re.S)
    assert [name for name, *_ in parts] == ["runs", "curves", "programs", "answers"]
    for name, count, body in parts:
        lines = [
            line.split(" | ") for line in body.splitlines() if line.startswith("| `")
        ]
        documented = [line[0].strip("| `") for line in lines]
        assert all(len(line) == 4 and all(line) for line in lines)
        stored = pq.read_table(folder / f"{name}.parquet")
        assert stored.column_names == documented
        assert list(from_csv(folder, name)[0]) == documented
        assert (
            stored.num_rows
            == len(from_csv(folder, name))
            == int(count.replace(",", ""))
        )


def test_every_field_of_an_experiment_is_a_column():
    assert list(tables.SPEC) == [f.name for f in dataclasses.fields(Experiment)]


def test_a_column_that_the_codebook_lacks_is_refused():
    with pytest.raises(ValueError, match="curves and its codebook differ in colour"):
        row = {c.name: [] for c in tables.COLUMNS["curves"]}
        tables.table("curves", [{**row, "colour": []}])


def test_readme_has_the_checksums_of_the_files(made):
    _, folder = made
    text = (folder / "README.md").read_text(encoding="utf-8")
    sums = dict(re.findall(r"^([0-9a-f]{64})  (\S+)$", text, re.M))
    paths = [p for p in folder.iterdir() if p.name != "README.md"]
    assert {hashlib.sha256(p.read_bytes()).hexdigest(): p.name for p in paths} == sums
    assert len(sums) == 8 and "MIT" in text and "CITATION.cff" in text


def test_missing_values_are_not_empty_texts(made):
    _, folder = made
    for a in parquet(folder, "answers"):
        assert (a["predicted"] is not None) == (a["task"] == "execution")
        assert (a["similarity"] is not None) == (a["task"] == "line")


def test_a_study_without_answers_has_an_empty_table(tmp_path, capsys):
    assert main(["tables", "small", "--out", str(tmp_path)]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 9
    assert pq.read_table(tmp_path / "answers.parquet").num_rows == 0
    assert len(parquet(tmp_path, "runs")) == 2
    assert len(parquet(tmp_path, "programs")) == parquet(tmp_path, "runs")[0]["test"]


def test_a_study_of_two_corpora_is_refused(made, monkeypatch, tmp_path):
    root, _ = made
    found = records.records("tests", root)
    found[1]["corpus"]["hash"] = "00"
    monkeypatch.setattr(records, "records", lambda *a: found)
    with pytest.raises(ValueError, match="2 combinations of corpus"):
        tables.write("tests", tmp_path / "out", root)
    found[0]["corpus"]["hash"] = "00"
    with pytest.raises(ValueError, match="another than this version makes"):
        tables.write("tests", tmp_path / "out", root)
    assert not (tmp_path / "out").exists()


def test_an_unknown_study_is_one_line(tmp_path, capsys):
    assert main(["tables", "nix", "--out", str(tmp_path / "out")]) == 2
    assert "nix holds no records" in capsys.readouterr().err
    assert not (tmp_path / "out").exists() and (RESULTS / "small").exists()
