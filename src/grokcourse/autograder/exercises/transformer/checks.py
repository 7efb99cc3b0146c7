# ruff: noqa: D101, D102 (planted classes carry a hint instead of a docstring)
"""Hidden tests of chapter 02, the transformer. What is expected is worked out in numpy, in float64, one by one."""

import math
from decimal import Decimal, localcontext

import numpy as np
import torch
import torch.nn.functional as F

from ....model import MLP, Attention, Transformer
from ..questions import expect_choice, wrong_values
from ..side_conditions import TYPES
from ..testing import checks, expect, expect_close, expect_number, expect_tensor, mistake

BOTH = torch.float32, torch.float64


def _expect_to_learn(student, thing, given, on):
    thing(given)  # for the hints
    missed = student.make("params_without_grad", thing, given)
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


@checks("embed", "without positions, each token becomes its row of W_E", weight=2)
def test_embed_tokens(student, draw):
    sizes = ((1, 3, 3, 3), (1, 3, 3, 2), (draw.integer(4, 7), draw.integer(8, 12), 3, 5))
    inputs = [_embedding(draw, *size) for size in sizes]
    student.embed(*inputs[0][:3])  # for the hints: with W_pos zero, a product is zero, too
    for _, _, W_pos, _ in inputs:
        W_pos.zero_()
    for tokens, W_E, W_pos, got, on in _ask_to_embed(student, inputs):
        message = "with W_pos zero, a token should become its own row of W_E"
        expect_close(got, _embedded(tokens, W_E, W_pos), message, on)


@checks("embed", "were all tokens alike, the positions would still tell them apart", weight=2)
def test_embed_positions(student, draw):
    sizes = ((1, 3, 3, 3), (1, 3, 3, 2), (draw.integer(4, 7), draw.integer(8, 12), 3, 5))
    inputs = [_embedding(draw, *size) for size in sizes]
    for _, W_E, _, _ in inputs:
        W_E.copy_(W_E[0].clone().expand(W_E.shape))
    for tokens, W_E, W_pos, got, on in _ask_to_embed(student, inputs):
        message = "with all rows of W_E equal, positions should differ by their rows of W_pos, whatever the token"
        expect_close(got, _embedded(tokens, W_E, W_pos), message, on)


@checks("embed", "token and position together", weight=3)
def test_embed_both(student, draw):
    sizes = ((1, 3, 3, 3), (3, 4, 3, 3), (draw.integer(4, 7), 10, 3, 8), (2, 6, draw.integer(4, 6), 7))
    for tokens, W_E, W_pos, got, on in _ask_to_embed(student, [_embedding(draw, *size) for size in sizes]):
        expect_close(got, _embedded(tokens, W_E, W_pos), "should be the token's row plus the position's row", on)


def _embed_on_views(student, draw, dtype=torch.float64):
    tokens, W_E, W_pos, on = _embedding(draw, 5, 7, 3, 4, dtype)
    return student.make("call_on_views", student.value("embed"), tokens, W_E, W_pos), f"{on}, {str(dtype)[6:]}"


@checks("embed", TYPES, side=True)
def test_embed_dtype(student, draw):
    for dtype, (reply, on) in [(dtype, _embed_on_views(student, draw, dtype)) for dtype in BOTH]:
        expect_tensor(reply["value"], (5, 3, 4), dtype, on)


@checks("embed", "tokens and tables are left as they were", side=True)
def test_embed_unchanged(student, draw):
    reply, on = _embed_on_views(student, draw)
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


@mistake("embed", "Every position gets the same row of W_pos here.")
def first_position_for_all(tokens, W_E, W_pos):
    return W_E[tokens] + W_pos[0]


@mistake("embed", "Every position gets the same vector here, the rows of W_pos summed: each has a row of its own.")
def positions_summed(tokens, W_E, W_pos):
    return W_E[tokens] + W_pos.sum(0)


@mistake("embed", "The rows of W_pos go to the positions in reverse: the first position has the first row.")
def positions_reversed(tokens, W_E, W_pos):
    return W_E[tokens] + W_pos.flip(0)


@mistake("embed", "W_pos is looked up with the token here; what chooses its row is where the token stands.")
def position_looked_up_by_token(tokens, W_E, W_pos):
    return W_E[tokens] + W_pos[tokens]


@mistake("embed", "A question need not have three tokens: there are as many positions as `tokens` has columns.")
def always_three_positions(tokens, W_E, W_pos):
    return W_E[tokens] + W_pos[torch.arange(3)]


@mistake("embed", "The tokens are missing: what is here depends on the position only.")
def only_positions(tokens, W_E, W_pos):
    return W_pos.expand(len(tokens), *W_pos.shape)


@mistake("embed", "The two vectors are to be added; here their mean is taken.")
def rows_averaged(tokens, W_E, W_pos):
    return (W_E[tokens] + W_pos) / 2


@mistake("embed", "The two vectors are to be added; here one is subtracted from the other.")
def rows_subtracted(tokens, W_E, W_pos):
    return W_E[tokens] - W_pos


@mistake("embed", "The two vectors are to be added; here the positions are joined on as three more rows.")
def positions_joined(tokens, W_E, W_pos):
    return torch.cat([W_E[tokens], W_pos.expand(len(tokens), -1, -1)], 1)


@mistake("embed", "The axes are in another order: asked for are questions, positions, width.")
def axes_exchanged(tokens, W_E, W_pos):
    return (W_E[tokens] + W_pos).transpose(0, 1)


@mistake("embed", "The factor √d_model belongs to other transformers; in ours nothing is scaled here.")
def both_scaled(tokens, W_E, W_pos):
    return (W_E[tokens] + W_pos) * math.sqrt(W_E.shape[1])


