"""The class as CSV: one row a student, for spreadsheets and learning platforms."""

import csv
import io
import re
from fractions import Fraction

from ..policy import decimal
from .results import ClassResult, Row
from .sanitise import MAX_MESSAGE, MAX_NAME, one_line

FORMULA = re.compile(r"(^|[;,\t|])([\s\"'\u00ad\u200b-\u200f\u2060-\u2064\ufeff]*)([=+\-@＝＋－＠﹦﹢﹣﹫⁼⁺⁻₌₊₋])")
"""What a spreadsheet may run instead of showing it: at the beginning of a cell, and after anything that separates cells
somewhere; where commas do not, semicolons, tabs or bars do."""
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
        _text(row.grade.student, MAX_NAME),
        _text(row.files, MAX_MESSAGE),
        _text(row.grade.status, MAX_NAME),
        *map(_number, numbers),
        *map(_number, result.by_chapter(row)),
        *map(_number, by_exercise),
        _text("; ".join(row.notes), MAX_MESSAGE),
    ]


def _number(value: Fraction | None) -> str:
    return "" if value is None else decimal(value)


def _text(text: str, most: int) -> str:
    text = one_line(text, most)
    return FORMULA.sub(lambda found: f"{found[1]}'{found[2]}{found[3]}", text)
