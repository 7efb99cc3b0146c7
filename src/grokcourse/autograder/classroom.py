"""Who handed in what: from a folder or a zip file, laid out as the platforms export it, to one ``Work`` a student.

Files are looked at and never run, and what is in them is read in a process of its own (``archive``). What a student
could choose, names inside a folder or a zip file, decides neither where anything is written nor whose work it is: that
the first part of a path does, given by platform or instructor. A layout is recognised by names of that level alone, and
a folder of exports only if each of its folders is one by itself.
"""

import itertools
import os
import re
import unicodedata
import zipfile
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath

from . import archive
from .archive import Account, Opener, OpenError, ReaderError
from .grades import Work
from .registry import CHAPTERS
from .reports.sanitise import file_names, one_line, told_apart
from .submission import ENDING, MAX_BYTES, kind

MARKER = "run.json"
"""A folder with this file and a folder ``grades`` holds results of an earlier run, and no submissions."""
IGNORED = {"__MACOSX", "__pycache__", "Thumbs.db", "desktop.ini", "site-packages", "node_modules"}
"""What operating systems, Python and package managers leave behind; so is whatever begins with a dot."""
MAX_FILES = 20_000
"""More names in a class's folder are no class: the wrong folder, or a trap."""
MAX_FILES_A_STUDENT = 50
MAX_OTHERS = 20
"""Of the files that cannot be graded, so many are remembered of each folder, for messages."""
MAX_DEPTH = 40
"""Folders in folders that are looked into."""
METADATA = "submission_metadata.yml"
"""Gradescope's."""
MAX_METADATA = 64 * 2**20
STAMP = "timestamp.txt"
"""nbgrader's."""
MAX_MEMBERS = 2_000_000
"""Of a whole class's zip file."""
MAX_CLASS = 2**34
"""Bytes that a whole class's zip file may unpack to."""
RATIO = 50
"""Notebooks hardly ever shrink more than so many times: what several students' files may unpack to goes by that."""
SHOWN = 10
"""Names in a note; more are counted."""
LINKS = "left out, as symbolic links could lead anywhere: {}"
OUTSIDE = "left out, as a zip file gives them names that lead out of it: {}"
SPECIAL = "left out, as no ordinary files: {}"
FORMER = "left out, as results of an earlier run: {}"
CROWDED = "holds more files than anybody hands in, so that only the first were looked at: {}"
LIKE_FORMER = "looks like results of an earlier run, but holds work, and is taken for a student's: {}"
FORGED = "looks like a platform's, but lies where students write, and is ignored: {}"
NAMED_LIKE = "named as platforms name files, but lies in a student's folder, and is taken for that student's: {}"


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
class Piece:
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

    def told(self) -> tuple[str, ...]:
        """One sentence each."""
        return tuple(self._told(text) for text in self.names)

    def _told(self, text: str) -> str:
        if not self.names[text]:
            return text
        shown, count = ", ".join(one_line(name, 80) for name in self.names[text]), self.counts[text]
        return text.replace("{}", f"{shown} and {count - SHOWN} more" if count > SHOWN else shown)


def find_works(folder: Path, unpacked: Path) -> Found:
    """Find what the students of a class handed in.

    Args:
        folder: a folder, or a zip file: a file, a zip file or a folder per student, or an export of Canvas, Moodle,
            Blackboard, Brightspace, Gradescope or nbgrader (``submitted``).
        unpacked: an empty folder, for what is in zip files.

    Returns:
        One ``Work`` a student. One that cannot be graded as it is says so in its ``problem``.

    Raises:
        ClassroomError: if there is nothing to grade.
    """
    notes = Notes()
    try:
        with Opener() as opener:
            return _find(folder, unpacked, opener, notes)
    except ReaderError as error:
        raise ClassroomError(str(error)) from error


def _find(folder: Path, unpacked: Path, opener: Opener, notes: Notes) -> Found:
    entries = _entries(folder, unpacked, opener, notes)
    if not entries:
        told = "".join(f" ({note})" for note in notes.told())
        raise ClassroomError(f"{folder} is empty: there is nothing to grade{told}")
    entries = _without_wrapping(folder, entries, notes)
    layout, pieces = _laid_out(entries, opener)
    if not any(_is_gradable(piece.entry) or piece.entry.problem for piece in pieces):
        raise ClassroomError(f"{folder} holds no notebooks (.ipynb), Python files (.py) or zip files of them")
    works = _works(pieces, opener)
    inner = _inside(entries)
    if len(works) == 1 and works[0].problem and _is_class(folder, inner):
        of_class = _laid_out(inner, opener)
        if len({piece.student for piece in of_class[1]}) > 1:
            notes.add(f"all files lie in one folder, {works[0].student}: it is taken for the class, not for a student")
            entries, (layout, pieces), works = inner, of_class, _works(of_class[1], opener)
    used = {id(piece.entry) for piece in pieces}
    alone = [entry for entry in entries if len(entry.parts) == 1 and id(entry) not in used]
    loose = [entry.name for entry in alone if entry.name != METADATA or layout != GRADESCOPE_EXPORT]
    if loose:
        notes.add("left out, as no student's: {}", *loose)
    _note_pieces(layout, pieces, notes)
    return Found(layout, tuple(works), notes.told())


