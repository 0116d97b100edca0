"""Chapter 21: kept answers agree with results; runs of a seed differ in their order alone."""

import json
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest

BOOK = Path(__file__).parents[2] / "book"
sys.path.insert(0, str(BOOK))
from behind import ch21  # noqa: E402
from curriculum.finetune import loop  # noqa: E402

RESULTS = BOOK / "results" / "human"


@pytest.fixture(scope="module", params=ch21.SETS)
def runs(request):
    return ch21.Runs(request.param, RESULTS)


def test_kept_answers_agree_with_the_results(runs):
    for arm in ch21.ARMS:
        mine = [r["results"] for r in runs.records if r["arm"] == arm]
        assert len(mine) == len(runs.seeds) > 1
        told = [r["accuracy"] for r in mine]
        np.testing.assert_allclose(runs.right(arm).mean(1), told, atol=1e-9)
        told = [r["probability"] for r in mine]
        np.testing.assert_allclose(runs.probability(arm).mean(1), told, atol=1e-6)


@pytest.mark.fault(
    "Fine-tuning",
    "the nine runs of a seed with other questions, other settings or another model",
    "runs of a seed differ in their order alone, and each fed exactly its plan",
    "equal identities but for the plan; plans are those of the kept difficulties",
)
def test_runs_of_a_seed_differ_in_their_order_alone(runs):
    for seed in runs.seeds:
        mine = [r for r in runs.records if r["seed"] == seed]
        same = {
            json.dumps({k: v for k, v in r["identity"].items() if k != "plan"})
            for r in mine
        }
        assert len(mine) == 9 and len(same) == 1
        assert all(r["audit"]["ok"] for r in mine)
        for r in mine:
            ids = [q["id"] for q in runs.shown(r["arm"], seed)]
            plan = loop.batches(np.array(ids), r["design"]["batch"])
            assert r["identity"]["plan"] == ch21.files.digest(plan)[:16]
            assert len(r["losses"]) == len(plan)


def test_no_test_question_is_trained_on_and_categories_are_even(runs):
    tests = {q["id"] for q in runs.tests["questions"]}
    for seed in runs.seeds:
        drawn = runs.items(seed)["questions"]
        assert not tests & {q["id"] for q in drawn}
        counts = np.unique([q["category"] for q in drawn], return_counts=True)[1]
        assert len(set(counts.tolist())) == 1


def test_no_text_of_the_who_is_kept():
    kept = " ".join(
        path.read_text(encoding="utf-8")
        for path in (RESULTS / "diagnoses").glob("*.json")
    )
    assert "Diseases of" not in kept and '"given"' not in kept
    assert '"options"' not in kept


def test_half_a_block_is_left_out(runs, tmp_path):
    for path in (RESULTS / runs.name).glob("*.json"):
        (tmp_path / runs.name).mkdir(exist_ok=True)
        shutil.copy(path, tmp_path / runs.name)
    (tmp_path / runs.name / f"blocked_s{runs.seeds[-1]}.json").unlink()
    assert ch21.Runs(runs.name, tmp_path).seeds == runs.seeds[:-1]


def test_contrasts_and_gains_are_an_arm_minus_random(runs):
    arm, c, student, _ = ch21.contrasts(runs)[1]
    gap = runs.right(arm) - runs.right("random")
    assert arm == "interleaved" and c.mean == pytest.approx(gap.mean())
    assert student[0] == pytest.approx(gap.mean())
    assert ch21.gains(runs)[1] == pytest.approx(gap.mean())
    c = ch21.model_minus_human(runs, ["curriculum"])
    gap = runs.right("curriculum-model") - runs.right("curriculum-human")
    assert c.mean == pytest.approx(gap.mean())


def test_names_of_arms_come_apart_again():
    for arm in ch21.ARMS:
        strategy, by = ch21.split(arm)
        assert strategy in ch21.strategies.STRATEGIES
        assert arm == (f"{strategy}-{by}" if by else strategy)
    assert ch21.in_a_row(list("aabbbab")) == 3
    assert set(ch21.PUBLISHED) == set(ch21.ARMS)
