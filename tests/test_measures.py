"""The progress measures against brute force, numpy and a network written by hand; what is stored, computed anew."""

import itertools
import math
import os
import shutil

import numpy as np
import pytest
import torch

from grokcourse import circuit, measures, runs, tasks, training
from grokcourse.cli import main as command
from grokcourse.config import RunConfig
from grokcourse.model import Transformer

MODULI = [2, 3, 4, 5, 8, 11]
TINY = RunConfig(p=7, train_fraction=0.5, d_model=8, n_heads=2, d_mlp=6, steps=20, eval_every=10, checkpoint_every=10)
RECORDED = [folder.name for folder in sorted(runs.RECORDED.iterdir()) if runs.is_run(folder)]


@pytest.fixture(autouse=True)
def _recorded_runs_only(monkeypatch):
    monkeypatch.delenv(runs.RUNS_VARIABLE, raising=False)


def random(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def all_questions(p: int, seed: int = 0) -> tasks.Dataset:
    """Any p, prime or not, without a config."""
    tokens = tasks.all_questions(p)
    train, test = tasks.split(p * p, 0.5, seed)
    return tasks.Dataset(tokens, tasks.answers(tokens, p), train, test)


def loss_by_hand(logits: np.ndarray, rows: np.ndarray | None = None) -> float:
    """One question at a time: −log of the share that the right answer has of all exponentials."""
    p = logits.shape[0]
    losses = []
    for row in range(p * p) if rows is None else rows:
        a, b = divmod(int(row), p)
        scores = logits[a, b] - logits[a, b].max()
        losses.append(-math.log(math.exp(scores[(a + b) % p]) / sum(math.exp(score) for score in scores)))
    return sum(losses) / len(losses)


def waves_by_least_squares(logits: np.ndarray, key: list[int]) -> np.ndarray:
    """What cos and sin of ω_k(a + b) explain of the logits, and the mean: a regression over all p² questions."""
    p = logits.shape[0]
    total = np.add.outer(np.arange(p), np.arange(p)).ravel()
    columns = [np.ones(p * p)]
    for k in key:
        columns += [np.cos(2 * np.pi * k * total / p), np.sin(2 * np.pi * k * total / p)]
    design, flat = np.stack(columns, axis=1), logits.reshape(p * p, p)
    fitted = design @ np.linalg.lstsq(design, flat, rcond=None)[0]
    return fitted.reshape(p, p, p)


@pytest.mark.parametrize("p", MODULI)
def test_the_mean_loss_is_that_of_the_definition(p):
    logits, rows = random(p, p, p), torch.randperm(p * p, generator=torch.Generator().manual_seed(1))[: p * p // 2]
    assert float(measures.mean_loss(logits)) == pytest.approx(loss_by_hand(logits.numpy()))
    assert float(measures.mean_loss(logits, rows)) == pytest.approx(loss_by_hand(logits.numpy(), rows.numpy()))
    assert measures.mean_loss(logits.float()).dtype == torch.float64


def test_losses_far_below_float32s_rounding_are_resolved():
    p = 5
    logits = 30 * torch.nn.functional.one_hot(circuit.sum_labels(p), p).float()
    assert float(measures.mean_loss(logits)) == pytest.approx(math.log1p(4 * math.exp(-30)), rel=1e-2)


@pytest.mark.parametrize("p", MODULI)
def test_restricted_and_excluded_loss_are_those_of_a_regression_on_the_waves(p):
    logits, rows = 3 * random(p, p, p, seed=p), torch.arange(0, p * p, 2)
    for key in ([1], list(range(1, p // 2 + 1))[-2:], []):
        fitted = waves_by_least_squares(logits.numpy(), key)
        mean = logits.numpy().mean(axis=(0, 1))
        for questions in (None, rows):
            restricted = measures.restricted_loss(logits, key, questions)
            excluded = measures.excluded_loss(logits, key, questions)
            assert float(restricted) == pytest.approx(loss_by_hand(fitted, questions))
            assert float(excluded) == pytest.approx(loss_by_hand(logits.numpy() - fitted + mean, questions))


@pytest.mark.parametrize("p", MODULI)
def test_each_frequency_excluded_by_itself(p):
    logits, rows = 3 * random(p, p, p, seed=p), torch.arange(1, p * p, 2)
    for questions in (None, rows):
        each = measures.excluded_loss_each(logits, questions)
        assert each.shape == (p // 2 + 1,)
        assert float(each[0]) == pytest.approx(float(measures.mean_loss(logits, questions)))
        for k in range(1, p // 2 + 1):
            assert float(each[k]) == pytest.approx(float(measures.excluded_loss(logits, [k], questions)))


def clock_logits(p: int, key: list[int], scale: float) -> torch.Tensor:
    numbers = torch.arange(p)
    a, b = torch.cartesian_prod(numbers, numbers).T
    return scale * circuit.clock_network(p, key)(a, b).reshape(p, p, p)


def test_a_network_that_is_nothing_but_its_circuit_loses_nothing_or_everything():
    p, key = 13, [2, 5]
    logits = clock_logits(p, key, 10)
    whole = float(measures.mean_loss(logits))
    assert whole < 1e-2
    assert float(measures.restricted_loss(logits, key)) == pytest.approx(whole)
    assert float(measures.excluded_loss(logits, key)) == pytest.approx(math.log(p))
    assert float(measures.restricted_loss(logits, [1, 3])) == pytest.approx(math.log(p))
    assert float(measures.excluded_loss(logits, [1, 3])) == pytest.approx(whole)


def test_a_list_learnt_by_heart_is_shouted_down_and_both_measures_tell_the_two_apart():
    """Planted: the clock, and on top of it a memory that is right on the training set and wrong elsewhere."""
    p, key = 23, [2, 5, 9]
    data = all_questions(p)
    shift = torch.randint(1, p, (p, p), generator=torch.Generator().manual_seed(0))
    recalled = torch.where(data.train_mask(), circuit.sum_labels(p), (circuit.sum_labels(p) + shift) % p)
    memory = 25 * torch.nn.functional.one_hot(recalled, p)
    logits = clock_logits(p, key, 5) + memory
    assert float(measures.mean_loss(logits, data.train_index)) < 1e-6
    assert float(measures.mean_loss(logits, data.test_index)) > 2 * math.log(p)
    assert float(measures.restricted_loss(logits, key, data.test_index)) < 0.5
    assert float(measures.excluded_loss(logits, key, data.train_index)) < 1e-6
    only_circuit = float(measures.excluded_loss(clock_logits(p, key, 5), key, data.train_index))
    assert only_circuit == pytest.approx(math.log(p))


@pytest.mark.parametrize("p", MODULI)
def test_two_voices_are_the_leads_over_one_rival_in_what_a_regression_finds_and_in_what_it_leaves(p):
    logits, rows = 3 * random(p, p, p, seed=p), torch.arange(0, p * p, 2)
    for key in ([1], list(range(1, p // 2 + 1))[-2:], []):
        waves = waves_by_least_squares(logits.numpy(), key) - logits.numpy().mean(axis=(0, 1))
        for questions in (None, rows):
            circuits, rests = measures.two_voices(logits, key, questions)
            asked = range(p * p) if questions is None else questions.tolist()
            assert circuits.shape == rests.shape == (len(asked),)
            for row, circuit_lead, rest_lead in zip(asked, circuits.tolist(), rests.tolist(), strict=True):
                a, b = divmod(row, p)
                right = (a + b) % p
                rival = max((c for c in range(p) if c != right), key=lambda c: float(logits[a, b, c]))
                assert circuit_lead == pytest.approx(waves[a, b, right] - waves[a, b, rival])
                assert circuit_lead + rest_lead == pytest.approx(float(logits[a, b, right] - logits[a, b, rival]))


def test_the_sum_of_both_voices_is_positive_where_a_model_answers_and_each_is_heard():
    """Planted: a clock of a known lead, and a memory of 25 for the right answer when seen, for a wrong one when not."""
    p, key = 23, [2, 5, 9]
    data = all_questions(p)
    shift = torch.randint(1, p, (p, p), generator=torch.Generator().manual_seed(0))
    recalled = torch.where(data.train_mask(), circuit.sum_labels(p), (circuit.sum_labels(p) + shift) % p)
    clock, memory = clock_logits(p, key, 5), 25 * torch.nn.functional.one_hot(recalled, p)
    whole = clock + memory
    right = (whole.argmax(dim=2) == circuit.sum_labels(p)).flatten()
    for questions, expected in ((data.train_index, 25), (data.test_index, -25)):
        in_waves, in_rest = measures.two_voices(whole, key, questions)
        assert ((in_waves + in_rest > 0) == right[questions]).all()
        # a list is spread over all waves alike, and so a little of it is in the key ones
        assert float(in_rest.mean()) == pytest.approx(expected, rel=0.2)
        assert (in_waves > 0).all()


def test_by_chance_is_the_share_of_the_draws_that_do_as_well_with_the_key_ones_among_them():
    p, key = 11, [2, 5]
    logits, rows = clock_logits(p, key, 1) + 0.3 * random(p, p, p), torch.arange(0, p * p, 2)
    draws = [list(pair) for pair in itertools.combinations(range(1, 6), 2)]
    ours = loss_by_hand(waves_by_least_squares(logits.numpy(), key), rows.numpy())
    losses = [loss_by_hand(waves_by_least_squares(logits.numpy(), drawn), rows.numpy()) for drawn in draws]
    others = [loss for drawn, loss in zip(draws, losses, strict=True) if drawn != key]
    assert min(others) > ours  # so of all pairs only the key one does as well
    assert measures.by_chance(logits, key, draws, rows) == pytest.approx(2 / 11)
    assert measures.by_chance(logits, key, [drawn for drawn in draws if drawn != key], rows) == pytest.approx(1 / 10)
    worst = draws[losses.index(max(losses))]
    assert measures.by_chance(logits, worst, draws, rows) == 1
    assert measures.by_chance(logits, key, []) == 1


def test_the_alarm_rings_when_a_single_frequency_is_missed_and_names_it():
    steps, line = np.array([0, 100, 200, 300, 400]), 0.1
    each = np.full((5, 6), 2.0) * np.array([4, 2, 1, 1, 1])[:, None]
    each[0, 3] += 5  # before the start
    each[2, 4] += 0.1 - 1e-9  # not above the line
    each[3, [2, 5]] += 0.2, 0.3
    each[4, 1] += 9
    assert measures.alarm(steps, each, 100, line) == (300, 5)
    assert measures.alarm(steps, each, 100, line=1) == (400, 1)
    assert measures.alarm(steps, each, 0) == (0, 3)
    assert measures.alarm(steps, each, 100, line=20) is None
    assert measures.alarm(steps, each, 500) is None
    with pytest.raises(ValueError, match="5 steps and 4 rows"):
        measures.alarm(steps, each[1:], 100)


def test_nothing_is_changed_in_place_and_views_will_do():
    logits = random(5, 5, 10)[:, :, ::2]
    before = logits.clone()
    values = [measures.restricted_loss(logits, [1]), measures.excluded_loss(logits, [1])]
    measures.excluded_loss_each(logits)
    assert logits.equal(before)
    assert values == [
        measures.restricted_loss(logits.contiguous(), [1]),
        measures.excluded_loss(logits.contiguous(), [1]),
    ]


@pytest.mark.parametrize("key", [[0], [3], [1, 1]])
def test_frequencies_that_there_are_not_are_refused(key):
    with pytest.raises(ValueError, match=r"frequenc"):
        measures.restricted_loss(random(5, 5, 5), key)
    with pytest.raises(ValueError, match=r"frequenc"):
        measures.excluded_loss(random(5, 5, 5), key)


@pytest.mark.parametrize("m", [1, 2, 3, 10, 57])
def test_gini_is_the_mean_difference_over_twice_the_mean(m):
    x = random(m, seed=m).abs()
    differences = sum(abs(float(one) - float(other)) for one in x for other in x)
    assert float(measures.gini(x)) == pytest.approx(differences / (2 * m * float(x.sum())), abs=1e-12)
    assert float(measures.gini(7 * x.flip(0))) == pytest.approx(float(measures.gini(x)))


def test_gini_from_all_alike_to_one_has_everything():
    assert float(measures.gini(torch.full((8,), 3.0))) == pytest.approx(0, abs=1e-7)
    assert float(measures.gini(torch.tensor([0.0, 5, 0, 0]))) == pytest.approx(3 / 4)
    assert float(measures.gini(torch.tensor([0.0, 1, 0, 1]))) == pytest.approx(1 / 2)
    twice = torch.cat([torch.tensor([1.0, 2, 6])] * 2)
    assert float(measures.gini(twice)) == pytest.approx(float(measures.gini(twice[:3])))  # "cloning" changes nothing


@pytest.mark.parametrize("values", [[], [0.0, 0.0], [1.0, -0.1], [1.0, math.nan], [[1.0]]])
def test_gini_of_what_is_no_share_is_refused(values):
    with pytest.raises(ValueError, match="none of them negative"):
        measures.gini(torch.tensor(values))


@pytest.mark.parametrize("p", MODULI)
def test_wave_norms_are_those_of_numpys_fft(p):
    x = random(p, 6)
    power = np.abs(np.fft.rfft(x.numpy(), axis=0)) ** 2
    norms = measures.wave_norms(x).numpy()
    assert norms.shape == (p,)
    for k in range(p // 2 + 1):
        both = np.sum(norms[[0] if k == 0 else range(2 * k - 1, min(2 * k + 1, p))] ** 2)
        assert both == pytest.approx(power[k].sum() / p * (1 if k == 0 or 2 * k == p else 2))
    torch.testing.assert_close(measures.wave_norms(x.T, dim=1), measures.wave_norms(x))
    assert measures.wave_norms(x[:, 0]).shape == (p,)


def test_weight_norms_are_those_of_every_parameter_in_order():
    model = Transformer(5, 8, 2, 6)
    expected = [math.sqrt(float((weight.detach().double() ** 2).sum())) for weight in model.parameters()]
    np.testing.assert_allclose(measures.weight_norms(model).numpy(), expected, rtol=1e-6)
    assert not measures.weight_norms(model).requires_grad


@pytest.mark.parametrize("p", [2, 5, 8])
def test_the_whole_set_for_a_model_of_any_size(p):
    model, data = Transformer(p, 8, 2, 6), all_questions(p)
    key = [1]
    found = measures.measure(model, key, data)
    logits = model(data.tokens).detach()[:, :p].reshape(p, p, p)
    assert all(value.dtype == torch.float32 and not value.requires_grad for value in found.values())
    assert float(found["train_loss"]) == pytest.approx(loss_by_hand(logits.double().numpy(), data.train_index))
    assert float(found["test_loss"]) == pytest.approx(loss_by_hand(logits.double().numpy(), data.test_index))
    fitted = waves_by_least_squares(logits.double().numpy(), key)
    assert float(found["restricted_loss"]) == pytest.approx(loss_by_hand(fitted, data.test_index), rel=1e-5)
    assert float(found["restricted_loss_train"]) == pytest.approx(loss_by_hand(fitted, data.train_index), rel=1e-5)
    rest = logits.numpy() - fitted + logits.numpy().mean(axis=(0, 1))
    assert float(found["excluded_loss"]) == pytest.approx(loss_by_hand(rest, data.train_index), rel=1e-5)
    for name in ("energy_W_E", "energy_W_logit", "excluded_loss_each", "neurons_by_frequency"):
        assert found[name].shape == (p // 2 + 1,), name
    assert float(found["energy_W_E"].sum()) == pytest.approx(float(model.W_E[:p].detach().square().sum()), rel=1e-5)
    assert float(found["squared_weights"]) == pytest.approx(float(found["weight_norms"].square().sum()), rel=1e-5)
    assert 0 <= float(found["specialised"]) <= 1
    assert float(found["neurons_by_frequency"].sum()) == pytest.approx(6 * float(found["specialised"]))
    assert 0 <= float(found["cosine_share"]) <= 1 + 1e-6


def test_other_questions_than_those_of_addition_and_subtraction_are_refused():
    data = all_questions(5)
    product = data.tokens[:, 0] * data.tokens[:, 1] % 5
    for wrong in (tasks.Dataset(data.tokens, product, data.train_index, data.test_index), all_questions(7)):
        with pytest.raises(ValueError, match="addition and subtraction modulo 5"):
            measures.measure(Transformer(5, 8, 2, 6), [1], wrong)


@pytest.mark.parametrize("p", [4, 7])
def test_subtraction_is_measured_with_minus_b_in_place_of_b(p, monkeypatch):
    data, model = tasks.dataset_of(p, torch.randperm(p * p)[: p * p // 2], "subtract"), Transformer(p, 8, 2, 6)
    found = measures.measure(model, [1], data)
    numbers = torch.arange(p)
    a, b = torch.cartesian_prod(numbers, numbers).T
    right = 7.0 * (numbers == ((a - b) % p)[:, None]).reshape(p, p, p).double()
    logits = circuit.all_logits(model).flatten(0, 1).double()
    for name, rows in (("train_loss", data.train_index), ("test_loss", data.test_index)):
        expected = torch.nn.functional.cross_entropy(logits[rows], data.labels[rows])
        assert float(found[name]) == pytest.approx(float(expected), rel=1e-6)
    # A table that is a function of a − b − c alone is all cosines of it.
    monkeypatch.setattr(circuit, "all_logits", lambda _: right)
    assert float(measures.measure(model, range(1, p // 2 + 1), data)["cosine_share"]) == pytest.approx(1)
    variants = measures.variants(model, range(1, p // 2 + 1), data)
    perfect = math.log(1 + (p - 1) * math.exp(-7))
    assert variants["restricted"]["waves of the sum, test set"] == pytest.approx(perfect, rel=1e-6)


@pytest.mark.parametrize("scale", [0, 1e-30])
def test_a_model_that_decayed_to_nothing_is_measured_and_one_that_is_not_finite_refused(scale):
    model, data = Transformer(5, 8, 2, 6), all_questions(5)
    with torch.no_grad():
        for weight in model.parameters():
            weight.mul_(scale)
    assert measures.key_frequencies(model) == []
    found = measures.measure(model, [], data)
    assert math.isnan(found["gini_W_logit"])
    assert float(found["test_loss"]) == pytest.approx(math.log(5))
    assert measures.announced(STEPS, np.full(6, np.nan), 0) is None
    with torch.no_grad():
        model.mlp.b_in[0] = math.nan
    for broken in (lambda: measures.measure(model, [], data), lambda: measures.key_frequencies(model)):
        with pytest.raises(ValueError, match=r"not finite, in mlp\.b_in"):
            broken()


def test_the_variants_begin_with_the_courses_own_and_agree_for_a_pure_circuit():
    p, data = 7, all_questions(7)
    model = Transformer(p, 8, 2, 6)
    found = measures.measure(model, [2], data)
    variants = measures.variants(model, [2], data)
    first = {name: next(iter(values.values())) for name, values in variants.items()}
    assert first["restricted"] == pytest.approx(float(found["restricted_loss"]), rel=1e-6)
    assert first["excluded"] == pytest.approx(float(found["excluded_loss"]), rel=1e-6)
    assert first["gini"] == pytest.approx(float(found["gini_W_E"]), rel=1e-6)
    assert all(math.isfinite(value) for values in variants.values() for value in values.values())


STEPS = np.array([0, 10, 20, 30, 40, 50])


def test_a_measure_announces_itself_when_a_tenth_of_its_way_is_behind_it():
    rising = np.array([9.0, 0.0, 0.5, 1.1, 8.0, 10.0])
    assert measures.announced(STEPS, rising, 10) == 30
    assert measures.announced(STEPS, -rising, 5) == 30
    assert measures.announced(STEPS, rising, 10, share=0.05) == 20
    assert measures.announced(STEPS, rising, 10, share=1.0) == 50
    falling = np.array([1.0, 1.0, 0.5, 0.09, 1e-3, 1e-10])
    assert measures.announced(STEPS, falling, 0) == 20
    assert measures.announced(STEPS, falling, 0, log=True) == 30
    assert measures.announced(STEPS, np.ones(6), 0) is None
    with pytest.raises(ValueError, match="6 steps and 5 values"):
        measures.announced(STEPS, rising[1:], 0)
    with pytest.raises(ValueError, match="from step 51 on"):
        measures.announced(STEPS, rising, 51)
    with pytest.raises(ValueError, match="logarithm"):
        measures.announced(STEPS, rising, 0, log=True)


def test_the_hidden_phases_end_where_the_rule_says():
    gini = np.array([0.0, 0.1, 0.2, 0.4, 0.79, 0.8])
    found = measures.find_hidden_phases(STEPS, np.array([4, 0.1, 2, 9, 6, 5]), gini)
    assert found == measures.HiddenPhases(10, 30, 40)
    assert measures.find_hidden_phases(STEPS, np.array([4, 0.1, 2, 9, 6, 5]), gini, nearly=0.99) == (
        measures.HiddenPhases(10, 30, 50)
    )
    still_rising = measures.find_hidden_phases(STEPS, np.array([4, 0.1, 2, 5, 6, 9]), gini)
    assert still_rising == measures.HiddenPhases(10, None, None)
    never = measures.find_hidden_phases(STEPS, np.array([4, 3, 2, 1, 0.5, 0.1]), gini)
    assert never == measures.HiddenPhases(None, None, None)
    flat = measures.find_hidden_phases(STEPS, np.ones(6), gini)
    assert flat == measures.HiddenPhases(0, None, None)
    with pytest.raises(ValueError, match="as many values"):
        measures.find_hidden_phases(STEPS, gini[1:], gini)


# --- along a run, and stored with it ---------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def run():
    return training.train(TINY, device="cpu", progress_bar=False)


@pytest.fixture
def folder(run, tmp_path):
    return runs.save(run, tmp_path / "run")


def test_along_a_run_is_one_checkpoint_after_the_other(run):
    done = []
    measured = measures.measure_run(run, [2], progress=done.append)
    assert done == measured.steps.tolist() == [0, 10, 20]
    assert measured.key == (2,)
    data = tasks.dataset(TINY)
    for step in run.steps:
        for name, value in measures.measure(run.model(step), [2], data).items():
            np.testing.assert_array_equal(measured.at(name, step), value.numpy(), err_msg=name)
        logits, now = circuit.all_logits(run.model(step)), measures.key_frequencies(run.model(step))
        assert np.flatnonzero(measured.at("is_key_now", step)).tolist() == sorted(now)
        expected = float(measures.restricted_loss(logits, now, data.test_index))
        assert measured.at("restricted_loss_now", step) == pytest.approx(expected, rel=1e-6)
    assert measured["gini_W_E"].shape == (3,)
    assert measures.measure_run(run).key == tuple(measures.key_frequencies(run.model()))
    with pytest.raises(KeyError, match="no measure 'gini'; there are: train_loss"):
        measured["gini"]
    with pytest.raises(KeyError, match="step 5 was not measured; there are: 0, 10, 20"):
        measured.at("gini_W_E", 5)


def test_what_is_stored_is_what_is_loaded_and_the_run_does_not_mind(run, folder):
    assert measures.find(folder) is None
    measured = measures.measure_run(run, [3, 1])
    place = measures.store(measured, folder)
    assert sorted(path.name for path in folder.iterdir()) == [
        "checkpoints.safetensors", "history.safetensors", place.name, "run.json",
    ]  # fmt: skip
    loaded = measures.load(folder)
    assert loaded.key == (3, 1)
    assert loaded.steps.tolist() == [0, 10, 20]
    assert loaded.values.keys() == measured.values.keys()
    for name, values in measured.values.items():
        np.testing.assert_array_equal(loaded[name], values)
    assert runs.load(folder).config == run.config


def test_without_stored_measures_they_are_computed_and_nothing_is_written(run, folder):
    before = sorted(folder.iterdir())
    loaded, computed = measures.load(folder), measures.measure_run(run)
    assert loaded.key == computed.key
    np.testing.assert_allclose(loaded["excluded_loss"], computed["excluded_loss"], rtol=1e-6)
    assert sorted(folder.iterdir()) == before


def test_a_thinned_copy_in_float16_takes_the_measures_of_the_whole_run(run, tmp_path):
    thin = runs.save(runs.thin(run, [20]), tmp_path / "thin", half=True)
    measures.store(measures.measure_run(run, [1]), thin)
    assert measures.load(thin).steps.tolist() == [0, 10, 20]


def test_altered_truncated_and_other_runs_measures_are_refused(run, folder, tmp_path):
    place = measures.store(measures.measure_run(run, [1]), folder)
    content = place.read_bytes()
    for position in np.random.default_rng(0).integers(8, len(content), size=40):
        altered = bytearray(content)
        altered[position] ^= 1
        place.write_bytes(altered)
        with pytest.raises(runs.RunError, match="grokcourse measures"):
            measures.load(folder)
    for keep in (0, 7, len(content) // 2, len(content) - 1):
        place.write_bytes(content[:keep])
        with pytest.raises(runs.RunError, match="cannot be read"):
            measures.load(folder)
    place.write_bytes(content)
    measures.load(folder)
    other = training.train(TINY.replace(seed=1), tmp_path / "other", device="cpu", progress_bar=False)
    with pytest.raises(runs.RunError, match="another run"):
        measures.store(measures.measure_run(other, [1]), folder)
    assert place.read_bytes() == content
    shutil.copy(place, tmp_path / "other" / measures.FILE)
    with pytest.raises(runs.RunError, match="another run than the one beside it"):
        measures.load(tmp_path / "other")


def test_a_place_that_cannot_be_written_leaves_what_was_there(run, folder, monkeypatch):
    place = measures.store(measures.measure_run(run, [1]), folder)
    content = place.read_bytes()

    def full(_descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(runs.RunError, match="No space left"):
        measures.store(measures.measure_run(run, [2]), folder)
    assert place.read_bytes() == content
    assert len(list(folder.iterdir())) == 4


def test_no_such_run_is_said_as_for_a_run():
    with pytest.raises(runs.RunNotFoundError, match="no run 'nowhere'"):
        measures.load("nowhere")


def test_the_command_stores_them_and_keeps_what_is_there(folder, capsys):
    assert command(["measures", str(folder)]) == 0
    assert "Stored in" in capsys.readouterr().out
    content = (folder / measures.FILE).read_bytes()
    assert command(["measures", str(folder)]) == 0
    out = capsys.readouterr().out
    assert "Stored" not in out
    assert "Measured at 3 checkpoints" in out
    assert "circuit formation" in out
    assert (folder / measures.FILE).read_bytes() == content
    assert command(["measures", "nowhere"]) == 1
    assert "no run 'nowhere'" in capsys.readouterr().err


# --- the recorded ones -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", RECORDED)
def test_the_recorded_measures_are_those_of_the_recorded_weights(name):
    """Which are in float16: this moves a loss by less than half a hundredth, and no share by a thousandth."""
    run, measured = runs.load(name), measures.load(name)
    assert set(run.steps) <= set(measured.steps.tolist())
    data = tasks.dataset(run.config)
    for step in {run.steps[len(run.steps) // 3], run.steps[-1]}:
        for quantity, value in measures.measure(run.model(step), measured.key, data).items():
            stored, anew = measured.at(quantity, step), value.numpy()
            if "loss" in quantity:
                np.testing.assert_allclose(anew, stored, rtol=5e-3, err_msg=f"{quantity} at {step}")
            else:
                np.testing.assert_allclose(
                    anew, stored, rtol=0, atol=1e-3 * np.abs(stored).max() + 1e-9, err_msg=quantity
                )


def test_the_recorded_losses_are_those_of_the_history():
    run, measured = runs.load("main"), measures.load("main")
    for step in measured.steps[1:]:  # at the start the token "=" still has its share of the probability
        for name in ("train_loss", "test_loss"):
            assert measured.at(name, step) == pytest.approx(run.at(name, step), rel=1e-3)


def test_the_main_runs_measures_tell_the_story():
    run, measured = runs.load("main"), measures.load("main")
    history, chance = run.history, run.config.chance_loss
    seen = training.find_phases(
        history["step"], history["train_accuracy"], history["test_accuracy"], history["test_loss"], chance
    )
    hidden = measures.find_hidden_phases(measured.steps, measured["excluded_loss"], measured["gini_W_logit"])
    assert 2 <= len(measured.key) <= 8
    assert hidden.memorised < seen.onset - 1_000
    assert hidden.memorised < hidden.formed < hidden.cleaned < run.config.steps
    announced = {
        name: measures.announced(measured.steps, measured[name], seen.memorised, log="loss" in name)
        for name in ("test_loss", "restricted_loss", "excluded_loss", "gini_W_E", "gini_W_logit", "cosine_share")
    }
    assert all(announced[name] < announced["test_loss"] for name in announced if name != "test_loss")
    assert announced["excluded_loss"] <= min(announced.values())
    half = measured.steps[measured.steps <= seen.onset][len(measured.steps[measured.steps <= seen.onset]) // 2]
    assert measured.at("restricted_loss", half) < chance / 2 < chance < measured.at("test_loss", half)
    assert measured["excluded_loss"][-1] > chance
    assert measured["restricted_loss"][-1] < measured["test_loss"][-1]
    assert measured["cosine_share"][-1] > 0.9
    assert measured["specialised"][0] == 0
    assert measured["specialised"][-1] > 0.6


def test_runs_that_grok_form_circuits_and_runs_without_decay_do_not():
    for name in ("main", "wd1-seed1", "wd1-seed2", "wd0.1-seed0", "wd0.3-seed0", "wd3-seed0"):
        measured = measures.load(name)
        assert measured["excluded_loss"][-1] > 1, name
        assert measured["cosine_share"][-1] > 0.9, name
    for name in ("wd0-seed0", "wd0-seed1", "wd0-seed2"):
        measured = measures.load(name)
        assert measured["excluded_loss"][-1] < 1e-5, name
        assert measured["cosine_share"][-1] < 0.05, name
