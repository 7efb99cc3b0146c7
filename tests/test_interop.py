"""Weights of others in our model and ours in theirs: against plain numpy, and against TransformerLens itself."""

import json
import math
import os
import pickle
import re
import subprocess
from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import peer
from safetensors.torch import load_file, save_file
from torch import nn

from grokcourse import circuit, fourier, interop, measures, runs, tasks
from grokcourse.cli import main as command
from grokcourse.config import RunConfig
from grokcourse.interop import WeightsError
from grokcourse.model import ACTIVATIONS, Transformer

SIZES = {  # p, d_model, n_heads, d_head, d_mlp, outputs
    "small": (2, 4, 1, 4, 3, 3),
    "p outputs": (7, 12, 3, 4, 5, 7),
    "heads not sharing d_model": (11, 8, 3, 5, 6, 12),
    "composite p": (12, 16, 4, 4, 32, 13),
}


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def paper_weights(p, d_model, n_heads, d_head, d_mlp, out, seed=0, dtype=torch.float64):
    """Random weights in the shapes of the paper's code, biases not zero."""
    shapes = {
        "embed.W_E": (d_model, p + 1),
        "pos_embed.W_pos": (3, d_model),
        "blocks.0.attn.W_K": (n_heads, d_head, d_model),
        "blocks.0.attn.W_Q": (n_heads, d_head, d_model),
        "blocks.0.attn.W_V": (n_heads, d_head, d_model),
        "blocks.0.attn.W_O": (d_model, n_heads * d_head),
        "blocks.0.mlp.W_in": (d_mlp, d_model),
        "blocks.0.mlp.b_in": (d_mlp,),
        "blocks.0.mlp.W_out": (d_model, d_mlp),
        "blocks.0.mlp.b_out": (d_model,),
        "unembed.W_U": (d_model, out),
    }
    g = generator(seed)
    weights = {name: torch.randn(shape, generator=g, dtype=torch.float64).to(dtype) for name, shape in shapes.items()}
    return weights | {"blocks.0.attn.mask": torch.tril(torch.ones(3, 3))}


def lens_weights(p, d_model, n_heads, d_head, d_mlp, out, seed=0, dtype=torch.float64):
    """Random weights in the shapes of TransformerLens, written down without the package's own conversion."""
    theirs = paper_weights(p, d_model, n_heads, d_head, d_mlp, out, seed, dtype)
    attention = {
        f"blocks.0.attn.W_{m}": torch.stack([head.T for head in theirs[f"blocks.0.attn.W_{m}"]]) for m in "QKV"
    }
    columns = theirs["blocks.0.attn.W_O"].split(d_head, dim=1)
    return {
        **theirs,
        **attention,
        "embed.W_E": theirs["embed.W_E"].T,
        "blocks.0.attn.W_O": torch.stack([column.T for column in columns]),
        "blocks.0.mlp.W_in": theirs["blocks.0.mlp.W_in"].T,
        "blocks.0.mlp.W_out": theirs["blocks.0.mlp.W_out"].T,
        **{f"blocks.0.attn.b_{m}": torch.zeros(n_heads, d_head, dtype=dtype) for m in "QKV"},
        "blocks.0.attn.b_O": torch.zeros(d_model, dtype=dtype),
        "unembed.b_U": torch.zeros(out, dtype=dtype),
        "blocks.0.attn.mask": torch.ones(3, 3, dtype=torch.bool).tril(),
        "blocks.0.attn.IGNORE": torch.tensor(-torch.inf),
    }


def bridge_weights(p, d_model, n_heads, d_head, d_mlp, out, seed=0, dtype=torch.float64):
    """Random weights in the shapes of TransformerBridge, written down without the package's own conversion."""
    theirs = paper_weights(p, d_model, n_heads, d_head, d_mlp, out, seed, dtype)
    return {
        "embed.weight": theirs["embed.W_E"].T,
        "pos_embed.weight": theirs["pos_embed.W_pos"],
        **{f"blocks.0.attn.{m.lower()}.weight": torch.cat([*theirs[f"blocks.0.attn.W_{m}"]]) for m in "QKV"},
        **{f"blocks.0.attn.{m}.bias": torch.zeros(n_heads * d_head, dtype=dtype) for m in "qkv"},
        "blocks.0.attn.o.weight": theirs["blocks.0.attn.W_O"],
        "blocks.0.attn.o.bias": torch.zeros(d_model, dtype=dtype),
        "blocks.0.mlp.in.weight": theirs["blocks.0.mlp.W_in"],
        "blocks.0.mlp.in.bias": theirs["blocks.0.mlp.b_in"],
        "blocks.0.mlp.out.weight": theirs["blocks.0.mlp.W_out"],
        "blocks.0.mlp.out.bias": theirs["blocks.0.mlp.b_out"],
        "unembed.weight": theirs["unembed.W_U"].T,
        "unembed.bias": torch.zeros(out, dtype=dtype),
    }


def paper_logits(weights, question):
    """The logits at '=' of one question, from the paper's matrices in the paper's order (its appendix A), in loops."""
    w = {name: weight.numpy().astype(np.float64) for name, weight in weights.items()}
    x = [w["embed.W_E"][:, token] + w["pos_embed.W_pos"][place] for place, token in enumerate(question)]
    heads = []
    for W_Q, W_K, W_V in zip(*(w[f"blocks.0.attn.W_{m}"] for m in "QKV"), strict=True):
        scores = np.array([(W_K @ source) @ (W_Q @ x[2]) for source in x]) / math.sqrt(len(W_Q))
        pattern = np.exp(scores) / np.exp(scores).sum()
        heads.append(sum(share * (W_V @ source) for share, source in zip(pattern, x, strict=True)))
    middle = x[2] + w["blocks.0.attn.W_O"] @ np.concatenate(heads)
    neurons = np.maximum(w["blocks.0.mlp.W_in"] @ middle + w["blocks.0.mlp.b_in"], 0)
    return (middle + w["blocks.0.mlp.W_out"] @ neurons + w["blocks.0.mlp.b_out"]) @ w["unembed.W_U"]


@pytest.mark.parametrize("sizes", SIZES.values(), ids=SIZES)
def test_the_papers_weights_give_the_papers_logits(sizes):
    weights = paper_weights(*sizes)
    model = interop.from_paper(weights)
    p, *_, out = sizes
    questions = tasks.all_questions(p)[:40]
    expected = np.array([paper_logits(weights, question) for question in questions.tolist()])
    assert model.p == p
    assert expected.shape == (len(questions), out)
    np.testing.assert_allclose(model(questions).detach().numpy(), expected, atol=1e-11)
    np.testing.assert_allclose(model.fast_logits(*questions.T[:2]).detach().numpy(), expected, atol=1e-11)


