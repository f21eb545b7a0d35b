"""Rows as values, in the column order that the statements share."""

from booking.model import Booking, BookingStatus, FailureReason, Show
from db.pool import Row


def show_from(row: Row) -> Show:
    """Read a show off its ten columns, `id` to `max_pending_seats`."""
    return Show(*row)


def booking_from(row: Row) -> Booking:
    """Read a booking off its twelve columns, `show_id` to `owner`."""
    show_id, id_, user_name, status, reason, seat_numbers, *rest = row
    return Booking(
        show_id,
        id_,
        user_name,
        BookingStatus(status),
        FailureReason(reason) if reason else None,
        tuple(seat_numbers),
        *rest,
    )
