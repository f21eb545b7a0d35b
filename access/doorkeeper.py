"""The doorkeeper: who somebody is, by what they show."""

import logging
import time
from collections.abc import Awaitable
from typing import Protocol

from access.caller import EVERYBODY, Caller, Role, visitor
from access.tokens import TokenError, Tokens
from schema.errors import Unauthenticated

API_KEY_PREFIX = "bo_"
# An API key may be revoked while its subscriptions go on; they are asked so often, in seconds.
ASK_AGAIN = 30.0

log = logging.getLogger("boxoffice.access")


class ApiKeys(Protocol):
    """Who finds API keys."""

    async def find(self, text: str) -> int | None:
        """The id of a key that is in force; None for any other text."""

    def knows(self, text: str) -> bool:
        """Whether it was in force when it was last looked up."""


class LogIns(Protocol):
    """Who counts failed log-ins."""

    def check_log_ins(self, client: str) -> None:
        """Raise RateLimited where one more failure would be too many."""

    def failed(self, client: str) -> Awaitable[None] | None:
        """Count a failure, awaited where there is something to await.

        Raises:
            RateLimited: there were too many.
        """


class Doorkeeper:
    """Tells callers apart. Without `tokens` there is no access control: everybody is admin."""

    def __init__(
        self, tokens: Tokens | None, api_keys: ApiKeys, log_ins: LogIns | None = None
    ) -> None:
        self._tokens = tokens
        self._api_keys = api_keys
        self._log_ins = log_ins

    @property
    def open_to_all(self) -> bool:
        """Whether there is no access control."""
        return self._tokens is None

    async def admit(self, authorization: str | None, address: str) -> Caller:
        """Say who calls.

        Args:
            authorization: "Bearer" and a token or an API key; None for a visitor.
            address: where from.

        Raises:
            Unauthenticated: that is nobody; whoever shows something must be somebody.
            RateLimited: that is nobody, and so were too many others at this address.
        """
        if self._tokens is None:
            return EVERYBODY
        if authorization is None:
            return visitor(address)
        client = f"address:{address}"
        scheme, _, credential = authorization.partition(" ")
        credential = credential.strip()
        if scheme.lower() == "bearer":
            if caller := self._tokens.recall(credential):
                return caller
            if caller := await self._check(credential, client):
                return caller
        else:
            await self._refuse(client, "no Bearer")
        raise Unauthenticated("That token or key is not valid, or no longer.")

    async def _check(self, credential: str, client: str) -> Caller | None:
        assert self._tokens is not None
        if credential.startswith(API_KEY_PREFIX):
            # Who guesses doesn't keep the database busy; a key that was right before is asked about
            # whatever others do at its address.
            if self._log_ins and not self._api_keys.knows(credential):
                self._log_ins.check_log_ins(client)
            key = await self._api_keys.find(credential)
            if key is not None:
                return Caller(Role.ADMIN, f"key:{key}", expires_at=time.time() + ASK_AGAIN)
            await self._refuse(client, "no such API key")
            return None
        try:
            return await self._tokens.read(credential)
        except TokenError as error:
            await self._refuse(client, str(error))
            return None

    async def _refuse(self, client: str, why: str) -> None:
        log.info("a log-in from %s failed: %s", client, why)
        if self._log_ins and (counting := self._log_ins.failed(client)):
            await counting
