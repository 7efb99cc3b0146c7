"""All sheets as one: what an element can meet is kept, what none can is not."""

from pathlib import PurePath

import pytest

from grokcourse.publishing import styles


@pytest.mark.parametrize(
    ("sheet", "kept"),
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
        ("@font-face{font-family:x;src:url(x.woff2)}", "@font-face{font-family:x;src:url(x.woff2)}"),
        ("@keyframes turn{from{top:0}to{top:1px}}", "@keyframes turn{from{top:0}to{top:1px}}"),
        ("/* words */.there{color:red}", ".there{color:red}"),
    ],
)
def test_what_is_kept(sheet: str, kept: str):
    assert styles.joined([sheet], {"there"}) == kept


def test_all_is_kept_of_sheets_of_our_own():
    assert styles.joined([".gone{color:red}", "/* words */p{top:0}"], None) == ".gone{color:red}p{top:0}"


def test_sheets_keep_their_order():
    assert styles.joined(["p{top:1px}", "p{top:2px}"], set()) == "p{top:1px}p{top:2px}"


def test_names_are_those_of_pages_and_every_word_of_scripts():
    page = """<p class="one two-x" id='three'>class four</p><i data-class="five">"""
    assert styles.words([page], ['box.classList.add("six")']) >= {"one", "two-x", "three", "six"}
    assert not styles.words([page], []) & {"four", "five"}


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
