"""`python -m curriculum finetune`, with a tiny model in a folder."""

import json

import pytest

from curriculum.experiments import cli
from curriculum.files import read_json


@pytest.fixture
def table(tmp_path):
    path = tmp_path / "mine.jsonl"
    lines = ({"question": f"{i} + 1?", "answer": str(i + 1)} for i in range(12))
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return path


def test_a_table_of_ones_own(model, tokenizer, table, tmp_path, capsys):
    pytest.importorskip("peft", reason="needs peft")
    for thing in (model, tokenizer):
        thing.save_pretrained(tmp_path / "tiny")
    words = ["finetune", str(table), "--model", str(tmp_path / "tiny"), "--batch", "4"]
    words += ["--order", "length", "--out", str(tmp_path / "out"), "--device", "cpu"]
    assert cli.main(words) == 0
    said = capsys.readouterr().out
    assert "step      6 of 6" in said and "6 of 6 steps delivered, exactly as" in said
    record = read_json(tmp_path / "out" / "record.json", sealed=True)
    # Two-digit answers, 10 to 12, are the longest texts; then the order repeats.
    assert record["plan"][2] == record["plan"][5] and set(record["plan"][2]) >= {10, 11}
    assert (tmp_path / "out" / "adapter_model.safetensors").exists()
    assert cli.main([*words, "--lr", "0.5"]) == 2  # another run in this folder
    assert "differs in settings" in capsys.readouterr().err


def test_bad_words_are_one_line(table, tmp_path, capsys):
    for more in (["--order", "size"], ["--rank", "0"]):
        assert cli.main(["finetune", str(table), "--out", str(tmp_path), *more]) == 2
        assert len(capsys.readouterr().err.splitlines()) == 1
