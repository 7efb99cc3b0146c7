"""Grading one student's work: from files to a ``Grade``, which is plain data.

This is all that a class, a cluster's worker and the Gradescope container do with a submission; they differ only in who
calls ``grade``.
"""

import contextlib
import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from ..exercises import testing
from ..exercises.select import CHAPTERS, EXERCISES
from ..exercises.spec import Exercise
from ..exercises.student import Student
from ..exercises.trial import outcome_of
from ..grade import run_tests
from ..intake.archive import little_memory
from ..intake.submission import NoExerciseError, Submission, SubmissionError, kind, read, read_module
from ..records import Grade, Outcome, Settings, Work
from ..sandbox.trusted.fork_server import ForkServer
from ..sandbox.trusted.session import SandboxSession, SkippedStatements

BRIEF_SECONDS = 2
"""What one call may take when a file's exercises are first tried together."""


def grade(work: Work, settings: Settings, server: ForkServer) -> Grade:
    """Grade what one student handed in; whatever it does, there is a grade.

    Args:
        work: the files. Of several that hold the same exercise, the one whose chapter it is counts.
        settings: how the class is graded.
        server: where the student's code runs; one will do for many works, one after the other.

    Raises:
        SandboxError: if students' code cannot be run at all.
        OwnTestsError: if the instructor's tests cannot be loaded.
    """
    began = time.monotonic()
    testing.use_tests(settings.tests, only=settings.only_own_tests)
    submissions, problems = [], []
    modules = [module for path in work.files + work.helpers if (module := read_module(path))]
    for path in work.files:
        try:
            with little_memory():
                submissions.append(read(path))
        except NoExerciseError as error:
            if kind(path.name) != ".py" or len(work.files) == 1:  # else a module of theirs
                problems.append(str(error))
        except SubmissionError as error:
            problems.append(str(error))
        except (MemoryError, RecursionError) as error:
            problems.append(f"{path.name} cannot be read: it takes too much memory ({type(error).__name__})")

    def result(status: str, reason: str = "", outcomes: Sequence[Outcome] = ()) -> Grade:
        seconds, told = round(time.monotonic() - began, 3), tuple(dict.fromkeys(problems))
        return Grade.of(work, status, reason, problems=told, outcomes=tuple(outcomes), seconds=seconds)

    if work.problem or not submissions:
        return result("unreadable", work.problem or "; ".join(problems) or "there is no file to grade")
    owners = _owners(submissions)
    deadline = began + settings.limits.total_seconds
    more: dict[Submission, dict[str, Any]] = {
        one: {"modules": modules, "own": one.exercises, "skipped": SkippedStatements()} for one in submissions
    }
    found: dict[str, list[Outcome]] = {}
    for chapter in CHAPTERS.values():  # in this order, so that no mark is open whose reference a worker holds
        wanted = [one for one in chapter if one.name in owners and one.name in (settings.exercises or owners)]
        for submission in submissions:
            own = [exercise for exercise in wanted if owners[exercise.name] is submission]
            found |= _try_together(submission, own, settings, server, deadline, more[submission])
        for exercise in wanted:
            if exercise.name in found:
                continue
            owner = owners[exercise.name]
            session = SandboxSession(server, owner.cells, exercise, settings.limits, deadline=deadline, **more[owner])
            with contextlib.closing(session):
                student = Student(session.sender(exercise))
                found[exercise.name] = run_tests(exercise, student, settings.seed, until=deadline)
            for problem in session.problems:  # of a .py file they begin with its name
                problems.append(problem if problem.startswith(owner.name) else f"{owner.name}, {problem}")
    outcomes: list[Outcome] = []
    for name in settings.exercises or owners:
        exercise = EXERCISES[name]
        outcomes += found.get(name) or [
            outcome_of(exercise, test, "missing", "not handed in") for test in testing.hidden_tests(exercise)
        ]
    return result("graded", outcomes=outcomes)


def _try_together(
    submission: Submission,
    exercises: Sequence[Exercise],
    settings: Settings,
    server: ForkServer,
    deadline: float,
    more: dict[str, Any],
) -> dict[str, list[Outcome]]:
    """Test a file's exercises of one chapter in one session, which is quick; returns the outcomes of those that pass.

    None of their solutions is there, so that a pass is the student's own. Whatever does not pass is no verdict: it may
    be for another exercise's fault, and is tested again by itself, with the others solved and the full limits.
    """
    if len(exercises) < 2:
        return {}
    brief = replace(settings.limits, seconds=min(BRIEF_SECONDS, settings.limits.seconds))
    session = SandboxSession(
        server, submission.cells, exercises[0], brief, together=exercises, deadline=deadline, **more
    )
    passed: dict[str, list[Outcome]] = {}
    with contextlib.closing(session):
        for exercise in exercises:
            outcomes = run_tests(
                exercise, Student(session.sender(exercise)), settings.seed, until=deadline, whole=False
            )
            if all(outcome.passed for outcome in outcomes):
                passed[exercise.name] = outcomes
            elif session.is_closed:  # that exercise ended the worker
                break
    return passed


def _owners(submissions: Sequence[Submission]) -> dict[str, Submission]:
    """Which file an exercise is graded in, in the order of the course."""
    owners: dict[str, Submission] = {}
    for submission in submissions:
        for name in submission.exercises:
            if name not in owners or EXERCISES[name].chapter in submission.chapters:
                owners[name] = submission
    return {name: owners[name] for name in EXERCISES if name in owners}
