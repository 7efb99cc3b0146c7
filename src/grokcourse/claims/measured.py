"""What claims are measured by: functions of a run, or of several."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from .. import circuit, fourier, measures
from .case import NO_DECAY, SEEDS, TITLES, Case, Cases, Values


@dataclass(frozen=True)
class each:  # noqa: N801 (read as a function in the lists of claims)
    """A measure that takes one number of each of some runs."""

    function: Callable[[Case], float]
    names: tuple[str, ...] = SEEDS

    def __call__(self, cases: Cases) -> Values:
        """By the runs' titles."""
        return {TITLES[name]: float(self.function(cases[name])) for name in self.names}


@dataclass(frozen=True)
class each_control:  # noqa: N801
    """A measure that takes one number of each run without weight decay that can tell whether weight decay matters.

    One that ends before its twin groks (the same seed, with weight decay 1) cannot: the twin would have looked no
    different by then. If it groks itself, it tells all the same.
    """

    function: Callable[[Case], float]

    def __call__(self, cases: Cases) -> Values:
        """By the runs' titles."""
        values: Values = {}
        for name, twin in zip(NO_DECAY, SEEDS, strict=True):
            control, grokked_at = cases[name], cases[twin].phases.grokked
            goes_on = grokked_at is not None and control.run.config.steps > grokked_at
            tells = goes_on or control.phases.grokked is not None
            values[TITLES[name]] = float(self.function(control)) if tells else None
        return values


def step_or_nan(step: int | None) -> float:
    """A step, or NaN for one that is never reached."""
    return math.nan if step is None else float(step)


def memorised(case: Case) -> float:
    """The step at which 99% of the training set is answered."""
    return step_or_nan(case.phases.memorised)


def memorised_inside(case: Case) -> float:
    """The checkpoint at which the excluded loss is lowest."""
    return step_or_nan(case.hidden.memorised)


def train_loss_at_500(case: Case) -> float:
    """The loss on the training set at step 500, in nats."""
    return case.run.at("train_loss", 500)


def n_weights(case: Case) -> float:
    """How many numbers the model learns, counted on its last checkpoint."""
    return float(sum(weight.numel() for weight in case.run.checkpoints[case.run.steps[-1]].values()))


def n_training_pairs(case: Case) -> float:
    """How many pairs the training set has."""
    return float(case.data.train_mask().sum())


def n_key_frequencies(case: Case) -> float:
    """How many frequencies stand out of the map from neurons to logits."""
    return float(len(case.key))


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
    """How many times as fast the sum of squared weights falls in the clean-up as in the formation, both on average."""
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


def test_accuracy_at_end(case: Case) -> float:
    """The test accuracy that the history recorded last."""
    return float(case.run.history["test_accuracy"][-1])


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
    """The average rise a step in the clean-up, against that in circuit formation.

    One kind of average for both: the steepest stretch of a phase beats the middle of another almost always.
    """
    h, steps = case.hidden, case.measured.steps
    if h.memorised is None or h.formed is None or h.cleaned is None:
        return math.nan
    start, formed, cleaned = (int(np.flatnonzero(steps == step)[0]) for step in (h.memorised, h.formed, h.cleaned))
    in_formation = (values[formed] - values[start]) / (steps[formed] - steps[start])
    in_cleanup = (values[cleaned] - values[formed]) / (steps[cleaned] - steps[formed])
    return float(in_cleanup / in_formation)
