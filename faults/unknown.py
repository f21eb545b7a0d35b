"""What became of bookings whose outcome a client was not told."""

from collections import Counter
from collections.abc import Iterable
from datetime import datetime

import psycopg

from faults.records import Records, Request

FIND = "SELECT user_name, status, failure_reason FROM bookings WHERE user_name = ANY(%s)"


def fates(records: Records, database_url: str) -> Counter[str]:
    """Count the fates of all bookings that were asked for and not answered.

    Each order has a user name of its own, and goes out again under its key and its name only; so
    the name is what finds it.
    """
    orders: dict[str, list[Request]] = {}
    for request in records.requests:
        if request.operation == "bookSeats":
            orders.setdefault(request.variables["input"]["userName"], []).append(request)
    open_ = {name: asked for name, asked in orders.items() if any(map(is_unknown, asked))}
    kept = _kept(database_url, open_)
    return Counter(_fate(asked, kept.get(name)) for name, asked in open_.items())


def is_unknown(request: Request) -> bool:
    """Whether its client can't know what came of it."""
    lost = request.failure is not None and request.failure != "refused"
    return lost or request.outcome == "UNKNOWN"


def _kept(database_url: str, names: Iterable[str]) -> dict[str, str]:
    with psycopg.connect(database_url) as conn:
        rows = conn.execute(FIND, [list(names)]).fetchall()
    return {name: f"{status}{f', {reason}' if reason else ''}" for name, status, reason in rows}


def _fate(asked: list[Request], kept: str | None) -> str:
    first = next(place for place, request in enumerate(asked) if is_unknown(request))
    for request in asked[first + 1 :]:
        if request.result is None:
            continue
        kind = request.result["__typename"]
        if kind != "Booking":
            return f"asked again with its key: refused, {kind}"
        created_at = datetime.fromisoformat(request.result["createdAt"]).timestamp()
        found = created_at < request.began_at
        return f"asked again with its key: {'found booked' if found else 'booked then'}"
    again = "asked again in vain" if asked[first + 1 :] else "not asked again"
    return f"{again}: {'on record' if kept else 'nothing on record'}"
