"""Colours, sizes and colour maps that all figures share.

**One colour per idea, through the whole course.** What a reader has learnt to recognise in one chapter looks the same
in the next, on light pages and on dark ones:

* *A line's name gives its colour*: ``colour_of("test loss")``. A name that holds the word *restricted*, *excluded*,
  *Gini* or *norm* is that measure; else *train* and *test* are these two sets; the three parts of a run have theirs by
  name too, whether one goes by the losses (*memorisation*, *plateau*, *grokking*) or by what is inside
  (*memorisation*, *circuit formation*, *clean-up*). All names are in ``IDEAS``. ``curves``, ``stacked_curves``,
  ``announcements`` and the shading of phases use it by themselves. A line whose name holds none of these words takes
  what is left in ``LINES``, where no set, measure or frequency has its colour.
* *A key frequency's rank gives its colour*: ``frequency_colours(key)``, the lowest first and echoes last. Figures that
  get ``key`` use it by themselves. Where lines are named in words, hand it over:

      hue = plots.frequency_colours(key)
      plots.curves({f"k = {k}": … for k in key}, colours={f"k = {k}": hue[k] for k in key}, ylabel=…)

* *The right answer* is ``ANSWER``. *An angle*, or a number modulo p, is a colour of the ring ``CYCLE``.

Nothing hangs on colour alone: lines carry their names, and from three on their dashes.
"""

import re
from collections.abc import Iterable, Mapping
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
    "restricted": ("#4a805f", "#a0d0ad"),
    "excluded": ("#82006e", "#b96b7f"),
    "gini": ("#441fbc", "#7a70fe"),
    "norm": ("#3e2f00", "#fdd900"),
    "frequency0": ("#035946", "#12dea8"),
    "frequency1": ("#c22ba2", "#a97296"),
    "frequency2": ("#827600", "#feb109"),
    "frequency3": ("#615cf4", "#c2b5ff"),
    "frequency4": ("#512500", "#ec4f0b"),
    "frequency5": ("#0d00a0", "#6275fc"),
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
IDEAS = {
    "restricted": "restricted",
    "excluded": "excluded",
    "gini": "gini",
    "norm": "norm",
    "train": "blue",
    "training": "blue",
    "test": "orange",
    "memorisation": "gold",
    "plateau": "purple",
    "circuit formation": "purple",
    "grokking": "green",
    "clean-up": "green",
}
"""A word in a line's or a phase's name → its colour in ``PALETTE``; where a name holds several, the first one here."""
WIDE = 7.2
"""Width in inches of a figure on a page (one inch is 96 px)."""
NARROW = 3.65
"""Width in inches of a figure on a phone."""
LIGHT = {name: light for name, (light, _) in PALETTE.items()}
PAPER, INK, MUTED, GRID = (LIGHT[name] for name in ("paper", "ink", "muted", "grid"))
TRAIN, TEST = LIGHT["blue"], LIGHT["orange"]
ANSWER = LIGHT["green"]
LINES = [LIGHT[name] for name in ("green", "purple", "gold", "ink", "muted")]
"""For lines whose names hold no idea: the nth of them has the nth colour."""
FREQUENCIES = [LIGHT[f"frequency{i}"] for i in range(6)]
"""For key frequencies, by rank."""
RAMP = [LIGHT[f"ramp{i}"] for i in range(8)]
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


def colour_of(name: str) -> str | None:
    """The colour, on a light page, of the idea in a name (``"test loss"``, ``"Gini, embedding"``), or None.

    Args:
        name: in words, such as a line's. A word counts wherever it stands, but not inside a longer word.
    """
    words = name.lower()
    return next((LIGHT[hue] for idea, hue in IDEAS.items() if re.search(rf"\b{idea}\b", words)), None)


def colours_of(names: Iterable[str], given: Mapping[str, str] | None = None) -> dict[str, str]:
    """A colour for every line of one figure: the one given, else its idea's, else the next in ``LINES``.

    Args:
        names: the lines' names, in their order. If two hold the same idea, only the first has its colour.
        given: name → colour on a light page, for some of them.

    Returns:
        Name → colour on a light page. There is no fallback left for a sixth line without an idea: it starts again.
    """
    names, given = list(names), dict(given or {})
    chosen: dict[str, str] = {}
    for name in names:
        colour = given.get(name) or colour_of(name)
        if colour and (name in given or colour not in chosen.values()):
            chosen[name] = colour
    free = [colour for colour in LINES if colour not in chosen.values()]
    nameless = [name for name in names if name not in chosen]
    chosen |= {name: free[i % len(free)] for i, name in enumerate(nameless)}
    return {name: chosen[name] for name in names}


def frequency_colours(key: Iterable[int], p: int | None = None) -> dict[int, str]:
    """The colour of each of a run's key frequencies: by rank, from the lowest to the highest, echoes last.

    An echo is a frequency that is double a stronger one of them (modulo p, and folded to at most p / 2). As echoes come
    last, the others' colours are the same with and without them.

    Args:
        key: the key frequencies of one run, the strongest first, as ``fourier.key_frequencies`` gives them.
        p: the modulus. Without it no frequency counts as an echo.

    Returns:
        Frequency → colour on a light page, in the order of rank. A seventh frequency has the first one's colour again.
    """
    key, echoes = [int(k) for k in key], set()
    if p:
        doubles = [min(2 * k % p, -2 * k % p) for k in key]
        echoes = {k for i, k in enumerate(key) if k in doubles[:i]}
    ranked = sorted(set(key), key=lambda k: (k in echoes, k))
    return {k: FREQUENCIES[i % len(FREQUENCIES)] for i, k in enumerate(ranked)}


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
