# ruff: noqa: D417 (what the arguments that all figures share mean is said once, in loss_curves)
"""Figures of frequencies: spectra, circles, waves, and what neurons share in them."""

import math
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.ticker import FuncFormatter, MaxNLocator, NullLocator, PercentFormatter

from .layout import (
    Picture,
    as_percent,
    canvas,
    checked_frequencies,
    draw_title,
    height_for,
    is_phone,
    label_bars,
    label_line_ends,
    nonempty,
    picture,
    shade_phases,
    style_axes,
    style_bar,
    to_array,
)
from .style import ANSWER, CYCLE, DASHES, GRID, INK, MUTED, TEXT, WIDE, frequency_colours


@picture
def spectrum(energy: Any, *, key: Iterable[int] = (), title: str = "", width: float = WIDE) -> Picture:
    """How the energy of a matrix is shared among the frequencies, without the constant; key frequencies marked.

    Args:
        energy: (p // 2 + 1,) energy per frequency; entry 0, the constant, is left out.
        key: frequencies to mark.
        title, width: as ``loss_curves``.

    Raises:
        ValueError: if there is no energy besides the constant, or a key frequency is none of 1 … p // 2.
    """
    figure, [axes] = canvas(width, 0.75 * width if is_phone(width) else 0.42 * width)
    _draw_spectrum(axes, energy, list(key))
    axes.set(xlabel="frequency k", ylabel="share of energy")
    draw_title(figure, title)
    return figure


@picture
def spectra(
    energies: Mapping[str, Any],
    *,
    key: Iterable[int] | Mapping[str, Iterable[int]] = (),
    log: bool = False,
    title: str = "",
    width: float = WIDE,
) -> Picture:
    """Several spectra below each other on one scale: before training flat, after it a handful of spikes.

    Args:
        energies: title → (p // 2 + 1,) energy per frequency, as ``spectrum``.
        key: frequencies to mark in all of them, or title → frequencies.
        log: a logarithmic axis, down to a hundred-thousandth, on which weak frequencies can be seen.
        title, width: as ``loss_curves``.

    Raises:
        ValueError: as ``spectrum``, or if there is none.
    """
    count = len(nonempty(energies, "energies"))
    each = 1.7 if is_phone(width) else 1.9
    figure, grid = canvas(width, each * count + 0.4, count, 1, sharex=True, sharey=True)
    marked = key if isinstance(key, Mapping) else dict.fromkeys(energies, tuple(key))
    for axes, (name, energy) in zip(grid, energies.items(), strict=True):
        _draw_spectrum(axes, energy, list(marked.get(name, ())))
        if log:
            axes.set_yscale("log")
            axes.set_ylim(1e-5, 3)
            axes.set_yticks([1e-4, 1e-2, 1])
            axes.yaxis.set_minor_locator(NullLocator())
            axes.yaxis.set_major_formatter(FuncFormatter(as_percent))
        axes.set_title(name, fontsize=TEXT)
    grid[-1].set_xlabel("frequency k")
    figure.supylabel("share of energy", fontsize=TEXT, color=INK)
    draw_title(figure, title)
    return figure


@picture
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
    x, shares = to_array(steps, 1, "steps"), _shares(energy, 2)
    if len(x) != len(shares):
        raise ValueError(f"there are {len(x)} steps but {len(shares)} spectra")
    key = checked_frequencies(key, shares.shape[1])
    figure, [axes] = canvas(width, height_for(width))
    ends = []
    for i, (k, colour) in enumerate(frequency_colours(key, 2 * shares.shape[1] + 1).items()):
        axes.plot(x, shares[:, k - 1], color=colour, linestyle=DASHES[i % len(DASHES)])
        ends.append((x, shares[:, k - 1], f"k = {k}", colour))
    others = np.delete(shares, [k - 1 for k in key], axis=1).sum(axis=1)
    axes.plot(x, others, color=MUTED, lw=1.6)
    ends.append((x, others, "all others", MUTED))
    style_axes(axes, "share of energy", "step", log_y=False, log_steps=False, percent=True, title=title)
    shade_phases(axes, phases)
    label_line_ends(axes, ends, None, False)
    return figure


