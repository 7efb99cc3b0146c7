# ruff: noqa: D101, D102 (planted classes carry a hint instead of a docstring)
"""Hidden tests of chapter 02, the transformer. What is expected is worked out in numpy, in float64, one by one."""

import math
from decimal import Decimal, localcontext

import numpy as np
import torch
import torch.nn.functional as F

from ...model import MLP, Attention, Transformer
from ..testing import checks, expect, expect_close, expect_number, expect_tensor, mistake
from .questions import expect_choice, wrong_values


def _expect_to_learn(student, thing, given, on):
    thing(given)  # for the hints
    missed = student.make("out_of_reach", thing, given)
    expect(not missed, f"no gradient reaches {', '.join(map(str, missed))}: training could not change it", on)


# --- embed ------------------------------------------------------------------------------------------------------------


def _embedding(draw, n, vocab, pos, d_model, dtype=torch.float32):
    """Tokens (of which the last is ``=``), W_E and W_pos, all random, and a sentence that says how large they are."""
    tokens = draw.integers(0, vocab - 2, n, pos)
    tokens[:, -1] = vocab - 1
    on = f"n = {n}, pos = {pos}, vocab = {vocab}, d_model = {d_model}"
    return tokens, draw.normal(vocab, d_model, dtype=dtype), draw.normal(pos, d_model, dtype=dtype), on


def _embedded(tokens, W_E, W_pos):
    rows = [[W_E[t].numpy() + W_pos[i].numpy() for i, t in enumerate(question)] for question in tokens.tolist()]
    return torch.from_numpy(np.array(rows))


def _ask_to_embed(student, inputs):
    answers = [student.embed(tokens, W_E, W_pos) for tokens, W_E, W_pos, _ in inputs]
    for (tokens, W_E, W_pos, on), got in zip(inputs, answers, strict=True):
        yield tokens, W_E, W_pos, expect_tensor(got, (*tokens.shape, W_E.shape[1]), on=on), on


@checks("embed", "without positions, each token becomes its row of W_E")
def test_embed_tokens(student, draw):
    sizes = ((1, 3, 3, 3), (1, 3, 3, 2), (draw.integer(4, 7), draw.integer(8, 12), 3, 5))
    inputs = [_embedding(draw, *size) for size in sizes]
    student.embed(*inputs[0][:3])  # for the hints: with W_pos zero, a product is zero, too
    for _, _, W_pos, _ in inputs:
        W_pos.zero_()
    for tokens, W_E, W_pos, got, on in _ask_to_embed(student, inputs):
        message = "with W_pos zero, a token should become its own row of W_E"
        expect_close(got, _embedded(tokens, W_E, W_pos), message, on)


@checks("embed", "were all tokens alike, the positions would still tell them apart")
def test_embed_positions(student, draw):
    sizes = ((1, 3, 3, 3), (1, 3, 3, 2), (draw.integer(4, 7), draw.integer(8, 12), 3, 5))
    inputs = [_embedding(draw, *size) for size in sizes]
    for _, W_E, _, _ in inputs:
        W_E.copy_(W_E[0].clone().expand(W_E.shape))
    for tokens, W_E, W_pos, got, on in _ask_to_embed(student, inputs):
        message = "with all rows of W_E equal, positions should differ by their rows of W_pos, whatever the token"
        expect_close(got, _embedded(tokens, W_E, W_pos), message, on)


@checks("embed", "token and position together")
def test_embed_both(student, draw):
    sizes = ((1, 3, 3, 3), (3, 4, 3, 3), (draw.integer(4, 7), 10, 3, 8), (2, 6, draw.integer(4, 6), 7))
    for tokens, W_E, W_pos, got, on in _ask_to_embed(student, [_embedding(draw, *size) for size in sizes]):
        expect_close(got, _embedded(tokens, W_E, W_pos), "should be the token's row plus the position's row", on)


@checks("embed", "float64 tables stay exact, and nothing is changed in place")
def test_embed_exact(student, draw):
    tokens, W_E, W_pos, on = _embedding(draw, 5, 7, 3, 4, torch.float64)
    reply = student.make("call_on_views", student.value("embed"), tokens, W_E, W_pos)
    got = expect_tensor(reply["value"], (5, 3, 4), torch.float64, f"{on}, float64")
    expect_close(
        got, _embedded(tokens, W_E, W_pos), "should be exact to float64's last digits", on, rtol=1e-12, atol=1e-12
    )
    expect(not reply["changed"], "tokens and tables should be left as they were, but one was changed in place", on)


@mistake("embed", "The positions are missing: the model could not tell whether a number came first or second.")
def without_positions(tokens, W_E, W_pos):
    return W_E[tokens]


@mistake("embed", "W_pos is looked up with the token here; what chooses its row is where the token stands.")
def position_by_token(tokens, W_E, W_pos):
    return W_E[tokens] + W_pos[tokens % len(W_pos)]


@mistake("embed", "Every position gets the same row of W_pos here.")
def one_position_for_all(tokens, W_E, W_pos):
    return W_E[tokens] + W_pos[-1]


@mistake("embed", "The two vectors are to be added, not multiplied.")
def rows_multiplied(tokens, W_E, W_pos):
    return W_E[tokens] * W_pos


@mistake("embed", "The two vectors are to be added, not put one behind the other.")
def rows_joined(tokens, W_E, W_pos):
    return torch.cat([W_E[tokens], W_pos.expand(len(tokens), -1, -1)], -1)


@mistake("embed", "Here the question is summed into one vector; every position keeps a vector of its own.")
def summed_over_positions(tokens, W_E, W_pos):
    return (W_E[tokens] + W_pos).sum(1)


@mistake("embed", "The factor √d_model belongs to other transformers; in ours nothing is scaled here.")
def scaled_embedding(tokens, W_E, W_pos):
    return W_E[tokens] * math.sqrt(W_E.shape[1]) + W_pos


@mistake("embed", "The rows of W_pos go to the wrong places: the first position has index 0.")
def positions_shifted(tokens, W_E, W_pos):
    return W_E[tokens] + W_pos.roll(-1, 0)


@mistake(
    "embed", "The result has the dtype of the tables: a one-hot vector made with `.float()` forces it to be float32."
)
def always_float32(tokens, W_E, W_pos):
    return F.one_hot(tokens, len(W_E)).float() @ W_E.float() + W_pos.float()


@mistake("embed", "Adding in place (`W_E += …`, `W_pos -= …`) changes the model's own table.")
def embedding_in_place(tokens, W_E, W_pos):
    W_E += W_pos[0]
    W_pos -= W_pos[0].clone()
    return W_E[tokens] + W_pos


