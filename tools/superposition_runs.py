"""Make what chapter 9 shows of many runs: narrow models, and autoencoders of many sizes beside older methods.

    OMP_NUM_THREADS=1 python tools/superposition_runs.py widths --store runs/widths
    OMP_NUM_THREADS=1 python tools/superposition_runs.py autoencoders   # five minutes or so
    OMP_NUM_THREADS=1 python tools/superposition_runs.py others         # needs scikit-learn

Each writes a table into the recorded folder ``superposition``. The store of narrow models is made by

    QUICK="--lr 3e-3 --weight-decay 3 --steps 1500 --eval-every 20 --until grokked --and-then 200 --seeds 0-1"
    grokcourse sweep --store runs/widths $QUICK --d-model 128,64,48,32,24,16,8
    grokcourse sweep --store runs/widths $QUICK --d-mlp 256,128,64,32,16

The autoencoders are trained on the neurons of the main run's last checkpoint, over all questions.
"""

import argparse
import itertools
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from grokcourse import circuit, fourier, measures, runs, superposition
from grokcourse.sweep import table

OUT = runs.RECORDED / "superposition"
SIZES = (24, 64, 128)
SPARSITIES: tuple[tuple[superposition.Kind, dict[str, Any]], ...] = (
    ("topk", {"k": 8}),
    ("l1", {"l1_coefficient": 0.3}),
    ("batchtopk", {"k": 8}),
)
OTHER_SIZES = (16, 32)
SEEDS = (0, 1)
PURE = 0.85
"""A latent stands for a frequency if that explains more of its variance; as for neurons in chapter 6."""


def neurons() -> tuple[Tensor, Callable[[Tensor], float], list[int]]:
    """The activations over all questions, (p², d_mlp); the loss with neurons replaced; the neurons' frequencies."""
    model = runs.load("main").model()
    weights, activations = circuit.effective_weights(model), circuit.neuron_activations(model).detach()
    p = len(activations)

    def loss(replaced: Tensor) -> float:
        return measures.mean_loss(circuit.logits_from(weights, replaced.reshape(p, p, -1))).item()

    clusters = circuit.neuron_clusters(*circuit.neuron_frequencies(activations))
    return activations.flatten(0, 1), loss, sorted(clusters)


def marks(x: Tensor, latents: Tensor, reconstruction: Tensor, loss: Callable[[Tensor], float], key: list[int]) -> dict:
    """All that is asked of a decomposition."""
    p = round(len(x) ** 0.5)
    active = latents != 0
    alive = active.any(dim=0)
    frequency, share = circuit.neuron_frequencies(latents[:, alive].reshape(p, p, -1))
    without, clean, spliced = loss(torch.zeros_like(x)), loss(x), loss(reconstruction)
    return {
        "l0": f"{active.float().sum(dim=1).mean():.3f}",
        "dead": int((~alive).sum()),
        "explained_variance": f"{superposition.explained_variance(x, reconstruction):.5f}",
        "ce_loss": f"{spliced:.4g}",
        "ce_loss_score": f"{(without - spliced) / (without - clean):.5f}",
        "mean_share": f"{share.mean():.4f}",
        "pure": f"{(share > PURE).float().mean():.4f}",
        "recovered": f"{superposition.recovered_fraction(frequency, share, key, PURE):.4f}",
    }


def autoencoders() -> list[dict[str, Any]]:
    """One row for each kind, size and seed. ``agreement``: how near, on average, a latent's nearest is in seed 0."""
    x, loss, key = neurons()
    rows, first = [], {}
    for seed, size, (kind, options) in itertools.product(SEEDS, SIZES, SPARSITIES):
        sae = superposition.train_autoencoder(x, size, kind, seed=seed, **options)
        latents, reconstruction = sae(x)
        directions = sae.W_dec[(latents > 0).any(dim=0)]
        setting = (size, kind, *options.values())
        nearest = (directions @ first.setdefault(setting, directions).T).max(dim=1).values.mean()
        row = {"kind": kind, "sparsity": next(iter(options.values())), "d_sae": size, "seed": seed}
        rows.append(row | marks(x, latents, reconstruction, loss, key) | {"agreement": f"{nearest:.4f}"})
        print(rows[-1], flush=True)
        table.write(rows, OUT / "autoencoders.csv")
    return rows


