"""Hidden tests of chapter 09, superposition. The oracles are loops over single numbers, and cases known by heart."""

import math

import torch

from ..side_conditions import TYPES, UNCHANGED, expect_dtypes, expect_unchanged, expect_values
from ..testing import checks, expect, expect_close, expect_number, mistake

# --- interference -----------------------------------------------------------------------------------------------------


def _dot(one, other):
    return math.fsum(a * b for a, b in zip(one, other, strict=True))


def _cosines(directions):
    rows = directions.double().tolist()
    table = [[_dot(a, b) / math.sqrt(_dot(a, a) * _dot(b, b)) for b in rows] for a in rows]
    return torch.tensor(table, dtype=torch.float64)


def _several(draw):
    """Directions of different lengths: fewer than dimensions, as many, and more."""
    for features, d in ((2, 3), (4, 4), (draw.integer(5, 7), draw.integer(2, 4))):
        lengths = torch.tensor([0.5 + i for i in range(features)])[:, None]
        yield draw.normal(features, d) * lengths[draw.order(features)]


@checks("interference", "directions at right angles, at 60°, and opposite to each other")
def test_interference_angles(student, draw):
    length = draw.number(2, 3)
    for name, other, cosine in (
        ("at a right angle", [0.0, length], 0.0),
        ("at 60°", [0.5 * length, 0.75**0.5 * length], 0.5),
        ("opposite", [-length, 0.0], -1.0),
    ):
        got = expect_values(student.interference(torch.tensor([[1.5, 0.0], other])), (2, 2), f"two directions {name}")
        message = "should hold the cosine of the angle between the two"
        expect_close(got[0, 1], cosine, message, f"two directions {name}")


@checks("interference", "the cosines of all pairs, whatever the lengths", weight=2)
def test_interference_pairs(student, draw):
    cases = list(_several(draw))
    for case, got in [(case, student.interference(case)) for case in cases]:
        on, n = f"directions of shape {tuple(case.shape)}", len(case)
        got = expect_values(got, (n, n), on)
        expect_close(got.diagonal(), torch.ones(n), "each direction should have cosine 1 with itself", on)
        expect_close(got, _cosines(case), "should hold the cosine of the angle of each pair", on)


@checks("interference", "the same if a direction is made longer")
def test_interference_lengths(student, draw):
    case = draw.normal(4, 3)
    longer = case * torch.tensor([3.0, 1.0, 0.25, 10.0])[:, None]
    got, again = student.interference(case), student.interference(longer)
    got, again = (expect_values(one, (4, 4), "4 directions in 3 dimensions") for one in (got, again))
    expect_close(got, _cosines(case), "should hold the cosine of the angle of each pair", "4 directions")
    expect_close(again, got, "should not depend on the lengths of the directions", "4 directions")


@checks("interference", TYPES, side=True)
def test_interference_dtype(student, draw):
    expect_dtypes(student, "interference", [(case.double(),) for case in _several(draw)], _cosines)


@checks("interference", UNCHANGED, side=True)
def test_interference_unchanged(student, draw):
    expect_unchanged(student, "interference", [(case,) for case in _several(draw)], "the directions")


@mistake("interference", "These are plain products: divide by the lengths, so that only the angle counts.")
def plain_products(directions):
    return directions @ directions.T


@mistake("interference", "Each product has to be divided by both lengths, not by one of them.")
def by_one_length(directions):
    return directions @ directions.T / directions.norm(dim=1, keepdim=True)


@mistake("interference", "Each product has to be divided by both lengths, not by one of them.")
def by_the_other_length(directions):
    return directions @ directions.T / directions.norm(dim=1)


@mistake("interference", "Directions are rows: a length is taken along dimension 1.")
def lengths_of_columns(directions):
    unit = directions / directions.norm(dim=0, keepdim=True)
    return unit @ unit.T


@mistake("interference", "This compares the dimensions with each other: directions are rows, and stay first.")
def between_dimensions(directions):
    unit = directions / directions.norm(dim=1, keepdim=True)
    return unit.T @ unit


@mistake("interference", "This divides by the squared lengths: the length is the root.")
def by_squared_lengths(directions):
    unit = directions / directions.square().sum(dim=1, keepdim=True)
    return unit @ unit.T


@mistake("interference", "This divides by the length of all directions together: each has its own.")
def by_the_whole(directions):
    unit = directions / directions.norm()
    return unit @ unit.T


@mistake("interference", "The sign is lost: directions that are opposite have cosine −1.")
def without_sign(directions):
    return _cosines(directions).abs().to(directions.dtype)


