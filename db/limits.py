"""Every limit between us and PostgreSQL, and what each of them protects."""

from datetime import timedelta
from typing import Any

# Connections of a process. They serve reads, which take well under a millisecond each; with the
# lines, a server of the usual 100 connections bears eight processes.
POOL_SIZE = 5
# The desk's own: one, and one more for each show that somebody else has locked.
LINES = 6
# A client is told within this time that there is no database, and can decide what to do.
WAIT_FOR_CONNECTION = timedelta(seconds=1)
# After so long the pool stops backing off, and the next caller makes it try again at once: it is
# back within a second of the database.
RECONNECT_TIMEOUT = timedelta(seconds=1)

SESSION_LIMITS = {
    # Our statements take milliseconds. One that takes seconds is lost, and holds locks.
    "statement_timeout": "3s",
    # A show that somebody has locked for this long is better refused than queued for.
    "lock_timeout": "2s",
    # A process that stopped in the middle of a transaction gives its locks back. Between two round
    # trips of a batch we need some milliseconds.
    "idle_timeout": "5s",
}
# A line waits for locks no longer than another desk of ours keeps them: a batch takes 5 to 30 ms,
# and a few may stand in line. It holds up everybody in this process, once for each stranger.
LOCK_TIMEOUT_OF_A_LINE = "100ms"

# An answer takes no longer than its statement may, and some time on the way. Who is silent for
# longer is gone, whatever the network says: no client waits for a connection that has died quietly.
LONGEST_SILENCE = timedelta(seconds=4)

# How a connection is made, and when the kernel gives it up.
CONNECTING: dict[str, Any] = {
    "autocommit": True,
    "connect_timeout": 2,
    "application_name": "boxoffice",
    # A peer that vanished without a word while nobody asked is found in seconds, not in hours.
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 3,
    "tcp_user_timeout": 10_000,
}
