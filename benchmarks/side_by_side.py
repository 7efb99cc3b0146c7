"""Do runs side by side save time? ``batched.train_together`` against the same runs one after another.

    python benchmarks/side_by_side.py [--threads 1] [--rounds 3] [--steps 40] [--runs 1 2 4 8] [--device cpu]

For each number of runs both are timed in turn, round after round, in the same process: all of a run's work is in it,
its evaluations and the drawing of its weights too. Prints how many steps a second the runs make together, side by side
and one after another, and the median over the rounds of their ratio: above 1, side by side is faster.
"""

import argparse
import statistics
import time
from collections.abc import Callable

import torch

from grokcourse import batched, training
from grokcourse.config import RunConfig


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=40)
    parser.add_argument("--runs", type=int, nargs="+", default=[1, 2, 4, 8])
    parser.add_argument("--device", default="cpu")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    training.keep_freed_memory()  # as training.train does, so that it does so for both
    device = str(training.pick_device(options.device))

    def together(configs: list[RunConfig]) -> None:
        batched.train_together(configs, device=device, slots=len(configs), progress_bar=False)

    def single(configs: list[RunConfig]) -> None:
        for config in configs:
            training.train(config, device=device, progress_bar=False)

    for train in (together, single):  # warm-up
        train([RunConfig(steps=2)])
    print(
        f"{options.rounds} rounds of {options.steps} steps, {options.threads} thread(s), {device}, {torch.__version__}"
    )
    print("runs    side by side    one by one    ratio")
    for n_runs in options.runs:
        configs = [RunConfig(seed=seed, steps=options.steps) for seed in range(n_runs)]
        seconds = [(measure(together, configs), measure(single, configs)) for _ in range(options.rounds)]
        rates = [n_runs * options.steps / statistics.median(times) for times in zip(*seconds, strict=True)]
        ratio = statistics.median(one_by_one / side_by_side for side_by_side, one_by_one in seconds)
        print(f"{n_runs:4d} {rates[0]:11.1f} /s {rates[1]:11.1f} /s {ratio:8.2f}", flush=True)


def measure(train: Callable[[list[RunConfig]], None], configs: list[RunConfig]) -> float:
    began = time.perf_counter()
    train(configs)
    return time.perf_counter() - began


if __name__ == "__main__":
    main()
