# ruff: noqa: D417 (arguments that are described two at a time)
"""Pictures without words, the size of a stamp, to stand beside the name of what they show.

They have no axes and no labels, and so one size for pages and phones: what ``show`` makes of them is a single SVG.
"""

import io
import textwrap
from collections.abc import Mapping
from typing import Any

import matplotlib as mpl
import matplotlib.image
import numpy as np
from matplotlib.colors import Colormap
from matplotlib.figure import Figure

from .layout import nonempty, to_array
from .style import CYCLE, INK, MUTED, PAPER, SIGNED, STYLE, colours_of

SIZE = (2.8, 1.4)
"""Width and height in inches."""


def small_lines(
    series: Mapping[str, tuple[Any, Any]],
    *,
    log_y: bool = False,
    log_x: bool = False,
    chance: float | None = None,
    colours: Mapping[str, str] | None = None,
) -> Figure:
    """Curves without axes.

    Args:
        series: name → (x (n,), y (n,)); the names tell the colours, as in ``curves``, and are not written.
        log_y, log_x: logarithmic axes; of x only what is above 0 is drawn then, and of y too.
        chance: a level that is dashed.
        colours: as ``curves``.

    Raises:
        ValueError: if there are no series, or nothing to draw in one.
    """
    hue = colours_of(nonempty(series, "series"), colours)
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=SIZE)
        axes = figure.add_axes((0.02, 0.05, 0.96, 0.9))
        axes.set_axis_off()
        axes.set(xscale="log" if log_x else "linear", yscale="log" if log_y else "linear")
        if chance is not None:
            axes.axhline(chance, color=MUTED, lw=1, linestyle=(0, (4, 3)))
        for name, (x, y) in series.items():
            x, y = to_array(x, 1, f"the x of {name}"), to_array(y, 1, f"the y of {name}")
            shown = (x > 0 if log_x else True) & (y > 0 if log_y else True) & np.isfinite(y)
            axes.plot(x[shown], y[shown], color=hue[name], lw=1.8)
        axes.margins(x=0)
    return figure


def small_cells(values: Any) -> Figure:
    """A table of numbers: zero is the page, positive orange, negative blue.

    Args:
        values: (rows, columns).

    Raises:
        ValueError: if there is nothing to draw.
    """
    table = to_array(values, 2, "values")
    limit = float(np.nanmax(np.abs(table))) or 1.0
    return _cells(SIGNED, 0.5 + table / (2 * limit))


def small_table(answers: Any, train_mask: Any) -> Figure:
    """A corner of the task's table: each pair in the colour of its answer, trained pairs strong, the rest pale.

    Args:
        answers: (p, p) whole numbers from 0 to p − 1.
        train_mask: (p, p) bool: which pairs are trained on.

    Raises:
        ValueError: if the shapes differ, or there is nothing to draw.
    """
    table, mask = to_array(answers, 2, "answers"), to_array(train_mask, 2, "train_mask").astype(bool)
    if table.shape != mask.shape:
        raise ValueError(f"answers and train_mask must have one shape, not {table.shape} and {mask.shape}")
    return _cells(CYCLE, (table / len(table))[:12, :24], np.where(mask, 1.0, 0.2)[:12, :24])


def card(course: str, title: str, picture: Figure) -> bytes:
    """What other sites show where a page is shared: the course, the page's title and a picture.

    Args:
        course: a line above the title.
        title: in at most two lines of 28 letters.
        picture: a small one.

    Returns:
        A PNG of 1200 × 630 pixels.

    Raises:
        ValueError: if the title is too long.
    """
    lines = textwrap.wrap(title, 28)
    if len(lines) > 2:
        raise ValueError(f"a card has two lines of 28 letters for its title, which {title!r} exceeds")
    drawn, made = io.BytesIO(), io.BytesIO()
    with mpl.rc_context(STYLE):
        picture.savefig(drawn, format="png", dpi=400)
        drawn.seek(0)
        figure = Figure(figsize=(12, 6.3), dpi=100, facecolor=PAPER)
        figure.text(0.05, 0.9, course, size=24, color=MUTED, va="center")
        figure.text(0.05, 0.83, "\n".join(lines), size=44, color=INK, va="top", weight="bold", linespacing=1.1)
        axes = figure.add_axes((0.05, 0.07, 0.9, 0.7 - 0.13 * len(lines)))
        axes.set_axis_off()
        axes.imshow(mpl.image.imread(drawn), aspect="auto")
        figure.savefig(made, format="png", metadata={"Software": None})
    return made.getvalue()


def _cells(colours: Colormap, shares: np.ndarray, strength: np.ndarray | None = None) -> Figure:
    """Cells that fill the picture; shares of a colour map from 0 to 1, each as strong as it is or weaker."""
    cells = colours(shares)
    if strength is not None:
        cells[..., 3] *= strength
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=SIZE)
        axes = figure.add_axes((0, 0, 1, 1))
        axes.set_axis_off()
        axes.imshow(cells, interpolation="none", aspect="auto")
    return figure
