"""The table of flags: each change is on record, in order, whoever makes it and how many at once."""

import asyncio
from typing import Any

import psycopg
import pytest
from psycopg.errors import CheckViolation

from db.audit import connected
from db.connection import Connection
from db.flags import delete_flag, list_flag_changes, list_flags, set_flag
from flags.flag import State


async def _history(conn: Connection, key: str) -> list[tuple[State | None, State | None]]:
    changes = await list_flag_changes(conn, 100, key)
    return [(change.before, change.after) for change in reversed(changes)]


def test_a_flag_is_what_was_set_last_and_every_change_is_on_record(database_url: str) -> None:
    async def run() -> None:
        async with connected(database_url) as conn:
            made = await set_flag(conn, "seat-choice", "front", 10, "user:ada")
            assert (made.key, made.value, made.percentage) == ("seat-choice", "front", 10.0)
            assert made.changed_by == "user:ada"
            other = await set_flag(conn, "other", True, 100, "user:ada")
            grown = await set_flag(conn, "seat-choice", "front", 12.25, "user:bob")
            assert await list_flags(conn) == [other, grown]
            assert await delete_flag(conn, "seat-choice", "user:eve") == grown
            assert [flag.key for flag in await list_flags(conn)] == ["other"]
            first, second = State("front", 10.0), State("front", 12.25)
            assert await _history(conn, "seat-choice") == [
                (None, first),
                (first, second),
                (second, None),
            ]
            changes = await list_flag_changes(conn)
            assert [c.revision for c in changes] == [4, 3, 2, 1]
            assert [c.changed_by for c in changes] == ["user:eve", "user:bob", *["user:ada"] * 2]
            assert [c.revision for c in await list_flag_changes(conn, 2, before=4)] == [3, 2]

    asyncio.run(run())


def test_what_changes_nothing_is_no_change(database_url: str) -> None:
    async def run() -> None:
        async with connected(database_url) as conn:
            made = await set_flag(conn, "a", {"b": [1]}, 5, "user:ada")
            assert await set_flag(conn, "a", {"b": [1]}, 5, "user:bob") == made
            assert await delete_flag(conn, "b", "user:bob") is None
            assert len(await list_flag_changes(conn)) == 1

    asyncio.run(run())


@pytest.mark.parametrize(
    "value",
    [
        True,
        False,
        0,
        1,
        1.0,
        -2.5,
        2**63 - 1,
        1e20,
        [1e300],
        "",
        "ü€😀\n",
        "\\u0000",
        [],
        {},
        [1, {"a": [None]}],
    ],
)
def test_a_value_comes_back_as_it_was(shared_database_url: str, value: Any) -> None:
    async def run() -> None:
        async with connected(shared_database_url) as conn:
            await set_flag(conn, "any", "another", 100, "user:ada")
            await set_flag(conn, "any", value, 100, "user:ada")
            [flag] = await list_flags(conn)
            assert flag.value == value
            assert type(flag.value) is type(value)

    asyncio.run(run())


def test_changes_at_once_know_each_other(database_url: str) -> None:
    """Ten writers set and delete one flag: each change begins where the one before it ended."""

    async def write(number: int) -> None:
        async with connected(database_url) as conn:
            for step in range(5):
                await set_flag(conn, "hot", [number, step], number, f"user:{number}")
                if number % 3 == 0:
                    await delete_flag(conn, "hot", f"user:{number}")

    async def run() -> None:
        await asyncio.gather(*(write(number) for number in range(10)))
        async with connected(database_url) as conn:
            changes = [*reversed(await list_flag_changes(conn, 1_000))]
            flags = await list_flags(conn)
        assert [change.revision for change in changes] == list(range(1, len(changes) + 1))
        assert len(changes) >= 50
        state = None
        for change in changes:
            assert change.before == state
            state = change.after
        assert [State(flag.value, flag.percentage) for flag in flags] == ([state] if state else [])

    asyncio.run(run())


@pytest.mark.parametrize(
    ("key", "value", "percentage", "constraint"),
    [
        ("No", "1", 1, "flags_key_well_formed"),
        ("a" * 65, "1", 1, "flags_key_well_formed"),
        ("a", "null", 1, "flags_value_not_null"),
        ("a", "1", 100.01, "flags_percentage_in_range"),
        ("a", "1", -0.01, "flags_percentage_in_range"),
    ],
)
def test_the_table_itself_refuses_what_no_flag_can_be(
    shared_database_url: str, key: str, value: str, percentage: float, constraint: str
) -> None:
    with (
        psycopg.connect(shared_database_url) as conn,
        pytest.raises(CheckViolation, match=constraint),
    ):
        conn.execute(
            "INSERT INTO flags VALUES (%s, %s, %s, now(), 'user:ada')", [key, value, percentage]
        )
