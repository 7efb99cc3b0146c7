"""What a page does for its reader: exercises that fold, choices, hints, hovers by tap, progress; and no scripts."""

import pytest
from conftest import Site
from playwright.sync_api import Browser, Page, expect
from test_browser import barriers, opened, url_of

TASK = "book/01-task"
EXERCISE = "#exercise-all-questions"
QUESTION = "#exercise-twin-share"
PHONE = {"has_touch": True, "is_mobile": True}


def state(page: Page) -> list[bool]:
    """Which exercises are open."""
    return page.evaluate("[...document.querySelectorAll('details.gc-exercise')].map(exercise => exercise.open)")


def go_on(page: Page, url: str) -> None:
    page.goto(url)
    page.wait_for_load_state("load")


# --- Reading and doing ---


def test_exercises_are_lines_for_a_reader_and_open_for_one_who_does_them(browser: Browser, site: Site):
    with opened(browser, url_of(site, TASK)) as watched:
        page = watched.page
        assert len(state(page)) > 2
        assert not any(state(page))
        heights = page.evaluate("""[...document.querySelectorAll('details.gc-exercise')]
            .map(exercise => exercise.getBoundingClientRect().height)""")
        assert max(heights) < 60
        page.get_by_label("read:").focus()
        page.keyboard.press("ArrowRight")
        expect(page.get_by_label("do the exercises")).to_be_checked()
        assert all(state(page))

        go_on(page, url_of(site, "book/05-fourier"))
        expect(page.get_by_label("do the exercises")).to_be_checked()
        assert all(state(page))
        page.get_by_label("read:").check()
        assert not any(state(page))
        assert watched.troubles == []


def test_exercises_are_open_before_anything_is_drawn(browser: Browser, site: Site):
    """Else all that is below would move when the scripts have loaded."""
    with opened(browser, url_of(site, TASK)) as watched:
        page = watched.page
        page.get_by_label("do the exercises").check()
        page.add_init_script("""document.addEventListener("readystatechange", () => {
            if (document.readyState !== "interactive") return;
            // All is parsed, and no deferred script has run; what observes changes comes before this.
            queueMicrotask(() => {
                window.seen = [...document.querySelectorAll("details.gc-exercise")].map(exercise => exercise.open);
            });
        })""")
        page.reload()
        assert len(page.evaluate("seen")) > 2
        assert all(page.evaluate("seen"))


@pytest.mark.parametrize("away", [True, False])
def test_a_link_to_an_exercise_opens_it(browser: Browser, site: Site, away: bool):
    with opened(browser, url_of(site, TASK) + EXERCISE * away) as watched:
        page = watched.page
        if not away:
            page.evaluate(f"location.hash = '{EXERCISE}'")
        expect(page.locator(f"{EXERCISE} .tag_exercise")).to_be_visible()
        assert state(page).count(True) == 1
        assert 0 <= page.locator(EXERCISE).bounding_box()["y"] < 200


def test_a_search_hit_opens_the_exercise_that_it_is_in(browser: Browser, site: Site):
    with opened(browser, url_of(site, "search") + "?q=cartesian_prod+pairs") as watched:
        page = watched.page
        page.locator("#search-results li a[href$='01-task.html']").first.click()
        page.wait_for_function(f"document.querySelector('{EXERCISE}')?.open")
        assert state(page).count(True) == 1
        page.reload()
        assert state(page).count(True) == 0


def test_find_in_page_can_look_into_a_closed_exercise(browser: Browser, site: Site):
    """A text fragment takes the way that find-in-page takes."""
    with opened(browser, "about:blank") as watched:
        page = watched.page
        go_on(page, url_of(site, TASK) + "#:~:text=so%20that%20b%20runs%20fastest")
        go_on(page, url_of(site, TASK) + "#:~:text=the%20numbers%20of%20the%20rows%2C%20counted%20from%200")
        page.wait_for_function("document.querySelector('#exercise-split').open")


