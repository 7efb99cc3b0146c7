"""Weights that others trained, in our model; and ours, in the tools of others.

Three layouts are known. They hold the same matrices under other names and with their axes in another order:

=====================  =====================  ==========================  ========================
ours                   axes                   the paper's code            TransformerLens
=====================  =====================  ==========================  ========================
W_E                    vocab, d_model         transposed                  as ours
W_pos                  pos, d_model           as ours                     as ours
attn.W_Q, W_K, W_V     head, d_model, d_head  head, d_head, d_model       as ours
attn.W_O               head, d_head, d_model  d_model, (head · d_head)    as ours
mlp.W_in               d_model, d_mlp         transposed                  as ours
mlp.W_out              d_mlp, d_model         transposed                  as ours
W_U                    d_model, vocab         as ours                     as ours
=====================  =====================  ==========================  ========================

* The paper: the code of Nanda et al. 2023 (arXiv 2301.05217), whose released checkpoints call them ``embed.W_E``,
  ``blocks.0.attn.W_Q``, ``blocks.0.mlp.W_in``, ``unembed.W_U`` and so on.
* TransformerLens: the state dict of its ``HookedTransformer`` (which its releases up to 3 have). The names are the
  same; attention and unembedding have biases besides. Our model has no such biases, so they must be zero.
* Ours: ``Transformer.state_dict()``.

Nothing is dropped in silence: a tensor that our model cannot hold exactly, that is missing, is not known, or has a
shape that does not fit the others, raises a ``WeightsError`` that names it. But weights do not tell everything. The
activation function, a LayerNorm without weights ("LNPre") or another scale of the attention scores leave no trace in
them; if there is a TransformerLens config, pass it along, and these are checked too. Sizes are read off the shapes: the
modulus p is the number of tokens less one, the last token being ``=``.
"""

import math
import pickle
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from .config import N_CTX
from .model import Attention, Transformer

Weights = dict[str, Tensor]

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

Its q, k, v and z are (n, pos, head, d_head), ours (n, head, pos, d_head); all other shapes are the same.
"""


class WeightsError(ValueError):
    """Weights that cannot be read, or that our model cannot hold exactly; the message says which tensor, and why."""


@dataclass(frozen=True)
class Layout:
    """How somebody stores a model's weights."""

    title: str
    names: dict[str, str]
    """Our name → theirs."""
    axes: dict[str, str]
    """Our name → the axes of their tensor, where they are not in our order; axes in brackets are one axis of theirs."""
    zero: dict[str, str]
    """Their biases that our model lacks → axes."""
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
        "TransformerLens'",
        NAMES,
        {},
        {
            **{f"blocks.0.attn.b_{m}": "head d_head" for m in "QKV"},
            "blocks.0.attn.b_O": "d_model",
            "unembed.b_U": "out",
        },
        ("blocks.0.attn.mask", "blocks.0.attn.IGNORE"),
    ),
}
"""The layouts that ``recognise`` tells apart."""


def load(path: Path | str, step: int | None = None) -> Transformer:
    """The model in a file, whichever of the known layouts it has: ``from_weights(read_weights(path, step))``.

    Args:
        path: a ``.safetensors`` file, or one that ``torch.save`` wrote (``.pth``, ``.pt``).
        step: which checkpoint, if the file has several; by default the final model.

    Returns:
        The model, on the CPU, ready for use. ``model.p`` is the modulus.

    Raises:
        WeightsError: if the file cannot be read, or our model cannot hold what is in it.
    """
    with _naming(path):
        return from_weights(read_weights(path, step))


def load_checkpoints(path: Path | str) -> dict[int, Weights]:
    """All checkpoints in a file, as state dicts of our model: what ``runs.Run`` keeps as its ``checkpoints``.

    Args:
        path: as for ``load``.

    Returns:
        Weights by step, rising. The steps are those that the file gives (the paper's ``epochs``, TransformerLens'
        ``checkpoint_epochs``, or ``epoch``); if it gives none, they are numbered 0, 1, 2, … A run's models have an
        output for ``=``, and heads that share d_model: others can only be looked at one by one, with ``load``.

    Raises:
        WeightsError: as ``load``.
    """
    found = _checkpoints(path, _read(path))
    with _naming(path):
        return {step: from_weights(weights).state_dict() for step, weights in sorted(found.items())}


