"""Runs on disk: written whole, read back exactly, and refused when they are not what was written."""

import json
import os
import shutil

import numpy as np
import pytest
import torch

from grokcourse import runs, tasks, training
from grokcourse.config import RunConfig

TINY = RunConfig(p=5, train_fraction=0.5, d_model=8, n_heads=2, d_mlp=6, steps=20, eval_every=10, checkpoint_every=10)
FILES = ["checkpoints.safetensors", "history.safetensors", "run.json"]


@pytest.fixture(scope="module")
def run():
    return training.train(TINY, progress_bar=False)


@pytest.fixture
def folder(run, tmp_path):
    return runs.save(run, tmp_path / "made" / "run")


def test_what_is_saved_is_what_is_loaded(run, folder):
    assert sorted(path.name for path in folder.iterdir()) == FILES
    loaded = runs.load(folder)
    assert loaded.config == run.config
    assert loaded.provenance == run.provenance
    assert loaded.history.keys() == run.history.keys()
    for name, values in run.history.items():
        assert loaded.history[name].dtype == values.dtype
        np.testing.assert_array_equal(loaded.history[name], values)
    assert loaded.steps == run.steps == (0, 10, 20)
    for step in run.steps:
        assert loaded.checkpoints[step].keys() == run.checkpoints[step].keys()
        assert all(weight.equal(run.checkpoints[step][name]) for name, weight in loaded.checkpoints[step].items())


def test_a_loaded_model_gives_the_recorded_losses(folder):
    loaded, data = runs.load(folder), tasks.dataset(TINY)
    for step in loaded.steps:
        for name, value in training.evaluate(loaded.model(step), data).items():
            assert loaded.at(name, step) == pytest.approx(value, rel=1e-6)


def test_provenance_says_where_the_run_comes_from(run):
    assert {"grokcourse", "torch", "device", "threads", "seconds", "seeds"} <= run.provenance.keys()
    assert run.provenance["seeds"] == {"weights": 0, "split": 0}


def test_missing_steps_and_quantities_are_named(run):
    with pytest.raises(runs.RunNotFoundError, match="no weights are kept for step 5; there are: 0, 10, 20"):
        run.model(5)
    with pytest.raises(runs.RunNotFoundError, match="step 5 was not recorded: this run records every 10"):
        run.at("test_loss", 5)
    with pytest.raises(runs.RunNotFoundError, match="'loss' was not recorded; there are: step, train_loss"):
        run.at("loss", 10)


@pytest.mark.parametrize("name", FILES)
def test_a_flipped_bit_anywhere_is_refused(folder, name):
    content = bytearray((folder / name).read_bytes())
    for position in np.random.default_rng(0).integers(len(content), size=25):
        altered = content.copy()
        altered[position] ^= 1
        (folder / name).write_bytes(altered)
        with pytest.raises(runs.RunError, match=name):
            runs.load(folder)
    (folder / name).write_bytes(content)
    runs.load(folder)


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("keep", [0.0, 0.5, 0.99])
def test_a_truncated_file_is_refused(folder, name, keep):
    content = (folder / name).read_bytes()
    (folder / name).write_bytes(content[: int(keep * len(content))])
    with pytest.raises(runs.RunError, match="truncated or was altered"):
        runs.load(folder)


@pytest.mark.parametrize("name", FILES)
def test_a_missing_file_is_refused(folder, name):
    (folder / name).unlink()
    with pytest.raises(runs.RunError, match=f"{name} cannot be read|has no run.json"):
        runs.load(folder)


def test_the_files_of_another_run_are_refused(run, folder, tmp_path):
    other = runs.save(runs.thin(run, [0]), tmp_path / "other")
    shutil.copy(other / "checkpoints.safetensors", folder)
    with pytest.raises(runs.RunError, match="truncated or was altered"):
        runs.load(folder)


@pytest.mark.parametrize("content", ["[]", "{}", '{"format": "somebody else\'s"}', "\x00", "not json"])
def test_a_foreign_folder_is_refused(tmp_path, content):
    (tmp_path / "run.json").write_text(content)
    with pytest.raises(runs.RunError, match=r"run\.json"):
        runs.load(tmp_path)


def test_a_config_that_is_altered_but_still_json_is_refused(folder):
    header = json.loads((folder / "run.json").read_text())
    header["config"]["weight_decay"] = 0.5
    (folder / "run.json").write_text(json.dumps(header))
    with pytest.raises(runs.RunError, match="its digest does not fit"):
        runs.load(folder)


