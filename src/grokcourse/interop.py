"""Weights that others trained, in our model; and ours, in the tools of others.

Four layouts are known. They hold the same matrices under other names and with their axes in another order:

==================  =====================  ========================  ====================  ========================
ours                axes                   the paper's code          HookedTransformer     TransformerBridge
==================  =====================  ========================  ====================  ========================
W_E                 vocab, d_model         transposed                as ours               as ours
W_pos               pos, d_model           as ours                   as ours               as ours
attn.W_Q, W_K, W_V  head, d_model, d_head  head, d_head, d_model     as ours               (head · d_head), d_model
attn.W_O            head, d_head, d_model  d_model, (head · d_head)  as ours               d_model, (head · d_head)
mlp.W_in            d_model, d_mlp         transposed                as ours               transposed
mlp.W_out           d_mlp, d_model         transposed                as ours               transposed
W_U                 d_model, vocab         as ours                   as ours               transposed
==================  =====================  ========================  ====================  ========================

* The paper: the code of Nanda et al. 2023 (arXiv 2301.05217), whose released checkpoints call them ``embed.W_E``,
  ``blocks.0.attn.W_Q``, ``blocks.0.mlp.W_in``, ``unembed.W_U`` and so on.
* HookedTransformer: the state dict of TransformerLens' model in its releases up to 3. The names are the paper's;
  attention and unembedding have biases besides.
* TransformerBridge: the state dict of TransformerLens' model since its release 4, made by ``boot_native``. It has the
  same biases, and calls its tensors ``embed.weight``, ``blocks.0.attn.q.weight``, ``blocks.0.mlp.in.weight``,
  ``unembed.weight`` and so on. The heads are joined in one axis, so that the number of heads does not show: it must be
  in a config, in the file or passed along, or be said.
* Ours: ``Transformer.state_dict()``.

Our model has no biases of attention and unembedding; they are taken over all the same: see ``from_transformer_lens``.
A prefix that all names share, such as ``module.`` or ``_orig_mod.``, is left away.

Nothing is dropped in silence: a tensor that our model cannot hold exactly, that is missing, is not known, or has a
shape that does not fit the others, raises a ``WeightsError`` that names it. But weights do not tell everything. The
activation function, a LayerNorm without weights ("LNPre") or another scale of the attention scores leave no trace in
them. If there is a config, in the file or passed along, these are checked too. Sizes are read off the shapes: the
modulus p is the number of tokens less one, the last token being ``=``.
"""

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from . import tasks
from .config import N_CTX, RunConfig
from .foreign_files import (
    Weights,
    WeightsError,
    checkpoints_in,
    config_in,
    layout_of,
    listed,
    naming,
    number,
    read,
    weights_in,
    without_prefix,
)
from .model import Transformer
from .runs import Run
from .torch_state import usual_torch

OURS = {
    "W_E": "vocab d_model",
    "W_pos": "pos d_model",
    "attn.W_Q": "head d_model d_head",
    "attn.W_K": "head d_model d_head",
    "attn.W_V": "head d_model d_head",
    "attn.W_O": "head d_head d_model",
    "mlp.W_in": "d_model d_mlp",
    "mlp.b_in": "d_mlp",
    "mlp.W_out": "d_mlp d_model",
    "mlp.b_out": "d_model",
    "W_U": "d_model out",
}
"""The axes of each of our weights."""
BIASES = {"b_Q": "head d_head", "b_K": "head d_head", "b_V": "head d_head", "b_O": "d_model", "b_U": "out"}
"""The axes of the biases that our model lacks, as ``_with_biases`` takes them."""
HOOKS = {
    "resid_pre": "blocks.0.hook_resid_pre",
    "q": "blocks.0.attn.hook_q",
    "k": "blocks.0.attn.hook_k",
    "v": "blocks.0.attn.hook_v",
    "attn_scores": "blocks.0.attn.hook_attn_scores",
    "pattern": "blocks.0.attn.hook_pattern",
    "z": "blocks.0.attn.hook_z",
    "attn_out": "blocks.0.hook_attn_out",
    "resid_mid": "blocks.0.hook_resid_mid",
    "mlp_pre": "blocks.0.mlp.hook_pre",
    "mlp_post": "blocks.0.mlp.hook_post",
    "mlp_out": "blocks.0.hook_mlp_out",
    "resid_post": "blocks.0.hook_resid_post",
}
"""What TransformerLens calls our activations.

Its q, k, v and z are (n, pos, head, d_head), ours (n, head, pos, d_head); all other shapes are the same. Its release 4
keeps the attention pattern under the name of the scores as well, in a model that ``boot_native`` makes (seen in 4.3.0).
"""


