"""The claims of the page that this course grew from."""

from ..model import n_parameters
from .case import TITLES
from .claim import Claim
from .measured import each, grokked, worst_test_loss

SOURCE = ""
"""A key of ``claim.SOURCES``."""

CLAIMS = (
    Claim(
        "parameters",
        "The model has about 200 thousand parameters",
        SOURCE,
        "The experiment in plain English",
        "The model has about 200 thousand parameters.",
        "about 200,000",
        "numbers that the model learns",
        lambda cases: {
            TITLES["main"]: n_parameters(
                *(getattr(cases["main"].run.config, n) for n in ("p", "d_model", "n_heads", "d_mlp"))
            )
        },
        "{:,.0f}",
        (150_000, 250_000),
        (100_000, 400_000),
        "transformer-parameters",
    ),
    Claim(
        "examples",
        "It is trained on 3,830 examples",
        SOURCE,
        "The experiment in plain English",
        "30% of the 12,769 pairs are 3,830 training examples.",
        "3,830",
        "pairs in the training set",
        each(lambda case: case.run.config.n_train, ("main",)),
        "{:,.0f}",
        (3_830, 3_830),
        (3_700, 3_900),
        "task-split",
    ),
    Claim(
        "train-loss-500",
        "The training loss is near zero by step 500",
        SOURCE,
        "The experiment in plain English",
        "The training loss crashes to near zero within the first 500 steps or so.",
        "near zero",
        "the training loss at step 500",
        each(lambda case: case.run.at("train_loss", 500)),
        "{:.4f}",
        (0, 0.05),
        (0, 0.5),
        "grokking-curve",
    ),
    Claim(
        "stays-at-chance",
        "The test loss stays at the level of guessing",
        SOURCE,
        "The experiment in plain English",
        "For a long time the test loss stays close to 4.7, which is that of guessing.",
        "close to 4.7",
        "the highest test loss, in units of the loss of guessing",
        each(worst_test_loss),
        "{:.1f}",
        (0.8, 1.25),
        (0.5, 2),
        "grokking-curve",
        miss="The *accuracy* stays near that of guessing. The loss does not: the model is sure of its wrong answers.",
    ),
    Claim(
        "cliff",
        "The cliff comes between steps 10,000 and 20,000",
        SOURCE,
        "The experiment in plain English",
        "Somewhere around step 10,000 to 20,000 the test loss falls off a cliff.",
        "10,000 to 20,000",
        "the step at which 99% of the test set is answered",
        each(grokked),
        "{:,.0f}",
        (10_000, 20_000),
        (5_000, 40_000),
        "grokking-curve",
    ),
)
