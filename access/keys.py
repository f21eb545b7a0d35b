"""The keys that tokens are signed with: one secret, or a set that its owner may renew."""

import asyncio
import json
import logging
import time
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from http.client import HTTPException
from pathlib import Path
from typing import Any, Protocol
from urllib.error import HTTPError
from urllib.parse import urlsplit

import jwt
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

# A set is read again after so long: a key that was withdrawn is no longer believed, nor are the
# tokens that were remembered.
RENEWAL = timedelta(minutes=10)
# Who sends keys that nobody knows makes us ask for the set so often at the most.
LEAST_PAUSE = timedelta(seconds=30)
PATIENCE = timedelta(seconds=5)
LARGEST_SET = 1 << 20
LEAST_RSA_BITS = 2_048  # RFC 7518, 3.3
LEAST_SECRET_BYTES = 32  # RFC 7518, 3.2
# What a place that has no set for us may lead to.
FAILURES = (OSError, ValueError, HTTPException, RecursionError)

log = logging.getLogger("boxoffice.access")


class KeysError(Exception):
    """There are no keys to begin with."""


@dataclass(frozen=True, slots=True)
class Key:
    """A key and the one algorithm that it is for."""

    secret: Any
    algorithm: str


class Keys(Protocol):
    """Where keys are found."""

    async def find(self, kid: object) -> Key | None:
        """The key of this name."""

    def on_withdrawal(self, forget: Callable[[], None]) -> None:
        """Have something called whenever a key is no longer to be believed."""


class OneSecret:
    """A secret that both sides know, for HS256."""

    def __init__(self, secret: str) -> None:
        self._key = Key(secret.encode(), "HS256")

    async def find(self, kid: object) -> Key | None:
        """The secret, whatever it is called."""
        return self._key

    def on_withdrawal(self, forget: Callable[[], None]) -> None:
        """It stays as long as we run."""


class KeySet:
    """Public keys from a file or a URL (RFC 7517), read again from time to time.

    An unknown key has it read, too. Where the set can't be had again, the keys known last go on
    being believed: a sale does not end with somebody else's server.
    """

    def __init__(self, place: str) -> None:
        self._place = place
        self._keys: dict[str | None, Key] = {}
        self._tried_at = float("-inf")
        self._reading: asyncio.Task[bool] | None = None
        self._renewing: asyncio.Task[None] | None = None
        self._forget: Callable[[], None] = _nothing

    def on_withdrawal(self, forget: Callable[[], None]) -> None:
        """Have something called whenever a key has gone from the set."""
        self._forget = forget

    async def open(self) -> None:
        """Read the set for the first time, and from then on until it is closed.

        Raises:
            KeysError: it can't be had, or has no key for us.
        """
        try:
            self._take(await asyncio.to_thread(_load, self._place))
        except FAILURES as error:
            # Without the file's name: somebody may have taken this for AUTH_SECRET.
            why = getattr(error, "strerror", None) or error
            raise KeysError(f"AUTH_JWKS: {type(error).__name__}: {why}") from None
        self._renewing = asyncio.create_task(self._renew())

    async def close(self) -> None:
        """Leave the set as it is."""
        tasks = {task for task in (self._renewing, self._reading) if task}
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)

    async def find(self, kid: object) -> Key | None:
        """The key of this name; the only one, where neither it nor the token has a name."""
        key = self._look_up(kid)
        if key is None and await self._look_for_more():
            key = self._look_up(kid)
        return key

    def _look_up(self, kid: object) -> Key | None:
        if kid is None and len(self._keys) == 1:
            return next(iter(self._keys.values()))
        return self._keys.get(kid) if isinstance(kid, str) else None

    async def _look_for_more(self) -> bool:
        """Read the set again, unless that was just done; whether it was read."""
        if (
            self._reading is None
            and time.monotonic() - self._tried_at < LEAST_PAUSE.total_seconds()
        ):
            return False
        return await self._read_again()

    async def _renew(self) -> None:
        read = True
        while True:
            await asyncio.sleep((RENEWAL if read else LEAST_PAUSE).total_seconds())
            read = await self._read_again()

    async def _read_again(self) -> bool:
        if self._reading is None:
            self._tried_at = time.monotonic()
            self._reading = asyncio.create_task(self._read())
        return await asyncio.shield(self._reading)

    async def _read(self) -> bool:
        try:
            self._take(await asyncio.to_thread(_load, self._place))
        except Exception as error:  # whatever somebody else's server says, we ask it again
            log.warning("the key set could not be read again: %s", type(error).__name__)
            return False
        finally:
            self._reading = None
        return True

    def _take(self, document: bytes) -> None:
        keys = dict(_usable(json.loads(document)))
        if not keys:
            raise KeysError("AUTH_JWKS: there is no RSA key of 2048 bits or P-256 key in the set")
        before, self._keys = self._keys, keys
        if any(keys.get(kid) != key for kid, key in before.items()):
            self._forget()


def _nothing() -> None: ...


def _usable(document: Any) -> list[tuple[str | None, Key]]:
    found: list[tuple[str | None, Key]] = []
    entries = document.get("keys") if isinstance(document, dict) else None
    for entry in entries if isinstance(entries, list) else ():
        try:
            public = jwt.PyJWK.from_dict(entry).key
        except (jwt.PyJWTError, ValueError, TypeError, AttributeError):
            continue  # of a kind that is not for us
        kid = entry.get("kid")
        if entry.get("use", "sig") != "sig" or not isinstance(kid, str | None):
            continue
        if isinstance(public, RSAPublicKey) and public.key_size >= LEAST_RSA_BITS:
            found.append((kid, Key(public, "RS256")))
        elif isinstance(public, EllipticCurvePublicKey) and isinstance(public.curve, SECP256R1):
            found.append((kid, Key(public, "ES256")))
    return found


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """Who may say where the keys are is the operator alone: a redirect is an error."""

    def redirect_request(self, *_: object) -> None:
        return None


_opener = urllib.request.build_opener(_NoRedirects)


def _load(place: str) -> bytes:
    if urlsplit(place).scheme not in ("http", "https"):
        return Path(place).read_bytes()
    try:
        with _opener.open(place, timeout=PATIENCE.total_seconds()) as answer:
            document: bytes = answer.read(LARGEST_SET + 1)
    except HTTPError as error:
        error.close()  # the answer is in it, and its connection
        raise
    if len(document) > LARGEST_SET:
        raise ValueError("it is too large")
    return document
