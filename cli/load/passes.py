"""By which token each of the people calls, and the admin who makes the shows."""

import time

import jwt

from cli.load.plan import LONGEST_SECONDS
from settings import Settings

# Good until the last question after the longest run.
GOOD_FOR = LONGEST_SECONDS + 600


class Passes:
    """Tokens: of each person's own where we can sign them, else the one that was given, or none."""

    def __init__(self, settings: Settings, given: str | None, run: str) -> None:
        self._settings = settings
        self._given = given
        self._run = run

    @property
    def admin(self) -> str | None:
        """Who makes the shows."""
        if self._given or self._settings.auth_secret is None:
            return self._given
        return self._sign("load test", roles=["admin"])

    def of(self, number: int) -> str | None:
        """The token of the person with this number."""
        if self._settings.auth_secret is None:
            return self._given
        return self._sign(f"load-{self._run}-{number}", name=f"Person {number}")

    def _sign(self, subject: str, **more: object) -> str:
        settings, now = self._settings, int(time.time())
        assert settings.auth_secret is not None
        claims = {
            "iss": settings.auth_issuer,
            "aud": settings.auth_audience,
            "sub": subject,
            "iat": now,
            "exp": now + int(GOOD_FOR),
            **more,
        }
        return jwt.encode(claims, settings.auth_secret.get_secret_value(), "HS256")
