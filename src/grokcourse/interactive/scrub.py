"""The data of the picture ``scrub``: a run that one moves through, as addition table, losses and spectrum."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import ArrayLike

from .packing import identify, quantise, script

SURE = (0.5, 0.9)
"""From which probabilities on a right answer is drawn as rather sure, and as sure."""


def scrub(
    *,
    checkpoints: Sequence[int],
    right: ArrayLike,
    is_best: ArrayLike,
    in_training: ArrayLike,
    history: Mapping[str, ArrayLike],
    spectrum: ArrayLike,
    key: Sequence[int],
    symbol: str = "+",
) -> str:
    """A run's data for the page.

    Args:
        checkpoints: n steps, rising.
        right: (n, p, p), at each checkpoint the probability of the right answer to each question ``a b =``.
        is_best: (n, p, p), whether the right answer is the most probable.
        in_training: (p, p), whether the question is in the training set.
        history: ``step``, ``train_loss``, ``test_loss``, ``train_accuracy`` and ``test_accuracy``, each of the same
            length m; losses in nats.
        spectrum: (m, K), the embedding's energy at each frequency 1 … K.
        key: the key frequencies.
        symbol: of the operation.

    Returns:
        A script (``packing.script``). Probabilities become three levels (``SURE``), accuracies are off by 0.001 % at
        most, the spectrum by 0.4 % of its largest value (its root is kept), and losses by 0.05 % (the logarithm is).

    Raises:
        ValueError: if shapes do not fit together.
    """
    right, is_best = np.asarray(right, dtype=float), np.asarray(is_best, dtype=bool)
    in_training, spectrum = np.asarray(in_training, dtype=bool), np.asarray(spectrum, dtype=float)
    p, n = in_training.shape[0], len(checkpoints)
    if right.shape != (n, p, p) or is_best.shape != right.shape or in_training.shape != (p, p):
        raise ValueError(f"{n} checkpoints need tables of shape ({n}, p, p), and the training set one of (p, p)")
    named = ("train_loss", "test_loss", "train_accuracy", "test_accuracy")
    curves = {name: np.asarray(history[name], dtype=float) for name in named}
    steps = np.asarray(history["step"])
    if any(curve.shape != steps.shape for curve in curves.values()) or len(spectrum) != len(steps):
        raise ValueError("the history's curves and spectra must have one value for each of its steps")
    levels = np.where(is_best, 1 + np.digitize(right, SURE), 0)
    arrays = {
        "levels": quantise(levels, 2, 0, 3),
        "training": quantise(in_training, 1, 0, 1),
        "spectrum": quantise(np.sqrt(spectrum), 8, 0),
    }
    for name, curve in curves.items():
        is_loss = name.endswith("loss")
        arrays[name] = quantise(np.log10(np.maximum(curve, 1e-12)) if is_loss else curve, 16)
    facts = {
        "p": p,
        "symbol": symbol,
        "checkpoints": [int(step) for step in checkpoints],
        "steps": [int(step) for step in steps],
        "key": [int(k) for k in key],
        "run": identify(right, steps),
    }
    return script("scrub", arrays, facts)
