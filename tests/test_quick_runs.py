"""What the table of quick runs says, against its own lines."""

import csv

import pytest

from grokcourse import quick_runs, runs


def lines(name):
    with (runs.RECORDED / "controls" / name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_each_control_is_told_whole():
    controls, rows = quick_runs.controls(), lines("runs.csv")
    assert sum(len(run.steps) for run in controls) == len(rows)
    assert len({(run.weight_decay, run.seed) for run in controls}) == len(controls) >= 6
    for run in controls:
        own = [row for row in rows if (float(row["weight_decay"]), int(row["seed"])) == (run.weight_decay, run.seed)]
        assert [int(row["step"]) for row in own] == list(run.steps)
        assert [float(row["test_loss"]) for row in own] == list(run.test_loss)
        assert [float(row["weight_norm"]) for row in own] == list(run.weight_norm)
        reached = [int(row["step"]) for row in own if float(row["test_accuracy"]) >= 0.99]
        assert (run.grokked, run.wait) == ((reached[0],) * 2 if reached else (None, run.steps[-1]))


def test_what_is_no_such_table_is_refused(tmp_path):
    place = tmp_path / "runs.csv"
    place.write_text("weight_decay,seed\n3,0\n")
    with pytest.raises(ValueError, match=r"runs\.csv is not a table of runs with weight_decay, seed"):
        quick_runs.controls(place)
