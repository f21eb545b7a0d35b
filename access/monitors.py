"""Who may read the metrics."""

from collections.abc import Awaitable, Callable
from hmac import compare_digest

from access.caller import Caller, Role
from schema.errors import Unauthenticated

Admit = Callable[[], Awaitable[Caller]]
"""Says who calls, as the doorkeeper does."""


class Monitors:
    """Lets in who shows the token made for it, with no database to ask; and admins."""

    def __init__(self, token: str | None) -> None:
        self._token = token.encode() if token else None

    async def check(self, authorization: str | None, admit: Admit) -> None:
        """Refuse everybody else.

        Raises:
            Unauthenticated: it is nobody who may, or nobody at all.
        """
        if not self._knows(authorization) and (await admit()).role is not Role.ADMIN:
            raise Unauthenticated("The metrics are for who shows METRICS_TOKEN, and for admins.")

    def _knows(self, authorization: str | None) -> bool:
        scheme, _, shown = (authorization or "").partition(" ")
        if self._token is None or scheme.lower() != "bearer":
            return False
        return compare_digest(shown.strip().encode(), self._token)
