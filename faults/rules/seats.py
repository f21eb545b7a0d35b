"""One holder a seat, and counters that say so."""

from collections import Counter, defaultdict
from collections.abc import Iterator

from faults.answers import Answers, began
from faults.evidence import Evidence
from faults.ledger import Micros

_FOR_EVER: Micros = 1 << 62


def sold_once_as_told(evidence: Evidence) -> Iterator[str]:
    """No two bookings that clients were told of had a seat at the same time."""
    stays: dict[tuple[str, int], list[tuple[Micros, Micros, str]]] = defaultdict(list)
    for id_ in evidence.answers.tellings:
        if stay := _stay_as_told(evidence.answers, id_):
            since, until, seats = stay
            show_id = _show_of(evidence, id_)
            for number in seats:
                stays[show_id, number].append((since, until, id_))
    for (show_id, number), of_seat in stays.items():
        of_seat.sort()
        longest, holder = 0, ""
        for since, until, id_ in of_seat:
            if since < longest:
                yield f"show {show_id}, seat {number}: both {holder} and {id_} were told to have it"
            if until > longest:
                longest, holder = until, id_


def sold_once_in_database(evidence: Evidence) -> Iterator[str]:
    """Each taken seat is taken once, by an active booking; each of those has just its seats."""
    for show_id in evidence.ledger.shows:
        taken = evidence.ledger.taken.get(show_id, [])
        active = [b for b in evidence.ledger.of_show.get(show_id, []) if b.active]
        held = {(number, booking.id) for booking in active for number in booking.seats}
        for number, times in Counter(number for number, _ in taken).items():
            if times > 1:
                yield f"show {show_id}, seat {number}: taken {times} times"
        for number, times in Counter(n for booking in active for n in booking.seats).items():
            if times > 1:
                yield f"show {show_id}, seat {number}: in {times} active bookings"
        for number, id_ in held.symmetric_difference(taken):
            fault = "lacks it" if (number, id_) in held else "has it and is not active"
            yield f"show {show_id}, seat {number}: booking {id_} {fault}"


def log_is_possible(evidence: Evidence) -> Iterator[str]:
    """Every step of every seat in the log follows from the one before and has its booking."""
    for show_id, replay in evidence.replays.items():
        yield from replay.oddities
        owners = {(number, booking.id) for number, booking in replay.owners.items()}
        for number, id_ in owners.symmetric_difference(evidence.ledger.taken.get(show_id, [])):
            yield f"show {show_id}, seat {number}: booking {id_} either in the log or in fact"


def counters_equal_seats(evidence: Evidence) -> Iterator[str]:
    """A show's counters are those of its taken seats, and of the map that the log leads to."""
    for show_id, show in evidence.ledger.shows.items():
        counted = (show.pending_seats, show.confirmed_seats)
        bookings = evidence.ledger.bookings
        owners = [bookings.get(id_) for _, id_ in evidence.ledger.taken.get(show_id, [])]
        status = Counter(owner.status for owner in owners if owner)
        if (taken := (status["PENDING"], status["CONFIRMED"])) != counted:
            yield f"show {show_id}: counters {counted}, taken seats {taken} (pending, confirmed)"
        letters = evidence.replays[show_id].letters
        if (told := (letters.count(b"P"), letters.count(b"C"))) != counted:
            yield f"show {show_id}: counters {counted}, by the log {told} (pending, confirmed)"


def _stay_as_told(answers: Answers, id_: str) -> tuple[Micros, Micros, tuple[int, ...]] | None:
    """From when to when a booking had which seats, as far as its clients can be certain."""
    told = [telling for telling in answers.tellings[id_] if not telling.refused]
    since = next((t.created_at for t in told if t.created_at is not None), None)
    seats = next((t.seats for t in told if t.seats is not None), None)
    deadlines = [t.expires_at for t in told if t.expires_at is not None]
    if any(t.status == "CONFIRMED" for t in told):
        deadlines = [_FOR_EVER]
    if since is None or seats is None or not deadlines:
        return None
    # A cancellation that was sent may have been carried out, and not before it was sent.
    return since, min(*deadlines, *map(began, answers.cancels.get(id_, [])), _FOR_EVER), seats


def _show_of(evidence: Evidence, id_: str) -> str:
    """The show of a booking, also of one that the database has lost."""
    booking = evidence.ledger.bookings.get(id_)
    if booking:
        return booking.show_id
    requests = (telling.request for telling in evidence.answers.tellings[id_])
    asked = (r.variables["input"]["showId"] for r in requests if r.operation == "bookSeats")
    return next(asked, "")
