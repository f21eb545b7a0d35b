"""Our values as clients see them."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial

import schema.types as api
from booking.history import Update, WholeMap
from booking.model import Booking, BookingStatus, Show
from db.audit import Report
from db.seat_maps import SeatMaps
from resolvers.seats import Seats, seat
from schema import ids
from schema.audit import AuditDifference, AuditReport

# As many as a page of anything has.
DIFFERENCES_LISTED = 100

_BOOKING_STATUSES = {status: api.BookingStatus(status.value) for status in BookingStatus}


def show_view(show: Show, seat_maps: SeatMaps) -> api.Show:
    """A show; its seat map is looked up only when asked for, at the same version."""
    return api.Show(
        id=ids.show_id(show.id),
        name=show.name,
        start_time=show.start_time,
        total_seats=show.total_seats,
        available_seats=show.available_seats,
        pending_seats=show.pending_seats,
        confirmed_seats=show.confirmed_seats,
        hold_seconds=show.hold_seconds,
        max_pending_seats=show.max_pending_seats,
        load_seat_map=partial(_load_seat_map, show, seat_maps),
    )


def booking_view(booking: Booking, show: Show, seat_maps: SeatMaps) -> api.Booking:
    """A booking, as it is at the moment it was judged by."""
    pending, reason = booking.status is BookingStatus.PENDING, booking.failure_reason
    return api.Booking(
        id=ids.booking_id(booking.show_id, booking.id),
        load_show=partial(show_view, show, seat_maps),
        user_name=booking.user_name,
        status=_BOOKING_STATUSES[booking.status],
        failure_reason=api.FailureReason(reason.value) if reason else None,
        load_seats=partial(_booked_seats, booking, show.seats_per_row),
        seat_numbers=list(booking.seat_numbers),
        created_at=booking.created_at,
        expires_at=booking.expires_at if pending else None,
        confirmed_at=booking.confirmed_at,
    )


def report_view(report: Report) -> AuditReport:
    """An audit's report; of the differences the first."""
    end = report.last_show_id
    return AuditReport(
        shows=report.shows,
        changes=report.changes,
        difference_count=report.found,
        differences=[
            AuditDifference(
                show_id=ids.show_id(found.show_id), version=found.version, message=found.message
            )
            for found in report.differences[:DIFFERENCES_LISTED]
        ],
        complete=report.complete,
        end_show_id=None if end is None else ids.show_id(end),
    )


def update_view(update: Update, seats_per_row: int, seat_maps: SeatMaps) -> api.SeatMapUpdate:
    """A step of a seat map: one view for all who share the update."""
    if update.view is None:
        load: Callable[[], Sequence[api.Seat]]
        if isinstance(update.seats, WholeMap):
            load = partial(Seats, update.seats.seat_map, seats_per_row, seat_maps.pieces)
        else:
            load = partial(_changed_seats, update.seats, seats_per_row)
        update.view = api.SeatMapUpdate(
            show_id=ids.show_id(update.show_id),
            version=update.version,
            snapshot=update.snapshot,
            load_seats=load,
            encodings=update.forms,
        )
    view: api.SeatMapUpdate = update.view
    return view


async def _load_seat_map(show: Show, seat_maps: SeatMaps) -> api.SeatMap:
    seat_map = await seat_maps.at(show.id, show.version)
    return api.SeatMap(
        show_id=ids.show_id(show.id),
        version=seat_map.version,
        letters=seat_map.letters,
        load_seats=partial(Seats, seat_map, show.seats_per_row, seat_maps.pieces),
    )


def _changed_seats(seats: Mapping[int, int], seats_per_row: int) -> list[api.Seat]:
    return [seat(number, letter, seats_per_row) for number, letter in sorted(seats.items())]


def _booked_seats(booking: Booking, seats_per_row: int) -> list[api.Seat]:
    if not booking.active:
        return []
    letter = ord(booking.status.value[0])
    return [seat(number, letter, seats_per_row) for number in booking.seat_numbers]
