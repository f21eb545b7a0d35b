"""What comes and goes over HTTP: media types, bounded bodies, refusals while a body still comes."""

import asyncio
from contextlib import aclosing, suppress
from datetime import timedelta

from cross_web import HTTPException, StarletteRequestAdapter
from starlette.responses import Response
from starlette.types import Receive, Scope, Send
from strawberry.http.parse_content_type import parse_content_type

# A booking of a thousand seats is some 10 KB of JSON; what is longer than this is no request of
# ours. It bounds a WebSocket's messages too.
MAX_BODY_BYTES = 1_048_576
# How long we read on after refusing a body: a connection closed on unread input is reset, and the
# client would lose the answer.
LINGER = timedelta(seconds=2)

PLAIN = "application/json"
GRAPHQL = "application/graphql-response+json"
STREAMS = ("text/event-stream", "multipart/mixed")


def negotiate(accept: str) -> str:
    """The media type of the answer. Who accepts neither of ours is given plain JSON."""
    return next((name for name in _offers(accept) if name in (GRAPHQL, PLAIN)), PLAIN)


def prefers_stream(accept: str) -> bool:
    """Whether a stream is asked for before JSON, and not after it, for whatever may come.

    urql says of each query that it could take a stream, too.
    """
    known = (GRAPHQL, PLAIN, *STREAMS)
    return next((name for name in _offers(accept) if name in known), PLAIN) in STREAMS


def _offers(accept: str) -> list[str]:
    """The media types that are accepted, the dearest first, else in the order they are named."""
    offers: list[tuple[float, str]] = []
    for offer in accept.split(","):
        name, _, parameters = offer.strip().lower().partition(";")
        offers.append((quality(parameters), name.strip()))
    return [name for weight, name in sorted(offers, key=lambda offer: -offer[0]) if weight > 0]


def quality(parameters: str) -> float:
    for parameter in parameters.split(";"):
        name, _, value = parameter.partition("=")
        if name.strip() == "q":
            try:
                return float(value)
            except ValueError:
                return 0.0
    return 1.0


def require_json(content_type: str) -> None:
    """Also what keeps other sites' forms out: a browser asks before it sends JSON elsewhere."""
    media_type, parameters = parse_content_type(content_type)
    if media_type != PLAIN:
        raise HTTPException(415, f"The body must be {PLAIN}.")
    if str(parameters.get("charset", "utf-8")).strip("'\"").lower() not in ("utf-8", "utf8"):
        raise HTTPException(415, "The body must be UTF-8.")


class BoundedRequest(StarletteRequestAdapter):
    """A request whose body is never read past MAX_BODY_BYTES."""

    @property
    def content_type(self) -> str | None:
        """The header of that name. Two of them are none that could be right."""
        return ", ".join(self._request.headers.getlist("content-type")) or None

    async def get_body(self) -> bytes:
        length = self.headers.get("content-length", "")
        if length.isdecimal() and int(length) > MAX_BODY_BYTES:
            raise HTTPException(413, f"The body is larger than {MAX_BODY_BYTES} bytes.")
        body = bytearray()
        async with aclosing(self._request.stream()) as chunks:
            async for chunk in chunks:
                body += chunk
                if len(body) > MAX_BODY_BYTES:
                    raise HTTPException(413, f"The body is larger than {MAX_BODY_BYTES} bytes.")
        return bytes(body)


class LastAnswer(Response):
    """An answer given while the body still comes. It reads on for LINGER, then hangs up."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.headers["connection"] = "close"
        start = {"type": "http.response.start", "status": self.status_code}
        await send({**start, "headers": self.raw_headers})
        await send({"type": "http.response.body", "body": self.body, "more_body": True})
        with suppress(TimeoutError):
            async with asyncio.timeout(LINGER.total_seconds()):
                while (await receive()).get("more_body"):
                    pass
        await send({"type": "http.response.body"})
