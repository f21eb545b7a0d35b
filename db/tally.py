"""What is counted at the desk: each command's outcome, and each transaction."""

from bisect import bisect_left
from collections.abc import Mapping
from functools import cached_property
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
from booking.decision import Choice, Decision
from booking.model import BookingStatus, FailureReason
from booking.seating import Strategy
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


# Most commands are bookings that are made; to find out so much has to cost next to nothing.
_PENDING = metrics.BOOKINGS.cell("book", "pending")
_CONFIRMED = metrics.BOOKINGS.cell("book", "confirmed")
_WAIT, _WAITS = metrics.DESK_WAIT.cell(), metrics.DESK_WAIT.bounds
# There from the start: a curve that begins with its first booking hides that one.
for _strategy in Strategy:
    metrics.SEAT_CHOICE_SECONDS.cell(_strategy.value)


class Tally:
    """Counts what one transaction has settled, once it is committed."""

    def __init__(self, decision: Decision, began_at: float, now: float) -> None:
        """Take the decision, and when it was begun with and committed, on the desk's clock."""
        self._decision, self._began_at = decision, began_at
        for choice in decision.choices:
            _count_choice(choice)
        metrics.DESK_TRANSACTION.observe(now - began_at)
        metrics.DESK_DECISION.observe(decision.seconds)
        metrics.DESK_BATCH.observe(len(decision.outcomes))
        for booking in decision.moved:
            if booking.failure_reason is FailureReason.EXPIRED and booking.expires_at:
                metrics.BOOKINGS.add("expire", "expired")
                late = decision.clock - booking.expires_at
                metrics.EXPIRY_LAG.observe(late.total_seconds())

    def count(self, command: Command, outcome: Outcome, came_at: float) -> None:
        """Count one command, which came at a time on the desk's clock."""
        wait = self._began_at - came_at
        _WAIT[0] += wait
        _WAIT[1 + bisect_left(_WAITS, wait)] += 1
        if (
            type(command) is Book
            and type(outcome) is Done
            and outcome.booking.id is command.booking_id
        ):
            held = outcome.booking.status is BookingStatus.PENDING
            (_PENDING if held else _CONFIRMED)[0] += 1
        elif type(outcome) is not Expired:
            metrics.BOOKINGS.add(_COMMANDS[type(command)], self._word(command, outcome))

    def _word(self, command: Command, outcome: Outcome) -> str:
        if isinstance(outcome, SeatsUnavailable) and outcome.again:
            return "replayed"
        if not isinstance(outcome, Done):
            return _OUTCOMES[type(outcome)]
        booking = outcome.booking
        match command:
            case Book():
                made = booking.id == command.booking_id and booking.active
                return booking.status.lower() if made else "replayed"
            case Confirm():
                confirmed_now = booking.confirmed_at == self._decision.clock
                return "confirmed" if confirmed_now else "confirmed_before"
        if booking.id not in self._cancelled:
            return "ended_before"
        self._cancelled.remove(booking.id)  # whoever cancels it after that finds it ended
        return "cancelled"

    @cached_property
    def _cancelled(self) -> set[UUID]:
        """The bookings that were cancelled in this transaction."""
        changed = (*self._decision.moved, *self._decision.created)
        return {b.id for b in changed if b.failure_reason is FailureReason.CANCELLED}


def _count_choice(choice: Choice) -> None:
    strategy = choice.strategy.value
    outcome = "no_room" if not choice.pieces else "together" if choice.pieces == 1 else "split"
    metrics.SEAT_CHOICES.add(strategy, outcome)
    metrics.SEAT_CHOICE_SECONDS.observe(choice.seconds, strategy)
    if choice.pieces:
        metrics.SEATS_CHOSEN.add(strategy, by=choice.seats)
        metrics.PIECES_CHOSEN.add(strategy, by=choice.pieces)


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
