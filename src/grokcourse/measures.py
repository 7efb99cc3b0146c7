"""Progress measures: how far a model has come on the way from a list of answers to a method, at one checkpoint or many.

The measures of Nanda et al. 2023 (arXiv 2301.05217), section 5.1, and a few beside them. ``measure`` computes the whole
set for one model, ``measure_run`` for every checkpoint of a run, ``load`` reads what was computed once and stored with
a run. They are made for addition modulo p, any p. Subtraction is the same with −b in place of b, and is measured in
that way.

Shapes: p — the modulus; logits — (p, p, p), those of the p numbers for all questions, as from ``circuit.all_logits``;
key — the key frequencies, whole numbers 1 … p // 2; questions — (any,) int64, rows of ``tasks.all_questions``, that is
a · p + b, such as ``dataset.train_index``.

Where the paper's text, the notebook released with it and Nanda's later demonstration in TransformerLens differ,
``variants`` says how, and computes what each of them gives.
"""

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from safetensors import SafetensorError
from safetensors.numpy import load as load_arrays
from safetensors.numpy import save as save_arrays
from torch import Tensor, nn

from . import circuit, fourier, runs, storage, tasks
from .model import Transformer
from .runs import Run, RunError
from .torch_state import usual_torch

FORMAT = "grokcourse measures 1"
FILE = "measures.safetensors"
"""The file in a run's folder, beside those of the run itself."""
SPECIALISED = 0.85
"""A neuron is specialised if one frequency explains more than this share of its variance (the paper's section 4.3)."""


def mean_loss(logits: Tensor, questions: Tensor | None = None) -> Tensor:
    """The mean cross-entropy of logits, on some of the questions.

    In float64, which resolves losses down to 2e-16; float32 stops at 1e-7.

    Args:
        logits: (p, p, p).
        questions: the rows that count; by default all.

    Returns:
        A float64 scalar, in nats.
    """
    p = len(logits)
    answers = circuit.sum_labels(p).flatten().to(logits.device)
    rows = logits.reshape(p * p, p)
    if questions is not None:
        rows, answers = rows[questions], answers[questions]
    return F.cross_entropy(rows.double(), answers)


def restricted_loss(logits: Tensor, key: Sequence[int], questions: Tensor | None = None) -> Tensor:
    """The loss when nothing but the key frequencies is left in the logits: what
    the circuit can do alone.

    In place of the logits L_c of each candidate c stands their mean over all p²
    questions, plus, for every key frequency k, their projection on the waves
    cos ω_k(a + b) and sin ω_k(a + b).

    Source: Nanda et al. 2023, section 5.1; ``variants`` has other readings of
    it.

    Args:
        logits: (p, p, p).
        key: a list of the key frequencies.
        questions: the rows that count in the mean loss; by default all. The
            projection sees all questions.

    Returns:
        A float64 scalar, in nats, with its digits: of a finished model it is
        far below what float32 resolves.

    Raises:
        ValueError: as ``circuit.ablate_frequencies``.
    """
    return mean_loss(circuit.ablate_frequencies(logits, keep=key), questions)


def by_chance(
    logits: Tensor,
    key: Sequence[int],
    draws: Sequence[Sequence[int]],
    questions: Tensor | None = None,
) -> float:
    """How often frequencies that were drawn at random do as well as the key
    ones: the p-value of a permutation test.

    To do well is to have a small restricted loss. The key frequencies count as
    one more draw that does as well as they do; without it the answer could be
    0, which no number of draws can show.

    Source: Phipson and Smyth 2010, on p-values of such tests.

    Args:
        logits: (p, p, p).
        key: a list of the key frequencies.
        draws: lists of frequencies, as many in each as there are key ones.
        questions: the rows that count in the loss; by default all.

    Returns:
        A share of all draws, the key frequencies among them: above 0, and at
        most 1.

    Raises:
        ValueError: as ``circuit.ablate_frequencies``.
    """
    ours = restricted_loss(logits, key, questions)
    as_good = sum(bool(restricted_loss(logits, drawn, questions) <= ours) for drawn in draws)
    return (1 + as_good) / (1 + len(draws))


