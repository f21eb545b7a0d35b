"""A house on paper: the rules' own decisions with nothing underneath, to be doctored by tests."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any
from uuid import UUID

import booking.model as model
from booking.commands import (
    Book,
    BookingNotActive,
    Cancel,
    Command,
    Confirm,
    Done,
    Expire,
    HoldExpired,
    KeyReused,
    Outcome,
    SeatsUnavailable,
)
from booking.decide import decide
from booking.decision import Change as Step
from booking.decision import Decision, ShowState
from faults.check import judge
from faults.evidence import Evidence
from faults.ledger import Booking, Change, Ledger, Show
from faults.records import Records, Request, Update
from schema import ids
from schema.scalars import write_time

START = datetime(2030, 1, 1, tzinfo=UTC)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# How long a request is on its way, there and back.
WAY = timedelta(milliseconds=2)


class PaperHouse:
    """One show, served batch by batch; each request and each watcher's update is on record."""

    def __init__(self, seats: int = 10, hold_seconds: int = 5) -> None:
        self.show = model.Show(1, "Test", START, seats, 10, hold_seconds)
        self.id = ids.show_id(1)
        self.clock = START
        self.records = Records()
        self.ledger = Ledger()
        self._numbers = count(1)
        self._bookings: dict[UUID, model.Booking] = {}
        self._owners: dict[int, UUID] = {}
        self._hear(0, True, dict.fromkeys(range(1, seats + 1), "A"))
        self._write()

    def wait(self, seconds: float) -> None:
        """Let time pass."""
        self.clock += timedelta(seconds=seconds)

    def book(self, *numbers: int, **more: Any) -> dict[str, Any]:
        """Have somebody book by number, or by `seatCount`; returns the answer."""
        return self.serve(self.booking(*numbers, **more))[0]

    def confirm(self, booking_id: str) -> dict[str, Any]:
        """Have a booking confirmed; returns the answer."""
        return self.serve(("confirmBooking", {"bookingId": booking_id}))[0]

    def cancel(self, booking_id: str) -> dict[str, Any]:
        """Have a booking cancelled; returns the answer."""
        return self.serve(("cancelBooking", {"bookingId": booking_id}))[0]

    def sweep(self) -> None:
        """Expire what has lapsed."""
        self.wait(1)
        lapsed = [b.id for b in self._bookings.values() if b.lapsed(self.clock)]
        self._decide([Expire(1, tuple(lapsed))])

    def booking(self, *numbers: int, **more: Any) -> tuple[str, dict[str, Any]]:
        """A request to book, with a user of its own."""
        given: dict[str, Any] = {"showId": self.id, "userName": f"user {next(self._numbers)}"}
        if numbers:
            given["seatNumbers"] = list(numbers)
        return "bookSeats", {"input": given | more}

    def serve(self, *requests: tuple[str, dict[str, Any]]) -> list[dict[str, Any]]:
        """Serve requests in one batch, a second after the one before; returns their answers."""
        self.wait(1)
        outcomes = self._decide([self._command(*request) for request in requests]).outcomes
        answers = [_answer(outcome) for outcome in outcomes]
        for (operation, variables), answer in zip(requests, answers, strict=True):
            began, ended = (self.clock - WAY).timestamp(), (self.clock + WAY).timestamp()
            self.records.requests.append(
                Request("client", operation, began, ended, variables, answer)
            )
        return answers

    def amend_request(self, number: int, /, **fields: Any) -> None:
        """Doctor a request."""
        self.records.requests[number] = replace(self.records.requests[number], **fields)

    def amend_answer(self, number: int, /, **fields: Any) -> None:
        """Doctor what was answered to a request."""
        self.amend_request(number, result=(self.records.requests[number].result or {}) | fields)

    def amend_booking(self, booking_id: str, /, **fields: Any) -> None:
        """Doctor a booking in the database."""
        bookings = self.ledger.of_show[self.id]
        place = [booking.id for booking in bookings].index(booking_id)
        amended = replace(bookings[place], **fields)
        bookings[place] = self.ledger.bookings[booking_id] = amended

    def amend_change(self, version: int, /, **fields: Any) -> None:
        """Doctor a step of the log."""
        changes = self.ledger.changes[self.id]
        changes[version - 1] = replace(changes[version - 1], **fields)

    def amend_show(self, **fields: Any) -> None:
        """Doctor the show's row."""
        self.ledger.shows[self.id] = replace(self.ledger.shows[self.id], **fields)

    def amend_update(self, number: int, /, **fields: Any) -> None:
        """Doctor what a watcher was told."""
        self.records.updates[number] = replace(self.records.updates[number], **fields)

    def broken(self) -> set[str]:
        """The rules that are broken."""
        return {violation.rule for violation in judge(Evidence(self.records, self.ledger))}

    def _command(self, operation: str, variables: dict[str, Any]) -> Command:
        if operation == "bookSeats":
            given = variables["input"]
            return Book(
                1,
                UUID(int=next(self._numbers)),
                given["userName"],
                tuple(sorted(given.get("seatNumbers", ()))),
                given.get("seatCount"),
                given.get("confirm", False),
                given.get("idempotencyKey"),
            )
        key = ids.parse_booking_id(variables["bookingId"])
        assert key
        return Confirm(*key) if operation == "confirmBooking" else Cancel(*key)

    def _decide(self, commands: list[Command]) -> Decision:
        met = self._met(commands)
        by_count = any(isinstance(c, Book) and c.seat_count for c in commands)
        state = ShowState(self.show, met, self._owners if by_count else ())
        decision = decide({1: state}, commands, self.clock)
        self.show = decision.shows[1]
        for _, number in decision.released:
            del self._owners[number]
        self._bookings |= {b.id: b for b in (*decision.created, *decision.moved)}
        self._owners |= {number: owner for _, number, owner in decision.taken}
        for step in decision.changes:
            self._log(step)
        self._write()
        return decision

    def _met(self, commands: Iterable[Command]) -> list[model.Booking]:
        """What db.batch would find: by id, by key, by seat, and what has lapsed."""
        met: dict[UUID, model.Booking] = {}
        for command in commands:
            for booking in self._bookings.values():
                match command:
                    case Book():
                        by_key = booking.idempotency_key == command.idempotency_key is not None
                        held = {n for n, owner in self._owners.items() if owner == booking.id}
                        lapsed = command.seat_count is not None and booking.lapsed(self.clock)
                        found = by_key or lapsed or bool(held.intersection(command.seat_numbers))
                    case Expire(_, booking_ids):
                        found = booking.id in booking_ids
                    case Confirm() | Cancel():
                        found = booking.id == command.booking_id
                if found:
                    met[booking.id] = booking
        return list(met.values())

    def _log(self, step: Step) -> None:
        became, was = _letters(step.seats.values()), _letters(step.previous.values())
        change = Change(step.show.version, _micros(self.clock), list(step.seats), became, was)
        self.ledger.changes[self.id].append(change)
        self._hear(step.show.version, False, dict(zip(step.seats, became, strict=True)))

    def _hear(self, version: int, snapshot: bool, seats: dict[int, str]) -> None:
        at = (self.clock + WAY).timestamp()
        self.records.updates.append(Update("watcher", self.id, at, version, snapshot, seats))

    def _write(self) -> None:
        show = self.show
        counts = (show.version, show.pending_seats, show.confirmed_seats)
        hold = show.hold_seconds * 1_000_000
        self.ledger.shows[self.id] = Show(self.id, show.total_seats, hold, *counts, _micros(START))
        self.ledger.bookings.clear()
        self.ledger.of_show.clear()
        self.ledger.add(_row(booking) for booking in self._bookings.values())
        self.ledger.taken[self.id] = [
            (number, ids.booking_id(1, owner)) for number, owner in self._owners.items()
        ]


