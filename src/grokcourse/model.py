"""The one-layer transformer, by hand: every weight a plain matrix, every activation reachable by its name.

Shapes: n — questions in a batch; pos — positions in a question (3: a, b, =); head — attention heads;
d_model, d_head, d_mlp — widths of the residual stream, of a head and of the MLP; vocab — tokens (p + 1).

Activations, in the order in which they are computed (names as in TransformerLens):

=============  =========================  ==============================================================
name           shape                      what it is
=============  =========================  ==============================================================
resid_pre      (n, pos, d_model)          the residual stream at the start: embedding plus position
q, k, v        (n, head, pos, d_head)     queries, keys, values
attn_scores    (n, head, query, key)      scaled, masked scores
pattern        (n, head, query, key)      attention pattern: each row of keys sums to one
z              (n, head, query, d_head)   values, averaged by the pattern
attn_out       (n, pos, d_model)          what the heads add to the residual stream
resid_mid      (n, pos, d_model)          the residual stream between attention and MLP
mlp_pre        (n, pos, d_mlp)            neurons before the ReLU
mlp_post       (n, pos, d_mlp)            neurons after the ReLU
mlp_out        (n, pos, d_model)          what the MLP adds to the residual stream
resid_post     (n, pos, d_model)          the residual stream at the end
logits         (n, pos, vocab)            a score per token, at every position
=============  =========================  ==============================================================
"""

import math
from collections.abc import Callable, Mapping

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .config import N_CTX, RunConfig

ACTIVATIONS = (
    "resid_pre",
    "q",
    "k",
    "v",
    "attn_scores",
    "pattern",
    "z",
    "attn_out",
    "resid_mid",
    "mlp_pre",
    "mlp_post",
    "mlp_out",
    "resid_post",
    "logits",
)
"""The names of all activations, in the order in which they are computed."""

Edit = Callable[[Tensor], Tensor]
Tap = Callable[[str, Tensor], Tensor]


def no_tap(name: str, activation: Tensor) -> Tensor:
    """The tap of an ordinary forward pass: it looks at nothing and changes nothing."""
    return activation


def embed(tokens: Tensor, W_E: Tensor, W_pos: Tensor) -> Tensor:
    """Where the residual stream begins: each token's row of W_E, plus its
    position's row of W_pos.

    Args:
        tokens: (n, pos) int64.
        W_E: (vocab, d_model), the embedding.
        W_pos: (pos, d_model), the positional embedding.

    Returns:
        (n, pos, d_model).
    """
    return W_E[tokens] + W_pos


def attention_scores(q: Tensor, k: Tensor) -> Tensor:
    """How well each query fits each key, q · k / √d_head; −∞ where the key
    comes after the query.

    Args:
        q: (n, head, pos, d_head) queries.
        k: (n, head, pos, d_head) keys.

    Returns:
        (n, head, query, key).
    """
    scores = q @ k.transpose(-1, -2) / math.sqrt(q.shape[-1])
    later = torch.ones(scores.shape[-2:], dtype=torch.bool, device=scores.device).triu(1)
    return scores.masked_fill(later, -math.inf)


class Attention(nn.Module):
    """Attention heads: move information between positions.

    Weights: W_Q, W_K, W_V (head, d_model, d_head) and W_O (head, d_head,
    d_model).
    """

    def __init__(self, d_model: int, n_heads: int, d_head: int) -> None:
        super().__init__()
        self.W_Q = nn.Parameter(torch.empty(n_heads, d_model, d_head))
        self.W_K = nn.Parameter(torch.empty(n_heads, d_model, d_head))
        self.W_V = nn.Parameter(torch.empty(n_heads, d_model, d_head))
        self.W_O = nn.Parameter(torch.empty(n_heads, d_head, d_model))

    def forward(self, resid: Tensor, tap: Tap = no_tap) -> Tensor:
        """(n, pos, d_model) → what the heads add to the residual stream, (n,
        pos, d_model).
        """
        q, k, v = (
            tap(name, torch.einsum("npd,hde->nhpe", resid, W))
            for name, W in (("q", self.W_Q), ("k", self.W_K), ("v", self.W_V))
        )
        scores = tap("attn_scores", attention_scores(q, k))
        pattern = tap("pattern", scores.softmax(dim=-1))
        z = tap("z", pattern @ v)
        return tap("attn_out", torch.einsum("nhpe,hed->npd", z, self.W_O))


