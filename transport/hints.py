"""What the head of a refusal says for those who don't read its body: how, and when to come again.

That is where the status is a refusal's. An `application/json` answer to a well-formed request is a
200, after the GraphQL-over-HTTP draft, and HTTP gives `retry-after` no meaning with that: its body
alone says so.
"""

import orjson

Header = tuple[bytes, bytes]

BEARER = [(b"www-authenticate", b"Bearer")]
FOR_NOW = (429, 503)


def hints(status: int, body: bytes) -> list[Header]:
    """More headers for an answer of this status, with an error of ours for its body."""
    if status == 401:
        return BEARER
    if status not in FOR_NOW:
        return []
    wait = orjson.loads(body)["errors"][0]["extensions"].get("retryAfter")
    return [] if wait is None else [(b"retry-after", b"%d" % wait)]
