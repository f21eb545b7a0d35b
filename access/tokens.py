"""Tokens: what a JWT says of who calls, once its signature is found right."""

import time
import unicodedata
from collections import OrderedDict
from datetime import timedelta
from typing import Any

import jwt

from access.caller import Caller, Role
from access.keys import Keys

# Clocks differ.
LEEWAY = timedelta(seconds=10)
LONGEST_TOKEN = 8_192
# As long as the contract's names, and its keys.
LONGEST_NAME = 200
LONGEST_SUBJECT = 255
# Checking a signature costs a third of a booking; people book more than once with a token.
MAX_REMEMBERED = 10_000
ADMIN = "admin"


class TokenError(Exception):
    """The token is not to be believed; why is for the log alone."""


class Tokens:
    """Reads tokens, and remembers those that were right until they run out."""

    def __init__(self, keys: Keys, issuer: str, audience: str) -> None:
        self._keys = keys
        self._issuer = issuer
        self._audience = audience
        self._remembered: OrderedDict[str, Caller] = OrderedDict()
        keys.on_withdrawal(self._remembered.clear)

    def recall(self, token: str) -> Caller | None:
        """Who calls, where the token was read before and has not run out."""
        caller = self._remembered.get(token)
        if caller is None or caller.expires_at is None:
            return None
        if caller.expires_at <= time.time():
            del self._remembered[token]
            return None
        self._remembered.move_to_end(token)
        return caller

    async def read(self, token: str) -> Caller:
        """Check a token, and say who calls.

        The algorithm is the key's, whatever the token says.

        Raises:
            TokenError: it is forged, has run out, is for somebody else, or says nothing usable.
        """
        if len(token) > LONGEST_TOKEN:
            raise TokenError("too long")
        try:
            header = jwt.get_unverified_header(token)
            if "crit" in header:
                raise TokenError("it asks for what we don't know (crit)")
            key = await self._keys.find(header.get("kid"))
            if key is None:
                raise TokenError("its key is not known")
            claims = jwt.decode(
                token,
                key.secret,
                [key.algorithm],
                audience=self._audience,
                issuer=self._issuer,
                leeway=LEEWAY,
                options={"require": ["exp", "sub"]},
            )
        except (jwt.PyJWTError, ValueError, TypeError, RecursionError, OverflowError) as error:
            raise TokenError(f"{type(error).__name__}") from error
        caller = _caller(claims)
        self._remembered[token] = caller
        if len(self._remembered) > MAX_REMEMBERED:
            self._remembered.popitem(last=False)
        return caller


def _caller(claims: dict[str, Any]) -> Caller:
    subject, expires_at = claims["sub"], float(claims["exp"]) + LEEWAY.total_seconds()
    if not _plain(subject, LONGEST_SUBJECT):
        raise TokenError("its subject is no usable text")
    names = (claims.get(claim) for claim in ("name", "preferred_username"))
    name = next((name for name in names if _plain(name, LONGEST_NAME)), subject[:LONGEST_NAME])
    if ADMIN in (*_texts(claims.get("roles")), *_texts(claims.get("role"))):
        return Caller(Role.ADMIN, f"user:{subject}", "", name, expires_at)
    return Caller(Role.CUSTOMER, f"user:{subject}", subject, name, expires_at)


def _texts(claim: object) -> list[str]:
    values = claim if isinstance(claim, list) else [claim]
    return [value for value in values if isinstance(value, str)]


def _plain(text: object, longest: int) -> bool:
    """Whether a text can be stored and shown."""
    if not isinstance(text, str) or not text.strip() or len(text) > longest:
        return False
    return not any(unicodedata.category(character) in ("Cc", "Cs") for character in text)
