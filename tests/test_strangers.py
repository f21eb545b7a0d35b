"""Strangers at the database: who locks, writes or forbids what they shouldn't."""

import asyncio
import gc
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import uuid4

import psycopg
import pytest

import db.batch
from booking.commands import Cancel, Confirm, Done
from booking.decide import decide
from booking.decision import Decision
from booking.model import Booking, BookingStatus
from db import desk as desk_module
from db import limits
from db.desk import MAX_LANES_AT_ONCE
from db.errors import LockTimeout, Unavailable
from db.pool import Database
from db.reads import read_bookings, read_show
from resolvers.office import Office
from tests.office import book, lapse, new_show, opened
from tests.test_desk import _until_somebody_waits_for_a_lock as until_somebody_waits
from tests.test_desk import locked


async def _booked(office: Office, show_id: int, *numbers: int) -> Booking:
    answer = await office.desk.submit(book(show_id, *numbers))
    assert isinstance(answer.outcome, Done)
    return answer.outcome.booking


@pytest.mark.parametrize(
    ("kind", "status"), [(Confirm, BookingStatus.CONFIRMED), (Cancel, BookingStatus.FAILED)]
)
def test_a_booking_edited_by_hand_at_that_moment_is_not_acknowledged_and_lost(
    database_url: str, kind: type[Confirm | Cancel], status: BookingStatus
) -> None:
    async def scenario() -> None:
        async with opened(database_url) as office:
            show_id = await new_show(office)
            booking = await _booked(office, show_id, 1, 2)
            with psycopg.connect(database_url) as support:
                support.execute("UPDATE bookings SET user_name = 'X' WHERE id = %s", [booking.id])
                deciding = asyncio.create_task(office.desk.submit(kind(show_id, booking.id)))
                await until_somebody_waits(database_url)
                support.commit()
            assert isinstance((await deciding).outcome, Done)
            ((stored, show),) = await read_bookings(office.database, [(show_id, booking.id)])
            assert (stored.status, stored.user_name) == (status, "X")
            confirmed = 2 if status is BookingStatus.CONFIRMED else 0
            assert (show.pending_seats, show.confirmed_seats) == (0, confirmed)

    asyncio.run(scenario())