@mistake("interference", "The diagonal belongs to it: each direction has cosine 1 with itself.")
def without_diagonal(directions):
    cosines = _cosines(directions).to(directions.dtype)
    return cosines - torch.diag(cosines.diagonal())


@mistake("interference", "This is a correlation: the mean of a direction's entries must not be taken away.")
def correlations(directions):
    centred = directions - directions.mean(dim=1, keepdim=True)
    unit = centred / centred.norm(dim=1, keepdim=True)
    return unit @ unit.T


# --- feature_dimensionality -------------------------------------------------------------------------------------------


def _dimensionality(directions):
    rows = directions.double().tolist()
    shares = [
        _dot(one, one) / math.fsum((_dot(one, other) / math.sqrt(_dot(one, one))) ** 2 for other in rows)
        for one in rows
    ]
    return torch.tensor(shares, dtype=torch.float64)


@checks("feature_dimensionality", "a whole dimension for each, if all are at right angles; half, for opposite pairs")
def test_feature_dimensionality_known(student, draw):
    length = draw.number(1.5, 3)
    corners = torch.tensor([[math.cos(2 * math.pi * i / 5), math.sin(2 * math.pi * i / 5)] for i in range(5)])
    for name, case, share in (
        ("three at right angles", torch.diag(torch.tensor([1.0, 2.0, length])), 1.0),
        ("two opposite ones", torch.tensor([[length, 0.0], [-length, 0.0]]), 0.5),
        ("two opposite pairs", length * torch.tensor([[1.0, 0], [-1, 0], [0, 1], [0, -1]]), 0.5),
        ("five, evenly in a plane", length * corners, 0.4),
    ):
        got = expect_values(student.feature_dimensionality(case), (len(case),), name)
        message = "should be the share of a dimension that each has for itself"
        expect_close(got, torch.full((len(case),), share), message, name)


@checks("feature_dimensionality", "the formula, for directions of different lengths", weight=2)
def test_feature_dimensionality_formula(student, draw):
    cases = list(_several(draw))
    for case, got in [(case, student.feature_dimensionality(case)) for case in cases]:
        on = f"directions of shape {tuple(case.shape)}"
        got = expect_values(got, (len(case),), on)
        message = "should be the squared length over the sum of the squared products with Ŵ_i"
        expect_close(got, _dimensionality(case), message, on)


@checks("feature_dimensionality", "each from 0 to 1, and together at most the number of dimensions")
def test_feature_dimensionality_bounds(student, draw):
    for d in (1, 2, 3):
        case = draw.normal(6, d) * torch.arange(1.0, 7.0)[:, None]
        got = expect_values(student.feature_dimensionality(case), (6,), f"6 directions in {d} dimensions")
        expect(bool(((got > 0) & (got < 1 + 1e-4)).all()), "each should be between 0 and 1", f"{d} dimensions")
        expect(float(got.sum()) < d + 1e-3, "the sum should be the number of dimensions at most", f"{d} dimensions")
        message = "should follow the formula for directions of different lengths"
        expect_close(got, _dimensionality(case), message, f"6 directions in {d} dimensions")


@checks("feature_dimensionality", TYPES, side=True)
def test_feature_dimensionality_dtype(student, draw):
    cases = [(case.double(),) for case in _several(draw)]
    expect_dtypes(student, "feature_dimensionality", cases, _dimensionality)


@checks("feature_dimensionality", UNCHANGED, side=True)
def test_feature_dimensionality_unchanged(student, draw):
    expect_unchanged(student, "feature_dimensionality", [(case,) for case in _several(draw)], "the directions")


def _shared(directions, *, unit_rows=True, unit_columns=False, power=2, own=True):
    length = directions.norm(dim=1)
    products = directions @ directions.T
    products = products / length[:, None] if unit_rows else products
    products = products / length if unit_columns else products
    products = products.abs() ** power
    return products.sum(dim=1) if own else products.sum(dim=1) - products.diagonal()


@mistake("feature_dimensionality", "In the products below, W_i has length one: here it kept its own.")
def rows_as_they_are(directions):
    return directions.square().sum(dim=1) / _shared(directions, unit_rows=False)


@mistake("feature_dimensionality", "Only Ŵ_i has length one: the others, W_j, keep their own.")
def all_of_length_one(directions):
    return directions.square().sum(dim=1) / _shared(directions, unit_columns=True)


@mistake(
    "feature_dimensionality", "The lengths count: a short feature beside a long one has less than half for itself."
)
def of_cosines_alone(directions):
    return 1 / _shared(directions, unit_columns=True)


@mistake("feature_dimensionality", "The products are squared before they are added up.")
def products_not_squared(directions):
    return directions.square().sum(dim=1) / _shared(directions, power=1)


