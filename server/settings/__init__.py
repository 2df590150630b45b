"""Every setting of a service process: its environment variable, its default and its unit.

Read once, at start; nothing else in a service reads the environment.
"""

from server.settings.concerns import (
    SECRETS,
    SERVICE_TOKEN_SECONDS_MAX,
    SESSION_SECONDS_MAX,
    TOKEN_SECONDS_MAX,
    Audit,
    GuardedRoles,
    Mail,
    Mongo,
    Neighbours,
    Postgres,
    Server,
    Settings,
    SettingsError,
    Shop,
    Targets,
    Tokens,
)
from server.settings.reading import from_environment, read, require_url, variables, warnings

__all__ = [
    "SECRETS",
    "SERVICE_TOKEN_SECONDS_MAX",
    "SESSION_SECONDS_MAX",
    "TOKEN_SECONDS_MAX",
    "Audit",
    "GuardedRoles",
    "Mail",
    "Mongo",
    "Neighbours",
    "Postgres",
    "Server",
    "Settings",
    "SettingsError",
    "Shop",
    "Targets",
    "Tokens",
    "from_environment",
    "read",
    "require_url",
    "variables",
    "warnings",
]