@mistake("embed", "The start of the stream is read as it is: nothing is normalised here.")
def normalised(tokens, W_E, W_pos):
    return F.layer_norm(W_E[tokens] + W_pos, W_E.shape[1:])


@mistake("embed", "The result is right, but it is a numpy array: torch could not train through it.")
def embedded_in_numpy(tokens, W_E, W_pos):
    return W_E.numpy()[tokens.numpy()] + W_pos.numpy()


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


_FLOAT32 = (
    "The result has the dtype of the tables: `.float()`, or `torch.zeros` without a dtype, forces it to be float32."
)


@mistake("embed", _FLOAT32)
def always_float32(tokens, W_E, W_pos):
    return F.one_hot(tokens, len(W_E)).float() @ W_E.float() + W_pos.float()


@mistake("embed", _FLOAT32)
def filled_into_float32(tokens, W_E, W_pos):
    out = torch.zeros(*tokens.shape, W_E.shape[1])
    out += W_E[tokens] + W_pos
    return out


@mistake("embed", "Adding in place (`W_E += …`, `W_pos -= …`) changes the model's own table.")
def embedding_in_place(tokens, W_E, W_pos):
    W_E += W_pos[0]
    W_pos -= W_pos[0].clone()
    return W_E[tokens] + W_pos


@mistake("embed", "`+=` on a row of W_E, which is a part of the table and no copy, changes the model's own table.")
def embedding_in_place_row_by_row(tokens, W_E, W_pos):
    questions = []
    for question in tokens:
        vectors = []
        for place, token in enumerate(question):
            vector = W_E[token]
            vector += W_pos[place]
            vectors.append(vector)
        questions.append(torch.stack(vectors))
    return torch.stack(questions)


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
    sizes = ((1, 1, 1, 1), (1, 1, 1, 4), (1, 2, 1, 9), (3, 2, 1, draw.integer(5, 8)))
    for q, k, got, _, on in _ask_for_scores(student, [_queries_and_keys(draw, *size) for size in sizes]):
        expect_close(got, _scores(q, k), "the score should be the dot product, scaled by the width of a head", on)


@checks("attention_scores", "queries and the keys that they may look at", weight=3)
def test_scores_earlier(student, draw):
    sizes = ((1, 1, 2, 4), (1, 1, 3, 5), (draw.integer(2, 4), 2, 3, 6), (2, 3, draw.integer(4, 6), 3))
    for q, k, got, later, on in _ask_for_scores(student, [_queries_and_keys(draw, *size) for size in sizes]):
        message = "entry [query, key] should compare that query with that key, where the key is not later"
        expect_close(got[..., ~later], _scores(q, k)[..., ~later], message, on)


@checks("attention_scores", "−∞ for every key that comes after the query, and for no other", weight=3)
def test_scores_later(student, draw):
    sizes = ((1, 1, 2, 4), (1, 1, 3, 5), (draw.integer(2, 4), 2, 3, 6))
    for _, _, got, later, on in _ask_for_scores(student, [_queries_and_keys(draw, *size) for size in sizes]):
        expect(bool((got[..., later] == -math.inf).all()), "where the key comes after the query there should be −∞", on)
        expect(
            bool(got[..., ~later].isfinite().all()),
            "where the key does not come after the query there should be numbers",
            on,
        )


def _scores_on_views(student, draw, dtype=torch.float64):
    q, k, on = _queries_and_keys(draw, 2, 2, 3, 5, dtype)
    return student.make("call_on_views", student.value("attention_scores"), q, k), f"{on}, {str(dtype)[6:]}"


@checks("attention_scores", TYPES, side=True)
def test_scores_dtype(student, draw):
    for dtype, (reply, on) in [(dtype, _scores_on_views(student, draw, dtype)) for dtype in BOTH]:
        expect_tensor(reply["value"], (2, 2, 3, 3), dtype, on)


@checks("attention_scores", "q and k are left as they were", side=True)
def test_scores_unchanged(student, draw):
    reply, on = _scores_on_views(student, draw)
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


@mistake(
    "attention_scores", "The scale is the width of a head, the last axis of q; this takes the number of positions."
)
def scores_scaled_by_positions(q, k):
    return _mask(q @ k.mT / q.shape[2] ** 0.5)


@mistake("attention_scores", "The scale is the width of a head, the last axis of q; this takes the number of heads.")
def scores_scaled_by_heads(q, k):
    return _mask(q @ k.mT / q.shape[1] ** 0.5)


@mistake(
    "attention_scores", "The scale is the width of a head, the last axis of q; this takes the number of questions."
)
def scores_scaled_by_questions(q, k):
    return _mask(q @ k.mT / len(q) ** 0.5)


_WIDTH_IS_READ_OFF = "The width of a head is read off q: it is that of our own model here, whatever q is."


@mistake("attention_scores", _WIDTH_IS_READ_OFF)
def scores_scaled_by_32(q, k):
    return _mask(q @ k.mT / 32**0.5)


@mistake("attention_scores", _WIDTH_IS_READ_OFF)
def scores_scaled_by_128(q, k):
    return _mask(q @ k.mT / 128**0.5)


@mistake("attention_scores", "The dot products are multiplied by √d_head; wide heads have large ones, so divide.")
def scores_scaled_up(q, k):
    return _mask(q @ k.mT * q.shape[-1] ** 0.5)


@mistake("attention_scores", "Each vector is divided by its length here; the scale is the same for all, √d_head.")
def scores_of_directions(q, k):
    return _mask(F.normalize(q, dim=-1) @ F.normalize(k, dim=-1).mT)


