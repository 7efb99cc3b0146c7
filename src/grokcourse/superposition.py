"""Features and the directions that stand for them: interference, dimensions per feature, sparse autoencoders.

Arrays in, arrays out; nothing here knows of the model. A *feature* has a direction in the space of some activations. If
there are more features than dimensions, the directions cannot all be at right angles: they interfere, which is called
superposition (Elhage et al. 2022). A sparse autoencoder turns the question round: from activations alone it looks for
directions of which only a few are used at a time (Bricken et al. 2023).

Shapes: n — inputs; d_in — dimensions of an input; d_sae — latents of a sparse autoencoder; features — directions given.
Names of weights and measures are those of SAELens (https://decoderesearch.github.io/SAELens/).
"""

from collections.abc import Iterator, Sequence
from typing import Literal

import torch
from torch import Tensor, nn

Kind = Literal["l1", "topk", "batchtopk"]
"""How a sparse autoencoder is kept sparse."""


# --- directions ------------------------------------------------------------------------------------------------------


def interference(directions: Tensor) -> Tensor:
    """How much each feature's direction points along each other's: the cosines
    of the angles between them.

    Args:
        directions: (features, d) floats, one direction a row, of any length
            but 0.

    Returns:
        (features, features) of the dtype of the directions: 1 on the diagonal;
        0 elsewhere, if all are at right angles.
    """
    unit = directions / directions.norm(dim=1, keepdim=True)
    cosines: Tensor = unit @ unit.T
    return cosines


def feature_dimensionality(directions: Tensor) -> Tensor:
    """The share of a dimension that each feature has for itself:
    ‖W_i‖² / Σ_j (Ŵ_i · W_j)², where Ŵ_i is W_i at length one.

    A feature at right angles to all others has a whole dimension. Two that
    point in opposite directions have half a dimension each.

    Source: Elhage et al. 2022, section "The geometry of superposition".

    Args:
        directions: (features, d) floats, one direction W_i a row, of any length
            but 0.

    Returns:
        (features,) of the dtype of the directions, each between 0 and 1. Their
        sum is at most d.
    """
    products = directions @ directions.T  # W_i · W_j
    squared_length = products.diagonal()
    along_unit = products.square() / squared_length[:, None]  # (Ŵ_i · W_j)²
    return squared_length / along_unit.sum(dim=1)


# --- sparse autoencoders ---------------------------------------------------------------------------------------------


def keep_top_k(latents: Tensor, k: int) -> Tensor:
    """Of each input's latents only the k largest are kept; the others become 0.

    Source: Gao et al. 2024, section 2.3 (TopK).

    Args:
        latents: (n, d_sae) floats, none negative: after the ReLU.
        k: how many are kept, from 1 to d_sae.

    Returns:
        The shape and dtype of the latents; in each row at most k entries are
        not 0. Gradients flow through those that are kept.
    """
    values, places = latents.topk(k, dim=1)
    return torch.zeros_like(latents).scatter(1, places, values)


def encode(x: Tensor, W_enc: Tensor, b_enc: Tensor, b_dec: Tensor) -> Tensor:
    """The latents of a sparse autoencoder: ReLU((x − b_dec) W_enc + b_enc).

    Source: Bricken et al. 2023, section "Sparse autoencoder setup".

    Args:
        x: (n, d_in) activations.
        W_enc: (d_in, d_sae), the encoder.
        b_enc: (d_sae,).
        b_dec: (d_in,), the decoder's bias, which is taken away first.

    Returns:
        (n, d_sae) of the dtype of x, none negative.
    """
    return ((x - b_dec) @ W_enc + b_enc).relu()


def sae_loss(x: Tensor, reconstruction: Tensor, latents: Tensor, l1_coefficient: float = 0.0) -> Tensor:
    """What a sparse autoencoder is trained for: a small error with few latents.

    The squared length of the error, plus the coefficient times the sum of the
    latents; both are averaged over the inputs.

    Args:
        x: (n, d_in) inputs.
        reconstruction: (n, d_in).
        latents: (n, d_sae), none negative.
        l1_coefficient: the price of a latent's activation.

    Returns:
        One number, (): it carries gradients, if its arguments do.
    """
    error = (reconstruction - x).square().sum(dim=1).mean()
    return error + l1_coefficient * latents.sum(dim=1).mean()


