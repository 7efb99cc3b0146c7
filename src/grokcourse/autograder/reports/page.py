"""What the HTML reports share: the frame, the style, escaping, bars. No script, nothing from elsewhere."""

import html
import re
from collections.abc import Iterable
from datetime import datetime

from .text import MAX_MESSAGE, one_line, plain

POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
"""Even if a student's text should ever get past the escaping, the browser runs and loads nothing."""

OURS = 20_000
"""Characters of a text that no student wrote."""

STYLE = """
:root {
  color-scheme: light dark;
  --paper: #ffffff; --card: #f5f7f9; --ink: #1d2329; --muted: #56606a; --line: #d5dbe0;
  --blue: #0072b2; --green: #00684d; --orange: #a34600; --tint: #e6f0f7;
}
@media (prefers-color-scheme: dark) {
  :root {
    --paper: #14181e; --card: #1c222a; --ink: #dfe3e8; --muted: #a3aeb9; --line: #3a434d;
    --blue: #56b4e9; --green: #2fc39a; --orange: #f0883e; --tint: #1d2c38;
  }
}
* { box-sizing: border-box; }
body {
  margin: 0 auto; padding: 1.5rem 1rem 4rem; max-width: 62rem; background: var(--paper); color: var(--ink);
  font: 1rem/1.55 system-ui, -apple-system, "Segoe UI", sans-serif; overflow-wrap: anywhere;
}
h1 { font-size: 1.7rem; line-height: 1.2; margin: 0 0 0.3rem; }
h2 { font-size: 1.25rem; margin: 2.4rem 0 0.6rem; }
h3 { font-size: 1.05rem; margin: 0; }
p { margin: 0.5rem 0; }
a { color: var(--blue); }
:focus-visible { outline: 3px solid var(--blue); outline-offset: 2px; }
code { font-family: ui-monospace, "Cascadia Mono", Menlo, Consolas, monospace; font-size: 0.92em; }
.muted { color: var(--muted); }
.small { font-size: 0.9rem; }
.figures { display: grid; grid-template-columns: repeat(auto-fit, minmax(9rem, 1fr)); gap: 0.75rem; padding: 0; }
.figures li { list-style: none; background: var(--card); border-radius: 0.5rem; padding: 0.7rem 0.9rem; }
.figures strong { display: block; font-size: 1.5rem; line-height: 1.25; }
.note { background: var(--tint); border-left: 4px solid var(--blue); border-radius: 0.25rem; padding: 0.5rem 0.9rem; }
.note ul { margin: 0.2rem 0; padding-left: 1.2rem; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-size: 0.93rem; overflow-wrap: normal; }
th, td { text-align: left; vertical-align: top; padding: 0.35rem 0.6rem; border-bottom: 1px solid var(--line); }
thead th { border-bottom-width: 2px; white-space: nowrap; }
tbody th { font-weight: 600; min-width: 10rem; overflow-wrap: anywhere; }
th code, th .small { white-space: nowrap; }
td.number, th.number { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
td.text { min-width: 13rem; overflow-wrap: anywhere; }
.bar { display: block; height: 0.7rem; min-width: 5rem; margin: 0.4rem 0; background: var(--line); }
.bar span { display: block; height: 100%; background: var(--blue); }
.bar, .bar span { border-radius: 0.2rem; }
figure { margin: 0.5rem 0; }
svg { display: block; width: 100%; max-width: 44rem; height: auto; }
svg text { fill: var(--ink); font: 13px system-ui, sans-serif; text-anchor: middle; }
svg rect { fill: var(--blue); }
svg line { stroke: var(--muted); }
.good { color: var(--green); font-weight: 600; }
.bad { color: var(--orange); font-weight: 600; }
.exercise { background: var(--card); border-radius: 0.5rem; padding: 0.8rem 1rem; margin: 0.8rem 0; }
.exercise header { display: flex; flex-wrap: wrap; gap: 0.2rem 1rem; justify-content: space-between; }
.exercise ul { list-style: none; margin: 0.5rem 0 0; padding: 0; }
.exercise li { display: grid; grid-template-columns: 1.4rem 1fr; margin: 0.3rem 0; }
.message { display: block; white-space: pre-wrap; color: var(--muted); }
.evidence { display: block; border-left: 3px solid var(--line); padding-left: 0.6rem; }
.evidence { white-space: pre-wrap; font-size: 0.92em; }
summary { cursor: pointer; }
@media (max-width: 600px) { body { padding-top: 1rem; } h1 { font-size: 1.4rem; } th, td { padding: 0.3rem 0.45rem; } }
@media print { body { max-width: none; } .scroll { overflow: visible; } .exercise { break-inside: avoid; } }
"""


def document(title: str, body: str) -> str:
    """A whole HTML page; ``title`` is text, ``body`` is HTML."""
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="robots" content="noindex">\n'
        f"<title>{line(title)}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n<main>\n{body}\n</main>\n</body>\n</html>\n"
    )


def line(text: str, most: int = MAX_MESSAGE) -> str:
    """Text as HTML, on one line."""
    return html.escape(one_line(text, most))


def block(text: str, most: int = MAX_MESSAGE) -> str:
    """Text as HTML, with its line breaks, where what stands in backticks is code."""
    return _code(html.escape(plain(text, most)))


def prose(text: str) -> str:
    """Text as HTML, on one line, where what stands in backticks is code."""
    return _code(line(text))


def _code(text: str) -> str:
    return re.sub("`([^`\n]+)`", r"<code>\1</code>", text)


def items(texts: Iterable[str], most: int = MAX_MESSAGE) -> str:
    """An unordered list of texts."""
    return "<ul>" + "".join(f"<li>{line(text, most)}</li>" for text in texts) + "</ul>"


def moment(started: str) -> str:
    """A date and time in ISO 8601, as people write it."""
    try:
        then = datetime.fromisoformat(started)
    except ValueError:
        return started
    return f"{then.day} {then:%B %Y, %H:%M} {then.tzname() or ''}"


def bar(share: float) -> str:
    """A bar that is filled to a share between 0 and 1; the number stands beside it, so it is hidden from readers."""
    return f'<span class="bar" aria-hidden="true"><span style="width:{100 * share:.1f}%"></span></span>'


def table(caption: str, heads: Iterable[tuple[str, str]], rows: Iterable[str]) -> str:
    """A table that scrolls by itself where it is too wide.

    Args:
        caption: what it is, for those who cannot see it.
        heads: text and class of each column.
        rows: HTML.
    """
    head = "".join(f'<th scope="col" class="{kind}">{line(text)}</th>' for text, kind in heads)
    name = html.escape(caption)
    return (
        f'<div class="scroll" role="region" aria-label="{name}" tabindex="0"><table>'
        f"<thead><tr>{head}</tr></thead><tbody>{''.join(rows)}</tbody></table></div>"
    )
