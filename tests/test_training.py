"""The loop: exact loss, AdamW, equality with the plain forward, determinism, interruption, and a real grokking run."""

import contextlib
import decimal
import math
import signal
import subprocess
import sys

import numpy as np
import pytest
import torch

from grokcourse import runs, tasks, training
from grokcourse.config import ConfigError, RunConfig
from grokcourse.model import Transformer

TINY = RunConfig(p=7, train_fraction=0.5, d_model=8, n_heads=2, d_mlp=16, steps=30, eval_every=10, checkpoint_every=10)


def exact_loss(logits, label):
    """−log softmax with 60 decimal digits."""
    with decimal.localcontext() as context:
        context.prec = 60
        powers = [(decimal.Decimal(x) - decimal.Decimal(logits[label])).exp() for x in logits]
        return float(sum(powers).ln())


@pytest.mark.parametrize("gap", [0.0, 1.0, 8.0, 14.0, 20.0, 25.0, 60.0, 100.0])
def test_the_loss_is_exact_where_float32_log_softmax_is_not(gap):
    """Down to 1e-9 and far below, and up to where exp overflows."""
    for lead in (gap, -gap):
        logits = torch.linspace(-1, 1, 114)
        logits[5] = lead
        expected = exact_loss(logits.tolist(), 5)
        computed = training.exact_cross_entropy(logits[None], torch.tensor([5])).item()
        assert computed == pytest.approx(expected, rel=1e-5)
    usual = torch.nn.functional.cross_entropy(torch.tensor([[20.0, 0.0]]), torch.tensor([0])).item()
    assert usual == 0  # what the exact form is there for


def test_the_losss_gradient_is_exact_too():
    generator = torch.Generator().manual_seed(0)
    logits = 5 * torch.randn(50, 12, generator=generator)
    labels = torch.randint(12, (50,), generator=generator)
    logits[:10] += 25 * torch.nn.functional.one_hot(labels[:10], 12)  # losses about 1e-9
    single = logits.clone().requires_grad_()
    training.exact_cross_entropy(single, labels).sum().backward()
    double = logits.double().requires_grad_()
    torch.nn.functional.cross_entropy(double, labels, reduction="sum").backward()
    wrong = ~torch.nn.functional.one_hot(labels, 12).bool()
    torch.testing.assert_close(single.grad[wrong], double.grad[wrong].float(), rtol=1e-4, atol=0)


@pytest.mark.parametrize("config", [TINY, RunConfig()], ids=["tiny", "main"])
def test_the_step_equals_the_plain_forward_in_logits_loss_and_every_gradient(config):
    model = Transformer.from_config(config)
    with torch.no_grad():
        for bias in (model.mlp.b_in, model.mlp.b_out):
            bias.add_(0.1)
    tokens, labels = tasks.dataset(config).train
    fast, plain = model.fast_logits(tokens[:, 0], tokens[:, 1]), model(tokens)
    torch.testing.assert_close(fast, plain, rtol=0, atol=1e-5)
    fast_loss = training.exact_cross_entropy(fast, labels).mean()
    plain_loss = torch.nn.functional.cross_entropy(plain, labels)
    torch.testing.assert_close(fast_loss, plain_loss, rtol=0, atol=1e-5)
    weights = dict(model.named_parameters())
    fast_grads = torch.autograd.grad(fast_loss, weights.values())
    plain_grads = torch.autograd.grad(plain_loss, weights.values())
    for name, ours, theirs in zip(weights, fast_grads, plain_grads, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-7, msg=lambda text, name=name: f"{name}: {text}")


