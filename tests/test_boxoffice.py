"""The commands beside the server: `boxoffice audit`, what it prints and how it ends."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import psycopg
import pytest

from schema.ids import show_id as public_id

PROJECT = Path(__file__).parent.parent


def run(url: str, *arguments: str, **env: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "boxoffice", *arguments],
        check=False,
        cwd=PROJECT,
        env={**os.environ, "DATABASE_URL": url, **env},
        capture_output=True,
        text=True,
    )


def test_command_says_what_it_audited(database_url: str, house: dict[str, Any]) -> None:
    ran = run(database_url, "audit")
    assert (ran.returncode, ran.stdout) == (0, "2 shows, 10 changes, 0 differences\n")
    for show in (str(house["show"]), public_id(house["show"])):
        ran = run(database_url, "audit", "--show", show)
        assert (ran.returncode, ran.stdout) == (0, "1 show, 10 changes, 0 differences\n")


def test_command_prints_each_difference_in_a_line_and_its_status_says_so(
    database_url: str, house: dict[str, Any]
) -> None:
    with psycopg.connect(database_url) as conn:
        conn.execute("UPDATE shows SET version = 9 WHERE id = %s", [house["show"]])
        conn.execute("DELETE FROM taken_seats WHERE number = 3")
    ran = run(database_url, "audit")
    key, id_ = house["show"], public_id(house["show"])
    *lines, summary = ran.stdout.splitlines()
    assert ran.returncode == 1
    assert summary == "2 shows, 10 changes, 4 differences"
    assert len(lines) == 4
    assert (
        f"show {key} ({id_}), version 10: the show is at version 9, and its log ends at 10" in lines
    )
    assert f"show {key} ({id_}): seat 3 is AVAILABLE, and by the log CONFIRMED" in lines


@pytest.mark.parametrize(
    "arguments", [(), ("audit", "--show", "everything"), ("audit", "--show", "999"), ("adit",)]
)
def test_unusable_command_is_refused_in_words(
    database_url: str, arguments: tuple[str, ...]
) -> None:
    ran = run(database_url, *arguments)
    assert (ran.returncode, ran.stdout) == (2, "")
    assert "Traceback" not in ran.stderr


def test_database_that_is_not_there_is_another_status_and_tells_no_password(
    bare_database_url: str, tmp_path: Path
) -> None:
    gone = f"postgresql://user:secret@/gone?host={tmp_path}"
    for url, said in (
        (gone, "No such file"),
        (bare_database_url, "does not exist"),
        ("", "make run"),
    ):
        ran = run(url, "audit", DATA_DIR=str(tmp_path))
        assert (ran.returncode, ran.stdout) == (3, "")
        assert said in ran.stderr
        assert "secret" not in ran.stderr
        assert "Traceback" not in ran.stderr