def _note_pieces(layout: str, pieces: Sequence[Piece], notes: Notes) -> None:
    """What is to be told of the students' files."""
    names = _names(pieces)
    problems: dict[str, list[str]] = {}
    for piece in pieces:
        student, inside = names[piece.student, piece.export], "/".join(piece.entry.parts)
        if piece.entry.problem:
            problems.setdefault(student, []).append(f"{piece.entry.name} {piece.entry.problem}")
        own_stamp = layout == NBGRADER_EXPORT and piece.entry.parts[2:] == (STAMP,)
        if piece.entry.name in (METADATA, STAMP) and not own_stamp and len(piece.entry.parts) > 1:
            notes.add(FORGED, inside)
        elif len(piece.entry.parts) > 1 and any(_owner(name) != name for name in piece.entry.parts[1:]):
            notes.add(NAMED_LIKE, inside)
    for student, said in problems.items():
        more = f" (and {len(said) - 1} more)" if len(said) > 1 else ""
        notes.add(one_line(f"{student}: {said[0]}", 200) + more)
    late = sorted({names[piece.student, piece.export] for piece in pieces if piece.is_late})
    if late:
        notes.add(
            "the platform marks as late, without saying by how much: {} ([late.days] in a policy file can)", *late
        )


def _works(pieces: Iterable[Piece], opener: Opener) -> list[Work]:
    """One work a student, by name."""
    pieces = list(pieces)
    names = _names(pieces)
    by_student: dict[str, list[Piece]] = {}
    for piece in pieces:
        by_student.setdefault(names[piece.student, piece.export], []).append(piece)
    students = sorted(by_student, key=lambda name: (name.casefold(), name))
    return [_work(student, by_student[student], opener) for student in students]


def _names(pieces: Iterable[Piece]) -> dict[tuple[str, str], str]:
    """What reports call the students: by the layout's name for them, and the export.

    Names that are the same but for how their accents are encoded are one student's where they come from different
    exports. Side by side they are two students', as are names that differ by an invisible character.
    """
    known = sorted({(piece.student, piece.export) for piece in pieces})
    spellings: dict[str, set[str]] = {}
    for student, _ in known:
        spellings.setdefault(unicodedata.normalize("NFC", student), set()).add(student)
    beside = Counter((unicodedata.normalize("NFC", student), export) for student, export in known)
    apart = {name for (name, _), count in beside.items() if count > 1}
    keys = {}
    for student, export in known:
        composed = unicodedata.normalize("NFC", student)
        keys[student, export] = student if composed in apart else composed
    distinct = sorted(set(keys.values()))
    shown = dict(zip(distinct, told_apart(distinct), strict=True))
    return {student: shown[key] for student, key in keys.items()}


def _is_class(folder: Path, inner: Sequence[Entry]) -> bool:
    """Whether what lies in the one folder that there is may be a class: folders, or anything in a zip file."""
    return folder.is_file() or all(len(entry.parts) > 1 for entry in inner if _is_gradable(entry))


def one_work(student: str, folder: Path, unpacked: Path) -> Work:
    """What one student handed in: all that a folder holds, zip files' content included.

    Raises:
        ClassroomError: if the folder cannot be read.
    """
    try:
        with Opener() as opener:
            entries = _entries(folder, unpacked, opener, Notes())
            return _work(student, [Piece(student, entry) for entry in entries], opener)
    except ReaderError as error:
        raise ClassroomError(str(error)) from error


# --- What is there ---


def _entries(folder: Path, unpacked: Path, opener: Opener, notes: Notes) -> list[Entry]:
    """The files that are not ignored, and those in zip files; never anything outside the folder."""
    unzip = _Unzip(unpacked, opener, notes)
    try:
        if folder.is_file():
            if not zipfile.is_zipfile(folder):
                raise ClassroomError(f"{folder} is neither a folder nor a zip file")
            found = unzip((), folder)
        elif folder.is_dir():
            found = _walk(folder, unzip, notes)
        else:
            raise ClassroomError(f"{folder} does not exist")
        entries = _kept(folder, found, notes)
    except OSError as error:
        where = error.filename or folder
        raise ClassroomError(f"{where} cannot be read or unpacked: {error.strerror or error}") from error
    return _without_results(entries, notes) if folder.is_dir() else entries


