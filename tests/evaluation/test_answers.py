"""Answers packed for a record come back as they were, and are small."""

import dataclasses
import json

import numpy as np
import pytest

from curriculum.evaluation import answers as A
from curriculum.evaluation import fast
from curriculum.experiments.bench.evaluation import briefly_trained

QUESTIONS = [A.Question(task, p, seed=2) for p in A.PROTOCOLS for task in A.TASKS]


@pytest.fixture(scope="module")
def found(smoke):
    corpus, train, test = smoke[1].corpus, smoke[1].train, smoke[1].test
    model = briefly_trained("nano", corpus, train, steps=20)
    return fast.ask(model, corpus, test[:50], QUESTIONS)


def test_packed_answers_come_back_as_they_were(smoke, found):
    kept = json.loads(json.dumps(A.pack(found)))
    for one, other in zip(found, A.unpack(kept, smoke[1].corpus), strict=True):
        for field in dataclasses.fields(A.Answers):
            a, b = getattr(one, field.name), getattr(other, field.name)
            assert type(a) is type(b) and np.array_equal(a, b), field.name
    for one, other in zip(found, A.unpack(kept), strict=True):
        assert other.truth is None and one.predicted == other.predicted
        assert one.summary() == other.summary()


def test_two_thousand_programs_take_a_few_kilobytes(smoke, found):
    many = []
    for a in found:
        arrays = {
            f.name: np.resize(v, 2000) if isinstance(v, np.ndarray) else v
            for f in dataclasses.fields(a)
            if (v := getattr(a, f.name)) is not None
        }
        if a.predicted:
            rng = np.random.default_rng(0)  # outputs that repeat as little as real ones
            arrays["predicted"] = [f"# {n}\n\n" for n in rng.integers(0, 100, 2000)]
        arrays["ids"] = np.random.default_rng(1).permutation(20_000)[:2000]
        many.append(A.Answers(**arrays))
    kept = A.pack(many)
    assert len(json.dumps(kept["ids"])) < 6_000
    for one in kept["answers"]:
        assert len(json.dumps(one)) < 5_000, one["question"]


def test_answers_about_different_programs_are_packed_apart(found):
    other = dataclasses.replace(found[0], ids=found[0].ids[::-1].copy())
    with pytest.raises(ValueError, match="different programs"):
        A.pack([found[0], other])
