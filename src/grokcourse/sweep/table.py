"""What came of the runs: a row each, and the table as CSV or Parquet."""

import csv
import importlib.util
import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from .. import runs, storage, training
from ..runs import Run
from .plan import SweepError

Row = dict[str, Any]
LAST = ("train_loss", "test_loss", "train_accuracy", "test_accuracy")


def row(name: str, run: Run) -> Row:
    """A run in a line.

    Returns:
        ``run``, its folder's name; its hyperparameters, as they were asked for;
        ``taken``, the steps that it took; ``memorised``, ``onset`` and
        ``grokked``, the steps at which its phases end or None
        (``training.phases``; but grokked is wherever the test set is first
        answered, which is what ``until`` asks); ``censored``: it has not
        grokked within the steps it took; the last losses and accuracies;
        ``seconds`` and ``device``.
    """
    config, phases = training.asked(run), training.phases(run)
    answered = run.history["test_accuracy"] >= training.ANSWERED
    grokked = int(run.history["step"][answered.argmax()]) if answered.any() else None
    return {
        "run": name,
        **config.to_dict(),
        "betas": ":".join(map(str, config.betas)),
        "taken": run.config.steps,
        "memorised": phases.memorised,
        "onset": phases.onset,
        "grokked": grokked,
        "censored": grokked is None,
        **{quantity: float(run.history[quantity][-1]) for quantity in LAST},
        "seconds": run.provenance["seconds"],
        "device": run.provenance["device_name"],
    }


def rows_of(store: Path) -> tuple[list[Row], list[str]]:
    """The rows of all finished runs in a store, and a sentence for each that cannot be read."""
    rows, broken = [], []
    for folder in sorted(store.iterdir()) if store.is_dir() else []:
        if runs.is_run(folder):
            try:
                rows.append(row(folder.name, runs.load(folder)))
            except (runs.RunError, KeyError) as error:
                broken.append(str(error))
    return rows, broken


def evaluations(run: Run, which: Mapping[str, Any], more: Mapping[str, np.ndarray] | None = None) -> list[Row]:
    """A run's evaluations, one a row.

    Args:
        run: the run.
        which: what tells it from the other runs of the table; each row begins
            with it.
        more: further quantities at each evaluation, by name.

    Returns:
        ``step``; the losses, the accuracies and what is asked for, with five
        digits; ``seconds``, those of the whole run.
    """
    told = {name: run.history[name] for name in LAST} | dict(more or {})
    return [
        {**which, "step": int(step)}
        | {name: f"{values[at]:.5g}" for name, values in told.items()}
        | {"seconds": run.provenance["seconds"]}
        for at, step in enumerate(run.history["step"])
    ]


def write(rows: Sequence[Row], path: Path) -> None:
    """Write the table: Parquet if the file is called so, else CSV.

    Raises:
        SweepError: if it cannot be written, or pyarrow is missing.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        storage.write_whole(path, _parquet(rows) if path.suffix == ".parquet" else _csv(rows))
    except OSError as error:
        raise SweepError(f"{path} cannot be written: {error.strerror}") from error


def median_steps(rows: Sequence[Row]) -> float | None:
    """The median of the steps to grok; None if half of the runs or more are censored, so that it is not known."""
    steps = np.array([np.inf if row["censored"] else row["grokked"] for row in rows])
    median = float(np.median(steps)) if len(steps) else np.inf
    return median if np.isfinite(median) else None


def _csv(rows: Sequence[Row]) -> bytes:
    text = io.StringIO(newline="")
    if rows:
        writer = csv.DictWriter(text, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    return text.getvalue().encode()


def _parquet(rows: Sequence[Row]) -> bytes:
    if importlib.util.find_spec("pyarrow") is None:
        raise SweepError("a Parquet file takes pyarrow: pip install pyarrow, or name the table .csv")
    import pyarrow
    import pyarrow.parquet

    kinds = {"memorised": pyarrow.int64(), "onset": pyarrow.int64(), "grokked": pyarrow.int64()}
    columns = {
        name: pyarrow.array([row[name] for row in rows], kinds.get(name)) for name in (list(rows[0]) if rows else [])
    }
    file = io.BytesIO()
    pyarrow.parquet.write_table(pyarrow.table(columns), file)
    return file.getvalue()
