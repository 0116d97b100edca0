"""A model that remembers its lower layers computes what it did without."""

import copy

import numpy as np
import pytest
import torch

from curriculum.finetune import frozen, loop, orders, score

pytest.importorskip("peft", reason="needs peft")


@pytest.mark.fault(
    "Fine-tuning",
    "what frozen layers compute is kept in memory and used again in every arm",
    "logits, gradients and a whole run are those of the plain model",
    "equal up to rounding; the same bits after a resumed run",
)
def test_the_same_scores_and_the_same_run(model, tokenizer, items, tmp_path):
    plain = copy.deepcopy(model)
    model = frozen.remember_lower(model, 1)
    assert len(model.model.layers) == 1 and len(plain.model.layers) == 2
    for _ in range(2):  # computed, then remembered
        a, b = (score.answer_logliks(m, tokenizer, items) for m in (plain, model))
        np.testing.assert_allclose(a.loglik, b.loglik, atol=1e-4)
    plan = orders.make_plan("random", [i.id for i in items[:16]], epochs=2, batch=4)
    settings = loop.Settings(lr=1e-2, rank=4, save_every=3)
    run = loop.finetune(model, tokenizer, items, plan, settings)
    tuned = {n: p.detach().clone() for n, p in run.model.named_parameters()}
    assert run.audit.ok

    adapted = {n for n in tuned if "lora" in n}
    other = loop.add_lora(plain, settings)
    with torch.no_grad():  # the plain model, with the same adapter on its upper layer
        for n, p in other.named_parameters():
            if "lora" in n:
                twin = n.replace("layers.1.", "layers.0.")
                p.copy_(tuned[twin] if "layers.1." in n else torch.zeros_like(p))
    assert adapted and all("layers.0." in n for n in adapted)
    a, b = (score.answer_logliks(m, tokenizer, items) for m in (other, run.model))
    np.testing.assert_allclose(a.loglik, b.loglik, atol=1e-4)

    base = run.model.unload()
    cut = loop.finetune(base, tokenizer, items, plan, settings, tmp_path, stop_at=4)
    base = frozen.remember_lower(copy.deepcopy(other.unload()), 1)
    assert cut.step == 4
    again = loop.finetune(base, tokenizer, items, plan, settings, tmp_path)
    assert again.losses == run.losses
    assert all(torch.equal(p, tuned[n]) for n, p in again.model.named_parameters())


def test_what_cannot_be_cut_is_refused(model):
    for layers in (0, 2):
        with pytest.raises(ValueError, match="layers is .; it must be from 1 to 1"):
            frozen.remember_lower(model, layers)
    with pytest.raises(ValueError, match="must be a Llama"):
        frozen.remember_lower(torch.nn.Linear(2, 2), 1)
