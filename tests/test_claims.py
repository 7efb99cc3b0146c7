"""Our numbers behind "The paper's claims, checked": none may leave its place without somebody noticing."""

import csv
import io
import json
import math
import re
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from conftest import ROOT

from grokcourse import circuit, claims, groups, runs
from grokcourse.claims import CLAIMS, Case, Checked, Claim, mark, measured, measured_elsewhere, power2022, verdict
from grokcourse.measures import HiddenPhases

HOLDS, SOME, NEARLY, NOT = "holds", "holds in some", "holds nearly", "does not hold"
EXPECTED = {  # the verdict, and our values on the runs that are recorded; None: it cannot tell
    "fast-training": (HOLDS, [200, 200, 200]),
    "delay": (NEARLY, [32, 48, 35.5]),
    "rise-of-loss": (HOLDS, [4.177, 5.835, 5.162]),
    "circles": (HOLDS, [0.9924, 0.989, 0.9927]),
    "division": (HOLDS, [0.9995]),
    "permutations": (HOLDS, [1]),
    "quadratic": (NOT, [0.4062]),
    "never": (HOLDS, [1.469]),
    "learnt-by-heart": (HOLDS, [0.9998, 1]),
    "symmetric-sooner": (HOLDS, [1.84]),
    "less-data-later": (HOLDS, [3.947]),
    "less-data-by-heart": (HOLDS, [0.8571]),
    "exit-cosets": (NOT, [0.05604]),
    "structure-understanding": (HOLDS, [1.157, 1.14, 1.079]),
    "structure-memorised": (HOLDS, [0.05297, 0.02801, 0.03809]),
    "smaller-norm": (HOLDS, [0.6349, 0.6427, 0.643]),
    "inverse-decay": (HOLDS, [0.8438, 0.9234]),
    "generalises": (HOLDS, [1, 1, 1]),
    "when": (HOLDS, [6400, 9600, 7100]),
    "sparse-embedding": (HOLDS, [0.9939, 0.9923, 0.9889]),
    "key-frequencies": (HOLDS, [4, 3, 4]),
    "different-frequencies": (HOLDS, [0.1667, 0, 0]),
    "sparse-logits": (HOLDS, [0.9898, 0.9939, 0.9897]),
    "low-rank": (NEARLY, [0.04398, 0.05166, 0.04021]),
    "read-off": (HOLDS, [0.967, 0.9591, 0.9708]),
    "cosines": (HOLDS, [0.9845, 0.9714, 0.9861]),
    "cosines-better": (HOLDS, [0.2811, 0.2191, 0.2269]),
    "neurons": (SOME, [0.7988, 0.7422, 0.834]),
    "neurons-write": (HOLDS, [0.9909, 0.9791, 0.9839]),
    "polynomials": (SOME, [0.98, 2.086, 0.6948]),
    "sums-suffice": (NEARLY, [0.5071, 0.5841, 0.4758]),
    "each-needed": (HOLDS, [1.162e05, 3.4e06, 1.223e05]),
    "others-harm": (HOLDS, [0.4057, 0.4145, 0.3283]),
    "chance": (SOME, [4.703, 1.934, 3.084]),
    "ablation-loss": (HOLDS, [6.375, 9.075, 6.22]),
    "restricted-end": (HOLDS, [5.825e-08, 4.819e-08, 5.883e-08]),
    "ten-directions": (NOT, [1.014, 3.74, 1.023]),
    "ten-directions-needed": (SOME, [0.8169, 1.12, 0.9169]),
    "equals-ignored": (SOME, [0.002043, 0.1425, 0.001907]),
    "equals-ablated": (SOME, [0.9784, 1.616e07, 0.9754]),
    "skip": (HOLDS, [3.549, 3.577, 2.87]),
    "heads-needed": (HOLDS, [29.63, 48.32, 23.58]),
    "interference": (HOLDS, [192.4, 134.8, 228]),
    "heads-of-one-frequency": (NEARLY, [0.75, 0.75, 0.5]),
    "linear-attention": (SOME, [1.12, 1.504e07, 0.6716]),
    "memorisation": (HOLDS, [500, 1500, 1000]),
    "restricted-high": (NEARLY, [0.6611, 0.8047, 0.6936]),
    "excluded-rises": (HOLDS, [30.09, 16.83, 13.52]),
    "restricted-first": (HOLDS, [2500, 1500, 2000]),
    "formed-before": (HOLDS, [0.2057, 0.2375, 0.178]),
    "flat-test-loss": (NEARLY, [0.6849, 0.3536, 0.572]),
    "norm-falls": (HOLDS, [0.4793, 0.4762, 0.4366]),
    "norm-cleanup": (NOT, [0.8846, 0.3359, 0.9223]),
    "gini": (SOME, [2.043, 0.6811, 2.484]),
    "excluded-plateaus": (NOT, [0.2137, 0.4467, 0.4455]),
    "no-decay": (SOME, [0.08066, None, None]),
    "no-decay-no-circuit": (SOME, [6.409e-08, None, None]),
    "more-decay-faster": (HOLDS, [3.556, 3.078]),
    "decay-times": (SOME, [6.567, 0.8533, 0.09]),
    "logits-characters": (SOME, [0.9845, 0.9269, 0.4874]),
    "characters-suffice": (HOLDS, [0.2811, 0.3884, 0.008283]),
    "characters-needed": (HOLDS, [1.461, 2.349, 3.04]),
    "few-representations": (SOME, [0.9339, 0.8496, 0.9086]),
    "exit-representations": (SOME, [0.9924, 0.824, 0.8518]),
    "neurons-representation": (SOME, [0.8476, 0.9138, 0.992]),
    "neurons-cosets": (NEARLY, [0.7494]),
    "conjugate-subgroups": (HOLDS, [0.998]),
    "same-representation": (HOLDS, [1]),
    "absolute-value": (HOLDS, [0.03131]),
    "parameters": (HOLDS, [226816]),
    "examples": (HOLDS, [3830]),
    "train-loss-500": (HOLDS, [0.0006716, 0.0008293, 0.0008907]),
    "stays-at-chance": (NOT, [4.177, 5.835, 5.162]),
    "cliff": (NEARLY, [6400, 9600, 7100]),
}


