"""The page of all evidence: it is what the records say, and its figures show it."""

import importlib.util
from pathlib import Path

import pytest

from behind import ch24
from curriculum import files
from curriculum.evaluation import stats
from curriculum.experiments import records

TOOL = Path(__file__).parents[2] / "book" / "tools" / "evidence.py"


@pytest.fixture(scope="module")
def tool():
    spec = importlib.util.spec_from_file_location("evidence", TOOL)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def evidence():
    return ch24.Evidence()


def test_the_page_is_what_the_records_say(tool, evidence):
    """Computed again from every record, it is the committed file, to the last digit."""
    again = tool.compute()
    for key, value in again.items():
        if key != "provenance":
            assert evidence.kept[key] == value, (
                f"{key}: run python book/tools/evidence.py"
            )


def test_a_row_is_the_contrast_of_its_two_arms(evidence):
    right = records.right(records.records("scores"))
    c = stats.contrast(
        right["hybrid, scorer characters, cut tertiles"], right["baseline"]
    )
    (row,) = [r for r in evidence.rows if r["name"] == "hybrid by length − baseline"]
    found = [row[k] for k in ("mean", "low", "high")]
    assert found == pytest.approx([c.mean, c.low, c.high], abs=1e-6)
    assert (row["seeds"], row["cases"]) == (c.seeds, c.programs)


def test_every_study_of_several_arms_and_seeds_is_on_the_page(evidence):
    """A new study has to be added, or named here with the reason why it is not."""
    why_not = {
        "quick": "runs of one minute; their comparisons stand in chapters 7 to 11",
        "pacing": "the same; a comparison of losses, in chapter 9",
        "restart": "the same, in chapter 9",
        "inside": "what is inside the models of another study, chapter 23",
        "desk": "one seed", "small": "one seed", "snapshots": "one seed",
    }  # fmt: skip
    folder = files.results_folder()
    studies = {
        p.name
        for p in folder.iterdir()
        if p.is_dir() and len(list(p.glob("*_s[0-9]*.json"))) > 1
    }
    assert studies - set(evidence.kept["records"]) == why_not.keys() & studies
    assert studies - set(evidence.kept["records"]) <= why_not.keys()


def test_sides_are_counted_right():
    rows = [
        {"low": 0.01, "high": 0.02}, {"low": -0.1, "high": 0.1}, {"low": -2, "high": -1},
        {"low": 0.0, "high": 1},
    ]  # fmt: skip
    assert [ch24.side(row) for row in rows] == ["above", "both", "below", "both"]


def test_every_row_is_in_a_panel_with_its_interval(evidence):
    for row in evidence.rows:
        assert row["domain"] in ch24.PANELS, row["name"]
        assert row["low"] <= row["mean"] <= row["high"] and row["seeds"] >= 2
    assert sum(len(evidence.of(d)) for d in evidence.domains) == len(evidence.rows)
