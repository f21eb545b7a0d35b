"""Bookings over the API: made, confirmed, cancelled, lapsed, listed and asked for again."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from itertools import count
from typing import Any

import psycopg
import pytest

from schema.ids import parse_booking_id, parse_show_id
from tests.serving import Served

BOOKING = """
    __typename id userName status failureReason seatNumbers createdAt expiresAt confirmedAt
    seats { number label status }
    show { id availableSeats pendingSeats confirmedSeats seatMap { encoded } }
"""
BOOK = f"""
    mutation ($input: BookSeatsInput!) {{
        bookSeats(input: $input) {{
            ... on Booking {{ {BOOKING} }}
            ... on SeatsUnavailable {{
                __typename message unavailable availableSeats booking {{ {BOOKING} }}
            }}
            ... on IdempotencyKeyReused {{ __typename message booking {{ {BOOKING} }} }}
            ... on InvalidInput {{ __typename fields {{ field message }} }}
            ... on NotFound {{ __typename id }}
        }}
    }}
"""
CONFIRM = f"""
    mutation ($id: ID!) {{
        confirmBooking(bookingId: $id) {{
            ... on Booking {{ {BOOKING} }}
            ... on HoldExpired {{ __typename message expiredAt booking {{ {BOOKING} }} }}
            ... on BookingNotActive {{ __typename message booking {{ {BOOKING} }} }}
            ... on NotFound {{ __typename id }}
        }}
    }}
"""
CANCEL = f"""
    mutation ($id: ID!) {{
        cancelBooking(bookingId: $id) {{
            ... on Booking {{ {BOOKING} }}
            ... on NotFound {{ __typename id }}
        }}
    }}
"""
FIND = f"query ($id: ID!) {{ booking(id: $id) {{ {BOOKING} }} }}"
LIST = f"""
    query ($first: Int, $after: String, $status: BookingStatus, $showId: ID, $userName: String) {{
        bookings(
            first: $first, after: $after, status: $status, showId: $showId, userName: $userName
        ) {{
            edges {{ cursor node {{ {BOOKING} }} }}
            pageInfo {{ hasNextPage hasPreviousPage startCursor endCursor }}
        }}
    }}
"""
CREATE = "mutation ($input: CreateShowInput!) { createShow(input: $input) { ... on Show { id } } }"
MAP = "query ($id: ID!) { show(id: $id) { seatMap { encoded } } }"
EXPIRE = "mutation { runExpiry { expiredBookings releasedSeats } }"
PATIENCE = 5.0

Record = dict[str, Any]

_numbers = count(1)


@pytest.fixture
def show(served: Served) -> str:
    """A show of two rows of five, by its id."""
    return create_show(served)


def create_show(served: Served, **changes: Any) -> str:
    name = f"Show {next(_numbers)}"
    given = {"name": name, "startTime": "2031-05-01T19:30:00Z", "totalSeats": 10, "seatsPerRow": 5}
    id_: str = served.data(CREATE, input={**given, **changes})["createShow"]["id"]
    return id_


def book(served: Served, show: str, *numbers: int, **changes: Any) -> Record:
    asked = {"seatNumbers": list(numbers)} if numbers else {}
    given = {"showId": show, "userName": "Ada", **asked, **changes}
    result: Record = served.data(BOOK, input=given)["bookSeats"]
    return result


def confirm(served: Served, booking: Record) -> Record:
    result: Record = served.data(CONFIRM, id=booking["id"])["confirmBooking"]
    return result


def cancel(served: Served, booking: Record) -> Record:
    result: Record = served.data(CANCEL, id=booking["id"])["cancelBooking"]
    return result


def find(served: Served, booking: Record) -> Record:
    found: Record = served.data(FIND, id=booking["id"])["booking"]
    return found


def listed(served: Served, **filters: Any) -> list[Record]:
    return [edge["node"] for edge in served.data(LIST, **filters)["bookings"]["edges"]]


def ids(bookings: list[Record]) -> list[str]:
    return [booking["id"] for booking in bookings]


def seat_map(served: Served, show: str) -> str:
    encoded: str = served.data(MAP, id=show)["show"]["seatMap"]["encoded"]
    return encoded


def lapse(url: str, *bookings: Record) -> None:
    """Let the holds of these bookings have ended a second ago."""
    with psycopg.connect(url, autocommit=True) as conn:
        for booking in bookings:
            conn.execute(
                "UPDATE bookings SET expires_at = clock_timestamp() - interval '1 second'"
                " WHERE show_id = %s AND id = %s AND status = 'PENDING'",
                parse_booking_id(booking["id"]),
            )


def stored_status(url: str, booking: Record) -> str:
    """What stands in the database, whatever the clock says."""
    with psycopg.connect(url) as conn:
        row = conn.execute(
            "SELECT status FROM bookings WHERE show_id = %s AND id = %s",
            parse_booking_id(booking["id"]),
        ).fetchone()
    assert row
    return str(row[0])


@contextmanager
def no_sweep_of(url: str, show: str) -> Iterator[None]:
    """Hold the show's lock, without which nothing of it can be changed."""
    with psycopg.connect(url) as conn:
        conn.execute("SELECT FROM shows WHERE id = %s FOR UPDATE", [parse_show_id(show)])
        yield


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, "did not happen in time"
        time.sleep(0.01)


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text)