def explained_variance(x: Tensor, reconstruction: Tensor) -> Tensor:
    """The share of the inputs' variance that a reconstruction explains:
    1 − Σ ‖x − x̂‖² / Σ ‖x − x̄‖², where x̄ is the mean input.

    Args:
        x: (n, d_in) floats, not all inputs the same.
        reconstruction: (n, d_in).

    Returns:
        One number, (), of the dtype of x: 1 if nothing is missing, 0 for one
        that always gives the mean, and negative for what is worse.
    """
    residual = (x - reconstruction).square().sum()
    return 1 - residual / (x - x.mean(dim=0)).square().sum()


def recovered_fraction(frequency: Tensor, share: Tensor, key: Sequence[int], least: float) -> float:
    """The share of the known features that an autoencoder has found: of the key
    frequencies those that some latent stands for.

    Args:
        frequency: (d_sae,) int64, the best single frequency of each latent.
        share: (d_sae,) floats, how much of the latent's variance it explains.
        key: the frequencies that are to be found, at least one.
        least: a latent stands for its frequency if its share is more than this.

    Returns:
        From 0 to 1.
    """
    found = set(frequency[share > least].tolist())
    return len(found & set(key)) / len(set(key))


class SparseAutoencoder(nn.Module):
    """A wide layer that is hardly used: encoder, sparse latents, decoder.

    Weights: W_enc (d_in, d_sae), b_enc (d_sae,), W_dec (d_sae, d_in), whose
    rows have length one, and b_dec (d_in,).
    """

    threshold: Tensor
    """Of "batchtopk", once it is trained: a latent below it counts as 0."""

    def __init__(self, d_in: int, d_sae: int, kind: Kind = "topk", *, k: int = 8, seed: int = 0) -> None:
        super().__init__()
        if not 1 <= k <= d_sae:
            raise ValueError(f"of {d_sae} latents {k} cannot be kept")
        self.kind, self.k = kind, k
        draw = torch.Generator().manual_seed(seed)
        W_dec = torch.randn(d_sae, d_in, generator=draw)
        self.W_dec = nn.Parameter(W_dec / W_dec.norm(dim=1, keepdim=True))
        self.W_enc = nn.Parameter(self.W_dec.detach().T.clone())  # each latent first looks where it writes
        self.b_enc = nn.Parameter(torch.zeros(d_sae))
        self.b_dec = nn.Parameter(torch.zeros(d_in))
        self.register_buffer("threshold", torch.zeros(()))

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """(n, d_in) inputs → the latents, (n, d_sae), and the reconstruction,
        (n, d_in).
        """
        latents = encode(x, self.W_enc, self.b_enc, self.b_dec)
        if self.kind == "topk":
            latents = keep_top_k(latents, self.k)
        elif self.kind == "batchtopk":
            latents = latents * (latents >= self._least(latents))
        return latents, latents @ self.W_dec + self.b_dec

    @torch.no_grad()
    def _least(self, latents: Tensor) -> Tensor:
        """What a latent of "batchtopk" has to reach: in training k · n of a batch do, later it is their average."""
        if self.training:
            smallest = latents.flatten().topk(self.k * len(latents)).values[-1]
            self.threshold.copy_(self.threshold.lerp(smallest, 0.01) if self.threshold > 0 else smallest)
            return smallest
        return self.threshold

    @torch.no_grad()
    def normalise_decoder(self) -> None:
        """Give each row of the decoder length one again: else small latents with long rows would dodge L1's price."""
        self.W_dec.div_(self.W_dec.norm(dim=1, keepdim=True))


