"""A trained model as an ONNX file, which runs without PyTorch and without this package.

- Input `tokens` (B, T), whole numbers; output `logits` (B, T, V). B and T are free, T up to
  the context. The file knows its alphabet: token i is its i-th character.
- `write` is a text's continuation, likeliest character first, by an ONNX session: the loop
  that any other program around the file would need, in any language.
- Needs `pip install 'curriculum[onnx]'`; nothing else of the package does.

A KV cache would make the file several times more complicated, and a model of 256 characters
of context does not need one. Chapter 17.
"""

from __future__ import annotations

import json
import logging
import warnings
from pathlib import Path

import numpy as np
import torch

from . import files
from .model import GPT, check_finite

MISSING = "ONNX needs a library that is not installed: pip install 'curriculum[onnx]'"


def export(model: GPT, about: dict, out) -> Path:
    """Write the model to `out`; returns its path.

    Args: about: as `records.load_model` returns it; its `alphabet` is needed.
    Raises: ValueError: no alphabet, weights that are not finite, or no library for ONNX.
    """
    alphabet = about.get("alphabet")
    if not isinstance(alphabet, str) or len(alphabet) != model.config.vocab_size:
        raise ValueError(f"alphabet is {alphabet!r}; the model needs one: train again")
    check_finite(model)
    try:
        import onnx
        import onnxscript  # noqa: F401  # PyTorch's exporter asks for it
    except ImportError:
        raise ValueError(MISSING) from None
    tokens = torch.zeros(2, 5, dtype=torch.long)
    free = {
        0: torch.export.Dim("B"),
        1: torch.export.Dim("T", max=model.config.block_size),
    }
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        program = torch.onnx.export(
            model.eval(),
            (tokens,),
            input_names=["tokens"],
            output_names=["logits"],
            dynamic_shapes=(free,),
            dynamo=True,
            verbose=False,
        )
    graph = program.model_proto
    known = {
        "alphabet": alphabet,
        "config": vars(model.config),
        "spec": about.get("spec"),
    }
    onnx.helper.set_model_props(graph, {k: json.dumps(v) for k, v in known.items()})
    onnx.checker.check_model(graph, full_check=True)
    return files.write_bytes(Path(out), graph.SerializeToString())


def session(path):
    """(onnxruntime session on one thread, alphabet, context) of a file made by `export`."""
    try:
        import onnxruntime
    except ImportError:
        raise ValueError(MISSING) from None
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    made = onnxruntime.InferenceSession(
        str(path), options, providers=["CPUExecutionProvider"]
    )
    known = made.get_modelmeta().custom_metadata_map
    return (
        made,
        json.loads(known["alphabet"]),
        json.loads(known["config"])["block_size"],
    )


def write(opened, prompt: str, most: int, stop: str = "\n\n") -> str:
    """Up to `most` characters after `prompt`, the likeliest each; less if `stop` is written.

    Args: opened: as `session` returns it.
    """
    made, alphabet, context = opened
    text = [alphabet.index(c) for c in prompt]
    for _ in range(min(most, context - len(text))):
        (logits,) = made.run(["logits"], {"tokens": np.array([text], np.int64)})
        text.append(int(logits[0, -1].argmax()))
        if "".join(alphabet[t] for t in text[-len(stop) :]) == stop:
            break
    return "".join(alphabet[t] for t in text[len(prompt) :])
