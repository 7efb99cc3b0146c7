"""Values as bytes: how arrays, numbers, strings and handles cross between a hidden test and a student's code.

One message is a safetensors file: its tensors are the message's arrays, and its metadata holds the rest as JSON.
Nothing is ever unpickled, so a message can be wrong but cannot do anything.
"""

import dataclasses
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from safetensors.torch import load
from torch import Tensor

from .frames import MAX_BYTES

MAX_STRUCTURE = 2**20
"""Bytes of a message that are not arrays: a longer one would become too many Python objects."""
MAX_PARTS = 50_000
"""Numbers, texts, lists and so on in one message."""
MAX_DEPTH = 20
"""Lists in lists, and dimensions of a tensor."""
MAX_DIGITS = 400
"""Of a number."""
MAX_HANDLES = 1_000
MAX_TEXT = 400
"""A student's own error text is cut there."""
DTYPES = {torch.float64: "F64", torch.float32: "F32", torch.float16: "F16", torch.bfloat16: "BF16"}
DTYPES |= {torch.int64: "I64", torch.int32: "I32", torch.int16: "I16", torch.int8: "I8", torch.bool: "BOOL"}
DTYPES |= {torch.uint64: "U64", torch.uint32: "U32", torch.uint16: "U16", torch.uint8: "U8"}
DTYPES |= {torch.float8_e4m3fn: "F8_E4M3", torch.float8_e5m2: "F8_E5M2"}
"""Those that cross, and how a safetensors file calls them."""
AS_NUMBERS = {torch.bfloat16: torch.int16, torch.float8_e4m3fn: torch.uint8, torch.float8_e5m2: torch.uint8}
"""What numpy does not know, as something of the same size that it does."""


class WireError(ValueError):
    """A value cannot be sent, or bytes are no message."""


@dataclass(frozen=True)
class Handle:
    """Stands for an object that stays on the student's side."""

    number: int
    kind: str
    """The object's type, in words."""


def encode(value: Any, keep: Callable[[object], Handle] | None = None) -> bytes:
    """A value as bytes.

    Args:
        value: None, a bool, number, string, tensor, array, ``Handle``, or a list, tuple, dict or dataclass of those.
        keep: what to do with any other object: keep it and return a handle for it. Without it, that is an error.

    Raises:
        WireError: if there is a value in it that cannot be sent.
    """
    arrays: dict[str, Tensor] = {}

    def plain(part: Any, depth: int = 0) -> Any:
        if depth > MAX_DEPTH:
            raise WireError(f"the value is nested more than {MAX_DEPTH} levels deep")
        match part:
            case None | bool() | str():
                return part
            case int() | np.integer():
                return {"int": str(int(part))}
            case float() | np.floating():
                return {"float": float(part).hex()}
            case np.bool_():
                return bool(part)
            case Tensor() | np.ndarray():
                arrays[str(len(arrays))] = _as_tensor(part)
                return {"array": str(len(arrays) - 1)}
            case Handle():
                return {"handle": [part.number, part.kind]}
            case list() | tuple():
                return {"list": [plain(item, depth + 1) for item in part]}
            case Mapping():
                return {"dict": [[plain(k, depth + 1), plain(v, depth + 1)] for k, v in part.items()]}
            case _ if dataclasses.is_dataclass(part) and not isinstance(part, type):
                fields = {field.name: getattr(part, field.name) for field in dataclasses.fields(part)}
                return plain(fields, depth + 1)
            case _ if keep:
                return plain(keep(part))
            case _:
                raise WireError(f"a value of type {type(part).__name__} cannot be sent")

    return _file(arrays, json.dumps(plain(value)))


def decode(message: bytes, fetch: Callable[[Handle], object] | None = None) -> Any:
    """The value of a message; lists and tuples come back as lists, arrays as CPU tensors, dataclasses as dicts.

    Args:
        message: what ``encode`` returned, or anything that claims to be that.
        fetch: the object that a handle stands for. Without it handles stay handles.

    Raises:
        WireError: if the bytes are no message.
    """
    if len(message) > MAX_BYTES:
        raise WireError(f"the message is longer than {MAX_BYTES // 2**20} MiB")
    if int.from_bytes(message[:8], "little") > MAX_STRUCTURE:
        raise WireError("the value holds more than can be looked at, outside of tensors")
    try:
        arrays = load(message)
        if any(array.ndim > MAX_DEPTH for array in arrays.values()):
            raise WireError(f"a tensor has more than {MAX_DEPTH} dimensions")
        header = json.loads(message[8 : 8 + int.from_bytes(message[:8], "little")])
        return _Reader(arrays, fetch).value(json.loads(header["__metadata__"]["value"]))
    except Exception as error:  # hostile bytes may fail in any way, and safetensors and torch with any exception
        raise WireError(f"the bytes are no message: {sendable(str(error)[:200])}") from None


