"""What others have claimed about this task: a measurement of each claim on our own runs, and the bounds for a verdict.

``CLAIMS`` is the one list: the page "The paper's claims, checked" prints it, and ``tests/test_claims.py`` holds what
comes out. It stands above all analysis, which it only calls; nothing but that page and those tests imports it.

A verdict follows from numbers alone. A claim's measure gives a value for each run that the claim is about, and none of
them counts for more than another. In a run the claim *holds* if its value lies within ``holds``; *nearly*, if it lies
within ``nearly``; the run may also be unable to tell. The bounds are ours, set by what a claim says and not by what we
found:

* a count, a step, a loss, or a ratio of two: within a factor of two of the figure claimed;
* a share: within ten percentage points of it;
* a statement without a figure: what its words say, as far as a number can;
* nearly: the direction is right, though the size is not.

A claim's number is its source's letter and its place among that source's claims. Numbers are cited, so they stay: a new
claim comes last in its source's list.
"""

from collections.abc import Iterable

import torch

from .. import quick_runs
from ..torch_state import usual_torch
from . import chughtai2023, liu2022, nanda2023, omnigrok2023, power2022, project_page, quick, stander2024
from .case import GROUPS, NO_DECAY, SEEDS, TITLES, Case, Cases, Measure, Values
from .claim import ANY, CHAPTERS, LETTERS, SOURCES, Checked, Claim, Mark, Range, Verdict, mark, verdict
from .export import as_csv, as_json
from .quick import NOT_ASKED, is_quick
from .written import (
    as_markdown,
    as_table,
    bound_written,
    bounds_written,
    quick_written,
    runs_as_table,
    unbroken,
    values_written,
    verdict_written,
    written,
)

_PAPERS = (power2022, liu2022, omnigrok2023, nanda2023, chughtai2023, stander2024, project_page)
CLAIMS = tuple(claim for paper in _PAPERS for claim in paper.CLAIMS)
NUMBERS = {
    claim.name: f"{LETTERS[source.SOURCE]}{place}"
    for source in _PAPERS
    for place, claim in enumerate(source.CLAIMS, start=1)
}
"""The number of each claim, by its name."""


def load_cases() -> dict[str, Case]:
    """The runs that claims are measured on, by name; nothing is read before it is asked for."""
    return {name: Case(name) for name in TITLES}


@usual_torch()
def check_all(cases: Cases | None = None) -> list[Checked]:
    """Every claim, checked on the runs of the course; takes half a minute."""
    cases = load_cases() if cases is None else cases
    with torch.no_grad():
        return [Checked(claim, claim.measure(cases)) for claim in CLAIMS]


def check_quick() -> dict[str, Checked]:
    """By name, the claims that are measured on the ten quick runs as well; these have no part in any verdict."""
    seeds = quick_runs.seeds()
    found = {claim.name: quick.check(claim, seeds) for claim in CLAIMS}
    return {name: checked for name, checked in found.items() if checked is not None}


@usual_torch()
@torch.no_grad()
def measure_quick(case: Case) -> dict[str, float]:
    """By name, what such a run has for a value for each of these claims: how the recorded ones were made."""
    return quick.measure(case, CLAIMS)


def numbered(checked: Iterable[Checked]) -> list[tuple[str, Checked]]:
    """Each with its number before it."""
    return [(NUMBERS[one.claim.name], one) for one in checked]


__all__ = [
    "ANY",
    "CHAPTERS",
    "CLAIMS",
    "GROUPS",
    "LETTERS",
    "NOT_ASKED",
    "NO_DECAY",
    "NUMBERS",
    "SEEDS",
    "SOURCES",
    "TITLES",
    "Case",
    "Cases",
    "Checked",
    "Claim",
    "Mark",
    "Measure",
    "Range",
    "Values",
    "Verdict",
    "as_csv",
    "as_json",
    "as_markdown",
    "as_table",
    "bound_written",
    "bounds_written",
    "check_all",
    "check_quick",
    "is_quick",
    "load_cases",
    "mark",
    "measure_quick",
    "numbered",
    "quick_written",
    "runs_as_table",
    "unbroken",
    "values_written",
    "verdict",
    "verdict_written",
    "written",
]
