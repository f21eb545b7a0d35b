"""The plain POST: JSON in one piece, JSON asked for. What nearly every request is, on a short way.

Nothing is refused here: whatever is not plain, or not right, goes the long way, which knows what
to say.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import orjson
from cross_web import HTTPException
from starlette.types import Message, Receive

from transport.bodies import MAX_BODY_BYTES, negotiate, prefers_stream, require_json
from transport.sender import Sender

Header = tuple[bytes, bytes]
Answer = tuple[int, bytes, bytes, bytes]
"""Status, content type, body and the request's id."""

# Clients send few combinations of headers; a memory of them saves reading each time.
MAX_REMEMBERED = 256
MAX_HEADER_LENGTH = 256
MAX_LENGTH_DIGITS = len(str(MAX_BODY_BYTES)) - 1
_media_types: dict[Header, str | None] = {}


@dataclass(frozen=True, slots=True)
class PlainPost:
    """What was posted."""

    query: str | None
    variables: dict[str, Any] | None
    operation_name: str | None
    extensions: dict[str, Any] | None


def read_plain_head(headers: Iterable[Header], sender: Sender) -> str | None:
    """The media type to answer in, if these are the headers of a plain POST.

    What they say of who sent it is written into `sender`.
    """
    content_type: bytes | None = None
    accept: bytes | None = None
    length = 0
    for name, value in headers:
        if name == b"content-type":
            if content_type is not None:
                return None
            content_type = value
        elif name == b"accept":
            if accept is not None:
                return None
            accept = value
        elif name == b"content-length":
            length = len(value)
        elif name == b"host":
            if sender.host is not None:
                return None
            sender.host = value.decode("latin-1")
        elif name == b"authorization":
            if sender.authorization is not None:
                return None
            sender.authorization = value.decode("latin-1")
        elif name == b"origin":
            sender.origin = value.decode("latin-1")
        elif name == b"x-forwarded-for":
            if sender.forwarded_for is not None:
                return None
            sender.forwarded_for = value.decode("latin-1")
        elif name == b"traceparent":
            sender.traceparent = value.decode("latin-1")
        elif name == b"x-request-id":
            sender.request_id = value.decode("latin-1")
    if sender.host is None or not 0 < length <= MAX_LENGTH_DIGITS:
        return None  # of no length that is known before, or perhaps to be refused for it
    asked = content_type or b"", accept or b""
    try:
        return _media_types[asked]
    except KeyError:
        media_type = _read_media_type(*(value.decode("latin-1") for value in asked))
    if len(_media_types) < MAX_REMEMBERED and max(map(len, asked)) <= MAX_HEADER_LENGTH:
        _media_types[asked] = media_type
    return media_type


def _read_media_type(content_type: str, accept: str) -> str | None:
    try:
        require_json(content_type)
    except HTTPException:
        return None
    return None if prefers_stream(accept) else negotiate(accept)


def read_plain_post(body: bytes | bytearray) -> PlainPost | None:
    """What was posted, if it is a request in due form."""
    try:
        data = orjson.loads(body)
    except orjson.JSONDecodeError:
        return None
    if type(data) is not dict:
        return None
    query, variables = data.get("query"), data.get("variables")
    name, extensions = data.get("operationName"), data.get("extensions")
    if (
        not isinstance(query, str | None)
        or not (query or extensions)  # which may name it by hash
        or not isinstance(variables, dict | None)
        or not isinstance(name, str | None)
        or not isinstance(extensions, dict | None)
    ):
        return None
    return PlainPost(query, variables, name or None, extensions)


def replay(message: Message, receive: Receive) -> Receive:
    """`receive`, with a message that was read already to come again."""
    read = [message]

    async def receive_again() -> Message:
        return read.pop() if read else await receive()

    return receive_again