@dataclass(frozen=True)
class Layout:
    """How somebody stores a model's weights."""

    title: str
    names: dict[str, str]
    """Our name → theirs."""
    axes: dict[str, str]
    """Our name → the axes of their tensor, where they are not in our order; axes in brackets are one axis of theirs."""
    biases: dict[str, tuple[str, str]]
    """The biases that our model lacks, b_Q, b_K, b_V, b_O and b_U → their name and axes."""
    buffers: tuple[str, ...] = ()
    """What they store that is no weight; a mask among them must be causal."""

    def axes_of(self, name: str) -> str:
        """The axes of the tensor that we call ``name``."""
        return self.axes.get(name, OURS[name])


NAMES = {
    "W_E": "embed.W_E",
    "W_pos": "pos_embed.W_pos",
    **{f"attn.W_{m}": f"blocks.0.attn.W_{m}" for m in "QKVO"},
    **{f"mlp.{m}": f"blocks.0.mlp.{m}" for m in ("W_in", "b_in", "W_out", "b_out")},
    "W_U": "unembed.W_U",
}
LAYOUTS = {
    "grokcourse": Layout("this package's", {name: name for name in OURS}, {}, {}),
    "paper": Layout(
        "the paper's",
        NAMES,
        {
            "W_E": "d_model vocab",
            **{f"attn.W_{m}": "head d_head d_model" for m in "QKV"},
            "attn.W_O": "d_model (head d_head)",
            "mlp.W_in": "d_mlp d_model",
            "mlp.W_out": "d_model d_mlp",
        },
        {},
        ("blocks.0.attn.mask",),
    ),
    "transformer_lens": Layout(
        "HookedTransformer's",
        NAMES,
        {},
        {
            **{f"b_{m}": (f"blocks.0.attn.b_{m}", "head d_head") for m in "QKV"},
            "b_O": ("blocks.0.attn.b_O", "d_model"),
            "b_U": ("unembed.b_U", "out"),
        },
        ("blocks.0.attn.mask", "blocks.0.attn.IGNORE"),
    ),
    "transformer_bridge": Layout(
        "TransformerBridge's",
        {
            "W_E": "embed.weight",
            "W_pos": "pos_embed.weight",
            **{f"attn.W_{m}": f"blocks.0.attn.{m.lower()}.weight" for m in "QKVO"},
            "mlp.W_in": "blocks.0.mlp.in.weight",
            "mlp.b_in": "blocks.0.mlp.in.bias",
            "mlp.W_out": "blocks.0.mlp.out.weight",
            "mlp.b_out": "blocks.0.mlp.out.bias",
            "W_U": "unembed.weight",
        },
        {
            **{f"attn.W_{m}": "(head d_head) d_model" for m in "QKV"},
            "attn.W_O": "d_model (head d_head)",
            "mlp.W_in": "d_mlp d_model",
            "mlp.W_out": "d_model d_mlp",
            "W_U": "out d_model",
        },
        {
            "b_Q": ("blocks.0.attn.q.bias", "(head d_head)"),
            "b_K": ("blocks.0.attn.k.bias", "(head d_head)"),
            "b_V": ("blocks.0.attn.v.bias", "(head d_head)"),
            "b_O": ("blocks.0.attn.o.bias", "d_model"),
            "b_U": ("unembed.bias", "out"),
        },
    ),
}
"""The layouts that ``recognise`` tells apart."""


