"""The plain evaluation and ours give the same answers, program by program."""

import pytest
import torch

from curriculum import model as M
from curriculum.bench.reference_model import ReferenceGPT


@pytest.mark.parametrize("size", M.SIZES)
def test_the_reference_model_computes_the_same_logits(size):
    net = M.GPT(M.config(size, 43, context=64), seed=2).eval()
    tokens = torch.randint(43, (3, 50), generator=torch.Generator().manual_seed(0))
    plain = ReferenceGPT.of(net)
    assert not plain.training
    assert torch.allclose(plain(tokens), net(tokens), atol=1e-5)
    assert sum(p.numel() for p in plain.parameters()) == M.parameter_count(net.config)
