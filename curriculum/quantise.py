"""Weights of 8 or 4 bits: whole numbers, and one scale for each group of them.

- A group is a run of neighbours within a row of a table (a weight matrix, an embedding):
  the whole row with 8 bits, up to 40 numbers with 4. Its scale is its largest absolute
  weight over 127, or over 7, in half precision; each weight becomes the nearest multiple.
- Only tables are rounded. The rest (norms, biases: 0.5 % of the weights) stays in half
  precision.
- Nothing is trained again, and no data is looked at: what is measured is the price of the
  plainest way. `rounded` gives the model that a page has, for PyTorch.

Papers: Jacob et al. (2018), Quantization and Training of Neural Networks for Efficient
Integer-Arithmetic-Only Inference; Dettmers et al. (2022), groups. Chapter 17.
"""

from __future__ import annotations

import copy

import numpy as np
import torch

from .model import GPT

GROUP = {8: None, 4: 40}  # numbers that share a scale; None: a whole row
_LARGEST = {8: 127, 4: 7}


def quantised(
    table: np.ndarray, bits: int, group: int | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Whole numbers (R, C) and their scales (R, groups) of a table (R, C).

    Args: group: numbers that share a scale; None: as in `GROUP`.
    Raises: ValueError: bits other than 8 and 4.
    """
    if bits not in GROUP:
        raise ValueError(f"bits is {bits}; it must be 8 or 4 (16 rounds nothing here)")
    size = _size(table.shape, bits, group)
    starts = range(0, table.shape[1], size)
    largest = [np.abs(table[:, i : i + size]).max(axis=1) for i in starts]
    scale = (np.stack(largest, 1) / _LARGEST[bits]).astype(np.float16)  # (R, groups)
    each = _spread(scale, table.shape[1], size)
    ratio = np.divide(table, each, out=np.zeros_like(table), where=each > 0)
    integers = np.clip(np.rint(ratio), -_LARGEST[bits], _LARGEST[bits])
    return integers.astype(np.int8), scale


def restored(
    integers: np.ndarray, scale: np.ndarray, bits: int, group: int | None = None
) -> np.ndarray:
    """The weights (R, C) in single precision that whole numbers and scales stand for."""
    rows, width = integers.shape
    scale = scale.reshape(rows, -1)
    size = _size(integers.shape, bits, group)
    return integers.astype(np.float32) * _spread(scale, width, size)


def scales(shape, bits: int) -> int:
    """How many scales a table of this shape has."""
    return shape[0] * -(-shape[1] // _size(shape, bits))


def packed(integers: np.ndarray, bits: int) -> np.ndarray:
    """The bytes of whole numbers: one each, or two a byte, the first in the low half."""
    flat = integers.reshape(-1)
    if bits == 8:
        return flat.view(np.uint8)
    nibbles = np.append(flat, [0] * (flat.size % 2)).astype(np.int8) + 8
    return (nibbles[::2] | nibbles[1::2] << 4).astype(np.uint8)


def unpacked(data: np.ndarray, shape, bits: int) -> np.ndarray:
    """The whole numbers of a table of this shape."""
    if bits == 4:
        data = np.stack([data & 15, data >> 4], 1).reshape(-1).astype(np.int8) - 8
    return data.view(np.int8)[: shape[0] * shape[1]].reshape(shape)


def rounded(model: GPT, bits: int) -> GPT:
    """A copy of `model` with the weights that a file of so many bits holds."""
    model = copy.deepcopy(model)
    with torch.no_grad():
        for weight in model.parameters():
            if bits == 16 or weight.dim() != 2:
                weight.copy_(weight.half())
            else:
                table = restored(*quantised(weight.numpy(), bits), bits)
                weight.copy_(torch.from_numpy(table))
    return model


def _size(shape, bits, group=None):
    return min(group or GROUP[bits] or shape[1], shape[1])


def _spread(scale, width, size):
    """Scales (R, groups) as one for each weight (R, width), in single precision."""
    return np.repeat(scale.astype(np.float32), size, axis=1)[:, :width]