@mistake("feature_dimensionality", "Above the line stands the squared length.")
def length_not_squared(directions):
    return directions.norm(dim=1) / _shared(directions)


@mistake("feature_dimensionality", "The sum over j includes i itself: a feature alone has 1, not infinity.")
def without_itself(directions):
    shared = _shared(directions, own=False)
    return directions.square().sum(dim=1) / shared


@mistake("feature_dimensionality", "The sum over j includes i itself: a feature alone has 1, not infinity.")
def without_itself_guarded(directions):
    shared = _shared(directions, own=False)
    return torch.where(shared > 1e-6, directions.square().sum(dim=1) / shared.clamp(min=1e-6), 1.0)


@mistake("feature_dimensionality", "It is Ŵ_i that has length one, not W_j: the sum runs along the other side.")
def the_other_of_length_one(directions):
    return directions.square().sum(dim=1) / _shared(directions, unit_rows=False, unit_columns=True)


@mistake("feature_dimensionality", "One number for each feature is asked for, not their sum.")
def added_up(directions):
    return (directions.square().sum(dim=1) / _shared(directions)).sum()


@mistake("feature_dimensionality", "One number for each feature is asked for, not the average.")
def averaged(directions):
    return (directions.square().sum(dim=1) / _shared(directions)).mean()


# --- encode -----------------------------------------------------------------------------------------------------------


def _encoder(draw, n, d_in, d_sae):
    """Inputs and weights of an encoder, with biases that matter."""
    return draw.normal(n, d_in) + 0.5, draw.normal(d_in, d_sae), draw.normal(d_sae), draw.normal(d_in)


def _encoded(x, W_enc, b_enc, b_dec):
    columns, rows = W_enc.double().T.tolist(), x.double().tolist()
    out = [
        [
            max(0.0, _dot([v - b for v, b in zip(row, b_dec.tolist(), strict=True)], column) + bias)
            for column, bias in zip(columns, b_enc.tolist(), strict=True)
        ]
        for row in rows
    ]
    return torch.tensor(out, dtype=torch.float64)


def _encoders(draw):
    return [_encoder(draw, 2, 3, 4), _encoder(draw, 6, 4, 4), _encoder(draw, 5, draw.integer(2, 5), draw.integer(6, 9))]


@checks("encode", "one input and one latent, above zero and below")
def test_encode_small(student, draw):
    weight = draw.number(1, 2)
    for x, expected in ((3.0, 2.0 * weight + 0.5), (0.0, 0.0)):
        given = torch.tensor([[x]]), torch.tensor([[weight]]), torch.tensor([0.5]), torch.tensor([1.0])
        on = f"x = {x:.0f}, b_dec = 1, W_enc = {weight:.2f}, b_enc = 0.5"
        got = expect_values(student.encode(*given), (1, 1), on)
        expect_close(got, torch.tensor([[expected]]), "should be the formula's value", on, atol=1e-4)


@checks("encode", "the formula, for several inputs and latents", weight=2)
def test_encode_formula(student, draw):
    for case, got in [(case, student.encode(*case)) for case in _encoders(draw)]:
        on = f"inputs of shape {tuple(case[0].shape)}, an encoder of {tuple(case[1].shape)}"
        got = expect_values(got, (len(case[0]), case[1].shape[1]), on)
        expect_close(got, _encoded(*case), "should be ReLU((x − b_dec) W_enc + b_enc)", on, atol=1e-4)


@checks("encode", "no latent is negative, and an input that is b_dec gives the ReLU of b_enc")
def test_encode_at_the_bias(student, draw):
    _, W_enc, b_enc, b_dec = _encoder(draw, 1, 3, 6)
    got = expect_values(student.encode(b_dec[None], W_enc, b_enc, b_dec), (1, 6), "x = b_dec")
    expect(bool((got >= 0).all()), "no latent should be negative", "x = b_dec")
    expect_close(got[0], b_enc.clamp(min=0), "should be the ReLU of b_enc", "x = b_dec")
    x = draw.normal(8, 3)
    got = expect_values(student.encode(x, W_enc, b_enc, b_dec), (8, 6), "8 inputs")
    expect_close(got, _encoded(x, W_enc, b_enc, b_dec), "should be the formula's values", "8 inputs", atol=1e-4)


@checks("encode", TYPES, side=True)
def test_encode_dtype(student, draw):
    cases = [tuple(tensor.double() for tensor in case) for case in _encoders(draw)]
    expect_dtypes(student, "encode", cases, _encoded)


