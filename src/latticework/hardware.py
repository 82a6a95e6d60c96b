"""Choose the device and the numerical precision that the hardware supports."""

import os

import torch

DEVICE_VARIABLE = "LATTICEWORK_DEVICE"
# Instructions that multiply bfloat16: networks train and predict 1.8 times as fast, or faster.
BFLOAT16 = ("amx_bf16", "avx512_bf16")


def best_device() -> torch.device:
    """The GPU if there is one, else the CPU; LATTICEWORK_DEVICE=cpu or gpu has the last word.

    Raises RuntimeError where a GPU is demanded and torch finds none, or for any other value.
    """
    wanted = os.environ.get(DEVICE_VARIABLE, "auto")
    if wanted not in ("auto", "cpu", "gpu"):
        raise RuntimeError(f"{DEVICE_VARIABLE}={wanted}: expected cpu or gpu")
    there = torch.cuda.is_available()
    if wanted == "gpu" and not there:
        raise RuntimeError(f"{DEVICE_VARIABLE}=gpu, but torch finds no GPU on this machine or job")
    return torch.device("cuda" if there and wanted != "cpu" else "cpu")


def resolved_precision(precision: str, device: torch.device | str) -> str:
    """Lightning's name of a precision; "auto" is bf16-mixed where the hardware multiplies it."""
    if precision != "auto":
        return precision
    if torch.device(device).type == "cuda":
        fast = torch.cuda.is_bf16_supported(including_emulation=False)
    else:
        abilities = torch.cpu.get_capabilities()
        fast = any(abilities.get(name, False) for name in BFLOAT16)
    return "bf16-mixed" if fast else "32-true"
