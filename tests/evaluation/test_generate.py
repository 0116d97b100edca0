"""ParsedProgram and writing on: with a cache and branches as without."""

import pytest
import torch

from curriculum import model as M
from curriculum.evaluation import generate as D


@pytest.fixture(scope="module")
def net():
    return M.GPT(M.config("nano", 43, block_size=48), seed=1).eval()


def test_branches_see_what_one_pass_sees(net):
    """Several texts, read in parts; branches from their middle, some of them ended."""
    g = torch.Generator().manual_seed(1)
    long, short = (torch.randint(43, (3, n), generator=g) for n in (30, 22))
    cache = D.KVCache(net)
    with torch.no_grad():
        assert torch.allclose(net(long, cache), net(long), atol=1e-5)
        net(short, cache)
        texts = torch.tensor([0, 0, 2, 3, 3, 3, 5])
        cuts = torch.tensor([4, 29, 7, 1, 22, 5, 16])
        whole = [[*long, *short][t][:c] for t, c in zip(texts, cuts, strict=True)]
        cache.branch(texts, cuts)
        for turn in range(18):
            more = torch.randint(43, (len(whole),), generator=g)
            whole = [torch.cat([w, m[None]]) for w, m in zip(whole, more, strict=True)]
            logits = net(more[:, None], cache)[:, 0]
            cache.written += 1
            for text, one in zip(whole, logits, strict=True):
                assert torch.allclose(net(text[None])[0, -1], one, atol=1e-5)
            if turn in (3, 12):  # text 0 is left with one branch, then 3 alone remains
                rows = torch.tensor([1, 2, 3, 5] if turn == 3 else [2, 3])
                whole = [whole[r] for r in rows]
                cache.keep(rows)


def test_chance_draws_from_the_softmax():
    logits = torch.tensor([0.1, 0.6, 0.3]).log()
    chance = (torch.arange(1000) + 0.5) / 1000  # evenly over [0, 1)
    drawn = D.sample_next_token(logits.expand(1000, 3), chance)
    assert torch.bincount(drawn).tolist() == [100, 600, 300]
    mixed = D.sample_next_token(logits.expand(2, 3), torch.tensor([0.05, -1.0]))
    assert mixed.tolist() == [0, 1]  # a negative number selections the likeliest


def slow(net, prompt, new, stop):
    """The plain way: the whole text again for every character."""
    text = prompt.tolist()
    while len(text) < len(prompt) + new and len(text) < net.config.block_size:
        text.append(int(net(torch.tensor([text]))[0, -1].argmax()))
        if stop and text[-1] == stop[1] and stop[0] in (None, text[-2]):
            break
    return text[len(prompt) :]


@pytest.mark.parametrize("stop", [None, (None, 5), (7, 7)])
def test_generation_of_ragged_prompts_equals_the_plain_way(net, stop):
    g = torch.Generator().manual_seed(2)
    prompts = [torch.randint(43, (n,), generator=g) for n in (3, 17, 1, 46, 9, 48)]
    new = torch.tensor([12, 5, 20, 9, 0, 4])
    texts = D.generate(net, prompts, new, stop)
    for prompt, n, text in zip(prompts, new.tolist(), texts, strict=True):
        assert text.tolist() == slow(net, prompt, n, stop)


def test_generation_stops_at_the_stop(net):
    prompts = [
        torch.randint(43, (n,), generator=torch.Generator().manual_seed(n))
        for n in range(1, 9)
    ]
    free = D.generate(net, prompts, 30)
    some = next(t for t in free if len(set(t.tolist())) > 1)
    end = int(some[1])
    stopped = D.generate(net, prompts, 30, (None, end))
    for full, text in zip(free, stopped, strict=True):
        full = full.tolist()
        first = full.index(end) + 1 if end in full else len(full)
        assert text.tolist() == full[:first]


def test_sampling_is_repeatable_and_seeded(net):
    prompts = [torch.tensor([1, 2, 3])] * 4

    def draw(seed):
        generator = torch.Generator().manual_seed(seed)
        return torch.stack(D.generate(net, prompts, 10, generator=generator))

    assert torch.equal(draw(0), draw(0)) and not torch.equal(draw(0), draw(1))


def test_a_prompt_without_room_stays_as_it_is(net):
    full = torch.zeros(48, dtype=torch.long)
    assert [len(t) for t in D.generate(net, [full, full[:47]], 5)] == [0, 1]
