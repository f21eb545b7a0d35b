"""`boxoffice load` as somebody runs it: against served processes, also one that loses seats."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

import cli.load
from cli.load.inspection import Findings, Inspection
from cli.load.plan import Unusable, read_url
from tests.command_line import CommandLine
from tests.serving import PROJECT, Served, serve
from tests.tokens import SECRET, token

pytestmark = pytest.mark.any_postgres

# Hurried people: a visit takes half a second.
HURRIED = ("--people", "20", "--seconds", "1.2", "--pace", "0.04", "--hold", "5")
SMALL = ("--new-shows", "2", "--seats", "40")
LONGEST = 60.0


def count(url: str, statement: str) -> int:
    with psycopg.connect(url) as conn:
        row = conn.execute(statement.encode()).fetchone()
    assert row
    return int(row[0])


@pytest.fixture(scope="module")
def guarded(shared_database_url: str) -> Iterator[Served]:
    with serve(shared_database_url, AUTH_SECRET=SECRET) as server:
        yield server


def test_people_come_and_go_and_a_report_says_how_it_was(
    boxoffice: CommandLine, served: Served, shared_database_url: str, tmp_path: Path
) -> None:
    page = tmp_path / "of <today>" / "sale.html"
    ran = boxoffice(
        "load",
        served.url,
        *HURRIED,
        *SMALL,
        "--report",
        str(page),
        DATABASE_URL=shared_database_url,
    )
    assert (ran.status, ran.err) == (0, ""), ran.out
    assert "Nothing was sold twice" in ran.out
    found = json.loads(page.with_suffix(".json").read_text("utf-8"))
    _check_figures(found, shared_database_url)
    text = page.read_text("utf-8")
    assert "<svg" in text
    assert "<script" not in text
    loaded = re.findall(r'(?:src|href)="([^#][^"]*)"', text)
    assert loaded == []
    assert page.with_suffix(".png").read_bytes().startswith(b"\x89PNG")


def _check_figures(found: dict[str, Any], url: str) -> None:
    record, outcomes = found["record"], found["outcomes"]
    assert (record["held_against"], record["differences"], record["notes"]) == (
        "the database",
        [],
        [],
    )
    assert record["shows"] == 2
    assert found["errors"] == 0
    prefix = f"WHERE idempotency_key LIKE '{found['run']}-%'"
    assert record["bookings"] == count(url, f"SELECT count(*) FROM bookings {prefix}")
    assert sum(outcomes["book"].values()) == record["bookings"]
    assert outcomes["book"]["Booking"] > 10
    confirmed = count(url, f"SELECT count(*) FROM bookings {prefix} AND confirmed_at IS NOT NULL")
    assert outcomes["confirm"]["Booking"] <= confirmed <= outcomes["book"]["Booking"]
    for operation in ("browse", "open", "watch", "book", "confirm"):
        times = found["operations"][operation]
        assert 0 < times["p50"] <= times["p95"] <= times["p99"] <= times["most"]
        assert sum(point["count"] for point in times["over_time"]) == times["count"]
    assert found["map_updates"] > outcomes["watch"]["opened"]
    assert found["operations"]["own seats on the map"]["count"] > 0


def test_with_access_control_each_person_is_a_customer(
    boxoffice: CommandLine, guarded: Served, shared_database_url: str
) -> None:
    ran = boxoffice(
        "load", guarded.url, *HURRIED, *SMALL, DATABASE_URL=shared_database_url, AUTH_SECRET=SECRET
    )
    assert (ran.status, ran.err) == (0, ""), ran.out
    assert "0 errors" in ran.out
    owners = count(
        shared_database_url,
        "SELECT count(DISTINCT owner) FROM bookings WHERE owner LIKE 'load-%'",
    )
    assert owners > 10
    assert not count(
        shared_database_url,
        "SELECT count(*) FROM bookings WHERE owner LIKE 'load-%' AND user_name NOT LIKE 'Person %'",
    )


def test_without_the_secret_and_the_database_all_call_by_one_token_and_the_api_is_asked(
    boxoffice: CommandLine, guarded: Served, tmp_path: Path
) -> None:
    given = token("boss", roles="admin")
    ran = boxoffice(
        "load",
        guarded.url,
        *HURRIED,
        *SMALL,
        BOXOFFICE_TOKEN=given,
        DATABASE_URL="",
        DATA_DIR=str(tmp_path),
    )
    assert (ran.status, ran.err) == (0, ""), ran.out
    assert "only the API is asked" in ran.out
    assert "held against the API" in ran.out
    assert given not in ran.out


def test_server_that_loses_seats_is_found(boxoffice: CommandLine, database_url: str) -> None:
    with psycopg.connect(database_url) as conn:
        conn.execute(FORGET)
    with serve(database_url) as server:
        ran = boxoffice("load", server.url, *HURRIED, *SMALL, DATABASE_URL=database_url)
    assert (ran.status, ran.err) == (1, ""), ran.out
    assert "DIFFERENCES" in ran.out
    assert re.search(r"is CONFIRMED with the seats \[\d+.*\], and \[\] are taken for it", ran.out)
    assert "audit: " in ran.out


FORGET = """
CREATE FUNCTION forget() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM taken_seats WHERE show_id = NEW.show_id AND booking_id = NEW.id;
    RETURN NULL;
END $$;
CREATE TRIGGER forgets AFTER UPDATE ON bookings
    FOR EACH ROW WHEN (NEW.status = 'CONFIRMED') EXECUTE FUNCTION forget();
"""


def test_interrupted_run_ends_in_order_with_the_figures_so_far(
    served: Served, shared_database_url: str, tmp_path: Path
) -> None:
    process = subprocess.Popen(
        [
            sys.executable,
            "-m",
            "cli",
            "load",
            served.url,
            "--report",
            str(tmp_path),
            "--pace",
            "0.1",
        ],
        cwd=PROJECT,
        env={**os.environ, "DATABASE_URL": shared_database_url, "PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout
        assert "100 people for 60 s" in process.stdout.readline()
        time.sleep(1)  # so that there is something to tell of
        process.send_signal(signal.SIGINT)
        said, wrong = process.communicate(timeout=LONGEST)
    finally:
        process.kill()
        process.wait()
    assert (process.returncode, wrong) == (0, ""), said
    assert "The run was interrupted" in said
    found = json.loads((tmp_path / "load.json").read_text("utf-8"))
    assert found["interrupted"]
    assert 1 <= found["plan"]["seconds"] < 30


def test_what_keeps_it_from_running_is_said_in_words(
    boxoffice: CommandLine,
    served: Served,
    guarded: Served,
    database_url: str,
    shared_database_url: str,
) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        nobody = f"http://127.0.0.1:{closed.getsockname()[1]}"
    for url, arguments, env, status, said in (
        (nobody, (), {}, 3, "the server can't be had"),
        (served.url, (), {"DATABASE_URL": database_url}, 3, "not the server's database"),
        (guarded.url, (), {}, 2, "the server says UNAUTHENTICATED"),
        (served.url, ("--shows", "nothing"), {}, 2, "the server has no show nothing"),
        (served.url, ("--report", "/dev/null/here"), {}, 2, "--report"),
        (served.url, ("--report", "/proc/load.html"), {}, 2, "--report"),
        ("http://boxoffice.example", (), {}, 2, "--yes-i-may"),
        (served.url, ("--people", "0"), {}, 2, "--people"),
        (served.url, ("--pace", "nan"), {}, 2, "--pace"),
    ):
        ran = boxoffice("load", url, *arguments, **{"DATABASE_URL": shared_database_url, **env})
        assert ran.status == status, (url, arguments, ran)
        assert said in ran.err
        assert "Traceback" not in ran.err


def test_figures_are_left_where_the_record_is_gone_at_the_end(
    boxoffice: CommandLine,
    served: Served,
    shared_database_url: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def fail(self: Inspection, url: str | None) -> Findings:
        raise psycopg.OperationalError("gone")

    monkeypatch.setattr(Inspection, "conclude", fail)
    ran = boxoffice(
        *("load", served.url, *HURRIED, *SMALL, "--report", tmp_path),
        DATABASE_URL=shared_database_url,
    )
    assert (ran.status, ran.err) == (3, "boxoffice: the database: gone\n")
    assert "Nothing could be held against the record." in ran.out
    assert "sold twice" not in ran.out
    found = json.loads((tmp_path / "load.json").read_text("utf-8"))
    assert found["operations"]["book"]["count"] > 0
    assert found["record"]["held_against"] == "nothing"


def test_what_is_not_installed_is_named(
    boxoffice: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cli.load, "find_spec", lambda name: None)
    ran = boxoffice("load")
    assert (ran.status, ran.err) == (2, "boxoffice: aiohttp is not installed: make install-load\n")


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("http://127.0.0.1:8000", "http://127.0.0.1:8000/graphql"),
        ("http://[::1]:8000/graphql", "http://[::1]:8000/graphql"),
        ("https://localhost/box/graphql", "https://localhost/box/graphql"),
    ],
)
def test_own_machine_may_be_tried(text: str, url: str) -> None:
    assert read_url(text, from_afar=False) == url


@pytest.mark.parametrize(
    "text",
    ["127.0.0.1:8000", "ftp://127.0.0.1", "http://", "http://127.0.0.1:0", "http://a:b@127.0.0.1",
     "http://127.0.0.1:x"],
)  # fmt: skip
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(Unusable, match="no address"):
        read_url(text, from_afar=True)


@pytest.mark.parametrize(
    "text", ["http://10.0.0.1", "http://boxoffice.example/graphql", "http://localhost.example"]
)
def test_other_machines_are_tried_by_who_may_only(text: str) -> None:
    with pytest.raises(Unusable, match="--yes-i-may"):
        read_url(text, from_afar=False)
    assert read_url(text, from_afar=True)
