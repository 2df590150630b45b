"""The services' own roles in our MongoDB."""

from typing import Any

from pymongo import AsyncMongoClient

from server.local.home.credentials import mongo_password
from server.local.home.folder import Home
from server.services import Service

ROLE = "rows"
ACTIONS = ["find", "insert", "update", "remove", "changeStream", "listCollections", "listIndexes"]


async def ensure(admin_uri: str, service: Service, home: Home) -> None:
    """Makes a service's role what it should be. Repeatable.

    It reads and writes documents of the service's own database. It may not change collections,
    indexes and validators, which migrations do as the admin, nor see other databases.
    """
    user, password = service.mongo, mongo_password(service, home)
    allowed = [{"resource": {"db": service.mongo, "collection": ""}, "actions": ACTIONS}]
    async with AsyncMongoClient[dict[str, Any]](admin_uri) as client:
        database = client[service.mongo]
        known = (await database.command("rolesInfo", ROLE))["roles"]
        verb = "updateRole" if known else "createRole"
        await database.command(verb, ROLE, privileges=allowed, roles=[])
        known = (await database.command("usersInfo", user))["users"]
        verb = "updateUser" if known else "createUser"
        await database.command(verb, user, pwd=password, roles=[ROLE])
