"""What figures are built from: the canvas, its axes, names at the ends of lines, labels that do not overlap."""

import functools
import math
import textwrap
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.colorbar import Colorbar
from matplotlib.figure import Figure
from matplotlib.text import Text
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullLocator, PercentFormatter

from .style import MUTED, PAPER, STYLE, TEXT, colours_of


class Picture(Figure):
    """A figure that knows how to be drawn again at another width."""

    redraw: Callable[[float], "Picture"]

    def __init__(self, width: float, height: float) -> None:
        super().__init__(figsize=(width, height), layout="constrained")
        self.on_phone = is_phone(width)
        self.placements: list[Callable[[], None]] = []
        """What has to wait until the layout is known: where names go so that they do not overlap."""


def picture_of(axes: Axes) -> Picture:
    """The figure that axes are part of."""
    figure = axes.figure
    assert isinstance(figure, Picture), "the axes were not made by canvas"
    return figure


def picture(draw: Callable[..., Picture]) -> Callable[..., Picture]:
    """Draw in our style, whatever matplotlib's settings are, and remember how to draw it again for a phone."""

    @functools.wraps(draw)
    def drawn(*args: Any, **options: Any) -> Picture:
        with mpl.rc_context(STYLE):
            figure = draw(*args, **options)
            figure.draw_without_rendering()  # settles layout and ticks while our style holds
            for place in figure.placements:
                place()
        figure.redraw = lambda width: drawn(*args, **{**options, "width": width})
        return figure

    return drawn


def to_numpy(values: Any) -> np.ndarray:
    """As a numpy array of floats; torch tensors wherever they are."""
    if hasattr(values, "detach"):
        values = values.detach().cpu().double().numpy()
    return np.asarray(values, dtype=float)


def to_array(values: Any, ndim: int, name: str) -> np.ndarray:
    """As a numpy array of floats that can be drawn, or a ValueError that names it."""
    array = to_numpy(values)
    if array.ndim != ndim:
        raise ValueError(f"{name} must have {ndim} dimension{'s'[: ndim > 1]}, not the shape {array.shape}")
    if not array.size:
        raise ValueError(f"{name} is empty: there is nothing to draw")
    if not np.isfinite(array).any():
        raise ValueError(f"{name} holds no finite number: there is nothing to draw")
    return array


def nonempty(things: Mapping[Any, Any], name: str) -> Mapping[Any, Any]:
    """The things, if there are any; a ValueError that names them if not."""
    if not things:
        raise ValueError(f"{name} is empty: there is nothing to draw")
    return things


def checked_frequencies(key: Iterable[int], n: int) -> list[int]:
    """Key frequencies as a list of integers, each among 1 … n; a ValueError if one is not."""
    key = [int(k) for k in key]
    if not all(1 <= k <= n for k in key):
        raise ValueError(f"key frequencies must be among 1 … {n}, not {key}")
    return key


def as_percent(share: float, _: Any = None) -> str:
    """A share as a tick's label."""
    return f"{100 * share:g} %"


def is_phone(width: float) -> bool:
    """Whether a figure this wide, in inches, is one for a phone."""
    return width < 5


def height_for(width: float) -> float:
    """The height of a figure of curves, in inches."""
    return 0.88 * width if is_phone(width) else 0.56 * width


def canvas(width: float, height: float, rows: int = 1, columns: int = 1, **options: Any) -> tuple[Picture, Any]:
    """An empty figure and its axes: one, or a list of them, row by row."""
    figure = Picture(width, height)
    ratios: dict[str, Any] = {name: options.pop(name) for name in ("width_ratios", "height_ratios") if name in options}
    grid = figure.subplots(rows, columns, squeeze=False, gridspec_kw=ratios, **options)
    return figure, list(grid.flat)


def style_bar(bar: Colorbar) -> None:
    """A colour bar's colours as one image, without an outline."""
    assert bar.solids is not None, "the bar is that of filled colours"
    bar.solids.set_rasterized(True)
    bar.outline.set_visible(False)


def draw_title(figure: Picture, title: str) -> None:
    """Write the figure's title, in as many lines as its width needs."""
    if title:
        letters = int(figure.get_figwidth() * 72 / (0.66 * STYLE["figure.titlesize"]))
        figure.suptitle(textwrap.fill(title, letters), x=0.01, ha="left")


