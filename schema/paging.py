"""Lists page by page: Relay's connections."""

import strawberry

from schema.types import Booking, Show


@strawberry.type(description="Where a page stands in its list.")
class PageInfo:
    has_next_page: bool = strawberry.field(description="Whether there is more after it.")
    has_previous_page: bool = strawberry.field(description="Whether there is something before it.")
    start_cursor: str | None = strawberry.field(description="The cursor of its first entry.")
    end_cursor: str | None = strawberry.field(
        description="The cursor of its last entry: give it as `after` for the next page."
    )


@strawberry.type(description="A show in a list.")
class ShowEdge:
    cursor: str = strawberry.field(description="Its place in the list: give it as `after`.")
    node: Show = strawberry.field(description="The show.")


@strawberry.type(description="A page of shows.")
class ShowConnection:
    edges: list[ShowEdge] = strawberry.field(description="The shows of this page.")
    page_info: PageInfo = strawberry.field(description="Where this page stands.")


@strawberry.type(description="A booking in a list.")
class BookingEdge:
    cursor: str = strawberry.field(description="Its place in the list: give it as `after`.")
    node: Booking = strawberry.field(description="The booking.")


@strawberry.type(description="A page of bookings.")
class BookingConnection:
    edges: list[BookingEdge] = strawberry.field(description="The bookings of this page.")
    page_info: PageInfo = strawberry.field(description="Where this page stands.")
