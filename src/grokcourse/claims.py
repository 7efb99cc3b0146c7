"""What others have claimed about this task, with a measurement of each on our own runs, and the bounds for a verdict.

``CLAIMS`` is the one list: the page "The paper's claims, checked" prints it, and ``tests/test_claims.py`` holds it.
It stands above all analysis, which it only calls, and nothing but the page and the tests imports it.

A claim's verdict follows from numbers alone. Its measure gives a value for each run that it is about. It *holds* if every
value lies within ``holds``; it *does not hold* if the first value, that of the main run where it takes part, lies outside
``nearly``; else it *holds partly*. The bounds are ours. They are set around what the claim says, not around what we found.
"""

import functools
import math
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

Verdict = Literal["holds", "holds partly", "does not hold"]
Range = tuple[float, float]

SEEDS = ("main", "wd1-seed1", "wd1-seed2")
"""Runs that differ in the seed alone: weight decay 1, as in the paper."""
DECAYS = ("wd3-seed0", "main", "wd0.3-seed0")
"""Runs that differ in the weight decay alone, strongest first, and that grok."""
NO_DECAY = ("wd0-seed0", "wd0-seed1", "wd0-seed2")
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
UNLIMITED = (-math.inf, math.inf)


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

    def loss_with(self, neurons: Tensor) -> float:
        """The loss on the test set with other neurons (p, p, d_mlp)."""
        return self.loss_of(circuit.logits_from(self.weights, neurons, self.pattern))


Cases = Mapping[str, Case]
Values = dict[str, float]
Measure = Callable[[Cases], Values]


@dataclass(frozen=True)
class Claim:
    """One claim of others, and how it is checked."""

    name: str
    title: str
    source: str
    """A key of ``book/references.bib``, or ``""`` for the seed course's page."""
    place: str
    """Where the source says it."""
    text: str
    """What it says, in our words (Markdown)."""
    theirs: str
    """Its figure (Markdown)."""
    measured: str
    """What is measured on our runs (Markdown)."""
    measure: Measure
    """Our values, by run or by what they are of."""
    show: str
    """How a value is written, as for ``str.format``."""
    holds: Range
    nearly: Range
    seen: str
    """The label of the place in the course that shows it."""
    remark: str = ""
    """What one should know beside the verdict (Markdown)."""


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


def check_all(cases: Cases | None = None) -> list[Checked]:
    """Every claim, checked on the runs of the course; takes some seconds."""
    cases = {name: Case(name) for name in TITLES} if cases is None else cases
    with torch.no_grad():
        return [Checked(claim, claim.measure(cases)) for claim in CLAIMS]


def each(function: Callable[[Case], float], names: tuple[str, ...] = SEEDS) -> Measure:
    """A measure that takes one number of each of some runs."""
    return lambda cases: {TITLES[name]: float(function(cases[name])) for name in names}


def step_or_nan(step: int | None) -> float:
    """A step, or NaN for one that is never reached."""
    return math.nan if step is None else float(step)


# --- what is measured on a run -----------------------------------------------------------------------------------------


def delay(case: Case) -> float:
    """How many times as late as memorisation the model has grokked."""
    return step_or_nan(case.phases.grokked) / step_or_nan(case.phases.memorised)


def worst_test_loss(case: Case) -> float:
    """The highest test loss of the run, in units of the loss of guessing."""
    return case.run.history["test_loss"].max() / case.run.config.chance_loss


def embedding_in_strongest(case: Case) -> float:
    """The share of the embedding's energy in its six strongest frequencies, the constant left out."""
    return _share_of_strongest(fourier.energy_per_frequency(case.run.model().W_E[: case.run.config.p]), 6)


def unembedding_in_key(case: Case) -> float:
    """The share of the unembedding's energy in the key frequencies, the constant left out."""
    energy = fourier.energy_per_frequency(case.run.model().W_U[:, : case.run.config.p], dim=1)
    return float(energy[case.key].sum() / energy[1:].sum())


def attention_by_one_frequency(case: Case) -> float:
    """The least share, over the heads, of the variance of the attention to a that waves of one frequency explain."""
    energy = circuit.energy_2d(case.pattern[0].permute(1, 2, 0))  # (frequency, frequency, head)
    alone = energy[0] + energy[:, 0]  # in b alone, in a alone: no products, as in the paper's formula
    alone[0] = 0
    return float((alone.max(dim=0).values / (energy.sum(dim=(0, 1)) - energy[0, 0])).min())