def _answer(outcome: Outcome) -> dict[str, Any]:
    match outcome:
        case Done(booking):
            return {"__typename": "Booking", **_view(booking)}
        case SeatsUnavailable(booking, unavailable, available):
            return {
                "__typename": "SeatsUnavailable",
                "unavailable": list(unavailable),
                "availableSeats": available,
                "booking": _view(booking),
            }
        case HoldExpired(booking, expired_at):
            told = {"expiredAt": write_time(expired_at), "booking": _view(booking)}
            return {"__typename": "HoldExpired", **told}
        case BookingNotActive(booking):
            return {"__typename": "BookingNotActive", "booking": _view(booking)}
        case KeyReused(booking):
            return {"__typename": "IdempotencyKeyReused", "booking": _view(booking)}
    return {"__typename": "NotFound", "id": "?"}


def _view(booking: model.Booking) -> dict[str, Any]:
    pending = booking.status is model.BookingStatus.PENDING
    return {
        "id": ids.booking_id(1, booking.id),
        "status": booking.status.value,
        "failureReason": booking.failure_reason and booking.failure_reason.value,
        "seatNumbers": list(booking.seat_numbers),
        "createdAt": write_time(booking.created_at),
        "expiresAt": write_time(booking.expires_at) if pending else None,
        "confirmedAt": write_time(booking.confirmed_at) if booking.confirmed_at else None,
    }


def _row(booking: model.Booking) -> Booking:
    expires_at, confirmed_at = booking.expires_at, booking.confirmed_at
    return Booking(
        ids.show_id(1),
        ids.booking_id(1, booking.id),
        booking.status.value,
        booking.failure_reason and booking.failure_reason.value,
        booking.seat_numbers,
        _micros(booking.created_at),
        _micros(expires_at) if expires_at else None,
        _micros(confirmed_at) if confirmed_at else None,
        booking.idempotency_key,
        booking.user_name,
    )


def _letters(seats: Iterable[model.SeatStatus]) -> str:
    return "".join(status[0] for status in seats)


def _micros(time: datetime) -> int:
    return (time - EPOCH) // timedelta(microseconds=1)
