"""Training on a curriculum: what was played, and that a run repeats."""

import dataclasses

import numpy as np
import pytest
import torch

from curriculum.mobile import authors, spec, train
from curriculum.mobile.authors import Request

TOTAL = 8_000


def test_plays_what_was_planned_and_repeats():
    runs = [train.train(authors.hand_made, 0, TOTAL, 4_000) for _ in range(2)]
    assert runs[0].audit.ok and runs[0].audit.steps == TOTAL // 100
    assert [line["step"] for line in runs[0].curve] == [4400, 8000]
    assert runs[0].curve == runs[1].curve
    other = train.train(authors.hand_made, 1, TOTAL, 4_000)
    assert other.curve != runs[0].curve


def test_the_audit_reads_what_was_played(monkeypatch):
    """A world that ignores its stage is found out."""
    real = train.World

    def stuck(stage, seeds):
        return real(dataclasses.replace(stage, users=2), seeds)

    monkeypatch.setattr(train, "World", stuck)
    found = train.train(authors.hand_made, 0, TOTAL).audit
    assert not found.ok and found.unknown_rows == 80


def test_a_wrong_length_is_refused():
    def short(request):
        return spec.fit("short", (), request.target, request.total - 100)

    with pytest.raises(ValueError, match="short has 7900 steps; 8000 were asked for"):
        train.train(short, 0, TOTAL)


def test_the_adaptive_author_is_asked_as_it_goes():
    asked = []

    def author(request: Request):
        asked.append(len(request.rewards))
        return authors.adaptive(request)

    run = train.train(author, 0, 20_000)
    assert asked == list(range(10))
    assert run.audit.ok and run.curriculum.steps == 20_000


def test_learns_more_than_it_begins_with():
    before = train.train(authors.target_only, 0, 100)
    after = train.train(authors.target_only, 0, 16_000)
    seeds = range(20)
    worse, better = (
        train.test(run.policy, seeds)["target"]["sampled"].mean()
        for run in (before, after)
    )
    assert better > worse + 0.05


def test_record():
    run = train.train(authors.published, 0, 10_000, 5_000)
    made = train.record(run, "published", 0, {})
    assert made["audit"]["ok"] and made["audit"]["played"] == 100
    assert spec.validate(made["curriculum"]) == run.curriculum
    found = train.unpack(made["tests"]["target"]["sampled"])
    want = train.test(run.policy)["target"]["sampled"]
    assert found.shape == (200,)
    np.testing.assert_allclose(found, want, atol=5.1e-5)


def test_random_numbers_of_others_do_not_matter():
    torch.manual_seed(1)
    one = train.train(authors.target_only, 0, 100).policy.actor[0].weight
    torch.manual_seed(2)
    two = train.train(authors.target_only, 0, 100).policy.actor[0].weight
    assert torch.equal(one, two)
