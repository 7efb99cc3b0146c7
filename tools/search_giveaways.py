"""Does what the course offers while an exercise is graded do the exercise? Tries it all, before a release.

For every exercise this calls each function and class that a student's code can reach then (``autograder.offers``), with
the exercise's own arguments wired to theirs by kind and name: the arguments themselves, their columns, lengths and
attributes, options as documented, up to two calls deep, and then indexed, transposed or summed up. Whatever agrees with
the reference on inputs of the hidden tests is graded. It should find nothing but the exercise itself: where the task is
to put two given functions together, putting them together is an answer.

    python tools/search_giveaways.py [EXERCISE ...]

Prints what is accepted, one line each, and a closing line; the exit code is 1 if anything is.
"""

import argparse
import collections.abc
import copy
import dataclasses
import importlib
import inspect
import itertools
import sys
import types
import typing
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from grokcourse.autograder.exercises.select import CHAPTERS, EXERCISES
from grokcourse.autograder.exercises.spec import Exercise
from grokcourse.autograder.feedback import run_checks
from grokcourse.autograder.sandbox.trusted import bundle

SEED = "giveaways"
CASES = 3
"""On so many inputs a candidate has to agree with the reference before it is graded."""
MAX_WIRINGS = 400
"""Ways to wire one function; more are not tried."""
MAX_VALUES = 200
"""Different results of single calls that second calls are made with."""
LARGEST = 200
"""No greater number is handed on: tables of that size would be made."""

Arguments = dict[str, Any]


@dataclass(frozen=True)
class Expression:
    """Something computed from an exercise's arguments."""

    text: str
    of: Callable[[Arguments], Any]
    calls: frozenset[str] = frozenset()
    depth: int = 0
    """How many calls deep."""

    def then(self, text: str, step: Callable[[Any], Any]) -> "Expression":
        """The same, and a step after it."""
        of = self.of
        return Expression(text.format(self.text), lambda given: step(of(given)), self.calls, self.depth)


Found = tuple[Expression, Any]
"""An expression and its value for the first arguments."""


@dataclass(frozen=True)
class Case:
    """What a hidden test asked the reference, and what it returned."""

    arguments: Arguments
    result: Any


def functions(exercise: Exercise) -> dict[str, Callable[..., Any]]:
    """What a worker in which the exercise is tested can call, by itself or with its chapter, by full names."""
    places = bundle.offered([exercise]) | bundle.offered(CHAPTERS[exercise.chapter])
    return callables(exercise, places)


def callables(exercise: Exercise, places: Iterable[bundle.Place]) -> dict[str, Callable[..., Any]]:
    """Those of these places that can be called; not those that call the exercise themselves."""
    module, _, name = exercise.reference.partition(":")
    found = {}
    for place in sorted(places):
        if (module, name) in bundle._needed({place}, set()):
            continue
        thing = getattr(importlib.import_module(f"grokcourse.{place[0]}"), place[1], None)
        if callable(thing) and getattr(thing, "__module__", "").startswith("grokcourse"):
            found[".".join(place)] = thing
    return found


def accepted(exercise: Exercise, tried: dict[str, Callable[..., Any]]) -> tuple[int, list[Expression]]:
    """How many expressions were tried as answers to an exercise, and those that get all of its points."""
    cases = captured(exercise)
    first = cases[0].arguments
    if exercise.blank:  # the methods that the class comes with
        given = {name for name in vars(exercise.target) if not name.startswith("_")}
        methods = given - {exercise.blank, *exercise.omits}
        tried = tried | {f"self.{name}": name for name in methods}  # type: ignore[dict-item]
    seen: set[str] = set()
    values = _new(((one, _look(one, first)) for one in atoms(first)), seen)
    once = _new(_with_parts(calls(tried, values, first)), seen)
    mixed = [*once[:MAX_VALUES], *values]
    deep = _new((found for found in calls(tried, mixed, first) if found[0].depth > 1), seen)
    accepted, count = [], 0
    for one, value in (*once, *deep):
        for text, step in ends(value, first):
            count += 1
            if not _alike(_quietly(lambda step=step, value=value: step(value, first)), cases[0].result):
                continue
            answer = Expression(
                text.format(one.text),
                lambda given, one=one, step=step: step(one.of(given), given),
                one.calls,
                one.depth,
            )
            if all(_alike(_look(answer, case.arguments), case.result) for case in cases[1:]) and _passes(
                exercise, answer
            ):
                accepted.append(answer)
    return count, accepted


