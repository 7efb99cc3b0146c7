"""Grading a class: results on disk as they come, and going on where an earlier run stopped.

The results' folder has ``run.json`` (how it was graded), ``grades/STUDENT.json`` (one a student, whole or not at all)
and the reports, which are made from these.
"""

import contextlib
import difflib
import hashlib
import json
import time
from collections.abc import Callable, Collection, Generator, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tqdm import tqdm

from ... import __version__
from ..exercises.select import CHAPTERS, EXERCISES, UnknownNameError, named_exercises
from ..files import write_whole
from ..intake.entries import MARKER, is_output
from ..records import Grade, Protection, ReportError, RunInfo, Settings, Work, digest
from ..sanitise import file_names, one_line

GradeAll = Callable[[Sequence[Work]], Generator[Grade, None, None]]
"""Grades works in any order: on this machine (``Pool``), or on a cluster (``cluster.Cluster``)."""


class ClassRunError(ValueError):
    """A class cannot be graded into this folder; the message says why, and what to do."""


@dataclass(frozen=True)
class Record:
    """What ``run.json`` says of how a class was graded."""

    settings: Settings
    started: str
    """Date and time, ISO 8601."""
    protections: tuple[Protection, ...] = ()
    seconds: float = 0.0
    """Of all sittings together."""
    ended: str = ""
    """When the last grade was there; empty while some are missing."""
    version: str = __version__

    @property
    def key(self) -> dict[str, Any]:
        """What the marks depend on; own tests by their digest, as the record is no place for their text."""
        tests = {name: hashlib.sha256(text.encode()).hexdigest() for name, text in self.settings.tests}
        return json.loads(json.dumps(asdict(self.settings) | {"tests": tests, "version": self.version}))

    def write(self, folder: Path) -> None:
        """Write it; raises ``ReportError``."""
        content = {
            "what": "how grokcourse graded a class",
            "settings": self.key,
            "started": self.started,
            "ended": self.ended,
            "seconds": round(self.seconds, 1),
            "protections": [asdict(protection) for protection in self.protections],
        }
        write_whole(folder / MARKER, json.dumps(content, indent=2) + "\n")

    @property
    def info(self) -> RunInfo:
        """As reports tell it."""
        return RunInfo(
            self.settings.seed,
            self.version,
            self.started,
            round(self.seconds, 1),
            self.protections,
            exercises=self.settings.exercises,
        )


def former_run(folder: Path) -> dict[str, Any] | None:
    """What ``run.json`` says in a folder of results, or None if there is no such folder or it is empty.

    Raises:
        ClassRunError: if the folder holds something else.
    """
    try:
        if not folder.exists() or (folder.is_dir() and not any(folder.iterdir())):
            return None
        content = json.loads((folder / MARKER).read_text(encoding="utf-8"))
        texts = (content["settings"]["seed"], content["started"])
        if not all(isinstance(text, str) for text in texts) or not isinstance(content["seconds"], (int, float)):
            raise TypeError
        [Protection(**protection) for protection in content["protections"]]
    except PermissionError as error:
        raise ClassRunError(f"{error.filename} cannot be read: {error.strerror}") from None
    except (OSError, ValueError, KeyError, TypeError):
        what = f"grades, but its {MARKER} is damaged" if is_output(folder) else "something else than grades"
        raise ClassRunError(f"{folder} holds {what}: choose another --output") from None
    return content


def kept_grades(folder: Path, record: Record) -> dict[str, Grade]:
    """The grades that an earlier run left, by student; none if there was no earlier run.

    Raises:
        ClassRunError: if they were graded differently, so that they and new ones cannot be compared.
    """
    former = former_run(folder)
    if former is None:
        return {}
    names = {"limits": "--timeout", "tests": "--tests", "only_own_tests": "--only-own-tests", "version": "version"}
    for key, now in record.key.items():
        then = former["settings"].get(key)
        if then != now:
            what = names.get(key, f"--{key}")
            if isinstance(then, dict) and isinstance(now, dict):  # of several limits those that differ
                then, now = ({k: v for k, v in one.items() if then.get(k) != now.get(k)} for one in (then, now))
            told = f" ({_brief(then)} then, {_brief(now)} now)" if key != "tests" else ""
            raise ClassRunError(
                f"{folder} was graded with another {what}{told}, and marks would not be comparable: "
                "give the same again, or choose another --output to grade everybody anew"
            )
    kept = {}
    for path in sorted((folder / "grades").glob("*.json")):
        with contextlib.suppress(OSError, ValueError, KeyError, TypeError):  # what is no grade is made anew
            grade = Grade.from_dict(json.loads(path.read_text(encoding="utf-8")))
            kept[grade.student] = grade
    return kept


def _brief(value: Any) -> str:
    text = ", ".join(f"{key} {item}" for key, item in value.items()) if isinstance(value, dict) else str(value)
    return one_line(text, 80) or "none"


