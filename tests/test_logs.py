"""The log: nobody forges a record, and no secret is in one; as text and as JSON alike."""

import json
import logging
import re
import subprocess
import sys
import time
from typing import Any

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st

from telemetry.discretion import LONGEST_TEXT
from telemetry.log import INDENT, Lines, log_config, printable
from tests.tokens import SECRET, token

HEAD = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+00:00 ERROR boxoffice: ")
FORGED = "1999-12-31T00:00:00.000+00:00 ERROR boxoffice: forged"
ANY_TEXT = st.text(st.characters(exclude_categories=()))
API_KEY = "bo_17_Zk3-qPv_x9wT0aBcDeFgHiJkLmNoPqRsTuVwXyZ0123"
FORMS = pytest.mark.parametrize("form", ["text", "json"])


def record(message: str, error: Exception | None = None) -> logging.LogRecord:
    """A record, with an error that was caught."""
    caught = None
    if error:
        try:
            raise error
        except Exception:
            caught = sys.exc_info()
    args = (message,) if message else ()
    return logging.LogRecord("boxoffice", logging.ERROR, "", 0, "%s" if args else "", args, caught)


def written(message: str, error: Exception | None = None, secrets: tuple[str, ...] = ()) -> str:
    """A record as the log has it as text."""
    return Lines(secrets).format(record(message, error))


def read(
    message: str, error: Exception | None = None, secrets: tuple[str, ...] = ()
) -> dict[str, Any]:
    """A record as whoever reads the log's JSON has it."""
    line = Lines(secrets, "json").format(record(message, error))
    assert line.isprintable()
    found: dict[str, Any] = json.loads(line)
    return found


def assert_one_record(text: str) -> None:
    first, *others = text.split("\n")
    assert HEAD.match(first)
    assert all(line.startswith(INDENT) for line in others)
    assert all(line.isprintable() for line in (first, *others))


@given(ANY_TEXT, ANY_TEXT)
def test_whatever_is_said_is_one_record(message: str, cause: str) -> None:
    assert_one_record(written(message))
    assert_one_record(written(message, ValueError(cause)))


@given(ANY_TEXT, ANY_TEXT)
def test_whatever_is_said_is_one_object(message: str, cause: str) -> None:
    assert list(read(message)) == ["time", "level", "logger", "event"]
    assert list(read(message, ValueError(cause)))[4:] == ["exception"]


def test_an_object_has_what_was_said() -> None:
    said = 'Zoë said: "東京 🎟", \\ and\nmore'
    found = read(said, ValueError(said))
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+00:00", found["time"])
    assert (found["level"], found["logger"], found["event"]) == ("error", "boxoffice", said)
    assert found["exception"].startswith("Traceback")
    assert found["exception"].endswith(f"ValueError: {said}")


@pytest.mark.parametrize(
    "end", ["\n", "\r", "\r\n", "\v", "\f", "\x1c", "\x85", "\u2028", "\u2029", "\x1b[1A", "\0"]
)
def test_a_record_cannot_be_forged(end: str) -> None:
    for text in (written(f"Ada{end}{FORGED}"), written("x", ValueError(f"Ada{end}{FORGED}"))):
        assert_one_record(text)
        assert not [line for line in text.splitlines() if line.startswith("1999")]
        assert "forged" in text
    assert read(f"Ada{end}{FORGED}")["event"] == f"Ada{end}{FORGED}"


@pytest.mark.parametrize("text", ["\x1b[31m", "\u202eevil", "\u2066", "\u200b", "\ud800", "\x9b2J"])
def test_a_terminal_has_nothing_to_obey(text: str) -> None:
    assert printable(text).isascii()
    assert printable("Zoë 東京 🎟 e\u0301") == "Zoë 東京 🎟 e\u0301"
    assert Lines((), "json").format(record(text)).isascii()


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        (f"authorization: Bearer {token()}", "authorization: Bearer ***"),
        ("{'Authorization': 'Basic YTpi'}", "{'Authorization': 'Basic ***'}"),
        ("[(b'authorization', b'nonsense')]", "[(b'authorization', b'***')]"),
        ("Authorization: nonsense here", "Authorization: *** here"),
        (f"a token {token()}, and on", "a token eyJ***, and on"),
        (f"a key {API_KEY}, and on", "a key bo_***, and on"),
        ("to redis://:hunter2@host:6379/0", "to redis://:***@host:6379/0"),
        ("to postgresql://ada:hun@ter/2@host/db", "to postgresql://ada:***@host/db"),
        ("host=h password=hunter2 user=ada", "host=h password=*** user=ada"),
        (f"signed with {SECRET}!", "signed with ***!"),
        ("ada@shop.example asked at http://shop.example:80", None),
        ("show bo_x and eyJ and Bearer", None),
    ],
)
def test_what_looks_like_a_secret_is_hidden(said: str, shown: str | None) -> None:
    expected = said if shown is None else shown
    assert written(said, secrets=(SECRET,)).endswith(f"boxoffice: {expected}")
    assert written("x", ValueError(said), (SECRET,)).endswith(f"ValueError: {expected}")
    assert read(said, secrets=(SECRET,))["event"] == expected
    assert read("x", ValueError(said), (SECRET,))["exception"].endswith(f"ValueError: {expected}")


