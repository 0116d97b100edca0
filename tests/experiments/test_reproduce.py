"""Kept records are run again, and whatever differs is said."""

import copy
import json
import re
import shutil

import pytest

from curriculum import files
from curriculum.__main__ import main
from curriculum.experiments import records, reproduce
from curriculum.experiments.experiment import Arm, resolve
from curriculum.experiments.spec import RESULTS

HYBRID = "hybrid_scale-smoke_s0.json"


@pytest.fixture(scope="module")
def small():
    """The committed small study: {schedule: record}."""
    return {r["spec"]["schedule"]: r for r in records.records("small", RESULTS)}


@pytest.fixture(scope="module")
def repeated(small, smoke):
    """Its hybrid run, run again."""
    return reproduce.again(records.experiment(small["hybrid"]), smoke[1])


@pytest.fixture
def copied(tmp_path):
    """A copy of the results that holds the small study."""
    shutil.copytree(RESULTS / "small", tmp_path / "small")
    return tmp_path


def test_the_small_study_is_reproduced(capsys):
    before = {p: p.read_bytes() for p in (RESULTS / "small").iterdir()}
    assert main(["reproduce", "small"]) == 0
    said = capsys.readouterr().out
    assert "baseline, seed 0" in said and "hybrid, seed 0" in said
    assert "\nreproduced: 2 runs, every number" in said
    assert max(map(len, said.splitlines())) <= 72
    assert said.index("2 of 2 runs, ") < said.index("to the digit")  # cost comes first
    assert {p: p.read_bytes() for p in (RESULTS / "small").iterdir()} == before


ALTERED = {
    "results exact token accuracy 0.9": "exact token accuracy",
    "results exact line total 7": "exact line answers",
    "results exact line similarity 99.0": "exact line similarity",
    "curve 0 loss 0.5": "step 8 loss",
    "curve 2 valid hard 0.1": "step 24 valid hard",
    "curve 1 tokens 5": "curve tokens",
    "plan digest 00": "plan digest",
    "plan starts 1": "plan starts",
    "audit wrong_steps 1": "audit wrong_steps",
    "audit repeats 3": "audit repeats",
    "corpus hash 00": "corpus hash",
    "parameters 7": "parameters",
    "cost tokens 7": "tokens",
}


def alter(record: dict, words: str) -> dict:
    """A copy in which the value at a path has become the last word."""
    found = at = copy.deepcopy(record)
    *path, last, value = words.split()
    for key in path:
        at = at[int(key)] if isinstance(at, list) else at[key]
    assert last in at
    at[last] = json.loads(value) if value != "00" else value
    return found


@pytest.mark.fault(
    "Identity",
    "an accuracy, a loss, the plan's digest or the audit of a kept record is altered, and"
    " the file sealed again",
    "a kept record is what the code computes",
    "`reproduce` runs it again, names the number, and ends with exit code 1",
)
@pytest.mark.parametrize(("words", "name"), ALTERED.items())
def test_an_altered_record_is_not_reproduced(
    words, name, copied, repeated, monkeypatch, capsys
):
    monkeypatch.setattr(
        reproduce, "again", lambda e, data: repeated
    )  # run once for all
    path = copied / "small" / HYBRID
    files.write_json(path, alter(files.read_json(path), words))
    order = ["reproduce", "small", "--arms", "hybrid", "--results", str(copied)]
    assert main(order) == 1
    said = capsys.readouterr().out
    assert f"\n  outside {name}: " in said and "NOT reproduced: 1 of 1" in said
    assert said.count("outside ") == 1


@pytest.mark.fault(
    "Files",
    "a kept record is edited by hand",
    "records that were changed are not used",
    "`reproduce` names the file before any work, exit code 2",
)
def test_an_edited_file_is_refused(copied, capsys):
    path = copied / "small" / HYBRID
    path.write_text(
        path.read_text(encoding="utf-8").replace('"wrong_steps": 0', '"wrong_steps": 1')
    )
    assert main(["reproduce", "small", "--results", str(copied)]) == 2
    said = capsys.readouterr()
    assert f"{HYBRID} is damaged" in said.err and said.out == ""


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        ("spec momentum 1", "cannot be run by this version"),
        ("spec scorer 1", "cannot be run by this version"),
        ("scale steps 25", "scale.steps"),
        ("audit repeats", "lacks 'repeats'"),
        ("corpus hash", "lacks 'hash'"),
    ],
)
def test_what_cannot_be_run_is_refused(words, reason, copied, capsys):
    path = copied / "small" / HYBRID
    record = files.read_json(path)
    room, key, *value = words.split()
    record[room].pop(key, None)
    if value:
        record[room][key] = json.loads(*value)
    files.write_json(path, record)
    assert main(["reproduce", "small", "--results", str(copied)]) == 2
    said = capsys.readouterr()
    assert reason in said.err and said.err.count("\n") == 1 and said.out == ""


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (["nix"], "study is 'nix'; .* has .*quick, restart, scores, small, study$"),
        (["bench"], "study is 'bench'"),
        (["small", "--arms", "anti"], "arm is 'anti'; this study has baseline, "),
        (["small", "--minutes", "0"], "2 runs of small need .* minutes here"),
        (["small", "--runs", "0"], "'0' must be a whole number from 1"),
    ],
)
def test_bad_orders_are_one_line(words, reason, monkeypatch, capsys):
    monkeypatch.setattr(reproduce, "again", None)  # nothing is run
    assert main(["reproduce", *words]) == 2
    said = capsys.readouterr()
    assert re.search(reason, said.err) and said.err.count("\n") == 1
    assert "to the digit" not in said.out


