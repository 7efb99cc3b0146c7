"""The right answers to the chapter's "predict before you run" questions, each computed from the package."""

import torch

from .... import training
from ....config import RunConfig
from ....torch_state import usual_torch


@usual_torch()
def halving_steps() -> int:
    """Half is left as soon as (1 − ηλ)ⁿ ≤ ½, that is n ≥ log 2 / (ηλ), nearly: 0.69 times the clock's 1,000 steps."""
    config, nothing = RunConfig(), torch.zeros((), dtype=torch.float64)
    weight, steps = torch.ones((), dtype=torch.float64), 0
    while weight > 0.5:
        weight = training.sgd_update(weight, nothing, lr=config.lr, weight_decay=config.weight_decay)
        steps += 1
    return steps


@usual_torch()
def first_to_grok() -> str:
    """The stronger the decay, the sooner what is not paid for is gone: the clock is 1/(ηλ), and so is the wait."""
    lr, one = RunConfig().lr, torch.ones((), dtype=torch.float64)
    decays = {"a": 0.1, "b": 0.3, "c": 1.0, "d": 3.0}
    left = {letter: training.sgd_update(one, 0 * one, lr=lr, weight_decay=decay) for letter, decay in decays.items()}
    return min(left, key=lambda letter: float(left[letter]))
