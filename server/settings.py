"""Every setting of a service process: its environment variable, its default and its unit.

Read once, at start; nothing else in a service reads the environment. Some defaults differ from
service to service: see `server/services.py`.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

from server import secret_files
from server.services import SERVICES, callers_of, named


class SettingsError(Exception):
    """A variable is missing or unusable; the message names it and what it may hold."""


TOKEN_SECONDS_MAX = 86_400
"""The longest life of an access token; one that claims more is refused."""
SERVICE_TOKEN_SECONDS_MAX = 3_600
"""The longest life of a token that a service makes for its neighbours."""
SESSION_SECONDS_MAX = 31_536_000
"""The longest that a session may last, and may wait for its next use: a year."""

SECRETS = ("DATABASE_URL", "MONGODB_URI", "SMTP_URL", "SANDBOX_SECRET")
"""Settings that hold secrets; each may stand in the file that `<NAME>_FILE` names instead."""
_SCHEMES = {
    "DATABASE_URL": ("postgresql://", "postgres://"),
    "MONGODB_URI": ("mongodb://", "mongodb+srv://"),
    "SMTP_URL": ("smtp://", "smtps://"),
    **dict.fromkeys(("SHOP_URL", "SANDBOX_URL"), ("https://", "http://")),
}
_RANGES = {
    "TOKEN_SECONDS": (1, TOKEN_SECONDS_MAX),
    "SERVICE_TOKEN_SECONDS": (1, SERVICE_TOKEN_SECONDS_MAX),
    **dict.fromkeys(("SESSION_SECONDS", "SESSION_LIFETIME_SECONDS"), (1, SESSION_SECONDS_MAX)),
    **dict.fromkeys(("GRPC_PORT", "OWN_PORT", "METRICS_PORT"), (0, 65_535)),
    "BCRYPT_COST": (4, 31),
    "BCRYPT_THREADS": (1, 64),
    **dict.fromkeys(("LOGIN_FAILURES_MAX", "ADDRESS_FAILURES_MAX"), (1, 1_000_000)),
    "AUDIT_RETENTION_DAYS": (30, 36_500),
    "POOL_SIZE_MIN": (0, 1_000),
    "POOL_SIZE_MAX": (1, 1_000),
}
_SECONDS = (0, 86_400)
# What may stand where a value could not be read, which is never repeated: it may be secret.
_KINDS: dict[Any, str] = {bool: "true or false", int: "a whole number", float: "a number"}

Targets = Mapping[str, str]  # service to gRPC target
GuardedRoles = frozenset[Literal["staff", "admin"]]


def _on_loopback() -> Targets:
    return {each.name: f"dns:///127.0.0.1:{each.port}" for each in SERVICES}


@dataclass(frozen=True, kw_only=True)
class Server:
    """The gRPC listener, what it shows of itself and asks of callers, and how it ends."""

    grpc_host: str = "127.0.0.1"
    grpc_port: int = 0  # 0: any free one; the table has a default for each service
    reuse_port: bool = False  # several processes on one port; only `emporium up --workers` sets it
    # Also listens here, this process alone, for load balancers that know each process.
    own_port: int = 0
    metrics_port: int = 9464  # 0: none
    deadline_seconds: float = 10.0  # for a call that has none of its own
    drain_seconds: float = 3.0  # between NOT_SERVING and the last accepted call
    grace_seconds: float = 10.0  # for calls in flight, after that
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    # TLS, by files in PEM that are read again when they change: what the listener shows, and calls
    # to neighbours, which must name the service (`user`);
    tls_certificate_file: str = ""
    tls_key_file: str = ""
    # whose certificates neighbours must have, which are called over TLS then;
    tls_ca_file: str = ""
    # whose certificates callers must show, and the names of which these must have one.
    tls_client_ca_file: str = ""
    tls_client_names: str = ""  # with spaces between; the table of services has a default


@dataclass(frozen=True, kw_only=True)
class Postgres:
    """This service's own database, as a role without DDL rights."""

    database_url: str = ""
    pool_size_min: int = 2
    pool_size_max: int = 10
    acquire_timeout_seconds: float = 2.0
    command_timeout_seconds: float = 5.0
    connect_timeout_seconds: float = 20.0  # how long to keep trying at start


