"""What was acknowledged is there, what was refused is not, and everybody was answered."""

from collections import Counter
from collections.abc import Iterator, Sequence

from faults.answers import Telling, asked_of, began, did_nothing, ended, kind
from faults.evidence import Evidence
from faults.ledger import Booking, Micros
from faults.records import Request

_RANK = {"PENDING": 0, "CONFIRMED": 1, "FAILED": 2}


def acknowledged_is_kept(evidence: Evidence) -> Iterator[str]:
    """What clients were told of a booking is in the database, or can have led to what is there."""
    for id_, tellings in evidence.answers.tellings.items():
        booking = evidence.ledger.bookings.get(id_)
        if booking is None:
            yield f"booking {id_} was told to {tellings[0].request.client} and is not there"
            continue
        for telling in tellings:
            if (why := _against(telling, booking) or _not_as_asked(telling)) is not None:
                yield f"booking {id_}, as told to {telling.request.client}: {why}"
        yield from _went_back(id_, tellings)


def refused_is_undone(evidence: Evidence) -> Iterator[str]:
    """What was answered as refused, or as not done, holds no seats and was done by nobody."""
    yield from _refused_with_seats(evidence)
    yield from _booked_by_nobody(evidence)
    tried = evidence.answers.tries
    for booking in evidence.ledger.bookings.values():
        known = booking.id in evidence.answers.tellings
        if not known and (booking.show_id, booking.key or "") not in tried:
            continue
        if booking.confirmed_later and not _may_be(
            evidence.answers.confirms.get(booking.id, []), booking.confirmed_at
        ):
            yield f"booking {booking.id} was confirmed by nobody who was told so, or not told"
        ended_at = evidence.replays[booking.show_id].tenure(booking).ended_at
        if booking.reason == "CANCELLED" and not _may_be(
            evidence.answers.cancels.get(booking.id, []), ended_at
        ):
            yield f"booking {booking.id} was cancelled by nobody"


def everybody_is_answered(evidence: Evidence) -> Iterator[str]:
    """Each request had a foreseen answer, or its connection's failure, within the patience."""
    for request in evidence.records.requests:
        took = request.ended_at - request.began_at
        if took > evidence.patience:
            yield f"{request.client}, {request.operation}: waited for {took:.1f} s"
        if request.result is None and request.code is None and request.failure is None:
            yield f"{request.client}, {request.operation}: neither an answer nor a failure"
        if request.code == "INTERNAL":
            yield f"{request.client}, {request.operation}: an error that nobody had foreseen"


def _against(telling: Telling, booking: Booking) -> str | None:
    """What the database has against an answer, in its own words."""
    if telling.seats is not None and telling.seats != booking.seats:
        return f"seats {telling.seats}, in fact {booking.seats}"
    if telling.created_at is not None and telling.created_at != booking.created_at:
        return f"made at {telling.created_at}, in fact {booking.created_at}"
    if telling.expires_at is not None and telling.expires_at != booking.expires_at:
        return f"deadline {telling.expires_at}, in fact {booking.expires_at}"
    if telling.confirmed_at is not None and telling.confirmed_at != booking.confirmed_at:
        return f"confirmed at {telling.confirmed_at}, in fact {booking.confirmed_at}"
    became = (booking.status, booking.reason)
    match telling.status:
        case "PENDING":
            possible = not booking.refused
        case "CONFIRMED":
            possible = became in {("CONFIRMED", None), ("FAILED", "CANCELLED")}
        case "FAILED":
            possible = became == ("FAILED", telling.reason or booking.reason)
        case _:
            possible = True
    return None if possible else f"{telling.status}, in fact {became}"


def _not_as_asked(telling: Telling) -> str | None:
    """What an acknowledgement has against its own request."""
    request = telling.request
    if kind(request) != "Booking":
        return None
    if request.operation == "confirmBooking" and telling.status not in {None, "CONFIRMED"}:
        return f"a confirmation that says {telling.status}"
    if request.operation == "cancelBooking" and telling.status not in {None, "FAILED"}:
        return f"a cancellation that says {telling.status}"
    if request.operation != "bookSeats":
        return None if telling.id == request.variables["bookingId"] else "another booking"
    asked = asked_of(request)
    numbers, count = asked.get("seatNumbers"), asked.get("seatCount")
    if telling.seats is not None and (
        sorted(numbers) != sorted(telling.seats) if numbers else len(telling.seats) != count
    ):
        return f"seats {telling.seats} for {numbers or count}"
    if asked.get("confirm") and telling.status == "PENDING":
        return "held, and was to be confirmed"
    return None


def _went_back(id_: str, tellings: Sequence[Telling]) -> Iterator[str]:
    """Who asks after somebody was answered is told of no earlier state."""
    earlier = sorted(tellings, key=lambda telling: ended(telling.request))
    heard, latest = 0, "PENDING"
    for telling in sorted(tellings, key=lambda telling: began(telling.request)):
        while ended(earlier[heard].request) < began(telling.request):
            status = earlier[heard].status or latest
            latest = max(latest, status, key=_RANK.__getitem__)
            heard += 1
        if telling.status and _RANK[telling.status] < _RANK[latest]:
            yield f"booking {id_} was {latest} and later {telling.status}"


def _refused_with_seats(evidence: Evidence) -> Iterator[str]:
    holders = {id_ for taken in evidence.ledger.taken.values() for _, id_ in taken}
    for telling in evidence.answers.all_told():
        booking = evidence.ledger.bookings.get(telling.id)
        if not telling.refused or booking is None:
            continue
        tenures = evidence.replays[booking.show_id].tenures
        if not booking.refused or booking.id in holders or booking.id in tenures:
            yield f"booking {booking.id} was refused and is {booking.status}, {booking.reason}"


def _booked_by_nobody(evidence: Evidence) -> Iterator[str]:
    """A key has a booking only if one of its requests may have made it."""
    tried = evidence.answers.tries
    for booking in evidence.ledger.bookings.values():
        tries = tried.get((booking.show_id, booking.key or ""))
        if booking.key is not None and tries and not _may_be(tries, booking.created_at):
            yield f"booking {booking.id}: nothing was done, said every answer to key {booking.key}"
    yield from _booked_without_key(evidence)


def _booked_without_key(evidence: Evidence) -> Iterator[str]:
    """Who asked without keys has no more bookings than requests that may have made them."""
    asked, may_have = Counter[tuple[str, str]](), Counter[tuple[str, str]]()
    for request in evidence.records.requests:
        if request.operation == "bookSeats" and asked_of(request).get("idempotencyKey") is None:
            who = (asked_of(request)["showId"], asked_of(request).get("userName") or "")
            asked[who] += 1
            may_have[who] += not did_nothing(request)
    bookings = evidence.ledger.bookings.values()
    made = Counter((b.show_id, b.user_name) for b in bookings if b.key is None)
    for who in asked:
        if made[who] > may_have[who]:
            yield f"{who[1]} has {made[who]} bookings by {may_have[who]} requests"


def _may_be(requests: Sequence[Request], at: Micros | None) -> bool:
    """Whether one of the requests may have done what was done then."""
    return any(not did_nothing(r) and (at is None or began(r) <= at) for r in requests)
