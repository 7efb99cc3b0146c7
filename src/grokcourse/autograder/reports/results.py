"""A class's grades under a policy, as rows that every report reads."""

from __future__ import annotations

import json
import math
import statistics
import unicodedata
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from functools import cached_property
from typing import TYPE_CHECKING

from ..exercises.select import CHAPTERS
from ..exercises.spec import Exercise
from ..policy import Lateness, Policy, decimal
from ..records import RunInfo
from ..sanitise import MAX_FOLDED, MAX_NAME, file_names, folded, one_line
from ..scoring import Mark, marks_of

if TYPE_CHECKING:
    from ..records import Grade, Outcome

BINS = 10
"""Bars of the distribution of marks."""
NOT_HANDED_IN = "not handed in"
"""The status of an exercise that counts, and of which the student's files know nothing."""


@dataclass(frozen=True)
class Row:
    """One student's line in the reports."""

    grade: Grade
    name: str
    """The student's name, fit to be shown."""
    feedback: str
    """The feedback page's path in the folder of the reports."""
    marks: dict[str, Mark]
    """By exercise: those that count (without outcomes if not handed in), and those done besides."""
    points: Fraction | None
    """Weighted; None if there are no marks."""
    most: Fraction
    """What could be got, weighted: the same for the whole class."""
    lateness: Lateness
    """How late it is, and who says so."""
    late_percent: Fraction
    """What lateness costs, in percent."""
    final: Fraction | None
    """The mark after lateness and rounding; None if there are no marks."""
    out_of: Fraction
    """What full marks are worth."""
    notes: list[str] = field(default_factory=list)
    """What the instructor should know, one sentence or phrase each."""

    @property
    def late_days(self) -> Fraction | None:
        """None if unknown."""
        return self.lateness.days

    @property
    def files(self) -> str:
        """The names of the student's files, fit to be shown."""
        return ", ".join(one_line(file, MAX_NAME) for file in self.grade.files)

    @property
    def percent(self) -> Fraction | None:
        """Points got, of those that could be got; before lateness."""
        return None if self.points is None or not self.most else 100 * self.points / self.most

    @property
    def final_percent(self) -> Fraction | None:
        """The final mark, of full marks."""
        return None if self.final is None or not self.out_of or not self.most else 100 * self.final / self.out_of


@dataclass(frozen=True)
class ExerciseResult:
    """How a class did in one exercise."""

    exercise: Exercise
    share: Fraction
    """Of the points, on average over those who were graded."""
    statuses: Counter[str]
    """How many students got each status."""


@dataclass(frozen=True)
class Misconception:
    """A known mistake, and who made it."""

    exercise: Exercise
    hint: str
    rows: list[Row]


@dataclass(frozen=True)
class Unexplained:
    """A test that failed for no known mistake, and whose answers did."""

    exercise: Exercise
    example: Outcome
    """Of the first of them."""
    rows: list[Row]


