"""A database over a network: TLS that makes sure whom it reaches, as in docs/deploy/managed.md."""

import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from db.embedded.account import choose_account
from db.embedded.server import PostgresServer
from tests.conftest import name_of
from tests.daemons import needs, workshop
from tests.pooler import pgbouncer
from tests.serving import PROJECT, serve

pytestmark = needs("pgbouncer")


@dataclass(frozen=True)
class Certificate:
    """A certificate that vouches for itself, and its key."""

    path: Path
    key_path: Path

    @classmethod
    def make(cls, directory: Path, name: str) -> "Certificate":
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        address = x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))])
        now = datetime.now(UTC)
        certificate = (
            x509.CertificateBuilder(subject, subject, key.public_key(), x509.random_serial_number())
            .not_valid_before(now - timedelta(hours=1))
            .not_valid_after(now + timedelta(hours=1))
            .add_extension(address, critical=False)
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .sign(key, hashes.SHA256())
        )
        made = cls(directory / f"{name}.pem", directory / f"{name}.key")
        made.path.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
        made.key_path.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
        )
        return made


@pytest.fixture
def secured_url(postgres: PostgresServer, database_url: str) -> Iterator[str]:
    """A database that speaks TLS only, up to the file with the certificate that vouches for it."""
    account = choose_account(postgres.data_dir)
    with workshop(account) as directory:
        own = Certificate.make(directory, "own")
        Certificate.make(directory, "strange")
        account.own(own.key_path)
        own.key_path.chmod(0o600)
        secured = {
            "client_tls_sslmode": "require",
            "client_tls_cert_file": str(own.path),
            "client_tls_key_file": str(own.key_path),
        }
        with pgbouncer(postgres, name_of(database_url), **secured) as pooler:
            yield f"{pooler.url}?sslmode=verify-full&sslrootcert={directory}"


def test_a_database_that_is_vouched_for_is_used(secured_url: str) -> None:
    with serve(f"{secured_url}/own.pem") as server:
        assert server.data("{ shows { edges { cursor } } }") == {"shows": {"edges": []}}


@pytest.mark.parametrize("root", ["strange.pem", "missing.pem"])
def test_a_database_that_nobody_vouches_for_is_refused_in_words(
    secured_url: str, root: str
) -> None:
    started = subprocess.run(
        [sys.executable, "-m", "server"],
        cwd=PROJECT,
        env={"DATABASE_URL": f"{secured_url}/{root}", "PORT": "0"},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert started.returncode == 1
    assert started.stderr.startswith("boxoffice: DATABASE_URL: ")
    assert "certificate" in started.stderr
    assert "Traceback" not in started.stderr
