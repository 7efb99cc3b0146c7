"""The reports' HTML pages in a real browser: at a desk and on a phone, light and dark."""

from pathlib import Path

import pytest
from playwright.sync_api import Browser
from test_browser import VIEWS, barriers, opened
from test_reports import HOSTILE, INFO, hostile_class, made_up_class

from grokcourse.autograder import policy, reports
from grokcourse.autograder.reports import file_names


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The reports of 40 students, of whom some are up to no good."""
    made = policy.parse("maximum = 20\n[late]\nper_day = 10\n[late.days]\nNobody = 1", "policy.toml")
    folder = tmp_path_factory.mktemp("reports")
    reports.write_all(folder, [*made_up_class(), *hostile_class()], made, INFO)
    return folder


PAGES = {"class": "report.html", "student": "feedback/Student-010.html", "unreadable": "feedback/Unreadable-Ümit.html"}
PAGES["hostile"] = f"feedback/{file_names([HOSTILE])[0]}.html"


@pytest.mark.parametrize(("width", "scheme"), VIEWS)
@pytest.mark.parametrize("name", PAGES)
def test_a_report_opens_whole_and_alone(browser: Browser, folder: Path, name: str, width: int, scheme: str):
    with opened(browser, (folder / PAGES[name]).as_uri(), width, scheme) as watched:
        page = watched.page
        assert watched.troubles == []
        assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), "wider than the window"
        dark = page.evaluate("parseInt(getComputedStyle(document.body).backgroundColor.match(/\\d+/)[0]) < 128")
        assert dark is (scheme == "dark")
        page.evaluate("document.querySelectorAll('details').forEach(details => details.open = true)")
        assert barriers(page) == []


def test_from_the_class_to_a_student(browser: Browser, folder: Path):
    with opened(browser, (folder / "report.html").as_uri()) as watched:
        watched.page.get_by_role("link", name="Åse Øst").click()
        assert watched.page.title() == "Feedback for Åse Øst"
        assert watched.page.get_by_text("Everything passes. Well done!").is_visible()
        assert watched.troubles == []


def test_no_script_would_run_even_if_one_got_in(browser: Browser, folder: Path):
    whole = (folder / PAGES["student"]).read_text(encoding="utf-8")
    broken = folder / "feedback" / "broken.html"
    broken.write_text(whole.replace("</main>", "<script>document.title = 'run'</script></main>"), encoding="utf-8")
    with opened(browser, broken.as_uri()) as watched:
        assert watched.page.title().startswith("Feedback for ")
        assert any("Content Security Policy" in trouble for trouble in watched.troubles)