def _kept(folder: Path, found: Iterable[Entry], notes: Notes) -> list[Entry]:
    """Of the files in each folder no more than can matter, so that nobody's crowd out the others'."""
    kept: list[Entry] = []
    names: set[str] = set()
    counts: Counter[tuple[tuple[str, ...], bool]] = Counter()
    for entry in found:
        if not entry.parts:
            raise ClassroomError(f"{folder} {entry.problem}")
        names.add(entry.parts[0])
        if len(names) > MAX_FILES:
            raise ClassroomError(f"{folder} holds more than {MAX_FILES:,} files: is it the right one?")
        useful = _is_gradable(entry) or entry.name in (METADATA, STAMP, MARKER)
        inside = [entry.parts[:depth] for depth in (1, 2) if len(entry.parts) > depth]
        for place in inside:
            counts[place, useful] += 1
        most = {1: MAX_FILES, 2: MAX_FILES_A_STUDENT + 10 if useful else MAX_OTHERS}
        if all(counts[place, useful] <= most[len(place)] for place in inside):
            kept.append(entry)
        elif counts[entry.parts[:1], useful] == MAX_FILES + 1:
            notes.add(CROWDED, entry.parts[0])
    return kept


def _without_results(entries: Sequence[Entry], notes: Notes) -> list[Entry]:
    """Without folders that hold results of an earlier run, and nobody's work."""
    marked = {entry.parts[:-1] for entry in entries if entry.name == MARKER and len(entry.parts) > 1}
    marked = {parts for parts in marked if not any(part.lower().endswith(".zip") for part in parts)}
    marked &= {
        entry.parts[:n] for entry in entries for n in range(1, len(entry.parts) - 1) if entry.parts[n] == "grades"
    }
    if not marked:
        return list(entries)
    working: set[tuple[str, ...]] = set()
    lying: list[tuple[Entry, list[tuple[str, ...]]]] = []
    for entry in entries:
        places = [entry.parts[:n] for n in range(1, len(entry.parts)) if entry.parts[:n] in marked]
        lying.append((entry, places))
        if entry.problem or (_is_gradable(entry) and entry.path and places and entry.path.stat().st_size):
            working.update(places)
    for place in sorted(marked):
        notes.add(LIKE_FORMER if place in working else FORMER, "/".join(place))
    return [entry for entry, places in lying if not any(place not in working for place in places)]


def _walk(folder: Path, unzip: "_Unzip", notes: Notes) -> Iterator[Entry]:
    left: list[tuple[str, ...]] = [()]
    while left:
        parts = left.pop()
        try:
            with os.scandir(folder.joinpath(*parts)) as scan:
                found = sorted((entry for entry in scan if _is_of_interest(entry.name)), key=lambda entry: entry.name)
        except OSError as error:
            if not parts:
                raise
            yield Entry((*parts, parts[-1]), problem=f"cannot be read: {error.strerror}")  # that student's alone
            continue
        if parts and not found:
            yield Entry((*parts, ""))
        folders = []
        for entry in found:
            inside, path = (*parts, entry.name), folder.joinpath(*parts, entry.name)
            try:
                if entry.is_symlink():
                    notes.add(LINKS, "/".join(inside))
                elif entry.is_dir(follow_symlinks=False):
                    folders.append(inside)
                elif not entry.is_file(follow_symlinks=False):
                    notes.add(SPECIAL, "/".join(inside))
                elif entry.name.lower().endswith(".zip"):
                    yield from unzip(inside, path)
                else:
                    yield Entry(inside, path)
            except OSError as error:
                if not isinstance(error, PermissionError | FileNotFoundError):
                    raise
                yield Entry(inside, problem=f"cannot be read: {error.strerror}")
        if len(parts) == MAX_DEPTH:
            yield from (Entry(inside, problem="lies too deep in folders") for inside in folders[:1])
        else:
            left += reversed(folders)


def is_output(folder: Path) -> bool:
    """Whether it holds the results of an earlier run."""
    return (folder / MARKER).is_file() and (folder / "grades").is_dir()


def _is_of_interest(name: str) -> bool:
    return not name.startswith(".") and name not in IGNORED


