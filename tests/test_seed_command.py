"""`boxoffice seed`: a demo of which the log and the tables agree, and the week it plans."""

from collections import Counter
from datetime import UTC, datetime, timedelta, timezone
from random import Random

import psycopg
import pytest

from cli.demo import BUS, DOCTOR, HALL, Fate, plan
from tests.command_line import CommandLine

TOKYO = timezone(timedelta(hours=9))


@pytest.mark.parametrize("hour", [0, 9, 18, 19, 23])
def test_a_week_has_all_kinds_soon_and_nothing_that_is_over(hour: int) -> None:
    now = datetime(2030, 12, 31, hour, 59, 59, tzinfo=TOKYO)
    events = plan(now, Random(hour))
    assert {event.kind for event in events} == {HALL, BUS, DOCTOR}
    assert all(now < event.start_time < now + timedelta(days=7) for event in events)
    assert min(event.start_time for event in events) < now + timedelta(hours=2)
    evenings = [event for event in events if event.kind is HALL]
    assert all(event.start_time.hour == 20 for event in evenings)
    assert (evenings[0].start_time.date() == now.date()) == (hour < 19)


@pytest.mark.parametrize("seed", range(5))
def test_guests_ask_for_what_there_is(seed: int) -> None:
    for event in plan(datetime(2030, 1, 1, 12, tzinfo=UTC), Random(seed)):
        for order in event.orders:
            assert 1 <= order.count <= len(event.kind.groups)
            assert len(order.numbers) in (0, order.count)
            assert all(1 <= number <= event.kind.total_seats for number in order.numbers)


def test_a_demo_has_bookings_of_every_state_and_the_audit_finds_nothing(
    boxoffice: CommandLine, database_url: str
) -> None:
    ran = boxoffice("seed", DATABASE_URL=database_url)
    assert ran.status == 0
    events = plan(datetime.now(UTC), Random())
    assert len(ran.lines) == len(events) + 1
    with psycopg.connect(database_url) as conn:
        states = "SELECT coalesce(failure_reason, status), count(*) FROM bookings GROUP BY 1"
        became: Counter[str] = Counter(dict(conn.execute(states).fetchall()))
    assert became.keys() == {"PENDING", "CONFIRMED", "CANCELLED", "SEATS_UNAVAILABLE"}
    said = ", ".join(f"{number} {state}" for state, number in sorted(became.items()))
    assert ran.lines[-1] == f"{len(events)} shows, {became.total()} bookings: {said}"
    assert became["CONFIRMED"] > became["PENDING"] > 10
    audit = boxoffice("audit", DATABASE_URL=database_url)
    assert audit.status == 0
    assert f"{len(events)} shows" in audit.out
    listed = boxoffice("show", "list", DATABASE_URL=database_url)
    assert sorted(listed.lines) == sorted(ran.lines[:-1])


def test_a_house_with_shows_is_left_alone_unless_it_is_asked_for(
    boxoffice: CommandLine, database_url: str
) -> None:
    boxoffice(
        *("show", "create", "Ours", "--seats=9", "--starts=2030-01-01T20:00:00Z"),
        DATABASE_URL=database_url,
    )
    ran = boxoffice("seed", DATABASE_URL=database_url)
    assert (ran.status, ran.out) == (1, "")
    assert "--add" in ran.err
    assert len(boxoffice("show", "list", DATABASE_URL=database_url).lines) == 1
    assert boxoffice("seed", "--add", DATABASE_URL=database_url).status == 0
    assert len(boxoffice("show", "list", DATABASE_URL=database_url).lines) > 5


def test_fates_are_of_a_hundred() -> None:
    assert sum(fate.value for fate in Fate) == 100