@dataclass(frozen=True)
class ClassResult:
    """A whole class."""

    policy: Policy
    info: RunInfo
    exercises: list[Exercise]
    """Those that count, in the order of the course."""
    rows: list[Row]
    """By name."""
    asked: frozenset[str] = frozenset()
    """The exercises that the class was asked for, as far as that can be told."""

    @classmethod
    def of(cls, grades: Sequence[Grade], policy: Policy, info: RunInfo) -> ClassResult:
        """Apply a policy to grades."""
        grades = sorted(grades, key=lambda grade: (_letters(grade.student), grade.student))
        by_grade = [{mark.exercise.name: mark for mark in marks_of(grade)} for grade in grades]
        graded = [set(found) for grade, found in zip(grades, by_grade, strict=True) if grade.status == "graded"]
        asked = assigned(graded, info.exercises)
        exercises = policy.counted(asked)
        files = file_names(grade.student for grade in grades)
        times = Counter(folded(grade.student) for grade in grades)
        rows = []
        for grade, found, file in zip(grades, by_grade, files, strict=True):
            row = _row(grade, found, exercises, policy, f"feedback/{file}.html")
            if times[folded(grade.student)] > 1:
                row.notes.insert(0, "another submission has the same name")
            rows.append(row)
        return cls(policy, info, exercises, rows, asked)

    def weighted(self, row: Row, exercise: Exercise) -> Fraction:
        """A student's weighted points for an exercise."""
        return self.policy.weight(exercise) * row.marks[exercise.name].exact

    def most(self, exercise: Exercise) -> Fraction:
        """The weighted points that an exercise is worth."""
        return self.policy.weight(exercise) * exercise.points

    @cached_property
    def chapters(self) -> dict[str, list[Exercise]]:
        """The exercises that count, by chapter."""
        found = {chapter: [e for e in self.exercises if e.chapter == chapter] for chapter in CHAPTERS}
        return {chapter: exercises for chapter, exercises in found.items() if exercises}

    def by_chapter(self, row: Row) -> list[Fraction | None]:
        """A student's weighted points for each of ``chapters``; None if the work was not graded."""
        if row.grade.status != "graded":
            return [None] * len(self.chapters)
        return [
            sum((self.weighted(row, exercise) for exercise in exercises), Fraction(0))
            for exercises in self.chapters.values()
        ]

    @cached_property
    def graded(self) -> list[Row]:
        """Those whose work was graded."""
        return [row for row in self.rows if row.grade.status == "graded"]

    @cached_property
    def not_graded(self) -> list[Row]:
        """Those whose work could not be graded."""
        return [row for row in self.rows if row.grade.status != "graded"]

    @cached_property
    def finals(self) -> list[float]:
        """Everybody's final mark as a percentage, in rising order; of those who have one."""
        return sorted(float(row.final_percent) for row in self.rows if row.final_percent is not None)

    @property
    def bins(self) -> list[int]:
        """How many final marks lie in each tenth; full marks are in the last."""
        counts = [0] * BINS
        for percent in self.finals:
            counts[min(int(percent * BINS / 100), BINS - 1)] += 1
        return counts

    @property
    def quartiles(self) -> tuple[float, float, float]:
        """A quarter, a half and three quarters of the final marks are at most these; needs a mark."""
        if len(self.finals) == 1:
            return (self.finals[0],) * 3
        low, middle, high = statistics.quantiles(self.finals, n=4, method="inclusive")
        return low, middle, high

    @cached_property
    def by_difficulty(self) -> list[ExerciseResult]:
        """The exercises that count, hardest first; empty if nobody was graded."""
        found = []
        for exercise in self.exercises if self.graded else ():
            got = [row.marks[exercise.name] for row in self.graded]
            share = sum((mark.exact for mark in got), Fraction(0)) / (exercise.points * len(got))
            found.append(ExerciseResult(exercise, share, Counter(map(status_of, got))))
        return sorted(found, key=lambda result: result.share)

    @cached_property
    def misconceptions(self) -> list[Misconception]:
        """The known mistakes that were made, the most frequent first."""
        found: dict[tuple[str, str], Misconception] = {}
        for row in self.graded:
            for name, mark in row.marks.items():
                for hint in dict.fromkeys(outcome.hint for outcome in mark.outcomes if outcome.hint):
                    found.setdefault((name, hint), Misconception(mark.exercise, hint, [])).rows.append(row)
        return sorted(found.values(), key=lambda misconception: -len(misconception.rows))

    def _besides(self) -> list[str]:
        """What some handed in that the class was not asked for."""
        if self.policy.count or self.info.exercises:
            return []
        counts = Counter(
            chapter
            for row in self.graded
            for chapter in {row.marks[name].exercise.chapter for name in row.marks if name not in self.asked}
        )
        chapters = list(self.chapters)
        return [
            f"{chapter} was handed in by {counts[chapter]} of {len(self.graded)}, and does not count: to change that, "
            f"name all that counts in a policy (count = {json.dumps(sorted({*chapters, chapter}))}) and add --resume."
            for chapter in CHAPTERS
            if counts[chapter]
        ]

    @cached_property
    def unexplained(self) -> list[Unexplained]:
        """The tests that failed without a hint, the most frequent first."""
        found: dict[tuple[str, str], Unexplained] = {}
        for row in self.graded:
            for name, mark in row.marks.items():
                for outcome in mark.outcomes:
                    if outcome.status in ("wrong", "error") and not outcome.hint:
                        key = (name, outcome.title)
                        found.setdefault(key, Unexplained(mark.exercise, outcome, [])).rows.append(row)
        return sorted(found.values(), key=lambda unexplained: -len(unexplained.rows))

    @cached_property
    def remarks(self) -> list[str]:
        """What the instructor should know about the class, one sentence each."""
        said = []
        failed = [row.name for row in self.not_graded if row.grade.status == "failed"]
        if failed:
            said.append(f"Grading broke off for {', '.join(failed)}, and gave no marks: grade again with --resume.")
        for chapter, exercises in self.chapters.items():
            having = sum(
                any(status_of(row.marks[exercise.name]) != NOT_HANDED_IN for exercise in exercises)
                for row in self.graded
            )
            if 2 * having < len(self.graded):
                said.append(
                    f"{chapter} was handed in by {having} of {len(self.graded)}, and counts for everybody: "
                    f"name what counts in a policy (count = …) to leave it out."
                )
        said += self._besides()
        if self.graded and not self.exercises:
            said.append("No exercise counts, so that there is nothing to get: look at the policy.")
        said += [f"{sentence}." for sentence in self.policy.unknown_students(row.grade.student for row in self.rows)]
        told = [(row.name, row.grade.handed_in, row.lateness) for row in self.graded]
        said += [f"{sentence}." for sentence in self.policy.lateness_warnings(told)]
        twice = {row.name for row in self.rows if row.notes and row.notes[0].startswith("another submission")}
        said += [f"More than one submission is called {name}." for name in sorted(twice)]
        missing = [protection.name for protection in self.info.protections if not protection.in_force]
        if missing:
            said.append(f"Not in force on this machine: {', '.join(missing)}.")
        return said