@dataclass
class _Unzip:
    """Unpacks what can be graded from zip files, under names of its own, within what each student may spend."""

    to: Path
    opener: Opener
    notes: Notes
    numbers: Iterator[int] = field(default_factory=itertools.count)
    accounts: dict[tuple[str, ...], Account] = field(default_factory=dict)
    packed: Counter[str] = field(default_factory=Counter)
    """Bytes of zip files, by the first of the names."""
    whole: Account = field(default_factory=lambda: Account(size=MAX_CLASS, seconds=float("inf")))

    def __call__(self, parts: tuple[str, ...], path: Path, depth: int = 0) -> Iterator[Entry]:
        """What is in a zip file that has these names; nothing but an entry with a problem if it cannot be unpacked."""
        try:
            if not depth and parts:
                path.open("rb").close()
                self._pack(parts, path.stat().st_size)
            most = archive.MAX_ZIP_FILES if parts else MAX_MEMBERS
            members = self.opener.members(path, most, self._accounts(parts))
        except PermissionError as error:
            yield Entry(parts, problem=f"cannot be read: {error.strerror}")
            return
        except OpenError as error:
            yield Entry(parts, problem=_unpacked_not(error))
            return
        for name, _, size in members if not parts else ():
            self._pack((name.split("/", 1)[0],), size)
        is_empty = True
        for number, (name, what, _) in enumerate(members):
            for entry in self._member(path, number, name, what, parts, depth):
                is_empty = False
                yield entry
        if parts and is_empty:
            yield Entry((*parts, ""))

    def _member(
        self, path: Path, number: int, name: str, what: str, parts: tuple[str, ...], depth: int
    ) -> Iterator[Entry]:
        names = tuple(name.rstrip("/").split("/"))
        inside = (*parts, *(part for part in names if part != "."))
        if any(part in ("", "..") or "\0" in part for part in names) or re.match(r"^[A-Za-z]:", names[0]):
            self.notes.add(OUTSIDE, name)
        elif what == "link":
            self.notes.add(LINKS, "/".join(inside))
        elif what == "file" and inside != parts and all(part == "." or _is_of_interest(part) for part in names):
            is_zip = names[-1].lower().endswith(".zip") and depth < 2
            if not (is_zip or kind(names[-1]) or names[-1] in (METADATA, STAMP)):
                yield Entry(inside)
                return
            most = archive.MAX_ZIP if is_zip else MAX_BYTES if kind(names[-1]) else MAX_METADATA
            to = self._place(names[-1])
            try:
                self.opener.extract(path, number, to, most, self._accounts(inside))
            except OpenError as error:
                yield Entry(inside, problem=_unpacked_not(error))
                return
            if is_zip:
                yield from self(inside, to, depth + 1)
                to.unlink(missing_ok=True)
            else:
                yield Entry(inside, to)

    def _pack(self, parts: tuple[str, ...], size: int) -> None:
        """Several students' files, as in an export of a week, may unpack to more than one student's."""
        self.packed[parts[0]] += size
        key = (_owner(parts[0]),)
        if key not in self.accounts:
            self.accounts[key] = Account(20 * archive.MAX_ZIP_FILES, archive.MAX_ZIP, 20 * archive.SECONDS)
        account, packed = self.accounts[key], self.packed[parts[0]]
        before, now = (max(archive.MAX_ZIP, RATIO * n) for n in (packed - size, packed))
        account.size += now - before

    def _accounts(self, parts: tuple[str, ...]) -> tuple[Account, ...]:
        """Whose expense it is: by the first name, and by the first two."""
        if not parts:
            return ()
        self._pack(parts, 0)
        first = (_owner(parts[0]),)
        found = [self.whole, self.accounts[first]]
        if len(parts) > 1:
            found.append(self.accounts.setdefault((*first, _owner(parts[1])), Account()))
        return tuple(found)

    def _place(self, name: str) -> Path:
        folder = self.to / str(next(self.numbers))
        folder.mkdir()
        stem = _stem(name)
        return folder / f"{file_names([stem])[0]}{name[len(stem) :]}"


def _unpacked_not(error: OpenError) -> str:
    return f"cannot be unpacked: {one_line(str(error), 120)}"


def _stem(name: str) -> str:
    """A file's name without its ending."""
    found = ENDING.search(name)
    return name[: found.start()] if found else PurePosixPath(name).stem


# --- Whose it is ---

