"""Our values as clients see them."""

from collections.abc import Iterable, Mapping
from functools import partial

import schema.types as api
from booking.history import SeatMap, Update
from booking.model import Booking, BookingStatus, Show, row_name
from db.seat_maps import SeatMaps
from schema import ids

_STATUSES = {ord(status.value[0]): status for status in api.SeatStatus}


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
        load_seat_map=partial(_load_seat_map, show, seat_maps),
    )


def booking_view(booking: Booking, show: Show, seat_maps: SeatMaps) -> api.Booking:
    """A booking, as it is at the moment it was judged by."""
    pending, reason = booking.status is BookingStatus.PENDING, booking.failure_reason
    return api.Booking(
        id=ids.booking_id(booking.show_id, booking.id),
        show=show_view(show, seat_maps),
        user_name=booking.user_name,
        status=api.BookingStatus(booking.status.value),
        failure_reason=api.FailureReason(reason.value) if reason else None,
        load_seats=partial(_booked_seats, booking, show.seats_per_row),
        seat_numbers=list(booking.seat_numbers),
        created_at=booking.created_at,
        expires_at=booking.expires_at if pending else None,
        confirmed_at=booking.confirmed_at,
    )


def update_view(update: Update, seats_per_row: int) -> api.SeatMapUpdate:
    """A step of a seat map."""
    return api.SeatMapUpdate(
        show_id=ids.show_id(update.show_id),
        version=update.version,
        snapshot=update.snapshot,
        load_seats=partial(_changed_seats, update.seats, seats_per_row),
    )


async def _load_seat_map(show: Show, seat_maps: SeatMaps) -> api.SeatMap:
    seat_map = await seat_maps.at(show.id, show.version)
    return api.SeatMap(
        show_id=ids.show_id(show.id),
        version=seat_map.version,
        letters=seat_map.letters,
        load_seats=partial(_all_seats, seat_map, show.seats_per_row),
    )


def _all_seats(seat_map: SeatMap, seats_per_row: int) -> list[api.Seat]:
    return _seats(enumerate(seat_map.letters, start=1), seats_per_row)


def _changed_seats(seats: Mapping[int, int], seats_per_row: int) -> list[api.Seat]:
    return _seats(sorted(seats.items()), seats_per_row)


def _booked_seats(booking: Booking, seats_per_row: int) -> list[api.Seat]:
    if not booking.active:
        return []
    letter = ord(booking.status.value[0])
    return _seats(((number, letter) for number in booking.seat_numbers), seats_per_row)


def _seats(letters: Iterable[tuple[int, int]], seats_per_row: int) -> list[api.Seat]:
    seats = []
    for number, letter in letters:
        index, place = divmod(number - 1, seats_per_row)
        row = row_name(index)
        label, status = f"{row}{place + 1}", _STATUSES[letter]
        seats.append(api.Seat(number=number, row=row, label=label, status=status))
    return seats