@pytest.fixture(scope="module")
def checked():
    return {c.claim.name: c for c in claims.check_all()}


def test_there_are_claims_of_all_sources_and_each_has_a_name_of_its_own():
    names = [claim.name for claim in CLAIMS]
    assert len(set(names)) == len(names) >= 70
    assert len({claim.title for claim in CLAIMS}) == len(names)
    assert {claim.source for claim in CLAIMS} == set(claims.SOURCES)
    bibliography = (ROOT / "book" / "references.bib").read_text(encoding="utf-8")
    assert all(not source or f"{{{source}," in bibliography for source in claims.SOURCES)


def test_the_page_prints_every_claim_once():
    page = (ROOT / "book" / "claims.md").read_text(encoding="utf-8")
    shown = []
    for source, places in re.findall(r'^show\("(\w*)"((?:, "[^"]+")*)\)$', page, re.MULTILINE):
        words = tuple(re.findall(r'"([^"]+)"', places)) or ("",)
        shown += [claim.name for claim in CLAIMS if claim.source == source and claim.place.startswith(words)]
    assert sorted(shown) == sorted(claim.name for claim in CLAIMS)


def test_every_claim_says_where_the_course_shows_it():
    chapters = sorted((ROOT / "book").glob("0*.md"))
    labels = {
        label: int(path.name[:2])
        for path in chapters
        for label in re.findall(r"^\(([\w-]+)\)=$|^:name: ([\w-]+)$", path.read_text(encoding="utf-8"), re.MULTILINE)
        for label in label
        if label
    }
    for claim in CLAIMS:
        assert labels.get(claim.seen) == claims.CHAPTERS[claim.seen.split("-")[0]], claim.name


