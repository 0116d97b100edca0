"""Chapter 16: the committed results follow from code and answers; its tables add up."""

from pathlib import Path
from random import Random

import numpy as np
import pytest

from behind import ch16, ch16_mistakes
from curriculum.data import sandbox, suites
from curriculum.data.corpus import Corpus
from curriculum.evaluation import fast, mistakes
from curriculum.evaluation.answers import Question
from curriculum.experiments import ood, records

BOOK = Path(__file__).parents[2] / "book"


@pytest.fixture(scope="module")
def asked():
    return ood.load()


@pytest.fixture(scope="module")
def programs():
    return Corpus.load(BOOK / "results" / "study" / "test-programs")


@pytest.fixture(scope="module")
def found(programs):
    return ood.load_mistakes(programs)


# ---------------------------------------------------------------- the committed results


def test_the_suites_are_what_the_changes_make_of_the_test_programs(asked, programs):
    kept = asked.suites
    assert kept.corpus.codes[: kept.tests] == programs.codes
    for name, suite in kept.suites.items():
        for i, j, kind in zip(suite.ids, suite.originals, suite.kinds, strict=True):
            old = programs.codes[j]
            made = suites.CHANGES[name](old, Random(f"0/{name}/{old}"), "abcde")
            assert suites.Change(kept.corpus.codes[i], kind) in made
    got = sandbox.run(kept.corpus.codes)
    assert [o.stdout.removesuffix("\n") for o in got] == kept.corpus.outputs


@pytest.mark.parametrize("arm", ["baseline", "hybrid"])
def test_a_model_answers_as_it_did(asked, arm):
    """Of two models the weights are in the book. Another processor may differ a little."""
    model, _ = records.load_model(BOOK / "results" / "study" / f"{arm}_s0.safetensors")
    suite = asked.suites.suites
    ids = np.concatenate([s.ids[:15] for s in suite.values()])
    said = fast.ask(model, asked.suites.corpus, ids, [Question("execution")])[0]
    kept = asked.said[arm][asked.seeds[arm].index(0)]
    same = [a == kept[i] for i, a in zip(ids, said.predicted, strict=True)]
    assert np.mean(same) > 0.97


@pytest.mark.parametrize("arm, seed", [("baseline", 3), ("hybrid, restarts", 9)])
def test_classes_follow_from_the_answers_that_were_kept(programs, found, arm, seed):
    study, name = found.runs[arm, seed]
    record = records.read_record(f"results/{study}/{name}.json")
    answers = records.executed(record)
    classes = found.classes[arm][found.seeds[arm].index(seed)]
    np.testing.assert_array_equal(classes == 0, answers.right[found.tests])
    some = [n for n in range(0, len(found.tests), 9) if classes[n]]
    planted = mistakes.answers([programs[found.tests[n]] for n in some])
    for n, explained in zip(some, planted, strict=True):
        i = found.tests[n]
        kind = mistakes.classify(programs[i], answers.predicted[i], explained)
        assert ood.CLASSES[classes[n]] == kind


def test_all_arms_have_the_sixteen_seeds(found):
    assert found.seeds == {arm: list(range(16)) for arm in ood.ARMS}


# ---------------------------------------------------------------- the tables


@pytest.mark.parametrize("pair", ch16.PAIRS)
def test_differences_by_class_add_up_to_that_of_accuracy(found, pair):
    gaps = sum(ch16_mistakes.class_gaps(found, pair, k) for k in ch16_mistakes.MISTAKES)
    one, other = ((found.classes[arm] == 0).mean() for arm in pair)
    assert gaps.mean() == pytest.approx(other - one)


def test_the_mix_of_an_arm_adds_up_to_one(found):
    for table in found.classes.values():
        mix = sum(ch16_mistakes.mix(table, name) for name in ch16_mistakes.MISTAKES)
        np.testing.assert_allclose(mix, 1)


def test_arms_are_paired_by_seed_and_not_by_place(asked):
    seeds = ch16.common(asked, "hybrid", "hybrid-shuffled")
    assert seeds == [14, 15] and asked.seeds["hybrid"] == [0, 14, 15]
    ids = asked.suites.suites["usual"].ids
    gaps = ch16.gap(asked, ("hybrid", "hybrid-shuffled"), ids, seeds)
    one, other = (asked.right[a][:, ids].mean(1) for a in ("hybrid", "hybrid-shuffled"))
    np.testing.assert_allclose(gaps, one[1:] - other)


def test_examples_are_wrong_in_both_and_differ(programs, found):
    said = {}
    for arm in ("baseline", "hybrid"):
        study, name = found.runs[arm, 8]
        record = records.read_record(f"results/{study}/{name}.json")
        said[arm] = 8, records.executed(record).predicted
    examples = ch16_mistakes.side_by_side(found, programs, said)
    assert len(examples) == 6
    for _, truth, rows in examples:
        texts = {text for _, text, _ in rows}
        assert len(texts) == 2 and truth.replace("\n", " ") not in texts
    assert len({tuple(kind for *_, kind in rows) for *_, rows in examples}) == 6


@pytest.mark.parametrize(
    "text, shown", [("# 3\n# 4\n\n", "3 4"), ("\n", "nothing"), ("# 1", "1")]
)
def test_answers_in_one_line(text, shown):
    assert ch16.answer(text) == shown