# Booking


def test_booking_by_number_holds_exactly_these_seats(served: Served, show: str) -> None:
    booking = book(served, show, 7, 2)
    assert booking == {
        "__typename": "Booking",
        "id": booking["id"],
        "userName": "Ada",
        "status": "PENDING",
        "failureReason": None,
        "seatNumbers": [2, 7],
        "createdAt": booking["createdAt"],
        "expiresAt": booking["expiresAt"],
        "confirmedAt": None,
        "seats": [
            {"number": 2, "label": "A2", "status": "PENDING"},
            {"number": 7, "label": "B2", "status": "PENDING"},
        ],
        "show": {
            "id": show,
            "availableSeats": 8,
            "pendingSeats": 2,
            "confirmedSeats": 0,
            "seatMap": {"encoded": "APAAAAPAAA"},
        },
    }
    assert find(served, booking) == booking


def test_booking_by_count_gets_seats_side_by_side(served: Served, show: str) -> None:
    assert book(served, show, seatCount=3)["seatNumbers"] == [2, 3, 4]
    assert book(served, show, seatCount=4)["status"] == "PENDING"
    assert seat_map(served, show).count("P") == 7


def test_booking_by_count_takes_scattered_seats_where_no_row_has_room(
    served: Served, show: str
) -> None:
    book(served, show, 3, 8)
    assert book(served, show, seatCount=8)["seatNumbers"] == [1, 2, 4, 5, 6, 7, 9, 10]
    assert seat_map(served, show) == "P" * 10


@pytest.mark.parametrize("seconds", [5, 120, 86_400])
def test_hold_ends_the_shows_hold_seconds_after_the_booking(served: Served, seconds: int) -> None:
    booking = book(served, create_show(served, holdSeconds=seconds), 1)
    held = moment(booking["expiresAt"]) - moment(booking["createdAt"])
    assert held == timedelta(seconds=seconds)


def test_booking_can_be_confirmed_at_once(served: Served, show: str) -> None:
    booking = book(served, show, 1, confirm=True)
    assert (booking["status"], booking["expiresAt"]) == ("CONFIRMED", None)
    assert booking["confirmedAt"] == booking["createdAt"]
    assert booking["seats"] == [{"number": 1, "label": "A1", "status": "CONFIRMED"}]
    assert booking["show"]["confirmedSeats"] == 1
    assert find(served, booking) == booking


def test_what_could_not_be_had_is_on_record_and_takes_nothing(served: Served, show: str) -> None:
    book(served, show, 1, 2, confirm=True)
    book(served, show, 3)
    refusal = book(served, show, 2, 3, 4)
    assert refusal["__typename"] == "SeatsUnavailable"
    assert (refusal["unavailable"], refusal["availableSeats"]) == ([2, 3], 7)
    assert refusal["message"]
    booking = refusal["booking"]
    assert (booking["status"], booking["failureReason"]) == ("FAILED", "SEATS_UNAVAILABLE")
    assert (booking["seatNumbers"], booking["seats"]) == ([2, 3, 4], [])
    assert (booking["expiresAt"], booking["confirmedAt"]) == (None, None)
    assert find(served, booking) == booking
    assert seat_map(served, show) == "CCPAAAAAAA"


@pytest.mark.parametrize("wanted", [9, 11, 100_000, 2**31 - 1])
def test_count_that_is_not_left_is_refused_with_what_is_left(
    served: Served, show: str, wanted: int
) -> None:
    book(served, show, 1, 2)
    refusal = book(served, show, seatCount=wanted)
    assert (refusal["unavailable"], refusal["availableSeats"]) == ([], 8)
    assert refusal["booking"]["failureReason"] == "SEATS_UNAVAILABLE"
    assert refusal["booking"]["seatNumbers"] == []
    assert book(served, show, seatCount=8)["status"] == "PENDING"


