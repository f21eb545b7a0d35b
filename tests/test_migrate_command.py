"""`boxoffice migrate` and `version`: what is applied, what is pending, and what is what."""

import json
import platform
import tomllib
from pathlib import Path

import psycopg

from db.migrations import MIGRATIONS_DIR
from tests.command_line import CommandLine
from tests.serving import PROJECT

FILES = sorted(path.name for path in MIGRATIONS_DIR.glob("*.sql"))


def test_a_new_database_is_brought_up_to_date_once(
    boxoffice: CommandLine, bare_database_url: str
) -> None:
    ran = boxoffice("migrate", "--check", DATABASE_URL=bare_database_url)
    assert (ran.status, ran.lines) == (1, [f"pending  {name}" for name in FILES])
    ran = boxoffice("migrate", DATABASE_URL=bare_database_url)
    assert (ran.status, ran.lines) == (0, [f"applied  {name}" for name in FILES])
    for arguments in (["migrate"], ["migrate", "--check"]):
        ran = boxoffice(*arguments, DATABASE_URL=bare_database_url)
        assert (ran.status, ran.out) == (0, "The database is up to date.\n")


def test_to_look_changes_nothing(boxoffice: CommandLine, bare_database_url: str) -> None:
    boxoffice("migrate", "--check", DATABASE_URL=bare_database_url)
    with psycopg.connect(bare_database_url) as conn:
        assert conn.execute("SELECT to_regclass('migrations')").fetchone() == (None,)


def test_one_that_is_pending_among_those_applied_is_found(
    boxoffice: CommandLine, database_url: str
) -> None:
    with psycopg.connect(database_url) as conn:
        conn.execute("DELETE FROM migrations WHERE name = %s", [FILES[-1]])
    ran = boxoffice("migrate", "--check", DATABASE_URL=database_url)
    assert (ran.status, ran.lines) == (1, [f"pending  {FILES[-1]}"])
    found = json.loads(boxoffice("version", "--json", DATABASE_URL=database_url).out)
    assert (found["schema"], found["pending"]) == (FILES[-2], 1)


def test_an_edited_file_is_refused_in_words(boxoffice: CommandLine, database_url: str) -> None:
    with psycopg.connect(database_url) as conn:
        conn.execute("UPDATE migrations SET checksum = '' WHERE name = %s", [FILES[0]])
    for arguments in (["migrate"], ["migrate", "--check"], ["version"]):
        ran = boxoffice(*arguments, DATABASE_URL=database_url)
        assert (ran.status, ran.out) == (1, "")
        assert f"{FILES[0]} was edited after it was applied" in ran.err


def test_version_says_what_works_together(boxoffice: CommandLine, database_url: str) -> None:
    project = tomllib.loads((PROJECT / "pyproject.toml").read_text("utf-8"))["project"]
    with psycopg.connect(database_url) as conn:
        server = conn.info.parameter_status("server_version")
    ran = boxoffice("version", "--json", DATABASE_URL=database_url)
    assert json.loads(ran.out) == {
        "boxoffice": project["version"],
        "python": platform.python_version(),
        "postgresql": server,
        "schema": FILES[-1],
        "pending": 0,
    }
    lines = boxoffice("version", DATABASE_URL=database_url).lines
    assert lines[0] == f"boxoffice   {project['version']}"
    assert f"postgresql  {server}" in lines


def test_version_is_told_without_a_database_too(boxoffice: CommandLine, tmp_path: Path) -> None:
    ran = boxoffice("version", DATABASE_URL="", DATA_DIR=str(tmp_path))
    assert ran.status == 0
    assert "postgresql  none" in ran.lines
    assert "no PostgreSQL runs" in ran.err
