"""Migrations: once, whoever starts first, never silently different, and with a way back."""

import logging
import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg
import pytest

from db.migrations import MIGRATIONS_DIR, ONE_WAY, MigrationError, migrate
from tests.serving import serve

CREATE = """
    mutation {
        createShow(input: {name: "Back", startTime: "2030-01-01T20:00:00Z", totalSeats: 9}) {
            ... on Show { id }
        }
    }
"""
BOOK = """
    mutation ($show: ID!) {
        bookSeats(input: {showId: $show, seatNumbers: [1], userName: "Ada"}) { __typename }
    }
"""


def _directory(path: Path, **files: str) -> Path:
    for name, text in files.items():
        (path / f"{name}.sql").write_text(text)
    return path


def test_second_run_finds_nothing_to_do(database_url: str) -> None:
    assert migrate(database_url) == []


def test_only_pending_files_are_applied_in_order(bare_database_url: str, tmp_path: Path) -> None:
    first = _directory(tmp_path, **{"0001_a": "CREATE TABLE a (n integer)"})
    assert migrate(bare_database_url, first) == ["0001_a.sql"]
    _directory(tmp_path, **{"0003_c": "ALTER TABLE b ADD m integer"})
    _directory(tmp_path, **{"0002_b": "CREATE TABLE b (n integer)"})
    assert migrate(bare_database_url, tmp_path) == ["0002_b.sql", "0003_c.sql"]


def test_many_at_once_apply_each_file_once(bare_database_url: str) -> None:
    with ThreadPoolExecutor(8) as pool:
        applied = [*pool.map(lambda _: migrate(bare_database_url), range(8))]
    assert sorted(applied, key=len)[-1] == sorted(p.name for p in MIGRATIONS_DIR.glob("*.sql"))
    assert [names for names in applied if names] == [sorted(applied, key=len)[-1]]


def test_a_file_that_fails_leaves_nothing_behind(bare_database_url: str, tmp_path: Path) -> None:
    _directory(tmp_path, **{"0001_a": "CREATE TABLE a (n integer)", "0002_b": "CREATE NONSENSE"})
    with pytest.raises(psycopg.errors.SyntaxError):
        migrate(bare_database_url, tmp_path)
    _directory(tmp_path, **{"0002_b": "CREATE TABLE b (n integer)"})
    assert migrate(bare_database_url, tmp_path) == ["0001_a.sql", "0002_b.sql"]


def test_a_file_edited_after_it_was_applied_is_refused(
    bare_database_url: str, tmp_path: Path
) -> None:
    _directory(tmp_path, **{"0001_a": "CREATE TABLE a (n integer)"})
    migrate(bare_database_url, tmp_path)
    _directory(tmp_path, **{"0001_a": "CREATE TABLE a (n bigint)"})
    with pytest.raises(MigrationError, match=r"0001_a\.sql was edited"):
        migrate(bare_database_url, tmp_path)


def test_a_file_that_is_gone_is_missed(bare_database_url: str, tmp_path: Path) -> None:
    _directory(tmp_path, **{"0001_a": "CREATE TABLE a (n integer)"})
    migrate(bare_database_url, tmp_path)
    (tmp_path / "0001_a.sql").unlink()
    with pytest.raises(MigrationError, match=r"0001_a\.sql was applied"):
        migrate(bare_database_url, tmp_path)


def test_a_file_that_is_gone_from_among_others_is_missed(
    bare_database_url: str, tmp_path: Path
) -> None:
    _directory(tmp_path, **{"0001_a": "CREATE TABLE a ()", "0002_b": "CREATE TABLE b ()"})
    migrate(bare_database_url, tmp_path)
    (tmp_path / "0001_a.sql").unlink()
    with pytest.raises(MigrationError, match=r"0001_a\.sql was applied"):
        migrate(bare_database_url, tmp_path)


def test_an_older_version_goes_on_with_what_a_newer_has_added(
    database_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    later = "ALTER TABLE shows ADD COLUMN later text; CREATE TABLE laters (n integer)"
    _apply(database_url, "9999_later.sql", later)
    with caplog.at_level(logging.WARNING):
        assert migrate(database_url) == []
    assert "newer version has applied 9999_later.sql" in caplog.text
    with serve(database_url) as older:
        show = older.data(CREATE)["createShow"]["id"]
        assert older.data(BOOK, show=show)["bookSeats"]["__typename"] == "Booking"


def test_there_is_no_way_back_from_a_migration_that_says_so(database_url: str) -> None:
    _apply(database_url, f"9999_later{ONE_WAY}", "DROP TABLE api_keys")
    with pytest.raises(MigrationError, match=r"9999_later\.one_way\.sql, and there is no way back"):
        migrate(database_url)


def test_migrations_only_add_unless_they_say_so() -> None:
    # An older version would miss it, or wouldn't fill it in.
    takes_away = re.compile(
        r"\b(DROP (TABLE|COLUMN)|RENAME|ALTER COLUMN \w+ TYPE|SET NOT NULL"
        r"|ADD COLUMN (?![^,;]*\bDEFAULT\b)[^,;]*\bNOT NULL)\b",
        re.IGNORECASE,
    )
    for path in MIGRATIONS_DIR.glob("*.sql"):
        taken = takes_away.search(path.read_text("utf-8"))
        assert path.name.endswith(ONE_WAY) or not taken, f"{path.name}: {taken}"


def _apply(url: str, name: str, text: str) -> None:
    """Do what a newer version does."""
    with psycopg.connect(url) as conn:
        conn.execute(text.encode())
        conn.execute("INSERT INTO migrations VALUES (%s, 'of a newer version')", [name])