@pytest.mark.parametrize("sizes", SIZES.values(), ids=SIZES)
def test_all_layouts_of_the_same_weights_give_the_same_model(sizes):
    paper = interop.from_paper(paper_weights(*sizes))
    expected = {name: weight.tolist() for name, weight in paper.state_dict().items()}
    n_heads = sizes[2]
    for model in (
        interop.from_transformer_lens(lens_weights(*sizes)),
        interop.from_transformer_lens(bridge_weights(*sizes), {"n_heads": n_heads}),
        interop.from_weights(bridge_weights(*sizes), n_heads),
    ):
        assert {name: weight.tolist() for name, weight in model.state_dict().items()} == expected


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("sizes", SIZES.values(), ids=SIZES)
def test_there_and_back_changes_nothing(sizes, dtype):
    for there, back, made in (
        (interop.to_paper, interop.from_paper, paper_weights),
        (interop.to_transformer_lens, interop.from_transformer_lens, lens_weights),
        (interop.to_transformer_bridge, lambda weights: interop.from_weights(weights, sizes[2]), bridge_weights),
    ):
        weights = made(*sizes, dtype=dtype)
        out = there(back(weights))
        assert set(weights) - set(out) <= {"blocks.0.attn.mask", "blocks.0.attn.IGNORE"}
        for name, weight in out.items():
            assert weight.dtype == dtype
            assert weight.is_contiguous()  # else safetensors would refuse it
            assert torch.equal(weight, weights[name]), name


def test_a_model_of_ours_survives_the_way_through_any_layout():
    model = Transformer(p=7, d_model=12, n_heads=3, d_mlp=5, seed=1)
    tokens = tasks.all_questions(7)
    for layout in (
        interop.to_paper,
        interop.to_transformer_lens,
        interop.to_transformer_bridge,
        Transformer.state_dict,
    ):
        again = interop.from_weights(layout(model), n_heads=3)
        assert torch.equal(again(tokens), model(tokens))


def test_the_new_model_shares_no_memory_with_what_it_came_from():
    weights = paper_weights(*SIZES["small"])
    kept = {name: weight.clone() for name, weight in weights.items()}
    model = interop.from_paper(weights)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(1)
    assert all(torch.equal(weight, kept[name]) for name, weight in weights.items())
    theirs = interop.to_transformer_lens(model)
    theirs["embed.W_E"].zero_()
    assert model.W_E.abs().sum() > 0


def test_half_precision_is_widened_and_mixed_precision_takes_the_wider():
    weights = paper_weights(*SIZES["small"], dtype=torch.float16)
    model = interop.from_paper(weights)
    assert model.W_U.dtype == torch.float32
    assert torch.equal(model.W_U, weights["unembed.W_U"].float())
    weights["embed.W_E"] = weights["embed.W_E"].double()
    assert {parameter.dtype for parameter in interop.from_paper(weights).parameters()} == {torch.float64}


def test_training_can_go_on_from_foreign_weights():
    model = interop.from_paper(paper_weights(*SIZES["p outputs"]))
    model(tasks.all_questions(7)).sum().backward()
    assert all(parameter.grad is not None for parameter in model.parameters())


def test_the_layouts_are_told_apart():
    model = Transformer(p=5, d_model=4, n_heads=2, d_mlp=3)
    assert interop.recognise(paper_weights(*SIZES["small"])) == "paper"
    assert interop.recognise(lens_weights(*SIZES["small"])) == "transformer_lens"
    assert interop.recognise(bridge_weights(*SIZES["small"])) == "transformer_bridge"
    assert interop.recognise(model.state_dict()) == "grokcourse"
    for strange in ({}, {"transformer.wte.weight": torch.ones(2, 2)}, {"embed.W_E": torch.ones(2, 2)}):
        with pytest.raises(WeightsError, match="no layout that is known here"):
            interop.recognise(strange)


def without(name):
    return lambda weights: weights.pop(name)


def with_(name, value):
    return lambda weights: weights.__setitem__(name, value)


P, D, H, E, M, OUT = SIZES["p outputs"]
BAD_PAPER = {
    "missing": (without("blocks.0.mlp.W_in"), "blocks.0.mlp.W_in missing"),
    "two missing": (lambda w: (w.pop("embed.W_E"), w.pop("unembed.W_U")), r"embed\.W_E, unembed\.W_U missing"),
    "not known": (with_("blocks.0.attn.b_Q", torch.zeros(H, E)), r"blocks\.0\.attn\.b_Q not known"),
    "LayerNorm": (with_("blocks.0.ln1.w_ln", torch.ones(D)), r"a LayerNorm \(blocks\.0\.ln1\.w_ln\)"),
    "two layers": (with_("blocks.1.mlp.b_in", torch.ones(M)), r"2 layers \(blocks\.1\.mlp\.b_in\)"),
    "d_model": (with_("blocks.0.mlp.W_in", torch.ones(M, D + 1)), r"blocks\.0\.mlp\.W_in has shape \(5, 13\)"),
    "heads": (with_("blocks.0.attn.W_V", torch.ones(H + 1, E, D)), r"blocks\.0\.attn\.W_V has shape \(4, 4, 12\)"),
    "W_O": (with_("blocks.0.attn.W_O", torch.ones(D, H * E + 1)), r"blocks\.0\.attn\.W_O has shape \(12, 13\)"),
    "dimensions": (with_("blocks.0.mlp.b_in", torch.ones(M, 1)), r"blocks\.0\.mlp\.b_in has shape \(5, 1\)"),
    "positions": (with_("pos_embed.W_pos", torch.ones(4, D)), r"4 positions \(in pos_embed\.W_pos\)"),
    "outputs": (with_("unembed.W_U", torch.ones(D, P - 1)), r"6 outputs \(in unembed\.W_U\) for 8 tokens"),
    "one token": (
        lambda w: w.update({"embed.W_E": torch.ones(D, 2), "unembed.W_U": torch.ones(D, 2)}),
        r"2 tokens \(in embed\.W_E\): too few",
    ),
    "integers": (
        with_("blocks.0.mlp.b_out", torch.ones(D, dtype=torch.int64)),
        r"b_out does not hold floats, but int64",
    ),
    "no tensor": (with_("blocks.0.mlp.b_out", [0.0] * D), r"b_out is no tensor, but list"),
    "NaN": (with_("blocks.0.mlp.b_out", torch.full((D,), math.nan)), r"b_out holds numbers that are not finite"),
    "meta": (with_("blocks.0.mlp.b_out", torch.ones(D, device="meta")), r"b_out has a shape, but holds no numbers"),
    "mask": (with_("blocks.0.attn.mask", torch.ones(3, 3)), r"blocks\.0\.attn\.mask is not causal"),
}
BAD_LENS = {
    "bias's shape": (with_("blocks.0.attn.b_Q", torch.zeros(E, H)), r"blocks\.0\.attn\.b_Q has shape \(4, 3\)"),
    "grouped queries": (
        with_("blocks.0.attn._W_K", torch.ones(1, D, E)),
        r"keys that several heads share \(blocks\.0\.attn\._W_K\)",
    ),
    "gate": (with_("blocks.0.mlp.W_gate", torch.ones(D, M)), r"a gate in its MLP \(blocks\.0\.mlp\.W_gate\)"),
    "rotary": (
        with_("blocks.0.attn.rotary_sin", torch.ones(3, E)),
        r"rotary positions \(blocks\.0\.attn\.rotary_sin\)",
    ),
    "final LayerNorm": (with_("ln_final.w", torch.ones(D)), r"a LayerNorm \(ln_final\.w\)"),
    "paper's": (with_("blocks.0.attn.W_O", torch.ones(D, H * E)), r"blocks\.0\.attn\.W_O has shape \(12, 12\)"),
}


