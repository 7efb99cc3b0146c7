"""What a page's cells leave for the build: numbers for its prose, by name, and files to download."""

from pathlib import Path
from typing import Any

from myst_nb import glue


def numbers(prefix: str = "", /, **values: Any) -> None:
    """Keep values for ``{glue:text}`` in the prose, and show nothing.

    Args:
        prefix: what their keys begin with: ``numbers("c", n_key=5)`` keeps 5 as ``c-n-key``.
        values: by name, with ``_`` for the ``-`` of the key: numbers, or text.
    """
    for name, value in values.items():
        glue("-".join(filter(None, [prefix, name.replace("_", "-")])), value, display=False)


DOWNLOAD = "download:"
"""What the key of a file begins with; its name follows."""


def download(name: str, content: str | bytes) -> None:
    """Have the build write a file beside the page (see ``downloads``), and show nothing.

    Args:
        name: the file's, without a folder.
        content: what is in it; text becomes UTF-8.

    Raises:
        ValueError: if the name has a folder in it, or could be that of a page.
    """
    if not name or Path(name).name != name or name.startswith(".") or name.endswith(".html"):
        raise ValueError(f"{name!r} cannot be a download: give a file's name without a folder, not ending in .html")
    glue(DOWNLOAD + name, content, display=False)


def scientific(value: float, digits: int = 2) -> str:
    """A number as prose writes it: 1.2·10⁻⁷, and 0.034 or 150 where no power of ten is needed.

    Args:
        value: any finite number.
        digits: how many count.
    """
    if value == 0 or 0.001 <= abs(value) < 10_000:
        return f"{value:.{digits}g}".replace("-", "−") if abs(value) < 10**digits else f"{value:.0f}"
    mantissa, exponent = f"{value:.{digits - 1}e}".split("e")
    raised = str(int(exponent)).translate(str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"))
    return f"{mantissa}·10{raised}".replace("-", "−")


def in_words(count: int) -> str:
    """A number as prose writes it within a sentence: in words up to twelve, in digits above."""
    words = ["none", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"]
    return words[count] if 0 <= count < len(words) else f"{count:,}"


def part_of(count: int, total: int) -> str:
    """How many of some things, as prose says it: "none of the five", "one of the five", "all five".

    Args:
        count: from 0 to ``total``.
        total: at least 2.

    Raises:
        ValueError: if there are fewer than two things, or fewer than are counted.
    """
    if total < 2 or not 0 <= count <= total:
        raise ValueError(f"{count} of {total} cannot be said so")
    return f"all {in_words(total)}" if count == total else f"{in_words(count)} of the {in_words(total)}"


def apart(steps: int, what: str = "the test loss") -> str:
    """How many steps before an event something is, as prose says it: "3,000 steps before the test loss".

    Args:
        steps: positive for before, negative for after.
        what: the event.
    """
    if not steps:
        return f"at the same checkpoint as {what}"
    return f"{abs(steps):,} step{'s' * (abs(steps) != 1)} {'before' if steps > 0 else 'after'} {what}"
