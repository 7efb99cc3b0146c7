"""Sheets of styles as one, without the rules that no page can use.

A rule is left out if it asks for a class or an id that stands on no page and in no script. Whatever else it asks for
(elements, attributes, states) counts as there, and so does what ``:is()`` or ``:not()`` hold: too much is kept rather
than too little.
"""

import itertools
import re
from collections.abc import Collection, Iterable, Sequence
from pathlib import PurePath
from typing import Any

import minify
import tinycss2

NAMES = re.compile(r"""\s(?:class|id)=(?:"([^"]*)"|'([^']*)')""")
WORD = re.compile(r"[\w-]+")
WITH_RULES = {"media", "supports", "layer", "container"}
"""At-rules that hold rules."""


def words(pages: Iterable[str], scripts: Iterable[str]) -> set[str]:
    """The classes and ids on pages, and every word of the scripts: what they may give to an element.

    Args:
        pages: their HTML.
        scripts: their JavaScript, and data for it.
    """
    found = {word for page in pages for names in NAMES.findall(page) for word in "".join(names).split()}
    return found | {word for script in scripts for word in WORD.findall(script)}


def joined(sheets: Sequence[str], known: Collection[str] | None) -> str:
    """All sheets in their order, as one, smaller, and without the rules that no element can meet.

    Args:
        sheets: CSS without ``@import``.
        known: the classes and ids that there may be; None to keep all rules.
    """
    if known is None:
        return str(minify.string("text/css", "\n".join(sheets)))
    rules = [rule for sheet in sheets for rule in tinycss2.parse_stylesheet(sheet, True, True)]
    return str(minify.string("text/css", "".join(_kept(rule, known) for rule in rules)))


def moved(sheet: str, folder: PurePath) -> str:
    """A sheet with its addresses as seen from where all sheets are put together, the parent of ``folder``."""
    if folder == PurePath():
        return sheet
    return re.sub(r"url\(\s*([\"']?)\.\./", r"url(\1", sheet)


def _kept(rule: Any, known: Collection[str]) -> str:
    """What is kept of a rule: all of it, some of its selectors, or nothing."""
    if rule.type == "at-rule" and rule.lower_at_keyword in WITH_RULES and rule.content is not None:
        inside = "".join(_kept(part, known) for part in tinycss2.parse_rule_list(rule.content, True, True))
        return f"@{rule.at_keyword}{tinycss2.serialize(rule.prelude)}{{{inside}}}" if inside else ""
    if rule.type != "qualified-rule":
        return str(rule.serialize())
    selectors = [selector for selector in _split(rule.prelude) if _names(selector) <= set(known)]
    if not selectors:
        return ""
    return ",".join(map(tinycss2.serialize, selectors)) + "{" + str(tinycss2.serialize(rule.content)) + "}"


def _split(prelude: Sequence[Any]) -> list[list[Any]]:
    """The selectors that commas part."""
    selectors: list[list[Any]] = [[]]
    for token in prelude:
        if token == ",":
            selectors.append([])
        else:
            selectors[-1].append(token)
    return selectors


def _names(selector: Sequence[Any]) -> set[str]:
    """The classes and ids that a selector asks for, outside brackets."""
    classes = {token.value for dot, token in itertools.pairwise(selector) if dot == "." and token.type == "ident"}
    return classes | {token.value for token in selector if token.type == "hash"}
