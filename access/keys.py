"""The keys that tokens are signed with: one secret, or a set that its owner may renew."""

import asyncio
import json
import logging
import time
import urllib.request
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import urlsplit

import jwt
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

# A set is read again after so long: a key that was withdrawn is no longer believed.
RENEWAL = timedelta(minutes=10)
# Who sends keys that nobody knows makes us ask for the set so often at the most.
LEAST_PAUSE = timedelta(seconds=30)
PATIENCE = timedelta(seconds=5)
LARGEST_SET = 1 << 20
LEAST_RSA_BITS = 2_048  # RFC 7518, 3.3
LEAST_SECRET_BYTES = 32  # RFC 7518, 3.2

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


class OneSecret:
    """A secret that both sides know, for HS256."""

    def __init__(self, secret: str) -> None:
        self._key = Key(secret.encode(), "HS256")

    async def find(self, kid: object) -> Key | None:
        """The secret, whatever it is called."""
        return self._key


class KeySet:
    """Public keys from a file or a URL (RFC 7517), read again when time or an unknown key asks.

    Where the set can't be had again, the keys known last go on being believed: a sale does not
    end with somebody else's server.
    """

    def __init__(self, place: str) -> None:
        self._place = place
        self._keys: dict[object, Key] = {}
        self._read_at = self._tried_at = float("-inf")
        self._reading: asyncio.Task[None] | None = None

    async def open(self) -> None:
        """Read the set for the first time.

        Raises:
            KeysError: it can't be had, or has no key for us.
        """
        try:
            self._take(await asyncio.to_thread(_load, self._place))
        except (OSError, ValueError) as error:
            raise KeysError(f"AUTH_JWKS: {type(error).__name__}: {error}") from error

    async def find(self, kid: object) -> Key | None:
        """The key of this name; the only one, where neither it nor the token has a name."""
        now = time.monotonic()
        if now - self._read_at > RENEWAL.total_seconds() or self._look_up(kid) is None:
            await self._read_again(now)
        return self._look_up(kid)

    def _look_up(self, kid: object) -> Key | None:
        if kid is None and len(self._keys) == 1:
            return next(iter(self._keys.values()))
        return self._keys.get(kid) if isinstance(kid, str) else None

    async def _read_again(self, now: float) -> None:
        if self._reading is None:
            if now - self._tried_at < LEAST_PAUSE.total_seconds():
                return
            self._tried_at = now
            self._reading = asyncio.create_task(self._read())
        await asyncio.shield(self._reading)

    async def _read(self) -> None:
        try:
            self._take(await asyncio.to_thread(_load, self._place))
        except (OSError, ValueError, KeysError) as error:
            log.warning("the key set could not be read again: %s", type(error).__name__)
        finally:
            self._reading = None

    def _take(self, document: bytes) -> None:
        keys = dict(_usable(json.loads(document)))
        if not keys:
            raise KeysError("AUTH_JWKS: there is no RSA key of 2048 bits or P-256 key in the set")
        self._keys, self._read_at = keys, time.monotonic()


def _usable(document: Any) -> "list[tuple[object, Key]]":
    found: list[tuple[object, Key]] = []
    entries = document.get("keys") if isinstance(document, dict) else None
    for entry in entries if isinstance(entries, list) else ():
        try:
            public = jwt.PyJWK.from_dict(entry).key
        except (jwt.PyJWTError, ValueError, TypeError, AttributeError):
            continue  # of a kind that is not for us
        if entry.get("use", "sig") != "sig":
            continue
        if isinstance(public, RSAPublicKey) and public.key_size >= LEAST_RSA_BITS:
            found.append((entry.get("kid"), Key(public, "RS256")))
        elif isinstance(public, EllipticCurvePublicKey) and isinstance(public.curve, SECP256R1):
            found.append((entry.get("kid"), Key(public, "ES256")))
    return found


def _load(place: str) -> bytes:
    if urlsplit(place).scheme not in ("http", "https"):
        return Path(place).read_bytes()
    with urllib.request.urlopen(place, timeout=PATIENCE.total_seconds()) as answer:
        document: bytes = answer.read(LARGEST_SET + 1)
    if len(document) > LARGEST_SET:
        raise ValueError("it is too large")
    return document
