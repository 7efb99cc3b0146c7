# ruff: noqa: D417 (what the arguments that all figures share mean is said once, in loss_curves)
"""Every figure of the course: arrays in, a matplotlib ``Figure`` out.

    plots.show(plots.loss_curves(steps, train, test, chance=math.log(113)), alt="Train and test loss …")

Arrays are whatever numpy can read: lists, numpy arrays, torch tensors on any device, with or without gradient.

One style for all. Text of 10 points or more at the size at which it is shown, on a phone too; lines named at their ends
and not in a legend, so that nothing hangs on telling colours apart. Lines and text take their colours from ``PALETTE``
only, where each has a partner for dark pages. Pictures of matrices are a colour laid more or less thickly over the
page, so that zero is the page itself, light or dark.

``show`` draws each figure twice, for a page (``WIDE``) and for a phone (``NARROW``); the reader's browser picks one.
Nothing here touches pyplot, or leaves anything behind in matplotlib's settings.
"""

import functools
import hashlib
import html
import io
import math
import re
import textwrap
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.colors import ListedColormap, LogNorm, Normalize
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch, Rectangle
from matplotlib.text import Text
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullLocator, PercentFormatter

PALETTE: dict[str, tuple[str, str]] = {
    "paper": ("#ffffff", "#14181e"),
    "ink": ("#1d2329", "#dfe3e8"),
    "muted": ("#5c6670", "#9ba6b1"),
    "grid": ("#dde2e6", "#333b44"),
    "blue": ("#0072b2", "#56b4e9"),
    "orange": ("#b94f00", "#f0883e"),
    "green": ("#007a5a", "#2fc39a"),
    "purple": ("#a8558a", "#d995c1"),
    "gold": ("#8a6000", "#e6b93c"),
    "ramp0": ("#277f8e", "#1e9d89"),
    "ramp1": ("#2c718e", "#28ae80"),
    "ramp2": ("#33638d", "#44bf70"),
    "ramp3": ("#3b528b", "#6ccd5a"),
    "ramp4": ("#433e85", "#9bd93c"),
    "ramp5": ("#472d7b", "#bddf26"),
    "ramp6": ("#481b6d", "#dfe318"),
    "ramp7": ("#440154", "#fde725"),
}
"""Each colour on a light page and on a dark one. ramp0 … ramp7 are a sequence from faint to strong (after viridis)."""

WIDE = 7.2
"""Width in inches of a figure on a page (one inch is 96 px)."""
NARROW = 3.65
"""Width in inches of a figure on a phone."""

LIGHT = {name: light for name, (light, _) in PALETTE.items()}
PAPER, INK, MUTED, GRID = (LIGHT[name] for name in ("paper", "ink", "muted", "grid"))
TRAIN, TEST = LIGHT["blue"], LIGHT["orange"]
LINES = [LIGHT[name] for name in ("blue", "orange", "green", "purple", "gold")]
RAMP = [LIGHT[f"ramp{i}"] for i in range(8)]
PHASES = ("gold", "purple", "green")
DASHES = ["-", (0, (5, 1.6)), (0, (1.6, 1.2)), (0, (6, 1.5, 1.5, 1.5)), (0, (3, 1.2))]

TEXT = 10.5
STYLE: dict[str, Any] = {
    "font.family": ["DejaVu Sans"],
    "font.size": TEXT,
    "axes.titlesize": 11.5,
    "axes.labelsize": TEXT,
    "xtick.labelsize": 10,
    "ytick.labelsize": 10,
    "figure.titlesize": 12.5,
    "figure.titleweight": "bold",
    "figure.facecolor": PAPER,
    "savefig.facecolor": PAPER,
    "axes.facecolor": "none",
    "text.color": INK,
    "axes.titlecolor": INK,
    "axes.labelcolor": INK,
    "axes.edgecolor": MUTED,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "grid.color": GRID,
    "grid.linewidth": 0.8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.linewidth": 0.8,
    "axes.axisbelow": True,
    "axes.unicode_minus": True,
    "axes.titlelocation": "left",
    "lines.linewidth": 2.0,
    "lines.solid_capstyle": "round",
    "svg.fonttype": "path",
    "svg.hashsalt": "grokcourse",
    "svg.image_inline": True,
}


def _overlay(rgb: str, name: str) -> ListedColormap:
    """A colour map that lays one colour over the page, from not at all to four fifths: ink stays legible on it."""
    colours = np.ones((256, 4))
    colours[:, :3] = mpl.colors.to_rgb(rgb)
    colours[:, 3] = np.linspace(0, 0.8, 256)
    return ListedColormap(colours, name)


def _cycle() -> ListedColormap:
    """A closed ring of colours for numbers modulo p: neighbours look alike, and so do p − 1 and 0.

    A circle in the OKLab space (Ottosson 2020), tilted so that its red–green direction is also its dark–light one: a
    colour-blind reader loses the former and still has the latter, beside yellow–blue.
    """
    turn = np.linspace(0, 2 * np.pi, 256, endpoint=False)
    lightness, a, b = 0.72 + 0.15 * np.sin(turn), 0.08 * np.sin(turn), 0.10 * np.cos(turn)
    to_lms = np.array(
        [[1, 0.3963377774, 0.2158037573], [1, -0.1055613458, -0.0638541728], [1, -0.0894841775, -1.291485548]]
    )
    to_rgb = np.array(
        [
            [4.0767416621, -3.3077115913, 0.2309699292],
            [-1.2684380046, 2.6097574011, -0.3413193965],
            [-0.0041960863, -0.7034186147, 1.707614701],
        ]
    )
    linear = np.clip(to_rgb @ (to_lms @ np.stack([lightness, a, b])) ** 3, 0, 1).T
    srgb = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
    return ListedColormap(np.clip(srgb, 0, 1), "gc_cycle")


POSITIVE, NEGATIVE = "#c4560f", "#1f7fba"
AMOUNT = _overlay(NEGATIVE, "gc_amount")
"""From nothing (the page) to much (blue)."""
SIGNED = ListedColormap(
    np.concatenate([_overlay(NEGATIVE, "")(np.arange(256))[::-1], _overlay(POSITIVE, "")(np.arange(256))]), "gc_signed"
)
"""Negative blue, zero the page, positive orange."""
CYCLE = _cycle()
"""A closed ring of colours, for numbers modulo p."""
ON_CELL = "#0b0d10"
"""Words on a cell of ``CYCLE``, which looks alike in both modes."""


class Picture(Figure):
    """A figure that knows how to be drawn again at another width."""

    redraw: Callable[[float], "Picture"]

    def __init__(self, width: float, height: float) -> None:
        super().__init__(figsize=(width, height), layout="constrained")
        self.on_phone = _is_phone(width)
        self.placements: list[Callable[[], None]] = []
        """What has to wait until the layout is known: where names go so that they do not overlap."""


def _picture(draw: Callable[..., Picture]) -> Callable[..., Picture]:
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


# ---------------------------------------------------------------------------------------------- on the page


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
            if max(len(artist.get_offsets()), len(artist.get_paths())) > 1500:
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


# ---------------------------------------------------------------------------------------------- along a run


def loss_curves(
    steps: Any,
    train: Any,
    test: Any,
    *,
    chance: float | None = None,
    phases: Mapping[str, tuple[float, float | None]] | None = None,
    log_steps: bool = False,
    title: str = "",
    width: float = WIDE,
) -> Picture:
    """Train and test loss along a run, on a log axis: memorised at once, understood late. The course's headline.

    Args:
        steps: (n,) optimiser steps.
        train: (n,) train loss in nats.
        test: (n,) test loss in nats.
        chance: the loss of guessing, log p: drawn as a line, as the test loss first rises above it.
        phases: name → (first step, last step or None for the run's end), shaded and named above the curves.
        log_steps: a logarithmic step axis, with step 0 at its left end.
        title: above the figure.
        width: in inches.

    Raises:
        ValueError: if the lengths differ, or there is nothing to draw.
    """
    series = {"train": (steps, train), "test": (steps, test)}
    options = {"chance": chance, "phases": phases, "log_steps": log_steps, "title": title, "width": width}
    return curves(series, ylabel="loss (nats)", log_y=True, **options)


def accuracy_curves(
    steps: Any,
    train: Any,
    test: Any,
    *,
    chance: float | None = None,
    phases: Mapping[str, tuple[float, float | None]] | None = None,
    log_steps: bool = False,
    title: str = "",
    width: float = WIDE,
) -> Picture:
    """Train and test accuracy along a run, in per cent; arguments as ``loss_curves``, accuracies (n,) from 0 to 1."""
    series = {"train": (steps, train), "test": (steps, test)}
    options = {"chance": chance, "phases": phases, "log_steps": log_steps, "title": title, "width": width}
    return curves(series, ylabel="right answers", percent=True, **options)


