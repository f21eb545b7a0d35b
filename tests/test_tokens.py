"""Tokens: which are believed, and what they say."""

import asyncio
import base64
import hashlib
import hmac
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from access import keys as key_module
from access import tokens as token_module
from access.caller import Role
from access.keys import KeysError, KeySet, OneSecret
from access.tokens import TokenError, Tokens
from tests.crowd import run, until
from tests.tokens import (
    AUDIENCE,
    HOUR,
    ISSUER,
    SECRET,
    claims,
    ec_key,
    jwk,
    rsa_key,
    token,
)

NOW = int(time.time())
RSA, OTHER_RSA, EC = rsa_key(), rsa_key(), ec_key()


def by_secret() -> Tokens:
    return Tokens(OneSecret(SECRET), ISSUER, AUDIENCE)


def write(path: Path, *entries: dict[str, Any]) -> None:
    path.write_text(json.dumps({"keys": entries}))


async def by_set(path: Path, *entries: dict[str, Any]) -> Tokens:
    write(path, *entries)
    keys = KeySet(str(path))
    await keys.open()
    return Tokens(keys, ISSUER, AUDIENCE)


def part(value: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


def by_hand(header: object, body: object, secret: bytes = SECRET.encode()) -> str:
    text = f"{part(header)}.{part(body)}"
    digest = hmac.new(secret, text.encode(), hashlib.sha256).digest()
    return f"{text}.{base64.urlsafe_b64encode(digest).decode().rstrip('=')}"


@run
async def test_a_right_token_says_who_calls() -> None:
    caller = await by_secret().read(token("ada", name="Ada Lovelace"))
    assert (caller.role, caller.owner, caller.name) == (Role.CUSTOMER, "ada", "Ada Lovelace")
    assert caller.client == "user:ada"


@pytest.mark.parametrize(
    "roles", [{"roles": ["door", "admin"]}, {"roles": "admin"}, {"role": "admin"}]
)
@run
async def test_an_admin_has_the_role(roles: dict[str, Any]) -> None:
    caller = await by_secret().read(token("boss", **roles))
    assert (caller.role, caller.owner) == (Role.ADMIN, "")


@pytest.mark.parametrize(
    "roles",
    [{}, {"roles": ["administrator"]}, {"role": True}, {"roles": {"admin": True}}, {"roles": [1]}],
)
@run
async def test_who_has_not_the_role_is_a_customer(roles: dict[str, Any]) -> None:
    assert (await by_secret().read(token("ada", **roles))).role is Role.CUSTOMER


@pytest.mark.parametrize(
    ("more", "name"),
    [
        ({}, "ada"),
        ({"preferred_username": "Ada L."}, "Ada L."),
        ({"name": "a\nb"}, "ada"),
        ({"name": "x" * 201}, "ada"),
        ({"name": " "}, "ada"),
        ({"name": 7, "preferred_username": "A"}, "A"),
    ],
)
@run
async def test_a_name_that_can_be_stored_is_found(more: dict[str, Any], name: str) -> None:
    assert (await by_secret().read(token("ada", **more))).name == name


WRONG = {
    "another secret": token(secret="another secret of thirty-two bytes or more"),
    "expired": token(exp=NOW - 60),
    "not valid yet": token(nbf=NOW + HOUR),
    "issued in the future": token(iat=NOW + HOUR),
    "another audience": token(aud="cinema"),
    "several other audiences": token(aud=["cinema", "theatre"]),
    "no audience": token(aud=None),
    "another issuer": token(iss="somebody"),
    "no issuer": token(iss=None),
    "no end": token(exp=None),
    "an end that is no number": by_hand({"alg": "HS256"}, claims(exp="soon")),
    "an endless end": by_hand({"alg": "HS256"}, claims(exp=1e400)),
    "no subject": token(sub=None),
    "an empty subject": token(""),
    "a subject that is no text": by_hand({"alg": "HS256"}, claims(sub=["ada"])),
    "a subject with a line in it": token("a\nb"),
    "a subject too long": token("a" * 256),
    "none": f"{part({'alg': 'none'})}.{part(claims())}.",
    "None": by_hand({"alg": "None"}, claims()),
    "no algorithm": by_hand({"typ": "JWT"}, claims()),
    "RS256": jwt.encode(claims(), RSA, "RS256"),
    "critical": by_hand({"alg": "HS256", "crit": ["exp"]}, claims()),
    "unencoded": by_hand({"alg": "HS256", "crit": ["b64"], "b64": False}, claims()),
    "without a signature": token().rpartition(".")[0] + ".",
    "with half a signature": token()[:-10],
    "with another's claims": ".".join(
        [token().split(".")[0], part(claims("eve")), token().split(".")[2]]
    ),
    "empty": "",
    "two dots": "..",
    "words": "let me in",
    "too long": token(more="x" * 9_000),
    "a list": by_hand({"alg": "HS256"}, ["ada"]),
    "a header that is a list": by_hand(["HS256"], claims()),
    "not ASCII": "ü.ü.ü",
}


@pytest.mark.parametrize("why", WRONG)
@run
async def test_a_wrong_token_is_not_believed(why: str) -> None:
    tokens = by_secret()
    with pytest.raises(TokenError):
        await tokens.read(WRONG[why])
    assert tokens.recall(WRONG[why]) is None


@pytest.mark.parametrize(("key", "algorithm"), [(RSA, "RS256"), (EC, "ES256")])
@run
async def test_public_keys_are_found_by_name(key: Any, algorithm: str, tmp_path: Path) -> None:
    tokens = await by_set(tmp_path / "keys", jwk(RSA, "RS256"), jwk(EC, "ES256"))
    right = jwt.encode(claims(), key, algorithm, headers={"kid": algorithm})
    assert (await tokens.read(right)).owner == "ada"
    for headers in ({"kid": "RS256" if algorithm == "ES256" else "ES256"}, {"kid": "?"}, {}):
        with pytest.raises(TokenError):
            await tokens.read(jwt.encode(claims(), key, algorithm, headers=headers))


def public_text(key: Any, form: serialization.PublicFormat) -> bytes:
    encoding = serialization.Encoding.PEM
    text: bytes = key.public_key().public_bytes(encoding, form)
    return text


@pytest.mark.parametrize("kid", ["RS256", "ES256"])
@pytest.mark.parametrize("algorithm", ["HS256", "none", "RS512", "PS256", "ES384"])
@run
async def test_the_algorithm_is_the_keys_whatever_the_token_says(
    kid: str, algorithm: str, tmp_path: Path
) -> None:
    tokens = await by_set(tmp_path / "keys", jwk(RSA, "RS256"), jwk(EC, "ES256"))
    key = RSA if kid == "RS256" else EC
    secret = public_text(key, serialization.PublicFormat.SubjectPublicKeyInfo)
    header = {"alg": algorithm, "kid": kid}
    for forged in (by_hand(header, claims(), secret), f"{part(header)}.{part(claims())}."):
        with pytest.raises(TokenError):
            await tokens.read(forged)


@pytest.mark.parametrize("algorithm", ["RS384", "RS512", "PS256"])
@run
async def test_a_right_key_is_for_one_algorithm(algorithm: str, tmp_path: Path) -> None:
    tokens = await by_set(tmp_path / "keys", jwk(RSA, "a"))
    assert await tokens.read(jwt.encode(claims(), RSA, "RS256", headers={"kid": "a"}))
    with pytest.raises(TokenError):
        await tokens.read(jwt.encode(claims(), RSA, algorithm, headers={"kid": "a"}))


@pytest.mark.parametrize("algorithm", ["HS384", "HS512"])
@run
async def test_the_secret_is_for_one_algorithm(algorithm: str) -> None:
    secret = SECRET * 2
    tokens = Tokens(OneSecret(secret), ISSUER, AUDIENCE)
    assert await tokens.read(jwt.encode(claims(), secret, "HS256"))
    with pytest.raises(TokenError):
        await tokens.read(jwt.encode(claims(), secret, algorithm))


@run
async def test_another_key_of_the_same_name_is_not_believed(tmp_path: Path) -> None:
    tokens = await by_set(tmp_path / "keys", jwk(RSA, "a"))
    with pytest.raises(TokenError):
        await tokens.read(jwt.encode(claims(), OTHER_RSA, "RS256", headers={"kid": "a"}))


@pytest.mark.parametrize(
    "entry",
    [
        jwk(rsa_key(1_024), "a"),
        jwk(ec_key(ec.SECP384R1()), "a"),
        {**jwk(RSA, "a"), "use": "enc"},
        {"kty": "oct", "k": part("x" * 40), "kid": "a"},
        {"kty": "?"},
        "words",
    ],
)
@run
async def test_keys_that_are_not_for_us_are_no_keys(entry: Any, tmp_path: Path) -> None:
    with pytest.raises(KeysError):
        await by_set(tmp_path / "keys", entry)


@run
async def test_a_new_key_is_looked_for_and_an_old_one_goes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tokens = await by_set(tmp_path / "keys", jwk(RSA, "old"))
    write(tmp_path / "keys", jwk(OTHER_RSA, "new"))
    new = jwt.encode(claims(), OTHER_RSA, "RS256", headers={"kid": "new"})
    assert (await tokens.read(new)).owner == "ada"
    with pytest.raises(TokenError):
        await tokens.read(jwt.encode(claims(), RSA, "RS256", headers={"kid": "old"}))


@run
async def test_unknown_keys_are_looked_for_only_so_often(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tokens = await by_set(tmp_path / "keys", jwk(RSA, "old"))
    reads: list[str] = []
    load = key_module._load

    def count(place: str) -> bytes:
        reads.append(place)
        return load(place)

    monkeypatch.setattr(key_module, "_load", count)
    for number in range(20):
        strange = jwt.encode(claims(), RSA, "RS256", headers={"kid": f"unknown {number}"})
        with pytest.raises(TokenError):
            await tokens.read(strange)
    assert len(reads) == 1


def renew_often(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Have sets read again at once, and all the time; each reading is noted in what is returned."""
    monkeypatch.setattr(key_module, "RENEWAL", timedelta(milliseconds=5))
    monkeypatch.setattr(key_module, "LEAST_PAUSE", timedelta(milliseconds=5))
    readings, load = [], key_module._load

    def note(place: str) -> bytes:
        readings.append(place)
        return load(place)

    monkeypatch.setattr(key_module, "_load", note)
    return readings


@run
async def test_keys_go_on_being_believed_when_their_place_is_gone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    readings = renew_often(monkeypatch)
    tokens = await by_set(tmp_path / "keys", jwk(RSA, "a"))
    (tmp_path / "keys").unlink()
    before = len(readings)
    await until(lambda: len(readings) > before + 2)
    right = jwt.encode(claims(), RSA, "RS256", headers={"kid": "a"})
    assert (await tokens.read(right)).owner == "ada"


@run
async def test_tokens_are_forgotten_when_their_key_is_withdrawn(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    renew_often(monkeypatch)
    tokens = await by_set(tmp_path / "keys", jwk(RSA, "a"), jwk(EC, "b"))
    withdrawn = jwt.encode(claims(), RSA, "RS256", headers={"kid": "a"})
    kept = jwt.encode(claims("bob"), EC, "ES256", headers={"kid": "b"})
    for right in (withdrawn, kept):
        assert await tokens.read(right) is tokens.recall(right)
    write(tmp_path / "keys", jwk(EC, "b"))
    await until(lambda: tokens.recall(withdrawn) is None)
    with pytest.raises(TokenError):
        await tokens.read(withdrawn)
    assert (await tokens.read(kept)).owner == "bob"
    write(tmp_path / "keys", jwk(EC, "b"), jwk(OTHER_RSA, "a"))
    new = jwt.encode(claims("eve"), OTHER_RSA, "RS256", headers={"kid": "a"})
    await until(lambda: "a" in keys_of(tokens))
    assert (await tokens.read(new)).owner == "eve"
    assert tokens.recall(kept), "a key more is no reason to forget"


def keys_of(tokens: Tokens) -> Any:
    keys: Any = tokens._keys
    return keys._keys


RIGHT = json.dumps({"keys": [jwk(RSA, "a")]}).encode()
HEAD = b"HTTP/1.1 200 OK\r\nconnection: close\r\n"
BROKEN_SETS = {
    "nothing": b"",
    "no HTTP": b"nonsense\r\n\r\n",
    "an endless line": b"HTTP/1.1 200 OK\r\nx: " + b"x" * 100_000 + b"\r\n\r\n",
    "chunks that break off": HEAD + b"transfer-encoding: chunked\r\n\r\nffff\r\n{",
    "chunks that are none": HEAD + b"transfer-encoding: chunked\r\n\r\nzz\r\n{",
    "too much": HEAD + b"\r\n" + b" " * (key_module.LARGEST_SET + 1),
    "too deep": HEAD + b"\r\n" + b"[" * 100_000,
    "not UTF-8": HEAD + b'\r\n"\xff"',
    "a name that is a list": HEAD + b"\r\n" + RIGHT.replace(b'"a"', b'["a"]'),
    "an error": b"HTTP/1.1 500 Oh\r\nconnection: close\r\n\r\n" + RIGHT,
    "elsewhere": b"HTTP/1.1 302 Found\r\nlocation: /right\r\nconnection: close\r\n\r\n",
    "a file": b"HTTP/1.1 302 Found\r\nlocation: file:///dev/null\r\nconnection: close\r\n\r\n",
}


@asynccontextmanager
async def answering(answers: dict[str, bytes]) -> AsyncIterator[tuple[str, list[str]]]:
    """A server of whole answers by path; its address, and the paths that were asked for."""
    asked: list[str] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        path = (await reader.readuntil(b"\r\n\r\n")).split()[1].decode()
        asked.append(path)
        writer.write(answers[path])
        with suppress(OSError):
            await writer.drain()
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", asked


@pytest.mark.parametrize("how", BROKEN_SETS)
@run
async def test_a_broken_set_is_refused_at_the_start_and_left_out_later(
    how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    readings = renew_often(monkeypatch)
    answers = {"/set": BROKEN_SETS[how], "/right": HEAD + b"\r\n" + RIGHT}
    async with answering(answers) as (address, _):
        with pytest.raises(KeysError):
            await KeySet(f"{address}/set").open()
        answers["/set"] = answers["/right"]
        keys = KeySet(f"{address}/set")
        await keys.open()
        answers["/set"] = BROKEN_SETS[how]
        before = len(readings)
        await until(lambda: len(readings) > before + 1)
        assert await keys.find("unknown") is None
        assert await keys.find("a")
        await keys.close()


@run
async def test_a_flood_of_unknown_keys_asks_a_url_only_so_often() -> None:
    async with answering({"/set": HEAD + b"\r\n" + RIGHT}) as (address, asked):
        keys = KeySet(f"{address}/set")
        await keys.open()
        assert (
            await asyncio.gather(*(keys.find(f"kid {number}") for number in range(500)))
            == [None] * 500
        )
        assert asked == ["/set"] * 2
        await keys.close()


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"keys": 7}', "{" * 5_000, "[" * 100_000])
@run
async def test_a_set_without_keys_is_refused_at_the_start(text: str, tmp_path: Path) -> None:
    (tmp_path / "keys").write_text(text)
    with pytest.raises(KeysError):
        await KeySet(str(tmp_path / "keys")).open()


@run
async def test_a_token_is_remembered_until_it_runs_out(monkeypatch: pytest.MonkeyPatch) -> None:
    tokens, text = by_secret(), token()
    assert tokens.recall(text) is None
    caller = await tokens.read(text)
    assert tokens.recall(text) is caller
    later = time.time() + HOUR + token_module.LEEWAY.total_seconds() + 1
    monkeypatch.setattr(time, "time", lambda: later)
    assert tokens.recall(text) is None
    monkeypatch.undo()
    assert tokens.recall(text) is None


@run
async def test_only_so_many_tokens_are_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(token_module, "MAX_REMEMBERED", 3)
    tokens, texts = by_secret(), [token(f"user {number}") for number in range(5)]
    for text in texts:
        await tokens.read(text)
    assert [tokens.recall(text) is not None for text in texts] == [False, False, True, True, True]
