"""The built site, looked at as files: everything was run, every link leads somewhere, and nothing stray is there."""

import csv
import gzip
import json
import re
from functools import cache
from pathlib import Path
from urllib.parse import unquote, urlsplit
from xml.etree import ElementTree

import pytest
from bs4 import BeautifulSoup
from conftest import ROOT, Site, build, toc_pages
from jupyter_cache import get_cache
from myst_nb.core.config import NbParserConfig
from myst_nb.core.read import create_nb_reader
from myst_parser.config.main import MdParserConfig
from nbformat import NotebookNode

PAGES = toc_pages()
EXECUTED = [page for page in PAGES if "file_format: mystnb" in (ROOT / f"{page}.md").read_text(encoding="utf-8")[:500]]


@cache
def parsed(path: Path) -> BeautifulSoup:
    return BeautifulSoup(path.read_text(encoding="utf-8"), "html.parser")


@cache
def anchors(path: Path) -> set[str]:
    """The ids on a page."""
    return {element["id"] for element in parsed(path).select("[id]")}


def html_files(site: Site) -> list[Path]:
    return sorted(path for path in site.html.rglob("*.html") if "_static" not in path.parts)


def source_notebook(page: str) -> NotebookNode:
    path = ROOT / f"{page}.md"
    text = path.read_text(encoding="utf-8")
    return create_nb_reader(str(path), MdParserConfig(), NbParserConfig(), text).read(text)


def code_cells(notebook: NotebookNode) -> list[NotebookNode]:
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def executed_notebook(site: Site, page: str) -> NotebookNode:
    """The results that the build used: of those that were kept of this page, the ones used last."""
    cache = get_cache(site.html.parent / ".jupyter_cache")
    try:
        kept = [record for record in cache.list_cache_records() if Path(record.uri) == ROOT / f"{page}.md"]
        return cache.get_cache_bundle(max(kept, key=lambda record: record.accessed).pk).nb
    finally:
        cache.db.dispose()


def test_the_numbered_chapters_are_executed_pages():
    chapters = [page for page in PAGES if re.match(r"book/\d\d-", page)]
    assert len(chapters) >= 6
    assert set(chapters) - set(EXECUTED) == set()


@pytest.mark.parametrize("page", EXECUTED)
def test_every_cell_ran_in_order_without_a_complaint(site: Site, page: str):
    cells = code_cells(executed_notebook(site, page))
    assert cells
    assert [cell.source for cell in cells] == [cell.source for cell in code_cells(source_notebook(page))]
    assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1))
    outputs = [output for cell in cells for output in cell.outputs]
    assert [output.evalue for output in outputs if output.output_type == "error"] == []
    assert [output.text for output in outputs if output.get("name") == "stderr"] == []
    assert parsed(site.html / f"{page}.html").select(".output.traceback, .output.stderr") == []


@pytest.mark.parametrize("page", EXECUTED)
def test_what_the_cells_printed_is_on_the_page(site: Site, page: str):
    shown = "".join(parsed(site.html / f"{page}.html").select_one("article").get_text().split())
    hidden = {"remove-cell", "remove-output"}
    printed = [
        output.text
        for cell in code_cells(executed_notebook(site, page))
        if not hidden & set(cell.metadata.get("tags", []))
        for output in cell.outputs
        if output.get("name") == "stdout"
    ]
    assert [text for text in printed if "".join(text.split()) not in shown] == []


def test_a_second_build_has_nothing_to_do(site: Site):
    again = build()  # the fixture's build may have been the first
    assert again.returncode == 0, again.stderr
    assert "0 added, 0 changed, 0 removed" in again.stdout
    assert not re.search(r"^ran \S+ in", again.stdout, re.MULTILINE)


