"""Other correct solutions to the exercises of chapter 02, and wrong ones that are nearly right."""

import math

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from grokcourse import model


def embed_by_loops(tokens, W_E, W_pos):
    return torch.stack([torch.stack([W_E[t] + W_pos[i] for i, t in enumerate(question)]) for question in tokens])


def embed_by_one_hot(tokens, W_E, W_pos):
    return F.one_hot(tokens, len(W_E)).to(W_E.dtype) @ W_E + W_pos.unsqueeze(0)


def embed_by_embedding(tokens, W_E, W_pos):
    return F.embedding(tokens, W_E) + F.embedding(torch.arange(tokens.shape[1]), W_pos)


def embed_by_numpy(tokens, W_E, W_pos):
    return torch.from_numpy(W_E.detach().numpy()[tokens.numpy()] + W_pos.detach().numpy())


def scores_by_einsum(q, k):
    pos, d_head = q.shape[2:]
    scores = torch.einsum("nhqe,nhke->nhqk", q, k) / d_head**0.5
    scores[:, :, torch.arange(pos)[:, None] < torch.arange(pos)] = float("-inf")
    return scores


def scores_by_adding_a_mask(q, k):
    pos = q.shape[-2]
    mask = torch.full((pos, pos), -torch.inf, dtype=q.dtype).triu(1)
    return (q * q.shape[-1] ** -0.5) @ k.mT + mask


def scores_by_loops(q, k):
    n, heads, pos, d_head = q.shape
    scores = q.new_full((n, heads, pos, pos), -math.inf)
    for query in range(pos):
        for key in range(query + 1):
            scores[:, :, query, key] = (q[:, :, query] * k[:, :, key]).sum(-1) / math.sqrt(d_head)
    return scores


def scores_by_where(q, k):
    scores = torch.matmul(q, k.permute(0, 1, 3, 2)) / np.sqrt(q.size(3))
    return torch.where(torch.ones_like(scores).tril().bool(), scores, torch.tensor(-math.inf, dtype=q.dtype))


class AttentionByLoops(model.Attention):
    def forward(self, resid, tap=model.no_tap):
        out = torch.zeros_like(resid)
        for W_Q, W_K, W_V, W_O in zip(self.W_Q, self.W_K, self.W_V, self.W_O, strict=True):
            q, k, v = resid @ W_Q, resid @ W_K, resid @ W_V
            for query in range(resid.shape[1]):
                scores = (k[:, : query + 1] @ q[:, query, :, None])[..., 0] / math.sqrt(q.shape[-1])
                shares = scores.softmax(-1)
                out[:, query] += (shares[:, :, None] * v[:, : query + 1]).sum(1) @ W_O
        return out


class AttentionByTorch(model.Attention):
    def forward(self, resid):
        """Without a tap, and with torch's own attention."""
        q, k, v = (resid[:, None] @ W for W in (self.W_Q, self.W_K, self.W_V))
        z = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        return (z @ self.W_O).sum(1)


class AttentionByReshaping(nn.Module):
    """As in other transformers: one wide matrix each for queries, keys and values, and heads cut out of the result."""

    def __init__(self, d_model, n_heads, d_head):
        super().__init__()
        for name in ("W_Q", "W_K", "W_V"):
            setattr(self, name, nn.Parameter(torch.empty(n_heads, d_model, d_head)))
        self.W_O = nn.Parameter(torch.empty(n_heads, d_head, d_model))

    def forward(self, resid, tap=model.no_tap):
        heads, d_model, d_head = self.W_Q.shape
        n, pos, _ = resid.shape

        def by_head(W):
            return (resid @ W.permute(1, 0, 2).reshape(d_model, -1)).view(n, pos, heads, d_head).transpose(1, 2)

        q, k, v = by_head(self.W_Q), by_head(self.W_K), by_head(self.W_V)
        pattern = tap("pattern", torch.softmax(scores_by_where(q, k), dim=3))
        return (pattern @ v).transpose(1, 2).reshape(n, pos, -1) @ self.W_O.reshape(-1, d_model)


class MLPByLinear(model.MLP):
    def forward(self, resid):
        """Without a tap."""
        return F.linear(F.relu(F.linear(resid, self.W_in.T, self.b_in)), self.W_out.T, self.b_out)


