"""Interference and dimensions by geometry, sparse autoencoders by features that were put in."""

import math

import numpy as np
import pytest
import torch
from torch import Tensor

from grokcourse import superposition as sp


def polygon(n: int) -> Tensor:
    angles = 2 * math.pi * torch.arange(n, dtype=torch.float64) / n
    return torch.stack([angles.cos(), angles.sin()], dim=1)


TETRAHEDRON = torch.tensor([[1, 1, 1], [1, -1, -1], [-1, 1, -1], [-1, -1, 1]], dtype=torch.float64)


# --- Directions ---


@pytest.mark.parametrize("n", [2, 3, 5, 8])
def test_the_corners_of_a_polygon_interfere_by_the_cosines_of_their_angles(n: int):
    lengths = torch.arange(1, n + 1, dtype=torch.float64)[:, None]
    expected = [[math.cos(2 * math.pi * (i - j) / n) for j in range(n)] for i in range(n)]
    assert torch.allclose(sp.interference(lengths * polygon(n)), torch.tensor(expected, dtype=torch.float64))


def test_interference_is_numpys_correlation_of_centred_rows():
    rows = torch.randn(7, 12, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    rows = rows - rows.mean(dim=1, keepdim=True)
    assert np.allclose(sp.interference(rows), np.corrcoef(rows))


@pytest.mark.parametrize(
    ("directions", "share"),
    [(torch.eye(3), 1), (polygon(2), 1 / 2), (polygon(3), 2 / 3), (polygon(5), 2 / 5), (TETRAHEDRON, 3 / 4)],
    ids=["right angles", "antipodal pair", "triangle", "pentagon", "tetrahedron"],
)
def test_dimensions_per_feature_as_elhage_et_al_name_them(directions: Tensor, share: float):
    for length in (1, 2.5):
        found = sp.feature_dimensionality(length * directions)
        assert torch.allclose(found, torch.full_like(found, share))


def test_features_share_no_more_dimensions_than_there_are_and_the_longer_takes_more():
    drawn = torch.randn(40, 6, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    found = sp.feature_dimensionality(drawn * torch.arange(1, 41)[:, None])
    assert 0 < found.min() < found.max() <= 1
    assert 5 < found.sum() <= 6
    small, large = sp.feature_dimensionality(torch.tensor([[1.0, 0.0], [3.0, 0.0]]))
    assert (float(small), float(large)) == pytest.approx((1 / 10, 9 / 10))


# --- Sparse autoencoders, piece by piece ---


def test_only_the_largest_latents_are_kept_and_get_gradients():
    latents = torch.tensor([[3.0, 1.0, 2.0, 0.5], [0.0, 7.0, 0.0, 0.0], [1.0, 1.0, 1.0, 1.0]], requires_grad=True)
    kept = sp.keep_top_k(latents, 2)
    assert kept[0].tolist() == [3, 0, 2, 0]
    assert kept[1].tolist() == [0, 7, 0, 0]
    assert sorted(kept[2].tolist()) == [0, 0, 1, 1]
    kept.sum().backward()
    assert latents.grad is not None
    assert latents.grad[0].tolist() == [1, 0, 1, 0]
    assert latents.grad.sum() == 6


def test_latents_by_hand():
    W_enc, b_enc, b_dec = torch.tensor([[1.0, -1.0, 2.0]]), torch.tensor([0.5, 0.0, -4.0]), torch.tensor([1.0])
    assert sp.encode(torch.tensor([[3.0], [0.0]]), W_enc, b_enc, b_dec).tolist() == [[2.5, 0, 0], [0, 1, 0]]


def test_the_loss_by_hand():
    x, again = torch.tensor([[3.0, 4.0], [0.0, 1.0]]), torch.tensor([[0.0, 0.0], [0.0, 0.0]])
    latents = torch.tensor([[1.0, 2.0, 0.0], [0.0, 0.0, 5.0]])
    assert sp.sae_loss(x, again, latents) == 13
    assert sp.sae_loss(x, again, latents, 0.5) == 13 + 0.5 * 4


def test_explained_variance_is_r_squared():
    draw = torch.Generator().manual_seed(2)
    x = torch.randn(50, 4, generator=draw, dtype=torch.float64) + 5
    assert sp.explained_variance(x, x) == 1
    assert sp.explained_variance(x, x.mean(dim=0).expand_as(x)) == 0
    assert sp.explained_variance(x, torch.zeros_like(x)) < -10
    # A least-squares fit of one dimension: the square of its correlation.
    one, other = x[:, :1], x[:, 1:2]
    slope = ((one - one.mean()) * (other - other.mean())).sum() / (one - one.mean()).square().sum()
    fitted = other.mean() + slope * (one - one.mean())
    r = np.corrcoef(one[:, 0], other[:, 0])[0, 1]
    assert float(sp.explained_variance(other, fitted)) == pytest.approx(r**2)


def test_what_is_recovered():
    frequency, share = torch.tensor([3, 3, 5, 9, 7]), torch.tensor([0.9, 0.2, 0.85, 0.99, 0.86])
    assert sp.recovered_fraction(frequency, share, [3, 5, 7, 11], 0.85) == 2 / 4
    assert sp.recovered_fraction(frequency, share, [3], 0.95) == 0


def test_principal_axes_are_those_of_the_singular_value_decomposition():
    x = torch.randn(60, 5, generator=torch.Generator().manual_seed(3)) * torch.tensor([5.0, 1.0, 3.0, 0.5, 2.0]) + 4
    axes = sp.principal_axes(x, 3)
    expected = np.linalg.svd((x - x.mean(dim=0)).numpy())[2][:3]
    assert np.allclose(np.abs((axes.numpy() * expected).sum(axis=1)), 1, atol=1e-4)
    assert torch.allclose(axes @ axes.T, torch.eye(3), atol=1e-5)


def test_batches_have_every_input_once_before_any_comes_again():
    drawn = torch.cat(list(sp.batches(10, 4, 5, seed=0)))
    assert sorted(drawn[:10].tolist()) == sorted(drawn[10:].tolist()) == list(range(10))
    assert not torch.equal(drawn[:10], drawn[10:])
    assert torch.equal(drawn, torch.cat(list(sp.batches(10, 4, 5, seed=0))))


def test_a_batch_may_have_all_inputs_and_more():
    assert [len(batch) for batch in sp.batches(3, 7, 2, seed=0)] == [7, 7]


def test_more_latents_cannot_be_kept_than_there_are():
    with pytest.raises(ValueError, match="of 4 latents 5 cannot be kept"):
        sp.SparseAutoencoder(3, 4, k=5)


# --- Sparse autoencoders, trained ---


@pytest.fixture(scope="module")
def planted() -> tuple[Tensor, Tensor]:
    """12 features in 8 dimensions, two of them active in each input: more than there are dimensions."""
    draw = torch.Generator().manual_seed(4)
    features = torch.randn(12, 8, generator=draw)
    for _ in range(200):  # pushed apart, so that no two are nearly the same
        features = features / features.norm(dim=1, keepdim=True)
        features = features - 0.05 * (features @ features.T - torch.eye(12)) @ features
    features = features / features.norm(dim=1, keepdim=True)
    amounts = torch.zeros(4_000, 12)
    active = torch.rand(4_000, 12, generator=draw).topk(2, dim=1).indices
    amounts.scatter_(1, active, 0.5 + torch.rand(4_000, 2, generator=draw))
    return features, amounts @ features


@pytest.mark.parametrize(
    ("kind", "options"),
    [("topk", {"k": 2}), ("batchtopk", {"k": 2}), ("l1", {"l1_coefficient": 0.6, "lr": 1e-2})],
    ids=["topk", "batchtopk", "l1"],
)
def test_features_in_superposition_are_found(planted: tuple[Tensor, Tensor], kind: sp.Kind, options: dict):
    features, x = planted
    sae = sp.train_autoencoder(x, 16, kind, steps=600, n_axes=8, **options)
    latents, again = sae(x)
    nearest = (features @ sae.W_dec.T).max(dim=1).values
    drawn = torch.randn(16, 8, generator=torch.Generator().manual_seed(5))
    at_random = (features @ (drawn / drawn.norm(dim=1, keepdim=True)).T).max(dim=1).values
    assert (nearest > 0.9).sum() >= 10, nearest
    assert (at_random > 0.9).sum() <= 2
    assert sp.explained_variance(x, again) > 0.9
    l0 = (latents > 0).float().sum(dim=1)
    assert l0.max() <= 2 if kind == "topk" else 1 < l0.mean() < 5
    assert torch.allclose(sae.W_dec.norm(dim=1), torch.ones(16), atol=1e-5)
    one_by_one = torch.cat([sae(one[None])[0] for one in x[:20]])  # also where training looked at whole batches
    assert torch.allclose(one_by_one, latents[:20], atol=1e-5)


def test_training_is_the_same_again_and_follows_the_scale_of_the_inputs(planted: tuple[Tensor, Tensor]):
    _, x = planted
    first, again, doubled = (sp.train_autoencoder(one, 10, "l1", l1_coefficient=0.1, steps=50) for one in (x, x, 2 * x))
    assert torch.equal(first.W_dec, again.W_dec)
    assert torch.equal(first(x)[0], again(x)[0])
    assert torch.allclose(doubled(2 * x)[0], 2 * first(x)[0], atol=1e-4)
    other = sp.train_autoencoder(x, 10, "l1", l1_coefficient=0.1, steps=50, seed=1)
    assert not torch.allclose(first.W_dec, other.W_dec)


def test_what_the_principal_axes_leave_out_is_not_found_and_is_accounted_for():
    draw = torch.Generator().manual_seed(6)
    plane = torch.linalg.qr(torch.randn(10, 2, generator=draw))[0].T
    x = 3 * torch.randn(800, 2, generator=draw) @ plane + 0.5 * torch.randn(800, 10, generator=draw) + 7
    sae = sp.train_autoencoder(x, 8, "l1", steps=400, n_axes=2)
    axes = sp.principal_axes(x, 2)
    assert torch.allclose(sae.W_dec @ axes.T @ axes, sae.W_dec, atol=1e-5)
    centred = x - x.mean(dim=0)
    most = sp.explained_variance(centred, centred @ axes.T @ axes)
    assert most - 0.05 < sp.explained_variance(x, sae(x)[1]) <= most + 1e-5
