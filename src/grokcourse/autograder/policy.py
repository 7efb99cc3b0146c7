"""How points become marks: what counts and how much, what lateness costs, and how the result is rounded.

A policy is a small TOML file. Every key may be left out::

    count = ["01-task", "02-transformer"]   # chapters or exercises; by default the chapters that enough handed in
    drop = ["twin_share"]                   # chapters or exercises that do not count after all
    maximum = 100                           # what full marks are worth; by default the sum of the points
    unreadable = "blank"                    # what a file that nobody can read gets: "blank" (the default) or "zero"

    [weights]                               # points are multiplied by these; an exercise's comes before its chapter's
    02-transformer = 2
    split = 1.5

    [late]
    per_day = 10        # percent, for every day that has begun
    of = "points"       # percent of what the student got (the default), or of the "maximum"
    cap = 50            # percent: it never costs more
    grace = 0.25        # days: the deadline is moved by so much
    due = 2026-11-20T23:59:59+01:00   # the deadline, with its time zone; for exports that tell when work came in

    [late.days]         # where the export of your platform does not tell, or is wrong
    "Anna Müller" = 2

    [rounding]          # of the final mark only; until then everything is an exact fraction
    step = 0.5
    direction = "up"    # "nearest" (the default; halves go up), "up" or "down"
"""

import difflib
import math
import tomllib
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

from .exercises.select import CHAPTERS, EXERCISES, named_exercises
from .exercises.spec import Exercise

MAX_BYTES = 2**20
"""A larger file is refused."""
MAX_NAME = 200
"""Characters of a name that are compared."""
MOST = 10**6
"""No number in a policy may be larger."""


class PolicyError(ValueError):
    """A policy cannot be used; the message names file and key, and says what is allowed."""


@dataclass(frozen=True)
class Late:
    """What lateness costs."""

    per_day: Fraction = Fraction(0)
    """Percent, for every day that has begun."""
    of: str = "points"
    """Percent of the ``points`` that the student got, or of the ``maximum``."""
    cap: Fraction = Fraction(100)
    """Percent: it never costs more."""
    grace: Fraction = Fraction(0)
    """Days by which the deadline is moved."""
    days: Mapping[str, Fraction] = field(default_factory=dict)
    """Days late by student (in Unicode's NFC form); they come before what the platform says."""
    due: datetime | None = None
    """The deadline, with its time zone."""

    def percent(self, days: Fraction) -> Fraction:
        """What so many days cost, in percent."""
        begun = math.ceil(max(days - self.grace, Fraction(0)))
        return min(begun * self.per_day, self.cap)


@dataclass(frozen=True)
class Lateness:
    """How late a student's work is, and who says so."""

    days: Fraction | None = None
    """None if nobody knows."""
    source: str = ""
    """In words that are fit for the student, too."""


@dataclass(frozen=True)
class Rounding:
    """How the final mark is rounded."""

    step: Fraction = Fraction(1, 100)
    """To a multiple of this."""
    direction: str = "nearest"
    """nearest (halves go up), up or down."""

    def __call__(self, value: Fraction) -> Fraction:
        """The value, rounded."""
        steps = value / self.step
        whole = {"up": math.ceil(steps), "down": math.floor(steps)}.get(
            self.direction, math.floor(steps + Fraction(1, 2))
        )
        return whole * self.step


