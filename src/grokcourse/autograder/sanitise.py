"""What students wrote (names, files, error texts), made harmless and short; what it is put into escapes it besides.

The one place that does so: terminal escapes, control characters (with them all that XML cannot hold), characters that
turn or hide text, spreadsheets' formulas, length, and names that look or fold alike.
"""

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence

MAX_NAME = 80
"""Characters of a student's name that are shown."""
MAX_MESSAGE = 600
"""Characters of a message that are shown."""
MAX_EVIDENCE = 1500
"""Characters that are shown of a test's evidence."""
ESCAPES = re.compile(
    r"\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)?|\x1b\[[0-?]*[ -/]*[@-~]|\x9b[0-?]*[ -/]*[@-~]|\x1b[ -/]*[0-~]"
)
DIRECTIONS = set("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
"""Invisible characters that turn the text around them about."""
BLANKS = {
    *map(chr, (*range(0xFE00, 0xFE10), *range(0xE0100, 0xE01F0))),
    *"\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0",
}
"""Characters that leave no mark, and are none of those that only format: variation selectors, fillers."""
FORMULA = re.compile(r"(^|[;,\t|])([\s\"'\u00ad\u200b-\u200f\u2060-\u2064\ufeff]*)([=+\-@＝＋－＠﹦﹢﹣﹫⁼⁺⁻₌₊₋])")
"""What a spreadsheet may run instead of showing it: at the beginning of a cell, and after anything that separates cells
somewhere; where commas do not, semicolons, tabs or bars do."""
RESERVED = {"con", "prn", "aux", "nul", *(f"{port}{n}" for port in ("com", "lpt") for n in range(10))}
"""What Windows lets no file be called."""
MAX_FOLDED = 200
"""Characters of a name that are compared."""
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


def cell(text: str, most: int = MAX_MESSAGE) -> str:
    """The same on one line, and for no spreadsheet a formula."""
    return FORMULA.sub(lambda found: f"{found[1]}'{found[2]}{found[3]}", one_line(text, most))


def folded(text: str) -> str:
    """What of a name counts where case and width do not; of a long one, which takes minutes, only the beginning."""
    return unicodedata.normalize("NFKC", text[:MAX_FOLDED]).casefold()


def _harmless(character: str) -> str:
    if character in "\n\t":
        return character
    if character in DIRECTIONS:
        return ""
    is_text = unicodedata.category(character) not in ("Cc", "Cs", "Cn") and character not in "\u2028\u2029"
    return character if is_text else "\ufffd"


def told_apart(names: Sequence[str], most: int = MAX_NAME) -> list[str]:
    """Each of several different names on one line, fit to be shown, and no two of them alike.

    Where two look the same, the invisible characters that tell them apart are spelt out.
    """
    names = [name[: 4 * most] for name in names]
    shown = [one_line(name, most) or "(no name)" for name in names]
    looks = Counter(map(_looks, shown))
    taken: Counter[str] = Counter()
    for number, name in enumerate(names):
        if looks[_looks(shown[number])] > 1:
            shown[number] = _middle_cut(" ".join("".join(map(_spelt, name)).split()) or "(no name)", most)
    taken.update(shown)
    seen: Counter[str] = Counter()
    for number, text in enumerate(shown):
        if taken[text] > 1:
            seen[text] += 1
            while seen[text] > 1 and taken[f"{text} ({seen[text]})"]:
                seen[text] += 1
            shown[number] = f"{text} ({seen[text]})" if seen[text] > 1 else text
    return shown


def _looks(text: str) -> str:
    """What of a name can be seen."""
    seen = "".join(c for c in text if not _is_invisible(c))
    return " ".join(unicodedata.normalize("NFKC", seen).split())


def _is_invisible(character: str) -> bool:
    return unicodedata.category(character) in ("Cf", "Cc", "Cs", "Cn", "Co", "Zl", "Zp") or character in BLANKS


def _spelt(character: str) -> str:
    unusual = unicodedata.category(character) == "Zs" and character != " "
    return f"⟨U+{ord(character):04X}⟩" if unusual or _is_invisible(character) else character


def _middle_cut(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[: most // 2]}…{text[-(most - most // 2 - 1) :]}"


def file_names(students: Iterable[str]) -> list[str]:
    """A file name without an ending for each student: safe everywhere, and no two alike even where case is ignored.

    Letters and digits of all scripts stay; the rest becomes hyphens.
    """
    taken: set[str] = set()
    counts: Counter[str] = Counter()
    names = []
    for student in students:
        name = base = _file_name(student)
        while folded(name) in taken:
            counts[base] = max(counts[base], 1) + 1
            name = f"{base}-{counts[base]}"
        taken.add(folded(name))
        names.append(name)
    return names


def _file_name(student: str) -> str:
    kept = "".join(c if _is_kept(c) else " " for c in unicodedata.normalize("NFC", one_line(student, MAX_FILE_NAME)))
    name = re.sub(r"\.{2,}", ".", "-".join(kept.split())).strip("-.")
    name = name.encode()[:MAX_FILE_NAME].decode(errors="ignore").rstrip("-.")
    return f"student-{name}" if folded(name.split(".")[0]) in RESERVED else name or "student"


def _is_kept(character: str) -> bool:
    return character in "_.-" or character.isalnum() or unicodedata.category(character) in ("Mn", "Mc")
