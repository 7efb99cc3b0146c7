"""Many runs: grids of hyperparameters, trained on all cores into one store of runs, with a table as the result.

    plan = sweep.make_plan({"weight_decay": [0.3, 1, 3], "seeds": "0-4", "until": "grokked"})
    result = sweep.sweep(plan, "runs/decay")
    result.rows[0]["grokked"]

The command is ``grokcourse sweep``.
"""

from .driver import Result, Workers, sweep
from .plan import PlannedRun, SweepError, make_plan, read_toml
from .store import status

__all__ = ["PlannedRun", "Result", "SweepError", "Workers", "make_plan", "read_toml", "status", "sweep"]