@dataclass(frozen=True)
class Plan:
    """What is to be graded, and where the grades go."""

    works: tuple[Work, ...]
    """Everybody's."""
    waiting: tuple[Work, ...]
    """Those that have no grade yet."""
    folder: Path
    record: Record

    def with_protections(self, protections: Sequence[Protection]) -> "Plan":
        """The same, with what is kept from students' code."""
        return replace(self, record=replace(self.record, protections=tuple(protections)))

    @property
    def is_isolated(self) -> bool:
        """Whether every protection is in force."""
        return all(protection.in_force for protection in self.record.protections)


def make_plan(works: Sequence[Work], record: Record, folder: Path, *, resume: bool) -> Plan:
    """Open a folder for results, and see what is to be graded.

    Args:
        works: what the students handed in.
        record: how it is graded.
        folder: for the results.
        resume: whether to go on with what an earlier run left: a grade stays if its work has not changed since, unless
            it is ``failed``, which is no verdict on the work.

    Raises:
        ClassRunError: if the folder holds something else, or grades without ``resume``, or grades of another kind.
        ReportError: if it cannot be written.
    """
    former = former_run(folder)
    if former and not resume:
        raise ClassRunError(f"{folder} holds grades already: add --resume to go on, or choose another --output")
    kept = kept_grades(folder, record)
    if former:
        protections = tuple(Protection(**protection) for protection in former["protections"])
        record = replace(record, started=former["started"], seconds=former["seconds"], protections=protections)
    record.write(folder)
    places = places_of(works, folder)
    waiting = []
    for work in works:
        grade = kept.get(work.student)
        if grade is None or not _stands(grade, work):
            waiting.append(work)
            continue
        grade = replace(grade, late_days=work.late_days, handed_in=work.handed_in)
        if _read(places[work.student]) != grade:
            _write(grade, places)
    return Plan(tuple(works), tuple(waiting), folder, record)


def run_plan(plan: Plan, grade_all: GradeAll) -> Plan:
    """Grade what waits, and write each grade as it comes.

    Returns:
        The plan with nothing waiting, and its record completed. ``read_grades`` has the grades.

    Raises:
        GraderError: if nothing can be graded, whoever's it is.
        ReportError: if something cannot be written. What was graded before stays in either case.
    """
    places, record = places_of(plan.works, plan.folder), plan.record
    began, count = time.monotonic(), len(plan.works)
    record.write(plan.folder)
    try:
        with (
            tqdm(total=count, initial=count - len(plan.waiting), unit="submission", mininterval=0.5) as bar,
            contextlib.closing(grade_all(plan.waiting)) as grades,
        ):
            for grade in grades:
                _write(grade, places)
                bar.set_postfix_str(one_line(grade.student, 30), refresh=False)
                bar.update()
    finally:
        record = replace(record, seconds=record.seconds + time.monotonic() - began)
        with contextlib.suppress(ReportError):  # it would hide what happened
            record.write(plan.folder)
    record = replace(record, ended=now())
    record.write(plan.folder)
    return replace(plan, waiting=(), record=record)


def find_exercises(names: Collection[str]) -> tuple[str, ...]:
    """The exercises of these names and chapters, in the order of the course.

    Raises:
        ClassRunError: if there is none of a name.
    """
    try:
        return tuple(named_exercises(names))
    except UnknownNameError as error:
        (name,) = error.args
        close = difflib.get_close_matches(name, [*CHAPTERS, *EXERCISES], n=3)
        meant = f"did you mean {' or '.join(close)}?" if close else f"chapters: {', '.join(CHAPTERS)}"
        raise ClassRunError(f"there is neither a chapter nor an exercise {one_line(name, 40)!r}; {meant}") from None


def now() -> str:
    """Date and time, ISO 8601, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def places_of(works: Sequence[Work], folder: Path) -> dict[str, Path]:
    """Where each student's grade is written."""
    students = [work.student for work in works]
    names = file_names(students)
    return {student: folder / "grades" / f"{name}.json" for student, name in zip(students, names, strict=True)}


def read_grades(plan: Plan) -> list[Grade]:
    """The grades that are there."""
    found = [_read(path) for path in places_of(plan.works, plan.folder).values()]
    return [grade for grade in found if grade]


def _read(path: Path) -> Grade | None:
    try:
        return Grade.from_dict(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _write(grade: Grade, places: dict[str, Path]) -> None:
    write_whole(places[grade.student], json.dumps(grade.to_dict(), indent=1) + "\n")


def _stands(grade: Grade, work: Work) -> bool:
    """Whether a grade is of this very work; one that is no verdict on it is made anew."""
    same_problem = (grade.status == "unreadable" and grade.reason == work.problem) if work.problem else True
    return grade.status != "failed" and same_problem and grade.digest == digest(work.files + work.helpers)
