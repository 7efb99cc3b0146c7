"""Who handed in what: from a folder or a zip file, laid out as the platforms export it, to one ``Work`` a student.

Files are looked at and never run. What a student could choose, names inside a folder or a zip file, decides neither
where anything is written nor whose work it is: that the first part of a path does, given by platform or instructor.
"""

import itertools
import lzma
import os
import re
import stat
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath

from .grading import Work
from .registry import CHAPTERS
from .reports.text import file_names, one_line
from .submission import MAX_BYTES, Submission, SubmissionError, read

KINDS = (".ipynb", ".py")
"""What can be graded."""
MARKER = "run.json"
"""A folder with this file and a folder ``grades`` holds results of an earlier run, and no submissions."""
IGNORED = {"__MACOSX", "__pycache__", "Thumbs.db", "desktop.ini"}
"""What operating systems and Python leave behind; so is whatever begins with a dot."""
MAX_FILES = 200_000
"""More are no class: the wrong folder, or a trap."""
MAX_FILES_A_STUDENT = 50
MAX_CLASS = 2**34
"""Bytes that a whole class's zip file may unpack to."""
MAX_ZIP = 300 * 2**20
"""Bytes that any other zip file may unpack to: a student's, or one of several exports."""
MAX_ZIP_FILES = 10_000
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
    """Why a zip file cannot be unpacked."""

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


def find_works(folder: Path, unpacked: Path) -> Found:
    """Find what the students of a class handed in.

    Args:
        folder: a folder, or a zip file: a file, a zip file or a folder per student, or an export of Canvas, Moodle,
            Gradescope or nbgrader (``submitted``).
        unpacked: an empty folder, for what is in zip files.

    Returns:
        One ``Work`` a student. One that cannot be graded as it is says so in its ``problem``.

    Raises:
        ClassroomError: if there is nothing to grade.
    """
    notes: dict[str, int] = {}
    entries = list(_entries(folder, unpacked, notes))
    if not entries:
        raise ClassroomError(f"{folder} is empty: there is nothing to grade")
    layout, pieces = _laid_out(_without_wrapping(folder, entries))
    if not any(_is_gradable(piece.entry) or piece.entry.problem for piece in pieces):
        raise ClassroomError(f"{folder} holds no notebooks (.ipynb), Python files (.py) or zip files of them")
    by_student: dict[str, list[Piece]] = {}
    for piece in pieces:
        by_student.setdefault(one_line(piece.student, 120), []).append(piece)
    works = [_work(student, by_student[student]) for student in sorted(by_student, key=lambda name: name.casefold())]
    for piece in pieces:
        if piece.entry.problem:
            notes[one_line(f"{piece.student}: {piece.entry.name} {piece.entry.problem}", 200).replace("{", "(")] = 1
    late = sum("_LATE_" in f"_{piece.entry.parts[0]}" for piece in pieces) if "Canvas" in layout else 0
    if late:
        notes["Canvas marks {} as late and does not say by how much; [late.days] in a policy file can"] = late
    return Found(layout, tuple(works), tuple(note.format(_files(count)) for note, count in notes.items()))


def one_work(student: str, folder: Path, unpacked: Path) -> Work:
    """What one student handed in: all that a folder holds, zip files' content included.

    Raises:
        ClassroomError: if the folder cannot be read.
    """
    return _work(student, [Piece(student, entry) for entry in _entries(folder, unpacked, {})])


def _files(count: int) -> str:
    return "1 file" if count == 1 else f"{count} files"


# --- What is there ---


def _entries(folder: Path, unpacked: Path, notes: dict[str, int]) -> Iterator[Entry]:
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


def _walk(folder: Path, unzip: "_Unzip", notes: dict[str, int]) -> Iterator[Entry]:
    def refuse(error: OSError) -> None:
        raise error

    for place, folders, files in os.walk(folder, onerror=refuse):
        inside = Path(place)
        parts = inside.relative_to(folder).parts
        links = [name for name in folders if (inside / name).is_symlink()]
        kept = [name for name in folders if name not in links and _is_of_interest(name)]
        folders[:] = sorted(name for name in kept if not is_output(inside / name))
        _count(notes, "{} left out: symbolic links, which could lead anywhere", len(links))
        if parts and not folders and not files:
            yield Entry((*parts, ""))
        for name in sorted(filter(_is_of_interest, files)):
            path = inside / name
            mode = path.lstat().st_mode
            if not stat.S_ISREG(mode):
                _count(notes, "{} left out: symbolic links, which could lead anywhere", int(stat.S_ISLNK(mode)))
            elif path.suffix.lower() == ".zip":
                yield from unzip((*parts, name), path)
            else:
                yield Entry((*parts, name), path)


