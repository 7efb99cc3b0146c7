"""What ``grokcourse sweep`` does with its options; ``cli`` says what these are."""

import argparse
import sys
from collections.abc import Callable
from typing import Any

from . import store as stores
from . import table
from .driver import Result, Workers, sweep
from .plan import NAMES, PlannedRun, SweepError, make_plan, read_toml


def run(options: argparse.Namespace) -> int:
    """Make a sweep, or say how far it is; returns the exit code, 1 if there are runs that could not be made.

    Raises:
        SweepError: if nothing can be made of the options.
    """
    plan = _plan(options)
    if options.status:
        print(stores.status(options.store, plan))
        return 0
    for name, number in (("--jobs", options.jobs), ("--side-by-side", options.side_by_side)):
        if number is not None and number < 1:
            raise SweepError(f"{name} must be at least 1, not {number}")
    try:
        result = sweep(
            plan,
            options.store,
            jobs=options.jobs,
            device=options.device,
            slots=options.side_by_side,
            all_weights=options.all_weights,
            workers=_cluster(options),
        )
    except KeyboardInterrupt:
        print("\nInterrupted. The same command goes on from the runs' last checkpoints.", file=sys.stderr)
        raise
    for name, why in result.failed.items():
        print(f"{name} could not be made: {why}.", file=sys.stderr)
    if result.rows:
        place = options.table or options.store / "table.csv"
        table.write(result.rows, place)
        print(f"{_said(result)} The table is {place}.")
        if options.figure:
            from . import figure

            figure.write(result.rows, options.figure, options.by)
            print(f"Drawn into {options.figure}.")
    return 1 if result.failed else 0


def _cluster(options: argparse.Namespace) -> Callable[[], Workers] | None:
    """Who trains instead of this machine, if a scheduler is named."""
    if not options.scheduler:
        return None
    try:
        from .cluster import Cluster
    except ImportError as error:
        raise SweepError(f"--scheduler takes Dask: pip install 'grokcourse[cluster]' ({error})") from error
    return lambda: Cluster(
        options.store, options.scheduler, device=options.device or "cpu", all_weights=options.all_weights
    )


def _plan(options: argparse.Namespace) -> tuple[PlannedRun, ...]:
    asked: dict[str, Any] = read_toml(options.file) if options.file else {}
    given = {name: getattr(options, name) for name in (*NAMES, "until", "and_then")}
    asked |= {name: value for name, value in given.items() if value is not None}
    if options.status and not asked:
        return ()
    return make_plan(asked)


def _said(result: Result) -> str:
    count, grokked = len(result.rows), sum(not row["censored"] for row in result.rows)
    median = table.median_steps(result.rows)
    said = f"{count} {'run is' if count == 1 else 'runs are'} finished; {grokked} grokked"
    return f"{said}, the median at step {median:,g}." if median is not None and count > 1 else f"{said}."
