"""What the clients were told, sorted by booking and by key."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from faults.ledger import Micros
from faults.records import Request

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
# BookingNotActive is not one of them: a confirmation whose commit broke may have been done, and the
# booking cancelled by the time that was found out.
_NOTHING_DONE = {"NotFound", "InvalidInput", "HoldExpired"}


@dataclass(frozen=True, slots=True)
class Telling:
    """What one answer says of a booking; what it doesn't say is None."""

    request: Request
    id: str
    status: str | None
    reason: str | None
    seats: tuple[int, ...] | None
    created_at: Micros | None
    expires_at: Micros | None
    confirmed_at: Micros | None

    @property
    def refused(self) -> bool:
        """Whether it is an attempt that got no seats."""
        return kind(self.request) == "SeatsUnavailable"


@dataclass(slots=True)
class Answers:
    """Requests and answers, by what they are about.

    Attributes:
        tellings: all that was said of a booking, by its id, in the order it was heard.
        tries: the requests to book with a key, by show and key.
        confirms: requests to confirm a booking, by its id.
        cancels: likewise.
    """

    tellings: dict[str, list[Telling]] = field(default_factory=lambda: defaultdict(list))
    tries: dict[tuple[str, str], list[Request]] = field(default_factory=lambda: defaultdict(list))
    confirms: dict[str, list[Request]] = field(default_factory=lambda: defaultdict(list))
    cancels: dict[str, list[Request]] = field(default_factory=lambda: defaultdict(list))
    ended_at: Micros = 0

    def all_told(self) -> Iterator[Telling]:
        """Everything that was said of any booking."""
        for tellings in self.tellings.values():
            yield from tellings


def sort_answers(requests: Iterable[Request]) -> Answers:
    """Sort requests and their answers by what they are about."""
    answers = Answers()
    for request in requests:
        answers.ended_at = max(answers.ended_at, ended(request))
        if request.operation == "bookSeats":
            asked = asked_of(request)
            if asked.get("idempotencyKey") is not None:
                answers.tries[asked["showId"], asked["idempotencyKey"]].append(request)
        elif request.operation == "confirmBooking":
            answers.confirms[request.variables["bookingId"]].append(request)
        elif request.operation == "cancelBooking":
            answers.cancels[request.variables["bookingId"]].append(request)
        if telling := _telling(request):
            answers.tellings[telling.id].append(telling)
    return answers


def began(request: Request) -> Micros:
    """When it was sent, or a moment before."""
    return int(request.began_at * 1_000_000) - 1


def ended(request: Request) -> Micros:
    """When its answer was there, or a moment after."""
    return int(request.ended_at * 1_000_000) + 1


def kind(request: Request) -> str | None:
    """Which member of the result union was answered, if any."""
    return request.result["__typename"] if request.result else None


def asked_of(request: Request) -> dict[str, Any]:
    """The input of a request to book."""
    asked: dict[str, Any] = request.variables["input"]
    return asked


def did_nothing(request: Request) -> bool:
    """Whether its answer says that nothing was done by it.

    Without an answer, with an unknown outcome or one that nobody had foreseen, it may have been.
    """
    if request.code is not None:
        return request.outcome != "UNKNOWN" and request.code != "INTERNAL"
    return kind(request) in _NOTHING_DONE


def micros(text: str | None) -> Micros | None:
    """Read a time of an answer."""
    return None if text is None else (datetime.fromisoformat(text) - _EPOCH) // _MICROSECOND


def _telling(request: Request) -> Telling | None:
    result = request.result
    if not result:
        return None
    booking = result if result["__typename"] == "Booking" else result.get("booking")
    if not booking:
        return None
    seats = booking.get("seatNumbers")
    return Telling(
        request,
        booking["id"],
        booking.get("status"),
        booking.get("failureReason"),
        None if seats is None else tuple(seats),
        micros(booking.get("createdAt")),
        micros(booking.get("expiresAt")),
        micros(booking.get("confirmedAt")),
    )