@picture
def circles(
    coordinates: Mapping[int, Any],
    *,
    key: Iterable[int] = (),
    label: int = 5,
    title: str = "",
    width: float = WIDE,
) -> Picture:
    """The numbers 0 … p − 1 on the circle of each frequency: from each number to the next it is always the same turn.

    A number's colour is the angle at which it should lie, 2πkn/p, so that a true circle shows an even ring of colours;
    the bar below is the key to them.

    Args:
        coordinates: k → (p, 2) coordinates of each number (``fourier.circle``).
        key: the run's key frequencies, whose titles and joining lines have their own colours.
        label: how many numbers, from 0 on, are written beside their dots and joined by a line.
        title, width: as ``loss_curves``.

    Raises:
        ValueError: if there is none, or one is not (p, 2).
    """
    arrays = {k: to_array(points, 2, f"circle {k}") for k, points in nonempty(coordinates, "coordinates").items()}
    across = min(len(arrays), 2 if is_phone(width) else 3)
    down = math.ceil(len(arrays) / across)
    each = min(width / across, 3.2)
    figure, grid = canvas(width, down * (each + 0.25) + 0.6, down, across)
    hue = frequency_colours(key, len(next(iter(arrays.values()))))
    for axes, (k, points) in zip(grid, arrays.items(), strict=False):
        if points.shape[1] != 2:
            raise ValueError(f"circle {k} must have shape (p, 2), not {points.shape}")
        p = len(points)
        reach = 1.45 * np.nanmax(np.hypot(*points.T))
        axes.axhline(0, color=GRID, lw=0.8)
        axes.axvline(0, color=GRID, lw=0.8)
        axes.plot(*points[:label].T, color=hue.get(k, MUTED), lw=1.2)
        colours = CYCLE(k * np.arange(p) % p / p)
        axes.scatter(*points.T, c=colours, s=18 if is_phone(width) else 26, edgecolors=INK, linewidths=0.5, zorder=3)
        angles = np.arctan2(*points[:label].T[::-1])
        for n, angle in enumerate(angles):
            crowd = np.abs(np.angle(np.exp(1j * (angles[:n] - angle)))) < 0.25  # names already there step outwards
            radius = np.hypot(*points[n]) + (0.13 + 0.15 * crowd.sum()) * reach
            axes.text(radius * np.cos(angle), radius * np.sin(angle), str(n), ha="center", va="center", zorder=4)
        axes.set(xlim=(-reach, reach), ylim=(-reach, reach), aspect="equal", xticks=[], yticks=[])
        axes.set_title(f"frequency {k}", fontsize=TEXT, loc="center", color=hue.get(k, INK))
        axes.spines[:].set_visible(False)
    for axes in grid[len(arrays) :]:
        axes.set_visible(False)
    angles = ScalarMappable(Normalize(0, 360), CYCLE)
    where: dict[str, Any] = {
        "location": "bottom",
        "fraction": 0.06,
        "pad": 0.02,
        "aspect": 34 if is_phone(width) else 50,
    }
    meaning = "colour: the angle at which a number should stand"
    bar = figure.colorbar(angles, ax=grid, label=textwrap.fill(meaning, 40) if is_phone(width) else meaning, **where)
    bar.set_ticks([0, 90, 180, 270, 360], labels=["0°", "90°", "180°", "270°", "360°"])
    style_bar(bar)
    draw_title(figure, title)
    return figure