BAD_BRIDGE = {
    "missing": (without("blocks.0.mlp.in.weight"), r"blocks\.0\.mlp\.in\.weight missing"),
    "LayerNorm": (with_("blocks.0.ln1.weight", torch.ones(D)), r"a LayerNorm \(blocks\.0\.ln1\.weight\)"),
    "final LayerNorm": (with_("ln_final.weight", torch.ones(D)), r"a LayerNorm \(ln_final\.weight\)"),
    "two layers": (with_("blocks.1.mlp.in.bias", torch.ones(M)), r"2 layers \(blocks\.1\.mlp\.in\.bias\)"),
    "gate": (
        with_("blocks.0.mlp.gate.weight", torch.ones(M, D)),
        r"a gate in its MLP \(blocks\.0\.mlp\.gate\.weight\)",
    ),
    "grouped queries": (with_("blocks.0.attn.k.weight", torch.ones(E, D)), r"attn\.k\.weight has shape \(4, 12\)"),
    "transposed": (with_("unembed.weight", torch.ones(D, OUT)), r"unembed\.weight has shape \(12, 7\)"),
    "bias's shape": (with_("blocks.0.attn.q.bias", torch.zeros(H, E)), r"blocks\.0\.attn\.q\.bias has shape \(3, 4\)"),
    "NaN": (with_("unembed.bias", torch.full((OUT,), math.nan)), r"unembed\.bias holds numbers that are not finite"),
}


@pytest.mark.parametrize(("spoil", "message"), BAD_BRIDGE.values(), ids=BAD_BRIDGE)
def test_weights_of_a_bridge_are_refused_by_name(spoil, message):
    weights = bridge_weights(*SIZES["p outputs"])
    spoil(weights)
    with pytest.raises(WeightsError, match=message):
        interop.from_transformer_lens(weights, {"n_heads": H})


def test_a_bridges_number_of_heads_is_in_its_config_or_said(tmp_path):
    weights, tokens = bridge_weights(*SIZES["p outputs"]), tasks.all_questions(P)
    expected = interop.from_paper(paper_weights(*SIZES["p outputs"]))(tokens)
    torch.save(weights, tmp_path / "bare.pth")
    torch.save({"model": weights, "config": Config(normalization_type=None, n_heads=H)}, tmp_path / "told.pth")
    torch.save({"model": weights, "config": Config(normalization_type=None, n_heads=-1)}, tmp_path / "untold.pth")
    for said in ({"n_heads": H}, {}):
        path = tmp_path / ("bare.pth" if said else "told.pth")
        assert torch.equal(interop.load(path, **said)(tokens), expected)
        assert torch.equal(interop.from_weights(interop.load_checkpoints(path, **said)[0])(tokens), expected)
        assert torch.equal(interop.load_run(path, **said).model()(tokens), expected)
    for path in (tmp_path / "bare.pth", tmp_path / "untold.pth"):
        for read in (interop.load, interop.load_checkpoints, interop.load_run):
            with pytest.raises(WeightsError, match=r"pth: .* do not show how many attention heads .*n_heads=4"):
                read(path)
    with pytest.raises(WeightsError, match="do not show how many attention heads"):
        interop.from_transformer_lens(weights, {"d_model": D})


@pytest.mark.parametrize("n_heads", [0, -1, 2.0, "4"])
def test_a_number_of_heads_that_is_none_is_refused(n_heads):
    with pytest.raises(WeightsError, match=f"n_heads is {n_heads!r}, which is no number of attention heads"):
        interop.from_weights(bridge_weights(*SIZES["p outputs"]), n_heads)


def test_another_number_of_heads_than_the_weights_have_is_refused():
    with pytest.raises(WeightsError, match=r"\(12, 12\).*head = 5 \(from n_heads\)|no axis of it can be d_head"):
        interop.from_weights(bridge_weights(*SIZES["p outputs"]), 5)  # does not divide 12
    with pytest.raises(WeightsError, match=r"W_Q has shape \(3, 4, 12\), which does not fit head = 2 \(from n_heads\)"):
        interop.from_weights(paper_weights(*SIZES["p outputs"]), 2)


@pytest.mark.parametrize(("spoil", "message"), BAD_PAPER.values(), ids=BAD_PAPER)
def test_the_papers_weights_are_refused_by_name(spoil, message):
    weights = paper_weights(*SIZES["p outputs"])
    spoil(weights)
    with pytest.raises(WeightsError, match=message):
        interop.from_paper(weights)


@pytest.mark.parametrize(("spoil", "message"), BAD_LENS.values(), ids=BAD_LENS)
def test_transformer_lens_weights_are_refused_by_name(spoil, message):
    weights = lens_weights(*SIZES["p outputs"])
    spoil(weights)
    with pytest.raises(WeightsError, match=message):
        interop.from_transformer_lens(weights)


@pytest.mark.parametrize("wrong", [[lens_weights(*SIZES["small"])], Transformer(5, 4, 2, 3), None])
@pytest.mark.parametrize("take", [interop.from_weights, interop.from_paper, interop.from_transformer_lens])
def test_what_is_no_dict_of_tensors_is_refused(take, wrong):
    with pytest.raises(WeightsError, match="a dict of tensors by name, but this is a"):
        take(wrong)


BIASES = ("attn.b_Q", "attn.b_K", "attn.b_V", "attn.b_O", "b_U")
BRIDGE_BIASES = ("attn.q.bias", "attn.k.bias", "attn.v.bias", "attn.o.bias", "unembed.bias")


def lens_logits(weights, question):
    """The logits at '=' of one question with every bias, as TransformerLens' documentation has them, head by head."""
    w = {name.replace("blocks.0.", ""): weight.numpy().astype(np.float64) for name, weight in weights.items()}
    x = [w["embed.W_E"][token] + w["pos_embed.W_pos"][place] for place, token in enumerate(question)]
    middle = x[2] + w["attn.b_O"]
    for h in range(len(w["attn.W_Q"])):
        q, *k = (r @ w[f"attn.W_{m}"][h] + w[f"attn.b_{m}"][h] for m, r in (("Q", x[2]), *(("K", r) for r in x)))
        scores = np.exp([q @ key / math.sqrt(len(q)) for key in k])
        values = [source @ w["attn.W_V"][h] + w["attn.b_V"][h] for source in x]
        middle = middle + sum(s / scores.sum() * v for s, v in zip(scores, values, strict=True)) @ w["attn.W_O"][h]
    neurons = np.maximum(middle @ w["mlp.W_in"] + w["mlp.b_in"], 0)
    return (middle + neurons @ w["mlp.W_out"] + w["mlp.b_out"]) @ w["unembed.W_U"] + w["unembed.b_U"]


