"""What the repository's own files say of each other, and of the package."""

import re
import tomllib

import pytest
import yaml
from conftest import ROOT
from packaging.requirements import Requirement

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
