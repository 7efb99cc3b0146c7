"""The command line, as a user meets it."""

import os
import subprocess
import sys

import pytest

from grokcourse import runs, training
from grokcourse.cli import main
from grokcourse.config import RunConfig

TINY = ["--p", "5", "--train-fraction", "0.5", "--d-model", "8", "--n-heads", "2", "--d-mlp", "6"]
TINY += ["--eval-every", "10", "--checkpoint-every", "10"]


def test_train_saves_the_run_that_was_asked_for(tmp_path, capsys):
    code = main(["train", *TINY, "--steps", "20", "--betas", "0.8", "0.9", "--folder", str(tmp_path / "run")])
    assert code == 0
    run = runs.load(tmp_path / "run")
    assert run.config == RunConfig(
        p=5, train_fraction=0.5, d_model=8, n_heads=2, d_mlp=6, steps=20, eval_every=10, checkpoint_every=10,
        betas=(0.8, 0.9),
    )  # fmt: skip
    assert run.history["W_E_energy"].shape == (3, 3)  # 3 evaluations, frequencies 0, 1 and 2
    out, err = capsys.readouterr()
    assert "Step 20: train loss" in out
    assert "train_loss=" in err  # the progress bar


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--p", "1"], "p must be at least 2"),
        (["--d-model", "10", "--n-heads", "4"], "divisible by n_heads"),
        (["--threads", "0"], "--threads must be at least 1"),
        (["--device", "warp", "--steps", "1"], "no device 'warp'"),
        (["--operation", "power", "--steps", "1"], "no operation 'power'"),
    ],
)
def test_bad_input_is_one_clear_line_and_no_folder(tmp_path, capsys, arguments, says):
    assert main(["train", *arguments, "--folder", str(tmp_path / "run")]) in (1, 2)
    err = capsys.readouterr().err
    assert says in err
    assert "Traceback" not in err
    assert list(tmp_path.iterdir()) == []


def test_an_existing_run_is_not_overwritten(tmp_path, capsys):
    arguments = ["train", *TINY, "--steps", "10", "--folder", str(tmp_path / "run")]
    assert main(arguments) == 0
    assert main(arguments) == 1
    assert "holds a run already" in capsys.readouterr().err


@pytest.mark.parametrize("kind", ["png", "svg"])
def test_plot_draws_a_run_of_ones_own(tmp_path, capsys, kind):
    assert main(["train", *TINY, "--steps", "20", "--folder", str(tmp_path / "run")]) == 0
    capsys.readouterr()
    place = tmp_path / f"losses.{kind}"
    assert main(["plot", str(tmp_path / "run"), "--output", str(place)]) == 0
    assert capsys.readouterr().out == f"Drawn into {place}.\n"
    assert place.read_bytes().startswith({"png": b"\x89PNG", "svg": b"<?xml"}[kind])


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["nowhere"], "nowhere"),
        (["main", "--output", "no/such/folder.png"], "no/such/folder.png cannot be written: No such file or directory"),
        (["main", "--output", "losses.poem"], "'poem' is not supported"),
    ],
)
def test_what_cannot_be_drawn_is_one_line(capsys, arguments, says):
    assert main(["plot", *arguments]) == 1
    err = capsys.readouterr().err
    assert says in err
    assert err.count("\n") == 1


def test_resume_on_a_finished_run_says_so_and_succeeds(tmp_path, capsys):
    arguments = ["train", *TINY, "--steps", "10", "--folder", str(tmp_path / "run")]
    assert main(arguments) == 0
    capsys.readouterr()
    before = {path.name: path.read_bytes() for path in (tmp_path / "run").iterdir()}
    assert main([*arguments, "--resume"]) == 0
    out, err = capsys.readouterr()
    assert out.startswith("This run is finished: there is nothing to go on with. Step 10: train loss")
    assert err == ""
    assert main([*arguments, "--resume", "--lr", "0.5"]) == 1
    assert "finished run of another config (lr 0.001 there, 0.5 here)" in capsys.readouterr().err
    assert {path.name: path.read_bytes() for path in (tmp_path / "run").iterdir()} == before
    (tmp_path / "run" / "history.safetensors").write_bytes(b"")
    assert main([*arguments, "--resume"]) == 1
    assert "truncated or was altered" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["run"]


