"""Sheets of styles as one, without what no page can use.

A rule is left out if it asks for a class, an id or an element that stands on no page and in no script. Whatever else it
asks for (attributes, states) counts as there, and so does what ``:is()`` or ``:not()`` hold: too much is kept rather
than too little. Of what is left, custom properties that nothing reads, animations that nothing names and fonts that
nothing asks for go as well. An icon font keeps the icons that are left, and comes inside the sheet.
"""

import base64
import io
import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Any

import minify
import tinycss2
from fontTools import subset
from fontTools.ttLib import TTFont

NAMES = re.compile(r"""\s(?:class|id)=(?:"([^"]*)"|'([^']*)')""")
ELEMENTS = re.compile(r"<([a-zA-Z][\w-]*)")
STYLES = re.compile(r"""\sstyle=(?:"([^"]*)"|'([^']*)')""")
WORD = re.compile(r"[\w-]+")
COMMENT = re.compile(r"/\*.*?\*/", re.DOTALL)
WITH_RULES = {"media", "supports", "layer", "container"}
"""At-rules that hold rules."""
PRIVATE = re.compile("[\ue000-\uf8ff]")
"""Characters that mean something in one font alone: icons."""


@dataclass(frozen=True)
class Known:
    """What a sheet may ask for."""

    names: frozenset[str]
    """Classes and ids."""
    elements: frozenset[str]
    words: frozenset[str]
    """All words of scripts and of styles that stand on elements: what is used besides what sheets say themselves."""


def known(pages: Sequence[str], scripts: Iterable[str]) -> Known:
    """What there is on pages, and every word of the scripts: what they may make or give to an element.

    Args:
        pages: their HTML.
        scripts: their JavaScript, and data for it.
    """
    told = frozenset(word for script in scripts for word in WORD.findall(script))
    names = {word for page in pages for found in NAMES.findall(page) for word in "".join(found).split()}
    elements = {name.lower() for page in pages for name in ELEMENTS.findall(page)}
    styles = {word for page in pages for found in STYLES.findall(page) for word in WORD.findall("".join(found))}
    return Known(told | names, told | elements, told | styles)


def joined(sheets: Sequence[str], own: Sequence[str], there: Known) -> str:
    """All sheets in their order, as one and smaller, without what no element can meet and nothing uses.

    Args:
        sheets: CSS without ``@import``, of others.
        own: the same, of which every rule is kept, at the end.
        there: what there is on pages and in scripts.
    """
    rules = [kept for sheet in sheets for rule in _parsed(sheet) if (kept := _kept(rule, there))]
    mine = "\n".join(own)
    while (fewer := _without_unread(rules, mine, there.words)) != rules:
        rules = fewer
    return _smaller("".join(_without_unnamed(rules, mine, there.words)) + mine)


def moved(sheet: str, folder: PurePath) -> str:
    """A sheet with its addresses as seen from where all sheets are put together, the parent of ``folder``."""
    if folder == PurePath():
        return sheet
    return re.sub(r"url\(\s*([\"']?)\.\./", r"url(\1", sheet)


def notices(texts: Iterable[str]) -> str:
    """The comments that say whose a script or a sheet is and under which licence, each once, to stand at its head."""
    found = dict.fromkeys(comment for text in texts for comment in COMMENT.findall(text) if _is_notice(comment))
    return "".join(f"{comment}\n" for comment in found)


def _is_notice(comment: str) -> bool:
    return comment.startswith("/*!") or bool(re.search(r"copyright|licen[sc]e", comment, re.IGNORECASE))


def with_icons(sheet: str, family: str, font: Path) -> str:
    """A sheet in which a font has but the icons that its rules show, and stands inside it.

    Args:
        sheet: what ``joined`` made.
        family: the font's name in the sheet.
        font: its file, as TrueType.
    """
    with TTFont(font) as whole:
        icons = whole.getBestCmap().keys() & {ord(character) for character in PRIVATE.findall(_characters(sheet))}
    parsed = _parsed(sheet)
    rules = [rule for rule in parsed if not (_is_font(rule) and _family(rule) == family.lower())]
    if len(rules) == len(parsed):
        return sheet
    data = base64.b64encode(_cut(font, icons)).decode("ascii")
    face = (
        f'@font-face{{font-family:"{family}";font-style:normal;font-weight:1 999;'
        f"src:url(data:font/woff;base64,{data})format('woff')}}"
    )
    return _smaller("".join(rule.serialize() for rule in rules)) + (face if icons else "")


def _parsed(sheet: str) -> list[Any]:
    return list(tinycss2.parse_stylesheet(sheet, skip_comments=True, skip_whitespace=True))


def _smaller(sheet: str) -> str:
    return str(minify.string("text/css", sheet))


