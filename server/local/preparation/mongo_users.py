"""The two users of a service in MongoDB: one that migrates its database, and the service's own."""

from collections.abc import Sequence
from typing import Any

from pymongo import AsyncMongoClient

from server.kit.mongo.lock import LOCKS
from server.kit.mongo.migrate import STEPS
from server.local.home.credentials import mongo_owner_password, mongo_password
from server.local.home.folder import Home
from server.services import Service

OWNER_ROLES = ["readWrite", "dbAdmin"]
SERVICE_ROLE = "rows"
SERVICE_ACTIONS = ["find", "insert", "update", "remove"]
# What migrations keep for themselves.
OF_MIGRATIONS = {STEPS, LOCKS}
# SCRAM-SHA-1, the other one of MongoDB, would be allowed by default.
MECHANISMS = ["SCRAM-SHA-256"]
Client = AsyncMongoClient[dict[str, Any]]


async def ensure_owner(client: Client, service: Service, home: Home) -> None:
    """Makes the user that migrates the service's database what it should be. Repeatable.

    It changes collections, indexes, validators and documents of this database, and neither users
    nor other databases. `client` is an admin's.
    """
    password = mongo_owner_password(service, home)
    await _ensure(client[service.mongo], service.mongo_owner, password, OWNER_ROLES)


async def ensure_service(client: Client, service: Service, home: Home) -> None:
    """Makes the service's own user what it should be, once the schema is. Repeatable.

    It reads and writes documents of the collections that are there. The privilege is for each
    collection by name: in MongoDB who may insert into any collection of a database may make one.
    """
    database = client[service.mongo]
    names = {*await database.list_collection_names()} - OF_MIGRATIONS
    allowed = [
        {"resource": {"db": service.mongo, "collection": name}, "actions": SERVICE_ACTIONS}
        for name in sorted(names)
    ]
    known = (await database.command("rolesInfo", SERVICE_ROLE))["roles"]
    verb = "updateRole" if known else "createRole"
    await database.command(verb, SERVICE_ROLE, privileges=allowed, roles=[])
    await _ensure(database, service.mongo, mongo_password(service, home), [SERVICE_ROLE])


async def _ensure(database: Any, user: str, password: str, roles: Sequence[str]) -> None:
    known = (await database.command("usersInfo", user))["users"]
    verb = "updateUser" if known else "createUser"
    await database.command(verb, user, pwd=password, roles=roles, mechanisms=MECHANISMS)
