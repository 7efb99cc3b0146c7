"""One submission as Gradescope's ``results.json``.

The format: https://gradescope-autograders.readthedocs.io/en/latest/specs/#output-format
"""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from ..policy import Policy, decimal
from ..records import Outcome, RunInfo
from ..sanitise import one_line, plain
from .results import NOT_HANDED_IN, ClassResult, Row, days
from .words import BROKE_OFF, points, said

if TYPE_CHECKING:
    from ..records import Grade

VISIBILITIES = ("visible", "after_due_date", "after_published", "hidden")


def gradescope(grade: Grade, policy: Policy, info: RunInfo, *, visibility: str = "visible") -> dict[str, Any]:
    """What Gradescope reads: the score, and a test for each hidden test.

    Args:
        grade: the submission's.
        policy: how points become marks. Its ``maximum``, or else the sum of the points, is what the assignment on
            Gradescope should be worth.
        info: how it was graded.
        visibility: when students see the tests: one of ``VISIBILITIES``. All texts are fit to be seen.
    """
    if visibility not in VISIBILITIES:
        raise ValueError(f"visibility has to be one of {', '.join(VISIBILITIES)}, not {visibility!r}")
    result = ClassResult.of([grade], policy, info)
    (row,) = result.rows
    tests = []
    if row.grade.status == "graded":
        for number, exercise in enumerate(result.exercises, start=1):
            mark = row.marks[exercise.name]
            outcomes = mark.outcomes or (Outcome(exercise.name, NOT_HANDED_IN, "missing"),)
            for letter, (outcome, message, evidence) in enumerate(said(replace(mark, outcomes=outcomes)), start=1):
                weight = policy.weight(exercise)
                most = weight * mark.most(outcome) if mark.outcomes else result.most(exercise)
                tests.append(
                    {
                        "name": f"{exercise.name}: {one_line(outcome.title)}",
                        "number": f"{number}.{letter}",
                        "score": float(round(weight * mark.share(outcome), 6)),
                        "max_score": float(round(most, 6)),
                        "status": "passed"
                        if mark.share(outcome) == mark.most(outcome)
                        else "failed",  # by points, as there
                        "output": _output(outcome, message, evidence),
                        "tags": [exercise.chapter],
                        "visibility": visibility,
                    }
                )
    return {
        "score": float(row.final or 0),
        "execution_time": max(round(grade.seconds), 0),
        "output": _summary(row, policy.late.of),
        "output_format": "text",
        "test_output_format": "text",
        "test_name_format": "text",
        "visibility": visibility,
        "stdout_visibility": "hidden",
        "extra_data": {"grokcourse": one_line(info.version), "seed": one_line(info.seed), "status": grade.status},
        "tests": tests,
    }


def _output(outcome: Outcome, message: str, evidence: str) -> str:
    message = message or ("" if outcome.passed else outcome.status)
    return "\n".join(filter(None, [message, evidence, outcome.hint and f"Hint: {one_line(outcome.hint)}"]))


def _summary(row: Row, of: str) -> str:
    if row.grade.status == "failed":
        return BROKE_OFF
    if row.grade.status != "graded":
        return f"Your work could not be read: {plain(row.grade.reason)}"
    lines = [f"{decimal(row.points or Fraction(0), 2)} of {points(row.most)}."]
    if row.late_percent and row.late_days is not None:
        off = f"{decimal(row.late_percent, 2)} % of the {of} are taken off ({row.lateness.source})"
        lines.append(f"Late by {days(row.late_days)}: {off}.")
    if row.grade.problems:
        lines.append("When your work was read:")
        lines += [f"- {one_line(problem)}" for problem in row.grade.problems]
    return "\n".join(lines)
