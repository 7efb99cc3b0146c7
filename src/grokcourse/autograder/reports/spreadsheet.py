"""The class as CSV: one row a student, for spreadsheets and learning platforms."""

import csv
import io
from fractions import Fraction

from ..policy import decimal
from ..sanitise import MAX_NAME, cell
from .results import ClassResult, Row

FIRST = ["student", "files", "status", "points", "maximum", "percent", "late", "final"]
LAST = ["note"]


def csv_text(result: ClassResult) -> str:
    """The table; it begins with a byte-order mark, without which Excel takes UTF-8 for something else.

    ``points``, ``maximum`` and the columns of chapters and exercises are weighted; ``percent`` is before lateness,
    ``late`` in days, ``final`` after lateness and rounding. A number that nobody knows is left empty.
    """
    table = io.StringIO()
    writer = csv.writer(table)
    exercises = [exercise.name for exercise in result.exercises]
    writer.writerow([*FIRST, *result.chapters, *exercises, *LAST])
    for row in result.rows:
        writer.writerow(_cells(row, result))
    return "\ufeff" + table.getvalue()


def _cells(row: Row, result: ClassResult) -> list[str]:
    has_marks = row.grade.status == "graded"
    by_exercise = [result.weighted(row, exercise) if has_marks else None for exercise in result.exercises]
    numbers = [row.points, row.most, row.percent, row.late_days, row.final]
    return [
        cell(row.grade.student, MAX_NAME),
        cell(row.files),
        cell(row.grade.status),
        *map(_number, numbers),
        *map(_number, result.by_chapter(row)),
        *map(_number, by_exercise),
        cell("; ".join(row.notes)),
    ]


def _number(value: Fraction | None) -> str:
    return "" if value is None else decimal(value)
