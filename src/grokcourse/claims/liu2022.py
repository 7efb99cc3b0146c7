"""The claims of Liu et al. 2022, "Towards Understanding Grokking", on embeddings."""

from .claim import Claim
from .measured import each
from .measured_elsewhere import structure_against_understanding, structure_when_memorised

SOURCE = "liu2022understanding"
"""A key of ``claim.SOURCES``."""

CLAIMS = (
    Claim(
        "structure-understanding",
        "Structure in the embedding comes with understanding",
        SOURCE,
        "figure 1",
        "In a transformer that learns modular addition, generalisation coincides with the emergence of structure in "
        "the embedding.",
        "seen in a picture of two principal components",
        "the step at which half of the embedding's structure is there, as a multiple of that at which half of the test "
        "set is answered",
        each(structure_against_understanding),
        "{:.2f}",
        (0.5, 2),
        (0.25, 4),
        "fourier-spectrum",
        "Structure is taken here as the share of the embedding's energy in the frequencies that are key at the end.",
    ),
    Claim(
        "structure-memorised",
        "A model that has only memorised has no such structure",
        SOURCE,
        "figure 1",
        "When the training set is learnt by heart, the embedding shows no structure yet.",
        "seen in a picture of two principal components",
        "how much of what the structure gains over the run is there when 99% of the training set is answered",
        each(structure_when_memorised),
        "{:.1%}",
        (0, 0.1),
        (0, 0.5),
        "fourier-spectrum",
    ),
)
