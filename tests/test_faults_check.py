"""The checker finds what is doctored, and nothing in what is merely unusual."""

import asyncio
from dataclasses import replace
from random import Random
from typing import Any

import psycopg
import pytest

from booking.commands import Cancel
from faults.check import check
from faults.ledger import read_ledger
from faults.records import Records
from tests.office import book, new_show, opened
from tests.paper import PaperHouse

SECOND = 1_000_000


@pytest.mark.parametrize("seed", range(20))
def test_a_right_house_breaks_no_rule(seed: int) -> None:
    chance = Random(seed)
    house = PaperHouse(seats=chance.choice([6, 12, 40]))
    known: list[str] = []
    for _ in range(60):
        house.wait(chance.random())
        if chance.random() < 0.1:
            house.sweep()
        batch = [_any_request(house, chance, known) for _ in range(chance.randint(1, 6))]
        answers = house.serve(*batch)
        known += [answer["id"] for answer in answers if answer["__typename"] == "Booking"]
    assert house.broken() == set()


def _any_request(house: PaperHouse, chance: Random, known: list[str]) -> tuple[str, dict[str, Any]]:
    if known and chance.random() < 0.4:
        operation = chance.choice(["confirmBooking", "confirmBooking", "cancelBooking"])
        return operation, {"bookingId": chance.choice(known[-8:])}
    more: dict[str, Any] = {"confirm": chance.random() < 0.2}
    if chance.random() < 0.6:
        # One of few keys, with one of few inputs: most are sent again, some with another input.
        more |= {"idempotencyKey": f"key {chance.randrange(12)}", "userName": "one of all"}
    if chance.random() < 0.5:
        return house.booking(seatCount=chance.randint(1, 4), **more)
    return house.booking(*chance.sample(range(1, house.show.total_seats + 1), 2), **more)


# One holder a seat


def test_two_acknowledged_bookings_of_a_seat_are_found() -> None:
    house = PaperHouse()
    house.book(1, confirm=True)
    house.book(2)
    house.amend_answer(1, seatNumbers=[1, 2])
    assert "sold once as told" in house.broken()


def test_a_seat_may_have_one_holder_after_another() -> None:
    house = PaperHouse()
    first = house.book(1, confirm=True)["id"]
    house.serve(("cancelBooking", {"bookingId": first}), house.booking(1))
    house.wait(4)  # to the deadline exactly
    house.book(1)
    assert house.broken() == set()


def test_a_cancellation_without_an_answer_may_have_freed_the_seat() -> None:
    house = PaperHouse()
    house.cancel(house.book(1, confirm=True)["id"])
    house.amend_request(1, result=None, failure="broken")
    house.book(1)
    assert house.broken() == set()


def test_a_seat_taken_twice_in_the_database_is_found() -> None:
    house = PaperHouse()
    house.book(1)
    house.book(2)
    [first, second] = house.ledger.taken[house.id]
    house.ledger.taken[house.id] = [first, (1, second[1])]
    assert "sold once in database" in house.broken()


def test_an_active_booking_without_its_seat_is_found() -> None:
    house = PaperHouse()
    house.book(1)
    house.ledger.taken[house.id] = []
    assert "sold once in database" in house.broken()


def test_a_seat_given_to_a_second_in_the_log_is_found() -> None:
    house = PaperHouse()
    house.book(1, confirm=True)
    second = house.book(2)
    house.amend_change(2, numbers=[1], previous="C")
    house.amend_booking(second["id"], seats=(1,))
    assert "log is possible" in house.broken()


def test_a_previous_letter_that_was_not_is_found() -> None:
    house = PaperHouse()
    house.book(1)
    house.amend_change(1, previous="P")
    assert house.broken() == {"log is possible"}


def test_confirmed_and_cancelled_in_one_batch_is_one_step() -> None:
    house = PaperHouse()
    held = {"bookingId": house.book(1)["id"]}
    house.serve(("confirmBooking", held), ("cancelBooking", held), house.booking(1, confirm=True))
    assert house.broken() == set()


# What was acknowledged is kept


def test_an_acknowledged_booking_that_is_not_there_is_found() -> None:
    house = PaperHouse()
    house.book(1)
    house.ledger.bookings.clear()
    assert "acknowledged is kept" in house.broken()


def test_an_acknowledged_confirmation_that_is_not_there_is_found() -> None:
    house = PaperHouse()
    held = house.book(1)["id"]
    house.confirm(held)
    house.amend_booking(held, status="PENDING", confirmed_at=None)
    assert "acknowledged is kept" in house.broken()


