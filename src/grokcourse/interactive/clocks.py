"""The data of the picture ``clocks``, which computes everything else itself: the modulus and the run's frequencies."""

from collections.abc import Sequence

from .packing import script


def clocks(*, p: int, key: Sequence[int]) -> str:
    """What the page needs to know of a run.

    Args:
        p: the modulus.
        key: the key frequencies, the strongest first: the first of them is ticked when the picture opens.

    Returns:
        A script (``packing.script``).

    Raises:
        ValueError: if a frequency is not one of 1 … (p − 1) // 2.
    """
    if wrong := [k for k in key if not 1 <= k <= (p - 1) // 2]:
        raise ValueError(f"modulo {p} there are the frequencies 1 … {(p - 1) // 2}, not {wrong[0]}")
    return script("clocks", {}, {"p": p, "key": [int(k) for k in key]})
