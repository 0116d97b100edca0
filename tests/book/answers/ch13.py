import numpy as np

from behind.ch13 import altered
from curriculum.experiments import experiment, records
from curriculum.experiments.spec import Experiment
from curriculum.ordering import schedules
from curriculum.ordering.schedules import LevelSelection, Schedule, Stage
from exercises import ch13 as check

WORDS = (
    "schedule=baseline,sequential,incremental,hybrid scale=desk study=decay"
    " lr_schedule=multistep,constant seed=0,1,2,3,4"
)
suspects = altered(records.records("quick", "results"))
smoke = experiment.resolve(Experiment("hybrid", scale="smoke"))


def planned(record):
    plan = experiment.resolve(Experiment(**record["spec"])).plan
    return None if plan.digest == record["plan"]["digest"] else "another plan"


def counted(record):
    r = record["results"]["exact"]["execution"]
    same = abs(r["right"] / r["total"] - r["accuracy"]) < 1e-9
    return None if same else "counts and accuracy disagree"


def finished(record):
    whole = record["curve"][-1]["step"] == record["scale"]["steps"]
    return None if whole else "stops early"


def problem(record):
    return planned(record) or counted(record) or finished(record)


def stage(*names, length=1):
    return Stage(tuple(map(LevelSelection, names)), length)


taper = Schedule("taper", (stage("easy", "medium"), stage("hard", "medium", length=2)))
swing = Schedule("swing", (stage("hard"), stage("easy"), stage("medium", "hard")))

WRONG = {
    check.words: [
        None,
        7,
        "scale=desk study=decay",
        WORDS.replace("seed=0,1,2,3,4", "seed=0,1,2,3"),
        WORDS.replace(",constant", ""),
        WORDS.replace("hybrid", "hybird"),
        WORDS.replace("desk", "quick"),
        f"{WORDS} rows=programs,windows",
    ],
    check.problem: [
        (answer, suspects)
        for answer in (
            None,
            lambda record: None,
            lambda record: "wrong",
            lambda record: True,
            lambda record: "" if finished(record) is None else "stops early",
            planned,
            lambda record: planned(record) or counted(record),
            lambda record: record["nothing"],
            lambda: None,
        )
    ],
    check.seeds: [None, 2, 14, 15, 17, 40, "16", 16.5, -3],
    check.arm: [
        (None, smoke),
        ("taper", smoke),
        (schedules.baseline(), smoke),
        (schedules.hybrid(), smoke),
        (Schedule("two", (stage("easy"), stage("medium"))), smoke),
        (schedules.anti(), smoke),
    ],
}
RIGHT = {
    check.words: [WORDS, " ".join(reversed(WORDS.split()))],
    check.problem: [(problem, suspects), (lambda r: problem(r) or None, suspects)],
    check.seeds: [16, np.int64(16)],
    check.arm: [(taper, smoke), (swing, smoke)],
}
