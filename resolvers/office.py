"""What every resolver works with, handed to it in the operation's context."""

from dataclasses import dataclass
from typing import Any

import strawberry

from access.caller import Caller
from db.auditor import Auditor
from db.desk import Desk
from db.expiry import Expiry
from db.pool import Database
from db.seat_maps import SeatMaps

Info = strawberry.Info[dict[str, Any], None]


@dataclass(frozen=True, slots=True)
class Office:
    """The parts of one process that resolvers use."""

    database: Database
    desk: Desk
    seat_maps: SeatMaps
    expiry: Expiry
    auditor: Auditor


def caller_of(info: Info) -> Caller:
    """Who asks."""
    caller: Caller = info.context["caller"]
    return caller


def office_of(info: Info) -> Office:
    """The office of the process that serves this operation."""
    office: Office = info.context["office"]
    return office
