"""The transformer against torch's own attention and against a plain numpy forward, number by number."""

import math

import numpy as np
import pytest
import torch

from grokcourse import tasks
from grokcourse.config import RunConfig
from grokcourse.model import ACTIVATIONS, Transformer, attention_scores, embed, n_parameters

SHAPES = [  # p, d_model, n_heads, d_mlp
    (2, 4, 1, 3),
    (7, 12, 3, 5),
    (31, 16, 4, 32),
]


def make(p, d_model, n_heads, d_mlp, seed=0, dtype=torch.float64):
    """A model whose biases are not zero either, so that a forgotten bias shows."""
    model = Transformer(p, d_model, n_heads, d_mlp, seed).to(dtype)
    generator = torch.Generator().manual_seed(seed + 1)
    with torch.no_grad():
        for bias in (model.mlp.b_in, model.mlp.b_out):
            bias.copy_(torch.randn(bias.shape, generator=generator, dtype=dtype))
    return model


def numpy_logits(model, question):
    """The logits at '=' of one question, with loops and scalars only."""
    w = {name: weight.detach().numpy().astype(np.float64) for name, weight in model.named_parameters()}
    resid = [w["W_E"][token] + w["W_pos"][position] for position, token in enumerate(question)]
    out = np.zeros_like(resid[-1])
    for W_Q, W_K, W_V, W_O in zip(*(w[f"attn.W_{m}"] for m in "QKVO"), strict=True):
        query = resid[-1] @ W_Q
        scores = np.array([query @ (r @ W_K) / math.sqrt(W_Q.shape[1]) for r in resid])
        weights = np.exp(scores - scores.max())
        weights /= weights.sum()
        out += sum(share * (r @ W_V) for share, r in zip(weights, resid, strict=True)) @ W_O
    mid = resid[-1] + out
    neurons = np.maximum(mid @ w["mlp.W_in"] + w["mlp.b_in"], 0)
    return (mid + neurons @ w["mlp.W_out"] + w["mlp.b_out"]) @ w["W_U"]


@pytest.mark.parametrize("shape", SHAPES)
def test_forward_against_numpy(shape):
    model = make(*shape)
    questions = tasks.all_questions(shape[0])[:40]
    expected = np.array([numpy_logits(model, question) for question in questions.tolist()])
    np.testing.assert_allclose(model(questions).detach().numpy(), expected, atol=1e-12)


@pytest.mark.parametrize("shape", SHAPES)
def test_attention_against_torchs_own(shape):
    p, _, n_heads, _ = shape
    model = make(*shape)
    tokens = tasks.all_questions(p)
    _, cache = model.run_with_cache(tokens)
    z = torch.nn.functional.scaled_dot_product_attention(cache["q"], cache["k"], cache["v"], is_causal=True)
    torch.testing.assert_close(cache["z"], z)
    torch.testing.assert_close(cache["pattern"].sum(-1), torch.ones(len(tokens), n_heads, 3, dtype=torch.float64))
    assert (cache["pattern"].triu(1) == 0).all()


def test_attention_scores_by_hand():
    q = torch.tensor([[[[1.0, 0.0, 0.0, 0.0], [0.0, 2.0, 0.0, 0.0]]]])
    k = torch.tensor([[[[4.0, 6.0, 0.0, 0.0], [8.0, 10.0, 0.0, 0.0]]]])
    assert attention_scores(q, k).tolist() == [[[[2.0, -math.inf], [6.0, 10.0]]]]


def test_embed_by_hand():
    W_E = torch.tensor([[1.0, 2.0], [3.0, 4.0]])
    W_pos = torch.tensor([[10.0, 0.0], [0.0, 20.0]])
    assert embed(torch.tensor([[1, 0]]), W_E, W_pos).tolist() == [[[13.0, 4.0], [1.0, 22.0]]]


@pytest.mark.parametrize("shape", SHAPES)
def test_fast_logits_equal_the_plain_forward(shape):
    model = make(*shape)
    questions = tasks.all_questions(shape[0])
    questions = questions[torch.randperm(len(questions), generator=torch.Generator().manual_seed(0))]
    torch.testing.assert_close(model.fast_logits(questions[:, 0], questions[:, 1]), model(questions))


