"""The server processes: uvicorn with our settings, one or several, ending with their parent."""

import logging
import multiprocessing
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

from starlette.types import ASGIApp
from uvicorn.config import STARTUP_FAILURE, Config
from uvicorn.server import Server

from server.listener import all_ears
from server.open_files import allow_many
from server.supervisor import Supervisor
from telemetry.board import Board, hung_up
from telemetry.log import hear_all
from transport.http_protocol import HttpProtocol
from transport.socket_protocol import SocketProtocol

# Requests and subscriptions get this long to end by themselves, then they are cancelled.
GRACE = timedelta(seconds=5)
# A worker that has not ended after grace and clean-up hangs, and is killed.
LONGEST_STOP = GRACE + timedelta(seconds=10)
PARENT_POLL = timedelta(milliseconds=250)
# GraphQL requests are small; uvicorn would buffer 16 MiB for each connection.
LARGEST_MESSAGE = 1 << 20

log = logging.getLogger("boxoffice")


def run(listener: socket.socket, workers: int, log_config: dict[str, Any]) -> None:
    """Serve `app:app` on a listening socket until a stop signal comes.

    Args:
        log_config: how every process writes its log.

    Raises:
        SystemExit: the app could not be started, or a stop signal came.
    """
    allow_many()
    if workers > 1:
        _run_workers(listener, workers, log_config)
        return
    server = Server(_config("app:app", workers, log_config))
    server.run(all_ears(listener))
    if not server.started:
        sys.exit(STARTUP_FAILURE)


def stop_with_parent() -> None:
    """Send ourselves SIGTERM as soon as the process that started us is gone, however it went."""
    parent = os.getppid()

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(PARENT_POLL.total_seconds())
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=watch, name="parent watch", daemon=True).start()


def worker_app(board: Path | None) -> ASGIApp:
    """Give a uvicorn worker the app; the worker ends with its parent, and its log has everything.

    Args:
        board: where the processes leave their numbers for each other.
    """
    hear_all()
    supervisor = multiprocessing.parent_process()
    if supervisor is not None:
        threading.Thread(target=_stop_after, args=[supervisor], daemon=True).start()
    signal.signal(signal.SIGUSR1, signal.SIG_IGN)  # it is for the supervisor, and would kill us
    from app import app

    app.state.board = Board(board) if board else None
    return app


def _run_workers(listener: socket.socket, count: int, log_config: dict[str, Any]) -> None:
    on_hangup = signal.getsignal(signal.SIGHUP)
    with hung_up() as board:
        if board is None:
            log.warning(
                "There is no room for what /metrics tells of all processes: each tells of itself."
            )
        config = _config(partial(worker_app, board), count, log_config, factory=True)
        workers = Supervisor(config, listener, LONGEST_STOP, Board(board) if board else None)
        # It has just taken every signal for itself, and would take this one for a call to restart.
        signal.signal(signal.SIGHUP, on_hangup)
        workers.run()
    if any(worker.exitcode == STARTUP_FAILURE for worker in workers.processes):
        sys.exit(STARTUP_FAILURE)


def _stop_after(supervisor: multiprocessing.process.BaseProcess) -> None:
    supervisor.join()
    os.kill(os.getpid(), signal.SIGTERM)


def _config(
    app: str | Callable[[], ASGIApp],
    workers: int,
    log_config: dict[str, Any],
    *,
    factory: bool = False,
) -> Config:
    return Config(
        app,
        factory=factory,
        workers=workers,
        lifespan="on",
        http=HttpProtocol,
        # Ours is uvicorn's websockets-sansio, which waits for slow readers when it sends.
        ws=SocketProtocol,
        ws_max_size=LARGEST_MESSAGE,
        # Compressing every change once more for every subscriber costs more than it saves.
        ws_per_message_deflate=False,
        timeout_graceful_shutdown=int(GRACE.total_seconds()),
        log_config=log_config,
        access_log=False,
        server_header=False,
        # Nothing here goes by a client's address or scheme, so nobody need be believed about it.
        proxy_headers=False,
    )
