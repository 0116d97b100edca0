"""The released way does what the fast steps do: the same weights after the same steps."""

import numpy as np
import pytest
import torch

from curriculum import files
from curriculum.experiments.bench import steps, training
from curriculum.experiments.bench.reference_model import ReferenceGPT
from curriculum.training import Programs, Windows


@pytest.mark.parametrize("kind", ["windows", "programs"])
def test_the_released_way_and_the_fast_steps_learn_the_same(smoke, kind):
    corpus = smoke[1].corpus

    def rows(n=None):
        if kind == "programs":
            return Programs(corpus, micro_batches=n)
        return Windows(corpus, np.arange(len(corpus)), 64, micro_batches=n)

    fast = training.Steps("nano", torch.device("cpu"), corpus, rows())
    gpt = fast.backend.models[0]
    released, tokens = ReferenceGPT.of(gpt), torch.randint(43, (2, 40))

    def differ():
        with torch.no_grad():
            return (gpt(tokens) - released(tokens)).abs().max()

    assert differ() < 1e-5
    characters = fast.whole_turn()
    assert differ() > 0.02  # something was learnt
    assert training.plain_steps(released, rows(1), fast.turn)() == characters
    assert differ() < 2e-3


def test_ladder_and_log_are_measured(tmp_path, capsys):
    out = tmp_path / "steps.json"
    words = f"--size nano --rounds 1 --seconds 0 --out {out}".split()
    steps.main(words)
    found = files.read_json(out)
    assert found["ladder"][0]["ratio"] == 1.0 and len(found["ladder"]) == 4
    assert len(found["tried"]) == 7 and all(x["ratio"] > 0 for x in found["tried"])


def test_the_three_attentions_agree():
    qkv = torch.randn(3, 2, 4, 9, 20)
    want = steps.fused(*qkv)
    assert torch.allclose(steps.written_out(*qkv), want, atol=1e-5)
    assert torch.allclose(steps.wider(*qkv), want, atol=1e-5)
