"""The Sphinx extension of the course's site, named in ``_config.yml``.

In the order of a build: settle which runs the pages load and where their results are kept (``config-inited``), find the
pages whose results no longer hold (``env-get-outdated``), run those that need it (``env-before-read-docs``), stamp each
so that its results are found (``source-read``), find the pages that show what has changed (``env-get-updated``), write
the student notebooks (``doctree-resolved``), tidy each page's HTML (``html-page-context``), write the files that
cells made for download, and leave nothing behind that hides an error or should not be published (``build-finished``).
"""

import shutil
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.config import Config
from sphinx.errors import ConfigError, SphinxError
from sphinx.util import logging

import grokcourse
from grokcourse.config import RunConfig

from . import (
    api,
    assets,
    downloads,
    execution,
    exercises,
    figures,
    formulas,
    interactive,
    live,
    notebooks,
    page,
    sharing,
    writing,
)
from .dependencies import Dependencies

logger = logging.getLogger(__name__)


class PageError(SphinxError):
    """A page's cells could not be run cleanly."""

    category = "Cells failed"


def setup(app: Sphinx) -> dict[str, Any]:
    """Connect the extension to Sphinx's events."""
    app.add_config_value("grokcourse_runs", "", "", [str])
    app.connect("config-inited", add_templates)
    app.connect("config-inited", choose_results)
    app.connect("env-get-outdated", find_stale_pages)
    app.connect("env-before-read-docs", run_pages)
    app.connect("source-read", stamp)
    app.connect("html-page-context", tidy_page, priority=900)  # after the theme (501) and everybody else
    app.connect("build-finished", clean_up, priority=900)
    api.setup(app)
    assets.setup(app)
    downloads.setup(app)
    exercises.setup(app)
    figures.setup(app)
    formulas.setup(app)
    interactive.setup(app)
    notebooks.setup(app)
    sharing.setup(app)
    writing.setup(app)
    return {"version": grokcourse.__version__, "parallel_read_safe": True, "parallel_write_safe": True}


def add_templates(app: Sphinx, config: Config) -> None:
    """Let the theme's templates be overridden by ours."""
    config.templates_path = [*config.templates_path, str(Path(__file__).with_name("templates"))]


def choose_results(app: Sphinx, config: Config) -> None:
    """Settle which runs the pages load, and where their results are kept."""
    build = Path(app.outdir).parent
    try:
        runs = live.choose_runs(build / "runs", RunConfig(), logger.info)
    except (live.SettingError, live.LiveTrainingError) as error:
        raise ConfigError(str(error)) from None
    config.nb_execution_cache_path = str(Path(config.nb_execution_cache_path or build / ".jupyter_cache").resolve())
    config.grokcourse_runs = str(runs or "")


def find_stale_pages(
    app: Sphinx, env: execution.Environment, added: set[str], changed: set[str], removed: set[str]
) -> list[str]:
    """Have the pages read again whose results no longer hold, although their own text is as it was."""
    runs = app.config.grokcourse_runs
    found = Dependencies(Path(grokcourse.__file__).parent, Path(runs) if runs else None)
    former = getattr(env, "grokcourse_fingerprints", {})
    env.grokcourse_fingerprints = {
        docname: mark
        for docname in env.found_docs
        if (mark := execution.fingerprint(Path(env.doc2path(docname)), env.myst_config, env.mystnb_config, found))
    }
    return [docname for docname, mark in env.grokcourse_fingerprints.items() if former.get(docname) != mark]


def run_pages(app: Sphinx, env: execution.Environment, docnames: list[str]) -> None:
    """Run the cells of the pages that are about to be read, as far as no result is kept for them."""
    is_wanted = env.mystnb_config.execution_mode == "cache"
    marks = {docname: env.grokcourse_fingerprints.get(docname) for docname in docnames if is_wanted}
    pages = {Path(env.doc2path(docname)): mark for docname, mark in marks.items() if mark}
    failures = []
    for outcome in execution.fill(pages, env.myst_config, env.mystnb_config):
        if isinstance(outcome, execution.Failure):
            failures.append(outcome.message)
            logger.info("failed: %s", outcome.message.splitlines()[0])
        else:
            logger.info(outcome)
    if failures:
        raise PageError("\n\n".join(failures))


def stamp(app: Sphinx, docname: str, content: list[str]) -> None:
    """Let myst-nb look for the results that belong to what a page now depends on."""
    mark = getattr(app.env, "grokcourse_fingerprints", {}).get(docname)
    if mark:
        content[0] = execution.stamped(content[0], mark)


def tidy_page(app: Sphinx, pagename: str, templatename: str, context: dict, doctree: nodes.document | None) -> None:
    """Mend what the theme and the extensions leave amiss in a page."""
    page.tidy(context, doctree)


def clean_up(app: Sphinx, exception: Exception | None) -> None:
    """After a build with errors or warnings have the next one look at every page again; publish no left-overs."""
    site = Path(app.outdir)
    shutil.rmtree(site / "reports", ignore_errors=True)  # tracebacks
    for look_ups in site.glob("tippy_*_cache.json"):
        look_ups.unlink()
    if not exception:
        remove_former_pages(app, site)
    # sphinx-tippy gives a page's file of hovers a new name at each build and leaves the old ones
    hovers = {data["js_path"] for data in getattr(app.env, "tippy_data", {}).get("pages", {}).values()}
    for path in (site / "_static" / "tippy").rglob("*.js") if hovers else []:
        if path not in hovers:
            path.unlink()
    if exception or app._warncount:
        # else Sphinx, which warns of a page only when it reads it, would find nothing amiss the second time
        Path(app.doctreedir, "environment.pickle").unlink(missing_ok=True)


def remove_former_pages(app: Sphinx, site: Path) -> None:
    """Remove the pages of chapters that were renamed or removed since: Sphinx leaves them where they are."""
    current = {*app.env.found_docs, "index", "search", "genindex", "404"}
    for path in site.rglob("*.html"):
        inside = path.relative_to(site)
        if inside.parts[0] != "_static" and inside.with_suffix("").as_posix() not in current:
            path.unlink()
