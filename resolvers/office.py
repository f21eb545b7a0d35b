"""What every resolver works with, handed to it in the operation's context."""

from dataclasses import dataclass
from typing import Any

import strawberry

from access.caller import Caller, Role
from booking.model import Booking
from db.auditor import Auditor
from db.desk import Desk
from db.expiry import Expiry
from db.flag_watch import FlagWatch
from db.pool import Database
from db.seat_maps import SeatMaps
from flags.seat_choice import SeatChoice

Info = strawberry.Info[dict[str, Any], None]


@dataclass(frozen=True, slots=True)
class Office:
    """The parts of one process that resolvers use."""

    database: Database
    desk: Desk
    seat_maps: SeatMaps
    expiry: Expiry
    auditor: Auditor
    max_pending_seats: int
    flags: FlagWatch
    seat_choice: SeatChoice


def caller_of(info: Info) -> Caller:
    """Who asks."""
    caller: Caller = info.context["caller"]
    return caller


def owner_of(info: Info) -> str | None:
    """Whose bookings the caller may see and change; None for those of everybody."""
    caller = caller_of(info)
    return None if caller.role is Role.ADMIN else caller.owner


def may_see(info: Info, booking: Booking) -> bool:
    """Whether the caller may know of a booking."""
    caller = caller_of(info)
    if caller.role is Role.CUSTOMER:
        return booking.owner == caller.owner
    return caller.role is Role.ADMIN


def office_of(info: Info) -> Office:
    """The office of the process that serves this operation."""
    office: Office = info.context["office"]
    return office
