"""Every figure on small arrays: it draws what it is given, is legible on pages and phones, and leaves no trace."""

import io
import itertools
import math
import re
import xml.etree.ElementTree as ElementTree

import matplotlib as mpl
import numpy as np
import pytest
import torch
from matplotlib._pylab_helpers import Gcf
from matplotlib.collections import LineCollection
from matplotlib.colors import to_hex, to_rgb
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch
from matplotlib.text import Text

from grokcourse import plots
from grokcourse.plots import LIGHT, NARROW, PALETTE, WIDE

P = 11
STEPS = np.arange(0, 1001, 100)
RNG = np.random.default_rng(0)
TRAIN, TEST = np.geomspace(2.5, 1e-7, 11), np.r_[np.linspace(2.5, 20, 6), np.geomspace(9, 1e-6, 5)]
ENERGY = np.r_[50.0, 0.1, 3.0, 0.1, 2.0, 0.1]
PHASES = {"memorisation": (0, 200), "plateau": (200, 600), "grokking": (600, None)}
LABELS = (np.arange(P)[:, None] + np.arange(P)) % P
MASK = RNG.random((P, P)) < 0.3
CIRCLE = np.stack([np.cos(2 * np.pi * 2 * np.arange(P) / P), np.sin(2 * np.pi * 2 * np.arange(P) / P)], axis=1)
QUESTION = ["7", "9", "="]

GALLERY = {
    "loss": lambda w: plots.loss_curves(
        STEPS, TRAIN, TEST, chance=math.log(P), phases=PHASES, title="A title", width=w
    ),
    "loss, log steps": lambda w: plots.loss_curves(STEPS, TRAIN, TEST, phases=PHASES, log_steps=True, width=w),
    "accuracy": lambda w: plots.accuracy_curves(STEPS, TRAIN / 3, TEST / 20, chance=1 / P, phases=PHASES, width=w),
    "curves": lambda w: plots.curves({f"W_{i}": (STEPS, TRAIN + i) for i in range(5)}, ylabel="norm", width=w),
    "sweep": lambda w: plots.sweep_curves(
        {f"λ = {i}": [(STEPS, TEST * (i + 1)), (STEPS, TRAIN)] for i in range(8)}, ylabel="test loss", width=w
    ),
    "sweep, rises": lambda w: plots.sweep_curves(
        {f"λ = {i}": [(STEPS, STEPS / 1000 * i)] for i in range(5)}, ylabel="accuracy", rises_to=1.5, width=w
    ),
    "stacked": lambda w: plots.stacked_curves(
        {"train": (STEPS, TRAIN), "share": (STEPS, TRAIN / 3)},
        log_y=["train"],
        percent=["share"],
        chance={"train": 2.4},
        phases=PHASES,
        width=w,
    ),
    "announcements": lambda w: plots.announcements(
        {"early": 100, "late": 900, "never": None}, event=("grokking", 600), width=w
    ),
    "dots": lambda w: plots.dots(
        {
            "a run with a name": {"begins": 200, "ends": 1500},
            "one that never ends": {"begins": 300, "ends": None},
            "one of which nothing is known": {},
        },
        xlabel="step",
        log_x=True,
        title="A title",
        width=w,
    ),
    "dots, linear": lambda w: plots.dots({"x": {"y": -0.5}, "z": {"y": 0.25}}, xlabel="share", width=w),
    "times to grok": lambda w: plots.times_to_grok(
        {
            "lr 0.001": ([0.3, 0.3, 1, 1, 1], [8000, 8000, 5000, 6000, 7000], [True, True, False, False, False]),
            "lr 0.003": ([0.3, 0.3, 1, 1, 1], [6000, 8000, 1500, 1700, 1400], [False, True, False, False, False]),
        },
        xlabel="weight decay",
        title="A title",
        width=w,
    ),
    "voices": lambda w: plots.two_voices(
        STEPS, STEPS / 50, -TEST, event=("a loss below chance", 600), phases=PHASES, width=w
    ),
    "live": lambda w: plots.live_overlay((STEPS, TRAIN, TEST), (STEPS[:4], TRAIN[:4], TEST[:4]), chance=2.4, width=w),
    "clock": lambda w: plots.clock(113, [(5, 10), (100, 50)], width=w),
    "table": lambda w: plots.addition_table(LABELS, MASK, zoom=5, width=w),
    "table without split": lambda w: plots.addition_table(LABELS, width=w),
    "heat": lambda w: plots.heat_maps({f"m{i}": RNG.normal(size=(20, 9)) for i in range(3)}, ylabel="a", width=w),
    "pattern": lambda w: plots.attention_pattern(np.full((4, 3, 3), 1 / 3), QUESTION, width=w),
    "scores": lambda w: plots.heat_maps(
        {"s": [[-1.0, -np.inf], [0.5, 2.0]]}, row_labels="ab", column_labels="ab", values=True, width=w
    ),
    "strips": lambda w: plots.activation_strips({"x": CIRCLE.T, "y": TRAIN}, tokens=["cos", "sin"], width=w),
    "logits": lambda w: plots.logit_bars(TEST, 0, width=w),
    "spectrum": lambda w: plots.spectrum(ENERGY, key=[2, 4], width=w),
    "spectra": lambda w: plots.spectra({"before": np.ones(6), "after": ENERGY}, key={"after": [2, 4]}, width=w),
    "over steps": lambda w: plots.spectrum_over_steps(
        STEPS, np.tile(ENERGY, (11, 1)), key=[2, 4], phases=PHASES, width=w
    ),
    "circles": lambda w: plots.circles({k: CIRCLE * k for k in range(1, 5)}, key=[2, 3], width=w),
    "waves": lambda w: plots.waves({"cos": CIRCLE[:, 0], "sin": CIRCLE[:, 1]}, points=CIRCLE[:, 0], width=w),
    "smooth waves": lambda w: plots.waves({"cos": CIRCLE[:, 0]}, smooth=True, width=w),
    "architecture": lambda w: plots.architecture(113, 128, 4, 512, width=w),
    "you are here": lambda w: plots.you_are_here("attention", "MLP", width=w),
    "questions": lambda w: plots.question_maps({f"head {i}": LABELS / (i + 1) for i in range(5)}, width=w),
    "questions of two sets": lambda w: plots.question_maps({"right": MASK * 1.0}, trained=LABELS % 2 == 0, width=w),
    "signed questions": lambda w: plots.question_maps({"one": LABELS - 5.0}, signed=True, limit=8, width=w),
    "spectrum 2d": lambda w: plots.spectrum_2d({"x": np.outer(ENERGY, ENERGY), "y": np.eye(6)}, key=[2, 3], width=w),
    "neurons": lambda w: plots.neuron_shares([2, 2, 4, 5, 0], [0.9, 0.95, 1.0, 0.3, 0.0], n_frequencies=5, width=w),
    "interference": lambda w: plots.interference(
        {"frequency 2": CIRCLE[:, 0], "frequency 3": 0.2 * CIRCLE[:, 0]}, 0, points=CIRCLE[:, 0], width=w
    ),
}
BOTH_WIDTHS = [pytest.param((name, width), id=f"{name}-{width}") for name in GALLERY for width in (WIDE, NARROW)]


