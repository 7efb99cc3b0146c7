"""What is in a file of weights that somebody else wrote, read without running anything of it.

Here a file becomes tensors by name, with the step of each checkpoint. Whether our model can hold them is for
``interop`` to say.
"""

import pickle
import struct
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor
from torch.serialization import get_unsafe_globals_in_checkpoint, safe_globals

Weights = dict[str, Tensor]


class WeightsError(ValueError):
    """Weights that cannot be read, or that our model cannot hold exactly; the message says which tensor, and why."""


def layout_of(weights: Mapping[str, Tensor]) -> str | None:
    """A name in ``interop.LAYOUTS``, by names and shapes; None if it is none of these."""
    weights = without_prefix(weights)
    if "W_E" in weights and "attn.W_Q" in weights:
        return "grokcourse"
    if "embed.weight" in weights and "blocks.0.attn.q.weight" in weights:
        return "transformer_bridge"
    output = weights.get("blocks.0.attn.W_O")
    if "embed.W_E" in weights and isinstance(output, Tensor):
        return {2: "paper", 3: "transformer_lens"}.get(output.ndim)  # one matrix for all heads, or one each
    return None


def without_prefix(weights: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
    """Without what all names begin with, such as ``module.``, which wrappers of models put there.

    Raises:
        WeightsError: if this is something else than tensors by name.
    """
    if not isinstance(weights, Mapping):
        raise WeightsError(
            f"weights are a dict of tensors by name, but this is a {type(weights).__name__}: of a module pass its "
            "state_dict(), and of several checkpoints one"
        )
    while len(weights) > 1 and len(firsts := {str(name).partition(".")[0] for name in weights}) == 1:
        prefix = f"{firsts.pop()}."
        weights = {name.removeprefix(prefix): weight for name, weight in weights.items()}
    return weights


def number(value: Any) -> Any:
    """A number, also where the file holds it as one of numpy's; anything else as it is."""
    if isinstance(value, _StandIn) and [type(argument) for argument in value.arguments[1:]] == [bytes]:
        kind = getattr(value.arguments[0], "arguments", (None,))[0]  # numpy.dtype("f8")
        if kind in (forms := {"f8": "<d", "f4": "<f", "i8": "<q", "i4": "<i"}):
            return struct.unpack(forms[kind], value.arguments[1])[0]
    return value


class _StandIn:
    """In place of an object of a class that a file names: it holds what the file gives it, and does nothing."""

    arguments: tuple = ()

    def __new__(cls, *arguments: object) -> "_StandIn":
        made = super().__new__(cls)
        made.arguments = arguments
        return made

    def __init__(self, *arguments: object) -> None:
        pass

    def __setstate__(self, state: object) -> None:
        if isinstance(state, dict):
            self.__dict__.update(state)

    def __repr__(self) -> str:
        return f"<{type(self).__qualname__}>"


def _stand_in(full_name: str) -> type[_StandIn]:
    """A class of that name, in which torch's unpickler finds nothing but ours."""
    module, _, name = full_name.rpartition(".")
    return type(name, (_StandIn,), {"__module__": module, "__qualname__": name})


def read(path: Path | str) -> Any:
    """What is in a file: tensors by name, or whatever ``torch.save`` wrote."""
    path = Path(path)
    if not path.is_file():
        hint = ": read a run of ours with grokcourse.runs.load" if (path / "run.json").is_file() else ""
        raise WeightsError(f"{path} is not a file{hint}")
    if path.name == "checkpoints.safetensors" and (path.parent / "run.json").is_file():
        raise WeightsError(
            f"{path} is part of a run of ours: read that with grokcourse.runs.load({str(path.parent)!r})"
        )
    try:
        if path.suffix == ".safetensors":
            return load_file(path)
        others = get_unsafe_globals_in_checkpoint(path) if zipfile.is_zipfile(path) else []
        with safe_globals([_stand_in(name) for name in others]):
            return _plain(torch.load(path, map_location="cpu", weights_only=True))
    except SafetensorError as error:
        raise WeightsError(f"{path} is no safetensors file, or damaged: {error}") from error
    except Exception as error:  # whatever a wrong or damaged file makes the unpickler stumble over
        if not (isinstance(error, pickle.UnpicklingError) and zipfile.is_zipfile(path)):
            raise WeightsError(f"{path} cannot be read: it is no file of torch.save, or damaged") from error
        raise WeightsError(
            f"{path} holds Python objects that cannot be read without running code, so it was not opened. If you trust "
            "whoever made it, keep the weights alone, in a Python that has what they used:\n"
            f'    content = torch.load("{path.name}", map_location="cpu", weights_only=False)\n'
            '    torch.save({"model": content["model"]}, "weights.pth")'
        ) from error


def _plain(content: Any) -> Any:
    """The same with the state dict in place of each module; as deep as ``checkpoints_in`` looks."""
    if isinstance(content, _StandIn) and isinstance(vars(content).get("_modules"), Mapping):
        return _state_dict(content)
    if isinstance(content, Mapping):
        return {name: _plain(value) for name, value in content.items()}
    if isinstance(content, (list, tuple)):
        return [_plain(value) for value in content]
    return content


def _state_dict(module: _StandIn, prefix: str = "") -> Weights:
    """The state dict of a module that was saved whole."""
    fields = vars(module)
    own = {**fields.get("_parameters", {}), **fields.get("_buffers", {})}
    passing = fields.get("_non_persistent_buffers_set", ())
    found = {prefix + name: tensor for name, tensor in own.items() if tensor is not None and name not in passing}
    for name, part in fields.get("_modules", {}).items():
        if isinstance(part, _StandIn):
            found |= _state_dict(part, f"{prefix}{name}.")
    return found


def config_in(content: Any) -> object:
    """The config of TransformerLens, or of the paper's code, that a file holds beside the weights, or None."""
    config = content.get("config", content.get("cfg")) if isinstance(content, Mapping) else None
    entries = vars(config) if isinstance(config, _StandIn) else config
    is_theirs = isinstance(entries, Mapping) and ("normalization_type" in entries or "act_type" in entries)
    return entries if is_theirs else None


def _is_weights(value: object) -> bool:
    return isinstance(value, Mapping) and bool(value) and all(isinstance(tensor, Tensor) for tensor in value.values())


def weights_in(path: Path | str, content: Any, step: int | None) -> Weights:
    """The final model in what a file holds, or that of a step."""
    if step is None:
        single = _final_model(content)
        return single if single is not None else list(checkpoints_in(path, content).values())[-1]
    found = checkpoints_in(path, content)
    if step not in found:
        raise WeightsError(f"{path} has no checkpoint of step {step}; there are: {listed(map(str, found))}")
    return found[step]


def _final_model(content: Any) -> Weights | None:
    """The final model in what a file holds, or None if there are only checkpoints."""
    if _is_weights(content):
        return dict(content)
    if not isinstance(content, Mapping):
        return None
    tensors = {name: value for name, value in content.items() if isinstance(value, Tensor)}
    if layout_of(tensors):  # other entries stand among the tensors
        return tensors
    for name in ("model", "state_dict", "model_state_dict"):
        if _is_weights(content.get(name)):
            return dict(content[name])
    known = [value for value in content.values() if _is_weights(value) and layout_of(value)]
    return dict(known[0]) if len(known) == 1 else None


def checkpoints_in(path: Path | str, content: Any) -> dict[int, Weights]:
    """The checkpoints in what a file holds, by step; a single model counts as one."""
    several: Any = content
    steps: Any = None
    if isinstance(content, Mapping):
        for name, steps_name in (("state_dicts", "epochs"), ("checkpoints", "checkpoint_epochs")):
            if name in content:
                several, steps = content[name], content.get(steps_name)
    if isinstance(several, Mapping) and several and all(str(step).isdigit() for step in several):
        steps, several = list(several), list(several.values())
    if isinstance(several, list) and several and all(_final_model(entry) is not None for entry in several):
        if steps is None:
            steps = [_step_of(entry) for entry in several]
            steps = list(range(len(several))) if None in steps else steps
        if isinstance(steps, _StandIn):
            raise WeightsError(
                f"{path} has its steps as an object of {type(steps).__module__}, which is not read: "
                "save them as a list or a tensor"
            )
        steps = [number(step) for step in steps]
        if strange := [step for step in steps if not str(step).isdigit()]:
            raise WeightsError(f"{path} has a step that is no whole number: {strange[0]!r}")
        steps = [int(step) for step in steps]
        if len(steps) != len(several) or len(set(steps)) != len(steps):
            raise WeightsError(f"{path} has {len(several)} checkpoints, but {len(set(steps))} different steps for them")
        return {step: _final_model(entry) or {} for step, entry in zip(steps, several, strict=True)}
    if (single := _final_model(content)) is not None:
        return {_step_of(content) or 0: single}
    raise WeightsError(
        f"{path} holds no weights where they are looked for: neither tensors by name, nor these under model, "
        f"state_dict, model_state_dict, state_dicts or checkpoints, but {_described(content)}"
    )


def _step_of(content: Any) -> int | None:
    """The step that stands beside a single model."""
    found = [content[name] for name in ("epoch", "step") if isinstance(content.get(name), int)]
    return found[0] if found else None


def _described(content: Any) -> str:
    if isinstance(content, Mapping):
        return f"a dict of {listed(map(str, content))}" if content else "an empty dict"
    return f"a {type(content).__name__}"


def listed(names: Iterable[str], most: int = 8) -> str:
    """Names in a row; of many, the first and a count."""
    names = list(names)
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more


@contextmanager
def naming(path: Path | str) -> Iterator[None]:
    """Within it, a ``WeightsError`` says which file it was."""
    try:
        yield
    except WeightsError as error:
        if str(path) in str(error):
            raise
        raise WeightsError(f"{path}: {error}") from error
