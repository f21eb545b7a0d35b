"""What the load test finds on record after a run, and what it would find in a broken one."""

import asyncio
from dataclasses import replace
from typing import Any

import psycopg
import pytest

from cli.load.checking import ServerMap, check_map, check_sale, map_of
from cli.load.client import Client, open_session
from cli.load.figures import Figures
from cli.load.inspection import Inspection
from cli.load.ledger import Ledger, Told
from cli.load.plan import NotHad
from cli.load.seats import SeatMap
from db.audit import connected
from db.sales import Sale, read_sale
from schema.ids import booking_id as public_booking_id
from schema.ids import parse_show_id
from schema.ids import show_id as public_id
from tests.crowd import run
from tests.serving import Served


def read(url: str, show: int) -> Sale:
    async def read_it() -> Sale:
        async with connected(url) as conn:
            sale = await read_sale(conn, show)
        assert sale
        return sale

    return asyncio.run(read_it())


def told_truly(sale: Sale) -> Ledger:
    """A ledger in which everybody was told what is on record."""
    ledger = Ledger()
    for person, one in enumerate(sale.sold):
        key = f"key {person}"
        booking = {
            "id": public_booking_id(sale.show.id, one.booking.id),
            "status": one.booking.status,
            "failureReason": one.booking.failure_reason,
            "seatNumbers": one.booking.seat_numbers,
            "__typename": "Booking",
        }
        given = {"input": {"idempotencyKey": key}}
        ledger.send("book", given)
        ledger.hear(person, public_id(sale.show.id), "book", given, booking)
    return ledger


def differences(sale: Sale, ledger: Ledger) -> list[str]:
    return [*check_sale(sale, ledger, ours=False)]


def test_record_that_is_as_people_were_told_has_no_differences(
    database_url: str, house: dict[str, Any]
) -> None:
    sale = read(database_url, house["show"])
    assert len(sale.sold) == 8
    assert differences(sale, told_truly(sale)) == []
    counters = (
        sale.show.pending_seats,
        sale.show.confirmed_seats,
        20 - sum((sale.show.pending_seats, sale.show.confirmed_seats)),
    )
    assert [*check_map(sale, ServerMap(10, counters, map_of(sale)))] == []


BREAKAGES = [
    ("DELETE FROM taken_seats WHERE number = 3", "[4] are taken for it"),
    (
        "UPDATE taken_seats SET booking_id = '{held}' WHERE number = 3",
        "with the seats [1, 2], and [1, 2, 3] are taken for it",
    ),
    ("UPDATE bookings SET seat_numbers = '{{3}}' WHERE id = '{held}'", "SOLD TWICE: seat 3, to"),
    (
        "DELETE FROM bookings WHERE id = '{confirmed}'",
        "and is not on record",
        "the seats [3, 4] are taken for bookings that are not there",
    ),
    (
        "UPDATE bookings SET status = 'FAILED', failure_reason = 'CANCELLED' "
        "WHERE id = '{confirmed}'",
        "was told CONFIRMED, and it is FAILED, CANCELLED",
    ),
    (
        "UPDATE bookings SET status = 'FAILED', failure_reason = 'EXPIRED' WHERE id = '{held}'",
        "was told PENDING, and it is FAILED, EXPIRED",  # long before its deadline
    ),
    (
        "UPDATE bookings SET seat_numbers = '{{1, 20}}' WHERE id = '{held}'",
        "was told the seats [1, 2], and it has [1, 20]",
    ),
]


@pytest.mark.parametrize("breakage", BREAKAGES, ids=range(len(BREAKAGES)))
def test_broken_record_is_found(
    database_url: str, house: dict[str, Any], breakage: tuple[str, ...]
) -> None:
    ledger = told_truly(read(database_url, house["show"]))
    statement, *found = breakage
    with psycopg.connect(database_url) as conn:
        conn.execute(statement.format(**house).encode())
    said = "\n".join(differences(read(database_url, house["show"]), ledger))
    for words in found:
        assert words in said


def test_what_nobody_heard_of_may_have_been_done_and_what_was_told_may_not(
    database_url: str, house: dict[str, Any]
) -> None:
    sale = read(database_url, house["show"])
    ledger = told_truly(sale)
    confirmed = next(key for key, one in ledger.bookings.items() if one.status == "CONFIRMED")
    ledger.bookings[confirmed] = replace(ledger.bookings[confirmed], status="PENDING")
    assert "was told PENDING, and it is CONFIRMED" in differences(sale, ledger)[0]
    ledger.send("confirm", {"id": confirmed})
    assert differences(sale, ledger) == []
    ledger.settle("confirm", {"id": confirmed})
    assert differences(sale, ledger) != []


