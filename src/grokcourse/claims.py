"""What others have claimed about this task: a measurement of each claim on our own runs, and the bounds for a verdict.

``CLAIMS`` is the one list: the page "The paper's claims, checked" prints it, and ``tests/test_claims.py`` holds what
comes out. The module stands above all analysis, which it only calls; nothing but that page and those tests imports it.

A verdict follows from numbers alone. A claim's measure gives a value for each run that the claim is about, the most
telling first (the main run, where it takes part). The claim *holds* if every value lies within ``holds``; it *does not
hold* if the first value lies outside ``nearly``; else it *holds partly*. The bounds are ours, set by what a claim says
and not by what we found:

* a count, a step, a loss, or a ratio of two: within a factor of two of the figure claimed;
* a share: within ten percentage points of it;
* a statement without a figure: what its words say, as far as a number can;
* nearly: the direction is right, though the size is not.
"""

import functools
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from . import circuit, fourier, measures, runs, tasks, training
from .measures import Measures
from .model import n_parameters
from .runs import Run
from .torch_state import usual_torch

Verdict = Literal["holds", "holds partly", "does not hold"]
Range = tuple[float, float]

SEEDS = ("main", "wd1-seed1", "wd1-seed2")
"""Runs that differ in the seed alone: weight decay 1, as in the paper."""
NO_DECAY = ("wd0-seed0", "wd0-seed1", "wd0-seed2")
"""Runs without weight decay."""
TITLES = {
    "main": "main run",
    "wd1-seed1": "seed 1",
    "wd1-seed2": "seed 2",
    "wd3-seed0": "weight decay 3",
    "wd0.3-seed0": "weight decay 0.3",
    "wd0-seed0": "no decay, seed 0",
    "wd0-seed1": "no decay, seed 1",
    "wd0-seed2": "no decay, seed 2",
}
"""What the page calls a run."""
SOURCES = {
    "power2022grokking": "Power et al. 2022",
    "nanda2023progress": "Nanda et al. 2023",
    "": "the project page",
}
"""Whose claims these are: a key of ``book/references.bib``, or none for the page that the course grew from."""

CHAPTERS = {"task": 1, "transformer": 2, "weight": 3, "grokking": 4, "fourier": 5, "circuit": 6, "measures": 7}
"""The chapter that a label belongs to, by its first word."""


class Case:
    """A run, and what is measured on its last checkpoint: each computed once, when first asked for."""

    def __init__(self, name: str) -> None:
        self.name = name

    @functools.cached_property
    def run(self) -> Run:
        """The run itself."""
        return runs.load(self.name)

    @functools.cached_property
    def measured(self) -> Measures:
        """The progress measures along the run."""
        return measures.load(self.name)

    @functools.cached_property
    def data(self) -> tasks.Dataset:
        """All questions, and their split."""
        return tasks.dataset(self.run.config)

    @functools.cached_property
    def phases(self) -> training.Phases:
        """The phases as the history shows them."""
        h = self.run.history
        columns = (h[name] for name in ("step", "train_accuracy", "test_accuracy", "test_loss"))
        return training.find_phases(*columns, self.run.config.chance_loss)

    @functools.cached_property
    def hidden(self) -> measures.HiddenPhases:
        """The phases as the measures show them."""
        m = self.measured
        return measures.find_hidden_phases(m.steps, m["excluded_loss"], m["gini_W_logit"])

    @functools.cached_property
    def key(self) -> list[int]:
        """The key frequencies, from the map from neurons to logits."""
        return measures.key_frequencies(self.run.model())

    @functools.cached_property
    def weights(self) -> circuit.EffectiveWeights:
        """The effective weights."""
        return circuit.effective_weights(self.run.model())

    @functools.cached_property
    def pattern(self) -> Tensor:
        """(3, head, p, p): what ``=`` attends to."""
        return circuit.attention_from(self.weights)

    @functools.cached_property
    def neurons(self) -> Tensor:
        """(p, p, d_mlp): the neurons' activations."""
        return circuit.neurons_from(self.weights)

    @functools.cached_property
    def neuron_frequencies(self) -> tuple[Tensor, Tensor]:
        """Each neuron's best frequency, and the share of its variance which that explains."""
        return circuit.neuron_frequencies(self.neurons)

    @functools.cached_property
    def logits(self) -> Tensor:
        """(p, p, p): the logits of all questions."""
        return circuit.logits_from(self.weights, self.neurons, self.pattern)

    @functools.cached_property
    def from_neurons(self) -> Tensor:
        """(p, p, p): the neurons' part of the logits. What is done to all neurons alike may be done to it instead."""
        return self.neurons @ self.weights.W_logit

    @functools.cached_property
    def waves(self) -> dict[int, Tensor]:
        """By key frequency, its polynomial of degree 2 in the logits, without the constant: (p, p, p) each."""
        mean = self.logits.mean(dim=(0, 1))
        return {k: circuit.ablate_frequencies(self.logits, keep=[k], part="polynomial") - mean for k in self.key}

    @functools.cached_property
    def loss(self) -> float:
        """The loss on the test set."""
        return self.loss_of(self.logits)

    def loss_of(self, logits: Tensor) -> float:
        """The loss of some logits (p, p, p) on the test set, in nats."""
        return float(measures.mean_loss(logits, self.data.test_index))

    def accuracy_of(self, logits: Tensor) -> float:
        """The share of the test set that some logits (p, p, p) answer."""
        right = logits.argmax(dim=-1) == circuit.sum_labels(len(logits))
        return float(right.flatten()[self.data.test_index].double().mean())

    def loss_with(self, from_neurons: Tensor) -> float:
        """The loss on the test set with something else in place of the neurons' part of the logits, (p, p, p)."""
        return self.loss_of(self.logits - self.from_neurons + from_neurons)


Cases = Mapping[str, Case]
Values = dict[str, float]
Measure = Callable[[Cases], Values]


