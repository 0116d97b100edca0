"""Schedules and scorers of your own: run, kept with their hash, refused when broken."""

import dataclasses
import json

import numpy as np
import pytest

from curriculum import files
from curriculum.__main__ import main
from curriculum.experiments import experiment, records, sweep
from curriculum.experiments.spec import Experiment
from curriculum.ordering import schedules

CODE = """
from curriculum.ordering.schedules import LevelSelection, Schedule, Stage

def steep(easy: float = 0.5):
    first = Stage((LevelSelection("easy"),), easy)
    return Schedule("steep", (first, Stage((LevelSelection("hard"),), 1 - easy)))

def brackets(source):
    return source.count("(") + source.count("+") / 10

def wrong():
    return 3

def fails(source="x"):
    raise KeyError("oops")

def none(source):
    return float("nan")

def seed(seed: int = 1):
    return steep()
"""


@pytest.fixture
def mine(tmp_path):
    (tmp_path / "mine.py").write_text(CODE)
    return tmp_path / "mine.py"


def test_a_schedule_and_a_scorer_from_a_file_make_an_experiment(mine, tmp_path):
    words = [f"schedule={mine}:steep", f"scorer={mine}:brackets", "cut=tertiles"]
    words += ["easy=0.25", "scale=smoke", "study=tests"]
    (e,) = Experiment.parse(words)
    assert e.name == "mine.py-steep_scorer-mine.py-brackets_cut-tertiles_easy-0.25" + (
        "_scale-smoke_s0"
    )
    (path,) = sweep.sweep([e], tmp_path / "r", show=lambda _: None)  # as a notebook
    record = files.read_json(path)
    assert str(tmp_path) not in path.read_text(
        encoding="utf-8"
    )  # no path of this machine
    assert record["spec"]["schedule"] == "mine.py:steep"
    assert record["spec"]["options"] == {"easy": 0.25}
    assert record["code"] == {k: files.digest(CODE.encode()) for k in e.custom}
    assert record["plan"]["starts"] == [0, 6, 24]
    data = experiment.load_data(e)
    counts = [CODE.count("(") for CODE in data.corpus.codes]  # noqa: N806
    assert (np.floor(data.scores) == counts).all()
    assert records.records("tests", tmp_path / "r") == [record]

    assert records.finished(e, tmp_path / "r")
    mine.write_text(CODE + "\n# changed")
    (changed,) = Experiment.parse(words)
    with pytest.raises(ValueError, match="holds another experiment.*'code'"):
        records.finished(changed, tmp_path / "r")
    one, other = experiment.resolve(e), experiment.resolve(changed)
    assert one.plan.digest == other.plan.digest and one.folder != other.folder


def test_a_json_file_is_a_schedule(tmp_path):
    path = tmp_path / "slow.json"
    path.write_text(json.dumps(schedules.hybrid(0.25).to_dict()))
    e = Experiment(str(path), scale="smoke", study="tests")
    plain = Experiment("hybrid", options={"replay": 0.25}, scale="smoke")
    plans = [experiment.resolve(x).plan for x in (e, plain)]
    assert plans[0].digest == plans[1].digest
    assert e.name == "slow.json_scale-smoke_s0"


def test_a_module_that_can_be_imported_is_a_schedule():
    e = Experiment("curriculum.ordering.schedules:baseline", scale="smoke")
    assert e.make_schedule() == schedules.baseline() and "schedule" in e.code


@pytest.mark.parametrize(
    "words, message",
    [
        (["schedule=FILE:nothing"], "has no function 'nothing'"),
        (["schedule=FILE:wrong"], "returns a int; it must return a Schedule"),
        (["schedule=FILE:fails"], "fails: KeyError: 'oops'"),
        (["schedule=FILE:steep", "replay=0.5"], "does not take replay; it takes easy"),
        (
            ["schedule=FILE:steep", "easy=much"],
            "easy is 'much'; it must be of type float",
        ),
        (["schedule=FILE:steep", "easy=nan"], "easy is nan"),
        (["schedule=FILE:steep", "easy=1"], "length is 0.0"),
        (["schedule=FILE:seed", "seed=2"], "rename the schedule's"),
        (["schedule=BROKEN:f"], "cannot be loaded (SyntaxError"),
        (["schedule=MISSING.py:f"], "cannot be loaded (FileNotFoundError"),
        (["schedule=no.such.module:f"], "cannot be loaded (ModuleNotFoundError"),
        (["schedule=MISSING.json"], "does not exist"),
        (["schedule=LIST"], "must be a Schedule"),
        (["scorer=FILE:nothing"], "has no function 'nothing'"),
        (["scorer=FILE:fails"], "fails on program 0: KeyError: 'oops'"),
        (["scorer=FILE:none"], "gives nan for program 0"),
    ],
)
@pytest.mark.fault(
    "Command line",
    "a schedule or scorer of one's own fails, or returns nonsense",
    "somebody else's code is named, not ours",
    "one line with the file and the error",
)
def test_broken_code_of_yours_is_one_line(mine, smoke, words, message, capsys):
    (mine.parent / "broken.py").write_text("def f(:")
    (mine.parent / "list.json").write_text("[]")
    places = {"FILE": "mine.py", "BROKEN": "broken.py", "LIST": "list.json"}
    places["MISSING"] = "missing"
    for key, name in places.items():
        words = [w.replace(key, str(mine.parent / name)) for w in words]
    assert main(["plan", "scale=smoke", *words]) == 2
    error = capsys.readouterr().err.strip().splitlines()
    assert len(error) == 1 and message in error[0]


def test_data_of_another_scorer_is_refused(mine, smoke):
    e = dataclasses.replace(smoke[0], scorer=f"{mine}:brackets")
    with pytest.raises(ValueError, match="data belongs to another"):
        experiment.resolve(e, smoke[1])