def test_nothing_is_overwritten(run, folder, tmp_path):
    before = (folder / "run.json").read_bytes()
    with pytest.raises(runs.RunError, match="holds a run already"):
        runs.save(run, folder)
    assert (folder / "run.json").read_bytes() == before
    (tmp_path / "notes.txt").write_text("mine")
    for place in (tmp_path, tmp_path / "notes.txt"):
        with pytest.raises(runs.RunError, match="exists and is not an empty folder"):
            runs.save(run, place)
    assert (tmp_path / "notes.txt").read_text() == "mine"


def test_a_failing_disk_leaves_nothing_behind(run, tmp_path, monkeypatch):
    written = []

    def full(descriptor):
        written.append(descriptor)
        if len(written) == 2:
            raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(runs.RunError, match="No space left on device"):
        runs.save(run, tmp_path / "run")
    assert list(tmp_path.iterdir()) == []


def test_a_damaged_checkpoint_of_a_run_in_the_making_is_refused(tmp_path, run):
    progress = runs.Progress(TINY, 10, 1.5, run.checkpoints[10], {}, run.history, {0: run.checkpoints[0]})
    runs.save_progress(progress, tmp_path / "run")
    found = runs.load_progress(tmp_path / "run")
    assert (found.config, found.step, found.seconds) == (TINY, 10, 1.5)
    assert found.weights["W_E"].equal(run.checkpoints[10]["W_E"])
    for path in (tmp_path / "run.partial").iterdir():
        content = path.read_bytes()
        path.write_bytes(content[:-1])
        with pytest.raises(runs.RunError, match=r"truncated or was altered. Remove .*run\.partial"):
            runs.load_progress(tmp_path / "run")
        path.write_bytes(content)
    runs.discard_progress(tmp_path / "run")
    assert runs.load_progress(tmp_path / "run") is None


def test_only_the_latest_state_is_kept_and_every_checkpoint(tmp_path, run):
    for step in (0, 10, 20):
        checkpoints = {kept: run.checkpoints[kept] for kept in run.steps if kept <= step}
        runs.save_progress(
            runs.Progress(TINY, step, 0.0, run.checkpoints[step], {}, run.history, checkpoints), tmp_path / "run"
        )
    names = sorted(path.name[:13] for path in (tmp_path / "run.partial").iterdir())
    assert names == ["state-000020-", "weights-00000", "weights-00001", "weights-00002"]


def test_find_by_config(run, folder, tmp_path, monkeypatch):
    monkeypatch.setenv(runs.RUNS_VARIABLE, str(folder.parent))
    assert runs.find(TINY).provenance == run.provenance
    (tmp_path / "made" / "aa-broken").mkdir()
    (tmp_path / "made" / "aa-broken" / "run.json").write_text("{")
    assert runs.find(TINY).config == TINY


def test_what_find_does_not_find_it_says_how_to_make(monkeypatch, capsys):
    from grokcourse import cli

    config = TINY.replace(weight_decay=0.25, betas=(0.8, 0.9), seed=7)
    with pytest.raises(runs.RunNotFoundError, match="grokcourse train") as error:
        runs.find(config)
    command = next(line for line in str(error.value).splitlines() if "grokcourse train" in line)
    made = []
    monkeypatch.setattr(training, "train", lambda config, *_, **__: made.append(config) or _done(config))
    assert cli.main(command.split()[1:]) == 0
    assert made == [config]


def _done(config):
    return runs.Run(config, {name: np.zeros(1) for name in ("step", *_LOSSES)}, {}, {"seconds": 0.0})


_LOSSES = ("train_loss", "train_accuracy", "test_loss", "test_accuracy")


def test_an_unknown_name_lists_the_known_ones():
    with pytest.raises(runs.RunNotFoundError, match=r"no run 'mian': it is neither a folder nor one of .*main"):
        runs.load("mian")


def test_half_precision_costs_what_storage_error_says(run, tmp_path):
    weights = run.checkpoints[20]
    tokens = tasks.all_questions(5)
    worst, typical = runs.storage_error(weights, tokens)
    loaded = runs.load(runs.save(run, tmp_path / "half", half=True))
    exact, stored = run.model(20)(tokens), loaded.model(20)(tokens)
    assert worst == pytest.approx((exact - stored).abs().max().item(), rel=0.05)
    assert typical == pytest.approx(exact.square().mean().sqrt().item(), rel=1e-5)
    assert 0 < worst < 0.01 * typical
    assert loaded.checkpoints[20]["W_E"].dtype == torch.float32
    np.testing.assert_array_equal(loaded.history["test_loss"], run.history["test_loss"])


def test_thin_keeps_the_chosen_steps(run):
    assert runs.thin(run, [20, 0]).steps == (0, 20)
    assert runs.thin(run, [0]).config == run.config
    with pytest.raises(runs.RunNotFoundError, match="no weights are kept for step 5"):
        runs.thin(run, [0, 5])
