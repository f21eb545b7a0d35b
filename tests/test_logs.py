"""The log: nobody forges a record, and no secret is in one."""

import logging
import re
import sys
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.logs import INDENT, LONGEST_TEXT, Lines, printable
from tests.tokens import SECRET, token

HEAD = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+00:00 ERROR boxoffice: ")
FORGED = "1999-12-31T00:00:00.000+00:00 ERROR boxoffice: forged"
ANY_TEXT = st.text(st.characters(exclude_categories=()))
API_KEY = "bo_17_Zk3-qPv_x9wT0aBcDeFgHiJkLmNoPqRsTuVwXyZ0123"


def written(message: str, error: Exception | None = None, secrets: tuple[str, ...] = ()) -> str:
    """A record as the log has it, with an error that was caught."""
    caught = None
    if error:
        try:
            raise error
        except Exception:
            caught = sys.exc_info()
    args = (message,) if message else ()
    record = logging.LogRecord(
        "boxoffice", logging.ERROR, "", 0, "%s" if args else "", args, caught
    )
    return Lines(secrets).format(record)


def assert_one_record(text: str) -> None:
    first, *others = text.split("\n")
    assert HEAD.match(first)
    assert all(line.startswith(INDENT) for line in others)
    assert all(line.isprintable() for line in (first, *others))


@given(ANY_TEXT, ANY_TEXT)
def test_whatever_is_said_is_one_record(message: str, cause: str) -> None:
    assert_one_record(written(message))
    assert_one_record(written(message, ValueError(cause)))


@pytest.mark.parametrize(
    "end", ["\n", "\r", "\r\n", "\v", "\f", "\x1c", "\x85", "\u2028", "\u2029", "\x1b[1A", "\0"]
)
def test_a_record_cannot_be_forged(end: str) -> None:
    for text in (written(f"Ada{end}{FORGED}"), written("x", ValueError(f"Ada{end}{FORGED}"))):
        assert_one_record(text)
        assert not [line for line in text.splitlines() if line.startswith("1999")]
        assert "forged" in text


@pytest.mark.parametrize("text", ["\x1b[31m", "\u202eevil", "\u2066", "\u200b", "\ud800", "\x9b2J"])
def test_a_terminal_has_nothing_to_obey(text: str) -> None:
    assert printable(text).isascii()
    assert printable("Zoë 東京 🎟 e\u0301") == "Zoë 東京 🎟 e\u0301"


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


@pytest.mark.parametrize("secret", ["p%40ss/w'ord\\1", "ends in\\", "pässword and more"])
def test_a_secret_is_hidden_however_it_is_written(secret: str) -> None:
    for form in (secret, repr(secret), secret.replace("%40", "@")):
        assert written(f"it is {form}.", secrets=(secret,)).strip("'.\"").endswith("***")


@pytest.mark.parametrize(
    "part", ["://a:", "-eyJ", "authorization: ", "bo_1_", "Bearer ", "password="]
)
def test_to_look_for_secrets_takes_no_time(part: str) -> None:
    began = time.process_time()
    text = written(part * 250_000, secrets=(SECRET,))
    assert len(text) < 2 * LONGEST_TEXT
    assert time.process_time() - began < 0.5
