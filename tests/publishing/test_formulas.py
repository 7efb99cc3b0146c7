"""Formulas: what MathML they become, what an author hears of a mistake, and that every page has all of its own."""

import multiprocessing
import pickle
import re
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest
from bs4 import BeautifulSoup
from conftest import ROOT, Site, toc_pages
from docutils import nodes

from grokcourse.publishing.formulas import FormulaError, display_tex, typeset


def shape(mathml: str) -> str:
    """The elements and what they say, as nested calls: ``msup(x, 2)``."""

    def of(element: ElementTree.Element) -> str:
        return f"{element.tag}({', '.join(map(of, element))})" if len(element) else (element.text or element.tag)

    return of(ElementTree.fromstring(mathml))


@pytest.mark.parametrize(
    ("tex", "expected"),
    [
        (r"x^2", "math(msup(x, 2))"),
        (r"\frac{a}{b + 1}", "math(mfrac(a, mrow(b, +, 1)))"),
        (r"w_{k}^{2}", "math(msubsup(w, k, 2))"),
        (r"\sqrt{p + 1}", "math(msqrt(p, +, 1))"),
        (r"\omega_k n", "math(msub(ω, k), n)"),
        (r"\bar L_c", "math(msub(mover(L, ¯), c))"),
        (r"1, \dots, p", "math(1, ,, …, ,, p)"),
        (r"W_{logit}^h", "math(msubsup(W, logit, h))"),
        (r"W_{in}", "math(msub(W, in))"),
        (r"W_{ij}", "math(msub(W, mrow(i, j)))"),
        (r"(a + b) c", "math((, a, +, b, ), c)"),
        (r"\cos (x) y", "math(cos, \u2061, (, x, ), y)"),
        (r"\left(\frac{1}{2}\right) c", "math(mrow((, mfrac(1, 2), )), c)"),
        (r"(-a)^2", "math(msup(mrow((, −, a, )), 2))"),
    ],
)
def test_a_formula_has_the_structure_that_its_tex_says(tex: str, expected: str):
    assert shape(typeset(tex)) == expected


def test_the_space_behind_a_function_is_kept_without_an_element():
    root = ElementTree.fromstring(typeset(r"\cos x"))
    assert [element.tag for element in root] == ["mi", "mo", "mi"]
    assert root[1].attrib == {"lspace": "0em", "rspace": "0.1667em"}


def test_a_formula_of_its_own_has_its_limits_below_and_above():
    tex = r"\sum_{n=0}^{p} n"
    assert "munderover(∑, mrow(n, =, 0), p)" in shape(typeset(tex, display=True))
    assert "msubsup(∑, mrow(n, =, 0), p)" in shape(typeset(tex))
    assert ElementTree.fromstring(typeset(tex, display=True)).get("display") == "block"


def test_aligned_lines_are_rows_and_a_sign_that_begins_one_stands_between():
    table = ElementTree.fromstring(typeset("\\begin{aligned} a &= b \\\\ &+ c \\end{aligned}", display=True))[0]
    assert (table.tag, [row.tag for row in table]) == ("mtable", ["mtr", "mtr"])
    (left, right), (empty, sign) = table
    assert [cell.get("class") for cell in (left, right)] == ["tml-right", "tml-left"]
    assert "".join(left.itertext()) == "a"
    assert "".join(right.itertext()) == "=b"
    assert "".join(empty.itertext()) == ""
    assert (sign[0].text, sign[0].get("form")) == ("+", "infix")


@pytest.mark.parametrize(
    ("text", "rows"),
    [
        ("a = b\n", None),
        ("a &= b \\\\ &= c", 2),
        ("a = b\n\nc = d", 2),
        ("\\begin{aligned}\na &= b \\\\ &= c\n\\end{aligned}", 2),
    ],
)
def test_blocks_break_their_lines_as_sphinx_has_it(text: str, rows: int | None):
    root = ElementTree.fromstring(typeset(display_tex(text), display=True))
    assert len(root.findall(".//mtr")) == (rows or 0)
    assert len(root.findall(".//mtable")) == (rows is not None)


@pytest.mark.parametrize("tex", [r"\nothing", r"\frac{1", r"a & b", "x^2^3"])
def test_what_is_not_tex_is_an_error(tex: str):
    with pytest.raises(FormulaError) as caught:
        typeset(tex)
    assert str(caught.value).isprintable()


def _set_a_square(_: int) -> str:
    return typeset("x^2")


