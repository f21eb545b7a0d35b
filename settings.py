"""Every setting, read from the environment and from .env in the project; each documented here."""

import re
import warnings
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

from limits import parse
from psycopg.conninfo import conninfo_to_dict
from pydantic import Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SecretsSettingsSource,
    SettingsConfigDict,
    SettingsError,
)

# RFC 7518, 3.2: a key of the size of the hash or larger.
LEAST_SECRET_BYTES = 32

ORIGIN = re.compile(r"https?://([a-z0-9.-]+|\[[0-9a-f:.]+\])(:[0-9]{1,5})?", re.IGNORECASE)

PROJECT = Path(__file__).resolve().parent

UNUSABLE_SETTINGS = (ValidationError, SettingsError)
"""What says that settings are unusable."""


class SecretFiles(SecretsSettingsSource):
    """Settings from a directory with a file for each, called like it; an empty one sets nothing.

    Raises:
        SettingsError: the directory or a file of a setting's name can't be read.
    """

    def __call__(self) -> dict[str, Any]:
        """Read them. White space at the ends, such as the last newline, is not part of a value."""
        with warnings.catch_warnings(action="error"):  # who goes on without is open to all
            try:
                found = super().__call__()
            except (OSError, ValueError, UserWarning) as error:
                raise SettingsError(str(error.__cause__ or error)) from None
        return {name: value for name, value in found.items() if value}


