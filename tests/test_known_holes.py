"""`make audit`: holes that are found, none, and nobody to ask. The source of data is our own."""

import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from tests.serving import PROJECT

HASH = f"--hash=sha256:{'0' * 64}"
HOLE = {
    "id": "HOLE-1",
    "schema_version": "1.0.0",
    "summary": "A hole.",
    "affected": [
        {
            "ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": "1.0.1"}]}],
            "versions": ["1.0.0"],
        }
    ],
}


@pytest.fixture
def pinned(tmp_path: Path) -> Path:
    file = tmp_path / "requirements.txt"
    file.write_text(f"sieve==1.0.0 {HASH}\nbucket==2.0.0 {HASH}\n")
    return file


@contextmanager
def source(holes: dict[str, Any], status: int = 200) -> Iterator[str]:
    """A source of data on this machine; returns its URL."""

    class Answer(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked = json.loads(self.rfile.read(int(self.headers["content-length"])))
            found = holes.get(asked["package"]["name"], [])
            for hole in found:
                hole["affected"][0]["package"] = asked["package"]
            body = json.dumps({"vulns": found} if found else {}).encode()
            self.send_response(status)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answer)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/v1/query"
    server.shutdown()
    server.server_close()


def audit(pinned: Path, url: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "tests.known_holes", "--osv-url", url]
    return subprocess.run(
        [*command, str(pinned)],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_no_known_hole_is_zero(pinned: Path) -> None:
    with source({}) as url:
        done = audit(pinned, url)
    assert (done.stdout, done.returncode) == ("2 dependencies, no known hole.\n", 0), done.stderr


def test_a_known_hole_is_one_and_named(pinned: Path) -> None:
    with source({"sieve": [HOLE]}) as url:
        done = audit(pinned, url)
    assert done.stdout == "sieve==1.0.0: HOLE-1, mended in 1.0.1\n", done.stderr
    assert done.returncode == 1


@pytest.mark.parametrize("status", [0, 404, 503])
def test_nobody_to_ask_is_three_and_said(pinned: Path, status: int) -> None:
    with source({}, status or 200) as url:
        done = audit(pinned, url if status else "http://127.0.0.1:1/v1/query")
    assert "No source of data could be reached" in done.stdout, done.stderr
    assert done.returncode == 3