# --- Hints ---


def test_hints_come_one_after_the_other(browser: Browser, site: Site):
    with opened(browser, url_of(site, TASK) + EXERCISE) as watched:
        page = watched.page
        hints = page.locator(f"{EXERCISE} .gc-hint > summary")
        assert hints.count() == 3
        for shown in (1, 2, 3):
            assert [hint.is_visible() for hint in hints.all()] == [place <= shown for place in (1, 2, 3)]
            expect(hints.nth(shown - 1)).to_have_text(f"Hint {shown} of 3")
            hints.nth(shown - 1).focus()
            page.keyboard.press("Enter")


# --- Predictions ---


@pytest.mark.parametrize("by", ["key", "tap"])
def test_a_prediction_shows_what_is_so_once_it_is_made(browser: Browser, site: Site, by: str):
    with opened(browser, url_of(site, TASK), 390 if by == "tap" else 1300, **(PHONE if by == "tap" else {})) as watched:
        page = watched.page
        question = page.locator(QUESTION)
        choices, right, why = (question.locator(part) for part in (".gc-choice", ".gc-right", ".gc-solution"))
        assert question.locator("details[open]").count() == 0
        expect(why).to_be_hidden()
        expect(question.get_by_text("So it is.")).to_be_hidden()

        wrong = question.locator(".gc-choice:not(.gc-right)").first
        if by == "tap":
            wrong.locator("summary").tap()
        else:
            wrong.locator("summary").focus()
            page.keyboard.press("Space")
        expect(question.get_by_role("status")).to_contain_text(f"You chose ({wrong.get_attribute('data-letter')})")
        for part in (wrong, right, why):
            expect(part).to_have_attribute("open", "")
        assert question.locator(".gc-choice[open]").count() == 2

        page.reload()
        expect(question.get_by_role("status")).to_contain_text(f"You chose ({wrong.get_attribute('data-letter')})")
        expect(why).to_have_attribute("open", "")
        right.locator("summary").click()  # the first choice counts
        expect(question.get_by_role("status")).to_contain_text(f"You chose ({wrong.get_attribute('data-letter')})")
        assert choices.count() in (3, 4)
        assert watched.troubles == []


# --- Hovers ---


def test_a_tap_shows_a_definition_and_a_second_one_goes_there(browser: Browser, site: Site):
    with opened(browser, url_of(site, TASK), 390, **PHONE) as watched:
        page = watched.page
        term = page.locator("article > section > p a[href*='glossary.html#term-'], article p a[href*='#term-']").first
        tip = page.locator(".tippy-box")
        term.tap()
        tip.wait_for()
        assert len(tip.inner_text().split()) > 5
        expect(tip.get_by_role("link", name="Go to the definition")).to_be_visible()
        assert page.url.endswith("01-task.html")
        page.keyboard.press("Escape")
        expect(tip).to_be_hidden()
        term.tap()
        tip.wait_for()
        tip.get_by_role("link", name="Go to the definition").tap()
        page.wait_for_url("**/glossary.html#term-*")


def test_a_hover_comes_by_key_and_goes_by_escape(browser: Browser, site: Site):
    with opened(browser, url_of(site, TASK)) as watched:
        page = watched.page
        term = page.locator("article a[href*='glossary.html#term-']").first
        term.focus()
        page.locator(".tippy-box").wait_for()
        page.keyboard.press("Escape")
        expect(page.locator(".tippy-box")).to_be_hidden()
        term.focus()
        page.keyboard.press("Enter")
        page.wait_for_url("**/glossary.html#term-*")


# --- What scrolls ---