@dataclass(frozen=True)
class Claim:
    """One claim of others, and how it is checked."""

    name: str
    title: str
    source: str
    """A key of ``SOURCES``."""
    place: str
    """Where the source says it."""
    text: str
    """What it says, in our words (Markdown)."""
    theirs: str
    """Its figure (Markdown); may be empty."""
    measured: str
    """What our values are (Markdown)."""
    measure: Measure
    """Our values."""
    show: str
    """How a value is written, as for ``str.format``."""
    holds: Range
    nearly: Range
    seen: str
    """The label of the place in the course that shows it."""
    remark: str = ""
    """What one should know beside the verdict (Markdown)."""
    miss: str = ""
    """What to make of it if the claim does not hold, or holds partly (Markdown)."""


@dataclass(frozen=True)
class Checked:
    """A claim, our values and the verdict."""

    claim: Claim
    values: Values

    @property
    def verdict(self) -> Verdict:
        """As the head of this module says."""
        return verdict(list(self.values.values()), self.claim.holds, self.claim.nearly)


def verdict(values: list[float], holds: Range, nearly: Range) -> Verdict:
    """Whether values bear a claim out; the first is the one that counts most.

    Args:
        values: at least one; NaN is within no bounds.
        holds: lowest and highest value of a claim that holds.
        nearly: lowest and highest value of a claim that at least holds partly.
    """
    if all(holds[0] <= value <= holds[1] for value in values):
        return "holds"
    return "holds partly" if nearly[0] <= values[0] <= nearly[1] else "does not hold"


@usual_torch()
def check_all(cases: Cases | None = None) -> list[Checked]:
    """Every claim, checked on the runs of the course; takes some seconds."""
    cases = {name: Case(name) for name in TITLES} if cases is None else cases
    with torch.no_grad():
        return [Checked(claim, claim.measure(cases)) for claim in CLAIMS]