def is_the_exercise(exercise: Exercise, answer: Expression) -> bool:
    """Whether an answer puts together just what the reference itself puts together."""
    used = {".".join(place) for place in bundle._derived(bundle._place(exercise.reference))}
    return len(answer.calls) > 1 and answer.calls <= used


def captured(exercise: Exercise) -> list[Case]:
    """Inputs of the hidden tests, the smallest first, and what the reference makes of them."""
    cases: list[Case] = []
    target = exercise.target
    function = getattr(target, exercise.blank) if exercise.blank else target
    signature = inspect.signature(function)

    def recording(*args: Any, **kwargs: Any) -> Any:
        bound = signature.bind(*args, **kwargs)
        bound.apply_defaults()
        before = {name: _kept(value) for name, value in bound.arguments.items()}
        result = function(*args, **kwargs)
        cases.append(Case(before, _kept(result)))
        return result

    run_checks(exercise, _answer(exercise, recording), SEED)
    if not cases:
        raise LookupError(f"the hidden tests of {exercise.name} do not call it")
    fullest = max(sum(value is not None for value in case.arguments.values()) for case in cases)
    full = [case for case in cases if sum(value is not None for value in case.arguments.values()) == fullest]
    full.sort(key=lambda case: _size(case.arguments))
    quarter = len(full) // 4  # the very smallest agree with anything
    return full[quarter :: max(1, len(full) // (2 * CASES))][:CASES]


def atoms(arguments: Arguments) -> Iterator[Expression]:
    """The arguments, and what is read off them at once."""
    for name, value in arguments.items():
        whole = Expression(name, lambda given, name=name: given[name])
        yield whole
        if isinstance(value, Tensor) and value.ndim:
            yield whole.then("len({})", len)
            yield whole.then("{}.shape[-1]", lambda x: x.shape[-1])
            yield whole.then("-{}", lambda x: -x)
            if value.ndim > 1:
                yield whole.then("{}.T", lambda x: x.movedim(0, -1))
                for column in range(min(3, value.shape[1]) if value.ndim == 2 and not value.is_floating_point() else 0):
                    yield whole.then(f"{{}}[:, {column}]", lambda x, column=column: x[:, column])
        elif isinstance(value, nn.Module):
            for part, _ in itertools.islice(value.named_parameters(), 12):
                yield whole.then(f"{{}}.{part}", lambda x, part=part: x.get_parameter(part))
        elif dataclasses.is_dataclass(value):
            for text, step in parts(value):
                yield whole.then(text, step)


def calls(tried: dict[str, Callable[..., Any]], values: Sequence[Found], first: Arguments) -> Iterator[Found]:
    """Every call of every function with these values, wired by kind and name, and what it returns."""
    for name, function in tried.items():
        method = function if isinstance(function, str) else ""
        signature = _signature(getattr(type(first["self"]), method) if method else function)
        if signature is None:
            continue
        wanted = [
            parameter
            for parameter in signature.parameters.values()
            if parameter.kind not in (parameter.VAR_KEYWORD, parameter.VAR_POSITIONAL)
            and not (method and parameter.name == "self")
        ]
        for named in itertools.islice(_wirings(wanted, values), MAX_WIRINGS):
            text = f"{name}({', '.join(f'{key}={one.text}' for key, (one, _) in named)})"
            inside = frozenset({name}).union(*(one.calls for _, (one, _) in named))
            depth = 1 + max((one.depth for _, (one, _) in named), default=0)

            def called(given: Arguments, keywords: Arguments, function=function, method=method) -> Any:
                keywords = {key: _copied(value) for key, value in keywords.items()}
                return (getattr(given["self"], method) if method else function)(**keywords)

            def of(given: Arguments, named=tuple(named), called=called) -> Any:
                return called(given, {key: one.of(given) for key, (one, _) in named})

            keywords = {key: value for key, (_, value) in named}
            value = _quietly(lambda called=called, keywords=keywords: called(first, keywords))
            if value is not None:
                yield Expression(text, of, inside, depth), value


def _with_parts(found: Iterable[Found]) -> Iterator[Found]:
    for one, value in found:
        yield one, value
        for text, step in parts(value):
            yield one.then(text, step), _quietly(lambda step=step, value=value: step(value))


def parts(value: Any) -> Iterator[tuple[str, Callable[[Any], Any]]]:
    """The items of a value, if they are few, and the attributes of a thing of the course's."""
    if isinstance(value, (tuple, list)) and 0 < len(value) <= 4:
        for index in range(len(value)):
            yield f"{{}}[{index}]", lambda x, index=index: x[index]
    elif type(value).__module__.startswith("grokcourse") and not isinstance(value, nn.Module):
        for name in dir(value):
            if not name.startswith("_") and not callable(_quietly(lambda name=name: getattr(value, name))):
                yield f"{{}}.{name}", lambda x, name=name: getattr(x, name)


def ends(value: Any, first: Arguments) -> Iterator[tuple[str, Callable[[Any, Arguments], Any]]]:
    """What to make an answer of a value with: nothing, or an index, a transposition, a sum."""
    yield "{}", lambda x, _: x
    if isinstance(value, (tuple, list)) and len(value) > 1 and all(isinstance(part, Tensor) for part in value):
        for dim in (0, 1):
            yield f"torch.stack({{}}, {dim})", lambda x, _, dim=dim: torch.stack(list(x), dim)
    if not isinstance(value, Tensor) or not value.ndim:
        return
    places = [name for name, given in first.items() if isinstance(given, Tensor) and given.dtype == torch.int64]
    for count in (1, 2):
        for names in itertools.permutations(places, count):
            index = f"{{}}[{', '.join(names)}]"
            yield index, lambda x, given, names=names: x[tuple(given[name] for name in names)]
    yield "{}.movedim(0, -1)", lambda x, _: x.movedim(0, -1)
    yield "{}.square()", lambda x, _: x.square()
    for name in ("sum", "mean", "var", "norm") if value.is_floating_point() else ():
        yield f"{{}}.{name}()", lambda x, _, name=name: getattr(x, name)()
        for dim in ((0,), (-1,), (0, 1))[: 3 if value.ndim > 1 else 1]:
            yield f"{{}}.{name}({dim})", lambda x, _, name=name, dim=dim: getattr(x, name)(dim=dim)


def _new(found: Iterable[Found], seen: set[str]) -> list[Found]:
    """Those whose values have not been seen yet."""
    kept = []
    for one, value in found:
        key = _key(value)
        if value is not None and key not in seen:
            seen.add(key)
            kept.append((one, value))
    return kept


def _wirings(wanted: Sequence[inspect.Parameter], values: Sequence[Found]) -> Iterator[list[tuple[str, Found]]]:
    """What to call a function with: all that it requires, and of what it does not one or what is named alike."""
    required = [one for one in wanted if one.default is one.empty]
    optional = [one for one in wanted if one.default is not one.empty]
    choices = {one.name: _choices(one, values) for one in wanted}
    alike = [(one.name, choices[one.name][0]) for one in optional if choices[one.name][:1]]
    alike = [(name, value) for name, value in alike if value[0].text == name]
    single = [[(one.name, value)] for one in optional for value in choices[one.name][:6]]
    pairs = [[*one, *other] for one, other in itertools.combinations(single, 2) if one[0][0] != other[0][0]]
    for chosen in itertools.product(*(choices[one.name] for one in required)):
        basis = [(one.name, value) for one, value in zip(required, chosen, strict=True)]
        for more in ([], *([alike] if alike else []), *single, *pairs[:8]):
            yield [*basis, *more]


def _choices(parameter: inspect.Parameter, values: Sequence[Found]) -> list[Found]:
    """What a parameter may be given: first what is named alike, and what has been called already."""
    annotation = parameter.annotation
    found = [one for one in values if _fits(one[1], annotation)]
    options = [option for part in (annotation, *typing.get_args(annotation)) for option in _options(part)]
    found += [(Expression(repr(option), lambda given, option=option: option), option) for option in options]
    return sorted(found, key=lambda one: (one[0].text != parameter.name, not one[0].calls))


def _options(annotation: Any) -> tuple[Any, ...]:
    return typing.get_args(annotation) if typing.get_origin(annotation) is typing.Literal else ()


def _fits(value: Any, annotation: Any) -> bool:
    if isinstance(value, (int, float)) and not abs(value) <= LARGEST:
        return False
    if annotation is inspect.Parameter.empty or isinstance(annotation, str) or annotation is Any:
        return True
    if typing.get_origin(annotation) in (typing.Union, types.UnionType):
        return any(_fits(value, part) for part in typing.get_args(annotation))
    if typing.get_origin(annotation) in (list, tuple, collections.abc.Iterable, collections.abc.Sequence):
        return isinstance(value, (list, tuple)) or (isinstance(value, Tensor) and value.ndim == 1)
    kind = typing.get_origin(annotation) or annotation
    return isinstance(kind, type) and isinstance(value, kind)


def _kept(value: Any) -> Any:
    """A copy that nothing changes any more."""
    if isinstance(value, Tensor):
        return value.detach().clone()
    return type(value)(map(_kept, value)) if type(value) in (list, tuple) else copy.deepcopy(value)


def _copied(value: Any) -> Any:
    return copy.deepcopy(value) if isinstance(value, nn.Module) else value  # some functions change a model


def _signature(function: Callable[..., Any]) -> inspect.Signature | None:
    try:
        return inspect.signature(function)
    except (TypeError, ValueError):
        return None


def _quietly(call: Callable[[], Any]) -> Any:
    try:
        with warnings.catch_warnings(), torch.no_grad():
            warnings.simplefilter("ignore")
            return call()
    except Exception:  # most wirings make no sense
        return None


def _look(one: Expression, arguments: Arguments) -> Any:
    return _quietly(lambda: one.of(arguments))


def _key(value: Any) -> str:
    if isinstance(value, Tensor):
        return f"{value.dtype} {tuple(value.shape)} {value.flatten()[:200].tolist()}"
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(map(_key, value))}]"
    return f"{type(value).__name__} {id(value) if callable(value) else repr(value)[:300]}"


