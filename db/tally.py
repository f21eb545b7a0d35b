"""What is counted at the desk: each command's outcome, and each transaction."""

from collections.abc import Mapping
from datetime import datetime
from uuid import UUID

from booking.commands import (
    Book,
    BookingNotActive,
    Cancel,
    Command,
    Confirm,
    Done,
    Expired,
    HoldExpired,
    KeyReused,
    NoSuchSeats,
    NotFound,
    Outcome,
    SeatsUnavailable,
    TooManyHeld,
)
from booking.decision import Decision
from booking.model import FailureReason
from db.errors import Disconnected, Interrupted, LockTimeout, Unavailable
from telemetry import metrics

_COMMANDS: Mapping[type[Command], str] = {Book: "book", Confirm: "confirm", Cancel: "cancel"}
_OUTCOMES: Mapping[type[Outcome], str] = {
    SeatsUnavailable: "seats_unavailable",
    HoldExpired: "hold_expired",
    BookingNotActive: "not_active",
    KeyReused: "key_reused",
    NoSuchSeats: "no_such_seats",
    TooManyHeld: "too_many_held",
    NotFound: "not_found",
}


class Tally:
    """Counts what one transaction has settled, once it is committed."""

    def __init__(self, decision: Decision, began_at: float, now: float) -> None:
        """Take the decision, and when it was begun with and committed, on the desk's clock."""
        self._clock, self._began_at = decision.clock, began_at
        self._cancelled = set(_ended(decision, FailureReason.CANCELLED))
        for deadline in _ended(decision, FailureReason.EXPIRED).values():
            metrics.BOOKINGS.add("expire", "expired")
            if deadline is not None:
                metrics.EXPIRY_LAG.observe((self._clock - deadline).total_seconds())
        metrics.DESK_TRANSACTION.observe(now - began_at)
        metrics.DESK_DECISION.observe(decision.seconds)
        metrics.DESK_BATCH.observe(len(decision.outcomes))

    def count(self, command: Command, outcome: Outcome, came_at: float) -> None:
        """Count one command, which came at a time on the desk's clock."""
        metrics.DESK_WAIT.observe(self._began_at - came_at)
        if type(outcome) is not Expired:
            metrics.BOOKINGS.add(_COMMANDS[type(command)], self._word(command, outcome))

    def _word(self, command: Command, outcome: Outcome) -> str:
        if type(outcome) is Done:
            return self._done(command, outcome)
        if type(outcome) is SeatsUnavailable and outcome.again:
            return "replayed"
        return _OUTCOMES[type(outcome)]

    def _done(self, command: Command, done: Done) -> str:
        booking = done.booking
        match command:
            case Book():
                return "replayed" if booking.id != command.booking_id else booking.status.lower()
            case Confirm():
                return "confirmed" if booking.confirmed_at == self._clock else "confirmed_before"
        if booking.id not in self._cancelled:
            return "ended_before"
        self._cancelled.remove(booking.id)  # whoever cancels it after that finds it ended
        return "cancelled"


def count_failure(error: Exception) -> None:
    """Count a transaction that failed."""
    metrics.DESK_FAILURES.add(_reason(error))


def _reason(error: Exception) -> str:
    match error:
        case LockTimeout():
            return "locked"
        case Disconnected():
            return "disconnected"
        case Interrupted():
            return "interrupted"
        case Unavailable():
            return "unavailable"
    return "fault"


def _ended(decision: Decision, reason: FailureReason) -> dict[UUID, datetime | None]:
    """The bookings that ended so in this transaction, with the holds' deadlines."""
    return {
        booking.id: booking.expires_at
        for booking in (*decision.moved, *decision.created)
        if booking.failure_reason is reason
    }
