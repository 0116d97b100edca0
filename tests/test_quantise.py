"""Weights of 8 and 4 bits: what is rounded, by how much, and that a file says the same."""

from pathlib import Path

import numpy as np
import pytest
import torch

from curriculum import export, files, quantise
from curriculum.data.corpus import Corpus
from curriculum.evaluation import fast
from curriculum.evaluation.answers import Question
from curriculum.experiments.cli import main
from curriculum.experiments.records import load_model
from curriculum.model import GPT, GPTConfig

RESULTS = Path(__file__).parents[1] / "book" / "results"
ALPHABET = "".join(map(chr, range(97, 97 + 7)))


@pytest.fixture
def small():
    return GPT(GPTConfig(7, 9, 2, 2, 6), seed=5)


@pytest.mark.parametrize("bits, largest", [(8, 127), (4, 7)])
def test_each_weight_is_the_nearest_multiple_of_its_scale(bits, largest):
    table = np.random.default_rng(0).normal(size=(5, 91)).astype(np.float32)
    table[2, :50] = 0
    integers, scale = quantise.quantised(table, bits)
    groups = {8: 1, 4: 3}[bits]  # of 40, 40 and 11 numbers
    assert scale.shape == (5, groups) and scale.dtype == np.float16
    assert np.abs(integers).max() == largest
    back = quantise.restored(integers, scale, bits)
    for r in range(5):
        for c in range(91):
            s = np.float32(scale[r, c // 40 if bits == 4 else 0])
            assert back[r, c] == np.float32(integers[r, c]) * s
            assert abs(back[r, c] - table[r, c]) <= s * 0.51 + abs(table[r, c]) / 1000


@pytest.mark.parametrize("bits", [8, 4])
def test_packing_loses_nothing(bits):
    largest = {8: 127, 4: 7}[bits]
    integers = np.arange(-largest, largest + 1, dtype=np.int8).reshape(1, -1)
    data = quantise.packed(integers, bits)
    assert len(data) == -(-integers.size * bits // 8)
    assert (quantise.unpacked(data, integers.shape, bits) == integers).all()


def test_by_hand():
    integers, scale = quantise.quantised(np.array([[3.5, -1.75, 0.2, 0.26]]), 4)
    assert scale.tolist() == [[0.5]]
    assert integers.tolist() == [[7, -4, 0, 1]]  # a half goes to the even number
    assert quantise.packed(integers, 4).tolist() == [15 | 4 << 4, 8 | 9 << 4]


@pytest.mark.parametrize("bits", [16, 8, 4])
def test_a_file_holds_the_model_that_rounded_gives(small, bits):
    text = export.web(small, {"alphabet": ALPHABET}, "x", bits)
    back, header = export.read_web(text)
    wanted = quantise.rounded(small, bits)
    for (name, one), two in zip(
        back.named_parameters(), wanted.parameters(), strict=True
    ):
        assert torch.equal(one, two), name
    assert header.get("bits", 16) == bits
    assert torch.equal(small.head.bias.half().float(), back.head.bias)


def test_the_results_of_the_book_are_those_of_the_package():
    """One row of chapter 17 again: line completion and execution of one model, 4 bits."""
    kept = files.read_json(RESULTS / "phone" / "phone.json")
    corpus = Corpus.load(RESULTS / "study" / "test-programs")
    levels = np.unique(corpus.levels)
    ids = np.concatenate([np.flatnonzero(corpus.levels == x)[:100] for x in levels])
    assert kept["programs"] == len(ids)
    model, about = load_model(RESULTS / "study" / "hybrid_s0.safetensors")
    rows = {
        r["task"]: r
        for r in kept["rounding"]
        if r["model"] == "hybrid_s0" and r["bits"] == 4
    }
    size = len(export.web(model, about, "hybrid_s0", 4))
    assert size == pytest.approx(rows["line"]["bytes"], rel=0.01)  # as zlib packs
    questions = [Question(task) for task in ("line", "execution")]
    for found in fast.ask(quantise.rounded(model, 4), corpus, ids, questions):
        keep = slice(None) if found.empty is None else ~found.empty
        row = rows[found.question.task]
        assert row["total"] == found.total[keep].sum()
        # other processors add in another order: a tie may fall the other way
        assert row["right"] == pytest.approx(int(found.right[keep].sum()), abs=3)


def test_other_bits_are_refused(small):
    with pytest.raises(ValueError, match="bits is 3; it must be 8 or 4"):
        export.web(small, {"alphabet": ALPHABET}, "x", 3)


def test_fewer_bits_are_for_pages_only(tmp_path, capsys):
    weights = str(RESULTS / "study" / "hybrid_s0.safetensors")
    assert main(["export", "--to", "onnx", "--bits", "4", weights]) == 2
    assert "leave it out for onnx" in capsys.readouterr().err
    sizes = []
    for bits in (8, 4):
        out = tmp_path / f"{bits}.js"
        assert main(["export", "--bits", str(bits), weights, "-o", str(out)]) == 0
        sizes.append(out.stat().st_size)
    assert sizes[0] < 1_350_000 and sizes[1] < 750_000
