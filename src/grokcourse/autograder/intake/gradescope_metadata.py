"""Who made which submission and when, from ``submission_metadata.yml`` in an export of Gradescope's.

The file is read as the events of a YAML parser, and nothing is built from it: a tag makes no object, and an alias
stands for a text or for nothing, so that aliases of aliases do not multiply. ``archive`` has its process do it.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

import yaml
from yaml.events import (
    AliasEvent,
    CollectionEndEvent,
    CollectionStartEvent,
    Event,
    MappingStartEvent,
    ScalarEvent,
    SequenceStartEvent,
)

MAX_METADATA = 64 * 2**20
"""Bytes of the file that are read."""
MAX_EVENTS = 10_000_000
"""Twice what the metadata of a class make that fill what is read of the file; what follows is passed over."""
MAX_DEPTH = 50
"""Lists in lists, which libyaml takes the longer for the deeper it is in them; Gradescope's are not ten deep."""
LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""libyaml's, where PyYAML was built with it."""


@dataclass(frozen=True)
class Submitted:
    """What Gradescope tells of a submission."""

    students: tuple[str, ...]
    """More than one for a group."""
    at: float | None = None
    """When, in seconds."""


class _TooMuchError(Exception):
    """The file has more in it than is looked at."""


def read_gradescope(text: str) -> dict[str, Submitted]:
    """Submissions by their folders' names; of a file that is no YAML from some line on, those before it."""
    found: dict[str, Submitted] = {}
    events = _events(text)
    try:
        for event in events:
            for name, begin in _pairs(event, events):
                people: list[str] | None = None
                when = ""
                for key, value in _pairs(begin, events):
                    if key == ":submitters":
                        people = [_person(dict(_texts(one, events))) for one in _items(value, events)]
                    elif key == ":created_at":  # a text, or ActiveSupport's time with a zone
                        when = _text(value) or dict(_texts(value, events)).get("utc", "")
                    else:
                        _pass_over(value, events)
                if people is not None:
                    found[name] = Submitted(tuple(filter(None, people)) or (name,), seconds_of(when))
    except (yaml.YAMLError, _TooMuchError):
        pass
    return found


def _person(told: dict[str, str]) -> str:
    identity = told.get(":email") or told.get(":sid") or ""
    name = told.get(":name") or identity
    return f"{name} ({identity})" if identity and identity != name else name


def _events(text: str) -> Iterator[Event]:
    """The events of a file, as many and as deep as are looked at, with texts in the place of their aliases."""
    depth, anchored = 0, {}
    for number, event in enumerate(yaml.parse(text, Loader=LOADER)):
        depth += isinstance(event, CollectionStartEvent) - isinstance(event, CollectionEndEvent)
        if number > MAX_EVENTS or depth > MAX_DEPTH:
            raise _TooMuchError
        if isinstance(event, ScalarEvent) and event.anchor:
            anchored[event.anchor] = event
        yield anchored.get(event.anchor, event) if isinstance(event, AliasEvent) else event


def _pairs(begin: Event, events: Iterator[Event]) -> Iterator[tuple[str, Event]]:
    """A mapping's keys, and the events that their values begin with; the value is read before the next is asked for.

    What is no mapping is passed over.
    """
    if not isinstance(begin, MappingStartEvent):
        _pass_over(begin, events)
        return
    for key in events:
        if isinstance(key, CollectionEndEvent):
            return
        _pass_over(key, events)
        yield _text(key), next(events)


def _texts(begin: Event, events: Iterator[Event]) -> Iterator[tuple[str, str]]:
    """A mapping's keys and values, as far as they are texts."""
    for key, value in _pairs(begin, events):
        _pass_over(value, events)
        yield key, _text(value)


def _items(begin: Event, events: Iterator[Event]) -> Iterator[Event]:
    """The events that a list's items begin with; as ``_pairs``."""
    if not isinstance(begin, SequenceStartEvent):
        _pass_over(begin, events)
        return
    for event in events:
        if isinstance(event, CollectionEndEvent):
            return
        yield event


def _pass_over(begin: Event, events: Iterator[Event]) -> None:
    """Read to the end of what an event begins."""
    depth = int(isinstance(begin, CollectionStartEvent))
    while depth:
        event = next(events)
        depth += isinstance(event, CollectionStartEvent) - isinstance(event, CollectionEndEvent)


def _text(event: Event) -> str:
    """A scalar's text; nothing for null, and for what is no scalar."""
    if not isinstance(event, ScalarEvent) or (event.implicit[0] and event.value in ("null", "Null", "NULL", "~")):
        return ""
    return event.value


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
