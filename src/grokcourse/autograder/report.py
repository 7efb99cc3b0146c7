"""What the reports of a class share; they themselves stand in ``reports/``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .grades import Grade
    from .isolation import Protection
    from .policy import Policy


class ReportError(RuntimeError):
    """A report cannot be written; the message says which, and why, in one sentence."""


@dataclass(frozen=True)
class RunInfo:
    """How a class was graded, as its reports tell."""

    seed: str
    """Which random inputs; everybody got the same."""
    version: str
    """Of grokcourse."""
    started: str
    """Date and time, ISO 8601."""
    seconds: float
    """How long it took."""
    protections: Sequence[Protection] = ()
    """What students' code was walled off from, and what not."""
    notes: Sequence[str] = ()
    """What was noticed when the submissions were looked through, a sentence each."""
    exercises: Sequence[str] = ()
    """Those that were asked for (``--exercises``); without any, what the class handed in decides what counts."""


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
    from . import reports  # they need what stands above

    return reports.write_all(folder, grades, policy, info)


def class_table(grades: Sequence[Grade], policy: Policy, info: RunInfo) -> str:
    """The class as a table for the terminal, and what its instructor should know about it."""
    from . import reports

    return reports.class_table(grades, policy, info)