@checks("encode", UNCHANGED, side=True)
def test_encode_unchanged(student, draw):
    expect_unchanged(student, "encode", _encoders(draw), "the input")


@mistake("encode", "The ReLU is missing: latents are never negative.")
def without_relu(x, W_enc, b_enc, b_dec):
    return (x - b_dec) @ W_enc + b_enc


@mistake("encode", "The decoder's bias is not taken away from the input.")
def without_b_dec(x, W_enc, b_enc, b_dec):
    return (x @ W_enc + b_enc).relu()


@mistake("encode", "The encoder's bias is missing.")
def without_b_enc(x, W_enc, b_enc, b_dec):
    return ((x - b_dec) @ W_enc).relu()


@mistake("encode", "The decoder's bias is taken away here, and added only after decoding.")
def b_dec_added(x, W_enc, b_enc, b_dec):
    return ((x + b_dec) @ W_enc + b_enc).relu()


@mistake("encode", "The ReLU comes last: the bias is added before it.")
def bias_after_relu(x, W_enc, b_enc, b_dec):
    return ((x - b_dec) @ W_enc).relu() + b_enc


@mistake("encode", "The encoder's bias is added, not taken away.")
def b_enc_taken_away(x, W_enc, b_enc, b_dec):
    return ((x - b_dec) @ W_enc - b_enc).relu()


@mistake("encode", "Between zero and one this is a probability: a latent says how much, and is cut only at zero.")
def with_a_sigmoid(x, W_enc, b_enc, b_dec):
    return ((x - b_dec) @ W_enc + b_enc).sigmoid()


@mistake("encode", "What is asked for has a row for each input: this one is transposed.")
def with_latents_first(x, W_enc, b_enc, b_dec):
    return ((x - b_dec) @ W_enc + b_enc).relu().T


@mistake("encode", "The sign is lost, not cut: below zero a latent is 0.")
def absolute_values(x, W_enc, b_enc, b_dec):
    return ((x - b_dec) @ W_enc + b_enc).abs()


# --- keep_top_k -------------------------------------------------------------------------------------------------------


def _kept(latents, k):
    """The k largest of each row of different numbers."""
    rows = latents.double().tolist()
    kept = [[v if v in sorted(row)[-k:] else 0.0 for v in row] for row in rows]
    return torch.tensor(kept, dtype=torch.float64)


def _latents(draw):
    """Latents, all different and positive, in an order of their own for each row, and how many are kept."""
    for n, d_sae, k in ((2, 3, 1), (3, 5, 2), (7, 4, 3), (2, 6, 4), (4, 4, 4)):
        rows = [draw.order(d_sae) + 1.0 + 0.4 * draw.number(0, 1) for _ in range(n)]
        yield torch.stack(rows).float() * torch.arange(1.0, n + 1.0)[:, None], k


@checks("keep_top_k", "of each input the k largest are kept as they are, the others are 0", weight=2)
def test_keep_top_k_rows(student, draw):
    for (latents, k), got in [(case, student.keep_top_k(*case)) for case in _latents(draw)]:
        on = f"latents of shape {tuple(latents.shape)}, k = {k}"
        got = expect_values(got, latents.shape, on)
        expect_close(got, _kept(latents, k), "should keep the k largest latents of each row, and zeros", on)


@checks("keep_top_k", "an input with large latents takes nothing from one with small ones")
def test_keep_top_k_each(student, draw):
    rows = torch.stack([draw.order(5) + 1.0, 100.0 * (draw.order(5) + 1.0), 0.01 * (draw.order(5) + 1.0)])
    got = expect_values(student.keep_top_k(rows, 2), (3, 5), "three inputs of very different size, k = 2")
    message = "each input should keep two latents of its own"
    expect((got != 0).sum(dim=1).tolist() == [2, 2, 2], message, "three inputs of very different size, k = 2")
    expect_close(got, _kept(rows, 2), "should keep the two largest of each", "three inputs, k = 2")


@checks("keep_top_k", "where latents are equal, or fewer than k are not 0, there are still at most k")
def test_keep_top_k_equal(student, draw):
    value = draw.number(1, 2)
    for name, row, k, total in (
        ("four equal latents, k = 2", [value] * 4, 2, 2 * value),
        ("one latent that is not 0, k = 3", [0.0, value, 0.0, 0.0], 3, value),
        ("all 0, k = 1", [0.0] * 4, 1, 0.0),
        ("three equal and one larger, k = 2", [value, 3.0, value, value], 2, 3.0 + value),
    ):
        got = expect_values(student.keep_top_k(torch.tensor([row, row[::-1]]), k), (2, 4), name)
        expect(bool(((got != 0).sum(dim=1) <= k).all()), "at most k latents of a row should not be 0", name)
        expect_close(got.sum(dim=1), torch.tensor([total] * 2), "the k largest should be kept as they are", name)


