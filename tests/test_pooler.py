"""Behind a pooler: sessions that are ours, or a refusal in words."""

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest

from db.embedded.server import PostgresServer
from db.migrations import MIGRATIONS_DIR, migrate
from db.pooler import SharedSessionsError, refuse_shared_sessions
from tests.conftest import name_of
from tests.daemons import needs
from tests.pooler import pgbouncer
from tests.serving import PROJECT

needs_pgbouncer = needs("pgbouncer")


@needs_pgbouncer
def test_a_pooler_that_shares_sessions_is_refused_in_words(
    postgres: PostgresServer, bare_database_url: str
) -> None:
    with pgbouncer(postgres, name_of(bare_database_url), pool_mode="transaction") as pooler:
        started = subprocess.run(
            [sys.executable, "-m", "server"],
            cwd=PROJECT,
            env={**os.environ, "DATABASE_URL": pooler.url, "PORT": "0"},
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )
    assert started.returncode == 1
    assert "a pooler that shares sessions" in started.stderr
    assert "Traceback" not in started.stderr
    with psycopg.connect(bare_database_url) as conn:  # and nothing was done to the database
        assert conn.execute("SELECT to_regclass('migrations')").fetchone() == (None,)


@needs_pgbouncer
def test_a_pooler_that_shares_sessions_is_found_out_while_others_are_busy(
    postgres: PostgresServer, database_url: str
) -> None:
    with pgbouncer(postgres, name_of(database_url), pool_mode="transaction") as pooler:
        stopped = False

        def keep_busy(_: int) -> None:
            with psycopg.connect(pooler.url, autocommit=True, prepare_threshold=None) as conn:
                while not stopped:
                    conn.execute("SELECT pg_sleep(0.001)")

        with ThreadPoolExecutor(6) as pool:
            busy = [pool.submit(keep_busy, number) for number in range(6)]
            try:
                for _ in range(10):
                    with pytest.raises(SharedSessionsError):
                        refuse_shared_sessions(pooler.url)
            finally:
                stopped = True
        assert not [one for one in busy if one.exception()]


@needs_pgbouncer
def test_pooled_sessions_are_taken_and_migrated_once(
    postgres: PostgresServer, bare_database_url: str
) -> None:
    with pgbouncer(postgres, name_of(bare_database_url)) as pooler:
        refuse_shared_sessions(pooler.url)
        with ThreadPoolExecutor(4) as pool:
            applied = [*pool.map(lambda _: migrate(pooler.url), range(4))]
    files = sorted(path.name for path in MIGRATIONS_DIR.glob("*.sql"))
    assert [names for names in applied if names] == [files]


def test_without_a_pooler_one_connection_tells(database_url: str) -> None:
    refuse_shared_sessions(database_url)