def test_every_internal_link_leads_somewhere(site: Site):
    broken = []
    for path in html_files(site):
        for element in parsed(path).select("[href], [src]"):
            url = urlsplit(element.get("href") or element.get("src"))
            if url.scheme in ("http", "https", "mailto", "data"):
                continue
            target = (path.parent / unquote(url.path)).resolve() if url.path else path
            fragment = unquote(url.fragment)
            if not target.is_file() or not target.is_relative_to(site.html):
                broken.append(f"{path.name}: {url.geturl()} (no such file)")
            elif fragment and target.suffix == ".html" and fragment not in anchors(target):
                broken.append(f"{path.name}: {url.geturl()} (no such anchor)")
    assert broken == []


def test_nothing_is_loaded_from_elsewhere(site: Site):
    loaded = [
        f"{path.name}: {url}"
        for path in html_files(site)
        for element in parsed(path).select("script[src], link[href], img[src], iframe[src], source[src], video[src]")
        if (url := element.get("src") or element.get("href")).startswith(("http:", "https:", "//"))
        and "canonical" not in element.get("rel", [])
    ]
    assert loaded == []


@pytest.mark.parametrize("page", PAGES)
def test_every_figure_has_a_text_alternative(site: Site, page: str):
    article = parsed(site.html / f"{page}.html").select_one("article.bd-article")
    images = article.select("img, svg, canvas, object, embed")
    without = [
        str(image)[:200]
        for image in images
        if not (image.get("alt") or image.get("aria-label") or "").strip() and image.get("aria-hidden") != "true"
    ]
    assert without == []
    assert all(svg.get("role") == "img" for svg in article.select("svg:not([aria-hidden=true])"))


def test_no_table_or_role_is_left_as_markdown(site: Site):
    left = [
        (path.name, found.group())
        for path in html_files(site)
        for prose in parsed(path).select("article p")
        if (found := re.search(r"\A\s*\|.+\||\{[\w:]+\}`", prose.get_text()))
    ]
    assert left == []


def test_the_course_has_figures_to_look_at(site: Site):
    counts = {page: len(parsed(site.html / f"{page}.html").select("article .gc-figure")) for page in EXECUTED}
    assert all(counts[page] for page in EXECUTED if re.match(r"book/0\d-", page)), counts


@pytest.mark.parametrize("page", EXECUTED)
def test_figures_are_files_for_each_mode_with_room_kept_for_them(site: Site, page: str):
    here = site.html / f"{page}.html"
    for figure in parsed(here).select(".gc-figure"):
        light, dark = figure.select("picture")
        assert (light["class"], dark["class"]) == (["gc-light"], ["gc-dark"])
        shown = [picture.select("source[srcset], img[src]") for picture in (light, dark)]
        for one, other in zip(*shown, strict=True):
            names = [element.get("src") or element.get("srcset") for element in (one, other)]
            assert len(set(names)) == 2
            for element, name in zip((one, other), names, strict=True):
                svg = ElementTree.parse(here.parent / name).getroot()
                assert svg.tag == "{http://www.w3.org/2000/svg}svg"
                assert "var(" not in (here.parent / name).read_text(encoding="utf-8")
                *_, width, height = map(float, svg.get("viewBox").split())
                assert abs(int(element["width"]) - width * 4 / 3) <= 1
                assert abs(int(element["height"]) - height * 4 / 3) <= 1
        assert light.img["alt"] == dark.img["alt"] != ""
        assert {image["loading"] for image in (light.img, dark.img)} == {"lazy"}


def test_no_figure_is_left_of_a_former_build(site: Site):
    used = set(re.findall(r"figure-\w+\.svg", "".join(path.read_text(encoding="utf-8") for path in html_files(site))))
    assert {path.name for path in (site.html / "_images").glob("figure-*.svg")} == used


@pytest.mark.parametrize("page", PAGES)
def test_no_script_blocks_a_page(site: Site, page: str):
    """One file waits for the page, besides what moving pictures share; what else there is loads when it is wanted."""
    scripts = parsed(site.html / f"{page}.html").select("script")
    waiting = [script for script in scripts if script.get("src")]
    assert all("defer" in script.attrs for script in waiting)
    assert {re.sub(r"\?.*", "", script["src"]).split("/")[-1] for script in waiting} <= {"course.js", "base.js"}
    inline = [script for script in scripts if not script.get("src") and script.get("type") != "application/ld+json"]
    assert len(inline) == 1
    assert len(inline[0].get_text()) < 3000


