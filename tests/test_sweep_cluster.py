"""Sweeps on a Dask cluster: a real one, of several processes on this machine."""

import os
import signal
import socket

import pytest
from distributed import LocalCluster

from grokcourse import sweep, training
from grokcourse.cli import main
from grokcourse.sweep import cluster

pytestmark = pytest.mark.slow

GRID = {
    "operation": "maximum", "p": 7, "train_fraction": 0.85, "d_model": 16, "n_heads": 2, "d_mlp": 16, "lr": 3e-2,
    "steps": 60, "eval_every": 10, "checkpoint_every": 10, "seeds": "0-3", "until": "grokked",
}  # fmt: skip


@pytest.fixture(scope="module")
def local():
    """A scheduler and two worker processes, each with a nanny that starts it anew when it dies."""
    with LocalCluster(n_workers=2, threads_per_worker=1, processes=True, dashboard_address=":0") as made:
        yield made


class Killed(cluster.Cluster):
    """A cluster of which a worker is killed once while both train."""

    local: LocalCluster
    killed = 0

    def events(self, seconds):
        if not self.killed and any(future.status == "pending" for future in self._sent):
            worker = next(iter(self.local.workers.values()))
            self.killed = worker.process.pid
            os.kill(self.killed, signal.SIGKILL)
        return super().events(seconds)


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGKILL")
def test_the_same_table_as_the_runs_trained_alone_though_a_worker_is_killed(local, tmp_path):
    plan = sweep.make_plan(GRID)
    crew = Killed(tmp_path, local.scheduler_address)
    crew.local = local
    result = sweep.sweep(plan, tmp_path, workers=lambda: crew, progress_bar=False)
    assert crew.killed
    assert result.failed == {}
    assert {path.name for path in tmp_path.iterdir()} == {run.name for run in plan}
    for row, run in zip(result.rows, plan, strict=True):
        alone = training.train(run.config, device="cpu", until=training.grokked, progress_bar=False)
        assert (row["run"], row["taken"]) == (run.name, alone.config.steps)
        assert row["censored"] == (not training.grokked(alone.history))
        assert row["test_loss"] == pytest.approx(alone.history["test_loss"][-1], rel=1e-4)


def test_the_command(local, tmp_path, capsys):
    options = [f"--{name.replace('_', '-')}={value}" for name, value in (GRID | {"seeds": "0-1", "steps": 20}).items()]
    command = ["sweep", *options, "--store", str(tmp_path / "store"), "--scheduler", local.scheduler_address]
    assert main(command) == 0
    assert capsys.readouterr().out.startswith("2 runs are finished")
    assert (tmp_path / "store" / "table.csv").read_text().count("\n") == 3


def test_a_run_that_fails_there_is_said_here(local, tmp_path):
    plan = sweep.make_plan(GRID | {"seeds": "0-1", "steps": 20})
    (tmp_path / f"{plan[0].name}.partial").write_text("")
    result = sweep.sweep(
        plan, tmp_path, workers=lambda: cluster.Cluster(tmp_path, local.scheduler_address), progress_bar=False
    )
    assert [row["run"] for row in result.rows] == [plan[1].name]
    assert "cannot be made: File exists" in result.failed[plan[0].name]


def test_no_scheduler_is_one_sentence(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(cluster, "CONNECT_SECONDS", 1)
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))  # nobody listens there
        address = f"tcp://127.0.0.1:{listener.getsockname()[1]}"
        assert main(["sweep", "--seeds", "0", "--store", str(tmp_path / "store"), "--scheduler", address]) == 2
    assert f"there is no Dask scheduler at {address}" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []
