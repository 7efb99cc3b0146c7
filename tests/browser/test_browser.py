"""Every page of the built site, opened from disk in a real browser: at a desk and on a phone, light and dark."""

import gzip
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote, urlsplit

import axe_playwright_python
import pytest
from conftest import Site, toc_pages
from playwright.sync_api import Browser, Page, expect

PAGES = [*toc_pages(), "search"]
VIEWS = [(width, scheme) for width in (1300, 390) for scheme in ("light", "dark")]
LEAVE_EXAMPLES = """
    for (const formula of [...document.querySelectorAll("article math")].slice(10)) formula.replaceChildren();
    for (const table of document.querySelectorAll("article tbody"))
        [...table.rows].slice(10).forEach(row => row.remove());
    for (const kind of ["class", "function", "method", "property", "attribute"])
        [...document.querySelectorAll(`article dl.py.${kind}`)].slice(5).forEach(entry => entry.remove());
    for (const code of document.querySelectorAll("article pre")) {
        const seen = new Set();
        for (const token of code.querySelectorAll("span[class]")) {
            if (seen.has(token.className)) token.replaceWith(...token.childNodes);
            seen.add(token.className);
        }
    }
"""
"""What axe sees of what all looks alike, and would be most of its work: ten formulas, ten rows of a table, five entries
of a kind in the API, and of highlighted code one token of a kind in each box."""
expect.set_options(timeout=60_000)  # a busy machine is no fault of the page
JUDGED = [(1300, "light"), (390, "dark")]
"""The views in which axe looks at a page, which takes it longer than all the rest."""
AXE = Path(axe_playwright_python.__file__).with_name("axe.min.js").read_text(encoding="utf-8")


@dataclass
class Watched:
    """A page, and what went wrong while it was open."""

    page: Page
    troubles: list[str] = field(default_factory=list)
    loaded: list[str] = field(default_factory=list)
    """The addresses of all that the page has asked for, itself included."""

    def settle(self) -> None:
        """Wait until the fonts are there."""
        self.page.wait_for_load_state("load")
        self.page.evaluate("document.fonts.ready.then(() => null)")


@contextmanager
def opened(
    browser: Browser, url: str, width: int = 1300, scheme: str = "light", **more: bool | str
) -> Iterator[Watched]:
    context = browser.new_context(viewport={"width": width, "height": 844}, color_scheme=scheme, **more)
    context.set_default_timeout(120_000)  # a busy machine is no fault of the page
    watched = Watched(context.new_page())
    page, troubles = watched.page, watched.troubles
    page.on("console", lambda message: troubles.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: troubles.append(f"script error: {error}"))
    page.on("request", lambda request: watched.loaded.append(request.url))
    page.on(
        "requestfailed",
        lambda request: (
            troubles.append(f"could not load {request.url}: {request.failure}")
            if request.failure != "net::ERR_ABORTED"  # the reader went on before it was there
            else None
        ),
    )
    page.on(
        "request",
        lambda request: (
            troubles.append(f"asked for {request.url}")
            if not request.url.startswith(("file:", "data:", "blob:"))
            else None
        ),
    )
    page.goto(url)
    watched.settle()
    yield watched
    context.close()


def url_of(site: Site, name: str) -> str:
    return (site.html / f"{name}.html").as_uri()


@pytest.mark.parametrize(("width", "scheme"), VIEWS)
@pytest.mark.parametrize("name", PAGES)
def test_a_page_is_in_order(browser: Browser, site: Site, name: str, width: int, scheme: str):
    """It opens whole and alone, has no barriers, and can be printed: in one, since opening it is most of the work."""
    with opened(browser, url_of(site, name), width, scheme) as watched:
        page = watched.page
        assert watched.troubles == []
        assert page.evaluate("document.documentElement.dataset.theme") == scheme
        dark = page.evaluate("parseInt(getComputedStyle(document.body).backgroundColor.match(/\\d+/)[0]) < 128")
        assert dark is (scheme == "dark")
        check_that_all_is_seen(page)
        if (width, scheme) in JUDGED:
            assert barriers(page) == []
        if width > 700:
            page.set_viewport_size({"width": 700, "height": 844})
            page.emulate_media(media="print", color_scheme=scheme)
            check_the_printed(page)


