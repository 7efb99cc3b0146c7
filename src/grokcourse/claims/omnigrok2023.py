"""The claims of Liu, Michaud and Tegmark 2023, "Omnigrok", on the norm of the weights."""

from .claim import Claim
from .measured import each
from .measured_elsewhere import decay_times_wait, norm_when_grokked

SOURCE = "liu2022omnigrok"
"""A key of ``claim.SOURCES``."""

CLAIMS = (
    Claim(
        "smaller-norm",
        "What generalises has smaller weights",
        SOURCE,
        "in the text",
        "Training first finds weights that fit the training set at a large norm; those that generalise lie at a "
        "smaller one, to which weight decay brings them.",
        "",
        "the norm of all weights when the test set is answered, as a share of that when the training set is",
        each(norm_when_grokked),
        "{:.2f}",
        (0, 1),
        (0, 1),
        "weight-decay",
        "That both happen together does not say that one is the cause of the other.",
    ),
    Claim(
        "inverse-decay",
        "The wait is inversely proportional to the weight decay",
        SOURCE,
        "in the text",
        "The norm shrinks exponentially, at a rate proportional to the weight decay; so the time until the model "
        "generalises goes as one over it.",
        "",
        "the step of grokking times the weight decay, as a multiple of that with weight decay 1",
        decay_times_wait,
        "{:.2f}",
        (0.5, 2),
        (0.25, 4),
        "weight-decay",
        "One seed only. More settings, and the power that fits them best, are in chapter 11.",
        unit="run",
    ),
)