@checks("keep_top_k", TYPES, side=True)
def test_keep_top_k_dtype(student, draw):
    cases = [(latents.double(), k) for latents, k in _latents(draw)]
    expect_dtypes(student, "keep_top_k", cases, _kept)


@checks("keep_top_k", UNCHANGED, side=True)
def test_keep_top_k_unchanged(student, draw):
    expect_unchanged(student, "keep_top_k", list(_latents(draw)), "the latents")


@mistake("keep_top_k", "These are the k largest values, and not their places: the shape stays (n, d_sae).")
def values_alone(latents, k):
    return latents.topk(k, dim=1).values


@mistake("keep_top_k", "The k largest are taken among all inputs together: each input has k of its own.")
def of_the_batch(latents, k):
    flat = latents.flatten()
    values, places = flat.topk(k)
    return torch.zeros_like(flat).scatter(0, places, values).view_as(latents)


@mistake("keep_top_k", "This keeps k times n among all inputs together, which is another method: each input has k.")
def of_the_batch_on_average(latents, k):
    flat = latents.flatten()
    values, places = flat.topk(k * len(latents))
    return torch.zeros_like(flat).scatter(0, places, values).view_as(latents)


@mistake("keep_top_k", "These are the k smallest.")
def the_smallest(latents, k):
    values, places = latents.topk(k, dim=1, largest=False)
    return torch.zeros_like(latents).scatter(1, places, values)


@mistake("keep_top_k", "Latents that are kept keep their values: ones alone would only say which.")
def ones_for_values(latents, k):
    return torch.zeros_like(latents).scatter(1, latents.topk(k, dim=1).indices, 1.0)


@mistake("keep_top_k", "The k largest are removed here: it is the others that become 0.")
def the_others(latents, k):
    return latents.scatter(1, latents.topk(k, dim=1).indices, 0.0)


@mistake("keep_top_k", "Equal latents all reach a threshold: then there are more than k.")
def by_a_threshold(latents, k):
    return latents * (latents >= latents.topk(k, dim=1).values[:, -1:])


@mistake("keep_top_k", "The k-th largest itself is kept as well: not only what is larger.")
def above_the_threshold(latents, k):
    return latents * (latents > latents.topk(k, dim=1).values[:, -1:])


@mistake("keep_top_k", "These are the first k latents: it is the largest that are asked for.")
def the_first(latents, k):
    return torch.cat([latents[:, :k], torch.zeros_like(latents[:, k:])], dim=1)


# --- sae_loss ---------------------------------------------------------------------------------------------------------


def _loss(x, reconstruction, latents, l1_coefficient):
    rows = zip(x.tolist(), reconstruction.tolist(), latents.tolist(), strict=True)
    each = [
        math.fsum((a - b) ** 2 for a, b in zip(one, other, strict=True)) + l1_coefficient * math.fsum(active)
        for one, other, active in rows
    ]
    return torch.tensor(math.fsum(each) / len(each), dtype=torch.float64)


def _losses(draw):
    for n, d_in, d_sae in ((2, 3, 5), (5, 2, 3), (4, 3, draw.integer(6, 9))):
        yield draw.normal(n, d_in), draw.normal(n, d_in), draw.normal(n, d_sae).abs(), draw.number(0.3, 0.6)


@checks("sae_loss", "one input: the squared length of the error, and the price of its latents")
def test_sae_loss_small(student, draw):
    price = draw.number(0.2, 0.4)
    x, reconstruction, latents = torch.tensor([[3.0, 4.0]]), torch.zeros(1, 2), torch.tensor([[2.0, 0.0, 1.0]])
    for coefficient, expected in ((0.0, 25.0), (price, 25 + 3 * price)):
        on = f"x = (3, 4), x̂ = (0, 0), latents 2, 0, 1, coefficient {coefficient:.2f}"
        got = expect_number(student.sae_loss(x, reconstruction, latents, coefficient), on)
        expect_close(got, expected, "should be the squared length plus the coefficient times the sum", on)


@checks("sae_loss", "several inputs: the average of what each would have alone", weight=2)
def test_sae_loss_several(student, draw):
    for case, got in [(case, student.sae_loss(*case)) for case in _losses(draw)]:
        n, d_in, d_sae = len(case[0]), case[0].shape[1], case[2].shape[1]
        on = f"{n} inputs of {d_in} dimensions, {d_sae} latents, coefficient {case[3]:.2f}"
        expect_close(expect_number(got, on), float(_loss(*case)), "should be the average over the inputs", on)