def test_the_scripts_of_all_pages_are_small(site: Site):
    sizes = {name: len((site.html / "_static" / name).read_bytes()) for name in ("course.js", "hovers.js")}
    assert sizes["course.js"] < 130_000
    assert sizes["hovers.js"] < 60_000


BUDGET = 100_000
"""Bytes of a page's HTML, gzipped."""
ELEMENTS = 4000
"""How many elements a page has at most."""


@pytest.mark.parametrize("page", PAGES)
def test_a_page_is_light(site: Site, page: str):
    content = (site.html / f"{page}.html").read_bytes()
    assert len(gzip.compress(content)) <= BUDGET
    assert len(BeautifulSoup(content, "html.parser").find_all(True)) <= ELEMENTS


def test_no_path_of_this_machine_is_published(site: Site):
    traces = [f"{ROOT}/", f"{Path.home()}/", "/site-packages/", "/tmp/ipykernel", "ipykernel_"]
    files = [*html_files(site), site.html / "searchindex.js", *(site.html / "_static" / "tippy").rglob("*.js")]
    found = [f"{path.name}: {trace}" for path in files for trace in traces if trace in path.read_text(encoding="utf-8")]
    assert found == []


@pytest.mark.parametrize("page", EXECUTED)
def test_removed_cells_are_not_published(site: Site, page: str):
    cells = code_cells(source_notebook(page))
    removed = [cell for cell in cells if {"remove-cell", "remove-input"} & set(cell.metadata.get("tags", []))]
    shown = "\n".join(cell.source for cell in cells if cell not in removed)
    published = parsed(site.html / f"{page}.html").get_text()
    lines = {line.strip() for cell in removed for line in cell.source.splitlines() if len(line.strip()) > 20}
    assert [line for line in lines if line in published and line not in shown] == []


def test_no_sources_reports_or_left_overs_are_published(site: Site):
    names = {path.relative_to(site.html).as_posix() for path in site.html.rglob("*") if path.is_file()}
    assert {name for name in names if name.startswith(("reports/", "_sources/"))} == set()
    assert {name for name in names if name.endswith((".md", ".ipynb", ".py", "_cache.json"))} <= {
        name
        for name in names
        if name.startswith(("_static/vendor/", "notebooks/"))
        or name.endswith("/test_own.py")  # an example for instructors, to download
    }


def test_each_page_has_one_file_of_hovers(site: Site):
    stems = [path.name.split(".")[0] for path in (site.html / "_static" / "tippy" / "book").glob("*.js")]
    assert sorted(stems) == sorted({page.removeprefix("book/") for page in PAGES})


@pytest.mark.parametrize("page", PAGES)
def test_each_page_says_what_it_is(site: Site, page: str):
    head = parsed(site.html / f"{page}.html")
    assert head.html["lang"] == "en"
    assert head.title.get_text(strip=True)
    descriptions = [meta["content"] for meta in head.select('meta[name="description"]')]
    assert len(descriptions) == 1
    assert 20 <= len(descriptions[0]) <= 300
    assert "\\" not in descriptions[0]
    assert len(head.select("article h1")) == 1


def test_the_search_index_knows_the_pages(site: Site):
    text = (site.html / "searchindex.js").read_text(encoding="utf-8")
    index = json.loads(text.removeprefix("Search.setIndex(").removesuffix(")"))
    assert set(PAGES) <= set(index["docnames"])
    assert any(term.startswith("grok") for term in index["terms"])


