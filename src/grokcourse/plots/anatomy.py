# ruff: noqa: D417 (what the arguments that all figures share mean is said once, in loss_curves)
"""Figures of the task and of the model's parts."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.collections import LineCollection
from matplotlib.colors import Normalize
from matplotlib.patches import FancyBboxPatch, Rectangle

from .layout import (
    Picture,
    canvas,
    draw_title,
    is_phone,
    label_bars,
    label_cells,
    nonempty,
    picture,
    style_axes,
    to_array,
    to_numpy,
)
from .style import ANSWER, DASHES, GRID, INK, LIGHT, MUTED, PAPER, SIGNED, TEST, TEXT, TRAIN, WIDE


@picture
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
    across = min(len(sums), 1 if is_phone(width) else 3)
    down = math.ceil(len(sums) / across)
    figure, grid = canvas(width, down * (min(width / across, 3) + 0.3), down, across)

    def on_dial(hour: Any, radius: float) -> np.ndarray:
        angle = 2 * np.pi * np.asarray(hour) / p
        return radius * np.stack([np.sin(angle), np.cos(angle)], axis=-1)

    for axes, (a, b) in zip(grid, sums, strict=False):
        hours = np.arange(p)
        axes.plot(*on_dial(np.linspace(0, p, 361), 1).T, color=MUTED, lw=1)
        ticks = np.stack([on_dial(hours, 0.95), on_dial(hours, 1)], axis=1)
        axes.add_collection(LineCollection(list(ticks), colors=MUTED, linewidths=0.7))
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
    draw_title(figure, title)
    return figure


@picture
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
    for name, values in nonempty(activations, "activations").items():
        arrays[name] = to_array(values, 2 if np.ndim(to_numpy(values)) == 2 else 1, name)
    rows = [len(np.atleast_2d(array)) for array in arrays.values()]
    heights = [0.62 + 0.18 * (n - 1) for n in rows]
    figure, grid = canvas(width, sum(heights) + 0.2, len(arrays), 1, height_ratios=heights)
    for axes, (name, array) in zip(grid, arrays.items(), strict=True):
        largest = float(np.abs(array[np.isfinite(array)]).max()) or 1.0
        norm = Normalize(-largest, largest)
        axes.imshow(np.atleast_2d(array), cmap=SIGNED, norm=norm, interpolation="none", aspect="auto")
        axes.set_title(name, fontsize=TEXT, pad=3)
        shape = " × ".join(map(str, array.shape))
        axes.set_title(f"{shape}, up to ±{largest:.2g}", fontsize=10, pad=3, loc="right", color=MUTED)
        axes.set(xticks=[], yticks=[])
        if array.ndim == 2 and tokens:
            label_cells(axes, array.shape, tokens, [])
        axes.spines[:].set(visible=True, color=GRID)
    draw_title(figure, title)
    return figure


@picture
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
    scores = to_array(logits, 1, "logits")
    if not 0 <= answer < len(scores):
        raise ValueError(f"the answer must be one of 0 … {len(scores) - 1}, not {answer}")
    figure, [axes] = canvas(width, 0.7 * width if is_phone(width) else 0.4 * width)
    numbers = np.arange(len(scores))
    is_answer = numbers == answer
    axes.bar(numbers[~is_answer], scores[~is_answer], width=0.8, color=MUTED)
    axes.bar([answer], [scores[answer]], width=0.8, color=ANSWER)
    axes.axhline(0, color=MUTED, lw=0.8)
    style_axes(axes, ylabel, "answer", log_y=False, log_steps=False, percent=False, title=title)
    axes.set_xlim(-0.8, len(scores) - 0.2)
    top = scores.max()  # the name stands clear of all bars
    axes.vlines(answer, scores[answer], top, color=ANSWER, lw=0.9, linestyle=(0, (1, 2)))
    label_bars(axes, {answer: f"{answer}: the right one"}, np.full_like(scores, top), {answer: ANSWER})
    return figure


@picture
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
    figure, [axes] = canvas(width, height)
    axes.set(xlim=(0, width), ylim=(height, 0))
    axes.set_axis_off()
    bus, left, right = (1.02, 1.92, width - 0.03) if is_phone(width) else (1.7, 2.8, width - 0.05)
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
    vocabulary = f"from {vocab} tokens" if is_phone(width) else f"three tokens, from a vocabulary of {vocab}"
    axes.text(bus + 0.75, 0.23, vocabulary, va="center", **small)
    arrow(bus, 0.42, bus, 0.85, INK, "(3,)")
    box(0.1, right, 0.85, 1.4, LIGHT["green"], "embedding", f"W_E ({vocab}, {d_model}), W_pos {stream}")

    axes.plot([bus, bus], [1.4, 5.5], color=LIGHT["blue"], lw=6, solid_capstyle="butt", zorder=0)
    axes.text(bus + 0.14, 1.62, "residual stream", va="center", color=LIGHT["blue"], weight="bold")
    for y, name in ((1.8, "resid_pre"), (3.7, "resid_mid"), (5.2, "resid_post")):
        axes.text(bus - 0.14, y, f"{name}\n{stream}", ha="right", va="center", linespacing=1.3, **small)
    heads: tuple[str, ...] = (f"{n_heads} heads of {d_head}", f"q, k, v: ({n_heads}, 3, {d_head})")
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
    draw_title(figure, title)
    return figure


PARTS = {"embedding": "green", "attention": "orange", "MLP": "purple", "unembedding": "green", "logits": "ink"}
"""The stations of ``you_are_here``, in the order of the way through the model, with their colours."""


@picture
def you_are_here(*parts: str, title: str = "", width: float = WIDE) -> Picture:
    """A small map of the model, from the question to the logits, with the part that a section is about filled in.

    Args:
        parts: one or more of embedding, attention, MLP, unembedding, logits.
        title, width: as ``loss_curves``.

    Raises:
        ValueError: if no part is named, or one is not on the map.
    """
    if not parts or not set(parts) <= set(PARTS):
        raise ValueError(f"the map shows {', '.join(PARTS)}; not {', '.join(parts) or 'nothing'}")
    figure, [axes] = canvas(width, 0.62)
    axes.set(xlim=(0, width), ylim=(0.62, 0))
    axes.set_axis_off()
    size = 9 if is_phone(width) else TEXT
    names = {name: name.replace("embedding", "embed") if is_phone(width) else name for name in PARTS}
    letter = 0.0084 * size  # inches, with some room
    widths = {name: letter * len(word) + 0.12 for name, word in names.items()}
    start = 0.5 if is_phone(width) else 0.85
    gap = min((width - start - sum(widths.values()) - 0.03) / len(PARTS), 0.5)
    axes.text(
        start, 0.3, "a b =" if is_phone(width) else "a  b  =", ha="right", va="center", fontsize=size, color=MUTED
    )
    x = start
    stream = LIGHT["blue"]
    for name, word in names.items():
        here = name in parts
        arrow = {"arrowstyle": "-|>", "color": stream, "lw": 1.2, "shrinkA": 2, "shrinkB": 0}
        arrow["mutation_scale"] = 6 if is_phone(width) else 8
        axes.annotate("", (x + gap, 0.3), (x, 0.3), arrowprops=arrow)
        x += gap
        box = FancyBboxPatch((x, 0.1), widths[name], 0.4, boxstyle="round,pad=0,rounding_size=0.06")
        colour = LIGHT[PARTS[name]] if here else MUTED
        box.set(facecolor=colour, fill=here, edgecolor=colour, linewidth=1.6 if here else 0.8)
        axes.add_patch(box)
        ink = {"color": PAPER, "weight": "bold"} if here else {"color": MUTED}
        axes.text(x + widths[name] / 2, 0.3, word, ha="center", va="center", fontsize=size, **ink)
        x += widths[name]
    draw_title(figure, title)
    return figure
