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
    "how_soon": set(),
    "machine": set(),
    "plots": set(),
    "interactive": set(),
    "optimisers": set(),
    "quick_runs": set(),
    "steps": {"config", "model", "optimisers", "training"},
    "superposition": set(),
    "start": set(),
    "storage": set(),
    "torch_state": set(),
    # 2.
    "other_tasks": {"quick_runs"},
    "tasks": {"config", "groups"},
    "model": {"config"},
    # 3.
    "runs": {"config", "model", "storage", "torch_state"},
    "circuit": {"fourier", "model"},
    "pizza": {"circuit", "model"},
    "measures": {"fourier", "circuit", "runs", "model", "storage", "tasks", "torch_state"},  # a loss needs answers
    "foreign_files": set(),
    "interop": {"config", "foreign_files", "model", "runs", "tasks", "torch_state"},
    # 4. knows nothing of the analysis
    "training": {"config", "tasks", "model", "runs", "torch_state"},
    "batched": {"config", "model", "runs", "tasks", "torch_state", "training"},
    "dask_cluster": set(),
    "sweep": {"batched", "config", "dask_cluster", "machine", "plots", "runs", "storage", "tasks", "training"},
    # 5. what others claim, measured with all of the above
    "claims": {
        "circuit",
        "fourier",
        "groups",
        "measures",
        "model",
        "other_tasks",
        "quick_runs",
        "runs",
        "tasks",
        "torch_state",
        "training",
    },
}
MAY_IMPORT["autograder"] = set(MAY_IMPORT)  # and nothing above imports it
# The exercises for the notebooks; the rest because the build may train the main run, and draws the README from it.
MAY_IMPORT["publishing"] = {"autograder", "config", "machine", "plots", "runs", "start", "storage", "tasks", "training"}
MAY_IMPORT["cli"] = set(MAY_IMPORT)
MAY_IMPORT["__main__"] = {"cli"}  # python -m grokcourse

AUTOGRADER: dict[str, set[str]] = {
    "records": set(),
    "sandbox/__init__": set(),
    # The sandbox: what runs beside a student's code knows the messages, and nothing else of the autograder.
    "sandbox/frames": set(),
    "sandbox/protocol": {"sandbox/frames"},
    "sandbox/untrusted": {"sandbox/frames", "sandbox/protocol"},
    # A planted mistake is asked by a host in this very process, and may use what such hosts make.
    "exercises": {"records", "sandbox/protocol", "sandbox/untrusted/host", "sandbox/untrusted/fixtures"},
    "testing": {"exercises"},  # its face for instructors
    # The trusted side imports of the other only what it sends, or what reads data for it.
    "sandbox/trusted": {
        "records", "exercises", "sandbox/frames", "sandbox/protocol",
        "sandbox/untrusted/cells", "sandbox/untrusted/statements",  # the types of what is sent
        "sandbox/untrusted/redaction",  # the same fingerprint on both sides
        "sandbox/untrusted/host",  # tells the answers to questions, which are data
    },
    "grade": {"records", "exercises", "sandbox/untrusted/host"},
    "scoring": {"records", "exercises"},
    "policy": {"exercises"},
    "feedback": {
        "records", "exercises", "grade", "scoring",
        "sandbox/untrusted/host", "sandbox/untrusted/cells", "sandbox/untrusted/loading",  # the student's own process
    },
    "__init__": {"feedback"},
    # What is shown is cleaned, and what is kept is written whole, whoever shows or keeps it.
    "sanitise": set(),
    "files": {"records"},
    "reports": {"records", "exercises", "scoring", "policy", "sanitise", "files"},
    # Which names a cell defines is found as the sandbox finds it: by reading.
    "intake": {"records", "exercises", "sandbox/untrusted/cells", "sanitise"},
    "batch": {"records", "exercises", "sandbox/trusted", "grade", "intake", "sanitise", "files"},
    "plugin": {"records", "exercises", "sandbox/trusted", "grade", "scoring", "intake"},
    "gradescope": {"records", "exercises", "sandbox/trusted", "policy", "files", "reports", "intake", "batch"},
    "command": {"records", "exercises", "policy", "reports", "intake", "batch", "gradescope"},
}  # fmt: skip
"""The rooms inside the autograder, folders or files, and what each may import beside itself: rooms, or single files."""

MODULES = sorted(path.relative_to(PACKAGE) for path in PACKAGE.rglob("*.py") if path != PACKAGE / "__init__.py")


def room(path: Path) -> str:
    """The room that a module stands in: its own name, or its folder's."""
    return path.parts[0].removesuffix(".py")


