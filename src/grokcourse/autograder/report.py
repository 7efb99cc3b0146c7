"""Marks from outcomes: points by exercise and by chapter."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from .registry import CHAPTERS, EXERCISES, Exercise
from .testing import Outcome, hidden_tests


@dataclass(frozen=True)
class Mark:
    """What one submission gets for one exercise."""

    exercise: Exercise
    outcomes: tuple[Outcome, ...]

    @property
    def points(self) -> float:
        """The exercise's points, shared equally among its tests."""
        passed = sum(outcome.passed for outcome in self.outcomes)
        return self.exercise.points * passed / len(hidden_tests(self.exercise))

    @property
    def status(self) -> str:
        """ok, or the status of the first test that did not pass; ``not run`` if some were not run."""
        failed = [outcome.status for outcome in self.outcomes if not outcome.passed]
        if failed:
            return failed[0]
        return "ok" if len(self.outcomes) == len(hidden_tests(self.exercise)) else "not run"


def marks(outcomes: Iterable[Outcome]) -> list[Mark]:
    """The marks of one submission, in the order of the course."""
    by_exercise: dict[str, list[Outcome]] = {}
    for outcome in outcomes:
        by_exercise.setdefault(outcome.exercise, []).append(outcome)
    return [Mark(exercise, tuple(by_exercise[name])) for name, exercise in EXERCISES.items() if name in by_exercise]


def table(marks: Sequence[Mark]) -> str:
    """Points by exercise and chapter, as text."""
    lines = []
    for chapter in CHAPTERS:
        rows = [mark for mark in marks if mark.exercise.chapter == chapter]
        if not rows:
            continue
        got, most = sum(mark.points for mark in rows), sum(mark.exercise.points for mark in rows)
        lines.append(_row(chapter, got, most, ""))
        lines += [_row(f"  {mark.exercise.name}", mark.points, mark.exercise.points, mark.status) for mark in rows]
    got, most = sum(mark.points for mark in marks), sum(mark.exercise.points for mark in marks)
    return "\n".join([*lines, _row("all", got, most, "")])


def _row(name: str, got: float, most: float, status: str) -> str:
    return f"{name:<28}{got:>6.4g} /{most:>4} points  {status}".rstrip()
