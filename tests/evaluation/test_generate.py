"""Generation, with a cache as without, and draws that belong to seed and prompt alone."""

import pytest
import torch

from curriculum.evaluation.generate import generate, sample_next_token
from curriculum.model import GPT, config


@pytest.fixture(scope="module")
def model():
    return GPT(config("nano", 43, block_size=48), seed=1).eval()


def prompts(*lengths):
    g = torch.Generator().manual_seed(2)
    return [torch.randint(43, (n,), generator=g) for n in lengths]


def test_uniform_numbers_draw_from_the_softmax():
    logits = torch.tensor([0.1, 0.6, 0.3]).log()
    u = (torch.arange(1000) + 0.5) / 1000  # evenly over [0, 1)
    drawn = sample_next_token(logits.expand(1000, 3), u)
    assert torch.bincount(drawn).tolist() == [100, 600, 300]
    mixed = sample_next_token(logits.expand(2, 3), torch.tensor([0.05, -1.0]))
    assert mixed.tolist() == [0, 1]  # a negative number takes the likeliest


def plainly(model, prompt, new, stop):
    """Without a cache: the whole text again for every character."""
    text = prompt.tolist()
    while len(text) < len(prompt) + new and len(text) < model.config.block_size:
        text.append(int(model(torch.tensor([text]))[0, -1].argmax()))
        if stop and tuple(text[-len(stop) :]) == stop:
            break
    return text[len(prompt) :]


@pytest.mark.parametrize("new", [0, 1, 20])
def test_a_cache_changes_nothing(model, new):
    for prompt in prompts(3, 17, 1, 46, 48):
        free = plainly(model, prompt, new, ())
        for stop in [(), tuple(free[1:2]), tuple(free[2:4])]:
            (text,) = generate(model, [prompt], new, stop)
            assert text.tolist() == plainly(model, prompt, new, stop)


def test_a_stop_counts_the_end_of_the_prompt_but_needs_a_new_character(model):
    (prompt,) = prompts(5)
    first = int(generate(model, [prompt], 1)[0])
    last = int(prompt[-1])
    assert len(generate(model, [prompt], 9, stop=(last, first))[0]) == 1
    always_one = torch.full((4,), first)
    (text,) = generate(model, [always_one], 9, stop=(first,))
    assert len(text) >= 1


@pytest.mark.fault(
    "Joints",
    "a prompt is continued alone, and beside others",
    "a sampled answer depends on its seed and prompt alone",
    "the same text",
)
def test_draws_depend_on_seed_and_prompt_alone(model):
    one, two = prompts(6, 9)
    (alone,) = generate(model, [two], 20, seed=3)
    _, second, again = generate(model, [one, two, two], 20, seed=3)
    assert torch.equal(alone, second) and torch.equal(alone, again)
    assert not torch.equal(alone, generate(model, [two], 20, seed=4)[0])
    assert torch.equal(alone[:7], generate(model, [two], 7, seed=3)[0])
    other = one.clone()
    other[0] = (other[0] + 1) % 43  # another prompt, other numbers to draw with
    texts = generate(model, [one, other], 20, seed=3)
    assert not torch.equal(*texts)


def test_draws_are_from_the_softmax(model):
    (prompt,) = prompts(6)
    with torch.no_grad():
        p = model(prompt[None])[0, -1].softmax(-1).double()
    draws = 500
    first = [generate(model, [prompt], 1, seed=s)[0][0] for s in range(draws)]
    counts = torch.bincount(torch.stack(first), minlength=43)
    spread = (draws * p * (1 - p)).sqrt()
    assert ((counts - draws * p).abs() < 4.5 * spread).all()


@pytest.mark.fault(
    "Command line",
    "no prompt, an empty prompt, one that is too long",
    "bad input is named before any work",
    "one line each",
)
def test_prompts_that_cannot_be_continued_are_refused(model):
    with pytest.raises(ValueError, match="prompts is empty"):
        generate(model, [], 5)
    with pytest.raises(ValueError, match="prompt 1 is empty"):
        generate(model, [*prompts(3), torch.tensor([], dtype=torch.long)], 5)
    with pytest.raises(ValueError, match="49 tokens, more than the context"):
        generate(model, prompts(49), 5)
