"""How fast is a training step? Against the plain forward, and against its own matrix products alone.

    python benchmarks/train_step.py [--threads 1] [--rounds 15] [--device cpu]

Three things are timed in turn, round after round, so that a machine that slows down slows all of them:

step      ``training.train_step``, as the course trains
plain     the same step with the model's ordinary forward pass over all positions
products  the step's own matrix products alone, forward and backward, on numbers of no meaning

Prints each one's median, and the median over the rounds of the two ratios plain / step (how much is saved) and
step / products (how much is spent on anything else), with their quartiles.
"""

import argparse
import statistics
import time
from collections.abc import Callable

import torch

from grokcourse import tasks, training
from grokcourse.config import RunConfig
from grokcourse.model import Transformer


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--device", default="cpu")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    device = training.pick_device(options.device)
    training.keep_freed_memory()  # as training.train does
    config = RunConfig()
    tokens, labels = tasks.dataset(config, device).train

    contestants = {
        "step": fast_step(config, tokens, labels),
        "plain": plain_step(config, tokens, labels),
        "products": matrix_products(config, device),
    }
    seconds: dict[str, list[float]] = {name: [] for name in contestants}
    for run in contestants.values():
        measure(run, device)  # warm-up
    for _ in range(options.rounds):
        for name, run in contestants.items():
            seconds[name].append(measure(run, device))

    print(f"{options.rounds} rounds, {options.threads} thread(s), {device}, torch {torch.__version__}")
    for name, times in seconds.items():
        print(f"{name:<9} {1e3 * statistics.median(times):8.2f} ms")
    for above, below in (("plain", "step"), ("step", "products")):
        ratios = [a / b for a, b in zip(seconds[above], seconds[below], strict=True)]
        low, middle, high = statistics.quantiles(ratios, n=4)
        print(f"{above} / {below}: {middle:.2f} (quartiles {low:.2f} to {high:.2f})")


def measure(run: Callable[[], object], device: torch.device) -> float:
    began = time.perf_counter()
    run()
    if device.type == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter() - began


def fast_step(config: RunConfig, tokens: torch.Tensor, labels: torch.Tensor) -> Callable[[], object]:
    model = Transformer.from_config(config).to(tokens.device)
    optimizer = training.make_optimizer(model, config)
    return lambda: training.train_step(model, optimizer, tokens, labels, config.lr)


def plain_step(config: RunConfig, tokens: torch.Tensor, labels: torch.Tensor) -> Callable[[], object]:
    model = Transformer.from_config(config).to(tokens.device)
    optimizer = training.make_optimizer(model, config)

    def step() -> None:
        loss = training.exact_cross_entropy(model(tokens), labels).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

    return step


def matrix_products(config: RunConfig, device: torch.device) -> Callable[[], object]:
    """The products of ``Transformer.fast_logits``: left @ right, and the two products of each one's gradient."""
    n, p, d_model, d_mlp, d_vocab = config.n_train, config.p, config.d_model, config.d_mlp, config.d_vocab
    shapes = [
        (p, d_model, d_model),  # the table of values at the first position
        (p, d_model, d_model),  # and at the second
        (d_model, d_model, d_mlp),  # W_O @ W_in
        (d_model, d_model, d_vocab),  # W_O @ W_U
        (d_mlp, d_model, d_vocab),  # W_out @ W_U
        (n, d_model, d_mlp),  # z to the neurons
        (n, d_model, d_vocab),  # z to the logits
        (n, d_mlp, d_vocab),  # the neurons to the logits
    ]
    operands = [
        (
            torch.randn(rows, inner, device=device),
            torch.randn(inner, columns, device=device),
            torch.randn(rows, columns, device=device),
        )
        for rows, inner, columns in shapes
    ]

    def products() -> None:
        for left, right, gradient in operands:
            left @ right
            gradient @ right.T
            left.T @ gradient

    return products


if __name__ == "__main__":
    main()
