"""The model of the benchmark's reference is the same model, written out."""

import pytest
import torch

from curriculum import model as M
from curriculum.experiments.bench.reference_model import ReferenceGPT


@pytest.mark.parametrize("size", M.SIZES)
def test_the_reference_model_computes_the_same_logits(size):
    model = M.GPT(M.config(size, 43, block_size=64), seed=2).eval()
    tokens = torch.randint(43, (3, 50), generator=torch.Generator().manual_seed(0))
    plain = ReferenceGPT.of(model)
    assert not plain.training
    assert torch.allclose(plain(tokens), model(tokens), atol=1e-5)
    assert sum(p.numel() for p in plain.parameters()) == M.parameter_count(model.config)
