"""Tokens that are forged, stolen, worn out or somebody else's; and keys that are guessed."""

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Iterator
from typing import Any

import jwt
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tests.attacks.attack import Attack, Told, Way
from tests.tokens import HOUR, SECRET, claims, ec_key, jwk, rsa_key, token

NOW = int(time.time())
RSA, OTHER_RSA, EC, OTHER_EC = rsa_key(), rsa_key(), ec_key(), ec_key()
# What the server that knows public keys is given.
KEY_SET = {"keys": [jwk(RSA, "rsa"), jwk(EC, "ec")]}
ADMINS: dict[str, Any] = {"roles": ["admin"]}
# A key that is made as ours are.
GUESSED_KEY = "bo_1_" + "A" * 43


def _part(value: object) -> str:
    return _text(json.dumps(value).encode())


def _text(value: bytes) -> str:
    return base64.urlsafe_b64encode(value).decode().rstrip("=")


def _by_hand(header: object, body: object, secret: bytes = SECRET.encode()) -> str:
    text = f"{_part(header)}.{_part(body)}"
    return f"{text}.{_text(hmac.new(secret, text.encode(), hashlib.sha256).digest())}"


def _unsigned(algorithm: str, signature: str = "", **more: Any) -> str:
    return f"{_part({'alg': algorithm, **more})}.{_part(claims(**ADMINS))}.{signature}"


def _with_claims(**more: Any) -> str:
    """A right token, with other claims and the old signature."""
    head, _, signature = token().split(".")
    return ".".join([head, _part(claims(**more)), signature])


def _forged() -> Iterator[tuple[str, str]]:
    yield "with another secret", token(secret="x" * 40, **ADMINS)
    yield "with an empty secret", _by_hand({"alg": "HS256"}, claims(**ADMINS), b"")
    yield (
        "with a secret of the internet",
        _by_hand({"alg": "HS256"}, claims(**ADMINS), b"your-256-bit-secret"),
    )
    yield "with the claims of an admin", _with_claims(**ADMINS)
    yield "with the claims of another", _with_claims(sub="eve")
    yield "none", _unsigned("none")
    yield "None", _unsigned("None")
    yield "nOnE", _unsigned("nOnE", token().split(".")[2])
    yield "no algorithm", _by_hand({"typ": "JWT"}, claims(**ADMINS))
    yield "an algorithm that is a list", _by_hand({"alg": ["HS256"]}, claims(**ADMINS))
    yield "an algorithm that is null", _by_hand({"alg": None}, claims(**ADMINS))
    yield "HS512", jwt.encode(claims(**ADMINS), SECRET * 2, "HS512")
    yield "RS256", jwt.encode(claims(**ADMINS), RSA, "RS256")
    yield "critical", _by_hand({"alg": "HS256", "crit": ["exp"]}, claims(**ADMINS))
    yield "unencoded", _by_hand({"alg": "HS256", "b64": False, "crit": ["b64"]}, claims())
    yield "without a signature", token(**ADMINS).rpartition(".")[0] + "."
    yield "without its last dot", token(**ADMINS).rpartition(".")[0]
    yield "with half a signature", token(**ADMINS)[:-20]
    yield "with a bit turned", token(**ADMINS)[:-2] + "AA"
    yield "twice over", f"{token()}.{token()}"
    yield "encrypted", ".".join([_part({"alg": "dir", "enc": "A128GCM"}), "", "a", "b", "c"])
    yield (
        "with a key of its own",
        _by_hand(
            {"alg": "HS256", "jwk": {"kty": "oct", "k": _text(b"x" * 40)}}, claims(), b"x" * 40
        ),
    )
    yield (
        "with a key elsewhere",
        _by_hand({"alg": "HS256", "jku": "http://127.0.0.1:1/keys"}, claims(), b"x" * 40),
    )


def _worn_out() -> Iterator[tuple[str, str]]:
    yield "expired", token(exp=NOW - 60)
    yield "expired long ago", token(exp=0)
    yield "expired before time", token(exp=-(2**63))
    yield "endless", _by_hand({"alg": "HS256"}, claims(exp=1e400))
    yield "without an end", token(exp=None)
    yield "with an end in words", _by_hand({"alg": "HS256"}, claims(exp="soon"))
    yield "not valid yet", token(nbf=NOW + HOUR)
    yield "of tomorrow", token(iat=NOW + 24 * HOUR)


def _for_others() -> Iterator[tuple[str, str]]:
    yield "for another audience", token(aud="cinema")
    yield "for other audiences", token(aud=["cinema", "theatre"])
    yield "for no audience", token(aud=None)
    yield "for an audience like ours", token(aud="boxoffice.evil.example")
    yield (
        "for an audience that is no text",
        _by_hand({"alg": "HS256"}, claims(aud={"boxoffice": 1})),
    )
    yield "of another issuer", token(iss="somebody")
    yield "of no issuer", token(iss=None)
    yield "of an issuer that is a list", _by_hand({"alg": "HS256"}, claims(iss=["boxoffice"]))
    yield "of nobody", token(sub=None)
    yield "of an empty subject", token("")
    yield "of a subject that is an object", _by_hand({"alg": "HS256"}, claims(sub={"a": 1}))
    yield "of a subject with a line break", token("a\nb")
    yield "of a subject of 10,000 letters", token("a" * 5_000)


def _no_tokens() -> Iterator[tuple[str, str]]:
    yield "words", "let me in"
    yield "dots", "." * 1_000
    yield "a token of 8,000 letters", token(more="x" * 6_000)[:-1]
    yield "nested JSON", f"{_text(b'[' * 5_000)}.{_text(b'{}')}.x"
    yield "claims that are no JSON", f"{_part({'alg': 'HS256'})}.{_text(b'{')}.x"
    yield "claims that are a list", _by_hand({"alg": "HS256"}, ["ada"])
    yield "a header that is a list", _by_hand(["HS256"], claims())
    yield "__proto__ as a role", _with_claims(__proto__={"roles": ["admin"]})
    yield "SQL", "' OR '1'='1' --"


