"""What is written about a class: one file a format, all of them from the same ``ClassResult``.

``results`` turns grades and a policy into rows; ``terminal``, ``spreadsheet``, ``data``, ``junit``, ``class_page``,
``feedback_page`` and ``gradescope`` put them into words. Whatever a student wrote goes through ``sanitise`` first.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ..files import write_whole
from ..policy import Policy
from ..records import ReportError, RunInfo
from ..sanitise import file_names
from .class_page import class_page
from .data import results_json
from .feedback_page import feedback_page
from .gradescope import gradescope
from .junit import junit_xml
from .results import ClassResult, Row
from .spreadsheet import csv_text
from .terminal import class_text

if TYPE_CHECKING:
    from ..records import Grade

__all__ = ["ClassResult", "ReportError", "Row", "RunInfo", "class_table", "file_names", "gradescope", "write_all"]


def write_all(folder: Path, grades: Sequence[Grade], policy: Policy, info: RunInfo) -> list[Path]:
    """Write every report of a class.

    Args:
        folder: where; it is made if need be.
        grades: one for each submission.
        policy: how points become marks.
        info: how the class was graded.

    Returns:
        The files: ``grades.csv``, ``results.json``, ``junit.xml``, ``report.html`` and ``feedback/STUDENT.html``.

    Raises:
        ReportError: if one of them cannot be written. None is ever left half-written.
    """
    result = ClassResult.of(grades, policy, info)
    contents = {
        "grades.csv": csv_text(result),
        "results.json": results_json(result),
        "junit.xml": junit_xml(result),
        "report.html": class_page(result),
    }
    contents |= {row.feedback: feedback_page(row, result) for row in result.rows}
    for name, content in contents.items():
        write_whole(folder / name, content)
    return [folder / name for name in contents]


def class_table(grades: Sequence[Grade], policy: Policy, info: RunInfo) -> str:
    """The class as a table for the terminal, and what its instructor should know about it."""
    return class_text(ClassResult.of(grades, policy, info))
