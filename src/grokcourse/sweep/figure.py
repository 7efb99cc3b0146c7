"""The table as a figure: when the runs grok against one hyperparameter, for each setting of the others."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from .. import plots
from .plan import KINDS, SweepError
from .table import Row

SEEDS = ("seed", "split_seed")
MOST_LABELS = 5
LOG_RATIO = 8
"""Values above zero whose largest is so many times the smallest stand on a logarithmic axis."""


def draw(rows: Sequence[Row], by: str | None = None) -> plots.Picture:
    """Steps to grok against a hyperparameter: medians with the middle half, and censored runs as such.

    Args:
        rows: of the table.
        by: the hyperparameter; by default the one with the most values, seeds
            apart.

    Raises:
        SweepError: if there is no such hyperparameter, or the others have too
            many settings for one figure.
    """
    varied = {name: count for name in KINDS if name not in SEEDS and (count := len({row[name] for row in rows})) > 1}
    by = (by or max(varied, key=varied.__getitem__, default="weight_decay")).replace("-", "_")
    if by not in KINDS:
        raise SweepError(f"there is no hyperparameter {by!r} to draw the steps against; there are: {', '.join(KINDS)}")
    found: dict[str, list[Row]] = {}
    for row in sorted(rows, key=lambda row: [row[name] for name in varied]):
        label = ", ".join(f"{_words(name)} {_value(row[name])}" for name in varied if name != by)
        found.setdefault(label or "median", []).append(row)
    if len(found) > MOST_LABELS:
        others = ", ".join(name for name in varied if name != by)
        raise SweepError(
            f"one figure shows {MOST_LABELS} lines, and {others} have {len(found)} settings: sweep over fewer, or draw "
            "another table"
        )
    values = [row[by] for row in rows]
    numbers = [value for value in values if not isinstance(value, str)]
    is_log = len(numbers) == len(values) and min(numbers) > 0 and max(numbers) >= LOG_RATIO * min(numbers)
    lines = {
        label: (
            [row[by] for row in some],
            [row["taken"] if row["censored"] else max(1, row["grokked"]) for row in some],
            [row["censored"] for row in some],
        )
        for label, some in found.items()
    }
    return plots.times_to_grok(lines, xlabel=_words(by), log_x=is_log)


def write(rows: Sequence[Row], path: Path, by: str | None = None) -> None:
    """Draw the figure into a file, ``.png``, ``.svg`` or ``.pdf``; raises ``SweepError``."""
    figure = draw(rows, by)
    try:
        figure.savefig(path, dpi=200)
    except OSError as error:
        raise SweepError(f"{path} cannot be written: {error.strerror}") from error
    except ValueError as error:
        raise SweepError(str(error)) from error


def _words(name: str) -> str:
    return {"lr": "learning rate", "p": "modulus p", "train_fraction": "training share"}.get(
        name, name.replace("_", " ")
    )


def _value(value: Any) -> str:
    return f"{value:g}" if isinstance(value, (int, float)) else str(value)