CANVAS = re.compile(
    r"(?:(?P<anonymous_late>LATE_)?(?P<anonym>anon)_(?P<number>[A-Za-z0-9]+)|(?P<name>.+?)(?P<late>_LATE)?_(?P<user>\d+))"
    r"_(?:(?P<upload>\d+)_(?P<file>.+)|(?:text|link)\.html)$",
    re.DOTALL,
)
"""canvas-lms, lib/content_zipper.rb: get_filename and add_upload_submission."""
MOODLE_FOLDER = re.compile(r"(?P<name>.+?)(?:_(?P<user>\d+))?_assignsubmission_[a-z]+_?$", re.DOTALL)
MOODLE = re.compile(r"(?P<name>.+?)(?:_(?P<user>\d+))?_assignsubmission_[a-z]+(?:_.*)?$", re.DOTALL)
"""moodle, mod/assign/classes/downloader.php: folders or prefixes, with an underscore at the end before version 4.1."""
BLACKBOARD = re.compile(r"(?P<head>.+?)_attempt_(?P<time>\d{4}(?:-\d\d){5})(?:_(?P<file>.+)|\.txt)$", re.DOTALL)
"""assignment_user_attempt_2026-11-20-10-00-00_file: as in the documentation of nbgrader's zip_collect."""
BRIGHTSPACE = re.compile(
    r"(?P<one>\d+)-(?P<two>\d+) ?- ?(?P<name>.+?) ?- ?(?P<time>\w{3,} \d{1,2}, \d{4},? \d{1,2}[:.]?\d\d ?[AaPp][Mm])"
    r"(?: ?- ?(?P<file>.+))?$",
    re.DOTALL,
)
"""Folders 397063-2557369 - Ann Lee - Sep 24, 2026 926 PM, or older prefixes; beside them an index.html."""
GRADESCOPE = re.compile(r"submission_\d+$")
VERSION = re.compile(r"-\d+$")
"""Canvas' number of a file that was uploaded again under the same name."""
NBGRADER_FOLDERS = {"source", "release", "submitted", "autograded", "feedback", "exchange"}
GRADESCOPE_EXPORT, NBGRADER_EXPORT = "a Gradescope export", "nbgrader's submitted folder"


def _owner(name: str) -> str:
    """Whose a file or folder of this name is if a platform named it; else the name itself."""
    for pattern in (MOODLE, CANVAS, BLACKBOARD, BRIGHTSPACE):
        if match := pattern.match(name):
            parts = match.groupdict()
            told = [parts.get(key) for key in ("user", "number", "one", "two", "head", "name")]
            return "\0".join(part for part in told if part)
    return name


def _without_wrapping(folder: Path, entries: list[Entry], notes: Notes) -> list[Entry]:
    """Without a folder that only wraps all the others, as zip programs and course folders have it."""
    first = {entry.parts[0] for entry in entries}
    submitted = [entry for entry in entries if entry.parts[0] == "submitted" and len(entry.parts) > 1]
    if submitted and folder.is_dir():  # nbgrader's course folder, if nobody's work lies beside
        beside = {entry.parts[0] for entry in entries if len(entry.parts) > 1 and _is_gradable(entry)}
        loose = {entry.name for entry in entries if len(entry.parts) == 1 and _is_gradable(entry)}
        if beside <= NBGRADER_FOLDERS and loose <= {"nbgrader_config.py"}:
            return [Entry(entry.parts[1:], entry.path, entry.problem) for entry in submitted]
        notes.add(
            f"there is a folder submitted, but work lies beside it, too: if it is nbgrader's, grade {folder}/submitted"
        )
    wraps = {"submitted", "submissions", folder.stem}
    if folder.is_file() and len(first) == 1 and first <= wraps and all(len(entry.parts) > 1 for entry in entries):
        return [Entry(entry.parts[1:], entry.path, entry.problem) for entry in entries]
    return entries


def _laid_out(entries: list[Entry], opener: Opener) -> tuple[str, list[Piece]]:
    """The layout, and whose each file is."""
    for layout, whose in LAYOUTS.items():
        pieces = _recognised(whose, entries, opener)
        if pieces:
            return layout, pieces
    groups: dict[str, list[Entry]] = {}
    for entry in entries if _inside(entries) else ():
        if len(entry.parts) > 1:
            groups.setdefault(entry.parts[0], []).append(Entry(entry.parts[1:], entry.path, entry.problem))
    for layout, whose in LAYOUTS.items():
        exports = {name: _recognised(whose, group, opener) for name, group in groups.items()}
        if exports and all(exports.values()) and layout not in (NBGRADER_EXPORT,) and not _repeat(layout, exports):
            return layout, [replace(piece, export=name) for name, found in exports.items() for piece in found]
    pieces = _plain(entries)
    has_folders = {len(piece.entry.parts) > 1 for piece in pieces}
    layout = {(True,): "a folder per student", (False,): "a file per student"}.get((*has_folders,), "files and folders")
    return layout, pieces


def _recognised(whose: "Whose", entries: Sequence[Entry], opener: Opener) -> list[Piece]:
    """Whose each file is, if most of the names there are of this layout; else nothing."""
    pieces = whose(entries, opener)
    known = {id(piece.entry) for piece in pieces}
    of_layout = {piece.entry.parts[0] for piece in pieces}
    other = [entry for entry in entries if id(entry) not in known and entry.parts[0] not in of_layout | NOBODYS]
    if not pieces or len({entry.parts[0] for entry in other}) >= len(of_layout):
        return []
    return pieces + _plain(other)


def _repeat(layout: str, exports: dict[str, list[Piece]]) -> bool:
    """Whether folders only look like exports: each upload is in one of Canvas' only, and Gradescope's have metadata."""
    if layout == GRADESCOPE_EXPORT:
        return any(piece.order is None for found in exports.values() for piece in found)
    if layout != "a Canvas export":
        return False
    uploads = {(name, piece.student, piece.order) for name, found in exports.items() for piece in found if piece.order}
    return len({upload[1:] for upload in uploads}) < len(uploads)


