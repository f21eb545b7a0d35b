"""Holds end at their deadlines, neither later nor earlier, by one clock: the database's."""

from collections.abc import Iterator

from faults.answers import Telling, asked_of, began, did_nothing, ended, kind
from faults.evidence import Evidence


def confirmed_in_time(evidence: Evidence) -> Iterator[str]:
    """No hold was confirmed at its deadline or later, by its own record or by the clients' time."""
    for booking in evidence.ledger.bookings.values():
        if booking.confirmed_later and (booking.confirmed_at or 0) >= (booking.expires_at or 0):
            yield f"booking {booking.id} was confirmed after its deadline"
    for id_, confirms in evidence.answers.confirms.items():
        known = evidence.ledger.bookings.get(id_)
        if known is None or known.expires_at is None:
            continue
        deadline = known.expires_at
        if any(began(r) < deadline and not did_nothing(r) for r in confirms):
            continue  # the one that did it; later ones are told the same
        for request in confirms:
            if kind(request) == "Booking":
                late = (began(request) - deadline) / 1e6
                yield f"booking {id_}: {request.client} confirmed it {late:.3f} s too late"


def expired_in_time(evidence: Evidence) -> Iterator[str]:
    """No hold ended before its deadline, by the log or by an answer; none is too short or long."""
    for booking in evidence.ledger.bookings.values():
        if booking.expires_at is None:
            continue
        if booking.expires_at - booking.created_at != evidence.ledger.shows[booking.show_id].hold:
            yield f"booking {booking.id} has a hold of another length than its show's"
        ended_at = evidence.replays[booking.show_id].tenure(booking).ended_at
        if booking.reason == "EXPIRED":
            if ended_at is not None and ended_at < booking.expires_at:
                yield f"booking {booking.id} expired {booking.expires_at - ended_at} us early"
            if booking.confirmed_at is not None:
                yield f"booking {booking.id} was confirmed, and expired"
    for telling in evidence.answers.all_told():
        known = evidence.ledger.bookings.get(telling.id)
        if _expired(telling) and known and ended(telling.request) < (known.expires_at or 0):
            yield f"booking {telling.id}: {telling.request.client} was told early that it expired"


def times_are_true(evidence: Evidence) -> Iterator[str]:
    """Bookings are made and confirmed while somebody asks for it, by this machine's one clock."""
    for telling in evidence.answers.all_told():
        request, made_at = telling.request, telling.created_at
        if made_at is None:
            continue
        first = made_at
        if request.operation == "bookSeats":
            asked = asked_of(request)
            tries = evidence.answers.tries.get((asked["showId"], asked.get("idempotencyKey") or ""))
            first = min(map(began, tries or [request]))
        if not first <= made_at <= ended(request):
            yield f"booking {telling.id}: made at another time than {request.client} asked"
    for telling in evidence.answers.all_told():
        if telling.confirmed_at is None or telling.confirmed_at == telling.created_at:
            continue
        confirms = evidence.answers.confirms.get(telling.id, [])
        first = min(map(began, confirms), default=telling.confirmed_at)
        if not first <= telling.confirmed_at <= ended(telling.request):
            yield f"booking {telling.id} was confirmed at another time"


def _expired(telling: Telling) -> bool:
    return telling.reason == "EXPIRED" or kind(telling.request) == "HoldExpired"