@_picture
def curves(
    series: Mapping[str, tuple[Any, Any]],
    *,
    ylabel: str,
    xlabel: str = "step",
    log_y: bool = False,
    log_steps: bool = False,
    percent: bool = False,
    chance: float | None = None,
    phases: Mapping[str, tuple[float, float | None]] | None = None,
    title: str = "",
    width: float = WIDE,
) -> Picture:
    """Up to five quantities along a run (weight norms, say), each named at its end.

    Args:
        series: name → (steps (n,), values (n,)).
        ylabel: what the values are, with their unit.
        xlabel: what the steps are.
        log_y: a logarithmic value axis.
        log_steps, chance, phases, title, width: as ``loss_curves``.
        percent: values from 0 to 1, shown in per cent.

    Raises:
        ValueError: if there are no series or more than five, or as ``loss_curves``.
    """
    if not 1 <= len(series) <= len(LINES):
        raise ValueError(f"one figure shows 1 to {len(LINES)} lines, not {len(series)}")
    figure, [axes] = _canvas(width, _height(width))
    ends = []
    for i, (name, (steps, values)) in enumerate(series.items()):
        x, y = _line(name, steps, values, log_y)
        axes.plot(x, y, color=LINES[i], linestyle=DASHES[i] if len(series) > 2 else "-")
        ends.append((x, y, name, LINES[i]))
    _dress(axes, ylabel, xlabel, log_y=log_y, log_steps=log_steps, percent=percent, title=title)
    _shade(axes, phases)
    _name_ends(axes, ends, chance, percent)
    return figure


@_picture
def sweep_curves(
    runs: Mapping[str, Sequence[tuple[Any, Any]]],
    *,
    ylabel: str,
    xlabel: str = "step",
    log_y: bool = False,
    log_steps: bool = False,
    percent: bool = False,
    chance: float | None = None,
    rises_to: float | None = None,
    title: str = "",
    width: float = WIDE,
) -> Picture:
    """Many runs on one axis, coloured from faint to strong: what one hyperparameter does, seed after seed.

    Args:
        runs: label → [(steps (n,), values (n,)), …], one pair per seed, labels from the weakest to the strongest.
        rises_to: settings whose first run reaches this value have their names above, at the step where it does; the
            others, and without it all, have theirs at the end of the line.
        ylabel, xlabel, log_y, log_steps, percent, chance, title, width: as ``curves``.

    Raises:
        ValueError: if there are no runs, more than eight labels, or as ``loss_curves``.
    """
    if not 1 <= len(runs) <= len(RAMP):
        raise ValueError(f"a sweep shows 1 to {len(RAMP)} settings, not {len(runs)}")
    figure, [axes] = _canvas(width, _height(width))
    ends, rises = [], []
    for i, (label, seeds) in enumerate(runs.items()):
        colour = RAMP[round(i * (len(RAMP) - 1) / max(1, len(runs) - 1))]
        if not seeds:
            raise ValueError(f"no run is given for {label!r}")
        for seed, (steps, values) in enumerate(seeds):
            x, y = _line(label, steps, values, log_y)
            axes.plot(x, y, color=colour, lw=1.8, linestyle=DASHES[seed % len(DASHES)])
            if seed == 0 and rises_to is not None and (y >= rises_to).any():
                rises.append((x[(y >= rises_to).argmax()], label, colour))
            elif seed == 0:
                ends.append((x, y, label, colour))
    _dress(axes, ylabel, xlabel, log_y=log_y, log_steps=log_steps, percent=percent, title=title)
    _name_ends(axes, ends, chance, percent)
    _name_rises(axes, rises)
    return figure


@_picture
def stacked_curves(
    panels: Mapping[str, tuple[Any, Any]],
    *,
    log_y: Iterable[str] = (),
    percent: Iterable[str] = (),
    chance: Mapping[str, float] | None = None,
    phases: Mapping[str, tuple[float, float | None]] | None = None,
    title: str = "",
    width: float = WIDE,
) -> Picture:
    """Quantities of different kinds along one run, each on a panel of its own, above each other on one step axis.

    Args:
        panels: name → (steps (n,), values (n,)).
        log_y: the names of those with a logarithmic value axis.
        percent: the names of those with values from 0 to 1, shown in per cent.
        chance: name → the value of guessing, drawn as a line.
        phases, title, width: as ``loss_curves``.

    Raises:
        ValueError: if there are no panels or more than eight, a name is not among them, or as ``loss_curves``.
    """
    log_y, percent, chance = set(log_y), set(percent), chance or {}
    if not 1 <= len(panels) <= 8:
        raise ValueError(f"one figure shows 1 to 8 panels, not {len(panels)}")
    if unknown := sorted((log_y | percent | set(chance)) - set(panels)):
        raise ValueError(f"there is no panel {unknown[0]!r}")
    figure, grid = _canvas(width, 1.25 * len(panels) + 0.7, len(panels), 1, sharex=True)
    for i, (axes, (name, (steps, values))) in enumerate(zip(grid, panels.items(), strict=True)):
        x, y = _line(name, steps, values, name in log_y)
        axes.plot(x, y, color=LINES[0])
        xlabel = "step" if axes is grid[-1] else ""
        _dress(axes, "", xlabel, log_y=name in log_y, log_steps=False, percent=name in percent, title="")
        axes.yaxis.set_major_locator(LogLocator(numticks=4) if name in log_y else MaxNLocator(3))
        if name in chance:
            axes.axhline(chance[name], color=MUTED, lw=1.2, linestyle=(0, (4, 3)), zorder=1.5)
        _shade(axes, phases if i == 0 else {" " * (j + 1): span for j, span in enumerate((phases or {}).values())})
        axes.set_title(name, fontsize=TEXT, pad=20 if phases and i == 0 else None)
    _title(figure, title)
    return figure


@_picture
def announcements(
    dates: Mapping[str, float | None], *, event: tuple[str, float] | None = None, title: str = "", width: float = WIDE
) -> Picture:
    """When each of several quantities first moved, earliest on top; and, as a line, the event that all await.

    Args:
        dates: name → step, or None for one that never did.
        event: its name and step.
        title, width: as ``loss_curves``.

    Raises:
        ValueError: if there are no dates.
    """
    _some(dates, "dates")
    names = sorted(dates, key=lambda name: (dates[name] is None, dates[name] or 0))
    figure, [axes] = _canvas(width, 0.34 * len(names) + 1.1)
    last = max([date for date in dates.values() if date is not None] + ([event[1]] if event else []), default=1)
    for row, name in enumerate(names):
        if dates[name] is None:
            axes.text(0.02 * last, row, "never", va="center", color=MUTED)
        else:
            axes.plot([dates[name], event[1] if event else dates[name]], [row, row], color=MUTED, lw=1.2)
            axes.plot([dates[name]], [row], color=TEST if event and dates[name] >= event[1] else TRAIN, marker="o")
    if event:
        axes.axvline(event[1], color=TEST, lw=1.6, linestyle=(0, (4, 3)), zorder=1.5)
        axes.set_title(f"{event[0]}: step {event[1]:,.0f}", fontsize=TEXT, color=TEST, loc="right")
    axes.set_yticks(range(len(names)), names)
    axes.set(xlim=(0, 1.06 * last), ylim=(len(names) - 0.4, -0.6), xlabel="step")
    axes.xaxis.set_major_locator(MaxNLocator(3 if _is_phone(width) else 6, integer=True, steps=[1, 2, 2.5, 5, 10]))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda x, _: f"{x:,.0f}"))
    axes.grid(axis="x")
    _title(figure, title)
    return figure


@_picture
def live_overlay(
    recorded: tuple[Any, Any, Any],
    live: tuple[Any, Any, Any],
    *,
    chance: float | None = None,
    title: str = "",
    width: float = WIDE,
) -> Picture:
    """A run trained just now, thin and strong, on the recorded run's wide pale bands: do the two agree?

    Args:
        recorded: (steps (n,), train loss (n,), test loss (n,)).
        live: the same of the live run, with its own steps.
        chance, title, width: as ``loss_curves``.

    Raises:
        ValueError: as ``loss_curves``.
    """
    figure, [axes] = _canvas(width, _height(width))
    ends = []
    for i, (name, colour) in enumerate((("train", TRAIN), ("test", TEST))):
        x, y = _line(f"recorded {name}", recorded[0], recorded[1 + i], True)
        axes.plot(x, y, color=colour, lw=7, alpha=0.3, solid_capstyle="butt")
        now_x, now_y = _line(f"live {name}", live[0], live[1 + i], True)
        axes.plot(now_x, now_y, color=colour, lw=1.4, marker="o", markersize=3)
        ends.append((x, y, name, colour))
    _dress(axes, "loss (nats)", "step", log_y=True, log_steps=False, percent=False, title=title)
    _name_ends(axes, ends, chance, False)
    return figure


