"""Probes, similarity, lines between models and patches, on models small enough to check."""

import copy

import numpy as np
import pytest
import torch

from curriculum.data.corpus import CorpusSpec, build
from curriculum.inside import landscape, patching, probes, similarity
from curriculum.model import GPT, GPTConfig
from curriculum.training.batches import Programs

SHAPE = GPTConfig(vocab_size=43, block_size=256, n_layer=2, n_head=2, n_embd=32)


@pytest.fixture(scope="module")
def corpus():
    return build(CorpusSpec(size=400, variant="july", seed=3))


@pytest.fixture
def model():
    return GPT(SHAPE, seed=1)


TOKENS = torch.arange(40)[None] % 43


def rows_of(n, seed=0, C=6):
    return np.random.default_rng(seed).normal(size=(n, C))


# --- patching ---


def test_a_run_gives_the_logits_of_the_model(model):
    logits, stream = patching.run(model, TOKENS)
    torch.testing.assert_close(logits, model(TOKENS))
    assert stream.shape == (3, 1, 40, 32)


def test_a_patch_of_its_own_vector_changes_nothing_and_another_only_what_follows(model):
    logits, stream = patching.run(model, TOKENS)
    same, _ = patching.run(model, TOKENS, {(1, 20): stream[1, :, 20]})
    assert torch.equal(same, logits)
    other, _ = patching.run(model, TOKENS, {(1, 20): torch.ones(32)})
    moved = (other != logits).any(-1)[0]
    assert not moved[:20].any() and moved[20:].all()


def test_a_patch_at_layer_0_is_the_other_text(model, corpus):
    (pair,) = patching.pairs(1, True, True)
    one, other = (
        torch.from_numpy(corpus.tokenizer.encode(t).astype("int64"))[None]
        for t in pair[:2]
    )
    stream = patching.run(model, other)[1]
    patched, _ = patching.run(model, one, {(0, pair.place): stream[0, :, pair.place]})
    torch.testing.assert_close(patched, model(other))


@pytest.mark.parametrize("at", [(3, 0), (-1, 0), (0, 40), (0, -1)])
def test_a_patch_needs_a_place(model, at):
    with pytest.raises(ValueError, match="layers are 0 to 2"):
        patching.run(model, TOKENS, {at: torch.ones(32)})


@pytest.mark.parametrize("printed", [True, False])
@pytest.mark.parametrize("last", [True, False])
def test_pairs_differ_in_the_digit_they_name(printed, last):
    found = patching.pairs(30, printed, last)
    for p in found:
        assert len(p.one) == len(p.other) == 32
        assert [i for i in range(32) if p.one[i] != p.other[i]] == [p.place]
        assert p.other[p.place] == p.digit and p.digit not in p.one
        lines = p.one.split("\n")
        assert lines[0][0] != lines[1][0]
        shown = lines[2][len("print(")]
        assert (shown == lines[1][0]) == last
        assert (p.one[p.place - 4] == shown) == printed
    assert len(set(found)) > 20


class _Copies(torch.nn.Module):
    """Answers the digit at a place of the text: its stream is the tokens themselves."""

    def __init__(self, place):
        super().__init__()
        self.place = place
        self.config = SHAPE
        self.characters = torch.nn.Embedding.from_pretrained(torch.eye(43))
        self.positions = torch.nn.Embedding.from_pretrained(torch.zeros(256, 43))
        self.norm = self.head = torch.nn.Identity()
        self.blocks = [self.block]

    def block(self, x):
        x = x.clone()
        x[:, -1] = x[:, self.place]
        return x


def test_follows_finds_what_a_model_copies(corpus):
    tokenizer = corpus.tokenizer
    copies = _Copies(10)  # whatever is printed, the digit that was set last
    ask = lambda printed, last, layer, **to: patching.follows(  # noqa: E731
        copies, tokenizer, patching.pairs(20, printed, last), **to
    )[layer]
    assert ask(True, True, layer=0) == 1
    assert ask(True, False, layer=0) == 0
    assert ask(False, False, layer=0) == 1
    assert ask(False, True, layer=0) == 0
    assert ask(True, True, layer=1) == 0  # it has gone to the end by now
    assert ask(True, True, layer=1, end=True) == 1


# --- similarity ---


