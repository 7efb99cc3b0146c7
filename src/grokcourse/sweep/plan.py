"""Which runs a sweep is to make: grids of hyperparameters, from a TOML file or from options.

A value is a number, several with commas between them (``0.3,1,3``), or for whole numbers a range with both ends in it
(``0-4``). ``seeds`` stands for ``seed`` and ``split_seed`` alike. A TOML file has the same names::

    until = "grokked"           # and and_then, as the options
    steps = 8000                # holds for all grids below
    seeds = "0-4"

    [[grid]]
    weight_decay = [0.3, 1, 3]
    lr = [1e-3, 3e-3]

    [[grid]]
    train_fraction = [0.2, 0.4]
"""

import dataclasses
import itertools
import math
import tomllib
import typing
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..config import ConfigError, RunConfig

KINDS = {field.name: field.type for field in dataclasses.fields(RunConfig)}
NAMES = (*KINDS, "seeds")
UNTIL = ("grokked",)
"""What ends a run early."""
MOST = 100_000
"""Runs in one sweep; more are a slip of the keyboard."""


class SweepError(ValueError):
    """A sweep cannot be made; the message says why in a sentence."""


@dataclass(frozen=True)
class PlannedRun:
    """A run that a sweep is to make."""

    config: RunConfig
    until: str | None = None
    """What ends it early, one of ``UNTIL``; None: it takes all its steps."""
    then: int = 0
    """Steps that it is given after that."""

    @property
    def name(self) -> str:
        """Its folder's name in the store: other settings have another."""
        return self.config.key + (f"-{self.until}-{self.then}" if self.until else "")


def read_toml(path: Path) -> dict[str, Any]:
    """What a TOML file asks for.

    Raises:
        SweepError: if it cannot be read, or is not TOML.
    """
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise SweepError(f"{path} cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise SweepError(f"{path} is not a TOML file: {error}") from error


def make_plan(asked: Mapping[str, Any]) -> tuple[PlannedRun, ...]:
    """The runs that are asked for, each once, in the order in which they are to be made.

    Args:
        asked: hyperparameters (and ``seeds``) by name, each with a value or
            several; ``grid``, a dict or a list of dicts of such, of which each
            makes a grid together with the others' values; ``until`` and
            ``and_then``.

    Returns:
        Every combination of each grid, the last hyperparameter changing first.

    Raises:
        SweepError: if a name, a value or a combination of values is impossible.
    """
    common = dict(asked)
    until, then, grids = common.pop("until", None), common.pop("and_then", 0), common.pop("grid", {})
    if until not in (None, *UNTIL):
        raise SweepError(f"until must be {' or '.join(UNTIL)}, not {until!r}")
    if not isinstance(then, int) or isinstance(then, bool) or then < 0:
        raise SweepError(f"and_then must be a whole number of steps, 0 or more, not {then!r}")
    if then and not until:
        raise SweepError("and_then says how many steps a run is given after what until names, which is missing")
    grids = grids if isinstance(grids, list) else [grids]
    if not grids or not all(isinstance(grid, dict) for grid in grids):
        raise SweepError("grid must be a table of hyperparameters, or several ([[grid]])")
    if not any(common | grid for grid in grids):
        raise SweepError("there is nothing to sweep over: name a hyperparameter and its values, or a TOML file")
    found: dict[RunConfig, None] = {}
    for grid in grids:
        for config in expand(common | grid):
            found[config] = None
    return tuple(PlannedRun(config, until, then) for config in found)


def expand(grid: Mapping[str, Any]) -> list[RunConfig]:
    """Every combination of some hyperparameters' values; raises ``SweepError``."""
    unknown = sorted(set(grid) - set(NAMES))
    if unknown:
        raise SweepError(f"no such hyperparameter: {', '.join(unknown)}. There are: {', '.join(NAMES)}")
    if "seeds" in grid and {"seed", "split_seed"} & set(grid):
        raise SweepError("seeds stands for seed and split_seed alike: give either seeds, or these")
    values = {name: values_of(name, value) for name, value in grid.items()}
    count = math.prod(map(len, values.values()))
    if count > MOST:
        raise SweepError(f"these are {count:,} runs; a sweep may have {MOST:,}")
    return [_config(dict(zip(values, chosen, strict=True))) for chosen in itertools.product(*values.values())]


def _config(chosen: dict[str, Any]) -> RunConfig:
    from ..tasks import OPERATIONS

    seed = {"seed": chosen["seeds"], "split_seed": chosen["seeds"]} if "seeds" in chosen else {}
    try:
        config = RunConfig.from_dict({name: value for name, value in chosen.items() if name != "seeds"} | seed)
    except ConfigError as error:
        settings = ", ".join(f"{name} {value}" for name, value in chosen.items())
        raise SweepError(f"there is no run with {settings}: {error}") from error
    if config.operation not in OPERATIONS:
        raise SweepError(f"there is no operation {config.operation!r}; there are: {', '.join(OPERATIONS)}")
    return config


def values_of(name: str, given: Any) -> list[Any]:
    """The values that are given for a hyperparameter, as text, as a value or as a list of such.

    Raises:
        SweepError: if one cannot be read, or there are none.
    """
    kind = int if name == "seeds" else KINDS[name]
    is_pair = typing.get_origin(kind) is tuple
    if isinstance(given, str):
        found = list(itertools.chain.from_iterable(_read(name, kind, part.strip()) for part in given.split(",")))
    elif isinstance(given, list) and not (is_pair and len(given) == 2 and not isinstance(given[0], (list, str))):
        found = list(itertools.chain.from_iterable(_each(name, item) for item in given))
    else:
        found = [tuple(given) if is_pair and isinstance(given, list) else given]
    if not found:
        raise SweepError(f"{name} has no value")
    return found


def _each(name: str, item: Any) -> Iterable[Any]:
    if isinstance(item, list) and typing.get_origin(KINDS.get(name)) is not tuple:
        raise SweepError(f"{name} has a list in its list")
    return values_of(name, item)


def _read(name: str, kind: Any, text: str) -> Iterable[Any]:
    """What a part between commas stands for."""
    if kind is str:
        return [text]
    try:
        if kind is int:
            first, dash, last = text.partition("-")
            if dash and first:
                ends = int(first), int(last)
                if ends[0] > ends[1] or ends[1] - ends[0] >= MOST:
                    raise SweepError(f"{name}: the range {text} has no values, or too many")
                return range(ends[0], ends[1] + 1)
            return [int(text)]
        if typing.get_origin(kind) is tuple:
            one, two = text.split(":")
            return [(float(one), float(two))]
        return [float(text)]
    except SweepError:
        raise
    except ValueError:
        what = {int: "a whole number or a range such as 0-4", float: "a number"}.get(kind, "a pair such as 0.9:0.98")
        raise SweepError(f"{name}: {text!r} is not {what}") from None
