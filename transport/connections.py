"""The connections of this process: as many as it has room for, of which one address has half."""

import resource
from collections import Counter

from access.addresses import client_address
from telemetry.metrics import CONNECTIONS_REFUSED
from transport.refusal import Refusal

# An idle one takes some 10 KB, a WebSocket some 60.
MOST = 50_000
# Open files that are none of a client's: the database's connections, listening sockets, logs.
SPARED = 256
# Who is refused keeps a connection until the refusal is heard. To more it is said in passing.
REFUSED_AT_ONCE = 64


class Connections:
    """Counts them, by the addresses they come from."""

    def __init__(self) -> None:
        self._most: int | None = None
        self._open = 0
        self._of: Counter[str] = Counter()

    @property
    def most(self) -> int:
        """How many there may be. When the first one comes, the process has its limits."""
        if self._most is None:
            files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
            files = MOST if files == resource.RLIM_INFINITY else files
            self._most = max(1, min(MOST, files - SPARED - REFUSED_AT_ONCE))
        return self._most

    @property
    def count(self) -> int:
        """How many there are."""
        return self._open

    @property
    def overrun(self) -> bool:
        """Whether there is not even room for somebody to hear that there is none."""
        return self._open > self.most + REFUSED_AT_ONCE

    def enter(self, peer: str, proxy: bool) -> Refusal | None:
        """Count one more; returns what it is to be told where it is one too many.

        Args:
            peer: the address at the other end.
            proxy: whether many people come from it.
        """
        address = client_address(peer, None, ())
        self._open += 1
        self._of[address] += 1
        most, most_of_one = self.most, self.most // 2
        if self._open > most:
            message = "The box office is full. Try again in a moment."
            limit = ("connections", most)
            CONNECTIONS_REFUSED.add(limit[0])
            return Refusal(503, message, code="UNAVAILABLE", limit=limit, retry_after=1)
        if peer and not proxy and self._of[address] > most_of_one:
            message = f"At most {most_of_one} connections from one address."
            limit = ("connectionsOfAddress", most_of_one)
            CONNECTIONS_REFUSED.add(limit[0])
            return Refusal(429, message, code="RATE_LIMITED", limit=limit)
        return None

    def leave(self, peer: str) -> None:
        """Count one less."""
        address = client_address(peer, None, ())
        self._open -= 1
        self._of[address] -= 1
        if not self._of[address]:
            del self._of[address]


# A process has its open files for all that is in it.
connections = Connections()