@usual_torch()
def load(path: Path | str, step: int | None = None, n_heads: int | None = None) -> Transformer:
    """The model in a file, whichever of the known layouts it has: ``from_weights(read_weights(path, step), n_heads)``.

    Args:
        path: a ``.safetensors`` file, or one that ``torch.save`` wrote (``.pth``, ``.pt``).
        step: which checkpoint, if the file has several; by default the final model.
        n_heads: how many attention heads the model has. Only weights of a ``TransformerBridge`` need it, and only if
            no config in the file says it.

    Returns:
        The model, on the CPU, ready for use. ``model.p`` is the modulus.

    Raises:
        WeightsError: if the file cannot be read, our model cannot hold what is in it, or a config in it asks for what
            our model does not do.
    """
    content = read(path)
    with naming(path):
        config = config_in(content)
        model = from_weights(weights_in(path, content, step), _heads(config, n_heads))
        _check_config(config, model)
        return model


def load_checkpoints(path: Path | str, n_heads: int | None = None) -> dict[int, Weights]:
    """All checkpoints in a file, as state dicts of our model.

    Args:
        path: as for ``load``.
        n_heads: as for ``load``.

    Returns:
        Weights by step, rising. The steps are those that the file gives (the paper's ``epochs``, TransformerLens'
        ``checkpoint_epochs``, or ``epoch``); if it gives none, they are numbered 0, 1, 2, …

    Raises:
        WeightsError: as ``load``.
    """
    return _state_dicts(path, read(path), n_heads)


@usual_torch()
def load_run(
    path: Path | str,
    train_index: Iterable[int] | None = None,
    operation: str = "add",
    n_heads: int | None = None,
) -> Run:
    """All checkpoints in a file as a run, for ``measures.measure_run`` and ``runs.save``.

    Args:
        path: as for ``load``.
        train_index: the rows a · p + b of the pairs (a, b) that the model was trained on, in any order; by default what
            the file has under ``train_indices``, as that of TransformerLens' demo. Without either, what needs the
            training set says that it is missing.
        operation: what the model was trained on, a name in ``tasks.OPERATIONS``: no weights tell.
        n_heads: as for ``load``.

    Returns:
        The run. Its config has the model's sizes (as d_model, what the heads have together), and the course's defaults
        for what weights do not tell; its history has nothing but the steps of the checkpoints.

    Raises:
        WeightsError: as ``load``.
        ValueError, ConfigError: as ``tasks.dataset_of``.
    """
    content = read(path)
    checkpoints = _state_dicts(path, content, n_heads)
    model = Transformer.from_weights(next(iter(checkpoints.values())))
    if train_index is None and isinstance(content, Mapping):
        train_index = content.get("train_indices")
    sizes: dict[str, Any] = architecture(model) | {"d_model": model.attn.W_O.shape[0] * model.attn.W_O.shape[1]}
    rows = None
    if train_index is not None:
        train_index = torch.tensor([int(row) for row in train_index])
        rows = tasks.dataset_of(model.p, train_index, operation).train_index.tolist()
    return Run(
        RunConfig(operation=operation, **sizes),
        history={"step": np.array(list(checkpoints), dtype=np.int64)},
        checkpoints=checkpoints,
        provenance={"loaded_from": Path(path).name, "train_index": rows},
    )


def read_weights(path: Path | str, step: int | None = None) -> Weights:
    """The tensors in a file, just as they are there; arguments and errors as ``load``.

    A file of ``torch.save`` may hold a state dict, a dict with one under ``model``, ``state_dict``,
    ``model_state_dict`` or another name, or a whole module; or several of them, along the training: under
    ``state_dicts`` (with ``epochs``), as in the paper's released run, or under ``checkpoints`` (with
    ``checkpoint_epochs``), as in TransformerLens' demo.
    It is opened with ``weights_only=True``: nothing in it can run. Objects of other classes, such as a config, are read
    as bare containers of what they hold.
    """
    return weights_in(path, read(path), step)


