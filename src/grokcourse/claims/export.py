"""Every claim, value and verdict as a file for programs: JSON or CSV, whole."""

import csv
import io
import json
import math
from collections.abc import Iterable
from typing import Any

from .. import __version__
from .case import TITLES, Cases
from .claim import SOURCES, Checked, Range

COLUMNS = ("number", "name", "title", "source", "place", "second_hand", "theirs", "measured", "measured_by")
"""What a row of the CSV begins with; behind it come the bounds, and one value with its run and its mark."""


def as_json(checked: Iterable[tuple[str, Checked]], cases: Cases) -> str:
    """All claims with their values, marks and verdicts, and the runs that they were measured on.

    A value that cannot be told, or that belongs to an event that never came, is null; its mark says which of the two.

    Args:
        checked: numbers such as ``N12``, and claims.
        cases: the runs by name.
    """
    made = {
        name: {
            "title": TITLES[name],
            "config": case.run.config.to_dict(),
            "provenance": dict(case.run.provenance),
            "digest": case.digest,
        }
        for name, case in cases.items()
    }
    claims = [record(number, one) for number, one in checked]
    return json.dumps({"grokcourse": __version__, "claims": claims, "runs": made}, indent=1, ensure_ascii=False) + "\n"


def as_csv(checked: Iterable[tuple[str, Checked]]) -> str:
    """The same without the runs' settings: a row for each value of each claim, and names in the first row."""
    columns = [
        *COLUMNS,
        "holds_from",
        "holds_to",
        "nearly_from",
        "nearly_to",
        "verdict",
        "measured_on",
        "value",
        "mark",
    ]
    file = io.StringIO(newline="")
    writer = csv.DictWriter(file, columns, lineterminator="\n")
    writer.writeheader()
    for number, one in checked:
        told = record(number, one)
        row = {name: told[name] for name in (*COLUMNS, "verdict")}
        for kind in ("holds", "nearly"):
            row[f"{kind}_from"], row[f"{kind}_to"] = told[kind]
        writer.writerows(row | value for value in told["values"])
    return file.getvalue()


def record(number: str, checked: Checked) -> dict[str, Any]:
    """One claim as plain data, ready for JSON."""
    claim, marks = checked.claim, checked.marks
    function = claim.measured_by
    return {
        "number": number,
        "name": claim.name,
        "title": claim.title,
        "source": SOURCES[claim.source],
        "place": claim.place,
        "second_hand": claim.second_hand,
        "text": claim.text,
        "theirs": claim.theirs,
        "measured": claim.measured,
        "measured_by": f"{function.__module__}.{function.__name__}",
        "holds": _finite(claim.holds),
        "nearly": _finite(claim.nearly),
        "verdict": checked.verdict,
        "values": [
            {"measured_on": name, "value": None if value is None else _finite((value,))[0], "mark": marks[name]}
            for name, value in checked.values.items()
        ],
        "seen": claim.seen,
    }


def _finite(numbers: tuple[float, ...] | Range) -> list[float | None]:
    """Numbers as JSON has them: none for what is not finite."""
    return [float(number) if math.isfinite(number) else None for number in numbers]
