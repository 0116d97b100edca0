"""Many models at once: each ends where it would have ended alone, however it is computed."""

import numpy as np
import pytest
import torch

from curriculum import model
from curriculum.ordering import audit as A
from curriculum.ordering import plan, schedules
from curriculum.training import backends as E
from curriculum.training import loop as T
from curriculum.training import stacked as S
from curriculum.training.batches import IGNORE, Programs, Windows

ARMS = (
    ("baseline", 0, "multistep"),
    ("hybrid", 0, "multistep-restart"),
    ("anti", 1, "constant"),
)


@pytest.fixture
def members(smoke):
    """Fresh runs: other schedules, seeds and learning-rate policies, the same shape."""
    data = smoke[1]

    def make(rows, folder=None, **fields):
        runs = []
        for name, seed, policy in ARMS:
            order = plan.Plan(
                schedules.get(name),
                data.train,
                data.scores[data.train],
                data.labels[data.train],
                seed,
                24,
                16,
            )
            net = model.GPT(model.config("nano", data.corpus.tokenizer.size), seed)
            spec = T.TrainConfig(
                lr=3e-3, lr_schedule=policy, checkpoint_every=5, **fields
            )
            own = folder and folder / name
            runs.append(T.TrainState(net, order, rows, spec, own))
        return runs

    return make


def weights(run):
    return torch.cat([p.detach().flatten() for p in run.model.parameters()])


def alone(runs, stop_at=None):
    return [T.train_together([run], stop_at)[0] for run in runs]


@pytest.mark.parametrize("backend", [E.CoreParallel, S.Stacked])
def test_each_member_ends_where_its_own_single_run_does(backend, members, smoke):
    rows = Programs(smoke[1].corpus)
    single = alone(members(rows))
    together = T.train_together(members(rows), backend=backend)
    for one, other in zip(single, together, strict=True):
        # Adam divides by the root of tiny numbers, so rounding differences grow.
        assert torch.allclose(weights(one), weights(other), atol=2e-3)
        assert abs(one.loss - other.loss) < 1e-3 and one.tokens == other.tokens
        assert A.audit(np.stack(other.delivered), other.plan).ok
    # ... and it is not the same model three times
    assert (weights(together[0]) - weights(together[1])).abs().max() > 0.05


def test_apart_is_the_single_run_bit_by_bit(members, smoke):
    rows = Programs(smoke[1].corpus)
    for one, other in zip(
        alone(members(rows)), T.train_together(members(rows)), strict=True
    ):
        assert torch.equal(weights(one), weights(other))


def test_cores_do_not_change_a_bit(members, smoke):
    rows = Programs(smoke[1].corpus)
    one = alone(members(rows)[:1])[0]
    torch.set_num_threads(3)
    try:
        run = members(rows)[0]
        assert E.CoreParallel([run.model], [{}]).cores == 3
        many = alone([run])[0]
        assert torch.get_num_threads() == 3  # lent, and given back
    finally:
        torch.set_num_threads(1)
    assert torch.equal(weights(one), weights(many)) and one.loss == many.loss


def test_the_flat_optimizer_is_torchs_adamw_on_the_whole_batch(members, smoke):
    """Chunks, the flat table and the fused step against the textbook loop."""
    rows = Programs(smoke[1].corpus)
    run, plain = members(rows)[0], members(rows)[0]
    T.train_together([run], stop_at=12)
    net = plain.model
    adam = torch.optim.AdamW(net.parameters(), lr=3e-3, foreach=False)
    for step in range(12):
        inputs, targets = rows.rows(plain.plan.at(step))
        loss = torch.nn.functional.cross_entropy(
            net(inputs).flatten(0, 1), targets.flatten(), ignore_index=IGNORE
        )
        adam.zero_grad()
        loss.backward()
        adam.step()
    assert torch.allclose(weights(run), weights(plain), atol=2e-4)
    assert run.loss == pytest.approx(float(loss.detach()), abs=1e-4)


