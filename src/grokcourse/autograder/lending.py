"""The course's package as a student's code sees it while an exercise is graded: all of it but that exercise.

Students' code may import the course's modules, and uses their helpers. What it is asked to write must not be there to
be imported or copied. So the trusted side sends a *parcel*: the compiled modules, without the graders, and with a
``Withheld`` in the place of the exercise. The real files cannot be read by the worker.
"""

import ast
import functools
import importlib
import importlib.abc
import importlib.machinery
import importlib.util
import marshal
import sys
import types
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

PACKAGE = Path(__file__).parent.parent
NAME = __package__.partition(".")[0]
NOT_LENT = {"__init__", "__main__", "cli", "start", "plots"}
"""``plots`` knows nothing of the course: the fork server has it imported already, once for all workers."""
TOYS = f"{__package__}.toys"
WITHHELD = "__withheld__"


class NotYoursError(Exception):
    """What should be the student's own is the course's."""


class Withheld:
    """Stands in the package where the exercise was; when the package uses it, it is what the student wrote."""

    def __init__(self, name: str, find: Callable[[str], Any]) -> None:
        self.__name__ = name
        self._find = find

    def _yours(self) -> Any:
        found = self._find(self.__name__)
        if found is None or found is self:
            name = self.__name__
            raise NotYoursError(f"{name} is what is being graded or gives it away: only what you write yourself counts")
        return found

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Call the student's."""
        return self._yours()(*args, **kwargs)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._yours(), name)

    def __instancecheck__(self, instance: object) -> bool:
        return isinstance(instance, self._yours())

    def __or__(self, other: object) -> Any:  # annotations: ``Transformer | None``
        return Any

    __ror__ = __or__


def parcel(withheld: Iterable[str]) -> bytes:
    """The package without some of its functions and classes, for ``unpack`` (on the trusted side).

    Args:
        withheld: where the package has the exercises, and what else would give them away: ``module:name``.

    Raises:
        LookupError: if a module has no such definition.
    """
    places = [place.split(":") for place in withheld]
    return marshal.dumps(
        {
            name: _compiled(path, tuple(what for module, what in places if name == f"{NAME}.{module}"))
            for name, path in _modules().items()
        }
    )


def unpack(content: bytes, find: Callable[[str], Any]) -> None:
    """Make the parcel the only grokcourse that can be imported (on the student's side, before any of it is).

    Args:
        content: what ``parcel`` returned.
        find: returns what the student wrote under a name, or None.
    """
    for name in (NAME, __package__):
        sys.modules[name].__path__ = []
    sys.modules[__package__].check = lambda answer, name=None: answer  # type: ignore[attr-defined]
    sys.meta_path.insert(0, _Lender(marshal.loads(content), find))


def lend(others: Mapping[str, str], names: dict[str, Any], used: Collection[str]) -> None:
    """Put the course's own solutions of the other exercises where a submission uses them: each is tested by itself.

    Args:
        others: exercise → the module that has it.
        names: what the submission defined.
        used: the names that its code uses.
    """
    for name, module in others.items():
        if name in used:
            names[name] = getattr(importlib.import_module(f"{NAME}.{module}"), name)


class _Lender(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    def __init__(self, codes: dict[str, bytes], find: Callable[[str], Any]) -> None:
        self.codes = codes
        self.find = find

    def find_spec(self, name: str, path: Sequence[str] | None, target: Any = None) -> Any:
        if name in self.codes:
            return importlib.util.spec_from_loader(name, self, origin=f"<{name}>")
        if name.startswith(f"{NAME}."):
            raise ModuleNotFoundError(f"{name} cannot be imported by code that is being graded", name=name)
        return None

    def exec_module(self, module: types.ModuleType) -> None:
        module.__file__ = f"<{module.__name__}>"
        setattr(module, WITHHELD, lambda name: Withheld(name, self.find))
        exec(marshal.loads(self.codes[module.__name__]), module.__dict__)


@functools.cache
def _modules() -> dict[str, Path]:
    lent = {f"{NAME}.{path.stem}": path for path in sorted(PACKAGE.glob("*.py")) if path.stem not in NOT_LENT}
    return lent | {TOYS: Path(__file__).with_name("toys.py")}


@functools.cache
def _compiled(path: Path, withheld: tuple[str, ...] = ()) -> bytes:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for name in withheld:
        places = [i for i, node in enumerate(tree.body) if getattr(node, "name", None) == name]
        if not places:
            raise LookupError(f"{path.name} has no definition of {name}")
        for place in places:
            tree.body[place] = ast.parse(f"{name} = {WITHHELD}({name!r})").body[0]
    return marshal.dumps(compile(ast.fix_missing_locations(tree), f"<{path.stem}>", "exec", dont_inherit=True))
