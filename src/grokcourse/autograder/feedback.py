"""``check``: what stands one line under every exercise in a notebook."""

import html
import secrets
from collections.abc import Sequence
from typing import Any, TypeVar

from .host import Host
from .registry import CHAPTERS, Exercise, find_exercise
from .scoring import Mark
from .student import Student
from .testing import Outcome, hidden_tests, run_test

Answer = TypeVar("Answer")

SIGNS = {"passed": "✓", "wrong": "✗", "error": "✗", "missing": "…", "time-out": "✗", "memory": "✗"}


def check(answer: Answer, name: str | None = None) -> Answer:
    """Test your answer to an exercise, show how it did, and return what the notebook should go on with.

    Args:
        answer: your function or class, or your prediction.
        name: the exercise; by default the function's own name.

    Returns:
        Your answer if it passes every test. If not, the course's own, so that the rest of the chapter works.

    Raises:
        KeyError: if there is no such exercise.
    """
    exercise = find_exercise(name or getattr(answer, "__name__", "?"))
    feedback = LATEST[exercise.name] = Feedback(exercise, run_checks(exercise, answer))
    _show(feedback)
    return answer if feedback.passed else exercise.solution


def points(name: str) -> "Points":
    """The points that the latest ``check`` of an exercise gave; in a notebook, ``check.points("split")``.

    nbgrader takes the number as the cell's score.

    Raises:
        KeyError: if there is no such exercise.
    """
    exercise = find_exercise(name)
    return Points(exercise, LATEST[name].points if name in LATEST else None)


check.points = points  # so that a notebook needs no further import
LATEST: dict[str, "Feedback"] = {}
"""What ``check`` said last of each exercise, in this process."""


def run_checks(exercise: Exercise, answer: Any, seed: str | None = None) -> list[Outcome]:
    """Run an exercise's hidden tests on an answer, in this process; by default on inputs drawn anew."""
    student = Student(Host({exercise.name: answer}))
    seed = secrets.token_hex(8) if seed is None else seed
    outcomes = []
    for test in hidden_tests(exercise):
        outcomes.append(run_test(exercise, test, student, seed))
        if outcomes[-1].status == "missing":
            break
    return outcomes


class Feedback:
    """What a student sees of an exercise's tests: a small table."""

    def __init__(self, exercise: Exercise, outcomes: Sequence[Outcome]) -> None:
        self.exercise = exercise
        self.outcomes = outcomes
        self.mark = Mark(exercise, tuple(outcomes))

    @property
    def passed(self) -> bool:
        """Whether every test passed."""
        return all(outcome.passed for outcome in self.outcomes)

    @property
    def points(self) -> float:
        """What its tests give: see ``Mark``."""
        return self.mark.points

    @property
    def verdict(self) -> str:
        """One sentence."""
        exercise = self.exercise
        if self.passed:
            return f"{exercise.name}: all {len(self.outcomes)} tests pass ({exercise.points} points)."
        what = "answered" if exercise.question else "written"
        if self.outcomes[-1].status == "missing":
            return f"{exercise.name} is not {what} yet. Until then, the course's own is used."
        failed = sum(not outcome.passed for outcome in self.outcomes)
        what = f"{failed} of {len(self.outcomes)} tests do not pass yet"
        return f"{exercise.name}: {what}. Until then, the course's own is used."

    @property
    def hints(self) -> list[str]:
        """The misconceptions found, each once."""
        return list(dict.fromkeys(outcome.hint for outcome in self.outcomes if outcome.hint))

    def __repr__(self) -> str:
        lines = [self.verdict]
        if self.outcomes[-1].status != "missing":
            for outcome in self.outcomes:
                lines.append(f"  {SIGNS[outcome.status]} {outcome.title}")
                message = self.mark.message(outcome)
                lines += [f"      {message}"] if message else []
        lines += [f"  Hint: {hint}" for hint in self.hints]
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        colours = {"✓": "#1a7f37", "✗": "#b3401f", "…": "#6b7280"}
        rows = []
        for outcome in self.outcomes if self.outcomes[-1].status != "missing" else ():
            sign = SIGNS[outcome.status]
            rows.append(
                f'<tr><td style="color:{colours[sign]};font-weight:bold;text-align:center">{sign}</td>'
                f'<td style="text-align:left">{html.escape(outcome.title)}</td>'
                f'<td style="text-align:left">{html.escape(self.mark.message(outcome))}</td></tr>'
            )
        table = f'<table style="margin:0.4em 0">{"".join(rows)}</table>' if rows else ""
        hints = "".join(f"<p><strong>Hint:</strong> {html.escape(hint)}</p>" for hint in self.hints)
        return f"<div><p><strong>{html.escape(self.verdict)}</strong></p>{table}{hints}</div>"


class Points:
    """The points for an exercise: as text a bare number, which nbgrader reads, and in a notebook a sentence."""

    def __init__(self, exercise: Exercise, got: float | None) -> None:
        self.exercise = exercise
        self.got = got
        """None if it has not been checked."""

    def __float__(self) -> float:
        return self.got or 0.0

    def __repr__(self) -> str:
        return repr(float(self))

    def _repr_html_(self) -> str:
        exercise = self.exercise
        if self.got is None:
            return f"<p><code>{exercise.name}</code>: run the cell above first.</p>"
        chapter = CHAPTERS[exercise.chapter]
        so_far = sum(LATEST[other.name].points for other in chapter if other.name in LATEST)
        return (
            f"<p><code>{exercise.name}</code>: {self.got:.3g} of {exercise.points} points; "
            f"in this chapter, {so_far:.3g} of {sum(other.points for other in chapter)} so far.</p>"
        )


def _show(feedback: Feedback) -> None:
    try:
        from IPython import get_ipython
        from IPython.display import display
    except ImportError:
        print(feedback)
        return
    display(feedback) if get_ipython() else print(feedback)


def verify_chapter(chapter: str) -> None:
    """Run the course's own solutions of a chapter through their hidden tests.

    Raises:
        AssertionError: if one of them does not get full marks; the site must not be built then.
        KeyError: if there is no such chapter.
    """
    for exercise in CHAPTERS[chapter]:
        feedback = Feedback(exercise, run_checks(exercise, exercise.solution))
        if not feedback.passed:
            raise AssertionError(f"the course's own solution fails:\n{feedback}")