@pytest.mark.parametrize("backend", [E.CoreParallel, S.Stacked])
def test_members_killed_at_different_steps_go_on_to_the_same_end(
    backend, members, smoke, tmp_path
):
    rows = Programs(smoke[1].corpus)
    whole = T.train_together(members(rows), backend=backend)
    first = members(rows, tmp_path)
    T.train_together(first[:1], stop_at=11)  # its checkpoint is of step 10
    T.train_together(first[1:2], stop_at=5)  # the third has none
    runs = T.train_together(members(rows, tmp_path), backend=backend)
    for one, other in zip(whole, runs, strict=True):
        assert torch.allclose(weights(one), weights(other), atol=2e-3)
        assert A.audit(np.stack(other.delivered), other.plan).ok
        assert other.tokens == one.tokens and other.done


def test_windows_can_be_stacked_too(members, smoke):
    """Every member has windows of its own seed: rows are made one by one, then stacked."""
    data = smoke[1]

    def runs():
        found = members(None)
        for seed, run in enumerate(found):
            run.batches = Windows(data.corpus, data.train, 64, seed)
        return found

    single = alone(runs(), 8)
    for one, other in zip(single, T.train_together(runs(), 8, S.Stacked), strict=True):
        assert torch.allclose(weights(one), weights(other), atol=2e-3)
        assert A.audit(np.stack(other.delivered), other.plan).ok


def test_rows_for_many_are_the_rows_for_each(members, smoke):
    rows = Programs(smoke[1].corpus, multiple=32)
    ids = np.stack([run.plan.at(3) for run in members(rows)])  # (M, B)
    stacked = rows.batch(ids)
    assert all(inputs.shape[-1] % 32 == 0 for inputs, _ in stacked)
    assert (np.sort(rows.identify(stacked)) == np.sort(ids)).all()
    for i, own in enumerate(ids):
        real = sum(int((targets[i] != IGNORE).sum()) for _, targets in stacked)
        assert real == rows.characters(own) == rows.characters(ids)[i]


def test_the_stacked_forward_pass_is_the_model(smoke):
    shape = model.config("nano", 43)
    nets = [model.GPT(shape, seed) for seed in range(3)]
    tokens = torch.randint(43, (3, 5, 17))
    machine = S.Stacked(nets, [{}, {}, {}])
    with torch.no_grad():
        logits = S.stacked_forward(machine._stack, tokens, shape)
        for i, net in enumerate(nets):
            assert torch.allclose(logits[i], net(tokens[i]), atol=1e-5)


def test_models_that_do_not_fit_together_are_refused(members, smoke):
    rows = Programs(smoke[1].corpus)
    runs = members(rows)
    runs[1].model = model.GPT(model.GPTConfig(43, 256, 1, 1, 16))
    with pytest.raises(ValueError, match="model 1 has another shape"):
        T.train_together(runs)
    other = members(rows)[:1] + members(rows, precision="bf16")[1:2]
    with pytest.raises(ValueError, match="share precision"):
        T.train_together(other)
    with pytest.raises(ValueError, match="only GPTs"):
        S.Stacked([torch.nn.Linear(2, 2)], [{}])


def test_one_bad_member_stops_and_the_others_checkpoints_stay(members, smoke, tmp_path):
    runs = members(Programs(smoke[1].corpus), tmp_path)

    def poison(run):
        if run.step == 7:
            run.model.head.bias.data.fill_(float("nan"))

    runs[1].callbacks = (poison,)
    with pytest.raises(FloatingPointError, match="hybrid.*last good state"):
        T.train_together(runs)
    again = members(Programs(smoke[1].corpus), tmp_path)
    steps = []
    again[0].callbacks = (lambda run: steps.append(run.step),)
    T.train_together(again)
    assert steps[0] == 6 and all(run.done for run in again)


def test_the_engine_is_chosen_by_the_device():
    nets = [model.GPT(model.config("nano", 43))]
    assert E.choose_backend("cpu", nets)[0] is E.CoreParallel
    assert E.choose_backend("cuda", nets)[0] is S.Stacked
    assert E.choose_backend("cuda", [torch.nn.Linear(1, 1)])[0] is E.CoreParallel