def recognise(weights: Mapping[str, Tensor]) -> str:
    """Whose layout this is: ``"paper"``, ``"transformer_lens"``, ``"transformer_bridge"`` or ``"grokcourse"``.

    Raises:
        WeightsError: if it is none of them.
    """
    layout = layout_of(weights)
    if layout is None:
        raise WeightsError(
            f"these weights have no layout that is known here. Their names are {listed(map(str, weights))}; the "
            "paper's and HookedTransformer's have embed.W_E and blocks.0.attn.W_O, TransformerBridge's embed.weight "
            "and blocks.0.attn.q.weight, ours W_E and attn.W_Q. If the model is of our kind, build a dict with the "
            "names and axes of one of these layouts (they stand at the head of grokcourse.interop), and pass it to "
            "interop.from_weights"
        )
    return layout


@usual_torch()
def from_weights(weights: Mapping[str, Tensor], n_heads: int | None = None) -> Transformer:
    """The model with weights of any known layout.

    Args:
        weights: tensors by name.
        n_heads: how many attention heads the model has; only weights of a ``TransformerBridge`` need it.

    Raises:
        WeightsError: as ``recognise``, ``from_paper`` and ``from_transformer_lens``; also if the weights have another
            number of heads.
    """
    layout = LAYOUTS[recognise(weights)]
    return Transformer.from_weights(_ours(without_prefix(weights), layout, n_heads))


@usual_torch()
def from_paper(weights: Mapping[str, Tensor]) -> Transformer:
    """The model with weights in the layout of the paper's code.

    Args:
        weights: tensors by the paper's names (see the head of this module); float32 or float64, and half precision is
            widened to float32. The buffer ``blocks.0.attn.mask`` may be there or not.

    Returns:
        A model that computes the same logits. If ``unembed.W_U`` has p columns, one per number and none for ``=``, so
        has the model's ``W_U``, and its logits are (n, p).

    Raises:
        WeightsError: naming the tensors that are missing, not known, misshapen or not finite.
    """
    return Transformer.from_weights(_ours(without_prefix(weights), LAYOUTS["paper"]))


@usual_torch()
def from_transformer_lens(weights: Mapping[str, Tensor], config: object = None) -> Transformer:
    """The model with weights of TransformerLens: of a ``TransformerBridge`` that ``boot_native`` made, or of a
    ``HookedTransformer``, which its releases up to 3 have.

    Biases that our model lacks (of queries, keys, values, heads and logits) become rows of its matrices: its residual
    stream then has one dimension more, which is always 1. W_pos writes it there, and W_Q, W_K, W_V, W_in and W_U read
    their biases from it. What the heads' bias b_O adds to the stream is added after the MLP instead, with b_out.

    Args:
        weights: its ``state_dict()``: types and ``W_U`` as for ``from_paper``. Buffers and biases may be there or not.
        config: its ``cfg`` (or a dict with the same entries); if given, it must say that the model is of our kind.
            Of a ``TransformerBridge`` it is needed, for the number of heads: ``{"n_heads": 4}`` is enough.

    Returns:
        A model that computes the same logits and, if the biases that it lacks are zero, the same activations. If they
        are not, d_model is one larger, and the activations are the same but for resid_pre, attn_out, resid_mid,
        mlp_out and resid_post.

    Raises:
        WeightsError: as ``from_paper``; also if there are several layers or a LayerNorm with weights, or if the config
            asks for what our model does not do.
    """
    layout = "transformer_lens"
    if isinstance(weights, Mapping) and layout_of(weights) == "transformer_bridge":
        layout = "transformer_bridge"
    model = Transformer.from_weights(_ours(without_prefix(weights), LAYOUTS[layout], _heads(config)))
    _check_config(config, model)
    return model


def to_paper(model: Transformer) -> Weights:
    """The weights of a model in the layout of the paper's code, as new tensors; the inverse of ``from_paper``."""
    return _theirs(model, LAYOUTS["paper"])


