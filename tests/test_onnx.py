"""A model as an ONNX file writes what the package writes. Skipped without the libraries."""

from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
import torch

from curriculum import onnx
from curriculum.data.corpus import Corpus
from curriculum.data.tokenizer import CharTokenizer
from curriculum.evaluation.generate import generate
from curriculum.experiments.cli import main
from curriculum.experiments.records import load_model

STUDY = str(Path(__file__).parents[1] / "book" / "results" / "study")
WEIGHTS = f"{STUDY}/baseline_s0.safetensors"
needed = pytest.mark.skipif(
    not all(map(find_spec, ("onnx", "onnxruntime", "onnxscript"))),
    reason="onnx, onnxruntime or onnxscript is missing: pip install 'curriculum[onnx]'",
)


@pytest.fixture(scope="module")
def both(tmp_path_factory):
    """Sessions of the file without a cache, and of the one with it."""
    folder, found = tmp_path_factory.mktemp("onnx"), []
    for options in ([], ["--cache"]):
        out = str(folder / f"b{len(options)}.onnx")
        words = ["export", "--to", "onnx", WEIGHTS, "-o", out, *options]
        assert main(words) == 0
        found.append(onnx.session(out))
    return found


@pytest.fixture
def opened(both):
    return both[0]


@needed
@pytest.mark.parametrize("pieces", [[1], [5, 1, 1], [1, 100, 3], [255, 1], [200, 56]])
def test_a_text_read_in_pieces_has_the_logits_of_the_whole(both, pieces):
    model, _ = load_model(WEIGHTS)
    size = (2, sum(pieces))
    tokens = np.random.default_rng(1).integers(0, model.config.vocab_size, size)
    memory = onnx._nothing_read(both[1][0])
    memory = {k: np.repeat(v, 2, axis=1) for k, v in memory.items()}
    found = []
    for piece in np.split(tokens, np.cumsum(pieces)[:-1], axis=1):
        logits, *read = both[1][0].run(None, {"tokens": piece, **memory})
        memory = dict(zip(memory, read, strict=True))
        found.append(logits)
    assert memory["keys"].shape[3] == size[1]
    with torch.no_grad():
        wanted = model.eval()(torch.from_numpy(tokens)).numpy()
    assert np.abs(np.concatenate(found, 1) - wanted).max() < 1e-4


@needed
@pytest.mark.parametrize("shape", [(1, 1), (1, 2), (1, 256), (3, 17), (2, 5)])
def test_logits_are_those_of_pytorch_for_any_length(opened, shape):
    model, _ = load_model(WEIGHTS)
    tokens = np.random.default_rng(0).integers(0, model.config.vocab_size, shape)
    (found,) = opened[0].run(["logits"], {"tokens": tokens})
    with torch.no_grad():
        wanted = model.eval()(torch.from_numpy(tokens)).numpy()
    assert found.shape == wanted.shape
    assert np.abs(found - wanted).max() < 1e-4


@needed
def test_greedy_output_is_that_of_the_package(both):
    """60 test programs, ten a level."""
    model, about = load_model(WEIGHTS)
    tokenizer, corpus = (
        CharTokenizer(about["alphabet"]),
        Corpus.load(f"{STUDY}/test-programs"),
    )
    stop = tuple(tokenizer.encode("\n\n").tolist())
    for level in np.unique(corpus.levels):
        for i in np.flatnonzero(corpus.levels == level)[:10]:
            prompt = corpus[int(i)].prompt
            tokens = torch.from_numpy(tokenizer.encode(prompt))
            (wanted,) = generate(model.eval(), [tokens], 30, stop)
            for opened in both:
                said = onnx.write(opened, prompt, 30)
                assert said == tokenizer.decode(wanted.tolist())


def test_a_cache_is_for_onnx_alone(capsys):
    assert main(["export", "--cache", WEIGHTS]) == 2
    assert "--cache is for --to onnx" in capsys.readouterr().err


def test_without_the_libraries_the_reason_is_one_line(monkeypatch, capsys, tmp_path):
    import builtins

    real = builtins.__import__

    def missing(name, *rest):
        if name.split(".")[0] in ("onnx", "onnxscript", "onnxruntime"):
            raise ImportError(name)
        return real(name, *rest)

    monkeypatch.setattr(builtins, "__import__", missing)
    out = str(tmp_path / "x.onnx")
    assert main(["export", "--to", "onnx", WEIGHTS, "-o", out]) == 2
    said = capsys.readouterr().err
    assert "pip install 'curriculum[onnx]'" in said and len(said.splitlines()) == 1
    with pytest.raises(ValueError, match="not installed"):
        onnx.session(out)