@pytest.mark.parametrize("claim", CLAIMS, ids=lambda claim: claim.name)
def test_bounds_are_in_order(claim: Claim):
    assert claim.holds[0] <= claim.holds[1]
    assert claim.nearly[0] <= claim.holds[0]
    assert claim.holds[1] <= claim.nearly[1]


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([1.0], HOLDS),
        ([1.0, 2.0], HOLDS),
        ([1.0, 2.1], SOME),
        ([1.0, 99.0], SOME),
        ([99.0, 1.0], SOME),  # no run counts for more than another
        ([2.1, 0.5], NEARLY),
        ([99.0, 2.1], NEARLY),
        ([3.1, 0.4], NOT),
        ([math.nan, 99.0], NOT),
        ([math.nan, 1.0], SOME),
        ([None, 1.0], SOME),
        ([None, 99.0], NOT),
        ([None, None], "open"),
    ],
)
def test_a_verdict_follows_from_values_and_bounds(values, expected):
    assert verdict([mark(value, holds=(1.0, 2.0), nearly=(0.5, 3.0)) for value in values]) == expected


def claim_showing(show, **changes):
    fields = dict.fromkeys(("name", "title", "source", "place", "text", "theirs", "measured"), "x")
    fields |= {"measure": None, "show": show, "holds": (0, 1), "nearly": (0, 2), "seen": "fourier-key"}
    return Claim(**(fields | changes))


@pytest.mark.parametrize(
    ("show", "value", "expected"),
    [
        ("{:.1%}", 0.7988, "79.9%"),
        ("{:,.0f}", 6400, "6,400"),
        ("{:.1e}", 5.84e-8, "5.8 · 10⁻⁸"),
        ("{:.2f}", 1.616e7, "1.6 · 10⁷"),
        ("{:.2f}", 0.98, "0.98"),
        ("{:,.0f}", 226_816, "226,816"),
        ("{:,.0f}", math.nan, "never"),
        ("{:,.0f}", None, "cannot tell"),
    ],
)
def test_a_value_is_written_for_readers(show, value, expected):
    assert claims.written(claim_showing(show), value).replace("\N{NO-BREAK SPACE}", " ") == expected


@pytest.mark.parametrize(
    ("show", "bounds", "expected"),
    [
        ("{:.1%}", (0.9, 1), "90% or more"),
        ("{:.1%}", (0.746, 0.946), "74.6% to 94.6%"),
        ("{:.2f}", (0.5, 2), "0.5 to 2"),
        ("{:.0f}", (0, 100), "at most 100"),
        ("{:.0f}", (10, math.inf), "10 or more"),
        ("{:,.0f}", (3830, 3830), "exactly 3,830"),
        ("{:.0f}", (0, math.inf), "0 or more"),
        ("{:.1f}", (0.8, 1.25), "0.8 to 1.25"),
        ("{:,.0f} times", (500, 2000), "500 to 2,000"),
        ("{:.1e}", (3e-8, 1.2e-7), "3.0 · 10⁻⁸ to 1.2 · 10⁻⁷"),
    ],
)
def test_bounds_are_written_for_readers(show, bounds, expected):
    written = claims.bounds_written(claim_showing(show), bounds)
    assert written.replace("\N{NO-BREAK SPACE}", " ") == expected


@pytest.mark.parametrize(
    ("values", "changes", "expected"),
    [
        ([0.98, 1.6e7, 0.98], {}, "2 of 3 seeds"),
        ([0.5, 1.5, 1.6], {}, "1 of 3 seeds; nearly in 2"),
        ([0.5, None, None], {}, "1 of 3 seeds; 2 cannot tell"),
        ([0.5], {"unit": "run", "second_hand": True}, "1 of 1 run; claim at second hand"),
    ],
)
def test_a_verdict_is_written_for_readers(values, changes, expected):
    one = Checked(claim_showing("{:.1f}", **changes), {str(i): value for i, value in enumerate(values)})
    assert claims.verdict_written(one) == expected


def test_what_a_miss_means_is_said_where_there_is_one():
    claim = claim_showing(
        "{:.1f}", remark="Always.", miss="Only then.", title="A title", source="", measure=measured.each(measured.delay)
    )
    held, missed = (claims.as_markdown("W1", Checked(claim, {"main run": value})) for value in (0.5, 1.5))
    assert "Always." in held
    assert "Only then." not in held
    assert "Always.\n\nOnly then." in missed
    assert ":::{container} gc-claim gc-holds\n" in held
    assert "[W1](claim-x) **A title** [0 of 1 seed; nearly in 1]{.gc-verdict}" in missed
    assert "{py:func}`~grokcourse.claims.measured.delay`" in held


