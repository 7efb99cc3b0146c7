"""A figure as inline SVG for a page or a notebook, in colours that follow its light or dark mode."""

import hashlib
import html
import io
import re

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure

from .layout import Picture
from .style import NARROW, PALETTE, STYLE


def show(figure: Figure, alt: str) -> None:
    """Display a figure in a page or notebook, once, in the reader's light or dark mode.

    Args:
        figure: a figure of this module, or any other of matplotlib's.
        alt: what the figure shows, in a sentence or two, for readers who do not see it.

    Raises:
        ValueError: if alt is empty.
    """
    from IPython.display import HTML, display

    display(HTML(to_html(figure, alt)))


def to_html(figure: Figure, alt: str) -> str:
    """The figure as inline SVG, for pages and phones, in colours that follow the page's mode. Raises as ``show``."""
    if not alt.strip():
        raise ValueError("a figure needs alt text: a sentence that says what it shows")
    dark = "; ".join(f"--gc-{name}: {value}" for name, (_, value) in PALETTE.items())
    where = ", ".join(f"{mode} .gc-figure" for mode in DARK_MODES)
    style = f"{where} {{ {dark} }} .gc-figure svg {{ display: block; max-width: 100%; height: auto; margin: 0 auto }}"
    if not isinstance(figure, Picture):
        return f'<style>{style}</style><div class="gc-figure">{_svg(figure, alt)}</div>'
    style += (
        " .gc-narrow { display: none } @media (max-width: 600px) { .gc-wide { display: none }"
        " .gc-narrow { display: block } .gc-narrow svg { width: 100%; max-width: 30rem } }"
    )
    wide, narrow = _svg(figure, alt), _svg(figure.redraw(NARROW), alt)
    return (
        f'<style>{style}</style><div class="gc-figure gc-wide">{wide}</div>'
        f'<div class="gc-figure gc-narrow">{narrow}</div>'
    )


DARK_MODES = (
    'html[data-theme="dark"]',  # the course's pages
    '[data-jp-theme-light="false"]',  # JupyterLab
    'html[theme="dark"]',  # Colab
    'body[data-vscode-theme-kind="vscode-dark"]',
)
"""CSS selectors of the places that can be dark."""


def _svg(figure: Figure, alt: str) -> str:
    for axes in figure.axes:
        for artist in axes.collections:  # thousands of vector marks would weigh megabytes
            if max(len(np.asarray(artist.get_offsets())), len(artist.get_paths())) > 1500:
                artist.set_rasterized(True)
    buffer = io.StringIO()
    with mpl.rc_context(STYLE):
        figure.savefig(buffer, format="svg", dpi=160, metadata={"Date": None})
    svg = buffer.getvalue()
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<metadata>.*?</metadata>|<!--.*?-->", "", svg, flags=re.S)
    # the ids of clip paths and glyphs must differ between the figures of a page
    prefix = "gc" + hashlib.sha256((alt + svg).encode()).hexdigest()[:8]
    svg = re.sub(r'( id="|href="#|url\(#)', rf"\g<1>{prefix}-", svg)
    names = {light: name for name, (light, _) in PALETTE.items()}
    svg = re.sub(r"#[0-9a-f]{6}\b", lambda m: f"var(--gc-{names[m[0]]}, {m[0]})" if m[0] in names else m[0], svg)
    return svg.replace("<svg ", f'<svg role="img" aria-label="{html.escape(alt)}" ', 1)
