"""Who made which submission and when, from Gradescope's ``submission_metadata.yml``."""

import re
from dataclasses import dataclass
from datetime import datetime

MAX_METADATA = 64 * 2**20


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
        found[name] = Submitted(tuple(filter(None, students)) or (name,), seconds_of(when[1]) if when else None)
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


def seconds_of(text: str) -> float | None:
    """A date and time as YAML and nbgrader write them; without a zone that Python knows, as if it were UTC."""
    match = re.match(r"\s*'?(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d:\d\d(?:\.\d{1,6})?)\d*\s*(Z|[+-]\d\d:?\d\d)?", text)
    if not match:
        return None
    try:
        seconds = datetime.fromisoformat(f"{match[1]}T{match[2]}{match[3] or 'Z'}").timestamp()
    except (ValueError, OverflowError):
        return None
    return seconds if 0 < seconds < 2**33 else None  # nobody hands in before 1970, or after 2242
