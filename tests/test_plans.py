"""The desk's plans: made once, maybe on empty tables, they must be good for full ones."""

import re

import psycopg
import pytest

import db.batch
from db.limits import SESSION_LIMITS
from db.pool import PLAN_ONCE, SET_UP_SESSION

STATEMENTS = {
    name: statement
    for name, statement in vars(db.batch).items()
    if name.isupper() and isinstance(statement, str)
}
# Each of these reads more rows than were asked for.
READS_MORE = ("Seq Scan", "Hash Join", "Merge Join", "Filter", "bookings_by_show", "shows_by_start")
# The holds that have lapsed are few, of whatever shows.
MAY_FILTER = {"FIND_LAPSED"}


@pytest.mark.parametrize("name", STATEMENTS.keys())
def test_desk_finds_rows_by_their_own_keys_even_if_planned_on_empty_tables(
    shared_database_url: str, name: str
) -> None:
    numbered = re.sub(r"%\(\w+\)s", "%s", STATEMENTS[name])
    parameters = numbered.count("%s")
    with psycopg.connect(shared_database_url, autocommit=True) as conn:
        conn.execute(SET_UP_SESSION, SESSION_LIMITS)
        conn.execute(PLAN_ONCE)
        conn.execute("ANALYZE")
        for number in range(1, parameters + 1):
            numbered = numbered.replace("%s", f"${number}", 1)
        conn.execute(f"PREPARE planned AS {numbered}".encode())
        arguments = f"({', '.join(['NULL'] * parameters)})" if parameters else ""
        rows = conn.execute(f"EXPLAIN (COSTS off) EXECUTE planned {arguments}".encode()).fetchall()
    plan = "\n".join(row[0] for row in rows)
    for bad in READS_MORE:
        assert bad not in plan or (bad == "Filter" and name in MAY_FILTER), plan
