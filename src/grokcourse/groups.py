"""Finite groups by their tables: classes, subgroups, characters, irreducible representations, a Fourier transform.

A group's table is the addition table of this course in general: entry [a, b] is the number of the element a · b.
Nothing here is looked up: characters and representations are computed from the table, by eigenvectors, so that any
group of a few hundred elements will do. What frequencies are to the numbers modulo p, irreducible representations are
to a group: a function on it is a sum of parts, one for each, and no energy is lost (Plancherel).

Shapes: n — elements; c — conjugacy classes, of which there are as many as irreducible representations; d — the degree
of one: it has d × d matrices.

Sources: the characters by Burnside's way (his "Theory of Groups of Finite Order", 1911, §223), the matrices and the
transform as in Serre, "Linear Representations of Finite Groups" (1977), chapters 2 and 6. That networks learn this is
Chughtai, Chan and Nanda 2023 (arXiv 2302.03025).
"""

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

EXACT = 1e-6
"""By how much a number may be off that must be whole or zero, computed in float64."""


class GroupError(ValueError):
    """A table is no group's; the message says which law fails, and where."""


@dataclass(frozen=True, eq=False)
class Group:
    """A finite group.

    Raises:
        GroupError: if the table is not that of a group.
    """

    table: Tensor
    """(n, n) int64: entry [a, b] is the number of a · b."""

    def __post_init__(self) -> None:
        _check(self.table)

    def __len__(self) -> int:
        return len(self.table)

    @cached_property
    def identity(self) -> int:
        """The number of the element that changes nothing."""
        return int((self.table == torch.arange(len(self))).all(dim=1).nonzero()[0])

    @cached_property
    def inverses(self) -> Tensor:
        """(n,) int64: the inverse of each element."""
        return inverses(self.table)

    @cached_property
    def is_abelian(self) -> bool:
        """Whether a · b is always b · a."""
        return torch.equal(self.table, self.table.T)

    @cached_property
    def class_of(self) -> Tensor:
        """(n,) int64: the number of each element's conjugacy class, all g · a · g⁻¹.

        The identity's is 0, and the others follow in the order of their first
        elements.
        """
        n = len(self)
        conjugates = self.table[self.table, self.inverses[:, None].expand(n, n)]  # [g, a]
        first = conjugates.min(dim=0).values  # stands for the class
        order = sorted(set(first.tolist()), key=lambda element: (element != int(first[self.identity]), element))
        place = torch.zeros(n, dtype=torch.int64)
        place[order] = torch.arange(len(order))
        return place[first]

    @cached_property
    def class_sizes(self) -> Tensor:
        """(c,) int64: how many elements each class has."""
        return torch.bincount(self.class_of)

    @cached_property
    def characters(self) -> Tensor:
        """The character table: (c, n) complex128, the value of each irreducible
        character at each element.

        By rising degree; the trivial one, everywhere 1, comes first. Classes
        multiply: the sum of a class times that of another is a sum of classes.
        The characters are the vectors that all these products only scale.
        """
        n, sizes, at = len(self), self.class_sizes.double(), self.class_of
        classes = len(sizes)
        firsts = torch.stack([(at == one).nonzero()[0, 0] for one in range(classes)])
        # [i, j, k]: how many x of class i and y of class j have the product z, the first of class k.
        others = self.table[self.inverses[:, None], firsts]  # [x, k]: the y with x · y = z
        counts = torch.zeros(classes, classes, classes, dtype=torch.float64)
        places = (at[:, None].expand_as(others), at[others], torch.arange(classes).expand_as(others))
        counts.index_put_(places, torch.ones(others.shape, dtype=torch.float64), accumulate=True)
        products = counts * (sizes[None, None, :] / sizes[None, :, None]).sqrt()  # so that they are normal matrices
        draw = torch.Generator().manual_seed(0)
        for _ in range(20):
            weights = torch.randn(2, classes, generator=draw, dtype=torch.float64)
            real, imaginary = torch.einsum("ri,ijk->rjk", weights, products)
            hermitian = torch.complex(real + real.T, imaginary - imaginary.T)
            values, vectors = torch.linalg.eigh(hermitian)
            if classes == 1 or values.diff().min() > 1e-4 * values.abs().max():
                break
        ratios = vectors / sizes.sqrt()[:, None]
        ratios = (ratios / ratios[0]).T  # [character, class]: relative to the degree
        degrees = (n / (sizes * ratios.abs().square()).sum(dim=1)).sqrt()
        table = (degrees.round()[:, None] * ratios).resolve_conj()
        if (degrees - degrees.round()).abs().max() > EXACT:
            raise GroupError("the characters of this group cannot be told apart in float64")
        keys = [
            (round(row[0].real.item()), *(-round(v, 6) for z in row.tolist() for v in (z.real, z.imag)))
            for row in table
        ]
        order = sorted(range(classes), key=keys.__getitem__)
        ordered: Tensor = table[order][:, at]
        return ordered

    @cached_property
    def degrees(self) -> list[int]:
        """The degree of each irreducible representation; their squares add up to n."""
        return [round(degree) for degree in self.characters[:, self.identity].real.tolist()]

    @cached_property
    def representations(self) -> list[Tensor]:
        """The matrices of each irreducible representation, in the order of ``characters``: (n, d, d) complex128.

        They are unitary, and real where they can be. Each is found inside the
        functions on the group, which the group shifts: on those of one
        character, an operator that agrees with all shifts has spaces of d
        dimensions that the shifts keep.
        """
        return [self._representation(place) for place in range(len(self.degrees))]

    def _representation(self, place: int) -> Tensor:
        n, degree, character = len(self), self.degrees[place], self.characters[place]
        real = bool(character[self.table.diagonal()].sum().real > n / 2)  # the indicator of Frobenius and Schur: 1
        draw = torch.Generator().manual_seed(place)
        kernel = torch.randn(2, n, generator=draw, dtype=torch.float64)
        weights = torch.complex(kernel[0], torch.zeros(n, dtype=torch.float64) if real else kernel[1])
        quotient = self.table[self.inverses]  # [g, h]: g⁻¹ · h, the same for k·g and k·h: it agrees with shifts
        agreeing = weights[quotient]
        agreeing = agreeing + agreeing.mH
        projection = self.projections[place]
        values, vectors = torch.linalg.eigh(projection @ agreeing @ projection)
        inside = values.abs().argsort(descending=True)[: degree * degree]
        inside = inside[values[inside].argsort()][:degree]
        space = vectors[:, inside]
        if real:  # an operator of real numbers has real eigenvectors, up to a factor
            space = torch.linalg.eigh((projection @ agreeing @ projection).real)[1][:, inside].to(torch.complex128)
        shifted = space[quotient]  # [g, h]: the functions h ↦ f(g⁻¹ · h)
        matrices: Tensor = space.mH @ shifted
        return matrices

    @cached_property
    def projections(self) -> Tensor:
        """For each irreducible representation the matrix that keeps a function's part in it: (c, n, n) complex128.

        Serre, 2.6: entry [g, h] is d / n times the character's conjugate at
        g · h⁻¹. They are Hermitian, and add up to the identity.
        """
        quotient = self.table[:, self.inverses]  # [g, h]: g · h⁻¹
        degrees = torch.tensor(self.degrees, dtype=torch.float64)[:, None, None]
        return degrees / len(self) * self.characters[:, quotient].conj()

    def transform(self, function: Tensor) -> list[Tensor]:
        """The Fourier transform: for each irreducible representation the sum of
        the function's values times the matrices.

        Args:
            function: (n, …) floats.

        Returns:
            (d, d, …) complex128 for each.
        """
        values = self._over_elements(function)
        return [torch.tensordot(matrices, values, dims=([0], [0])) for matrices in self.representations]

    def inverse_transform(self, components: Sequence[Tensor]) -> Tensor:
        """Undoes ``transform``: (n, …) complex128."""
        parts = (
            degree * torch.einsum("nij,ij...->n...", matrices.conj(), component)
            for degree, matrices, component in zip(self.degrees, self.representations, components, strict=True)
        )
        return torch.stack(list(parts)).sum(dim=0) / len(self)

    def energy_per_representation(self, function: Tensor) -> Tensor:
        """How much of a function lies in each irreducible representation.

        Args:
            function: (n, …) floats, such as an embedding with one row an
                element.

        Returns:
            (c,) float64, in the order of ``characters``. They add up to the sum
            of all squares. Of a real function two characters that are each
            other's conjugates have as much.

        Raises:
            ValueError: if the function does not have n rows of floats.
        """
        values = self._over_elements(function).reshape(len(self), -1)
        return (self.projections @ values).abs().square().sum(dim=(1, 2))

    def subgroups(self) -> list[frozenset[int]]:
        """All subgroups that two elements generate, from the smallest to the
        whole; in the groups of this course (cyclic, dihedral, S₃ to S₅) that
        is every one.
        """
        rows = self.table.tolist()
        cyclic = {self._generated(rows, frozenset({element})) for element in range(len(self))}
        found = set(cyclic)
        for one, other in itertools.combinations(cyclic, 2):
            if not (one <= other or other <= one):
                found.add(self._generated(rows, one | other))
        return sorted(found, key=lambda subgroup: (len(subgroup), sorted(subgroup)))

    def _generated(self, rows: list[list[int]], elements: frozenset[int]) -> frozenset[int]:
        found, new = {self.identity}, {self.identity}
        while new:
            new = {rows[known][element] for known in new for element in elements} - found
            found |= new
        return frozenset(found)

    def cosets(self, subgroup: frozenset[int], side: str = "left") -> Tensor:
        """Which coset of a subgroup each element lies in.

        Args:
            subgroup: as ``subgroups`` gives them.
            side: ``"left"`` for the sets g · H, ``"right"`` for H · g.

        Returns:
            (n,) int64: numbers from 0 to n / |H| − 1.
        """
        table = self.table if side == "left" else self.table.T
        first = table[:, sorted(subgroup)].min(dim=1).values
        place: Tensor = torch.unique(first, return_inverse=True)[1]
        return place

    def _over_elements(self, function: Tensor) -> Tensor:
        if not function.is_floating_point() or function.ndim < 1 or len(function) != len(self):
            raise ValueError(
                f"a function on this group has {len(self)} rows of floats, not {tuple(function.shape)} {function.dtype}"
            )
        return function.detach().to("cpu", torch.complex128)


