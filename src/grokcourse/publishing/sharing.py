"""What others need of the published site: pictures for pages that are shared, a map for search engines, and a page for
addresses that lead nowhere; and on each page its edition. A file has the current one, which old copies ask for.

All but that page need the site's own address, ``html.baseurl`` in ``_config.yml``, since they name pages in full:
without it there is nothing of them.
"""

import html
import json
import re
import subprocess
from datetime import datetime
from pathlib import Path, PurePosixPath
from typing import NamedTuple
from xml.etree import ElementTree

from docutils import nodes
from jinja2 import Environment as Templates
from jinja2 import FileSystemLoader
from sphinx.application import Sphinx
from sphinx.errors import ConfigError

from grokcourse.storage import write_whole

from .notebooks import Repository, chapter_of

NOT_FOUND = "404.html"
"""What GitHub Pages, and others, show for an address that leads nowhere."""

EDITION = "edition.json"


class Edition(NamedTuple):
    """Of which state of the course a site is made; empty where git does not know."""

    commit: str
    day: str
    """Such as 27 November 2026."""
    time: int
    """The commit's, in seconds since 1970."""


def setup(app: Sphinx) -> None:
    """Add tags to each page, and write the files at the end."""
    app.connect("html-page-context", add_tags, priority=901)  # after the page has its description
    app.connect("build-finished", write_files, priority=950)


def add_tags(app: Sphinx, pagename: str, templatename: str, context: dict, doctree: nodes.document | None) -> None:
    """Say what other sites show where this page is shared, and of which edition it is."""
    if doctree is None or not app.config.html_baseurl:
        return
    chapter = chapter_of(pagename)
    description = re.search(r'<meta[^>]*name="description"[^>]*>', context.get("metatags") or "")
    told = re.search(r'content="([^"]*)"', description[0]) if description else None
    tags = {
        "og:title": html.escape(re.sub("<[^>]+>", "", context["title"])),
        "og:type": "article" if chapter else "website",
        "og:url": address(app, f"{pagename}.html"),
        "og:site_name": html.escape(app.config.html_title or app.config.project),
        "og:description": told[1] if told else "",
        "og:image": address(
            app, PurePosixPath(pagename).with_name(f"card-{chapter}.png" if chapter else "card.png").as_posix()
        ),
        "og:image:width": "1200",
        "og:image:height": "630",
    }
    lines = [f'<meta property="{name}" content="{content}" />' for name, content in tags.items() if content]
    lines.append('<meta name="twitter:card" content="summary_large_image" />')
    context["metatags"] = "\n".join([context.get("metatags") or "", *lines])
    current = edition(Path(app.srcdir))
    if current.commit:
        context["theme_extra_footer"] = (
            f'<p class="gc-edition" data-edition="{address(app, EDITION)}" data-time="{current.time}" '
            f'data-page="{address(app, f"{pagename}.html")}">'
            f"The edition of {current.day}, made from {current.commit}. "
            f'<a href="{address(app, f"{app.config.root_doc}.html")}">The current one</a> is on the course’s site.</p>'
        )


def write_files(app: Sphinx, exception: Exception | None) -> None:
    """Write the page for addresses that lead nowhere, the map of the site, and the edition that this is."""
    if exception or app.builder.format != "html":
        return
    try:
        site = Repository.from_config(app.config).site
    except ConfigError:
        return  # a book that says nowhere where it is published
    chapters = sorted(filter(chapter_of, app.env.found_docs))
    titles = {f"{site}/{page}.html": app.env.titles[page].astext() for page in chapters}
    templates = Templates(loader=FileSystemLoader(Path(__file__).with_name("templates")), autoescape=True)
    page = templates.get_template(NOT_FOUND).render(
        course=app.config.html_title or app.config.project, home=f"{site}/{app.config.root_doc}.html", chapters=titles
    )
    write_whole(Path(app.outdir, NOT_FOUND), page.encode())
    if app.config.html_baseurl:
        write_whole(Path(app.outdir, "sitemap.xml"), site_map(app))
        write_whole(Path(app.outdir, EDITION), json.dumps(edition(Path(app.srcdir))._asdict()).encode())


def site_map(app: Sphinx) -> bytes:
    """The addresses of all pages as XML (sitemaps.org), each with the day of its last change where git knows it."""
    root = ElementTree.Element("urlset", xmlns="http://www.sitemaps.org/schemas/sitemap/0.9")
    for page in sorted(app.env.found_docs):
        url = ElementTree.SubElement(root, "url")
        ElementTree.SubElement(url, "loc").text = address(app, f"{page}.html")
        if changed := git(Path(app.srcdir), "log", "-1", "--format=%cs", "--", app.env.doc2path(page)):
            ElementTree.SubElement(url, "lastmod").text = changed
    return ElementTree.tostring(root, encoding="utf-8", xml_declaration=True)


def address(app: Sphinx, path: str) -> str:
    """The full address of something on the published site."""
    return f"{app.config.html_baseurl.rstrip('/')}/{path}"


def edition(folder: Path) -> Edition:
    """What git says a folder is at."""
    commit, _, moment = git(folder, "log", "-1", "--format=%h %cI").partition(" ")
    if not moment:
        return Edition(commit, "", 0)
    date = datetime.fromisoformat(moment)
    return Edition(commit, f"{date.day} {date:%B %Y}", int(date.timestamp()))


def git(folder: Path, *arguments: str) -> str:
    """What git says of a folder, in one line; empty if there is no git, or nothing to say."""
    try:
        done = subprocess.run(["git", *arguments], cwd=folder, capture_output=True, text=True, check=False)
    except OSError:
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""
