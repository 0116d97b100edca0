"""A trained model as one file that a web page can load, with no server and no network.

- The file is JavaScript: one call, `curriculumModel(header, weights, digest)`, with three
  texts. A page loads it with a `<script>` element, which also works from `file://`, where
  `fetch` does not. Whoever receives a file from somebody else reads the three texts as
  JSON and runs nothing.
- `header` is JSON: name, shape, alphabet, what experiment it is of, and the tensors in
  their order.
- `weights` are half-precision numbers, compressed and written in base 85. All high bytes
  stand before all low bytes: signs and exponents repeat, and compress well together.
- `digest` is the SHA-256 of the two other texts with a line break between them.

A model of 1.08 million parameters takes 2.3 MB. The laboratory of the book reads it.
"""

from __future__ import annotations

import base64
import gzip
import json
from pathlib import Path

import numpy as np
import torch

from . import files
from .model import GPT, GPTConfig, check_finite

FORMAT = "curriculum-web-1"
CALL = "curriculumModel("


def web(model: GPT, about: dict, name: str) -> str:
    """The text of a web file.

    Args: about: as `records.load_model` returns it; its `alphabet` is needed.
    Raises: ValueError: no alphabet, or a weight that half precision cannot hold.
    """
    alphabet = about.get("alphabet")
    if not isinstance(alphabet, str) or len(alphabet) != model.config.vocab_size:
        raise ValueError(
            f"alphabet is {alphabet!r}; a model of {model.config.vocab_size} characters"
            " needs that many; train again with this version of the package"
        )
    check_finite(model)
    tensors, parts = [], []
    for key, weight in model.named_parameters():
        half = weight.detach().cpu().half()
        if not half.isfinite().all():
            raise ValueError(
                f"{key} reaches {weight.abs().max():.3g}; half precision ends at 65,504,"
                " and a page could not hold it: train with a lower learning rate"
            )
        tensors.append([key, list(weight.shape)])
        parts.append(half.numpy().reshape(-1))
    numbers = np.concatenate(parts).astype("<f2").view(np.uint8).reshape(-1, 2)
    packed = gzip.compress(numbers[:, ::-1].T.tobytes(), 9, mtime=0)
    header = {
        "format": FORMAT,
        "name": name,
        "config": vars(model.config),
        "alphabet": alphabet,
        "spec": about.get("spec"),
        "tensors": tensors,
        "bytes": len(packed),  # base 85 fills up to a multiple of four
    }
    texts = [json.dumps(header), base64.b85encode(packed, pad=True).decode()]
    texts.append(_digest(*texts))
    return CALL + ",\n".join(map(json.dumps, texts)) + ");\n"


def read_web(text: str) -> tuple[GPT, dict]:
    """The model in the text of a web file, and its header.

    Raises: ValueError: a file that is damaged, or of another kind.
    """
    try:
        if not text.startswith(CALL):
            raise ValueError(f"it does not begin with {CALL!r}")
        inside = text[len(CALL) : text.rindex(")")]
        header_text, weights, digest = json.loads(f"[{inside}]")
        if digest != _digest(header_text, weights):
            raise ValueError("it does not match its digest")
        header = json.loads(header_text)
        packed = base64.b85decode(weights)[: header["bytes"]]
        high, low = np.frombuffer(gzip.decompress(packed), np.uint8).reshape(2, -1)
        numbers = np.stack([low, high], 1).reshape(-1).view("<f2").astype(np.float32)
        model = GPT(GPTConfig(**header["config"]))
        wanted = [[k, list(v.shape)] for k, v in model.named_parameters()]
        if header["tensors"] != wanted:
            raise ValueError("its tensors are not those of its shape")
        torch.nn.utils.vector_to_parameters(
            torch.from_numpy(numbers), model.parameters()
        )
    except (
        ValueError,
        TypeError,
        LookupError,
        OSError,
        EOFError,
        RuntimeError,
    ) as error:
        raise ValueError(
            f"this is no model for a page, or a damaged one ({error}); write it again"
            " with python -m curriculum export"
        ) from None
    return model, header


def export(weights, model: GPT, about: dict, out=None) -> Path:
    """Write the web file of the model in the file `weights`; returns its path."""
    weights = Path(weights)
    out = Path(out) if out else weights.with_suffix(".js")
    return files.write_text(out, web(model, about, weights.stem))


def _digest(header: str, weights: str) -> str:
    return files.digest(f"{header}\n{weights}".encode())
