"""The house under test: PostgreSQL, the proxy before it, and three server processes before that."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from faults.postgres import DATABASE, Postgres, started
from faults.process import USUAL, ServerProcess
from faults.steering import Steering, steered

SERVERS = 3


class House:
    """What the faults are done to.

    Attributes:
        command: how a server is started; another entry breaks it on purpose.
    """

    def __init__(
        self,
        postgres: Postgres,
        proxy: Steering,
        home: Path,
        command: Sequence[str] = USUAL,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self.postgres = postgres
        self.proxy = proxy
        self.command = command
        self.environment = dict(environment or {})
        self.servers = [
            ServerProcess(number, _url(port), home / f"server-{number}.log")
            for number, port in enumerate(proxy.ports)
        ]

    async def start(self, number: int) -> None:
        """Start a server as usual."""
        await self.servers[number].start(self.command, self.environment)

    async def heal(self) -> None:
        """Make everything work again that was broken."""
        self.proxy.heal()
        self.postgres.free_disk()
        if not self.postgres.runs:
            await asyncio.to_thread(self.postgres.start)
        await asyncio.gather(*(self.start(s.number) for s in self.servers if not s.runs))

    async def stop(self) -> None:
        """Stop the servers, in any state."""
        outcomes = await asyncio.gather(*(s.stop() for s in self.servers), return_exceptions=True)
        for outcome in outcomes:
            if isinstance(outcome, BaseException):
                raise outcome


@asynccontextmanager
async def opened(
    command: Sequence[str] = USUAL,
    environment: Mapping[str, str] | None = None,
    directory: Path | None = None,
) -> AsyncIterator[House]:
    """A house with its servers running, for the length of a block; nothing is left of it."""
    with started(directory) as postgres:
        async with steered(postgres.socket, SERVERS) as proxy:
            house = House(postgres, proxy, postgres.home, command, environment)
            try:
                # The first brings the database up to date, and the others find it so.
                await house.start(0)
                await asyncio.gather(*(house.start(n) for n in range(1, SERVERS)))
                yield house
            finally:
                for server in house.servers:
                    server.kill()


def _url(port: int) -> str:
    # Nothing is asked before the start-up message that a proxy would have to understand.
    return f"postgresql://boxoffice@127.0.0.1:{port}/{DATABASE}?sslmode=disable&gssencmode=disable"
