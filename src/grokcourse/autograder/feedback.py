"""``check``: what stands one line under every exercise in a notebook."""

import html
import random
import re
import secrets
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, TypeVar

import numpy as np
import torch

from ..config import RunConfig
from .exercises import evidence
from .exercises.select import CHAPTERS, find_exercise
from .exercises.spec import Exercise
from .exercises.student import Exchange, Student
from .grade import run_tests
from .records import Outcome
from .sandbox.untrusted.cells import Cell
from .sandbox.untrusted.host import Host, Printed
from .sandbox.untrusted.loading import NOT_DATA, Code
from .scoring import Mark

Answer = TypeVar("Answer")

SIGNS = {"passed": "✓", "wrong": "✗", "error": "✗", "missing": "…", "time-out": "✗", "memory": "✗"}
COLOURS = {"✓": "#1f883d", "✗": "#d1242f", "…": "#7a828e"}
"""Legible on white and on black."""
MAX_OUTPUTS = 2
"""Of so many tests it is shown what the answer printed."""


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
    exercise = find_exercise(str(name or getattr(answer, "__name__", "?")))
    feedback = LATEST[exercise.name] = _as_graded(_checked(exercise, answer))
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


check.__dict__["points"] = points  # so that a notebook needs no further import
LATEST: dict[str, "Feedback"] = {}
"""What ``check`` said last of each exercise, in this process."""


def inputs(name: str) -> dict[str, Any]:
    """The arguments at which the latest ``check`` of an exercise failed first; ``check.inputs("split")`` in a notebook.

    Returns:
        Parameter → value, so that ``split(**check.inputs("split"))`` tries it again; empty if nothing failed.

    Raises:
        KeyError: if there is no such exercise.
    """
    exercise = find_exercise(name)
    return dict(LATEST[exercise.name].inputs) if exercise.name in LATEST else {}


check.__dict__["inputs"] = inputs


def run_checks(exercise: Exercise, answer: Any, seed: str | None = None, *, hints: bool = True) -> list[Outcome]:
    """Run an exercise's hidden tests on an answer, in this process; by default on inputs drawn anew."""
    return list(_checked(exercise, answer, seed, hints=hints).outcomes)


def _checked(exercise: Exercise, answer: Any, seed: str | None = None, *, hints: bool = True) -> "Feedback":
    host = Host({exercise.name: answer})
    failing: dict[str, Exchange] = {}
    with torch.random.fork_rng(devices=[]):  # the notebook goes on as if nothing had been drawn
        states = random.getstate(), np.random.get_state()
        try:
            seed = secrets.token_hex(8) if seed is None else seed
            outcomes = run_tests(exercise, Student(host), seed, hints=hints, failing=failing)
        finally:
            random.setstate(states[0])
            np.random.set_state(states[1])
    first = next(iter(failing.values()), None)
    printed = {outcome.title: made for outcome, made in zip(outcomes, host.printed, strict=False) if made.text}
    return Feedback(exercise, outcomes, printed, evidence.inputs(first, exercise) if first else {})


def _as_graded(feedback: "Feedback") -> "Feedback":
    """Not passed if a question is answered by code that grading, which only reads answers, does not run."""
    problem = _unreadable(feedback.exercise.name) if feedback.exercise.question and feedback.passed else ""
    if not problem:
        return feedback
    message = f"the value is right, but would get no points when the notebook is graded: {problem}"
    return Feedback(feedback.exercise, [replace(one, status="wrong", message=message) for one in feedback.outcomes])


def _unreadable(name: str) -> str:
    """Why the answer to a question could not be read in the cells that have been run, if that can be told."""
    shell = sys.modules["IPython"].get_ipython() if "IPython" in sys.modules else None
    sources = shell.user_ns.get("In", []) if shell else []
    try:
        code = Code([Cell(f"cell {number}", source) for number, source in enumerate(sources)])
        value, problem = code.answers([name], RunConfig).get(name, (None, ""))
    except Exception:  # what cannot be read here is no complaint
        return ""
    return problem if value is None and NOT_DATA in problem else ""


