"""How soon a run groks: the recorded waits, and a power law through them that takes unfinished runs for what they are.

A run that was stopped before it grokked is *censored*: its wait is longer than the bound at which it was stopped, and
nobody knows by how much. Leaving it out makes waits look shorter than they are, and so does taking the bound for the
wait. Here it counts as what is known of it: more than that.

Shapes: n — runs.
"""

import csv
import io
import math
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

FOLDER = Path(__file__).with_name("how_soon_runs")
"""What ``tools/how_soon_runs.py`` recorded: ``runs.csv``, a line a run, and ``fast``, one of them with its weights."""

_QUICK = ((5e-3, 3.0), (1e-2, 3.0), (1e-2, 5.0))
TRIES = {
    "adamw": _QUICK,
    "stablemax": _QUICK,
    "grokfast": _QUICK,
    "muon": _QUICK,
    "orthogonal": ((3e-3, 0.0), (1e-2, 0.0), (1e-2, 1.0)),
}
"""The race: each method of ``steps.METHODS``, and the learning rates and weight
decays that it may try with seed 0: as many for each, chosen beforehand. ⊥Grad
is meant for training with little decay or none."""
RACE_ENDS = 300
"""The step at which a run of the race is given up."""


@dataclass(frozen=True)
class TimedRun:
    """What is recorded of one run: a line of the table."""

    method: str
    """A name in ``steps.METHODS``."""
    lr: float
    weight_decay: float
    seed: int
    """Of the weights and of the split alike."""
    bound: int
    """The step at which it would have been given up."""
    memorised: int | None
    """The first evaluation at which the training set was answered to 99 %; None if there was none."""
    grokked: int | None
    """The same of the test set; None if the run is censored."""
    steps: int
    """Those that it took."""
    peak_test_loss: float
    """The highest test loss of any evaluation, in nats."""
    least_train_accuracy: float | None
    """The lowest of any evaluation after ``memorised``: well below 0.99, the run came undone in between."""
    train_accuracy: float
    """At its last step, as is ``test_accuracy``."""
    test_accuracy: float
    key: tuple[int, ...]
    """The key frequencies at its last step, rising."""
    seconds_to_grok: float | None
    """Up to ``grokked``, evaluations included."""
    seconds: float
    """All in all."""

    @property
    def rate(self) -> float:
        """Lr · λ: the share that a step's decay takes off every weight."""
        return self.lr * self.weight_decay

    @property
    def wait(self) -> int:
        """The step at which it grokked; of a censored run the last at which it had not."""
        return self.steps if self.grokked is None else self.grokked


def read(path: Path | None = None) -> list[TimedRun]:
    """The runs of a table, in its order.

    Args:
        path: the table; by default the recorded one.

    Raises:
        OSError: if there is no such file.
        ValueError: if it is no table of runs.
    """
    path = FOLDER / "runs.csv" if path is None else path
    rows = csv.DictReader(io.StringIO(path.read_text(encoding="utf-8")))
    try:
        return [
            TimedRun(
                method=row["method"],
                lr=float(row["lr"]),
                weight_decay=float(row["weight_decay"]),
                seed=int(row["seed"]),
                bound=int(row["bound"]),
                memorised=int(row["memorised"]) if row["memorised"] else None,
                grokked=int(row["grokked"]) if row["grokked"] else None,
                steps=int(row["steps"]),
                peak_test_loss=float(row["peak_test_loss"]),
                least_train_accuracy=float(row["least_train_accuracy"]) if row["least_train_accuracy"] else None,
                train_accuracy=float(row["train_accuracy"]),
                test_accuracy=float(row["test_accuracy"]),
                key=tuple(int(k) for k in row["key"].split()),
                seconds_to_grok=float(row["seconds_to_grok"]) if row["seconds_to_grok"] else None,
                seconds=float(row["seconds"]),
            )
            for row in rows
        ]
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"{path} is not a table of runs: {error}") from error


def fit_power_law(rate: Tensor, wait: Tensor) -> tuple[float, float]:
    """The power law wait = C / rateᵅ that lies closest to some runs.

    Closest means the least sum of squares between the logarithms of the
    waits and of what the law says; on two logarithmic axes it is the usual
    straight line.

    Args:
        rate: (n,) positive, two different ones at least.
        wait: (n,) positive.

    Returns:
        C and α, as plain numbers.
    """
    x, y = rate.double().log(), wait.double().log()
    across, up = x - x.mean(), y - y.mean()
    slope = (across * up).sum() / across.square().sum()
    return (y.mean() - slope * x.mean()).exp().item(), -slope.item()


def expected_beyond(mean: Tensor, spread: float, bound: Tensor) -> Tensor:
    """What to expect of a normal number of which one only knows that it is
    larger than a bound.

    With z = (bound − mean) / spread this is mean + spread · φ(z) / Φ(−z),
    where φ is the standard normal density, and Φ(−z) the probability of more
    than z.

    Args:
        mean: (n,) what one would expect without knowing that.
        spread: the standard deviation, positive.
        bound: (n,) what each is larger than.

    Returns:
        (n,) larger than ``mean``, and than ``bound``.
    """
    z = (bound - mean) / spread
    log_density = -z.square() / 2 - math.log(2 * math.pi) / 2
    return mean + spread * (log_density - torch.special.log_ndtr(-z)).exp()


@dataclass(frozen=True)
class PowerLaw:
    """wait = constant / rate^exponent, but for a random factor."""

    constant: float
    exponent: float
    spread: float
    """The standard deviation of the wait's natural logarithm around the law."""

    def wait(self, rate: float) -> float:
        """The wait that it says, in steps: the median."""
        return float(self.constant / rate**self.exponent)


def fit_censored(rate: Tensor, wait: Tensor, censored: Tensor, rounds: int = 10_000) -> PowerLaw:
    """The power law under which the runs as they were seen are most likely.

    The logarithm of a wait is taken as normal around the law's. For a
    censored run the wait is only known to be longer than where it was
    stopped. The fit goes round and round: put what is expected of the censored
    runs in their place, fit, expect anew (the EM algorithm; for such
    regressions Schmee and Hahn 1979, with the spread as Aitkin 1981 has it).

    Args:
        rate: (n,) positive.
        wait: (n,) the step at which the run grokked, or was stopped.
        censored: (n,) bool, true where it was stopped.
        rounds: at most so many; it ends when nothing changes any more.

    Raises:
        ValueError: if fewer than three runs grokked, or all of them at one
            rate: then there is no law to be fitted.
    """
    if (~censored).sum() < 3 or len(rate[~censored].unique()) < 2:
        raise ValueError("a law takes three runs that grokked, at two different rates or more")
    x, seen = rate.double().log(), wait.double().log()
    constant, exponent = fit_power_law(rate[~censored], wait[~censored])
    middle = math.log(constant) - exponent * x
    spread = (seen - middle)[~censored].square().mean().sqrt().item()
    for _ in range(rounds if spread > 0 else 0):
        expected = expected_beyond(middle, spread, seen)
        above = (expected - middle) / spread
        z = (seen - middle) / spread
        unsure = (1 + z * above - above.square()).where(censored, 0.0)  # the variance that a censored wait still has
        filled = seen.where(~censored, expected)
        constant, exponent = fit_power_law(rate, filled.exp())
        middle = math.log(constant) - exponent * x
        before, spread = spread, ((filled - middle).square() + spread**2 * unsure).mean().sqrt().item()
        if abs(spread - before) < 1e-12 * spread:
            break
    return PowerLaw(constant, exponent, spread)
