"""The runs that ship with the package, and a small one that really groks, trained here."""

import csv

import numpy as np
import pytest
import torch

from grokcourse import circuit, fourier, quick_runs, runs, tasks, training
from grokcourse.config import RunConfig

RECORDED = [file.parent.name for file in sorted(runs.RECORDED.glob("*/run.json"))]
OTHER_TASKS = [file.parent for file in sorted(runs.RECORDED.glob("tasks/*/run.json"))]
SWEEP = [name for name in RECORDED if name not in ("main", "small")]


@pytest.fixture(scope="module", autouse=True)
def _recorded_runs_only():
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv(runs.RUNS_VARIABLE, raising=False)
        yield


@pytest.fixture(scope="module")
def main():
    return runs.load("main")


@pytest.mark.parametrize("name", [*RECORDED, *OTHER_TASKS], ids=lambda name: getattr(name, "name", name))
def test_a_recorded_run_is_intact_and_its_weights_give_its_history(name):
    """Also what storing weights in float16 costs: less than a hundredth of any loss."""
    run = runs.load(name)
    data = tasks.dataset(run.config)
    for step in {run.steps[0], run.steps[len(run.steps) // 2], run.steps[-1]}:
        for quantity, value in training.evaluate(run.model(step), data).items():
            tolerance = {"rel": 0.01} if quantity.endswith("loss") else {"abs": 0.002}
            assert value == pytest.approx(run.at(quantity, step), **tolerance), (quantity, step)


def test_the_controls_run_at_least_ten_times_as_long_as_their_twins_take_to_grok():
    by_run = {(run.weight_decay, run.seed): run for run in quick_runs.controls()}
    seeds = {seed for _, seed in by_run}
    assert len(seeds) >= 3
    for seed in seeds:
        decayed, control = by_run[3.0, seed], by_run[0.0, seed]
        assert control.steps[-1] >= 10 * decayed.grokked
        for run in (decayed, control):
            assert run.steps[0] == 0
            assert list(run.steps) == sorted(set(run.steps))
            assert run.test_loss[0] == pytest.approx(np.log(113), abs=0.05)
            assert max(run.train_accuracy) > 0.99
        # They start from the same weights.
        for quantity in ("train_loss", "test_loss", "train_accuracy", "test_accuracy", "weight_norm"):
            assert getattr(control, quantity)[0] == getattr(decayed, quantity)[0]


def test_the_table_of_other_tasks_has_each_run_from_its_start_to_its_end():
    with (runs.RECORDED / "tasks" / "runs.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    found: dict[tuple[str, ...], list[dict[str, str]]] = {}
    for row in rows:
        found.setdefault((row["operation"], row["fraction"], row["seed"]), []).append(row)
    understood = {("add", "0.3"), ("subtract", "0.3"), ("multiply", "0.3"), ("divide", "0.4"), ("compose", "0.6")}
    for (operation, fraction, _), evaluations in found.items():
        assert operation in tasks.OPERATIONS
        assert [int(row["step"]) for row in evaluations] == list(range(0, 20 * len(evaluations), 20))
        assert float(evaluations[-1]["train_accuracy"]) > 0.999
        assert (float(evaluations[-1]["test_accuracy"]) > 0.99) == ((operation, fraction) in understood)


def test_everything_recorded_is_25_mb_at_most():
    size = sum(path.stat().st_size for path in runs.RECORDED.rglob("*"))
    assert size < 25e6


def test_the_main_run_is_the_default_config(main):
    assert main.config == RunConfig()
    assert runs.find(RunConfig()).provenance == main.provenance
    assert len(main.steps) >= 20


def test_the_recorded_start_is_this_codes_start(main):
    """The first weights are drawn, not trained: they must be the same on every machine."""
    fresh = training.Transformer.from_config(main.config).state_dict()
    for name, weight in main.checkpoints[0].items():
        assert weight.equal(fresh[name].half().float()), name


def test_the_main_run_groks(main):
    history, config = main.history, main.config
    found = training.find_phases(
        history["step"], history["train_accuracy"], history["test_accuracy"], history["test_loss"], config.chance_loss
    )
    assert found.memorised < 1_000
    assert 3_000 < found.onset < found.grokked < 15_000
    assert history["test_loss"].max() > 2 * config.chance_loss
    assert history["test_loss"][-1] < 1e-5
    assert history["test_accuracy"][-1] == 1


def test_the_main_runs_spectrum_is_flat_before_and_spiky_after(main):
    def share_of_key(step):
        energy = fourier.energy_per_frequency(main.checkpoints[step]["W_E"][:-1])
        key = fourier.key_frequencies(energy)
        return len(key), float(energy[key].sum() / energy[1:].sum())

    assert share_of_key(0) == (0, 0.0)
    count, share = share_of_key(main.steps[-1])
    assert 2 <= count <= 8
    assert share > 0.9


def test_the_sweep_covers_every_strength_and_three_seeds_at_0_and_1():
    configs = [runs.load(name).config for name in SWEEP] + [RunConfig()]
    by_strength = {}
    for config in configs:
        by_strength.setdefault(config.weight_decay, set()).add(config.seed)
        assert config == RunConfig(
            weight_decay=config.weight_decay, seed=config.seed, split_seed=config.seed, steps=config.steps
        )
    assert by_strength.keys() == {0.0, 0.01, 0.1, 0.3, 1.0, 3.0}
    assert by_strength[0.0] == by_strength[1.0] == {0, 1, 2}


def test_the_stronger_the_decay_the_earlier_it_groks_and_without_decay_it_does_not():
    first = {}
    for name in ["main", *SWEEP]:
        run = runs.load(name)
        if run.config.seed == 0:
            reached = run.history["step"][run.history["test_accuracy"] >= 0.99]
            first[run.config.weight_decay] = reached[0] if len(reached) else np.inf
    assert first[3.0] < first[1.0] < first[0.3] < first[0.1] < first[0.01] == first[0.0] == np.inf


@pytest.fixture(scope="module")
def small():
    """Trained here and now, on one thread."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        return training.train(runs.load("small").config, device="cpu", progress_bar=False)
    finally:
        torch.set_num_threads(threads)


@pytest.mark.slow
def test_a_small_model_groks_before_our_eyes(small):
    history = small.history
    found = training.find_phases(
        history["step"],
        history["train_accuracy"],
        history["test_accuracy"],
        history["test_loss"],
        small.config.chance_loss,
    )
    assert found.memorised is not None
    assert found.grokked is not None
    assert found.grokked >= 3 * found.memorised
    assert history["test_loss"][-1] < 1e-3


@pytest.mark.slow
def test_a_small_model_finds_its_frequencies(small):
    def share(step):
        energy = fourier.energy_per_frequency(small.model(step).W_E.detach()[:-1])
        return float(energy[1:].sort(descending=True).values[:5].sum() / energy[1:].sum())

    assert share(0) < 0.4  # five of 21 frequencies, all alike
    assert share(small.steps[-1]) > 0.8


def test_the_tables_of_narrow_models_and_autoencoders_are_whole_and_agree_with_what_is_recorded():
    folder = runs.RECORDED / "superposition"
    tables = {}
    for name in ("widths", "autoencoders", "others"):
        with (folder / f"{name}.csv").open(encoding="utf-8", newline="") as file:
            tables[name] = list(csv.DictReader(file))
    settings = [(row["kind"], row["sparsity"], row["d_sae"]) for row in tables["autoencoders"]]
    seeds = {row["seed"] for row in tables["autoencoders"]}
    assert all(settings.count(setting) == len(seeds) >= 2 for setting in settings)
    for row in (*tables["autoencoders"], *tables["others"]):
        assert all(0 <= float(row[name]) <= 1 for name in ("explained_variance", "pure", "recovered", "mean_share"))
    assert {row["method"] for row in tables["others"]} == {"neurons", "PCA", "ICA", "NMF", "random"}
    neurons = next(row for row in tables["others"] if row["method"] == "neurons")
    activations = circuit.neuron_activations(runs.load("main").model())
    assert float(neurons["l0"]) == pytest.approx(float((activations > 0).float().sum(dim=2).mean()), rel=1e-3)
    for row in tables["widths"]:
        assert (row["grokked"] != "") == (float(row["test_accuracy"]) >= 0.99)
        assert 2 * len(row["key"].split()) <= int(row["d_model"])
