"""The right answers to the chapter's "predict before you run" questions, each computed from the package."""

import torch

from .... import fourier
from ....config import RunConfig
from ....torch_state import usual_torch


@usual_torch()
def shifted_spectrum() -> str:
    """A shift turns each frequency's cosine and sine into one another, and the sum of their squares does not notice."""
    n = torch.arange(RunConfig().p, dtype=torch.float64)
    distance = torch.minimum(n, len(n) - n)
    before, after = (fourier.energy_per_frequency(values) for values in (distance, distance.roll(3)))
    return "b" if torch.allclose(before, after) else "d"
