"""RunConfig: what it derives, and what it refuses."""

import dataclasses
import json
import math

import pytest

from grokcourse.config import NOT_MODULAR, CompositeModulusWarning, ConfigError, RunConfig, is_prime
from grokcourse.tasks import OPERATIONS


def test_the_defaults_are_the_papers_setup():
    config = RunConfig()
    assert (config.p, config.d_model, config.n_heads, config.d_mlp) == (113, 128, 4, 512)
    assert (config.d_head, config.d_vocab, config.equals_token) == (32, 114, 113)
    assert (config.n_pairs, config.n_train, config.n_test) == (12_769, 3_830, 8_939)
    assert config.chance_loss == pytest.approx(-math.log(1 / 113), rel=1e-15)
    assert config.betas == (0.9, 0.98)


def test_schedules_hold_the_start_the_end_and_every_multiple_between():
    config = RunConfig(steps=250, eval_every=100, checkpoint_every=250)
    assert config.eval_steps == (0, 100, 200, 250)
    assert config.checkpoint_steps == (0, 250)
    assert RunConfig(steps=0).eval_steps == (0,)


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({"p": 1}, "p must be at least 2"),
        ({"p": -7}, "p must be at least 2"),
        ({"p": 113.5}, "p must be a whole number"),
        ({"p": "113"}, "p must be a finite number"),
        ({"p": True}, "p must be a finite number"),
        ({"p": 2, "train_fraction": 0.2}, "training set would be empty"),
        ({"train_fraction": 0}, "train_fraction must lie strictly between 0 and 1"),
        ({"train_fraction": 1}, "train_fraction must lie strictly between 0 and 1"),
        ({"train_fraction": math.nan}, "train_fraction must be a finite number"),
        ({"d_model": 130}, "d_model must be divisible by n_heads"),
        ({"d_model": 0}, "d_model must be at least 1"),
        ({"n_heads": 0}, "n_heads must be at least 1"),
        ({"d_mlp": 0}, "d_mlp must be at least 1"),
        ({"lr": 0}, "lr must be positive"),
        ({"lr": math.inf}, "lr must be a finite number"),
        ({"weight_decay": -0.1}, "weight_decay cannot be negative"),
        ({"lr": 0.5, "weight_decay": 2.0}, "wipe out"),
        ({"betas": (0.9, 1.0)}, "each of betas"),
        ({"betas": 0.9}, "betas must be a pair"),
        ({"betas": (0.9,)}, "betas must be a pair"),
        ({"steps": -1}, "steps cannot be negative"),
        ({"warmup_steps": -1}, "warmup_steps cannot be negative"),
        ({"seed": -1}, "seed cannot be negative"),
        ({"split_seed": 2**32}, "split_seed must be below"),
        ({"eval_every": 0}, "eval_every must be at least 1"),
        ({"checkpoint_every": 0}, "checkpoint_every must be at least 1"),
        ({"operation": 3}, "operation must be a string"),
    ],
)
def test_impossible_values_are_refused_by_name(values, says):
    with pytest.raises(ConfigError, match=says):
        RunConfig(**values)


def test_a_composite_modulus_warns_but_works():
    with pytest.warns(CompositeModulusWarning, match="not prime"):
        assert RunConfig(p=12).d_vocab == 13


@pytest.mark.parametrize("operation", sorted(NOT_MODULAR))
def test_numbers_that_are_no_residues_need_no_prime(operation):
    assert operation in OPERATIONS
    assert RunConfig(operation=operation, p=120).d_vocab == 121  # a warning would be an error here


def test_is_prime_against_the_sieve():
    sieve = set(range(2, 500))
    for n in range(2, 500):
        sieve -= set(range(2 * n, 500, n))
    assert {n for n in range(-3, 500) if is_prime(n)} == sieve


def test_frozen_and_equal_by_value():
    config = RunConfig(weight_decay=1, betas=[0.9, 0.98])
    assert config == RunConfig()
    assert config.key == RunConfig().key
    assert isinstance(config.weight_decay, float)
    with pytest.raises(dataclasses.FrozenInstanceError):
        config.p = 7


def test_every_field_changes_the_key():
    others = {"operation": "subtract", "betas": (0.9, 0.99), "train_fraction": 0.31, "n_heads": 2, "p": 109}
    for field in dataclasses.fields(RunConfig):
        value = others.get(field.name, field.default * 2 if field.default else 1)
        assert RunConfig().replace(**{field.name: value}).key != RunConfig().key, field.name


def test_survives_json():
    config = RunConfig(p=31, train_fraction=0.6, d_model=48, lr=2e-3, seed=5)
    assert RunConfig.from_dict(json.loads(json.dumps(config.to_dict()))) == config


def test_unknown_hyperparameters_are_refused():
    with pytest.raises(ConfigError, match="no such hyperparameter: wd"):
        RunConfig().replace(wd=1.0)
