"""The queries: who only looks."""

from datetime import datetime
from typing import Annotated, Any, TypeVar

import strawberry
from strawberry import ID, UNSET, argument

import booking.model as model
from booking.inputs import clean
from db.reads import BookingPlace, ShowPlace, list_bookings, list_shows, read_bookings, read_show
from resolvers.flags import FlagQuery
from resolvers.office import Info, Office, may_see, office_of
from resolvers.paging import First, booking_page, page_size, show_page
from resolvers.rules import FOR_ADMINS, FOR_CUSTOMERS
from resolvers.views import booking_view, report_view, show_view
from schema import ids
from schema.audit import AuditReport
from schema.errors import BadRequest
from schema.paging import BookingConnection, ShowConnection
from schema.scalars import NotATime, Time
from schema.types import Booking, BookingStatus, Node, Show

_T = TypeVar("_T")

After = Annotated[
    str | None, argument(description="Begin behind the entry with this cursor, an `endCursor`.")
]


@strawberry.type(description="What can be looked up.")
class Query(FlagQuery):
    @strawberry.field(description="Anything with an id, or null where there is none.")
    async def node(
        self, info: Info, id: Annotated[ID, argument(description="The id of a show or a booking.")]
    ) -> Node | None:
        office = office_of(info)
        return await _show(office, id) or await _booking(info, id)

    @strawberry.field(description="A show, or null where there is none with this id.")
    async def show(
        self, info: Info, id: Annotated[ID, argument(description="The show's id.")]
    ) -> Show | None:
        return await _show(office_of(info), id)

    @strawberry.field(description="Shows by start time, page by page.")
    async def shows(
        self,
        info: Info,
        first: First = 20,
        after: After = UNSET,
        search: Annotated[
            str | None, argument(description="Only shows with this in their name, in any case.")
        ] = UNSET,
        starts_after: Annotated[
            Time | None, argument(description="Only shows that start later than this.")
        ] = UNSET,
    ) -> ShowConnection:
        office, size = office_of(info), page_size(first)
        shows = await list_shows(
            office.database,
            size + 1,
            _show_place(after),
            _text("search", _given(search)) or "",
            _time("startsAfter", _given(starts_after)),
        )
        page = [
            (ids.show_cursor(show.start_time, show.id), show_view(show, office.seat_maps))
            for show in shows
        ]
        return show_page(page, size, _given(after))

    @strawberry.field(
        description="A booking, or null where there is none with this id. For customers, theirs, "
        "and for admins.",
        extensions=FOR_CUSTOMERS,
    )
    async def booking(
        self, info: Info, id: Annotated[ID, argument(description="The booking's id.")]
    ) -> Booking | None:
        return await _booking(info, id)

    @strawberry.field(
        description="Bookings, the newest first, page by page. For admins.", extensions=FOR_ADMINS
    )
    async def bookings(
        self,
        info: Info,
        first: First = 20,
        after: After = UNSET,
        status: Annotated[
            BookingStatus | None, argument(description="Only those in this state now.")
        ] = UNSET,
        show_id: Annotated[ID | None, argument(description="Only those for this show.")] = UNSET,
        user_name: Annotated[
            str | None, argument(description="Only those for exactly this name.")
        ] = UNSET,
    ) -> BookingConnection:
        office, size = office_of(info), page_size(first)
        found = await list_bookings(
            office.database,
            size + 1,
            _booking_place(after),
            model.BookingStatus(status.value) if status else None,
            _show_key(_given(show_id)),
            _text("userName", _given(user_name)),
        )
        page = [
            (
                ids.booking_cursor(booking.created_at, booking.show_id, booking.id),
                booking_view(booking, show, office.seat_maps),
            )
            for booking, show in found
        ]
        return booking_page(page, size, _given(after))

    @strawberry.field(
        description="Replay the log of changes, and hold it against seats, bookings and counters: "
        "of one show, or of show after show for about five seconds. Sales go on meanwhile. One "
        "audit at a time, else UNAVAILABLE. For admins.",
        extensions=FOR_ADMINS,
    )
    async def audit(
        self,
        info: Info,
        show_id: Annotated[ID | None, argument(description="Only this show.")] = UNSET,
        after: Annotated[
            ID | None, argument(description="Go on behind this show, an `endShowId`.")
        ] = UNSET,
    ) -> AuditReport:
        key = _show_key(_given(show_id))
        begin = _show_key(_given(after), "after")
        report = await office_of(info).auditor.audit(key, begin)
        if key is not None and report.complete and not report.shows:
            raise BadRequest("`showId` is not the id of a show.")
        return report_view(report)


async def _show(office: Office, id_: str) -> Show | None:
    key = ids.parse_show_id(id_)
    show = None if key is None else await read_show(office.database, key)
    return show_view(show, office.seat_maps) if show else None


async def _booking(info: Info, id_: str) -> Booking | None:
    """A booking that the caller may see; another's is looked up as long, and is not there."""
    office, key = office_of(info), ids.parse_booking_id(id_)
    found = [] if key is None else await read_bookings(office.database, [key])
    if not found or not may_see(info, found[0][0]):
        return None
    return booking_view(*found[0], office.seat_maps)


def _given(argument: Any) -> Any:
    """An argument that may be left out, or be null; empty text is neither."""
    return None if argument is UNSET else argument


def _show_place(after: str | None) -> ShowPlace:
    if (cursor := _given(after)) is None:
        return ShowPlace()
    return ShowPlace(*_known(ids.parse_show_cursor(cursor), "`after` is no cursor of this list."))


def _booking_place(after: str | None) -> BookingPlace:
    if (cursor := _given(after)) is None:
        return BookingPlace()
    place = ids.parse_booking_cursor(cursor)
    return BookingPlace(*_known(place, "`after` is no cursor of this list."))


def _show_key(show_id: str | None, name: str = "showId") -> int | None:
    if show_id is None:
        return None
    return _known(ids.parse_show_id(show_id), f"`{name}` is not the id of a show.")


def _known(parsed: _T | None, complaint: str) -> _T:
    if parsed is None:
        raise BadRequest(complaint)
    return parsed


def _time(name: str, value: object) -> datetime | None:
    if isinstance(value, NotATime):
        raise BadRequest(f"`{name}` must be an RFC 3339 time with an offset, not {value!r:.50}.")
    return value if isinstance(value, datetime) else None


def _text(name: str, value: str | None) -> str | None:
    if value is not None and not clean(value):
        raise BadRequest(f"`{name}` must not hold control characters.")
    return value