def style_axes(
    axes: Axes, ylabel: str, xlabel: str, *, log_y: bool, log_steps: bool, percent: bool, title: str
) -> None:
    """Labels, scales and ticks."""
    on_phone = picture_of(axes).on_phone
    axes.set(xlabel=xlabel, ylabel=ylabel)
    axes.grid(axis="y")
    lines = [
        line.get_xdata()
        for line in axes.lines
        if len(np.unique(line.get_xdata())) > 1 and line.get_transform() == axes.transData
    ]
    if lines:
        steps = np.concatenate(lines)
        if log_steps:
            first = steps[steps > 0].min()
            axes.set_xscale("symlog", linthresh=first, linscale=0.25)
            decades = 10.0 ** np.arange(math.ceil(math.log10(first)), math.floor(math.log10(steps.max())) + 1)
            axes.set_xticks([*([0] if steps.min() == 0 else []), *decades])
            axes.xaxis.set_minor_locator(NullLocator())
        else:
            axes.xaxis.set_major_locator(MaxNLocator(3 if on_phone else 6, integer=True, steps=[1, 2, 2.5, 5, 10]))
        axes.set_xlim(steps.min(), steps.max())
    axes.xaxis.set_major_formatter(FuncFormatter(lambda x, _: f"{x:,.0f}"))
    if log_y:
        axes.set_yscale("log")
        axes.yaxis.set_major_locator(LogLocator(numticks=7))
        axes.yaxis.set_minor_locator(NullLocator())
    if percent:
        axes.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
        axes.set_ylim(bottom=0)
    draw_title(picture_of(axes), title)


def spread_apart(wanted: Sequence[float], sizes: Sequence[float], low: float, high: float) -> list[float]:
    """Centres as near to the wanted ones as they can be if things of these sizes shall not overlap, in low … high."""
    order = np.argsort(wanted, kind="stable")
    before = np.cumsum(np.asarray(sizes, dtype=float)[order])
    offsets = before - np.asarray(sizes)[order] / 2  # from the lower edge of a tight pile to each centre
    pools: list[list[float]] = []  # things that touch share one pile: [its lower edge, how many]
    for shift in np.asarray(wanted, dtype=float)[order] - offsets:
        pools.append([float(shift), 1])
        while len(pools) > 1 and pools[-2][0] >= pools[-1][0]:
            (first, m), (second, n) = pools[-2:]
            pools[-2:] = [[(m * first + n * second) / (m + n), m + n]]
    shifts = np.repeat([shift for shift, _ in pools], [int(n) for _, n in pools])
    placed = np.empty(len(order))
    placed[order] = np.clip(shifts, low, max(low, high - before[-1])) + offsets
    return placed.tolist()


def label_line_ends(
    axes: Axes, ends: Sequence[tuple[np.ndarray, np.ndarray, str, str]], chance: float | None, percent: bool
) -> None:
    """Write each line's name at its right end, apart from each other; draw and name the line of chance."""
    points = []
    for x, y, name, colour in ends:
        last = np.flatnonzero(np.isfinite(y))[-1]
        points.append((x[last], y[last], name, colour))
    if chance is not None:
        axes.axhline(chance, color=MUTED, lw=1.2, linestyle=(0, (4, 3)), zorder=1.5)
        level = f"chance\n{chance:.1%}" if percent else f"chance\n{chance:.2f}"
        points.append((axes.get_xlim()[1], chance, level, MUTED))
    low, high = axes.get_xlim()
    names, early = [], []
    for x, y, name, colour in points:
        name = name if "\n" in name else textwrap.fill(name, 12 if picture_of(axes).on_phone else 20)
        options: dict[str, Any] = {"color": colour, "va": "center", "linespacing": 1.1, "annotation_clip": False}
        if x < low + 0.95 * (high - low):  # a line that ends on the way has its name right there
            ground = {"facecolor": PAPER, "edgecolor": "none", "pad": 1}  # it may stand on other lines
            options |= {"textcoords": "offset points", "bbox": ground, "zorder": 5}
            early.append(axes.annotate(name, (x, y), (5, 0), **options))
        else:
            leader = {"arrowstyle": "-", "color": colour, "lw": 0.9, "shrinkA": 1, "shrinkB": 0, "relpos": (0, 0.5)}
            options |= {"textcoords": "axes fraction", "arrowprops": leader}
            names.append(axes.annotate(name, (x, y), (1.04, 0.5), **options))

    def place() -> None:
        wanted = [axes.transAxes.inverted().transform(axes.transData.transform(name.xy))[1] for name in names]
        line = 1.3 * TEXT / 72 * axes.figure.dpi / axes.bbox.height
        sizes = [line * (1 + name.get_text().count("\n")) for name in names]
        for name, y in zip(names, spread_apart(wanted, sizes, 0, 1), strict=True):
            name.set_position((1.04, y))
        boxes = [Text.get_window_extent(name) for name in names]
        for name in early:  # upwards, until it is clear of the others
            while name.get_window_extent().count_overlaps(boxes) and name.xyann[1] < 100:
                name.xyann = (5, name.xyann[1] + 4)
            boxes.append(name.get_window_extent())

    picture_of(axes).placements.append(place)


