"""The three published criteria, by hand, and the plans made from them."""

import numpy as np
import pytest
import torch

from curriculum.finetune import data, orders


def test_length_counts_the_whole_text(tokenizer, items):
    found = orders.length(tokenizer, items)
    item = items[0]
    text = item.question + data.BETWEEN + item.answer
    assert found[0] == len(text) + 2  # a character is a token here; start and end mark


def test_unevenness_by_hand():
    maps = torch.zeros(1, 2, 4, 4)
    maps[0, :, 2, :3] = torch.tensor([[0.2, 0.6, 0.2], [0.5, 0.3, 0.2]])
    maps[0, :, 3] = torch.tensor([[0.1, 0.2, 0.6, 0.1], [0.25, 0.25, 0.25, 0.25]])
    token2 = np.mean([np.std([0.2, 0.6], ddof=1), np.std([0.5, 0.3], ddof=1)])
    token3 = np.mean([np.std([0.1, 0.2, 0.6], ddof=1), 0])
    assert orders.unevenness(maps, 2) == pytest.approx((token2 + token3) / 2)
    assert orders.unevenness(maps, 3) == pytest.approx(token3)


def test_attention_maps_are_the_models(model, tokenizer, items):
    row = data.encode(tokenizer, items[0])
    maps = orders.attention_maps(model, row)
    T = len(row.tokens)
    assert maps.shape == (2, 4, T, T)
    torch.testing.assert_close(maps.sum(-1), torch.ones(2, 4, T))
    assert float(maps.triu(1).abs().max()) == 0  # none looks ahead
    assert model.config._attn_implementation == "sdpa"
    found = orders.attention(model, tokenizer, items[:3])
    assert found[0] == pytest.approx(orders.unevenness(maps, row.answer_start))


@pytest.mark.fault(
    "Fine-tuning",
    "labels at the beginning of the row, as the released code of a paper has them",
    "the misplaced loss is what that code computes, and not the answer's loss",
    "equal to a plain computation; another order",
)
def test_the_loss_and_the_misplaced_one(model, tokenizer, items):
    true = orders.loss(model, tokenizer, items)
    misplaced = orders.misplaced_loss(model, tokenizer, items)
    row = data.encode(tokenizer, items[3])
    x = torch.tensor([row.tokens])
    labels = torch.full_like(x, -100)
    answer = row.tokens[row.answer_start :]
    labels[0, : len(answer)] = x[0, row.answer_start :]
    assert misplaced[3] == pytest.approx(float(model(x, labels=labels).loss), abs=1e-4)
    labels = x.clone()
    labels[0, : row.answer_start] = -100
    assert true[3] == pytest.approx(float(model(x, labels=labels).loss), abs=1e-4)
    assert np.abs(true - misplaced).max() > 0.01
    seen = []
    found = orders.criteria(
        model, tokenizer, items[:5], lambda *done: seen.append(done)
    )
    np.testing.assert_allclose(found["loss"], true[:5], atol=1e-4)
    np.testing.assert_array_equal(found["length"], orders.length(tokenizer, items[:5]))
    assert seen[-1] == (5, 5)


SCORES = {
    "length": np.array([5, 3, 4, 3.0]),
    "loss": np.array([0.1, 0.4, 0.2, 0.3]),
    "attention": np.array([0.1, 0.4, 0.2, 0.3]),
}


def test_directions():
    assert orders.ranked("length", SCORES).tolist() == [1, 3, 2, 0]  # ties as given
    assert orders.ranked("length-reversed", SCORES).tolist() == [0, 2, 1, 3]
    assert orders.ranked("loss", SCORES).tolist() == [0, 2, 3, 1]
    assert orders.ranked("attention", SCORES).tolist() == [1, 3, 2, 0]
    assert orders.ranked("attention-reversed", SCORES).tolist() == [0, 2, 3, 1]
    with pytest.raises(ValueError, match="order is 'size'"):
        orders.ranked("size", SCORES)
    with pytest.raises(ValueError, match="'loss' needs 'loss'"):
        orders.ranked("loss", {"length": SCORES["length"]})
    with pytest.raises(ValueError, match="not all finite"):
        orders.ranked("loss", {"loss": [1, float("nan")]})


def test_random_is_reshuffled_and_an_order_repeats():
    ids = np.arange(10, 30)
    plan = orders.make_plan("random", ids, epochs=2, batch=8, seed=3)
    assert [len(step) for step in plan] == [8, 8, 4] * 2
    epochs = [sum(plan[:3], []), sum(plan[3:], [])]
    assert sorted(epochs[0]) == sorted(epochs[1]) == ids.tolist()
    assert epochs[0] != epochs[1]
    assert plan == orders.make_plan("random", ids, epochs=2, batch=8, seed=3)
    assert plan != orders.make_plan("random", ids, epochs=2, batch=8, seed=4)
    plan = orders.make_plan("loss", ids[:4], SCORES, epochs=2, batch=3)
    assert plan == [[10, 12, 13], [11], [10, 12, 13], [11]]
    with pytest.raises(ValueError, match="epochs is 0"):
        orders.make_plan("random", ids, epochs=0)


def test_groups_are_spread_evenly_and_keep_their_order():
    places = np.array([5, 0, 3, 1, 4, 2, 7, 6])
    groups = ["a", "b", "a", "a", "b", "a", "a", "a"]
    found = orders.spread(places, groups)
    assert sorted(found) == list(range(8))
    for group in "ab":
        mine = [i for i in found if groups[i] == group]
        assert mine == [i for i in places if groups[i] == group]
    where = [n for n, i in enumerate(found) if groups[i] == "b"]
    assert where == [2, 5]  # a quarter and three quarters of the way
    assert orders.spread(places, ["a"] * 8).tolist() == places.tolist()
