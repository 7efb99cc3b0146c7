"""The claims of Chughtai, Chan and Nanda 2023 on how networks learn groups: by their representations."""

from .case import GROUPS
from .claim import ANY, Claim
from .measured import each
from .measured_elsewhere import (
    characters_alone,
    embedding_in_key,
    exit_in_key,
    logits_of_characters,
    neurons_of_one,
    without_characters,
)

SOURCE = "chughtai2023toy"
"""A key of ``claim.SOURCES``."""

CLAIMS = (
    Claim(
        "logits-characters",
        "The logits are characters of a · b · c⁻¹",
        SOURCE,
        "in the text",
        "Networks that learn a group score each answer c by characters of a · b · c⁻¹, of a few irreducible "
        "representations.",
        "",
        "the share of the logits' variance that those characters explain which have at least a tenth of the weight of "
        "the heaviest",
        each(logits_of_characters, GROUPS),
        "{:.1%}",
        (0.9, 1),
        (0.75, 1),
        "other-two-sides",
        "For the residues the representations are the frequencies, and the characters their cosines: with addition "
        "this is [the claim of Nanda et al.](claim-cosines)",
        "Where the order of the two matters, much of what our model's logits do is something else. It is not "
        "needed, as the next claim but one says.",
        unit="group",
    ),
    Claim(
        "characters-suffice",
        "The characters are enough",
        SOURCE,
        "abstract",
        "Ablations confirm it: with everything but the characters of the key representations taken out of the logits, "
        "the network still answers.",
        "",
        "the test loss of the key characters alone, as a multiple of that of all logits",
        each(characters_alone, GROUPS),
        "{:.3f}",
        (0, 2),
        (0, 100),
        "other-two-sides",
        "It even does better without the rest.",
        unit="group",
    ),
    Claim(
        "characters-needed",
        "Without the characters nothing works",
        SOURCE,
        "abstract",
        "With the characters of the key representations taken out, the network does not answer any more.",
        "",
        "the test loss of what is left, in units of that of guessing",
        each(without_characters, GROUPS),
        "{:.2f}",
        (1, ANY),
        (0.5, ANY),
        "other-two-sides",
        unit="group",
    ),
    Claim(
        "few-representations",
        "The embedding is made of the key representations",
        SOURCE,
        "in the text",
        "Embeddings have little outside the representations that the logits use.",
        "",
        "the share of the embedding's energy in the key representations, the constant left out",
        each(embedding_in_key, GROUPS),
        "{:.1%}",
        (0.9, 1),
        (0.75, 1),
        "other-s5",
        unit="group",
        miss="Our runs on other tasks stop a hundred steps after they have grokked, before the clean-up is over.",
    ),
    Claim(
        "exit-representations",
        "The unembedding is made of the same representations",
        SOURCE,
        "in the text",
        "Unembeddings have little outside the same representations.",
        "",
        "the share of the unembedding's energy in the key representations, the constant left out",
        each(exit_in_key, GROUPS),
        "{:.1%}",
        (0.9, 1),
        (0.75, 1),
        "other-s5",
        unit="group",
        miss="As for the embedding.",
    ),
    Claim(
        "neurons-representation",
        "Each neuron belongs to one representation",
        SOURCE,
        "in the text",
        "The neurons fall into clusters, one for each key representation.",
        "",
        "the share of neurons in which one representation explains more than 85% of what comes from a, and as much of "
        "what comes from b",
        each(neurons_of_one, GROUPS),
        "{:.1%}",
        (0.9, 1),
        (0.5, 1),
        "other-two-sides",
        unit="group",
    ),
)
