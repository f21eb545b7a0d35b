"""`boxoffice audit`: what it prints, for people and for programs, and how it ends."""

import json
from typing import Any

import psycopg
import pytest

from schema.ids import show_id as public_id
from tests.command_line import CommandLine


@pytest.fixture
def broken(database_url: str, house: dict[str, Any]) -> str:
    """A database whose tables say something else than its log: four differences of one show."""
    with psycopg.connect(database_url) as conn:
        conn.execute("UPDATE shows SET version = 9 WHERE id = %s", [house["show"]])
        conn.execute("DELETE FROM taken_seats WHERE number = 3")
    return database_url


def test_it_says_what_it_audited(
    boxoffice: CommandLine, database_url: str, house: dict[str, Any]
) -> None:
    ran = boxoffice("audit", DATABASE_URL=database_url)
    assert (ran.status, ran.out) == (0, "2 shows, 10 changes, 0 differences\n")
    for show in (house["show"], public_id(house["show"])):
        ran = boxoffice("audit", "--show", show, DATABASE_URL=database_url)
        assert (ran.status, ran.out) == (0, "1 show, 10 changes, 0 differences\n")


def test_it_prints_each_difference_in_a_line_and_its_status_says_so(
    boxoffice: CommandLine, broken: str, house: dict[str, Any]
) -> None:
    ran = boxoffice("audit", DATABASE_URL=broken)
    key, id_ = house["show"], public_id(house["show"])
    *lines, summary = ran.lines
    assert ran.status == 1
    assert summary == "2 shows, 10 changes, 4 differences"
    assert len(lines) == 4
    assert (
        f"show {key} ({id_}), version 10: the show is at version 9, and its log ends at 10" in lines
    )
    assert f"show {key} ({id_}): seat 3 is AVAILABLE, and by the log CONFIRMED" in lines


def test_programs_get_an_object_a_line(
    boxoffice: CommandLine, broken: str, house: dict[str, Any]
) -> None:
    ran = boxoffice("audit", "--json", DATABASE_URL=broken)
    *differences, counts = map(json.loads, ran.lines)
    assert ran.status == 1
    assert counts == {"shows": 2, "changes": 10, "differences": 4}
    assert len(differences) == 4
    assert {found["showId"] for found in differences} == {public_id(house["show"])}
    assert any("seat 3 is AVAILABLE" in found["message"] for found in differences)


def test_at_a_terminal_there_is_a_bar_and_it_goes_away(
    boxoffice: CommandLine, broken: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    monkeypatch.setenv("TERM", "xterm")
    ran = boxoffice("audit", DATABASE_URL=broken)
    assert "Auditing" in ran.err
    assert "100%" in ran.err
    assert ran.lines[-1] == "2 shows, 10 changes, 4 differences"
    assert len(ran.lines) == 5
