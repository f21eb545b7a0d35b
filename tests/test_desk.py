"""The desk: who is served when, and what becomes of commands when things break."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
import pytest
from psycopg.errors import UniqueViolation

from access.caller import EVERYBODY
from booking.commands import Command, Confirm, Done, Expire, Expired, NotFound, SeatsUnavailable
from booking.decision import Decision
from booking.model import BookingStatus
from db import desk as desk_module
from db import limits, queues
from db.batch import Batch
from db.desk import Answer, Desk
from db.errors import Interrupted, Overloaded, Unavailable
from db.reads import read_show
from resolvers.api import schema
from resolvers.office import Office
from schema import ids
from tests.office import book, lapse, new_show, opened

PATIENCE = 10.0


@contextmanager
def locked(url: str, show_id: int) -> Iterator[psycopg.Connection]:
    """A stranger holds the show's row."""
    with psycopg.connect(url) as conn:
        conn.execute("SELECT FROM shows WHERE id = %s FOR UPDATE", [show_id])
        yield conn


async def _until_somebody_waits_for_a_lock(url: str) -> None:
    """Return once a backend of this database stands in line for a lock."""
    async with await psycopg.AsyncConnection.connect(url, autocommit=True) as conn:
        async with asyncio.timeout(PATIENCE):
            while True:
                waiting = await conn.execute(
                    "SELECT pid FROM pg_stat_activity"
                    " WHERE datname = current_database() AND wait_event_type = 'Lock'"
                )
                if await waiting.fetchone():
                    return


async def _rows(office: Office, statement: str) -> list[Any]:
    async with office.database.connection() as conn:
        return await (await conn.execute(statement.encode())).fetchall()


def _winner(answer: Answer) -> bool:
    return isinstance(answer.outcome, Done)


def test_commands_that_gather_share_a_transaction(database_url: str) -> None:
    async def scenario() -> None:
        async with opened(database_url) as office:
            show_id = await new_show(office, total_seats=100)
            commands = [book(show_id, number) for number in range(1, 101)]
            answers = await asyncio.gather(*map(office.desk.submit, commands))
            assert all(map(_winner, answers))
            show = await read_show(office.database, show_id)
            assert show
            assert show.pending_seats == 100
            assert show.version <= 3

    asyncio.run(scenario())


def test_a_transaction_carries_no_more_seats_than_others_can_wait_for(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queues, "MAX_SEATS_IN_BATCH", 20)

    async def scenario() -> None:
        async with opened(database_url) as office:
            show_id = await new_show(office, total_seats=100)
            commands = [book(show_id, *range(n, n + 10)) for n in (1, 11, 21, 31, 41)]
            answers = await asyncio.gather(*map(office.desk.submit, commands))
            assert all(map(_winner, answers))
            assert [answer.show.version for answer in answers if answer.show] == [1, 1, 2, 2, 3]

    asyncio.run(scenario())


def test_first_come_is_first_served(database_url: str) -> None:
    async def scenario() -> None:
        async with opened(database_url) as office:
            show_id = await new_show(office)
            commands = [book(show_id, 7) for _ in range(30)]
            answers = await asyncio.gather(*map(office.desk.submit, commands))
            assert [_winner(answer) for answer in answers] == [True] + [False] * 29

    asyncio.run(scenario())


def test_a_show_that_is_locked_elsewhere_holds_up_no_other(database_url: str) -> None:
    async def scenario() -> None:
        async with opened(database_url) as office:
            stuck, free = await new_show(office), await new_show(office)
            with locked(database_url, stuck) as stranger:
                waiting = [
                    asyncio.create_task(office.desk.submit(book(stuck, number % 3 + 1)))
                    for number in range(6)
                ]
                assert _winner(await office.desk.submit(book(free, 1)))
                await _until_somebody_waits_for_a_lock(database_url)
                assert _winner(await office.desk.submit(book(free, 2)))
                assert not any(task.done() for task in waiting)
                waiting += [asyncio.create_task(office.desk.submit(book(stuck, 4)))]
                stranger.rollback()
                answers = await asyncio.gather(*waiting)
            assert [_winner(answer) for answer in answers] == [True] * 3 + [False] * 3 + [True]

    asyncio.run(scenario())


