"""A key was honoured once."""

from collections import Counter
from collections.abc import Iterator
from typing import Any

from faults.answers import asked_of, ended, kind
from faults.evidence import Evidence
from faults.records import Request


def key_honoured_once(evidence: Evidence) -> Iterator[str]:
    """A key has one booking at most, all answers to it name that one, and for one input only."""
    bookings = evidence.ledger.bookings.values()
    made = Counter((b.show_id, b.key) for b in bookings if b.key is not None)
    for (show_id, key), times in made.items():
        if times > 1:
            yield f"show {show_id}, key {key}: {times} bookings"
    for (show_id, key), tries in evidence.answers.tries.items():
        answered = [request for request in tries if named_by(request) is not None]
        named = {named_by(request) for request in answered}
        if len(named) > 1:
            yield f"show {show_id}, key {key}: answers name {len(named)} bookings"
        honoured = {
            input_of(request) for request in answered if kind(request) != "IdempotencyKeyReused"
        }
        if len(honoured) > 1:
            yield f"show {show_id}, key {key}: honoured for {len(honoured)} inputs"


def reuse_is_false(tries: list[Request], request: Request) -> bool:
    """Whether nobody could have used the key with another input before this was answered."""
    return not any(
        input_of(other) != input_of(request) and other.began_at * 1_000_000 < ended(request)
        for other in tries
    )


def named_by(request: Request) -> str | None:
    """The id of the booking that an answer names, if any."""
    if not request.result:
        return None
    booking: dict[str, Any] = (
        request.result if kind(request) == "Booking" else request.result.get("booking") or {}
    )
    return booking.get("id")


def input_of(request: Request) -> tuple[Any, ...]:
    """What makes two inputs with one key the same."""
    asked = asked_of(request)
    numbers = tuple(sorted(asked.get("seatNumbers") or ()))
    return asked.get("userName"), numbers, asked.get("seatCount"), bool(asked.get("confirm"))
