"""Every hyperparameter of a run, in one frozen dataclass; whatever follows from them is a property."""

import dataclasses
import hashlib
import json
import math
import numbers
import typing
import warnings
from dataclasses import dataclass
from typing import Any, Self

N_CTX = 3
"""Tokens in one question: ``a``, ``b`` and ``=``."""


NOT_MODULAR = frozenset({"compose", "maximum", "random"})
"""Operations whose numbers are names or sizes and not residues: with them, p need not be a prime."""


class CompositeModulusWarning(UserWarning):
    """The modulus is not prime: training works, but the chapters' story no longer holds as told."""


class ConfigError(ValueError):
    """A hyperparameter has an impossible value; the message says which, and why."""


def option(default: Any, meaning: str) -> Any:
    """A hyperparameter's default value, and its meaning in words (which ``grokcourse train --help`` shows)."""
    return dataclasses.field(default=default, metadata={"meaning": meaning})


@dataclass(frozen=True)
class RunConfig:
    """One training run, described completely. Two equal configs describe the same run.

    The defaults are the course's main run: the set-up of Nanda et al. 2023 (arXiv 2301.05217), section 3.

    Raises:
        ConfigError: (a ``ValueError``) if a value, or a combination of values, is impossible.

    Warns:
        CompositeModulusWarning: if ``p`` is not prime, and the operation is one modulo p.
    """

    operation: str = option("add", "The task: a name in ``grokcourse.tasks.OPERATIONS``.")
    p: int = option(113, "The modulus. Numbers are 0 … p − 1.")
    train_fraction: float = option(0.3, "Share of the p² pairs that is trained on; the rest is the test set.")
    d_model: int = option(128, "Width of the residual stream.")
    n_heads: int = option(4, "Attention heads; each has d_model / n_heads dimensions.")
    d_mlp: int = option(512, "Neurons in the MLP.")
    lr: float = option(1e-3, "AdamW's learning rate, after the warm-up.")
    betas: tuple[float, float] = option(
        (0.9, 0.98), "AdamW's decay rates of the running means of the gradient and of its square."
    )
    weight_decay: float = option(
        1.0, "AdamW's decoupled weight decay λ: each step also takes lr · λ · w off every weight w."
    )
    warmup_steps: int = option(10, "Steps over which the learning rate rises linearly to ``lr``.")
    steps: int = option(25_000, "Optimiser steps; each uses the whole training set.")
    seed: int = option(0, "Seed of the initial weights.")
    split_seed: int = option(0, "Seed of the choice of training pairs.")
    eval_every: int = option(100, "Losses and accuracies are recorded at step 0, every so many steps, and at the end.")
    checkpoint_every: int = option(500, "Weights are kept at step 0, every so many steps, and at the end.")

    def __post_init__(self) -> None:
        for field in dataclasses.fields(self):
            object.__setattr__(self, field.name, _coerced(field.name, field.type, getattr(self, field.name)))
        for name in ("d_model", "n_heads", "d_mlp", "eval_every", "checkpoint_every"):
            _require(getattr(self, name) >= 1, f"{name} must be at least 1, not {getattr(self, name)}")
        for name in ("steps", "warmup_steps", "seed", "split_seed"):
            _require(getattr(self, name) >= 0, f"{name} cannot be negative, but is {getattr(self, name)}")
        for name in ("seed", "split_seed"):
            _require(getattr(self, name) < 2**32, f"{name} must be below 2**32, not {getattr(self, name)}")
        _require(self.p >= 2, f"p must be at least 2, not {self.p}: modulo 1 every answer is 0")
        _require(
            0 < self.train_fraction < 1,
            f"train_fraction must lie strictly between 0 and 1, not be {self.train_fraction}: "
            "both the training and the test set need at least one pair",
        )
        _require(
            self.n_train >= 1,
            f"the training set would be empty: train_fraction {self.train_fraction} of the {self.n_pairs} pairs "
            "is less than one pair",
        )
        _require(
            self.d_model % self.n_heads == 0,
            f"d_model must be divisible by n_heads, but {self.d_model} = {self.d_model // self.n_heads} · "
            f"{self.n_heads} + {self.d_model % self.n_heads}",
        )
        _require(self.lr > 0, f"lr must be positive, not {self.lr}")
        _require(self.weight_decay >= 0, f"weight_decay cannot be negative, but is {self.weight_decay}")
        _require(
            self.lr * self.weight_decay < 1,
            f"lr · weight_decay is {self.lr * self.weight_decay:g}: at 1 or more, every step's decay alone "
            "would wipe out or flip each weight",
        )
        for beta in self.betas:
            _require(0 <= beta < 1, f"each of betas must lie in [0, 1), not be {beta}")
        if self.operation not in NOT_MODULAR and not is_prime(self.p):
            warnings.warn(
                f"p = {self.p} is not prime. Training works, but frequencies that share a factor with p cannot tell "
                "all residues apart, and multiplication has zero divisors: the chapters' analysis assumes a prime.",
                CompositeModulusWarning,
                stacklevel=3,
            )

    @property
    def d_head(self) -> int:
        """Dimensions of one attention head."""
        return self.d_model // self.n_heads

    @property
    def d_vocab(self) -> int:
        """Tokens in the vocabulary: the p numbers and ``=``."""
        return self.p + 1

    @property
    def equals_token(self) -> int:
        """The index of the token ``=``."""
        return self.p

    @property
    def n_pairs(self) -> int:
        """Questions there are: p²."""
        return self.p**2

    @property
    def n_train(self) -> int:
        """Training pairs: ⌊train_fraction · p²⌋."""
        return math.floor(self.train_fraction * self.n_pairs)

    @property
    def n_test(self) -> int:
        """Test pairs: all that are not trained on."""
        return self.n_pairs - self.n_train

    @property
    def chance_loss(self) -> float:
        """The loss of guessing: ``chance_loss(p)``."""
        return chance_loss(self.p)

    @property
    def eval_steps(self) -> tuple[int, ...]:
        """The steps at which losses and accuracies are recorded."""
        return _schedule(self.eval_every, self.steps)

    @property
    def checkpoint_steps(self) -> tuple[int, ...]:
        """The steps at which the weights are kept."""
        return _schedule(self.checkpoint_every, self.steps)

    @property
    def key(self) -> str:
        """Twelve hexadecimal digits that equal configs share and different configs do not."""
        text = json.dumps(self.to_dict(), sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:12]

    def replace(self, **changes: Any) -> Self:
        """The same config with some values changed; raises like the constructor."""
        return type(self).from_dict(self.to_dict() | changes)

    def to_dict(self) -> dict[str, Any]:
        """Plain values by field name, ready for JSON."""
        return dataclasses.asdict(self) | {"betas": list(self.betas)}

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Self:
        """The inverse of ``to_dict``; missing fields take their defaults, unknown ones raise ``ConfigError``."""
        names = [field.name for field in dataclasses.fields(cls)]
        unknown = sorted(set(values) - set(names))
        _require(not unknown, f"no such hyperparameter: {', '.join(unknown)}. There are: {', '.join(names)}")
        return cls(**values)


