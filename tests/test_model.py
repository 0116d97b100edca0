"""The model: causal, counted right, and the same with a cache as without."""

import pytest
import torch
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from curriculum import model as M


@pytest.fixture(scope="module")
def net():
    return M.GPT(M.config("nano", 43, context=48), seed=1).eval()


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
    net, tokens = M.GPT(c), torch.zeros(3, length, dtype=torch.long)
    # PyTorch counts attention only when it is spelled out as matrix products
    with sdpa_kernel(SDPBackend.MATH), FlopCounterMode(display=False) as counter:
        loss = net(tokens).sum()
        forward = counter.get_total_flops()
        loss.backward()
    per_token = forward / tokens.numel()
    assert per_token == pytest.approx(M.flops_per_token(c, length))
    total = counter.get_total_flops() / tokens.numel()
    assert total == pytest.approx(M.training_flops(c, length), rel=0.02)


def test_no_position_sees_the_future(net):
    tokens = torch.randint(43, (2, 20), generator=torch.Generator().manual_seed(0))
    changed = tokens.clone()
    changed[:, 12:] = (changed[:, 12:] + 1) % 43
    before, after = net(tokens), net(changed)
    assert torch.equal(before[:, :12], after[:, :12])
    assert not torch.allclose(before[:, 12:], after[:, 12:])


def test_cache_in_pieces_equals_one_pass(net):
    tokens = torch.randint(43, (3, 30), generator=torch.Generator().manual_seed(1))
    cache, pieces = M.Cache(net, 3, 30), []
    for part in tokens.split([11, 1, 1, 7, 10], dim=1):
        pieces.append(net(part, cache))
        cache.lengths += part.shape[1]
    assert torch.allclose(torch.cat(pieces, 1), net(tokens), atol=1e-5)


def slow(net, prompt, new, stop):
    """The plain way: the whole text again for every character."""
    text = prompt.tolist()
    while len(text) < len(prompt) + new and len(text) < net.config.context:
        text.append(int(net(torch.tensor([text]))[0, -1].argmax()))
        if stop and text[-1] == stop[1] and stop[0] in (None, text[-2]):
            break
    return text[len(prompt) :]


@pytest.mark.parametrize("stop", [None, (None, 5), (7, 7)])
def test_generation_of_ragged_prompts_equals_the_plain_way(net, stop):
    g = torch.Generator().manual_seed(2)
    prompts = [torch.randint(43, (n,), generator=g) for n in (3, 17, 1, 46, 9, 48)]
    new = torch.tensor([12, 5, 20, 9, 0, 4])
    texts = M.generate(net, prompts, new, stop)
    for prompt, n, text in zip(prompts, new.tolist(), texts, strict=True):
        assert text.tolist() == slow(net, prompt, n, stop)


def test_generation_stops_at_the_stop(net):
    prompts = [
        torch.randint(43, (n,), generator=torch.Generator().manual_seed(n))
        for n in range(1, 9)
    ]
    free = M.generate(net, prompts, 30)
    some = next(t for t in free if len(set(t.tolist())) > 1)
    end = int(some[1])
    stopped = M.generate(net, prompts, 30, (None, end))
    for full, text in zip(free, stopped, strict=True):
        full = full.tolist()
        first = full.index(end) + 1 if end in full else len(full)
        assert text.tolist() == full[:first]


def test_sampling_is_repeatable_and_seeded(net):
    prompts = [torch.tensor([1, 2, 3])] * 4

    def draw(seed):
        generator = torch.Generator().manual_seed(seed)
        return torch.stack(M.generate(net, prompts, 10, generator=generator))

    assert torch.equal(draw(0), draw(0)) and not torch.equal(draw(0), draw(1))


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


def test_bad_shapes_name_the_value(net):
    with pytest.raises(ValueError, match="width is 30, not a multiple of heads = 4"):
        M.GPTConfig(43, heads=4, width=30)
    with pytest.raises(ValueError, match="layers is 0"):
        M.GPTConfig(43, layers=0)
    with pytest.raises(ValueError, match="model size is 'huge'"):
        M.config("huge", 43)
    with pytest.raises(ValueError, match="49 characters exceed the context of 48"):
        net(torch.zeros(1, 49, dtype=torch.long))
    with pytest.raises(ValueError, match="exceeds the context"):
        M.Cache(net, 1, 49)
