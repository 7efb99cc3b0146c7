"""The claims of Stander et al. 2024 on how networks learn permutations: by cosets of subgroups."""

from .claim import Claim
from .measured import each
from .measured_elsewhere import absolute_value, conjugate_subgroups, explained_by_cosets, neurons_of_the_same

SOURCE = "stander2024grokking"
"""A key of ``claim.SOURCES``."""

CLAIMS = (
    Claim(
        "neurons-cosets",
        "The neurons tell cosets apart",
        SOURCE,
        "abstract",
        "The models discover the true subgroup structure of the group, and converge on circuits that decompose its "
        "arithmetic with it: what a neuron takes in from a is constant on the cosets of a subgroup.",
        "",
        "the share of the variance that the cosets of the best subgroup explain, in the middle of the neurons",
        each(explained_by_cosets, ("compose",)),
        "{:.0%}",
        (0.9, 1),
        (0.5, 1),
        "other-two-sides",
        "Subgroups of twelve elements at least are tried, with the cosets of both sides. The best of so many explains "
        "something of any function; chapter 8 has how much, for a shuffled group.",
        "Most of it is in cosets, but not all, in a model that has been trained for a hundred steps after it grokked.",
        unit="run",
    ),
    Claim(
        "conjugate-subgroups",
        "A neuron has one kind of subgroup for a and for b",
        SOURCE,
        "abstract of the first version",
        "The circuits decompose the multiplication into that of conjugate subgroups.",
        "",
        "the share of neurons whose best subgroup for b is, but for conjugation, their best for a",
        each(conjugate_subgroups, ("compose",)),
        "{:.0%}",
        (0.9, 1),
        (0.5, 1),
        "other-two-sides",
        "Most neurons have the rearrangements that keep three things among themselves, and the other two; the "
        "others have the even ones. With so few kinds, many pairs would agree by chance.",
        unit="run",
    ),
    Claim(
        "same-representation",
        "A neuron has one representation for a and for b",
        SOURCE,
        "in the text",
        "By the group's Fourier transform, what a neuron takes in from a and what it takes in from b lie in the same "
        "irreducible representation.",
        "",
        "the share of neurons in which the strongest representation of a is that of b",
        each(neurons_of_the_same, ("compose",)),
        "{:.0%}",
        (0.9, 1),
        (0.5, 1),
        "other-two-sides",
        "We cite this from memory.",
        unit="run",
        second_hand=True,
    ),
    Claim(
        "absolute-value",
        "The absolute value can take the ReLU's place",
        SOURCE,
        "their causal interventions",
        "With |x| in place of the neurons' ReLU the trained model still answers, with a lower loss.",
        "",
        "the test loss with it, as a multiple of the model's",
        each(absolute_value, ("compose",)),
        "{:.3f}",
        (0, 1),
        (0, 10),
        "other-two-sides",
        "We cite this from memory. It is no matter of course: in our model of addition the same change makes the loss "
        "far larger.",
        unit="run",
        second_hand=True,
    ),
)