def check_that_all_is_seen(page: Page) -> None:
    """Formulas are set, nothing is wider than the window, no picture is empty or on a pale card."""
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), "wider than the window"

    unset = page.evaluate("""[...document.querySelectorAll("article .math")]
        .filter(element => element.querySelector("math") === null)
        .map(element => element.textContent.slice(0, 80))""")
    assert unset == []

    cut_off = page.evaluate("""[...document.querySelectorAll("article math:not(div.math math), .gc-figure img")]
        .filter(element => element.checkVisibility() && !element.closest("table, details:not([open])")
            && element.getBoundingClientRect().right > document.documentElement.clientWidth)
        .map(element => element.alt || element.textContent.slice(0, 80))""")
    assert cut_off == [], "wider than the column: make a long formula a display formula"

    empty = page.evaluate("""[...document.querySelectorAll("article img, article svg[role=img]")]
        .filter(image => image.checkVisibility() && (image.getBoundingClientRect().width < 8
            || (image.naturalWidth === 0 && image.complete)))
        .map(image => image.src || image.ariaLabel)""")
    assert empty == []

    pale = page.evaluate("""[...document.querySelectorAll("html[data-theme=dark] .text_html:has(.gc-figure)")]
        .map(card => getComputedStyle(card).backgroundColor)
        .filter(colour => colour !== "rgba(0, 0, 0, 0)")""")
    assert pale == []


def barriers(page: Page, within: str = "html") -> list[str]:
    """What axe finds on a page as it stands, or in the elements of it that a selector chooses."""
    page.evaluate(AXE)
    page.evaluate(LEAVE_EXAMPLES)
    options = {
        "preload": False,
        "resultTypes": ["violations"],
        "selectors": False,
        "rules": {"label-content-name-mismatch": {"enabled": True}},
    }
    violations = page.evaluate("([within, options]) => axe.run(within, options)", [within, options])["violations"]
    return [f"{fault['id']}: {node['html'][:160]}" for fault in violations for node in fault["nodes"]]


def check_the_printed(page: Page) -> None:
    """As paper has it: nothing is cut off at the right, boxes can break, and headings stand out from their ground."""
    cut = page.evaluate("""[...document.querySelectorAll("article pre")]
        .filter(box => box.checkVisibility() && box.scrollWidth > box.clientWidth + 1)
        .map(box => box.textContent.slice(0, 80))""")
    assert cut == []
    stiff = page.evaluate("""[...document.querySelectorAll("article pre")].flatMap(code => {
        const boxes = [];
        for (let box = code; box.tagName !== "ARTICLE"; box = box.parentElement) {
            const { overflow, display } = getComputedStyle(box);
            const flows = overflow === "visible" && ["block", "list-item"].includes(display);
            if (!flows && !box.closest("details:not([open]), table")) boxes.push(`${box.className}: ${display}`);
        }
        return boxes;
    })""")
    assert sorted(set(stiff)) == []
    faint = page.evaluate("""(() => {
        const light = colour => {
            const [r, g, b] = colour.match(/[\\d.]+/g).map(Number).map(part => part / 255)
                .map(part => part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4);
            return 0.2126 * r + 0.7152 * g + 0.0722 * b;
        };
        const ground = light(getComputedStyle(document.body).backgroundColor);
        return [...document.querySelectorAll("article :is(h1, h2, h3, h4)")].filter(heading => {
            const [dim, bright] = [ground, light(getComputedStyle(heading).color)].sort((a, b) => a - b);
            return (bright + 0.05) / (dim + 0.05) < 7;
        }).map(heading => heading.textContent);
    })()""")
    assert faint == []


def test_paper_gets_the_light_colours_and_the_screen_its_own_back(browser: Browser, site: Site):
    with opened(browser, url_of(site, "book/01-task"), scheme="dark") as watched:
        page = watched.page
        page.evaluate("""addEventListener("beforeprint", () => {
            window.printed = document.documentElement.dataset.theme;
        })""")
        page.pdf(print_background=True)
        assert page.evaluate("[window.printed, document.documentElement.dataset.theme]") == ["light", "dark"]
        assert watched.troubles == []


def test_the_search_works_from_disk(browser: Browser, site: Site):
    with opened(browser, url_of(site, "book/index")) as watched:
        page = watched.page
        page.keyboard.press("Control+k")
        page.locator("dialog[open] input[type=search]").fill("grokking")
        page.keyboard.press("Enter")
        page.wait_for_url("**/search.html?q=grokking*")
        page.wait_for_selector("#search-results li a")
        assert "book/" in page.locator("#search-results li a").first.get_attribute("href")
        page.locator("#search-results li a").first.click()
        page.wait_for_url("**/book/*.html**")
        assert watched.troubles == []


