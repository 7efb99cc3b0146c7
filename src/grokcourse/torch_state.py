"""torch's global settings, as they are when torch has just been imported."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch


@contextmanager
def usual_torch() -> Iterator[None]:
    """Within this, torch is set as it usually is, whatever a notebook's first cell has set; then all is put back.

    That is: new tensors are float32 and on the CPU, gradients are recorded, inference mode and autocast are off.
    It is a decorator as well: ``@usual_torch()``.
    """
    dtype = torch.get_default_dtype()
    torch.set_default_dtype(torch.float32)
    try:
        with (
            torch.device("cpu"),
            torch.inference_mode(False),
            torch.enable_grad(),
            torch.autocast("cpu", enabled=False),
            torch.autocast("cuda", enabled=False),
        ):
            yield
    finally:
        torch.set_default_dtype(dtype)
