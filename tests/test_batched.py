import numpy as np
import pytest
import torch

from grokcourse import batched, tasks, training
from grokcourse.config import ConfigError, RunConfig
from grokcourse.model import Transformer

SMALL = RunConfig(p=23, train_fraction=0.5, d_model=16, n_heads=2, d_mlp=24, lr=1e-3, steps=100, eval_every=20)
DIFFERENT = [
    SMALL,
    SMALL.replace(seed=3, split_seed=5, weight_decay=0.0),
    SMALL.replace(lr=2e-3, weight_decay=3.0, betas=(0.8, 0.95), warmup_steps=0),
    SMALL.replace(operation="subtract", steps=40),
    SMALL.replace(seed=4, warmup_steps=50, steps=70),
]


def one_by_one(config: RunConfig, dtype: torch.dtype) -> dict[int, dict[str, float]]:
    """The run's evaluations by step, from the plain loop: one model, torch's own AdamW."""
    data = tasks.dataset(config)
    model = Transformer.from_config(config).to(dtype)
    optimizer = training.make_optimizer(model, config)
    seen = {}
    for step in range(config.steps + 1):
        if step in config.eval_steps:
            seen[step] = training.evaluate(model, data)
        training.train_step(model, optimizer, *data.train, training.learning_rate(config, step))
    return seen


@pytest.mark.parametrize("slots", [1, 2, 5])
def test_in_double_precision_each_run_is_the_one_that_is_trained_alone(slots: int):
    together = batched.train_together(DIFFERENT, device="cpu", slots=slots, dtype=torch.float64, progress_bar=False)
    for run, config in zip(together, DIFFERENT, strict=True):
        assert run.config == config
        assert run.history["step"].tolist() == list(config.eval_steps)
        for step, values in one_by_one(config, torch.float64).items():
            for name, value in values.items():
                assert run.at(name, step) == pytest.approx(value, rel=1e-5), (name, step)


def test_a_run_holds_what_train_gives():
    config = SMALL.replace(steps=30, checkpoint_every=20)
    (run,) = batched.train_together([config], device="cpu", progress_bar=False)
    alone = training.train(config, device="cpu", progress_bar=False)
    assert run.steps == alone.steps == (0, 20, 30)
    for name, values in alone.history.items():
        np.testing.assert_allclose(run.history[name], values, rtol=1e-4, atol=1e-6, err_msg=name)
    for step, weights in alone.checkpoints.items():
        for name, weight in weights.items():
            torch.testing.assert_close(run.checkpoints[step][name], weight, rtol=1e-3, atol=1e-4)


@pytest.mark.slow
def test_the_course_s_runs_are_those_trained_alone_as_far_as_rounding_allows():
    """To a hundred-thousandth over the first steps; later, a last bit of one weight changes as much."""
    configs = [RunConfig(steps=20, eval_every=10), RunConfig(steps=20, eval_every=10, seed=1, weight_decay=3.0)]
    together = batched.train_together(configs, device="cpu", progress_bar=False)
    for run, config in zip(together, configs, strict=True):
        alone = training.train(config, device="cpu", progress_bar=False)
        for name in ("train_loss", "test_loss"):
            np.testing.assert_allclose(run.history[name], alone.history[name], rtol=1e-5, err_msg=name)


def test_a_run_ends_early_when_told_and_says_so():
    seen: list[RunConfig] = []

    def until(history):
        return history["train_accuracy"][-1] > 0.5

    configs = [SMALL.replace(lr=lr, steps=400) for lr in (3e-3, 1e-2, 1e-6)]
    made = batched.train_together(
        configs,
        device="cpu",
        slots=2,
        until=until,
        then=30,
        done=lambda run: seen.append(run.config),
        progress_bar=False,
    )
    assert [config.lr for config in seen] == [1e-2, 3e-3, 1e-6]
    for run, config in zip(made, configs, strict=True):
        reached = run.history["train_accuracy"] > 0.5
        last = run.history["step"][reached.argmax()] + 30 if reached.any() else config.steps
        assert run.config == config.replace(steps=int(last))
        assert run.history["step"][-1] == run.steps[-1] == last
        alone = training.train(run.config, device="cpu", progress_bar=False)
        np.testing.assert_allclose(run.at("train_loss", int(last)), alone.at("train_loss", int(last)), rtol=1e-2)


def test_gradients_may_be_changed_and_what_is_remembered_begins_anew_in_each_slot():
    def momentum(weights, gradients, memory):
        for name, gradient in gradients.items():
            kept = memory.setdefault(name, torch.zeros_like(gradient))
            kept.mul_(0.9).add_(gradient)
            gradient.add_(kept)

    configs = [SMALL.replace(seed=seed, steps=40) for seed in range(4)]
    by_slots = [
        batched.train_together(configs, device="cpu", slots=slots, transform=momentum, progress_bar=False)
        for slots in (1, 3)
    ]
    plain = batched.train_together(configs, device="cpu", progress_bar=False)
    for one, other, without in zip(*by_slots, plain, strict=True):
        np.testing.assert_allclose(one.history["train_loss"], other.history["train_loss"], rtol=1e-4)
        assert abs(one.history["train_loss"][-1] / without.history["train_loss"][-1] - 1) > 1e-4


def test_other_shapes_are_refused_and_nothing_is_nothing():
    with pytest.raises(ConfigError, match="group them by same_shape"):
        batched.train_together([SMALL, SMALL.replace(d_mlp=32)], device="cpu")
    assert batched.train_together([], device="cpu") == []