def luminance(colour) -> float:
    """WCAG 2.2, "relative luminance"."""
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in to_rgb(colour)]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one, other) -> float:
    darker, lighter = sorted((luminance(one), luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


def written(figure: Figure) -> list[Text]:
    """All words that are drawn."""
    kept = {id(text) for text in figure.findobj(Text) if text.get_visible() and text.get_text().strip()}
    for axes in figure.axes:
        if not axes.get_visible():
            kept -= {id(text) for text in axes.findobj(Text)}
        for axis in (axes.xaxis, axes.yaxis):
            drawn = {id(tick) for tick in axis._update_ticks()} if axes.axison else set()
            for tick in [*axis.majorTicks, *axis.minorTicks]:  # matplotlib keeps spare ones
                kept -= {id(text) for text in tick.findobj(Text) if id(tick) not in drawn}
    return [text for text in figure.findobj(Text) if id(text) in kept]


def words(figure: Figure) -> list[str]:
    return [text.get_text() for text in written(figure)]


@pytest.fixture(scope="module", params=BOTH_WIDTHS)
def figure(request):
    name, width = request.param
    before = dict(mpl.rcParams)
    drawn = GALLERY[name](width)
    assert dict(mpl.rcParams) == before
    return drawn


# ---------------------------------------------------------------------------------------------- every figure


def test_every_figure_is_a_figure_outside_pyplot(figure):
    assert isinstance(figure, Figure)
    assert not Gcf.figs


def test_words_are_large_enough_and_in_colours_of_the_palette(figure):
    for text in written(figure):
        assert text.get_fontsize() >= 9, text
        assert to_hex(text.get_color()) in {*LIGHT.values(), plots.ON_CELL}, text


def test_words_stay_inside_the_figure(figure):
    renderer = figure._get_renderer()
    for text in written(figure):
        box = Text.get_window_extent(text, renderer)
        assert -1 <= box.x0 <= box.x1 <= figure.bbox.x1 + 1, text
        assert -1 <= box.y0 <= box.y1 <= figure.bbox.y1 + 1, text


def test_lines_bars_and_frames_are_in_colours_of_the_palette(figure):
    for axes in figure.axes:
        for line in axes.lines:
            assert to_hex(line.get_color()) in LIGHT.values()
        for patch in axes.patches:
            assert patch.get_edgecolor()[3] == 0 or to_hex(patch.get_edgecolor()) in LIGHT.values()
            assert not patch.get_fill() or to_hex(patch.get_facecolor()) in LIGHT.values()
        for lines in axes.collections:
            if isinstance(lines, LineCollection):
                assert {to_hex(colour) for colour in lines.get_color()} <= set(LIGHT.values())


def test_the_readers_own_settings_do_not_spoil_a_figure():
    with mpl.rc_context({"font.size": 3, "text.color": "red", "axes.facecolor": "black", "lines.linewidth": 9}):
        figure = GALLERY["loss"](WIDE)
    assert min(text.get_fontsize() for text in written(figure)) >= 9
    assert figure.axes[0].lines[0].get_linewidth() == 2


# ---------------------------------------------------------------------------------------------- colours


@pytest.mark.parametrize("mode", [0, 1], ids=["light", "dark"])
def test_contrast_with_the_page(mode):
    paper = PALETTE["paper"][mode]
    for name, pair in PALETTE.items():
        if name not in ("paper", "grid"):
            assert contrast(pair[mode], paper) >= 4.5, name  # enough for text, and more than lines need


@pytest.mark.parametrize("mode", [0, 1], ids=["light", "dark"])
def test_contrast_of_words_on_cells(mode):
    paper, ink = (np.array(to_rgb(PALETTE[name][mode])) for name in ("paper", "ink"))
    for colour_map in (plots.AMOUNT, plots.SIGNED):
        for red, green, blue, alpha in colour_map(np.linspace(0, 1, 64)):
            cell = alpha * np.array([red, green, blue]) + (1 - alpha) * paper
            assert contrast(cell, ink) >= 4.5
    for cell in plots.CYCLE(np.arange(256)):
        assert contrast(cell[:3], plots.ON_CELL) >= 4.5


def test_the_palette_can_be_told_from_its_light_values_alone():
    assert len(set(LIGHT.values())) == len(PALETTE)
    assert all(re.fullmatch("#[0-9a-f]{6}", value) for pair in PALETTE.values() for value in pair)


# Machado, Oliveira and Fernandes 2009, severity 1, on linear RGB
BLINDNESS = {
    "protanopia": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "deuteranopia": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.01182, 0.04294, 0.968881]],
    "tritanopia": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.3039]],
}


def oklab(linear) -> np.ndarray:
    """Ottosson 2020, from linear RGB."""
    to_lms = [[0.4122214708, 0.5363325363, 0.0514459929], [0.2119034982, 0.6806995451, 0.1073969566]]
    to_lms += [[0.0883024619, 0.2817188376, 0.6299787005]]
    to_lab = [[0.2104542553, 0.793617785, -0.0040720468], [1.9779984951, -2.428592205, 0.4505937099]]
    to_lab += [[0.0259040371, 0.7827717662, -0.808675766]]
    return np.array(to_lab) @ np.cbrt(np.clip(np.array(to_lms) @ linear, 0, None))


MEASURES = ["blue", "orange", "restricted", "excluded", "gini", "norm"]
BY_RANK = [f"frequency{i}" for i in range(6)]


