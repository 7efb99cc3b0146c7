"""What a student reads where no hint fits: the call, what came back, and what an error means.

Everything here is made on the trusted side, from what the hidden test sent (``Exchange.args``) and from plain data that
came back. What came back may be hostile: it is looked at a little at a time, and never asked how it describes itself.
"""

import inspect
import math
import re
from collections.abc import Iterator, Sequence
from itertools import islice
from types import TracebackType
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor

from ...config import RunConfig
from ..sandbox import protocol
from .errors import explained
from .spec import Exercise
from .student import Exchange, RemoteObject, StudentError

MAX_CODE = 300
"""Characters of a call that is printed whole, as code to paste."""
MAX_NUMBERS = 60
"""Numbers of a tensor that is printed whole."""
FEW = 6
"""How many of many values are named."""

MADE = {
    "call_on_views": "with tensors that are views into larger ones, not contiguous",
    "call_with_arrays": "",
    "call_with_config": "",
    "call_with_copies": "",
    "call_with_dtype": "",
    "changes_arrays": "",
    "returns_attached": "",
    "gradient": "and the gradient of its sum",
    "params_without_grad": "and the gradient of its sum",
}
"""What tests have done with a function on the student's side (see ``fixtures``), and how to say so."""
JUDGED = ("changes_arrays", "returns_attached", "gradient", "params_without_grad")
"""Those of them that do not return what the function returned."""
WRAPPED = ("call_on_views", "call_with_copies")
"""Those of them that return it with something else beside it."""
ON_ARRAYS = ("call_with_arrays", "changes_arrays")
"""Those of them that pass numpy arrays in place of tensors."""


def of_calls(looked: Sequence[Exchange], log: Sequence[Exchange], names: Sequence[str]) -> str:
    """What calls returned that a test found wanting, in a sentence each.

    Args:
        looked: the calls, as from ``looked_at``.
        log: all messages of the test.
        names: the exercise's parameters, to name large arguments.
    """
    return " ".join(
        f"This was {call_of(one, log, names)}."
        if one.name in JUDGED
        else f"{call_of(one, log, names)} returned {said(_returned(one))}."
        for one in looked
    )


def of_an_error(log: Sequence[Exchange], names: Sequence[str], error: StudentError) -> str:
    """The call at which the student's code raised, their line, and what the error means; or nothing."""
    parts = [f"This was {call_of(log[-1], log, names)}."] if log and _is_call(log[-1]) else []
    if error.line:
        parts.append(f"Your line: `{printable(error.line)}`.")
    return " ".join([*parts, explained(error.kind, error.text)]).strip()


def looked_at(log: Sequence[Exchange], trace: TracebackType | None) -> list[Exchange]:
    """The calls (two at most) that a failing test was looking at, as the variables of its frames tell."""
    calls = [one for one in log if _is_call(one)]
    unique, small = _values_in(trace)

    def score(one: Exchange) -> int:
        parts = [*one.args, *one.kwargs.values(), *_parts(one.value)]
        return sum(4 if id(part) in unique else type(part) in (int, bool, str) and id(part) in small for part in parts)

    scores = [score(one) for one in calls]
    best = max(scores, default=0)
    if not best:
        return calls[-1:] if len(calls) == 1 else calls[:0]
    found = [one for one, points in zip(calls, scores, strict=True) if points == best]
    return found[: 2 if best >= 4 else 1]


def _values_in(trace: TracebackType | None) -> tuple[set[int], set[int]]:
    """What the variables of a trace's frames hold: the ids of values of their own, and of those that all share."""
    unique: set[int] = set()
    small: set[int] = set()
    while trace:
        for value in trace.tb_frame.f_locals.values():
            for part in _parts(value):
                (small if part is None or isinstance(part, (bool, int, str)) else unique).add(id(part))
        trace = trace.tb_next
    return unique, small


def _parts(value: Any) -> Iterator[Any]:
    """A value, and what it holds if it is a small container or an object of a test's own."""
    yield value
    if isinstance(value, dict):
        yield from islice(value.values(), FEW)
    elif isinstance(value, tuple):
        yield from value[:FEW]
    elif re.fullmatch(rf"{re.escape(__package__)}\.\w+\.checks", type(value).__module__):
        yield from vars(value).values()


def _is_call(one: Exchange) -> bool:
    made = one.operation == "make" and one.name in MADE
    return made or one.operation == "call" or (one.operation == "method" and one.name == "__call__")


def _returned(one: Exchange) -> Any:
    is_wrapped = one.name in WRAPPED and isinstance(one.value, dict) and "value" in one.value
    return one.value["value"] if is_wrapped else one.value


# --- what was asked ---------------------------------------------------------------------------------------------------


