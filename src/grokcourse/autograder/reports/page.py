"""What turns a class into HTML: the templates in ``templates/``, and what they may say of a text or a number.

Whatever a template prints is cleaned, cut and escaped, also where it says nothing of that: ``{{ text }}`` is one line
of at most ``MAX_MESSAGE`` characters. The filters ``prose``, ``block``, ``evidence`` and ``ours`` give other forms.
"""

import functools
import re
from datetime import datetime
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

from ..policy import decimal
from ..sanitise import MAX_EVIDENCE, MAX_MESSAGE, one_line, plain
from .results import days
from .words import STATUSES, points

TEMPLATES = Path(__file__).with_name("templates")
OURS = 20_000
"""Characters of a text that no student wrote."""


def render(template: str, **values: Any) -> str:
    """A whole HTML page.

    Args:
        template: its file in ``templates/``.
        values: what it speaks of.
    """
    return environment().get_template(template).render(values)


@functools.cache
def environment() -> Environment:
    """Jinja's, in which nothing reaches a page uncleaned or unescaped, and nothing is silently left out."""
    made = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        finalize=_cleaned,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        auto_reload=False,
    )
    made.globals["style"] = Markup((TEMPLATES / "report.css").read_text(encoding="utf-8"))
    made.filters |= {
        "prose": lambda text: _code(one_line(text)),
        "block": lambda text: _code(plain(text)),
        "evidence": lambda text: _code(plain(text, MAX_EVIDENCE)),
        "ours": lambda text: escape(one_line(text, OURS)),
        "number": lambda value, places=2: "–" if value is None else decimal(value, places),
        "mark": decimal,
        "percent": lambda share: f"{float(share):.0%}",
        "counted": lambda number, noun: f"{number} {noun if number == 1 else f'{noun}s'}",
        "status": lambda status: STATUSES.get(status, status),
        "points": points,
        "days": days,
        "moment": moment,
    }
    return made


def _cleaned(value: Any) -> Any:
    """What is printed, on one line; HTML as it is, since only what has been escaped is HTML."""
    return value if isinstance(value, Markup) else one_line(str(value), MAX_MESSAGE)


def _code(text: str) -> Markup:
    """Text as HTML, where what stands in backticks is code."""
    return Markup(re.sub("`([^`\n]+)`", r"<code>\1</code>", str(escape(text))))


def moment(started: str) -> str:
    """A date and time in ISO 8601, as people write it."""
    try:
        then = datetime.fromisoformat(started)
    except ValueError:
        return started
    return f"{then.day} {then:%B %Y, %H:%M} {then.tzname() or ''}"