@pytest.mark.parametrize("kind", [*BLINDNESS, "none"])
@pytest.mark.parametrize("mode", [0, 1], ids=["light", "dark"])
@pytest.mark.parametrize(("together", "least"), [(["blue", "orange"], 0.15), (MEASURES, 0.09), (BY_RANK, 0.1)])
def test_colours_of_one_figure_differ_for_colour_blind_readers(kind, mode, together, least):
    seen = []
    for name in together:
        linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in to_rgb(PALETTE[name][mode])]
        seen.append(oklab(np.array(BLINDNESS.get(kind, np.eye(3))) @ linear))
    assert all(np.linalg.norm(one - other) > least for one, other in itertools.combinations(seen, 2))


@pytest.mark.parametrize(
    ("name", "colour"),
    [
        ("train", "blue"),
        ("test loss", "orange"),
        ("restricted loss on the test set", "restricted"),
        ("excluded loss", "excluded"),
        ("Gini, embedding", "gini"),
        ("weight norm", "norm"),
        ("memorisation", "gold"),
        ("plateau", "purple"),
        ("clean-up", "green"),
    ],
)
def test_a_name_tells_the_colour(name, colour):
    assert plots.colour_of(name) == LIGHT[colour]


@pytest.mark.parametrize("name", ["decay 1", "the greatest", "trained", "k = 11", ""])
def test_a_word_inside_another_is_no_idea(name):
    assert plots.colour_of(name) is None


def test_an_idea_has_its_colour_in_every_figure():
    lines = {"decay 1": (STEPS, TRAIN), "test loss": (STEPS, TEST), "excluded loss": (STEPS, TRAIN), "k": (STEPS, TEST)}
    drawn = plots.curves(lines, ylabel="loss", colours={"k": LIGHT["frequency3"]}).axes[0].lines[:4]
    names = {colour: name for name, colour in LIGHT.items()}
    first, *others = [names[line.get_color()] for line in drawn]
    assert others == ["orange", "excluded", "frequency3"]
    assert first not in [*MEASURES, *BY_RANK]
    stacked = plots.stacked_curves({"Gini": (STEPS, TRAIN), "share": (STEPS, TRAIN)})
    assert [names[axes.lines[0].get_color()] for axes in stacked.axes] == ["gini", "ink"]
    assert plots.announcements({"Gini": 5}).axes[0].lines[-1].get_color() == LIGHT["gini"]


def test_two_lines_of_one_idea_differ():
    lines = plots.curves({"test loss": (STEPS, TEST), "test loss, less": (STEPS, TRAIN)}, ylabel="loss").axes[0].lines
    assert lines[0].get_color() == LIGHT["orange"] != lines[1].get_color()


def test_dots_stand_where_their_values_are_and_what_is_missing_is_left_out():
    rows = {"first": {"a": 10.0, "b": 100.0}, "second": {"b": 1000.0, "a": None}}
    axes = plots.dots(rows, xlabel="step", log_x=True).axes[0]
    drawn = {line.get_label(): line.get_xydata().tolist() for line in axes.lines if line.get_marker() != "None"}
    assert drawn == {"a": [[10, 0]], "b": [[100, 0], [1000, 1]]}
    assert axes.get_ylim()[0] > axes.get_ylim()[1]  # the first row is on top
    assert len({line.get_marker() for line in axes.lines if line.get_marker() != "None"}) == 2


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ({}, "rows is empty"),
        ({"x": {"a": None}}, "there is no value"),
        ({"x": {"a": 0.0}}, "cannot show zero"),
        ({"x": dict.fromkeys("abcdef", 1.0)}, "1 to 5 values, not 6"),
    ],
)
def test_dots_refuse_what_they_cannot_show(rows, message):
    with pytest.raises(ValueError, match=message):
        plots.dots(rows, xlabel="step", log_x=True)


def test_a_censored_run_is_later_than_all_that_grokked():
    values, late = [1.0, 1.0, 1.0, 3.0, 3.0, 3.0, 10.0, 10.0], [0, 0, 0, 0, 1, 0, 1, 0]
    steps = [300, 100, 200, 50, 400, 80, 400, 60]
    axes = plots.times_to_grok({"all": (values, steps, late)}, xlabel="x", log_x=True).axes[0]
    marked = {line.get_marker(): line.get_xydata().tolist() for line in axes.lines if line.get_label().startswith("_")}
    assert marked["^"] == [[3, 400], [10, 400]]
    assert sorted(marked["o"]) == [[1, 100], [1, 200], [1, 300], [3, 50], [3, 80], [10, 60]]
    [medians] = [line.get_xydata() for line in axes.lines if line.get_label() == "all"]
    np.testing.assert_array_equal(medians, [[1, 200], [3, 80], [10, np.nan]])  # of two, the later may be any


def test_words_stand_beside_each_other_in_their_order():
    axes = plots.times_to_grok({"": (["b", "a", "b"], [10, 20, 30], [False] * 3)}, xlabel="x").axes[0]
    assert [label.get_text() for label in axes.get_xticklabels()] == ["b", "a"]


@pytest.mark.parametrize(
    ("runs", "message"),
    [
        ({}, "1 to 5 labels, not 0"),
        ({"a": ([1.0], [5, 6], [False, False])}, "a has 1 values, 2 steps and 2 marks"),
        ({"a": ([1.0], [0], [False])}, "cannot show"),
        ({"a": ([0.0], [5], [False])}, "cannot show zero, less, or words"),
        ({"a": (["x"], [5], [False])}, "cannot show zero, less, or words"),
    ],
)
def test_times_to_grok_refuse_what_they_cannot_show(runs, message):
    with pytest.raises(ValueError, match=message):
        plots.times_to_grok(runs, xlabel="x", log_x=True)


def test_the_two_voices_add_up_and_have_the_colours_of_their_losses():
    circuit, rest = STEPS / 50, -TEST
    axes = plots.two_voices(STEPS, circuit, rest, event=("onset", 600)).axes[0]
    by_colour = {line.get_color(): line.get_ydata() for line in axes.lines[:3]}
    assert set(by_colour) == {LIGHT["restricted"], LIGHT["excluded"], LIGHT["ink"]}
    np.testing.assert_allclose(by_colour[LIGHT["ink"]], circuit - TEST)
    np.testing.assert_allclose(by_colour[LIGHT["restricted"]], circuit)
    assert [set(line.get_xdata()) for line in axes.lines if line.get_color() == LIGHT["orange"]] == [{600}]