class Feedback:
    """What a student sees of an exercise's tests: a small table."""

    def __init__(
        self,
        exercise: Exercise,
        outcomes: Sequence[Outcome],
        printed: Mapping[str, Printed] | None = None,
        inputs: Mapping[str, Any] | None = None,
    ) -> None:
        self.exercise = exercise
        self.outcomes = outcomes
        self.printed = printed or {}
        """What the answer printed, by the test's title."""
        self.inputs = inputs or {}
        """The arguments at which it failed first."""
        self.mark = Mark(exercise, tuple(outcomes))

    @property
    def passed(self) -> bool:
        """Whether every test passed."""
        return all(outcome.passed for outcome in self.outcomes)

    @property
    def is_missing(self) -> bool:
        """Whether there is only the stub."""
        return {outcome.status for outcome in self.outcomes} == {"missing"}

    @property
    def points(self) -> float:
        """What its tests give: see ``Mark``."""
        return self.mark.points

    @property
    def verdict(self) -> str:
        """One sentence."""
        exercise, count = self.exercise, len(self.outcomes)
        if self.passed:
            tests = f"all {count} tests pass" if count > 1 else "its test passes"
            return f"{exercise.name}: {tests} ({_plural(exercise.points, 'point')})."
        if self.is_missing:
            what = "answered" if exercise.question else "written"
            return f"{exercise.name} is not {what} yet. Until then, the course's own is used."
        failed = sum(not outcome.passed for outcome in self.outcomes)
        what = f"{failed} of {_plural(count, 'test')} {'does' if failed == 1 else 'do'} not pass yet"
        return f"{exercise.name}: {what}. Until then, the course's own is used."

    @property
    def hints(self) -> list[str]:
        """The misconceptions found, each once."""
        return list(dict.fromkeys(outcome.hint for outcome in self.outcomes if outcome.hint))

    @property
    def rows(self) -> list[tuple[str, str, list[str]]]:
        """For each test a sign, its title, and what there is to say; the same error is told once."""
        if self.is_missing:
            return []
        errors = Counter(outcome.message for outcome in self.outcomes if outcome.status == "error")
        rows, told = [], set()
        for outcome in self.outcomes:
            said = [self.mark.message(outcome), outcome.evidence]
            if errors[outcome.message] > 1 and outcome.status == "error":
                if outcome.message in told:
                    said = ["the same error"]
                else:
                    said[0] = f"{outcome.message}, in {errors[outcome.message]} tests"
                told.add(outcome.message)
            rows.append((SIGNS[outcome.status], outcome.title, [text for text in said if text]))
        return rows

    @property
    def notes(self) -> list[str]:
        """What stands below the table."""
        notes = [f"Hint: {hint}" for hint in self.hints]
        if self.inputs and not self.hints:
            name = self.exercise.name
            notes.append(f'To try it again where it failed first: `{name}(**check.inputs("{name}"))`')
        return notes

    @property
    def output(self) -> list[tuple[str, str]]:
        """What the answer printed, each text once, and in which test."""
        once: dict[str, str] = {}
        failed = {outcome.title: not outcome.passed for outcome in self.outcomes}
        for title, printed in sorted(self.printed.items(), key=lambda one: -failed[one[0]]):
            more = f"\n… and {_plural(printed.left_out, 'more character')}" if printed.left_out else ""
            once.setdefault(printed.text.rstrip() + more, title)
        return [(f"Printed in the test “{title}”:", text) for text, title in [*once.items()][:MAX_OUTPUTS]]

    def __repr__(self) -> str:
        lines = [self.verdict]
        for sign, title, said in self.rows:
            lines += [f"  {sign} {title}", *(f"      {text}" for text in said)]
        lines += [f"  {note}" for note in self.notes]
        for title, text in self.output:
            lines += [f"  {title}", *(f"      {line}" for line in text.splitlines())]
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        cell = "text-align:left;vertical-align:top"
        rows = "".join(
            f'<tr><td style="color:{COLOURS[sign]};font-weight:bold;{cell}">{sign}</td>'
            f'<td style="{cell}">{_marked_up(title)}</td>'
            f'<td style="{cell}">{"<br>".join(map(_marked_up, said))}</td></tr>'
            for sign, title, said in self.rows
        )
        parts = [f"<p><strong>{_marked_up(self.verdict)}</strong></p>"]
        parts += [f'<table style="margin:0.4em 0">{rows}</table>'] if rows else []
        parts += [f"<p>{_marked_up(note).replace('Hint:', '<strong>Hint:</strong>', 1)}</p>" for note in self.notes]
        for title, text in self.output:
            parts.append(f"<p>{_marked_up(title)}</p><pre>{html.escape(text)}</pre>")
        return f"<div>{''.join(parts)}</div>"


def _plural(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _marked_up(text: str) -> str:
    """A text as HTML; what stands between backticks as code."""
    return re.sub("`([^`]+)`", r"<code>\1</code>", html.escape(text))


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
            f"<p><code>{exercise.name}</code>: {self.got:.3g} of {_plural(exercise.points, 'point')}; "
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
