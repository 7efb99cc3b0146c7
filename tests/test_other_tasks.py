"""What the table of the runs on other tasks says, against its own lines."""

import csv

import pytest

from grokcourse import other_tasks, runs, tasks


@pytest.fixture(scope="module")
def table():
    return other_tasks.read()


def test_each_run_is_told_whole(table):
    with (other_tasks.FOLDER / "runs.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert sum(len(run.steps) for run in table) == len(rows)
    assert len({(run.operation, run.fraction, run.seed) for run in table}) == len(table) >= 10
    for run in table:
        assert run.operation in tasks.OPERATIONS
        assert run.steps[0] == 0
        assert list(run.steps) == sorted(set(run.steps))
        assert len(run.steps) == len(run.train_loss) == len(run.test_loss) == len(run.train_accuracy)


def test_the_run_with_weights_is_the_one_of_the_table(table):
    run = runs.load(other_tasks.FOLDER / "multiply-seed0")
    told = next(one for one in table if (one.operation, one.fraction, one.seed) == ("multiply", 0.3, 0))
    assert told.steps == tuple(run.history["step"].tolist())
    assert told.test_accuracy == pytest.approx(run.history["test_accuracy"].tolist(), rel=1e-4)
    reached = [
        step for step, value in zip(run.history["step"], run.history["test_accuracy"], strict=True) if value >= 0.99
    ]
    assert told.grokked == reached[0] == told.wait


def test_a_run_without_understanding_is_censored(table):
    random = next(run for run in table if run.operation == "random")
    assert random.grokked is None
    assert random.wait == random.steps[-1]
    assert 0 < random.memorised < random.wait


def test_what_is_no_such_table_is_refused(tmp_path):
    place = tmp_path / "runs.csv"
    place.write_text("operation,seed\nadd,0\n")
    with pytest.raises(ValueError, match=r"runs\.csv is not a table of runs with operation, fraction, seed"):
        other_tasks.read(place)
