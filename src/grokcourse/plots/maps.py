# ruff: noqa: D417 (what the arguments that all figures share mean is said once, in loss_curves)
"""Figures of tables and matrices, cell by cell."""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm, Normalize, to_rgb
from matplotlib.patches import Rectangle
from matplotlib.ticker import FuncFormatter, MaxNLocator

from .layout import (
    Picture,
    as_percent,
    canvas,
    checked_frequencies,
    draw_title,
    is_phone,
    label_cells,
    nonempty,
    picture,
    picture_of,
    spread_apart,
    style_bar,
    to_array,
)
from .style import AMOUNT, CYCLE, GRID, INK, ON_CELL, SIGNED, TEST, TEXT, TRAIN, WIDE


@picture
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
    table = to_array(answers, 2, "answers")
    p = len(table)
    mask = np.ones((p, p), bool) if train_mask is None else to_array(train_mask, 2, "train_mask").astype(bool)
    if table.shape != (p, p) or mask.shape != (p, p):
        raise ValueError(f"answers and train_mask must both be (p, p), not {table.shape} and {mask.shape}")
    zoom = min(zoom, p)
    colours = CYCLE(np.round(table * 256 / p).astype(int) % 256)
    colours[..., 3] = np.where(mask, 1.0, 0.22)

    if is_phone(width):
        figure, [whole, corner] = canvas(width, 2 * width, rows=2)
    else:
        figure, [whole, corner] = canvas(width, 0.53 * width, columns=2)
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
    draw_title(figure, title)
    return figure


@picture
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
    arrays = {name: to_array(matrix, 2, name) for name, matrix in nonempty(matrices, "matrices").items()}
    limit = limit or max(float(np.abs(array[np.isfinite(array)]).max()) for array in arrays.values()) or 1.0
    shape = next(iter(arrays.values())).shape
    across = min(len(arrays), 4 if not is_phone(width) else 2 if shape[1] <= 4 else 1)
    down = math.ceil(len(arrays) / across)
    cell = width / across
    figure, grid = canvas(width, down * (cell * min(1.3, max(0.35, shape[0] / shape[1])) + 0.55), down, across)
    for axes, (name, array) in zip(grid, arrays.items(), strict=False):
        norm = Normalize(-limit if signed else 0, limit)
        image = axes.imshow(array, cmap=SIGNED if signed else AMOUNT, norm=norm, interpolation="none", aspect="auto")
        axes.set_title(name, fontsize=TEXT)
        label_cells(axes, array.shape, row_labels, column_labels)
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
        style_bar(bar)
    draw_title(figure, title)
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
    heads = to_array(pattern, 3, "pattern")
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