def _inside(entries: Sequence[Entry]) -> list[Entry]:
    """What is in the folders, without these; nothing if a file that can be graded lies beside them."""
    if any(len(entry.parts) == 1 and (_is_gradable(entry) or entry.problem) for entry in entries):
        return []
    return [Entry(entry.parts[1:], entry.path, entry.problem) for entry in entries if len(entry.parts) > 1]


def _plain(entries: Iterable[Entry]) -> list[Piece]:
    """A file, a zip file or a folder per student; other files beside them belong to nobody."""
    pieces = []
    for entry in entries:
        first = entry.parts[0]
        is_file = bool(kind(first)) or first.lower().endswith(".zip")
        if is_file or len(entry.parts) > 1:
            pieces.append(Piece(_stem(first) if is_file else first, entry))
    return pieces


def _canvas(entries: Sequence[Entry], opener: Opener) -> list[Piece]:
    pieces: list[Piece] = []
    files: dict[str, set[str]] = {}
    uploads: dict[tuple[str, str], set[str]] = {}
    for entry in entries:
        match = CANVAS.match(entry.parts[0])
        if match:
            name, user = match["name"] or match["anonym"], match["user"] or match["number"]
            upload, is_late = match["upload"], bool(match["late"] or match["anonymous_late"])
            series = VERSION.sub("", _stem(match["file"] or "")) if len(entry.parts) == 1 else str(entry.parts[1:])
            pieces.append(Piece(f"{name} ({user})", entry, series, float(upload or 0), is_late=is_late))
            if upload:
                files.setdefault(upload, set()).add(match["file"])
                uploads.setdefault((user, upload), set()).add(entry.parts[0])
    # an upload has a number of its own, and a group's is there once for each member; or it is not Canvas
    sound = all(len(found) == 1 for found in (*files.values(), *uploads.values()))
    return pieces if sound else []


def _moodle(entries: Sequence[Entry], opener: Opener) -> list[Piece]:
    pieces = []
    for entry in entries:
        first = entry.parts[0]
        if len(entry.parts) > 1 and (match := MOODLE_FOLDER.fullmatch(first)):  # the end is Moodle's, not a name's
            name, user = re.fullmatch(
                r"(.+?)(?:_(\d+))?", first.rpartition("_assignsubmission_")[0], re.DOTALL
            ).groups()
        elif match := MOODLE.match(first):
            name, user = match["name"], match["user"]
        else:
            continue
        pieces.append(Piece(f"{name} ({user})" if user else name, entry))
    return pieces


def _blackboard(entries: Sequence[Entry], opener: Opener) -> list[Piece]:
    matches = [(match, entry) for entry in entries if (match := BLACKBOARD.match(entry.parts[0]))]
    heads = {match["head"] for match, _ in matches}
    first, last = min(heads, default=""), max(heads, default="")
    # the assignment's name is what all begin with: both it and a student's may have underscores in them
    shared = sum(1 for _ in itertools.takewhile(lambda pair: pair[0] == pair[1], zip(first, last, strict=False)))
    start = first.rfind("_", 0, shared) + 1
    pieces = []
    for match, entry in matches:
        date, clock = match["time"][:10], match["time"][11:].replace("-", ":")
        at = _seconds(f"{date} {clock}")
        pieces.append(Piece(match["head"][start:], entry, "export", at, f"{date}T{clock}" if at else ""))
    return pieces


def _brightspace(entries: Sequence[Entry], opener: Opener) -> list[Piece]:
    matches = [(match, entry) for entry in entries if (match := BRIGHTSPACE.match(entry.parts[0]))]
    # of the two numbers one is the student's, and one the assignment's, which all have
    several = len({match["name"] for match, _ in matches}) > 1
    which = [one for one in ("one", "two") if len({match[one] for match, _ in matches}) > 1] if several else ["one"]
    pieces = []
    for match, entry in matches:
        number = "-".join(match[one] for one in which)
        at, when = _american(match["time"])
        student = f"{match['name']} ({number})" if number else match["name"]
        pieces.append(Piece(student, entry, "export", at, when))
    return pieces


def _american(text: str) -> tuple[float | None, str]:
    """``Sep 24, 2026 926 PM`` in seconds and in ISO 8601; no zone is told."""
    words = re.sub(r"[^\w ]", "", text).upper()
    clock = re.search(r"(\d{1,2})(\d\d) ?([AP]M)$", words)
    for form in ("%b %d %Y %I%M%p", "%B %d %Y %I%M%p"):
        try:
            when = datetime.strptime(
                f"{words[: clock.start()]}{clock[1]:0>2}{clock[2]}{clock[3]}" if clock else "", form
            )
        except ValueError:
            continue
        return when.replace(tzinfo=UTC).timestamp(), when.isoformat()
    return None, ""


