"""The data of the picture ``crowd``: the phases of neurons whose votes are added up, random ones and a run's."""

import numpy as np
from numpy.typing import ArrayLike

from .packing import quantise, script


def crowd(*, p: int, frequency: int, random: ArrayLike, cluster: ArrayLike) -> str:
    """What the page needs to let neurons vote; their activations it computes itself.

    Args:
        p: the modulus.
        frequency: that of the cluster, and of the waves that all neurons get.
        random: (n,) phases in radians, in the order in which neurons join.
        cluster: (m,) phases in radians of a run's neurons, likewise.

    Returns:
        A script (``packing.script``). A phase is off by a 20,000th of a radian at most.

    Raises:
        ValueError: if there are no phases, or the frequency is not one of 1 … (p − 1) // 2.
    """
    if not 1 <= frequency <= (p - 1) // 2:
        raise ValueError(f"modulo {p} there are the frequencies 1 … {(p - 1) // 2}, not {frequency}")
    arrays = {}
    for name, phases in (("random", random), ("cluster", cluster)):
        angles = np.asarray(phases, dtype=float) % (2 * np.pi)
        if angles.ndim != 1 or not angles.size:
            raise ValueError(f"the phases of {name} must be a list of at least one, not of shape {angles.shape}")
        arrays[name] = quantise(angles, 16, 0, 2 * np.pi)
    return script("crowd", arrays, {"p": p, "frequency": int(frequency)})