def linear_attention(case: Case) -> float:
    """The loss with the heads' sigmoid replaced by its tangent line, against the model's own."""
    score = case.weights.W_attn
    difference = score[:, :, None] - score[:, None, :]
    to_a = 0.5 + difference / 4  # the logistic function at 0
    pattern = torch.stack([to_a, 1 - to_a, torch.zeros_like(to_a)])
    return case.loss_of(circuit.logits_from(case.weights, pattern=pattern)) / case.loss


def logits_in_blocks(case: Case) -> float:
    """The share of the logits' energy in products of two waves of one key frequency, their means left out."""
    energy = circuit.energy_2d(case.logits).sum(dim=2)
    return float(energy[case.key, case.key].sum() / (energy.sum() - energy[0, 0]))


def rank_residual(case: Case) -> float:
    """What is left of W_logit's norm without the key frequencies' directions."""
    W = case.weights.W_logit
    return float((W - circuit.keep_directions(W, case.key)).norm() / W.norm())


def read_off_purity(case: Case) -> float:
    """The least share, over the directions, of the variance of u · neurons that its wave of a + b explains."""
    p = case.run.config.p
    shares = []
    for k, directions in zip(case.key, zip(*circuit.unembedding_directions(case.weights.W_logit, case.key), strict=True)):
        for wave, direction in enumerate(directions):
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
    """The share of neurons of whose variance one frequency explains more than 85 %."""
    return float((case.neuron_frequencies[1] > measures.SPECIALISED).double().mean())


def outputs_of_clusters(case: Case) -> float:
    """The least share, over the clusters of neurons, of the energy of what they write that is in their frequency."""
    clusters = circuit.neuron_clusters(*case.neuron_frequencies)
    shares = []
    for k, neurons in clusters.items():
        energy = fourier.energy_per_frequency(case.weights.W_logit[neurons], dim=1)
        shares.append(float(energy[k] / energy[1:].sum()))
    return min(shares) if shares else math.nan


def polynomials_for_neurons(case: Case) -> float:
    """The loss with every specialised neuron replaced by its polynomial, against the model's own."""
    frequency, share = case.neuron_frequencies
    chosen = (share > measures.SPECIALISED).nonzero().flatten()
    neurons = case.neurons.clone()
    neurons[:, :, chosen] = circuit.degree2_fit(case.neurons[:, :, chosen], frequency[chosen])
    return case.loss_with(neurons) / case.loss


def sums_in_neurons(case: Case) -> float:
    """The loss with nothing but the key waves of a + b left in the neurons, against the model's own."""
    return case.loss_with(circuit.ablate_frequencies(case.neurons, keep=case.key)) / case.loss


def least_key_ablation(case: Case) -> float:
    """The loss without the key frequency that is missed least, against the model's own."""
    return min(
        case.loss_of(circuit.ablate_frequencies(case.logits, drop=[k], part="polynomial")) / case.loss
        for k in case.key
    )


def others_ablated(case: Case) -> float:
    """The loss of the logits with the key frequencies' polynomials alone, against the model's own."""
    return case.loss_of(circuit.ablate_frequencies(case.logits, keep=case.key, part="polynomial")) / case.loss


def key_ablated_accuracy(case: Case) -> float:
    """The accuracy without any key frequency in the logits, in units of that of guessing."""
    without = circuit.ablate_frequencies(case.logits, drop=case.key, part="polynomial")
    return case.accuracy_of(without) * case.run.config.p


def key_ablated_loss(case: Case) -> float:
    """The loss without any key frequency in the logits."""
    return case.loss_of(circuit.ablate_frequencies(case.logits, drop=case.key, part="polynomial"))


def read_directions_only(case: Case) -> float:
    """The loss with the neurons projected on the directions that W_logit reads, against the model's own."""
    return case.loss_with(case.neurons @ _projector(case)) / case.loss


def read_directions_removed(case: Case) -> float:
    """The loss with these directions taken out of the neurons, in units of that of guessing."""
    return case.loss_with(case.neurons - case.neurons @ _projector(case)) / case.run.config.chance_loss


def without_heads(case: Case) -> float:
    """The loss without attention heads, in units of that of guessing."""
    return _loss_with_edits(case, "attn_out", torch.zeros_like) / case.run.config.chance_loss


def attention_to_equals(case: Case) -> float:
    """The largest share, over the heads, of its attention that ``=`` pays to itself on average."""
    return float(case.pattern[2].mean(dim=(1, 2)).max())


