"""The data of the picture ``attention``: what the heads of a model do at "=", step by step, for any question."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import ArrayLike

from .packing import identify, quantise, script

WEIGHTS = ("W_E", "W_pos", "attn.W_Q", "attn.W_K", "attn.W_V", "attn.W_O")
"""The weights that attention depends on, as the package names them."""


def attention(step: int, parameters: Mapping[str, ArrayLike], symbol: str = "+") -> str:
    """Tables from which the page computes attention at "=".

    A key is linear in the residual stream, and there the number's row and its position's are added: so the key of a
    number at a position is the sum of two rows, and so is its value.

    Args:
        step: of the checkpoint.
        parameters: name → array, for every name in ``WEIGHTS``: a model's ``state_dict``. The last row of W_E is "=",
            and there are three positions.
        symbol: of the operation.

    Returns:
        A script (``packing.script``) with, for each head, the query of "=", the keys and values of the p numbers, those
        of the positions of a and b, those of "=" at its own, and W_O; and where the residual stream begins at "=". Each
        number is off by a 130,000th of its table's range at most.

    Raises:
        ValueError: if a name is missing, or there are not three positions.
    """
    if missing := [name for name in WEIGHTS if name not in parameters]:
        raise ValueError(f"the weights lack {', '.join(missing)}")
    W_E, W_pos, W_Q, W_K, W_V, W_O = (np.asarray(parameters[name], dtype=float) for name in WEIGHTS)
    if len(W_pos) != 3:
        raise ValueError(f"a question has three positions, not {len(W_pos)}")
    start = W_E[-1] + W_pos[2]
    places = np.stack([W_pos[0], W_pos[1], start])
    arrays = {
        "start": start,  # (d_model,)
        "query": start @ W_Q,  # (head, d_head)
        "keys": W_E[:-1] @ W_K,  # (head, p, d_head)
        "place_keys": places @ W_K,  # (head, 3, d_head)
        "values": W_E[:-1] @ W_V,
        "place_values": places @ W_V,
        "W_O": W_O,  # (head, d_head, d_model)
    }
    n_heads, d_head, d_model = W_O.shape
    facts = {
        "p": len(W_E) - 1,
        "symbol": symbol,
        "step": int(step),
        "n_heads": n_heads,
        "d_head": d_head,
        "d_model": d_model,
        "run": identify(W_E, W_pos, W_Q, W_K, W_V, W_O),
    }
    return script("attention", {name: quantise(array, 16) for name, array in arrays.items()}, facts)
