"""The study: blocks are trained together, tested beside, and leave whole records."""

import dataclasses
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from curriculum import files
from curriculum.__main__ import main
from curriculum.data.corpus import Corpus
from curriculum.evaluation.answers import unpack
from curriculum.experiments import records, study
from curriculum.experiments.experiment import resolve
from curriculum.experiments.spec import Experiment


def small(name, arms, seeds, **settings):
    return study.Block(name, arms, seeds, "tests", "smoke", **settings)


@pytest.fixture(scope="module")
def ran(tmp_path_factory):
    """Three small blocks, run once: (their runs, folder of the records, paths, lines)."""
    blocks = [
        small("primary", study.PRIMARY, range(1)),
        small("others", study.OTHERS[:2], range(1, 2), micro_batches=3),
        small("rate", study.AT_ONE_RATE, range(1), precision="bf16"),
    ]
    folder, lines, steps = tmp_path_factory.mktemp("study"), [], []
    count = lambda state: steps.append((state.plan.seed, state.step))  # noqa: E731
    settings = dict(device="cpu", processes=1, show=lines.append, callbacks=(count,))
    paths = study.run_study(5, blocks, folder, **settings)
    first = len(lines)
    study.run_study(5, blocks, folder, **settings)
    # the second time everything was there: the device, the end
    assert len(lines) == first + 2
    assert Counter(steps) == {
        (seed, step): runs for seed, runs in ((0, 7), (1, 2)) for step in range(1, 25)
    }
    return [b.experiments("cpu") for b in blocks], folder, paths, lines


def test_blocks_leave_records_with_answers(ran):
    blocks, tmp_path, paths, lines = ran
    assert len(paths) == 9 and all(e.study == "tests" for b in blocks for e in b)
    for e in blocks[0] + blocks[1] + blocks[2]:
        record = records.read_record(records.record_path(e, tmp_path))
        assert record["cost"]["precision"] == ("bf16" if e in blocks[2] else "fp32")
        assert records.complete(record) and record["audit"]["wrong_steps"] == 0
        packed = files.read_json(tmp_path / "tests" / "answers" / f"{e.name}.json")
        arm = resolve(e)
        for a in unpack(packed):
            found = record["results"][a.question.protocol][a.question.task]
            counts = np.ones(len(a.ids), bool)
            if a.question.task == "execution" and a.question.protocol == "exact":
                counts = ~a.empty
            assert a.accuracy(counts) == found["accuracy"]
            assert np.array_equal(a.ids, arm.test_ids())
    # nobody is told a result while the blocks run
    assert not any("%" in line or "accuracy" in line for line in lines)


def test_a_stacked_run_is_the_run_of_its_own(ran):
    """What a member of a block learns is what it would have learned alone."""
    blocks, tmp_path, *_ = ran
    e = blocks[0][3]
    arm = resolve(e)
    state = arm.train()
    record = records.read_record(records.record_path(e, tmp_path))
    assert record["plan"]["digest"] == arm.plan.digest
    assert record["cost"]["tokens"] == state.tokens
    assert record["curve"][-1]["loss"] == pytest.approx(state.loss, abs=5e-3)


def test_the_protocols_blocks():
    found = {block.name: block.experiments() for block in study.BLOCKS}
    runs = [e for block in found.values() for e in block]
    assert len(set(runs)) == len(runs)
    assert {name: len(block) for name, block in found.items()} == {
        "primary": 40, "others": 20, "confirm": 56, "longer": 12, "scores": 16,
    }  # fmt: skip
    assert {e.seed for e in found["primary"]} == set(range(8))
    assert not {e.seed for e in found["confirm"]} & {e.seed for e in found["primary"]}
    first = {e.words[0] for e in found["primary"]}
    assert first <= {e.words[0] for e in found["confirm"]}


def test_an_unknown_block_is_refused(capsys):
    assert main(["study", "--blocks", "primary,secondary"]) == 2
    assert "block is 'secondary'; it must be one of primary" in capsys.readouterr().err


def test_the_test_set_is_balanced():
    arm = resolve(Experiment(scale="smoke", study="tests"))
    arm.scale = dataclasses.replace(arm.scale, per_level=5)
    ids = arm.test_ids()
    levels, counts = np.unique(arm.data.corpus.levels[ids], return_counts=True)
    assert len(levels) == 6 and set(counts) == {5}
    assert set(ids) <= set(arm.data.test)


def test_the_committed_study_agrees_with_its_answers():
    """Every accuracy of a record can be counted again from the answers beside it."""
    root = Path(__file__).parents[2] / "book" / "results"
    found = records.records("study", root)
    assert len(found) == 60 and {len(r["results"]) for r in found} == {2}
    for task, protocol in (
        ("execution", "exact"),
        ("line", "exact"),
        ("token", "released"),
    ):
        table = records.by_arm(
            found, lambda r, t=task, p=protocol: records.accuracy(r, t, protocol=p)
        )
        right = records.right(found, root, task, protocol)
        for r in found[::7]:
            group = r["results"][protocol][task]
            own = right[records.arm(r)][r["spec"]["seed"]]
            assert own.mean() == pytest.approx(group["accuracy"])
        assert {a: len(v) for a, v in table.items()} == {
            a: len(v) for a, v in right.items()
        }
    assert all(r["audit"]["wrong_steps"] == 0 for r in found)
    assert all(r["audit"]["steps"] == r["scale"]["steps"] for r in found)
    digests = {r["plan"]["digest"] for r in found}
    assert len(digests) == 44  # restarts change the learning rate, not the plan


def test_the_committed_block_of_scores_agrees_with_its_answers():
    root = Path(__file__).parents[2] / "book" / "results"
    found = records.records("scores", root)
    right = records.right(found, root)
    assert {arm: len(seeds) for arm, seeds in right.items()} == dict.fromkeys(right, 8)
    assert len(right) == 4 and all(records.as_planned(r) for r in found)
    for r in found:
        own = right[records.arm(r)][r["spec"]["seed"]].mean()
        assert own == pytest.approx(records.accuracy(r))


def test_the_committed_test_programs_are_those_that_were_asked(smoke):
    """Their programs print what the answers say, and begin as every July corpus does."""
    root = Path(__file__).parents[2] / "book" / "results"
    corpus = Corpus.load(root / "study" / "test-programs")
    one = records.records("study", root)[0]
    for a in records.answers(one, root):
        assert len(a.ids) == len(corpus)
        if a.empty is not None:
            assert a.empty.tolist() == [not text for text in corpus.outputs]
    levels, counts = np.unique(corpus.levels, return_counts=True)
    assert len(levels) == 6 and set(counts) == {400}
    first = smoke[1].corpus  # a larger corpus begins with the smaller one
    known = [(k, i) for k, i in enumerate(a.ids.tolist()) if i < len(first)]
    assert len(known) > 10
    for k, i in known:
        assert (corpus.codes[k], corpus.outputs[k]) == (
            first.codes[i],
            first.outputs[i],
        )
