"""A run from the first look at the server to what was found on record."""

import asyncio
import signal
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import aiohttp
import psycopg
from rich.console import Console

from cli.load.client import Client, GaveUp, open_session
from cli.load.crowd import Crowd
from cli.load.figures import Figures
from cli.load.inspection import Findings, Inspection
from cli.load.ledger import Ledger
from cli.load.passes import Passes
from cli.load.plan import NotHad, Plan, Unusable
from cli.load.screen import Screen
from cli.load.visit import House
from cli.load.watching import Watch
from settings import Settings

# New shows begin so much later.
STARTS_AFTER = timedelta(days=1)
SEATS_PER_ROW = 20
SIGNALS = (signal.SIGINT, signal.SIGTERM)


@dataclass(frozen=True)
class Outcome:
    """What came of a run.

    Attributes:
        plan: as it was carried out, with the shows and the seconds that it came to.
        run: its name in idempotency keys.
        interrupted: whether somebody ended it.
        unseen: why nothing could be held against the record, where that is so.
    """

    plan: Plan
    run: str
    began_at: datetime
    figures: Figures
    interrupted: bool
    findings: Findings
    unseen: Exception | None = None


async def run(
    plan: Plan, settings: Settings, token: str | None, database_url: str | None, console: Console
) -> Outcome:
    """Let people come and go, and look what is on record then.

    Args:
        token: by which people call where none can be signed for them, and the admin.
        database_url: where the record is; None: the API is asked.

    Raises:
        Unusable, NotHad, psycopg.Error: it could not be done.
    """
    name = uuid.uuid4().hex[:8]
    passes = Passes(settings, token, name)
    async with open_session() as session:
        # What isn't the people's is not measured with theirs.
        client, ledger = Client(session, plan.url, Figures(), Ledger()), Ledger()
        try:
            await look_in(client, passes.admin)
            shows = plan.shows or await _make_shows(client, plan, passes.admin, name)
            inspection = Inspection(
                client, ledger, shows, passes.admin, passes.of, ours=not plan.shows
            )
            await inspection.begin(database_url)
            outcome = await _let_people_in(
                session, replace(plan, shows=shows), passes, ledger, name, console
            )
            return await _look_back(outcome, inspection, database_url)
        except GaveUp as gave_up:
            raise _in_words(gave_up) from None


async def look_in(client: Client, token: str | None) -> None:
    """See whether anybody is there: who asks again and again learns it later."""
    answer = await client.post("browse", {}, token)
    if answer.failure:
        raise NotHad(f"the server can't be had: {answer.outcome}")
    if answer.code == "FORBIDDEN":  # anybody may look, but not with a document of their own
        raise Unusable("the server refuses what is asked: has it TRUSTED_DOCUMENTS?")


async def _look_back(outcome: Outcome, inspection: Inspection, url: str | None) -> Outcome:
    """Hold it against the record; where that can't be had any more the figures are left."""
    try:
        return replace(outcome, findings=await inspection.conclude(url))
    except GaveUp as gave_up:
        return replace(outcome, unseen=_in_words(gave_up))
    except (NotHad, psycopg.Error) as error:
        return replace(outcome, unseen=error)


def _in_words(gave_up: GaveUp) -> Exception:
    why = str(gave_up)
    if why in ("UNAUTHENTICATED", "FORBIDDEN"):
        return Unusable(
            f"the server says {why}: set AUTH_SECRET as it has it, or BOXOFFICE_TOKEN to an "
            "admin's token or API key"
        )
    if why == "BAD_REQUEST":
        return Unusable("the server doesn't understand what is asked: is it of this version?")
    return NotHad(f"the server can't be had: {why}")


async def _make_shows(client: Client, plan: Plan, token: str | None, name: str) -> tuple[str, ...]:
    starts_at = datetime.now(UTC) + STARTS_AFTER
    shows = []
    for number in range(1, plan.new_shows + 1):
        given = {
            "name": f"Load test {name}, show {number}",
            "startTime": starts_at.isoformat(),
            "totalSeats": plan.seats,
            "seatsPerRow": SEATS_PER_ROW,
            "holdSeconds": plan.hold,
        }
        show = await client.ask("create", {"input": given}, token)
        if show["__typename"] != "Show":
            raise Unusable(f"the server makes no such show: {show['fields']}")
        shows.append(str(show["id"]))
    return tuple(shows)


async def _let_people_in(
    session: aiohttp.ClientSession,
    plan: Plan,
    passes: Passes,
    ledger: Ledger,
    name: str,
    console: Console,
) -> Outcome:
    figures, closing = Figures(), asyncio.Event()
    house = House(
        client=Client(session, plan.url, figures, ledger),
        figures=figures,
        ledger=ledger,
        shows=plan.shows,
        token_of=lambda person: passes.of(person.number),
        watch=lambda *given: Watch(session, plan.url, figures, ledger, *given),
        closing=closing,
        run=name,
    )
    began_at, began = datetime.now(UTC), time.monotonic()
    crowd = Crowd(plan, house)
    screen = asyncio.create_task(Screen(console, plan, figures).run())
    screen.add_done_callback(lambda _: closing.set())  # its reader may have left
    try:
        with _ended_by_signals(closing) as interruptions:
            come = (
                f"{plan.arrivals:g} people a second" if plan.arrivals else f"{plan.people} people"
            )
            console.print(f"Run {name}: {come} for {plan.seconds:g} s. Ctrl-C ends it.")
            await crowd.run()
    finally:
        screen.cancel()
        await asyncio.wait([screen])
    if not screen.cancelled():
        screen.result()
    plan = replace(plan, seconds=min(plan.seconds, time.monotonic() - began))
    nothing_yet = Findings("nothing", differences=[*ledger.contradictions])
    return Outcome(plan, name, began_at, figures, bool(interruptions), nothing_yet)


@contextmanager
def _ended_by_signals(closing: asyncio.Event) -> Iterator[list[int]]:
    """Have the first Ctrl-C send everybody home; the second ends us as it usually does."""
    loop = asyncio.get_running_loop()
    came: list[int] = []

    def end(number: int) -> None:
        came.append(number)
        closing.set()
        loop.remove_signal_handler(number)

    with suppress(NotImplementedError):
        for number in SIGNALS:
            loop.add_signal_handler(number, end, number)
    try:
        yield came
    finally:
        with suppress(NotImplementedError):
            for number in SIGNALS:
                loop.remove_signal_handler(number)
