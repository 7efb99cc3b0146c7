"""Arrays as text: quantised to a few bits a number, packed, and written into a script that a page can load anywhere.

A page that is read from a disk (``file://``) may load scripts and nothing else, so the data is a script: one call of
``moving.receive`` with an object in JSON, in which each array is base64.
"""

import base64
import hashlib
import json
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

BITS = (1, 2, 4, 8, 16)
"""How many bits a number may take."""


def quantise(values: ArrayLike, bits: int, low: float | None = None, high: float | None = None) -> dict[str, Any]:
    """An array whose numbers are rounded to 2^bits levels, evenly spaced from ``low`` to ``high``.

    A number in this range is off by half a level at most, (high − low) / (2^bits − 1) / 2; whole numbers 0 … 2^bits − 1
    between these very bounds are exact.

    Args:
        values: finite numbers, any shape.
        bits: 1, 2, 4, 8 or 16.
        low: the lowest level; by default the least value. Anything below becomes it.
        high: the highest level; by default the largest value. Anything above becomes it.

    Returns:
        What ``restore`` and the page's script read: bits, shape, low, high, and the levels in base64, the first number
        in the lowest bits of the first byte.

    Raises:
        ValueError: if there are no such bits, a number is not finite, or low is above high.
    """
    array = np.asarray(values, dtype=np.float64)
    if bits not in BITS:
        raise ValueError(f"a number takes {', '.join(map(str, BITS[:-1]))} or {BITS[-1]} bits, not {bits}")
    if not np.isfinite(array).all():
        raise ValueError("an array for a page must be finite: replace what is not, or leave it out")
    low = float(array.min(initial=np.inf) if low is None else low)
    high = float(array.max(initial=-np.inf) if high is None else high)
    if not array.size:
        low, high = 0.0, 0.0
    if low > high:
        raise ValueError(f"the lowest level, {low:g}, is above the highest, {high:g}")
    most = 2**bits - 1
    shares = np.clip((array - low) / (high - low), 0, 1) if high > low else np.zeros_like(array)
    levels = np.rint(shares * most).astype("<u2").ravel()
    return {"bits": bits, "shape": list(array.shape), "low": low, "high": high, "base64": _encoded(levels, bits)}


def half(values: ArrayLike) -> dict[str, Any]:
    """An array of numbers as IEEE float16, as recorded weights are stored: those are exact.

    Args:
        values: finite numbers below 65,520 in size, any shape.

    Returns:
        As ``quantise``, with ``"float16"`` for the bits, and no bounds.

    Raises:
        ValueError: if a number is not finite, or too large.
    """
    return _floats(values, "float16", "<f2", "65,520")


def single(values: ArrayLike) -> dict[str, Any]:
    """An array of numbers as IEEE float32, as models have them before and during training: those are exact.

    Args:
        values: finite numbers below 3.4e38 in size, any shape.

    Returns:
        As ``half``, with ``"float32"`` for the bits.

    Raises:
        ValueError: if a number is not finite, or too large.
    """
    return _floats(values, "float32", "<f4", "3.4e38")


def restore(packed: Mapping[str, Any]) -> np.ndarray:
    """The array, in float64, that ``quantise``, ``half`` or ``single`` packed, as the page's script restores it."""
    data, shape = base64.b64decode(packed["base64"]), tuple(packed["shape"])
    size, bits = int(np.prod(shape)), packed["bits"]
    if bits in ("float16", "float32"):
        return np.frombuffer(data, "<f2" if bits == "float16" else "<f4").astype(np.float64).reshape(shape)
    if bits == 16:
        levels = np.frombuffer(data, "<u2")
    else:
        separate = np.unpackbits(np.frombuffer(data, np.uint8), bitorder="little").reshape(-1, bits)
        levels = separate[:size] @ (1 << np.arange(bits))
    return (packed["low"] + levels * (packed["high"] - packed["low"]) / (2**bits - 1)).reshape(shape)


def script(name: str, arrays: Mapping[str, Mapping[str, Any]], facts: Mapping[str, Any]) -> str:
    """A script that gives a page the data of one picture.

    Args:
        name: the picture's, as its script registers it.
        arrays: name → what ``quantise``, ``half`` or ``single`` returned.
        facts: numbers and texts in JSON's types, such as the modulus, and ``run``, which identifies the run.

    Returns:
        One line of JavaScript.
    """
    content = {"name": name, "facts": dict(facts), "arrays": {key: dict(value) for key, value in arrays.items()}}
    return f"moving.receive({json.dumps(content, ensure_ascii=False, separators=(',', ':'), allow_nan=False)});\n"


def identify(*arrays: ArrayLike) -> str:
    """Twelve hexadecimal digits that differ where arrays do: of a run's weights they say which run it is."""
    digest = hashlib.sha256()
    for array in arrays:
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()[:12]


def _floats(values: ArrayLike, bits: str, dtype: str, bound: str) -> dict[str, Any]:
    array = np.asarray(values)
    with np.errstate(over="ignore"):
        rounded = array.astype(dtype)
    if not np.isfinite(rounded).all():
        raise ValueError(f"an array for a page must be finite, and of numbers below {bound} for {bits}")
    return {"bits": bits, "shape": list(array.shape), "base64": _text(rounded.tobytes())}


def _encoded(levels: np.ndarray, bits: int) -> str:
    if bits == 16:
        return _text(levels.tobytes())
    separate = (levels[:, None] >> np.arange(bits)) & 1
    return _text(np.packbits(separate.astype(np.uint8), bitorder="little").tobytes())


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")
