"""What a service's process is told, and what is kept from it."""

from pathlib import Path

import pytest

from server.cli import options as shared
from server.local.environment import service_environment
from server.local.home import Home
from server.local.options import ClusterOptions
from server.local.plan import plan

ADMIN = shared.admin_url("", "db", 5432, "post/gres", "a/b@c:d#e")
SECRETS = (
    "DATABASE_URL",
    "MONGODB_URI",
    "POSTGRES_PASSWORD",
    "PGPASSWORD",
    "USER_DATABASE_PASSWORD",
    "ORDER_DATABASE_PASSWORD",
    "CLOUD_SECRET_ACCESS_KEY",
    "DEPLOY_TOKEN",
)


def environment(service: str, home: Home) -> dict[str, str]:
    options = ClusterOptions(home=home.directory, edge_port=0)
    return service_environment(
        service,
        service,
        options=options,
        ports=plan(options),
        home=home,
        admin_dsn=ADMIN,
        mongodb_uri="mongodb://analytics",
    )


def test_a_service_inherits_what_tunes_it_and_no_secret_of_the_supervisor(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in SECRETS:
        monkeypatch.setenv(name, "hunter2")
    monkeypatch.setenv("TOKEN_SECONDS", "60")
    for service in ("user", "order", "analytics"):
        told = environment(service, Home.at(tmp_path))
        assert "hunter2" not in told.values()
        assert told["TOKEN_SECONDS"] == "60"


def test_a_service_is_given_its_own_ways_into_databases_alone(tmp_path: Path) -> None:
    home = Home.at(tmp_path)
    user, analytics = environment("user", home), environment("analytics", home)
    assert user["DATABASE_URL"].startswith("postgresql://emporium_user:")
    assert "MONGODB_URI" not in user
    assert "DATABASE_URL" not in analytics
    assert analytics["MONGODB_URI"] == "mongodb://analytics"
    assert "SIGNING_KEY_FILE" not in analytics