def test_the_middle_part_of_a_run_has_one_colour_by_any_name():
    def shades(names):
        phases = dict(zip(names, PHASES.values(), strict=True))
        axes = plots.loss_curves(STEPS, TRAIN, TEST, phases=phases).axes[0]
        return [to_hex(patch.get_facecolor()) for patch in axes.patches]

    assert shades(PHASES) == shades(["memorisation", "circuit formation", "clean-up"])
    assert len(set(shades(PHASES))) == 3


def test_frequencies_are_coloured_by_rank_and_echoes_come_last():
    assert list(plots.frequency_colours([28, 11, 13, 25])) == [11, 13, 25, 28]
    assert list(plots.frequency_colours([28, 11, 13, 25, 50], 113)) == [11, 13, 25, 28, 50]
    assert list(plots.frequency_colours([38, 55, 27, 26, 37], 113)) == [26, 27, 38, 55, 37]  # 2 · 38 = 113 − 37
    without, with_echo = plots.frequency_colours([5, 20]), plots.frequency_colours([5, 20, 10], 113)
    assert without.items() <= with_echo.items()
    assert list(with_echo.values()) == [LIGHT[name] for name in BY_RANK[:3]]
    assert len(set(plots.frequency_colours(range(1, 8)).values())) == 6


def test_a_frequency_has_one_colour_in_all_figures():
    hue = plots.frequency_colours([2, 4], P)
    bars = plots.spectrum(ENERGY, key=[4, 2]).axes[0].patches
    assert [to_hex(bars[k - 1].get_facecolor()) for k in (2, 4)] == [hue[2], hue[4]]
    over_steps = GALLERY["over steps"](WIDE).axes[0]
    assert [line.get_color() for line in over_steps.lines[:2]] == [hue[2], hue[4]]
    ring = plots.circles({4: CIRCLE, 1: CIRCLE}, key=[2, 4])
    assert [axes.title.get_color() for axes in ring.axes[:2]] == [hue[4], LIGHT["ink"]]
    neurons = plots.neuron_shares([2, 4], [0.9, 0.95], n_frequencies=5).axes[0]
    assert [line.get_color() for line in neurons.lines[1:3]] == [hue[2], hue[4]]
    parts = {"k = 4": CIRCLE[:, 0], "other": CIRCLE[:, 1]}
    waves = plots.interference(parts, 0, colours={"k = 4": hue[4]}).axes
    assert [axes.lines[-1].get_color() for axes in waves[:2]] == [hue[4], LIGHT["ink"]]


def test_the_map_fills_in_the_part_that_is_named():
    axes = plots.you_are_here("MLP").axes[0]
    names = [text.get_text() for text in axes.texts if text.get_text() in plots.anatomy.PARTS]
    assert names == ["embedding", "attention", "MLP", "unembedding", "logits"]
    boxes = [patch for patch in axes.patches if isinstance(patch, FancyBboxPatch)]
    assert [box.get_fill() for box in boxes] == [name == "MLP" for name in names]


@pytest.mark.parametrize("parts", [(), ("stomach",), ("MLP", "mlp")])
def test_the_map_knows_its_parts(parts):
    with pytest.raises(ValueError, match="the map shows"):
        plots.you_are_here(*parts)


def test_the_cycle_closes_and_has_no_jumps():
    linear = np.vectorize(lambda c: c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4)
    ring = np.array([oklab(linear(colour[:3])) for colour in plots.CYCLE(np.arange(256))])
    jumps = np.linalg.norm(ring - np.roll(ring, 1, axis=0), axis=1)
    assert jumps.max() < 0.02
    opposite = np.linalg.norm(ring - np.roll(ring, 128, axis=0), axis=1)
    assert opposite.min() > 0.15


# ---------------------------------------------------------------------------------------------- what is drawn


def test_loss_curves_draw_the_losses_on_a_log_axis():
    axes = GALLERY["loss"](WIDE).axes[0]
    np.testing.assert_array_equal(axes.lines[0].get_xydata(), np.stack([STEPS, TRAIN], axis=1))
    np.testing.assert_array_equal(axes.lines[1].get_xydata(), np.stack([STEPS, TEST], axis=1))
    assert (axes.get_xscale(), axes.get_yscale()) == ("linear", "log")
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("step", "loss (nats)")
    assert axes.get_xlim() == (0, 1000)
    chance = [line for line in axes.lines if set(np.atleast_1d(line.get_ydata())) == {math.log(P)}]
    assert len(chance) == 1
    drawn = words(axes.figure)
    assert {"train", "test", f"chance\n{math.log(P):.2f}", "A title", *PHASES} <= set(drawn)


def test_phases_are_shaded_from_their_first_to_their_last_step():
    axes = GALLERY["loss"](WIDE).axes[0]
    spans = [(patch.get_x(), patch.get_x() + patch.get_width()) for patch in axes.patches]
    assert spans == [(0, 200), (200, 600), (600, 1000)]
    names = [text for text in axes.texts if text.get_text() in PHASES]
    boxes = sorted((text.get_window_extent() for text in names), key=lambda box: box.x0)
    assert all(left.x1 < right.x0 for left, right in itertools.pairwise(boxes))


def test_log_steps_keep_step_0():
    axes = plots.loss_curves(STEPS, TRAIN, TEST, log_steps=True).axes[0]
    assert axes.get_xscale() == "symlog"
    assert [label.get_text() for label in axes.get_xticklabels()] == ["0", "100", "1,000"]
    assert axes.get_xlim()[0] == 0


def test_accuracy_is_in_per_cent():
    figure = GALLERY["accuracy"](WIDE)
    np.testing.assert_array_equal(figure.axes[0].lines[0].get_ydata(), TRAIN / 3)
    assert figure.axes[0].get_ylim()[0] == 0
    assert {"100%", f"chance\n{1 / P:.1%}"} <= set(words(figure))


def test_what_a_log_axis_cannot_show_is_a_gap():
    line = plots.loss_curves([0, 1, 2], [1, 0, 0.5], [1, math.nan, 2]).axes[0].lines[0]
    np.testing.assert_array_equal(line.get_ydata(), [1, np.nan, 0.5])


