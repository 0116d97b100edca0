"""A trained model as an ONNX file, which runs without PyTorch and without this package.

- Input `tokens` (B, T), whole numbers; output `logits` (B, T, V). B and T are free, T up to
  the context. The file knows its alphabet: token i is its i-th character.
- With `cache=True` two more inputs and outputs, `keys` and `values` (L, B, H, S, D): what was
  read before, S places of it, none at first. Then `tokens` are only what is new.
- `write` is a text's continuation, likeliest character first, by an ONNX session: the loop
  that any other program around the file would need, in any language.
- Needs `pip install 'curriculum[onnx]'`; nothing else of the package does.

Chapter 17 measures such a file.
"""

from __future__ import annotations

import json
import logging
import warnings
from pathlib import Path

import numpy as np
import torch

from . import files
from .kv_cache import KVCache
from .model import GPT, check_finite

MISSING = "ONNX needs a library that is not installed: pip install 'curriculum[onnx]'"


class WithMemory(torch.nn.Module):
    """The model with its cache as input and output: a file has no other place for it."""

    def __init__(self, model: GPT):
        super().__init__()
        self.model = model

    def forward(self, tokens, keys, values):
        """(logits, keys, values) after T more tokens; keys and values are (L, B, H, S, D)."""
        cache = KVCache(self.model)
        cache.keys, cache.values = list(keys), list(values)
        logits = cache.read_unchecked(tokens)  # (B, T, V)
        return logits, torch.stack(cache.keys), torch.stack(cache.values)


def export(model: GPT, about: dict, out, cache: bool = False) -> Path:
    """Write the model to `out`; returns its path.

    Args:
        about: as `records.load_model` returns it; its `alphabet` is needed.
        cache: let the file read a text piece by piece.
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
    c, texts = model.config, torch.export.Dim("B")
    tokens = torch.zeros(2, 5, dtype=torch.long)
    free = {"tokens": {0: texts, 1: torch.export.Dim("T", max=c.block_size)}}
    whole, given, gives = model.eval(), [tokens], ["logits"]
    if cache:
        memory = torch.zeros(c.n_layer, 2, c.n_head, 3, c.n_embd // c.n_head)
        places = {1: texts, 3: torch.export.Dim("S", max=c.block_size)}
        free |= {"keys": places, "values": places}
        whole, given = WithMemory(whole), [tokens, memory, memory.clone()]
        gives += ["next_keys", "next_values"]
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        program = torch.onnx.export(
            whole,
            tuple(given),
            input_names=list(free),
            output_names=gives,
            dynamic_shapes=tuple(free.values()),
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


def _nothing_read(made) -> dict[str, np.ndarray]:
    """The memory to begin with, {} for a file without one: no places, S = 0."""
    memory = {}
    for given in made.get_inputs()[1:]:
        L, _, H, _, D = given.shape
        memory[given.name] = np.zeros((L, 1, H, 0, D), np.float32)
    return memory


def write(opened, prompt: str, most: int, stop: str = "\n\n") -> str:
    """Up to `most` characters after `prompt`, the likeliest each; less if `stop` is written.

    Args: opened: as `session` returns it.
    """
    made, alphabet, context = opened
    text = [alphabet.index(c) for c in prompt]
    memory = _nothing_read(made)
    for _ in range(min(most, context - len(text))):
        new = text[memory["keys"].shape[3] :] if memory else text
        logits, *read = made.run(None, {"tokens": np.array([new], np.int64), **memory})
        memory = dict(zip(memory, read, strict=True))
        text.append(int(logits[0, -1].argmax()))
        if "".join(alphabet[t] for t in text[-len(stop) :]) == stop:
            break
    return "".join(alphabet[t] for t in text[len(prompt) :])