def test_shows_that_another_desk_has_are_waited_for_together(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # As long as the test needs; it would be long enough for a lane each, too.
    monkeypatch.setattr(limits, "LOCK_TIMEOUT_OF_A_LINE", "20s")
    batches: list[Batch] = []
    transact = Desk._transact

    async def noted(self: Desk, batch: Batch) -> Decision:
        batches.append(batch)
        return await transact(self, batch)

    monkeypatch.setattr(Desk, "_transact", noted)

    async def scenario() -> None:
        async with opened(database_url) as office:
            shows = [await new_show(office) for _ in range(3)]
            with locked(database_url, shows[0]) as other:
                other.execute("SELECT FROM shows WHERE id = ANY(%s) FOR UPDATE", [shows[1:]])
                waiting = [
                    asyncio.create_task(office.desk.submit(book(show_id, number)))
                    for show_id in shows
                    for number in (1, 2)
                ]
                await _until_somebody_waits_for_a_lock(database_url)
                other.rollback()
                answers = await asyncio.gather(*waiting)
            assert all(_winner(answer) for answer in answers)
            assert [len(batch.commands) for batch in batches] == [6]

    asyncio.run(scenario())


def test_a_lock_that_is_never_let_go_is_given_up(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(limits.SESSION_LIMITS, "lock_timeout", "200ms")

    async def scenario() -> None:
        async with opened(database_url) as office:
            show_id = await new_show(office)
            with locked(database_url, show_id), pytest.raises(Unavailable):
                await office.desk.submit(book(show_id, 1))
            assert _winner(await office.desk.submit(book(show_id, 1)))

    asyncio.run(scenario())


def test_unknown_shows_are_not_found_beside_known_ones(database_url: str) -> None:
    async def scenario() -> None:
        async with opened(database_url) as office:
            show_id = await new_show(office)
            commands = [book(404, 1), book(show_id, 1), book(405, count=1)]
            answers = await asyncio.gather(*map(office.desk.submit, commands))
            outcomes = [answer.outcome for answer in answers]
            assert outcomes[0] == outcomes[2] == NotFound()
            assert isinstance(outcomes[1], Done)

    asyncio.run(scenario())


def test_one_bad_command_does_not_spoil_its_neighbours(database_url: str) -> None:
    async def scenario() -> None:
        async with opened(database_url) as office:
            show_id = await new_show(office)
            # A seat that nothing but the primary key knows to be taken.
            await _rows(
                office,
                f"INSERT INTO taken_seats VALUES ({show_id}, 5, gen_random_uuid()) RETURNING 1",
            )
            commands = [book(show_id, number) for number in (4, 5, 6)]
            answers = await asyncio.gather(
                *map(office.desk.submit, commands), return_exceptions=True
            )
            assert isinstance(answers[1], UniqueViolation)
            assert isinstance(answers[0], Answer)
            assert isinstance(answers[2], Answer)
            assert _winner(answers[0])
            assert _winner(answers[2])

    asyncio.run(scenario())


def test_a_caller_who_gave_up_does_not_take_the_booking_along(database_url: str) -> None:
    async def scenario() -> None:
        async with opened(database_url) as office:
            show_id = await new_show(office)
            with locked(database_url, show_id):
                task = asyncio.create_task(office.desk.submit(book(show_id, 1)))
                await _until_somebody_waits_for_a_lock(database_url)
                task.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await task
            answer = await office.desk.submit(book(show_id, 1))
            assert isinstance(answer.outcome, SeatsUnavailable)

    asyncio.run(scenario())


def test_a_broken_batch_does_not_wait_for_one_locked_show(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    transact = Desk._transact
    broken: list[Batch] = []

    async def break_first(self: Desk, batch: Batch) -> Decision:
        if not broken:
            broken.append(batch)
            raise Interrupted
        return await transact(self, batch)

    monkeypatch.setattr(Desk, "_transact", break_first)

    async def scenario() -> None:
        async with opened(database_url) as office:
            stuck, free = await new_show(office), await new_show(office)
            with locked(database_url, stuck) as stranger:
                waiting = asyncio.create_task(office.desk.submit(book(stuck, 1)))
                assert _winner(await office.desk.submit(book(free, 1)))
                assert not waiting.done()
                stranger.rollback()
                assert _winner(await waiting)

    asyncio.run(scenario())
    assert len(broken[0].commands) == 2


def test_a_connection_that_dies_under_way_is_replaced(database_url: str) -> None:
    async def scenario() -> None:
        async with opened(database_url) as office:
            show_id = await new_show(office)
            with psycopg.connect(database_url, autocommit=True) as stranger:
                stranger.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                    " WHERE datname = current_database() AND pid <> pg_backend_pid()"
                )
            assert _winner(await office.desk.submit(book(show_id, 1)))

    asyncio.run(scenario())


def test_more_than_can_wait_are_refused_at_once(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(desk_module, "MAX_WAITING", 2)

    async def scenario() -> None:
        async with opened(database_url) as office:
            show_id = await new_show(office)
            commands = [book(show_id, number) for number in (1, 2, 3)]
            answers = await asyncio.gather(
                *map(office.desk.submit, commands), return_exceptions=True
            )
            assert isinstance(answers[2], Unavailable)
            assert _winner(await office.desk.submit(book(show_id, 3)))

    asyncio.run(scenario())


def test_who_would_wait_too_long_is_refused_at_once_and_told_when_to_come_back(
    database_url: str,
) -> None:
    async def scenario() -> None:
        async with opened(database_url) as office:
            show_id = await new_show(office, total_seats=500)
            office.desk._queues.pace.seconds = 1.2  # a slow day: so long a batch
            commands = [book(show_id, number) for number in range(1, 201)]
            tasks = [asyncio.create_task(office.desk.submit(command)) for command in commands]
            *_, late = answers = await asyncio.gather(*tasks, return_exceptions=True)
            assert isinstance(late, Overloaded)
            assert late.extensions == {"retryAfter": 2}
            assert sum(isinstance(answer, Overloaded) for answer in answers) == 200 - 33
            # Nobody waits now, so nobody is refused, however slow it was.
            assert _winner(await office.desk.submit(book(show_id, 200)))

    asyncio.run(scenario())


def test_a_client_is_told_when_to_come_back(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scenario() -> None:
        async with opened(database_url) as office:
            show_id = ids.show_id(await new_show(office))
            monkeypatch.setattr(desk_module, "MAX_WAITING", 0)
            office.desk._queues.pace.seconds = 2.5
            office.desk._serving = True  # somebody is served, so there is a wait
            given = {"showId": show_id, "seatNumbers": [1], "userName": "Ada"}
            document = (
                "mutation ($input: BookSeatsInput!) { bookSeats(input: $input) { __typename } }"
            )
            result = await schema.execute(
                document, {"input": given}, {"office": office, "caller": EVERYBODY}
            )
            office.desk._serving = False
        assert result.errors
        assert result.errors[0].extensions == {"code": "UNAVAILABLE", "retryAfter": 3}

    asyncio.run(scenario())


def test_the_sweep_is_not_refused_when_many_wait(database_url: str) -> None:
    async def scenario() -> None:
        async with opened(database_url) as office:
            show_id = await new_show(office)
            answer = await office.desk.submit(book(show_id, 1))
            assert isinstance(answer.outcome, Done)
            booking = answer.outcome.booking
            lapse(database_url, booking.id)
            office.desk._queues.pace.seconds = 60.0
            # The first starts at once, as nobody waits; the others would wait for a minute.
            expire = Expire(show_id, (booking.id,))
            commands: list[Command] = [book(show_id, 2), book(show_id, 3), expire]
            first, refused, swept = await asyncio.gather(
                *map(office.desk.submit, commands), return_exceptions=True
            )
            assert isinstance(first, Answer)
            assert isinstance(refused, Overloaded)
            assert isinstance(swept, Answer)
            assert swept.outcome == Expired(1, 1)

    asyncio.run(scenario())


def test_a_show_with_many_waiting_does_not_keep_a_quiet_one_waiting(database_url: str) -> None:
    async def scenario() -> None:
        async with opened(database_url) as office:
            hot, quiet = await new_show(office, total_seats=2_000), await new_show(office)
            crowd = [asyncio.create_task(office.desk.submit(book(hot, n))) for n in range(1, 1_001)]
            await asyncio.sleep(0)  # all of them stand in line
            assert _winner(await office.desk.submit(book(quiet, 1)))
            assert sum(task.done() for task in crowd) <= 2 * queues.MAX_BATCH
            answers = await asyncio.gather(*crowd)
            versions = [answer.show.version for answer in answers if answer.show]
            assert versions == sorted(versions)

    asyncio.run(scenario())


def test_closing_finishes_what_is_under_way_and_refuses_the_rest(database_url: str) -> None:
    async def scenario() -> None:
        async with opened(database_url) as office:
            show_id = await new_show(office)
            under_way = asyncio.create_task(office.desk.submit(book(show_id, 1)))
            await asyncio.sleep(0)
            await office.desk.close()
            assert _winner(await under_way)
            with pytest.raises(Unavailable):
                await office.desk.submit(book(show_id, 2))

    asyncio.run(scenario())


def test_expiry_in_several_processes_ends_each_booking_once(database_url: str) -> None:
    async def scenario() -> None:
        async with opened(database_url) as one, opened(database_url) as other:
            show_id = await new_show(one)
            for number in range(1, 11):
                answer = await one.desk.submit(book(show_id, number))
                assert isinstance(answer.outcome, Done)
                lapse(database_url, answer.outcome.booking.id)
            runs = await asyncio.gather(*(o.expiry.run() for o in (one, other, one, other)))
            assert sum(run.bookings for run in runs) == sum(run.seats for run in runs) == 10

    asyncio.run(scenario())


def test_an_expiry_that_comes_too_early_ends_nothing(database_url: str) -> None:
    async def scenario() -> None:
        async with opened(database_url) as office:
            show_id = await new_show(office)
            answer = await office.desk.submit(book(show_id, 1))
            assert isinstance(answer.outcome, Done)
            booking = answer.outcome.booking
            early = await office.desk.submit(Expire(show_id, (booking.id,)))
            assert early.outcome == Expired(0, 0)
            confirmed = await office.desk.submit(Confirm(show_id, booking.id))
            assert isinstance(confirmed.outcome, Done)
            assert confirmed.outcome.booking.status is BookingStatus.CONFIRMED

    asyncio.run(scenario())
