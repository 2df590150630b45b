"""The environment of a service process, and what it must not hold."""

from pathlib import Path

import pytest

from server.cli import options as shared
from server.local.environment import service_environment
from server.local.home import keys
from server.local.home.credentials import owner_mongodb_uri, service_mongodb_uri
from server.local.home.folder import Home, write_private
from server.local.home.plan import plan
from server.local.options import ClusterOptions
from server.services import SERVICES, Service

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


def environment(service: Service, home: Home) -> dict[str, str]:
    options = ClusterOptions(home=home.directory, edge_port=0)
    home.keys.mkdir(exist_ok=True)
    write_private(keys.sandbox_secret_file(home), {"secret": "of the sandbox"})
    return service_environment(
        service,
        service.name,
        options=options,
        ports=plan(options.edge_port),
        home=home,
        admin_dsn=ADMIN,
        mongodb_uri="mongodb://admin:hunter2@127.0.0.1:1/?replicaSet=rs0",
        own_mongo=True,
    )


def test_a_service_inherits_what_tunes_it_and_no_secret_of_the_supervisor(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in SECRETS:
        monkeypatch.setenv(name, "hunter2")
    monkeypatch.setenv("TOKEN_SECONDS", "60")
    for service in SERVICES:
        given = environment(service, Home.at(tmp_path))
        assert "hunter2" not in given.values()
        assert given["TOKEN_SECONDS"] == "60"


def test_parts_on_loopback_share_no_certificate_that_is_meant_for_one_service(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TLS_CERTIFICATE_FILE", "/tls/user.crt")
    for service in SERVICES:
        given = environment(service, Home.at(tmp_path))
        assert not [name for name in given if name.startswith("TLS_")]


def test_a_service_gets_access_to_its_own_databases_alone(tmp_path: Path) -> None:
    home = Home.at(tmp_path)
    user, order, analytics = (environment(service, home) for service in SERVICES)
    assert user["DATABASE_URL"].startswith("postgresql://emporium_user:")
    assert user["MONGODB_URI"].startswith("mongodb://emporium_user:")
    assert "MONGODB_URI" not in order
    assert "DATABASE_URL" not in analytics
    assert analytics["MONGODB_URI"].startswith("mongodb://emporium_analytics:")
    assert analytics["MONGODB_URI"].endswith("/emporium_analytics?replicaSet=rs0")
    assert "SIGNING_KEY_FILE" in user
    assert "SIGNING_KEY_FILE" not in order | analytics
    own = [Path(each["SERVICE_KEY_FILE"]).name for each in (user, order, analytics)]
    assert own == ["service-user.json", "service-order.json", "service-analytics.json"]


def test_a_services_user_in_mongodb_is_looked_for_where_it_is_made(tmp_path: Path) -> None:
    """In the service's own database, wherever the admin is."""
    admin = "mongodb://admin:hunter2@a:1,b:2/?authSource=admin&tls=true&authsource=admin"
    for uri_of in (service_mongodb_uri, owner_mongodb_uri):
        uri = uri_of(admin, SERVICES[0], Home.at(tmp_path))
        assert uri.endswith("@a:1,b:2/emporium_user?tls=true")


def test_a_service_gets_the_addresses_of_its_neighbours_alone(tmp_path: Path) -> None:
    for service in SERVICES:
        given = environment(service, Home.at(tmp_path))["NEIGHBOUR_TARGETS"]
        named = [each.partition("=")[0] for each in given.split()]
        assert named == list(service.neighbours)


def test_only_who_sends_mails_knows_how_and_into_which_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SMTP_URL", "smtps://ann:hunter2@mail")
    given = {service.name: environment(service, Home.at(tmp_path)) for service in SERVICES}
    assert [name for name, told in given.items() if "SMTP_URL" in told] == ["user", "order"]
    for name in ("user", "order"):
        assert given[name]["MAILBOX_FOLDER"] == str(Home.at(tmp_path).mailbox)
