"""Formulas as MathML, set while the site is built: a page loads no script for them, and a screen reader reads them.

Temml (``temml/``, JavaScript) turns TeX into MathML. It runs in V8, which comes as a wheel, and in a process of its
own: V8 has threads, and a process that has them cannot fork, as Sphinx does when it writes pages side by side.
"""

import atexit
import itertools
import json
import os
import subprocess
import sys
from functools import cache
from pathlib import Path
from xml.etree import ElementTree

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util import logging
from sphinx.util.math import get_node_equation_number
from sphinx.writers.html5 import HTML5Translator

logger = logging.getLogger(__name__)

SERVER = Path(__file__).parent / "temml" / "serve.py"
INFERRED_ROW = {"math", "msqrt", "mstyle", "mpadded", "mphantom", "mtd"}
"""Elements whose content is a row without an ``mrow`` around it (MathML Core, 2.2.1)."""

DOTS = {"\N{HORIZONTAL ELLIPSIS}", "\N{MIDLINE HORIZONTAL ELLIPSIS}"}
SCRIPTED = {"msub", "msup", "msubsup"}
SHORT_WORDS = {"in"}
"""Indices of two letters that are no two indices: W_in stands beside W_out."""
UNSTRETCHED = {"+", "\N{MINUS SIGN}", "=", ",", "\N{DOT OPERATOR}", "\N{FUNCTION APPLICATION}"}
"""Operators whose size does not depend on the row that they stand in."""
SIGNS = {"+", "\N{MINUS SIGN}", "\N{PLUS-MINUS SIGN}"}
APPLIED = "\N{FUNCTION APPLICATION}"
UNDERLINED = "\N{COMBINING LOW LINE}"  # Temml's mark below what is wrong


class FormulaError(Exception):
    """A formula that cannot be set; says why."""


def setup(app: Sphinx) -> None:
    """Make the renderer known, by the name that ``html_math_renderer`` takes."""
    app.add_html_math_renderer("mathml", (visit_inline, None), (visit_display, None))


def typeset(tex: str, *, display: bool = False) -> str:
    """The MathML of a formula, as one ``<math>`` element.

    Args:
        tex: what stands between the dollars; at most one paragraph.
        display: whether it stands on a line of its own.

    Raises:
        FormulaError: Temml cannot read it.
    """
    answer = _typeset(tex, display, os.getpid())
    if "error" in answer:
        raise FormulaError(" ".join(answer["error"].replace(UNDERLINED, "").split()))
    return _light(answer["mathml"])


def display_tex(text: str) -> str:
    r"""What a block's text means in TeX, by Sphinx's rules: paragraphs are lines, and ``\\`` breaks one.

    Text that begins with an environment of its own breaks its lines itself.
    """
    parts = [part.strip() for part in text.split("\n\n") if part.strip()]
    lines = [rf"\begin{{split}}{part}\end{{split}}" if _breaks(part) else part for part in parts]
    rows = r"\\".join(lines)
    return rows if len(lines) == 1 else rf"\begin{{aligned}}{rows}\end{{aligned}}"


def visit_inline(writer: HTML5Translator, node: nodes.math) -> None:
    """Write a formula in running text."""
    formula = _html(writer, node, node.astext(), display=False)
    if node["ids"] or not formula.startswith("<math"):
        formula = writer.starttag(node, "span", "", CLASS="math notranslate nohighlight") + formula + "</span>"
    writer.body.append(formula)
    raise nodes.SkipNode


def visit_display(writer: HTML5Translator, node: nodes.math_block) -> None:
    """Write a formula on a line of its own, with its number if it has one."""
    writer.body.append(writer.starttag(node, "div", CLASS="math notranslate nohighlight"))
    if node.get("number"):
        writer.body.append(f'<span class="eqno">({get_node_equation_number(writer, node)})')
        writer.add_permalink_ref(node, "Link to this equation")
        writer.body.append("</span>")
    text = node.astext()
    writer.body.append(_html(writer, node, text if node.get("nowrap") else display_tex(text), display=True))
    writer.body.append("</div>\n")
    raise nodes.SkipNode


def _html(writer: HTML5Translator, node: nodes.Node, tex: str, *, display: bool) -> str:
    try:
        return typeset(tex, display=display)
    except FormulaError as error:
        logger.warning("formula %r: %s", node.astext().strip(), error, location=node)
        return writer.encode(node.astext())