def test_stacked_curves_share_the_steps_and_have_scales_of_their_own():
    figure = GALLERY["stacked"](WIDE)
    losses, shares = figure.axes
    assert [losses.get_yscale(), shares.get_yscale()] == ["log", "linear"]
    assert losses.get_xlim() == shares.get_xlim() == (0, 1000)
    np.testing.assert_array_equal(shares.lines[0].get_ydata(), TRAIN / 3)
    assert [axes.get_title("left") for axes in figure.axes] == ["train", "share"]
    assert len(losses.lines) > len(shares.lines)  # the line of chance
    assert words(figure).count("plateau") == 1


def test_announcements_stand_in_the_order_of_their_dates():
    axes = GALLERY["announcements"](WIDE).axes[0]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["early", "late", "never"]
    dots = [(line.get_xdata()[0], line.get_ydata()[0]) for line in axes.lines if line.get_marker() == "o"]
    assert dots == [(100, 0), (900, 1)]
    assert axes.get_title("right") == "grokking: step 600"
    alone = plots.announcements({"only": 5})
    assert [text for text in words(alone) if "step" in text] == ["step"]


def test_a_line_that_ends_on_the_way_has_its_name_there():
    axes = plots.curves({"short": ([0, 1], [1, 1]), "long": ([0, 10], [0, 0])}, ylabel="y").axes[0]
    short, long = axes.texts
    assert short.xy == (1, 1)
    assert short.get_window_extent().x0 < axes.bbox.x0 + 0.2 * axes.bbox.width
    assert long.get_window_extent().x0 > axes.bbox.x1


def test_lines_that_end_together_have_names_apart():
    figure = plots.curves({f"line {i}": ([0, 1], [i, 0]) for i in range(5)}, ylabel="y", width=NARROW)
    boxes = [Text.get_window_extent(text) for text in written(figure) if text.get_text().startswith("line")]
    assert not any(one.overlaps(other) for one, other in itertools.combinations(boxes, 2))


@pytest.mark.parametrize(
    ("wanted", "sizes", "expected"),
    [
        ([0.5], [0.1], [0.5]),
        ([0.5, 0.5], [0.1, 0.1], [0.45, 0.55]),
        ([0.9, 0.1], [0.2, 0.2], [0.9, 0.1]),
        ([1.0, 1.0], [0.1, 0.1], [0.85, 0.95]),
        ([0.0, 0.02, 0.9], [0.2, 0.2, 0.2], [0.1, 0.3, 0.9]),
        ([0.5, 0.5], [0.8, 0.8], [0.4, 1.2]),
    ],
)
def test_spread(wanted, sizes, expected):
    np.testing.assert_allclose(plots.layout.spread_apart(wanted, sizes, 0, 1), expected)


def test_a_sweep_has_one_colour_for_each_setting_and_one_dash_for_each_seed():
    lines = GALLERY["sweep"](WIDE).axes[0].lines
    assert len(lines) == 16
    assert [lines[0].get_color(), lines[-1].get_color()] == [LIGHT["ramp0"], LIGHT["ramp7"]]
    assert len({line.get_color() for line in lines}) == 8
    assert lines[0].get_linestyle() != lines[1].get_linestyle()


def test_the_live_run_lies_on_the_recorded_one():
    wide, thin = GALLERY["live"](WIDE).axes[0].lines[:2]
    assert wide.get_linewidth() > 3 * thin.get_linewidth()
    np.testing.assert_array_equal(thin.get_ydata(), TRAIN[:4])


def test_a_small_picture_has_its_lines_in_their_colours_and_no_words():
    figure = plots.small_lines(
        {"train": ([0, 1, 2, 3], [4, 3, 0, 1]), "test": ([1, 2], [5, 6])}, log_x=True, log_y=True
    )
    [axes] = figure.axes
    drawn = {to_hex(line.get_color()): line.get_xydata().tolist() for line in axes.lines}
    assert drawn == {LIGHT["blue"]: [[1, 3], [3, 1]], LIGHT["orange"]: [[1, 5], [2, 6]]}  # no 0 on a log axis
    assert words(figure) == []
    assert plots.to_html(figure, "a sentence").count("<svg") == 1


def test_cells_of_a_small_picture_are_the_page_at_zero_and_warm_above_it():
    [axes] = plots.small_cells([[0.0, 2.0], [-1.0, -2.0]]).axes
    cells = axes.images[0].get_array()
    assert cells[0, 0, 3] == pytest.approx(0, abs=0.01)
    assert cells[0, 1, 0] > cells[0, 1, 2]  # red against blue
    assert cells[1, 1, 2] > cells[1, 1, 0]
    assert cells[1, 0, 3] == pytest.approx(cells[1, 1, 3] / 2, abs=0.02)


def test_a_small_table_is_strong_where_trained():
    [axes] = plots.small_table(LABELS, MASK).axes
    cells = axes.images[0].get_array()
    assert ((cells[..., 3] > 0.5) == MASK[:12, :24]).all()
    same = [tuple(cells[a, b, :3]) for a, b in ((0, 5), (1, 4), (5, 0))]
    assert len(set(same)) == 1
    assert tuple(cells[0, 6, :3]) != same[0]


@pytest.mark.parametrize(
    ("draw", "message"),
    [
        (lambda: plots.small_lines({}), "series is empty"),
        (lambda: plots.small_lines({"x": ([1.0], [])}), "the y of x is empty"),
        (lambda: plots.small_cells(np.ones(3)), "2 dimensions"),
        (lambda: plots.small_table(LABELS, MASK[1:]), "one shape"),
        (lambda: plots.card("Course", "A title of far more words than there is room for on a card", Figure()), "28"),
    ],
)
def test_small_pictures_refuse_what_they_cannot_show(draw, message):
    with pytest.raises(ValueError, match=message):
        draw()


def test_a_card_has_the_size_that_other_sites_expect_and_its_own_picture_and_title():
    picture = plots.small_lines({"train": ([1, 2], [1, 2])})
    card = plots.card("Course", "A title", picture)
    assert card[:8] == b"\x89PNG\r\n\x1a\n"
    assert [int.from_bytes(card[at : at + 4]) for at in (16, 20)] == [1200, 630]  # IHDR
    assert card == plots.card("Course", "A title", picture)
    others = plots.card("Course", "Another", picture), plots.card("Course", "A title", plots.small_cells([[1.0]]))
    assert len({card, *others}) == 3