def test_a_finished_run_in_the_cache_is_no_repetition(small, smoke):
    e, lines = records.experiment(small["baseline"]), []
    resolve(e, smoke[1]).train()
    reproduce.again(e, smoke[1], lines.append)
    assert [line["step"] for line in lines] == [8, 16, 24]


def test_a_killed_reproduction_goes_on(small, smoke, cache, monkeypatch):
    e, lines = records.experiment(small["baseline"]), []

    def killed(self):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Arm, "measure", killed)
        with pytest.raises(KeyboardInterrupt):
            reproduce.again(e, smoke[1], lines.append)
    assert len(lines) == 3
    found = reproduce.again(e, smoke[1], lines.append)
    assert len(lines) == 3  # nothing was trained a second time
    assert len(found["curve"]) == 3 and not list((cache / "reproduce").iterdir())


def seeds(record, *losses, **spec):
    """Copies of a record, one a seed, with these last losses."""
    found = []
    for seed, loss in enumerate(losses):
        one = copy.deepcopy(record)
        one["spec"] |= {"seed": seed, **spec}
        one["name"] = f"{one['spec']['schedule']}_s{seed}"
        one["curve"][-1]["loss"] = loss
        found.append(one)
    return found


def test_the_spread_is_pooled_over_arms(small):
    """Deviations ±1 (two seeds) and −2, 0, 2 (three): (2 + 8) / (1 + 2)."""
    found = seeds(small["hybrid"], 1.0, 3.0) + seeds(small["baseline"], 3.0, 5.0, 7.0)
    spread = reproduce.spreads(found)
    assert spread["step 24 loss"] == pytest.approx((10 / 3) ** 0.5)
    assert spread["step 8 loss"] == 0
    assert reproduce.spreads(found[1:3]) == {}  # no arm has two seeds


@pytest.mark.parametrize(
    ("new", "spread", "where"),
    [
        (1.0, {}, "equal"),
        (1.049, {}, "within"),  # one seed: 5 %
        (1.051, {}, "outside"),
        (1.0009, {"step 24 loss": 0.0}, "within"),  # seeds agree: 0.1 %
        (1.0011, {"step 24 loss": 0.0}, "outside"),
        (1.49, {"step 24 loss": 0.1}, "within"),  # else five standard deviations
        (0.49, {"step 24 loss": 0.1}, "outside"),
        (float("nan"), {"step 24 loss": 0.1}, "outside"),
        (float("inf"), {}, "outside"),
    ],
)
def test_tolerances(small, new, spread, where):
    (kept,), (again,) = (seeds(small["hybrid"], x) for x in (1.0, new))
    found = reproduce.compare(kept, again, spread)
    every = len(reproduce.facts(kept)) + len(reproduce.numbers(kept))
    assert found.equal == every - (where != "equal")
    assert [d.name for d in found.within] == ["step 24 loss"] * (where == "within")
    assert [d.name for d in found.outside] == ["step 24 loss"] * (where == "outside")
    if where != "equal":
        assert any(where in row and "step 24" in row for row in reproduce.lines(found))


def test_a_number_that_is_missing_is_outside(small):
    kept, again = small["hybrid"], copy.deepcopy(small["hybrid"])
    del again["curve"][-1]["valid"]["hard"]
    for pair in ((kept, again), (again, kept)):
        (found,) = reproduce.compare(*pair, {}).outside
        assert found.name == "step 24 valid hard"
        assert "missing" in reproduce.lines(reproduce.compare(*pair, {}))[1]


def test_one_of_each_arm_comes_first_and_the_cheapest(small):
    found = seeds(small["hybrid"], 1, 2, 3) + seeds(small["baseline"], 1, 2)
    for r in found:
        r["cost"]["tokens"] = (
            100 * (r["spec"]["schedule"] == "hybrid") + r["spec"]["seed"]
        )

    def names(*a):
        return [r["name"] for r in reproduce.choose(found, *a)]

    first = ["baseline_s0", "hybrid_s0", "baseline_s1", "hybrid_s1", "hybrid_s2"]
    assert names(9) == first and names(3) == first[:3]
    assert names(2, ["hybrid"]) == ["hybrid_s0", "hybrid_s1"]


def test_every_committed_record_can_be_run_by_this_version():
    for study in reproduce.studies(RESULTS):
        for r in records.records(study, RESULTS):
            e = records.experiment(reproduce.whole(r))
            assert not records.differences(r, e) and e.study == study


def test_a_fact_that_is_missing_is_outside(small):
    """A group of programs that one of the records does not have."""
    kept, again = small["hybrid"], copy.deepcopy(small["hybrid"])
    groups = again["results"]["exact"]["execution"]["by_label"]
    part = next(iter(groups))
    del groups[part]
    for pair in ((kept, again), (again, kept)):
        names = {d.name for d in reproduce.compare(*pair, {}).outside}
        assert f"exact execution {part} answers" in names


def test_a_scorer_of_ones_own_lies_beside_the_records():
    (one,) = (
        r
        for r in records.records("scores", RESULTS)
        if r["spec"]["scorer"] == "arithmetic.py:signs" and r["spec"]["seed"] == 0
    )
    assert records.experiment(one, RESULTS).code == one["code"]
    changed = {**one, "code": {"scorer": "0" * 64}}
    with pytest.raises(ValueError, match="cannot be run by this version.*code"):
        records.experiment(changed, RESULTS)
    with pytest.raises(ValueError, match="elsewhere.scores.arithmetic.py"):
        records.experiment(one, "elsewhere")
