"""Secrets: they come from files, too, and are in no output, no answer and no list of processes."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest
from psycopg import sql
from pydantic import SecretStr

from db.embedded.server import PostgresServer
from db.migrations import migrate
from settings import UNUSABLE_SETTINGS, Settings, explain
from telemetry.log import INDENT
from tests.conftest import NOT_DURABLE, bin_dir_of
from tests.serving import PROJECT, Served, serve
from tests.tokens import bearer, token

pytestmark = pytest.mark.any_postgres

AUTH_SECRET = "the-leak-test's secret, thirty-two bytes and more"
PASSWORD = "a-pass/word%of it's own"
REDIS_PASSWORD = "redis-has-one-too"
QUOTED = "a-pass%2Fword%25of%20it's%20own"
HEAD = re.compile(r"\d{4}-\d\d-\d\dT[\d:.]{12}\+00:00 (DEBUG|INFO|WARNING|ERROR|CRITICAL) [\w.]+: ")


def write(directory: Path, **files: str) -> Path:
    for name, text in files.items():
        (directory / name).write_text(text)
    return directory


def refusal(**settings: Any) -> str:
    with pytest.raises(UNUSABLE_SETTINGS) as refused:
        Settings(**settings)
    error = refused.value
    assert AUTH_SECRET not in f"{error!r} {error}"
    assert isinstance(error, UNUSABLE_SETTINGS)
    return explain(error)


def test_settings_come_from_files(tmp_path: Path) -> None:
    directory = write(tmp_path, auth_secret=f"{AUTH_SECRET}\n", PORT="8001\r\n", host="", other="x")
    settings = Settings(secrets_dir=directory)
    assert settings.auth_secret
    assert settings.auth_secret.get_secret_value() == AUTH_SECRET
    assert (settings.port, settings.host) == (8001, "127.0.0.1")


def test_the_environment_goes_before_the_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SECRETS_DIR", str(write(tmp_path, port="8001", web_concurrency="2")))
    monkeypatch.setenv("PORT", "8002")
    monkeypatch.setenv("WEB_CONCURRENCY", "")
    settings = Settings()
    assert (settings.port, settings.web_concurrency) == (8002, 2)


def test_files_that_cannot_be_read_are_no_settings(tmp_path: Path) -> None:
    assert "does not exist" in refusal(secrets_dir=tmp_path / "nothing")
    assert "directory" in refusal(secrets_dir=write(tmp_path, file="") / "file")
    (tmp_path / "auth_secret").mkdir()
    assert "auth_secret" in refusal(secrets_dir=tmp_path)
    (tmp_path / "auth_secret").rmdir()
    (tmp_path / "auth_secret").symlink_to("/etc/hostname")
    assert "outside" in refusal(secrets_dir=tmp_path)
    (tmp_path / "auth_secret").unlink()
    (tmp_path / "auth_secret").write_bytes(b"\xff" * 40)
    assert refusal(secrets_dir=tmp_path).startswith("SECRETS_DIR: ")


def test_a_server_says_that_it_has_no_such_files(tmp_path: Path) -> None:
    done = start(SECRETS_DIR=str(tmp_path / "missing"))
    assert (done.returncode, done.stdout) == (2, "")
    assert re.fullmatch(r"boxoffice: SECRETS_DIR: directory .* does not exist\n", done.stderr)


@pytest.mark.parametrize("name", sorted(Settings.model_fields))
def test_a_secret_in_the_wrong_place_is_not_quoted(name: str) -> None:
    said = ""
    try:
        Settings.model_validate({name: AUTH_SECRET})
    except UNUSABLE_SETTINGS as error:
        said = explain(error) + repr(error)
    assert AUTH_SECRET not in said.replace(f"{PROJECT}/{AUTH_SECRET}", "a path")


def test_what_settings_look_like_has_no_secrets() -> None:
    url = f"postgresql://ada:{QUOTED}@host/db"
    settings = Settings(auth_secret=SecretStr(AUTH_SECRET), database_url=url)
    other = Settings(auth_jwks=f"https://ada:{QUOTED}@host/", auth_issuer="a", auth_audience="b")
    for text in (repr(settings), str(settings), repr(other)):
        assert AUTH_SECRET not in text
        assert QUOTED not in text
    assert settings.secrets == [AUTH_SECRET, QUOTED]
    assert other.secrets == [QUOTED]


def start(**settings: str) -> "subprocess.CompletedProcess[str]":
    """Start a server that will not come up."""
    return subprocess.run(
        [sys.executable, "-m", "server"],
        cwd=PROJECT,
        env={"PATH": os.environ["PATH"], "PORT": "0", **settings},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize(
    "settings",
    [
        {"HOST": AUTH_SECRET, "AUTH_SECRET": AUTH_SECRET},
        {"PORT": AUTH_SECRET},
        {"TRUSTED_PROXIES": AUTH_SECRET},
        {"DATABASE_URL": AUTH_SECRET},
    ],
    ids=lambda settings: next(iter(settings)),
)
def test_a_server_that_does_not_start_tells_no_secrets(settings: dict[str, str]) -> None:
    done = start(**settings)
    assert done.returncode in (1, 2)
    assert next(iter(settings)) in done.stderr
    assert AUTH_SECRET not in done.stdout + done.stderr


@dataclass
class Watched:
    """A server that has a password for its database, and where its log is."""

    served: Served
    database: PostgresServer
    log: Path


@pytest.fixture(scope="module")
def database(
    pytestconfig: pytest.Config, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[PostgresServer]:
    """A PostgreSQL that wants a password of all but its owner."""
    home = tmp_path_factory.mktemp("secrets")
    home.chmod(0o755)
    hba = write(home, hba="local all boxoffice trust\nlocal all all scram-sha-256\n") / "hba"
    options = {**NOT_DURABLE, "hba_file": str(hba)}
    with PostgresServer(home / "data", bin_dir_of(pytestconfig), options) as server:
        migrate(server.url)
        with psycopg.connect(server.url, autocommit=True) as conn:
            conn.execute(sql.SQL("CREATE ROLE keeper SUPERUSER LOGIN PASSWORD {}").format(PASSWORD))
        yield server


def url_with(database: PostgresServer, password: str) -> str:
    return database.url.replace("boxoffice@", f"keeper:{password}@")


@pytest.fixture(scope="module", params=["text", "json"])
def watched(
    database: PostgresServer,
    tmp_path_factory: pytest.TempPathFactory,
    request: pytest.FixtureRequest,
) -> Iterator[Watched]:
    home = tmp_path_factory.mktemp("run")
    (home / "secrets").mkdir()
    directory = write(
        home / "secrets",
        auth_secret=AUTH_SECRET,
        database_url=url_with(database, QUOTED),
        redis_url=f"redis://:{REDIS_PASSWORD}@127.0.0.1:1/0",  # nobody is there
    )
    settings = {
        "SECRETS_DIR": str(directory),
        "WEB_CONCURRENCY": "2",
        "LOG_FORMAT": request.param,
        "LOG_LEVEL": "debug",
    }
    with (home / "log").open("wb") as log, serve("", "server", log, **settings) as server:
        yield Watched(server, database, home / "log")


def processes(root: int) -> dict[int, str]:
    """The command lines and environments of a process and all below it, and of every PostgreSQL."""
    parents, words = {}, {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            try:
                parents[int(entry.name)] = int(
                    (entry / "stat").read_text().rpartition(")")[2].split()[1]
                )
                words[int(entry.name)] = (entry / "cmdline").read_text() + (
                    (entry / "environ").read_text(errors="replace")
                )
            except (OSError, ValueError):
                continue
    below = {root}
    while more := {child for child, parent in parents.items() if parent in below} - below:
        below |= more
    return {
        pid: text
        for pid, text in words.items()
        if pid in below or "postgres" in text.split("\0")[0]
    }


def ask(server: Served, query: str, headers: dict[str, str], **variables: Any) -> httpx.Response:
    body = {"query": query, "variables": variables}
    return httpx.post(server.url, json=body, headers=headers, verify=False, timeout=30)


def is_of_a_record(line: str) -> bool:
    """Whether a line of the log is a record, or stands below one."""
    if line.startswith("{"):
        return list(json.loads(line))[:4] == ["time", "level", "logger", "event"]
    return bool(HEAD.match(line) or line.startswith(INDENT))


def test_a_server_tells_no_secrets_whatever_fails(watched: Watched) -> None:
    server, secrets = watched.served, [AUTH_SECRET, PASSWORD, QUOTED, REDIS_PASSWORD]
    admin = bearer("boss", secret=AUTH_SECRET, roles=["admin"])
    forged = token(secret="another secret, of thirty-two bytes and more")
    seen = [repr(processes(server.process.pid))]
    assert len(processes(server.process.pid)) >= 3
    secrets += [admin["authorization"].partition(" ")[2], forged]
    for authorization in (forged, "bo_1_guess", AUTH_SECRET, url_with(watched.database, QUOTED)):
        answer = ask(server, "{ __typename }", {"authorization": f"Bearer {authorization}"})
        assert answer.status_code == 401
        seen.append(f"{answer.headers} {answer.text}")
    with psycopg.connect(watched.database.url, autocommit=True) as conn:
        conn.execute("ALTER TABLE bookings RENAME COLUMN user_name TO elsewhere")
    answers = [
        ask(server, "{ bookings(first: 1) { edges { node { id } } } }", admin) for _ in range(4)
    ]
    with psycopg.connect(watched.database.url, autocommit=True) as conn:
        conn.execute("ALTER TABLE bookings RENAME COLUMN elsewhere TO user_name")
    [*_, error] = (answer.json()["errors"][0] for answer in answers)
    assert error["message"] == "Internal error"
    watched.database.stop()
    answers.append(ask(server, "{ shows(first: 1) { edges { node { id } } } }", admin))
    assert answers[-1].json()["errors"][0]["extensions"]["code"] == "UNAVAILABLE"
    wrong = start(AUTH_SECRET=AUTH_SECRET, DATABASE_URL=url_with(watched.database, QUOTED))
    watched.database.start()
    seen += [f"{answer.headers} {answer.text}" for answer in answers]
    seen += [wrong.stdout, wrong.stderr, watched.log.read_text()]
    for secret in secrets:
        assert not [text for text in seen if secret in text]
    lines = watched.log.read_text().splitlines()
    assert all(is_of_a_record(line) for line in lines)
    assert any(error["extensions"]["requestId"] in line for line in lines)


def test_a_wrong_password_is_not_told(database: PostgresServer) -> None:
    done = start(AUTH_SECRET=AUTH_SECRET, DATABASE_URL=url_with(database, "wrong-pass%2Fword"))
    assert done.returncode == 1
    assert "password authentication failed" in done.stderr
    for secret in (AUTH_SECRET, "wrong-pass"):
        assert secret not in done.stdout + done.stderr