def _gradescope(entries: Sequence[Entry], opener: Opener) -> list[Piece]:
    told = {}
    for entry in entries:
        if entry.parts == (METADATA,) and entry.path:
            try:
                told = opener.submitters(entry.path)
            except OpenError as error:
                raise ClassroomError(
                    f"{METADATA}, which says whose each submission is, cannot be read: {error}"
                ) from None
    there = {entry.parts[0] for entry in entries}
    empty = [Entry((name, "")) for name in told if name not in there and GRADESCOPE.fullmatch(name)]
    pieces = []
    for entry in (*entries, *empty):
        first = entry.parts[0]
        if GRADESCOPE.fullmatch(first) and len(entry.parts) > 1:
            students, at = told.get(first, ((first,), None))
            pieces += [Piece(student, entry, "export", at, _iso(at)) for student in students]
    return pieces


@dataclass(frozen=True)
class Submitted:
    """What Gradescope tells of a submission."""

    students: tuple[str, ...]
    """More than one for a group."""
    at: float | None = None
    """When, in seconds."""


def read_gradescope(text: str) -> dict[str, Submitted]:
    """Who made which submission and when, from Gradescope's ``submission_metadata.yml``.

    Only the lines that tell this are read, by their indentation; everything else in the file is passed over.
    """
    found: dict[str, Submitted] = {}
    for block in re.split(r"^(?=[^\s#-][^\n]*:[ \t]*(?:\n|$))", text, flags=re.MULTILINE):
        head, _, body = block.partition("\n")
        people = re.search(r"^  :submitters:[^\n]*\n((?:  (?:-|  )[^\n]*\n?)*)", body, re.MULTILINE)
        when = re.search(r"^  :created_at:\s*(?:![^\n]*\n\s*utc:)?[ \t]*(?:&\w+[ \t]*)?([^\n]*)", body, re.MULTILINE)
        if not people:
            continue
        students = []
        for person in re.split(r"^  -", people[1], flags=re.MULTILINE)[1:]:
            told = {key: _scalar(value) for key, value in re.findall(r"^ *:(name|sid|email):[ \t]*(.*)$", person, re.M)}
            identity = told.get("email") or told.get("sid") or ""
            name = told.get("name") or identity
            students.append(f"{name} ({identity})" if identity and identity != name else name)
        name = _scalar(head.strip().removesuffix(":"))
        found[name] = Submitted(tuple(filter(None, students)) or (name,), _seconds(when[1]) if when else None)
    return found


def _scalar(text: str) -> str:
    """A YAML scalar of one line."""
    text = text.strip()
    if len(text) > 1 and text[0] == text[-1] == "'":
        return text[1:-1].replace("''", "'")
    if len(text) > 1 and text[0] == text[-1] == '"':
        try:
            escapes = r"\\(x[0-9A-Fa-f]{2}|u[0-9A-Fa-f]{4}|U[0-9A-Fa-f]{8}|.)"
            return re.sub(escapes, lambda m: chr(int(m[1][1:], 16)) if len(m[1]) > 1 else m[1], text[1:-1])
        except (ValueError, OverflowError):
            return ""
    return "" if text in ("null", "~") or text[:1] in "'\"|>&*!" else text


def _seconds(text: str) -> float | None:
    """A date and time as YAML and nbgrader write them; without a zone that Python knows, as if it were UTC."""
    match = re.match(r"\s*'?(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d:\d\d(?:\.\d{1,6})?)\d*\s*(Z|[+-]\d\d:?\d\d)?", text)
    if not match:
        return None
    try:
        seconds = datetime.fromisoformat(f"{match[1]}T{match[2]}{match[3] or 'Z'}").timestamp()
    except (ValueError, OverflowError):
        return None
    return seconds if 0 < seconds < 2**33 else None  # nobody hands in before 1970, or after 2242


def _begin(path: Path) -> str:
    with path.open("rb") as file:
        return file.read(100).decode("utf-8", "replace")


def _iso(seconds: float | None) -> str:
    return "" if seconds is None else datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds")


def _nbgrader(entries: Sequence[Entry], opener: Opener) -> list[Piece]:
    stamps = {entry.parts[:2]: entry for entry in entries if entry.parts[2:] == (STAMP,)}
    work = {entry.parts[0] for entry in entries if len(entry.parts) > 1 and _is_gradable(entry)}
    if not stamps or 2 * len({place[0] for place in stamps}) < len(work):
        return []
    pieces = []
    for entry in entries:
        if len(entry.parts) > 2:
            stamp = stamps.get(entry.parts[:2])
            text = _begin(stamp.path) if stamp and stamp.path else ""
            zone = " ".join(text.split()[2:])
            at = _seconds(text)
            is_told = zone in ("", "UTC", "GMT", "Z") or zone[:1] in "+-"  # without a zone it is UTC, as for nbgrader
            pieces.append(Piece(entry.parts[0], entry, zone, at, _iso(at) if is_told else ""))
    return pieces