@checks("sae_loss", "a perfect reconstruction costs its latents, and silent latents cost nothing")
def test_sae_loss_ends(student, draw):
    x, latents = draw.normal(3, 4), draw.normal(3, 6).abs()
    got = expect_number(student.sae_loss(x, x.clone(), latents, 0.5), "x̂ = x, coefficient 0.5")
    message = "should be the price of the latents alone"
    expect_close(got, float(latents.sum()) / 6, message, "x̂ = x, coefficient 0.5, three inputs")
    got = expect_number(student.sae_loss(x, torch.zeros_like(x), torch.zeros(3, 6), 0.5), "no latents")
    expect_close(got, float(x.square().sum()) / 3, "should be the error alone", "x̂ = 0, no latents, three inputs")


@checks("sae_loss", TYPES, side=True)
def test_sae_loss_dtype(student, draw):
    cases = [(x.double(), y.double(), f.double(), price) for x, y, f, price in _losses(draw)]
    expect_dtypes(student, "sae_loss", cases, _loss)


@checks("sae_loss", UNCHANGED, side=True)
def test_sae_loss_unchanged(student, draw):
    expect_unchanged(student, "sae_loss", list(_losses(draw)), "the inputs")


def _both(x, reconstruction, latents, l1_coefficient, *, error=None, price=None):
    squares = (x - reconstruction).square()
    error = squares.sum(dim=1).mean() if error is None else error(squares)
    price = latents.sum(dim=1).mean() if price is None else price(latents)
    return error + l1_coefficient * price


@mistake("sae_loss", "The error's squares are added up over the dimensions: the mean is taken over the inputs only.")
def error_averaged(x, reconstruction, latents, l1_coefficient):
    return _both(x, reconstruction, latents, l1_coefficient, error=lambda squares: squares.mean())


@mistake("sae_loss", "The latents of an input are added up: the mean is taken over the inputs only.")
def price_averaged(x, reconstruction, latents, l1_coefficient):
    return _both(x, reconstruction, latents, l1_coefficient, price=lambda latents: latents.mean())


@mistake("sae_loss", "Both terms are averaged over the inputs: these are the sums.")
def all_added_up(x, reconstruction, latents, l1_coefficient):
    return _both(
        x, reconstruction, latents, l1_coefficient, error=lambda squares: squares.sum(), price=lambda f: f.sum()
    )


@mistake("sae_loss", "The error is squared: this is its length.")
def length_of_the_error(x, reconstruction, latents, l1_coefficient):
    return _both(x, reconstruction, latents, l1_coefficient, error=lambda squares: squares.sum(dim=1).sqrt().mean())


@mistake("sae_loss", "The latents themselves are paid for, not their squares: that is L2.")
def squared_latents(x, reconstruction, latents, l1_coefficient):
    return _both(x, reconstruction, latents, l1_coefficient, price=lambda f: f.square().sum(dim=1).mean())


@mistake("sae_loss", "It is paid for how active latents are, not for how many are: a count has no gradient.")
def counted_latents(x, reconstruction, latents, l1_coefficient):
    return _both(x, reconstruction, latents, l1_coefficient, price=lambda f: (f > 0).to(f.dtype).sum(dim=1).mean())


@mistake("sae_loss", "The price of the latents is missing.")
def without_price(x, reconstruction, latents, l1_coefficient):
    return (x - reconstruction).square().sum(dim=1).mean()


@mistake("sae_loss", "The coefficient belongs to the latents alone.")
def error_priced_too(x, reconstruction, latents, l1_coefficient):
    return l1_coefficient * _both(x, reconstruction, latents, 1.0)


@mistake("sae_loss", "Active latents cost: their price is added, not taken away.")
def price_taken_away(x, reconstruction, latents, l1_coefficient):
    return _both(x, reconstruction, latents, -l1_coefficient)


@mistake("sae_loss", "One number is asked for: the average over the inputs is missing.")
def one_each(x, reconstruction, latents, l1_coefficient):
    return (x - reconstruction).square().sum(dim=1) + l1_coefficient * latents.sum(dim=1)


# --- explained_variance -----------------------------------------------------------------------------------------------


def _explained(x, reconstruction):
    rows, again = x.double().tolist(), reconstruction.double().tolist()
    mean = [math.fsum(column) / len(rows) for column in zip(*rows, strict=True)]
    error = math.fsum((a - b) ** 2 for one, two in zip(rows, again, strict=True) for a, b in zip(one, two, strict=True))
    around = math.fsum((a - m) ** 2 for one in rows for a, m in zip(one, mean, strict=True))
    return torch.tensor(1 - error / around, dtype=torch.float64)


