"""The circuit of a trained model: its functional form, what its neurons and logits are made of, and ablations.

Arrays in, arrays out; nothing here trains, and no model is changed. The analysis is that of Nanda et al. 2023 (arXiv
2301.05217), section 4 and appendix A; where we measure something in another way the docstring says so.

Shapes: p — the modulus, any from 2 on; head — attention heads; d_mlp — neurons; K — frequencies given. A table over
all questions has the shape (p, p, …): entry [a, b] belongs to the question ``a b =``, and everything is taken at the
position of ``=``. Of the logits only those of the p numbers are kept, (p, p, p): entry [a, b, c] is the score of c.

What asks about a + b is made for models of addition. A model of subtraction answers a + b if asked with −b in place of
b: hand over its tables as ``table[:, -torch.arange(p) % p]``.

Frequencies are whole numbers 1 … p // 2, and ω_k = 2πk/p. For even p the frequency p/2 has a cosine and no sine.
"""

import copy
import dataclasses
import functools
import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Literal, Self

import torch
from torch import Tensor

from . import fourier
from .model import Transformer

Part = Literal["sum", "products", "polynomial"]


@dataclass(frozen=True)
class EffectiveWeights:
    """The whole model as a function of a and b, in as few matrices as will do (see ``logits_from``).

    W_attn, W_neur and W_logit are the three that the paper's analysis needs (appendix A); the others make it exact.
    """

    W_attn: Tensor
    """(head, p): how strongly ``=`` attends to each number: its score, before the softmax."""
    W_neur: Tensor
    """(head, p, d_mlp): what each number adds to the neurons through a head, per unit of attention."""
    W_logit: Tensor
    """(d_mlp, p): what each neuron adds to the logits, per unit of activation. The paper's W_L, transposed."""
    attn_place: Tensor
    """(head, 3): the part of the scores that stems from the place: first, second, and ``=`` (place and token)."""
    neur_place: Tensor
    """(head, 3, d_mlp): what the places, and ``=``, add to the neurons through a head, per unit of attention."""
    neur_bias: Tensor
    """(d_mlp,): what the neurons get in every question: from ``=``'s own residual stream, and b_in."""
    W_skip: Tensor
    """(head, p, p): what each number adds to the logits past the MLP, per unit of attention."""
    skip_place: Tensor
    """(head, 3, p): what the places, and ``=``, add to the logits past the MLP, per unit of attention."""
    logit_bias: Tensor
    """(p,): what the logits get in every question: from ``=``'s own residual stream, and b_out."""

    def without(self, *parts: str) -> Self:
        """The same model with some parts neglected.

        Args:
            parts: ``"equals"``, the attention that ``=`` pays to itself; ``"places"``, the positional embedding of the
                two numbers; ``"skip"``, all that reaches the logits past the neurons, b_out included.

        The paper neglects ``"equals"`` and ``"skip"`` (appendix A.1).

        Raises:
            ValueError: if there is no such part.
        """
        unknown = sorted(set(parts) - {"equals", "places", "skip"})
        if unknown:
            raise ValueError(f"no such part: {', '.join(unknown)}. There are: equals, places, skip")
        changed = {name: getattr(self, name).clone() for name in ("attn_place", "neur_place", "skip_place")}
        if "equals" in parts:
            changed["attn_place"][:, 2] = -math.inf
        if "places" in parts:
            for place in changed.values():
                place[:, :2] = 0
        if "skip" in parts:
            changed["skip_place"].zero_()
            changed |= {name: torch.zeros_like(getattr(self, name)) for name in ("W_skip", "logit_bias")}
        return dataclasses.replace(self, **changed)


def attention_weights(x: Tensor, W_E: Tensor, W_Q: Tensor, W_K: Tensor) -> Tensor:
    """How strongly a query attends to each token: W_attn = x W_Q W_Kᵀ W_Eᵀ / √d_head, for each head.

    Args:
        x: (d_model,) the residual stream that asks: that of ``=``.
        W_E: (n, d_model) what is asked: the numbers' rows of the embedding.
        W_Q: (head, d_model, d_head).
        W_K: (head, d_model, d_head).

    Returns:
        (head, n) scores, before the softmax.
    """
    query = torch.einsum("d,hde->he", x, W_Q) / math.sqrt(W_Q.shape[-1])
    direction = torch.einsum("hde,he->hd", W_K, query)  # what the scores read off an embedding
    return direction @ W_E.T