def shade_phases(axes: Axes, phases: Mapping[str, tuple[float, float | None]] | None, *, named: bool = True) -> None:
    """Shade each phase, and write its name above it."""
    low, high = axes.get_xlim()
    names: list[tuple[Text, float, float]] = []
    colours = colours_of(phases or {})
    for name, (start, end) in (phases or {}).items():
        start, end = max(start, low), min(high if end is None else end, high)
        if not start <= end:
            raise ValueError(f"the phase {name!r} ends before it starts, or lies outside the run")
        axes.axvspan(start, end, facecolor=colours[name], alpha=0.1, lw=0, zorder=0.5)
        axes.axvline(end, color=MUTED, lw=0.7, linestyle=(0, (1, 2)), zorder=0.6)
        text = axes.text(
            0.5, 1.015, name if named else "", color=colours[name], transform=axes.transAxes, ha="center", va="bottom"
        )
        names.append((text, start, end))

    def place() -> None:
        to_axes = axes.transAxes.inverted()
        centres, sizes = [], []
        for text, start, end in names:
            edges = to_axes.transform(axes.transData.transform([(start, 1), (end, 1)]))[:, 0]
            centres.append(edges.mean())
            sizes.append((text.get_window_extent().width + 9) / axes.bbox.width)
        for (text, _, _), x in zip(names, spread_apart(centres, sizes, -0.25, 1.2), strict=True):
            text.set_x(x)

    if names:
        picture_of(axes).placements.append(place)


def label_bars(axes: Axes, names: Mapping[int, str], heights: np.ndarray, colours: Mapping[int, str]) -> None:
    """Write names above bars, side by side where bars are narrower than names, each in its bar's colour."""
    texts = [
        axes.text(i, max(0.0, heights[i]), name, ha="center", va="bottom", color=colours[i])
        for i, name in names.items()
    ]

    def place() -> None:
        scale = (axes.get_xlim()[1] - axes.get_xlim()[0]) / axes.bbox.width
        sizes = [(text.get_window_extent().width + 3) * scale for text in texts]
        for text, x in zip(texts, spread_apart(list(names), sizes, *axes.get_xlim()), strict=True):
            text.set_x(x)

    if texts:
        picture_of(axes).placements.append(place)


def label_cells(
    axes: Axes, shape: tuple[int, ...], row_labels: Sequence[str] | None, column_labels: Sequence[str] | None
) -> None:
    """Name the rows and columns of a table drawn cell by cell."""
    for axis, n, labels in ((axes.yaxis, shape[0], row_labels), (axes.xaxis, shape[1], column_labels)):
        if labels is None:
            axis.set_major_locator(MaxNLocator(5, integer=True))
        elif len(labels) not in (0, n):
            raise ValueError(f"there are {len(labels)} labels for {n} rows or columns")
        else:
            crowded = axis is axes.xaxis and sum(map(len, labels)) > 16
            axis.set_ticks(np.arange(len(labels)), labels, rotation=90 if crowded else 0)
            axis.set_tick_params(length=0)
