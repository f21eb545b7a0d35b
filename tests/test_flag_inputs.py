"""What a flag may be: its key, its value and its percentage."""

from typing import Any

import pytest

from db.statements import SQL_DIR
from flags.inputs import KEY, MOST_BYTES, MOST_LEVELS, check_flag


def deep(levels: int) -> Any:
    value: Any = 1
    for _ in range(levels):
        value = [value]
    return value


@pytest.mark.parametrize("key", ["a", "seat-choice", "a.b_c-d9", "x" * 64])
def test_a_key_is_lower_case_words(key: str) -> None:
    assert check_flag(key, True, 1) == []


@pytest.mark.parametrize(
    "key", ["", "A", "-a", "a-", "a--b", "a b", "a:b", "1a", "ä", "a\n", "a\0", "x" * 65]
)
def test_nothing_else_is_a_key(key: str) -> None:
    assert [problem.field for problem in check_flag(key, True, 1)] == ["key"]


def test_the_table_has_the_same_pattern() -> None:
    migration = (SQL_DIR / "migrations" / "0004_flags.sql").read_text("utf-8")
    assert f"key ~ '^{KEY.pattern}$'" in migration


@pytest.mark.parametrize(
    "value",
    [True, 0, -1.5, "", "\\u0000", "x" * (MOST_BYTES - 2), [], {}, {"a": [None, False]}, deep(16)],
)
def test_any_json_may_be_a_value(value: Any) -> None:
    assert check_flag("a", value, 1) == []


@pytest.mark.parametrize(
    "value",
    [
        None,
        2**64,
        float("inf"),
        [float("nan")],
        "\0",
        {"\0": 1},
        "a\\\0",
        "\ud800",
        "x" * (MOST_BYTES - 1),
        ["x"] * MOST_BYTES,
        deep(MOST_LEVELS + 1),
        {"a": deep(MOST_LEVELS)},
        deep(300),
    ],
    ids=range(13),
)
def test_what_is_no_json_or_too_much_is_no_value(value: Any) -> None:
    assert {problem.field for problem in check_flag("a", value, 1)} == {"value"}


@pytest.mark.parametrize("percentage", [0, 0.01, 0.07, 33.33, 99.99, 100])
def test_a_percentage_has_two_decimals(percentage: float) -> None:
    assert check_flag("a", True, percentage) == []


@pytest.mark.parametrize("percentage", [-0.01, 100.01, 0.001, float("nan"), float("inf")])
def test_nothing_else_is_a_percentage(percentage: float) -> None:
    assert [problem.field for problem in check_flag("a", True, percentage)] == ["percentage"]


def test_all_mistakes_are_told_at_once() -> None:
    problems = check_flag("A", None, 101)
    assert [problem.field for problem in problems] == ["key", "value", "percentage"]