def inverses(table: Tensor) -> Tensor:
    """The inverse of each element of a group.

    Args:
        table: (n, n) int64, the table of a group: entry [a, b] is the number of
            a · b. The element that changes nothing may have any number.

    Returns:
        (n,) int64: entry a is the element that a has to be multiplied with to
        give the one that changes nothing.
    """
    identity = (table == torch.arange(len(table))).all(dim=1).nonzero()[0]
    return (table == identity).int().argmax(dim=1)


def keep_representation(function: Tensor, table: Tensor, character: Tensor) -> Tensor:
    """The part of a function on a group that lies in one irreducible
    representation; all else is removed.

    Row g of it is d / n · Σ_h χ(g · h⁻¹) f(h), where d, the degree, is χ at the
    element that changes nothing (Serre 1977, 2.6).

    Args:
        function: (n, …) floats, one row per element, such as an embedding: any
            number of dimensions.
        table: (n, n) int64, the table of a group: entry [a, b] is the number of
            a · b. The element that changes nothing may have any number.
        character: (n,) floats: an irreducible character χ of real values, at
            each element.

    Returns:
        The shape and dtype of the function. The parts in all irreducible
        representations add up to it.
    """
    inverse = inverses(table)
    degree = character[table[0, inverse[0]]]
    projection = degree / len(table) * character[table[:, inverse]]
    part: Tensor = torch.tensordot(projection.to(function.dtype), function, dims=1)
    return part


