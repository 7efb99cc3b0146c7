"""Sweeps: the runs that are asked for, each made once, whatever happens to those who make them."""

import contextlib
import csv
import errno
import itertools
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from grokcourse import runs, storage, sweep, training
from grokcourse.cli import main
from grokcourse.config import RunConfig
from grokcourse.sweep import figure, local, store, table, work
from grokcourse.sweep.plan import PlannedRun, expand

SMALL = {
    "operation": "maximum", "p": 7, "train_fraction": 0.85, "d_model": 16, "n_heads": 2, "d_mlp": 16,
    "steps": 80, "eval_every": 10, "checkpoint_every": 20,
}  # fmt: skip
GRID = SMALL | {"lr": "3e-2,1e-2", "weight_decay": [1, 0.1], "seeds": "0-1", "until": "grokked", "and_then": 5}
OPTIONS = [
    part
    for name, value in (GRID | {"weight_decay": "1,0.1"}).items()
    for part in (f"--{name.replace('_', '-')}", str(value))
]


# --- Which runs ---


def test_a_grid_is_every_combination():
    plan = sweep.make_plan({"weight_decay": "0.3,1,3", "lr": [1e-3, 3e-3], "seed": "0-2,7", "p": 11})
    by_hand = [
        RunConfig(weight_decay=decay, lr=lr, seed=seed, p=11)
        for decay, lr, seed in itertools.product((0.3, 1.0, 3.0), (1e-3, 3e-3), (0, 1, 2, 7))
    ]
    assert [run.config for run in plan] == by_hand
    assert {(run.until, run.then) for run in plan} == {(None, 0)}
    assert len({run.name for run in plan}) == 24


def test_seeds_are_those_of_weights_and_split_alike():
    plan = sweep.make_plan({"seeds": "3-5"})
    assert [(run.config.seed, run.config.split_seed) for run in plan] == [(3, 3), (4, 4), (5, 5)]


def test_a_file_holds_grids_and_what_is_common_to_them(tmp_path):
    path = tmp_path / "sweep.toml"
    path.write_text(
        """
until = "grokked"
and_then = 100
steps = 500
seeds = [1, "3-4"]
[[grid]]
lr = [1e-3, 2e-3]
betas = [[0.9, 0.98], [0.9, 0.95]]
[[grid]]
operation = ["subtract", "add"]
steps = 700
[[grid]]
lr = 1e-3
"""
    )
    plan = sweep.make_plan(sweep.read_toml(path))
    first = [
        RunConfig(steps=500, seed=seed, split_seed=seed, lr=lr, betas=betas)
        for seed, lr, betas in itertools.product((1, 3, 4), (1e-3, 2e-3), ((0.9, 0.98), (0.9, 0.95)))
    ]
    second = [
        RunConfig(steps=700, seed=seed, split_seed=seed, operation=operation)
        for seed, operation in itertools.product((1, 3, 4), ("subtract", "add"))
    ]
    assert [run.config for run in plan] == first + second  # the third grid's runs are there already
    assert {(run.until, run.then) for run in plan} == {("grokked", 100)}


def test_a_run_that_may_end_early_is_another_than_one_that_may_not():
    config = RunConfig()
    named = {PlannedRun(config, until, then).name for until, then in ((None, 0), ("grokked", 0), ("grokked", 9))}
    assert len(named) == 3


@pytest.mark.parametrize("given", ["0.9:0.98,0.8:0.95", [[0.9, 0.98], [0.8, 0.95]], [[0.9, 0.98], "0.8:0.95"]])
def test_pairs(given):
    assert [config.betas for config in expand({"betas": given})] == [(0.9, 0.98), (0.8, 0.95)]


def test_one_pair():
    assert [config.betas for config in expand({"betas": [0.8, 0.95]})] == [(0.8, 0.95)]


