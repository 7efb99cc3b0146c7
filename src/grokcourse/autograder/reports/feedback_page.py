"""One student's feedback as an HTML page that can be handed out; the page itself is ``templates/feedback.html.j2``.

It has the titles of tests, what property was expected, hints and the student's own errors; no hidden test, no answer,
no seed, and nothing of anybody else.
"""

from collections.abc import Iterator
from fractions import Fraction
from typing import Any

from ..exercises.select import CHAPTERS
from ..exercises.spec import Exercise
from ..policy import decimal
from .page import render
from .results import NOT_HANDED_IN, ClassResult, Row, status_of
from .words import BROKE_OFF, STATUSES, points, said

MAX_PROBLEMS = 20
"""More of them are counted, but not shown."""


def feedback_page(row: Row, result: ClassResult) -> str:
    """The page."""
    return render(
        "feedback.html.j2",
        row=row,
        result=result,
        got=row.points or Fraction(0),
        solved=sum(row.marks[exercise.name].status == "ok" for exercise in result.exercises),
        chapters=_chapters(row, result),
        broke_off=BROKE_OFF,
        max_problems=MAX_PROBLEMS,
    )


def _chapters(row: Row, result: ClassResult) -> Iterator[dict[str, Any]]:
    """What is said of each chapter that counts or was done."""
    for chapter, exercises in CHAPTERS.items():
        shown = [exercise for exercise in exercises if exercise.name in row.marks]
        if not shown:
            continue
        counted = [exercise for exercise in shown if exercise in result.exercises]
        got = sum((result.weighted(row, exercise) for exercise in counted), Fraction(0))
        most = sum((result.most(exercise) for exercise in counted), Fraction(0))
        missing = all(status_of(row.marks[exercise.name]) == NOT_HANDED_IN for exercise in shown)
        yield {
            "name": chapter,
            "worth": _points(got, most) if counted else "",
            "not_handed_in": [exercise.name for exercise in shown] if missing else [],
            "exercises": [] if missing else [_exercise(row, exercise, result) for exercise in shown],
        }


def _exercise(row: Row, exercise: Exercise, result: ClassResult) -> dict[str, Any]:
    mark = row.marks[exercise.name]
    status = status_of(mark)
    weight = result.policy.weight(exercise)
    counts = exercise in result.exercises
    return {
        "name": exercise.name,
        "state": STATUSES.get(status, status),
        "kind": {"ok": "good", "missing": "muted", "not handed in": "muted", "not run": "muted"}.get(status, "bad"),
        "unreadable": status == "missing" and bool(row.grade.problems),
        "worth": _points(weight * mark.exact, result.most(exercise)) if counts else "does not count",
        # the tests of what is not written yet all say the same
        "tests": [] if all(outcome.status == "missing" for outcome in mark.outcomes) else said(mark),
        "hints": list(dict.fromkeys(outcome.hint for outcome in mark.outcomes if outcome.hint)),
    }


def _points(got: Fraction, most: Fraction) -> str:
    return f"{decimal(got, 2)} of {points(most)}"
