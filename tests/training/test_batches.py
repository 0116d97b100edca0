"""Rows: whole programs and windows, and which loaders the audit finds out."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from curriculum import training as T
from curriculum.ordering import audit as A
from curriculum.training import IGNORE, Programs, Windows


@pytest.fixture(scope="module")
def rows(smoke):
    return Programs(smoke[1].corpus)


@pytest.fixture
def plan_of():
    """A table (steps, batch) of programs drawn from `ids`."""

    def make(ids, steps, batch):
        return np.random.default_rng(0).choice(ids, (steps, batch))

    return make


def test_rows_are_the_programs_whole(smoke, rows):
    corpus = smoke[1].corpus
    ids = smoke[1].train[:23]
    texts = []
    for inputs, targets in rows.batch(ids):
        for x, y in zip(inputs, targets, strict=True):
            n = int((y != IGNORE).sum())
            assert (y[:n] != IGNORE).all() and (x[n:] == 0).all()
            assert torch.equal(x[1:n], y[: n - 1])
            texts.append(
                corpus.tokenizer.decode(x[:n].numpy())
                + corpus.tokenizer.decode(y[n - 1 : n].numpy())
            )
    assert sorted(texts) == sorted(corpus.texts[i] for i in ids)


def test_answer_only_learns_the_answer(smoke):
    corpus = smoke[1].corpus
    rows = Programs(corpus, "answer")
    for i in smoke[1].train[:20]:
        ((_, targets),) = rows.batch([i])
        learnt = corpus.tokenizer.decode(targets[0][targets[0] != IGNORE].numpy())
        assert corpus[int(i)].prompt + learnt == corpus.texts[i]


def test_micro_batches_change_nothing_but_time(arm):
    _, data, plan, model = arm()
    gradients = []
    for n in (1, 3):
        model.zero_grad()
        parts = Programs(data.corpus, micro_batches=n).batch(plan.at(0))
        count = sum(int((y != IGNORE).sum()) for _, y in parts)
        for x, y in parts:
            (
                F.cross_entropy(
                    model(x).flatten(0, 1),
                    y.flatten(),
                    ignore_index=IGNORE,
                    reduction="sum",
                )
                / count
            ).backward()
        gradients.append(torch.cat([p.grad.flatten() for p in model.parameters()]))
    assert torch.allclose(*gradients, atol=1e-6)


@pytest.mark.parametrize("loss_on", ["all", "answer"])
def test_programs_are_identified_by_inputs_and_targets(smoke, loss_on):
    rows, ids = Programs(smoke[1].corpus, loss_on), smoke[1].train[:32]

    def identified(change=lambda inputs, targets: None):
        batch = rows.batch(ids)
        change(*batch[0])
        return rows.identify(rows.fingerprints(batch))

    def wrong_input(inputs, targets):
        inputs[0, 3] += 1

    def wrong_target(inputs, targets):
        learnt = (targets[0] != IGNORE).nonzero()[-1]
        targets[0, learnt] += 1

    def ignored_target(inputs, targets):
        learnt = (targets[0] != IGNORE).nonzero()[-1]
        targets[0, learnt] = IGNORE

    assert sorted(identified()) == sorted(ids)
    for change in (wrong_input, wrong_target, ignored_target):
        assert (identified(change) == -1).sum() == 1


def test_windows_begin_in_the_planned_program_and_follow_the_stream(smoke):
    data = smoke[1]
    rows = Windows(data.corpus, data.train, window=64, seed=0)
    ids = data.train[[0, 5, 77, 300]]
    inputs, targets = map(torch.cat, zip(*rows.batch(ids, step=3), strict=True))
    assert inputs.shape == targets.shape == (4, 64) and torch.equal(
        inputs[:, 1:], targets[:, :-1]
    )
    assert (rows.identify(rows.fingerprints([(inputs, targets)])) == ids).all()
    stream = "".join(data.corpus.texts[i] for i in data.train)
    for row in inputs:
        assert data.corpus.tokenizer.decode(row.numpy()) in stream
    other = torch.cat([x for x, _ in rows.batch(ids, step=4)])
    assert not torch.equal(inputs, other)
    with pytest.raises(ValueError, match="too few for windows"):
        Windows(data.corpus, data.train[:1], window=500)


def test_the_hash_of_a_window_stands_for_its_characters(smoke):
    """Every window of a stream: the same fingerprint exactly where the text is the same."""
    data = smoke[1]
    rows = Windows(data.corpus, data.train, window=64)
    stream, known = rows.stream.numpy(), rows._index[0]
    texts = np.lib.stride_tricks.sliding_window_view(stream, 65)  # with the last target
    places = np.arange(len(texts))
    fingerprints = rows.fingerprints([rows.rows(places)])
    assert (np.sort(fingerprints.numpy()) == known).all()
    _, first, text = np.unique(texts, axis=0, return_index=True, return_inverse=True)
    assert len(first) == len(np.unique(known)) < len(known)  # some windows are equal
    ends = np.cumsum(data.corpus.lengths[data.train])
    owner = data.train[np.searchsorted(ends, first[text.ravel()], side="right")]
    assert (rows.identify(fingerprints) == owner).all()


def test_programs_that_share_a_window_have_one_canonical_number(smoke):
    data, lengths = smoke[1], smoke[1].corpus.lengths
    rows = Windows(data.corpus, data.train, window=128)
    last = data.train[-1]  # shorter than a window: it gets the last one of the stream
    assert lengths[last] < 128
    found = rows.identify(rows.fingerprints(rows.batch([last])))
    assert found != last and rows.canonical(found) == rows.canonical([last])
    assert rows.canonical([-1]) == [-1]
    tail = data.train[np.cumsum(lengths[data.train][::-1])[::-1] <= 129]
    assert (
        rows.canonical(data.train[: -len(tail) - 1]) == data.train[: -len(tail) - 1]
    ).all()
    narrow = Windows(data.corpus, data.train, window=64)  # here some texts are equal
    groups = np.bincount(narrow.canonical(np.arange(len(lengths))))
    assert 1 < groups.max() < 10 and (groups == 1).mean() > 0.9


@pytest.mark.fault(
    "Audit",
    "every program is shown as a window, the last ones of the stream too",
    "an honest run is not blamed",
    "no wrong step, at any width",
)
def test_an_honest_run_of_windows_has_an_empty_audit(smoke, plan_of):
    """Also of the first and last programs of the stream, at every place of theirs."""
    data = smoke[1]
    for window in (64, 256):
        rows = Windows(data.corpus, data.train, window, seed=1)
        plan = plan_of(np.concatenate([data.train[:80], data.train[-80:]]), 40, 16)
        found = [
            rows.identify(rows.fingerprints(rows.batch(plan[step], step)))
            for step in range(len(plan))
        ]
        assert A.audit(found, plan, rows.canonical).ok


# --- loaders that do not do what was planned ---


class Shuffling(Programs):
    """Ignores the plan."""

    def batch(self, ids, step=0):
        chosen = np.random.default_rng(int(ids[0])).choice(len(self.lengths), len(ids))
        return super().batch(chosen)


class Beginning(Windows):
    """Feeds only the first 1,000 characters."""

    def places(self, ids, step):
        return super().places(ids, step) % (1_000 - self.window)


class Repeating:
    """Feeds every batch twice, and so every second batch not at all."""

    def batch(self, ids, step=0):
        if step % 2 == 0:
            self.last = super().batch(ids, step)
        return self.last


class Shifted:
    """Targets are the characters after the next."""

    def batch(self, ids, step=0):
        return [(x, y.roll(-1, dims=-1)) for x, y in super().batch(ids, step)]


def liar(lie, honest):
    return type(lie.__name__, (lie, honest), {})


def audited(arm, rows, steps=10):
    _, _, plan, model = arm()
    run = T.train(model, plan, rows, stop_at=steps)
    return A.audit(np.stack(run.delivered), plan, rows.canonical), run, plan


def test_the_audit_is_of_what_was_fed_not_of_what_was_planned(arm, rows):
    """A loader that ignores the plan is caught, though the plan itself is right."""
    found, run, plan = audited(arm, Shuffling(rows.corpus))
    assert found.wrong_steps == 10 and found.omissions > 0
    shown = np.concatenate(run.delivered)  # … and so are the characters
    assert run.tokens == (rows.lengths[shown] - 1).sum()
    assert run.tokens != (rows.lengths[plan.table[:10]] - 1).sum()


@pytest.mark.fault(
    "Audit",
    "a loader of windows feeds only the first thousand characters",
    "an audit is made of what was delivered",
    "found: the rows are looked up in the stream by their characters",
)
def test_windows_from_the_beginning_only_are_found_out(arm, smoke):
    data = smoke[1]
    found, run, _ = audited(arm, Beginning(data.corpus, data.train, 64))
    assert found.wrong_steps == 10 and found.unknown_rows == 0
    ends = np.cumsum(data.corpus.lengths[data.train])
    assert np.isin(run.delivered, data.train[: np.searchsorted(ends, 1_000) + 1]).all()


@pytest.mark.parametrize("honest", [Programs, Windows])
@pytest.mark.fault(
    "Audit",
    "targets are shifted by one; a batch comes twice",
    "inputs and targets are both evidence",
    "found",
)
def test_shifted_targets_and_repeated_batches_are_found_out(arm, smoke, honest):
    corpus, more = smoke[1].corpus, () if honest is Programs else (smoke[1].train, 64)
    found, *_ = audited(arm, honest(corpus, *more))
    assert found.faithful and not found.complete  # 10 of 24 steps
    found, *_ = audited(arm, liar(Shifted, honest)(corpus, *more))
    assert found.unknown_rows == 10 * 16
    found, *_ = audited(arm, liar(Repeating, honest)(corpus, *more))
    assert found.wrong_steps == 5 and found.first_wrong == 1 and found.repeats > 0
