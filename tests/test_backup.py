"""The dump of docs/backup.md, command by command, taken while a crowd books."""

import asyncio
import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from uuid import UUID

import psycopg
import pytest

from db.embedded.server import PostgresServer
from tests.conftest import url_of
from tests.serving import Served, serve
from tests.test_races import CONFIRM, Crowd, crowding, race, uuid_of

PROJECT = Path(__file__).parent.parent
SELLERS = 16
ENOUGH = 60

DUMP, RESTORE = (
    block
    for block in re.findall(
        r"^```sh\n(.*?)^```$", (PROJECT / "docs/backup.md").read_text("utf-8"), re.M | re.S
    )
    if block.startswith(("pg_dump", 'psql "$OFFICE" --command=\'CREATE DATABASE'))
)


@pytest.fixture
def restored_url(postgres: PostgresServer) -> Iterator[str]:
    """Where the commands restore to."""
    yield url_of(postgres, "restored")
    with psycopg.connect(postgres.url, autocommit=True) as conn:
        conn.execute("DROP DATABASE IF EXISTS restored WITH (FORCE)")


class Shell:
    """Runs commands of the document as they stand there, in a directory of the test's own."""

    def __init__(self, directory: Path, bin_dir: Path, **env: str) -> None:
        self._directory = directory
        path = f"{bin_dir}{os.pathsep}{os.environ['PATH']}"
        self._env = {**os.environ, "PATH": path, "VENV": sys.prefix, **env}

    async def run(self, commands: str) -> str:
        process = await asyncio.create_subprocess_exec(
            *("sh", "-e", "-c", commands.replace("./boxoffice", f"{PROJECT}/boxoffice")),
            cwd=self._directory,
            env=self._env,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        output, _ = await process.communicate()
        assert process.returncode == 0, output.decode()
        return output.decode()


class Sale:
    """A crowd that books until it is stopped, and what it was told."""

    def __init__(self, crowd: Crowd, show_id: str) -> None:
        self.statuses: dict[UUID, str] = {}
        self.keys: dict[str, str] = {}
        self._crowd = crowd
        self._show_id = show_id
        self._stopped = False
        self._sellers = [asyncio.create_task(self._sell(n)) for n in range(SELLERS)]

    async def until(self, bookings: int) -> None:
        while len(self.statuses) < bookings:
            done, _ = await asyncio.wait(self._sellers, timeout=0.02)
            assert not done

    async def stop(self) -> None:
        self._stopped = True
        await asyncio.gather(*self._sellers)

    async def _sell(self, seller: int) -> None:
        turn = 0
        while not self._stopped:
            turn += 1
            key = f"{seller}-{turn}"
            booked = await self._crowd.book(self._show_id, seatCount=2, idempotencyKey=key)
            self.statuses[uuid_of(booked["id"])] = "PENDING"
            self.keys[key] = booked["id"]
            if turn % 2:
                await self._crowd.ask(CONFIRM, id=booked["id"])
                self.statuses[uuid_of(booked["id"])] = "CONFIRMED"


@race
async def test_a_dump_under_a_crowd_restores_what_was_acknowledged_before_it_and_sells_on(
    postgres: PostgresServer,
    shared_database_url: str,
    restored_url: str,
    served: Served,
    tmp_path: Path,
) -> None:
    assert postgres.bin_dir
    shell = Shell(tmp_path, postgres.bin_dir, OFFICE=shared_database_url, RESTORED=restored_url)
    async with crowding([served]) as crowd:
        show_id = await crowd.open_show(20_000)
        sale = Sale(crowd, show_id)
        await sale.until(ENOUGH)
        before, keys = dict(sale.statuses), dict(sale.keys)
        await shell.run(DUMP)
        await sale.until(len(before) + ENOUGH)  # it kept nobody from booking
        await sale.stop()
    assert ", 0 differences" in await shell.run(RESTORE)
    with psycopg.connect(restored_url) as conn:
        there: dict[UUID, str] = dict(conn.execute("SELECT id, status FROM bookings").fetchall())
    assert before.keys() <= there.keys()
    assert all(there[id_] == "CONFIRMED" for id_, was in before.items() if was == "CONFIRMED")
    assert len(there) < len(sale.statuses)
    with serve(restored_url) as server:
        async with crowding([server]) as crowd:
            key, booking_id = next(iter(keys.items()))
            again = await crowd.book(show_id, seatCount=2, idempotencyKey=key)
            assert again["id"] == booking_id
            assert (await crowd.book(show_id, seatCount=2))["status"] == "PENDING"
    assert ", 0 differences" in await shell.run('DATABASE_URL="$RESTORED" ./boxoffice audit')
