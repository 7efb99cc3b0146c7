"""Other correct solutions to the exercises of chapter 09."""

import torch
import torch.nn.functional as F


def cosines_by_torch(directions):
    return F.cosine_similarity(directions[:, None], directions[None], dim=-1)


def cosines_by_einsum(directions):
    products = torch.einsum("id,jd->ij", directions, directions)
    lengths = products.diagonal().sqrt()
    return products / torch.outer(lengths, lengths)


def cosines_by_normalize(directions):
    unit = F.normalize(directions, dim=1)
    return unit @ unit.T


def dimensionality_in_a_loop(directions):
    shares = []
    for one in directions:
        unit = one / one.norm()
        shares.append(one.square().sum() / sum((unit @ other) ** 2 for other in directions))
    return torch.stack(shares)


def dimensionality_by_units(directions):
    unit = F.normalize(directions, dim=1)
    return directions.norm(dim=1) ** 2 / (unit @ directions.T).pow(2).sum(dim=1)


def encode_by_linear(x, W_enc, b_enc, b_dec):
    return F.relu(F.linear(x - b_dec, W_enc.T, b_enc))


def encode_with_one_bias(x, W_enc, b_enc, b_dec):
    return torch.clamp(torch.einsum("ni,il->nl", x, W_enc) + (b_enc - b_dec @ W_enc), min=0)


def top_k_in_a_loop(latents, k):
    kept = torch.zeros_like(latents)
    for row, of in zip(kept, latents, strict=True):
        places = of.argsort(descending=True)[:k]
        row[places] = of[places]
    return kept


def top_k_by_mask(latents, k):
    mask = torch.zeros_like(latents, dtype=torch.bool).scatter(1, latents.topk(k, dim=-1).indices, True)
    return latents.where(mask, torch.zeros_like(latents))


def loss_by_mean_of_sums(x, reconstruction, latents, l1_coefficient=0.0):
    return ((x - reconstruction).pow(2).sum(dim=-1) + l1_coefficient * latents.norm(p=1, dim=-1)).mean()


def loss_by_sums(x, reconstruction, latents, l1_coefficient=0.0):
    return (F.mse_loss(reconstruction, x, reduction="sum") + l1_coefficient * latents.sum()) / len(x)


def explained_by_var(x, reconstruction):
    return 1 - (x - reconstruction).pow(2).mean(dim=0).sum() / x.var(dim=0, unbiased=False).sum()


def explained_by_norms(x, reconstruction):
    return 1 - ((x - reconstruction).norm() / (x - x.mean(dim=0, keepdim=True)).norm()) ** 2


def recovered_by_any(frequency, share, key, least):
    return sum(bool(((frequency == k) & (share > least)).any()) for k in key) / len(key)


def recovered_by_isin(frequency, share, key, least):
    return torch.isin(torch.tensor(key), frequency[share > least]).double().mean()


WRONG = [
    ("interference", lambda directions: torch.eye(len(directions))),
    ("feature_dimensionality", lambda directions: torch.ones(len(directions))),
    ("keep_top_k", lambda latents, k: latents.clone()),
    ("explained_variance", lambda x, reconstruction: torch.tensor(1.0)),
]

ALTERNATIVES = [
    ("interference", cosines_by_torch),
    ("interference", cosines_by_einsum),
    ("interference", cosines_by_normalize),
    ("feature_dimensionality", dimensionality_in_a_loop),
    ("feature_dimensionality", dimensionality_by_units),
    ("encode", encode_by_linear),
    ("encode", encode_with_one_bias),
    ("keep_top_k", top_k_in_a_loop),
    ("keep_top_k", top_k_by_mask),
    ("sae_loss", loss_by_mean_of_sums),
    ("sae_loss", loss_by_sums),
    ("explained_variance", explained_by_var),
    ("explained_variance", explained_by_norms),
    ("recovered_fraction", recovered_by_any),
    ("recovered_fraction", recovered_by_isin),
]
