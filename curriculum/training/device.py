"""Which device to compute on and in which precision; each choice comes with its reason.

Chapter 7 prints the device, chapter 12 measures the precisions.
"""

from __future__ import annotations

from typing import Literal

import torch

Precision = Literal["fp32", "bf16"]


def choose_device(request: str = "auto") -> tuple[torch.device, str]:
    """The device to compute on, and the reason in words.

    Raises: ValueError when a device is asked for by name and is not there.
    """
    if request not in ("auto", "cpu", "cuda", "mps"):
        raise ValueError(f"device is {request!r}; it must be auto, cpu, cuda or mps")
    if request == "cuda" and not torch.cuda.is_available():
        raise ValueError(
            "device is 'cuda', but PyTorch finds no GPU here; use auto or cpu"
        )
    if request == "mps" and not torch.backends.mps.is_available():
        raise ValueError("device is 'mps', but this is no Apple GPU; use auto or cpu")
    if request in ("cpu", "mps"):
        return torch.device(request), "as asked"
    if torch.cuda.is_available():  # asked for or not, a record has to name it
        return torch.device("cuda"), f"a GPU is present: {torch.cuda.get_device_name()}"
    return torch.device("cpu"), (
        f"no GPU was found; {torch.get_num_threads()} processor threads do the work"
    )


def choose_precision(device) -> tuple[Precision, str]:
    """ "fp32" or "bf16" for training on `device`, and the reason in words."""
    if torch.device(device).type != "cuda":
        return "fp32", "processors gain nothing from half precision at this size"
    if torch.cuda.get_device_capability()[0] >= 8:
        return "bf16", "this GPU has bfloat16 units, and bfloat16 needs no loss scaling"
    return "fp32", "this GPU has no bfloat16 units, and float32 is fast enough here"


def autocast(device: torch.device, precision: str):
    """The context of a forward pass: matrix products in bfloat16 where that was chosen."""
    return torch.autocast(device.type, torch.bfloat16, enabled=precision == "bf16")
