"""The Sphinx extension of the course's site, named in ``_config.yml``.

In the order of a build: settle which runs the pages load and where their results are kept (``config-inited``), run the
pages that need it (``env-before-read-docs``), have every page written anew if any was read (``env-updated``), write the
student notebooks (``doctree-resolved``), tidy each page's HTML (``html-page-context``), and leave nothing behind that
hides an error or should not be published (``build-finished``).
"""

import shutil
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.config import Config
from sphinx.environment import BuildEnvironment
from sphinx.errors import ConfigError, SphinxError
from sphinx.util import logging

import grokcourse
from grokcourse.config import RunConfig

from . import execution, exercises, live, notebooks, page

logger = logging.getLogger(__name__)


class PageError(SphinxError):
    """A page's cells could not be run cleanly."""

    category = "Cells failed"


def setup(app: Sphinx) -> dict[str, Any]:
    """Connect the extension to Sphinx's events."""
    app.connect("config-inited", add_templates)
    app.connect("config-inited", choose_results)
    app.connect("env-before-read-docs", run_pages)
    app.connect("html-page-context", tidy_page, priority=900)  # after the theme (501) and everybody else
    app.connect("build-finished", clean_up, priority=900)
    exercises.setup(app)
    notebooks.setup(app)
    return {"version": grokcourse.__version__, "parallel_read_safe": True, "parallel_write_safe": True}


def add_templates(app: Sphinx, config: Config) -> None:
    """Let the theme's templates be overridden by ours."""
    config.templates_path = [*config.templates_path, str(Path(__file__).with_name("templates"))]


def choose_results(app: Sphinx, config: Config) -> None:
    """Have the results kept by a fingerprint of what shapes them.

    The folder is part of Sphinx's configuration, so another fingerprint also makes Sphinx read all pages again:
    otherwise it would not even look for results while a page's own text is unchanged.
    """
    build = Path(app.outdir).parent
    try:
        runs = live.choose_runs(build / "runs", RunConfig(), logger.info)
    except (live.SettingError, live.LiveTrainingError) as error:
        raise ConfigError(str(error)) from None
    place = Path(config.nb_execution_cache_path or build / ".jupyter_cache")
    name = execution.fingerprint(Path(grokcourse.__file__).parent, runs)
    config.nb_execution_cache_path = str(execution.results_folder(place, name).resolve())


def run_pages(app: Sphinx, env: BuildEnvironment, docnames: list[str]) -> None:
    """Run the cells of the pages that are about to be read, as far as no result is kept for them."""
    if docnames:
        app.connect("env-updated", write_all)
    is_wanted = env.mystnb_config.execution_mode == "cache"
    paths = [Path(env.doc2path(docname)) for docname in docnames if is_wanted]
    failures = []
    for outcome in execution.fill(paths, env.myst_config, env.mystnb_config):
        if isinstance(outcome, execution.Failure):
            failures.append(outcome.message)
            logger.info("failed: %s", outcome.message.splitlines()[0])
        else:
            logger.info(outcome)
    if failures:
        raise PageError("\n\n".join(failures))


def write_all(app: Sphinx, env: BuildEnvironment) -> list[str]:
    """Have every page written anew: they quote each other's numbers, titles and definitions."""
    return sorted(env.found_docs)


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
    current = {*app.env.found_docs, "index", "search", "genindex"}
    for path in site.rglob("*.html"):
        inside = path.relative_to(site)
        if inside.parts[0] != "_static" and inside.with_suffix("").as_posix() not in current:
            path.unlink()
