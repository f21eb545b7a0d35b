"""How much somebody may have at once: operations, subscriptions and WebSockets, while they last."""

from typing import Any

from access.caller import Caller, Role
from schema.errors import RateLimited
from telemetry.metrics import LIMITED

# A page has a few operations under way, and each takes milliseconds, at a busy desk a second.
MAX_OPERATIONS = 50
# A page has one WebSocket and watches a handful of shows on it. But visitors are counted by their
# address, which is a whole office's.
MAX_SUBSCRIPTIONS = 200
MAX_SOCKETS = 100
# An operation ends soon, in seconds; when somebody's subscription ends nobody knows.
SOON = 1


class Turnstile:
    """Counts one kind of thing for each client: a token's subject, or a visitor's address.

    Admins are not counted.

    Attributes:
        inside: how many each client has; who has none is not in it.
    """

    def __init__(self, name: str, most: int, retry_after: int | None = None) -> None:
        self._name, self._most = name, most
        self._told: dict[str, Any] = {"limit": {"name": name, "max": most}}
        if retry_after is not None:
            self._told["retryAfter"] = retry_after
        self.inside: dict[str, int] = {}

    def admit(self, caller: Caller | None) -> "Passage":
        """A passage for this caller, to be entered."""
        return Passage(self, caller)

    def enter(self, client: str) -> None:
        """Count one more.

        Raises:
            RateLimited: it would be too many.
        """
        count = self.inside.get(client, 0)
        if count >= self._most:
            LIMITED.add(self._name)
            raise RateLimited(f"Too many {self._name} at once: {self._most} at most.", self._told)
        self.inside[client] = count + 1

    def leave(self, client: str) -> None:
        """Count one less."""
        count = self.inside[client]
        if count == 1:
            del self.inside[client]
        else:
            self.inside[client] = count - 1


class Passage:
    """What is counted as long as the block lasts, for who it was counted for."""

    __slots__ = ("_client", "_counted", "_turnstile")

    def __init__(self, turnstile: Turnstile, caller: Caller | None) -> None:
        self._turnstile = turnstile
        self._client = _client_of(caller)
        self._counted: str | None = None

    def __enter__(self) -> "Passage":
        """Count it; raise RateLimited where it would be too many."""
        if self._client is not None:
            self._turnstile.enter(self._client)
            self._counted = self._client
        return self

    def __exit__(self, *_: object) -> None:
        counted, self._counted = self._counted, None
        if counted is not None:
            self._turnstile.leave(counted)

    def become(self, caller: Caller) -> None:
        """Count it for somebody else from now on: who has said who they are.

        Raises:
            RateLimited: they have too many; it is counted as before.
        """
        before, client = self._counted, _client_of(caller)
        if client == before:
            return
        if client is not None:
            self._turnstile.enter(client)
        self._counted = client
        if before is not None:
            self._turnstile.leave(before)


class Turnstiles:
    """The counts of this process."""

    def __init__(self) -> None:
        self.operations = Turnstile("operations", MAX_OPERATIONS, SOON)
        self.subscriptions = Turnstile("subscriptions", MAX_SUBSCRIPTIONS)
        self.sockets = Turnstile("sockets", MAX_SOCKETS)

    def operation(self, context: Any) -> Passage:
        """For a query or a mutation, while it is under way."""
        return Passage(self.operations, context.get("caller"))

    def subscription(self, context: Any) -> Passage:
        """For a subscription, as long as somebody listens."""
        return Passage(self.subscriptions, context.get("caller"))


def _client_of(caller: Caller | None) -> str | None:
    return None if caller is None or caller.role is Role.ADMIN else caller.client
