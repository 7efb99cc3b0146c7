"""Which pages are written anew: those that were read, and those that show what has changed elsewhere.

Besides its own content, a page shows other pages' titles and numbers of sections, equations, figures and citations
(``ON_ALL_PAGES``; a change there writes every page), and what cells of other pages measured, as far as it quotes it.
It is made by this package, whose scripts and styles it names by their content: a change of these writes every page too.
For each page, a mark of all this is kept when it has been written, and compared before the next build writes.

What pops up over a link (sphinx-tippy) is in files of its own, which are made from the content of all pages. So what
the extension has collected of each page is kept as well, for the pages that are not written.
"""

import json
import pickle
from collections.abc import Iterable, Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any, cast

from docutils import nodes
from myst_nb.ext.glue.utils import PendingGlueReference
from sphinx.application import Sphinx
from sphinx.builders import Builder
from sphinx.environment import BuildEnvironment

import grokcourse
from grokcourse.storage import write_whole

from .execution import Environment
from .sharing import edition

ON_ALL_PAGES = ("titles", "tocs", "toctree_includes", "toc_secnumbers", "toc_fignumbers")
"""What Sphinx's environment keeps for all pages and any page may show."""
IN_DOMAINS = {
    "std": ("objects", "labels", "anonlabels", "terms"),
    "math": ("objects",),
    "py": ("objects",),
}
"""What its domains keep: where references lead, and with what words."""
QUOTES = "grokcourse_quotes"
"""The key, among a page's metadata, of the measured values that it quotes from other pages."""
NOT_IN_PAGES = {"__pycache__", "recorded", "notebooks"}
"""Folders of the package that no page is made by; the runs count where cells load them."""


def setup(app: Sphinx) -> None:
    """Connect to Sphinx's events."""
    app.connect("doctree-read", note_quotes, priority=900)  # after Sphinx has put the page's own metadata there
    app.connect("env-get-updated", find_outdated, priority=900)  # after sections, figures and citations have numbers
    app.connect("write-started", restore_hovers)
    app.connect("build-finished", keep, priority=900)


def note_quotes(app: Sphinx, doctree: nodes.document) -> None:
    """Remember which values of other pages a page quotes."""
    quotes = {(node.refdoc, node.key) for node in doctree.findall(PendingGlueReference)}
    app.env.metadata[app.env.docname][QUOTES] = sorted(quotes)


def find_outdated(app: Sphinx, env: Environment) -> list[str]:
    """The pages that would not be the same if they were written now."""
    if app.builder.format != "html":
        return []
    written = _load(app.builder).get("marks", {})
    env.grokcourse_marks = marks(app, env)
    return [docname for docname, mark in env.grokcourse_marks.items() if written.get(docname) != mark]


def restore_hovers(app: Sphinx, builder: Builder) -> None:
    """Give sphinx-tippy what it collected of the pages that stay as they are."""
    hovers = _load(builder).get("hovers", {})
    kept = {docname: found for docname, found in hovers.items() if docname in app.env.found_docs}
    if kept:
        cast(Any, app.env).tippy_data = {"pages": kept, "wiki_titles": set()}


def keep(app: Sphinx, exception: Exception | None) -> None:
    """Keep the marks, and what pops up, of a build that came to its end."""
    if exception or app.builder.format != "html":
        return
    current = cast(Environment, app.env).grokcourse_marks
    if current != _load(app.builder).get("marks"):
        hovers = getattr(app.env, "tippy_data", {}).get("pages", {})
        write_whole(_place(app.builder), pickle.dumps({"marks": current, "hovers": hovers}))


def marks(app: Sphinx, env: Environment) -> dict[str, str]:
    """For each page, a few digits of all that can change what is written for it."""
    at = edition(Path(app.srcdir)) if app.config.html_baseurl else ""  # a published page names its edition
    shared = _digest([_shown_everywhere(env), _files(app), at])
    glued: dict[str, dict[str, Any]] = {}
    found = {}
    for docname in sorted(env.found_docs):
        values = []
        for page, key in env.metadata[docname].get(QUOTES, ()):
            if page not in glued:
                glued[page] = _glued(Path(env.mystnb_config.output_folder, f"{page}.glue.json"))
            values.append(glued[page].get(key))
        read = Path(env.doctreedir, f"{docname}.doctree").stat().st_mtime_ns  # it may not have come to writing then
        found[docname] = _digest([shared, values, read])
    return found


def _shown_everywhere(env: BuildEnvironment) -> list[Any]:
    domains = [env.domaindata.get(domain, {}).get(kind) for domain, kinds in IN_DOMAINS.items() for kind in kinds]
    citations = [
        (citation.citation_id, citation.bibliography_key.docname, citation.key, citation.entry)
        for citation in env.domaindata.get("cite", {}).get("citations", ())
    ]
    return [*(getattr(env, name) for name in ON_ALL_PAGES), *domains, citations]


def _files(app: Sphinx) -> dict[str, str]:
    """Each file that makes pages what they are, with its content: the package's, and scripts and styles."""
    package = Path(grokcourse.__file__).parent
    own = (path for path in package.rglob("*") if not NOT_IN_PAGES & set(path.relative_to(package).parts))
    static = (path for place in app.config.html_static_path for path in Path(app.confdir, place).rglob("*"))
    assets = (path for path in static if path.suffix in (".css", ".js"))
    return {str(path): sha256(path.read_bytes()).hexdigest() for path in (*own, *assets) if path.is_file()}


def _glued(path: Path) -> dict[str, Any]:
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}


def _place(builder: Builder) -> Path:
    return Path(builder.doctreedir, f"written-{builder.name}.pickle")


def _load(builder: Builder) -> dict[str, Any]:
    place = _place(builder)
    return pickle.loads(place.read_bytes()) if place.is_file() else {}


def _digest(value: Any) -> str:
    return sha256(_text(value).encode()).hexdigest()[:16]


def _text(value: Any) -> str:
    """The same text for equal values, whatever the order of a set or mapping is."""
    if isinstance(value, nodes.Node):
        return value.pformat()
    if isinstance(value, Mapping):
        return f"{{{_joined(sorted(f'{_text(key)}: {_text(item)}' for key, item in value.items()))}}}"
    if isinstance(value, (set, frozenset)):
        return f"{{{_joined(sorted(map(_text, value)))}}}"
    if isinstance(value, (list, tuple)):
        return f"[{_joined(map(_text, value))}]"
    return repr(value)


def _joined(texts: Iterable[str]) -> str:
    return ", ".join(texts)
