"""What several test files share: where the repository is, and the built site."""

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml
from filelock import FileLock

ROOT = Path(__file__).parents[1]


@dataclass(frozen=True)
class Site:
    """The built site."""

    html: Path
    pages: list[str]
    """The pages of the table of contents, as paths without an ending: ``book/01-task``."""


def toc_pages() -> list[str]:
    toc = yaml.safe_load((ROOT / "_toc.yml").read_text())
    return [toc["root"], *(chapter["file"] for part in toc["parts"] for chapter in part["chapters"])]


def build() -> subprocess.CompletedProcess[str]:
    """Build the site as ``make site`` does."""
    command = [Path(sys.executable).with_name("jupyter-book"), "build", ROOT, "-n", "-W", "--keep-going"]
    return subprocess.run(command, capture_output=True, text=True, cwd=ROOT)


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Site:
    """The site as the sources stand now: built here, which costs seconds after ``make site``.

    Where tests run in several processes (pytest-xdist), the first that needs it builds it for all.
    """
    if worker_id == "master":
        _build_or_stop()
    else:
        shared = tmp_path_factory.getbasetemp().parent
        with FileLock(shared / "site.lock"):
            if not (shared / "site.built").exists():
                _build_or_stop()
                (shared / "site.built").touch()
    return Site(ROOT / "_build" / "html", toc_pages())


def _build_or_stop() -> None:
    built = build()
    if built.returncode:
        pytest.exit(f"the site does not build:\n{(built.stdout + built.stderr)[-6000:]}", returncode=1)


def peer(name: str) -> Path:
    """The Python of the environment that ``tests/peers/NAME.txt`` describes and ``make peers`` makes.

    Without it, the test is skipped, except where ``CI`` is set.
    """
    python = Path(sys.prefix) / "peers" / name / "bin" / "python"
    if not python.exists():
        reason = f"{name} is not installed (make peers)"
        pytest.fail(reason) if os.environ.get("CI") else pytest.skip(reason)
    return python