def test_a_clock_ends_at_the_sum():
    figure = plots.clock(12, [(10, 5), (0, 30)])
    assert [axes.get_title("center") for axes in figure.axes] == ["10 + 5 → 3", "0 + 30 → 6"]
    turned = figure.axes[0].lines[1].get_xydata()
    np.testing.assert_allclose(turned[0], 0.72 * np.array([np.sin(np.pi * 10 / 6), np.cos(np.pi * 10 / 6)]))
    np.testing.assert_allclose(turned[-1], [0.72, 0], atol=1e-12)
    assert {text.get_text() for text in figure.axes[0].texts if text.get_text()} == {"0", "10", "3"}


def test_the_table_is_strong_where_trained():
    whole, corner = GALLERY["table"](WIDE).axes
    picture = whole.images[0].get_array()
    np.testing.assert_array_equal(MASK, picture[..., 3] == 1)
    colours = {label: {tuple(c) for c in picture[label == LABELS][:, :3]} for label in range(P)}
    assert all(len(shades) == 1 for shades in colours.values())
    assert len(set.union(*colours.values())) == P
    cells = {tuple(map(round, text.get_position()[::-1])): text for text in corner.texts}
    assert {cell: int(text.get_text()) for cell, text in cells.items()} == {
        (a, b): (a + b) % P for a in range(5) for b in range(5)
    }
    assert all((text.get_weight() == "bold") == MASK[cell] for cell, text in cells.items())
    assert len(corner.patches) == MASK[:5, :5].sum()


def test_heat_maps_share_one_scale_around_zero():
    figure = plots.heat_maps({"a": [[1, -4]], "b": [[0, 2]]})
    images = [axes.images[0] for axes in figure.axes if axes.images]
    assert [image.get_clim() for image in images] == [(-4, 4), (-4, 4)]
    assert images[0].cmap(0.5)[3] < 0.01


def test_numbers_in_cells_have_real_signs():
    drawn = words(plots.heat_maps({"a": [[-0.001, -1.5, -np.inf]]}, values=True))
    assert {"0.00", "−1.50", "−∞"} <= set(drawn)


def test_attention_patterns_name_the_tokens_and_write_the_shares():
    figure = GALLERY["pattern"](WIDE)
    drawn = words(figure)
    assert drawn.count("0.33") == 36
    assert {"head 0", "head 3", *QUESTION} <= set(drawn)


def test_strips_say_their_shape_and_largest_value():
    drawn = words(plots.activation_strips({"resid": np.array([[1, -3.5], [0, 2]]), "b": [0.25]}))
    assert {"resid", "2 × 2, up to ±3.5", "1, up to ±0.25"} <= set(drawn)


def test_the_right_answer_is_marked():
    axes = plots.logit_bars([1.0, 5.0, -2.0], 1).axes[0]
    right = [bar for bar in axes.patches if to_hex(bar.get_facecolor()) == LIGHT["green"]]
    assert [(bar.get_x() + bar.get_width() / 2, bar.get_height()) for bar in right] == [(1, 5)]
    assert "1: the right one" in words(axes.figure)


@pytest.mark.parametrize("answer", [0, 1, 2])
def test_the_name_of_the_right_answer_stands_clear_of_all_bars(answer):
    axes = plots.logit_bars([1.0, 5.0, -2.0], answer).axes[0]
    (name,) = (text for text in axes.texts if "the right one" in text.get_text())
    assert name.get_position()[1] >= 5


@pytest.mark.parametrize("width", [WIDE, NARROW])
def test_a_sweep_names_what_rises_at_the_step_where_it_does(width):
    steps = np.arange(5)
    runs = {"flat": [(steps, [0, 0, 0, 0, 0.4])], "late": [(steps, [0, 0, 0, 0.5, 0.2])], "early": [(steps, steps > 0)]}
    axes = plots.sweep_curves(runs, ylabel="y", rises_to=0.5, width=width).axes[0]
    named = {text.get_text(): text for text in axes.texts}
    assert {name: text.xy for name, text in named.items() if text.xy[1] == 1} == {"late": (3, 1), "early": (1, 1)}
    assert named["flat"].xy == (4, 0.4)
    assert named["early"].get_position()[0] < named["late"].get_position()[0]


def test_a_spectrum_shows_shares_without_the_constant():
    axes = GALLERY["spectrum"](WIDE).axes[0]
    heights = {round(bar.get_x() + bar.get_width() / 2): bar.get_height() for bar in axes.patches}
    np.testing.assert_allclose([heights[k] for k in range(1, 6)], ENERGY[1:] / ENERGY[1:].sum())
    marked = {round(bar.get_x() + 0.4) for bar in axes.patches if to_hex(bar.get_facecolor()) != LIGHT["muted"]}
    assert marked == {2, 4}
    assert {text.get_text() for text in axes.texts} == {"2", "4"}


def test_spectra_share_their_axes():
    before, after = GALLERY["spectra"](WIDE).axes
    assert before.get_ylim() == after.get_ylim()
    assert (len(before.texts), len(after.texts)) == (0, 2)


def test_a_logarithmic_spectrum_shows_what_is_weak():
    axes = plots.spectra({"echoes": np.r_[1, 1, 1e-4, 1e-3]}, log=True).axes[0]
    assert axes.get_yscale() == "log"
    assert axes.get_ylim()[0] < 1e-4
    assert {"0.01 %", "1 %", "100 %"} <= set(words(axes.figure))


def test_over_steps_the_shares_add_up_to_one():
    lines = GALLERY["over steps"](WIDE).axes[0].lines[:3]
    np.testing.assert_allclose(sum(line.get_ydata() for line in lines), 1)
    assert {"k = 2", "k = 4", "all others"} <= set(words(lines[0].figure))


def test_circles_show_each_number_once():
    figure = plots.circles({2: CIRCLE}, label=3)
    np.testing.assert_allclose(figure.axes[0].collections[0].get_offsets(), CIRCLE)
    assert [text.get_text() for text in figure.axes[0].texts] == ["0", "1", "2"]


@pytest.mark.parametrize("p", [7, 8])
@pytest.mark.parametrize("k", [0, 1, 3])
def test_smooth_waves_are_the_waves_between_the_numbers(p, k):
    values = np.cos(2 * np.pi * k * np.arange(p) / p)
    line = plots.waves({"w": values}, smooth=True).axes[0].lines[1]
    x, y = line.get_data()
    np.testing.assert_allclose(y, np.cos(2 * np.pi * k * x / p), atol=1e-12)


