"""A run of the course with what claims are measured on: each quantity computed once, when first asked for."""

import functools
from collections.abc import Callable, Mapping

from torch import Tensor

from .. import circuit, measures, runs, tasks, training
from ..measures import Measures
from ..runs import Run

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


class Case:
    """A run, and what is measured on its last checkpoint: each computed once, when first asked for."""

    def __init__(self, name: str) -> None:
        self.name = name

    @functools.cached_property
    def run(self) -> Run:
        """The run itself."""
        return runs.load(self.name)

    @functools.cached_property
    def digest(self) -> str:
        """What its files add up to, as the run's own header says."""
        return runs.digest(self.name)

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
        return training.phases(self.run)

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
Values = dict[str, float | None]
"""By the name of a run, or of what else there is a value for each of: None if that cannot tell."""
Measure = Callable[[Cases], Values]
