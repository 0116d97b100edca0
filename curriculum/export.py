"""A trained model as one file that a web page can load, with no server and no network.

- The file is JavaScript: one call, `curriculumModel(header, weights, digest)`, with three
  texts. A page loads it with a `<script>` element, which also works from `file://`, where
  `fetch` does not. Whoever receives a file from somebody else reads the three texts as
  JSON and runs nothing.
- `header` is JSON: name, shape, alphabet, what experiment it is of, and the tensors in
  their order.
- `weights` are half-precision numbers, compressed and written in base 85. All high bytes
  stand before all low bytes: signs and exponents repeat, and compress well together.
- With 8 or 4 bits a weight, tables are whole numbers, each group with a scale
  (`quantise.py`). The scales and all that is no table stand first, as half-precision
  numbers; then the whole numbers, one or two a byte.
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

from . import files, quantise
from .model import GPT, GPTConfig, check_finite

FORMAT, FEWER_BITS = "curriculum-web-1", "curriculum-web-2"
CALL = "curriculumModel("


def web(model: GPT, about: dict, name: str, bits: int = 16) -> str:
    """The text of a web file.

    Args:
        about: as `records.load_model` returns it; its `alphabet` is needed.
        bits: of each weight: 16, or 8 or 4, see `quantise.quantised`.
    Raises: ValueError: no alphabet, a weight that half precision cannot hold, other bits.
    """
    alphabet = about.get("alphabet")
    if not isinstance(alphabet, str) or len(alphabet) != model.config.vocab_size:
        raise ValueError(
            f"alphabet is {alphabet!r}; a model of {model.config.vocab_size} characters"
            " needs that many; train again with this version of the package"
        )
    check_finite(model)
    tensors: list = []
    halves: list[np.ndarray] = []
    whole: list[np.ndarray] = []
    for key, weight in model.named_parameters():
        tensors.append([key, list(weight.shape)])
        numbers = _half(key, weight)
        if bits < 16 and weight.dim() == 2:
            integers, numbers = quantise.quantised(weight.detach().cpu().numpy(), bits)
            whole.append(quantise.packed(integers, bits))
        halves.append(numbers.reshape(-1))
    both = np.concatenate(halves).astype("<f2").view(np.uint8).reshape(-1, 2)
    content = both[:, ::-1].T.tobytes() + b"".join(x.tobytes() for x in whole)
    packed = gzip.compress(content, 9, mtime=0)
    header = {
        "format": FORMAT if bits == 16 else FEWER_BITS,
        "name": name,
        "config": vars(model.config),
        "alphabet": alphabet,
        "spec": about.get("spec"),
        "tensors": tensors,
        "bytes": len(packed),  # base 85 fills up to a multiple of four
    }
    if bits != 16:
        header["bits"], header["group"] = bits, quantise.GROUP[bits]
    texts = [json.dumps(header), base64.b85encode(packed, pad=True).decode()]
    texts.append(_digest(*texts))
    return CALL + ",\n".join(map(json.dumps, texts)) + ");\n"


def _half(key, weight):
    half = weight.detach().cpu().half()
    if not half.isfinite().all():
        raise ValueError(
            f"{key} reaches {weight.abs().max():.3g}; half precision ends at 65,504,"
            " and a page could not hold it: train with a lower learning rate"
        )
    return half.numpy()


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
        content = np.frombuffer(gzip.decompress(packed), np.uint8)
        model = GPT(GPTConfig(**header["config"]))
        wanted = [[k, list(v.shape)] for k, v in model.named_parameters()]
        if header["tensors"] != wanted:
            raise ValueError("its tensors are not those of its shape")
        numbers = _numbers(content, [s for _, s in wanted], header.get("bits", 16))
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


def _numbers(content, shapes, bits):
    """All weights in a row, of the unpacked bytes of a file."""

    def halves(n):
        high, low = content[: 2 * n].reshape(2, n)
        return np.stack([low, high], 1).reshape(-1).view("<f2").astype(np.float32)

    if bits == 16:
        return halves(len(content) // 2)
    scales = [quantise.scales(s, bits) if len(s) == 2 else s[0] for s in shapes]
    numbers, at, found = halves(sum(scales)), 2 * sum(scales), []
    for shape, n in zip(shapes, scales, strict=True):
        mine, numbers = numbers[:n], numbers[n:]
        if len(shape) == 2:
            size = -(-shape[0] * shape[1] * bits // 8)
            integers = quantise.unpacked(content[at : at + size], shape, bits)
            mine, at = quantise.restored(integers, mine, bits).reshape(-1), at + size
        found.append(mine)
    return np.concatenate(found)


def export(weights, model: GPT, about: dict, out=None, bits: int = 16) -> Path:
    """Write the web file of the model in the file `weights`; returns its path."""
    weights = Path(weights)
    end = ".js" if bits == 16 else f".int{bits}.js"
    out = Path(out) if out else weights.with_suffix(end)
    return files.write_text(out, web(model, about, weights.stem, bits))


def _digest(header: str, weights: str) -> str:
    return files.digest(f"{header}\n{weights}".encode())
