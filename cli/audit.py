"""`boxoffice audit`: each show's log of changes against what the tables say."""

import asyncio
import json
import sys
from typing import Annotated

from typer import Exit, Option, echo

from booking.replay import Difference
from cli.command import IF_NO_DATABASE, IF_UNUSABLE, command, new_app
from cli.failure import DIFFERENT, UNUSABLE, Failure
from cli.house import database_url
from cli.progress import Advance, progress
from cli.public import read_show
from db.audit import Report, audit_show, audit_shows, connected, count_changes
from db.connection import Connection
from schema.ids import show_id

app = new_app()


@command(
    app,
    "boxoffice audit",
    "boxoffice audit --show U2hvdzox",
    "boxoffice audit --json | tail -1",
    status=f"0 where all agrees, 1 where something differs, {IF_UNUSABLE}, {IF_NO_DATABASE}",
)
def audit(
    show: Annotated[
        int | None,
        Option(parser=read_show, metavar="ID", help="Only this show, by its id or its number."),
    ] = None,
    as_json: Annotated[
        bool, Option("--json", help="Print a JSON object a line, the last with the counts.")
    ] = False,
) -> None:
    """Hold the log of changes against seats, bookings and counters.

    Each show's log is replayed in a snapshot of its own, without a lock: sales go on meanwhile.
    There is a line for each difference, and one with what was audited.
    """
    screen = _Screen(as_json)
    with database_url() as url:
        asyncio.run(_audit(url, show, screen))
    if show is not None and not screen.total.shows:
        raise Failure(f"there is no show {show}", UNUSABLE)
    screen.conclude()
    if screen.total.found:
        raise Exit(DIFFERENT)


async def _audit(url: str, show: int | None, screen: "_Screen") -> None:
    async with connected(url) as conn:
        if show is not None:
            screen.add(await audit_show(conn, show))
            return
        with progress("Auditing", await _count_work(conn)) as advance:
            await audit_shows(conn, lambda report: screen.add(report, advance))


async def _count_work(conn: Connection) -> int:
    """What there is to do, each show and each change of one; counted for who sees it."""
    return sum(await count_changes(conn)) if sys.stderr.isatty() else 0


class _Screen:
    """What is printed: the differences as they are found, and the counts."""

    def __init__(self, as_json: bool) -> None:
        self.total = Report()
        self._as_json = as_json

    def add(self, report: Report, advance: Advance = lambda steps: None) -> None:
        self.total.add(report)
        for difference in report.differences:
            echo(json.dumps(_fields(difference)) if self._as_json else _line(difference))
        more = report.found - len(report.differences)
        if more > 0 and not self._as_json:
            echo(f"show {report.last_show_id}: {more:,} differences more")
        advance(1 + report.changes)

    def conclude(self) -> None:
        total = self.total
        counts = {"show": total.shows, "change": total.changes, "difference": total.found}
        if self._as_json:
            echo(json.dumps({f"{word}s": n for word, n in counts.items()}))
        else:
            echo(", ".join(f"{n:,} {word}{'' if n == 1 else 's'}" for word, n in counts.items()))


def _line(difference: Difference) -> str:
    version = "" if difference.version is None else f", version {difference.version}"
    public_id = show_id(difference.show_id)
    return f"show {difference.show_id} ({public_id}){version}: {difference.message}"


def _fields(difference: Difference) -> dict[str, object]:
    id_ = show_id(difference.show_id)
    return {"showId": id_, "version": difference.version, "message": difference.message}