def principal_axes(x: Tensor, n_axes: int) -> Tensor:
    """The directions in which inputs vary most: PCA.

    Args:
        x: (n, d_in) floats.
        n_axes: how many directions, from 1 to d_in.

    Returns:
        (n_axes, d_in) of the dtype of x, orthonormal, the one with the largest
        variance first.
    """
    centred = x - x.mean(dim=0)
    vectors = torch.linalg.eigh((centred.T @ centred).double())[1]  # by rising variance
    axes: Tensor = vectors.flip(1)[:, :n_axes].T.contiguous().to(x.dtype)
    return axes


def batches(n: int, size: int, steps: int, seed: int) -> Iterator[Tensor]:
    """Indices of a batch for each step; every input comes once before any comes again."""
    draw = torch.Generator().manual_seed(seed)
    order = torch.empty(0, dtype=torch.int64)
    for _ in range(steps):
        while len(order) < size:
            order = torch.cat([order, torch.randperm(n, generator=draw)])
        batch, order = order[:size], order[size:]
        yield batch


def train_autoencoder(
    x: Tensor,
    d_sae: int,
    kind: Kind = "topk",
    *,
    k: int = 8,
    l1_coefficient: float = 0.0,
    steps: int = 1_000,
    batch_size: int = 256,
    lr: float = 3e-3,
    n_axes: int = 64,
    seed: int = 0,
) -> SparseAutoencoder:
    """Train a sparse autoencoder on activations.

    Adam, the learning rate falling to zero over the last fifth of the steps.
    ``b_dec`` begins at the mean input. Latents that have fallen silent are not
    revived.

    To save time it is trained in the space of the first principal axes of the
    inputs. Its loss is the same however the inputs are rotated, and what the
    other axes hold is lost, for which ``explained_variance`` of the result
    accounts.

    Args:
        x: (n, d_in) activations.
        d_sae: latents, the size of the dictionary.
        kind: "l1" pays for activation; "topk" keeps the k largest latents of
            each input (Gao et al. 2024); "batchtopk" as many on average over a
            batch (Bussmann et al. 2024).
        k: of "topk" and "batchtopk".
        l1_coefficient: of "l1"; inputs are scaled to a mean length of √n_axes.
        steps: of the optimiser.
        batch_size: inputs a step.
        lr: the learning rate.
        n_axes: principal axes that are kept, at most d_in.
        seed: of the initial weights and of the batches.

    Returns:
        The autoencoder of all d_in dimensions, in evaluation mode.
    """
    x = x.detach()
    axes = principal_axes(x, min(n_axes, x.shape[1]))
    mean, inside = x.mean(dim=0), (x - x.mean(dim=0)) @ axes.T
    scale = len(axes) ** 0.5 / inside.norm(dim=1).mean()
    inside = inside * scale
    sae = SparseAutoencoder(len(axes), d_sae, kind, k=k, seed=seed)
    optimiser = torch.optim.Adam(sae.parameters(), lr=lr)
    for step, batch in enumerate(batches(len(x), batch_size, steps, seed)):
        optimiser.param_groups[0]["lr"] = lr * min(1.0, 5 * (steps - step) / steps)
        latents, reconstruction = sae(inside[batch])
        loss = sae_loss(inside[batch], reconstruction, latents, l1_coefficient)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        sae.normalise_decoder()
    return _in_all_dimensions(sae, axes, mean, scale)


@torch.no_grad()
def _in_all_dimensions(sae: SparseAutoencoder, axes: Tensor, mean: Tensor, scale: Tensor) -> SparseAutoencoder:
    """The same autoencoder for inputs as they are, where it was trained on ``(x - mean) @ axes.T * scale``."""
    whole = SparseAutoencoder(axes.shape[1], len(sae.W_dec), sae.kind, k=sae.k)
    whole.W_dec.copy_(sae.W_dec @ axes)
    whole.W_enc.copy_(axes.T @ sae.W_enc)
    whole.b_dec.copy_(mean + sae.b_dec @ axes / scale)
    whole.b_enc.copy_(sae.b_enc / scale)
    whole.threshold.copy_(sae.threshold / scale)
    return whole.eval().requires_grad_(False)
