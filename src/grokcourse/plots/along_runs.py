# ruff: noqa: D417 (what the arguments that all figures share mean is said once, in loss_curves)
"""Figures of quantities along a run, or over several runs."""

import textwrap
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.text import Text
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullLocator

from .layout import (
    Picture,
    canvas,
    draw_title,
    height_for,
    is_phone,
    label_line_ends,
    nonempty,
    picture,
    picture_of,
    shade_phases,
    spread_apart,
    style_axes,
    to_array,
)
from .style import DASHES, INK, LIGHT, MUTED, PAPER, RAMP, TEST, TEXT, TRAIN, WIDE, colour_of, colours_of

MARKERS = ("o", "D", "s", "^", "v")
"""The marks of ``dots``, in the order of the names."""


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


@picture
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
    colours: Mapping[str, str] | None = None,
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
        colours: name → colour of a line whose name does not tell it (``frequency_colours``); see ``plots.style``.

    Raises:
        ValueError: if there are no series or more than five, or as ``loss_curves``.
    """
    if not 1 <= len(series) <= len(DASHES):
        raise ValueError(f"one figure shows 1 to {len(DASHES)} lines, not {len(series)}")
    hue = colours_of(series, colours)
    figure, [axes] = canvas(width, height_for(width))
    ends = []
    for i, (name, (steps, values)) in enumerate(series.items()):
        x, y = _line(name, steps, values, log_y)
        axes.plot(x, y, color=hue[name], linestyle=DASHES[i] if len(series) > 2 else "-")
        ends.append((x, y, name, hue[name]))
    style_axes(axes, ylabel, xlabel, log_y=log_y, log_steps=log_steps, percent=percent, title=title)
    shade_phases(axes, phases)
    label_line_ends(axes, ends, chance, percent)
    return figure


@picture
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
    figure, [axes] = canvas(width, height_for(width))
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
    style_axes(axes, ylabel, xlabel, log_y=log_y, log_steps=log_steps, percent=percent, title=title)
    label_line_ends(axes, ends, chance, percent)
    _label_rises(axes, rises)
    return figure


@picture
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
    figure, grid = canvas(width, 1.25 * len(panels) + 0.7, len(panels), 1, sharex=True)
    for i, (axes, (name, (steps, values))) in enumerate(zip(grid, panels.items(), strict=True)):
        x, y = _line(name, steps, values, name in log_y)
        axes.plot(x, y, color=colour_of(name) or INK)
        xlabel = "step" if axes is grid[-1] else ""
        style_axes(axes, "", xlabel, log_y=name in log_y, log_steps=False, percent=name in percent, title="")
        axes.yaxis.set_major_locator(LogLocator(numticks=4) if name in log_y else MaxNLocator(3))
        if name in chance:
            axes.axhline(chance[name], color=MUTED, lw=1.2, linestyle=(0, (4, 3)), zorder=1.5)
        shade_phases(axes, phases, named=i == 0)
        axes.set_title(name, fontsize=TEXT, pad=20 if phases and i == 0 else None)
    draw_title(figure, title)
    return figure


@picture
def two_voices(
    steps: Any,
    circuit: Any,
    rest: Any,
    *,
    event: tuple[str, float] | None = None,
    phases: Mapping[str, tuple[float, float | None]] | None = None,
    title: str = "",
    width: float = WIDE,
) -> Picture:
    """The lead that the circuit gives the right answer, that which all the rest gives it, and their sum.

    Above zero the right answer is ahead, below it a wrong one. The circuit has the colour of the restricted loss, the
    rest that of the excluded loss.

    Args:
        steps: (n,) optimiser steps.
        circuit: (n,) the mean lead in the circuit's part of the logits.
        rest: (n,) the mean lead in the rest.
        event: a name and a step, drawn as a vertical line.
        phases, title, width: as ``loss_curves``.

    Raises:
        ValueError: as ``loss_curves``.
    """
    figure, [axes] = canvas(width, height_for(width))
    both = to_array(circuit, 1, "circuit") + to_array(rest, 1, "rest")
    lines = {"circuit alone": (circuit, LIGHT["restricted"], DASHES[1])}
    lines |= {"all the rest": (rest, LIGHT["excluded"], DASHES[2]), "both together": (both, INK, "-")}
    ends = []
    for name, (values, colour, dash) in lines.items():
        x, y = _line(name, steps, values, False)
        axes.plot(x, y, color=colour, linestyle=dash, lw=2.6 if dash == "-" else 2.0)
        ends.append((x, y, name, colour))
    style_axes(axes, "lead of the right answer", "step", log_y=False, log_steps=False, percent=False, title=title)
    axes.axhline(0, color=MUTED, lw=1.2, zorder=1.5)
    shade_phases(axes, phases)
    if event:
        axes.axvline(event[1], color=TEST, lw=1.6, linestyle=(0, (4, 3)), zorder=1.5)
        label = f"{event[0]}:\nstep {event[1]:,.0f}"
        ground = {"facecolor": PAPER, "edgecolor": "none", "pad": 1}
        across, down = (event[1], 0.02), axes.get_xaxis_transform()
        axes.annotate(label, across, (5, 0), xycoords=down, textcoords="offset points", color=TEST, bbox=ground)
    label_line_ends(axes, ends, None, False)
    return figure


@picture
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
    nonempty(dates, "dates")
    names = sorted(dates, key=lambda name: (dates[name] is None, dates[name] or 0))
    figure, [axes] = canvas(width, 0.34 * len(names) + 1.1)
    last = max([date for date in dates.values() if date is not None] + ([event[1]] if event else []), default=1)
    for row, date in enumerate(dates[name] for name in names):
        if date is None:
            axes.text(0.02 * last, row, "never", va="center", color=MUTED)
        else:
            axes.plot([date, event[1] if event else date], [row, row], color=MUTED, lw=1.2)
            axes.plot([date], [row], color=colour_of(names[row]) or INK, marker="o")
    if event:
        axes.axvline(event[1], color=TEST, lw=1.6, linestyle=(0, (4, 3)), zorder=1.5)
        axes.set_title(f"{event[0]}: step {event[1]:,.0f}", fontsize=TEXT, color=TEST, loc="right")
    axes.set_yticks(range(len(names)), names)
    axes.set(xlim=(0, 1.06 * last), ylim=(len(names) - 0.4, -0.6), xlabel="step")
    axes.xaxis.set_major_locator(MaxNLocator(3 if is_phone(width) else 6, integer=True, steps=[1, 2, 2.5, 5, 10]))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda x, _: f"{x:,.0f}"))
    axes.grid(axis="x")
    draw_title(figure, title)
    return figure


@picture
def dots(
    rows: Mapping[str, Mapping[str, float | None]],
    *,
    xlabel: str,
    log_x: bool = False,
    colours: Mapping[str, str] | None = None,
    title: str = "",
    width: float = WIDE,
) -> Picture:
    """A few values of each of many things, on one axis: a table to be seen rather than read. The first row is on top.

    Args:
        rows: what it is → {name of a value: the value, or None where there is none}. Each name has a mark of its own,
            and a colour as ``curves`` gives them; a line connects what is in one row.
        xlabel: what the values are, with their unit.
        log_x: a logarithmic axis.
        colours, title, width: as ``curves``.

    Raises:
        ValueError: if there are no rows, no value or more than five names, or one that a logarithmic axis cannot show.
    """
    names = list(dict.fromkeys(name for row in nonempty(rows, "rows").values() for name in row))
    if not 1 <= len(names) <= len(MARKERS):
        raise ValueError(f"a row shows 1 to {len(MARKERS)} values, not {len(names)}")
    hue = colours_of(names, colours)
    found = {
        name: [(value, y) for y, row in enumerate(rows.values()) if (value := row.get(name)) is not None]
        for name in names
    }
    values = [value for points in found.values() for value, _ in points]
    if not values or (log_x and min(values) <= 0):
        raise ValueError("there is no value" if not values else "a logarithmic axis cannot show zero or less")
    on_phone = is_phone(width)
    figure, [axes] = canvas(width, (0.36 if on_phone else 0.31) * len(rows) + 1.2)
    for y, row in enumerate(rows.values()):
        in_row = [value for value in row.values() if value is not None]
        if in_row:
            axes.plot([min(in_row), max(in_row)], [y, y], color=MUTED, lw=1.2, zorder=1.5)
    for name, mark in zip(names, MARKERS, strict=False):
        points = np.array(found[name], dtype=float).reshape(-1, 2)
        axes.plot(points[:, 0], points[:, 1], mark, color=hue[name], markersize=7, label=name)
    if log_x:
        axes.set_xscale("log")
        is_short = max(values) < (100 if on_phone else 1000) * min(values)
        between = ((1, 3) if on_phone else (1, 2, 5)) if is_short else (1,)
        axes.xaxis.set_major_locator(LogLocator(subs=between, numticks=5 if on_phone else 8))
        axes.xaxis.set_minor_locator(NullLocator())
    else:
        axes.xaxis.set_major_locator(MaxNLocator(3 if on_phone else 6, steps=[1, 2, 2.5, 5, 10]))
    if not log_x or min(values) >= 1:
        axes.xaxis.set_major_formatter(FuncFormatter(lambda x, _: f"{x:,.15g}"))
    empty = [y for y, row in enumerate(rows.values()) if not any(value is not None for value in row.values())]
    for y in empty:
        axes.text(0.02, y, "none", va="center", color=MUTED, transform=axes.get_yaxis_transform())
    labels = [textwrap.fill(label, 18) if on_phone else label for label in rows]
    axes.set_yticks(range(len(rows)), labels)
    axes.set(xlabel=xlabel, ylim=(len(rows) - 0.4, -0.6))
    axes.grid(axis="x")
    columns = 1 if on_phone else len(names)
    above = {"loc": "lower left", "bbox_to_anchor": (0, 1), "ncols": columns, "borderaxespad": 0.2}
    axes.legend(frameon=False, handletextpad=0.2, columnspacing=1.4, labelcolor=INK, **above)
    draw_title(figure, title)
    return figure


@picture
def times_to_grok(
    runs: Mapping[str, tuple[Sequence[Any], Any, Any]],
    *,
    xlabel: str,
    ylabel: str = "steps to grok",
    log_x: bool = False,
    title: str = "",
    width: float = WIDE,
) -> Picture:
    """When runs grok against a hyperparameter: each run, medians with the middle half, and those that did not.

    Args:
        runs: label → (the hyperparameter's value in each run (n,), numbers or words; steps (n,); censored (n,) bool).
            Of a censored run the steps are those after which it ended without having grokked: a triangle, which says
            "later than this". It counts as later than all that have; a median that is not known for that, because half
            of the runs or more are censored, is not drawn, and a bar without a known upper end goes to the top.
        xlabel: what the hyperparameter is.
        ylabel: what is counted.
        log_x: a logarithmic axis, for values above zero.
        title, width: as ``curves``.

    Raises:
        ValueError: if there are no runs, more than five labels, lengths that differ, or what an axis cannot show.
    """
    if not 1 <= len(runs) <= len(MARKERS):
        raise ValueError(f"one figure shows 1 to {len(MARKERS)} labels, not {len(runs)}")
    hue = colours_of(runs, None)
    every = list(dict.fromkeys(value for values, _, _ in runs.values() for value in values))
    in_words = any(isinstance(value, str) for value in every)
    place = {value: float(i) for i, value in enumerate(every)} if in_words else {value: float(value) for value in every}
    if log_x and (in_words or min(place.values()) <= 0):
        raise ValueError("a logarithmic axis cannot show zero, less, or words")
    figure, [axes] = canvas(width, height_for(width))
    axes.set_yscale("log")
    axes.set_xscale("log" if log_x else "linear")
    for number, ((label, (values, steps, censored)), mark) in enumerate(zip(runs.items(), MARKERS, strict=False)):
        x = np.array([place[value] for value in values])
        y, late = to_array(steps, 1, f"the steps of {label}"), np.asarray(censored, dtype=bool)
        if not len(x) == len(y) == len(late):
            raise ValueError(f"{label} has {len(x)} values, {len(y)} steps and {len(late)} marks of censoring")
        if not len(y) or y.min() <= 0:
            raise ValueError(f"{label} has no steps, or some that a logarithmic axis cannot show")
        axes.plot(x[~late], y[~late], mark, color=hue[label], markersize=4, alpha=0.45, mew=0)
        axes.plot(x[late], y[late], "^", color=hue[label], markersize=7, mfc="none", mew=1.2)
        at = np.unique(x)
        known = [np.where(late[x == one], np.inf, y[x == one]) for one in at]
        low, middle, high = np.array([np.quantile(of, (0.25, 0.5, 0.75), method="higher") for of in known]).T
        middle = np.array([np.median(of) for of in known])
        middle = np.where(np.isfinite(middle), middle, np.nan)
        axes.plot(at, middle, mark, linestyle=DASHES[number], color=hue[label], markersize=7, label=label)
        for one, start, end in zip(at, low, high, strict=True):
            if np.isfinite(start):
                top = end if np.isfinite(end) else y[x == one].max()
                axes.plot([one, one], [start, top], color=hue[label], lw=2.4, alpha=0.6, solid_capstyle="butt")
    axes.plot([], [], "^", color=MUTED, mfc="none", markersize=7, label="not by then")
    axes.set(xlabel=xlabel, ylabel=ylabel)
    axes.grid(axis="y")
    axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5), numticks=8))
    axes.yaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_major_formatter(FuncFormatter(lambda y, _: f"{y:,.0f}"))
    ticks = sorted(place.items(), key=lambda item: item[1])
    axes.set_xticks([x for _, x in ticks], [value if isinstance(value, str) else f"{value:g}" for value, _ in ticks])
    axes.xaxis.set_minor_locator(NullLocator())
    axes.margins(x=0.08)
    columns = 2 if is_phone(width) else len(runs) + 1
    above = {"loc": "lower left", "bbox_to_anchor": (0, 1), "ncols": columns, "borderaxespad": 0.2}
    axes.legend(frameon=False, handletextpad=0.4, columnspacing=1.4, labelcolor=INK, **above)
    draw_title(figure, title)
    return figure


@picture
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
    figure, [axes] = canvas(width, height_for(width))
    ends = []
    for i, (name, colour) in enumerate((("train", TRAIN), ("test", TEST))):
        x, y = _line(f"recorded {name}", recorded[0], recorded[1 + i], True)
        axes.plot(x, y, color=colour, lw=7, alpha=0.3, solid_capstyle="butt")
        now_x, now_y = _line(f"live {name}", live[0], live[1 + i], True)
        axes.plot(now_x, now_y, color=colour, lw=1.4, marker="o", markersize=3)
        ends.append((x, y, name, colour))
    style_axes(axes, "loss (nats)", "step", log_y=True, log_steps=False, percent=False, title=title)
    label_line_ends(axes, ends, chance, False)
    return figure


def _line(name: str, steps: Any, values: Any, log_y: bool) -> tuple[np.ndarray, np.ndarray]:
    """The points of one line; what a logarithmic axis cannot show is left out."""
    x, y = to_array(steps, 1, f"the steps of {name}"), to_array(values, 1, name)
    if len(x) != len(y):
        raise ValueError(f"{name} has {len(y)} values for {len(x)} steps")
    if log_y:
        y = np.where(y > 0, y, np.nan)
        if np.isnan(y).all():
            raise ValueError(f"{name} has no value above zero: a logarithmic axis cannot show it")
    return x, y


def _label_rises(axes: Axes, rises: Sequence[tuple[float, str, str]]) -> None:
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
        for name, x in zip(names, spread_apart(wanted, sizes, 0, 1.2), strict=True):
            name.set_position((x, 1.07))

    if names:
        picture_of(axes).placements.append(place)
