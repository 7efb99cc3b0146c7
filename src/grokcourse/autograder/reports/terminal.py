"""The class as a table in the terminal."""

import shutil
from fractions import Fraction

from wcwidth import wcswidth

from ..policy import decimal
from ..sanitise import one_line
from .results import ClassResult, Row

STUDENT = 28
"""Columns for the longest names."""
ROOM = 20
"""Columns that the notes should have; the chapters' heads are shortened for it, and at last the chapters left out."""
TOTALS = ["points", "%", "final"]


def class_text(result: ClassResult, width: int | None = None) -> str:
    """One line a student with points by chapter, percent, final mark and notes; and then what should be known.

    Args:
        result: the class.
        width: how many columns there are; by default those of the terminal.
    """
    width = shutil.get_terminal_size((100, 24)).columns if width is None else width
    if not result.rows:
        return "Nobody was graded: there are no submissions."
    names = min(max(len("student"), *(columns(row.name) for row in result.rows)), STUDENT)
    rows = [[_shown(value) for value in result.by_chapter(row)] + _totals(row) for row in result.rows]
    short = [chapter.split("-")[0] for chapter in result.chapters]
    for chapters, room in ((list(result.chapters), ROOM), (short, 10), ([], 0)):
        heads = [*chapters, *TOTALS]
        numbers = [row[-len(heads) :] for row in rows]
        widths = [max(len(text) for text in column) for column in zip(heads, *numbers, strict=True)]
        head = _line("student", heads, "", names, widths, width)
        if columns(head) + room <= width:
            break
    lines = [head, "─" * min(width, columns(head))]
    for row, texts in zip(result.rows, numbers, strict=True):
        status = [] if row.grade.status == "graded" else [row.grade.status]
        lines.append(_line(row.name, texts, one_line("; ".join([*status, *row.notes])), names, widths, width))
    return "\n".join([*lines, "", *_summary(result)])


def _totals(row: Row) -> list[str]:
    points = "–" if row.points is None else f"{_shown(row.points)}/{_shown(row.most)}"
    return [points, "–" if row.percent is None else decimal(row.percent, 0), _shown(row.final)]


def _shown(value: Fraction | None) -> str:
    return "–" if value is None else decimal(value, 2)


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


def columns(text: str) -> int:
    """How many columns a terminal needs for a text that ``sanitise`` has cleaned."""
    return wcswidth(text)


def fitted(text: str, width: int) -> str:
    """One line of exactly so many columns: cut with an ellipsis, or filled up with blanks."""
    text = one_line(text, max(4 * width, 1))
    if columns(text) > width:
        while columns(text) > width - 1:
            text = text[:-1]
        text += "…"
    return text + " " * (width - columns(text))
