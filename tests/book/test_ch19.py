"""Chapter 19: answers kept apart from results agree with them; half blocks are left out."""

import json
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest

BOOK = Path(__file__).parents[2] / "book"
sys.path.insert(0, str(BOOK))
from behind import ch19  # noqa: E402
from curriculum.finetune import orders  # noqa: E402

RESULTS = BOOK / "results" / "finetune"


@pytest.fixture(scope="module")
def runs():
    return ch19.Runs(RESULTS)


def test_kept_answers_agree_with_the_results(runs):
    for order in ch19.ORDERS:
        for kind in ch19.KINDS:
            for what in ("exact", "loss"):
                kept = runs.of(what, order, kind).mean(1)
                told = [
                    r["results"][kind][what]
                    for r in runs.records
                    if r["order"] == order
                ]
                np.testing.assert_allclose(kept, told, atol=1e-6)


@pytest.mark.fault(
    "Fine-tuning",
    "the seven runs of a seed with other items, other settings or another model",
    "runs of a seed differ in their order alone, and each fed exactly its plan",
    "equal identities but for the plan; plans are those of the kept criteria",
)
def test_runs_of_a_seed_differ_in_their_order_alone(runs):
    assert len(runs.records) == len(ch19.ORDERS) * len(runs.seeds) > 7
    for seed in runs.seeds:
        mine = [r for r in runs.records if r["seed"] == seed]
        same = {
            json.dumps({k: v for k, v in r["identity"].items() if k != "plan"})
            for r in mine
        }
        assert len(same) == 1 and len({r["identity"]["plan"] for r in mine}) == 7
        assert all(r["audit"]["ok"] for r in mine)
        kept = ch19.files.read_json(RESULTS / f"items_s{seed}.json", sealed=True)
        scores = {k: np.array(v) for k, v in kept["criteria"].items()}
        ids = [item["id"] for item in kept["items"]]
        for r in mine:
            d = r["design"]
            plan = orders.make_plan(
                r["order"], ids, scores, d["epochs"], d["batch"], seed
            )
            assert r["identity"]["plan"] == ch19.files.digest(plan)[:16]
            assert len(r["losses"]) == len(plan)


def test_no_test_item_is_trained_on(runs):
    tests = {item["program"] for item in runs.tests["items"]}
    assert len(runs.tests["items"]) == 360
    assert not tests & set(ch19.Items(RESULTS)["program"].tolist())


def test_half_a_block_is_left_out(runs, tmp_path):
    for path in RESULTS.glob("*.json"):
        shutil.copy(path, tmp_path)
    (tmp_path / f"loss_s{runs.seeds[-1]}.json").unlink()
    assert ch19.Runs(tmp_path).seeds == runs.seeds[:-1]


def test_a_contrast_is_an_order_minus_random(runs):
    order, c, p, student, verdict = ch19.contrasts(runs)[0]
    gap = runs.of("exact", order) - runs.of("exact", "random")
    assert order == "length" and c.mean == pytest.approx(gap.mean())
    assert student[0] == pytest.approx(gap.mean()) and verdict != "seen"
    assert p >= 2 / 2 ** len(runs.seeds)


def test_agreement_of_two_orders_turns_attention_round():
    class Two(dict):
        """Items by column."""

    x = np.arange(30.0)
    items = Two({"length": x, "attention": -x, "loss": x[::-1]})
    found = ch19.agreement(items, [("length", "attention"), ("length", "loss")])
    assert found[0][1:] == (pytest.approx(1), 1.0)
    assert found[1][1:] == (pytest.approx(-1), pytest.approx(1 / 3))
