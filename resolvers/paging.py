"""Pages of lists: how large, from where, and what stands around them."""

from typing import Annotated

from strawberry import argument

from schema.errors import BadRequest
from schema.paging import BookingConnection, BookingEdge, PageInfo, ShowConnection, ShowEdge
from schema.types import Booking, Show

DEFAULT_SIZE = 20
MAX_SIZE = 100

First = Annotated[int | None, argument(description="How many at most: 1 to 100.")]


def page_size(first: int | None) -> int:
    """How many entries a page has; refuses what is not 1 to MAX_SIZE."""
    size = DEFAULT_SIZE if first is None else first
    if not 1 <= size <= MAX_SIZE:
        raise BadRequest(f"`first` must be 1 to {MAX_SIZE}, not {size}.")
    return size


def show_page(shows: list[tuple[str, Show]], size: int, after: str | None) -> ShowConnection:
    """A page of shows, each with its cursor, from up to `size` + 1: one too many says more."""
    edges = [ShowEdge(cursor=cursor, node=show) for cursor, show in shows[:size]]
    cursors = [edge.cursor for edge in edges]
    return ShowConnection(edges=edges, page_info=_page_info(cursors, len(shows) > size, after))


def booking_page(
    bookings: list[tuple[str, Booking]], size: int, after: str | None
) -> BookingConnection:
    """A page of bookings, each with its cursor, from up to `size` + 1 of them."""
    edges = [BookingEdge(cursor=cursor, node=booking) for cursor, booking in bookings[:size]]
    cursors = [edge.cursor for edge in edges]
    return BookingConnection(
        edges=edges, page_info=_page_info(cursors, len(bookings) > size, after)
    )


def _page_info(cursors: list[str], more: bool, after: str | None) -> PageInfo:
    return PageInfo(
        has_next_page=more,
        # Every cursor is that of an entry, and entries never go away.
        has_previous_page=after is not None,
        start_cursor=cursors[0] if cursors else None,
        end_cursor=cursors[-1] if cursors else None,
    )
