"""Those who watch seat maps: they come back with the version they have, whatever happens."""

import asyncio
import json
import random
import time
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import WebSocketException
from websockets.typing import Subprotocol

from faults.documents import WATCH
from faults.records import Records, Update
from faults.shows import OnSale

PROTOCOLS = [Subprotocol("graphql-transport-ws")]
OPEN_PATIENCE = 5.0
# They don't all come back at once.
COME_BACK = (0.1, 1.0)
EVERY_MS = (0, 0, 0, 200)
# A server that is stalled answers no ping; one that is dead without a word has to be found out.
PING_SECONDS = 10.0


class Watchers:
    """Two for each show there is or was, to the end of the run."""

    def __init__(self, addresses: Sequence[str], records: Records, seed: int) -> None:
        self.versions: dict[str, tuple[str, int]] = {}
        self.came_back = 0
        self._addresses = addresses
        self._records = records
        self._seed = seed
        self._tasks: list[asyncio.Task[None]] = []

    def watch(self, show: OnSale) -> None:
        """Have a new show watched."""
        for _ in range(2):
            name = f"watcher {len(self._tasks) + 1}"
            chance = random.Random(f"{self._seed} {name}")
            self.versions[name] = (show.id, -1)
            self._tasks.append(asyncio.ensure_future(self._keep_watching(name, show, chance)))

    def behind(self, versions: dict[str, int]) -> list[str]:
        """Who has not yet seen these versions of the shows."""
        return [
            f"{name} of {show_id} is at {version}, not at {versions[show_id]}"
            for name, (show_id, version) in self.versions.items()
            if version < versions[show_id]
        ]

    async def stop(self) -> None:
        """Let all go home."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _keep_watching(self, name: str, show: OnSale, chance: random.Random) -> None:
        every = chance.choice(EVERY_MS)
        while True:
            address = chance.choice(self._addresses)
            with suppress(OSError, WebSocketException, EOFError):
                await self._watch(name, show, address, every)
            self.came_back += 1
            await asyncio.sleep(chance.uniform(*COME_BACK))

    async def _watch(self, name: str, show: OnSale, address: str, every: int) -> None:
        async with connect(
            f"ws://{address}/graphql",
            subprotocols=PROTOCOLS,
            open_timeout=OPEN_PATIENCE,
            close_timeout=1,
            ping_interval=PING_SECONDS,
            ping_timeout=PING_SECONDS,
            compression=None,
            max_size=None,
        ) as socket:
            _, version = self.versions[name]
            since = None if version < 0 else version
            await _subscribe(socket, {"id": show.id, "since": since, "every": every})
            async for text in socket:
                message = json.loads(text)
                if message["type"] in ("complete", "error"):
                    return
                data = message.get("payload") and message["payload"].get("data")
                if message["type"] == "next" and not data:
                    return
                if message["type"] == "next":
                    self._note(name, show.id, data["seatMap"])

    def _note(self, name: str, show_id: str, update: dict[str, Any]) -> None:
        seats = {seat["number"]: seat["status"][0] for seat in update["seats"]}
        self._records.updates.append(
            Update(name, show_id, time.time(), update["version"], update["snapshot"], seats)
        )
        self.versions[name] = (show_id, update["version"])


async def _subscribe(socket: ClientConnection, variables: dict[str, Any]) -> None:
    await socket.send('{"type":"connection_init"}')
    async with asyncio.timeout(OPEN_PATIENCE):
        acknowledged = json.loads(await socket.recv())
    if acknowledged["type"] != "connection_ack":
        raise OSError("the server does not acknowledge")
    payload = {"query": WATCH, "variables": variables}
    await socket.send(json.dumps({"id": "1", "type": "subscribe", "payload": payload}))