@dataclass(frozen=True, kw_only=True)
class Mongo:
    """This service's own MongoDB database."""

    mongodb_uri: str = ""
    mongodb_database: str = ""  # the table has a default for each service
    mongodb_driver: Literal["pymongo", "motor"] = "pymongo"
    mongodb_timeout_seconds: float = 5.0  # for one operation, retries included
    mongodb_connect_timeout_seconds: float = 20.0  # how long to keep trying at start


@dataclass(frozen=True, kw_only=True)
class Tokens:
    """The keys of tokens, to verify and to sign with, and what a login takes."""

    # Private keys are JWKs with their `kid`.
    jwks_file: Path = Path("jwks.json")
    signing_key_file: Path = Path("signing-key.json")  # for the tokens of accounts
    token_seconds: int = 600  # from 1 to `TOKEN_SECONDS_MAX`
    secret_file: Path = Path("secret.json")  # what outlives keys: sessions, page tokens, links
    service_key_file: Path = Path("service-key.json")  # for this service's calls to neighbours
    service_token_seconds: int = 300  # of the tokens for neighbours; to `SERVICE_TOKEN_SECONDS_MAX`
    session_seconds: int = 2_592_000  # after its last use a session ends; to `SESSION_SECONDS_MAX`
    session_lifetime_seconds: int = 7_776_000  # after it began, however it is used; likewise
    bcrypt_cost: int = 12
    bcrypt_threads: int = 2
    # So many attempts may fail within the seconds from the first: logins of an e-mail, from a
    # device, or of somebody who is signed in; and logins from an address.
    login_failures_max: int = 10
    address_failures_max: int = 50
    login_failures_seconds: float = 900.0
    totp_issuer: str = "Emporium"  # as authenticator apps show the shop
    totp_required_roles: GuardedRoles = frozenset()  # that nobody has without a second factor


@dataclass(frozen=True, kw_only=True)
class Mail:
    """How mails are sent, and what stands in them."""

    smtp_url: str = ""  # with user and password; empty: mails go to the folder
    smtp_starttls: bool = True  # `smtp://` becomes TLS before anything is said
    smtp_timeout_seconds: float = 3.0  # for each step; the whole has less than 7
    mailbox_folder: Path = Path("mailbox")
    mail_from: str = "Emporium <no-reply@localhost>"
    shop_url: str = ""  # of the pages that links lead to; without, mails name the call to make
    # How long a link is good; one to the first password of one's own as one to an e-mail.
    password_reset_seconds: float = 1_800.0
    email_verification_seconds: float = 86_400.0


@dataclass(frozen=True, kw_only=True)
class Audit:
    """How long the audit log goes back."""

    audit_retention_days: int = 365  # from 30, which the database keeps whatever is asked


@dataclass(frozen=True, kw_only=True)
class Neighbours:
    """Where the other services are."""

    # `NAME=TARGET`, several with spaces between them; a service that is left out is on loopback.
    neighbour_targets: Targets = field(default_factory=_on_loopback)
    user_cache_seconds: float = 5.0


@dataclass(frozen=True, kw_only=True)
class Shop:
    """The business's own choices."""

    shop_currency: str = "GBP"  # ISO 4217
    unpaid_order_hours: float = 24.0  # a new order may be, then it is cancelled; 0: for ever
    sandbox_url: str = ""  # of the payment provider; empty: the shop takes no payments
    sandbox_secret: str = ""  # its notices are signed with; empty: none is believed
    payment_timeout_seconds: float = 5.0  # for its answer; what is lost then is asked for later
    return_days: float = 30.0  # after an order was delivered its buyer may return it; 0: never


@dataclass(frozen=True, kw_only=True)
class Settings:
    """All settings, grouped by concern."""

    server: Server = field(default_factory=Server)
    postgres: Postgres = field(default_factory=Postgres)
    mongo: Mongo = field(default_factory=Mongo)
    tokens: Tokens = field(default_factory=Tokens)
    mail: Mail = field(default_factory=Mail)
    audit: Audit = field(default_factory=Audit)
    neighbours: Neighbours = field(default_factory=Neighbours)
    shop: Shop = field(default_factory=Shop)