@pytest.mark.parametrize("secret", ["p%40ss/w'ord\\1", "ends in\\", "pässword and more"])
def test_a_secret_is_hidden_however_it_is_written(secret: str) -> None:
    for form in (secret, repr(secret), secret.replace("%40", "@")):
        assert written(f"it is {form}.", secrets=(secret,)).strip("'.\"").endswith("***")


@FORMS
@pytest.mark.parametrize(
    "part", ["://a:", "-eyJ", "authorization: ", "bo_1_", "Bearer ", "password="]
)
def test_to_look_for_secrets_takes_no_time(part: str, form: Any) -> None:
    began = time.process_time()
    text = Lines((SECRET,), form).format(record(part * 250_000))
    assert len(text) < 2 * LONGEST_TEXT
    assert time.process_time() - began < 0.5


@FORMS
def test_what_structlog_says_comes_out_alike(form: Any, caplog: pytest.LogCaptureFixture) -> None:
    renderer = structlog.stdlib.ProcessorFormatter.wrap_for_formatter
    log = structlog.wrap_logger(
        logging.getLogger("boxoffice"),
        processors=[renderer],
        wrapper_class=structlog.stdlib.BoundLogger,
    )
    log.error("heard", text=f"Bearer {SECRET}\n{FORGED}", seats=[SECRET], count=3)
    line = Lines((SECRET,), form).format(caplog.records[0])
    assert line.isprintable()
    assert SECRET not in line
    if form == "text":
        assert HEAD.match(line)
        assert line.endswith(f"boxoffice: heard text=Bearer ***\\n{FORGED} seats=['***'] count=3")
    else:
        found = json.loads(line)
        assert (found["text"], found["count"]) == (f"Bearer ***\n{FORGED}", 3)


def test_libraries_are_heard_from_warnings_on() -> None:
    for level, own, others in (("debug", 10, 30), ("info", 20, 30), ("error", 40, 40)):
        config = log_config((), level)
        assert (config["loggers"]["boxoffice"]["level"], config["root"]["level"]) == (own, others)


def test_what_is_no_terminal_gets_json(monkeypatch: pytest.MonkeyPatch) -> None:
    for terminal, form in ((True, "text"), (False, "json")):
        monkeypatch.setattr(sys.stderr, "isatty", lambda terminal=terminal: terminal)
        assert log_config()["formatters"]["lines"]["form"] == form


WORKER = """
import logging.config, sys, threading, warnings
from server.processes import worker_app
from telemetry.log import log_config

class Late:
    def __del__(self):
        raise ValueError(sys.argv[1])

def fail():
    raise KeyError(sys.argv[1])

logging.config.dictConfig(log_config(form="json"))  # as uvicorn does
worker_app(None)
warnings.warn(sys.argv[1])
thread = threading.Thread(target=fail)
thread.start()
thread.join()
Late()
raise RuntimeError(sys.argv[1])
"""


def test_nothing_goes_past_the_log_of_a_worker() -> None:
    """Warnings, and what fails in a thread, while it is freed, or at all: each is a record."""
    worker = [sys.executable, "-c", WORKER, API_KEY]
    done = subprocess.run(worker, stderr=subprocess.PIPE, text=True, check=False, timeout=60)
    assert API_KEY not in done.stderr
    warning, *failures = [json.loads(line) for line in done.stderr.splitlines()]
    assert "UserWarning: bo_***" in warning["event"]
    for record, error in zip(failures, ("KeyError", "ValueError", "RuntimeError"), strict=True):
        assert f"{error}: " in record["exception"]