class Settings(BaseSettings):
    """What can be set. A field is its environment variable's name in lower case; empty means unset.

    The environment goes before .env, and .env before the files of SECRETS_DIR.

    Raises:
        ValidationError: a value is unusable; `explain` puts it into words, without the value.
        SettingsError: the files of SECRETS_DIR can't be read; so does `explain`.
    """

    model_config = SettingsConfigDict(
        env_file=PROJECT / ".env",
        env_ignore_empty=True,
        extra="ignore",
        frozen=True,
        hide_input_in_errors=True,
    )

    host: str = Field(
        default="127.0.0.1", description="Address to listen on; 0.0.0.0 is every one."
    )
    port: int = Field(
        default=8000, ge=0, le=65535, description="Port to listen on; 0 takes any free one."
    )
    database_url: str | None = Field(
        default=None,
        repr=False,
        description="PostgreSQL to use, postgresql://user:password@host:port/database. "
        "Without it a PostgreSQL of our own runs on DATA_DIR.",
    )
    data_dir: Path = Field(
        default=Path(".data"),
        description="Where our own PostgreSQL keeps its data; relative paths start in the project.",
    )
    web_concurrency: int = Field(default=1, ge=1, le=256, description="Number of server processes.")
    map_cache_mb: int = Field(
        default=64,
        ge=1,
        le=1 << 20,
        description="Room for seat maps and their encoded forms in each process, in MiB. "
        "A thousand maps of a thousand seats, with two fields a seat, take 40.",
    )

    log_level: Literal["debug", "info", "warning", "error"] = Field(
        default="info",
        description="What the log has: debug, info (with a line for each operation), warning or "
        "error. Libraries are heard from warnings on.",
    )
    log_format: Literal["auto", "json", "text"] = Field(
        default="auto",
        description="How it has it: json, a line each; text, to be read; auto is text on a "
        "terminal and else JSON.",
    )
    otel_exporter_otlp_endpoint: str | None = Field(
        default=None,
        repr=False,
        description="A collector for traces, http://host:4318: they are off without one. The "
        "environment may have OpenTelemetry's other variables, too.",
    )
    otel_exporter_otlp_traces_endpoint: str | None = Field(
        default=None,
        repr=False,
        description="Or the whole URL that takes them, http://host:4318/v1/traces.",
    )
    otel_exporter_otlp_headers: SecretStr | None = Field(
        default=None,
        description="Headers that it wants to have, such as authorization=Bearer%20..., separated "
        "by commas.",
    )
    secrets_dir: Path | None = Field(
        default=None,
        description="A directory with a file for each setting that is set nowhere else, called "
        "like it, such as /run/secrets with auth_secret and database_url.",
    )
    auth_secret: SecretStr | None = Field(
        default=None,
        description="The secret that tokens are signed with (HS256), 32 bytes or more.",
    )
    auth_jwks: str | None = Field(
        default=None,
        repr=False,
        description="Or the public keys that they are signed with (RS256, ES256): a JWKS file, or "
        "a URL of one.",
    )
    metrics_token: SecretStr | None = Field(
        default=None,
        description="Who shows this as Bearer may read /metrics, beside admins; 32 bytes or more.",
    )
    auth_issuer: str = Field(default="boxoffice", description="Who issues the tokens: their `iss`.")
    auth_audience: str = Field(
        default="boxoffice", description="Whom the tokens are for: their `aud`."
    )
    allowed_origins: str = Field(
        default="",
        description="Origins whose pages may ask, beside our own: https://shop.example, separated "
        "by commas. For HTTP (CORS) and WebSockets.",
    )
    introspection: bool = Field(
        default=True, description="False refuses introspection, and shows no explorer."
    )
    trusted_documents: Path | None = Field(
        default=None,
        description="A directory of .graphql files, read at the start: whatever else is asked for "
        "is refused, also to admins, and there is no explorer. Clients may send a document's "
        "SHA-256 instead, as Apollo's do.",
    )
    rate_limit_reads: str = Field(
        default="600/minute",
        description="How many operations that read one client may ask for: a token's subject, or a "
        "visitor's address. Each process counts for itself, unless there is REDIS_URL.",
    )
    rate_limit_bookings: str = Field(
        default="60/minute",
        description="How many mutations one client may ask for; each field counts.",
    )
    rate_limit_logins: str = Field(
        default="10/minute",
        description="How many log-ins may fail from one address. Who is right goes on.",
    )
    redis_url: SecretStr | None = Field(
        default=None,
        description="Redis to count the rate limits in, so that they hold for all processes and "
        "machines together: redis://user:password@host:6379/0, rediss:// for TLS.",
    )
    trusted_proxies: str = Field(
        default="",
        description="Addresses or networks of the proxies whose X-Forwarded-For is believed, "
        "separated by commas: 10.0.0.0/8.",
    )
    max_pending_seats: int = Field(
        default=20,
        ge=1,
        le=100_000,
        description="How many seats of a show one customer may hold PENDING at once, unless the "
        "show says otherwise.",
    )

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Where settings come from, the first that has one first."""
        sources = init_settings, env_settings, dotenv_settings
        named = next(filter(None, (source().get("secrets_dir") for source in sources)), None)
        return (*sources, SecretFiles(settings_cls, _in_project(named))) if named else sources

    @property
    def open_to_all(self) -> bool:
        """Whether there is no access control: everybody is admin."""
        return self.auth_secret is None and self.auth_jwks is None

    @property
    def traces_url(self) -> str | None:
        """Where traces are sent to; None where they are off."""
        base = self.otel_exporter_otlp_endpoint
        return self.otel_exporter_otlp_traces_endpoint or (base and f"{base.rstrip('/')}/v1/traces")

    @property
    def origins(self) -> list[str]:
        """The allowed origins, as browsers write them."""
        origins = (origin.strip().lower() for origin in self.allowed_origins.split(","))
        return [origin for origin in origins if origin]

    @property
    def proxies(self) -> list[IPv4Network | IPv6Network]:
        """The networks of the trusted proxies."""
        return [
            ip_network(part.strip()) for part in self.trusted_proxies.split(",") if part.strip()
        ]

    @property
    def secrets(self) -> list[str]:
        """What nobody may read in a log: secrets, and the passwords of URLs as they are written."""
        values = [getattr(self, name) for name in type(self).model_fields]
        secrets = [value.get_secret_value() for value in values if isinstance(value, SecretStr)]
        texts = [value for value in values if isinstance(value, str)]
        return [*secrets, *filter(None, map(_password, [*secrets, *texts]))]

    @field_validator("rate_limit_reads", "rate_limit_bookings", "rate_limit_logins")
    @classmethod
    def _refuse_no_rate(cls, text: str) -> str:
        try:
            parse(text)
        except ValueError:
            raise ValueError("must be a rate such as 600/minute") from None
        return text

    @field_validator("redis_url")
    @classmethod
    def _refuse_no_redis(cls, url: SecretStr | None) -> SecretStr | None:
        if url is not None and not _is_redis_url(url.get_secret_value()):
            raise ValueError("must be redis://user:password@host:6379/0, rediss:// or unix://")
        return url

    @field_validator("otel_exporter_otlp_endpoint", "otel_exporter_otlp_traces_endpoint")
    @classmethod
    def _refuse_no_collector(cls, url: str | None) -> str | None:
        if url is not None and not re.match(r"https?://[^/]", url):
            raise ValueError("must be a URL such as http://host:4318")
        return url

    @field_validator("trusted_proxies")
    @classmethod
    def _refuse_no_networks(cls, text: str) -> str:
        try:
            for part in filter(None, (part.strip() for part in text.split(","))):
                ip_network(part)
        except ValueError:
            raise ValueError("must be addresses or networks such as 10.0.0.0/8") from None
        return text

    @field_validator("allowed_origins")
    @classmethod
    def _refuse_no_origins(cls, text: str) -> str:
        for origin in filter(None, (part.strip() for part in text.split(","))):
            if not ORIGIN.fullmatch(origin):
                raise ValueError("must be origins such as https://shop.example, without a path")
        return text

    @field_validator("auth_secret", "metrics_token")
    @classmethod
    def _refuse_short(cls, secret: SecretStr | None) -> SecretStr | None:
        if secret is not None and len(secret.get_secret_value().encode()) < LEAST_SECRET_BYTES:
            raise ValueError(f"must have {LEAST_SECRET_BYTES} bytes or more")
        return secret

    @model_validator(mode="after")
    def _refuse_ambiguous(self) -> "Settings":
        if self.auth_secret is not None and self.auth_jwks is not None:
            raise ValueError("AUTH_SECRET: set it or AUTH_JWKS, not both")
        if self.auth_jwks and not {"auth_issuer", "auth_audience"} <= self.model_fields_set:
            raise ValueError("AUTH_JWKS: set AUTH_ISSUER and AUTH_AUDIENCE, too")
        return self

    @field_validator("data_dir", "trusted_documents", "secrets_dir")
    @classmethod
    def _resolve(cls, path: Path | None) -> Path | None:
        return path and _in_project(path)

    @field_validator("database_url")
    @classmethod
    def _refuse_malformed(cls, url: str | None) -> str | None:
        if url is not None and not _is_database_url(url):
            raise ValueError(
                "must be postgresql://user:password@host:port/database, "
                "with special characters in user and password percent-encoded (@ is %40, / is %2F)"
            )
        return url


def explain(error: ValidationError | SettingsError) -> str:
    """Say which settings are unusable and why, a line each, never quoting a value."""
    if isinstance(error, SettingsError):
        return f"SECRETS_DIR: {error}"
    lines = []
    for detail in error.errors(include_input=False):
        field = f"{str(detail['loc'][0]).upper()}: " if detail["loc"] else ""
        lines.append(f"{field}{detail['msg'].removeprefix('Value error, ')}")
    return "\n".join(lines)


def without_password(message: str, url: str | None) -> str:
    """What somebody may see of a message about the database at a URL."""
    password = conninfo_to_dict(url or "").get("password")
    return message.replace(str(password), "***") if password else message


def _in_project(path: str | Path) -> Path:
    """Relative paths start in the project."""
    return (PROJECT / Path(path).expanduser()).resolve()


def _password(url: str) -> str | None:
    try:
        return urlsplit(url).password
    except ValueError:
        return None


def _is_redis_url(url: str) -> bool:
    try:
        parts = urlsplit(url)
        place = parts.path if parts.scheme == "unix" else parts.hostname
        return parts.scheme in ("redis", "rediss", "unix") and bool(place) and parts.port != 0
    except ValueError:
        return False


def _is_database_url(url: str) -> bool:
    """Tell whether libpq reads the URL as we do.

    A password with a bare @, : or / would be cut in two, and its second half quoted in libpq's
    error as a host or a port.
    """
    try:
        parts = urlsplit(url)
        hosts = parts.netloc.rpartition("@")[2].split(",")
        ports = [urlsplit(f"//{host}").port for host in hosts]
    except ValueError:
        return False
    secret_is_whole = parts.netloc.count("@") <= 1 and "@" not in parts.path and not parts.fragment
    return parts.scheme in ("postgresql", "postgres") and secret_is_whole and 0 not in ports
