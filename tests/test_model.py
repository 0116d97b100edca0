"""The model: causal and counted right."""

import pytest
import torch
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from curriculum import model as M
from curriculum.kv_cache import KVCache


@pytest.fixture(scope="module")
def model():
    return M.GPT(M.config("nano", 43, block_size=48), seed=1).eval()


def test_paper_model_has_the_papers_size():
    assert M.parameter_count(M.config("paper", 43)) == 1_080_163


@pytest.mark.parametrize("size", M.SIZES)
@pytest.mark.parametrize("vocabulary, context", [(43, 256), (53, 64)])
def test_parameter_formula_counts_the_real_model(size, vocabulary, context):
    c = M.config(size, vocabulary, context)
    assert M.parameter_count(c) == sum(p.numel() for p in M.GPT(c).parameters())


@pytest.mark.parametrize("size, length", [("nano", 7), ("pocket", 33), ("paper", 64)])
def test_flop_formula_agrees_with_pytorchs_counter(size, length):
    c = M.config(size, 43)
    model, tokens = M.GPT(c), torch.zeros(3, length, dtype=torch.long)
    # PyTorch counts attention only when it is spelled out as matrix products
    with sdpa_kernel(SDPBackend.MATH), FlopCounterMode(display=False) as counter:
        loss = model(tokens).sum()
        forward = counter.get_total_flops()
        loss.backward()
    per_token = forward / tokens.numel()
    assert per_token == pytest.approx(M.flops_per_token(c, length))
    total = counter.get_total_flops() / tokens.numel()
    assert total == pytest.approx(M.training_flops(c, length), rel=0.02)


def test_no_position_sees_the_future(model):
    tokens = torch.randint(43, (2, 20), generator=torch.Generator().manual_seed(0))
    changed = tokens.clone()
    changed[:, 12:] = (changed[:, 12:] + 1) % 43
    before, after = model(tokens), model(changed)
    assert torch.equal(before[:, :12], after[:, :12])
    assert not torch.allclose(before[:, 12:], after[:, 12:])


def test_a_cache_changes_nothing(model):
    """Tokens in parts of any size give the logits of one pass over all of them."""
    tokens = torch.randint(43, (2, 20), generator=torch.Generator().manual_seed(0))
    cache = KVCache(model)
    parts = [cache.read(part) for part in tokens.split([7, 1, 4, 1, 7], dim=1)]
    assert cache.length == 20
    assert torch.allclose(torch.cat(parts, 1), model(tokens), atol=1e-5)
    with pytest.raises(ValueError, match="50 characters exceed the context of 48"):
        cache.read(torch.zeros(2, 30, dtype=torch.long))


def test_a_cache_refuses_a_forward_pass_that_it_would_not_use():
    class Doubled(M.GPT):
        def forward(self, tokens):
            return 2 * super().forward(tokens)

    with pytest.raises(ValueError, match="Doubled has a forward pass of its own"):
        KVCache(Doubled(M.config("nano", 43)))


def test_weights_that_are_not_finite_are_named():
    model = M.GPT(M.config("nano", 43))
    M.check_finite(model)
    with torch.no_grad():
        model.blocks[1].mlp[0].weight[3, 4] = float("nan")
    with pytest.raises(
        ValueError, match="blocks.1.mlp.0.weight has weights that are not"
    ):
        M.check_finite(model)


def test_first_weights_depend_on_the_seed_alone():
    c = M.config("nano", 43)
    torch.manual_seed(99)
    one = M.GPT(c, seed=3)
    state = torch.get_rng_state()
    two = M.GPT(c, seed=3)
    assert torch.equal(torch.get_rng_state(), state)
    assert all(
        torch.equal(a, b)
        for a, b in zip(one.parameters(), two.parameters(), strict=True)
    )
    assert not torch.equal(one.head.weight, M.GPT(c, seed=4).head.weight)


def test_bad_shapes_name_the_value(model):
    with pytest.raises(ValueError, match="n_embd is 30, not a multiple of n_head = 4"):
        M.GPTConfig(43, n_head=4, n_embd=30)
    with pytest.raises(ValueError, match="n_layer is 0"):
        M.GPTConfig(43, n_layer=0)
    with pytest.raises(ValueError, match="model size is 'huge'"):
        M.config("huge", 43)
    with pytest.raises(ValueError, match="49 characters exceed the context of 48"):
        model(torch.zeros(1, 49, dtype=torch.long))