def test_what_is_too_wide_can_be_reached_and_has_a_name(browser: Browser, site: Site):
    with opened(browser, url_of(site, "book/07-progress-measures"), 390) as watched:
        page = watched.page
        page.get_by_text("What we found, definition by definition").click()  # a closed box has no width
        page.get_by_role("group", name="Table, scrolls sideways").first.wait_for(state="attached")
        told = page.evaluate("""[...document.querySelectorAll("article *")]
            .filter(box => ["auto", "scroll"].includes(getComputedStyle(box).overflowX)
                && box.scrollWidth > box.clientWidth + 1 && box.checkVisibility())
            .filter(box => box.tabIndex !== 0 || !box.ariaLabel)
            .map(box => `${box.tagName} ${box.className}: ${box.textContent.slice(0, 60)}`)""")
        assert told == []


@pytest.mark.parametrize("name", ["01-task", "05-fourier", "07-progress-measures"])
@pytest.mark.parametrize("width", [1300, 390])
def test_code_fits_its_column(browser: Browser, site: Site, name: str, width: int):
    with opened(browser, url_of(site, f"book/{name}"), width) as watched:
        wide = watched.page.evaluate("""(() => {
            document.querySelectorAll("article details").forEach(part => part.open = true);
            return [...document.querySelectorAll("article :is(.highlight-ipython3, .highlight-python) pre")]
                .filter(code => code.scrollWidth > code.clientWidth + 1).map(code => code.textContent.slice(0, 60));
        })()""")
        assert wide == []


# --- Progress ---


def test_progress_is_shown_and_forgotten(browser: Browser, site: Site):
    with opened(browser, url_of(site, TASK)) as watched:
        page = watched.page
        forget = page.get_by_role("button", name="Forget my progress")
        link = page.locator(".bd-sidebar-primary a", has_text="1. The task")
        expect(forget).to_be_hidden()
        page.evaluate("""document.querySelector("article").insertAdjacentHTML("beforeend",
            "<p id='elsewhere' data-progress='01-task'></p>")""")  # before the scripts run again: see below
        page.locator(EXERCISE).locator("summary").first.click()
        page.locator(EXERCISE).get_by_label("I have done this exercise").check()
        count = page.locator(".gc-exercise").count()
        expect(link).to_contain_text(f"1 of {count} done")
        page.locator(".prev-next-footer").scroll_into_view_if_needed()
        expect(link).to_contain_text("✓ read")

        go_on(page, url_of(site, "book/02-transformer"))
        expect(page.locator(".bd-sidebar-primary a", has_text="1. The task")).to_contain_text(f"✓ read, 1 of {count}")
        forget.click()
        expect(page.locator(".bd-sidebar-primary a", has_text="1. The task")).not_to_contain_text("read")
        expect(forget).to_be_hidden()
        assert page.evaluate("localStorage.getItem('grokcourse')") is None
        assert watched.troubles == []


def test_the_landing_page_shows_progress_on_each_card(browser: Browser, site: Site):
    with opened(browser, "about:blank") as watched:
        page = watched.page
        kept = (
            '{"read": ["03-weight-decay"], "done": {"03-weight-decay": ["weight_norm"]}, "of": {"03-weight-decay": 5}}'
        )
        page.add_init_script(f"""localStorage.setItem("grokcourse", '{kept}')""")
        page.goto(url_of(site, "book/index"))
        cards = page.locator(".gc-path .sd-card")
        expect(cards.filter(has_text="3. Weight decay")).to_contain_text("✓ read, 1 of 5 done")
        expect(cards.filter(has_text="2. The transformer")).not_to_contain_text("✓")


# --- No scripts, no memory, no barriers ---


def test_without_scripts_everything_can_be_opened(browser: Browser, site: Site):
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(url_of(site, TASK))
    expect(page.locator(".gc-mode")).to_be_hidden()
    exercise, question = page.locator(EXERCISE), page.locator(QUESTION)
    exercise.locator("summary").first.click()
    expect(exercise.locator(".tag_exercise")).to_be_visible()
    expect(exercise.locator(".gc-done")).to_be_hidden()
    question.locator(".gc-right summary").click()
    expect(question.get_by_text("So it is.")).to_be_visible()
    question.locator(".gc-solution > summary").click()
    expect(question.get_by_text("twin_share = ")).to_be_visible()
    context.close()


