"""Whose each file is, by the names that Canvas, Moodle, Blackboard, Brightspace, Gradescope and nbgrader give."""

import itertools
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from .archive import Opener, OpenError
from .files import METADATA, STAMP, ClassroomError, Entry, Notes, SubmittedFile, is_gradable, stem
from .gradescope_metadata import seconds_of
from .submission import kind

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


def owner_of(name: str) -> str:
    """Whose a file or folder of this name is if a platform named it; else the name itself."""
    for pattern in (MOODLE, CANVAS, BLACKBOARD, BRIGHTSPACE):
        if match := pattern.match(name):
            parts = match.groupdict()
            told = [parts.get(key) for key in ("user", "number", "one", "two", "head", "name")]
            return "\0".join(part for part in told if part)
    return name


def without_wrapping(folder: Path, entries: list[Entry], notes: Notes) -> list[Entry]:
    """Without a folder that only wraps all the others, as zip programs and course folders have it."""
    first = {entry.parts[0] for entry in entries}
    submitted = [entry for entry in entries if entry.parts[0] == "submitted" and len(entry.parts) > 1]
    if submitted and folder.is_dir():  # nbgrader's course folder, if nobody's work lies beside
        beside = {entry.parts[0] for entry in entries if len(entry.parts) > 1 and is_gradable(entry)}
        loose = {entry.name for entry in entries if len(entry.parts) == 1 and is_gradable(entry)}
        if beside <= NBGRADER_FOLDERS and loose <= {"nbgrader_config.py"}:
            return [Entry(entry.parts[1:], entry.path, entry.problem) for entry in submitted]
        notes.add(
            f"there is a folder submitted, but work lies beside it, too: if it is nbgrader's, grade {folder}/submitted"
        )
    wraps = {"submitted", "submissions", folder.stem}
    if folder.is_file() and len(first) == 1 and first <= wraps and all(len(entry.parts) > 1 for entry in entries):
        return [Entry(entry.parts[1:], entry.path, entry.problem) for entry in entries]
    return entries


def lay_out(entries: list[Entry], opener: Opener) -> tuple[str, list[SubmittedFile]]:
    """The layout, and whose each file is."""
    for layout, whose in LAYOUTS.items():
        pieces = _recognised(whose, entries, opener)
        if pieces:
            return layout, pieces
    groups: dict[str, list[Entry]] = {}
    for entry in entries if inside_folders(entries) else ():
        if len(entry.parts) > 1:
            groups.setdefault(entry.parts[0], []).append(Entry(entry.parts[1:], entry.path, entry.problem))
    for layout, whose in LAYOUTS.items():
        exports = {name: _recognised(whose, group, opener) for name, group in groups.items()}
        if exports and all(exports.values()) and layout not in (NBGRADER_EXPORT,) and not _repeat(layout, exports):
            return layout, [replace(piece, export=name) for name, found in exports.items() for piece in found]
    pieces = _plain(entries)
    has_folders = {len(piece.entry.parts) > 1 for piece in pieces}
    kinds: dict[tuple[bool, ...], str] = {(True,): "a folder per student", (False,): "a file per student"}
    layout = kinds.get((*has_folders,), "files and folders")
    return layout, pieces


def _recognised(whose: "Whose", entries: Sequence[Entry], opener: Opener) -> list[SubmittedFile]:
    """Whose each file is, if most of the names there are of this layout; else nothing."""
    pieces = whose(entries, opener)
    known = {id(piece.entry) for piece in pieces}
    of_layout = {piece.entry.parts[0] for piece in pieces}
    other = [entry for entry in entries if id(entry) not in known and entry.parts[0] not in of_layout | NOBODYS]
    if not pieces or len({entry.parts[0] for entry in other}) >= len(of_layout):
        return []
    return pieces + _plain(other)


def _repeat(layout: str, exports: dict[str, list[SubmittedFile]]) -> bool:
    """Whether folders only look like exports: each upload is in one of Canvas' only, and Gradescope's have metadata."""
    if layout == GRADESCOPE_EXPORT:
        return any(piece.order is None for found in exports.values() for piece in found)
    if layout != "a Canvas export":
        return False
    uploads = {(name, piece.student, piece.order) for name, found in exports.items() for piece in found if piece.order}
    return len({upload[1:] for upload in uploads}) < len(uploads)


def inside_folders(entries: Sequence[Entry]) -> list[Entry]:
    """What is in the folders, without these; nothing if a file that can be graded lies beside them."""
    if any(len(entry.parts) == 1 and (is_gradable(entry) or entry.problem) for entry in entries):
        return []
    return [Entry(entry.parts[1:], entry.path, entry.problem) for entry in entries if len(entry.parts) > 1]


def _plain(entries: Iterable[Entry]) -> list[SubmittedFile]:
    """A file, a zip file or a folder per student; other files beside them belong to nobody."""
    pieces = []
    for entry in entries:
        first = entry.parts[0]
        is_file = bool(kind(first)) or first.lower().endswith(".zip")
        if is_file or len(entry.parts) > 1:
            pieces.append(SubmittedFile(stem(first) if is_file else first, entry))
    return pieces


