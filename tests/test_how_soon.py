"""The recorded waits, and the law through them: against numpy's line, integrals, and the likelihood itself."""

import csv
import importlib.util
import math
from statistics import NormalDist

import numpy as np
import pytest
import torch
from conftest import ROOT

from grokcourse import how_soon, measures, optimisers, runs, steps, tasks, training
from grokcourse.config import RunConfig


@pytest.fixture(scope="module")
def table():
    return how_soon.read()


@pytest.fixture(scope="module")
def tool():
    spec = importlib.util.spec_from_file_location("how_soon_runs", ROOT / "tools" / "how_soon_runs.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def waits(n, exponent=0.9, constant=5.0, spread=0.2, seed=0):
    """Rates and waits that follow a law, but for noise."""
    random = np.random.default_rng(seed)
    rate = np.exp(random.uniform(math.log(1e-4), math.log(3e-2), n))
    wait = constant / rate**exponent * np.exp(spread * random.standard_normal(n))
    return torch.tensor(rate), torch.tensor(wait)


def test_a_law_without_noise_is_found():
    rate = torch.tensor([1e-4, 1e-3, 2e-2])
    constant, exponent = how_soon.fit_power_law(rate, 7.5 / rate**0.8)
    assert constant == pytest.approx(7.5, rel=1e-5)
    assert exponent == pytest.approx(0.8, rel=1e-5)


def test_the_line_is_numpys():
    rate, wait = waits(30)
    slope, height = np.polyfit(np.log(rate.numpy()), np.log(wait.numpy()), 1)
    assert how_soon.fit_power_law(rate, wait) == pytest.approx((math.exp(height), -slope), rel=1e-9)


@pytest.mark.parametrize("z", [-8.0, -1.0, 0.0, 0.7, 4.0])
def test_what_is_expected_beyond_a_bound_is_the_integral(z):
    mean, spread, normal = 2.0, 0.6, NormalDist(2.0, 0.6)
    bound = mean + z * spread
    x = np.linspace(bound, bound + 12 * spread if z > -2 else mean + 12 * spread, 200_001)
    density = np.array([normal.pdf(value) for value in x])
    right = np.trapezoid(x * density, x) / np.trapezoid(density, x)
    found = how_soon.expected_beyond(torch.tensor([mean], dtype=torch.float64), spread, torch.tensor([bound]).double())
    assert found.item() == pytest.approx(right, rel=1e-6)


def test_far_beyond_it_is_the_bound_and_a_little():
    mean, bound = torch.zeros(1, dtype=torch.float64), torch.tensor([100.0], dtype=torch.float64)
    assert how_soon.expected_beyond(mean, 1.0, bound).item() == pytest.approx(100.01, abs=1e-4)


def log_likelihood(law, rate, wait, censored):
    """Of the runs as they were seen, by the standard library's normal distribution."""
    total = 0.0
    for r, w, is_censored in zip(rate.tolist(), wait.tolist(), censored.tolist(), strict=True):
        z = (math.log(w) - math.log(law.wait(r))) / law.spread
        total += math.log(NormalDist().cdf(-z)) if is_censored else math.log(NormalDist().pdf(z) / law.spread)
    return total


def test_with_censored_runs_it_is_the_likeliest_law():
    rate, wait = waits(60)
    bound = 3.0 / rate
    censored = wait > bound
    assert 5 < censored.sum() < 30
    seen = wait.minimum(bound)
    law = how_soon.fit_censored(rate, seen, censored)
    best = log_likelihood(law, rate, seen, censored)
    for name in ("constant", "exponent", "spread"):
        for factor in (0.98, 1.02):
            other = how_soon.PowerLaw(**(vars(law) | {name: getattr(law, name) * factor}))
            assert log_likelihood(other, rate, seen, censored) < best


def test_it_finds_the_law_where_leaving_out_and_taking_the_bound_do_not():
    rate, wait = waits(4_000)
    bound = torch.full_like(rate, 1_500.0)
    censored, seen = wait > bound, wait.minimum(bound)
    law = how_soon.fit_censored(rate, seen, censored)
    assert law.exponent == pytest.approx(0.9, abs=0.02)
    assert law.constant == pytest.approx(5.0, rel=0.1)
    assert law.spread == pytest.approx(0.2, abs=0.02)
    assert how_soon.fit_power_law(rate[~censored], seen[~censored])[1] < 0.89
    assert how_soon.fit_power_law(rate, seen)[1] < 0.8


def test_without_censored_runs_it_is_the_plain_line():
    rate, wait = waits(20)
    law = how_soon.fit_censored(rate, wait, torch.zeros(20, dtype=torch.bool))
    assert (law.constant, law.exponent) == pytest.approx(how_soon.fit_power_law(rate, wait))


def test_two_runs_make_no_law():
    rate = torch.tensor([1e-3, 1e-2, 2e-2])
    with pytest.raises(ValueError, match="three runs that grokked"):
        how_soon.fit_censored(rate, 5 / rate, torch.tensor([False, False, True]))


def test_the_table_is_consistent(table):
    assert len({(run.method, run.lr, run.weight_decay, run.seed) for run in table}) == len(table) >= 2
    for run in table:
        assert 0 < run.steps <= run.bound
        assert run.seconds > 0
        if run.grokked is None:
            assert run.steps == run.bound
            assert run.seconds_to_grok is None
        else:
            assert run.wait == run.grokked <= run.steps
            assert 0 < run.seconds_to_grok <= run.seconds


def test_what_is_no_table_is_refused(tmp_path):
    path = tmp_path / "other.csv"
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([["a", "b"], [1, 2]])
    with pytest.raises(ValueError, match="not a table of runs"):
        how_soon.read(path)


def test_the_kept_run_is_intact_and_its_weights_give_its_history(table):
    run = runs.load(how_soon.FOLDER / "fast")
    assert run.config == RunConfig(lr=3e-3, weight_decay=3.0, steps=1_200, eval_every=20, checkpoint_every=100)
    data = tasks.dataset(run.config)
    for step in run.steps:
        for quantity, value in training.evaluate(run.model(step), data).items():
            tolerance = {"rel": 0.02, "abs": 1e-6} if quantity.endswith("loss") else {"abs": 0.003}
            assert value == pytest.approx(run.at(quantity, step), **tolerance), (quantity, step)
    measured = measures.load(how_soon.FOLDER / "fast")
    assert measured.run == measures.identity(run)
    same = [
        timed for timed in table if (timed.method, timed.lr, timed.weight_decay, timed.seed) == ("adamw", 3e-3, 3, 0)
    ]
    assert all(timed.grokked == pytest.approx(training.phases(run).grokked, abs=60) for timed in same)


@pytest.mark.parametrize("shape", [(7,), (3, 5), (2, 3, 4)])
def test_the_orthogonal_gradient_is_that_of_a_projection_matrix(shape):
    generator = torch.Generator().manual_seed(1)
    weight, grad = (torch.randn(shape, generator=generator, dtype=torch.float64) for _ in range(2))
    w, g = weight.flatten().numpy(), grad.flatten().numpy()
    projector = np.eye(len(w)) - np.outer(w, w) / np.dot(w, w)
    right = projector @ g
    right *= np.linalg.norm(g) / np.linalg.norm(right)
    found = optimisers.orthogonal_gradient(weight, grad)
    np.testing.assert_allclose(found.flatten().numpy(), right, rtol=1e-12)
    assert float((found * weight).sum()) == pytest.approx(0, abs=1e-10)


def test_of_weights_that_are_zero_the_gradient_stays():
    grad = torch.tensor([3.0, -4.0])
    torch.testing.assert_close(optimisers.orthogonal_gradient(torch.zeros(2), grad), grad)


def test_of_no_gradient_nothing_is_made():
    weight = torch.tensor([3.0, -4.0], dtype=torch.float64)
    assert optimisers.orthogonal_gradient(weight, torch.zeros(2, dtype=torch.float64)).abs().max() == 0


def test_the_table_holds_runs_that_the_tool_trains(table, tool):
    planned = {tool.identity_of(*run): run[1].steps for run in tool.planned(3)}
    assert len(planned) == len(tool.planned(3))
    for run in table:
        bounds = {planned.get((run.method, run.lr, run.weight_decay, run.seed))}
        if (run.lr, run.weight_decay) in how_soon.TRIES[run.method]:
            bounds.add(how_soon.RACE_ENDS)
        assert run.bound in bounds


def test_in_the_race_each_method_has_as_many_tries_and_the_best_goes_on_with_more_seeds(tool):
    assert len({len(cells) for cells in how_soon.TRIES.values()}) == 1
    assert set(how_soon.TRIES) == set(steps.METHODS)
    first = tool.race([], seeds=3)
    assert {config.seed for _, config in first} == {0}
    assert len(first) == sum(map(len, how_soon.TRIES.values()))
    rows = [
        {
            "method": method,
            "lr": f"{config.lr}",
            "weight_decay": f"{config.weight_decay}",
            "seed": "0",
            "grokked": "" if method == "muon" else f"{100 + place}",
            "test_accuracy": "0.9" if place == 0 else "0.99",
        }
        for place, (method, config) in enumerate(first)
    ]
    assert tool.race(rows[:-1], seeds=3) == first
    others = tool.race(rows, seeds=3)[len(first) :]
    assert {config.seed for _, config in others} == {1, 2}
    assert {method for method, _ in others} == set(how_soon.TRIES) - {"muon"}
    chosen = {(method, config.lr, config.weight_decay) for method, config in others}
    assert ("adamw", *how_soon.TRIES["adamw"][1]) in chosen  # its first try was quicker, and did not hold
    assert len(chosen) == len(how_soon.TRIES) - 1


@pytest.mark.parametrize("method", ["adamw", "orthogonal"])
def test_the_tool_measures_a_run_as_training_does(tool, method):
    config = RunConfig(p=13, train_fraction=0.5, d_model=16, d_mlp=16, lr=5e-3, steps=60, eval_every=20)
    row = tool.measured(method, config)
    trained = training.train(config, device="cpu", progress_bar=False)
    assert (row["method"], row["steps"], row["bound"], row["grokked"]) == (method, 60, 60, None)
    same = float(row["train_accuracy"]) == pytest.approx(trained.history["train_accuracy"][-1], abs=1e-4)
    peak = float(row["peak_test_loss"]) == pytest.approx(trained.history["test_loss"].max(), abs=0.01)
    assert (same and peak) == (method == "adamw")


def test_the_tool_takes_up_a_table_where_it_was_left(tool, tmp_path, monkeypatch):
    asked = []

    def measured(method, config):
        asked.append(config.seed)
        if len(asked) == 2:
            raise KeyboardInterrupt
        return {"method": method, "lr": config.lr, "weight_decay": config.weight_decay, "seed": config.seed}

    monkeypatch.setattr(tool, "measured", measured)
    monkeypatch.setattr(tool.torch, "set_num_threads", lambda threads: None)
    arguments = ["how_soon_runs.py", "--out", str(tmp_path / "out"), "--scratch", str(tmp_path)]
    monkeypatch.setattr("sys.argv", [*arguments, "--only", "adamw", "1e-2", "5"])
    with pytest.raises(KeyboardInterrupt):
        tool.main()
    tool.main()
    assert asked == [0, 1, 1, 2]
    rows = (tmp_path / "out" / "runs.csv").read_text().splitlines()
    assert [row.split(",")[3] for row in rows[1:]] == ["0", "1", "2"]