def without(part: str) -> Callable[[Case], float]:
    """The loss with a part of the functional form neglected, against the model's own."""
    return lambda case: case.loss_of(circuit.logits_from(case.weights.without(part))) / case.loss


def excluded_rise(case: Case) -> float:
    """How many nats the excluded loss rises after memorisation, while the training loss stays below a tenth."""
    m = case.measured
    start, end = case.hidden.memorised, case.hidden.formed
    if start is None or end is None or m["train_loss"][(m.steps >= start) & (m.steps <= end)].max() > 0.1:
        return math.nan
    return float(m.at("excluded_loss", end) - m.at("excluded_loss", start))


def head_start(case: Case) -> float:
    """How many steps before the test loss the restricted loss has fallen below the loss of guessing."""
    m, chance = case.measured, case.run.config.chance_loss
    restricted, test = (_first_below(m.steps, m[name], chance) for name in ("restricted_loss", "test_loss"))
    return test - restricted


def formed_before(case: Case) -> float:
    """The test accuracy where the restricted loss has first fallen below a hundredth of that of guessing."""
    m = case.measured
    formed = _first_below(m.steps, m["restricted_loss"], case.run.config.chance_loss / 100)
    return math.nan if math.isnan(formed) else case.run.at("test_accuracy", int(formed))


def norm_in_formation(case: Case) -> float:
    """The sum of squared weights where circuit formation ends, against where it begins."""
    start, formed = case.hidden.memorised, case.hidden.formed
    return math.nan if start is None or formed is None else _squares(case, formed) / _squares(case, start)


def norm_steepness(case: Case) -> float:
    """How many times as fast the sum of squared weights falls in the clean-up as in circuit formation, per step."""
    h = case.hidden
    if h.memorised is None or h.formed is None or h.cleaned is None:
        return math.nan
    formation = (_squares(case, h.memorised) - _squares(case, h.formed)) / (h.formed - h.memorised)
    cleaning = (_squares(case, h.formed) - _squares(case, h.cleaned)) / (h.cleaned - h.formed)
    return cleaning / formation


def gini_in_cleanup(case: Case) -> float:
    """The share of the rise of W_logit's Gini coefficient that happens in the clean-up."""
    m, h = case.measured, case.hidden
    if h.formed is None or h.cleaned is None:
        return math.nan
    at = functools.partial(m.at, "gini_W_logit")
    return float((at(h.cleaned) - at(h.formed)) / (m["gini_W_logit"].max() - m["gini_W_logit"][0]))


def excluded_without_decay(case: Case) -> float:
    """How many nats the excluded loss has risen at the end above its lowest value."""
    p, model = case.run.config.p, case.run.model()
    frequencies = case.key or [int(fourier.energy_per_frequency(case.weights.W_logit, dim=1)[1:].argmax()) + 1]
    del p, model
    excluded = measures.excluded_loss(case.logits, frequencies, case.data.train_index)
    return float(excluded - measures.mean_loss(case.logits, case.data.train_index))


# --- helpers -----------------------------------------------------------------------------------------------------------


def _share_of_strongest(energy: Tensor, n: int) -> float:
    waves = energy[1:].sort(descending=True).values
    return float(waves[:n].sum() / waves.sum())


def _projector(case: Case) -> Tensor:
    """The projection on what W_logit reads of the key frequencies, (d_mlp, d_mlp)."""
    u, v = circuit.unembedding_directions(case.weights.W_logit, case.key)
    basis, _ = torch.linalg.qr(torch.cat([u, v]).T)
    return basis @ basis.T


def _loss_with_edits(case: Case, name: str, edit: Callable[[Tensor], Tensor]) -> float:
    p = case.run.config.p
    logits, _ = case.run.model().run_with_cache(case.data.tokens, {name: edit})
    return case.loss_of(logits[:, :p].reshape(p, p, p))


def _first_below(steps: np.ndarray, values: np.ndarray, bound: float) -> float:
    """The first step from which on all values are below a bound; NaN if there is none."""
    above = np.flatnonzero(values >= bound)
    after = 0 if not len(above) else above[-1] + 1
    return float(steps[after]) if after < len(steps) else math.nan


def _squares(case: Case, step: int) -> float:
    return float(np.square(case.measured.at("weight_norms", step)).sum())


CLAIMS: tuple[Claim, ...] = ()
