"""The circuit: brute force at small p, numpy's FFT, planted circuits, and what the main run is made of."""

import itertools
import math

import numpy as np
import pytest
import torch

from grokcourse import circuit, fourier, runs, tasks, training
from grokcourse.model import Transformer

MODULI = [2, 3, 5, 8, 9]
SIZES = [(2, 4, 1, 3), (5, 8, 2, 6), (8, 6, 3, 5), (11, 8, 4, 16)]  # p, d_model, heads, d_mlp


def random(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def toy(p, d_model, n_heads, d_mlp, seed=0):
    """A model with biases that are not zero, in float64."""
    model = Transformer(p, d_model, n_heads, d_mlp, seed).double()
    model.mlp.b_in.data, model.mlp.b_out.data = random(d_mlp, seed=1), random(d_model, seed=2)
    return model


def cached(model):
    with torch.no_grad():
        return model.run_with_cache(tasks.all_questions(model.p))


def wave(name, k, n, p):
    return getattr(math, name)(2 * math.pi * k * n / p)


# --- the functional form ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", SIZES)
def test_the_effective_weights_are_the_whole_model(size):
    model, p = toy(*size), size[0]
    logits, cache = cached(model)
    weights = circuit.effective_weights(model)
    expected = logits[:, :p].reshape(p, p, p)
    torch.testing.assert_close(circuit.logits_from(weights), expected)
    torch.testing.assert_close(circuit.all_logits(model), expected)
    torch.testing.assert_close(
        circuit.neuron_activations(model), cache["mlp_post"][:, 2].reshape(p, p, -1), rtol=1e-9, atol=1e-9
    )
    for place in range(3):
        pattern = cache["pattern"][:, :, 2, place].reshape(p, p, -1).permute(2, 0, 1)
        torch.testing.assert_close(circuit.attention_to(model, place), pattern)


@pytest.mark.parametrize("size", SIZES)
def test_the_effective_weights_are_the_products_of_the_weights(size):
    model = toy(*size)
    weights, attn = circuit.effective_weights(model), model.attn
    p, d_model, n_heads, d_mlp = size
    x = (model.W_E[p] + model.W_pos[2]).detach()
    for h in range(n_heads):
        W_Q, W_K, W_V, W_O = (getattr(attn, name)[h].detach() for name in ("W_Q", "W_K", "W_V", "W_O"))
        for n in range(p):
            row = model.W_E[n].detach()
            score = (x @ W_Q) @ (row @ W_K) / math.sqrt(d_model // n_heads)
            assert weights.W_attn[h, n].item() == pytest.approx(score.item())
            torch.testing.assert_close(weights.W_neur[h, n], row @ W_V @ W_O @ model.mlp.W_in.detach())
    torch.testing.assert_close(weights.W_logit, (model.mlp.W_out @ model.W_U)[:, :p].detach())
    shapes = {name: tuple(tensor.shape) for name, tensor in vars(weights).items()}
    assert shapes == {
        "W_attn": (n_heads, p),
        "W_neur": (n_heads, p, d_mlp),
        "W_logit": (d_mlp, p),
        "attn_place": (n_heads, 3),
        "neur_place": (n_heads, 3, d_mlp),
        "neur_bias": (d_mlp,),
        "W_skip": (n_heads, p, p),
        "skip_place": (n_heads, 3, p),
        "logit_bias": (p,),
    }
    assert not any(tensor.requires_grad for tensor in vars(weights).values())


def test_what_is_neglected_can_be_said():
    model = toy(5, 8, 2, 6)
    weights = circuit.effective_weights(model)
    whole = circuit.logits_from(weights)
    neurons = circuit.neurons_from(weights)
    torch.testing.assert_close(circuit.logits_from(weights.without("skip")), neurons @ weights.W_logit)

    alone = weights.without("equals")
    pattern = circuit.attention_from(alone)
    score = weights.W_attn + weights.attn_place[:, :1], weights.W_attn + weights.attn_place[:, 1:2]
    torch.testing.assert_close(pattern[0], torch.sigmoid(score[0][:, :, None] - score[1][:, None, :]))
    torch.testing.assert_close(pattern[2], torch.zeros_like(pattern[2]))

    symmetric = circuit.logits_from(weights.without("places"))
    torch.testing.assert_close(symmetric, symmetric.transpose(0, 1))  # only the places tell a from b
    assert not torch.allclose(whole, whole.transpose(0, 1))
    torch.testing.assert_close(circuit.logits_from(weights), whole)  # nothing was changed in place
    torch.testing.assert_close(circuit.logits_from(weights.without()), whole)
    with pytest.raises(ValueError, match="no such part: heads"):
        weights.without("heads", "skip")


def test_other_neurons_can_take_the_place_of_the_models_own():
    weights = circuit.effective_weights(toy(5, 8, 2, 6))
    neurons = circuit.neurons_from(weights)
    torch.testing.assert_close(circuit.logits_from(weights, neurons), circuit.logits_from(weights))
    silent = circuit.logits_from(weights, torch.zeros_like(neurons))
    torch.testing.assert_close(silent + neurons @ weights.W_logit, circuit.logits_from(weights))


def test_other_attention_can_take_the_place_of_the_heads_own():
    model = toy(5, 8, 2, 6)
    weights = circuit.effective_weights(model)
    pattern = random(3, 2, 5, 5).softmax(dim=0)

    def edit(own):
        new = own.clone()
        new[:, :, 2] = pattern.permute(2, 3, 1, 0).reshape(25, 2, 3)
        return new

    with torch.no_grad():
        logits, cache = model.run_with_cache(tasks.all_questions(5), {"pattern": edit})
    torch.testing.assert_close(circuit.logits_from(weights, pattern=pattern), logits[:, :5].reshape(5, 5, 5))
    inputs = circuit.neuron_inputs(weights, pattern)
    torch.testing.assert_close(inputs, cache["mlp_pre"][:, 2].reshape(5, 5, 6))
    torch.testing.assert_close(circuit.neurons_from(weights, pattern), inputs.relu())


def test_there_are_three_places():
    with pytest.raises(ValueError, match="places 0"):
        circuit.attention_to(toy(2, 4, 1, 3), 3)


# --- frequencies of neurons ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("p", MODULI)
def test_the_2d_spectrum_is_numpys_and_loses_nothing(p):
    table = random(p, p, 2)
    energy = circuit.energy_2d(table)
    assert energy.shape == (p // 2 + 1, p // 2 + 1, 2)
    fft = np.abs(np.fft.fft2(table.numpy(), axes=(0, 1))) ** 2 / p**2
    expected = np.zeros(energy.shape)
    for i, j in itertools.product(range(p), repeat=2):
        expected[min(i, p - i), min(j, p - j)] += fft[i, j]
    np.testing.assert_allclose(energy, expected, atol=1e-12)
    torch.testing.assert_close(energy.sum(dim=(0, 1)), table.square().sum(dim=(0, 1)))


@pytest.mark.parametrize("p", MODULI)
def test_the_shares_are_those_of_a_least_squares_fit(p):
    neurons = random(p, p, 3).relu()
    shares = circuit.frequency_shares(neurons)
    pairs = list(itertools.product(range(p), repeat=2))
    for i in range(3):
        values = neurons[:, :, i].flatten().numpy()
        for k in range(1, p // 2 + 1):
            terms = [
                [f * g for f in (1, wave("cos", k, a, p), wave("sin", k, a, p))
                 for g in (1, wave("cos", k, b, p), wave("sin", k, b, p))]
                for a, b in pairs
            ]  # fmt: skip
            fit = np.array(terms) @ np.linalg.lstsq(np.array(terms), values, rcond=None)[0]
            assert shares[k, i].item() == pytest.approx(1 - ((values - fit) ** 2).sum() / (values.var() * p * p))
    frequency, share = circuit.neuron_frequencies(neurons)
    torch.testing.assert_close(share, shares.amax(dim=0))
    assert shares[frequency, torch.arange(3)].equal(share)
    assert shares[0].eq(0).all()


def planted(p, k, seed):
    """A random polynomial of degree 2 in the waves of one frequency."""
    n = torch.arange(p, dtype=torch.float64)
    waves = torch.stack([torch.ones(p), (2 * math.pi * k * n / p).cos(), (2 * math.pi * k * n / p).sin()]).double()
    return torch.einsum("ia,ij,jb->ab", waves, random(3, 3, seed=seed), waves)


def test_a_planted_neurons_frequency_is_found_and_its_fit_is_exact():
    p = 11
    neurons = torch.stack([planted(p, k, k) for k in (1, 4, 5)] + [torch.full((p, p), 3.0).double()], dim=-1)
    frequency, share = circuit.neuron_frequencies(neurons)
    assert frequency.tolist() == [1, 4, 5, 0]
    torch.testing.assert_close(share, torch.tensor([1, 1, 1, 0]).double())
    torch.testing.assert_close(circuit.degree2_fit(neurons, frequency), neurons)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_neuron_that_never_changes_has_no_frequency(dtype):
    neurons = torch.full((7, 7, 2), 0.1, dtype=dtype) * torch.tensor([0.0, 1.0], dtype=dtype)
    frequency, share = circuit.neuron_frequencies(neurons)
    assert frequency.tolist() == [0, 0]
    assert share.tolist() == [0, 0]


@pytest.mark.parametrize("p", MODULI)
def test_a_fits_variance_is_the_share(p):
    neurons = random(p, p, 4)
    frequency, share = circuit.neuron_frequencies(neurons)
    fit = circuit.degree2_fit(neurons, frequency)
    torch.testing.assert_close(fit.mean(dim=(0, 1)), neurons.mean(dim=(0, 1)))
    variance = [(table - table.mean(dim=(0, 1))).square().sum(dim=(0, 1)) for table in (fit, neurons)]
    torch.testing.assert_close(variance[0] / variance[1], share)
    mean_only = circuit.degree2_fit(neurons, torch.zeros(4, dtype=torch.int64))
    torch.testing.assert_close(mean_only, neurons.mean(dim=(0, 1)).expand(p, p, 4))


@pytest.mark.parametrize("frequency", [[1], [1, 6], [1, -1]])
def test_a_fit_needs_a_frequency_for_each_neuron(frequency):
    with pytest.raises(ValueError, match="frequencies"):
        circuit.degree2_fit(random(11, 11, 2), torch.tensor(frequency))


def test_clusters_hold_the_neurons_that_are_explained():
    frequency = torch.tensor([3, 5, 3, 5, 5, 2])
    share = torch.tensor([0.9, 0.99, 0.85, 0.86, 1.0, 0.1])
    clusters = circuit.neuron_clusters(frequency, share)
    assert {k: neurons.tolist() for k, neurons in clusters.items()} == {5: [1, 3, 4], 3: [0]}
    assert list(clusters) == [5, 3]  # the largest first
    assert circuit.neuron_clusters(frequency, share, least=1.0) == {}


# --- functions of the sum --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("p", MODULI)
def test_the_mean_by_sum(p):
    table = random(p, p, 2)
    means = circuit.by_sum(table)
    for s in range(p):
        torch.testing.assert_close(means[s], torch.stack([table[a, (s - a) % p] for a in range(p)]).mean(dim=0))
    torch.testing.assert_close(circuit.by_sum(circuit.of_sum(means)), means)
    for a, b in itertools.product(range(p), repeat=2):
        assert circuit.of_sum(means)[a, b].equal(means[(a + b) % p])
    assert circuit.by_sum(table[:, :, 0]).shape == (p,)


@pytest.mark.parametrize("p", [3, 5, 8, 9])
def test_the_components_in_the_directions_of_the_sum(p):
    table = random(p, p, 3)
    chosen = list(range((p - 1) // 2, 0, -1))
    components = circuit.project_logits(table, chosen)
    assert components.shape == (len(chosen), 2, 3)
    for i, k in enumerate(chosen):
        for j, name in enumerate(("cos", "sin")):
            direction = torch.tensor([[wave(name, k, a + b, p) for b in range(p)] for a in range(p)]).double()
            direction /= direction.norm()
            torch.testing.assert_close(components[i, j], torch.einsum("ab,abn->n", direction, table))


def fft_mask(p, frequencies, part):
    """Where the numpy spectrum of a table holds what belongs to some frequencies."""
    mask = np.zeros((p, p), dtype=bool)
    for k in frequencies:
        for i, j in itertools.product((k, 0, -k), repeat=2):
            belongs = {
                "sum": i == j != 0,
                "products": i != 0 and j != 0,
                "polynomial": (i, j) != (0, 0),
            }[part]
            if belongs:
                mask[i % p, j % p] = True
    return mask


@pytest.mark.parametrize("part", ["sum", "products", "polynomial"])
@pytest.mark.parametrize(("p", "chosen"), [(2, [1]), (5, [2]), (8, [1, 4]), (9, [4, 1, 3]), (9, [])])
def test_ablations_are_masks_of_numpys_spectrum(p, chosen, part):
    table = random(p, p, 2)
    kept = circuit.ablate_frequencies(table, keep=chosen, part=part)
    dropped = circuit.ablate_frequencies(table, drop=chosen, part=part)
    mask = fft_mask(p, chosen, part)
    spectrum = np.fft.fft2(table.numpy(), axes=(0, 1))
    np.testing.assert_allclose(dropped, np.fft.ifft2(spectrum * ~mask[:, :, None], axes=(0, 1)).real, atol=1e-12)
    mask[0, 0] = True
    np.testing.assert_allclose(kept, np.fft.ifft2(spectrum * mask[:, :, None], axes=(0, 1)).real, atol=1e-12)
    torch.testing.assert_close(kept + dropped, table + table.mean(dim=(0, 1)))
    torch.testing.assert_close(circuit.ablate_frequencies(kept, keep=chosen, part=part), kept)


def test_an_ablation_must_be_said_clearly():
    table = random(5, 5, 2)
    with pytest.raises(ValueError, match="either"):
        circuit.ablate_frequencies(table)
    with pytest.raises(ValueError, match="either"):
        circuit.ablate_frequencies(table, keep=[1], drop=[2])
    with pytest.raises(ValueError, match="1 … 2"):
        circuit.ablate_frequencies(table, keep=[3])
    with pytest.raises(ValueError, match="1 … 2"):
        circuit.ablate_frequencies(table, drop=[0])
    with pytest.raises(ValueError, match="twice"):
        circuit.ablate_frequencies(table, drop=[1, 1])
    with pytest.raises(ValueError, match="no such part"):
        circuit.ablate_frequencies(table, drop=[1], part="square")
    with pytest.raises(ValueError, match="1 … 4"):
        circuit.project_logits(random(10, 10, 1), [5])  # no sine
    with pytest.raises(ValueError, match="either"):
        circuit.ablate_embedding(toy(5, 8, 2, 6))


@pytest.mark.parametrize("size", SIZES)
def test_the_embedding_loses_frequencies(size):
    model, p = toy(*size), size[0]
    before = {name: weight.clone() for name, weight in model.state_dict().items()}
    for ks in ([], [1]):
        for mode, in_key in (("keep", True), ("drop", False)):
            numbers = model.W_E.detach()[:p].numpy()
            spectrum = np.fft.fft(numbers, axis=0)
            stays = [n == 0 or (min(n, p - n) in ks) == in_key for n in range(p)]
            other = toy(*size)
            kept = np.fft.ifft(spectrum * np.array(stays)[:, None], axis=0).real
            other.W_E.data[:p] = torch.from_numpy(kept)
            torch.testing.assert_close(circuit.ablate_embedding(model, **{mode: ks}), circuit.all_logits(other))
    assert all(weight.equal(before[name]) for name, weight in model.state_dict().items())


# --- logits ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("p", MODULI)
def test_cosine_logits(p):
    chosen = list(range(1, p // 2 + 1))
    alpha = [1.5 * k for k in chosen]
    logits = circuit.cosine_logits(p, chosen, alpha)
    for a, b, c in itertools.product(range(p), repeat=3):
        expected = sum(weight * wave("cos", k, a + b - c, p) for k, weight in zip(chosen, alpha, strict=True))
        assert logits[a, b, c].item() == pytest.approx(expected, abs=1e-12)
    fit = circuit.fit_cosines(logits, chosen)
    assert fit.coefficients.tolist() == pytest.approx(alpha)
    assert fit.explained == pytest.approx(1)
    np.testing.assert_allclose(circuit.key_cosines(p, chosen)[:, 0], 1)


@pytest.mark.parametrize("centre", ["question", "all"])
@pytest.mark.parametrize("p", MODULI)
def test_the_fit_is_least_squares(p, centre):
    logits = random(p, p, p) + 2 * random(p, p, 1, seed=1)
    chosen = list(range(p // 2, 0, -1))
    questions = list(itertools.product(range(p), repeat=3))
    waves = np.array([[wave("cos", k, a + b - c, p) for k in chosen] for a, b, c in questions])
    centred = logits - (logits.mean(dim=2, keepdim=True) if centre == "question" else logits.mean())
    alpha, *_ = np.linalg.lstsq(waves, centred.flatten().numpy(), rcond=None)
    left = ((centred.flatten().numpy() - waves @ alpha) ** 2).sum()
    fit = circuit.fit_cosines(logits, chosen, centre)
    np.testing.assert_allclose(fit.coefficients, alpha, atol=1e-12)
    assert fit.explained == pytest.approx(1 - left / (centred**2).sum().item())
    assert fit.shares.shape == (len(chosen),)


@pytest.mark.parametrize("p", MODULI)
def test_the_strength_at_a_difference(p):
    logits = random(p, p, p)
    chosen = list(range(1, p // 2 + 1))
    strength = circuit.strength_by_difference(logits, chosen)
    for i, k in enumerate(chosen):
        for d in range(p):
            found = []
            for b in range(p):
                a = (b + d) % p
                expected = np.array([wave("cos", k, a + b - c, p) for c in range(p)])
                found.append(logits[a, b].numpy() @ expected / (expected @ expected))
            assert strength[i, d].item() == pytest.approx(np.mean(found))
    torch.testing.assert_close(strength.mean(dim=1), circuit.fit_cosines(logits, chosen).coefficients)


def test_a_clock_is_as_strong_everywhere_and_a_pizza_is_not():
    p, k = 11, 3
    clock = circuit.cosine_logits(p, [k], [2.0])
    torch.testing.assert_close(circuit.strength_by_difference(clock, [k])[0], torch.full((p,), 2.0).double())
    n = torch.arange(p, dtype=torch.float64)
    half = (math.pi * k * (n[:, None] - n) / p).cos().abs()
    torch.testing.assert_close(circuit.strength_by_difference(clock * half[:, :, None], [k])[0], 2 * half[:, 0])


def test_equal_logits_have_no_variance_to_explain():
    fit = circuit.fit_cosines(torch.ones(5, 5, 5), [1, 2])
    assert fit.explained == 0


def test_a_fit_refuses_other_shapes():
    with pytest.raises(ValueError, match=r"\(p, p, p\)"):
        circuit.fit_cosines(random(5, 5, 6), [1])
    with pytest.raises(ValueError, match="centring"):
        circuit.fit_cosines(random(5, 5, 5), [1], "candidates")
    with pytest.raises(ValueError, match="coefficients"):
        circuit.cosine_logits(5, [1, 2], [1.0])


@pytest.mark.parametrize("p", [3, 5, 8, 9])
def test_directions_of_the_unembedding(p):
    W_logit = random(4, p)
    chosen = list(range(1, (p - 1) // 2 + 1))
    u, v = circuit.unembedding_directions(W_logit, chosen)
    waves = np.array([[wave(name, k, c, p) for c in range(p)] for name in ("cos", "sin") for k in chosen])
    expected, *_ = np.linalg.lstsq(waves.T, W_logit.T.numpy(), rcond=None)
    np.testing.assert_allclose(torch.cat([u, v]), expected, atol=1e-12)
    kept = circuit.keep_directions(W_logit, chosen)
    np.testing.assert_allclose(kept, expected.T @ waves, atol=1e-12)
    one = circuit.keep_directions(W_logit, chosen[-1:])
    assert torch.linalg.matrix_rank(one) == 2
    with pytest.raises(ValueError, match="frequencies"):
        circuit.unembedding_directions(W_logit, [p])


# --- the network by hand ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("p", "frequencies"), [(2, [1]), (3, [1]), (12, [5]), (12, [3, 4]), (53, [20]), (113, [1]), (113, [28, 11, 25, 13])]
)
def test_the_clock_answers_everything(p, frequencies):
    tokens = tasks.all_questions(p)
    network = circuit.clock_network(p, frequencies, [1 + k / p for k in frequencies])
    logits = network(tokens[:, 0], tokens[:, 1])
    assert logits.argmax(dim=1).equal(tasks.answers(tokens, p))
    table = circuit.cosine_logits(p, frequencies, [1 + k / p for k in frequencies])
    torch.testing.assert_close(logits, table.reshape(p * p, p))
    fit = circuit.fit_cosines(logits.reshape(p, p, p), frequencies)
    assert fit.explained == pytest.approx(1)
    for part in ("sum", "products", "polynomial"):
        torch.testing.assert_close(circuit.ablate_frequencies(table, keep=frequencies, part=part), table)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((12, [3]), "tell"),
        ((12, [2, 4]), "tell"),
        ((5, []), "tell"),
        ((5, [3]), "1 … 2"),
        ((5, [0]), "1 … 2"),
        ((5, [1, 1]), "twice"),
        ((5, [1, 2], [1.0]), "coefficients"),
        ((5, [1], [0.0]), "positive"),
    ],
)
def test_a_clock_that_cannot_work_is_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        circuit.clock_network(*arguments)


# --- the main run: bounds, so that a later change cannot break the story silently -------------------------------------


@pytest.fixture(scope="module")
def main():
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv(runs.RUNS_VARIABLE, raising=False)
        return runs.load("main")


@pytest.fixture(scope="module")
def trained(main):
    """The last checkpoint's weights, logits, neurons and key frequencies (those of W_logit)."""
    weights = circuit.effective_weights(main.model())
    key = fourier.key_frequencies(fourier.energy_per_frequency(weights.W_logit, dim=1))
    return weights, circuit.logits_from(weights), circuit.neurons_from(weights), key


@pytest.fixture(scope="module")
def losses(main):
    data = tasks.dataset(main.config)

    def loss(logits):
        flat = logits.reshape(-1, main.config.p)
        return training.exact_cross_entropy(flat, data.labels)[data.test_index].mean().item()

    return loss


def test_the_functional_form_is_the_main_runs_model(main, trained):
    weights, logits, _, _ = trained
    own = circuit.all_logits(main.model())
    assert (logits - own).abs().max() < 1e-3
    assert circuit.attention_to(main.model(), 2).mean(dim=(1, 2)).max() < 0.05
    whole = own - own.mean(dim=2, keepdim=True)
    for parts, least in (("equals",), 0.999), (("skip",), 0.97), (("equals", "skip"), 0.97):
        form = circuit.logits_from(weights.without(*parts))
        error = form - form.mean(dim=2, keepdim=True) - whole
        assert 1 - error.square().sum() / whole.square().sum() > least


def test_the_logits_are_cosines(main, trained, losses):
    _, logits, _, key = trained
    fit = circuit.fit_cosines(logits, key)
    assert 3 <= len(key) <= 7
    assert fit.explained > 0.9
    assert (fit.coefficients > 0).all()
    assert abs(circuit.fit_cosines(logits, key, "all").explained - fit.explained) < 0.01
    assert losses(circuit.cosine_logits(main.config.p, key, fit.coefficients)) < losses(logits)
    before = circuit.all_logits(main.model(0))
    assert circuit.fit_cosines(before, key).explained < 0.01


def test_most_neurons_have_one_frequency(main, trained):
    _, _, neurons, key = trained
    frequency, share = circuit.neuron_frequencies(neurons)
    clusters = circuit.neuron_clusters(frequency, share)
    assert set(clusters) == set(key)
    assert sum(map(len, clusters.values())) > 0.7 * main.config.d_mlp
    before = circuit.neuron_activations(main.model(0))
    assert not circuit.neuron_clusters(*circuit.neuron_frequencies(before))


def test_w_logit_has_low_rank(trained):
    weights, _, neurons, key = trained
    W_logit = weights.W_logit
    rest = W_logit - circuit.keep_directions(W_logit, key)
    assert rest.norm() / W_logit.norm() < 0.1
    u, v = circuit.unembedding_directions(W_logit, key)
    for i, k in enumerate(key):
        for j, direction in enumerate((u[i], v[i])):
            read = neurons @ direction
            explained = circuit.project_logits(read, [k])[0, j] ** 2 / (read - read.mean()).square().sum()
            assert explained > 0.85


def test_the_key_frequencies_are_enough_and_needed(trained, losses):
    weights, logits, neurons, key = trained
    whole = losses(logits)
    for part in ("sum", "products", "polynomial"):
        assert losses(circuit.ablate_frequencies(logits, keep=key, part=part)) < whole
        assert losses(circuit.ablate_frequencies(logits, drop=key, part=part)) > math.log(113)
    for k in key:
        assert losses(circuit.ablate_frequencies(logits, drop=[k])) > 1000 * whole
    ideal = circuit.logits_from(weights, circuit.ablate_frequencies(neurons, keep=key))
    assert losses(ideal) < 2 * whole


def test_the_embedding_needs_its_key_frequencies(main, losses):
    model = main.model()
    key = fourier.key_frequencies(fourier.energy_per_frequency(model.W_E.detach()[:-1]))
    assert losses(circuit.ablate_embedding(model, keep=key)) < 1e-4
    assert losses(circuit.ablate_embedding(model, drop=key)) > math.log(113)


def test_a_neurons_vote_has_twice_the_phase_of_its_input(trained):
    weights, _, neurons, _ = trained
    inputs = circuit.neuron_inputs(weights)
    for k, members in circuit.neuron_clusters(*circuit.neuron_frequencies(neurons)).items():
        of_a = fourier.transform(inputs[:, :, members].mean(dim=1))
        of_c = fourier.transform(weights.W_logit[members], dim=1)
        phase = torch.atan2(of_a[2 * k], of_a[2 * k - 1])
        vote = torch.atan2(of_c[:, 2 * k], of_c[:, 2 * k - 1])
        off = torch.remainder(vote - 2 * phase + math.pi, 2 * math.pi) - math.pi
        assert off.abs().mean() < math.radians(10)


def pizza(p, k):
    """|cos| of half the angle between a and b on circle k, for each difference of a and b."""
    return (math.pi * k * torch.arange(p) / p).cos().abs()


def likeness(values, shape):
    """How much of the variance of some values a multiple of a shape explains."""
    rest = values - shape * (values @ shape) / (shape @ shape)
    return 1 - rest.square().sum() / (values - values.mean()).square().sum()


def test_attention_makes_a_clock_of_a_pizza(main, trained, losses):
    weights, logits, _, key = trained
    pattern = circuit.attention_from(weights)
    frozen = circuit.logits_from(weights, pattern=pattern.mean(dim=(2, 3), keepdim=True).expand_as(pattern))
    assert losses(frozen) > 1
    k = max(key, key=fourier.energy_per_frequency(weights.W_attn, dim=1).tolist().__getitem__)
    own, without = (circuit.strength_by_difference(table, [k])[0] for table in (logits, frozen))
    assert own.min() / own.max() > 0.75
    assert likeness(without, pizza(main.config.p, k)) > 0.95


def test_a_key_frequency_has_a_head_or_a_double(main):
    p, alone = main.config.p, []
    for name in runs.available():
        run = runs.load(name)
        if run.config.p != p or run.history["test_accuracy"][-1] < 0.99:
            continue
        model = run.model()
        weights = circuit.effective_weights(model)
        scores = fourier.energy_per_frequency(weights.W_attn, dim=1)
        embedding = fourier.energy_per_frequency(model.W_E.detach()[:p])
        for k in fourier.key_frequencies(fourier.energy_per_frequency(weights.W_logit, dim=1)):
            double = min(2 * k % p, -2 * k % p)
            has_head = scores[k] > 0.05 * scores[1:].sum()
            assert has_head == (embedding[double] < 0.2 * embedding[k]), (name, k)
            if not has_head:
                alone.append((model, k, double))
    for model, k, double in alone:
        without = circuit.strength_by_difference(circuit.ablate_embedding(model, drop=[double]), [k])[0]
        assert likeness(without, pizza(p, k)) > 0.95, k
