"""A student's notebook or .py file: which exercises are in it, and its code as text. Nothing in it is run here."""

import codecs
import functools
import io
import json
import re
import stat
import tokenize
from dataclasses import dataclass
from pathlib import Path

from ..exercises.select import CHAPTERS, EXERCISES
from ..records import MAX_FILE
from ..sandbox.untrusted.cells import Cell, defined_in

ENDING = re.compile(r"(\.ipynb|\.py)(?:\.txt|\.json)?$", re.IGNORECASE)
"""What can be graded, also where a browser or Windows has put an ending of its own behind."""


MARKS = {
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF32_LE: "utf-32",  # before UTF-16, whose mark it begins with
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
"""What a text may begin with, and the encoding that this means."""
TEXT_ENCODING = re.compile(
    r"ascii|utf-(?:8|8-sig|16|32)|iso8859-\d+|cp\d+|koi8-\w|mac-\w+|gb\w+|big5\w*|shift_jis\w*|euc_\w+|hz"
)
"""Codecs that decode a text in one pass; others unpack archives, or take quadratic time."""
COOKIE = re.compile(rb"^[ \t\f]*#.*?coding[:=]", re.MULTILINE)
"""A comment that may name an encoding."""
FILLING = "\0\x1a"
"""What a crash, or an old editor, leaves behind a file's last line."""


class SubmissionError(ValueError):
    """A file cannot be graded; the message says why in one sentence."""


class NoExerciseError(SubmissionError):
    """A file is readable, and has no exercise in it."""


@dataclass(frozen=True)
class Submission:
    """What a student handed in."""

    name: str
    cells: tuple[Cell, ...]
    chapters: tuple[str, ...]
    """The chapters that it says it is of, by its metadata."""

    @functools.cached_property
    def exercises(self) -> list[str]:
        """The exercises to grade: those of the chapter whose notebook it is; of any other file, those it defines."""
        if self.chapters:
            wanted = {exercise.name for chapter in self.chapters for exercise in CHAPTERS[chapter]}
        else:
            wanted = {name for cell in self.cells if cell.kind == "code" for name in defined_in(cell.source)}
        return [name for name in EXERCISES if name in wanted]


def kind(name: str) -> str:
    """What a file of this name is: ``.ipynb``, ``.py``, or nothing that can be graded."""
    found = ENDING.search(name)
    return found[1].lower() if found else ""


def read(path: Path) -> Submission:
    """Read a submission.

    Args:
        path: a notebook (.ipynb, nbformat 3 or later) or a Python file.

    Raises:
        SubmissionError: if it cannot be read, or has no exercise in it.
    """
    text = _text(path)
    if kind(path.name) == ".ipynb":
        cells, chapters = _notebook(path.name, text)
    else:
        cells, chapters = (Cell(path.name, text),), ()
    submission = Submission(path.name, cells, chapters)
    if not submission.exercises:
        raise NoExerciseError(f"{path.name} has none of this course's exercises in it")
    return submission


def read_module(path: Path) -> tuple[str, str] | None:
    """The name under which a Python file can be imported, and its text; None if it is no such file."""
    name = path.name[: -len(".py")]
    if kind(path.name) != ".py" or not path.name.endswith(".py") or not name.isidentifier():
        return None
    try:
        return name, _text(path)
    except SubmissionError:
        return None


def _text(path: Path) -> str:
    """A file's text.

    Raises:
        SubmissionError: if it cannot be read.
    """
    try:
        if not stat.S_ISREG(path.lstat().st_mode):
            raise SubmissionError(f"{path.name} is not an ordinary file")
        if path.stat().st_size > MAX_FILE:
            raise SubmissionError(
                f"{path.name} is larger than {MAX_FILE // 2**20} MB: clear its outputs and hand it in again"
            )
        content = path.read_bytes()
    except OSError as error:
        raise SubmissionError(f"{path.name} cannot be read: {error.strerror}") from error
    if not content.strip():
        raise SubmissionError(f"{path.name} is empty")
    encoding = _encoding(path.name, content)
    try:
        text = content.decode(encoding).removeprefix("\ufeff").rstrip(FILLING)
    except UnicodeError as error:
        line = content.count(b"\n", 0, getattr(error, "start", 0)) + 1
        raise SubmissionError(
            f"{path.name} is not a text file in {encoding.upper()} (line {line}): save it as UTF-8"
        ) from None
    return text.replace("\r\n", "\n").replace("\r", "\n")  # as Python reads a file


def _encoding(name: str, content: bytes) -> str:
    """A file's encoding: by its first bytes or, in a Python file, as a comment in its first two lines says.

    Raises:
        SubmissionError: if it is one that no text is written in.
    """
    for mark, encoding in MARKS.items():
        if content.startswith(mark):
            return encoding
    if kind(name) == ".ipynb":
        return json.detect_encoding(content[:4])
    if b"\0" in content[:2]:  # no Python file begins so, but one in UTF-16
        return "utf-16-be" if content[:1] == b"\0" else "utf-16-le"
    beginning = b"\n".join(content[:1000].replace(b"\r", b"\n").split(b"\n")[:2])
    try:
        said = tokenize.detect_encoding(io.BytesIO(beginning).readline)[0] if COOKIE.search(beginning) else "utf-8"
        found = codecs.lookup(said).name
    except (SyntaxError, LookupError, ValueError):
        found = ""
    if not TEXT_ENCODING.match(found):
        raise SubmissionError(
            f"{name} says in its first lines that it is in an encoding that is none: save it as UTF-8"
        )
    return found


def _notebook(name: str, text: str) -> tuple[tuple[Cell, ...], tuple[str, ...]]:
    try:
        notebook = json.loads(text, parse_int=_whole_number)
    except (ValueError, RecursionError):
        raise SubmissionError(f"{name} is not a notebook: its content is not JSON") from None
    except MemoryError:
        raise SubmissionError(f"{name} cannot be read: it takes too much memory") from None
    if not isinstance(notebook, dict):
        raise SubmissionError(f"{name} is not a notebook: its JSON is no object")
    parts = notebook.get("cells")
    if parts is None and isinstance(notebook.get("worksheets"), list):  # nbformat 3
        sheets = [sheet.get("cells") for sheet in notebook["worksheets"] if isinstance(sheet, dict)]
        parts = [cell for cells in sheets if isinstance(cells, list) for cell in cells]
    if not isinstance(parts, list):
        raise SubmissionError(f"{name} is not a notebook: it has no list of cells")
    cells = []
    for number, part in enumerate(parts, start=1):
        if isinstance(part, dict) and part.get("cell_type") in ("code", "markdown", "raw"):
            source = part.get("source", part.get("input", ""))
            lines = source if isinstance(source, list) else [source]
            source = "".join(line for line in lines if isinstance(line, str))
            if part["cell_type"] == "code" or not EXERCISES.keys().isdisjoint(defined_in(source)):
                cells.append(Cell(f"cell {number}", source, part["cell_type"]))
    metadata = notebook.get("metadata")
    ours = metadata.get("grokcourse") if isinstance(metadata, dict) else None
    chapter = ours.get("chapter") if isinstance(ours, dict) else None
    return tuple(cells), (chapter,) if isinstance(chapter, str) and chapter in CHAPTERS else ()


def _whole_number(digits: str) -> int:
    """None in a notebook needs more digits than these, and a very long one would be refused with the whole file."""
    return int(digits) if len(digits) < 20 else 0
