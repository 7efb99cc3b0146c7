"""Numbers as prose writes them."""

import pytest

from grokcourse.publishing.numbers import apart, in_words, part_of, scientific


@pytest.mark.parametrize(
    ("value", "digits", "text"),
    [
        (1.234e-7, 2, "1.2·10⁻⁷"),
        (-9.96e-10, 2, "−1.0·10⁻⁹"),
        (2.4e-6, 1, "2·10⁻⁶"),
        (31_415, 2, "3.1·10⁴"),
        (0.0341, 2, "0.034"),
        (4.73, 2, "4.7"),
        (152.3, 2, "152"),
        (0, 2, "0"),
    ],
)
def test_scientific(value, digits, text):
    assert scientific(value, digits) == text


@pytest.mark.parametrize(
    ("count", "total", "text"),
    [(0, 5, "none of the five"), (1, 5, "one of the five"), (5, 5, "all five"), (2, 20, "two of the 20")],
)
def test_part_of(count, total, text):
    assert part_of(count, total) == text


@pytest.mark.parametrize(("count", "total"), [(1, 1), (3, 2), (-1, 4)])
def test_part_of_more_than_there_are(count, total):
    with pytest.raises(ValueError, match="cannot be said"):
        part_of(count, total)


@pytest.mark.parametrize(("count", "text"), [(0, "none"), (12, "twelve"), (13, "13"), (1234, "1,234")])
def test_in_words(count, text):
    assert in_words(count) == text


@pytest.mark.parametrize(
    ("steps", "text"),
    [
        (3000, "3,000 steps before the test loss"),
        (-1, "1 step after the test loss"),
        (0, "at the same checkpoint as the test loss"),
    ],
)
def test_apart(steps, text):
    assert apart(steps) == text
