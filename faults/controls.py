"""The checker's controls: houses broken on purpose, each of which it must find broken.

One PostgreSQL has a database for each; a sale of some seconds without any other fault goes on in
it, in a server that is broken in one way (faults/broken.py). One more is whole.
"""

import asyncio
import sys
import tempfile
from collections.abc import Coroutine, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import Any
from urllib.parse import quote

import psycopg
from psycopg import AsyncConnection

from db.embedded.binaries import find_binaries
from db.embedded.server import PostgresServer
from db.migrations import migrate
from faults.broken import CONTROLS, Control
from faults.caller import Callers
from faults.check import Violation, check
from faults.load import Load
from faults.process import USUAL, ServerProcess
from faults.records import Records, Request
from faults.shows import OnSale, Shows
from faults.watchers import Watchers
from schema import ids

WHOLE = Control("whole", "", "Nothing is broken", lambda: None)
ALL = (WHOLE, *CONTROLS.values())

SEED = 1
# Mostly enough. Where nobody met the break in so short a time, the sale is held again, for longer.
SALE_SECONDS = (3.0, 6.0, 12.0)
SHOWS, SEATS = 3, 200
# The shortest hold that a client may ask for would take as long as the sale.
HOLD_SECONDS = 1
# Two cores serve as many sales, and what starts meanwhile.
AT_ONCE = 4
CATCH_UP_PATIENCE = 2.0
POLL = 0.05
TEMPLATE = "controls_template"
# Test data may be lost.
SETTINGS = {"fsync": "off", "full_page_writes": "off", "max_connections": "200"}

_CREATE_SHOW = """
    INSERT INTO shows (name, folded_name, start_time, total_seats, seats_per_row, hold_seconds)
    VALUES ('Control', 'control', %s, %s, 10, %s)
    RETURNING id
"""


@dataclass(frozen=True)
class Tried:
    """What came of a control."""

    control: Control
    requests: int
    violations: Sequence[Violation]

    @property
    def rules(self) -> list[str]:
        """The rules that were found broken."""
        return list(dict.fromkeys(violation.rule for violation in self.violations))

    @property
    def as_expected(self) -> bool:
        """Whether the control was found, or what is whole was found whole."""
        return self.control.rule in self.rules if self.control.rule else not self.violations


async def run_controls(server_url: str, home: Path, controls: Iterable[Control]) -> list[Tried]:
    """Try controls, some at a time; returns what came of each, in their order.

    Args:
        server_url: of a PostgreSQL that databases may be made on; they are dropped again.
        home: a directory for the servers' logs.
    """
    with _database(server_url, TEMPLATE, "template1") as template_url:
        migrate(template_url)
        places = asyncio.Semaphore(AT_ONCE)

        async def within_limits(control: Control) -> Tried:
            async with places:
                return await _try(control, server_url, home)

        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(within_limits(control)) for control in controls]
    return [task.result() for task in tasks]


def table(tried: Sequence[Tried]) -> str:
    """What came of the controls, as Markdown."""
    head = "| control | what is broken | rule | found |\n|---|---|---|---|"
    lines = [
        f"| {each.control.name} | {each.control.does} | {each.control.rule or 'none'} | "
        f"{_found(each)} |"
        for each in tried
    ]
    return "\n".join([head, *lines])


def _found(tried: Tried) -> str:
    if tried.as_expected:
        return "yes" if tried.control.rule else "nothing, as it should"
    return "**no**" if tried.control.rule else f"**{', '.join(tried.rules)}**"


async def _try(control: Control, server_url: str, home: Path) -> Tried:
    *shorter, longest = SALE_SECONDS
    for seconds in shorter:
        tried = await _try_for(seconds, control, server_url, home)
        if tried.as_expected or not control.rule:
            return tried
    return await _try_for(longest, control, server_url, home)


async def _try_for(seconds: float, control: Control, server_url: str, home: Path) -> Tried:
    name = f"control_{control.name.replace('-', '_')}"
    before = "ALTER TABLE shows DROP CONSTRAINT shows_hold_in_range;" + control.before
    with _database(server_url, name, TEMPLATE, before) as url:
        server = ServerProcess(0, url, home / f"{control.name}.log")
        command = (*USUAL[:-1], "faults.broken", control.name) if control.rule else USUAL
        try:
            await server.start(command)
            records = await _sell(server.address, url, seconds, control.patience)
        finally:
            server.kill()
        violations = await asyncio.to_thread(check, records, url, control.patience)
    return Tried(control, len(records.requests), violations)


