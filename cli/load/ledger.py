"""What the people were told: of each booking the last word, and what of theirs went unanswered."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from cli.load.seats import SeatMap

# Enough to see what is wrong.
MOST_CONTRADICTIONS = 100


@dataclass(slots=True)
class Told:
    """A booking as whoever made it heard of it last.

    Attributes:
        person: by their number.
        unanswered: what they asked for since, and never heard what came of it.
    """

    person: int
    show_id: str
    status: str
    reason: str | None
    seats: tuple[int, ...]
    unanswered: set[str] = field(default_factory=set)


class Ledger:
    """All that was told to anybody.

    Attributes:
        bookings: by their ids.
        keys: every idempotency key that was sent, and the booking that answered it, if any.
        contradictions: what can't all be true, whatever is on record.
    """

    def __init__(self) -> None:
        self.bookings: dict[str, Told] = {}
        self.keys: dict[str, str | None] = {}
        self.contradictions: list[str] = []
        self._maps: dict[tuple[str, int], int] = {}

    def send(self, operation: str, variables: Mapping[str, Any]) -> None:
        """Note what is asked for before it is sent."""
        if operation == "book":
            self.keys.setdefault(variables["input"]["idempotencyKey"], None)
        elif told := self.bookings.get(variables.get("id", "")):
            told.unanswered.add(operation)

    def settle(self, operation: str, variables: Mapping[str, Any]) -> None:
        """Note that it was surely not done."""
        if told := self.bookings.get(variables.get("id", "")):
            told.unanswered.discard(operation)

    def hear(
        self,
        person: int,
        show_id: str,
        operation: str,
        variables: Mapping[str, Any],
        result: Mapping[str, Any],
    ) -> None:
        """Note an answer; one with a booking in it has the last word on that."""
        self.settle(operation, variables)
        booking = result if result.get("__typename") == "Booking" else result.get("booking")
        if booking is None:
            return
        seats = tuple(booking["seatNumbers"])
        told = Told(person, show_id, booking["status"], booking["failureReason"], seats)
        before = self.bookings.get(booking["id"])
        self.bookings[booking["id"]] = told
        if before and before.seats != told.seats:
            self._contradict(f"booking {booking['id']} was told with other seats before")
        if operation == "book":
            self._hear_key(variables["input"]["idempotencyKey"], booking["id"])

    def see(self, show_id: str, seat_map: SeatMap) -> None:
        """Note the map that somebody's page shows; a version names one map for everybody."""
        digest = seat_map.digest()
        if self._maps.setdefault((show_id, seat_map.version), digest) != digest:
            self._contradict(f"show {show_id}, version {seat_map.version}: two maps were shown")

    def _hear_key(self, key: str, booking_id: str) -> None:
        if self.keys.get(key) not in (None, booking_id):
            self._contradict(f"key {key} was answered with two bookings")
        self.keys[key] = booking_id

    def _contradict(self, message: str) -> None:
        if len(self.contradictions) < MOST_CONTRADICTIONS:
            self.contradictions.append(message)