def test_adamw_by_hand_against_torch():
    generator = torch.Generator().manual_seed(0)
    weight = torch.randn(5, 3, generator=generator, dtype=torch.float64)
    theirs = weight.clone().requires_grad_()
    settings = {"lr": 0.03, "betas": (0.9, 0.98), "weight_decay": 1.5}
    optimizer = torch.optim.AdamW([theirs], **settings)
    mean = square = torch.zeros_like(weight)
    for step in range(1, 21):
        grad = torch.randn(5, 3, generator=generator, dtype=torch.float64)
        theirs.grad = grad.clone()
        optimizer.step()
        weight, mean, square = training.adamw_update(weight, grad, mean, square, step, **settings)
        torch.testing.assert_close(weight, theirs.detach())


def test_train_step_is_one_adamw_update_at_the_given_learning_rate():
    config = TINY.replace(warmup_steps=0)
    model = Transformer.from_config(config)
    tokens, labels = tasks.dataset(config).train
    before = {name: weight.detach().clone() for name, weight in model.named_parameters()}
    plain_loss = torch.nn.functional.cross_entropy(model(tokens), labels)
    grads = torch.autograd.grad(plain_loss, list(model.parameters()))
    optimizer = training.make_optimizer(model, config)
    loss = training.train_step(model, optimizer, tokens, labels, lr=0.02)
    assert loss.item() == pytest.approx(plain_loss.item(), abs=1e-6)
    for (name, weight), grad in zip(model.named_parameters(), grads, strict=True):
        zeros = torch.zeros_like(grad)
        expected, *_ = training.adamw_update(
            before[name], grad, zeros, zeros, 1, lr=0.02, betas=config.betas, weight_decay=config.weight_decay
        )
        # AdamW's first step is the gradient's sign times lr: where the gradient is rounding error, so is the sign
        clear = grad.abs() > 1e-6
        torch.testing.assert_close(weight[clear], expected[clear], rtol=0, atol=1e-5)
        assert not weight.equal(before[name])


def test_warm_up_rises_linearly_and_then_stays():
    config = RunConfig(lr=1.0, weight_decay=0.0, warmup_steps=4)
    assert [training.learning_rate(config, step) for step in range(6)] == [0.25, 0.5, 0.75, 1.0, 1.0, 1.0]
    assert training.learning_rate(config.replace(warmup_steps=0), 0) == 1.0


def test_evaluate_against_the_plain_forward_one_question_at_a_time():
    config = TINY
    data, model = tasks.dataset(config), Transformer.from_config(config)
    values = training.evaluate(model, data)
    for part, rows in (("train", data.train_index), ("test", data.test_index)):
        losses, right = [], []
        for row in rows.tolist():
            logits = model(data.tokens[row : row + 1])[0]
            losses.append(exact_loss(logits.tolist(), int(data.labels[row])))
            right.append(int(logits.argmax()) == int(data.labels[row]))
        assert values[f"{part}_loss"] == pytest.approx(np.mean(losses), rel=1e-5)
        assert values[f"{part}_accuracy"] == pytest.approx(np.mean(right), rel=1e-6)


def test_weight_norm_is_the_length_of_all_weights():
    model = Transformer.from_config(TINY)
    everything = np.concatenate([weight.detach().numpy().ravel() for weight in model.parameters()])
    assert training.weight_norm(model) == pytest.approx(np.linalg.norm(everything), rel=1e-6)


def test_the_history_holds_what_it_says():
    run = training.train(TINY, progress_bar=False, record={"W_E": lambda model: model.W_E, "one": lambda _: 1.0})
    assert run.history["step"].tolist() == [0, 10, 20, 30]
    assert run.steps == (0, 10, 20, 30)
    names = [name for name, _ in run.model().named_parameters()]
    assert run.history["weight_norms"].shape == (4, len(names))
    assert run.history["one"].tolist() == [1.0] * 4
    data = tasks.dataset(TINY)
    for row, step in enumerate(run.steps):
        model = run.model(step)
        np.testing.assert_array_equal(run.history["W_E"][row], model.W_E.detach().numpy())
        total = math.sqrt((run.history["weight_norms"][row] ** 2).sum())
        assert total == pytest.approx(training.weight_norm(model), rel=1e-6)
        for name, value in training.evaluate(model, data).items():
            assert run.history[name][row] == value
    assert all(values.dtype == np.float64 for name, values in run.history.items() if name != "step")


