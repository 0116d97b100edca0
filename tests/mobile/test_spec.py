"""Curricula of environments: what is refused, and what becomes of the rest."""

import copy
import json

import pytest

from curriculum.mobile import spec
from curriculum.mobile.spec import TARGET, Curriculum, Stage
from curriculum.ordering.audit import audit

GOOD = {
    "name": "two steps",
    "stages": [
        {"stations": [[100, 100]], "users": 2, "velocity": 0, "steps": 300},
        {
            "stations": [[1, 2], [3.5, 4]], "users": 10, "velocity": 2.5,
            "steps": 200, "reward": "connected",
        },
    ],
}  # fmt: skip


def test_reads_and_writes():
    curriculum = spec.validate(GOOD)
    assert curriculum.steps == 500 and curriculum.stages[1].reward == "connected"
    text = json.dumps(spec.as_json(curriculum))
    assert spec.validate(json.loads(text)) == curriculum


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"users": 11}, "stage 1: users is 11; allowed is a whole number from 1 to 10"),
        ({"users": 2.5}, "users is 2.5; allowed is a whole number"),
        ({"users": True}, "users is True"),
        ({"users": "2"}, "users is '2'"),
        ({"velocity": -1}, "velocity is -1; allowed is a number from 0 to 50"),
        ({"velocity": float("nan")}, "velocity is nan"),
        ({"velocity": float("inf")}, "velocity is inf"),
        ({"steps": 50}, "steps is 50; allowed is a whole number from 100"),
        ({"steps": 250}, "steps is 250; .*whole episodes of 100 steps; take 200"),
        ({"stations": []}, r"stations is \[\]; allowed are 1 to 3 places"),
        ({"stations": [[0, 0]] * 4}, "allowed are 1 to 3 places"),
        (
            {"stations": [[0, 201]]},
            "stations is 201; allowed is a number from 0 to 200",
        ),
        ({"stations": [[0]]}, r"stations has \[0\]; a place is \[x, y\]"),
        ({"stations": "3"}, "stations is '3'"),
        (
            {"reward": "lambda: 1"},
            "reward is 'lambda: 1'; allowed are utility, connected",
        ),
        ({"reward": ["utility"]}, "reward is .*allowed are utility"),
        (
            {"code": "import os"},
            "stage 1 has the field 'code'; allowed are .*leave it out",
        ),
    ],
)
def test_refuses_in_one_line(change, message):
    value = copy.deepcopy(GOOD)
    value["stages"][0].update(change)
    with pytest.raises(ValueError, match=message) as caught:
        spec.validate(value)
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 200


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ([], r"the curriculum is \[\]; it must be a JSON object"),
        ({"name": "x"}, "the curriculum has no stages; add it"),
        ({**GOOD, "name": ""}, "name is ''"),
        ({**GOOD, "stages": {}}, "stages is {}; it must be a list"),
        ({**GOOD, "stages": []}, "stages has 0 stages; allowed are 1 to 20"),
        ({**GOOD, "stages": ["easy"]}, "stage 1 is 'easy'; it must be a JSON object"),
        ({**GOOD, "stages": [{"users": 1}]}, "stage 1 has no stations; add it"),
    ],
)
def test_refuses_other_shapes(value, message):
    with pytest.raises(ValueError, match=message):
        spec.validate(value)


def test_schema_has_the_ranges():
    stage = spec.schema()["properties"]["stages"]["items"]
    assert not stage["additionalProperties"]
    assert stage["properties"]["users"] == {
        "type": "integer", "minimum": 1, "maximum": 10
    }  # fmt: skip
    assert stage["properties"]["stations"]["maxItems"] == 3
    assert stage["properties"]["steps"]["multipleOf"] == 100


def test_plan_is_one_id_an_episode():
    easy, hard = Stage(((9, 9),), 1, 0, 200), Stage(((9, 9),), 2, 0, 300)
    curriculum = Curriculum("there and back", (easy, hard, easy))
    table = spec.plan(curriculum)
    assert table[:, 0].tolist() == [0, 0, 1, 1, 1, 0, 0]
    assert audit(table, table).ok
    found = audit(table[::-1][:6], table)
    assert found.faithful and not found.complete
    found = audit([[1], *table[1:]], table)
    assert (found.wrong_steps, found.omissions, found.repeats) == (1, 1, 1)
    foreign = spec.recognise(curriculum, TARGET.environment)
    assert audit([[foreign], *table[1:]], table).unknown_rows == 1


def test_fit_gives_the_target_the_rest():
    stages = (Stage(((9, 9),), 1, 0, 200),)
    assert spec.fit("x", stages, TARGET, 1000).stages[-1].steps == 800
    with pytest.raises(ValueError, match="total is 200 .*shorten the stages"):
        spec.fit("x", stages, TARGET, 200)
