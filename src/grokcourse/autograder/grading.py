"""Grading one student's work: from files to a ``Grade``, which is plain data.

This is all that a class, a cluster's worker and the Gradescope container do with a submission; they differ only in who
calls ``grade``.
"""

import contextlib
import hashlib
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from . import testing
from .isolation import Limits
from .registry import EXERCISES, Exercise
from .report import Mark, marks
from .student import Student
from .submission import MAX_BYTES, Submission, SubmissionError, read
from .testing import Outcome
from .worker import Link, Workshop

BRIEF_SECONDS = 2
"""What one call may take when a file's exercises are first tried together."""


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
    """Days after the deadline, where the export tells."""


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


def grade(work: Work, settings: Settings, workshop: Workshop) -> Grade:
    """Grade what one student handed in; whatever it does, there is a grade.

    Args:
        work: the files. Of several that hold the same exercise, the one whose chapter it is counts.
        settings: how the class is graded.
        workshop: where the student's code runs; one will do for many works, one after the other.

    Raises:
        WorkshopError: if students' code cannot be run at all, which is nobody's fault.
        testing.OwnTestsError: if the instructor's tests cannot be loaded.
    """
    began = time.monotonic()
    testing.use_tests(settings.tests, only=settings.only_own_tests)
    submissions, problems = [], []
    for path in work.files:
        try:
            submissions.append(read(path))
        except SubmissionError as error:
            problems.append(str(error))

    def result(status: str, reason: str = "", outcomes: Sequence[Outcome] = ()) -> Grade:
        seconds = round(time.monotonic() - began, 3)
        names = tuple(path.name for path in work.files)
        told = tuple(dict.fromkeys(problems))
        late = work.late_days
        return Grade(
            work.student, names, digest(work.files), status, reason, told, tuple(outcomes), seconds, late_days=late
        )

    if work.problem or not submissions:
        return result("unreadable", work.problem or "; ".join(problems) or "there is no file to grade")
    owners = _owners(submissions)
    deadline = began + settings.limits.total_seconds
    names = [name for name in settings.exercises or owners if name in owners]
    passed: dict[str, list[Outcome]] = {}
    for submission in submissions:
        own = [EXERCISES[name] for name in names if owners[name] is submission]
        passed |= _try_together(submission, own, settings, workshop, deadline)
    outcomes: list[Outcome] = []
    broken: set[str] = set()
    for name in settings.exercises or owners:
        exercise, owner = EXERCISES[name], owners.get(name)
        tests = testing.hidden_tests(exercise)
        if name in passed:
            outcomes += passed[name]
        elif owner is None:
            outcomes += [Outcome(name, test.title, "missing", "not handed in") for test in tests]
        elif owner.name in broken:
            message = f"not tried: {owner.name} cannot be loaded (see its first exercise)"
            outcomes += [Outcome(name, test.title, "time-out", message) for test in tests]
        else:
            link = Link(workshop, owner.cells, exercise, settings.limits, deadline=deadline)
            with contextlib.closing(link):
                outcomes += _run_tests(link, exercise, settings, deadline)
            for problem in link.problems:  # of a .py file they begin with its name
                problems.append(problem if problem.startswith(owner.name) else f"{owner.name}, {problem}")
            if not link.loaded:
                broken.add(owner.name)
    return result("graded", outcomes=outcomes)


def _try_together(
    submission: Submission, exercises: Sequence[Exercise], settings: Settings, workshop: Workshop, deadline: float
) -> dict[str, list[Outcome]]:
    """Test a file's exercises over one link, which is quick, and return the outcomes of those that pass every test.

    None of their solutions is there, so that a pass is the student's own. Whatever does not pass is no verdict: it may
    be for another exercise's fault, and is tested again by itself, with the others solved and the full limits.
    """
    if len(exercises) < 2:
        return {}
    limits = settings.limits
    brief = replace(limits, seconds=min(BRIEF_SECONDS, limits.seconds), load_seconds=min(10, limits.load_seconds))
    link = Link(workshop, submission.cells, exercises[0], brief, together=exercises, deadline=deadline)
    passed: dict[str, list[Outcome]] = {}
    with contextlib.closing(link):
        for exercise in exercises:
            outcomes = _run_tests(link, exercise, settings, deadline, whole=False)
            if all(outcome.passed for outcome in outcomes):
                passed[exercise.name] = outcomes
            elif link.is_closed:  # that exercise ended the worker
                break
    return passed


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


def _owners(submissions: Sequence[Submission]) -> dict[str, Submission]:
    """Which file an exercise is graded in, in the order of the course."""
    owners: dict[str, Submission] = {}
    for submission in submissions:
        for name in submission.exercises:
            if name not in owners or EXERCISES[name].chapter in submission.chapters:
                owners[name] = submission
    return {name: owners[name] for name in EXERCISES if name in owners}


def _run_tests(
    link: Link, exercise: Exercise, settings: Settings, deadline: float, *, whole: bool = True
) -> list[Outcome]:
    """The outcomes of one exercise's tests, or of those up to the first that is not passed."""
    outcomes: list[Outcome] = []
    for test in testing.hidden_tests(exercise):
        if time.monotonic() > deadline:
            message = f"not tried: all {settings.limits.total_seconds:g} seconds of this submission are used up"
        elif outcomes and outcomes[-1].status == "time-out":
            message = "not tried: an earlier test of this exercise took too long"
        else:
            outcomes.append(testing.run_test(exercise, test, Student(link.send), settings.seed))
            if not whole and not outcomes[-1].passed:
                break
            continue
        outcomes.append(Outcome(exercise.name, test.title, "time-out", message))
    return outcomes