def test_an_acknowledged_cancellation_that_is_not_there_is_found() -> None:
    house = PaperHouse()
    held = house.book(1)
    house.cancel(held["id"])
    house.amend_booking(held["id"], status="PENDING", reason=None)
    assert "acknowledged is kept" in house.broken()


def test_other_seats_than_were_asked_for_are_found() -> None:
    house = PaperHouse()
    house.book(1)
    house.amend_request(0, variables=house.booking(2)[1])
    assert house.broken() == {"acknowledged is kept"}


def test_a_state_that_goes_back_is_found() -> None:
    house = PaperHouse()
    held = house.book(1, idempotencyKey="k", userName="one")
    house.confirm(held["id"])
    house.book(1, idempotencyKey="k", userName="one")
    assert house.broken() == set()
    house.amend_answer(2, status="PENDING")
    assert house.broken() == {"acknowledged is kept"}


# What was refused was not done


def test_a_refused_booking_with_seats_is_found() -> None:
    house = PaperHouse()
    house.book(1)
    refused = house.book(1, 2)["booking"]["id"]
    assert house.broken() == set()
    house.ledger.taken[house.id].append((2, refused))
    assert "refused is undone" in house.broken()


@pytest.mark.parametrize("key", [{"idempotencyKey": "k"}, {}], ids=["with a key", "without"])
def test_a_booking_that_every_answer_denied_is_found(key: dict[str, str]) -> None:
    house = PaperHouse()
    house.book(1, **key)
    house.amend_request(0, result=None, code="UNAVAILABLE")
    assert house.broken() == {"refused is undone"}


@pytest.mark.parametrize(
    "answer",
    [{"code": "UNAVAILABLE", "outcome": "UNKNOWN"}, {"failure": "broken"}],
    ids=["unknown", "no answer"],
)
def test_a_booking_that_nobody_knows_of_may_be_there(answer: dict[str, str]) -> None:
    house = PaperHouse()
    house.book(1, idempotencyKey="k")
    house.amend_request(0, result=None, **answer)
    assert house.broken() == set()


def test_a_denied_try_may_follow_one_that_booked() -> None:
    house = PaperHouse()
    house.book(1, idempotencyKey="k", userName="one")
    house.book(1, idempotencyKey="k", userName="one")
    house.amend_request(1, result=None, code="UNAVAILABLE")
    assert house.broken() == set()
    # The other way round the first may not have booked: it was done before the second was sent.
    house.amend_request(1, result=house.records.requests[0].result, code=None)
    house.amend_request(0, result=None, code="UNAVAILABLE")
    assert "refused is undone" in house.broken()


def test_a_confirmation_that_was_denied_is_found() -> None:
    house = PaperHouse()
    house.confirm(house.book(1)["id"])
    house.amend_request(1, result=None, code="UNAVAILABLE")
    assert house.broken() == {"refused is undone"}
    house.amend_request(1, outcome="UNKNOWN")
    assert house.broken() == set()


def test_a_cancellation_that_nobody_asked_for_is_found() -> None:
    house = PaperHouse()
    house.cancel(house.book(1)["id"])
    del house.records.requests[1]
    assert house.broken() == {"refused is undone"}


# Keys


def test_two_bookings_with_a_key_are_found() -> None:
    house = PaperHouse()
    house.book(1, idempotencyKey="k", userName="one")
    second = house.book(2, idempotencyKey="j", userName="one")
    house.amend_booking(second["id"], key="k")
    assert "key honoured once" in house.broken()


def test_answers_to_a_key_that_name_two_bookings_are_found() -> None:
    house = PaperHouse()
    house.book(1, idempotencyKey="k", userName="one")
    house.book(1, idempotencyKey="k", userName="one")
    assert house.broken() == set()
    house.amend_answer(1, id=house.book(2)["id"])
    assert "key honoured once" in house.broken()


def test_a_key_honoured_for_another_input_is_found() -> None:
    house = PaperHouse()
    house.book(1, idempotencyKey="k", userName="one")
    house.book(1, idempotencyKey="k", userName="another")
    assert house.broken() == set()
    house.amend_request(1, result=house.records.requests[0].result)
    assert house.broken() == {"key honoured once"}


# Deadlines


def test_a_confirmation_on_record_at_the_deadline_is_found() -> None:
    house = PaperHouse()
    held = house.book(1)["id"]
    house.wait(3)  # a microsecond before it would still do
    house.clock = house.clock.replace(microsecond=999_999)
    house.confirm(held)
    assert house.broken() == set()
    house.amend_booking(held, confirmed_at=house.ledger.bookings[held].expires_at)
    assert "confirmed in time" in house.broken()