@mistake(
    "attention_scores",
    "`masked_fill` wants a mask of true and false: make it with dtype=torch.bool, or call `.bool()`.",
)
def scores_filled_by_numbers(q, k):
    scores = _scaled(q, k)
    return scores.masked_fill(torch.ones(scores.shape[-2:]).triu(1), -math.inf)


@mistake("attention_scores", "`.T` turns round all four axes: exchange the last two only, with `transpose(-1, -2)`.")
def scores_with_all_axes_turned(q, k):
    return _mask(q @ k.permute(3, 2, 1, 0) / q.shape[-1] ** 0.5)


@mistake("attention_scores", "The wrong axes of k are exchanged: it should be the last two, with `transpose(-1, -2)`.")
def scores_with_the_wrong_axes_exchanged(q, k):
    return _mask(q @ k.transpose(1, 2) / q.shape[-1] ** 0.5)


@mistake(
    "attention_scores", "A `reshape` never moves an axis, it only cuts anew: exchange the last two with `transpose`."
)
def scores_of_reshaped_keys(q, k):
    return _mask(q @ k.reshape(*k.shape[:2], k.shape[3], k.shape[2]) / q.shape[-1] ** 0.5)


@mistake("attention_scores", "Every query meets only the key at its own place here: a score is due for each pair.")
def scores_of_the_same_place(q, k):
    return (q * k).sum(-1) / q.shape[-1] ** 0.5


@mistake(
    "attention_scores", "The products are not added up yet: a score is a dot product, one number for query and key."
)
def scores_not_summed(q, k):
    return q[:, :, :, None] * k[:, :, None] / q.shape[-1] ** 0.5


@mistake("attention_scores", "The mask is on the wrong side: `tril` marks the keys that may be looked at.")
def scores_masked_below(q, k):
    scores = _scaled(q, k)
    return scores.masked_fill(torch.ones_like(scores).tril().bool(), -math.inf)


@mistake("attention_scores", "+∞ would draw all attention to the keys that are forbidden: their sign is wrong.")
def scores_masked_with_plus_infinity(q, k):
    return _mask(_scaled(q, k), value=math.inf)


@mistake("attention_scores", "The mask starts one place too far on: it leaves the next key in sight.")
def scores_masked_too_late(q, k):
    return _mask(_scaled(q, k), 2)


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


def _masked_with(value):
    def answer(q, k):
        return _mask(_scaled(q, k), value=value)

    answer.__name__ = f"scores_masked_with_{value:g}"
    return answer


for _value in (-1e30, -1e20, -1e10, -1e9, -1e8, -1e6, -1e5, -1e4, -1e3, -999.0, -100.0, torch.finfo(torch.float32).min):
    mistake("attention_scores", _NEARLY)(_masked_with(_value))


@mistake("attention_scores", _NEARLY)
def scores_masked_with_the_least(q, k):
    return _mask(_scaled(q, k), value=torch.finfo(q.dtype).min)


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


@mistake("attention_scores", "The scores are right, but their dtype is always float32; it should be that of q and k.")
def scores_in_float32(q, k):
    return _mask(_scaled(q, k)).float()


@mistake("attention_scores", "The scores are right, but they are a numpy array: torch could not train through it.")
def scores_as_an_array(q, k):
    return _mask(_scaled(q, k)).numpy()


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


@checks("Attention", "one head: an average of values, weighted by the shares", weight=3)
def test_attention_one_head(student, draw):
    sizes = ((1, 2, 4, 1, 4), (1, 3, 6, 1, 3), (draw.integer(2, 5), 3, 8, 1, 4))
    for resid, weights, got, on in _ask_attention(student, draw, sizes):
        message = "each position should get the values of itself and those before it, averaged by its shares, times W_O"
        expect_close(got, _attention(resid, weights), message, on)


@checks("Attention", "several heads: what they add to the stream, together", weight=3)
def test_attention_heads(student, draw):
    sizes = ((1, 2, 4, 2, 2), (1, 3, 6, 2, 3), (draw.integer(2, 5), 3, 8, 4, 3))
    for resid, weights, got, on in _ask_attention(student, draw, sizes):
        message = "each head should work by itself, and the stream should get all that they say"
        expect_close(got, _attention(resid, weights), message, on)


def _attention_on_views(student, draw, dtype=torch.float64):
    weights = _attention_weights(draw, 6, 2, 3, dtype)
    resid, thing = draw.normal(3, 3, 6, dtype=dtype), student.Attention(6, 2, 3)
    thing.load(weights)
    reply = student.make("call_on_views", thing, resid)
    on = f"n = 3, pos = 3, d_model = 6, 2 heads of 3, {str(dtype)[6:]}"
    unchanged = all(thing.get(name).equal(weight) for name, weight in weights.items())
    return resid, reply["value"], unchanged and not reply["changed"], on


@checks("Attention", TYPES, side=True)
def test_attention_dtype(student, draw):
    for dtype, (resid, got, _, on) in [(dtype, _attention_on_views(student, draw, dtype)) for dtype in BOTH]:
        expect_tensor(got, resid.shape, dtype, on)


@checks("Attention", "neither the stream nor the weights are changed", side=True)
def test_attention_unchanged(student, draw):
    _, _, unchanged, on = _attention_on_views(student, draw)
    expect(unchanged, "the stream and the weights should be left as they were", on)


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


@mistake("Attention", "The shares sum to one over the heads: the softmax has to go over the keys, the last axis.")
class SoftmaxOverHeads(Attention):
    def forward(self, resid):
        return _write(self, _attend(self, resid, softmax=1))


@mistake("Attention", "The shares sum to one over the questions: the softmax has to go over the keys, the last axis.")
class SoftmaxOverQuestions(Attention):
    def forward(self, resid):
        return _write(self, _attend(self, resid, softmax=0))


