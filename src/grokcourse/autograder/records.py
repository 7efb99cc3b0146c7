"""The plain data of grading: how, whose work, what each test found, and the grade.

Standard library only, so that whoever only passes these on starts at once.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

MAX_FILE = 20 * 2**20
"""Bytes of a file that is handed in; a larger one is refused."""


@dataclass(frozen=True)
class Limits:
    """What a student's code may use."""

    seconds: float = 10
    """For one call."""
    load_seconds: float = 30
    """For loading the submission."""
    total_seconds: float = 300
    """For everything that one student handed in."""
    memory: int = 4 * 2**30
    """Bytes of address space beyond what torch itself takes (where the system can limit it)."""
    file_size: int = 2**20
    """Bytes of a file that it writes (where it can write one at all)."""

    def to_dict(self) -> dict[str, Any]:
        """As JSON types."""
        return asdict(self)


class TimeLimitError(Exception):
    """The student's code took longer than it may."""


class LostError(Exception):
    """The process with the student's code is gone: it left, crashed, or was ended for using too much memory."""

    def __init__(self, text: str, *, memory: bool = False) -> None:
        super().__init__(text)
        self.memory = memory


@dataclass(frozen=True)
class Protection:
    """One thing that a student's code is kept from, and whether it is on this machine."""

    name: str
    what: str
    """What cannot happen, in one sentence."""
    in_force: bool
    missing: str = ""
    """Why it is not in force, and what to do about it."""


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

    @classmethod
    def of(cls, work: Work, status: str, reason: str = "", **found: Any) -> "Grade":
        """The grade of a work as its files are now.

        Args:
            work: what was graded.
            status: graded, unreadable or failed.
            reason: why it was not graded.
            found: ``problems``, ``outcomes`` and ``seconds``, if it was.
        """
        names, content = tuple(path.name for path in work.files), digest(work.files + work.helpers)
        late_days, handed_in = work.late_days, work.handed_in
        return cls(work.student, names, content, status, reason, late_days=late_days, handed_in=handed_in, **found)

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
            if 0 <= size <= MAX_FILE:
                content.update(hashlib.sha256(path.read_bytes()).digest())
            else:  # nothing that could be graded
                content.update(str(size).encode())
        except OSError:
            content.update(b"?")
    return content.hexdigest()


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
    """What students' code was kept from, and what not."""
    notes: Sequence[str] = ()
    """What was noticed when the submissions were looked through, a sentence each."""
    exercises: Sequence[str] = ()
    """Those that were asked for (``--exercises``); without any, what the class handed in decides what counts."""
