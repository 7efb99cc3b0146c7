"""What pages load: sheets of one page alone, files that none loads, and notices of what is bundled."""

from pathlib import Path
from types import SimpleNamespace

import pytest
from conftest import Site

from grokcourse.publishing import assets


def test_a_sheet_of_one_page_alone_stays_with_a_warning(monkeypatch: pytest.MonkeyPatch):
    warnings = []
    monkeypatch.setattr(
        assets, "logger", SimpleNamespace(warning=lambda *told, **where: warnings.append((told, where)))
    )
    shared, alone = SimpleNamespace(filename="_static/basic.css"), SimpleNamespace(filename="_static/alone.css")
    app = SimpleNamespace(builder=SimpleNamespace(_orig_css_files=[shared]))
    context = {"css_files": [shared, alone]}
    assets.choose_styles(app, "page", "page.html", context, None)
    assert context["css_files"] == [alone]
    [(told, where)] = warnings
    assert "alone.css" in told[0] % told[1:]
    assert where == {"location": "page"}
    assets.choose_styles(app, "page", "page.html", {"css_files": [shared]}, None)
    assert len(warnings) == 1


def test_what_no_page_loads_is_removed_unless_it_is_our_own(tmp_path: Path):
    static, own = tmp_path / "html" / "_static", tmp_path / "assets"
    for name in ("scripts/theme.js", "fonts/a/b.woff2", "shown.png", "made.css", "tippy/book/a.js", "own/LICENSE"):
        (static / name).parent.mkdir(parents=True, exist_ok=True)
        (static / name).touch()
    (own / "own").mkdir(parents=True)
    (own / "own" / "LICENSE").touch()
    app = SimpleNamespace(
        outdir=tmp_path / "html", confdir=tmp_path, config=SimpleNamespace(html_static_path=["assets"])
    )
    assets.remove_unloaded(app, {"made.css"}, '<img src="../_static/shown.png">')
    left = {path.relative_to(static).as_posix() for path in static.rglob("*")}
    files = {"shown.png", "made.css", "tippy/book/a.js", "own/LICENSE"}
    assert left == files | {"tippy", "tippy/book", "own"}


@pytest.mark.parametrize(
    ("name", "owners"),
    [
        ("course.css", ("Sphinx team", "Bootstrap Authors", "Fonticons", "pandas", "EBP", "Chris Sewell")),
        ("course.js", ("pandas", "Chris Holdgraf")),
        ("hovers.js", ("@popperjs/core", "tippy.js")),
        ("search.js", ("Sphinx team",)),
    ],
)
def test_bundles_say_whose_they_are(site: Site, name: str, owners: tuple[str, ...]):
    text = (site.html / "_static" / name).read_text(encoding="utf-8")
    head = text[: text.rindex("*/")]
    assert [owner for owner in owners if owner not in head] == []
    assert head.startswith("/*")


def test_nothing_of_the_theme_is_published_that_no_page_loads(site: Site):
    there = {path.relative_to(site.html / "_static").as_posix() for path in (site.html / "_static").rglob("*")}
    assert {"course.css", "course.js", "hovers.js", "search.js"} <= there
    assert {name for name in there if name.startswith(("scripts", "styles", "vendor/fontawesome", "locales"))} == set()
    assert {name for name in there if name.endswith(".map")} == set()
