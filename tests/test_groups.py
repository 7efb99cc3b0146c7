"""Groups: laws by brute force, character tables as textbooks print them, and Fourier's transform for the numbers."""

import itertools
import math

import numpy as np
import pytest
import torch
from torch import Tensor

from grokcourse import fourier, groups, tasks
from grokcourse.groups import Group, GroupError

GROUPS = {
    "one element": groups.cyclic(1),
    "Z_2": groups.cyclic(2),
    "Z_7": groups.cyclic(7),
    "Z_12": groups.cyclic(12),
    "D_4": groups.dihedral(4),
    "D_5": groups.dihedral(5),
    "S_3": groups.symmetric(3),
    "S_4": groups.symmetric(4),
    "Q_8": groups.quaternion(),
    "Z_3 × S_3": groups.direct_product(groups.cyclic(3), groups.symmetric(3)),
    "Q_8 × Z_4": groups.direct_product(groups.quaternion(), groups.cyclic(4)),
}
every = pytest.mark.parametrize("group", GROUPS.values(), ids=list(GROUPS))


def rounded(characters: Tensor) -> list[list[complex]]:
    return [[complex(round(z.real, 9), round(z.imag, 9)) + 0 for z in row] for row in characters.tolist()]


def by_class(group: Group, members: list[int]) -> list[list[int]]:
    """The characters, sorted, at one member of each class: real whole numbers."""
    values = group.characters[:, members]
    assert values.imag.abs().max() < 1e-9
    return sorted([[round(v) for v in row] for row in values.real.tolist()])


# --- The table ---


@every
def test_identity_inverses_and_classes_by_brute_force(group: Group):
    table, n = group.table.tolist(), len(group)
    e = group.identity
    inverse = group.inverses.tolist()
    assert all(table[a][e] == table[e][a] == a for a in range(n))
    assert all(table[a][inverse[a]] == table[inverse[a]][a] == e for a in range(n))
    classes = {frozenset(table[table[g][a]][inverse[g]] for g in range(n)) for a in range(n)}
    found = group.class_of.tolist()
    assert {frozenset(a for a in range(n) if found[a] == one) for one in range(len(classes))} == classes
    assert found[e] == 0
    assert group.class_sizes.tolist() == [found.count(one) for one in range(len(classes))]
    assert group.is_abelian == all(table[a][b] == table[b][a] for a in range(n) for b in range(n))


def test_the_permutations_are_those_of_the_task():
    numbers = torch.cartesian_prod(torch.arange(24), torch.arange(24))
    composed = tasks.compose_permutations(numbers[:, 0], numbers[:, 1], 24)
    assert torch.equal(groups.symmetric(4).table.flatten(), composed)


def test_the_dihedral_group_is_that_of_turns_and_reflections():
    n = 5
    turn = np.array(
        [
            [math.cos(2 * math.pi / n), -math.sin(2 * math.pi / n)],
            [math.sin(2 * math.pi / n), math.cos(2 * math.pi / n)],
        ]
    )
    flip = np.diag([1.0, -1.0])
    motions = [np.linalg.matrix_power(turn, r) for r in range(n)]
    motions += [motion @ flip for motion in motions]
    table = groups.dihedral(n).table
    for a, b in itertools.product(range(2 * n), repeat=2):
        assert np.allclose(motions[a] @ motions[b], motions[table[a, b]])


def test_the_quaternions_multiply_as_pauli_matrices_do():
    i, j = np.array([[1j, 0], [0, -1j]]), np.array([[0, 1], [-1, 0]])
    units = [np.eye(2), i, j, i @ j]
    matrices = units + [-unit for unit in units]
    table = groups.quaternion().table
    for a, b in itertools.product(range(8), repeat=2):
        assert np.allclose(matrices[a] @ matrices[b], matrices[table[a, b]])


