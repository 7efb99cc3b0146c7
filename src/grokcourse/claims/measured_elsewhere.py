"""What claims about other tasks, and about groups, are measured by.

Three runs have a group for a task: addition modulo 113; multiplication modulo 113, which without 0 is a group of 112
elements; and the 120 permutations of five things. One measure serves all three. The others are about runs of which
only the evaluations are recorded.
"""

import math
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from .. import circuit, fourier, other_tasks
from ..other_tasks import TaskRun
from .case import TITLES, Case, Cases, Values
from .measured import step_or_nan

LEAST_SUBGROUP = 12
"""Smaller subgroups have so many cosets that they explain a good part of any function."""
NAMES = {
    "add": "addition",
    "compose": "permutations",
    "cubic": "a³ + ab",
    "divide": "division",
    "quadratic": "a² + ab + b²",
    "random": "random answers",
    "subtract": "subtraction",
}


# --- Evaluations of runs on other tasks ---


def best_on_division(_: Cases) -> Values:
    """The highest test accuracy in division, 40% of the table shown."""
    return _by_seed("divide", 0.4, lambda run: max(run.test_accuracy))


def best_on_permutations(_: Cases) -> Values:
    """The highest test accuracy with permutations of five things, 60% of the table shown."""
    return _by_seed("compose", 0.6, lambda run: max(run.test_accuracy))


def best_on_quadratic(_: Cases) -> Values:
    """The highest test accuracy for a² + ab + b², 40% of the table shown."""
    return _by_seed("quadratic", 0.4, lambda run: max(run.test_accuracy))


def end_of_cubic(cases: Cases) -> Values:
    """The test accuracy for a³ + ab at the end, half of the table shown, in units of that of guessing."""
    p = cases["main"].run.config.p
    return _by_seed("cubic", 0.5, lambda run: run.test_accuracy[-1] * p)


def known_of_unlearnable(_: Cases) -> Values:
    """The training accuracy at the end, of the runs on tables that are never understood."""
    return {
        f"{NAMES[operation]}, {title}": value
        for operation, fraction in (("cubic", 0.5), ("random", 0.3))
        for title, value in _by_seed(operation, fraction, lambda run: run.train_accuracy[-1]).items()
    }


def later_without_symmetry(_: Cases) -> Values:
    """How many times as late as addition subtraction is understood, with the same seed and 30% of the table.

    Where one of the two is censored, it is the bound that its last step gives, and None if that tells nothing.
    """
    both = (_runs("subtract", 0.3), _runs("add", 0.3))
    return {f"seed {seed}": _later(both[0][seed], both[1][seed]) for seed in sorted(set(both[0]) & set(both[1]))}


def later_with_less(_: Cases) -> Values:
    """How many times as late a table is understood with ten percentage points less of it, with the same seed.

    Where the run with less is censored, at least so many times: it is given up at that step.
    """
    return _less_against_more(_later)


def memorised_with_less(_: Cases) -> Values:
    """The step at which 99% of the training set is answered with ten percentage points less, against that with more."""
    return _less_against_more(lambda less, more: step_or_nan(less.memorised) / step_or_nan(more.memorised))


def _runs(operation: str, fraction: float) -> dict[int, TaskRun]:
    """The recorded runs on a table, by seed."""
    return {
        run.seed: run
        for run in other_tasks.read()
        if run.operation == operation and math.isclose(run.fraction, fraction)
    }


def _by_seed(operation: str, fraction: float, value: Callable[[TaskRun], float]) -> Values:
    return {f"seed {seed}": float(value(run)) for seed, run in sorted(_runs(operation, fraction).items())}


def _later(one: TaskRun, other: TaskRun) -> float | None:
    """How many times as late the one groks; None if nobody can say."""
    ratio = one.wait / other.wait
    if one.grokked is None:  # at least so many times
        return ratio if other.grokked is not None and ratio >= 1 else None
    if other.grokked is None:  # at most so many times
        return ratio if ratio < 1 else None
    return ratio


