"""Which of the files that a student handed in count."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ..exercises.select import CHAPTERS
from ..records import Work
from ..sanitise import one_line
from .archive import Account, Opener, OpenError
from .files import MAX_FILES_A_STUDENT, METADATA, STAMP, SubmittedFile, is_gradable
from .submission import kind


@dataclass(frozen=True)
class Held:
    """What a file holds."""

    chapters: tuple[str, ...]
    """The chapters that it says it is of."""
    exercises: tuple[str, ...]


def work_of(student: str, pieces: Sequence[SubmittedFile], opener: Opener) -> Work:
    """One student's work: the files that count, or why it cannot be said which ones."""
    named = [piece for piece in pieces if piece.entry.name and piece.entry.name not in (STAMP, METADATA)]
    gradable = [piece for piece in named if is_gradable(piece.entry)]
    helpers: list[SubmittedFile] = []
    chosen, problem = gradable, ""
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


def _chosen(pieces: Sequence[SubmittedFile], opener: Opener) -> tuple[list[SubmittedFile], list[SubmittedFile], str]:
    """Of several files those that count, Python files without exercises, and the problem where that is open."""
    contents: set[str] = set()
    unread: list[SubmittedFile] = []
    held: dict[SubmittedFile, Held] = {}
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


def _clash(held: dict[SubmittedFile, Held]) -> tuple[str, list[SubmittedFile]] | None:
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