class MLP(nn.Module):
    """linear → ReLU → linear, at each position by itself.

    Weights: W_in (d_model, d_mlp), b_in (d_mlp,), W_out (d_mlp, d_model), b_out
    (d_model,).
    """

    def __init__(self, d_model: int, d_mlp: int) -> None:
        super().__init__()
        self.W_in = nn.Parameter(torch.empty(d_model, d_mlp))
        self.b_in = nn.Parameter(torch.empty(d_mlp))
        self.W_out = nn.Parameter(torch.empty(d_mlp, d_model))
        self.b_out = nn.Parameter(torch.empty(d_model))

    def forward(self, resid: Tensor, tap: Tap = no_tap) -> Tensor:
        """(n, pos, d_model) → what the MLP adds to the residual stream, (n,
        pos, d_model).
        """
        pre = tap("mlp_pre", resid @ self.W_in + self.b_in)
        post = tap("mlp_post", pre.relu())
        return tap("mlp_out", post @ self.W_out + self.b_out)


class Transformer(nn.Module):
    """Embedding → attention → MLP → unembedding, each adding to the residual
    stream. No LayerNorm, no dropout.

    Weights besides those of ``attn`` and ``mlp``: W_E (vocab, d_model), W_pos
    (pos, d_model), W_U (d_model, vocab).
    """

    def __init__(self, p: int, d_model: int, n_heads: int, d_mlp: int, seed: int = 0) -> None:
        super().__init__()
        self.p = p
        self.W_E = nn.Parameter(torch.empty(p + 1, d_model))
        self.W_pos = nn.Parameter(torch.empty(N_CTX, d_model))
        self.attn = Attention(d_model, n_heads, d_model // n_heads)
        self.mlp = MLP(d_model, d_mlp)
        self.W_U = nn.Parameter(torch.empty(d_model, p + 1))
        initialise(self, seed)

    @classmethod
    def from_config(cls, config: RunConfig) -> "Transformer":
        """The untrained model of a config, its weights drawn from the config's
        seed, on the CPU.
        """
        return cls(config.p, config.d_model, config.n_heads, config.d_mlp, config.seed)

    @classmethod
    def from_weights(cls, weights: Mapping[str, Tensor]) -> "Transformer":
        """The model with these weights, by the names of ``state_dict()``; its
        sizes are read off their shapes.

        Unlike a config's model, it may have heads that do not share d_model, or
        no output for ``=``.
        """
        vocab, d_model = weights["W_E"].shape
        n_heads, _, d_head = weights["attn.W_Q"].shape
        model = cls(vocab - 1, d_model, n_heads, len(weights["mlp.b_in"]))
        model.attn = Attention(d_model, n_heads, d_head)
        model.W_U = nn.Parameter(torch.empty(weights["W_U"].shape))
        model.to(weights["W_E"].device, weights["W_E"].dtype).load_state_dict(weights)
        return model

    def forward(self, tokens: Tensor, tap: Tap = no_tap) -> Tensor:
        """(n, pos) tokens, whichever → the logits at the last position, where a
        question has its ``=``: (n, vocab).
        """
        resid_pre = tap("resid_pre", embed(tokens, self.W_E, self.W_pos))
        resid_mid = tap("resid_mid", resid_pre + self.attn(resid_pre, tap))
        resid_post = tap("resid_post", resid_mid + self.mlp(resid_mid, tap))
        logits = tap("logits", resid_post @ self.W_U)
        return logits[:, -1]

    def run_with_cache(
        self, tokens: Tensor, edits: Mapping[str, Edit] | None = None
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """Run the model and keep every activation; edits may ablate or patch
        some of them on the way.

        Args:
            tokens: (n, pos) questions.
            edits: functions by activation name, each given the activation and
                returning what shall take its place:
                ``{"mlp_post": torch.zeros_like}`` runs the model without its
                neurons.

        Returns:
            The logits at ``=``, (n, vocab), and the activations by name (as
            edited), shapes as in ``ACTIVATIONS``.

        Raises:
            KeyError: if an edit names no activation.
            ValueError: if an edit returns another shape.
        """
        edits = edits or {}
        unknown = sorted(set(edits) - set(ACTIVATIONS))
        if unknown:
            raise KeyError(f"no such activation: {', '.join(unknown)}. There are: {', '.join(ACTIVATIONS)}")
        cache: dict[str, Tensor] = {}

        def tap(name: str, activation: Tensor) -> Tensor:
            if name in edits:
                edited = edits[name](activation)
                if edited.shape != activation.shape:
                    raise ValueError(
                        f"the edit of {name} returned shape {tuple(edited.shape)} for {tuple(activation.shape)}"
                    )
                activation = edited
            cache[name] = activation
            return activation

        return self(tokens, tap), cache

    def fast_logits(self, a: Tensor, b: Tensor) -> Tensor:
        """The logits at ``=`` for the questions ``[a, b, =]``, computing only
        what they need; equal to ``forward``.

        Three savings. Only the position ``=`` is computed beyond the keys and
        values. There are just p different embeddings at each of the first two
        positions and one at the third, so scores and values are small tables,
        and attention is a look-up in them. And since nothing nonlinear stands
        between W_O and W_in, between W_O and W_U, or between W_out and W_U,
        those matrices are multiplied with each other first.

        Args:
            a: (n,) int64 first numbers.
            b: (n,) int64 second numbers.

        Returns:
            (n, vocab).
        """
        attn, mlp = self.attn, self.mlp
        n_heads, _, d_head = attn.W_Q.shape
        x_a, x_b = self.W_E[:-1] + self.W_pos[0], self.W_E[:-1] + self.W_pos[1]  # (p, d_model) each
        x_eq = self.W_E[-1] + self.W_pos[2]  # (d_model,)

        query = torch.einsum("d,hde->he", x_eq, attn.W_Q) / math.sqrt(d_head)
        key_direction = torch.einsum("hde,he->dh", attn.W_K, query)  # what a position's embedding is scored by
        score_a, score_b = F.embedding(a, x_a @ key_direction), F.embedding(b, x_b @ key_direction)  # (n, head)
        score_eq = (x_eq @ key_direction).expand_as(score_a)
        pattern = torch.stack([score_a, score_b, score_eq]).softmax(dim=0).unsqueeze(-1)  # (3, n, head, 1)

        W_V = attn.W_V.transpose(0, 1).flatten(1)  # (d_model, head · d_head)
        value_a, value_b = F.embedding(a, x_a @ W_V), F.embedding(b, x_b @ W_V)
        by_head = (-1, n_heads, d_head)
        z = pattern[0] * value_a.view(by_head) + pattern[1] * value_b.view(by_head)
        z = (z + pattern[2] * (x_eq @ W_V).view(by_head)).flatten(1)  # (n, head · d_head)

        W_O = attn.W_O.flatten(0, 1)  # (head · d_head, d_model)
        post = torch.addmm(x_eq @ mlp.W_in + mlp.b_in, z, W_O @ mlp.W_in).relu_()
        direct = torch.addmm((x_eq + mlp.b_out) @ self.W_U, z, W_O @ self.W_U)
        return torch.addmm(direct, post, mlp.W_out @ self.W_U)


def initialise(model: Transformer, seed: int) -> None:
    """Draw the initial weights, as in Nanda et al.'s code: normal, standard
    deviation 1/√d_model (W_U: 1/√vocab).

    Biases start at zero. The draw is made on the CPU, so that a seed means the
    same model on every device.
    """
    generator = torch.Generator("cpu").manual_seed(seed)
    d_model, vocab = model.W_U.shape
    with torch.no_grad():
        for name, weight in model.named_parameters():
            if name.endswith(("b_in", "b_out")):
                weight.zero_()
            else:
                std = 1 / math.sqrt(vocab if name == "W_U" else d_model)
                drawn = torch.randn(weight.shape, generator=generator, dtype=torch.float32, device="cpu")
                weight.copy_(drawn * std)


def n_parameters(p: int, d_model: int, n_heads: int, d_mlp: int) -> int:
    """How many numbers the model learns, counted by hand.

    Args:
        p: the modulus; the vocabulary has one token more.
        d_model: width of the residual stream.
        n_heads: attention heads, which share d_model.
        d_mlp: neurons in the MLP.

    Returns:
        The numbers in W_E, W_pos, W_Q, W_K, W_V, W_O, W_in, b_in, W_out, b_out
        and W_U together.
    """
    vocab = p + 1
    embeddings = vocab * d_model + N_CTX * d_model
    attention = 4 * n_heads * d_model * (d_model // n_heads)
    mlp = d_model * d_mlp + d_mlp + d_mlp * d_model + d_model
    unembedding = d_model * vocab
    return embeddings + attention + mlp + unembedding