def restricted_loss_per_representation(logits: Tensor, table: Tensor, characters: Tensor, questions: Tensor) -> Tensor:
    """How well each irreducible representation alone answers: the loss of the
    logits with nothing else left in them.

    For each question (a, b) the logits are a function of the answer c. What is
    kept of it is its part in one representation, as in keep_representation.

    Args:
        logits: (n, n, n) floats: entry [a, b, c] is the logit of the answer c.
        table: (n, n) int64, the table of a group: the right answer to [a, b].
        characters: (r, n) floats: some irreducible characters of real values.
        questions: (q,) int64: the questions that count, a · n + b for (a, b).

    Returns:
        (r,) floats of the logits' dtype: for each character the mean
        cross-entropy over the questions, in nats.
    """
    asked, answers = logits.flatten(0, 1)[questions], table.flatten()[questions]
    kept = [keep_representation(asked.T, table, character).T for character in characters]
    return torch.stack([torch.nn.functional.cross_entropy(one, answers) for one in kept])


def task_of_table(table: Tensor) -> tuple[Tensor, Tensor]:
    """A group's table as a task: every question once, and its answer.

    Args:
        table: (n, n) int64: entry [a, b] is the answer to a and b.

    Returns:
        The questions (n², 3) int64, each three tokens [a, b, =] with n for the
        sign =, and b running fastest; and the answers (n²,) int64.
    """
    n = len(table)
    numbers = torch.arange(n)
    pairs = torch.cartesian_prod(numbers, numbers)
    return torch.cat([pairs, torch.full((n * n, 1), n)], dim=1), table.flatten().clone()