@mistake("Attention", "The softmax is missing: scores are no shares yet, and −∞ is not among them.")
class WithoutSoftmax(Attention):
    def forward(self, resid):
        q, k, v = (torch.einsum("npd,hde->nhpe", resid, W) for W in (self.W_Q, self.W_K, self.W_V))
        return _write(self, _mask(q @ k.mT / q.shape[-1] ** 0.5) @ v)


@mistake("Attention", "Masked after the softmax, the shares no longer add up to one: the mask belongs to the scores.")
class MaskedShares(Attention):
    def forward(self, resid):
        return _write(self, _attend(self, resid, mask=False, mix=lambda pattern, v: pattern.tril() @ v))


@mistake("Attention", "A score of 0 does not forbid anything: the softmax turns it into a share like any other.")
class MaskedWithZero(Attention):
    def forward(self, resid):
        q, k, v = (torch.einsum("npd,hde->nhpe", resid, W) for W in (self.W_Q, self.W_K, self.W_V))
        return _write(self, _mask(q @ k.mT / q.shape[-1] ** 0.5, value=0.0).softmax(-1) @ v)


@mistake("Attention", "The scale is the width of a head; this takes the width of the stream.")
class ScaledByStream(Attention):
    def forward(self, resid):
        return _write(self, _attend(self, resid, scale=resid.shape[-1] ** 0.5))


@mistake(
    "Attention", "The width of a head is read off the weights: it is that of our own model here, 32, whatever they are."
)
class ScaledByOurWidth(Attention):
    def forward(self, resid):
        return _write(self, _attend(self, resid, scale=32**0.5))


@mistake("Attention", "What is averaged are the queries; what a position gives away is its value.")
class QueriesAsValues(Attention):
    def forward(self, resid):
        queries = torch.einsum("npd,hde->nhpe", resid, self.W_Q)
        return _write(self, _attend(self, resid, mix=lambda pattern, v: pattern @ queries))


@mistake("Attention", "What is averaged is the stream itself, or what W_V makes of it is never used.")
class OwnValueOnly(Attention):
    def forward(self, resid):
        return _write(self, torch.einsum("npd,hde->nhpe", resid, self.W_V))


@mistake("Attention", "The axis of the heads is still there: the stream gets all that they say, summed over the heads.")
class HeadsKeptApart(Attention):
    def forward(self, resid):
        return _attend(self, resid) @ self.W_O


@mistake("Attention", "The heads are summed before W_O: each head has a W_O of its own, and the sum comes after it.")
class SummedTooSoon(Attention):
    def forward(self, resid):
        return _attend(self, resid).sum(1) @ self.W_O.sum(0)


@mistake("Attention", "Only the last of the heads is heard: add to the result in the loop instead of setting it anew.")
class LastHeadOnly(Attention):
    def forward(self, resid):
        return _attend(self, resid)[:, -1] @ self.W_O[-1]


@mistake("Attention", "Only one position is returned: each position of the stream gets something.")
class LastPositionOnly(Attention):
    def forward(self, resid):
        return _write(self, _attend(self, resid))[:, -1]


@mistake("Attention", "The result is right, but its dtype is always float32: `torch.zeros` needs to be told another.")
class AttentionInFloat32(Attention):
    def forward(self, resid):
        return _write(self, _attend(self, resid)).float()


@mistake("Attention", "What is returned has left the graph (`detach`, `data`, numpy), so that nothing could be learnt.")
class AttentionCutOff(Attention):
    def forward(self, resid):
        return _write(self, _attend(self, resid)).detach()


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


@checks("MLP", "without biases: to the neurons, cut off at zero, and back", weight=4)
def test_mlp_without_biases(student, draw):
    def no_bias(weights, resid):
        weights["b_in"].zero_()
        weights["b_out"].zero_()
        signs = torch.ones(weights["b_in"].shape)
        signs[1::2] = -1  # with a positive stream: a neuron that fires, a neuron that is silent, and so on
        resid[0].abs_()
        weights["W_in"].abs_().mul_(signs)

    for resid, weights, got, on in _ask_mlp(student, draw, ((1, 1, 2, 4), (draw.integer(2, 4), 3, 4, 8)), no_bias):
        message = "with all biases 0, the result should be W_out of what is left of W_in's after the cut at zero"
        expect_close(got, _mlp(resid, weights), message, on)


def _first_result_negative(weights):
    """Turn the signs of what makes the first number of a result, so that a ReLU at the end is always seen."""
    weights["W_out"][:, 0].abs_().neg_()
    weights["b_out"][0].abs_().neg_()


@checks("MLP", "where all neurons are active, two matrices and two biases")
def test_mlp_active(student, draw):
    def all_positive(weights, resid):
        resid.abs_()
        weights["W_in"].abs_()
        weights["b_in"].abs_()
        _first_result_negative(weights)

    for resid, weights, got, on in _ask_mlp(student, draw, ((1, 1, 2, 3), (draw.integer(2, 4), 3, 4, 7)), all_positive):
        message = "with all neurons active, the result should be that of two linear layers, each with its bias"
        expect_close(got, _mlp(resid, weights), message, on)


@checks("MLP", "where every other neuron is silent, only the rest counts")
def test_mlp_silent(student, draw):
    def half_silent(weights, resid):
        weights["W_in"].mul_(0.05)
        weights["b_in"].clamp_(-1, 1).abs_().add_(1)  # near enough to zero to tell a ReLU from its smooth relatives
        weights["b_in"][::2].neg_()
        _first_result_negative(weights)

    for resid, weights, got, on in _ask_mlp(student, draw, ((1, 1, 2, 3), (draw.integer(2, 4), 3, 4, 7)), half_silent):
        message = "neurons below zero should have no influence on the result, and the others their full one"
        expect_close(got, _mlp(resid, weights), message, on, atol=1e-4)