def to_transformer_bridge(model: Transformer) -> Weights:
    """The weights of a model for TransformerLens since its release 4, as new tensors.

    The biases that our model lacks are there as zeros. In TransformerLens::

        bridge = TransformerBridge.boot_native(transformer_lens_config(model))
        bridge.load_state_dict(to_transformer_bridge(model))

    ``boot_native`` makes a float32 model, whatever the config says; of one in float64 give it ``dtype=torch.float64``.
    The inverse is ``from_transformer_lens(weights, transformer_lens_config(model))``.
    """
    return _theirs(model, LAYOUTS["transformer_bridge"])


def to_transformer_lens(model: Transformer) -> Weights:
    """The weights of a model for TransformerLens up to its release 3, as new tensors; ``from_transformer_lens`` is the
    inverse.

    The biases that our model lacks are there as zeros. Buffers are not, as they differ between releases; hence::

        hooked = HookedTransformer(HookedTransformerConfig(**transformer_lens_config(model)))
        hooked.load_state_dict(to_transformer_lens(model), strict=False)
    """
    return _theirs(model, LAYOUTS["transformer_lens"])


def transformer_lens_config(model: Transformer) -> dict[str, Any]:
    """The config of a model like this one, for ``boot_native``; also the arguments of ``HookedTransformerConfig``."""
    n_heads, d_model, d_head = model.attn.W_Q.shape
    return {
        "n_layers": 1,
        "n_ctx": N_CTX,
        "d_vocab": len(model.W_E),
        "d_vocab_out": model.W_U.shape[1],
        "d_model": d_model,
        "n_heads": n_heads,
        "d_head": d_head,
        "d_mlp": len(model.mlp.b_in),
        "act_fn": "relu",
        "normalization_type": None,
        "dtype": model.W_E.dtype,
    }


def architecture(model: Transformer) -> dict[str, int]:
    """The sizes of a model as ``RunConfig`` names them: ``RunConfig(**architecture(model))``.

    How the model was trained, and on which pairs, its weights do not say: every other field is the course's default.
    """
    return {
        "p": model.p,
        "d_model": model.W_E.shape[1],
        "n_heads": len(model.attn.W_Q),
        "d_mlp": len(model.mlp.b_in),
    }


def _heads(config: object, said: int | None = None) -> int | None:
    """How many heads a model has: what was said, or else what its config says, or None."""
    if said is not None or config is None:
        return said
    entries = config if isinstance(config, Mapping) else vars(config)
    heads = number(entries.get("n_heads"))
    is_told = (
        isinstance(heads, int) and not isinstance(heads, bool) and heads > 0
    )  # TransformerLens says -1 for not told
    return heads if is_told else None


def _ours(weights: Mapping[str, Tensor], layout: Layout, n_heads: int | None = None) -> Weights:
    """Check weights of a layout, and bring them into ours."""
    _check_names(weights, layout)
    expected = {layout.names[name]: layout.axes_of(name) for name in OURS if layout.names[name] in weights}
    expected |= {name: axes for name, axes in layout.biases.values() if name in weights}
    for name in expected:
        _check_tensor(name, weights[name])
    sizes = _sizes({name: weights[name] for name in expected}, expected, n_heads)
    for name in layout.buffers:
        if name.endswith("mask") and name in weights and weights[name].numel():
            mask = weights[name][:N_CTX, :N_CTX].bool().cpu()
            if not torch.equal(mask, torch.ones(N_CTX, N_CTX, dtype=torch.bool).tril()):
                raise WeightsError(
                    f"{name} is not causal: in our model a position sees itself and what comes before it"
                )
    dtype = torch.float64 if any(weights[name].dtype == torch.float64 for name in expected) else torch.float32

    def taken(name: str, theirs: str, axes: str) -> Tensor:
        """A tensor of theirs with its axes in that order, or zeros for a bias that is not there."""
        if name not in weights:
            return torch.zeros([sizes[axis] for axis in axes.split()], dtype=dtype)
        return _rearranged(weights[name].detach().to("cpu", dtype), theirs, axes, sizes)

    ours = {name: taken(layout.names[name], layout.axes_of(name), axes) for name, axes in OURS.items()}
    biases = {name: taken(*layout.biases[name], axes) for name, axes in BIASES.items() if name in layout.biases}
    return _with_biases(ours, biases) if any(bias.any() for bias in biases.values()) else ours


