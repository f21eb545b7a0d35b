"""The audit as a query: what it answers, for how long, and beside whom."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest

import db.audit
import db.auditor
from access.caller import EVERYBODY
from resolvers.api import schema
from resolvers.office import Office
from schema.ids import show_id as public_id
from tests.office import book, done, opened
from tests.test_audit import Pause

AUDIT = """
    query ($showId: ID, $after: ID) {
        audit(showId: $showId, after: $after) {
            shows changes differenceCount differences { showId version message }
            complete endShowId
        }
    }
"""


async def ask(office: Office, **variables: Any) -> Any:
    """What is answered, or the code of the error and its message."""
    result: Any = await schema.execute(AUDIT, variables, {"office": office, "caller": EVERYBODY})
    if result.errors:
        return result.errors[0].extensions["code"], result.errors[0].message
    return result.data["audit"]


def test_query_reports_shows_changes_and_differences(
    database_url: str, house: dict[str, Any]
) -> None:
    async def scenario() -> None:
        id_ = public_id(house["show"])
        sound = {"differenceCount": 0, "differences": [], "complete": True, "endShowId": id_}
        async with opened(database_url) as office:
            assert await ask(office) == {"shows": 2, "changes": 10, **sound}
            assert await ask(office, showId=id_) == {"shows": 1, "changes": 10, **sound}
            assert await ask(office, after=public_id(house["show"] - 1)) == {
                "shows": 1,
                "changes": 10,
                **sound,
            }
            await office.database.write("UPDATE shows SET version = 11 RETURNING id", {})
            report = await ask(office, showId=id_)
            message = "the show is at version 11, and its log ends at 10"
            found = {"showId": id_, "version": 10, "message": message}
            assert (report["differenceCount"], report["differences"]) == (1, [found])
            for unknown in (public_id(999), "nonsense"):
                code, message = await ask(office, showId=unknown)
                assert (code, message) == ("BAD_REQUEST", "`showId` is not the id of a show.")

    asyncio.run(scenario())


def test_query_that_runs_out_of_time_says_how_far_it_came(
    database_url: str, monkeypatch: pytest.MonkeyPatch, house: dict[str, Any]
) -> None:
    async def scenario() -> None:
        async with opened(database_url) as office:
            monkeypatch.setattr(db.auditor, "PATIENCE", timedelta())
            report = await ask(office)
            assert (report["shows"], report["complete"]) == (1, False)
            monkeypatch.undo()
            rest = await ask(office, after=report["endShowId"])
            assert (rest["shows"], rest["changes"], rest["complete"]) == (1, 10, True)

    asyncio.run(scenario())


def test_query_is_answered_once_at_a_time_and_sales_go_on(
    database_url: str, monkeypatch: pytest.MonkeyPatch, house: dict[str, Any]
) -> None:
    async def scenario() -> None:
        pause = Pause(monkeypatch, db.audit.READ_TAKEN_SEATS)
        async with opened(database_url) as office:
            first = asyncio.create_task(ask(office))
            await pause.reached.wait()
            assert (await ask(office))[0] == "UNAVAILABLE"
            await done(office, book(house["show"], 15))
            first.cancel()  # who asked has gone: it ends all the same
            pause.over.set()
            while isinstance(answer := await ask(office), tuple):
                await office.database.ping()
            assert answer["differenceCount"] == 0

    asyncio.run(scenario())