@pytest.mark.parametrize(
    ("asked", "says"),
    [
        ({}, "nothing to sweep over"),
        ({"learning_rate": 1}, "no such hyperparameter: learning_rate. There are: operation, p, "),
        ({"lr": "1e-3,fast"}, "lr: 'fast' is not a number"),
        ({"seed": "0-x"}, "seed: '0-x' is not a whole number or a range such as 0-4"),
        ({"seed": "1.5"}, "seed: '1.5' is not a whole number"),
        ({"seed": "4-0"}, "seed: the range 4-0 has no values"),
        ({"betas": "0.9"}, "betas: '0.9' is not a pair such as 0.9:0.98"),
        ({"seeds": 1, "seed": 2}, "seeds stands for seed and split_seed alike"),
        ({"lr": []}, "lr has no value"),
        ({"lr": [[1e-3]]}, "lr has a list in its list"),
        ({"lr": True}, "there is no run with lr True: lr must be a finite number"),
        ({"lr": "1e-3,0.5", "weight_decay": "1,3"}, "no run with lr 0.5, weight_decay 3.0: lr · weight_decay is 1.5"),
        ({"d_model": "10", "n_heads": "4"}, "no run with d_model 10, n_heads 4: d_model must be divisible"),
        ({"operation": "power"}, "there is no operation 'power'; there are: add, "),
        ({"lr": 1, "until": "bored"}, "until must be grokked, not 'bored'"),
        ({"lr": 1, "and_then": 5}, "and_then says how many steps"),
        ({"lr": 1, "until": "grokked", "and_then": -5}, "and_then must be a whole number of steps"),
        ({"grid": []}, "grid must be a table"),
        ({"grid": 3}, "grid must be a table"),
        ({"seed": "0-99999", "lr": "1e-3,2e-3"}, "these are 200,000 runs; a sweep may have 100,000"),
    ],
)
def test_what_is_impossible_is_said_before_anything_is_trained(asked, says):
    with pytest.raises(sweep.SweepError) as refused:
        sweep.make_plan(asked)
    assert says in str(refused.value)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ([], "nothing to sweep over"),
        (["nowhere.toml"], "nowhere.toml cannot be read: No such file"),
        (["bad.toml"], "bad.toml is not a TOML file"),
        (["--lr", "quick"], "lr: 'quick' is not a number"),
        (["--seeds", "0", "--jobs", "0"], "--jobs must be at least 1, not 0"),
    ],
)
def test_wrong_usage_is_one_line_and_no_store(tmp_path, monkeypatch, capsys, arguments, says):
    monkeypatch.chdir(tmp_path)
    Path("bad.toml").write_text("lr = [")
    assert main(["sweep", *arguments]) == 2
    out, err = capsys.readouterr()
    assert says in err
    assert (out, err.count("\n")) == ("", 1)
    assert [path.name for path in tmp_path.iterdir()] == ["bad.toml"]


# --- Made, whatever happens ---


@pytest.fixture(scope="module")
def plan():
    return sweep.make_plan(GRID)


@pytest.fixture(scope="module")
def alone(plan):
    """Each run trained by itself to its last step, in this process: what the sweep's table is held against."""
    with pytest.MonkeyPatch.context() as patch:
        before = training.torch.get_num_threads()
        training.torch.set_num_threads(1)
        patch.setattr(training, "keep_freed_memory", lambda: None)
        made = [training.train(run.config, device="cpu", progress_bar=False) for run in plan]
        training.torch.set_num_threads(before)
    return made


@pytest.fixture(scope="module")
def undisturbed(plan, tmp_path_factory):
    """A store, and the result of the sweep that made it."""
    place = tmp_path_factory.mktemp("sweep") / "made" / "store"
    return place, sweep.sweep(plan, place, jobs=2, progress_bar=False)


def lasting(rows):
    """The rows without what another run of the same config need not share."""
    return [{name: value for name, value in row.items() if name not in ("seconds", "device")} for row in rows]


def assert_same(place, result, undisturbed):
    """The same table, the same runs to the last bit, and nothing else in the store.

    But for hidden folders: a process that is killed while it writes a run leaves what it has written so far in one.
    """
    there, expected = undisturbed
    assert result.failed == expected.failed == {}
    assert lasting(result.rows) == lasting(expected.rows)
    names = {row["run"] for row in expected.rows}
    assert {path.name for path in place.iterdir() if not path.name.startswith(".")} - {"table.csv"} == names
    for name in names:
        run, twin = runs.load(place / name), runs.load(there / name)
        assert run.config == twin.config
        assert all((run.history[key] == values).all() for key, values in twin.history.items())
        assert all(weight.equal(run.checkpoints[twin.steps[-1]][key]) for key, weight in
                   twin.checkpoints[twin.steps[-1]].items())  # fmt: skip