def imported_rooms(path: Path, source: str) -> set[str]:
    """The rooms that a module imports from, anywhere in it; ``path`` is relative to the package."""
    inside = {name.split(".")[1] for name in imported_names(path, source) if name.startswith("grokcourse.")}
    return inside - {room(path), "__version__"}


def imported_names(path: Path, source: str) -> set[str]:
    """The full names of all that a module imports, anywhere in it: modules, or what is in them."""
    package = ["grokcourse", *path.parts[:-1]]
    names = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            module = ".".join([*base, *([node.module] if node.module else [])])
            names |= {f"{module}.{alias.name}" for alias in node.names}
    return names


def imported_files(path: Path, source: str) -> set[Path]:
    """The package's own files that a module imports; the folders' ``__init__.py`` on the way do not count."""
    files = {file_of(name) for name in imported_names(path, source)}
    return {file for file in files if file not in (None, path, Path("__init__.py"))}


def file_of(name: str) -> Path | None:
    """The file of the package in which something of this full name is; None if it is none of the package's."""
    head, *parts = name.split(".")
    for count in range(len(parts), -1, -1) if head == "grokcourse" else ():
        place = "/".join(parts[:count])
        for file in (Path(place, "__init__.py"), Path(f"{place}.py")):
            if (PACKAGE / file).is_file():
                return file
    return None


def autograder_room(path: Path) -> str | None:
    """The room inside the autograder that a file stands in, as ``AUTOGRADER`` calls it."""
    inside = path.relative_to("autograder").with_suffix("")
    places = [inside, *inside.parents]
    return next((place.as_posix() for place in places if place.as_posix() in AUTOGRADER), None)


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


@pytest.mark.parametrize("path", [path for path in MODULES if path.parts[0] == "autograder"], ids=str)
def test_inside_the_autograder_a_file_imports_only_what_its_room_may(path: Path):
    home = autograder_room(path)
    assert home, f"{path} has no place in the table AUTOGRADER: give it one, with its reason"
    allowed = AUTOGRADER[home] | {home}
    for file in sorted(imported_files(path, (PACKAGE / path).read_text(encoding="utf-8"))):
        if file.parts[0] == "autograder":
            name = file.relative_to("autograder").with_suffix("").as_posix()
            assert autograder_room(file) in allowed or name in allowed, f"{path} may not import {file}"


def test_no_two_files_import_each_other_by_any_way_round():
    left = {path: imported_files(path, (PACKAGE / path).read_text(encoding="utf-8")) for path in MODULES}
    while free := [path for path, imports in left.items() if not imports & left.keys()]:
        for path in free:
            del left[path]
    assert not left, f"a circle, or on the way to one: {', '.join(map(str, sorted(left)))}"


def test_no_two_rooms_of_the_autograder_import_each_other():
    allowed = {
        home: {autograder_room(Path("autograder", room)) for room in rooms} for home, rooms in AUTOGRADER.items()
    }
    while free := [home for home, rooms in allowed.items() if not rooms & allowed.keys() - {home}]:
        for home in free:
            del allowed[home]
    assert not allowed, f"these import each other: {sorted(allowed)}"


def test_every_row_of_the_table_is_of_use():
    imports: dict[str, set[str]] = {home: set() for home in AUTOGRADER}
    for path in MODULES:
        if path.parts[0] == "autograder" and (home := autograder_room(path)):
            files = imported_files(path, (PACKAGE / path).read_text(encoding="utf-8"))
            inside = [file for file in files if file.parts[0] == "autograder"]
            imports[home] |= {file.relative_to("autograder").with_suffix("").as_posix() for file in inside}
            imports[home] |= {autograder_room(file) or "" for file in inside}
    unused = {home: rooms - imports[home] for home, rooms in AUTOGRADER.items() if rooms - imports[home]}
    assert unused == {}


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


@pytest.mark.parametrize(
    ("path", "source", "found"),
    [
        (
            "autograder/plugin.py",
            "def f():\n    from .exercises.select import CHAPTERS",
            {"autograder/exercises/select.py"},
        ),
        (
            "autograder/reports/data.py",
            "from .. import policy, exercises",
            {"autograder/policy.py", "autograder/exercises/__init__.py"},
        ),
        (
            "autograder/exercises/task/checks.py",
            "from ..spec import Exercise\nfrom . import EXERCISES",
            {"autograder/exercises/spec.py", "autograder/exercises/task/__init__.py"},
        ),
        ("autograder/sandbox/untrusted/host.py", "import grokcourse.runs, os\nfrom . import host", {"runs.py"}),
        ("model.py", "from . import __version__", set()),
    ],
)
def test_imported_files_are_found_however_they_are_named(path: str, source: str, found: set[str]):
    assert {file.as_posix() for file in imported_files(Path(path), source)} == found


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
