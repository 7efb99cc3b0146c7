"""What a chapter keeps for its prose."""

import pytest

from grokcourse.publishing import numbers


def test_values_are_kept_by_key_and_not_shown(monkeypatch: pytest.MonkeyPatch):
    kept = []
    monkeypatch.setattr(numbers, "glue", lambda key, value, display: kept.append((key, value, display)))
    numbers.numbers("c", n_key=5, list="11, 13")
    numbers.numbers(chance=4.7)
    assert kept == [("c-n-key", 5, False), ("c-list", "11, 13", False), ("chance", 4.7, False)]
