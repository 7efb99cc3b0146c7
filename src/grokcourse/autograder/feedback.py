"""``check``: what stands one line under every exercise in a notebook."""

import html
import secrets
from collections.abc import Sequence
from typing import Any, TypeVar

from .registry import CHAPTERS, Exercise, find_exercise
from .student import Host, Student
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
    feedback = Feedback(exercise, run_checks(exercise, answer))
    _show(feedback)
    return answer if feedback.passed else exercise.solution


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

    @property
    def passed(self) -> bool:
        """Whether every test passed."""
        return all(outcome.passed for outcome in self.outcomes)

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
                lines += [f"      {outcome.message}"] if outcome.message else []
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
                f'<td style="text-align:left">{html.escape(outcome.message)}</td></tr>'
            )
        table = f'<table style="margin:0.4em 0">{"".join(rows)}</table>' if rows else ""
        hints = "".join(f"<p><strong>Hint:</strong> {html.escape(hint)}</p>" for hint in self.hints)
        return f"<div><p><strong>{html.escape(self.verdict)}</strong></p>{table}{hints}</div>"


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
