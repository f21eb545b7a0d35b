"""A live seat map on somebody's page: graphql-transport-ws, and back with the version it has."""

import asyncio
import random
import time
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import aiohttp
import orjson

from cli.load.answers import UNREADABLE, read_error
from cli.load.client import authorization
from cli.load.documents import WATCH
from cli.load.figures import MAP_DELAY, Figures
from cli.load.ledger import Ledger
from cli.load.seats import SeatMap

PROTOCOL = "graphql-transport-ws"
# Whoever is cut off comes back, but not all at once.
COME_BACK = (0.2, 1.5)
# A page that is refused asks again no sooner.
REFUSED_PAUSE = 5.0
ACKNOWLEDGED_WITHIN = 10.0
LARGEST_MESSAGE = 32 << 20


# The protocol's own refusals, such as of a token that has run out, and "try again later".
TOLD_OFF = range(4_400, 4_500)
LATER = 1013


class Refused(Exception):
    """The server doesn't want this subscription."""


class Watch:
    """Keeps one map up to date while it is open; `async with`."""

    def __init__(
        self,
        session: aiohttp.ClientSession,
        url: str,
        figures: Figures,
        ledger: Ledger,
        token: str | None,
        variables: dict[str, Any],
        seat_map: SeatMap,
    ) -> None:
        self._session = session
        self._url = url
        self._figures = figures
        self._ledger = ledger
        self._token = token
        self._variables = variables
        self._map = seat_map
        self._awaited: tuple[Sequence[int], float] | None = None

    async def __aenter__(self) -> "Watch":
        """Begin."""
        self._task = asyncio.create_task(self._keep_watching())
        return self

    async def __aexit__(self, *_: object) -> None:
        """Close it."""
        self._task.cancel()
        await asyncio.wait([self._task])
        if not self._task.cancelled():
            self._task.result()  # a fault of ours is not kept quiet

    def expect(self, seats: Sequence[int]) -> None:
        """Measure how long it takes until these seats, booked just now, are taken on the map."""
        self._awaited = seats, time.monotonic()
        self._look_for_own()

    async def _keep_watching(self) -> None:
        chance = random.Random()
        while True:
            pause = chance.uniform(*COME_BACK)
            try:
                ended = await self._watch(time.monotonic())
            except Refused as refused:
                ended, pause = str(refused), pause + REFUSED_PAUSE
            except aiohttp.WSServerHandshakeError as refused:
                ended, pause = f"refused with {refused.status}", pause + REFUSED_PAUSE
            except (aiohttp.ClientError, OSError, TimeoutError) as error:
                ended = f"no answer: {type(error).__name__}"
            self._figures.outcomes["watch", ended] += 1
            await asyncio.sleep(pause)

    async def _watch(self, began_at: float) -> str:
        """Watch until it ends; returns how that was."""
        async with self._session.ws_connect(
            self._url,
            protocols=[PROTOCOL],
            max_msg_size=LARGEST_MESSAGE,
            timeout=aiohttp.ClientWSTimeout(ws_close=1.0),
        ) as socket:
            await self._subscribe(socket)
            first = True
            async for frame in socket:
                message = _read(frame)
                match message["type"]:
                    case "next":
                        self._take(message["payload"])
                        if first:
                            self._figures.time("watch", time.monotonic() - began_at)
                            self._figures.outcomes["watch", "opened"] += 1
                        first = False
                    case "ping":
                        await socket.send_str('{"type":"pong"}')
                    case "error":
                        raise Refused(read_error(message["payload"][0]).outcome)
                    case "complete":
                        return "completed"
            return _closed(socket)

    async def _subscribe(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        opening = {"type": "connection_init", "payload": authorization(self._token)}
        await socket.send_str(orjson.dumps(opening).decode())
        acknowledged = await socket.receive(ACKNOWLEDGED_WITHIN)
        if acknowledged.type is not aiohttp.WSMsgType.TEXT:
            raise Refused(_closed(socket))
        since = None if self._map.version < 0 else self._map.version
        payload = {"query": WATCH, "variables": {**self._variables, "since": since}}
        subscribe = {"id": "1", "type": "subscribe", "payload": payload}
        await socket.send_str(orjson.dumps(subscribe).decode())

    def _take(self, payload: dict[str, Any]) -> None:
        if errors := payload.get("errors"):
            raise Refused(read_error(errors[0]).outcome)
        self._map.fold(payload["data"]["result"])
        self._figures.update()
        self._ledger.see(self._variables["id"], self._map)
        self._look_for_own()

    def _look_for_own(self) -> None:
        if self._awaited and self._map.shows_taken(self._awaited[0]):
            self._figures.time(MAP_DELAY, time.monotonic() - self._awaited[1])
            self._awaited = None


def _read(frame: aiohttp.WSMessage) -> Any:
    """A message of the server's, which may come from anything on the way."""
    if frame.type is aiohttp.WSMsgType.TEXT:
        with suppress(orjson.JSONDecodeError):
            message = orjson.loads(frame.data)
            if isinstance(message, dict) and "type" in message:
                return message
    raise Refused(UNREADABLE)


def _closed(socket: aiohttp.ClientWebSocketResponse) -> str:
    """How it was closed: by a code that says not to come back at once, that is a refusal."""
    code, ended = socket.close_code, f"closed with {socket.close_code}"
    if code == LATER or code in TOLD_OFF:
        raise Refused(ended)
    return ended
