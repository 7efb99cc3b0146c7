"""The data of the picture ``circles``: where the numbers lie on the circle of each frequency, along a run."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from .packing import identify, quantise, script


def circles(*, steps: Sequence[int], points: ArrayLike, shares: ArrayLike, key: Sequence[int]) -> str:
    """The circles' data for the page.

    Args:
        steps: n checkpoints, rising.
        points: (n, K, p, 2): the coordinates of number 0 … p − 1 along the cosine's and the sine's direction, for the
            frequencies 1 … K (``fourier.circle``).
        shares: (n, K): the share of each frequency in the energy of all frequencies but 0, from 0 to 1.
        key: the key frequencies.

    Returns:
        A script (``packing.script``). A coordinate is off by 0.4 % of the largest one of its circle at most, a share
        by a 130,000th.

    Raises:
        ValueError: if the points are not (n, K, p, 2), with an n for each step, or the shares not (n, K) from 0 to 1.
    """
    points = np.asarray(points, dtype=float)
    if points.ndim != 4 or points.shape[0] != len(steps) or points.shape[3] != 2:
        raise ValueError(f"{len(steps)} steps need points of shape ({len(steps)}, K, p, 2), not {points.shape}")
    shares = np.asarray(shares, dtype=float)
    if shares.shape != points.shape[:2] or not ((shares >= 0) & (shares <= 1)).all():
        raise ValueError(f"the shares must be from 0 to 1, of shape {points.shape[:2]}, not {shares.shape}")
    size = np.abs(points).max(axis=(2, 3))
    unit = points / np.where(size > 0, size, 1)[:, :, None, None]
    arrays = {"points": quantise(unit, 8, -1, 1), "size": quantise(size, 16, 0), "shares": quantise(shares, 16, 0, 1)}
    facts = {
        "p": points.shape[2],
        "frequencies": points.shape[1],
        "steps": [int(step) for step in steps],
        "key": [int(k) for k in key],
        "run": identify(points),
    }
    return script("circles", arrays, facts)
