"""The course as one PDF, on two small pages."""

from pathlib import Path

import pytest
from playwright.sync_api import Browser
from pypdf import PdfReader

from grokcourse.publishing import pdf

PAGE = """<!DOCTYPE html><html data-theme="dark"><head><meta charset="utf-8"><style>
html[data-theme=dark] {{ background: #111; color: white }}
@media print {{ .onlyscreen {{ display: none }} }}
</style></head><body>
<div id="jb-print-docs-body"><h1>{title}</h1></div>
<nav class="onlyscreen"><h2>Contents</h2></nav>
<article><section id="first"><h2>First of {title}<a class="headerlink" href="#first">#</a></h2>
<p>Words of {title}. <a href="#last">down</a>, <a href="{other}">across</a>, <a href="notes.ipynb">away</a>,
<a href="https://example.org/">outside</a></p></section>
<h2 id="last" style="break-before: page">Last of {title}</h2><h3>Within</h3></article></body></html>"""


@pytest.fixture(scope="module")
def whole(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> PdfReader:
    folder = tmp_path_factory.mktemp("site")
    for title, other in (("one", "two"), ("two", "one")):
        text = PAGE.format(title=title, other=f"{other}.html#last")
        (folder / f"{title}.html").write_text(text, encoding="utf-8")
    printed = pdf.print_pages(browser, [folder / "one.html", folder / "two.html"])
    made = pdf.join(printed, "Both")
    made.write(folder / "both.pdf")
    return PdfReader(folder / "both.pdf")


def test_each_page_and_its_sections_have_a_bookmark_that_leads_there(whole: PdfReader):
    assert whole.metadata["/Title"] == "Both"
    told = []
    for item in whole.outline:
        for mark in item if isinstance(item, list) else [item]:
            told.append((mark.title, whole.get_destination_page_number(mark), isinstance(item, list)))
    assert told == [
        ("one", 0, False),
        ("First of one", 0, True),
        ("Last of one", 1, True),
        ("two", 2, False),
        ("First of two", 2, True),
        ("Last of two", 3, True),
    ]


def test_all_words_are_there_and_what_only_the_screen_has_is_not(whole: PdfReader):
    text = [page.extract_text() for page in whole.pages]
    assert [f"Words of {title}" in text[sheet] for sheet, title in ((0, "one"), (2, "two"))] == [True, True]
    assert not any("Contents" in sheet for sheet in text)


def test_links_lead_into_the_document_or_to_the_web_and_to_no_file_of_this_machine(whole: PdfReader):
    links = [[mark.get_object() for mark in sheet.annotations or ()] for sheet in whole.pages]
    addresses = {str(link["/A"]["/URI"]) for sheet in links for link in sheet if "/URI" in link.get("/A", {})}
    assert addresses == {"https://example.org/"}
    sheets = {page.indirect_reference.idnum: number for number, page in enumerate(whole.pages)}
    named = {name: whole.get_destination_page_number(place) for name, place in whole.named_destinations.items()}
    inside = []
    for start in (0, 2):
        leads = set()
        for link in links[start]:
            to = link.get("/Dest") or link.get("/A", {}).get("/D")
            if to is not None:
                leads.add(named[to] if isinstance(to, str) else sheets[to[0].idnum])
        inside.append(leads)
    # To its own first section and its own last one, which have the same names on both pages, and to the other's last.
    assert inside == [{0, 1, 3}, {2, 3, 1}]


def test_paper_is_white_whatever_the_page_was(browser: Browser, tmp_path: Path):
    (tmp_path / "one.html").write_text(PAGE.format(title="one", other="one.html"), encoding="utf-8")
    tab = browser.new_page(color_scheme="dark")
    tab.goto((tmp_path / "one.html").as_uri())
    tab.evaluate(pdf.PREPARE, "one--")
    assert tab.evaluate("getComputedStyle(document.documentElement).color") == "rgb(0, 0, 0)"
    tab.close()


def test_sheets_are_numbered_throughout(browser: Browser):
    assert [page.extract_text().strip() for page in pdf.page_numbers(browser, 3).pages] == ["1", "2", "3"]


def test_without_a_browser_it_says_what_is_missing(monkeypatch, capsys):
    monkeypatch.setattr(pdf.shutil, "which", lambda name: None)
    assert pdf.main([]) == 1
    assert "No PDF: Chromium or Chrome prints it, and there is none here" in capsys.readouterr().err


def test_a_page_that_is_not_built_is_named(browser: Browser, tmp_path: Path):
    with pytest.raises(pdf.PdfError, match=r"one\.html is not there: build the site first"):
        pdf.print_pages(browser, [tmp_path / "one.html"])


def test_the_pages_are_those_of_the_table_of_contents_in_its_order(tmp_path: Path):
    toc = tmp_path / "_toc.yml"
    toc.write_text(
        "root: a\nparts:\n  - chapters:\n      - file: c\n        sections:\n          - file: e\n      - file: b\n"
        "  - chapters:\n      - file: d\n"
    )
    assert pdf.pages_of(toc) == ["a", "c", "e", "b", "d"]
