"""The class as JSON, for programs. Its schema is ``report.schema.json``, beside this file."""

import json
from fractions import Fraction
from pathlib import Path
from typing import Any

from ..sanitise import MAX_EVIDENCE, MAX_NAME, one_line, plain
from .results import ClassResult, Row, status_of

SCHEMA = Path(__file__).with_name("report.schema.json")
"""JSON Schema, draft 2020-12."""
FORMAT = 1
"""Raised when a reader of the file would have to change."""


def results_json(result: ClassResult) -> str:
    """The document. Numbers are rounded to six decimals; null stands for what nobody knows."""
    return json.dumps(results(result), indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def results(result: ClassResult) -> dict[str, Any]:
    """The same as JSON types."""
    info = result.info
    return {
        "format": FORMAT,
        "run": {
            "seed": one_line(info.seed),
            "version": one_line(info.version),
            "started": one_line(info.started),
            "seconds": round(info.seconds, 3),
            "protections": [
                {name: getattr(protection, name) for name in ("name", "in_force", "what", "missing")}
                for protection in info.protections
            ],
        },
        "policy": result.policy.to_dict(),
        "exercises": [
            {
                "name": exercise.name,
                "chapter": exercise.chapter,
                "points": exercise.points,
                "weight": _number(result.policy.weight(exercise)),
            }
            for exercise in result.exercises
        ],
        "remarks": [*map(one_line, info.notes), *result.remarks],
        "misconceptions": [
            {"exercise": found.exercise.name, "hint": one_line(found.hint), "students": len(found.rows)}
            for found in result.misconceptions
        ],
        "students": [_student(row, result) for row in result.rows],
    }


def _student(row: Row, result: ClassResult) -> dict[str, Any]:
    grade = row.grade
    return {
        "student": one_line(grade.student, MAX_NAME),
        "files": [one_line(file) for file in grade.files],
        "digest": grade.digest,
        "status": grade.status,
        "reason": one_line(grade.reason),
        "problems": [one_line(problem) for problem in grade.problems],
        "notes": [one_line(note) for note in row.notes],
        "seconds": round(grade.seconds, 3),
        "points": _number(row.points),
        "maximum": _number(row.most),
        "percent": _number(row.percent),
        "handed_in": grade.handed_in or None,
        "late_days": _number(row.late_days),
        "late_source": row.lateness.source,
        "late_percent": _number(row.late_percent),
        "final": _number(row.final),
        "out_of": _number(row.out_of),
        "feedback": row.feedback,
        "exercises": [
            {
                "name": name,
                "counts": mark.exercise in result.exercises,
                "points": _number(mark.exact),
                "maximum": mark.exercise.points,
                "status": status_of(mark),
                "tests": [
                    {
                        "title": one_line(outcome.title),
                        "status": outcome.status,
                        "points": _number(mark.share(outcome)),
                        "message": plain(outcome.message),
                        "evidence": plain(outcome.evidence, MAX_EVIDENCE),
                        "hint": one_line(outcome.hint),
                    }
                    for outcome in mark.outcomes
                ],
            }
            for name, mark in row.marks.items()
        ]
        if grade.status == "graded"
        else [],
    }


def _number(value: Fraction | None) -> float | int | None:
    if value is None:
        return None
    return int(value) if value.denominator == 1 else float(round(value, 6))