def inputs(one: Exchange, exercise: Exercise) -> dict[str, Any]:
    """The arguments of a call by the parameters' names; none if not all of them are data."""
    args, kwargs = [*(one.args[1:] if one.operation in ("make", "method") else one.args)], dict(one.kwargs)
    if exercise.question or isinstance(exercise.solution, type):
        return {}
    if one.name == "call_with_config":
        args, kwargs = [RunConfig(**kwargs), *args], {}
    elif one.name == "call_with_dtype":
        args, kwargs = args[1:], {"dtype": getattr(torch, args[0])}
    elif one.name in ON_ARRAYS:
        args = [arg.numpy() if isinstance(arg, Tensor) else arg for arg in args]
    try:
        found = inspect.signature(exercise.solution).bind(*args, **kwargs).arguments
    except TypeError:
        return {}
    return {} if any(isinstance(value, RemoteObject) for value in found.values()) else found


def call_of(one: Exchange, log: Sequence[Exchange], names: Sequence[str] = ()) -> str:
    """A call as code that can be pasted, between backticks; what is too large for that is described behind it."""
    made = {x.value.handle: x for x in log if x is not one and isinstance(x.value, RemoteObject)}
    args, kwargs, function, how = list(one.args), dict(one.kwargs), one.name, ""
    if one.operation in ("make", "method"):
        how = MADE.get(one.name, "")
        owner = args.pop(0)
        named = [x.name for x in log if x.operation == "value" and x.value is owner]  # data, where a function should be
        function = named[0] if named else _expression(owner, made)
        if one.name == "call_with_dtype":
            kwargs["dtype"] = f"torch.{args.pop(0)}"
        elif one.name in ON_ARRAYS:
            args = [arg.numpy() if isinstance(arg, Tensor) else arg for arg in args]
    described = []

    def written(arg: Any, name: str) -> str:
        if isinstance(arg, RemoteObject | protocol.Handle):
            described.extend(_ingredients(arg, made))
            return _expression(arg, made)
        if name == "dtype" and isinstance(arg, str):
            return arg
        text = code(arg)
        if text is None or len(text) > MAX_CODE / 2:
            described.append(f"`{name}` is {said(arg)}")
            return name
        return text

    named = [f"{key}={written(value, key)}" for key, value in kwargs.items()]
    parts = []
    if one.name == "call_with_config":
        parts, named, names = [f"RunConfig({', '.join(named)})"], [], names[1:]
    names = [*names, *(f"x{number}" for number in range(len(names) + 1, len(args) + 1))]
    parts += [written(arg, name) for arg, name in zip(args, names, strict=False)] + named
    text = f"`{function}({', '.join(parts)})`"
    more = "; ".join(filter(None, [how, *described]))
    return f"{text} ({more})" if more else text


def _expression(arg: Any, made: dict[protocol.Handle, Exchange], depth: int = 0) -> str:
    """How code would write something that stands on the student's side."""
    arg = arg.handle if isinstance(arg, RemoteObject) else arg
    origin = made.get(arg) if isinstance(arg, protocol.Handle) else None
    if origin is None or depth > 3:
        return "it"
    if origin.operation == "value":
        return origin.name
    if origin.operation == "call":
        parts = [
            _expression(a, made, depth + 1) if isinstance(a, RemoteObject) else code(a) or "…" for a in origin.args
        ]
        parts += [f"{key}={code(value) or '…'}" for key, value in origin.kwargs.items()]
        return f"{origin.name}({', '.join(parts)})"
    return origin.name if origin.operation == "make" else "it"


def _ingredients(arg: Any, made: dict[protocol.Handle, Exchange]) -> list[str]:
    """What a module of a test's own was made of."""
    origin = made.get(arg.handle if isinstance(arg, RemoteObject) else arg)
    if origin is None or (origin.operation, origin.name) != ("make", "module"):
        return []
    own, inner, constants = origin.args
    weights = [(f"own_{i}", x) for i, x in enumerate(own)] + [(f"inner.{i}", x) for i, x in enumerate(inner)]
    parts = ["its parameters are " + ", ".join(f"`{name}`: {said(x)}" for name, x in weights)]
    parts += ["its buffers are " + ", ".join(map(said, constants))] if constants else []
    return parts


def code(value: Any) -> str | None:
    """A value as Python code, if it is small; otherwise None."""
    match value:
        case None | bool():
            return repr(value)
        case int():
            return repr(value) if abs(value) < 10**20 else None
        case float():
            return repr(value) if math.isfinite(value) else f'float("{value}")'
        case str():
            return repr(value) if len(value) <= FEW**2 else None
        case np.ndarray():
            return _array_code(torch.from_numpy(value), "np.array", "np.")
        case Tensor():
            return _array_code(value)
        case list() | tuple() if len(value) <= 2 * FEW:
            parts = [code(part) for part in value]
            if any(part is None for part in parts):
                return None
            inner = ", ".join(part for part in parts if part)
            return f"[{inner}]" if isinstance(value, list) else f"({inner}{',' * (len(value) == 1)})"
    return None