def test_the_same_config_gives_the_same_run_to_the_last_bit():
    first, again = (training.train(TINY, progress_bar=False) for _ in range(2))
    assert_same_run(first, again)
    other = training.train(TINY.replace(seed=1), progress_bar=False)
    assert (other.history["train_loss"] != first.history["train_loss"]).all()


def assert_same_run(first, second):
    assert first.config == second.config
    assert first.history.keys() == second.history.keys()
    for name in first.history:
        np.testing.assert_array_equal(first.history[name], second.history[name], err_msg=name)
    assert first.steps == second.steps
    for step in first.steps:
        for name, weight in first.checkpoints[step].items():
            assert weight.equal(second.checkpoints[step][name]), (step, name)


@pytest.mark.parametrize("stopped_at", [3, 10, 11, 29])
def test_interrupted_and_started_again_it_ends_bit_equal(tmp_path, monkeypatch, stopped_at):
    whole = training.train(TINY, progress_bar=False)
    real, taken = training.train_step, []

    def interrupted(*args, **kwargs):
        if len(taken) == stopped_at:
            raise KeyboardInterrupt
        taken.append(1)
        return real(*args, **kwargs)

    monkeypatch.setattr(training, "train_step", interrupted)
    with pytest.raises(KeyboardInterrupt):
        training.train(TINY, tmp_path / "run", progress_bar=False)
    assert not (tmp_path / "run").exists()
    monkeypatch.setattr(training, "train_step", real)
    resumed = training.train(TINY, tmp_path / "run", progress_bar=False)
    assert_same_run(whole, resumed)
    assert_same_run(whole, runs.load(tmp_path / "run"))
    assert [path.name for path in tmp_path.iterdir()] == ["run"]


KILLED = """
import os, signal, sys, torch
from grokcourse import storage, training
from grokcourse.config import RunConfig

torch.set_num_threads(1)
write, left = storage.write_whole, int(sys.argv[2])

def write_half(path, content):
    global left
    left -= 1
    if left == 0:
        path.with_name(f".{{path.name}}.half").write_bytes(content[: len(content) // 2])
        os.kill(os.getpid(), signal.SIGKILL)
    write(path, content)

storage.write_whole = write_half
training.train(RunConfig.from_dict({config!r}), sys.argv[1], progress_bar=False, device="cpu")
"""
"""Is killed while it writes the file whose number it is told; 0 is never reached."""


@pytest.mark.slow
def test_killed_without_warning_and_started_again_it_ends_bit_equal(tmp_path):
    """SIGKILL in the middle of a checkpoint's weights, of the state after them, and elsewhere: no handler runs."""
    config = TINY.replace(steps=100, checkpoint_every=1)
    command = [sys.executable, "-c", KILLED.format(config=config.to_dict()), str(tmp_path / "run")]
    for file in (1, 2, 5, 60):
        killed = subprocess.run([*command, str(file)], check=False)
        assert killed.returncode == -signal.SIGKILL
    command.append("0")
    subprocess.run(command, check=True)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        whole = training.train(config, progress_bar=False, device="cpu")
    finally:
        torch.set_num_threads(threads)
    assert_same_run(whole, runs.load(tmp_path / "run"))


def test_the_folder_of_another_config_is_left_alone(tmp_path, monkeypatch):
    monkeypatch.setattr(training, "train_step", _interrupt)
    with pytest.raises(KeyboardInterrupt):
        training.train(TINY, tmp_path / "run", progress_bar=False)
    before = sorted(path.name for path in (tmp_path / "run.partial").iterdir())
    with pytest.raises(runs.RunError, match=r"another run \(lr 0.001 there, 0.01 here\).*Nothing was changed"):
        training.train(TINY.replace(lr=0.01), tmp_path / "run", progress_bar=False)
    assert sorted(path.name for path in (tmp_path / "run.partial").iterdir()) == before