def _breaks(tex: str) -> bool:
    return r"\\" in tex and not tex.startswith(r"\begin{")


@cache
def _typeset(tex: str, display: bool, pid: int) -> dict[str, str]:
    server = _server(pid)
    assert server.stdin is not None
    assert server.stdout is not None
    server.stdin.write(json.dumps([tex, display]) + "\n")
    server.stdin.flush()
    answer = server.stdout.readline()
    if not answer:
        raise RuntimeError(f"the process that sets formulas ended at {tex!r}")
    return json.loads(answer)


@cache
def _server(pid: int) -> subprocess.Popen[str]:
    """The process that sets formulas for the process ``pid``, started when first asked for."""
    pipe = subprocess.PIPE
    server = subprocess.Popen([sys.executable, "-I", SERVER], stdin=pipe, stdout=pipe, encoding="utf-8")
    atexit.register(_stop, server, pid)
    return server


def _stop(server: subprocess.Popen[str], pid: int) -> None:
    if pid == os.getpid():  # a forked process inherits what the first one registered
        server.communicate()


def _light(mathml: str) -> str:
    """The same formula with fewer elements: without rows that are there anyway, and what the style sheet says."""
    root = ElementTree.fromstring(mathml)
    root.attrib.pop("style", None)
    for element in root.iter():
        if element.text == "\N{OVERLINE}":
            element.text = "\N{MACRON}"  # the one that mathematical fonts have
        if element.text in DOTS:
            element.tag = "mi"  # as an operator it would have space on both sides
        while element.tag in INFERRED_ROW and [(child.tag, child.attrib) for child in element] == [("mrow", {})]:
            element[:] = list(element[0])
        if element.tag in SCRIPTED:
            element[:] = [element[0], *(_word(script) if _is_word(script) else script for script in element[1:])]
        if element.tag in (*INFERRED_ROW, "mrow"):
            while any(map(_is_plain_row, element)):
                element[:] = [part for child in element for part in (child if _is_plain_row(child) else [child])]
            _join_spaces(element)
        if element.tag == "mtd":
            element.attrib.pop("style", None)
            if len(element) > 1 and element.get("class") == "tml-left" and element[0].text in SIGNS:
                element[0].set("form", "infix")  # in TeX a sign that begins the right-hand side has space around it
    return ElementTree.tostring(root, encoding="unicode", short_empty_elements=False)


def _is_word(script: ElementTree.Element) -> bool:
    """Whether an index is a word, as in ``W_{logit}``: nothing but letters, three or more, or a known word of two."""
    letters = [part.tag == "mi" and not part.attrib and len(part.text or "") == 1 for part in script]
    return (
        script.tag == "mrow"
        and not script.attrib
        and all(letters)
        and (len(letters) >= 3 or "".join(script.itertext()) in SHORT_WORDS)
    )


def _word(letters: ElementTree.Element) -> ElementTree.Element:
    """A row of letters as one name, upright, which a screen reader does not spell."""
    word = ElementTree.Element("mi")
    word.text = "".join(letters.itertext())
    return word


def _is_plain_row(element: ElementTree.Element) -> bool:
    """Whether a row looks the same without its ``mrow``.

    What an operator at its beginning or end is depends on the row, if it does not say so itself; and so does how tall
    a bracket is that may stretch.
    """
    if element.tag != "mrow" or element.attrib or not len(element):
        return False
    ends = (element[0], element[-1])
    stretches = any(
        part.tag == "mo" and part.get("stretchy") != "false" and part.text not in UNSTRETCHED for part in element
    )
    return not stretches and all(
        end.tag in ("mi", "mn", "mspace", "mtext") or (end.tag == "mo" and (end.get("form") or end.text == APPLIED))
        for end in ends
    )


def _join_spaces(row: ElementTree.Element) -> None:
    """The space behind a function's name as an attribute of the sign, unseen, that applies the function."""
    for sign, space in itertools.pairwise(list(row)):
        if sign.text == APPLIED and not sign.attrib and space.tag == "mspace" and set(space.attrib) == {"width"}:
            sign.attrib.update(lspace="0em", rspace=space.attrib["width"])
            row.remove(space)
