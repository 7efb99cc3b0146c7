"""Which pages of a small book are written anew after an edit, and that what they show of others is up to date."""

import os
import re
import shutil

import pytest
from test_site import Book, book, cell

pytestmark = pytest.mark.slow
__all__ = ["book"]  # a fixture


def written(log: str) -> set[str]:
    """The pages that a build wrote, by its log; the root is written each time."""
    return set(re.findall(r"writing output\.\.\. \[ *\d+%\] (\S+)", re.sub(r"\x1b\[[\d;]*m", "", log))) - {"index"}


def test_an_edit_of_prose_writes_its_own_page_alone(book: Book):
    book.write(one="Words.", two="More words.")
    code, log = book.build()
    assert code == 0, log
    assert written(log) == {"one", "two"}
    book.write(one="Other words.", two="More words.")
    code, log = book.build()
    assert code == 0, log
    assert written(log) == {"one"}
    assert "Other words." in book.html("one")
    code, log = book.build()
    assert code == 0, log
    assert written(log) == set()


def test_what_another_page_measures_reaches_the_pages_that_quote_it(book: Book):
    def measures(size: int, other: int) -> str:
        return cell(
            f"from myst_nb import glue\nglue('size', {size}, display=False)\nglue('other', {other}, display=False)"
        )

    quotes = "The size is {glue:text}`measures.md::size:d`."
    book.write(measures=measures(1234, 1), quotes=quotes, apart="No numbers.")
    code, log = book.build()
    assert code == 0, log
    assert "1234" in book.html("quotes")
    book.write(measures=measures(5678, 1), quotes=quotes, apart="No numbers.")
    code, log = book.build()
    assert code == 0, log
    assert written(log) == {"measures", "quotes"}
    assert "5678" in book.html("quotes")
    assert "1234" not in book.html("quotes")
    book.write(measures=measures(5678, 2), quotes=quotes, apart="No numbers.")
    code, log = book.build()
    assert code == 0, log
    assert written(log) == {"measures"}


TOLD = {
    "a heading": ("(there)=\n## Before\n", "(there)=\n## Afterwards\n", "See {ref}`there`."),
    "an equation": (
        "```{math}\n:label: there\nx\n```\n",
        "```{math}\n:label: first\ny\n```\n\n```{math}\n:label: there\nx\n```\n",
        "See {eq}`there`.",
    ),
}
"""What one page has, before and after an edit, and a page that shows it."""


@pytest.mark.parametrize("what", TOLD)
def test_what_other_pages_may_show_reaches_them(book: Book, what: str):
    before, after, shows = TOLD[what]
    book.write(has=before, shows=shows)
    assert book.build()[0] == 0
    former = body(book, "shows")
    book.write(has=after, shows=shows)
    code, log = book.build()
    assert code == 0, log
    assert "shows" in written(log)
    renewed = body(book, "shows")
    shutil.rmtree(book.folder / "_build")
    assert book.build()[0] == 0
    assert renewed == body(book, "shows")
    assert renewed != former


def body(book: Book, name: str) -> str:
    """What a page shows: its head names the files of a first build otherwise than those of a second."""
    return book.html(name).partition("<body>")[2]


def test_a_title_reaches_every_page(book: Book):
    book.write(one="Words.", two="See {doc}`one`.")
    assert book.build()[0] == 0
    path = book.folder / "one.md"
    path.write_text(path.read_text().replace("# one", "# A new title"))
    code, log = book.build()
    assert code == 0, log
    assert "A new title" in book.html("two")
    assert "A new title" in book.html("index")


def test_a_definition_reaches_what_pops_up_on_other_pages(book: Book):
    with (book.folder / "conf.py").open("a") as conf:
        conf.write("extensions.append('sphinx_tippy')\ntippy_enable_wikitips = tippy_enable_doitips = False\n")
    glossary = "```{{glossary}}\nGrokking\n  {}\n```\n"
    uses = "What {term}`Grokking` is."
    book.write(terms=glossary.format("A late rise."), uses=uses, apart="{term}`Grokking` again.")
    code, log = book.build()
    assert code == 0, log
    assert "A late rise." in hovers(book, "uses")
    book.write(terms=glossary.format("A sudden insight."), uses=uses, apart="{term}`Grokking` again.")
    code, log = book.build()
    assert code == 0, log
    assert written(log) == {"terms"}
    assert "A sudden insight." in hovers(book, "uses")
    assert "A late rise." not in hovers(book, "uses")
    book.write(terms=glossary.format("A sudden insight."), uses=uses + " Indeed.", apart="{term}`Grokking` again.")
    code, log = book.build()
    assert code == 0, log
    assert written(log) == {"uses"}
    assert [("A sudden insight." in hovers(book, name)) for name in ("uses", "apart")] == [True, True]


def hovers(book: Book, page: str) -> str:
    """The file of what pops up that a page loads."""
    (name,) = re.findall(rf"_static/(tippy/{page}\.[\w-]+\.js)", book.html(page))
    return (book.folder / "_build" / "html" / "_static" / name).read_text()


def test_what_pages_are_made_by_writes_all_of_them(book: Book):
    (book.folder / "static").mkdir()
    style = book.folder / "static" / "own.css"
    style.write_text("p { color: red }")
    with (book.folder / "conf.py").open("a") as conf:
        conf.write("html_static_path = ['static']\nhtml_css_files = ['own.css']\n")
    book.write(one="Words.", two="More words.")
    assert book.build()[0] == 0
    for path in (style, book.init.with_name("publishing") / "page.py"):
        edited = path.read_text() + ("\n/* edited */" if path.suffix == ".css" else "\n# edited\n")
        path.write_text(edited)
        code, log = book.build()
        assert code == 0, log
        assert written(log) == {"one", "two"}


def test_a_page_that_was_read_and_not_written_is_written_next_time(book: Book):
    book.write(one="Words.", two="More words.")
    assert book.build()[0] == 0
    conf = (book.folder / "conf.py").read_text()
    stop = "\nimport os\ndef setup(app):\n    app.connect('write-started', lambda app, builder: os._exit(9))\n"
    (book.folder / "conf.py").write_text(conf + stop)
    measured = cell("print('measured')")
    book.write(one=measured, two="More words.")
    assert book.build()[0] == 9
    (book.folder / "conf.py").write_text(conf)
    page = book.folder / "_build" / "html" / "one.html"
    os.utime(page)  # as if it were newer than its source
    code, log = book.build()
    assert code == 0, log
    assert written(log) == {"one"}
    assert "measured" in book.html("one")