@pytest.mark.parametrize("which", [*([name] for name in BIASES), BIASES], ids=str)
@pytest.mark.parametrize("size", ["p outputs", "heads not sharing d_model"])
def test_biases_that_our_model_lacks_are_taken_over(size, which):
    weights = lens_weights(*SIZES[size])
    for name in which:
        full = next(key for key in weights if key.endswith(name))
        weights[full] = torch.randn(weights[full].shape, generator=generator(3), dtype=torch.float64)
    model, questions = interop.from_weights(weights), tasks.all_questions(SIZES[size][0])[::3]
    expected = np.array([lens_logits(weights, question) for question in questions.tolist()])
    np.testing.assert_allclose(model(questions).detach(), expected, atol=1e-10)
    np.testing.assert_allclose(model.fast_logits(*questions.T[:2]).detach(), expected, atol=1e-10)
    logits = circuit.logits_from(circuit.effective_weights(model)).flatten(0, 1)[::3]
    np.testing.assert_allclose(logits, expected[:, : model.p], atol=1e-10)
    bridge = bridge_weights(*SIZES[size])
    for hooked_name, name in zip(BIASES, BRIDGE_BIASES, strict=True):
        full = next(key for key in bridge if key.endswith(name))
        bridge[full] = next(bias for key, bias in weights.items() if key.endswith(hooked_name)).flatten()
    np.testing.assert_allclose(interop.from_weights(bridge, SIZES[size][2])(questions).detach(), expected, atol=1e-10)


def test_a_model_without_biases_in_its_mlp_has_them_as_zeros():
    weights = paper_weights(*SIZES["p outputs"])
    bare = {name: weight for name, weight in weights.items() if ".b_" not in name}
    zeros = {name: torch.zeros_like(weight) if ".b_" in name else weight for name, weight in weights.items()}
    tokens = tasks.all_questions(7)
    assert torch.equal(interop.from_weights(bare)(tokens), interop.from_weights(zeros)(tokens))


def test_buffers_and_zero_biases_may_be_missing():
    weights = lens_weights(*SIZES["p outputs"])
    for name in [name for name in weights if ".b_Q" in name or "b_U" in name or "mask" in name or "IGNORE" in name]:
        del weights[name]
    interop.from_transformer_lens(weights)
    weights["blocks.0.attn.mask"] = torch.ones(0, 0, dtype=torch.bool)  # as newer releases have it
    interop.from_transformer_lens(weights)


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ({"act_fn": "gelu"}, "act_fn = 'gelu', but our model has act_fn = 'relu'"),
        ({"normalization_type": "LNPre"}, "normalization_type = 'LNPre', but our model has normalization_type = None"),
        ({"attention_dir": "bidirectional"}, "attention_dir"),
        ({"use_attn_scale": False}, "use_attn_scale"),
        ({"attn_scale": 1.0, "d_head": 4}, "divides attention scores by 1, our model by √d_head = 2"),
        ({"positional_embedding_type": "shortformer"}, "positional_embedding_type"),
        ({"parallel_attn_mlp": True}, "parallel_attn_mlp"),
    ],
)
def test_a_config_that_weights_do_not_show_is_checked(entry, message):
    weights = lens_weights(*SIZES["p outputs"])
    good = interop.transformer_lens_config(interop.from_transformer_lens(weights))
    interop.from_transformer_lens(weights, good)
    with pytest.raises(WeightsError, match=message):
        interop.from_transformer_lens(weights, good | entry)


@pytest.mark.parametrize("sizes", SIZES.values(), ids=SIZES)
def test_the_courses_tools_run_on_foreign_models(sizes):
    model = interop.from_paper(paper_weights(*sizes))
    p = model.p
    logits = circuit.logits_from(circuit.effective_weights(model))
    torch.testing.assert_close(logits.flatten(0, 1), model(tasks.all_questions(p))[:, :p].detach())
    torch.testing.assert_close(circuit.all_logits(model), logits)
    tokens = tasks.all_questions(p)
    data = tasks.Dataset(tokens, tasks.answers(tokens, p), *tasks.split(p * p, 0.5, seed=0))
    measured = measures.measure(model, [1], data)
    assert all(value.isfinite().all() for value in measured.values())
    spectrum = fourier.energy_per_frequency(model.W_E[:p].detach())
    assert fourier.key_frequencies(spectrum) is not None


def test_sizes_read_off_a_model_make_its_config():
    with pytest.warns(match="not prime"):
        config = RunConfig(**interop.architecture(interop.from_paper(paper_weights(*SIZES["composite p"]))))
    assert (config.p, config.d_model, config.n_heads, config.d_mlp) == (12, 16, 4, 32)


# --- files ---


@pytest.mark.parametrize("made", [paper_weights, lens_weights])
def test_a_safetensors_file_is_read(made, tmp_path):
    weights = {name: weight.contiguous() for name, weight in made(*SIZES["p outputs"]).items()}
    save_file(weights, tmp_path / "model.safetensors")
    expected = interop.from_weights(weights)
    tokens = tasks.all_questions(7)
    assert torch.equal(interop.load(tmp_path / "model.safetensors")(tokens), expected(tokens))
    assert interop.read_weights(str(tmp_path / "model.safetensors")).keys() == weights.keys()
    assert list(interop.load_checkpoints(tmp_path / "model.safetensors")) == [0]


class Config:
    """Some class of somebody's, in a file."""

    def __init__(self, **entries):
        vars(self).update(entries)


class Attack:
    def __init__(self, function, *arguments):
        self.call = function, arguments

    def __reduce__(self):
        return self.call


class Part(nn.Module):
    """A class that only this file knows."""


def nested(weights):
    """A module whose state dict these weights are, to be saved whole."""
    root = nn.Module()
    for name, weight in weights.items():
        *parts, last = name.split(".")
        module = root
        for part in parts:
            if not hasattr(module, part):
                module.add_module(part, Part())
            module = getattr(module, part)
        if weight.is_floating_point() and "mask" not in name:
            module.register_parameter(last, nn.Parameter(weight))
        else:
            module.register_buffer(last, weight)
    return root


def three():
    return [paper_weights(*SIZES["p outputs"], seed=seed) for seed in range(3)]