# --- attention_scores -------------------------------------------------------------------------------------------------


def _queries_and_keys(draw, n, heads, pos, d_head, dtype=torch.float32):
    on = f"n = {n}, head = {heads}, pos = {pos}, d_head = {d_head}"
    return draw.normal(n, heads, pos, d_head, dtype=dtype), draw.normal(n, heads, pos, d_head, dtype=dtype), on


def _scores(q, k):
    """Score by score; NaN where a key comes after the query."""
    q, k = q.double().numpy(), k.double().numpy()
    n, heads, pos, d_head = q.shape
    scores = np.full((n, heads, pos, pos), np.nan)
    for i, h, query, key in np.ndindex(scores.shape):
        if key <= query:
            scores[i, h, query, key] = sum(q[i, h, query] * k[i, h, key]) / d_head**0.5
    return torch.from_numpy(scores)


def _ask_for_scores(student, inputs):
    answers = [student.attention_scores(q, k) for q, k, _ in inputs]
    for (q, k, on), got in zip(inputs, answers, strict=True):
        pos = q.shape[2]
        later = torch.arange(pos)[:, None] < torch.arange(pos)  # (query, key): the key comes after the query
        yield q, k, expect_tensor(got, (*q.shape[:3], pos), on=on), later, on


@checks("attention_scores", "a position that is alone: q · k, scaled by the width of a head")
def test_scores_alone(student, draw):
    sizes = ((1, 1, 1, 4), (1, 2, 1, 9), (3, 2, 1, draw.integer(5, 8)))
    for q, k, got, _, on in _ask_for_scores(student, [_queries_and_keys(draw, *size) for size in sizes]):
        expect_close(got, _scores(q, k), "the score should be the dot product, scaled by the width of a head", on)


@checks("attention_scores", "queries and the keys that they may look at")
def test_scores_earlier(student, draw):
    sizes = ((1, 1, 2, 4), (1, 1, 3, 5), (draw.integer(2, 4), 2, 3, 6), (2, 3, draw.integer(4, 6), 3))
    for q, k, got, later, on in _ask_for_scores(student, [_queries_and_keys(draw, *size) for size in sizes]):
        message = "entry [query, key] should compare that query with that key, where the key is not later"
        expect_close(got[..., ~later], _scores(q, k)[..., ~later], message, on)


@checks("attention_scores", "−∞ for every key that comes after the query, and for no other")
def test_scores_later(student, draw):
    sizes = ((1, 1, 2, 4), (1, 1, 3, 5), (draw.integer(2, 4), 2, 3, 6))
    for _, _, got, later, on in _ask_for_scores(student, [_queries_and_keys(draw, *size) for size in sizes]):
        expect(bool((got[..., later] == -math.inf).all()), "where the key comes after the query there should be −∞", on)
        expect(
            bool(got[..., ~later].isfinite().all()),
            "where the key does not come after the query there should be numbers",
            on,
        )


@checks("attention_scores", "float64 stays exact, and nothing is changed in place")
def test_scores_exact(student, draw):
    q, k, on = _queries_and_keys(draw, 2, 2, 3, 5, torch.float64)
    reply = student.make("call_on_views", student.value("attention_scores"), q, k)
    got = expect_tensor(reply["value"], (2, 2, 3, 3), torch.float64, f"{on}, float64")
    below = torch.ones(3, 3, dtype=torch.bool).tril()
    message = "should be exact to float64's last digits"
    expect_close(got[..., below], _scores(q, k)[..., below], message, on, rtol=1e-12, atol=1e-12)
    expect(not reply["changed"], "q and k should be left as they were, but one was changed in place", on)


def _mask(scores, diagonal=1, value=-math.inf):
    later = torch.ones(scores.shape[-2:], dtype=torch.bool).triu(diagonal)
    return scores.masked_fill(later, value)


def _scaled(q, k):
    return q @ k.mT / q.shape[-1] ** 0.5


@mistake("attention_scores", "The dot products are not scaled: the wider a head, the larger they get.")
def scores_without_scale(q, k):
    return _mask(q @ k.mT)


@mistake("attention_scores", "A dot product of d numbers grows like the root of d, not like d.")
def scores_scaled_twice(q, k):
    return _mask(q @ k.mT / q.shape[-1])


@mistake("attention_scores", "What counts for the scale is the width of one head, not that of all heads together.")
def scores_scaled_by_d_model(q, k):
    return _mask(q @ k.mT / (q.shape[1] * q.shape[-1]) ** 0.5)


@mistake("attention_scores", "The mask is missing: positions look at later ones.")
def scores_without_mask(q, k):
    return _scaled(q, k)


@mistake("attention_scores", "The mask is on the wrong side: it forbids looking back instead of ahead.")
def scores_masked_backwards(q, k):
    return _mask(_scaled(q, k).mT).mT


@mistake("attention_scores", "A position may look at itself as well; this mask takes the diagonal, too.")
def scores_masked_with_diagonal(q, k):
    return _mask(_scaled(q, k), 0)


@mistake("attention_scores", "A score of 0 does not forbid anything: the softmax turns it into a share like any other.")
def scores_masked_with_zero(q, k):
    return _mask(_scaled(q, k), value=0.0)


_NEARLY = "A very negative number is nearly right, but what is asked is −∞, whose share is exactly 0."


@mistake("attention_scores", _NEARLY)
def scores_masked_with_a_large_number(q, k):
    return _mask(_scaled(q, k), value=-1e9)


@mistake("attention_scores", _NEARLY)
def scores_masked_with_a_smaller_number(q, k):
    return _mask(_scaled(q, k), value=-1e5)


@mistake(
    "attention_scores", "Zero times −∞ is not a number: a mask of zeros and ones, multiplied by −∞, spoils all entries."
)
def scores_with_nan(q, k):
    scores = _scaled(q, k)
    return scores + torch.ones_like(scores).triu(1) * -math.inf


@mistake("attention_scores", "Rows and columns are exchanged: a row belongs to a query, a column to a key.")
def scores_transposed(q, k):
    return _mask(_scaled(k, q))


@mistake("attention_scores", "These are shares already: the softmax comes later.")
def scores_after_softmax(q, k):
    return _mask(_scaled(q, k)).softmax(-1)


@mistake("attention_scores", "Dividing in place (`q /= …`) changes the caller's queries.")
def scores_in_place(q, k):
    q /= q.shape[-1] ** 0.5
    return _mask(q @ k.mT)