def test_booking_of_a_house_that_is_sold_out_is_refused(served: Served, show: str) -> None:
    book(served, show, seatCount=10, confirm=True)
    for asked in ({"seatCount": 1}, {"seatNumbers": [5]}):
        refusal = book(served, show, **asked)
        assert (refusal["__typename"], refusal["availableSeats"]) == ("SeatsUnavailable", 0)


# Confirming and cancelling


def test_confirmed_booking_keeps_its_seats_and_has_no_deadline(served: Served, show: str) -> None:
    booking = book(served, show, 1, 2)
    confirmed = confirm(served, booking)
    assert (confirmed["status"], confirmed["expiresAt"]) == ("CONFIRMED", None)
    assert moment(confirmed["confirmedAt"]) >= moment(booking["createdAt"])
    assert confirmed["show"]["seatMap"]["encoded"] == "CCAAAAAAAA"
    assert find(served, booking) == confirmed


def test_confirming_again_answers_the_same(served: Served, show: str) -> None:
    booking = book(served, show, 1)
    confirmed = confirm(served, booking)
    assert confirm(served, booking) == confirmed
    assert book(served, show, 2, confirm=True)["show"]["confirmedSeats"] == 2
    again = confirm(served, booking)
    assert {**again, "show": None} == {**confirmed, "show": None}


def test_confirming_too_late_says_when_it_expired_before_the_sweep_came_by(
    served: Served, show: str, shared_database_url: str
) -> None:
    booking = book(served, show, 1)
    with no_sweep_of(shared_database_url, show):
        lapse(shared_database_url, booking)
        late: list[Record] = []
        thread = threading.Thread(target=lambda: late.append(confirm(served, booking)))
        thread.start()
    thread.join()
    assert_hold_expired(late[0])


def test_confirming_too_late_says_when_it_expired_after_the_sweep_too(
    served: Served, show: str, shared_database_url: str
) -> None:
    booking = book(served, show, 1)
    lapse(shared_database_url, booking)
    until(lambda: stored_status(shared_database_url, booking) == "FAILED")
    late = confirm(served, booking)
    assert_hold_expired(late)
    assert confirm(served, booking) == late


def assert_hold_expired(late: Record) -> None:
    assert late["__typename"] == "HoldExpired"
    booking = late["booking"]
    assert (booking["status"], booking["failureReason"]) == ("FAILED", "EXPIRED")
    assert (booking["expiresAt"], booking["seats"]) == (None, [])
    ago = datetime.now().astimezone() - moment(late["expiredAt"])
    assert timedelta() < ago < timedelta(seconds=30)


@pytest.mark.parametrize("confirmed", [False, True])
def test_cancelling_frees_the_seats_and_keeps_the_record(
    served: Served, show: str, confirmed: bool
) -> None:
    booking = book(served, show, 1, 2, confirm=confirmed)
    cancelled = cancel(served, booking)
    assert (cancelled["status"], cancelled["failureReason"]) == ("FAILED", "CANCELLED")
    assert (cancelled["seatNumbers"], cancelled["seats"]) == ([1, 2], [])
    assert cancelled["expiresAt"] is None
    assert cancelled["confirmedAt"] == booking["confirmedAt"]
    assert cancelled["show"]["seatMap"]["encoded"] == "A" * 10
    assert cancel(served, booking) == find(served, booking) == cancelled
    assert book(served, show, 1, 2)["status"] == "PENDING"


def test_cancelled_booking_cannot_be_confirmed(served: Served, show: str) -> None:
    cancelled = cancel(served, book(served, show, 1))
    refusal = confirm(served, cancelled)
    assert refusal["__typename"] == "BookingNotActive"
    assert refusal["booking"] == cancelled


def test_attempt_that_failed_cannot_be_confirmed_and_is_cancelled_as_it_is(
    served: Served, show: str
) -> None:
    book(served, show, 1)
    attempt = book(served, show, 1)["booking"]
    assert confirm(served, attempt)["__typename"] == "BookingNotActive"
    assert cancel(served, attempt) == attempt


def test_cancelling_a_lapsed_booking_answers_it_as_expired(
    served: Served, show: str, shared_database_url: str
) -> None:
    booking = book(served, show, 1)
    lapse(shared_database_url, booking)
    assert cancel(served, booking)["failureReason"] == "EXPIRED"


# Lapsed holds


