"""Nobody was refused for a reason that was not true at that moment."""

from collections.abc import Iterator

from faults.answers import Telling, asked_of, began, ended, kind
from faults.evidence import Evidence
from faults.ledger import Booking
from faults.occupancy import Occupancy
from faults.records import Request
from faults.rules.keys import reuse_is_false

LONGEST_TEXT = {"userName": 200, "idempotencyKey": 255}


def refusals_are_true(evidence: Evidence) -> Iterator[str]:
    """Refused seats were taken, what was said to have failed had, and wrong input is wrong."""
    occupancy = {
        show_id: Occupancy(evidence.ledger, replay) for show_id, replay in evidence.replays.items()
    }
    yield from _refused_on_record(evidence, occupancy)
    for request in evidence.records.requests:
        match kind(request):
            case "SeatsUnavailable":
                yield from _listed_falsely(evidence, occupancy, request)
            case "BookingNotActive" | "HoldExpired":
                yield from _not_failed(evidence, request)
            case "NotFound":
                yield from _to_be_found(evidence, request)
            case "InvalidInput":
                yield from _nothing_wrong(evidence, request)
            case "IdempotencyKeyReused":
                asked = asked_of(request)
                tries = evidence.answers.tries[asked["showId"], asked["idempotencyKey"]]
                if reuse_is_false(tries, request):
                    yield f"{request.client}: key {asked['idempotencyKey']} was not used otherwise"


def _refused_on_record(evidence: Evidence, occupancy: dict[str, Occupancy]) -> Iterator[str]:
    """Every attempt on record as refused, whether or not anybody heard of it."""
    for booking in evidence.ledger.bookings.values():
        if not booking.refused:
            continue
        at = booking.created_at
        seats = occupancy[booking.show_id]
        if booking.seats:
            if not seats.refusal_holds(booking.seats, at):
                yield f"booking {booking.id} was refused seats {booking.seats}, all of them free"
        elif (count := _count_asked(evidence, booking)) and seats.fewest_free(at) >= count:
            yield f"booking {booking.id} was refused {count} of {seats.fewest_free(at)} free seats"


def _listed_falsely(
    evidence: Evidence, occupancy: dict[str, Occupancy], request: Request
) -> Iterator[str]:
    """What a refusal lists was so when it was decided or, with a key sent again, answered."""
    result = request.result or {}
    booking = evidence.ledger.bookings.get((result.get("booking") or {}).get("id", ""))
    if booking is None:
        return
    since, until = max(began(request), booking.created_at), ended(request)
    seats = occupancy[booking.show_id]
    listed = result.get("unavailable")
    if listed is not None and not seats.list_holds(booking.seats, listed, since, until):
        yield f"{request.client}: of seats {booking.seats} not just {listed} were taken"
    free = result.get("availableSeats")
    if free is not None and not seats.count_holds(free, since, until):
        yield f"{request.client}: there were not {free} seats left"


def _not_failed(evidence: Evidence, request: Request) -> Iterator[str]:
    """A confirmation was refused for a booking that had failed by then, and for what was said."""
    booking = evidence.ledger.bookings.get(request.variables["bookingId"])
    if booking is None:
        return
    expired = kind(request) == "HoldExpired"
    if booking.status != "FAILED" or (booking.reason == "EXPIRED") != expired:
        yield f"booking {booking.id}: {kind(request)}, in fact {booking.status}, {booking.reason}"
    ended_at = evidence.replays[booking.show_id].tenure(booking).ended_at
    if ended_at is not None and ended_at > ended(request):
        yield f"booking {booking.id}: {kind(request)} before it had failed"


def _to_be_found(evidence: Evidence, request: Request) -> Iterator[str]:
    """Nobody was told NotFound of a show that was there, or of a booking somebody knew."""
    if request.operation == "bookSeats":
        show = evidence.ledger.shows.get(asked_of(request)["showId"])
        if show and show.created_at < began(request):
            yield f"{request.client}: show {show.id} was not found"
        return
    id_ = request.variables["bookingId"]
    if any(_before(telling, request) for telling in evidence.answers.tellings.get(id_, [])):
        yield f"{request.client}: booking {id_} was not found"


def _before(telling: Telling, request: Request) -> bool:
    return ended(telling.request) < began(request)


def _nothing_wrong(evidence: Evidence, request: Request) -> Iterator[str]:
    """Input that is called wrong has something wrong with it."""
    asked = asked_of(request)
    numbers, count = asked.get("seatNumbers"), asked.get("seatCount")
    show = evidence.ledger.shows.get(asked["showId"])
    total = show.total_seats if show else 0
    right = (numbers is None) != (count is None)
    if numbers is not None:
        right = right and 0 < len(numbers) == len({n for n in numbers if 1 <= n <= total})
    if count is not None:
        right = right and count >= 1
    for name, longest in LONGEST_TEXT.items():
        text = asked.get(name, None if name == "userName" else "-")
        right = right and text is not None and text.isascii() and 0 < len(text) <= longest
    if right:
        yield f"{request.client}: nothing is wrong with {asked}"


def _count_asked(evidence: Evidence, booking: Booking) -> int:
    """How many seats a refused booking by count had asked for; its record doesn't say.

    Of requests that nobody knows to be the one, the greediest has the most right to be refused.
    """
    tellings = evidence.answers.tellings.get(booking.id, [])
    certain = [telling.request for telling in tellings if telling.refused]
    tries = evidence.answers.tries.get((booking.show_id, booking.key or ""), [])
    return max((asked_of(r).get("seatCount") or 0 for r in certain or tries), default=0)
