"""A student's notebook or .py file: which exercises are in it, and its code as text. Nothing in it is run here."""

import json
import re
import stat
from dataclasses import dataclass
from pathlib import Path

from .loading import Cell, defined_in
from .registry import CHAPTERS, EXERCISES

MAX_BYTES = 20 * 2**20
"""A larger file is refused."""


ENDING = re.compile(r"(\.ipynb|\.py)(?:\.txt|\.json)?$", re.IGNORECASE)
"""What can be graded, also where a browser or Windows has put an ending of its own behind."""


class SubmissionError(ValueError):
    """A file cannot be graded; the message says why in one sentence."""


@dataclass(frozen=True)
class Submission:
    """What a student handed in."""

    name: str
    cells: tuple[Cell, ...]
    chapters: tuple[str, ...]
    """The chapters that it says it is of, by its metadata."""

    @property
    def exercises(self) -> list[str]:
        """The exercises to grade: all of its chapters, and any others that it defines."""
        wanted = {exercise.name for chapter in self.chapters for exercise in CHAPTERS[chapter]}
        defined = {name for cell in self.cells for name in defined_in(cell.source)}
        return [name for name in EXERCISES if name in wanted | defined]


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
    try:
        if not stat.S_ISREG(path.lstat().st_mode):
            raise SubmissionError(f"{path.name} is not an ordinary file")
        if path.stat().st_size > MAX_BYTES:
            raise SubmissionError(
                f"{path.name} is larger than {MAX_BYTES // 2**20} MB: clear its outputs and hand it in again"
            )
        content = path.read_bytes()
    except OSError as error:
        raise SubmissionError(f"{path.name} cannot be read: {error.strerror}") from error
    if not content.strip():
        raise SubmissionError(f"{path.name} is empty")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise SubmissionError(f"{path.name} is not a text file in UTF-8") from None
    if kind(path.name) == ".ipynb":
        cells, chapters = _notebook(path.name, text)
    else:
        cells, chapters = (Cell(path.name, text),), ()
    submission = Submission(path.name, cells, chapters)
    if not submission.exercises:
        raise SubmissionError(f"{path.name} has none of this course's exercises in it")
    return submission


def _notebook(name: str, text: str) -> tuple[tuple[Cell, ...], tuple[str, ...]]:
    try:
        notebook = json.loads(text)
    except (ValueError, RecursionError):
        raise SubmissionError(f"{name} is not a notebook: its content is not JSON") from None
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
        if isinstance(part, dict) and part.get("cell_type") == "code":
            source = part.get("source", part.get("input", ""))
            source = "".join(map(str, source)) if isinstance(source, list) else str(source)
            cells.append(Cell(f"cell {number}", source))
    metadata = notebook.get("metadata")
    ours = metadata.get("grokcourse") if isinstance(metadata, dict) else None
    chapter = ours.get("chapter") if isinstance(ours, dict) else None
    return tuple(cells), (chapter,) if isinstance(chapter, str) and chapter in CHAPTERS else ()
