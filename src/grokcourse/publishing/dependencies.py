"""What a page's outputs depend on besides its own cells: the modules that these import, and the files that they read.

This is found by reading, not by running. Where reading cannot tell, the page depends on the whole package: a page that
is run once too often costs seconds, and one that is run once too seldom shows what is no longer true.
"""

import ast
import hashlib
import re
from collections.abc import Iterable, Iterator, Sequence, Set
from dataclasses import dataclass, field
from functools import cached_property
from importlib.metadata import version
from pathlib import Path
from sys import version_info

from IPython.core.inputtransformer2 import TransformerManager

from grokcourse.autograder.exercises.select import CHAPTERS, checks_module

NUMERICS = ("torch", "numpy", "matplotlib")
NOT_IN_OUTPUTS = ("publishing", "__pycache__")
"""Folders of the package whose content no cell's output depends on."""
BY_NAME = {"import_module", "__import__", "runpy", "spec_from_file_location"}
"""What imports a module whose name the text does not tell."""
IN_CELLS = {"subprocess", "get_ipython"}
"""By what else a page's cell may start anything: another process, or one of IPython's magics."""
ACCOUNTED = {
    "autograder/exercises/spec.py": "imports the exercises' references by name",
    "autograder/exercises/testing.py": "imports the hidden tests by name",
    "autograder/sandbox/trusted/bundle.py": "reads the package for workers, and a notebook has none",
    "autograder/sandbox/untrusted/confinement.py": "imports what walls workers in, and a notebook has none",
    "autograder/sandbox/untrusted/redaction.py": "imports what a worker was sent, and a notebook has none",
}
"""Modules of the package that do so, and what of it a page needs is found otherwise: its chapter's own exercises."""


@dataclass
class _Code:
    """What some code says of its needs."""

    modules: set[str] = field(default_factory=set)
    """Full names that it imports: of modules, or of what is in them."""
    beside: set[str] = field(default_factory=set)
    """Names of files and folders beside it that it reads: ``Path(__file__).with_name("recorded")``."""
    strings: set[str] = field(default_factory=set)
    is_opaque: bool = False


class Dependencies:
    """What pages depend on, for one build: every file is read once."""

    def __init__(self, package: Path, runs: Path | None = None) -> None:
        """Look at nothing yet.

        Args:
            package: the folder of ``grokcourse``.
            runs: a further folder of runs that the cells will load, if there is one.
        """
        self.package = package
        self.runs = runs
        self._codes: dict[Path, _Code] = {}
        self._digests: dict[Path, str] = {}

    def fingerprint(self, page: Path, cells: Sequence[str], text: str = "") -> str:
        """Sixteen hexadecimal digits of everything outside a page's cells that can change what they give.

        Args:
            page: the page's file.
            cells: the source of its code cells.
            text: the whole page, for what it includes.
        """
        lines = [f"python {version_info.major}.{version_info.minor}", *(f"{name} {version(name)}" for name in NUMERICS)]
        for path in sorted(self.files(page, cells, text)):
            lines.append(f"{path.name} {self._digest(path)}")
        return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:16]

    def files(self, page: Path, cells: Sequence[str], text: str = "") -> set[Path]:
        """The files that the outputs of a page's cells depend on."""
        code = _read_cells(cells)
        found = {path for name in code.strings if (path := _inside(page.parent, name))}
        included = re.findall(r"^[`~:]{3,}\{(?:literal)?include\}\s+(\S+)", text, re.MULTILINE)
        found |= {path for name in included if (path := _inside(page.parent, name))}
        modules = self._closure(code, page.stem)
        if modules is None:
            return found | set(self._everything) | set(_below(self.runs))
        for module in modules:
            for name in self._code(module).beside:
                found |= set(_below(module.with_name(name)))
        if self.package / "runs.py" in modules:
            found |= set(_below(self.runs))
        return found | modules

    @cached_property
    def _everything(self) -> list[Path]:
        inside = ((path, path.relative_to(self.package).parts) for path in _below(self.package))
        return [path for path, parts in inside if not set(parts) & set(NOT_IN_OUTPUTS)]

    def _closure(self, code: _Code, chapter: str) -> set[Path] | None:
        """The package's modules that some code imports, and these in turn; None if the text does not tell."""
        if code.is_opaque:
            return None
        found: set[Path] = set()
        waiting = list(self._modules(code.modules))
        while waiting:
            path = waiting.pop()
            if path in found:
                continue
            found.add(path)
            place = path.relative_to(self.package).as_posix()
            inside = self._code(path)
            if inside.is_opaque and place not in ACCOUNTED:
                return None
            waiting += self._modules(inside.modules)
            if place == "autograder/exercises/select.py":
                waiting += self._modules(_exercises(chapter))
        return found

    def _modules(self, names: Iterable[str]) -> Iterator[Path]:
        """The files of some modules of the package, with those of the packages they are in."""
        for name in names:
            head, *parts = name.split(".")
            if head != self.package.name:
                continue
            place = self.package
            yield place / "__init__.py"
            for part in parts:
                if (place / f"{part}.py").is_file():
                    yield place / f"{part}.py"
                if not (place / part / "__init__.py").is_file():
                    break
                place /= part
                yield place / "__init__.py"

    def _code(self, path: Path) -> _Code:
        if path not in self._codes:
            parts = [self.package.name, *path.relative_to(self.package).parent.parts]
            self._codes[path] = _read_code(path.read_text(encoding="utf-8"), parts)
        return self._codes[path]

    def _digest(self, path: Path) -> str:
        if path not in self._digests:
            self._digests[path] = hashlib.sha256(path.read_bytes()).hexdigest()
        return self._digests[path]