def test_a_confirmation_sent_after_the_deadline_is_found() -> None:
    house = PaperHouse()
    held = house.book(1)["id"]
    house.confirm(held)
    house.wait(5)
    house.confirm(held)  # is told the same once more
    assert house.broken() == set()
    del house.records.requests[1]
    assert "confirmed in time" in house.broken()


def test_an_expiry_before_the_deadline_is_found() -> None:
    house = PaperHouse()
    held = house.book(1)["id"]
    house.wait(4)
    house.sweep()
    assert house.broken() == set()
    house.amend_booking(held, expires_at=house.ledger.bookings[held].expires_at or 0 + 1)
    house.amend_change(2, at=house.ledger.changes[house.id][1].at - 2 * SECOND)
    assert "expired in time" in house.broken()


def test_hold_expired_before_the_deadline_is_found() -> None:
    house = PaperHouse()
    house.book(1)
    house.wait(5)
    house.confirm(house.records.requests[0].result["id"])  # type: ignore[index]
    assert house.broken() == set()
    early = house.records.requests[1].began_at - 3
    house.amend_request(1, began_at=early, ended_at=early + 0.001)
    assert "expired in time" in house.broken()


def test_a_hold_of_another_length_is_found() -> None:
    house = PaperHouse()
    house.book(1)
    house.amend_show(hold=6 * SECOND)
    assert house.broken() == {"expired in time"}


def test_a_booking_made_before_anybody_asked_is_found() -> None:
    house = PaperHouse()
    house.book(1)
    late = house.records.requests[0].ended_at + 1
    house.amend_request(0, began_at=late, ended_at=late + 0.001)
    assert "times are true" in house.broken()


# Versions and watchers


def test_a_version_that_is_left_out_is_found() -> None:
    house = PaperHouse()
    house.book(1)
    house.amend_change(1, version=2)
    house.amend_show(version=2)
    assert "versions without gaps" in house.broken()


def test_a_watcher_that_goes_back_is_found() -> None:
    house = PaperHouse()
    house.book(1)
    house.book(2)
    again = replace(house.records.updates[2], seats={})
    house.records.updates.append(again)  # nothing has changed since
    assert house.broken() == set()
    house.records.updates.append(house.records.updates[1])
    assert "versions without gaps" in house.broken()


def test_a_change_withheld_from_a_watcher_is_found() -> None:
    house = PaperHouse()
    house.book(1)
    house.book(2)
    house.amend_update(2, seats={1: "P", 2: "P"})  # two in one
    del house.records.updates[1]
    assert house.broken() == set()
    house.amend_update(1, seats={2: "P"})
    assert house.broken() == {"watchers see the truth"}


def test_a_watcher_that_is_not_told_of_the_end_is_found() -> None:
    house = PaperHouse()
    house.book(1)
    house.wait(5)
    house.sweep()
    assert house.records.updates.pop().version == 2  # swept after the last request: not owed
    assert house.broken() == set()
    house.records.updates.pop()
    assert house.broken() == {"watchers see the truth"}


# Counters


def test_a_counter_that_is_off_is_found() -> None:
    house = PaperHouse()
    house.book(1)
    house.amend_show(pending_seats=2)
    assert house.broken() == {"counters equal seats"}


# Refusals


def test_a_refusal_of_free_seats_is_found() -> None:
    house = PaperHouse()
    house.book(1)
    house.wait(5)
    house.book(1)  # lapsed, though nobody has swept it
    house.book(1, 2)
    assert house.broken() == set()
    refused = house.records.requests[-1].result["booking"]["id"]  # type: ignore[index]
    house.amend_booking(refused, seats=(2, 3))
    assert "refusals are true" in house.broken()


def test_a_refusal_in_the_batch_that_frees_the_seat_may_have_come_first() -> None:
    house = PaperHouse()
    held = {"bookingId": house.book(1, confirm=True)["id"]}
    house.serve(house.booking(1), ("cancelBooking", held))
    house.serve(house.booking(1, confirm=True), house.booking(1))
    assert house.broken() == set()


def test_a_list_of_other_seats_than_were_taken_is_found() -> None:
    house = PaperHouse()
    house.book(1)
    house.book(1, 2)
    house.amend_answer(1, unavailable=[1, 2])
    assert house.broken() == {"refusals are true"}