def test_cka_by_hand():
    x = np.array([[1.0, 0], [-1, 0], [0, 0]])
    y = np.array([[1.0], [0], [-1]])
    # centred already: |xᵀy|² = 1, |xᵀx| = 2, |yᵀy| = 2
    assert similarity.cka(x, y) == pytest.approx(1 / 4)


def test_cka_does_not_see_turns_scales_or_shifts():
    x = rows_of(50)
    turn = np.linalg.qr(rows_of(6, 1))[0]
    assert similarity.cka(x, 3 * x @ turn + 7) == pytest.approx(1)
    assert similarity.cka(x, rows_of(50, 2)) < 0.3
    assert similarity.cka(x, x * [1, 1, 1, 1, 1, 9]) < 0.9


def test_cka_refuses():
    with pytest.raises(ValueError, match="3 and 4 rows"):
        similarity.cka(rows_of(3), rows_of(4))
    with pytest.raises(ValueError, match="rows that differ"):
        similarity.cka(np.ones((3, 2)), rows_of(3))


def test_singular_entropy_by_hand():
    assert similarity.singular_entropy(torch.eye(5)[:3]) == pytest.approx(0)
    assert similarity.singular_entropy(torch.ones(4, 9)) == pytest.approx(np.log(4))
    p = np.array([3, 1]) / 4
    wanted = np.log(2) + (p * np.log(p)).sum()
    assert similarity.singular_entropy(torch.diag(torch.tensor([3.0, 1]))) == (
        pytest.approx(wanted)
    )


# --- probes ---


def test_facts_by_hand():
    code = "a = 3\nb = a + 1\nif  a < b :\n\tprint(a)\nelse :\n\tprint(b)"
    found = probes.facts(code, "3")
    assert found == {
        "branch": (len("a = 3\nb = a + 1\nif  a < b :"), 1),
        "value": (code.rindex("b"), 4),
        "value, written": (len(code) + 11, 4),
        "branch, written": (len(code) + 11, 1),
    }
    code = "c = 4\nfor c in range(1, 6, 2) :\n\tprint(c)"
    assert probes.facts(code, "1\n3\n5") == {
        "turns": (code.index(" :") + 2, 3),
    }
    assert (code + "\n# output\n# 1")[len(code) + 12] == "1"
    code = "c = 4\nc = 1 - c\nprint(c)"
    assert probes.facts(code, "-3") == {"sign": (len(code) + 11, 1)}


def test_facts_agree_with_what_programs_print(corpus):
    seen = set()
    for code, output in zip(corpus.codes, corpus.outputs, strict=True):
        found = probes.facts(code, output)
        seen |= set(found)
        assert set(found) <= set(probes.ASKED)
        if "value" in found:
            assert code[found["value"][0] - 1] == "("
            if "if" not in code and "for" not in code:
                assert output == str(found["value"][1])
        if "turns" in found:
            assert code[found["turns"][0]] == "\n"
            assert len(output.split("\n")) == found["turns"][1]
    assert seen == set(probes.ASKED)


def test_questions_keep_twins_together_and_controls_go_with_the_first_line(corpus):
    found = probes.questions(corpus, seed=1)
    assert list(found) == list(probes.ASKED)
    for q in found.values():
        assert 0 < q.train.sum() < len(q.train)
        lines = [corpus.codes[i].split("\n")[0] for i in q.program]
        assert len(set(zip(lines, q.control, strict=True))) == len(set(lines))
        assert q.control.max() <= q.label.max()
        assert np.bincount(q.label).min() >= 1
    sign = found["sign"].label
    assert (sign == 0).sum() == (sign == 1).sum()


def test_a_value_that_is_no_expression_of_tinypy():
    node = probes.ast.parse("open('x')", mode="eval").body
    with pytest.raises(ValueError, match="no expression of TinyPy"):
        probes.value(node, {})


def test_a_probe_finds_what_is_there_and_guesses_otherwise():
    rng = np.random.default_rng(0)
    label = rng.integers(0, 4, 600)
    train = np.arange(600) < 400
    x = rows_of(600, C=20)
    assert probes.accuracy(x, label, train) < 0.4
    x[:, 7] += 3 * label
    x[:, 8] += 9 * (label == 2)
    assert probes.accuracy(x, label, train) > 0.7
    with pytest.raises(ValueError, match="some must be tested"):
        probes.accuracy(x, label, train | True)
    assert probes.commonest([0, 0, 1, 1, 0], [True, True, True, False, False]) == 0.5


# --- landscape ---


