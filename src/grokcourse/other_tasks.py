"""The recorded runs on other tasks: what came of each, read off the table of their evaluations.

A run that was given up before it answered 99 % of the test set is *censored*: it may answer it later, or never.

Source: ``tools/task_runs.py`` made the table, at a quick setting (learning rate 3e-3, weight decay 3).
"""

import csv
import io
from dataclasses import dataclass
from pathlib import Path

FOLDER = Path(__file__).with_name("recorded") / "tasks"
"""What ``tools/task_runs.py`` recorded: ``runs.csv``, a line an evaluation, and two of the runs with their weights."""
ANSWERED = 0.99
"""The share of a set from which on it counts as answered."""


@dataclass(frozen=True)
class TaskRun:
    """One run, as the table tells of it."""

    operation: str
    """A name in ``tasks.OPERATIONS``."""
    fraction: float
    """The share of the questions that it is trained on."""
    seed: int
    """Of the weights and of the split alike."""
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


def read(path: Path | None = None) -> list[TaskRun]:
    """The runs of a table, in its order.

    Args:
        path: the table; by default the recorded one.

    Raises:
        OSError: if there is no such file.
        ValueError: if it is no table of such runs.
    """
    path = FOLDER / "runs.csv" if path is None else path
    found: dict[tuple[str, str, str], list[dict[str, str]]] = {}
    try:
        for row in csv.DictReader(io.StringIO(path.read_text(encoding="utf-8"))):
            found.setdefault((row["operation"], row["fraction"], row["seed"]), []).append(row)
        return [
            TaskRun(
                operation=operation,
                fraction=float(fraction),
                seed=int(seed),
                steps=tuple(int(row["step"]) for row in rows),
                train_loss=_column(rows, "train_loss"),
                test_loss=_column(rows, "test_loss"),
                train_accuracy=_column(rows, "train_accuracy"),
                test_accuracy=_column(rows, "test_accuracy"),
                seconds=float(rows[-1]["seconds"]),
            )
            for (operation, fraction, seed), rows in found.items()
        ]
    except (KeyError, TypeError) as error:
        raise ValueError(f"{path} is not a table of runs on other tasks: {error}") from error


def _column(rows: list[dict[str, str]], name: str) -> tuple[float, ...]:
    return tuple(float(row[name]) for row in rows)
