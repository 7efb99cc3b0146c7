"""What several test files share: where the repository is, the built site, and a browser."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from filelock import FileLock
from playwright.sync_api import Browser, sync_playwright

from grokcourse.machine import usable_cores
from grokcourse.publishing import pdf

ROOT = Path(__file__).parents[1]
FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@dataclass(frozen=True)
class Site:
    """The built site."""

    html: Path
    pages: list[str]
    """The pages of the table of contents, as paths without an ending: ``book/01-task``."""


def toc_pages() -> list[str]:
    return pdf.pages_of(ROOT / "_toc.yml")


def build() -> subprocess.CompletedProcess[str]:
    """Build the site as ``make site`` does."""
    command = [Path(sys.executable).with_name("jupyter-book"), "build", ROOT, "-n", "-W", "--keep-going"]
    return subprocess.run(command, capture_output=True, text=True, cwd=ROOT)


LONGEST = (
    "browser/test_browser.py",
    "publishing/test_notebooks.py",
    "autograder/test_exercises.py",
    "publishing/test_site.py",
    "autograder/test_batch.py",
    "autograder/test_sandbox.py",
    "autograder/test_attacks.py",
    "publishing/test_writing.py",
    "publishing/test_exercise_directives.py",
    "autograder/test_cluster.py",
    "autograder/test_nbgrader.py",
)
"""The files that take minutes: first, so that none of them begins when the others are done."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what needs the built site or a browser, and put the longest files first.

    The other marks stand in the test files.
    """
    for item in items:
        if {"site", "browser"} & set(getattr(item, "fixturenames", ())):
            item.add_marker("site")
    places = {ROOT / "tests" / name: place for place, name in enumerate(LONGEST)}
    items.sort(key=lambda item: places.get(item.path, len(LONGEST)))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """One more process than there are cores: a third of their time tests wait for other processes."""
    return usable_cores() + 1


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


@pytest.fixture(autouse=True)
def _the_courses_own_tests_again() -> Iterator[None]:
    """After each test, an instructor's tests are forgotten: the commands, run in this process, leave them in use."""
    yield
    if testing := sys.modules.get("grokcourse.autograder.exercises.testing"):
        testing.use_tests(())


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Headless Chromium, closed at the end of the test file.

    While it is open, asyncio sees a running loop in this process; the files after this one shall not.

    Without it, the test is skipped, except where ``CI`` is set.
    """
    found = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if found is None:
        reason = "no Chromium on this machine (on Debian: apt-get install chromium)"
        pytest.fail(reason) if os.environ.get("CI") else pytest.skip(reason)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=FLAGS)
        yield browser
        browser.close()


def peer(name: str) -> Path:
    """The Python of the environment that ``tests/peers/NAME.txt`` describes and ``make peers`` makes.

    Without it, the test is skipped, except where ``CI`` is set.
    """
    python = Path(sys.prefix) / "peers" / name / "bin" / "python"
    if not python.exists():
        reason = f"{name} is not installed (make peers)"
        pytest.fail(reason) if os.environ.get("CI") else pytest.skip(reason)
    return python
