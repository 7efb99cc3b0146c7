"""Who handed in what: from a folder or a zip file, laid out as the platforms export it, to one ``Work`` a student.

Files are looked at and never run. What a student could choose, names inside a folder or a zip file, decides neither
where anything is written nor whose work it is: that the first part of a path does, given by platform or instructor.
"""

import itertools
import lzma
import os
import re
import stat
import unicodedata
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath

from .grades import Work
from .registry import CHAPTERS
from .reports.text import file_names, one_line
from .submission import ENDING, MAX_BYTES, Submission, SubmissionError, kind, read

MARKER = "run.json"
"""A folder with this file and a folder ``grades`` holds results of an earlier run, and no submissions."""
IGNORED = {"__MACOSX", "__pycache__", "Thumbs.db", "desktop.ini"}
"""What operating systems and Python leave behind; so is whatever begins with a dot."""
MAX_FILES = 200_000
"""More are no class: the wrong folder, or a trap."""
MAX_FILES_A_STUDENT = 50
METADATA = "submission_metadata.yml"
"""Gradescope's."""
MAX_CLASS = 2**34
"""Bytes that a whole class's zip file may unpack to."""
MAX_ZIP = 300 * 2**20
"""Bytes that any other zip file may unpack to: a student's, or one of several exports."""
MAX_ZIP_FILES = 10_000
SHOWN = 10
"""Names in a note; more are counted."""
LINKS = "left out, as symbolic links could lead anywhere: {}"
OUTSIDE = "left out, as a zip file gives them names that lead out of it: {}"
SPECIAL = "left out, as no ordinary files: {}"
FORMER = "left out, as results of an earlier run: {}"
BROKEN_ZIP = (zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, NotImplementedError, RuntimeError, ValueError)


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
    entry: Entry
    series: str = ""
    """Of two files in one series the later one counts."""
    order: float | None = None
    """Which one is later, where the export tells."""
    handed_in: str = ""
    """When, in ISO 8601, where the export tells; without an offset if it gives none."""
    is_late: bool = False
    """Whether the export says that it is late."""


def find_works(folder: Path, unpacked: Path) -> Found:
    """Find what the students of a class handed in.

    Args:
        folder: a folder, or a zip file: a file, a zip file or a folder per student, or an export of Canvas, Moodle,
            Blackboard, Gradescope or nbgrader (``submitted``).
        unpacked: an empty folder, for what is in zip files.

    Returns:
        One ``Work`` a student. One that cannot be graded as it is says so in its ``problem``.

    Raises:
        ClassroomError: if there is nothing to grade.
    """
    notes: Notes = {}
    entries = list(_entries(folder, unpacked, notes))
    if not entries:
        raise ClassroomError(f"{folder} is empty: there is nothing to grade{_told(notes)}")
    entries = _without_wrapping(folder, entries)
    try:
        layout, pieces = _laid_out(entries)
    except OSError as error:  # what says who is who, or when, cannot be read
        raise ClassroomError(f"{error.filename} cannot be read: {error.strerror}") from error
    if not any(_is_gradable(piece.entry) or piece.entry.problem for piece in pieces):
        raise ClassroomError(f"{folder} holds no notebooks (.ipynb), Python files (.py) or zip files of them")
    works = _works(pieces)
    inner = _inside(entries)
    if len(works) == 1 and works[0].problem and _is_class(folder, inner):
        of_class = _laid_out(inner)
        if len(_works(of_class[1])) > 1:
            notes[f"all files lie in one folder, {works[0].student}: it is taken for the class, not for a student"] = []
            entries, (layout, pieces), works = inner, of_class, _works(of_class[1])
    used = {id(piece.entry) for piece in pieces}
    alone = [entry for entry in entries if len(entry.parts) == 1 and id(entry) not in used]
    loose = [entry.name for entry in alone if entry.name != METADATA]
    if loose:
        notes["left out, as no student's: {}"] = loose
    for piece in pieces:
        if piece.entry.problem:
            notes[one_line(f"{piece.student}: {piece.entry.name} {piece.entry.problem}", 200)] = []
    late = sorted({_name(piece.student) for piece in pieces if piece.is_late})
    if late:
        notes["the platform marks as late, without saying by how much: {} ([late.days] in a policy file can)"] = late
    return Found(layout, tuple(works), tuple(_note(text, names) for text, names in notes.items()))


