"""One person's visit: browse, open a show, watch, pick, hesitate, book, decide."""

import asyncio
import time
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any

from cli.load.client import Client, GaveUp
from cli.load.figures import Figures
from cli.load.ledger import Ledger
from cli.load.people import Ending, Person
from cli.load.seats import SeatMap
from cli.load.watching import Watch

STAGES = ("browsing", "looking", "picking", "booking", "deciding")


class Closing(Exception):
    """The run ends: everybody goes home."""


@dataclass(frozen=True)
class House:
    """What a visit goes on in.

    Attributes:
        shows: the ids of those on sale, the most popular first.
        token_of: says by which token a person calls.
        watch: opens a live map.
        closing: set when the run ends.
        run: names this run in idempotency keys.
    """

    client: Client
    figures: Figures
    ledger: Ledger
    shows: Sequence[str]
    token_of: Callable[[Person], str | None]
    watch: Callable[[str | None, dict[str, Any], SeatMap], Watch]
    closing: asyncio.Event
    run: str


async def closes_within(closing: asyncio.Event, seconds: float) -> bool:
    """Wait for so long; true, and at once, where the run ends."""
    try:
        async with asyncio.timeout(seconds):
            await closing.wait()
    except TimeoutError:
        return False
    return True


class Visit:
    """What happens to one person."""

    def __init__(self, house: House, person: Person) -> None:
        self._house = house
        self._person = person
        self._show_id = house.shows[person.show]
        self._token = house.token_of(person)
        self._map = SeatMap()
        self._watch: Watch | None = None
        self._stage: str | None = None

    async def run(self, due_at: float) -> None:
        """Come and go; what became of it is counted."""
        try:
            async with AsyncExitStack() as stack:
                ended = await self._come(stack, due_at)
        except Closing:
            ended = "still there at the end"
        except GaveUp as gave_up:
            ended = f"gave up: {gave_up}"
        finally:
            self._go(None)
        self._house.figures.visits[ended] += 1

    async def _come(self, stack: AsyncExitStack, due_at: float) -> str:
        person = self._person
        self._go("browsing")
        await self._ask("browse", {}, due_at)
        due_at = await self._think(person.browses)
        if not await self._open(due_at):
            return "no such show"
        if person.watches:
            variables = {"id": self._show_id, "every": person.every_ms}
            watch = self._house.watch(self._token, variables, self._map)
            self._watch = await stack.enter_async_context(watch)
        self._go("looking")
        await self._think(person.looks)
        return await self._try_to_book()

    async def _open(self, due_at: float) -> bool:
        show = await self._ask("open", {"id": self._show_id}, due_at)
        if show is None:
            return False
        self._map.open(show["seatMap"]["seats"], show["seatMap"]["version"])
        self._house.ledger.see(self._show_id, self._map)
        return True

    async def _try_to_book(self) -> str:
        person = self._person
        for tried, (picks, taste) in enumerate(zip(person.picks, person.tastes, strict=True)):
            self._go("picking")
            wanted = self._wish(taste)
            if not wanted:
                return "sold out"
            due_at = await self._think(picks)
            if self._is_gone(wanted) and not (wanted := self._wish(taste)):
                return "sold out"
            self._go("booking")
            answer = await self._ask("book", {"input": self._input(tried, wanted)}, due_at)
            if answer["__typename"] == "Booking":
                return await self._end(answer)
            if answer["__typename"] != "SeatsUnavailable":
                return f"told {answer['__typename']}"
            if answer["availableSeats"] < person.party:
                return "sold out"
        return "lost heart"

    def _wish(self, taste: float) -> dict[str, Any]:
        """What to ask for, chosen before the hesitating; nothing where there is nothing left."""
        person = self._person
        if not person.watches:
            return {"seatCount": person.party}
        seats = self._map.pick(person.party, taste)
        return {"seatNumbers": seats} if seats else {}

    def _is_gone(self, wanted: dict[str, Any]) -> bool:
        """Whether the page shows by now that somebody else was quicker."""
        return not all(self._map.shows_free(number) for number in wanted.get("seatNumbers", ()))

    def _input(self, tried: int, wanted: dict[str, Any]) -> dict[str, Any]:
        person = self._person
        return {
            "showId": self._show_id,
            "userName": person.name,
            "confirm": person.at_once,
            "idempotencyKey": f"{self._house.run}-{person.number}-{tried}",
            **wanted,
        }

    async def _end(self, booking: dict[str, Any]) -> str:
        if self._watch:
            self._watch.expect(booking["seatNumbers"])
        person, variables = self._person, {"id": booking["id"]}
        if booking["status"] == "PENDING":
            self._go("deciding")
            due_at = await self._think(person.decides)
            if person.ending is Ending.LET_GO:
                return "let go"
            operation = "cancel" if person.ending is Ending.CANCEL else "confirm"
            answer = await self._ask(operation, variables, due_at)
            if operation == "cancel" or answer["__typename"] != "Booking":
                return "cancelled" if operation == "cancel" else f"told {answer['__typename']}"
        elif booking["status"] == "FAILED":
            return "too late"  # asked again for so long that the hold was over
        if person.ending is not Ending.RETURN:
            return "confirmed"
        self._go("deciding")
        await self._ask("cancel", variables, await self._think(person.regrets))
        return "confirmed and cancelled"

    async def _ask(self, operation: str, variables: dict[str, Any], due_at: float) -> Any:
        house, person = self._house, self._person
        result = await house.client.ask(operation, variables, self._token, due_at)
        if operation in ("book", "confirm", "cancel"):
            house.ledger.hear(person.number, self._show_id, operation, variables, result)
        return result

    async def _think(self, seconds: float) -> float:
        """Do nothing for a time; returns when it was to end. Ends at once where the run does."""
        due_at = time.monotonic() + seconds
        if await closes_within(self._house.closing, seconds):
            raise Closing
        self._house.figures.lag.add(max(0.0, time.monotonic() - due_at))
        return due_at

    def _go(self, stage: str | None) -> None:
        self._house.figures.move(self._stage, stage)
        self._stage = stage