def neuron_weights(W_E: Tensor, W_V: Tensor, W_O: Tensor, W_in: Tensor) -> Tensor:
    """What each token adds to each neuron through each head, per unit of
    attention: W_neur = W_E W_V W_O W_in.

    Args:
        W_E: (n, d_model) the numbers' rows of the embedding.
        W_V: (head, d_model, d_head).
        W_O: (head, d_head, d_model).
        W_in: (d_model, d_mlp).

    Returns:
        (head, n, d_mlp) of the weights' dtype, before the ReLU.
    """
    return W_E @ W_V @ (W_O @ W_in)


@torch.no_grad()
def effective_weights(model: Transformer) -> EffectiveWeights:
    """The products of the model's weight matrices through which a and b reach the logits.

    Nothing nonlinear stands between the embedding and the scores, between the values and the neurons, or between the
    neurons and the logits, so these matrices can be multiplied with each other: with x the row of ``=`` and its place,

    * W_attn = x W_Q W_Kᵀ W_Eᵀ / √d_head,
    * W_neur = W_E W_V W_O W_in,
    * W_logit = W_out W_U.

    Source: Nanda et al. 2023, appendix A; named as in the notebook that they released with it.

    Args:
        model: of any size.

    Returns:
        The effective weights, detached; shapes as in ``EffectiveWeights``.
    """
    attn, mlp, p = model.attn, model.mlp, model.p
    W_U = model.W_U[:, :p]
    x = model.W_E[p] + model.W_pos[2]  # the residual stream of "=" at the start
    # What the three places hold besides the number: row 2 is "=", with its token.
    places = torch.stack([model.W_pos[0], model.W_pos[1], x])  # (3, d_model)
    numbers = model.W_E[:p]

    return EffectiveWeights(
        W_attn=attention_weights(x, numbers, attn.W_Q, attn.W_K),
        W_neur=neuron_weights(numbers, attn.W_V, attn.W_O, mlp.W_in),
        W_logit=mlp.W_out @ W_U,
        attn_place=attention_weights(x, places, attn.W_Q, attn.W_K),
        neur_place=neuron_weights(places, attn.W_V, attn.W_O, mlp.W_in),
        neur_bias=x @ mlp.W_in + mlp.b_in,
        W_skip=neuron_weights(numbers, attn.W_V, attn.W_O, W_U),
        skip_place=neuron_weights(places, attn.W_V, attn.W_O, W_U),
        logit_bias=(x + mlp.b_out) @ W_U,
    )


def attention_from(weights: EffectiveWeights) -> Tensor:
    """What ``=`` attends to, for every question: the softmax of the three places' scores.

    If the attention to ``=`` is neglected, the share of a is the logistic function of W_attn[a] − W_attn[b] (and the
    difference of the places).

    Returns:
        (3, head, p, p): entry [i, h, a, b] is head h's attention to place i: 0 for a, 1 for b, 2 for ``=`` itself.
    """
    score_a = (weights.W_attn + weights.attn_place[:, :1])[:, :, None]
    score_b = (weights.W_attn + weights.attn_place[:, 1:2])[:, None, :]
    score_equals = weights.attn_place[:, 2:, None]
    return torch.stack(torch.broadcast_tensors(score_a, score_b, score_equals)).softmax(dim=0)


def neuron_inputs(weights: EffectiveWeights, pattern: Tensor | None = None) -> Tensor:
    """What every neuron gets for every question, before the ReLU: (p, p, d_mlp).

    inputs[a, b] = Σ_h A_h(a) · W_neur[h, a] + A_h(b) · W_neur[h, b] + what does not depend on the numbers, with A_h(a)
    and A_h(b) the head's attention to a and to b in this question.

    Args:
        weights: the effective weights.
        pattern: (3, head, p, p) attention to use in place of the model's own, as from ``attention_from``.
    """
    pattern = attention_from(weights) if pattern is None else pattern
    return _carried(pattern, weights.W_neur, weights.neur_place) + weights.neur_bias


def neurons_from(weights: EffectiveWeights, pattern: Tensor | None = None) -> Tensor:
    """Every neuron's activation for every question, after the ReLU: (p, p, d_mlp); arguments as ``neuron_inputs``."""
    return neuron_inputs(weights, pattern).relu()