def cyclic(n: int) -> Group:
    """The numbers 0 … n − 1 with addition modulo n."""
    numbers = torch.arange(_at_least_one(n))
    return Group((numbers[:, None] + numbers) % n)


def dihedral(n: int) -> Group:
    """The 2n symmetries of a regular n-gon.

    Element r, below n, turns by r corners; element n + r turns so after it has
    reflected.
    """
    flip, turn = torch.arange(2 * _at_least_one(n)) // n, torch.arange(2 * n) % n
    turned = (turn[:, None] + torch.where(flip[:, None] == 1, -1, 1) * turn) % n
    return Group((flip[:, None] ^ flip) * n + turned)


def symmetric(n: int) -> Group:
    """All permutations of n things, in lexicographic order: a · b is "first b, then a".

    Its table is that of the task ``compose``, for n from 2 to 6.
    """
    elements = list(itertools.permutations(range(_at_least_one(n))))
    number = {element: place for place, element in enumerate(elements)}
    return Group(torch.tensor([[number[tuple(a[i] for i in b)] for b in elements] for a in elements]))


def quaternion() -> Group:
    """The eight quaternions 1, i, j, k, −1, −i, −j, −k."""
    units = torch.tensor([[0, 1, 2, 3], [1, 4, 3, 6], [2, 7, 4, 1], [3, 2, 5, 4]])  # those below 4 times each other
    sign, unit = torch.arange(8) // 4, torch.arange(8) % 4
    product = units[unit[:, None], unit]
    return Group((product + 4 * (sign[:, None] + sign)) % 8)


def direct_product(first: Group, second: Group) -> Group:
    """Pairs of elements, multiplied each for itself: the pair (a, b) is element a · |second| + b."""
    n = len(second)
    one, other = torch.arange(len(first) * n) // n, torch.arange(len(first) * n) % n
    return Group(first.table[one[:, None], one] * n + second.table[other[:, None], other])


def primitive_root(p: int) -> int:
    """The least number whose powers are all of 1 … p − 1, modulo a prime p.

    Raises:
        ValueError: if p is not a prime.
    """
    if p < 2 or any(p % factor == 0 for factor in range(2, math.isqrt(p) + 1)):
        raise ValueError(f"only a prime has a primitive root for each of its numbers but 0, and {p} is not one")
    factors = {factor for factor in range(2, p) if (p - 1) % factor == 0}
    return next(g for g in range(1, p) if all(pow(g, (p - 1) // factor, p) != 1 for factor in factors))


def discrete_logarithm(p: int) -> Tensor:
    """For each number a modulo a prime the exponent i with gⁱ = a, where g is
    the least primitive root.

    In the order of these exponents multiplication is addition modulo p − 1:
    the logarithm of a product is the sum of the logarithms.

    Args:
        p: the modulus.

    Returns:
        (p,) int64: exponents from 0 to p − 2; at 0, which is no power, −1.

    Raises:
        ValueError: if p is not a prime.
    """
    root, logarithm, power = primitive_root(p), torch.full((p,), -1), 1
    for exponent in range(p - 1):
        logarithm[power] = exponent
        power = power * root % p
    return logarithm


def _at_least_one(n: int) -> int:
    if n < 1:
        raise ValueError(f"a group has at least one element: n must be at least 1, not {n}")
    return n


def _check(table: Tensor) -> None:
    """Raise ``GroupError`` if a table is not that of a group."""
    if table.ndim != 2 or table.dtype != torch.int64 or len(table) != table.shape[1] or not len(table):
        raise GroupError(f"a group's table is square, of int64, not {tuple(table.shape)} {table.dtype}")
    n = len(table)
    numbers = torch.arange(n)
    if table.min() < 0 or table.max() >= n:
        a, b = divmod(int(((table < 0) | (table >= n)).flatten().int().argmax()), n)
        raise GroupError(f"{a} · {b} is {int(table[a, b])}, which is no element: there are 0 … {n - 1}")
    neutral = ((table == numbers).all(dim=1) & (numbers == table.T).all(dim=1)).nonzero().flatten()
    if not len(neutral):
        raise GroupError("no element changes nothing: a group has one with e · a = a · e = a for all a")
    for element in range(n):
        if not (table[element] == neutral[0]).any():
            raise GroupError(f"{element} has no inverse: no b makes {element} · b the element {int(neutral[0])}")
    for a in range(n):
        wrong = table[table[a]] != table[a][table]
        if wrong.any():
            b, c = divmod(int(wrong.flatten().int().argmax()), n)
            raise GroupError(f"it is not associative: ({a} · {b}) · {c} is not {a} · ({b} · {c})")
