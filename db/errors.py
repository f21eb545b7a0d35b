"""What the database could not do, in words a client can act on."""

from datetime import timedelta
from math import ceil

from psycopg import Error, InterfaceError, OperationalError
from psycopg_pool import PoolTimeout


class Unavailable(Exception):
    """The database can't be had now; nothing was changed, or nobody knows (a broken commit)."""

    code = "UNAVAILABLE"

    def __init__(self, message: str = "The box office can't answer just now. Try again.") -> None:
        super().__init__(message)


class Overloaded(Unavailable):
    """Too many are waiting already; nothing was tried, and whoever comes back later is served."""

    def __init__(self, wait: timedelta) -> None:
        super().__init__("Too many are waiting at the box office. Try again in a moment.")
        self.extensions = {"retryAfter": max(1, ceil(wait.total_seconds()))}


class LockTimeout(Unavailable):
    """Somebody has had a lock for longer than we wait for one, or several have added up to that."""


class Interrupted(Unavailable):
    """A transaction was rolled back for another's sake, as in a deadlock: it can be repeated."""


class Disconnected(Interrupted):
    """The connection broke: what had not been committed before is rolled back."""


class OutcomeUnknown(Unavailable):
    """The connection broke in the middle of a commit, and the database couldn't be asked since."""

    def __init__(self) -> None:
        super().__init__(
            "Whether that was done is not known. Ask again, with the same idempotency key."
        )
        self.extensions = {"outcome": "UNKNOWN"}


_LOCKED_STATES = frozenset({"55P03", "57014"})
# Waits that have run out already, a disk or a server that is full, a standby that can't write:
# another try would only wait again.
_HOPELESS_STATES = frozenset({"53100", "53200", "53300", "25006"})
# Serialization failures and deadlocks, and what follows one in its transaction.
_ROLLED_BACK_STATES = frozenset({"40001", "40P01", "25P02"})
# The server ended a session of ours that did nothing in a transaction.
_ENDED_STATES = frozenset({"25P03"})
# It ended the session, or all of them, maybe behind a commit: a full disk is one thing in a
# statement, and another in the log of the transactions.
_LAST_WORDS = frozenset({"FATAL", "PANIC"})


def translate(error: Exception) -> Unavailable | None:
    """Say what a psycopg error means to a caller; None for one that is a fault of ours."""
    if isinstance(error, Error) and error.diag.severity_nonlocalized in _LAST_WORDS:
        return Disconnected()
    state = getattr(error, "sqlstate", None)
    if state in _LOCKED_STATES:
        return LockTimeout()
    if isinstance(error, PoolTimeout) or state in _HOPELESS_STATES:
        return Unavailable()
    if state in _ROLLED_BACK_STATES:
        return Interrupted()
    if isinstance(error, OperationalError | InterfaceError) or state in _ENDED_STATES:
        return Disconnected()
    return None