def test_the_table_says_what_the_runs_trained_alone_say(plan, alone, undisturbed):
    _, result = undisturbed
    assert result.failed == {}
    assert [row["run"] for row in result.rows] == [run.name for run in plan]
    for row, run in zip(result.rows, alone, strict=True):
        answered = [
            int(step)
            for step, accuracy in zip(run.history["step"], run.history["test_accuracy"], strict=True)
            if accuracy >= 0.99
        ]
        grokked = answered[0] if answered else None
        taken = 80 if grokked is None else min(80, grokked + 5)
        assert (row["grokked"], row["censored"], row["taken"]) == (grokked, grokked is None, taken)
        assert {name: row[name] for name in ("lr", "weight_decay", "seed", "split_seed", "steps")} == {
            name: run.config.to_dict()[name] for name in ("lr", "weight_decay", "seed", "split_seed", "steps")
        }
        if row["taken"] in run.history["step"]:
            assert row["test_loss"] == pytest.approx(run.at("test_loss", row["taken"]), rel=1e-5)
    assert {row["censored"] for row in result.rows} == {True, False}  # there are runs of both kinds to speak of


def test_a_finished_run_is_never_made_twice(plan, undisturbed, monkeypatch):
    place, result = undisturbed
    before = {path: path.stat().st_mtime_ns for path in place.rglob("*")}
    monkeypatch.setattr(local.Processes, "start", lambda *_: pytest.fail("a run was started"))
    again = sweep.sweep(plan, place, progress_bar=False)
    assert again == result
    assert {path: path.stat().st_mtime_ns for path in place.rglob("*")} == before


class Killed(local.Processes):
    """Workers of which some are killed without warning, at moments that dice choose."""

    dice = random.Random(3)
    left = 6

    def events(self, seconds):
        if self.left and self._running and self.dice.random() < 0.1:
            self.left -= 1
            process = self.dice.choice(list(self._running.values()))[1]
            with contextlib.suppress(ProcessLookupError):  # it may have ended by itself just now
                os.kill(process.pid, signal.SIGKILL)
        return super().events(seconds)


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGKILL")
def test_killed_workers_change_nothing(plan, undisturbed, tmp_path):
    place = tmp_path / "store"
    crew = Killed(place, 2, device="cpu")
    assert_same(place, sweep.sweep(plan, place, workers=lambda: crew, progress_bar=False), undisturbed)
    assert crew.left < 6  # some were


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGKILL")
def test_a_killed_driver_changes_nothing_and_two_at_once_do_not_collide(plan, undisturbed, tmp_path):
    place, dice = tmp_path / "store", random.Random(5)
    command = [sys.executable, "-m", "grokcourse", "sweep", *OPTIONS, "--store", str(place), "--jobs", "2"]
    for _ in range(2):
        driver = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            before = {path.name for path in place.rglob("*")}
            while {path.name for path in place.rglob("*")} <= before and driver.poll() is None:
                time.sleep(0.02)
            time.sleep(dice.random())
            children = psutil.Process(driver.pid).children(recursive=True)
        finally:
            driver.kill()
            driver.wait()
        psutil.wait_procs(children, 60)  # whoever worked for it ends by itself
        assert not [child for child in children if child.is_running() and child.status() != psutil.STATUS_ZOMBIE]
    other = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    result = sweep.sweep(plan, place, jobs=2, progress_bar=False)
    out, err = other.communicate(timeout=300)
    assert other.returncode == 0, err
    assert out.startswith(f"{len(plan)} runs are finished")
    assert_same(place, result, undisturbed)
    with (place / "table.csv").open(newline="") as file:
        written = list(csv.DictReader(file))
    assert [row["run"] for row in written] == [run.name for run in plan]
    assert [row["grokked"] for row in written] == [str(row["grokked"] or "") for row in result.rows]


def interrupted(run, place, at):
    """Leave a run in a store as one that was killed after a checkpoint."""
    step = training.train_step
    count = itertools.count(1)

    def killed(*arguments):
        if next(count) > at:
            raise KeyboardInterrupt
        return step(*arguments)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(training, "train_step", killed)
        with pytest.raises(KeyboardInterrupt):
            work.train_run(run, place, lambda event: None)