# --- Attention --------------------------------------------------------------------------------------------------------


def _attention_weights(draw, d_model, heads, d_head, dtype=torch.float32):
    weights = {name: draw.normal(heads, d_model, d_head, dtype=dtype) / d_model**0.5 for name in ("W_Q", "W_K", "W_V")}
    return weights | {"W_O": draw.normal(heads, d_head, d_model, dtype=dtype) / d_head**0.5}


def _attention(resid, W):
    """Position by position and head by head, in numpy."""
    W = {name: weight.double().numpy() for name, weight in W.items()}
    resid = resid.double().numpy()
    heads, _, d_head = W["W_Q"].shape
    out = np.zeros_like(resid)
    for i, query in np.ndindex(resid.shape[:2]):
        for h in range(heads):
            q = resid[i, query] @ W["W_Q"][h]
            weight = np.array([np.exp(q @ (resid[i, key] @ W["W_K"][h]) / np.sqrt(d_head)) for key in range(query + 1)])
            shares = weight / weight.sum()
            z = sum(share * (resid[i, key] @ W["W_V"][h]) for key, share in enumerate(shares))
            out[i, query] += z @ W["W_O"][h]
    return torch.from_numpy(out)


def _ask_attention(student, draw, sizes, dtype=torch.float32):
    inputs = []
    for n, pos, d_model, heads, d_head in sizes:
        resid, weights = (
            draw.normal(n, pos, d_model, dtype=dtype),
            _attention_weights(draw, d_model, heads, d_head, dtype),
        )
        thing = student.Attention(d_model, heads, d_head)
        thing.load(weights)
        on = f"n = {n}, pos = {pos}, d_model = {d_model}, {heads} head{'s' if heads > 1 else ''} of {d_head}"
        inputs.append((resid, weights, thing(resid), on))
    for resid, weights, got, on in inputs:
        yield resid, weights, expect_tensor(got, resid.shape, on=on), on


@checks("Attention", "one position, one head: what it says to itself, translated back into the stream")
def test_attention_alone(student, draw):
    for resid, weights, got, on in _ask_attention(student, draw, ((1, 1, 4, 1, 2), (2, 1, 5, 1, 3))):
        message = "alone, a position gives itself all its attention, and should get its own value, times W_O"
        expect_close(got, _attention(resid, weights), message, on)


@checks("Attention", "one head: an average of values, weighted by the shares")
def test_attention_one_head(student, draw):
    sizes = ((1, 2, 4, 1, 4), (1, 3, 6, 1, 3), (draw.integer(2, 5), 3, 8, 1, 4))
    for resid, weights, got, on in _ask_attention(student, draw, sizes):
        message = "each position should get the values of itself and those before it, averaged by its shares, times W_O"
        expect_close(got, _attention(resid, weights), message, on)


@checks("Attention", "several heads: what they add to the stream, together")
def test_attention_heads(student, draw):
    sizes = ((1, 2, 4, 2, 2), (1, 3, 6, 2, 3), (draw.integer(2, 5), 3, 8, 4, 3))
    for resid, weights, got, on in _ask_attention(student, draw, sizes):
        message = "each head should work by itself, and the stream should get all that they say"
        expect_close(got, _attention(resid, weights), message, on)


@checks("Attention", "float64 stays exact, and neither the stream nor the weights are changed")
def test_attention_exact(student, draw):
    weights = _attention_weights(draw, 6, 2, 3, torch.float64)
    resid, thing = draw.normal(3, 3, 6, dtype=torch.float64), student.Attention(6, 2, 3)
    thing.load(weights)
    reply = student.make("call_on_views", thing, resid)
    on = "n = 3, pos = 3, d_model = 6, 2 heads of 3, float64"
    got = expect_tensor(reply["value"], resid.shape, torch.float64, on)
    message = "should be exact to float64's last digits"
    expect_close(got, _attention(resid, weights), message, on, rtol=1e-11, atol=1e-11)
    unchanged = all(thing.get(name).equal(weight) for name, weight in weights.items())
    expect(unchanged and not reply["changed"], "the stream and the weights should be left as they were", on)


@checks("Attention", "it can be trained: a gradient reaches every weight", side=True)
def test_attention_learns(student, draw):
    thing, resid = student.Attention(6, 2, 3), draw.normal(2, 3, 6)
    thing.load(_attention_weights(draw, 6, 2, 3))
    _expect_to_learn(student, thing, resid, "n = 2, pos = 3, d_model = 6, 2 heads of 3")


def _attend(attn, resid, *, exchanged=False, scale=None, mask=True, softmax=-1, mix=None):
    """Attention with something done another way; returns z, (n, head, query, d_head)."""
    q, k, v = (torch.einsum("npd,hde->nhpe", resid, W) for W in (attn.W_Q, attn.W_K, attn.W_V))
    q, k = (k, q) if exchanged else (q, k)
    scores = q @ k.mT / (q.shape[-1] ** 0.5 if scale is None else scale)
    pattern = (_mask(scores) if mask else scores).softmax(softmax)
    return mix(pattern, v) if mix else pattern @ v


def _write(attn, z):
    return torch.einsum("nhpe,hed->npd", z, attn.W_O)


@mistake("Attention", "The shares sum to one over the queries: the softmax has to go over the keys.")
class SoftmaxOverQueries(Attention):
    def forward(self, resid):
        return _write(self, _attend(self, resid, softmax=-2))


@mistake("Attention", "The mask is missing: positions listen to later ones.")
class WithoutMask(Attention):
    def forward(self, resid):
        return _write(self, _attend(self, resid, mask=False))


@mistake("Attention", "The scores are not scaled by the width of a head.")
class WithoutScale(Attention):
    def forward(self, resid):
        return _write(self, _attend(self, resid, scale=1))


@mistake("Attention", "The scores are scaled twice: `attention_scores` has done it already.")
class ScaledTwice(Attention):
    def forward(self, resid):
        return _write(self, _attend(self, resid, scale=self.W_Q.shape[-1]))


@mistake("Attention", "Queries and keys are exchanged: the one who looks has the query.")
class QueriesAsKeys(Attention):
    def forward(self, resid):
        return _write(self, _attend(self, resid, exchanged=True))


@mistake("Attention", "The pattern is transposed when the values are averaged: a row of shares belongs to one query.")
class PatternTransposed(Attention):
    def forward(self, resid):
        return _write(self, _attend(self, resid, mix=lambda pattern, v: pattern.mT @ v))


