"""Many models at once: each ends where the plain loop would have taken it alone."""

import numpy as np
import pytest
import torch

from curriculum import model
from curriculum import training as T
from curriculum.ordering import audit as A
from curriculum.ordering import plan, schedules
from curriculum.training import IGNORE, Programs, Windows, together
from curriculum.training import backends as E
from curriculum.training import stacked as S

ARMS = (
    ("baseline", 0, "multistep"),
    ("hybrid", 0, "multistep-restart"),
    ("anti", 1, "constant"),
)


@pytest.fixture
def members(smoke):
    """Fresh runs: other schedules, seeds and learning-rate schedules, the same shape."""
    data = smoke[1]

    def make(rows, folder=None, **fields):
        runs = []
        for name, seed, lr_schedule in ARMS:
            own_plan = plan.Plan(
                schedules.get(name),
                data.train,
                data.scores[data.train],
                data.labels[data.train],
                seed,
                24,
                16,
            )
            gpt = model.GPT(model.config("nano", data.corpus.tokenizer.size), seed)
            config = T.TrainConfig(
                lr=3e-3, lr_schedule=lr_schedule, checkpoint_every=5, **fields
            )
            own = folder and folder / name
            runs.append(T.TrainState(gpt, own_plan, rows, config, own))
        return runs

    return make


def weights(run):
    return torch.cat([p.detach().flatten() for p in run.model.parameters()])


def plainly(run, stop_at=None):
    """The same run by the plain loop."""
    return T.train(
        run.model, run.plan, run.batches, run.config, run.folder, stop_at=stop_at
    )


def alone(runs, stop_at=None):
    return [plainly(run, stop_at) for run in runs]


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


ROWS = {
    "programs": lambda data: Programs(data.corpus),
    "answers": lambda data: Programs(data.corpus, "answer"),
    "windows": lambda data: Windows(data.corpus, data.train, 64),
}


@pytest.mark.parametrize("kind", ROWS)
def test_models_apart_end_with_the_bits_of_the_plain_loop(kind, members, smoke):
    """All three learning-rate schedules (`ARMS`); one thread."""
    rows = ROWS[kind](smoke[1])
    for one, other in zip(
        alone(members(rows)), T.train_together(members(rows)), strict=True
    ):
        assert torch.equal(weights(one), weights(other)) and one.loss == other.loss
        assert one.tokens == other.tokens and one.lr == other.lr
        assert (np.array(one.delivered) == other.delivered).all()
        for name, value in one.optimizer_state.items():
            assert torch.equal(value, other.optimizer_state[name]), name


def test_the_plain_loop_on_two_threads_agrees_up_to_the_order_of_sums(members, smoke):
    """PyTorch adds up some gradients thread by thread: those of a LayerNorm's weight on
    all processors that we tried, others on some. Their last bits depend on the number of
    threads. `CoreParallel` computes each micro-batch on one thread and has the same bits
    always.
    """
    rows = Programs(smoke[1].corpus)
    runs = [members(rows)[0] for _ in range(3)]
    plainly(runs[0], 1)
    torch.set_num_threads(2)
    try:
        plainly(runs[1], 1)
        backend = E.CoreParallel([runs[2].model], [{}])
        backend.backward([rows], runs[2].plan.at(0)[None], 0)
    finally:
        torch.set_num_threads(1)
    one, two = (list(run.model.parameters()) for run in runs[:2])
    names = [name for name, _ in runs[0].model.named_parameters()]
    fast = backend._views(backend.gradients[0])
    for name, a, b, c in zip(names, one, two, fast, strict=True):
        assert torch.equal(a.grad, c), name
        assert torch.allclose(a.grad, b.grad, rtol=1e-4, atol=1e-7), name


def test_either_way_of_training_goes_on_from_the_others_checkpoint(
    members, smoke, tmp_path
):
    rows = Programs(smoke[1].corpus)
    whole = alone(members(rows))
    T.train_together(members(rows, tmp_path / "fast"), stop_at=11)
    alone(members(rows, tmp_path / "plain"), stop_at=11)
    on = alone(members(rows, tmp_path / "fast"))
    on += T.train_together(members(rows, tmp_path / "plain"))
    for one, other in zip(whole + whole, on, strict=True):
        assert torch.equal(weights(one), weights(other))
        assert one.tokens == other.tokens and other.done


def test_a_sync_now_or_later_counts_the_same(members, smoke):
    """A GPU is looked at only now and then; what it delivered is not lost meanwhile."""

    class Seldom(E.CoreParallel):
        sync_every = 7

    rows, seen = Programs(smoke[1].corpus), []
    runs = members(rows)
    runs[0].callbacks = (lambda run: seen.append((len(run.notes), len(run.delivered))),)
    runs = T.train_together(runs, 17, Seldom)
    assert seen == [(i % 7, i - i % 7) for i in range(1, 18)]
    for one, other in zip(alone(members(rows), 17), runs, strict=True):
        assert one.tokens == other.tokens and one.loss == other.loss
        assert (np.array(one.delivered) == other.delivered).all()


def test_cores_do_not_change_a_bit(members, smoke):
    rows = Programs(smoke[1].corpus)
    one = alone(members(rows)[:1])[0]
    torch.set_num_threads(3)
    try:
        run = members(rows)[0]
        assert E.CoreParallel([run.model], [{}]).cores == 3
        many = T.train_together([run])[0]
        assert torch.get_num_threads() == 3  # lent, and given back
    finally:
        torch.set_num_threads(1)
    assert torch.equal(weights(one), weights(many)) and one.loss == many.loss


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
        assert A.audit(np.stack(other.delivered), other.plan).faithful


def test_rows_for_many_are_the_rows_for_each(members, smoke):
    rows = Programs(smoke[1].corpus, multiple=32)
    ids = np.stack([run.plan.at(3) for run in members(rows)])  # (M, B)
    stacked = rows.batch(ids)
    assert all(inputs.shape[-1] % 32 == 0 for inputs, _ in stacked)
    assert (np.sort(rows.identify(rows.fingerprints(stacked))) == np.sort(ids)).all()
    for i, own in enumerate(ids):
        real = sum(int((targets[i] != IGNORE).sum()) for _, targets in stacked)
        assert real == rows.characters(own) == rows.characters(ids)[i]


def test_the_stacked_forward_pass_is_the_model(smoke):
    shape = model.config("nano", 43)
    models = [model.GPT(shape, seed) for seed in range(3)]
    tokens = torch.randint(43, (3, 5, 17))
    backend = S.Stacked(models, [{}, {}, {}])
    with torch.no_grad():
        logits = S.stacked_forward(backend._stack, tokens, shape)
        for i, gpt in enumerate(models):
            assert torch.allclose(logits[i], gpt(tokens[i]), atol=1e-5)


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


def test_the_backend_is_chosen_by_the_device():
    models = [model.GPT(model.config("nano", 43))]
    assert together.choose_backend("cpu", models)[0] is E.CoreParallel
    assert together.choose_backend("cuda", models)[0] is S.Stacked
    assert together.choose_backend("cuda", [torch.nn.Linear(1, 1)])[0] is E.CoreParallel