def test_waves_compare_with_points_in_every_row():
    figure = GALLERY["waves"](WIDE)
    for axes, values in zip(figure.axes, CIRCLE.T, strict=True):
        np.testing.assert_array_equal(axes.lines[1].get_ydata(), values)
        np.testing.assert_array_equal(axes.lines[2].get_ydata(), CIRCLE[:, 0])
        assert axes.lines[2].get_zorder() < axes.lines[1].get_zorder(), "the points hide the line"


def test_the_diagram_says_the_models_own_shapes():
    drawn = " ".join(words(plots.architecture(59, 96, 3, 200)))
    for shape in ("(3,)", "(3, 96)", "(3, 3, 32)", "(3, 3, 3)", "(3, 200)", "(3, 60)", "(60,)", "(60, 96)", "(96, 60)"):
        assert shape in drawn


@pytest.mark.parametrize("kind", [list, np.asarray, torch.tensor, lambda x: torch.tensor(x, requires_grad=True)])
def test_arrays_may_be_lists_numpy_or_torch(kind):
    figure = plots.loss_curves(kind(STEPS.astype(float).tolist()), kind(TRAIN.tolist()), kind(TEST.tolist()))
    np.testing.assert_allclose(figure.axes[0].lines[1].get_ydata(), TEST, rtol=1e-6)


def test_a_torch_mask_and_half_precision():
    plots.addition_table(torch.tensor(LABELS), torch.tensor(MASK))
    plots.activation_strips({"x": torch.ones(4, dtype=torch.bfloat16)})


# ---------------------------------------------------------------------------------------------- the circuit


def test_question_maps_draw_every_question_on_a_scale_of_their_own():
    figure = GALLERY["questions"](WIDE)
    shown = [axes for axes in figure.axes if axes.get_visible()]
    assert len(shown) == 5
    for i, axes in enumerate(shown):
        np.testing.assert_allclose(axes.images[0].get_array(), LABELS / (i + 1))
        assert axes.images[0].get_clim() == pytest.approx((0, 10 / (i + 1)))
        assert axes.get_ylim()[0] > axes.get_ylim()[1]  # a downwards
    assert GALLERY["signed questions"](WIDE).axes[0].images[0].get_clim() == (-8, 8)


def test_questions_of_the_training_set_are_blue_and_the_others_orange():
    [image] = GALLERY["questions of two sets"](WIDE).axes[0].images
    colours = image.get_array()
    np.testing.assert_array_equal(colours[..., 3], MASK)
    for is_trained, hue in ((True, "blue"), (False, "orange")):
        there = colours[(LABELS % 2 == 0) == is_trained]
        np.testing.assert_allclose(there[:, :3], np.tile(to_rgb(plots.LIGHT[hue]), (len(there), 1)))


def test_the_2d_spectrum_leaves_the_constant_out():
    axes = GALLERY["spectrum 2d"](WIDE).axes[0]
    [squares] = axes.collections
    shares = np.outer(ENERGY, ENERGY)
    shares[0, 0] = 0
    shares /= shares.sum()
    drawn = {tuple(at): value for at, value in zip(squares.get_offsets().data, squares.get_array(), strict=True)}
    assert (0, 0) not in drawn
    assert axes.get_ylim()[0] > axes.get_ylim()[1]  # a downwards, as in the maps
    for (b, a), value in drawn.items():
        assert value == pytest.approx(shares[int(a), int(b)])
    assert len(drawn) == (shares >= 1e-4).sum()
    assert {"0", "2", "3", "frequency in a", "frequency in b"} <= set(words(axes.figure))


def test_neurons_stand_at_their_frequency_and_share():
    axes = GALLERY["neurons"](WIDE).axes[0]
    below, second, fourth = axes.lines[:3]
    np.testing.assert_allclose(second.get_ydata(), [0.9, 0.95])
    np.testing.assert_allclose(second.get_xdata(), [2, 2], atol=0.7)
    np.testing.assert_allclose(fourth.get_ydata(), [1.0])
    np.testing.assert_allclose(below.get_ydata(), [0.3])
    drawn = words(axes.figure)
    assert [drawn.count(k) for k in "2345"] == [2, 1, 2, 1]  # ticks, and the names of those above the line


def test_interference_ends_with_the_sum():
    first, second, last = GALLERY["interference"](WIDE).axes
    for axes, height in ((first, 1), (second, 0.2), (last, 1.2)):
        curve = max(axes.lines, key=lambda line: len(line.get_xdata()))
        np.testing.assert_allclose(curve.get_ydata()[::16], height * CIRCLE[:, 0], atol=1e-12)
        assert any(set(np.atleast_1d(line.get_xdata())) == {0} for line in axes.lines)  # the answer
    np.testing.assert_allclose(last.lines[-1].get_ydata(), CIRCLE[:, 0])


# ---------------------------------------------------------------------------------------------- on the page


def test_html_has_one_picture_for_pages_and_one_for_phones():
    page = plots.to_html(GALLERY["loss"](WIDE), 'Loss < 1 & "falling"')
    pictures = re.findall(r"<svg .*?</svg>", page, flags=re.S)
    assert len(pictures) == 2
    widths = []
    for picture in pictures:
        root = ElementTree.fromstring(re.sub(r' xmlns(:\w+)?="[^"]*"| xlink:', " ", picture))
        assert root.get("aria-label") == 'Loss < 1 & "falling"'
        assert root.get("role") == "img"
        widths.append(float(root.get("width").removesuffix("pt")) / 72)
        ids = [element.get("id") for element in root.iter() if element.get("id")]
        assert len(ids) == len(set(ids))
    np.testing.assert_allclose(widths, [WIDE, NARROW])
    all_ids = re.findall(r' id="([^"]*)"', page)
    assert len(all_ids) == len(set(all_ids))
    assert not re.search("<metadata|<!--", page)


def test_every_colour_of_the_palette_follows_the_mode():
    page = plots.to_html(GALLERY["loss"](WIDE), "alt")
    pictures = "".join(re.findall(r"<svg .*?</svg>", page, flags=re.S))
    for name, (light, dark) in PALETTE.items():
        assert f"--gc-{name}: {dark}" in page
        assert len(re.findall(light, pictures)) == len(re.findall(rf"var\(--gc-{name}, {light}\)", pictures))