def _exercises(chapter: str) -> list[str]:
    """The modules in which a chapter's exercises, and their hidden tests, are."""
    references = {exercise.reference.partition(":")[0] for exercise in CHAPTERS.get(chapter, ())}
    hidden = [checks_module(chapter)] if references else []
    return [f"grokcourse.{module}" for module in [*sorted(references), *hidden]]


def _read_cells(cells: Sequence[str]) -> _Code:
    code = _Code()
    for cell in cells:
        try:
            inside = _read_code(TransformerManager().transform_cell(cell), [], BY_NAME | IN_CELLS)
        except SyntaxError:  # it is run all the same, and the build then says what is wrong
            inside = _Code(is_opaque=True)
        code.modules |= inside.modules
        code.strings |= inside.strings
        code.is_opaque |= inside.is_opaque
    return code


def _read_code(source: str, package: Sequence[str], opaque: Set[str] = BY_NAME) -> _Code:
    """Read some code.

    Args:
        source: Python.
        package: the parts of the full name of the package that it is in.
        opaque: names that make it opaque.
    """
    code = _Code()
    reads_beside, written = 0, set()
    tree = ast.parse(source)
    for node in ast.walk(tree):
        match node:
            case ast.Import():
                code.modules |= {alias.name for alias in node.names}
            case ast.ImportFrom():
                base = list(package[: len(package) - node.level + 1]) if node.level else []
                module = ".".join([*base, *([node.module] if node.module else [])])
                code.modules |= {f"{module}.{alias.name}" for alias in node.names}
            case ast.Constant(value=str() as text):
                code.strings.add(text)
            case ast.Call(func=ast.Name(id="open"), args=[ast.Constant(value=str() as name), ast.Constant(value=mode)]):
                written |= {name} if set(str(mode)) & set("wax") else set()
            case ast.Call(
                func=ast.Attribute(value=ast.Call(args=[ast.Name(id="__file__")]), attr="with_name"),
                args=[ast.Constant(value=str() as name)],
            ):
                code.beside.add(name)
                reads_beside += 1
            case ast.Name(id=name) | ast.Attribute(attr=name) if name in opaque:
                code.is_opaque = True
    code.strings -= written  # what a cell writes it does not depend on
    names_itself = sum(isinstance(node, ast.Name) and node.id == "__file__" for node in ast.walk(tree))
    imported = {part for name in code.modules for part in name.split(".")}
    code.is_opaque |= names_itself > reads_beside or bool(imported & opaque)
    return code


def _inside(folder: Path, name: str) -> Path | None:
    """The file that a text names, seen from a folder, if there is one."""
    if not re.fullmatch(r"[\w./ -]{1,200}", name):
        return None
    path = (folder / name).resolve()
    return path if path.is_file() else None


def _below(place: Path | None) -> list[Path]:
    """A file itself, or all files below a folder."""
    if place is None:
        return []
    return [place] if place.is_file() else sorted(path for path in place.rglob("*") if path.is_file())