async def _sell(address: str, url: str, seconds: float, patience: float) -> Records:
    """Sell for a while; returns all that was asked and told."""
    records, callers = Records(), Callers([address], 1.5 * patience)
    watchers = Watchers([address], records, SEED)
    shows = Shows(callers, Random(SEED), watchers.watch)
    shows.on_sale += _create_shows(url)
    load = _ShortLoad(callers, shows, records, SEED)
    try:
        for show in shows.on_sale:
            watchers.watch(show)
        selling = asyncio.create_task(load.run())
        await asyncio.sleep(seconds)
        load.close()
        await selling
        await _catch_up(watchers, url)
    finally:
        await watchers.stop()
        await callers.close()
    return records


class _ShortLoad(Load):
    """The load, but at its end nobody is waited for who would only come back later."""

    def __init__(self, callers: Callers, shows: Shows, records: Records, seed: int) -> None:
        super().__init__(callers, shows, records, seed)
        self._asking: set[asyncio.Task[Any] | None] = set()

    async def ask(
        self, client: str, operation: str, variables: dict[str, Any], server: int
    ) -> Request:
        task = asyncio.current_task()
        self._asking.add(task)
        try:
            return await super().ask(client, operation, variables, server)
        finally:
            self._asking.discard(task)

    def close(self) -> None:
        super().close()
        for errand in self._errands - self._asking:
            errand.cancel()

    def _start(self, errand: Coroutine[Any, Any, None]) -> None:
        if self._closing.is_set():
            errand.close()
        else:
            super()._start(errand)


async def _catch_up(watchers: Watchers, url: str) -> None:
    """Wait until all have seen what there is, or never will."""
    async with await AsyncConnection.connect(url, autocommit=True) as conn:
        rows = await (await conn.execute("SELECT id, version FROM shows")).fetchall()
    versions: dict[str, int] = {ids.show_id(id_): version for id_, version in rows}
    deadline = asyncio.get_running_loop().time() + CATCH_UP_PATIENCE
    # What they see comes from another process: there is no event to wait for.
    while watchers.behind(versions) and asyncio.get_running_loop().time() < deadline:  # noqa: ASYNC110
        await asyncio.sleep(POLL)


def _create_shows(url: str) -> list[OnSale]:
    start_time = datetime(2040, 1, 1, 20, tzinfo=UTC)
    with psycopg.connect(url) as conn:
        rows = [
            conn.execute(_CREATE_SHOW, [start_time, SEATS, HOLD_SECONDS]).fetchone()
            for _ in range(SHOWS)
        ]
    return [OnSale(ids.show_id(row[0]), SEATS) for row in rows if row]


@contextmanager
def _database(server_url: str, name: str, template: str, before: str = "") -> Iterator[str]:
    """A copy of a database for the length of a block, changed at the beginning."""
    url = server_url.replace("/postgres?", f"/{quote(name)}?")
    with psycopg.connect(server_url, autocommit=True) as conn:
        conn.execute(f"CREATE DATABASE {name} TEMPLATE {template}".encode())
    try:
        if before:
            with psycopg.connect(url) as conn:
                conn.execute(before.encode())
        yield url
    finally:
        with psycopg.connect(server_url, autocommit=True) as conn:
            conn.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())


def main() -> None:
    """Try all controls on a PostgreSQL of their own; the status is 1 where one was not as expected.

    `python -m faults.controls NAME ...` tries but those, and tells what was found.
    """
    chosen = [CONTROLS[name] for name in sys.argv[1:]]
    with tempfile.TemporaryDirectory(prefix="boxoffice-controls-") as directory:
        home = Path(directory)
        home.chmod(0o711)  # PostgreSQL runs as a user of its own where we are root
        with PostgresServer(home / "data", find_binaries(), SETTINGS) as server:
            tried = asyncio.run(run_controls(server.url, home, chosen or ALL))
    for each in tried if chosen else ():
        sys.stdout.write("".join(f"{v.rule}: {v.message}\n" for v in each.violations))
    sys.stdout.write(f"{table(tried)}\n")
    sys.exit(0 if all(each.as_expected for each in tried) else 1)


if __name__ == "__main__":
    main()
