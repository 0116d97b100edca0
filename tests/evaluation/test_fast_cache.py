"""Branches of texts that were read once see what a pass over the whole text sees."""

import torch

from curriculum.evaluation.fast_cache import BranchCache
from curriculum.kv_cache import KVCache
from curriculum.model import GPT, config


def test_branches_see_what_one_pass_sees():
    """Several texts, read in parts; branches from their middle, some of them ended."""
    model = GPT(config("nano", 43, block_size=48), seed=1).eval()
    g = torch.Generator().manual_seed(1)
    long, short = (torch.randint(43, (3, n), generator=g) for n in (30, 22))
    read = [KVCache(model) for _ in range(2)]
    with torch.no_grad():
        for cache, texts in zip(read, (long, short), strict=True):
            cache.read(texts)
        texts = torch.tensor([0, 0, 2, 3, 3, 3, 5])
        cuts = torch.tensor([4, 29, 7, 1, 22, 5, 16])
        whole = [[*long, *short][t][:c] for t, c in zip(texts, cuts, strict=True)]
        branches = BranchCache(model, read, texts, cuts)
        for step in range(18):
            more = torch.randint(43, (len(whole),), generator=g)
            whole = [torch.cat([w, m[None]]) for w, m in zip(whole, more, strict=True)]
            for text, one in zip(whole, branches.logits(more), strict=True):
                assert torch.allclose(model(text[None])[0, -1], one, atol=1e-5)
            if step in (3, 12):  # text 0 is left with one branch, then 3 alone remains
                rows = torch.tensor([1, 2, 3, 5] if step == 3 else [2, 3])
                whole = [whole[r] for r in rows]
                branches.keep(rows)
