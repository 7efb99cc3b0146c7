"""What begins a new exercise."""

import ast
import importlib.util
import shutil
from pathlib import Path
from types import ModuleType

import pytest
from conftest import ROOT

CHAPTER = "03-weight-decay"


@pytest.fixture(scope="module")
def tool() -> ModuleType:
    spec = importlib.util.spec_from_file_location("exercise", ROOT / "tools" / "exercise.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def package(tmp_path: Path) -> Path:
    chapter = Path("autograder/exercises/weight_decay")
    shutil.copytree(ROOT / "src" / "grokcourse" / chapter, tmp_path / chapter)
    return tmp_path


def test_a_new_exercise_has_an_entry_and_a_test_that_fails(tool: ModuleType, package: Path):
    left = tool.scaffold(package, "halve", CHAPTER, "training:halve")
    chapter = package / "autograder" / "exercises" / "weight_decay"
    entries = next(
        node.value for node in ast.parse((chapter / "__init__.py").read_text()).body if isinstance(node, ast.AnnAssign)
    )
    assert isinstance(entries, ast.Tuple)
    last = {keyword.arg: ast.literal_eval(keyword.value) for keyword in entries.elts[-1].keywords}
    assert (last["name"], last["chapter"], last["reference"]) == ("halve", CHAPTER, "training:halve")
    functions = [
        node.name for node in ast.parse((chapter / "checks.py").read_text()).body if isinstance(node, ast.FunctionDef)
    ]
    assert functions[-2:] == ["test_halve", "halve_wrong"]
    assert all(len(line) <= 120 for line in (chapter / "checks.py").read_text().splitlines())
    assert "{exercise} halve" in left
    assert "test_exercises_03.py" in left


@pytest.mark.parametrize(
    ("name", "chapter", "reference", "told"),
    [
        ("weight_norm", CHAPTER, "training:weight_norm", "'weight_norm' cannot be the name of a new exercise"),
        ("two words", CHAPTER, "training:halve", "'two words' cannot be"),
        ("halve", "03", "training:halve", "CHAPTER has to be one of 01-task, .* not '03'"),
        ("halve", CHAPTER, "halve", "REFERENCE is the package's own function"),
    ],
)
def test_what_cannot_be_begun_changes_nothing(
    tool: ModuleType, package: Path, name: str, chapter: str, reference: str, told: str
):
    before = {path: path.read_bytes() for path in package.rglob("*.py")}
    with pytest.raises(tool.ScaffoldError, match=told):
        tool.scaffold(package, name, chapter, reference)
    assert {path: path.read_bytes() for path in package.rglob("*.py")} == before
