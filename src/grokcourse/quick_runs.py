"""The recorded quick runs of addition: at three times the learning rate each takes a minute, so that many can be had.

They are there for what a single run cannot say: how much it matters which random numbers one began with. A seed is that
of the weights and of the split alike. There are controls, all of whose evaluations are recorded, and ten seeds, summed
up in a line each, with what their circuits measure.

Source: ``tools/control_runs.py`` and ``tools/seed_runs.py`` made the tables.
"""

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).with_name("recorded") / "controls"
"""What the tools recorded: ``runs.csv``, a line an evaluation of a control, and ``seeds.csv``, a line a seed."""
ANSWERED = 0.99
"""The share of a set from which on it counts as answered."""


@dataclass(frozen=True, kw_only=True)
class Evaluated:
    """A run of which the evaluations are recorded, and not the weights."""

    steps: tuple[int, ...]
    """Those at which it was evaluated, from 0 on; each list below has a value for each."""
    train_loss: tuple[float, ...]
    """In nats."""
    test_loss: tuple[float, ...]
    """In nats."""
    train_accuracy: tuple[float, ...]
    test_accuracy: tuple[float, ...]
    seconds: float
    """What the whole run took."""

    @property
    def memorised(self) -> int | None:
        """The first evaluation at which 99 % of the training set is answered; None if there is none."""
        return self._first(self.train_accuracy)

    @property
    def grokked(self) -> int | None:
        """The same of the test set; None if the run is censored."""
        return self._first(self.test_accuracy)

    @property
    def wait(self) -> int:
        """The step at which it grokked; of a censored run the last at which it had not."""
        return self.steps[-1] if self.grokked is None else self.grokked

    def _first(self, accuracy: tuple[float, ...]) -> int | None:
        return next((step for step, value in zip(self.steps, accuracy, strict=True) if value >= ANSWERED), None)


@dataclass(frozen=True, kw_only=True)
class ControlRun(Evaluated):
    """A run with some weight decay, or without any."""

    weight_decay: float
    seed: int
    weight_norm: tuple[float, ...]
    """The Euclidean length of all weights together."""


@dataclass(frozen=True, kw_only=True)
class SeedRun:
    """One of the ten seeds, with weight decay 3: when it grokked, and what its circuit measures at the end."""

    seed: int
    memorised: int
    """The first evaluation at which 99 % of the training set is answered."""
    onset: int
    """The first after it at which the test loss is below that of guessing."""
    grokked: int
    """The first at which 99 % of the test set is answered."""
    steps: int
    """Those that it took, 200 more than it needed to grok."""
    seconds: float
    key: tuple[int, ...]
    """The key frequencies at the end, by ``measures.key_frequencies``."""
    alarm: int | None
    """When ``measures.alarm`` rings first; None if it never does."""
    announced: Mapping[str, int | None]
    """By the name of a measure: when it has a tenth of its way behind it (``measures.announced``)."""
    final: Mapping[str, float]
    """By the name of a measure, as ``measures.measure`` has it: its value at the end."""
    claims: Mapping[str, float]
    """By the name of a claim: what it measures on this run; NaN for what never happened."""


def controls(path: Path | None = None) -> list[ControlRun]:
    """The controls, and the runs with weight decay that they are compared with, in the table's order.

    Args:
        path: the table; by default the recorded one.

    Raises:
        OSError: if there is no such file.
        ValueError: if it is no table of such runs.
    """
    return [
        ControlRun(
            weight_decay=float(rows[0]["weight_decay"]),
            seed=int(rows[0]["seed"]),
            weight_norm=column(rows, "weight_norm"),
            **evaluations,
        )
        for rows, evaluations in evaluated(FOLDER / "runs.csv" if path is None else path, ("weight_decay", "seed"))
    ]


def seeds(path: Path | None = None) -> list[SeedRun]:
    """The ten seeds, in order.

    Args:
        path: the table; by default the recorded one.

    Raises:
        OSError: if there is no such file.
        ValueError: if it is no table of such runs.
    """
    path = FOLDER / "seeds.csv" if path is None else path
    try:
        return [
            SeedRun(
                **{name: int(row[name]) for name in ("seed", "memorised", "onset", "grokked", "steps")},
                seconds=float(row["seconds"]),
                key=tuple(int(k) for k in row["key"].split()),
                alarm=int(row["alarm"]) if row["alarm"] else None,
                announced={name: int(step) if step else None for name, step in _part(row, "announced")},
                final={name: float(value) for name, value in _part(row, "final")},
                claims={name: float(value) for name, value in _part(row, "claim")},
            )
            for row in csv.DictReader(io.StringIO(path.read_text(encoding="utf-8")))
        ]
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise ValueError(f"{path} is not a table of seeds: {error}") from error


def evaluated(path: Path, names: Sequence[str]) -> Iterator[tuple[list[dict[str, str]], dict[str, Any]]]:
    """The runs of a table with a line for each evaluation, in its order.

    Args:
        path: the table.
        names: the columns that tell one run from another.

    Returns:
        For each run its lines, and the fields of ``Evaluated``.

    Raises:
        OSError: if there is no such file.
        ValueError: if it is no such table.
    """
    found: dict[tuple[str, ...], list[dict[str, str]]] = {}
    try:
        for row in csv.DictReader(io.StringIO(path.read_text(encoding="utf-8"))):
            found.setdefault(tuple(row[name] for name in names), []).append(row)
        for rows in found.values():
            losses = ("train_loss", "test_loss", "train_accuracy", "test_accuracy")
            yield (
                rows,
                {
                    "steps": tuple(int(row["step"]) for row in rows),
                    **{name: column(rows, name) for name in losses},
                    "seconds": float(rows[-1]["seconds"]),
                },
            )
    except (KeyError, TypeError) as error:
        raise ValueError(f"{path} is not a table of runs with {', '.join(names)}: {error}") from error


def column(rows: Sequence[Mapping[str, str]], name: str) -> tuple[float, ...]:
    """One quantity at all evaluations."""
    return tuple(float(row[name]) for row in rows)


def _part(row: Mapping[str, str], kind: str) -> Iterator[tuple[str, str]]:
    """The columns of a kind, ``KIND:NAME``, by name."""
    return ((name.removeprefix(f"{kind}:"), value) for name, value in row.items() if name.startswith(f"{kind}:"))
