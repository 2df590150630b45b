"""Every setting of a service process by its concern, with its default and its unit.

Some defaults differ from service to service: see `server/services.py`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from server.services import SERVICES


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

Targets = Mapping[str, str]  # service to gRPC target
GuardedRoles = frozenset[Literal["staff", "admin"]]


def on_loopback() -> Targets:
    """Where services are unless it is said otherwise."""
    return {each.name: f"dns:///127.0.0.1:{each.port}" for each in SERVICES}


@dataclass(frozen=True, kw_only=True)
class Server:
    """The gRPC listener, what it shows of itself and asks of callers, and how it ends."""

    grpc_host: str = "127.0.0.1"
    grpc_port: int = 0  # 0: any free one; the table has a default for each service
    reuse_port: bool = False  # several processes on one port; only `emporium up --workers` sets it
    own_port: int = 0  # also listens here, itself alone, for load balancers that know each process
    metrics_port: int = 9464  # 0: none
    deadline_seconds: float = 10.0  # for a call that has none of its own
    drain_seconds: float = 3.0  # between NOT_SERVING and the last accepted call
    grace_seconds: float = 10.0  # for calls in flight, after that
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    # TLS, by files in PEM that are read again when they change: what the listener shows, and calls
    # to neighbours, which must name the service (`user`);
    tls_certificate_file: str = ""
    tls_key_file: str = ""
    tls_ca_file: str = ""  # whose certificates neighbours must have, called over TLS then;
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
    order_mails: bool = True  # customers are written what becomes of their orders
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
    neighbour_targets: Targets = field(default_factory=on_loopback)
    user_cache_seconds: float = 5.0


@dataclass(frozen=True, kw_only=True)
class Shop:
    """The business's own choices."""

    shop_currency: str = "GBP"  # ISO 4217
    unpaid_order_hours: float = 24.0  # a new order may be, then it is cancelled; 0: for ever
    sandbox_url: str = ""  # of the payment provider; empty: the shop takes no payments
    sandbox_secret: str = ""  # its notices are signed with; empty: none is believed
    payment_timeout_seconds: float = 5.0  # for its answer; what is lost then is asked for later
    webhook_networks: str = ""  # private ones that may be posted to, as `10.1.0.0/16 fd00::/8`
    webhook_http: bool = False  # whether webhooks may be posted to without TLS
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
