"""Tokens and keys for the tests, made as an identity provider would make them."""

import json
import time
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, rsa

SECRET = "a secret of the tests, thirty-two bytes and more"
ISSUER = AUDIENCE = "boxoffice"
HOUR = 3_600


def claims(subject: str = "ada", **more: Any) -> dict[str, Any]:
    """What a usual token says; None leaves a claim out."""
    usual = {"iss": ISSUER, "aud": AUDIENCE, "sub": subject, "exp": int(time.time()) + HOUR}
    return {name: value for name, value in {**usual, **more}.items() if value is not None}


def token(subject: str = "ada", *, secret: str = SECRET, **more: Any) -> str:
    """A customer's token; an admin's with roles="admin"."""
    return jwt.encode(claims(subject, **more), secret, "HS256")


def bearer(subject: str = "ada", **more: Any) -> dict[str, str]:
    """The header that has it."""
    return {"authorization": f"Bearer {token(subject, **more)}"}


def rsa_key(bits: int = 2_048) -> rsa.RSAPrivateKey:
    """An RSA key."""
    return rsa.generate_private_key(65_537, bits)


def ec_key(curve: ec.EllipticCurve | None = None) -> ec.EllipticCurvePrivateKey:
    """A key on a curve, P-256 where none is named."""
    return ec.generate_private_key(curve or ec.SECP256R1())


def jwk(key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey, kid: str | None) -> dict[str, Any]:
    """The public half, as a set has it."""
    algorithm: Any = jwt.algorithms.RSAAlgorithm
    if isinstance(key, ec.EllipticCurvePrivateKey):
        algorithm = jwt.algorithms.ECAlgorithm
    document = json.loads(algorithm.to_jwk(key.public_key()))
    return {**document, **({"kid": kid} if kid else {})}
