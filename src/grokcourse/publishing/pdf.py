"""The whole course as one PDF: ``make pdf``, or ``python -m grokcourse.publishing.pdf`` after ``make site``.

Chromium prints each page of the built site as its print style has it; then the pages are joined, with a bookmark for
each chapter and its sections, page numbers that go through, and links from chapter to chapter that stay inside.
"""

import argparse
import io
import shutil
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast
from urllib.parse import unquote, urlsplit

import yaml
from playwright.sync_api import Browser, PdfMargins, sync_playwright
from pypdf import PdfReader, PdfWriter
from pypdf.annotations import Link
from pypdf.generic import ArrayObject, DictionaryObject, Fit, NameObject, RectangleObject

from grokcourse.storage import write_whole

PROGRAMS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
PREPARE = """async prefix => {
    document.documentElement.dataset.theme = "light";
    // The pages' anchors share one document: each is told apart by its page.
    for (const element of document.querySelectorAll("article [id]:not(svg *, svg)")) element.id = prefix + element.id;
    for (const link of document.querySelectorAll("article a[href^='#']")) {
        const to = decodeURIComponent(link.getAttribute("href").slice(1));
        link.setAttribute("href", "#" + prefix + to);
    }
    // Chromium names the places that links of the page itself lead to; other pages' links lead to any.
    const places = document.createElement("div");
    for (const { id } of document.querySelectorAll("article [id]:not(svg *, svg)")) {
        places.appendChild(document.createElement("a")).href = "#" + encodeURIComponent(id);
    }
    places.hidden = true;
    document.body.append(places);
    for (const image of document.images) image.loading = "eager";
    await Promise.all([...document.images].map(image => image.decode().catch(() => null)));
    await document.fonts.ready;
    const headings = document.querySelectorAll("#jb-print-docs-body h1, article :is(h2, h3, h4)");
    return [...headings].filter(heading => heading.checkVisibility()).map(heading => {
        const copy = heading.cloneNode(true);
        copy.querySelector(".headerlink")?.remove();
        return copy.textContent.trim().replace(/\\s+/g, " ");
    });
}"""
"""Makes an open page ready to be printed: waits for all that it shows, and tells its headings."""
NUMBERS = """<style>
@page {{ size: A4; margin: 0 }}
body {{ margin: 0 }}
p {{ break-after: page; box-sizing: border-box; height: 297mm; margin: 0; padding: 284mm 18mm 0; text-align: center;
     font: 9pt sans-serif; color: #444 }}
p:last-child {{ break-after: auto }}
</style>{pages}"""


class PdfError(Exception):
    """The PDF cannot be made; the message says what is missing."""


@dataclass(frozen=True)
class Printed:
    """One page of the site on paper."""

    url: str
    headings: list[str]
    """The page's title, then those of its sections in their order."""
    pdf: bytes
    prefix: str
    """What the names of its anchors begin with, so that no other page has the same."""


def pages_of(toc: Path) -> list[str]:
    """The pages of a table of contents (``_toc.yml``) in their order, as paths without an ending."""

    def below(pages: list[dict[str, Any]]) -> list[str]:
        return [name for page in pages for name in (page["file"], *below(page.get("sections", [])))]

    contents = yaml.safe_load(toc.read_text(encoding="utf-8"))
    return [contents["root"], *below([page for part in contents["parts"] for page in part["chapters"]])]


def find_browser() -> str:
    """The path of Chromium or Chrome.

    Raises:
        PdfError: if there is none.
    """
    found = next(filter(None, map(shutil.which, PROGRAMS)), None)
    if found is None:
        raise PdfError("Chromium or Chrome prints it, and there is none here (on Debian: apt-get install chromium)")
    return found


def print_pages(browser: Browser, pages: Iterable[Path]) -> list[Printed]:
    """Print pages of the built site, each by itself.

    Raises:
        PdfError: if one is not there.
    """
    printed = []
    context = browser.new_context(color_scheme="light")
    tab = context.new_page()
    for number, path in enumerate(pages):
        if not path.is_file():
            raise PdfError(f"{path} is not there: build the site first (make site)")
        url = path.resolve().as_uri()
        tab.goto(url, wait_until="load")
        tab.emulate_media(media="print")
        prefix = f"{number}-{path.stem}--"
        headings = tab.evaluate(PREPARE, prefix)
        margin: PdfMargins = {"top": "16mm", "bottom": "20mm", "left": "18mm", "right": "18mm"}
        pdf = tab.pdf(format="A4", margin=margin, print_background=True, outline=True, tagged=True)
        printed.append(Printed(url, headings, pdf, prefix))
    context.close()
    return printed


