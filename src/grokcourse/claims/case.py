"""A run of the course with what claims are measured on: each quantity computed once, when first asked for."""

import functools
from collections.abc import Callable, Mapping

import torch
from torch import Tensor

from .. import circuit, groups, measures, runs, tasks, training
from ..measures import Measures
from ..runs import Run

SEEDS = ("main", "wd1-seed1", "wd1-seed2")
"""Runs that differ in the seed alone: weight decay 1, as in the paper."""
NO_DECAY = ("wd0-seed0", "wd0-seed1", "wd0-seed2")
"""Runs without weight decay."""
GROUPS = ("main", "multiply", "compose")
"""Runs whose task is a group's: the numbers modulo 113 with addition, those but 0 with multiplication, permutations."""
TITLES = {
    "main": "main run",
    "wd1-seed1": "seed 1",
    "wd1-seed2": "seed 2",
    "wd3-seed0": "weight decay 3",
    "wd0.3-seed0": "weight decay 0.3",
    "wd0-seed0": "no decay, seed 0",
    "wd0-seed1": "no decay, seed 1",
    "wd0-seed2": "no decay, seed 2",
    "multiply": "multiplication",
    "compose": "permutations",
}
"""What the page calls a run."""
FOLDERS = {name: runs.RECORDED / "tasks" / f"{name}-seed0" for name in ("multiply", "compose")}
"""Where the runs are whose name alone does not say it."""
ALIVE = 0.05
"""A neuron takes part if its input varies by at least this share of what that of the liveliest does."""
KEY_CHARACTER = 0.1
"""A character is key if its weight in the logits is at least this share of the largest."""


class Case:
    """A run, and what is measured on its last checkpoint: each computed once, when first asked for."""

    def __init__(self, name: str) -> None:
        self.name = name

    @property
    def place(self) -> str:
        """What its folder is called, among the recorded runs."""
        return FOLDERS[self.name].relative_to(runs.RECORDED).as_posix() if self.name in FOLDERS else self.name

    @functools.cached_property
    def run(self) -> Run:
        """The run itself."""
        return runs.load(FOLDERS.get(self.name, self.name))

    @functools.cached_property
    def digest(self) -> str:
        """What its files add up to, as the run's own header says."""
        return runs.digest(FOLDERS.get(self.name, self.name))

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

    @functools.cached_property
    def group(self) -> groups.Group:
        """The group that is the run's task; of multiplication without 0, which has no inverse."""
        p = self.run.config.p
        made = {
            "add": groups.cyclic,
            "multiply": lambda p: groups.cyclic(p - 1),
            "compose": lambda _: groups.symmetric(5),
        }
        return made[self.run.config.operation](p)

    @functools.cached_property
    def elements(self) -> Tensor:
        """(n,) int64: the numbers of the task that are the group's elements, in the order of its table."""
        p = self.run.config.p
        if self.run.config.operation == "multiply":
            return groups.discrete_logarithm(p)[1:].argsort() + 1
        return torch.arange(p)

    @functools.cached_property
    def group_logits(self) -> Tensor:
        """(n, n, n): the logits of the group's elements in its order, less their average over the answers."""
        logits = self.logits[self.elements][:, self.elements][:, :, self.elements]
        return logits - logits.mean(dim=-1, keepdim=True)

    @functools.cached_property
    def quotients(self) -> Tensor:
        """(n, n, n) int64: entry [a, b, c] is the element a · b · c⁻¹."""
        table: Tensor = self.group.table
        return table[table][:, :, self.group.inverses]

    @functools.cached_property
    def character_weights(self) -> Tensor:
        """(c,) complex128: how much of each irreducible character of a · b · c⁻¹ is in the logits."""
        n = len(self.group)
        values = self.group_logits.double().flatten()
        average = torch.zeros(n, dtype=torch.float64).index_add_(0, self.quotients.flatten(), values) / n**2
        return self.group.characters.conj() @ average.to(torch.complex128) / n

    @functools.cached_property
    def key_characters(self) -> Tensor:
        """(k,) int64: the characters whose weight is at least a tenth of the largest."""
        weight = self.character_weights.abs()
        return (weight >= KEY_CHARACTER * weight.max()).nonzero().flatten()

    @functools.cached_property
    def character_logits(self) -> Tensor:
        """(n, n, n): the part of ``group_logits`` that is made of the key characters."""
        key = self.key_characters
        wave = (self.character_weights[key, None] * self.group.characters[key]).sum(dim=0).real
        return wave.to(self.group_logits.dtype)[self.quotients]

    @functools.cached_property
    def inputs_of_one(self) -> Tensor:
        """(2, n, neuron): what each neuron that takes part gets from a, and from b, averaged over the other.

        Less the average over that one as well.
        """
        inputs = circuit.neuron_inputs(self.weights, self.pattern)[self.elements][:, self.elements]
        spread = inputs.std(dim=(0, 1))
        parts = torch.stack([inputs.mean(dim=1), inputs.mean(dim=0)])[:, :, spread > ALIVE * spread.max()]
        return parts - parts.mean(dim=1, keepdim=True)

    @functools.cached_property
    def representation_shares(self) -> Tensor:
        """(2, c, neuron): each irreducible representation's share of ``inputs_of_one``.

        One and its conjugate count as one, and both have the share: of a function of real values they have as much.
        """
        inputs, characters = self.inputs_of_one, self.group.characters
        parts = self.group.projections.to(torch.complex64) @ inputs[:, None].to(torch.complex64)  # (2, c, n, neuron)
        energy = parts.abs().square().sum(dim=2) / inputs.square().sum(dim=1)[:, None]
        conjugate = (characters @ characters.T).abs().argmax(dim=1)  # the number of each one's
        alone = (conjugate == torch.arange(len(conjugate)))[:, None]
        return torch.where(alone, energy, energy + energy[:, conjugate])

    def group_loss_of(self, logits: Tensor) -> float:
        """The loss of some logits (n, n, n) on the questions of the test set among the group's elements, in nats."""
        mask = ~self.data.train_mask()[self.elements][:, self.elements].flatten()
        answers = self.group.table.flatten()[mask]
        return float(torch.nn.functional.cross_entropy(logits.flatten(0, 1)[mask].double(), answers))

    def loss_of(self, logits: Tensor) -> float:
        """The loss of some logits (p, p, p) on the test set, in nats."""
        return float(measures.mean_loss(logits, self.data.test_index))

    def answer_loss_of(self, logits: Tensor) -> float:
        """The same for any task, by its own answers."""
        rows = logits.flatten(0, 1)[self.data.test_index].double()
        return float(torch.nn.functional.cross_entropy(rows, self.data.labels[self.data.test_index]))

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
