"""A claim, how it is checked, and the verdict that follows from its measure."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from .case import Measure, Values

Mark = Literal["holds", "nearly", "fails", "open"]
"""What one value says of a claim. *Nearly*: the direction is right, the size is not. *Open*: the run cannot tell."""
Verdict = Literal["holds", "holds in some", "holds nearly", "does not hold", "open"]
"""What all values together say."""
Range = tuple[float, float]

ANY = math.inf
"""No bound."""
SOURCES = {
    "power2022grokking": "Power et al. 2022",
    "liu2022understanding": "Liu et al. 2022",
    "liu2022omnigrok": "Liu, Michaud and Tegmark 2023",
    "nanda2023progress": "Nanda et al. 2023",
    "chughtai2023toy": "Chughtai et al. 2023",
    "stander2024grokking": "Stander et al. 2024",
    "": "the project page",
}
"""Whose claims these are: a key of ``book/references.bib``, or none for the page that the course grew from."""
LETTERS = {
    "power2022grokking": "P",
    "liu2022understanding": "L",
    "liu2022omnigrok": "O",
    "nanda2023progress": "N",
    "chughtai2023toy": "C",
    "stander2024grokking": "S",
    "": "W",
}
"""What the numbers of a source's claims begin with."""
CHAPTERS = {
    "task": 1,
    "transformer": 2,
    "weight": 3,
    "grokking": 4,
    "fourier": 5,
    "circuit": 6,
    "measures": 7,
    "other": 8,
}
"""The chapter that a label belongs to, by its first word."""


@dataclass(frozen=True)
class Claim:
    """One claim of others, and how it is checked."""

    name: str
    title: str
    source: str
    """A key of ``SOURCES``."""
    place: str
    """Where the source says it."""
    text: str
    """What it says, in our words (Markdown)."""
    theirs: str
    """Its figure (Markdown); may be empty."""
    measured: str
    """What our values are (Markdown)."""
    measure: Measure
    """Our values."""
    show: str
    """How a value is written, as for ``str.format``."""
    holds: Range
    nearly: Range
    seen: str
    """The label of the place in the course that shows it."""
    remark: str = ""
    """What one should know beside the verdict (Markdown)."""
    miss: str = ""
    """What to make of it if the claim does not hold in every run (Markdown)."""
    unit: str = "seed"
    """What there is a value for each of, in the singular."""
    second_hand: bool = False
    """Whether we know the claim from others only, and could not look it up in its source."""

    @property
    def measured_by(self) -> Callable[..., Any]:
        """The function that does the work, of one of the modules ``measured`` and ``measured_elsewhere``."""
        function: Callable[..., Any] = getattr(self.measure, "function", self.measure)
        return function


@dataclass(frozen=True)
class Checked:
    """A claim, our values and the verdict."""

    claim: Claim
    values: Values

    @property
    def marks(self) -> dict[str, Mark]:
        """What each value says."""
        return {name: mark(value, self.claim.holds, self.claim.nearly) for name, value in self.values.items()}

    @property
    def verdict(self) -> Verdict:
        """What they say together."""
        return verdict(list(self.marks.values()))


def mark(value: float | None, holds: Range, nearly: Range) -> Mark:
    """What one value says of a claim.

    Args:
        value: None if the run cannot tell; NaN (what was looked for never happened) is within no bounds.
        holds: lowest and highest value with which the claim holds.
        nearly: lowest and highest value with which at least its direction is right.
    """
    if value is None:
        return "open"
    if holds[0] <= value <= holds[1]:
        return "holds"
    return "nearly" if nearly[0] <= value <= nearly[1] else "fails"


def verdict(marks: list[Mark]) -> Verdict:
    """What several values say together; none of them counts for more than another."""
    if all(mark == "holds" for mark in marks):
        return "holds"
    if "holds" in marks:
        return "holds in some"
    if "nearly" in marks:
        return "holds nearly"
    return "does not hold" if "fails" in marks else "open"
