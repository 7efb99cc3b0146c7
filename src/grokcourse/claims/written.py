"""Claims, values and verdicts as the page writes them, in MyST."""

import math
import re
import statistics
from collections.abc import Iterable

from .case import SEEDS, TITLES, Case
from .claim import CHAPTERS, SOURCES, Checked, Claim, Mark, Range

SYMBOLS: dict[Mark, str] = {"holds": "✓", "nearly": "≈", "fails": "✗", "open": "?"}
"""How the page writes what one value says."""
SHORT = {
    "power2022grokking": "Power et al.",
    "liu2022understanding": "Liu et al. 2022",
    "liu2022omnigrok": "Liu et al. 2023",
    "nanda2023progress": "Nanda et al.",
    "chughtai2023toy": "Chughtai et al.",
    "stander2024grokking": "Stander et al.",
    "": "project page",
}
"""The sources, where there is little room."""


def written(claim: Claim, value: float | None) -> str:
    """A value as the page writes it: ``79.9%``, ``6,400``, ``5.8 · 10⁻⁸``; ``cannot tell`` for None."""
    if value is None:
        return "cannot tell"
    if math.isnan(value):
        return "never"
    text = claim.show.format(value)
    if abs(value) >= 1e5 and "," not in claim.show:
        text = f"{value:.1e}"
    found = re.fullmatch(r"(-?[\d.]+)e([+-]\d+)", text)
    if found:
        power = str(int(found[2])).translate(str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"))
        text = f"{found[1]} · 10{power}"
    return unbroken(text)


def unbroken(text: str) -> str:
    """A text in which no line ends within a product with a power of ten."""
    return re.sub(r" (?=· 10)|(?<=\d ·) (?=10)", "\N{NO-BREAK SPACE}", text)


def bound_written(claim: Claim, bound: float) -> str:
    """A bound likewise, with as many digits as it has: ``90%``, ``1.25``."""
    if "%" in claim.show:
        return f"{100 * bound:.10g}%"
    return f"{bound:,.10g}" if bound == 0 or bound >= 1e-3 else written(claim, bound)


def bounds_written(claim: Claim, bounds: Range) -> str:
    """A range as the page writes it: ``up to 2``, ``10 or more``, ``0.44 to 1``."""
    low, high = (bound_written(claim, bound) if math.isfinite(bound) else "" for bound in bounds)
    if low == high:
        return f"exactly {low}"
    if bounds[0] <= 0:
        return f"at most {high}" if high else "0 or more"
    return f"{low} to {high}" if high and high != "100%" else f"{low} or more"


def verdict_written(checked: Checked) -> str:
    """A verdict as the page writes it: ``2 of 3 seeds``, ``0 of 3 seeds; nearly in 3``."""
    marks, claim = list(checked.marks.values()), checked.claim
    text = f"{marks.count('holds')} of {len(marks)} {claim.unit}{'s' * (len(marks) > 1)}"
    text += f"; nearly in {n}" if (n := marks.count("nearly")) else ""
    text += f"; {n} cannot tell" if (n := marks.count("open")) else ""
    return text + ("; claim at second hand" if claim.second_hand else "")


def values_written(checked: Checked) -> str:
    """Each value with what it says: ``✓ 0.98 · ✗ 1.6 · 10⁷`` with the names of the runs, unless these are the seeds."""
    texts = _marked(checked)
    if list(texts) == [TITLES[name] for name in SEEDS]:
        return ", ".join(texts.values())
    return ", ".join(text if len(texts) == 1 else f"{text} ({name})" for name, text in texts.items())


def _marked(checked: Checked) -> dict[str, str]:
    """Each value with the symbol of what it says, by name."""
    symbols = {name: SYMBOLS[mark] for name, mark in checked.marks.items()}
    values = {name: written(checked.claim, value) for name, value in checked.values.items()}
    return {name: f"{symbols[name]}\N{NO-BREAK SPACE}{value}" for name, value in values.items()}


def as_table(checked: Iterable[tuple[str, Checked]]) -> str:
    """All claims in one table, each row a link to its box.

    Args:
        checked: numbers such as ``N12``, and claims.
    """
    lines = [
        ":::{table}",
        ":class: gc-claims",
        "| [No.]{.gc-by} | [Claim]{.gc-by} | They say | We find | [Holds in]{.gc-by} | [Chapter]{.gc-by} |",
        "|:--|:--|:--|:--|:--|:--|",
    ]
    for number, one in checked:
        claim = one.claim
        cells = [
            f"[{number}](claim-{claim.name})",
            f"{claim.title} [{SHORT[claim.source]}, {claim.place}]{{.gc-aside}}",
            claim.theirs,
            values_written(one),
            f"[{verdict_written(one)}]{{.gc-verdict .gc-{one.verdict.replace(' ', '-')}}}",
            f"{{ref}}`{CHAPTERS[claim.seen.split('-')[0]]} <{claim.seen}>`",
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return unbroken("\n".join([*lines, ":::"]))


def quick_written(checked: Checked) -> str:
    """Many values in a line: ``8 of 10 seeds; nearly in 2: 96.0% in the middle, from 93.7% to 98.5%``.

    What never happened counts as more than all that did.
    """
    values = sorted(math.inf if value is None or math.isnan(value) else value for value in checked.values.values())
    least, middle, most = (
        written(checked.claim, math.nan if math.isinf(value) else value)
        for value in (values[0], statistics.median(values), values[-1])
    )
    told = f"{middle} in each" if least == most else f"{middle} in the middle, from {least} to {most}"
    return f"{verdict_written(checked)}: {'never in any' if told == 'never in each' else told}"


def as_markdown(number: str, checked: Checked, quick: Checked | None = None) -> str:
    """A claim, both figures and the verdict as a box of the page; its number is its permalink.

    Args:
        number: of the claim.
        checked: with our values.
        quick: the same on the quick runs, if it is measured on them.
    """
    claim = checked.claim
    rows = {
        "They say": claim.theirs,
        "We find": ", ".join(f"{text} ({name})" for name, text in _marked(checked).items())
        + (f" [Quick runs: {quick_written(quick)}.]{{.gc-aside}}" if quick else ""),
    }
    bounds = f"Holds: {bounds_written(claim, claim.holds)}"
    if claim.nearly != claim.holds:
        bounds += f"; nearly: {bounds_written(claim, claim.nearly)}"
    notes = [claim.remark, claim.miss if checked.verdict != "holds" else ""]
    label, chapter = claim.seen, CHAPTERS[claim.seen.split("-")[0]]
    function = f"{{py:func}}`~{claim.measured_by.__module__}.{claim.measured_by.__name__}`"
    source = f"{SOURCES[claim.source]}, {claim.place}"
    lines = [
        f"(claim-{claim.name})=",
        f":::{{container}} gc-claim gc-{checked.verdict.replace(' ', '-')}",
        f"[{number}](claim-{claim.name}) **{claim.title}** [{verdict_written(checked)}]{{.gc-verdict}}",
        "",
        f"{claim.text} [{source[0].upper()}{source[1:]}.]{{.gc-aside}}",
        "",
        *[f"{term}\n: {text}\n" for term, text in rows.items() if text],
        f"[Measured by]{{.gc-aside}} {function}[: {claim.measured}. {bounds}. Seen in chapter {chapter},]{{.gc-aside}} "
        f"{{ref}}`{label}`.",
        *[f"\n{note}" for note in notes if note],
        ":::",
    ]
    return unbroken("\n".join(lines))


def runs_as_table(cases: Iterable[Case]) -> str:
    """The runs that claims are measured on, in a table: settings, length, date and digest."""
    lines = [
        ":::{table}",
        ":class: gc-runs",
        "| run | task | seed | weight decay | steps | trained | digest |",
        "|:--|:--|--:|--:|--:|:--|:--|",
    ]
    for case in cases:
        config, made = case.run.config, case.run.provenance
        cells = [
            f"{TITLES[case.name]} `{case.place}`",
            f"`{config.operation}`",
            f"{config.seed}",
            f"{config.weight_decay:g}",
            f"{config.steps:,}",
            str(made.get("finished", "unknown"))[:10],
            f"`{case.digest[:12]}`",
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join([*lines, ":::"])