def is_output(folder: Path) -> bool:
    """Whether it holds the results of an earlier run."""
    return (folder / MARKER).is_file() and (folder / "grades").is_dir()


def _is_of_interest(name: str) -> bool:
    return not name.startswith(".") and name not in IGNORED


def _count(notes: dict[str, int], note: str, count: int = 1) -> None:
    if count:
        notes[note] = notes.get(note, 0) + count


@dataclass
class _Budget:
    """What a zip file, with those inside it, may still unpack to."""

    files: int = MAX_ZIP_FILES
    size: int = MAX_ZIP


@dataclass
class _Unzip:
    """Unpacks what can be graded from zip files, under names of its own, within limits."""

    to: Path
    notes: dict[str, int]
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
        names = tuple(member.filename.rstrip("/\\").replace("\\", "/").split("/"))
        inside = (*parts, *(name for name in names if name != "."))
        if any(name in ("", "..") or "\0" in name for name in names) or re.match(r"^[A-Za-z]:", names[0]):
            _count(self.notes, "{} left out: a zip file gives them names that lead out of it")
        elif stat.S_ISLNK(member.external_attr >> 16):
            _count(self.notes, "{} left out: symbolic links, which could lead anywhere")
        elif all(name == "." or _is_of_interest(name) for name in names) and not member.is_dir():
            name = names[-1]
            try:
                if name.lower().endswith(".zip") and depth < 2:
                    budget = budget if parts else _Budget()  # a class's zip file has a student's inside
                    yield from self(inside, self._extract(archive, member, MAX_ZIP, budget), budget, depth + 1)
                elif name.endswith(KINDS):
                    yield Entry(inside, self._extract(archive, member, MAX_BYTES, budget))
                elif name in ("submission_metadata.yml", "timestamp.txt"):
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
        name = PurePosixPath(member.filename.replace("\\", "/"))
        path = folder / f"{file_names([name.stem])[0]}{name.suffix}"
        path.write_bytes(content)
        return path


# --- Whose it is ---

CANVAS = re.compile(
    r"(?P<name>.+?)(?:_LATE)?_(?P<user>\d+)_(?:(?P<upload>\d+)_(?P<file>.+)|(?:text|link)\.html)$"
    r"|(?:LATE_)?(?P<anonym>anon)_(?P<number>[A-Za-z0-9]+)_(?P<anonymous_upload>\d+)_(?P<anonymous_file>.+)$"
)
"""canvas-lms, lib/content_zipper.rb: get_filename and add_upload_submission."""
MOODLE = re.compile(r"(?P<name>[^_]+)(?:_(?P<user>\d+))?_assignsubmission_[a-z]+(?:_.*)?$")
"""moodle, mod/assign/classes/downloader.php: folders or prefixes, with an underscore at the end before version 4.1."""
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
    inner = [Entry(entry.parts[1:], entry.path, entry.problem) for entry in entries if len(entry.parts) > 1]
    for level in (entries, inner if len(inner) == len(entries) else []):  # an export, or a folder with exports in it
        for layout, whose in LAYOUTS.items():
            pieces = whose(level)
            share = len(pieces) / len(level) if level else 0
            if share == 1 or (share > 0.5 and level is entries):
                known = {id(piece.entry) for piece in pieces}
                return layout, pieces + _plain([entry for entry in level if id(entry) not in known])
    has_folders = {len(entry.parts) > 1 for entry in entries}
    layout = {(True,): "a folder per student", (False,): "a file per student"}.get((*has_folders,), "files and folders")
    return layout, _plain(entries)


def _plain(entries: Iterable[Entry]) -> list[Piece]:
    """A file, a zip file or a folder per student; other files beside them belong to nobody."""
    pieces = []
    for entry in entries:
        first = PurePosixPath(entry.parts[0])
        if len(entry.parts) > 1 or first.suffix.lower() in (*KINDS, ".zip"):
            is_file = first.suffix.lower() in (*KINDS, ".zip")
            pieces.append(Piece(first.stem if is_file else first.name, entry))
    return pieces


