"""The course's package as a student's code sees it while an exercise is graded (on the student's side).

What is there is decided, and packed into a *bundle*, on the trusted side (``trusted.bundle``). The real files cannot be
read by a worker.
"""

import dis
import hashlib
import importlib
import importlib.abc
import importlib.machinery
import importlib.util
import marshal
import sys
import types
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

NAME = __package__.partition(".")[0]


class Redacted:
    """Stands in the package for what is not offered: it can be imported, and says so when it is used.

    In the place of an exercise it is what the student wrote, if they did.
    """

    def __init__(self, why: str, find: Callable[[], Any]) -> None:
        self._why = why
        self._find = find

    def _yours(self) -> Any:
        found = self._find()
        if found is None or isinstance(found, Redacted):
            raise ImportError(self._why)
        return found

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Call the student's, unless it is that which calls."""
        found = self._yours()
        if getattr(found, "__code__", None) is sys._getframe(1).f_code:
            raise ImportError(self._why)
        return found(*args, **kwargs)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):  # what asks for these only wants to know what it is
            raise AttributeError(name)
        return getattr(self._yours(), name)

    def __getitem__(self, key: Any) -> Any:
        return self._yours()[key]

    def __iter__(self) -> Any:
        return iter(self._yours())

    def __instancecheck__(self, instance: object) -> bool:
        return isinstance(instance, self._yours())

    def __subclasscheck__(self, kind: type) -> bool:
        return issubclass(kind, self._yours())

    def __mro_entries__(self, bases: tuple[Any, ...]) -> tuple[type]:
        return (self._yours(),)

    def __or__(self, other: object) -> Any:  # annotations: ``Transformer | None``
        return Any

    __ror__ = __or__


def _operator(name: str) -> Callable[..., Any]:
    return lambda self, *others: getattr(self._yours(), name)(*others)


for _name in ("add", "sub", "mul", "truediv", "floordiv", "mod", "pow", "matmul"):
    setattr(Redacted, f"__{_name}__", _operator(f"__{_name}__"))
    setattr(Redacted, f"__r{_name}__", _operator(f"__r{_name}__"))
for _name in ("lt", "le", "gt", "ge", "len", "contains", "int", "float", "index", "neg"):
    setattr(Redacted, f"__{_name}__", _operator(f"__{_name}__"))


def install_bundle(content: bytes, find: Callable[[str], Any]) -> None:
    """Make the bundle the only grokcourse that can be imported (on the student's side, before any of it is).

    Args:
        content: what ``bundle.build_bundle`` returned.
        find: returns what the student wrote under a name, or None.
    """
    parts = __package__.split(".")
    for depth in range(1, len(parts) + 1):
        sys.modules[".".join(parts[:depth])].__path__ = []
    sys.modules[f"{NAME}.autograder"].check = lambda answer, name=None: answer  # type: ignore[attr-defined]
    sys.meta_path.insert(0, _BundleImporter(marshal.loads(content), find))


def provide(others: Mapping[str, str], names: dict[str, Any], used: Collection[str]) -> None:
    """Put the course's own solutions of other exercises where a submission uses them: each is tested by itself.

    Args:
        others: exercise → the module that has it.
        names: what the submission defined.
        used: the names that its code uses.
    """
    for name, module in others.items():
        if name in used:
            names[name] = getattr(importlib.import_module(f"{NAME}.{module}"), name)


def close(fingerprints: Mapping[str, str], names: dict[str, Any]) -> None:
    """Take out of a submission what it was given and what would do the exercise.

    Args:
        fingerprints: of given functions, see ``fingerprint``, and what messages call each.
        names: what the submission defined.
    """
    for thing in list(names.values()) if fingerprints else ():
        if isinstance(thing, type):
            for name, function in list(vars(thing).items()):
                if isinstance(function, types.FunctionType) and (
                    given := fingerprints.get(fingerprint(function.__code__))
                ):
                    type.__setattr__(thing, name, _refusing(given))


def _refusing(name: str) -> Callable[..., Any]:
    def refuse(*_: Any, **__: Any) -> Any:
        raise ImportError(f"{name} is not there while this is graded, since it does what is asked: write it yourself")

    return refuse


_OPERATORS = frozenset(dis.opmap[name] for name in ("BINARY_OP", "COMPARE_OP"))


def fingerprint(code: types.CodeType) -> str:
    """What a function does, in a few digits: whatever its name, docstring, and place in a file.

    Not the instructions themselves: these differ with what a module imports.
    """
    constants = [fingerprint(part) if isinstance(part, types.CodeType) else repr(part) for part in code.co_consts[1:]]
    instructions = zip(code.co_code[::2], code.co_code[1::2], strict=True)  # not dis, which takes thirty times as long
    operators = [one for one in instructions if one[0] in _OPERATORS]
    content = repr((code.co_names, code.co_varnames, constants, operators))
    return hashlib.sha256(content.encode()).hexdigest()


class _BundleImporter(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    def __init__(self, bundle: dict[str, Any], find: Callable[[str], Any]) -> None:
        self.modules = bundle["modules"]
        self.exercises = {tuple(place) for place in bundle["exercises"]}
        self.tested, self.graded = bundle["tested"], bundle["graded"]
        self.find = find

    def find_spec(self, name: str, path: Sequence[str] | None, target: Any = None) -> Any:
        if name in self.modules:
            is_package = self.modules[name][0]
            return importlib.util.spec_from_loader(name, self, origin=f"<{name}>", is_package=is_package)
        if name.startswith(f"{NAME}."):
            raise ModuleNotFoundError(f"{name} cannot be imported by code that is being graded", name=name)
        return None

    def exec_module(self, module: types.ModuleType) -> None:
        name = module.__name__
        _, code, known = self.modules[name]
        module.__file__ = f"<{name}>"

        def redacted(what: str) -> Redacted:
            return self.redacted(name, what)

        def missing(what: str) -> Any:
            if what not in known:
                raise AttributeError(f"module {name!r} has no attribute {what!r}")
            source, _, there = known[what].partition(":")
            if not source:
                return redacted(what)
            found = importlib.import_module(source)
            return getattr(found, there) if there else found

        vars(module).update(__redacted__=redacted, __getattr__=missing)
        vars(module)["__all__"] = [what for what in known if not what.startswith("_")]
        exec(marshal.loads(code), module.__dict__)

    def redacted(self, module: str, name: str) -> Redacted:
        """What stands in a module for a name of it that is not offered."""
        is_exercise = (module, name) in self.exercises
        advice = "only what you write yourself counts" if is_exercise and name in self.tested else "write it yourself"
        why = f"{module}.{name} is not there while {self.graded}: {advice}"
        return Redacted(why, lambda: self.find(name) if is_exercise else None)