class MLPByEinsum(model.MLP):
    def forward(self, resid, tap=model.no_tap):
        neurons = torch.einsum("npd,dm->npm", resid, self.W_in) + self.b_in
        return torch.einsum("npm,md->npd", neurons.clamp(min=0), self.W_out) + self.b_out


class MLPByLoops(model.MLP):
    def forward(self, resid, tap=model.no_tap):
        rows = []
        for x in resid.reshape(-1, resid.shape[-1]):
            neurons = torch.stack([torch.max(x @ w + b, 0 * b) for w, b in zip(self.W_in.T, self.b_in, strict=True)])
            rows.append(sum(h * w for h, w in zip(neurons, self.W_out, strict=True)) + self.b_out)
        return torch.stack(rows).reshape(resid.shape)


class TransformerWithoutTaps(model.Transformer):
    def forward(self, tokens):
        x = embed_by_one_hot(tokens, self.W_E, self.W_pos)
        x = x + self.attn(x)
        x = x + self.mlp(x)
        return x[:, 2] @ self.W_U


class TransformerOfOtherParts(model.Transformer):
    """Made of one's own classes, adding in place to a stream of its own."""

    def __init__(self, p, d_model, n_heads, d_mlp, seed=0):
        super().__init__(p, d_model, n_heads, d_mlp, seed)
        self.attn = AttentionByReshaping(d_model, n_heads, d_model // n_heads)
        self.mlp = MLPByLinear(d_model, d_mlp)

    def forward(self, tokens, tap=model.no_tap):
        x = tap("resid_pre", embed_by_embedding(tokens, self.W_E, self.W_pos))
        x = tap("resid_mid", x + self.attn(x, tap))
        x = tap("resid_post", x + self.mlp(x))
        return torch.einsum("nd,dv->nv", x[:, -1], self.W_U)


def embed_by_float_one_hot(tokens, W_E, W_pos):
    return (F.one_hot(tokens, len(W_E)).float() @ W_E.float() + W_pos).to(W_E.dtype)


def scores_by_a_tensors_root(q, k):
    width = torch.sqrt(torch.tensor(q.shape[-1]))
    return (q @ k.mT / width).masked_fill(torch.triu(torch.ones(q.shape[2], q.shape[2]), 1) == 1, float("-inf"))


def scores_by_logarithm_of_the_mask(q, k):
    return (
        torch.einsum("nhqd,nhkd->nhqk", q / math.sqrt(q.size(-1)), k) + torch.ones(q.shape[2], q.shape[2]).tril().log()
    )


class TransformerByEinsum(model.Transformer):
    def forward(self, tokens, tap=model.no_tap):
        x = torch.stack([self.W_E[tokens[:, i]] + self.W_pos[i] for i in range(tokens.shape[1])], dim=1)
        x = torch.add(x, self.attn(x))
        return (x + self.mlp(x))[:, -1, :].matmul(self.W_U)


def loss_by_log1p(logits, labels):
    """log1p of the sum where it is small, and the usual formula where it is not."""
    difference = logits - logits[torch.arange(len(labels)), labels][:, None]
    others = torch.arange(logits.shape[1]) != labels[:, None]
    largest = difference.masked_fill(~others, -torch.inf).amax(1).clamp(min=0)
    rest = ((difference - largest[:, None]).exp() * others).sum(1)
    return torch.where(largest > 0, largest + (rest + (-largest).exp()).log(), rest.log1p())


def loss_in_float64(logits, labels):
    """As in Nanda et al.'s code: exact enough down to a billionth."""
    return F.cross_entropy(logits.double(), labels, reduction="none").to(logits.dtype)


def loss_by_logaddexp(logits, labels):
    losses = []
    for row, label in zip(logits, labels, strict=True):
        others = torch.cat([row[:label], row[label + 1 :]])
        losses.append(torch.logsumexp(others - row[label], 0))
    margin = torch.stack(losses)
    return margin.clamp(min=0) + torch.log1p(torch.exp(-margin.abs()))


def loss_by_logsigmoid(logits, labels):
    rest = logits.masked_fill(F.one_hot(labels, logits.shape[1]).bool(), -torch.inf).logsumexp(1)
    return -F.logsigmoid(logits[range(len(labels)), labels] - rest)


def n_parameters_of_a_model(p, d_model, n_heads, d_mlp):
    return sum(weight.numel() for weight in model.Transformer(p, d_model, n_heads, d_mlp).parameters())


def n_parameters_by_formula(p, d_model, n_heads, d_mlp):
    return d_model * (2 * (p + 1) + 3 + 4 * d_model + 2 * d_mlp + 1) + d_mlp


def n_parameters_by_numpy(p, d_model, n_heads, d_mlp):
    d_head = d_model // n_heads
    shapes = [
        (p + 1, d_model),
        (3, d_model),
        (d_model, d_mlp),
        (d_mlp,),
        (d_mlp, d_model),
        (d_model,),
        (d_model, p + 1),
    ]
    return sum(np.prod(shape) for shape in shapes + [(n_heads, d_model, d_head)] * 4)


def loss_left_in_float64(logits, labels):
    return F.cross_entropy(logits.double(), labels, reduction="none")


ALTERNATIVES = [
    ("exact_cross_entropy", loss_left_in_float64),
    ("embed", embed_by_loops),
    ("embed", embed_by_one_hot),
    ("embed", embed_by_embedding),
    ("embed", embed_by_numpy),
    ("embed", embed_by_float_one_hot),
    ("attention_scores", scores_by_a_tensors_root),
    ("attention_scores", scores_by_logarithm_of_the_mask),
    ("attention_scores", scores_by_einsum),
    ("attention_scores", scores_by_adding_a_mask),
    ("attention_scores", scores_by_loops),
    ("attention_scores", scores_by_where),
    ("Attention", AttentionByLoops),
    ("Attention", AttentionByTorch),
    ("Attention", AttentionByReshaping),
    ("MLP", MLPByLinear),
    ("MLP", MLPByEinsum),
    ("MLP", MLPByLoops),
    ("Transformer", TransformerWithoutTaps),
    ("Transformer", TransformerOfOtherParts),
    ("Transformer", TransformerByEinsum),
    ("exact_cross_entropy", loss_by_log1p),
    ("exact_cross_entropy", loss_in_float64),
    ("exact_cross_entropy", loss_by_logaddexp),
    ("exact_cross_entropy", loss_by_logsigmoid),
    ("n_parameters", n_parameters_of_a_model),
    ("n_parameters", n_parameters_by_formula),
    ("n_parameters", n_parameters_by_numpy),
    ("patched_answer", "b"),
    ("patched_answer", " B "),
]


class TransformerOfOneCopy(model.Transformer):
    def forward(self, tokens):
        resid = self.W_E.detach()[tokens] + self.W_pos
        resid = resid + self.attn(resid)
        return (resid + self.mlp(resid))[:, -1] @ self.W_U


def loss_without_ties(logits, labels):
    right = logits.gather(1, labels[:, None])
    return F.softplus(torch.where(logits == right, -torch.inf, logits).logsumexp(1) - right[:, 0], threshold=40)


MISSES_THE_POINT = [
    ("embed", "without_positions"),
    ("MLP", "WithoutReLU"),
    ("exact_cross_entropy", "usual"),
    ("exact_cross_entropy", "with_epsilon"),
    ("Attention", "PlainAverage"),
    ("Transformer", "WithoutMLP"),
    ("Transformer", "FastLogits"),
    ("attention_scores", "scores_of_the_same_place"),
]
MISSES_A_DETAIL = [
    ("embed", "always_float32"),
    ("attention_scores", "scores_without_scale"),
    ("attention_scores", "scores_masked_with_zero"),
    ("Attention", "AttentionInFloat32"),
    ("Attention", "HeadsAveraged"),
    ("MLP", "WithoutOuterBias"),
    ("MLP", "MLPInPlace"),
    ("exact_cross_entropy", "overflowing"),
    ("exact_cross_entropy", "without_gradient"),
    ("Transformer", "StreamInPlace"),
    ("n_parameters", "count_as_float"),
]
WRONG = [
    ("Transformer", TransformerOfOneCopy),
    ("exact_cross_entropy", loss_without_ties),
]