def _canvas(entries: Sequence[Entry]) -> list[Piece]:
    pieces, uploads = [], set()
    for entry in entries:
        match = CANVAS.match(entry.parts[0])
        if match:
            name, user = match["name"] or match["anonym"], match["user"] or match["number"]
            upload, file = match["upload"] or match["anonymous_upload"], match["file"] or match["anonymous_file"] or ""
            stem = PurePosixPath(file).stem
            series = VERSION.sub("", stem) if len(entry.parts) == 1 else str(entry.parts[1:])
            pieces.append(Piece(f"{name} ({user})", entry, series, float(upload or 0)))
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


def _gradescope(entries: Sequence[Entry]) -> list[Piece]:
    metadata = [entry for entry in entries if entry.parts == ("submission_metadata.yml",) and entry.path]
    told = read_gradescope(metadata[0].path.read_text("utf-8", "replace")) if metadata and metadata[0].path else {}
    pieces = []
    for entry in entries:
        if GRADESCOPE.match(entry.parts[0]) or entry.parts[0] in told:
            submitted = told.get(entry.parts[0], Submitted((entry.parts[0],)))
            pieces += [Piece(student, entry, "export", submitted.at) for student in submitted.students]
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
        return datetime.fromisoformat(f"{match[1]}T{match[2]}{match[3] or 'Z'}").astimezone(UTC).timestamp()
    except (ValueError, OverflowError):
        return None


def _nbgrader(entries: Sequence[Entry]) -> list[Piece]:
    stamps = {entry.parts[:2]: entry for entry in entries if entry.parts[2:] == ("timestamp.txt",)}
    if not stamps:
        return []
    pieces = []
    for entry in entries:
        if len(entry.parts) > 2:
            stamp = stamps.get(entry.parts[:2])
            text = stamp.path.read_text("utf-8", "replace")[:100] if stamp and stamp.path else ""
            zone = " ".join(text.split()[2:])
            pieces.append(Piece(entry.parts[0], entry, zone, _seconds(text)))
    return pieces


LAYOUTS: dict[str, Callable[[Sequence[Entry]], list[Piece]]] = {
    "a Moodle export": _moodle,
    "a Canvas export": _canvas,
    "a Gradescope export": _gradescope,
    "nbgrader's submitted folder": _nbgrader,
}


# --- What of it counts ---


def _is_gradable(entry: Entry) -> bool:
    return entry.path is not None and entry.name.endswith(KINDS)


def _work(student: str, pieces: Sequence[Piece]) -> Work:
    """One student's work: the files that count, or why it cannot be said which ones."""
    named = [piece for piece in pieces if piece.entry.name and piece.entry.name != "timestamp.txt"]
    gradable = [piece for piece in named if _is_gradable(piece.entry)]
    if not gradable:
        broken = [f"{piece.entry.name} {piece.entry.problem}" for piece in named if piece.entry.problem]
        names = ", ".join(sorted({piece.entry.name for piece in named})[:5])
        missing = f"no notebook (.ipynb) was handed in, but: {names}" if names else "nothing was handed in"
        return Work(student, (), one_line(broken[0] if broken else missing, 300))
    if len(gradable) > MAX_FILES_A_STUDENT:
        return Work(student, (), f"{len(gradable)} notebooks and Python files were handed in: which ones count?")
    if len(gradable) == 1:
        return Work(student, (gradable[0].entry.path or Path(),))
    files, problem = _chosen(gradable)
    return Work(student, tuple(piece.entry.path or Path() for piece in files), one_line(problem, 300))


def _chosen(pieces: Sequence[Piece]) -> tuple[list[Piece], str]:
    """Of several files those that count, and the problem where that is open."""
    contents: dict[bytes, Piece] = {}
    unread: list[Piece] = []
    held: dict[Piece, Submission] = {}
    for piece in pieces:
        assert piece.entry.path
        try:
            if piece.entry.path.stat().st_size > MAX_BYTES:
                raise SubmissionError("too large")
            content = piece.entry.path.read_bytes()
            if content not in contents:  # the same file twice is one file
                contents[content] = piece
                held[piece] = read(piece.entry.path)
        except (SubmissionError, OSError):
            unread.append(piece)
    while clash := _clash(held):
        what, holders = clash
        by_age = sorted(holders, key=lambda piece: piece.order or 0)
        same_series = len({piece.series for piece in holders}) == 1
        if not same_series or by_age[0].order is None or by_age[0].order == by_age[1].order:
            one, other = sorted(piece.entry.name for piece in holders)[:2]
            names = f"two files called {one}" if one == other else f"{one} and {other}"
            return list(held), f"{names} both hold {what}: which one counts?"
        del held[by_age[0]]
    if not held:
        return unread, ""
    return [*held, *(piece for piece in unread if piece.entry.name.endswith(".ipynb"))], ""


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
