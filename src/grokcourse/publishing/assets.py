"""What the pages load besides themselves: one sheet of styles, one script that waits, and what it loads when needed.

Sphinx, the theme and the extensions each add scripts and styles of their own to every page, most of which block it and
much of which nothing here uses. Instead, the site has a few files of its own in ``_static``, each put together from
several and made smaller:

- ``course.css``, the styles of all pages, without what none can use, and with the icons that they show (``styles``);

- ``course.js``, which every page loads, deferred: what its pages use of the theme, and the scripts of
  ``html_js_files``;
- ``hovers.js``, which that loads with a page's definitions when its reader first does something, those in
  ``tippy/PAGE.js``;
- ``search.js``, of the search page alone, which loads the index, ``searchindex.js``, if there is something to look for.

Besides these a page loads, if it has pictures that move, ``interactive/base.js`` and ``interactive/NAME.js`` with their
data. At the head of each file stand the notices of what is in it. What Sphinx, the theme and the extensions have put
beside these, and no page loads, is removed.

All are classic scripts, since a page that is read from a disk may load no others.
"""

import json
import re
from collections.abc import Collection, Iterable
from hashlib import sha256
from pathlib import Path
from typing import Any, cast

import minify
from sphinx.application import Sphinx
from sphinx.builders.html import StandaloneHTMLBuilder
from sphinx.util import logging

from grokcourse.storage import write_whole

from . import styles

THEME = "sphinx_book_theme"
HOVERS = "sphinx_tippy"
MOVING = "interactive/interactive.css"
OF_THE_THEME = ("scripts/sphinx-book-theme.js", "scripts/pydata-sphinx-theme.js")
OF_THE_SEARCH = ("doctools.js", "sphinx_highlight.js", "language_data.js", "searchtools.js", "search-page.js")
UNUSED = {
    "documentation_options.js": "options() writes them",
    "doctools.js": "keys that turn pages, which are off, and words of the search",
    "sphinx_highlight.js": "marks what was sought; the search page alone uses what it defines",
    "togglebutton.js": "admonitions that fold; a page uses {dropdown}, which needs no script",
    "design-tabs.js": "tabs; no page has any",
}
"""Scripts that the theme or an extension adds to each page, and what they would be for."""

OF_ALL_STYLES = ("basic.css", "styles/pydata-sphinx-theme.css")
"""The first sheets, before those that Sphinx keeps a list of."""
ICONS = {
    "Font Awesome 6 Free": "vendor/fontawesome/webfonts/fa-solid-900.ttf",
    "Font Awesome 6 Brands": "vendor/fontawesome/webfonts/fa-brands-400.ttf",
}
"""The fonts of the theme's icons: as the sheets name them, and their files. No page has icons in outline (``far``)."""
UNUSED_STYLES = {
    "styles/theme.css": "names basic.css, and nothing else",
    "togglebutton.css": "goes with a script that is unused",
    "copybutton.css": "of a button that the course has its own of",
}
THE_THEMES = (
    "/*! pydata-sphinx-theme: Copyright (c) 2018, pandas; BSD 3-Clause License */",
    "/*! sphinx-book-theme: Copyright (c) 2020, Chris Holdgraf; BSD 3-Clause License */",
)
UNSIGNED = {
    "course.css": (*THE_THEMES, "/*! sphinx-design: Copyright (c) 2023 Chris Sewell; MIT License */"),
    "course.js": THE_THEMES,
    "hovers.js": ("/*! tippy.js: MIT License, vendor/tippy/LICENSE.tippy */",),
    "search.js": (),
}
"""Notices of what is bundled and does not say itself whose it is."""
STAMP = re.compile(r'(?<=_static/)((?:course|hovers|search)\.(?:js|css))\?v=\w*(?=")')

logger = logging.getLogger(__name__)


def setup(app: Sphinx) -> None:
    """Connect to Sphinx's events, in time for the configuration to be known."""
    app.connect("builder-inited", begin)


