"""Tests of my own for chapter 1, beside the course's: grokcourse grade
SUBMISSIONS --tests FOLDER.
"""

import math

import torch

from grokcourse.autograder.testing import checks, expect, mistake


@checks("split", "whatever the share, every row is in one of the two sets")
def test_any_share(student, draw):
    """Try the ends of the scale, and something between, on as many rows as the
    seed says.
    """
    n = draw.integer(10, 50)
    for share in (0.0, draw.number(0.1, 0.9), 1.0):
        train, test = student.split(n, share, 0)
        on = f"n = {n}, train_fraction = {share:.2f}"
        expect(sorted(torch.cat([train, test]).tolist()) == list(range(n)), "rows are missing, or there twice", on)


@mistake("split", "A share that is not a whole number of rows is rounded down.")
def rounds_up(n, train_fraction, seed):
    """A wrong answer that people give: who answers the failing test just like
    this gets the sentence above.
    """
    order = torch.randperm(n, generator=torch.Generator().manual_seed(seed))
    cut = math.ceil(train_fraction * n)
    return order[:cut].sort().values, order[cut:].sort().values