@checks("MLP", "any stream, each position by itself", weight=2)
def test_mlp_any(student, draw):
    sizes = ((1, 1, 3, 8), (1, 3, 3, 8), (draw.integer(3, 6), 3, 6, 20), (2, 5, 4, 4))
    for resid, weights, got, on in _ask_mlp(student, draw, sizes):
        message = "at each position the result should be linear → ReLU → linear of what stands there"
        expect_close(got, _mlp(resid, weights), message, on)


def _mlp_on_views(student, draw, dtype=torch.float64):
    weights, resid = _mlp_weights(draw, 4, 9, dtype), draw.normal(3, 3, 4, dtype=dtype)
    thing = student.MLP(4, 9)
    thing.load(weights)
    reply = student.make("call_on_views", thing, resid)
    on = f"n = 3, pos = 3, d_model = 4, d_mlp = 9, {str(dtype)[6:]}"
    unchanged = all(thing.get(name).equal(weight) for name, weight in weights.items())
    return resid, reply["value"], unchanged and not reply["changed"], on


@checks("MLP", TYPES, side=True)
def test_mlp_dtype(student, draw):
    for dtype, (resid, got, _, on) in [(dtype, _mlp_on_views(student, draw, dtype)) for dtype in BOTH]:
        expect_tensor(got, resid.shape, dtype, on)


@checks("MLP", "neither the stream nor the weights are changed", side=True)
def test_mlp_unchanged(student, draw):
    _, _, unchanged, on = _mlp_on_views(student, draw)
    expect(unchanged, "the stream and the weights should be left as they were", on)


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


@mistake("MLP", "Both biases are missing: one comes before the cut at zero, the other at the end.")
class WithoutBiases(MLP):
    def forward(self, resid):
        return (resid @ self.W_in).relu() @ self.W_out


@mistake("MLP", "Here the stream is cut off before it comes to the neurons: the ReLU is for the neurons.")
class ReLUOnTheStream(MLP):
    def forward(self, resid):
        return (resid.relu() @ self.W_in + self.b_in) @ self.W_out + self.b_out


_OTHER_CURVE = "This is another curve than ReLU, which leaves what is positive as it is and makes the rest 0."


@mistake("MLP", _OTHER_CURVE)
class WithSigmoid(MLP):
    def forward(self, resid):
        return _neurons(self, resid).sigmoid() @ self.W_out + self.b_out


@mistake("MLP", _OTHER_CURVE)
class WithTanh(MLP):
    def forward(self, resid):
        return _neurons(self, resid).tanh() @ self.W_out + self.b_out


@mistake("MLP", _OTHER_CURVE)
class WithLeakyReLU(MLP):
    def forward(self, resid):
        return F.leaky_relu(_neurons(self, resid)) @ self.W_out + self.b_out


@mistake("MLP", _OTHER_CURVE)
class WithSiLU(MLP):
    def forward(self, resid):
        return F.silu(_neurons(self, resid)) @ self.W_out + self.b_out


@mistake("MLP", _OTHER_CURVE)
class WithSoftplus(MLP):
    def forward(self, resid):
        return F.softplus(_neurons(self, resid)) @ self.W_out + self.b_out


@mistake("MLP", "Neurons do not compete: each is cut off by itself, and no softmax makes shares of them.")
class WithSoftmax(MLP):
    def forward(self, resid):
        return _neurons(self, resid).softmax(-1) @ self.W_out + self.b_out


@mistake("MLP", "Negative neurons lose their sign here, but they should be silent.")
class WithSquares(MLP):
    def forward(self, resid):
        return _neurons(self, resid).square() @ self.W_out + self.b_out


@mistake("MLP", "These are the neurons; W_out has to translate them back into the stream.")
class NeuronsOnly(MLP):
    def forward(self, resid):
        return _neurons(self, resid).relu()


@mistake("MLP", "A neuron below zero is silent; here it passes 1 if it is above, whatever it is.")
class OneOrNothing(MLP):
    def forward(self, resid):
        neurons = _neurons(self, resid)
        return (neurons > 0).to(neurons.dtype) @ self.W_out + self.b_out


@mistake("MLP", "Only one position is returned: each position of the stream gets something.")
class MLPAtTheLastPosition(MLP):
    def forward(self, resid):
        return _neurons(self, resid[:, -1]).relu() @ self.W_out + self.b_out


@mistake("MLP", "The result is right, but its dtype is always float32: it should be that of the stream.")
class MLPInFloat32(MLP):
    def forward(self, resid):
        return (_neurons(self, resid).relu() @ self.W_out + self.b_out).float()


@mistake("MLP", "What is returned has left the graph (`detach`, `data`, numpy), so that nothing could be learnt.")
class MLPCutOff(MLP):
    def forward(self, resid):
        return (_neurons(self, resid).relu() @ self.W_out + self.b_out).detach()


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
    """An ordinary question, and others of any tokens: the forward pass computes with them all alike."""
    tokens = draw.integers(0, p, n, 3)
    tokens[-1] = torch.tensor([p, draw.integer(0, p - 1), draw.integer(0, p - 1)])
    tokens[0] = torch.tensor([draw.integer(0, p - 1), draw.integer(0, p - 1), p])
    return tokens