def _kept(rule: Any, there: Known) -> str:
    """What is kept of a rule: all of it, some of its selectors, or nothing."""
    if rule.type == "at-rule" and rule.lower_at_keyword in WITH_RULES and rule.content is not None:
        inside = "".join(_kept(part, there) for part in tinycss2.parse_rule_list(rule.content, True, True))
        return f"@{rule.at_keyword}{tinycss2.serialize(rule.prelude)}{{{inside}}}" if inside else ""
    if rule.type == "at-rule" and rule.lower_at_keyword == "charset":
        return ""  # says something at the very beginning of a file alone
    if rule.type != "qualified-rule":
        return str(rule.serialize())
    selectors = [selector for selector in _split(rule.prelude) if _can_be_met(selector, there)]
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


def _can_be_met(selector: Sequence[Any], there: Known) -> bool:
    """Whether there are the classes, ids and elements that a selector asks for, outside brackets."""
    before: Any = None
    for token in selector:
        if token.type == "hash" or (token.type == "ident" and before == "."):
            if token.value not in there.names:
                return False
        elif token.type == "ident" and before != ":" and token.lower_value not in there.elements:
            return False
        before = token
    return True


def _without_unread(rules: Sequence[str], own: str, words: Collection[str]) -> list[str]:
    """The rules without the custom properties that neither they nor anything else reads."""
    read = {name for text in (*rules, own) for name in re.findall(r"var\(\s*(--[\w-]+)", text)} | set(words)
    fewer = (_without(rule, read) for rule in rules)
    return [rule for rule in fewer if rule]


def _without(rule: str, read: Collection[str]) -> str:
    """A rule without custom properties other than those that are read; nothing, if it has nothing else."""
    if "--" not in rule:
        return rule
    parsed = tinycss2.parse_one_rule(rule, skip_comments=True)
    if parsed.content is None:
        return rule
    head = f"@{parsed.at_keyword}" if parsed.type == "at-rule" else ""
    head += tinycss2.serialize(parsed.prelude)
    if parsed.type == "at-rule" and parsed.lower_at_keyword in WITH_RULES:
        parts = tinycss2.parse_rule_list(parsed.content, True, True)
        inside = "".join(_without(str(part.serialize()), read) for part in parts)
    elif parsed.type == "qualified-rule":
        declared = tinycss2.parse_blocks_contents(parsed.content, True, True)
        inside = ";".join(
            str(part.serialize())
            for part in declared
            if part.type != "declaration" or not part.name.startswith("--") or part.name in read
        )
    else:
        return rule
    return f"{head}{{{inside}}}" if inside else ""


def _without_unnamed(rules: Sequence[str], own: str, words: Collection[str]) -> Iterator[str]:
    """The rules without animations and fonts that no declaration, and nothing else, names."""
    plain = [rule for rule in rules if not rule.startswith(("@keyframes", "@-webkit-keyframes", "@font-face"))]
    used = _unescaped("".join(plain) + own).lower()
    there = {*WORD.findall(used), *(word.lower() for word in words)}
    for rule in rules:
        parsed = tinycss2.parse_one_rule(rule, skip_comments=True)
        if _is_font(parsed):
            if _family(parsed) in used:
                yield rule
        elif parsed.type == "at-rule" and parsed.lower_at_keyword.endswith("keyframes"):
            if tinycss2.serialize(parsed.prelude).strip().lower() in there:
                yield rule
        else:
            yield rule


def _is_font(rule: Any) -> bool:
    return rule.type == "at-rule" and rule.lower_at_keyword == "font-face"


def _family(face: Any) -> str:
    """The name, in small letters, that a font is declared by."""
    for part in tinycss2.parse_blocks_contents(face.content, True, True):
        if part.type == "declaration" and part.lower_name == "font-family":
            return " ".join(token.value for token in part.value if token.type in ("string", "ident")).lower()
    return ""


def _unescaped(sheet: str) -> str:
    r"""A sheet whose names are as they are meant: ``Font Awesome\ 6`` has a space."""
    return re.sub(r"\\([^0-9a-fA-F\n])", r"\1", sheet)


def _characters(sheet: str) -> str:
    r"""A sheet with the characters that its strings mean: ``"\f107"`` is one."""
    return re.sub(r"\\([0-9a-fA-F]{1,6})\s?", lambda found: chr(int(found[1], 16)), sheet)


def _cut(font: Path, characters: Collection[int]) -> bytes:
    """A font with these characters alone, as WOFF, which Python packs without further help."""
    options = subset.Options(
        flavor="woff", layout_features=[], name_IDs=[0, 13, 14], notdef_outline=False, hinting=False
    )
    options.recalc_timestamp = False  # the same icons are the same bytes
    with TTFont(font, recalcTimestamp=False) as whole:
        cutter = subset.Subsetter(options)
        cutter.populate(unicodes=characters)
        cutter.subset(whole)
        whole.flavor = "woff"
        packed = io.BytesIO()
        whole.save(packed)
    return packed.getvalue()