FILES = {  # content; the seed of the final model; the steps
    "a state dict": (lambda: three()[0], 0, [0]),
    "the paper's final.pth": (lambda: {"model": three()[1], "train_losses": [1.0], "epoch": 900}, 1, [900]),
    "state_dict": (lambda: {"state_dict": three()[1], "device": torch.device("cpu")}, 1, [0]),
    "the paper's released run": (
        lambda: {"state_dicts": three(), "epochs": [0, 100, 200], "model": three()[2], "config": {"p": 7}},
        2,
        [0, 100, 200],
    ),
    "the same without its model": (lambda: {"state_dicts": three(), "epochs": range(0, 300, 100)}, 2, [0, 100, 200]),
    "TransformerLens' demo": (
        lambda: {
            "model": lens_weights(*SIZES["p outputs"], seed=2),
            "checkpoints": [lens_weights(*SIZES["p outputs"], seed=seed) for seed in range(3)],
            "checkpoint_epochs": [99, 199, 299],
            "train_indices": torch.arange(9),
        },
        2,
        [99, 199, 299],
    ),
    "TransformerLens' demo as it is saved": (
        lambda: {
            "model": lens_weights(*SIZES["p outputs"], seed=2),
            "config": Config(act_fn="relu", normalization_type=None, d_head=4, attn_scale=np.float64(2.0)),
            "checkpoints": [lens_weights(*SIZES["p outputs"], seed=seed) for seed in range(3)],
            "checkpoint_epochs": [np.int64(99), np.int64(199), np.int64(299)],
            "train_losses": [np.float64(1.0)],
        },
        2,
        [99, 199, 299],
    ),
    "Lightning's": (
        lambda: {
            "state_dict": {f"model.{name}": weight for name, weight in three()[1].items()},
            "hyper_parameters": Config(p=7),
            "epoch": 40,
        },
        1,
        [40],
    ),
    "compiled and parallel": (
        lambda: {f"_orig_mod.module.{name}": nn.Parameter(weight) for name, weight in three()[1].items()},
        1,
        [0],
    ),
    "under another name": (lambda: {"best": three()[1], "optimizer": {"state": {}}, "step": 5}, 1, [5]),
    "among other entries": (lambda: three()[1] | {"epoch": 7, "config": {"p": 7}}, 1, [7]),
    "a module saved whole": (lambda: nested(three()[1]), 1, [0]),
    "modules saved whole": (lambda: {"checkpoints": [nested(w) for w in three()]}, 2, [0, 1, 2]),
    "one entry each": (lambda: [{"epoch": 10 * i, "model": w} for i, w in enumerate(three())], 2, [0, 10, 20]),
    "by the step's name": (lambda: {str(10 * i): w for i, w in enumerate(three())}, 2, [0, 10, 20]),
    "a list": (three, 2, [0, 1, 2]),
    "by step": (lambda: {500 * (2 - i): weights for i, weights in enumerate(three())}, 2, [0, 500, 1000]),
}


@pytest.mark.parametrize(("content", "final", "steps"), FILES.values(), ids=FILES)
def test_a_file_of_torch_save_is_read(content, final, steps, tmp_path):
    content = content()
    if isinstance(content, dict) and isinstance(content.get("epochs"), range):
        content["epochs"] = list(content["epochs"])
    torch.save(content, tmp_path / "run.pth")
    tokens = tasks.all_questions(7)
    expected = [interop.from_paper(weights)(tokens) for weights in three()]
    assert torch.equal(interop.load(tmp_path / "run.pth")(tokens), expected[final])
    checkpoints = interop.load_checkpoints(tmp_path / "run.pth")
    assert list(checkpoints) == steps
    for step, weights in checkpoints.items():
        assert torch.equal(interop.from_weights(weights)(tokens), interop.load(tmp_path / "run.pth", step)(tokens))
    with pytest.raises(WeightsError, match=f"no checkpoint of step 77; there are: .*{steps[-1]}"):
        interop.load(tmp_path / "run.pth", 77)


@pytest.mark.parametrize(
    ("entry", "says"),
    [
        ({"normalization_type": "LNPre"}, "normalization_type = 'LNPre'"),
        ({"normalization_type": None, "d_head": 4, "attn_scale": np.float64(1.0)}, "divides attention scores by 1,"),
        ({"act_type": "GeLU"}, "act_type = 'GeLU'"),  # the paper's code
    ],
)
@pytest.mark.parametrize("kind", [dict, Config])
def test_a_config_in_the_file_is_checked(entry, says, kind, tmp_path):
    torch.save({"model": three()[0], "config": kind(**entry)}, tmp_path / "run.pth")
    for read in (interop.load, interop.load_checkpoints, interop.load_run):
        with pytest.raises(WeightsError, match=rf"run\.pth: the config .*{says}"):
            read(tmp_path / "run.pth")


@pytest.mark.parametrize(
    ("call", "opens"), [((os.system, "touch {}"), False), ((exec, "open({!r}, 'w')"), True), ((os.mkdir, "{}"), False)]
)
def test_nothing_in_a_file_can_run(call, opens, tmp_path):
    function, argument = call
    allowed = set(torch.serialization.get_safe_globals())
    attack = Attack(function, argument.format(str(tmp_path / "harm")))
    torch.save({"model": three()[0], "config": attack}, tmp_path / "run.pth")
    if opens:  # with an empty container where the call was
        interop.load(tmp_path / "run.pth")
    else:
        with pytest.raises(WeightsError, match=r"(?s)so it was not opened.*torch\.save"):
            interop.load(tmp_path / "run.pth")
    assert not (tmp_path / "harm").exists()
    assert set(torch.serialization.get_safe_globals()) == allowed


@pytest.mark.parametrize("size", ["p outputs", "heads not sharing d_model"])
@pytest.mark.parametrize("bias", [0.0, 0.1])
def test_foreign_checkpoints_make_a_run(size, bias, tmp_path, capsys):
    made = [lens_weights(*SIZES[size], seed=seed, dtype=torch.float32) for seed in range(2)]
    for weights in made:
        weights["blocks.0.attn.b_Q"] += bias
    p = SIZES[size][0]
    train = torch.randperm(p * p, generator=generator())[: p * p // 2]
    content = {"checkpoints": made, "checkpoint_epochs": [0, 100], "train_indices": train}
    torch.save(content, tmp_path / "run.pth")
    run = interop.load_run(tmp_path / "run.pth")
    tokens = tasks.all_questions(p)
    assert run.steps == (0, 100)
    assert torch.equal(run.model(100)(tokens), interop.from_transformer_lens(made[1])(tokens))
    measured = measures.measure_run(run)
    logits = run.model(0)(tokens).detach()[train, :p]
    expected = nn.functional.cross_entropy(logits, tasks.answers(tokens, p)[train])
    assert float(measured.at("train_loss", 0)) == pytest.approx(float(expected), rel=1e-5)
    folder = runs.save(run, tmp_path / "saved")
    assert command(["measures", str(folder)]) == 0
    assert "Measured at 2 checkpoints" in capsys.readouterr().out
    np.testing.assert_array_equal(measures.load(folder)["test_loss"], measured["test_loss"])
    assert command(["runs", str(folder)]) == 0
    assert "weights at  2 of them" in capsys.readouterr().out


def test_a_foreign_run_needs_to_be_told_its_training_pairs(tmp_path):
    torch.save(three()[0], tmp_path / "run.pth")
    with pytest.raises(ValueError, match=r"on which pairs .* interop\.load_run as train_index"):
        measures.measure_run(interop.load_run(tmp_path / "run.pth"))
    run = interop.load_run(tmp_path / "run.pth", train_index=range(5, 0, -1), operation="subtract")
    assert measures.dataset(run).train_index.tolist() == [1, 2, 3, 4, 5]
    assert measures.dataset(run).labels[1] == 6  # 0 - 1
    for rows in ([], [1, 1], [-1], [49], range(49)):
        with pytest.raises(ValueError, match="different rows a · 7"):
            interop.load_run(tmp_path / "run.pth", train_index=rows)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"model": {"a": 1}}, r"holds no weights where they are looked for.*but a dict of model"),
        ({}, "an empty dict"),
        ([], "a list"),
        (torch.ones(2), "a Tensor"),
        ({"state_dicts": [{"W_E": torch.ones(1)}] * 2, "epochs": [1]}, "2 checkpoints, but 1 different steps"),
        ({"state_dicts": [{"W_E": torch.ones(1)}] * 2, "epochs": [1, 1]}, "2 checkpoints, but 1 different steps"),
        ({"wte": torch.ones(1)}, r"run\.pth: these weights have no layout that is known here.*wte"),
        ({"state_dicts": three()[:2], "epochs": np.arange(2)}, r"its steps as an object of numpy"),
        ({"state_dicts": three()[:2], "epochs": ["a", "b"]}, r"a step that is no whole number: 'a'"),
    ],
)
def test_a_file_without_usable_weights_says_so(content, message, tmp_path):
    torch.save(content, tmp_path / "run.pth")
    with pytest.raises(WeightsError, match=message):
        interop.load(tmp_path / "run.pth")
    with pytest.raises(WeightsError):
        interop.load_checkpoints(tmp_path / "run.pth")