def _ask_transformer(student, draw, sizes, off=(), dtype=None):
    inputs = []
    for n, p, d_model, heads, d_mlp in sizes:
        weights = _weights(draw, p, d_model, heads, d_mlp, dtype or torch.float32)
        tokens = _questions(draw, n, p)
        for name in off:
            weights[name].zero_()
        thing = student.Transformer(p, d_model, heads, d_mlp)
        thing.load(weights)
        on = f"n = {n}, p = {p}, d_model = {d_model}, {heads} head{'s' if heads > 1 else ''}, d_mlp = {d_mlp}"
        inputs.append((tokens, weights, thing(tokens), thing, on))
    for tokens, weights, got, thing, on in inputs:
        shape = (len(tokens), weights["W_U"].shape[1])
        yield tokens, weights, expect_tensor(got, shape, dtype, on), thing, on


_SIZES = ((2, 2, 2, 1, 3), (2, 3, 4, 2, 5), (5, 7, 6, 3, 8))
_ATTENTION_OFF = ("attn.W_O",)
_MLP_OFF = ("mlp.W_out", "mlp.b_out")


@checks("Transformer", "with attention and MLP silenced, the stream goes straight from embedding to unembedding")
def test_transformer_straight(student, draw):
    for tokens, weights, got, _, on in _ask_transformer(student, draw, _SIZES, _ATTENTION_OFF + _MLP_OFF):
        message = "if no part adds anything, the logits should be those of what the stream at = began with"
        expect_close(got, _logits(tokens, weights), message, on, atol=1e-4)


@checks("Transformer", "with the MLP silenced, attention adds to the stream", weight=2)
def test_transformer_attention(student, draw):
    for tokens, weights, got, _, on in _ask_transformer(student, draw, _SIZES, _MLP_OFF):
        message = "the logits should be those of the stream at =, with what attention adds to it"
        expect_close(got, _logits(tokens, weights), message, on, atol=1e-4)


@checks("Transformer", "with attention silenced, the MLP adds to the stream", weight=2)
def test_transformer_mlp(student, draw):
    for tokens, weights, got, _, on in _ask_transformer(student, draw, _SIZES, _ATTENTION_OFF):
        message = "the logits should be those of the stream at =, with what the MLP adds to it"
        expect_close(got, _logits(tokens, weights), message, on, atol=1e-4)


@checks("Transformer", "the whole model", weight=5)
def test_transformer_whole(student, draw):
    sizes = (*_SIZES, (draw.integer(6, 9), draw.integer(8, 12), 8, 4, 16))
    for tokens, weights, got, _, on in _ask_transformer(student, draw, sizes):
        message = "attention, then the MLP, should each read the stream as it then is and add to it"
        expect_close(got, _logits(tokens, weights), message, on, atol=1e-4)


@checks("Transformer", TYPES, side=True)
def test_transformer_dtype(student, draw):
    for dtype in BOTH:
        list(_ask_transformer(student, draw, [(4, 5, 6, 2, 7)], dtype=dtype))


@checks("Transformer", "no weight is changed", side=True)
def test_transformer_unchanged(student, draw):
    for _, weights, _, thing, on in _ask_transformer(student, draw, _SIZES):
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


@mistake(
    "Transformer",
    "`fast_logits` is a short cut for questions [a, b, =], proved later by comparing it with this: write the forward "
    "pass itself, for any tokens.",
)
class FastLogits(Transformer):
    def forward(self, tokens):
        return self.fast_logits(tokens[:, 0], tokens[:, 1])


_IN_PLACE = "`x += …` writes into a stream that the gradient of attention still needs: write `x = x + …`."


@mistake("Transformer", _IN_PLACE)
class StreamInPlace(_Stages):
    def forward(self, tokens):
        x = self.start(tokens)
        x += self.attn(x)
        x += self.mlp(x)
        return x[:, -1] @ self.W_U


@mistake("Transformer", _IN_PLACE)
class StreamInPlaceOnce(_Stages):
    def forward(self, tokens):
        x = self.start(tokens)
        x += self.attn(x)
        return (x + self.mlp(x))[:, -1] @ self.W_U


@mistake("Transformer", "The MLP is missing.")
class WithoutMLP(_Stages):
    def forward(self, tokens):
        mid = self.start(tokens)
        return ((mid + self.attn(mid)) @ self.W_U)[:, -1]


@mistake("Transformer", "Attention is missing.")
class WithoutAttention(_Stages):
    def forward(self, tokens):
        mid = self.start(tokens)
        return ((mid + self.mlp(mid)) @ self.W_U)[:, -1]


@mistake("Transformer", "Attention and MLP are missing: the stream goes straight to the unembedding.")
class WithoutParts(_Stages):
    def forward(self, tokens):
        return (self.start(tokens) @ self.W_U)[:, -1]


@mistake("Transformer", "The start of the stream is added a second time: it is in the stream already.")
class StartTwice(_Stages):
    def forward(self, tokens):
        return ((self.start(tokens) + self.end(tokens)) @ self.W_U)[:, -1]


@mistake("Transformer", "The MLP reads what attention says only; it should read the whole stream as it then is.")
class MLPReadsAttention(_Stages):
    def forward(self, tokens):
        start = self.start(tokens)
        said = self.attn(start)
        return ((start + said + self.mlp(said)) @ self.W_U)[:, -1]


@mistake("Transformer", "What attention adds is counted twice: the MLP's result is what is still to be added.")
class AttentionTwice(_Stages):
    def forward(self, tokens):
        start = self.start(tokens)
        said = self.attn(start)
        return ((start + 2 * said + self.mlp(start + said)) @ self.W_U)[:, -1]


@mistake("Transformer", "These are the logits at the second position; the answer is read at `=`, the last.")
class SecondPosition(_Stages):
    def forward(self, tokens):
        return (self.end(tokens) @ self.W_U)[:, 1]


@mistake("Transformer", "The logits are summed over the positions; the answer is read at `=` alone.")
class SummedPositions(_Stages):
    def forward(self, tokens):
        return (self.end(tokens) @ self.W_U).sum(1)


