"""The house rules that a program can check: import arrows, SQL in its place, short resolvers."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

PROJECT = Path(__file__).parent.parent

# Imports run one way: each package may import only these of ours.
ARROWS = {
    "access": {"schema", "telemetry"},
    "booking": set[str](),
    "telemetry": set[str](),
    "schema": set[str](),
    "flags": {"booking"},
    "db": {"booking", "flags", "telemetry"},
    "jobs": {"booking", "db", "telemetry"},
    "resolvers": {"access", "booking", "db", "execution", "flags", "schema", "telemetry"},
    "execution": {"schema", "telemetry"},
    "transport": {"access", "execution", "schema", "telemetry"},
    "cli": {"booking", "db", "flags", "schema", "server", "settings", "telemetry"},
    # Its controls are the server, broken on purpose.
    "faults": {"booking", "db", "schema", "server"},
    "docs": set[str](),
}
OURS = {*ARROWS, "app", "settings", "server", "tests"}
# What booking may not touch: it has no I/O, no clock and nothing to wait for.
IMPURE = {"asyncio", "os", "time", "random", "socket", "pathlib", "psycopg", "logging", "secrets"}

Source = tuple[Path, ast.Module]


def _sources(*packages: str) -> Iterator[Source]:
    for package in packages:
        for path in sorted((PROJECT / package).rglob("*.py")):
            yield path, ast.parse(path.read_text("utf-8"))


def _imported(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module.partition(".")[0]


@pytest.mark.parametrize("package", ARROWS)
def test_imports_run_one_way(package: str) -> None:
    for path, tree in _sources(package):
        strange = set(_imported(tree)) & (OURS - {package}) - ARROWS[package]
        assert not strange, f"{path.name} imports {strange}"


def test_rules_know_no_clock_and_no_io() -> None:
    for path, tree in _sources("booking"):
        assert not set(_imported(tree)) & IMPURE, path.name
        waits = [n for n in ast.walk(tree) if isinstance(n, ast.Await | ast.AsyncFunctionDef)]
        assert not waits, path.name
        assert not re.search(r"\b(now|today|utcnow|clock_timestamp)\(", ast.unparse(tree)), (
            path.name
        )


def test_resolvers_have_no_try() -> None:
    for path, tree in _sources("resolvers"):
        assert not [n for n in ast.walk(tree) if isinstance(n, ast.Try)], path.name


def test_sql_lives_in_sql() -> None:
    words = re.compile(r"\b(SELECT|INSERT INTO|UPDATE|DELETE FROM)\b\s")
    for path, tree in _sources(
        "booking", "db", "flags", "jobs", "resolvers", "schema", "transport"
    ):
        for node in ast.walk(tree):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                assert not words.search(node.value), f"{path.name}: {node.value:.60}"


def test_every_module_says_what_it_owns() -> None:
    for path, tree in _sources(*ARROWS):
        assert ast.get_docstring(tree), path


def test_statements_say_what_they_do() -> None:
    for path in sorted((PROJECT / "sql").glob("*.sql")):
        for block in re.split(r"^-- name: ", path.read_text("utf-8"), flags=re.MULTILINE)[1:]:
            name, comment, *_ = block.splitlines()
            assert re.fullmatch(r"[a-z_]+", name), f"{path.name}: {name}"
            assert comment.startswith("-- "), f"{path.name}: {name} has no comment"


def test_only_the_desk_the_audit_and_the_migrations_open_transactions() -> None:
    begins = ("BEGIN", ".transaction(")
    opened = [
        path.name
        for path, tree in _sources("db")
        if any(word in ast.unparse(tree) for word in begins)
    ]
    assert opened == ["audit.py", "desk.py"]