def read_weights(path: Path | str, step: int | None = None) -> Weights:
    """The tensors in a file, just as they are there; arguments and errors as ``load``.

    A file of ``torch.save`` may hold a state dict, or a dict with one under ``model``, ``state_dict`` or
    ``model_state_dict``; or several of them, along the training: under ``state_dicts`` (with ``epochs``), as in the
    paper's released run, or under ``checkpoints`` (with ``checkpoint_epochs``), as in TransformerLens' demo.
    It is opened with ``weights_only=True``: nothing in it can run.
    """
    content = _read(path)
    if step is None:
        single = _single(content)
        return single if single is not None else list(_checkpoints(path, content).values())[-1]
    found = _checkpoints(path, content)
    if step not in found:
        raise WeightsError(f"{path} has no checkpoint of step {step}; there are: {_listed(map(str, found))}")
    return found[step]


def recognise(weights: Mapping[str, Tensor]) -> str:
    """Whose layout this is: ``"paper"``, ``"transformer_lens"`` or ``"grokcourse"``.

    Raises:
        WeightsError: if it is none of them.
    """
    if "W_E" in weights and "attn.W_Q" in weights:
        return "grokcourse"
    output = weights.get("blocks.0.attn.W_O")
    if "embed.W_E" in weights and output is not None:
        if output.ndim == 2:  # one matrix for all heads
            return "paper"
        if output.ndim == 3:
            return "transformer_lens"
    raise WeightsError(
        f"these weights have no layout that is known here. Their names are {_listed(weights)}; the paper's and "
        "TransformerLens' have embed.W_E and blocks.0.attn.W_O, ours W_E and attn.W_Q"
    )


def from_weights(weights: Mapping[str, Tensor]) -> Transformer:
    """The model with weights of any known layout; raises ``WeightsError`` as ``recognise`` and the other two do."""
    return _model(_ours(weights, LAYOUTS[recognise(weights)]))


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
    return _model(_ours(weights, LAYOUTS["paper"]))


def from_transformer_lens(weights: Mapping[str, Tensor], config: object = None) -> Transformer:
    """The model with weights in the layout of TransformerLens' ``HookedTransformer``.

    Args:
        weights: its ``state_dict()``: types and ``W_U`` as for ``from_paper``. Buffers may be there or not.
        config: its ``cfg`` (or a dict with the same entries); if given, it must say that the model is of our kind.

    Returns:
        A model that computes the same activations and logits.

    Raises:
        WeightsError: as ``from_paper``; also if a bias that our model lacks is not zero, if there are several layers or
            a LayerNorm with weights, or if the config asks for what our model does not do.
    """
    if config is not None:
        _check_config(config if isinstance(config, Mapping) else vars(config))
    return _model(_ours(weights, LAYOUTS["transformer_lens"]))


def to_paper(model: Transformer) -> Weights:
    """The weights of a model in the layout of the paper's code, as new tensors; the inverse of ``from_paper``."""
    return _theirs(model, LAYOUTS["paper"])


def to_transformer_lens(model: Transformer) -> Weights:
    """The weights of a model in TransformerLens' layout, as new tensors; the inverse of ``from_transformer_lens``.

    The biases that our model lacks are there as zeros. Buffers are not, as they differ between releases; hence::

        hooked = HookedTransformer(HookedTransformerConfig(**transformer_lens_config(model)))
        hooked.load_state_dict(to_transformer_lens(model), strict=False)
    """
    return _theirs(model, LAYOUTS["transformer_lens"])


def transformer_lens_config(model: Transformer) -> dict[str, Any]:
    """The arguments of ``HookedTransformerConfig`` for a model like this one."""
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


def _ours(weights: Mapping[str, Tensor], layout: Layout) -> Weights:
    """Check weights of a layout, and bring them into ours."""
    _check_names(weights, layout)
    expected = {layout.names[name]: layout.axes_of(name) for name in OURS}
    expected |= {name: axes for name, axes in layout.zero.items() if name in weights}
    for name in expected:
        _check_tensor(name, weights[name])
    sizes = _sizes({name: weights[name] for name in expected}, expected)
    for name in layout.zero:
        if name in weights and weights[name].any():
            raise WeightsError(
                f"{name} is not zero, and our model has no such bias: it could not compute the same. "
                "Only models trained without it, or with it held at zero, can be taken over"
            )
    for name in layout.buffers:
        if name.endswith("mask") and name in weights and weights[name].numel():
            mask = weights[name][:N_CTX, :N_CTX].bool().cpu()
            if not torch.equal(mask, torch.ones(N_CTX, N_CTX, dtype=torch.bool).tril()):
                raise WeightsError(
                    f"{name} is not causal: in our model a position sees itself and what comes before it"
                )
    dtype = torch.float64 if any(weights[name].dtype == torch.float64 for name in expected) else torch.float32
    return {
        ours: _rearranged(weights[layout.names[ours]].detach().to("cpu", dtype), layout.axes_of(ours), axes, sizes)
        for ours, axes in OURS.items()
    }


