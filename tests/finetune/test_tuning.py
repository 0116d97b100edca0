"""The loop follows its plan, learns the answers alone, and resumes to the bit."""

import dataclasses

import pytest
import torch

from curriculum.finetune import data, loop, orders, score
from curriculum.ordering.audit import audit

pytest.importorskip("peft", reason="needs peft")
S = loop.Settings(lr=1e-2, rank=4, save_every=2)


@pytest.fixture
def plan(items):
    return orders.make_plan("random", [i.id for i in items[:16]], epochs=1, batch=4)


def weights(run):
    return {n: p.detach().clone() for n, p in run.model.named_parameters()}


def same(a, b):
    return a.keys() == b.keys() and all(torch.equal(a[n], b[n]) for n in a)


def test_a_run_follows_its_plan_and_learns(model, tokenizer, items, plan):
    seen = []
    long = plan * 8
    before = score.answer_logliks(model, tokenizer, items[:16]).loss.mean()
    run = loop.finetune(
        model, tokenizer, items, long, S, progress=lambda r: seen.append(r.step)
    )
    assert str(run.audit) == "32 of 32 steps delivered, exactly as planned"
    assert audit(run.recorder, long).ok and seen == list(range(1, 33))
    assert not audit(run.recorder, long[::-1]).ok
    after = score.answer_logliks(run.model, tokenizer, items[:16]).loss.mean()
    assert after < before - 0.1 and len(run.losses) == 32
    rows = {i.id: data.encode(tokenizer, i) for i in items}
    assert run.tokens == sum(len(rows[i].tokens) for step in long for i in step)


def test_only_answers_are_learnt(model, tokenizer, items):
    """The loss equals one computed by hand over answer tokens, whatever the padding."""
    rows = [data.encode(tokenizer, i) for i in items[:3]]
    assert len({len(r.tokens) for r in rows}) == 3
    total = count = 0
    for row in rows:
        x = torch.tensor([row.tokens])
        logp = model(input_ids=x).logits[0].log_softmax(-1)
        for t in range(row.answer_start, len(row.tokens)):
            total -= logp[t - 1, row.tokens[t]].item()
            count += 1
    assert loop.answer_loss(model, rows).item() == pytest.approx(
        total / count, abs=1e-5
    )
    tokens, targets, mask = loop.pad(rows)
    assert mask.sum(1).tolist() == [len(r.tokens) for r in rows]
    n = [
        len(r.tokens) - r.answer_start for r in rows
    ]  # the end mark counts, padding not
    assert (targets != -100).sum(1).tolist() == n
    assert (targets == tokenizer.eos_token_id).sum(1).tolist() == [1, 1, 1]


def test_the_models_own_weights_are_given_back(model, tokenizer, items, plan):
    before = {n: p.clone() for n, p in model.named_parameters()}
    run = loop.finetune(model, tokenizer, items, plan, S)
    with pytest.raises(ValueError, match="has LoRA layers already"):
        loop.add_lora(run.model, S)
    back = run.model.unload()
    after = dict(back.named_parameters())
    assert same({n: p.detach() for n, p in after.items()}, before)
    again = loop.finetune(back, tokenizer, items, plan, S)
    assert same(weights(again), weights(loop.finetune(
        again.model.unload(), tokenizer, items, plan, S)))  # fmt: skip


@pytest.mark.fault(
    "Fine-tuning",
    "a run killed between checkpoints, with dropout, resumed in a new process",
    "it ends with the same bits, and its audit covers all steps",
    "weights, losses and deliveries equal",
)
@pytest.mark.parametrize("stop", [1, 2, 3])
def test_a_killed_run_resumes_to_the_bit(model, tokenizer, items, plan, tmp_path, stop):
    settings = dataclasses.replace(S, dropout=0.2, lr_schedule="linear")
    torch.manual_seed(7)  # another process has another state
    whole = loop.finetune(model, tokenizer, items, plan, settings)
    torch.manual_seed(8)
    expected = weights(whole)
    base = whole.model.unload()
    cut = loop.finetune(base, tokenizer, items, plan, settings, tmp_path, stop_at=stop)
    assert cut.step == stop
    torch.manual_seed(9)
    run = loop.finetune(cut.model.unload(), tokenizer, items, plan, settings, tmp_path)
    assert same(weights(run), expected) and run.losses == whole.losses
    assert run.audit.ok and run.tokens == whole.tokens
    done = loop.finetune(run.model.unload(), tokenizer, items, plan, settings, tmp_path)
    assert same(weights(done), expected) and done.audit.ok  # nothing left to do


@pytest.mark.parametrize(
    "change, what",
    [
        (lambda a: a | {"plan": a["plan"][::-1]}, "plan"),
        (lambda a: a | {"settings": loop.Settings(lr=1e-3, rank=4)}, "settings"),
        (lambda a: a | {"items": a["items"][:-1]}, "items"),
    ],
)
def test_a_folder_of_another_run_is_refused(
    model, tokenizer, items, plan, tmp_path, change, what
):
    asked = {"items": items, "plan": plan, "settings": S}
    run = loop.finetune(model, tokenizer, **asked, folder=tmp_path)
    base = run.model.unload()
    with pytest.raises(ValueError, match=f"which differs in {what}; choose another"):
        loop.finetune(base, tokenizer, **change(asked), folder=tmp_path)
    with torch.no_grad():
        base.lm_head.weight[0, 0] += 1
    with pytest.raises(ValueError, match="differs in model"):
        loop.finetune(base, tokenizer, **asked, folder=tmp_path)
    path = tmp_path / "finetune.safetensors"
    path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(ValueError, match="delete it to start again"):
        loop.finetune(base, tokenizer, **asked, folder=tmp_path)
    assert not hasattr(base, "peft_config")  # as it was given


def test_what_cannot_be_run_is_refused(model, tokenizer, items, plan):
    for bad, words in (
        ([[999999]], "the plan names item 999999"),
        ([], "no steps"),
        ([[]], "a step without items"),
    ):
        with pytest.raises(ValueError, match=words):
            loop.finetune(model, tokenizer, items, bad, S)
    with pytest.raises(ValueError, match="ids are unique"):
        loop.finetune(model, tokenizer, [items[0], items[0]], plan, S)
    with pytest.raises(ValueError, match="lr is 7"):
        loop.Settings(lr=7)
    with pytest.raises(FloatingPointError, match="lower lr"):
        with torch.no_grad():
            model.lm_head.weight.fill_(float("nan"))
        loop.finetune(model, tokenizer, items, plan, S)


def test_the_seed_decides_the_first_weights(model, tokenizer, items, plan):
    found = []
    for mine, seed in ((5, 0), (6, 0), (6, 1)):
        torch.manual_seed(mine)  # the global generator plays no part
        drawn = torch.rand(1)
        torch.manual_seed(mine)
        settings = dataclasses.replace(S, seed=seed)
        run = loop.finetune(model, tokenizer, items, plan, settings, stop_at=1)
        assert torch.equal(torch.rand(1), drawn)  # and is left as it was
        found.append(weights(run))
        model = run.model.unload()
    assert same(found[0], found[1]) and not same(found[0], found[2])
