"""A round trip with many statements: prepared once a connection, sent and read in libpq's pipeline.

What psycopg's pipeline, cursors and adapting of lists took for a lone booking was more than
PostgreSQL took to carry it out (docs/decisions/0004).
"""

import asyncio
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import count
from typing import Any, LiteralString

from psycopg import OperationalError
from psycopg.adapt import Transformer
from psycopg.errors import error_from_result
from psycopg.pq import ConnStatus, ExecStatus, Format
from psycopg.pq.abc import PGconn, PGresult

from db.connection import Connection
from db.statements import name_of
from telemetry import traces

Rows = list[tuple[Any, ...]]

_FAILURES = (ExecStatus.FATAL_ERROR, ExecStatus.PIPELINE_ABORTED)
_PARAMETER = re.compile(r"%\((\w+)\)s")
_numbers = count(1)


class LineConnection(Connection):
    """A connection that knows which statements it has prepared."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.prepared: set[bytes] = set()
        self.transformer = Transformer(self)


@dataclass(frozen=True, slots=True)
class _Statement:
    name: bytes
    text: bytes
    parameters: Sequence[str]  # in the order of their numbers


@cache
def _numbered(statement: str) -> _Statement:
    """A statement with its named parameters as $1, $2 and so on."""
    parameters = list(dict.fromkeys(_PARAMETER.findall(statement)))
    text = _PARAMETER.sub(lambda found: f"${parameters.index(found[1]) + 1}", statement)
    return _Statement(b"line_%d" % next(_numbers), text.encode(), parameters)


class Line:
    """Statements sent in one go and answered in one go.

    Where one fails the server leaves out those behind it, up to the end of the round trip.
    """

    def __init__(self, conn: LineConnection) -> None:
        self._conn = conn
        self._pgconn: PGconn = conn.pgconn
        self._socket = conn.pgconn.socket
        self._transformer = conn.transformer
        self._loop = asyncio.get_running_loop()
        # For each result to come: where its rows belong, or what it prepares.
        self._under_way: list[Rows | bytes] = []
        self._names: list[str] = []  # of what was sent, where there are traces
        self._pgconn.enter_pipeline_mode()

    async def leave(self) -> LineConnection:
        """Make a plain connection of it again, or close it where an answer is still to come."""
        if self._under_way or self._pgconn.status != ConnStatus.OK:
            await self._conn.close()  # what it would answer next is anybody's guess
        else:
            self._pgconn.exit_pipeline_mode()
        return self._conn

    def send(self, statement: LiteralString, **values: bytes) -> Rows:
        """Put a statement on the way; its parameters are literals (db.literals).

        Returns:
            A list that `receive` fills with the rows.
        """
        query = _numbered(statement)
        if traces.tracing is not None:
            self._names.append(name_of(statement))
        if query.name not in self._conn.prepared:
            self._pgconn.send_prepare(query.name, query.text)
            self._conn.prepared.add(query.name)
            self._under_way.append(query.name)
        arguments = [values[name] for name in query.parameters]
        self._pgconn.send_query_prepared(query.name, arguments, result_format=Format.BINARY)
        rows: Rows = []
        self._under_way.append(rows)
        return rows

    async def receive(self) -> None:
        """Have all that was sent carried out, and its rows filled in.

        Raises:
            psycopg.Error: what the first that failed met; none behind it was run.
        """
        with traces.round_trip(self._names), self._conn.patience():
            self._pgconn.pipeline_sync()
            while self._pgconn.flush():
                await self._writable()
            results = await self._results()
        under_way, self._under_way = self._under_way, []
        self._hand_out(results, under_way)

    async def _results(self) -> list[PGresult]:
        results: list[PGresult] = []
        while True:
            while self._pgconn.is_busy():
                await self._readable(self._loop.create_future())
            result = self._pgconn.get_result()
            if result is None:  # that was all of one statement
                if self._pgconn.status == ConnStatus.BAD:
                    raise OperationalError("the connection is lost")
                continue
            if result.status == ExecStatus.PIPELINE_SYNC:
                return results
            if self._pgconn.status == ConnStatus.BAD:
                raise error_from_result(result)
            results.append(result)

    def _hand_out(self, results: Iterable[PGresult], under_way: Iterable[Rows | bytes]) -> None:
        failure: PGresult | None = None
        for result, awaited in zip(results, under_way, strict=True):
            if result.status in _FAILURES:
                failure = failure or result
                if isinstance(awaited, bytes):
                    self._conn.prepared.discard(awaited)
            elif result.ntuples and isinstance(awaited, list):
                self._transformer.set_pgresult(result)
                awaited += self._transformer.load_rows(0, result.ntuples, tuple)
        if failure:
            raise error_from_result(failure)

    async def _writable(self) -> None:
        # Answers are read meanwhile, or each side could wait for the other to read.
        woken: asyncio.Future[None] = self._loop.create_future()
        self._loop.add_writer(self._socket, _wake, woken)
        try:
            await self._readable(woken)
        finally:
            self._loop.remove_writer(self._socket)

    async def _readable(self, woken: asyncio.Future[None]) -> None:
        # Watched anew each time: where a connection breaks, uvloop tells once and watches no more,
        # even if what is left to read goes on to say why, and that it was the last.
        self._loop.add_reader(self._socket, _wake, woken)
        try:
            await woken
        finally:
            self._loop.remove_reader(self._socket)
        self._pgconn.consume_input()


def _wake(woken: asyncio.Future[None]) -> None:
    # Reader and writer, or a crowded poll, may both tell before the waiter runs.
    if not woken.done():
        woken.set_result(None)