@picture
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
    arrays = {name: to_array(values, 1, name) for name, values in nonempty(functions, "functions").items()}
    p = len(next(iter(arrays.values())))
    dots = None if points is None else to_array(points, 1, "points")
    for name, values in [*arrays.items(), *([] if dots is None else [("points", dots)])]:
        if len(values) != p:
            raise ValueError(f"all functions must be on the same Z_p, but {name} has {len(values)} values, not {p}")
    each = 0.95 if dots is None else 1.3
    figure, grid = canvas(width, each * len(arrays) + 0.55, len(arrays), 1, sharex=True)
    for axes, (name, values) in zip(grid, arrays.items(), strict=True):
        axes.axhline(0, color=GRID, lw=0.8)
        if smooth:
            fine = np.arange(16 * p) / 16
            axes.plot(fine[: 16 * (p - 1) + 1], _interpolated(values, 16)[: 16 * (p - 1) + 1], color=INK, lw=1.6)
        else:
            axes.plot(values, color=INK, lw=1.6)
        if dots is not None:
            axes.plot(dots, "o", color=ANSWER, markersize=2.8, zorder=1.9)  # the line stays visible on them
        elif smooth:
            axes.plot(values, "o", color=INK, markersize=3)
        axes.set_title(name, fontsize=TEXT, pad=3)
        axes.yaxis.set_major_locator(MaxNLocator(2, steps=[1, 2, 5, 10]))
        axes.margins(y=0.12)
        axes.set_xlim(-0.5, p - 0.5)
    grid[-1].xaxis.set_major_locator(MaxNLocator(6, integer=True))
    grid[-1].set_xlabel(xlabel)
    draw_title(figure, title)
    return figure


@picture
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
    k, y = to_array(frequency, 1, "frequency"), to_array(share, 1, "share")
    if len(k) != len(y):
        raise ValueError(f"there are {len(k)} frequencies for {len(y)} shares")
    if not ((k >= 0) & (k <= n_frequencies)).all():
        raise ValueError(f"frequencies must be among 0 … {n_frequencies}")
    figure, [axes] = canvas(width, 0.85 * width if is_phone(width) else 0.45 * width)
    above = (k > 0) & (y > least)
    jitter = 0.7 * np.sin(1 + 7.3 * np.arange(len(k)))  # side by side, the same way at every drawing
    dots = {"linestyle": "none", "marker": "o", "markersize": 3, "markeredgewidth": 0, "alpha": 0.55}
    hue = frequency_colours({int(n) for n in k[above]})
    for chosen, colour in (((k > 0) & ~above, MUTED), *((above & (k == n), hue[n]) for n in hue)):
        axes.plot(k[chosen] + jitter[chosen], y[chosen], color=colour, **dots)
    axes.axhline(least, color=MUTED, lw=1.2, linestyle=(0, (4, 3)), zorder=1.5)
    axes.set(xlabel="best frequency k", ylabel="variance explained", xlim=(0, n_frequencies + 1), ylim=(0, 1.16))
    axes.set_yticks([0, 0.25, 0.5, 0.75, 1])
    axes.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    axes.xaxis.set_major_locator(MaxNLocator(6, integer=True))
    axes.grid(axis="y")
    label_bars(axes, {n: str(n) for n in sorted(hue)}, np.full(n_frequencies + 1, 1.04), hue)
    draw_title(figure, title)
    return figure