@pytest.mark.skipif("fork" not in multiprocessing.get_all_start_methods(), reason="no fork on this system")
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_processes_that_fork_set_formulas_too():
    """Sphinx writes pages in forked processes when it is asked for several jobs."""
    here = typeset("x^2")
    with multiprocessing.get_context("fork").Pool(2) as pool:
        assert pool.map_async(_set_a_square, range(4)).get(timeout=120) == [here] * 4


CONF = """
extensions = ["myst_nb", "grokcourse.publishing.sphinx_ext"]
html_theme = "basic"
html_math_renderer = "mathml"
nb_execution_mode = "off"
myst_enable_extensions = ["dollarmath", "amsmath"]
suppress_warnings = ["config.cache"]
exclude_patterns = ["_build"]
numfig = True
"""


def build(folder: Path, page: str) -> tuple[int, str, BeautifulSoup]:
    """Build a book of one page as the site is built: exit code, what was printed, the page."""
    (folder / "conf.py").write_text(CONF)
    (folder / "index.md").write_text(page)
    command = [sys.executable, "-m", "sphinx", "-n", "-W", "--keep-going", "-b", "html", ".", "_build/html"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    html = (folder / "_build" / "html" / "index.html").read_text(encoding="utf-8")
    return done.returncode, done.stdout + done.stderr, BeautifulSoup(html, "html.parser")


@pytest.mark.slow
def test_a_page_shows_formulas_numbers_and_environments(tmp_path: Path):
    page = (
        "# About $p$\n\nInline $a < b$.\n\n$$\na = b\n$$ (eq-one)\n\nSee {eq}`eq-one`.\n\n"
        "\\begin{align*}\nx &= y \\\\\n&= z\n\\end{align*}\n"
    )
    code, log, html = build(tmp_path, page)
    assert code == 0, log
    assert html.select_one("h1 > math").get_text() == "p"
    assert html.select_one("p > math").get_text() == "a<b"
    block = html.select_one("div.math#equation-eq-one")
    assert block.select_one(".eqno").get_text().startswith("(1)")
    assert html.select_one('a.reference[href="#equation-eq-one"]').get_text() == "(1)"
    assert len(html.select("div.math mtr")) == 2


@pytest.mark.slow
def test_a_mistake_in_a_formula_stops_the_build_and_says_where(tmp_path: Path):
    code, log, html = build(tmp_path, "# Page\n\nWords.\n\nThen $a + \\nothing$ and more.\n")
    assert code == 1
    assert re.search(r"index\.md:5: WARNING: formula 'a \+ \\+nothing': .*\\nothing", log), log
    assert html.select_one("span.math").get_text() == r"a + \nothing"


# --- The site ---


def formulas_of(page: str) -> list[str]:
    """The formulas of a page as Sphinx reads it, without what only notebooks show."""
    doctree = pickle.loads((ROOT / "_build" / ".doctrees" / f"{page}.doctree").read_bytes())
    return [node.astext() for node in doctree.findall(_is_formula) if not _is_for_notebooks(node)]


def _is_formula(node: nodes.Node) -> bool:
    return isinstance(node, nodes.math | nodes.math_block)


def _is_for_notebooks(node: nodes.Node | None) -> bool:
    return node is not None and (
        "gc-typed-choices" in getattr(node, "attributes", {}).get("classes", ()) or _is_for_notebooks(node.parent)
    )


@pytest.fixture(scope="module")
def characters() -> set[int]:
    """The code points that the font has, by the list it was made from."""
    found: set[int] = set()
    for line in (ROOT / "book/assets/vendor/stix/unicodes.txt").read_text(encoding="utf-8").splitlines():
        for first, last in re.findall(r"([0-9A-F]{4,})(?:-([0-9A-F]{4,}))?", line.split("#")[0]):
            found |= set(range(int(first, 16), int(last or first, 16) + 1))
    return found


@pytest.mark.slow
@pytest.mark.parametrize("page", toc_pages())
def test_a_page_of_the_site_has_all_its_formulas_set(site: Site, page: str, characters: set[int]):
    text = (site.html / f"{page}.html").read_text(encoding="utf-8")
    html = BeautifulSoup(text, "html.parser")
    formulas = html.select("article math")
    assert len(formulas) == len(formulas_of(page))
    for formula in formulas:
        assert formula.find(["merror", "annotation"]) is None
        assert formula.get_text(strip=True)
        assert {ord(character) for character in formula.get_text()} <= characters | {ord("\n")}
    assert not [script["src"] for script in html.select("script[src]") if "mathjax" in script["src"].lower()]


@pytest.mark.slow
def test_nothing_of_what_sets_formulas_is_published(site: Site):
    names = [path.name.lower() for path in site.html.rglob("*")]
    assert [name for name in names if "temml" in name or "tex-chtml" in name] == []
    assert "stix-two-math.woff2" in names
