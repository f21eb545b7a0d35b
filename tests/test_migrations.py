"""Migrations: once, whoever starts first, and never silently different."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg
import pytest

from db.migrations import MIGRATIONS_DIR, MigrationError, migrate


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