def sendable(text: str) -> str:
    """A text without lone surrogates, which no file in UTF-8 could hold."""
    return text.encode("utf-8", "replace").decode("utf-8")


def _as_tensor(array: Tensor | np.ndarray) -> Tensor:
    if isinstance(array, np.ndarray):
        try:
            array = torch.from_numpy(np.array(array, order="C"))  # no stride is negative then
        except TypeError:
            raise WireError(f"an array of dtype {array.dtype} cannot be sent") from None
    dtype = str(array.dtype).removeprefix("torch.")
    if array.dtype.is_complex:
        raise WireError(
            f"a tensor of dtype {dtype}, where real numbers are expected; its `.real` has a dtype of floats"
        )
    if array.layout != torch.strided:
        raise WireError(f"a tensor of layout {array.layout}; an ordinary one is expected, as `.to_dense()` makes it")
    if array.dtype not in DTYPES:
        raise WireError(f"a tensor of dtype {dtype} cannot be sent")
    if array.ndim > MAX_DEPTH:
        raise WireError(f"a tensor of more than {MAX_DEPTH} dimensions cannot be sent")
    if array.device.type == "meta":
        raise WireError("a tensor on the device 'meta' holds no values")
    return array.detach().cpu().resolve_neg()


def _file(arrays: Mapping[str, Tensor], structure: str) -> bytes:
    """What ``safetensors.torch.save(arrays, {"value": structure})`` writes, in about a fourth of its time.

    Two of these are written for every call of a student's function: with the library's writer, and the copies that it
    wants of arrays that share their memory, a submission takes 4 % longer. The format: the header's length in 8 bytes,
    the header as JSON, then every array's bytes (https://github.com/huggingface/safetensors#format).
    """
    header: dict[str, Any] = {"__metadata__": {"value": structure}}
    contents, end = [], 0
    for name, array in arrays.items():
        contents.append(array.view(AS_NUMBERS.get(array.dtype, array.dtype)).numpy().tobytes())
        begin, end = end, end + len(contents[-1])
        header[name] = {"dtype": DTYPES[array.dtype], "shape": list(array.shape), "data_offsets": [begin, end]}
    text = json.dumps(header).encode()
    return b"".join([len(text).to_bytes(8, "little"), text, *contents])


@dataclass
class _Reader:
    """Turns a message's JSON into its value, and counts: a message is read once, and all that is in it is bounded."""

    arrays: dict[str, Tensor]
    fetch: Callable[[Handle], object] | None
    parts: int = 0
    handles: int = 0

    def value(self, part: Any, depth: int = 0) -> Any:
        self.parts += 1
        if self.parts > MAX_PARTS or depth > MAX_DEPTH:
            raise WireError(f"the value has more than {MAX_PARTS} parts, or more than {MAX_DEPTH} levels")
        if part is None or isinstance(part, (bool, str)):
            return part
        ((kind, content),) = part.items()
        match kind, content:
            case "int", str() if len(content) <= MAX_DIGITS:
                return int(content)
            case "float", str() if len(content) <= MAX_DIGITS:
                return float.fromhex(content)
            case "array", str():
                return self.arrays.pop(content)  # each only once: a list of one array a thousand times is not small
            case "handle", [int() as number, str() as name]:
                self.handles += 1
                if self.handles > MAX_HANDLES:
                    raise WireError(f"the value has more than {MAX_HANDLES} objects that cannot be sent")
                handle = Handle(number, sendable(name[:80]))
                return self.fetch(handle) if self.fetch else handle
            case "list", list():
                return [self.value(item, depth + 1) for item in content]
            case "dict", list():
                return {self.key(k, depth + 1): self.value(v, depth + 1) for k, v in content}
            case _:
                raise WireError("there is a part of no kind that is known, or with too long a number")

    def key(self, part: Any, depth: int) -> Any:
        found = self.value(part, depth)
        if not (found is None or isinstance(found, (bool, str, int, float))):
            raise WireError("a key is no number and no text")
        return found
