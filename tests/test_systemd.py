"""The units and files of deploy/systemd: verified, closed, and what they start serves."""

import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest

from server.processes import LONGEST_STOP
from tests.daemons import find, free_port, needs, rewritten
from tests.serving import PROJECT

SYSTEMD = PROJECT / "deploy/systemd"
UNIT = (SYSTEMD / "boxoffice@.service").read_text("utf-8")
PYTHON = "/opt/boxoffice/current/.venv/bin/python"
# Of 10, in tenths: what systemd-analyze makes of a service that needs the network and no more.
MOST_EXPOSED = 15


def _of(name: str) -> list[str]:
    return re.findall(rf"^{name}=(.*)$", UNIT, re.MULTILINE)


@pytest.fixture
def unit(tmp_path: Path) -> Path:
    """The unit as it is once it is installed, for a user and a Python that are here."""
    path = tmp_path / "boxoffice@8001.service"
    changes = {PYTHON: sys.executable, "User=boxoffice": "User=daemon", "Group=boxoffice": ""}
    text = UNIT
    for old, new in changes.items():
        assert old in text
        text = text.replace(old, new)
    path.write_text(text, "utf-8")
    return path


@needs("systemd-analyze")
def test_systemd_understands_the_unit(unit: Path) -> None:
    command = ["systemd-analyze", "verify", "--man=no", str(unit)]
    verified = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (verified.returncode, verified.stderr) == (0, "")


@needs("systemd-analyze")
def test_the_unit_is_hardly_exposed(unit: Path) -> None:
    options = ["--offline=true", "--no-pager", f"--threshold={MOST_EXPOSED}"]
    command = ["systemd-analyze", "security", *options, str(unit)]
    judged = subprocess.run(command, capture_output=True, text=True, check=False)
    assert judged.returncode == 0, judged.stdout[-2_000:]


def test_the_unit_gives_the_server_its_time_to_stop() -> None:
    assert int(_of("TimeoutStopSec")[0]) > LONGEST_STOP.total_seconds()
    assert _of("KillSignal") == ["SIGTERM"]


def test_what_the_unit_starts_serves_with_its_settings_and_no_others(
    tmp_path: Path, database_url: str
) -> None:
    made, credentials = tmp_path / "made", tmp_path / "credentials"
    subprocess.run([PROJECT / "deploy/secrets.sh", made], check=True)
    credentials.mkdir()
    for name, source in (line.split(":") for line in _of("LoadCredential")):
        assert Path(source).parent == Path("/etc/boxoffice/secrets")
        shutil.copy(made / Path(source).name, credentials / name)
    port = str(free_port())
    words = " ".join(_of("Environment")).replace("%i", port).replace("%d", str(credentials))
    settings = _settings()
    assert settings.pop("DATABASE_URL") == "postgresql:///boxoffice?host=/var/run/postgresql"
    environment = {
        **settings,
        **dict(word.split("=", 1) for word in words.split()),
        "DATABASE_URL": database_url,
    }
    command = _of("ExecStart")[0].replace(PYTHON, sys.executable).split()
    process = subprocess.Popen(command, cwd=PROJECT, env=environment, stdout=subprocess.DEVNULL)
    try:
        answer = _ask(f"http://127.0.0.1:{port}/graphql")
    finally:
        process.terminate()
        assert process.wait(15) == 0
    assert answer["errors"][0]["extensions"]["code"] == "UNAUTHENTICATED"


def _settings() -> dict[str, str]:
    lines = (SYSTEMD / "settings").read_text("utf-8").splitlines()
    return dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))


def _ask(url: str) -> dict[str, list[dict[str, dict[str, str]]]]:
    body = {"query": "mutation { runExpiry { expiredBookings } }"}
    for _ in range(200):
        try:
            answer: dict[str, list[dict[str, dict[str, str]]]] = httpx.post(url, json=body).json()
            return answer
        except httpx.TransportError:
            time.sleep(0.05)
    raise AssertionError("it does not answer")


@needs("nginx")
def test_nginx_understands_the_site(tmp_path: Path) -> None:
    changes = {"listen 80;": f"listen 127.0.0.1:{free_port()};", "listen [::]:80;": ""}
    site = rewritten(SYSTEMD / "nginx-site.conf", changes)
    kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    places = "".join(f"{kind}_temp_path {tmp_path}/{kind};\n" for kind in kinds)
    config, nginx = tmp_path / "nginx.conf", find("nginx")
    head = f"pid {tmp_path}/pid;\nevents {{}}\n"
    config.write_text(f"{head}http {{\naccess_log off;\n{places}{site}\n}}\n", "utf-8")
    assert nginx
    command = [nginx, "-e", "stderr", "-t", "-q", "-c", str(config)]
    tested = subprocess.run(command, capture_output=True, text=True, check=False)
    assert tested.returncode == 0, tested.stderr


def test_the_site_treats_the_servers_as_the_proxy_of_the_containers_does() -> None:
    def directives(path: Path) -> set[str]:
        text = re.sub(r"#.*", "", path.read_text("utf-8"))
        inside = text.partition("location / {")[2].partition("}")[0]
        return {" ".join(line.split()) for line in inside.split(";") if line.strip()}

    site = directives(SYSTEMD / "nginx-site.conf")
    container = directives(PROJECT / "deploy/compose/nginx.conf")
    assert {line.replace("$boxoffice_connection", "$connection_header") for line in site} == {
        *container
    } - {"proxy_buffering on"}