def _works(pieces: Iterable[Piece]) -> list[Work]:
    """One work a student, by name."""
    by_student: dict[str, list[Piece]] = {}
    for piece in pieces:
        by_student.setdefault(_name(piece.student), []).append(piece)
    return [_work(student, by_student[student]) for student in sorted(by_student, key=lambda name: name.casefold())]


def _name(student: str) -> str:
    """A student's name as reports have it: the same however its accents are encoded."""
    return unicodedata.normalize("NFC", one_line(student, 120))


def _is_class(folder: Path, inner: Sequence[Entry]) -> bool:
    """Whether what lies in the one folder that there is may be a class: folders, or anything in a zip file."""
    return folder.is_file() or all(len(entry.parts) > 1 for entry in inner if _is_gradable(entry))


def one_work(student: str, folder: Path, unpacked: Path) -> Work:
    """What one student handed in: all that a folder holds, zip files' content included.

    Raises:
        ClassroomError: if the folder cannot be read.
    """
    return _work(student, [Piece(student, entry) for entry in _entries(folder, unpacked, {})])


Notes = dict[str, list[str]]
"""What to tell, with ``{}`` where the names go that it is about."""


def _note(text: str, names: Sequence[str]) -> str:
    shown = ", ".join(one_line(name, 80) for name in names[:SHOWN])
    return text.replace("{}", f"{shown} and {len(names) - SHOWN} more" if len(names) > SHOWN else shown)


def _told(notes: Notes) -> str:
    return "".join(f" ({_note(text, names)})" for text, names in notes.items())


# --- What is there ---


def _entries(folder: Path, unpacked: Path, notes: Notes) -> Iterator[Entry]:
    """Every file that is not ignored, and what is in zip files; never anything outside the folder."""
    unzip = _Unzip(unpacked, notes)
    try:
        if folder.is_file():
            if not zipfile.is_zipfile(folder):
                raise ClassroomError(f"{folder} is neither a folder nor a zip file")
            found = unzip((), folder)
        elif folder.is_dir():
            found = _walk(folder, unzip, notes)
        else:
            raise ClassroomError(f"{folder} does not exist")
        for count, entry in enumerate(found):
            if count == MAX_FILES:
                raise ClassroomError(f"{folder} holds more than {MAX_FILES:,} files: is it the right one?")
            if not entry.parts:
                raise ClassroomError(f"{folder} {entry.problem}")
            yield entry
    except OSError as error:
        where = error.filename or folder
        raise ClassroomError(f"{where} cannot be read or unpacked: {error.strerror or error}") from error


def _walk(folder: Path, unzip: "_Unzip", notes: Notes) -> Iterator[Entry]:
    closed: list[OSError] = []

    def refuse(error: OSError) -> None:
        if Path(error.filename) == folder:
            raise error
        closed.append(error)  # that student's problem, and no other's

    for place, folders, files in os.walk(folder, onerror=refuse):
        inside = Path(place)
        parts = inside.relative_to(folder).parts
        links = sorted(name for name in folders if (inside / name).is_symlink())
        kept = sorted(name for name in folders if name not in links and _is_of_interest(name))
        folders[:] = [name for name in kept if not is_output(inside / name)]
        _leave_out(notes, LINKS, *("/".join((*parts, name)) for name in links))
        _leave_out(notes, FORMER, *("/".join((*parts, name)) for name in kept if name not in folders))
        if parts and not folders and not any(map(_is_of_interest, files)):
            yield Entry((*parts, ""))
        for name in sorted(filter(_is_of_interest, files)):
            path = inside / name
            mode = path.lstat().st_mode
            if not stat.S_ISREG(mode):
                _leave_out(notes, LINKS if stat.S_ISLNK(mode) else SPECIAL, "/".join((*parts, name)))
            elif path.suffix.lower() == ".zip" and not (problem := _closed(path)):
                yield from unzip((*parts, name), path)
            elif path.suffix.lower() == ".zip":
                yield Entry((*parts, name), problem=problem)
            else:
                yield Entry((*parts, name), path)
    for error in closed:
        parts = Path(error.filename).relative_to(folder).parts
        yield Entry((*parts, parts[-1]), problem=f"cannot be read: {error.strerror}")


def _closed(path: Path) -> str:
    """Why a file cannot be read, if it cannot."""
    try:
        path.open("rb").close()
    except OSError as error:
        return f"cannot be read: {error.strerror}"
    return ""