def _interrupt(*_args, **_kwargs):
    raise KeyboardInterrupt


def test_a_finished_run_is_not_overwritten(tmp_path, monkeypatch):
    training.train(TINY, tmp_path / "run", progress_bar=False)
    monkeypatch.setattr(training, "train_step", _interrupt)  # it must not even begin
    with pytest.raises(runs.RunError, match="holds a run already"):
        training.train(TINY, tmp_path / "run", progress_bar=False)


HOLD = """
import sys
from grokcourse import runs, training
from grokcourse.config import RunConfig

def hold(model):
    print("training", flush=True)
    sys.stdin.readline()
    return 0.0

config = RunConfig.from_dict({config!r})
training.train(config, sys.argv[1], progress_bar=False, device="cpu", record={{"wait": hold}})
"""
"""Trains, says so at each evaluation, and goes on when it is sent a line."""


@contextlib.contextmanager
def another_process_training_into(folder):
    command = [sys.executable, "-c", HOLD.format(config=TINY.to_dict()), str(folder)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout.readline() == "training\n"
            yield process
        finally:
            process.kill()


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.mark.slow
def test_two_at_once_do_not_train_into_one_folder(tmp_path):
    whole = training.train(TINY, progress_bar=False, record={"wait": lambda model: 0.0})
    folder = tmp_path / "run"
    with another_process_training_into(folder) as other:
        before = contents(tmp_path / "run.partial")
        for config in (TINY, TINY.replace(seed=1)):
            with pytest.raises(runs.RunError, match=r"being trained into .*run at this moment, by another process"):
                training.train(config, folder, progress_bar=False)
        assert contents(tmp_path / "run.partial") == before
        elsewhere = training.train(TINY, tmp_path / "elsewhere", progress_bar=False)
        assert elsewhere.history["train_loss"].tolist() == whole.history["train_loss"].tolist()
        other.communicate("\n" * len(TINY.eval_steps))
        assert other.returncode == 0
    assert_same_run(whole, runs.load(folder))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["elsewhere", "run"]
    with pytest.raises(runs.RunError, match="holds a run already"):
        training.train(TINY, folder, progress_bar=False)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["elsewhere", "run"]


@pytest.mark.slow
def test_the_lock_of_a_process_that_was_killed_keeps_nobody_out(tmp_path):
    with another_process_training_into(tmp_path / "run") as other:
        other.kill()
        other.wait()
        assert (tmp_path / "run.partial" / "lock").exists()
        training.train(TINY, tmp_path / "run", progress_bar=False)
    assert [path.name for path in tmp_path.iterdir()] == ["run"]


def test_a_disk_without_locks_can_be_trained_on(tmp_path, monkeypatch):
    def unsupported(*_args):
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr("filelock.FileLock.acquire", unsupported)
    training.train(TINY, tmp_path / "run", progress_bar=False)
    assert runs.load(tmp_path / "run").config == TINY


def test_an_unknown_device_is_refused_and_the_cpu_is_found():
    with pytest.raises(ValueError, match="no device 'warp'"):
        training.train(TINY, device="warp", progress_bar=False)
    if not torch.cuda.is_available():
        with pytest.raises(ValueError, match="no device 'cuda'"):
            training.pick_device("cuda")
    if not torch.cuda.is_available() and not torch.backends.mps.is_available():
        assert training.pick_device().type == "cpu"
    assert training.pick_device("cpu").type == "cpu"


def test_an_unknown_operation_is_refused():
    with pytest.raises(ConfigError, match="no operation 'power'"):
        training.train(TINY.replace(operation="power"), progress_bar=False)


def test_torchs_settings_are_put_back():
    training.train(TINY, progress_bar=False)
    assert not torch.are_deterministic_algorithms_enabled()


def test_phases_of_a_history_made_by_hand():
    steps = np.arange(6) * 100
    train = np.array([0.0, 0.98, 0.99, 1.0, 1.0, 1.0])
    test = np.array([0.0, 0.01, 0.02, 0.1, 0.7, 0.995])
    loss = np.array([4.6, 9.0, 12.0, 8.0, 4.0, 0.1])  # at first below chance by luck: that is no grokking
    assert training.find_phases(steps, train, test, loss, 4.7) == training.Phases(200, 400, 500)
    assert training.find_phases(steps[:4], train[:4], test[:4], loss[:4], 4.7) == training.Phases(200, None, None)
    assert training.find_phases(steps[:2], train[:2], test[:2], loss[:2], 4.7) == training.Phases(None, None, None)
    with pytest.raises(ValueError, match="differ in length: 6, 5, 6, 6"):
        training.find_phases(steps, train[:5], test, loss, 4.7)


def test_a_run_ends_early_when_told_and_is_the_beginning_of_the_whole(tmp_path):
    whole = training.train(TINY.replace(steps=60, eval_every=10, checkpoint_every=20), device="cpu", progress_bar=False)
    asked = []

    def until(history):
        asked.append(history["step"][-1])
        return history["step"][-1] >= 30

    folder = tmp_path / "run"
    run = training.train(whole.config, folder, device="cpu", until=until, then=5, progress_bar=False)
    assert asked == [0, 10, 20, 30]
    assert run.config == whole.config.replace(steps=35)
    assert training.asked(run) == training.asked(whole) == whole.config
    assert run.history["step"].tolist() == [0, 10, 20, 30, 35]
    assert run.steps == (0, 20, 35)
    for name, values in run.history.items():
        np.testing.assert_array_equal(values[:4], whole.history[name][:4])
    assert runs.load(folder).config == run.config


def test_a_run_that_is_never_far_enough_takes_all_its_steps():
    run = training.train(TINY, device="cpu", until=lambda history: False, then=5, progress_bar=False)
    assert run.config == TINY
    assert "steps_asked" not in run.provenance


def test_what_is_given_after_the_end_that_is_reached_goes_no_further_than_the_steps():
    config = TINY.replace(steps=30, eval_every=10)
    run = training.train(
        config, device="cpu", until=lambda history: history["step"][-1] == 20, then=50, progress_bar=False
    )
    assert run.config == config


@pytest.mark.parametrize("stopped_at", [25, 45])
def test_interrupted_before_or_after_it_was_far_enough_it_ends_where_it_would_have(tmp_path, monkeypatch, stopped_at):
    config = TINY.replace(steps=80, eval_every=10, checkpoint_every=20)
    options = {"device": "cpu", "until": lambda history: history["step"][-1] == 30, "then": 25, "progress_bar": False}
    expected = training.train(config, **options)
    step, taken = training.train_step, []

    def interrupt(*arguments):
        taken.append(1)
        if len(taken) > stopped_at:
            raise KeyboardInterrupt
        return step(*arguments)

    monkeypatch.setattr(training, "train_step", interrupt)
    with pytest.raises(KeyboardInterrupt):
        training.train(config, tmp_path / "run", **options)
    monkeypatch.setattr(training, "train_step", step)
    run = training.train(config, tmp_path / "run", last_weights_only=True, **options)
    assert (run.config, run.steps) == (expected.config, (55,))
    for name, values in expected.history.items():
        np.testing.assert_array_equal(run.history[name], values)
    assert all(weight.equal(run.checkpoints[55][name]) for name, weight in expected.checkpoints[55].items())


def test_grokked_is_ninety_nine_per_cent_at_the_latest_evaluation():
    assert training.grokked({"test_accuracy": [0.1, 0.99]})
    assert not training.grokked({"test_accuracy": [1.0, 0.98]})