INTERRUPTED = """
import os, signal, sys
from grokcourse import cli, runs, training

signal.signal(signal.SIGINT, signal.default_int_handler)
step, taken = training.train_step, []

def train_step(*arguments):
    taken.append(1)
    if len(taken) == 25:  # between two checkpoints
        os.kill(os.getpid(), signal.SIGINT)
    return step(*arguments)

training.train_step = train_step
sys.exit(cli.main(sys.argv[1:]))
"""
"""Ctrl-C in the middle of a run, however fast the machine is."""


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGINT that can be sent to one process")
def test_ctrl_c_loses_nothing_and_resume_goes_on(tmp_path):
    folder = tmp_path / "run"
    arguments = ["train", *TINY, "--steps", "200", "--folder", str(folder), "--threads", "1", "--device", "cpu"]
    command = [sys.executable, "-m", "grokcourse", *arguments]
    interrupted = [sys.executable, "-c", INTERRUPTED, *arguments]
    process = subprocess.run(interrupted, stderr=subprocess.PIPE, text=True, check=False)
    err = process.stderr
    assert process.returncode == 130
    assert "step 20 is kept; add --resume to go on from there" in err
    assert "Traceback" not in err

    again = subprocess.run(command, capture_output=True, text=True, check=False)
    assert again.returncode == 1
    assert "add --resume to go on with it" in again.stderr

    subprocess.run([*command, "--resume"], check=True, capture_output=True)
    run = runs.load(folder)
    assert run.history["step"].tolist() == list(range(0, 201, 10))


def test_runs_says_what_is_intact_and_what_is_broken(tmp_path, monkeypatch, capsys):
    config = RunConfig(p=5, train_fraction=0.5, d_model=8, n_heads=2, d_mlp=6, steps=10)
    for name in ("good", "bad"):
        training.train(config, tmp_path / name, progress_bar=False)
    with (tmp_path / "bad" / "history.safetensors").open("ab") as file:
        file.write(b"x")
    monkeypatch.setenv(runs.RUNS_VARIABLE, str(tmp_path))
    assert main(["runs"]) == 1
    lines = {line.split()[0]: line for line in capsys.readouterr().out.splitlines()}
    assert "intact" in lines["good"]
    assert "d_model=8" in lines["good"]
    assert "BROKEN" in lines["bad"]
    assert "truncated or was altered" in lines["bad"]
    assert main(["runs", "good"]) == 0


@pytest.mark.skipif(os.name == "nt", reason="there is no sh")
def test_neither_a_poor_terminal_nor_a_reader_who_leaves_ends_in_a_traceback():
    """A terminal that knows ASCII only, and ``grokcourse … | head -1``."""
    show = "import sys; from grokcourse import cli; cli._train = lambda options: print('é─' * 50_000) or 0; "
    show += "sys.exit(cli.main(['train']))"
    environment = os.environ | {"PYTHONIOENCODING": "ascii", "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-c", show]
    whole = subprocess.run(command, capture_output=True, env=environment, check=False)
    assert (whole.returncode, whole.stderr, whole.stdout[:4]) == (0, b"", b"????")
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment) as left:
        left.stdout.close()
        assert left.stderr.read() == b""
    assert left.returncode == 1


@pytest.mark.parametrize("arguments", [[], ["--help"], ["train", "--help"], ["runs", "--help"], ["--version"]])
def test_help_is_there(arguments, capsys):
    with pytest.raises(SystemExit) as stop:
        main(arguments)
    assert stop.value.code == (2 if not arguments else 0)
