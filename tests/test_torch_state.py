"""Whatever a notebook's first cell sets torch to: what the course runs gives the same, and the setting is put back."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from grokcourse import circuit, fourier, interop, measures, runs, tasks, training
from grokcourse.autograder.exercises.select import EXERCISES
from grokcourse.autograder.feedback import run_checks
from grokcourse.config import RunConfig
from grokcourse.model import Transformer
from grokcourse.torch_state import usual_torch

TINY = RunConfig(p=11, train_fraction=0.5, d_model=8, n_heads=2, d_mlp=16, steps=20, eval_every=10, checkpoint_every=10)


@contextmanager
def default_dtype(dtype: torch.dtype) -> Iterator[None]:
    torch.set_default_dtype(dtype)
    try:
        yield
    finally:
        torch.set_default_dtype(torch.float32)


@contextmanager
def default_device(name: str) -> Iterator[None]:
    torch.set_default_device(name)
    try:
        yield
    finally:
        torch.set_default_device(None)


SETTINGS = {
    "no gradients": lambda: torch.set_grad_enabled(False),
    "inference mode": torch.inference_mode,
    "float64": lambda: default_dtype(torch.float64),
    "bfloat16": lambda: default_dtype(torch.bfloat16),
    "another device": lambda: default_device("meta"),  # on which nothing can be computed: whoever uses it fails
    "autocast": lambda: torch.autocast("cpu", dtype=torch.bfloat16),
}


def state() -> tuple[object, ...]:
    """All that ``usual_torch`` sets."""
    modes = torch.is_grad_enabled(), torch.is_inference_mode_enabled(), torch.is_autocast_enabled("cpu")
    return torch.get_default_dtype(), torch.get_default_device(), *modes


USUAL = (torch.float32, torch.device("cpu"), True, False, False)


@pytest.mark.parametrize("name", SETTINGS)
def test_within_it_torch_is_as_usual_and_afterwards_as_before(name: str):
    assert state() == USUAL
    with SETTINGS[name]():
        before = state()
        assert before != USUAL
        with usual_torch():
            assert state() == USUAL
        assert state() == before
        with pytest.raises(KeyboardInterrupt), usual_torch():
            raise KeyboardInterrupt
        assert state() == before
    assert state() == USUAL


class Given:
    """A small run, and what is read off it."""

    def __init__(self, folder: Path) -> None:
        self.run = training.train(TINY, progress_bar=False)
        self.folder = runs.save(self.run, folder / "run")
        self.model = self.run.model()
        self.data = tasks.dataset(TINY)
        self.numbers = self.model.W_E[:-1].detach().clone()
        self.logits = circuit.all_logits(self.model)
        self.neurons = circuit.neuron_activations(self.model)
        self.weights = circuit.effective_weights(self.model)
        self.frequency, self.share = circuit.neuron_frequencies(self.neurons)
        self.energy = fourier.energy_per_frequency(self.numbers)
        self.theirs = interop.to_transformer_lens(self.model)
        self.a, self.b = torch.arange(11), torch.arange(11).flip(0)


@pytest.fixture(scope="module")
def given(tmp_path_factory: pytest.TempPathFactory) -> Given:
    return Given(tmp_path_factory.mktemp("given"))


TRAINED: dict[str, Callable[[Given], object]] = {
    "train": lambda given: training.train(TINY, progress_bar=False).history,
    "load": lambda given: runs.load(given.folder).model().state_dict(),
    "model": lambda given: given.run.model().state_dict(),
    "storage_error": lambda given: runs.storage_error(given.run.checkpoints[20], given.data.tokens),
    "measure_run": lambda given: measures.measure_run(given.run).values,
    "measure": lambda given: measures.measure(given.model, [1, 2], given.data),
    "variants": lambda given: measures.variants(given.model, [1, 2], given.data),
    "from_transformer_lens": lambda given: interop.from_transformer_lens(given.theirs).state_dict(),
}
"""What trains, measures or loads: the same whatever is set."""
TABLES: dict[str, Callable[[Given], object]] = {
    "dataset": lambda given: tasks.dataset(TINY).tokens,
    "all_questions": lambda given: tasks.all_questions(11),
    "split": lambda given: tasks.split(10, 0.5, 0),
    "evaluate": lambda given: training.evaluate(given.model, given.data),
    "weight_norm": lambda given: training.weight_norm(given.model),
    "fourier_basis": lambda given: fourier.fourier_basis(11),
    "frequencies": lambda given: fourier.frequencies(11),
    "transform": lambda given: fourier.transform(given.numbers),
    "inverse_transform": lambda given: fourier.inverse_transform(given.numbers),
    "transform_2d": lambda given: fourier.transform_2d(given.logits),
    "energy_per_frequency": lambda given: fourier.energy_per_frequency(given.numbers),
    "keep_frequencies": lambda given: fourier.keep_frequencies(given.numbers, [1, 2]),
    "key_frequencies": lambda given: fourier.key_frequencies(given.energy, 0, 0),
    "circle": lambda given: fourier.circle(given.numbers, 2),
    "cos_of_sum": lambda given: fourier.cos_of_sum(2, 11),
    "all_logits": lambda given: circuit.all_logits(given.model),
    "neuron_activations": lambda given: circuit.neuron_activations(given.model),
    "attention_to": lambda given: circuit.attention_to(given.model),
    "logits_from": lambda given: circuit.logits_from(given.weights),
    "sum_labels": lambda given: circuit.sum_labels(11),
    "energy_2d": lambda given: circuit.energy_2d(given.logits),
    "frequency_shares": lambda given: circuit.frequency_shares(given.neurons),
    "neuron_frequencies": lambda given: circuit.neuron_frequencies(given.neurons),
    "neuron_clusters": lambda given: list(circuit.neuron_clusters(given.frequency, given.share, 0.1).values()),
    "degree2_fit": lambda given: circuit.degree2_fit(given.neurons, given.frequency),
    "by_sum": lambda given: circuit.by_sum(given.logits),
    "project_logits": lambda given: circuit.project_logits(given.logits, [1, 2]),
    "ablate_sum": lambda given: circuit.ablate_frequencies(given.logits, keep=[1, 2]),
    "ablate_products": lambda given: circuit.ablate_frequencies(given.logits, drop=[1], part="products"),
    "ablate_embedding": lambda given: circuit.ablate_embedding(given.model, keep=[1, 2]),
    "cosine_logits": lambda given: circuit.cosine_logits(11, [1], [1.0]),
    "fit_cosines": lambda given: circuit.fit_cosines(given.logits, [1, 2]).coefficients,
    "strength_by_difference": lambda given: circuit.strength_by_difference(given.logits, [1, 2]),
    "unembedding_directions": lambda given: circuit.unembedding_directions(given.weights.W_logit, [1, 2]),
    "keep_directions": lambda given: circuit.keep_directions(given.weights.W_logit, [1, 2]),
    "clock_network": lambda given: circuit.clock_network(11, [1, 2])(given.a, given.b),
    "restricted_loss": lambda given: measures.restricted_loss(given.logits, [1, 2]),
    "excluded_loss": lambda given: measures.excluded_loss(given.logits, [1, 2]),
    "excluded_loss_each": lambda given: measures.excluded_loss_each(given.logits),
    "gini": lambda given: measures.gini(given.energy),
    "wave_norms": lambda given: measures.wave_norms(given.numbers),
    "weight_norms": lambda given: measures.weight_norms(given.model),
}
"""Tensors in, tensors out: on the device and with the dtype of the arguments, or on the CPU if there are none.