def is_output(folder: Path) -> bool:
    """Whether it holds the results of an earlier run."""
    return (folder / MARKER).is_file() and (folder / "grades").is_dir()


def _is_of_interest(name: str) -> bool:
    return not name.startswith(".") and name not in IGNORED


def _leave_out(notes: Notes, note: str, *names: str) -> None:
    if names:
        notes.setdefault(note, []).extend(names)


@dataclass
class _Budget:
    """What a zip file, with those inside it, may still unpack to."""

    files: int = MAX_ZIP_FILES
    size: int = MAX_ZIP


@dataclass
class _Unzip:
    """Unpacks what can be graded from zip files, under names of its own, within limits."""

    to: Path
    notes: Notes
    numbers: Iterator[int] = field(default_factory=itertools.count)

    def __call__(
        self, parts: tuple[str, ...], path: Path, budget: _Budget | None = None, depth: int = 0
    ) -> Iterator[Entry]:
        budget = budget or (_Budget() if parts else _Budget(MAX_FILES, MAX_CLASS))
        try:
            with zipfile.ZipFile(path) as archive:
                members = archive.infolist()
                budget.files -= len(members)
                if budget.files < 0:
                    raise zipfile.BadZipFile("it holds too many files")
                for member in members:
                    yield from self._member(archive, member, parts, budget, depth)
        except BROKEN_ZIP as error:
            yield Entry(parts, problem=f"cannot be unpacked: {one_line(str(error), 120)}")

    def _member(
        self,
        archive: zipfile.ZipFile,
        member: zipfile.ZipInfo,
        parts: tuple[str, ...],
        budget: _Budget,
        depth: int,
    ) -> Iterator[Entry]:
        names = tuple(_member_name(member).rstrip("/\\").replace("\\", "/").split("/"))
        inside = (*parts, *(name for name in names if name != "."))
        if any(name in ("", "..") or "\0" in name for name in names) or re.match(r"^[A-Za-z]:", names[0]):
            _leave_out(self.notes, OUTSIDE, member.filename)
        elif stat.S_ISLNK(member.external_attr >> 16):
            _leave_out(self.notes, LINKS, "/".join(inside))
        elif all(name == "." or _is_of_interest(name) for name in names) and not member.is_dir():
            name = names[-1]
            try:
                if name.lower().endswith(".zip") and depth < 2:
                    budget = budget if parts else _Budget()  # a class's zip file has a student's inside
                    yield from self(inside, self._extract(archive, member, MAX_ZIP, budget), budget, depth + 1)
                elif kind(name):
                    yield Entry(inside, self._extract(archive, member, MAX_BYTES, budget))
                elif name in (METADATA, "timestamp.txt"):
                    yield Entry(inside, self._extract(archive, member, MAX_ZIP, budget))
                else:
                    yield Entry(inside)
            except BROKEN_ZIP as error:
                yield Entry(inside, problem=f"cannot be unpacked: {one_line(str(error), 120)}")

    def _extract(self, archive: zipfile.ZipFile, member: zipfile.ZipInfo, most: int, budget: _Budget) -> Path:
        """Its content; of a larger file, enough to see that it is too large."""
        if member.flag_bits & 1:
            raise zipfile.BadZipFile("it has a password")
        with archive.open(member) as file:
            content = file.read(min(most, max(budget.size, 0)) + 1)
        budget.size -= len(content)
        if budget.size < 0:
            raise zipfile.BadZipFile("it unpacks to too much")
        folder = self.to / str(next(self.numbers))
        folder.mkdir()
        name = _member_name(member).replace("\\", "/").split("/")[-1]
        stem = _stem(name)
        path = folder / f"{file_names([stem])[0]}{name[len(stem) :]}"
        path.write_bytes(content)
        return path


def _member_name(member: zipfile.ZipInfo) -> str:
    """Its name; many programs, Canvas' and macOS' among them, write UTF-8 without saying so."""
    if member.flag_bits & 0x800:
        return member.filename
    try:
        return member.filename.encode("cp437").decode("utf-8")
    except UnicodeError:
        return member.filename


def _stem(name: str) -> str:
    """A file's name without its ending."""
    found = ENDING.search(name)
    return name[: found.start()] if found else PurePosixPath(name).stem


# --- Whose it is ---

