"""How the reports say what became of a test or an exercise."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

from ..policy import decimal
from ..sanitise import MAX_EVIDENCE, plain

if TYPE_CHECKING:
    from ..records import Outcome
    from ..scoring import Mark

AGAIN = "the same as above"
"""Of a test that fails just as an earlier one of its exercise."""
STATUSES = {
    "passed": "passes",
    "ok": "passes",
    "wrong": "not right yet",
    "error": "stopped with an error",
    "missing": "not written yet",
    "time-out": "took too long",
    "memory": "ended or ran out of memory",
    "not handed in": "not handed in",
    "not run": "not tested",
}
"""For students."""
HEADS = {
    "ok": "all pass",
    "wrong": "wrong",
    "error": "error",
    "missing": "not written",
    "time-out": "too long",
    "memory": "lost",
    "not handed in": "not handed in",
    "not run": "not tested",
}
"""For the heads of columns."""
BROKE_OFF = (
    "Grading broke off before there was a result. That says nothing about your work, and it was not marked: "
    "please tell your instructor."
)
"""The reason itself may say things about the grader that are not for students."""


def points(number: Fraction) -> str:
    """So many points, in words."""
    return f"{decimal(number, 2)} {'point' if number == 1 else 'points'}"


def said(mark: Mark) -> list[tuple[Outcome, str, str]]:
    """An exercise's tests, each with its message and its evidence; what an earlier one said is not said again."""
    told: set[tuple[str, str]] = set()
    found = []
    for outcome in mark.outcomes:
        message, evidence = plain(mark.message(outcome)), plain(outcome.evidence, MAX_EVIDENCE)
        if not outcome.passed and (message or evidence) and (message, evidence) in told:
            message, evidence = AGAIN, ""
        told.add((message, evidence))
        found.append((outcome, message, evidence))
    return found