Whose = Callable[[Sequence[Entry], Opener], list[Piece]]
LAYOUTS: dict[str, Whose] = {
    "a Moodle export": _moodle,
    "a Canvas export": _canvas,
    "a Blackboard export": _blackboard,
    "a Brightspace export": _brightspace,
    GRADESCOPE_EXPORT: _gradescope,
    NBGRADER_EXPORT: _nbgrader,
}
NOBODYS = {METADATA, "index.html"}
"""What platforms put beside the students' files."""


# --- What of it counts ---


@dataclass(frozen=True)
class Held:
    """What a file holds."""

    chapters: tuple[str, ...]
    """The chapters that it says it is of."""
    exercises: tuple[str, ...]


def _is_gradable(entry: Entry) -> bool:
    return entry.path is not None and bool(kind(entry.name))


def _work(student: str, pieces: Sequence[Piece], opener: Opener) -> Work:
    """One student's work: the files that count, or why it cannot be said which ones."""
    named = [piece for piece in pieces if piece.entry.name and piece.entry.name not in (STAMP, METADATA)]
    gradable = [piece for piece in named if _is_gradable(piece.entry)]
    chosen, helpers, problem = gradable, [], ""
    if not gradable:
        broken = [f"{piece.entry.name} {piece.entry.problem}" for piece in named if piece.entry.problem]
        names = ", ".join(sorted({piece.entry.name for piece in named})[:5])
        missing = f"no notebook (.ipynb) was handed in, but: {names}" if names else "nothing was handed in"
        problem = broken[0] if broken else missing
    elif len(gradable) > MAX_FILES_A_STUDENT:
        chosen, problem = [], f"{len(gradable)} notebooks and Python files were handed in: which ones count?"
    elif len(gradable) > 1:
        chosen, helpers, problem = _chosen(gradable, opener)
    timed = [piece for piece in chosen or pieces if piece.handed_in]
    handed_in = max(timed, key=lambda piece: piece.order or 0).handed_in if timed else ""
    files, beside = (tuple(piece.entry.path or Path() for piece in some) for some in (chosen, helpers))
    return Work(student, files, one_line(problem, 300), handed_in=handed_in, helpers=beside)


def _chosen(pieces: Sequence[Piece], opener: Opener) -> tuple[list[Piece], list[Piece], str]:
    """Of several files those that count, Python files without exercises, and the problem where that is open."""
    contents: set[str] = set()
    unread: list[Piece] = []
    held: dict[Piece, Held] = {}
    account = Account()
    for piece in sorted(pieces, key=lambda piece: -(piece.order or 0)):
        assert piece.entry.path
        try:
            digest, chapters, exercises = opener.look(piece.entry.path, (account,))
        except OpenError:
            unread.append(piece)
            continue
        if digest in contents:  # the same file twice is one file, handed in when it last was
            continue
        contents.add(digest)
        if exercises:
            held[piece] = Held(tuple(chapters), tuple(exercises))
        else:
            unread.append(piece)
    while clash := _clash(held):
        what, holders = clash
        by_age = sorted(holders, key=lambda piece: piece.order or 0)
        same_series = len({piece.series for piece in holders}) == 1
        if not same_series or by_age[0].order is None or by_age[-2].order == by_age[-1].order:
            one, other = sorted(piece.entry.name for piece in holders)[:2]
            names = f"two files called {one}" if one == other else f"{one} and {other}"
            return list(held), [], f"{names} both hold {what}: which one counts?"
        del held[by_age[0]]
    if not held:
        return unread, [], ""
    broken = {piece for piece in unread if kind(piece.entry.name) == ".ipynb"}
    helpers = [piece for piece in unread if piece not in broken]
    return [piece for piece in pieces if piece in held or piece in broken], helpers, ""


def _clash(held: dict[Piece, Held]) -> tuple[str, list[Piece]] | None:
    """Something that more than one file holds, in words, and these files.

    An exercise belongs to the notebook of its chapter; a copy of it in another chapter's notebook does no harm.
    """
    for chapter, exercises in CHAPTERS.items():
        homes = [piece for piece, content in held.items() if chapter in content.chapters]
        if len(homes) > 1:
            return f"chapter {chapter}", homes
        for exercise in exercises if not homes else ():
            holders = [piece for piece, content in held.items() if exercise.name in content.exercises]
            if len(holders) > 1:
                return f"exercise {exercise.name}", holders
    return None
