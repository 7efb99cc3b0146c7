"""The data of the picture ``voices``: what the circuit and all the rest say to a few questions along a run."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from .packing import identify, quantise, script


def voices(
    *,
    steps: Sequence[int],
    questions: Sequence[tuple[int, int]],
    answers: Sequence[int],
    circuit: ArrayLike,
    rest: ArrayLike,
    symbol: str = "+",
) -> str:
    """Two parts of the logits for the page, which adds them.

    Args:
        steps: n checkpoints, rising.
        questions: q pairs (a, b).
        answers: the right answer to each.
        circuit: (n, q, p), the key waves in the logits.
        rest: (n, q, p), all the rest of the logits. Of both only differences between candidates matter, so each
            question's mean is taken out.
        symbol: of the operation.

    Returns:
        A script (``packing.script``). A logit is off by a 65,000th of the largest one of its table at most.

    Raises:
        ValueError: if the shapes do not fit together.
    """
    tables = {"circuit": np.asarray(circuit, dtype=float), "rest": np.asarray(rest, dtype=float)}
    n, q = len(steps), len(questions)
    for name, table in tables.items():
        if table.ndim != 3 or table.shape[:2] != (n, q) or table.shape != tables["rest"].shape or len(answers) != q:
            raise ValueError(
                f"{n} steps and {q} questions need tables of shape ({n}, {q}, p), not {table.shape} ({name})"
            )
    centred = {name: table - table.mean(axis=2, keepdims=True) for name, table in tables.items()}
    facts = {
        "p": tables["rest"].shape[2],
        "symbol": symbol,
        "steps": [int(step) for step in steps],
        "questions": [[int(a), int(b)] for a, b in questions],
        "answers": [int(answer) for answer in answers],
        "run": identify(*tables.values()),
    }
    return script("voices", {name: quantise(table, 16) for name, table in centred.items()}, facts)
