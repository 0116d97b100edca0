"""What stands behind the chapters does what the chapters show."""

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from behind import ch01, ch12, ch12_figures
from curriculum.evaluation.generate import generate
from curriculum.model import GPT, GPTConfig

CPU = torch.device("cpu")


def test_many_networks_at_once_are_the_plain_loop():
    box, runs, n = ch01.Box(), 3, 120
    curve = ch01.learn("easy first", runs=runs, n=n)["hard"]
    x = torch.from_numpy(ch01.deliver("easy first", n, runs, box))
    exam = ch01.exams(runs, box)["hard"]
    w, b, v, c = (t.detach() for t in ch01.first_weights(runs, 20))
    for run in range(runs):
        network = nn.Sequential(nn.Linear(20, 64), nn.ReLU(), nn.Linear(64, 1)).double()
        for p, t in zip(network.parameters(), (w, b, v, c), strict=True):
            p.data = t[run].T.reshape(p.shape).clone()
        optimizer = torch.optim.Adam(network.parameters(), lr=0.01)
        for batch in x[run].double():
            margin = box.lamp(batch) * network(batch).squeeze(1)
            optimizer.zero_grad()
            F.softplus(-margin).mean().backward()
            optimizer.step()
        with torch.no_grad():
            right = network(exam[run].double()).squeeze(1) * box.lamp(exam[run]) > 0
        assert right.double().mean().item() == curve[run, -1]


def test_the_minimum_of_the_bowl_is_one():
    bowl = ch01.Bowl.make(3)
    assert np.abs(ch01.slope(bowl.x, bowl.y, bowl.minimum)).max() < 1e-9
    ends = [ch01.descend(bowl, order, passes=40)[-1] for order in ch01.ORDERS[:3]]
    assert np.max(ends) < 0.2


def test_orders_have_the_same_examples():
    code = 2 ** np.arange(20)
    found = {o: ch01.deliver(o, 40, 2).reshape(2, -1, 20) for o in ch01.ORDERS}
    content = {o: np.sort((x < 0) @ code, 1, kind="stable") for o, x in found.items()}
    same = [o for o, x in content.items() if np.array_equal(x, content["shuffled"])]
    assert same == list(ch01.ORDERS[:3])


def tiny(width=16, layers=2):
    return GPTConfig(11, 64, n_layer=layers, n_head=2, n_embd=width)


def test_settings_take_turns_and_the_first_round_does_not_count():
    order = []
    ways = {name: lambda name=name: order.append(name) or 3.0 for name in "AB"}
    found = ch12.race(ways, 2, CPU)
    assert "".join(order) == "ABABAB"
    assert [rates.shape for rates in found.values()] == [(2,), (2,)]


def test_the_stopwatch_leaves_the_warm_up_out():
    calls = []
    assert ch12.stopwatch(lambda: calls.append(1), CPU, 5, len) == 5
    assert len(calls) == 6


def test_calls_depend_on_layers_and_not_on_width_or_models():
    narrow, wide = ch12.calls(tiny(16), 1), ch12.calls(tiny(32), 1)
    assert narrow == wide < ch12.calls(tiny(16, 3), 1)
    assert ch12.stacked_calls(tiny(), 2) == ch12.stacked_calls(tiny(), 5)
    assert ch12.stacked_calls(tiny(), 5) < 5 * narrow


def test_views_are_no_calls_and_shares_add_up_to_one():
    x = torch.randn(3, 5)
    with ch12.Calls(CPU) as counter:
        (x.T @ x).transpose(0, 1).exp()
    assert counter.total == 2 and counter.names["mm"] == 1
    shares = ch12.profile(lambda: F.gelu(x @ x.T), CPU)
    assert abs(sum(shares.values()) - 1) < 1e-12
    assert shares["products"] > 0 and shares["GELU"] > 0 and shares["attention"] == 0


def test_operations_and_bytes_of_a_product():
    count, result = ch12.operations(torch.matmul, torch.ones(3, 5), torch.ones(5, 7))
    assert count == 2 * 3 * 5 * 7 and result.shape == (3, 7)
    assert ch12.intensity(3, 5, 7, size=2) == count / (2 * (15 + 35 + 21))
    assert ch12.saved_bytes(tiny(), 4, 8) > ch12.saved_bytes(tiny(), 2, 8)


def test_parts_name_their_own_operations_and_bytes():
    run, count, moved = ch12.parts(8, 6, CPU)["product"]
    assert run().shape == (6, 32) and count == ch12.operations(run)[0]
    assert count / moved == ch12.intensity(6, 8, 32)


def test_writing_with_a_cache_is_writing_without_one():
    model, prompts = GPT(tiny()).eval(), torch.tensor([[1, 2, 3], [4, 5, 6]])
    text = ch12.with_cache(model, prompts, 9)
    assert text.shape == (2, 9)
    assert torch.equal(text, ch12.without_cache(model, prompts, 9))
    assert torch.equal(text, torch.stack(generate(model, list(prompts), 9)))


def test_changes_are_factors_and_ideas_have_ranges():
    rungs = [("start", 10.0, 1.0), ("whole chunks", 20.0, 2.0), ("last", 50.0, 5.0)]
    idea = {"tried": "x, in place of y", "ratio": 0.5, "low": 0.4, "high": 0.6}
    ladder = [dict(zip(("rung", "rate", "ratio"), r, strict=True)) for r in rungs]
    assert ch12.changes({"ladder": ladder, "tried": [idea]}) == [
        ("whole micro-batches", 2.0, None, 2.0),
        ("last", 2.5, None, 5.0),
        ("x", 0.5, "0.40 to 0.60", None),
    ]


def test_models_trained_at_once_share_their_seconds():
    def record(device, tokens, seconds):
        return {"cost": {"device": device, "tokens": tokens, "seconds": seconds}}

    on_cpu = [record("cpu (…)", 100, s) for s in (10, 20, 50)]
    assert ch12.speeds(on_cpu) == [(1, 5.0, "2 to 10")]
    on_gpu = [record("cuda (…)", 100, s) for s in (10, 10, 10, 5)]
    assert ch12.speeds(on_gpu) == [(3, 30.0, None), (1, 20.0, None)]


def test_a_gpu_waits_for_calls_or_for_arithmetic():
    starts, end = ch12_figures.timeline(issue=2, work=1, calls=4)
    assert starts.tolist() == [2, 4, 6, 8] and end == 9  # calls decide
    starts, end = ch12_figures.timeline(issue=1, work=3, calls=4)
    assert starts.tolist() == [1, 4, 7, 10] and end == 13  # arithmetic decides


def test_the_longest_job_comes_first():
    rows = ch12_figures.longest_first([2, 5, 3, 1], 2)
    assert rows == [(0, 0.0, 5), (1, 0.0, 3), (1, 3.0, 2), (0, 5.0, 1)]