def test_each_number_is_its_sources_letter_and_its_place():
    numbers = list(claims.NUMBERS.values())
    assert [number for number in numbers if number[0] == "P"] == [f"P{i}" for i in range(1, len(power2022.CLAIMS) + 1)]
    assert len(set(numbers)) == len(numbers) == len(CLAIMS)
    cited = {"P1": "fast-training", "N9": "cosines", "N20": "ten-directions", "N42": "decay-times", "W5": "cliff"}
    assert {claims.NUMBERS[name]: name for name in cited.values()} == cited


@pytest.mark.parametrize("claim", CLAIMS, ids=lambda claim: claim.name)
def test_what_measures_a_claim_is_a_documented_function_of_one_module(claim: Claim):
    function = claim.measured_by
    assert [getattr(module, function.__name__, None) for module in (measured, measured_elsewhere)].count(function)
    assert function.__module__ in (measured.__name__, measured_elsewhere.__name__)
    assert function.__doc__


def test_the_table_and_the_files_have_every_value(checked):
    numbered = claims.numbered(checked.values())
    rows = claims.as_table(numbered).splitlines()[4:-1]
    assert [row.split("]")[0] for row in rows] == [f"| [{claims.NUMBERS[claim.name]}" for claim in CLAIMS]
    cases = claims.load_cases()
    told = json.loads(claims.as_json(numbered, cases))
    assert set(told["runs"]) == set(claims.TITLES)
    assert {name: run["digest"] for name, run in told["runs"].items()} == {
        name: json.loads((runs.RECORDED / case.place / "run.json").read_text(encoding="utf-8"))["digest"]
        for name, case in cases.items()
    }
    table = list(csv.DictReader(io.StringIO(claims.as_csv(numbered))))
    values = [(one.claim.name, *item) for one in checked.values() for item in one.values.items()]
    assert [(row["name"], row["measured_on"], float(row["value"]) if row["value"] else None) for row in table] == values
    in_json = [(c["name"], v["measured_on"], v["value"]) for c in told["claims"] for v in c["values"]]
    assert in_json == values
    assert {row["mark"] for row in table} == {"holds", "nearly", "fails", "open"}


def test_what_never_happened_is_no_number_in_the_files():
    claim = claim_showing("{:.1f}", holds=(1, math.inf), source="", measure=measured.each(measured.delay))
    numbered = [("W1", Checked(claim, {"main run": math.nan}))]
    (one,) = json.loads(claims.as_json(numbered, {}))["claims"]
    assert one["values"] == [{"measured_on": "main run", "value": None, "mark": "fails"}]
    assert one["holds"] == [1, None]
    assert claims.as_csv(numbered).endswith("does not hold,main run,,fails\n")


class Twin:
    """A run of so many steps that groks, or does not."""

    def __init__(self, steps: int, grokked: int | None) -> None:
        self.run = SimpleNamespace(config=SimpleNamespace(steps=steps))
        self.phases = SimpleNamespace(grokked=grokked)


@pytest.mark.parametrize(
    ("control", "tells"),
    [
        (Twin(6_000, None), False),
        (Twin(9_600, None), False),
        (Twin(9_700, None), True),
        (Twin(6_000, 5_000), True),  # evidence against the claim counts, however short the run
    ],
)
def test_a_control_that_ends_before_its_twin_groks_cannot_tell(control, tells):
    cases = dict.fromkeys(claims.NO_DECAY, control) | dict.fromkeys(claims.SEEDS, Twin(25_000, 9_600))
    values = measured.each_control(lambda case: case.run.config.steps)(cases)
    assert list(values.values()) == [control.run.config.steps if tells else None] * 3


@pytest.mark.parametrize(("after", "expected"), [(3.0, 1.0), (6.0, 2.0), (-3.0, -1.0)])
def test_two_phases_are_compared_by_the_same_average(after, expected):
    """A phase with one steep stretch is no steeper for it."""
    steps = np.arange(0, 800, 100)
    hidden = HiddenPhases(memorised=100, formed=400, cleaned=700)
    case = SimpleNamespace(hidden=hidden, measured=SimpleNamespace(steps=steps))
    values = np.array([9.0, 0, 1, 2, 3, 3, 3 + after, 3 + after])
    assert measured._steepness(case, values) == pytest.approx(expected)