CANVAS = re.compile(
    r"(?:(?P<anonymous_late>LATE_)?(?P<anonym>anon)_(?P<number>[A-Za-z0-9]+)|(?P<name>.+?)(?P<late>_LATE)?_(?P<user>\d+))"
    r"_(?:(?P<upload>\d+)_(?P<file>.+)|(?:text|link)\.html)$"
)
"""canvas-lms, lib/content_zipper.rb: get_filename and add_upload_submission."""
MOODLE = re.compile(r"(?P<name>[^_]+)(?:_(?P<user>\d+))?_assignsubmission_[a-z]+(?:_.*)?$")
"""moodle, mod/assign/classes/downloader.php: folders or prefixes, with an underscore at the end before version 4.1."""
BLACKBOARD = re.compile(r"(?P<head>.+?)_attempt_(?P<time>\d{4}(?:-\d\d){5})(?:_(?P<file>.+)|\.txt)$")
"""assignment_user_attempt_2026-11-20-10-00-00_file: as in the documentation of nbgrader's zip_collect."""
GRADESCOPE = re.compile(r"submission_\d+$")
VERSION = re.compile(r"-\d+$")
"""Canvas' number of a file that was uploaded again under the same name."""


def _without_wrapping(folder: Path, entries: list[Entry]) -> list[Entry]:
    """Without a folder that only wraps all the others, as zip programs and course folders have it."""
    first = {entry.parts[0] for entry in entries}
    if "submitted" in first and folder.is_dir():  # nbgrader's course folder
        entries = [entry for entry in entries if entry.parts[0] == "submitted"]
        return [Entry(entry.parts[1:], entry.path, entry.problem) for entry in entries if len(entry.parts) > 1]
    wraps = {"submitted", "submissions", folder.stem}
    if folder.is_file() and len(first) == 1 and first <= wraps and all(len(entry.parts) > 1 for entry in entries):
        return [Entry(entry.parts[1:], entry.path, entry.problem) for entry in entries]
    return entries


def _laid_out(entries: list[Entry]) -> tuple[str, list[Piece]]:
    """The layout, and whose each file is."""
    for level in (entries, _inside(entries)):  # an export, or a folder with exports in it
        for layout, whose in LAYOUTS.items():
            pieces = whose(level)
            known = {id(piece.entry) for piece in pieces}
            other = [entry for entry in level if id(entry) not in known and entry.name != METADATA]
            if pieces and (not other or (level is entries and len(other) < len(level) / 2)):
                return layout, pieces + _plain(other)
    pieces = _plain(entries)
    has_folders = {len(piece.entry.parts) > 1 for piece in pieces}
    layout = {(True,): "a folder per student", (False,): "a file per student"}.get((*has_folders,), "files and folders")
    return layout, pieces


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


def _canvas(entries: Sequence[Entry]) -> list[Piece]:
    pieces, uploads = [], set()
    for entry in entries:
        match = CANVAS.match(entry.parts[0])
        if match:
            name, user = match["name"] or match["anonym"], match["user"] or match["number"]
            upload, is_late = match["upload"], bool(match["late"] or match["anonymous_late"])
            series = VERSION.sub("", _stem(match["file"] or "")) if len(entry.parts) == 1 else str(entry.parts[1:])
            pieces.append(Piece(f"{name} ({user})", entry, series, float(upload or 0), is_late=is_late))
            uploads.add((entry.parts[0], upload))
    ids = [upload for _, upload in uploads if upload]
    return pieces if len(set(ids)) == len(ids) else []  # every upload has a number of its own, or it is not Canvas


def _moodle(entries: Sequence[Entry]) -> list[Piece]:
    matches = [(MOODLE.match(entry.parts[0]), entry) for entry in entries]
    return [
        Piece(f"{match['name']} ({match['user']})" if match["user"] else match["name"], entry)
        for match, entry in matches
        if match
    ]


def _blackboard(entries: Sequence[Entry]) -> list[Piece]:
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


def _gradescope(entries: Sequence[Entry]) -> list[Piece]:
    metadata = [entry for entry in entries if entry.parts == (METADATA,) and entry.path]
    told = read_gradescope(metadata[0].path.read_text("utf-8", "replace")) if metadata and metadata[0].path else {}
    there = {entry.parts[0] for entry in entries}
    empty = [Entry((name, "")) for name in told if name not in there]
    pieces = []
    for entry in (*entries, *empty):
        if GRADESCOPE.match(entry.parts[0]) or entry.parts[0] in told:
            submitted = told.get(entry.parts[0], Submitted((entry.parts[0],)))
            when = _iso(submitted.at)
            pieces += [Piece(student, entry, "export", submitted.at, when) for student in submitted.students]
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


