"""What stands behind the chapters does what the chapters show."""

import sys
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

sys.path.insert(0, str(Path(__file__).parents[2] / "book"))
from behind import ch01  # noqa: E402


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
