"""The shows on sale: few, so that all want the same; a new one where one is nearly sold."""

import asyncio
import random
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from faults.caller import Callers, Failed
from faults.documents import CREATE, LOOK

ON_SALE = 6
SIZES = (60, 100, 200, 300)
# Some lapse as soon as a show allows, so that many confirm near the deadline; all within a short
# time, so that at the end of a run it can be waited for.
HOLDS = (5, 5, 6, 8)
# A show that has sold so much is replaced.
SOLD = 0.6
LOOK_EVERY = 1.0


@dataclass(frozen=True)
class OnSale:
    """A show, as its sellers know it."""

    id: str
    seats: int


class Shows:
    """Those on sale, and all there were."""

    def __init__(
        self, callers: Callers, chance: random.Random, opened: Callable[[OnSale], None]
    ) -> None:
        """Take who is to be told of each new show."""
        self._callers = callers
        self._random = chance
        self._opened = opened
        self.on_sale: list[OnSale] = []
        self.all: list[OnSale] = []

    async def open(self) -> None:
        """Put the first ones on sale."""
        for _ in range(ON_SALE):
            self.on_sale.append(await self.add())

    async def keep(self) -> None:
        """Replace what is sold, until cancelled."""
        while True:
            await asyncio.sleep(LOOK_EVERY)
            for place, show in enumerate(self.on_sale):
                with suppress(Failed):
                    if await self._is_sold(show):
                        self.on_sale[place] = await self.add()

    async def _is_sold(self, show: OnSale) -> bool:
        found = await self._ask(LOOK, {"id": show.id})
        return bool(found and found["confirmedSeats"] >= SOLD * found["totalSeats"])

    async def add(self) -> OnSale:
        seats = self._random.choice(SIZES)
        given = {
            "name": f"Show {len(self.all) + 1}",
            "startTime": "2040-01-01T20:00:00Z",
            "totalSeats": seats,
            "holdSeconds": self._random.choice(HOLDS),
        }
        while True:
            with suppress(Failed):
                if made := await self._ask(CREATE, {"input": given}):
                    show = OnSale(made["id"], seats)
                    self.all.append(show)
                    self._opened(show)
                    return show
            await asyncio.sleep(LOOK_EVERY)

    async def _ask(self, document: str, variables: dict[str, Any]) -> Any:
        server = self._random.randrange(self._callers.count)
        answer = await self._callers.post(server, document, variables)
        return (answer.get("data") or {}).get("result")
