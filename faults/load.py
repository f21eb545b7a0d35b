"""The clients who change something: they book, confirm, cancel, try again, and some just vanish."""

import asyncio
import random
import time
from collections import Counter
from collections.abc import Coroutine
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from faults.caller import Callers, Failed, request
from faults.documents import CHANGES
from faults.records import Records, Request
from faults.shows import Shows

BOOKERS = 40
# Some two hundred bookings a second, and as much again in what follows: both cores have time left.
THINK_SECONDS = 0.25
VANISH_EVERY = 0.3
# Who has a booking, and wants to do something about it later: so many at a time.
MOST_ERRANDS = 400
MOST_TRIES = 8
LONGEST_BACKOFF = 2.0
# Confirming comes within so much of the deadline, on either side of it.
NEAR_DEADLINE = 0.3
# Only deadlines as near as this are waited for.
WORTH_WAITING = 9.0


@dataclass(frozen=True)
class Manner:
    """How a booker goes about it, drawn for each booking."""

    input: dict[str, Any]
    stubborn: bool
    later: str
    again: bool


class Load:
    """All of them, on one set of connections."""

    def __init__(self, callers: Callers, shows: Shows, records: Records, seed: int) -> None:
        self.vanished: Counter[str] = Counter()
        self._callers = callers
        self._shows = shows
        self._records = records
        self._seed = seed
        self._errands: set[asyncio.Task[None]] = set()
        self._closing = asyncio.Event()

    async def run(self) -> None:
        """Keep them busy until `close`; returns when all have ended what they had begun."""
        names = [f"booker {number}" for number in range(1, BOOKERS + 1)]
        roles = [self._keep_booking(name, self._chance(name)) for name in names]
        await asyncio.gather(*roles, self._keep_vanishing(self._chance("vanisher")))
        while self._errands:
            await asyncio.wait(self._errands)

    def close(self) -> None:
        """Let nobody begin anything new."""
        self._closing.set()

    async def ask(
        self, client: str, operation: str, variables: dict[str, Any], server: int
    ) -> Request:
        """Send an operation and put on record what came of it."""
        began_at = time.time()
        heard: dict[str, Any] = {}
        try:
            answer = await self._callers.post(server, CHANGES[operation], variables)
        except Failed as failed:
            heard["failure"] = str(failed)
        else:
            heard = _read(answer)
        record = Request(client, operation, began_at, time.time(), variables, **heard)
        self._records.requests.append(record)
        return record

    def _chance(self, name: str) -> random.Random:
        return random.Random(f"{self._seed} {name}")

    async def _keep_booking(self, name: str, chance: random.Random) -> None:
        number = 0
        while not self._closing.is_set():
            await asyncio.sleep(chance.expovariate(1 / THINK_SECONDS))
            number += 1
            manner = self._draw(f"{name} #{number}", chance)
            await self._book(name, manner, chance)

    def _draw(self, user: str, chance: random.Random) -> Manner:
        show = chance.choice(self._shows.on_sale)
        given: dict[str, Any] = {"showId": show.id, "userName": user}
        if chance.random() < 0.5:
            given["seatNumbers"] = sorted(
                chance.sample(range(1, show.seats + 1), chance.randint(1, 4))
            )
        else:
            given["seatCount"] = chance.randint(1, 6)
        if chance.random() < 0.15:
            given["confirm"] = True
        if chance.random() < 0.65:
            given["idempotencyKey"] = f"{self._seed} {user}"
        later = chance.choices(
            ["confirm", "confirm late", "cancel", "leave"], weights=[15, 30, 30, 25]
        )[0]
        return Manner(given, chance.random() < 0.7, later, chance.random() < 0.03)

    async def _book(self, name: str, manner: Manner, chance: random.Random) -> None:
        keyed = "idempotencyKey" in manner.input
        answer = await self._insist(
            name, "bookSeats", {"input": manner.input}, chance, insist=keyed and manner.stubborn
        )
        if keyed and manner.again:
            # What was answered is answered again; another wish under the same key is refused.
            given = {**manner.input, **chance.choice([{}, {"userName": "somebody else"}])}
            await self.ask(name, "bookSeats", {"input": given}, self._anywhere(chance))
        if answer.result and answer.result["__typename"] == "Booking":
            self._start(self._follow_up(name, manner.later, answer.result, chance.random()))

    async def _insist(
        self,
        name: str,
        operation: str,
        variables: dict[str, Any],
        chance: random.Random,
        *,
        insist: bool,
    ) -> Request:
        """Ask; who insists asks again, mostly another server, until it is decided."""
        for tried in range(MOST_TRIES if insist else 1):
            if tried:
                backoff = min(LONGEST_BACKOFF, 0.1 * 2**tried)
                await asyncio.sleep(backoff * chance.uniform(0.5, 1))
            answer = await self.ask(name, operation, variables, self._anywhere(chance))
            if answer.result is not None or answer.code not in (None, "UNAVAILABLE"):
                break
        return answer

    async def _follow_up(
        self, name: str, later: str, booking: dict[str, Any], drawn: float
    ) -> None:
        chance = random.Random(f"{name} {drawn}")
        if later == "leave" or (later.startswith("confirm") and booking["status"] != "PENDING"):
            return
        with suppress(TimeoutError):
            await asyncio.wait_for(self._closing.wait(), _delay(later, booking, chance))
            return
        operation = "cancelBooking" if later == "cancel" else "confirmBooking"
        client = name.replace("booker", "canceller" if later == "cancel" else "confirmer")
        variables = {"bookingId": booking["id"]}
        await self._insist(client, operation, variables, chance, insist=chance.random() < 0.7)

    def _start(self, errand: Coroutine[Any, Any, None]) -> None:
        if len(self._errands) >= MOST_ERRANDS:
            errand.close()
            return
        task = asyncio.ensure_future(errand)
        self._errands.add(task)
        task.add_done_callback(self._errands.discard)

    async def _keep_vanishing(self, chance: random.Random) -> None:
        number = 0
        while not self._closing.is_set():
            await asyncio.sleep(chance.expovariate(1 / VANISH_EVERY))
            number += 1
            with suppress(OSError):
                await self._vanish(f"vanisher #{number}", chance)

    async def _vanish(self, user: str, chance: random.Random) -> None:
        manner = self._draw(user, chance)
        variables = {"input": manner.input}
        message = request(CHANGES["bookSeats"], variables)
        server, began_at = self._anywhere(chance), time.time()
        if chance.random() < 0.5:
            # Half a request is none: nothing that comes of it would be on record.
            await self._callers.vanish(server, message[: chance.randrange(len(message))], 0)
            self.vanished["half a request"] += 1
            return
        await self._callers.vanish(server, message, chance.choice([0, 0.001, 0.005, 0.02]))
        self.vanished["a whole request"] += 1
        self._records.requests.append(
            Request("vanisher", "bookSeats", began_at, time.time(), variables, failure="vanished")
        )
        if "idempotencyKey" in manner.input and manner.stubborn:
            await self._insist("vanisher", "bookSeats", variables, chance, insist=True)

    def _anywhere(self, chance: random.Random) -> int:
        return chance.randrange(self._callers.count)


def _read(answer: dict[str, Any]) -> dict[str, Any]:
    """The fields of a Request that an answer tells."""
    if errors := answer.get("errors"):
        extensions = errors[0].get("extensions", {})
        return {"code": extensions.get("code"), "outcome": extensions.get("outcome")}
    return {"result": answer["data"]["result"]}


def _delay(later: str, booking: dict[str, Any], chance: random.Random) -> float:
    """Seconds until somebody comes back to a booking."""
    if later == "confirm late" and booking["expiresAt"]:
        left = datetime.fromisoformat(booking["expiresAt"]).timestamp() - time.time()
        if left < WORTH_WAITING:
            return max(0.0, left + chance.uniform(-NEAR_DEADLINE, NEAR_DEADLINE))
    return chance.expovariate(1.0)