@pytest.mark.parametrize("name", ["x.pth", "x.safetensors"])
@pytest.mark.parametrize(
    "spoil", [lambda content: b"", lambda content: b"not weights at all", lambda c: c[: len(c) // 2]]
)
def test_a_damaged_file_says_so(name, spoil, tmp_path):
    path = tmp_path / name
    weights = paper_weights(*SIZES["small"])
    save_file(weights, path) if path.suffix == ".safetensors" else torch.save(weights, path)
    path.write_bytes(spoil(path.read_bytes()))
    with pytest.raises(WeightsError, match=rf"{path.name} .*damaged"):
        interop.load(path)


# --- models of other kinds, in files ---


def made(layout, n_layers=1, n_ctx=3, vocab=8, out=8, mlp=True, norm=False, positions=True):
    """Random weights of a model of some kind, in a layout."""
    g = generator(1)

    def drawn(*shape):
        return torch.randn(shape, generator=g)

    dots = {"transformer_bridge": ("embed.weight", "pos_embed.weight", "unembed.weight")}
    embed, pos, unembed = dots.get(layout, ("embed.W_E", "pos_embed.W_pos", "unembed.W_U"))
    weights = {
        embed: drawn(D, vocab) if layout == "paper" else drawn(vocab, D),
        unembed: drawn(out, D) if layout == "transformer_bridge" else drawn(D, out),
    }
    if positions:
        weights[pos] = drawn(n_ctx, D)
    for block in (f"blocks.{i}" for i in range(n_layers)):
        if layout == "transformer_bridge":
            weights |= {f"{block}.attn.{m}.weight": drawn(H * E, D) for m in "qkv"}
            weights |= {f"{block}.attn.o.weight": drawn(D, H * E)}
            inner = {"mlp.in.weight": (M, D), "mlp.in.bias": (M,), "mlp.out.weight": (D, M), "mlp.out.bias": (D,)}
            weights |= {f"{block}.ln{i}.weight": drawn(D) for i in (1, 2) if norm}
        else:
            head = (H, E, D) if layout == "paper" else (H, D, E)
            weights |= {f"{block}.attn.W_{m}": drawn(*head) for m in "QKV"}
            weights |= {f"{block}.attn.W_O": drawn(D, H * E) if layout == "paper" else drawn(H, E, D)}
            W_in = (M, D) if layout == "paper" else (D, M)
            inner = {"mlp.W_in": W_in, "mlp.b_in": (M,), "mlp.W_out": W_in[::-1], "mlp.b_out": (D,)}
            weights |= {f"{block}.ln{i}.w": drawn(D) for i in (1, 2) if norm}
        if mlp:
            weights |= {f"{block}.{name}": drawn(*shape) for name, shape in inner.items()}
    return weights


IN_LAYOUTS = ["paper", "transformer_lens", "transformer_bridge"]
OF_ANOTHER_KIND = {  # what the model is; what the sentence names it, and what it says to do
    "attention alone": ({"mlp": False}, r"attention alone \(no blocks\.0\.mlp\..*attn_only=False"),
    "a stack of attention alone": (
        {"mlp": False, "n_layers": 2},
        r"2 layers \(blocks\.1\.attn\..*attention alone .*n_layers=1, attn_only=False",
    ),
    "a stack": ({"n_layers": 12}, r"12 layers \(blocks\.1\..*config, n_layers=1"),
    "LayerNorm": ({"norm": True}, r"a LayerNorm \(blocks\.0\.ln1\..*normalization_type=None"),
    "a language model": (
        {"n_layers": 3, "norm": True},
        r"3 layers \(.*a LayerNorm \(.*n_layers=1, normalization_type=None",
    ),
    "no positions": ({"positions": False}, r"no learnt positions \(no pos_embed.*positional_embedding_type"),
    "two places": ({"n_ctx": 2}, r"2 positions \(in pos_embed.*train it with n_ctx=3"),
    "five places": ({"n_ctx": 5}, r"5 positions \(in pos_embed.*keep the first 3 rows"),
    "more signs": ({"vocab": 9, "out": 7}, r"7 outputs \(in unembed.* for 9 tokens.*keep in embed\."),
    "fewer tokens than outputs": ({"vocab": 7}, r"8 outputs \(in unembed.* for 7 tokens"),
}


@pytest.mark.parametrize("layout", IN_LAYOUTS)
@pytest.mark.parametrize(("kind", "message"), OF_ANOTHER_KIND.values(), ids=OF_ANOTHER_KIND)
def test_a_model_of_another_kind_is_named_as_what_it_is(kind, message, layout, tmp_path):
    weights = made(layout, **kind)
    assert interop.recognise(weights) == layout
    torch.save({"checkpoints": [weights], "checkpoint_epochs": [3]}, tmp_path / "other.pth")
    for read in (interop.load, interop.load_checkpoints, interop.load_run):
        with pytest.raises(WeightsError, match=rf"other\.pth: .*{message}") as error:
            read(tmp_path / "other.pth", n_heads=H)
        assert "\n" not in str(error.value)


@pytest.mark.parametrize("layout", IN_LAYOUTS)
def test_the_same_weights_of_our_kind_are_loaded(layout, tmp_path):
    torch.save(made(layout), tmp_path / "ours.pth")
    assert interop.load(tmp_path / "ours.pth", n_heads=H).attn.W_Q.shape == (H, D, E)


@pytest.mark.parametrize("layout", IN_LAYOUTS)
def test_what_the_sentences_say_to_do_is_what_loads_the_model(layout, tmp_path):
    torch.save(made(layout, n_ctx=5), tmp_path / "places.pth")
    with pytest.raises(WeightsError, match="keep the first 3 rows") as error:
        interop.load(tmp_path / "places.pth", n_heads=H)
    code = str(error.value).partition("rows: ")[2]
    assert code.count("; ") == 2
    exec(code, {"interop": interop, "path": tmp_path / "places.pth"})

    weights = made(layout, vocab=9, out=7)  # the numbers, +, =
    embedding = "embed.weight" if layout == "transformer_bridge" else "embed.W_E"
    rows = weights[embedding].T if layout == "paper" else weights[embedding]
    rows = torch.cat([rows[:7], rows[8:]])
    weights[embedding] = rows.T if layout == "paper" else rows
    model = interop.from_weights(weights, n_heads=H)
    assert (model.p, model.W_U.shape[1]) == (7, 7)
    assert torch.equal(model.W_E[-1], rows[-1])


HOSTILE = {
    "complex": (with_("embed.W_E", torch.ones(8, D, dtype=torch.complex64)), "does not hold floats, but complex64"),
    "bool": (with_("embed.W_E", torch.ones(8, D, dtype=torch.bool)), "does not hold floats, but bool"),
    "bytes": (with_("embed.W_E", torch.ones(8, D, dtype=torch.uint8)), "does not hold floats, but uint8"),
    "sparse": (with_("embed.W_E", torch.eye(8, D).to_sparse()), r"embed\.W_E is a sparse or nested tensor"),
    "empty": (with_("embed.W_E", torch.ones(0, D)), "too few for two numbers"),
    "a number": (with_("embed.W_E", torch.tensor(1.0)), r"embed\.W_E has shape \(\)"),
    "infinite": (with_("unembed.W_U", torch.full((D, 8), math.inf)), "W_U holds numbers that are not finite"),
    "one NaN": (lambda w: w["unembed.W_U"].view(-1)[5:6].fill_(math.nan), "W_U holds numbers that are not finite"),
    "a key missing": (without("blocks.0.attn.W_K"), r"blocks\.0\.attn\.W_K missing"),
    "an extra key": (with_("blocks.0.attn.sinks", torch.ones(H)), r"blocks\.0\.attn\.sinks not known"),
    "a key that is a number": (with_(5, torch.ones(1)), r"5 not known"),
    "an empty key": (with_("", torch.ones(1)), r"not known"),
}


@pytest.mark.parametrize(("spoil", "message"), HOSTILE.values(), ids=HOSTILE)
def test_a_hostile_file_is_refused_with_one_sentence(spoil, message, tmp_path):
    weights = made("transformer_lens")
    spoil(weights)
    torch.save({"model": weights}, tmp_path / "hostile.pth")
    with pytest.raises(WeightsError, match=rf"hostile\.pth: .*{message}"):
        interop.load(tmp_path / "hostile.pth")


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"act_fn": torch.ones(2), "normalization_type": None}, r"act_fn = tensor"),
        ({"act_type": ["ReLU"]}, r"act_type = \['ReLU'\]"),
        ({"act_type": "ReLU", "p": 6}, r"p = 6, but of 8 tokens 7 would be numbers"),
        ({"normalization_type": None, "n_heads": 2}, r"does not fit head = 2"),
    ],
    ids=str,
)
def test_a_hostile_config_is_refused_with_one_sentence(config, message, tmp_path):
    torch.save({"model": made("transformer_lens"), "config": config}, tmp_path / "hostile.pth")
    with pytest.raises(WeightsError, match=rf"hostile\.pth: .*{message}"):
        interop.load(tmp_path / "hostile.pth")