@picture
def spectrum_2d(
    energies: Mapping[str, Any], *, key: Iterable[int] = (), title: str = "", width: float = WIDE
) -> Picture:
    """How the energy of a table over a and b is shared among pairs of frequencies: a square for each that has some.

    As in a picture of the table itself, a runs downwards and b to the right.

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
    tables = {name: to_array(energy, 2, name).copy() for name, energy in nonempty(energies, "energies").items()}
    for name, table in tables.items():
        if table.shape[0] != table.shape[1]:
            raise ValueError(f"{name} must be square, not {table.shape}")
        table[0, 0] = 0
        if not table.sum() > 0:
            raise ValueError(f"{name} holds no energy besides the constant's: no shares to draw")
        table /= table.sum()
    size = len(next(iter(tables.values())))
    ticks = [0, *checked_frequencies(key, size - 1)]
    across = 1 if is_phone(width) else min(len(tables), 2)
    down = math.ceil(len(tables) / across)
    each = min(width / across, 3.9)
    figure, grid = canvas(width, down * (each + 0.1) + 0.2, down, across)
    norm = LogNorm(1e-4, 1)
    for axes, (name, table) in zip(grid, tables.items(), strict=False):
        a, b = np.nonzero(table >= 1e-4)
        order = table[a, b].argsort()
        a, b = a[order], b[order]
        marks = {"marker": "s", "s": 26 if is_phone(width) else 34, "edgecolors": "none"}
        image = axes.scatter(b, a, c=table[a, b], cmap=AMOUNT, norm=norm, **marks)
        axes.set(xlim=(-1.5, len(table) + 0.5), ylim=(len(table) + 0.5, -1.5), aspect="equal")
        axes.set_title(name, fontsize=TEXT)
        axes.set(xlabel="frequency in b", ylabel="frequency in a")
        axes.spines[:].set(visible=True, color=GRID)
        _label_ticks(axes, ticks)
    for axes in grid[len(tables) :]:
        axes.set_visible(False)
    where = {"location": "bottom", "pad": 0.02} if is_phone(width) else {"pad": 0.02}
    bar = figure.colorbar(image, ax=grid, shrink=0.8, aspect=30, label="share of energy", **where)
    bar.set_ticks([1e-4, 1e-3, 1e-2, 1e-1, 1])
    bar.formatter = FuncFormatter(as_percent)
    bar.set_ticks([], minor=True)
    style_bar(bar)
    draw_title(figure, title)
    return figure


@picture
def question_maps(
    tables: Mapping[str, Any],
    *,
    signed: bool = False,
    limit: float | None = None,
    trained: Any = None,
    title: str = "",
    width: float = WIDE,
) -> Picture:
    """Tables over all questions as small square pictures, a downwards and b to the right; zero is the page.

    Args:
        tables: title → (n, n) values, the questions a, b = 0 … n − 1.
        signed: also negative values, in blue, and positive ones in orange; else from nothing to blue.
        limit: where the colour scale ends in all of them; by default in each at its own largest absolute value.
        trained: (n, n) bool, the questions of the training set: these in blue, the others in orange.
        title, width: as ``loss_curves``.

    Raises:
        ValueError: if there is none, one is not square, or the training set has another shape.
    """
    arrays = {name: to_array(table, 2, name) for name, table in nonempty(tables, "tables").items()}
    across = min(len(arrays), 2 if is_phone(width) else 4)
    down = math.ceil(len(arrays) / across)
    each = min(width / across, 2.6)
    figure, grid = canvas(width, down * (each + 0.25) + 0.15, down, across)
    for i, (axes, (name, array)) in enumerate(zip(grid, arrays.items(), strict=False)):
        if array.shape[0] != array.shape[1]:
            raise ValueError(f"{name} must be square, not {array.shape}")
        end = limit or np.nanmax(np.abs(array)) or 1.0
        norm = Normalize(-end if signed else 0, end)
        if trained is None:
            axes.imshow(array, cmap=SIGNED if signed else AMOUNT, norm=norm, interpolation="none")
        else:
            axes.imshow(_of_two_sets(norm(array), trained, name), interpolation="none")
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
    draw_title(figure, title)
    return figure


def _of_two_sets(amount: Any, trained: Any, name: str) -> np.ndarray:
    """Amounts from 0 to 1 as colours laid over the page: blue on the training set, orange on the rest."""
    is_trained = to_array(trained, 2, "trained").astype(bool)
    if is_trained.shape != amount.shape:
        raise ValueError(f"trained must have the shape of {name}, {amount.shape}, not {is_trained.shape}")
    hues = np.where(is_trained[..., None], to_rgb(TRAIN), to_rgb(TEST))
    return np.concatenate([hues, np.clip(amount, 0, 1)[..., None]], axis=2)


def _label_ticks(axes: Axes, names: Sequence[int]) -> None:
    """Ticks at these numbers on both axes, their names moved apart where they are close to each other."""
    at_x, at_y = axes.get_xaxis_transform(), axes.get_yaxis_transform()
    below = [axes.text(k, -0.03, str(k), transform=at_x, ha="center", va="top", fontsize=10) for k in names]
    beside = [axes.text(-0.03, k, str(k), transform=at_y, ha="right", va="center", fontsize=10) for k in names]
    axes.set_xticks(names, [])
    axes.set_yticks(names, [])
    axes.xaxis.labelpad, axes.yaxis.labelpad = 16, 20

    def place() -> None:
        for texts, extent, (low, high) in (
            (below, "width", axes.get_xlim()),
            (beside, "height", axes.get_ylim()),
        ):
            low, high = sorted((low, high))
            scale = (high - low) / getattr(axes.bbox, extent)
            sizes = [(getattr(text.get_window_extent(), extent) + 6) * scale for text in texts]
            for text, where in zip(texts, spread_apart(list(names), sizes, low, high), strict=True):
                x, y = text.get_position()
                text.set_position((where, y) if extent == "width" else (x, where))

    picture_of(axes).placements.append(place)
