"""The built site, looked at as files: everything was run, every link leads somewhere, and nothing stray is there."""

import json
import re
from functools import cache
from pathlib import Path
from urllib.parse import unquote, urlsplit

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
            elif fragment and target.suffix == ".html" and not parsed(target).find(id=fragment):
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
    counts = {page: len(parsed(site.html / f"{page}.html").select("article svg[role=img]")) for page in EXECUTED}
    assert all(counts[page] for page in EXECUTED if re.match(r"book/0\d-", page)), counts


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
