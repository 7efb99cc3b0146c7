"""Figures as files: the inline SVG that cells show (``grokcourse.plots.show``) becomes pictures that load lazily.

A figure stands in a cell's output twice, wide and for a phone, in colours that follow the page's mode. Of each there
is a light and a dark file here, so that a page has a few elements a figure instead of thousands, and loads those that
come near. The student notebooks have none of this: there a figure is drawn as the cell runs.
"""

import base64
import hashlib
import html
import io
import re
from pathlib import Path

import minify
from docutils import nodes
from PIL import Image
from sphinx.application import Sphinx

from grokcourse.plots.style import PALETTE
from grokcourse.storage import write_whole

FOLDER = "_images"
NAME = "figure-{digest}.svg"
PHONE = "(max-width: 600px)"
DARK_PAGE = "#121212"
"""The theme's ground in dark mode: what a figure lays over its own lines to keep words legible must be its colour."""

minify.config({"svg-precision": 4})


def setup(app: Sphinx) -> None:
    """Write the files as pages are written, and remove those of former builds at the end."""
    app.connect("doctree-resolved", write_figures, priority=940)  # after the notebooks
    app.connect("build-finished", remove_unused)


def write_figures(app: Sphinx, doctree: nodes.document, docname: str) -> None:
    """Put every figure of a page into files, and into the page what shows them."""
    if app.builder.format != "html":
        return
    folder = Path(app.outdir, FOLDER)
    to_root = "../" * docname.count("/")
    for node in list(doctree.findall(nodes.raw)):
        if '<div class="gc-figure' in node.astext():
            shown = _pictures(node.astext(), folder, f"{to_root}{FOLDER}/")
            node.replace_self(nodes.raw("", shown, format="html"))


def remove_unused(app: Sphinx, exception: Exception | None) -> None:
    """Remove the figures that no page shows any more."""
    if exception or app.builder.format != "html":
        return
    site = Path(app.outdir)
    pages = "".join(page.read_text(encoding="utf-8") for page in site.rglob("*.html"))
    for path in (site / FOLDER).glob(NAME.format(digest="*")):
        if path.name not in pages:
            path.unlink()


def _pictures(shown: str, folder: Path, address: str) -> str:
    """What stands in a page in place of a figure's inline SVG: a light and a dark ``<picture>``."""
    drawings = re.findall(r"<svg .*?</svg>", shown, flags=re.DOTALL)
    wide, *narrow = drawings
    label = re.search(r'aria-label="([^"]*)"', wide)
    alt = label[1] if label else ""
    made = []
    for mode, dark in (("light", False), ("dark", True)):
        phone = "".join(
            f'<source media="{PHONE}" srcset="{address}{_written(svg, dark, folder)}" {_size(svg)}>' for svg in narrow
        )
        image = (
            f'<img class="dark-light" src="{address}{_written(wide, dark, folder)}" alt="{alt}" {_size(wide)} '
            'loading="lazy" decoding="async">'
        )
        made.append(f'<picture class="gc-{mode}">{phone}{image}</picture>')
    return f'<div class="gc-figure">{"".join(made)}</div>'


def _size(svg: str) -> str:
    """Width and height as attributes, in CSS pixels: room is kept until the file is there."""
    found = re.search(r'viewBox="0 0 ([\d.]+) ([\d.]+)"', svg)
    if not found:
        raise ValueError("a figure's SVG has no viewBox")
    width, height = (round(float(points) * 96 / 72) for points in found.groups())
    return f'width="{width}" height="{height}"'


def _written(svg: str, dark: bool, folder: Path) -> str:
    """The name of the file in which a drawing is, in one mode's colours."""
    content = as_file(svg, dark).encode()
    name = NAME.format(digest=hashlib.sha256(content).hexdigest()[:16])
    if not (folder / name).exists():
        folder.mkdir(exist_ok=True)
        write_whole(folder / name, content)
    return name


def as_file(svg: str, dark: bool) -> str:
    """A drawing of ``plots.to_html`` as a file of its own: in one mode's colours, and without what is not needed.

    Args:
        svg: from ``<svg`` to ``</svg>``, with colours as ``var(--gc-NAME, #rrggbb)``.
        dark: the mode.
    """
    colours = {name: pair[1] for name, pair in PALETTE.items()} | {"paper": DARK_PAGE} if dark else {}
    svg = re.sub(r"var\(--gc-([\w-]+), (#[0-9a-f]{6})\)", lambda found: colours.get(found[1], found[2]), svg)
    svg = re.sub(r'data:image/png;base64,([^"]+)', _smaller, svg)
    svg = re.sub(r' (role|aria-label)="[^"]*"', "", svg, count=2)  # the page's <img> has the words
    return str(minify.string("image/svg+xml", svg))


def _smaller(found: re.Match[str]) -> str:
    """A heat map's cells as lossless WebP, where that takes less than PNG."""
    png = base64.b64decode(html.unescape(found[1]))
    webp = io.BytesIO()
    Image.open(io.BytesIO(png)).save(webp, "WEBP", lossless=True, quality=100, method=4, exact=True)
    if len(webp.getvalue()) >= len(png):
        return found[0]
    return "data:image/webp;base64," + base64.b64encode(webp.getvalue()).decode("ascii")
