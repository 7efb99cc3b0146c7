"""The class as one HTML page, for its instructor; the page itself is ``templates/class.html.j2``."""

from fractions import Fraction
from typing import Any

from ..policy import decimal
from .page import render
from .results import BINS, ClassResult
from .words import HEADS

SHOWN = 12
"""Misconceptions that are shown at once; the rest opens at a click."""


def class_page(result: ClassResult) -> str:
    """The page: distribution, exercises, misconceptions, who could not be graded, everybody's marks, how it was run."""
    kinds = [kind for kind in HEADS if any(kind in found.statuses for found in result.by_difficulty)]
    students = ["Final", "Percent", "Points", "Days late", *result.chapters]
    return render(
        "class.html.j2",
        result=result,
        figures=_figures(result),
        remarks=[f"In the submissions: {note}." for note in result.info.notes] + result.remarks,
        histogram=_histogram(result.bins) if result.finals else None,
        kinds=kinds,
        exercises=[("Exercise", ""), ("Points", "number"), ("Share", ""), *((HEADS[kind], "number") for kind in kinds)],
        students=[("Student", ""), *((head, "number") for head in students), ("Note", "text")],
        full_marks=sum((result.most(exercise) for exercise in result.exercises), Fraction(0)),
        worth=", ".join(f"{exercise.name} {decimal(result.most(exercise), 2)}" for exercise in result.exercises),
        shown=SHOWN,
    )


def _figures(result: ClassResult) -> list[tuple[str, str]]:
    """The numbers at the head of the page, and what each is."""
    count = len(result.rows)
    figures = [(f"{count}", "submission" if count == 1 else "submissions"), (f"{len(result.graded)}", "graded")]
    if result.finals:
        low, middle, high = result.quartiles
        figures += [
            (f"{middle:.0f} %", "median of the final marks"),
            (f"{low:.0f}–{high:.0f} %", "the middle half"),
            (f"{sum(percent == 100 for percent in result.finals)}", "with full marks"),
        ]
    return figures


def _histogram(bins: list[int]) -> dict[str, Any]:
    """Where the bars of the distribution stand in its picture, and what they say."""
    width, height, top = 44, 130, max(bins)
    drawn, said = [], []
    for number, count in enumerate(bins):
        left, tall = 10 + number * (width + 4), height * count / top
        low, high = number * 100 // BINS, (number + 1) * 100 // BINS
        said += [f"{count} from {low} to {high} %"] if count else []
        drawn.append(
            {
                "count": count,
                "low": low,
                "left": left,
                "middle": left + width / 2,
                "top": f"{24 + height - tall:.1f}",
                "above": f"{18 + height - tall:.1f}",
                "width": width,
                "tall": f"{tall:.1f}",
            }
        )
    end = 10 + BINS * (width + 4)
    return {
        "label": f"Histogram of the final marks in percent of full marks: {', '.join(said)}.",
        "bins": drawn,
        "under": height + 42,
        "floor": height + 24.5,
        "end": end,
        "width": end + 30,
        "height": height + 50,
    }
