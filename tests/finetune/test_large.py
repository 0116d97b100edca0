"""The runner of the paper's orders for a pretrained model, with a toy model."""

import importlib
import json
import sys

import numpy as np
import pytest

from curriculum import files
from curriculum.finetune import loop, pretrained

pytest.importorskip("peft", reason="needs peft")
large = importlib.import_module("large")
SIZES = {
    "programs": 500, "frozen": 1, "longest": 400, "steps": 8, "batch": 2, "per_level": 2,
}  # fmt: skip


@pytest.fixture
def study(model, tokenizer, tmp_path, monkeypatch):
    monkeypatch.setattr(pretrained, "load", lambda *a, **k: (model, tokenizer))
    monkeypatch.setattr(
        pretrained, "cache_folder", lambda: tmp_path / "cache" / "models"
    )
    monkeypatch.setattr(large, "provenance", files.provenance)
    return large.Study(large.Design(**SIZES), tmp_path)


def quiet(line):
    pass


def test_every_arm_is_fed_its_plan_and_only_the_plan_differs(study):
    found = {arm: study.run(arm, 0, show=quiet) for arm in large.ARMS}
    for arm, r in found.items():
        assert r["audit"]["ok"] and r["audit"]["steps"] == 8, arm
        assert r["plan"]["digest"] == study.plan(arm, 0).digest
        assert sum(r["plan"]["shown"]) == 16
        first = found["baseline"]["identity"]
        differ = {k for k, v in r["identity"].items() if v != first[k]}
        assert differ <= {"plan"}
    assert found["hybrid"]["plan"]["shown"] == found["hybrid-shuffled"]["plan"]["shown"]
    assert len({r["plan"]["digest"] for r in found.values()}) == len(large.ARMS)


def test_test_programs_have_no_twin_among_the_items(study):
    from curriculum.data.near_duplicates import near_duplicate_key

    mine = {
        near_duplicate_key(study.corpus.codes[item.program], "renamed")
        for item in study.items
    }
    tests = [
        near_duplicate_key(study.corpus.codes[item.program], "renamed")
        for item in study.tests
    ]
    assert tests and not mine.intersection(tests)


def test_a_run_out_of_time_goes_on_and_ends_the_same(study, monkeypatch):
    settings, clock = loop.Settings, iter(range(100))
    monkeypatch.setattr(loop, "Settings", lambda **k: settings(**k, save_every=3))
    whole = study.run("hybrid", 1, show=quiet)
    for path in (study.out / "cache").rglob("*.safetensors"):
        path.unlink()
    monkeypatch.setattr(large.time, "monotonic", lambda: next(clock))
    with pytest.raises(large.OutOfTime):
        study.run("hybrid", 1, until=2, show=quiet)
    assert list((study.out / "cache").rglob("*.safetensors"))
    again = study.run("hybrid", 1, show=quiet)
    for key in ("losses", "answers", "results", "audit", "identity"):
        assert again[key] == whole[key], key


def test_the_untouched_model_is_asked_with_and_without_examples(study):
    study.tests_file()
    kept = files.read_json(study.out / "tests.json", sealed=True)
    assert kept["base"]["results"]["all"]["items"] == 12
    assert kept["base"] != kept["base after examples"]
    assert kept["examples"].count("What does this program print?") == large.EXAMPLES
    shown = {item.question for item in study.items}
    assert all(q in shown for q in _questions(kept["examples"]))


def _questions(text):
    for part in text.split("What does this program print?\n")[1:]:
        yield "What does this program print?\n" + part.split("\nAnswer:")[0]


def test_the_books_own_results_are_not_overwritten_by_another_design(
    monkeypatch, capsys
):
    monkeypatch.setattr(sys, "argv", ["large.py", "--steps", "7"])
    with pytest.raises(SystemExit):
        large.main()
    assert "name another folder" in capsys.readouterr().err


def test_records_are_plain_values(study):
    record = study.run("baseline", 2, show=quiet)
    again = json.loads(json.dumps(record))
    exact = np.frombuffer(
        importlib.import_module("curriculum.evaluation.answers").inflate(
            again["answers"]["exact"]
        ),
        "u1",
    )
    assert exact.mean() == pytest.approx(record["results"]["all"]["exact"])
