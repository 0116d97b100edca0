"""The cost card: work is counted right, sharing helps as far as it can, no more."""

import dataclasses

import numpy as np
import pytest

from curriculum import model
from curriculum.__main__ import main
from curriculum.experiments import cost
from curriculum.experiments import spec as X


@pytest.mark.parametrize("schedule", ["baseline", "sequential", "hybrid", "hard-only"])
def test_the_sample_predicts_what_the_plan_holds(resolved, schedule):
    arm = resolved(schedule)
    data, plan = arm.data, arm.plan
    found = cost.workload(arm.experiment)
    # The smoke plan itself is short: compare with all that its pools would give.
    pools = [data.corpus.lengths[plan.ids[pool]].mean() for pool in plan.pools]
    mean = np.average(pools, weights=np.diff(plan.starts))
    assert found.characters == pytest.approx(24 * 16 * mean, rel=0.02)
    flops = model.training_flops(arm.model.config, mean)
    assert found.flops == pytest.approx(found.characters * flops, rel=0.01)
    assert (found.size, found.steps, found.layers) == ("nano", 24, 2)
    exact = arm.preflight().tokens
    assert found.characters == pytest.approx(exact, rel=0.1)


def test_windows_are_always_full(smoke):
    e = dataclasses.replace(smoke[0], rows="windows", scale="paper")
    assert cost.workload(e).characters == 120_000 * 64 * 256


def test_runs_share_arithmetic_and_nothing_else():
    work = cost.Work("paper", 6, steps=1_000, characters=4e6, flops=3e13)
    slow = cost.Machine("slow", 1.0, peak=1e12)
    compute = 3e13 / 0.8 / (0.3 * 1e12)
    assert cost.seconds(work, slow) == pytest.approx(compute)
    assert cost.seconds(work, slow, 3) == pytest.approx(3 * compute)
    fast = dataclasses.replace(slow, peak=1e16)
    calls = 1_000 * 5e-6 * (80 + 6 * 130)
    assert (
        cost.seconds(work, fast) == cost.seconds(work, fast, 3) == pytest.approx(calls)
    )
    known = cost.Machine("known", 1.0, rates={"paper": 2e4})
    assert cost.seconds(work, known, 2) == 2 * 4e6 / 2e4
    with pytest.raises(ValueError, match="known has no rate for the nano model"):
        cost.seconds(dataclasses.replace(work, size="nano"), known)


def test_the_card_hands_out_runs_and_pays_for_what_is_used(smoke):
    runs = [dataclasses.replace(smoke[0], seed=s) for s in range(5)]
    rate = cost.workload(runs[0]).characters  # a run lasts about one second
    one = cost.Machine("one", 3600.0, rates={"nano": rate})
    rows = cost.card(
        runs,
        [
            one,
            dataclasses.replace(one, runs=5),
            dataclasses.replace(one, count=2),
            dataclasses.replace(one, count=8),
            cost.Machine("gpu", 3600.0, runs=4, count=2, peak=1e15),
        ],
    )
    assert [r["together"] for r in rows] == [1, 5, 1, 1, 3]
    took = [60 * r["minutes"] for r in rows]
    assert took[:4] == pytest.approx([5, 5, 3, 1], rel=0.02)
    assert [r["money"] for r in rows[:4]] == pytest.approx([5, 5, 6, 5], rel=0.02)
    assert took[4] == pytest.approx(24 * 5e-6 * (80 + 2 * 130))
    assert [r["known"] for r in rows] == ["measured"] * 4 + ["estimate"]
    assert rows[3]["machine"] == "8 × one"
    text = cost.table(runs, rows).splitlines()
    assert text[0].startswith("5 runs, ") and text[-1].endswith("estimate")


def test_wrong_machines_are_refused():
    with pytest.raises(ValueError, match="needs rates"):
        cost.Machine("x", 1.0)
    with pytest.raises(ValueError, match="runs is 0"):
        cost.Machine("x", 1.0, runs=0, peak=1e12)


def test_the_command_line_prints_a_card(smoke, capsys):
    words = ["cost", "scale=smoke", "seed=0,1", "--gpus", "2", "--runs-per-gpu", "2"]
    assert main(words) == 0
    said = capsys.readouterr().out
    assert "this machine" in said and "measured" in said and "assumption" in said
    assert said.count("estimate") >= 3 and "2 × A100" in said
    assert main(["cost", "scale=smoke", "--gpu", "abacus"]) == 2
    assert (
        "gpu is 'abacus'; it must be one of T4, A100, H100" in capsys.readouterr().err
    )
    assert X.SCALES["smoke"].steps == 24
