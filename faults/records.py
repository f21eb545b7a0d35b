"""What a run leaves to be judged: every request and its answer, every update of every watcher."""

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Request:
    """One request of a client, and what came of it.

    Attributes:
        client: who asked, "booker 3".
        operation: "bookSeats", "confirmBooking" or "cancelBooking".
        began_at: seconds since the epoch, by this machine's clock, which is the database's, too.
        ended_at: likewise; when the answer was there, or the connection had failed.
        variables: of the operation, as they were sent: `{"input": {...}}` or `{"bookingId": ...}`.
        result: the member of the result union that was answered, with its `__typename`.
        code: `extensions.code` of an error; `outcome` is its `extensions.outcome`.
        failure: in place of an answer, how the connection failed.
    """

    client: str
    operation: str
    began_at: float
    ended_at: float
    variables: dict[str, Any]
    result: dict[str, Any] | None = None
    code: str | None = None
    outcome: str | None = None
    failure: str | None = None


@dataclass(frozen=True, slots=True)
class Update:
    """One `SeatMapUpdate` that a watcher was sent.

    Attributes:
        watcher: who watches; it reconnects with `sinceVersion` under the same name.
        at: seconds since the epoch.
        seats: the letter of each seat in it, A, P or C, by number.
    """

    watcher: str
    show_id: str
    at: float
    version: int
    snapshot: bool
    seats: dict[int, str]


@dataclass(slots=True)
class Records:
    """All of a run, in the order it was heard."""

    requests: list[Request] = field(default_factory=list)
    updates: list[Update] = field(default_factory=list)
