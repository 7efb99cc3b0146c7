"""Data for pictures that move: what is read back is what was packed, to the stated error."""

import base64
import json

import numpy as np
import pytest
import torch

from grokcourse.config import RunConfig
from grokcourse.interactive import ask, grok, packing, wide
from grokcourse.interactive.apart import apart
from grokcourse.interactive.attention import attention
from grokcourse.interactive.circles import circles
from grokcourse.interactive.clocks import clocks
from grokcourse.interactive.crowd import crowd
from grokcourse.interactive.decays import decays
from grokcourse.interactive.heads import heads
from grokcourse.interactive.scrub import scrub
from grokcourse.interactive.voices import voices
from grokcourse.model import Transformer


def content(script):
    """What a file of data hands to the page."""
    prefix, suffix = "moving.receive(", ");\n"
    assert script.startswith(prefix)
    assert script.endswith(suffix)
    assert "\n" not in script[:-1]
    return json.loads(script[len(prefix) : -len(suffix)])


@pytest.mark.parametrize("bits", packing.BITS)
@pytest.mark.parametrize("shape", [(), (1,), (7,), (3, 5), (2, 3, 4)])
def test_whole_numbers_are_exact(bits, shape):
    levels = np.random.default_rng(bits).integers(0, 2**bits, shape)
    packed = packing.quantise(levels, bits, 0, 2**bits - 1)
    np.testing.assert_allclose(packing.restore(packed), levels, rtol=0, atol=1e-9)
    assert len(base64.b64decode(packed["base64"])) == -(-levels.size * bits // 8)


@pytest.mark.parametrize("bits", packing.BITS)
def test_others_are_off_by_half_a_level_at_most(bits):
    values = np.random.default_rng(0).normal(size=1000)
    half = (values.max() - values.min()) / (2**bits - 1) / 2
    restored = packing.restore(packing.quantise(values, bits))
    assert np.abs(restored - values).max() <= half * (1 + 1e-9)
    assert np.abs(restored - values).max() > half / 2  # the bound says something


def test_what_is_outside_the_bounds_becomes_the_bound():
    restored = packing.restore(packing.quantise([-5, 0.0, 1.0, 9], 8, 0, 1))
    assert restored.tolist() == [0, 0, 1, 1]


def test_equal_numbers_and_none_at_all():
    assert packing.restore(packing.quantise([3.5, 3.5], 4)).tolist() == [3.5, 3.5]
    assert packing.restore(packing.quantise(np.zeros((2, 0)), 8)).shape == (2, 0)


@pytest.mark.parametrize(
    ("values", "bits", "bounds", "message"),
    [([1.0], 3, (), "1, 2, 4, 8 or 16 bits"), ([np.nan], 8, (), "finite"), ([1.0], 8, (2, 1), "above the highest")],
)
def test_what_cannot_be_packed_is_refused(values, bits, bounds, message):
    with pytest.raises(ValueError, match=message):
        packing.quantise(values, bits, *bounds)


def test_weights_of_float16_are_exact():
    weights = np.random.default_rng(0).normal(size=(4, 6)).astype(np.float16)
    weights[0, 0], weights[0, 1] = np.float16(6e-8), np.float16(-65504)  # the least and the largest there are
    np.testing.assert_array_equal(packing.restore(packing.half(weights)), weights.astype(float))
    with pytest.raises(ValueError, match="65,520"):
        packing.half([70_000.0])


def every_float16():
    values = np.arange(2**16, dtype="<u2").view("<f2")
    return values[np.isfinite(values)]


def test_every_float16_has_a_character_of_its_own():
    packed = packing.half(every_float16())
    text = wide.widen(packed)["text"]
    assert len(set(text)) == len(text) == 2**16 - 2**11
    assert wide.narrow(wide.widen(packed)) == packed


def test_a_script_of_weights_has_two_bytes_a_weight():
    weights = np.random.default_rng(0).normal(size=10_000)
    text = packing.script("weights", {"weights": wide.widen(packing.half(weights))}, {})
    data = wide.encode(text)
    assert data.decode("utf-16") == text
    assert 20_000 < len(data) < 20_400
    none = packing.half(np.zeros((2, 0)))
    assert wide.narrow(wide.widen(none)) == none


def test_weights_of_float32_are_exact():
    weights = np.random.default_rng(0).normal(size=(4, 6)).astype(np.float32)
    weights[0, 0], weights[0, 1] = np.float32(1e-45), np.finfo(np.float32).min
    packed = packing.single(weights)
    np.testing.assert_array_equal(packing.restore(packed), weights.astype(float))
    assert len(base64.b64decode(packed["base64"])) == 4 * weights.size
    with pytest.raises(ValueError, match=r"3\.4e38"):
        packing.single([1e39])


def test_arrays_are_told_apart():
    assert packing.identify(np.ones(3)) != packing.identify(np.ones(3) + 1e-9)


def history(n):
    return {
        "step": np.arange(n) * 100,
        "train_loss": 10.0 ** -np.arange(n),
        "test_loss": 2.0 + np.arange(n),
        "train_accuracy": np.linspace(0, 1, n),
        "test_accuracy": np.linspace(0, 0.5, n),
    }


def test_a_run_for_the_page():
    p, rng = 5, np.random.default_rng(0)
    right, is_best = rng.random((2, p, p)), rng.random((2, p, p)) < 0.5
    training, spectrum = rng.random((p, p)) < 0.3, rng.random((4, 2))
    made = content(
        scrub(
            checkpoints=[0, 200],
            right=right,
            is_best=is_best,
            in_training=training,
            history=history(4),
            spectrum=spectrum,
            key=[2],
        )
    )
    arrays = {name: packing.restore(array) for name, array in made["arrays"].items()}
    for at in np.ndindex(2, p, p):
        expected = 0 if not is_best[at] else 1 + (right[at] >= 0.5) + (right[at] >= 0.9)
        assert arrays["levels"][at] == expected
    assert (arrays["training"] == training).all()
    np.testing.assert_allclose(10 ** arrays["train_loss"], history(4)["train_loss"], rtol=5e-4)
    np.testing.assert_allclose(arrays["test_accuracy"], history(4)["test_accuracy"], atol=1e-5)
    np.testing.assert_allclose(arrays["spectrum"] ** 2, spectrum, atol=0.004 * spectrum.max())
    assert made["facts"]["checkpoints"] == [0, 200]
    assert made["facts"]["steps"] == [0, 100, 200, 300]


@pytest.mark.parametrize("wrong", ["right", "in_training", "spectrum"])
def test_shapes_that_do_not_fit_are_refused(wrong):
    given = {
        "right": np.ones((1, 3, 3)),
        "is_best": np.ones((1, 3, 3), bool),
        "in_training": np.ones((3, 3), bool),
        "spectrum": np.ones((2, 1)),
    }
    given[wrong] = given[wrong][..., :2] if wrong != "spectrum" else np.ones((3, 1))
    with pytest.raises(ValueError, match=r"need|must"):
        scrub(checkpoints=[0], history=history(2), key=[], **given)


# --- ask ---


def parameters(p=5, d_model=4, n_heads=2, d_mlp=6):
    return Transformer(p, d_model, n_heads, d_mlp, seed=0).state_dict()


def test_a_models_weights_for_the_page():
    made = content(ask.weights(500, parameters()).decode("utf-16"))
    assert made["name"] == "ask-500"
    assert set(made["arrays"]) == set(parameters()), "all of the model's weights, and nothing else"
    for name, weight in parameters().items():
        restored = packing.restore(wide.narrow(made["arrays"][name]))
        np.testing.assert_array_equal(restored, weight.half().double().numpy())
    facts = made["facts"]
    assert (facts["d_model"], facts["n_heads"], facts["d_head"], facts["d_mlp"], facts["vocabulary"]) == (4, 2, 2, 6, 6)


def test_weights_that_lack_something_are_refused():
    with pytest.raises(ValueError, match="W_U"):
        ask.weights(0, {name: weight for name, weight in parameters().items() if name != "W_U"})


def test_what_the_page_needs_before_the_first_question():
    p, rng = 113, np.random.default_rng(0)
    training, answers = rng.random((p, p)) < 0.3, rng.integers(0, p, (p, p))
    made = content(ask.ask(steps=[500, 25000], in_training=training, answers=answers, symbol="−"))
    assert made["facts"] == {"p": p, "symbol": "−", "steps": [500, 25000]}
    np.testing.assert_allclose(packing.restore(made["arrays"]["answers"]), answers, atol=1e-9)
    assert (packing.restore(made["arrays"]["training"]) == training).all()
    with pytest.raises(ValueError, match=r"\(p, p\)"):
        ask.ask(steps=[0], in_training=training[:, :5], answers=answers)


# --- grok ---


def test_what_the_page_trains_from():
    config = RunConfig(p=31, seed=2, split_seed=2)
    made = content(grok.grok(config=config.to_dict(), options={"p": 31}, seeds=[1, 2]))
    assert made["name"] == "grok"
    assert RunConfig.from_dict(made["facts"]["config"]) == config
    assert made["facts"]["options"] == {"p": 31}
    assert made["facts"]["seeds"] == [1, 2]


@pytest.mark.parametrize("changes", [{"operation": "subtract"}, {"seed": 3, "split_seed": 3}, {"split_seed": 1}])
def test_what_the_page_cannot_train_is_refused(changes):
    config = RunConfig(p=31, seed=2, split_seed=2).replace(**changes)
    with pytest.raises(ValueError, match="the page"):
        grok.grok(config=config.to_dict(), options={}, seeds=[1, 2])


def test_what_a_seed_draws():
    order = np.random.default_rng(0).permutation(25)
    made = content(grok.start(7, parameters(), order))
    assert made["name"] == "grok-7"
    flat, at = packing.restore(made["arrays"]["weights"]), 0
    for name, shape in made["facts"]["parameters"]:
        size = int(np.prod(shape))
        np.testing.assert_array_equal(flat[at : at + size].reshape(shape), parameters()[name].double().numpy())
        at += size
    assert at == len(flat) == sum(weight.numel() for weight in parameters().values())
    np.testing.assert_allclose(packing.restore(made["arrays"]["order"]), order, atol=1e-9)


@pytest.mark.parametrize("order", [np.zeros(25), np.arange(1, 26), np.arange(2**16 + 1)])
def test_an_order_that_is_none_is_refused(order):
    with pytest.raises(ValueError, match="every question once"):
        grok.start(0, parameters(), order)


def test_initial_weights_that_lack_something_are_refused():
    with pytest.raises(ValueError, match="W_E"):
        grok.start(0, {name: weight for name, weight in parameters().items() if name != "W_E"}, np.arange(25))


# --- circles ---


def test_circles_for_the_page():
    points = np.random.default_rng(0).normal(size=(2, 3, 7, 2)) * [[[[1]], [[10]], [[0.1]]]]
    shares = np.array([[0.1, 0.2, 0.7], [0, 1, 0]])
    made = content(circles(steps=[0, 500], points=points, shares=shares, key=[2]))
    np.testing.assert_allclose(packing.restore(made["arrays"]["shares"]), shares, atol=1e-5)
    unit, size = (packing.restore(made["arrays"][name]) for name in ("points", "size"))
    restored = unit * size[:, :, None, None]
    largest = np.abs(points).max(axis=(2, 3))[:, :, None, None]
    assert (np.abs(restored - points) <= 0.0041 * largest + 1e-3).all()
    assert made["facts"]["frequencies"] == 3
    with pytest.raises(ValueError, match="2 steps"):
        circles(steps=[0, 500], points=points[:1], shares=shares, key=[])
    for wrong in (shares[:1], 100 * shares):
        with pytest.raises(ValueError, match=r"shares must be from 0 to 1, of shape \(2, 3\)"):
            circles(steps=[0, 500], points=points, shares=wrong, key=[])


def test_clocks_for_the_page():
    assert content(clocks(p=7, key=[3, 1]))["facts"] == {"p": 7, "key": [3, 1]}
    with pytest.raises(ValueError, match="1 … 3, not 4"):
        clocks(p=7, key=[4])


# --- voices ---


def test_two_voices_are_kept_question_by_question_without_their_means():
    rng = np.random.default_rng(3)
    circuit, rest = rng.normal(5, 9, (2, 3, 4, 7))
    script = voices(steps=[0, 10, 20], questions=[(0, 1)] * 4, answers=[1] * 4, circuit=circuit, rest=rest)
    told = content(script)
    assert told["facts"]["steps"] == [0, 10, 20]
    for name, table in (("circuit", circuit), ("rest", rest)):
        restored = packing.restore(told["arrays"][name])
        centred = table - table.mean(axis=2, keepdims=True)
        np.testing.assert_allclose(restored, centred, atol=np.abs(centred).max() / 65_000)
        leads = restored[..., 1] - restored[..., 3]
        np.testing.assert_allclose(leads, table[..., 1] - table[..., 3], atol=1e-3)


@pytest.mark.parametrize("wrong", [(3, 4), (3, 4, 6), (2, 4, 7), (3, 5, 7)])
def test_voices_of_other_shapes_are_refused(wrong):
    good = {"steps": [0, 10, 20], "questions": [(0, 1)] * 4, "answers": [1] * 4}
    with pytest.raises(ValueError, match=r"3 steps and 4 questions need tables of shape \(3, 4, p\)"):
        voices(**good, circuit=np.zeros(wrong), rest=np.zeros((3, 4, 7)))


# --- heads ---


def strengths(n=2, p=7, n_heads=3):
    rng = np.random.default_rng(5)
    shapes = {
        "points": (n, p, 2),
        "strength": (n, 2, 2, p, p),
        "scores": (n, 2, n_heads, p),
        "places": (n, 2, n_heads, 3),
        "shares": (n, 2, n_heads, 3),
    }
    return {name: rng.normal(size=shape) for name, shape in shapes.items()}


CASES = [{"name": "one", "k": 2, "double": 3}, {"name": "other", "k": 3, "double": 1}]


def test_strengths_of_questions_for_the_page():
    tables = strengths()
    made = content(heads(cases=CASES, **tables))
    assert made["facts"]["cases"] == CASES
    assert (made["facts"]["p"], made["facts"]["heads"]) == (7, 3)
    for name, table in tables.items():
        levels = 255 if name == "strength" else 65_535
        restored = packing.restore(made["arrays"][name])
        np.testing.assert_allclose(restored, table, rtol=0, atol=1.001 * np.ptp(table) / levels / 2)


@pytest.mark.parametrize("wrong", ["points", "strength", "scores", "places", "shares"])
def test_strengths_of_other_shapes_are_refused(wrong):
    tables = strengths()
    tables[wrong] = tables[wrong][:1]
    with pytest.raises(ValueError, match=f"2 cases need {wrong} of shape"):
        heads(cases=CASES, **tables)


# --- crowd ---


def test_phases_for_the_page():
    random, cluster = np.linspace(-4, 9, 30), [0.1, 6.2]
    made = content(crowd(p=7, frequency=3, random=random, cluster=cluster))
    assert made["facts"] == {"p": 7, "frequency": 3}
    for name, phases in (("random", random), ("cluster", cluster)):
        off = np.exp(1j * packing.restore(made["arrays"][name])) - np.exp(1j * np.asarray(phases))
        assert np.abs(off).max() < 5e-5


def test_a_crowd_of_nobody_is_refused():
    with pytest.raises(ValueError, match="at least one"):
        crowd(p=7, frequency=3, random=[], cluster=[1.0])
    with pytest.raises(ValueError, match="1 … 3, not 4"):
        crowd(p=7, frequency=4, random=[1.0], cluster=[1.0])


# --- apart ---


@pytest.mark.parametrize("p", [7, 8])
def test_functions_for_the_page(p):
    rng = np.random.default_rng(2)
    functions = {"one": 9 * rng.normal(size=p), "a wave": np.cos(2 * np.pi * 3 * np.arange(p) / p)}
    made = content(apart(functions))
    assert made["facts"] == {"p": p, "names": ["one", "a wave"]}
    values, energy = (packing.restore(made["arrays"][name]) for name in ("values", "energy"))
    for row, function in zip(values, functions.values(), strict=True):
        np.testing.assert_allclose(row, function / np.abs(function).max(), atol=2e-5)
    assert energy.shape == (2, p // 2 + 1)
    np.testing.assert_allclose(energy.sum(axis=1), (values**2).sum(axis=1), atol=1e-3)  # Parseval
    assert energy[1].argmax() == 3
    assert energy[1, 3] == pytest.approx(p / 2, abs=1e-3)


@pytest.mark.parametrize("wrong", [{}, {"one": [1, 2], "other": [1, 2, 3]}, {"nought": [0, 0, 0]}])
def test_functions_that_cannot_be_taken_apart_are_refused(wrong):
    with pytest.raises(ValueError, match=r"lists of one length|nought is 0 everywhere"):
        apart(wrong)


# --- decays ---


def run_of(decay, seed, n, grokked=None):
    rng = np.random.default_rng(n)
    return {
        "decay": decay,
        "seed": seed,
        "steps": np.arange(n) * 100,
        "memorised": 200,
        "grokked": grokked,
        "train_loss": 10.0 ** -rng.uniform(0, 9, n),
        "test_loss": rng.uniform(4, 60, n),
        "train_accuracy": rng.uniform(0, 1, n),
        "test_accuracy": rng.uniform(0, 1, n),
        "norm": rng.uniform(10, 80, n),
    }


def test_runs_of_several_lengths_for_the_page():
    given = [run_of(1, 0, 9, grokked=np.int64(700)), run_of(0, 3, 5), run_of(1, 2, 4), run_of(0.1, 0, 7)]
    made = content(decays(given))
    entries = made["facts"]["runs"]
    assert [(entry["decay"], entry["seed"]) for entry in entries] == [(0, 3), (0.1, 0), (1, 0), (1, 2)]
    assert [entry["grokked"] for entry in entries] == [None, None, 700, None]
    assert len({entry["run"] for entry in entries}) == 4
    arrays = {name: packing.restore(array) for name, array in made["arrays"].items()}
    at = 0
    for entry, run in zip(entries, (given[1], given[3], given[0], given[2]), strict=True):
        assert entry["steps"] == run["steps"].tolist()
        own = {name: array[at : at + len(entry["steps"])] for name, array in arrays.items()}
        for name in ("train_loss", "test_loss"):
            np.testing.assert_allclose(10 ** own[name], run[name], rtol=5e-4)
        for name in ("train_accuracy", "test_accuracy"):
            np.testing.assert_allclose(own[name], run[name], atol=1e-5)
        np.testing.assert_allclose(own["norm"], run["norm"], atol=70 / 130_000)
        at += len(entry["steps"])
    assert at == len(arrays["norm"])


@pytest.mark.parametrize(
    ("runs", "message"),
    [
        ([], "no run"),
        ([run_of(1, 0, 5), run_of(1, 0, 6)], "decay 1 and seed 0 is there twice"),
        ([run_of(0.3, 2, 5) | {"norm": np.ones(4)}], "decay 0.3 and seed 2 must have one value"),
        ([run_of(1, 0, 5) | {"steps": np.arange(5)[::-1]}], "begin with 0 and rise"),
        ([run_of(1, 0, 1)], "begin with 0 and rise"),
    ],
)
def test_runs_that_cannot_be_gone_through_are_refused(runs, message):
    with pytest.raises(ValueError, match=message):
        decays(runs)


# --- attention ---


def test_tables_from_which_attention_is_computed():
    """Put together as the page does, against the model's own keys and values, and its attention's output."""
    model = Transformer(5, 4, 2, 6, seed=0)
    made = content(attention(500, model.state_dict(), symbol="−"))
    told = {"p": 5, "symbol": "−", "step": 500, "n_heads": 2, "d_head": 2, "d_model": 4}
    assert {name: made["facts"][name] for name in told} == told
    tables = {name: packing.restore(array) for name, array in made["arrays"].items()}
    for a, b in ((0, 4), (3, 3), (4, 1)):
        with torch.no_grad():
            _, cache = model.run_with_cache(torch.tensor([[a, b, 5]]))
        np.testing.assert_allclose(tables["start"], cache["resid_pre"][0, 2], atol=1e-4)
        np.testing.assert_allclose(tables["query"], cache["q"][0, :, 2], atol=1e-4)
        for name, table in (("keys", "k"), ("values", "v")):
            own = np.stack([tables[name][:, a], tables[name][:, b], np.zeros((2, 2))], axis=1)
            np.testing.assert_allclose(own + tables[f"place_{name}"], cache[table][0], atol=2e-4)
        added = np.einsum("he,hed->d", cache["z"][0, :, 2], tables["W_O"])
        np.testing.assert_allclose(added, cache["attn_out"][0, 2], atol=1e-3)


def test_attention_without_its_weights_is_refused():
    weights = parameters()
    with pytest.raises(ValueError, match=r"lack attn\.W_V"):
        attention(0, {name: weight for name, weight in weights.items() if name != "attn.W_V"})
    with pytest.raises(ValueError, match="three positions, not 2"):
        attention(0, weights | {"W_pos": weights["W_pos"][:2]})
