"""What students wrote (names, files, error texts), made harmless and short; what it is put into escapes it besides."""

import re
import unicodedata
from collections.abc import Iterable

MAX_NAME = 80
"""Characters of a student's name that are shown."""
MAX_MESSAGE = 600
"""Characters of a message that are shown."""
ESCAPES = re.compile(
    r"\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)?|\x1b\[[0-?]*[ -/]*[@-~]|\x9b[0-?]*[ -/]*[@-~]|\x1b[ -/]*[0-~]"
)
DIRECTIONS = set("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
"""Invisible characters that turn the text around them about."""
RESERVED = {"con", "prn", "aux", "nul", *(f"{port}{n}" for port in ("com", "lpt") for n in range(10))}
"""What Windows lets no file be called."""
MAX_FILE_NAME = 100
"""Bytes of a file's name without its ending."""


def plain(text: str, most: int = MAX_MESSAGE) -> str:
    """Text of any number of lines, without terminal codes and characters that only deceive; cut after ``most``."""
    text = text[: 4 * most]
    if not text.isprintable():
        text = "".join(map(_harmless, ESCAPES.sub("", text).replace("\r\n", "\n")))
    text = text.strip()
    return text if len(text) <= most else f"{text[: most - 1].rstrip()}…"


def one_line(text: str, most: int = MAX_MESSAGE) -> str:
    """The same on one line."""
    return plain(" ".join(plain(text, most).split()), most)


def _harmless(character: str) -> str:
    if character in "\n\t":
        return character
    if character in DIRECTIONS:
        return ""
    is_text = unicodedata.category(character) not in ("Cc", "Cs", "Cn") and character not in "\u2028\u2029"
    return character if is_text else "\ufffd"


def file_names(students: Iterable[str]) -> list[str]:
    """A file name without an ending for each student: safe everywhere, and no two alike even where case is ignored.

    Letters and digits of all scripts stay; the rest becomes hyphens.
    """
    taken: set[str] = set()
    names = []
    for student in students:
        base = _file_name(student)
        name, count = base, 1
        while unicodedata.normalize("NFKC", name).casefold() in taken:
            count += 1
            name = f"{base}-{count}"
        taken.add(unicodedata.normalize("NFKC", name).casefold())
        names.append(name)
    return names


def _file_name(student: str) -> str:
    kept = "".join(c if _is_kept(c) else " " for c in unicodedata.normalize("NFC", one_line(student, MAX_FILE_NAME)))
    name = re.sub(r"\.{2,}", ".", "-".join(kept.split())).strip("-.")
    name = name.encode()[:MAX_FILE_NAME].decode(errors="ignore").rstrip("-.")
    is_reserved = unicodedata.normalize("NFKC", name.split(".")[0]).casefold() in RESERVED
    return f"student-{name}" if is_reserved else name or "student"


def _is_kept(character: str) -> bool:
    return character in "_.-" or character.isalnum() or unicodedata.category(character) in ("Mn", "Mc")


def columns(text: str) -> int:
    """How many columns a terminal needs for it."""
    return sum(
        0 if unicodedata.category(c) in ("Mn", "Me", "Cf") else 2 if unicodedata.east_asian_width(c) in "WF" else 1
        for c in text
    )


def fitted(text: str, width: int) -> str:
    """One line of exactly so many columns: cut with an ellipsis, or filled up with blanks."""
    text = one_line(text, max(4 * width, 1))
    if columns(text) > width:
        while columns(text) > width - 1:
            text = text[:-1]
        text += "…"
    return text + " " * (width - columns(text))