def _theirs(model: Transformer, layout: Layout) -> Weights:
    """Bring a model's weights into a layout."""
    ours = {name: weight.detach() for name, weight in model.state_dict().items()}
    sizes = _sizes(ours, OURS)
    weights = {
        theirs: _rearranged(ours[name], OURS[name], layout.axes_of(name), sizes)
        for name, theirs in layout.names.items()
    }
    zeros = {name: ours["W_E"].new_zeros([sizes[axis] for axis in axes.split()]) for name, axes in layout.zero.items()}
    return weights | zeros


def _model(weights: Weights) -> Transformer:
    """A Transformer with these weights, its sizes read off their shapes."""
    vocab, d_model = weights["W_E"].shape
    n_heads, _, d_head = weights["attn.W_Q"].shape
    model = Transformer(vocab - 1, d_model, n_heads, len(weights["mlp.b_in"]))
    model.attn = Attention(d_model, n_heads, d_head)  # others need not share d_model among the heads
    for name, weight in weights.items():
        part, _, own = name.rpartition(".")
        setattr(model.get_submodule(part), own, nn.Parameter(weight))
    return model


def _check_names(weights: Mapping[str, Tensor], layout: Layout) -> None:
    needed = set(layout.names.values())
    missing = sorted(needed - set(weights))
    surplus = sorted(set(weights) - needed - set(layout.zero) - set(layout.buffers))
    reasons = {
        ".ln": "our model has no LayerNorm",
        "ln_": "our model has no LayerNorm",
        "blocks.": "our model has one layer, blocks.0",
        "rotary": "our model's positions are the rows of W_pos",
        "gate": "our model's MLP has no gate",
    }
    for name in surplus:
        for sign, reason in reasons.items():
            if sign in name and not (sign == "blocks." and name.startswith("blocks.0.")):
                raise WeightsError(f"our model cannot hold {name}: {reason}")
    if missing or surplus:
        faults = [f"{_listed(missing)} missing"] * bool(missing) + [f"{_listed(surplus)} not known"] * bool(surplus)
        raise WeightsError(f"these are not all of {layout.title} weights and nothing else: {'; '.join(faults)}")


def _check_tensor(name: str, tensor: object) -> None:
    if not isinstance(tensor, Tensor):
        raise WeightsError(f"{name} is no tensor, but {type(tensor).__name__}")
    if not tensor.is_floating_point():
        raise WeightsError(f"{name} does not hold floats, but {str(tensor.dtype).removeprefix('torch.')}")
    if not tensor.isfinite().all():
        raise WeightsError(f"{name} holds numbers that are not finite")


