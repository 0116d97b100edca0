"""The reference trainer does what ours does: the same weights after the same steps."""

import numpy as np
import torch

from curriculum import files, model
from curriculum.experiments.bench import steps
from curriculum.experiments.bench.reference_model import ReferenceGPT
from curriculum.experiments.bench.reference_training import ReferenceTrainer
from curriculum.training import backends
from curriculum.training.batches import Programs, Windows


def train_ours(net, rows, ids, steps):
    machine = backends.CoreParallel([net], [{}])
    losses = []
    for step in range(steps):
        loss, _, counts = machine.backward([rows], ids, step)
        assert (counts.numpy() == rows.characters(ids)).all()
        machine.update([1e-3])
        losses.append(float(loss))
    return losses


def same_logits(net, plain):
    tokens = torch.randint(net.config.vocab_size, (2, 40))
    with torch.no_grad():
        return torch.allclose(net(tokens), plain.model(tokens), atol=2e-3)


def test_windows_gathered_one_by_one_give_the_same_step(smoke):
    corpus = smoke[1].corpus
    net = model.GPT(model.config("nano", corpus.tokenizer.size))
    plain = ReferenceTrainer(net)
    before = ReferenceGPT.of(net)
    rows = Windows(corpus, np.arange(len(corpus)), window=64)
    ids = np.arange(20)[None]
    theirs = []
    for step in range(4):
        rows.batch(ids[0], step)
        stream = torch.from_numpy(corpus.tokens.astype(np.int64))
        theirs.append(plain.on_windows(stream, rows._at, 64))
    ours = train_ours(net, rows, ids, 4)
    assert np.allclose(ours, theirs, atol=1e-4) and same_logits(net, plain)
    plain.model = before
    assert not same_logits(net, plain)  # something was learnt


def test_whole_programs_padded_in_one_batch_give_the_same_step(smoke):
    corpus = smoke[1].corpus
    net = model.GPT(model.config("nano", corpus.tokenizer.size))
    plain, ids = ReferenceTrainer(net), np.arange(40, 72)
    texts = [
        torch.from_numpy(
            corpus.tokens[corpus.offsets[i] : corpus.offsets[i + 1]].astype(np.int64)
        )
        for i in ids
    ]
    theirs = [plain.on_programs(texts) for _ in range(4)]
    ours = train_ours(net, Programs(corpus), ids[None], 4)
    assert np.allclose(ours, theirs, atol=1e-4) and same_logits(net, plain)


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
