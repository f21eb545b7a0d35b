"""The server processes of one socket: kept up, and replaced one by one without a gap."""

import logging
import signal
import socket
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta

from uvicorn.config import STARTUP_FAILURE, Config
from uvicorn.supervisors import Multiprocess
from uvicorn.supervisors.multiprocess import Process

from server.listener import all_ears
from telemetry.board import Board

# A new process starts on a machine that may have no time to spare, and says nothing meanwhile.
LONGEST_SILENCE = timedelta(seconds=30)
POLL = 0.1

log = logging.getLogger("boxoffice")


class Worker(Process):
    """One process, which is never waited for."""

    def __init__(self, config: Config, listener: socket.socket) -> None:
        super().__init__(config, [listener])
        self._ready = self._asked = False
        self._heard_at = time.monotonic()

    def target(self, sockets: list[socket.socket] | None = None) -> None:
        """Serve, in the new process."""
        assert sockets
        super().target(all_ears(sockets[0]))

    def is_alive(self, timeout: float = 0) -> bool:
        """Whether it runs, and has said so lately."""
        self._listen()
        silence = time.monotonic() - self._heard_at
        return self.process.is_alive() and silence < LONGEST_SILENCE.total_seconds()

    def is_ready(self, timeout: float = 0) -> bool:
        """Whether it serves."""
        self._listen()
        return self._ready

    def _listen(self) -> None:
        with suppress(OSError, EOFError):  # it is gone
            while self.parent_conn.poll():
                self._ready, self._asked = self.parent_conn.recv(), False
                self._heard_at = time.monotonic()
            if not self._asked:
                self.parent_conn.send(b"ping")
                self._asked = True


class Supervisor(Multiprocess):
    """uvicorn's supervisor, never held up by a process that hangs.

    A process that dies or hangs is replaced. SIGUSR1 replaces all: each is asked to stop only when
    a new one serves in its place.
    """

    def __init__(
        self,
        config: Config,
        listener: socket.socket,
        longest_stop: timedelta,
        board: Board | None = None,
    ) -> None:
        super().__init__(config, [listener])
        self._board = board
        self._listener = listener
        self._leaving: list[Process] = []
        self._longest_stop = longest_stop.total_seconds()

    def init_processes(self) -> None:
        """Start as many as were asked for."""
        for _ in range(self.processes_num):
            self.processes.append(self._start())

    def keep_subprocess_alive(self) -> None:
        """Replace who died, but for one that could not start: the next could not either."""
        for place, worker in enumerate(self.processes):
            if worker.is_alive():
                continue
            worker.kill()
            self._bury(worker)
            if worker.exitcode == STARTUP_FAILURE:
                self.should_exit.set()
                return
            log.error("Process %s died (%s) and is replaced.", worker.pid, worker.exitcode)
            self.processes[place] = self._start()

    def handle_usr1(self) -> None:
        """Replace all, one after the other, as long as it goes well."""
        all(self._replace(place) for place in range(len(self.processes)))

    def terminate_all(self) -> None:
        """Stop all. Who connects from now on is told at once, and doesn't wait for nobody."""
        super().terminate_all()
        self._listener.close()

    def join_all(self) -> None:
        """Wait for all to end, within the bound."""
        deadline = time.monotonic() + self._longest_stop
        for worker in (*self.processes, *self._leaving):
            worker.process.join(max(0, deadline - time.monotonic()))
            worker.process.kill()

    def _start(self) -> Worker:
        worker = Worker(self.config, self._listener)
        worker.start()
        return worker

    def _replace(self, place: int) -> bool:
        old, new = self.processes[place], self._start()
        self._wait(lambda: new.is_ready() or not new.is_alive())
        if not new.is_ready():
            new.kill()
            self._bury(new)
            if not self._told_to_stop():
                log.error("A new process did not start; process %s goes on.", old.pid)
            return False
        self.processes[place] = new
        old.terminate()
        self._leaving.append(old)
        self._wait(lambda: not old.process.is_alive(), self._longest_stop)
        if self._told_to_stop():
            return False  # it ends with the others
        self._leaving.remove(old)
        old.process.kill()
        self._bury(old)
        return True

    def _bury(self, worker: Process) -> None:
        """Wait for its end; what it has counted stays counted."""
        worker.join()
        if self._board:
            self._board.fold(worker.pid)

    def _wait(self, condition: Callable[[], bool], longest: float = float("inf")) -> None:
        deadline = time.monotonic() + longest
        while not (condition() or self._told_to_stop() or time.monotonic() > deadline):
            time.sleep(POLL)

    def _told_to_stop(self) -> bool:
        return any(number in self.signal_queue for number in (signal.SIGINT, signal.SIGTERM))