@mistake("Attention", "The residual stream is added inside; the class returns only what the heads add to it.")
class StreamIncluded(Attention):
    def forward(self, resid):
        return resid + _write(self, _attend(self, resid))


@mistake("Attention", "The heads are averaged; the stream gets all that they say, summed.")
class HeadsAveraged(Attention):
    def forward(self, resid):
        return _write(self, _attend(self, resid)) / len(self.W_O)


@mistake("Attention", "Only one of the heads is heard.")
class FirstHeadOnly(Attention):
    def forward(self, resid):
        return torch.einsum("npe,ed->npd", _attend(self, resid)[:, 0], self.W_O[0])


@mistake("Attention", "What comes out has the heads' width still: W_O has to translate it back into the stream.")
class WithoutOutput(Attention):
    def forward(self, resid):
        return _attend(self, resid).transpose(1, 2).flatten(2)


@mistake(
    "Attention",
    "The axes of heads and positions are mixed up by a `reshape`: it never moves an axis, it only cuts anew.",
)
class ReshapedWrongly(Attention):
    def forward(self, resid):
        z = _attend(self, resid)
        n, heads, pos, d_head = z.shape
        return z.reshape(n, pos, heads * d_head) @ self.W_O.flatten(0, 1)


@mistake("Attention", "What is averaged are the keys; what a position gives away is its value.")
class KeysAsValues(Attention):
    def forward(self, resid):
        keys = torch.einsum("npd,hde->nhpe", resid, self.W_K)
        return _write(self, _attend(self, resid, mix=lambda pattern, v: pattern @ keys))


@mistake("Attention", "The shares are not used: this is a plain average of the values up to each position.")
class PlainAverage(Attention):
    def forward(self, resid):
        return _write(self, _attend(self, resid, scale=1e9))


@mistake("Attention", "`resid += …` writes into the caller's stream; what is asked is only what is to be added to it.")
class AttentionInPlace(Attention):
    def forward(self, resid):
        out = _write(self, _attend(self, resid))
        resid += out
        return out


# --- MLP --------------------------------------------------------------------------------------------------------------


def _mlp_weights(draw, d_model, d_mlp, dtype=torch.float32):
    return {
        "W_in": draw.normal(d_model, d_mlp, dtype=dtype) / d_model**0.5,
        "b_in": draw.normal(d_mlp, dtype=dtype),
        "W_out": draw.normal(d_mlp, d_model, dtype=dtype) / d_mlp**0.5,
        "b_out": draw.normal(d_model, dtype=dtype),
    }


def _mlp(resid, W):
    """Neuron by neuron, in numpy."""
    W = {name: weight.double().numpy() for name, weight in W.items()}
    resid = resid.double().numpy()
    out = np.empty_like(resid)
    for i, position in np.ndindex(resid.shape[:2]):
        out[i, position] = W["b_out"]
        for neuron, bias in enumerate(W["b_in"]):
            pre = sum(resid[i, position] * W["W_in"][:, neuron]) + bias
            if pre > 0:
                out[i, position] += pre * W["W_out"][neuron]
    return torch.from_numpy(out)


def _ask_mlp(student, draw, sizes, prepare=lambda weights, resid: None):
    inputs = []
    for n, pos, d_model, d_mlp in sizes:
        resid, weights = draw.normal(n, pos, d_model), _mlp_weights(draw, d_model, d_mlp)
        prepare(weights, resid)
        thing = student.MLP(d_model, d_mlp)
        thing.load(weights)
        inputs.append((resid, weights, thing(resid), f"n = {n}, pos = {pos}, d_model = {d_model}, d_mlp = {d_mlp}"))
    for resid, weights, got, on in inputs:
        yield resid, weights, expect_tensor(got, resid.shape, on=on), on


@checks("MLP", "where all neurons are active, two matrices and two biases")
def test_mlp_active(student, draw):
    def all_positive(weights, resid):
        resid.abs_()
        weights["W_in"].abs_()
        weights["b_in"].abs_()

    for resid, weights, got, on in _ask_mlp(student, draw, ((1, 1, 2, 3), (draw.integer(2, 4), 3, 4, 7)), all_positive):
        message = "with all neurons active, the result should be that of two linear layers, each with its bias"
        expect_close(got, _mlp(resid, weights), message, on)


@checks("MLP", "where every other neuron is silent, only the rest counts")
def test_mlp_silent(student, draw):
    def half_silent(weights, resid):
        weights["b_in"].abs_().add_(8)
        weights["b_in"][::2].neg_()

    for resid, weights, got, on in _ask_mlp(student, draw, ((1, 1, 2, 3), (draw.integer(2, 4), 3, 4, 7)), half_silent):
        message = "neurons below zero should have no influence on the result, and the others their full one"
        expect_close(got, _mlp(resid, weights), message, on, atol=1e-4)


@checks("MLP", "any stream, each position by itself")
def test_mlp_any(student, draw):
    sizes = ((1, 1, 3, 8), (1, 3, 3, 8), (draw.integer(3, 6), 3, 6, 20), (2, 5, 4, 4))
    for resid, weights, got, on in _ask_mlp(student, draw, sizes):
        message = "at each position the result should be linear → ReLU → linear of what stands there"
        expect_close(got, _mlp(resid, weights), message, on)


@checks("MLP", "float64 stays exact, and neither the stream nor the weights are changed")
def test_mlp_exact(student, draw):
    weights, resid = _mlp_weights(draw, 4, 9, torch.float64), draw.normal(3, 3, 4, dtype=torch.float64)
    thing = student.MLP(4, 9)
    thing.load(weights)
    reply = student.make("call_on_views", thing, resid)
    on = "n = 3, pos = 3, d_model = 4, d_mlp = 9, float64"
    got = expect_tensor(reply["value"], resid.shape, torch.float64, on)
    expect_close(got, _mlp(resid, weights), "should be exact to float64's last digits", on, rtol=1e-11, atol=1e-11)
    unchanged = all(thing.get(name).equal(weight) for name, weight in weights.items())
    expect(unchanged and not reply["changed"], "the stream and the weights should be left as they were", on)


@checks("MLP", "it can be trained: a gradient reaches every weight", side=True)
def test_mlp_learns(student, draw):
    thing, resid = student.MLP(4, 9), draw.normal(2, 3, 4)
    thing.load(_mlp_weights(draw, 4, 9))
    _expect_to_learn(student, thing, resid, "n = 2, pos = 3, d_model = 4, d_mlp = 9")


def _neurons(mlp, resid):
    return resid @ mlp.W_in + mlp.b_in