def test_a_booking_that_vanishes_under_the_desk_rolls_its_batch_back(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was decided on must be there to be changed, or nothing is."""

    def decide_on_more(*args: Any) -> Decision:
        decision = decide(*args)
        decision.moved += [replace(booking, id=uuid4()) for booking in decision.moved]
        return decision

    async def scenario() -> None:
        async with opened(database_url) as office:
            show_id = await new_show(office)
            booking = await _booked(office, show_id, 1)
            monkeypatch.setattr(db.batch, "decide", decide_on_more)
            with pytest.raises(psycopg.errors.DivisionByZero):
                await office.desk.submit(Confirm(show_id, booking.id))
            ((stored, show),) = await read_bookings(office.database, [(show_id, booking.id)])
            assert (stored.status, show.version) == (BookingStatus.PENDING, 1)

    asyncio.run(scenario())


def test_a_seat_that_vanishes_under_the_desk_rolls_its_batch_back(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scenario() -> None:
        async with opened(database_url) as office:
            show_id = await new_show(office)
            booking = await _booked(office, show_id, 1, 2)
            with psycopg.connect(database_url) as stranger:
                stranger.execute("DELETE FROM taken_seats WHERE number = 2")
            with pytest.raises(psycopg.errors.DivisionByZero):
                await office.desk.submit(Cancel(show_id, booking.id))
            ((stored, show),) = await read_bookings(office.database, [(show_id, booking.id)])
            assert (stored.status, show.version) == (BookingStatus.PENDING, 1)

    asyncio.run(scenario())


def test_many_locked_shows_leave_connections_for_the_others(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(limits.SESSION_LIMITS, "lock_timeout", "1s")

    async def scenario() -> None:
        async with opened(database_url) as office:
            shows = [await new_show(office) for _ in range(15)]
            free = await new_show(office)
            with psycopg.connect(database_url) as stranger:
                stranger.execute("SELECT id FROM shows WHERE id = ANY(%s) FOR UPDATE", [shows])
                stuck = [asyncio.create_task(office.desk.submit(book(s, 1))) for s in shows]
                await until_somebody_waits(database_url)
                async with asyncio.timeout(0.9):
                    await _booked(office, free, 1)
                    assert await read_show(office.database, shows[0])
                stranger.rollback()
                await asyncio.gather(*stuck, return_exceptions=True)

    asyncio.run(scenario())


def test_who_waits_behind_many_locked_shows_is_told_in_time(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(limits.SESSION_LIMITS, "lock_timeout", "500ms")
    monkeypatch.setattr(desk_module, "LONGEST_WAIT_ASIDE", timedelta(seconds=0.4))

    async def scenario() -> None:
        async with opened(database_url) as office:
            shows = [await new_show(office) for _ in range(8 * MAX_LANES_AT_ONCE)]
            with psycopg.connect(database_url) as stranger:
                stranger.execute("SELECT FROM shows FOR UPDATE")
                # Sooner than it takes to try all of them, and later than the first few.
                async with asyncio.timeout(2.5):
                    answers = await asyncio.gather(
                        *(office.desk.submit(book(s, 1)) for s in shows), return_exceptions=True
                    )
                stranger.rollback()
            assert {type(answer) for answer in answers} == {LockTimeout}
            assert isinstance((await office.desk.submit(book(shows[-1], 1))).outcome, Done)

    asyncio.run(scenario())


def test_a_row_that_a_stranger_has_locked_holds_up_its_own_show_only(database_url: str) -> None:
    async def scenario() -> None:
        async with opened(database_url) as office:
            stuck, free, later = [await new_show(office) for _ in range(3)]
            booking = await _booked(office, stuck, 1)
            with psycopg.connect(database_url) as stranger:
                stranger.execute("SELECT FROM bookings WHERE id = %s FOR UPDATE", [booking.id])
                confirming = asyncio.create_task(office.desk.submit(Confirm(stuck, booking.id)))
                async with asyncio.timeout(1.5):  # sooner than the wait for the row runs out
                    await _booked(office, free, 1)  # in the same batch
                    await until_somebody_waits(database_url)
                    await _booked(office, later, 1)
                assert not confirming.done()
                stranger.rollback()
            assert isinstance((await confirming).outcome, Done)

    asyncio.run(scenario())


def test_a_sweep_that_was_not_waited_for_and_failed_is_told_once(
    database_url: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setitem(limits.SESSION_LIMITS, "lock_timeout", "200ms")

    async def scenario() -> None:
        async with opened(database_url) as office:
            show_id = await new_show(office)
            booking = await _booked(office, show_id, 1)
            lapse(database_url, booking.id)
            with locked(database_url, show_id):
                await office.expiry.run(timedelta(seconds=0.01))
                (left,) = office.expiry._under_way
                while office.expiry._under_way:  # noqa: ASYNC110 - it tells nobody
                    await asyncio.sleep(0.01)
            gc.collect()
            assert left == show_id
            assert [f"show {show_id} was not swept" in line for line in caplog.messages].count(
                True
            ) == 1
            assert "never retrieved" not in caplog.text
            assert (await office.expiry.run()).bookings == 1

    asyncio.run(scenario())


def test_a_locked_show_does_not_keep_the_sweep_from_others(database_url: str) -> None:
    async def scenario() -> None:
        async with opened(database_url) as office:
            stuck, free = await new_show(office), await new_show(office)
            for show_id in (stuck, free):
                booking = await _booked(office, show_id, 1)
                lapse(database_url, booking.id)
            with locked(database_url, stuck):
                # Sooner than the wait for the locked show runs out.
                async with asyncio.timeout(1.5):
                    swept = await office.expiry.run(timedelta(seconds=0.3))
                assert (swept.bookings, swept.seats) == (1, 1)
                lapse(database_url, (await _booked(office, free, 2)).id)
                assert (await office.expiry.run(timedelta(seconds=0.3))).bookings == 1
                with pytest.raises(Unavailable):  # all that is due is locked
                    await office.expiry.run()
            assert (await office.expiry.run()).bookings == 1

    asyncio.run(scenario())


def test_a_database_that_only_reads_is_unavailable_for_changes(database_url: str) -> None:
    async def scenario() -> None:
        async with opened(database_url) as office:
            show_id = await new_show(office)
        async with opened(f"{database_url}&options=-cdefault_transaction_read_only%3Don") as office:
            assert await read_show(office.database, show_id)
            with pytest.raises(Unavailable):
                await office.desk.submit(book(show_id, 1))

    asyncio.run(scenario())


def test_without_a_database_a_long_queue_is_told_at_once() -> None:
    async def scenario() -> None:
        async with opened("postgresql://nobody@127.0.0.1:1/none") as office:
            loop = asyncio.get_running_loop()
            began = loop.time()
            commands = [office.desk.submit(book(1, number)) for number in range(1, 1001)]
            answers = await asyncio.gather(*commands, return_exceptions=True)
            assert all(isinstance(answer, Unavailable) for answer in answers)
            assert loop.time() - began < 3

    asyncio.run(scenario())


def test_sessions_are_durable_whatever_the_default_is(database_url: str) -> None:
    async def scenario() -> None:
        database = Database(f"{database_url}&options=-csynchronous_commit%3Doff")
        await database.open()
        try:
            async with database.connection() as conn:
                row = await (await conn.execute("SHOW synchronous_commit")).fetchone()
                assert row == ("on",)
        finally:
            await database.close()

    asyncio.run(scenario())
