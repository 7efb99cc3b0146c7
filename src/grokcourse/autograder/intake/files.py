"""What lies in a folder of submissions: entries, whose they are, and what to tell about them."""

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from ..records import Work
from ..sanitise import one_line
from .submission import ENDING, kind

MAX_FILES_A_STUDENT = 50
METADATA = "submission_metadata.yml"
"""Gradescope's."""
STAMP = "timestamp.txt"
"""nbgrader's."""
SHOWN = 10
"""Names in a note; more are counted."""


class ClassroomError(ValueError):
    """There is nothing to grade; the message says why in one sentence."""


@dataclass(frozen=True)
class Found:
    """What a folder of submissions holds."""

    layout: str
    """In words: ``a Canvas export``."""
    works: tuple[Work, ...]
    """One a student, by name."""
    notes: tuple[str, ...] = ()
    """What an instructor should know about them, one sentence each."""


@dataclass(frozen=True)
class Entry:
    """A file or an empty folder, by the names on the way to it; a zip file counts as a folder."""

    parts: tuple[str, ...]
    path: Path | None = None
    """Where its content is; without one it is of no use for grading."""
    problem: str = ""
    """Why a zip file cannot be unpacked, or a folder not be read."""

    @property
    def name(self) -> str:
        """The last of its names."""
        return self.parts[-1]


@dataclass(frozen=True)
class SubmittedFile:
    """A file, and whose it is."""

    student: str
    """As the layout names them, and not yet fit to be shown."""
    entry: Entry
    series: str = ""
    """Of two files in one series the later one counts."""
    order: float | None = None
    """Which one is later, where the export tells."""
    handed_in: str = ""
    """When, in ISO 8601, where the export tells; without an offset if it gives none."""
    is_late: bool = False
    """Whether the export says that it is late."""
    export: str = ""
    """In a folder of several exports: which."""


@dataclass
class Notes:
    """What to tell, with ``{}`` where the names go that it is about."""

    names: dict[str, list[str]] = field(default_factory=dict)
    counts: Counter[str] = field(default_factory=Counter)

    def add(self, text: str, *names: str) -> None:
        """Tell it, of these names too."""
        known = self.names.setdefault(text, [])
        known += names[: SHOWN - len(known)]
        self.counts[text] += len(names)

    def format_notes(self) -> tuple[str, ...]:
        """One sentence each."""
        return tuple(self._format_note(text) for text in self.names)

    def _format_note(self, text: str) -> str:
        if not self.names[text]:
            return text
        shown, count = ", ".join(one_line(name, 80) for name in self.names[text]), self.counts[text]
        return text.replace("{}", f"{shown} and {count - SHOWN} more" if count > SHOWN else shown)


def stem(name: str) -> str:
    """A file's name without its ending."""
    found = ENDING.search(name)
    return name[: found.start()] if found else PurePosixPath(name).stem


def is_gradable(entry: Entry) -> bool:
    """Whether it is a notebook or a Python file, by its name, whose content is there."""
    return entry.path is not None and bool(kind(entry.name))
