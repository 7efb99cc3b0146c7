"""The right answers to the chapter's "predict before you run" questions, each computed from the package."""

import math

from .... import tasks
from ....config import RunConfig
from ....torch_state import usual_torch


@usual_torch()
def twin_share() -> float:
    """About as large as the training set's own share, 30 %: the split draws a question's twin like any other question.

    (A shade less, since a question a + a is its own twin.)
    """
    data = tasks.dataset(RunConfig())
    trained_on_twin = data.train_mask().T.flatten()
    return trained_on_twin[data.test_index].double().mean().item()


@usual_torch()
def sure_and_wrong() -> float:
    """The right answer is one of 112 that share the remaining tenth, and minus the logarithm of that is 7.02.

    So it costs half as much again as guessing, which costs 4.73.
    """
    return -math.log((1 - 0.9) / (RunConfig().p - 1))