def test_expectations_are_of_these_claims():
    assert list(EXPECTED) == [claim.name for claim in CLAIMS]


@pytest.mark.parametrize("name", EXPECTED)
def test_our_numbers_and_the_verdict_are_where_they_were(checked, name):
    expected, values = EXPECTED[name]
    assert list(checked[name].values.values()) == [
        value if value is None else pytest.approx(value, rel=0.02) for value in values
    ]
    assert checked[name].verdict == expected


# --- the measures that are ours alone, against plain arithmetic ---


@pytest.fixture(scope="module")
def main():
    return Case("main")


def test_what_is_done_to_the_neurons_part_of_the_logits_is_done_to_the_neurons(main):
    """The page ablates the neurons' part of the logits; here the neurons themselves are ablated, and the model run."""
    with torch.no_grad():
        ablated = circuit.ablate_frequencies(main.neurons, keep=main.key)
        expected = main.loss_of(circuit.logits_from(main.weights, ablated, main.pattern)) / main.loss
        assert measured.sums_in_neurons(main) == pytest.approx(expected, rel=1e-3)
        frequency, share = main.neuron_frequencies
        replaced = torch.where(share > 0.85, circuit.degree2_fit(main.neurons, frequency), main.neurons)
        expected = main.loss_of(circuit.logits_from(main.weights, replaced, main.pattern)) / main.loss
        assert measured.polynomials_for_neurons(main) == pytest.approx(expected, rel=1e-3)


def test_without_heads_and_without_skip_against_the_model_itself(main):
    tokens = main.data.tokens
    model = main.run.model()
    p = model.p
    with torch.no_grad():
        logits, _ = model.run_with_cache(tokens, {"attn_out": torch.zeros_like})
        expected = main.loss_of(logits[:, :p].reshape(p, p, p))
        assert measured.without_heads(main) == pytest.approx(expected, rel=1e-5)
        _, cache = model.run_with_cache(tokens)
        logits = cache["mlp_post"][:, -1] @ model.mlp.W_out @ model.W_U
        expected = main.loss_of(logits[:, :p].reshape(p, p, p)) / main.loss
        assert measured.without_skip(main) == pytest.approx(expected, rel=1e-3)


def test_the_models_own_loss_is_the_recorded_one(main):
    assert main.loss == pytest.approx(runs.load("main").at("test_loss", main.run.steps[-1]), rel=0.02)
    assert main.accuracy_of(main.logits) == 1


def test_the_linear_attention_is_the_tangent_of_the_logistic_function(main):
    x = torch.tensor([-1e-3, 0.0, 1e-3], dtype=torch.float64)
    torch.testing.assert_close(0.5 + x / 4, x.sigmoid(), rtol=0, atol=1e-9)
    weights = main.weights.without("equals")
    difference = weights.W_attn[:, :, None] - weights.W_attn[:, None, :]
    places = weights.attn_place[:, 0] - weights.attn_place[:, 1]
    exact = (difference + places[:, None, None]).sigmoid()
    torch.testing.assert_close(circuit.attention_from(weights)[0], exact)


# --- groups, and other tasks ---


def test_for_addition_characters_are_the_cosines_of_chapter_6(main):
    with torch.no_grad():
        assert measured_elsewhere.logits_of_characters(main) == pytest.approx(measured.cosine_share(main), rel=1e-3)
        assert measured_elsewhere.characters_alone(main) == pytest.approx(measured.cosine_loss(main), rel=0.01)
        assert main.group_loss_of(main.group_logits) == pytest.approx(main.loss, rel=1e-3)