def _sizes(weights: Mapping[str, Tensor], expected: Mapping[str, str]) -> dict[str, int]:
    """The length of each axis, read off the tensors; raises if two of them disagree, or there is no such model."""
    sizes: dict[str, int] = {}
    source: dict[str, str] = {}

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
        if missing := [axis for group in _groups(text) for axis in group if axis not in sizes]:
            raise WeightsError(f"{name} has shape {tuple(weights[name].shape)}: no axis of it can be {missing[0]}")
        if not fits(name, _groups(text)):
            wanted = ", ".join(f"{a} = {sizes[a]} (from {source[a]})" for g in _groups(text) for a in g)
            raise WeightsError(f"{name} has shape {tuple(weights[name].shape)}, which does not fit {wanted}")
    if sizes["pos"] != N_CTX:
        raise WeightsError(
            f"there are {sizes['pos']} positions (in {source['pos']}), but a question of ours has {N_CTX} tokens: "
            f"a, b, =. If the model was only ever asked such questions, pass the first {N_CTX} rows"
        )
    if sizes["vocab"] < 3:
        raise WeightsError(
            f"there are {sizes['vocab']} tokens (in {source['vocab']}): too few for two numbers and the sign ="
        )
    if sizes["out"] not in (sizes["vocab"], sizes["vocab"] - 1):
        raise WeightsError(
            f"there are {sizes['out']} outputs (in {source['out']}) for {sizes['vocab']} tokens: it must be one per "
            "token, or one per number, which is one less"
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


def _check_config(config: Mapping[str, Any]) -> None:
    """Raise if a TransformerLens config asks for what our model does not do and its weights do not show."""
    d_head = config.get("d_head")
    needed = {
        "act_fn": "relu",
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
        if config.get(name, value) != value:
            raise WeightsError(f"the config says {name} = {config[name]!r}, but our model has {name} = {value!r}")
    scale = config.get("attn_scale")
    if scale is not None and d_head is not None and scale > 0 and not math.isclose(scale, math.sqrt(d_head)):
        raise WeightsError(f"the config divides attention scores by {scale:g}, our model by √d_head = {d_head**0.5:g}")


def _read(path: Path | str) -> Any:
    """What is in a file: tensors by name, or whatever ``torch.save`` wrote."""
    path = Path(path)
    if not path.is_file():
        hint = ": read a run of ours with grokcourse.runs.load" if (path / "run.json").is_file() else ""
        raise WeightsError(f"{path} is not a file{hint}")
    try:
        if path.suffix == ".safetensors":
            return load_file(path)
        return torch.load(path, map_location="cpu", weights_only=True)
    except SafetensorError as error:
        raise WeightsError(f"{path} is no safetensors file, or damaged: {error}") from error
    except Exception as error:  # whatever a wrong or damaged file makes the unpickler stumble over
        if not (isinstance(error, pickle.UnpicklingError) and zipfile.is_zipfile(path)):
            raise WeightsError(f"{path} cannot be read: it is no file of torch.save, or damaged") from error
        raise WeightsError(
            f"{path} holds Python objects besides tensors and plain values. Opening these can run any code, so it was "
            "not opened. If you trust whoever made it, keep the weights alone, in a Python that has what they used:\n"
            f'    content = torch.load("{path.name}", map_location="cpu", weights_only=False)\n'
            '    torch.save({"model": content["model"]}, "weights.pth")'
        ) from error


def _is_weights(value: object) -> bool:
    return isinstance(value, Mapping) and bool(value) and all(isinstance(tensor, Tensor) for tensor in value.values())


def _single(content: Any) -> Weights | None:
    """The final model in what a file holds, or None if there are only checkpoints."""
    if _is_weights(content):
        return dict(content)
    if isinstance(content, Mapping):
        for name in ("model", "state_dict", "model_state_dict"):
            if _is_weights(content.get(name)):
                return dict(content[name])
    return None


def _checkpoints(path: Path | str, content: Any) -> dict[int, Weights]:
    """The checkpoints in what a file holds, by step; a single model counts as one."""
    several: Any = content
    steps: Any = None
    if isinstance(content, Mapping):
        for name, steps_name in (("state_dicts", "epochs"), ("checkpoints", "checkpoint_epochs")):
            if name in content:
                several, steps = content[name], content.get(steps_name)
    if isinstance(several, Mapping) and several and all(isinstance(step, int) for step in several):
        steps, several = list(several), list(several.values())
    if isinstance(several, (list, tuple)) and several and all(_is_weights(weights) for weights in several):
        steps = list(range(len(several)) if steps is None else steps)
        if len(steps) != len(several) or len(set(steps)) != len(steps):
            raise WeightsError(f"{path} has {len(several)} checkpoints, but {len(set(steps))} different steps for them")
        return {int(step): dict(weights) for step, weights in zip(steps, several, strict=True)}
    if (single := _single(content)) is not None:
        epoch = content.get("epoch")
        return {epoch if isinstance(epoch, int) else 0: single}
    raise WeightsError(
        f"{path} holds no weights where they are looked for: neither tensors by name, nor these under model, "
        f"state_dict, model_state_dict, state_dicts or checkpoints, but {_described(content)}"
    )


def _described(content: Any) -> str:
    if isinstance(content, Mapping):
        return f"a dict of {_listed(map(str, content))}" if content else "an empty dict"
    return f"a {type(content).__name__}"


def _listed(names: Iterable[str], most: int = 8) -> str:
    names = list(names)
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more


@contextmanager
def _naming(path: Path | str) -> Iterator[None]:
    """Within it, a ``WeightsError`` says which file it was."""
    try:
        yield
    except WeightsError as error:
        if str(path) in str(error):
            raise
        raise WeightsError(f"{path}: {error}") from error
