"""The services' own roles in our MongoDB."""

from typing import Any

from pymongo import AsyncMongoClient

from server.local.home.credentials import mongo_password
from server.local.home.folder import Home
from server.services import SERVICES, Service

ROLE = "rows"
ACTIONS = ["find", "insert", "update", "remove", "changeStream", "listCollections", "listIndexes"]
Client = AsyncMongoClient[dict[str, Any]]


async def ensure_all(admin_uri: str, home: Home) -> None:
    """Makes the role of each service that has a MongoDB database what it should be. Repeatable.

    A role reads and writes documents of its service's own database. It may not change collections,
    indexes and validators, which migrations do as the admin, nor see other databases.
    """
    async with Client(admin_uri) as client:
        for service in SERVICES:
            if service.mongo:
                await _ensure(client, service, mongo_password(service, home))


async def _ensure(client: Client, service: Service, password: str) -> None:
    user = service.mongo
    allowed = [{"resource": {"db": service.mongo, "collection": ""}, "actions": ACTIONS}]
    database = client[service.mongo]
    known = (await database.command("rolesInfo", ROLE))["roles"]
    verb = "updateRole" if known else "createRole"
    await database.command(verb, ROLE, privileges=allowed, roles=[])
    known = (await database.command("usersInfo", user))["users"]
    verb = "updateUser" if known else "createUser"
    await database.command(verb, user, pwd=password, roles=[ROLE])