def _reconstructions(draw):
    """Inputs far from zero, whose dimensions differ in mean and in spread, and what is left of them."""
    for n, d_in in ((3, 2), (6, 3), (8, draw.integer(4, 6))):
        spread = torch.arange(1.0, d_in + 1.0)
        x = draw.normal(n, d_in) * spread + 2 * spread.flip(0)
        yield x, x + 0.5 * draw.normal(n, d_in) + 0.2


@checks("explained_variance", "1 for a perfect reconstruction, 0 for the mean input, negative for zeros")
def test_explained_variance_ends(student, draw):
    x = draw.normal(6, 3) + torch.tensor([5.0, -3.0, 2.0])
    mean = x.mean(dim=0).expand_as(x)
    for name, again, expected in (
        ("x̂ = x", x.clone(), 1.0),
        ("x̂ is the mean input", mean.clone(), 0.0),
        ("x̂ is halfway from the mean to x", (x + mean) / 2, 0.75),
        ("x̂ = 0", torch.zeros_like(x), float(_explained(x, torch.zeros_like(x)))),
    ):
        got = expect_number(student.explained_variance(x, again), name)
        expect_close(got, expected, "should be the explained share of the variance", name)


@checks("explained_variance", "dimensions of different mean and spread", weight=2)
def test_explained_variance_several(student, draw):
    for case, got in [(case, student.explained_variance(*case)) for case in _reconstructions(draw)]:
        on = f"inputs of shape {tuple(case[0].shape)}"
        got = expect_number(got, on)
        expect_close(got, float(_explained(*case)), "should be 1 − Σ ‖x − x̂‖² / Σ ‖x − x̄‖²", on)


@checks("explained_variance", "the same, if a constant is added to the inputs and to the reconstruction")
def test_explained_variance_shifted(student, draw):
    x, again = list(_reconstructions(draw))[1]
    first, second = student.explained_variance(x, again), student.explained_variance(x + 3, again + 3)
    first, second = expect_number(first, "inputs"), expect_number(second, "inputs + 3")
    expect_close(second, first, "a constant should change nothing", "inputs + 3", rtol=1e-3, atol=1e-4)
    expect_close(first, float(_explained(x, again)), "should be 1 − Σ ‖x − x̂‖² / Σ ‖x − x̄‖²", "inputs")


@checks("explained_variance", TYPES, side=True)
def test_explained_variance_dtype(student, draw):
    cases = [(x.double(), again.double()) for x, again in _reconstructions(draw)]
    expect_dtypes(student, "explained_variance", cases, _explained)


@checks("explained_variance", UNCHANGED, side=True)
def test_explained_variance_unchanged(student, draw):
    expect_unchanged(student, "explained_variance", list(_reconstructions(draw)), "the inputs")


@mistake("explained_variance", "The inputs are compared with zero: it is their mean that comes for free.")
def around_zero(x, reconstruction):
    return 1 - (x - reconstruction).square().sum() / x.square().sum()


@mistake("explained_variance", "One mean of all numbers is taken: each dimension has its own.")
def around_one_mean(x, reconstruction):
    return 1 - (x - reconstruction).square().sum() / (x - x.mean()).square().sum()


@mistake("explained_variance", "The mean is taken over an input's dimensions: it is the mean over the inputs.")
def around_each_input(x, reconstruction):
    return 1 - (x - reconstruction).square().sum() / (x - x.mean(dim=1, keepdim=True)).square().sum()


@mistake("explained_variance", "This is the share that is missing: take it from 1.")
def unexplained(x, reconstruction):
    return (x - reconstruction).square().sum() / (x - x.mean(dim=0)).square().sum()


@mistake("explained_variance", "This is an average of the dimensions' shares: add up squares before you divide.")
def dimension_by_dimension(x, reconstruction):
    return (1 - (x - reconstruction).square().sum(dim=0) / (x - x.mean(dim=0)).square().sum(dim=0)).mean()


@mistake(
    "explained_variance", "This is the variance of the reconstruction: even one that is wrong everywhere has that."
)
def variance_of_the_reconstruction(x, reconstruction):
    spread = (reconstruction - reconstruction.mean(dim=0)).square().sum()
    return spread / (x - x.mean(dim=0)).square().sum()


@mistake("explained_variance", "Shares of a variance are of squares: these are lengths.")
def of_lengths(x, reconstruction):
    return 1 - (x - reconstruction).norm() / (x - x.mean(dim=0)).norm()


