"""Dockerfile, without Docker: what is in the image, and what runs as it would in a container."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from db.embedded.account import Account
from tests.daemons import free_port, workshop
from tests.image import Image, last_stage, let_in
from tests.serving import PROJECT
from tests.test_house import ARROWS

AUTH_SECRET = "of the image's tests, and long enough"
# Not part of what is served.
LEFT_OUT = {"docs", "faults"}
NAMESPACES = ["unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"]
# A container with a read-only file system and a /tmp, made of what is there.
CONTAIN = """
    set -e
    mount --bind "$1" "$1"
    for place in "$1" /dev/shm /tmp /; do
        mount -o remount,bind,ro "$place" 2>/dev/null || true
    done
    mount -t tmpfs -o mode=1777 tmpfs "$TMPDIR"
    cd "$1"
    if touch "$1/written" || touch /written || touch /dev/shm/written; then exit 9; fi 2>/dev/null
    shift
    exec "$@"
"""


def _can_contain() -> bool:
    if not shutil.which("unshare"):
        return False
    return subprocess.run([*NAMESPACES, "true"], check=False, capture_output=True).returncode == 0


@pytest.mark.parametrize("path", ["Dockerfile", "deploy/compose/pgbouncer.Dockerfile"])
def test_hadolint_has_no_complaint(path: str) -> None:
    hadolint = Path(sys.prefix) / "bin/hadolint"
    linted = subprocess.run([hadolint, path], cwd=PROJECT, capture_output=True, check=False)
    assert (linted.stdout, linted.returncode) == (b"", 0)


def test_the_image_has_every_package_and_nothing_that_is_nobody_elses_business() -> None:
    names = {*let_in()}
    assert (ARROWS.keys() - LEFT_OUT) | {"server", "sql", "app.py", "settings.py"} <= names
    private = {".env", ".data", ".git", "deploy", "docs", "tests", "bench", *LEFT_OUT}
    assert not names & private


def test_no_setting_that_is_secret_is_in_the_image() -> None:
    text = (PROJECT / "Dockerfile").read_text("utf-8")
    for word in ("AUTH_SECRET", "DATABASE_URL", "METRICS_TOKEN", "PASSWORD", "ARG "):
        assert word not in text
    assert any(line.startswith("USER 10001") for line in last_stage())


@contextmanager
def contained(image: Image, database_url: str, **settings: str) -> Iterator[tuple[int, str]]:
    """Run the image's command as process 1 of a container; yields its id outside, its address."""
    port = str(free_port())
    environment = {
        **image.environment,
        "HOST": "127.0.0.1",
        "PORT": port,
        "TMPDIR": str(image.root.parent / "tmp"),
        "DATABASE_URL": database_url,
        "AUTH_SECRET": AUTH_SECRET,
        **settings,
    }
    uid, gid = map(int, image.user.split(":"))
    socket_dir = database_url.partition("?host=")[2].partition("&")[0].replace("%2F", "/")
    become = Account(uid, gid).prefix(image.root, Path(sys.prefix), Path(socket_dir))
    words = [*NAMESPACES, "sh", "-c", CONTAIN, "sh", str(image.root), *become, *image.command]
    outside = subprocess.Popen(words, env=environment, stdout=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + 20
        while image.check_health(int(port)):
            assert outside.poll() is None, "it ended"
            assert time.monotonic() < deadline
            time.sleep(0.1)
        children = Path(f"/proc/{outside.pid}/task/{outside.pid}/children").read_text("ascii")
        yield int(children.split()[0]), f"127.0.0.1:{port}"
        assert outside.wait(15) == 0
    finally:
        outside.kill()
        outside.wait()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can make what a container has")
@pytest.mark.skipif(not _can_contain(), reason="unshare may not make namespaces here")
@pytest.mark.parametrize("processes", ["1", "2"])
def test_process_one_serves_from_a_read_only_file_system_and_drains(
    database_url: str, processes: str
) -> None:
    with workshop(Account(0, 0)) as work:
        work.chmod(0o755)
        (work / "tmp").mkdir()
        image = Image.build(work / "app", Path(sys.prefix))
        with contained(image, database_url, WEB_CONCURRENCY=processes) as (pid, address):
            status = Path(f"/proc/{pid}/status").read_text("ascii")
            assert "\nNSpid:\t" in status
            assert status.partition("NSpid:\t")[2].splitlines()[0].split()[-1] == "1"
            assert status.partition("Uid:\t")[2].split()[0] == "10001"
            asked = httpx.post(
                f"http://{address}/graphql", json={"query": "{ shows { edges { cursor } } }"}
            )
            assert asked.json() == {"data": {"shows": {"edges": []}}}
            os.kill(pid, image.stop_signal)
        assert image.stop_signal == signal.SIGTERM
