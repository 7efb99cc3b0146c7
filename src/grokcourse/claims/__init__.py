"""What others have claimed about this task: a measurement of each claim on our own runs, and the bounds for a verdict.

``CLAIMS`` is the one list: the page "The paper's claims, checked" prints it, and ``tests/test_claims.py`` holds what
comes out. It stands above all analysis, which it only calls; nothing but that page and those tests imports it.

A verdict follows from numbers alone. A claim's measure gives a value for each run that the claim is about, the most
telling first (the main run, where it takes part). The claim *holds* if every value lies within ``holds``; it *does not
hold* if the first value lies outside ``nearly``; else it *holds partly*. The bounds are ours, set by what a claim says
and not by what we found:

* a count, a step, a loss, or a ratio of two: within a factor of two of the figure claimed;
* a share: within ten percentage points of it;
* a statement without a figure: what its words say, as far as a number can;
* nearly: the direction is right, though the size is not.
"""

import torch

from ..torch_state import usual_torch
from . import nanda2023, power2022, project_page
from .case import NO_DECAY, SEEDS, TITLES, Case, Cases, Measure, Values
from .claim import (
    ANY,
    CHAPTERS,
    SOURCES,
    Checked,
    Claim,
    Range,
    Verdict,
    as_markdown,
    bound_written,
    bounds_written,
    unbroken,
    verdict,
    written,
)

CLAIMS = (*power2022.CLAIMS, *nanda2023.CLAIMS, *project_page.CLAIMS)


@usual_torch()
def check_all(cases: Cases | None = None) -> list[Checked]:
    """Every claim, checked on the runs of the course; takes some seconds."""
    cases = {name: Case(name) for name in TITLES} if cases is None else cases
    with torch.no_grad():
        return [Checked(claim, claim.measure(cases)) for claim in CLAIMS]


__all__ = [
    "ANY",
    "CHAPTERS",
    "CLAIMS",
    "NO_DECAY",
    "SEEDS",
    "SOURCES",
    "TITLES",
    "Case",
    "Cases",
    "Checked",
    "Claim",
    "Measure",
    "Range",
    "Values",
    "Verdict",
    "as_markdown",
    "bound_written",
    "bounds_written",
    "check_all",
    "unbroken",
    "verdict",
    "written",
]