@dataclass(frozen=True)
class Policy:
    """How points become marks. Without any arguments: every point counts once, and lateness costs nothing."""

    count: tuple[str, ...] = ()
    """The exercises that count; without any, those that the class was asked for."""
    drop: frozenset[str] = frozenset()
    """Exercises that do not count."""
    weights: Mapping[str, Fraction] = field(default_factory=dict)
    """By exercise; what is not in it counts once."""
    late: Late = field(default_factory=Late)
    rounding: Rounding = field(default_factory=Rounding)
    maximum: Fraction | None = None
    """What full marks are worth; None: the sum of the weighted points."""
    unreadable: str = "blank"
    """What an unreadable submission gets: ``blank`` (no marks, for a person to decide) or ``zero``."""
    source: str = ""
    """The file's name, or nothing."""

    def weight(self, exercise: Exercise) -> Fraction:
        """How often an exercise's points count."""
        return Fraction(0) if exercise.name in self.drop else self.weights.get(exercise.name, Fraction(1))

    def counted(self, asked: Iterable[str]) -> list[Exercise]:
        """The exercises that count, in the order of the course.

        Args:
            asked: the names of those that the class was asked for, for a policy that does not say what counts.
        """
        names = set(self.count or asked)
        return [exercise for name, exercise in EXERCISES.items() if name in names and self.weight(exercise) > 0]

    def lateness(self, student: str, told: float | None = None, handed_in: str = "") -> Lateness:
        """How late a student's work is: the table of days comes first, then what the platform says, then the deadline.

        Args:
            student: the name.
            told: days late by the platform's own deadline, if it tells.
            handed_in: when it came in, ISO 8601, if the platform tells; without an offset it is taken in that of
                the deadline.
        """
        if (name := _nfc(student)) in self.late.days:
            return Lateness(self.late.days[name], "as the instructor's policy says")
        if told is not None and math.isfinite(told):
            return Lateness(max(Fraction(str(told)), Fraction(0)), "by the platform's own deadline")
        due = self.late.due
        if not due or not handed_in:
            return Lateness()
        came = datetime.fromisoformat(handed_in)
        came = came.astimezone(due.tzinfo) if came.tzinfo else came.replace(tzinfo=due.tzinfo)
        late = Fraction((came - due) // timedelta(seconds=1), 86_400)
        return Lateness(max(late, Fraction(0)), f"handed in {came:%Y-%m-%d %H:%M:%S}, due {_moment(due)}")

    def final(self, points: Fraction, most: Fraction, late_days: Fraction | None) -> Fraction:
        """The final mark.

        Args:
            points: what the student got, weighted.
            most: what could be got, weighted.
            late_days: how late the work is, if that is known.
        """
        if most == 0:
            return Fraction(0)
        percent = self.late.percent(late_days or Fraction(0))
        lost = (points if self.late.of == "points" else most) * percent / 100
        out_of = self.out_of(most)
        return min(self.rounding(max(points - lost, Fraction(0)) / most * out_of), out_of)

    def out_of(self, most: Fraction) -> Fraction:
        """What full marks are worth, if so many weighted points can be got."""
        return most if self.maximum is None else self.maximum

    def unknown_students(self, students: Iterable[str]) -> list[str]:
        """One sentence for each name in the table of late days that nobody in the class has."""
        known = {_nfc(student) for student in students}
        return [
            f"{self.source}: late.days names {name!r}, but nobody in this class is called so{_meant(name, known)}"
            for name in self.late.days
            if name not in known
        ]

    def lateness_warnings(self, works: Sequence[tuple[str, str, Lateness]]) -> list[str]:
        """What keeps late work from costing what it should, one sentence each.

        Args:
            works: of each student the name, when the work came in (as for ``lateness``), and how late it is.
        """
        if not self.late.per_day or not works:
            return []
        unknown = [student for student, _, late in works if late.days is None]
        if not self.late.due and len(unknown) == len(works):
            there = "late.due, the deadline," if any(handed_in for _, handed_in, _ in works) else "[late.days]"
            return [f"{self.source}: lateness costs marks, but nothing says who is late: {there} can"]
        said = []
        if self.late.due and unknown:
            who = "anybody" if len(unknown) == len(works) else ", ".join(unknown)
            said.append(
                f"{self.source}: there is a deadline, but nothing says when the work of {who} came in: it counts as in "
                "time, unless [late.days] says otherwise"
            )
        if self.late.due and any(text and not datetime.fromisoformat(text).tzinfo for _, text, _ in works):
            said.append(
                f"The export's times have no time zone: they were taken in that of late.due, {_zone(self.late.due)}"
            )
        return said

    def describe(self) -> list[str]:
        """The policy in words, one sentence each."""
        said = []
        if self.count:
            said.append(f"These exercises count: {', '.join(self.count)}.")
        if self.drop:
            said.append(f"Dropped: {', '.join(name for name in EXERCISES if name in self.drop)}.")
        weighted = [f"{name} × {decimal(w)}" for name, w in self.weights.items() if w != 1 and name not in self.drop]
        said += [f"Weights: {', '.join(weighted)}."] if weighted else []
        if self.late.per_day and self.late.cap:
            what = "the points got" if self.late.of == "points" else "the maximum"
            cap = f", at most {decimal(self.late.cap)} %" if self.late.cap < 100 else ""
            grace = self.late.grace
            after = f" after {decimal(grace)} {'day' if grace == 1 else 'days'} of grace" if grace else ""
            said.append(f"Late work loses {decimal(self.late.per_day)} % of {what} for every day begun{after}{cap}.")
        else:
            said.append("Lateness costs nothing.")
        if self.late.due:
            said.append(f"Work is due {_moment(self.late.due)}.")
        if self.maximum is not None:
            said.append(f"Full marks are {decimal(self.maximum)}.")
        step, direction = self.rounding.step, self.rounding.direction
        towards = {"nearest": "to the nearest multiple", "up": "up to a multiple", "down": "down to a multiple"}
        said.append(f"Final marks are rounded {towards[direction]} of {decimal(step)}.")
        blank = "no marks, for a person to decide" if self.unreadable == "blank" else "0"
        said.append(f"A submission that cannot be read gets {blank}.")
        return said

    def to_dict(self) -> dict[str, Any]:
        """As JSON types."""
        late = self.late
        return {
            "source": self.source,
            "count": list(self.count),
            "drop": [name for name in EXERCISES if name in self.drop],
            "weights": {name: float(weight) for name, weight in self.weights.items()},
            "late": {
                "per_day": float(late.per_day),
                "of": late.of,
                "cap": float(late.cap),
                "grace": float(late.grace),
                "due": late.due.isoformat() if late.due else None,
                "days": {name: float(days) for name, days in late.days.items()},
            },
            "rounding": {"step": float(self.rounding.step), "direction": self.rounding.direction},
            "maximum": None if self.maximum is None else float(self.maximum),
            "unreadable": self.unreadable,
        }


def load(path: Path) -> Policy:
    """Read a policy.

    Args:
        path: the TOML file.

    Raises:
        PolicyError: if it cannot be read, or says anything that cannot be followed.
    """
    try:
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise PolicyError(f"{path} cannot be read: {error.strerror}") from error
    if len(content) > MAX_BYTES:
        raise PolicyError(f"{path} is larger than {MAX_BYTES // 2**20} MB, and hardly a policy")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise PolicyError(f"{path} is not a text file in UTF-8") from None
    return parse(text, path.name)


def parse(text: str, source: str = "policy") -> Policy:
    """Read a policy from TOML text; ``source`` is what messages call it.

    Raises:
        PolicyError: if it says anything that cannot be followed.
    """
    try:
        content = tomllib.loads(text, parse_float=Decimal)
    except tomllib.TOMLDecodeError as error:
        raise PolicyError(f"{source} is not valid TOML: {error}") from error
    except (RecursionError, ValueError) as error:  # nested too deeply; a whole number of thousands of digits
        raise PolicyError(f"{source} cannot be read as TOML: {error}") from error
    return _Reader(source).policy(content)


@dataclass(frozen=True)
class _Reader:
    """Turns TOML values into a policy; every complaint names the file and the key."""

    source: str

    def policy(self, content: Mapping[str, Any]) -> Policy:
        allowed = ("count", "drop", "maximum", "unreadable", "weights", "late", "rounding")
        self._keys(content, allowed, "")
        count = self._exercises(content.get("count", []), "count")
        drop = self._exercises(content.get("drop", []), "drop")
        if "count" in content and not count:
            self._fail("count", "is empty, so that nothing would count; leave it out if everything shall")
        maximum = self._number(content["maximum"], "maximum", positive=True) if "maximum" in content else None
        policy = Policy(
            count=tuple(count),
            drop=frozenset(drop),
            weights=self._weights(self._table(content, "weights")),
            late=self._late(self._table(content, "late")),
            rounding=self._rounding(self._table(content, "rounding")),
            maximum=maximum,
            unreadable=self._choice(content.get("unreadable", "blank"), "unreadable", ("blank", "zero")),
            source=self.source,
        )
        if not policy.counted(EXERCISES):
            self._fail("drop", "and weights leave no exercise that counts")
        return policy

    def _weights(self, table: Mapping[str, Any]) -> dict[str, Fraction]:
        given = {}
        for name, value in table.items():
            self._known(name, "weights")
            given[name] = self._number(value, f"weights.{name}")
        return {
            name: given.get(name, given.get(exercise.chapter, Fraction(1)))
            for name, exercise in EXERCISES.items()
            if name in given or exercise.chapter in given
        }

    def _late(self, table: Mapping[str, Any]) -> Late:
        self._keys(table, ("per_day", "of", "cap", "grace", "due", "days"), "late")
        days = {}
        for student, value in self._table(table, "days", "late.").items():
            if _nfc(student) in days:
                self._fail("late.days", f"names {_nfc(student)!r} twice")
            days[_nfc(student)] = self._number(value, f"late.days.{student!r}")
        return Late(
            per_day=self._number(table.get("per_day", 0), "late.per_day", most=100),
            of=self._choice(table.get("of", "points"), "late.of", ("points", "maximum")),
            cap=self._number(table.get("cap", 100), "late.cap", most=100),
            grace=self._number(table.get("grace", 0), "late.grace"),
            days=days,
            due=self._moment(table["due"], "late.due") if "due" in table else None,
        )

    def _rounding(self, table: Mapping[str, Any]) -> Rounding:
        self._keys(table, ("step", "direction"), "rounding")
        step = self._number(table.get("step", Decimal("0.01")), "rounding.step", positive=True)
        direction = self._choice(table.get("direction", "nearest"), "rounding.direction", ("nearest", "up", "down"))
        return Rounding(step, direction)

    def _table(self, content: Mapping[str, Any], key: str, inside: str = "") -> Mapping[str, Any]:
        table = content.get(key, {})
        if not isinstance(table, dict):
            self._fail(f"{inside}{key}", f"has to be a table ([{inside}{key}]), not {_shown(table)}")
        return table

    def _keys(self, table: Mapping[str, Any], allowed: Sequence[str], inside: str) -> None:
        for key in table:
            if key not in allowed:
                where = f" in [{inside}]" if inside else ""
                meant = _meant(key, allowed)
                raise PolicyError(
                    f"{self.source}: there is no key {key!r}{where}{meant}; allowed are {', '.join(allowed)}"
                )

    def _known(self, name: str, key: str) -> None:
        if name not in EXERCISES and name not in CHAPTERS:
            meant = _meant(name, [*CHAPTERS, *EXERCISES])
            self._fail(
                key,
                f"names {name!r}, which is no exercise and no chapter{meant}; "
                f"chapters are {', '.join(CHAPTERS)}, and their exercises",
            )

    def _exercises(self, value: Any, key: str) -> list[str]:
        if not isinstance(value, list) or not all(isinstance(name, str) for name in value):
            self._fail(key, f'has to be a list of exercises and chapters, such as ["01-task"], not {_shown(value)}')
        for name in value:
            self._known(name, key)
        return named_exercises(value)

    def _number(self, value: Any, key: str, *, positive: bool = False, most: int = MOST) -> Fraction:
        least = "more than 0" if positive else "0 or more"
        allowed = f"has to be a number, {least} and at most {most:,}"
        if isinstance(value, bool) or not isinstance(value, (int, Decimal)):
            self._fail(key, f"{allowed}, not {_shown(value)}")
        if not (Decimal(value).is_finite() and 0 <= value <= most) or (positive and value == 0):
            self._fail(key, f"{allowed}, not {_shown(value)}")
        if isinstance(value, Decimal) and value and value.adjusted() < -12:
            self._fail(key, f"is {_shown(value)}, which is too small to mean anything")
        return Fraction(value)

    def _moment(self, value: Any, key: str) -> datetime:
        if not isinstance(value, datetime) or value.tzinfo is None:
            self._fail(
                key, f"has to be a date and time with its time zone, as 2026-11-20T23:59:59+01:00, not {_shown(value)}"
            )
        return value

    def _choice(self, value: Any, key: str, allowed: Sequence[str]) -> str:
        if value not in allowed or not isinstance(value, str):
            self._fail(key, f"has to be {' or '.join(map(repr, allowed))}, not {_shown(value)}")
        return value

    def _fail(self, key: str, what: str) -> None:
        raise PolicyError(f"{self.source}: {key} {what}")


def decimal(value: Fraction, digits: int = 4) -> str:
    """A number as people write it: at most so many decimals, and none that are zero."""
    rounded = math.floor(value * 10**digits + Fraction(1, 2))
    whole, rest = divmod(rounded, 10**digits)
    return f"{whole}.{rest:0{digits}d}".rstrip("0").rstrip(".")


def _moment(value: datetime) -> str:
    return f"{value:%Y-%m-%d %H:%M:%S} {_zone(value)}"


def _zone(value: datetime) -> str:
    return value.tzname() or ""


def _meant(name: str, known: Iterable[str]) -> str:
    close = difflib.get_close_matches(name, list(known), n=1)
    return f" (did you mean {close[0]!r}?)" if close else ""


def _nfc(text: str) -> str:
    return unicodedata.normalize("NFC", text[:MAX_NAME])


def _shown(value: Any) -> str:
    kind = {bool: "true" if value is True else "false", dict: "a table", list: "a list"}.get(type(value))
    if isinstance(value, Decimal) and not value.is_finite():
        kind = str(float(value))  # as TOML writes it: nan, inf
    shown = kind or (repr(value) if isinstance(value, str) else str(value))
    return shown if len(shown) <= 60 else f"{shown[:57]}…"