def test_the_theme_switch_switches(browser: Browser, site: Site):
    with opened(browser, url_of(site, "book/01-task"), scheme="light") as watched:
        themes = set()
        for _ in range(3):
            watched.page.locator("button.theme-switch-button:visible").first.click()
            themes.add(watched.page.evaluate("document.documentElement.dataset.theme"))
        assert themes == {"light", "dark"}
        assert watched.troubles == []


def test_pointing_at_a_term_shows_its_definition(browser: Browser, site: Site):
    with opened(browser, url_of(site, "book/01-task")) as watched:
        term = watched.page.locator("article a[href*='glossary.html#term-']").first
        term.hover()
        tip = watched.page.locator(".tippy-box")
        tip.wait_for()
        assert len(tip.inner_text().split()) > 5
        assert watched.troubles == []


SHARED = {"course.css", "course.js", "stix-two-math.woff2", "stix-two-math-root.woff2", "favicon.svg", "logo.svg"}


@pytest.mark.parametrize("name", PAGES)
def test_a_page_loads_little_at_first(browser: Browser, site: Site, name: str):
    """Besides what the pages share: 250 kB, gzipped as far as it is text; of requests, no more than what comes near.

    The buttons that copy code are left out of the count of elements: four a block, which a script adds.
    """
    with opened(browser, url_of(site, name), 390) as watched:
        files = [Path(unquote(urlsplit(url).path)) for url in watched.loaded if url.startswith("file:")]
        elements = watched.page.evaluate("document.querySelectorAll(':not(.copybtn, .copybtn *)').length")
    sizes = {
        path.name: len(
            path.read_bytes() if path.suffix in (".png", ".webp", ".woff2") else gzip.compress(path.read_bytes())
        )
        for path in files
    }
    assert sum(size for name, size in sizes.items() if name not in SHARED) <= 250_000, sizes
    assert sum(size for name, size in sizes.items() if name in SHARED) <= 120_000, sizes
    assert len(files) <= 20, sizes
    assert elements <= 4000


def test_icons_are_drawn_without_the_themes_icon_script(browser: Browser, site: Site):
    with opened(browser, url_of(site, "book/01-task")) as watched:
        drawn = watched.page.evaluate("""document.fonts.ready.then(() => ({
            script: document.querySelector("svg.svg-inline--fa") !== null,
            font: [...document.fonts].some(font => /awesome/i.test(font.family) && font.status === "loaded"),
        }))""")
        assert drawn == {"script": False, "font": True}


def test_a_wide_formula_scrolls_by_itself_and_the_keyboard_reaches_it(browser: Browser, site: Site):
    with opened(browser, url_of(site, "book/06-circuit"), 390) as watched:
        page = watched.page
        page.wait_for_function("document.querySelector('#equation-eq-functional-form').tabIndex === 0")
        formula = page.locator("#equation-eq-functional-form")
        assert formula.evaluate("box => box.scrollWidth > box.clientWidth")
        assert formula.evaluate("box => box.scrollLeft") == 0
        start = "box => box.querySelector('math').getBoundingClientRect().left - box.getBoundingClientRect().left"
        assert formula.evaluate(start) >= 0, "its beginning cannot be seen"
        formula.focus()
        page.keyboard.down("ArrowRight")
        page.wait_for_function("document.querySelector('#equation-eq-functional-form').scrollLeft > 0")
        assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")


def test_a_formula_is_set_in_the_font_that_comes_with_the_site(browser: Browser, site: Site):
    with opened(browser, url_of(site, "book/06-circuit")) as watched:
        watched.page.wait_for_function(
            "[...document.fonts].some(font => font.status === 'loaded' && /stix two math/i.test(font.family))"
        )


def test_a_root_ends_where_its_content_does(browser: Browser, site: Site):
    with opened(browser, url_of(site, "book/05-fourier")) as watched:
        gaps = watched.page.evaluate("""[...document.querySelectorAll("article msqrt")]
            .filter(root => root.checkVisibility() && root.getBoundingClientRect().width > 0)
            .map(root => (root.getBoundingClientRect().right - root.lastElementChild.getBoundingClientRect().right)
                / parseFloat(getComputedStyle(root).fontSize))""")
        assert len(gaps) > 5
        assert max(gaps) < 0.1
