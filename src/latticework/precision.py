"""Numbers of half as many bits, where the hardware multiplies them faster."""

import torch


def resolved_precision(precision: str, accelerator: str) -> str:
    """Lightning's name of a precision; "auto" is bf16-mixed where the hardware multiplies it."""
    if precision != "auto":
        return precision
    if accelerator != "cpu" and torch.cuda.is_available():
        fast = torch.cuda.is_bf16_supported(including_emulation=False)
    else:
        fast = torch.cpu.get_capabilities().get("amx_bf16", False)
    return "bf16-mixed" if fast else "32-true"
