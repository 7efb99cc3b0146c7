"""The data of the picture ``ask``: a run's real weights at a few steps, to be asked questions in the page."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import ArrayLike

from .packing import half, identify, quantise, script
from .wide import encode, widen

WEIGHTS = (
    "W_E",
    "W_pos",
    "attn.W_Q",
    "attn.W_K",
    "attn.W_V",
    "attn.W_O",
    "mlp.W_in",
    "mlp.b_in",
    "mlp.W_out",
    "mlp.b_out",
    "W_U",
)
"""What a model is made of, as the package names it."""


def ask(*, steps: Sequence[int], in_training: ArrayLike, answers: ArrayLike, symbol: str = "+") -> str:
    """What the page needs before the first question; the weights come step by step (``weights``).

    Args:
        steps: those that can be chosen, rising; ``weights`` of each must be beside this file, as ``ask-STEP.js``.
        in_training: (p, p), whether the question is in the training set.
        answers: (p, p), the right answers 0 … p − 1.
        symbol: of the operation.

    Returns:
        A script (``packing.script``); nothing in it is rounded.

    Raises:
        ValueError: if the two tables are not of one square shape.
    """
    in_training, answers = np.asarray(in_training, dtype=bool), np.asarray(answers)
    p = len(answers)
    if answers.shape != (p, p) or in_training.shape != (p, p):
        raise ValueError(f"the two tables must be (p, p), not {answers.shape} and {in_training.shape}")
    arrays = {"training": quantise(in_training, 1, 0, 1), "answers": quantise(answers, 16, 0, 2**16 - 1)}
    return script("ask", arrays, {"p": p, "symbol": symbol, "steps": [int(step) for step in steps]})


def weights(step: int, parameters: Mapping[str, ArrayLike]) -> bytes:
    """A model's weights for the page, as float16: those of a recorded checkpoint are exact.

    Args:
        step: of the checkpoint.
        parameters: name → array, for every name in ``WEIGHTS``: a model's ``state_dict``.

    Returns:
        A script (``packing.script``) in UTF-16 for the file ``ask-STEP.js``: two bytes for each weight.

    Raises:
        ValueError: if a name is missing, or a weight is not finite.
    """
    if missing := [name for name in WEIGHTS if name not in parameters]:
        raise ValueError(f"the weights lack {', '.join(missing)}")
    arrays = {name: np.asarray(parameters[name]) for name in WEIGHTS}
    n_heads, d_model, d_head = arrays["attn.W_Q"].shape
    facts = {
        "step": int(step),
        "d_model": d_model,
        "n_heads": n_heads,
        "d_head": d_head,
        "d_mlp": len(arrays["mlp.b_in"]),
        "vocabulary": arrays["W_U"].shape[1],
        "run": identify(*arrays.values()),
    }
    return encode(script(f"ask-{step}", {name: widen(half(array)) for name, array in arrays.items()}, facts))
