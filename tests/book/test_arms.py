"""The arm report of chapters 7 to 10 counts what a plan draws and what a record says."""

from pathlib import Path
from types import SimpleNamespace

import matplotlib
import numpy as np
import pytest
import torch

matplotlib.use("Agg")
from behind import arms, ch07, ch08, ch10
from curriculum.data.tokenizer import CharTokenizer
from curriculum.experiments import records
from curriculum.ordering import schedules
from curriculum.ordering.plan import Plan

RESULTS = Path(__file__).parents[2] / "book" / "results"


@pytest.fixture
def world():
    """Six training programs among eight, with scores, labels and lengths by hand."""
    train = np.array([1, 2, 3, 5, 6, 7])
    labels = np.array([9, 0, 0, 1, 9, 1, 2, 2])
    labels[[0, 4]] = 2  # not in train: must not be counted
    lengths = np.array([1000, 10, 20, 30, 1000, 40, 50, 60])
    corpus = type("C", (), {"lengths": lengths, "__len__": lambda self: 8})()
    data = SimpleNamespace(train=train, labels=labels, corpus=corpus)
    data.scores = np.arange(8.0)
    return data


def plan_of(data, name, steps=4, batch=2):
    ids = data.train
    parts = (ids, data.scores[ids], data.labels[ids])
    return Plan(getattr(schedules, name)(), *parts, 0, steps, batch)


def test_times_shown_are_draws_per_training_program(world):
    plan = SimpleNamespace(table=np.array([[1, 1], [2, 3], [6, 6], [6, 5]]))
    assert np.allclose(arms.times_shown(plan, world), [3 / 2, 2 / 2, 3 / 2])


def test_the_diet_counts_characters_and_hard_programs_at_full_rate(world):
    plan = plan_of(world, "baseline", steps=20)
    config = SimpleNamespace(lr=1.0, lr_schedule="multistep")
    shown = arms.diet({"a": plan}, world, config)
    size = sum(world.corpus.lengths[i] for i in plan.table.ravel()) / 1e6
    hard = world.labels[plan.table] == 2
    assert shown.rows[0][4] == f"{size:.2f}"
    assert shown.rows[0][5] == f"{hard[:14].sum() / hard.sum():.0%}"  # 70 % of 20 steps


def test_forgetting_is_the_end_minus_the_lowest():
    def line(step, stage, *losses):
        return {
            "step": step,
            "stage": stage,
            "valid": dict(zip(arms.LABELS, losses, strict=True)),
        }

    curve = [line(1, 0, 2.0, 3, 4), line(2, 0, 0.5, 2, 5), line(3, 1, 0.7, 1, 3)]
    assert arms.forgetting(curve) == pytest.approx(
        {"easy": 0.2, "medium": 0, "hard": 0}
    )
    assert arms.forgetting_matrix(curve).tolist() == [[0.5, 0.7], [2, 1], [5, 3]]


def test_gaps_are_paired_by_seed_and_in_hundredths():
    found = arms.of(records.records("quick", RESULTS), "baseline", "sequential")
    assert {k: len(v) for k, v in found.items()} == {"baseline": 3, "sequential": 3}
    seeds = [
        a["curve"][-1]["valid"]["easy"] - b["curve"][-1]["valid"]["easy"]
        for a, b in zip(found["sequential"], found["baseline"], strict=True)
    ]
    table = arms.gaps_table(
        {"sequential": (found["sequential"], found["baseline"])}, labels=("easy",)
    )
    assert table.rows[0][1].startswith(f"{100 * np.mean(seeds):+.1f} [")


def test_a_program_that_asks_nothing_and_one_that_copies():
    assert ch07.question("a = 1\nb = a + a\nprint(b)") == "one, same operand twice"
    assert ch07.question("a = 1\nb = a + 2\nprint(b)") == "one, two operands"
    assert ch07.question("a = 1\nprint(a)") == "no arithmetic"
    some = ch07.question("a = 1\nb = a + 2\nprint(b * b)")
    assert some == "several, some same operand twice"
    none = ch07.question("a = 1\nb = a + 2\nprint(b * a)")
    assert none == "several, none same operand twice"
    assert ch07.output_kind("a = 3\nprint(a)", "3").endswith("in the program")
    assert ch07.output_kind("a = 3\nprint(a)", "4") == "another whole number"
    assert ch07.output_kind("a = 3\nprint(a)", "1.5") == "a decimal"


def test_kinds_of_questions_are_split_by_sign_and_laid_beside_the_copier():
    codes = ["a = 3\nprint(a)", "a = 3\nprint(a - a)", "b = 2\nprint(b * b)",
             "a = 3\nprint(a + 1)"]  # fmt: skip
    corpus = SimpleNamespace(codes=codes, outputs=["3", "0", "4", "4"])
    table = ch07.kinds_table(corpus, np.arange(4), np.array([1, 0, 1, 0]))
    found = {name.strip(): tuple(rest) for name, *rest in table.rows}
    assert found == {
        "no arithmetic": ("1", "100%", "100%"),
        "one, same operand twice": ("2", "50%", "0%"),
        "of these, b * b": ("1", "100%", "0%"),
        "of these, b − b": ("1", "0%", "0%"),
        "one, two operands": ("1", "0%", "0%"),
    }


def test_second_lines_are_counted_by_their_beginning():
    codes = ["a = 1\nb = 2", "a = 1\nprint(a)", "a = 1\nif a > 0 :\n\tprint(a)",
             "a = 1\nfor b in range(2) :\n\tprint(b)"]  # fmt: skip
    tokenizer = CharTokenizer.of([*codes, "abcde"])
    corpus = SimpleNamespace(codes=codes, tokenizer=tokenizer)
    labels = np.array([0, 0, 1, 2])
    data = SimpleNamespace(
        corpus=corpus, labels=labels, train=np.arange(4), valid=np.array([0])
    )

    def model(tokens):  # sure of p, whatever it reads
        logits = torch.full((*tokens.shape, tokenizer.size), -50.0)
        logits[..., int(tokenizer.encode("p")[0])] = 50.0
        return logits

    rows = {name: rest for name, *rest in ch08.programs_begin(data).rows}
    assert rows["easy"] == ["50%", "50%", "0%", "0%", "0%", "100%"]
    assert rows["medium"] == ["0%", "0%", "100%", "0%", "100%", "0%"]
    assert rows["hard"] == ["0%", "0%", "0%", "100%", "0%", "0%"]
    ((name, *rest),) = ch08.second_lines({"m": model}, data).rows
    assert name == "m" and rest == ["0%", "100%", "0%", "0%"]


def test_replayed_programs_are_those_of_the_last_stage(world):
    plan = plan_of(world, "hybrid", steps=30)
    last = set(world.train[plan.pools[-1]].tolist())
    mine = set(world.train[ch10.replayed(plan, world)].tolist())
    assert mine == last
    assert {6, 7} <= mine  # all hard programs are in it