def test_what_cannot_be_made_is_said_and_the_others_are(plan, undisturbed, tmp_path, capsys):
    place, (taken, broken, spoilt, *others) = tmp_path / "store", plan
    place.mkdir()
    (place / f"{taken.name}.partial").write_text("a file where a folder should be")
    interrupted(broken, place, at=25)
    assert store.state(place, broken.name) == store.State("interrupted", 20)
    [state] = (place / f"{broken.name}.partial").glob("state-*")
    state.write_bytes(state.read_bytes()[:-1])
    work.train_run(spoilt, place, lambda event: None)
    (place / spoilt.name / "history.safetensors").write_bytes(b"")

    assert main(["sweep", *OPTIONS, "--store", str(place), "--status"]) == 0
    out = capsys.readouterr().out
    assert out.splitlines()[:5] == [
        f"{place}: 8 runs.",
        "       1 finished",
        "       0 running",
        "       1 interrupted",
        "       6 waiting",
    ]
    assert f"{broken.name}: interrupted, at step 20 of 80, its last checkpoint" in out
    assert main(["sweep", *OPTIONS, "--store", str(place), "--resume", "--jobs", "2"]) == 1
    out, err = capsys.readouterr()
    said = [line for line in err.splitlines() if "could not be made" in line]
    assert [line.split()[0] for line in said] == [taken.name, broken.name, spoilt.name]
    for line, why in zip(
        said, ("cannot be made", "is truncated or was altered", "is truncated or was altered"), strict=True
    ):
        assert why in line
    assert "Traceback" not in err
    assert out.startswith("5 runs are finished")
    found, failures = table.rows_of(place)
    expected = {row["run"]: row for row in lasting(undisturbed[1].rows)}
    assert {row["run"]: row for row in lasting(found)} == {run.name: expected[run.name] for run in others}
    assert len(failures) == 1


def test_a_full_disk_is_a_sentence(plan, tmp_path, monkeypatch):
    def full(path, content):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(storage, "write_whole", full)
    told = []
    work.train_run(plan[0], tmp_path / "store", told.append)
    assert [event[:2] for event in told] == [(plan[0].name, "step"), (plan[0].name, "failed")]
    assert told[-1][2].endswith(f"{plan[0].name}.partial: No space left on device")


def test_a_run_whose_process_always_ends_is_given_up_and_says_how(plan, tmp_path):
    class Deadly(local.Processes):
        started = 0

        def start(self, run):
            self.started += 1
            super().start(run)
            if run == plan[0]:
                for _, process in self._running.values():
                    process.kill()

    crew = Deadly(tmp_path, 1, device="cpu")
    result = sweep.sweep(plan[:2], tmp_path, workers=lambda: crew, progress_bar=False)
    assert [row["run"] for row in result.rows] == [plan[1].name]
    assert result.failed.keys() == {plan[0].name}
    assert "its process ended 3 times without getting on: it was ended by signal 9" in result.failed[plan[0].name]
    assert crew.started == 4


def test_a_run_that_another_process_trains_is_waited_for(plan, tmp_path):
    told = []
    with runs.in_the_making(tmp_path / plan[0].name):
        work.train_run(plan[0], tmp_path, told.append)
        assert store.state(tmp_path, plan[0].name).kind == "running"
    assert told == [(plan[0].name, "busy", None)]
    assert store.state(tmp_path, plan[0].name).kind == "waiting"


# --- Side by side ---


def test_side_by_side_the_runs_are_those_trained_alone_as_far_as_rounding_allows(tmp_path):
    few = SMALL | {"steps": 25, "checkpoint_every": 10, "lr": 1e-3, "seeds": "0-1"}
    plan = sweep.make_plan(few | {"grid": [{"weight_decay": "1,0.1"}, {"d_mlp": 8}]})
    result = sweep.sweep(plan, tmp_path, device="cpu", slots=3, progress_bar=False)
    assert result.failed == {}
    assert [row["run"] for row in result.rows] == [run.name for run in plan]
    assert {path.name for path in tmp_path.iterdir()} == {run.name for run in plan}
    for row, run in zip(result.rows, plan, strict=True):
        made, alone = runs.load(tmp_path / run.name), training.train(run.config, device="cpu", progress_bar=False)
        assert (made.config, made.steps) == (run.config, (25,))
        assert made.provenance["side_by_side"] >= 1
        assert made.history["step"].tolist() == alone.history["step"].tolist()
        assert row["test_loss"] == pytest.approx(alone.history["test_loss"][-1], rel=1e-3)


def test_side_by_side_a_run_ends_when_it_has_grokked_and_a_killed_process_changes_nothing(plan, undisturbed, tmp_path):
    class KilledOnce(local.SideBySide):
        killed = 0

        def events(self, seconds):
            found = super().events(seconds)
            if self._running and not self.killed:
                self.killed = next(iter(self._running.values()))[1].pid
                os.kill(self.killed, signal.SIGKILL)
            return found

    crew = KilledOnce(tmp_path, slots=8, device="cpu")
    (tmp_path / f"{plan[3].name}.partial").write_text("a file where a folder should be")
    result = sweep.sweep(plan, tmp_path, workers=lambda: crew, progress_bar=False)
    assert crew.killed
    assert result.failed.keys() == {plan[3].name}
    assert [row["run"] for row in result.rows] == [run.name for run in plan if run is not plan[3]]
    for row in result.rows:
        made = runs.load(tmp_path / row["run"])
        answered = made.history["step"][made.history["test_accuracy"] >= 0.99]
        assert row["grokked"] == (answered[0] if len(answered) else None)
        assert row["taken"] == made.config.steps == (min(80, answered[0] + 5) if len(answered) else 80)