In a region that autocast rules, they heed it, as torch's own functions do.
"""
CASES = [
    *((name, setting) for name in TRAINED for setting in SETTINGS),
    *((name, setting) for name in TABLES for setting in SETTINGS if setting != "autocast"),
]


@pytest.mark.parametrize(("name", "setting"), CASES)
def test_the_course_computes_the_same_under_every_setting(given: Given, name: str, setting: str):
    compute = (TRAINED | TABLES)[name]
    expected = compute(given)
    with SETTINGS[setting]():
        before = state()
        got = compute(given)
        assert state() == before
    assert_same(got, expected)


def assert_same(got: object, expected: object) -> None:
    """The same values, dtypes and devices, in whatever holds them."""
    if isinstance(expected, dict):
        assert got.keys() == expected.keys()
        got, expected = list(got.values()), list(expected.values())
    if isinstance(expected, tuple | list):
        assert len(got) == len(expected)
        for one, other in zip(got, expected, strict=True):
            assert_same(one, other)
    elif isinstance(expected, Tensor):
        torch.testing.assert_close(got, expected, equal_nan=True)
    else:
        np.testing.assert_allclose(got, expected, rtol=1e-6)


@pytest.mark.parametrize("setting", ["no gradients", "float64", "another device"])
def test_a_run_goes_on_bit_equal_under_another_setting(setting: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    whole = training.train(TINY, progress_bar=False)
    step, taken = training.train_step, []

    def interrupted(*args: object, **kwargs: object) -> Tensor:
        if len(taken) == 13:
            raise KeyboardInterrupt
        taken.append(1)
        return step(*args, **kwargs)

    monkeypatch.setattr(training, "train_step", interrupted)
    with ExitStack() as stack:
        stack.enter_context(SETTINGS[setting]())
        with pytest.raises(KeyboardInterrupt):
            training.train(TINY, tmp_path / "run", progress_bar=False)
        monkeypatch.setattr(training, "train_step", step)
        resumed = training.train(TINY, tmp_path / "run", progress_bar=False)
    for name, values in whole.history.items():
        np.testing.assert_array_equal(resumed.history[name], values, err_msg=name)


def test_a_new_model_is_where_torch_puts_new_tensors_with_the_same_weights():
    usual = Transformer.from_config(TINY)
    with SETTINGS["float64"]():
        model = Transformer.from_config(TINY)
    assert model.W_E.dtype == torch.float64
    assert model.W_E.float().equal(usual.W_E)
    with SETTINGS["another device"]():
        assert Transformer.from_config(TINY).W_E.device.type == "meta"


@pytest.mark.parametrize("setting", ["no gradients", "inference mode", "float64", "another device"])
def test_check_accepts_the_courses_own_under_every_setting(setting: str):
    """No setting of a notebook's first cell blames the student."""
    with SETTINGS[setting]():
        results = {name: run_checks(exercise, exercise.solution) for name, exercise in EXERCISES.items()}
    failed = [f"{name}: {one.title}: {one.message}" for name, ones in results.items() for one in ones if not one.passed]
    assert failed == []