@mistake(
    "Transformer", "There is an axis of length 1 too many: `[:, -1]` takes a position, `[:, -1:]` a stretch of one."
)
class OneAxisTooMany(_Stages):
    def forward(self, tokens):
        return (self.end(tokens) @ self.W_U)[:, -1:]


@mistake("Transformer", "These are the logits of the last question; what is asked is the last position of each.")
class LastQuestion(_Stages):
    def forward(self, tokens):
        return (self.end(tokens) @ self.W_U)[-1]


@mistake("Transformer", "These are log-probabilities: the model returns logits, and the softmax comes with the loss.")
class LogProbabilities(_Stages):
    def forward(self, tokens):
        return (self.end(tokens) @ self.W_U)[:, -1].log_softmax(-1)


@mistake("Transformer", "This is the answer that leads; the model returns the logits of all tokens.")
class LeadingToken(_Stages):
    def forward(self, tokens):
        return (self.end(tokens) @ self.W_U)[:, -1].argmax(-1)


@mistake("Transformer", "This is the stream at the end; the unembedding W_U still has to make logits of it.")
class WithoutUnembedding(_Stages):
    def forward(self, tokens):
        return self.end(tokens)[:, -1]


@mistake("Transformer", "Some weights are copied (`detach`, `data`, numpy), so that no gradient comes back to them.")
class TransformerCutOff(_Stages):
    def forward(self, tokens):
        return ((self.end(tokens) @ self.W_U)[:, -1]).detach()


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
        expected = [_decimal_loss(row, label) for row, label in zip(logits, labels.tolist(), strict=True)]
        expect_close(got, expected, message, on, rtol=rtol, atol=atol)


def _sizes(logits):
    return f"n = {logits.shape[0]}, vocab = {logits.shape[1]}"


@checks("exact_cross_entropy", "ordinary logits: one loss for each question")
def test_losses_ordinary(student, draw):
    inputs = []
    for n, vocab, dtype in ((1, 2, torch.float32), (1, 3, torch.float64), (draw.integer(4, 9), 12, torch.float32)):
        logits, labels = 1.5 * draw.normal(n, vocab, dtype=dtype).tanh(), draw.integers(0, vocab - 1, n)
        inputs.append((logits, labels, f"{_sizes(logits)}, {str(dtype)[6:]}"))
    message = "should be minus the logarithm of the right answer's probability"
    _ask_for_losses(student, inputs, rtol=1e-4, atol=1e-5, message=message)


@checks("exact_cross_entropy", "a model that is very sure, and right: losses down to a billionth", weight=6)
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
        logits[3] = 0  # all are alike: what is as large as the right answer's counts, too
        inputs.append((logits, labels, f"{_sizes(logits)}, logits up to {size:.0f}"))
    message = "the loss should be right however large the logits are"
    _ask_for_losses(student, inputs, rtol=1e-4, atol=1e-3, message=message)


@checks("exact_cross_entropy", "a gradient for training flows back to the logits")
def test_losses_gradient(student, draw):
    logits, labels = draw.normal(3, 5), draw.integers(0, 4, 3)
    labels[0] = logits[0].argmin()  # not all labels are the leading answers
    got = student.make("gradient", student.value("exact_cross_entropy"), logits, labels)
    on = _sizes(logits)
    expect(
        isinstance(got, torch.Tensor),
        "the losses should hang on the logits, so that a gradient can flow back to them",
        on,
    )
    logits = logits.double()
    expected = np.exp(logits.numpy()) / np.exp(logits.numpy()).sum(1, keepdims=True)
    expected[np.arange(3), labels.numpy()] -= 1
    message = "the gradient should be that of a cross-entropy: the probabilities, minus one at the right answer"
    expect_close(got, expected, message, on, rtol=1e-3, atol=1e-4)


@checks("exact_cross_entropy", "dtype: for logits of float64 losses of float64", side=True)
def test_losses_dtype(student, draw):
    logits, labels = draw.normal(3, 5, dtype=torch.float64), draw.integers(0, 4, 3)
    reply = student.make("call_on_views", student.value("exact_cross_entropy"), logits, labels)
    expect_tensor(reply["value"], (3,), torch.float64, f"{_sizes(logits)}, float64")


@checks("exact_cross_entropy", "logits and labels are left as they were", side=True)
def test_losses_unchanged(student, draw):
    logits, labels = draw.normal(3, 5), draw.integers(0, 4, 3)
    reply = student.make("call_on_views", student.value("exact_cross_entropy"), logits, labels)
    message = "logits and labels should be left as they were, but one was changed in place"
    expect(not reply["changed"], message, _sizes(logits))


def _right(logits, labels):
    return logits.gather(1, labels[:, None])


def _exact(logits, labels):
    others = logits.masked_fill(F.one_hot(labels, logits.shape[1]).bool(), -math.inf)
    return F.softplus(others.logsumexp(1) - _right(logits, labels)[:, 0], threshold=40)


_ROUNDED = "Somewhere a 1 is added to a tiny number (in a softmax, too), and what is small beside it is lost."


@mistake("exact_cross_entropy", _ROUNDED)
def usual(logits, labels):
    return F.cross_entropy(logits, labels, reduction="none")


@mistake("exact_cross_entropy", _ROUNDED)
def usual_by_hand(logits, labels):
    return logits.logsumexp(1) - _right(logits, labels)[:, 0]


@mistake("exact_cross_entropy", _ROUNDED)
def logarithm_of_the_softmax(logits, labels):
    return -_right(logits.softmax(1), labels)[:, 0].log()