def page_numbers(browser: Browser, count: int) -> PdfReader:
    """As many empty sheets with nothing on them but their number, from 1 on."""
    tab = browser.new_page()
    tab.set_content(NUMBERS.format(pages="".join(f"<p>{number}</p>" for number in range(1, count + 1))))
    numbers = PdfReader(io.BytesIO(tab.pdf(prefer_css_page_size=True)))
    tab.close()
    return numbers


def join(printed: Sequence[Printed], title: str) -> PdfWriter:
    """One document of all, with a bookmark for each page above those of its sections, and links that stay inside."""
    whole, first = PdfWriter(), {}
    for page in printed:
        first[page.url] = len(whole.pages)
        reader = PdfReader(io.BytesIO(page.pdf))
        whole.append(reader, import_outline=False)
        name, *sections = page.headings
        chapter = whole.add_outline_item(title=name, page_number=first[page.url])
        # Chromium writes a title twice if its line is broken: the page's own words are better.
        for section, (level, sheet) in zip(sections, _sections(reader), strict=True):
            if level == 2:
                whole.add_outline_item(title=section, page_number=first[page.url] + sheet, parent=chapter)
    _keep_links_inside(whole, first, {page.url: page.prefix for page in printed})
    whole.add_metadata({"/Title": title})
    return whole


def _sections(reader: PdfReader) -> list[tuple[int, int]]:
    """The level and the sheet of each heading below a page's title, as Chromium's outline has them."""

    def below(items: list, level: int) -> Iterator[tuple[int, int]]:
        for item in items:
            if isinstance(item, list):
                yield from below(item, level + 1)
            else:
                yield level, reader.get_destination_page_number(item) or 0

    return list(below(reader.outline, 1))[1:]


def _keep_links_inside(whole: PdfWriter, first: Mapping[str, int], prefixes: Mapping[str, str]) -> None:
    """Let links to a page's file lead to where they lead on the site, and drop those to other files of this machine.

    Args:
        whole: the document.
        first: by a page's address the number of its first sheet.
        prefixes: what the names of its anchors begin with.
    """
    places = {name.removeprefix("/"): place for name, place in whole.named_destinations.items()}
    for number, sheet in enumerate(whole.pages):
        kept = ArrayObject()
        inside = []
        for annotation in sheet.annotations or ():
            link = cast(DictionaryObject, annotation.get_object())
            action = cast(DictionaryObject, link["/A"].get_object()) if "/A" in link else {}
            uri = str(action.get("/URI", ""))
            if not uri.startswith("file:"):
                kept.append(annotation)
                continue
            file, _, anchor = uri.partition("#")
            url = Path(unquote(urlsplit(file).path)).as_uri()
            if url in first:
                target, fit = first[url], Fit.fit()
                if place := places.get(prefixes[url] + unquote(anchor)):
                    target = whole.get_destination_page_number(place) or 0
                    fit = Fit.xyz(left=place.left, top=place.top)
                where = RectangleObject(cast(ArrayObject, link["/Rect"]))
                inside.append(Link(rect=where, target_page_index=target, fit=fit))
        sheet[NameObject("/Annots")] = kept
        for link in inside:
            whole.add_annotation(number, link)


def make(site: Path, place: Path, pages: Sequence[str], title: str) -> int:
    """Print pages of the built site into one PDF, and say how many sheets it has.

    Args:
        site: the folder that the build wrote.
        place: the file to write.
        pages: as in the table of contents.
        title: the document's.

    Raises:
        PdfError: if there is no browser, or a page is missing.
    """
    program = find_browser()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        try:
            whole = join(print_pages(browser, [site / f"{page}.html" for page in pages]), title)
            for sheet, number in zip(whole.pages, page_numbers(browser, len(whole.pages)).pages, strict=True):
                sheet.merge_page(number)
                sheet.compress_content_streams()  # the merge has unpacked them
        finally:
            browser.close()
    made = io.BytesIO()
    whole.compress_identical_objects()
    whole.write(made)
    write_whole(place, made.getvalue())
    return len(whole.pages)


def main(arguments: Sequence[str] | None = None) -> int:
    """Make the PDF of the site in ``_build``; the exit code."""
    parser = argparse.ArgumentParser(description="Print the built site into one PDF.")
    parser.add_argument("--site", type=Path, default=Path("_build/html"))
    parser.add_argument("--output", type=Path, default=Path("_build/grokcourse.pdf"))
    options = parser.parse_args(arguments)
    title = yaml.safe_load(Path("_config.yml").read_text(encoding="utf-8"))["title"]
    try:
        sheets = make(options.site, options.output, pages_of(Path("_toc.yml")), title)
    except PdfError as error:
        print(f"No PDF: {error}", file=sys.stderr)
        return 1
    print(f"{options.output}: {sheets} pages")
    return 0


if __name__ == "__main__":
    sys.exit(main())
