"""How to sign in to a service's databases, with the passwords that a home keeps."""

from urllib.parse import urlsplit, urlunsplit

from server.kit.dsn import dsn
from server.local.home.folder import Home
from server.services import Service


def owner_dsn(admin_dsn: str, service: Service, home: Home) -> str:
    """Connects to a service's PostgreSQL database as the role that migrates it."""
    return dsn(admin_dsn, service.owner, home.secret(service.owner), service.postgres)


def service_dsn(admin_dsn: str, service: Service, home: Home) -> str:
    """Connects to a service's PostgreSQL database as the service does."""
    return dsn(admin_dsn, service.postgres, home.secret(service.postgres), service.postgres)


def owner_mongodb_uri(admin_uri: str, service: Service, home: Home) -> str:
    """Connects to a service's MongoDB database as the user that migrates it."""
    password = mongo_owner_password(service, home)
    return dsn(_without_source(admin_uri), service.mongo_owner, password, service.mongo)


def service_mongodb_uri(admin_uri: str, service: Service, home: Home) -> str:
    """Connects to a service's MongoDB database as the service does."""
    password = mongo_password(service, home)
    return dsn(_without_source(admin_uri), service.mongo, password, service.mongo)


def mongo_owner_password(service: Service, home: Home) -> str:
    """The password of the user that migrates a service's MongoDB database."""
    return home.secret(f"{service.mongo_owner}_mongo")


def mongo_password(service: Service, home: Home) -> str:
    """The password of a service's user in MongoDB."""
    return home.secret(mongo_secret(service))


def mongo_secret(service: Service) -> str:
    """The name under which a home keeps that password."""
    return f"{service.mongo}_mongo"


def _without_source(admin_uri: str) -> str:
    """The URI without where its admin is found: our users are in the databases they are for."""
    parts = urlsplit(admin_uri)
    options = parts.query.split("&")
    kept = [each for each in options if not each.lower().startswith("authsource=")]
    return urlunsplit(parts._replace(query="&".join(kept)))
