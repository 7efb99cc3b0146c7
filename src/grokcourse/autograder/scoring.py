"""Marks from outcomes: points by exercise and by chapter."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING

from .exercises.select import CHAPTERS, EXERCISES
from .exercises.spec import Exercise

if TYPE_CHECKING:
    from .records import Grade, Outcome

NOT_BY_ITSELF = "this holds, but gives no points by itself"
"""What students read of a side condition that their answer meets, as long as it passes nothing else."""


@dataclass(frozen=True)
class Mark:
    """What one submission gets for one exercise."""

    exercise: Exercise
    outcomes: tuple[Outcome, ...]
    complete: bool = False
    """Whether the outcomes are those of all tests; if not, all that the exercise has are counted."""

    @property
    def exact(self) -> Fraction:
        """What its tests give together."""
        return sum(map(self.share, self.outcomes), Fraction(0))

    def share(self, outcome: Outcome) -> Fraction:
        """What one of its tests gives: ``most`` if it passed; for a side condition only if another one passes.

        Args:
            outcome: one of ``outcomes``.
        """
        does_something = any(one.passed and not one.side for one in self.outcomes)
        counts = outcome.passed and (does_something or not outcome.side)
        return self.most(outcome) * counts

    def most(self, outcome: Outcome) -> Fraction:
        """What one of its tests can give: its share of the points by weight."""
        return Fraction(self.exercise.points * outcome.weight, sum(self._weights) or 1)

    def message(self, outcome: Outcome) -> str:
        """What students read of one of its tests, beside its title."""
        return NOT_BY_ITSELF if outcome.passed and not self.share(outcome) else outcome.message

    @property
    def points(self) -> float:
        """The same as a float."""
        return float(self.exact)

    @property
    def status(self) -> str:
        """ok, or the status of the first test that did not pass; ``not run`` if some were not run."""
        failed = [outcome.status for outcome in self.outcomes if not outcome.passed]
        if failed:
            return failed[0]
        return "ok" if self.outcomes and len(self.outcomes) == len(self._weights) else "not run"

    @property
    def _weights(self) -> list[int]:
        """Those of all its tests."""
        if self.complete:
            return [outcome.weight for outcome in self.outcomes]
        from .exercises.testing import hidden_tests

        return [test.weight for test in hidden_tests(self.exercise)]


def marks(outcomes: Iterable[Outcome], *, complete: bool = False) -> list[Mark]:
    """The marks of one submission, in the order of the course.

    Args:
        outcomes: how its exercises did in their tests.
        complete: whether these are all their tests, and not a choice of them.
    """
    by_exercise: dict[str, list[Outcome]] = {}
    for outcome in outcomes:
        by_exercise.setdefault(outcome.exercise, []).append(outcome)
    return [
        Mark(exercise, tuple(by_exercise[name]), complete)
        for name, exercise in EXERCISES.items()
        if name in by_exercise
    ]


def marks_of(grade: Grade) -> list[Mark]:
    """The marks of a student's work."""
    return marks(grade.outcomes, complete=True)


def table(marks: Sequence[Mark]) -> str:
    """Points by exercise and chapter, as text."""
    lines = []
    for chapter in CHAPTERS:
        rows = [mark for mark in marks if mark.exercise.chapter == chapter]
        if not rows:
            continue
        got, most = sum(mark.exact for mark in rows), sum(mark.exercise.points for mark in rows)
        lines.append(_row(chapter, got, most, ""))
        lines += [_row(f"  {mark.exercise.name}", mark.exact, mark.exercise.points, mark.status) for mark in rows]
    got, most = sum(mark.exact for mark in marks), sum(mark.exercise.points for mark in marks)
    return "\n".join([*lines, _row("all", got, most, "")])


def _row(name: str, got: Fraction | int, most: float, status: str) -> str:
    unit = "point " if most == 1 else "points"
    return f"{name:<28}{float(got):>6.4g} /{most:>4} {unit}  {status}".rstrip()
