"""What is in deploy/ and compose.yaml is well-formed, closed, and fits the server."""

import re
import shutil
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from server.processes import LONGEST_STOP
from tests.fleet import grace
from tests.image import let_in
from tests.pooler import COMPOSE
from tests.serving import PROJECT
from transport.bodies import MAX_BODY_BYTES
from transport.patient_protocol import BODY_TIMEOUT, HEAD_TIMEOUT

SERVICES: dict[str, Any] = yaml.safe_load((PROJECT / "compose.yaml").read_text("utf-8"))["services"]


def _run(*command: str | Path) -> None:
    done = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_compose_yaml_follows_the_specification() -> None:
    schema = ["--builtin-schema", "vendor.compose-spec"]
    _run(Path(sys.prefix) / "bin/check-jsonschema", *schema, "compose.yaml")


@pytest.mark.skipif(not shutil.which("docker-compose"), reason="docker-compose is not installed")
def test_compose_reads_compose_yaml_and_shows_no_secret(tmp_path: Path) -> None:
    shutil.copy(PROJECT / "compose.yaml", tmp_path)
    shutil.copytree(COMPOSE, tmp_path / "deploy/compose")
    _run(PROJECT / "deploy/secrets.sh", tmp_path / "deploy/secrets")
    command = ["docker-compose", "config"]
    shown = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert "tmpfs" in shown.stdout
    for secret in (tmp_path / "deploy/secrets").iterdir():
        assert secret.read_text("utf-8").strip() not in shown.stdout + shown.stderr


@pytest.mark.parametrize("name", SERVICES)
def test_services_are_hardened(name: str) -> None:
    service = SERVICES[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert "privileged" not in service


def test_only_the_proxy_is_published_and_only_to_this_machine() -> None:
    published = {name: service["ports"] for name, service in SERVICES.items() if "ports" in service}
    assert published == {"proxy": ["${PUBLISH:-127.0.0.1:8000}:8080"]}


def test_services_get_their_secrets_as_files() -> None:
    for name, service in SERVICES.items():
        for value in service.get("environment", {}).values():
            assert "://" not in value, name
            assert not re.search(r"\b[0-9a-f]{16}", value), name
    for name in ("app-1", "app-2"):
        assert {"auth_secret", "database_url"} <= {*SERVICES[name]["secrets"]}


def test_servers_get_the_time_that_they_take_to_stop() -> None:
    for name in ("app-1", "app-2"):
        assert grace(name) > LONGEST_STOP.total_seconds()


def test_the_proxy_has_the_bounds_of_the_server() -> None:
    said = (COMPOSE / "nginx.conf").read_text("utf-8")
    found = dict(re.findall(r"^ *(\w+) (\d+)[sm];", said, re.MULTILINE))
    assert int(found["client_max_body_size"]) << 20 == MAX_BODY_BYTES
    assert int(found["client_header_timeout"]) == HEAD_TIMEOUT.total_seconds()
    assert int(found["client_body_timeout"]) == BODY_TIMEOUT.total_seconds()
    assert int(found["proxy_read_timeout"]) > LONGEST_STOP.total_seconds()


def test_secrets_are_made_once_and_kept_to_their_owner(tmp_path: Path) -> None:
    directory = tmp_path / "secrets"
    script = PROJECT / "deploy/secrets.sh"
    _run(script, directory)
    made = {path.name: path.read_text("utf-8") for path in directory.iterdir()}
    declared = yaml.safe_load((PROJECT / "compose.yaml").read_text("utf-8"))["secrets"]
    assert {*made} == {*declared}
    assert declared == {name: {"file": f"deploy/secrets/{name}"} for name in made}
    assert stat.S_IMODE(directory.stat().st_mode) == 0o700
    assert made["boxoffice_password"] in made["database_url"]
    words = [made[name] for name in ("auth_secret", "metrics_token", "postgres_password")]
    assert all(re.fullmatch(r"[0-9a-f]{64}", word) for word in words)
    assert len({*words}) == 3
    _run(script, directory)
    assert made == {path.name: path.read_text("utf-8") for path in directory.iterdir()}


def test_secrets_are_never_in_a_command_line(tmp_path: Path) -> None:
    """The script finds no program that does not first write down what it is called with."""
    programs, told, directory = tmp_path / "programs", tmp_path / "told", tmp_path / "secrets"
    programs.mkdir()
    for name in ("cat", "chmod", "dirname", "mkdir", "mv", "od", "tr"):
        program = programs / name
        program.write_text(
            f'#!/bin/sh\necho {name} "$@" >> {told}\nexec {shutil.which(name)} "$@"\n'
        )
        program.chmod(0o755)
    script, shell = PROJECT / "deploy/secrets.sh", shutil.which("sh")
    assert shell
    subprocess.run([shell, script, directory], env={"PATH": str(programs)}, check=True)
    calls = told.read_text("utf-8")
    assert "od -An" in calls
    made = {path.read_text("utf-8").strip() for path in directory.iterdir()}
    assert not [secret for secret in made if secret in calls]


def test_secrets_are_left_out_of_git_and_of_images() -> None:
    assert "deploy/secrets/" in (PROJECT / ".gitignore").read_text("utf-8").splitlines()
    assert "deploy" not in let_in()