@pytest.mark.parametrize("asked", [{"seatNumbers": [1, 2]}, {"seatCount": 10}])
def test_seats_of_a_lapsed_hold_can_be_booked_at_once(
    served: Served, show: str, shared_database_url: str, asked: Record
) -> None:
    old = book(served, show, seatCount=10)
    with no_sweep_of(shared_database_url, show):
        lapse(shared_database_url, old)
        assert stored_status(shared_database_url, old) == "PENDING"
        booked: list[Record] = []
        thread = threading.Thread(target=lambda: booked.append(book(served, show, **asked)))
        thread.start()
    thread.join()
    assert booked[0]["status"] == "PENDING", booked
    assert find(served, old)["failureReason"] == "EXPIRED"
    seats = len(booked[0]["seatNumbers"])
    assert seat_map(served, show) == "P" * seats + "A" * (10 - seats)


def test_lapsed_booking_reads_failed_before_any_sweep_and_reading_waits_for_no_lock(
    served: Served, show: str, shared_database_url: str
) -> None:
    old, other = book(served, show, 1), book(served, show, 2)
    with no_sweep_of(shared_database_url, show):
        lapse(shared_database_url, old)
        began = time.monotonic()
        found = find(served, old)
        of_status = {
            status: ids(listed(served, showId=show, status=status))
            for status in ("PENDING", "CONFIRMED", "FAILED", None)
        }
        assert time.monotonic() - began < 1
        assert stored_status(shared_database_url, old) == "PENDING"
    assert (found["status"], found["failureReason"]) == ("FAILED", "EXPIRED")
    assert (found["seats"], found["seatNumbers"], found["expiresAt"]) == ([], [1], None)
    assert of_status == {
        "PENDING": [other["id"]],
        "CONFIRMED": [],
        "FAILED": [old["id"]],
        None: [other["id"], old["id"]],
    }


def test_map_and_counters_follow_a_lapsed_hold_within_two_seconds(
    served: Served, show: str, shared_database_url: str
) -> None:
    booking = book(served, show, 1)
    lapse(shared_database_url, booking)
    began = time.monotonic()
    until(lambda: seat_map(served, show) == "A" * 10)
    assert time.monotonic() - began < 2
    assert find(served, booking)["show"]["availableSeats"] == 10


def test_expiry_run_counts_what_it_ended(
    served: Served, show: str, shared_database_url: str
) -> None:
    first = book(served, show, 1)
    bookings = [book(served, show, 2), book(served, show, 3, 4), book(served, show, 5)]
    lapse(shared_database_url, first)
    # Behind a sweep of the clock's there is time for one of ours.
    until(lambda: stored_status(shared_database_url, first) == "FAILED")
    lapse(shared_database_url, *bookings[:2])
    assert served.data(EXPIRE)["runExpiry"] == {"expiredBookings": 2, "releasedSeats": 3}
    assert served.data(EXPIRE)["runExpiry"] == {"expiredBookings": 0, "releasedSeats": 0}
    assert seat_map(served, show) == "AAAAPAAAAA"


# The list


def test_bookings_are_listed_the_newest_first_page_by_page(served: Served, show: str) -> None:
    made = [book(served, show, number) for number in range(1, 6)]
    made.append(book(served, show, 1)["booking"])
    newest_first = ids(made)[::-1]
    assert ids(listed(served, showId=show)) == newest_first
    assert ids(listed(served, first=6))[:6] == newest_first
    seen: list[str] = []
    after, more = None, True
    while more:
        page = served.data(LIST, first=2, after=after, showId=show)["bookings"]
        info, cursors = page["pageInfo"], [edge["cursor"] for edge in page["edges"]]
        assert (info["startCursor"], info["endCursor"]) == (cursors[0], cursors[-1])
        assert info["hasPreviousPage"] is (after is not None)
        seen += [edge["node"]["id"] for edge in page["edges"]]
        after, more = info["endCursor"], info["hasNextPage"]
        book(served, show, seatCount=1)  # in front of all pages, and on none
    assert seen == newest_first


def test_bookings_are_filtered_by_status_show_and_name(served: Served, show: str) -> None:
    other = create_show(served)
    name = f"Grace {next(_numbers)}"
    pending = book(served, show, 1, userName=name)
    confirmed = book(served, show, 2, userName=name, confirm=True)
    refused = book(served, show, 2, userName=name)["booking"]
    cancelled = cancel(served, book(served, other, 1, userName=name))
    book(served, show, 3, userName=f"{name}!")
    for filters, expected in [
        ({}, [cancelled, refused, confirmed, pending]),
        ({"status": "PENDING"}, [pending]),
        ({"status": "CONFIRMED"}, [confirmed]),
        ({"status": "FAILED"}, [cancelled, refused]),
        ({"showId": show}, [refused, confirmed, pending]),
        ({"showId": other, "status": "FAILED"}, [cancelled]),
        ({"showId": other, "status": "PENDING"}, []),
    ]:
        assert ids(listed(served, userName=name, **filters)) == ids(expected), filters
    assert listed(served, userName=name.upper()) == []
    assert listed(served, userName="") == []