def excluded_loss(logits: Tensor, key: Sequence[int], questions: Tensor | None = None) -> Tensor:
    """The loss when the key frequencies are taken out of the logits: low while
    the model lives on what it memorised.

    The projections of ``restricted_loss`` are subtracted; everything else
    stays, the mean included.

    Source: Nanda et al. 2023, section 5.1, on the training set; ``variants``
    has other readings of it.

    Args:
        logits: (p, p, p).
        key: a list of the frequencies to take out, all together.
        questions: the rows that count in the mean loss; by default all. The
            projection sees all questions.

    Returns:
        A float64 scalar, in nats, with its digits.

    Raises:
        ValueError: as ``circuit.ablate_frequencies``.
    """
    return mean_loss(circuit.ablate_frequencies(logits, drop=key), questions)


def excluded_loss_each(logits: Tensor, questions: Tensor | None = None) -> Tensor:
    """The excluded loss of every single frequency, key or not, each taken out
    alone.

    Source: Nanda et al. 2023, appendix C.1.5. The largest of them needs no
    knowledge of the key frequencies, and is proposed for that in appendix C.2.

    Args:
        logits: (p, p, p).
        questions: the rows that count; by default all.

    Returns:
        (p // 2 + 1,) float64, with all digits of small losses: entry k is the
        loss without frequency k; entry 0 the loss with nothing taken out.
    """
    p = len(logits)
    components = fourier.transform(circuit.by_sum(logits))  # (p, p): by wave of the sum, and candidate
    basis, row = fourier.fourier_basis(p, logits.dtype, logits.device), fourier.frequencies(p).to(logits.device)
    questions = torch.arange(p * p, device=logits.device) if questions is None else questions
    answers = circuit.sum_labels(p).flatten().to(logits.device)[questions]
    chosen = logits.reshape(p * p, p)[questions]
    losses = [F.cross_entropy(chosen.double(), answers)]
    for k in range(1, p // 2 + 1):
        wave = basis[row == k].T @ components[row == k]  # (p, p): by sum, and candidate
        losses.append(F.cross_entropy((chosen - wave[answers]).double(), answers))
    return torch.stack(losses)


def two_voices(logits: Tensor, key: Sequence[int], questions: Tensor | None = None) -> tuple[Tensor, Tensor]:
    """By how much the right answer leads, question by question, and who gives
    it that lead: the circuit, or all the rest.

    A question's rival is the wrong candidate with the highest logit. The lead
    is the right answer's logit minus the rival's; it is positive where the
    answer is right. The logits are the waves of the key frequencies, which
    ``excluded_loss`` takes out, plus the rest, means included. So the lead,
    over the same rival, is a sum of two as well.

    Args:
        logits: (p, p, p).
        key: a list of the key frequencies.
        questions: the rows that are wanted; by default all. The projection
            sees all questions.

    Returns:
        The lead in the waves and the lead in the rest, each (questions,) of the
        logits' dtype.

    Raises:
        ValueError: as ``circuit.ablate_frequencies``.
    """
    p = len(logits)
    rest = circuit.ablate_frequencies(logits, drop=key)
    answers = circuit.sum_labels(p).flatten().to(logits.device)[:, None]  # (p², 1)
    rows = logits.reshape(p * p, p)
    rivals = rows.scatter(1, answers, -torch.inf).argmax(dim=1, keepdim=True)

    def lead(table: Tensor) -> Tensor:
        scores = table.reshape(p * p, p)
        ahead = (scores.gather(1, answers) - scores.gather(1, rivals)).squeeze(1)
        return ahead if questions is None else ahead[questions]

    return lead(logits - rest), lead(rest)


def gini(values: Tensor) -> Tensor:
    """The Gini coefficient: how unequally a total is shared, from 0 (all alike)
    to 1 − 1/m (one has everything).

    G = Σ_i Σ_j |x_i − x_j| / (2 m Σ_i x_i): the mean difference between two of
    the values, over twice their mean. Computed from the sorted values as Σ_i
    (2i − m − 1) x_(i) / (m Σ_i x_i) with i = 1 … m.

    Source: as a measure of sparsity Hurley and Rickard 2009 (arXiv 0811.4706),
    whom the paper follows.

    Args:
        values: (m,) floats, none negative, not all zero.

    Returns:
        A scalar.

    Raises:
        ValueError: if there are no values, one is negative or NaN, or all are
            zero.
    """
    if values.ndim != 1 or not (values >= 0).all() or not values.sum() > 0:
        raise ValueError("the Gini coefficient needs a list of numbers, none of them negative and not all zero")
    m = len(values)
    weights = 2 * torch.arange(1, m + 1, dtype=values.dtype, device=values.device) - m - 1
    return (weights * values.sort().values).sum() / (m * values.sum())


def wave_norms(matrix: Tensor, dim: int = 0) -> Tensor:
    """How much of each wave there is in a matrix: the norm of each of its
    Fourier components.

    These are the bars of the paper's figure 3: p of them, the constant first,
    cosine and sine each by itself.

    Args:
        matrix: floats, with p entries along ``dim`` and any others:
            ``W_E[:p]``, or W_logit with ``dim=1``.
        dim: the dimension that runs over the numbers.

    Returns:
        (p,) in the order of ``fourier.fourier_basis``.

    Raises:
        ValueError: as ``fourier.transform``.
    """
    p = matrix.shape[dim]
    norms: Tensor = fourier.transform(matrix, dim).movedim(dim, 0).reshape(p, -1).norm(dim=1)
    return norms


@torch.no_grad()
def weight_norms(model: nn.Module) -> Tensor:
    """The Euclidean length of each weight of a model: √(Σ w²) over its entries.

    Their squares add up to the sum of squared weights, the fourth panel of the
    paper's figure 7.

    Args:
        model: any module.

    Returns:
        (parameters,) in the order of ``model.named_parameters()``.
    """
    return torch.stack([weight.norm() for weight in model.parameters()])


@usual_torch()
def key_frequencies(model: Transformer) -> list[int]:
    """The key frequencies of a model: those that stand out of the spectrum of W_logit, largest energy first.

    The paper's appendix C.2 takes them from the map from neurons to logits as well, without saying what stands out; our
    rule is that of ``fourier.key_frequencies``. The embedding's spectrum (chapter 5) also shows frequencies that the
    logits do not use.

    Raises:
        ValueError: if the model's weights are not finite.
    """
    _require_finite(model)
    W_logit = circuit.effective_weights(model).W_logit
    return fourier.key_frequencies(fourier.energy_per_frequency(W_logit, dim=1))


@usual_torch()
@torch.no_grad()
def measure(model: Transformer, key: Iterable[int], data: tasks.Dataset) -> dict[str, Tensor]:
    """All measures of one model.

    Args:
        model: of addition or subtraction modulo p, on the CPU.
        key: its key frequencies, or those of the model that it will become.
        data: the questions and their split.

    Returns:
        By name, float32 (of subtraction with −b in place of b, as a − b = a + (−b)):

        * ``train_loss``, ``test_loss``: the model's own, by its logits of the numbers;
        * ``restricted_loss`` (test set), ``restricted_loss_train``;
        * ``excluded_loss`` (training set), and ``excluded_loss_each`` (p // 2 + 1,) as from the function of that name;
        * ``gini_W_E``, ``gini_W_logit``: the Gini coefficients of ``wave_norms``, NaN where these are all zero;
        * ``energy_W_E``, ``energy_W_logit`` (p // 2 + 1,): the energy of each frequency;
        * ``weight_norms`` (parameters,), as from that function, and ``squared_weights``, the sum of their squares;
        * ``specialised``: the share of specialised neurons; ``neurons_by_frequency`` (p // 2 + 1,): how many they are,
          by their frequency; ``neuron_share``: the mean over the neurons of what their best frequency explains;
        * ``cosine_share``: the share of the logits' variance that Σ_{k key} α_k cos ω_k(a + b − c) explains;
          ``cosine_coefficients`` (p // 2 + 1,): α_k for every k, with 0 for the constant.

    Raises:
        ValueError: if the questions are not those of the model's addition or subtraction, the model's weights are not
            finite, or a frequency is out of range.
    """
    _require_finite(model)
    key, p = list(key), model.p
    weights = circuit.effective_weights(model)
    data, (logits,) = _as_addition(data, circuit.all_logits(model))
    W_E, norms = model.W_E[:p], weight_norms(model)
    frequency, share = circuit.neuron_frequencies(circuit.neurons_from(weights))
    is_specialised = share > SPECIALISED
    fit = circuit.fit_cosines(logits, range(1, p // 2 + 1))
    return {
        name: value.float()
        for name, value in {
            "train_loss": mean_loss(logits, data.train_index),
            "test_loss": mean_loss(logits, data.test_index),
            "restricted_loss": restricted_loss(logits, key, data.test_index),
            "restricted_loss_train": restricted_loss(logits, key, data.train_index),
            "excluded_loss": excluded_loss(logits, key, data.train_index),
            "excluded_loss_each": excluded_loss_each(logits, data.train_index),
            "gini_W_E": _gini_or_nan(wave_norms(W_E)),
            "gini_W_logit": _gini_or_nan(wave_norms(weights.W_logit, dim=1)),
            "energy_W_E": fourier.energy_per_frequency(W_E),
            "energy_W_logit": fourier.energy_per_frequency(weights.W_logit, dim=1),
            "weight_norms": norms,
            "squared_weights": norms.square().sum(),
            "specialised": is_specialised.double().mean(),
            "neurons_by_frequency": frequency[is_specialised].bincount(minlength=p // 2 + 1),
            "neuron_share": share.mean(),
            "cosine_share": fit.shares[[k - 1 for k in key]].sum(),
            "cosine_coefficients": torch.cat([torch.zeros(1), fit.coefficients]),
        }.items()
    }


@usual_torch()
@torch.no_grad()
def variants(model: Transformer, key: Iterable[int], data: tasks.Dataset) -> dict[str, dict[str, float]]:
    """The same measures as others define or might define them.

    * What is kept of a frequency: the text of section 5.1 keeps "the 20 terms" for five frequencies, which may mean all
      four products of a wave of a and one of b; the notebook released with the paper projects on the two combinations
      that are waves of the sum, as we do. With the single waves as well it is an ablation of section 4.4.
    * The mean: "the constant term" of the text, put back as "bias correction" in the notebook and the demonstration.
    * On which questions: the restricted loss is taken on all in the notebook, on the test set in the demonstration and
      here, and the text leaves it open. The excluded loss is taken on the training set by all.
    * Where: the demonstration cuts the waves out of the neurons, and so leaves what the heads bring past them.
    * The notebook also has a version with the single wave cos ω_k(a + b − c) for each frequency.
    * The Gini coefficient: of "the norms of the Fourier components"; we know of no released code for it.

    Args:
        model: of addition or subtraction modulo p, on the CPU.
        key: the key frequencies.
        data: the questions and their split.

    Returns:
        For ``"restricted"``, ``"excluded"`` and ``"gini"``: values by definition, this course's own first.

    Raises:
        ValueError: as ``measure``.
    """
    _require_finite(model)
    key, p = list(key), model.p
    weights = circuit.effective_weights(model)
    from_neurons = circuit.neurons_from(weights) @ weights.W_logit
    data, (logits, from_neurons) = _as_addition(data, circuit.all_logits(model), from_neurons)
    train, test = data.train_index, data.test_index
    fit = circuit.fit_cosines(logits, key)
    cosines = circuit.cosine_logits(p, key, fit.coefficients)
    kept = circuit.ablate_frequencies(logits, keep=key)
    of_neurons = from_neurons - circuit.ablate_frequencies(from_neurons, drop=key)  # the key waves in them
    norms = {"W_E": wave_norms(model.W_E[:p]), "W_logit": wave_norms(weights.W_logit, dim=1)}
    energies = {
        "W_E": fourier.energy_per_frequency(model.W_E[:p]),
        "W_logit": fourier.energy_per_frequency(weights.W_logit, dim=1),
    }
    found = {
        "restricted": {
            "waves of the sum, test set": mean_loss(kept, test),
            "on the training set": mean_loss(kept, train),
            "on all questions": mean_loss(kept),
            "all products of two waves": mean_loss(circuit.ablate_frequencies(logits, keep=key, part="products"), test),
            "products and single waves": mean_loss(
                circuit.ablate_frequencies(logits, keep=key, part="polynomial"), test
            ),
            "without the mean": mean_loss(kept - logits.mean(dim=(0, 1)), test),
            "the neurons' part only": mean_loss(of_neurons + logits.mean(dim=(0, 1)), test),
            "cosines of a + b - c": mean_loss(cosines + logits.mean(dim=(0, 1)), test),
        },
        "excluded": {
            "waves of the sum, training set": excluded_loss(logits, key, train),
            "on the test set": excluded_loss(logits, key, test),
            "on all questions": excluded_loss(logits, key),
            "all products of two waves": mean_loss(
                circuit.ablate_frequencies(logits, drop=key, part="products"), train
            ),
            "products and single waves": mean_loss(
                circuit.ablate_frequencies(logits, drop=key, part="polynomial"), train
            ),
            "the mean as well": mean_loss(logits - kept, train),
            "the neurons' part only": mean_loss(logits - of_neurons, train),
            "cosines of a + b - c": mean_loss(logits - cosines, train),
        },
        "gini": {
            f"{definition}, {matrix}": _gini_or_nan(values[matrix])
            for definition, values in {
                "norms of all components": norms,
                "without the constant": {name: norm[1:] for name, norm in norms.items()},
                "norm of each frequency": {name: energy[1:].sqrt() for name, energy in energies.items()},
                "energy of each frequency": {name: energy[1:] for name, energy in energies.items()},
            }.items()
            for matrix in ("W_E", "W_logit")
        },
    }
    return {measure: {name: float(value) for name, value in values.items()} for measure, values in found.items()}


@dataclass(frozen=True)
class Measures:
    """The measures along a run: ``measured["restricted_loss"]`` has an entry for each of ``measured.steps``."""

    key: tuple[int, ...]
    """The key frequencies that the measures were taken with."""
    steps: np.ndarray
    """(n,) int64, rising: the checkpoints."""
    values: dict[str, np.ndarray] = field(repr=False)
    """By name, float32 arrays whose first axis is n, as from ``measure``; and three more, see ``measure_run``."""
    run: str
    """Which run it was: ``identity``."""

    def __getitem__(self, name: str) -> np.ndarray:
        """One measure along the run.

        Raises:
            KeyError: if there is no such measure.
        """
        if name not in self.values:
            raise KeyError(f"there is no measure {name!r}; there are: {', '.join(self.values)}")
        return self.values[name]

    def at(self, name: str, step: int) -> np.ndarray:
        """One measure at one checkpoint.

        Raises:
            KeyError: if there is no such measure, or checkpoint.
        """
        found = np.flatnonzero(self.steps == step)
        if not len(found):
            raise KeyError(f"step {step:,} was not measured; there are: {', '.join(map(str, self.steps))}")
        value: np.ndarray = self[name][found[0]]
        return value


@usual_torch()
def dataset(run: Run) -> tasks.Dataset:
    """The questions of a run and their split: of its config, or as ``interop.load_run`` was told.

    Raises:
        ValueError: if others trained the run, and nobody said on which pairs.
    """
    if "train_index" not in run.provenance:
        return tasks.dataset(run.config)
    if run.provenance["train_index"] is None:
        raise ValueError(
            "nothing says on which pairs this model was trained: give them to interop.load_run as train_index, "
            "the rows a · p + b"
        )
    return tasks.dataset_of(run.config.p, torch.tensor(run.provenance["train_index"]), run.config.operation)


@usual_torch()
def measure_run(
    run: Run,
    key: Iterable[int] | None = None,
    progress: Callable[[int], None] | None = None,
) -> Measures:
    """All measures at every checkpoint of a run.

    Args:
        run: of addition or subtraction.
        key: the key frequencies; by default those of the last checkpoint.
        progress: called with each step that is done.

    Returns:
        The measures. Besides those of ``measure``: ``is_key_now`` (n, p // 2 + 1), 1 for the key frequencies that the
        checkpoint itself has, and ``restricted_loss_now`` and ``excluded_loss_now``, taken with those.

    Raises:
        ValueError: if the run is of another operation, as ``dataset`` and ``measure``.
    """
    data = dataset(run)
    key = key_frequencies(run.model()) if key is None else list(key)
    columns: dict[str, list[np.ndarray]] = {}
    for step in run.steps:
        model = run.model(step)
        found = measure(model, key, data)
        now = key_frequencies(model)
        with torch.no_grad():
            questions, (logits,) = _as_addition(data, circuit.all_logits(model))
            found |= {
                "is_key_now": torch.zeros(run.config.p // 2 + 1).index_fill(0, torch.tensor(now, dtype=torch.long), 1),
                "restricted_loss_now": restricted_loss(logits, now, questions.test_index).float(),
                "excluded_loss_now": excluded_loss(logits, now, questions.train_index).float(),
            }
        for name, value in found.items():
            columns.setdefault(name, []).append(value.numpy())
        if progress:
            progress(step)
    values = {name: np.stack(column) for name, column in columns.items()}
    return Measures(tuple(key), np.array(run.steps), values, identity(run))


of, along = measure, measure_run
"""As notebooks and scripts of the first edition call them."""


def announced(steps: np.ndarray, values: np.ndarray, start: int, share: float = 0.1, log: bool = False) -> int | None:
    """When a measure first has gone a share of its way, up or down. The rule is
    ours.

    Its way leads from its value at the first checkpoint that is not before
    ``start`` to its value at the last one.

    Args:
        steps: (n,) rising.
        values: (n,) the measure at those steps.
        start: the step from which on it counts, such as that by which the
            training set is answered.
        share: the share of the way, above 0 and at most 1.
        log: measure the way in logarithms, as for a loss that falls through
            many powers of ten.

    Returns:
        The first step from ``start`` on by which that share is behind it; None
        if it has no way to go, or either end is NaN.

    Raises:
        ValueError: if the lengths differ, there is no checkpoint from ``start``
            on, or a logarithm of zero or less is asked for.
    """
    steps, values = np.asarray(steps), np.asarray(values, dtype=np.float64)
    if len(steps) != len(values):
        raise ValueError(f"there are {len(steps)} steps and {len(values)} values")
    values, steps = values[steps >= start], steps[steps >= start]
    if not len(steps):
        raise ValueError(f"there is no checkpoint from step {start:,} on")
    if log:
        if not (values > 0).all():
            raise ValueError("zero and less have no logarithm")
        values = np.log(values)
    if values[-1] == values[0] or np.isnan(values[[0, -1]]).any():
        return None
    gone = (values - values[0]) / (values[-1] - values[0])
    return int(steps[np.argmax(gone >= share)])


def alarm(steps: np.ndarray, each: np.ndarray, start: int, line: float = 0.1) -> tuple[int, int] | None:
    """When the loss of a single frequency first hurts, and which frequency it
    is: a sign of a circuit that needs no list of key frequencies.

    The damage of a frequency is what the loss without it has more than the loss
    with nothing taken out.

    Source: after Nanda et al. 2023, appendix C.2; the line is ours.

    Args:
        steps: (n,) rising.
        each: (n, p // 2 + 1) as from ``excluded_loss_each``, one row a
            checkpoint.
        start: the step from which on it counts, such as that by which the
            training set is answered.
        line: the damage, in nats, that has to be exceeded.

    Returns:
        The first step from ``start`` on at which a frequency's damage is above
        the line, and the frequency: that with the largest damage, if there are
        several. None if there is no such step.

    Raises:
        ValueError: if there are not as many rows as steps.
    """
    steps, each = np.asarray(steps), np.asarray(each, dtype=np.float64)
    if len(steps) != len(each):
        raise ValueError(f"there are {len(steps)} steps and {len(each)} rows")
    damage = each[:, 1:] - each[:, :1]
    rings = np.flatnonzero((steps >= start) & (damage > line).any(axis=1))
    if not len(rings):
        return None
    return int(steps[rings[0]]), 1 + int(damage[rings[0]].argmax())


@dataclass(frozen=True)
class HiddenPhases:
    """Where a run's phases end by its measures, in steps; None for an end that the run does not reach."""

    memorised: int | None
    """Memorisation ends: from here on, taking the key frequencies away hurts more and more."""
    formed: int | None
    """Circuit formation ends: they have never mattered more."""
    cleaned: int | None
    """Clean-up ends: the map from neurons to logits is as sparse as it will be, nearly."""


def find_hidden_phases(
    steps: np.ndarray, excluded_loss: np.ndarray, gini_W_logit: np.ndarray, nearly: float = 0.95
) -> HiddenPhases:
    """Find the paper's three phases in the measures alone, without the test
    set. The rule is ours.

    Memorisation, in which the excluded loss falls, ends where it is lowest.
    Circuit formation, in which it rises, ends at its peak after that, unless it
    still rises at the last checkpoint. Clean-up, in which the spectrum loses
    what is not key, ends when the Gini coefficient of W_logit has come nearly
    all the way from its value at the peak to its last. (The paper's section 5.2
    describes the phases in this way, and reads their ends off the picture.)

    Args:
        steps: (n,) rising.
        excluded_loss: (n,) with all key frequencies taken out, on the training
            set.
        gini_W_logit: (n,) likewise at those steps.
        nearly: the share of the way that counts as all of it.

    Raises:
        ValueError: if the lengths differ.
    """
    steps, excluded_loss, gini_W_logit = np.asarray(steps), np.asarray(excluded_loss), np.asarray(gini_W_logit)
    if not len(steps) == len(excluded_loss) == len(gini_W_logit):
        raise ValueError("there must be as many values of each measure as there are steps")
    last, lowest = len(steps) - 1, int(np.argmin(excluded_loss))
    if lowest == last:
        return HiddenPhases(None, None, None)
    peak = lowest + int(np.argmax(excluded_loss[lowest:]))
    if peak in (lowest, last):  # it never rises, or still does
        return HiddenPhases(int(steps[lowest]), None, None)
    return HiddenPhases(int(steps[lowest]), int(steps[peak]), announced(steps, gini_W_logit, int(steps[peak]), nearly))


def identity(run: Run) -> str:
    """What tells one training from every other, of the same config too: the SHA-256 of config and history.

    A copy of the run that keeps fewer checkpoints, or keeps them in float16, has the same.
    """
    return storage.arrays_digest(run.history, json.dumps(run.config.to_dict(), sort_keys=True))


def store(measured: Measures, run: Path | str) -> Path:
    """Write measures into a run's folder, as ``measures.safetensors``: whole or not at all, in place of older ones.

    Args:
        measured: the measures.
        run: the run that they are of, or a copy of it with fewer checkpoints: a folder or a name, as for ``runs.load``.

    Returns:
        The file.

    Raises:
        RunError: if the folder does not hold that run, or cannot be written to; or as ``runs.load``.
    """
    folder = _folder(run)
    if identity(runs.load(run)) != measured.run:
        raise RunError(f"{folder} holds another run than the one that was measured. Nothing was changed")
    arrays = {"steps": measured.steps, "key": np.array(measured.key, dtype=np.int64)}
    arrays |= {f"values/{name}": np.ascontiguousarray(values) for name, values in measured.values.items()}
    metadata = {"format": FORMAT, "run": measured.run, "digest": storage.arrays_digest(arrays, measured.run)}
    try:
        storage.write_whole(folder / FILE, save_arrays(arrays, metadata))
    except OSError as error:
        raise RunError(f"the measures could not be written to {folder}: {error.strerror}") from error
    return folder / FILE


def load(run: Path | str) -> Measures:
    """The measures along a run: those that are stored with it, or, where there are none, computed now.

    Computing takes about a second for each checkpoint that the run keeps.

    Args:
        run: a folder, or the name of a run, as for ``runs.load``.

    Raises:
        RunNotFoundError: if there is no such run.
        RunError: as ``find``.
    """
    return find(run) or measure_run(runs.load(run))


def find(run: Path | str) -> Measures | None:
    """The measures that are stored with a run, or None.

    Args:
        run: a folder, or the name of a run, as for ``runs.load``.

    Raises:
        RunNotFoundError: if there is no such run.
        RunError: if the stored measures were altered, are of another run, or are not ours; or as ``runs.load``.
    """
    place = _folder(run) / FILE
    run_identity = identity(runs.load(run))
    if not place.exists():
        return None
    again = f"Remove it, and compute the measures again with: grokcourse measures {run}"
    try:
        content = place.read_bytes()
        arrays = load_arrays(content)
        metadata = storage.metadata(content)
    except (OSError, SafetensorError, ValueError) as error:
        raise RunError(f"{place} cannot be read: {error}. {again}") from error
    if metadata.get("format") != FORMAT:
        raise RunError(f"{place} is not a file of measures that this version can read. {again}")
    if metadata.get("digest") != storage.arrays_digest(arrays, metadata.get("run", "")):
        raise RunError(f"{place} was altered. {again}")
    if metadata["run"] != run_identity:
        raise RunError(f"{place} was computed from another run than the one beside it. {again}")
    values = {name.removeprefix("values/"): array for name, array in arrays.items() if name.startswith("values/")}
    return Measures(tuple(arrays["key"].tolist()), arrays["steps"], values, metadata["run"])


def _folder(run: Path | str) -> Path:
    """Where a run is that ``runs.load`` finds."""
    return Path(run) if Path(run).is_dir() else runs.available().get(str(run), Path(run))


def _as_addition(data: tasks.Dataset, *tables: Tensor) -> tuple[tasks.Dataset, tuple[Tensor, ...]]:
    """Questions of addition, and (p, p, …) tables that go with them; for subtraction −b takes b's place.

    Raises:
        ValueError: if these are not all questions of addition or subtraction modulo the tables' p.
    """
    p = len(tables[0])
    if data.p == p and data.labels.equal(circuit.sum_labels(p).flatten()):
        return data, tables
    negative = -torch.arange(p) % p
    if data.p == p and data.labels.equal(circuit.sum_labels(p)[:, negative].flatten()):
        rows = data.train_index // p * p + negative[data.train_index % p]
        return tasks.dataset_of(p, rows), tuple(table[:, negative] for table in tables)
    raise ValueError(
        f"the measures are those of addition and subtraction modulo {p}: the dataset must hold all its questions"
    )


def _require_finite(model: nn.Module) -> None:
    """Raise ``ValueError`` if a weight is infinite or NaN."""
    broken = [name for name, weight in model.named_parameters() if not weight.isfinite().all()]
    if broken:
        raise ValueError(f"the model has weights that are not finite, in {', '.join(broken)}: its training diverged")


def _gini_or_nan(values: Tensor) -> Tensor:
    return gini(values) if values.any() else values.new_tensor(torch.nan)
