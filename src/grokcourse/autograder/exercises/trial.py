"""One hidden test on one student's code: whatever the code does, there is an outcome."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ..records import LostError, Outcome, TimeLimitError
from ..sandbox import protocol
from . import evidence
from .spec import Exercise
from .student import Exchange, MissingError, Student, StudentError
from .testing import MAX_MESSAGE, Draw, HiddenTest

MAX_EVIDENCE = 2000


def outcome_of(exercise: Exercise, test: HiddenTest, status: str, message: str = "", evidence: str = "") -> Outcome:
    """The outcome of a test."""
    return Outcome(
        exercise.name, test.title, status, message[:MAX_MESSAGE], "", test.side, test.weight, evidence[:MAX_EVIDENCE]
    )


@dataclass
class Trial:
    """One test that was run."""

    test: HiddenTest
    outcome: Outcome
    log: list[Exchange]


def run_test(exercise: Exercise, test: HiddenTest, student: Student, seed: str) -> Outcome:
    """Run one hidden test by itself; whatever the student's code does, there is an outcome (without a hint)."""
    return try_test(exercise, test, student, seed).outcome


def try_test(
    exercise: Exercise, test: HiddenTest, student: Student, seed: str, failing: dict[str, Exchange] | None = None
) -> Trial:
    """Run one hidden test, and keep what was asked and answered.

    Args:
        exercise: whose test.
        test: the test.
        student: the student's code.
        seed: which random inputs.
        failing: filled with the call that the test was looking at if it fails, by its title.
    """
    draw = Draw(f"{seed}/{exercise.name}/{test.title}")
    log: list[Exchange] = []

    def trial(status: str, message: str = "", evidence: str = "") -> Trial:
        return Trial(test, outcome_of(exercise, test, status, message, evidence), log)

    def wrong(error: BaseException, message: str) -> Trial:
        trace = error.__traceback__.tb_next if error.__traceback__ else None  # without this function's own frame
        looked = evidence.looked_at(log, trace)
        if looked and failing is not None:
            failing[test.title] = looked[0]
        return trial("wrong", message, _told(evidence.of_calls, looked, log, evidence.parameters(exercise)))

    try:
        student.ask("begin", exercise.name)
        student.log = log
        test.function(student, draw)
    except AssertionError as error:  # ours, or a bare ``assert`` of an instructor's
        return wrong(error, str(error)[:MAX_MESSAGE] or "this does not hold")
    except MissingError as error:
        problem = str(error)
        return trial("error", f"could not be loaded: {problem}") if problem else trial("missing", "not written yet")
    except StudentError as error:
        if "allocate memory" in error.text or error.kind == "MemoryError":
            return trial("memory", f"raised {error}")
        if failing is not None and log:
            failing[test.title] = log[-1]
        told = _told(evidence.of_an_error, log, evidence.parameters(exercise), error)
        return trial("error", f"raised {error}", told)
    except TimeLimitError as error:
        return trial("time-out", str(error))
    except LostError as error:
        return trial("memory" if error.memory else "error", str(error))
    except protocol.WireError as error:
        return trial("wrong", f"returned what no test can look at: {error}")
    except (
        ArithmeticError,
        AttributeError,
        LookupError,
        MemoryError,
        RuntimeError,
        TypeError,
        ValueError,
    ) as error:  # the test stumbled over what the student's code returned
        return wrong(error, f"returned something that the test cannot use ({type(error).__name__})")
    return trial("passed")


def _told(tell: Callable[..., str], *args: Any) -> str:
    """Evidence, or none: what came back may be odder than those foresee who tell of it, and the verdict stands."""
    try:
        return tell(*args)
    except Exception:
        return ""