def logits_from(weights: EffectiveWeights, neurons: Tensor | None = None, pattern: Tensor | None = None) -> Tensor:
    """The functional form of the model: the logits of all questions from the effective weights.

    logits[a, b] = neurons[a, b] · W_logit + what the heads bring past the MLP. With the weights as
    ``effective_weights`` gives them the logits are the model's own, up to rounding; ``without`` neglects parts.

    Args:
        weights: the effective weights.
        neurons: (p, p, d_mlp) activations to use in place of the model's own: an ablation of the neurons.
        pattern: (3, head, p, p) attention to use in place of the model's own: an ablation of the heads' choices.

    Returns:
        (p, p, p).
    """
    pattern = attention_from(weights) if pattern is None else pattern
    neurons = neurons_from(weights, pattern) if neurons is None else neurons
    skip = _carried(pattern, weights.W_skip, weights.skip_place)
    return neurons @ weights.W_logit + skip + weights.logit_bias


def all_logits(model: Transformer) -> Tensor:
    """The model's own logits of the p numbers, for every question: (p, p, p)."""
    numbers = torch.arange(model.p, device=model.W_E.device)
    a, b = torch.cartesian_prod(numbers, numbers).T
    with torch.no_grad():
        return model.fast_logits(a, b)[:, : model.p].reshape(model.p, model.p, model.p)


def neuron_activations(model: Transformer) -> Tensor:
    """Every neuron's activation at ``=`` for every question, after the ReLU: (p, p, d_mlp)."""
    return neurons_from(effective_weights(model))


def attention_to(model: Transformer, place: int = 0) -> Tensor:
    """How much ``=`` attends to a place, for every question.

    Args:
        model: of any size.
        place: 0 for a, 1 for b, 2 for ``=`` itself.

    Returns:
        (head, p, p), each entry between 0 and 1.

    Raises:
        ValueError: if there is no such place.
    """
    if place not in (0, 1, 2):
        raise ValueError(f"a question has the places 0 (a), 1 (b) and 2 (=), not {place}")
    return attention_from(effective_weights(model))[place]


def sum_labels(p: int) -> Tensor:
    """The right answers as a table: (p, p) int64, entry [a, b] is (a + b) mod p."""
    numbers = torch.arange(p, device="cpu")
    return (numbers[:, None] + numbers) % p


# --- frequencies of tables over a and b ------------------------------------------------------------------------------


def energy_2d(table: Tensor) -> Tensor:
    """The two-dimensional spectrum: how much energy a table over a and b has at
    each pair of frequencies.

    Args:
        table: (p, p, …) floats; what its further dimensions hold are tables of
            their own.

    Returns:
        (p // 2 + 1, p // 2 + 1, …) of the table's dtype: entry [j, k] is the
        sum of the squared components in a wave of frequency j in a times a wave
        of frequency k in b. Together they are the sum of all squares
        (Parseval).

    Raises:
        ValueError: as ``fourier.transform_2d``.
    """
    squares = fourier.transform_2d(table).square()
    p = table.shape[0]
    by_frequency = fourier.frequencies(p).to(table.device)
    for dim in (0, 1):
        shape = list(squares.shape)
        shape[dim] = p // 2 + 1
        squares = squares.new_zeros(shape).index_add(dim, by_frequency, squares)
    return squares


def frequency_shares(activations: Tensor) -> Tensor:
    """The share of each neuron's variance that a polynomial of degree 2 in the
    waves of one frequency explains.

    The polynomial is a sum of cos ω_k a, sin ω_k a, cos ω_k b, sin ω_k b and
    the four products of one of a with one of b: eight terms, and a constant.
    (The other products of degree 2, such as cos² ω_k a, would bring in
    frequency 2k.) As the waves are orthogonal, the best fit's share is read off
    the spectrum.

    Source: Nanda et al. 2023, section 4.3; the terms are those of their
    notebook.

    Args:
        activations: (p, p, n) floats, such as from ``neuron_activations``. Each
            neuron's mean is left out of account.

    Returns:
        (p // 2 + 1, n) of the activations' dtype, in 0 … 1; row 0 is zero. A
        neuron that is always 0 has no variance, and zeros.

    Raises:
        ValueError: as ``fourier.transform_2d``.
    """
    energy = energy_2d(activations)
    k = torch.arange(len(energy), device=energy.device)
    one_frequency = energy[0] + energy[:, 0] + energy[k, k]  # in b alone, in a alone, in the products
    variance = energy.sum(dim=(0, 1)) - energy[0, 0]
    # A constant neuron's components are all rounding; what is that small beside its mean is no variance.
    is_alive = variance > 1e-9 * energy[0, 0]
    shares = torch.where(is_alive, one_frequency / variance.where(is_alive, torch.ones_like(variance)), 0.0)
    shares[0] = 0
    return shares