def _less_against_more(value: Callable[[TaskRun, TaskRun], float | None]) -> Values:
    found: Values = {}
    for operation, less, more in (("divide", 0.3, 0.4), ("compose", 0.5, 0.6)):
        fewer, others = _runs(operation, less), _runs(operation, more)
        for seed in sorted(set(fewer) & set(others)):
            found[f"{NAMES[operation]}, seed {seed}"] = value(fewer[seed], others[seed])
    return found


# --- Groups ---


def embedding_in_key(case: Case) -> float:
    """The share of the embedding's energy, but for the trivial part, that lies in the key representations."""
    return _in_key(case, case.run.model().W_E[case.elements])


def exit_in_key(case: Case) -> float:
    """The same for the unembedding."""
    return _in_key(case, case.run.model().W_U[:, case.elements].T)


def logits_of_characters(case: Case) -> float:
    """The share of the logits' variance that the key characters of a · b · c⁻¹ explain."""
    return float(case.character_logits.square().sum() / case.group_logits.square().sum())


def characters_alone(case: Case) -> float:
    """The test loss of the key characters alone, against that of the logits as they are."""
    return case.group_loss_of(case.character_logits) / case.group_loss_of(case.group_logits)


def without_characters(case: Case) -> float:
    """The test loss of the logits without the key characters, in units of that of guessing."""
    return case.group_loss_of(case.group_logits - case.character_logits) / math.log(len(case.group))


def neurons_of_one(case: Case) -> float:
    """The share of neurons of whose input from a, and from b, one representation explains more than 85%.

    A character and its conjugate count as one: of real functions, both have as much.
    """
    return float((case.representation_shares.max(dim=1).values > 0.85).all(dim=0).double().mean())


def neurons_of_the_same(case: Case) -> float:
    """The share of neurons in which that of a is also that of b."""
    best = case.representation_shares.argmax(dim=1)
    return float((best[0] == best[1]).double().mean())


def explained_by_cosets(case: Case) -> float:
    """The share of a neuron's input from a that the cosets of the best subgroup explain: the median neuron's."""
    return float(_coset_shares(case, case.inputs_of_one[0]).max(dim=0).values.median())


def conjugate_subgroups(case: Case) -> float:
    """The share of neurons whose best subgroup for a is, but for conjugation, that for b."""
    kind, of_a, of_b = _best_kinds(case)
    return float((kind[of_a] == kind[of_b]).double().mean())


def absolute_value(case: Case) -> float:
    """The test loss with |x| in place of the neurons' ReLU, against the model's own."""
    inputs = circuit.neuron_inputs(case.weights, case.pattern)
    changed = circuit.logits_from(case.weights, inputs.abs(), case.pattern)
    return case.answer_loss_of(changed) / case.answer_loss_of(case.logits)


def exit_by_dihedral(case: Case) -> float:
    """The share of the unembedding's variance that the cosets of a subgroup of ten elements explain: of the best."""
    exit_rows = case.run.model().W_U[:, case.elements].T
    exit_rows = exit_rows - exit_rows.mean(dim=0)
    tens = [subgroup for subgroup in case.group.subgroups() if len(subgroup) == 10]
    return max(
        float(_means(exit_rows, case.group.cosets(subgroup, side)).square().sum() / exit_rows.square().sum())
        for subgroup in tens
        for side in ("left", "right")
    )


def _in_key(case: Case, rows: Tensor) -> float:
    energy = case.group.energy_per_representation(rows)
    return float(energy[case.key_characters].sum() / energy[1:].sum())


def _means(function: Tensor, drawer: Tensor) -> Tensor:
    """A function (n, …) averaged over each coset, at each element."""
    count = torch.bincount(drawer).to(function.dtype)[:, None]
    return (torch.zeros(len(count), function.shape[1]).index_add_(0, drawer, function) / count)[drawer]