def test_for_addition_representations_are_frequencies(main):
    with torch.no_grad():
        of_numbers = np.abs(np.fft.rfft(main.run.model().W_E[:113].numpy(), axis=0)) ** 2
        share = of_numbers[main.key].sum() / of_numbers[1:].sum()
        assert measured_elsewhere.embedding_in_key(main) == pytest.approx(share, rel=1e-4)
        pure = []
        for part in main.inputs_of_one:
            energy = np.abs(np.fft.rfft(part.numpy(), axis=0)) ** 2
            pure.append(energy.max(axis=0) / energy.sum(axis=0) > 0.85)
        assert measured_elsewhere.neurons_of_one(main) == pytest.approx(np.logical_and(*pure).mean(), abs=1e-9)


def test_multiplication_is_told_in_the_order_of_the_powers():
    case = claims.load_cases()["multiply"]
    products = torch.tensor([[int(a * b % 113) for b in case.elements.tolist()] for a in case.elements.tolist()])
    assert torch.equal(case.elements[case.group.table], products)
    assert torch.equal(case.quotients[3, 5], (8 - torch.arange(112)) % 112)


def test_what_is_constant_on_cosets_is_explained_by_them():
    case = SimpleNamespace(group=groups.symmetric(4))
    big = [subgroup for subgroup in case.group.subgroups() if 12 <= len(subgroup) < 24]
    drawer = case.group.cosets(big[0])
    random = torch.Generator().manual_seed(0)
    noise = torch.randn(24, 1, generator=random)
    function = torch.randn(2, 1, generator=random)[drawer]
    both = torch.cat([function - function.mean(), noise - noise.mean()], dim=1)
    shares = measured_elsewhere._coset_shares(case, both)
    assert len(shares) == 2 * len(big)
    assert shares[:, 0].max() == pytest.approx(1)
    means = torch.stack([noise[drawer == one].mean() for one in (0, 1)])[drawer]
    expected = float(means.var(correction=0) / noise.var(correction=0))
    assert float(shares[0, 1]) == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize(("spread", "same"), [(0, 1.0), (1, 0.0)])
def test_subgroups_are_the_same_but_for_conjugation(spread, same):
    """A neuron sees which of the five things stays where it is; or it sees that of a, and the parity of b."""
    group = groups.symmetric(5)
    large = [one for one in group.subgroups() if 12 <= len(one) < 120]
    fixing = [one for one in large if len(one) == 24]  # one for each of the five, and their conjugates alone
    even = next(one for one in large if len(one) == 60)
    random = torch.Generator().manual_seed(0)

    def constant_on(subgroup):
        drawer = group.cosets(subgroup)
        values = torch.randn(int(drawer.max()) + 1, 1, generator=random)[drawer]
        return values - values.mean()

    of_b = constant_on(even) if spread else constant_on(fixing[1])
    case = SimpleNamespace(group=group, inputs_of_one=torch.stack([constant_on(fixing[0]), of_b]))
    assert measured_elsewhere.conjugate_subgroups(case) == same


def test_structure_is_the_share_of_the_key_frequencies_in_the_checkpoints_too(main):
    share = measured_elsewhere._structure(main)
    for step in (0, 3_000, 6_000):
        energy = np.abs(np.fft.rfft(main.run.checkpoints[step]["W_E"][:113].numpy(), axis=0)) ** 2
        expected = energy[[11, 13, 25, 28, 50]].sum() / energy[1:].sum()
        assert share[main.run.history["step"] == step] == pytest.approx(expected, rel=1e-3)


class Ended:
    """A run on another task that was evaluated last at a step, and groks at it or not at all."""

    def __init__(self, wait: int, grokked: bool = True) -> None:
        self.wait, self.grokked = wait, wait if grokked else None


@pytest.mark.parametrize(
    ("one", "other", "ratio"),
    [
        (Ended(600), Ended(300), 2.0),
        (Ended(600, grokked=False), Ended(300), 2.0),  # at least
        (Ended(200, grokked=False), Ended(300), None),  # it may grok at 250, or never
        (Ended(200), Ended(400, grokked=False), 0.5),  # at most
        (Ended(600), Ended(400, grokked=False), None),
        (Ended(600, grokked=False), Ended(400, grokked=False), None),
    ],
)
def test_a_run_that_was_given_up_gives_a_bound_or_nothing(one, other, ratio):
    assert measured_elsewhere._later(one, other) == ratio