@mistake("MLP", "Nothing is cut off: without the ReLU, two matrices in a row are no more than one matrix.")
class WithoutReLU(MLP):
    def forward(self, resid):
        return _neurons(self, resid) @ self.W_out + self.b_out


_CUT_AT_THE_END = "The result is cut off at zero; the ReLU is for the neurons, between the two matrices."


@mistake("MLP", _CUT_AT_THE_END)
class ReLUAtTheEnd(MLP):
    def forward(self, resid):
        return (_neurons(self, resid).relu() @ self.W_out + self.b_out).relu()


@mistake("MLP", _CUT_AT_THE_END)
class ReLUOnlyAtTheEnd(MLP):
    def forward(self, resid):
        return (_neurons(self, resid) @ self.W_out + self.b_out).relu()


@mistake("MLP", "The neurons' bias is missing.")
class WithoutInnerBias(MLP):
    def forward(self, resid):
        return (resid @ self.W_in).relu() @ self.W_out + self.b_out


@mistake("MLP", "The second bias is missing.")
class WithoutOuterBias(MLP):
    def forward(self, resid):
        return _neurons(self, resid).relu() @ self.W_out


@mistake("MLP", "The neurons' bias comes too late: it shifts the point at which a neuron is cut off.")
class BiasAfterReLU(MLP):
    def forward(self, resid):
        return ((resid @ self.W_in).relu() + self.b_in) @ self.W_out + self.b_out


@mistake("MLP", "This is GELU, which is smooth and lets a little of the negative through; ours is ReLU.")
class WithGELU(MLP):
    def forward(self, resid):
        return F.gelu(_neurons(self, resid)) @ self.W_out + self.b_out


@mistake("MLP", "Negative neurons lose their sign here, but they should be silent.")
class WithAbs(MLP):
    def forward(self, resid):
        return _neurons(self, resid).abs() @ self.W_out + self.b_out


@mistake("MLP", "It is cut off on the wrong side: what survives here are the negative neurons.")
class CutOnTheWrongSide(MLP):
    def forward(self, resid):
        return _neurons(self, resid).clamp(max=0) @ self.W_out + self.b_out


@mistake("MLP", "The residual stream is added inside; the class returns only what the MLP adds to it.")
class StreamIncludedInMLP(MLP):
    def forward(self, resid):
        return resid + _neurons(self, resid).relu() @ self.W_out + self.b_out


@mistake("MLP", "W_in is used twice; the way back has a matrix of its own.")
class TiedMatrices(MLP):
    def forward(self, resid):
        return _neurons(self, resid).relu() @ self.W_in.T + self.b_out


@mistake("MLP", "The positions are averaged, but the MLP never moves anything between positions.")
class PositionsAveraged(MLP):
    def forward(self, resid):
        out = _neurons(self, resid).relu() @ self.W_out + self.b_out
        return out.mean(1, keepdim=True).expand(resid.shape)


@mistake("MLP", "`resid += …` writes into the caller's stream; what is asked is only what is to be added to it.")
class MLPInPlace(MLP):
    def forward(self, resid):
        out = _neurons(self, resid).relu() @ self.W_out + self.b_out
        resid += out
        return out


# --- Transformer ------------------------------------------------------------------------------------------------------


