"""The checker finds each house that is broken on purpose, and nothing in one that is whole."""

import asyncio

import pytest

from db.embedded.server import PostgresServer
from faults.check import RULES
from faults.controls import ALL, Tried, run_controls, table

pytestmark = pytest.mark.any_postgres


@pytest.fixture(scope="module")
def tried(postgres: PostgresServer, tmp_path_factory: pytest.TempPathFactory) -> list[Tried]:
    """All controls, some at a time: one by one they would take minutes."""
    return asyncio.run(run_controls(postgres.url, tmp_path_factory.mktemp("controls"), ALL))


@pytest.mark.parametrize("place", range(len(ALL)), ids=[control.name for control in ALL])
def test_each_control_is_found_and_what_is_whole_is_not(tried: list[Tried], place: int) -> None:
    each = tried[place]
    assert each.as_expected, f"found {each.rules}: {each.violations[:5]}"
    assert each.requests > 100, "that was no sale"


def test_there_is_a_control_for_every_rule() -> None:
    assert {control.rule for control in ALL} == {"", *RULES}


def test_the_table_says_what_was_found(tried: list[Tried]) -> None:
    text = table(tried)
    assert text.count("| yes |") == len(ALL) - 1
    assert "| none | nothing, as it should |" in text