@mistake("explained_variance", "A constant error counts as well: do not take the mean error away.")
def error_centred(x, reconstruction):
    error = x - reconstruction
    return 1 - (error - error.mean(dim=0)).square().sum() / (x - x.mean(dim=0)).square().sum()


@mistake("explained_variance", "The error has to be squared before it is added up.")
def absolute_errors(x, reconstruction):
    return 1 - (x - reconstruction).abs().sum() / (x - x.mean(dim=0)).abs().sum()


# --- recovered_fraction -----------------------------------------------------------------------------------------------


def _recovered(frequency, share, key, least):
    pairs = list(zip(frequency.tolist(), share.tolist(), strict=True))
    return sum(any(k == found and part > least for found, part in pairs) for k in key) / len(key)


def _found(draw):
    """Latents with frequencies and shares, what is to be found, and the least share."""
    for n, key in ((4, [3]), (6, [2, 5]), (9, [7, 1, 4]), (12, [1, 2, 3, 4, 5])):
        share = (draw.order(n) + 0.5) / n
        yield draw.integers(1, 7, n), share.float(), key, 0.5


@checks("recovered_fraction", "none, some and all of two frequencies")
def test_recovered_fraction_small(student, draw):
    one, other = 3, draw.integer(5, 9)
    for frequency, share, expected in (
        ([one, other], [0.9, 0.95], 1.0),
        ([one, one, one], [0.9, 0.95, 0.99], 0.5),
        ([one, other], [0.9, 0.3], 0.5),
        ([one, other, 1, 2], [0.2, 0.3, 0.99, 0.9], 0.0),
        ([1, other, 2, 4], [0.99, 0.9, 0.9, 0.9], 0.5),
    ):
        on = f"latents of frequencies {frequency} with shares {share}, to be found {[one, other]}, least 0.8"
        got = student.recovered_fraction(torch.tensor(frequency), torch.tensor(share), [one, other], 0.8)
        message = "should be the share of the key frequencies that some latent stands for"
        expect_close(expect_number(got, on), expected, message, on)


@checks("recovered_fraction", "several latents, frequencies and shares", weight=2)
def test_recovered_fraction_several(student, draw):
    for _ in range(3):
        for case, got in [(case, student.recovered_fraction(*case)) for case in _found(draw)]:
            frequency, share, key, least = case
            shares = [round(part, 2) for part in share.tolist()]
            on = f"latents of frequencies {frequency.tolist()} with shares {shares}, to be found {key}, least {least}"
            message = "should be the share of the key frequencies that some latent stands for"
            expect_close(expect_number(got, on), _recovered(*case), message, on)


@checks("recovered_fraction", "a share that is just the least is not more than it")
def test_recovered_fraction_least(student, draw):
    for share, expected in ((0.5, 0.0), (0.5625, 1.0)):
        on = f"one latent of frequency 2 with share {share}, to be found [2], least 0.5"
        got = student.recovered_fraction(torch.tensor([2]), torch.tensor([share]), [2], 0.5)
        expect_close(expect_number(got, on), expected, "a latent should have more than the least share", on)


@mistake("recovered_fraction", "A frequency that several latents stand for is found once.")
def latents_counted(frequency, share, key, least):
    return sum(k in key for k in frequency[share > least].tolist()) / len(key)


@mistake("recovered_fraction", "A latent with too small a share stands for nothing.")
def any_share(frequency, share, key, least):
    return len(set(frequency.tolist()) & set(key)) / len(key)


@mistake("recovered_fraction", "What was found and was not to be found does not count.")
def others_counted(frequency, share, key, least):
    return len(set(frequency[share > least].tolist())) / len(key)


@mistake("recovered_fraction", "This is the share of the latents that are right: it is frequencies that are counted.")
def share_of_the_latents(frequency, share, key, least):
    return sum(k in key for k in frequency[share > least].tolist()) / len(frequency)


@mistake("recovered_fraction", "Divide by the number of frequencies that were to be found.")
def a_count(frequency, share, key, least):
    return float(len(set(frequency[share > least].tolist()) & set(key)))


@mistake("recovered_fraction", "This is the share of what was found that is right: divide by what was to be found.")
def precision(frequency, share, key, least):
    found = set(frequency[share > least].tolist())
    return len(found & set(key)) / max(1, len(found))


@mistake("recovered_fraction", "A share that is just the least is not more than it.")
def or_equal(frequency, share, key, least):
    return len(set(frequency[share >= least].tolist()) & set(key)) / len(key)


@mistake("recovered_fraction", "This is the share that is missing.")
def missed(frequency, share, key, least):
    return 1 - len(set(frequency[share > least].tolist()) & set(key)) / len(key)
