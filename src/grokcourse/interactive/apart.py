"""The data of the picture ``apart``: functions on the numbers to begin with, before a reader draws one."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import ArrayLike

from .packing import quantise, script


def apart(functions: Mapping[str, ArrayLike]) -> str:
    """Functions for the page, which takes them apart itself.

    Args:
        functions: what a reader calls it → (p,) values, for each at least one that is not 0. Each is scaled so that its
            largest size is 1.

    Returns:
        A script (``packing.script``). A value is off by a 65,000th at most. ``energy`` has, for each function, the
        energies of the frequencies 0 … p // 2, by numpy's FFT, to compare with, off by a 130,000th of the largest.

    Raises:
        ValueError: if there is none, they are not of one length, or one is 0 everywhere.
    """
    lists = [np.asarray(values, dtype=float) for values in functions.values()]
    if not lists or any(values.ndim != 1 or len(values) != len(lists[0]) for values in lists):
        raise ValueError(f"functions must be lists of one length, not {[values.shape for values in lists]}")
    table = np.stack(lists)
    size = np.abs(table).max(axis=1, keepdims=True)
    if not size.all():
        raise ValueError(f"{list(functions)[int(size.argmin())]} is 0 everywhere: there is nothing to take apart")
    table = table / size
    p = table.shape[1]
    energy = np.abs(np.fft.rfft(table)) ** 2 / p
    energy[:, 1 : (p + 1) // 2] *= 2  # these stand for frequency −k too
    arrays = {"values": quantise(table, 16, -1, 1), "energy": quantise(energy, 16, 0)}
    return script("apart", arrays, {"p": p, "names": list(functions)})