def test_html_is_the_same_every_time():
    assert plots.to_html(GALLERY["circles"](WIDE), "alt") == plots.to_html(GALLERY["circles"](WIDE), "alt")


@pytest.mark.parametrize("name", ["table", "circles"])
def test_a_figure_weighs_little(name):
    page = plots.to_html(GALLERY[name](WIDE), "alt")
    assert len(page) < 400_000


def test_other_figures_can_be_shown_too():
    figure = Figure()
    figure.subplots().plot([1, 2])
    assert plots.to_html(figure, "A line").count("<svg") == 1


def test_many_marks_become_pixels():
    figure = Figure()
    figure.subplots().scatter(*np.random.default_rng(0).random((2, 5000)))
    assert len(plots.to_html(figure, "A cloud")) < 400_000


@pytest.mark.parametrize("alt", ["", "  "])
def test_a_figure_needs_alt_text(alt):
    with pytest.raises(ValueError, match="alt text"):
        plots.to_html(GALLERY["loss"](WIDE), alt)


def test_show_displays_once_and_returns_nothing(monkeypatch):
    pytest.importorskip("IPython")
    shown = []
    monkeypatch.setattr("IPython.display.display", shown.append)
    assert plots.show(GALLERY["spectrum"](WIDE), "A spectrum") is None
    assert len(shown) == 1
    assert 'aria-label="A spectrum"' in shown[0].data


def test_saving_as_an_image_works_as_with_any_figure():
    GALLERY["loss"](WIDE).savefig(buffer := io.BytesIO(), format="png")
    assert buffer.getvalue().startswith(b"\x89PNG")


# ---------------------------------------------------------------------------------------------- bad input


@pytest.mark.parametrize(
    ("call", "reason"),
    [
        (lambda: plots.loss_curves([], [], []), "empty"),
        (lambda: plots.loss_curves([0, 1], [1, 2], [1]), "1 values for 2 steps"),
        (lambda: plots.loss_curves([0, 1], [1, 2], [math.nan, math.nan]), "no finite number"),
        (lambda: plots.loss_curves([0, 1], [1, 2], [0, -1]), "above zero"),
        (lambda: plots.loss_curves([0, 1], [[1, 2]], [1, 2]), "1 dimension,"),
        (lambda: plots.loss_curves([0, 1], [1, 2], [1, 2], phases={"x": (1, 0)}), "ends before it starts"),
        (lambda: plots.curves({}, ylabel="y"), "1 to 5 lines, not 0"),
        (lambda: plots.curves({str(i): ([0, 1], [0, 1]) for i in range(6)}, ylabel="y"), "not 6"),
        (lambda: plots.sweep_curves({}, ylabel="y"), "1 to 8 settings"),
        (lambda: plots.stacked_curves({}), "1 to 8 panels"),
        (lambda: plots.stacked_curves({"a": ([0, 1], [1, 2])}, log_y=["b"]), "no panel 'b'"),
        (lambda: plots.announcements({}), "dates is empty"),
        (lambda: plots.sweep_curves({"a": []}, ylabel="y"), "no run is given for 'a'"),
        (lambda: plots.clock(12, []), "a dial needs sums"),
        (lambda: plots.clock(12, [(12, 1)]), "a dial needs sums"),
        (lambda: plots.addition_table(np.ones((3, 4))), r"\(p, p\)"),
        (lambda: plots.addition_table(np.ones((3, 3)), np.ones((4, 4))), r"\(p, p\)"),
        (lambda: plots.question_maps({"x": LABELS}, trained=[[True]]), r"the shape of x, \(11, 11\), not \(1, 1\)"),
        (lambda: plots.heat_maps({}), "empty"),
        (lambda: plots.heat_maps({"a": [[1, 2]]}, column_labels=["x"]), "1 labels for 2"),
        (lambda: plots.attention_pattern(np.ones((3, 3)), QUESTION), "3 dimensions"),
        (lambda: plots.attention_pattern(np.ones((1, 3, 3)), "ab"), "2 labels for 3"),
        (lambda: plots.activation_strips({}), "empty"),
        (lambda: plots.activation_strips({"x": np.ones((2, 2, 2))}), "x must have"),
        (lambda: plots.logit_bars([1, 2], 2), "one of 0 … 1"),
        (lambda: plots.spectrum([1, 0, 0]), "no energy besides"),
        (lambda: plots.spectrum([1]), "no energy besides"),
        (lambda: plots.spectrum(ENERGY, key=[6]), "among 1 … 5"),
        (lambda: plots.spectra({}), "empty"),
        (lambda: plots.spectrum_over_steps([1], np.tile(ENERGY, (2, 1)), key=[]), "1 steps but 2 spectra"),
        (lambda: plots.question_maps({"x": np.ones((2, 3))}), "square"),
        (lambda: plots.question_maps({}), "empty"),
        (lambda: plots.spectrum_2d({"x": np.ones((2, 3))}), "square"),
        (lambda: plots.spectrum_2d({"x": np.diag([1.0, 0, 0])}), "besides the constant"),
        (lambda: plots.spectrum_2d({"x": np.eye(3)}, key=[3]), "key frequencies"),
        (lambda: plots.neuron_shares([1, 2], [0.5], n_frequencies=5), "2 frequencies for 1"),
        (lambda: plots.neuron_shares([6], [0.5], n_frequencies=5), "among"),
        (lambda: plots.interference({"x": [1.0, 0.0]}, 2), "answer"),
        (lambda: plots.interference({"x": [1.0, 0.0], "y": [1.0]}, 0), "same candidates"),
        (lambda: plots.interference({"x": [1.0, 0.0]}, 0, points=[1.0]), "same candidates"),
        (lambda: plots.circles({}), "empty"),
        (lambda: plots.circles({1: np.ones((5, 3))}), r"\(p, 2\)"),
        (lambda: plots.waves({}), "empty"),
        (lambda: plots.waves({"a": [1, 2], "b": [1, 2, 3]}), "b has 3 values, not 2"),
        (lambda: plots.waves({"a": [1, 2]}, points=[1]), "points has 1 values"),
        (lambda: plots.architecture(113, 10, 4, 2), "no such model"),
    ],
)
def test_bad_input_is_refused_with_a_reason(call, reason):
    with pytest.raises(ValueError, match=reason):
        call()
