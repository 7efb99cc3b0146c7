"""What is mended in each page's HTML, after the theme and the other extensions."""

import html
import re

from docutils import nodes

LONGEST_DESCRIPTION = 160
WITHOUT_EFFECT = (
    re.compile(r"<span>()</span>"),
    re.compile(r'<span class="(?:pre|pasted-text|std std-ref|xref std std-term)">([^<]*)</span>'),
    re.compile(r'<span class="(?:n|nn|o|p|sa|w)">([^<]*)</span>'),
)
"""Elements that look like what is around them; first those that stand inside others."""
ALIKE = {
    "s": ("s1", "s2", "sb", "sc", "sd", "se", "sh", "si", "dl"),
    "k": ("kc", "kd", "kn", "kp", "kr", "ow"),
    "m": ("mb", "mf", "mh", "mi", "mo", "il", "nb", "bp"),
}
"""Kinds of words in code (Pygments's classes) that look like another in either mode: strings, keywords, numbers."""
KIND = re.compile(rf'<span class="({"|".join(name for names in ALIKE.values() for name in names)})">')
_LIKE = {name: kind for kind, names in ALIKE.items() for name in names}
PARTED = re.compile(r'<span class="([a-z]{1,2}\d?)">([^<]*)</span>(\s*)<span class="\1">(?=[^<]*</span>)')
"""Two elements of highlighted code that look alike, and only space between them."""
CELL = re.compile(r"(<(t[dh])\b[^>]*>)<p>((?:(?!</?p\b|</\2>).)*)</p>\s*(?=</\2>)", re.DOTALL)
"""A table's cell with a paragraph and nothing else in it."""
TIGHT_LIST = re.compile(r'<([uo]l) class="[^"]*\bsimple\b[^"]*">(?:(?!</?[uo]l\b).)*</\1>', re.DOTALL)
"""A list of single paragraphs without space between them, and without lists in it."""
ITEM = re.compile(r"(<(li)\b[^>]*>)<p>((?:(?!</?p\b|</\2>).)*)</p>\s*(?=</\2>)", re.DOTALL)
CODE = re.compile(
    r'<div class="(highlight-[\w-]+ notranslate)"><div class="highlight">(<pre>.*?</pre>)</div>\s*</div>', re.DOTALL
)
"""A box of code, and the box around it."""
PARAMETERS = re.compile(r"<dl>\n((?:<dd>(?:(?!</?d[ld]>).)*</dd>\n)+)</dl>", re.DOTALL)


def tidy(context: dict, doctree: nodes.document | None) -> None:
    """Change a page's template context in place; ``doctree`` is None for pages such as the search."""
    if doctree is None:
        return
    context["metatags"] = with_description(context.get("metatags") or "", doctree)
    body = with_parameters(with_named_summaries(with_list_items(context["body"])))
    context["body"] = with_few_elements(body)


def with_description(metatags: str, doctree: nodes.document) -> str:
    """The page's meta tags with a description among them: its own, or else its first words, cut at the end of one."""
    if 'name="description"' in metatags:
        return metatags
    paragraph = next(iter(doctree.findall(_is_running_text)), None)
    if paragraph is None:
        return metatags
    text = " ".join(paragraph.astext().split())
    if len(text) > LONGEST_DESCRIPTION:
        text = text[: LONGEST_DESCRIPTION - 1].rsplit(" ", 1)[0].rstrip(",;:") + "…"
    return f'{metatags}\n<meta name="description" content="{html.escape(text)}" />'


def _is_running_text(node: nodes.Node) -> bool:
    """Whether the node is a paragraph right under a heading, in plain words: a formula would come out as TeX."""
    return (
        isinstance(node, nodes.paragraph)
        and isinstance(node.parent, nodes.section)
        and not any(node.findall(nodes.math))
        and bool(node.astext().strip())
    )


def with_list_items(body: str) -> str:
    """The bibliography's entries as the items of their list: the role that docutils gives them is deprecated."""
    return body.replace(' role="doc-biblioentry"', ' role="listitem"')


def with_named_summaries(body: str) -> str:
    """Cells that fold named by the words on them, "Show code cell source", and not by a label that hides these."""
    return body.replace('<summary aria-label="Toggle hidden content">', "<summary>")


def with_few_elements(body: str) -> str:
    """A page without the elements that change nothing: two thirds of what a long page would have.

    Those are, in code, the ones for names, operators, punctuation and space, each but the first of neighbours that look
    alike, and one of two boxes; in the text, those around what is glued and linked, and paragraphs alone in a table's
    cell, or in an item of a list that has no space between items.
    """
    body = CELL.sub(r"\1\3", body)
    body = TIGHT_LIST.sub(lambda found: ITEM.sub(r"\1\3", found[0]), body)
    body = CODE.sub(r'<div class="\1 highlight">\2</div>', body)
    for pattern in WITHOUT_EFFECT:
        body = pattern.sub(r"\1", body)
    body = KIND.sub(lambda found: f'<span class="{_LIKE[found[1]]}">', body)
    while (joined := PARTED.sub(r'<span class="\1">\2\3', body)) != body:
        body = joined
    return body


def with_parameters(body: str) -> str:
    """A signature's parameters, each on a line of its own, without the list of terms that Sphinx makes of them."""
    return PARAMETERS.sub(
        lambda found: (
            f'<div class="gc-parameters">{found[1].replace("<dd>", "<div>").replace("</dd>", "</div>")}</div>'
        ),
        body,
    )
