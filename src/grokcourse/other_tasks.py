"""The recorded runs on other tasks: what came of each, read off the table of their evaluations.

A run that was given up before it answered 99 % of the test set is *censored*: it may answer it later, or never.

Source: ``tools/task_runs.py`` made the table, at a quick setting (learning rate 3e-3, weight decay 3).
"""

from dataclasses import dataclass
from pathlib import Path

from . import quick_runs
from .quick_runs import Evaluated

FOLDER = Path(__file__).with_name("recorded") / "tasks"
"""What ``tools/task_runs.py`` recorded: ``runs.csv``, a line an evaluation, and two of the runs with their weights."""


@dataclass(frozen=True, kw_only=True)
class TaskRun(Evaluated):
    """One run, as the table tells of it."""

    operation: str
    """A name in ``tasks.OPERATIONS``."""
    fraction: float
    """The share of the questions that it is trained on."""
    seed: int
    """Of the weights and of the split alike."""


def read(path: Path | None = None) -> list[TaskRun]:
    """The runs of a table, in its order.

    Args:
        path: the table; by default the recorded one.

    Raises:
        OSError: if there is no such file.
        ValueError: if it is no table of such runs.
    """
    path = FOLDER / "runs.csv" if path is None else path
    return [
        TaskRun(
            operation=rows[0]["operation"],
            fraction=float(rows[0]["fraction"]),
            seed=int(rows[0]["seed"]),
            **evaluations,
        )
        for rows, evaluations in quick_runs.evaluated(path, ("operation", "fraction", "seed"))
    ]
