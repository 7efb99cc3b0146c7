"""The data of the picture ``heads``: how strongly each question is answered, with and without what mends the pizza."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from .packing import identify, quantise, script


def heads(
    *,
    cases: Sequence[Mapping[str, Any]],
    points: ArrayLike,
    strength: ArrayLike,
    scores: ArrayLike,
    places: ArrayLike,
    shares: ArrayLike,
) -> str:
    """Frequencies of runs for the page, which shows a question on the circle and in the curve of all questions.

    The second dimension of the tables of attention, and the third of ``strength``, say whether the double is in the
    embedding (0) or removed (1).

    Args:
        cases: n of them, with ``name``, what a reader calls it, ``k``, the frequency, and ``double``, twice of it.
        points: (n, p, 2): the numbers on the circle of frequency k (``fourier.circle``).
        strength: (n, 2, 2, p, p): the coefficient of cos ω_k(a + b − c) in the logits of each question, with the
            attention as learnt (0) or frozen (1).
        scores: (n, 2, head, p): how strongly ``=`` attends to each number (``EffectiveWeights.W_attn``).
        places: (n, 2, head, 3): what the places add to the scores (``attn_place``).
        shares: (n, 2, head, 3): the attention to a, b and ``=`` on average over all questions, as it is frozen.

    Returns:
        A script (``packing.script``). A strength is off by half a 255th of the range of all strengths at most, anything
        else by a 130,000th of its table's range.

    Raises:
        ValueError: if the shapes do not fit together.
    """
    arrays = {
        "points": np.asarray(points, dtype=float),
        "strength": np.asarray(strength, dtype=float),
        "scores": np.asarray(scores, dtype=float),
        "places": np.asarray(places, dtype=float),
        "shares": np.asarray(shares, dtype=float),
    }
    n, p, n_heads = len(cases), arrays["strength"].shape[-1], arrays["scores"].shape[-2]
    shapes = {
        "points": (n, p, 2),
        "strength": (n, 2, 2, p, p),
        "scores": (n, 2, n_heads, p),
        "places": (n, 2, n_heads, 3),
        "shares": (n, 2, n_heads, 3),
    }
    for name, shape in shapes.items():
        if arrays[name].shape != shape:
            raise ValueError(f"{n} cases need {name} of shape {shape}, not {arrays[name].shape}")
    facts = {
        "p": p,
        "heads": n_heads,
        "cases": [{"name": str(case["name"]), "k": int(case["k"]), "double": int(case["double"])} for case in cases],
        "run": identify(*arrays.values()),
    }
    packed = {name: quantise(array, 8 if name == "strength" else 16) for name, array in arrays.items()}
    return script("heads", packed, facts)
