"""How long the course takes, for pages that plan it: a chapter's text says what reading it takes."""

import re

READING = re.compile(r"^Reading takes about (?:(an hour)|(\d+) minutes)\.", re.MULTILINE)


def reading_minutes(chapter: str) -> int:
    """What a chapter says that reading it takes, in minutes.

    Args:
        chapter: its text, with a line that begins "Reading takes about 25 minutes." or "… an hour.".

    Raises:
        ValueError: if it does not say so.
    """
    found = READING.search(chapter)
    if not found:
        raise ValueError('no line of the chapter begins with "Reading takes about"')
    return 60 if found[1] else int(found[2])


def duration(minutes: float) -> str:
    """A time as a plan says it: "25 min", and from an hour on "1¾ h", to the nearest quarter.

    Args:
        minutes: at least 0.
    """
    if minutes < 60:
        return f"{minutes:.0f} min"
    hours, quarters = divmod(round(minutes / 15), 4)
    return f"{hours}{('', '¼', '½', '¾')[quarters]} h"
