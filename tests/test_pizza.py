"""Clock or pizza: ideal networks of both kinds, brute force, and our model's own functional form."""

import math

import numpy as np
import pytest
import torch
from test_circuit import MODULI, SIZES, cached, random, toy

from grokcourse import circuit, pizza, tasks


def circle_points(p, k):
    turn = 2 * math.pi * k * torch.arange(p, dtype=torch.float64) / p
    return torch.stack([turn.cos(), turn.sin()], dim=1)


def ideal_clock(points):
    """Complex multiplication of the two points, compared with each candidate's."""

    def network(a, b):
        product = torch.view_as_complex(a.contiguous()) * torch.view_as_complex(b.contiguous())
        return torch.view_as_real(product) @ points.T

    return network


def ideal_pizza(points):
    """From the sum of the two points alone: its length times the cosine of twice its angle, less the candidate's."""

    def network(a, b):
        middle = torch.view_as_complex((a + b).contiguous())
        return torch.view_as_real(middle.square() / middle.abs()) @ points.T

    return network


def every_triple(p):
    return torch.cartesian_prod(*[torch.arange(p)] * 3)


@pytest.mark.parametrize(("p", "k"), [(7, 1), (11, 3)])
def test_clock_and_pizza_are_told_apart(p, k):
    points, triples = circle_points(p, k), every_triple(p)
    a, b = triples[::p, :2].T
    clock, pizzas = ideal_clock(points), ideal_pizza(points)
    for network in (clock, pizzas):
        assert (network(points[a], points[b]).argmax(dim=1) == (a + b) % p).all()
    # The clock's gradient at a is b's point, seen from c; over all a and b the two gradients' cosines cancel.
    assert pizza.gradient_symmetricity(clock, points, triples) == pytest.approx(0, abs=1e-12)
    assert pizza.gradient_symmetricity(pizzas, points, triples) == pytest.approx(1)
    of_clock, of_pizza = (network(points[a], points[b]).reshape(p, p, p) for network in (clock, pizzas))
    assert pizza.distance_irrelevance(of_clock) == 1
    assert pizza.distance_irrelevance(of_pizza) == pytest.approx(0, abs=1e-7)
    # Half clock, half a logit that depends on the sum alone: within one difference there is all the deviation.
    of_sum = of_clock + random(p, 1)[(torch.arange(p)[:, None] + torch.arange(p)) % p]
    assert pizza.distance_irrelevance(of_sum) == pytest.approx(1)


@pytest.mark.parametrize("p", MODULI)
def test_distance_irrelevance_by_brute_force(p):
    logits = random(p, p, p)
    right = {(a, b): logits[a, b, (a + b) % p].item() for a in range(p) for b in range(p)}
    within = [np.std([right[a, b] for a, b in right if (a - b) % p == d]) for d in range(p)]
    expected = np.mean(within) / np.std(list(right.values()))
    assert pizza.distance_irrelevance(logits) == pytest.approx(expected)
    assert pizza.distance_irrelevance(3 * logits) == pytest.approx(expected)


@pytest.mark.parametrize("size", SIZES)
def test_the_model_from_its_embeddings_on(size):
    model, p = toy(*size), size[0]
    a, b = tasks.all_questions(p)[:, :2].T
    numbers = model.W_E[:p].detach()
    logits = pizza.on_embeddings(model)(numbers[a], numbers[b])
    torch.testing.assert_close(logits.detach(), cached(model)[0][:, :p])
    weights = circuit.effective_weights(model)
    pattern = circuit.attention_from(weights)
    for amount in (0.3, 1.0):
        mixed = pizza.towards_uniform(pattern, amount)
        torch.testing.assert_close(mixed.sum(dim=0), torch.ones_like(mixed[0]))
        expected = circuit.logits_from(weights, pattern=mixed).reshape(p * p, p)
        torch.testing.assert_close(pizza.on_embeddings(model, amount)(numbers[a], numbers[b]).detach(), expected)
    assert (pizza.towards_uniform(pattern, 1.0)[:, 0, 0, 0] == torch.tensor([0.5, 0.5, 0])).all()
    triples = every_triple(p)
    uniform = pizza.gradient_symmetricity(pizza.on_embeddings(model, 1.0), numbers, triples)
    assert uniform == pytest.approx(1)
    assert pizza.gradient_symmetricity(pizza.on_embeddings(model), numbers, triples) < 1 - 1e-6


def test_what_is_no_table_or_no_triple_is_refused():
    with pytest.raises(ValueError, match="p, p, p"):
        pizza.distance_irrelevance(torch.ones(3, 3, 4))
    with pytest.raises(ValueError, match="a, b and c"):
        pizza.gradient_symmetricity(ideal_clock(circle_points(5, 1)), circle_points(5, 1), torch.ones(4, 2).long())