def test_every_activation_is_there_in_order_with_its_shape():
    model = Transformer(7, d_model=12, n_heads=3, d_mlp=5)
    logits, cache = model.run_with_cache(tasks.all_questions(7))
    assert tuple(cache) == ACTIVATIONS
    n, pos, heads, d_head, d_model, d_mlp, vocab = 49, 3, 3, 4, 12, 5, 8
    assert {name: tuple(value.shape) for name, value in cache.items()} == {
        "resid_pre": (n, pos, d_model),
        "q": (n, heads, pos, d_head),
        "k": (n, heads, pos, d_head),
        "v": (n, heads, pos, d_head),
        "attn_scores": (n, heads, pos, pos),
        "pattern": (n, heads, pos, pos),
        "z": (n, heads, pos, d_head),
        "attn_out": (n, pos, d_model),
        "resid_mid": (n, pos, d_model),
        "mlp_pre": (n, pos, d_mlp),
        "mlp_post": (n, pos, d_mlp),
        "mlp_out": (n, pos, d_model),
        "resid_post": (n, pos, d_model),
        "logits": (n, pos, vocab),
    }
    assert logits.equal(cache["logits"][:, -1])
    torch.testing.assert_close(cache["resid_mid"], cache["resid_pre"] + cache["attn_out"])
    torch.testing.assert_close(cache["resid_post"], cache["resid_mid"] + cache["mlp_out"])


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_an_edit_of_any_activation_reaches_the_logits(name):
    """With nothing but noise in its place, every activation changes the answer; with itself in its place, none does."""
    model = make(7, 12, 3, 5)
    tokens = tasks.all_questions(7)
    plain = model(tokens)
    same, _ = model.run_with_cache(tokens, {name: lambda activation: activation})
    assert same.equal(plain)
    generator = torch.Generator().manual_seed(0)
    noise = lambda x: torch.randn(x.shape, generator=generator, dtype=x.dtype)  # noqa: E731
    edited, cache = model.run_with_cache(tokens, {name: noise})
    assert not torch.allclose(edited, plain)
    assert model(tokens).equal(plain)  # the model itself is as it was
    torch.testing.assert_close(edited, cache["logits"][:, -1])


def test_ablating_the_mlp_leaves_the_direct_path():
    model = make(7, 12, 3, 5)
    tokens = tasks.all_questions(7)
    logits, cache = model.run_with_cache(tokens, {"mlp_out": torch.zeros_like})
    torch.testing.assert_close(logits, cache["resid_mid"][:, -1] @ model.W_U)


def test_patching_one_question_with_another():
    """With the whole residual stream of another question patched in, the model answers that other question."""
    model = make(7, 12, 3, 5)
    here, there = torch.tensor([[1, 2, 7]]), torch.tensor([[5, 3, 7]])
    _, cache = model.run_with_cache(there)
    patched, _ = model.run_with_cache(here, {"resid_mid": lambda _: cache["resid_mid"]})
    assert patched.equal(model(there))


def test_wrong_edits_are_refused():
    model = Transformer(7, d_model=12, n_heads=3, d_mlp=5)
    tokens = tasks.all_questions(7)
    with pytest.raises(KeyError, match=r"no such activation: mlp\. There are: resid_pre"):
        model.run_with_cache(tokens, {"mlp": torch.zeros_like})
    with pytest.raises(ValueError, match="the edit of mlp_out returned shape"):
        model.run_with_cache(tokens, {"mlp_out": lambda activation: activation[:, :1]})


@pytest.mark.parametrize("shape", [*SHAPES, (113, 128, 4, 512)])
def test_parameters_counted_by_hand_and_by_torch(shape):
    assert n_parameters(*shape) == sum(weight.numel() for weight in Transformer(*shape).parameters())


def test_initialisation_is_the_papers():
    config = RunConfig()
    weights = dict(Transformer.from_config(config).named_parameters())
    for name, weight in weights.items():
        expected = 0 if "b_" in name else 1 / math.sqrt(config.d_vocab if name == "W_U" else config.d_model)
        tolerance = 0 if expected == 0 else 4 * expected / math.sqrt(2 * weight.numel())  # 4 standard errors
        assert weight.std(correction=0).item() == pytest.approx(expected, abs=tolerance), name
        assert abs(weight.mean().item()) <= 4 * expected / math.sqrt(weight.numel()), name


def test_a_seed_means_one_model():
    first, again, other = (dict(Transformer(7, 8, 2, 4, seed).named_parameters()) for seed in (3, 3, 4))
    assert all(first[name].equal(again[name]) for name in first)
    assert not first["W_E"].equal(other["W_E"])


def test_the_global_random_state_is_left_alone():
    before = torch.get_rng_state()
    Transformer(7, 8, 2, 4)
    assert torch.get_rng_state().equal(before)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_model_is_made_of_weights_of_its_own_sizes_and_shares_no_memory_with_them(dtype):
    weights = {name: weight.to(dtype) for name, weight in Transformer(5, 8, 2, 6, seed=3).state_dict().items()}
    weights["W_U"] = weights["W_U"][:, :5]  # no output for "="
    weights |= {f"attn.W_{m}": torch.randn(3, 8, 5, dtype=dtype) for m in "QKV"}  # heads that do not share d_model
    weights["attn.W_O"] = torch.randn(3, 5, 8, dtype=dtype)
    model = Transformer.from_weights(weights)
    assert model.p == 5
    assert all(torch.equal(weight, weights[name]) for name, weight in model.state_dict().items())
    tokens = tasks.all_questions(5)
    assert torch.allclose(model(tokens), model.fast_logits(tokens[:, 0], tokens[:, 1]), atol=1e-5)
    with torch.no_grad():
        model.W_E.zero_()
    assert weights["W_E"].any()
    del weights["mlp.b_out"]
    with pytest.raises(RuntimeError, match=r"mlp\.b_out"):
        Transformer.from_weights(weights)
