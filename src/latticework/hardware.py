"""Where networks compute, and in how many bits: what the hardware has."""

import torch

from latticework.config_base import Accelerator


def best_device(accelerator: Accelerator = "auto") -> torch.device:
    """Where networks predict: on the GPU if there is one, else, as on "cpu", on the CPU.

    Raises RuntimeError for "gpu" where there is none.
    """
    there = torch.cuda.is_available()
    if accelerator == "gpu" and not there:
        raise RuntimeError(
            "accelerator: gpu, but this machine or job has no GPU that torch can use"
        )
    return torch.device("cuda" if there and accelerator != "cpu" else "cpu")


def resolved_precision(precision: str, accelerator: str) -> str:
    """Lightning's name of a precision; "auto" is bf16-mixed where the hardware multiplies it."""
    if precision != "auto":
        return precision
    if accelerator != "cpu" and torch.cuda.is_available():
        fast = torch.cuda.is_bf16_supported(including_emulation=False)
    else:
        fast = torch.cpu.get_capabilities().get("amx_bf16", False)
    return "bf16-mixed" if fast else "32-true"
