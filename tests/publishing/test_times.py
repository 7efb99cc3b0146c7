"""How long the course takes, as its pages say it."""

import pytest

from grokcourse.publishing.times import duration, reading_minutes


@pytest.mark.parametrize(
    ("minutes", "said"),
    [
        (0, "0 min"),
        (53, "53 min"),
        (59, "59 min"),
        (60, "1 h"),
        (67, "1 h"),
        (68, "1¼ h"),
        (90, "1½ h"),
        (119, "2 h"),
        (165, "2¾ h"),
    ],
)
def test_a_duration_is_said_in_minutes_or_quarters_of_an_hour(minutes: float, said: str):
    assert duration(minutes) == said


@pytest.mark.parametrize(
    ("text", "minutes"),
    [("# T\n\nReading takes about 25 minutes. Cells.\n", 25), ("x\nReading takes about an hour.\n", 60)],
)
def test_a_chapter_says_how_long_reading_takes(text: str, minutes: int):
    assert reading_minutes(text) == minutes


def test_a_chapter_that_does_not_say_it_is_refused():
    with pytest.raises(ValueError, match="Reading takes about"):
        reading_minutes("# T\n\nSome say: Reading takes about 25 minutes.\n")