def written(claim: Claim, value: float) -> str:
    """A value as the page writes it: ``79.9%``, ``6,400``, ``5.8 · 10⁻⁸``."""
    text = claim.show.format(value)
    if abs(value) >= 1e5 and "," not in claim.show:
        text = f"{value:.1e}"
    found = re.fullmatch(r"(-?[\d.]+)e([+-]\d+)", text)
    if found:
        power = str(int(found[2])).translate(str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"))
        text = f"{found[1]} · 10{power}"
    return unbroken(text)


def unbroken(text: str) -> str:
    """A text in which no line ends within a product with a power of ten."""
    return re.sub(r" (?=· 10)|(?<=\d ·) (?=10)", "\N{NO-BREAK SPACE}", text)


def bound_written(claim: Claim, bound: float) -> str:
    """A bound likewise, with as many digits as it has: ``90%``, ``1.25``."""
    if "%" in claim.show:
        return f"{100 * bound:.10g}%"
    return f"{bound:,.10g}" if bound == 0 or bound >= 1e-3 else written(claim, bound)


def bounds_written(claim: Claim, bounds: Range) -> str:
    """A range as the page writes it: ``up to 2``, ``10 or more``, ``0.44 to 1``."""
    low, high = (bound_written(claim, bound) if math.isfinite(bound) else "" for bound in bounds)
    if low == high:
        return f"exactly {low}"
    if bounds[0] <= 0:
        return f"at most {high}" if high else "0 or more"
    return f"{low} to {high}" if high and high != "100%" else f"{low} or more"


def as_markdown(checked: Checked) -> str:
    """A claim, both figures and the verdict as a box of the page, in MyST."""
    claim = checked.claim
    texts = [f"{written(claim, value)} ({name})" for name, value in checked.values.items()]
    rows = {"They say": claim.theirs, "We find": ", ".join(texts)}
    bounds = f"Holds: {bounds_written(claim, claim.holds)}"
    if claim.nearly != claim.holds:
        bounds += f"; partly: {bounds_written(claim, claim.nearly)}"
    notes = [claim.remark, claim.miss if checked.verdict != "holds" else ""]
    label, chapter = claim.seen, CHAPTERS[claim.seen.split("-")[0]]
    lines = [
        f"(claim-{claim.name})=",
        f":::{{container}} gc-claim gc-{checked.verdict.replace(' ', '-')}",
        f"**{claim.title}** [{checked.verdict}]{{.gc-verdict}}",
        "",
        f"{claim.text} [{claim.place[0].upper()}{claim.place[1:]}.]{{.gc-aside}}",
        "",
        *[f"{term}\n: {text}\n" for term, text in rows.items() if text],
        f"[Measured: {claim.measured}. {bounds}. Seen in chapter {chapter},]{{.gc-aside}} {{ref}}`{label}`.",
        *[f"\n{note}" for note in notes if note],
        ":::",
    ]
    return unbroken("\n".join(lines))


def each(function: Callable[[Case], float], names: tuple[str, ...] = SEEDS) -> Measure:
    """A measure that takes one number of each of some runs."""
    return lambda cases: {TITLES[name]: float(function(cases[name])) for name in names}


def step_or_nan(step: int | None) -> float:
    """A step, or NaN for one that is never reached."""
    return math.nan if step is None else float(step)


# --- what is measured on a run ---------------------------------------------------------------------------------------


def delay(case: Case) -> float:
    """How many times as late as memorisation the model has grokked."""
    return step_or_nan(case.phases.grokked) / step_or_nan(case.phases.memorised)


def worst_test_loss(case: Case) -> float:
    """The highest test loss of the run, in units of the loss of guessing."""
    return case.run.history["test_loss"].max() / case.run.config.chance_loss


def embedding_in_strongest(case: Case) -> float:
    """The share of the embedding's energy in its six strongest frequencies, the constant left out."""
    energy = fourier.energy_per_frequency(case.run.model().W_E[: case.run.config.p])[1:]
    return float(energy.topk(6).values.sum() / energy.sum())


def unembedding_in_key(case: Case) -> float:
    """The share of the unembedding's energy in the key frequencies, the constant left out."""
    energy = fourier.energy_per_frequency(case.run.model().W_U[:, : case.run.config.p], dim=1)
    return float(energy[case.key].sum() / energy[1:].sum())


def heads_of_one_frequency(case: Case) -> float:
    """The share of heads in which waves of a alone and of b alone, of one frequency, explain 90% of the attention."""
    energy = circuit.energy_2d(case.pattern[0].permute(1, 2, 0))  # (frequency, frequency, head)
    alone = energy[0] + energy[:, 0]
    alone[0] = 0
    explained = alone.max(dim=0).values / (energy.sum(dim=(0, 1)) - energy[0, 0])
    return float((explained > 0.9).double().mean())


def linear_attention(case: Case) -> float:
    """The loss with the heads' logistic function replaced by its tangent line, against the model's own."""
    score = case.weights.W_attn
    to_a = 0.5 + (score[:, :, None] - score[:, None, :]) / 4
    pattern = torch.stack([to_a, 1 - to_a, torch.zeros_like(to_a)])
    return case.loss_of(circuit.logits_from(case.weights, pattern=pattern)) / case.loss


def attention_to_equals(case: Case) -> float:
    """The largest share, over the heads, of its attention that ``=`` pays to itself on average."""
    return float(case.pattern[2].mean(dim=(1, 2)).max())


def without_attention_to_equals(case: Case) -> float:
    """The loss with the attention of ``=`` to itself neglected, against the model's own."""
    return case.loss_of(circuit.logits_from(case.weights.without("equals"))) / case.loss


def without_skip(case: Case) -> float:
    """The loss without anything that reaches the logits past the neurons, against the model's own."""
    return case.loss_of(case.from_neurons) / case.loss


def without_heads(case: Case) -> float:
    """The loss without what the heads bring: the same logits for every question."""
    logits = case.weights.neur_bias.relu() @ case.weights.W_logit + case.weights.logit_bias
    return case.loss_of(logits.expand_as(case.logits))


def logits_in_blocks(case: Case) -> float:
    """The share of the logits' energy in products of two waves of one key frequency, their means left out."""
    energy = circuit.energy_2d(case.logits).sum(dim=2)
    return float(energy[case.key, case.key].sum() / (energy.sum() - energy[0, 0]))


def rank_residual(case: Case) -> float:
    """What is left of W_logit's norm without the key frequencies' directions."""
    W = case.weights.W_logit
    return float((W - circuit.keep_directions(W, case.key)).norm() / W.norm())


def read_off_purity(case: Case) -> float:
    """The least share, over the directions u and v, of the variance of u · neurons that its wave of a + b explains."""
    p = case.run.config.p
    read = circuit.unembedding_directions(case.weights.W_logit, case.key)  # u, which reads cosines, and v, sines
    shares = []
    for wave, directions in enumerate(read):
        for k, direction in zip(case.key, directions, strict=True):
            table = (case.neurons @ direction).reshape(p, p, 1)
            component = circuit.project_logits(table, [k])[0, wave]
            shares.append(float(component.square().sum() / (table - table.mean()).square().sum()))
    return min(shares)


def cosine_share(case: Case) -> float:
    """The share of the logits' variance that the key cosines of a + b − c explain."""
    return circuit.fit_cosines(case.logits, case.key).explained


def cosine_loss(case: Case) -> float:
    """The loss of the fitted cosines alone, against the model's own."""
    fit = circuit.fit_cosines(case.logits, case.key)
    return case.loss_of(circuit.cosine_logits(case.run.config.p, case.key, fit.coefficients)) / case.loss


def specialised(case: Case) -> float:
    """The share of neurons of whose variance one frequency explains more than 85%."""
    return float((case.neuron_frequencies[1] > measures.SPECIALISED).double().mean())


def outputs_of_clusters(case: Case) -> float:
    """The least share, over the clusters of neurons, of the energy of what they write that is in their frequency."""
    shares = []
    for k, neurons in circuit.neuron_clusters(*case.neuron_frequencies).items():
        energy = fourier.energy_per_frequency(case.weights.W_logit[neurons], dim=1)
        shares.append(float(energy[k] / energy[1:].sum()))
    return min(shares, default=math.nan)


def polynomials_for_neurons(case: Case) -> float:
    """The loss with every specialised neuron replaced by its polynomial, against the model's own."""
    changed, W_logit = case.from_neurons.clone(), case.weights.W_logit
    for k, chosen in circuit.neuron_clusters(*case.neuron_frequencies).items():
        of_cluster = case.neurons @ torch.zeros_like(W_logit).index_copy(0, chosen, W_logit[chosen])
        changed += circuit.ablate_frequencies(of_cluster, keep=[k], part="polynomial") - of_cluster
    return case.loss_with(changed) / case.loss


def sums_in_neurons(case: Case) -> float:
    """The loss with nothing but the key waves of a + b left in the neurons, against the model's own."""
    return case.loss_with(circuit.ablate_frequencies(case.from_neurons, keep=case.key)) / case.loss


def least_key_ablation(case: Case) -> float:
    """The loss without the key frequency that is missed least, against the model's own."""
    return min(case.loss_of(case.logits - wave) / case.loss for wave in case.waves.values())


def others_ablated(case: Case) -> float:
    """The loss of the logits with the key frequencies' polynomials alone, against the model's own."""
    return case.loss_of(sum(case.waves.values()) + case.logits.mean(dim=(0, 1))) / case.loss


def key_ablated_accuracy(case: Case) -> float:
    """The accuracy without any key frequency in the logits, in units of that of guessing."""
    return case.accuracy_of(case.logits - sum(case.waves.values())) * case.run.config.p


def key_ablated_loss(case: Case) -> float:
    """The loss without any key frequency in the logits."""
    return case.loss_of(case.logits - sum(case.waves.values()))


def restricted_at_end(case: Case) -> float:
    """The restricted loss of the last checkpoint."""
    return float(measures.restricted_loss(case.logits, case.key, case.data.test_index))


def read_directions_only(case: Case) -> float:
    """The loss with the neurons projected on the directions that W_logit reads, against the model's own."""
    return case.loss_with(_in_read_directions(case)) / case.loss


def read_directions_removed(case: Case) -> float:
    """The loss with these directions taken out of the neurons, in units of that of guessing."""
    return case.loss_with(case.from_neurons - _in_read_directions(case)) / case.run.config.chance_loss


def lead_by_interference(case: Case) -> float:
    """The lead of the right answer with the key cosines averaged, against the lead with one of them."""
    waves = circuit.key_cosines(case.run.config.p, case.key)
    return float((1 - waves.mean(dim=0)[1:].max()) / (1 - waves[:, 1:].max(dim=1).values.max()))


def excluded_rise(case: Case) -> float:
    """How many nats the excluded loss rises after memorisation, while the training loss stays below a tenth."""
    m, start, end = case.measured, case.hidden.memorised, case.hidden.formed
    if start is None or end is None or m["train_loss"][(m.steps >= start) & (m.steps <= end)].max() > 0.1:
        return math.nan
    return float(m.at("excluded_loss", end) - m.at("excluded_loss", start))


def excluded_after(case: Case) -> float:
    """The excluded loss at the end of clean-up, against its peak."""
    m, h = case.measured, case.hidden
    if h.formed is None or h.cleaned is None:
        return math.nan
    return float(m.at("excluded_loss", h.cleaned) / m.at("excluded_loss", h.formed))


def restricted_when_memorised(case: Case) -> float:
    """The restricted loss at the end of memorisation, in units of the loss of guessing."""
    if case.hidden.memorised is None:
        return math.nan
    return float(case.measured.at("restricted_loss", case.hidden.memorised) / case.run.config.chance_loss)


def head_start(case: Case) -> float:
    """How many steps the restricted loss is ahead of the test loss in falling below a tenth of that of guessing."""
    return _circuit_works(case, "test_loss") - _circuit_works(case, "restricted_loss")


def accuracy_when_formed(case: Case) -> float:
    """The test accuracy at the checkpoint where the restricted loss has fallen below a tenth of that of guessing."""
    step = _circuit_works(case, "restricted_loss")
    return math.nan if math.isnan(step) else case.run.at("test_accuracy", int(step))


def test_loss_when_formed(case: Case) -> float:
    """The test loss there, against its highest value."""
    step = _circuit_works(case, "restricted_loss")
    highest = case.run.history["test_loss"].max()
    return math.nan if math.isnan(step) else case.run.at("test_loss", int(step)) / highest


def norm_in_formation(case: Case) -> float:
    """The sum of squared weights where circuit formation ends, against where it begins."""
    h, squares = case.hidden, _squares(case)
    if h.memorised is None or h.formed is None:
        return math.nan
    return float(squares[case.measured.steps == h.formed][0] / squares[case.measured.steps == h.memorised][0])


def norm_steepness(case: Case) -> float:
    """How many times as fast the sum of squared weights falls at its fastest in the clean-up as in the formation."""
    return _steepness(case, -_squares(case))


def gini_steepness(case: Case) -> float:
    """The same for the rise of the Gini coefficient: the lesser of that of W_E and of W_logit."""
    return min(_steepness(case, case.measured[name]) for name in ("gini_W_E", "gini_W_logit"))


def excluded_without_decay(case: Case) -> float:
    """The highest excluded loss of any single frequency at the end of the run."""
    return float(case.measured["excluded_loss_each"][-1].max())


def best_test_accuracy(case: Case) -> float:
    """The highest test accuracy of the run."""
    return float(case.run.history["test_accuracy"].max())


def grokked(case: Case) -> float:
    """The step at which 99% of the test set is answered."""
    return step_or_nan(case.phases.grokked)


def at_end(quantity: str) -> Callable[[Case], float]:
    """What the history recorded last."""
    return lambda case: case.run.history[quantity][-1]


def overlap_of_seeds(cases: Cases) -> Values:
    """For each pair of seeds, the share of all their key frequencies that they have in common."""
    pairs = [(a, b) for i, a in enumerate(SEEDS) for b in SEEDS[i + 1 :]]
    return {
        f"{TITLES[a]} and {TITLES[b]}": len(set(cases[a].key) & set(cases[b].key))
        / len(set(cases[a].key) | set(cases[b].key))
        for a, b in pairs
    }


def speed_by_decay(cases: Cases) -> Values:
    """How many times as late the next weaker decay groks."""
    names = ("wd3-seed0", "main", "wd0.3-seed0")
    decays = [cases[name].run.config.weight_decay for name in names]
    return {
        f"{weak:g} against {strong:g}": grokked(cases[b]) / grokked(cases[a])
        for a, b, strong, weak in zip(names, names[1:], decays, decays[1:], strict=False)
    }


def times_by_decay(cases: Cases) -> Values:
    """When each weight decay groks, against the appendix's figure for it (the middle of 5 to 10 thousand for 1)."""
    theirs = {"wd0.3-seed0": 3_000, "main": 7_500, "wd3-seed0": 20_000}
    return {f"{cases[name].run.config.weight_decay:g}": grokked(cases[name]) / step for name, step in theirs.items()}


# --- helpers ---------------------------------------------------------------------------------------------------------


def _in_read_directions(case: Case) -> Tensor:
    """(p, p, p): the part of the logits from the neurons' projection on what W_logit reads of the key frequencies."""
    u, v = circuit.unembedding_directions(case.weights.W_logit, case.key)
    basis, _ = torch.linalg.qr(torch.cat([u, v]).T)  # (d_mlp, 2K)
    return (case.neurons @ basis) @ (basis.T @ case.weights.W_logit)


def _circuit_works(case: Case, loss: str) -> float:
    """The first checkpoint from which on a loss stays below a tenth of that of guessing; NaN if it never does."""
    m = case.measured
    above = np.flatnonzero(m[loss] >= case.run.config.chance_loss / 10)
    after = above[-1] + 1 if len(above) else 0
    return float(m.steps[after]) if after < len(m.steps) else math.nan


def _squares(case: Case) -> np.ndarray:
    """The sum of squared weights at each checkpoint."""
    return np.square(case.measured["weight_norms"]).sum(axis=1)


def _steepness(case: Case, values: np.ndarray) -> float:
    """The steepest rise between two checkpoints in the clean-up, against the median rise in circuit formation."""
    h, steps = case.hidden, case.measured.steps
    if h.memorised is None or h.formed is None or h.cleaned is None:
        return math.nan
    rise = np.diff(values) / np.diff(steps)
    in_formation = (steps[:-1] >= h.memorised) & (steps[1:] <= h.formed)
    in_cleanup = (steps[:-1] >= h.formed) & (steps[1:] <= h.cleaned)
    return float(rise[in_cleanup].max() / np.median(rise[in_formation]))


# --- the claims ------------------------------------------------------------------------------------------------------

ANY = math.inf
POWER, NANDA, PAGE = SOURCES

CLAIMS = (
    # Power et al. 2022
    Claim(
        "fast-training",
        "The training set is learnt quickly",
        POWER,
        "figure 1",
        "The accuracy on the training set is close to perfect after fewer than a thousand steps.",
        "fewer than 1,000 steps, for division modulo 97",
        "the step at which 99% of the training set is answered",
        each(lambda case: step_or_nan(case.phases.memorised)),
        "{:,.0f}",
        (0, 1_000),
        (0, 2_000),
        "grokking-curve",
    ),
    Claim(
        "delay",
        "Unseen questions are answered a thousand times later",
        POWER,
        "figure 1",
        "Long after it has overfitted, the network comes to answer what it has never seen.",
        "about a million steps, a thousand times as late as the training set",
        "how many times as late as 99% of the training set 99% of the test set are answered",
        each(delay),
        "{:,.0f} times",
        (500, 2_000),
        (2, ANY),
        "grokking-curve",
        miss="Their best-known curve is an extreme example, of another operation and trained in another way. The delay "
        "depends on the weight decay and on the size of the training set; its length is no constant of nature.",
    ),
    Claim(
        "rise-of-loss",
        "The validation loss rises before it falls",
        POWER,
        "section 3.1 and figure 4",
        "The loss on unseen questions has a double descent: it goes up during overfitting, and comes down much later.",
        "",
        "the highest test loss, in units of the loss of guessing",
        each(worst_test_loss),
        "{:.1f}",
        (1.5, ANY),
        (1, ANY),
        "grokking-curve",
    ),
    Claim(
        "circles",
        "The output layer shows circles",
        POWER,
        "section 3.4 and figure 3",
        "For modular addition, a picture of the output layer's weights shows the circular structure of the task.",
        "seen in a t-SNE picture",
        "the share of the unembedding's energy that lies on the circles of the key frequencies",
        each(unembedding_in_key),
        "{:.1%}",
        (0.9, 1),
        (0.5, 1),
        "fourier-unembedding",
        "They saw *one* circle, made by steps of 8. There are several, and each key frequency has its own step.",
    ),
    # Nanda et al. 2023, section 3
    Claim(
        "generalises",
        "In the end the model answers nearly everything",
        NANDA,
        "section 3",
        "The test accuracy increases to near 100%.",
        "near 100%",
        "the test accuracy at the end of the run",
        each(at_end("test_accuracy")),
        "{:.1%}",
        (0.99, 1),
        (0.9, 1),
        "grokking-curve",
    ),
    Claim(
        "when",
        "It generalises after around ten thousand epochs",
        NANDA,
        "section 3",
        "The network generalises after around 10,000 epochs. (An epoch is a step here: the batch is the whole set.)",
        "around 10,000",
        "the step at which 99% of the test set is answered",
        each(grokked),
        "{:,.0f}",
        (5_000, 20_000),
        (1_000, 100_000),
        "grokking-curve",
    ),
    # section 4.1
    Claim(
        "sparse-embedding",
        "The embedding is made of six frequencies",
        NANDA,
        "section 4.1 and figure 3",
        "The embedding has significant norm at 6 of the 56 frequencies only.",
        "6 frequencies",
        "the share of the embedding's energy in its six strongest frequencies",
        each(embedding_in_strongest),
        "{:.1%}",
        (0.9, 1),
        (0.75, 1),
        "fourier-spectrum",
    ),
    Claim(
        "key-frequencies",
        "Three to five of them are key",
        NANDA,
        "section 4.1 and appendix C.2.1",
        "Later parts of the model use 5 of these frequencies; models from other seeds use 3 or 4.",
        "5 in their main run, 3 or 4 in four others",
        "frequencies that stand out of the map from neurons to logits",
        each(lambda case: len(case.key)),
        "{:.0f}",
        (3, 5),
        (2, 10),
        "fourier-key",
    ),
    Claim(
        "different-frequencies",
        "Which ones depends on the seed",
        NANDA,
        "appendix C.2.1, table 3",
        "The specific frequencies differ by seed.",
        "five seeds, five different sets",
        "the share of all their key frequencies that two seeds have in common",
        overlap_of_seeds,
        "{:.0%}",
        (0, 0.99),
        (0, 0.99),
        "fourier-seeds",
    ),
    Claim(
        "sparse-logits",
        "The logits are made of a few products of waves",
        NANDA,
        "section 4.1 and figure 4",
        "In the two-dimensional Fourier basis over a and b, the logits have twenty components of significant norm: the "
        "products of sines and cosines for each of the five key frequencies.",
        "20 components",
        "the share of the logits' energy, without their means, in such products",
        each(logits_in_blocks),
        "{:.1%}",
        (0.9, 1),
        (0.75, 1),
        "circuit-2d",
    ),
    # section 4.2
    Claim(
        "low-rank",
        "The map from neurons to logits has rank ten",
        NANDA,
        "section 4.2, equation 2",
        "The map from neurons to logits is well approximated by the sines and cosines of the key frequencies, two "
        "directions each. What is left over is tiny.",
        "less than 0.55% of the Frobenius norm left over",
        "the share of the map's Frobenius norm that is left over",
        each(rank_residual),
        "{:.1%}",
        (0, 0.011),
        (0, 0.1),
        "circuit-read",
        miss="Most of the map is in these directions here too, but what is left over is several times as long as "
        "theirs. Squared, as a share of the energy, it is well below one per cent.",
    ),
    Claim(
        "read-off",
        "Along these directions the neurons hold waves of a + b",
        NANDA,
        "section 4.2, table 1",
        "What each of these directions reads off the neurons is a multiple of cos ω(a + b) or sin ω(a + b).",
        "93.2 to 98.2% of the variance explained",
        "the share of the variance explained in the least pure direction",
        each(read_off_purity),
        "{:.1%}",
        (0.9, 1),
        (0.75, 1),
        "circuit-read",
    ),
    Claim(
        "cosines",
        "The logits are cosines of a + b − c",
        NANDA,
        "section 4.2",
        "A weighted sum of cos ω(a + b − c) over the key frequencies explains most of the logits' variance.",
        "95%",
        "the share of the logits' variance explained",
        each(cosine_share),
        "{:.1%}",
        (0.85, 1),
        (0.75, 1),
        "circuit-logits",
    ),
    Claim(
        "cosines-better",
        "These cosines do better than the model itself",
        NANDA,
        "section 4.2",
        "The loss of the fitted cosines alone is lower than that of the model.",
        "4.7 · 10⁻⁸ against 2.4 · 10⁻⁷, a factor of 0.20",
        "the test loss of the fitted cosines, as a multiple of the model's",
        each(cosine_loss),
        "{:.2f}",
        (0.1, 0.4),
        (0, 1),
        "circuit-logits",
    ),
    # section 4.3
    Claim(
        "neurons",
        "Most neurons belong to one frequency",
        NANDA,
        "section 4.3",
        "A polynomial of degree 2 in the waves of a single frequency explains more than 85% of the variance of most "
        "neurons.",
        "433 of 512 neurons, 84.6%",
        "the share of neurons of which this is true",
        each(specialised),
        "{:.1%}",
        (0.746, 0.946),
        (0.5, 1),
        "circuit-clusters",
    ),
    Claim(
        "neurons-write",
        "A neuron writes the frequency that it reads",
        NANDA,
        "section 4.3 and figure 5",
        "The map from the neurons of one frequency to the logits has only two components of note, the sine and the "
        "cosine of that frequency.",
        "shown for the 44 neurons of their frequency 14",
        "the share of the energy in the cluster's own frequency, for the least pure cluster",
        each(outputs_of_clusters),
        "{:.1%}",
        (0.9, 1),
        (0.75, 1),
        "circuit-phases",
    ),
    # section 4.4
    Claim(
        "polynomials",
        "Polynomials can take the neurons' place",
        NANDA,
        "section 4.4",
        "Replacing each of these neurons by its polynomial hardly changes the loss.",
        "a factor of 1.03",
        "the test loss after the replacement, as a multiple of the model's",
        each(polynomials_for_neurons),
        "{:.2f}",
        (0.5, 2),
        (0, 10),
        "circuit-ablation",
    ),
    Claim(
        "sums-suffice",
        "Waves of a + b in the neurons are enough",
        NANDA,
        "section 4.4",
        "With nothing but cos ω(a + b) and sin ω(a + b) of the key frequencies left in the neurons, the loss improves.",
        "a factor of 0.23",
        "the test loss of what is left, as a multiple of the model's",
        each(sums_in_neurons),
        "{:.2f}",
        (0.115, 0.46),
        (0, 1),
        "circuit-ablation",
        miss="It improves, but by less than theirs. Their words are about the neurons; as far as we know, their "
        "notebook has this very figure for the logits. There ours falls further, too: see "
        "[the restricted loss](claim-restricted-end).",
    ),
    Claim(
        "each-needed",
        "Every key frequency is needed",
        NANDA,
        "section 4.4 and figure 6",
        "Taking any one key frequency out of the logits makes the loss much worse.",
        "",
        "the test loss without the frequency that is missed least, as a multiple of the model's",
        each(least_key_ablation),
        "{:.0f}",
        (10, ANY),
        (1, ANY),
        "circuit-ablation",
    ),
    Claim(
        "others-harm",
        "All other frequencies only do harm",
        NANDA,
        "section 4.4",
        "Taking all but the key frequencies out of the logits improves the loss.",
        "a factor of 0.30",
        "the test loss of what is left, as a multiple of the model's",
        each(others_ablated),
        "{:.2f}",
        (0.15, 0.6),
        (0, 1),
        "circuit-ablation",
    ),
    Claim(
        "chance",
        "Without the key frequencies the model guesses",
        NANDA,
        "section 1",
        "Taking the key frequencies out reduces performance to chance.",
        "chance",
        "the test accuracy without them, in units of that of guessing",
        each(key_ablated_accuracy),
        "{:.1f}",
        (0, 2),
        (0, 10),
        "circuit-ablation",
        miss="Close to it. The model without its key frequencies is confidently wrong, and its loss worse than that of "
        "guessing, as the next claim says; but a few right answers shine through.",
    ),
    Claim(
        "ablation-loss",
        "Without the key frequencies the loss is above that of guessing",
        NANDA,
        "appendix C.2.1, table 4",
        "In models from other seeds the loss without the key frequencies lies between 6.5 and 11.",
        "6.5 to 11 (a table that we know at second hand only); guessing has 4.7",
        "the test loss without the key frequencies",
        each(key_ablated_loss),
        "{:.1f}",
        (4.73, 22),
        (3, ANY),
        "circuit-ablation",
    ),
    Claim(
        "restricted-end",
        "The key frequencies alone have a tiny loss",
        NANDA,
        "appendix C.2.1, table 4",
        "With nothing but the key frequencies, the loss is about 6 · 10⁻⁸.",
        "about 6 · 10⁻⁸ (likewise at second hand)",
        "the restricted loss at the end of the run",
        each(restricted_at_end),
        "{:.1e}",
        (3e-8, 1.2e-7),
        (0, 1e-6),
        "measures-restricted",
    ),
    Claim(
        "ten-directions",
        "The ten directions of the neurons suffice",
        NANDA,
        "section 4.4",
        "Projecting the neurons on the directions that the logits read improves the loss.",
        "a factor of 0.5",
        "the test loss of what is left, as a multiple of the model's",
        each(read_directions_only),
        "{:.2f}",
        (0.25, 1),
        (0, 1),
        "circuit-read",
        miss="The point of it is that nothing of importance lies elsewhere among the neurons. A factor near one says "
        "so as well; but where it is above one, there is no improvement.",
    ),
    Claim(
        "ten-directions-needed",
        "Without these directions the model is worse than a guess",
        NANDA,
        "section 4.4",
        "With these directions taken out of the neurons the loss is worse than that of guessing.",
        "5.27, or 1.1 times that of guessing",
        "the test loss without them, in units of that of guessing",
        each(read_directions_removed),
        "{:.2f}",
        (1, ANY),
        (0.5, ANY),
        "circuit-read",
    ),
    # appendices A, B, C.1
    Claim(
        "equals-ignored",
        "The sign = does not attend to itself",
        NANDA,
        "appendix A.1",
        "The attention that = pays to itself is trivial in every head.",
        "0.1 to 0.4% on average",
        "the average, for the head that does so most",
        each(attention_to_equals),
        "{:.1%}",
        (0, 0.008),
        (0, 0.05),
        "circuit-form",
    ),
    Claim(
        "equals-ablated",
        "The attention of = to itself may be neglected",
        NANDA,
        "appendix A.1",
        "Taking the attention of = to itself away does not affect the performance at all.",
        "no effect",
        "the test loss without it, as a multiple of the model's",
        each(without_attention_to_equals),
        "{:.2f}",
        (0.9, 1.1),
        (0, 2),
        "circuit-form",
        miss="A model can do otherwise. One of the heads of seed 1 attends to = a good deal, and the model needs it.",
    ),
    Claim(
        "skip",
        "What bypasses the neurons matters little",
        NANDA,
        "appendix A.1",
        "Taking away what goes past the neurons in the residual stream makes the loss larger, but it stays tiny.",
        "9.1 · 10⁻⁷ instead of 2.4 · 10⁻⁷, a factor of 3.8",
        "the test loss without it, as a multiple of the model's",
        each(without_skip),
        "{:.2f}",
        (1.9, 7.6),
        (0, 100),
        "circuit-form",
    ),
    Claim(
        "heads-needed",
        "Without attention nothing works",
        NANDA,
        "appendix A.1",
        "With the attention heads' output set to zero the loss is far above that of guessing.",
        "24.3",
        "the test loss without it",
        each(without_heads),
        "{:.1f}",
        (12.15, 48.6),
        (4.73, ANY),
        "circuit-heads",
    ),
    Claim(
        "interference",
        "Several waves single out the answer",
        NANDA,
        "appendix B",
        "A single cosine is nearly as large at wrong answers as at the right one. The sum of several is not: they add "
        "up at the right answer only.",
        "cos(2π · 14 · 8 / 113) = 0.998",
        "the right answer's lead with all key frequencies, as a multiple of its lead with one",
        each(lead_by_interference),
        "{:,.0f}",
        (10, ANY),
        (1, ANY),
        "fourier-interference",
    ),
    Claim(
        "heads-of-one-frequency",
        "Each head's attention is a wave of one frequency",
        NANDA,
        "appendix C.1.3, table 2",
        "A head's attention to a is a half plus a wave of a less the same wave of b, of one frequency per head.",
        "97.9 to 99.1% of the variance explained, in all four heads",
        "the share of heads in which one frequency explains 90%",
        each(heads_of_one_frequency),
        "{:.0%}",
        (1, 1),
        (0.5, 1),
        "circuit-heads",
        miss="In the other heads several key frequencies share the attention.",
    ),
    Claim(
        "linear-attention",
        "The softmax might as well be linear",
        NANDA,
        "appendix C.1.3",
        "Replacing the softmax over a and b by a linear function improves the loss a little.",
        "2.12 · 10⁻⁷ instead of 2.41 · 10⁻⁷, a factor of 0.88",
        "the test loss with it replaced (by its tangent), as a multiple of the model's",
        each(linear_attention),
        "{:.2f}",
        (0.44, 1),
        (0, 2),
        "circuit-heads",
        miss="It cannot work where a head attends to = as well, since the linear function leaves no room for that.",
    ),
    # section 5.2
    Claim(
        "memorisation",
        "Memorisation is complete by about step 1,400",
        NANDA,
        "section 5.2 and appendix C.2.1",
        "All models complete memorisation by around 1,400 epochs, whatever the seed.",
        "around 1,400",
        "the checkpoint at which the excluded loss is lowest",
        each(lambda case: step_or_nan(case.hidden.memorised)),
        "{:,.0f}",
        (0, 2_800),
        (0, 5_000),
        "measures-phases",
        "By the accuracy on the training set it is complete long before.",
    ),
    Claim(
        "restricted-high",
        "While it memorises, the circuit is not used",
        NANDA,
        "section 5.2",
        "In the memorisation phase the restricted loss remains high, so the key frequencies are unused.",
        "",
        "the restricted loss where memorisation ends, in units of the loss of guessing",
        each(restricted_when_memorised),
        "{:.2f}",
        (0.9, ANY),
        (0.5, ANY),
        "measures-restricted",
    ),
    Claim(
        "excluded-rises",
        "In circuit formation the model comes to need the circuit",
        NANDA,
        "section 5.2 and figure 7",
        "In circuit formation the excluded loss rises while the training loss stays flat.",
        "",
        "how far the excluded loss rises, in nats",
        each(excluded_rise),
        "{:.0f}",
        (1, ANY),
        (0, ANY),
        "measures-excluded",
    ),
    Claim(
        "restricted-first",
        "The restricted loss falls before the test loss",
        NANDA,
        "section 5.2 and figure 7",
        "The restricted loss begins declining before the test loss declines.",
        "",
        "how many steps earlier it falls below a tenth of the loss of guessing",
        each(head_start),
        "{:,.0f}",
        (1, ANY),
        (0, ANY),
        "measures-announce",
    ),
    Claim(
        "formed-before",
        "The circuit is formed well before grokking",
        NANDA,
        "section 5.2",
        "The circuit is formed well before the model generalises.",
        "",
        "the test accuracy where the restricted loss has fallen that far",
        each(accuracy_when_formed),
        "{:.0%}",
        (0, 0.5),
        (0, 0.9),
        "measures-restricted",
    ),
    Claim(
        "flat-test-loss",
        "In circuit formation the test loss is flat",
        NANDA,
        "section 5.2",
        "In circuit formation the test loss stays flat.",
        "",
        "the test loss at that same moment, as a share of its highest value",
        each(test_loss_when_formed),
        "{:.0%}",
        (0.8, 1),
        (0.5, 1),
        "measures-restricted",
        miss="On a logarithmic axis the curve looks flat. It has been sinking all the time, from a height far above "
        "that of guessing.",
    ),
    Claim(
        "norm-falls",
        "The weights shrink while the circuit forms",
        NANDA,
        "section 5.2 and figure 7",
        "In circuit formation the sum of squared weights falls.",
        "",
        "the sum at its end, as a share of that at its beginning",
        each(norm_in_formation),
        "{:.0%}",
        (0, 0.9),
        (0, 1),
        "measures-norms",
    ),
    Claim(
        "norm-cleanup",
        "The weights shrink faster in the clean-up",
        NANDA,
        "section 5.2 and figure 7",
        "In the clean-up the sum of squared weights falls more sharply than before.",
        "",
        "how many times as fast it falls at its fastest as in the middle of circuit formation",
        each(norm_steepness),
        "{:.1f}",
        (1.5, ANY),
        (1, ANY),
        "measures-norms",
        "*Middle* is the median over the checkpoints. Right after memorisation the weights shrink fast, too.",
    ),
    Claim(
        "gini",
        "In the clean-up the spectra become sparse",
        NANDA,
        "section 5.2 and figure 7",
        "The Gini coefficients of the Fourier components of the embedding and of the map from neurons to logits "
        "increase sharply in the clean-up.",
        "",
        "how many times as fast they rise there at their fastest as in the middle of circuit formation",
        each(gini_steepness),
        "{:.1f}",
        (1.5, ANY),
        (1, ANY),
        "measures-gini",
    ),
    Claim(
        "excluded-plateaus",
        "In the clean-up the excluded loss stands still",
        NANDA,
        "section 5.2",
        "In the clean-up the excluded loss plateaus.",
        "",
        "the excluded loss at the end of the clean-up, as a multiple of its peak",
        each(excluded_after),
        "{:.2f}",
        (0.8, 1.25),
        (0.5, 2),
        "measures-excluded",
        miss="It falls, and then stands still. As the weights shrink so do the logits, and being wrong costs less.",
    ),
    # appendix D.1
    Claim(
        "no-decay",
        "Without weight decay there is no grokking",
        NANDA,
        "section 5.3 and appendix D.1",
        "Without weight decay or another regularisation the model does not generalise.",
        "never",
        "the highest test accuracy of the run",
        each(best_test_accuracy, NO_DECAY),
        "{:.0%}",
        (0, 0.5),
        (0, 0.9),
        "weight-decay",
        "Our runs without decay are shorter than the main run. Much longer ones, or other training, may behave "
        "otherwise {cite:p}`power2022grokking,prieto2025grokking`.",
    ),
    Claim(
        "no-decay-no-circuit",
        "Without weight decay no circuit forms",
        NANDA,
        "appendix D.1",
        "Without weight decay the excluded loss never rises.",
        "never",
        "the highest excluded loss of any single frequency at the end",
        each(excluded_without_decay, NO_DECAY),
        "{:.0e}",
        (0, 0.01),
        (0, 1),
        "measures-others",
    ),
    Claim(
        "more-decay-faster",
        "More weight decay, faster grokking",
        NANDA,
        "appendix D.1, in words",
        "Larger amounts of weight decay lead to faster grokking.",
        "",
        "how many times as long one decay takes as another",
        speed_by_decay,
        "{:.1f}",
        (1, ANY),
        (1, ANY),
        "weight-decay",
    ),
    Claim(
        "decay-times",
        "The times that three weight decays take",
        NANDA,
        "appendix D.1, in figures",
        "It takes around 3,000 epochs with weight decay 0.3, 5,000 to 10,000 with 1, and 20,000 with 3.",
        "3,000; 5,000 to 10,000; 20,000",
        "our steps as a multiple of theirs (7,500 in the middle case)",
        times_by_decay,
        "{:.1f}",
        (0.5, 2),
        (0.25, 4),
        "weight-decay",
        miss="Their figures say the opposite of their words, which are the claim before this one. Perhaps the first "
        "and the last were exchanged: turned round, they would be much closer to ours.",
    ),
    # the page that the course grew from
    Claim(
        "parameters",
        "The model has about 200 thousand parameters",
        PAGE,
        "The experiment in plain English",
        "The model has about 200 thousand parameters.",
        "about 200,000",
        "numbers that the model learns",
        lambda cases: {
            TITLES["main"]: n_parameters(
                *(getattr(cases["main"].run.config, n) for n in ("p", "d_model", "n_heads", "d_mlp"))
            )
        },
        "{:,.0f}",
        (150_000, 250_000),
        (100_000, 400_000),
        "transformer-parameters",
    ),
    Claim(
        "examples",
        "It is trained on 3,830 examples",
        PAGE,
        "The experiment in plain English",
        "30% of the 12,769 pairs are 3,830 training examples.",
        "3,830",
        "pairs in the training set",
        each(lambda case: case.run.config.n_train, ("main",)),
        "{:,.0f}",
        (3_830, 3_830),
        (3_700, 3_900),
        "task-split",
    ),
    Claim(
        "train-loss-500",
        "The training loss is near zero by step 500",
        PAGE,
        "The experiment in plain English",
        "The training loss crashes to near zero within the first 500 steps or so.",
        "near zero",
        "the training loss at step 500",
        each(lambda case: case.run.at("train_loss", 500)),
        "{:.4f}",
        (0, 0.05),
        (0, 0.5),
        "grokking-curve",
    ),
    Claim(
        "stays-at-chance",
        "The test loss stays at the level of guessing",
        PAGE,
        "The experiment in plain English",
        "For a long time the test loss stays close to 4.7, which is that of guessing.",
        "close to 4.7",
        "the highest test loss, in units of the loss of guessing",
        each(worst_test_loss),
        "{:.1f}",
        (0.8, 1.25),
        (0.5, 2),
        "grokking-curve",
        miss="The *accuracy* stays near that of guessing. The loss does not: the model is sure of its wrong answers.",
    ),
    Claim(
        "cliff",
        "The cliff comes between steps 10,000 and 20,000",
        PAGE,
        "The experiment in plain English",
        "Somewhere around step 10,000 to 20,000 the test loss falls off a cliff.",
        "10,000 to 20,000",
        "the step at which 99% of the test set is answered",
        each(grokked),
        "{:,.0f}",
        (10_000, 20_000),
        (5_000, 40_000),
        "grokking-curve",
    ),
)
"""Every claim, in the order of the sources."""
