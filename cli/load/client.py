"""HTTP to the server, as a good client does it: asks again with the same key, and not too soon."""

import asyncio
import random
import time
from collections.abc import Mapping
from typing import Any

import aiohttp
import orjson

from cli.load.answers import Answer, read_answer
from cli.load.documents import OPERATIONS
from cli.load.figures import Figures
from cli.load.ledger import Ledger

ACCEPT = "application/graphql-response+json, application/json;q=0.9"
# Who hears nothing for so long takes the connection for broken.
PATIENCE = aiohttp.ClientTimeout(total=30, connect=10)
# Servers end idle connections, ours after five seconds: not while we send on one.
KEPT_IDLE = 3.0


class GaveUp(Exception):
    """There is no answer to be had; the text says why."""


def open_session() -> aiohttp.ClientSession:
    """The connections of all: kept between requests, and as many as there are at once."""
    connector = aiohttp.TCPConnector(limit=0, keepalive_timeout=KEPT_IDLE)
    cookies = aiohttp.DummyCookieJar()
    return aiohttp.ClientSession(connector=connector, timeout=PATIENCE, cookie_jar=cookies)


def authorization(token: str | None) -> dict[str, str]:
    """The header that says who calls."""
    return {"Authorization": f"Bearer {token}"} if token else {}


class Client:
    """Asks the server, measures what it does and notes what is told."""

    def __init__(
        self, session: aiohttp.ClientSession, url: str, figures: Figures, ledger: Ledger
    ) -> None:
        self._session = session
        self._url = url
        self._figures = figures
        self._ledger = ledger
        self._chance = random.Random()

    async def ask(
        self,
        operation: str,
        variables: Mapping[str, Any],
        token: str | None,
        due_at: float | None = None,
    ) -> Any:
        """Ask until there is an answer; returns its root field.

        Args:
            due_at: when it should have been sent, by time.monotonic: the first try is measured from
                then, so that a late timer of ours isn't left out.

        Raises:
            GaveUp: there is none, after all tries that a good client makes.
        """
        first_at = begins_at = time.monotonic() if due_at is None else due_at
        maybe_done, tried = False, 0
        self._ledger.send(operation, variables)
        while True:
            answer = await self.post(operation, variables, token)
            self._figures.ask(operation, answer, begins_at)
            if answer.answered:
                self._figures.waits[operation].add(time.monotonic() - first_at)
                return answer.result
            tried += 1
            maybe_done |= answer.maybe_done
            pause = answer.pause(tried, self._chance)
            if pause is None:
                break
            await asyncio.sleep(pause)
            begins_at = time.monotonic()
        if not maybe_done:
            self._ledger.settle(operation, variables)
        self._figures.given_up[operation] += 1
        raise GaveUp(answer.outcome)

    async def post(self, operation: str, variables: Mapping[str, Any], token: str | None) -> Answer:
        """Send it once."""
        body = orjson.dumps({"query": OPERATIONS[operation], "variables": variables})
        headers = {"Content-Type": "application/json", "Accept": ACCEPT, **authorization(token)}
        try:
            async with self._session.post(
                self._url, data=body, headers=headers, allow_redirects=False
            ) as response:
                return read_answer(await response.read())
        except aiohttp.ClientConnectorError:
            return Answer(failure="refused")
        except TimeoutError:
            return Answer(failure="too late", maybe_done=True)
        except (aiohttp.ClientError, OSError):
            return Answer(failure="broken", maybe_done=True)