def test_side_by_side_a_full_disk_is_a_sentence_for_each_run(plan, tmp_path, monkeypatch):
    def full(folder, files):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(storage, "write_folder", full)
    few = [PlannedRun(run.config.replace(steps=5)) for run in plan[:2]]
    told = []
    work.train_side_by_side(few, tmp_path, told.append)
    assert [event[:2] for event in told] == [(run.name, "failed") for run in few]
    assert all("No space left on device" in event[2] for event in told)


# --- The table ---


def test_the_median_counts_censored_runs_as_later_than_all_others():
    def rows(*grokked):
        return [{"grokked": step, "censored": step is None} for step in grokked]

    assert table.median_steps(rows(300, 100, 200)) == 200
    assert table.median_steps(rows(300, None, 200)) == 300
    assert table.median_steps(rows(300, None, None)) is None
    assert table.median_steps(rows(300, None)) is None
    assert table.median_steps([]) is None


def test_a_table_in_parquet(undisturbed, tmp_path):
    parquet = pytest.importorskip("pyarrow.parquet")
    table.write(undisturbed[1].rows, tmp_path / "table.parquet")
    assert parquet.read_table(tmp_path / "table.parquet").to_pylist() == undisturbed[1].rows


def test_a_table_in_parquet_without_pyarrow_is_refused(undisturbed, tmp_path, monkeypatch):
    monkeypatch.setattr(table.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(sweep.SweepError, match="takes pyarrow: pip install pyarrow, or name the table"):
        table.write(undisturbed[1].rows, tmp_path / "table.parquet")
    assert list(tmp_path.iterdir()) == []


# --- The figure ---


def a_row(**values):
    return RunConfig().to_dict() | {"betas": "0.9:0.98", "censored": False, "grokked": 100, "taken": 100} | values


def test_the_figure_is_against_what_has_the_most_values_and_has_a_line_for_each_other_setting():
    rows = [a_row(weight_decay=decay, lr=lr, seed=seed, grokked=int(900 / decay) + seed)
            for decay in (0.3, 1.0, 3.0) for lr in (1e-3, 3e-3) for seed in range(3)]  # fmt: skip
    axes = figure.draw(rows).axes[0]
    assert (axes.get_xlabel(), axes.get_xscale()) == ("weight decay", "log")
    lines = {line.get_label(): line.get_xydata().tolist() for line in axes.lines if line.get_label()[0] != "_"}
    medians = [[0.3, 3001], [1, 901], [3, 301]]
    assert lines.pop("learning rate 0.001") == lines.pop("learning rate 0.003") == medians
    assert lines.keys() == {"not by then"}
    axes = figure.draw(rows, "lr").axes[0]
    assert (axes.get_xlabel(), axes.get_xscale()) == ("learning rate", "linear")


def test_a_censored_run_stands_where_it_ended():
    axes = figure.draw([a_row(censored=True, grokked=None, taken=700)]).axes[0]
    [late] = [line.get_xydata().tolist() for line in axes.lines if line.get_marker() == "^" and len(line.get_xdata())]
    assert late == [[1.0, 700]]


@pytest.mark.parametrize(
    ("rows", "by", "says"),
    [
        ([a_row()], "speed", "there is no hyperparameter 'speed'"),
        ([a_row(lr=lr) for lr in range(1, 8)], "weight_decay", "one figure shows 5 lines, and lr have 7 settings"),
    ],
)
def test_what_no_figure_shows_is_said(rows, by, says):
    with pytest.raises(sweep.SweepError, match=says):
        figure.draw(rows, by)


def test_the_command_draws(undisturbed, tmp_path, capsys):
    place = undisturbed[0]
    assert main(["sweep", *OPTIONS, "--store", str(place), "--figure", str(tmp_path / "f.svg"), "--by", "lr"]) == 0
    assert (tmp_path / "f.svg").read_bytes().startswith(b"<?xml")
    assert capsys.readouterr().out.endswith(f"Drawn into {tmp_path / 'f.svg'}.\n")
    assert main(["sweep", *OPTIONS, "--store", str(place), "--figure", str(tmp_path / "f.poem")]) == 2
    assert "'poem' is not supported" in capsys.readouterr().err