def _array_code(value: Tensor, make: str = "torch.tensor", library: str = "torch.") -> str | None:
    if value.numel() > MAX_NUMBERS:
        return None
    if 0 in value.shape:
        return f"{library}empty({tuple(value.shape)})"
    floats = torch.float32 if library == "torch." else torch.float64
    dtype = "" if value.dtype in (floats, torch.int64, torch.bool) else f", dtype={library}{_name(value.dtype)}"
    single = value.dtype in (torch.float32, torch.float16, torch.bfloat16)

    def written(part: Any) -> str:
        if isinstance(part, list):
            return f"[{', '.join(map(written, part))}]"
        if isinstance(part, float):
            if not math.isfinite(part):
                return f'float("{part}")'
            return str(np.float32(part)) if single else repr(part)
        return repr(part)

    text = f"{make}({written(value.tolist())}{dtype})"
    return text if len(text) <= MAX_CODE else None


# --- what came back ---------------------------------------------------------------------------------------------------


def said(value: Any, depth: int = 0) -> str:
    """A value in words, never many; small ones as they are."""
    match value:
        case None | bool():
            return f"`{value}`"
        case int():
            return f"`{value}`" if abs(value) < 10**20 else "a whole number of more than 20 digits"
        case float():
            return f"`{value:.6g}`"
        case str():
            return f"the text `{printable(value[: FEW**2])}{'…' * (len(value) > FEW**2)}`"
        case Tensor():
            return _tensor_said(value)
        case np.ndarray():
            return _tensor_said(torch.from_numpy(value), "array")
        case list() | tuple():
            few = ", ".join(said(part, depth + 1) for part in value[:FEW]) if depth < 2 else ""
            more = ", …" if len(value) > FEW else ""
            return f"a list of {len(value)}{f' ({few}{more})' if few else ''}"
        case dict():
            named = [(key, part) for key, part in islice(value.items(), FEW) if isinstance(key, str)]
            named = named if depth < 2 else []
            parts = [f"{printable(key[: FEW**2])} = {said(part, depth + 1)}" for key, part in named]
            parts += ["…"] if len(value) > len(named) else []
            return (
                ", ".join(parts) if named else f"a dict with {len(value)} {'entry' if len(value) == 1 else 'entries'}"
            )
        case RemoteObject() | protocol.Handle():
            return kind_of(value)
    return "something else"


def _name(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")


def _tensor_said(value: Tensor, kind: str = "tensor") -> str:
    dtype = _name(value.dtype)
    if value.numel() <= MAX_NUMBERS // 2 and value.numel():

        def written(part: Any) -> str:
            if isinstance(part, list):
                return f"[{', '.join(map(written, part))}]"
            return f"{part:.5g}" if isinstance(part, float) else repr(part)

        return f"`{kind}({written(value.tolist())})` ({dtype})"
    text = f"{'an' if dtype[0] in 'iu' else 'a'} {dtype} {kind} of shape {tuple(value.shape[:FEW])}"
    if not value.numel():
        return text
    first = ", ".join(f"{x:.4g}" if isinstance(x, float) else str(x) for x in value.flatten()[:4].tolist())
    odd = int((~value.isfinite()).sum()) if value.dtype.is_floating_point else 0
    return f"{text} that begins with {first}" + (f", and {odd} of its values are not finite" if odd else "")


OURS = {"NumpyArray": "numpy array", "ndarray": "numpy array"}


def kind_of(value: Any) -> str:
    """What it is, with an article: a type's name, but of what stands on the student's side only what is printable."""
    if value is None:
        return "None"
    if isinstance(value, RemoteObject | protocol.Handle):
        kind = (value.handle if isinstance(value, RemoteObject) else value).kind
        kind = OURS.get(kind) or re.sub(r"\W+", " ", kind[:40]).strip() or "object"
    else:
        kind = "tensor" if isinstance(value, Tensor) else type(value).__name__
    return f"{'an' if kind[:1].lower() in 'aeiou' else 'a'} {kind}"


def printable(text: str) -> str:
    """A text in one line, without what a terminal or a page could trip over."""
    return "".join(char if char.isprintable() and char != "`" else " " for char in text).strip()


def parameters(exercise: Exercise) -> list[str]:
    """The names of a function's parameters, or of a module's ``forward``."""
    if exercise.question:
        return []
    answer = exercise.solution
    if inspect.isclass(answer):
        return [*inspect.signature(cast(Any, answer).forward).parameters][1:]
    return [*inspect.signature(answer).parameters]