def variables() -> frozenset[str]:
    """The name of every variable that a service process reads."""
    groups: Any = (group.type for group in fields(Settings))
    settings = {setting.name.upper() for group in groups for setting in fields(group)}
    return frozenset(settings | {f"{name}{secret_files.SUFFIX}" for name in SECRETS})


def require_url(variable: str, text: str) -> None:
    """Refuses what cannot be a URL for `variable`, without repeating it: it may hold a password.

    Raises `SettingsError`.
    """
    schemes = _SCHEMES[variable]
    if text and not text.startswith(schemes):
        raise SettingsError(f"{variable} must begin with {' or '.join(schemes)}")


def from_environment(service: str) -> Settings:
    """The settings of this process, which runs `service`. Raises `SettingsError`."""
    row = named(service)
    defaults = {
        "GRPC_PORT": str(row.port),
        "MONGODB_DATABASE": row.mongo,
        "TLS_CLIENT_NAMES": " ".join(callers_of(row)),
    }
    return read(defaults | os.environ)


def warnings() -> list[str]:
    """What is amiss with the files of secrets and keys, and keeps this process from nothing."""
    return secret_files.warnings(os.environ, (*SECRETS, "SIGNING_KEY", "TLS_KEY"))


def read(environment: Mapping[str, str]) -> Settings:
    """The settings that `environment` describes: `GRPC_PORT` sets `server.grpc_port`, and so on.

    Raises `SettingsError` naming the variable and what it may hold, and never what it holds.
    """
    try:
        environment = secret_files.revealed(environment, SECRETS)
    except secret_files.SecretFileError as error:
        raise SettingsError(str(error)) from None
    return Settings(
        **{concern.name: _read_concern(concern.type, environment) for concern in fields(Settings)}
    )


def _read_concern(concern: Any, environment: Mapping[str, str]) -> Any:
    # Imported late: the supervisor of a cluster wants the names alone.
    from msgspec import ValidationError

    values = {}
    for setting in (each for each in fields(concern) if each.name.upper() in environment):
        variable = setting.name.upper()
        if variable in _SCHEMES:
            require_url(variable, environment[variable])
        try:
            values[setting.name] = _convert(environment[variable], setting.type)
            _require_range(variable, values[setting.name])
        except (ValidationError, ValueError):
            # Without its cause, whose text holds the value.
            raise SettingsError(f"{variable} must be {_wanted(variable, setting.type)}") from None
    return concern(**values)


def _wanted(variable: str, kind: Any) -> str:
    """What `variable` may hold, for a person."""
    if kind is Targets:
        names = ", ".join(_on_loopback())
        return f"NAME=TARGET, several with spaces between them, where NAME is one of {names}"
    if kind is GuardedRoles:
        return "staff, admin, or both with a space between them"
    if get_origin(kind) is Literal:
        return f"one of {', '.join(get_args(kind))}"
    limits = _range(variable, kind)
    return _KINDS[kind] + (f" from {limits[0]} to {limits[1]}" if limits else "")


def _convert(text: str, wanted: Any) -> Any:
    import msgspec

    if wanted is Targets:
        return {**_on_loopback(), **dict(_target(each) for each in text.split())}
    if wanted is GuardedRoles:
        return msgspec.convert(text.lower().split(), wanted)
    if get_origin(wanted) is Literal:
        text = text.strip().lower()
    return msgspec.convert(text, wanted, strict=False, dec_hook=_decode)


def _range(variable: str, kind: Any) -> tuple[int, int] | None:
    return _RANGES.get(variable, _SECONDS if kind is float else None)


def _require_range(variable: str, value: Any) -> None:
    limits = _range(variable, type(value))
    if limits and not limits[0] <= value <= limits[1]:
        raise ValueError


def _target(text: str) -> tuple[str, str]:
    name, _, target = text.partition("=")
    if name not in _on_loopback() or not target:
        raise ValueError
    return name, target


def _decode(wanted: type, value: Any) -> Any:
    if wanted is Path:
        return Path(value)
    raise ValueError(f"no way to read a {wanted.__name__}")
