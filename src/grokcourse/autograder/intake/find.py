"""Who handed in what: from a folder or a zip file, laid out as the platforms export it, to one ``Work`` a student.

Files are looked at and never run, and what is in them is read in a process of its own (``archive``). What a student
could choose, names inside a folder or a zip file, decides neither where anything is written nor whose work it is: that
the first part of a path does, given by platform or instructor. A layout is recognised by names of that level alone, and
a folder of exports only if each of its folders is one by itself.
"""

import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

from ..records import Work
from ..sanitise import one_line, told_apart
from .archive import Opener, ReaderError
from .choose import work_of
from .entries import find_entries
from .files import METADATA, STAMP, ClassroomError, Entry, Found, Notes, SubmittedFile, is_gradable
from .platforms import GRADESCOPE_EXPORT, NBGRADER_EXPORT, inside_folders, lay_out, owner_of, without_wrapping

FORGED = "looks like a platform's, but lies where students write, and is ignored: {}"
NAMED_LIKE = "named as platforms name files, but lies in a student's folder, and is taken for that student's: {}"


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
    entries = find_entries(folder, unpacked, opener, notes)
    if not entries:
        told = "".join(f" ({note})" for note in notes.format_notes())
        raise ClassroomError(f"{folder} is empty: there is nothing to grade{told}")
    entries = without_wrapping(folder, entries, notes)
    layout, pieces = lay_out(entries, opener)
    if not any(is_gradable(piece.entry) or piece.entry.problem for piece in pieces):
        raise ClassroomError(f"{folder} holds no notebooks (.ipynb), Python files (.py) or zip files of them")
    works = _works(pieces, opener)
    inner = inside_folders(entries)
    if len(works) == 1 and works[0].problem and _is_class(folder, inner):
        of_class = lay_out(inner, opener)
        if len({piece.student for piece in of_class[1]}) > 1:
            notes.add(f"all files lie in one folder, {works[0].student}: it is taken for the class, not for a student")
            entries, (layout, pieces), works = inner, of_class, _works(of_class[1], opener)
    used = {id(piece.entry) for piece in pieces}
    alone = [entry for entry in entries if len(entry.parts) == 1 and id(entry) not in used]
    loose = [entry.name for entry in alone if entry.name != METADATA or layout != GRADESCOPE_EXPORT]
    if loose:
        notes.add("left out, as no student's: {}", *loose)
    _note_pieces(layout, pieces, notes)
    return Found(layout, tuple(works), notes.format_notes())


def _note_pieces(layout: str, pieces: Sequence[SubmittedFile], notes: Notes) -> None:
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
        elif len(piece.entry.parts) > 1 and any(owner_of(name) != name for name in piece.entry.parts[1:]):
            notes.add(NAMED_LIKE, inside)
    for student, said in problems.items():
        more = f" (and {len(said) - 1} more)" if len(said) > 1 else ""
        notes.add(one_line(f"{student}: {said[0]}", 200) + more)
    late = sorted({names[piece.student, piece.export] for piece in pieces if piece.is_late})
    if late:
        notes.add(
            "the platform marks as late, without saying by how much: {} ([late.days] in a policy file can)", *late
        )


def _works(pieces: Iterable[SubmittedFile], opener: Opener) -> list[Work]:
    """One work a student, by name."""
    pieces = list(pieces)
    names = _names(pieces)
    by_student: dict[str, list[SubmittedFile]] = {}
    for piece in pieces:
        by_student.setdefault(names[piece.student, piece.export], []).append(piece)
    students = sorted(by_student, key=lambda name: (name.casefold(), name))
    return [work_of(student, by_student[student], opener) for student in students]


def _names(pieces: Iterable[SubmittedFile]) -> dict[tuple[str, str], str]:
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
    return folder.is_file() or all(len(entry.parts) > 1 for entry in inner if is_gradable(entry))


def one_work(student: str, folder: Path, unpacked: Path) -> Work:
    """What one student handed in: all that a folder holds, zip files' content included.

    Raises:
        ClassroomError: if the folder cannot be read.
    """
    try:
        with Opener() as opener:
            entries = find_entries(folder, unpacked, opener, Notes())
            return work_of(student, [SubmittedFile(student, entry) for entry in entries], opener)
    except ReaderError as error:
        raise ClassroomError(str(error)) from error
