"""Our numbers behind "The paper's claims, checked": none may leave its place without somebody noticing."""

import math
import re

import numpy as np
import pytest
import torch
from conftest import ROOT

from grokcourse import circuit, claims, runs
from grokcourse.claims import CLAIMS, Case, Checked, Claim, verdict

HOLDS, PARTLY, NOT = "holds", "holds partly", "does not hold"
EXPECTED = {  # the verdict, and our values on the runs that are recorded, main run first
    "fast-training": (HOLDS, [200, 200, 200]),
    "delay": (PARTLY, [32, 48, 35.5]),
    "rise-of-loss": (HOLDS, [4.177, 5.835, 5.162]),
    "circles": (HOLDS, [0.9924, 0.989, 0.9927]),
    "generalises": (HOLDS, [1, 1, 1]),
    "when": (HOLDS, [6400, 9600, 7100]),
    "sparse-embedding": (HOLDS, [0.9939, 0.9923, 0.9889]),
    "key-frequencies": (HOLDS, [4, 3, 4]),
    "different-frequencies": (HOLDS, [0.1667, 0, 0]),
    "sparse-logits": (HOLDS, [0.9898, 0.9939, 0.9897]),
    "low-rank": (PARTLY, [0.04398, 0.05166, 0.04021]),
    "read-off": (HOLDS, [0.967, 0.9591, 0.9708]),
    "cosines": (HOLDS, [0.9845, 0.9714, 0.9861]),
    "cosines-better": (HOLDS, [0.2811, 0.2191, 0.2269]),
    "neurons": (PARTLY, [0.7988, 0.7422, 0.834]),
    "neurons-write": (HOLDS, [0.9909, 0.9791, 0.9839]),
    "polynomials": (PARTLY, [0.98, 2.086, 0.6948]),
    "sums-suffice": (PARTLY, [0.5071, 0.5841, 0.4758]),
    "each-needed": (HOLDS, [1.162e05, 3.4e06, 1.223e05]),
    "others-harm": (HOLDS, [0.4057, 0.4145, 0.3283]),
    "chance": (PARTLY, [4.703, 1.934, 3.084]),
    "ablation-loss": (HOLDS, [6.375, 9.075, 6.22]),
    "restricted-end": (HOLDS, [5.825e-08, 4.819e-08, 5.883e-08]),
    "ten-directions": (NOT, [1.014, 3.74, 1.023]),
    "ten-directions-needed": (PARTLY, [0.8169, 1.12, 0.9169]),
    "equals-ignored": (PARTLY, [0.002043, 0.1425, 0.001907]),
    "equals-ablated": (PARTLY, [0.9784, 1.616e07, 0.9754]),
    "skip": (HOLDS, [3.549, 3.577, 2.87]),
    "heads-needed": (HOLDS, [29.63, 48.32, 23.58]),
    "interference": (HOLDS, [192.4, 134.8, 228]),
    "heads-of-one-frequency": (PARTLY, [0.75, 0.75, 0.5]),
    "linear-attention": (PARTLY, [1.12, 1.504e07, 0.6716]),
    "memorisation": (HOLDS, [500, 1500, 1000]),
    "restricted-high": (PARTLY, [0.6611, 0.8047, 0.6936]),
    "excluded-rises": (HOLDS, [30.09, 16.83, 13.52]),
    "restricted-first": (HOLDS, [2500, 1500, 2000]),
    "formed-before": (HOLDS, [0.2057, 0.2375, 0.178]),
    "flat-test-loss": (PARTLY, [0.6849, 0.3536, 0.572]),
    "norm-falls": (HOLDS, [0.4793, 0.4762, 0.4366]),
    "norm-cleanup": (HOLDS, [2.016, 4.401, 2.982]),
    "gini": (HOLDS, [3.86, 9.479, 7.012]),
    "excluded-plateaus": (NOT, [0.2137, 0.4467, 0.4455]),
    "no-decay": (HOLDS, [0.08066, 0.01991, 0.06567]),
    "no-decay-no-circuit": (HOLDS, [6.409e-08, 4.408e-09, 1.901e-08]),
    "more-decay-faster": (HOLDS, [3.556, 3.078]),
    "decay-times": (NOT, [6.567, 0.8533, 0.09]),
    "parameters": (HOLDS, [226816]),
    "examples": (HOLDS, [3830]),
    "train-loss-500": (HOLDS, [0.0006716, 0.0008293, 0.0008907]),
    "stays-at-chance": (NOT, [4.177, 5.835, 5.162]),
    "cliff": (PARTLY, [6400, 9600, 7100]),
}


@pytest.fixture(scope="module")
def checked():
    return {c.claim.name: c for c in claims.check_all()}


def test_there_are_claims_of_all_three_sources_and_each_has_a_name_of_its_own():
    names = [claim.name for claim in CLAIMS]
    assert len(set(names)) == len(names) >= 25
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
        ([1.0, 2.1], PARTLY),  # another run does not bear it out
        ([1.0, 99.0], PARTLY),
        ([2.1, 1.0], PARTLY),
        ([3.1, 1.0, 1.0], NOT),
        ([math.nan, 1.0], NOT),
        ([1.0, math.nan], PARTLY),
    ],
)
def test_a_verdict_follows_from_values_and_bounds(values, expected):
    assert verdict(values, holds=(1.0, 2.0), nearly=(0.5, 3.0)) == expected


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


def test_what_a_miss_means_is_said_where_there_is_one():
    claim = claim_showing("{:.1f}", remark="Always.", miss="Only then.", title="A title")
    held, missed = (claims.as_markdown(Checked(claim, {"main run": value})) for value in (0.5, 1.5))
    assert "Always." in held
    assert "Only then." not in held
    assert "Always.\n\nOnly then." in missed
    assert ":::{container} gc-claim gc-holds\n" in held
    assert "**A title** [holds partly]{.gc-verdict}" in missed


def test_expectations_are_of_these_claims():
    assert list(EXPECTED) == [claim.name for claim in CLAIMS]


@pytest.mark.parametrize("name", EXPECTED)
def test_our_numbers_and_the_verdict_are_where_they_were(checked, name):
    expected, values = EXPECTED[name]
    np.testing.assert_allclose(list(checked[name].values.values()), values, rtol=0.02)
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
        assert claims.measured.sums_in_neurons(main) == pytest.approx(expected, rel=1e-3)
        frequency, share = main.neuron_frequencies
        replaced = torch.where(share > 0.85, circuit.degree2_fit(main.neurons, frequency), main.neurons)
        expected = main.loss_of(circuit.logits_from(main.weights, replaced, main.pattern)) / main.loss
        assert claims.measured.polynomials_for_neurons(main) == pytest.approx(expected, rel=1e-3)


def test_without_heads_and_without_skip_against_the_model_itself(main):
    tokens = main.data.tokens
    model = main.run.model()
    p = model.p
    with torch.no_grad():
        logits, _ = model.run_with_cache(tokens, {"attn_out": torch.zeros_like})
        expected = main.loss_of(logits[:, :p].reshape(p, p, p))
        assert claims.measured.without_heads(main) == pytest.approx(expected, rel=1e-5)
        _, cache = model.run_with_cache(tokens)
        logits = cache["mlp_post"][:, -1] @ model.mlp.W_out @ model.W_U
        expected = main.loss_of(logits[:, :p].reshape(p, p, p)) / main.loss
        assert claims.measured.without_skip(main) == pytest.approx(expected, rel=1e-3)


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
