"""The files of a folder of submissions, and those in its zip files, within what each student may spend."""

import itertools
import os
import re
import zipfile
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ..records import MAX_FILE
from ..sanitise import file_names, one_line
from . import archive
from .archive import Account, Opener, OpenError
from .files import MAX_FILES_A_STUDENT, METADATA, STAMP, ClassroomError, Entry, Notes, is_gradable, stem
from .gradescope_metadata import MAX_METADATA
from .platforms import owner_of
from .submission import kind

MARKER = "run.json"
"""A folder with this file and a folder ``grades`` holds results of an earlier run, and no submissions."""
IGNORED = {"__MACOSX", "__pycache__", "Thumbs.db", "desktop.ini", "site-packages", "node_modules"}
"""What operating systems, Python and package managers leave behind; so is whatever begins with a dot."""
MAX_FILES = 20_000
"""More names in a class's folder are no class: the wrong folder, or a trap."""
MAX_OTHERS = 20
"""Of the files that cannot be graded, so many are remembered of each folder, for messages."""
MAX_DEPTH = 40
"""Folders in folders that are looked into."""
MAX_MEMBERS = 2_000_000
"""Of a whole class's zip file."""
MAX_CLASS = 2**34
"""Bytes that a whole class's zip file may unpack to."""
RATIO = 50
"""Notebooks hardly ever shrink more than so many times: what several students' files may unpack to goes by that."""
LINKS = "left out, as symbolic links could lead anywhere: {}"
OUTSIDE = "left out, as a zip file gives them names that lead out of it: {}"
SPECIAL = "left out, as no ordinary files: {}"
FORMER = "left out, as results of an earlier run: {}"
CROWDED = "holds more files than anybody hands in, so that only the first were looked at: {}"
LIKE_FORMER = "looks like results of an earlier run, but holds work, and is taken for a student's: {}"


def find_entries(folder: Path, unpacked: Path, opener: Opener, notes: Notes) -> list[Entry]:
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
        useful = is_gradable(entry) or entry.name in (METADATA, STAMP, MARKER)
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
        if entry.problem or (is_gradable(entry) and entry.path and places and entry.path.stat().st_size):
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
            most = archive.MAX_ZIP if is_zip else MAX_FILE if kind(names[-1]) else MAX_METADATA
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
        key = (owner_of(parts[0]),)
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
        first = (owner_of(parts[0]),)
        found = [self.whole, self.accounts[first]]
        if len(parts) > 1:
            found.append(self.accounts.setdefault((*first, owner_of(parts[1])), Account()))
        return tuple(found)

    def _place(self, name: str) -> Path:
        folder = self.to / str(next(self.numbers))
        folder.mkdir()
        base = stem(name)
        return folder / f"{file_names([base])[0]}{name[len(base) :]}"


def _unpacked_not(error: OpenError) -> str:
    return f"cannot be unpacked: {one_line(str(error), 120)}"
