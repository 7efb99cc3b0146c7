"""The right answers to the chapter's "predict before you run" questions, each computed from the package."""

import math

import torch

from ....torch_state import usual_torch


@usual_torch()
def opposite_numbers() -> str:
    """Nothing: both pairs have their midpoint in the centre of the dial, and 1 + 7 is 8 where 2 + 8 is 10."""
    hours = torch.arange(12, dtype=torch.float64) * 2 * math.pi / 12
    dial = torch.stack([hours.sin(), hours.cos()], dim=1)
    midpoints = (dial[1] + dial[7]) / 2, (dial[2] + dial[8]) / 2
    return "c" if torch.allclose(*midpoints, atol=1e-12) and (1 + 7) % 12 != (2 + 8) % 12 else "a"
