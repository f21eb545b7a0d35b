"""`boxoffice show` and `expire`: shows are added and listed, lapsed holds put on record."""

import asyncio
import json

import pytest

from schema.ids import parse_show_id
from tests.command_line import CommandLine
from tests.office import book, done, lapse, new_show, opened

CREATE = ["show", "create", "First night", "--seats", 20, "--starts", "2030-01-01T20:00:00+01:00"]


def test_a_show_is_created_as_it_was_asked_for(boxoffice: CommandLine, database_url: str) -> None:
    more = ["--per-row", 5, "--hold", 60, "--max-pending", 4, "--json"]
    ran = boxoffice(*CREATE, *more, DATABASE_URL=database_url)
    assert ran.status == 0
    created = json.loads(ran.out)
    assert created == {
        "id": "U2hvdzox",
        "name": "First night",
        "startTime": "2030-01-01T19:00:00Z",
        "totalSeats": 20,
        "availableSeats": 20,
        "pendingSeats": 0,
        "confirmedSeats": 0,
        "holdSeconds": 60,
    }
    listed = boxoffice("show", "list", "--json", DATABASE_URL=database_url)
    assert json.loads(listed.out) == created


def test_the_id_stands_first_for_whoever_needs_it_next(
    boxoffice: CommandLine, database_url: str
) -> None:
    ran = boxoffice(*CREATE, DATABASE_URL=database_url)
    id_, starts, rest = ran.out.split(maxsplit=2)
    assert parse_show_id(id_) == 1
    assert starts == "2030-01-01T19:00:00Z"
    assert rest == "First night  (20 of 20 seats free, 0 held, 0 sold)\n"
    assert boxoffice("show", "list", DATABASE_URL=database_url).out == ran.out


def test_every_mistake_is_told_at_once_with_its_option(
    boxoffice: CommandLine, database_url: str
) -> None:
    wrong = ["--seats", 0, "--per-row", 0, "--hold", 4, "--max-pending", 0]
    ran = boxoffice("show", "create", "", *CREATE[-2:], *wrong, DATABASE_URL=database_url)
    assert (ran.status, ran.out) == (2, "")
    told = [line.partition(":")[0] for line in ran.err.removeprefix("boxoffice: ").splitlines()]
    assert told == ["NAME", "--seats", "--per-row", "--hold", "--max-pending"]


@pytest.mark.parametrize("time", ["2030-01-01T20:00:00", "tomorrow", "2030-02-30T20:00:00Z"])
def test_a_time_must_be_one_and_have_an_offset(
    boxoffice: CommandLine, database_url: str, time: str
) -> None:
    ran = boxoffice(*CREATE[:-1], time, DATABASE_URL=database_url)
    assert (ran.status, ran.out) == (2, "")
    assert "--starts" in ran.err
    assert "offset" in ran.err


def test_list_finds_by_name_and_time_over_all_pages(
    boxoffice: CommandLine, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cli.show.PAGE", 2)
    for number in range(5):
        starts = f"2030-01-0{5 - number}T20:00:00Z"
        boxoffice(
            "show",
            "create",
            f"Night {number}",
            "--seats=9",
            "--starts",
            starts,
            DATABASE_URL=database_url,
        )

    def names(*options: str) -> list[str]:
        lines = boxoffice("show", "list", "--json", *options, DATABASE_URL=database_url).lines
        return [json.loads(line)["name"] for line in lines]

    assert names() == ["Night 4", "Night 3", "Night 2", "Night 1", "Night 0"]
    assert names("--search", "NIGHT 3") == ["Night 3"]
    assert names("--starts-after", "2030-01-04T08:00:00+08:00") == ["Night 1", "Night 0"]


def test_expire_says_what_has_ended(boxoffice: CommandLine, database_url: str) -> None:
    async def hold() -> None:
        async with opened(database_url) as office:
            show = await new_show(office)
            for seats in ([1, 2], [3]):
                lapse(database_url, await done(office, book(show, *seats)))
            await done(office, book(show, 4))  # holds on

    asyncio.run(hold())
    ran = boxoffice("expire", DATABASE_URL=database_url)
    assert (ran.status, ran.out) == (0, "2 bookings expired, 3 seats released\n")
    ran = boxoffice("expire", "--json", DATABASE_URL=database_url)
    assert json.loads(ran.out) == {"expiredBookings": 0, "releasedSeats": 0}
    assert "0 differences" in boxoffice("audit", DATABASE_URL=database_url).out