def _nbgrader(entries: Sequence[Entry]) -> list[Piece]:
    stamps = {entry.parts[:2]: entry for entry in entries if entry.parts[2:] == ("timestamp.txt",)}
    if not stamps:
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


LAYOUTS: dict[str, Callable[[Sequence[Entry]], list[Piece]]] = {
    "a Moodle export": _moodle,
    "a Canvas export": _canvas,
    "a Blackboard export": _blackboard,
    "a Gradescope export": _gradescope,
    "nbgrader's submitted folder": _nbgrader,
}


# --- What of it counts ---


def _is_gradable(entry: Entry) -> bool:
    return entry.path is not None and bool(kind(entry.name))


def _work(student: str, pieces: Sequence[Piece]) -> Work:
    """One student's work: the files that count, or why it cannot be said which ones."""
    named = [piece for piece in pieces if piece.entry.name and piece.entry.name != "timestamp.txt"]
    gradable = [piece for piece in named if _is_gradable(piece.entry)]
    chosen, problem = gradable, ""
    if not gradable:
        broken = [f"{piece.entry.name} {piece.entry.problem}" for piece in named if piece.entry.problem]
        names = ", ".join(sorted({piece.entry.name for piece in named})[:5])
        missing = f"no notebook (.ipynb) was handed in, but: {names}" if names else "nothing was handed in"
        problem = broken[0] if broken else missing
    elif len(gradable) > MAX_FILES_A_STUDENT:
        chosen, problem = [], f"{len(gradable)} notebooks and Python files were handed in: which ones count?"
    elif len(gradable) > 1:
        chosen, problem = _chosen(gradable)
    timed = [piece for piece in chosen or pieces if piece.handed_in]
    handed_in = max(timed, key=lambda piece: piece.order or 0).handed_in if timed else ""
    files = tuple(piece.entry.path or Path() for piece in chosen)
    return Work(student, files, one_line(problem, 300), handed_in=handed_in)


def _chosen(pieces: Sequence[Piece]) -> tuple[list[Piece], str]:
    """Of several files those that count, and the problem where that is open."""
    contents: dict[bytes, Piece] = {}
    unread: list[Piece] = []
    held: dict[Piece, Submission] = {}
    for piece in sorted(pieces, key=lambda piece: -(piece.order or 0)):
        assert piece.entry.path
        try:
            if piece.entry.path.stat().st_size > MAX_BYTES:
                raise SubmissionError("too large")
            content = piece.entry.path.read_bytes()
            if content not in contents:  # the same file twice is one file, handed in when it last was
                contents[content] = piece
                held[piece] = read(piece.entry.path)
        except (SubmissionError, OSError):
            unread.append(piece)
    while clash := _clash(held):
        what, holders = clash
        by_age = sorted(holders, key=lambda piece: piece.order or 0)
        same_series = len({piece.series for piece in holders}) == 1
        if not same_series or by_age[0].order is None or by_age[-2].order == by_age[-1].order:
            one, other = sorted(piece.entry.name for piece in holders)[:2]
            names = f"two files called {one}" if one == other else f"{one} and {other}"
            return list(held), f"{names} both hold {what}: which one counts?"
        del held[by_age[0]]
    if not held:
        return unread, ""
    broken = {piece for piece in unread if kind(piece.entry.name) == ".ipynb"}
    return [piece for piece in pieces if piece in held or piece in broken], ""


def _clash(held: dict[Piece, Submission]) -> tuple[str, list[Piece]] | None:
    """Something that more than one file holds, in words, and these files.

    An exercise belongs to the notebook of its chapter; a copy of it in another chapter's notebook does no harm.
    """
    for chapter, exercises in CHAPTERS.items():
        homes = [piece for piece, submission in held.items() if chapter in submission.chapters]
        if len(homes) > 1:
            return f"chapter {chapter}", homes
        for exercise in exercises if not homes else ():
            holders = [piece for piece, submission in held.items() if exercise.name in submission.exercises]
            if len(holders) > 1:
                return f"exercise {exercise.name}", holders
    return None
