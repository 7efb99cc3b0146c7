"""What goes into grading and what comes out of it, as plain data: how, whose work, and the grade.

Nothing here needs torch, so that whoever only passes these on starts at once.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from .isolation import Limits
from .scoring import Mark, marks
from .submission import MAX_BYTES


class OwnTestsError(Exception):
    """An instructor's own tests cannot be used; the message says which file and why."""


@dataclass(frozen=True)
class Outcome:
    """How a submission did in one test."""

    exercise: str
    title: str
    status: str
    """passed, wrong, error (the code raised), missing (not written), time-out or memory."""
    message: str = ""
    """What was expected, or what went wrong: safe to show."""
    hint: str = ""
    """The misconception, if it is a known one."""
    side: bool = False
    """Whether the test is of a side condition."""
    weight: int = 1
    """How many times an ordinary test's share of the points it gives."""
    evidence: str = ""
    """The case, the input and what came back, where no hint says more: safe to show."""

    @property
    def passed(self) -> bool:
        """Whether the test passed."""
        return self.status == "passed"


@dataclass(frozen=True)
class Settings:
    """How a class is graded: the same for every submission, and all that the marks depend on beside the work itself."""

    seed: str
    """Which random inputs; everybody gets the same."""
    limits: Limits = field(default_factory=Limits)
    exercises: tuple[str, ...] = ()
    """Only these; without any, all that the submission's chapters have and those that it defines."""
    tests: tuple[tuple[str, str], ...] = ()
    """An instructor's own hidden tests beside ours, as from ``testing.read_tests``: file names and their text."""
    only_own_tests: bool = False
    """The instructor's tests instead of ours."""


@dataclass(frozen=True)
class Work:
    """What one student handed in."""

    student: str
    """As the reports call them: unique in a class."""
    files: tuple[Path, ...]
    problem: str = ""
    """Why it cannot be graded as it is, in one sentence: two files for one chapter, nothing to grade."""
    late_days: float | None = None
    """Days after the platform's own deadline, where it tells."""
    handed_in: str = ""
    """When, in ISO 8601, where the export tells; without an offset if it gives none."""
    helpers: tuple[Path, ...] = ()
    """Python files handed in beside, with none of the exercises in them: what the others may import."""


@dataclass(frozen=True)
class Grade:
    """What one student's work got; ``to_dict`` and ``from_dict`` make it JSON and back."""

    student: str
    files: tuple[str, ...]
    """Their names."""
    digest: str
    """Of the files' content: a changed file is graded anew."""
    status: str
    """graded, unreadable (nothing could be graded), or failed (grading itself broke off: no verdict on the work)."""
    reason: str = ""
    """Why it was not graded, in one sentence."""
    problems: tuple[str, ...] = ()
    """What went wrong when it was read and loaded, one sentence each, with cell and line."""
    outcomes: tuple[Outcome, ...] = ()
    """One for every test of every exercise asked for."""
    seconds: float = 0.0
    late_days: float | None = None
    handed_in: str = ""

    @property
    def marks(self) -> list[Mark]:
        """Points by exercise, in the order of the course."""
        return marks(self.outcomes, complete=True)

    def to_dict(self) -> dict[str, Any]:
        """As JSON types."""
        return asdict(self)

    @classmethod
    def from_dict(cls, content: dict[str, Any]) -> "Grade":
        """The inverse of ``to_dict``."""
        outcomes = tuple(Outcome(**outcome) for outcome in content["outcomes"])
        lists = {name: tuple(content[name]) for name in ("files", "problems")}
        return cls(**{**content, **lists, "outcomes": outcomes})


def digest(files: Sequence[Path]) -> str:
    """SHA-256 of the files' names and content; of one that is too large or cannot be read, only name and size."""
    content = hashlib.sha256()
    for path in sorted(files):
        content.update(path.name.encode(errors="surrogateescape") + b"\0")
        try:
            size = path.stat().st_size if path.is_file() else -1
            if 0 <= size <= MAX_BYTES:
                content.update(hashlib.sha256(path.read_bytes()).digest())
            else:  # nothing that could be graded
                content.update(str(size).encode())
        except OSError:
            content.update(b"?")
    return content.hexdigest()