def test_a_false_number_of_seats_left_is_found() -> None:
    house = PaperHouse()
    house.book(1)
    house.book(1, 2)
    house.amend_answer(1, availableSeats=8)
    assert house.broken() == {"refusals are true"}


def test_a_refusal_sent_again_lists_what_is_taken_then() -> None:
    house = PaperHouse()
    held = house.book(1, confirm=True)["id"]
    more = {"idempotencyKey": "k", "userName": "one"}
    house.book(1, 2, **more)
    house.cancel(held)
    house.book(2, confirm=True)
    assert house.book(1, 2, **more)["unavailable"] == [2]
    assert house.broken() == set()


def test_a_refusal_by_count_with_room_is_found() -> None:
    house = PaperHouse()
    house.book(seatCount=8)
    house.book(seatCount=3)
    assert house.broken() == set()
    house.amend_request(1, variables=house.booking(seatCount=2)[1])
    assert house.broken() == {"refusals are true"}


@pytest.mark.parametrize("kind", ["HoldExpired", "BookingNotActive", "NotFound"])
def test_a_confirmation_refused_for_nothing_is_found(kind: str) -> None:
    house = PaperHouse()
    held = house.book(1)
    house.confirm(held["id"])
    house.amend_request(1, result={"__typename": kind, "booking": {"id": held["id"]}})
    assert "refusals are true" in house.broken()


def test_not_found_for_what_is_not_there_is_fine() -> None:
    house = PaperHouse()
    house.cancel("Qm9va2luZzoxOjAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDA5")
    assert house.broken() == set()


def test_wrong_input_that_is_right_is_found() -> None:
    house = PaperHouse()
    house.book(11)
    house.amend_request(0, result={"__typename": "InvalidInput"})
    assert house.broken() == set()
    house.amend_request(0, variables=house.booking(10)[1])
    assert house.broken() == {"refusals are true"}


def test_a_key_called_reused_that_was_not_is_found() -> None:
    house = PaperHouse()
    first = house.book(1, idempotencyKey="k", userName="one")
    house.book(1, idempotencyKey="k", userName="one")
    reused = {"__typename": "IdempotencyKeyReused", "booking": {"id": first["id"]}}
    house.amend_request(1, result=reused)
    assert house.broken() == {"refusals are true"}


# Everybody is answered


def test_a_request_that_waits_for_too_long_is_found() -> None:
    house = PaperHouse()
    house.book(1)
    house.amend_request(0, result=None, failure="gave up")
    assert house.broken() == set()
    house.amend_request(0, ended_at=house.records.requests[0].began_at + 31)
    assert house.broken() == {"everybody is answered"}


def test_an_error_that_nobody_had_foreseen_is_found() -> None:
    house = PaperHouse()
    house.book(1)
    house.amend_request(0, result=None, code="INTERNAL")
    assert house.broken() == {"everybody is answered"}


# The real database


def test_the_database_is_read_as_it_is(database_url: str) -> None:
    show_id = asyncio.run(_sell(database_url))
    assert check(Records(), database_url) == []
    ledger = read_ledger(database_url)
    [show] = ledger.shows.values()
    assert (show.total_seats, show.hold, show.version) == (20, 120 * SECOND, 3)
    [held, refused, ended] = ledger.of_show[show.id]
    assert (held.seats, held.status, held.key, held.user_name) == (
        (1,),
        "PENDING",
        None,
        "somebody",
    )
    assert (held.expires_at or 0) - held.created_at == show.hold
    assert (refused.seats, refused.refused, refused.key) == ((1, 2), True, "k")
    assert (ended.seats, ended.reason, ended.active) == ((2,), "CANCELLED", False)
    assert ledger.taken[show.id] == [(1, held.id)]
    assert [(c.numbers, c.statuses, c.previous) for c in ledger.changes[show.id]] == [
        ([1], "P", "A"),
        ([2], "P", "A"),
        ([2], "A", "P"),
    ]
    with psycopg.connect(database_url) as conn:
        conn.execute("UPDATE shows SET pending_seats = 2 WHERE id = %s", [show_id])
    assert {violation.rule for violation in check(Records(), database_url)} == {
        "counters equal seats"
    }


async def _sell(database_url: str) -> int:
    async with opened(database_url) as office:
        show_id = await new_show(office)
        await office.desk.submit(book(show_id, 1))
        await office.desk.submit(book(show_id, 1, 2, key="k"))
        ended = book(show_id, 2)
        await office.desk.submit(ended)
        await office.desk.submit(Cancel(show_id, ended.booking_id))
        return show_id