def neuron_frequencies(activations: Tensor) -> tuple[Tensor, Tensor]:
    """Each neuron's best single frequency, and how much of the neuron it explains.

    Args:
        activations: (p, p, n) floats, such as from ``neuron_activations``.

    Returns:
        The frequencies, (n,) int64, and the shares of the variance, (n,), as in ``frequency_shares``. A neuron that
        never changes gets frequency 0 and share 0.

    Raises:
        ValueError: as ``fourier.transform_2d``.
    """
    share, frequency = frequency_shares(activations).max(dim=0)
    return frequency, share


def neuron_clusters(frequency: Tensor, share: Tensor, least: float = 0.85) -> dict[int, Tensor]:
    """The neurons that belong to each frequency: those of which it explains more than a given share.

    Source: Nanda et al. 2023, section 4.3, with their threshold of 85 %.

    Args:
        frequency: (n,) int64 and
        share: (n,), as from ``neuron_frequencies``.
        least: the share that must be exceeded.

    Returns:
        By frequency, the indices of its neurons in rising order; the largest cluster first. Neurons that no frequency
        explains well enough are in none.
    """
    explained = share > least
    found = {int(k): (explained & (frequency == k)).nonzero().flatten() for k in frequency[explained].unique()}
    return dict(sorted(found.items(), key=lambda item: -len(item[1])))


def degree2_fit(activations: Tensor, frequency: Tensor) -> Tensor:
    """Each neuron replaced by the best polynomial of degree 2 in the waves of its own frequency, with its constant.

    Args:
        activations: (p, p, n) floats.
        frequency: (n,) int64 in 0 … p // 2: the frequency of each neuron; 0 leaves nothing but the mean.

    Returns:
        (p, p, n). Its variance is the share that ``frequency_shares`` gives of the neuron's.

    Raises:
        ValueError: if there is not one frequency a neuron, or one is out of range.
    """
    p = activations.shape[0]
    if frequency.shape != activations.shape[2:]:
        raise ValueError(
            f"neurons {tuple(activations.shape[2:])} need as many frequencies, not {tuple(frequency.shape)}"
        )
    if len(frequency) and not 0 <= frequency.min() <= frequency.max() <= p // 2:
        raise ValueError(f"modulo {p} the frequencies are 0 … {p // 2}")
    of_row = fourier.frequencies(p).to(frequency.device)[:, None]
    is_kept = (of_row == 0) | (of_row == frequency)  # (p, n)
    return fourier.inverse_transform_2d(fourier.transform_2d(activations) * is_kept[:, None] * is_kept[None])


# --- functions of the sum --------------------------------------------------------------------------------------------


def by_sum(table: Tensor) -> Tensor:
    """The mean of a table over all questions with the same answer s = (a + b) mod p.

    Args:
        table: (p, p, …) floats.

    Returns:
        (p, …): the best approximation of the table by a function of the sum alone; ``of_sum`` spreads it out again.
    """
    p = table.shape[0]
    flat = table.reshape(p * p, *table.shape[2:])
    total = flat.new_zeros(p, *table.shape[2:]).index_add(0, sum_labels(p).flatten().to(table.device), flat)
    return total / p


def of_sum(values: Tensor) -> Tensor:
    """A function of the sum as a table over all questions, (p, …) → (p, p, …): [a, b] is values[(a + b) mod p]."""
    return values[sum_labels(len(values)).to(values.device)]


