"""A model written for a page is the same model when it is read back."""

import json
from pathlib import Path

import pytest
import torch

from curriculum import export
from curriculum.experiments.cli import main
from curriculum.experiments.records import load_model
from curriculum.model import GPT, GPTConfig
from curriculum.training import save_weights

STUDY = Path(__file__).parents[1] / "book" / "results" / "study"
ABOUT = {"alphabet": "\t\n `$\\\"'é", "spec": {"schedule": "baseline"}}


@pytest.fixture
def small():
    model = GPT(GPTConfig(len(ABOUT["alphabet"]), 16, 2, 2, 8), seed=3)
    return model.half().float()  # numbers that half precision holds


def test_a_model_comes_back_bit_by_bit(small):
    back, header = export.read_web(export.web(small, ABOUT, "small"))
    for (name, one), (other, two) in zip(
        small.named_parameters(), back.named_parameters(), strict=True
    ):
        assert name == other and torch.equal(one, two)
    assert header["alphabet"] == ABOUT["alphabet"] and header["name"] == "small"
    assert header["spec"] == ABOUT["spec"]


def test_the_committed_models_fit_into_a_page(tmp_path):
    out = tmp_path / "hybrid.js"
    weights = STUDY / "hybrid_s0.safetensors"
    assert main(["export", "--to", "web", str(weights), "-o", str(out)]) == 0
    assert out.stat().st_size <= 2_500_000
    model, about = load_model(weights)
    back, header = export.read_web(out.read_text(encoding="utf-8"))
    same = zip(model.parameters(), back.parameters(), strict=True)
    assert all(torch.equal(one, two) for one, two in same)
    assert header["spec"] == about["spec"] and header["name"] == "hybrid_s0"


def test_any_changed_character_is_found(small):
    text = export.web(small, ABOUT, "small")
    places = [1, text.index("config"), len(text) // 2, len(text) - 20, len(text) - 4]
    for i in places:
        changed = text[:i] + ("b" if text[i] == "a" else "a") + text[i + 1 :]
        with pytest.raises(ValueError, match="no model for a page, or a damaged"):
            export.read_web(changed)
    for cut in ("", text[:-40], text[: len(text) // 3]):
        with pytest.raises(ValueError, match="write it again"):
            export.read_web(cut)


def test_the_three_texts_are_plain_json(small):
    """So that a page can read a stranger's file without running it."""
    text = export.web(small, ABOUT, "small")
    assert text.isascii()
    inside = text.removeprefix(export.CALL).strip().removesuffix(");")
    header, _, digest = json.loads(f"[{inside}]")
    assert json.loads(header)["format"] == export.FORMAT and len(digest) == 64


def test_what_cannot_be_exported_is_one_line(small, tmp_path, capsys):
    with pytest.raises(ValueError, match="alphabet is None.*train again"):
        export.web(small, {}, "small")
    with torch.no_grad():
        small.head.bias[0] = 1e6
    with pytest.raises(ValueError, match="head.bias reaches 1e.06; half precision"):
        export.web(small, ABOUT, "small")
    missing = str(tmp_path / "none.safetensors")
    assert main(["export", missing]) == 2
    assert len(capsys.readouterr().err.splitlines()) == 1


def test_without_a_name_the_file_lies_beside_the_weights(small, tmp_path, capsys):
    weights = tmp_path / "mine.safetensors"
    about = {**ABOUT, "config": vars(small.config)}
    save_weights(weights, small, about)
    assert main(["export", str(weights)]) == 0
    assert str(tmp_path / "mine.js") in capsys.readouterr().out
    _, header = export.read_web((tmp_path / "mine.js").read_text(encoding="utf-8"))
    assert header["name"] == "mine"