def _weights(draw, p, d_model, heads, d_mlp, dtype=torch.float32):
    attention = _attention_weights(draw, d_model, heads, d_model // heads, dtype)
    return {
        "W_E": draw.normal(p + 1, d_model, dtype=dtype),
        "W_pos": draw.normal(3, d_model, dtype=dtype),
        "W_U": draw.normal(d_model, p + 1, dtype=dtype) / d_model**0.5,
        **{f"attn.{name}": weight for name, weight in attention.items()},
        **{f"mlp.{name}": weight for name, weight in _mlp_weights(draw, d_model, d_mlp, dtype).items()},
    }


def _part(weights, name):
    return {key.removeprefix(name): weight for key, weight in weights.items() if key.startswith(name)}


def _logits(tokens, weights):
    resid = _embedded(tokens, weights["W_E"].double(), weights["W_pos"].double())
    resid = resid + _attention(resid, _part(weights, "attn."))
    resid = resid + _mlp(resid, _part(weights, "mlp."))
    return resid[:, 2] @ weights["W_U"].double()


def _questions(draw, n, p):
    return torch.cat([draw.integers(0, p - 1, n, 2), torch.full((n, 1), p)], 1)


def _ask_transformer(student, draw, sizes, off=(), dtype=torch.float32):
    inputs = []
    for n, p, d_model, heads, d_mlp in sizes:
        weights, tokens = _weights(draw, p, d_model, heads, d_mlp, dtype), _questions(draw, n, p)
        for name in off:
            weights[name].zero_()
        thing = student.Transformer(p, d_model, heads, d_mlp)
        thing.load(weights)
        on = f"n = {n}, p = {p}, d_model = {d_model}, {heads} head{'s' if heads > 1 else ''}, d_mlp = {d_mlp}"
        inputs.append((tokens, weights, thing(tokens), thing, on))
    for tokens, weights, got, thing, on in inputs:
        shape = (len(tokens), weights["W_U"].shape[1])
        yield tokens, weights, expect_tensor(got, shape, dtype, on), thing, on


_SIZES = ((1, 2, 2, 1, 3), (1, 3, 4, 2, 5), (5, 7, 6, 3, 8))
_ATTENTION_OFF = ("attn.W_O",)
_MLP_OFF = ("mlp.W_out", "mlp.b_out")


@checks("Transformer", "with attention and MLP silenced, the stream goes straight from embedding to unembedding")
def test_transformer_straight(student, draw):
    for tokens, weights, got, _, on in _ask_transformer(student, draw, _SIZES, _ATTENTION_OFF + _MLP_OFF):
        message = "if no part adds anything, the logits should be those of what the stream at = began with"
        expect_close(got, _logits(tokens, weights), message, on, atol=1e-4)


@checks("Transformer", "with the MLP silenced, attention adds to the stream")
def test_transformer_attention(student, draw):
    for tokens, weights, got, _, on in _ask_transformer(student, draw, _SIZES, _MLP_OFF):
        message = "the logits should be those of the stream at =, with what attention adds to it"
        expect_close(got, _logits(tokens, weights), message, on, atol=1e-4)


@checks("Transformer", "with attention silenced, the MLP adds to the stream")
def test_transformer_mlp(student, draw):
    for tokens, weights, got, _, on in _ask_transformer(student, draw, _SIZES, _ATTENTION_OFF):
        message = "the logits should be those of the stream at =, with what the MLP adds to it"
        expect_close(got, _logits(tokens, weights), message, on, atol=1e-4)


@checks("Transformer", "the whole model")
def test_transformer_whole(student, draw):
    sizes = (*_SIZES, (draw.integer(6, 9), draw.integer(8, 12), 8, 4, 16))
    for tokens, weights, got, _, on in _ask_transformer(student, draw, sizes):
        message = "attention, then the MLP, should each read the stream as it then is and add to it"
        expect_close(got, _logits(tokens, weights), message, on, atol=1e-4)


@checks("Transformer", "float64 stays exact, and no weight is changed")
def test_transformer_exact(student, draw):
    for tokens, weights, got, thing, on in _ask_transformer(student, draw, [(4, 5, 6, 2, 7)], dtype=torch.float64):
        message = "should be exact to float64's last digits"
        expect_close(got, _logits(tokens, weights), message, f"{on}, float64", rtol=1e-10, atol=1e-10)
        unchanged = all(thing.get(name).equal(weight) for name, weight in weights.items())
        expect(unchanged, "the weights should be left as they were, but one was changed in place", on)


@checks("Transformer", "it can be trained: a gradient reaches every weight", side=True)
def test_transformer_learns(student, draw):
    thing, tokens = student.Transformer(5, 6, 2, 7), _questions(draw, 4, 5)
    thing.load(_weights(draw, 5, 6, 2, 7))
    _expect_to_learn(student, thing, tokens, "n = 4, p = 5, d_model = 6, 2 heads, d_mlp = 7")


class _Stages(Transformer):
    """The parts of the forward pass, to be put together wrongly."""

    def start(self, tokens):
        return self.W_E[tokens] + self.W_pos

    def end(self, tokens):
        mid = self.start(tokens)
        mid = mid + self.attn(mid)
        return mid + self.mlp(mid)


@mistake("Transformer", "These are the logits at all three positions; the answer is read at `=`.")
class AllPositions(_Stages):
    def forward(self, tokens):
        return self.end(tokens) @ self.W_U


@mistake("Transformer", "These are the logits at the first position; the answer is read at `=`, the last.")
class FirstPosition(_Stages):
    def forward(self, tokens):
        return (self.end(tokens) @ self.W_U)[:, 0]


@mistake("Transformer", "The logits are averaged over the positions; the answer is read at `=` alone.")
class AveragePosition(_Stages):
    def forward(self, tokens):
        return (self.end(tokens) @ self.W_U).mean(1)


@mistake("Transformer", "The MLP does not read what attention has written: it reads the stream as it was at the start.")
class Parallel(_Stages):
    def forward(self, tokens):
        start = self.start(tokens)
        return ((start + self.attn(start) + self.mlp(start)) @ self.W_U)[:, -1]


_REPLACED = "A part's result takes the place of the stream; each part should add to what is there."


@mistake("Transformer", _REPLACED)
class AttentionReplaces(_Stages):
    def forward(self, tokens):
        mid = self.attn(self.start(tokens))
        return ((mid + self.mlp(mid)) @ self.W_U)[:, -1]


@mistake("Transformer", _REPLACED)
class MLPReplaces(_Stages):
    def forward(self, tokens):
        mid = self.start(tokens)
        return (self.mlp(mid + self.attn(mid)) @ self.W_U)[:, -1]


@mistake("Transformer", _REPLACED)
class BothReplace(_Stages):
    def forward(self, tokens):
        return (self.mlp(self.attn(self.start(tokens))) @ self.W_U)[:, -1]


@mistake("Transformer", "The MLP comes first here, before attention has brought the two numbers together.")
class MLPFirst(_Stages):
    def forward(self, tokens):
        mid = self.start(tokens)
        mid = mid + self.mlp(mid)
        return ((mid + self.attn(mid)) @ self.W_U)[:, -1]


@mistake("Transformer", "The positions are missing from the start of the stream.")
class WithoutPositions(_Stages):
    def start(self, tokens):
        return self.W_E[tokens]

    def forward(self, tokens):
        return (self.end(tokens) @ self.W_U)[:, -1]


@mistake("Transformer", "These are probabilities: the model returns logits, and the softmax comes with the loss.")
class Probabilities(_Stages):
    def forward(self, tokens):
        return (self.end(tokens) @ self.W_U)[:, -1].softmax(-1)


@mistake("Transformer", "The embedding is used once more; the unembedding is a matrix of its own.")
class TiedUnembedding(_Stages):
    def forward(self, tokens):
        return (self.end(tokens) @ self.W_E.T)[:, -1]


@mistake("Transformer", "This model has no LayerNorm: the stream is read as it is.")
class WithLayerNorm(_Stages):
    def forward(self, tokens):
        mid = self.start(tokens)
        mid = mid + self.attn(F.layer_norm(mid, mid.shape[-1:]))
        post = mid + self.mlp(F.layer_norm(mid, mid.shape[-1:]))
        return (F.layer_norm(post, post.shape[-1:]) @ self.W_U)[:, -1]


@mistake("Transformer", "The logit of `=` is cut off; there is one for each of the p + 1 tokens.")
class WithoutEquals(_Stages):
    def forward(self, tokens):
        return (self.end(tokens) @ self.W_U)[:, -1, :-1]


# --- exact_cross_entropy ----------------------------------------------------------------------------------------------


def _decimal_loss(logits, label):
    """log(1 + Σ_{j≠y} exp(l_j − l_y)) with 60 digits."""
    with localcontext() as context:
        context.prec = 60
        logits = [Decimal(float(logit)) for logit in logits]
        rest = sum((logit - logits[label]).exp() for j, logit in enumerate(logits) if j != label)
        return float((1 + rest).ln())


def _ask_for_losses(student, inputs, *, rtol, atol, message):
    answers = [student.exact_cross_entropy(logits, labels) for logits, labels, _ in inputs]
    for (logits, labels, on), got in zip(inputs, answers, strict=True):
        expect_tensor(got, (len(labels),), on=on)
        expect(got.dtype in (logits.dtype, torch.float64), "should have the logits' dtype, or float64", on)
        expected = [_decimal_loss(row, label) for row, label in zip(logits, labels.tolist(), strict=True)]
        expect_close(got, expected, message, on, rtol=rtol, atol=atol)


def _sizes(logits):
    return f"n = {logits.shape[0]}, vocab = {logits.shape[1]}"


@checks("exact_cross_entropy", "ordinary logits: one loss for each question")
def test_losses_ordinary(student, draw):
    inputs = []
    for n, vocab, dtype in ((1, 2, torch.float32), (1, 3, torch.float64), (draw.integer(4, 9), 12, torch.float32)):
        logits, labels = draw.normal(n, vocab, dtype=dtype), draw.integers(0, vocab - 1, n)
        inputs.append((logits, labels, f"{_sizes(logits)}, {str(dtype)[6:]}"))
    message = "should be minus the logarithm of the right answer's probability"
    _ask_for_losses(student, inputs, rtol=1e-4, atol=1e-5, message=message)


@checks("exact_cross_entropy", "a model that is very sure, and right: losses down to a billionth")
def test_losses_tiny(student, draw):
    inputs = []
    for vocab, lead in ((2, draw.number(11, 12)), (2, draw.number(20, 20.7)), (7, draw.number(15, 18)), (30, 22.0)):
        logits = draw.normal(3, vocab) * 0.3
        labels = draw.integers(0, vocab - 1, 3)
        logits[torch.arange(3), labels] = logits.amax(1) + lead
        inputs.append((logits, labels, f"{_sizes(logits)}, the right answer leads by {lead:.1f}"))
    message = "the loss should be right to four digits, however small it is"
    _ask_for_losses(student, inputs, rtol=1e-4, atol=0, message=message)


@checks("exact_cross_entropy", "a model that is very sure, and wrong; and large logits")
def test_losses_huge(student, draw):
    inputs = []
    for vocab, size in ((2, 100.0), (3, 500.0), (9, draw.number(900, 1000))):
        logits = draw.integers(-5, 5, 4, vocab).float()
        labels = draw.integers(0, vocab - 1, 4)
        logits[0, (labels[0] + 1) % vocab] += round(size)  # a wrong answer leads
        logits[1] += round(size)  # all are large
        logits[2] -= round(size)
        inputs.append((logits, labels, f"{_sizes(logits)}, logits up to {size:.0f}"))
    message = "the loss should be right however large the logits are"
    _ask_for_losses(student, inputs, rtol=1e-4, atol=1e-3, message=message)


@checks("exact_cross_entropy", "a gradient for training flows back to the logits, which are left as they were")
def test_losses_gradient(student, draw):
    logits, labels = draw.normal(3, 5, dtype=torch.float64), draw.integers(0, 4, 3)
    function = student.value("exact_cross_entropy")
    reply = student.make("call_on_views", function, logits, labels)
    got = student.make("gradient", function, logits, labels)
    on = f"{_sizes(logits)}, float64"
    expect(not reply["changed"], "logits and labels should be left as they were, but one was changed in place", on)
    expect(
        isinstance(got, torch.Tensor),
        "the losses should hang on the logits, so that a gradient can flow back to them",
        on,
    )
    expected = np.exp(logits.numpy()) / np.exp(logits.numpy()).sum(1, keepdims=True)
    expected[np.arange(3), labels.numpy()] -= 1
    message = "the gradient should be that of a cross-entropy: the probabilities, minus one at the right answer"
    expect_close(got, expected, message, on, rtol=1e-3, atol=1e-4)


def _right(logits, labels):
    return logits.gather(1, labels[:, None])


def _exact(logits, labels):
    others = logits.masked_fill(F.one_hot(labels, logits.shape[1]).bool(), -math.inf)
    return F.softplus(others.logsumexp(1) - _right(logits, labels)[:, 0], threshold=40)


@mistake(
    "exact_cross_entropy",
    "Somewhere a 1 is added to a tiny number (in a softmax, too), and what is small beside it is lost.",
)
def usual(logits, labels):
    return F.cross_entropy(logits, labels, reduction="none")


@mistake("exact_cross_entropy", "The exponential overflows where a wrong answer leads by more than about 88.")
def overflowing(logits, labels):
    others = (logits - _right(logits, labels)).exp().scatter(1, labels[:, None], 0.0)
    return others.sum(1).log1p()


@mistake("exact_cross_entropy", "The right answer is in the sum with the others: the 1 stands for it already.")
def right_answer_counted_twice(logits, labels):
    return F.softplus(logits.logsumexp(1) - _right(logits, labels)[:, 0], threshold=40)


@mistake("exact_cross_entropy", "This is the mean over all questions; each question has a loss of its own.")
def mean_loss(logits, labels):
    return _exact(logits, labels).mean()


@mistake("exact_cross_entropy", "This is the sum over all questions; each question has a loss of its own.")
def total_loss(logits, labels):
    return _exact(logits, labels).sum()


@mistake("exact_cross_entropy", "The sign is wrong: a loss is never negative.")
def negative_loss(logits, labels):
    return -_exact(logits, labels)


@mistake(
    "exact_cross_entropy",
    "A small number added to the probability avoids log 0, but it also hides every loss that is smaller.",
)
def with_epsilon(logits, labels):
    return -(_right(logits.softmax(1), labels)[:, 0] + 1e-6).log()


@mistake("exact_cross_entropy", "This is by how much the others lead, all together; the 1 of log(1 + …) is missing.")
def without_the_one(logits, labels):
    others = logits.masked_fill(F.one_hot(labels, logits.shape[1]).bool(), -math.inf)
    return others.logsumexp(1) - _right(logits, labels)[:, 0]


@mistake("exact_cross_entropy", "The labels are not used: what leads is not always what is right.")
def the_leading_answer(logits, labels):
    return _exact(logits, logits.argmax(1))


@mistake("exact_cross_entropy", "Every question is compared with every label; each has its own label only.")
def every_label(logits, labels):
    return torch.stack([_exact(logits, label.expand(len(labels))) for label in labels], 1)


@mistake("exact_cross_entropy", "`scatter_` (with the underscore) writes into the caller's logits.")
def losses_in_place(logits, labels):
    right = _right(logits, labels)[:, 0].clone()
    return F.softplus(logits.scatter_(1, labels[:, None], -math.inf).logsumexp(1) - right, threshold=40)


@mistake(
    "exact_cross_entropy",
    "The computation has left torch (`detach`, `item`, numpy), so no gradient can find its way back.",
)
def without_gradient(logits, labels):
    return _exact(logits.detach(), labels)


# --- n_parameters -----------------------------------------------------------------------------------------------------


def _count(p, d_model, heads, d_mlp):
    """Counted in torch's own layers instead of by hand."""
    d_head = d_model // heads
    layers = [
        torch.nn.Embedding(p + 1, d_model),
        torch.nn.Embedding(3, d_model),
        *(torch.nn.Linear(d_model, d_head, bias=False) for _ in range(3 * heads)),
        *(torch.nn.Linear(d_head, d_model, bias=False) for _ in range(heads)),
        torch.nn.Linear(d_model, d_mlp),
        torch.nn.Linear(d_mlp, d_model),
        torch.nn.Linear(d_model, p + 1, bias=False),
    ]
    return sum(weight.numel() for layer in layers for weight in layer.parameters())


def _ask_for_counts(student, sizes):
    answers = [student.n_parameters(*size) for size in sizes]
    for size, got in zip(sizes, answers, strict=True):
        on = "p = {}, d_model = {}, n_heads = {}, d_mlp = {}".format(*size)
        yield size, expect_number(got, on), on


@checks("n_parameters", "one head")
def test_count_one_head(student, draw):
    sizes = [(2, 1, 1, 1), (3, 2, 1, 5), (draw.integer(5, 40), draw.integer(3, 20), 1, draw.integer(30, 60))]
    for size, got, on in _ask_for_counts(student, sizes):
        expect(got == _count(*size), "should be the number of all entries of all the matrices and biases", on)


@checks("n_parameters", "several heads")
def test_count_heads(student, draw):
    heads, width = draw.integer(3, 5), draw.integer(2, 6)
    for size, got, on in _ask_for_counts(student, [(2, 2, 2, 3), (draw.integer(5, 40), heads * width, heads, 20)]):
        expect(got == _count(*size), "should count every head, each with its share of d_model", on)


@checks("n_parameters", "what one more neuron and one more number cost")
def test_count_grows(student, draw):
    p, width, d_mlp = draw.integer(5, 40), 2 * draw.integer(2, 8), draw.integer(10, 40)
    counts = _ask_for_counts(student, [(p, width, 2, d_mlp), (p, width, 2, d_mlp + 1), (p + 1, width, 2, d_mlp)])
    (_, base, on), (_, neuron, _), (_, number, _) = counts
    expect(neuron - base == 2 * width + 1, "one more neuron: its weights going in and coming out, and its bias", on)
    expect(number - base == 2 * width, "one more number: its row in the embedding, its column in the unembedding", on)


@checks("n_parameters", "a whole number", side=True)
def test_count_whole(student, draw):
    for size in ((2, 1, 1, 1), (draw.integer(5, 40), 12, draw.integer(2, 3), 20)):
        got = student.n_parameters(*size)
        number = got.item() if isinstance(got, torch.Tensor) and got.numel() == 1 else got
        on = "p = {}, d_model = {}, n_heads = {}, d_mlp = {}".format(*size)
        expect(isinstance(number, int) and number > 0, "a count should be a positive whole number, an int", on)


def _counted(p, d_model, n_heads, d_mlp, *, attention=4, without=()):
    parts = {
        "W_E": (p + 1) * d_model,
        "W_pos": 3 * d_model,
        "attention": attention * d_model**2,
        "W_in": d_model * d_mlp,
        "b_in": d_mlp,
        "W_out": d_mlp * d_model,
        "b_out": d_model,
        "W_U": d_model * (p + 1),
    }
    return sum(count for name, count in parts.items() if name not in without)


@mistake("n_parameters", "The vocabulary has one token more than there are numbers.")
def count_without_equals(p, d_model, n_heads, d_mlp):
    return _counted(p - 1, d_model, n_heads, d_mlp)


@mistake("n_parameters", "The biases are parameters, too.")
def count_without_biases(p, d_model, n_heads, d_mlp):
    return _counted(p, d_model, n_heads, d_mlp, without=("b_in", "b_out"))


@mistake(
    "n_parameters",
    "One vector of d_model numbers is missing: look again at the biases, and at the number of positions.",
)
def count_without_outer_bias(p, d_model, n_heads, d_mlp):
    return _counted(p, d_model, n_heads, d_mlp, without=("b_out",))


@mistake("n_parameters", "The neurons have a bias as well, not only what the MLP writes.")
def count_without_inner_bias(p, d_model, n_heads, d_mlp):
    return _counted(p, d_model, n_heads, d_mlp, without=("b_in",))


@mistake("n_parameters", "The positional embedding is missing.")
def count_without_positions(p, d_model, n_heads, d_mlp):
    return _counted(p, d_model, n_heads, d_mlp, without=("W_pos",))


@mistake("n_parameters", "Embedding and unembedding are two matrices; only one of them is counted.")
def count_with_tied_unembedding(p, d_model, n_heads, d_mlp):
    return _counted(p, d_model, n_heads, d_mlp, without=("W_U",))


@mistake("n_parameters", "A head has four matrices: what it reads is also translated back.")
def count_without_output(p, d_model, n_heads, d_mlp):
    return _counted(p, d_model, n_heads, d_mlp, attention=3)


@mistake("n_parameters", "Only one head is counted.")
def count_of_one_head(p, d_model, n_heads, d_mlp):
    return _counted(p, d_model, n_heads, d_mlp, attention=0) + 4 * d_model * (d_model // n_heads)


@mistake("n_parameters", "A head is not as wide as the stream: the heads share its width among them.")
def count_of_wide_heads(p, d_model, n_heads, d_mlp):
    return _counted(p, d_model, n_heads, d_mlp, attention=4 * n_heads)


@mistake("n_parameters", "The number is right, but it is a float: `/` makes one even where it divides evenly.")
def count_as_float(p, d_model, n_heads, d_mlp):
    return _counted(p, d_model, n_heads, d_mlp, attention=4 * n_heads / n_heads)


@mistake("n_parameters", "This is the count for the course's own model; sizes are arguments.")
def count_of_ours(p, d_model, n_heads, d_mlp):
    return 226_816


# --- patched_answer ---------------------------------------------------------------------------------------------------


@checks("patched_answer", "what the model answers with another question's attention")
def test_patched_answer(student, draw):
    expect(expect_choice(student, "patched_answer", "abcd") == "b", "this is not what the model answers")


wrong_values(
    "patched_answer", "What stands at the positions of 100 and 50 no longer matters when the MLP begins.", "a", "A"
)
wrong_values(
    "patched_answer", "Attention's own result was replaced, not added to: only one pair of numbers is left.", "c", "C"
)
wrong_values(
    "patched_answer", "What did the stream at `=` hold before attention, and did that depend on the question?", "d", "D"
)
wrong_values("patched_answer", "Answer with the letter, not with the number behind it.", 15, "15", 37, "37", 52, "52")