@picture
def interference(
    parts: Mapping[str, Any],
    answer: int,
    *,
    points: Any = None,
    ylabel: str = "logit",
    colours: Mapping[str, str] | None = None,
    title: str = "",
    width: float = WIDE,
) -> Picture:
    """Waves over the candidates, and their sum: they agree at the answer, and disagree elsewhere.

    Args:
        parts: name → (p,) one wave's values at the candidates 0 … p − 1. All rows have the same scale.
        answer: the candidate at which they agree, marked.
        points: (p,) values drawn as dots into the last row, the sum, to compare with.
        ylabel: what is added up.
        colours: name → colour of a wave (``frequency_colours``).
        title, width: as ``loss_curves``.

    Raises:
        ValueError: if there is none, the lengths differ, or the answer is none of 0 … p − 1.
    """
    arrays = {name: to_array(values, 1, name) for name, values in nonempty(parts, "parts").items()}
    p = len(next(iter(arrays.values())))
    dots = None if points is None else to_array(points, 1, "points")
    for name, values in [*arrays.items(), *([] if dots is None else [("points", dots)])]:
        if len(values) != p:
            raise ValueError(f"all waves must be over the same candidates: {name} has {len(values)}, not {p}")
    if not 0 <= answer < p:
        raise ValueError(f"the answer must be one of 0 … {p - 1}, not {answer}")
    total = np.sum(list(arrays.values()), axis=0)
    reach = [2.3 * max(np.abs(values).max() for values in arrays.values())] * len(arrays)
    reach.append(1.1 * np.ptp(np.concatenate([total, [] if dots is None else dots])))
    ratios = [max(size / max(reach), 0.22) for size in reach]
    figure, grid = canvas(width, 2.4 * sum(ratios) + 0.9, len(ratios), 1, sharex=True, height_ratios=ratios)
    fine = np.arange(16 * (p - 1) + 1) / 16
    for axes, (name, values) in zip(grid, [*arrays.items(), ("all together", total)], strict=True):
        colour = (colours or {}).get(name, INK)
        axes.axhline(0, color=GRID, lw=0.8)
        axes.axvline(answer, color=ANSWER, lw=1.2)
        axes.plot(fine, _interpolated(values, 16)[: len(fine)], color=colour, lw=1.4)
        axes.set_title(name, fontsize=TEXT, pad=3, color=colour)
        axes.yaxis.set_major_locator(MaxNLocator(2, steps=[1, 2, 5, 10]))
        axes.margins(y=0.08)
        axes.set_xlim(-0.5, p - 0.5)
    if dots is not None:
        grid[-1].plot(dots, "o", color=INK, markersize=2.6)
    grid[-1].yaxis.set_major_locator(MaxNLocator(4))
    grid[-1].set_ylabel(ylabel)
    grid[-1].xaxis.set_major_locator(MaxNLocator(6, integer=True))
    grid[-1].set_xlabel("candidate c")
    draw_title(figure, title)
    return figure


def _shares(energy: Any, ndim: int) -> np.ndarray:
    """The energies without the constant, as shares of their sum (along the last dimension)."""
    waves = to_array(energy, ndim, "energy")[..., 1:]
    total = waves.sum(axis=-1, keepdims=True)
    if not waves.size or not (total > 0).all():
        raise ValueError("there is no energy besides the constant's: no shares to draw")
    return waves / total


def _interpolated(values: np.ndarray, factor: int) -> np.ndarray:
    """The trigonometric polynomial through the values, ``factor`` times as finely."""
    p = len(values)
    components = np.fft.rfft(values)
    if p % 2 == 0:
        components[-1] /= 2  # that frequency's energy is split between + p/2 and − p/2 once there is room for both
    return np.fft.irfft(components, factor * p) * factor


def _draw_spectrum(axes: Axes, energy: Any, key: Sequence[int]) -> None:
    shares = _shares(energy, 1)
    key = checked_frequencies(key, len(shares))
    numbers = np.arange(1, len(shares) + 1)
    hue = frequency_colours(key, 2 * len(shares) + 1)
    axes.bar(numbers, shares, width=0.8, color=[hue.get(k, MUTED) for k in numbers.tolist()])
    axes.grid(axis="y")
    axes.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    axes.yaxis.set_major_locator(MaxNLocator(4))
    axes.xaxis.set_major_locator(MaxNLocator(6, integer=True))
    axes.set_xlim(0, len(shares) + 1)
    axes.margins(y=0.15)
    label_bars(axes, {k: str(k) for k in key}, np.concatenate([[0], shares]), hue)