def assigned(handed_in: Sequence[Collection[str]], asked: Collection[str] = ()) -> frozenset[str]:
    """The exercises that a class was asked for.

    A chapter counts if it was handed in, with all its exercises, by a third of the class and by two students at least.
    So no single submission decides what the others are measured by. Where no chapter is, the same goes for single
    exercises; where even these have nothing in common, what most handed in counts.

    Args:
        handed_in: for each student who was graded, the names of the exercises.
        asked: the exercises that the instructor asked for, if that is known; they are the answer then.
    """
    if asked:
        return frozenset(asked)
    enough = min(len(handed_in), max(2, math.ceil(len(handed_in) / 3)))
    inside = {chapter: frozenset(exercise.name for exercise in exercises) for chapter, exercises in CHAPTERS.items()}
    chapters = Counter(inside[c] for names in handed_in for c in inside if inside[c] and inside[c] <= set(names))
    single = Counter(frozenset([name]) for names in handed_in for name in names)
    for counts in (chapters, single):
        if common := [names for names, count in counts.items() if count >= enough]:
            return frozenset().union(*common)
    counts = chapters or single
    return frozenset().union(*(names for names, count in counts.items() if count == max(counts.values())))


def status_of(mark: Mark) -> str:
    """A mark's status; ``not handed in`` if none of the student's files was of the exercise."""
    return NOT_HANDED_IN if all(outcome.message == NOT_HANDED_IN for outcome in mark.outcomes) else mark.status


def _row(grade: Grade, found: dict[str, Mark], exercises: list[Exercise], policy: Policy, feedback: str) -> Row:
    is_graded = grade.status == "graded"
    all_marks = {exercise.name: found.get(exercise.name, Mark(exercise, (), True)) for exercise in exercises} | found
    most = sum((policy.weight(exercise) * exercise.points for exercise in exercises), Fraction(0))
    got = sum((policy.weight(exercise) * all_marks[exercise.name].exact for exercise in exercises), Fraction(0))
    points = got if is_graded else None
    if grade.status == "unreadable" and policy.unreadable == "zero":
        points = Fraction(0)
    lateness = policy.lateness(grade.student, grade.late_days, grade.handed_in)
    late_percent = policy.late.percent(lateness.days or Fraction(0))
    final = None if points is None else policy.final(points, most, lateness.days)
    row = Row(
        grade=grade,
        name=one_line(grade.student, MAX_NAME) or "(no name)",
        feedback=feedback,
        marks=all_marks,
        points=points,
        most=most,
        lateness=lateness,
        late_percent=late_percent,
        final=final,
        out_of=policy.out_of(most),
    )
    row.notes.extend(_notes(row, exercises, policy))
    return row


def _notes(row: Row, exercises: list[Exercise], policy: Policy) -> list[str]:
    grade, notes = row.grade, []
    if grade.status != "graded":
        return [one_line(grade.reason) or "no reason was given"]
    if row.late_percent and row.late_days is not None:
        percent = decimal(row.late_percent, 2)
        notes.append(f"{days(row.late_days)} late: −{percent} % of the {policy.late.of} ({row.lateness.source})")
    if grade.problems:
        more = f" (and {len(grade.problems) - 1} more)" if len(grade.problems) > 1 else ""
        notes.append(f"{one_line(grade.problems[0], 200)}{more}")
    missing = [exercise for exercise in exercises if status_of(row.marks[exercise.name]) == NOT_HANDED_IN]
    for chapter in dict.fromkeys(exercise.chapter for exercise in missing):
        of_chapter = [exercise for exercise in exercises if exercise.chapter == chapter]
        names = [exercise.name for exercise in missing if exercise.chapter == chapter]
        notes.append(f"not handed in: {chapter if len(names) == len(of_chapter) else ', '.join(names)}")
    return notes


def days(number: Fraction) -> str:
    """So many days, in words."""
    if 0 < number < Fraction(1, 100):
        return "less than 0.01 days"
    return f"{decimal(number, 2)} {'day' if number == 1 else 'days'}"


def _letters(student: str) -> str:
    """What names are sorted by: without accents."""
    text = unicodedata.normalize("NFKD", student[:MAX_FOLDED].casefold())
    return "".join(c for c in text if not unicodedata.combining(c))