@mistake("exact_cross_entropy", _ROUNDED)
def logarithm_of_one_plus(logits, labels):
    others = (logits - _right(logits, labels)).exp().scatter(1, labels[:, None], 0.0)
    return (1 + others.sum(1)).log()


@mistake("exact_cross_entropy", _ROUNDED)
def exponential_and_logarithm(logits, labels):
    return (_exact(logits, labels).exp() - 1).log1p()


@mistake("exact_cross_entropy", _ROUNDED)
def rounded_in_float16(logits, labels):
    return F.cross_entropy(logits.bfloat16().float(), labels, reduction="none")


@mistake("exact_cross_entropy", "This is the mean over all questions; each question has a loss of its own.")
def usual_mean(logits, labels):
    return F.cross_entropy(logits, labels)


@mistake("exact_cross_entropy", "The largest of the others stands for their sum: near it the rest counts, too.")
def only_the_largest(logits, labels):
    others = logits.masked_fill(F.one_hot(labels, logits.shape[1]).bool(), -math.inf)
    return F.softplus(others.amax(1) - _right(logits, labels)[:, 0], threshold=40)


@mistake(
    "exact_cross_entropy", "The logits are cut off before the exponential, and so every loss above the cut is wrong."
)
def cut_off_before(logits, labels):
    others = (logits - _right(logits, labels)).clamp(max=80).exp().scatter(1, labels[:, None], 0.0)
    return others.sum(1).log1p()


@mistake(
    "exact_cross_entropy", "A logit that is set to 0 still adds exp(0) = 1 to the sum: to leave it out, set it to −∞."
)
def right_answer_set_to_zero(logits, labels):
    others = logits.scatter(1, labels[:, None], 0.0).logsumexp(1)
    return F.softplus(others - _right(logits, labels)[:, 0], threshold=40)


@mistake("exact_cross_entropy", "The difference has the wrong sign: the others minus the right answer's.")
def turned_round(logits, labels):
    others = logits.masked_fill(F.one_hot(labels, logits.shape[1]).bool(), -math.inf)
    return F.softplus(_right(logits, labels)[:, 0] - others.logsumexp(1), threshold=40)


@mistake("exact_cross_entropy", "This is in bits: our loss is in nats, with the natural logarithm.")
def losses_in_bits(logits, labels):
    return _exact(logits, labels) / math.log(2)


@mistake(
    "exact_cross_entropy",
    "There is an axis of length 1 too many: one loss for each question is a tensor of shape (n,).",
)
def losses_in_a_column(logits, labels):
    return _exact(logits, labels)[:, None]


@mistake("exact_cross_entropy", "The losses of float64 logits should be float64 again: these are always float32.")
def losses_in_float32(logits, labels):
    return _exact(logits, labels).float()


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


_WRITES = "`scatter_` (with the underscore) and `logits[…] = …` write into the caller's logits."


@mistake("exact_cross_entropy", _WRITES)
def losses_in_place_by_index(logits, labels):
    rows = torch.arange(len(labels))
    right = logits[rows, labels].clone()  # which a gradient flows through, as it does not after `gather`
    logits[rows, labels] = -math.inf
    return F.softplus(logits.logsumexp(1) - right)


@mistake("exact_cross_entropy", _WRITES)
def losses_in_place_by_index_after_gather(logits, labels):
    right = _right(logits, labels)[:, 0].clone()
    logits[torch.arange(len(labels)), labels] = -math.inf
    return F.softplus(logits.logsumexp(1) - right)


@mistake("exact_cross_entropy", _WRITES)
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


_ONE_VECTOR = (
    "One vector of d_model numbers is missing: look again at the biases, at the number of positions, and at the "
    "token `=`, which has a place in both vocabularies."
)


@mistake("n_parameters", _ONE_VECTOR)
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


@mistake("n_parameters", "The attention of our model has no biases: only the MLP has two.")
def count_with_attention_biases(p, d_model, n_heads, d_mlp):
    return _counted(p, d_model, n_heads, d_mlp) + 4 * d_model


@mistake("n_parameters", "The unembedding of our model has no bias.")
def count_with_unembedding_bias(p, d_model, n_heads, d_mlp):
    return _counted(p, d_model, n_heads, d_mlp) + p + 1


@mistake("n_parameters", "This model has no LayerNorm, and so no parameters of one.")
def count_with_layer_norm(p, d_model, n_heads, d_mlp):
    return _counted(p, d_model, n_heads, d_mlp) + 2 * d_model


@mistake("n_parameters", "The MLP has two matrices, one to the neurons and one back; only one is counted.")
def count_with_one_mlp_matrix(p, d_model, n_heads, d_mlp):
    return _counted(p, d_model, n_heads, d_mlp, without=("W_out",))


@mistake("n_parameters", _ONE_VECTOR)
def count_with_two_positions(p, d_model, n_heads, d_mlp):
    return _counted(p, d_model, n_heads, d_mlp) - d_model


@mistake("n_parameters", "The width of the MLP is an argument; it is not always four times that of the stream.")
def count_with_the_usual_mlp(p, d_model, n_heads, d_mlp):
    return _counted(p, d_model, n_heads, 4 * d_model)


@mistake("n_parameters", _ONE_VECTOR)
def count_without_equals_in_unembedding(p, d_model, n_heads, d_mlp):
    return _counted(p, d_model, n_heads, d_mlp) - d_model


@mistake("n_parameters", "The embedding is missing.")
def count_without_embedding(p, d_model, n_heads, d_mlp):
    return _counted(p, d_model, n_heads, d_mlp, without=("W_E",)) - (p + 1)


@mistake("n_parameters", "Attention is missing.")
def count_without_attention(p, d_model, n_heads, d_mlp):
    return _counted(p, d_model, n_heads, d_mlp, attention=0)


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