@pytest.mark.parametrize("how", ["pickle", "torch before 1.6"])
@pytest.mark.filterwarnings("ignore:.*weights_only.*")
def test_nothing_in_an_old_file_can_run(how, tmp_path):
    content = {"model": made("transformer_lens"), "config": Attack(os.system, f"touch {tmp_path / 'harm'}")}
    with (tmp_path / "old.pth").open("wb") as file:
        if how == "pickle":
            pickle.dump(content, file)
        else:
            torch.save(content, file, _use_new_zipfile_serialization=False)
    with pytest.raises(WeightsError, match=r"old\.pth cannot be read"):
        interop.load(tmp_path / "old.pth")
    assert not (tmp_path / "harm").exists()


def test_a_path_without_a_file_says_so(tmp_path):
    with pytest.raises(WeightsError, match=r"nothing\.pth is not a file"):
        interop.load(tmp_path / "nothing.pth")
    with pytest.raises(WeightsError, match=r"main is not a file: read a run of ours with grokcourse\.runs\.load"):
        interop.load(runs.RECORDED / "main")
    with pytest.raises(WeightsError, match=r"part of a run of ours: read that with grokcourse\.runs\.load"):
        interop.load(runs.RECORDED / "small" / "checkpoints.safetensors")


# --- TransformerLens itself, in environments of its own (make peers) ---

PEER = """
import json, sys, warnings
from importlib.metadata import version
from pathlib import Path
import torch
from safetensors.torch import load_file, save_file
warnings.simplefilter("ignore")
BRIDGE = int(version("transformer-lens").split(".")[0]) >= 4
if BRIDGE:
    from transformer_lens.conversion_utils import convert_tl_checkpoint
    from transformer_lens.model_bridge import TransformerBridge
else:
    from transformer_lens import HookedTransformer, HookedTransformerConfig

def made(config):
    if BRIDGE:
        return TransformerBridge.boot_native(config, dtype=config["dtype"])
    return HookedTransformer(HookedTransformerConfig(**config))

def answers(model, path):
    logits, cache = model.run_with_cache(load_file(path / "tokens.safetensors")["tokens"])
    tensors = {name: activation.clone().contiguous() for name, activation in cache.items()}
    save_file(tensors | {"logits": logits[:, -1].contiguous()}, path / "answers.safetensors")

torch.set_grad_enabled(False)
for path in Path(sys.argv[1]).iterdir():
    config = json.loads((path / "config.json").read_text())
    config["dtype"] = getattr(torch, config["dtype"])
    model = made(config)
    if (path / "bridge.safetensors").exists():
        sent = load_file(path / ("bridge.safetensors" if BRIDGE else "hooked.safetensors"))
        keys = model.load_state_dict(sent, strict=BRIDGE)
        report = {"missing": keys.missing_keys, "unexpected": keys.unexpected_keys}
        if BRIDGE:
            converted = convert_tl_checkpoint(load_file(path / "hooked.safetensors"), model.cfg)
            save_file({name: weight.contiguous() for name, weight in converted.items()}, path / "converted.safetensors")
    else:
        generator = torch.Generator().manual_seed(5)
        for name, weight in model.state_dict().items():
            is_bias = ".b_" in name or name.endswith(".bias")
            if "W_" in name or name.endswith(".weight") or is_bias and (".mlp." in name or "biases" in path.name):
                weight.copy_(torch.randn(weight.shape, generator=generator, dtype=torch.float64))
        torch.save({"model": model.state_dict(), "config": model.cfg}, path / "theirs.pth")
        report = {k: v for k, v in vars(model.cfg).items() if isinstance(v, (int, float, str, bool, type(None)))}
    (path / "report.json").write_text(json.dumps(report))
    answers(model, path)
"""


