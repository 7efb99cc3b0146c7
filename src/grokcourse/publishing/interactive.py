"""The directive ``{interactive} NAME``: a picture that moves, with a still of it for whoever cannot run its script.

The still is what the next cell shows. The page loads ``interactive/base.js``, which gives the reader the picture in its
place when it comes near, and the script and the data of this one picture then.
"""

from pathlib import Path
from typing import Any, cast

from docutils import nodes
from docutils.parsers.rst import directives
from sphinx.application import Sphinx
from sphinx.builders.html import StandaloneHTMLBuilder
from sphinx.util import logging
from sphinx.util.docutils import SphinxDirective, SphinxTranslator

from grokcourse.plots.style import PALETTE

ASSETS = Path(__file__).parents[3] / "book" / "assets" / "interactive"

logger = logging.getLogger(__name__)


class Interactive(nodes.General, nodes.Element):
    """A picture that moves: ``picture`` names its script, ``data`` its file of data; its children are the still."""


def setup(app: Sphinx) -> None:
    """Add the directive, its node, and what the pages that use it load."""
    app.add_node(Interactive, html=(_visit, _depart))
    app.add_directive("interactive", InteractiveDirective)
    app.connect("doctree-resolved", take_stills, priority=960)
    app.connect("html-page-context", load_scripts, priority=500)


class InteractiveDirective(SphinxDirective):
    """Its argument is the picture's name.

    ``data`` is a file that a cell made (``numbers.download``), of this page or of another in its folder; ``label`` its
    name for a reader; ``plain`` leaves out what would tell the end of the story.
    """

    required_arguments = 1
    option_spec = {  # noqa: RUF012 (docutils')
        "data": directives.unchanged_required,
        "label": directives.unchanged_required,
        "plain": directives.flag,
    }

    def run(self) -> list[nodes.Node]:
        """The node; a warning, and nothing, if there is no such script or an option is missing."""
        name = self.arguments[0]
        if not (ASSETS / f"{name}.js").is_file():
            logger.warning("there is no moving picture %r", name, location=self.get_location())
            return []
        if "label" not in self.options:
            logger.warning(
                "the moving picture %r needs a :label:, its name for a reader", name, location=self.get_location()
            )
            return []
        data = self.options.get("data", f"{name}.js")
        chosen = {"label": self.options["label"], "plain": "plain" in self.options}
        return [Interactive("", picture=name, data=data, classes=["gc-interactive"], **chosen)]


def take_stills(app: Sphinx, doctree: nodes.document, docname: str) -> None:
    """Move each picture's next cell into it."""
    for picture in list(doctree.findall(Interactive)):
        still = picture.next_node(descend=False, siblings=True)
        if isinstance(still, nodes.Element) and "cell" in still.get("classes", ()):
            still.parent.remove(still)
            picture += still
        else:
            logger.warning(
                "the moving picture %r has no cell after it to draw its still", picture["picture"], location=docname
            )


def load_scripts(
    app: Sphinx, page: str, template: str, context: dict[str, Any], doctree: nodes.document | None
) -> None:
    """Have a page that uses the directive load what all moving pictures share."""
    if doctree is not None and next(doctree.findall(Interactive), None) is not None:
        app.add_js_file("interactive/base.js", loading_method="defer")


def _visit(self: SphinxTranslator, node: Interactive) -> None:
    root = "../" * cast(StandaloneHTMLBuilder, self.builder).current_docname.count("/")
    attributes = {
        "data-picture": node["picture"],
        "data-from": node["data"],
        "data-scripts": f"{root}_static/interactive/",
        "data-label": node["label"],
    }
    if node["plain"]:
        attributes["data-plain"] = "true"
    if node is next(self.document.findall(Interactive)):
        self.body.append(f"<style>{_colours()}</style>")
    self.body.append(self.starttag(node, "div", **attributes))


def _depart(self: SphinxTranslator, node: Interactive) -> None:
    self.body.append("</div>\n")


def _colours() -> str:
    """The figures' colours as properties of the picture's box, by the page's mode."""
    light, dark = (";".join(f"--{name}:{pair[mode]}" for name, pair in PALETTE.items()) for mode in (0, 1))
    return f'.gc-interactive{{{light}}}html[data-theme="dark"] .gc-interactive{{{dark}}}'