def test_between_two_models(model):
    other = GPT(SHAPE, seed=2)
    half = landscape.between(model, other, 0.5)
    for p, q, r in zip(
        model.parameters(), other.parameters(), half.parameters(), strict=True
    ):
        torch.testing.assert_close(r, (p + q) / 2)
    assert torch.equal(landscape.between(model, other, 0.0)(TOKENS), model(TOKENS))


def test_a_barrier_is_the_rise_over_the_line():
    assert landscape.barrier([1, 2, 3]) == pytest.approx(0)
    assert landscape.barrier([1, 5, 3]) == pytest.approx(3)
    assert landscape.barrier([1, 0, 3]) == pytest.approx(0)


def shuffled_units(model, seed):
    """The same function with channels, units and heads in another order."""
    rng, found, C = np.random.default_rng(seed), copy.deepcopy(model), SHAPE.n_embd
    with torch.no_grad():
        landscape._permute_stream(found, torch.from_numpy(rng.permutation(C)))
        for block in found.blocks:
            p = torch.from_numpy(rng.permutation(4 * C))
            block.mlp[0].weight.copy_(block.mlp[0].weight[p])
            block.mlp[2].weight.copy_(block.mlp[2].weight[:, p])
            p = np.arange(C).reshape(2, -1)[::-1].ravel().copy()  # heads change places
            w = block.attention.qkv.weight.view(3, C, C)
            block.attention.qkv.weight.copy_(w[:, p].reshape(3 * C, C))
            block.attention.out.weight.copy_(block.attention.out.weight[:, p])
    return found


def test_aligned_finds_the_order_again_and_changes_no_output(model):
    for p in model.parameters():  # norms and biases that say something
        torch.nn.init.normal_(p, generator=torch.Generator().manual_seed(p.numel()))
    other = shuffled_units(model, 5)
    torch.testing.assert_close(other(TOKENS), model(TOKENS), rtol=1e-3, atol=1e-3)
    assert landscape.likeness(model, other) < 0.3
    found = landscape.aligned(model, other)
    assert landscape.likeness(model, found) == pytest.approx(1, abs=1e-6)

    stranger = GPT(SHAPE, seed=9)
    found = landscape.aligned(model, stranger)
    torch.testing.assert_close(found(TOKENS), stranger(TOKENS), rtol=1e-4, atol=1e-4)
    assert landscape.likeness(model, found) >= landscape.likeness(model, stranger)


def test_aligned_wants_one_shape(model):
    with pytest.raises(ValueError, match="one shape"):
        landscape.aligned(model, GPT(GPTConfig(43, n_layer=1, n_head=2, n_embd=32)))


def test_the_noise_scale_finds_signal_and_noise():
    generator = torch.Generator().manual_seed(0)
    truth, size = torch.ones(1000), 4  # |G|² = 1000; a program's noise has variance 9
    draws = [
        truth + 3 * torch.randn(1000, generator=generator) / size**0.5
        for _ in range(64)
    ]
    found = landscape.noise_scale(draws, size)
    assert found["noise"] == pytest.approx(9000, rel=0.05)
    assert found["signal"] == pytest.approx(1000, rel=0.05)
    assert found["scale"] == pytest.approx(9, rel=0.1)
    with pytest.raises(ValueError, match="two or more"):
        landscape.noise_scale(draws[:1], size)


def test_gradient_and_sharpness(corpus):
    tiny = GPT(GPTConfig(43, n_layer=1, n_head=1, n_embd=4), seed=0)
    batch = Programs(corpus, micro_batches=2).batch(np.arange(6))
    g = landscape.gradient(tiny, batch)
    parameters = list(tiny.parameters())
    assert g.shape == (sum(p.numel() for p in parameters),)
    found = landscape.sharpness(tiny, batch, steps=30)

    def bend(v, eps=1e-2):  # second derivatives times v, by differences
        side = []
        for sign in (1, -1):
            moved, at = copy.deepcopy(tiny), 0
            with torch.no_grad():
                for p in moved.parameters():
                    p += sign * eps * v[at : at + p.numel()].view_as(p)
                    at += p.numel()
            side.append(landscape.gradient(moved, batch))
        return (side[0] - side[1]) / (2 * eps)

    v = g / g.norm()
    for _ in range(40):
        w = bend(v)
        v = w / w.norm()
    assert found == pytest.approx(float(v @ bend(v)), rel=0.03)