def test_a_direct_product_multiplies_each_part():
    first, second = groups.symmetric(3), groups.cyclic(4)
    table = groups.direct_product(first, second).table
    for a, b in itertools.product(range(24), repeat=2):
        expected = first.table[a // 4, b // 4] * 4 + second.table[a % 4, b % 4]
        assert table[a, b] == expected


@pytest.mark.parametrize(
    ("table", "message"),
    [
        (torch.zeros(2, 3, dtype=torch.int64), "square"),
        (torch.zeros(2, 2), "int64"),
        (torch.zeros(0, 0, dtype=torch.int64), "square"),
        (torch.tensor([[0, 1], [1, 2]]), r"1 · 1 is 2, which is no element: there are 0 … 1"),
        (torch.tensor([[1, 0], [1, 0]]), "no element changes nothing"),
        (torch.tensor([[0, 1], [1, 1]]), "1 has no inverse"),
        (torch.tensor([[0, 1, 2], [1, 0, 0], [2, 0, 0]]), r"not associative: \(1 · 1\) · 2 is not 1 · \(1 · 2\)"),
    ],
)
def test_a_table_of_no_group_is_refused_with_the_law_that_fails(table: Tensor, message: str):
    with pytest.raises(GroupError, match=message):
        Group(table)


def test_a_loop_that_is_no_group_is_refused():
    """Each row and column has every element once, one changes nothing, and still it is no group."""
    table = torch.tensor([[0, 1, 2, 3, 4], [1, 0, 3, 4, 2], [2, 4, 0, 1, 3], [3, 2, 4, 0, 1], [4, 3, 1, 2, 0]])
    with pytest.raises(GroupError, match="not associative"):
        Group(table)


# --- Characters and representations ---


@every
def test_characters_are_orthonormal_and_their_degrees_squared_add_up(group: Group):
    characters, n = group.characters, len(group)
    assert len(characters) == len(group.class_sizes)
    assert torch.allclose(characters @ characters.mH / n, torch.eye(len(characters), dtype=torch.complex128), atol=1e-9)
    assert sum(degree * degree for degree in group.degrees) == n
    assert torch.allclose(characters[0], torch.ones(n, dtype=torch.complex128), atol=1e-9)
    assert group.degrees == sorted(group.degrees)
    assert (group.degrees == [1] * n) == group.is_abelian


def test_of_the_numbers_modulo_n_the_characters_are_the_roots_of_unity():
    n = 12
    expected = np.exp(2j * np.pi * np.outer(np.arange(n), np.arange(n)) / n)
    found = rounded(groups.cyclic(n).characters)
    assert sorted(found, key=str) == sorted(rounded(torch.from_numpy(expected)), key=str)


def test_the_character_tables_of_permutations_are_those_of_the_textbooks():
    three, four = groups.symmetric(3), groups.symmetric(4)
    places = {permutation: place for place, permutation in enumerate(itertools.permutations(range(4)))}
    of_three = {permutation: place for place, permutation in enumerate(itertools.permutations(range(3)))}
    members = [of_three[p] for p in ((0, 1, 2), (1, 0, 2), (1, 2, 0))]
    assert by_class(three, members) == sorted([[1, 1, 1], [1, -1, 1], [2, 0, -1]])
    members = [places[p] for p in ((0, 1, 2, 3), (1, 0, 2, 3), (1, 0, 3, 2), (1, 2, 0, 3), (1, 2, 3, 0))]
    # Serre, 5.8.
    expected = [[1, 1, 1, 1, 1], [1, -1, 1, 1, -1], [2, 0, 2, -1, 0], [3, 1, -1, 0, -1], [3, -1, -1, 0, 1]]
    assert by_class(four, members) == sorted(expected)


def test_the_standard_representation_of_five_things_counts_what_stays():
    group = groups.symmetric(5)
    stays = torch.tensor([sum(i == x for i, x in enumerate(p)) for p in itertools.permutations(range(5))])
    standard = (stays - 1).to(torch.complex128)
    assert group.degrees == [1, 1, 4, 4, 5, 5, 6]
    assert sum(torch.allclose(row, standard, atol=1e-9) for row in group.characters) == 1


def test_of_the_quaternions_one_is_two_dimensional_and_not_real():
    group = groups.quaternion()
    assert group.degrees == [1, 1, 1, 1, 2]
    assert rounded(group.characters)[4] == [2, 0, 0, 0, -2, 0, 0, 0]
    assert group.representations[4].imag.abs().max() > 0.1


@every
def test_representations_multiply_as_the_group_does(group: Group):
    for matrices, character in zip(group.representations, group.characters, strict=True):
        assert torch.allclose(matrices[:, None] @ matrices[None, :], matrices[group.table], atol=1e-9)
        assert torch.allclose(matrices.diagonal(dim1=1, dim2=2).sum(dim=1), character, atol=1e-9)
        unit = torch.eye(matrices.shape[1], dtype=torch.complex128)
        assert torch.allclose(matrices @ matrices.mH, unit.expand_as(matrices), atol=1e-9)


# --- The transform ---


@every
def test_the_transform_comes_back_and_no_energy_is_lost(group: Group):
    function = torch.randn(len(group), 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    components = group.transform(function)
    assert torch.allclose(group.inverse_transform(components).real, function)
    energies = group.energy_per_representation(function)
    plancherel = [
        degree * float(component.abs().square().sum()) / len(group)
        for degree, component in zip(group.degrees, components, strict=True)
    ]
    assert energies.tolist() == pytest.approx(plancherel)
    assert float(energies.sum()) == pytest.approx(float(function.square().sum()))


@pytest.mark.parametrize("n", [12, 113])
def test_of_the_numbers_it_is_fouriers(n: int):
    function = torch.randn(n, 4, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    group = groups.cyclic(n)
    frequency = torch.angle(group.characters[:, 1]).mul(n / (2 * math.pi)).round().abs().long()
    energies = torch.zeros(n // 2 + 1, dtype=torch.float64)
    energies.index_add_(0, frequency, group.energy_per_representation(function))
    assert torch.allclose(energies, fourier.energy_per_frequency(function))
    assert torch.equal(torch.bincount(frequency), torch.bincount(fourier.frequencies(n)))


def test_a_function_on_another_group_is_refused():
    with pytest.raises(ValueError, match="6 rows of floats"):
        groups.symmetric(3).energy_per_representation(torch.zeros(5))
    with pytest.raises(ValueError, match="6 rows of floats"):
        groups.symmetric(3).transform(torch.zeros(6, dtype=torch.int64))


# --- Subgroups ---


@pytest.mark.parametrize(
    ("group", "count"),
    [
        (groups.symmetric(3), 6),
        (groups.symmetric(4), 30),
        (groups.symmetric(5), 156),
        (groups.cyclic(12), 6),
        (groups.dihedral(4), 10),
        (groups.quaternion(), 6),
    ],
)
def test_there_are_as_many_subgroups_as_textbooks_count(group: Group, count: int):
    found = group.subgroups()
    assert len(found) == count
    table = group.table.tolist()
    assert all(table[a][b] in subgroup for subgroup in found[:40] for a in subgroup for b in subgroup)
    assert len(found[0]) == 1
    assert len(found[-1]) == len(group)


def test_cosets_are_the_multiples_of_a_subgroup():
    group = groups.symmetric(3)
    table = group.table.tolist()
    for subgroup in group.subgroups():
        for side in ("left", "right"):
            place = group.cosets(subgroup, side).tolist()
            for g in range(6):
                expected = {table[g][h] if side == "left" else table[h][g] for h in subgroup}
                assert {a for a in range(6) if place[a] == place[g]} == expected


# --- Numbers modulo a prime ---


@pytest.mark.parametrize("p", [2, 3, 5, 7, 31, 113])
def test_the_logarithm_undoes_powers_and_turns_products_into_sums(p: int):
    root, logarithm = groups.primitive_root(p), groups.discrete_logarithm(p).tolist()
    assert logarithm[0] == -1
    assert [pow(root, logarithm[a], p) for a in range(1, p)] == list(range(1, p))
    assert sorted(logarithm[1:]) == list(range(p - 1))
    for a, b in itertools.product(range(1, min(p, 31)), repeat=2):
        assert logarithm[a * b % p] == (logarithm[a] + logarithm[b]) % (p - 1)
    assert all(len({pow(less, i, p) for i in range(p)}) < p - 1 for less in range(1, root))


@pytest.mark.parametrize("p", [0, 1, 4, 9, 111])
def test_without_a_prime_there_is_no_logarithm(p: int):
    with pytest.raises(ValueError, match="prime"):
        groups.discrete_logarithm(p)
    with pytest.raises(ValueError, match="at least 1"):
        groups.cyclic(0)


def test_the_loss_of_each_representation_alone_is_that_of_the_projected_logits():
    group = groups.symmetric(4)
    logits = torch.randn(24, 24, 24, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    questions = torch.randperm(576, generator=torch.Generator().manual_seed(1))[:100]
    characters = group.characters.real
    found = groups.restricted_loss_per_representation(logits, group.table, characters, questions)
    for projection, loss in zip(group.projections.real, found, strict=True):
        kept = torch.einsum("dc,abc->abd", projection, logits).flatten(0, 1)[questions]
        right = kept.log_softmax(dim=1)[torch.arange(100), group.table.flatten()[questions]]
        assert loss.item() == pytest.approx(-right.mean().item(), rel=1e-9)


def test_a_table_is_the_task_that_the_course_has():
    for group, operation in ((groups.symmetric(4), "compose"), (groups.cyclic(24), "add")):
        questions, answers = groups.task_of_table(group.table)
        assert torch.equal(questions, tasks.all_questions(24))
        assert torch.equal(answers, tasks.answers(questions, 24, operation))
