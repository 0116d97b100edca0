"""A curriculum drawn in the page is the one that the package plans."""

import json
from pathlib import Path
from random import Random

import numpy as np
import pytest
from test_lab import LAB

from curriculum.experiments import experiment, records
from curriculum.ordering import plan, schedules

RESULTS = Path(__file__).resolve().parents[2] / "book" / "results"
PLAN = """([stages, scale]) =>
  curriculumDraw().plan(stages, curriculumSchedules.scales[scale])"""


@pytest.fixture
def page(visit):
    return visit(LAB)


@pytest.mark.parametrize("study", ["quick", "study"])
@pytest.mark.parametrize("name", ["baseline", "sequential", "incremental", "hybrid"])
def test_the_papers_schedules_are_planned_as_the_records_say(page, study, name):
    stages = schedules.NAMED[name]().to_dict()["stages"]
    assert page.evaluate("curriculumSchedules.presets")[name] == json.loads(
        json.dumps(stages)
    )
    found = page.evaluate(PLAN, [stages, study])
    kept = records.read_record(RESULTS / study / f"{name}_s0.json")["plan"]["preflight"]
    for mine, theirs in zip(found["stages"], kept["stages"], strict=True):
        assert (mine["steps"], mine["pool"]) == (theirs["steps"], theirs["pool"])
        assert mine["epochs"] == pytest.approx(theirs["epochs"])
    assert found["characters"] == pytest.approx(kept["tokens"], rel=0.05)
    assert found["flops"] == pytest.approx(kept["flops"], rel=0.05)


def test_random_schedules_are_planned_as_by_the_package(page):
    """Steps, pools, epochs and shows of each label, for 40 schedules."""
    about = page.evaluate("curriculumSchedules.scales.quick")
    counts = about["counts"]
    labels = np.repeat([0, 1, 2], [counts[x] for x in ("easy", "medium", "hard")])
    ids, scores = np.arange(len(labels)), labels.astype(float)
    rng = Random(0)
    for _ in range(40):
        stages = []
        for _ in range(rng.randint(1, 6)):
            chosen = rng.sample(["easy", "medium", "hard"], rng.randint(1, 3))
            stages.append(
                {
                    "length": rng.randint(1, 120),
                    "selections": [
                        {"label": x, "share": rng.randint(1, 20) / 20, "end": "hardest"}
                        for x in ("easy", "medium", "hard")
                        if x in chosen
                    ],
                }
            )
        schedule = schedules.Schedule.from_dict({"name": "x", "stages": stages})
        made = plan.Plan(
            schedule, ids, scores, labels, 0, about["steps"], about["batch"]
        )
        found = page.evaluate(PLAN, [stages, "quick"])
        assert [s["pool"] for s in found["stages"]] == [len(p) for p in made.pools]
        assert [s["steps"] for s in found["stages"]] == np.diff(made.starts).tolist()
        shown = np.bincount(labels[made.table.ravel()], minlength=3)
        mine = [found["shown"][x] for x in ("easy", "medium", "hard")]
        # the last epoch of a stage is cut, at a random program
        assert mine == pytest.approx(shown, abs=0.02 * made.table.size)


def test_the_saved_file_is_what_the_command_takes(page, tmp_path):
    page.select_option("#draw-preset", "sequential")
    page.fill("#draw-name", "mine")
    page.focus("#draw-0-hard")  # by keyboard: the slider goes up in steps of 5 %
    for _ in range(3):
        page.keyboard.press("ArrowRight")
    page.get_by_role("button", name="Add a stage").click()
    page.select_option("#draw-0-end", "easiest")
    with page.expect_download() as download:
        page.click(".draw-file")
    path = tmp_path / download.value.suggested_filename
    download.value.save_as(path)
    assert path.name == "mine.json"
    assert page.inner_text("#lab-draw pre") == (
        "python -m curriculum experiment schedule=mine.json scale=quick"
    )
    (e,) = experiment.Experiment.parse([f"schedule={path}", "scale=quick"])
    made = e.make_schedule()
    assert len(made.stages) == 4
    hard = made.stages[0].selections[1]
    assert (hard.label, hard.share, hard.end) == ("hard", 0.15, "easiest")


def test_what_cannot_be_run_is_one_line(page):
    page.select_option("#draw-preset", "sequential")
    said = page.locator("#lab-draw .lab-status")
    page.focus("#draw-1-medium")
    page.keyboard.press("Home")
    assert "Stage 2 shows nothing" in said.inner_text()
    assert not page.locator(".draw-file").is_visible()
    page.keyboard.press("End")
    assert (
        "Cost: about" in said.inner_text() and page.locator(".draw-file").is_visible()
    )
    page.fill("#draw-name", "../x")
    assert "letters, digits" in said.inner_text()