def others() -> list[dict[str, Any]]:
    """One row for each older method and size; NMF and ICA are scikit-learn's."""
    from sklearn.decomposition import NMF, FastICA

    x, loss, key = neurons()
    mean, rows = x.mean(dim=0), []

    def add(method: str, size: int, latents: Tensor, reconstruction: Tensor) -> None:
        rows.append({"method": method, "size": size} | marks(x, latents, reconstruction, loss, key))
        print(rows[-1], flush=True)
        table.write(rows, OUT / "others.csv")

    add("neurons", x.shape[1], x, x)
    for size in OTHER_SIZES:
        axes = superposition.principal_axes(x, size)
        add("PCA", size, (x - mean) @ axes.T, mean + (x - mean) @ axes.T @ axes)
        drawn = torch.randn(x.shape[1], size, generator=torch.Generator().manual_seed(0))
        random = torch.linalg.qr(drawn)[0].T
        add("random", size, (x - mean) @ random.T, mean + (x - mean) @ random.T @ random)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that the last iterations still changed something
            ica = FastICA(size, whiten="unit-variance", random_state=0, max_iter=200, tol=1e-3)
            sources = ica.fit_transform(x.numpy())
            add("ICA", size, torch.from_numpy(sources), mean + torch.from_numpy(sources @ ica.mixing_.T).float())
            nmf = NMF(size, init="nndsvda", max_iter=150, random_state=0)
            parts = nmf.fit_transform(x.numpy())
            add("NMF", size, torch.from_numpy(parts), torch.from_numpy(parts @ nmf.components_))
    return rows


def widths(store: Path) -> list[dict[str, Any]]:
    """One row for each narrow model."""
    rows = []
    for folder in sorted(store.iterdir()):
        if not runs.is_run(folder):
            continue
        run = runs.load(folder)
        config, history = run.config, run.history
        W_E = run.checkpoints[run.steps[-1]]["W_E"][: config.p]
        energy = fourier.energy_per_frequency(W_E)
        key = fourier.key_frequencies(energy)
        directions = fourier.transform(W_E)[torch.isin(fourier.frequencies(config.p), torch.tensor(key))]
        cosines = superposition.interference(directions)
        _, share = circuit.neuron_frequencies(circuit.neuron_activations(run.model()).detach())
        reached = np.flatnonzero(history["test_accuracy"] >= 0.99)
        rows.append(
            {
                "d_model": config.d_model,
                "d_mlp": config.d_mlp,
                "seed": config.seed,
                "grokked": int(history["step"][reached[0]]) if len(reached) else "",
                "step": int(history["step"][-1]),
                "train_accuracy": f"{history['train_accuracy'][-1]:.5f}",
                "test_accuracy": f"{history['test_accuracy'][-1]:.5f}",
                "test_loss": f"{history['test_loss'][-1]:.4g}",
                "key": " ".join(map(str, key)),
                "key_share": f"{energy[key].sum() / energy[1:].sum():.4f}",
                "interference": f"{(cosines - torch.eye(len(cosines))).abs().max():.4f}" if key else "",
                "dimensions": f"{superposition.feature_dimensionality(directions).mean():.4f}" if key else "",
                "pure_neurons": f"{(share > PURE).float().mean():.4f}",
            }
        )
    rows.sort(key=lambda row: (-row["d_mlp"], -row["d_model"], row["seed"]))
    return rows


def main() -> None:
    """Parse the command line, and make one of the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("widths", "autoencoders", "others"))
    parser.add_argument("--store", type=Path, default=Path("runs/widths"))
    options = parser.parse_args()
    torch.set_num_threads(1)
    OUT.mkdir(parents=True, exist_ok=True)
    made = {"widths": lambda: widths(options.store), "autoencoders": autoencoders, "others": others}[options.what]()
    table.write(made, OUT / f"{options.what}.csv")


if __name__ == "__main__":
    main()