def _with_biases(ours: Weights, biases: Weights) -> Weights:
    """Weights of ours that do what these do with biases: in a dimension of the residual stream that is always 1."""
    b_O, W_in = biases["b_O"], ours["mlp.W_in"]
    rows = {"W_E": ours["W_E"].new_zeros(len(ours["W_E"]), 1), "W_pos": ours["W_pos"].new_ones(N_CTX, 1)}
    rows |= {"attn.W_O": ours["attn.W_O"].new_zeros(*ours["attn.W_O"].shape[:2], 1)}
    rows |= {"mlp.W_out": W_in.new_zeros(W_in.shape[1], 1), "mlp.b_out": W_in.new_zeros(1)}
    columns = {f"attn.W_{m}": biases[f"b_{m}"][:, None] for m in "QKV"}
    columns |= {"mlp.W_in": (b_O @ W_in)[None], "W_U": biases["b_U"][None]}
    grown = ours | {"mlp.b_out": ours["mlp.b_out"] + b_O}
    return {
        name: torch.cat([weight, rows[name]], dim=-1) if name in rows
        else torch.cat([weight, columns[name]], dim=-2) if name in columns
        else weight
        for name, weight in grown.items()
    }  # fmt: skip


def _theirs(model: Transformer, layout: Layout) -> Weights:
    """Bring a model's weights into a layout."""
    ours = {name: weight.detach() for name, weight in model.state_dict().items()}
    sizes = _sizes(ours, OURS)
    weights = {
        theirs: _rearranged(ours[name], OURS[name], layout.axes_of(name), sizes)
        for name, theirs in layout.names.items()
    }
    zeros = {
        name: ours["W_E"].new_zeros([math.prod(sizes[axis] for axis in group) for group in _groups(axes)])
        for name, axes in layout.biases.values()
    }
    return weights | zeros


def _check_names(weights: Mapping[str, Tensor], layout: Layout) -> None:
    names = [str(name) for name in weights]
    needed = set(layout.names.values())
    optional = {layout.names["mlp.b_in"], layout.names["mlp.b_out"]}
    missing = sorted(needed - set(names) - optional)
    surplus = sorted(set(names) - needed - {name for name, _ in layout.biases.values()} - set(layout.buffers))
    if kinds := _other_kinds(names, surplus, layout):
        is_with, ours = (", ".join(words) for words in zip(*kinds, strict=True))
        raise WeightsError(
            f"this is a transformer with {is_with}, which our model cannot hold: it has one layer, of attention and an "
            "MLP of two matrices, learnt positions and no LayerNorm. Study it in TransformerLens, or train one of our "
            f"kind: in TransformerLens' config, {ours}"
        )
    if missing or surplus:
        faults = [f"{listed(missing)} missing"] * bool(missing) + [f"{listed(surplus)} not known"] * bool(surplus)
        raise WeightsError(f"these are not all of {layout.title} weights and nothing else: {'; '.join(faults)}")


def _other_kinds(names: list[str], surplus: list[str], layout: Layout) -> list[tuple[str, str]]:
    """What makes a model another kind than ours, in words, each with the entry of TransformerLens' config for ours.

    ``names`` are all its tensors', ``surplus`` those that our model has nothing for.
    """
    kinds = []
    layers = {0} | {int(found[1]) for name in surplus if (found := re.match(r"blocks\.(\d+)\.", name))}
    if len(layers) > 1:
        first = next(name for name in surplus if re.match(r"blocks\.[1-9]", name))
        kinds.append((f"{len(layers)} layers ({first})", "n_layers=1"))
    if not any(re.search(r"(^|\.)mlp\.", name) for name in names):
        kinds.append((f"attention alone (no {layout.names['mlp.W_in']})", "attn_only=False"))
    for pattern, kind, entry in (
        (r"(^|\.)(ln|norm)", "a LayerNorm", "normalization_type=None"),
        (r"gate", "a gate in its MLP", "gated_mlp=False"),
        (r"\._[Wb]_[KV]$", "keys that several heads share", "n_key_value_heads=None"),
        (r"rotary", "rotary positions", 'positional_embedding_type="standard"'),
    ):
        if name := next((name for name in surplus if re.search(pattern, name)), None):
            kinds.append((f"{kind} ({name})", entry))
    if layout.names["W_pos"] not in names and not any("rotary" in name for name in surplus):
        kinds.append((f"no learnt positions (no {layout.names['W_pos']})", 'positional_embedding_type="standard"'))
    return kinds


