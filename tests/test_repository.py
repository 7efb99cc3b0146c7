"""What the repository's own files say of each other, and of the package."""

import ast
import inspect
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from conftest import ROOT
from packaging.requirements import Requirement

from grokcourse.autograder.exercises.select import EXERCISES

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
PINS = {
    requirement.name: str(requirement.specifier).removeprefix("==")
    for line in (ROOT / "requirements.txt").read_text(encoding="utf-8").splitlines()
    if (text := line.partition("#")[0].strip())
    for requirement in [Requirement(text)]
}
YAML = [path for pattern in (".github/**/*.yml", ".pre-commit-config.yaml") for path in sorted(ROOT.glob(pattern))]
USES = re.compile(r"uses: *(\S+)(.*)")


def test_the_hooks_lint_with_the_linter_of_make_lint():
    hooks = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text(encoding="utf-8"))["repos"][0]["hooks"]
    assert {hook["id"] for hook in hooks} == {"ruff-check", "ruff-format"}
    assert {tuple(hook["additional_dependencies"]) for hook in hooks} == {(f"ruff=={PINS['ruff']}",)}


def test_addresses_lead_to_the_repository_that_the_site_names():
    repository = yaml.safe_load((ROOT / "_config.yml").read_text(encoding="utf-8"))["repository"]["url"]
    assert all(url.startswith(repository) for url in PROJECT["urls"].values())
    templates = (ROOT / ".github/ISSUE_TEMPLATE/config.yml").read_text(encoding="utf-8")
    assert yaml.safe_load(templates)["contact_links"][0]["url"].startswith(repository)


@pytest.mark.parametrize("path", YAML, ids=lambda path: path.name)
def test_actions_are_pinned_to_commits_with_their_version_beside_them(path):
    text = path.read_text(encoding="utf-8")
    assert yaml.safe_load(text)
    for action, comment in USES.findall(text):
        assert re.fullmatch(r"[\w.-]+/[\w./-]+@[0-9a-f]{40}", action), action
        assert re.fullmatch(r" # v\d+\.\d+\.\d+", comment), action


def test_every_dependency_is_pinned_within_its_bounds():
    extras = [text for texts in PROJECT["optional-dependencies"].values() for text in texts]
    for requirement in map(Requirement, [*PROJECT["dependencies"], *extras]):
        if requirement.name != "grokcourse":
            pins = {name.lower().replace("_", "-"): version for name, version in PINS.items()}
            assert requirement.specifier.contains(pins[requirement.name]), requirement


def shown_on_pages() -> Iterator[tuple[str, list[str], ast.AST]]:
    """What pages show of a module, as (name, the module's lines, tree): what they include, and every exercise."""
    included = {
        ((page.parent / path).resolve(), name)
        for page in (ROOT / "book").glob("*.md")
        for path, name in re.findall(
            r"```\{literalinclude\} (\S+\.py)\n(?::.*\n)*?:pyobject: (\S+)\n", page.read_text(encoding="utf-8")
        )
    }
    targets = [inspect.unwrap(exercise.target) for exercise in EXERCISES.values() if not exercise.question]
    included |= {(Path(inspect.getsourcefile(target)).resolve(), target.__qualname__) for target in targets}
    for path, name in sorted(included):
        source = path.read_text(encoding="utf-8")
        tree: ast.AST = ast.parse(source)
        for part in name.split("."):
            (tree,) = (node for node in tree.body if getattr(node, "name", None) == part)
        yield name, source.splitlines(), tree


def test_docstrings_on_pages_have_80_columns_at_most():
    """More would have to be scrolled sideways."""
    shown = list(shown_on_pages())
    assert len(shown) > 40
    long = [
        f"{name}: {lines[number - 1].strip()}"
        for name, lines, tree in shown
        for node in ast.walk(tree)
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
        for number in range(node.lineno, node.end_lineno + 1)
        if len(lines[number - 1]) > 80
    ]
    assert long == []
