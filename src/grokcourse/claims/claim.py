"""A claim, the verdict that follows from its measure, and both as the page writes them."""

import math
import re
from dataclasses import dataclass
from typing import Literal

from .case import Measure, Values

Verdict = Literal["holds", "holds partly", "does not hold"]
Range = tuple[float, float]

ANY = math.inf
"""No bound."""
SOURCES = {
    "power2022grokking": "Power et al. 2022",
    "nanda2023progress": "Nanda et al. 2023",
    "": "the project page",
}
"""Whose claims these are: a key of ``book/references.bib``, or none for the page that the course grew from."""
CHAPTERS = {"task": 1, "transformer": 2, "weight": 3, "grokking": 4, "fourier": 5, "circuit": 6, "measures": 7}
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
    """What to make of it if the claim does not hold, or holds partly (Markdown)."""


@dataclass(frozen=True)
class Checked:
    """A claim, our values and the verdict."""

    claim: Claim
    values: Values

    @property
    def verdict(self) -> Verdict:
        """As the head of this module says."""
        return verdict(list(self.values.values()), self.claim.holds, self.claim.nearly)


def verdict(values: list[float], holds: Range, nearly: Range) -> Verdict:
    """Whether values bear a claim out; the first is the one that counts most.

    Args:
        values: at least one; NaN is within no bounds.
        holds: lowest and highest value of a claim that holds.
        nearly: lowest and highest value of a claim that at least holds partly.
    """
    if all(holds[0] <= value <= holds[1] for value in values):
        return "holds"
    return "holds partly" if nearly[0] <= values[0] <= nearly[1] else "does not hold"


def written(claim: Claim, value: float) -> str:
    """A value as the page writes it: ``79.9%``, ``6,400``, ``5.8 · 10⁻⁸``."""
    text = claim.show.format(value)
    if abs(value) >= 1e5 and "," not in claim.show:
        text = f"{value:.1e}"
    found = re.fullmatch(r"(-?[\d.]+)e([+-]\d+)", text)
    if found:
        power = str(int(found[2])).translate(str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"))
        text = f"{found[1]} · 10{power}"
    return unbroken(text)


def unbroken(text: str) -> str:
    """A text in which no line ends within a product with a power of ten."""
    return re.sub(r" (?=· 10)|(?<=\d ·) (?=10)", "\N{NO-BREAK SPACE}", text)


def bound_written(claim: Claim, bound: float) -> str:
    """A bound likewise, with as many digits as it has: ``90%``, ``1.25``."""
    if "%" in claim.show:
        return f"{100 * bound:.10g}%"
    return f"{bound:,.10g}" if bound == 0 or bound >= 1e-3 else written(claim, bound)


def bounds_written(claim: Claim, bounds: Range) -> str:
    """A range as the page writes it: ``up to 2``, ``10 or more``, ``0.44 to 1``."""
    low, high = (bound_written(claim, bound) if math.isfinite(bound) else "" for bound in bounds)
    if low == high:
        return f"exactly {low}"
    if bounds[0] <= 0:
        return f"at most {high}" if high else "0 or more"
    return f"{low} to {high}" if high and high != "100%" else f"{low} or more"


def as_markdown(checked: Checked) -> str:
    """A claim, both figures and the verdict as a box of the page, in MyST."""
    claim = checked.claim
    texts = [f"{written(claim, value)} ({name})" for name, value in checked.values.items()]
    rows = {"They say": claim.theirs, "We find": ", ".join(texts)}
    bounds = f"Holds: {bounds_written(claim, claim.holds)}"
    if claim.nearly != claim.holds:
        bounds += f"; partly: {bounds_written(claim, claim.nearly)}"
    notes = [claim.remark, claim.miss if checked.verdict != "holds" else ""]
    label, chapter = claim.seen, CHAPTERS[claim.seen.split("-")[0]]
    lines = [
        f"(claim-{claim.name})=",
        f":::{{container}} gc-claim gc-{checked.verdict.replace(' ', '-')}",
        f"**{claim.title}** [{checked.verdict}]{{.gc-verdict}}",
        "",
        f"{claim.text} [{claim.place[0].upper()}{claim.place[1:]}.]{{.gc-aside}}",
        "",
        *[f"{term}\n: {text}\n" for term, text in rows.items() if text],
        f"[Measured: {claim.measured}. {bounds}. Seen in chapter {chapter},]{{.gc-aside}} {{ref}}`{label}`.",
        *[f"\n{note}" for note in notes if note],
        ":::",
    ]
    return unbroken("\n".join(lines))
