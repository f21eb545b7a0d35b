"""Whom a server without access control serves: this machine alone, by a name of its own."""

from ipaddress import ip_address
from urllib.parse import urlsplit

from starlette.responses import JSONResponse
from starlette.types import Receive, Scope, Send
from starlette.websockets import WebSocket

from schema.errors import Forbidden

REFUSAL = "Without AUTH_SECRET or AUTH_JWKS everybody is admin, and only this machine is served."


def refuse_other_names(host: str | None) -> None:
    """Refuse who takes us for somebody else: a page whose name was made to lead to this machine.

    Raises:
        Forbidden: the `Host` header names neither localhost nor a loopback address.
    """
    name = urlsplit(f"//{host or 'localhost'}").hostname or ""
    if name != "localhost" and not _is_loopback(name, unnamed=False):
        raise Forbidden("Without access control only localhost is served.")


def reached_from_afar(scope: Scope) -> bool:
    """Whether others than this machine can reach the address that somebody has come to."""
    host = (scope.get("server") or [""])[0]
    # A Unix socket's, and that of a test's client, is no address.
    return not _is_loopback(host, unnamed=True)


async def refuse_strangers(scope: Scope, receive: Receive, send: Send) -> None:
    """Say so, whatever was asked."""
    error = {"message": REFUSAL, "extensions": {"code": "FORBIDDEN"}}
    if scope["type"] == "websocket":
        await WebSocket(scope, receive, send).close(1008)
    else:
        await JSONResponse({"errors": [error]}, status_code=403)(scope, receive, send)


def _is_loopback(address: str, *, unnamed: bool) -> bool:
    """Whether it is; `unnamed` for what is no address at all."""
    try:
        return ip_address(address).is_loopback
    except ValueError:
        return unnamed
