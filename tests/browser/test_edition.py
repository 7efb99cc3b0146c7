"""What an old copy of the published site says of itself, on a small page at made-up addresses."""

import json

import pytest
from conftest import ROOT
from playwright.sync_api import Browser, Route

SCRIPT = (ROOT / "book" / "assets" / "reader" / "edition.js").read_text(encoding="utf-8")
COURSE = "https://example.org/course"
PAGE = f"""<!DOCTYPE html><title>A page</title><p>Words.</p><p class="gc-edition" data-time="1000"
data-edition="{COURSE}/edition.json" data-page="{COURSE}/book/a.html">Of then.</p><script>{SCRIPT}</script>"""
NEWER = {"commit": "b", "day": "4 March 2026", "time": 2000}


def shown(browser: Browser, address: str, current: dict | None) -> tuple[list[str], bool]:
    """What lines a page at an address shows, and whether it has asked for the current edition."""
    asked = []

    def answer(route: Route) -> None:
        if not route.request.url.endswith("edition.json"):
            route.fulfill(content_type="text/html", body=PAGE)
            return
        asked.append(route.request.url)
        if current is None:
            route.fulfill(status=404, body="not here")
        else:
            route.fulfill(content_type="application/json", body=json.dumps(current))

    context = browser.new_context()
    context.route("**/*", answer)
    page = context.new_page()
    page.goto(address, wait_until="networkidle")
    lines = page.locator(".gc-old-edition").all_inner_texts()
    if lines:
        assert page.locator(".gc-old-edition a").get_attribute("href") == f"{COURSE}/book/a.html"
        page.get_by_role("button", name="Close").click()
        assert page.locator(".gc-old-edition").count() == 0
    context.close()
    return lines, bool(asked)


def test_an_old_copy_says_so_and_leads_to_the_same_page_of_today(browser: Browser):
    [line], _ = shown(browser, f"{COURSE}/2025/book/a.html", NEWER)
    assert "old edition" in line
    assert "4 March 2026" in line


@pytest.mark.parametrize("current", [{**NEWER, "time": 1000}, {**NEWER, "time": 900}, {}, None])
def test_the_current_one_and_what_is_newer_say_nothing(browser: Browser, current: dict | None):
    assert shown(browser, f"{COURSE}/book/a.html", current) == ([], True)


def test_a_copy_elsewhere_asks_nobody(browser: Browser):
    assert shown(browser, "https://example.com/course/book/a.html", NEWER) == ([], False)