def _check_tensor(name: str, tensor: object) -> None:
    if not isinstance(tensor, Tensor):
        raise WeightsError(f"{name} is no tensor, but {type(tensor).__name__}")
    if tensor.layout != torch.strided or tensor.is_nested:
        raise WeightsError(f"{name} is a sparse or nested tensor: store it as an ordinary one, with .to_dense()")
    if not tensor.is_floating_point():
        raise WeightsError(f"{name} does not hold floats, but {str(tensor.dtype).removeprefix('torch.')}")
    if tensor.is_meta:
        raise WeightsError(f"{name} has a shape, but holds no numbers (it is on torch's device meta)")
    if not tensor.double().isfinite().all():
        raise WeightsError(f"{name} holds numbers that are not finite")


def _sizes(weights: Mapping[str, Tensor], expected: Mapping[str, str], n_heads: int | None = None) -> dict[str, int]:
    """The length of each axis, read off the tensors; raises if two of them disagree, or there is no such model."""
    sizes: dict[str, int] = {}
    source: dict[str, str] = {}
    if n_heads is not None:
        if not isinstance(n_heads, int) or isinstance(n_heads, bool) or n_heads < 1:
            raise WeightsError(f"n_heads is {n_heads!r}, which is no number of attention heads")
        sizes["head"], source["head"] = n_heads, "n_heads"

    def fits(name: str, axes: list[list[str]]) -> bool:
        return weights[name].ndim == len(axes) and all(
            math.prod(sizes[axis] for axis in group) == length
            for group, length in zip(axes, weights[name].shape, strict=True)
        )

    for name, text in expected.items():
        axes = _groups(text)
        if weights[name].ndim == len(axes):
            for group, length in zip(axes, weights[name].shape, strict=True):
                if len(group) == 1:
                    sizes.setdefault(group[0], length)
                    source.setdefault(group[0], name)
    for name, text in expected.items():
        for group, length in zip(_groups(text), weights[name].shape, strict=False):
            if len(group) == 2 and "head" in sizes and length % sizes["head"] == 0:
                sizes.setdefault("d_head", length // sizes["head"])
                source.setdefault("d_head", name)
    if "head" not in sizes and not any(["head"] in _groups(text) for text in expected.values()):
        raise WeightsError(
            "these are the weights of a TransformerBridge, which do not show how many attention heads there are: say "
            "it, as in interop.load(path, n_heads=4), or keep the config beside the weights: "
            'torch.save({"model": bridge.state_dict(), "config": bridge.cfg}, path)'
        )
    for name, text in expected.items():
        if missing := [axis for group in _groups(text) for axis in group if axis not in sizes]:
            raise WeightsError(f"{name} has shape {tuple(weights[name].shape)}: no axis of it can be {missing[0]}")
        if not fits(name, _groups(text)):
            wanted = ", ".join(f"{a} = {sizes[a]} (from {source[a]})" for g in _groups(text) for a in g)
            raise WeightsError(f"{name} has shape {tuple(weights[name].shape)}, which does not fit {wanted}")
    if sizes["pos"] != N_CTX:
        name = source["pos"]
        hint = (
            f". If the model was only ever asked such questions, keep the first {N_CTX} rows: "
            f'weights = interop.read_weights(path); weights["{name}"] = weights["{name}"][:{N_CTX}]; '
            f"interop.from_weights(weights{', ' * (n_heads is not None)}{n_heads or ''})"
        )
        if sizes["pos"] < N_CTX:
            hint = (
                ". A model that is asked with fewer, such as a, b without =, is of another kind: train it with n_ctx=3"
            )
        raise WeightsError(
            f"there are {sizes['pos']} positions (in {name}), but a question of ours has {N_CTX} tokens: a, b, =" + hint
        )
    if sizes["vocab"] < 3:
        raise WeightsError(
            f"there are {sizes['vocab']} tokens (in {source['vocab']}): too few for two numbers and the sign ="
        )
    if sizes["out"] not in (sizes["vocab"], sizes["vocab"] - 1):
        raise WeightsError(
            f"there are {sizes['out']} outputs (in {source['out']}) for {sizes['vocab']} tokens: it must be one per "
            "token, or one per number, which is one less. If there are more signs than =, keep in "
            f"{source['vocab']} the numbers in their order and after them the sign in which a question ends, and pass "
            "the weights to interop.from_weights"
        )
    return sizes


def _groups(axes: str) -> list[list[str]]:
    """``"d_model (head d_head)"`` → [["d_model"], ["head", "d_head"]]."""
    groups: list[list[str]] = []
    inside = False
    for word in axes.split():
        if inside:
            groups[-1].append(word.strip("()"))
        else:
            groups.append([word.strip("()")])
        inside = (inside or word.startswith("(")) and not word.endswith(")")
    return groups


def _rearranged(tensor: Tensor, before: str, after: str, sizes: Mapping[str, int]) -> Tensor:
    """A new tensor with its axes in another order, grouped axes split or joined."""
    flat = [axis for group in _groups(before) for axis in group]
    order = [flat.index(axis) for group in _groups(after) for axis in group]
    shape = [math.prod(sizes[axis] for axis in group) for group in _groups(after)]
    split = tensor.reshape([sizes[axis] for axis in flat])
    return split.permute(order).reshape(shape).clone(memory_format=torch.contiguous_format)


def _check_config(config: object, model: Transformer) -> None:
    """Raise if a config asks for what our model does not do and weights do not show; None asks for nothing."""
    if config is None:
        return
    entries: Mapping[str, Any] = config if isinstance(config, Mapping) else vars(config)
    if isinstance(p := number(entries.get("p")), int) and p != model.p:
        raise WeightsError(
            f"the config says p = {p}, but of {model.p + 1} tokens {model.p} would be numbers and the last the sign =: "
            "bring the rows of the embedding into this order, and pass the weights to interop.from_weights"
        )
    needed = {
        "act_fn": "relu",
        "act_type": "ReLU",  # the paper's name for it
        "normalization_type": None,
        "final_rms": False,
        "attn_only": False,
        "gated_mlp": False,
        "parallel_attn_mlp": False,
        "positional_embedding_type": "standard",
        "attention_dir": "causal",
        "use_local_attn": False,
        "use_attn_scale": True,
        "scale_attn_by_inverse_layer_idx": False,
        "use_qk_norm": False,
        "use_attention_sinks": False,
        "attn_scores_soft_cap": -1.0,
        "output_logits_soft_cap": -1.0,
    }
    for name, value in needed.items():
        found = number(entries.get(name, value))
        if found is not value and not (isinstance(found, (str, int, float)) and found == value):
            raise WeightsError(f"the config says {name} = {found!r}, but our model has {name} = {value!r}")
    scale, d_head = number(entries.get("attn_scale")), number(entries.get("d_head"))
    if isinstance(scale, (int, float)) and d_head and scale > 0 and not math.isclose(scale, math.sqrt(d_head)):
        raise WeightsError(f"the config divides attention scores by {scale:g}, our model by √d_head = {d_head**0.5:g}")


def _state_dicts(path: Path | str, content: Any, n_heads: int | None) -> dict[int, Weights]:
    """All checkpoints in what a file holds, as state dicts of our model, by step, rising."""
    found = checkpoints_in(path, content)
    with naming(path):
        config = config_in(content)
        heads = _heads(config, n_heads)
        models = {step: from_weights(weights, heads) for step, weights in sorted(found.items())}
        for model in models.values():
            _check_config(config, model)
        return {step: model.state_dict() for step, model in models.items()}
