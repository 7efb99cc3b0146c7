"""Colours, sizes and colour maps that all figures share."""

from typing import TYPE_CHECKING, Any

import matplotlib as mpl
import numpy as np
from matplotlib.colors import ListedColormap

if TYPE_CHECKING:
    from matplotlib.typing import RcKeyType  # since matplotlib 3.11

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
STYLE: "dict[RcKeyType, Any]" = {
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