# ---------------------------------------------------------------------------------------------- the task


@_picture
def clock(p: int, sums: Sequence[tuple[int, int]], *, title: str = "", width: float = WIDE) -> Picture:
    """Addition as turning: on a dial with p hours the hand starts at a and turns b hours on.

    Args:
        p: hours on the dial.
        sums: pairs (a, b), one dial each; a from 0 to p − 1, b at least 0.
        title, width: as ``loss_curves``.

    Raises:
        ValueError: if there is no sum, or a number is out of range.
    """
    if p < 2 or not sums or not all(0 <= a < p and b >= 0 for a, b in sums):
        raise ValueError(f"a dial needs sums of an a in 0 … p − 1 and a b ≥ 0, not {list(sums)} with p = {p}")
    across = min(len(sums), 1 if _is_phone(width) else 3)
    down = math.ceil(len(sums) / across)
    figure, grid = _canvas(width, down * (min(width / across, 3) + 0.3), down, across)

    def on_dial(hour: Any, radius: float) -> np.ndarray:
        angle = 2 * np.pi * np.asarray(hour) / p
        return radius * np.stack([np.sin(angle), np.cos(angle)], axis=-1)

    for axes, (a, b) in zip(grid, sums, strict=False):
        hours = np.arange(p)
        axes.plot(*on_dial(np.linspace(0, p, 361), 1).T, color=MUTED, lw=1)
        ticks = np.stack([on_dial(hours, 0.95), on_dial(hours, 1)], axis=1)
        axes.add_collection(LineCollection(ticks, colors=MUTED, linewidths=0.7))
        turn = np.linspace(a, a + b, 200)
        spiral = on_dial(turn, 1) * np.linspace(0.72, 0.72 - 0.12 * (b // p), 200)[:, None]
        axes.plot(*spiral.T, color=TEST, lw=2)
        arrow = {"arrowstyle": "-|>", "color": TEST, "lw": 2, "shrinkA": 0, "shrinkB": 0, "mutation_scale": 14}
        axes.annotate("", spiral[-1], spiral[-6], arrowprops=arrow)
        axes.plot(*np.stack([[0, 0], on_dial(a, 0.9)]).T, color=TRAIN, lw=1.6, linestyle=DASHES[1])
        axes.plot(*np.stack([[0, 0], on_dial(a + b, 0.9)]).T, color=INK, lw=2.4)
        axes.plot(0, 0, "o", color=INK, markersize=5)
        end = (a + b) % p
        named = {0: MUTED, a: TRAIN, end: INK}  # the later name wins where two fall together
        for hour, colour in named.items():
            weight = "bold" if hour in (a, end) else "normal"
            axes.text(*on_dial(hour, 1.13), str(hour), color=colour, weight=weight, ha="center", va="center")
        axes.set(xlim=(-1.25, 1.25), ylim=(-1.25, 1.25), aspect="equal")
        axes.set_axis_off()
        axes.set_title(f"{a} + {b} → {end}", loc="center")
    for axes in grid[len(sums) :]:
        axes.set_visible(False)
    _title(figure, title)
    return figure


@_picture
def addition_table(
    answers: Any, train_mask: Any = None, *, zoom: int = 10, title: str = "", width: float = WIDE
) -> Picture:
    """The whole task as a picture: each pair (a, b) in the colour of its answer, trained pairs strong, the rest pale.

    Beside it the corner of the smallest numbers, enlarged, with the answers written in; trained cells are framed.

    Args:
        answers: (p, p) whole numbers from 0 to p − 1: row a, column b.
        train_mask: (p, p) bool: which pairs are trained on; by default all are drawn strong.
        zoom: rows and columns of the corner.
        title, width: as ``loss_curves``.

    Raises:
        ValueError: if answers is not square, or the mask has another shape.
    """
    table = _array(answers, 2, "answers")
    p = len(table)
    mask = np.ones((p, p), bool) if train_mask is None else _array(train_mask, 2, "train_mask").astype(bool)
    if table.shape != (p, p) or mask.shape != (p, p):
        raise ValueError(f"answers and train_mask must both be (p, p), not {table.shape} and {mask.shape}")
    zoom = min(zoom, p)
    colours = CYCLE(np.round(table * 256 / p).astype(int) % 256)
    colours[..., 3] = np.where(mask, 1.0, 0.22)

    if _is_phone(width):
        figure, [whole, corner] = _canvas(width, 2 * width, rows=2)
    else:
        figure, [whole, corner] = _canvas(width, 0.53 * width, columns=2)
    for axes, n in ((whole, p), (corner, zoom)):
        axes.imshow(colours[:n, :n], interpolation="none", extent=(-0.5, n - 0.5, n - 0.5, -0.5))
        axes.set(xlabel="b", ylabel="a")
        axes.xaxis.set_major_locator(MaxNLocator(6, integer=True))
        axes.yaxis.set_major_locator(MaxNLocator(6, integer=True))
        axes.spines[:].set_visible(False)
    whole.set_title(f"all {p} × {p} pairs")
    corner.set_title("the corner, enlarged" if zoom < p else "the answers")
    corner.set(xticks=range(zoom), yticks=range(zoom))
    whole.add_patch(Rectangle((-0.5, -0.5), zoom, zoom, fill=False, edgecolor=INK, lw=1.5))
    size = min(10, 100 / zoom)  # points
    for a in range(zoom):
        for b in range(zoom):
            trained = mask[a, b]
            colour = ON_CELL if trained else INK
            weight = "bold" if trained and train_mask is not None else "normal"
            corner.text(b, a, f"{table[a, b]:.0f}", ha="center", va="center", size=size, color=colour, weight=weight)
            if trained and train_mask is not None:
                corner.add_patch(Rectangle((b - 0.46, a - 0.46), 0.92, 0.92, fill=False, edgecolor=INK, lw=1.2))
    _title(figure, title)
    return figure


# ---------------------------------------------------------------------------------------------- inside the model


@_picture
def heat_maps(
    matrices: Mapping[str, Any],
    *,
    row_labels: Sequence[str] | None = None,
    column_labels: Sequence[str] | None = None,
    xlabel: str = "",
    ylabel: str = "",
    values: bool = False,
    signed: bool = True,
    limit: float | None = None,
    title: str = "",
    width: float = WIDE,
) -> Picture:
    """Matrices side by side on one colour scale; zero is the page, positive orange, negative blue.

    Args:
        matrices: title → (rows, columns); an entry that is not finite stays blank (and is written, if ``values``).
        row_labels, column_labels: one for each row and column.
        xlabel, ylabel: what columns and rows are.
        values: write the numbers into the cells.
        signed: False for amounts that are never negative: then from nothing to blue.
        limit: where the colour scale ends; by default the largest absolute value.
        title, width: as ``loss_curves``.

    Raises:
        ValueError: if there is no matrix, or labels do not fit the shapes.
    """
    arrays = {name: _array(matrix, 2, name) for name, matrix in _some(matrices, "matrices").items()}
    limit = limit or max(float(np.abs(array[np.isfinite(array)]).max()) for array in arrays.values()) or 1.0
    shape = next(iter(arrays.values())).shape
    across = min(len(arrays), 4 if not _is_phone(width) else 2 if shape[1] <= 4 else 1)
    down = math.ceil(len(arrays) / across)
    cell = width / across
    figure, grid = _canvas(width, down * (cell * min(1.3, max(0.35, shape[0] / shape[1])) + 0.55), down, across)
    for axes, (name, array) in zip(grid, arrays.items(), strict=False):
        norm = Normalize(-limit if signed else 0, limit)
        image = axes.imshow(array, cmap=SIGNED if signed else AMOUNT, norm=norm, interpolation="none", aspect="auto")
        axes.set_title(name, fontsize=TEXT)
        _label_cells(axes, array.shape, row_labels, column_labels)
        axes.spines[:].set(visible=True, color=GRID)
        if values:
            for row, column in np.ndindex(*array.shape):
                text = f"{array[row, column]:z.2f}".replace("-", "−").replace("inf", "∞")
                axes.text(column, row, text, ha="center", va="center", fontsize=10)
    for i, axes in enumerate(grid):
        axes.set_visible(i < len(arrays))
        if i % across == 0:
            axes.set_ylabel(ylabel)
        else:
            axes.tick_params(labelleft=False)
        axes.set_xlabel(xlabel if i + across >= len(arrays) else "")
    if not values:
        bar = figure.colorbar(image, ax=grid, shrink=0.8, aspect=30, pad=0.02)
        bar.solids.set_rasterized(True)
        bar.outline.set_visible(False)
    _title(figure, title)
    return figure


def attention_pattern(pattern: Any, tokens: Sequence[str], *, title: str = "", width: float = WIDE) -> Picture:
    """Who looks at whom, head by head, for one question: each row says where that position's attention goes.

    Args:
        pattern: (head, query, key): shares, each row of keys sums to one.
        tokens: the words of the question, one for each position.
        title, width: as ``loss_curves``.

    Raises:
        ValueError: if the tokens do not fit the pattern.
    """
    heads = _array(pattern, 3, "pattern")
    return heat_maps(
        {f"head {i}": head for i, head in enumerate(heads)},
        row_labels=tokens,
        column_labels=tokens,
        xlabel="looks at",
        ylabel="position",
        values=True,
        signed=False,
        limit=1.0,
        title=title,
        width=width,
    )


@_picture
def activation_strips(
    activations: Mapping[str, Any], *, tokens: Sequence[str] = (), title: str = "", width: float = WIDE
) -> Picture:
    """Vectors on their way through the model, each a strip of cells: positive orange, negative blue.

    Each strip has a colour scale of its own, that ends at its largest absolute value, written beside it.

    Args:
        activations: name → (d,), or (pos, d) for one strip per position.
        tokens: the words of the question: they name the positions.
        title, width: as ``loss_curves``.

    Raises:
        ValueError: if there is none, or one has neither one nor two dimensions.
    """
    arrays = {}
    for name, values in _some(activations, "activations").items():
        arrays[name] = _array(values, 2 if np.ndim(_numpy(values)) == 2 else 1, name)
    rows = [len(np.atleast_2d(array)) for array in arrays.values()]
    heights = [0.62 + 0.18 * (n - 1) for n in rows]
    figure, grid = _canvas(width, sum(heights) + 0.2, len(arrays), 1, height_ratios=heights)
    for axes, (name, array) in zip(grid, arrays.items(), strict=True):
        largest = float(np.abs(array[np.isfinite(array)]).max()) or 1.0
        norm = Normalize(-largest, largest)
        axes.imshow(np.atleast_2d(array), cmap=SIGNED, norm=norm, interpolation="none", aspect="auto")
        axes.set_title(name, fontsize=TEXT, pad=3)
        shape = " × ".join(map(str, array.shape))
        axes.set_title(f"{shape}, up to ±{largest:.2g}", fontsize=10, pad=3, loc="right", color=MUTED)
        axes.set(xticks=[], yticks=[])
        if array.ndim == 2 and tokens:
            _label_cells(axes, array.shape, tokens, [])
        axes.spines[:].set(visible=True, color=GRID)
    _title(figure, title)
    return figure


@_picture
def logit_bars(logits: Any, answer: int, *, ylabel: str = "logit", title: str = "", width: float = WIDE) -> Picture:
    """The model's score for each possible answer to one question, the right one marked.

    Args:
        logits: (p,) logits, or probabilities.
        answer: the right answer.
        ylabel: what the scores are.
        title, width: as ``loss_curves``.

    Raises:
        ValueError: if the answer is none of 0 … p − 1.
    """
    scores = _array(logits, 1, "logits")
    if not 0 <= answer < len(scores):
        raise ValueError(f"the answer must be one of 0 … {len(scores) - 1}, not {answer}")
    figure, [axes] = _canvas(width, 0.7 * width if _is_phone(width) else 0.4 * width)
    numbers = np.arange(len(scores))
    is_answer = numbers == answer
    axes.bar(numbers[~is_answer], scores[~is_answer], width=0.8, color=MUTED)
    axes.bar([answer], [scores[answer]], width=0.8, color=TEST)
    axes.axhline(0, color=MUTED, lw=0.8)
    _dress(axes, ylabel, "answer", log_y=False, log_steps=False, percent=False, title=title)
    axes.set_xlim(-0.8, len(scores) - 0.2)
    top = scores.max()  # the name stands clear of all bars
    axes.vlines(answer, scores[answer], top, color=TEST, lw=0.9, linestyle=(0, (1, 2)))
    _name_bars(axes, {answer: f"{answer}: the right one"}, np.full_like(scores, top), TEST)
    return figure


# ---------------------------------------------------------------------------------------------- Fourier


@_picture
def spectrum(energy: Any, *, key: Iterable[int] = (), title: str = "", width: float = WIDE) -> Picture:
    """How the energy of a matrix is shared among the frequencies, without the constant; key frequencies marked.

    Args:
        energy: (p // 2 + 1,) energy per frequency; entry 0, the constant, is left out.
        key: frequencies to mark.
        title, width: as ``loss_curves``.

    Raises:
        ValueError: if there is no energy besides the constant, or a key frequency is none of 1 … p // 2.
    """
    figure, [axes] = _canvas(width, 0.75 * width if _is_phone(width) else 0.42 * width)
    _draw_spectrum(axes, energy, list(key))
    axes.set(xlabel="frequency k", ylabel="share of energy")
    _title(figure, title)
    return figure


@_picture
def spectra(
    energies: Mapping[str, Any],
    *,
    key: Iterable[int] | Mapping[str, Iterable[int]] = (),
    title: str = "",
    width: float = WIDE,
) -> Picture:
    """Several spectra below each other on one scale: before training flat, after it a handful of spikes.

    Args:
        energies: title → (p // 2 + 1,) energy per frequency, as ``spectrum``.
        key: frequencies to mark in all of them, or title → frequencies.
        title, width: as ``loss_curves``.

    Raises:
        ValueError: as ``spectrum``, or if there is none.
    """
    count = len(_some(energies, "energies"))
    each = 1.7 if _is_phone(width) else 1.9
    figure, grid = _canvas(width, each * count + 0.4, count, 1, sharex=True, sharey=True)
    everywhere = None if isinstance(key, Mapping) else list(key)
    for axes, (name, energy) in zip(grid, energies.items(), strict=True):
        _draw_spectrum(axes, energy, list(key.get(name, ())) if everywhere is None else everywhere)
        axes.set_title(name, fontsize=TEXT)
    grid[-1].set_xlabel("frequency k")
    figure.supylabel("share of energy", fontsize=TEXT, color=INK)
    _title(figure, title)
    return figure


@_picture
def spectrum_over_steps(
    steps: Any,
    energy: Any,
    *,
    key: Iterable[int],
    phases: Mapping[str, tuple[float, float | None]] | None = None,
    title: str = "",
    width: float = WIDE,
) -> Picture:
    """How the spectrum sharpens along a run: each key frequency's share of the energy, and that of all others together.

    Args:
        steps: (n,) steps.
        energy: (n, p // 2 + 1) energy per frequency at each; entry 0, the constant, is left out.
        key: the frequencies that get a line.
        phases, title, width: as ``loss_curves``.

    Raises:
        ValueError: as ``spectrum``, or if the lengths differ.
    """
    x, shares = _array(steps, 1, "steps"), _shares(energy, 2)
    if len(x) != len(shares):
        raise ValueError(f"there are {len(x)} steps but {len(shares)} spectra")
    key = _known(key, shares.shape[1])
    figure, [axes] = _canvas(width, _height(width))
    ends = []
    for i, k in enumerate(key):
        colour = LINES[i % len(LINES)]
        axes.plot(x, shares[:, k - 1], color=colour, linestyle=DASHES[i % len(DASHES)])
        ends.append((x, shares[:, k - 1], f"k = {k}", colour))
    others = np.delete(shares, [k - 1 for k in key], axis=1).sum(axis=1)
    axes.plot(x, others, color=MUTED, lw=1.6)
    ends.append((x, others, "all others", MUTED))
    _dress(axes, "share of energy", "step", log_y=False, log_steps=False, percent=True, title=title)
    _shade(axes, phases)
    _name_ends(axes, ends, None, False)
    return figure


@_picture
def spectrum_map(steps: Any, energy: Any, *, key: Iterable[int] = (), title: str = "", width: float = WIDE) -> Picture:
    """The spectrum at every step as a picture: most frequencies fade, a few lines remain. Colour is logarithmic.

    Args:
        steps: (n,) steps, rising, at least two.
        energy: (n, p // 2 + 1) energy per frequency at each; entry 0, the constant, is left out.
        key: frequencies to name at the right.
        title, width: as ``loss_curves``.

    Raises:
        ValueError: as ``spectrum_over_steps``.
    """
    x, shares = _array(steps, 1, "steps"), _shares(energy, 2)
    if len(x) != len(shares) or len(x) < 2 or not (np.diff(x) > 0).all():
        raise ValueError(f"a map needs at least two rising steps and as many spectra, not {len(x)} and {len(shares)}")
    key = _known(key, shares.shape[1])
    figure, [axes] = _canvas(width, 1.05 * width if _is_phone(width) else 0.55 * width)
    numbers = np.arange(1, shares.shape[1] + 1)
    image = axes.pcolormesh(
        x,
        numbers,
        np.maximum(shares.T, 1e-4),
        cmap=AMOUNT,
        norm=LogNorm(1e-4, shares.max()),
        shading="nearest",
        rasterized=True,
    )
    _dress(axes, "frequency k", "step", log_y=False, log_steps=False, percent=False, title=title)
    axes.grid(False)
    axes.set_ylim(0.5, shares.shape[1] + 0.5)
    axes.set_xlim(x[0], x[-1])
    where = {"location": "bottom", "pad": 0.03} if _is_phone(width) else {"pad": 0.09}
    bar = figure.colorbar(image, ax=axes, shrink=0.8, aspect=35, label="share of energy", **where)
    bar.set_ticks([tick for tick in (1e-4, 1e-3, 1e-2, 1e-1) if tick <= shares.max()])
    bar.formatter = FuncFormatter(_percent)
    bar.set_ticks([], minor=True)
    bar.solids.set_rasterized(True)
    bar.outline.set_visible(False)
    _name_ends(axes, [(x, np.full(len(x), float(k)), f"{k}", INK) for k in key], None, False)
    return figure


@_picture
def circles(coordinates: Mapping[int, Any], *, label: int = 5, title: str = "", width: float = WIDE) -> Picture:
    """The numbers 0 … p − 1 on the circle of each frequency: from each number to the next it is always the same turn.

    A number's colour is the angle at which it should lie, 2πkn/p, so that a true circle shows an even ring of colours.

    Args:
        coordinates: k → (p, 2) coordinates of each number (``fourier.circle``).
        label: how many numbers, from 0 on, are written beside their dots and joined by a line.
        title, width: as ``loss_curves``.

    Raises:
        ValueError: if there is none, or one is not (p, 2).
    """
    arrays = {k: _array(points, 2, f"circle {k}") for k, points in _some(coordinates, "coordinates").items()}
    across = min(len(arrays), 2 if _is_phone(width) else 3)
    down = math.ceil(len(arrays) / across)
    each = min(width / across, 3.2)
    figure, grid = _canvas(width, down * (each + 0.25), down, across)
    for axes, (k, points) in zip(grid, arrays.items(), strict=False):
        if points.shape[1] != 2:
            raise ValueError(f"circle {k} must have shape (p, 2), not {points.shape}")
        p = len(points)
        reach = 1.45 * np.nanmax(np.hypot(*points.T))
        axes.axhline(0, color=GRID, lw=0.8)
        axes.axvline(0, color=GRID, lw=0.8)
        axes.plot(*points[:label].T, color=MUTED, lw=0.9)
        colours = CYCLE(k * np.arange(p) % p / p)
        axes.scatter(*points.T, c=colours, s=18 if _is_phone(width) else 26, edgecolors=INK, linewidths=0.5, zorder=3)
        angles = np.arctan2(*points[:label].T[::-1])
        for n, angle in enumerate(angles):
            crowd = np.abs(np.angle(np.exp(1j * (angles[:n] - angle)))) < 0.25  # names already there step outwards
            radius = np.hypot(*points[n]) + (0.13 + 0.15 * crowd.sum()) * reach
            axes.text(radius * np.cos(angle), radius * np.sin(angle), str(n), ha="center", va="center", zorder=4)
        axes.set(xlim=(-reach, reach), ylim=(-reach, reach), aspect="equal", xticks=[], yticks=[])
        axes.set_title(f"frequency {k}", fontsize=TEXT, loc="center")
        axes.spines[:].set_visible(False)
    for axes in grid[len(arrays) :]:
        axes.set_visible(False)
    _title(figure, title)
    return figure


@_picture
def waves(
    functions: Mapping[str, Any],
    *,
    points: Any = None,
    smooth: bool = False,
    xlabel: str = "number n",
    title: str = "",
    width: float = WIDE,
) -> Picture:
    """Functions on Z_p below each other: basis waves, the parts of a function, or its partial sums over its dots.

    Args:
        functions: name → (p,) values at 0 … p − 1.
        points: (p,) values drawn as dots into every row, to compare with.
        smooth: draw the smooth wave through the values (trigonometric interpolation), not straight lines.
        xlabel, title, width: as ``loss_curves``.

    Raises:
        ValueError: if there is none, or the lengths differ.
    """
    arrays = {name: _array(values, 1, name) for name, values in _some(functions, "functions").items()}
    p = len(next(iter(arrays.values())))
    dots = None if points is None else _array(points, 1, "points")
    for name, values in [*arrays.items(), *([] if dots is None else [("points", dots)])]:
        if len(values) != p:
            raise ValueError(f"all functions must be on the same Z_p, but {name} has {len(values)} values, not {p}")
    each = 0.95 if dots is None else 1.3
    figure, grid = _canvas(width, each * len(arrays) + 0.55, len(arrays), 1, sharex=True)
    for axes, (name, values) in zip(grid, arrays.items(), strict=True):
        axes.axhline(0, color=GRID, lw=0.8)
        if smooth:
            fine = np.arange(16 * p) / 16
            axes.plot(fine[: 16 * (p - 1) + 1], _interpolated(values, 16)[: 16 * (p - 1) + 1], color=TRAIN, lw=1.6)
        else:
            axes.plot(values, color=TRAIN, lw=1.6)
        if dots is not None:
            axes.plot(dots, "o", color=TEST, markersize=2.4, zorder=1.9)  # the line stays visible on them
        elif smooth:
            axes.plot(values, "o", color=TRAIN, markersize=3)
        axes.set_title(name, fontsize=TEXT, pad=3)
        axes.yaxis.set_major_locator(MaxNLocator(2, steps=[1, 2, 5, 10]))
        axes.margins(y=0.12)
        axes.set_xlim(-0.5, p - 0.5)
    grid[-1].xaxis.set_major_locator(MaxNLocator(6, integer=True))
    grid[-1].set_xlabel(xlabel)
    _title(figure, title)
    return figure


@_picture
def fourier_components(
    components: Any, names: Sequence[str], *, top: int | None = None, title: str = "", width: float = WIDE
) -> Picture:
    """A matrix in the Fourier basis: one row per basis function, and how long each row is. Few rows hold nearly all.

    Args:
        components: (p, d): row i is the matrix's component of basis function i.
        names: the name of each row.
        top: keep the longest rows only, longest first; by default all rows in their order.
        title, width: as ``loss_curves``.

    Raises:
        ValueError: if names and rows differ in number.
    """
    rows = _array(components, 2, "components")
    if len(names) != len(rows):
        raise ValueError(f"there are {len(rows)} rows but {len(names)} names")
    lengths = np.linalg.norm(rows, axis=1)
    order = np.arange(len(rows)) if top is None else np.argsort(-lengths, kind="stable")[:top]
    few = len(order) <= 24
    height = min(6.5, (0.24 if few else 0.05) * len(order) + 0.9)
    figure, [picture, bars] = _canvas(width, height, 1, 2, width_ratios=[3, 1], sharey=True)
    limit = float(np.abs(rows).max()) or 1.0
    norm = Normalize(-limit, limit)
    picture.imshow(rows[order], cmap=SIGNED, norm=norm, interpolation="none", aspect="auto")
    bars.barh(np.arange(len(order)), lengths[order], color=TRAIN, height=0.72)
    picture.set_xlabel("dimension" if _is_phone(width) else "dimension of the residual stream")
    picture.xaxis.set_major_locator(MaxNLocator(3 if _is_phone(width) else 5, integer=True))
    bars.set_xlabel("length")
    bars.xaxis.set_major_locator(MaxNLocator(2))
    bars.spines["left"].set_visible(False)
    bars.tick_params(left=False, labelleft=False)
    if few:
        picture.set_yticks(np.arange(len(order)), [names[i] for i in order])
    else:
        shown = np.arange(len(order))[:: max(1, len(order) // 8 // 2 * 2)]
        picture.set_yticks(shown, [names[order[i]] for i in shown])
    picture.spines[:].set(visible=True, color=GRID)
    _title(figure, title)
    return figure


# ---------------------------------------------------------------------------------------------- the circuit


@_picture
def spectrum_2d(
    energies: Mapping[str, Any], *, key: Iterable[int] = (), title: str = "", width: float = WIDE
) -> Picture:
    """How the energy of a table over a and b is shared among pairs of frequencies: a square for each that has some.

    The squares are larger than the grid, to be seen; their colour is logarithmic, and starts at a ten-thousandth.

    Args:
        energies: title → (p // 2 + 1, p // 2 + 1) energy by frequency of a (rows) and of b; the entry at the corner,
            the constant, is left out. One below the other on a phone, else side by side.
        key: frequencies to name at the axes.
        title, width: as ``loss_curves``.

    Raises:
        ValueError: if there is none, one is not square, holds no energy besides the constant's, or a key frequency is
            none of 1 … p // 2.
    """
    tables = {name: _array(energy, 2, name).copy() for name, energy in _some(energies, "energies").items()}
    for name, table in tables.items():
        if table.shape[0] != table.shape[1]:
            raise ValueError(f"{name} must be square, not {table.shape}")
        table[0, 0] = 0
        if not table.sum() > 0:
            raise ValueError(f"{name} holds no energy besides the constant's: no shares to draw")
        table /= table.sum()
    size = len(next(iter(tables.values())))
    ticks = [0, *_known(key, size - 1)]
    across = 1 if _is_phone(width) else min(len(tables), 2)
    down = math.ceil(len(tables) / across)
    each = min(width / across, 3.9)
    figure, grid = _canvas(width, down * (each + 0.1) + 0.2, down, across)
    norm = LogNorm(1e-4, 1)
    for axes, (name, table) in zip(grid, tables.items(), strict=False):
        a, b = np.nonzero(table >= 1e-4)
        order = table[a, b].argsort()
        a, b = a[order], b[order]
        marks = {"marker": "s", "s": 26 if _is_phone(width) else 34, "edgecolors": "none"}
        image = axes.scatter(b, a, c=table[a, b], cmap=AMOUNT, norm=norm, **marks)
        axes.set(xlim=(-1.5, len(table) + 0.5), ylim=(-1.5, len(table) + 0.5), aspect="equal")
        axes.set_title(name, fontsize=TEXT)
        axes.set(xlabel="frequency in b", ylabel="frequency in a")
        axes.spines[:].set(visible=True, color=GRID)
        _name_ticks(axes, ticks)
    for axes in grid[len(tables) :]:
        axes.set_visible(False)
    where = {"location": "bottom", "pad": 0.02} if _is_phone(width) else {"pad": 0.02}
    bar = figure.colorbar(image, ax=grid, shrink=0.8, aspect=30, label="share of energy", **where)
    bar.set_ticks([1e-4, 1e-3, 1e-2, 1e-1, 1])
    bar.formatter = FuncFormatter(_percent)
    bar.set_ticks([], minor=True)
    bar.solids.set_rasterized(True)
    bar.outline.set_visible(False)
    _title(figure, title)
    return figure


@_picture
def question_maps(
    tables: Mapping[str, Any], *, signed: bool = False, limit: float | None = None, title: str = "", width: float = WIDE
) -> Picture:
    """Tables over all questions as small square pictures, a downwards and b to the right; zero is the page.

    Args:
        tables: title → (n, n) values, the questions a, b = 0 … n − 1.
        signed: also negative values, in blue, and positive ones in orange; else from nothing to blue.
        limit: where the colour scale ends in all of them; by default in each at its own largest absolute value.
        title, width: as ``loss_curves``.

    Raises:
        ValueError: if there is none, or one is not square.
    """
    arrays = {name: _array(table, 2, name) for name, table in _some(tables, "tables").items()}
    across = min(len(arrays), 2 if _is_phone(width) else 4)
    down = math.ceil(len(arrays) / across)
    each = min(width / across, 2.6)
    figure, grid = _canvas(width, down * (each + 0.25) + 0.15, down, across)
    for i, (axes, (name, array)) in enumerate(zip(grid, arrays.items(), strict=False)):
        if array.shape[0] != array.shape[1]:
            raise ValueError(f"{name} must be square, not {array.shape}")
        end = limit or np.nanmax(np.abs(array)) or 1.0
        norm = Normalize(-end if signed else 0, end)
        axes.imshow(array, cmap=SIGNED if signed else AMOUNT, norm=norm, interpolation="none")
        axes.set_title(name, fontsize=TEXT)
        axes.spines[:].set(visible=True, color=GRID)
        last = len(array) - 1
        axes.set_xticks([0, last], ["0", str(last)])
        axes.set_yticks([0, last], ["0", str(last)] if i % across == 0 else [])
        axes.tick_params(length=0)
        axes.set_xlabel("b" if i + across >= len(arrays) else "", labelpad=-6)
        axes.set_ylabel("a" if i % across == 0 else "", labelpad=-8, rotation=0)
    for axes in grid[len(arrays) :]:
        axes.set_visible(False)
    _title(figure, title)
    return figure


@_picture
def neuron_shares(
    frequency: Any, share: Any, *, n_frequencies: int, least: float = 0.85, title: str = "", width: float = WIDE
) -> Picture:
    """Each neuron's best frequency, and how much of the neuron it explains; key frequencies are named.

    Args:
        frequency: (n,) whole numbers 1 … n_frequencies (a neuron at 0 has none, and is left out).
        share: (n,) in 0 … 1.
        n_frequencies: how many frequencies there are: p // 2.
        least: where the line is drawn.
        title, width: as ``loss_curves``.

    Raises:
        ValueError: if the lengths differ, or a frequency is out of range.
    """
    k, y = _array(frequency, 1, "frequency"), _array(share, 1, "share")
    if len(k) != len(y):
        raise ValueError(f"there are {len(k)} frequencies for {len(y)} shares")
    if not ((k >= 0) & (k <= n_frequencies)).all():
        raise ValueError(f"frequencies must be among 0 … {n_frequencies}")
    figure, [axes] = _canvas(width, 0.85 * width if _is_phone(width) else 0.45 * width)
    above = (k > 0) & (y > least)
    jitter = 0.7 * np.sin(1 + 7.3 * np.arange(len(k)))  # side by side, the same way at every drawing
    dots = {"linestyle": "none", "marker": "o", "markersize": 3, "markeredgewidth": 0, "alpha": 0.55}
    for chosen, colour in (((k > 0) & ~above, MUTED), (above, TEST)):
        axes.plot(k[chosen] + jitter[chosen], y[chosen], color=colour, **dots)
    axes.axhline(least, color=MUTED, lw=1.2, linestyle=(0, (4, 3)), zorder=1.5)
    axes.set(xlabel="best frequency k", ylabel="variance explained", xlim=(0, n_frequencies + 1), ylim=(0, 1.16))
    axes.set_yticks([0, 0.25, 0.5, 0.75, 1])
    axes.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    axes.xaxis.set_major_locator(MaxNLocator(6, integer=True))
    axes.grid(axis="y")
    named = sorted({int(n) for n in k[above]})
    heights = np.full(n_frequencies + 1, 1.04)
    _name_bars(axes, {n: str(n) for n in named}, heights, TEST)
    _title(figure, title)
    return figure


@_picture
def interference(
    parts: Mapping[str, Any],
    answer: int,
    *,
    points: Any = None,
    ylabel: str = "logit",
    title: str = "",
    width: float = WIDE,
) -> Picture:
    """Waves over the candidates, and their sum: they agree at the answer, and disagree elsewhere.

    Args:
        parts: name → (p,) one wave's values at the candidates 0 … p − 1. All rows have the same scale.
        answer: the candidate at which they agree, marked.
        points: (p,) values drawn as dots into the last row, the sum, to compare with.
        ylabel: what is added up.
        title, width: as ``loss_curves``.

    Raises:
        ValueError: if there is none, the lengths differ, or the answer is none of 0 … p − 1.
    """
    arrays = {name: _array(values, 1, name) for name, values in _some(parts, "parts").items()}
    p = len(next(iter(arrays.values())))
    dots = None if points is None else _array(points, 1, "points")
    for name, values in [*arrays.items(), *([] if dots is None else [("points", dots)])]:
        if len(values) != p:
            raise ValueError(f"all waves must be over the same candidates: {name} has {len(values)}, not {p}")
    if not 0 <= answer < p:
        raise ValueError(f"the answer must be one of 0 … {p - 1}, not {answer}")
    total = np.sum(list(arrays.values()), axis=0)
    reach = [2.3 * max(np.abs(values).max() for values in arrays.values())] * len(arrays)
    reach.append(1.1 * np.ptp(np.concatenate([total, [] if dots is None else dots])))
    ratios = [max(size / max(reach), 0.22) for size in reach]
    figure, grid = _canvas(width, 2.4 * sum(ratios) + 0.9, len(ratios), 1, sharex=True, height_ratios=ratios)
    fine = np.arange(16 * (p - 1) + 1) / 16
    for axes, (name, values) in zip(grid, [*arrays.items(), ("all together", total)], strict=True):
        axes.axhline(0, color=GRID, lw=0.8)
        axes.axvline(answer, color=TEST, lw=1.2)
        axes.plot(fine, _interpolated(values, 16)[: len(fine)], color=TRAIN, lw=1.4)
        axes.set_title(name, fontsize=TEXT, pad=3)
        axes.yaxis.set_major_locator(MaxNLocator(2, steps=[1, 2, 5, 10]))
        axes.margins(y=0.08)
        axes.set_xlim(-0.5, p - 0.5)
    if dots is not None:
        grid[-1].plot(dots, "o", color=INK, markersize=2.6)
    grid[-1].yaxis.set_major_locator(MaxNLocator(4))
    grid[-1].set_ylabel(ylabel)
    grid[-1].xaxis.set_major_locator(MaxNLocator(6, integer=True))
    grid[-1].set_xlabel("candidate c")
    _title(figure, title)
    return figure


# ---------------------------------------------------------------------------------------------- the diagram


@_picture
def architecture(p: int, d_model: int, n_heads: int, d_mlp: int, *, title: str = "", width: float = WIDE) -> Picture:
    """The transformer as a diagram, with the shape at every arrow: two detours from one bus, the residual stream.

    Args:
        p: the modulus.
        d_model, n_heads, d_mlp: the model's sizes.
        title, width: as ``loss_curves``.

    Raises:
        ValueError: if a size is less than 1, or d_model is not divisible by n_heads.
    """
    if min(p, d_model, n_heads, d_mlp) < 1 or d_model % n_heads:
        raise ValueError(f"no such model: p {p}, d_model {d_model}, n_heads {n_heads}, d_mlp {d_mlp}")
    d_head, vocab, stream = d_model // n_heads, p + 1, f"(3, {d_model})"
    width = min(width, 6.2)
    height = 7.0
    figure, [axes] = _canvas(width, height)
    axes.set(xlim=(0, width), ylim=(height, 0))
    axes.set_axis_off()
    bus, left, right = (1.02, 1.92, width - 0.03) if _is_phone(width) else (1.7, 2.8, width - 0.05)
    small = {"fontsize": 10, "color": MUTED}

    def box(x0: float, x1: float, y0: float, y1: float, colour: str, name: str, *lines: str) -> None:
        shape = FancyBboxPatch((x0, y0), x1 - x0, y1 - y0, boxstyle="round,pad=0,rounding_size=0.08")
        shape.set(facecolor=(*mpl.colors.to_rgb(colour), 0.1), edgecolor=colour, linewidth=1.4)
        axes.add_patch(shape)
        middle = (x0 + x1) / 2
        step = (y1 - y0) / (len(lines) + 1)
        axes.text(middle, y0 + step * 0.5, name, ha="center", va="center", weight="bold")
        for i, line in enumerate(lines, 1):
            axes.text(middle, y0 + step * (i + 0.45), line, ha="center", va="center", fontsize=10)

    def arrow(x0: float, y0: float, x1: float, y1: float, colour: str, *words: str) -> None:
        style = {"arrowstyle": "-|>", "color": colour, "lw": 1.4, "shrinkA": 0, "shrinkB": 0, "mutation_scale": 11}
        axes.annotate("", (x1, y1), (x0, y0), arrowprops=style)
        at = {"ha": "right", "va": "center"} if x0 == x1 else {"ha": "center", "va": "bottom"}
        x, y = (bus - 0.14, (y0 + y1) / 2) if x0 == x1 else ((left + bus) / 2 + 0.02, y0 - 0.06)
        axes.text(x, y, "\n".join(words), linespacing=1.3, **at, **small)

    for i, token in enumerate("ab="):
        x = bus + (i - 1) * 0.36
        axes.add_patch(Rectangle((x - 0.15, 0.08), 0.3, 0.3, fill=False, edgecolor=INK, lw=1.2))
        axes.text(x, 0.23, token, ha="center", va="center")
    vocabulary = f"from {vocab} tokens" if _is_phone(width) else f"three tokens, from a vocabulary of {vocab}"
    axes.text(bus + 0.75, 0.23, vocabulary, va="center", **small)
    arrow(bus, 0.42, bus, 0.85, INK, "(3,)")
    box(0.1, right, 0.85, 1.4, LIGHT["green"], "embedding", f"W_E ({vocab}, {d_model}), W_pos {stream}")

    axes.plot([bus, bus], [1.4, 5.5], color=LIGHT["blue"], lw=6, solid_capstyle="butt", zorder=0)
    axes.text(bus + 0.14, 1.62, "residual stream", va="center", color=LIGHT["blue"], weight="bold")
    for y, name in ((1.8, "resid_pre"), (3.7, "resid_mid"), (5.2, "resid_post")):
        axes.text(bus - 0.14, y, f"{name}\n{stream}", ha="right", va="center", linespacing=1.3, **small)
    heads = (f"{n_heads} heads of {d_head}", f"q, k, v: ({n_heads}, 3, {d_head})")
    heads += (f"pattern: ({n_heads}, 3, 3)", f"z: ({n_heads}, 3, {d_head})")
    neurons = (f"W_in → (3, {d_mlp})", f"ReLU → (3, {d_mlp})", f"W_out → {stream}")
    blocks = ((1.9, 3.4, "orange", "attention", "attn_out", heads), (3.75, 4.95, "purple", "MLP", "mlp_out", neurons))
    for top, bottom, colour, name, output, lines in blocks:
        box(left, right, top, bottom, LIGHT[colour], name, *lines)
        arrow(bus + 0.04, top + 0.3, left, top + 0.3, LIGHT[colour], stream)
        back = bottom - 0.22
        arrow(left, back, bus + 0.12, back, LIGHT[colour], output, stream)
        axes.plot(bus, back, "o", markersize=15, color=PAPER, markeredgecolor=LIGHT["blue"], markeredgewidth=1.8)
        axes.plot(bus, back, "+", markersize=8, color=INK, markeredgewidth=1.6)
    arrow(bus, 5.35, bus, 5.68, LIGHT["blue"])
    box(0.1, right, 5.68, 6.23, LIGHT["green"], "unembedding", f"W_U ({d_model}, {vocab})")
    arrow(bus, 6.23, bus, 6.65, INK, f"(3, {vocab})")
    axes.text(bus, 6.82, "logits", ha="center", va="center", weight="bold")
    axes.text(bus + 0.4, 6.82, f"the answer is read at “=”: ({vocab},)", va="center", **small)
    _title(figure, title)
    return figure


# ---------------------------------------------------------------------------------------------- the parts


def _numpy(values: Any) -> np.ndarray:
    """As a numpy array of floats; torch tensors wherever they are."""
    if hasattr(values, "detach"):
        values = values.detach().cpu().double().numpy()
    return np.asarray(values, dtype=float)


def _array(values: Any, ndim: int, name: str) -> np.ndarray:
    """As a numpy array of floats that can be drawn, or a ValueError that names it."""
    array = _numpy(values)
    if array.ndim != ndim:
        raise ValueError(f"{name} must have {ndim} dimension{'s'[: ndim > 1]}, not the shape {array.shape}")
    if not array.size:
        raise ValueError(f"{name} is empty: there is nothing to draw")
    if not np.isfinite(array).any():
        raise ValueError(f"{name} holds no finite number: there is nothing to draw")
    return array


def _some(things: Mapping[Any, Any], name: str) -> Mapping[Any, Any]:
    if not things:
        raise ValueError(f"{name} is empty: there is nothing to draw")
    return things


def _line(name: str, steps: Any, values: Any, log_y: bool) -> tuple[np.ndarray, np.ndarray]:
    """The points of one line; what a logarithmic axis cannot show is left out."""
    x, y = _array(steps, 1, f"the steps of {name}"), _array(values, 1, name)
    if len(x) != len(y):
        raise ValueError(f"{name} has {len(y)} values for {len(x)} steps")
    if log_y:
        y = np.where(y > 0, y, np.nan)
        if np.isnan(y).all():
            raise ValueError(f"{name} has no value above zero: a logarithmic axis cannot show it")
    return x, y


def _shares(energy: Any, ndim: int) -> np.ndarray:
    """The energies without the constant, as shares of their sum (along the last dimension)."""
    waves = _array(energy, ndim, "energy")[..., 1:]
    total = waves.sum(axis=-1, keepdims=True)
    if not waves.size or not (total > 0).all():
        raise ValueError("there is no energy besides the constant's: no shares to draw")
    return waves / total


def _known(key: Iterable[int], n: int) -> list[int]:
    key = [int(k) for k in key]
    if not all(1 <= k <= n for k in key):
        raise ValueError(f"key frequencies must be among 1 … {n}, not {key}")
    return key


def _interpolated(values: np.ndarray, factor: int) -> np.ndarray:
    """The trigonometric polynomial through the values, ``factor`` times as finely."""
    p = len(values)
    components = np.fft.rfft(values)
    if p % 2 == 0:
        components[-1] /= 2  # that frequency's energy is split between + p/2 and − p/2 once there is room for both
    return np.fft.irfft(components, factor * p) * factor


def _percent(share: float, _: Any = None) -> str:
    return f"{100 * share:g} %"


def _is_phone(width: float) -> bool:
    return width < 5


def _height(width: float) -> float:
    return 0.88 * width if _is_phone(width) else 0.56 * width


def _canvas(width: float, height: float, rows: int = 1, columns: int = 1, **options: Any) -> tuple[Picture, Any]:
    """An empty figure and its axes: one, or a list of them, row by row."""
    figure = Picture(width, height)
    ratios = {name: options.pop(name) for name in ("width_ratios", "height_ratios") if name in options}
    grid = figure.subplots(rows, columns, squeeze=False, gridspec_kw=ratios, **options)
    return figure, list(grid.flat)


def _title(figure: Picture, title: str) -> None:
    if title:
        letters = int(figure.get_figwidth() * 72 / (0.66 * STYLE["figure.titlesize"]))
        figure.suptitle(textwrap.fill(title, letters), x=0.01, ha="left")


def _dress(axes: Axes, ylabel: str, xlabel: str, *, log_y: bool, log_steps: bool, percent: bool, title: str) -> None:
    """Labels, scales and ticks."""
    on_phone = axes.figure.on_phone
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
    _title(axes.figure, title)


def _spread(wanted: Sequence[float], sizes: Sequence[float], low: float, high: float) -> list[float]:
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


def _name_ends(
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
        name = name if "\n" in name else textwrap.fill(name, 12 if axes.figure.on_phone else 20)
        options = {"color": colour, "va": "center", "linespacing": 1.1, "annotation_clip": False}
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
        for name, y in zip(names, _spread(wanted, sizes, 0, 1), strict=True):
            name.set_position((1.04, y))
        boxes = [Text.get_window_extent(name) for name in names]
        for name in early:  # upwards, until it is clear of the others
            while name.get_window_extent().count_overlaps(boxes) and name.xyann[1] < 100:
                name.xyann = (5, name.xyann[1] + 4)
            boxes.append(name.get_window_extent())

    axes.figure.placements.append(place)


def _name_rises(axes: Axes, rises: Sequence[tuple[float, str, str]]) -> None:
    """Write names above the axes, over the steps given, apart from each other."""
    names = [
        axes.annotate(
            name,
            (step, 1),
            (0.5, 1.07),
            xycoords=axes.get_xaxis_transform(),
            textcoords="axes fraction",
            color=colour,
            ha="center",
            va="bottom",
            arrowprops={"arrowstyle": "-", "color": colour, "lw": 0.9, "shrinkA": 0, "shrinkB": 0, "relpos": (0.5, 0)},
        )
        for step, name, colour in rises
    ]

    def place() -> None:
        to_axes = axes.transAxes.inverted()
        wanted = [to_axes.transform(axes.transData.transform((step, 1)))[0] for step, _, _ in rises]
        sizes = [(Text.get_window_extent(name).width + 9) / axes.bbox.width for name in names]
        for name, x in zip(names, _spread(wanted, sizes, 0, 1.2), strict=True):
            name.set_position((x, 1.07))

    if names:
        axes.figure.placements.append(place)


def _shade(axes: Axes, phases: Mapping[str, tuple[float, float | None]] | None) -> None:
    """Shade each phase, and write its name above it."""
    low, high = axes.get_xlim()
    names: list[tuple[Text, float, float]] = []
    for (name, (start, end)), colour in zip((phases or {}).items(), PHASES * len(phases or {}), strict=False):
        start, end = max(start, low), min(high if end is None else end, high)
        if not start <= end:
            raise ValueError(f"the phase {name!r} ends before it starts, or lies outside the run")
        axes.axvspan(start, end, facecolor=LIGHT[colour], alpha=0.1, lw=0, zorder=0.5)
        axes.axvline(end, color=MUTED, lw=0.7, linestyle=(0, (1, 2)), zorder=0.6)
        text = axes.text(0.5, 1.015, name, color=LIGHT[colour], transform=axes.transAxes, ha="center", va="bottom")
        names.append((text, start, end))

    def place() -> None:
        to_axes = axes.transAxes.inverted()
        centres, sizes = [], []
        for text, start, end in names:
            edges = to_axes.transform(axes.transData.transform([(start, 1), (end, 1)]))[:, 0]
            centres.append(edges.mean())
            sizes.append((text.get_window_extent().width + 9) / axes.bbox.width)
        for (text, _, _), x in zip(names, _spread(centres, sizes, -0.25, 1.2), strict=True):
            text.set_x(x)

    if names:
        axes.figure.placements.append(place)


def _draw_spectrum(axes: Axes, energy: Any, key: Sequence[int]) -> None:
    shares = _shares(energy, 1)
    key = _known(key, len(shares))
    numbers = np.arange(1, len(shares) + 1)
    marked = np.isin(numbers, key)
    axes.bar(numbers[~marked], shares[~marked], width=0.8, color=MUTED)
    axes.bar(numbers[marked], shares[marked], width=0.8, color=TEST)
    axes.grid(axis="y")
    axes.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    axes.yaxis.set_major_locator(MaxNLocator(4))
    axes.xaxis.set_major_locator(MaxNLocator(6, integer=True))
    axes.set_xlim(0, len(shares) + 1)
    axes.margins(y=0.15)
    _name_bars(axes, {k: str(k) for k in key}, np.concatenate([[0], shares]), TEST)


def _name_bars(axes: Axes, names: Mapping[int, str], heights: np.ndarray, colour: str) -> None:
    """Write names above bars, side by side where bars are narrower than names."""
    texts = [
        axes.text(i, max(0.0, heights[i]), name, ha="center", va="bottom", color=colour) for i, name in names.items()
    ]

    def place() -> None:
        scale = (axes.get_xlim()[1] - axes.get_xlim()[0]) / axes.bbox.width
        sizes = [(text.get_window_extent().width + 3) * scale for text in texts]
        for text, x in zip(texts, _spread(list(names), sizes, *axes.get_xlim()), strict=True):
            text.set_x(x)

    if texts:
        axes.figure.placements.append(place)


def _name_ticks(axes: Axes, names: Sequence[int]) -> None:
    """Ticks at these numbers on both axes, their names moved apart where they are close to each other."""
    at_x, at_y = axes.get_xaxis_transform(), axes.get_yaxis_transform()
    below = [axes.text(k, -0.03, str(k), transform=at_x, ha="center", va="top", fontsize=10) for k in names]
    beside = [axes.text(-0.03, k, str(k), transform=at_y, ha="right", va="center", fontsize=10) for k in names]
    axes.set_xticks(names, [])
    axes.set_yticks(names, [])
    axes.xaxis.labelpad, axes.yaxis.labelpad = 16, 20

    def place() -> None:
        for texts, extent, (low, high), coordinate in (
            (below, "width", axes.get_xlim(), 0),
            (beside, "height", axes.get_ylim(), 1),
        ):
            scale = (high - low) / getattr(axes.bbox, extent)
            sizes = [(getattr(text.get_window_extent(), extent) + 2) * scale for text in texts]
            for text, where in zip(texts, _spread(list(names), sizes, low, high), strict=True):
                position = list(text.get_position())
                position[coordinate] = where
                text.set_position(position)

    axes.figure.placements.append(place)


def _label_cells(
    axes: Axes, shape: tuple[int, ...], row_labels: Sequence[str] | None, column_labels: Sequence[str] | None
) -> None:
    for axis, n, labels in ((axes.yaxis, shape[0], row_labels), (axes.xaxis, shape[1], column_labels)):
        if labels is None:
            axis.set_major_locator(MaxNLocator(5, integer=True))
        elif len(labels) not in (0, n):
            raise ValueError(f"there are {len(labels)} labels for {n} rows or columns")
        else:
            crowded = axis is axes.xaxis and sum(map(len, labels)) > 16
            axis.set_ticks(np.arange(len(labels)), labels, rotation=90 if crowded else 0)
            axis.set_tick_params(length=0)