def _canvas(entries: Sequence[Entry], opener: Opener) -> list[SubmittedFile]:
    pieces: list[SubmittedFile] = []
    files: dict[str, set[str]] = {}
    uploads: dict[tuple[str, str], set[str]] = {}
    for entry in entries:
        match = CANVAS.match(entry.parts[0])
        if match:
            name, user = match["name"] or match["anonym"], match["user"] or match["number"]
            upload, is_late = match["upload"], bool(match["late"] or match["anonymous_late"])
            series = VERSION.sub("", stem(match["file"] or "")) if len(entry.parts) == 1 else str(entry.parts[1:])
            pieces.append(SubmittedFile(f"{name} ({user})", entry, series, float(upload or 0), is_late=is_late))
            if upload:
                files.setdefault(upload, set()).add(match["file"])
                uploads.setdefault((user, upload), set()).add(entry.parts[0])
    # an upload has a number of its own, and a group's is there once for each member; or it is not Canvas
    sound = all(len(found) == 1 for found in (*files.values(), *uploads.values()))
    return pieces if sound else []


def _moodle(entries: Sequence[Entry], opener: Opener) -> list[SubmittedFile]:
    pieces = []
    for entry in entries:
        first = entry.parts[0]
        if len(entry.parts) > 1 and (match := MOODLE_FOLDER.fullmatch(first)):  # the end is Moodle's, not a name's
            whose = first.rpartition("_assignsubmission_")[0]
            numbered = re.fullmatch(r"(.+?)_(\d+)", whose, re.DOTALL)
            name, user = numbered.groups() if numbered else (whose, None)
        elif match := MOODLE.match(first):
            name, user = match["name"], match["user"]
        else:
            continue
        pieces.append(SubmittedFile(f"{name} ({user})" if user else name, entry))
    return pieces


def _blackboard(entries: Sequence[Entry], opener: Opener) -> list[SubmittedFile]:
    matches = [(match, entry) for entry in entries if (match := BLACKBOARD.match(entry.parts[0]))]
    heads = {match["head"] for match, _ in matches}
    first, last = min(heads, default=""), max(heads, default="")
    # the assignment's name is what all begin with: both it and a student's may have underscores in them
    shared = sum(1 for _ in itertools.takewhile(lambda pair: pair[0] == pair[1], zip(first, last, strict=False)))
    start = first.rfind("_", 0, shared) + 1
    pieces = []
    for match, entry in matches:
        date, clock = match["time"][:10], match["time"][11:].replace("-", ":")
        at = seconds_of(f"{date} {clock}")
        pieces.append(SubmittedFile(match["head"][start:], entry, "export", at, f"{date}T{clock}" if at else ""))
    return pieces


def _brightspace(entries: Sequence[Entry], opener: Opener) -> list[SubmittedFile]:
    matches = [(match, entry) for entry in entries if (match := BRIGHTSPACE.match(entry.parts[0]))]
    # of the two numbers one is the student's, and one the assignment's, which all have
    several = len({match["name"] for match, _ in matches}) > 1
    which = [one for one in ("one", "two") if len({match[one] for match, _ in matches}) > 1] if several else ["one"]
    pieces = []
    for match, entry in matches:
        number = "-".join(match[one] for one in which)
        at, when = _american(match["time"])
        student = f"{match['name']} ({number})" if number else match["name"]
        pieces.append(SubmittedFile(student, entry, "export", at, when))
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


def _gradescope(entries: Sequence[Entry], opener: Opener) -> list[SubmittedFile]:
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
            pieces += [SubmittedFile(student, entry, "export", at, _iso(at)) for student in students]
    return pieces


def _begin(path: Path) -> str:
    with path.open("rb") as file:
        return file.read(100).decode("utf-8", "replace")


def _iso(seconds: float | None) -> str:
    return "" if seconds is None else datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds")


def _nbgrader(entries: Sequence[Entry], opener: Opener) -> list[SubmittedFile]:
    stamps = {entry.parts[:2]: entry for entry in entries if entry.parts[2:] == (STAMP,)}
    work = {entry.parts[0] for entry in entries if len(entry.parts) > 1 and is_gradable(entry)}
    if not stamps or 2 * len({place[0] for place in stamps}) < len(work):
        return []
    pieces = []
    for entry in entries:
        if len(entry.parts) > 2:
            stamp = stamps.get(entry.parts[:2])
            text = _begin(stamp.path) if stamp and stamp.path else ""
            zone = " ".join(text.split()[2:])
            at = seconds_of(text)
            is_told = zone in ("", "UTC", "GMT", "Z") or zone[:1] in "+-"  # without a zone it is UTC, as for nbgrader
            pieces.append(SubmittedFile(entry.parts[0], entry, zone, at, _iso(at) if is_told else ""))
    return pieces


Whose = Callable[[Sequence[Entry], Opener], list[SubmittedFile]]
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
