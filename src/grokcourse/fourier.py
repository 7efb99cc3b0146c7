"""The Fourier basis of functions on Z_p, the numbers modulo p: transforms, spectra, key frequencies, circles.

Any function on Z_p is a sum of waves: a constant and, for each frequency k = 1 … ⌊p/2⌋, a cosine and a sine of
ω_k · n with ω_k = 2πk/p. Sampled at n = 0 … p − 1 and scaled to length one they are an orthonormal basis, so that a
transform only turns its input: it keeps every sum of squares (Parseval), and its inverse is its transpose.

Shapes: p — the modulus, any whole number from 2 on; basis — rows of the Fourier basis, p of them in the order constant,
cos 1, sin 1, cos 2, sin 2, … (for even p the last row is cos p/2, which alternates between +1 and −1 and has no sine).

The analysis is that of Nanda et al. 2023 (arXiv 2301.05217), section 4.1: transform the embedding along the numbers and
look at how large each frequency is.
"""

import math
from collections.abc import Iterable

import torch
from torch import Tensor


def fourier_basis(p: int, dtype: torch.dtype = torch.float32, device: torch.device | str | None = None) -> Tensor:
    """The real orthonormal Fourier basis of functions on Z_p, one function a
    row.

    Rows before scaling: 1, then cos(2πkn/p) and sin(2πkn/p) for k = 1, 2, …;
    computed in float64, then cast.

    Args:
        p: the modulus.
        dtype: the type of the result.
        device: the device of the result.

    Returns:
        (p, p): row i, column n is the value of basis function i at the number
        n. ``basis @ basis.T`` is the identity.

    Raises:
        ValueError: if p is less than 2.
    """
    if p < 2:
        raise ValueError(f"the Fourier basis needs a modulus p of at least 2, not {p}")
    n = torch.arange(p, dtype=torch.float64, device="cpu")
    waves = [torch.ones_like(n)]
    for k in range(1, p // 2 + 1):
        angle = 2 * math.pi * k * n / p
        waves += [angle.cos(), angle.sin()]
    basis = torch.stack(waves[:p])  # for even p this drops the last sine, which is zero at every whole number
    length: Tensor = basis.norm(dim=1, keepdim=True)
    return (basis / length).to(device=device, dtype=dtype)


def frequencies(p: int) -> Tensor:
    """The frequency of each row of the basis: 0, 1, 1, 2, 2, … as (p,) int64."""
    return (torch.arange(p, device="cpu") + 1) // 2


def basis_names(p: int) -> list[str]:
    """The name of each row of the basis: "constant", "cos 1", "sin 1", "cos 2" and so on."""
    waves = [f"{wave} {k}" for k in range(1, p // 2 + 1) for wave in ("cos", "sin")]
    return ["constant", *waves][:p]


def transform(x: Tensor, dim: int = 0) -> Tensor:
    """How much of each basis function there is in x, along one of its
    dimensions.

    Args:
        x: floats, with p entries along ``dim`` and any other dimensions; the
            modulus is read off there.
        dim: the dimension that runs over the numbers 0 … p − 1; −1 is the last.

    Returns:
        The shape and dtype of x; along ``dim`` the components now go by basis
        function, in the order of ``fourier_basis``.

    Raises:
        ValueError: if x does not hold floats, or has fewer than 2 entries along
            ``dim``.
    """
    basis = fourier_basis(*_modulus(x, dim))
    components: Tensor = torch.tensordot(basis, x, dims=([1], [dim]))
    return components.movedim(0, dim)


def inverse_transform(components: Tensor, dim: int = 0) -> Tensor:
    """The sum of the waves: undoes ``transform``, with the same arguments and errors."""
    basis = fourier_basis(*_modulus(components, dim))
    x: Tensor = torch.tensordot(basis.T, components, dims=([1], [dim]))
    return x.movedim(0, dim)


def transform_2d(x: Tensor) -> Tensor:
    """The components of a function of two numbers, a and b, in the products of
    a wave in a and a wave in b.

    Args:
        x: (p, p, …) floats: entry [a, b] belongs to the pair (a, b).

    Returns:
        (p, p, …): entry [i, j] is the component of basis function i of a times
        basis function j of b.

    Raises:
        ValueError: if x does not hold floats, or its first two dimensions are
            not p and p with p at least 2.
    """
    _require_square(x)
    return transform(transform(x, dim=0), dim=1)


def inverse_transform_2d(components: Tensor) -> Tensor:
    """The sum of the products of waves: undoes ``transform_2d``, with the same argument and errors."""
    _require_square(components)
    return inverse_transform(inverse_transform(components, dim=0), dim=1)


def energy_per_frequency(matrix: Tensor, dim: int = 0) -> Tensor:
    """The spectrum of a matrix over the numbers: the sum of its squared
    components at each frequency.

    Nothing is lost: the energies add up to the sum of all squared entries
    (Parseval).

    Args:
        matrix: floats, with p entries along ``dim`` and any other dimensions,
            or none: for the embedding pass ``W_E[:p]``, as the row of ``=`` is
            no number.
        dim: the dimension that runs over the numbers; −1 is the last.

    Returns:
        (p // 2 + 1,) of the matrix's dtype: entry k is the energy of frequency
        k, entry 0 that of the constant.

    Raises:
        ValueError: as ``transform``.
    """
    p = matrix.shape[dim]
    squares = transform(matrix, dim).movedim(dim, 0).reshape(p, -1).square().sum(dim=1)  # one per basis function
    return squares.new_zeros(p // 2 + 1).index_add(0, frequencies(p).to(squares.device), squares)


def keep_frequencies(matrix: Tensor, kept: Iterable[int]) -> Tensor:
    """The part of a matrix over the numbers that lies in some frequencies; all
    else is removed, the constant too.

    Args:
        matrix: (p, …) floats, one row per number, such as ``W_E[:p]``: any
            number of dimensions.
        kept: frequencies from 0 (the constant) to p // 2, in a list, a set or a
            generator.

    Returns:
        The shape and dtype of the matrix. What is kept and what is removed add
        up to the matrix, and so do their energies.

    Raises:
        ValueError: if there is no such frequency, or as ``transform``.
    """
    kept = sorted(kept)
    if kept and not 0 <= kept[0] <= kept[-1] <= len(matrix) // 2:
        raise ValueError(f"modulo {len(matrix)} the frequencies are 0 … {len(matrix) // 2}: cannot keep {kept}")
    components = transform(matrix)
    is_kept = torch.isin(frequencies(len(matrix)), torch.tensor(kept, dtype=torch.int64, device="cpu"))
    components[~is_kept.to(matrix.device)] = 0
    return inverse_transform(components)


def key_frequencies(energy: Tensor, over_median: float = 4.0, of_largest: float = 0.1) -> list[int]:
    """The frequencies that stand out of a spectrum, largest energy first; none
    if the spectrum is flat.

    A frequency is key if its energy is both

    * more than ``over_median`` times the median of all frequencies but the
      constant. A few spikes cannot raise the median, so it measures the
      background. In Gaussian noise with d columns the energies differ by a
      relative 1/√d or so: before training, none passes;
    * at least ``of_largest`` times the largest. Once training has cleaned up,
      the background is so near zero that its own ripples are many times the
      median, and strong frequencies may have faint echoes at their doubles.

    The rule is ours. (Nanda et al. 2023, section 4.1, read the key frequencies
    off the picture of the spectrum.) Both conditions are ratios, so the scale
    of the matrix does not matter. It looks for a few spikes: frequencies that
    are more than half of all, as may happen for a small p, cannot stand out of
    the median.

    Args:
        energy: (p // 2 + 1,) as from ``energy_per_frequency``; entry 0, the
            constant, is never key.
        over_median: how many times the median a key frequency exceeds.
        of_largest: the least share of the largest energy that a key frequency
            has.

    Returns:
        Whole numbers from 1 to p // 2.

    Raises:
        ValueError: if ``energy`` is not one-dimensional with at least two
            entries, or an entry is negative or NaN.
    """
    if energy.ndim != 1 or len(energy) < 2:
        raise ValueError(f"energy must have shape (p // 2 + 1,) with p at least 2, not {tuple(energy.shape)}")
    if not (energy >= 0).all():
        raise ValueError("energies are sums of squares: none can be negative or NaN")
    waves = energy[1:]
    # What rounding leaves of a constant's energy in each wave is no spectrum: then none is key.
    rounding = (64 * torch.finfo(energy.dtype).eps) ** 2 * energy[0]
    stands_out = (waves > over_median * waves.quantile(0.5)) & (waves >= of_largest * waves.max()) & (waves > rounding)
    by_energy = waves.argsort(descending=True)
    return (by_energy[stands_out[by_energy]] + 1).tolist()


def circle(matrix: Tensor, k: int) -> Tensor:
    """Where each number lies on the circle of frequency k: its row of the
    matrix, seen along two directions.

    The directions are the matrix's own components of cos k and sin k, scaled to
    length one. If they hold nothing but that wave, number n lies at the angle
    2πkn/p of a circle, and adding 1 to it is a turn by 2πk/p.

    The directions are fitted to the very rows that are then looked at, so that
    even a random matrix shows a trace of a circle, under noise; compare with
    one before reading anything into a faint ring.

    Args:
        matrix: (p, d) floats: one row per number, such as ``W_E[:p]``.
        k: the frequency, 1 … (p − 1) // 2.

    Returns:
        (p, 2) of the matrix's dtype: the coordinates of each number along the
        cos and the sin direction.

    Raises:
        ValueError: if k has no cosine and sine, or the matrix none of that
            frequency (so there is no direction).
    """
    p = len(matrix)
    if not 1 <= k <= (p - 1) // 2:
        raise ValueError(f"modulo {p} only the frequencies 1 … {(p - 1) // 2} have a circle, not {k}")
    directions = transform(matrix)[frequencies(p).to(matrix.device) == k]  # (2, d)
    lengths: Tensor = directions.norm(dim=1, keepdim=True)
    if not lengths.all():
        raise ValueError(f"the matrix has no wave of frequency {k}, so there is no direction to look along")
    return matrix @ (directions / lengths).T


def cos_of_sum(k: int, p: int) -> Tensor:
    """The table cos(ω_k (a + b)) for all numbers a and b, by the angle addition
    identity: a and b are never added.

    Only the waves of a alone and of b alone enter, cos(ω_k a), sin(ω_k a),
    cos(ω_k b) and sin(ω_k b) with ω_k = 2πk/p.

    Args:
        k: the frequency, a whole number of any size.
        p: the modulus.

    Returns:
        (p, p) float64, with all its digits: entry [a, b] is cos(ω_k (a + b)),
        the same as cos(ω_k ((a + b) mod p)).
    """
    angle = 2 * math.pi * k * torch.arange(p, dtype=torch.float64, device="cpu") / p
    cos, sin = angle.cos(), angle.sin()
    return torch.outer(cos, cos) - torch.outer(sin, sin)


def _modulus(x: Tensor, dim: int) -> tuple[int, torch.dtype, torch.device]:
    """What the basis for x along ``dim`` must be: its size, type and device."""
    if not x.is_floating_point():
        raise ValueError(f"a transform needs floats, not {x.dtype}: convert with .float() or .double()")
    return x.shape[dim], x.dtype, x.device


def _require_square(x: Tensor) -> None:
    if x.ndim < 2 or x.shape[0] != x.shape[1]:
        raise ValueError(f"a function of two numbers modulo p has shape (p, p, …), not {tuple(x.shape)}")
