"""Whether the sessions that we are given stay ours: a pooler between may lend them to others."""

from uuid import uuid4

import psycopg

from db.statements import statements

MARK_SESSION = statements["mark_session"]
READ_SESSION = statements["read_session"]

# Where others are busy, the pooler may happen to give us the same session twice.
TRIES = 5


class SharedSessionsError(Exception):
    """A pooler shares sessions; the text says what to do."""


def refuse_shared_sessions(url: str) -> None:
    """Make sure that what is set and prepared on a connection is there for its next transaction.

    The limits of `db.limits` and the desk's statements belong to a session, and each connection
    takes its session for its own (docs/decisions/0010).

    Args:
        url: a PostgreSQL connection URL.

    Raises:
        SharedSessionsError: the URL leads to a pooler that gives a session to several in turn.
        psycopg.Error: the database can't be reached.
    """
    with _connect(url, autocommit=True) as ours:
        backend, _ = _read_session(ours)
        if backend == ours.info.backend_pid:
            return  # nobody is between us and PostgreSQL, who else would not know its process
        if any(_is_shared(ours, url) for _ in range(TRIES)):
            raise SharedSessionsError(
                "DATABASE_URL leads to a pooler that shares sessions (transaction pooling), and "
                "what we set and prepare\nbelongs to a session. Have it pool sessions (PgBouncer: "
                "pool_mode = session), or set the URL of PostgreSQL itself."
            )


def _is_shared(ours: psycopg.Connection, url: str) -> bool:
    """Whether another connection finds our mark, or we don't while it keeps a session."""
    mark = uuid4().hex
    ours.execute(MARK_SESSION, {"mark": mark})
    with _connect(url) as other:  # in a transaction: it keeps what it has
        _, others = _read_session(other)
        return others == mark or _read_session(ours)[1] != mark


def _connect(url: str, autocommit: bool = False) -> psycopg.Connection:
    # Nothing is prepared: it would stay in a session that isn't ours.
    return psycopg.connect(url, autocommit=autocommit, connect_timeout=10, prepare_threshold=None)


def _read_session(conn: psycopg.Connection) -> tuple[int, str | None]:
    row = conn.execute(READ_SESSION).fetchone()
    assert row is not None
    return row[0], row[1]