def _size(value: Any) -> int:
    if isinstance(value, Tensor):
        return value.numel()
    if isinstance(value, nn.Module):
        return sum(weight.numel() for weight in value.parameters())
    items = value.values() if isinstance(value, dict) else value if isinstance(value, (list, tuple)) else ()
    return 1 + sum(map(_size, items)) + (value if isinstance(value, int) else 0)


def _alike(one: Any, other: Any) -> bool:
    if isinstance(other, (tuple, list)) and isinstance(one, (tuple, list)):
        return len(one) == len(other) and all(map(_alike, one, other))
    try:
        one, other = (torch.as_tensor(value).detach().double() for value in (one, other))
    except (TypeError, ValueError, RuntimeError):
        return one is not None and type(one) is type(other) and one == other
    return one.shape == other.shape and torch.allclose(one, other, rtol=1e-3, atol=1e-4, equal_nan=True)


def _answer(exercise: Exercise, function: Callable[..., Any]) -> Any:
    if not exercise.blank:
        return function
    return type(exercise.name, (exercise.target,), {exercise.blank: lambda *args, **kwargs: function(*args, **kwargs)})


def _passes(exercise: Exercise, candidate: Expression) -> bool:
    function = getattr(exercise.target, exercise.blank) if exercise.blank else exercise.target
    signature = inspect.signature(function)

    def answer(*args: Any, **kwargs: Any) -> Any:
        bound = signature.bind(*args, **kwargs)
        bound.apply_defaults()
        return candidate.of(dict(bound.arguments))

    outcomes = run_checks(exercise, _answer(exercise, answer), SEED)
    return all(outcome.passed for outcome in outcomes if not outcome.side)


def main() -> int:
    """Search for all exercises, or those that are named; the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("exercises", nargs="*", metavar="EXERCISE", help="only these")
    torch.set_num_threads(1)
    names = parser.parse_args().exercises or [one.name for one in EXERCISES.values() if not one.question]
    count = given = 0
    for name in names:
        exercise = EXERCISES[name]
        tried, found = accepted(exercise, functions(exercise))
        count += tried
        for answer in found:
            itself = is_the_exercise(exercise, answer)
            given += not itself
            print(f"{name}: {answer.text}{' (which is the exercise)' if itself else ''}", flush=True)
    print(f"{len(names)} exercises, {count:,} expressions tried: {given} give an exercise away")
    return bool(given)


if __name__ == "__main__":
    sys.exit(main())
