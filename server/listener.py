"""The socket that the server processes share, opened before anything else is started."""

import contextlib
import errno
import socket
import time
from datetime import timedelta
from ipaddress import ip_address

BACKLOG = 2048
# uvloop accepts one connection in each round of a loop, however many come; so it is given the
# socket so many times over. A lone connection costs a system call more for each.
ACCEPTED_AT_ONCE = 16
# Server processes of a run that was just killed need a moment to let go of the port.
PATIENCE = timedelta(seconds=1)
# A client that takes nothing off its connection for this long is gone. Neither WebSocket pings nor
# TCP keep-alives end such a connection, since what closes it would wait behind what is not read.
LONGEST_STALL = timedelta(seconds=30)


class ListenError(Exception):
    """The address can't be listened on; the text says why and what to do."""


def is_loopback(host: str) -> bool:
    """Whether nobody but this machine can reach an address; so is one that doesn't exist."""
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except OSError:
        return True
    return all(ip_address(address[0]).is_loopback for *_, address in found)


def listen(host: str, port: int) -> socket.socket:
    """Open a listening socket; connections queue from now on, until somebody accepts them.

    Args:
        port: 0 takes any free one.

    Raises:
        ListenError: the port is taken, or the address is none of this machine's.
    """
    deadline = time.monotonic() + PATIENCE.total_seconds()
    while True:
        try:
            return _open(host, port)
        except OSError as error:
            if error.errno != errno.EADDRINUSE or time.monotonic() > deadline:
                raise ListenError(_explain(host, port, error)) from None
        time.sleep(0.05)


def all_ears(listener: socket.socket) -> list[socket.socket]:
    """The socket as often as a process listens on it, so that a rush of connections is accepted."""
    # A duplicate gets the mode of its original, for all who share the socket: one that blocked
    # would have the processes that listen already wait in it for ever.
    listener.setblocking(False)
    return [listener, *(listener.dup() for _ in range(ACCEPTED_AT_ONCE - 1))]


def _open(host: str, port: int) -> socket.socket:
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    family, _, _, _, address = found[0]
    listener = socket.create_server((str(address[0]), port), family=family, backlog=BACKLOG)
    with contextlib.suppress(AttributeError, OSError):  # Linux only; connections inherit it.
        stall = int(LONGEST_STALL.total_seconds() * 1000)
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, stall)
    return listener


def _explain(host: str, port: int, error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        return f"port {port} on {host} is taken; choose another with PORT (0 takes any free one)."
    if isinstance(error, socket.gaierror):
        return f"HOST: can't listen there: {error.strerror}."
    return f"can't listen on {host}, port {port}: {error.strerror}; set HOST and PORT."
