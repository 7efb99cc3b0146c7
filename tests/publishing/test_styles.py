"""All sheets as one: what an element can meet is kept, what none can is not."""

import base64
import io
import re
from importlib import resources
from pathlib import Path, PurePath

import pydata_sphinx_theme
import pytest
from fontTools.ttLib import TTFont

from grokcourse.publishing import styles

THERE = styles.known(
    ['<p class="there"><b style="color: var(--on-an-element)">'], ["'--in-a-script'", "make('button')"]
)
THEME = Path(resources.files(pydata_sphinx_theme)) / "theme" / "pydata_sphinx_theme" / "static"
FONT = THEME / "vendor" / "fontawesome" / "webfonts" / "fa-solid-900.ttf"


def kept(sheet: str, own: str = "") -> str:
    return styles.joined([sheet], [own], THERE)


@pytest.mark.parametrize(
    ("sheet", "expected"),
    [
        (".there{color:red}", ".there{color:red}"),
        (".gone{color:red}", ""),
        ("#there{color:red}", "#there{color:red}"),
        ("#gone{color:red}", ""),
        (".gone,.there{color:red}", ".there{color:red}"),
        (".there .gone{color:red}", ""),
        (".there:not(.gone){color:red}", ".there:not(.gone){color:red}"),
        (":is(.gone,.there) p{color:red}", ":is(.gone,.there) p{color:red}"),
        ("p,[data-x='.gone']{color:red}", 'p,[data-x=".gone"]{color:red}'),
        ("@media print{.gone{color:red}}", ""),
        ("@media print{.gone{color:red}.there{color:red}}", "@media print{.there{color:red}}"),
        ("@supports (top:0){@media print{.there{top:0}}}", "@supports(top:0){@media print{.there{top:0}}}"),
        ("/* words */.there{color:red}", ".there{color:red}"),
        ("@charset 'UTF-8';p{top:0}", "p{top:0}"),
        # elements
        ("p>b{color:red}", "p>b{color:red}"),
        ("P::after{color:red}", "p::after{color:red}"),
        ("p>table{color:red}", ""),
        ("video,p:hover{color:red}", "p:hover{color:red}"),
        ("button{color:red}", "button{color:red}"),  # a script makes it
        ("*,::before,:root{top:0}", "*,::before,:root{top:0}"),
        # custom properties
        ("p{--unread:1px;top:0}", "p{top:0}"),
        ("p{--unread:1px}", ""),
        ("p{--read:1px}b{top:var(--read)}", "p{--read:1px}b{top:var(--read)}"),
        ("p{--read:1px}b{top:var( --read,0)}", "p{--read:1px}b{top:var( --read,0)}"),
        ("p{--first:1px}b{--second:var(--first)}", ""),
        ("p{--read:1px}.gone{top:var(--read)}", ""),
        ("p{--in-a-script:1px;--on-an-element:2px}", "p{--in-a-script:1px;--on-an-element:2px}"),
        ("@media print{p{--unread:1px}}", ""),
        ("@media print{p{--unread:1px;top:0!important}}", "@media print{p{top:0!important}}"),
        # animations and fonts
        ("@keyframes turn{from{top:0}to{top:1px}}", ""),
        ("@keyframes turn{from{top:0}}p{animation:1s turn}", "@keyframes turn{from{top:0}}p{animation:1s turn}"),
        ("@font-face{font-family:x;src:url(x.woff2)}", ""),
        (
            "@font-face{font-family:'A B';src:url(x.woff2)}p{font:1em A\\ B}",
            "@font-face{font-family:a b;src:url(x.woff2)}p{font:1em A\\ B}",
        ),
        ("@font-face{font-family:x;src:url(x.woff2)}.gone{font-family:x}", ""),
        ("p{--a:1em x;font:var(--a)}@font-face{font-family:x}", "p{--a:1em x;font:var(--a)}@font-face{font-family:x}"),
    ],
)
def test_what_is_kept(sheet: str, expected: str):
    assert kept(sheet) == expected


def test_all_is_kept_of_sheets_of_our_own_and_what_they_use():
    own = ".gone{--mine:1px;top:var(--theirs);animation:1s turn;font-family:x}@keyframes mine{from{top:0}}"
    theirs = "p{--theirs:2px;--others:3px}@keyframes turn{from{top:0}}@font-face{font-family:x}"
    both = kept(theirs, own)
    assert both.endswith(own)
    assert "--theirs:2px" in both
    assert "@keyframes turn" in both
    assert "@font-face" in both
    assert "--others" not in both


def test_sheets_keep_their_order():
    assert styles.joined(["p{top:1px}", "p{top:2px}"], ["p{top:3px}"], THERE) == "p{top:1px}p{top:2px}p{top:3px}"


def test_names_are_those_of_pages_and_every_word_of_scripts():
    page = """<p class="one two-x" id='three'>class four</p><i data-class="five">"""
    there = styles.known([page], ['box.classList.add("six")'])
    assert there.names >= {"one", "two-x", "three", "six"}
    assert not there.names & {"four", "five", "p"}
    assert there.elements >= {"p", "i", "six"}
    assert not there.elements & {"one", "class"}


@pytest.mark.parametrize(
    ("given", "seen"),
    [
        ("url(../fonts/x.woff2)", "url(fonts/x.woff2)"),
        ("url('../fonts/x.woff2')", "url('fonts/x.woff2')"),
        ('url("data:image/svg+xml;../x")', 'url("data:image/svg+xml;../x")'),
    ],
)
def test_addresses_are_seen_from_the_folder_above(given: str, seen: str):
    assert styles.moved(given, PurePath("styles")) == seen
    assert styles.moved(given, PurePath()) == given


def test_notices_are_kept_once_and_other_comments_are_not():
    texts = ["/*! theirs 1.0 */p{}/* words */", "/* A Copyright 2020 */", "/*! theirs 1.0 */", "/* License: MIT\n */"]
    assert styles.notices(texts) == "/*! theirs 1.0 */\n/* A Copyright 2020 */\n/* License: MIT\n */\n"


def test_a_font_of_icons_has_those_that_rules_show_and_stands_in_the_sheet():
    face = "@font-face{font-family:Icons;src:url(icons.woff2)}"
    sheet = styles.with_icons(f'{face}{face}.a:before{{content:"\\f107";font-family:Icons}}', "Icons", FONT)
    assert sheet.count("@font-face") == 1
    assert "icons.woff2" not in sheet
    [data] = re.findall(r"base64,([^)]+)\)", sheet)
    with TTFont(io.BytesIO(base64.b64decode(data))) as font, TTFont(FONT) as whole:
        assert set(font.getBestCmap()) == {0xF107}
        drawn, meant = (cut["glyf"][cut.getBestCmap()[0xF107]].getCoordinates(cut["glyf"])[0] for cut in (font, whole))
        assert list(drawn) == list(meant)
    assert len(data) < 2000
    assert sheet == styles.with_icons(f'{face}.a:before{{content:"\\f107";font-family:Icons}}', "Icons", FONT)


def test_a_sheet_without_the_font_stays_as_it_is():
    sheet = '.a:before{content:"\\f107"}'
    assert styles.with_icons(sheet, "Icons", FONT) == sheet


def test_without_icons_there_is_no_font():
    assert styles.with_icons("@font-face{font-family:Icons}p{top:0}", "Icons", FONT) == "p{top:0}"
