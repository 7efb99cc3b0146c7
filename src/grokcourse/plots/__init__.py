"""Every figure of the course: arrays in, a matplotlib ``Figure`` out.

    plots.show(plots.loss_curves(steps, train, test, chance=math.log(113)), alt="Train and test loss …")

Arrays are whatever numpy can read: lists, numpy arrays, torch tensors on any device, with or without gradient.

One style for all. Text of 10 points or more at the size at which it is shown, on a phone too; lines named at their ends
and not in a legend, so that nothing hangs on telling colours apart. Lines and text take their colours from ``PALETTE``
only, where each has a partner for dark pages; one idea has one colour in all chapters (``plots.style`` says which).
Pictures of matrices are a colour laid more or less thickly over the page: zero is the page itself, light or dark.

``show`` draws each figure twice, for a page (``WIDE``) and for a phone (``NARROW``); the reader's browser picks one.
Nothing here touches pyplot, or leaves anything behind in matplotlib's settings.
"""

from .along_runs import (
    accuracy_curves,
    announcements,
    curves,
    dots,
    live_overlay,
    loss_curves,
    stacked_curves,
    sweep_curves,
    times_to_grok,
    two_voices,
)
from .anatomy import activation_strips, architecture, clock, logit_bars, you_are_here
from .frequencies import circles, interference, neuron_shares, spectra, spectrum, spectrum_over_steps, waves
from .layout import Picture
from .maps import addition_table, attention_pattern, heat_maps, question_maps, spectrum_2d
from .small import card, small_cells, small_lines, small_table
from .style import AMOUNT, CYCLE, LIGHT, NARROW, ON_CELL, PALETTE, SIGNED, WIDE, colour_of, frequency_colours
from .svg import show, to_html

__all__ = [
    "AMOUNT",
    "CYCLE",
    "LIGHT",
    "NARROW",
    "ON_CELL",
    "PALETTE",
    "SIGNED",
    "WIDE",
    "Picture",
    "accuracy_curves",
    "activation_strips",
    "addition_table",
    "announcements",
    "architecture",
    "attention_pattern",
    "card",
    "circles",
    "clock",
    "colour_of",
    "curves",
    "dots",
    "frequency_colours",
    "heat_maps",
    "interference",
    "live_overlay",
    "logit_bars",
    "loss_curves",
    "neuron_shares",
    "question_maps",
    "show",
    "small_cells",
    "small_lines",
    "small_table",
    "spectra",
    "spectrum",
    "spectrum_2d",
    "spectrum_over_steps",
    "stacked_curves",
    "sweep_curves",
    "times_to_grok",
    "to_html",
    "two_voices",
    "waves",
    "you_are_here",
]