def write_case(case, model, send):
    """What the peer needs: a model's config, questions, and its weights if it shall not draw its own."""
    case.mkdir()
    config = interop.transformer_lens_config(model)
    (case / "config.json").write_text(json.dumps(config | {"dtype": str(config["dtype"]).removeprefix("torch.")}))
    questions = tasks.all_questions(model.p)
    save_file({"tokens": questions[:: len(questions) // 200 + 1].contiguous()}, case / "tokens.safetensors")
    if send:
        save_file(interop.to_transformer_lens(model), case / "hooked.safetensors")
        save_file(interop.to_transformer_bridge(model), case / "bridge.safetensors")


@pytest.fixture(scope="module", params=["transformer_lens", "transformer_lens_3"])
def lens(request, tmp_path_factory):
    """What TransformerLens computes, today's and its release 3, for each size and both directions: a folder each."""
    python = peer(request.param)
    folder = tmp_path_factory.mktemp("lens")
    for name, sizes in SIZES.items():
        for dtype in ("float32", "float64"):
            model = interop.from_paper(paper_weights(*sizes, dtype=getattr(torch, dtype)))
            write_case(folder / f"{name} {dtype} ours", model, send=True)
            write_case(folder / f"{name} {dtype} theirs", model, send=False)
        write_case(folder / f"{name} float64 biases", model, send=False)
    write_case(folder / "main", runs.load("main").model(), send=True)
    offline = os.environ | {"HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"}
    ran = subprocess.run([python, "-c", PEER, folder], capture_output=True, text=True, env=offline)
    assert ran.returncode == 0, ran.stderr
    return folder


WITH_BIASES = {"resid_pre", "attn_out", "resid_mid", "mlp_out", "resid_post"}
"""The activations that are others in a model that was taken over with biases."""


def assert_same_activations(model: Transformer, case: Path, but: frozenset | set = frozenset()):
    """Our logits and every one of our activations are those of TransformerLens, up to rounding."""
    expected, tokens = load_file(case / "answers.safetensors"), load_file(case / "tokens.safetensors")["tokens"]
    logits, cache = model.run_with_cache(tokens)
    tolerance = {"rtol": 1e-12, "atol": 1e-11} if logits.dtype == torch.float64 else {"rtol": 1e-5, "atol": 1e-3}
    torch.testing.assert_close(logits, expected["logits"], **tolerance)
    assert set(interop.HOOKS) == set(ACTIVATIONS) - {"logits"}
    if "blocks.0.attn.q.hook_out" in expected:  # release 4, which keeps the pattern under this name as well
        cache["attn_scores"] = cache["pattern"]
    for name, hook in interop.HOOKS.items():
        if name in but:
            continue
        theirs = expected[hook].transpose(1, 2) if name in ("q", "k", "v", "z") else expected[hook]
        torch.testing.assert_close(cache[name], theirs, **tolerance, msg=lambda text, name=name: f"{name}: {text}")
    if "resid_pre" not in but:
        torch.testing.assert_close(model.W_E[tokens], expected["hook_embed"], **tolerance)


@pytest.mark.peer
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("size", SIZES)
def test_our_weights_compute_the_same_in_transformer_lens(lens, size, dtype):
    case = lens / f"{size} {dtype} ours"
    report = json.loads((case / "report.json").read_text())
    assert set(report["missing"]) <= {"blocks.0.attn.mask", "blocks.0.attn.IGNORE"}
    assert report["unexpected"] == []
    assert_same_activations(interop.from_paper(paper_weights(*SIZES[size], dtype=getattr(torch, dtype))), case)


@pytest.mark.peer
@pytest.mark.parametrize("lens", ["transformer_lens"], indirect=True)
@pytest.mark.parametrize("size", SIZES)
def test_our_weights_for_todays_release_are_what_it_makes_of_those_for_the_one_before(lens, size):
    case = lens / f"{size} float32 ours"
    ours, converted = load_file(case / "bridge.safetensors"), load_file(case / "converted.safetensors")
    assert {name: weight.tolist() for name, weight in ours.items()} == {
        name: weight.tolist() for name, weight in converted.items()
    }


@pytest.mark.peer
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("size", SIZES)
def test_transformer_lens_weights_compute_the_same_here(lens, size, dtype):
    case = lens / f"{size} {dtype} theirs"
    assert_same_activations(interop.load(case / "theirs.pth"), case)
    config = json.loads((case / "report.json").read_text())
    again = interop.from_transformer_lens(interop.read_weights(case / "theirs.pth"), config)
    assert again.W_E.dtype == getattr(torch, dtype)


@pytest.mark.peer
@pytest.mark.parametrize("size", SIZES)
def test_transformer_lens_weights_with_biases_compute_the_same_here(lens, size):
    case = lens / f"{size} float64 biases"
    assert_same_activations(interop.load(case / "theirs.pth"), case, but=WITH_BIASES)


@pytest.mark.peer
def test_the_main_run_computes_the_same_in_transformer_lens(lens):
    assert_same_activations(runs.load("main").model(), lens / "main")


RECIPES = {"transformer_lens": ("TransformerBridge", "bridge.pth"), "transformer_lens_3": ("HookedTransformer",)}
"""What the page's pieces of code that are for a release have in them."""


@pytest.mark.peer
@pytest.mark.parametrize("name", RECIPES)
def test_the_recipes_on_the_page_work(name, tmp_path):
    page = (Path(__file__).parents[1] / "book" / "how-to-run.md").read_text(encoding="utf-8")
    pieces = re.findall(r"^```python\n(.*?)^```", page, flags=re.MULTILINE | re.DOTALL)
    code = [piece for sign in RECIPES[name] for piece in pieces if sign in piece]
    assert len(code) == len(RECIPES[name])
    script = """
import warnings
warnings.simplefilter("ignore")
import torch
from grokcourse import interop, runs, tasks
model = ours = runs.load("small").model()
{}
made, = [thing for name, thing in globals().items() if name in ("bridge", "hooked")]
for this in (made, model):
    logits = this(tasks.all_questions(ours.p))
    last = logits[:, -1] if logits.ndim == 3 else logits
    torch.testing.assert_close(last, ours(tasks.all_questions(ours.p)), rtol=1e-5, atol=1e-4)
""".format("\n".join(code))
    offline = os.environ | {"HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"}
    ran = subprocess.run([peer(name), "-c", script], cwd=tmp_path, capture_output=True, text=True, env=offline)
    assert ran.returncode == 0, ran.stderr