def begin(app: Sphinx) -> None:
    """Take the pages' scripts and styles in hand, if they are those of the theme and the hovers that are known here."""
    is_known = app.config.html_theme == THEME and HOVERS in app.extensions
    if not is_known or not isinstance(app.builder, StandaloneHTMLBuilder):
        return
    app.connect("html-page-context", choose_styles, priority=950)
    app.connect("html-page-context", choose_scripts, priority=950)  # after all that add some
    app.connect("build-finished", write_assets, priority=950)  # after the theme and the clean-up


def choose_styles(app: Sphinx, page: str, template: str, context: dict[str, Any], doctree: object) -> None:
    """Have a page load the one sheet in place of all; a sheet that it alone has stays, with a warning."""
    on_all_pages = {str(sheet.filename) for sheet in cast(StandaloneHTMLBuilder, app.builder)._orig_css_files}
    kept = [sheet for sheet in context["css_files"] if str(sheet.filename) not in on_all_pages]
    for sheet in kept:
        logger.warning("the style sheet %s is of this page alone: nothing bundles it", sheet.filename, location=page)
    context["css_files"] = kept


def choose_scripts(app: Sphinx, page: str, template: str, context: dict[str, Any], doctree: object) -> None:
    """Leave of a page's scripts those that are its own; ``hovers`` in the context is its file of definitions."""
    bundled = {*OF_THE_THEME, *UNUSED, *of_the_course(app), *app.config.tippy_js}
    kept = []
    for script in context["script_files"]:
        name = str(script.filename or "").removeprefix("_static/")
        if name and name.startswith("tippy/"):
            context["hovers"] = name
        elif name and name not in bundled:
            blocks = not {"defer", "async"} & set(script.attributes)
            if blocks:
                logger.warning("the script %s blocks the page: it needs a loading method", name, location=page)
            kept.append(script)
        # Words in the page itself are the options of scripts that are bundled or unused.
    context["script_files"] = kept


def of_the_course(app: Sphinx) -> list[str]:
    """The names of our own scripts that every page uses, in their order."""
    names = (entry if isinstance(entry, str) else entry[0] for entry in app.config.html_js_files)
    return [name for name in names if name.endswith(".js")]


def write_assets(app: Sphinx, exception: Exception | None) -> None:
    """Write the scripts and the sheet, and have the pages ask for them by their content, so that no old copy is used.

    What they are made of is in the site's folder only after Sphinx has written something; else they are as they were,
    and only what extensions have put there again is removed.
    """
    static = Path(app.outdir, "_static")
    if exception or not isinstance(app.builder, StandaloneHTMLBuilder):
        return
    texts = {path: path.read_text(encoding="utf-8") for path in pages(Path(app.outdir))}
    if not all((static / name).exists() for name in OF_ALL_STYLES):
        made = {name: (static / name).read_text(encoding="utf-8") for name in UNSIGNED}
        remove_unloaded(app, set(made), "".join([*texts.values(), *made.values()]))
        return
    bundles = {
        "course.js": [options(app), *read(app, (*of_the_course(app), *OF_THE_THEME))],
        "hovers.js": read(app, app.config.tippy_js),
        "search.js": waiting(read(app, OF_THE_SEARCH)),
    }
    made = {name: with_notices([*UNSIGNED[name], *scripts], joined(scripts)) for name, scripts in bundles.items()}
    pictures = [path.read_text(encoding="utf-8") for path in sorted(static.glob("interactive/*.js"))]
    hovers = [path.read_text(encoding="utf-8").replace(r"\"", '"') for path in sorted(static.glob("tippy/**/*.js"))]
    there = styles.known([*texts.values(), *hovers], [*made.values(), *pictures])
    others, own = sheets(app, of_others(app)), sheets(app, own_sheets(app))
    sheet = styles.joined(others, own, there)
    for family, font in ICONS.items():
        sheet = styles.with_icons(sheet, family, static / font)
    made["course.css"] = with_notices([*UNSIGNED["course.css"], *others, *own], sheet)
    stamps = {name: sha256(text.encode()).hexdigest()[:8] for name, text in made.items()}
    for name, text in made.items():
        write(static / name, text)
    for path, text in texts.items():
        write(path, STAMP.sub(lambda found: f"{found[1]}?v={stamps[found[1]]}", text), text)
    remove_unloaded(app, set(made), "".join([*texts.values(), *made.values()]))


