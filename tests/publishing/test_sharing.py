"""What the published site offers to other sites and to search engines, and what is left out without an address."""

import json
import os
import subprocess
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from xml.etree import ElementTree

import pytest
from bs4 import BeautifulSoup

from grokcourse.publishing import sharing

SITE = "https://example.org/course"
DESCRIPTION = '<meta content="Words &amp; pictures." name="description" />'


def git(folder: Path, *arguments: str, day: str = "2026-03-04T12:00:00+00:00") -> None:
    identity = {"GIT_AUTHOR_NAME": "A", "GIT_AUTHOR_EMAIL": "a@example.org", "GIT_COMMITTER_NAME": "A"}
    identity |= {"GIT_COMMITTER_EMAIL": "a@example.org", "GIT_COMMITTER_DATE": day, "GIT_AUTHOR_DATE": day}
    subprocess.run(
        ["git", *arguments],
        cwd=folder,
        check=True,
        capture_output=True,
        env={"PATH": os.environ["PATH"], **identity},
    )


@pytest.fixture
def app(tmp_path: Path) -> SimpleNamespace:
    """A book of two pages, of which git knows one."""
    (tmp_path / "book").mkdir()
    (tmp_path / "out").mkdir()
    for name in ("index", "01-task"):
        (tmp_path / "book" / f"{name}.md").write_text(f"# {name}\n", encoding="utf-8")
    git(tmp_path, "init")
    git(tmp_path, "add", "book/01-task.md")
    git(tmp_path, "commit", "-m", "one")
    config = SimpleNamespace(
        html_baseurl=f"{SITE}/",
        html_title="A course",
        project="P",
        root_doc="book/index",
        html_theme_options={"repository_url": "https://github.com/a/b", "repository_branch": "main"},
    )
    env = SimpleNamespace(
        found_docs={"book/index", "book/01-task"},
        doc2path=lambda page: str(tmp_path / f"{page}.md"),
        titles={"book/01-task": SimpleNamespace(astext=lambda: "The task & more")},
    )
    builder = SimpleNamespace(format="html")
    return SimpleNamespace(config=config, env=env, builder=builder, srcdir=tmp_path, outdir=tmp_path / "out")


def tags(app: SimpleNamespace, page: str) -> tuple[dict[str, str], dict]:
    context = {"title": "<em>The</em> task", "metatags": DESCRIPTION}
    sharing.add_tags(app, page, "page.html", context, object())
    head = BeautifulSoup(context["metatags"], "html.parser")
    return {tag.get("property") or tag["name"]: tag["content"] for tag in head.select("meta")}, context


def test_a_chapter_is_shared_with_its_own_picture_and_full_addresses(app):
    told, _ = tags(app, "book/01-task")
    assert told["og:image"] == f"{SITE}/book/card-01-task.png"
    assert told["og:url"] == f"{SITE}/book/01-task.html"
    assert told["og:title"] == "The task"
    assert told["og:description"] == told["description"] == "Words & pictures."
    assert told["twitter:card"] == "summary_large_image"


def test_any_other_page_is_shared_with_the_courses_picture(app):
    assert tags(app, "book/index")[0]["og:image"] == f"{SITE}/book/card.png"
    assert tags(app, "index")[0]["og:image"] == f"{SITE}/card.png"


def test_a_page_says_of_which_edition_it_is_and_where_the_current_one_stands(app):
    footer = BeautifulSoup(tags(app, "book/index")[1]["theme_extra_footer"], "html.parser")
    assert "4 March 2026" in footer.get_text()
    assert [link["href"] for link in footer.select("a")] == [f"{SITE}/book/index.html"]


def test_the_file_of_the_current_edition_says_what_pages_compare_with(app):
    sharing.write_files(app, None)
    told = json.loads((app.outdir / "edition.json").read_text(encoding="utf-8"))
    noon = datetime(2026, 3, 4, 12, tzinfo=UTC).timestamp()
    assert (told["day"], told["time"]) == ("4 March 2026", noon)
    [footer] = BeautifulSoup(tags(app, "book/01-task")[1]["theme_extra_footer"], "html.parser").select(".gc-edition")
    assert footer["data-edition"] == f"{SITE}/edition.json"
    assert footer["data-page"] == f"{SITE}/book/01-task.html"
    assert int(footer["data-time"]) == noon
    assert told["commit"] in footer.get_text()


def test_without_an_address_nothing_is_said_in_full(app):
    app.config.html_baseurl = ""
    told, context = tags(app, "book/01-task")
    assert told.keys() == {"description"}
    assert "theme_extra_footer" not in context
    sharing.write_files(app, None)
    assert not {"sitemap.xml", "edition.json"} & {path.name for path in app.outdir.iterdir()}


def test_the_map_has_each_page_and_the_day_of_its_last_change_where_git_knows_it(app):
    sharing.write_files(app, None)
    space = "{http://www.sitemaps.org/schemas/sitemap/0.9}"
    root = ElementTree.parse(app.outdir / "sitemap.xml").getroot()
    told = {url.findtext(f"{space}loc"): url.findtext(f"{space}lastmod") for url in root}
    assert told == {f"{SITE}/book/01-task.html": "2026-03-04", f"{SITE}/book/index.html": None}


def test_the_page_for_no_page_works_at_any_address(app):
    sharing.write_files(app, None)
    page = BeautifulSoup((app.outdir / "404.html").read_text(encoding="utf-8"), "html.parser")
    links = {link["href"]: link.get_text() for link in page.select("[href]")}
    assert links[f"{SITE}/book/01-task.html"] == "The task & more"
    assert all(link.startswith(SITE) for link in links)
    assert page.select("[src]") == []


def test_nothing_is_written_after_a_build_that_failed(app):
    sharing.write_files(app, ValueError())
    assert list(app.outdir.iterdir()) == []


def test_where_git_knows_nothing_no_edition_is_told(tmp_path: Path):
    assert sharing.edition(tmp_path) == ("", "", 0)
