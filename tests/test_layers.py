"""Who may import whom, read off the source: the table of the house, low to high."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import grokcourse

PACKAGE = Path(grokcourse.__file__).parent

MAY_IMPORT: dict[str, set[str]] = {
    # 1. no sibling
    "config": set(),
    "fourier": set(),
    "groups": set(),
    "plots": set(),
    "interactive": set(),
    "superposition": set(),
    "start": set(),
    "torch_state": set(),
    # 2.
    "tasks": {"config", "groups"},
    "model": {"config"},
    # 3.
    "runs": {"config", "model", "torch_state"},
    "circuit": {"fourier", "model"},
    "measures": {"fourier", "circuit", "runs", "model", "tasks", "torch_state"},  # a loss needs answers and split
    "foreign_files": set(),
    "interop": {"config", "foreign_files", "model", "runs", "tasks", "torch_state"},
    # 4. knows nothing of the analysis
    "training": {"config", "tasks", "model", "runs", "torch_state"},
    # 5. what others claim, measured with all of the above
    "claims": {"circuit", "fourier", "measures", "model", "runs", "tasks", "torch_state", "training"},
}
MAY_IMPORT["autograder"] = set(MAY_IMPORT)  # and nothing above imports it
# The exercises for the notebooks; the rest because the build may train the main run, and draws the README from it.
MAY_IMPORT["publishing"] = {"autograder", "config", "plots", "runs", "start", "training"}
MAY_IMPORT["cli"] = set(MAY_IMPORT)
MAY_IMPORT["__main__"] = {"cli"}  # python -m grokcourse

MODULES = sorted(path.relative_to(PACKAGE) for path in PACKAGE.rglob("*.py") if path != PACKAGE / "__init__.py")


def room(path: Path) -> str:
    """The room that a module stands in: its own name, or its folder's."""
    return path.parts[0].removesuffix(".py")


def imported_rooms(path: Path, source: str) -> set[str]:
    """The rooms that a module imports from, anywhere in it; ``path`` is relative to the package."""
    package = ["grokcourse", *path.parts[:-1]]
    names = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            module = ".".join([*base, *([node.module] if node.module else [])])
            names |= {f"{module}.{alias.name}" for alias in node.names}
    inside = {name.split(".")[1] for name in names if name.startswith("grokcourse.")}
    return inside - {room(path), "__version__"}


@pytest.mark.parametrize("path", MODULES, ids=str)
def test_a_module_imports_only_what_stands_below_it(path: Path):
    assert room(path) in MAY_IMPORT, f"{path} has no place in the table: give it one, with its reason"
    above = imported_rooms(path, (PACKAGE / path).read_text(encoding="utf-8")) - MAY_IMPORT[room(path)]
    assert above == set(), f"{path} may not import {', '.join(sorted(above))}"


def test_the_table_has_no_circle():
    order: list[str] = []
    while len(order) < len(MAY_IMPORT):
        free = [name for name in MAY_IMPORT if name not in order and MAY_IMPORT[name] <= set(order)]
        assert free, f"these import each other: {sorted(set(MAY_IMPORT) - set(order))}"
        order += free


@pytest.mark.parametrize(
    ("path", "source", "found"),
    [
        ("model.py", "from .training import train", {"training"}),
        ("model.py", "from . import __version__, runs", {"runs"}),
        ("model.py", "def f():\n    import grokcourse.cli", {"cli"}),
        ("publishing/live.py", "from . import execution\nfrom ..runs import load", {"runs"}),
        ("publishing/live.py", "from grokcourse import plots", {"plots"}),
        ("plots/svg.py", "import numpy.fft\nfrom .style import PALETTE", set()),
    ],
)
def test_imports_are_seen_however_they_are_written(path: str, source: str, found: set[str]):
    assert imported_rooms(Path(path), source) == found


@pytest.mark.parametrize("arguments", [["--help"], ["train", "--help"]])
def test_help_does_not_import_torch(arguments: list[str]):
    code = f"""
import sys
sys.argv = ["grokcourse", *{arguments!r}]
from grokcourse.cli import main
try:
    main()
except SystemExit as stop:
    assert not stop.code, stop.code
assert "torch" not in sys.modules
"""
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert shown.returncode == 0, shown.stderr
    assert "usage" in shown.stdout.lower()