def chance_loss(p: int) -> float:
    """The loss of guessing.

    Args:
        p: how many answers there are, 1 or more.

    Returns:
        The cross-entropy, in nats, of giving each of the p answers the same
        probability.
    """
    return math.log(p)


def is_prime(n: int) -> bool:
    """Whether ``n`` is a prime number (trial division: meant for moduli, not for cryptography)."""
    return n >= 2 and all(n % divisor for divisor in range(2, math.isqrt(n) + 1))


def _schedule(every: int, steps: int) -> tuple[int, ...]:
    return (*range(0, steps, every), steps)


def _require(holds: bool, message: str) -> None:
    if not holds:
        raise ConfigError(message)


def _coerced(name: str, kind: Any, value: Any) -> Any:
    """The value as the field's own type, so that 1 and 1.0 make equal configs; raises if that would change it."""
    if typing.get_origin(kind) is tuple:
        _require(
            isinstance(value, (tuple, list)) and len(value) == 2, f"{name} must be a pair of numbers, not {value!r}"
        )
        return tuple(_coerced(name, float, item) for item in value)
    if kind is str:
        _require(isinstance(value, str), f"{name} must be a string, not {value!r}")
        return value
    is_number = isinstance(value, numbers.Real) and not isinstance(value, bool)
    _require(is_number and math.isfinite(value), f"{name} must be a finite number, not {value!r}")
    _require(kind is float or value == int(value), f"{name} must be a whole number, not {value!r}")
    return kind(value)