def remove_unloaded(app: Sphinx, made: Collection[str], loading: str) -> None:
    """Remove what others have put into ``_static`` and no page loads: most of the theme, and its fonts.

    Args:
        app: the build.
        made: the names of the files that are written here.
        loading: all pages and all that they load.
    """
    static = Path(app.outdir, "_static")
    places = [Path(app.confdir, place) for place in app.config.html_static_path]
    for path in sorted(static.rglob("*"), reverse=True):
        name = path.relative_to(static).as_posix()
        if path.is_dir():
            if not any(path.iterdir()):
                path.rmdir()
        elif not (
            name in made
            or name.startswith("tippy/")
            or name in loading
            or any((place / name).exists() for place in places)
        ):
            path.unlink()


def with_notices(texts: Iterable[str], bundle: str) -> str:
    """A file made of several, below what these say of their authors and licences: it has no comments of its own."""
    return styles.notices(texts) + bundle


def own_sheets(app: Sphinx) -> list[str]:
    """The names of the course's own sheets; what pictures that move have is on pages only when they are there."""
    names = (entry if isinstance(entry, str) else entry[0] for entry in app.config.html_css_files)
    return [*names, MOVING]


def of_others(app: Sphinx) -> list[str]:
    """The names of the sheets that the theme and the extensions have, in the order in which they apply."""
    assert isinstance(app.builder, StandaloneHTMLBuilder)
    listed = [str(sheet.filename) for sheet in sorted(app.builder.css_files, key=lambda sheet: sheet.priority)]
    names = [name.removeprefix("_static/") for name in listed]
    left_out = (*OF_ALL_STYLES, *UNUSED_STYLES, *own_sheets(app))
    return [*OF_ALL_STYLES, *(name for name in names if name not in left_out)]


def sheets(app: Sphinx, names: Iterable[str]) -> list[str]:
    """The texts of sheets, with addresses as seen from the folder of the one that they become."""
    static = Path(app.outdir, "_static")
    return [styles.moved(static.joinpath(name).read_text(encoding="utf-8"), Path(name).parent) for name in names]


def pages(site: Path) -> list[Path]:
    """The pages of a built site, the search page among them."""
    return [path for path in sorted(site.rglob("*.html")) if path.relative_to(site).parts[0] != "_static"]


def options(app: Sphinx) -> str:
    """The options that the theme's scripts and the search ask for; the search page has them from ``course.js``."""
    told = {
        "BUILDER": "html",
        "FILE_SUFFIX": ".html",
        "LINK_SUFFIX": ".html",
        "ENABLE_SEARCH_SHORTCUTS": False,
        "NAVIGATION_WITH_KEYS": False,
        "SHOW_SEARCH_SUMMARY": True,
        "search_as_you_type": False,
        "VERSION": app.config.version,
    }
    return f"const DOCUMENTATION_OPTIONS = {json.dumps(told)};"


def read(app: Sphinx, names: Iterable[str]) -> list[str]:
    """The texts of static files, each from where it comes from; of those that Sphinx makes, the copy in the site."""
    assert isinstance(app.builder, StandaloneHTMLBuilder)
    places = [Path(app.confdir, place) for place in reversed(app.config.html_static_path)]
    places += [Path(place, "static") for place in app.builder.theme.get_theme_dirs()]
    places.append(Path(app.outdir, "_static"))
    return [
        next(path for place in places if (path := place / name).is_file()).read_text(encoding="utf-8") for name in names
    ]


def waiting(scripts: Iterable[str]) -> list[str]:
    """Sphinx's scripts, made to begin when all have run: deferred, they find the page parsed, and begin too soon."""
    at_once, later = 'document.readyState !== "loading"', 'document.readyState === "complete"'
    return [script.replace(at_once, later) for script in scripts]


def joined(scripts: Iterable[str]) -> str:
    """Classic scripts as one, in their order, without what only people read."""
    return str(minify.string("application/javascript", "\n;\n".join(scripts)))


def write(path: Path, text: str, former: str | None = None) -> None:
    """Write a file, unless it has that text already."""
    if former is None and path.is_file():
        former = path.read_text(encoding="utf-8")
    if text != former:
        write_whole(path, text.encode())
