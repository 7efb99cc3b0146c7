"""The one loop over an exercise's hidden tests: ``check``, ``pytest`` and the grading of a class all call it."""

import math
import time
from dataclasses import replace

from .exercises.hints import find_hint
from .exercises.spec import Exercise
from .exercises.student import Exchange, Student
from .exercises.testing import hidden_tests
from .exercises.trial import Trial, outcome_of, try_test
from .records import Outcome
from .sandbox.untrusted.host import usual_settings

MAX_HINT_SECONDS = 60
"""If the tests take longer, no further inputs are drawn for the sake of a hint, and none is given."""
NO_TIME = "not tried: all the time that this submission has is used up"


def run_tests(
    exercise: Exercise,
    student: Student,
    seed: str,
    *,
    until: float = math.inf,
    whole: bool = True,
    hints: bool = True,
    failing: dict[str, Exchange] | None = None,
) -> list[Outcome]:
    """Run an exercise's hidden tests on a student's code: the one loop of ``check``, ``pytest`` and grading.

    Args:
        exercise: whose tests.
        student: the student's code.
        seed: which random inputs; the same seed gives every student the same.
        until: when all has to be done, on the clock of ``time.monotonic``; what comes later is not tried.
        whole: whether to go on after a test that is not passed. If not, nothing is said of why it failed.
        hints: whether to look for a planted mistake that answers as the student does.
        failing: filled with the call that a failing test was looking at, by the test's title.

    Returns:
        One outcome for each test (not ``whole``: up to the first that is not passed). Where a planted mistake explains
        the failures, they have its hint, and otherwise evidence.
    """
    trials: list[Trial] = []
    began = time.monotonic()
    with usual_settings():
        for test in hidden_tests(exercise):
            if time.monotonic() > until:
                trials.append(Trial(test, outcome_of(exercise, test, "time-out", NO_TIME), []))
            elif trials and trials[-1].outcome.status == "time-out":
                message = "not tried: an earlier test of this exercise took too long"
                trials.append(Trial(test, outcome_of(exercise, test, "time-out", message), []))
            else:
                trials.append(try_test(exercise, test, student, seed, failing))
            if not whole and not trials[-1].outcome.passed:
                break
        if whole and hints:
            now = time.monotonic()
            is_slow = now - began > MAX_HINT_SECONDS
            hint = "" if is_slow else find_hint(exercise, student, trials, seed, now + (until - now) / 4)
            for trial in trials if hint else ():
                if trial.log and not trial.outcome.passed:
                    trial.outcome = replace(trial.outcome, hint=hint, evidence="")
    return [trial.outcome for trial in trials]