def test_a_browser_that_keeps_nothing_is_no_hindrance(browser: Browser, site: Site):
    with opened(browser, "about:blank") as watched:
        page = watched.page
        page.add_init_script("""Object.defineProperty(window, "localStorage", {
            configurable: true, get() { throw new DOMException("denied", "SecurityError"); } })""")
        go_on(page, url_of(site, TASK))
        page.get_by_label("do the exercises").check()
        assert all(state(page))
        page.locator(f"{QUESTION} .gc-choice summary").first.click()
        expect(page.locator(f"{QUESTION} .gc-outcome")).to_contain_text("You chose (a)")
        assert watched.troubles == []


@pytest.mark.parametrize(("width", "scheme"), [(1300, "light"), (1300, "dark"), (390, "light"), (320, "dark")])
def test_no_state_has_barriers(browser: Browser, site: Site, width: int, scheme: str):
    with opened(browser, url_of(site, TASK), width, scheme) as watched:
        page = watched.page
        page.locator(".prev-next-footer").scroll_into_view_if_needed()
        page.get_by_label("do the exercises").check()
        page.evaluate("document.querySelectorAll('article details').forEach(part => part.open = true)")
        page.get_by_label("I have done this exercise").first.check()
        page.locator(f"{QUESTION} .gc-choice summary").first.click()
        assert barriers(page) == []
        assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
        assert watched.troubles == []


def test_what_one_taps_is_large_enough(browser: Browser, site: Site):
    with opened(browser, url_of(site, TASK), 390, **PHONE) as watched:
        page = watched.page
        page.get_by_label("do the exercises").check()
        small = page.evaluate("""[...document.querySelectorAll(
                ".gc-mode label, .gc-exercise summary, .gc-done, .gc-forget:not([hidden])")]
            .filter(target => target.checkVisibility() && target.getBoundingClientRect().height < 44)
            .map(target => target.textContent)""")
        assert small == []


# --- A table that can be sorted ---


def column(page: Page, name: int) -> list[str]:
    return page.locator(f"table.gc-claims tbody td:nth-child({name})").all_inner_texts()


@pytest.mark.parametrize("width", [390, 1300])
def test_the_claims_are_sorted_by_keyboard_as_their_numbers_and_shares_are(browser: Browser, site: Site, width: int):
    with opened(browser, url_of(site, "book/claims"), width=width) as watched:
        page = watched.page
        numbers = column(page, 1)
        assert numbers[:4] == ["P1", "P2", "P3", "P4"]
        head = page.get_by_role("columnheader", name="No.")
        expect(head).to_have_attribute("aria-sort", "ascending")
        head.get_by_role("button").focus()
        page.keyboard.press("Enter")
        expect(head).to_have_attribute("aria-sort", "descending")
        assert column(page, 1)[:2] == ["W5", "W4"]

        by_share = page.get_by_role("columnheader", name="Holds in")
        by_share.get_by_role("button").press("Space")
        expect(by_share).to_have_attribute("aria-sort", "ascending")
        expect(head).to_have_attribute("aria-sort", "none")
        shares = [int(text.split()[0]) / int(text.split()[2]) for text in column(page, 5)]
        assert shares == sorted(shares)
        assert shares[0] == 0
        assert shares[-1] == 1
        assert sorted(column(page, 1)) == sorted(numbers)
        assert page.get_by_role("row").count() > len(numbers)  # on a phone, too, it is a table for a screen reader
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        assert barriers(page) == []
        assert watched.troubles == []


def test_without_scripts_the_claims_are_a_table(browser: Browser, site: Site):
    with opened(browser, url_of(site, "book/claims"), java_script_enabled=False) as watched:
        assert watched.page.locator("table.gc-claims tbody tr").count() > 40
        assert watched.page.locator("button.gc-sort").count() == 0
