"""What the head of a request says of who sent it."""

from dataclasses import dataclass

from starlette.requests import HTTPConnection


@dataclass(slots=True)
class Sender:
    """Where a request came from, and what it came with; nothing of it is checked.

    Attributes:
        peer: the address at the other end of the connection; empty where there is none.
        authorization: the header of that name. Two of them are none that could be right.
        origin: the page that a browser asks for.
        host: whom the sender takes us for.
        forwarded_for: the addresses that proxies say it came through, as they wrote them.
        traceparent: the trace that it is a part of.
        request_id: what it is called.
    """

    peer: str = ""
    authorization: str | None = None
    origin: str | None = None
    host: str | None = None
    forwarded_for: str | None = None
    traceparent: str | None = None
    request_id: str | None = None


def sender_of(connection: HTTPConnection) -> Sender:
    """Read it off a request or a handshake."""
    headers = connection.headers
    return Sender(
        connection.client.host if connection.client else "",
        ", ".join(headers.getlist("authorization")) or None,
        headers.get("origin"),
        headers.get("host"),
        ", ".join(headers.getlist("x-forwarded-for")) or None,
        headers.get("traceparent"),
        headers.get("x-request-id"),
    )
