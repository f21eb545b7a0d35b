"""What browsers are told to keep pages and answers from: headers, and policies for content."""

import re
from base64 import b64encode
from collections.abc import Iterable, Sequence
from hashlib import sha256

from starlette.types import Message, Send

Header = tuple[bytes, bytes]

# Nothing that we answer is a page, but for the explorer.
NO_PAGE = b"default-src 'none'; frame-ancestors 'none'"
POLICY = b"content-security-policy"
# Of what a browser may ask its user for, or a page take: nothing that the explorer needs.
NO_POWERS = ", ".join(
    f"{power}=()"
    for power in ("camera", "display-capture", "geolocation", "microphone", "payment", "usb")
)
HEADERS: list[Header] = [
    (b"cache-control", b"no-store"),
    (b"cross-origin-opener-policy", b"same-origin"),
    # Of who embeds an answer. A page that may ask reads it by CORS, which doesn't ask this.
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"referrer-policy", b"no-referrer"),
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
]
WRITTEN = b"".join(b"%b: %b\r\n" % header for header in [*HEADERS, (POLICY, NO_PAGE)])

_INLINE_SCRIPT = re.compile(r"<script(?![^>]*\ssrc=)[^>]*>(.*?)</script>", re.DOTALL)
_SCRIPT = re.compile(r"<script[^>]*\ssrc=\"(https://[^\s;,\"]+)", re.DOTALL)
_STYLE = re.compile(r"<link[^>]*\shref=\"(https://[^\s;,\"]+)", re.DOTALL)


def protect(headers: Iterable[Header]) -> list[Header]:
    """The headers of an answer, with those that are on every answer."""
    own = list(headers)
    names = {name.lower() for name, _ in own}
    more = [*HEADERS, (POLICY, NO_PAGE)]
    return own + [header for header in more if header[0] not in names]


def protected(send: Send, more: Sequence[Header]) -> Send:
    """`send`, with the headers that are on every answer, and these."""

    async def send_protected(message: Message) -> None:
        if message["type"] == "http.response.start":
            message = {**message, "headers": [*protect(message.get("headers", ())), *more]}
        await send(message)

    return send_protected


def policy_of(page: str) -> str:
    """A content policy for a page: its own inline scripts, by hash, and the files its tags name.

    Those by their whole address: who may use a store may use all that anybody put there.
    Its editor sets styles on elements as text, which hashes can't tell.
    """
    hashes = [f"'sha256-{_digest(script)}'" for script in _INLINE_SCRIPT.findall(page)]
    scripts = " ".join([*hashes, *sorted(set(_SCRIPT.findall(page)))])
    styles = " ".join(["'unsafe-inline'", *sorted(set(_STYLE.findall(page)))])
    return (
        f"default-src 'none'; script-src {scripts}; style-src {styles}; font-src data:; "
        "img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; "
        "frame-ancestors 'none'"
    )


def _digest(script: str) -> str:
    return b64encode(sha256(script.encode()).digest()).decode()
