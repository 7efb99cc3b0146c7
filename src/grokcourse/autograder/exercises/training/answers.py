"""The right answers to the chapter's "predict before you run" questions, each computed from the package."""

import torch

from .... import training
from ....config import RunConfig
from ....torch_state import usual_torch


@usual_torch()
def lost_gap() -> int:
    """Next to 1, float32 resolves 6e-8, and the sum 112 · exp(−gap) is less than that from a gap of 21.4 on."""
    others, gap = RunConfig().p - 1, 0
    while 1 + others * torch.exp(torch.tensor(-float(gap))) > 1:
        gap += 1
    return gap


@usual_torch()
def plateau_test_loss() -> str:
    """Sure and wrong: 99 % on a wrong answer costs 9.3, guessing only 4.73, and hesitating between two 0.7."""
    config, right_answer = RunConfig(), torch.tensor([0])
    probabilities = torch.full((1, config.p), 0.01 / (config.p - 1))
    probabilities[0, 1] = 0.99  # on a wrong answer
    sure_and_wrong = training.exact_cross_entropy(probabilities.log(), right_answer)
    return "c" if sure_and_wrong > config.chance_loss else "b"