def project_logits(table: Tensor, frequencies: Sequence[int]) -> Tensor:
    """The components of a table over a and b in the directions cos ω_k(a + b)
    and sin ω_k(a + b).

    The directions are scaled to length one over all p² questions. As cos ω(a +
    b) = cos ωa cos ωb − sin ωa sin ωb, each lies in the 2 × 2 block of
    frequency k of the two-dimensional transform, and fills one of its four
    dimensions.

    Source: the projections in the notebook of Nanda et al. 2023; sections 4.2
    and 5.1.

    Args:
        table: (p, p, n) floats, such as logits (p, p, p) or neurons (p, p,
            d_mlp).
        frequencies: a list of K of them, each 1 … (p − 1) // 2.

    Returns:
        (K, 2, n) of the table's dtype: entry [i, 0] are the components in the
        cosine of the i-th frequency, [i, 1] those in the sine.

    Raises:
        ValueError: if a frequency has no cosine and sine modulo p.
    """
    p = table.shape[0]
    frequencies = _require_frequencies(frequencies, p, (p - 1) // 2)
    components = fourier.transform(by_sum(table)) * math.sqrt(p)  # a direction of length one in s repeats p times
    rows = torch.tensor([[2 * k - 1, 2 * k] for k in frequencies], dtype=torch.int64, device=table.device)
    return components[rows.reshape(-1, 2)]


def ablate_frequencies(
    table: Tensor, *, keep: Iterable[int] | None = None, drop: Iterable[int] | None = None, part: Part = "sum"
) -> Tensor:
    """Remove some frequencies from a table over a and b, or all but some; the mean over all questions always stays.

    What belongs to a frequency k is

    * ``"sum"``: cos ω_k(a + b) and sin ω_k(a + b), two directions. What the notebook of Nanda et al. 2023 keeps for
      their restricted loss and drops for their excluded loss (section 5.1).
    * ``"products"``: the products of a wave of a with a wave of b, four directions: those of the sum, and
      cos ω_k(a − b) and sin ω_k(a − b). One reading of "the 20 terms" for five frequencies in section 5.1.
    * ``"polynomial"``: the products, and the waves of a alone and of b alone, eight directions: section 4.4's 40 terms.

    As "constant" the mean of each column over all questions counts: of logits (p, p, p), one number for each candidate.

    Args:
        table: (p, p, …) floats, such as logits (p, p, p) or neurons (p, p, d_mlp).
        keep: frequencies 1 … p // 2 to keep, without all others; or
        drop: frequencies 1 … p // 2 to remove, leaving everything else.
        part: what of a frequency is meant.

    Returns:
        The shape of the table. For the same frequencies and part the two results add up to the table and its mean.

    Raises:
        ValueError: if not exactly one of ``keep`` and ``drop`` is given, a frequency is out of range, or there is no
            such part.
    """
    given = keep if drop is None else drop
    if given is None or (keep is not None and drop is not None):
        raise ValueError("say either which frequencies to keep or which to drop")
    p = table.shape[0]
    chosen = _require_frequencies(given, p, p // 2)
    if part == "sum":
        inside = of_sum(fourier.keep_frequencies(by_sum(table), chosen))
    elif part in ("products", "polynomial"):
        row = fourier.frequencies(p).to(table.device)
        in_block = torch.zeros(p, p, dtype=torch.bool, device=table.device)
        for k in chosen:
            of_wave = (row == k) if part == "products" else (row == k) | (row == 0)
            in_block |= of_wave[:, None] & of_wave
        in_block[0, 0] = False
        components = fourier.transform_2d(table)
        inside = fourier.inverse_transform_2d(components * in_block.reshape(p, p, *[1] * (table.ndim - 2)))
    else:
        raise ValueError(f"no such part: {part!r}. There are: sum, products, polynomial")
    return table - inside if keep is None else inside + table.mean(dim=(0, 1))


def ablate_embedding(
    model: Transformer, *, keep: Iterable[int] | None = None, drop: Iterable[int] | None = None
) -> Tensor:
    """The logits of all questions when the numbers' embedding loses some frequencies, or all but some.

    The constant, which is the same for every number, always stays, and so does the row of ``=``.

    Args:
        model: it is not changed.
        keep: frequencies 1 … p // 2 to keep; or
        drop: frequencies to remove.

    Returns:
        (p, p, p).

    Raises:
        ValueError: if not exactly one of ``keep`` and ``drop`` is given, or a frequency is out of range.
    """
    given = keep if drop is None else drop
    if given is None or (keep is not None and drop is not None):
        raise ValueError("say either which frequencies to keep or which to drop")
    p = model.p
    chosen = _require_frequencies(given, p, p // 2)
    numbers = model.W_E.detach()[:p]
    if keep is None:
        numbers = numbers - fourier.keep_frequencies(numbers, chosen)
    else:
        numbers = fourier.keep_frequencies(numbers, [0, *chosen])
    ablated = copy.deepcopy(model)
    with torch.no_grad():
        ablated.W_E[:p] = numbers
    return all_logits(ablated)


# --- logits as cosines of a + b − c ----------------------------------------------------------------------------------


def key_cosines(p: int, frequencies: Iterable[int]) -> Tensor:
    """The waves cos ω_k n, one row a frequency: (K, p) float64; raises ``ValueError`` for a frequency out of range."""
    chosen = _require_frequencies(frequencies, p, p // 2)
    k, n = torch.tensor(chosen, dtype=torch.int64, device="cpu"), torch.arange(p, device="cpu")
    turns = torch.outer(k, n) % p  # exact for large k n
    return (2 * math.pi * turns.double() / p).cos()


def cosine_logits(p: int, frequencies: Iterable[int], coefficients: Iterable[float]) -> Tensor:
    """The logits Σ_k α_k cos ω_k(a + b − c) of all questions, (p, p, p) float64.

    Source: Nanda et al. 2023, section 4.2.

    Args:
        p: the modulus.
        frequencies: K of them, each 1 … p // 2.
        coefficients: α_k, one for each frequency.

    Raises:
        ValueError: if a frequency is out of range, or there are more or fewer coefficients than frequencies.
    """
    waves = key_cosines(p, frequencies)
    alpha = coefficients if isinstance(coefficients, Tensor) else list(coefficients)
    alpha = torch.as_tensor(alpha, dtype=torch.float64, device="cpu")
    if alpha.shape != waves.shape[:1]:
        raise ValueError(f"{len(waves)} frequencies need as many coefficients, not {tuple(alpha.shape)}")
    distance = (sum_labels(p)[:, :, None] - torch.arange(p, device="cpu")) % p
    return (alpha @ waves)[distance]


@dataclass(frozen=True)
class CosineFit:
    """The logits' best fit by Σ_k α_k cos ω_k(a + b − c)."""

    coefficients: Tensor
    """(K,) float64: the α_k."""
    shares: Tensor
    """(K,) float64: the share of the logits' variance that each frequency explains; they add up."""

    @property
    def explained(self) -> float:
        """The share of the variance that all of them explain together."""
        return float(self.shares.sum())


def fit_cosines(
    logits: Tensor, frequencies: Iterable[int], centre: Literal["question", "all"] = "question"
) -> CosineFit:
    """Fit Σ_k α_k cos ω_k(a + b − c) to the logits by least squares over all questions and candidates.

    The waves are orthogonal to each other and to every constant, so each α_k is a projection, and does not depend on
    the others or on the centring. The variance of which they explain a share does. By default each question's mean
    logit is taken off first: it shifts all its candidates alike, and no probability depends on it. With ``"all"`` only
    the one mean of all logits is. (Nanda et al. 2023, section 4.2, report 95 % and do not say which.)

    Args:
        logits: (p, p, p) floats.
        frequencies: K different ones, each 1 … p // 2.
        centre: which mean is taken off.

    Returns:
        The fit. Logits without any variance have shares of 0.

    Raises:
        ValueError: if the shape is not (p, p, p), a frequency is out of range, or there is no such centring.
    """
    p = logits.shape[0]
    if logits.shape != (p, p, p):
        raise ValueError(f"logits of all questions have shape (p, p, p), not {tuple(logits.shape)}")
    if centre not in ("question", "all"):
        raise ValueError(f"no such centring: {centre!r}. There are: question, all")
    waves = key_cosines(p, frequencies).to(logits.device)
    centred = logits - (logits.mean(dim=2, keepdim=True) if centre == "question" else logits.mean())
    variance = centred.square().sum().double()
    # Only the mean at each distance a + b − c matters to the fit: first over equal sums, then over equal distances.
    mean_at_sum = by_sum(centred).double()  # (sum, c)
    candidates = torch.arange(p, device=logits.device)
    # entry [d, c] is the logit of c where the sum is c + d
    mean_at_distance = mean_at_sum[(candidates[:, None] + candidates) % p, candidates].mean(dim=1)
    lengths = waves.square().sum(dim=1)  # over the p distances; each occurs p² times
    alpha = waves @ mean_at_distance / lengths
    explained = alpha.square() * lengths * p**2
    return CosineFit(alpha.cpu(), (explained / variance if variance > 0 else torch.zeros_like(explained)).cpu())


def strength_by_difference(logits: Tensor, frequencies: Iterable[int]) -> Tensor:
    """How strongly the logits hold cos ω_k(a + b − c), for each difference of a and b.

    A network that multiplies points on circles, the clock, has the same strength everywhere. One that averages them,
    the pizza, has none where a and b stand opposite each other: its strength goes as |cos ω_k(a − b)/2|. See Zhong et
    al. 2023 (arXiv 2306.17844); the measure is ours, akin to their distance irrelevance.

    Args:
        logits: (p, p, p) floats.
        frequencies: K of them, each 1 … p // 2.

    Returns:
        (K, p): entry [i, d] is the coefficient of the i-th cosine, by least squares over c, in the mean over all
        questions with (a − b) mod p = d. The mean over d is the α_k of ``fit_cosines``.

    Raises:
        ValueError: if a frequency is out of range.
    """
    p = logits.shape[0]
    waves = key_cosines(p, frequencies).to(logits)
    numbers = torch.arange(p, device=logits.device)
    strengths = []
    for wave in waves:
        # cos ω(s − c) for every sum s and candidate c, then spread over the questions with that sum
        expected = of_sum(wave[(numbers[:, None] - numbers) % p])
        strengths.append((logits * expected).sum(dim=2) / wave.square().sum())
    difference = ((numbers[:, None] - numbers) % p).flatten()
    table = torch.stack(strengths, dim=-1).reshape(p * p, -1) if strengths else logits.new_zeros(p * p, 0)
    return (table.new_zeros(p, table.shape[1]).index_add(0, difference, table) / p).T


def unembedding_directions(W_logit: Tensor, frequencies: Sequence[int]) -> tuple[Tensor, Tensor]:
    """The directions among the neurons that are read as cos ω_k c and as sin
    ω_k c.

    W_logit[i, c] ≈ Σ_k u_k[i] cos ω_k c + v_k[i] sin ω_k c, by least squares:
    Nanda et al. 2023, section 4.2, equation (2). If nothing is left over,
    W_logit has rank 2K, and the logits depend on the neurons only through the
    2K numbers u_k · neurons and v_k · neurons (equation 3).

    Args:
        W_logit: (d_mlp, p) floats.
        frequencies: a list of K of them, each 1 … (p − 1) // 2.

    Returns:
        u and v, each (K, d_mlp) of W_logit's dtype, in the order of the
        frequencies.

    Raises:
        ValueError: if a frequency has no cosine and sine modulo p.
    """
    p = W_logit.shape[1]
    chosen = _require_frequencies(frequencies, p, (p - 1) // 2)
    components = fourier.transform(W_logit, dim=1) * math.sqrt(2 / p)  # of the unscaled waves
    row = torch.tensor(chosen, dtype=torch.int64, device=W_logit.device)
    return components[:, 2 * row - 1].T, components[:, 2 * row].T


def keep_directions(W_logit: Tensor, frequencies: Iterable[int]) -> Tensor:
    """W_logit with nothing but the given frequencies of c: Σ_k u_k cos ω_k c + v_k sin ω_k c, of rank 2K at most.

    Args:
        W_logit: (d_mlp, p) floats.
        frequencies: K of them, each 1 … p // 2.

    Returns:
        (d_mlp, p). What is left over, as a share of W_logit's Frobenius norm, is the residual of section 4.2.

    Raises:
        ValueError: if a frequency is out of range.
    """
    return fourier.keep_frequencies(
        W_logit.T, _require_frequencies(frequencies, W_logit.shape[1], W_logit.shape[1] // 2)
    ).T


# --- a network by hand -----------------------------------------------------------------------------------------------


def clock_logits(
    a: Tensor, b: Tensor, p: int, frequencies: Sequence[int], coefficients: Sequence[float] | None = None
) -> Tensor:
    """Modular addition by a network written by hand, with waves and products; a
    and b are never added.

    Each number is a point on a circle for every frequency, (cos ω_k n, sin ω_k
    n). The points of a and b are multiplied by the angle addition identity,
    which adds their angles. Each candidate c is scored by how well its own
    point fits: its logit is Σ_k α_k cos ω_k(a + b − c).

    Source: the algorithm of Nanda et al. 2023, section 3.1; Zhong et al. 2023
    (arXiv 2306.17844) call it the clock.

    Args:
        a: (n,) int64 in 0 … p − 1.
        b: (n,) int64 in 0 … p − 1.
        p: the modulus.
        frequencies: a list of K whole numbers of any size; above p // 2 they
            repeat the waves of smaller ones.
        coefficients: the weights α_k of the frequencies in the logits, in a
            list; all 1 by default.

    Returns:
        (n, p) float64, with all its digits.
    """
    k = torch.tensor(list(frequencies), dtype=torch.float64, device=a.device)
    alpha = torch.ones_like(k) if coefficients is None else k.new_tensor(list(coefficients))
    angle = 2 * math.pi / p * torch.outer(torch.arange(p, dtype=k.dtype, device=k.device), k)
    cos, sin = angle.cos(), angle.sin()  # (p, K): the embedding, and up to α the unembedding
    cos_sum = cos[a] * cos[b] - sin[a] * sin[b]  # (n, K)
    sin_sum = sin[a] * cos[b] + cos[a] * sin[b]
    return (cos_sum * alpha) @ cos.T + (sin_sum * alpha) @ sin.T


def clock_network(
    p: int, frequencies: Iterable[int], coefficients: Iterable[float] | None = None
) -> Callable[[Tensor, Tensor], Tensor]:
    """The hand-written network for a modulus and some frequencies; it answers all p² questions.

    Args:
        p: the modulus.
        frequencies: K of them, each 1 … p // 2. One will do, and more give a larger lead to the right answer.
        coefficients: positive weights α_k of the frequencies in the logits; all 1 by default.

    Returns:
        A function of a and b, each (n,) int64, that gives the logits (n, p): see ``clock_logits``.

    Raises:
        ValueError: if there is no frequency, one is out of range, a coefficient is missing or not positive, or the
            frequencies share a factor with p, so that some numbers stand at the same place on every circle.
    """
    chosen = _require_frequencies(frequencies, p, p // 2)
    alpha = [1.0] * len(chosen) if coefficients is None else [float(coefficient) for coefficient in coefficients]
    if not chosen or math.gcd(p, *chosen) != 1:
        raise ValueError(
            f"the frequencies {chosen} cannot tell all numbers modulo {p} apart: "
            "there must be some, and no number greater than 1 may divide them all and p"
        )
    if len(alpha) != len(chosen) or min(alpha) <= 0:
        raise ValueError(f"{len(chosen)} frequencies need as many positive coefficients, not {alpha}")
    return functools.partial(clock_logits, p=p, frequencies=chosen, coefficients=alpha)


# --- helpers ---------------------------------------------------------------------------------------------------------


def _carried(pattern: Tensor, by_number: Tensor, by_place: Tensor) -> Tensor:
    """What the heads carry to ``=`` for every question.

    (3, head, p, p) attention, (head, p, n) by number and (head, 3, n) by place → (p, p, n).
    """
    p = pattern.shape[-1]
    from_a = pattern[0].permute(1, 2, 0) @ by_number.transpose(0, 1)  # (a, b, head) @ (a, head, n)
    from_b = (pattern[1].permute(2, 1, 0) @ by_number.transpose(0, 1)).transpose(0, 1)  # (b, a, head) @ (b, head, n)
    weights = pattern.permute(2, 3, 1, 0).reshape(p, p, -1)  # (a, b, head · 3)
    return from_a + from_b + weights @ by_place.flatten(0, 1)


def _require_frequencies(frequencies: Iterable[int], p: int, highest: int) -> list[int]:
    """The frequencies as a list; raises ``ValueError`` if one is not 1 … highest, or occurs twice."""
    chosen = [int(k) for k in frequencies]
    outside = [k for k in chosen if not 1 <= k <= highest]
    if outside:
        raise ValueError(f"modulo {p} there are the frequencies 1 … {highest} to choose from, not {outside[0]}")
    if len(set(chosen)) < len(chosen):
        raise ValueError(f"a frequency occurs twice in {chosen}")
    return chosen