def test_hold_may_have_expired_from_its_deadline_on(
    database_url: str, house: dict[str, Any]
) -> None:
    ledger = told_truly(read(database_url, house["show"]))
    with psycopg.connect(database_url) as conn:
        conn.execute("UPDATE bookings SET expires_at = clock_timestamp() WHERE status = 'PENDING'")
    assert differences(read(database_url, house["show"]), ledger) == []


def test_in_a_show_of_our_own_each_booking_was_asked_for_and_each_key_made_one(
    database_url: str, house: dict[str, Any]
) -> None:
    sale = read(database_url, house["show"])
    said = [*check_sale(sale, told_truly(sale), ours=True)]
    assert len(said) == 8
    assert "nobody asked for it" in said[0]
    ledger = told_truly(sale)
    ledger.keys["order-1"] = "another booking"
    assert any(
        "its key was answered with another booking" in each
        for each in check_sale(sale, ledger, ours=True)
    )


def test_map_and_counters_that_the_server_shows_are_compared(
    database_url: str, house: dict[str, Any]
) -> None:
    sale = read(database_url, house["show"])
    true = map_of(sale)
    said = [*check_map(sale, ServerMap(10, (0, 0, 20), "C" + true[1:]))]
    assert "differs at the seats [1]" in said[0]
    assert "counts (0, 0, 20) seats" in said[1]
    nothing = next(check_map(sale, ServerMap(10, (0, 0, 20), "")))
    assert nothing.endswith("[1, 2, 3, 4, 5]")


def test_two_maps_of_one_version_contradict_each_other() -> None:
    ledger, one, other = Ledger(), SeatMap(), SeatMap()
    one.letters, other.letters = bytearray(b"AP"), bytearray(b"PA")
    one.version = other.version = 4
    ledger.see("show", one)
    ledger.see("show", one)
    assert ledger.contradictions == []
    ledger.see("show", other)
    assert ledger.contradictions == ["show show, version 4: two maps were shown"]


def test_key_that_is_answered_with_two_bookings_contradicts_itself() -> None:
    ledger, given = Ledger(), {"input": {"idempotencyKey": "k"}}
    for name in ("one", "two"):
        booking = {"__typename": "Booking", "id": name, "status": "PENDING"}
        ledger.hear(1, "show", "book", given, {**booking, "failureReason": None, "seatNumbers": []})
    assert ledger.contradictions == ["key k was answered with two bookings"]


@run
async def _inspect(served: Served, url: str, status: str) -> None:
    show = served.data(CREATE)["createShow"]["id"]
    booking = served.data(BOOK, show=show)["bookSeats"]
    ledger = Ledger()
    ledger.bookings[booking["id"]] = Told(1, show, status, None, tuple(booking["seatNumbers"]))
    async with open_session() as session:
        client = Client(session, served.url, Figures(), Ledger())
        inspection = Inspection(client, ledger, (show,), None, lambda number: None, ours=False)
        for findings in (await inspection.by_api(), await inspection.by_database(url)):
            assert (findings.shows, findings.bookings, findings.changes) == (1, 1, 1)
            assert bool(findings.differences) == (status == "CONFIRMED")
            assert findings.notes == []


CREATE = (
    'mutation { createShow(input: {name: "A", startTime: "2030-01-01T20:00:00Z", totalSeats: 9}) '
    "{ ... on Show { id } } }"
)
BOOK = (
    'mutation ($show: ID!) { bookSeats(input: {showId: $show, seatCount: 2, userName: "Ada"}) '
    "{ ... on Booking { id seatNumbers } } }"
)


def test_api_and_database_find_what_was_not_so(served: Served, shared_database_url: str) -> None:
    for status in ("PENDING", "CONFIRMED"):
        _inspect(served=served, url=shared_database_url, status=status)


def test_database_of_another_server_is_no_record(served: Served, database_url: str) -> None:
    show = served.data(CREATE)["createShow"]["id"]

    @run
    async def inspect() -> None:
        async with open_session() as session:
            client = Client(session, served.url, Figures(), Ledger())
            await Inspection(
                client, Ledger(), (show,), None, lambda number: None, ours=False
            ).begin(database_url)

    for statement in (None, ANOTHER_SHOW):
        with psycopg.connect(database_url) as conn:
            conn.execute(statement or "SELECT 1", {"id": parse_show_id(show)})
        with pytest.raises(NotHad, match="not the server's database"):
            inspect()


ANOTHER_SHOW = """
INSERT INTO shows (id, name, folded_name, start_time, total_seats, seats_per_row, hold_seconds)
OVERRIDING SYSTEM VALUE VALUES (%(id)s, 'B', 'b', '2030-01-01T20:00:00Z', 9, 10, 120)
"""
