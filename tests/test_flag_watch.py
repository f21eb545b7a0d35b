"""How a process keeps its flags fresh: cheaply, and without a word more than is needed."""

import asyncio
import logging
from datetime import timedelta
from typing import Any

import psycopg
import pytest

from access.caller import EVERYBODY
from db import flag_watch
from db.errors import OutcomeUnknown, Unavailable
from db.flag_watch import FlagWatch
from db.flags import list_flags, set_flag
from resolvers.api import schema
from tests.crowd import run, until
from tests.office import opened

NO_DATABASE = "postgresql://nobody@127.0.0.1:1/nothing"
SOON = timedelta(milliseconds=5)


class Reader:
    """Counts what a watch asks of its database; with `away` it gets nothing."""

    def __init__(self, flags: FlagWatch, patch: pytest.MonkeyPatch) -> None:
        self.looks = self.readings = 0
        self.away = False
        fetch, read = flags._database.fetch, flags._run

        async def count_look(*args: Any) -> Any:
            self.looks += 1
            if self.away:
                raise Unavailable
            return await fetch(*args)

        async def count_reading(work: Any, *args: Any) -> Any:
            self.readings += work is list_flags
            return await read(work, *args)

        patch.setattr(flags._database, "fetch", count_look)
        patch.setattr(flags, "_run", count_reading)


async def terminate_all(url: str) -> None:
    """End every other session of a database."""
    async with await psycopg.AsyncConnection.connect(url, autocommit=True) as conn:
        await conn.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )


@run
async def test_flags_are_read_only_where_there_is_a_new_revision(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with opened(database_url) as office:
        reader = Reader(office.flags, monkeypatch)
        await office.flags.ready()
        await office.flags.ready()
        assert (reader.looks, reader.readings) == (1, 1)
        for _ in range(3):
            await office.flags.refresh()
        assert (reader.looks, reader.readings) == (4, 1)
        await office.flags.set("a", 1, 100, "user:ada")
        assert (reader.looks, reader.readings) == (5, 2)
        await office.flags.set("a", 1, 100, "user:ada")  # is what it was
        assert (reader.looks, reader.readings) == (6, 2)


@run
async def test_all_who_wait_for_the_first_flags_hear_at_once_that_there_are_none(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with opened(database_url) as office:
        reader = Reader(office.flags, monkeypatch)
        reader.away = True
        asked = [office.flags.ready() for _ in range(50)]
        answers = await asyncio.gather(*asked, return_exceptions=True)
        assert [type(answer) for answer in answers] == [Unavailable] * 50
        assert reader.looks == 1
        reader.away = False
        assert (await office.flags.ready()).revision is not None


@run
async def test_an_outage_is_told_once_and_what_was_read_stays(
    database_url: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(flag_watch, "LOOK_INTERVAL", SOON)
    async with opened(database_url) as office:
        flags, provider = office.flags, office.flags.provider
        await flags.set("a", "before", 100, "user:ada")
        reader = Reader(flags, monkeypatch)
        reader.away = True
        with caplog.at_level(logging.WARNING, "boxoffice.flags"):
            watching = asyncio.create_task(flags.watch())
            await until(lambda: reader.looks > 5)
            assert provider.resolve_string_details("a", "none").value == "before"
            assert len(caplog.records) == 1
            reader.away = False
            await until(lambda: not flags._stale)
            reader.away = True
            await until(lambda: flags._stale)
        watching.cancel()
        assert len(caplog.records) == 2  # the next outage


@run
async def test_a_change_on_a_connection_that_has_died_is_made_on_another(database_url: str) -> None:
    async with opened(database_url) as office:
        await office.flags.set("a", 1, 100, "user:ada")
        await terminate_all(database_url)
        assert (await office.flags.set("a", 2, 100, "user:ada")).value == 2


@run
async def test_a_change_that_may_have_been_made_is_not_called_undone(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def set_and_lose(*args: Any) -> None:
        await set_flag(*args)
        raise psycopg.OperationalError  # before the answer was here

    monkeypatch.setattr(flag_watch, "set_flag", set_and_lose)
    async with opened(database_url) as office:
        with pytest.raises(OutcomeUnknown):
            await office.flags.set("a", 1, 100, "user:ada")
        assert [flag.value for flag in await office.flags.read()] == [1]
        assert len(await office.flags.list_changes(20, None, 100)) == 1


@run
async def test_a_fault_does_not_end_the_look_out(
    database_url: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(flag_watch, "LOOK_INTERVAL", SOON)
    async with opened(database_url) as office:
        refresh, faults = office.flags.refresh, iter([RuntimeError("a bug")])

        async def refresh_at_last() -> None:
            if error := next(faults, None):
                raise error
            await refresh()

        monkeypatch.setattr(office.flags, "refresh", refresh_at_last)
        watching = asyncio.create_task(office.flags.watch())
        await until(lambda: office.flags.provider.revision is not None)
        watching.cancel()
        assert "could not look for changes of flags" in caplog.text


@run
async def test_before_the_flags_were_read_nobody_is_told_that_they_are_off(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A show of the canary must not be seated by the default because a server has just begun."""
    async with opened(NO_DATABASE) as office:
        monkeypatch.setattr(office.desk, "submit", None)  # nothing comes so far
        context = {"office": office, "caller": EVERYBODY}
        documents = (
            '{ featureFlag(key: "a", subject: "b") { enabled } }',
            'mutation { bookSeats(input: {showId: "U2hvdzox", seatCount: 1, userName: "Ada"}) '
            "{ __typename } }",
        )
        answers = [schema.execute(document, {}, context) for document in documents]
        for result in await asyncio.gather(*answers):
            assert result.errors
            assert (result.errors[0].extensions or {})["code"] == "UNAVAILABLE"
        assert office.flags.provider.revision is None