def _keys() -> Iterator[tuple[str, str]]:
    yield "a guessed key", GUESSED_KEY
    yield "another's number", GUESSED_KEY.replace("_1_", "_2_")
    yield "a key without a secret", "bo_1_"
    yield "a key without a number", "bo__" + "A" * 43
    yield "a key of a huge number", "bo_" + "9" * 40 + "_" + "A" * 43
    yield "a key below zero", "bo_-1_" + "A" * 43
    yield "a key with a star", "bo_%_" + "A" * 43
    yield "a key with SQL", "bo_1 OR 1=1_" + "A" * 43
    yield "a key of 7,000 letters", "bo_1_" + "A" * 7_000
    yield "a key in capitals", GUESSED_KEY.upper()


def _headers() -> Iterator[tuple[str, str]]:
    yield "Basic", "Basic YWRtaW46YWRtaW4="
    yield "no scheme", token(**ADMINS)
    yield "Bearer alone", "Bearer"
    yield "two tokens", f"Bearer {token()}, Bearer {token()}"
    yield "Token", f"Token {token()}"


def _swapped() -> Iterator[tuple[str, str]]:
    """For a server with public keys."""
    yield "RS256 by another key", _signed(OTHER_RSA, "RS256", "rsa")
    yield "ES256 by another key", _signed(OTHER_EC, "ES256", "ec")
    yield "RS256 under the other's name", _signed(RSA, "RS256", "ec")
    yield "ES256 under the other's name", _signed(EC, "ES256", "rsa")
    yield "a key without a name", _signed(RSA, "RS256", None)
    yield "a name nobody knows", _signed(RSA, "RS256", "rsa2")
    yield "a name that is a path", _signed(RSA, "RS256", "../../../../dev/null")
    yield "a name with SQL", _signed(RSA, "RS256", "rsa' UNION SELECT 'x")
    yield "PS256 by the right key", _signed(RSA, "PS256", "rsa")
    yield "RS512 by the right key", _signed(RSA, "RS512", "rsa")
    for name, key in (("rsa", RSA), ("ec", EC)):
        for form in (Encoding.PEM, Encoding.DER):
            text = key.public_key().public_bytes(form, PublicFormat.SubjectPublicKeyInfo)
            forged = _by_hand({"alg": "HS256", "kid": name}, claims(**ADMINS), text)
            yield f"HS256 by the public {name} key as {str(form)[-3:]}", forged
    yield "HS256 by the set", _by_hand({"alg": "HS256"}, claims(), json.dumps(KEY_SET).encode())
    yield "HS256 by a known secret", _by_hand({"alg": "HS256", "kid": "rsa"}, claims(**ADMINS))
    yield "none under a name", _unsigned("none", kid="rsa")
    yield "ES256 of zeros", _unsigned("ES256", _text(bytes(64)), kid="ec")
    yield "ES256 without a signature", _unsigned("ES256", kid="ec")
    yield (
        "a key that it brings",
        jwt.encode(
            claims(**ADMINS),
            OTHER_RSA,
            "RS256",
            headers={"kid": "rsa", "jwk": jwk(OTHER_RSA, "rsa")},
        ),
    )
    yield "a name that is a list", _by_hand({"alg": "RS256", "kid": ["rsa"]}, claims())


def _signed(key: Any, algorithm: str, kid: str | None) -> str:
    headers = {"kid": kid} if kid else None
    return jwt.encode(claims(**ADMINS), key, algorithm, headers=headers)


def _shown(pairs: Iterator[tuple[str, str]], scheme: str = "Bearer ", **more: Any) -> list[Attack]:
    """As a header, and every third as the first message of a WebSocket."""
    attacks = []
    for at, (name, text) in enumerate(pairs):
        way = (Way.POST, Way.POST, Way.LONG)[at % 3]
        refused: Told = {"status": 401, "code": "UNAUTHENTICATED"}
        attacks.append(Attack(name, way=way, caller=scheme + text, **refused, **more))
        if at % 3 == 0:
            told = {**refused, "status": 4403}
            name = f"{name}, over a socket"
            attacks.append(Attack(name, way=Way.SOCKET, caller=scheme + text, **told, **more))
    return attacks


def _elsewhere() -> Iterator[Attack]:
    """A right token where none is looked for is none."""
    expire = "mutation { runExpiry { expiredBookings } }"
    nobody: Told = {"status": 200, "code": "UNAUTHENTICATED"}
    right = token(**ADMINS)
    yield Attack("a token in a cookie", expire, headers={"cookie": f"token={right}"}, **nobody)
    yield Attack("a token in another header", expire, headers={"x-api-key": right}, **nobody)
    yield Attack("a token in the body", expire, more={"authorization": f"Bearer {right}"}, **nobody)
    yield Attack(
        "a token in the URL",
        "{ bookings { edges { cursor } } }",
        Way.GET,
        more={"access_token": right, "authorization": f"Bearer {right}"},
        **nobody,
    )
    yield Attack(
        "a role in a header", expire, headers={"x-user": "boss", "x-roles": "admin"}, **nobody
    )


TOKENS = {
    "forged": _shown(_forged()),
    "worn out": _shown(_worn_out()),
    "for others": _shown(_for_others()),
    "no tokens": _shown(_no_tokens()),
    "keys": _shown(_keys()),
    "headers": _shown(_headers(), ""),
    "swapped": _shown(_swapped(), keys=True),
    "elsewhere": list(_elsewhere()),
}
