"""Reads settings from the environment."""

import os
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

from server import secret_files
from server.services import callers_of, named
from server.settings.concerns import (
    SECRETS,
    SERVICE_TOKEN_SECONDS_MAX,
    SESSION_SECONDS_MAX,
    TOKEN_SECONDS_MAX,
    GuardedRoles,
    Settings,
    SettingsError,
    Targets,
    on_loopback,
)

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
    for setting in fields(concern):
        variable = setting.name.upper()
        if variable not in environment:
            continue
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
        names = ", ".join(on_loopback())
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
        return {**on_loopback(), **dict(_target(each) for each in text.split())}
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
    if name not in on_loopback() or not target:
        raise ValueError
    return name, target


def _decode(wanted: type, value: Any) -> Any:
    if wanted is Path:
        return Path(value)
    raise ValueError(f"no way to read a {wanted.__name__}")