# Idempotency keys


def test_same_key_and_input_answers_the_same_booking(served: Served, show: str) -> None:
    booking = book(served, show, 2, 1, idempotencyKey="k")
    assert book(served, show, 2, 1, idempotencyKey="k") == booking
    assert book(served, show, 1, 2, idempotencyKey="k") == booking  # the same seats
    by_count = book(served, show, seatCount=2, idempotencyKey="c")
    assert book(served, show, seatCount=2, idempotencyKey="c") == by_count
    assert len(listed(served, showId=show)) == 2


def test_key_answers_the_booking_as_it_is_now(
    served: Served, show: str, shared_database_url: str
) -> None:
    booking = book(served, show, 1, idempotencyKey="k")
    confirmed = confirm(served, booking)
    assert book(served, show, 1, idempotencyKey="k") == confirmed
    cancelled = cancel(served, booking)
    assert book(served, show, 1, idempotencyKey="k") == cancelled
    lapsed = book(served, show, 1, idempotencyKey="l")
    lapse(shared_database_url, lapsed)
    again = book(served, show, 1, idempotencyKey="l")
    assert (again["id"], again["failureReason"]) == (lapsed["id"], "EXPIRED")


@pytest.mark.parametrize(
    ("first", "other"),
    [
        ({"seatNumbers": [1, 2]}, {"seatNumbers": [1, 3]}),
        ({"seatNumbers": [1, 2]}, {"seatNumbers": [1]}),
        ({"seatNumbers": [1]}, {"seatCount": 1}),
        ({"seatCount": 1}, {"seatCount": 2}),
        ({"seatCount": 1}, {"seatCount": 1, "userName": "Bob"}),
        ({"seatCount": 1}, {"seatCount": 1, "confirm": True}),
        ({"seatCount": 1, "confirm": True}, {"seatCount": 1}),
        ({"seatCount": 11}, {"seatCount": 1}),
    ],
)
def test_key_with_another_input_is_refused_with_the_booking_it_made(
    served: Served, show: str, first: Record, other: Record
) -> None:
    made = book(served, show, **first, idempotencyKey="k")
    made = made.get("booking", made)
    before = seat_map(served, show)
    refusal = book(served, show, **other, idempotencyKey="k")
    assert refusal["__typename"] == "IdempotencyKeyReused"
    assert refusal["booking"] == made
    assert seat_map(served, show) == before
    assert ids(listed(served, showId=show)) == [made["id"]]


def test_key_is_unique_within_its_show_only(served: Served, show: str) -> None:
    other = create_show(served)
    first = book(served, show, 1, idempotencyKey="k")
    second = book(served, other, 2, idempotencyKey="k")
    assert (first["status"], second["status"]) == ("PENDING", "PENDING")
    assert first["id"] != second["id"]


def test_key_of_a_refused_attempt_answers_the_attempt_though_the_seat_is_free_now(
    served: Served, show: str
) -> None:
    holder = book(served, show, 1)
    refusal = book(served, show, 1, 2, idempotencyKey="k")
    again = book(served, show, 1, 2, idempotencyKey="k")
    assert again.pop("message").startswith("This was refused before")
    assert again == {name: refusal[name] for name in again}
    cancel(served, holder)
    again = book(served, show, 1, 2, idempotencyKey="k")
    assert again["__typename"] == "SeatsUnavailable"
    assert again["booking"]["id"] == refusal["booking"]["id"]
    assert again["booking"]["failureReason"] == "SEATS_UNAVAILABLE"
    assert seat_map(served, show) == "A" * 10
    assert book(served, show, 1, 2, idempotencyKey="l")["status"] == "PENDING"


def test_key_may_be_any_text_of_up_to_255_characters(served: Served, show: str) -> None:
    key = "ключ 🗝 " * 36 + "end"
    assert len(key) == 255
    booking = book(served, show, 1, idempotencyKey=key)
    assert book(served, show, 1, idempotencyKey=key) == booking


def test_name_may_be_any_text_of_up_to_200_characters(served: Served, show: str) -> None:
    name = "李" * 199 + "🎟"
    assert book(served, show, 1, userName=name)["userName"] == name