def _coset_shares(case: Case, function: Tensor) -> Tensor:
    """(subgroup and side, neuron): the share of each column's variance that the cosets of a subgroup explain."""
    total = function.square().sum(dim=0)
    return torch.stack(
        [
            _means(function, case.group.cosets(subgroup, side)).square().sum(dim=0) / total
            for subgroup in _large(case)
            for side in ("left", "right")
        ]
    )


def _large(case: Case) -> list[frozenset[int]]:
    """The subgroups with twelve elements at least."""
    return [one for one in case.group.subgroups() if LEAST_SUBGROUP <= len(one) < len(case.group)]


def _best_kinds(case: Case) -> tuple[Tensor, Tensor, Tensor]:
    """For each subgroup a number that its conjugates share; and which is the best for each neuron, by a and by b.

    The best is the largest of those that explain as much as any, but for a hundredth: a part of it explains no less.
    """
    large, table, inverse = _large(case), case.group.table, case.group.inverses
    kinds = []
    for subgroup in large:
        rows = torch.tensor(sorted(subgroup))
        conjugates = table[table[:, rows], inverse[:, None]].sort(dim=1).values  # [g]: g · H · g⁻¹
        kinds.append(min(map(tuple, conjugates.tolist())))
    number = torch.tensor([sorted(set(kinds)).index(kind) for kind in kinds])
    size = torch.tensor([len(subgroup) for subgroup in large]).repeat_interleave(2)[:, None]
    best = []
    for part in case.inputs_of_one:
        shares = _coset_shares(case, part)
        good = shares >= shares.max(dim=0).values - 0.01
        best.append((good * (size + shares)).argmax(dim=0) // 2)
    return number, best[0], best[1]


# --- Embeddings and weights along a run ---


def structure_against_understanding(case: Case) -> float:
    """The step at which half of the embedding's structure is there, against that at which half of the test set is.

    Structure is the share of its energy in the frequencies that are key at the end.
    """
    share, steps = _structure(case), case.run.history["step"]
    halfway = steps[np.flatnonzero(share >= (share[0] + share[-1]) / 2)[0]]
    answered = steps[np.flatnonzero(case.run.history["test_accuracy"] >= 0.5)[0]]
    return float(halfway / answered)


def structure_when_memorised(case: Case) -> float:
    """How much of what the structure gains over the run is there when 99% of the training set is answered."""
    share = _structure(case)
    at = np.flatnonzero(case.run.history["step"] == case.phases.memorised)
    return float((share[at[0]] - share[0]) / (share[-1] - share[0])) if len(at) else math.nan


def norm_when_grokked(case: Case) -> float:
    """The norm of all weights when 99% of the test set is answered, against that when 99% of the training set is."""
    steps, squares = case.run.history["step"], np.square(case.run.history["weight_norms"]).sum(axis=1)
    if case.phases.grokked is None or case.phases.memorised is None:
        return math.nan
    late, early = (float(squares[steps == step][0]) for step in (case.phases.grokked, case.phases.memorised))
    return math.sqrt(late / early)


def decay_times_wait(cases: Cases) -> Values:
    """The step of grokking times the weight decay, for decays of 3 and 0.3, against that for 1."""
    main = cases["main"]
    unit = step_or_nan(main.phases.grokked) * main.run.config.weight_decay
    return {
        TITLES[name]: step_or_nan(cases[name].phases.grokked) * cases[name].run.config.weight_decay / unit
        for name in ("wd3-seed0", "wd0.3-seed0")
    }


def _structure(case: Case) -> np.ndarray:
    """At each evaluation the share of the embedding's energy in the frequencies that are key at the end."""
    key = fourier.key_frequencies(fourier.energy_per_frequency(case.run.model().W_E[: case.run.config.p]))
    energy: np.ndarray = case.run.history["W_E_energy"]
    return energy[:, key].sum(axis=1) / energy[:, 1:].sum(axis=1)
