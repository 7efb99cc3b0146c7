"""The class as a table in the terminal."""

import shutil

from ..policy import decimal
from .results import ClassResult, Row
from .text import columns, fitted, one_line

STUDENT = 28
"""Columns for the longest names."""
NOTE = 20
"""Columns that the notes should have; the chapters' heads are shortened for it."""


def class_text(result: ClassResult, width: int | None = None) -> str:
    """One line a student with points by chapter, percent, final mark and notes; and then what should be known.

    Args:
        result: the class.
        width: how many columns there are; by default those of the terminal.
    """
    width = shutil.get_terminal_size((100, 24)).columns if width is None else width
    if not result.rows:
        return "Nobody was graded: there are no submissions."
    names = min(max(columns(row.name) for row in result.rows), STUDENT)
    numbers = [_numbers(row, result) for row in result.rows]
    for chapters in (list(result.chapters), [chapter.split("-")[0] for chapter in result.chapters]):
        heads = [*chapters, "points", "%", "final"]
        widths = [max(len(text) for text in column) for column in zip(heads, *numbers, strict=True)]
        lines = [_line("student", heads, "", names, widths, width)]
        if columns(lines[0]) + NOTE <= width:
            break
    lines.append("─" * min(width, columns(lines[0])))
    for row, texts in zip(result.rows, numbers, strict=True):
        status = [] if row.grade.status == "graded" else [row.grade.status]
        lines.append(_line(row.name, texts, one_line("; ".join([*status, *row.notes])), names, widths, width))
    return "\n".join([*lines, "", *_summary(result)])


def _numbers(row: Row, result: ClassResult) -> list[str]:
    has_marks = row.grade.status == "graded"
    chapters = [
        decimal(sum((result.weighted(row, exercise) for exercise in exercises), start=row.most * 0), 2)
        if has_marks
        else "–"
        for exercises in result.chapters.values()
    ]
    points = "–" if row.points is None else f"{decimal(row.points, 2)}/{decimal(row.most, 2)}"
    percent = "–" if row.percent is None else decimal(row.percent, 0)
    return [*chapters, points, percent, "–" if row.final is None else decimal(row.final, 2)]


def _line(name: str, texts: list[str], note: str, names: int, widths: list[int], width: int) -> str:
    line = "  ".join([fitted(name, names), *(f"{text:>{w}}" for text, w in zip(texts, widths, strict=True))])
    room = width - columns(line) - 2
    return f"{line}  {fitted(note, room).rstrip()}" if note and room >= 10 else line.rstrip()


def _summary(result: ClassResult) -> list[str]:
    number = len(result.rows)
    lines = [
        f"{number} {'submission' if number == 1 else 'submissions'}, {len(result.graded)} graded; {_middle(result)}"
    ]
    for row in result.not_graded:
        lines.append(f"Not graded: {row.name} ({row.grade.status}): {one_line('; '.join(row.notes))}")
    hardest = [found for found in result.by_difficulty if found.share < 1][:3]
    if hardest:
        said = ", ".join(f"{found.exercise.name} ({float(found.share):.0%})" for found in hardest)
        lines.append(f"Hardest: {said} of their points on average.")
    for found in result.misconceptions[:3]:
        lines.append(f"{len(found.rows)} × {found.exercise.name}: {found.hint}")
    return [*lines, *result.remarks, f"Seed: {one_line(result.info.seed)}"]


def _middle(result: ClassResult) -> str:
    if not result.finals:
        return "there are no marks."
    low, middle, high = result.quartiles
    return f"median {middle:.0f} %, the middle half from {low:.0f} to {high:.0f} %."