def test_the_claims_can_be_downloaded_as_the_page_shows_them(site: Site):
    page = parsed(site.html / "book" / "claims.html")
    rows = [[cell.get_text(strip=True) for cell in row.select("td")] for row in page.select("table.gc-claims tbody tr")]
    assert {link["href"] for link in page.select("a[download]")} == {"claims.csv", "claims.json", "ten-seeds.csv"}
    seeds = csv.DictReader((site.html / "book" / "ten-seeds.csv").read_text(encoding="utf-8").splitlines())
    assert [row["seed"] for row in seeds] == [str(seed) for seed in range(10)]
    told = json.loads((site.html / "book" / "claims.json").read_text(encoding="utf-8"))["claims"]
    assert [row[0] for row in rows] == [claim["number"] for claim in told]
    assert [row[4].split(" of ")[0] for row in rows] == [
        str([value["mark"] for value in claim["values"]].count("holds")) for claim in told
    ]
    in_csv = list(csv.DictReader((site.html / "book" / "claims.csv").read_text(encoding="utf-8").splitlines()))
    assert [row["number"] for row in in_csv] == [claim["number"] for claim in told for _ in claim["values"]]
    assert all(page.find(id=f"claim-{claim['name']}") for claim in told)


CHAPTERS = [page for page in PAGES if re.match(r"book/\d\d-", page)]


def minutes_in(words: str) -> float:
    """How many minutes "25 min", "2¾ h" or "1 h" are, to the quarter of an hour from one hour on."""
    number, unit = words.split()
    quarters = {"¼": 0.25, "½": 0.5, "¾": 0.75}
    value = sum(quarters.get(part, 0) for part in number) + float(re.match(r"\d*", number)[0] or 0)
    return value if unit == "min" else 60 * value


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_the_landing_page_has_a_card_for_each_chapter_with_the_times_that_the_chapter_tells(site: Site, chapter: str):
    name = chapter.removeprefix("book/")
    [mark] = parsed(site.html / "book/index.html").select(f'[data-progress="{name}"]')
    card = mark.find_parent(class_="sd-card")
    assert [link["href"] for link in card.select("a[href]")] == [f"{name}.html"]
    assert card.select("svg[aria-label], img[alt]")
    times = card.select_one(".sd-card-footer").get_text()
    page = parsed(site.html / f"{chapter}.html")
    told = re.search(r"Reading takes about (an hour|\d+ minutes)", page.get_text())[1]
    assert minutes_in(times.split(" to read")[0]) == (60 if told == "an hour" else int(told.split()[0]))
    each = [int(re.search(r"about (\d+) minutes", box.get_text())[1]) for box in page.select(".gc-exercise")]
    if each:
        assert f"{len(each)} exercises" in times
        assert minutes_in(times.split(" exercises in ")[1].strip()) == pytest.approx(sum(each), abs=7.5)


def test_the_landing_page_opens_the_first_chapter_here_and_in_colab(site: Site):
    begin, colab = parsed(site.html / "book/index.html").select(".gc-begin a")
    [button] = parsed(site.html / "book/01-task.html").select("a.btn-colab-button")
    assert begin["href"] == "01-task.html"
    assert colab["href"] == button["href"]


def test_the_end_of_the_story_is_kept_shut_and_has_the_dates_in_their_order(site: Site):
    [ending] = parsed(site.html / "book/index.html").select("#what-was-found-inside details")
    assert not ending.has_attr("open")
    [told] = [p.get_text() for p in ending.select("p") if "In the run above" in p.get_text()]
    dates = [int(found.replace(",", "")) for found in re.findall(r"step (\d[\d,]*)", told)]
    assert len(dates) == 5
    assert dates == sorted(dates)  # what is cleaned up is cleaned up after the onset
    chapter = parsed(site.html / "book/07-progress-measures.html").get_text()
    assert all(f"{date:,}" in chapter for date in dates)


def test_every_page_of_the_course_has_a_card_to_share(site: Site):
    cards = {path.name for path in (site.html / "book").glob("card*.png")}
    assert cards == {"card.png", *(f"card-{chapter.removeprefix('book/')}.png" for chapter in CHAPTERS)}
